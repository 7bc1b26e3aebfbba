//! Reads the ledger and stored files without a lock, while a daemon may be writing them.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension};

use super::error::{ReadError, StoreError};
use super::opening::read_state;
use super::replay::replay;
use super::saved::{last_listed_record, missing_records};
use super::schema::last_record;
use crate::ledger::Ledger;
use crate::types::ContentHash;

/// Reads the whole ledger of a directory without writing or locking anything. The ledger is empty if there is no state.
///
/// # Errors
/// If the state is damaged, newer or can't be read.
pub fn read_ledger(directory: &Path) -> Result<Ledger, StoreError> {
    // The list is read before the database, because a daemon may be writing: the list never has records that the database lacks.
    let last_listed = last_listed_record(directory);
    read_state(directory, |database, version| match version {
        0 => Ok(Ledger::default()),
        _ => match missing_records(last_listed, last_record(database)?) {
            Some(error) => Err(error),
            None => replay(database, version),
        },
    })
    .map(Option::unwrap_or_default)
}

/// Returns the stored files with these hashes. Damaged ones are left out.
///
/// # Errors
/// As [`read_ledger`].
pub(super) fn load_sources(
    directory: &Path,
    hashes: &[ContentHash],
) -> Result<Vec<(ContentHash, Vec<u8>)>, StoreError> {
    read_state(directory, |database, _| sources(database, hashes)).map(Option::unwrap_or_default)
}

/// Returns the stored files with these hashes. Damaged ones are left out.
pub(super) fn sources(database: &Connection, hashes: &[ContentHash]) -> Result<Vec<(ContentHash, Vec<u8>)>, ReadError> {
    let mut statement = database.prepare_cached("SELECT bytes FROM source WHERE hash = ?")?;
    let mut found = Vec::new();
    for hash in hashes {
        let bytes: Option<Vec<u8>> = statement.query_row([hash.as_bytes()], |row| row.get(0)).optional()?;
        found.extend(bytes.filter(|bytes| ContentHash::of(bytes) == *hash).map(|bytes| (*hash, bytes)));
    }
    Ok(found)
}
