//! Dates articles that state no date, as `content.undated` says, and records these dates. A date slightly in the future counts as none,
//! because clocks differ.

use jiff::Timestamp;

use super::parts::problems::Source;
use super::state::State;
use crate::article::card::Card;
use crate::build::index::Index;
use crate::config::Undated;
use crate::diagnostics::{Code, Diagnostic};
use crate::ledger::{ArticleFacts, Record};
use crate::types::ArticlePath;

/// Dates an article before it is indexed, unless it states a date, needs none, or has to wait for one.
pub(super) fn date(state: &mut State, path: &ArticlePath, card: &Card) {
    // The store may know an earlier date.
    if card.draft || card.retracted.is_some() || state.dormancy.is_applied(path) {
        return;
    }
    let facts = state.recorder.ledger.article(path);
    let seen = facts.and_then(ArticleFacts::seen);
    if let Some(date) = card.published {
        state.undated.set_date_of_file(path, None);
        let has_tolerance = |index: &Index| index.clock_tolerance(path, card).is_some();
        if date.timestamp() > state.now && state.index.as_ref().is_some_and(has_tolerance) && seen.is_none() {
            state.record(Record::Seen { path: path.clone(), at: state.now });
        }
        return;
    }
    if card.access.is_private() {
        return;
    }
    let is_known = facts.is_some_and(|facts| facts.id.is_some());
    let is_released = facts.is_some_and(|facts| facts.is_released(card.hash));
    let awaits_date = facts.is_some_and(ArticleFacts::awaits_date);
    let policy = state.config().and_then(|config| config.content.undated);
    if is_decided(state, path) {
        state.problems.drop(&Source::Article(path.clone()), Code::ArticleUndated);
    }
    match policy {
        Some(Undated::Omit) => {}
        Some(Undated::Modified) => {
            let date = seen.unwrap_or_else(|| modified(card, state.now));
            state.undated.set_date_of_file(path, Some(date));
            record(state, path, date);
        }
        Some(Undated::FirstSeen) => record(state, path, state.now),
        // An editor has released the article, so it isn't an old one that somebody has just copied here.
        None if is_released => record(state, path, state.now),
        None if awaits_date => {
            state.undated.note_waiting(path);
            hold(state, path, card);
        }
        None if seen.is_some() => {}
        // Readers know the article, and its date was removed.
        None if is_known => record(state, path, state.now),
        None => state.undated.note_arrived(path),
    }
}

/// Whether no date is no mistake: the configuration says what it means, or one diagnostic asks for all such articles.
fn is_decided(state: &State, path: &ArticlePath) -> bool {
    state.config().is_some_and(|config| config.content.undated.is_some())
        || state.recorder.ledger.article(path).is_some_and(ArticleFacts::awaits_date)
}

/// The problems of a file without those that are decided for all articles without a date.
pub(super) fn without_undated(state: &State, path: &ArticlePath, mut diagnostics: Vec<Diagnostic>) -> Vec<Diagnostic> {
    if diagnostics.iter().any(|diagnostic| diagnostic.code == Code::ArticleUndated) && is_decided(state, path) {
        diagnostics.retain(|diagnostic| diagnostic.code != Code::ArticleUndated);
    }
    diagnostics
}

/// Records the date of an article, unless it has one.
pub(super) fn record(state: &mut State, path: &ArticlePath, date: Timestamp) {
    if state.recorder.ledger.article(path).is_none_or(|facts| facts.seen().is_none()) {
        state.record(Record::Seen { path: path.clone(), at: date });
    }
}

/// Records that a version waits for a date.
pub(super) fn hold(state: &mut State, path: &ArticlePath, card: &Card) {
    let facts = state.recorder.ledger.article(path);
    if !facts.is_some_and(|facts| facts.awaits_date() && facts.hash() == Some(card.hash)) {
        state.record_silently(Record::Undated { path: path.clone(), hash: card.hash });
    }
}

/// When a file was last modified. Never later than now.
fn modified(card: &Card, now: Timestamp) -> Timestamp {
    let modified = card.modified.and_then(|modified| Timestamp::from_nanosecond(modified.into()).ok());
    modified.filter(|modified| *modified <= now).unwrap_or(now)
}
