//! Publishes changes: the order of the steps from changed articles to the next snapshot and its effects.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::parts::problems::{Problems, Source};
use super::parts::publication::{Building, Publication, Rebuilt, Recording};
use super::state::State;
use super::{
    activity, archives, claims, documents, entries, feed_set, feeds, journal, pages, quarantine, recording,
    source_retention, sweep, withholding,
};
use crate::article::card::Packed;
use crate::build::assemble;
use crate::build::catalog::Catalog;
use crate::build::index::{Changes, Index, IndexedArticle};
use crate::diagnostics::Diagnostic;
use crate::event::Effect;
use crate::parallel;
use crate::snapshot::{HiddenCounts, Report, Snapshot};
use crate::types::ArticlePath;

/// The maximum number of records that are persisted together, so that the records of a whole archive are never in memory at once.
const MAX_BATCHED_RECORDS: usize = if cfg!(test) { 64 } else { 16_384 };
/// The minimum number of records that are persisted before feeds are built. Fewer records are persisted with their effects.
const MIN_EARLY_RECORDS: usize = if cfg!(test) { 32 } else { 1_024 };
/// The size of the built documents from which on they are stored before more are built.
const MAX_UNSTORED_BYTES: usize = if cfg!(test) { 64 << 10 } else { 16 << 20 };

/// Publishes what changed. Emits at most one new snapshot. A large publication ends with [`Effect::Resume`] and continues in the next
/// call.
pub(super) fn advance(state: &mut State, effects: &mut Vec<Effect>) {
    let Some(mut index) = state.index.take() else { return };
    if state.publisher.publication.is_none() && state.listed && !state.missing.is_loading_stored() {
        feed_set::admit(&state.recorder.ledger, &mut index);
        let mut changes = index.take_changes();
        let is_large = !changes.is_new_index && changes.articles.len() > journal::MAX_ROWS;
        let touched = if changes.is_new_index || is_large { Vec::new() } else { changes.articles.clone() };
        drop_unaffected(state, &index, &mut changes.articles);
        let unrecorded = std::mem::take(&mut changes.articles).into_iter();
        let recording =
            Recording { changes, unrecorded, touched, known: BTreeSet::new(), is_large, changes_entries: false };
        state.publisher.publication = Some(Publication::Recording(Box::new(recording)));
    }
    if let Some(publication) = state.publisher.publication.take() {
        state.publisher.publication = match publication {
            Publication::Recording(recording) => record_changes(state, &mut index, recording, effects),
            Publication::Building(building) => build_changes(state, &index, building, effects),
        };
    }
    state.index = Some(index);
}

/// Records what was published and retracted, and continues with the feeds.
fn record_changes(
    state: &mut State,
    index: &mut Index,
    mut recording: Box<Recording>,
    effects: &mut Vec<Effect>,
) -> Option<Publication> {
    let has_pages = state.publisher.has_pages(index);
    let Recording { changes, unrecorded, known, is_large, changes_entries, .. } = &mut *recording;
    for path in unrecorded {
        *changes_entries |= index.get(&path).is_some_and(|indexed| indexed.id().is_some());
        state.archives.note_change(&path);
        known.extend(journal::known_id(state, &path));
        let needs_nothing_else = recording::record_published(state, index, &path, &changes.left);
        if has_pages
            || !needs_nothing_else
            || state.problems.has_placement_problem(&path)
            || pages::is_shown(state, &path)
        {
            changes.articles.push(path);
        }
        if state.recorder.unwritten.len() >= MAX_BATCHED_RECORDS {
            effects.extend(state.recorder.take_unwritten());
            *is_large = true;
            return Some(Publication::Recording(recording));
        }
    }
    recording::record_retractions(state, index, &recording.changes);
    journal::record(state, index, &recording);
    let building = begin_building(state, index, recording.changes, recording.changes_entries);
    if state.recorder.unwritten.len() >= MIN_EARLY_RECORDS {
        effects.extend(state.recorder.take_unwritten());
        return Some(Publication::Building(building));
    }
    build_changes(state, index, building, effects)
}

