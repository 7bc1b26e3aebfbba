//! From what changed to what readers see: entries, feeds, documents, the snapshot, and what targets and the shell must do.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;

use super::commands::routes;
use super::{Engine, Source, is_public_matter};
use crate::article::render::{RENDERER_VERSION, Rendered};
use crate::build::assemble::Past;
use crate::build::filing::FeedKey;
use crate::build::index::{Changes, Filed, Index, Standing};
use crate::build::render_cache::RenderKey;
use crate::build::{assemble, encode};
use crate::config::UpdatedWhen;
use crate::diag::{Diagnostic, Place};
use crate::event::{BodyRequest, Delivery, Effect};
use crate::feed::{ContentMode, DeletedEntry, Entry};
use crate::ledger::{Record, Remembered, Retraction, TextPrint, Tombstone, Withdrawal};
use crate::snapshot::{Gone, PublishedArticle, Report, Resource, ResourceKind};
use crate::types::{ArticlePath, ContentHash, Moment};

/// The most retractions that a feed tells of: a thousand would make it useless for its readers.
const MOST_TOMBSTONES: usize = 100;

/// An entry that some window holds.
#[derive(Debug)]
pub(super) struct Held {
    article: Arc<PublishedArticle>,
    epoch: u64,
    key: RenderKey,
    rendered: Arc<Rendered>,
    entry: Arc<Entry>,
    windows: usize,
}

impl Engine {
    /// Makes anew what changed, and swaps once.
    pub(super) fn publish(&mut self, effects: &mut Vec<Effect>) {
        let Some(mut index) = self.index.take() else { return };
        if self.listed && !self.missing.is_recalling() {
            let changes = index.take_changes();
            for path in &changes.articles {
                self.remember_published(&mut index, path, &changes.left);
            }
            self.remember_retracted(&index, &changes);
            let retold = self.ledger.take_retold();
            if !retold.is_empty() {
                let keys = index.feeds().filter(|key| retold.contains(assemble::route(key).as_str()));
                self.deferred.extend(keys.cloned());
            }
            self.publish_changes(&index, changes, effects);
        }
        self.index = Some(index);
    }

    fn publish_changes(&mut self, index: &Index, changes: Changes, effects: &mut Vec<Effect>) {
        let before = self.snapshot.clone();
        let mut refresh: BTreeSet<ArticlePath> = changes.articles;
        refresh.append(&mut self.recollected);
        for path in &refresh {
            let embargoed = |filed: &Filed| filed.id().is_none() && filed.metadata.embargo.is_some();
            let tellable = !index.get(path).is_some_and(embargoed);
            let diagnostics = index.diagnostics(path).into_iter();
            let diagnostics = diagnostics.map(|diagnostic| diagnostic.discreet_unless(tellable)).collect();
            self.problems.set(Source::Filing(path.clone()), diagnostics);
        }

        let mut dirty = changes.feeds;
        dirty.append(&mut self.deferred);
        let mut requests = BTreeSet::new();
        let mut feeds_changed = self.changed_routes.is_none();
        for key in dirty {
            if index.has_feed(&key) {
                feeds_changed |= self.publish_feed(index, &key, &mut requests, &mut refresh);
            } else {
                feeds_changed |= self.retire_feed(&key, &mut refresh);
            }
        }
        let (keeping, now) = (&mut self.keeping, self.now);
        self.held.retain(|path, held| {
            if held.windows == 0 {
                keeping.release(path, held.article.metadata.hash, now);
            }
            held.windows > 0
        });
        self.keep(&mut requests);
        for path in &refresh {
            self.refresh_article(index, path);
        }
        self.note_replaced(index);
        if feeds_changed {
            let opml = encode::opml(index.cabinet(), index.feeds(), &self.titles);
            self.install("/feeds.opml".into(), ResourceKind::Opml, opml);
        }
        let styled = index.cabinet().config().shows_feeds();
        match self.snapshot.documents.contains_key(assemble::STYLE_ROUTE) {
            false if styled => {
                self.install(assemble::STYLE_ROUTE.to_owned(), ResourceKind::Style, Ok(encode::style_sheet()));
            }
            true if !styled => self.remove(assemble::STYLE_ROUTE),
            _ => {}
        }
        self.bodies.clear();
        self.body_bytes = 0;

        if !requests.is_empty() {
            self.waiting.extend(requests.iter().map(|request| (request.path.clone(), request.hash)));
            effects.push(Effect::Fetch(requests.into_iter().collect()));
        }
        // The first snapshot and that of a reload are whole: they wait for the bodies that their windows need.
        let urgent = std::mem::take(&mut self.urgent) && self.snapshot.generation > 0;
        if self.changed_routes.is_none() && !self.waiting.is_empty() && !urgent {
            return;
        }
        self.sweep(self.deferred.is_empty());
        let reported = self.report(index);
        let same = before.documents.ptr_eq(&self.snapshot.documents)
            && before.articles.ptr_eq(&self.snapshot.articles)
            && before.gone.ptr_eq(&self.snapshot.gone)
            && before.media.ptr_eq(&self.snapshot.media);
        effects.extend((!self.records.is_empty()).then(|| Effect::Persist(std::mem::take(&mut self.records))));
        if same && !reported && self.changed_routes.is_some() {
            return;
        }
        self.snapshot.generation += 1;
        effects.push(Effect::Swap(Arc::new(self.snapshot.clone())));
        effects.extend(self.delivery().map(Effect::Deliver));
    }

