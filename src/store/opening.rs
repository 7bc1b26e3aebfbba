//! Opening a database where nothing can be written, as on a full disk: SQLite needs a file for the index of its write-ahead log even to
//! read.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

/// Opens the ledger for reading, its last records included. The caller has locked the state, or writes nothing.
pub(super) fn read_only(path: &Path) -> rusqlite::Result<Connection> {
    let is_logged = fs::metadata(path.with_extension("sqlite-wal")).is_ok_and(|log| log.len() > 0);
    if !is_logged {
        // Nobody writes it, and nothing waits in a log.
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        return Connection::open_with_flags(format!("file:{}?immutable=1", encode(path)), flags);
    }
    // The last records are in the log. For one who excludes all others its index may be in memory.
    let database =
        Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    database.busy_timeout(Duration::from_millis(500))?;
    database.pragma_update(None, "locking_mode", "exclusive")?;
    Ok(database)
}

/// A path in a URI (RFC 3986).
fn encode(path: &Path) -> String {
    let encoded = path.as_os_str().as_bytes().iter().map(|byte| match byte {
        b'/' | b'-' | b'.' | b'_' | b'~' => char::from(*byte).to_string(),
        byte if byte.is_ascii_alphanumeric() => char::from(*byte).to_string(),
        byte => format!("%{byte:02X}"),
    });
    encoded.collect()
}
