//! Queues ledger records for the disk, and postpones effects that depend on them. While records can't be written, nothing new becomes
//! public, but withheld articles are still removed. A failing disk returns an error, but a hanging one returns nothing, and a retraction
//! mustn't wait for it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::block_in_place;

use super::clock::Clock;
use crate::deliver::merge;
use crate::event::{Delivery, DormantQuery, Effect, LoggedActivity};
use crate::ledger::dormant::{Fingerprint, Fingerprints};
use crate::ledger::{ArticleFacts, Ledger, Record};
use crate::snapshot::Snapshot;
use crate::store::{NOT_RESPONDING, PendingWrite, StoreHandle};
use crate::types::ArticlePath;

/// The delay before a failed write is retried. The delay doubles with each failure up to the maximum.
const MIN_RETRY_DELAY: Duration = Duration::from_secs(1);
const MAX_RETRY_DELAY: Duration = Duration::from_secs(10);

/// The time that a write may take before articles are withheld without it.
const WRITE_TIMEOUT: Duration = Duration::from_secs(1);
/// The interval at which a write that timed out is checked.
const HUNG_WRITE_CHECK_INTERVAL: Duration = Duration::from_millis(250);
/// The time that a write may take at shutdown.
const LAST_WRITE_TIMEOUT: Duration = Duration::from_secs(5);
/// The time that reading the ledger may take. The ledger of a million articles takes seconds.
const READ_TIMEOUT: Duration = Duration::from_secs(60);

/// Records on their way to the disk, and the effects that wait for them.
pub(super) struct Persistence {
    store: StoreHandle,
    /// The number of the last written record.
    pub(super) last_record: i64,
    /// Why the state could only be opened for reading.
    pub(super) unwritable: Option<String>,
    /// The write that hasn't ended, and its records. There is one at most.
    in_flight: Option<(PendingWrite, Arc<Vec<Record>>)>,
    pub(super) clock: Clock,
    /// The number of the last record when the public snapshot was built. Later records may concern changes that readers don't see yet.
    pub(super) published_record: i64,
    /// Records that the writer doesn't have yet.
    unwritten: Vec<Record>,
    /// The postponed snapshot and its delivery.
    swap: Option<Arc<Snapshot>>,
    delivery: Option<Delivery>,
    /// The postponed lines of the log.
    activity: LoggedActivity,
    /// Whether the postponed effects withhold an article and mustn't wait.
    pub(super) is_withholding: bool,
    /// Whether the engine was told that records can't be written.
    pub(super) is_reported_blocked: bool,
    /// When the next attempt is due, and the delay before it.
    retry: Option<(Instant, Duration)>,
}

impl Persistence {
    /// Writes to a store whose last record has this number. `unwritable` says why it could only be opened for reading.
    pub(super) fn new(store: StoreHandle, last_record: i64, unwritable: Option<String>, clock: Clock) -> Persistence {
        Persistence {
            store,
            last_record,
            unwritable,
            in_flight: None,
            clock,
            published_record: last_record,
            unwritten: Vec::new(),
            swap: None,
            delivery: None,
            activity: LoggedActivity::new(),
            is_withholding: false,
            is_reported_blocked: false,
            retry: Some((Instant::now() + MIN_RETRY_DELAY, MIN_RETRY_DELAY)),
        }
    }

    /// Returns the stored ledger, with the records that aren't written yet.
    ///
    /// # Errors
    /// If the ledger can't be read, or a write hangs: the store can't be read during a write.
    pub(super) fn ledger(&mut self) -> Result<Ledger, String> {
        let mut ledger = block_in_place(|| {
            let finished = self.finish_write(WRITE_TIMEOUT);
            // After a failed write, which ended, the ledger can still be read.
            if self.in_flight.is_some() {
                finished?;
            }
            self.store.ledger_without_dormant(READ_TIMEOUT).map_err(|error| error.to_string())
        })?;
        self.unfinished().for_each(|record| ledger.apply(record));
        Ok(ledger)
    }

