//! Keeps the story of an agency's item while versions come and go.
//!
//! The facts in the ledger follow the item's current version from file to file, so that the story keeps its id, its first publication and its
//! retraction. The order of the versions is in the index.
//!
//! # What happens when the file of the current version is deleted?
//!
//! While files of older versions exist, the story stays as it is: readers never get older text because a folder was cleaned up. When the last
//! file is gone, the removal rules apply.

use std::collections::BTreeSet;

use super::parts::problems::Source;
use super::state::State;
use super::{holding, indexing, moves, recording};
use crate::article::card::Packed;
use crate::build::index::{Index, Visibility};
use crate::event::ActivityKind;
use crate::ledger::{ArticleFacts, Record, Retraction, Routes, VersionRank, Withdrawal};
use crate::types::{ArticlePath, EntryId};

/// Makes the ledger's facts follow the current versions of items.
pub(super) fn settle(state: &mut State) {
    if !state.listed || state.missing.is_loading_stored() {
        return;
    }
    let changed = state.index.as_mut().map(Index::take_changed_items).unwrap_or_default();
    // Files that are overwritten while the daemon runs keep their stories as they change.
    state.index.iter_mut().for_each(|index| drop(index.take_overwritten()));
    for id in &changed {
        let current = state.index.as_ref().and_then(|index| index.current_version(id)).cloned();
        let holder = state.recorder.ledger.holder(id).cloned();
        let Some((current, holder)) = current.zip(holder) else { continue };
        let Some(index) = state.index.as_ref() else { continue };
        // If the file of the current version is gone, another file may have the same version.
        let is_kept = state.missing.kept_versions.contains(&current) && state.is_public(&current);
        let is_same = |other: &ArticlePath| {
            let ranks = index.version_rank(other).zip(index.version_rank(&current));
            *other != current && ranks.is_some_and(|(one, other)| one.is_same(other))
        };
        let same = index.versions(id, current.source()).into_iter().find(|other| is_kept && is_same(other));
        match same.cloned() {
            Some(same) => pass_story(state, &current, &same),
            // Stories stay in their source.
            None if holder.source() != current.source() => {}
            None if holder != current => pass_story(state, &holder, &current),
            // The ledger's facts about the item may have changed since.
            None => indexing::reindex(state, &current),
        }
        record_hidden_version(state, &current);
        let kept: Vec<ArticlePath> = state.missing.kept_versions.iter().cloned().collect();
        for path in kept {
            if state.index.as_ref().is_some_and(|index| index.newer_version(&path).is_some()) {
                forget(state, &path);
            }
        }
    }
    changed.iter().for_each(|id| holding::compare_versions(state, id));
}

/// Records a current version that withholds or retracts its item. Public versions are recorded when they're published.
fn record_hidden_version(state: &mut State, path: &ArticlePath) {
    let Some(index) = state.index.take() else { return };
    let withholds = index.get(path).is_some_and(|indexed| match indexed.visibility {
        Visibility::Public(_) => false,
        Visibility::Retracted => index.retracting_versions(path).contains(&path),
        _ => true,
    });
    if withholds {
        recording::record_version(state, &index, path);
    }
    state.index = Some(index);
}

/// Passes an item's story from one version to another.
fn pass_story(state: &mut State, from: &ArticlePath, to: &ArticlePath) {
    let is_gone = state.missing.kept_versions.contains(from) || state.missing.kept.contains(from);
    let is_there = state.catalog.contains(from) && !is_gone;
    let released = holding::released(state, [from, to]);
    if is_there {
        state.record_silently(Record::Moved { from: from.clone(), to: to.clone() });
    } else {
        moves::move_article(state, from, to);
        state.missing.kept_versions.remove(from);
    }
    holding::record_released(state, released.into_iter().filter(|(path, _)| is_there || path != from).collect());
    if let Some(index) = &mut state.index {
        index.pass_left_feeds(from, to);
    }
    state.recorder.changed_articles.insert(to.clone());
    for path in [from, to] {
        if let Some(card) = state.catalog.get(path).map(|card| card.open(path)) {
            indexing::put(state, path, &card);
        }
    }
    // The older version must not look like the same file at another path.
    if let Some(hash) = state.catalog.get(to).map(Packed::hash).filter(|_| !state.is_public(to)) {
        state.record(Record::Hidden { path: to.clone(), hash });
    }
}

/// Decides about missing files with versions. Older versions leave nothing behind. The current version stays while older ones exist.
pub(super) fn keep_stories(state: &mut State, vanished: &mut Vec<ArticlePath>) {
    let Some(index) = &state.index else { return };
    let older = vanished.extract_if(.., |path| index.newer_version(path).is_some());
    let older: Vec<ArticlePath> = older.collect();
    for path in &older {
        remember(state, path);
        forget(state, path);
    }
    let gone: BTreeSet<ArticlePath> = vanished.iter().cloned().collect();
    let current: Vec<ArticlePath> = vanished.extract_if(.., |path| has_lower_versions(state, path, &gone)).collect();
    for path in current {
        if state.missing.kept_versions.insert(path.clone()) {
            remember(state, &path);
            let version = state.index.as_ref().and_then(|index| index.version_rank(&path)).cloned();
            state.record_silently(Record::Lost { path, version });
        }
    }
    // The last file of an item is gone.
    let is_over = |path: &ArticlePath| {
        let id = state.recorder.ledger.article(path).and_then(|facts| facts.id.as_ref());
        let id = id.or_else(|| state.index.as_ref()?.version_id(path));
        let versions =
            id.zip(state.index.as_ref()).map(|(id, index)| index.versions(id, path.source())).unwrap_or_default();
        !versions.into_iter().any(|other| other != path && is_present(state, other, &gone))
    };
    let over: Vec<ArticlePath> = state.missing.kept_versions.iter().filter(|path| is_over(path)).cloned().collect();
    for path in over {
        state.missing.kept_versions.remove(&path);
        state.record_silently(Record::Found { path: path.clone() });
        vanished.push(path);
    }
}

