//! What was read of files, for the next start. Nothing depends on it: what is lost or spoilt is read again, so it is written on a
//! thread of its own, without waiting for the disk.

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

use super::is_unwritable;
use crate::types::{ArticlePath, ContentHash};

pub(super) const DATABASE: &str = "cache.sqlite";
/// Another version of the tables, or none: they are made anew.
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

/// So many rows wait to be written; more are dropped, and what they are of is read again at the next start.
const MAX_WAITING_ROWS: usize = if cfg!(test) { 100 } else { 65_536 };

/// What is kept of a file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Row {
    /// Hash of all that it depends on and of all that is in it.
    pub seal: ContentHash,
    /// The card of its article.
    pub card: Box<[u8]>,
    /// What is odd about it, packed; empty: nothing.
    pub warnings: Box<[u8]>,
}

/// The open cache. Where it cannot be used, nothing is kept, and the log says so once.
#[derive(Debug)]
pub struct Cache {
    path: PathBuf,
    reader: Option<Connection>,
    asked: HashSet<String>,
    orders: Option<Sender<Order>>,
    /// How many rows wait to be written.
    waiting: Arc<AtomicUsize>,
    /// Whether rows were dropped since, which was told.
    has_dropped: bool,
    writer: Option<JoinHandle<()>>,
}

enum Order {
    Keep(Vec<(ArticlePath, Option<Row>)>),
    /// Forgets what is in no folder of these.
    Only(HashSet<String>),
}

impl Cache {
    /// Removes what is kept in a state directory that this process has locked.
    ///
    /// # Errors
    /// Where it stays, and would be believed.
    pub fn forget(directory: &Path) -> io::Result<()> {
        remove(&directory.join(DATABASE))
    }

    /// Opens the cache in a state directory that this process has locked.
    pub fn open(directory: &Path) -> Cache {
        let path = directory.join(DATABASE);
        let mut cache = Cache {
            path: path.clone(),
            reader: None,
            asked: HashSet::new(),
            orders: None,
            waiting: Arc::default(),
            has_dropped: false,
            writer: None,
        };
        let opened = open(&path).or_else(|error| {
            // A full disk says nothing against what is in it.
            if is_unwritable(&error) {
                return Err(error);
            }
            // What stays cannot be opened either.
            remove(&path).unwrap_or_default();
            open(&path)
        });
        match opened.and_then(|writer| Ok((writer, open(&path)?))) {
            Ok((writer, reader)) => {
                let (orders, inbox) = channel();
                let waiting = Arc::clone(&cache.waiting);
                let thread =
                    std::thread::Builder::new().name("cache".into()).spawn(move || write(writer, &inbox, &waiting));
                cache.writer = thread.ok();
                cache.orders = Some(orders).filter(|_| cache.writer.is_some());
                cache.reader = Some(reader);
            }
            Err(error) => {
                tracing::warn!(cache = %path.display(), %error, "cannot open the cache; the next start reads every article again")
            }
        }
        cache
    }

    /// What is kept of the files of a folder, with their names.
    pub fn of_folder(&mut self, folder: &str) -> Vec<(String, Row)> {
        self.asked.insert(folder.to_owned());
        let Some(reader) = &self.reader else { return Vec::new() };
        read(reader, folder).unwrap_or_else(|error| {
            tracing::warn!(cache = %self.path.display(), %error, "cannot read the cache; its articles are read again");
            self.reader = None;
            self.orders = None;
            remove(&self.path).unwrap_or_default();
            Vec::new()
        })
    }

    /// Keeps what was read of files; `None`: nothing. Whoever reads never waits for the disk: where it is too slow, rows are dropped. A row
    /// that stays in place of one that was dropped does not fit its file and is as good as none.
    pub fn keep(&mut self, rows: Vec<(ArticlePath, Option<Row>)>) {
        if rows.is_empty() {
            return;
        }
        if self.waiting.load(Ordering::Relaxed) + rows.len() > MAX_WAITING_ROWS {
            if self.orders.is_some() && !std::mem::replace(&mut self.has_dropped, true) {
                tracing::warn!(
                    cache = %self.path.display(),
                    "the cache is written too slowly; the next start reads the rest of the articles again"
                );
            }
            return;
        }
        self.waiting.fetch_add(rows.len(), Ordering::Relaxed);
        self.order(Order::Keep(rows));
    }

    /// Every folder that there is was asked for: what is kept of others is forgotten.
    pub fn finish_listing(&mut self) {
        let asked = std::mem::take(&mut self.asked);
        self.order(Order::Only(asked));
    }

