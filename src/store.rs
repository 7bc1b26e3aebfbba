//! The state directory: the durable records behind [`crate::ledger`], in one SQLite file, with one writer.
//!
//! Articles' records are a log, so that their history can be told; of documents only the last validators are kept.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::backup::Backup;
use rusqlite::{Connection, OpenFlags, OptionalExtension, Row, params};
use serde::{Deserialize, Serialize};

use crate::ledger::{Ledger, Record, Retraction, TextPrint, Withdrawal};
use crate::types::{ArticlePath, ContentHash, EntryId, Text};

const DATABASE: &str = "ledger.sqlite";
const LOCK: &str = "lock";
/// What the lock file says from when there were tables: an empty database is a lost one then, and not a new one.
const MADE: &[u8] = b"made\n";
/// What makes the tables of each version out of those of the one before. A version above the last is refused: this program
/// does not know what its records mean.
const MIGRATIONS: [&str; 2] = [
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
];
const SCHEMA: usize = MIGRATIONS.len();

/// Why the state cannot be used. Each says what to do about it.
#[derive(Debug)]
pub enum Trouble {
    /// Another process writes it.
    Locked(PathBuf),
    /// It was written by a newer dateline.
    Newer(PathBuf, usize),
    /// What was to be made is there already.
    Exists(PathBuf),
    /// It is damaged.
    Damaged(PathBuf, String),
    /// The system refused.
    Io(PathBuf, String),
}

impl std::fmt::Display for Trouble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Trouble::Locked(path) => write!(
                f,
                "another dateline uses the state in `{}`: stop it, or give this one a `state.directory` of its own",
                path.display()
            ),
            Trouble::Newer(path, version) => write!(
                f,
                "`{}` was written by a newer dateline (its tables are version {version}, this one knows {SCHEMA}): use that one",
                path.display()
            ),
            Trouble::Exists(path) => write!(f, "`{}` is there already", path.display()),
            Trouble::Damaged(path, why) => write!(
                f,
                "`{}` is damaged ({why}): put a backup in its place (`dateline backup --restore FILE`), or move it away; \
                 explicit ids and dates then still give the same documents",
                path.display()
            ),
            Trouble::Io(path, why) => write!(
                f,
                "cannot use the state in `{}`: {why}; see whether the disk is full and whether this user may write there",
                path.display()
            ),
        }
    }
}

impl std::error::Error for Trouble {}

/// The open state, locked against other writers.
#[derive(Debug)]
pub struct Store {
    database: Connection,
    path: PathBuf,
    _lock: File,
}

impl Store {
    /// Opens the state of a directory for writing, and makes both if they are not there (0700).
    ///
    /// # Errors
    /// Where another process has it, or it cannot be read or written.
    pub fn open(directory: &Path) -> Result<Store, Trouble> {
        let path = directory.join(DATABASE);
        let mut lock = lock(directory)?;
        refuse_cut(directory)?;
        let database = Connection::open(&path).map_err(|error| trouble(&path, &error))?;
        let prepare = || -> rusqlite::Result<usize> {
            database.busy_timeout(Duration::from_secs(5))?;
            database.pragma_update(None, "journal_mode", "wal")?;
            // A record is on the disk before a reader sees what depends on it, also if the power fails.
            database.pragma_update(None, "synchronous", "full")?;
            migrate(&database)
        };
        match prepare().map_err(|error| trouble(&path, &error))? {
            version if version > SCHEMA => return Err(Trouble::Newer(path, version)),
            _ => {}
        }
        lock.write_all(MADE).map_err(|error| Trouble::Io(directory.to_owned(), error.to_string()))?;
        Ok(Store { database, path, _lock: lock })
    }

    /// Everything that was ever recorded.
    ///
    /// # Errors
    /// Where the state is damaged or cannot be read.
    pub fn ledger(&self) -> Result<Ledger, Trouble> {
        replay(&self.database, SCHEMA).map_err(|error| trouble(&self.path, &error))
    }

    /// Makes records durable: all of them or none.
    ///
    /// # Errors
    /// Where they could not be written; nothing of them was.
    pub fn append(&mut self, records: &[Record], at: Timestamp) -> Result<(), Trouble> {
        let mut write = || -> rusqlite::Result<()> {
            let transaction = self.database.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
            records.iter().try_for_each(|record| write_record(&transaction, record, at.as_millisecond()))?;
            transaction.commit()
        };
        write().map_err(|error| trouble(&self.path, &error))
    }
}

