//! The owner of the store: one thread that has all connections to the databases of a state directory and handles typed messages
//! (`queue`). In a running daemon, nothing else opens a connection.
//!
//! # Why one thread?
//!
//! SQLite has one writer. Several connections in a process wait for each other's locks, and closing a file that SQLite has open releases
//! its locks (<https://sqlite.org/howtocorrupt.html>, section 2.2). With one owner, the order of messages is the order of reads and writes.
//!
//! # Why doesn't a long query delay publication?
//!
//! Scans of the whole ledger run on a connection of their own. In the middle of such a statement, the owner writes records that arrive
//! and answers other queries on the other connections (`interruption`). Changes of the caches are divided into short transactions.
//!
//! # What happens if the disk hangs or a message fails?
//!
//! Senders wait with a timeout where somebody waits for them, and continue without an answer. A panic costs the sender its answer. If
//! records were being written, the daemon ends with the panic, since nobody knows whether they are durable.
//!
//! # When is the ledger maintained?
//!
//! When no message has arrived for a second and enough records are new. Then the write-ahead log is checkpointed, which waits for
//! the disk, and the ledger is compacted. After an agency killed a text, the logs are emptied as soon as no message waits, because they
//! contain deleted bytes.

mod caches;
#[cfg(test)]
mod tests;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::Connection;

pub use self::caches::CacheUse;
use self::caches::Caches;
use super::compaction::compact;
use super::directory::DATABASE;
use super::dormant::{self, MIN_UNCHECKED_ARTICLES};
use super::dormant_lookup::find_dormant;
use super::error::{ReadError, StoreError, unusable};
use super::handle::StoreHandle;
use super::interruption::Interruption;
use super::opening::{self, Access};
use super::push::PushDatabase;
use super::queue::{Message, Next, Queue, Unused, WriteOutcome};
use super::reader;
use super::replay::replay;
use super::saved::{last_listed_record, missing_records};
use super::schema::{MAX_LOCK_WAIT, last_record, version};
use super::writer::Store;
use crate::ledger::{Ledger, Record};

/// The time that the owner has at the end to write what waits, to checkpoint and to close the ledger.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);
/// The owner rests when no message has arrived for this time.
const REST_DELAY: Duration = Duration::from_secs(1);
/// The ledger is maintained at a rest after this many records, whose write-ahead log has about four megabytes.
const MIN_NEW_RECORDS: i64 = 400;
/// The ledger is maintained without a rest after this many records, as soon as no message waits.
const MAX_NEW_RECORDS: i64 = 4_000;

/// The owner's thread. It ends when this is dropped.
#[derive(Debug)]
pub struct StoreOwner {
    handle: StoreHandle,
    queue: Arc<Queue>,
    /// The number of the last record.
    last_record: i64,
    journal_name: String,
    /// Why the state could only be opened for reading.
    unwritable: Option<String>,
    /// Disconnected when the thread has ended.
    ended: Mutex<Receiver<()>>,
    thread: Option<JoinHandle<()>>,
    close_timeout: Option<Duration>,
}

impl StoreOwner {
    /// Opens the state of a directory as [`Store::open`] does, and its caches.
    ///
    /// # Errors
    /// If another process has locked the state, it can't be read, or the thread can't be started.
    pub fn open(directory: &Path, caches: CacheUse) -> Result<StoreOwner, StoreError> {
        let owned = directory.to_owned();
        StoreOwner::start(directory, caches, Some(CLOSE_TIMEOUT), move || Store::open(&owned).map(Some))
    }

    /// Opens only the caches of a directory whose ledger is opened elsewhere in this process, or not at all. Published versions are read
    /// without a lock.
    ///
    /// # Errors
    /// If the thread can't be started.
    pub fn open_caches(directory: &Path, caches: CacheUse) -> Result<StoreOwner, StoreError> {
        StoreOwner::start(directory, caches, None, || Ok(None))
    }

