//! Builds the entries that feeds show, decides which are outdated, and requests missing bodies.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::parts::entry_cache::{CachedEntry, EntryCache, EntryText};
use super::parts::problems::Source;
use super::parts::publisher::Publisher;
use super::parts::recorder::Recorder;
use super::recording::TextScope;
use super::state::State;
use super::{quarantine, recording};
use crate::article::article_links::candidates;
use crate::article::card::{Card, Packed};
use crate::article::pictures::gets_pictures;
use crate::article::render::{LinkBase, Rendered, render};
use crate::article::{Body, Metadata};
use crate::build::assemble;
use crate::build::catalog::Catalog;
use crate::build::index::{Index, IndexedArticle};
use crate::build::placement::FeedKey;
use crate::build::render_cache::RenderKey;
use crate::diagnostics::{Code, Diagnostic, Place};
use crate::event::BodyRequest;
use crate::feed::{ContentMode, LoneCaption};
use crate::parallel;
use crate::snapshot::{PageFrame, PublishedArticle};
use crate::types::{ArticlePath, WebUrl};

/// The maximum number of entries that are built per feed before checking whether its documents have room for more.
const MAX_BUILT_ENTRIES: usize = 256;
/// The number of bodies that are rendered per batch. Fewer aren't worth another core.
const RENDERINGS_PER_BATCH: usize = 2;

/// Builds the entries that feeds need and that are missing or outdated. Requests the bodies that haven't arrived.
pub(super) fn build(
    state: &mut State,
    index: &Index,
    feeds: &[FeedKey],
    requests: &mut BTreeSet<BodyRequest>,
    refresh: &mut BTreeSet<ArticlePath>,
) {
    loop {
        let stale: BTreeSet<&ArticlePath> =
            feeds.iter().flat_map(|key| articles_to_build(&state.entries, index, key)).collect();
        let mut drafts = Vec::new();
        for path in stale {
            // At the limit of requests, only articles that have arrived can be built.
            let may_request = state.bodies.may_request(requests);
            if !may_request && !state.bodies.pending.contains_key(path) {
                continue;
            }
            match draft(state, index, path) {
                Ok(draft) => drafts.push(draft),
                Err(request) => requests.extend(request.filter(|_| may_request)),
            }
        }
        if drafts.is_empty() {
            return;
        }
        // Rendering takes most of the time, so it runs in parallel.
        let rendered = parallel::in_batches(&drafts, RENDERINGS_PER_BATCH, |draft| match &draft.content {
            DraftContent::Rendered(rendered) => Some(Arc::clone(rendered)),
            DraftContent::Body(body) => parallel::catch_panic(|| Arc::new(render_body(body, &draft.links))),
        });
        for (draft, rendered) in drafts.into_iter().zip(rendered) {
            let Some(rendered) = rendered else {
                quarantine::add(state, &draft.article.path, draft.article.hash);
                continue;
            };
            if matches!(draft.content, DraftContent::Body(_)) {
                state.entries.rendered.insert(draft.key, &rendered);
            }
            cache(state, index, draft, rendered, refresh);
        }
    }
}

/// The first articles of a feed whose entries have to be built. Their sizes decide how many more fit.
fn articles_to_build<'i>(entries: &EntryCache, index: &'i Index, key: &FeedKey) -> Vec<&'i ArticlePath> {
    let options = index.rules().feed_options(key);
    let mut stale = Vec::new();
    let mut bytes = 0;
    for path in index.window(key) {
        if bytes > options.window.max_bytes || stale.len() == MAX_BUILT_ENTRIES {
            break;
        }
        match entries.cached.get(path).filter(|cached| entries.is_fresh(cached)) {
            Some(cached) => bytes += cached.min_bytes(options),
            None => stale.push(path),
        }
    }
    stale
}

/// Removes the text from the entries of articles that have just become teasers. The free part may arrive late, and the paid
/// part must not stay visible until then.
pub(super) fn strip_new_teasers(state: &mut State, index: &Index, changed: &[ArticlePath]) {
    for path in changed {
        if state.entries.cached.get(path).is_none_or(|cached| cached.article.is_teaser) {
            continue;
        }
        let Some(card) = state.catalog.get(path).map(|card| card.open(path)) else { continue };
        let Some(article) =
            published_article(&state.recorder, &mut state.publisher, &state.catalog, index, path, &card)
                .filter(|article| article.is_teaser)
        else {
            continue;
        };
        let Some(cached) = state.entries.cached.get_mut(path) else { continue };
        state.entries.unpacked.remove(cached);
        // The retained source stays the same.
        let article = PublishedArticle { hash: cached.article.hash, ..article };
        let rendered = Arc::new(Rendered::empty());
        let entry = Arc::new(assemble::entry(&article, &cached.metadata, &rendered));
        state.entries.unpacked.add(path, &rendered);
        (cached.article, cached.key, cached.epoch) = (Arc::new(article), None, CachedEntry::STALE);
        cached.text = EntryText::Unpacked(rendered, entry);
        state.withholding.reduced_entries.insert(path.clone());
    }
}

