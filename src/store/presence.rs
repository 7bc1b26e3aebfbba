//! Whether a state directory has its ledger, seen before SQLite opens it. SQLite takes a file that is missing or empty for a new
//! database, and dateline would start over: other dates, other ids, and retracted articles public again.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::{DATABASE, LIST, LOCK, MADE, StoreError, UNDO, cache, documents, renderings};

/// The extensions of the files that SQLite keeps beside a database.
pub(super) const BESIDE: [&str; 3] = ["sqlite-wal", "sqlite-shm", UNDO];
/// The ledger that a restoration or a new start moved out of the way.
pub(super) const BEFORE: &str = "ledger.sqlite.before";

/// Whether there is a ledger.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Presence {
    /// There is none, and none was ever made here. An empty file is what a first start leaves that was killed.
    Never,
    /// There is a file that may be one.
    There,
}

/// Looks for the ledger of a state directory.
///
/// # Errors
/// Where the directory shows that it had one and it is missing or truncated, or no file.
pub(super) fn look_for(directory: &Path) -> Result<Presence, StoreError> {
    /// Every page is some of these long.
    const SMALLEST_PAGE: u64 = 512;
    let path = directory.join(DATABASE);
    let found = match fs::metadata(&path) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return absent(directory, path),
        Err(error) => return Err(StoreError::Io(path, error.to_string())),
    };
    if !found.is_file() {
        return Err(StoreError::Damaged(path, "it is not a file".to_owned()));
    }
    let is_logged = || BESIDE.iter().any(|log| fs::metadata(path.with_extension(log)).is_ok_and(|log| log.len() > 0));
    let length = found.len();
    let is_cut = match length {
        // Nothing that waits in a log belongs to an empty database: SQLite would delete it.
        0 if trace(directory).is_none() => return Ok(Presence::Never),
        0 => true,
        _ => length % SMALLEST_PAGE != 0 && !is_logged(),
    };
    if length > 0 && !begins_like_a_database(&path) {
        return Err(StoreError::Damaged(path, "it is not a database".to_owned()));
    }
    match is_cut {
        true => Err(StoreError::Damaged(path, format!("it was truncated to {length} bytes"))),
        false => Ok(Presence::There),
    }
}

/// Whether a file begins as SQLite begins its files, as far as it goes.
fn begins_like_a_database(path: &Path) -> bool {
    const MAGIC: &[u8] = b"SQLite format 3\0";
    let mut head = Vec::new();
    let read = File::open(path).and_then(|file| file.take(MAGIC.len() as u64).read_to_end(&mut head));
    // What cannot be read SQLite has to say.
    read.is_err() || MAGIC.starts_with(&head)
}

fn absent(directory: &Path, path: PathBuf) -> Result<Presence, StoreError> {
    if let Ok(target) = fs::read_link(&path) {
        let why = format!("it is a symbolic link to `{}`, which is not there", target.display());
        return Err(StoreError::Damaged(path, why));
    }
    let left_behind = BESIDE.into_iter().map(|beside| path.with_extension(beside)).find(|beside| is_there(beside));
    match left_behind.or_else(|| trace(directory)) {
        Some(trace) => Err(StoreError::Missing(path, trace)),
        None => Ok(Presence::Never),
    }
}

/// What shows that there was a ledger with tables: all of this is made after it.
pub(super) fn trace(directory: &Path) -> Option<PathBuf> {
    let lock = directory.join(LOCK);
    if fs::read(&lock).is_ok_and(|said| said == MADE) {
        return Some(lock);
    }
    let names = [LIST, cache::DATABASE, renderings::DATABASE, documents::FOLDER, BEFORE];
    let log = directory.join(DATABASE).with_extension("sqlite-wal");
    names.iter().map(|name| directory.join(name)).chain([log]).find(|path| is_there(path))
}

/// Whether anything has this name, a broken link included.
pub(super) fn is_there(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}
