//! The selected representation of a document (RFC 9110, section 3.2): its 200, made of prepared header fields. Pure.

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
use crate::snapshot::{Fields, MemoryCounter, Resource, ResourceKind, Whole};

/// A document, and the coding that was chosen for a client.
#[derive(Debug)]
pub struct SelectedRepresentation {
    /// Its path below the prefix, as the snapshot has it; empty for what is not in it.
    pub route: Arc<str>,
    /// What it is.
    pub resource: Arc<Resource>,
    /// How it is encoded.
    pub coding: Coding,
    pub(super) is_head: bool,
}

impl SelectedRepresentation {
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
        let tag = EntityTag::new(&self.resource, self.coding);
        let fields = &header_templates(&self.resource, self.coding).whole;
        let mut response = from_template(StatusCode::OK, fields, &tag, bytes, now);
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_LENGTH, whole.length.clone());
        match &whole.last_modified {
            Some(date) if sendable_last_modified(self.resource.last_modified, now).is_some() => {
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
        let _guard = slot.making.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(response) = self.ready(now) {
            return Some(response);
        }
        let bytes = coding::encoded(&identity()?, self.coding)?;
        let (last_modified, links) = document_headers(&self.resource);
        let whole = self.resource.keep(slot, Whole::new(bytes, last_modified, links));
        Some(self.of(&whole, now))
    }

    /// What can be answered without a thread that may block: the document as it is, where it is in memory, and HEAD where it is not.
    pub(super) fn ready_now(&self, now: Timestamp) -> Option<Response<Bytes>> {
        match self.resource.bytes() {
            Some(bytes) if self.coding == Coding::Identity => self.make(|| Some(bytes), now),
            None if self.is_head => Some(self.head_without_bytes(now)),
            _ => None,
        }
    }

    /// The answer to HEAD for a document that is not in memory. Content-Length is left out where nobody knows it yet, as RFC 9110,
    /// section 8.6 allows.
    fn head_without_bytes(&self, now: Timestamp) -> Response<Bytes> {
        let known = match self.coding {
            Coding::Identity => Some(self.resource.length),
            coding => coding::slot(&self.resource, coding).length(),
        };
        let (last_modified, links) = document_headers(&self.resource);
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
pub(super) fn encode(resource: &Resource, coding: Coding, identity: &Bytes, counter: &MemoryCounter) -> bool {
    let slot = coding::slot(resource, coding);
    let _guard = slot.making.lock().unwrap_or_else(PoisonError::into_inner);
    if slot.whole().is_some() {
        return true;
    }
    let Some(bytes) = coding::encoded(identity, coding) else { return false };
    let (last_modified, links) = document_headers(resource);
    resource.keep(slot, Whole::new(counter.counted(bytes), last_modified, links));
    true
}

/// Last-Modified and Link.
fn document_headers(resource: &Resource) -> (Option<HeaderValue>, Option<HeaderValue>) {
    let links = resource.links.as_ref().and_then(|links| HeaderValue::from_str(links.as_str()).ok());
    (resource.last_modified.and_then(imf_fixdate), links)
}

/// An answer of fields that were made before: Date is of now, and the tag of the document.
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

/// The fields that documents of one kind have in common in a coding, made once for all of them: requests for thousands of feeds find
/// them in the processor's cache.
pub(super) fn header_templates(resource: &Resource, coding: Coding) -> &Fields {
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
    unmodified.insert(header::DATE, PLACEHOLDER);
    unmodified.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, ANY_ORIGIN);
    unmodified.insert(header::VARY, VARY_ACCEPT_ENCODING);
    set(&mut unmodified, header::CACHE_CONTROL, &format!("max-age={}", resource.max_age));
    unmodified.insert(header::ETAG, PLACEHOLDER);
    let mut whole = unmodified.clone();
    common(&mut whole);
    whole.insert(header::LAST_MODIFIED, PLACEHOLDER);
    whole.insert(header::CONTENT_LENGTH, PLACEHOLDER);
    whole.insert(header::CONTENT_TYPE, HeaderValue::from_static(resource.kind.content_type()));
    whole.insert(header::ACCEPT_RANGES, HeaderValue::from_static("none"));
    if let Some(name) = coding.name() {
        whole.insert(header::CONTENT_ENCODING, HeaderValue::from_static(name));
    }
    if resource.kind == ResourceKind::Page {
        whole.insert(header::CONTENT_SECURITY_POLICY, PAGE_POLICY);
    }
    Fields { unmodified, whole }
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
                let selected = SelectedRepresentation { route, resource, coding: Coding::Brotli, is_head: false };
                std::thread::spawn(move || {
                    selected.make(|| selected.resource.bytes(), Timestamp::UNIX_EPOCH).unwrap().body().as_ptr() as usize
                })
            })
            .collect();
        let places: Vec<_> = readers.into_iter().map(|reader| reader.join().unwrap()).collect();
        assert!(places.windows(2).all(|pair| pair[0] == pair[1]), "the same memory, so the same encoding");
    }
}
