//! Keeps the story of an item whose file was overwritten with another item, or with an older version.
//!
//! Agencies use file names again. While another file has a version of the item, the story stays as it was: it gets a path of its own
//! ([`ArticlePath::displaced`]), and counts as one whose file is gone.

use super::state::State;
use super::{indexing, item_versions};
use crate::article::Article;
use crate::article::card::Card;
use crate::build::index::Index;
use crate::ledger::{Record, VersionRank};
use crate::types::{ArticlePath, ContentHash, EntryId};

/// Keeps the story of the version in a file that is about to be replaced by `new`.
pub(super) fn keep_story(state: &mut State, path: &ArticlePath, new: &Card) {
    if !state.listed || new.hash == ContentHash::from_bytes([0; 16]) {
        return;
    }
    let Some(id) = state.index.as_ref().and_then(|index| index.version_id(path)).cloned() else { return };
    if state.index.as_ref().and_then(|index| index.current_version(&id)) != Some(path)
        || !replaces(state, path, &id, new)
    {
        return;
    }
    let Some(packed) = state.catalog.get(path).cloned() else { return };
    item_versions::remember(state, path);
    let displaced = name_story(state, path, &id);
    let metadata = state.entries.cached.get(path).map(|cached| std::sync::Arc::clone(&cached.metadata));
    if let Some((key, rendered)) =
        state.entries.cached.get(path).and_then(|cached| Some((cached.key?, cached.text.rendered())))
    {
        state.entries.rendered.insert(key, &rendered);
    }
    state.catalog.remove(path);
    if let Some(index) = &mut state.index {
        index.remove(path);
        index.pass_left_feeds(path, &displaced);
    }
    state.catalog.restore(&displaced, &packed);
    if let Some(metadata) = metadata {
        let article = Article { metadata, card: packed.clone(), body: None, source: None };
        state.bodies.add_pending(&displaced, article, state.index.as_ref());
    }
    indexing::put(state, &displaced, &packed.open(&displaced));
}

/// After the first complete listing: keeps the stories of files that were overwritten while no daemon ran.
pub(super) fn keep_stories(state: &mut State) {
    let overwritten = state.index.as_mut().map(Index::take_overwritten).unwrap_or_default();
    for path in overwritten {
        let Some(id) = state.recorder.ledger.article(&path).and_then(|facts| facts.id.clone()) else { continue };
        let Some(card) = state.catalog.get(&path).map(|card| card.open(&path)) else { continue };
        if replaces(state, &path, &id, &card) {
            let displaced = name_story(state, &path, &id);
            state.missing.without_good_file.push(displaced);
            item_versions::reindex_all(state, &id, path.source());
            indexing::reindex(state, &path);
        }
    }
}

/// Whether a new version in a file leaves the item's other files with older versions only.
fn replaces(state: &State, path: &ArticlePath, id: &EntryId, new: &Card) -> bool {
    let Some(index) = &state.index else { return false };
    let known = state.recorder.ledger.article(path).and_then(|facts| facts.version());
    // The index may have the new version already.
    let indexed = index.version_rank_of(path, id);
    let Some(old) = known.into_iter().chain(indexed).max() else { return false };
    let is_same_item = index.item_id(new, None).or_else(|| new.id.clone()).as_ref() == Some(id);
    match VersionRank::of(new).filter(|_| is_same_item) {
        Some(rank) => old.is_newer(&rank),
        None => {
            let is_other = |other: &&ArticlePath| *other != path && !state.missing.is_missing(other);
            index.versions(id, path.source()).into_iter().any(|other| is_other(&other))
        }
    }
}

/// Gives a story its own path. Returns the path.
fn name_story(state: &mut State, path: &ArticlePath, id: &EntryId) -> ArticlePath {
    let digest = ContentHash::of(id.as_str().as_bytes()).to_string();
    let displaced = path.displaced(digest.get(..8).unwrap_or(&digest));
    let version = state.index.as_ref().and_then(|index| index.version_rank_of(path, id)).cloned();
    let version = version.or_else(|| state.recorder.ledger.article(path)?.version().cloned());
    state.record_silently(Record::Moved { from: path.clone(), to: displaced.clone() });
    state.record_silently(Record::Lost { path: displaced.clone(), version });
    state.missing.kept_versions.insert(displaced.clone());
    state.recorder.changed_articles.insert(displaced.clone());
    displaced
}
