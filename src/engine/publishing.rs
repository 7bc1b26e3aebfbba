//! Publishes changes: the order of the steps from changed articles to the next snapshot and its effects.

use std::sync::Arc;

use super::parts::problems::Source;
use super::parts::publication::{Building, Publication, Rebuilt, Recording};
use super::state::Engine;
use crate::article::card::Packed;
use crate::build::assemble;
use crate::build::index::{Changes, Index, IndexedArticle};
use crate::diagnostics::Diagnostic;
use crate::event::Effect;
use crate::parallel;
use crate::snapshot::{Report, Snapshot};
use crate::types::ArticlePath;

/// The maximum number of records that are persisted together, so that the records of a whole archive are never in memory at once.
const MAX_BATCHED_RECORDS: usize = if cfg!(test) { 64 } else { 16_384 };
/// The minimum number of records that are persisted before feeds are built. Fewer records are persisted with their effects.
const MIN_EARLY_RECORDS: usize = if cfg!(test) { 32 } else { 1_024 };
/// The size of the built documents from which on they are stored before more are built.
const MAX_UNSTORED_BYTES: usize = if cfg!(test) { 64 << 10 } else { 16 << 20 };

impl Engine {
    /// Publishes what changed. Emits at most one new snapshot. A large publication ends with [`Effect::Resume`] and continues in the next
    /// call.
    pub(super) fn publish(&mut self, effects: &mut Vec<Effect>) {
        let Some(mut index) = self.index.take() else { return };
        if self.publisher.publication.is_none() && self.listed && !self.missing.is_loading_stored() {
            self.admit_feeds(&mut index);
            let mut changes = index.take_changes();
            self.drop_unaffected(&index, &mut changes.articles);
            let unrecorded = std::mem::take(&mut changes.articles).into_iter();
            self.publisher.publication = Some(Publication::Recording(Recording { changes, unrecorded }));
        }
        if let Some(publication) = self.publisher.publication.take() {
            self.publisher.publication = match publication {
                Publication::Recording(recording) => self.record_changes(&mut index, recording, effects),
                Publication::Building(building) => self.build_changes(&index, building, effects),
            };
        }
        self.index = Some(index);
    }

    /// Records what was published and retracted, and continues with the feeds.
    fn record_changes(
        &mut self,
        index: &mut Index,
        mut recording: Recording,
        effects: &mut Vec<Effect>,
    ) -> Option<Publication> {
        let has_pages = self.publisher.has_pages(index);
        let Recording { changes, unrecorded } = &mut recording;
        for path in unrecorded {
            let needs_nothing_else = self.record_published(index, &path, &changes.left);
            if has_pages || !needs_nothing_else || self.has_placement_problem(&path) || self.is_shown(&path) {
                changes.articles.push(path);
            }
            if self.recorder.unwritten.len() >= MAX_BATCHED_RECORDS {
                effects.extend(self.recorder.take_unwritten());
                return Some(Publication::Recording(recording));
            }
        }
        self.record_retractions(index, &recording.changes);
        let building = self.begin_building(index, recording.changes);
        if self.recorder.unwritten.len() >= MIN_EARLY_RECORDS {
            effects.extend(self.recorder.take_unwritten());
            return Some(Publication::Building(building));
        }
        self.build_changes(index, building, effects)
    }

    /// Removes from `changed` the articles that need neither a record nor an update. After a reload, those are nearly all
    /// articles, and checking them in parallel is faster. After a start, indexing has already left them out.
    fn drop_unaffected(&self, index: &Index, changed: &mut Vec<ArticlePath>) {
        if self.publisher.has_pages(index) {
            return;
        }
        let is_unaffected = |path: &ArticlePath| {
            let known = self.recorder.ledger.article(path).zip(self.catalog.get(path).map(Packed::hash));
            let indexed = index.get(path).zip(known);
            indexed.is_some_and(|(indexed, (known, version))| indexed.needs_no_update(known, version))
                && !self.has_placement_problem(path)
                && !self.is_shown(path)
        };
        let mut unaffected = parallel::on_all_cores(changed, is_unaffected).into_iter();
        changed.retain(|_| unaffected.next() != Some(true));
    }

    /// Finds the feeds to rebuild.
    fn begin_building(&mut self, index: &Index, changes: Changes) -> Box<Building> {
        let before = self.publisher.snapshot.clone();
        let tombstone_routes = self.recorder.ledger.take_retold();
        if !tombstone_routes.is_empty() {
            let keys = index.feeds().filter(|key| tombstone_routes.contains(assemble::route(key).as_str()));
            self.publisher.feeds_to_rebuild.extend(keys.cloned());
        }
        self.forget_replaced_failures();
        self.note_expired(index, &changes);
        let is_reloaded = self.publisher.changed_routes.is_none();
        let withholds = std::mem::take(&mut self.withholding.is_urgent)
            || self.removes_from_feeds(index, &changes.left)
            || (is_reloaded && self.windows_lose_entries(index));
        let Changes { articles: changed, feeds: mut changed_feeds, .. } = changes;
        self.strip_new_teasers(index, &changed);
        self.mark_stale_entries(index, &changed);
        changed_feeds.append(&mut self.publisher.feeds_to_rebuild);
        let refresh = std::mem::take(&mut self.recorder.changed_articles);
        let mut rebuilt = Rebuilt { list_changed: is_reloaded, refresh, ..Rebuilt::default() };
        let feeds = self.retire_feeds(index, changed_feeds, &mut rebuilt);
        Box::new(Building { before, changed, feeds, rebuilt, withholds })
    }

