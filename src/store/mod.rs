//! The state directory. Ledger records are in one SQLite database with one writer; caches and documents are in files beside it and may
//! be lost.
//!
//! Records of articles are a log, so that `dateline history` can show it. Of documents, only the latest validators are kept.
//!
//! # Which file contains what?
//!
//! - `presence`: sees whether there is a ledger, before SQLite would create one
//! - `opening`: opens a database on a file system that cannot be written
//! - `rows`: encodes and decodes records
//! - `copies`: backup and restore
//! - `compaction`: removes superseded records
//! - `dormant`: finds long-gone articles by fingerprint
//! - `history`: the records of one article
//! - `cache`: metadata of parsed files, for the next start
//! - `renderings`: rendered bodies, for the next start
//! - `documents`: documents that are not in memory
//! - `saved`: the list of published documents

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
pub use documents::{Documents, Elsewhere};
pub use dormant::{WORTH_UNTYING, recollect, untie};
pub use history::history;
use presence::Presence;
pub use renderings::Renderings;
use rows::{Unread, WITH_INSTANTS, replay, replay_awake, write_record};
pub use saved::{Origin, Saved, SavedFile, SavedSources, feed_of};

const DATABASE: &str = "ledger.sqlite";
/// The extension of what undoes a transaction of the database that was not finished.
const UNDO: &str = "sqlite-journal";
const LOCK: &str = "lock";
const LIST: &str = "published.jsonl";
/// What the lock file says from when there were tables: an empty database is a lost one then, and not a new one.
const MADE: &[u8] = b"made\n";
/// What makes the tables of each version out of those of the one before. A version above the last is refused: this program
/// does not know what its records mean.
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
/// The version of the tables where no record was removed yet.
const WHOLE: usize = MIGRATIONS.len();
/// The version of the tables once records were removed (`compaction`), which earlier programs take for damage.
const SCHEMA: usize = WHOLE + 1;
/// How long a record waits for somebody else's lock on the database, and with it what is to be taken from readers meanwhile.
const MAX_LOCK_WAIT: Duration = Duration::from_millis(500);
/// What is wrong with a database that is none of dateline's.
const NO_TABLES: &str = "it has no tables";

/// Why the state cannot be used. Each says what to do about it.
#[derive(Debug)]
pub enum StoreError {
    /// Another process writes it.
    Locked(PathBuf),
    /// It was written by a newer dateline.
    Newer(PathBuf, usize),
    /// What was to be made is there already.
    Exists(PathBuf),
    /// The ledger is missing, and something shows that there was one.
    Missing(PathBuf, PathBuf),
    /// It is damaged.
    Damaged(PathBuf, String),
    /// What was given as a copy of a state is none.
    BadCopy(PathBuf, String),
    /// A copy cannot be read or written.
    CopyIo(PathBuf, String),
    /// There is no state yet.
    Nothing(PathBuf),
    /// It can be used, so that nobody starts over by mistake.
    Usable(PathBuf),
    /// The system refused.
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

/// How the database is kept whole while records are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Journal {
    /// Nothing was written yet. The first records are those of a whole archive, which a log would write twice.
    None,
    /// The first were, without a log.
    Undo,
    /// Others read while this process writes.
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
    /// Why it could not be opened for writing: it can be read.
    unwritable: Option<String>,
    _lock: File,
}

impl Store {
    /// Opens the state of a directory for writing, and makes both if they are not there (0700).
    ///
    /// # Errors
    /// Where another process has it, or it cannot be read or written.
    pub fn open(directory: &Path) -> Result<Store, StoreError> {
        let lock = lock(directory)?;
        let presence = presence::look_for(directory)?;
        Store::open_locked(directory, lock, presence)
    }

