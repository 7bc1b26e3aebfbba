//! The names of the files in a state directory, and the lock.
//!
//! # Why does the lock file have a content?
//!
//! SQLite treats an empty file as a new database. The content of the lock file says that the ledger had tables, so an empty ledger beside
//! it is recognised as lost.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::Path;

use super::error::StoreError;

pub(super) const DATABASE: &str = "ledger.sqlite";
pub(super) const CACHE_DATABASE: &str = "cache.sqlite";
pub(super) const RENDERINGS_DATABASE: &str = "renderings.sqlite";
pub(super) const PUSH_DATABASE: &str = "push.sqlite";
/// The extension of SQLite's rollback journal, which undoes an interrupted transaction.
pub(super) const ROLLBACK_JOURNAL: &str = "sqlite-journal";
pub(super) const LOCK: &str = "lock";
pub(super) const PUBLISHED_LIST: &str = "published.jsonl";
/// The content of the lock file once the ledger has tables.
pub(super) const LEDGER_CREATED: &[u8] = b"made\n";

/// Creates the directory if it is missing, and locks the state against other writers.
pub(super) fn lock(directory: &Path) -> Result<File, StoreError> {
    let io = |error: io::Error| StoreError::Io(directory.to_owned(), error.to_string());
    make_private(directory).map_err(io)?;
    let path = directory.join(LOCK);
    let opened = File::options().create(true).truncate(false).write(true).open(&path);
    // A file can be locked on a read-only file system, too.
    let opened = opened.or_else(|error| match error.kind() {
        io::ErrorKind::ReadOnlyFilesystem => File::open(&path).map_err(|_| error),
        _ => Err(error),
    });
    let lock = opened.map_err(io)?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(StoreError::Locked(directory.to_owned())),
        Err(TryLockError::Error(error)) => Err(io(error)),
    }
}

/// Creates a directory that only this user can read, since it will contain embargoed texts.
fn make_private(directory: &Path) -> io::Result<()> {
    match fs::metadata(directory) {
        #[cfg(unix)]
        Ok(found) if found.is_dir() => {
            use std::os::unix::fs::PermissionsExt;
            return match found.permissions().mode() & 0o077 {
                0 => Ok(()),
                _ => fs::set_permissions(directory, fs::Permissions::from_mode(0o700)),
            };
        }
        Ok(_) => return Err(io::Error::other("a file is where the directory should be")),
        Err(_) => {}
    }
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(directory)
}
