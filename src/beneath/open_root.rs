//! A root directory with an open descriptor. Resolves paths beneath it.

use std::ffi::{OsStr, OsString};
use std::fs::{File, Metadata};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Component, Path, PathBuf};
#[cfg(target_os = "linux")]
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::{AtFlags, Mode, OFlags, Stat};
use rustix::io::Errno;

use super::errors::require_regular;
use super::folder::{FOLDER, Folder, READ};
use super::root::Root;
use super::stamp::Stamp;
use crate::types::{ArticlePath, folder};

/// The kernel's limit on links while it resolves one path (`MAXSYMLINKS`).
const MAX_LINKS: usize = 40;
/// The kernel's limit on the length of a path, its final NUL included (`PATH_MAX`).
const MAX_PATH_BYTES: usize = 4096;
/// How often `openat2` is repeated when a concurrent rename disturbs it (`EAGAIN`), before the path is walked component by component.
#[cfg(target_os = "linux")]
const MAX_RETRIES: usize = 16;

/// Whether links on the way are followed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Links {
    /// Links are followed if they end beneath the root.
    Follow,
    /// Links are an error (`ELOOP`).
    Refuse,
}

/// An open root directory. Takes paths and folders with or without the name of the source.
#[derive(Debug)]
pub struct OpenRoot<'r> {
    root: &'r Root,
    descriptor: OwnedFd,
    /// Whether `openat2` isn't used.
    avoids_openat2: bool,
}

/// Whether the kernel doesn't have `openat2`, or a sandbox forbids it.
#[cfg(target_os = "linux")]
static LACKS_OPENAT2: AtomicBool = AtomicBool::new(false);

/// A path without links: open folders from the root down, and a last name that isn't a link.
struct ResolvedPath {
    folders: Vec<(OwnedFd, OsString)>,
    /// `None`: the path is the innermost folder itself.
    name: Option<OsString>,
}

impl Root {
    /// Opens the directory. The descriptor keeps its file system mounted, so hold it only for a short time.
    ///
    /// # Errors
    /// The system's error.
    pub fn open(&self) -> io::Result<OpenRoot<'_>> {
        let descriptor = rustix::fs::open(&self.path, FOLDER, Mode::empty())?;
        Ok(OpenRoot { root: self, descriptor, avoids_openat2: false })
    }

    /// The stamp of a regular file.
    ///
    /// # Errors
    /// Like [`OpenRoot::stat`]; `InvalidInput` if the file isn't a regular one.
    pub fn stamp(&self, path: &ArticlePath) -> io::Result<Stamp> {
        let stat = self.open()?.stat(path.file(), Links::Follow)?;
        require_regular(&stat).map(|()| Stamp::from(&stat))
    }

    /// Opens a regular file for reading.
    ///
    /// # Errors
    /// Like [`OpenRoot::open_file`].
    pub fn open_file(&self, path: &ArticlePath) -> io::Result<(File, Metadata)> {
        if self.is_of_other_source(path.file()) {
            return Err(io::ErrorKind::NotFound.into());
        }
        self.open()?.open_file(path.file())
    }
}

