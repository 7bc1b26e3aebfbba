//! Emits ledger records: ids, retractions, text fingerprints, and the dates of feeds and documents.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use super::commands::routes;
use super::entries::Shows;
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

/// How long a feed tells of a retraction at least, however many there are: readers that come once a day have to learn of each.
const MIN_TOMBSTONE_PERIOD: SignedDuration = SignedDuration::from_hours(24);

/// When a feed stops telling of a retraction after which there were so many newer ones.
pub(super) fn notice_end(tombstone: &Tombstone, newer: usize, lasts: SignedDuration, most: usize) -> Timestamp {
    let lasts = if newer < most { lasts } else { lasts.min(MIN_TOMBSTONE_PERIOD) };
    tombstone.at.saturating_add(lasts).unwrap_or(Timestamp::MAX)
}

impl Engine {
    /// Reports what stays withheld since a record of it cannot be read.
    pub(super) fn report_unreadable_records(&mut self) {
        let Some(config) = self.config() else { return };
        let root = &config.parsing.root;
        let report = |(path, record): (&ArticlePath, &UnreadableRecord)| {
            let UnreadableRecord { number, kind } = record;
            let is_id = **kind == *UnreadableRecord::REPLACED;
            let what = match is_id {
                // Withheld is nothing: whoever has the id next is public.
                true => format!("no feed tells its readers that `{path}` is gone"),
                false => format!("`{root}/{path}` stays withheld"),
            };
            let message = format!("record {number} of the ledger, `{kind}`, cannot be read, so {what}");
            let decide = format!(
                "`dateline restore {path}` publishes it again, `dateline retract {path}` takes it from its readers for good; "
            );
            let help = format!(
                "{}`dateline backup --restore FILE` puts a copy of the ledger in place that can be read",
                if is_id { "" } else { &decide }
            );
            let diagnostic = Diagnostic::new(Code::LedgerRecord, message).help(help);
            if is_id { diagnostic } else { diagnostic.at(Place::file(&format!("{root}/{path}"))) }
        };
        let diagnostics = self.ledger.unreadable().map(report).collect();
        self.problems.set(Source::Ledger, diagnostics);
    }

    /// Whether it is remembered of a public article that it is so: under this id, in this version and since then.
    pub(super) fn is_recorded(&self, path: &ArticlePath, indexed: &IndexedArticle) -> bool {
        let version = self.catalog.get(path).map(Packed::hash);
        let known = self.ledger.article(path).zip(version);
        known.is_some_and(|(known, version)| indexed.matches_ledger(known, version))
    }

