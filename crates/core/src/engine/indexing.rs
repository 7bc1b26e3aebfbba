//! Puts articles in the index, and builds new indexes.

use std::sync::Arc;

use super::state::State;
use super::{dating, feed_set, folder_pages, holding, withholding};
use crate::article::bundle;
use crate::article::card::Card;
use crate::build::agency_notice_targets;
use crate::build::index::{Index, Visibility};
use crate::build::placement::SectionRules;
use crate::config::{Config, Deleted};
use crate::types::ArticlePath;

/// Puts an article in the index. An article without a date gets one first, which is recorded.
pub(super) fn put(state: &mut State, path: &ArticlePath, card: &Card) {
    state.missing.forget_possible_move(path);
    if holding::hold(state, path, card) {
        return;
    }
    state.links.set(path, &card.article_links);
    folder_pages::classify(state, path);
    let is_listing = folder_pages::is_listing(state, path) && !state.is_live(path);
    if !is_listing {
        dating::date(state, path, card);
    }
    if withholding::postpones(state, path) {
        return;
    }
    let records_all = state.listed || state.index.as_ref().is_some_and(|index| state.publisher.has_pages(index));
    match &mut state.index {
        Some(index) if !records_all => index.put_initial(path, card, &state.recorder.ledger, state.now),
        Some(index) => index.put(path, card, &state.recorder.ledger, state.now),
        None => {}
    }
    retain_upcoming(state, path, card);
}

/// Keeps a copy of a version that becomes public later, if its article stays when the file is removed.
fn retain_upcoming(state: &mut State, path: &ArticlePath, card: &Card) {
    if !state.config().is_some_and(|config| config.source_of(path).deleted == Deleted::Keep) {
        return;
    }
    let indexed = state.index.as_ref().and_then(|index| index.get(path));
    let is_upcoming = indexed.is_some_and(|indexed| matches!(indexed.visibility, Visibility::Scheduled(_)));
    state.recorder.retention.set_upcoming(path, is_upcoming.then_some(card.hash), state.now);
}

/// Puts an article's last good version in the index again.
pub(super) fn reindex(state: &mut State, path: &ArticlePath) {
    let Some(card) = state.catalog.get(path).map(|card| card.open(path)) else { return };
    if holding::hold(state, path, &card) {
        return;
    }
    if withholding::postpones(state, path) {
        return;
    }
    let awaits_store = state.index.as_ref().is_some_and(|index| withholding::awaits_store(state, index.rules(), path));
    if let Some(index) = state.index.as_mut().filter(|_| awaits_store) {
        index.remove(path);
        return;
    }
    folder_pages::classify(state, path);
    if let Some(index) = &mut state.index {
        index.put(path, &card, &state.recorder.ledger, state.now);
    }
    retain_upcoming(state, path, &card);
}

/// Indexes pages again whose folders got their first other article or lost the last one.
pub(super) fn reindex_changed_pages(state: &mut State) {
    for path in state.catalog.take_changed_pages() {
        if let Some(card) = state.catalog.get(&path).map(|card| card.open(&path)) {
            put(state, &path, &card);
        }
    }
}

/// Puts the postponed articles in the index, now that records can be written again.
pub(super) fn reindex_postponed(state: &mut State) {
    for path in state.withholding.postponed.end() {
        reindex(state, &path);
    }
}

/// Builds the index of all good articles for a configuration.
pub(super) fn build(state: &State, config: &Arc<Config>) -> Index {
    let mut index = Index::new(
        Arc::new(SectionRules::new(Arc::clone(config))),
        state.catalog.len().max(state.recorder.ledger.len()),
    );
    index.set_withheld_media(state.index.as_ref().map(|index| Arc::clone(index.withheld_media())).unwrap_or_default());
    let rules = Arc::clone(index.rules());
    let is_waiting = |path: &ArticlePath| {
        config.sources.position(path).is_none()
            || state.missing.may_be_moved(path)
            || state.withholding.postponed.contains(path)
            || withholding::awaits_store(state, &rules, path)
    };
    for (path, card) in state.catalog.iter().filter(|(path, _)| !is_waiting(path)) {
        let card = card.open(path);
        if holding::stays_out(state, &rules, path, &card) {
            continue;
        }
        if bundle::is_index(path) {
            let is_listing =
                folder_pages::is_listing_under(&state.catalog, index.rules(), path, &card) && !state.is_live(path);
            index.set_listing(path, is_listing);
        }
        index.put(path, &card, &state.recorder.ledger, state.now);
    }
    let is_configured = |path: &ArticlePath| config.sources.position(path).is_some();
    let withheld = state.catalog.withheld_files().filter(|(path, _)| is_configured(path));
    withheld.for_each(|(path, id)| index.withhold(path, id));
    for (path, notice) in state.agency_notices.iter().filter(|(path, _)| is_configured(path)) {
        let targets = agency_notice_targets::find(&state.catalog, &index, path, notice);
        index.add_notice(path, notice, targets);
    }
    index.compact();
    feed_set::keep_known(&state.recorder.ledger, &mut index);
    feed_set::admit(&state.recorder.ledger, &mut index);
    index
}

/// Rebuilds the index of all good articles.
pub(super) fn rebuild(state: &mut State, config: &Arc<Config>) {
    let index = build(state, config);
    replace(state, index);
}

/// Replaces the index. All feeds are rebuilt.
pub(super) fn replace(state: &mut State, index: Index) {
    state.publisher.feeds_to_rebuild = index.feeds().cloned().chain(state.publisher.windows.keys().cloned()).collect();
    state.index = Some(index);
    state.archives.is_compared = false;
    state.bodies.unavailable.clear();
    let pages: Vec<ArticlePath> = state.catalog.pages().filter(|path| state.is_live(path)).cloned().collect();
    pages.iter().for_each(|path| folder_pages::classify(state, path));
}
