//! Decides whether a new file is an article that was at another path before.
//!
//! A file was moved if its bytes or its id were at a path that is gone, if only the spelling of its path changed, or if the operating
//! system says so.
//!
//! # Why does a copied file wait for some seconds?
//!
//! A moved file first looks like a copy, because its old path counts as gone only after the grace period. If dateline published the copy
//! at once, the article would get a second id, and readers would see it twice.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use super::indexing;
use super::parts::missing_files::MissingFiles;
use super::parts::problems::Source;
use super::state::State;
use crate::article::card::{Card, Packed};
use crate::build::catalog::Catalog;
use crate::ledger::{ArticleFacts, Ledger, Record, VersionRank};
use crate::types::{ArticlePath, ContentHash, folded};

/// How much longer than the grace period a possible move waits for the old file to vanish.
const MOVE_WAIT: SignedDuration = SignedDuration::from_secs(1);

/// The time until which a new file that looks like a copy waits.
pub(super) fn deadline(state: &State) -> Timestamp {
    let grace = state.removal_rules().map_or(SignedDuration::ZERO, |removals| removals.grace);
    let wait = grace.checked_add(MOVE_WAIT).unwrap_or(grace);
    state.now.saturating_add(wait).unwrap_or(state.now)
}

/// Whether a file at an unknown path has the same bytes as a published file at another path.
pub(super) fn may_have_moved(state: &State, path: &ArticlePath, hash: ContentHash) -> bool {
    let is_unknown = |known: &ArticleFacts| known.id.is_none() && known.seen().is_none();
    state.recorder.ledger.article(path).is_none_or(is_unknown)
        && !state.dormancy.is_applied(path)
        && possible_old_paths(&state.recorder.ledger, path, hash).iter().any(|old| is_allowed(state, old, path))
}

/// Whether an article may move from one source to another. A drop folder's file never takes over what arrived in a source before it.
fn is_allowed(state: &State, from: &ArticlePath, to: &ArticlePath) -> bool {
    let Some(config) = state.config() else { return from.source() == to.source() };
    config.sources.position(from).is_some_and(|from| config.sources.position(to).is_some_and(|to| to <= from))
}

/// The other paths where the ledger knows this version of a file.
pub(super) fn possible_old_paths(ledger: &Ledger, path: &ArticlePath, hash: ContentHash) -> BTreeSet<ArticlePath> {
    ledger.with_version(hash).filter(|old| *old != path).cloned().collect()
}

/// Moves an article whose rename the operating system reported. Returns its last good version. Contents needn't be
/// compared.
pub(super) fn rename(state: &mut State, from: &ArticlePath, to: &ArticlePath) -> Option<Packed> {
    let has_history = |known: &ArticleFacts| {
        known.id.is_some() || known.seen().is_some() || known.awaits_date() || known.retraction().is_some()
    };
    let is_known = state.recorder.ledger.article(from).is_some_and(has_history);
    let is_taken = state.recorder.ledger.article(to).is_some_and(ArticleFacts::is_known);
    if !is_known || is_taken || from == to || !is_allowed(state, from, to) {
        return None;
    }
    if !state.listed {
        state.missing.renamed_during_start.insert(from.clone());
    }
    move_article(state, from, to)
}

/// Moves an article to a file that states its id, if the file is new and the article's own file is gone. The first-seen
/// time and a retraction go with the id. Returns whether the article moved.
pub(super) fn resolve_id(state: &mut State, path: &ArticlePath, card: &Card) -> bool {
    let stated = card.id.clone().or_else(|| state.index.as_ref()?.item_id(card, None));
    let holder = stated.as_ref().and_then(|id| state.recorder.ledger.holder(id)).filter(|holder| *holder != path);
    let is_unknown = || {
        state.recorder.ledger.article(path).is_none_or(|article| article.id.is_none())
            && !state.dormancy.is_applied(path)
    };
    // A story doesn't go back to an older version.
    let is_older = |holder: &ArticlePath| {
        let version = VersionRank::of(card);
        let known = state.index.as_ref().and_then(|index| index.version_rank(holder));
        let known = known.or_else(|| state.recorder.ledger.article(holder)?.version());
        let is_kept = state.missing.kept_versions.contains(holder);
        version.is_some_and(|version| is_kept || known.is_some_and(|known| known.is_newer(&version)))
    };
    let is_free =
        |holder: &ArticlePath| is_unknown() && is_gone(&state.catalog, &state.missing, holder) && !is_older(holder);
    let is_free = |holder: &ArticlePath| is_allowed(state, holder, path) && is_free(holder);
    match holder.filter(|holder| is_free(holder)).cloned() {
        Some(holder) => {
            move_article(state, &holder, path);
            true
        }
        None => false,
    }
}