    fn start(
        directory: &Path,
        caches: CacheUse,
        close_timeout: Option<Duration>,
        open: impl FnOnce() -> Result<Option<Store>, StoreError> + Send + 'static,
    ) -> Result<StoreOwner, StoreError> {
        let queue = Arc::new(Queue::default());
        let (opened, opening) = channel();
        let (running, ended) = channel();
        let (task_queue, task_directory) = (Arc::clone(&queue), directory.to_owned());
        let work = move || {
            let _running: Sender<()> = running;
            match open() {
                Ok(store) => {
                    let last_record = store.as_ref().map_or(0, Store::last_record);
                    let unwritable = store.as_ref().and_then(Store::unwritable).map(str::to_owned);
                    let name = store.as_ref().map(Store::journal_name).unwrap_or_default();
                    let owner = Owner::new(task_directory, task_queue, store, caches);
                    opened.send(Ok((last_record, unwritable, name))).unwrap_or_default();
                    owner.run();
                }
                Err(error) => opened.send(Err(error)).unwrap_or_default(),
            }
        };
        let io = |why: String| StoreError::Io(directory.to_owned(), why);
        let thread =
            std::thread::Builder::new().name("store".into()).spawn(work).map_err(|error| io(error.to_string()))?;
        let (last_record, unwritable, journal_name) =
            opening.recv().map_err(|_| io("opening it panicked".to_owned())).flatten()?;
        let handle = StoreHandle::new(Arc::clone(&queue), directory);
        let (ended, thread) = (Mutex::new(ended), Some(thread));
        Ok(StoreOwner { handle, queue, last_record, journal_name, unwritable, ended, thread, close_timeout })
    }

    /// Returns a sender of messages.
    pub fn handle(&self) -> StoreHandle {
        self.handle.clone()
    }

    /// The number of the last record when the state was opened.
    pub fn last_record(&self) -> i64 {
        self.last_record
    }

    /// The name of the journal. Numbers of its rows mean nothing in another one.
    pub fn journal_name(&self) -> &str {
        &self.journal_name
    }

    /// Why the state could only be opened for reading. `None` if it could be written.
    pub fn unwritable(&self) -> Option<&str> {
        self.unwritable.as_deref()
    }
}

impl Drop for StoreOwner {
    /// Waits until the messages that wait are handled and the state is unlocked, unless the disk hangs.
    fn drop(&mut self) {
        self.queue.close();
        let is_late = |timeout| lock(&self.ended).recv_timeout(timeout) == Err(RecvTimeoutError::Timeout);
        let is_late = self.close_timeout.is_some_and(is_late);
        if is_late {
            self.queue.clear();
        } else {
            self.thread.take().map(JoinHandle::join);
        }
    }
}

/// The state of the thread. The locks are never contended: they say which databases an interrupted statement is using.
struct Owner {
    directory: PathBuf,
    queue: Arc<Queue>,
    /// The connection that writes the ledger. `None` if other code has it.
    ledger: Mutex<Option<Store>>,
    caches: Mutex<Caches>,
    /// The subscriptions. `None` if they aren't open.
    push: Mutex<Option<PushDatabase>>,
    /// The number of records since the last maintenance.
    new_records: AtomicI64,
    /// Whether killed texts were deleted and may still be in the write-ahead logs or the caches.
    must_erase: AtomicBool,
    interruption: Interruption,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn is_unused<T>(mutex: &Mutex<T>) -> bool {
    !matches!(mutex.try_lock(), Err(TryLockError::WouldBlock))
}

impl Owner {
    fn new(directory: PathBuf, queue: Arc<Queue>, store: Option<Store>, usage: CacheUse) -> Arc<Owner> {
        let caches = Caches::new(usage);
        Arc::new_cyclic(|owner: &std::sync::Weak<Owner>| {
            let owner = owner.clone();
            let interruption = Interruption::new(move || owner.upgrade().is_none_or(|owner| owner.handle_waiting()));
            let (ledger, caches) = (Mutex::new(store), Mutex::new(caches));
            let (new_records, must_erase) = (AtomicI64::new(0), AtomicBool::new(false));
            Owner { directory, queue, ledger, caches, push: Mutex::default(), new_records, must_erase, interruption }
        })
    }

