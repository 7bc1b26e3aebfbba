//! Applies agencies' notices to the items that they name.
//!
//! # Which item does a notice name?
//!
//! The one with its key. Without a known key, the only one with its slugline that isn't newer than the notice. If there is none, or more than
//! one, a diagnostic tells operators, and the notice is applied as soon as it names exactly one item.

use std::collections::BTreeSet;

use super::parts::problems::Source;
use super::state::State;
use crate::article::card::{Card, Packed};
use crate::article::{Notice, NoticeAction, comparable_slug};
use crate::build::catalog::Catalog;
use crate::build::index::{Index, NoticeTarget};
use crate::types::{ArticlePath, EntryId};

/// Records the notice in a file, or that the file is no notice any more.
pub(super) fn note(state: &mut State, path: &ArticlePath, notice: Option<&Notice>) {
    if state.notices.get(path) == notice {
        return;
    }
    match notice {
        Some(notice) => drop(state.notices.insert(path.clone(), notice.clone())),
        None => drop(state.notices.remove(path)),
    }
    apply(state, path);
}

/// Applies the notices that may name an article by its slugline, because the article is new or has changed.
pub(super) fn note_article(state: &mut State, card: &Card) {
    if card.routing.is_none() || state.notices.values().all(|notice| notice.slugs.is_empty()) {
        return;
    }
    let names = |notice: &Notice| notice.slugs.iter().any(|slug| has_slug(card, &comparable_slug(slug)));
    let naming = state.notices.iter().filter(|(_, notice)| names(notice)).map(|(path, _)| path.clone());
    let naming: Vec<ArticlePath> = naming.collect();
    naming.iter().for_each(|path| apply(state, path));
}

/// Applies the notice in a file, or takes it back.
fn apply(state: &mut State, path: &ArticlePath) {
    let Some(index) = &mut state.index else { return };
    let mut changed = index.remove_notice(path);
    if let Some(notice) = state.notices.get(path) {
        let targets = targets(&state.catalog, index, path, notice);
        changed.extend(targets.iter().map(|target| target.id.clone()));
        index.add_notice(path, notice, targets);
    }
    let paths: Vec<ArticlePath> = changed.iter().flat_map(|id| index.holders(id)).cloned().collect();
    for path in &paths {
        super::indexing::reindex(state, path);
    }
    state.recorder.changed_articles.extend(paths);
}

/// The ids of the items that a notice is about. An item with its key may arrive later.
pub(super) fn targets(catalog: &Catalog, index: &Index, path: &ArticlePath, notice: &Notice) -> Vec<NoticeTarget> {
    if notice.action == NoticeAction::Advise {
        return Vec::new();
    }
    let by_key = notice.keys.iter().flat_map(|key| index.ids_of_key(key));
    let mut targets: Vec<NoticeTarget> = by_key.map(|id| NoticeTarget { id, is_item: true }).collect();
    if notice.keys.iter().any(|key| index.has_item(key)) {
        return targets;
    }
    let named = with_slugs(catalog, index, path, notice);
    if let [id] = &*named.into_iter().collect::<Vec<_>>() {
        targets.push(NoticeTarget { id: id.clone(), is_item: false });
    }
    targets
}

/// The ids of agencies' articles of the same source that have a notice's slugline and aren't newer than the notice.
fn with_slugs(catalog: &Catalog, index: &Index, notice_path: &ArticlePath, notice: &Notice) -> BTreeSet<EntryId> {
    let slugs: Vec<String> = notice.slugs.iter().map(comparable_slug).filter(|slug| !slug.is_empty()).collect();
    if slugs.is_empty() {
        return BTreeSet::new();
    }
    let is_named = |path: &ArticlePath, packed: &Packed| {
        if path.source() != notice_path.source() {
            return false;
        }
        let card = packed.open(path);
        let made = card.item.as_ref().and_then(|item| item.time).or(card.published);
        let is_newer = made.zip(notice.time).is_some_and(|(made, notice)| made.second() > notice.second());
        card.routing.is_some() && !is_newer && slugs.iter().any(|slug| has_slug(&card, slug))
    };
    let named = catalog.iter().filter(|(path, packed)| is_named(path, packed));
    named.filter_map(|(path, _)| index.preferred_id(path).cloned()).collect()
}

/// Whether an article has a slugline or slug in its comparable form.
fn has_slug(card: &Card, slug: &str) -> bool {
    let slugline = card.routing.as_ref().and_then(|routing| routing.slugline.as_ref());
    slugline.into_iter().chain([&card.slug]).any(|known| comparable_slug(known) == slug)
}

/// Ends the problems of notices that were applied.
pub(super) fn settle(state: &mut State) {
    let Some(index) = &state.index else { return };
    let applied = state.notices.keys().filter(|path| index.is_notice_applied(path));
    let applied: Vec<ArticlePath> = applied.cloned().collect();
    applied.into_iter().for_each(|path| state.problems.set(Source::Article(path), Vec::new()));
}
