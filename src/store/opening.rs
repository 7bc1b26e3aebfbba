//! Opens databases. The ledger is opened for writing, without a lock, or read-only if nothing can be written, for example on a full disk.
//!
//! [`open`] is the only function that opens a connection. In a running daemon, only the thread of `owner` calls it.

use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use super::directory::{DATABASE, ROLLBACK_JOURNAL};
use super::error::{ReadError, StoreError, is_unwritable, store_error, unusable};
use super::presence::{self, Presence};
use super::schema::{MAX_LOCK_WAIT, NO_TABLES, SCHEMA, enable_write_ahead_log, migrate, version};

/// The permissions of a connection to a database.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Access {
    /// Read and write. The file is created if it is missing.
    Create,
    Write,
    Read,
    /// Read a file that nobody changes, without locks and without creating files.
    Immutable,
}

/// Opens a database. `lock_wait` is the time that a statement waits for another process's lock.
pub(super) fn open(path: &Path, access: Access, lock_wait: Duration) -> rusqlite::Result<Connection> {
    // Each connection is used by one thread at a time.
    let flags = OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let database = match access {
        Access::Create => {
            let create = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
            Connection::open_with_flags(path, flags | create)
        }
        Access::Write => Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_READ_WRITE),
        Access::Read => Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_READ_ONLY),
        Access::Immutable => {
            let flags = flags | OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
            Connection::open_with_flags(format!("file:{}?immutable=1", encode(path)), flags)
        }
    }?;
    database.busy_timeout(lock_wait)?;
    Ok(database)
}

/// The journal mode of the ledger.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Journal {
    /// The database is new. The first records may be those of a large content directory, and a write-ahead log would write them twice.
    New,
    /// The first records were written with a rollback journal.
    Rollback,
    /// Other processes can read while this one writes.
    WriteAhead,
}

/// Opens the database for writing and migrates it. Returns the version of its tables, which is 0 if a lost ledger left an empty file.
pub(super) fn connect(
    directory: &Path,
    path: &Path,
    presence: Presence,
) -> rusqlite::Result<(Connection, usize, Journal)> {
    let database = open(path, Access::Create, MAX_LOCK_WAIT)?;
    // Records must survive a power failure, because readers see documents that depend on them.
    database.pragma_update(None, "synchronous", "full")?;
    // Killed texts are overwritten when they are deleted.
    database.pragma_update(None, "secure_delete", "on")?;
    if version(&database)? == 0 {
        let is_lost = presence == Presence::Exists && presence::find_evidence(directory).is_some();
        let version = if is_lost { 0 } else { migrate(&database)? };
        return Ok((database, version, Journal::New));
    }
    enable_write_ahead_log(&database)?;
    let version = migrate(&database)?;
    Ok((database, version, Journal::WriteAhead))
}

/// Reads a state without locking it. `None` if there is none. `read` receives the version of the tables.
pub(super) fn read_state<T>(
    directory: &Path,
    read: impl FnOnce(&Connection, usize) -> Result<T, ReadError>,
) -> Result<Option<T>, StoreError> {
    let path = directory.join(DATABASE);
    if presence::find_ledger(directory)? == Presence::NeverCreated {
        return Ok(None);
    }
    may_read(&path)?;
    let open = || -> rusqlite::Result<(Connection, usize)> {
        // SQLite undoes the transaction of a killed writer before it reads, and needs to write for that.
        let access = match fs::exists(path.with_extension(ROLLBACK_JOURNAL)) {
            Ok(true) => Access::Write,
            _ => Access::Read,
        };
        let database = open(&path, access, Duration::from_secs(5))?;
        let version = version(&database)?;
        Ok((database, version))
    };
    let unwritable = |error| match is_unwritable(&error) {
        true => read_only(&path).and_then(|database| version(&database).map(|version| (database, version))),
        false => Err(error),
    };
    let (database, version) = open().or_else(unwritable).map_err(|error| store_error(&path, &error))?;
    if version > SCHEMA {
        return Err(StoreError::Newer(path, version));
    }
    if version == 0 && presence::find_evidence(directory).is_some() {
        return Err(StoreError::Damaged(path, NO_TABLES.to_owned()));
    }
    read(&database, version).map(Some).map_err(|error| unusable(&path, error))
}

/// Returns an error if this user may not read a database. SQLite doesn't report that as a separate error. `access(2)` is used because
/// opening and closing the file would release SQLite's locks on it (`fcntl(2)`).
pub(super) fn may_read(path: &Path) -> Result<(), StoreError> {
    let allowed = rustix::fs::access(path, rustix::fs::Access::READ_OK);
    allowed.map_err(|error| StoreError::Io(path.to_owned(), io::Error::from(error).to_string()))
}

/// Opens the ledger for reading, including the records in its write-ahead log, without creating a file. SQLite normally creates a file for
/// the index of the log. The caller has locked the state, or writes nothing.
///
/// # Errors
/// If SQLite can't open it.
pub(super) fn read_only(path: &Path) -> rusqlite::Result<Connection> {
    let has_log = fs::metadata(path.with_extension("sqlite-wal")).is_ok_and(|log| log.len() > 0);
    if !has_log {
        return open(path, Access::Immutable, MAX_LOCK_WAIT);
    }
    // With an exclusive lock, SQLite keeps the index of the log in memory (<https://sqlite.org/wal.html>).
    let database = open(path, Access::Write, MAX_LOCK_WAIT)?;
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
