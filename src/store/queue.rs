//! The messages to the store's owner, and the bounded queue in which they wait.
//!
//! # In which order are messages handled?
//!
//! Records first, because publication waits for them. Then queries, whose senders wait too. Then changes of the caches, for which nobody
//! waits. Messages of one kind keep their order.

use std::collections::{HashSet, VecDeque};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use super::cache::{self, Row};
use super::error::StoreError;
use crate::article::packed::PackedRendering;
use crate::event::DormantQuery;
use crate::ledger::journal::JournalPart;
use crate::ledger::{ArticleFacts, Ledger, Record};
use crate::types::{ArticlePath, ContentHash};
use crate::websub::{Change, Saved};

/// The most queries that wait. More are refused: the owner hasn't answered for long, and their senders have given up.
const MAX_WAITING_QUERIES: usize = 1_024;
/// The most rows of the cache that wait to be written. More are refused, and the next start reads their files again.
pub(super) const MAX_WAITING_ROWS: usize = if cfg!(test) { 100 } else { 65_536 };
/// The most rows of the cache in one transaction. Records wait for one transaction at most.
pub(super) const MAX_TRANSACTION_ROWS: usize = if cfg!(test) { 10 } else { 2_048 };

/// Takes the answer to a query that may fail.
type Answer<T> = Sender<Result<T, StoreError>>;

/// A message to the owner. The sender of a query waits for the answer; if it doesn't wait any more, the answer is dropped.
pub(super) enum Message {
    /// Makes records durable in one transaction.
    Append { records: Arc<Vec<Record>>, at: Timestamp, outcome: Sender<WriteOutcome> },
    /// Reads the ledger, with or without dormant articles.
    ReadLedger { is_whole: bool, answer: Answer<Ledger> },
    /// Whether an article was withdrawn after a record.
    HasWithdrawalAfter { record: i64, answer: Sender<bool> },
    /// Finds dormant articles, besides those whose rows aren't written yet.
    FindDormant {
        query: DormantQuery,
        unwritten: Vec<(ArticlePath, ArticleFacts)>,
        answer: Answer<Vec<(ArticlePath, ArticleFacts)>>,
    },
    /// Checks which dormant articles are independent, if this many are unchecked. Answers how many are.
    MarkIndependent { min_unchecked: i64, answer: Answer<usize> },
    /// Loads the published versions of files.
    LoadSources { hashes: Vec<ContentHash>, answer: Answer<Vec<(ContentHash, Vec<u8>)>> },
    /// Loads the rows of the journal after a number, but not all at once.
    LoadJournal { after: u64, answer: Answer<JournalPart> },
    /// Loads the subscriptions.
    LoadPush { answer: Answer<Saved> },
    /// Makes changes of subscriptions durable.
    SavePush { changes: Vec<Change>, answer: Answer<()> },
    /// Loads a part of a folder's rows from the cache, beginning after a file name.
    LoadRowsIn { folder: String, after: String, limit: usize, answer: Sender<Vec<(String, Row)>> },
    /// Loads the rows of files from the cache.
    LoadRowsOf { paths: Vec<ArticlePath>, answer: Sender<Vec<Option<Row>>> },
    /// Stores or deletes rows of the cache.
    SaveRows(Vec<cache::Change>),
    /// Deletes the rows of all folders but these from the cache.
    RetainFolders(HashSet<String>),
    /// Loads rendered bodies. The answer is `None` if there is no cache of them.
    LoadRenderings { keys: Vec<ContentHash>, answer: Sender<Option<Vec<(ContentHash, PackedRendering)>>> },
    /// Stores rendered bodies. The sender waits, so that bodies don't accumulate in memory.
    SaveRenderings { rows: Vec<(ContentHash, PackedRendering)>, answer: Sender<()> },
}

/// The outcome of a write.
#[derive(Debug)]
pub struct WriteOutcome {
    /// Whether the records are durable.
    pub result: Result<(), StoreError>,
    /// The number of the last record.
    pub last_record: i64,
    /// Why the state could only be opened for reading.
    pub unwritable: Option<String>,
}

/// The kinds of messages, in the order in which they are handled.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Lane {
    Records,
    Queries,
    Changes,
}

/// The database that a message needs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Database {
    Ledger,
    Caches,
    /// No statement on it is interrupted.
    Push,
}

