//! Files that contain several items of an agency, and the paths of the items.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use crate::event::Listing;
use crate::types::ArticlePath;

/// The items of each file that contains several.
#[derive(Debug, Default)]
pub(crate) struct ItemFiles {
    items: BTreeMap<ArticlePath, BTreeSet<ArticlePath>>,
}

impl ItemFiles {
    pub(crate) fn contains(&self, file: &ArticlePath) -> bool {
        self.items.contains_key(file)
    }

    /// The items of a file.
    pub(crate) fn of(&self, file: &ArticlePath) -> impl Iterator<Item = &ArticlePath> {
        self.items.get(file).into_iter().flatten()
    }

    /// Replaces the items of a file.
    pub(crate) fn set(&mut self, file: &ArticlePath, items: BTreeSet<ArticlePath>) {
        self.items.insert(file.clone(), items);
    }

    /// Forgets a file.
    pub(crate) fn remove(&mut self, file: &ArticlePath) {
        self.items.remove(file);
    }

    /// Forgets files for which `is_kept` is false.
    pub(crate) fn keep(&mut self, is_kept: impl Fn(&ArticlePath) -> bool) {
        self.items.retain(|path, _| is_kept(path));
    }

    /// The listing with the items of each listed file.
    pub(crate) fn listed<'l>(&self, listing: &'l Listing) -> Cow<'l, Listing> {
        if self.items.is_empty() {
            return Cow::Borrowed(listing);
        }
        let items = listing.files.iter().flat_map(|file| self.of(file)).cloned();
        let files = listing.files.iter().cloned().chain(items).collect();
        Cow::Owned(Listing { files, ..listing.clone() })
    }
}
