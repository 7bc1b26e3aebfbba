//! The answers themselves: status, header fields and the bytes that are in memory. Pure.

use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use bytes::Bytes;
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::{HeaderMap, Method, Response, StatusCode};
use jiff::Timestamp;

use super::conditional::{self, Outcome, Validators};
use super::negotiate::{self, Coding};
use super::range::{self, Part};
use super::respond::{Head, Reply};
use super::{coding, media};
use crate::feed::page::error_page;
use crate::snapshot::{Former, Gone, Report, Resource, ResourceKind};
use crate::types::{ArticlePath, Text, rfc3339};

/// An answer that waits for a content coding.
#[derive(Debug)]
pub struct Uncoded {
    /// What to encode.
    pub resource: Arc<Resource>,
    /// How to encode it.
    pub coding: Coding,
    response: Response<()>,
    is_head: bool,
}

impl Uncoded {
    /// The answer with the coded bytes.
    pub fn complete(self, bytes: Bytes) -> Response<Bytes> {
        with_bytes(self.response, bytes, self.is_head)
    }
}

/// What is known of a media file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FileFacts {
    /// Its size (bytes).
    pub length: u64,
    /// When it was last written, where the file system says so.
    pub modified: Option<Timestamp>,
}

const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, OPTIONS");
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
const NONE: HeaderValue = HeaderValue::from_static("none");
const ENCODING_VARIES: HeaderValue = HeaderValue::from_static("Accept-Encoding");
const PLAIN_TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");
/// Scripts, frames and forms have no place on our pages; pictures and media come from anywhere.
const PAGE_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'unsafe-inline'; img-src *; media-src *; base-uri 'none'; form-action 'none'; \
     frame-ancestors 'none'",
);

/// Answers with a document: 200, 304, 406 or 412.
///
/// A 304 repeats what RFC 9110, section 15.4.5 asks for (ETag, Vary, Cache-Control, Date) and Last-Modified, for caches
/// that keep no tags; it costs no encoding, since the tag of a coding is known before its bytes.
pub fn document(head: &Head<'_>, resource: &Arc<Resource>, now: Timestamp) -> Reply {
    let accepted = head.headers.get_all(header::ACCEPT_ENCODING).iter().map(HeaderValue::as_bytes);
    let Some(coding) = negotiate::choose(accepted, resource.bytes.len() >= coding::WORTH_CODING) else {
        return Reply::Ready(refusal(head, StatusCode::NOT_ACCEPTABLE, now));
    };
    let tag = coding::entity_tag(resource, coding);
    let last_modified = sendable(resource.last_modified, now);
    let mut response = bare(StatusCode::OK, now);
    let headers = response.headers_mut();
    headers.insert(header::VARY, ENCODING_VARIES);
    set(headers, header::CACHE_CONTROL, &format!("public, max-age={}", resource.max_age));
    set(headers, header::ETAG, &tag);
    set_date(headers, header::LAST_MODIFIED, last_modified);
    match conditional::evaluate(head.headers, Validators { tag: &tag, weak: false, last_modified }) {
        Outcome::NotModified => return Reply::Ready(not_modified(response)),
        Outcome::Failed => return Reply::Ready(refusal(head, StatusCode::PRECONDITION_FAILED, now)),
        Outcome::Proceed => {}
    }
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(resource.kind.content_type()));
    headers.insert(header::ACCEPT_RANGES, NONE);
    if let Some(name) = coding.name() {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(name));
    }
    if resource.kind == ResourceKind::Page {
        headers.insert(header::CONTENT_SECURITY_POLICY, PAGE_POLICY);
    }
    let is_head = *head.method == Method::HEAD;
    match coding::ready(resource, coding) {
        Some(bytes) => Reply::Ready(with_bytes(response, bytes, is_head)),
        None => Reply::NeedsCoding(Uncoded { resource: Arc::clone(resource), coding, response, is_head }),
    }
}

