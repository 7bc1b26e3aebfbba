//! The cache of parsed files' metadata, for the next start. If rows are lost or damaged, their files are read again, so rows are written
//! without waiting for the disk.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, params};

use super::directory::CACHE_DATABASE;
use super::error::is_unwritable;
use super::interruption::Interruption;
use super::opening::{self, Access};
use super::schema::{MAX_LOCK_WAIT, empty_log};
use crate::types::{ArticlePath, ContentHash, folder};

/// The version of the tables. A file with another version is replaced.
const SCHEMA: i64 = 3;
const TABLES: &str = "
    CREATE TABLE folder (number INTEGER PRIMARY KEY, path TEXT NOT NULL UNIQUE) STRICT;
    CREATE TABLE file (
        folder   INTEGER NOT NULL,
        name     TEXT NOT NULL,
        seal     BLOB NOT NULL,
        card     BLOB NOT NULL,
        warnings BLOB NOT NULL,
        PRIMARY KEY (folder, name)
    ) STRICT, WITHOUT ROWID;
";

/// The cached metadata of a file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Row {
    /// The hash of everything that the row depends on and of its content.
    pub checksum: ContentHash,
    /// The card of its article.
    pub card: Box<[u8]>,
    /// The packed warnings about the file. Empty if there are none.
    pub warnings: Box<[u8]>,
}

/// A row, or `None` to delete it.
pub(super) type Change = (ArticlePath, Option<Row>);

/// The open database of the cache.
#[derive(Debug)]
pub(super) struct CacheDatabase {
    path: PathBuf,
    database: Connection,
    /// The numbers of folders that have rows.
    numbers: HashMap<String, i64>,
    /// Whether rows are stored. `false` after a failure.
    is_writable: bool,
}

/// Removes the cache of a state directory that this process has locked.
///
/// # Errors
/// If a file can't be removed, so that its rows would still be used.
pub(super) fn forget(directory: &Path) -> io::Result<()> {
    remove(&directory.join(CACHE_DATABASE))
}

impl CacheDatabase {
    /// Opens the cache of a state directory that this process has locked. If it can't be used, one log line says so.
    pub(super) fn open(directory: &Path) -> Option<CacheDatabase> {
        let path = directory.join(CACHE_DATABASE);
        let opened = open(&path).or_else(|error| {
            // The content may be intact if the disk is full.
            if is_unwritable(&error) {
                return Err(error);
            }
            // If the file can't be removed, `open` fails again and its error is logged.
            remove(&path).unwrap_or_default();
            open(&path)
        });
        match opened {
            Ok(database) => Some(CacheDatabase { path, database, numbers: HashMap::new(), is_writable: true }),
            Err(error) => {
                tracing::warn!(cache = %path.display(), %error, "cannot open the cache; the next start reads every article again");
                None
            }
        }
    }

    /// Returns the names and rows of a folder's files, in the order of their names: at most `limit`, beginning after a name.
    ///
    /// # Errors
    /// If the rows can't be read.
    pub(super) fn rows_in(&self, folder: &str, after: &str, limit: usize) -> rusqlite::Result<Vec<(String, Row)>> {
        let mut statement = self.database.prepare_cached(
            "SELECT name, seal, card, warnings FROM file
                WHERE folder = (SELECT number FROM folder WHERE path = ?) AND name > ? ORDER BY name LIMIT ?",
        )?;
        let mut rows = statement.query(params![folder, after, i64::try_from(limit).unwrap_or(i64::MAX)])?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            found.push((row.get(0)?, decode_row(row, 1)?));
        }
        Ok(found)
    }

    /// Returns the rows of files, in the order of the paths. `None`: there is no row, or it can't be read.
    pub(super) fn rows_of(&self, paths: &[ArticlePath]) -> Vec<Option<Row>> {
        const ROW: &str = "SELECT seal, card, warnings FROM file WHERE folder = (SELECT number FROM folder WHERE path = ?) AND name = ?";
        let find = |path: &ArticlePath| {
            let mut statement = self.database.prepare_cached(ROW).ok()?;
            statement.query_row([path.folder(), path.name()], |row| decode_row(row, 0)).ok()
        };
        paths.iter().map(find).collect()
    }

    /// Stores or deletes rows in one transaction. Does nothing after a failure, which is logged once.
    pub(super) fn write(&mut self, rows: &[Change]) {
        let write = |database: &Connection, numbers: &mut HashMap<String, i64>| {
            rows.iter().try_for_each(|(path, row)| write_row(database, numbers, path, row.as_ref()))
        };
        self.execute(write);
    }

    /// Empties the write-ahead log, which may contain deleted rows. Returns whether that was possible.
    pub(super) fn empty_log(&self) -> bool {
        empty_log(&self.database).unwrap_or(false)
    }

    /// Deletes the rows of all other folders of the same sources.
    pub(super) fn retain_folders(&mut self, folders: &HashSet<String>, interruption: &Interruption) {
        interruption.install(&mut self.database);
        self.execute(|database, numbers| retain_folders(database, folders, numbers));
        Interruption::remove(&mut self.database);
    }

    fn execute(&mut self, work: impl FnOnce(&Connection, &mut HashMap<String, i64>) -> rusqlite::Result<()>) {
        if !self.is_writable {
            return;
        }
        let execute = || -> rusqlite::Result<()> {
            let transaction = self.database.transaction()?;
            work(&transaction, &mut self.numbers)?;
            transaction.commit()
        };
        if let Err(error) = execute() {
            tracing::warn!(cache = %self.path.display(), %error, "cannot write the cache; the next start reads these articles again");
            self.is_writable = false;
        }
    }
}

