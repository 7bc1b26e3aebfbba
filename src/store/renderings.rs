//! The cache of rendered bodies, for the next start. The key of a row is the hash of everything that its body depends on, so no row is
//! stale. A damaged row doesn't match its checksum and isn't used. The file may be deleted at any time.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension, params};

use super::cache::remove;
use super::directory::RENDERINGS_DATABASE;
use super::error::is_unwritable;
use super::opening::{self, Access};
use super::schema::MAX_LOCK_WAIT;
use crate::article::packed::PackedRendering;
use crate::types::ContentHash;

const SCHEMA: i64 = 1;
const TABLES: &str = "
    CREATE TABLE rendering (
        number INTEGER PRIMARY KEY,  -- in order of insertion
        key    BLOB NOT NULL UNIQUE, -- hash of everything that the body depends on
        seal   BLOB NOT NULL,        -- hash of the key and the bytes
        bytes  BLOB NOT NULL         -- packed
    ) STRICT;
";
/// The maximum size of the database. The oldest rows are removed first.
const MAX_BYTES: i64 = 256 << 20;

/// The rendered bodies of a state directory.
#[derive(Debug)]
pub struct Renderings(Connection);

impl Renderings {
    /// Opens the cache of a state directory that this process has locked. `None` if it can't be used, so that all bodies are rendered.
    pub fn open(state: &Path) -> Option<Renderings> {
        let path = file(state);
        let database = open(&path).or_else(|error| {
            if is_unwritable(&error) {
                return Err(error);
            }
            remove(&path).unwrap_or_default();
            open(&path)
        });
        database
            .map(Renderings)
            .inspect_err(
                |error| tracing::debug!(file = %path.display(), %error, "cannot open the cache of rendered bodies"),
            )
            .ok()
    }

    /// Removes the cache of a state directory.
    ///
    /// # Errors
    /// If a file can't be removed.
    pub fn forget(state: &Path) -> io::Result<()> {
        remove(&file(state))
    }

