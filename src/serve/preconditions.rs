//! Preconditions of requests (RFC 9110, section 13). Pure.
//!
//! # Why does only the selected representation's tag match?
//!
//! A 304 must carry the tag that the 200 would have (section 15.4.5), and a cache updates only a stored response with that tag (RFC 9111,
//! section 4.3.4). A client that stored gzip and now asks for identity gets a 200 once, and 304s from then on.

use std::time::UNIX_EPOCH;

use hyper::HeaderMap;
use hyper::header::{HeaderName, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_UNMODIFIED_SINCE};
use jiff::Timestamp;

/// The validators of the selected representation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Validators<'a> {
    /// The opaque part of its entity tag, quotes included: `"xyzzy"`.
    pub tag: &'a [u8],
    /// Whether the tag is weak. `If-Match` never matches a weak tag.
    pub is_weak: bool,
    /// Its Last-Modified, if one is sent. Fractions of a second are ignored.
    pub last_modified: Option<Timestamp>,
}

/// The result of evaluating preconditions for GET or HEAD of an existing resource.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// Perform the method.
    Proceed,
    /// 304: the client's copy is current.
    NotModified,
    /// 412: the client requires another version.
    PreconditionFailed,
}

/// Evaluates preconditions in the order of RFC 9110, section 13.2.2:
///
/// 1. `If-Match` (strong comparison): no match, 412; else continue with 3.
/// 2. Without it, `If-Unmodified-Since`: modified later, 412.
/// 3. `If-None-Match` (weak comparison): match, 304; else proceed.
/// 4. Without it, `If-Modified-Since`: not modified later, 304.
/// 5. `If-Range` is evaluated with ranges (`range`).
/// 6. Else proceed.
///
/// Invalid or repeated dates are ignored (13.1.3, 13.1.4), and so are dates if the representation has no Last-Modified.
/// The caller must ensure that the response would be 200 otherwise (13.2.1).
pub fn evaluate(headers: &HeaderMap, selected: Validators<'_>) -> Outcome {
    let last_modified = selected.last_modified.map(Timestamp::as_second);
    if headers.contains_key(IF_MATCH) {
        if !any_tag_matches(headers, &IF_MATCH, |tag| tag.is_strong && !selected.is_weak && tag.opaque == selected.tag)
        {
            return Outcome::PreconditionFailed;
        }
    } else if let (Some(since), Some(modified)) = (date(headers, &IF_UNMODIFIED_SINCE), last_modified)
        && modified > since
    {
        return Outcome::PreconditionFailed;
    }
    if headers.contains_key(IF_NONE_MATCH) {
        if any_tag_matches(headers, &IF_NONE_MATCH, |tag| tag.opaque == selected.tag) {
            return Outcome::NotModified;
        }
    } else if let (Some(since), Some(modified)) = (date(headers, &IF_MODIFIED_SINCE), last_modified)
        && modified <= since
    {
        return Outcome::NotModified;
    }
    Outcome::Proceed
}

/// An entity tag in a list.
struct Tag<'a> {
    is_strong: bool,
    /// Quotes included.
    opaque: &'a [u8],
}

/// Whether the field, over all its lines, is `*` or has a matching tag. `*` in a longer list is not a tag.
fn any_tag_matches(headers: &HeaderMap, field: &HeaderName, matches: impl Fn(&Tag<'_>) -> bool) -> bool {
    let mut lines = headers.get_all(field).iter();
    if let (Some(line), None) = (lines.next(), lines.next())
        && line.as_bytes().trim_ascii() == b"*"
    {
        return true;
    }
    headers.get_all(field).iter().any(|line| Tags { rest: line.as_bytes() }.any(|tag| matches(&tag)))
}

/// Iterates over the well-formed tags of one line (sections 5.6.1.2 and 8.8.3). Skips empty and malformed members.
struct Tags<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Tags<'a> {
    type Item = Tag<'a>;

    fn next(&mut self) -> Option<Tag<'a>> {
        loop {
            self.rest = self.rest.trim_ascii_start();
            if self.rest.is_empty() {
                return None;
            }
            let (is_strong, quoted) = match self.rest.strip_prefix(b"W/") {
                Some(quoted) => (false, quoted),
                None => (true, self.rest),
            };
            let closed = quoted.strip_prefix(b"\"").map(|inner| inner.iter().position(|&byte| byte == b'"'));
            let (opaque, rest) = match closed {
                None => (None, self.rest),
                Some(None) => (None, &[][..]),
                Some(Some(length)) => match quoted.split_at_checked(length + 2) {
                    Some((opaque, rest)) => (Some(opaque), rest.trim_ascii_start()),
                    None => (None, &[][..]),
                },
            };
            let is_whole = rest.is_empty() || rest.starts_with(b",");
            let comma = rest.iter().position(|&byte| byte == b',');
            self.rest = comma.and_then(|comma| rest.get(comma + 1..)).unwrap_or_default();
            if let (Some(opaque), true) = (opaque, is_whole) {
                return Some(Tag { is_strong, opaque });
            }
        }
    }
}

