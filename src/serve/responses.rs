//! Responses for each kind of route: documents, media files, errors, redirects, retracted articles. Pure.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use hyper::header::{self, HeaderValue};
use hyper::{Method, Response, StatusCode};
use jiff::Timestamp;

use super::coding::{self, EntityTag};
use super::headers::{
    ALLOWED_METHODS, HTML, PAGE_POLICY, PLAIN_TEXT, RETRY_AFTER_SECONDS, VARY_ACCEPT_ENCODING, empty_response,
    imf_fixdate, sendable_last_modified, set, short_response, with_bytes,
};
use super::media;
use super::negotiation;
use super::preconditions::{self, Outcome, Validators};
use super::range::{self, RequestedRange};
use super::reply::Reply;
use super::representation::{SelectedRepresentation, link_field};
use super::request::RequestHead;
use super::templates::{self, Template};
use crate::diagnostics::{Code, Diagnostic};
use crate::feed::page::error_page;
use crate::snapshot::{GoneArticle, Report, Resource, ResourceKind, RetiredAddress};
use crate::types::{ArticlePath, Text, WebUrl, rfc3339};

const FOR_A_DAY: HeaderValue = HeaderValue::from_static("max-age=86400");

/// Metadata of a media file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FileFacts {
    /// Size in bytes.
    pub length: u64,
    /// Modification time, if the file system reports one.
    pub modified: Option<Timestamp>,
}

/// Responds with a document: 304, 406 or 412, or the representation for a 200.
///
/// A 304 carries the fields that RFC 9110, section 15.4.5 requires (ETag, Vary, Cache-Control, Date) and CORS fields, nothing
/// else. A 304 never encodes the document, because the tag of a coding is known without its bytes.
pub fn document(head: &RequestHead<'_>, route: &Arc<str>, resource: &Arc<Resource>, now: Timestamp) -> Reply {
    let accepted = head.headers.get_all(header::ACCEPT_ENCODING).iter().map(HeaderValue::as_bytes);
    let Some(coding) = negotiation::choose(accepted, resource.length >= coding::MIN_CODED_BYTES) else {
        return Reply::Ready(error(head, StatusCode::NOT_ACCEPTABLE, now));
    };
    let tag = EntityTag::new(resource, coding);
    let last_modified = sendable_last_modified(resource.last_modified, now);
    let validators = Validators { tag: tag.as_bytes(), is_weak: false, last_modified };
    let outcome = preconditions::evaluate(head.headers, validators);
    let is_head = *head.method == Method::HEAD;
    let selected = SelectedRepresentation { route: Arc::clone(route), resource: Arc::clone(resource), coding, is_head };
    match outcome {
        Outcome::NotModified => {
            let mut response = templates::response(Template::NotModified, resource, coding, &tag, Bytes::new(), now);
            // A feed names its hubs in every response (WebSub, section 4).
            let names_hubs = matches!(resource.kind, ResourceKind::Feed(_) | ResourceKind::ShownFeed(_));
            let links = resource.links.as_ref().filter(|_| names_hubs).and_then(link_field);
            response.headers_mut().extend(links.map(|links| (header::LINK, links)));
            Reply::Document(selected, response)
        }
        Outcome::PreconditionFailed => Reply::Ready(error(head, StatusCode::PRECONDITION_FAILED, now)),
        Outcome::Proceed => Reply::NeedsBytes(selected),
    }
}

/// Responds with a media file: 200, 206, 304, 412 or 416. Also returns the range of bytes that the caller must send.
pub fn file(
    head: &RequestHead<'_>,
    path: &ArticlePath,
    facts: FileFacts,
    now: Timestamp,
) -> (Response<Bytes>, Option<Range<u64>>) {
    // Weak, because two writes within one tick of the file system's clock look alike.
    let tag = format!("\"{:x}-{:x}\"", facts.modified.map_or(0, Timestamp::as_nanosecond), facts.length);
    let last_modified = sendable_last_modified(facts.modified, now);
    let mut response = empty_response(StatusCode::OK, now);
    let headers = response.headers_mut();
    set(headers, header::CACHE_CONTROL, &format!("max-age={}", media::MAX_AGE_SECONDS));
    set(headers, header::ETAG, &format!("W/{tag}"));
    headers.extend(last_modified.and_then(imf_fixdate).map(|date| (header::LAST_MODIFIED, date)));
    match preconditions::evaluate(head.headers, Validators { tag: tag.as_bytes(), is_weak: true, last_modified }) {
        Outcome::NotModified => return (not_modified(response), None),
        Outcome::PreconditionFailed => return (error(head, StatusCode::PRECONDITION_FAILED, now), None),
        Outcome::Proceed => {}
    }
    // Range applies to GET only (RFC 9110, section 14.2).
    let is_get = *head.method == Method::GET;
    let part = if is_get {
        range::requested_range(head.headers, facts.length, last_modified, now)
    } else {
        RequestedRange::Whole
    };
    let bytes = match part {
        RequestedRange::Whole => 0..facts.length,
        RequestedRange::Bytes(bytes) => {
            let last = bytes.end.saturating_sub(1);
            let named = format!("bytes {}-{last}/{}", bytes.start, facts.length);
            set(response.headers_mut(), header::CONTENT_RANGE, &named);
            *response.status_mut() = StatusCode::PARTIAL_CONTENT;
            bytes
        }
        RequestedRange::Unsatisfiable => {
            let mut response = error(head, StatusCode::RANGE_NOT_SATISFIABLE, now);
            set(response.headers_mut(), header::CONTENT_RANGE, &format!("bytes */{}", facts.length));
            return (response, None);
        }
    };
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media::content_type(path)));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(bytes.end.saturating_sub(bytes.start)));
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    if media::is_active(path) {
        headers.insert(header::CONTENT_SECURITY_POLICY, media::SANDBOX_POLICY);
    }
    (response.map(|()| Bytes::new()), is_get.then_some(bytes))
}

