//! Answers questions. Nothing changes, so the answers need no clock and wait for nothing.

use super::state::State;
use super::{archives, configuration, explanation};
use crate::event::{Answer, Query};
use crate::types::ArticlePath;

/// Answers a question from the state as it is.
pub(super) fn answer(state: &State, query: &Query) -> Answer {
    match query {
        Query::Configuration { hash } => Answer::Configuration(configuration::compare(state, hash)),
        Query::Problems => Answer::Problems(state.problems.iter().map(|(_, problem)| problem.clone()).collect()),
        Query::Article(path) => {
            let index = state.index.as_ref();
            let explanation = index.and_then(|index| explanation::of(index, &state.catalog, &state.held, path));
            Answer::Article(explanation.map(Box::new))
        }
        Query::Archive(address) => Answer::Archive(archives::contents(state, address).map(Box::new)),
        Query::Entries { feed, ids, journaled, version } => {
            Answer::Archive(archives::entries(state, feed, ids, (*journaled, *version)).map(Box::new))
        }
        Query::StateDependents => Answer::StateDependents(state_dependents(state)),
    }
}

/// The articles whose id or date would change if the state were lost, each with which of the two.
fn state_dependents(state: &State) -> Vec<(ArticlePath, &'static str)> {
    let Some(index) = &state.index else { return Vec::new() };
    let lost = |path: &ArticlePath| index.lost_without_state(path, &state.catalog.get(path)?.open(path));
    let mut dependents: Vec<_> = index.articles().filter_map(|(path, _)| Some((path.clone(), lost(path)?))).collect();
    dependents.sort();
    dependents
}
