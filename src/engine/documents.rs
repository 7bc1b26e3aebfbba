//! Updates the snapshot's documents and collects the changes to deliver.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{Engine, Source};
use crate::build::index::Index;
use crate::build::{assemble, encode};
use crate::diagnostics::Diagnostic;
use crate::event::{Delivery, Effect};
use crate::ledger::{Ledger, Record};
use crate::snapshot::{Resource, ResourceKind};
use crate::types::ContentHash;

/// Built documents that haven't been passed on in [`Effect::Store`].
#[derive(Debug, Default)]
pub(super) struct UnstoredDocuments {
    documents: Vec<Arc<Resource>>,
    bytes: usize,
}

impl UnstoredDocuments {
    fn add(&mut self, document: &Arc<Resource>) {
        self.bytes += document.bytes_in_memory();
        self.documents.push(Arc::clone(document));
    }

    /// The size of the documents in memory, in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The documents to store, if there are any.
    pub(super) fn take(&mut self) -> Option<Effect> {
        let UnstoredDocuments { documents, .. } = std::mem::take(self);
        (!documents.is_empty()).then_some(Effect::Store(documents))
    }
}

impl Engine {
    /// Publishes a document unless it is unchanged. If it couldn't be built, the last good document stays.
    pub(super) fn put_document(&mut self, route: String, kind: ResourceKind, document: Result<Resource, Diagnostic>) {
        let mut resource = match document {
            Ok(resource) => resource,
            Err(diagnostic) => return self.problems.set(Source::Document(route), vec![diagnostic]),
        };
        let route: Arc<str> = route.into();
        resource.last_modified = self.last_modified(&route, &resource);
        if let Some(last_modified) = resource.last_modified
            && self.ledger.document(&route) != Some((resource.hash, last_modified))
        {
            let (route, hash) = (Arc::clone(&route), resource.hash);
            self.record(Record::Document { route, hash, last_modified });
        }
        self.problems.set(Source::Document(route.to_string()), Vec::new());
        let is_same = |old: &Arc<Resource>| {
            old.hash == resource.hash
                && old.kind == kind
                && old.last_modified == resource.last_modified
                && old.max_age == resource.max_age
                && old.expires == resource.expires
        };
        let is_missing = self.missing_documents.remove(&route);
        if !is_missing && self.snapshot.documents.get(&route).is_some_and(is_same) {
            return;
        }
        self.note_changed_route(&route);
        let resource = Arc::new(resource);
        self.unstored_documents.add(&resource);
        self.snapshot.documents.insert(route, resource);
    }

    /// Removes a document.
    pub(super) fn remove_document(&mut self, route: &str) {
        self.problems.set(Source::Document(route.to_owned()), Vec::new());
        self.missing_documents.remove(route);
        if self.snapshot.documents.remove(route).is_some() {
            self.note_changed_route(&route.into());
        }
    }

    /// Updates the documents that don't belong to one feed: the list of feeds (OPML) and the style sheet.
    pub(super) fn update_shared_documents(&mut self, index: &Index, feeds_changed: bool) {
        if feeds_changed || self.missing_documents.contains("/feeds.opml") {
            let opml = encode::opml(index.rules(), index.feeds(), &self.feed_titles);
            self.put_document("/feeds.opml".into(), ResourceKind::Opml, opml);
        }
        let has_style = self.snapshot.documents.contains_key(assemble::STYLE_ROUTE);
        let is_missing = self.missing_documents.contains(assemble::STYLE_ROUTE);
        match index.rules().config().shows_feeds() {
            true if !has_style || is_missing => {
                self.put_document(assemble::STYLE_ROUTE.to_owned(), ResourceKind::Style, Ok(encode::style_sheet()));
            }
            false if has_style && !is_missing => self.remove_document(assemble::STYLE_ROUTE),
            _ => {}
        }
    }

    /// Rebuilds a document whose bytes were lost.
    pub(super) fn rebuild_document(&mut self, route: Arc<str>) {
        let folder = route.rfind('/').and_then(|slash| route.get(..=slash)).unwrap_or_default();
        let key = self.document_names.keys().find(|key| assemble::route(key) == folder).cloned();
        self.feeds_to_rebuild.extend(key);
        self.missing_documents.insert(route);
    }

    /// Notes that a document has to be delivered or removed.
    pub(super) fn note_changed_route(&mut self, route: &Arc<str>) {
        if let Some(changed) = &mut self.changed_routes {
            changed.insert(Arc::clone(route));
        }
    }

    /// The documents that changed since the last swap, for delivery. `None` if there are none.
    pub(super) fn delivery(&mut self) -> Option<Delivery> {
        let changed = self.changed_routes.replace(BTreeSet::new());
        let is_deliverable = |resource: &Arc<Resource>| resource.kind != ResourceKind::Page;
        let is_complete = changed.is_none();
        let mut documents: Vec<(Arc<str>, Option<Arc<Resource>>)> = match changed {
            None => {
                let all = self.snapshot.documents.iter();
                let all = all.filter(|(route, resource)| is_deliverable(resource) && self.is_written(route));
                all.map(|(route, resource)| (relative(route), Some(Arc::clone(resource)))).collect()
            }
            Some(routes) => routes
                .iter()
                .filter(|route| !route.ends_with('/'))
                .map(|route| {
                    let document = self.snapshot.documents.get(route).filter(|_| self.is_written(route));
                    (relative(route), document.cloned())
                })
                .collect(),
        };
        documents.sort_by(|left, right| left.0.cmp(&right.0));
        (is_complete || !documents.is_empty()).then_some(Delivery {
            generation: self.snapshot.generation,
            documents,
            complete: is_complete,
            withheld: std::mem::take(&mut self.shrunk_routes),
            recorded: std::mem::take(&mut self.last_run_documents),
        })
    }
}

/// The hashes of the documents in a ledger, by the paths under which they are delivered.
pub(super) fn delivered_documents(ledger: &Ledger) -> BTreeMap<Arc<str>, ContentHash> {
    let documents = ledger.documents().filter(|(route, _)| !route.ends_with('/'));
    documents.map(|(route, hash)| (relative(route), hash)).collect()
}

/// The path below the output directory under which a route is delivered.
pub(super) fn relative(route: &str) -> Arc<str> {
    route.trim_start_matches('/').into()
}
