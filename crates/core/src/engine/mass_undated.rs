//! Decides whether articles without a date are published when they arrive.
//!
//! An article without a date is news, and gets the time at which it was first seen. Many of them at once are an archive that somebody has
//! just copied here, or the first start on an old site. As news, they would push everything else out of the feeds. So they wait, across
//! restarts too, until `content.undated` says which date they get. Those that arrived within the ten seconds before leave the feeds again
//! and wait as well. Otherwise the first files of a folder would be news before the others make it an archive.

use std::collections::BTreeSet;

use jiff::SignedDuration;

use super::parts::problems::Source;
use super::state::State;
use super::{dating, indexing};
use crate::build::index::{Index, Visibility};
use crate::config::Undated;
use crate::diagnostics::{Code, Diagnostic, Place};
use crate::types::{ArticlePath, rfc3339};

/// At most this many articles without a date are news.
const MAX_NEWS: usize = 10;
/// Articles without a date are news if they are at most this many percent of all articles.
const MAX_PERCENT: usize = 5;
/// Files that were modified within this time have the same time: a checkout or a copy takes some seconds.
const SAME_TIME: SignedDuration = SignedDuration::from_secs(60);

/// Dates the articles that arrived since the last call, or holds them back.
pub(super) fn resolve(state: &mut State) {
    let Some(removals) = state.removal_rules() else { return };
    if !state.listed {
        return;
    }
    let since = state.now.saturating_sub(removals.within).unwrap_or(state.now);
    state.undated.keep_recent(since, state.now);
    let arrived = state.undated.take_arrived();
    // One of those that wait may have been renamed and edited while no daemon ran.
    let index = state.index.as_ref();
    let joins_others = state.undated.starts() && state.undated.first_waiting(|path| is_undated(index, path)).is_some();
    if !arrived.is_empty() {
        let all: BTreeSet<ArticlePath> = state.undated.recent().chain(&arrived).cloned().collect();
        let total = state.catalog.len() + state.held.without_catalog();
        if joins_others || (all.len() > MAX_NEWS && all.len() * 100 > total * MAX_PERCENT) {
            state.undated.forget_recent();
            all.iter().for_each(|path| hold_back(state, path));
        } else {
            arrived.into_iter().for_each(|path| publish(state, path));
        }
    }
    report(state);
}

fn hold_back(state: &mut State, path: &ArticlePath) {
    let card = state.catalog.get(path).map(|card| card.open(path));
    if let Some(card) = card.filter(|card| card.published.is_none()) {
        dating::hold(state, path, &card);
        indexing::put(state, path, &card);
    }
}

fn publish(state: &mut State, path: ArticlePath) {
    if let Some(card) = state.catalog.get(&path).map(|card| card.open(&path)) {
        dating::record(state, &path, state.now);
        indexing::put(state, &path, &card);
        state.undated.note_dated(path, state.now);
    }
}

/// Applies a changed `content.undated` to the articles without a date.
pub(super) fn apply_configuration(state: &mut State) {
    let Some(config) = state.config().cloned() else { return };
    state.undated.forget_dates_of_files();
    let is_undated = |path: &ArticlePath| is_undated(state.index.as_ref(), path);
    let needs_dates = config.content.undated == Some(Undated::Modified);
    let mut undated: Vec<(ArticlePath, _)> = (state.catalog.iter())
        .filter(|(path, _)| needs_dates || is_undated(path))
        .map(|(path, card)| (path.clone(), card.open(path)))
        .filter(|(_, card)| card.published.is_none())
        .collect();
    undated.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
    undated.iter().for_each(|(path, card)| indexing::put(state, path, card));
}

fn is_undated(index: Option<&Index>, path: &ArticlePath) -> bool {
    let indexed = index.and_then(|index| index.get(path));
    indexed.is_some_and(|indexed| indexed.visibility == Visibility::Undated)
}

/// Updates the diagnostics about articles that wait for a date, and about dates from files.
fn report(state: &mut State) {
    let index = state.index.as_ref();
    let first = state.undated.first_waiting(|path| is_undated(index, path)).cloned();
    let Some(index) = index else { return };
    let content = &index.rules().config().content;
    let waiting = first.filter(|_| content.undated.is_none()).map(|first| {
        let count = index.hidden_counts().undated;
        let articles = match count {
            0..=1 => format!("1 of the articles without a date that arrived at once still waits, `{first}`"),
            _ => format!("{count} articles without a date arrived at once and wait, `{first}` among them"),
        };
        let message = format!("{articles}: as new stories, they would push others out of the feeds");
        let help = "say which date they get: `undated = \"modified\"` in [content] dates them by their files, \"first-seen\" publishes \
                    them as new, \"omit\" leaves them out; or write `date: ...` in the files";
        Diagnostic::new(Code::MassUndated, message).at(Place::file(&index.rules().config().parsing_of(&first).root)).help(help)
    });
    let common = state.undated.common_date(SAME_TIME, |path| state.catalog.contains(path)).map(|(count, date)| {
        let message = format!(
            "all {count} articles without a date have the same one, {}, because their files were modified at the same time: \
             probably they were copied or checked out then",
            rfc3339(date)
        );
        let help = "write `date: ...` in the files; dates that were recorded once don't change with the files";
        Diagnostic::new(Code::DoubtfulDates, message).at(Place::file(&index.rules().config().parsing.root)).help(help)
    });
    state.problems.set(Source::Undated, waiting.into_iter().collect());
    state.problems.set(Source::Modified, common.into_iter().collect());
}
