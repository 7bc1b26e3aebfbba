//! The answers themselves: status, header fields and the bytes that are in memory. Pure. Long because every kind of answer is on this
//! page; each is a few lines.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, UNIX_EPOCH};

use bytes::Bytes;
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::{HeaderMap, Method, Response, StatusCode};
use jiff::Timestamp;

use super::coding::EntityTag;
use super::conditional::{self, Outcome, Validators};
use super::negotiate::{self, Coding};
use super::range::{self, RequestedRange};
use super::respond::{Head, Reply};
use super::{coding, media};
use crate::diagnostics::{Code, Diagnostic};
use crate::feed::page::error_page;
use crate::snapshot::{Fields, Gone, MemoryCounter, Report, Resource, ResourceKind, RetiredAddress, Whole};
use crate::types::{ArticlePath, Text, rfc3339};

/// A document, and the coding that was chosen for a client.
#[derive(Debug)]
pub struct Selected {
    /// Its path below the prefix, as the snapshot has it; empty for what is not in it.
    pub route: Arc<str>,
    /// What it is.
    pub resource: Arc<Resource>,
    /// How it is encoded.
    pub coding: Coding,
    is_head: bool,
}

impl Selected {
    /// The 200, where the document is in memory in this coding.
    pub fn ready(&self, now: Timestamp) -> Option<Response<Bytes>> {
        let whole = coding::slot(&self.resource, self.coding).whole();
        Some(self.of(whole.as_deref()?, now))
    }

    fn of(&self, whole: &Whole, now: Timestamp) -> Response<Bytes> {
        let bytes = match self.is_head {
            true => Bytes::new(),
            false => {
                coding::slot(&self.resource, self.coding).ask();
                whole.bytes.clone()
            }
        };
        let tag = EntityTag::of(&self.resource, self.coding);
        let fields = &shared_fields(&self.resource, self.coding).whole;
        let mut response = prepared(StatusCode::OK, fields, &tag, bytes, now);
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_LENGTH, whole.length.clone());
        match &whole.last_modified {
            Some(date) if sendable(self.resource.last_modified, now).is_some() => {
                headers.insert(header::LAST_MODIFIED, date.clone());
            }
            _ => drop(headers.remove(header::LAST_MODIFIED)),
        }
        headers.extend(whole.links.clone().map(|links| (header::LINK, links)));
        response
    }

    /// The 200, of the document's bytes as they are. Encodes for milliseconds, or waits for another thread that does; `None` where
    /// the bytes could not be had or the encoder failed.
    pub fn make(&self, identity: impl FnOnce() -> Option<Bytes>, now: Timestamp) -> Option<Response<Bytes>> {
        let slot = coding::slot(&self.resource, self.coding);
        let _alone = slot.making.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(response) = self.ready(now) {
            return Some(response);
        }
        let bytes = coding::encoded(&identity()?, self.coding)?;
        let (last_modified, links) = own_fields(&self.resource);
        let whole = self.resource.keep(slot, Whole::new(bytes, last_modified, links));
        Some(self.of(&whole, now))
    }

    /// What can be answered without a thread that may block: the document as it is, where it is in memory, and HEAD where it is not.
    fn at_hand(&self, now: Timestamp) -> Option<Response<Bytes>> {
        match self.resource.bytes() {
            Some(bytes) if self.coding == Coding::Identity => self.make(|| Some(bytes), now),
            None if self.is_head => Some(self.head_of_cold(now)),
            _ => None,
        }
    }

    /// The answer to HEAD for a document that is not in memory. Content-Length is left out where nobody knows it yet, as RFC 9110,
    /// section 8.6 allows.
    fn head_of_cold(&self, now: Timestamp) -> Response<Bytes> {
        let known = match self.coding {
            Coding::Identity => Some(self.resource.length),
            coding => coding::slot(&self.resource, coding).length(),
        };
        let (last_modified, links) = own_fields(&self.resource);
        let mut response = self.of(&Whole::new(Bytes::new(), last_modified, links), now);
        match known {
            Some(length) => drop(response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(length))),
            None => drop(response.headers_mut().remove(header::CONTENT_LENGTH)),
        }
        response
    }
}