/// Removes from `changed` the articles that need neither a record nor an update. After a reload, those are nearly all
/// articles, and checking them in parallel is faster. After a start, indexing has already left them out.
fn drop_unaffected(state: &State, index: &Index, changed: &mut Vec<ArticlePath>) {
    if state.publisher.has_pages(index) {
        return;
    }
    let is_unaffected = |path: &ArticlePath| {
        let known = state.recorder.ledger.article(path).zip(state.catalog.get(path).map(Packed::hash));
        let indexed = index.get(path).zip(known);
        indexed.is_some_and(|(indexed, (known, version))| indexed.needs_no_update(known, version))
            && !state.problems.has_placement_problem(path)
            && !pages::is_shown(state, path)
    };
    let mut unaffected = parallel::on_all_cores(changed, is_unaffected).into_iter();
    changed.retain(|_| unaffected.next() != Some(true));
}

/// Finds the feeds to rebuild.
fn begin_building(state: &mut State, index: &Index, changes: Changes, changes_entries: bool) -> Box<Building> {
    let before = state.publisher.snapshot.clone();
    let revised = std::mem::take(&mut state.recorder.revised);
    state.publisher.snapshot.entries_version += u64::from(changes_entries || !revised.is_empty());
    let tombstone_routes = state.recorder.ledger.take_changed_notices();
    if !tombstone_routes.is_empty() {
        let keys = index.feeds().filter(|key| tombstone_routes.contains(assemble::route(key).as_str()));
        state.publisher.feeds_to_rebuild.extend(keys.cloned());
    }
    quarantine::remove_outdated(state);
    state.activities.note_expired(index, &changes);
    let is_reloaded = state.publisher.changed_routes.is_none();
    let withholds = std::mem::take(&mut state.withholding.is_urgent)
        || entries::hides_media(&state.catalog, index, &revised)
        || withholding::removes_from_feeds(state, index, &changes.left)
        || (is_reloaded && withholding::windows_lose_entries(state, index));
    let Changes { articles: mut changed, feeds: mut changed_feeds, left, .. } = changes;
    entries::strip_new_teasers(state, index, &changed);
    entries::strip_hidden_media(state, index, &changed);
    entries::mark_stale(state, index, &changed);
    entries::mark_referrers(state, index, &mut changed, &mut changed_feeds);
    archives::update(state, index, &changed, &left, &changed_feeds);
    changed_feeds.append(&mut state.publisher.feeds_to_rebuild);
    let refresh = std::mem::take(&mut state.recorder.changed_articles);
    let mut rebuilt = Rebuilt { list_changed: is_reloaded, refresh, ..Rebuilt::default() };
    let feeds = feeds::retire(state, index, changed_feeds, &mut rebuilt);
    Box::new(Building { before, changed, feeds, rebuilt, withholds })
}

/// Rebuilds feeds, pages and lists, and emits the effects.
fn build_changes(
    state: &mut State,
    index: &Index,
    mut building: Box<Building>,
    effects: &mut Vec<Effect>,
) -> Option<Publication> {
    while feeds::rebuild_batch(state, index, &mut building.feeds, &mut building.rebuilt) {
        if state.publisher.unstored_documents.bytes() >= MAX_UNSTORED_BYTES {
            effects.extend(state.publisher.unstored_documents.take());
            return Some(Publication::Building(building));
        }
    }
    finish(state, index, *building, effects);
    // Documents of a publication that waits for bodies.
    effects.extend(state.publisher.unstored_documents.take());
    None
}

