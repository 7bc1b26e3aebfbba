//! Keeps the stories of removed files whose source has `deleted = "keep"`: a folder that is cleaned up changes nothing for readers.
//!
//! The story stays in the catalog and the index, and the store has its text, for as long as a feed shows it or an archive has
//! it. Then it leaves without a notice.
//!
//! # What happens to a new file at the path of a removed one?
//!
//! A file with the same bytes or the same id is the same article. Any other file is a new article: agencies use file names such as `top1.txt`
//! every day. The kept story then gets a path of its own, which no file can have ([`ArticlePath::displaced`]).

use std::sync::Arc;

use super::parts::entry_cache::{CachedEntry, EntryText};
use super::parts::problems::Source;
use super::state::State;
use super::{folder_pages, indexing};
use crate::article::card::Packed;
use crate::build::catalog::Read;
use crate::build::index::Visibility;
use crate::config::{Config, Deleted};
use crate::event::{FileState, ParsedFile};
use crate::ledger::{ArticleFacts, Record, VersionRank};
use crate::snapshot::PublishedArticle;
use crate::types::{ArticlePath, ContentHash, EntryId};

/// Whether the source of an article keeps what was published.
pub(super) fn is_kept_source(config: &Config, path: &ArticlePath) -> bool {
    config.source_of(path).deleted == Deleted::Keep
}

/// Takes the files out of `vanished` whose source keeps what was published. Returns those whose articles can't stay.
pub(super) fn keep(state: &mut State, vanished: &mut Vec<ArticlePath>) -> Vec<ArticlePath> {
    let Some(config) = state.config().cloned() else { return Vec::new() };
    let mut dropped = Vec::new();
    let removed = vanished.extract_if(.., |path| is_kept_source(&config, path));
    for path in removed.collect::<Vec<_>>() {
        let version = state.index.as_ref().and_then(|index| index.version_rank(&path)).cloned();
        let upcoming = upcoming_version(state, &path);
        let has_text = upcoming.is_some() || has_text(state, &path);
        if let Some(hash) = upcoming {
            state.record(Record::Hidden { path: path.clone(), hash });
        }
        // An older version that comes late must not become the story.
        if version.is_some() || has_text {
            state.record_silently(Record::Lost { path: path.clone(), version });
        }
        match has_text {
            true => drop(state.missing.kept.insert(path)),
            false => dropped.push(path),
        }
    }
    dropped
}

/// The version that becomes public later without its file, such as at the end of an embargo.
fn upcoming_version(state: &State, path: &ArticlePath) -> Option<ContentHash> {
    let indexed = state.index.as_ref()?.get(path)?;
    let hash = state.catalog.get(path).map(Packed::hash)?;
    let is_held = state.held.get(path).is_some();
    (matches!(indexed.visibility, Visibility::Scheduled(_)) && !is_held && state.recorder.ledger.keeps(hash))
        .then_some(hash)
}

/// Whether a public article can be shown without its file.
fn has_text(state: &State, path: &ArticlePath) -> bool {
    let version = state.recorder.ledger.article(path).and_then(ArticleFacts::hash);
    let is_stored = version.is_some_and(|hash| state.recorder.ledger.keeps(hash));
    state.is_live(path) && state.catalog.get(path).is_some() && (state.entries.cached.contains_key(path) || is_stored)
}

/// The kept stories that no feed shows any more, with their versions.
pub(super) fn take_unshown(state: &mut State) -> Vec<(ArticlePath, ContentHash)> {
    let mut unshown = std::mem::take(&mut state.missing.unshown);
    let is_shown = |path: &ArticlePath| state.index.as_ref().is_some_and(|index| index.is_in_a_window(path));
    unshown.retain(|(path, hash)| {
        state.missing.kept.contains(path)
            && !state.entries.cached.contains_key(path)
            && !is_shown(path)
            && state.catalog.get(path).map(Packed::hash) == Some(*hash)
    });
    unshown
}