/// Encodes a document, so that requests for it in this coding find it. Takes milliseconds. The bytes are counted for as long as anybody
/// holds them. Says whether the document is encoded.
pub(super) fn encode(resource: &Resource, coding: Coding, identity: &Bytes, tally: &MemoryCounter) -> bool {
    let slot = coding::slot(resource, coding);
    let _alone = slot.making.lock().unwrap_or_else(PoisonError::into_inner);
    if slot.whole().is_some() {
        return true;
    }
    let Some(bytes) = coding::encoded(identity, coding) else { return false };
    let (last_modified, links) = own_fields(resource);
    resource.keep(slot, Whole::new(tally.counted(bytes), last_modified, links));
    true
}

/// Last-Modified and Link.
fn own_fields(resource: &Resource) -> (Option<HeaderValue>, Option<HeaderValue>) {
    let links = resource.links.as_ref().and_then(|links| HeaderValue::from_str(links.as_str()).ok());
    (resource.last_modified.and_then(imf_fixdate), links)
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
/// In seconds, since NetNewsWire reads nothing else.
const SOON: HeaderValue = HeaderValue::from_static("1");
const EVERYBODY: HeaderValue = HeaderValue::from_static("*");
const NONE: HeaderValue = HeaderValue::from_static("none");
const ENCODING_VARIES: HeaderValue = HeaderValue::from_static("Accept-Encoding");
pub(super) const PLAIN_TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");
/// Scripts, frames and forms have no place on our pages; pictures and media come from anywhere.
const PAGE_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'unsafe-inline'; img-src *; media-src *; base-uri 'none'; form-action 'none'; \
     frame-ancestors 'none'",
);

/// Answers with a document: 200, 304, 406 or 412.
///
/// A 304 has what RFC 9110, section 15.4.5 asks for (ETag, Vary, Cache-Control, Date) and what lets a web page have it, and no
/// more (H-23); it costs no encoding, since the tag of a coding is known before its bytes.
pub fn document(head: &Head<'_>, route: &Arc<str>, resource: &Arc<Resource>, now: Timestamp) -> Reply {
    let accepted = head.headers.get_all(header::ACCEPT_ENCODING).iter().map(HeaderValue::as_bytes);
    let Some(coding) = negotiate::choose(accepted, resource.length >= coding::WORTH_CODING) else {
        return Reply::Ready(refusal(head, StatusCode::NOT_ACCEPTABLE, now));
    };
    let tag = EntityTag::of(resource, coding);
    let last_modified = sendable(resource.last_modified, now);
    let validators = Validators { tag: tag.as_bytes(), weak: false, last_modified };
    let outcome = conditional::evaluate(head.headers, validators);
    let is_head = *head.method == Method::HEAD;
    let selected = Selected { route: Arc::clone(route), resource: Arc::clone(resource), coding, is_head };
    match outcome {
        Outcome::NotModified => {
            let fields = &shared_fields(resource, coding).unmodified;
            let response = prepared(StatusCode::NOT_MODIFIED, fields, &tag, Bytes::new(), now);
            Reply::Document(selected, response)
        }
        Outcome::Failed => Reply::Ready(refusal(head, StatusCode::PRECONDITION_FAILED, now)),
        Outcome::Proceed => match selected.ready(now).or_else(|| selected.at_hand(now)) {
            Some(response) => Reply::Document(selected, response),
            None => Reply::NeedsBytes(selected),
        },
    }
}

/// An answer of fields that were made before: Date is of now, and the tag of the document.
fn prepared(status: StatusCode, fields: &HeaderMap, tag: &EntityTag, bytes: Bytes, now: Timestamp) -> Response<Bytes> {
    let mut response = Response::new(bytes);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    *headers = fields.clone();
    match date(now) {
        Some(date) => drop(headers.insert(header::DATE, date)),
        None => drop(headers.remove(header::DATE)),
    }
    if let Ok(tag) = HeaderValue::from_bytes(tag.as_bytes()) {
        headers.insert(header::ETAG, tag);
    }
    response
}

