//! The tables of the ledger's database, their versions and their migration.

use std::time::Duration;

use rusqlite::Connection;

use super::journal;

/// The SQL that migrates the tables from each version to the next. Databases of later versions are refused, because this program doesn't
/// know what their records mean.
const MIGRATIONS: [&str; 3] = [
    "
    CREATE TABLE record (
        number INTEGER PRIMARY KEY,
        at     INTEGER NOT NULL,  -- when the record was written, in milliseconds since 1970
        kind   TEXT NOT NULL,     -- seen, published, imported, text, moved, withdrawn, retracted, restored ...
        path   TEXT NOT NULL,
        value  TEXT NOT NULL,     -- seen: milliseconds; published, imported: id; moved: the new path
        hash   BLOB               -- published, hidden: of the file's bytes
    ) STRICT;
    CREATE TABLE document (
        route         TEXT PRIMARY KEY,
        hash          BLOB NOT NULL,
        last_modified INTEGER NOT NULL  -- milliseconds since 1970
    ) STRICT, WITHOUT ROWID;
    ",
    "
    ALTER TABLE record ADD COLUMN instant INTEGER;  -- published: its date; text: the last change; retracted: since when
    CREATE TABLE feed (
        route   TEXT PRIMARY KEY,
        updated INTEGER NOT NULL  -- milliseconds since 1970
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE source (         -- the files of the entries that readers see
        hash  BLOB PRIMARY KEY,
        path  TEXT NOT NULL,
        bytes BLOB NOT NULL
    ) STRICT;
    ",
    "
    ALTER TABLE record ADD COLUMN seal INTEGER;  -- checksums of the path and of the row; older records have none
    ",
];
/// The version of a ledger with all records.
pub(super) const UNCOMPACTED_SCHEMA: usize = MIGRATIONS.len();
/// The version of a ledger from which records were removed (`compaction`). Earlier programs would report it as damaged.
pub(super) const SCHEMA: usize = UNCOMPACTED_SCHEMA + 1;
/// The time that a write waits for another process's lock on the database. A retraction waits with it.
pub(super) const MAX_LOCK_WAIT: Duration = Duration::from_millis(500);
/// The error message for a database that isn't dateline's.
pub(super) const NO_TABLES: &str = "it has no tables";

/// Returns the version of the tables. 0 if there are none.
pub(super) fn version(database: &Connection) -> rusqlite::Result<usize> {
    let version: i64 = database.pragma_query_value(None, "user_version", |row| row.get(0))?;
    // A negative version isn't dateline's.
    Ok(usize::try_from(version).unwrap_or(usize::MAX))
}

/// Returns the number of the last record. 0 if there is none.
pub(super) fn last_record(database: &Connection) -> rusqlite::Result<i64> {
    database.prepare_cached("SELECT coalesce(max(number), 0) FROM record")?.query_row([], |row| row.get(0))
}

/// Migrates the tables, and returns their new version.
pub(super) fn migrate(database: &Connection) -> rusqlite::Result<usize> {
    let version = version(database)?;
    let missing = MIGRATIONS.get(version..).unwrap_or_default();
    if !missing.is_empty() {
        let tables = missing.concat();
        database
            .execute_batch(&format!("BEGIN IMMEDIATE; {tables} PRAGMA user_version = {UNCOMPACTED_SCHEMA}; COMMIT;"))?;
    }
    database.execute_batch(ITEMS)?;
    database.execute_batch(ARCHIVES)?;
    database.execute_batch(journal::TABLES)?;
    database.execute_batch(HUBS)?;
    Ok(version.max(UNCOMPACTED_SCHEMA))
}

/// The table of the current versions of agencies' items. Earlier programs ignore it.
const ITEMS: &str = "
    CREATE TABLE IF NOT EXISTS item (
        id       TEXT PRIMARY KEY,
        number   TEXT,     -- as stated
        second   INTEGER,  -- when the version was made, in seconds since 1970
        modified INTEGER   -- when its file was last modified, in nanoseconds since 1970
    ) STRICT, WITHOUT ROWID;
";

/// The tables of sequence numbers and of the archives of feeds. Earlier programs ignore them.
const ARCHIVES: &str = "
    CREATE TABLE IF NOT EXISTS sequence (
        number INTEGER PRIMARY KEY,
        id     TEXT NOT NULL
    ) STRICT;
    CREATE TABLE IF NOT EXISTS archive (
        route   TEXT NOT NULL,
        place   INTEGER NOT NULL,  -- among the archives of the feed, the oldest first
        names   BLOB NOT NULL,     -- each: its last number (4 bytes) and its hash (8 bytes)
        members BLOB NOT NULL,     -- the distances between their numbers, in seven bits per byte
        PRIMARY KEY (route, place)
    ) STRICT, WITHOUT ROWID;
";

/// The table of hubs that feeds name no longer, or again. Earlier programs ignore it.
const HUBS: &str = "
    CREATE TABLE IF NOT EXISTS hub (
        url          TEXT PRIMARY KEY,
        is_withdrawn INTEGER NOT NULL,  -- 0 or 1
        at           INTEGER NOT NULL   -- since when, in milliseconds since 1970
    ) STRICT, WITHOUT ROWID;
";

/// Whether there is a table of hubs.
pub(super) fn has_hubs(database: &Connection) -> rusqlite::Result<bool> {
    let query = "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'hub')";
    database.query_row(query, [], |row| row.get(0))
}

/// Whether there are tables of sequence numbers and archives.
pub(super) fn has_archives(database: &Connection) -> rusqlite::Result<bool> {
    let query = "SELECT count(*) = 2 FROM sqlite_schema WHERE type = 'table' AND name IN ('sequence', 'archive')";
    database.query_row(query, [], |row| row.get(0))
}

/// Whether there is a table of the current versions of agencies' items.
pub(super) fn has_items(database: &Connection) -> rusqlite::Result<bool> {
    let query = "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'item')";
    database.query_row(query, [], |row| row.get(0))
}

/// Moves all changes from the write-ahead log to the database, and empties the log. Returns whether no reader prevented that.
pub(super) fn empty_log(database: &Connection) -> rusqlite::Result<bool> {
    database.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, i64>(0)).map(|busy| busy == 0)
}

/// Sets the journal mode that lets other processes read while this one writes.
pub(super) fn enable_write_ahead_log(database: &Connection) -> rusqlite::Result<()> {
    /// A commit checkpoints the log when it has this many pages (64 MB). Usually the owner's maintenance comes first.
    const AUTO_CHECKPOINT_PAGES: i64 = 16_384;
    database.pragma_update(None, "journal_mode", "wal")?;
    database.pragma_update(None, "wal_autocheckpoint", AUTO_CHECKPOINT_PAGES)
}
