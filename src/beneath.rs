//! Opens files and folders beneath a root directory, and nothing outside it.
//!
//! Every component of a path is resolved from a descriptor of the root. Links are followed as long as they end beneath it. Linux does this
//! in one call (`openat2` with `RESOLVE_BENEATH`). That call refuses two things that are needed here: links with absolute targets, even if these
//! end beneath the root, and links that leave the root and come back. Old kernels and some sandboxes lack it altogether. In those cases the
//! path is walked component by component without following anything, and links are read and resolved here.
//!
//! Two steps by name are never one: whoever checks a file keeps the descriptor and reads from that. Only regular files are opened for
//! reading, and without waiting, since opening a pipe or a device can block or have effects of its own.

use std::ffi::{OsStr, OsString};
use std::fs::{File, Metadata};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};
#[cfg(target_os = "linux")]
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

mod root;

pub use root::Root;

/// The most links on the way to a file, as in the kernel.
const MAX_LINKS: usize = 40;
/// The longest path, as in the kernel (bytes, its end included).
const MAX_PATH: usize = 4096;
/// How often a resolution is repeated that a concurrent rename disturbed, before it is done component by component.
#[cfg(target_os = "linux")]
const MAX_RETRIES: usize = 16;

/// A descriptor that stands for a folder without reading it, so that inotify doesn't report it.
#[cfg(target_os = "linux")]
const HANDLE: OFlags = OFlags::PATH.union(OFlags::CLOEXEC);
#[cfg(not(target_os = "linux"))]
const HANDLE: OFlags = OFlags::RDONLY.union(OFlags::CLOEXEC);
const FOLDER: OFlags = HANDLE.union(OFlags::DIRECTORY);
const READ: OFlags = OFlags::RDONLY.union(OFlags::NONBLOCK).union(OFlags::NOCTTY).union(OFlags::CLOEXEC);

/// What tells versions of a file apart without reading it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Stamp {
    /// Bytes.
    pub size: u64,
    /// Nanoseconds since 1970.
    pub modified: i128,
    /// Nanoseconds since 1970; changes with every write and rename, and cannot be set.
    pub changed: i128,
    /// The file's number on its device.
    pub inode: u64,
    /// The device.
    pub device: u64,
}

impl From<&Stat> for Stamp {
    fn from(stat: &Stat) -> Stamp {
        Stamp {
            size: u64::try_from(stat.st_size).unwrap_or_default(),
            modified: nanoseconds(stat.st_mtime.into(), stat.st_mtime_nsec.into()),
            changed: nanoseconds(stat.st_ctime.into(), stat.st_ctime_nsec.into()),
            inode: stat.st_ino,
            // Of some systems it is signed and shorter.
            device: i128::from(stat.st_dev) as u64,
        }
    }
}

impl From<&Metadata> for Stamp {
    fn from(metadata: &Metadata) -> Stamp {
        Stamp {
            size: metadata.size(),
            modified: nanoseconds(metadata.mtime().into(), metadata.mtime_nsec().into()),
            changed: nanoseconds(metadata.ctime().into(), metadata.ctime_nsec().into()),
            inode: metadata.ino(),
            device: metadata.dev(),
        }
    }
}

fn nanoseconds(seconds: i128, rest: i128) -> i128 {
    seconds * 1_000_000_000 + rest
}

/// What happens to links on the way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Links {
    /// They are followed if they end beneath the root.
    Follow,
    /// They are an error, `ELOOP`.
    Refuse,
}

/// Whether a path was refused because it leads out of the root.
pub fn is_outside(error: &io::Error) -> bool {
    error.raw_os_error() == Some(Errno::XDEV.raw_os_error())
}

/// Whether a path was refused because a link is on the way, or too many are.
pub fn is_link(error: &io::Error) -> bool {
    error.raw_os_error() == Some(Errno::LOOP.raw_os_error())
}

/// Whether there is nothing at a path.
pub fn is_missing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

fn regular(stat: &Stat) -> io::Result<()> {
    match FileType::from_raw_mode(stat.st_mode).is_file() {
        true => Ok(()),
        false => Err(io::ErrorKind::InvalidInput.into()),
    }
}

/// A root directory that is open.
#[derive(Debug)]
pub struct Beneath<'r> {
    root: &'r Root,
    descriptor: OwnedFd,
    /// Whether paths are walked component by component even if the kernel can do better.
    walks: bool,
}

/// Whether the kernel has no `openat2`, or a sandbox forbids it.
#[cfg(target_os = "linux")]
static LACKS_OPENAT2: AtomicBool = AtomicBool::new(false);

/// What a walk along a path ended at: in which folder, under which name there, and where both really are.
struct End {
    /// The folders from the root down.
    folders: Vec<(OwnedFd, OsString)>,
    /// `None`: the innermost folder itself.
    name: Option<OsString>,
}