    /// Notes under which id an article is public, in which version and since when.
    fn remember_published(
        &mut self,
        index: &mut Index,
        path: &ArticlePath,
        left: &BTreeMap<ArticlePath, Vec<FeedKey>>,
    ) {
        let Some(filed) = index.get(path) else { return };
        let hash = filed.metadata.hash;
        if filed.standing == Standing::Retracted {
            // So that its file is known when it moves: under another path it would be public.
            let known = self.ledger.article(path).filter(|known| known.retraction.is_some());
            if known.is_some_and(|known| known.hash != Some(hash)) {
                self.remember(Record::Hidden { path: path.clone(), hash });
            }
            return;
        }
        let Some(id) = filed.id().cloned() else { return };
        let Some(date) = filed.dates.map(|(published, _)| published.timestamp()) else { return };
        let known = self.ledger.article(path);
        let other = known.and_then(|known| known.id.clone()).filter(|other| *other != id);
        let is_same = known.is_some_and(|known| {
            known.id.as_ref() == Some(&id) && known.hash == Some(hash) && known.date == Some(date) && known.is_live()
        });
        let is_retracted = known.is_some_and(|known| known.retraction.is_some());
        let was_known = known.is_some_and(Remembered::is_known);
        let withdrawn = known.and_then(|known| known.withdrawn.clone());
        if is_retracted {
            self.remember(Record::Restored { path: path.clone() });
        }
        if is_same && !is_retracted {
            return;
        }
        self.remember(Record::Published { path: path.clone(), id, hash, date });
        // Another article took the place of one that readers know, and they are told so.
        if let Some(id) = other.filter(|id| was_known && index.public_under(id).is_none()) {
            let feeds = left.get(path).map(|feeds| routes(feeds)).or(withdrawn).unwrap_or_default();
            let retraction = Retraction { at: self.second(), reason: None, by: Withdrawal::Deleted, feeds };
            self.remember(Record::Replaced { id, retraction });
        }
        index.hold(path);
    }

