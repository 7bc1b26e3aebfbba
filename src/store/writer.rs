//! The ledger, opened for writing: one writer at a time, one transaction per batch of records.

use std::borrow::Borrow;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rusqlite::{Connection, TransactionBehavior};

use super::directory::{DATABASE, LEDGER_CREATED, LOCK, lock};
use super::dormant;
use super::error::{ReadError, StoreError, is_unwritable, store_error, unusable};
use super::journal;
use super::opening::{self, Access, Journal, connect, may_read};
use super::presence::{self, Presence};
use super::reader;
use super::replay::{replay, replay_without_dormant};
use super::rows::{INSTANTS_SCHEMA, write_record};
use super::saved::{last_listed_record, missing_records};
use super::schema::{
    MAX_LOCK_WAIT, NO_TABLES, SCHEMA, UNCOMPACTED_SCHEMA, empty_log, enable_write_ahead_log, last_record, version,
};
use crate::event::DormantQuery;
use crate::ledger::journal::JournalPart;
use crate::ledger::{ArticleFacts, Ledger, Record};
use crate::types::{ArticlePath, ContentHash};

/// The open state, locked against other writers.
#[derive(Debug)]
pub struct Store {
    pub(super) database: Connection,
    path: PathBuf,
    journal: Journal,
    /// The number of the last record.
    last: i64,
    /// Why the state could only be opened for reading.
    unwritable: Option<String>,
    _lock: File,
}

impl Store {
    /// Opens the state of a directory for writing. Creates the directory (mode 0700) and the ledger if they are missing. If the ledger
    /// can be read but not written, [`Store::unwritable`] says why.
    ///
    /// # Errors
    /// If another process has locked the state, or it can't be read.
    pub fn open(directory: &Path) -> Result<Store, StoreError> {
        let lock = lock(directory)?;
        let presence = presence::find_ledger(directory)?;
        Store::open_locked(directory, lock, presence)
    }

    pub(super) fn open_locked(directory: &Path, mut lock: File, presence: Presence) -> Result<Store, StoreError> {
        let path = directory.join(DATABASE);
        if presence == Presence::Exists {
            may_read(&path)?;
        }
        let (opened, unwritable) = match connect(directory, &path, presence) {
            Err(error) if presence == Presence::Exists && is_unwritable(&error) => {
                let why = store_error(&path, &error);
                let unwritten = opening::read_only(&path).and_then(|database| Ok((version(&database)?, database)));
                let (version, database) = unwritten.map_err(|_| store_error(&path, &error))?;
                // A ledger of the first version can't be used without migration.
                let version = if version == 0 || version >= INSTANTS_SCHEMA { version } else { return Err(why) };
                ((database, version, Journal::WriteAhead), Some(why.to_string()))
            }
            opened => (opened.map_err(|error| store_error(&path, &error))?, None),
        };
        let (database, journal) = match opened {
            (_, version, _) if version > SCHEMA => return Err(StoreError::Newer(path, version)),
            (_, 0, _) => return Err(StoreError::Damaged(path, NO_TABLES.to_owned())),
            (database, _, journal) => (database, journal),
        };
        // Written only if needed, because the disk may be full.
        if !fs::read(directory.join(LOCK)).is_ok_and(|content| content == LEDGER_CREATED) {
            lock.write_all(LEDGER_CREATED).map_err(|error| StoreError::Io(directory.to_owned(), error.to_string()))?;
        }
        let last = last_record(&database).map_err(|error| store_error(&path, &error))?;
        if let Some(ReadError::Damaged(why)) = missing_records(last_listed_record(directory), last) {
            return Err(StoreError::Damaged(path, why));
        }
        Ok(Store { database, path, journal, last, unwritable, _lock: lock })
    }

    /// The number of the last record.
    pub fn last_record(&self) -> i64 {
        self.last
    }

    /// Why the state could only be opened for reading. `None` if it can be written.
    pub fn unwritable(&self) -> Option<&str> {
        self.unwritable.as_deref()
    }

    /// Tries to open a state for writing that could only be read.
    fn reopen(&mut self) -> Result<(), StoreError> {
        let directory = self.path.parent().unwrap_or(Path::new(".")).to_owned();
        let store_error = |error: rusqlite::Error| store_error(&self.path, &error);
        // The old connection may hold an exclusive lock, so it is closed first.
        self.database = opening::open(Path::new(":memory:"), Access::Create, MAX_LOCK_WAIT).map_err(store_error)?;
        let opened = connect(&directory, &self.path, Presence::Exists);
        match opened {
            Ok((database, UNCOMPACTED_SCHEMA..=SCHEMA, journal)) => {
                (self.database, self.journal, self.unwritable) = (database, journal, None);
                Ok(())
            }
            Ok(_) => Err(StoreError::Damaged(self.path.clone(), NO_TABLES.to_owned())),
            Err(error) => {
                self.database = opening::read_only(&self.path).map_err(store_error)?;
                Err(store_error(error))
            }
        }
    }

    /// Whether an article was withdrawn after a record, or the record belongs to another state.
    pub(super) fn has_withdrawal_after(&self, record: i64) -> bool {
        const WITHDRAWALS: &str =
            "SELECT EXISTS (SELECT 1 FROM record WHERE number > ? AND kind IN ('retracted', 'withdrawn', 'replaced'))";
        record > self.last || self.database.query_row(WITHDRAWALS, [record], |row| row.get(0)).unwrap_or(true)
    }

    /// Reads the whole ledger.
    ///
    /// # Errors
    /// If the state is damaged or can't be read.
    pub fn ledger(&self) -> Result<Ledger, StoreError> {
        let replayed =
            version(&self.database).map_err(ReadError::from).and_then(|version| replay(&self.database, version));
        replayed.map_err(|error| unusable(&self.path, error))
    }

