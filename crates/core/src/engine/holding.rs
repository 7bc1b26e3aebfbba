//! Decides which versions wait for an editor: those from a source with `trust = "hold"` that nobody has released.
//!
//! A held version isn't in the index, so no feed, page, id, tag or diagnostic of another article depends on it. A version that readers see
//! counts as released. While a new version of it waits, it stays.
//!
//! # What doesn't wait?
//!
//! Versions that take an article from readers: drafts, private articles, retractions and the notices of agencies. A version under embargo
//! withholds its article at once, too, and nobody sees it when the embargo ends, unless an editor has released it by then.

use super::parts::held_stories::HeldStory;
use super::state::State;
use super::withholding;
use crate::article::card::{Card, Packed};
use crate::build::placement::SectionRules;
use crate::config::{Config, Trust};
use crate::diagnostics::Diagnostic;
use crate::event::ActivityKind;
use crate::ledger::{ArticleFacts, Ledger, Record, Routes, VersionRank};
use crate::types::{ArticlePath, ContentHash, EntryId, Text};

/// Whether the source of an article holds stories back.
pub(super) fn is_held_source(config: &Config, path: &ArticlePath) -> bool {
    config.source_of(path).trust == Trust::Hold
}

/// Whether a version has to be released before readers may see it, and isn't.
pub fn waits_for_release(config: &Config, ledger: &Ledger, path: &ArticlePath, card: &Card) -> bool {
    if !is_held_source(config, path) {
        return false;
    }
    let facts = ledger.article(path);
    let is_hidden_for_good = card.draft
        || card.access.is_private()
        || card.retracted.is_some()
        || facts.is_some_and(ArticleFacts::is_retracted_by_command);
    !is_hidden_for_good && !facts.is_some_and(|facts| facts.is_released(card.hash))
}

/// Whether a version has to stay out of the index under these rules.
pub(super) fn stays_out(state: &State, rules: &SectionRules, path: &ArticlePath, card: &Card) -> bool {
    waits_for_release(rules.config(), &state.recorder.ledger, path, card)
        && !withholding::hides(Some(rules), path, card, state.now)
}

/// Whether a version that was just read waits.
pub(super) fn is_waiting(state: &State, path: &ArticlePath, card: &Card) -> bool {
    state.config().is_some_and(|config| waits_for_release(config, &state.recorder.ledger, path, card))
}

/// The same for a packed card, which is opened only if the source holds stories back.
pub(super) fn is_waiting_version(state: &State, path: &ArticlePath, card: &Packed) -> bool {
    state.config().is_some_and(|config| is_held_source(config, path)) && is_waiting(state, path, &card.open(path))
}

/// Whether a version that was just read waits while readers keep the one before it.
pub(super) fn waits_behind_public(state: &State, path: &ArticlePath, card: &Packed) -> bool {
    let rules = || state.index.as_ref().map(|index| &**index.rules());
    let hides = || withholding::hides(rules(), path, &card.open(path), state.now);
    is_waiting_version(state, path, card) && state.is_live(path) && !hides()
}

/// Notes that a version was read, with all problems of its file. `None`: the file can't be used. An earlier version that waited is gone with
/// its bytes.
pub(super) fn note_read(
    state: &mut State,
    path: &ArticlePath,
    card: Option<&Packed>,
    is_behind: bool,
    diagnostics: Vec<Diagnostic>,
) {
    match card {
        Some(card) if is_behind => add(state, path, card.clone()),
        Some(card) if state.held.version(path) == Some(card.hash()) => {}
        _ => drop(state.held.remove(path)),
    }
    state.held.set_diagnostics(path, diagnostics);
}

/// Holds a version back, unless it is released or hides its article anyway. Returns whether it has to stay out of the index.
pub(super) fn hold(state: &mut State, path: &ArticlePath, card: &Card) -> bool {
    if !is_waiting(state, path, card) {
        if state.held.version(path) == Some(card.hash) {
            state.held.remove(path);
        }
        return false;
    }
    let stays_out = state.index.as_ref().is_some_and(|index| stays_out(state, index.rules(), path, card));
    let Some(packed) = state.catalog.get(path).cloned() else { return stays_out };
    if stays_out {
        state.catalog.forget_version(path);
        if let Some(index) = &mut state.index {
            index.remove(path);
        }
    }
    add(state, path, packed);
    stays_out
}

