//! Recognises why a path could not be opened.

use std::io;

use rustix::fs::{FileType, Stat};
use rustix::io::Errno;

/// Whether a path was refused because it leads out of the root (`EXDEV`).
pub fn is_outside(error: &io::Error) -> bool {
    error.raw_os_error() == Some(Errno::XDEV.raw_os_error())
}

/// Whether a path was refused because of a link on the way, or because of too many (`ELOOP`).
pub fn is_link(error: &io::Error) -> bool {
    error.raw_os_error() == Some(Errno::LOOP.raw_os_error())
}

/// Whether nothing exists at a path.
pub fn is_missing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// Fails with `InvalidInput` unless the file is a regular one.
pub(super) fn require_regular(stat: &Stat) -> io::Result<()> {
    match FileType::from_raw_mode(stat.st_mode).is_file() {
        true => Ok(()),
        false => Err(io::ErrorKind::InvalidInput.into()),
    }
}
