//! A root directory, and where the path that names it leads.

use std::fs::{self, File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::Mode;

use super::{Beneath, FOLDER, Links, Stamp, regular};
use crate::config::Ignore;
use crate::types::ArticlePath;

/// A root directory, by name.
#[derive(Clone, Debug)]
pub struct Root {
    /// Where it is, links resolved.
    pub path: PathBuf,
    /// As diagnostics spell it.
    pub name: String,
    /// Files and folders in it that are no articles.
    pub ignore: Arc<Ignore>,
    /// As it was configured.
    configured: PathBuf,
    /// The directory's device and its number there, when the path was resolved; `None`: the path led nowhere.
    identity: Option<(u64, u64)>,
    /// How absolute links may spell the way to it: as it really is, as it was configured, and by the folder that has it or a link to it.
    pub(super) spellings: Vec<PathBuf>,
}

impl Root {
    /// The directory that a path leads to now.
    pub fn new(path: &Path, name: &str) -> Root {
        Root::resolved(path, name, Ignore::defaults())
    }

    fn resolved(path: &Path, name: &str, ignore: Arc<Ignore>) -> Root {
        let configured = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let real = fs::canonicalize(path).unwrap_or_else(|_| configured.clone());
        let entry = configured.parent().zip(configured.file_name());
        let entry = entry.and_then(|(folder, name)| Some(fs::canonicalize(folder).ok()?.join(name)));
        let spellings = [real.clone(), configured.clone()].into_iter().chain(entry).collect();
        let identity = fs::metadata(&real).ok().map(|metadata| (metadata.dev(), metadata.ino()));
        Root { path: real, name: name.to_owned(), ignore, configured, identity, spellings }
    }

    /// The directory that the configured path leads to by now.
    #[must_use]
    pub fn resolved_again(&self) -> Root {
        Root::resolved(&self.configured, &self.name, Arc::clone(&self.ignore))
    }

    /// The same directory, of which these files and folders are no articles.
    #[must_use]
    pub fn ignoring(self, ignore: &Arc<Ignore>) -> Root {
        Root { ignore: Arc::clone(ignore), ..self }
    }

    /// Whether a file is no article whatever is in it.
    pub fn ignores(&self, path: &ArticlePath) -> bool {
        self.ignore.matching(path.as_str()).is_some()
    }

    /// Whether the path led to anything when it was resolved.
    pub fn was_there(&self) -> bool {
        self.identity.is_some()
    }

    /// Whether the path led to the same place when both were resolved, and to the same directory there.
    pub fn is_same(&self, other: &Root) -> bool {
        self.path == other.path && self.identity == other.identity
    }

    /// Whether another file system is mounted at the same place.
    pub fn is_remounted(&self, other: &Root) -> bool {
        let device = |root: &Root| root.identity.map(|(device, _)| device);
        self.path == other.path && device(self) != device(other)
    }

    /// The directory by its own name, for when its file system doesn't answer.
    pub fn unresolved(path: &Path, name: &str) -> Root {
        let configured = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let spellings = vec![configured.clone()];
        let (path, name, ignore) = (configured.clone(), name.to_owned(), Ignore::defaults());
        Root { path, name, ignore, configured, identity: None, spellings }
    }

    /// A path as diagnostics spell it.
    pub fn display(&self, relative: &str) -> String {
        if relative.is_empty() { self.name.clone() } else { format!("{}/{relative}", self.name) }
    }

    /// A path below the directory, relative to it; `None` for others and for names that are not UTF-8.
    pub fn relative(&self, path: &Path) -> Option<String> {
        path.strip_prefix(&self.path).ok()?.to_str().map(str::to_owned)
    }

    /// Opens the directory. A descriptor keeps its file system mounted, so don't hold it for long.
    ///
    /// # Errors
    /// As the system says.
    pub fn open(&self) -> io::Result<Beneath<'_>> {
        Ok(Beneath { root: self, descriptor: rustix::fs::open(&self.path, FOLDER, Mode::empty())?, walks: false })
    }

    /// The stamp of a regular file; see [`Beneath::stat`].
    ///
    /// # Errors
    /// As [`Beneath::stat`]; `InvalidInput` if it isn't a regular file.
    pub fn stamp(&self, path: &ArticlePath) -> io::Result<Stamp> {
        let stat = self.open()?.stat(path.as_str(), Links::Follow)?;
        regular(&stat).map(|()| Stamp::from(&stat))
    }

    /// Opens a regular file for reading; see [`Beneath::open_file`].
    ///
    /// # Errors
    /// As [`Beneath::open_file`].
    pub fn open_file(&self, path: &ArticlePath) -> io::Result<(File, Metadata)> {
        self.open()?.open_file(path.as_str())
    }
}
