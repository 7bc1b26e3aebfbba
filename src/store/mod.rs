//! The state directory. Ledger records are in one SQLite database with one writer. Caches and documents are in files beside it and may
//! be lost.
//!
//! Records of articles are a log, which `dateline history` shows. Only the latest validators of each document are stored. The file is
//! long because opening, migrating and writing the ledger share the connection and its errors.
//!
//! # Which file contains what?
//!
//! - `presence`: checks whether there is a ledger, before SQLite creates one
//! - `opening`: opens a database on a file system that can't be written
//! - `rows`: encodes and decodes records
//! - `copies`: backup and restore
//! - `compaction`: removes superseded records
//! - `dormant`: finds long-gone articles by fingerprint
//! - `history`: the records of one article
//! - `cache`: metadata of parsed files, for the next start
//! - `renderings`: rendered bodies, for the next start
//! - `documents`: documents that aren't in memory
//! - `saved`: the list of published documents, for the next start
//!
//! # Why does the lock file have a content?
//!
//! SQLite takes an empty file for a new database. Since the lock file says when tables were created, an empty ledger beside it is
//! recognised as a lost one.

mod cache;
mod compaction;
mod copies;
mod documents;
mod dormant;
mod history;
mod opening;
mod presence;
mod renderings;
mod rows;
mod saved;

use std::borrow::Borrow;
use std::fs::{self, File, TryLockError};
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::{Connection, OpenFlags, OptionalExtension};

use crate::ledger::{Ledger, Record};
use crate::snapshot::Snapshot;
use crate::types::ContentHash;
pub use cache::{Cache, CacheReader, Row};
pub use compaction::compact;
pub use copies::{backup, restore, start_over};
pub use documents::{AlternativePath, Documents};
pub use dormant::{WORTH_UNTYING, recollect, untie};
pub use history::history;
use presence::Presence;
pub use renderings::Renderings;
use rows::{Unread, WITH_INSTANTS, replay, replay_awake, write_record};
pub use saved::{Origin, Saved, SavedFile, SavedSources, feed_of};

