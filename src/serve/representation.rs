//! Documents as representations (RFC 9110, section 3.2): a document in a content coding, and its 200 response. Pure.
//!
//! # Why are header fields prepared?
//!
//! A document changes once and is requested thousands of times. Documents of one kind share a header map per coding. A response clones it
//! and fills in Date, ETag and the document's own fields. Requests for thousands of feeds find the shared map in the processor's cache.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use hyper::header::{self, HeaderValue};
use hyper::{HeaderMap, Response, StatusCode};
use jiff::Timestamp;

use super::coding::{self, EntityTag};
use super::headers::{
    ANY_ORIGIN, PAGE_POLICY, PLACEHOLDER, VARY_ACCEPT_ENCODING, common, date, imf_fixdate, sendable_last_modified, set,
};
use super::negotiation::Coding;
use crate::snapshot::{FullResponse, HeaderTemplates, MemoryCounter, Resource, ResourceKind};

/// A document in the content coding selected for a request.
#[derive(Debug)]
pub struct SelectedRepresentation {
    /// The document's path below the prefix, as in the snapshot. Empty for documents outside the snapshot.
    pub route: Arc<str>,
    /// The document.
    pub resource: Arc<Resource>,
    /// The content coding.
    pub coding: Coding,
    pub(super) is_head: bool,
}

impl SelectedRepresentation {
    /// The 200, if the document is in memory in this coding.
    pub fn ready(&self, now: Timestamp) -> Option<Response<Bytes>> {
        let full = coding::slot(&self.resource, self.coding).response();
        Some(self.response_from(full.as_deref()?, now))
    }

    /// The 200 of `full`.
    fn response_from(&self, full: &FullResponse, now: Timestamp) -> Response<Bytes> {
        let bytes = match self.is_head {
            true => Bytes::new(),
            false => {
                coding::slot(&self.resource, self.coding).mark_requested();
                full.bytes.clone()
            }
        };
        let tag = EntityTag::new(&self.resource, self.coding);
        let fields = &header_templates(&self.resource, self.coding).ok;
        let mut response = from_template(StatusCode::OK, fields, &tag, bytes, now);
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_LENGTH, full.length.clone());
        match &full.last_modified {
            Some(date) if sendable_last_modified(self.resource.last_modified, now).is_some() => {
                headers.insert(header::LAST_MODIFIED, date.clone());
            }
            _ => drop(headers.remove(header::LAST_MODIFIED)),
        }
        headers.extend(full.links.clone().map(|links| (header::LINK, links)));
        response
    }

    /// The 200, made from the document's bytes. Encoding takes milliseconds, or waits for another thread's. `None` if the bytes
    /// are unavailable or the encoder fails.
    pub fn make(&self, identity: impl FnOnce() -> Option<Bytes>, now: Timestamp) -> Option<Response<Bytes>> {
        let slot = coding::slot(&self.resource, self.coding);
        let _guard = slot.encode_lock.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(response) = self.ready(now) {
            return Some(response);
        }
        let bytes = coding::encoded(&identity()?, self.coding)?;
        let (last_modified, links) = document_headers(&self.resource);
        let full = self.resource.store_response(slot, FullResponse::new(bytes, last_modified, links));
        Some(self.response_from(&full, now))
    }

    /// A response that needs no blocking work: an unencoded document in memory, or HEAD.
    pub(super) fn ready_now(&self, now: Timestamp) -> Option<Response<Bytes>> {
        match self.resource.bytes() {
            Some(bytes) if self.coding == Coding::Identity => self.make(|| Some(bytes), now),
            None if self.is_head => Some(self.head_without_bytes(now)),
            _ => None,
        }
    }

    /// The response to HEAD for a document that isn't in memory. Content-Length is omitted while it is unknown, as RFC 9110,
    /// section 8.6 allows.
    fn head_without_bytes(&self, now: Timestamp) -> Response<Bytes> {
        let known = match self.coding {
            Coding::Identity => Some(self.resource.length),
            coding => coding::slot(&self.resource, coding).length(),
        };
        let (last_modified, links) = document_headers(&self.resource);
        let mut response = self.response_from(&FullResponse::new(Bytes::new(), last_modified, links), now);
        match known {
            Some(length) => drop(response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(length))),
            None => drop(response.headers_mut().remove(header::CONTENT_LENGTH)),
        }
        response
    }
}

