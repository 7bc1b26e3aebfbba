//! The table of dormant articles: their facts, found by fingerprints of their paths, ids and versions. `facts` encodes the facts of a row.
//!
//! # Why does a dormant article have a row in addition to its records?
//!
//! The records stay, and replaying all of them still gives the whole ledger. The row says what a start may leave out of memory. The row has
//! the number of the last record from when the article became dormant. A later record about the article deletes the row.
//!
//! # Which records aren't replayed?
//!
//! Those of independent articles: articles that never moved and whose ids no other article ever had ([`mark_independent`]). Other dormant
//! articles are replayed up to the number in their row, and then dropped, because records of other articles depend on theirs.

mod facts;

use std::collections::{HashMap, HashSet, VecDeque};
use std::path::Path;

use rusqlite::{Connection, Row, TransactionBehavior, params};

use super::directory::DATABASE;
use super::error::{ReadError, StoreError, unusable};
use super::interruption::Interruption;
use super::opening::{self, Access};
use super::saved::last_listed_record;
use super::schema::{MAX_LOCK_WAIT, last_record};
use crate::event::DormantQuery;
use crate::ledger::dormant::{Fingerprint, Fingerprints};
use crate::ledger::{ArticleFacts, Ledger, Record};
use crate::types::{ArticlePath, ContentHash};
use facts::StoredFacts;

/// Created when the first article becomes dormant. Earlier programs don't know the table; records that they wrote are detected
/// ([`ReplayAction::Stale`]).
const TABLE: &str = "
    CREATE TABLE IF NOT EXISTS dormant (
        path       TEXT PRIMARY KEY,
        number     INTEGER NOT NULL,  -- of the last record when the article became dormant
        by_path    INTEGER NOT NULL,  -- fingerprints
        by_id      INTEGER,
        by_version INTEGER,
        since      INTEGER NOT NULL,  -- when it was retracted, in seconds since 1970
        is_free    INTEGER,           -- whether the article is independent; NULL: not checked yet
        facts      TEXT NOT NULL,     -- the facts, as JSON
        seal       BLOB NOT NULL,     -- hash of path and facts
        check_sum  INTEGER NOT NULL   -- of path, number, fingerprints and since
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS dormant_number ON dormant (number);
    CREATE INDEX IF NOT EXISTS dormant_unknown ON dormant (path) WHERE is_free IS NULL;
    CREATE INDEX IF NOT EXISTS dormant_path ON dormant (by_path);
    CREATE INDEX IF NOT EXISTS dormant_id ON dormant (by_id);
    CREATE INDEX IF NOT EXISTS dormant_version ON dormant (by_version);
";

/// Stores the facts about an article that becomes dormant.
pub(super) fn put(database: &Connection, path: &ArticlePath, article: &ArticleFacts) -> rusqlite::Result<usize> {
    if !has_table(database)? {
        database.execute_batch(TABLE)?;
    }
    let Fingerprints { path: by_path, id, version } = Fingerprints::of(path, article);
    let (id, version) = (id.map(Fingerprint::cast_signed), version.map(Fingerprint::cast_signed));
    let (facts, last) = (StoredFacts::text(article), last_record(database)?);
    let since = article.retired_since();
    let checksum = checksum(path.as_str(), &facts);
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
            checksum.as_bytes(),
            check_sum
        ])
}

/// Deletes the row of an article that isn't dormant any more.
pub(super) fn remove(database: &Connection, path: &str) -> rusqlite::Result<usize> {
    if !has_table(database)? {
        return Ok(0);
    }
    database.prepare_cached("DELETE FROM dormant WHERE path = ?")?.execute([path])
}

/// Returns the dormant articles that match a query, and those that had the same ids, the most recent first. `None` if a row is damaged.
pub(super) fn find_rows(
    database: &Connection,
    query: &DormantQuery,
) -> Result<Option<Vec<(ArticlePath, ArticleFacts)>>, ReadError> {
    let mut found: Vec<DormantArticle> = Vec::new();
    if !has_table(database)? {
        return Ok(Some(Vec::new()));
    }
    let mut known: HashSet<String> = HashSet::new();
    let mut ids = query.ids.clone();
    let mut is_damaged = false;
    let mut find = |column: &str, fingerprint: Fingerprint| -> Result<Vec<DormantArticle>, ReadError> {
        let select = format!("SELECT path, facts, seal, number, by_id FROM dormant WHERE {column} = ?");
        let mut statement = database.prepare_cached(&select)?;
        let mut rows = statement.query([fingerprint.cast_signed()])?;
        let mut matching = Vec::new();
        while let Some(row) = rows.next()? {
            let Some(dormant) = DormantArticle::read(row)? else {
                is_damaged = true;
                continue;
            };
            matching.extend(known.insert(dormant.path.to_string()).then_some(dormant));
        }
        Ok(matching)
    };
    for (column, fingerprints) in [("by_path", &query.paths), ("by_version", &query.versions)] {
        for fingerprint in fingerprints {
            found.extend(find(column, *fingerprint)?);
        }
    }
    ids.extend(found.iter().filter_map(|dormant| dormant.id));
    for id in ids {
        found.extend(find("by_id", id)?);
    }
    found.sort_by_key(|dormant| std::cmp::Reverse(dormant.number));
    let found = found.into_iter().map(|dormant| (dormant.path, dormant.article)).collect();
    Ok(Some(found).filter(|_| !is_damaged))
}