    /// Notes which articles readers are told to be gone: their files are deleted or say so, and nobody else has their ids. What is
    /// merely withheld is noted too, in silence.
    fn remember_retracted(&mut self, index: &Index, changes: &Changes) {
        let deleted = std::mem::take(&mut self.deleted);
        let others = deleted.keys().chain(&self.recollected).filter(|path| !changes.articles.contains(*path));
        let paths: BTreeSet<ArticlePath> = others.chain(&changes.articles).cloned().collect();
        for path in &paths {
            let Some(remembered) = self.ledger.article(path).filter(|article| article.id.is_some()) else { continue };
            if remembered.hash.is_none() || remembered.id.as_ref().is_some_and(|id| index.public_under(id).is_some()) {
                continue;
            }
            let left = || changes.left.get(path).map(|feeds| routes(feeds));
            let filed = index.get(path);
            let feeds = || {
                let now = || filed.map(|filed| routes(&filed.feeds));
                let known = remembered.withdrawn.clone().or_else(|| deleted.get(path).cloned());
                left().or(known).or_else(now).unwrap_or_default()
            };
            let second = self.second();
            let record = match (filed.map(|filed| (&filed.standing, &filed.metadata)), &remembered.retraction) {
                (None, None) if deleted.contains_key(path) => {
                    Some(Retraction { at: second, reason: None, by: Withdrawal::Deleted, feeds: feeds() })
                }
                (Some((Standing::Retracted, metadata)), None) if metadata.retracted.is_some() => {
                    let reason = metadata.retracted.as_ref().and_then(|retracted| retracted.reason.clone());
                    Some(Retraction { at: second, reason, by: Withdrawal::Status, feeds: feeds() })
                }
                // Told otherwise than before, or retracted by an operator before anybody knew where it was.
                (Some((Standing::Retracted, metadata)), Some(known)) => {
                    let stated = metadata.retracted.as_ref().map(|retracted| retracted.reason.clone());
                    let reason =
                        stated.filter(|_| known.by == Withdrawal::Status).unwrap_or_else(|| known.reason.clone());
                    let feeds = if known.feeds.is_empty() { feeds() } else { known.feeds.clone() };
                    Some(Retraction { reason, feeds, ..known.clone() }).filter(|new| new != known)
                }
                _ => None,
            };
            let record = match record {
                Some(retraction) => Record::Retracted { path: path.clone(), retraction },
                None if self.is_withheld(index, path) && remembered.is_live() => {
                    Record::Withdrawn { path: path.clone(), feeds: feeds() }
                }
                None => continue,
            };
            self.remember(record);
            self.recollected.insert(path.clone());
        }
    }

    /// Whether an article must not be public, and nobody is told why: not even after a restart that finds its file broken.
    fn is_withheld(&self, index: &Index, path: &ArticlePath) -> bool {
        match index.get(path).map(|filed| &filed.standing) {
            Some(Standing::Draft | Standing::Scheduled(_) | Standing::IdTaken(_)) => true,
            Some(_) => false,
            None => self.catalog.is_withheld(path),
        }
    }

    /// What a feed says of what it had before; from when on it says less is noted.
    fn past(&mut self, index: &Index, key: &FeedKey, route: &str) -> Past {
        let lasts = assemble::options(index.cabinet(), key).tombstones;
        let end = |tombstone: &Tombstone| tombstone.at.saturating_add(lasts).unwrap_or(Timestamp::MAX);
        let standing = self.ledger.tombstones(route).rev().take_while(|tombstone| end(tombstone) > self.now);
        let standing: Vec<Tombstone> = standing.take(MOST_TOMBSTONES).cloned().collect();
        self.tombstone_ends.extend(standing.last().map(|oldest| (end(oldest), key.clone())));
        let deleted = standing.into_iter().map(|Tombstone { at, id, reason }| DeletedEntry { id, at, reason });
        Past { deleted: deleted.collect(), updated: self.ledger.feed_updated(route) }
    }

    /// The Last-Modified of a document: it stays while the bytes do, and is later than any before when they change.
    fn last_modified(&self, route: &str, resource: &Resource) -> Option<Timestamp> {
        match self.ledger.document(route) {
            Some((hash, last_modified)) if hash == resource.hash => Some(last_modified),
            Some((_, last_modified)) => {
                let after = Timestamp::from_second(self.now.as_second().saturating_add(1)).unwrap_or(self.now);
                Some(last_modified.max(after))
            }
            None => resource.last_modified,
        }
    }