/// Answers with a media file: 200, 206, 304, 412 or 416, and the bytes of the file that whoever sends it has to add.
pub fn file(
    head: &Head<'_>,
    path: &ArticlePath,
    facts: FileFacts,
    now: Timestamp,
) -> (Response<Bytes>, Option<Range<u64>>) {
    // Weak: two writes within one tick of the file system's clock look alike.
    let tag = format!("\"{:x}-{:x}\"", facts.modified.map_or(0, Timestamp::as_nanosecond), facts.length);
    let last_modified = sendable(facts.modified, now);
    let mut response = bare(StatusCode::OK, now);
    let headers = response.headers_mut();
    set(headers, header::CACHE_CONTROL, &format!("public, max-age={}", media::MAX_AGE));
    set(headers, header::ETAG, &format!("W/{tag}"));
    set_date(headers, header::LAST_MODIFIED, last_modified);
    match conditional::evaluate(head.headers, Validators { tag: &tag, weak: true, last_modified }) {
        Outcome::NotModified => return (not_modified(response), None),
        Outcome::Failed => return (refusal(head, StatusCode::PRECONDITION_FAILED, now), None),
        Outcome::Proceed => {}
    }
    // Range means something on GET only (RFC 9110, section 14.2).
    let is_get = *head.method == Method::GET;
    let part = if is_get { range::requested(head.headers, facts.length, last_modified, now) } else { Part::Whole };
    let bytes = match part {
        Part::Whole => 0..facts.length,
        Part::Bytes(bytes) => {
            let last = bytes.end.saturating_sub(1);
            let named = format!("bytes {}-{last}/{}", bytes.start, facts.length);
            set(response.headers_mut(), header::CONTENT_RANGE, &named);
            *response.status_mut() = StatusCode::PARTIAL_CONTENT;
            bytes
        }
        Part::Unsatisfiable => {
            let mut response = refusal(head, StatusCode::RANGE_NOT_SATISFIABLE, now);
            set(response.headers_mut(), header::CONTENT_RANGE, &format!("bytes */{}", facts.length));
            return (response, None);
        }
    };
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media::content_type(path)));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(bytes.end.saturating_sub(bytes.start)));
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    if media::is_active(path) {
        headers.insert(header::CONTENT_SECURITY_POLICY, media::SANDBOX);
    }
    (response.map(|()| Bytes::new()), is_get.then_some(bytes))
}

/// Answers with a word: 200, never cached.
pub(super) fn text(head: &Head<'_>, text: &'static str, now: Timestamp) -> Response<Bytes> {
    short(head, StatusCode::OK, PLAIN_TEXT, text, now)
}

/// Answers with an error, never cached, so that it ends when its cause ends.
pub fn refusal(head: &Head<'_>, status: StatusCode, now: Timestamp) -> Response<Bytes> {
    let explanation = match status {
        StatusCode::NOT_FOUND => "There is no page and no feed at this address.",
        StatusCode::METHOD_NOT_ALLOWED => "Only GET, HEAD and OPTIONS are answered here.",
        StatusCode::NOT_ACCEPTABLE => {
            "Accept-Encoding refuses the document as it is, and gzip, br and zstd are not accepted."
        }
        StatusCode::PRECONDITION_FAILED => "The document is not in the version that the request demands.",
        StatusCode::RANGE_NOT_SATISFIABLE => "The file does not have the bytes that Range asks for.",
        StatusCode::SERVICE_UNAVAILABLE => "This cannot be served at the moment; try again soon.",
        StatusCode::BAD_REQUEST => "This request does not follow the rules of HTTP.",
        _ => "This cannot be served.",
    };
    let mut response = match status {
        StatusCode::NOT_FOUND => {
            let mut response = short(head, status, HTML, error_page(status.as_u16(), "Not found", explanation), now);
            response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, PAGE_POLICY);
            response
        }
        _ => short(head, status, PLAIN_TEXT, format!("{explanation}\n"), now),
    };
    let headers = response.headers_mut();
    match status {
        StatusCode::METHOD_NOT_ALLOWED => drop(headers.insert(header::ALLOW, METHODS)),
        StatusCode::NOT_ACCEPTABLE => drop(headers.insert(header::VARY, ENCODING_VARIES)),
        // In seconds, since NetNewsWire reads nothing else.
        StatusCode::SERVICE_UNAVAILABLE => drop(headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"))),
        _ => {}
    }
    response
}

/// Says that an article was here and is not any more (410), so that whoever kept a copy takes it away.
pub(super) fn gone(head: &Head<'_>, gone: &Gone, now: Timestamp) -> Response<Bytes> {
    let when = gone.retracted.map(rfc3339).map(|at| at.chars().take(10).collect::<String>());
    let mut text = match when {
        Some(day) => format!("This article was retracted on {day}."),
        None => "This article is no longer available.".to_owned(),
    };
    if let Some(reason) = &gone.reason {
        text = format!("{text} {reason}");
    }
    let page = error_page(StatusCode::GONE.as_u16(), "Gone", &text);
    let mut response = short(head, StatusCode::GONE, HTML, page, now);
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, PAGE_POLICY);
    response
}

/// Says that all is ready, and what somebody has to see to all the same.
pub(super) fn ready(head: &Head<'_>, report: &Report, now: Timestamp) -> Response<Bytes> {
    let alarms = report.problems.iter().filter(|problem| problem.code.is_alarm());
    let lines = alarms.map(|alarm| format!("{}\n", alarm.to_log_line()));
    short(head, StatusCode::OK, PLAIN_TEXT, format!("ready\n{}", lines.collect::<String>()), now)
}