/// Responds 200 with a short text, never cached.
pub(super) fn text(head: &RequestHead<'_>, text: &'static str, now: Timestamp) -> Response<Bytes> {
    short_response(head, StatusCode::OK, PLAIN_TEXT, text, now)
}

/// Responds with an error, never cached.
pub fn error(head: &RequestHead<'_>, status: StatusCode, now: Timestamp) -> Response<Bytes> {
    let explanation = match status {
        StatusCode::NOT_FOUND => "There is no page and no feed at this address.",
        StatusCode::METHOD_NOT_ALLOWED => "Only GET, HEAD and OPTIONS are answered here.",
        StatusCode::NOT_ACCEPTABLE => {
            "Accept-Encoding refuses the document as it is, and gzip, br and zstd are not accepted."
        }
        StatusCode::PRECONDITION_FAILED => "The document is not in the version that the request demands.",
        StatusCode::RANGE_NOT_SATISFIABLE => "The file does not have the bytes that Range asks for.",
        StatusCode::SERVICE_UNAVAILABLE => "This cannot be served at the moment; try again soon.",
        StatusCode::MISDIRECTED_REQUEST => "Ask by an address or as `localhost`.",
        StatusCode::BAD_REQUEST => "This request does not follow the rules of HTTP.",
        _ => "This cannot be served.",
    };
    let mut response = match status {
        StatusCode::NOT_FOUND => {
            let mut response =
                short_response(head, status, HTML, error_page(status.as_u16(), "Not found", explanation), now);
            response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, PAGE_POLICY);
            response
        }
        _ => short_response(head, status, PLAIN_TEXT, format!("{explanation}\n"), now),
    };
    let headers = response.headers_mut();
    match status {
        StatusCode::METHOD_NOT_ALLOWED => drop(headers.insert(header::ALLOW, ALLOWED_METHODS)),
        StatusCode::NOT_ACCEPTABLE => drop(headers.insert(header::VARY, VARY_ACCEPT_ENCODING)),
        StatusCode::SERVICE_UNAVAILABLE => drop(headers.insert(header::RETRY_AFTER, RETRY_AFTER_SECONDS)),
        _ => {}
    }
    response
}

/// Responds 429 to a client that keeps fetching a feed without a condition (RFC 6585, section 4). Retry-After is in seconds,
/// because NetNewsWire doesn't parse the date form. The response is short and has no validators.
pub(super) fn too_many_requests(head: &RequestHead<'_>, seconds: u32, now: Timestamp) -> Response<Bytes> {
    const TEXT: &str = "You have this version of the feed already, and have taken it whole again and again. Send If-None-Match with \
                        the ETag that you were given: such requests are never limited.\n";
    let mut response = short_response(head, StatusCode::TOO_MANY_REQUESTS, PLAIN_TEXT, TEXT, now);
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    response
}

/// Responds 410 for an article that was retracted or has expired.
pub(super) fn gone_article(head: &RequestHead<'_>, gone: &GoneArticle, now: Timestamp) -> Response<Bytes> {
    let when = gone.retracted.map(rfc3339).map(|at| at.chars().take(10).collect::<String>());
    let mut text = match when {
        Some(day) => format!("This article was retracted on {day}."),
        None => "This article is no longer available.".to_owned(),
    };
    if let Some(reason) = &gone.reason {
        text = format!("{text} {reason}");
    }
    let page = error_page(StatusCode::GONE.as_u16(), "Gone", &text);
    let mut response = short_response(head, StatusCode::GONE, HTML, page, now);
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, PAGE_POLICY);
    response
}

/// Responds 200 with the alarms that operators should look at.
pub(super) fn readiness(head: &RequestHead<'_>, report: &Report, now: Timestamp) -> Response<Bytes> {
    short_response(head, StatusCode::OK, PLAIN_TEXT, format!("ready\n{}", alarm_lines(report)), now)
}

/// Responds 503 while the first scan is running, with any alarms.
pub(super) fn starting(head: &RequestHead<'_>, report: &Report, now: Timestamp) -> Response<Bytes> {
    let text = format!("starting: all articles are read before any is published\n{}", alarm_lines(report));
    let mut response = short_response(head, StatusCode::SERVICE_UNAVAILABLE, PLAIN_TEXT, text, now);
    response.headers_mut().insert(header::RETRY_AFTER, RETRY_AFTER_SECONDS);
    response
}