    /// Returns the dormant articles that match a query and may not be in the store yet, the latest record first. Articles with the same
    /// id as a match are included.
    pub(super) fn unwritten_dormant(&self, query: &DormantQuery) -> Vec<(ArticlePath, ArticleFacts)> {
        let dormant = self.unfinished().rev().filter_map(|record| match record {
            Record::Dormant { path, article } => Some((path, article, Fingerprints::of(path, article))),
            _ => None,
        });
        let dormant: Vec<_> = dormant.collect();
        let direct = dormant.iter().filter(|(.., fingerprints)| query.matches(fingerprints));
        let ids: BTreeSet<Fingerprint> = direct.filter_map(|(.., fingerprints)| fingerprints.id).collect();
        let is_found = |fingerprints: &Fingerprints| {
            query.matches(fingerprints) || fingerprints.id.is_some_and(|id| ids.contains(&id))
        };
        let found = dormant.into_iter().filter(|(.., fingerprints)| is_found(fingerprints));
        found.map(|(path, article, _)| (path.clone(), ArticleFacts::clone(article))).collect()
    }

    /// Returns the records that may not be durable yet, in order.
    fn unfinished(&self) -> impl DoubleEndedIterator<Item = &Record> {
        self.in_flight.iter().flat_map(|(_, records)| records.iter()).chain(&self.unwritten)
    }

    /// Whether records wait to be written, or can't be written.
    pub(super) fn is_blocked(&self) -> bool {
        self.in_flight.is_some() || !self.unwritten.is_empty() || self.unwritable.is_some()
    }

    /// Whether a snapshot or a delivery is postponed.
    pub(super) fn has_postponed(&self) -> bool {
        self.swap.is_some() || self.delivery.is_some()
    }

    /// Returns the time until the next attempt to write. `None` if nothing waits.
    pub(super) fn until_retry(&self) -> Option<Duration> {
        let at = self.is_blocked().then(|| self.retry.map(|(at, _)| at));
        at.map(|at| at.map_or(MIN_RETRY_DELAY, |at| at.saturating_duration_since(Instant::now())))
    }

    /// Queues records for the next write. The first records aren't copied, because a first start records every article.
    pub(super) fn enqueue(&mut self, records: Vec<Record>) {
        match self.unwritten.is_empty() {
            true => self.unwritten = records,
            false => self.unwritten.extend(records),
        }
    }

    /// Postpones an effect until the records before it are written. Only the last snapshot is kept, and deliveries are merged.
    pub(super) fn postpone(&mut self, effect: Effect) {
        match effect {
            Effect::Swap(snapshot) => self.swap = Some(snapshot),
            Effect::Deliver(delivery) => {
                self.delivery = Some(match self.delivery.take() {
                    Some(older) => merge(older, delivery),
                    None => delivery,
                });
            }
            // The article may be withheld by then, so its title isn't logged.
            Effect::Log(activity) => {
                for (key, mut group) in activity {
                    group.articles.iter_mut().for_each(|article| article.title = None);
                    self.activity.entry(key).or_default().merge(group);
                }
            }
            _ => {}
        }
    }

    /// Removes and returns the postponed effects in their order.
    pub(super) fn take_postponed(&mut self) -> Vec<Effect> {
        self.is_withholding = false;
        let swap = self.swap.take().map(Effect::Swap);
        let activity = std::mem::take(&mut self.activity);
        let activity = (!activity.is_empty()).then_some(Effect::Log(activity));
        swap.into_iter().chain(self.delivery.take().map(Effect::Deliver)).chain(activity).collect()
    }

