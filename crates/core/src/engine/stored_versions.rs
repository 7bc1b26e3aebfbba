//! Compares the files that the ledger knows with those that exist, and loads stored versions of published articles without a good file.
//!
//! This happens after the first complete listing. Files whose folders couldn't be listed then are compared with later listings.

use super::state::State;
use super::{displacement, indexing, item_files, item_versions, kept_stories, moves};
use crate::article::card::Card;
use crate::build::catalog::Catalog;
use crate::build::index::Index;
use crate::event::{BodyRequest, Effect, Listing, StoredVersion};
use crate::ledger::{ArticleFacts, Ledger, Record, Withdrawal};
use crate::parallel;
use crate::types::{ArticlePath, folder};

/// Compares the ledger with the first listings of all sources. Finds articles without a good file, and files that are gone.
pub(super) fn compare_ledger_to_files(state: &mut State, listings: &[Listing]) {
    // The catalog contains every listed file by now.
    let by_source: Vec<_> =
        listings.iter().map(|listing| (folder::source(&listing.scope), listing.completeness())).collect();
    let is_absent =
        |path: &ArticlePath| by_source.iter().any(|(source, is_absent)| *source == path.source() && is_absent(path));
    let (mut lost, mut lost_retracted) = (Vec::new(), Vec::new());
    let (mut unproven, mut vanished) = (Vec::new(), Vec::new());
    let mut without_good_file = Vec::new();
    let (mut gone, mut kept, mut removed) = (Vec::new(), Vec::new(), Vec::new());
    for (path, facts) in articles_without_good_file(&state.catalog, &state.recorder.ledger) {
        without_good_file.push(path.clone());
        if state.catalog.contains(path) || item_files::undivided(&state.catalog, path).is_some() {
            continue;
        }
        if !is_absent(path) {
            unproven.push(path.clone());
            continue;
        }
        gone.push(path.clone());
        if item_versions::keeps_story(state, path, facts) {
            kept.push((path.clone(), facts.is_lost()));
        } else if facts.is_lost() && kept_stories::is_kept(state, path) {
            // Whatever isn't public goes with its file.
            removed.extend((facts.is_live() || facts.is_upcoming()).then(|| path.clone()));
        } else if facts.is_lost() {
            let list = if facts.retraction().is_some() { &mut lost_retracted } else { &mut lost };
            list.push(path.clone());
        } else if facts.is_known() {
            vanished.push(path.clone());
        }
    }
    let doubtful = listings.iter().filter(|listing| listing.doubtful).map(|listing| folder::source(&listing.scope));
    let doubtful = doubtful.filter(|source| vanished.iter().any(|path| path.source() == *source));
    state.missing.doubtful.extend(doubtful.map(|source| source.map(str::to_owned)));
    state.missing.unproven.extend(unproven);
    state.missing.vanished.extend(vanished);
    state.missing.held_back.extend(lost);
    state.missing.kept.extend(removed);
    state.missing.held_back_retracted.extend(lost_retracted);
    state.missing.without_good_file = without_good_file;
    for (path, is_recorded) in kept {
        state.missing.kept_versions.insert(path.clone());
        if !is_recorded {
            state.record_silently(Record::Lost { path: path.clone(), version: None });
            item_versions::reindex_others(state, &path);
        }
    }
    displacement::keep_stories(state);
    moves::resolve_respelled(state, gone);
    let mut moved: Vec<(ArticlePath, Card)> = Vec::new();
    for (path, indexed) in state.index.iter().flat_map(Index::articles) {
        let holder = indexed.stated_id().and_then(|id| state.recorder.ledger.holder(id));
        if holder.is_some_and(|holder| holder != path) {
            moved.extend(state.catalog.get(path).map(|card| (path.clone(), card.open(path))));
        }
    }
    moved.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
    for (path, card) in moved {
        if moves::resolve_id(state, &path, &card) {
            indexing::put(state, &path, &card);
        }
    }
}

/// The ledger's articles without a good file. Nearly all articles have one, so the search runs on all cores.
fn articles_without_good_file<'l>(
    catalog: &Catalog,
    ledger: &'l Ledger,
) -> impl Iterator<Item = (&'l ArticlePath, &'l ArticleFacts)> + use<'l> {
    let all: Vec<(&ArticlePath, &ArticleFacts)> = ledger.articles().collect();
    let found = parallel::on_all_cores(&all, |(path, _)| catalog.get(path).is_none());
    all.into_iter().zip(found).filter_map(|(article, is_without)| is_without.then_some(article))
}

/// Requests the stored versions of published articles that have no good file.
pub(super) fn request(state: &mut State, effects: &mut Vec<Effect>) {
    let mut requests = Vec::new();
    for path in std::mem::take(&mut state.missing.without_good_file) {
        let Some(facts) = state.recorder.ledger.article(&path) else { continue };
        // Retracted by command before its broken file was read. Its feeds still have to list the retraction.
        let is_unreported = || {
            let known = facts.retraction();
            known.is_some_and(|known| known.by == Withdrawal::Command && known.feeds.is_empty())
                && state.catalog.contains(&path)
        };
        let is_upcoming = facts.is_upcoming() && kept_stories::is_kept(state, &path);
        let is_needed = (facts.is_live() || is_upcoming || is_unreported())
            && state.catalog.get(&path).is_none()
            && !state.catalog.is_withheld(&path)
            && !item_files::undivided(&state.catalog, &path).is_some_and(|file| state.catalog.is_withheld(&file));
        let hash = facts.hash().filter(|hash| is_needed && state.recorder.ledger.keeps(*hash));
        requests.extend(hash.map(|hash| BodyRequest { path, hash, shown: true, links: None }));
    }
    requests.sort();
    state.missing.loading = requests.iter().map(|request| request.path.clone()).collect();
    effects.extend((!requests.is_empty()).then_some(Effect::LoadStored(requests)));
}

/// Restores last good versions that the store returned.
pub(super) fn receive(state: &mut State, versions: Vec<StoredVersion>) {
    for StoredVersion { request, article } in versions {
        state.missing.loading.remove(&request.path);
        let Some(article) = article.filter(|article| article.metadata.hash == request.hash) else { continue };
        if state.catalog.restore(&request.path, &article.card) {
            state.held.note_catalogued(&request.path);
            let card = article.card.open(&request.path);
            state.bodies.add_pending(&request.path, article, state.index.as_ref());
            indexing::put(state, &request.path, &card);
        }
    }
}

/// Checks files of unlistable folders against a later listing, which may prove that they are gone.
pub(super) fn check_unproven(state: &mut State, listing: &Listing) {
    if state.missing.unproven.is_empty() {
        return;
    }
    let is_absent = listing.absence();
    let is_inside = |path: &ArticlePath| folder::contains(&listing.scope, path.as_str());
    for path in state.missing.unproven.clone() {
        if is_inside(&path) && is_absent(&path) {
            state.missing.unproven.remove(&path);
            if state.catalog.contains(&path) || state.recorder.ledger.article(&path).is_some_and(ArticleFacts::is_known)
            {
                state.missing.note_vanished(path, listing.doubtful);
            }
        }
    }
}