/// A row of the table.
struct DormantArticle {
    path: ArticlePath,
    article: ArticleFacts,
    number: i64,
    id: Option<Fingerprint>,
}

impl DormantArticle {
    /// Decodes a row. `None` if it is damaged.
    fn read(row: &Row<'_>) -> rusqlite::Result<Option<DormantArticle>> {
        let (path, facts): (String, String) = (row.get(0)?, row.get(1)?);
        let stored: [u8; 16] = row.get(2)?;
        let is_intact = ContentHash::from_bytes(stored) == checksum(&path, &facts);
        let Some(article) = StoredFacts::read(&facts).filter(|_| is_intact) else { return Ok(None) };
        let id: Option<i64> = row.get(4)?;
        let path = ArticlePath::new(&path);
        Ok(Some(DormantArticle { path, article, number: row.get(3)?, id: id.map(i64::cast_unsigned) }))
    }
}

fn checksum(path: &str, facts: &str) -> ContentHash {
    ContentHash::of_parts([path.as_bytes(), facts.as_bytes()])
}

/// The checksum of the columns that a start reads.
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

/// Ends the notices of dormant articles in a ledger that was replayed with them.
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

/// Whether any article is dormant. If not, new records needn't delete rows.
pub(super) fn is_any(database: &Connection) -> rusqlite::Result<bool> {
    let is_any = "SELECT EXISTS (SELECT 1 FROM dormant)";
    Ok(has_table(database)? && database.prepare_cached(is_any)?.query_row([], |row| row.get(0))?)
}

/// Deletes all rows. The records still have all facts.
pub(super) fn clear(database: &Connection) -> rusqlite::Result<()> {
    database.execute("DELETE FROM dormant", []).map(|_| ())
}

/// All records are scanned when this number of dormant articles is unchecked, or one for each hundred records if that is more.
pub(super) const MIN_UNCHECKED_ARTICLES: i64 = 1_000;
/// The number of rows that one transaction updates. The writer waits for one transaction at most.
const BATCH_ROWS: usize = 1_000;

/// Checks which dormant articles are independent, while the writer continues: they never moved, and no other article had their ids.
/// Leaving out their records doesn't change other articles. Does nothing if fewer than `min_unchecked` articles are unchecked. Returns the
/// number of articles found to be independent.
///
/// # Errors
/// If the ledger can't be read or written. The ledger stays valid.
pub(super) fn mark_independent(
    directory: &Path,
    min_unchecked: i64,
    interruption: &Interruption,
) -> Result<usize, StoreError> {
    let path = directory.join(DATABASE);
    // A small ledger gets no second connection, whose file SQLite keeps open until the first one is closed.
    if min_unchecked > 0 && last_listed_record(directory).unwrap_or(0) < min_unchecked {
        return Ok(0);
    }
    let work = || -> Result<usize, ReadError> {
        let mut database = opening::open(&path, Access::Write, MAX_LOCK_WAIT)?;
        if !has_table(&database)? {
            return Ok(0);
        }
        let unchecked: i64 =
            database.query_row("SELECT count(*) FROM dormant WHERE is_free IS NULL", [], |row| row.get(0))?;
        let per_record = last_record(&database)?.saturating_mul(min_unchecked) / (MIN_UNCHECKED_ARTICLES * 100);
        if unchecked < min_unchecked.max(per_record) { Ok(0) } else { check_independence(&mut database, interruption) }
    };
    work().map_err(|error| unusable(&path, error))
}

fn check_independence(database: &mut Connection, interruption: &Interruption) -> Result<usize, ReadError> {
    let unchecked: Vec<(String, i64)> = {
        let mut statement = database.prepare("SELECT path, number FROM dormant WHERE is_free IS NULL")?;
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        rows.collect::<Result<_, _>>()?
    };
    interruption.install(database);
    let dependent = dependent_articles(database)?;
    Interruption::remove(database);
    let mut independent = 0;
    for batch in unchecked.chunks(BATCH_ROWS) {
        let transaction = database.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for (path, number) in batch {
            let is_independent = !dependent.contains(&ContentHash::of(path.as_bytes()));
            independent += usize::from(is_independent);
            // The number is compared because the article may have come back meanwhile.
            transaction
                .prepare_cached("UPDATE dormant SET is_free = ? WHERE path = ? AND number = ?")?
                .execute(params![is_independent, path, number])?;
        }
        transaction.commit()?;
        if interruption.pause() {
            break;
        }
    }
    Ok(independent)
}