    /// Makes a feed's documents anew. Says whether the list of feeds changed by it.
    fn publish_feed(
        &mut self,
        index: &Index,
        key: &FeedKey,
        requests: &mut BTreeSet<BodyRequest>,
        refresh: &mut BTreeSet<ArticlePath>,
    ) -> bool {
        let mut window: Vec<ArticlePath> = index.window(key).cloned().collect();
        let limit = assemble::options(index.cabinet(), key).window.max_bytes;
        let wanted = window.len();
        let mut entries = Vec::with_capacity(window.len());
        let mut shown = Vec::with_capacity(window.len());
        let mut missing = false;
        let mut bytes = 0;
        for path in &window {
            // What follows could not fit, whatever it is.
            if bytes > limit {
                break;
            }
            let entry = match self.entry(index, path, refresh) {
                Ok(entry) => Some(entry),
                Err(request) => {
                    missing = true;
                    requests.extend(request);
                    // What readers have of it stays until its new version is there, as long as it is public at all.
                    self.held.get(path).map(|held| Arc::clone(&held.entry))
                }
            };
            if let Some(entry) = entry {
                bytes += encode::least_bytes(&entry, assemble::options(index.cabinet(), key).content, limit);
                entries.push(entry);
                shown.push(path.clone());
            }
        }
        if bytes > limit {
            window.truncate(shown.len());
        }
        if missing {
            self.deferred.insert(key.clone());
            let published = self.windows.get(key).map(Vec::as_slice).unwrap_or_default();
            let lost_one = published.iter().any(|path| !window.contains(path));
            let hopeless = window
                .iter()
                .all(|path| !requests.iter().any(|request| request.path == *path) && !self.waiting.contains_key(path));
            // A missing body never delays a removal, and nothing waits for a body that cannot be had.
            if !lost_one && !hopeless {
                return false;
            }
        }
        let route = assemble::route(key);
        let past = self.past(index, key, &route);
        let (feed, documents) = encode::fitting(key, index.cabinet(), entries, &past, limit);
        if let Some(updated) = feed.updated.filter(|updated| past.updated != Some(*updated)) {
            self.remember(Record::Feed { route: route.as_str().into(), updated });
        }
        shown.truncate(feed.entries.len());
        let cut = encode::cut(key, index.cabinet(), &feed, wanted).filter(|_| !missing);
        self.problems.set(Source::Document(format!("{route}#window")), cut.into_iter().collect());
        let new = self.hold(key, shown, refresh);
        let renamed = self.titles.insert(key.clone(), feed.title.clone()).as_ref() != Some(&feed.title);
        let files = &self.windows.get(key).cloned().unwrap_or_default();
        let root = Arc::clone(&index.cabinet().config().parsing.root);
        let place = |position: usize| files.get(position).map(|path| Place::file(&format!("{root}/{path}")));
        let warnings = encode::partner_warnings(key, index.cabinet(), &feed, self.now, place);
        self.problems.set(Source::Document(format!("{route}#partners")), warnings);
        let mut names = BTreeSet::new();
        for (name, kind, document) in documents {
            self.install(format!("{route}{name}"), kind, document);
            names.insert(name);
        }
        for stale in self.names.insert(key.clone(), names.clone()).unwrap_or_default().difference(&names) {
            self.remove(&format!("{route}{stale}"));
        }
        new || renamed
    }

    /// Takes a feed's documents away.
    fn retire_feed(&mut self, key: &FeedKey, refresh: &mut BTreeSet<ArticlePath>) -> bool {
        let known = self.windows.contains_key(key);
        self.hold(key, Vec::new(), refresh);
        self.windows.remove(key);
        self.titles.remove(key);
        let route = assemble::route(key);
        self.problems.set(Source::Document(format!("{route}#window")), Vec::new());
        self.problems.set(Source::Document(format!("{route}#partners")), Vec::new());
        for name in self.names.remove(key).unwrap_or_default() {
            self.remove(&format!("{route}{name}"));
        }
        known
    }

    /// Notes which articles a window holds now. Says whether the feed is new.
    fn hold(&mut self, key: &FeedKey, window: Vec<ArticlePath>, refresh: &mut BTreeSet<ArticlePath>) -> bool {
        for path in &window {
            if let Some(held) = self.held.get_mut(path) {
                held.windows += 1;
                if held.windows == 1 {
                    refresh.insert(path.clone());
                }
            }
        }
        let before = self.windows.insert(key.clone(), window);
        for path in before.iter().flatten() {
            if let Some(held) = self.held.get_mut(path) {
                held.windows = held.windows.saturating_sub(1);
                if held.windows == 0 {
                    refresh.insert(path.clone());
                }
            }
        }
        before.is_none()
    }

