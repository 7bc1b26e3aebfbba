//! How records are spelt in the tables, and read again.

use std::sync::{Arc, mpsc};

use jiff::Timestamp;
use rusqlite::{Connection, Row, params};
use serde::{Deserialize, Serialize};

use super::SCHEMA;
use crate::ledger::{Ledger, Record, Retraction, TextPrint, Withdrawal};
use crate::types::{ArticlePath, ContentHash, EntryId, Text};

pub(super) fn write_record(database: &Connection, record: &Record, now: i64) -> rusqlite::Result<()> {
    // kind, path, value, hash, instant
    let log = |kind: &str, path: &ArticlePath, value: &str, hash: Option<&ContentHash>, instant: Option<Timestamp>| {
        database
            .prepare_cached("INSERT INTO record (at, kind, path, value, hash, instant) VALUES (?, ?, ?, ?, ?, ?)")?
            .execute(params![
                now,
                kind,
                path.as_str(),
                value,
                hash.map(ContentHash::as_bytes),
                instant.map(Timestamp::as_millisecond)
            ])
    };
    match record {
        Record::Seen { path, at } => log("seen", path, &at.as_millisecond().to_string(), None, None),
        Record::Published { path, id, hash, date } => log("published", path, id.as_str(), Some(hash), Some(*date)),
        Record::Imported { path, id } => log("imported", path, id.as_str(), None, None),
        Record::Text { path, print, changed } => {
            log("text", path, &print.version.to_string(), Some(&print.hash), *changed)
        }
        Record::Moved { from, to } => log("moved", from, to.as_str(), None, None),
        Record::Retracted { path, retraction } => {
            log("retracted", path, &StoredRetraction::text(retraction), None, Some(retraction.at))
        }
        Record::Hidden { path, hash } => log("hidden", path, "", Some(hash), None),
        Record::Restored { path } => log("restored", path, "", None, None),
        Record::Withdrawn { path, feeds } => {
            let feeds: Vec<&str> = feeds.iter().map(|feed| &**feed).collect();
            log("withdrawn", path, &serde_json::to_string(&feeds).unwrap_or_default(), None, None)
        }
        Record::Lost { path } => log("lost", path, "", None, None),
        Record::Found { path } => log("found", path, "", None, None),
        // Of no file any more; the id stands where others have their path.
        Record::Replaced { id, retraction } => {
            let id = ArticlePath::new(id.as_str());
            log("replaced", &id, &StoredRetraction::text(retraction), None, Some(retraction.at))
        }
        Record::Kept { hash, path, bytes } => database
            .prepare_cached("INSERT OR REPLACE INTO source (hash, path, bytes) VALUES (?, ?, ?)")?
            .execute(params![hash.as_bytes(), path.as_str(), &**bytes]),
        Record::Dropped { hash } => {
            database.prepare_cached("DELETE FROM source WHERE hash = ?")?.execute(params![hash.as_bytes()])
        }
        Record::Feed { route, updated } => database
            .prepare_cached("INSERT OR REPLACE INTO feed (route, updated) VALUES (?, ?)")?
            .execute(params![&**route, updated.as_millisecond()]),
        Record::Document { route, hash, last_modified } => database
            .prepare_cached("INSERT OR REPLACE INTO document (route, hash, last_modified) VALUES (?, ?, ?)")?
            .execute(params![&**route, hash.as_bytes(), last_modified.as_millisecond()]),
    }
    .map(|_| ())
}

/// What a record of a retraction says besides its instant.
#[derive(Serialize, Deserialize)]
struct StoredRetraction {
    by: String,
    reason: Option<String>,
    feeds: Vec<String>,
}

const WITHDRAWALS: [(Withdrawal, &str); 3] =
    [(Withdrawal::Deleted, "deleted"), (Withdrawal::Status, "status"), (Withdrawal::Command, "command")];

impl StoredRetraction {
    fn text(retraction: &Retraction) -> String {
        let by = WITHDRAWALS.into_iter().find(|(by, _)| *by == retraction.by).map_or("", |(_, name)| name);
        let stored = StoredRetraction {
            by: by.to_owned(),
            reason: retraction.reason.as_ref().map(ToString::to_string),
            feeds: retraction.feeds.iter().map(ToString::to_string).collect(),
        };
        serde_json::to_string(&stored).unwrap_or_default()
    }

    fn read(text: &str, at: Timestamp) -> Option<Retraction> {
        let stored: StoredRetraction = serde_json::from_str(text).ok()?;
        Some(Retraction {
            at,
            reason: stored.reason.map(|reason| Text::line(&reason)),
            by: WITHDRAWALS.into_iter().find(|(_, name)| *name == stored.by)?.0,
            feeds: stored.feeds.into_iter().map(Arc::from).collect(),
        })
    }
}

/// Records that are handed on together, and how many such parts wait.
const PART: usize = 1_024;
const PARTS: usize = 8;