/// Whether readers may not see all pictures of one of these articles. Archives have articles that no window shows.
pub(super) fn hides_media(catalog: &Catalog, index: &Index, paths: &BTreeSet<ArticlePath>) -> bool {
    let names_files = |path: &&ArticlePath| index.get(path).is_some_and(|indexed| indexed.names_files);
    let mut cards = paths.iter().filter(names_files).filter_map(|path| Some(catalog.get(path)?.open(path)));
    cards.any(|card| index.hidden_media(&card).is_some())
}

/// Removes pictures from the entries of articles whose pictures readers may no longer see. The new version of the article may arrive late,
/// and the pictures must not stay until then.
pub(super) fn strip_hidden_media(state: &mut State, index: &Index, changed: &[ArticlePath]) {
    for path in changed {
        let names_files = index.get(path).is_some_and(|indexed| indexed.names_files);
        if !names_files || !state.entries.cached.contains_key(path) {
            continue;
        }
        let Some(card) = state.catalog.get(path).map(|card| card.open(path)) else { continue };
        let hidden = index.hidden_media(&card);
        let Some(cached) = state.entries.cached.get_mut(path) else { continue };
        if hidden.is_none() || cached.article.hidden == hidden {
            continue;
        }
        let article = Arc::new(PublishedArticle { hidden, ..PublishedArticle::clone(&cached.article) });
        let rendered = cached.text.rendered();
        let entry = Arc::new(assemble::entry(&article, &cached.metadata, &rendered));
        state.entries.unpacked.remove(cached);
        state.entries.unpacked.add(path, &rendered);
        (cached.article, cached.epoch) = (article, CachedEntry::STALE);
        cached.text = EntryText::Unpacked(rendered, entry);
        state.withholding.reduced_entries.insert(path.clone());
    }
}

/// Marks entries that differ from their articles' last good versions, so that they are rebuilt.
pub(super) fn mark_stale(state: &mut State, index: &Index, changed: &[ArticlePath]) {
    for path in changed {
        if !matches_last_good(state, index, path)
            && let Some(cached) = state.entries.cached.get_mut(path)
        {
            cached.epoch = CachedEntry::STALE;
        }
    }
}

/// Whether an article's entry has the metadata, id and dates of the last good version.
fn matches_last_good(state: &State, index: &Index, path: &ArticlePath) -> bool {
    let Some((cached, indexed)) = state.entries.cached.get(path).zip(index.get(path)) else { return false };
    let hidden = || index.hidden_media(&cached.card.open(path));
    state.catalog.get(path) == Some(&cached.card)
        && (!indexed.names_files || cached.article.hidden == hidden())
        && Some(&cached.article.id) == indexed.id()
        && state.recorder.dates(index, path, indexed) == Some((cached.article.published, cached.article.updated))
}