impl Message {
    fn lane(&self) -> Lane {
        match self {
            Message::Append { .. } => Lane::Records,
            Message::SaveRows(_) | Message::RetainFolders(_) => Lane::Changes,
            _ => Lane::Queries,
        }
    }

    fn database(&self) -> Database {
        match self {
            Message::Append { .. }
            | Message::ReadLedger { .. }
            | Message::HasWithdrawalAfter { .. }
            | Message::FindDormant { .. }
            | Message::MarkIndependent { .. }
            | Message::LoadJournal { .. }
            | Message::LoadSources { .. } => Database::Ledger,
            Message::LoadPush { .. } | Message::SavePush { .. } => Database::Push,
            Message::LoadRowsIn { .. }
            | Message::LoadRowsOf { .. }
            | Message::SaveRows(_)
            | Message::RetainFolders(_)
            | Message::LoadRenderings { .. }
            | Message::SaveRenderings { .. } => Database::Caches,
        }
    }
}

/// The databases that no interrupted statement is using.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Unused {
    pub(super) ledger: bool,
    pub(super) caches: bool,
}

impl std::fmt::Debug for Queue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Queue").finish_non_exhaustive()
    }
}

/// The owner's next step.
pub(super) enum Next {
    Handle(Message),
    /// No message has arrived for a while.
    Rest,
    /// The queue was closed, and all messages have been handled.
    End,
}

/// The queue.
#[derive(Default)]
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

#[derive(Default)]
struct Waiting {
    records: VecDeque<Message>,
    queries: VecDeque<Message>,
    changes: VecDeque<Message>,
    /// The number of rows in `changes`.
    rows: usize,
    is_closed: bool,
}

impl Queue {
    /// Adds a message. Returns `false` if too many wait, or the queue is closed.
    pub(super) fn push(&self, message: Message) -> bool {
        let mut waiting = self.lock();
        let rows = if let Message::SaveRows(rows) = &message { rows.len() } else { 0 };
        let is_full = match message.lane() {
            // The sender waits for each write before the next one.
            Lane::Records => false,
            Lane::Queries => waiting.queries.len() >= MAX_WAITING_QUERIES,
            Lane::Changes => waiting.changes.len() >= MAX_WAITING_ROWS || waiting.rows + rows > MAX_WAITING_ROWS,
        };
        if is_full || waiting.is_closed {
            return false;
        }
        waiting.rows += rows;
        waiting.lane(message.lane()).push_back(message);
        drop(waiting);
        self.changed.notify_one();
        true
    }

    /// Waits for the next message: for at most `patience`, if there is one.
    pub(super) fn next(&self, patience: Option<Duration>) -> Next {
        let mut waiting = self.lock();
        loop {
            if let Some(message) = waiting.take(Unused { ledger: true, caches: true }) {
                return Next::Handle(message);
            }
            if waiting.is_closed {
                return Next::End;
            }
            waiting = match patience {
                None => self.changed.wait(waiting).unwrap_or_else(PoisonError::into_inner),
                Some(patience) => {
                    let (waiting, timeout) =
                        self.changed.wait_timeout(waiting, patience).unwrap_or_else(PoisonError::into_inner);
                    if timeout.timed_out() {
                        return Next::Rest;
                    }
                    waiting
                }
            };
        }
    }

    /// Removes the next message that needs one of these databases.
    pub(super) fn take(&self, unused: Unused) -> Option<Message> {
        self.lock().take(unused)
    }

    /// Whether no message waits.
    pub(super) fn is_empty(&self) -> bool {
        let waiting = self.lock();
        waiting.records.is_empty() && waiting.queries.is_empty() && waiting.changes.is_empty()
    }

    pub(super) fn is_closed(&self) -> bool {
        self.lock().is_closed
    }

    /// Refuses further messages.
    pub(super) fn close(&self) {
        self.lock().is_closed = true;
        self.changed.notify_one();
    }

    /// Drops all messages, so that their senders don't wait any longer.
    pub(super) fn clear(&self) {
        let waiting = std::mem::replace(&mut *self.lock(), Waiting { is_closed: true, ..Waiting::default() });
        drop(waiting);
    }