pub(super) fn replay(database: &Connection, version: usize) -> rusqlite::Result<Ledger> {
    let instant_of = if version < SCHEMA { "NULL" } else { "instant" };
    // So many at most: most articles were published in one version.
    let articles: i64 =
        database.query_row("SELECT count(*) FROM record WHERE kind = 'published'", [], |row| row.get(0))?;
    // To fold records takes as long as to read them.
    let (sender, inbox) = mpsc::sync_channel::<Vec<Record>>(PARTS);
    let mut ledger = std::thread::scope(|scope| {
        let folding = scope.spawn(move || {
            let mut ledger = Ledger::default();
            ledger.reserve(usize::try_from(articles).unwrap_or(0));
            inbox.iter().flatten().for_each(|record| ledger.apply(&record));
            ledger
        });
        let read = || -> rusqlite::Result<()> {
            let mut statement = database
                .prepare(&format!("SELECT kind, path, value, hash, {instant_of} FROM record ORDER BY number"))?;
            let mut rows = statement.query([])?;
            let mut part = Vec::with_capacity(PART);
            while let Some(row) = rows.next()? {
                part.extend(read_record(row, 0)?);
                if part.len() == PART {
                    // Where nobody folds any more, a panic is on its way.
                    sender.send(std::mem::replace(&mut part, Vec::with_capacity(PART))).unwrap_or_default();
                }
            }
            sender.send(part).unwrap_or_default();
            Ok(())
        };
        let done = read();
        drop(sender);
        let ledger = folding.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        done.map(|()| ledger)
    })?;
    let mut statement = database.prepare("SELECT route, hash, last_modified FROM document")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (route, hash): (String, [u8; 16]) = (row.get(0)?, row.get(1)?);
        if let Some(last_modified) = instant(row.get(2)?) {
            let hash = ContentHash::from_bytes(hash);
            ledger.apply(&Record::Document { route: Arc::from(route), hash, last_modified });
        }
    }
    if version < SCHEMA {
        return Ok(ledger);
    }
    let mut statement = database.prepare("SELECT route, updated FROM feed")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let route: String = row.get(0)?;
        if let Some(updated) = instant(row.get(1)?) {
            ledger.apply(&Record::Feed { route: Arc::from(route), updated });
        }
    }
    let mut statement = database.prepare("SELECT hash, path FROM source")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (hash, path): ([u8; 16], String) = (row.get(0)?, row.get(1)?);
        let (hash, path) = (ContentHash::from_bytes(hash), ArticlePath::new(&path));
        // The bytes are asked for when they are needed.
        ledger.apply(&Record::Kept { hash, path, bytes: Arc::from([]) });
    }
    Ok(ledger)
}

/// A row of kind, path, value, hash and instant, from this column on; `None` for a kind that this program does not know.
pub(super) fn read_record(row: &Row<'_>, first: usize) -> rusqlite::Result<Option<Record>> {
    let text = |column: usize| row.get_ref(first + column).and_then(|value| Ok(value.as_str()?));
    let (kind, path, value) = (text(0)?, text(1)?, text(2)?);
    let hash = row.get::<_, Option<[u8; 16]>>(first + 3)?.map(ContentHash::from_bytes);
    let at = row.get::<_, Option<i64>>(first + 4)?.and_then(instant);
    let path = ArticlePath::new(path);
    Ok(match (kind, hash) {
        ("seen", _) => instant(value.parse().unwrap_or_default()).map(|at| Record::Seen { path, at }),
        ("published", Some(hash)) => {
            let date = at.unwrap_or(Timestamp::UNIX_EPOCH);
            Some(Record::Published { path, id: EntryId::minted(value.to_owned()), hash, date })
        }
        ("text", Some(hash)) => {
            let print = TextPrint { hash, version: value.parse().unwrap_or_default() };
            Some(Record::Text { path, print, changed: at })
        }
        ("imported", _) => Some(Record::Imported { path, id: EntryId::minted(value.to_owned()) }),
        ("moved", _) => Some(Record::Moved { from: path, to: ArticlePath::new(value) }),
        ("retracted", _) => {
            at.and_then(|at| StoredRetraction::read(value, at)).map(|retraction| Record::Retracted { path, retraction })
        }
        ("hidden", Some(hash)) => Some(Record::Hidden { path, hash }),
        ("restored", _) => Some(Record::Restored { path }),
        ("withdrawn", _) => {
            let feeds: Vec<String> = serde_json::from_str(value).unwrap_or_default();
            Some(Record::Withdrawn { path, feeds: feeds.into_iter().map(Arc::from).collect() })
        }
        ("lost", _) => Some(Record::Lost { path }),
        ("found", _) => Some(Record::Found { path }),
        ("replaced", _) => at
            .and_then(|at| StoredRetraction::read(value, at))
            .map(|retraction| Record::Replaced { id: EntryId::minted(path.to_string()), retraction }),
        _ => None,
    })
}

pub(super) fn instant(milliseconds: i64) -> Option<Timestamp> {
    Timestamp::from_millisecond(milliseconds).ok()
}
