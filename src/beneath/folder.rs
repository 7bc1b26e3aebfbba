//! A folder with an open descriptor.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

/// Flags for a descriptor that identifies a file. `O_PATH` doesn't open the file for reading, so inotify reports nothing.
#[cfg(target_os = "linux")]
pub(super) const HANDLE: OFlags = OFlags::PATH.union(OFlags::CLOEXEC);
#[cfg(not(target_os = "linux"))]
pub(super) const HANDLE: OFlags = OFlags::RDONLY.union(OFlags::CLOEXEC);
/// Flags for a descriptor that identifies a folder.
pub(super) const FOLDER: OFlags = HANDLE.union(OFlags::DIRECTORY);
/// Flags for reading a file without blocking.
pub(super) const READ: OFlags = OFlags::RDONLY.union(OFlags::NONBLOCK).union(OFlags::NOCTTY).union(OFlags::CLOEXEC);

/// An open folder. Its files are reached without resolving the folders above it again.
#[derive(Debug)]
pub struct Folder(pub(super) OwnedFd);

impl Folder {
    /// The `stat` of an entry. Links aren't followed.
    ///
    /// # Errors
    /// The system's error.
    pub fn stat(&self, name: &str) -> io::Result<Stat> {
        Ok(rustix::fs::statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW)?)
    }

    /// The `stat` of the folder itself.
    ///
    /// # Errors
    /// The system's error.
    pub fn stat_self(&self) -> io::Result<Stat> {
        Ok(rustix::fs::fstat(&self.0)?)
    }

    /// Opens a file in this folder for reading. The caller checks with the descriptor that the file is a regular one.
    ///
    /// # Errors
    /// The system's error; [`is_link`](super::is_link) recognises links.
    pub fn open_file(&self, name: &str) -> io::Result<File> {
        Ok(rustix::fs::openat(&self.0, name, READ | OFlags::NOFOLLOW, Mode::empty())?.into())
    }

    /// The names in this folder with their file types, in no order.
    ///
    /// # Errors
    /// The system's error.
    pub fn entries(&self) -> io::Result<impl Iterator<Item = io::Result<(OsString, FileType)>> + '_> {
        // An `O_PATH` descriptor can't be read, and `Dir::read_from` would open another of that kind.
        let readable = rustix::fs::openat(&self.0, ".", READ | OFlags::DIRECTORY, Mode::empty())?;
        let entries = Dir::new(readable)?;
        Ok(entries.filter_map(move |entry| {
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) => return Some(Err(error.into())),
            };
            let name = OsStr::from_bytes(entry.file_name().to_bytes()).to_owned();
            if name == "." || name == ".." {
                return None;
            }
            let kind = match entry.file_type() {
                // Some file systems leave the type out of directory entries.
                FileType::Unknown => match rustix::fs::statat(&self.0, name.as_os_str(), AtFlags::SYMLINK_NOFOLLOW) {
                    Ok(stat) => FileType::from_raw_mode(stat.st_mode),
                    Err(Errno::NOENT) => return None,
                    Err(error) => return Some(Err(error.into())),
                },
                kind => kind,
            };
            Some(Ok((name, kind)))
        }))
    }
}
