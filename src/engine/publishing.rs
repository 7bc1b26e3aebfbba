//! From what changed to what readers see: entries, feeds, documents, the snapshot, and what targets and the shell must do.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;

use super::{Engine, Source, is_public_matter};
use crate::article::render::Rendered;
use crate::build::filing::FeedKey;
use crate::build::index::{Changes, Filed, Index};
use crate::build::render_cache::RenderKey;
use crate::build::{assemble, encode};
use crate::diag::{Diagnostic, Place};
use crate::event::{BodyRequest, Delivery, Effect};
use crate::feed::{ContentMode, Entry};
use crate::ledger::Record;
use crate::snapshot::{PublishedArticle, Report, Resource, ResourceKind};
use crate::types::{ArticlePath, ContentHash, Moment};

/// An entry that some window holds.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) article: Arc<PublishedArticle>,
    pub(super) epoch: u64,
    pub(super) key: RenderKey,
    pub(super) rendered: Arc<Rendered>,
    pub(super) entry: Arc<Entry>,
    pub(super) windows: usize,
}

impl Engine {
    /// Makes anew what changed, and swaps once.
    pub(super) fn publish(&mut self, effects: &mut Vec<Effect>, persist: Option<&mut dyn FnMut(Vec<Record>)>) {
        let Some(mut index) = self.index.take() else { return };
        if self.listed && !self.missing.is_recalling() {
            let changes = index.take_changes();
            self.ledger.reserve(changes.articles.len());
            for path in &changes.articles {
                self.remember_published(&mut index, path, &changes.left);
            }
            self.remember_retracted(&index, &changes);
            if let Some(persist) = persist {
                persist(std::mem::take(&mut self.records));
            }
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
            let embargoed = |filed: &&Filed| filed.id().is_none() && filed.metadata.embargo.is_some();
            let filed = index.get(path);
            let tellable = filed.filter(embargoed).is_none();
            let diagnostics = filed.map(|filed| index.diagnostics(path, filed)).unwrap_or_default().into_iter();
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
            self.refresh_article(index, path, index.get(path));
        }
        self.note_replaced(index);
        if feeds_changed || self.lost.contains("/feeds.opml") {
            let opml = encode::opml(index.cabinet(), index.feeds(), &self.titles);
            self.install("/feeds.opml".into(), ResourceKind::Opml, opml);
        }
        let styled = index.cabinet().config().shows_feeds();
        let has_style = self.snapshot.documents.contains_key(assemble::STYLE_ROUTE);
        match has_style && !self.lost.contains(assemble::STYLE_ROUTE) {
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
            && before.media.ptr_eq(&self.snapshot.media)
            && Arc::ptr_eq(&before.former, &self.snapshot.former);
        effects.extend((!self.records.is_empty()).then(|| Effect::Persist(std::mem::take(&mut self.records))));
        if same && !reported && self.changed_routes.is_some() {
            return;
        }
        self.snapshot.generation += 1;
        effects.push(Effect::Swap(Arc::new(self.snapshot.clone())));
        effects.extend(self.delivery().map(Effect::Deliver));
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
            // What is still public elsewhere was moved, or is too old for this window: it can wait.
            let is_public =
                |path| self.held.get(path).is_some_and(|held: &Held| index.public_under(&held.article.id).is_some());
            let lost_one = published.iter().any(|path| !window.contains(path) && !is_public(path));
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
        let until = self.first_expiry(index, key);
        for (name, kind, mut document) in documents {
            if let Ok(resource) = &mut document {
                resource.until = until;
            }
            self.install(format!("{route}{name}"), kind, document);
            names.insert(name);
        }
        for stale in self.names.insert(key.clone(), names.clone()).unwrap_or_default().difference(&names) {
            self.remove(&format!("{route}{stale}"));
        }
        new || renamed
    }

    /// When the first article of a feed's window expires, by what its file says and by what readers have of it.
    fn first_expiry(&self, index: &Index, key: &FeedKey) -> Option<Timestamp> {
        let window = self.windows.get(key).into_iter().flatten();
        let said = window.flat_map(|path| {
            let filed = index.get(path).and_then(|filed| filed.metadata.expires);
            let held = self.held.get(path).and_then(|held| held.article.metadata.expires);
            [filed, held]
        });
        said.flatten().map(Moment::timestamp).min()
    }

    /// Has documents made anew whose bytes were lost.
    pub(super) fn make_anew(&mut self, route: Arc<str>) {
        let folder = route.rfind('/').and_then(|slash| route.get(..=slash)).unwrap_or_default();
        let key = self.names.keys().find(|key| assemble::route(key) == folder).cloned();
        self.deferred.extend(key);
        self.lost.insert(route);
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
            None => {
                let at_hand = self.bodies.get(path).filter(|at_hand| at_hand.hash == article.metadata.hash);
                match at_hand.and_then(|at_hand| at_hand.body.as_ref()) {
                    Some(body) => self.cache.render(key, body, &links),
                    None => return Err(self.request(path, article.metadata.hash)),
                }
            }
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

    /// Asks for a body, once.
    fn request(&self, path: &ArticlePath, hash: ContentHash) -> Option<BodyRequest> {
        let request = BodyRequest { path: path.clone(), hash, shown: true };
        let asked = self.waiting.get(path) == Some(&hash) || self.unavailable.contains(&(path.clone(), hash));
        (!asked).then_some(request)
    }

    pub(super) fn published(&mut self, index: &Index, path: &ArticlePath) -> Option<PublishedArticle> {
        let filed = index.get(path)?;
        let changed = self.dates(index, path, filed).map(|(_, updated)| updated);
        let home = filed.filing.home.clone();
        let frame = self.frames.entry(home).or_insert_with(|| Arc::new(assemble::frame(index.cabinet(), filed)));
        assemble::published(path, filed, changed, index.cabinet().config(), &Arc::clone(frame))
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
                        && old.until == resource.until
                };
                let is_lost = self.lost.remove(&route);
                if is_lost || !self.snapshot.documents.get(&route).is_some_and(same) {
                    self.note_route(&route);
                    let resource = Arc::new(resource);
                    if let Some(keeper) = &self.keeper {
                        keeper.keep(&resource);
                    }
                    self.snapshot.documents.insert(route, resource);
                }
            }
        }
    }

    fn remove(&mut self, route: &str) {
        self.problems.set(Source::Document(route.to_owned()), Vec::new());
        self.lost.remove(route);
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
        let counts = (self.catalog.len(), index.public(), index.feeds().count(), index.hidden());
        let old = &self.snapshot.report;
        if !self.problems.take_changed() && counts == (old.articles, old.published, old.feeds, old.hidden) {
            return false;
        }
        let mut problems: Vec<Diagnostic> = self
            .problems
            .iter()
            .map(|(source, diagnostic)| diagnostic.clone().discreet_unless(is_public_matter(source, Some(index))))
            .collect();
        problems.sort();
        let (articles, published, feeds, hidden) = counts;
        self.snapshot.report = Arc::new(Report { articles, published, hidden, feeds, problems });
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
