//! Versions that wait for an editor, because their source holds stories back.

use std::collections::{BTreeMap, BTreeSet};

use imbl::OrdSet;

use crate::article::card::{Card, Packed};
use crate::diagnostics::Diagnostic;
use crate::types::{ArticlePath, ContentHash, EntryId};

/// Versions that wait for an editor, by path. A change costs O(log n), however many wait.
#[derive(Debug, Default)]
pub(crate) struct HeldStories {
    stories: BTreeMap<ArticlePath, HeldStory>,
    /// The paths that operators see. Snapshots share the set.
    listed: OrdSet<ArticlePath>,
    /// The paths of an agency's item, by its id.
    items: BTreeMap<EntryId, BTreeSet<ArticlePath>>,
    /// The number of stories of which no version is in the catalog.
    without_catalog: usize,
}

/// A version that waits for an editor.
#[derive(Clone, Debug)]
pub(crate) struct HeldStory {
    pub(crate) card: Packed,
    /// The id of the agency's item of which this is a version.
    pub(crate) item: Option<EntryId>,
    /// The problems with the file, in full.
    pub(crate) diagnostics: Vec<Diagnostic>,
    /// Whether the catalog has a version at this path: an earlier one that readers see, or this one, which an embargo hides anyway.
    is_catalogued: bool,
}

impl HeldStories {
    /// Adds a version. Returns whether it is new.
    pub(crate) fn insert(
        &mut self,
        path: &ArticlePath,
        card: Packed,
        item: Option<EntryId>,
        is_catalogued: bool,
    ) -> bool {
        let before = self.remove(path);
        let is_new = before.as_ref().is_none_or(|before| before.card.hash() != card.hash());
        let diagnostics = before.map(|before| before.diagnostics).filter(|_| !is_new).unwrap_or_default();
        if let Some(item) = &item {
            self.items.entry(item.clone()).or_default().insert(path.clone());
        }
        self.without_catalog += usize::from(!is_catalogued);
        self.listed.insert(path.clone());
        self.stories.insert(path.clone(), HeldStory { card, item, diagnostics, is_catalogued });
        is_new
    }

    /// Sets the problems with a held version's file.
    pub(crate) fn set_diagnostics(&mut self, path: &ArticlePath, diagnostics: Vec<Diagnostic>) {
        if let Some(story) = self.stories.get_mut(path) {
            story.diagnostics = diagnostics;
        }
    }

    /// Notes that the catalog has a version at this path by now.
    pub(crate) fn note_catalogued(&mut self, path: &ArticlePath) {
        if let Some(story) = self.stories.get_mut(path) {
            self.without_catalog -= usize::from(!std::mem::replace(&mut story.is_catalogued, true));
        }
    }

    /// Removes the version at a path.
    pub(crate) fn remove(&mut self, path: &ArticlePath) -> Option<HeldStory> {
        let story = self.stories.remove(path)?;
        self.listed.remove(path);
        self.without_catalog -= usize::from(!story.is_catalogued);
        if let Some(item) = &story.item
            && let Some(paths) = self.items.get_mut(item)
        {
            paths.remove(path);
            if paths.is_empty() {
                self.items.remove(item);
            }
        }
        Some(story)
    }

    /// The version that waits at a path.
    pub(crate) fn get(&self, path: &ArticlePath) -> Option<&HeldStory> {
        self.stories.get(path)
    }

    /// The card of the version that waits at a path.
    pub(crate) fn card(&self, path: &ArticlePath) -> Option<Card> {
        self.get(path).map(|story| story.card.open(path))
    }

    /// The hash of the version that waits at a path.
    pub(crate) fn version(&self, path: &ArticlePath) -> Option<ContentHash> {
        self.get(path).map(|story| story.card.hash())
    }

    /// The versions of an agency's item that wait.
    pub(crate) fn of_item(&self, item: &EntryId) -> impl DoubleEndedIterator<Item = &ArticlePath> {
        self.items.get(item).into_iter().flatten()
    }

    /// Shows a story to operators, or hides it because readers have a newer version of the item.
    pub(crate) fn set_listed(&mut self, path: &ArticlePath, is_listed: bool) {
        match is_listed && self.stories.contains_key(path) {
            true => drop(self.listed.insert(path.clone())),
            false => drop(self.listed.remove(path)),
        }
    }

    /// Whether a story waits and no newer version of the item is public.
    pub(crate) fn is_listed(&self, path: &ArticlePath) -> bool {
        self.listed.contains(path)
    }

    /// The stories that operators see.
    pub(crate) fn listed(&self) -> &OrdSet<ArticlePath> {
        &self.listed
    }

    /// All held stories.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &ArticlePath> {
        self.stories.keys()
    }

    /// The number of stories of which no version is in the catalog.
    pub(crate) fn without_catalog(&self) -> usize {
        self.without_catalog
    }
}
