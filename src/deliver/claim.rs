//! The claim on an output directory: one process at a time writes to it. Two would take turns at replacing and removing each other's
//! documents.
//!
//! A lock on a file beside the manifest, which the system releases however the process ends. The file says who holds it.

use std::fs::{self, File, TryLockError};
use std::io::{Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The lock's file name.
pub(super) const NAME: &str = ".dateline.lock";

/// A claim, until it is dropped.
#[derive(Debug)]
pub(super) struct Claim {
    file: File,
    path: PathBuf,
}

/// What came of an attempt.
#[derive(Debug)]
pub(super) enum Attempt {
    /// The directory is ours.
    Claimed(Claim),
    /// A process with the same state has it, or the file system knows no locks or can't be written. To write is safe, or fails by itself.
    Unclaimed,
    /// Another process has it; who that is.
    Refused(String),
}

impl Claim {
    /// Claims a directory for the process that has this state.
    pub(super) fn attempt(directory: &Path, state: &Path) -> Attempt {
        let state = fs::canonicalize(state).unwrap_or_else(|_| state.to_owned());
        let path = directory.join(NAME);
        loop {
            let opened = fs::create_dir_all(directory)
                .and_then(|()| File::options().create(true).truncate(false).read(true).write(true).open(&path));
            let Ok(mut file) = opened else { return Attempt::Unclaimed };
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::Error(_)) => return Attempt::Unclaimed,
                Err(TryLockError::WouldBlock) => return refused(&mut file, &state),
            }
            let claim = Claim { file, path: path.clone() };
            // Whoever had it may have removed the file in between.
            if claim.is_current() {
                return claim.signed(&state);
            }
        }
    }

    /// Says who holds it.
    fn signed(mut self, state: &Path) -> Attempt {
        let holder = format!("{} {}\n", std::process::id(), state.display());
        let signed = self.file.set_len(0).and_then(|()| self.file.write_all(holder.as_bytes()));
        // On a full disk the lock is as good without.
        signed.unwrap_or_default();
        Attempt::Claimed(self)
    }

    /// Whether the file is still the one in the directory: that may have been replaced as a whole.
    pub(super) fn is_current(&self) -> bool {
        let identity = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
        let (ours, there) = (self.file.metadata().map(identity), fs::symlink_metadata(&self.path).map(identity));
        ours.is_ok_and(|ours| there.is_ok_and(|there| ours == there))
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if self.is_current() {
            fs::remove_file(&self.path).unwrap_or_default();
        }
    }
}

fn refused(file: &mut File, state: &Path) -> Attempt {
    let mut holder = String::new();
    file.read_to_string(&mut holder).unwrap_or_default();
    match holder.trim_end().split_once(' ') {
        Some((_, other)) if Path::new(other) == state => Attempt::Unclaimed,
        Some((process, other)) => {
            Attempt::Refused(format!("process {}, whose state is `{}`,", process.escape_debug(), other.escape_debug()))
        }
        None => Attempt::Refused("another process".to_owned()),
    }
}
