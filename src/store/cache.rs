//! The cache of parsed files' metadata, for the next start. If rows are lost or damaged, their files are read again, so rows are written on
//! a separate thread that doesn't wait for the disk.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, params};

use super::error::is_unwritable;
use crate::types::{ArticlePath, ContentHash};

pub(super) const DATABASE: &str = "cache.sqlite";
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

/// The most rows that wait to be written. More are dropped, and the next start reads their files again.
const MAX_WAITING_ROWS: usize = if cfg!(test) { 100 } else { 65_536 };

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

/// The open cache. If it can't be used, nothing is stored, and one log line says so.
#[derive(Debug)]
pub struct Cache {
    path: PathBuf,
    reader: Option<Connection>,
    /// The folders that were read since the last listing.
    listed: HashSet<String>,
    jobs: Option<Sender<Job>>,
    /// The number of rows that wait to be written.
    waiting: Arc<AtomicUsize>,
    /// Whether rows were dropped, which is logged once.
    has_dropped: bool,
    writer: Option<JoinHandle<()>>,
}

enum Job {
    /// Stores rows, or deletes those that are `None`.
    Write(Vec<(ArticlePath, Option<Row>)>),
    /// Deletes the rows of all folders but these.
    RetainFolders(HashSet<String>),
}

impl Cache {
    /// Removes the cache of a state directory that this process has locked.
    ///
    /// # Errors
    /// If a file can't be removed, so that its rows would still be used.
    pub fn forget(directory: &Path) -> io::Result<()> {
        remove(&directory.join(DATABASE))
    }

    /// Opens the cache of a state directory that this process has locked.
    pub fn open(directory: &Path) -> Cache {
        let path = directory.join(DATABASE);
        let mut cache = Cache {
            path: path.clone(),
            reader: None,
            listed: HashSet::new(),
            jobs: None,
            waiting: Arc::default(),
            has_dropped: false,
            writer: None,
        };
        let opened = open(&path).or_else(|error| {
            // The content may be intact if the disk is full.
            if is_unwritable(&error) {
                return Err(error);
            }
            // If the file can't be removed, `open` fails again and its error is logged.
            remove(&path).unwrap_or_default();
            open(&path)
        });
        match opened.and_then(|writer| Ok((writer, open(&path)?))) {
            Ok((writer, reader)) => {
                let (jobs, inbox) = channel();
                let waiting = Arc::clone(&cache.waiting);
                let thread =
                    std::thread::Builder::new().name("cache".into()).spawn(move || write(writer, &inbox, &waiting));
                cache.writer = thread.ok();
                cache.jobs = Some(jobs).filter(|_| cache.writer.is_some());
                cache.reader = Some(reader);
            }
            Err(error) => {
                tracing::warn!(cache = %path.display(), %error, "cannot open the cache; the next start reads every article again")
            }
        }
        cache
    }

    /// Returns the names and rows of a folder's files.
    pub fn of_folder(&mut self, folder: &str) -> Vec<(String, Row)> {
        self.listed.insert(folder.to_owned());
        let Some(reader) = &self.reader else { return Vec::new() };
        read(reader, folder).unwrap_or_else(|error| {
            tracing::warn!(cache = %self.path.display(), %error, "cannot read the cache; its articles are read again");
            self.reader = None;
            self.jobs = None;
            remove(&self.path).unwrap_or_default();
            Vec::new()
        })
    }

    /// Stores rows, or deletes those that are `None`. Never waits for the disk: if the disk is too slow, rows are dropped. The older row of
    /// such a file stays in the cache, but doesn't match the file any more and isn't used.
    pub fn store(&mut self, rows: Vec<(ArticlePath, Option<Row>)>) {
        if rows.is_empty() {
            return;
        }
        if self.waiting.load(Ordering::Relaxed) + rows.len() > MAX_WAITING_ROWS {
            if self.jobs.is_some() && !std::mem::replace(&mut self.has_dropped, true) {
                tracing::warn!(
                    cache = %self.path.display(),
                    "the cache is written too slowly; the next start reads the rest of the articles again"
                );
            }
            return;
        }
        self.waiting.fetch_add(rows.len(), Ordering::Relaxed);
        self.send(Job::Write(rows));
    }

    /// Ends a complete listing. Deletes the rows of folders that weren't read since the last one.
    pub fn finish_listing(&mut self) {
        let listed = std::mem::take(&mut self.listed);
        self.send(Job::RetainFolders(listed));
    }

    fn send(&mut self, job: Job) {
        if let Some(jobs) = &self.jobs
            && jobs.send(job).is_err()
        {
            self.jobs = None;
        }
    }
}

/// Reads the cache while a [`Cache`] writes it. If the file can't be read, the reader returns no rows.
#[derive(Debug)]
pub struct CacheReader(Option<Connection>);

impl CacheReader {
    /// Opens the cache of a state directory.
    pub fn open(directory: &Path) -> CacheReader {
        let open = || -> rusqlite::Result<Option<Connection>> {
            let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
            let database = Connection::open_with_flags(directory.join(DATABASE), flags)?;
            database.busy_timeout(Duration::from_millis(100))?;
            let version: i64 = database.pragma_query_value(None, "user_version", |row| row.get(0))?;
            Ok((version == SCHEMA).then_some(database))
        };
        CacheReader(open().unwrap_or_default())
    }

