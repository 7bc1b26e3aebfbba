//! The way of records to the disk. While they cannot be written, nothing becomes public that readers have not seen, and what is taken from
//! them goes all the same.

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::block_in_place;

use super::Clock;
use super::ledger_writer::{NO_ANSWER, Writer};
use crate::deliver::merge;
use crate::event::{Delivery, DormantQuery, Effect, LoggedActivity};
use crate::ledger::dormant::{Fingerprint, Fingerprints};
use crate::ledger::{Ledger, Record, Remembered};
use crate::snapshot::Snapshot;
use crate::store::Store;
use crate::types::ArticlePath;

/// How soon records that could not be written are tried again, at first and at the most.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// How long records may take to be written before what is taken from readers goes without them; and how often it's seen then whether they
/// are written.
const MAX_WRITE_WAIT: Duration = Duration::from_secs(1);
const HANG_CHECK: Duration = Duration::from_millis(250);
/// The same at the end, when nothing else is done.
const LAST_WRITE_WAIT: Duration = Duration::from_secs(5);
/// How long the ledger may take to be read. That of a million articles takes seconds.
const MAX_READ_WAIT: Duration = Duration::from_secs(60);

/// What is remembered, and what waits for that.
pub(super) struct Memory {
    writer: Writer,
    /// The number of the last record that is written.
    pub(super) last: i64,
    /// Why the state could only be opened for reading.
    pub(super) unwritable: Option<String>,
    /// What is being written, and takes its time.
    under_way: Option<Arc<Vec<Record>>>,
    pub(super) clock: Clock,
    /// The last record when what readers see was made: later ones may already be written of what they do not see yet.
    pub(super) shown: i64,
    /// What the engine remembers and the store was not given.
    unwritten: Vec<Record>,
    /// What readers are to see once these records are written, and its delivery.
    swap: Option<Arc<Snapshot>>,
    delivery: Option<Delivery>,
    /// What is to be in the log then.
    activity: LoggedActivity,
    /// Whether these take something from readers, and must not wait.
    pub(super) withholds: bool,
    /// Whether the engine knows that records cannot be written.
    pub(super) is_told: bool,
    retry: Option<(Instant, Duration)>,
}

impl Memory {
    pub(super) fn new(store: Store, clock: Clock) -> io::Result<Memory> {
        let (last, unwritable) = (store.last_record(), store.unwritable().map(str::to_owned));
        Ok(Memory {
            writer: Writer::start(store)?,
            last,
            unwritable,
            under_way: None,
            clock,
            shown: last,
            unwritten: Vec::new(),
            swap: None,
            delivery: None,
            activity: LoggedActivity::new(),
            withholds: false,
            is_told: false,
            retry: Some((Instant::now() + FIRST_PAUSE, FIRST_PAUSE)),
        })
    }

    /// What the store and those records say that wait to be written. A write that hangs is given up like any other: no ledger can be read
    /// behind it.
    pub(super) fn ledger(&mut self) -> Result<Ledger, String> {
        let mut ledger = block_in_place(|| {
            let finished = self.finish_write(MAX_WRITE_WAIT);
            // A write that failed is no reason not to read.
            if self.under_way.is_some() {
                finished?;
            }
            self.writer.ledger(MAX_READ_WAIT)
        })?;
        let under_way = self.under_way.iter().flat_map(|records| records.iter());
        under_way.chain(&self.unwritten).for_each(|record| ledger.apply(record));
        Ok(ledger)
    }

    /// The dormant articles that a question is about and that may not be in the store yet, the last that fell asleep first.
    pub(super) fn unwritten_sleepers(&self, question: &DormantQuery) -> Vec<(ArticlePath, Remembered)> {
        let under_way = self.under_way.iter().flat_map(|records| records.iter());
        let sleepers = under_way.chain(&self.unwritten).rev().filter_map(|record| match record {
            Record::Dormant { path, article } => Some((path, article)),
            _ => None,
        });
        let sleepers: Vec<_> =
            sleepers.map(|(path, article)| (path, article, Fingerprints::of(path, article))).collect();
        let is_asked_for = |of: &Fingerprints| {
            question.paths.contains(&of.path)
                || of.version.is_some_and(|version| question.versions.contains(&version))
                || of.id.is_some_and(|id| question.ids.contains(&id))
        };
        let found = sleepers.iter().filter(|(.., of)| is_asked_for(of));
        let ids: BTreeSet<Fingerprint> = found.filter_map(|(.., of)| of.id).collect();
        let is_of = |of: &Fingerprints| is_asked_for(of) || of.id.is_some_and(|id| ids.contains(&id));
        let found = sleepers.into_iter().filter(|(.., of)| is_of(of));
        found.map(|(path, article, _)| (path.clone(), Remembered::clone(article))).collect()
    }

    /// Whether records cannot be written.
    pub(super) fn is_blocked(&self) -> bool {
        self.under_way.is_some() || !self.unwritten.is_empty() || self.unwritable.is_some()
    }

    /// Whether anything waits until they can.
    pub(super) fn has_waiting(&self) -> bool {
        self.swap.is_some() || self.delivery.is_some()
    }

