//! Removes records that neither a start nor `dateline history` needs, so that an article that is edited every minute doesn't make the ledger
//! grow for ever.
//!
//! Of an article with many records stay: the newest hundred; its first record and its first publication; when it was seen first and imported; what
//! operators retracted; and the last record of each thing that a later one overrides. Replaying these gives the same ledger. Articles
//! whose records depend on those of others are left alone: what was moved, what shares an id, and what has an unreadable record.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::Path;

use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use super::rows::{Numbered, Unread, columns, read_record};
use super::{DATABASE, MAX_LOCK_WAIT, SCHEMA, StoreError, WHOLE, last_noted_record, last_record, unusable, version};
use crate::ledger::{Record, Withdrawal};

const LIMITS: Limits = Limits { most: 200, kept: 100 };
/// So many new records are worth looking through all of them.
const WORTHWHILE: i64 = 10_000;
/// So many are removed at a time: whoever writes waits no longer than for these.
const BATCH_RECORDS: usize = 1_000;

/// Made when a ledger is looked through for the first time.
const TABLE: &str = "
    CREATE TABLE IF NOT EXISTS compaction (
        removed INTEGER NOT NULL,  -- how many records, so that others that are missing are noticed
        looked  INTEGER NOT NULL   -- the last record when they were looked through
    ) STRICT;
    INSERT INTO compaction SELECT 0, 0 WHERE NOT EXISTS (SELECT 1 FROM compaction);
";

/// What is left of an article's records.
#[derive(Clone, Copy)]
struct Limits {
    /// An article with no more records than this is left alone.
    most: i64,
    /// So many of the newest records stay, whatever they are.
    kept: usize,
}

/// Compacts the ledger of a state directory beside the one who writes it, if enough was written since the last time. Returns how many
/// records it removed.
///
/// # Errors
/// Where the ledger can't be read or written. It stays as good as it was.
pub fn compact(directory: &Path) -> Result<usize, StoreError> {
    let path = directory.join(DATABASE);
    // Whether something was taken from readers after the list was written is asked of the records after that.
    let noted = last_noted_record(directory).unwrap_or(0);
    // SQLite keeps the file of a second connection open until the first one is closed: none is made for a small ledger.
    if noted < WORTHWHILE {
        return Ok(0);
    }
    let work = || -> Result<usize, Unread> {
        let mut database = Connection::open_with_flags(&path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        database.busy_timeout(MAX_LOCK_WAIT)?;
        if !(WHOLE..=SCHEMA).contains(&version(&database)?) {
            return Ok(0);
        }
        let last = last_record(&database)?;
        let (removed, looked) = progress(&database)?;
        // A large ledger is looked through when it has grown by a part of itself.
        if last.saturating_sub(looked) < WORTHWHILE.max(last.saturating_sub(removed) / 4) {
            return Ok(0);
        }
        let superseded = superseded(&database, noted, LIMITS)?;
        database.execute_batch(&format!("BEGIN IMMEDIATE; {TABLE} PRAGMA user_version = {SCHEMA}; COMMIT;"))?;
        for batch in superseded.chunks(BATCH_RECORDS) {
            let transaction = database.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let mut gone = 0;
            for number in batch {
                gone += transaction.prepare_cached("DELETE FROM record WHERE number = ?")?.execute([number])?;
            }
            let count = i64::try_from(gone).unwrap_or(i64::MAX);
            transaction.execute("UPDATE compaction SET removed = removed + ?", [count])?;
            transaction.commit()?;
        }
        database.execute("UPDATE compaction SET looked = ?", [last])?;
        Ok(superseded.len())
    };
    work().map_err(|unread| unusable(&path, unread))
}

/// How many records were removed, and the last record when they were looked through last.
pub(super) fn progress(database: &Connection) -> rusqlite::Result<(i64, i64)> {
    let has_table = "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'compaction')";
    match database.query_row(has_table, [], |row| row.get(0))? {
        true => database.query_row("SELECT removed, looked FROM compaction", [], |row| Ok((row.get(0)?, row.get(1)?))),
        false => Ok((0, 0)),
    }
}

/// The numbers of the records that can go, of those up to `noted`.
fn superseded(database: &Connection, noted: i64, limits: Limits) -> Result<Vec<i64>, Unread> {
    let mut articles = database.prepare("SELECT path FROM record GROUP BY path HAVING count(*) > ?")?;
    let articles = articles.query_map([limits.most], |row| row.get::<_, String>(0))?;
    let articles: HashSet<String> = articles.collect::<Result<_, _>>()?;
    if articles.is_empty() {
        return Ok(Vec::new());
    }
    let mut records: BTreeMap<String, Vec<Numbered>> = BTreeMap::new();
    // Who has an id, and what must be left alone.
    let mut owners: HashMap<String, String> = HashMap::new();
    let mut entangled: BTreeSet<String> = BTreeSet::new();
    let mut statement = database.prepare(&format!("SELECT {} FROM record ORDER BY number", columns(SCHEMA)))?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let path: String = row.get(3)?;
        let numbered = read_record(row)?;
        match &numbered.record {
            Record::Published { id, .. } | Record::Imported { id, .. } => {
                let owner = owners.entry(id.to_string()).or_insert_with(|| path.clone());
                if *owner != path {
                    entangled.extend([owner.clone(), path.clone()]);
                }
            }
            Record::Moved { from, to } => entangled.extend([from.to_string(), to.to_string()]),
            Record::Replaced { id, .. } => entangled.extend(owners.get(id.as_str()).cloned()),
            Record::Unreadable { .. } => drop(entangled.insert(path.clone())),
            _ => {}
        }
        if articles.contains(&path) {
            records.entry(path).or_default().push(numbered);
        }
    }
    let free = records.into_iter().filter(|(path, _)| !entangled.contains(path));
    let mut superseded: Vec<i64> = free.flat_map(|(_, records)| superseded_of(&records, limits.kept)).collect();
    superseded.retain(|number| *number <= noted);
    superseded.sort_unstable();
    Ok(superseded)
}