    /// Returns the row of a file.
    pub fn of_file(&self, path: &ArticlePath) -> Option<Row> {
        const ROW: &str = "SELECT seal, card, warnings FROM file WHERE folder = (SELECT number FROM folder WHERE path = ?) AND name = ?";
        let mut statement = self.0.as_ref()?.prepare_cached(ROW).ok()?;
        statement.query_row([path.folder(), path.name()], |row| decode_row(row, 0)).ok()
    }

    /// Returns the names and rows of a folder's files.
    pub fn of_folder(&self, folder: &str) -> Vec<(String, Row)> {
        self.0.as_ref().and_then(|database| read(database, folder).ok()).unwrap_or_default()
    }
}

impl Drop for Cache {
    fn drop(&mut self) {
        self.jobs = None;
        self.writer.take().map(JoinHandle::join);
    }
}

fn open(path: &Path) -> rusqlite::Result<Connection> {
    let database = Connection::open(path)?;
    database.busy_timeout(Duration::from_secs(5))?;
    database.pragma_update(None, "journal_mode", "wal")?;
    database.pragma_update(None, "synchronous", "off")?;
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

fn read(database: &Connection, folder: &str) -> rusqlite::Result<Vec<(String, Row)>> {
    let mut statement = database.prepare_cached(
        "SELECT name, seal, card, warnings FROM file WHERE folder = (SELECT number FROM folder WHERE path = ?)",
    )?;
    let mut rows = statement.query([folder])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push((row.get(0)?, decode_row(row, 1)?));
    }
    Ok(found)
}

/// Decodes a row from three columns that begin at `first`.
fn decode_row(row: &rusqlite::Row<'_>, first: usize) -> rusqlite::Result<Row> {
    let (card, warnings): (Vec<u8>, Vec<u8>) = (row.get(first + 1)?, row.get(first + 2)?);
    Ok(Row { checksum: ContentHash::from_bytes(row.get(first)?), card: card.into(), warnings: warnings.into() })
}

/// Executes jobs until the sender is dropped, many in one transaction.
fn write(mut database: Connection, inbox: &Receiver<Job>, waiting: &AtomicUsize) {
    /// A transaction with this many rows is committed before the next job.
    const MAX_TRANSACTION_ROWS: usize = 32_768;
    let mut numbers: HashMap<String, i64> = HashMap::new();
    while let Ok(first) = inbox.recv() {
        let execute = || -> rusqlite::Result<()> {
            let transaction = database.transaction()?;
            let mut count = 0;
            let mut next = Some(first);
            while let Some(job) = next {
                match job {
                    Job::Write(rows) => {
                        count += rows.len();
                        waiting.fetch_sub(rows.len(), Ordering::Relaxed);
                        rows.iter()
                            .try_for_each(|(path, row)| write_row(&transaction, &mut numbers, path, row.as_ref()))?;
                    }
                    Job::RetainFolders(folders) => retain_folders(&transaction, &folders, &mut numbers)?,
                }
                next = if count < MAX_TRANSACTION_ROWS { inbox.try_recv().ok() } else { None };
            }
            transaction.commit()
        };
        if let Err(error) = execute() {
            tracing::warn!(%error, "cannot write the cache; the next start reads these articles again");
            return;
        }
    }
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
    for (number, path) in known.iter().filter(|(_, path)| !folders.contains(path)) {
        database.execute("DELETE FROM file WHERE folder = ?", [number])?;
        database.execute("DELETE FROM folder WHERE number = ?", [number])?;
        numbers.remove(path);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(number: usize) -> (ArticlePath, Option<Row>) {
        let bytes: Box<[u8]> = number.to_string().into_bytes().into();
        let row = Row { checksum: ContentHash::of(&bytes), card: bytes.clone(), warnings: bytes };
        (ArticlePath::new(&format!("news/{number}.md")), Some(row))
    }

    #[test]
    fn slow_disk_drops_rows() {
        let folder = tempfile::tempdir().unwrap();
        let mut cache = Cache::open(folder.path());
        let blocker = Connection::open(folder.path().join(DATABASE)).unwrap();
        blocker.execute_batch("BEGIN IMMEDIATE").unwrap();
        for number in 0..MAX_WAITING_ROWS * 10 {
            cache.store(vec![row(number)]);
            assert!(cache.waiting.load(Ordering::Relaxed) <= MAX_WAITING_ROWS);
        }
        assert!(cache.has_dropped);
        blocker.execute_batch("COMMIT").unwrap();
        drop(cache);
        let stored = CacheReader::open(folder.path()).of_folder("news");
        // The waiting rows are stored, and those that the writer had begun with.
        assert!((MAX_WAITING_ROWS..MAX_WAITING_ROWS * 10).contains(&stored.len()), "{}", stored.len());
        for (name, found) in stored {
            let number = name.trim_end_matches(".md").parse().unwrap();
            assert_eq!(Some(found), row(number).1);
        }
    }
}