/// Parses a date field in any of the three forms (section 5.6.7), in seconds since 1970. `None` if it is absent, repeated or invalid.
fn date(headers: &HeaderMap, field: &HeaderName) -> Option<i64> {
    let mut lines = headers.get_all(field).iter();
    let (Some(line), None) = (lines.next(), lines.next()) else { return None };
    let stated = httpdate::parse_http_date(line.to_str().ok()?.trim()).ok()?;
    // Not converted through `Timestamp`, whose range ends a day before the year 9999 does.
    i64::try_from(stated.duration_since(UNIX_EPOCH).ok()?.as_secs()).ok()
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;
    use proptest::prelude::*;

    use super::Outcome::{NotModified, PreconditionFailed, Proceed};
    use super::*;

    const TAG: &str = "\"a1,b-gz1\"";
    /// Last-Modified of the selected representation.
    const AT: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
    const BEFORE: &str = "Sun, 06 Nov 1994 08:49:36 GMT";
    const AFTER: &str = "Sun, 06 Nov 1994 08:49:38 GMT";

    /// The rule (`tests/suite/rules.rs`), the header fields, the outcome.
    type Row = (&'static str, &'static [(&'static str, &'static str)], Outcome);

    fn outcome(fields: &[(&str, &str)], is_weak: bool, dated: bool) -> Outcome {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(HeaderName::try_from(*name).unwrap(), HeaderValue::from_str(value).unwrap());
        }
        let last_modified = dated.then(|| "1994-11-06T08:49:37.9Z".parse().unwrap());
        evaluate(&headers, Validators { tag: TAG.as_bytes(), is_weak, last_modified })
    }

    #[test]
    fn preconditions_of_a_dated_strong_representation() {
        const INM: &str = "if-none-match";
        const IMS: &str = "if-modified-since";
        const IM: &str = "if-match";
        const IUS: &str = "if-unmodified-since";
        let table: &[Row] = &[
            ("nothing asked", &[], Proceed),
            ("H-10", &[(INM, TAG)], NotModified),
            ("H-11", &[(INM, "W/\"a1,b-gz1\"")], NotModified),
            ("H-04 W is upper case", &[(INM, "w/\"a1,b-gz1\"")], Proceed),
            ("H-11 no blank after W/", &[(INM, "W/ \"a1,b-gz1\"")], Proceed),
            ("H-12 list", &[(INM, "\"x\", \"a1,b-gz1\"")], NotModified),
            ("H-12 no blanks", &[(INM, "\"x\",\"y\",\"a1,b-gz1\"")], NotModified),
            ("H-12 empty members", &[(INM, ", ,\t\"a1,b-gz1\" , ,")], NotModified),
            ("H-12 weak in a list", &[(INM, "\"x\",W/\"a1,b-gz1\"")], NotModified),
            ("H-12 comma inside quotes does not split", &[(INM, "\"x,\"a1,b-gz1\"")], Proceed),
            ("H-12 tag inside another's quotes", &[(INM, "\"x\", \"'a1,b-gz1'\"")], Proceed),
            ("H-13 several lines", &[(INM, "\"x\""), (INM, "\"y\""), (INM, TAG)], NotModified),
            ("H-13 several lines without it", &[(INM, "\"x\""), (INM, "\"y\"")], Proceed),
            ("H-13 garbage line, good line", &[(INM, "\"open"), (INM, TAG)], NotModified),
            ("H-14", &[(INM, "*")], NotModified),
            ("H-14 blanks", &[(INM, "  * ")], NotModified),
            ("H-14 quoted star is a tag", &[(INM, "\"*\"")], Proceed),
            ("H-14 star in a list is no tag", &[(INM, "*, \"x\"")], Proceed),
            ("H-14 star in a list, tag matches", &[(INM, "*, \"a1,b-gz1\"")], NotModified),
            ("H-14 star on two lines", &[(INM, "*"), (INM, "*")], Proceed),
            ("H-15 other", &[(INM, "\"other\"")], Proceed),
            ("H-15 truncated", &[(INM, "\"a1,b-gz\"")], Proceed),
            ("H-15 prefix", &[(INM, "\"a1\"")], Proceed),
            ("H-15 longer", &[(INM, "\"a1,b-gz12\"")], Proceed),
            ("H-15 unquoted", &[(INM, "a1,b-gz1")], Proceed),
            ("H-15 unclosed", &[(INM, "\"a1,b-gz1")], Proceed),
            ("H-15 unopened", &[(INM, "a1,b-gz1\"")], Proceed),
            ("H-15 case counts", &[(INM, "\"A1,B-GZ1\"")], Proceed),
            ("H-15 garbage after", &[(INM, "\"a1,b-gz1\"x")], Proceed),
            ("H-15 garbage after, then right", &[(INM, "\"a1,b-gz1\"x, \"a1,b-gz1\"")], NotModified),
            ("H-15 missing comma", &[(INM, "\"x\" \"a1,b-gz1\"")], Proceed),
            ("H-15 empty field", &[(INM, "")], Proceed),
            ("H-15 empty tag", &[(INM, "\"\"")], Proceed),
            ("H-35 identity's tag is another", &[(INM, "\"a1,b\"")], Proceed),
            ("H-16 other tag, date matches", &[(INM, "\"x\""), (IMS, AT)], Proceed),
            ("H-16 tag matches, old date", &[(INM, TAG), (IMS, BEFORE)], NotModified),
            ("H-16 garbage tag, date matches", &[(INM, "x"), (IMS, AT)], Proceed),
            ("H-16 empty tag, date matches", &[(INM, ""), (IMS, AFTER)], Proceed),
            ("H-18 equal", &[(IMS, AT)], NotModified),
            ("H-18 later", &[(IMS, AFTER)], NotModified),
            ("H-18 invented, far future", &[(IMS, "Fri, 31 Dec 9999 23:59:59 GMT")], NotModified),
            ("H-18 earlier", &[(IMS, BEFORE)], Proceed),
            ("H-18 epoch", &[(IMS, "Thu, 01 Jan 1970 00:00:00 GMT")], Proceed),
            ("H-19 RFC 850", &[(IMS, "Sunday, 06-Nov-94 08:49:37 GMT")], NotModified),
            ("H-19 RFC 850, earlier", &[(IMS, "Sunday, 06-Nov-94 08:49:36 GMT")], Proceed),
            ("H-19 asctime", &[(IMS, "Sun Nov  6 08:49:37 1994")], NotModified),
            ("H-19 asctime, earlier", &[(IMS, "Sun Nov  6 08:49:36 1994")], Proceed),
            ("H-19 empty", &[(IMS, "")], Proceed),
            ("H-19 ISO", &[(IMS, "1994-11-06T08:49:37Z")], Proceed),
            ("H-19 number", &[(IMS, "784111777")], Proceed),
            ("H-19 zone", &[(IMS, "Sun, 06 Nov 1994 08:49:37 +0000")], Proceed),
            ("H-19 30 February", &[(IMS, "Wed, 30 Feb 2022 00:00:00 GMT")], Proceed),
            ("H-19 repeated", &[(IMS, AT), (IMS, AT)], Proceed),
            ("H-19 two in one line", &[(IMS, "Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 GMT")], Proceed),
            ("H-17 match", &[(IM, TAG)], Proceed),
            ("H-17 star", &[(IM, "*")], Proceed),
            ("H-17 list", &[(IM, "\"x\""), (IM, TAG)], Proceed),
            ("H-17 other", &[(IM, "\"x\"")], PreconditionFailed),
            ("H-17 weak never matches", &[(IM, "W/\"a1,b-gz1\"")], PreconditionFailed),
            ("H-17 empty", &[(IM, "")], PreconditionFailed),
            ("H-17 first of all", &[(IM, "\"x\""), (INM, TAG)], PreconditionFailed),
            ("H-17 both match", &[(IM, TAG), (INM, TAG)], NotModified),
            ("H-17 unmodified", &[(IUS, AT)], Proceed),
            ("H-17 modified", &[(IUS, BEFORE)], PreconditionFailed),
            ("H-17 garbage date", &[(IUS, "yesterday")], Proceed),
            ("H-17 repeated date", &[(IUS, BEFORE), (IUS, BEFORE)], Proceed),
            ("H-17 If-Match wins over the date", &[(IM, TAG), (IUS, BEFORE)], Proceed),
            ("H-17 unmodified and not modified", &[(IUS, AT), (IMS, AT)], NotModified),
            ("H-47 If-Range alone", &[("if-range", TAG), ("range", "bytes=0-1")], Proceed),
            ("H-47 a hit wins over Range", &[(INM, TAG), ("range", "bytes=0-1")], NotModified),
            ("H-70 A-IM asks for nothing we do", &[("a-im", "feed"), (INM, TAG)], NotModified),
        ];
        for (rule, fields, expected) in table {
            assert_eq!(outcome(fields, false, true), *expected, "{rule}: {fields:?}");
        }
        assert!(table.len() >= 40);
    }

    #[test]
    fn preconditions_of_weak_and_undated_representations() {
        for (rule, fields, is_weak, dated, expected) in [
            ("H-11", ("if-none-match", TAG), true, true, NotModified),
            ("H-11 both weak", ("if-none-match", "W/\"a1,b-gz1\""), true, true, NotModified),
            ("H-17", ("if-match", TAG), true, true, PreconditionFailed),
            ("H-17 star", ("if-match", "*"), true, true, Proceed),
            ("H-62 not dated yet", ("if-modified-since", AFTER), false, false, Proceed),
            ("H-62 not dated yet", ("if-unmodified-since", BEFORE), false, false, Proceed),
            ("H-10 not dated yet", ("if-none-match", TAG), false, false, NotModified),
        ] {
            assert_eq!(outcome(&[fields], is_weak, dated), expected, "{rule}: {fields:?}");
        }
    }

    /// A well-formed list member, and whether it is the selected tag.
    fn member() -> impl Strategy<Value = (String, bool)> {
        let opaque = prop_oneof![Just("a1,b-gz1".to_owned()), "[a-c1,-]{0,8}"];
        (any::<bool>(), opaque).prop_map(|(is_weak, opaque)| {
            let is_ours = format!("\"{opaque}\"") == TAG;
            (format!("{}\"{opaque}\"", if is_weak { "W/" } else { "" }), is_ours)
        })
    }

    proptest! {
        #[test]
        fn not_modified_iff_list_contains_tag(
            lines in prop::collection::vec(prop::collection::vec(member(), 0..4), 1..4),
            separator in "[ \t]{0,2},[ ,\t]{0,3}",
            date in prop::option::of(prop_oneof![Just(AT), Just(BEFORE), Just(AFTER), Just("x")]),
        ) {
            let mut fields = Vec::new();
            for line in &lines {
                let members: Vec<_> = line.iter().map(|(member, _)| member.as_str()).collect();
                fields.push(members.join(&separator));
            }
            let mut fields: Vec<_> = fields.iter().map(|line| ("if-none-match", line.as_str())).collect();
            fields.extend(date.map(|date| ("if-modified-since", date)));
            let expected = if lines.iter().flatten().any(|(_, is_ours)| *is_ours) { NotModified } else { Proceed };
            prop_assert_eq!(outcome(&fields, false, true), expected);
        }

        #[test]
        fn arbitrary_preconditions_never_fail(
            fields in prop::collection::vec((0_usize..4, prop::collection::vec(prop_oneof![any::<u8>(), Just(b'"'), Just(b',')], 0..40)), 0..6),
        ) {
            let names = [IF_MATCH, IF_NONE_MATCH, IF_MODIFIED_SINCE, IF_UNMODIFIED_SINCE];
            let mut headers = HeaderMap::new();
            for (name, value) in fields {
                if let Ok(value) = HeaderValue::from_bytes(&value) {
                    headers.append(names[name].clone(), value);
                }
            }
            evaluate(&headers, Validators { tag: TAG.as_bytes(), is_weak: false, last_modified: Some(Timestamp::UNIX_EPOCH) });
        }
    }
}