    /// The number of rows that wait to be written.
    #[cfg(test)]
    pub(super) fn waiting_rows(&self) -> usize {
        self.lock().rows
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn lane(&mut self, lane: Lane) -> &mut VecDeque<Message> {
        match lane {
            Lane::Records => &mut self.records,
            Lane::Queries => &mut self.queries,
            Lane::Changes => &mut self.changes,
        }
    }

    fn take(&mut self, unused: Unused) -> Option<Message> {
        let is_possible = |message: &Message| match message.database() {
            Database::Ledger => unused.ledger,
            Database::Caches => unused.caches,
            Database::Push => true,
        };
        for lane in [Lane::Records, Lane::Queries, Lane::Changes] {
            let lane = self.lane(lane);
            let position = lane.iter().position(is_possible);
            match position.and_then(|position| lane.remove(position)) {
                Some(Message::SaveRows(rows)) => return Some(Message::SaveRows(self.join_rows(rows))),
                Some(message) => return Some(message),
                None => {}
            }
        }
        None
    }

    /// Adds the rows that wait behind these, as many as one transaction takes.
    fn join_rows(&mut self, mut rows: Vec<cache::Change>) -> Vec<cache::Change> {
        while let Some(Message::SaveRows(more)) = self.changes.front()
            && rows.len() + more.len() <= MAX_TRANSACTION_ROWS
            && let Some(Message::SaveRows(more)) = self.changes.pop_front()
        {
            rows.extend(more);
        }
        self.rows = self.rows.saturating_sub(rows.len());
        rows
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    fn change(name: &str) -> Message {
        Message::SaveRows(vec![(ArticlePath::new(name), None)])
    }

    fn name(message: Option<Message>) -> String {
        match message {
            None => "none".to_owned(),
            Some(Message::Append { .. }) => "append".to_owned(),
            Some(Message::LoadRowsIn { folder, .. }) => folder,
            Some(Message::LoadSources { .. }) => "sources".to_owned(),
            Some(Message::SaveRows(rows)) => {
                rows.iter().map(|(path, _)| path.to_string()).collect::<Vec<_>>().join(" ")
            }
            Some(_) => "other".to_owned(),
        }
    }

    #[test]
    fn records_overtake_queries_and_queries_overtake_changes() {
        let queue = Queue::default();
        let load = |folder: &str| {
            let (folder, after) = (folder.to_owned(), String::new());
            Message::LoadRowsIn { folder, after, limit: 1, answer: channel().0 }
        };
        let append = || Message::Append { records: Arc::default(), at: Timestamp::UNIX_EPOCH, outcome: channel().0 };
        let sources = Message::LoadSources { hashes: Vec::new(), answer: channel().0 };
        let messages = [change("a.md"), load("first"), change("b.md"), append(), sources, load("second")];
        assert!(messages.into_iter().all(|message| queue.push(message)));
        let unused = |ledger, caches| Unused { ledger, caches };
        assert_eq!(name(queue.take(unused(false, true))), "first", "an interrupted statement uses the ledger");
        assert_eq!(name(queue.take(unused(true, false))), "append");
        assert_eq!(name(queue.take(unused(true, true))), "sources");
        assert_eq!(name(queue.take(unused(true, true))), "second");
        assert_eq!(name(queue.take(unused(true, false))), "none");
        assert_eq!(name(queue.take(unused(true, true))), "a.md b.md", "in one transaction");
        assert_eq!((queue.is_empty(), queue.waiting_rows()), (true, 0));
    }

    #[test]
    fn queue_is_bounded_and_ends_with_its_messages() {
        let queue = Queue::default();
        let accepted = (0..MAX_WAITING_ROWS * 2).filter(|number| queue.push(change(&number.to_string()))).count();
        assert_eq!((accepted, queue.waiting_rows()), (MAX_WAITING_ROWS, MAX_WAITING_ROWS));
        queue.close();
        assert!(!queue.push(change("late.md")));
        let mut transactions = 0;
        while let Next::Handle(Message::SaveRows(rows)) = queue.next(Some(Duration::ZERO)) {
            assert!(rows.len() <= MAX_TRANSACTION_ROWS);
            transactions += 1;
        }
        assert_eq!(transactions, MAX_WAITING_ROWS / MAX_TRANSACTION_ROWS);
        assert!(matches!(queue.next(None), Next::End));
    }
}
