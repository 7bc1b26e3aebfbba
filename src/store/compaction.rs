//! Removes records that neither a start nor `dateline history` needs. Without this, an article that is edited every minute would make the
//! ledger grow for ever.
//!
//! # Which records stay?
//!
//! Of an article with many records, these stay:
//!
//! - the newest hundred
//! - its first record, its first publication, its first-seen time and its import
//! - retractions by operators
//! - the last record of each topic, such as the publication or the retraction
//!
//! Replaying these records gives the same ledger. Articles whose records depend on those of others are skipped: moved articles, articles
//! that share an id, and those with an unreadable record.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};

use super::directory::DATABASE;
use super::error::{ReadError, StoreError, unusable};
use super::interruption::Interruption;
use super::opening::{self, Access};
use super::rows::{NumberedRecord, columns, read_record};
use super::saved::last_listed_record;
use super::schema::{MAX_LOCK_WAIT, SCHEMA, UNCOMPACTED_SCHEMA, last_record, version};
use crate::ledger::{Record, Withdrawal};

const LIMITS: Limits = Limits { max_records: 200, newest_records: 100 };
/// The ledger is scanned for superseded records when it has this many new ones.
const MIN_NEW_RECORDS: i64 = 10_000;
/// The number of records that one transaction removes. The writer waits for one transaction at most.
const BATCH_RECORDS: usize = 1_000;

/// The table that the first compaction creates.
const TABLE: &str = "
    CREATE TABLE IF NOT EXISTS compaction (
        removed INTEGER NOT NULL,  -- the number of removed records; other missing records mean damage
        looked  INTEGER NOT NULL   -- the number of the last record at the last scan
    ) STRICT;
    INSERT INTO compaction SELECT 0, 0 WHERE NOT EXISTS (SELECT 1 FROM compaction);
";

/// The limits of an article's records.
#[derive(Clone, Copy)]
struct Limits {
    /// Articles with no more records than this are skipped.
    max_records: i64,
    /// This number of the newest records stays in any case.
    newest_records: usize,
}

/// Compacts the ledger of a state directory while the writer continues, if enough records were written since the last time. Returns the
/// number of removed records. An interruption writes records during the scan and between two transactions.
///
/// # Errors
/// If the ledger can't be read or written. The ledger stays valid.
pub(super) fn compact(directory: &Path, interruption: &Interruption) -> Result<usize, StoreError> {
    let path = directory.join(DATABASE);
    // Later records stay: the next start searches them for withdrawals after the list of published documents was saved.
    let last_listed = last_listed_record(directory).unwrap_or(0);
    // A small ledger gets no second connection, whose file SQLite keeps open until the first one is closed.
    if last_listed < MIN_NEW_RECORDS {
        return Ok(0);
    }
    let work = || -> Result<usize, ReadError> {
        let mut database = opening::open(&path, Access::Write, MAX_LOCK_WAIT)?;
        if !(UNCOMPACTED_SCHEMA..=SCHEMA).contains(&version(&database)?) {
            return Ok(0);
        }
        let last = last_record(&database)?;
        let (removed, last_scanned) = progress(&database)?;
        // A large ledger is scanned when it has grown by a quarter.
        if last.saturating_sub(last_scanned) < MIN_NEW_RECORDS.max(last.saturating_sub(removed) / 4) {
            return Ok(0);
        }
        interruption.install(&mut database);
        let superseded = superseded(&database, last_listed, LIMITS)?;
        Interruption::remove(&mut database);
        database.execute_batch(&format!("BEGIN IMMEDIATE; {TABLE} PRAGMA user_version = {SCHEMA}; COMMIT;"))?;
        for batch in superseded.chunks(BATCH_RECORDS) {
            let transaction = database.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let mut deleted = 0;
            for number in batch {
                deleted += transaction.prepare_cached("DELETE FROM record WHERE number = ?")?.execute([number])?;
            }
            let count = i64::try_from(deleted).unwrap_or(i64::MAX);
            transaction.execute("UPDATE compaction SET removed = removed + ?", [count])?;
            transaction.commit()?;
            if interruption.pause() {
                return Ok(superseded.len());
            }
        }
        database.execute("UPDATE compaction SET looked = ?", [last])?;
        Ok(superseded.len())
    };
    work().map_err(|error| unusable(&path, error))
}

/// Returns the number of removed records, and the number of the last record at the last scan.
pub(super) fn progress(database: &Connection) -> rusqlite::Result<(i64, i64)> {
    let has_table = "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'compaction')";
    match database.query_row(has_table, [], |row| row.get(0))? {
        true => database.query_row("SELECT removed, looked FROM compaction", [], |row| Ok((row.get(0)?, row.get(1)?))),
        false => Ok((0, 0)),
    }
}