/// Decides whether new files were moved or copied. Right after the first complete listing, every decision is made at once, except about the
/// old path of a file that was renamed meanwhile: it may have been read and listed before the rename.
pub(super) fn resolve(state: &mut State, is_first_listing: bool) {
    if !state.listed {
        return;
    }
    let renamed = std::mem::take(&mut state.missing.renamed_during_start);
    if !renamed.is_empty() {
        let deadline = deadline(state);
        renamed.iter().for_each(|path| state.missing.postpone_possible_move(path, deadline));
    }
    for (path, until) in state.missing.possible_moves.clone() {
        let Some(card) = state.catalog.get(&path).map(|card| card.open(&path)) else {
            state.missing.possible_moves.remove(&path);
            continue;
        };
        // If several files had these bytes, the one that readers still see has moved.
        let is_live = |old: &&ArticlePath| state.recorder.ledger.article(old).is_some_and(ArticleFacts::is_known);
        let gone: Vec<&ArticlePath> = state
            .recorder
            .ledger
            .with_version(card.hash)
            .filter(|old| is_allowed(state, old, &path) && is_gone(&state.catalog, &state.missing, old))
            .collect();
        let old = gone.iter().copied().find(is_live).or_else(|| gone.first().copied()).cloned();
        if let Some(from) = old {
            move_article(state, &from, &path);
        } else if until > state.now && (!is_first_listing || renamed.contains(&path)) {
            continue;
        }
        indexing::put(state, &path, &card);
    }
}

/// Moves articles whose paths changed only in case or Unicode normalisation while no daemon ran. Copying between systems
/// that spell names differently does that.
pub(super) fn resolve_respelled(state: &mut State, gone: Vec<ArticlePath>) {
    if gone.is_empty() {
        return;
    }
    // If several names differ only in spelling, the first in byte order counts, regardless of the order of the listing.
    let mut gone_by_spelling: BTreeMap<String, ArticlePath> = BTreeMap::new();
    for path in gone {
        let first = gone_by_spelling.entry(folded(path.as_str()).into_owned()).or_insert_with(|| path.clone());
        if path < *first {
            *first = path;
        }
    }
    let is_unknown = |path: &ArticlePath| {
        let article = state.recorder.ledger.article(path);
        article.is_none_or(|article| article.id.is_none() && article.seen().is_none()) && !state.dormancy.concerns(path)
    };
    let found = state.catalog.paths().filter_map(|path| Some((gone_by_spelling.get(&*folded(path.as_str()))?, path)));
    let mut respelled: BTreeMap<ArticlePath, ArticlePath> = BTreeMap::new();
    for (from, to) in found.filter(|(_, path)| is_unknown(path)) {
        let first = respelled.entry(from.clone()).or_insert_with(|| to.clone());
        if to < first {
            *first = to.clone();
        }
    }
    for (from, to) in respelled {
        move_article(state, &from, &to);
        if let Some(card) = state.catalog.get(&to).map(|card| card.open(&to)) {
            indexing::put(state, &to, &card);
        }
    }
}

/// Moves an article whose file is gone to a new file that states its id: the file was renamed and edited. Returns whether
/// the article moved.
pub(super) fn moved_with_its_id(state: &mut State, path: &ArticlePath) -> bool {
    let id = state.recorder.ledger.article(path).and_then(|article| article.id.clone());
    let (Some(id), Some(index)) = (id, &state.index) else { return false };
    let states_id = |other: &&ArticlePath| {
        *other != path
            && is_allowed(state, path, other)
            && index.get(other).is_some_and(|indexed| indexed.stated_id() == Some(&id))
            && state.recorder.ledger.article(other).is_none_or(|article| article.id.is_none())
            && !state.dormancy.is_applied(other)
    };
    let Some(to) = index.claimants(&id).find(states_id).cloned() else { return false };
    move_article(state, path, &to);
    if let Some(card) = state.catalog.get(&to).map(|card| card.open(&to)) {
        indexing::put(state, &to, &card);
    }
    true
}

/// Records a move and removes the article at its old path. Returns the last good version from there.
pub(super) fn move_article(state: &mut State, from: &ArticlePath, to: &ArticlePath) -> Option<Packed> {
    state.record(Record::Moved { from: from.clone(), to: to.clone() });
    if state.recorder.ledger.article(to).is_some_and(ArticleFacts::is_lost) {
        state.record(Record::Found { path: to.clone() });
    }
    state.missing.note_present(from);
    state.recorder.changed_articles.insert(to.clone());
    let card = state.catalog.get(from).cloned();
    state.catalog.remove(from);
    state.problems.set(Source::Article(from.clone()), Vec::new());
    if let Some(index) = &mut state.index {
        index.remove(from);
    }
    card
}

/// Whether a file is known to be gone.
fn is_gone(catalog: &Catalog, missing: &MissingFiles, path: &ArticlePath) -> bool {
    missing.is_missing(path) || (!catalog.contains(path) && !missing.unproven.contains(path))
}