/// The alarms of the report, one per line.
fn alarm_lines(report: &Report) -> String {
    let (config, alarms): (Vec<&Diagnostic>, Vec<&Diagnostic>) = report
        .problems
        .iter()
        .filter(|problem| problem.code.is_alarm())
        .partition(|problem| problem.code.keeps_configuration());
    let mut lines: String = alarms.into_iter().map(|alarm| format!("{}\n", alarm.to_log_line())).collect();
    let codes: BTreeSet<&str> = config.iter().map(|problem| problem.code.name()).collect();
    if !codes.is_empty() {
        let codes = codes.into_iter().collect::<Vec<_>>().join(", ");
        // The public listener serves this page too, so it doesn't quote the configuration file.
        lines.push_str(&match config.iter().all(|problem| problem.code == Code::ConfigFrozen) {
            true => format!("the configuration was changed, and some of it waits for a restart ({codes}); see `dateline check`\n"),
            false => format!(
                "the changed configuration is refused ({codes}), and the previous one stays in force; see `dateline check`\n"
            ),
        });
    }
    lines
}

/// Responds to OPTIONS, including CORS preflight requests.
pub(super) fn options(now: Timestamp) -> Response<Bytes> {
    let mut response = empty_response(StatusCode::NO_CONTENT, now);
    let headers = response.headers_mut();
    headers.insert(header::ALLOW, ALLOWED_METHODS);
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, ALLOWED_METHODS);
    headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("*"));
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("86400"));
    response.map(|()| Bytes::new())
}

/// Redirects with 308 and keeps the query. Never cached: a slug may change back, and two cached redirects would form a loop.
pub(super) fn redirect(head: &RequestHead<'_>, reference: &str, now: Timestamp) -> Response<Bytes> {
    let mut response = empty_response(StatusCode::PERMANENT_REDIRECT, now);
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    match head.uri.query() {
        Some(query) => set(headers, header::LOCATION, &format!("{reference}?{query}")),
        None => set(headers, header::LOCATION, reference),
    }
    with_bytes(response, Bytes::new(), *head.method == Method::HEAD)
}

/// Redirects with 301 and keeps the query. Old feed readers don't follow 308. Cached for a day, so a mistake can be corrected.
pub(super) fn moved_permanently(head: &RequestHead<'_>, url: &str, now: Timestamp) -> Response<Bytes> {
    let mut response = redirect(head, url, now);
    *response.status_mut() = StatusCode::MOVED_PERMANENTLY;
    response.headers_mut().insert(header::CACHE_CONTROL, FOR_A_DAY);
    response
}

/// Responds 200 with rules for crawlers: everything is public.
pub(super) fn robots(head: &RequestHead<'_>, now: Timestamp) -> Response<Bytes> {
    let mut response = text(head, "User-agent: *\nDisallow:\n", now);
    response.headers_mut().insert(header::CACHE_CONTROL, FOR_A_DAY);
    response
}

/// Redirects to the site's icon, or responds 204 if it has none. Kept for a day, because browsers and readers ask again and again.
pub(super) fn icon(head: &RequestHead<'_>, icon: Option<&WebUrl>, now: Timestamp) -> Response<Bytes> {
    let mut response = match icon {
        Some(icon) => {
            let mut response =
                with_bytes(empty_response(StatusCode::FOUND, now), Bytes::new(), *head.method == Method::HEAD);
            set(response.headers_mut(), header::LOCATION, icon.as_str());
            response
        }
        None => empty_response(StatusCode::NO_CONTENT, now).map(|()| Bytes::new()),
    };
    response.headers_mut().insert(header::CACHE_CONTROL, FOR_A_DAY);
    response
}

/// Responds 410 for a feed that has ended, in the feed's own format.
pub(super) fn gone_feed(
    head: &RequestHead<'_>,
    retired: &RetiredAddress,
    reason: Option<&Text>,
    now: Timestamp,
) -> Response<Bytes> {
    let name = head.uri.path().rsplit('/').next().unwrap_or_default();
    if let Some((format, bytes)) = retired.final_documents.iter().find(|(format, _)| format.file_name() == name) {
        let content_type = HeaderValue::from_static(format.content_type());
        return short_response(head, StatusCode::GONE, content_type, bytes.clone(), now);
    }
    let reason = reason.map(|reason| format!(" {reason}")).unwrap_or_default();
    let text = format!("What was here has ended.{reason}");
    let mut response =
        short_response(head, StatusCode::GONE, HTML, error_page(StatusCode::GONE.as_u16(), "Gone", &text), now);
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, PAGE_POLICY);
    response
}

fn not_modified(mut response: Response<()>) -> Response<Bytes> {
    *response.status_mut() = StatusCode::NOT_MODIFIED;
    for name in [header::LAST_MODIFIED, header::X_CONTENT_TYPE_OPTIONS, header::ACCESS_CONTROL_EXPOSE_HEADERS] {
        response.headers_mut().remove(name);
    }
    response.map(|()| Bytes::new())
}
