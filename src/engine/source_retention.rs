//! Keeps copies in the store of the files whose articles readers see.
//!
//! # Why are copies kept?
//!
//! After a bad edit was saved, no file contains the last good version any more. Without a copy, a restart would lose an article that
//! readers could see. The same holds for a lost file.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use jiff::{SignedDuration, Timestamp};

use super::Engine;
use crate::event::BodyRequest;
use crate::ledger::{Record, Remembered};
use crate::types::{ArticlePath, ContentHash};

/// The versions of files to keep, and the articles that need them.
#[derive(Debug, Default)]
pub(super) struct SourceRetention {
    /// The articles that need each version.
    holders: BTreeMap<ContentHash, BTreeSet<ArticlePath>>,
    /// Entries whose files aren't in the store yet.
    unsaved: BTreeMap<ArticlePath, ContentHash>,
    /// Versions that no entry needs, with the time since when.
    unused: VecDeque<(Timestamp, ContentHash)>,
    /// Whether files left over from earlier runs have been found.
    is_swept: bool,
}

impl SourceRetention {
    /// Notes that a feed shows this version of an article.
    pub(super) fn retain(&mut self, path: &ArticlePath, hash: ContentHash) {
        self.holders.entry(hash).or_default().insert(path.clone());
        self.unsaved.insert(path.clone(), hash);
    }

    /// Notes that no feed shows this version of an article any more.
    pub(super) fn release(&mut self, path: &ArticlePath, hash: ContentHash, now: Timestamp) {
        if self.unsaved.get(path) == Some(&hash) {
            self.unsaved.remove(path);
        }
        let Some(holders) = self.holders.get_mut(&hash) else { return };
        holders.remove(path);
        if holders.is_empty() {
            self.holders.remove(&hash);
            self.unused.push_back((now, hash));
        }
    }
}

impl Engine {
    /// How long an unneeded version is kept. A deletion may turn out to be part of a mass removal.
    const RETENTION_PERIOD: SignedDuration = SignedDuration::from_secs(60);

    /// Records the files of new entries. Requests the files that haven't arrived.
    pub(super) fn record_sources(&mut self, requests: &mut BTreeSet<BodyRequest>) {
        for (path, hash) in std::mem::take(&mut self.recorder.retention.unsaved) {
            if self.recorder.ledger.keeps(hash) {
                continue;
            }
            let pending = self.bodies.pending.get(&path).filter(|pending| pending.hash == hash);
            if let Some(bytes) = pending.and_then(|pending| pending.source.clone()) {
                self.record(Record::Kept { hash, path, bytes });
                continue;
            }
            if self.bodies.unavailable.contains(&(path.clone(), hash)) {
                continue;
            }
            let request = BodyRequest { path: path.clone(), hash, shown: false, links: None };
            let is_asked = requests.range(&request..).next().is_some_and(|next| next.path == path && next.hash == hash);
            if self.bodies.requested.get(&path) != Some(&hash) && !is_asked {
                requests.insert(request);
            }
            self.recorder.retention.unsaved.insert(path, hash);
        }
    }

    /// Drops stored files that no entry needs. `everything` means that all entries are built, so that the remaining files are
    /// left over from earlier runs.
    pub(super) fn drop_unused_sources(&mut self, everything: bool) {
        if everything && !self.recorder.retention.is_swept {
            self.recorder.retention.is_swept = true;
            let now = self.now;
            let mut unused: Vec<ContentHash> = self
                .recorder
                .ledger
                .kept()
                .filter(|hash| !self.recorder.retention.holders.contains_key(hash))
                .collect();
            unused.sort();
            self.recorder.retention.unused.extend(unused.into_iter().map(|hash| (now, hash)));
        }
        let cutoff = self.now.saturating_sub(Engine::RETENTION_PERIOD).unwrap_or(self.now);
        while let Some((since, hash)) =
            self.recorder.retention.unused.front().copied().filter(|(since, _)| *since < cutoff)
        {
            self.recorder.retention.unused.pop_front();
            debug_assert!(since < cutoff);
            let is_lost = |path| self.recorder.ledger.article(path).is_some_and(Remembered::is_lost);
            let is_needed = self.recorder.retention.holders.contains_key(&hash)
                || self.recorder.ledger.with_version(hash).any(is_lost);
            if !is_needed && self.recorder.ledger.keeps(hash) {
                self.record(Record::Dropped { hash });
            }
        }
    }
}