/// Collects what is needed to build an entry. The error is the request for the missing body, or `None` if no request helps.
fn draft(state: &mut State, index: &Index, path: &ArticlePath) -> Result<EntryDraft, Option<BodyRequest>> {
    let indexed = index.get(path).ok_or(None)?;
    let packed = state.catalog.get(path).cloned().ok_or(None)?;
    let card = packed.open(path);
    if state.entries.quarantine.contains(path, card.hash) {
        return Err(None);
    }
    let article =
        published_article(&state.recorder, &mut state.publisher, &state.catalog, index, path, &card).ok_or(None)?;
    let links = assemble::link_base(&article);
    let key = RenderKey::new(article.hash, &links);
    let cached = state.entries.cached.get(path).filter(|cached| cached.card == packed);
    let pending = state.bodies.pending.get(path).filter(|pending| pending.hash == card.hash);
    let arrived = pending.and_then(|pending| pending.article.as_ref());
    let metadata = arrived.map(|article| &article.metadata).or(cached.map(|cached| &cached.metadata)).cloned();
    let is_summary_only = !shows_body(index, indexed, &card);
    let request = || state.bodies.request(path, article.hash, Some(&links).filter(|_| !is_summary_only));
    let Some(metadata) = metadata else { return Err(request()) };
    let no_body = is_summary_only.then(|| Arc::new(Rendered::empty()));
    let from_entry = || cached.filter(|cached| cached.key == Some(key)).map(|cached| cached.text.rendered());
    let from_pending = || {
        let (pending_key, rendered) = pending?.rendered.as_ref()?;
        (*pending_key == key).then(|| Arc::clone(rendered))
    };
    let body = || arrived.and_then(|article| article.body.clone());
    let rendered = no_body.or_else(from_entry).or_else(|| state.entries.rendered.get(&key)).or_else(from_pending);
    let content = match rendered {
        Some(rendered) => DraftContent::Rendered(rendered),
        None => DraftContent::Body(body().ok_or_else(request)?),
    };
    Ok(EntryDraft { card: packed, metadata, article, links, key, content, is_summary_only })
}

/// Builds an entry and caches it.
fn cache(
    state: &mut State,
    index: &Index,
    draft: EntryDraft,
    rendered: Arc<Rendered>,
    refresh: &mut BTreeSet<ArticlePath>,
) {
    let EntryDraft { card, metadata, mut article, key, is_summary_only, .. } = draft;
    let path = article.path.clone();
    let scope = TextScope { is_summary_only, is_teaser: article.is_teaser };
    recording::record_text(state, index, &path, &metadata, &rendered, scope);
    let indexed = index.get(&path);
    if let Some((_, updated)) = indexed.and_then(|indexed| state.recorder.dates(index, &path, indexed)) {
        article.updated = updated;
    }
    let hash = article.hash;
    let Some(entry) = parallel::catch_panic(|| Arc::new(assemble::entry(&article, &metadata, &rendered))) else {
        quarantine::add(state, &path, hash);
        return;
    };
    let lone_caption = lone_caption(index, &path, &metadata);
    state.problems.set(Source::Caption(path.clone()), lone_caption.into_iter().collect());
    let windows = state.entries.cached.get(&path).map_or(0, |cached| cached.windows);
    state.entries.unpacked.add(&path, &rendered);
    let key = (!is_summary_only).then_some(key);
    let text = EntryText::Unpacked(rendered, entry);
    let cached =
        CachedEntry { card, metadata, article: Arc::new(article), epoch: state.entries.epoch, key, text, windows };
    state.recorder.retention.retain(&path, hash);
    if windows == 0 {
        state.entries.eviction_candidates.push(path.clone());
    }
    if let Some(before) = state.entries.cached.insert(path.clone(), cached) {
        state.entries.unpacked.remove(&before);
        if before.article.hash != hash {
            state.recorder.retention.release(&path, before.article.hash, state.now);
            state.entries.quarantine.note_replaced(&path, before);
        }
    }
    refresh.insert(path);
}

/// Drops the entries that left their last window or haven't entered one.
pub(super) fn evict(state: &mut State, index: &Index) {
    for path in std::mem::take(&mut state.entries.eviction_candidates) {
        let Some(cached) = state.entries.cached.get(&path).filter(|cached| cached.windows == 0) else { continue };
        // A feed that waits for other entries will show this entry as well.
        let indexed = index.get(&path);
        if indexed
            .is_some_and(|indexed| index.feeds_of(indexed).any(|key| state.publisher.feeds_to_rebuild.contains(key)))
        {
            state.entries.eviction_candidates.push(path);
            continue;
        }
        state.recorder.retention.release(&path, cached.article.hash, state.now);
        state.entries.unpacked.remove(cached);
        state.entries.cached.remove(&path);
        state.problems.set(Source::Caption(path), Vec::new());
    }
}

/// The diagnostic for an article with the caption of a picture that hasn't arrived, if any of its feeds leaves the caption out. The watcher
/// reports pictures that an article names.
fn lone_caption(index: &Index, path: &ArticlePath, metadata: &Metadata) -> Option<Diagnostic> {
    let image = metadata.image.as_ref().filter(|image| image.files.is_empty())?;
    image.caption.as_ref().or(image.credit.as_ref())?;
    let rules = index.rules();
    let omits = |key: &FeedKey| rules.feed_options(key).lone_caption == LoneCaption::Omit;
    index.feeds_of(index.get(path)?).any(omits).then_some(())?;
    let help = match gets_pictures(path) && path.item().is_none() {
        true => format!("deliver it as `{}.jpg` beside the text, or set `feeds.lone_caption = \"text\"`", path.stem()),
        false => "name the picture in `image`, or set `feeds.lone_caption = \"text\"`".to_owned(),
    };
    let place = Place::file(&format!("{}/{path}", rules.config().parsing.root));
    let message = "the caption has no picture, so feeds leave it out";
    Some(Diagnostic::new(Code::LoneCaption, message).at(place).help(help))
}