fn write_record(database: &Connection, record: &Record, now: i64) -> rusqlite::Result<()> {
    // kind, path, value, hash, instant
    let log = |kind: &str, path: &ArticlePath, value: &str, hash: Option<&ContentHash>, instant: Option<Timestamp>| {
        database
            .prepare_cached("INSERT INTO record (at, kind, path, value, hash, instant) VALUES (?, ?, ?, ?, ?, ?)")?
            .execute(params![
                now,
                kind,
                path.as_str(),
                value,
                hash.map(ContentHash::as_bytes),
                instant.map(Timestamp::as_millisecond)
            ])
    };
    match record {
        Record::Seen { path, at } => log("seen", path, &at.as_millisecond().to_string(), None, None),
        Record::Published { path, id, hash, date } => log("published", path, id.as_str(), Some(hash), Some(*date)),
        Record::Imported { path, id } => log("imported", path, id.as_str(), None, None),
        Record::Text { path, print, changed } => {
            log("text", path, &print.version.to_string(), Some(&print.hash), *changed)
        }
        Record::Moved { from, to } => log("moved", from, to.as_str(), None, None),
        Record::Retracted { path, retraction } => {
            log("retracted", path, &StoredRetraction::text(retraction), None, Some(retraction.at))
        }
        Record::Hidden { path, hash } => log("hidden", path, "", Some(hash), None),
        Record::Restored { path } => log("restored", path, "", None, None),
        Record::Withdrawn { path, feeds } => {
            let feeds: Vec<&str> = feeds.iter().map(|feed| &**feed).collect();
            log("withdrawn", path, &serde_json::to_string(&feeds).unwrap_or_default(), None, None)
        }
        Record::Lost { path } => log("lost", path, "", None, None),
        Record::Found { path } => log("found", path, "", None, None),
        // Of no file any more; the id stands where others have their path.
        Record::Replaced { id, retraction } => {
            let id = ArticlePath::new(id.as_str());
            log("replaced", &id, &StoredRetraction::text(retraction), None, Some(retraction.at))
        }
        Record::Kept { hash, path, bytes } => database
            .prepare_cached("INSERT OR REPLACE INTO source (hash, path, bytes) VALUES (?, ?, ?)")?
            .execute(params![hash.as_bytes(), path.as_str(), &**bytes]),
        Record::Dropped { hash } => {
            database.prepare_cached("DELETE FROM source WHERE hash = ?")?.execute(params![hash.as_bytes()])
        }
        Record::Feed { route, updated } => database
            .prepare_cached("INSERT OR REPLACE INTO feed (route, updated) VALUES (?, ?)")?
            .execute(params![&**route, updated.as_millisecond()]),
        Record::Document { route, hash, last_modified } => database
            .prepare_cached("INSERT OR REPLACE INTO document (route, hash, last_modified) VALUES (?, ?, ?)")?
            .execute(params![&**route, hash.as_bytes(), last_modified.as_millisecond()]),
    }
    .map(|_| ())
}

/// What a record of a retraction says besides its instant.
#[derive(Serialize, Deserialize)]
struct StoredRetraction {
    by: String,
    reason: Option<String>,
    feeds: Vec<String>,
}

const WITHDRAWALS: [(Withdrawal, &str); 3] =
    [(Withdrawal::Deleted, "deleted"), (Withdrawal::Status, "status"), (Withdrawal::Command, "command")];

impl StoredRetraction {
    fn text(retraction: &Retraction) -> String {
        let by = WITHDRAWALS.into_iter().find(|(by, _)| *by == retraction.by).map_or("", |(_, name)| name);
        let stored = StoredRetraction {
            by: by.to_owned(),
            reason: retraction.reason.as_ref().map(ToString::to_string),
            feeds: retraction.feeds.iter().map(ToString::to_string).collect(),
        };
        serde_json::to_string(&stored).unwrap_or_default()
    }

    fn read(text: &str, at: Timestamp) -> Option<Retraction> {
        let stored: StoredRetraction = serde_json::from_str(text).ok()?;
        Some(Retraction {
            at,
            reason: stored.reason.map(|reason| Text::line(&reason)),
            by: WITHDRAWALS.into_iter().find(|(_, name)| *name == stored.by)?.0,
            feeds: stored.feeds.into_iter().map(Arc::from).collect(),
        })
    }
}

