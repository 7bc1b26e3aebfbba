//! The versions of files that the store keeps, and the articles that need them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use jiff::Timestamp;

use crate::types::{ArticlePath, ContentHash};

/// The versions of files to keep, and the articles that need them.
#[derive(Debug, Default)]
pub(crate) struct SourceRetention {
    /// The articles that need each version.
    holders: BTreeMap<ContentHash, BTreeSet<ArticlePath>>,
    /// Entries whose files aren't in the store yet.
    unsaved: BTreeMap<ArticlePath, ContentHash>,
    /// Versions that become public later, of articles that stay when their files are removed.
    upcoming: BTreeMap<ArticlePath, ContentHash>,
    /// Versions that no entry needs, with the time since when, and their articles.
    unused: VecDeque<(Timestamp, ContentHash, Option<ArticlePath>)>,
    /// Whether files left over from earlier runs have been found.
    is_swept: bool,
}

impl SourceRetention {
    /// Notes that a feed shows this version of an article.
    pub(crate) fn retain(&mut self, path: &ArticlePath, hash: ContentHash) {
        self.holders.entry(hash).or_default().insert(path.clone());
        self.unsaved.insert(path.clone(), hash);
    }

    /// Notes which version of an article becomes public later, if any.
    pub(crate) fn set_upcoming(&mut self, path: &ArticlePath, hash: Option<ContentHash>, now: Timestamp) {
        let before = self.upcoming.get(path).copied();
        if before == hash {
            return;
        }
        if let Some(before) = before {
            self.upcoming.remove(path);
            self.release(path, before, now);
        }
        if let Some(hash) = hash {
            self.upcoming.insert(path.clone(), hash);
            self.retain(path, hash);
        }
    }

    /// Notes that no feed shows this version of an article any more.
    pub(crate) fn release(&mut self, path: &ArticlePath, hash: ContentHash, now: Timestamp) {
        if self.unsaved.get(path) == Some(&hash) {
            self.unsaved.remove(path);
        }
        let Some(holders) = self.holders.get_mut(&hash) else { return };
        holders.remove(path);
        if holders.is_empty() {
            self.holders.remove(&hash);
            self.unused.push_back((now, hash, Some(path.clone())));
        }
    }

    /// Whether a feed shows an article in this version.
    pub(crate) fn is_needed(&self, hash: ContentHash) -> bool {
        self.holders.contains_key(&hash)
    }

    /// The versions that aren't in the store yet. Those that still can't be saved have to be noted again.
    pub(crate) fn take_unsaved(&mut self) -> BTreeMap<ArticlePath, ContentHash> {
        std::mem::take(&mut self.unsaved)
    }

    pub(crate) fn note_unsaved(&mut self, path: ArticlePath, hash: ContentHash) {
        self.unsaved.insert(path, hash);
    }

    /// Finds the versions that earlier runs left over among the `kept` ones, once.
    pub(crate) fn sweep(&mut self, kept: impl Iterator<Item = ContentHash>, now: Timestamp) {
        if self.is_swept {
            return;
        }
        self.is_swept = true;
        let mut unused: Vec<ContentHash> = kept.filter(|hash| !self.is_needed(*hash)).collect();
        unused.sort();
        self.unused.extend(unused.into_iter().map(|hash| (now, hash, None)));
    }

    /// The next version that no entry has needed since before `cutoff`. It may be needed again by now.
    pub(crate) fn take_unused(&mut self, cutoff: Timestamp) -> Option<ContentHash> {
        self.unused.pop_front_if(|(since, ..)| *since < cutoff).map(|(_, hash, _)| hash)
    }

    /// Notes again that no entry needs a version. It is needed otherwise, for now.
    pub(crate) fn note_unused(&mut self, path: ArticlePath, hash: ContentHash, now: Timestamp) {
        self.unused.push_back((now, hash, Some(path)));
    }

    /// The articles of unused versions.
    pub(crate) fn unused_articles(&self) -> impl Iterator<Item = &ArticlePath> {
        self.unused.iter().filter_map(|(.., path)| path.as_ref())
    }

    /// Removes the unused versions of articles, and returns them.
    pub(crate) fn take_unused_of(&mut self, articles: &BTreeSet<ArticlePath>) -> Vec<ContentHash> {
        let mut taken = Vec::new();
        self.unused.retain(|(_, hash, path)| {
            let is_kept = !path.as_ref().is_some_and(|path| articles.contains(path));
            taken.extend((!is_kept).then_some(*hash));
            is_kept
        });
        taken
    }
}
