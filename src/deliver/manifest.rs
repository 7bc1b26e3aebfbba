//! The manifest of an output directory. Lists the files that dateline wrote there, with the hashes of their bytes. Other files are
//! neither replaced nor removed.
//!
//! # What does the file look like?
//!
//! Each line has a hash, a space, and a path relative to the directory. The file is in the directory itself, so that a copy or a clone
//! of the directory still has it.
//!
//! # Why may a document have two lines?
//!
//! The manifest is written before and after the documents. While a document is replaced, the manifest lists the old and the new version,
//! because a process that is killed leaves one of them.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::{Component, Path, PathBuf};

use crate::beneath::Stamp;
use crate::types::ContentHash;

/// The manifest's file name.
pub(super) const NAME: &str = ".dateline";

/// The files that dateline wrote to a directory.
#[derive(Debug)]
pub(super) struct Manifest {
    file: PathBuf,
    entries: BTreeMap<String, Entry>,
    /// The manifest's own stamp when it was last read or written.
    stamp: Option<Stamp>,
    /// Whether the entries differ from the file.
    is_changed: bool,
}

/// The versions of one document.
#[derive(Clone, Debug, Default)]
pub(super) struct Entry {
    /// Every version that may be in the file. There are two only while it is replaced, or after a process was killed then.
    pub(super) hashes: Vec<ContentHash>,
    /// The file's stamp when this process last wrote or read it. While it's the same, the file isn't read again.
    pub(super) stamp: Option<Stamp>,
}

impl Manifest {
    /// The manifest of a directory. Not read yet.
    pub(super) fn new(directory: &Path) -> Manifest {
        Manifest { file: directory.join(NAME), entries: BTreeMap::new(), stamp: None, is_changed: false }
    }

    /// Reads the file if another process has written it, such as `dateline build` beside a daemon, or git. Keeps the entries if the
    /// file is gone.
    pub(super) fn refresh(&mut self) -> io::Result<()> {
        let metadata = match fs::symlink_metadata(&self.file) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.is_changed |= !self.entries.is_empty();
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        let stamp = Stamp::from(&metadata);
        if self.stamp == Some(stamp) {
            return Ok(());
        }
        if !metadata.is_file() {
            return Err(invalid("isn't a regular file"));
        }
        let text = fs::read_to_string(&self.file)?;
        if text.lines().next().is_some_and(|first| parse_line(first).is_none()) {
            return Err(invalid("isn't a manifest of dateline's"));
        }
        let mut entries: BTreeMap<String, Entry> = BTreeMap::new();
        for (hash, path) in text.lines().filter_map(parse_line) {
            entries.entry(path.to_owned()).or_default().hashes.push(hash);
        }
        for (path, entry) in &mut entries {
            entry.stamp =
                self.entries.get(path).filter(|known| known.hashes == entry.hashes).and_then(|known| known.stamp);
        }
        (self.entries, self.stamp, self.is_changed) = (entries, Some(stamp), false);
        Ok(())
    }

    /// Writes the file if the entries have changed.
    pub(super) fn save(&mut self) -> io::Result<()> {
        if !self.is_changed {
            return Ok(());
        }
        let mut text = String::with_capacity(self.entries.len() * 64);
        for (path, entry) in &self.entries {
            for hash in &entry.hashes {
                text.extend([hash.to_string().as_str(), " ", path, "\n"]);
            }
        }
        self.stamp = Some(replace_file(&self.file, text.as_bytes())?);
        self.is_changed = false;
        Ok(())
    }

    pub(super) fn get(&self, path: &str) -> Option<&Entry> {
        self.entries.get(path)
    }

    pub(super) fn paths(&self) -> impl Iterator<Item = &String> {
        self.entries.keys()
    }

    /// Adds a version that is about to be written. Earlier ones stay listed.
    pub(super) fn add_version(&mut self, path: &str, hash: ContentHash) {
        let hashes = &mut self.entries.entry(path.to_owned()).or_default().hashes;
        if !hashes.contains(&hash) {
            hashes.push(hash);
            self.is_changed = true;
        }
    }

    /// Replaces the entry of a document.
    pub(super) fn set(&mut self, path: &str, entry: Entry) {
        self.is_changed |= self.entries.get(path).is_none_or(|known| known.hashes != entry.hashes);
        self.entries.insert(path.to_owned(), entry);
    }

    pub(super) fn remove(&mut self, path: &str) {
        self.is_changed |= self.entries.remove(path).is_some();
    }
}

/// The hash and the path in a line. `None` for a path that leads out of the directory, because dateline writes none.
fn parse_line(line: &str) -> Option<(ContentHash, &str)> {
    let (hash, path) = line.split_once(' ')?;
    let is_below = Path::new(path).components().all(|component| matches!(component, Component::Normal(_)));
    Some((ContentHash::parse(hash)?, path)).filter(|_| is_below)
}

fn invalid(message: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message)
}

/// Replaces a file atomically. The data isn't flushed to disk (`fsync`): the next start compares the files and writes lost ones again.
pub(super) fn replace_file(file: &Path, bytes: &[u8]) -> io::Result<Stamp> {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let temporary = file.with_file_name(format!(".{name}.dateline-new"));
    // A process that was killed may have left this file. Writing over it could follow a link to somebody else's file.
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
