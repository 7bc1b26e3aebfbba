//! Checks whether a state directory has its ledger, before SQLite opens it. SQLite takes a missing or empty file for a new database, and
//! dateline would start over: with other dates and ids, and with retracted articles public again.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::directory::{
    CACHE_DATABASE, DATABASE, LEDGER_CREATED, LOCK, PUBLISHED_LIST, RENDERINGS_DATABASE, ROLLBACK_JOURNAL,
};
use super::documents;
use super::error::StoreError;

/// The extensions of SQLite's files beside a database.
pub(super) const COMPANION_EXTENSIONS: [&str; 3] = ["sqlite-wal", "sqlite-shm", ROLLBACK_JOURNAL];
/// The name of the previous ledger after a restore or `--new-state`.
pub(super) const PREVIOUS_LEDGER: &str = "ledger.sqlite.before";

/// Whether there is a ledger.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Presence {
    /// The directory never had a ledger. There may be an empty file, which a killed first start leaves.
    NeverCreated,
    /// There is a file that may be a ledger.
    Exists,
}

/// Looks for the ledger of a state directory.
///
/// # Errors
/// If the ledger isn't a file, is truncated, or is missing from a directory that had one.
pub(super) fn find_ledger(directory: &Path) -> Result<Presence, StoreError> {
    /// The size of a page is a multiple of this (SQLite's file format, section 1.3.2).
    const MIN_PAGE_BYTES: u64 = 512;
    let path = directory.join(DATABASE);
    let found = match fs::metadata(&path) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return check_missing(directory, path),
        Err(error) => return Err(StoreError::Io(path, error.to_string())),
    };
    if !found.is_file() {
        return Err(StoreError::Damaged(path, "it is not a file".to_owned()));
    }
    let has_log =
        || COMPANION_EXTENSIONS.iter().any(|log| fs::metadata(path.with_extension(log)).is_ok_and(|log| log.len() > 0));
    let length = found.len();
    let is_truncated = match length {
        // SQLite would delete a log beside an empty database.
        0 if find_evidence(directory).is_none() => return Ok(Presence::NeverCreated),
        0 => true,
        _ => length % MIN_PAGE_BYTES != 0 && !has_log(),
    };
    if length > 0 && !has_sqlite_header(&path) {
        return Err(StoreError::Damaged(path, "it is not a database".to_owned()));
    }
    match is_truncated {
        true => Err(StoreError::Damaged(path, format!("it was truncated to {length} bytes"))),
        false => Ok(Presence::Exists),
    }
}

/// Whether a file begins with SQLite's header, or with a part of it if the file is shorter.
fn has_sqlite_header(path: &Path) -> bool {
    const MAGIC: &[u8] = b"SQLite format 3\0";
    let mut head = Vec::new();
    let read = File::open(path).and_then(|file| file.take(MAGIC.len() as u64).read_to_end(&mut head));
    // SQLite reports files that can't be read.
    read.is_err() || MAGIC.starts_with(&head)
}

/// Decides whether a missing ledger was lost or never existed.
fn check_missing(directory: &Path, path: PathBuf) -> Result<Presence, StoreError> {
    if let Ok(target) = fs::read_link(&path) {
        let why = format!("it is a symbolic link to `{}`, which is not there", target.display());
        return Err(StoreError::Damaged(path, why));
    }
    let companions = COMPANION_EXTENSIONS.into_iter().map(|extension| path.with_extension(extension));
    let companion = companions.into_iter().find(|companion| exists(companion));
    match companion.or_else(|| find_evidence(directory)) {
        Some(evidence) => Err(StoreError::Missing(path, evidence)),
        None => Ok(Presence::NeverCreated),
    }
}

/// Returns a file that shows that there was a ledger, because the file is created after the ledger's tables.
pub(super) fn find_evidence(directory: &Path) -> Option<PathBuf> {
    let lock = directory.join(LOCK);
    if fs::read(&lock).is_ok_and(|content| content == LEDGER_CREATED) {
        return Some(lock);
    }
    let names = [PUBLISHED_LIST, CACHE_DATABASE, RENDERINGS_DATABASE, documents::FOLDER, PREVIOUS_LEDGER];
    let log = directory.join(DATABASE).with_extension("sqlite-wal");
    names.iter().map(|name| directory.join(name)).chain([log]).find(|path| exists(path))
}

/// Whether anything has this name, including a broken symbolic link.
pub(super) fn exists(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}