/// Answers OPTIONS, a browser's question before a conditional request across origins included.
pub(super) fn options(now: Timestamp) -> Response<Bytes> {
    let mut response = bare(StatusCode::NO_CONTENT, now);
    let headers = response.headers_mut();
    headers.insert(header::ALLOW, METHODS);
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
    headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("*"));
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("86400"));
    response.map(|()| Bytes::new())
}

/// Leads to another address, the query kept. Not to be cached: a slug may change back, and two remembered redirects would
/// be a loop.
pub(super) fn moved(head: &Head<'_>, reference: &str, now: Timestamp) -> Response<Bytes> {
    let mut response = bare(StatusCode::PERMANENT_REDIRECT, now);
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    match head.uri.query() {
        Some(query) => set(headers, header::LOCATION, &format!("{reference}?{query}")),
        None => set(headers, header::LOCATION, reference),
    }
    with_bytes(response, Bytes::new(), *head.method == Method::HEAD)
}

/// Leads to another address for good, the query kept. 301 and not 308, which old feed readers do not follow; for a day, so that a
/// mistake is not for ever.
pub(super) fn elsewhere(head: &Head<'_>, url: &str, now: Timestamp) -> Response<Bytes> {
    let mut response = moved(head, url, now);
    *response.status_mut() = StatusCode::MOVED_PERMANENTLY;
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("max-age=86400"));
    response
}

/// Says that a feed has ended, in its own format; readers that know what 410 means never ask again.
pub(super) fn ended(head: &Head<'_>, former: &Former, reason: Option<&Text>, now: Timestamp) -> Response<Bytes> {
    let name = head.uri.path().rsplit('/').next().unwrap_or_default();
    if let Some((format, bytes)) = former.farewell.iter().find(|(format, _)| format.file_name() == name) {
        let content_type = HeaderValue::from_static(format.content_type());
        return short(head, StatusCode::GONE, content_type, bytes.clone(), now);
    }
    let reason = reason.map(|reason| format!(" {reason}")).unwrap_or_default();
    let text = format!("What was here has ended.{reason}");
    let mut response = short(head, StatusCode::GONE, HTML, error_page(StatusCode::GONE.as_u16(), "Gone", &text), now);
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, PAGE_POLICY);
    response
}

fn not_modified(mut response: Response<()>) -> Response<Bytes> {
    *response.status_mut() = StatusCode::NOT_MODIFIED;
    response.map(|()| Bytes::new())
}

fn short(
    head: &Head<'_>,
    status: StatusCode,
    content_type: HeaderValue,
    text: impl Into<Bytes>,
    now: Timestamp,
) -> Response<Bytes> {
    let mut response = bare(status, now);
    response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    response.headers_mut().insert(header::CACHE_CONTROL, NO_STORE);
    with_bytes(response, text.into(), *head.method == Method::HEAD)
}

/// Content-Length is that of GET for HEAD too (RFC 9110, section 8.6).
fn with_bytes(mut response: Response<()>, bytes: Bytes, is_head: bool) -> Response<Bytes> {
    response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(bytes.len()));
    response.map(|()| if is_head { Bytes::new() } else { bytes })
}

/// What every answer has: Date, and leave for web pages to read it and to take it for nothing but what it is.
fn bare(status: StatusCode, now: Timestamp) -> Response<()> {
    let mut response = Response::new(());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    set_date(headers, header::DATE, Some(now));
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("ETag, Last-Modified"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// A Last-Modified that may be sent: never later than Date (H-05, H-62), and never before 1970, where many readers cannot
/// follow.
fn sendable(last_modified: Option<Timestamp>, now: Timestamp) -> Option<Timestamp> {
    last_modified.filter(|modified| (0..=now.as_second()).contains(&modified.as_second()))
}

/// Writes an IMF-fixdate (RFC 9110, section 5.6.7). A clock outside the years 1970 to 9999 gives no date at all.
fn set_date(headers: &mut HeaderMap, name: HeaderName, instant: Option<Timestamp>) {
    const YEAR_9999_ENDS: i64 = 253_402_300_799;
    if let Some(seconds) = instant.map(Timestamp::as_second).filter(|seconds| *seconds <= YEAR_9999_ENDS)
        && let Ok(seconds) = u64::try_from(seconds)
    {
        set(headers, name, &httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(seconds)));
    }
}

/// Sets a field to text that we made; what cannot stand in a header field (a query of a request, perhaps) is left out.
fn set(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}