/// The fields that documents of one kind have in common in a coding, made once for all of them: requests for thousands of feeds find
/// them in the processor's cache.
fn shared_fields(resource: &Resource, coding: Coding) -> &Fields {
    type Kind = (&'static str, &'static str, u32);
    static MADE: Mutex<BTreeMap<Kind, Arc<Fields>>> = Mutex::new(BTreeMap::new());
    coding::slot(resource, coding).fields.get_or_init(|| {
        let kind = (resource.kind.content_type(), coding.name().unwrap_or_default(), resource.max_age);
        let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(made.entry(kind).or_insert_with(|| Arc::new(fields(resource, coding))))
    })
}

/// The fields of answers. What is of each document is there, too, so that there is room for it.
fn fields(resource: &Resource, coding: Coding) -> Fields {
    let mut unmodified = HeaderMap::with_capacity(10);
    unmodified.insert(header::DATE, NONE);
    unmodified.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, EVERYBODY);
    unmodified.insert(header::VARY, ENCODING_VARIES);
    set(&mut unmodified, header::CACHE_CONTROL, &format!("max-age={}", resource.max_age));
    unmodified.insert(header::ETAG, NONE);
    let mut whole = unmodified.clone();
    common(&mut whole);
    whole.insert(header::LAST_MODIFIED, NONE);
    whole.insert(header::CONTENT_LENGTH, NONE);
    whole.insert(header::CONTENT_TYPE, HeaderValue::from_static(resource.kind.content_type()));
    whole.insert(header::ACCEPT_RANGES, NONE);
    if let Some(name) = coding.name() {
        whole.insert(header::CONTENT_ENCODING, HeaderValue::from_static(name));
    }
    if resource.kind == ResourceKind::Page {
        whole.insert(header::CONTENT_SECURITY_POLICY, PAGE_POLICY);
    }
    Fields { unmodified, whole }
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
    set(headers, header::CACHE_CONTROL, &format!("max-age={}", media::MAX_AGE));
    set(headers, header::ETAG, &format!("W/{tag}"));
    headers.extend(last_modified.and_then(imf_fixdate).map(|date| (header::LAST_MODIFIED, date)));
    match conditional::evaluate(head.headers, Validators { tag: tag.as_bytes(), weak: true, last_modified }) {
        Outcome::NotModified => return (not_modified(response), None),
        Outcome::Failed => return (refusal(head, StatusCode::PRECONDITION_FAILED, now), None),
        Outcome::Proceed => {}
    }
    // Range means something on GET only (RFC 9110, section 14.2).
    let is_get = *head.method == Method::GET;
    let part =
        if is_get { range::requested(head.headers, facts.length, last_modified, now) } else { RequestedRange::Whole };
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
        StatusCode::MISDIRECTED_REQUEST => "Ask by an address or as `localhost`.",
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
        StatusCode::SERVICE_UNAVAILABLE => drop(headers.insert(header::RETRY_AFTER, SOON)),
        _ => {}
    }
    response
}

/// Says that a client took this feed too often without asking whether it changed (RFC 6585, section 4): in seconds, since NetNewsWire
/// reads nothing else (K-02); short, plain and without validators (K-03).
pub(super) fn too_many(head: &Head<'_>, seconds: u32, now: Timestamp) -> Response<Bytes> {
    const TEXT: &str = "You have this version of the feed already, and have taken it whole again and again. Send If-None-Match with \
                        the ETag that you were given: such requests are never limited.\n";
    let mut response = short(head, StatusCode::TOO_MANY_REQUESTS, PLAIN_TEXT, TEXT, now);
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
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
    short(head, StatusCode::OK, PLAIN_TEXT, format!("ready\n{}", alarms(report)), now)
}

/// Says that the articles are still being read, and what stands in the way of that.
pub(super) fn starting(head: &Head<'_>, report: &Report, now: Timestamp) -> Response<Bytes> {
    let text = format!("starting: all articles are read before any is published\n{}", alarms(report));
    let mut response = short(head, StatusCode::SERVICE_UNAVAILABLE, PLAIN_TEXT, text, now);
    response.headers_mut().insert(header::RETRY_AFTER, SOON);
    response
}

