//! The records of one article, for `dateline history`.

use std::path::Path;

use jiff::Timestamp;
use rusqlite::{OptionalExtension, params};

use super::error::StoreError;
use super::opening::read_state;
use super::rows::{INSTANTS_SCHEMA, columns, instant, read_record};
use crate::ledger::Record;
use crate::types::ArticlePath;

/// Returns all records of the article that a file contains, oldest first, and the time of each. Moves are followed back to earlier paths.
///
/// # Errors
/// As [`super::read_ledger`].
pub fn history(directory: &Path, path: &ArticlePath) -> Result<Vec<(Timestamp, Record)>, StoreError> {
    let records = read_state(directory, |database, version| {
        if version < INSTANTS_SCHEMA {
            return Ok(Vec::new());
        }
        // The search goes backwards, because only the current path is known.
        let mut records = Vec::new();
        let mut path = path.clone();
        let mut before = i64::MAX;
        loop {
            let mut numbered =
                database.prepare_cached("SELECT number FROM record WHERE kind = 'moved' AND value = ?1 AND number < ?2 ORDER BY number DESC LIMIT 1")?;
            let arrived: Option<i64> =
                numbered.query_row(params![path.as_str(), before], |row| row.get(0)).optional()?;
            let mut rows = database.prepare_cached(&format!(
                "SELECT {} FROM record WHERE path = ?1 AND number < ?2 AND number > ?3 ORDER BY number DESC",
                columns(version)
            ))?;
            // Records from before another article left this path belong to that article.
            let mut left = database
                .prepare_cached("SELECT max(number) FROM record WHERE kind = 'moved' AND path = ?1 AND number < ?2")?;
            let left: Option<i64> = left.query_row(params![path.as_str(), before], |row| row.get(0))?;
            let since = arrived.max(left).unwrap_or(0);
            let mut rows = rows.query(params![path.as_str(), before, since])?;
            while let Some(row) = rows.next()? {
                let numbered = read_record(row)?;
                records.push((numbered.at, numbered.record));
            }
            let Some(arrived) = arrived.filter(|arrived| left.is_none_or(|left| *arrived > left)) else { break };
            let moved: (i64, String) =
                database.query_row("SELECT at, path FROM record WHERE number = ?", [arrived], |row| {
                    Ok((row.get(0)?, row.get(1)?))
                })?;
            let from = ArticlePath::new(&moved.1);
            records.extend(instant(moved.0).map(|at| (at, Record::Moved { from: from.clone(), to: path.clone() })));
            path = from;
            before = arrived;
        }
        records.reverse();
        Ok(records)
    });
    records.map(Option::unwrap_or_default)
}
