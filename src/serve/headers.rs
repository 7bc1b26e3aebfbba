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
/// In seconds, since NetNewsWire reads nothing else.
pub(super) const RETRY_AFTER_SECONDS: HeaderValue = HeaderValue::from_static("1");
pub(super) const ANY_ORIGIN: HeaderValue = HeaderValue::from_static("*");
pub(super) const PLACEHOLDER: HeaderValue = HeaderValue::from_static("none");
pub(super) const VARY_ACCEPT_ENCODING: HeaderValue = HeaderValue::from_static("Accept-Encoding");
pub(super) const PLAIN_TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
pub(super) const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");
/// Scripts, frames and forms have no place on our pages; pictures and media come from anywhere.
pub(super) const PAGE_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'unsafe-inline'; img-src *; media-src *; base-uri 'none'; form-action 'none'; \
     frame-ancestors 'none'",
);

/// An answer of a few words, never cached.
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

/// Content-Length is that of GET for HEAD too (RFC 9110, section 8.6).
pub(super) fn with_bytes(mut response: Response<()>, bytes: Bytes, is_head: bool) -> Response<Bytes> {
    response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(bytes.len()));
    response.map(|()| if is_head { Bytes::new() } else { bytes })
}

/// An answer with what every answer has.
pub(super) fn empty_response(status: StatusCode, now: Timestamp) -> Response<()> {
    let mut response = Response::new(());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.extend(date(now).map(|date| (header::DATE, date)));
    common(headers);
    response
}

/// Leave for web pages to read it, and to take it for nothing but what it is.
pub(super) fn common(headers: &mut HeaderMap) {
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, ANY_ORIGIN);
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("ETag, Last-Modified"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
}

/// A Date field. It is made once a second and not for every answer.
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

/// A Last-Modified that may be sent: never later than Date (H-05, H-62), and never before 1970, where many readers cannot
/// follow.
pub(super) fn sendable_last_modified(last_modified: Option<Timestamp>, now: Timestamp) -> Option<Timestamp> {
    last_modified.filter(|modified| (0..=now.as_second()).contains(&modified.as_second()))
}

/// An IMF-fixdate (RFC 9110, section 5.6.7). A clock outside the years 1970 to 9999 gives no date at all.
pub(super) fn imf_fixdate(instant: Timestamp) -> Option<HeaderValue> {
    const YEAR_9999_ENDS: u64 = 253_402_300_799;
    let seconds = u64::try_from(instant.as_second()).ok().filter(|seconds| *seconds <= YEAR_9999_ENDS)?;
    HeaderValue::from_str(&httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(seconds))).ok()
}

/// Sets a field to text that we made; what cannot stand in a header field (a query of a request, perhaps) is left out.
pub(super) fn set(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}