/// Adds a version that waits.
pub(super) fn add(state: &mut State, path: &ArticlePath, card: Packed) {
    let is_catalogued = state.catalog.get(path).is_some();
    let opened = card.open(path);
    let of_index = || state.index.as_ref()?.item_id(&opened, None);
    let item = opened.item.as_ref().and_then(|_| opened.id.clone().or_else(of_index));
    if state.held.insert(path, card, item.clone(), is_catalogued) {
        state.activities.note(path, ActivityKind::Waiting, None, Routes::default());
    }
    item.iter().for_each(|item| compare_versions(state, item));
}

/// Decides which held versions of an item operators see: those above the newest version in the index.
pub(super) fn compare_versions(state: &mut State, item: &EntryId) {
    let Some(index) = &state.index else { return };
    let current = index.current_version(item);
    let newest = current.and_then(|path| Some((path, index.version_rank(path)?)));
    let is_newer = |path: &ArticlePath| {
        let rank = || VersionRank::of(&state.held.card(path)?);
        newest.is_none_or(|(other, newest)| {
            other == path || other.source() != path.source() || rank().is_none_or(|rank| rank > *newest)
        })
    };
    let held: Vec<(ArticlePath, bool)> = state.held.of_item(item).map(|path| (path.clone(), is_newer(path))).collect();
    held.into_iter().for_each(|(path, is_listed)| state.held.set_listed(&path, is_listed));
}

/// Moves versions that have to stay out of a new index from the catalog to the held ones. Returns held stories that needn't wait any more.
pub(super) fn apply_configuration(state: &mut State) -> Vec<(ArticlePath, HeldStory)> {
    let Some(config) = state.config().cloned() else { return Vec::new() };
    let is_held = |path: &ArticlePath| is_held_source(&config, path);
    if config.sources.named.iter().any(|source| source.trust == Trust::Hold) {
        let held: Vec<(ArticlePath, Card)> = (state.catalog.iter())
            .filter(|(path, _)| is_held(path))
            .map(|(path, card)| (path.clone(), card.open(path)))
            .collect();
        for (path, card) in &held {
            hold(state, path, card);
        }
    }
    let trusted: Vec<ArticlePath> = state.held.paths().filter(|path| !is_held(path)).cloned().collect();
    trusted.into_iter().filter_map(|path| state.held.remove(&path).map(|story| (path, story))).collect()
}

/// The reason that a file states for its retraction. No text of a version that nobody has released is public.
pub(super) fn stated_reason(state: &State, config: &Config, path: &ArticlePath) -> Option<Option<Text>> {
    let card = state.catalog.get(path)?.open(path);
    let is_released = || state.recorder.ledger.article(path).is_some_and(|facts| facts.is_released(card.hash));
    let is_secret = is_held_source(config, path) && !is_released();
    Some(card.retracted?.reason.filter(|_| !is_secret))
}

/// The released versions among the catalog's versions at these paths.
pub(super) fn released<'p>(
    state: &State,
    paths: impl IntoIterator<Item = &'p ArticlePath>,
) -> Vec<(ArticlePath, ContentHash)> {
    let Some(config) = state.config() else { return Vec::new() };
    let is_released = |path: &ArticlePath, hash: &ContentHash| {
        state.recorder.ledger.article(path).is_some_and(|facts| facts.is_released(*hash))
    };
    let paths = paths.into_iter().filter(|path| is_held_source(config, path));
    let versions = paths.filter_map(|path| Some((path.clone(), state.catalog.get(path)?.hash())));
    versions.filter(|(path, hash)| is_released(path, hash)).collect()
}

/// Records again that versions are released, after the facts about them were moved to another path.
pub(super) fn record_released(state: &mut State, released: Vec<(ArticlePath, ContentHash)>) {
    for (path, hash) in released {
        if !state.recorder.ledger.article(&path).is_some_and(|facts| facts.is_released(hash)) {
            state.record_silently(Record::Released { path, hash });
        }
    }
}