    fn open_locked(directory: &Path, mut lock: File, presence: Presence) -> Result<Store, StoreError> {
        let path = directory.join(DATABASE);
        if presence == Presence::There {
            may_read(&path)?;
        }
        let (opened, unwritable) = match connect(directory, &path, presence) {
            Err(error) if presence == Presence::There && is_unwritable(&error) => {
                let why = trouble(&path, &error);
                let unwritten = opening::read_only(&path).and_then(|database| Ok((version(&database)?, database)));
                let (version, database) = unwritten.map_err(|_| trouble(&path, &error))?;
                // Tables of the first version cannot be brought up to date.
                let version = if version == 0 || version >= WITH_INSTANTS { version } else { return Err(why) };
                ((database, version, Journal::WriteAhead), Some(why.to_string()))
            }
            opened => (opened.map_err(|error| trouble(&path, &error))?, None),
        };
        let (database, journal) = match opened {
            (_, version, _) if version > SCHEMA => return Err(StoreError::Newer(path, version)),
            (_, 0, _) => return Err(StoreError::Damaged(path, NO_TABLES.to_owned())),
            (database, _, journal) => (database, journal),
        };
        // Not where it is said already: the disk may be full.
        if !fs::read(directory.join(LOCK)).is_ok_and(|said| said == MADE) {
            lock.write_all(MADE).map_err(|error| StoreError::Io(directory.to_owned(), error.to_string()))?;
        }
        let last = last_record(&database).map_err(|error| trouble(&path, &error))?;
        if let Some(Unread::Damaged(why)) = missing_records(last_noted_record(directory), last) {
            return Err(StoreError::Damaged(path, why));
        }
        Ok(Store { database, path, journal, last, unwritable, _lock: lock })
    }

    /// The number of the last record.
    pub fn last_record(&self) -> i64 {
        self.last
    }

    /// Why nothing can be written, where the state could only be opened for reading.
    pub fn unwritable(&self) -> Option<&str> {
        self.unwritable.as_deref()
    }

    /// Opens a state for writing that could only be read.
    fn reopen(&mut self) -> Result<(), StoreError> {
        let directory = self.path.parent().unwrap_or(Path::new(".")).to_owned();
        // In one process two connections stand in each other's way.
        let trouble = |error: rusqlite::Error| trouble(&self.path, &error);
        self.database = Connection::open_in_memory().map_err(trouble)?;
        let opened = connect(&directory, &self.path, Presence::There);
        match opened {
            Ok((database, WHOLE..=SCHEMA, journal)) => {
                (self.database, self.journal, self.unwritable) = (database, journal, None);
                Ok(())
            }
            Ok(_) => Err(StoreError::Damaged(self.path.clone(), NO_TABLES.to_owned())),
            Err(error) => {
                self.database = opening::read_only(&self.path).map_err(trouble)?;
                Err(trouble(error))
            }
        }
    }

    /// What was published when this state was last in use, as far as it may be shown again: its documents, not in memory.
    pub fn published(&self, config: ContentHash, ledger: &Ledger) -> Option<Saved> {
        let list = fs::read_to_string(self.path.with_file_name(LIST)).ok()?;
        saved::read(&list, config, ledger, |record| self.took_since(record))
    }

    /// Whether anything was taken from readers after a record, or the record is of another state.
    fn took_since(&self, record: i64) -> bool {
        const TAKING: &str =
            "SELECT EXISTS (SELECT 1 FROM record WHERE number > ? AND kind IN ('retracted', 'withdrawn', 'replaced'))";
        record > self.last || self.database.query_row(TAKING, [record], |row| row.get(0)).unwrap_or(true)
    }

    /// Everything that was ever recorded.
    ///
    /// # Errors
    /// Where the state is damaged or cannot be read.
    pub fn ledger(&self) -> Result<Ledger, StoreError> {
        let replayed =
            version(&self.database).map_err(Unread::from).and_then(|version| replay(&self.database, version));
        replayed.map_err(|unread| unusable(&self.path, unread))
    }

    /// The same without dormant articles, of which only fingerprints are there: for who asks [`recollect`] for what he meets again.
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
                // Nothing is lost where that fails: it is found out at every start.
                dormant::clear(&self.database).unwrap_or_default();
                self.ledger()
            }
        }
    }

    /// Makes records durable: all of them or none.
    ///
    /// # Errors
    /// Where they could not be written; nothing of them was.
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
            if self.journal == Journal::Undo {
                write_ahead(&self.database)?;
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
            if self.journal == Journal::None {
                self.journal = Journal::Undo;
            }
            self.last = last;
            Ok(())
        };
        write().map_err(|error| trouble(&self.path, &error))
    }
}

