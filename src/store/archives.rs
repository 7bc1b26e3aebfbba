//! Writes sequence numbers and archives to the database, and reads them.
//!
//! # What happens to an archive that is damaged?
//!
//! The feed loses it and its later archives. Their entries are archived again, under new names.

use std::sync::Arc;

use rusqlite::{Connection, params};

use super::schema::has_archives;
use crate::ledger::archive::{Archive, ArchiveName, Number};
use crate::ledger::{Ledger, Record};
use crate::types::EntryId;

/// The bytes of a name: its number and its hash.
const NAME_BYTES: usize = 12;

/// Writes the numbers of new entries.
pub(super) fn write_numbers(database: &Connection, first: Number, ids: &[EntryId]) -> rusqlite::Result<usize> {
    let mut insert = database.prepare_cached("INSERT OR REPLACE INTO sequence (number, id) VALUES (?, ?)")?;
    (first..).zip(ids).try_fold(0, |count, (number, id)| Ok(count + insert.execute(params![number, id.as_str()])?))
}

/// Writes an archive of a feed.
pub(super) fn write_archive(
    database: &Connection,
    route: &str,
    place: usize,
    archive: &Archive,
) -> rusqlite::Result<usize> {
    let name = |name: &ArchiveName| [&name.last.to_be_bytes()[..], &name.hash.to_be_bytes()[..]].concat();
    let names: Vec<u8> = archive.names().iter().flat_map(name).collect();
    let place = i64::try_from(place).unwrap_or(i64::MAX);
    database
        .prepare_cached("INSERT OR REPLACE INTO archive (route, place, names, members) VALUES (?, ?, ?, ?)")?
        .execute(params![route, place, names, archive.packed_members()])
}

/// Reads all numbers and archives into a ledger that has the articles.
pub(super) fn read(database: &Connection, ledger: &mut Ledger) -> rusqlite::Result<()> {
    if !has_archives(database)? {
        return Ok(());
    }
    let mut statement = database.prepare("SELECT number, id FROM sequence ORDER BY number")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (first, id) = (row.get(0)?, EntryId::minted(row.get(1)?));
        ledger.apply(&Record::Sequenced { first, ids: vec![id] });
    }
    let mut statement = database.prepare("SELECT route, place, names, members FROM archive ORDER BY route, place")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (route, place): (String, i64) = (row.get(0)?, row.get(1)?);
        let archive = Archive::from_parts(read_names(&row.get::<_, Vec<u8>>(2)?), row.get(3)?);
        if let (Some(archive), Ok(place)) = (archive, usize::try_from(place)) {
            ledger.apply(&Record::Archive { route: Arc::from(route), place, archive: Arc::new(archive) });
        }
    }
    Ok(())
}

fn read_names(bytes: &[u8]) -> Vec<ArchiveName> {
    let name = |bytes: &[u8]| {
        let (last, hash) = bytes.split_first_chunk()?;
        Some(ArchiveName { last: Number::from_be_bytes(*last), hash: u64::from_be_bytes(*hash.first_chunk()?) })
    };
    bytes.chunks_exact(NAME_BYTES).filter_map(name).collect()
}
