//! Keeps copies in the store of the files whose articles readers see.
//!
//! # Why are copies kept?
//!
//! After a bad edit was saved, no file contains the last good version any more. Without a copy, a restart would lose an article that
//! readers could see. The same holds for a lost file. The text of an item that an agency killed is erased at once.
//!
//! # Which copies outlast the windows?
//!
//! Those of sources whose files may be removed or replaced while readers keep a story (`deleted = "keep"`, `trust = "hold"`), for as long as
//! an archive has the story. Of held sources, a page is enough.

use std::collections::BTreeSet;

use jiff::SignedDuration;

use super::state::State;
use super::{archives, holding, kept_stories};
use crate::build::index::Index;
use crate::event::BodyRequest;
use crate::ledger::{ArticleFacts, Record, Withdrawal};
use crate::types::ArticlePath;

/// How long an unneeded version is kept. A deletion may turn out to be part of a mass removal.
const RETENTION_PERIOD: SignedDuration = SignedDuration::from_secs(60);

/// Records the files of new entries. Requests the files that haven't arrived.
pub(super) fn record(state: &mut State, requests: &mut BTreeSet<BodyRequest>) {
    for (path, hash) in state.recorder.retention.take_unsaved() {
        if state.recorder.ledger.keeps(hash) {
            continue;
        }
        let pending = state.bodies.pending.get(&path).filter(|pending| pending.hash == hash);
        if let Some(bytes) = pending.and_then(|pending| pending.source.clone()) {
            state.record(Record::Kept { hash, path, bytes });
            continue;
        }
        if state.bodies.unavailable.contains(&(path.clone(), hash)) {
            continue;
        }
        let request = BodyRequest { path: path.clone(), hash, shown: false, links: None };
        let is_asked = requests.range(&request..).next().is_some_and(|next| next.path == path && next.hash == hash);
        if state.bodies.requested.get(&path) != Some(&hash) && !is_asked {
            requests.insert(request);
        }
        state.recorder.retention.note_unsaved(path, hash);
    }
}

/// Erases stored files of items that an agency killed. Their other versions are erased, too.
pub(super) fn erase_killed(state: &mut State, index: &Index) {
    let is_killed = |path: &ArticlePath| {
        let is_public = index.version_id(path).is_none_or(|id| index.public_article(id).is_some());
        let retracts = !index.retracting_versions(path).is_empty();
        !is_public && (retracts || index.withdrawing_notices(path).next().is_some())
    };
    let killed: BTreeSet<ArticlePath> =
        state.recorder.retention.unused_articles().filter(|path| is_killed(path)).cloned().collect();
    for hash in state.recorder.retention.take_unused_of(&killed) {
        let is_needed = state.recorder.retention.is_needed(hash);
        if !is_needed && state.recorder.ledger.keeps(hash) {
            state.record(Record::Erased { hash });
        }
    }
}

/// Drops stored files that no entry needs. `everything` means that all entries are built, so that the remaining files are
/// left over from earlier runs.
pub(super) fn drop_unused(state: &mut State, index: &Index, everything: bool) {
    if everything {
        state.recorder.retention.sweep(state.recorder.ledger.kept(), state.now);
    }
    let cutoff = state.now.saturating_sub(RETENTION_PERIOD).unwrap_or(state.now);
    while let Some(hash) = state.recorder.retention.take_unused(cutoff) {
        if state.recorder.retention.is_needed(hash) || !state.recorder.ledger.keeps(hash) {
            continue;
        }
        let is_shown = |path: &&ArticlePath| is_shown_elsewhere(state, index, path);
        let shown = state.recorder.ledger.with_version(hash).find(is_shown).cloned();
        if let Some(path) = shown {
            state.recorder.retention.note_unused(path, hash, state.now);
            continue;
        }
        let is_killed = |facts: &ArticleFacts| facts.retraction().is_some_and(|known| known.by == Withdrawal::Status);
        let is_lost = |path: &&ArticlePath| {
            state.recorder.ledger.article(path).is_some_and(|facts| facts.is_lost() && !is_killed(facts))
        };
        let lost: Vec<ArticlePath> = state.recorder.ledger.with_version(hash).filter(is_lost).cloned().collect();
        match lost.is_empty() {
            true => state.record(Record::Dropped { hash }),
            // A story that is kept without its file leaves with its text.
            false => {
                let kept = lost.into_iter().filter(|path| state.missing.kept.contains(path) && state.is_live(path));
                let kept: Vec<_> = kept.map(|path| (path, hash)).collect();
                state.missing.unshown.extend(kept);
            }
        }
    }
}

/// Whether archives or pages need the stored version of an article, because its file may be gone, or have a version that waits for an editor.
fn is_shown_elsewhere(state: &State, index: &Index, path: &ArticlePath) -> bool {
    let config = index.rules().config();
    let (is_kept, is_held) = (kept_stories::is_kept_source(config, path), holding::is_held_source(config, path));
    let has_page =
        || is_held && config.content.article_url.is_none() && index.get(path).is_some_and(|it| it.id().is_some());
    (is_kept || is_held) && state.is_live(path) && (has_page() || archives::has(state, index, path))
}