    /// Handles messages until the queue is closed and empty.
    fn run(&self) {
        let (mut is_rested, mut is_first_rest) = (true, true);
        loop {
            match self.queue.next((!is_rested || is_first_rest).then_some(REST_DELAY)) {
                Next::Handle(message) => {
                    self.handle(message);
                    is_rested = false;
                    if self.must_erase.load(Ordering::Relaxed) && self.queue.is_empty() {
                        self.erase();
                    }
                    if self.new_records.load(Ordering::Relaxed) >= MAX_NEW_RECORDS && self.queue.is_empty() {
                        self.maintain();
                    }
                }
                Next::Rest => {
                    lock(&self.caches).close_renderings();
                    if self.must_erase.load(Ordering::Relaxed) {
                        self.erase();
                    }
                    // Records of the last run may be superseded.
                    if is_first_rest || self.new_records.load(Ordering::Relaxed) >= MIN_NEW_RECORDS {
                        self.maintain();
                    }
                    (is_rested, is_first_rest) = (true, false);
                }
                Next::End => return,
            }
        }
    }

    /// Handles the messages that wait, in the middle of a statement. Returns whether the statement is to be abandoned.
    fn handle_waiting(&self) -> bool {
        loop {
            let unused = Unused { ledger: is_unused(&self.ledger), caches: is_unused(&self.caches) };
            match self.queue.take(unused) {
                Some(message) => self.handle(message),
                None => return self.queue.is_closed(),
            }
        }
    }

    fn handle(&self, message: Message) {
        // The panic's message is printed already. The sender sees that it gets no answer.
        drop(catch_unwind(AssertUnwindSafe(|| self.answer(message))));
    }

    /// Handles a message. Senders that don't wait any more are ignored.
    fn answer(&self, message: Message) {
        match message {
            Message::Append { records, at, outcome } => {
                let mut ledger = lock(&self.ledger);
                let Some(store) = ledger.as_mut() else { return };
                let before = store.last_record();
                let result = store.append(records.iter(), at);
                let erases = |record: &Record| matches!(record, Record::Erased { .. });
                self.must_erase.fetch_or(records.iter().any(erases), Ordering::Relaxed);
                // The waiting sender now has the only reference and needn't copy the records.
                drop(records);
                let (last_record, unwritable) = (store.last_record(), store.unwritable().map(str::to_owned));
                self.new_records.fetch_add(last_record.saturating_sub(before), Ordering::Relaxed);
                outcome.send(WriteOutcome { result, last_record, unwritable }).unwrap_or_default();
            }
            Message::ReadLedger { is_whole, answer } => {
                let mut ledger = lock(&self.ledger);
                let Some(store) = ledger.as_mut() else { return };
                self.interruption.install(&mut store.database);
                let read = if is_whole { store.ledger() } else { store.ledger_without_dormant() };
                Interruption::remove(&mut store.database);
                answer.send(read).unwrap_or_default();
            }
            Message::HasWithdrawalAfter { record, answer } => {
                let ledger = lock(&self.ledger);
                answer.send(ledger.as_ref().is_none_or(|store| store.has_withdrawal_after(record))).unwrap_or_default();
            }
            Message::FindDormant { query, unwritten, answer } => {
                let rows = || lock(&self.ledger).as_ref().map_or(Ok(None), |store| store.dormant_rows(&query));
                let found = find_dormant(&self.directory, &query, unwritten, rows, || self.scan_ledger());
                answer.send(found).unwrap_or_default();
            }
            Message::MarkIndependent { min_unchecked, answer } => {
                lock(&self.ledger).as_mut().map(Store::share);
                let marked = dormant::mark_independent(&self.directory, min_unchecked, &self.interruption);
                answer.send(marked).unwrap_or_default();
            }
            Message::LoadSources { hashes, answer } => {
                let sources = match lock(&self.ledger).as_ref() {
                    Some(store) => store.load_sources(&hashes),
                    None => reader::load_sources(&self.directory, &hashes),
                };
                answer.send(sources).unwrap_or_default();
            }
            Message::LoadJournal { after, answer } => {
                let ledger = lock(&self.ledger);
                let Some(store) = ledger.as_ref() else { return };
                answer.send(store.journal(after)).unwrap_or_default();
            }
            Message::LoadPush { answer } => {
                answer.send(self.push(|database| database.load())).unwrap_or_default();
            }
            Message::SavePush { changes, answer } => {
                answer.send(self.push(|database| database.save(&changes))).unwrap_or_default();
            }
            message => lock(&self.caches).answer(&self.directory, message, &self.interruption),
        }
    }

