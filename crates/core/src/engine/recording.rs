//! Emits ledger records: ids, retractions, text fingerprints, and the dates of feeds and documents.

use std::collections::{BTreeMap, BTreeSet};

use jiff::SignedDuration;

use super::holding;
use super::parts::recorder::routes;
use super::retraction_notices;
use super::state::State;
use crate::article::Metadata;
use crate::article::card::Packed;
use crate::article::render::{RENDERER_VERSION, Rendered};
use crate::build::assemble;
use crate::build::catalog::Catalog;
use crate::build::index::{Changes, Index, IndexedArticle, Visibility};
use crate::build::placement::FeedKey;
use crate::config::UpdatedWhen;
use crate::ledger::{ArticleFacts, Record, Retraction, Routes, TextPrint, Withdrawal};
use crate::types::ArticlePath;

/// An edit this soon after first publication completes the article: its file was still being written.
const COMPLETION_PERIOD: SignedDuration = SignedDuration::from_mins(1);

/// Which part of an article's text readers see. If neither applies, they see all of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct TextScope {
    /// Only the summary.
    pub(super) is_summary_only: bool,
    /// Only the free part.
    pub(super) is_teaser: bool,
}

/// Whether the ledger has a public article's id, version and date already.
fn is_recorded(state: &State, path: &ArticlePath, indexed: &IndexedArticle) -> bool {
    let version = state.catalog.get(path).map(Packed::hash);
    let known = state.recorder.ledger.article(path).zip(version);
    known.is_some_and(|(known, version)| indexed.matches_ledger(known, version))
}

/// Records which version of its item an article has. Later, an older version won't take its place, even if this file is gone.
pub(super) fn record_version(state: &mut State, index: &Index, path: &ArticlePath) {
    let Some((id, version)) = index.version_id(path).zip(index.version_rank(path)) else { return };
    let known = state.recorder.ledger.article(path).filter(|known| known.id.as_ref() == Some(id));
    if known.is_some_and(|known| known.version() != Some(version)) {
        state.record_silently(Record::Version { id: id.clone(), version: version.clone() });
    }
}

/// Records a public article's id, version and date. Returns whether that was new and nothing else has to be updated.
pub(super) fn record_published(
    state: &mut State,
    index: &mut Index,
    path: &ArticlePath,
    left: &BTreeMap<ArticlePath, Vec<FeedKey>>,
) -> bool {
    let Some(indexed) = index.get(path) else { return false };
    let Some(hash) = state.catalog.get(path).map(Packed::hash) else { return false };
    if indexed.visibility == Visibility::Retracted {
        // The version identifies the file if it moves. Otherwise it would be published at its new path.
        let known = state.recorder.ledger.article(path).filter(|known| known.retraction().is_some());
        if known.is_some_and(|known| known.hash() != Some(hash)) {
            state.record(Record::Hidden { path: path.clone(), hash });
        }
        return false;
    }
    if is_recorded(state, path, indexed) {
        record_version(state, index, path);
        return false;
    }
    let Some(id) = indexed.id().cloned() else { return false };
    let Some(date) = indexed.dates.map(|(published, _)| published.timestamp()) else { return false };
    let needs_no_report = indexed.needs_no_report();
    let known = state.recorder.ledger.article(path);
    let old_id = known.and_then(|known| known.id.clone()).filter(|old_id| *old_id != id);
    let is_retracted = known.is_some_and(|known| known.retraction().is_some());
    let was_known = known.is_some_and(ArticleFacts::is_known);
    // Before the first snapshot, readers can't see anything that postponed articles would have to stay out of.
    if state.publisher.snapshot.generation > 0 && !known.is_some_and(ArticleFacts::is_live) {
        state.withholding.postponed.note(path);
    }
    let withdrawn = known.and_then(|known| known.withdrawn().cloned());
    if is_retracted {
        state.record(Record::Restored { path: path.clone() });
    }
    state.record(Record::Published { path: path.clone(), id, hash, date });
    // The file now contains another article. Feeds list the old id as retracted.
    if let Some(id) = old_id.filter(|id| was_known && index.public_article(id).is_none()) {
        let feeds = left.get(path).map(routes).or(withdrawn).unwrap_or_default();
        let retraction =
            Retraction { at: state.now_in_seconds(), reason: None, by: Withdrawal::Deleted, feeds, notice: None };
        state.record(Record::Replaced { id, retraction });
    }
    index.confirm_id(path);
    record_version(state, index, path);
    // The id may bring a retraction with it. The index has to know.
    if state.recorder.ledger.article(path).is_some_and(|article| article.retraction().is_some())
        && let Some(card) = state.catalog.get(path)
    {
        index.put(path, &card.open(path), &state.recorder.ledger, state.now);
        return false;
    }
    needs_no_report
}

/// Records articles that were retracted: the file was deleted or says so, and no other article has the id. Withheld
/// articles are recorded too, without a tombstone.
pub(super) fn record_retractions(state: &mut State, index: &Index, changes: &Changes) {
    let deleted = std::mem::take(&mut state.missing.deleted);
    // Nearly all changed articles are public. They aren't retracted.
    let candidates = deleted.keys().chain(&state.recorder.changed_articles).chain(&changes.articles);
    let candidates = candidates.filter(|path| index.get(path).is_none_or(|indexed| indexed.id().is_none()));
    let paths: BTreeSet<ArticlePath> = candidates.cloned().collect();
    for path in paths {
        let record = retraction_record(state, index, &path, deleted.get(&path), changes.left.get(&path));
        if let Some(record) = record {
            state.record(record);
            state.archives.note_change(&path);
            state.recorder.changed_articles.insert(path);
        }
    }
}

