//! Backup and restore of the state, also while it is in use.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::backup::Backup;
use rusqlite::{Connection, OpenFlags};

use super::presence::{BEFORE, BESIDE, Presence, is_there, look_for};
use super::rows::{Unread, replay};
use super::{Cache, DATABASE, LIST, NO_TABLES, Renderings, SCHEMA, Store, StoreError};
use super::{last_noted_record, last_record, lock, look_into, missing_records, peek, unusable, version};

/// Copies the state to a file while it may be in use, as one consistent whole (SQLite's online backup). Only this user can read
/// it, since texts are in it.
///
/// # Errors
/// Where the file is there, there is no state, it is damaged, or either cannot be used.
pub fn backup(directory: &Path, to: &Path) -> Result<(), StoreError> {
    let io = |error: io::Error| StoreError::CopyIo(to.to_owned(), error.to_string());
    if to.exists() {
        return Err(StoreError::Exists(to.to_owned()));
    }
    let name = to.file_name().unwrap_or_default().to_string_lossy();
    let partial = to.with_file_name(format!(".{name}.{}", std::process::id()));
    private_file(&partial).map_err(io)?;
    let noted = last_noted_record(directory);
    let copied = look_into(directory, |database, version| {
        let mut copy = Connection::open(&partial)?;
        Backup::new(database, &mut copy)?.run_to_completion(1_000, Duration::ZERO, None)?;
        // The operator may throw an earlier copy away for this one.
        if version > 0 {
            missing_records(noted, last_record(&copy)?).map_or(Ok(()), Err)?;
            replay(&copy, version)?;
        }
        let checked: String = copy.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
        if checked == "ok" { Ok(()) } else { Err(Unread::Damaged(checked)) }
    });
    let named = copied.and_then(|copied| match copied {
        // A hard link does not overwrite what came meanwhile.
        Some(()) => fs::hard_link(&partial, to)
            .or_else(|error| match error.kind() {
                io::ErrorKind::AlreadyExists => Err(error),
                // Not every file system has them.
                _ => fs::rename(&partial, to),
            })
            .map_err(io),
        None => Err(StoreError::Nothing(directory.to_owned())),
    });
    drop(fs::remove_file(&partial));
    named
}

/// Puts a copy in the place of the state. Says where the state is now that was there.
///
/// # Errors
/// Where the copy is none, a daemon has the state, or the system refuses.
pub fn restore(directory: &Path, copy: &Path) -> Result<Option<PathBuf>, StoreError> {
    let io = |error: io::Error| StoreError::Io(directory.to_owned(), error.to_string());
    let _lock = lock(directory)?;
    // It is looked at before anything is changed.
    let bytes = fs::read(copy).map_err(|error| StoreError::CopyIo(copy.to_owned(), error.to_string()))?;
    let database = Connection::open_with_flags(copy, OpenFlags::SQLITE_OPEN_READ_ONLY);
    let looked = database.map_err(Unread::from).and_then(|database| {
        let version = version(&database)?;
        if (1..=SCHEMA).contains(&version) {
            replay(&database, version)?;
        }
        Ok(version)
    });
    let bad = |why: &str| StoreError::BadCopy(copy.to_owned(), why.to_owned());
    let looked = looked.map_err(|unread| match unusable(copy, unread) {
        StoreError::Damaged(_, why) => bad(&why),
        other => other,
    });
    match looked? {
        version if version > SCHEMA => return Err(StoreError::Newer(copy.to_owned(), version)),
        0 => return Err(bad(NO_TABLES)),
        _ => {}
    }
    let fresh = directory.join("ledger.sqlite.new");
    drop(fs::remove_file(&fresh));
    private_file(&fresh).and_then(|()| fs::write(&fresh, bytes)).map_err(io)?;
    File::open(&fresh).and_then(|file| file.sync_all()).map_err(io)?;
    let path = directory.join(DATABASE);
    let kept = set_aside(&path, directory.join(BEFORE)).map_err(io)?;
    // It is of the state that was there, and may be newer than this one.
    forget(&directory.join(LIST)).map_err(io)?;
    fs::rename(&fresh, &path).map_err(io)?;
    Ok(kept)
}

/// Starts a state over that lost its ledger or cannot read it. What is left of the ledger is kept beside the new one, and what was made by
/// it is forgotten. Says where the ledger is now that was there.
///
/// # Errors
/// Where the ledger can be used, a daemon has the state, or the system refuses.
pub fn start_over(directory: &Path) -> Result<Option<PathBuf>, StoreError> {
    let io = |error: io::Error| StoreError::Io(directory.to_owned(), error.to_string());
    let lock = lock(directory)?;
    let path = directory.join(DATABASE);
    match peek(directory) {
        Ok(_) if look_for(directory)? == Presence::There => return Err(StoreError::Usable(path)),
        Ok(_) | Err(StoreError::Missing(..) | StoreError::Damaged(..)) => {}
        Err(other) => return Err(other),
    }
    // An earlier one may be the only good copy.
    let vacant = (1..).map(|number| match number {
        1 => directory.join(BEFORE),
        number => directory.join(format!("{BEFORE}.{number}")),
    });
    let is_vacant =
        |kept: &PathBuf| !["", "-wal", "-journal"].iter().any(|suffix| is_there(&with_suffix(kept, suffix)));
    let kept = vacant.into_iter().find(is_vacant).unwrap_or_else(|| directory.join(BEFORE));
    let kept = set_aside(&path, kept).map_err(io)?;
    forget(&directory.join(LIST)).map_err(io)?;
    Cache::forget(directory).and_then(|()| Renderings::forget(directory)).map_err(io)?;
    // From here on it is a first start, also for one that is killed.
    lock.set_len(0).map_err(io)?;
    drop(Store::open_locked(directory, lock, Presence::Never)?);
    Ok(kept)
}

/// Moves a database out of the way, and what SQLite keeps beside it: beside another database it would spoil that. Says where to, if
/// there was anything.
fn set_aside(path: &Path, kept: PathBuf) -> io::Result<Option<PathBuf>> {
    let mut moved = false;
    for suffix in std::iter::once("").chain(BESIDE.iter().filter_map(|beside| beside.strip_prefix("sqlite"))) {
        let (from, to) = (with_suffix(path, suffix), with_suffix(&kept, suffix));
        forget(&to)?;
        match fs::rename(&from, &to) {
            Ok(()) => moved = true,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(moved.then_some(kept))
}

/// Removes a file that may not be there.
fn forget(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// A new file that only this user can read.
fn private_file(path: &Path) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(|_| ())
}