const DATABASE: &str = "ledger.sqlite";
/// The extension of SQLite's rollback journal, which undoes an interrupted transaction.
const ROLLBACK_JOURNAL: &str = "sqlite-journal";
const LOCK: &str = "lock";
const PUBLISHED_LIST: &str = "published.jsonl";
/// The content of the lock file once the ledger has tables.
const LEDGER_CREATED: &[u8] = b"made\n";
/// The SQL that creates the tables of each version from those of the previous one. Later versions are refused: this program doesn't know
/// what their records mean.
const MIGRATIONS: [&str; 3] = [
    "
    CREATE TABLE record (
        number INTEGER PRIMARY KEY,
        at     INTEGER NOT NULL,  -- milliseconds since 1970, when it was written down
        kind   TEXT NOT NULL,     -- seen, published, imported, text, moved, withdrawn, retracted, restored ...
        path   TEXT NOT NULL,
        value  TEXT NOT NULL,     -- seen: milliseconds; published, imported: id; moved: the new path
        hash   BLOB               -- published, hidden: of the file's bytes
    ) STRICT;
    CREATE TABLE document (
        route         TEXT PRIMARY KEY,
        hash          BLOB NOT NULL,
        last_modified INTEGER NOT NULL  -- milliseconds since 1970
    ) STRICT, WITHOUT ROWID;
    ",
    "
    ALTER TABLE record ADD COLUMN instant INTEGER;  -- published: its date; text: the last change; retracted: since when
    CREATE TABLE feed (
        route   TEXT PRIMARY KEY,
        updated INTEGER NOT NULL  -- milliseconds since 1970
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE source (         -- the files of the entries that readers see
        hash  BLOB PRIMARY KEY,
        path  TEXT NOT NULL,
        bytes BLOB NOT NULL
    ) STRICT;
    ",
    "
    ALTER TABLE record ADD COLUMN seal INTEGER;  -- hashes of the path and of the row, which tell damage; none of older records
    ",
];
/// The version of a ledger with all records.
const UNCOMPACTED_SCHEMA: usize = MIGRATIONS.len();
/// The version of a ledger from which records were removed (`compaction`). Earlier programs would take it for damaged.
const SCHEMA: usize = UNCOMPACTED_SCHEMA + 1;
/// The time that a write waits for another process's lock on the database. A retraction waits with it.
const MAX_LOCK_WAIT: Duration = Duration::from_millis(500);
/// The error message for a database that isn't dateline's.
const NO_TABLES: &str = "it has no tables";

/// The reason why the state can't be used. The messages say what to do about it.
#[derive(Debug)]
pub enum StoreError {
    /// Another process has locked the state.
    Locked(PathBuf),
    /// A newer dateline wrote the state. Contains the version of its tables.
    Newer(PathBuf, usize),
    /// The file to create exists.
    Exists(PathBuf),
    /// The ledger is missing, and another file shows that there was one.
    Missing(PathBuf, PathBuf),
    /// The ledger is damaged.
    Damaged(PathBuf, String),
    /// The file to restore isn't a copy of a state.
    BadCopy(PathBuf, String),
    /// A copy can't be read or written.
    CopyIo(PathBuf, String),
    /// There is no state yet.
    Nothing(PathBuf),
    /// The ledger is usable, so `--new-state` is refused.
    Usable(PathBuf),
    /// The operating system returned an error.
    Io(PathBuf, String),
}

impl std::fmt::Display for StoreError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            StoreError::Locked(path) => write!(
                f,
                "another dateline uses the state in `{}`: stop it, or give this one a `state.directory` of its own",
                path.display()
            ),
            StoreError::Newer(path, version) => write!(
                f,
                "`{}` was written by a newer dateline (its tables are version {version}, this one knows {SCHEMA}): use that one",
                path.display()
            ),
            StoreError::Exists(path) => write!(f, "`{}` is there already", path.display()),
            StoreError::Missing(path, trace) => write!(
                f,
                "`{}` is missing, and `{}` shows that there was one. Without it, articles get other dates and ids, and retracted \
                 ones are public again. Put a backup in its place (`dateline backup --restore FILE`), or start over knowingly \
                 (`dateline serve --new-state`, or `dateline build --new-state`)",
                path.display(),
                trace.display()
            ),
            StoreError::Damaged(path, why) => write!(
                f,
                "`{}` is damaged ({why}): put a backup in its place (`dateline backup --restore FILE`), or move it away and start \
                 over (`dateline serve --new-state` and `dateline build --new-state` do both); explicit ids and dates then still give the same documents",
                path.display()
            ),
            StoreError::BadCopy(path, why) => {
                write!(
                    f,
                    "`{}` is not a copy of a state that can be used ({why}): give another one; nothing was changed",
                    path.display()
                )
            }
            StoreError::CopyIo(path, why) => write!(f, "cannot use `{}`: {why}", path.display()),
            StoreError::Nothing(path) => {
                write!(f, "there is no state in `{}` yet, so there is nothing to copy", path.display())
            }
            StoreError::Usable(path) => write!(
                f,
                "`{}` can be read, so dateline does not start over: leave `--new-state` out. To give up its ids and dates all the \
                 same, move the state directory away",
                path.display()
            ),
            StoreError::Io(path, why) => {
                let cure = match why.contains("Permission denied") {
                    true => "see whether this user may write there, or run this as the user that dateline runs as",
                    false => "see whether the disk is full and whether this user may write there",
                };
                write!(f, "cannot use the state in `{}`: {why}; {cure}", path.display())
            }
        }
    }
}

impl std::error::Error for StoreError {}

/// The journal mode of the database.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Journal {
    /// The database is new. The first records may be those of a whole archive, which a write-ahead log would write twice.
    New,
    /// The first records were written with a rollback journal.
    Rollback,
    /// Other processes can read while this one writes.
    WriteAhead,
}

/// The open state, locked against other writers.
#[derive(Debug)]
pub struct Store {
    database: Connection,
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