/// What a directory's state says, without writing or locking anything; nothing where there is none.
///
/// # Errors
/// Where the state is damaged, newer or cannot be read.
pub fn peek(directory: &Path) -> Result<Ledger, Trouble> {
    look_into(directory, |database, version| match version {
        0 => Ok(Ledger::default()),
        _ => replay(database, version),
    })
    .map(Option::unwrap_or_default)
}

/// The kept files of these versions.
///
/// # Errors
/// As [`peek`].
pub fn kept(directory: &Path, hashes: &[ContentHash]) -> Result<Vec<(ContentHash, Vec<u8>)>, Trouble> {
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

/// Everything that was ever recorded of the article in a file, oldest first, through all its moves: when it was written down,
/// the file's path then, and the record.
///
/// # Errors
/// As [`peek`].
pub fn history(directory: &Path, path: &ArticlePath) -> Result<Vec<(Timestamp, Record)>, Trouble> {
    let told = look_into(directory, |database, version| {
        if version < SCHEMA {
            return Ok(Vec::new());
        }
        // Backwards, since a file is known by the path that it has now.
        let mut told = Vec::new();
        let mut path = path.clone();
        let mut before = i64::MAX;
        loop {
            let mut numbered =
                database.prepare_cached("SELECT number FROM record WHERE kind = 'moved' AND value = ?1 AND number < ?2 ORDER BY number DESC LIMIT 1")?;
            let arrived: Option<i64> =
                numbered.query_row(params![path.as_str(), before], |row| row.get(0)).optional()?;
            let mut rows = database.prepare_cached(
                "SELECT number, at, kind, path, value, hash, instant FROM record
                 WHERE path = ?1 AND number < ?2 AND number > ?3 ORDER BY number DESC",
            )?;
            // What was at this path before is another article, if that one left before this one came.
            let mut left = database
                .prepare_cached("SELECT max(number) FROM record WHERE kind = 'moved' AND path = ?1 AND number < ?2")?;
            let left: Option<i64> = left.query_row(params![path.as_str(), before], |row| row.get(0))?;
            let since = arrived.max(left).unwrap_or(0);
            let mut rows = rows.query(params![path.as_str(), before, since])?;
            while let Some(row) = rows.next()? {
                let at: i64 = row.get(1)?;
                told.extend(read_record(row, 2)?.zip(instant(at)).map(|(record, at)| (at, record)));
            }
            let Some(arrived) = arrived.filter(|arrived| left.is_none_or(|left| *arrived > left)) else { break };
            let moved: (i64, String) =
                database.query_row("SELECT at, path FROM record WHERE number = ?", [arrived], |row| {
                    Ok((row.get(0)?, row.get(1)?))
                })?;
            let from = ArticlePath::new(&moved.1);
            told.extend(instant(moved.0).map(|at| (at, Record::Moved { from: from.clone(), to: path.clone() })));
            path = from;
            before = arrived;
        }
        told.reverse();
        Ok(told)
    });
    told.map(Option::unwrap_or_default)
}

/// Copies the state to a file while it may be in use, as one consistent whole (SQLite's online backup). Only this user can read
/// it, since texts are in it.
///
/// # Errors
/// Where the file is there, there is no state, or either cannot be used.
pub fn backup(directory: &Path, to: &Path) -> Result<(), Trouble> {
    let io = |error: io::Error| Trouble::Io(to.to_owned(), error.to_string());
    if to.exists() {
        return Err(Trouble::Exists(to.to_owned()));
    }
    let name = to.file_name().unwrap_or_default().to_string_lossy();
    let partial = to.with_file_name(format!(".{name}.{}", std::process::id()));
    private_file(&partial).map_err(io)?;
    let copied = look_into(directory, |database, _| {
        let mut copy = Connection::open(&partial)?;
        Backup::new(database, &mut copy)?.run_to_completion(1_000, Duration::ZERO, None)
    });
    let named = copied.and_then(|copied| match copied {
        // A hard link does not overwrite what came meanwhile.
        Some(()) => fs::hard_link(&partial, to)
            .or_else(|error| match error.kind() {
                io::ErrorKind::AlreadyExists => Err(error),
                // Not every file system has them.
                _ => fs::rename(&partial, to),
            })
            .map_err(io),
        None => Err(Trouble::Io(directory.to_owned(), "there is no state yet".to_owned())),
    });
    drop(fs::remove_file(&partial));
    named
}

/// Puts a copy in the place of the state. Says where the state is now that was there.
///
/// # Errors
/// Where the copy is none, a daemon has the state, or the system refuses.
pub fn restore(directory: &Path, copy: &Path) -> Result<Option<PathBuf>, Trouble> {
    let io = |error: io::Error| Trouble::Io(directory.to_owned(), error.to_string());
    let _lock = lock(directory)?;
    // It is looked at before anything is changed.
    let bytes = fs::read(copy).map_err(|error| Trouble::Io(copy.to_owned(), error.to_string()))?;
    let database = Connection::open_with_flags(copy, OpenFlags::SQLITE_OPEN_READ_ONLY);
    let looked = database.and_then(|database| {
        let version = version(&database)?;
        replay(&database, version.min(SCHEMA)).map(|_| version)
    });
    match looked.map_err(|error| trouble(copy, &error))? {
        version if version > SCHEMA => return Err(Trouble::Newer(copy.to_owned(), version)),
        0 => return Err(Trouble::Damaged(copy.to_owned(), "it has no tables".to_owned())),
        _ => {}
    }
    let fresh = directory.join("ledger.sqlite.new");
    drop(fs::remove_file(&fresh));
    private_file(&fresh).and_then(|()| fs::write(&fresh, bytes)).map_err(io)?;
    File::open(&fresh).and_then(|file| file.sync_all()).map_err(io)?;
    let path = directory.join(DATABASE);
    let kept = path.exists().then(|| directory.join("ledger.sqlite.before"));
    if let Some(kept) = &kept {
        // Its write-ahead log goes with it: beside another database it would spoil that.
        for suffix in ["", "-wal", "-shm"] {
            let (from, to) = (with_suffix(&path, suffix), with_suffix(kept, suffix));
            drop(fs::remove_file(&to));
            match fs::rename(&from, &to) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(io(error)),
                _ => {}
            }
        }
    }
    fs::rename(&fresh, &path).map_err(io)?;
    Ok(kept)
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// A new file that only this user can read.
fn private_file(path: &Path) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(|_| ())
}