fn open(path: &Path) -> rusqlite::Result<Connection> {
    // Records wait for the cache, so it waits no longer for a lock than they do.
    let database = opening::open(path, Access::Create, MAX_LOCK_WAIT)?;
    database.pragma_update(None, "journal_mode", "wal")?;
    database.pragma_update(None, "synchronous", "off")?;
    // Warnings may quote texts that are killed later.
    database.pragma_update(None, "secure_delete", "on")?;
    let version: i64 = database.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if version == 0 {
        database.execute_batch(&format!("BEGIN IMMEDIATE; {TABLES} PRAGMA user_version = {SCHEMA}; COMMIT;"))?;
    } else if version != SCHEMA {
        return Err(rusqlite::Error::InvalidQuery);
    }
    Ok(database)
}

/// Removes a database and its companion files.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    for name in ["", "-wal", "-shm"] {
        let mut file = path.as_os_str().to_owned();
        file.push(name);
        match fs::remove_file(file) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// Decodes a row from three columns that begin at `first`.
fn decode_row(row: &rusqlite::Row<'_>, first: usize) -> rusqlite::Result<Row> {
    let (card, warnings): (Vec<u8>, Vec<u8>) = (row.get(first + 1)?, row.get(first + 2)?);
    Ok(Row { checksum: ContentHash::from_bytes(row.get(first)?), card: card.into(), warnings: warnings.into() })
}

fn write_row(
    database: &Connection,
    numbers: &mut HashMap<String, i64>,
    path: &ArticlePath,
    row: Option<&Row>,
) -> rusqlite::Result<()> {
    let folder = match numbers.get(path.folder()) {
        Some(number) => *number,
        None => {
            database.prepare_cached("INSERT OR IGNORE INTO folder (path) VALUES (?)")?.execute([path.folder()])?;
            let number = database
                .prepare_cached("SELECT number FROM folder WHERE path = ?")?
                .query_row([path.folder()], |row| row.get(0))?;
            numbers.insert(path.folder().to_owned(), number);
            number
        }
    };
    match row {
        Some(Row { checksum, card, warnings }) => database
            .prepare_cached("INSERT OR REPLACE INTO file (folder, name, seal, card, warnings) VALUES (?, ?, ?, ?, ?)")?
            .execute(params![folder, path.name(), checksum.as_bytes(), card, warnings]),
        None => database
            .prepare_cached("DELETE FROM file WHERE folder = ? AND name = ?")?
            .execute(params![folder, path.name()]),
    }
    .map(|_| ())
}

fn retain_folders(
    database: &Connection,
    folders: &HashSet<String>,
    numbers: &mut HashMap<String, i64>,
) -> rusqlite::Result<()> {
    let mut statement = database.prepare("SELECT number, path FROM folder")?;
    let known: Vec<(i64, String)> =
        statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<rusqlite::Result<_>>()?;
    // Each source is listed on its own.
    let sources: HashSet<Option<&str>> = folders.iter().map(|listed| folder::source(listed)).collect();
    let is_gone = |path: &str| !folders.contains(path) && sources.contains(&folder::source(path));
    for (number, path) in known.iter().filter(|(_, path)| is_gone(path)) {
        database.execute("DELETE FROM file WHERE folder = ?", [number])?;
        database.execute("DELETE FROM folder WHERE number = ?", [number])?;
        numbers.remove(path);
    }
    Ok(())
}
