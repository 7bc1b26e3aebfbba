//! Backup and restore of the ledger. A backup can be made while a daemon runs.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::backup::Backup;

use super::cache;
use super::directory::{DATABASE, PUBLISHED_LIST, lock};
use super::error::{ReadError, StoreError, unusable};
use super::journal;
use super::opening::{Access, open, read_state};
use super::presence::{COMPANION_EXTENSIONS, PREVIOUS_LEDGER, Presence, exists, find_ledger};
use super::reader::read_ledger;
use super::renderings::Renderings;
use super::replay::replay;
use super::saved::{last_listed_record, missing_records};
use super::schema::{MAX_LOCK_WAIT, NO_TABLES, SCHEMA, last_record, version};
use super::writer::Store;

/// Copies the ledger to a file with SQLite's online backup, which is consistent while a daemon writes. Only this user can read the file,
/// since it contains texts.
///
/// # Errors
/// If the file exists or can't be written, or if there is no state or it is damaged.
pub fn backup(directory: &Path, to: &Path) -> Result<(), StoreError> {
    let io = |error: io::Error| StoreError::CopyIo(to.to_owned(), error.to_string());
    if to.exists() {
        return Err(StoreError::Exists(to.to_owned()));
    }
    let name = to.file_name().unwrap_or_default().to_string_lossy();
    let partial = to.with_file_name(format!(".{name}.{}", std::process::id()));
    create_private_file(&partial).map_err(io)?;
    let last_listed = last_listed_record(directory);
    let copied = read_state(directory, |database, version| {
        let mut copy = open(&partial, Access::Create, MAX_LOCK_WAIT)?;
        Backup::new(database, &mut copy)?.run_to_completion(1_000, Duration::ZERO, None)?;
        // The copy is checked because the operator may delete an older one for it.
        if version > 0 {
            missing_records(last_listed, last_record(&copy)?).map_or(Ok(()), Err)?;
            replay(&copy, version)?;
        }
        let checked: String = copy.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
        if checked == "ok" { Ok(()) } else { Err(ReadError::Damaged(checked)) }
    });
    let result = copied.and_then(|copied| match copied {
        // Unlike a rename, a hard link doesn't overwrite a file that was created meanwhile.
        Some(()) => fs::hard_link(&partial, to)
            .or_else(|error| match error.kind() {
                io::ErrorKind::AlreadyExists => Err(error),
                // Some file systems have no hard links.
                _ => fs::rename(&partial, to),
            })
            .map_err(io),
        None => Err(StoreError::Nothing(directory.to_owned())),
    });
    drop(fs::remove_file(&partial));
    result
}

/// Replaces the ledger by a copy. Returns the new path of the previous ledger, if there was one.
///
/// # Errors
/// If the copy is damaged, a daemon has locked the state, or a file can't be read or written.
pub fn restore(directory: &Path, copy: &Path) -> Result<Option<PathBuf>, StoreError> {
    let io = |error: io::Error| StoreError::Io(directory.to_owned(), error.to_string());
    let _lock = lock(directory)?;
    // The copy is checked before anything changes.
    let bytes = fs::read(copy).map_err(|error| StoreError::CopyIo(copy.to_owned(), error.to_string()))?;
    let database = open(copy, Access::Read, MAX_LOCK_WAIT);
    let checked = database.map_err(ReadError::from).and_then(|database| {
        let version = version(&database)?;
        if (1..=SCHEMA).contains(&version) {
            replay(&database, version)?;
        }
        Ok(version)
    });
    let bad = |why: &str| StoreError::BadCopy(copy.to_owned(), why.to_owned());
    let checked = checked.map_err(|error| match unusable(copy, error) {
        StoreError::Damaged(_, why) => bad(&why),
        other => other,
    });
    match checked? {
        version if version > SCHEMA => return Err(StoreError::Newer(copy.to_owned(), version)),
        0 => return Err(bad(NO_TABLES)),
        _ => {}
    }
    let fresh = directory.join("ledger.sqlite.new");
    drop(fs::remove_file(&fresh));
    create_private_file(&fresh).and_then(|()| fs::write(&fresh, bytes)).map_err(io)?;
    let renamed = open(&fresh, Access::Write, MAX_LOCK_WAIT).and_then(|database| journal::rename(&database));
    renamed.map_err(|error| io(io::Error::other(error)))?;
    File::open(&fresh).and_then(|file| file.sync_all()).map_err(io)?;
    let path = directory.join(DATABASE);
    let previous = set_aside(&path, directory.join(PREVIOUS_LEDGER)).map_err(io)?;
    // The list of published documents belongs to the previous ledger.
    remove_if_exists(&directory.join(PUBLISHED_LIST)).map_err(io)?;
    fs::rename(&fresh, &path).map_err(io)?;
    Ok(previous)
}

/// Creates a new ledger in place of one that is missing or damaged, and empties the caches. Returns the new path of the previous ledger,
/// if there was a file.
///
/// # Errors
/// If the ledger is usable, a daemon has locked the state, or a file can't be written.
pub fn start_over(directory: &Path) -> Result<Option<PathBuf>, StoreError> {
    let io = |error: io::Error| StoreError::Io(directory.to_owned(), error.to_string());
    let lock = lock(directory)?;
    let path = directory.join(DATABASE);
    match read_ledger(directory) {
        Ok(_) if find_ledger(directory)? == Presence::Exists => return Err(StoreError::Usable(path)),
        Ok(_) | Err(StoreError::Missing(..) | StoreError::Damaged(..)) => {}
        Err(other) => return Err(other),
    }
    // An earlier previous ledger isn't overwritten, because it may be the only good copy.
    let vacant = (1..).map(|number| match number {
        1 => directory.join(PREVIOUS_LEDGER),
        number => directory.join(format!("{PREVIOUS_LEDGER}.{number}")),
    });
    let is_vacant =
        |previous: &PathBuf| !["", "-wal", "-journal"].iter().any(|suffix| exists(&with_suffix(previous, suffix)));
    let previous = vacant.into_iter().find(is_vacant).unwrap_or_else(|| directory.join(PREVIOUS_LEDGER));
    let previous = set_aside(&path, previous).map_err(io)?;
    remove_if_exists(&directory.join(PUBLISHED_LIST)).map_err(io)?;
    cache::forget(directory).and_then(|()| Renderings::forget(directory)).map_err(io)?;
    // An empty lock file makes this a first start, even if this process is killed now.
    lock.set_len(0).map_err(io)?;
    drop(Store::open_locked(directory, lock, Presence::NeverCreated)?);
    Ok(previous)
}

/// Renames a database with its companion files, because companion files that stay would damage the next database. Returns the new path if
/// any file was renamed.
fn set_aside(path: &Path, previous: PathBuf) -> io::Result<Option<PathBuf>> {
    let mut is_moved = false;
    let companion_suffixes = COMPANION_EXTENSIONS.iter().filter_map(|extension| extension.strip_prefix("sqlite"));
    for suffix in std::iter::once("").chain(companion_suffixes) {
        let (from, to) = (with_suffix(path, suffix), with_suffix(&previous, suffix));
        remove_if_exists(&to)?;
        match fs::rename(&from, &to) {
            Ok(()) => is_moved = true,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(is_moved.then_some(previous))
}

/// Removes a file if it exists.
fn remove_if_exists(path: &Path) -> io::Result<()> {
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

/// Creates a file that only this user can read.
fn create_private_file(path: &Path) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(|_| ())
}