/// Updates pages and lists, and emits the effects.
fn finish(state: &mut State, index: &Index, building: Building, effects: &mut Vec<Effect>) {
    let Building { before, changed, rebuilt, withholds, .. } = building;
    let Rebuilt { list_changed, mut requests, refresh } = rebuilt;
    state.entries.quarantine.forget_replaced();
    entries::evict(state, index);
    source_retention::record(state, &mut requests);
    for path in changed.iter().filter(|path| !refresh.contains(*path)).chain(&refresh) {
        let indexed = index.get(path);
        report_placement(&state.catalog, &mut state.problems, index, path, indexed);
        pages::refresh(state, index, path, indexed);
    }
    pages::note_replaced(&state.recorder.ledger, &mut state.publisher, index);
    let retired = sweep::retired(&state.recorder.ledger, index);
    if !retired.is_same(&state.publisher.snapshot.retired) {
        state.publisher.snapshot.retired = retired;
    }
    if list_changed {
        feed_set::report_shared_folders(&mut state.problems, &mut state.publisher, index);
    }
    feed_set::report_refused(&mut state.problems, index);
    feed_set::report_old_folders(&mut state.problems, index);
    claims::report(&mut state.problems, &state.publisher.snapshot, index);
    documents::update_shared(state, index, list_changed);
    state.bodies.clear_pending();

    if !requests.is_empty() {
        state.bodies.requested.extend(requests.iter().map(|request| (request.path.clone(), request.hash)));
        effects.push(Effect::Fetch(requests.into_iter().collect()));
    }
    let withholds = withholds || !std::mem::take(&mut state.withholding.reduced_entries).is_empty();
    let is_urgent = withholds && state.publisher.snapshot.generation > 0;
    state.withholding.is_urgent = withholds && !is_urgent;
    // The first snapshot and the first one after a reload are complete: they wait for the bodies that their feeds show.
    if state.publisher.changed_routes.is_none() && !state.bodies.requested.is_empty() && !is_urgent {
        return;
    }
    source_retention::erase_killed(state, index);
    source_retention::drop_unused(state, index, state.publisher.feeds_to_rebuild.is_empty());
    let has_new_report = update_report(state, index);
    effects.extend(is_urgent.then_some(Effect::Withhold));
    effects.extend(state.recorder.take_unwritten());
    let activity = activity::take_visible(state, index, state.publisher.snapshot.generation == 0);
    // Whoever follows a feed learns of entries when their text is there, and of removals at once.
    if state.bodies.requested.is_empty() || withholds {
        state.publisher.snapshot.journaled = state.recorder.ledger.journal().last;
    }
    if is_unchanged(&before, &state.publisher.snapshot) && !has_new_report && state.publisher.changed_routes.is_some() {
        effects.extend(activity);
        return;
    }
    state.publisher.snapshot.generation += 1;
    effects.extend(state.publisher.unstored_documents.take());
    effects.push(Effect::Swap(Arc::new(state.publisher.snapshot.clone())));
    effects.extend(activity);
    effects.extend(state.publisher.delivery().map(Effect::Deliver));
}

/// Updates the problems with an article's placement and id.
fn report_placement(
    catalog: &Catalog,
    problems: &mut Problems,
    index: &Index,
    path: &ArticlePath,
    indexed: Option<&IndexedArticle>,
) {
    let mut diagnostics = indexed.map(|indexed| index.diagnostics(path, indexed)).unwrap_or_default();
    if !diagnostics.is_empty() {
        let card = catalog.get(path).filter(|_| indexed.is_some_and(|indexed| indexed.id().is_none()));
        let card = card.map(|card| card.open(path));
        let is_withheld = card.is_some_and(|card| card.embargo.is_some() || card.draft);
        diagnostics = diagnostics.into_iter().map(|diagnostic| diagnostic.redact_unless(!is_withheld)).collect();
    }
    problems.set(Source::Placement(path.clone()), diagnostics);
    let contradiction = indexed.and_then(|_| index.id_conflict(path));
    problems.set(Source::Contradiction(path.clone()), contradiction.into_iter().collect());
}

/// Updates the report. Returns whether it changed.
fn update_report(state: &mut State, index: &Index) -> bool {
    let articles = state.catalog.len().saturating_sub(index.hidden_counts().listings);
    let hidden = HiddenCounts { held: state.held.without_catalog(), ..index.hidden_counts() };
    let counts = (articles, index.public_count(), index.feeds().count(), hidden);
    let old = &state.publisher.snapshot.report;
    let is_same =
        counts == (old.articles, old.published, old.feeds, old.hidden) && state.held.listed().ptr_eq(&old.held);
    if !state.problems.take_changed() && is_same {
        return false;
    }
    let mut problems: Vec<Diagnostic> = state
        .problems
        .iter()
        .map(|(source, diagnostic)| diagnostic.clone().redact_unless(source.is_quotable(Some(index))))
        .collect();
    problems.sort();
    let (articles, published, feeds, hidden) = counts;
    let held = state.held.listed().clone();
    state.publisher.snapshot.report = Arc::new(Report { articles, published, hidden, feeds, held, problems });
    true
}

/// Whether readers see the same in two snapshots.
fn is_unchanged(before: &Snapshot, after: &Snapshot) -> bool {
    before.documents.ptr_eq(&after.documents)
        && before.archives.ptr_eq(&after.archives)
        && before.shown_articles.ptr_eq(&after.shown_articles)
        && before.articles.ptr_eq(&after.articles)
        && before.gone.ptr_eq(&after.gone)
        && before.retired.is_same(&after.retired)
        && before.media.ptr_eq(&after.media)
        && before.kept_media.ptr_eq(&after.kept_media)
        && before.journaled == after.journaled
        && before.entries_version == after.entries_version
        && Arc::ptr_eq(&before.retired_addresses, &after.retired_addresses)
}

#[cfg(test)]
mod tests;
