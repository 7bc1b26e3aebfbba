//! Publishes changes: the order of the steps from changed articles to the next snapshot and its effects.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{Engine, Source, may_quote};
use crate::article::card::Packed;
use crate::build::assemble;
use crate::build::index::{Changes, Index, IndexedArticle};
use crate::diagnostics::Diagnostic;
use crate::event::Effect;
use crate::ledger::Record;
use crate::parallel;
use crate::snapshot::{Report, Snapshot};
use crate::types::ArticlePath;

/// The maximum number of records that are persisted together, so that the records of a whole archive are never in memory at once.
const MAX_BATCHED_RECORDS: usize = 16_384;
/// The minimum number of records that are persisted before feeds are built. Fewer records are persisted with their effects.
const MIN_EARLY_RECORDS: usize = 1_024;

impl Engine {
    /// Publishes what changed. Emits at most one new snapshot.
    pub(super) fn publish(&mut self, effects: &mut Vec<Effect>, persist: Option<&mut dyn FnMut(Vec<Record>)>) {
        let Some(mut index) = self.index.take() else { return };
        if self.listed && !self.missing.is_loading_stored() {
            self.admit_feeds(&mut index);
            let mut changes = index.take_changes();
            self.record_changes(&mut index, &mut changes, persist);
            let tombstone_routes = self.ledger.take_retold();
            if !tombstone_routes.is_empty() {
                let keys = index.feeds().filter(|key| tombstone_routes.contains(assemble::route(key).as_str()));
                self.feeds_to_rebuild.extend(keys.cloned());
            }
            self.publish_changes(&index, changes, effects);
        }
        self.index = Some(index);
    }

    /// Records what was published and retracted. Removes from the changed articles those that need nothing else.
    fn record_changes(
        &mut self,
        index: &mut Index,
        changes: &mut Changes,
        mut persist: Option<&mut dyn FnMut(Vec<Record>)>,
    ) {
        self.drop_unaffected(index, &mut changes.articles);
        let has_pages = self.has_pages(index);
        changes.articles.retain(|path| {
            let needs_nothing_else = self.record_published(index, path, &changes.left);
            if let Some(persist) = persist.as_mut().filter(|_| self.unwritten_records.len() >= MAX_BATCHED_RECORDS) {
                persist(std::mem::take(&mut self.unwritten_records));
            }
            has_pages || !needs_nothing_else || self.has_placement_problem(path) || self.is_shown(path)
        });
        self.record_retractions(index, changes);
        if let Some(persist) = persist.filter(|_| self.unwritten_records.len() >= MIN_EARLY_RECORDS) {
            persist(std::mem::take(&mut self.unwritten_records));
        }
    }

    /// Removes from `changed` the articles that need neither a record nor an update. After a reload, those are nearly all
    /// articles, and checking them in parallel is faster. After a start, indexing has already left them out.
    fn drop_unaffected(&self, index: &Index, changed: &mut Vec<ArticlePath>) {
        if self.has_pages(index) {
            return;
        }
        let is_unaffected = |path: &ArticlePath| {
            let known = self.ledger.article(path).zip(self.catalog.get(path).map(Packed::hash));
            let indexed = index.get(path).zip(known);
            indexed.is_some_and(|(indexed, (known, version))| indexed.needs_no_update(known, version))
                && !self.has_placement_problem(path)
                && !self.is_shown(path)
        };
        let mut unaffected = parallel::on_all_cores(changed, is_unaffected).into_iter();
        changed.retain(|_| unaffected.next() != Some(true));
    }

    /// Rebuilds feeds, pages and lists, and emits the effects.
    fn publish_changes(&mut self, index: &Index, changes: Changes, effects: &mut Vec<Effect>) {
        let before = self.snapshot.clone();
        self.forget_replaced_failures();
        self.note_expired(index, &changes);
        let withholds = std::mem::take(&mut self.has_urgent_removal)
            || self.removes_from_feeds(index, &changes.left)
            || (self.changed_routes.is_none() && self.windows_lose_entries(index));
        let Changes { articles: changed, feeds: mut changed_feeds, .. } = changes;
        self.strip_new_teasers(index, &changed);
        self.mark_stale_entries(index, &changed);
        changed_feeds.append(&mut self.feeds_to_rebuild);
        // The articles whose pages and media may have changed.
        let mut refresh: BTreeSet<ArticlePath> = std::mem::take(&mut self.ledger_changes);
        let mut requests = BTreeSet::new();
        let is_reloaded = self.changed_routes.is_none();
        let list_changed = self.rebuild_feeds(index, changed_feeds, &mut requests, &mut refresh) || is_reloaded;
        self.forget_replaced_entries();
        self.evict_entries(index);
        self.record_sources(&mut requests);
        for path in changed.iter().filter(|path| !refresh.contains(*path)).chain(&refresh) {
            let indexed = index.get(path);
            self.note_placement_problems(index, path, indexed);
            self.refresh_article(index, path, indexed);
        }
        self.note_replaced(index);
        let retired = self.retired(index);
        if !retired.is_same(&self.snapshot.retired) {
            self.snapshot.retired = retired;
        }
        if list_changed {
            self.note_shared_folders(index);
        }
        self.note_refused_feeds(index);
        self.note_old_folders(index);
        self.update_shared_documents(index, list_changed);
        self.clear_pending();

        if !requests.is_empty() {
            self.requested_bodies.extend(requests.iter().map(|request| (request.path.clone(), request.hash)));
            effects.push(Effect::Fetch(requests.into_iter().collect()));
        }
        let withholds = withholds || !std::mem::take(&mut self.new_teasers).is_empty();
        let is_urgent = withholds && self.snapshot.generation > 0;
        self.has_urgent_removal = withholds && !is_urgent;
        // The first snapshot and the first one after a reload are complete: they wait for the bodies that their feeds show.
        if self.changed_routes.is_none() && !self.requested_bodies.is_empty() && !is_urgent {
            return;
        }
        self.drop_unused_sources(self.feeds_to_rebuild.is_empty());
        let has_new_report = self.update_report(index);
        effects.extend(is_urgent.then_some(Effect::Withhold));
        effects.extend(
            (!self.unwritten_records.is_empty()).then(|| Effect::Persist(std::mem::take(&mut self.unwritten_records))),
        );
        let activity = self.take_activity(index, self.snapshot.generation == 0);
        if is_unchanged(&before, &self.snapshot) && !has_new_report && self.changed_routes.is_some() {
            effects.extend(activity);
            return;
        }
        self.snapshot.generation += 1;
        effects.push(Effect::Swap(Arc::new(self.snapshot.clone())));
        effects.extend(activity);
        effects.extend(self.delivery().map(Effect::Deliver));
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
        let old = &self.snapshot.report;
        if !self.problems.take_changed() && counts == (old.articles, old.published, old.feeds, old.hidden) {
            return false;
        }
        let mut problems: Vec<Diagnostic> = self
            .problems
            .iter()
            .map(|(source, diagnostic)| diagnostic.clone().redact_unless(may_quote(source, Some(index))))
            .collect();
        problems.sort();
        let (articles, published, feeds, hidden) = counts;
        self.snapshot.report = Arc::new(Report { articles, published, hidden, feeds, problems });
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
