//! Rendered bodies, for the next start. A row is found by all that its body is a function of, so none is ever stale, and what the
//! disk spoilt does not have the hash that stands beside it. Anybody may delete the file.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, OptionalExtension, params};

use super::cache::remove;
use super::is_unwritable;
use crate::article::packed::PackedRendering;
use crate::types::ContentHash;

pub(super) const DATABASE: &str = "renderings.sqlite";
const SCHEMA: i64 = 1;
const TABLES: &str = "
    CREATE TABLE rendering (
        number INTEGER PRIMARY KEY,  -- the oldest is the least
        key    BLOB NOT NULL UNIQUE, -- hash of what it is a function of
        seal   BLOB NOT NULL,        -- hash of the key and the bytes
        bytes  BLOB NOT NULL         -- packed
    ) STRICT;
";
/// The most that it takes (bytes): what was written first goes first.
const BUDGET: i64 = 256 << 20;

/// The rendered bodies of a state directory.
#[derive(Debug)]
pub struct Renderings(Connection);

impl Renderings {
    /// Opens them, for who has locked the state; `None` where they cannot be used: then bodies are rendered.
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

    /// Forgets all of them.
    ///
    /// # Errors
    /// Where they stay.
    pub fn forget(state: &Path) -> io::Result<()> {
        remove(&file(state))
    }

    /// Those that there are of these.
    pub fn get(&self, keys: &[ContentHash]) -> HashMap<ContentHash, PackedRendering> {
        let find = |key: &ContentHash| -> rusqlite::Result<Option<PackedRendering>> {
            let mut statement = self.0.prepare_cached("SELECT seal, bytes FROM rendering WHERE key = ?")?;
            let found: Option<([u8; 16], Vec<u8>)> =
                statement.query_row([key.as_bytes()], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
            let is_whole = |(seal, bytes): &([u8; 16], Vec<u8>)| seal == self::seal(key, bytes).as_bytes();
            Ok(found.filter(is_whole).map(|(_, bytes)| PackedRendering::from_bytes(bytes)))
        };
        keys.iter().filter_map(|key| Some((*key, find(key).ok().flatten()?))).collect()
    }

    /// Keeps more of them. What cannot be kept is rendered again.
    pub fn keep(&mut self, rows: &[(ContentHash, PackedRendering)]) {
        let mut write = || -> rusqlite::Result<()> {
            let transaction = self.0.transaction()?;
            for (key, rendering) in rows {
                let bytes = rendering.as_bytes();
                transaction
                    .prepare_cached("INSERT OR REPLACE INTO rendering (key, seal, bytes) VALUES (?, ?, ?)")?
                    .execute(params![key.as_bytes(), seal(key, bytes).as_bytes(), bytes])?;
            }
            shrink(&transaction, BUDGET)?;
            transaction.commit()
        };
        if let Err(error) = write() {
            tracing::debug!(%error, "cannot write the cache of rendered bodies");
        }
    }
}

fn file(state: &Path) -> PathBuf {
    state.join(DATABASE)
}

fn seal(key: &ContentHash, bytes: &[u8]) -> ContentHash {
    ContentHash::of_parts([key.as_bytes().as_slice(), bytes])
}

fn open(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
    let database = Connection::open_with_flags(path, flags)?;
    database.busy_timeout(Duration::from_secs(5))?;
    database.pragma_update(None, "journal_mode", "wal")?;
    database.pragma_update(None, "synchronous", "off")?;
    match database.pragma_query_value(None, "user_version", |row| row.get::<_, i64>(0))? {
        0 => database.execute_batch(&format!("BEGIN IMMEDIATE; {TABLES} PRAGMA user_version = {SCHEMA}; COMMIT;"))?,
        SCHEMA => {}
        _ => return Err(rusqlite::Error::InvalidQuery),
    }
    Ok(database)
}

/// Forgets the older quarter of all until the rest fits.
fn shrink(database: &Connection, budget: i64) -> rusqlite::Result<()> {
    let number =
        |sql: &str| database.query_row(sql, [], |row| row.get::<_, Option<i64>>(0)).map(Option::unwrap_or_default);
    let page = number("PRAGMA page_size")?;
    while (number("PRAGMA page_count")? - number("PRAGMA freelist_count")?).saturating_mul(page) > budget {
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
    fn spoilt_and_exchanged_rows_are_as_good_as_none() {
        let (_folder, mut renderings) = state();
        let keys: Vec<ContentHash> = (0_u8..4).map(|key| ContentHash::of(&[key])).collect();
        let rows: Vec<_> =
            keys.iter().map(|key| (*key, PackedRendering::of(&rendered(&format!("船 {key}"))).unwrap())).collect();
        renderings.keep(&rows);
        let texts = |renderings: &Renderings| -> Vec<Option<Rendered>> {
            let found = renderings.get(&keys);
            keys.iter().map(|key| found.get(key).and_then(PackedRendering::open)).collect()
        };
        let whole: Vec<_> = keys.iter().map(|key| Some(rendered(&format!("船 {key}")))).collect();
        assert_eq!(texts(&renderings), whole);
        let spoil = |sql: &str| assert_eq!(renderings.0.execute(sql, []).unwrap(), 1, "{sql}");
        spoil("UPDATE rendering SET bytes = substr(bytes, 2) WHERE number = 1");
        spoil(
            "UPDATE rendering SET (seal, bytes) = (SELECT seal, bytes FROM rendering WHERE number = 3) WHERE number = 2",
        );
        assert_eq!(texts(&renderings), [None, None, whole[2].clone(), whole[3].clone()]);
        renderings.keep(&rows);
        assert_eq!(texts(&renderings), whole);
    }

    #[test]
    fn the_oldest_go_first() {
        let (folder, mut renderings) = state();
        let row = |number: u32| (ContentHash::of(&number.to_le_bytes()), PackedRendering::from_bytes(vec![7; 4_000]));
        renderings.keep(&(0..100).map(row).collect::<Vec<_>>());
        shrink(&renderings.0, 200_000).unwrap();
        let there: Vec<u32> = (0..100).filter(|&number| !renderings.get(&[row(number).0]).is_empty()).collect();
        assert!((20..50).contains(&there.len()) && there.last() == Some(&99), "{there:?}");
        drop(renderings);
        std::fs::write(file(folder.path()), "no database").unwrap();
        assert!(Renderings::open(folder.path()).unwrap().get(&[row(99).0]).is_empty());
    }
}
