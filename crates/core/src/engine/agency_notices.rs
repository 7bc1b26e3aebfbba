//! Applies agencies' notices to the items that they name.

use super::indexing;
use super::kept_stories::is_kept_source;
use super::parts::problems::Source;
use super::state::State;
use crate::article::card::Card;
use crate::article::{AgencyNotice, NoticeAction, comparable_slug};
use crate::build::agency_notice_targets::{find, has_slug};
use crate::ledger::Record;
use crate::types::{ArticlePath, ContentHash};

/// Records the notice in a file, or that the file is no notice any more.
pub(super) fn note(state: &mut State, path: &ArticlePath, notice: Option<&AgencyNotice>) {
    if state.agency_notices.get(path) == notice {
        return;
    }
    let old = match notice {
        Some(notice) => state.agency_notices.insert(path.clone(), notice.clone()),
        None => state.agency_notices.remove(path),
    };
    let is_applied = state.index.as_ref().is_some_and(|index| index.is_notice_applied(path));
    if let Some(kill) = old.filter(|old| old.action == NoticeAction::Kill && !is_applied) {
        keep(state, path, kill);
    }
    apply(state, path);
}

/// Keeps a kill whose file is gone before the item that it names has arrived, if its source keeps what its removed files say.
fn keep(state: &mut State, path: &ArticlePath, kill: AgencyNotice) {
    if !state.config().is_some_and(|config| is_kept_source(config, path)) {
        return;
    }
    let words = kill.keys.iter().chain(&kill.slugs).map(|text| text.as_str().as_bytes());
    let kept = path.displaced(&ContentHash::of_parts(words).to_string());
    state.record_silently(Record::KillKept { path: kept.clone(), kill: Box::new(kill.clone()) });
    state.agency_notices.insert(kept.clone(), kill);
    apply(state, &kept);
}

/// Lifts the kept kills of an article, on an operator's command. Returns whether there were any.
pub(super) fn lift(state: &mut State, path: &ArticlePath) -> bool {
    let kills = state.index.iter().flat_map(|index| index.withdrawing_notices(path));
    let kept: Vec<ArticlePath> = kills.filter(|kill| kill.is_displaced()).cloned().collect();
    for kill in &kept {
        state.record_silently(Record::KillDropped { path: kill.clone() });
        state.agency_notices.remove(kill);
        apply(state, kill);
    }
    !kept.is_empty()
}

/// Applies the notices that may name an article by its slugline, because the article is new or has changed.
pub(super) fn note_article(state: &mut State, card: &Card) {
    if card.routing.is_none() || state.agency_notices.values().all(|notice| notice.slugs.is_empty()) {
        return;
    }
    let names = |notice: &AgencyNotice| notice.slugs.iter().any(|slug| has_slug(card, &comparable_slug(slug)));
    let naming = state.agency_notices.iter().filter(|(_, notice)| names(notice)).map(|(path, _)| path.clone());
    let naming: Vec<ArticlePath> = naming.collect();
    naming.iter().for_each(|path| apply(state, path));
}

/// Applies the notice in a file, or takes it back.
fn apply(state: &mut State, path: &ArticlePath) {
    let Some(index) = &mut state.index else { return };
    let mut changed = index.remove_notice(path);
    if let Some(notice) = state.agency_notices.get(path) {
        let targets = find(&state.catalog, index, path, notice);
        changed.extend(targets.iter().map(|target| target.id.clone()));
        index.add_notice(path, notice, targets);
    }
    let paths: Vec<ArticlePath> = changed.iter().flat_map(|id| index.holders(id)).cloned().collect();
    for path in &paths {
        let corrections = |state: &State| {
            let indexed = state.index.as_ref().and_then(|index| index.get(path));
            indexed.map_or_else(Box::default, |indexed| indexed.corrections.clone())
        };
        let before = corrections(state);
        indexing::reindex(state, path);
        if corrections(state) != before {
            state.recorder.revised.insert(path.clone());
        }
    }
    state.recorder.changed_articles.extend(paths);
}

/// Ends the problems of notices that were applied.
pub(super) fn settle(state: &mut State) {
    let Some(index) = &state.index else { return };
    let applied = state.agency_notices.keys().filter(|path| index.is_notice_applied(path));
    let applied: Vec<ArticlePath> = applied.cloned().collect();
    applied.into_iter().for_each(|path| state.problems.set(Source::Article(path), Vec::new()));
}