/// What a record says that a later one of the same kind overrides.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Statement {
    Publication,
    Version,
    Text,
    Retraction,
    Withdrawal,
    Loss,
}

/// The superseded records of one article, whose records these are.
fn superseded_of(records: &[Numbered], kept: usize) -> Vec<i64> {
    let mut overridden: HashSet<Statement> = HashSet::new();
    let mut ids = records.iter().filter_map(|numbered| match &numbered.record {
        Record::Published { id, .. } | Record::Imported { id, .. } => Some(id),
        _ => None,
    });
    let id = ids.next();
    // Another article took its file.
    if ids.any(|other| Some(other) != id) {
        return Vec::new();
    }
    let first = records.iter().find(|numbered| matches!(numbered.record, Record::Published { .. }));
    // Without the record that an article is known by, its restoration is that of nothing.
    let oldest = records.iter().find(|numbered| !matches!(numbered.record, Record::Restored { .. }));
    let kept_first = [first, oldest].map(|kept| kept.map(|kept| kept.number));
    let mut superseded = Vec::new();
    for (newer, numbered) in records.iter().rev().enumerate() {
        use Statement::{Loss, Publication, Retraction, Text, Version, Withdrawal as Withheld};
        // What it says, and what it makes a thing of the past.
        let (says, overrides): (Statement, &[Statement]) = match &numbered.record {
            Record::Published { .. } => (Publication, &[Publication, Version, Withheld]),
            Record::Hidden { .. } => (Version, &[Version]),
            Record::Text { .. } => (Text, &[Text]),
            Record::Retracted { .. } | Record::Restored { .. } => (Retraction, &[Retraction]),
            Record::Withdrawn { .. } => (Withheld, &[Withheld]),
            Record::Lost { .. } | Record::Found { .. } => (Loss, &[Loss]),
            _ => continue,
        };
        let is_overridden = overridden.contains(&says);
        overridden.extend(overrides);
        let is_by_command =
            matches!(&numbered.record, Record::Retracted { retraction, .. } if retraction.by == Withdrawal::Command);
        if is_overridden && newer >= kept && !is_by_command && !kept_first.contains(&Some(numbered.number)) {
            superseded.push(numbered.number);
        }
    }
    superseded
}

#[cfg(test)]
mod tests;