/// A public article as its page and its entry show it. `None` if the article isn't public.
pub(super) fn published_article(
    recorder: &Recorder,
    publisher: &mut Publisher,
    catalog: &Catalog,
    index: &Index,
    path: &ArticlePath,
    card: &Card,
) -> Option<PublishedArticle> {
    let indexed = index.get(path)?;
    let home = indexed.placement().home.clone();
    let frame =
        publisher.pages.frames.entry(home).or_insert_with(|| Arc::new(assemble::page_frame(index.rules(), indexed)));
    article_in_frame(recorder, catalog, index, path, card, &Arc::clone(frame))
}

/// A public article with what its page shares with others.
pub(super) fn article_in_frame(
    recorder: &Recorder,
    catalog: &Catalog,
    index: &Index,
    path: &ArticlePath,
    card: &Card,
    frame: &Arc<PageFrame>,
) -> Option<PublishedArticle> {
    let indexed = index.get(path)?;
    let changed = recorder.dates(index, path, indexed).map(|(_, updated)| updated);
    let hidden = index.hidden_media(card);
    let article = assemble::published_article(path, card, indexed, changed, index.rules().config(), frame, hidden)?;
    Some(PublishedArticle { links: links_of(card, catalog, index), ..article })
}

/// The public URLs of the articles that an article links to by their files.
fn links_of(card: &Card, catalog: &Catalog, index: &Index) -> Arc<Vec<(ArticlePath, WebUrl)>> {
    let resolve = |path: &ArticlePath| {
        let url_of = |path: &ArticlePath| {
            assemble::article_url(&catalog.get(path)?.open(path), index.get(path)?, index.rules().config())
        };
        Some((path.clone(), candidates(path).find_map(|candidate| url_of(&candidate))?))
    };
    Arc::new(card.article_links.iter().filter_map(resolve).collect())
}

/// Marks the articles that link to one of the changed articles, because the addresses may have changed. Adds their feeds.
pub(super) fn mark_referrers(
    state: &mut State,
    index: &Index,
    changed: &mut Vec<ArticlePath>,
    feeds: &mut BTreeSet<FeedKey>,
) {
    for path in state.links.referrers_of(changed) {
        let Some(indexed) = index.get(&path).filter(|indexed| indexed.id().is_some()) else { continue };
        feeds.extend(index.feeds_of(indexed).cloned());
        if let Some(cached) = state.entries.cached.get_mut(&path) {
            cached.epoch = CachedEntry::STALE;
        }
        changed.push(path);
    }
}

/// Everything needed to build an entry.
struct EntryDraft {
    card: Packed,
    metadata: Arc<Metadata>,
    article: PublishedArticle,
    links: LinkBase,
    key: RenderKey,
    content: DraftContent,
    is_summary_only: bool,
}

/// The body of an entry, rendered or to be rendered.
enum DraftContent {
    Rendered(Arc<Rendered>),
    Body(Arc<Body>),
}

/// Whether readers see the body of an article: on its page, in a full-text feed, or in a summary cut from it.
fn shows_body(index: &Index, indexed: &IndexedArticle, card: &Card) -> bool {
    let rules = index.rules();
    let has_page = rules.config().content.article_url.is_none() && card.link.is_none();
    let has_full_text =
        |key: &FeedKey| rules.feed_options(key).content == ContentMode::Full || !rules.partner_feeds(key).is_empty();
    has_page || !card.has_summary || index.feeds_of(indexed).any(has_full_text)
}

/// Rendering panics if a body contains this text, for tests of the quarantine.
#[cfg(test)]
pub(super) const FAILS: &str = "dateline-fails-to-render-this";

fn render_body(body: &Body, links: &LinkBase) -> Rendered {
    #[cfg(test)]
    assert!(!matches!(body, Body::Markdown(markdown) if markdown.contains(FAILS)));
    render(body, links)
}