/// Opens the database for writing, and says of which version its tables are.
fn connect(directory: &Path, path: &Path, presence: Presence) -> rusqlite::Result<(Connection, usize, Journal)> {
    let database = Connection::open(path)?;
    database.busy_timeout(MAX_LOCK_WAIT)?;
    // A record is on the disk before a reader sees what depends on it, also if the power fails.
    database.pragma_update(None, "synchronous", "full")?;
    if version(&database)? == 0 {
        let is_lost = presence == Presence::There && presence::trace(directory).is_some();
        let version = if is_lost { 0 } else { migrate(&database)? };
        return Ok((database, version, Journal::None));
    }
    write_ahead(&database)?;
    let version = migrate(&database)?;
    Ok((database, version, Journal::WriteAhead))
}

/// Whether a database cannot be written and may still be read.
fn is_unwritable(error: &rusqlite::Error) -> bool {
    use rusqlite::ErrorCode::{CannotOpen, DiskFull, PermissionDenied, ReadOnly, SystemIoFailure};
    let code = error.sqlite_error_code();
    code.is_some_and(|code| matches!(code, CannotOpen | DiskFull | PermissionDenied | ReadOnly | SystemIoFailure))
}

/// Writes down what is published, for the next start.
///
/// # Errors
/// Where the system refuses.
pub fn note_published(directory: &Path, snapshot: &Snapshot, origin: &Origin) -> io::Result<()> {
    let list = directory.join(LIST);
    let new = list.with_extension("new");
    let written = fs::write(&new, saved::spell(snapshot, origin)).and_then(|()| fs::rename(&new, list));
    written.inspect_err(|_| drop(fs::remove_file(&new)))
}

