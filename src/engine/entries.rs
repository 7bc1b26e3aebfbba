//! Builds the entries that feeds show, decides which are outdated, and requests missing bodies.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::parts::entry_cache::{CachedEntry, EntryText};
use super::recording::TextScope;
use super::state::Engine;
use crate::article::card::{Card, Packed};
use crate::article::render::{LinkBase, Rendered, render};
use crate::article::{Body, Metadata};
use crate::build::assemble;
use crate::build::index::{Index, IndexedArticle};
use crate::build::placement::FeedKey;
use crate::build::render_cache::RenderKey;
use crate::event::BodyRequest;
use crate::feed::ContentMode;
use crate::parallel;
use crate::snapshot::PublishedArticle;
use crate::types::{ArticlePath, ContentHash};

/// The maximum number of bodies requested at a time, so that the texts of all feeds are never in memory at once.
const MAX_REQUESTED_BODIES: usize = 4_096;
/// The maximum number of entries that are built per feed before checking whether its documents have room for more.
const MAX_BUILT_ENTRIES: usize = 256;
/// The number of bodies that are rendered per batch. Fewer aren't worth another core.
const RENDERINGS_PER_BATCH: usize = 2;

impl Engine {
    /// Builds the entries that feeds need and that are missing or outdated. Requests the bodies that haven't arrived.
    pub(super) fn build_entries(
        &mut self,
        index: &Index,
        feeds: &[FeedKey],
        requests: &mut BTreeSet<BodyRequest>,
        refresh: &mut BTreeSet<ArticlePath>,
    ) {
        loop {
            let stale: BTreeSet<&ArticlePath> =
                feeds.iter().flat_map(|key| self.articles_to_build(index, key)).collect();
            let mut drafts = Vec::new();
            for path in stale {
                // At the limit of requests, only articles that have arrived can be built.
                let may_request = self.may_request(requests);
                if !may_request && !self.bodies.pending.contains_key(path) {
                    continue;
                }
                match self.draft_entry(index, path) {
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
                DraftContent::Body(body) => parallel::catch_panic(|| Arc::new(render(body, &draft.links))),
            });
            for (draft, rendered) in drafts.into_iter().zip(rendered) {
                let Some(rendered) = rendered else {
                    self.quarantine(&draft.article.path, draft.article.hash);
                    continue;
                };
                if matches!(draft.content, DraftContent::Body(_)) {
                    self.entries.rendered.insert(draft.key, &rendered);
                }
                self.cache_entry(index, draft, rendered, refresh);
            }
        }
    }

    /// Whether more bodies may be requested, see [`MAX_REQUESTED_BODIES`].
    pub(super) fn may_request(&self, requests: &BTreeSet<BodyRequest>) -> bool {
        requests.len() + self.bodies.requested.len() < MAX_REQUESTED_BODIES
    }

