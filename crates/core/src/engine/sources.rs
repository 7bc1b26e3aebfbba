//! Sources of articles: their first listings, and those that a new configuration adds or removes.
//!
//! # When is everything listed?
//!
//! When the content directory has been listed, and each other source has been listed or can't be. A drop folder that isn't mounted never
//! keeps other articles from readers, and its own published articles stay as they are.
//!
//! # What happens to the articles of a removed source?
//!
//! They leave feeds without a notice, because only the configuration has changed. The ledger keeps their facts, so that they come back under
//! the same ids.

use super::parts::problems::Problems;
use super::state::State;
use super::{removals, stored_versions};
use crate::config::Config;
use crate::event::{Listing, ParsedFile};
use crate::ledger::{ArticleFacts, Record, Routes};
use crate::types::{ArticlePath, folder};

/// Leaves out the files of sources that aren't configured any more.
pub(super) fn configured(state: &State, mut files: Vec<ParsedFile>) -> Vec<ParsedFile> {
    if let Some(config) = state.config() {
        files.retain(|file| config.sources.position(&file.path).is_some());
    }
    files
}

/// Whether a listing is of a source that is configured.
pub(super) fn is_configured(state: &State, listing: &Listing) -> bool {
    state.config().is_none_or(|config| config.sources.get(folder::source(&listing.scope)).is_some())
}

/// Takes the first listing of a source. When all sources have been listed, compares the ledger with the files.
pub(super) fn add_listing(state: &mut State, listing: &Listing) {
    if state.listed || !listing.is_whole {
        return;
    }
    // An unreadable content directory isn't an empty one.
    let is_top = |path: &str| path == listing.scope;
    let is_readable = listing.directories.iter().any(|folder| is_top(&folder.path) && folder.unreadable.is_none());
    if folder::source(&listing.scope).is_none() && !is_readable {
        return;
    }
    state.first_listings.retain(|known| known.scope != listing.scope);
    let Listing { scope, directories, is_whole, doubtful, .. } = listing;
    state.first_listings.push(Listing {
        scope: scope.clone(),
        directories: directories.clone(),
        links: Vec::new(),
        files: Vec::new(),
        is_whole: *is_whole,
        doubtful: *doubtful,
        limited: None,
    });
    complete(state);
}

/// If all sources have been listed, compares the ledger with the files.
pub(super) fn complete(state: &mut State) {
    let Some(config) = state.config().cloned().filter(|_| !state.listed) else { return };
    let is_listed = |name: Option<&str>| state.first_listings.iter().any(|known| folder::source(&known.scope) == name);
    if !config.sources.iter().all(|source| is_listed(source.name.as_deref())) {
        return;
    }
    state.listed = true;
    state.recorder.ledger.reserve(state.catalog.len());
    forget_removed(state, &config);
    let listings = std::mem::take(&mut state.first_listings);
    stored_versions::compare_ledger_to_files(state, &listings);
}

/// Forgets the articles of sources that a configuration doesn't have. Readers aren't told.
pub(super) fn forget_removed(state: &mut State, config: &Config) {
    let is_removed = |path: &ArticlePath| config.sources.position(path).is_none();
    state.first_listings.retain(|listing| config.sources.get(folder::source(&listing.scope)).is_some());
    let mut gone: Vec<ArticlePath> = state.catalog.paths().filter(|path| is_removed(path)).cloned().collect();
    gone.sort_unstable();
    for path in &gone {
        removals::drop_article(state, path);
        state.missing.note_present(path);
        state.missing.forget_possible_move(path);
        state.recorder.changed_articles.insert(path.clone());
    }
    // Articles whose files were never read since the start.
    let is_shown = |facts: &ArticleFacts| facts.is_live() || facts.is_lost();
    let known = state.recorder.ledger.articles().filter(|(path, facts)| is_removed(path) && is_shown(facts));
    let mut known: Vec<ArticlePath> = known.map(|(path, _)| path.clone()).collect();
    known.sort_unstable();
    for path in known {
        if state.recorder.ledger.article(&path).is_some_and(ArticleFacts::is_lost) {
            state.record_silently(Record::Found { path: path.clone() });
        }
        if state.is_live(&path) {
            state.record_silently(Record::Withdrawn { path: path.clone(), feeds: Routes::default() });
        }
        state.missing.note_present(&path);
        state.recorder.changed_articles.insert(path);
    }
    state.item_files.keep(|path| !is_removed(path));
    state.ignored.keep(|path| !is_removed(path));
    // Kept kills hold when the source comes back.
    state.agency_notices.retain(|path, _| path.is_displaced() || !is_removed(path));
    state.dormancy.waiting.keep(|path| !is_removed(path));
    clear_problems(&mut state.problems, config);
}

fn clear_problems(problems: &mut Problems, config: &Config) {
    problems.keep_sources(|name| config.sources.get(Some(name)).is_some());
}
