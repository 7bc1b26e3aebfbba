//! The lock on an output directory. Two processes that write to one directory would keep replacing and removing each other's documents.
//!
//! The lock is an advisory lock on a file beside the manifest. The system releases it however the process ends. The file names the holder.

use std::fs::{self, File, TryLockError};
use std::io::{Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The lock's file name.
pub(super) const NAME: &str = ".dateline.lock";

/// A held lock. Dropping it removes the file.
#[derive(Debug)]
pub(super) struct DirectoryLock {
    file: File,
    path: PathBuf,
}

/// The result of an attempt to lock.
#[derive(Debug)]
pub(super) enum LockAttempt {
    Acquired(DirectoryLock),
    /// Writing is safe without the lock, or fails by itself: a process with the same state directory has the lock, or the file system
    /// doesn't support locks or is read-only.
    NotNeeded,
    /// Another process has the lock. Names that process.
    Refused(String),
}

impl DirectoryLock {
    /// Locks a directory for the process with this state directory.
    pub(super) fn attempt(directory: &Path, state: &Path) -> LockAttempt {
        let state = fs::canonicalize(state).unwrap_or_else(|_| state.to_owned());
        let path = directory.join(NAME);
        loop {
            let opened = fs::create_dir_all(directory)
                .and_then(|()| File::options().create(true).truncate(false).read(true).write(true).open(&path));
            let Ok(mut file) = opened else { return LockAttempt::NotNeeded };
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::Error(_)) => return LockAttempt::NotNeeded,
                Err(TryLockError::WouldBlock) => return refuse(&mut file, &state),
            }
            let lock = DirectoryLock { file, path: path.clone() };
            // The previous holder may have removed the file after it was opened here.
            if lock.is_current() {
                return lock.write_holder(&state);
            }
        }
    }

    fn write_holder(mut self, state: &Path) -> LockAttempt {
        let holder = format!("{} {}\n", std::process::id(), state.display());
        let written = self.file.set_len(0).and_then(|()| self.file.write_all(holder.as_bytes()));
        // The lock holds without the text, as on a full disk.
        written.unwrap_or_default();
        LockAttempt::Acquired(self)
    }

    /// Whether the locked file is the one in the directory. The directory may have been replaced as a whole.
    pub(super) fn is_current(&self) -> bool {
        let identity = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
        let (ours, there) = (self.file.metadata().map(identity), fs::symlink_metadata(&self.path).map(identity));
        ours.is_ok_and(|ours| there.is_ok_and(|there| ours == there))
    }
}

impl Drop for DirectoryLock {
    fn drop(&mut self) {
        if self.is_current() {
            fs::remove_file(&self.path).unwrap_or_default();
        }
    }
}

fn refuse(file: &mut File, state: &Path) -> LockAttempt {
    let mut holder = String::new();
    file.read_to_string(&mut holder).unwrap_or_default();
    match holder.trim_end().split_once(' ') {
        Some((_, other)) if Path::new(other) == state => LockAttempt::NotNeeded,
        Some((process, other)) => LockAttempt::Refused(format!(
            "process {}, whose state is `{}`,",
            process.escape_debug(),
            other.escape_debug()
        )),
        None => LockAttempt::Refused("another process".to_owned()),
    }
}