    /// Reads the ledger. Of dormant articles, the result has only the fingerprints.
    ///
    /// # Errors
    /// As [`Store::ledger`].
    pub(super) fn ledger_without_dormant(&self) -> Result<Ledger, StoreError> {
        let replayed = version(&self.database)
            .map_err(ReadError::from)
            .and_then(|version| replay_without_dormant(&self.database, version))
            .map_err(|error| unusable(&self.path, error))?;
        match replayed {
            Some(ledger) => Ok(ledger),
            None => {
                // If this fails, the next start tries again.
                dormant::clear(&self.database).unwrap_or_default();
                self.ledger()
            }
        }
    }

    /// Returns the dormant articles that match a query, and those that had the same ids, the most recent first. `None` if a row is
    /// damaged.
    ///
    /// # Errors
    /// If the rows can't be read.
    pub(super) fn dormant_rows(
        &self,
        query: &DormantQuery,
    ) -> Result<Option<Vec<(ArticlePath, ArticleFacts)>>, StoreError> {
        dormant::find_rows(&self.database, query).map_err(|error| unusable(&self.path, error))
    }

    /// Returns the stored files with these hashes. Damaged ones are left out.
    ///
    /// # Errors
    /// If they can't be read.
    pub(super) fn load_sources(&self, hashes: &[ContentHash]) -> Result<Vec<(ContentHash, Vec<u8>)>, StoreError> {
        reader::sources(&self.database, hashes).map_err(|error| unusable(&self.path, error))
    }

    /// Reads the rows of the journal after a number, but not all at once.
    ///
    /// # Errors
    /// If they can't be read.
    pub(super) fn journal(&self, after: u64) -> Result<JournalPart, StoreError> {
        journal::load(&self.database, after).map_err(|error| store_error(&self.path, &error))
    }

    /// The name of the journal. Empty if the state could only be opened for reading and has none.
    pub(super) fn journal_name(&self) -> String {
        journal::name(&self.database).ok().flatten().unwrap_or_default()
    }

    /// Lets other connections read while this one writes. Returns whether they can.
    pub(super) fn share(&mut self) -> bool {
        if self.journal == Journal::Rollback && enable_write_ahead_log(&self.database).is_ok() {
            self.journal = Journal::WriteAhead;
        }
        self.journal == Journal::WriteAhead && self.unwritable.is_none()
    }

    /// Checkpoints the write-ahead log. A checkpoint during a commit would delay the publication of a story.
    ///
    /// # Errors
    /// If the database can't be written. The log stays valid.
    pub(super) fn checkpoint(&self) -> Result<(), StoreError> {
        let done = self.database.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
        done.map_err(|error| store_error(&self.path, &error))
    }

    /// Empties the write-ahead log, in which deleted texts may still be. Returns whether that was possible.
    pub(super) fn empty_log(&self) -> bool {
        self.journal != Journal::WriteAhead || empty_log(&self.database).unwrap_or(false)
    }

    /// Makes records durable in one transaction.
    ///
    /// # Errors
    /// If the records can't be written. Then none of them was.
    pub fn append<R: Borrow<Record>>(
        &mut self,
        records: impl IntoIterator<Item = R>,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        if self.unwritable.is_some() {
            self.reopen()?;
        }
        let mut records = records.into_iter().peekable();
        if records.peek().is_none() {
            return Ok(());
        }
        let mut write = || -> rusqlite::Result<()> {
            if self.journal == Journal::Rollback {
                enable_write_ahead_log(&self.database)?;
                self.journal = Journal::WriteAhead;
            }
            let transaction = self.database.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let mut is_any_dormant = dormant::is_any(&transaction)?;
            for record in records.by_ref() {
                let record = record.borrow();
                match record {
                    Record::Dormant { path, article } => drop(dormant::put(&transaction, path, article)?),
                    Record::Reactivated { path, .. } => drop(dormant::remove(&transaction, path.as_str())?),
                    record => write_record(&transaction, record, at.as_millisecond())?,
                }
                is_any_dormant |= matches!(record, Record::Dormant { .. });
                for path in record.paths().filter(|_| is_any_dormant) {
                    dormant::remove(&transaction, path.as_str())?;
                }
            }
            let last = last_record(&transaction)?;
            transaction.commit()?;
            if self.journal == Journal::New {
                self.journal = Journal::Rollback;
            }
            self.last = last;
            Ok(())
        };
        write().map_err(|error| store_error(&self.path, &error))
    }
}

#[cfg(test)]
mod tests {
    use super::super::reader::read_ledger;
    use super::*;

    #[test]
    fn checkpoint_empties_log() {
        let folder = tempfile::tempdir().unwrap();
        let seen = |number: usize| {
            let path = ArticlePath::new(&format!("{number}.md"));
            [Record::Seen { path, at: Timestamp::UNIX_EPOCH }]
        };
        let mut store = Store::open(folder.path()).unwrap();
        (0..20).for_each(|number| store.append(seen(number), Timestamp::UNIX_EPOCH).unwrap());
        // The number of articles in the database without its log.
        let checkpointed = || {
            let copy = tempfile::tempdir().unwrap();
            fs::copy(folder.path().join(DATABASE), copy.path().join(DATABASE)).unwrap();
            read_ledger(copy.path()).unwrap().len()
        };
        assert!(checkpointed() < 20);
        store.checkpoint().unwrap();
        assert_eq!(checkpointed(), 20);
        store.append(seen(20), Timestamp::UNIX_EPOCH).unwrap();
        assert_eq!((checkpointed(), read_ledger(folder.path()).unwrap().len()), (20, 21));
    }
}
