//! Records what changed in feeds: one row for each entry that a publication adds, changes or removes.
//!
//! The rows follow from the ledger records of the same publication, and from the feeds that articles left. So they're written in the same
//! transaction as those records.
//!
//! While the removal of files waits for an operator, their entries have no row. They are added once more when they return, for subscribers
//! that started meanwhile.
//!
//! # When is the journal reset?
//!
//! When rows would be wrong or too many: at the first publication of a state, with a new configuration, when more than [`MAX_ROWS`] entries
//! change at once, and when an article changed while no daemon ran and the journal doesn't tell which feeds had it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::parts::publication::Recording;
use super::parts::recorder::routes;
use super::state::State;
use crate::article::card::Packed;
use crate::build::catalog::Catalog;
use crate::build::index::{Changes, Index, Visibility};
use crate::ledger::journal::{EntryChange, JournalChange, JournalRow, RemovalCause};
use crate::ledger::{ArticleFacts, Ledger, Record, Retraction, Routes, Withdrawal};
use crate::types::{ArticlePath, ContentHash, EntryId, Text};

/// More changed entries than this are a reset.
pub(super) const MAX_ROWS: usize = if cfg!(test) { 24 } else { 10_000 };

/// The id under which readers know another version of an article, before the new version is recorded.
pub(super) fn known_id(state: &State, path: &ArticlePath) -> Option<EntryId> {
    let ledger = &state.recorder.ledger;
    ledger.journal().configuration?;
    let is_other = |facts: &&ArticleFacts| facts.is_live() && facts.hash() != hash(&state.catalog, path);
    ledger.article(path).filter(is_other).and_then(|facts| facts.id.clone())
}

/// Records what a publication changes in feeds. Its other records are still in memory, unless it's large.
pub(super) fn record(state: &mut State, index: &Index, recording: &Recording) {
    let config = index.rules().config();
    let (configuration, keep) = (config.hash, config.journal_keep);
    let journal = state.recorder.ledger.journal_mut();
    let (mut number, last_at, is_current) =
        (journal.last, journal.last_at, journal.configuration == Some(configuration));
    let recorded = journal.take_feeds();
    let is_start = recorded.is_some();
    let is_comparable = is_start || !recording.changes.is_new_index;
    let changes = match is_current && is_comparable && !recording.is_large {
        true => {
            let mut draft = Draft::default();
            draft.add_left_feeds(state, index, recording);
            draft.add_articles(index, &recording.touched);
            draft.add_records(&state.recorder.ledger, &state.recorder.unwritten);
            draft.add_revised(index, &state.recorder.revised);
            if let Some(recorded) = &recorded {
                draft.add_unrecorded(index, recorded, |expired| expired > last_at);
            }
            draft.changes(state, index, recorded.map(|recorded| (recorded, &recording.known)))
        }
        false => None,
    };
    let changes = changes.unwrap_or_else(|| vec![JournalChange::Reset { configuration }]);
    if changes.is_empty() {
        return;
    }
    let at = state.now_in_seconds();
    let rows = changes.into_iter().map(|change| {
        number += 1;
        JournalRow { number, at, change }
    });
    let rows = rows.collect();
    let keep_since = at.checked_sub(keep).unwrap_or(at);
    state.record_silently(Record::Journal { rows, keep_since });
}

/// The entries that a publication may change.
#[derive(Default)]
struct Draft {
    entries: BTreeMap<EntryId, DraftEntry>,
}

#[derive(Default)]
struct DraftEntry {
    /// The feeds that had the entry.
    before: BTreeSet<Arc<str>>,
    /// Its file, as far as a removal needs it.
    path: Option<ArticlePath>,
    /// Whether its text, pictures or dates may differ.
    is_revised: bool,
    /// Whether feeds had it before that the change doesn't tell.
    was_in_feeds: bool,
}

impl Draft {
    fn add(&mut self, id: &EntryId, path: Option<&ArticlePath>, before: impl IntoIterator<Item = Arc<str>>) {
        let entry = self.entries.entry(id.clone()).or_default();
        entry.before.extend(before);
        entry.path = path.cloned().or(entry.path.take());
    }

    /// Adds the articles that left feeds.
    fn add_left_feeds(&mut self, state: &State, index: &Index, recording: &Recording) {
        let ledger = &state.recorder.ledger;
        let mut moved: BTreeMap<&ArticlePath, &ArticlePath> = BTreeMap::new();
        // Another article has the file now, and the old one's id has a record of its own.
        let mut replaced: BTreeSet<&ArticlePath> = BTreeSet::new();
        let mut last_published = None;
        for record in &state.recorder.unwritten {
            match record {
                Record::Moved { from, to } => drop(moved.insert(from, to)),
                Record::Published { path, .. } => last_published = Some(path),
                Record::Replaced { .. } => replaced.extend(last_published),
                _ => {}
            }
        }
        let Changes { left, joined, .. } = &recording.changes;
        let left = left.iter().filter(|(path, _)| !replaced.contains(path) && !joined.contains(*path));
        for (path, feeds) in left {
            let known = |path: &ArticlePath| ledger.article(path).and_then(|facts| facts.id.clone());
            let id = index.get(path).and_then(|indexed| indexed.id().cloned());
            let id = id.or_else(|| known(path)).or_else(|| known(moved.get(path)?));
            if let Some(id) = id.or_else(|| index.preferred_id(path).cloned()) {
                self.add(&id, Some(path), routes(feeds).iter().cloned());
            }
        }
    }

