//! Decides whether missing files are deletions or an accident.
//!
//! A missing file counts as deleted unless `moves` finds it at another path. If many files are missing at once, dateline assumes an
//! accident (an unmounted disk, a faulty script): readers keep the articles until an operator decides.
//!
//! # Why do many deletions at once wait for an operator?
//!
//! Mass deletions are far more often an unmounted disk than intended, and most readers drop an article that left a feed. Files deleted
//! within the ten seconds before are restored and held back together with the rest. Files that vanish within milliseconds of one another
//! are counted together. Otherwise the first files of a folder would be deleted before the others make it a mass removal. Each source is
//! counted alone: an unmounted drop folder says nothing about the others.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::parts::missing_files::DeletedArticle;
use super::parts::problems::Source;
use super::state::State;
use super::{agency_notices, folder_pages, indexing, item_versions, kept_stories, moves};
use crate::article::Article;
use crate::build::index::Index;
use crate::config::Removals;
use crate::diagnostics::{Code, Diagnostic, Place};
use crate::ledger::{ArticleFacts, Ledger, Record};
use crate::types::ArticlePath;

/// Decides whether missing files are deletions or an accident.
pub(super) fn resolve(state: &mut State) {
    let Some(removals) = state.removal_rules() else { return };
    if !state.listed || state.missing.is_loading_stored() {
        return;
    }
    let since = state.now.saturating_sub(removals.within).unwrap_or(state.now);
    state.missing.forget_deleted_before(since);
    let vanished = std::mem::take(&mut state.missing.vanished);
    let doubtful = std::mem::take(&mut state.missing.doubtful);
    // An article that is known under another path by now was moved, not removed.
    let mut vanished: Vec<ArticlePath> = vanished.into_iter().collect();
    item_versions::keep_stories(state, &mut vanished);
    vanished.retain(|path| {
        let is_known = state.recorder.ledger.article(path).is_some_and(ArticleFacts::is_known);
        (is_known || state.catalog.contains(path))
            && !state.missing.held_back_retracted.contains(path)
            && !moves::moved_with_its_id(state, path)
    });
    drop_unshown(state);
    // Ignored files count as missing only if readers see their articles.
    let ignored = vanished.extract_if(.., |path| is_ignored(state, path) && !state.is_live(path));
    let ignored: Vec<ArticlePath> = ignored.collect();
    ignored.iter().for_each(|path| remove_ignored(state, path));
    // A story that was never public goes with its file, without a notice.
    kept_stories::keep(state, &mut vanished).iter().for_each(|path| drop_article(state, path));
    // Retracted articles are already gone for readers, so they can't be lost by accident.
    let retracted: Vec<ArticlePath> = vanished
        .extract_if(.., |path| !state.missing.held_back.contains(path) && is_retracted(&state.recorder.ledger, path))
        .collect();
    retracted.iter().for_each(|path| remove_article(state, path));
    let mut by_source: BTreeMap<Option<String>, Vec<ArticlePath>> = BTreeMap::new();
    for path in vanished {
        by_source.entry(path.source().map(str::to_owned)).or_default().push(path);
    }
    for (source, vanished) in by_source {
        let is_accident = doubtful.contains(&source) || is_mass(state, source.as_deref(), &vanished, removals);
        if is_accident {
            hold_back(state, source.as_deref(), vanished);
        } else {
            vanished.iter().for_each(|path| delete(state, path));
        }
    }
    report_held_back(state);
}

/// Whether so many files of a source are missing that they may have vanished by accident.
fn is_mass(state: &State, source: Option<&str>, vanished: &[ArticlePath], removals: Removals) -> bool {
    let unlisted = vanished.iter().filter(|path| !state.catalog.contains(path)).count();
    let recently = state.missing.recently_deleted.iter().filter(|deleted| deleted.path.source() == source).count();
    let total = state.catalog.count_of(source) + recently + unlisted;
    let gone = vanished.len() + recently;
    let is_many = gone >= removals.most || gone.saturating_mul(100) >= removals.percent.saturating_mul(total);
    state.missing.held_back.iter().any(|path| path.source() == source)
        || (gone >= removals.least && is_many)
        || (gone >= 2 && removes_all_articles(state, source, vanished))
}