    fn open_locked(directory: &Path, mut lock: File, presence: Presence) -> Result<Store, StoreError> {
        let path = directory.join(DATABASE);
        if presence == Presence::There {
            may_read(&path)?;
        }
        let (opened, unwritable) = match connect(directory, &path, presence) {
            Err(error) if presence == Presence::There && is_unwritable(&error) => {
                let why = store_error(&path, &error);
                let unwritten = opening::read_only(&path).and_then(|database| Ok((version(&database)?, database)));
                let (version, database) = unwritten.map_err(|_| store_error(&path, &error))?;
                // A ledger of the first version can't be used without migration.
                let version = if version == 0 || version >= WITH_INSTANTS { version } else { return Err(why) };
                ((database, version, Journal::WriteAhead), Some(why.to_string()))
            }
            opened => (opened.map_err(|error| store_error(&path, &error))?, None),
        };
        let (database, journal) = match opened {
            (_, version, _) if version > SCHEMA => return Err(StoreError::Newer(path, version)),
            (_, 0, _) => return Err(StoreError::Damaged(path, NO_TABLES.to_owned())),
            (database, _, journal) => (database, journal),
        };
        // A full disk is no problem if the lock file has its content already.
        if !fs::read(directory.join(LOCK)).is_ok_and(|content| content == LEDGER_CREATED) {
            lock.write_all(LEDGER_CREATED).map_err(|error| StoreError::Io(directory.to_owned(), error.to_string()))?;
        }
        let last = last_record(&database).map_err(|error| store_error(&path, &error))?;
        if let Some(Unread::Damaged(why)) = missing_records(last_noted_record(directory), last) {
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
        self.database = Connection::open_in_memory().map_err(store_error)?;
        let opened = connect(&directory, &self.path, Presence::There);
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

    /// Returns the documents that were published last, if they may be served again. Their bytes aren't in memory.
    pub fn published(&self, config: ContentHash, ledger: &Ledger) -> Option<Saved> {
        let list = fs::read_to_string(self.path.with_file_name(PUBLISHED_LIST)).ok()?;
        saved::read(&list, config, ledger, |record| self.has_withdrawal_after(record))
    }

    /// Whether an article was withdrawn after a record, or the record belongs to another state.
    fn has_withdrawal_after(&self, record: i64) -> bool {
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
            version(&self.database).map_err(Unread::from).and_then(|version| replay(&self.database, version));
        replayed.map_err(|unread| unusable(&self.path, unread))
    }

    /// Reads the ledger without dormant articles, of which it has only fingerprints. [`recollect`] finds these articles.
    ///
    /// # Errors
    /// As [`Store::ledger`].
    pub fn awake_ledger(&self) -> Result<Ledger, StoreError> {
        let awake = version(&self.database)
            .map_err(Unread::from)
            .and_then(|version| replay_awake(&self.database, version))
            .map_err(|unread| unusable(&self.path, unread))?;
        match awake {
            Some(ledger) => Ok(ledger),
            None => {
                // If this fails, the next start tries again.
                dormant::clear(&self.database).unwrap_or_default();
                self.ledger()
            }
        }
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
            let transaction = self.database.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
            let mut is_any_dormant = dormant::is_any(&transaction)?;
            for record in records.by_ref() {
                let record = record.borrow();
                write_record(&transaction, record, at.as_millisecond())?;
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

/// Opens the database for writing and migrates it. Returns the version of its tables, which is 0 if a lost ledger left an empty file.
fn connect(directory: &Path, path: &Path, presence: Presence) -> rusqlite::Result<(Connection, usize, Journal)> {
    let database = Connection::open(path)?;
    database.busy_timeout(MAX_LOCK_WAIT)?;
    // Records must survive a power failure, because readers see documents that depend on them.
    database.pragma_update(None, "synchronous", "full")?;
    if version(&database)? == 0 {
        let is_lost = presence == Presence::There && presence::trace(directory).is_some();
        let version = if is_lost { 0 } else { migrate(&database)? };
        return Ok((database, version, Journal::New));
    }
    enable_write_ahead_log(&database)?;
    let version = migrate(&database)?;
    Ok((database, version, Journal::WriteAhead))
}

/// Whether an error means that a database can't be written, but may be read.
fn is_unwritable(error: &rusqlite::Error) -> bool {
    use rusqlite::ErrorCode::{CannotOpen, DiskFull, PermissionDenied, ReadOnly, SystemIoFailure};
    let code = error.sqlite_error_code();
    code.is_some_and(|code| matches!(code, CannotOpen | DiskFull | PermissionDenied | ReadOnly | SystemIoFailure))
}

/// Saves the list of published documents for the next start.
///
/// # Errors
/// If the file can't be written.
pub fn save_published_list(directory: &Path, snapshot: &Snapshot, origin: &Origin) -> io::Result<()> {
    let list = directory.join(PUBLISHED_LIST);
    let new = list.with_extension("new");
    let written = fs::write(&new, saved::encode(snapshot, origin)).and_then(|()| fs::rename(&new, list));
    written.inspect_err(|_| drop(fs::remove_file(&new)))
}

/// Removes the list of published documents, so that the next start serves nothing before its first publication.
///
/// # Errors
/// If the file can't be removed.
pub fn remove_published_list(directory: &Path) -> io::Result<()> {
    match fs::remove_file(directory.join(PUBLISHED_LIST)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Returns the number of the last record that the list of published documents takes into account.
fn last_noted_record(directory: &Path) -> Option<i64> {
    let mut head = String::new();
    BufReader::new(File::open(directory.join(PUBLISHED_LIST)).ok()?).read_line(&mut head).ok()?;
    let head: serde_json::Value = serde_json::from_str(&head).ok()?;
    head.get("record")?.as_i64()
}

/// Returns an error if the database has fewer records than the list of published documents. The last records are lost together with
/// a write-ahead log, which SQLite doesn't notice.
fn missing_records(noted: Option<i64>, last: i64) -> Option<Unread> {
    let noted = noted.filter(|noted| *noted > last)?;
    Some(rows::missing(last.saturating_add(1), noted))
}

/// Reads the whole ledger of a directory without writing or locking anything. The ledger is empty if there is no state.
///
/// # Errors
/// If the state is damaged, newer or can't be read.
pub fn read_ledger(directory: &Path) -> Result<Ledger, StoreError> {
    // The list is read before the database, because a daemon may be writing: the list never has records that the database lacks.
    let noted = last_noted_record(directory);
    look_into(directory, |database, version| match version {
        0 => Ok(Ledger::default()),
        _ => match missing_records(noted, last_record(database)?) {
            Some(unread) => Err(unread),
            None => replay(database, version),
        },
    })
    .map(Option::unwrap_or_default)
}

/// Returns the stored files with these hashes. Damaged ones are left out.
///
/// # Errors
/// As [`read_ledger`].
pub fn load_sources(directory: &Path, hashes: &[ContentHash]) -> Result<Vec<(ContentHash, Vec<u8>)>, StoreError> {
    let found = look_into(directory, |database, _| {
        let mut statement = database.prepare("SELECT bytes FROM source WHERE hash = ?")?;
        let mut found = Vec::new();
        for hash in hashes {
            let bytes: Option<Vec<u8>> = statement.query_row([hash.as_bytes()], |row| row.get(0)).optional()?;
            found.extend(bytes.filter(|bytes| ContentHash::of(bytes) == *hash).map(|bytes| (*hash, bytes)));
        }
        Ok(found)
    });
    found.map(Option::unwrap_or_default)
}

/// Creates the directory if it is missing, and locks the state against other writers.
fn lock(directory: &Path) -> Result<File, StoreError> {
    let io = |error: io::Error| StoreError::Io(directory.to_owned(), error.to_string());
    make_private(directory).map_err(io)?;
    let path = directory.join(LOCK);
    let opened = File::options().create(true).truncate(false).write(true).open(&path);
    // A file can be locked on a read-only file system, too.
    let opened = opened.or_else(|error| match error.kind() {
        io::ErrorKind::ReadOnlyFilesystem => File::open(&path).map_err(|_| error),
        _ => Err(error),
    });
    let lock = opened.map_err(io)?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(StoreError::Locked(directory.to_owned())),
        Err(TryLockError::Error(error)) => Err(io(error)),
    }
}

/// Reads a state without locking it. `None` if there is none. `look` gets the version of the tables.
fn look_into<T>(
    directory: &Path,
    look: impl FnOnce(&Connection, usize) -> Result<T, Unread>,
) -> Result<Option<T>, StoreError> {
    let path = directory.join(DATABASE);
    if presence::find_ledger(directory)? == Presence::Never {
        return Ok(None);
    }
    may_read(&path)?;
    let open = || -> rusqlite::Result<(Connection, usize)> {
        // SQLite undoes the transaction of a killed writer before it reads, and needs to write for that.
        let flags = match fs::exists(path.with_extension(ROLLBACK_JOURNAL)) {
            Ok(true) => OpenFlags::SQLITE_OPEN_READ_WRITE,
            _ => OpenFlags::SQLITE_OPEN_READ_ONLY,
        };
        let database = Connection::open_with_flags(&path, flags)?;
        database.busy_timeout(Duration::from_secs(5))?;
        let version = version(&database)?;
        Ok((database, version))
    };
    let unwritable = |error| match is_unwritable(&error) {
        true => opening::read_only(&path).and_then(|database| version(&database).map(|version| (database, version))),
        false => Err(error),
    };
    let (database, version) = open().or_else(unwritable).map_err(|error| store_error(&path, &error))?;
    if version > SCHEMA {
        return Err(StoreError::Newer(path, version));
    }
    if version == 0 && presence::trace(directory).is_some() {
        return Err(StoreError::Damaged(path, NO_TABLES.to_owned()));
    }
    look(&database, version).map(Some).map_err(|unread| unusable(&path, unread))
}

/// Returns an error if this user may not read a database, for which SQLite has no error of its own. `access(2)` is used because opening and
/// closing the file would release SQLite's locks on it (`fcntl(2)`).
fn may_read(path: &Path) -> Result<(), StoreError> {
    let allowed = rustix::fs::access(path, rustix::fs::Access::READ_OK);
    allowed.map_err(|error| StoreError::Io(path.to_owned(), io::Error::from(error).to_string()))
}

fn version(database: &Connection) -> rusqlite::Result<usize> {
    let version: i64 = database.pragma_query_value(None, "user_version", |row| row.get(0))?;
    // A negative version isn't dateline's.
    Ok(usize::try_from(version).unwrap_or(usize::MAX))
}

fn last_record(database: &Connection) -> rusqlite::Result<i64> {
    database.prepare_cached("SELECT coalesce(max(number), 0) FROM record")?.query_row([], |row| row.get(0))
}

fn enable_write_ahead_log(database: &Connection) -> rusqlite::Result<()> {
    /// A commit checkpoints the log when it has this many pages (64 MB). Usually [`checkpoint`] comes first.
    const AUTO_CHECKPOINT_PAGES: i64 = 16_384;
    database.pragma_update(None, "journal_mode", "wal")?;
    database.pragma_update(None, "wal_autocheckpoint", AUTO_CHECKPOINT_PAGES)
}

/// Checkpoints the write-ahead log through a second connection, while the writer continues. A checkpoint during a commit would delay the
/// publication of a story.
///
/// # Errors
/// If the database can't be opened or written. The log stays valid.
pub fn checkpoint(directory: &Path) -> Result<(), StoreError> {
    let path = directory.join(DATABASE);
    let work = || -> rusqlite::Result<()> {
        let database = Connection::open_with_flags(&path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        database.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))
    };
    work().map_err(|error| store_error(&path, &error))
}

/// Migrates the tables, and returns their new version.
fn migrate(database: &Connection) -> rusqlite::Result<usize> {
    let version = version(database)?;
    let missing = MIGRATIONS.get(version..).unwrap_or_default();
    if !missing.is_empty() {
        let tables = missing.concat();
        database
            .execute_batch(&format!("BEGIN IMMEDIATE; {tables} PRAGMA user_version = {UNCOMPACTED_SCHEMA}; COMMIT;"))?;
    }
    Ok(version.max(UNCOMPACTED_SCHEMA))
}

fn unusable(path: &Path, unread: Unread) -> StoreError {
    match unread {
        Unread::Sqlite(error) => store_error(path, &error),
        Unread::Damaged(why) => StoreError::Damaged(path.to_owned(), why),
    }
}

fn store_error(path: &Path, error: &rusqlite::Error) -> StoreError {
    use rusqlite::ErrorCode::{
        CannotOpen, DatabaseBusy, DatabaseLocked, DiskFull, FileLockingProtocolFailed, OperationInterrupted,
        OutOfMemory, PermissionDenied, ReadOnly, SystemIoFailure,
    };
    match error.sqlite_error_code() {
        Some(
            CannotOpen
            | DatabaseBusy
            | DatabaseLocked
            | DiskFull
            | FileLockingProtocolFailed
            | OperationInterrupted
            | OutOfMemory
            | PermissionDenied
            | ReadOnly
            | SystemIoFailure,
        ) => StoreError::Io(path.to_owned(), error.to_string()),
        // These include errors of conversion: invalid UTF-8, a number instead of bytes, or missing tables.
        _ => StoreError::Damaged(path.to_owned(), error.to_string()),
    }
}

/// Creates a directory that only this user can read, since it will contain embargoed texts.
fn make_private(directory: &Path) -> io::Result<()> {
    match fs::metadata(directory) {
        #[cfg(unix)]
        Ok(found) if found.is_dir() => {
            use std::os::unix::fs::PermissionsExt;
            return match found.permissions().mode() & 0o077 {
                0 => Ok(()),
                _ => fs::set_permissions(directory, fs::Permissions::from_mode(0o700)),
            };
        }
        Ok(_) => return Err(io::Error::other("a file is where the directory should be")),
        Err(_) => {}
    }
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(directory)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::ArticlePath;

    #[test]
    fn log_is_checkpointed_beside_open_writer() {
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
        checkpoint(folder.path()).unwrap();
        assert_eq!(checkpointed(), 20);
        store.append(seen(20), Timestamp::UNIX_EPOCH).unwrap();
        assert_eq!((checkpointed(), read_ledger(folder.path()).unwrap().len()), (20, 21));
    }
}
