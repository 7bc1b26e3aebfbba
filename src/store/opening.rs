//! Opens a database for reading if nothing can be written, for example on a full disk. Even to read a write-ahead log, SQLite normally
//! creates a file for the log's index.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

/// Opens the ledger for reading, including the records in its log. The caller has locked the state, or writes nothing.
///
/// # Errors
/// If SQLite can't open it.
pub(super) fn read_only(path: &Path) -> rusqlite::Result<Connection> {
    let has_log = fs::metadata(path.with_extension("sqlite-wal")).is_ok_and(|log| log.len() > 0);
    if !has_log {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        return Connection::open_with_flags(format!("file:{}?immutable=1", encode(path)), flags);
    }
    // With an exclusive lock, SQLite keeps the index of the log in memory (<https://sqlite.org/wal.html>).
    let database =
        Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    database.busy_timeout(Duration::from_millis(500))?;
    database.pragma_update(None, "locking_mode", "exclusive")?;
    Ok(database)
}

/// Encodes a path for a URI (RFC 3986, section 2.1).
fn encode(path: &Path) -> String {
    let encoded = path.as_os_str().as_bytes().iter().map(|byte| match byte {
        b'/' | b'-' | b'.' | b'_' | b'~' => char::from(*byte).to_string(),
        byte if byte.is_ascii_alphanumeric() => char::from(*byte).to_string(),
        byte => format!("%{byte:02X}"),
    });
    encoded.collect()
}
