//! The senders of messages to the store's owner.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use jiff::Timestamp;

use super::cache::Row;
use super::directory::{DATABASE, PUBLISHED_LIST};
use super::error::StoreError;
use super::queue::{MAX_TRANSACTION_ROWS, Message, Queue, WriteOutcome};
use super::saved;
use crate::article::packed::PackedRendering;
use crate::event::DormantQuery;
use crate::ledger::journal::JournalPart;
use crate::ledger::{ArticleFacts, Ledger, Record};
use crate::types::{ArticlePath, ContentHash};
use crate::websub::{Change, Saved};

/// The error message for a disk that hangs.
pub const NOT_RESPONDING: &str = "the disk of the state directory does not answer";
/// The time that a query may take before its sender continues without an answer. Queries that may take longer have no limit here; their
/// senders don't keep anybody waiting.
const QUERY_TIMEOUT: Duration = Duration::from_secs(10);
/// The number of a folder's rows in one answer. Records wait for one answer at most.
const MAX_LOADED_ROWS: usize = if cfg!(test) { 10 } else { 2_048 };

/// Sends messages to the owner.
#[derive(Clone)]
pub struct StoreHandle {
    queue: Arc<Queue>,
    directory: Arc<Path>,
}

impl std::fmt::Debug for StoreHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StoreHandle").field("directory", &self.directory).finish_non_exhaustive()
    }
}

/// A write that hasn't ended.
#[derive(Debug)]
pub struct PendingWrite(Receiver<WriteOutcome>);

impl PendingWrite {
    /// Waits for the end of the write. `None` if it hasn't ended within the timeout.
    ///
    /// # Panics
    /// If the owner panicked over the records: nobody knows whether they are durable.
    pub fn wait(&self, timeout: Duration) -> Option<WriteOutcome> {
        match self.0.recv_timeout(timeout) {
            Ok(outcome) => Some(outcome),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => {
                std::panic::resume_unwind(Box::new("the store's owner ended before it had written records"))
            }
        }
    }
}

impl StoreHandle {
    pub(super) fn new(queue: Arc<Queue>, directory: &Path) -> StoreHandle {
        StoreHandle { queue, directory: directory.into() }
    }

    /// Starts to make records durable. The caller waits for the outcome before the next write.
    pub fn append(&self, records: Arc<Vec<Record>>, at: Timestamp) -> PendingWrite {
        let (outcome, receiver) = channel();
        self.queue.push(Message::Append { records, at, outcome });
        PendingWrite(receiver)
    }

    /// Reads the ledger. Of dormant articles, the result has only the fingerprints; [`StoreHandle::find_dormant`] finds their facts.
    ///
    /// # Errors
    /// If the state is damaged or can't be read within the timeout.
    pub fn ledger_without_dormant(&self, timeout: Duration) -> Result<Ledger, StoreError> {
        self.ask(Some(timeout), |answer| Message::ReadLedger { is_whole: false, answer })?
    }

    /// Reads the whole ledger.
    ///
    /// # Errors
    /// If the state is damaged or can't be read.
    pub fn ledger(&self) -> Result<Ledger, StoreError> {
        self.ask(None, |answer| Message::ReadLedger { is_whole: true, answer })?
    }

    /// Returns the documents that were published last, if they may be served again. Their bytes aren't in memory.
    pub fn published(&self, config: ContentHash, ledger: &Ledger) -> Option<saved::Saved> {
        let list = fs::read_to_string(self.directory.join(PUBLISHED_LIST)).ok()?;
        saved::read(&list, config, ledger, |record| {
            self.ask(None, |answer| Message::HasWithdrawalAfter { record, answer }).unwrap_or(true)
        })
    }

    /// Finds dormant articles, and dormant articles that had the same ids, the most recent first. `unwritten` contains articles whose rows
    /// may not be written yet. If rows are missing or damaged, all records are searched, and the result may contain articles that aren't
    /// dormant. Waits as long as the disk does.
    ///
    /// # Errors
    /// If the state is damaged or can't be read.
    pub fn find_dormant(
        &self,
        query: &DormantQuery,
        unwritten: Vec<(ArticlePath, ArticleFacts)>,
    ) -> Result<Vec<(ArticlePath, ArticleFacts)>, StoreError> {
        self.ask(None, |answer| Message::FindDormant { query: query.clone(), unwritten, answer })?
    }

