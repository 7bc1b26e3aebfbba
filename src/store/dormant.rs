//! The facts about dormant articles, found by fingerprints of their paths, ids and versions.
//!
//! Their records stay in the log, and replaying all of it still gives the whole ledger. The rows here say only what may be left out of memory:
//! a start leaves an article out after the record with which it fell asleep, and a later record about it takes its row away. Those that no
//! record ties to another article ([`untie`]) are not replayed at all. `facts` encodes the facts of a row.

mod facts;

use std::collections::{HashMap, HashSet, VecDeque};
use std::path::Path;

use rusqlite::{Connection, OpenFlags, Row, TransactionBehavior, params};

use super::directory::DATABASE;
use super::error::{StoreError, Unread, unusable};
use super::opening::look_into;
use super::saved::last_noted_record;
use super::schema::{MAX_LOCK_WAIT, last_record};
use crate::event::DormantQuery;
use crate::ledger::dormant::{Fingerprint, Fingerprints};
use crate::ledger::{Ledger, Record, Remembered};
use crate::types::{ArticlePath, ContentHash};
use facts::StoredFacts;

/// Made when the first article falls asleep. Earlier programs don't look at it, and what they recorded is noticed ([`Replayed::Stale`]).
const TABLE: &str = "
    CREATE TABLE IF NOT EXISTS dormant (
        path       TEXT PRIMARY KEY,
        number     INTEGER NOT NULL,  -- the last record when it fell asleep
        by_path    INTEGER NOT NULL,  -- fingerprints
        by_id      INTEGER,
        by_version INTEGER,
        since      INTEGER NOT NULL,  -- seconds since 1970: when it was retracted
        is_free    INTEGER,           -- whether no record ties it to another article; unknown at first
        facts      TEXT NOT NULL,     -- all that is remembered, as JSON
        seal       BLOB NOT NULL,     -- hash of path and facts
        check_sum  INTEGER NOT NULL   -- of path, number, fingerprints and since
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS dormant_number ON dormant (number);
    CREATE INDEX IF NOT EXISTS dormant_unknown ON dormant (path) WHERE is_free IS NULL;
    CREATE INDEX IF NOT EXISTS dormant_path ON dormant (by_path);
    CREATE INDEX IF NOT EXISTS dormant_id ON dormant (by_id);
    CREATE INDEX IF NOT EXISTS dormant_version ON dormant (by_version);
";

/// Notes what is remembered of an article that falls asleep.
pub(super) fn put(database: &Connection, path: &ArticlePath, article: &Remembered) -> rusqlite::Result<usize> {
    if !has_table(database)? {
        database.execute_batch(TABLE)?;
    }
    let Fingerprints { path: by_path, id, version } = Fingerprints::of(path, article);
    let (id, version) = (id.map(Fingerprint::cast_signed), version.map(Fingerprint::cast_signed));
    let (facts, last) = (StoredFacts::text(article), last_record(database)?);
    let since = article.retired_since();
    let seal = seal(path.as_str(), &facts);
    let check_sum = check_sum(path.as_str(), last, [Some(by_path.cast_signed()), id, version, Some(since)]);
    database
        .prepare_cached(
            "INSERT OR REPLACE INTO dormant (path, number, by_path, by_id, by_version, since, facts, seal, check_sum)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )?
        .execute(params![
            path.as_str(),
            last,
            by_path.cast_signed(),
            id,
            version,
            since,
            facts,
            seal.as_bytes(),
            check_sum
        ])
}

/// Whatever is recorded of an article: it isn't dormant any more.
pub(super) fn remove(database: &Connection, path: &str) -> rusqlite::Result<usize> {
    if !has_table(database)? {
        return Ok(0);
    }
    database.prepare_cached("DELETE FROM dormant WHERE path = ?")?.execute([path])
}

/// The rows of dormant articles. `None`: one is damaged.
pub(super) fn find_rows(
    directory: &Path,
    query: &DormantQuery,
) -> Result<Option<Vec<(ArticlePath, Remembered)>>, StoreError> {
    let found = look_into(directory, |database, _| {
        let mut found: Vec<Sleeper> = Vec::new();
        if !has_table(database)? {
            return Ok(Some(Vec::new()));
        }
        let mut known: HashSet<String> = HashSet::new();
        let mut ids = query.ids.clone();
        let mut is_damaged = false;
        let mut find = |column: &str, fingerprint: Fingerprint| -> Result<Vec<Sleeper>, Unread> {
            let select = format!("SELECT path, facts, seal, number, by_id FROM dormant WHERE {column} = ?");
            let mut statement = database.prepare_cached(&select)?;
            let mut rows = statement.query([fingerprint.cast_signed()])?;
            let mut sleepers = Vec::new();
            while let Some(row) = rows.next()? {
                let Some(sleeper) = Sleeper::read(row)? else {
                    is_damaged = true;
                    continue;
                };
                sleepers.extend(known.insert(sleeper.path.to_string()).then_some(sleeper));
            }
            Ok(sleepers)
        };
        for (column, fingerprints) in [("by_path", &query.paths), ("by_version", &query.versions)] {
            for fingerprint in fingerprints {
                found.extend(find(column, *fingerprint)?);
            }
        }
        ids.extend(found.iter().filter_map(|sleeper| sleeper.id));
        for id in ids {
            found.extend(find("by_id", id)?);
        }
        found.sort_by_key(|sleeper| std::cmp::Reverse(sleeper.number));
        let found = found.into_iter().map(|sleeper| (sleeper.path, sleeper.article)).collect();
        Ok(Some(found).filter(|_| !is_damaged))
    });
    found.map(Option::flatten)
}

struct Sleeper {
    path: ArticlePath,
    article: Remembered,
    number: i64,
    id: Option<Fingerprint>,
}

impl Sleeper {
    /// `None`: the row is damaged.
    fn read(row: &Row<'_>) -> rusqlite::Result<Option<Sleeper>> {
        let (path, facts): (String, String) = (row.get(0)?, row.get(1)?);
        let stored: [u8; 16] = row.get(2)?;
        let is_intact = ContentHash::from_bytes(stored) == seal(&path, &facts);
        let Some(article) = StoredFacts::read(&facts).filter(|_| is_intact) else { return Ok(None) };
        let id: Option<i64> = row.get(4)?;
        let path = ArticlePath::new(&path);
        Ok(Some(Sleeper { path, article, number: row.get(3)?, id: id.map(i64::cast_unsigned) }))
    }
}

fn seal(path: &str, facts: &str) -> ContentHash {
    ContentHash::of_parts([path.as_bytes(), facts.as_bytes()])
}

/// What tells that a disk spoilt what a start reads of a row.
fn check_sum(path: &str, number: i64, values: [Option<i64>; 4]) -> i64 {
    let values = values.map(|value| value.map_or(Vec::new(), |value| value.to_le_bytes().to_vec()));
    let number = number.to_le_bytes();
    let parts = [path.as_bytes(), &number].into_iter().chain(values.iter().map(Vec::as_slice));
    ContentHash::of_parts(parts).as_bytes().first_chunk().map_or(0, |bytes| i64::from_le_bytes(*bytes))
}

fn has_table(database: &Connection) -> rusqlite::Result<bool> {
    let has_table = "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'dormant')";
    database.prepare_cached(has_table)?.query_row([], |row| row.get(0))
}

/// Ends the notices of dormant articles in a ledger that has everything in memory.
pub(super) fn end_notices(database: &Connection, ledger: &mut Ledger) -> rusqlite::Result<()> {
    if !has_table(database)? {
        return Ok(());
    }
    let mut statement = database.prepare("SELECT path, since FROM dormant")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        ledger.end_notices(&ArticlePath::new(row.get_ref(0)?.as_str()?), row.get(1)?);
    }
    Ok(())
}

/// Whether any article is dormant, so that records have to be looked at ([`remove`]).
pub(super) fn is_any(database: &Connection) -> rusqlite::Result<bool> {
    let is_any = "SELECT EXISTS (SELECT 1 FROM dormant)";
    Ok(has_table(database)? && database.prepare_cached(is_any)?.query_row([], |row| row.get(0))?)
}

/// Forgets that any article is dormant: the log has everything.
pub(super) fn clear(database: &Connection) -> rusqlite::Result<()> {
    database.execute("DELETE FROM dormant", []).map(|_| ())
}

/// So many articles are worth looking through all records, of which there may be a hundred times as many.
pub const WORTH_UNTYING: i64 = 1_000;
/// So many are noted at a time: whoever writes waits no longer than for these.
const BATCH: usize = 1_000;

/// Sees which dormant articles no record ties to another article, beside the one who writes, if that is not known of so many:
/// they never moved, and nobody else had their ids. Leaving out their records changes nothing of others.
///
/// # Errors
/// Where the ledger can't be read or written. It stays as good as it was.
pub fn untie(directory: &Path, worthwhile: i64) -> Result<usize, StoreError> {
    let path = directory.join(DATABASE);
    // SQLite keeps the file of a second connection open until the first one is closed: none is made for a small ledger.
    if worthwhile > 0 && last_noted_record(directory).unwrap_or(0) < worthwhile {
        return Ok(0);
    }
    let work = || -> Result<usize, Unread> {
        let mut database = Connection::open_with_flags(&path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        database.busy_timeout(MAX_LOCK_WAIT)?;
        if !has_table(&database)? {
            return Ok(0);
        }
        let unknown: i64 =
            database.query_row("SELECT count(*) FROM dormant WHERE is_free IS NULL", [], |row| row.get(0))?;
        let least = worthwhile.max(last_record(&database)?.saturating_mul(worthwhile) / (WORTH_UNTYING * 100));
        if unknown < least { Ok(0) } else { note_free(&mut database) }
    };
    work().map_err(|unread| unusable(&path, unread))
}

fn note_free(database: &mut Connection) -> Result<usize, Unread> {
    let unknown: Vec<(String, i64)> = {
        let mut statement = database.prepare("SELECT path, number FROM dormant WHERE is_free IS NULL")?;
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        rows.collect::<Result<_, _>>()?
    };
    let tied = tied(database)?;
    let mut free = 0;
    for batch in unknown.chunks(BATCH) {
        let transaction = database.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for (path, number) in batch {
            let is_free = !tied.contains(&ContentHash::of(path.as_bytes()));
            free += usize::from(is_free);
            // It may be awake by now.
            transaction
                .prepare_cached("UPDATE dormant SET is_free = ? WHERE path = ? AND number = ?")?
                .execute(params![is_free, path, number])?;
        }
        transaction.commit()?;
    }
    Ok(free)
}

/// The hashes of the paths of articles that moved, or whose ids others had or nobody has any more.
fn tied(database: &Connection) -> Result<HashSet<ContentHash>, Unread> {
    let mut tied = HashSet::new();
    let mut owners: HashMap<ContentHash, ContentHash> = HashMap::new();
    let kinds = "SELECT kind, path, value FROM record WHERE kind IN ('published', 'imported', 'moved', 'replaced') ORDER BY number";
    let mut statement = database.prepare(kinds)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let text = |column: usize| row.get_ref(column).and_then(|text| Ok(text.as_str()?));
        let (kind, path, value) = (text(0)?, text(1)?, text(2)?);
        let (path, value) = (ContentHash::of(path.as_bytes()), ContentHash::of(value.as_bytes()));
        match kind {
            "moved" => tied.extend([path, value]),
            // The id stands where others have their path.
            "replaced" => tied.extend(owners.get(&path)),
            _ => {
                let owner = *owners.entry(value).or_insert(path);
                if owner != path {
                    tied.extend([owner, path]);
                }
            }
        }
    }
    Ok(tied)
}

/// Which articles fell asleep after which record, while records are replayed in their order.
pub(super) struct Asleep<'d> {
    database: &'d Connection,
    /// Whose records are not replayed: after which record they fell asleep, by the hashes of their paths.
    free: HashMap<ContentHash, i64>,
    /// The next ones of the others.
    next: VecDeque<(i64, ArticlePath)>,
    /// The hashes of the paths of those that were told of.
    paths: HashSet<ContentHash>,
    is_none: bool,
}