/// Returns the hashes of the paths of articles that moved, whose id another article had, or whose id was released.
fn dependent_articles(database: &Connection) -> Result<HashSet<ContentHash>, ReadError> {
    let mut dependent = HashSet::new();
    let mut owners: HashMap<ContentHash, ContentHash> = HashMap::new();
    let kinds = "SELECT kind, path, value FROM record WHERE kind IN ('published', 'imported', 'moved', 'replaced') ORDER BY number";
    let mut statement = database.prepare(kinds)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let text = |column: usize| row.get_ref(column).and_then(|text| Ok(text.as_str()?));
        let (kind, path, value) = (text(0)?, text(1)?, text(2)?);
        let (path, value) = (ContentHash::of(path.as_bytes()), ContentHash::of(value.as_bytes()));
        match kind {
            "moved" => dependent.extend([path, value]),
            // These records have an id in the column of the path.
            "replaced" => dependent.extend(owners.get(&path)),
            _ => {
                let owner = *owners.entry(value).or_insert(path);
                if owner != path {
                    dependent.extend([owner, path]);
                }
            }
        }
    }
    Ok(dependent)
}

/// Decides during a replay, which goes through the records in order, which articles stay out of memory.
pub(super) struct DormantFilter<'d> {
    database: &'d Connection,
    /// Independent articles, whose records are skipped: the number in their row, by the hash of their path.
    independent: HashMap<ContentHash, i64>,
    /// The next rows of dependent articles, in order of their numbers. Read in batches.
    next: VecDeque<(i64, ArticlePath)>,
    /// The hashes of the paths of dependent articles that the replay has dropped.
    dropped: HashSet<ContentHash>,
    is_empty: bool,
}

/// How to replay a record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum ReplayAction {
    Apply,
    /// The record is about an independent dormant article.
    Skip,
    /// The record is about an article that became dormant before it. An earlier program, which doesn't know the table, wrote the record.
    Stale,
}

impl<'d> DormantFilter<'d> {
    /// Keeps all articles in memory.
    pub(super) fn none(database: &'d Connection) -> DormantFilter<'d> {
        let (independent, next, dropped) = (HashMap::new(), VecDeque::new(), HashSet::new());
        DormantFilter { database, independent, next, dropped, is_empty: true }
    }

    /// Keeps dormant articles out of memory.
    pub(super) fn all(database: &'d Connection) -> Result<DormantFilter<'d>, ReadError> {
        let is_empty = !has_table(database)?;
        let mut filter = DormantFilter { is_empty, ..DormantFilter::none(database) };
        filter.read_after(-1, "")?;
        Ok(filter)
    }

    /// The number of articles that stay out of memory.
    pub(super) fn count(&self) -> rusqlite::Result<i64> {
        match self.is_empty {
            true => Ok(0),
            false => self.database.query_row("SELECT count(*) FROM dormant", [], |row| row.get(0)),
        }
    }

    /// Reads the rows of independent articles. Returns their fingerprints and retraction times; `None` if a row is damaged.
    pub(super) fn read_independent(&mut self) -> Result<Option<Vec<(Fingerprints, i64)>>, ReadError> {
        let mut independent = Vec::new();
        if self.is_empty {
            return Ok(Some(independent));
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
            self.independent.insert(ContentHash::of(path.as_bytes()), number);
            let fingerprints = Fingerprints {
                path: by_path.cast_unsigned(),
                id: by_id.map(i64::cast_unsigned),
                version: by_version.map(i64::cast_unsigned),
            };
            independent.push((fingerprints, since));
        }
        Ok(Some(independent))
    }

    /// Reads the next rows of dependent articles, after the one with this number and path.
    fn read_after(&mut self, number: i64, path: &str) -> Result<(), ReadError> {
        if self.is_empty {
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

    /// Returns the record that drops the next dependent article that became dormant before a record.
    pub(super) fn next_before(&mut self, record: i64) -> Result<Option<Record>, ReadError> {
        let Some((number, path)) = self.next.pop_front_if(|(number, _)| *number < record) else { return Ok(None) };
        if self.next.is_empty() {
            self.read_after(number, path.as_str())?;
        }
        self.dropped.insert(ContentHash::of(path.as_str().as_bytes()));
        Ok(Some(Record::Dormant { path, article: Box::default() }))
    }

    /// Returns how to replay a record with this number and path. The record needn't be decoded yet.
    pub(super) fn action(&self, number: i64, path: &str) -> ReplayAction {
        if self.independent.is_empty() && self.dropped.is_empty() {
            return ReplayAction::Apply;
        }
        let hash = ContentHash::of(path.as_bytes());
        match self.independent.get(&hash) {
            Some(last) if number <= *last => ReplayAction::Skip,
            None if !self.dropped.contains(&hash) => ReplayAction::Apply,
            _ => ReplayAction::Stale,
        }
    }

    /// Whether a record moved an article to the path of one that was dormant by then.
    pub(super) fn is_stale(&self, record: &Record) -> bool {
        let Record::Moved { to, .. } = record else { return false };
        let hash = ContentHash::of(to.as_str().as_bytes());
        self.independent.contains_key(&hash) || self.dropped.contains(&hash)
    }
}
