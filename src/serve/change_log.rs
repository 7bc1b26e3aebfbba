//! The rows of the journal that readers may know, and the last of them in memory.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::ledger::journal::{JournalPart, JournalRow};

/// The number of rows in memory. Earlier ones are read from the store.
const MAX_ROWS: usize = if cfg!(test) { 4 } else { 2_048 };

/// The journal, as the server sees it. The daemon adds rows when it writes them, and publishes them with the snapshot that agrees with them.
pub struct ChangeLog {
    /// The name of the journal, which is part of event ids.
    name: Arc<str>,
    rows: Mutex<VecDeque<Arc<JournalRow>>>,
    /// The number of the last published row. `None`: the server stops.
    published: watch::Sender<Option<u64>>,
    /// The number of the last row that is durable. Events of later rows have no id.
    durable: AtomicU64,
    load: Box<Load>,
    streams: AtomicUsize,
}

/// Loads the rows after a number from the store, but not all at once.
type Load = dyn Fn(u64) -> io::Result<JournalPart> + Send + Sync;

impl ChangeLog {
    /// A journal of this name, whose last durable row has the number `last`.
    pub fn new(
        name: &str,
        last: u64,
        load: impl Fn(u64) -> io::Result<JournalPart> + Send + Sync + 'static,
    ) -> ChangeLog {
        ChangeLog {
            name: name.into(),
            rows: Mutex::default(),
            published: watch::channel(Some(last)).0,
            durable: AtomicU64::new(last),
            load: Box::new(load),
            streams: AtomicUsize::new(0),
        }
    }

    /// Adds rows that aren't published yet, and may not be durable yet.
    pub fn add(&self, rows: &[JournalRow]) {
        let mut known = self.rows();
        for row in rows {
            known.push_back(Arc::new(row.clone()));
        }
        while known.len() > MAX_ROWS {
            known.pop_front();
        }
    }

    /// Notes that all rows are durable that were added.
    pub fn note_durable(&self) {
        if let Some(last) = self.rows().back() {
            self.durable.fetch_max(last.number, Ordering::Relaxed);
        }
    }

    /// Publishes the rows up to a number.
    pub fn publish(&self, number: u64) {
        self.published.send_if_modified(|published| {
            let is_new = published.is_some_and(|published| published < number);
            if is_new {
                *published = Some(number);
            }
            is_new
        });
    }

    /// Ends all streams.
    pub fn close(&self) {
        self.published.send_replace(None);
    }

    pub(super) fn follow(&self) -> watch::Receiver<Option<u64>> {
        self.published.subscribe()
    }

    /// The rows after `after` up to `last`, or the first of them. `None` if the journal doesn't have all of them any more.
    pub(super) fn rows_between(&self, after: u64, last: u64) -> io::Result<Option<Vec<Arc<JournalRow>>>> {
        if after >= last {
            return Ok((after == last).then(Vec::new));
        }
        let of_memory = {
            let rows = self.rows();
            let reaches_back = rows.front().is_some_and(|first| first.number <= after + 1);
            let wanted = rows.iter().filter(|row| row.number > after && row.number <= last);
            reaches_back.then(|| wanted.cloned().collect::<Vec<_>>())
        };
        let rows = match of_memory {
            Some(rows) => rows,
            None => {
                let JournalPart { rows, is_complete, .. } = (self.load)(after)?;
                if !is_complete {
                    return Ok(None);
                }
                rows.into_iter().filter(|row| row.number <= last).map(Arc::new).collect()
            }
        };
        Ok(Some(rows).filter(|rows| !rows.is_empty()))
    }

    /// The id of the state after a row. `None` if a crash may forget the row.
    pub(super) fn id(&self, number: u64) -> Option<String> {
        (number <= self.durable.load(Ordering::Relaxed)).then(|| format!("{}-{number}", self.name))
    }

    /// The number of the row that an id names. `None` if the id isn't one of this journal.
    pub(super) fn number(&self, id: &str) -> Option<u64> {
        let (name, number) = id.split_once('-')?;
        let is_plain = number.bytes().all(|byte| byte.is_ascii_digit());
        number.parse().ok().filter(|_| *name == *self.name && is_plain)
    }

    /// Permits one more stream, unless there are `most` already.
    pub(super) fn open_stream(self: &Arc<ChangeLog>, most: usize) -> Option<StreamPermit> {
        let add = |open: usize| (open < most).then_some(open + 1);
        let opened = self.streams.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
        opened.ok().map(|_| StreamPermit(Arc::clone(self)))
    }

    fn rows(&self) -> MutexGuard<'_, VecDeque<Arc<JournalRow>>> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for ChangeLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChangeLog").field("name", &self.name).finish_non_exhaustive()
    }
}

/// A place among the streams, until it is dropped.
#[derive(Debug)]
pub(super) struct StreamPermit(Arc<ChangeLog>);

impl Drop for StreamPermit {
    fn drop(&mut self) {
        self.0.streams.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::ledger::journal::JournalChange;
    use crate::types::ContentHash;

    fn rows(numbers: std::ops::RangeInclusive<u64>) -> Vec<JournalRow> {
        let change = JournalChange::Reset { configuration: ContentHash::of(b"") };
        numbers.map(|number| JournalRow { number, at: Timestamp::UNIX_EPOCH, change: change.clone() }).collect()
    }

    #[test]
    fn rows_come_from_memory_or_the_store() {
        let load = |after: u64| {
            let is_complete = after >= 2;
            Ok(JournalPart { rows: rows(after + 1..=after + 2), is_complete, has_more: true })
        };
        let log = ChangeLog::new("ab", 10, load);
        log.add(&rows(11..=16));
        let numbers = |after, last| {
            let rows = log.rows_between(after, last).unwrap();
            rows.map(|rows| rows.iter().map(|row| row.number).collect::<Vec<_>>())
        };
        assert_eq!(numbers(12, 14), Some(vec![13, 14]));
        assert_eq!(numbers(14, 14), Some(vec![]));
        assert_eq!(numbers(4, 14), Some(vec![5, 6]), "from the store, in parts");
        assert_eq!(numbers(1, 14), None, "pruned");
        assert_eq!(numbers(15, 14), None, "of the future");
    }

    #[test]
    fn ids_belong_to_a_journal_and_durable_rows() {
        let log = ChangeLog::new("ab", 10, |_| Err(io::ErrorKind::NotFound.into()));
        log.add(&rows(11..=11));
        assert_eq!((log.id(10).as_deref(), log.id(11)), (Some("ab-10"), None));
        log.note_durable();
        assert_eq!(log.id(11).as_deref(), Some("ab-11"));
        for (id, number) in [("ab-7", Some(7)), ("ac-7", None), ("ab-", None), ("ab-+7", None), ("7", None), ("", None)]
        {
            assert_eq!(log.number(id), number, "{id}");
        }
    }

    #[test]
    fn streams_are_limited() {
        let log = Arc::new(ChangeLog::new("ab", 0, |_| Err(io::ErrorKind::NotFound.into())));
        let first = log.open_stream(1);
        assert!(first.is_some() && log.open_stream(1).is_none());
        drop(first);
        assert!(log.open_stream(1).is_some());
    }
}
