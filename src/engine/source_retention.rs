//! The files of the entries that readers see, kept in the store: so a refused edit that outlives a restart, or a lost file, does
//! not lose the entry.
//!
//! # Why are the files of entries kept in the store?
//!
//! After a bad edit was saved, no file contains the last good version any more. Without a copy, a restart would lose a story that
//! readers could see.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use jiff::{SignedDuration, Timestamp};

use super::Engine;
use crate::event::BodyRequest;
use crate::ledger::{Record, Remembered};
use crate::types::{ArticlePath, ContentHash};

/// Which versions are kept for whom.
#[derive(Debug, Default)]
pub(super) struct SourceRetention {
    keepers: BTreeMap<ContentHash, BTreeSet<ArticlePath>>,
    /// Entries whose files are not in the store yet.
    wanted: BTreeMap<ArticlePath, ContentHash>,
    /// Versions that nobody needs, and since when.
    stale: VecDeque<(Timestamp, ContentHash)>,
    swept: bool,
}

impl SourceRetention {
    /// A window holds this version of an article.
    pub(super) fn hold(&mut self, path: &ArticlePath, hash: ContentHash) {
        self.keepers.entry(hash).or_default().insert(path.clone());
        self.wanted.insert(path.clone(), hash);
    }

    /// No window holds this version of an article any more.
    pub(super) fn release(&mut self, path: &ArticlePath, hash: ContentHash, now: Timestamp) {
        if self.wanted.get(path) == Some(&hash) {
            self.wanted.remove(path);
        }
        let Some(keepers) = self.keepers.get_mut(&hash) else { return };
        keepers.remove(path);
        if keepers.is_empty() {
            self.keepers.remove(&hash);
            self.stale.push_back((now, hash));
        }
    }
}

impl Engine {
    /// What nobody needs is kept for a while: a deletion may turn out to be part of an accident.
    const KEPT_FOR: SignedDuration = SignedDuration::from_secs(60);

    /// Records the files of new entries, and asks for those that are not at hand.
    pub(super) fn keep(&mut self, requests: &mut BTreeSet<BodyRequest>) {
        for (path, hash) in std::mem::take(&mut self.keeping.wanted) {
            if self.ledger.keeps(hash) {
                continue;
            }
            let at_hand = self.at_hand.get(&path).filter(|at_hand| at_hand.hash == hash);
            if let Some(bytes) = at_hand.and_then(|at_hand| at_hand.source.clone()) {
                self.remember(Record::Kept { hash, path, bytes });
                continue;
            }
            if self.unavailable.contains(&(path.clone(), hash)) {
                continue;
            }
            let kept = BodyRequest { path: path.clone(), hash, shown: false, links: None };
            let is_asked = requests.range(&kept..).next().is_some_and(|next| next.path == path && next.hash == hash);
            if self.waiting.get(&path) != Some(&hash) && !is_asked {
                requests.insert(kept);
            }
            self.keeping.wanted.insert(path, hash);
        }
    }

    /// Lets the store forget what nobody needs. `everything`: all entries are held, so that what is not theirs is of an earlier
    /// run.
    pub(super) fn sweep(&mut self, everything: bool) {
        if everything && !self.keeping.swept {
            self.keeping.swept = true;
            let now = self.now;
            let mut stale: Vec<ContentHash> =
                self.ledger.kept().filter(|hash| !self.keeping.keepers.contains_key(hash)).collect();
            stale.sort();
            self.keeping.stale.extend(stale.into_iter().map(|hash| (now, hash)));
        }
        let before = self.now.saturating_sub(Engine::KEPT_FOR).unwrap_or(self.now);
        while let Some((since, hash)) = self.keeping.stale.front().copied().filter(|(since, _)| *since < before) {
            self.keeping.stale.pop_front();
            debug_assert!(since < before);
            let lost = |path| self.ledger.article(path).is_some_and(Remembered::is_lost);
            let needed = self.keeping.keepers.contains_key(&hash) || self.ledger.with_version(hash).any(lost);
            if !needed && self.ledger.keeps(hash) {
                self.remember(Record::Dropped { hash });
            }
        }
    }
}
