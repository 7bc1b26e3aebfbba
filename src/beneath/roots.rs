//! The root directories of all sources.

use std::io;

use super::root::Root;
use crate::types::ArticlePath;

/// The root directories of all sources, the content directory first.
#[derive(Clone, Debug)]
pub struct Roots {
    content: Root,
    named: Vec<Root>,
}

impl Roots {
    /// The content directory and the directories of the other sources.
    pub fn new(content: Root, named: Vec<Root>) -> Roots {
        Roots { content, named }
    }

    /// The content directory.
    pub fn content(&self) -> &Root {
        &self.content
    }

    /// All directories, the content directory first.
    pub fn iter(&self) -> impl Iterator<Item = &Root> {
        std::iter::once(&self.content).chain(&self.named)
    }

    /// The directory of a source. `None`: the content directory.
    pub fn get(&self, source: Option<&str>) -> Option<&Root> {
        self.iter().find(|root| root.source.as_deref() == source)
    }

    /// The directory that contains an article's file.
    ///
    /// # Errors
    /// `NotFound` if no source has the name in the path.
    pub fn of(&self, path: &ArticlePath) -> io::Result<&Root> {
        self.get(path.source()).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// Replaces the directory of a source. Does nothing if there is no such source.
    pub fn replace(&mut self, root: Root) {
        let known = std::iter::once(&mut self.content).chain(&mut self.named);
        if let Some(known) = known.into_iter().find(|known| known.source == root.source) {
            *known = root;
        }
    }
}