    /// Adds the public articles that changed. Unless they left feeds, they weren't in any.
    fn add_articles(&mut self, index: &Index, articles: &[ArticlePath]) {
        let ids = articles.iter().filter_map(|path| index.get(path)?.id());
        ids.for_each(|id| self.add(id, None, []));
    }

    /// Adds the articles that have new records.
    fn add_records(&mut self, ledger: &Ledger, records: &[Record]) {
        let id_of = |path: &ArticlePath| ledger.article(path).and_then(|facts| facts.id.as_ref());
        for record in records {
            match record {
                Record::Published { path, id, .. } => {
                    self.add(id, Some(path), []);
                    self.entries.entry(id.clone()).or_default().is_revised = true;
                }
                Record::Retracted { path, retraction: Retraction { feeds, .. } }
                | Record::Withdrawn { path, feeds } => {
                    let Some(id) = id_of(path) else { continue };
                    self.add(id, Some(path), feeds.iter().cloned());
                    self.entries.entry(id.clone()).or_default().was_in_feeds = true;
                }
                Record::Moved { to, .. } => {
                    let Some(id) = id_of(to) else { continue };
                    self.add(id, Some(to), []);
                    self.entries.entry(id.clone()).or_default().was_in_feeds = true;
                }
                Record::Replaced { id, retraction } => self.add(id, None, retraction.feeds.iter().cloned()),
                _ => {}
            }
        }
    }

    /// Adds the articles that look different although their files are the same, such as by the end of a picture's rights.
    fn add_revised(&mut self, index: &Index, revised: &BTreeSet<ArticlePath>) {
        for indexed in revised.iter().filter_map(|path| index.get(path)) {
            let Some(id) = indexed.id() else { continue };
            let entry = self.entries.entry(id.clone()).or_insert_with(|| DraftEntry {
                before: routes(index.feeds_of(indexed)).iter().cloned().collect(),
                ..DraftEntry::default()
            });
            entry.is_revised = true;
        }
    }

    /// Adds what happened while no daemon ran and isn't recorded otherwise.
    fn add_unrecorded(
        &mut self,
        index: &Index,
        recorded: &BTreeMap<EntryId, Routes>,
        is_new: impl Fn(jiff::Timestamp) -> bool,
    ) {
        for (id, feeds) in recorded {
            let entry = self.entries.entry(id.clone()).or_default();
            entry.before = feeds.iter().cloned().collect();
        }
        if index.hidden_counts().expired > 0 {
            for (path, indexed) in index.articles() {
                if let Visibility::Expired(expired) = indexed.visibility
                    && is_new(expired.timestamp())
                    && let Some(id) = index.preferred_id(path).filter(|id| !recorded.contains_key(id))
                {
                    self.add(id, Some(path), routes(index.feeds_of(indexed)).iter().cloned());
                }
            }
        }
    }

    /// The changes. `None` if they can't be told. `start`: at the first publication after a start, the feeds of entries with rows, and the
    /// entries that readers knew before.
    fn changes(
        self,
        state: &State,
        index: &Index,
        start: Option<(BTreeMap<EntryId, Routes>, &BTreeSet<EntryId>)>,
    ) -> Option<Vec<JournalChange>> {
        let mut changes = Vec::new();
        for (id, DraftEntry { before, path, is_revised, was_in_feeds }) in self.entries {
            let public = index.public_article(&id);
            if public.is_none() && is_held_back(state, &id) {
                continue;
            }
            let after = public.and_then(|path| index.get(path)).map(|indexed| routes(index.feeds_of(indexed)));
            let after = after.unwrap_or_default();
            let before: Routes = before.into_iter().collect();
            if let Some((recorded, known)) = &start
                && !recorded.contains_key(&id)
                && (known.contains(&id) || (was_in_feeds && before.is_empty()))
            {
                return None;
            }
            let is_same = before.len() == after.len() && after.iter().all(|route| before.contains(route));
            if is_same && (!is_revised || after.is_empty()) {
                continue;
            }
            if changes.len() >= MAX_ROWS {
                return None;
            }
            let hash = public.and_then(|path| hash(&state.catalog, path));
            let path = path.filter(|_| after.is_empty());
            let path = path.or_else(|| state.recorder.ledger.holder(&id).filter(|_| after.is_empty()).cloned());
            let (cause, reason) =
                path.map_or((RemovalCause::Gone, None), |path| removal(&state.recorder.ledger, index, &path));
            changes.push(JournalChange::Entry(EntryChange { id, hash, before, after, cause, reason }));
        }
        Some(changes)
    }
}

/// Whether the file of an entry vanished in a mass removal, so that the entry stays public until an operator decides.
fn is_held_back(state: &State, id: &EntryId) -> bool {
    state.recorder.ledger.holder(id).is_some_and(|path| state.missing.held_back.contains(path))
}

/// Why an article isn't public any more, and the public reason.
fn removal(ledger: &Ledger, index: &Index, path: &ArticlePath) -> (RemovalCause, Option<Text>) {
    match ledger.article(path).and_then(ArticleFacts::retraction) {
        Some(retraction) if retraction.by == Withdrawal::Deleted => (RemovalCause::Gone, None),
        Some(retraction) => (RemovalCause::Retracted, retraction.reason.clone()),
        None => match index.get(path).map(|indexed| &indexed.visibility) {
            Some(Visibility::Expired(_)) => (RemovalCause::Expired, None),
            _ => (RemovalCause::Gone, None),
        },
    }
}

fn hash(catalog: &Catalog, path: &ArticlePath) -> Option<ContentHash> {
    catalog.get(path).map(Packed::hash)
}
