//! The errors of the store, and what SQLite's errors mean for the state.

use std::path::{Path, PathBuf};

use super::schema::SCHEMA;

/// The reason why the state can't be used. The messages say what to do about it.
#[derive(Debug)]
pub enum StoreError {
    /// Another process has locked the state.
    Locked(PathBuf),
    /// A newer dateline wrote the state. Contains the version of its tables.
    Newer(PathBuf, usize),
    /// The file to create exists.
    Exists(PathBuf),
    /// The ledger is missing, and another file shows that there was one.
    Missing(PathBuf, PathBuf),
    /// The ledger is damaged.
    Damaged(PathBuf, String),
    /// The file to restore isn't a copy of a state.
    BadCopy(PathBuf, String),
    /// A copy can't be read or written.
    CopyIo(PathBuf, String),
    /// There is no state yet.
    Nothing(PathBuf),
    /// The ledger is usable, so `--new-state` is refused.
    Usable(PathBuf),
    /// The operating system returned an error.
    Io(PathBuf, String),
}

impl std::fmt::Display for StoreError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            StoreError::Locked(path) => write!(
                f,
                "another dateline uses the state in `{}`: stop it, or give this one a `state.directory` of its own",
                path.display()
            ),
            StoreError::Newer(path, version) => write!(
                f,
                "`{}` was written by a newer dateline (its tables are version {version}, this one knows {SCHEMA}): use that one",
                path.display()
            ),
            StoreError::Exists(path) => write!(f, "`{}` is there already", path.display()),
            StoreError::Missing(path, trace) => write!(
                f,
                "`{}` is missing, and `{}` shows that there was one. Without it, articles get other dates and ids, and retracted \
                 ones are public again. Put a backup in its place (`dateline backup --restore FILE`), or start over knowingly \
                 (`dateline serve --new-state`, or `dateline build --new-state`)",
                path.display(),
                trace.display()
            ),
            StoreError::Damaged(path, why) => write!(
                f,
                "`{}` is damaged ({why}): put a backup in its place (`dateline backup --restore FILE`), or move it away and start \
                 over (`dateline serve --new-state` and `dateline build --new-state` do both); explicit ids and dates then still give the same documents",
                path.display()
            ),
            StoreError::BadCopy(path, why) => {
                write!(
                    f,
                    "`{}` is not a copy of a state that can be used ({why}): give another one; nothing was changed",
                    path.display()
                )
            }
            StoreError::CopyIo(path, why) => write!(f, "cannot use `{}`: {why}", path.display()),
            StoreError::Nothing(path) => {
                write!(f, "there is no state in `{}` yet, so there is nothing to copy", path.display())
            }
            StoreError::Usable(path) => write!(
                f,
                "`{}` can be read, so dateline does not start over: leave `--new-state` out. To give up its ids and dates all the \
                 same, move the state directory away",
                path.display()
            ),
            StoreError::Io(path, why) => {
                let cure = match why.contains("Permission denied") {
                    true => "see whether this user may write there, or run this as the user that dateline runs as",
                    false => "see whether the disk is full and whether this user may write there",
                };
                write!(f, "cannot use the state in `{}`: {why}; {cure}", path.display())
            }
        }
    }
}

impl std::error::Error for StoreError {}

/// The reason why rows can't be read.
#[derive(Debug)]
pub(super) enum ReadError {
    /// SQLite returned an error.
    Sqlite(rusqlite::Error),
    /// SQLite can read the rows, but they can't be decoded.
    Damaged(String),
}

impl From<rusqlite::Error> for ReadError {
    fn from(error: rusqlite::Error) -> ReadError {
        ReadError::Sqlite(error)
    }
}

impl ReadError {
    /// Returns the error for a range of missing records.
    pub(super) fn missing(first: i64, last: i64) -> ReadError {
        ReadError::Damaged(match first == last {
            true => format!("its record {first} is missing"),
            false => format!("its records {first} to {last} are missing"),
        })
    }
}

/// Converts an error of the ledger in a file.
pub(super) fn unusable(path: &Path, error: ReadError) -> StoreError {
    match error {
        ReadError::Sqlite(error) => store_error(path, &error),
        ReadError::Damaged(why) => StoreError::Damaged(path.to_owned(), why),
    }
}

/// Converts an error of SQLite. Errors that don't come from the operating system or from locks mean that the file is damaged.
pub(super) fn store_error(path: &Path, error: &rusqlite::Error) -> StoreError {
    use rusqlite::ErrorCode::{
        CannotOpen, DatabaseBusy, DatabaseLocked, DiskFull, FileLockingProtocolFailed, OperationInterrupted,
        OutOfMemory, PermissionDenied, ReadOnly, SystemIoFailure,
    };
    match error.sqlite_error_code() {
        Some(
            CannotOpen
            | DatabaseBusy
            | DatabaseLocked
            | DiskFull
            | FileLockingProtocolFailed
            | OperationInterrupted
            | OutOfMemory
            | PermissionDenied
            | ReadOnly
            | SystemIoFailure,
        ) => StoreError::Io(path.to_owned(), error.to_string()),
        // These include errors of conversion: invalid UTF-8, a number instead of bytes, or missing tables.
        _ => StoreError::Damaged(path.to_owned(), error.to_string()),
    }
}

/// Whether an error means that a database can't be written, but may be read.
pub(super) fn is_unwritable(error: &rusqlite::Error) -> bool {
    use rusqlite::ErrorCode::{CannotOpen, DiskFull, PermissionDenied, ReadOnly, SystemIoFailure};
    let code = error.sqlite_error_code();
    code.is_some_and(|code| matches!(code, CannotOpen | DiskFull | PermissionDenied | ReadOnly | SystemIoFailure))
}
