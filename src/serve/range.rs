//! Byte ranges of media files (RFC 9110, section 14). Pure.
//!
//! # Why only one range?
//!
//! Players seek and downloads resume with one. A request for several gets the whole file, as the RFC allows, so that nobody can request the
//! same bytes hundreds of times.

use std::ops::Range;

use hyper::HeaderMap;
use hyper::header::{IF_RANGE, RANGE};
use jiff::Timestamp;

/// The requested part of a file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum RequestedRange {
    /// The whole file: no range, or one that isn't supported.
    Whole,
    /// These bytes.
    Bytes(Range<u64>),
    /// A range outside the file: 416.
    Unsatisfiable,
}

/// Parses the range of a request for a file of `length` bytes. If-Range never matches the file's weak tag. It matches the file's
/// date if that is equal and at least a minute old, which makes it a strong validator (RFC 9110, section 8.8.2.2).
pub(super) fn requested_range(
    headers: &HeaderMap,
    length: u64,
    last_modified: Option<Timestamp>,
    now: Timestamp,
) -> RequestedRange {
    let mut fields = headers.get_all(RANGE).iter();
    let (Some(field), None) = (fields.next(), fields.next()) else { return RequestedRange::Whole };
    if let Some(condition) = headers.get(IF_RANGE) {
        let date = condition.to_str().ok().and_then(|date| httpdate::parse_http_date(date).ok());
        let date = date.and_then(|date| Timestamp::try_from(date).ok()).map(Timestamp::as_second);
        let strong = last_modified.map(Timestamp::as_second).filter(|modified| modified + 60 <= now.as_second());
        if date.is_none() || date != strong {
            return RequestedRange::Whole;
        }
    }
    field.to_str().map_or(RequestedRange::Whole, |field| parse_range(field, length))
}

/// Parses `bytes=FIRST-LAST`, `bytes=FIRST-` or `bytes=-SUFFIX`.
fn parse_range(field: &str, length: u64) -> RequestedRange {
    let Some((unit, set)) = field.split_once('=') else { return RequestedRange::Whole };
    let Some((first, last)) = set.trim().split_once('-') else { return RequestedRange::Whole };
    let number = |text: &str| -> Option<Option<u64>> {
        match text.trim() {
            "" => Some(None),
            digits if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                Some(Some(digits.parse().unwrap_or(u64::MAX)))
            }
            _ => None,
        }
    };
    let (Some(first), Some(last)) = (number(first), number(last)) else { return RequestedRange::Whole };
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return RequestedRange::Whole;
    }
    let range = match (first, last) {
        (None, None) => return RequestedRange::Whole,
        (Some(first), Some(last)) if last < first => return RequestedRange::Whole,
        (Some(first), last) => first..last.map_or(length, |last| last.saturating_add(1)).min(length),
        (None, Some(suffix)) => length.saturating_sub(suffix)..length,
    };
    if range.is_empty() { RequestedRange::Unsatisfiable } else { RequestedRange::Bytes(range) }
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    #[test]
    fn single_range_is_honoured() {
        for (field, expected) in [
            ("bytes=0-0", RequestedRange::Bytes(0..1)),
            ("bytes=0-99", RequestedRange::Bytes(0..100)),
            ("bytes=10-", RequestedRange::Bytes(10..100)),
            ("bytes=-10", RequestedRange::Bytes(90..100)),
            ("bytes=-1000", RequestedRange::Bytes(0..100)),
            ("bytes=50-1000", RequestedRange::Bytes(50..100)),
            ("Bytes = 5 - 6", RequestedRange::Bytes(5..7)),
            ("bytes=99-99999999999999999999999", RequestedRange::Bytes(99..100)),
            ("bytes=100-", RequestedRange::Unsatisfiable),
            ("bytes=-0", RequestedRange::Unsatisfiable),
            ("bytes=99999999999999999999999-", RequestedRange::Unsatisfiable),
            ("bytes=5-4", RequestedRange::Whole),
            ("bytes=0-1,4-5", RequestedRange::Whole),
            ("bytes=0-0,0-0,0-0,0-0", RequestedRange::Whole),
            ("bytes=-", RequestedRange::Whole),
            ("bytes=a-b", RequestedRange::Whole),
            ("bytes=+1-2", RequestedRange::Whole),
            ("lines=1-2", RequestedRange::Whole),
            ("bytes", RequestedRange::Whole),
            ("", RequestedRange::Whole),
        ] {
            assert_eq!(parse_range(field, 100), expected, "{field}");
        }
        assert_eq!(parse_range("bytes=0-", 0), RequestedRange::Unsatisfiable);
    }

    #[test]
    fn if_range_requires_exact_date() {
        let now: Timestamp = "2026-11-23T12:00:00Z".parse().unwrap();
        let old: Timestamp = "2026-11-23T11:00:00Z".parse().unwrap();
        for (condition, modified, honoured) in [
            ("Mon, 23 Nov 2026 11:00:00 GMT", Some(old), true),
            ("Mon, 23 Nov 2026 11:00:01 GMT", Some(old), false),
            ("W/\"x\"", Some(old), false),
            ("\"x\"", Some(old), false),
            ("Mon, 23 Nov 2026 11:59:59 GMT", Some("2026-11-23T11:59:59Z".parse().unwrap()), false),
            ("Mon, 23 Nov 2026 11:00:00 GMT", None, false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(RANGE, HeaderValue::from_static("bytes=0-1"));
            headers.insert(IF_RANGE, HeaderValue::from_str(condition).unwrap());
            let part = requested_range(&headers, 10, modified, now);
            assert_eq!(part == RequestedRange::Bytes(0..2), honoured, "{condition}");
        }
    }
}