/// What is to be done with a record while it is replayed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Replayed {
    Yes,
    /// It is of an article that needn't be in memory.
    No,
    /// It is about an article that had fallen asleep before it: a program wrote it that knows nothing of that.
    Stale,
}

impl<'d> Asleep<'d> {
    pub(super) fn none(database: &'d Connection) -> Asleep<'d> {
        Asleep { database, free: HashMap::new(), next: VecDeque::new(), paths: HashSet::new(), is_none: true }
    }

    pub(super) fn all(database: &'d Connection) -> Result<Asleep<'d>, Unread> {
        let is_none = !has_table(database)?;
        let mut asleep = Asleep { is_none, ..Asleep::none(database) };
        asleep.read_after(-1, "")?;
        Ok(asleep)
    }

    /// How many articles are.
    pub(super) fn count(&self) -> rusqlite::Result<i64> {
        match self.is_none {
            true => Ok(0),
            false => self.database.query_row("SELECT count(*) FROM dormant", [], |row| row.get(0)),
        }
    }

    /// Those whose records are not replayed: their fingerprints, and since when they are retracted. `None`: a row is spoilt.
    pub(super) fn free(&mut self) -> Result<Option<Vec<(Fingerprints, i64)>>, Unread> {
        let mut free = Vec::new();
        if self.is_none {
            return Ok(Some(free));
        }
        let query = "SELECT path, number, by_path, by_id, by_version, since, check_sum FROM dormant WHERE is_free";
        let mut statement = self.database.prepare(query)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let path = row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?;
            let (number, since): (i64, i64) = (row.get(1)?, row.get(5)?);
            let (by_path, by_id, by_version): (i64, Option<i64>, Option<i64>) = (row.get(2)?, row.get(3)?, row.get(4)?);
            if check_sum(path, number, [Some(by_path), by_id, by_version, Some(since)]) != row.get::<_, i64>(6)? {
                return Ok(None);
            }
            self.free.insert(ContentHash::of(path.as_bytes()), number);
            let fingerprints = Fingerprints {
                path: by_path.cast_unsigned(),
                id: by_id.map(i64::cast_unsigned),
                version: by_version.map(i64::cast_unsigned),
            };
            free.push((fingerprints, since));
        }
        Ok(Some(free))
    }

    /// Reads some more of the others after one.
    fn read_after(&mut self, number: i64, path: &str) -> Result<(), Unread> {
        if self.is_none {
            return Ok(());
        }
        let query = "SELECT number, path FROM dormant WHERE is_free IS NOT TRUE AND (number, path) > (?, ?)
            ORDER BY number, path LIMIT 1024";
        let mut statement = self.database.prepare_cached(query)?;
        let mut rows = statement.query(params![number, path])?;
        while let Some(row) = rows.next()? {
            self.next.push_back((row.get(0)?, ArticlePath::new(&row.get::<_, String>(1)?)));
        }
        Ok(())
    }

    /// The next of the others that fell asleep before a record.
    pub(super) fn before(&mut self, record: i64) -> Result<Option<Record>, Unread> {
        let Some((number, path)) = self.next.pop_front_if(|(number, _)| *number < record) else { return Ok(None) };
        if self.next.is_empty() {
            self.read_after(number, path.as_str())?;
        }
        self.paths.insert(ContentHash::of(path.as_str().as_bytes()));
        Ok(Some(Record::Dormant { path, article: Box::default() }))
    }

    /// Whether a record of this number and path is to be replayed, before it is decoded.
    pub(super) fn replays(&self, number: i64, path: &str) -> Replayed {
        if self.free.is_empty() && self.paths.is_empty() {
            return Replayed::Yes;
        }
        let hash = ContentHash::of(path.as_bytes());
        match self.free.get(&hash) {
            Some(last) if number <= *last => Replayed::No,
            None if !self.paths.contains(&hash) => Replayed::Yes,
            _ => Replayed::Stale,
        }
    }

    /// Whether a record says that an article is now where one fell asleep before it.
    pub(super) fn is_stale(&self, record: &Record) -> bool {
        let Record::Moved { to, .. } = record else { return false };
        let hash = ContentHash::of(to.as_str().as_bytes());
        self.free.contains_key(&hash) || self.paths.contains(&hash)
    }
}
