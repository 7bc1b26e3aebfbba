//! The tables of the journal: what changed in feeds. Damaged rows cost subscribers a reset, and no article.

use std::sync::Arc;

use jiff::Timestamp;
use rusqlite::{Connection, Row, params};

use crate::ledger::Routes;
use crate::ledger::journal::{EntryChange, JournalChange, JournalPart, JournalRow, RemovalCause};
use crate::types::{ContentHash, EntryId, Text};

/// The tables. Earlier programs ignore them.
pub(super) const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS journal (
        number INTEGER PRIMARY KEY,
        at     INTEGER NOT NULL,  -- milliseconds since 1970
        id     TEXT,              -- of the entry; none: all feeds were reset
        hash   BLOB,              -- of the entry's file; of a reset: of the configuration file
        before TEXT NOT NULL,     -- the routes of the feeds that had the entry, in JSON
        after  TEXT NOT NULL,     -- the routes of the feeds that have it
        cause  TEXT NOT NULL,     -- retracted, expired, gone
        reason TEXT
    ) STRICT;
    CREATE TABLE IF NOT EXISTS journal_name (name TEXT NOT NULL) STRICT;
    INSERT INTO journal_name SELECT lower(hex(randomblob(4))) WHERE NOT EXISTS (SELECT 1 FROM journal_name);
";

const COLUMNS: &str = "number, at, id, hash, before, after, cause, reason";
/// The number of rows that one transaction prunes at most.
const PRUNED_ROWS: i64 = 256;
/// The number of rows that are read at a time.
const LOADED_ROWS: usize = if cfg!(test) { 3 } else { 1_000 };

/// Whether there is a journal.
fn exists(database: &Connection) -> rusqlite::Result<bool> {
    let query = "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'journal_name')";
    database.query_row(query, [], |row| row.get(0))
}

/// The name of the journal. Numbers of another journal mean nothing in this one. `None` if the state was only opened for reading and has no
/// journal yet.
pub(super) fn name(database: &Connection) -> rusqlite::Result<Option<String>> {
    match exists(database)? {
        true => database.query_row("SELECT name FROM journal_name", [], |row| row.get(0)).map(Some),
        false => Ok(None),
    }
}

/// Gives the journal of a copy a name of its own: subscribers may know later rows of the original.
pub(super) fn rename(database: &Connection) -> rusqlite::Result<()> {
    match exists(database)? {
        true => database.execute("UPDATE journal_name SET name = lower(hex(randomblob(4)))", []).map(|_| ()),
        false => Ok(()),
    }
}

/// Writes rows, and removes some of the rows from before `keep_since`. The last row always stays, because numbers are never reused.
pub(super) fn write(database: &Connection, rows: &[JournalRow], keep_since: Timestamp) -> rusqlite::Result<()> {
    for JournalRow { number, at, change } in rows {
        let (id, hash, before, after, cause, reason) = match change {
            JournalChange::Reset { configuration } => {
                (None, Some(*configuration), String::new(), String::new(), RemovalCause::Gone, None)
            }
            JournalChange::Entry(EntryChange { id, hash, before, after, cause, reason }) => {
                (Some(id.as_str()), *hash, encode(before), encode(after), *cause, reason.as_ref().map(Text::as_str))
            }
        };
        let hash = hash.as_ref().map(ContentHash::as_bytes);
        let number = i64::try_from(*number).unwrap_or(i64::MAX);
        database
            .prepare_cached(
                "INSERT OR REPLACE INTO journal (number, at, id, hash, before, after, cause, reason)
                 VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            )?
            .execute(params![number, at.as_millisecond(), id, hash, before, after, cause.name(), reason])?;
    }
    database
        .prepare_cached(
            "DELETE FROM journal WHERE at < ?1 AND number < (SELECT min(number) FROM journal) + ?2
             AND number < (SELECT max(number) FROM journal)",
        )?
        .execute(params![keep_since.as_millisecond(), PRUNED_ROWS])?;
    Ok(())
}

/// Reads the rows after `after`, but not all at once.
pub(super) fn load(database: &Connection, after: u64) -> rusqlite::Result<JournalPart> {
    let after = i64::try_from(after).unwrap_or(i64::MAX);
    let mut part = JournalPart { rows: Vec::new(), is_complete: true, has_more: false };
    let mut statement = database
        .prepare_cached(&format!("SELECT {COLUMNS} FROM journal WHERE number > ?1 ORDER BY number LIMIT ?2"))?;
    let limit = i64::try_from(LOADED_ROWS + 1).unwrap_or(i64::MAX);
    let mut rows = statement.query(params![after, limit])?;
    let mut expected = after.saturating_add(1);
    while let Some(row) = rows.next()? {
        if part.rows.len() == LOADED_ROWS {
            part.has_more = true;
            break;
        }
        part.is_complete &= row.get::<_, i64>(0)? == expected;
        expected = expected.saturating_add(1);
        match read(row) {
            Some(row) => part.rows.push(row),
            None => part.is_complete = false,
        }
    }
    Ok(part)
}

