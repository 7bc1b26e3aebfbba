//! The path of a root directory, and the identity of the directory that was there when the path was resolved.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::cached_names::CachedNames;
use crate::config::Ignore;
use crate::types::ArticlePath;

/// A root directory. Holds no descriptor.
#[derive(Clone, Debug)]
pub struct Root {
    /// The absolute path without links.
    pub path: PathBuf,
    /// The directory's name in diagnostics.
    pub name: String,
    /// The patterns of files and folders that aren't articles.
    pub ignore: Arc<Ignore>,
    /// The absolute path as it was configured.
    configured: PathBuf,
    /// The directory's device and inode when the path was resolved. `None` if there was no directory.
    identity: Option<(u64, u64)>,
    /// Paths by which absolute links may refer to the directory: the real path, the configured path, and the configured name in the
    /// real path of its parent.
    pub(super) known_paths: Vec<PathBuf>,
    /// The names of pictures and texts in folders that were listed. Clones share them.
    pub(super) names: Arc<CachedNames>,
}

impl Root {
    /// Resolves a path.
    pub fn new(path: &Path, name: &str) -> Root {
        Root::resolve(path, name, Ignore::defaults())
    }

    fn resolve(path: &Path, name: &str, ignore: Arc<Ignore>) -> Root {
        let configured = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let real = fs::canonicalize(path).unwrap_or_else(|_| configured.clone());
        let entry = configured.parent().zip(configured.file_name());
        let entry = entry.and_then(|(folder, name)| Some(fs::canonicalize(folder).ok()?.join(name)));
        let known_paths = [real.clone(), configured.clone()].into_iter().chain(entry).collect();
        let identity = fs::metadata(&real).ok().map(|metadata| (metadata.dev(), metadata.ino()));
        let (name, names) = (name.to_owned(), Arc::default());
        Root { path: real, name, ignore, configured, identity, known_paths, names }
    }

    /// Resolves the configured path again.
    #[must_use]
    pub fn resolve_again(&self) -> Root {
        Root::resolve(&self.configured, &self.name, Arc::clone(&self.ignore))
    }

    /// Replaces the patterns of files and folders that aren't articles.
    #[must_use]
    pub fn with_ignore(self, ignore: &Arc<Ignore>) -> Root {
        Root { ignore: Arc::clone(ignore), names: Arc::default(), ..self }
    }

    /// Whether the patterns exclude a file.
    pub fn ignores(&self, path: &ArticlePath) -> bool {
        self.ignore.matching(path.as_str()).is_some()
    }

    /// Whether something was at the path when it was resolved.
    pub fn has_existed(&self) -> bool {
        self.identity.is_some()
    }

    /// Whether both resolved to the same path and the same directory.
    pub fn is_same(&self, other: &Root) -> bool {
        self.path == other.path && self.identity == other.identity
    }

    /// Whether both resolved to the same path, but on different file systems.
    pub fn is_remounted(&self, other: &Root) -> bool {
        let device = |root: &Root| root.identity.map(|(device, _)| device);
        self.path == other.path && device(self) != device(other)
    }

    /// A root whose path isn't resolved, for file systems that may not respond.
    pub fn unresolved(path: &Path, name: &str) -> Root {
        let configured = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let known_paths = vec![configured.clone()];
        let (path, name, ignore) = (configured.clone(), name.to_owned(), Ignore::defaults());
        Root { path, name, ignore, configured, identity: None, known_paths, names: Arc::default() }
    }

    /// The name of a relative path in diagnostics.
    pub fn display(&self, relative: &str) -> String {
        if relative.is_empty() { self.name.clone() } else { format!("{}/{relative}", self.name) }
    }

    /// A path relative to the directory. `None` for paths outside and for names that aren't UTF-8.
    pub fn relative(&self, path: &Path) -> Option<String> {
        path.strip_prefix(&self.path).ok()?.to_str().map(str::to_owned)
    }
}