/// Whether an article is retracted.
fn is_retracted(ledger: &Ledger, path: &ArticlePath) -> bool {
    ledger.article(path).is_some_and(|article| article.retraction().is_some())
}

/// Whether `vanished` contains every article of a source that readers still have.
fn removes_all_articles(state: &State, source: Option<&str>, vanished: &[ArticlePath]) -> bool {
    let is_live = |path: &ArticlePath| state.recorder.ledger.article(path).is_some_and(ArticleFacts::is_live);
    let vanished: BTreeSet<&ArticlePath> = vanished.iter().collect();
    let mut articles = state.index.iter().flat_map(Index::articles);
    vanished.iter().any(|path| is_live(path))
        && !articles
            .any(|(path, indexed)| path.source() == source && indexed.id().is_some() && !vanished.contains(path))
}

/// Keeps the articles of missing files published. Restores those of the same source that were deleted shortly before.
fn hold_back(state: &mut State, source: Option<&str>, mut vanished: Vec<ArticlePath>) {
    let recently = std::mem::take(&mut state.missing.recently_deleted);
    let (recently, others): (Vec<DeletedArticle>, Vec<DeletedArticle>) =
        recently.into_iter().partition(|deleted| deleted.path.source() == source);
    state.missing.recently_deleted = others.into();
    for DeletedArticle { path, card, metadata, .. } in recently {
        if let Some(card) = card.filter(|card| state.catalog.restore(&path, card)) {
            indexing::put(state, &path, &card.open(&path));
            if let Some(metadata) = metadata {
                // The render cache or the store has the text.
                state.bodies.add_pending(
                    &path,
                    Article { metadata, card, body: None, source: None },
                    state.index.as_ref(),
                );
            }
            vanished.push(path);
        }
    }
    for path in vanished {
        let version = state.recorder.ledger.article(&path).and_then(ArticleFacts::hash);
        if !folder_pages::is_listing(state, &path)
            && !state.entries.cached.contains_key(&path)
            && !version.is_some_and(|hash| state.recorder.ledger.keeps(hash))
        {
            drop_article(state, &path);
            // Deleted shortly before, and its text is gone.
            if is_retracted(&state.recorder.ledger, &path) {
                continue;
            }
        }
        state.record(Record::Lost { path: path.clone(), version: None });
        state.missing.held_back.insert(path);
    }
}

/// Drops an article whose text is gone because no window and no stored copy has it. Readers aren't told. Its feeds are
/// recorded in case of a later retraction.
pub(super) fn drop_article(state: &mut State, path: &ArticlePath) {
    let is_live = state.recorder.ledger.article(path).is_some_and(ArticleFacts::is_live);
    let indexed = state.index.as_ref().and_then(|index| index.get(path));
    if let Some(feeds) = indexed.filter(|_| is_live).map(|indexed| state.routes_of(indexed)) {
        state.record(Record::Withdrawn { path: path.clone(), feeds });
    }
    state.catalog.remove(path);
    state.missing.kept.remove(path);
    state.problems.set(Source::Article(path.clone()), Vec::new());
    agency_notices::note(state, path, None);
    if let Some(index) = &mut state.index {
        index.remove(path);
    }
}

/// Drops the kept stories that no feed shows any more, with their texts.
fn drop_unshown(state: &mut State) {
    for (path, hash) in kept_stories::take_unshown(state) {
        drop_article(state, &path);
        if state.recorder.ledger.keeps(hash) && !state.recorder.retention.is_needed(hash) {
            state.record(Record::Dropped { hash });
        }
    }
}

/// Whether a file is no article according to the configuration.
fn is_ignored(state: &State, path: &ArticlePath) -> bool {
    state.config().is_some_and(|config| config.content.ignore.matching(path.relative()).is_some())
        || folder_pages::is_listing(state, path)
}

/// Removes the article of a file that the configuration, or a newer version of dateline, no longer treats as an article.
/// Readers aren't told.
fn remove_ignored(state: &mut State, path: &ArticlePath) {
    if !folder_pages::is_listing(state, path) || !state.is_live(path) {
        state.problems.set(Source::Article(path.clone()), Vec::new());
        return drop_article(state, path);
    }
    // The file of a listing page still exists.
    let indexed = state.index.as_ref().and_then(|index| index.get(path));
    let feeds = indexed.map(|indexed| state.routes_of(indexed)).unwrap_or_default();
    state.record(Record::Withdrawn { path: path.clone(), feeds });
    indexing::reindex(state, path);
}

