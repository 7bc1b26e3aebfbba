//! Files that aren't articles although their names end like articles' names, by folder and kind.

use std::collections::BTreeMap;

use crate::article::IgnoredKind;
use crate::event::Listing;
use crate::types::{ArticlePath, folder};

/// A folder with ignored files, and their kind.
pub(crate) type Group = (String, IgnoredKind);

/// Files that aren't articles. Each folder is reported once for each kind.
#[derive(Debug, Default)]
pub(crate) struct IgnoredFiles {
    kinds: BTreeMap<ArticlePath, IgnoredKind>,
    /// The number of files of each group.
    counts: BTreeMap<Group, usize>,
}

impl IgnoredFiles {
    pub(crate) fn contains(&self, path: &ArticlePath) -> bool {
        self.kinds.contains_key(path)
    }

    /// Whether a group has files.
    pub(crate) fn has(&self, group: &Group) -> bool {
        self.counts.contains_key(group)
    }

    /// Adds a file, or removes it if it has no kind. Returns the groups that got their first file or lost their last one.
    pub(crate) fn set(&mut self, path: &ArticlePath, kind: Option<IgnoredKind>) -> Vec<Group> {
        let before = match kind {
            Some(kind) => self.kinds.insert(path.clone(), kind),
            None => self.kinds.remove(path),
        };
        if before == kind {
            return Vec::new();
        }
        let group = |kind| (path.folder().to_owned(), kind);
        let mut changed = Vec::new();
        if let Some(group) = before.map(group)
            && let Some(count) = self.counts.get_mut(&group)
        {
            *count -= 1;
            if *count == 0 {
                self.counts.remove(&group);
                changed.push(group);
            }
        }
        if let Some(group) = kind.map(group) {
            let count = self.counts.entry(group.clone()).or_default();
            *count += 1;
            changed.extend((*count == 1).then_some(group));
        }
        changed
    }

    /// Forgets the files for which `is_kept` is false.
    pub(crate) fn keep(&mut self, is_kept: impl Fn(&ArticlePath) -> bool) {
        let gone: Vec<ArticlePath> = self.kinds.keys().filter(|path| !is_kept(path)).cloned().collect();
        gone.iter().for_each(|path| drop(self.set(path, None)));
    }

    /// The files that a whole listing proves to be gone.
    pub(crate) fn absent(&self, listing: &Listing) -> Vec<ArticlePath> {
        if self.kinds.is_empty() || !listing.is_whole {
            return Vec::new();
        }
        let is_gone = listing.absence();
        let is_inside = |path: &ArticlePath| folder::contains(&listing.scope, path.as_str());
        self.kinds.keys().filter(|path| is_inside(path) && is_gone(path)).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folder_is_reported_once_per_kind() {
        let mut files = IgnoredFiles::default();
        let mut set = |path: &str, kind| files.set(&ArticlePath::new(path), kind);
        let json = Some(IgnoredKind::Json);
        let group = |folder: &str, kind| vec![(folder.to_owned(), kind)];
        assert_eq!(set("a/1.json", json), group("a", IgnoredKind::Json));
        assert_eq!(set("a/1.json", json), []);
        assert_eq!(set("a/2.json", json), []);
        assert_eq!(set("a/1.json", None), []);
        assert_eq!(set("a/2.json", Some(IgnoredKind::Package)).len(), 2);
        assert_eq!(set("a/2.json", None), group("a", IgnoredKind::Package));
        assert_eq!(set("a/2.json", None), []);
    }
}