impl Beneath<'_> {
    /// The same without `openat2`, as on old kernels and in sandboxes.
    pub fn without_openat2(self) -> Self {
        Beneath { walks: true, ..self }
    }

    /// What is at a path; nothing is opened for reading.
    ///
    /// # Errors
    /// As the system says; [`is_outside`] and [`is_link`] recognise what is refused here.
    pub fn stat(&self, path: &str, links: Links) -> io::Result<Stat> {
        #[cfg(target_os = "linux")]
        if let Some(opened) = self.openat2(path, HANDLE, links) {
            return Ok(rustix::fs::fstat(opened?)?);
        }
        let end = self.walk(path, links)?;
        let folder = end.folder(self);
        Ok(match &end.name {
            Some(name) => rustix::fs::statat(folder, name.as_os_str(), AtFlags::SYMLINK_NOFOLLOW)?,
            None => rustix::fs::fstat(folder)?,
        })
    }

    /// Opens a regular file for reading, and says what it is.
    ///
    /// # Errors
    /// As [`Beneath::stat`]; `InvalidInput` if it isn't a regular file.
    pub fn open_file(&self, path: &str) -> io::Result<(File, Metadata)> {
        // Even opening a device can have effects. What counts is what the descriptor says after that.
        regular(&self.stat(path, Links::Follow)?)?;
        let file = File::from(self.open(path, READ, Links::Follow)?);
        let metadata = file.metadata()?;
        if metadata.is_file() { Ok((file, metadata)) } else { Err(io::ErrorKind::InvalidInput.into()) }
    }

    /// Opens a folder.
    ///
    /// # Errors
    /// As [`Beneath::stat`].
    pub fn folder(&self, path: &str, links: Links) -> io::Result<Folder> {
        Ok(Folder(self.open(path, FOLDER, links)?))
    }

    /// Where something really is, relative to the root, without links. `places` gets every place on the way whose change may lead elsewhere:
    /// the links, and where nothing was found.
    ///
    /// # Errors
    /// As [`Beneath::stat`].
    pub fn real_path(&self, path: &str, places: &mut Vec<PathBuf>) -> io::Result<PathBuf> {
        let end = self.trace(path, Links::Follow, places)?;
        if let Some(name) = &end.name {
            rustix::fs::statat(end.folder(self), name.as_os_str(), AtFlags::SYMLINK_NOFOLLOW)?;
        }
        Ok(end.folders.into_iter().map(|(_, name)| name).chain(end.name).collect())
    }

    fn open(&self, path: &str, flags: OFlags, links: Links) -> io::Result<OwnedFd> {
        #[cfg(target_os = "linux")]
        if let Some(opened) = self.openat2(path, flags, links) {
            return opened;
        }
        let end = self.walk(path, links)?;
        let name = end.name.as_deref().unwrap_or(OsStr::new("."));
        Ok(rustix::fs::openat(end.folder(self), name, flags | OFlags::NOFOLLOW, Mode::empty())?)
    }

    /// `None` if the kernel can't tell, so that the path has to be walked.
    #[cfg(target_os = "linux")]
    fn openat2(&self, path: &str, flags: OFlags, links: Links) -> Option<io::Result<OwnedFd>> {
        use rustix::fs::ResolveFlags;
        if self.walks || !is_plain(path) || LACKS_OPENAT2.load(Ordering::Relaxed) {
            return None;
        }
        let path = if path.is_empty() { "." } else { path };
        let mut resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
        resolve.set(ResolveFlags::NO_SYMLINKS, links == Links::Refuse);
        for _ in 0..MAX_RETRIES {
            match rustix::fs::openat2(&self.descriptor, path, flags, Mode::empty(), resolve) {
                Err(Errno::AGAIN | Errno::INTR) => {}
                // The link may end beneath the root all the same.
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

    /// Resolves a path component by component, up to its last one, which is no link.
    fn walk(&self, path: &str, links: Links) -> io::Result<End> {
        self.trace(path, links, &mut Vec::new())
    }

    fn trace(&self, path: &str, links: Links, places: &mut Vec<PathBuf>) -> io::Result<End> {
        if !is_plain(path) {
            return Err(Errno::XDEV.into());
        }
        if path.len() >= MAX_PATH {
            return Err(Errno::NAMETOOLONG.into());
        }
        let mut end = End { folders: Vec::new(), name: None };
        // Last comes first.
        let mut pending: Vec<OsString> = path.split('/').rev().map(OsString::from).collect();
        let mut count = 0;
        while let Some(name) = pending.pop() {
            match name.as_bytes() {
                b"" | b"." => continue,
                b".." if end.folders.pop().is_some() => continue,
                b".." => {
                    let above = self.root.path.parent().unwrap_or(Path::new("/"));
                    pending = self.reenter(above, pending)?;
                    continue;
                }
                _ => {}
            }
            let folder = end.folder(self);
            // A name at the end is opened by the caller, which follows nothing. Behind a slash there has to be a folder.
            let is_last = pending.is_empty();
            let opened = if is_last { Err(Errno::LOOP) } else { open_folder(folder, &name) };
            match opened {
                Ok(opened) => end.folders.push((opened, name)),
                Err(Errno::LOOP | Errno::NOTDIR) => {
                    let link = rustix::fs::readlinkat(folder, name.as_os_str(), Vec::new());
                    if !matches!(link, Err(Errno::INVAL)) {
                        places.push(end.place(&name));
                    }
                    let target = match link {
                        Ok(target) => target.into_bytes(),
                        Err(Errno::INVAL) if is_last => {
                            end.name = Some(name);
                            break;
                        }
                        Err(Errno::INVAL) => return Err(Errno::NOTDIR.into()),
                        Err(error) => return Err(error.into()),
                    };
                    count += 1;
                    if links == Links::Refuse || count > MAX_LINKS {
                        return Err(Errno::LOOP.into());
                    }
                    let rest = target.split(|byte| *byte == b'/').rev().map(|name| OsString::from_vec(name.to_vec()));
                    pending.extend(rest);
                    if target.first() == Some(&b'/') {
                        end.folders.clear();
                        pending = self.reenter(Path::new("/"), pending)?;
                    }
                }
                Err(error) => {
                    places.push(end.place(&name));
                    return Err(error.into());
                }
            }
        }
        Ok(end)
    }

    /// What is left of a path, last first, that goes on from a folder outside the root, once it has reached the root. Nothing outside is
    /// looked at: the way to the root has to be one of its spellings.
    fn reenter(&self, from: &Path, mut pending: Vec<OsString>) -> io::Result<Vec<OsString>> {
        let mut from = from.to_owned();
        loop {
            for spelled in &self.root.spellings {
                let Ok(missing) = spelled.strip_prefix(&from) else { continue };
                let missing: Vec<&OsStr> = missing.iter().collect();
                // Empty names and dots between the others don't matter.
                let is_name = |name: &&OsString| !matches!(name.as_bytes(), b"" | b".");
                let begins = pending.iter().rev().filter(is_name).map(OsString::as_os_str);
                if begins.take(missing.len()).eq(missing.iter().copied()) {
                    let mut left = missing.len();
                    while left > 0 {
                        left -= usize::from(pending.pop().as_ref().is_some_and(|name| is_name(&name)));
                    }
                    return Ok(pending);
                }
            }
            match pending.pop() {
                Some(name) if name == ".." => drop(from.pop()),
                Some(name) if name.is_empty() || name == "." => {}
                _ => return Err(Errno::XDEV.into()),
            }
        }
    }
}

impl End {
    fn place(&self, name: &OsStr) -> PathBuf {
        self.folders.iter().map(|(_, folder)| folder.as_os_str()).chain([name]).collect()
    }

    fn folder<'f>(&'f self, beneath: &'f Beneath<'_>) -> BorrowedFd<'f> {
        self.folders.last().map_or(beneath.descriptor.as_fd(), |(folder, _)| folder.as_fd())
    }
}