/// Forgets what is published: the next start shows nothing of it before the articles are known.
///
/// # Errors
/// Where the system refuses.
pub fn forget_published(directory: &Path) -> io::Result<()> {
    match fs::remove_file(directory.join(LIST)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// The last record that the list of published documents takes into account.
fn last_noted_record(directory: &Path) -> Option<i64> {
    let mut head = String::new();
    BufReader::new(File::open(directory.join(LIST)).ok()?).read_line(&mut head).ok()?;
    let head: serde_json::Value = serde_json::from_str(&head).ok()?;
    head.get("record")?.as_i64()
}

/// The damage of a database that has fewer records than the list of published documents: a log beside it that was lost takes the last
/// records with it, and SQLite does not notice.
fn missing_records(noted: Option<i64>, last: i64) -> Option<Unread> {
    let noted = noted.filter(|noted| *noted > last)?;
    Some(rows::missing(last.saturating_add(1), noted))
}

/// What a directory's state says, without writing or locking anything; nothing where there is none.
///
/// # Errors
/// Where the state is damaged, newer or cannot be read.
pub fn peek(directory: &Path) -> Result<Ledger, StoreError> {
    // Read first: a daemon may go on writing, and lists only what the database has.
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

/// The kept files of these versions.
///
/// # Errors
/// As [`peek`].
pub fn kept(directory: &Path, hashes: &[ContentHash]) -> Result<Vec<(ContentHash, Vec<u8>)>, StoreError> {
    let found = look_into(directory, |database, _| {
        let mut statement = database.prepare("SELECT bytes FROM source WHERE hash = ?")?;
        let mut found = Vec::new();
        for hash in hashes {
            let bytes: Option<Vec<u8>> = statement.query_row([hash.as_bytes()], |row| row.get(0)).optional()?;
            // What the disk spoilt is as good as lost.
            found.extend(bytes.filter(|bytes| ContentHash::of(bytes) == *hash).map(|bytes| (*hash, bytes)));
        }
        Ok(found)
    });
    found.map(Option::unwrap_or_default)
}

/// Makes the directory if it is not there, and keeps others from writing it.
fn lock(directory: &Path) -> Result<File, StoreError> {
    let io = |error: io::Error| StoreError::Io(directory.to_owned(), error.to_string());
    make_private(directory).map_err(io)?;
    let path = directory.join(LOCK);
    let opened = File::options().create(true).truncate(false).write(true).open(&path);
    // What cannot be written can be read and locked.
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

/// Reads a state without locking it; `None` where there is none.
fn look_into<T>(
    directory: &Path,
    look: impl FnOnce(&Connection, usize) -> Result<T, Unread>,
) -> Result<Option<T>, StoreError> {
    let path = directory.join(DATABASE);
    if presence::look_for(directory)? == Presence::Never {
        return Ok(None);
    }
    may_read(&path)?;
    let open = || -> rusqlite::Result<(Connection, usize)> {
        // What a killed writer left in the middle can only be read once it is undone, which every reader may do.
        let flags = match fs::exists(path.with_extension(UNDO)) {
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
    let (database, version) = open().or_else(unwritable).map_err(|error| trouble(&path, &error))?;
    if version > SCHEMA {
        return Err(StoreError::Newer(path, version));
    }
    if version == 0 && presence::trace(directory).is_some() {
        return Err(StoreError::Damaged(path, NO_TABLES.to_owned()));
    }
    look(&database, version).map(Some).map_err(|unread| unusable(&path, unread))
}

/// Whether this user may read a database, which SQLite doesn't tell from other reasons. To open and close its file here would release the
/// locks that SQLite has on it in this process.
fn may_read(path: &Path) -> Result<(), StoreError> {
    let allowed = rustix::fs::access(path, rustix::fs::Access::READ_OK);
    allowed.map_err(|error| StoreError::Io(path.to_owned(), io::Error::from(error).to_string()))
}

fn version(database: &Connection) -> rusqlite::Result<usize> {
    let version: i64 = database.pragma_query_value(None, "user_version", |row| row.get(0))?;
    // A negative one is nobody's.
    Ok(usize::try_from(version).unwrap_or(usize::MAX))
}

fn last_record(database: &Connection) -> rusqlite::Result<i64> {
    database.prepare_cached("SELECT coalesce(max(number), 0) FROM record")?.query_row([], |row| row.get(0))
}

fn write_ahead(database: &Connection) -> rusqlite::Result<()> {
    /// So many pages (64 MB) wait in the log before a commit takes them to the database itself: [`tidy`] comes first.
    const MOST_PAGES: i64 = 16_384;
    database.pragma_update(None, "journal_mode", "wal")?;
    database.pragma_update(None, "wal_autocheckpoint", MOST_PAGES)
}

/// Takes what waits in the log to the database, beside the one who writes: a commit that did it would keep a story from readers for
/// as long as the disk needs for all that was written since the last time.
///
/// # Errors
/// Where it cannot be done; the log is as good.
pub fn tidy(directory: &Path) -> Result<(), StoreError> {
    let path = directory.join(DATABASE);
    let work = || -> rusqlite::Result<()> {
        let database = Connection::open_with_flags(&path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        database.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))
    };
    work().map_err(|error| trouble(&path, &error))
}

/// Brings the tables up to date, and says of which version they are then.
fn migrate(database: &Connection) -> rusqlite::Result<usize> {
    let version = version(database)?;
    let missing = MIGRATIONS.get(version..).unwrap_or_default();
    if !missing.is_empty() {
        let tables = missing.concat();
        database.execute_batch(&format!("BEGIN IMMEDIATE; {tables} PRAGMA user_version = {WHOLE}; COMMIT;"))?;
    }
    Ok(version.max(WHOLE))
}

fn unusable(path: &Path, unread: Unread) -> StoreError {
    match unread {
        Unread::Sqlite(error) => trouble(path, &error),
        Unread::Damaged(why) => StoreError::Damaged(path.to_owned(), why),
    }
}

fn trouble(path: &Path, error: &rusqlite::Error) -> StoreError {
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
        // Also what SQLite does not notice: text that is none, a number where bytes should be, tables of other names.
        _ => StoreError::Damaged(path.to_owned(), error.to_string()),
    }
}

/// Nobody but this user looks in: later there are embargoed texts in it.
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
    fn what_waits_in_the_log_is_taken_in_while_others_write() {
        let folder = tempfile::tempdir().unwrap();
        let seen = |number: usize| {
            let path = ArticlePath::new(&format!("{number}.md"));
            [Record::Seen { path, at: Timestamp::UNIX_EPOCH }]
        };
        let mut store = Store::open(folder.path()).unwrap();
        (0..20).for_each(|number| store.append(seen(number), Timestamp::UNIX_EPOCH).unwrap());
        // What the database says without its log.
        let taken_in = || {
            let copy = tempfile::tempdir().unwrap();
            fs::copy(folder.path().join(DATABASE), copy.path().join(DATABASE)).unwrap();
            peek(copy.path()).unwrap().len()
        };
        assert!(taken_in() < 20);
        tidy(folder.path()).unwrap();
        assert_eq!(taken_in(), 20);
        store.append(seen(20), Timestamp::UNIX_EPOCH).unwrap();
        assert_eq!((taken_in(), peek(folder.path()).unwrap().len()), (20, 21));
    }
}