    /// The rendered entry of a public article; `Err`: its body is needed first, with the request unless it cannot be had.
    fn entry(
        &mut self,
        index: &Index,
        path: &ArticlePath,
        refresh: &mut BTreeSet<ArticlePath>,
    ) -> Result<Arc<Entry>, Option<BodyRequest>> {
        let filed = index.get(path).ok_or(None)?;
        let held = self.held.get(path);
        let fresh = held.filter(|held| {
            held.epoch == self.epoch
                && held.article.metadata == filed.metadata
                && Some(&held.article.id) == filed.id()
                && Some((held.article.published, held.article.updated)) == self.dates(index, path, filed)
        });
        if let Some(held) = fresh {
            return Ok(Arc::clone(&held.entry));
        }
        let mut article = self.published(index, path).ok_or(None)?;
        let links = assemble::link_base(&article);
        let key = RenderKey::new(article.metadata.hash, &links);
        let kept = self.held.get(path).filter(|held| held.key == key).map(|held| Arc::clone(&held.rendered));
        let summary_only = !shows_body(index, filed);
        let unseen = summary_only.then(|| Arc::new(Rendered::empty()));
        let rendered = match unseen.or(kept).or_else(|| self.cache.get(&key)) {
            Some(rendered) => rendered,
            None => match self.bodies.get(path) {
                Some(at_hand) if at_hand.hash == article.metadata.hash => self.cache.render(key, &at_hand.body, &links),
                _ => return Err(self.request(path, article.metadata.hash)),
            },
        };
        self.remember_text(index, &article, &rendered, summary_only);
        if let Some((_, updated)) = self.dates(index, path, filed) {
            article.updated = updated;
        }
        let article = Arc::new(article);
        let hash = article.metadata.hash;
        let entry = Arc::new(assemble::entry(&article, &rendered));
        let windows = self.held.get(path).map_or(0, |held| held.windows);
        let held = Held { article, epoch: self.epoch, key, rendered, entry: Arc::clone(&entry), windows };
        self.keeping.hold(path, hash);
        if let Some(before) = self.held.insert(path.clone(), held)
            && before.article.metadata.hash != hash
        {
            self.keeping.release(path, before.article.metadata.hash, self.now);
        }
        refresh.insert(path.clone());
        Ok(entry)
    }

    /// When an article was first published and when it last changed.
    fn dates(&self, index: &Index, path: &ArticlePath, filed: &Filed) -> Option<(Moment, Moment)> {
        let by_text = index.cabinet().config().updated_when == UpdatedWhen::Text;
        let changed = self.ledger.article(path).and_then(|article| article.changed).filter(|_| by_text);
        assemble::dates(filed, changed.and_then(|changed| index.moment(changed)))
    }

    /// Notes what an article reads like, and that it changed when it reads otherwise than it did. What another program made of
    /// it, or less of it, cannot be compared: that is a new beginning, in silence.
    fn remember_text(&mut self, index: &Index, article: &PublishedArticle, rendered: &Rendered, summary_only: bool) {
        let hash = assemble::text_hash(article, rendered, summary_only);
        let print = TextPrint { hash, version: RENDERER_VERSION * 2 + u32::from(summary_only) };
        let known = self.ledger.article(&article.path);
        let (before, mut changed) = known.map_or((None, None), |known| (known.print, known.changed));
        if before == Some(print) {
            return;
        }
        let by_text = index.cabinet().config().updated_when == UpdatedWhen::Text;
        if by_text && before.is_some_and(|before| before.version == print.version) {
            changed = Some(self.second());
        }
        self.remember(Record::Text { path: article.path.clone(), print, changed });
    }

    /// Asks for a body, once.
    fn request(&self, path: &ArticlePath, hash: ContentHash) -> Option<BodyRequest> {
        let request = BodyRequest { path: path.clone(), hash };
        let asked = self.waiting.get(path) == Some(&hash) || self.unavailable.contains(&(path.clone(), hash));
        (!asked).then_some(request)
    }

    fn published(&mut self, index: &Index, path: &ArticlePath) -> Option<PublishedArticle> {
        let filed = index.get(path)?;
        let changed = self.dates(index, path, filed).map(|(_, updated)| updated);
        let home = filed.filing.home.clone();
        let frame = self.frames.entry(home).or_insert_with(|| Arc::new(assemble::frame(index.cabinet(), filed)));
        assemble::published(path, filed, changed, index.cabinet().config(), &Arc::clone(frame))
    }

