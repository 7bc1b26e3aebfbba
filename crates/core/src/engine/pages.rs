//! Updates article pages and media in the snapshot, and the notices for pages that are gone.

use std::sync::Arc;

use super::entries;
use super::parts::entry_cache::CachedEntry;
use super::parts::publisher::Publisher;
use super::state::State;
use crate::article::MediaReference;
use crate::build::assemble;
use crate::build::index::{Index, IndexedArticle, Visibility};
use crate::ledger::{Ledger, Retraction};
use crate::snapshot::GoneArticle;
use crate::types::ArticlePath;

/// Updates an article's page and media.
pub(super) fn refresh(state: &mut State, index: &Index, path: &ArticlePath, indexed: Option<&IndexedArticle>) {
    let has_own_pages = index.rules().config().content.article_url.is_none();
    if state.publisher.has_pages(index) {
        note_gone(&state.recorder.ledger, &mut state.publisher, index, path, indexed, has_own_pages);
    }
    if !has_own_pages && !is_shown(state, path) && !indexed.is_some_and(|indexed| indexed.names_files) {
        return;
    }
    let card = indexed.and_then(|_| state.catalog.get(path)).map(|card| card.open(path));
    let new = match (state.entries.cached.get(path), &card) {
        (Some(cached), _) if indexed.is_some_and(|indexed| indexed.id().is_some()) => Some(Arc::clone(&cached.article)),
        (_, Some(card)) => {
            entries::published_article(&state.recorder, &mut state.publisher, &state.catalog, index, path, card)
                .map(Arc::new)
        }
        (_, None) => None,
    };
    let route = new.as_ref().map(|article| Arc::<str>::from(assemble::short_id(&article.id)));
    if let Some(old) = state.publisher.pages.ids.get(path).cloned()
        && Some(&old) != route.as_ref()
    {
        state.publisher.retire_page(path, &old);
    }
    let in_body = state.entries.cached.get(path).map(CachedEntry::local_media).unwrap_or_default();
    let shown = card.iter().filter_map(|card| Some((card, new.as_ref()?)));
    let files = shown.flat_map(|(card, article)| card.public_files(article.is_teaser));
    let in_body = in_body.iter().filter(|_| new.is_some());
    let hidden = new.as_ref().and_then(|article| article.hidden.as_ref());
    let is_shown = |file: &&ArticlePath| {
        !hidden.is_some_and(|hidden| hidden.files.contains(&MediaReference::Local((*file).clone())))
    };
    let media =
        files.chain(in_body).filter(is_shown).map(|file| (Arc::from(file.media_route()), file.clone())).collect();
    let is_kept = index.version_id(path).is_some() && state.entries.cached.contains_key(path);
    state.publisher.note_media(path, media, is_kept);
    let (Some(article), Some(route)) = (new, route) else { return };
    if !has_own_pages || card.is_some_and(|card| card.link.is_some()) {
        if let Some(old) = state.publisher.pages.ids.get(path).cloned() {
            state.publisher.retire_page(path, &old);
        }
        return;
    }
    if state.publisher.snapshot.articles.get(&route).is_none_or(|old| *old != article) {
        state.publisher.pages.ids.insert(path.clone(), Arc::clone(&route));
        state.publisher.snapshot.articles.insert(route, article);
    }
}

/// Whether an article has an entry, a page or media.
pub(super) fn is_shown(state: &State, path: &ArticlePath) -> bool {
    state.entries.cached.contains_key(path) || state.publisher.pages.has(path)
}

/// Updates the notice at the address of an article's page, which says that the article was retracted or has expired.
fn note_gone(
    ledger: &Ledger,
    publisher: &mut Publisher,
    index: &Index,
    path: &ArticlePath,
    indexed: Option<&IndexedArticle>,
    has_own_pages: bool,
) {
    let Some(facts) = ledger.article(path) else { return };
    let Some(id) = &facts.id else { return };
    let is_expired = indexed.is_some_and(|indexed| matches!(indexed.visibility, Visibility::Expired(_)));
    let gone = match facts.retraction() {
        Some(retraction) => Some(GoneArticle { retracted: Some(retraction.at), reason: retraction.reason.clone() }),
        None => is_expired.then_some(GoneArticle { retracted: None, reason: None }),
    };
    let gone = gone.filter(|_| has_own_pages && index.public_article(id).is_none());
    if gone.is_none() && publisher.snapshot.gone.is_empty() {
        return;
    }
    let route = assemble::short_id(id);
    match gone {
        Some(gone) if publisher.snapshot.gone.get(&*route).is_none_or(|old| **old != gone) => {
            publisher.snapshot.gone.insert(route.into(), Arc::new(gone));
        }
        None if publisher.snapshot.gone.contains_key(&*route) => drop(publisher.snapshot.gone.remove(&*route)),
        _ => {}
    }
}

/// Adds notices for articles whose files now contain other articles.
pub(super) fn note_replaced(ledger: &Ledger, publisher: &mut Publisher, index: &Index) {
    if index.rules().config().content.article_url.is_some() {
        return;
    }
    for (id, Retraction { at, reason, .. }) in ledger.replaced() {
        let route = assemble::short_id(id);
        if !publisher.snapshot.gone.contains_key(&*route) {
            let gone = GoneArticle { retracted: Some(*at), reason: reason.clone() };
            publisher.snapshot.gone.insert(route.into(), Arc::new(gone));
        }
    }
}
