//! Decides which changes take effect at once and which wait while records can't be written. New articles are postponed, so that no id is
//! served that a crash could forget. Removals are published at once.
//!
//! # Why doesn't withholding wait for the disk?
//!
//! Every other change can be published later without harm. While records can't be written, the engine postpones articles that readers
//! haven't seen. Its snapshots then only remove or edit articles, and can be shown at once. After a restart, a file that withholds its
//! article says so again. A retraction by command would be forgotten, so the operator is told.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::state::State;
use crate::article::card::Card;
use crate::build::index::Index;
use crate::build::placement::{FeedKey, SectionRules};
use crate::types::{ArticlePath, Moment};

/// Whether readers don't see an article, according to its metadata and the configuration.
pub(super) fn hides(rules: Option<&SectionRules>, path: &ArticlePath, card: &Card, now: Timestamp) -> bool {
    let is_to_come = |date: Option<Moment>| date.is_some_and(|date| date.timestamp() > now);
    card.draft
        || card.access.is_private()
        || card.retracted.is_some()
        || is_to_come(card.embargo)
        || is_to_come(card.published)
        || card.expires.is_some_and(|expires| expires.timestamp() <= now)
        || rules.is_some_and(|rules| rules.restricts(path, card))
}

/// Whether an article has become public by time or configuration before the store has answered. It waits like a new file.
pub(super) fn awaits_store(state: &State, rules: &SectionRules, path: &ArticlePath) -> bool {
    let card = state.catalog.get(path).filter(|_| state.dormancy.is_applied(path));
    card.is_some_and(|card| !hides(Some(rules), path, &card.open(path), state.now))
}

/// Postpones the articles published with the last event: their records couldn't be written, so no reader has seen them.
pub(super) fn postpone_additions(state: &mut State) {
    let newly_public = state.withholding.postponed.begin();
    if let Some(index) = &mut state.index {
        for path in &newly_public {
            index.remove(path);
        }
    }
}

/// Postpones an article if it has to wait. Returns whether it does.
pub(super) fn postpones(state: &mut State, path: &ArticlePath) -> bool {
    // A version that readers don't see may withhold another one.
    if withholds_item(state, path) {
        return false;
    }
    // Articles that readers see, or saw last, may change and be removed.
    let is_seen = || state.is_public(path) || state.is_live(path);
    let is_waiting =
        state.withholding.postponed.is_active() && (state.withholding.postponed.contains(path) || !is_seen());
    if is_waiting {
        state.withholding.postponed.insert(path);
    }
    is_waiting
}

/// Whether a file has a version of an agency's item that readers don't see.
fn withholds_item(state: &State, path: &ArticlePath) -> bool {
    if !state.withholding.postponed.is_active() {
        return false;
    }
    let rules = state.index.as_ref().map(|index| &**index.rules());
    let card = state.catalog.get(path).map(|card| card.open(path));
    card.is_some_and(|card| card.item.is_some() && hides(rules, path, &card, state.now))
}

/// Whether a public article was withdrawn or left one of its feeds. `left` contains the feeds that changed articles had
/// before.
pub(super) fn removes_from_feeds(state: &State, index: &Index, left: &BTreeMap<ArticlePath, Vec<FeedKey>>) -> bool {
    left.iter().any(|(path, feeds)| {
        let is_gone = || index.get(path).is_none_or(|indexed| indexed.id().is_none());
        // No reader has seen a postponed article.
        !state.withholding.postponed.contains(path)
            && (feeds.iter().any(|key| !state.entries.belongs_to_feed(index, path, key))
                || (feeds.is_empty() && is_gone()))
    })
}

/// Whether a feed shows an article that doesn't belong to it any more, for example after a reload.
pub(super) fn windows_lose_entries(state: &State, index: &Index) -> bool {
    state
        .publisher
        .windows
        .iter()
        .any(|(key, paths)| paths.iter().any(|path| !state.entries.belongs_to_feed(index, path, key)))
}