/// Deletes an article, and keeps what is needed to restore it for a while.
fn delete(state: &mut State, path: &ArticlePath) {
    if is_ignored(state, path) {
        return remove_ignored(state, path);
    }
    state.missing.recently_deleted.push_back(DeletedArticle {
        at: state.now,
        path: path.clone(),
        card: state.catalog.get(path).cloned(),
        metadata: state.entries.cached.get(path).map(|cached| Arc::clone(&cached.metadata)),
    });
    remove_article(state, path);
}

/// Removes an article. The next publication records the deletion.
fn remove_article(state: &mut State, path: &ArticlePath) {
    state.catalog.remove(path);
    agency_notices::note(state, path, None);
    state.problems.set(Source::Article(path.clone()), Vec::new());
    let withdrawn = state.recorder.ledger.article(path).and_then(|article| article.withdrawn().cloned());
    let indexed = state.index.as_ref().and_then(|index| index.get(path));
    let feeds = withdrawn.unwrap_or_else(|| indexed.map(|indexed| state.routes_of(indexed)).unwrap_or_default());
    state.missing.deleted.insert(path.clone(), feeds);
    if let Some(index) = &mut state.index {
        index.remove(path);
    }
}

/// Deletes the articles held back, on an operator's command. Returns their number, and how many of them are ignored files.
pub(super) fn accept(state: &mut State) -> (usize, usize) {
    let held = std::mem::take(&mut state.missing.held_back);
    if held.is_empty() {
        return (0, 0);
    }
    let ignored = held.iter().filter(|path| is_ignored(state, path)).count();
    for path in held.iter().chain(&std::mem::take(&mut state.missing.held_back_retracted)) {
        state.record(Record::Found { path: path.clone() });
        delete(state, path);
    }
    // These deletions were intended and don't count towards the next mass removal.
    state.missing.recently_deleted.clear();
    (held.len(), ignored)
}

/// Updates the diagnostic about articles held back.
fn report_held_back(state: &mut State) {
    let held = &state.missing.held_back;
    // Updates the numbers in the message only now and then, because each update is a line in the log.
    let is_current =
        |(count, path): &(usize, ArticlePath)| (*count..count * 2).contains(&held.len()) && held.contains(path);
    if !state.missing.reported.as_ref().is_some_and(is_current) {
        state.missing.reported = held.first().map(|first| (held.len(), first.clone()));
    }
    let diagnostic = state.missing.reported.as_ref().zip(state.index.as_ref()).map(|((count, path), index)| {
        let root = &index.rules().config().parsing_of(path).root;
        let more = if *count < held.len() { "more than " } else { "" };
        let (ignored, is_one) = (is_ignored(state, path), *count == 1);
        let message = match (ignored, is_one) {
            (true, true) => format!(
                "`{path}` would leave its feeds, because its file is no longer an article (`content.ignore`, pages of folders with other articles)"
            ),
            (true, false) => format!(
                "{more}{count} articles would be removed at once, because their files are no longer articles (`content.ignore`, pages of folders with other articles), `{path}` among them"
            ),
            (false, true) => format!("1 of the articles that vanished at once is still missing, `{path}`"),
            (false, false) => format!("{more}{count} articles vanished at once, `{path}` among them"),
        };
        let message = format!("{message}; {} feeds stay as they are", if is_one { "its" } else { "their" });
        let help = match (ignored, is_one) {
            (true, _) => "change the configuration, or, if this is intended, run `dateline accept-removals`",
            (false, true) => "put the file back, or, if it was deleted on purpose, run `dateline accept-removals`",
            (false, false) => {
                "put the files back, or, if they were deleted on purpose, run `dateline accept-removals`"
            }
        };
        Diagnostic::new(Code::MassRemoval, message).at(Place::file(root)).help(help)
    });
    state.problems.set(Source::Removals, diagnostic.into_iter().collect());
}