/// Reads every row. Damaged ones and what came before them are replaced by a reset of no configuration.
pub(super) fn replay(database: &Connection) -> rusqlite::Result<Vec<JournalRow>> {
    if !exists(database)? {
        return Ok(Vec::new());
    }
    let mut statement = database.prepare(&format!("SELECT {COLUMNS} FROM journal ORDER BY number"))?;
    let mut rows = statement.query([])?;
    let mut read_rows = Vec::new();
    while let Some(row) = rows.next()? {
        let read = read(row);
        if read.is_none() {
            read_rows.clear();
        }
        let number = u64::try_from(row.get::<_, i64>(0)?).unwrap_or_default();
        let damaged = || JournalRow {
            number,
            at: Timestamp::UNIX_EPOCH,
            change: JournalChange::Reset { configuration: ContentHash::of(b"") },
        };
        read_rows.push(read.unwrap_or_else(damaged));
    }
    Ok(read_rows)
}

/// Decodes a row. `None` if it is damaged.
fn read(row: &Row<'_>) -> Option<JournalRow> {
    let number = u64::try_from(row.get::<_, i64>(0).ok()?).ok()?;
    let at = Timestamp::from_millisecond(row.get(1).ok()?).ok()?;
    let id: Option<String> = row.get(2).ok()?;
    let hash: Option<[u8; 16]> = row.get(3).ok()?;
    let hash = hash.map(ContentHash::from_bytes);
    let change = match id {
        None => JournalChange::Reset { configuration: hash? },
        Some(id) => JournalChange::Entry(EntryChange {
            id: EntryId::minted(id),
            hash,
            before: decode(row.get_ref(4).ok()?.as_str().ok()?)?,
            after: decode(row.get_ref(5).ok()?.as_str().ok()?)?,
            cause: RemovalCause::parse(row.get_ref(6).ok()?.as_str().ok()?)?,
            reason: row.get::<_, Option<String>>(7).ok()?.map(|reason| Text::line(&reason)),
        }),
    };
    Some(JournalRow { number, at, change })
}

fn encode(routes: &Routes) -> String {
    let routes: Vec<&str> = routes.iter().map(|route| &**route).collect();
    serde_json::to_string(&routes).unwrap_or_default()
}

fn decode(routes: &str) -> Option<Routes> {
    let routes: Vec<Arc<str>> = serde_json::from_str::<Vec<String>>(routes).ok()?.into_iter().map(Arc::from).collect();
    Some(routes.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(number: u64, second: i64, id: &str) -> JournalRow {
        let routes = |routes: &[&str]| routes.iter().map(|route| Arc::from(*route)).collect();
        let change = EntryChange {
            id: EntryId::parse(id).unwrap(),
            hash: number.is_multiple_of(2).then(|| ContentHash::of(id.as_bytes())),
            before: routes(&["/"]),
            after: routes(&["/", "/caf%C3%A9/"]),
            cause: RemovalCause::Retracted,
            reason: number.is_multiple_of(2).then(|| Text::line("libel")),
        };
        JournalRow { number, at: Timestamp::from_second(second).unwrap(), change: JournalChange::Entry(change) }
    }

    fn database() -> Connection {
        let database = Connection::open_in_memory().unwrap();
        database.execute_batch(TABLES).unwrap();
        database
    }

    #[test]
    fn rows_are_read_in_parts_and_pruned_but_for_the_last() {
        let database = database();
        let rows: Vec<JournalRow> = (1..=7).map(|number| entry(number, 100, "tag:x,2026:a")).collect();
        write(&database, &rows, Timestamp::UNIX_EPOCH).unwrap();
        assert_eq!(replay(&database).unwrap(), rows);
        let first = load(&database, 2).unwrap();
        assert_eq!(first, JournalPart { rows: rows[2..5].to_vec(), is_complete: true, has_more: true });
        let rest = load(&database, 5).unwrap();
        assert_eq!(rest, JournalPart { rows: rows[5..].to_vec(), is_complete: true, has_more: false });
        write(&database, &[], Timestamp::from_second(101).unwrap()).unwrap();
        assert_eq!(replay(&database).unwrap(), rows[6..]);
        assert!(!load(&database, 5).unwrap().is_complete, "the sixth row was pruned");
        assert!(load(&database, 6).unwrap().is_complete);
    }

    #[test]
    fn damaged_rows_are_noticed() {
        let database = database();
        let rows: Vec<JournalRow> = (1..=3).map(|number| entry(number, 100, "tag:x,2026:a")).collect();
        write(&database, &rows, Timestamp::UNIX_EPOCH).unwrap();
        database.execute("UPDATE journal SET after = '[' WHERE number = 2", []).unwrap();
        assert!(!load(&database, 0).unwrap().is_complete);
        let replayed = replay(&database).unwrap();
        assert!(matches!(replayed[0].change, JournalChange::Reset { .. }), "{replayed:?}");
        assert_eq!((replayed[0].number, replayed.len()), (2, 2));
    }

    #[test]
    fn copies_have_another_name() {
        let database = database();
        let before = name(&database).unwrap();
        database.execute_batch(TABLES).unwrap();
        assert_eq!(name(&database).unwrap(), before);
        rename(&database).unwrap();
        assert_ne!(name(&database).unwrap(), before);
    }
}