    /// Checks which dormant articles are independent: they never moved, and no other article had their ids. A start needn't replay their
    /// records. Does nothing if fewer than `min_unchecked` articles are unchecked. Returns the number of articles found to be independent.
    ///
    /// # Errors
    /// If the ledger can't be read or written. The ledger stays valid.
    pub fn mark_independent(&self, min_unchecked: i64) -> Result<usize, StoreError> {
        self.ask(None, |answer| Message::MarkIndependent { min_unchecked, answer })?
    }

    /// Returns the stored files with these hashes. Damaged ones are left out.
    ///
    /// # Errors
    /// If the state is damaged, or can't be read in time.
    pub fn load_sources(&self, hashes: &[ContentHash]) -> Result<Vec<(ContentHash, Vec<u8>)>, StoreError> {
        self.ask(Some(QUERY_TIMEOUT), |answer| Message::LoadSources { hashes: hashes.to_vec(), answer })?
    }

    /// Returns the rows of the journal after a number, but not all at once.
    ///
    /// # Errors
    /// If they can't be read in time.
    pub fn journal(&self, after: u64) -> Result<JournalPart, StoreError> {
        self.ask(Some(QUERY_TIMEOUT), |answer| Message::LoadJournal { after, answer })?
    }

    /// Returns the subscriptions of the built-in hub, and what other hubs were told.
    ///
    /// # Errors
    /// If they are damaged, or can't be read in time.
    pub fn load_push(&self) -> Result<Saved, StoreError> {
        self.ask(Some(QUERY_TIMEOUT), |answer| Message::LoadPush { answer })?
    }

    /// Makes changes of subscriptions durable.
    ///
    /// # Errors
    /// If they can't be written in time. They may be written later, and may be written again.
    pub fn save_push(&self, changes: &[Change]) -> Result<(), StoreError> {
        self.ask(Some(QUERY_TIMEOUT), |answer| Message::SavePush { changes: changes.to_vec(), answer })?
    }

    /// Returns the rows of files from the cache, in the order of the paths.
    pub fn cached_rows(&self, paths: &[ArticlePath]) -> Vec<Option<Row>> {
        let rows = self.ask(Some(QUERY_TIMEOUT), |answer| Message::LoadRowsOf { paths: paths.to_vec(), answer });
        rows.unwrap_or_else(|_| vec![None; paths.len()])
    }

    /// Returns the names and rows of a folder's files from the cache.
    ///
    /// # Errors
    /// If they can't be read in time.
    pub fn cached_folder(&self, folder: &str) -> Result<Vec<(String, Row)>, StoreError> {
        let mut rows: Vec<(String, Row)> = Vec::new();
        loop {
            let after = rows.last().map(|(name, _)| name.clone()).unwrap_or_default();
            let (folder, limit) = (folder.to_owned(), MAX_LOADED_ROWS);
            let more = self.ask(Some(QUERY_TIMEOUT), |answer| Message::LoadRowsIn { folder, after, limit, answer })?;
            let is_last = more.len() < MAX_LOADED_ROWS;
            rows.extend(more);
            if is_last {
                return Ok(rows);
            }
        }
    }

    /// Returns the rendered bodies that the cache has for some keys. `None` if there is no cache.
    pub fn renderings(&self, keys: &[ContentHash]) -> Option<HashMap<ContentHash, PackedRendering>> {
        let found = self.ask(Some(QUERY_TIMEOUT), |answer| Message::LoadRenderings { keys: keys.to_vec(), answer });
        found.ok().flatten().map(|found| found.into_iter().collect())
    }

    /// Stores rendered bodies. Waits, so that bodies don't accumulate in memory. A failure is logged only, since bodies can be rendered
    /// again.
    pub fn save_renderings(&self, rows: Vec<(ContentHash, PackedRendering)>) {
        self.ask(Some(QUERY_TIMEOUT), |answer| Message::SaveRenderings { rows, answer }).unwrap_or_default();
    }