    /// Writes the queued records.
    ///
    /// # Errors
    /// If they can't be written, or not within [`WRITE_TIMEOUT`]. A late write continues, and its records count as unwritten until it ends.
    pub(super) fn write(&mut self) -> Result<(), String> {
        let written = block_in_place(|| self.write_within(WRITE_TIMEOUT));
        self.retry = match &written {
            Ok(()) => None,
            Err(_) if self.in_flight.is_some() => Some((Instant::now() + HUNG_WRITE_CHECK_INTERVAL, MIN_RETRY_DELAY)),
            Err(_) => {
                let delay = self.retry.map_or(MIN_RETRY_DELAY, |(_, delay)| MAX_RETRY_DELAY.min(delay * 2));
                Some((Instant::now() + delay, delay))
            }
        };
        written
    }

    /// Writes the queued records at shutdown.
    ///
    /// # Errors
    /// If they can't be written within [`LAST_WRITE_TIMEOUT`].
    pub(super) fn write_remaining(&mut self) -> Result<(), String> {
        match self.in_flight.is_some() || !self.unwritten.is_empty() {
            true => block_in_place(|| {
                self.finish_write(LAST_WRITE_TIMEOUT)?;
                self.write_within(LAST_WRITE_TIMEOUT)
            }),
            false => Ok(()),
        }
    }

    fn write_within(&mut self, timeout: Duration) -> Result<(), String> {
        // The event loop waited for an earlier write already, and doesn't wait again.
        self.finish_write(Duration::ZERO)?;
        if self.unwritten.is_empty() && self.unwritable.is_none() {
            return Ok(());
        }
        let records = Arc::new(std::mem::take(&mut self.unwritten));
        let write = self.store.append(Arc::clone(&records), (self.clock)());
        self.in_flight = Some((write, records));
        self.finish_write(timeout)
    }

    /// Waits for the write in flight, and puts its records back into the queue if it failed.
    fn finish_write(&mut self, timeout: Duration) -> Result<(), String> {
        let Some((write, records)) = self.in_flight.take() else { return Ok(()) };
        let Some(outcome) = write.wait(timeout) else {
            self.in_flight = Some((write, records));
            return Err(NOT_RESPONDING.to_owned());
        };
        (self.last_record, self.unwritable) = (outcome.last_record, outcome.unwritable);
        outcome.result.map_err(|error| {
            let newer = std::mem::take(&mut self.unwritten);
            self.unwritten = Arc::unwrap_or_clone(records);
            self.unwritten.extend(newer);
            error.to_string()
        })
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::ledger::dormant::of_path;
    use crate::ledger::{ArticleFacts, UnpackedFacts};
    use crate::store::{CacheUse, StoreOwner};
    use crate::types::EntryId;

    /// An article may become dormant and come back while the store can't be written.
    #[test]
    fn unwritten_dormant_articles_are_found_by_id() {
        let folder = tempfile::tempdir().unwrap();
        let store = StoreOwner::open(folder.path(), CacheUse::Ignore).unwrap();
        let mut persistence = Persistence::new(store.handle(), 0, None, || Timestamp::UNIX_EPOCH);
        let dormant = |name: &str, id: &str| {
            let id = Some(EntryId::parse(id).unwrap());
            let article = Box::new(ArticleFacts::from(UnpackedFacts { id, ..UnpackedFacts::default() }));
            Record::Dormant { path: ArticlePath::new(name), article }
        };
        let records = [("a.md", "tag:x,2026:1"), ("b.md", "tag:x,2026:2"), ("c.md", "tag:x,2026:1")];
        persistence.enqueue(records.map(|(name, id)| dormant(name, id)).to_vec());
        let found = |path: &str| -> Vec<String> {
            let paths = [of_path(&ArticlePath::new(path))].into();
            let found = persistence.unwritten_dormant(&DormantQuery { paths, ..DormantQuery::default() });
            found.into_iter().map(|(path, _)| path.to_string()).collect()
        };
        assert_eq!(found("a.md"), ["c.md", "a.md"], "the latest record first");
        assert_eq!(found("b.md"), ["b.md"]);
        assert!(found("d.md").is_empty());
    }
}