    /// Returns the bodies that the cache has for some keys.
    pub fn get(&self, keys: &[ContentHash]) -> HashMap<ContentHash, PackedRendering> {
        let find = |key: &ContentHash| -> rusqlite::Result<Option<PackedRendering>> {
            let mut statement = self.0.prepare_cached("SELECT seal, bytes FROM rendering WHERE key = ?")?;
            let found: Option<([u8; 16], Vec<u8>)> =
                statement.query_row([key.as_bytes()], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
            let is_intact = |(stored, bytes): &([u8; 16], Vec<u8>)| stored == checksum(key, bytes).as_bytes();
            Ok(found.filter(is_intact).map(|(_, bytes)| PackedRendering::from_bytes(bytes)))
        };
        keys.iter().filter_map(|key| Some((*key, find(key).ok().flatten()?))).collect()
    }

    /// Stores bodies. A failure is logged only, since bodies can be rendered again.
    pub fn store(&mut self, rows: &[(ContentHash, PackedRendering)]) {
        let mut write = || -> rusqlite::Result<()> {
            let transaction = self.0.transaction()?;
            for (key, rendering) in rows {
                let bytes = rendering.as_bytes();
                transaction
                    .prepare_cached("INSERT OR REPLACE INTO rendering (key, seal, bytes) VALUES (?, ?, ?)")?
                    .execute(params![key.as_bytes(), checksum(key, bytes).as_bytes(), bytes])?;
            }
            shrink(&transaction, MAX_BYTES)?;
            transaction.commit()
        };
        if let Err(error) = write() {
            tracing::debug!(%error, "cannot write the cache of rendered bodies");
        }
    }
}

fn file(state: &Path) -> PathBuf {
    state.join(RENDERINGS_DATABASE)
}

fn checksum(key: &ContentHash, bytes: &[u8]) -> ContentHash {
    ContentHash::of_parts([key.as_bytes().as_slice(), bytes])
}

fn open(path: &Path) -> rusqlite::Result<Connection> {
    let database = opening::open(path, Access::Create, MAX_LOCK_WAIT)?;
    database.pragma_update(None, "journal_mode", "wal")?;
    database.pragma_update(None, "synchronous", "off")?;
    match database.pragma_query_value(None, "user_version", |row| row.get::<_, i64>(0))? {
        0 => database.execute_batch(&format!("BEGIN IMMEDIATE; {TABLES} PRAGMA user_version = {SCHEMA}; COMMIT;"))?,
        SCHEMA => {}
        _ => return Err(rusqlite::Error::InvalidQuery),
    }
    Ok(database)
}

/// Deletes the oldest quarter of the rows until the rest needs `max_bytes` at most.
fn shrink(database: &Connection, max_bytes: i64) -> rusqlite::Result<()> {
    let number =
        |sql: &str| database.query_row(sql, [], |row| row.get::<_, Option<i64>>(0)).map(Option::unwrap_or_default);
    let page = number("PRAGMA page_size")?;
    while (number("PRAGMA page_count")? - number("PRAGMA freelist_count")?).saturating_mul(page) > max_bytes {
        let (first, last) =
            (number("SELECT min(number) FROM rendering")?, number("SELECT max(number) FROM rendering")?);
        if database.execute("DELETE FROM rendering WHERE number <= ?", [first + (last - first) / 4])? == 0 {
            break;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::article::render::Rendered;
    use crate::types::{ArticlePath, Text};

    fn rendered(text: &str) -> Rendered {
        let local_media = vec![ArticlePath::new("quay.jpg")];
        Rendered { html: Text::new(&format!("<p>{text}</p>")), text: text.to_owned(), lead: None, local_media }
    }

    fn state() -> (tempfile::TempDir, Renderings) {
        let folder = tempfile::tempdir().unwrap();
        let renderings = Renderings::open(folder.path()).unwrap();
        (folder, renderings)
    }

    #[test]
    fn damaged_and_exchanged_rows_are_ignored() {
        let (_folder, mut renderings) = state();
        let keys: Vec<ContentHash> = (0_u8..4).map(|key| ContentHash::of(&[key])).collect();
        let rows: Vec<_> =
            keys.iter().map(|key| (*key, PackedRendering::of(&rendered(&format!("船 {key}"))).unwrap())).collect();
        renderings.store(&rows);
        let texts = |renderings: &Renderings| -> Vec<Option<Rendered>> {
            let found = renderings.get(&keys);
            keys.iter().map(|key| found.get(key).and_then(PackedRendering::open)).collect()
        };
        let intact: Vec<_> = keys.iter().map(|key| Some(rendered(&format!("船 {key}")))).collect();
        assert_eq!(texts(&renderings), intact);
        let damage = |sql: &str| assert_eq!(renderings.0.execute(sql, []).unwrap(), 1, "{sql}");
        damage("UPDATE rendering SET bytes = substr(bytes, 2) WHERE number = 1");
        damage(
            "UPDATE rendering SET (seal, bytes) = (SELECT seal, bytes FROM rendering WHERE number = 3) WHERE number = 2",
        );
        assert_eq!(texts(&renderings), [None, None, intact[2].clone(), intact[3].clone()]);
        renderings.store(&rows);
        assert_eq!(texts(&renderings), intact);
    }

    #[test]
    fn oldest_rows_are_deleted_first() {
        let (folder, mut renderings) = state();
        let row = |number: u32| (ContentHash::of(&number.to_le_bytes()), PackedRendering::from_bytes(vec![7; 4_000]));
        renderings.store(&(0..100).map(row).collect::<Vec<_>>());
        shrink(&renderings.0, 200_000).unwrap();
        let stored_numbers: Vec<u32> =
            (0..100).filter(|&number| !renderings.get(&[row(number).0]).is_empty()).collect();
        assert!((20..50).contains(&stored_numbers.len()) && stored_numbers.last() == Some(&99), "{stored_numbers:?}");
        drop(renderings);
        std::fs::write(file(folder.path()), "no database").unwrap();
        assert!(Renderings::open(folder.path()).unwrap().get(&[row(99).0]).is_empty());
    }
}