/// Gives the kept stories of removed files other paths where these files have other articles by now.
pub(super) fn make_room(state: &mut State, files: &[ParsedFile]) {
    let Some(config) = state.config().filter(|config| !config.sources.named.is_empty()).cloned() else { return };
    for file in files.iter().filter(|file| is_kept_source(&config, &file.path)) {
        let facts = state.recorder.ledger.article(&file.path).filter(|facts| facts.is_lost());
        let Some((hash, id)) = facts.and_then(|facts| Some((facts.hash()?, facts.id.clone()))) else { continue };
        if is_other_article(state, file, hash, id.as_ref()) {
            set_aside(state, &file.path, hash);
        }
    }
}

/// Whether a file has another article than the one that was removed from its path.
fn is_other_article(state: &State, file: &ParsedFile, removed: ContentHash, id: Option<&EntryId>) -> bool {
    let (card, stated) = match &file.state {
        FileState::Present(parsed) => (parsed.article.as_ref().map(|article| &article.card), parsed.id.clone()),
        FileState::Known(card, _) => (Some(card), None),
        FileState::Items { .. } | FileState::Absent { .. } | FileState::Unreadable(_) => return false,
    };
    let Some(card) = card else { return stated.is_none() || stated.as_ref() != id };
    if card.hash() == removed {
        return false;
    }
    let card = card.open(&file.path);
    let stated = card.id.clone().or_else(|| state.index.as_ref()?.item_id(&card, None));
    let rank = VersionRank::of(&card);
    let known = state.index.as_ref().and_then(|index| index.version_rank(&file.path));
    let known = known.or_else(|| state.recorder.ledger.article(&file.path)?.version());
    let is_older = rank.as_ref().zip(known).is_some_and(|(rank, known)| known.is_newer(rank));
    stated.is_none() || stated.as_ref() != id || is_older
}

/// Gives a kept story a path that no file has.
fn set_aside(state: &mut State, path: &ArticlePath, version: ContentHash) {
    let version = version.to_string();
    let to = path.displaced(version.get(..16).unwrap_or(&version));
    state.record_silently(Record::Moved { from: path.clone(), to: to.clone() });
    state.missing.kept.remove(path);
    let Some(card) = state.catalog.get(path).cloned() else {
        state.catalog.remove(path);
        return;
    };
    state.missing.kept.insert(to.clone());
    copy_entry(state, path, &to);
    state.catalog.remove(path);
    state.problems.set(Source::Article(path.clone()), Vec::new());
    if let Some(index) = &mut state.index {
        index.remove(path);
    }
    state.catalog.apply(&to, Read::Good(&card));
    state.recorder.changed_articles.insert(to.clone());
    indexing::put(state, &to, &card.open(&to));
}

/// Copies an article's entry to another path, so that its text needn't be loaded.
fn copy_entry(state: &mut State, from: &ArticlePath, to: &ArticlePath) {
    let Some(cached) = state.entries.cached.get(from) else { return };
    let CachedEntry { card, metadata, article, epoch, key, text, .. } = cached;
    let article = Arc::new(PublishedArticle { path: to.clone(), ..(**article).clone() });
    let (card, metadata, text) = (card.clone(), Arc::clone(metadata), text.clone());
    let copy = CachedEntry { card, metadata, article, epoch: *epoch, key: *key, text, windows: 0 };
    state.recorder.retention.retain(to, copy.article.hash);
    if let EntryText::Unpacked(rendered, _) = &copy.text {
        state.entries.unpacked.add(to, rendered);
    }
    state.entries.eviction_candidates.push(to.clone());
    state.entries.cached.insert(to.clone(), copy);
}

/// Exchanges stories that are kept and files that wait for an operator, after sources were configured to keep stories, or not to.
pub(super) fn apply_configuration(state: &mut State) {
    let Some(config) = state.config().cloned() else { return };
    let missing = &mut state.missing;
    let released: Vec<ArticlePath> = missing.kept.extract_if(.., |path| !is_kept_source(&config, path)).collect();
    let kept: Vec<ArticlePath> = missing.held_back.extract_if(.., |path| is_kept_source(&config, path)).collect();
    missing.held_back.extend(released);
    missing.kept.extend(kept);
}

/// Whether a file that the first complete listing doesn't have is one of a kept story.
pub(super) fn is_kept(state: &State, path: &ArticlePath) -> bool {
    state.config().is_some_and(|config| is_kept_source(config, path)) && !folder_pages::is_listing(state, path)
}
