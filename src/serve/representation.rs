//! Documents as representations (RFC 9110, section 3.2): a document in a content coding, and its 200 response. Pure.

use std::sync::Arc;

use bytes::Bytes;
use hyper::Response;
use hyper::header::{self, HeaderValue};
use jiff::Timestamp;

use super::coding::{self, EntityTag};
use super::headers::{imf_fixdate, sendable_last_modified};
use super::negotiation::Coding;
use super::templates::{self, Template};
use crate::metrics::MemoryCounter;
use crate::snapshot::Resource;
use crate::types::Text;

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
    /// The 200 with these bytes.
    pub fn response(&self, prepared: &PreparedResponse, now: Timestamp) -> Response<Bytes> {
        let bytes = if self.is_head { Bytes::new() } else { prepared.bytes.clone() };
        let mut response = self.without_length(prepared, bytes, now);
        response.headers_mut().insert(header::CONTENT_LENGTH, prepared.length.clone());
        response
    }

    /// The response to HEAD for a document that isn't in memory. Content-Length is omitted while it is unknown, as RFC 9110,
    /// section 8.6 allows.
    pub(super) fn head_without_bytes(&self, length: Option<usize>, now: Timestamp) -> Response<Bytes> {
        let prepared = PreparedResponse::new(&self.resource, Bytes::new());
        let mut response = self.without_length(&prepared, Bytes::new(), now);
        match length {
            Some(length) => drop(response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(length))),
            None => drop(response.headers_mut().remove(header::CONTENT_LENGTH)),
        }
        response
    }

    fn without_length(&self, prepared: &PreparedResponse, bytes: Bytes, now: Timestamp) -> Response<Bytes> {
        let resource = &*self.resource;
        let tag = EntityTag::new(resource, self.coding);
        let mut response = templates::response(Template::Ok, resource, self.coding, &tag, bytes, now);
        let headers = response.headers_mut();
        let sendable = sendable_last_modified(resource.last_modified, now);
        match sendable.as_ref().and_then(|date| prepared.last_modified.value(date, |date| imf_fixdate(*date))) {
            Some(date) => drop(headers.insert(header::LAST_MODIFIED, date)),
            None => drop(headers.remove(header::LAST_MODIFIED)),
        }
        let links = resource.links.as_ref().and_then(|links| prepared.links.value(links, link_field));
        headers.extend(links.map(|links| (header::LINK, links)));
        response
    }
}

/// The body of a 200, and the fields that differ per document.
#[derive(Debug)]
pub struct PreparedResponse {
    /// The body, encoded.
    pub bytes: Bytes,
    length: HeaderValue,
    last_modified: PreparedField<Timestamp>,
    links: PreparedField<Text>,
}

impl PreparedResponse {
    /// Prepares the response of a document. `bytes` are encoded.
    pub(super) fn new(resource: &Resource, bytes: Bytes) -> PreparedResponse {
        PreparedResponse {
            length: HeaderValue::from(bytes.len()),
            last_modified: PreparedField::new(resource.last_modified.as_ref(), |date| imf_fixdate(*date)),
            links: PreparedField::new(resource.links.as_ref(), link_field),
            bytes,
        }
    }

    /// Encodes a document, which takes milliseconds, and prepares the response. `memory` counts encoded bytes until nobody holds them.
    /// `None` if the encoder fails.
    pub fn encode(
        resource: &Resource,
        coding: Coding,
        identity: &Bytes,
        memory: &MemoryCounter,
    ) -> Option<PreparedResponse> {
        let bytes = match coding {
            Coding::Identity => identity.clone(),
            Coding::Gzip | Coding::Brotli | Coding::Zstd => memory.counted(coding::encoded(identity, coding)?),
        };
        Some(PreparedResponse::new(resource, bytes))
    }
}

/// A field of the document for which a response was prepared. Another document may have the same bytes and another value.
#[derive(Debug)]
struct PreparedField<T>(Option<(T, HeaderValue)>);

impl<T: Clone + PartialEq> PreparedField<T> {
    fn new(source: Option<&T>, format: impl FnOnce(&T) -> Option<HeaderValue>) -> PreparedField<T> {
        PreparedField(source.and_then(|source| Some((source.clone(), format(source)?))))
    }

    /// The field's value for a document.
    fn value(&self, source: &T, format: impl FnOnce(&T) -> Option<HeaderValue>) -> Option<HeaderValue> {
        match &self.0 {
            Some((prepared, value)) if prepared == source => Some(value.clone()),
            _ => format(source),
        }
    }
}

/// The Link field of a document.
pub(super) fn link_field(links: &Text) -> Option<HeaderValue> {
    HeaderValue::from_str(links.as_str()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::{BuiltDocument, ResourceKind};

    #[test]
    fn documents_with_same_bytes_keep_their_own_fields() {
        let now = "2026-11-23T12:00:00Z".parse().unwrap();
        let document = |dated: &str, link: &str| {
            let modified = (!dated.is_empty()).then(|| dated.parse().unwrap());
            let mut document = BuiltDocument::new(ResourceKind::Page, b"same".to_vec(), modified, 60);
            document.resource_mut().links = (!link.is_empty()).then(|| Text::line(link));
            document
        };
        let memory = MemoryCounter::default();
        let BuiltDocument { resource, bytes } = document("2026-11-20T00:00:00Z", "</a>");
        let prepared = PreparedResponse::encode(&resource, Coding::Identity, &bytes, &memory).unwrap();
        for (dated, link, expected) in [
            ("2026-11-20T00:00:00Z", "</a>", [Some("Fri, 20 Nov 2026 00:00:00 GMT"), Some("</a>")]),
            ("2026-11-21T00:00:00Z", "</b>", [Some("Sat, 21 Nov 2026 00:00:00 GMT"), Some("</b>")]),
            ("2026-11-24T00:00:00Z", "", [None, None]),
            ("", "</a>", [None, Some("</a>")]),
        ] {
            let (route, resource) = (Arc::from("/"), document(dated, link).resource);
            let selected = SelectedRepresentation { route, resource, coding: Coding::Identity, is_head: false };
            for response in [selected.response(&prepared, now), selected.head_without_bytes(Some(4), now)] {
                let field = |name| response.headers().get(name).map(|value| value.to_str().unwrap());
                assert_eq!([field("last-modified"), field("link")], expected, "{dated} {link}");
                assert_eq!(field("content-length"), Some("4"));
            }
        }
    }
}