/// Whether the other files of a file's item all have lower versions, and there is one.
fn has_lower_versions(state: &State, path: &ArticlePath, gone: &BTreeSet<ArticlePath>) -> bool {
    let Some(index) = &state.index else { return false };
    let versions = index.version_id(path).map(|id| index.versions(id, path.source())).unwrap_or_default();
    let others = versions.into_iter().filter(|other| *other != path && is_present(state, other, gone));
    let ranks: Vec<_> = others.map(|other| index.version_rank(other)).collect();
    // A file that says the same as a public one is a copy of it, or the same file at a new path.
    let own = index.version_rank(path);
    let is_lower = |rank: Option<&VersionRank>| {
        rank.zip(own).is_some_and(|(rank, own)| match state.is_public(path) {
            true => own.is_newer(rank),
            false => !rank.is_newer(own),
        })
    };
    !ranks.is_empty() && ranks.into_iter().all(is_lower)
}

/// Whether a file with a version exists.
fn is_present(state: &State, path: &ArticlePath, gone: &BTreeSet<ArticlePath>) -> bool {
    !gone.contains(path) && !state.missing.is_missing(path)
}

/// Records that a new version retracts its item, even if readers never saw the item. Its file may be gone when a higher version arrives.
pub(super) fn note_retraction(state: &mut State, path: &ArticlePath) {
    let retracts = |index: &Index| index.retracting_versions(path).contains(&path) && !index.is_revived_item(path);
    if state.listed && state.index.as_ref().is_some_and(retracts) {
        remember(state, path);
    }
}

/// Records that a version whose file is gone withholds or retracts an item that readers never saw. Otherwise the ledger doesn't know the item.
pub(super) fn remember(state: &mut State, path: &ArticlePath) {
    let Some(index) = &state.index else { return };
    let Some(id) = index.version_id(path).cloned() else { return };
    let version = index.version_rank(path).cloned();
    let retracts = index.retracting_versions(path).contains(&path) && !index.is_revived_item(path);
    let current = index.newer_version(path).unwrap_or(path).clone();
    let holder = state.recorder.ledger.holder(&id).cloned();
    if holder.as_ref().is_some_and(|holder| holder.source() != path.source()) {
        return;
    }
    if holder.is_none() && (retracts || current == *path) {
        state.record_silently(Record::Imported { path: current.clone(), id: id.clone() });
    }
    let holder = holder.unwrap_or(current);
    let is_known = state.recorder.ledger.article(&holder).is_some_and(|facts| facts.retraction().is_some());
    if retracts && !is_known {
        let reason = state.config().and_then(|config| holding::stated_reason(state, config, path)?);
        let (at, by) = (state.now_in_seconds(), Withdrawal::Status);
        let retraction = Retraction { at, reason, by, feeds: Routes::default(), notice: None };
        state.recorder.changed_articles.insert(holder.clone());
        state.record_silently(Record::Retracted { path: holder.clone(), retraction });
    }
    let known = state.recorder.ledger.article(&holder).and_then(ArticleFacts::version);
    let version = version.filter(|version| retracts && known.is_none_or(|known| version.is_newer(known)));
    version.into_iter().for_each(|version| state.record_silently(Record::Version { id: id.clone(), version }));
}

/// Removes a version that isn't the current one.
fn forget(state: &mut State, path: &ArticlePath) {
    state.missing.kept_versions.remove(path);
    state.catalog.remove(path);
    state.problems.set(Source::Article(path.clone()), Vec::new());
    if let Some(index) = &mut state.index {
        index.remove(path);
    }
}

/// After the first complete listing: keeps the stories of items whose current version is gone while files of other versions exist. Returns
/// whether the story of this file is kept.
pub(super) fn keeps_story(state: &State, path: &ArticlePath, facts: &ArticleFacts) -> bool {
    let Some((id, index)) = facts.id.as_ref().zip(state.index.as_ref()) else { return false };
    let others = || index.versions(id, path.source()).into_iter().filter(|other| *other != path);
    let is_available = facts.hash().is_some_and(|hash| state.recorder.ledger.keeps(hash)) && facts.is_live();
    let is_newest = facts.version().is_some_and(|known| {
        others().all(|other| index.version_rank(other).is_some_and(|other| known.is_newer(other)))
    });
    let is_hidden = facts.withdrawn().is_some() || facts.retraction().is_some();
    others().next().is_some() && (is_newest || facts.is_lost() || is_available || is_hidden)
}

/// Indexes the other versions of an item again, after the ledger learnt that a file is lost.
pub(super) fn reindex_others(state: &mut State, path: &ArticlePath) {
    if let Some(id) = state.recorder.ledger.article(path).and_then(|facts| facts.id.clone()) {
        reindex_all(state, &id, path.source());
    }
}

/// Indexes all versions of an item again.
pub(super) fn reindex_all(state: &mut State, id: &EntryId, source: Option<&str>) {
    let versions = state.index.as_ref().map(|index| index.versions(id, source).into_iter().cloned().collect());
    let versions: Vec<ArticlePath> = versions.unwrap_or_default();
    versions.iter().for_each(|version| indexing::reindex(state, version));
}

/// Logs that a file which has just come has an older version of an item.
pub(super) fn note_older_version(state: &mut State, path: &ArticlePath) {
    let is_older = |index: &Index| index.newer_version(path).is_some();
    if state.listed && state.index.as_ref().is_some_and(is_older) {
        state.activities.note(path, ActivityKind::OlderVersion, None, Routes::default());
    }
}
