//! Keeps copies in the store of the files whose articles readers see.
//!
//! # Why are copies kept?
//!
//! After a bad edit was saved, no file contains the last good version any more. Without a copy, a restart would lose an article that
//! readers could see. The same holds for a lost file.

use std::collections::BTreeSet;

use jiff::SignedDuration;

use super::state::Engine;
use crate::event::BodyRequest;
use crate::ledger::{Record, Remembered};

impl Engine {
    /// How long an unneeded version is kept. A deletion may turn out to be part of a mass removal.
    const RETENTION_PERIOD: SignedDuration = SignedDuration::from_secs(60);

    /// Records the files of new entries. Requests the files that haven't arrived.
    pub(super) fn record_sources(&mut self, requests: &mut BTreeSet<BodyRequest>) {
        for (path, hash) in self.recorder.retention.take_unsaved() {
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
            self.recorder.retention.note_unsaved(path, hash);
        }
    }

    /// Drops stored files that no entry needs. `everything` means that all entries are built, so that the remaining files are
    /// left over from earlier runs.
    pub(super) fn drop_unused_sources(&mut self, everything: bool) {
        if everything {
            self.recorder.retention.sweep(self.recorder.ledger.kept(), self.now);
        }
        let cutoff = self.now.saturating_sub(Engine::RETENTION_PERIOD).unwrap_or(self.now);
        while let Some(hash) = self.recorder.retention.take_unused(cutoff) {
            let is_lost = |path| self.recorder.ledger.article(path).is_some_and(Remembered::is_lost);
            let is_needed =
                self.recorder.retention.is_needed(hash) || self.recorder.ledger.with_version(hash).any(is_lost);
            if !is_needed && self.recorder.ledger.keeps(hash) {
                self.record(Record::Dropped { hash });
            }
        }
    }
}
