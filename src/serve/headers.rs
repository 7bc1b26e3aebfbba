//! Header fields that many responses share, and short responses that are never cached. Pure.

use std::cell::RefCell;
use std::time::{Duration, UNIX_EPOCH};

use bytes::Bytes;
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::{HeaderMap, Method, Response, StatusCode};
use jiff::Timestamp;

use super::request::RequestHead;

pub(super) const ALLOWED_METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, OPTIONS");
pub(super) const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
/// Retry-After for 503. In seconds, because NetNewsWire doesn't parse the date form.
pub(super) const RETRY_AFTER_SECONDS: HeaderValue = HeaderValue::from_static("1");
pub(super) const ANY_ORIGIN: HeaderValue = HeaderValue::from_static("*");
/// The placeholder of a value that each response sets.
pub(super) const PLACEHOLDER: HeaderValue = HeaderValue::from_static("none");
pub(super) const VARY_ACCEPT_ENCODING: HeaderValue = HeaderValue::from_static("Accept-Encoding");
pub(super) const PLAIN_TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
pub(super) const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");
/// The policy of our pages: no scripts, frames or forms; images and media from anywhere.
pub(super) const PAGE_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'unsafe-inline'; img-src *; media-src *; base-uri 'none'; form-action 'none'; \
     frame-ancestors 'none'",
);

/// A response with a short text, never cached.
pub(super) fn short_response(
    head: &RequestHead<'_>,
    status: StatusCode,
    content_type: HeaderValue,
    text: impl Into<Bytes>,
    now: Timestamp,
) -> Response<Bytes> {
    let mut response = empty_response(status, now);
    response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    response.headers_mut().insert(header::CACHE_CONTROL, NO_STORE);
    with_bytes(response, text.into(), *head.method == Method::HEAD)
}

/// Adds a body. HEAD gets the Content-Length of GET and no body (RFC 9110, section 8.6).
pub(super) fn with_bytes(mut response: Response<()>, bytes: Bytes, is_head: bool) -> Response<Bytes> {
    response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(bytes.len()));
    response.map(|()| if is_head { Bytes::new() } else { bytes })
}

/// A response with the fields that every response has.
pub(super) fn empty_response(status: StatusCode, now: Timestamp) -> Response<()> {
    let mut response = Response::new(());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.extend(date(now).map(|date| (header::DATE, date)));
    common(headers);
    response
}

/// Adds CORS fields and forbids content sniffing.
pub(super) fn common(headers: &mut HeaderMap) {
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, ANY_ORIGIN);
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("ETag, Last-Modified"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
}

/// The Date field, formatted once per second and thread.
pub(super) fn date(now: Timestamp) -> Option<HeaderValue> {
    thread_local! {
        static LAST: RefCell<Option<(i64, HeaderValue)>> = const { RefCell::new(None) };
    }
    LAST.with_borrow_mut(|last| match last {
        Some((second, date)) if *second == now.as_second() => Some(date.clone()),
        _ => {
            let date = imf_fixdate(now)?;
            *last = Some((now.as_second(), date.clone()));
            Some(date)
        }
    })
}

/// The Last-Modified that may be sent: never later than Date (RFC 9110, section 8.8.2.1), never before 1970, because
/// many clients can't parse such a date.
pub(super) fn sendable_last_modified(last_modified: Option<Timestamp>, now: Timestamp) -> Option<Timestamp> {
    last_modified.filter(|modified| (0..=now.as_second()).contains(&modified.as_second()))
}

/// Formats an IMF-fixdate (RFC 9110, section 5.6.7). `None` outside the years 1970 to 9999.
pub(super) fn imf_fixdate(instant: Timestamp) -> Option<HeaderValue> {
    /// The last second of the year 9999.
    const LAST_SECOND_OF_9999: u64 = 253_402_300_799;
    let seconds = u64::try_from(instant.as_second()).ok().filter(|seconds| *seconds <= LAST_SECOND_OF_9999)?;
    HeaderValue::from_str(&httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(seconds))).ok()
}

/// Sets a field. Omits values that are invalid in a header field, such as parts of a malformed query.
pub(super) fn set(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}