/// What an operator has to see to, a line each.
fn alarms(report: &Report) -> String {
    let (config, alarms): (Vec<&Diagnostic>, Vec<&Diagnostic>) = report
        .problems
        .iter()
        .filter(|problem| problem.code.is_alarm())
        .partition(|problem| problem.code.keeps_configuration());
    let mut lines: String = alarms.into_iter().map(|alarm| format!("{}\n", alarm.to_log_line())).collect();
    let codes: BTreeSet<&str> = config.iter().map(|problem| problem.code.name()).collect();
    if !codes.is_empty() {
        let codes = codes.into_iter().collect::<Vec<_>>().join(", ");
        // Readers may see this page, and the words of the file are none of their business.
        lines.push_str(&match config.iter().all(|problem| problem.code == Code::ConfigFrozen) {
            true => format!("the configuration was changed, and some of it waits for a restart ({codes}); see `dateline check`\n"),
            false => format!(
                "the configuration was changed and is not taken ({codes}); the one before is in force; see `dateline check`\n"
            ),
        });
    }
    lines
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
pub(super) fn ended(
    head: &Head<'_>,
    former: &RetiredAddress,
    reason: Option<&Text>,
    now: Timestamp,
) -> Response<Bytes> {
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
    for name in [header::LAST_MODIFIED, header::X_CONTENT_TYPE_OPTIONS, header::ACCESS_CONTROL_EXPOSE_HEADERS] {
        response.headers_mut().remove(name);
    }
    response.map(|()| Bytes::new())
}

/// An answer of a few words, never cached.
pub(super) fn short(
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

/// An answer with what every answer has.
fn bare(status: StatusCode, now: Timestamp) -> Response<()> {
    let mut response = Response::new(());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.extend(date(now).map(|date| (header::DATE, date)));
    common(headers);
    response
}

/// Leave for web pages to read it, and to take it for nothing but what it is.
fn common(headers: &mut HeaderMap) {
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, EVERYBODY);
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("ETag, Last-Modified"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
}

/// A Date field. It is made once a second and not for every answer.
fn date(now: Timestamp) -> Option<HeaderValue> {
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
fn sendable(last_modified: Option<Timestamp>, now: Timestamp) -> Option<Timestamp> {
    last_modified.filter(|modified| (0..=now.as_second()).contains(&modified.as_second()))
}

/// An IMF-fixdate (RFC 9110, section 5.6.7). A clock outside the years 1970 to 9999 gives no date at all.
fn imf_fixdate(instant: Timestamp) -> Option<HeaderValue> {
    const YEAR_9999_ENDS: u64 = 253_402_300_799;
    let seconds = u64::try_from(instant.as_second()).ok().filter(|seconds| *seconds <= YEAR_9999_ENDS)?;
    HeaderValue::from_str(&httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(seconds))).ok()
}

/// Sets a field to text that we made; what cannot stand in a header field (a query of a request, perhaps) is left out.
fn set(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feed::Format;

    #[test]
    fn many_readers_wait_for_one_encoding() {
        let bytes = "harbour ".repeat(20_000).into_bytes();
        let resource = Arc::new(Resource::new(ResourceKind::Feed(Format::Atom), bytes, None, 900));
        let readers: Vec<_> = (0..8)
            .map(|_| {
                let (route, resource) = (Arc::from("/atom.xml"), Arc::clone(&resource));
                let selected = Selected { route, resource, coding: Coding::Brotli, is_head: false };
                std::thread::spawn(move || {
                    selected.make(|| selected.resource.bytes(), Timestamp::UNIX_EPOCH).unwrap().body().as_ptr() as usize
                })
            })
            .collect();
        let places: Vec<_> = readers.into_iter().map(|reader| reader.join().unwrap()).collect();
        assert!(places.windows(2).all(|pair| pair[0] == pair[1]), "the same memory, so the same encoding");
    }
}