    /// Brings an article's page and media up to date.
    fn refresh_article(&mut self, index: &Index, path: &ArticlePath) {
        let own_pages = index.cabinet().config().content.article_url.is_none();
        self.note_gone(index, path, own_pages);
        let local = |filed: &Filed| filed.metadata.image.is_some() || !filed.metadata.media.is_empty();
        let shown =
            own_pages || self.held.contains_key(path) || self.media.contains_key(path) || self.pages.contains_key(path);
        if !shown && !index.get(path).is_some_and(local) {
            return;
        }
        let new = match self.held.get(path) {
            Some(held) if index.get(path).is_some_and(|filed| filed.id().is_some()) => {
                Some(PublishedArticle { entry: Some(Arc::clone(&held.entry)), ..(*held.article).clone() })
            }
            _ => self.published(index, path),
        };
        let route = new.as_ref().map(|article| Arc::<str>::from(assemble::short_id(&article.id)));
        if let Some(old) = self.pages.get(path).cloned()
            && Some(&old) != route.as_ref()
        {
            self.retire_page(path, &old);
        }
        let in_body = self.held.get(path).map(|held| Arc::clone(&held.rendered));
        let in_body = in_body.as_ref().map(|rendered| rendered.local_media.as_slice()).unwrap_or_default();
        let media = new.as_ref().map(|article| media_of(article, in_body)).unwrap_or_default();
        self.note_media(path, media);
        let (Some(article), Some(route)) = (new, route) else { return };
        if !own_pages || article.metadata.link.is_some() {
            if let Some(old) = self.pages.get(path).cloned() {
                self.retire_page(path, &old);
            }
            return;
        }
        if self.snapshot.articles.get(&route).is_none_or(|old| **old != article) {
            self.pages.insert(path.clone(), Arc::clone(&route));
            self.snapshot.articles.insert(route, Arc::new(article));
        }
    }

    /// The page of an article that was taken from its readers says so.
    fn note_gone(&mut self, index: &Index, path: &ArticlePath, own_pages: bool) {
        let Some(remembered) = self.ledger.article(path) else { return };
        let Some(id) = &remembered.id else { return };
        let expired = index.get(path).is_some_and(|filed| matches!(filed.standing, Standing::Expired(_)));
        let gone = match &remembered.retraction {
            Some(retraction) => Some(Gone { retracted: Some(retraction.at), reason: retraction.reason.clone() }),
            None => expired.then_some(Gone { retracted: None, reason: None }),
        };
        let route = assemble::short_id(id);
        match gone.filter(|_| own_pages && index.public_under(id).is_none()) {
            Some(gone) if self.snapshot.gone.get(&*route).is_none_or(|old| **old != gone) => {
                self.snapshot.gone.insert(route.into(), Arc::new(gone));
            }
            None if self.snapshot.gone.contains_key(&*route) => drop(self.snapshot.gone.remove(&*route)),
            _ => {}
        }
    }

    /// So do the pages of articles whose files became other articles.
    fn note_replaced(&mut self, index: &Index) {
        if index.cabinet().config().content.article_url.is_some() {
            return;
        }
        for (id, Retraction { at, reason, .. }) in self.ledger.replaced() {
            let route = assemble::short_id(id);
            if !self.snapshot.gone.contains_key(&*route) {
                let gone = Gone { retracted: Some(*at), reason: reason.clone() };
                self.snapshot.gone.insert(route.into(), Arc::new(gone));
            }
        }
    }

    /// Takes an article's page away, unless another article has its address by now: a renamed file, say.
    fn retire_page(&mut self, path: &ArticlePath, route: &Arc<str>) {
        self.pages.remove(path);
        if self.snapshot.articles.get(route).is_some_and(|article| article.path == *path) {
            self.snapshot.articles.remove(route);
        }
    }

    /// Counts who refers to which media file.
    fn note_media(&mut self, path: &ArticlePath, media: BTreeMap<Arc<str>, ArticlePath>) {
        for (route, file) in &media {
            let referrers = self.referrers.entry(Arc::clone(route)).or_default();
            if referrers.is_empty() {
                self.snapshot.media.insert(Arc::clone(route), file.clone());
            }
            referrers.insert(path.clone());
        }
        let before = if media.is_empty() {
            self.media.remove(path)
        } else {
            self.media.insert(path.clone(), media.keys().cloned().collect())
        };
        for route in before.into_iter().flatten().filter(|route| !media.contains_key(route)) {
            let Some(referrers) = self.referrers.get_mut(&route) else { continue };
            referrers.remove(path);
            if referrers.is_empty() {
                self.referrers.remove(&route);
                self.snapshot.media.remove(&route);
            }
        }
    }

