//! Updates the snapshot's documents.

use std::sync::Arc;

use super::parts::problems::Source;
use super::state::State;
use crate::build::index::Index;
use crate::build::{assemble, encode};
use crate::diagnostics::Diagnostic;
use crate::ledger::Record;
use crate::snapshot::{BuiltDocument, Resource, ResourceKind};

/// Publishes a document unless it is unchanged. If it couldn't be built, the last good document stays.
pub(super) fn put(state: &mut State, route: String, kind: ResourceKind, document: Result<BuiltDocument, Diagnostic>) {
    let mut document = match document {
        Ok(document) => document,
        Err(diagnostic) => return state.problems.set(Source::Document(route), vec![diagnostic]),
    };
    let route: Arc<str> = route.into();
    let resource = document.resource_mut();
    resource.last_modified = state.recorder.last_modified(&route, resource, state.now);
    if let Some(last_modified) = resource.last_modified
        && state.recorder.ledger.document(&route) != Some((resource.hash, last_modified))
    {
        let (route, hash) = (Arc::clone(&route), resource.hash);
        state.record(Record::Document { route, hash, last_modified });
    }
    state.problems.set(Source::Document(route.to_string()), Vec::new());
    let is_same = |old: &Arc<Resource>| {
        old.hash == resource.hash
            && old.kind == kind
            && old.last_modified == resource.last_modified
            && old.max_age == resource.max_age
            && old.expires == resource.expires
            && old.links == resource.links
    };
    let is_missing = state.publisher.missing_documents.remove(&route);
    if !is_missing && state.publisher.snapshot.documents.get(&route).is_some_and(is_same) {
        return;
    }
    state.publisher.note_changed_route(&route);
    state.publisher.snapshot.documents.insert(route, Arc::clone(&document.resource));
    state.publisher.unstored_documents.add(document);
}

/// Removes a document.
pub(super) fn remove(state: &mut State, route: &str) {
    state.problems.set(Source::Document(route.to_owned()), Vec::new());
    state.publisher.missing_documents.remove(route);
    if state.publisher.snapshot.documents.remove(route).is_some() {
        state.publisher.note_changed_route(&route.into());
    }
}

/// Updates the documents that don't belong to one feed: the list of feeds (OPML) and the style sheet.
pub(super) fn update_shared(state: &mut State, index: &Index, feeds_changed: bool) {
    if feeds_changed || state.publisher.missing_documents.contains("/feeds.opml") {
        let opml = encode::opml(index.rules(), index.listed_feeds(), &state.publisher.feed_titles);
        put(state, "/feeds.opml".into(), ResourceKind::Opml, opml);
    }
    let has_style = state.publisher.snapshot.documents.contains_key(assemble::STYLE_ROUTE);
    let is_missing = state.publisher.missing_documents.contains(assemble::STYLE_ROUTE);
    match index.rules().config().shows_feeds() {
        true if !has_style || is_missing => {
            put(state, assemble::STYLE_ROUTE.to_owned(), ResourceKind::Style, Ok(encode::style_sheet()));
        }
        false if has_style && !is_missing => remove(state, assemble::STYLE_ROUTE),
        _ => {}
    }
}