/// Whether a path consists of names only.
fn is_plain(path: &str) -> bool {
    Path::new(path).components().all(|component| matches!(component, Component::Normal(_)))
}

fn open_folder(folder: BorrowedFd<'_>, name: &OsStr) -> Result<OwnedFd, Errno> {
    rustix::fs::openat(folder, name, FOLDER | OFlags::NOFOLLOW, Mode::empty())
}

/// A folder that is open, so that looking at its files or opening them needn't resolve the folders above again.
#[derive(Debug)]
pub struct Folder(OwnedFd);

impl Folder {
    /// What a name stands for in this folder; links aren't followed.
    ///
    /// # Errors
    /// As the system says.
    pub fn stat(&self, name: &str) -> io::Result<Stat> {
        Ok(rustix::fs::statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW)?)
    }

    /// What the folder itself is.
    ///
    /// # Errors
    /// As the system says.
    pub fn stat_self(&self) -> io::Result<Stat> {
        Ok(rustix::fs::fstat(&self.0)?)
    }

    /// Opens a file in this folder for reading. The caller checks by the descriptor that it is a regular one.
    ///
    /// # Errors
    /// As the system says; [`is_link`] if it is a link.
    pub fn open_file(&self, name: &str) -> io::Result<File> {
        Ok(rustix::fs::openat(&self.0, name, READ | OFlags::NOFOLLOW, Mode::empty())?.into())
    }

    /// The names in this folder with what they stand for, in no order.
    ///
    /// # Errors
    /// As the system says.
    pub fn entries(&self) -> io::Result<impl Iterator<Item = io::Result<(OsString, FileType)>> + '_> {
        // The descriptor only stands for the folder; `Dir::read_from` would open another that does no more.
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
                // Some file systems don't say.
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

#[cfg(test)]
mod tests;
#[cfg(test)]
mod trees;