    fn order(&mut self, order: Order) {
        if let Some(orders) = &self.orders
            && orders.send(order).is_err()
        {
            self.orders = None;
        }
    }
}

/// The cache as others read it beside the one who fills it. Where it cannot be read, nothing is in it.
#[derive(Debug)]
pub struct CacheReader(Option<Connection>);

impl CacheReader {
    /// Opens the cache in a state directory.
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

    /// What is kept of a file.
    pub fn of_file(&self, path: &ArticlePath) -> Option<Row> {
        const ROW: &str = "SELECT seal, card, warnings FROM file WHERE folder = (SELECT number FROM folder WHERE path = ?) AND name = ?";
        let mut statement = self.0.as_ref()?.prepare_cached(ROW).ok()?;
        statement.query_row([path.folder(), path.name()], |row| of_columns(row, 0)).ok()
    }

    /// What is kept of the files of a folder, with their names.
    pub fn of_folder(&self, folder: &str) -> Vec<(String, Row)> {
        self.0.as_ref().and_then(|database| read(database, folder).ok()).unwrap_or_default()
    }
}

impl Drop for Cache {
    fn drop(&mut self) {
        self.orders = None;
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

/// Removes a database, and what belongs to it.
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
        found.push((row.get(0)?, of_columns(row, 1)?));
    }
    Ok(found)
}

/// A row, of three columns from this one on.
fn of_columns(row: &rusqlite::Row<'_>, first: usize) -> rusqlite::Result<Row> {
    let (card, warnings): (Vec<u8>, Vec<u8>) = (row.get(first + 1)?, row.get(first + 2)?);
    Ok(Row { seal: ContentHash::from_bytes(row.get(first)?), card: card.into(), warnings: warnings.into() })
}

fn write(mut database: Connection, inbox: &Receiver<Order>, waiting: &AtomicUsize) {
    /// Rows of one transaction.
    const MOST: usize = 32_768;
    let mut numbers: HashMap<String, i64> = HashMap::new();
    while let Ok(first) = inbox.recv() {
        let carry_out = || -> rusqlite::Result<()> {
            let transaction = database.transaction()?;
            let mut count = 0;
            let mut next = Some(first);
            while let Some(order) = next {
                match order {
                    Order::Keep(rows) => {
                        count += rows.len();
                        waiting.fetch_sub(rows.len(), Ordering::Relaxed);
                        rows.iter().try_for_each(|(path, row)| keep(&transaction, &mut numbers, path, row.as_ref()))?;
                    }
                    Order::Only(folders) => forget_folders(&transaction, &folders, &mut numbers)?,
                }
                next = if count < MOST { inbox.try_recv().ok() } else { None };
            }
            transaction.commit()
        };
        if let Err(error) = carry_out() {
            tracing::warn!(%error, "cannot write the cache; the next start reads these articles again");
            return;
        }
    }
}

fn keep(
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
        Some(Row { seal, card, warnings }) => database
            .prepare_cached("INSERT OR REPLACE INTO file (folder, name, seal, card, warnings) VALUES (?, ?, ?, ?, ?)")?
            .execute(params![folder, path.name(), seal.as_bytes(), card, warnings]),
        None => database
            .prepare_cached("DELETE FROM file WHERE folder = ? AND name = ?")?
            .execute(params![folder, path.name()]),
    }
    .map(|_| ())
}

fn forget_folders(
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
        let row = Row { seal: ContentHash::of(&bytes), card: bytes.clone(), warnings: bytes };
        (ArticlePath::new(&format!("news/{number}.md")), Some(row))
    }

    #[test]
    fn rows_a_slow_disk_does_not_take_are_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let mut cache = Cache::open(folder.path());
        let blocker = Connection::open(folder.path().join(DATABASE)).unwrap();
        blocker.execute_batch("BEGIN IMMEDIATE").unwrap();
        for number in 0..MAX_WAITING_ROWS * 10 {
            cache.keep(vec![row(number)]);
            assert!(cache.waiting.load(Ordering::Relaxed) <= MAX_WAITING_ROWS);
        }
        assert!(cache.has_dropped);
        blocker.execute_batch("COMMIT").unwrap();
        drop(cache);
        let kept = CacheReader::open(folder.path()).of_folder("news");
        // What was taken before the disk was too slow, and what the writer had begun with.
        assert!((MAX_WAITING_ROWS..MAX_WAITING_ROWS * 10).contains(&kept.len()), "{}", kept.len());
        for (name, found) in kept {
            let number = name.trim_end_matches(".md").parse().unwrap();
            assert_eq!(Some(found), row(number).1);
        }
    }
}
