//! The path of a root directory, and the identity of the directory that was there when the path was resolved.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::cached_names::CachedNames;
use crate::article::in_tilde_folder;
use crate::config::Ignore;
use crate::types::{ArticlePath, folder};

/// A root directory. Holds no descriptor.
#[derive(Clone, Debug)]
pub struct Root {
    /// The absolute path without links.
    pub path: PathBuf,
    /// The directory's name in diagnostics.
    pub name: String,
    /// The name of the source that the directory belongs to. `None`: it is the content directory.
    pub source: Option<Arc<str>>,
    /// The patterns of files and folders that aren't articles.
    pub ignore: Arc<Ignore>,
    /// The directories of all other sources.
    others: Arc<[PathBuf]>,
    /// Those of them that are in this directory, relative to it. Their files aren't this source's.
    inner: Vec<String>,
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
        Root::resolve(path, name)
    }

    fn resolve(path: &Path, name: &str) -> Root {
        let configured = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let real = fs::canonicalize(path).unwrap_or_else(|_| configured.clone());
        let entry = configured.parent().zip(configured.file_name());
        let entry = entry.and_then(|(folder, name)| Some(fs::canonicalize(folder).ok()?.join(name)));
        let known_paths = [real.clone(), configured.clone()].into_iter().chain(entry).collect();
        let identity = fs::metadata(&real).ok().map(|metadata| (metadata.dev(), metadata.ino()));
        Root { path: real, identity, known_paths, ..Root::unresolved(&configured, name) }
    }

    /// Resolves the configured path again.
    #[must_use]
    pub fn resolve_again(&self) -> Root {
        let (source, ignore) = (self.source.clone(), Arc::clone(&self.ignore));
        Root { source, ignore, ..Root::resolve(&self.configured, &self.name) }.with_others(&self.others)
    }

    /// Replaces the patterns of files and folders that aren't articles.
    #[must_use]
    pub fn with_ignore(self, ignore: &Arc<Ignore>) -> Root {
        Root { ignore: Arc::clone(ignore), names: Arc::default(), ..self }
    }

    /// Sets the source that the directory belongs to.
    #[must_use]
    pub fn of_source(self, source: Option<Arc<str>>) -> Root {
        Root { source, ..self }
    }

    /// Sets the directories of the other sources.
    #[must_use]
    pub fn with_others(self, others: &Arc<[PathBuf]>) -> Root {
        let absolute = others.iter().filter_map(|other| std::path::absolute(other).ok());
        let inner = absolute.flat_map(|other| {
            let inner =
                self.known_paths.iter().filter_map(|own| other.strip_prefix(own).ok()?.to_str().map(str::to_owned));
            inner.collect::<Vec<String>>()
        });
        let inner = inner.filter(|inner| !inner.is_empty()).collect();
        Root { others: Arc::clone(others), inner, names: Arc::default(), ..self }
    }

    /// Whether a file isn't an article of this source: it matches a pattern or belongs to another source.
    pub fn ignores(&self, path: &ArticlePath) -> bool {
        in_tilde_folder(path)
            || self.is_of_other_source(path.as_str())
            || self.ignore.matching(path.relative()).is_some()
    }

    /// The pattern that a file or a folder matches by its own path.
    pub fn matching_pattern(&self, path: &str, is_folder: bool) -> Option<&str> {
        self.ignore.matching_entry(folder::relative(path), is_folder)
    }

    /// Whether a file or a folder, given with or without the name of the source, belongs to another source.
    pub fn is_of_other_source(&self, path: &str) -> bool {
        let path = folder::relative(path);
        let is_in = |inner: &String| {
            path.strip_prefix(inner.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        self.inner.iter().any(is_in)
    }

    /// Whether the same files are ignored in both.
    pub fn has_same_files(&self, other: &Root) -> bool {
        self.ignore == other.ignore && self.inner == other.inner
    }

    /// The directory itself, as the functions of [`folder`] take it.
    pub fn top(&self) -> String {
        folder::top(self.source.as_deref())
    }

    /// A path relative to the directory, with the name of the source.
    pub fn key(&self, relative: &str) -> String {
        if relative.is_empty() {
            self.top()
        } else {
            ArticlePath::in_source(self.source.as_deref(), relative).as_str().to_owned()
        }
    }

    /// The absolute path of a file or a folder, given with or without the name of the source.
    pub fn full_path(&self, path: &str) -> PathBuf {
        self.path.join(folder::relative(path))
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
        Root {
            path: configured.clone(),
            name: name.to_owned(),
            source: None,
            ignore: Ignore::defaults(),
            others: Arc::default(),
            inner: Vec::new(),
            configured,
            identity: None,
            known_paths,
            names: Arc::default(),
        }
    }

    /// A path, with or without the name of the source, as diagnostics spell it.
    pub fn display(&self, path: &str) -> String {
        let relative = folder::relative(path);
        if relative.is_empty() { self.name.clone() } else { format!("{}/{relative}", self.name) }
    }

    /// The key of an absolute path: see [`Root::key`]. `None` for paths outside, for those of other sources, and for names that aren't UTF-8.
    pub fn relative(&self, path: &Path) -> Option<String> {
        let relative = path.strip_prefix(&self.path).ok()?.to_str()?;
        (!self.is_of_other_source(relative)).then(|| self.key(relative))
    }
}
