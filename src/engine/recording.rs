//! Emits ledger records: ids, retractions, text fingerprints, and the dates of feeds and documents.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use super::commands::routes;
use super::entries::TextScope;
use super::{Engine, Source};
use crate::article::Metadata;
use crate::article::card::Packed;
use crate::article::render::{RENDERER_VERSION, Rendered};
use crate::build::assemble::{self, FeedHistory};
use crate::build::index::{Changes, Index, IndexedArticle, Visibility};
use crate::build::placement::FeedKey;
use crate::config::UpdatedWhen;
use crate::diagnostics::{Code, Diagnostic, Place};
use crate::feed::DeletedEntry;
use crate::ledger::{Record, Remembered, Retraction, TextPrint, Tombstone, UnreadableRecord, Withdrawal};
use crate::snapshot::Resource;
use crate::types::{ArticlePath, Moment};

/// How long a feed lists a tombstone at least, even if there are too many. Readers that fetch once a day should see each one.
const MIN_TOMBSTONE_PERIOD: SignedDuration = SignedDuration::from_hours(24);

/// When a feed stops listing a tombstone. `newer` counts the more recent tombstones; `max_tombstones` is the feed's maximum.
pub(super) fn notice_end(
    tombstone: &Tombstone,
    newer: usize,
    period: SignedDuration,
    max_tombstones: usize,
) -> Timestamp {
    let period = if newer < max_tombstones { period } else { period.min(MIN_TOMBSTONE_PERIOD) };
    tombstone.at.saturating_add(period).unwrap_or(Timestamp::MAX)
}

impl Engine {
    /// Reports ledger records that can't be read, with the articles that stay withheld because of them.
    pub(super) fn report_unreadable_records(&mut self) {
        let Some(config) = self.config() else { return };
        let root = &config.parsing.root;
        let report = |(path, record): (&ArticlePath, &UnreadableRecord)| {
            let UnreadableRecord { number, kind } = record;
            let is_id = **kind == *UnreadableRecord::REPLACED;
            let what = match is_id {
                // Nothing is withheld: the next article with this id is public.
                true => format!("no feed tells its readers that `{path}` is gone"),
                false => format!("`{root}/{path}` stays withheld"),
            };
            let message = format!("record {number} of the ledger, `{kind}`, cannot be read, so {what}");
            let commands = format!(
                "`dateline restore {path}` publishes it again, `dateline retract {path}` takes it from its readers for good; "
            );
            let help = format!(
                "{}`dateline backup --restore FILE` puts a copy of the ledger in place that can be read",
                if is_id { "" } else { &commands }
            );
            let diagnostic = Diagnostic::new(Code::LedgerRecord, message).help(help);
            if is_id { diagnostic } else { diagnostic.at(Place::file(&format!("{root}/{path}"))) }
        };
        let diagnostics = self.ledger.unreadable().map(report).collect();
        self.problems.set(Source::Ledger, diagnostics);
    }

    /// Whether the ledger has a public article's id, version and date already.
    pub(super) fn is_recorded(&self, path: &ArticlePath, indexed: &IndexedArticle) -> bool {
        let version = self.catalog.get(path).map(Packed::hash);
        let known = self.ledger.article(path).zip(version);
        known.is_some_and(|(known, version)| indexed.matches_ledger(known, version))
    }