/// Makes the directory if it is not there, and keeps others from writing it.
fn lock(directory: &Path) -> Result<File, Trouble> {
    let io = |error: io::Error| Trouble::Io(directory.to_owned(), error.to_string());
    make_private(directory).map_err(io)?;
    let lock = File::options().create(true).truncate(false).write(true).open(directory.join(LOCK)).map_err(io)?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(Trouble::Locked(directory.to_owned())),
        Err(TryLockError::Error(error)) => Err(io(error)),
    }
}

/// Reads a state without locking it; `None` where there is none.
fn look_into<T>(
    directory: &Path,
    look: impl FnOnce(&Connection, usize) -> rusqlite::Result<T>,
) -> Result<Option<T>, Trouble> {
    let path = directory.join(DATABASE);
    if !path.exists() {
        return Ok(None);
    }
    refuse_cut(directory)?;
    let open = || -> rusqlite::Result<(Connection, usize)> {
        let database = Connection::open_with_flags(&path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        database.busy_timeout(Duration::from_secs(5))?;
        let version = version(&database)?;
        Ok((database, version))
    };
    let (database, version) = open().map_err(|error| trouble(&path, &error))?;
    if version > SCHEMA {
        return Err(Trouble::Newer(path, version));
    }
    look(&database, version).map(Some).map_err(|error| trouble(&path, &error))
}

/// To SQLite an empty file is a new database, and a cut one has zeros at its end. Where nothing waits in the log beside it, one that
/// had tables is not empty, and its length is that of whole pages.
fn refuse_cut(directory: &Path) -> Result<(), Trouble> {
    /// Every page is some of these long.
    const SMALLEST_PAGE: u64 = 512;
    let path = directory.join(DATABASE);
    let length = |file: &Path| fs::metadata(file).map(|metadata| metadata.len());
    let Ok(found) = length(&path) else { return Ok(()) };
    let logged = length(&path.with_extension("sqlite-wal")).unwrap_or_default();
    let lost = found == 0 && fs::read(directory.join(LOCK)).is_ok_and(|said| said == MADE);
    match logged == 0 && (lost || found % SMALLEST_PAGE != 0) {
        true => Err(Trouble::Damaged(path, format!("it was truncated to {found} bytes"))),
        false => Ok(()),
    }
}

fn version(database: &Connection) -> rusqlite::Result<usize> {
    let version: i64 = database.pragma_query_value(None, "user_version", |row| row.get(0))?;
    // A negative one is nobody's.
    Ok(usize::try_from(version).unwrap_or(usize::MAX))
}

/// Brings the tables up to date, and says of which version they are then.
fn migrate(database: &Connection) -> rusqlite::Result<usize> {
    let version = version(database)?;
    for (before, tables) in MIGRATIONS.iter().enumerate().skip(version) {
        database.execute_batch(&format!("BEGIN IMMEDIATE; {tables} PRAGMA user_version = {}; COMMIT;", before + 1))?;
    }
    Ok(version.max(SCHEMA))
}

fn replay(database: &Connection, version: usize) -> rusqlite::Result<Ledger> {
    let mut ledger = Ledger::default();
    let instant_of = if version < SCHEMA { "NULL" } else { "instant" };
    let mut statement =
        database.prepare(&format!("SELECT kind, path, value, hash, {instant_of} FROM record ORDER BY number"))?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        read_record(row, 0)?.iter().for_each(|record| ledger.apply(record));
    }
    let mut statement = database.prepare("SELECT route, hash, last_modified FROM document")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (route, hash): (String, [u8; 16]) = (row.get(0)?, row.get(1)?);
        if let Some(last_modified) = instant(row.get(2)?) {
            let hash = ContentHash::from_bytes(hash);
            ledger.apply(&Record::Document { route: Arc::from(route), hash, last_modified });
        }
    }
    if version < SCHEMA {
        return Ok(ledger);
    }
    let mut statement = database.prepare("SELECT route, updated FROM feed")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let route: String = row.get(0)?;
        if let Some(updated) = instant(row.get(1)?) {
            ledger.apply(&Record::Feed { route: Arc::from(route), updated });
        }
    }
    let mut statement = database.prepare("SELECT hash, path FROM source")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (hash, path): ([u8; 16], String) = (row.get(0)?, row.get(1)?);
        let (hash, path) = (ContentHash::from_bytes(hash), ArticlePath::new(&path));
        // The bytes are asked for when they are needed.
        ledger.apply(&Record::Kept { hash, path, bytes: Arc::from([]) });
    }
    Ok(ledger)
}