    /// How long until they are tried again.
    pub(super) fn until_retry(&self) -> Option<Duration> {
        let at = self.is_blocked().then(|| self.retry.map(|(at, _)| at));
        at.map(|at| at.map_or(FIRST_PAUSE, |at| at.saturating_duration_since(Instant::now())))
    }

    /// Takes note of what is to be written. The records of a whole archive are not moved.
    pub(super) fn note(&mut self, records: Vec<Record>) {
        match self.unwritten.is_empty() {
            true => self.unwritten = records,
            false => self.unwritten.extend(records),
        }
    }

    /// Keeps an effect until the records before it are written. Of several snapshots only the last matters; deliveries become one.
    pub(super) fn wait_with(&mut self, effect: Effect) {
        match effect {
            Effect::Swap(snapshot) => self.swap = Some(snapshot),
            Effect::Deliver(delivery) => {
                self.delivery = Some(match self.delivery.take() {
                    Some(older) => merge(older, delivery),
                    None => delivery,
                });
            }
            // A title may not be public any more by then.
            Effect::Log(activity) => {
                for (key, mut group) in activity {
                    group.articles.iter_mut().for_each(|article| article.title = None);
                    self.activity.entry(key).or_default().merge(group);
                }
            }
            _ => {}
        }
    }

    /// What waited, in its order.
    pub(super) fn take_waiting(&mut self) -> Vec<Effect> {
        self.withholds = false;
        let swap = self.swap.take().map(Effect::Swap);
        let activity = std::mem::take(&mut self.activity);
        let activity = (!activity.is_empty()).then_some(Effect::Log(activity));
        swap.into_iter().chain(self.delivery.take().map(Effect::Deliver)).chain(activity).collect()
    }

    /// Writes what is unwritten. What takes longer than this goes on, and counts as unwritten meanwhile.
    pub(super) fn write(&mut self) -> Result<(), String> {
        let written = block_in_place(|| self.write_within(MAX_WRITE_WAIT));
        self.retry = match &written {
            Ok(()) => None,
            Err(_) if self.under_way.is_some() => Some((Instant::now() + HANG_CHECK, FIRST_PAUSE)),
            Err(_) => {
                let pause = self.retry.map_or(FIRST_PAUSE, |(_, pause)| LONGEST_PAUSE.min(pause * 2));
                Some((Instant::now() + pause, pause))
            }
        };
        written
    }

    /// The last attempt.
    pub(super) fn write_the_rest(&mut self) -> Result<(), String> {
        match self.under_way.is_some() || !self.unwritten.is_empty() {
            true => block_in_place(|| {
                self.finish_write(LAST_WRITE_WAIT)?;
                self.write_within(LAST_WRITE_WAIT)
            }),
            false => Ok(()),
        }
    }

    fn write_within(&mut self, patience: Duration) -> Result<(), String> {
        // Nobody waits for the same write twice.
        self.finish_write(Duration::ZERO)?;
        if self.unwritten.is_empty() && self.unwritable.is_none() {
            return Ok(());
        }
        let records = Arc::new(std::mem::take(&mut self.unwritten));
        self.writer.begin(Arc::clone(&records), (self.clock)());
        self.under_way = Some(records);
        self.finish_write(patience)
    }

    fn finish_write(&mut self, patience: Duration) -> Result<(), String> {
        if self.under_way.is_none() {
            return Ok(());
        }
        let Some(written) = self.writer.wait(patience) else {
            return Err(NO_ANSWER.to_owned());
        };
        (self.last, self.unwritable) = (written.last, written.unwritable);
        let records = self.under_way.take();
        written.result.map_err(|trouble| {
            let newer = std::mem::take(&mut self.unwritten);
            self.unwritten = records.map(Arc::unwrap_or_clone).unwrap_or_default();
            self.unwritten.extend(newer);
            trouble.to_string()
        })
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::ledger::dormant::of_path;
    use crate::ledger::{Facts, Remembered};
    use crate::types::EntryId;

    /// Where the store cannot be written, an article may fall asleep and come back all the same.
    #[test]
    fn unwritten_sleepers_are_found_with_those_of_the_same_id() {
        let folder = tempfile::tempdir().unwrap();
        let mut memory = Memory::new(Store::open(folder.path()).unwrap(), || Timestamp::UNIX_EPOCH).unwrap();
        let asleep = |name: &str, id: &str| {
            let id = Some(EntryId::parse(id).unwrap());
            let article = Box::new(Remembered::from(Facts { id, ..Facts::default() }));
            Record::Dormant { path: ArticlePath::new(name), article }
        };
        let records = [("a.md", "tag:x,2026:1"), ("b.md", "tag:x,2026:2"), ("c.md", "tag:x,2026:1")];
        memory.note(records.map(|(name, id)| asleep(name, id)).to_vec());
        let found = |path: &str| -> Vec<String> {
            let paths = [of_path(&ArticlePath::new(path))].into();
            let found = memory.unwritten_sleepers(&DormantQuery { paths, ..DormantQuery::default() });
            found.into_iter().map(|(path, _)| path.to_string()).collect()
        };
        assert_eq!(found("a.md"), ["c.md", "a.md"], "the last one first");
        assert_eq!(found("b.md"), ["b.md"]);
        assert!(found("d.md").is_empty());
    }
}
