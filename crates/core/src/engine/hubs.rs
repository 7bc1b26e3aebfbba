//! Decides which hubs feeds name: with `[websub] withdraw`, none that doesn't deliver.
//!
//! # Why at most once a day?
//!
//! Another list of hubs changes every document of every feed, and every reader fetches them all. A hub that fails now and then would make
//! them do so again and again.

use jiff::{SignedDuration, Timestamp};

use super::state::State;
use crate::build::index::Index;
use crate::ledger::Record;
use crate::types::WebUrl;

/// The least time between two changes of whether feeds name a hub.
const MIN_INTERVAL: SignedDuration = SignedDuration::from_hours(24);

/// Withdraws hubs that don't deliver, and names those again that do.
pub(super) fn settle(state: &mut State) {
    state.hubs.next_change = None;
    let Some(config) = state.config().cloned() else { return };
    let mut has_changed = false;
    for hub in config.advertised_hubs() {
        let url = hub.as_str();
        let (is_withdrawn, since) = state.recorder.ledger.hub(url).unwrap_or((false, Timestamp::MIN));
        let states = &state.hubs.states;
        let should_be = match config.websub.withdraw {
            true => states.silent.contains(url) || (is_withdrawn && !states.working.contains(url)),
            false => false,
        };
        if should_be == is_withdrawn {
            continue;
        }
        let due = since.checked_add(MIN_INTERVAL).unwrap_or(Timestamp::MAX);
        // What the operator switches off ends at once.
        if since != Timestamp::MIN && due > state.now && config.websub.withdraw {
            state.hubs.next_change = Some(state.hubs.next_change.map_or(due, |next| next.min(due)));
            continue;
        }
        let at = state.now_in_seconds();
        state.record_silently(Record::Hub { url: url.into(), is_withdrawn: should_be, at });
        has_changed = true;
    }
    if let Some(index) = state.index.as_ref().filter(|_| has_changed) {
        state.publisher.feeds_to_rebuild.extend(index.feeds().cloned());
    }
}

/// The hubs that feeds name.
pub(super) fn named(state: &State, index: &Index) -> Vec<WebUrl> {
    let hubs = index.rules().config().advertised_hubs();
    let is_withdrawn = |hub: &WebUrl| state.recorder.ledger.hub(hub.as_str()).is_some_and(|(withdrawn, _)| withdrawn);
    hubs.into_iter().filter(|hub| !is_withdrawn(hub)).collect()
}
