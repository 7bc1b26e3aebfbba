//! What is taken from readers, and what must wait: while records cannot be written, an article that readers have not seen stays
//! postponed, so that no id is served that a crash can forget, and a snapshot that withholds something can be shown at once.
//!
//! # Why doesn't withholding wait for the disk?
//!
//! Every other change can be published later without harm. While records can't be written, the engine postpones what readers haven't
//! seen, so its snapshots only remove or edit and can be shown at once. A file that withholds says so again after a restart. A
//! retraction by command doesn't, so the operator is told that a restart would forget it.

use std::collections::{BTreeMap, BTreeSet};

use super::Engine;
use crate::build::index::Index;
use crate::build::placement::FeedKey;
use crate::ledger::Remembered;
use crate::types::ArticlePath;

/// Articles that wait until records can be written.
#[derive(Debug, Default)]
pub(super) struct Postponed {
    /// Whether records cannot be written.
    is_active: bool,
    articles: BTreeSet<ArticlePath>,
    /// What became public with the last event, whose records may turn out not to be written.
    newly_public: Vec<ArticlePath>,
}

impl Postponed {
    /// The next event comes: the records of the last one were written, unless it says otherwise.
    pub(super) fn begin_event(&mut self) {
        self.newly_public.clear();
    }

    /// An article becomes public that readers have not seen.
    pub(super) fn note(&mut self, path: &ArticlePath) {
        if !self.is_active {
            self.newly_public.push(path.clone());
        }
    }

    /// Whether records cannot be written.
    pub(super) fn is_active(&self) -> bool {
        self.is_active
    }

    pub(super) fn contains(&self, path: &ArticlePath) -> bool {
        self.articles.contains(path)
    }
}

impl Engine {
    /// Records cannot be written: what became public with the last event was shown to nobody, and waits.
    pub(super) fn postpone_additions(&mut self) {
        self.postponed.is_active = true;
        for path in std::mem::take(&mut self.postponed.newly_public) {
            if let Some(index) = &mut self.index {
                index.remove(&path);
            }
            self.postponed.articles.insert(path);
        }
    }

    /// Records can be written again.
    pub(super) fn publish_postponed(&mut self) {
        self.postponed.is_active = false;
        for path in std::mem::take(&mut self.postponed.articles) {
            self.reindex_article(&path);
        }
    }

    /// Whether an article has to wait; it is noted then.
    pub(super) fn postpones(&mut self, path: &ArticlePath) -> bool {
        // What readers see, or saw last, may change and go.
        let is_seen = || self.is_public(path) || self.ledger.article(path).is_some_and(Remembered::is_live);
        let is_waiting = self.postponed.is_active && (self.postponed.contains(path) || !is_seen());
        if is_waiting {
            self.postponed.articles.insert(path.clone());
        }
        is_waiting
    }

    /// Whether any article that was public is not any more, or left one of its feeds. `left`: what was public before it changed, and in
    /// which feeds.
    pub(super) fn removes_from_feeds(&self, index: &Index, left: &BTreeMap<ArticlePath, Vec<FeedKey>>) -> bool {
        left.iter().any(|(path, feeds)| {
            let is_gone = || index.get(path).is_none_or(|indexed| indexed.id().is_none());
            // A postponed one was seen by nobody.
            !self.postponed.contains(path)
                && (feeds.iter().any(|key| !self.belongs_to_feed(index, path, key)) || (feeds.is_empty() && is_gone()))
        })
    }

    /// Whether an article that some feed shows does not belong to it any more, as after a reload.
    pub(super) fn windows_lose_entries(&self, index: &Index) -> bool {
        self.windows.iter().any(|(key, paths)| paths.iter().any(|path| !self.belongs_to_feed(index, path, key)))
    }

    /// Whether a feed still has an article, under this path or, where it was moved, under another one.
    pub(super) fn belongs_to_feed(&self, index: &Index, path: &ArticlePath, key: &FeedKey) -> bool {
        let cached =
            || self.cached_entries.get(path).and_then(|cached| index.get(index.public_article(&cached.article.id)?));
        let indexed = index.get(path).filter(|indexed| indexed.id().is_some()).or_else(cached);
        indexed.is_some_and(|indexed| index.feeds_of(indexed).any(|other| other == key))
    }
}
