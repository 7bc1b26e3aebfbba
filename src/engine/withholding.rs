//! Decides which changes take effect at once and which wait while records can't be written. New articles are postponed, so that no id is
//! served that a crash could forget. Removals are published at once.
//!
//! # Why doesn't withholding wait for the disk?
//!
//! Every other change can be published later without harm. While records can't be written, the engine postpones articles that readers
//! haven't seen. Its snapshots then only remove or edit articles, and can be shown at once. After a restart, a file that withholds its
//! article says so again. A retraction by command would be forgotten, so the operator is told.

use std::collections::BTreeMap;

use super::state::Engine;
use crate::build::index::Index;
use crate::build::placement::FeedKey;
use crate::ledger::Remembered;
use crate::types::ArticlePath;

impl Engine {
    /// Postpones the articles published with the last event: their records couldn't be written, so no reader has seen them.
    pub(super) fn postpone_additions(&mut self) {
        let newly_public = self.withholding.postponed.begin();
        if let Some(index) = &mut self.index {
            for path in &newly_public {
                index.remove(path);
            }
        }
    }

    /// Publishes the postponed articles, now that records can be written again.
    pub(super) fn publish_postponed(&mut self) {
        for path in self.withholding.postponed.end() {
            self.reindex_article(&path);
        }
    }

    /// Postpones an article if it has to wait. Returns whether it does.
    pub(super) fn postpones(&mut self, path: &ArticlePath) -> bool {
        // Articles that readers see, or saw last, may change and be removed.
        let is_seen = || self.is_public(path) || self.recorder.ledger.article(path).is_some_and(Remembered::is_live);
        let is_waiting =
            self.withholding.postponed.is_active() && (self.withholding.postponed.contains(path) || !is_seen());
        if is_waiting {
            self.withholding.postponed.insert(path);
        }
        is_waiting
    }

    /// Whether a public article was withdrawn or left one of its feeds. `left` contains the feeds that changed articles had
    /// before.
    pub(super) fn removes_from_feeds(&self, index: &Index, left: &BTreeMap<ArticlePath, Vec<FeedKey>>) -> bool {
        left.iter().any(|(path, feeds)| {
            let is_gone = || index.get(path).is_none_or(|indexed| indexed.id().is_none());
            // No reader has seen a postponed article.
            !self.withholding.postponed.contains(path)
                && (feeds.iter().any(|key| !self.belongs_to_feed(index, path, key)) || (feeds.is_empty() && is_gone()))
        })
    }

    /// Whether a feed shows an article that doesn't belong to it any more, for example after a reload.
    pub(super) fn windows_lose_entries(&self, index: &Index) -> bool {
        self.publisher
            .windows
            .iter()
            .any(|(key, paths)| paths.iter().any(|path| !self.belongs_to_feed(index, path, key)))
    }

    /// Whether an article still belongs to a feed, under this path or the one that it moved to.
    pub(super) fn belongs_to_feed(&self, index: &Index, path: &ArticlePath, key: &FeedKey) -> bool {
        let cached =
            || self.entries.cached.get(path).and_then(|cached| index.get(index.public_article(&cached.article.id)?));
        let indexed = index.get(path).filter(|indexed| indexed.id().is_some()).or_else(cached);
        indexed.is_some_and(|indexed| index.feeds_of(indexed).any(|other| other == key))
    }
}