    /// Rebuilds feeds, pages and lists, and emits the effects.
    fn build_changes(
        &mut self,
        index: &Index,
        mut building: Box<Building>,
        effects: &mut Vec<Effect>,
    ) -> Option<Publication> {
        while self.rebuild_feeds(index, &mut building.feeds, &mut building.rebuilt) {
            if self.publisher.unstored_documents.bytes() >= MAX_UNSTORED_BYTES {
                effects.extend(self.publisher.unstored_documents.take());
                return Some(Publication::Building(building));
            }
        }
        self.finish_publication(index, *building, effects);
        // Readers don't wait for the disk.
        effects.extend(self.publisher.unstored_documents.take());
        None
    }

    /// Updates pages and lists, and emits the effects.
    fn finish_publication(&mut self, index: &Index, building: Building, effects: &mut Vec<Effect>) {
        let Building { before, changed, rebuilt, withholds, .. } = building;
        let Rebuilt { list_changed, mut requests, refresh } = rebuilt;
        self.entries.quarantine.forget_replaced();
        self.evict_entries(index);
        self.record_sources(&mut requests);
        for path in changed.iter().filter(|path| !refresh.contains(*path)).chain(&refresh) {
            let indexed = index.get(path);
            self.note_placement_problems(index, path, indexed);
            self.refresh_article(index, path, indexed);
        }
        self.note_replaced(index);
        let retired = self.retired(index);
        if !retired.is_same(&self.publisher.snapshot.retired) {
            self.publisher.snapshot.retired = retired;
        }
        if list_changed {
            self.note_shared_folders(index);
        }
        self.note_refused_feeds(index);
        self.note_old_folders(index);
        self.update_shared_documents(index, list_changed);
        self.bodies.clear_pending();

        if !requests.is_empty() {
            self.bodies.requested.extend(requests.iter().map(|request| (request.path.clone(), request.hash)));
            effects.push(Effect::Fetch(requests.into_iter().collect()));
        }
        let withholds = withholds || !std::mem::take(&mut self.withholding.new_teasers).is_empty();
        let is_urgent = withholds && self.publisher.snapshot.generation > 0;
        self.withholding.is_urgent = withholds && !is_urgent;
        // The first snapshot and the first one after a reload are complete: they wait for the bodies that their feeds show.
        if self.publisher.changed_routes.is_none() && !self.bodies.requested.is_empty() && !is_urgent {
            return;
        }
        self.drop_unused_sources(self.publisher.feeds_to_rebuild.is_empty());
        let has_new_report = self.update_report(index);
        effects.extend(is_urgent.then_some(Effect::Withhold));
        effects.extend(self.recorder.take_unwritten());
        let activity = self.take_activity(index, self.publisher.snapshot.generation == 0);
        if is_unchanged(&before, &self.publisher.snapshot) && !has_new_report && self.publisher.changed_routes.is_some()
        {
            effects.extend(activity);
            return;
        }
        self.publisher.snapshot.generation += 1;
        effects.push(Effect::Swap(Arc::new(self.publisher.snapshot.clone())));
        effects.extend(activity);
        effects.extend(self.publisher.delivery().map(Effect::Deliver));
    }

    /// Whether an article has a problem with its placement or id.
    fn has_placement_problem(&self, path: &ArticlePath) -> bool {
        let sources = [Source::Placement(path.clone()), Source::Contradiction(path.clone())];
        sources.iter().any(|source| self.problems.has(source))
    }

    /// Updates the problems with an article's placement and id.
    fn note_placement_problems(&mut self, index: &Index, path: &ArticlePath, indexed: Option<&IndexedArticle>) {
        let mut diagnostics = indexed.map(|indexed| index.diagnostics(path, indexed)).unwrap_or_default();
        if !diagnostics.is_empty() {
            let card = self.catalog.get(path).filter(|_| indexed.is_some_and(|indexed| indexed.id().is_none()));
            let card = card.map(|card| card.open(path));
            let is_withheld = card.is_some_and(|card| card.embargo.is_some() || card.draft);
            diagnostics = diagnostics.into_iter().map(|diagnostic| diagnostic.redact_unless(!is_withheld)).collect();
        }
        self.problems.set(Source::Placement(path.clone()), diagnostics);
        let contradiction = indexed.and_then(|_| index.id_conflict(path));
        self.problems.set(Source::Contradiction(path.clone()), contradiction.into_iter().collect());
    }

    /// Updates the report. Returns whether it changed.
    fn update_report(&mut self, index: &Index) -> bool {
        let articles = self.catalog.len().saturating_sub(index.hidden_counts().listings);
        let counts = (articles, index.public_count(), index.feeds().count(), index.hidden_counts());
        let old = &self.publisher.snapshot.report;
        if !self.problems.take_changed() && counts == (old.articles, old.published, old.feeds, old.hidden) {
            return false;
        }
        let mut problems: Vec<Diagnostic> = self
            .problems
            .iter()
            .map(|(source, diagnostic)| diagnostic.clone().redact_unless(source.is_quotable(Some(index))))
            .collect();
        problems.sort();
        let (articles, published, feeds, hidden) = counts;
        self.publisher.snapshot.report = Arc::new(Report { articles, published, hidden, feeds, problems });
        true
    }
}

/// Whether readers see the same in two snapshots.
fn is_unchanged(before: &Snapshot, after: &Snapshot) -> bool {
    before.documents.ptr_eq(&after.documents)
        && before.shown_articles.ptr_eq(&after.shown_articles)
        && before.articles.ptr_eq(&after.articles)
        && before.gone.ptr_eq(&after.gone)
        && before.retired.is_same(&after.retired)
        && before.media.ptr_eq(&after.media)
        && Arc::ptr_eq(&before.retired_addresses, &after.retired_addresses)
}

#[cfg(test)]
mod tests;