impl OpenRoot<'_> {
    /// Walks paths without `openat2`, as on old kernels and in sandboxes.
    pub fn without_openat2(self) -> Self {
        OpenRoot { avoids_openat2: true, ..self }
    }

    /// Whether paths are walked without `openat2`.
    #[cfg(test)]
    pub(super) fn avoids_openat2(&self) -> bool {
        self.avoids_openat2
    }

    /// The `stat` of a path. Nothing is opened for reading.
    ///
    /// # Errors
    /// The system's error. [`is_outside`](super::is_outside) and [`is_link`](super::is_link) recognise refused paths.
    pub fn stat(&self, path: &str, links: Links) -> io::Result<Stat> {
        let path = folder::relative(path);
        #[cfg(target_os = "linux")]
        if let Some(opened) = self.openat2(path, super::folder::HANDLE, links) {
            return Ok(rustix::fs::fstat(opened?)?);
        }
        let resolved = self.walk(path, links)?;
        let folder = resolved.folder(self);
        Ok(match &resolved.name {
            Some(name) => rustix::fs::statat(folder, name.as_os_str(), AtFlags::SYMLINK_NOFOLLOW)?,
            None => rustix::fs::fstat(folder)?,
        })
    }

    /// Opens a regular file for reading and returns its metadata.
    ///
    /// # Errors
    /// Like [`OpenRoot::stat`]; `InvalidInput` if the file isn't a regular one.
    pub fn open_file(&self, path: &str) -> io::Result<(File, Metadata)> {
        // Opening a device can have side effects, so the path is checked first. The check of the descriptor is the decisive one.
        require_regular(&self.stat(path, Links::Follow)?)?;
        let file = File::from(self.open(path, READ, Links::Follow)?);
        let metadata = file.metadata()?;
        if metadata.is_file() { Ok((file, metadata)) } else { Err(io::ErrorKind::InvalidInput.into()) }
    }

    /// Opens a folder.
    ///
    /// # Errors
    /// Like [`OpenRoot::stat`].
    pub fn folder(&self, path: &str, links: Links) -> io::Result<Folder> {
        Ok(Folder(self.open(path, FOLDER, links)?))
    }

    /// The path without links, relative to the root. `dependencies` receives the paths whose change may change the result: links on the
    /// way, and names that don't exist.
    ///
    /// # Errors
    /// Like [`OpenRoot::stat`].
    pub fn real_path(&self, path: &str, dependencies: &mut Vec<PathBuf>) -> io::Result<PathBuf> {
        let resolved = self.walk_recording(folder::relative(path), Links::Follow, dependencies)?;
        if let Some(name) = &resolved.name {
            rustix::fs::statat(resolved.folder(self), name.as_os_str(), AtFlags::SYMLINK_NOFOLLOW)?;
        }
        Ok(resolved.folders.into_iter().map(|(_, name)| name).chain(resolved.name).collect())
    }

    fn open(&self, path: &str, flags: OFlags, links: Links) -> io::Result<OwnedFd> {
        let path = folder::relative(path);
        #[cfg(target_os = "linux")]
        if let Some(opened) = self.openat2(path, flags, links) {
            return opened;
        }
        let resolved = self.walk(path, links)?;
        let name = resolved.name.as_deref().unwrap_or(OsStr::new("."));
        Ok(rustix::fs::openat(resolved.folder(self), name, flags | OFlags::NOFOLLOW, Mode::empty())?)
    }

    /// Opens a path with one system call. `None`: the path has to be walked instead.
    #[cfg(target_os = "linux")]
    fn openat2(&self, path: &str, flags: OFlags, links: Links) -> Option<io::Result<OwnedFd>> {
        use rustix::fs::ResolveFlags;
        if self.avoids_openat2 || !has_only_names(path) || LACKS_OPENAT2.load(Ordering::Relaxed) {
            return None;
        }
        let path = if path.is_empty() { "." } else { path };
        let mut resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
        resolve.set(ResolveFlags::NO_SYMLINKS, links == Links::Refuse);
        for _ in 0..MAX_RETRIES {
            match rustix::fs::openat2(&self.descriptor, path, flags, Mode::empty(), resolve) {
                Err(Errno::AGAIN | Errno::INTR) => {}
                // An absolute link, or one that leaves the root and comes back, may still end beneath it.
                Err(Errno::XDEV) => return None,
                Err(Errno::NOSYS | Errno::PERM) => {
                    LACKS_OPENAT2.store(true, Ordering::Relaxed);
                    return None;
                }
                opened => return Some(opened.map_err(io::Error::from)),
            }
        }
        None
    }

    /// Resolves a path component by component.
    fn walk(&self, path: &str, links: Links) -> io::Result<ResolvedPath> {
        self.walk_recording(path, links, &mut Vec::new())
    }

    fn walk_recording(&self, path: &str, links: Links, dependencies: &mut Vec<PathBuf>) -> io::Result<ResolvedPath> {
        if !has_only_names(path) {
            return Err(Errno::XDEV.into());
        }
        if path.len() >= MAX_PATH_BYTES {
            return Err(Errno::NAMETOOLONG.into());
        }
        let mut resolved = ResolvedPath { folders: Vec::new(), name: None };
        // The next component is at the end.
        let mut pending: Vec<OsString> = path.split('/').rev().map(OsString::from).collect();
        let mut link_count = 0;
        while let Some(name) = pending.pop() {
            match name.as_bytes() {
                b"" | b"." => continue,
                b".." if resolved.folders.pop().is_some() => continue,
                b".." => {
                    let above = self.root.path.parent().unwrap_or(Path::new("/"));
                    pending = self.reenter(above, pending)?;
                    continue;
                }
                _ => {}
            }
            let folder = resolved.folder(self);
            // The caller opens the last name without following links. A name before a slash has to be a folder.
            let is_last = pending.is_empty();
            let opened = if is_last { Err(Errno::LOOP) } else { open_folder(folder, &name) };
            match opened {
                Ok(opened) => resolved.folders.push((opened, name)),
                Err(Errno::LOOP | Errno::NOTDIR) => {
                    let link = rustix::fs::readlinkat(folder, name.as_os_str(), Vec::new());
                    if !matches!(link, Err(Errno::INVAL)) {
                        dependencies.push(resolved.join(&name));
                    }
                    let target = match link {
                        Ok(target) => target.into_bytes(),
                        Err(Errno::INVAL) if is_last => {
                            resolved.name = Some(name);
                            break;
                        }
                        Err(Errno::INVAL) => return Err(Errno::NOTDIR.into()),
                        Err(error) => return Err(error.into()),
                    };
                    link_count += 1;
                    if links == Links::Refuse || link_count > MAX_LINKS {
                        return Err(Errno::LOOP.into());
                    }
                    let components =
                        target.split(|byte| *byte == b'/').rev().map(|name| OsString::from_vec(name.to_vec()));
                    pending.extend(components);
                    if target.first() == Some(&b'/') {
                        resolved.folders.clear();
                        pending = self.reenter(Path::new("/"), pending)?;
                    }
                }
                Err(error) => {
                    dependencies.push(resolved.join(&name));
                    return Err(error.into());
                }
            }
        }
        Ok(resolved)
    }

    /// Continues a path that has left the root and is at the folder `outside`. Consumes components until the path is beneath the root
    /// again, and returns the rest. Reads nothing outside the root: only the root's known paths lead back. The next component is at the
    /// end of `pending`.
    fn reenter(&self, outside: &Path, mut pending: Vec<OsString>) -> io::Result<Vec<OsString>> {
        let mut outside = outside.to_owned();
        loop {
            for known_path in &self.root.known_paths {
                let Ok(remaining) = known_path.strip_prefix(&outside) else { continue };
                let remaining: Vec<&OsStr> = remaining.iter().collect();
                // Empty components and dots stay in the same folder.
                let is_name = |name: &&OsString| !matches!(name.as_bytes(), b"" | b".");
                let names = pending.iter().rev().filter(is_name).map(OsString::as_os_str);
                if names.take(remaining.len()).eq(remaining.iter().copied()) {
                    let mut left = remaining.len();
                    while left > 0 {
                        left -= usize::from(pending.pop().as_ref().is_some_and(|name| is_name(&name)));
                    }
                    return Ok(pending);
                }
            }
            match pending.pop() {
                Some(name) if name == ".." => drop(outside.pop()),
                Some(name) if name.is_empty() || name == "." => {}
                _ => return Err(Errno::XDEV.into()),
            }
        }
    }
}

impl ResolvedPath {
    fn join(&self, name: &OsStr) -> PathBuf {
        self.folders.iter().map(|(_, folder)| folder.as_os_str()).chain([name]).collect()
    }

    fn folder<'f>(&'f self, root: &'f OpenRoot<'_>) -> BorrowedFd<'f> {
        self.folders.last().map_or(root.descriptor.as_fd(), |(folder, _)| folder.as_fd())
    }
}

/// Whether a path has neither `..` nor a leading slash.
fn has_only_names(path: &str) -> bool {
    Path::new(path).components().all(|component| matches!(component, Component::Normal(_)))
}

fn open_folder(folder: BorrowedFd<'_>, name: &OsStr) -> Result<OwnedFd, Errno> {
    rustix::fs::openat(folder, name, FOLDER | OFlags::NOFOLLOW, Mode::empty())
}