    /// Sends a query and waits for the answer.
    fn ask<T>(&self, timeout: Option<Duration>, query: impl FnOnce(Sender<T>) -> Message) -> Result<T, StoreError> {
        let (answer, receiver) = channel();
        let error = |why: &str| StoreError::Io(self.directory.join(DATABASE), why.to_owned());
        if !self.queue.push(query(answer)) {
            return Err(error(if self.queue.is_closed() { "the store is closed" } else { NOT_RESPONDING }));
        }
        match timeout {
            Some(timeout) => receiver.recv_timeout(timeout),
            None => receiver.recv().map_err(|_| RecvTimeoutError::Disconnected),
        }
        .map_err(|reason| match reason {
            RecvTimeoutError::Timeout => error(NOT_RESPONDING),
            RecvTimeoutError::Disconnected => error("the store gave no answer"),
        })
    }
}

/// The cache of parsed files' metadata, as the watcher uses it.
#[derive(Debug)]
pub struct Cache {
    store: StoreHandle,
    /// The folders that were read since the last listing.
    listed: HashSet<String>,
    /// Whether folders are read. `false` after a failure.
    is_readable: bool,
    /// Whether rows were dropped, which is logged once.
    has_dropped: bool,
}

impl Cache {
    /// Returns the cache of a store.
    pub fn new(store: StoreHandle) -> Cache {
        Cache { store, listed: HashSet::new(), is_readable: true, has_dropped: false }
    }

    /// Returns the names and rows of a folder's files.
    pub fn of_folder(&mut self, folder: &str) -> Vec<(String, Row)> {
        self.listed.insert(folder.to_owned());
        if !self.is_readable {
            return Vec::new();
        }
        self.store.cached_folder(folder).unwrap_or_else(|error| {
            if !self.store.queue.is_closed() {
                tracing::warn!(%error, "cannot read the cache; its articles are read again");
            }
            self.is_readable = false;
            Vec::new()
        })
    }

    /// Stores rows, or deletes those that are `None`. Never waits for the disk: if the disk is too slow, rows are dropped. The older row of
    /// such a file stays in the cache, but doesn't match the file any more and isn't used.
    pub fn store(&mut self, mut rows: Vec<(ArticlePath, Option<Row>)>) {
        while !rows.is_empty() {
            let rest = rows.split_off(rows.len().min(MAX_TRANSACTION_ROWS));
            let is_accepted = self.store.queue.push(Message::SaveRows(rows));
            if !is_accepted && !self.store.queue.is_closed() && !std::mem::replace(&mut self.has_dropped, true) {
                tracing::warn!("the cache is written too slowly; the next start reads the rest of the articles again");
            }
            rows = rest;
        }
    }

    /// Ends a complete listing. Deletes the rows of folders that weren't read since the last one.
    pub fn finish_listing(&mut self) {
        let listed = std::mem::take(&mut self.listed);
        self.store.queue.push(Message::RetainFolders(listed));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hung_write_makes_queries_time_out() {
        // Nobody handles the messages, as while a write hangs.
        let store = StoreHandle::new(Arc::default(), Path::new("state"));
        let write = store.append(Arc::default(), Timestamp::UNIX_EPOCH);
        assert!(write.wait(Duration::ZERO).is_none());
        let error = store.ledger_without_dormant(Duration::ZERO).unwrap_err().to_string();
        assert!(error.contains(NOT_RESPONDING), "{error}");
        store.queue.close();
        store.queue.clear();
        let error = store.ledger().unwrap_err().to_string();
        assert!(error.contains("closed"), "{error}");
    }

    #[test]
    fn slow_disk_drops_rows() {
        let store = StoreHandle::new(Arc::default(), Path::new("state"));
        let mut cache = Cache::new(store);
        for number in 0..1_000 {
            cache.store(vec![(ArticlePath::new(&format!("{number}.md")), None)]);
        }
        assert!(cache.has_dropped);
        assert_eq!(cache.store.queue.waiting_rows(), super::super::queue::MAX_WAITING_ROWS);
    }
}