/// Encodes a document and stores the result in it. Takes milliseconds. `counter` counts the bytes until nobody holds them.
/// Returns whether the document is encoded.
pub(super) fn encode(resource: &Resource, coding: Coding, identity: &Bytes, counter: &MemoryCounter) -> bool {
    let slot = coding::slot(resource, coding);
    let _guard = slot.encode_lock.lock().unwrap_or_else(PoisonError::into_inner);
    if slot.response().is_some() {
        return true;
    }
    let Some(bytes) = coding::encoded(identity, coding) else { return false };
    let (last_modified, links) = document_headers(resource);
    resource.store_response(slot, FullResponse::new(counter.counted(bytes), last_modified, links));
    true
}

/// The document's Last-Modified and Link fields.
fn document_headers(resource: &Resource) -> (Option<HeaderValue>, Option<HeaderValue>) {
    let links = resource.links.as_ref().and_then(|links| HeaderValue::from_str(links.as_str()).ok());
    (resource.last_modified.and_then(imf_fixdate), links)
}

/// A response with prepared header fields, the current Date and the document's ETag.
pub(super) fn from_template(
    status: StatusCode,
    fields: &HeaderMap,
    tag: &EntityTag,
    bytes: Bytes,
    now: Timestamp,
) -> Response<Bytes> {
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

/// The header fields that documents of this kind share in this coding.
pub(super) fn header_templates(resource: &Resource, coding: Coding) -> &HeaderTemplates {
    type Kind = (&'static str, &'static str, u32);
    static MADE: Mutex<BTreeMap<Kind, Arc<HeaderTemplates>>> = Mutex::new(BTreeMap::new());
    coding::slot(resource, coding).fields.get_or_init(|| {
        let kind = (resource.kind.content_type(), coding.name().unwrap_or_default(), resource.max_age);
        let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(made.entry(kind).or_insert_with(|| Arc::new(fields(resource, coding))))
    })
}

/// Builds the shared header fields. Fields that differ between documents get placeholders, so that the map never grows.
fn fields(resource: &Resource, coding: Coding) -> HeaderTemplates {
    let mut not_modified = HeaderMap::with_capacity(10);
    not_modified.insert(header::DATE, PLACEHOLDER);
    not_modified.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, ANY_ORIGIN);
    not_modified.insert(header::VARY, VARY_ACCEPT_ENCODING);
    set(&mut not_modified, header::CACHE_CONTROL, &format!("max-age={}", resource.max_age));
    not_modified.insert(header::ETAG, PLACEHOLDER);
    let mut ok = not_modified.clone();
    common(&mut ok);
    ok.insert(header::LAST_MODIFIED, PLACEHOLDER);
    ok.insert(header::CONTENT_LENGTH, PLACEHOLDER);
    ok.insert(header::CONTENT_TYPE, HeaderValue::from_static(resource.kind.content_type()));
    ok.insert(header::ACCEPT_RANGES, HeaderValue::from_static("none"));
    if let Some(name) = coding.name() {
        ok.insert(header::CONTENT_ENCODING, HeaderValue::from_static(name));
    }
    if resource.kind == ResourceKind::Page {
        ok.insert(header::CONTENT_SECURITY_POLICY, PAGE_POLICY);
    }
    HeaderTemplates { not_modified, ok }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feed::Format;

    #[test]
    fn concurrent_requests_share_one_encoding() {
        let bytes = "harbour ".repeat(20_000).into_bytes();
        let resource = Arc::new(Resource::new(ResourceKind::Feed(Format::Atom), bytes, None, 900));
        let requests: Vec<_> = (0..8)
            .map(|_| {
                let (route, resource) = (Arc::from("/atom.xml"), Arc::clone(&resource));
                let selected = SelectedRepresentation { route, resource, coding: Coding::Brotli, is_head: false };
                std::thread::spawn(move || {
                    selected.make(|| selected.resource.bytes(), Timestamp::UNIX_EPOCH).unwrap().body().as_ptr() as usize
                })
            })
            .collect();
        let addresses: Vec<_> = requests.into_iter().map(|request| request.join().unwrap()).collect();
        assert!(addresses.windows(2).all(|pair| pair[0] == pair[1]), "the same memory, so the same encoding");
    }
}
