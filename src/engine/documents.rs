//! Updates the snapshot's documents.

use std::sync::Arc;

use super::parts::problems::Source;
use super::state::Engine;
use crate::build::index::Index;
use crate::build::{assemble, encode};
use crate::diagnostics::Diagnostic;
use crate::ledger::Record;
use crate::snapshot::{Resource, ResourceKind};

impl Engine {
    /// Publishes a document unless it is unchanged. If it couldn't be built, the last good document stays.
    pub(super) fn put_document(&mut self, route: String, kind: ResourceKind, document: Result<Resource, Diagnostic>) {
        let mut resource = match document {
            Ok(resource) => resource,
            Err(diagnostic) => return self.problems.set(Source::Document(route), vec![diagnostic]),
        };
        let route: Arc<str> = route.into();
        resource.last_modified = self.recorder.last_modified(&route, &resource, self.now);
        if let Some(last_modified) = resource.last_modified
            && self.recorder.ledger.document(&route) != Some((resource.hash, last_modified))
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
        let is_missing = self.publisher.missing_documents.remove(&route);
        if !is_missing && self.publisher.snapshot.documents.get(&route).is_some_and(is_same) {
            return;
        }
        self.publisher.note_changed_route(&route);
        let resource = Arc::new(resource);
        self.publisher.unstored_documents.add(&resource);
        self.publisher.snapshot.documents.insert(route, resource);
    }

    /// Removes a document.
    pub(super) fn remove_document(&mut self, route: &str) {
        self.problems.set(Source::Document(route.to_owned()), Vec::new());
        self.publisher.missing_documents.remove(route);
        if self.publisher.snapshot.documents.remove(route).is_some() {
            self.publisher.note_changed_route(&route.into());
        }
    }

    /// Updates the documents that don't belong to one feed: the list of feeds (OPML) and the style sheet.
    pub(super) fn update_shared_documents(&mut self, index: &Index, feeds_changed: bool) {
        if feeds_changed || self.publisher.missing_documents.contains("/feeds.opml") {
            let opml = encode::opml(index.rules(), index.feeds(), &self.publisher.feed_titles);
            self.put_document("/feeds.opml".into(), ResourceKind::Opml, opml);
        }
        let has_style = self.publisher.snapshot.documents.contains_key(assemble::STYLE_ROUTE);
        let is_missing = self.publisher.missing_documents.contains(assemble::STYLE_ROUTE);
        match index.rules().config().shows_feeds() {
            true if !has_style || is_missing => {
                self.put_document(assemble::STYLE_ROUTE.to_owned(), ResourceKind::Style, Ok(encode::style_sheet()));
            }
            false if has_style && !is_missing => self.remove_document(assemble::STYLE_ROUTE),
            _ => {}
        }
    }
}
