//! Copies of the state: made while it is in use, and put back.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::backup::Backup;
use rusqlite::{Connection, OpenFlags};

use super::rows::replay;
use super::{DATABASE, SCHEMA, Trouble, lock, look_into, trouble, version};

/// Copies the state to a file while it may be in use, as one consistent whole (SQLite's online backup). Only this user can read
/// it, since texts are in it.
///
/// # Errors
/// Where the file is there, there is no state, or either cannot be used.
pub fn backup(directory: &Path, to: &Path) -> Result<(), Trouble> {
    let io = |error: io::Error| Trouble::Io(to.to_owned(), error.to_string());
    if to.exists() {
        return Err(Trouble::Exists(to.to_owned()));
    }
    let name = to.file_name().unwrap_or_default().to_string_lossy();
    let partial = to.with_file_name(format!(".{name}.{}", std::process::id()));
    private_file(&partial).map_err(io)?;
    let copied = look_into(directory, |database, _| {
        let mut copy = Connection::open(&partial)?;
        Backup::new(database, &mut copy)?.run_to_completion(1_000, Duration::ZERO, None)
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
        None => Err(Trouble::Io(directory.to_owned(), "there is no state yet".to_owned())),
    });
    drop(fs::remove_file(&partial));
    named
}

/// Puts a copy in the place of the state. Says where the state is now that was there.
///
/// # Errors
/// Where the copy is none, a daemon has the state, or the system refuses.
pub fn restore(directory: &Path, copy: &Path) -> Result<Option<PathBuf>, Trouble> {
    let io = |error: io::Error| Trouble::Io(directory.to_owned(), error.to_string());
    let _lock = lock(directory)?;
    // It is looked at before anything is changed.
    let bytes = fs::read(copy).map_err(|error| Trouble::Io(copy.to_owned(), error.to_string()))?;
    let database = Connection::open_with_flags(copy, OpenFlags::SQLITE_OPEN_READ_ONLY);
    let looked = database.and_then(|database| {
        let version = version(&database)?;
        replay(&database, version.min(SCHEMA)).map(|_| version)
    });
    match looked.map_err(|error| trouble(copy, &error))? {
        version if version > SCHEMA => return Err(Trouble::Newer(copy.to_owned(), version)),
        0 => return Err(Trouble::Damaged(copy.to_owned(), "it has no tables".to_owned())),
        _ => {}
    }
    let fresh = directory.join("ledger.sqlite.new");
    drop(fs::remove_file(&fresh));
    private_file(&fresh).and_then(|()| fs::write(&fresh, bytes)).map_err(io)?;
    File::open(&fresh).and_then(|file| file.sync_all()).map_err(io)?;
    let path = directory.join(DATABASE);
    let kept = path.exists().then(|| directory.join("ledger.sqlite.before"));
    if let Some(kept) = &kept {
        // Its write-ahead log goes with it: beside another database it would spoil that.
        for suffix in ["", "-wal", "-shm"] {
            let (from, to) = (with_suffix(&path, suffix), with_suffix(kept, suffix));
            drop(fs::remove_file(&to));
            match fs::rename(&from, &to) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(io(error)),
                _ => {}
            }
        }
    }
    fs::rename(&fresh, &path).map_err(io)?;
    Ok(kept)
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