    /// Puts a document in its place, unless the same bytes are there; a refused one leaves the last good in place.
    fn install(&mut self, route: String, kind: ResourceKind, document: Result<Resource, Diagnostic>) {
        let route: Arc<str> = route.into();
        match document {
            Err(diagnostic) => self.problems.set(Source::Document(route.to_string()), vec![diagnostic]),
            Ok(mut resource) => {
                resource.last_modified = self.last_modified(&route, &resource);
                if let Some(last_modified) = resource.last_modified
                    && self.ledger.document(&route) != Some((resource.hash, last_modified))
                {
                    let (route, hash) = (Arc::clone(&route), resource.hash);
                    self.remember(Record::Document { route, hash, last_modified });
                }
                self.problems.set(Source::Document(route.to_string()), Vec::new());
                let same = |old: &Arc<Resource>| {
                    old.hash == resource.hash
                        && old.kind == kind
                        && old.last_modified == resource.last_modified
                        && old.max_age == resource.max_age
                };
                if !self.snapshot.documents.get(&route).is_some_and(same) {
                    self.note_route(&route);
                    self.snapshot.documents.insert(route, Arc::new(resource));
                }
            }
        }
    }

    fn remove(&mut self, route: &str) {
        self.problems.set(Source::Document(route.to_owned()), Vec::new());
        if self.snapshot.documents.remove(route).is_some() {
            self.note_route(&route.into());
        }
    }

    fn note_route(&mut self, route: &Arc<str>) {
        if let Some(changed) = &mut self.changed_routes {
            changed.insert(Arc::clone(route));
        }
    }

    /// What targets have to do since the last swap.
    fn delivery(&mut self) -> Option<Delivery> {
        let changed = self.changed_routes.replace(BTreeSet::new());
        let deliverable = |resource: &Arc<Resource>| resource.kind != ResourceKind::Page;
        let relative = |route: &Arc<str>| Arc::<str>::from(route.trim_start_matches('/'));
        let complete = changed.is_none();
        let mut documents: Vec<(Arc<str>, Option<Arc<Resource>>)> = match changed {
            None => {
                let all = self.snapshot.documents.iter().filter(|(_, resource)| deliverable(resource));
                all.map(|(route, resource)| (relative(route), Some(Arc::clone(resource)))).collect()
            }
            Some(routes) => routes
                .iter()
                .filter(|route| !route.ends_with('/'))
                .map(|route| (relative(route), self.snapshot.documents.get(route).cloned()))
                .collect(),
        };
        documents.sort_by(|left, right| left.0.cmp(&right.0));
        (complete || !documents.is_empty()).then_some(Delivery {
            generation: self.snapshot.generation,
            documents,
            complete,
        })
    }

    /// Renews the report. Says whether it changed.
    fn report(&mut self, index: &Index) -> bool {
        let counts = (self.catalog.len(), index.public(), index.feeds().count());
        let old = &self.snapshot.report;
        if !self.problems.take_changed() && counts == (old.articles, old.published, old.feeds) {
            return false;
        }
        let mut problems: Vec<Diagnostic> = self
            .problems
            .iter()
            .map(|(source, diagnostic)| diagnostic.clone().discreet_unless(is_public_matter(source, Some(index))))
            .collect();
        problems.sort();
        self.snapshot.report = Arc::new(Report { articles: counts.0, published: counts.1, feeds: counts.2, problems });
        true
    }
}

/// Whether readers see the body of an article anywhere: on its page, in a feed of whole articles, or in a summary cut from it.
fn shows_body(index: &Index, filed: &Filed) -> bool {
    let cabinet = index.cabinet();
    let page = cabinet.config().content.article_url.is_none() && filed.metadata.link.is_none();
    let whole = |key: &FeedKey| {
        assemble::options(cabinet, key).content == ContentMode::Full || !assemble::partners(cabinet, key).is_empty()
    };
    page || filed.metadata.summary.is_none() || filed.feeds.iter().any(whole)
}

fn media_of(article: &PublishedArticle, in_body: &[ArticlePath]) -> BTreeMap<Arc<str>, ArticlePath> {
    assemble::local_media(article, in_body).map(|path| (Arc::from(assemble::media_route(path)), path.clone())).collect()
}
