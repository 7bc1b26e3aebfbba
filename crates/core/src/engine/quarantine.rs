//! Quarantines versions of articles over which dateline panics, while it renders them or encodes a feed with them.
//!
//! A panic leaves out this version and nothing else. The previous version stays published, if there is one, and a diagnostic names the
//! file. A quarantined version is tried again after a configuration change or a restart.

use super::parts::entry_cache::{CachedEntry, EntryCache, EntryText};
use super::parts::problems::{Problems, Source};
use super::state::State;
use crate::article::card::Packed;
use crate::diagnostics::{Code, Diagnostic, Place};
use crate::types::{ArticlePath, ContentHash};

/// Whether an article's last good version is quarantined, so that feeds don't wait for its entry.
pub(super) fn is_failing(state: &State, path: &ArticlePath) -> bool {
    let version = state.entries.quarantine.version(path);
    version.is_some() && version == state.catalog.get(path).map(Packed::hash)
}

/// Quarantines a version and reports it. Returns whether it is newly quarantined.
pub(super) fn add(state: &mut State, path: &ArticlePath, version: ContentHash) -> bool {
    if !state.entries.quarantine.add(path, version) {
        return false;
    }
    // The configuration belongs to the index, which a publication takes out of the state.
    let file = state.config().map_or_else(|| format!("/{}", path.relative()), |config| config.file_name(path));
    let message = "dateline failed to process this file, which is a bug in dateline; this version is left out";
    let diagnostic = Diagnostic::new(Code::ArticleUnreadable, message)
        .at(Place::file(&file))
        .help("please report this with the file; dateline tries again when the file changes");
    state.problems.set(Source::Failure(path.clone()), vec![diagnostic]);
    true
}

/// Quarantines the version of an entry and restores the entry of the previous version. Returns whether it is newly
/// quarantined.
pub(super) fn add_entry(state: &mut State, path: &ArticlePath) -> bool {
    let Some(version) = state.entries.cached.get(path).map(|cached| cached.article.hash) else { return false };
    let is_new = add(state, path, version);
    if let Some(mut before) = state.entries.quarantine.take_replaced(path) {
        before.windows = state.entries.cached.get(path).map_or(0, |cached| cached.windows);
        before.epoch = CachedEntry::STALE;
        state.recorder.retention.retain(path, before.article.hash);
        if let EntryText::Unpacked(rendered, _) = &before.text {
            state.entries.unpacked.add(path, rendered);
        }
        if let Some(failed) = state.entries.cached.insert(path.clone(), before) {
            state.entries.unpacked.remove(&failed);
            state.recorder.retention.release(path, failed.article.hash, state.now);
        }
    }
    is_new
}

/// Drops quarantined versions that have been replaced or removed.
pub(super) fn remove_outdated(state: &mut State) {
    let catalog = &state.catalog;
    let is_outdated = |path: &ArticlePath, version| catalog.get(path).map(Packed::hash) != Some(version);
    for path in state.entries.quarantine.remove_if(is_outdated) {
        state.problems.set(Source::Failure(path), Vec::new());
    }
}

/// Clears the quarantine. A new configuration tries every version again.
pub(super) fn clear(entries: &mut EntryCache, problems: &mut Problems) {
    for path in entries.quarantine.remove_if(|_, _| true) {
        problems.set(Source::Failure(path), Vec::new());
    }
}

#[cfg(test)]
mod tests;