    /// Notes under which id an article is public, in which version and since when. Says whether that is news, and all there is to tell
    /// of it.
    pub(super) fn record_published(
        &mut self,
        index: &mut Index,
        path: &ArticlePath,
        left: &BTreeMap<ArticlePath, Vec<FeedKey>>,
    ) -> bool {
        let Some(indexed) = index.get(path) else { return false };
        let Some(hash) = self.catalog.get(path).map(Packed::hash) else { return false };
        if indexed.visibility == Visibility::Retracted {
            // So that its file is known when it moves: under another path it would be public.
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
        let other = known.and_then(|known| known.id.clone()).filter(|other| *other != id);
        let is_retracted = known.is_some_and(|known| known.retraction().is_some());
        let was_known = known.is_some_and(Remembered::is_known);
        // Before the first snapshot there is nothing that others would have to leave readers.
        if self.snapshot.generation > 0 && !known.is_some_and(Remembered::is_live) {
            self.postponed.note(path);
        }
        let withdrawn = known.and_then(|known| known.withdrawn().cloned());
        if is_retracted {
            self.record(Record::Restored { path: path.clone() });
        }
        self.record(Record::Published { path: path.clone(), id, hash, date });
        // Another article took the place of one that readers know, and they are told so.
        if let Some(id) = other.filter(|id| was_known && index.public_article(id).is_none()) {
            let feeds = left.get(path).map(routes).or(withdrawn).unwrap_or_default();
            let retraction = Retraction { at: self.now_in_seconds(), reason: None, by: Withdrawal::Deleted, feeds };
            self.record(Record::Replaced { id, retraction });
        }
        index.confirm_id(path);
        needs_no_report
    }

    /// Notes which articles readers are told to be gone: their files are deleted or say so, and nobody else has their ids. What is
    /// merely withheld is noted too, in silence.
    pub(super) fn record_retractions(&mut self, index: &Index, changes: &Changes) {
        let deleted = std::mem::take(&mut self.deleted);
        // What is public, as nearly all is, needs none of this.
        let concerned = deleted.keys().chain(&self.ledger_changes).chain(&changes.articles);
        let concerned = concerned.filter(|path| index.get(path).is_none_or(|indexed| indexed.id().is_none()));
        let paths: BTreeSet<ArticlePath> = concerned.cloned().collect();
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
            // Why, if its file says that it is retracted.
            let stated = || {
                let card = self.catalog.get(path)?.open(path);
                card.retracted.map(|retracted| retracted.reason)
            };
            let record = match (indexed.map(|indexed| &indexed.visibility), remembered.retraction()) {
                (None, None) if deleted.contains_key(path) => {
                    Some(Retraction { at: second, reason: None, by: Withdrawal::Deleted, feeds: feeds() })
                }
                (Some(Visibility::Retracted), None) => {
                    stated().map(|reason| Retraction { at: second, reason, by: Withdrawal::Status, feeds: feeds() })
                }
                // Told otherwise than before, or retracted by an operator before anybody knew where it was.
                (Some(Visibility::Retracted), Some(known)) if !self.ledger.is_unreadable(path) => {
                    let reason =
                        stated().filter(|_| known.by == Withdrawal::Status).unwrap_or_else(|| known.reason.clone());
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

    /// Whether an article must not be public, and nobody is told why: not even after a restart that finds its file broken.
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

    /// What a feed says of what it had before; from when on it says less is noted.
    pub(super) fn feed_history(&mut self, index: &Index, key: &FeedKey, route: &str) -> FeedHistory {
        let options = index.rules().feed_options(key);
        let (lasts, most) = (options.tombstones, options.max_tombstones);
        let end = |(newer, tombstone): &(usize, &Tombstone)| notice_end(tombstone, *newer, lasts, most);
        // The further behind, the earlier it ends.
        let standing =
            self.ledger.tombstones(route).rev().enumerate().take_while(|tombstone| end(tombstone) > self.now);
        let standing: Vec<(usize, &Tombstone)> = standing.collect();
        let ends = standing.last().map(end);
        let deleted = standing.iter().map(|(_, Tombstone { at, id, reason })| DeletedEntry {
            id: id.clone(),
            at: *at,
            reason: reason.clone(),
        });
        let deleted = deleted.collect();
        self.tombstone_ends.extend(ends.map(|end| (end, key.clone())));
        FeedHistory { deleted, updated: self.ledger.feed_updated(route) }
    }

    /// The Last-Modified of a document: it stays while the bytes do, and is later than any before when they change.
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

    /// Notes what an article reads like, and that it changed when it reads otherwise than it did. What another program made of
    /// it, or less of it, cannot be compared: that is a new beginning, in silence. A change within a minute of first publication completes the
    /// story, because its file was still being written.
    pub(super) fn record_text(
        &mut self,
        index: &Index,
        path: &ArticlePath,
        metadata: &Metadata,
        rendered: &Rendered,
        Shows { summary_only, is_teaser }: Shows,
    ) {
        /// Set in the version of what was made of a teaser.
        const TEASER: u32 = 1 << 31;
        let hash = assemble::text_hash(metadata, rendered, summary_only);
        let version = RENDERER_VERSION * 2 + u32::from(summary_only) + if is_teaser { TEASER } else { 0 };
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