    /// The first articles of a feed whose entries have to be built. Their sizes decide how many more fit.
    fn articles_to_build<'i>(&self, index: &'i Index, key: &FeedKey) -> Vec<&'i ArticlePath> {
        let options = index.rules().feed_options(key);
        let mut stale = Vec::new();
        let mut bytes = 0;
        for path in index.window(key) {
            if bytes > options.window.max_bytes || stale.len() == MAX_BUILT_ENTRIES {
                break;
            }
            match self.entries.cached.get(path).filter(|cached| self.entries.is_fresh(cached)) {
                Some(cached) => bytes += cached.min_bytes(options),
                None => stale.push(path),
            }
        }
        stale
    }

    /// Removes the text from the entries of articles that have just become teasers. The free part may arrive late, and the paid
    /// part must not stay visible until then.
    pub(super) fn strip_new_teasers(&mut self, index: &Index, changed: &[ArticlePath]) {
        for path in changed {
            if self.entries.cached.get(path).is_none_or(|cached| cached.article.is_teaser) {
                continue;
            }
            let Some(card) = self.catalog.get(path).map(|card| card.open(path)) else { continue };
            let Some(article) = self.published_article(index, path, &card).filter(|article| article.is_teaser) else {
                continue;
            };
            let Some(cached) = self.entries.cached.get_mut(path) else { continue };
            self.entries.unpacked.remove(cached);
            // The retained source stays the same.
            let article = PublishedArticle { hash: cached.article.hash, ..article };
            let rendered = Arc::new(Rendered::empty());
            let entry = Arc::new(assemble::entry(&article, &cached.metadata, &rendered));
            self.entries.unpacked.add(path, &rendered);
            (cached.article, cached.key, cached.epoch) = (Arc::new(article), None, CachedEntry::STALE);
            cached.text = EntryText::Unpacked(rendered, entry);
            self.withholding.new_teasers.insert(path.clone());
        }
    }

    /// Marks entries that differ from their articles' last good versions, so that they are rebuilt.
    pub(super) fn mark_stale_entries(&mut self, index: &Index, changed: &[ArticlePath]) {
        for path in changed {
            if !self.matches_last_good(index, path)
                && let Some(cached) = self.entries.cached.get_mut(path)
            {
                cached.epoch = CachedEntry::STALE;
            }
        }
    }

    /// Whether an article's entry has the metadata, id and dates of the last good version.
    fn matches_last_good(&self, index: &Index, path: &ArticlePath) -> bool {
        let Some((cached, indexed)) = self.entries.cached.get(path).zip(index.get(path)) else { return false };
        self.catalog.get(path) == Some(&cached.card)
            && Some(&cached.article.id) == indexed.id()
            && self.recorder.dates(index, path, indexed) == Some((cached.article.published, cached.article.updated))
    }

    /// Collects what is needed to build an entry. The error is the request for the missing body, or `None` if no request helps.
    fn draft_entry(&mut self, index: &Index, path: &ArticlePath) -> Result<EntryDraft, Option<BodyRequest>> {
        let indexed = index.get(path).ok_or(None)?;
        let packed = self.catalog.get(path).cloned().ok_or(None)?;
        let card = packed.open(path);
        if self.entries.quarantine.contains(path, card.hash) {
            return Err(None);
        }
        let article = self.published_article(index, path, &card).ok_or(None)?;
        let links = assemble::link_base(&article);
        let key = RenderKey::new(article.hash, &links);
        let cached = self.entries.cached.get(path).filter(|cached| cached.card == packed);
        let pending = self.bodies.pending.get(path).filter(|pending| pending.hash == card.hash);
        let arrived = pending.and_then(|pending| pending.article.as_ref());
        let metadata = arrived.map(|article| &article.metadata).or(cached.map(|cached| &cached.metadata)).cloned();
        let is_summary_only = !shows_body(index, indexed, &card);
        let request = || self.request(path, article.hash, Some(&links).filter(|_| !is_summary_only));
        let Some(metadata) = metadata else { return Err(request()) };
        let no_body = is_summary_only.then(|| Arc::new(Rendered::empty()));
        let from_entry = || cached.filter(|cached| cached.key == Some(key)).map(|cached| cached.text.rendered());
        let from_pending = || {
            let (pending_key, rendered) = pending?.rendered.as_ref()?;
            (*pending_key == key).then(|| Arc::clone(rendered))
        };
        let body = || arrived.and_then(|article| article.body.clone());
        let rendered = no_body.or_else(from_entry).or_else(|| self.entries.rendered.get(&key)).or_else(from_pending);
        let content = match rendered {
            Some(rendered) => DraftContent::Rendered(rendered),
            None => DraftContent::Body(body().ok_or_else(request)?),
        };
        Ok(EntryDraft { card: packed, metadata, article, links, key, content, is_summary_only })
    }

    /// Builds an entry and caches it.
    fn cache_entry(
        &mut self,
        index: &Index,
        draft: EntryDraft,
        rendered: Arc<Rendered>,
        refresh: &mut BTreeSet<ArticlePath>,
    ) {
        let EntryDraft { card, metadata, mut article, key, is_summary_only, .. } = draft;
        let path = article.path.clone();
        let scope = TextScope { is_summary_only, is_teaser: article.is_teaser };
        self.record_text(index, &path, &metadata, &rendered, scope);
        let indexed = index.get(&path);
        if let Some((_, updated)) = indexed.and_then(|indexed| self.recorder.dates(index, &path, indexed)) {
            article.updated = updated;
        }
        let hash = article.hash;
        let Some(entry) = parallel::catch_panic(|| Arc::new(assemble::entry(&article, &metadata, &rendered))) else {
            self.quarantine(&path, hash);
            return;
        };
        let windows = self.entries.cached.get(&path).map_or(0, |cached| cached.windows);
        self.entries.unpacked.add(&path, &rendered);
        let key = (!is_summary_only).then_some(key);
        let text = EntryText::Unpacked(rendered, entry);
        let cached =
            CachedEntry { card, metadata, article: Arc::new(article), epoch: self.entries.epoch, key, text, windows };
        self.recorder.retention.retain(&path, hash);
        if windows == 0 {
            self.entries.eviction_candidates.push(path.clone());
        }
        if let Some(before) = self.entries.cached.insert(path.clone(), cached) {
            self.entries.unpacked.remove(&before);
            if before.article.hash != hash {
                self.recorder.retention.release(&path, before.article.hash, self.now);
                self.entries.quarantine.note_replaced(&path, before);
            }
        }
        refresh.insert(path);
    }

    /// Drops the entries that left their last window or haven't entered one.
    pub(super) fn evict_entries(&mut self, index: &Index) {
        for path in std::mem::take(&mut self.entries.eviction_candidates) {
            let Some(cached) = self.entries.cached.get(&path).filter(|cached| cached.windows == 0) else { continue };
            // A feed that waits for other entries will show this entry as well.
            let indexed = index.get(&path);
            if indexed
                .is_some_and(|indexed| index.feeds_of(indexed).any(|key| self.publisher.feeds_to_rebuild.contains(key)))
            {
                self.entries.eviction_candidates.push(path);
                continue;
            }
            self.recorder.retention.release(&path, cached.article.hash, self.now);
            self.entries.unpacked.remove(cached);
            self.entries.cached.remove(&path);
        }
    }

    /// The request for a body. `None` if the body was requested already or couldn't be read.
    fn request(&self, path: &ArticlePath, hash: ContentHash, links: Option<&LinkBase>) -> Option<BodyRequest> {
        let request = BodyRequest { path: path.clone(), hash, shown: true, links: links.cloned() };
        (!self.bodies.is_requested_or_unavailable(path, hash)).then_some(request)
    }

    /// A public article as its page and its entry show it. `None` if the article isn't public.
    pub(super) fn published_article(
        &mut self,
        index: &Index,
        path: &ArticlePath,
        card: &Card,
    ) -> Option<PublishedArticle> {
        let indexed = index.get(path)?;
        let changed = self.recorder.dates(index, path, indexed).map(|(_, updated)| updated);
        let home = indexed.placement().home.clone();
        let frame = self
            .publisher
            .pages
            .frames
            .entry(home)
            .or_insert_with(|| Arc::new(assemble::page_frame(index.rules(), indexed)));
        assemble::published_article(path, card, indexed, changed, index.rules().config(), &Arc::clone(frame))
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