/// A row of kind, path, value, hash and instant, from this column on; `None` for a kind that this program does not know.
fn read_record(row: &Row<'_>, first: usize) -> rusqlite::Result<Option<Record>> {
    let (kind, path, value): (String, String, String) = (row.get(first)?, row.get(first + 1)?, row.get(first + 2)?);
    let hash = row.get::<_, Option<[u8; 16]>>(first + 3)?.map(ContentHash::from_bytes);
    let at = row.get::<_, Option<i64>>(first + 4)?.and_then(instant);
    let path = ArticlePath::new(&path);
    Ok(match (kind.as_str(), hash) {
        ("seen", _) => instant(value.parse().unwrap_or_default()).map(|at| Record::Seen { path, at }),
        ("published", Some(hash)) => {
            let date = at.unwrap_or(Timestamp::UNIX_EPOCH);
            Some(Record::Published { path, id: EntryId::minted(value), hash, date })
        }
        ("text", Some(hash)) => {
            let print = TextPrint { hash, version: value.parse().unwrap_or_default() };
            Some(Record::Text { path, print, changed: at })
        }
        ("imported", _) => Some(Record::Imported { path, id: EntryId::minted(value) }),
        ("moved", _) => Some(Record::Moved { from: path, to: ArticlePath::new(&value) }),
        ("retracted", _) => at
            .and_then(|at| StoredRetraction::read(&value, at))
            .map(|retraction| Record::Retracted { path, retraction }),
        ("hidden", Some(hash)) => Some(Record::Hidden { path, hash }),
        ("restored", _) => Some(Record::Restored { path }),
        ("withdrawn", _) => {
            let feeds: Vec<String> = serde_json::from_str(&value).unwrap_or_default();
            Some(Record::Withdrawn { path, feeds: feeds.into_iter().map(Arc::from).collect() })
        }
        ("lost", _) => Some(Record::Lost { path }),
        ("found", _) => Some(Record::Found { path }),
        ("replaced", _) => at
            .and_then(|at| StoredRetraction::read(&value, at))
            .map(|retraction| Record::Replaced { id: EntryId::minted(path.to_string()), retraction }),
        _ => None,
    })
}

fn instant(milliseconds: i64) -> Option<Timestamp> {
    Timestamp::from_millisecond(milliseconds).ok()
}

fn trouble(path: &Path, error: &rusqlite::Error) -> Trouble {
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
        ) => Trouble::Io(path.to_owned(), error.to_string()),
        // Also what SQLite does not notice: text that is none, a number where bytes should be, tables of other names.
        _ => Trouble::Damaged(path.to_owned(), error.to_string()),
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
