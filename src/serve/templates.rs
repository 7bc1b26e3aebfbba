//! Header fields that documents of one kind share. Pure.
//!
//! # Why are header fields prepared?
//!
//! A response clones a prepared map and fills in Date, ETag and the document's own fields. Requests for thousands of feeds find the shared
//! map in the processor's cache.

use std::sync::{Arc, LazyLock};

use arc_swap::ArcSwap;
use bytes::Bytes;
use hashbrown::HashMap;
use hyper::header::{self, HeaderValue};
use hyper::{HeaderMap, Response, StatusCode};
use jiff::Timestamp;

use super::coding::EntityTag;
use super::headers::{ANY_ORIGIN, PAGE_POLICY, PLACEHOLDER, VARY_ACCEPT_ENCODING, common, date, set};
use super::negotiation::Coding;
use crate::snapshot::{Resource, ResourceKind};

/// The shared fields depend on the kind of document, the content coding, and how long caches may keep it.
type Key = (ResourceKind, Coding, u32);

static MADE: LazyLock<ArcSwap<HashMap<Key, Arc<Templates>>>> = LazyLock::new(ArcSwap::default);

/// Shared fields. Date and fields that differ per document have placeholders.
#[derive(Debug)]
struct Templates {
    not_modified: HeaderMap,
    ok: HeaderMap,
}

/// The header fields that a response shares with others of its status.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Template {
    /// Status 304: the client has the document.
    NotModified,
    /// Status 200: the whole document.
    Ok,
}

/// A response of a document with the shared header fields, the current Date and the ETag.
pub(super) fn response(
    template: Template,
    resource: &Resource,
    coding: Coding,
    tag: &EntityTag,
    bytes: Bytes,
    now: Timestamp,
) -> Response<Bytes> {
    let key = (resource.kind, coding, resource.max_age);
    let mut response = Response::new(bytes);
    let fill = |response: &mut Response<Bytes>, templates: &Templates| match template {
        Template::NotModified => {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            *response.headers_mut() = templates.not_modified.clone();
        }
        Template::Ok => *response.headers_mut() = templates.ok.clone(),
    };
    match MADE.load().get(&key) {
        Some(templates) => fill(&mut response, templates),
        None => {
            let templates = Arc::new(templates(resource, coding));
            fill(&mut response, &templates);
            MADE.rcu(|made| {
                let mut made = HashMap::clone(made);
                made.insert(key, Arc::clone(&templates));
                made
            });
        }
    }
    let headers = response.headers_mut();
    match date(now) {
        Some(date) => drop(headers.insert(header::DATE, date)),
        None => drop(headers.remove(header::DATE)),
    }
    if let Ok(tag) = HeaderValue::from_bytes(tag.as_bytes()) {
        headers.insert(header::ETAG, tag);
    }
    response
}

/// Builds the shared header fields. Fields that differ between documents get placeholders, so that the map never grows.
fn templates(resource: &Resource, coding: Coding) -> Templates {
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
    Templates { not_modified, ok }
}