/// The record that an article was retracted or withheld. `None` if that is recorded already, or isn't so. `deleted` contains
/// the feeds of an article whose file was deleted, `left` the feeds that the article has just left.
fn retraction_record(
    state: &State,
    index: &Index,
    path: &ArticlePath,
    deleted: Option<&Routes>,
    left: Option<&Vec<FeedKey>>,
) -> Option<Record> {
    let known = state.recorder.ledger.article(path)?;
    let id = known.id.as_ref()?;
    // Readers never saw an article without a date.
    if known.hash().is_none() || known.date().is_none() || index.public_article(id).is_some() {
        return None;
    }
    let indexed = index.get(path);
    let feeds = || {
        let current = || indexed.map(|indexed| routes(index.feeds_of(indexed)));
        let earlier = known.withdrawn().or(deleted).cloned();
        left.map(routes).or(earlier).or_else(current).unwrap_or_default()
    };
    // An agency tells only editors why it withdraws a story.
    let by_agency = || {
        let rules = index.rules();
        let section = indexed.map(|indexed| indexed.placement().home.clone()).unwrap_or_default();
        Some(rules.config().words.withdrawn(rules.language_of(&section)))
    };
    // The reason in the file, if its status is `retracted`.
    let stated_reason = || {
        let reason = |path: &ArticlePath| {
            let is_item = state.catalog.get(path)?.open(path).item.is_some();
            let stated = holding::stated_reason(state, index.rules().config(), path)?;
            Some(stated.or_else(|| is_item.then(by_agency).flatten()))
        };
        let versions = || index.retracting_versions(path).into_iter().find_map(reason);
        let notice = || index.withdrawing_notices(path).next().map(|_| by_agency());
        reason(path).or_else(versions).or_else(notice)
    };
    let at = state.now_in_seconds();
    // The file of a text without versions doesn't state the retraction, so that only an operator can end it.
    let is_version = index.version_id(path).is_some();
    let by_notice = !is_version && index.withdrawing_notices(path).next().is_some();
    let by = if by_notice { Withdrawal::Command } else { Withdrawal::Status };
    let retraction = match (indexed.map(|indexed| &indexed.visibility), known.retraction()) {
        (None, None) if deleted.is_some() => {
            Some(Retraction { at, reason: None, by: Withdrawal::Deleted, feeds: feeds(), notice: None })
        }
        (Some(Visibility::Retracted), None) => {
            let reason = stated_reason();
            let notice = retraction_notices::facts(state, index, path);
            reason.map(|reason| Retraction { at, reason, by, feeds: feeds(), notice })
        }
        // The reason changed, or an operator retracted the article before its feeds were known.
        (Some(Visibility::Retracted), Some(old)) if !state.recorder.ledger.is_unreadable(path) => {
            let new_reason = stated_reason().filter(|_| old.by == Withdrawal::Status);
            let reason = new_reason.unwrap_or_else(|| old.reason.clone());
            let feeds = if old.feeds.is_empty() { feeds() } else { old.feeds.clone() };
            let notice = old
                .notice
                .clone()
                .or_else(|| retraction_notices::facts(state, index, path))
                .filter(|_| old.by != Withdrawal::Deleted);
            Some(Retraction { reason, feeds, notice, ..old.clone() }).filter(|new| new != old)
        }
        _ => None,
    };
    match retraction {
        Some(retraction) => Some(Record::Retracted { path: path.clone(), retraction }),
        None if is_withheld(&state.catalog, index, path) && known.is_live() => {
            Some(Record::Withdrawn { path: path.clone(), feeds: feeds() })
        }
        None => None,
    }
}

/// Whether an article is withheld without a notice. A restart that finds its file broken keeps it withheld.
fn is_withheld(catalog: &Catalog, index: &Index, path: &ArticlePath) -> bool {
    match index.get(path).map(|indexed| &indexed.visibility) {
        Some(
            Visibility::Draft
            | Visibility::Undated
            | Visibility::Restricted
            | Visibility::Scheduled(_)
            | Visibility::IdTaken(_)
            | Visibility::Superseded(_)
            | Visibility::OlderVersion(_),
        ) => true,
        Some(_) => false,
        None => catalog.is_withheld(path),
    }
}

/// Records the fingerprint of an article's text, and the time of the change if the text differs. Fingerprints of different
/// renderers, or of a shorter part, can't be compared: the new one is recorded without a change. An edit within a minute of
/// first publication completes the article, because its file was still being written.
pub(super) fn record_text(
    state: &mut State,
    index: &Index,
    path: &ArticlePath,
    metadata: &Metadata,
    rendered: &Rendered,
    TextScope { is_summary_only, is_teaser }: TextScope,
) {
    /// The bit that marks the fingerprint of a teaser.
    const TEASER: u32 = 1 << 31;
    let hash = assemble::text_hash(metadata, rendered, is_summary_only);
    let version = RENDERER_VERSION * 2 + u32::from(is_summary_only) + if is_teaser { TEASER } else { 0 };
    let print = TextPrint { hash, version };
    let known = state.recorder.ledger.article(path);
    let before = known.and_then(ArticleFacts::print);
    if before == Some(print) {
        return;
    }
    let mut changed = known.and_then(ArticleFacts::changed);
    let first = known.and_then(ArticleFacts::first).or_else(|| before.is_none().then(|| state.now_in_seconds()));
    let is_completion = first.is_some_and(|first| {
        let age = state.now.duration_since(first);
        !age.is_negative() && age <= COMPLETION_PERIOD
    });
    let by_text = index.rules().config().updated_when == UpdatedWhen::Text;
    if by_text && !is_completion && before.is_some_and(|before| before.version == print.version) {
        changed = Some(state.now_in_seconds());
    }
    state.record(Record::Text { path: path.clone(), print, changed, first });
}