    /// Uses the subscriptions. Opened when they are first used, and again after a failure.
    fn push<T>(&self, work: impl FnOnce(&mut PushDatabase) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let mut push = lock(&self.push);
        let mut database = match push.take() {
            Some(database) => database,
            None => PushDatabase::open(&self.directory)?,
        };
        let result = work(&mut database)?;
        *push = Some(database);
        Ok(result)
    }

    /// Reads the whole ledger through another connection, so that records are written meanwhile.
    fn scan_ledger(&self) -> Result<Ledger, StoreError> {
        let mut ledger = lock(&self.ledger);
        let Some(store) = ledger.as_mut() else { return reader::read_ledger(&self.directory) };
        if !store.share() {
            return store.ledger();
        }
        drop(ledger);
        let path = self.directory.join(DATABASE);
        let last_listed = last_listed_record(&self.directory);
        let read = || -> Result<Ledger, ReadError> {
            let mut database = opening::open(&path, Access::Read, MAX_LOCK_WAIT)?;
            self.interruption.install(&mut database);
            let database: &Connection = &database;
            let version = version(database)?;
            missing_records(last_listed, last_record(database)?).map_or(Ok(()), Err)?;
            replay(database, version)
        };
        read().map_err(|error| unusable(&path, error))
    }

    /// Removes what is left of deleted texts: the write-ahead logs, and the cache of rendered bodies, whose keys don't name articles. If a
    /// reader prevents it, the next rest tries again.
    fn erase(&self) {
        let is_log_empty = lock(&self.ledger).as_ref().is_none_or(Store::empty_log);
        let are_caches_empty = lock(&self.caches).erase(&self.directory);
        self.must_erase.store(!(is_log_empty && are_caches_empty), Ordering::Relaxed);
    }

    /// Checkpoints and compacts the ledger. If this fails, a later commit checkpoints the log and reports the error.
    fn maintain(&self) {
        let is_due = self.new_records.swap(0, Ordering::Relaxed) >= MIN_NEW_RECORDS;
        {
            let mut ledger = lock(&self.ledger);
            let Some(store) = ledger.as_mut().filter(|store| store.unwritable().is_none()) else { return };
            if !store.share() {
                return;
            }
            if is_due && let Err(error) = store.checkpoint() {
                tracing::debug!(%error, "cannot checkpoint the ledger");
            }
        }
        match compact(&self.directory, &self.interruption) {
            Ok(0) => {}
            Ok(removed) => tracing::info!(records = removed, "ledger compacted"),
            Err(error) => tracing::debug!(%error, "cannot compact the ledger"),
        }
        if let Err(error) = dormant::mark_independent(&self.directory, MIN_UNCHECKED_ARTICLES, &self.interruption) {
            tracing::debug!(%error, "cannot check dormant articles");
        }
    }
}