/// Returns the numbers of the superseded records up to `last_listed`.
fn superseded(database: &Connection, last_listed: i64, limits: Limits) -> Result<Vec<i64>, ReadError> {
    let mut articles = database.prepare("SELECT path FROM record GROUP BY path HAVING count(*) > ?")?;
    let articles = articles.query_map([limits.max_records], |row| row.get::<_, String>(0))?;
    let articles: HashSet<String> = articles.collect::<Result<_, _>>()?;
    if articles.is_empty() {
        return Ok(Vec::new());
    }
    let mut records: BTreeMap<String, Vec<NumberedRecord>> = BTreeMap::new();
    // The path of each id's owner, and the paths of articles that are skipped.
    let mut owners: HashMap<String, String> = HashMap::new();
    let mut dependent: BTreeSet<String> = BTreeSet::new();
    let mut statement = database.prepare(&format!("SELECT {} FROM record ORDER BY number", columns(SCHEMA)))?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let path: String = row.get(3)?;
        let numbered = read_record(row)?;
        match &numbered.record {
            Record::Published { id, .. } | Record::Imported { id, .. } => {
                let owner = owners.entry(id.to_string()).or_insert_with(|| path.clone());
                if *owner != path {
                    dependent.extend([owner.clone(), path.clone()]);
                }
            }
            Record::Moved { from, to } => dependent.extend([from.to_string(), to.to_string()]),
            Record::Replaced { id, .. } => dependent.extend(owners.get(id.as_str()).cloned()),
            Record::Unreadable { .. } => drop(dependent.insert(path.clone())),
            _ => {}
        }
        if articles.contains(&path) {
            records.entry(path).or_default().push(numbered);
        }
    }
    let independent = records.into_iter().filter(|(path, _)| !dependent.contains(path));
    let superseded = independent.flat_map(|(_, records)| superseded_of(&records, limits.newest_records));
    let mut superseded: Vec<i64> = superseded.collect();
    superseded.retain(|number| *number <= last_listed);
    superseded.sort_unstable();
    Ok(superseded)
}

/// The subject of a record. A later record on the same topic overrides it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Topic {
    Publication,
    Version,
    Text,
    Retraction,
    Withdrawal,
    Loss,
    Release,
}

/// Returns the numbers of the superseded records among those of one article.
fn superseded_of(records: &[NumberedRecord], newest_records: usize) -> Vec<i64> {
    let mut overridden: HashSet<Topic> = HashSet::new();
    let mut ids = records.iter().filter_map(|numbered| match &numbered.record {
        Record::Published { id, .. } | Record::Imported { id, .. } => Some(id),
        _ => None,
    });
    let id = ids.next();
    // A second id means that the file contained another article later.
    if ids.any(|other| Some(other) != id) {
        return Vec::new();
    }
    let first = records.iter().find(|numbered| matches!(numbered.record, Record::Published { .. }));
    // The oldest record stays, because a restoration without an article before it has no effect.
    let oldest = records.iter().find(|numbered| !matches!(numbered.record, Record::Restored { .. }));
    let first_numbers = [first, oldest].map(|record| record.map(|record| record.number));
    let mut superseded = Vec::new();
    for (newer, numbered) in records.iter().rev().enumerate() {
        use Topic::{Loss, Publication, Release, Retraction, Text, Version, Withdrawal as Withheld};
        let (topic, overrides): (Topic, &[Topic]) = match &numbered.record {
            Record::Published { .. } => (Publication, &[Publication, Version, Withheld]),
            Record::Hidden { .. } => (Version, &[Version]),
            Record::Text { .. } => (Text, &[Text]),
            Record::Retracted { .. } | Record::Restored { .. } => (Retraction, &[Retraction]),
            Record::Withdrawn { .. } => (Withheld, &[Withheld]),
            Record::Lost { .. } | Record::Found { .. } => (Loss, &[Loss]),
            Record::Released { .. } => (Release, &[Release]),
            _ => continue,
        };
        let is_overridden = overridden.contains(&topic);
        overridden.extend(overrides);
        let is_by_command =
            matches!(&numbered.record, Record::Retracted { retraction, .. } if retraction.by == Withdrawal::Command);
        if is_overridden && newer >= newest_records && !is_by_command && !first_numbers.contains(&Some(numbered.number))
        {
            superseded.push(numbered.number);
        }
    }
    superseded
}

#[cfg(test)]
mod tests;
