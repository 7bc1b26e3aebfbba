//! The state directory: the durable records behind [`crate::ledger`], in one SQLite file, with one writer.
//!
//! Articles' records are a log, so that their history can be told; of documents only the last validators are kept.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::{Connection, OpenFlags, params};

use crate::ledger::{Ledger, Record};
use crate::types::{ArticlePath, ContentHash, EntryId};

/// The version of the tables below. A newer one is refused: this program does not know what its records mean.
const SCHEMA: i64 = 1;
const DATABASE: &str = "ledger.sqlite";
const TABLES: &str = "
    CREATE TABLE record (
        number INTEGER PRIMARY KEY,
        at     INTEGER NOT NULL,  -- milliseconds since 1970, when it was written down
        kind   TEXT NOT NULL,     -- seen, published, moved
        path   TEXT NOT NULL,
        value  TEXT NOT NULL,     -- seen: milliseconds; published: id; moved: the new path
        hash   BLOB               -- published: of the file's bytes
    ) STRICT;
    CREATE TABLE document (
        route         TEXT PRIMARY KEY,
        hash          BLOB NOT NULL,
        last_modified INTEGER NOT NULL  -- milliseconds since 1970
    ) STRICT, WITHOUT ROWID;
";

/// Why the state cannot be used. Each says what to do about it.
#[derive(Debug)]
pub enum Trouble {
    /// Another process writes it.
    Locked(PathBuf),
    /// It was written by a newer dateline.
    Newer(PathBuf, i64),
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
            Trouble::Damaged(path, why) => write!(
                f,
                "`{}` is damaged ({why}): put a backup in its place, or move it away; explicit ids and dates then still give \
                 the same documents",
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
        let io = |error: io::Error| Trouble::Io(directory.to_owned(), error.to_string());
        make_private(directory).map_err(io)?;
        let lock = File::create(directory.join("lock")).map_err(io)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(Trouble::Locked(directory.to_owned())),
            Err(TryLockError::Error(error)) => return Err(io(error)),
        }
        let database = Connection::open(&path).map_err(|error| trouble(&path, &error))?;
        let prepare = || -> rusqlite::Result<i64> {
            database.busy_timeout(Duration::from_secs(5))?;
            database.pragma_update(None, "journal_mode", "wal")?;
            // A record is on the disk before a reader sees what depends on it, also if the power fails.
            database.pragma_update(None, "synchronous", "full")?;
            let version = database.pragma_query_value(None, "user_version", |row| row.get(0))?;
            if version == 0 {
                database
                    .execute_batch(&format!("BEGIN IMMEDIATE; {TABLES} PRAGMA user_version = {SCHEMA}; COMMIT;"))?;
                return Ok(SCHEMA);
            }
            Ok(version)
        };
        match prepare().map_err(|error| trouble(&path, &error))? {
            SCHEMA => Ok(Store { database, path, _lock: lock }),
            version => Err(Trouble::Newer(path, version)),
        }
    }

    /// Everything that was ever recorded.
    ///
    /// # Errors
    /// Where the state is damaged or cannot be read.
    pub fn ledger(&self) -> Result<Ledger, Trouble> {
        replay(&self.database).map_err(|error| trouble(&self.path, &error))
    }

    /// Makes records durable: all of them or none.
    ///
    /// # Errors
    /// Where they could not be written; nothing of them was.
    pub fn append(&mut self, records: &[Record], at: Timestamp) -> Result<(), Trouble> {
        let mut write = || -> rusqlite::Result<()> {
            let transaction = self.database.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
            {
                let mut log = transaction
                    .prepare_cached("INSERT INTO record (at, kind, path, value, hash) VALUES (?, ?, ?, ?, ?)")?;
                let mut document = transaction
                    .prepare_cached("INSERT OR REPLACE INTO document (route, hash, last_modified) VALUES (?, ?, ?)")?;
                let now = at.as_millisecond();
                for record in records {
                    match record {
                        Record::Seen { path, at } => log.execute(params![
                            now,
                            "seen",
                            path.as_str(),
                            at.as_millisecond().to_string(),
                            None::<String>
                        ])?,
                        Record::Published { path, id, hash } => {
                            log.execute(params![now, "published", path.as_str(), id.as_str(), hash.as_bytes()])?
                        }
                        Record::Moved { from, to } => {
                            log.execute(params![now, "moved", from.as_str(), to.as_str(), None::<[u8; 16]>])?
                        }
                        Record::Document { route, hash, last_modified } => {
                            document.execute(params![&**route, hash.as_bytes(), last_modified.as_millisecond()])?
                        }
                    };
                }
            }
            transaction.commit()
        };
        write().map_err(|error| trouble(&self.path, &error))
    }
}

/// What a directory's state says, without writing or locking anything; nothing where there is none.
///
/// # Errors
/// Where the state is damaged, newer or cannot be read.
pub fn peek(directory: &Path) -> Result<Ledger, Trouble> {
    let path = directory.join(DATABASE);
    if !path.exists() {
        return Ok(Ledger::default());
    }
    let read = || -> rusqlite::Result<(i64, Ledger)> {
        let database = Connection::open_with_flags(&path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        database.busy_timeout(Duration::from_secs(5))?;
        let version = database.pragma_query_value(None, "user_version", |row| row.get(0))?;
        Ok((version, if version == SCHEMA { replay(&database)? } else { Ledger::default() }))
    };
    match read().map_err(|error| trouble(&path, &error))? {
        (0 | SCHEMA, ledger) => Ok(ledger),
        (version, _) => Err(Trouble::Newer(path, version)),
    }
}

fn replay(database: &Connection) -> rusqlite::Result<Ledger> {
    let mut ledger = Ledger::default();
    let mut statement = database.prepare("SELECT kind, path, value, hash FROM record ORDER BY number")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (kind, path, value): (String, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let hash = row.get::<_, Option<[u8; 16]>>(3)?.map(ContentHash::from_bytes);
        let path = ArticlePath::new(&path);
        let record = match (kind.as_str(), hash) {
            ("seen", _) => instant(value.parse().unwrap_or_default()).map(|at| Record::Seen { path, at }),
            ("published", Some(hash)) => Some(Record::Published { path, id: EntryId::minted(value), hash }),
            ("moved", _) => Some(Record::Moved { from: path, to: ArticlePath::new(&value) }),
            _ => None,
        };
        record.iter().for_each(|record| ledger.apply(record));
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
    Ok(ledger)
}

fn instant(milliseconds: i64) -> Option<Timestamp> {
    Timestamp::from_millisecond(milliseconds).ok()
}

fn trouble(path: &Path, error: &rusqlite::Error) -> Trouble {
    use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
    match error.sqlite_error_code() {
        Some(DatabaseCorrupt | NotADatabase) => Trouble::Damaged(path.to_owned(), error.to_string()),
        _ => Trouble::Io(path.to_owned(), error.to_string()),
    }
}

/// Nobody but this user looks in: later there are embargoed texts in it.
fn make_private(directory: &Path) -> io::Result<()> {
    if directory.is_dir() {
        return Ok(());
    }
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(directory)
}