    /// Records a public article's id, version and date. Returns whether they are new and nothing else about the article has to
    /// be updated.
    pub(super) fn record_published(
        &mut self,
        index: &mut Index,
        path: &ArticlePath,
        left: &BTreeMap<ArticlePath, Vec<FeedKey>>,
    ) -> bool {
        let Some(indexed) = index.get(path) else { return false };
        let Some(hash) = self.catalog.get(path).map(Packed::hash) else { return false };
        if indexed.visibility == Visibility::Retracted {
            // Recorded so that the file is recognised if it moves. At another path it would otherwise be published.
            let known = self.ledger.article(path).filter(|known| known.retraction().is_some());
            if known.is_some_and(|known| known.hash() != Some(hash)) {
                self.record(Record::Hidden { path: path.clone(), hash });
            }
            return false;
        }
        if self.is_recorded(path, indexed) {
            return false;
        }
        let Some(id) = indexed.id().cloned() else { return false };
        let Some(date) = indexed.dates.map(|(published, _)| published.timestamp()) else { return false };
        let needs_no_report = indexed.needs_no_report();
        let known = self.ledger.article(path);
        let old_id = known.and_then(|known| known.id.clone()).filter(|old_id| *old_id != id);
        let is_retracted = known.is_some_and(|known| known.retraction().is_some());
        let was_known = known.is_some_and(Remembered::is_known);
        // Before the first snapshot, readers can't see anything that postponed articles would have to stay out of.
        if self.snapshot.generation > 0 && !known.is_some_and(Remembered::is_live) {
            self.postponed.note(path);
        }
        let withdrawn = known.and_then(|known| known.withdrawn().cloned());
        if is_retracted {
            self.record(Record::Restored { path: path.clone() });
        }
        self.record(Record::Published { path: path.clone(), id, hash, date });
        // Another article replaced one that readers know. Feeds list the old id as retracted.
        if let Some(id) = old_id.filter(|id| was_known && index.public_article(id).is_none()) {
            let feeds = left.get(path).map(routes).or(withdrawn).unwrap_or_default();
            let retraction = Retraction { at: self.now_in_seconds(), reason: None, by: Withdrawal::Deleted, feeds };
            self.record(Record::Replaced { id, retraction });
        }
        index.confirm_id(path);
        needs_no_report
    }

    /// Records articles that were retracted: the file was deleted or says so, and no other article has the id. Withheld
    /// articles are recorded too, without a tombstone.
    pub(super) fn record_retractions(&mut self, index: &Index, changes: &Changes) {
        let deleted = std::mem::take(&mut self.deleted);
        // Public articles, which are nearly all, need none of this.
        let candidates = deleted.keys().chain(&self.ledger_changes).chain(&changes.articles);
        let candidates = candidates.filter(|path| index.get(path).is_none_or(|indexed| indexed.id().is_none()));
        let paths: BTreeSet<ArticlePath> = candidates.cloned().collect();
        for path in &paths {
            let Some(remembered) = self.ledger.article(path).filter(|article| article.id.is_some()) else { continue };
            if remembered.hash().is_none()
                || remembered.id.as_ref().is_some_and(|id| index.public_article(id).is_some())
            {
                continue;
            }
            let left = || changes.left.get(path).map(routes);
            let indexed = index.get(path);
            let feeds = || {
                let now = || indexed.map(|indexed| routes(index.feeds_of(indexed)));
                let known = remembered.withdrawn().cloned().or_else(|| deleted.get(path).cloned());
                left().or(known).or_else(now).unwrap_or_default()
            };
            let second = self.now_in_seconds();
            // The reason in the file, if its status is `retracted`.
            let stated_reason = || {
                let card = self.catalog.get(path)?.open(path);
                card.retracted.map(|retracted| retracted.reason)
            };
            let record = match (indexed.map(|indexed| &indexed.visibility), remembered.retraction()) {
                (None, None) if deleted.contains_key(path) => {
                    Some(Retraction { at: second, reason: None, by: Withdrawal::Deleted, feeds: feeds() })
                }
                (Some(Visibility::Retracted), None) => stated_reason().map(|reason| Retraction {
                    at: second,
                    reason,
                    by: Withdrawal::Status,
                    feeds: feeds(),
                }),
                // The reason changed, or an operator retracted the article before its feeds were known.
                (Some(Visibility::Retracted), Some(known)) if !self.ledger.is_unreadable(path) => {
                    let reason = stated_reason()
                        .filter(|_| known.by == Withdrawal::Status)
                        .unwrap_or_else(|| known.reason.clone());
                    let feeds = if known.feeds.is_empty() { feeds() } else { known.feeds.clone() };
                    Some(Retraction { reason, feeds, ..known.clone() }).filter(|new| *new != *known)
                }
                _ => None,
            };
            let record = match record {
                Some(retraction) => Record::Retracted { path: path.clone(), retraction },
                None if self.is_withheld(index, path) && remembered.is_live() => {
                    Record::Withdrawn { path: path.clone(), feeds: feeds() }
                }
                None => continue,
            };
            self.record(record);
            self.ledger_changes.insert(path.clone());
        }
    }

