//! Reads the ledger from its database.

use std::sync::{Arc, mpsc};

use jiff::Timestamp;
use rusqlite::Connection;

use super::dormant::{self, DormantFilter, ReplayAction};
use super::error::ReadError;
use super::journal;
use super::rows::{INSTANTS_SCHEMA, columns, instant, read_record};
use super::schema::{has_hubs, has_items};
use super::{archives, compaction};
use crate::ledger::{Ledger, Record, VersionRank};
use crate::types::{ArticlePath, ContentHash, EntryId};

/// Records are sent to the folding thread in batches.
const BATCH_RECORDS: usize = 1_024;
const MAX_WAITING_BATCHES: usize = 8;

/// Reads the whole ledger. Notices of dormant articles have ended, even if the current configuration would make them last longer.
pub(super) fn replay(database: &Connection, version: usize) -> Result<Ledger, ReadError> {
    let mut ledger = replay_records(database, version, DormantFilter::none(database))?.unwrap_or_default();
    dormant::end_notices(database, &mut ledger)?;
    Ok(ledger)
}

/// Reads the ledger without dormant articles. `None` if the table of dormant articles is damaged, or if records were written by an earlier
/// program that doesn't know the table.
pub(super) fn replay_without_dormant(database: &Connection, version: usize) -> Result<Option<Ledger>, ReadError> {
    replay_records(database, version, DormantFilter::all(database)?)
}

fn replay_records(
    database: &Connection,
    version: usize,
    mut filter: DormantFilter<'_>,
) -> Result<Option<Ledger>, ReadError> {
    let columns = columns(version);
    // The transaction protects the reader from a compaction that runs meanwhile.
    let _snapshot = database.unchecked_transaction()?;
    let (removed, _) = compaction::progress(database)?;
    // A close upper bound of the number of articles, since most were published in one version.
    let articles: i64 =
        database.query_row("SELECT count(*) FROM record WHERE kind = 'published'", [], |row| row.get(0))?;
    let articles = articles.saturating_sub(filter.count()?);
    let Some(independent) = filter.read_independent()? else { return Ok(None) };
    // Folding records takes as long as reading them, so each has a thread.
    let (sender, inbox) = mpsc::sync_channel::<Vec<Record>>(MAX_WAITING_BATCHES);
    let mut is_stale = false;
    let mut ledger = std::thread::scope(|scope| {
        let folding = scope.spawn(move || {
            let mut ledger = Ledger::default();
            ledger.reserve(usize::try_from(articles).unwrap_or(0));
            independent.into_iter().for_each(|(fingerprints, since)| ledger.add_dormant(fingerprints, since));
            inbox.iter().flatten().for_each(|record| ledger.apply(&record));
            ledger
        });
        let mut read = || -> Result<(), ReadError> {
            let filter = &mut filter;
            let mut statement = database.prepare(&format!("SELECT {columns} FROM record ORDER BY number"))?;
            let mut rows = statement.query([])?;
            let mut batch = Vec::with_capacity(BATCH_RECORDS);
            let (mut expected, mut gaps) = (1, 0);
            while let Some(row) = rows.next()? {
                let number: i64 = row.get(0)?;
                gaps += number.saturating_sub(expected);
                if gaps > removed {
                    return Err(ReadError::missing(expected, number.saturating_sub(1)));
                }
                expected = number.saturating_add(1);
                while let Some(dormant) = filter.next_before(number)? {
                    batch.push(dormant);
                }
                let action = filter.action(number, row.get_ref(3)?.as_str().map_err(rusqlite::Error::from)?);
                if action == ReplayAction::Skip {
                    continue;
                }
                let record = read_record(row)?.record;
                if action == ReplayAction::Stale || filter.is_stale(&record) {
                    is_stale = true;
                    return Ok(());
                }
                batch.push(record);
                if batch.len() >= BATCH_RECORDS {
                    // Sending fails only if the folding thread panicked, which `join` reports.
                    sender.send(std::mem::replace(&mut batch, Vec::with_capacity(BATCH_RECORDS))).unwrap_or_default();
                }
            }
            if gaps < removed {
                return Err(ReadError::Damaged(format!(
                    "{removed} of its records were removed, and {gaps} are missing"
                )));
            }
            while let Some(dormant) = filter.next_before(i64::MAX)? {
                batch.push(dormant);
            }
            sender.send(batch).unwrap_or_default();
            Ok(())
        };
        let done = read();
        drop(sender);
        let ledger = folding.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        done.map(|()| ledger)
    })?;
    if is_stale {
        return Ok(None);
    }
    let mut statement = database.prepare("SELECT route, hash, last_modified FROM document")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (route, hash): (String, [u8; 16]) = (row.get(0)?, row.get(1)?);
        let last_modified = read_date(row.get(2)?, &route)?;
        let hash = ContentHash::from_bytes(hash);
        ledger.apply(&Record::Document { route: Arc::from(route), hash, last_modified });
    }
    if version < INSTANTS_SCHEMA {
        return Ok(Some(ledger));
    }
    let mut statement = database.prepare("SELECT route, updated FROM feed")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let route: String = row.get(0)?;
        let updated = read_date(row.get(1)?, &route)?;
        ledger.apply(&Record::Feed { route: Arc::from(route), updated });
    }
    if has_items(database)? {
        let mut statement = database.prepare("SELECT id, number, second, modified FROM item")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let (id, number): (String, Option<String>) = (row.get(0)?, row.get(1)?);
            let version = VersionRank::new(number.as_deref(), row.get(2)?, row.get(3)?);
            ledger.apply(&Record::Version { id: EntryId::minted(id), version });
        }
    }
    archives::read(database, &mut ledger)?;
    if has_hubs(database)? {
        let mut statement = database.prepare("SELECT url, is_withdrawn, at FROM hub")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let (url, is_withdrawn): (String, bool) = (row.get(0)?, row.get(1)?);
            let at = read_date(row.get(2)?, &url)?;
            ledger.apply(&Record::Hub { url: Arc::from(url), is_withdrawn, at });
        }
    }
    ledger.apply(&Record::Journal { rows: journal::replay(database)?, keep_since: Timestamp::MIN });
    let mut statement = database.prepare("SELECT hash, path FROM source")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (hash, path): ([u8; 16], String) = (row.get(0)?, row.get(1)?);
        let (hash, path) = (ContentHash::from_bytes(hash), ArticlePath::new(&path));
        // The bytes are loaded on demand (`load_sources`).
        ledger.apply(&Record::Kept { hash, path, bytes: Arc::from([]) });
    }
    Ok(Some(ledger))
}

fn read_date(milliseconds: i64, route: &str) -> Result<Timestamp, ReadError> {
    instant(milliseconds).ok_or_else(|| ReadError::Damaged(format!("the date of `{route}` is none")))
}
