//! The manifest of an output directory: which files dateline wrote there, by the hashes of their bytes. Any other file belongs to
//! somebody else and is neither replaced nor removed.
//!
//! A line is a hash, a space and a path below the directory. The manifest is written before the documents, too: then a changed document
//! has two lines, because a process that is killed leaves either version. The manifest lies in the directory itself, so that a copy or a
//! clone of the directory still says whose files they are.

use std::collections::BTreeMap;
use std::fs::{self, Metadata};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

use crate::types::ContentHash;

/// The manifest's file name.
pub(super) const NAME: &str = ".dateline";

/// What dateline wrote to a directory.
#[derive(Debug)]
pub(super) struct Manifest {
    file: PathBuf,
    entries: BTreeMap<String, Entry>,
    /// The manifest's file when it was last read or written.
    stamp: Option<Stamp>,
    /// Whether the entries differ from the file.
    changed: bool,
}

/// What dateline wrote at one path.
#[derive(Clone, Debug, Default)]
pub(super) struct Entry {
    /// Every version that may be there. One, unless a process was killed while it replaced the file.
    pub(super) hashes: Vec<ContentHash>,
    /// The file when this process last wrote or read it: while it's the same, its bytes needn't be read again.
    pub(super) stamp: Option<Stamp>,
}

/// What changes whenever a file is written or replaced.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl From<&Metadata> for Stamp {
    fn from(metadata: &Metadata) -> Stamp {
        Stamp {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}

impl Manifest {
    /// The manifest of a directory, not read yet.
    pub(super) fn new(directory: &Path) -> Manifest {
        Manifest { file: directory.join(NAME), entries: BTreeMap::new(), stamp: None, changed: false }
    }

    /// Reads the file if another process wrote it: `dateline build` beside a daemon, or a checkout. Entries of a file that's
    /// gone are kept.
    pub(super) fn refresh(&mut self) -> io::Result<()> {
        let metadata = match fs::symlink_metadata(&self.file) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.changed |= !self.entries.is_empty();
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        let stamp = Stamp::from(&metadata);
        if self.stamp == Some(stamp) {
            return Ok(());
        }
        if !metadata.is_file() {
            return Err(foreign("isn't a regular file"));
        }
        let text = fs::read_to_string(&self.file)?;
        if text.lines().next().is_some_and(|first| entry(first).is_none()) {
            return Err(foreign("isn't a manifest of dateline's"));
        }
        let mut entries: BTreeMap<String, Entry> = BTreeMap::new();
        for (hash, path) in text.lines().filter_map(entry) {
            entries.entry(path.to_owned()).or_default().hashes.push(hash);
        }
        for (path, entry) in &mut entries {
            entry.stamp =
                self.entries.get(path).filter(|known| known.hashes == entry.hashes).and_then(|known| known.stamp);
        }
        (self.entries, self.stamp, self.changed) = (entries, Some(stamp), false);
        Ok(())
    }

    /// Writes the file, if it doesn't say what the entries say.
    pub(super) fn save(&mut self) -> io::Result<()> {
        if !self.changed {
            return Ok(());
        }
        let mut text = String::with_capacity(self.entries.len() * 64);
        for (path, entry) in &self.entries {
            for hash in &entry.hashes {
                text.extend([hash.to_string().as_str(), " ", path, "\n"]);
            }
        }
        self.stamp = Some(replace(&self.file, text.as_bytes())?);
        self.changed = false;
        Ok(())
    }

    pub(super) fn get(&self, path: &str) -> Option<&Entry> {
        self.entries.get(path)
    }

    pub(super) fn paths(&self) -> impl Iterator<Item = &String> {
        self.entries.keys()
    }

    /// Notes a version that is about to be written, beside the one that may be there.
    pub(super) fn plan(&mut self, path: &str, hash: ContentHash) {
        let hashes = &mut self.entries.entry(path.to_owned()).or_default().hashes;
        if !hashes.contains(&hash) {
            hashes.push(hash);
            self.changed = true;
        }
    }

    /// Notes what is there now.
    pub(super) fn set(&mut self, path: &str, entry: Entry) {
        self.changed |= self.entries.get(path).is_none_or(|known| known.hashes != entry.hashes);
        self.entries.insert(path.to_owned(), entry);
    }

    pub(super) fn remove(&mut self, path: &str) {
        self.changed |= self.entries.remove(path).is_some();
    }
}

/// A line's hash and path. A path that leads out of the directory was not written by dateline.
fn entry(line: &str) -> Option<(ContentHash, &str)> {
    let (hash, path) = line.split_once(' ')?;
    let is_below = Path::new(path).components().all(|component| matches!(component, Component::Normal(_)));
    Some((ContentHash::parse(hash)?, path)).filter(|_| is_below)
}

fn foreign(message: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message)
}

/// A new file takes the old one's place in one step, so that nobody ever sees half a document. It is not flushed to the medium:
/// what a power failure loses is compared and written again at the next start.
pub(super) fn replace(file: &Path, bytes: &[u8]) -> io::Result<Stamp> {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let temporary = file.with_file_name(format!(".{name}.dateline-new"));
    // Left behind by a process that was killed. To create the file over it could follow a link to somebody else's.
    match fs::remove_file(&temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let write = || {
        let mut new = fs::File::create_new(&temporary)?;
        new.write_all(bytes)?;
        fs::rename(&temporary, file)?;
        new.metadata().map(|metadata| Stamp::from(&metadata))
    };
    write().inspect_err(|_| drop(fs::remove_file(&temporary)))
}