    /// Whether an article is withheld without a notice. A restart that finds its file broken keeps it withheld.
    pub(super) fn is_withheld(&self, index: &Index, path: &ArticlePath) -> bool {
        match index.get(path).map(|indexed| &indexed.visibility) {
            Some(
                Visibility::Draft
                | Visibility::Restricted
                | Visibility::Scheduled(_)
                | Visibility::IdTaken(_)
                | Visibility::Superseded(_),
            ) => true,
            Some(_) => false,
            None => self.catalog.is_withheld(path),
        }
    }

    /// A feed's tombstones and last update. Schedules the feed's rebuild for the end of the next tombstone.
    pub(super) fn feed_history(&mut self, index: &Index, key: &FeedKey, route: &str) -> FeedHistory {
        let options = index.rules().feed_options(key);
        let (period, max_tombstones) = (options.tombstones, options.max_tombstones);
        let end = |(newer, tombstone): &(usize, &Tombstone)| notice_end(tombstone, *newer, period, max_tombstones);
        // Older tombstones end earlier.
        let active = self.ledger.tombstones(route).rev().enumerate().take_while(|tombstone| end(tombstone) > self.now);
        let active: Vec<(usize, &Tombstone)> = active.collect();
        let ends = active.last().map(end);
        let deleted = active.iter().map(|(_, Tombstone { at, id, reason })| DeletedEntry {
            id: id.clone(),
            at: *at,
            reason: reason.clone(),
        });
        let deleted = deleted.collect();
        self.tombstone_ends.extend(ends.map(|end| (end, key.clone())));
        FeedHistory { deleted, updated: self.ledger.feed_updated(route) }
    }

    /// The Last-Modified date of a document. It stays while the bytes do. If they change, it is later than any before.
    pub(super) fn last_modified(&self, route: &str, resource: &Resource) -> Option<Timestamp> {
        match self.ledger.document(route) {
            Some((hash, last_modified)) if hash == resource.hash => Some(last_modified),
            Some((_, last_modified)) => {
                let after = Timestamp::from_second(self.now.as_second().saturating_add(1)).unwrap_or(self.now);
                Some(last_modified.max(after))
            }
            None => resource.last_modified,
        }
    }

    /// When an article was first published and when it last changed.
    pub(super) fn dates(
        &self,
        index: &Index,
        path: &ArticlePath,
        indexed: &IndexedArticle,
    ) -> Option<(Moment, Moment)> {
        let by_text = index.rules().config().updated_when == UpdatedWhen::Text;
        let changed = self.ledger.article(path).and_then(Remembered::changed).filter(|_| by_text);
        assemble::publication_dates(indexed, changed.and_then(|changed| index.moment(changed)))
    }

    /// Records the fingerprint of an article's text, and the time of the change if the text differs. Fingerprints of different
    /// renderers, or of a shorter part, can't be compared: the new one is recorded without a change. An edit within a minute of
    /// first publication completes the article, because its file was still being written.
    pub(super) fn record_text(
        &mut self,
        index: &Index,
        path: &ArticlePath,
        metadata: &Metadata,
        rendered: &Rendered,
        TextScope { is_summary_only, is_teaser }: TextScope,
    ) {
        /// Added to the version of a teaser's fingerprint.
        const TEASER: u32 = 1 << 31;
        let hash = assemble::text_hash(metadata, rendered, is_summary_only);
        let version = RENDERER_VERSION * 2 + u32::from(is_summary_only) + if is_teaser { TEASER } else { 0 };
        let print = TextPrint { hash, version };
        let known = self.ledger.article(path);
        let (before, mut changed) = known.map_or((None, None), |known| (known.print(), known.changed()));
        let first = known.and_then(Remembered::first).or_else(|| before.is_none().then(|| self.now_in_seconds()));
        let is_completed = first.is_some_and(|first| {
            let age = self.now.duration_since(first);
            !age.is_negative() && age <= Engine::COMPLETION_PERIOD
        });
        if before == Some(print) {
            return;
        }
        let by_text = index.rules().config().updated_when == UpdatedWhen::Text;
        if by_text && !is_completed && before.is_some_and(|before| before.version == print.version) {
            changed = Some(self.now_in_seconds());
        }
        self.record(Record::Text { path: path.clone(), print, changed, first });
    }
}
