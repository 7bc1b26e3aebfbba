//! Rebuilds the documents and the snapshot after changes, and emits what to deliver. This file is long because the steps of one
//! publication share the set of changes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;

use super::entry_cache::{CachedEntry, EntryParts};
use super::{Engine, Source, may_quote};
use crate::article::card::Packed;
use crate::build::assemble::FeedHistory;
use crate::build::encode::{Document, FeedRequest};
use crate::build::index::{Changes, Index, IndexedArticle};
use crate::build::placement::FeedKey;
use crate::build::{assemble, encode};
use crate::diagnostics::{Diagnostic, Place};
use crate::event::{BodyRequest, Delivery, Effect};
use crate::feed::Feed;
use crate::ledger::{Ledger, Record};
use crate::parallel;
use crate::snapshot::{Report, Resource, ResourceKind, ShownArticles};
use crate::types::{ArticlePath, ContentHash, Moment};

/// The number of feeds built at a time, so that the texts of all feeds are never in memory at once.
const FEEDS_PER_BATCH: usize = 64;
/// The maximum number of bodies requested at a time, for the same reason.
pub(super) const MAX_REQUESTED_BODIES: usize = 4_096;

impl Engine {
    /// Rebuilds what changed. Emits at most one new snapshot.
    pub(super) fn publish(&mut self, effects: &mut Vec<Effect>, persist: Option<&mut dyn FnMut(Vec<Record>)>) {
        let Some(mut index) = self.index.take() else { return };
        if self.listed && !self.missing.is_loading_stored() {
            /// The number of records that are persisted together, so that the records of a whole archive are never in memory at
            /// once.
            const MAX_BATCHED_RECORDS: usize = 16_384;
            /// The number of records from which on they are persisted before feeds are built.
            const MIN_EARLY_RECORDS: usize = 1_024;
            self.admit_feeds(&mut index);
            let mut changes = index.take_changes();
            self.drop_unaffected(&index, &mut changes.articles);
            let mut persist = persist;
            let has_pages = self.has_pages(&index);
            changes.articles.retain(|path| {
                let needs_nothing_else = self.record_published(&mut index, path, &changes.left);
                if let Some(persist) = persist.as_mut().filter(|_| self.unwritten_records.len() >= MAX_BATCHED_RECORDS)
                {
                    persist(std::mem::take(&mut self.unwritten_records));
                }
                // Nearly all articles of an archive need nothing more.
                has_pages || !needs_nothing_else || self.has_placement_problem(path) || self.is_shown(path)
            });
            self.record_retractions(&index, &changes);
            // Fewer records are persisted together with their effects.
            if let Some(persist) = persist.filter(|_| self.unwritten_records.len() >= MIN_EARLY_RECORDS) {
                persist(std::mem::take(&mut self.unwritten_records));
            }
            let tombstone_routes = self.ledger.take_retold();
            if !tombstone_routes.is_empty() {
                let keys = index.feeds().filter(|key| tombstone_routes.contains(assemble::route(key).as_str()));
                self.feeds_to_rebuild.extend(keys.cloned());
            }
            self.publish_changes(&index, changes, effects);
        }
        self.index = Some(index);
    }

    /// Removes from `changed` the articles that need neither a record nor an update. After a reload, those are nearly all
    /// articles, and checking them in parallel is faster. After a start, indexing has already left them out.
    fn drop_unaffected(&self, index: &Index, changed: &mut Vec<ArticlePath>) {
        if self.has_pages(index) {
            return;
        }
        let is_unaffected = |path: &ArticlePath| {
            let known = self.ledger.article(path).zip(self.catalog.get(path).map(Packed::hash));
            let indexed = index.get(path).zip(known);
            indexed.is_some_and(|(indexed, (known, version))| indexed.needs_no_update(known, version))
                && !self.has_placement_problem(path)
                && !self.is_shown(path)
        };
        let mut unaffected = parallel::on_all_cores(changed, is_unaffected).into_iter();
        changed.retain(|_| unaffected.next() != Some(true));
    }

    /// Rebuilds feeds, pages and lists, and emits the effects.
    fn publish_changes(&mut self, index: &Index, changes: Changes, effects: &mut Vec<Effect>) {
        let before = self.snapshot.clone();
        self.forget_replaced_failures();
        self.note_expired(index, &changes);
        let withholds = std::mem::take(&mut self.has_urgent_removal)
            || self.removes_from_feeds(index, &changes.left)
            || (self.changed_routes.is_none() && self.windows_lose_entries(index));
        let changed = changes.articles;
        self.strip_new_teasers(index, &changed);
        self.mark_stale_entries(index, &changed);
        let mut refresh: BTreeSet<ArticlePath> = std::mem::take(&mut self.ledger_changes);
        let mut dirty_feeds = changes.feeds;
        dirty_feeds.append(&mut self.feeds_to_rebuild);
        let (dirty_feeds, retired_feeds): (Vec<FeedKey>, Vec<FeedKey>) =
            dirty_feeds.into_iter().partition(|key| index.has_feed(key));
        let mut feeds_changed = self.changed_routes.is_none();
        for key in retired_feeds {
            feeds_changed |= self.retire_feed(&key, &mut refresh);
        }
        let mut requests = BTreeSet::new();
        for group in dirty_feeds.chunks(FEEDS_PER_BATCH) {
            self.build_entries(index, group, &mut requests, &mut refresh);
            let mut keys: Vec<FeedKey> = group.to_vec();
            // Repeats without the entries over which encoding panics.
            while !keys.is_empty() {
                let drafts = keys.iter().filter_map(|key| self.draft_feed(index, key, &requests)).collect();
                keys.clear();
                let mut failing: BTreeSet<ArticlePath> = BTreeSet::new();
                for (draft, result) in encode_drafts(index, drafts) {
                    match result {
                        Ok((feed, documents)) => {
                            feeds_changed |= self.publish_feed(index, draft, &feed, documents, &mut refresh);
                        }
                        Err(places) => {
                            failing.extend(places.into_iter().filter_map(|place| draft.shown.get(place).cloned()));
                            keys.push(draft.key);
                        }
                    }
                }
                if failing.iter().filter(|path| self.quarantine_entry(path)).count() == 0 {
                    break;
                }
            }
            self.unpacked.shrink(&mut self.cached_entries);
        }
        self.forget_replaced_entries();
        for path in std::mem::take(&mut self.eviction_candidates) {
            let Some(cached) = self.cached_entries.get(&path).filter(|cached| cached.windows == 0) else { continue };
            // A feed that waits for other entries will show this one too.
            let indexed = index.get(&path);
            if indexed.is_some_and(|indexed| index.feeds_of(indexed).any(|key| self.feeds_to_rebuild.contains(key))) {
                self.eviction_candidates.push(path);
                continue;
            }
            self.source_retention.release(&path, cached.article.hash, self.now);
            self.unpacked.forget(cached);
            self.cached_entries.remove(&path);
        }
        self.record_sources(&mut requests);
        for path in changed.iter().filter(|path| !refresh.contains(*path)).chain(&refresh) {
            let indexed = index.get(path);
            self.note_placement_problems(index, path, indexed);
            self.refresh_article(index, path, indexed);
        }
        self.note_replaced(index);
        let retired = self.retired(index);
        if !retired.is_same(&self.snapshot.retired) {
            self.snapshot.retired = retired;
        }
        if feeds_changed {
            self.note_shared_folders(index);
        }
        self.note_refused_feeds(index);
        self.note_old_folders(index);
        if feeds_changed || self.missing_documents.contains("/feeds.opml") {
            let opml = encode::opml(index.rules(), index.feeds(), &self.feed_titles);
            self.put_document("/feeds.opml".into(), ResourceKind::Opml, opml);
        }
        let shows_feeds = index.rules().config().shows_feeds();
        let has_style = self.snapshot.documents.contains_key(assemble::STYLE_ROUTE);
        match has_style && !self.missing_documents.contains(assemble::STYLE_ROUTE) {
            false if shows_feeds => {
                self.put_document(assemble::STYLE_ROUTE.to_owned(), ResourceKind::Style, Ok(encode::style_sheet()));
            }
            true if !shows_feeds => self.remove_document(assemble::STYLE_ROUTE),
            _ => {}
        }
        self.clear_pending();

        if !requests.is_empty() {
            self.requested_bodies.extend(requests.iter().map(|request| (request.path.clone(), request.hash)));
            effects.push(Effect::Fetch(requests.into_iter().collect()));
        }
        // The first snapshot and the first one after a reload are complete: they wait for the bodies that their feeds show.
        let withholds = withholds || !std::mem::take(&mut self.new_teasers).is_empty();
        let is_urgent = withholds && self.snapshot.generation > 0;
        self.has_urgent_removal = withholds && !is_urgent;
        if self.changed_routes.is_none() && !self.requested_bodies.is_empty() && !is_urgent {
            return;
        }
        self.drop_unused_sources(self.feeds_to_rebuild.is_empty());
        let has_new_report = self.update_report(index);
        let is_unchanged = before.documents.ptr_eq(&self.snapshot.documents)
            && before.shown_articles.ptr_eq(&self.snapshot.shown_articles)
            && before.articles.ptr_eq(&self.snapshot.articles)
            && before.gone.ptr_eq(&self.snapshot.gone)
            && before.retired.is_same(&self.snapshot.retired)
            && before.media.ptr_eq(&self.snapshot.media)
            && Arc::ptr_eq(&before.retired_addresses, &self.snapshot.retired_addresses);
        effects.extend(is_urgent.then_some(Effect::Withhold));
        effects.extend(
            (!self.unwritten_records.is_empty()).then(|| Effect::Persist(std::mem::take(&mut self.unwritten_records))),
        );
        let activity = self.take_activity(index, self.snapshot.generation == 0);
        if is_unchanged && !has_new_report && self.changed_routes.is_some() {
            effects.extend(activity);
            return;
        }
        self.snapshot.generation += 1;
        effects.push(Effect::Swap(Arc::new(self.snapshot.clone())));
        effects.extend(activity);
        effects.extend(self.delivery().map(Effect::Deliver));
    }

    /// Whether an article has a problem with its placement or id.
    fn has_placement_problem(&self, path: &ArticlePath) -> bool {
        let sources = [Source::Placement(path.clone()), Source::Contradiction(path.clone())];
        sources.iter().any(|source| self.problems.has(source))
    }

    /// Updates the problems with an article's placement and id.
    fn note_placement_problems(&mut self, index: &Index, path: &ArticlePath, indexed: Option<&IndexedArticle>) {
        let mut diagnostics = indexed.map(|indexed| index.diagnostics(path, indexed)).unwrap_or_default();
        if !diagnostics.is_empty() {
            let card = self.catalog.get(path).filter(|_| indexed.is_some_and(|indexed| indexed.id().is_none()));
            let card = card.map(|card| card.open(path));
            let is_withheld = card.is_some_and(|card| card.embargo.is_some() || card.draft);
            diagnostics = diagnostics.into_iter().map(|diagnostic| diagnostic.redact_unless(!is_withheld)).collect();
        }
        self.problems.set(Source::Placement(path.clone()), diagnostics);
        let contradiction = indexed.and_then(|_| index.id_conflict(path));
        self.problems.set(Source::Contradiction(path.clone()), contradiction.into_iter().collect());
    }

    /// Collects what a feed's documents show. `None` means that the published documents stay until bodies arrive.
    fn draft_feed(&mut self, index: &Index, key: &FeedKey, requests: &BTreeSet<BodyRequest>) -> Option<FeedDraft> {
        let window: Vec<ArticlePath> = index.window(key).cloned().collect();
        let options = index.rules().feed_options(key);
        let max_bytes = options.window.max_bytes;
        let mut expected = window.len();
        let mut entries = Vec::with_capacity(window.len());
        let mut shown = Vec::with_capacity(window.len());
        let mut is_incomplete = false;
        let mut bytes = 0;
        for path in &window {
            // Further entries can't fit.
            if bytes > max_bytes {
                break;
            }
            let cached = self.cached_entries.get(path).filter(|cached| !self.is_quarantined(path, cached.article.hash));
            let is_failing = self.is_failing(path);
            is_incomplete |= !is_failing && !cached.is_some_and(|cached| self.is_fresh(cached));
            expected -= usize::from(is_failing && cached.is_none());
            // An outdated entry stays until the new version arrives, as long as its article is public.
            if let Some(cached) = cached {
                bytes += cached.least_bytes(options);
                entries.push(cached.parts());
                shown.push(path.clone());
            }
        }
        if is_incomplete {
            self.feeds_to_rebuild.insert(key.clone());
            let published = self.windows.get(key).map(Vec::as_slice).unwrap_or_default();
            // An article that still belongs to this feed has moved, or is too old for the window. It can wait.
            let is_lost = |path: &ArticlePath| {
                (!window.contains(path) && !self.belongs_to_feed(index, path, key)) || self.new_teasers.contains(path)
            };
            let loses_entry = published.iter().any(is_lost);
            let asked: BTreeSet<&ArticlePath> = requests.iter().map(|request| &request.path).collect();
            let is_coming = |path: &ArticlePath| asked.contains(path) || self.requested_bodies.contains_key(path);
            let is_nothing_coming = self.may_request(requests) && !window.iter().any(is_coming);
            // A missing body never delays a removal, and feeds don't wait for unavailable bodies.
            if !loses_entry && !is_nothing_coming {
                return None;
            }
        }
        let route = assemble::route(key);
        let history = self.feed_history(index, key, &route);
        Some(FeedDraft { key: key.clone(), route, entries, shown, history, max_bytes, expected, is_incomplete })
    }

    /// Publishes a feed's new documents. Returns whether the list of feeds changed.
    fn publish_feed(
        &mut self,
        index: &Index,
        draft: FeedDraft,
        feed: &Feed,
        documents: Vec<Document>,
        refresh: &mut BTreeSet<ArticlePath>,
    ) -> bool {
        let FeedDraft { key, route, mut shown, history, expected, is_incomplete, .. } = draft;
        if let Some(updated) = feed.updated.filter(|updated| history.updated != Some(*updated)) {
            self.record(Record::Feed { route: route.as_str().into(), updated });
        }
        shown.truncate(feed.entries.len());
        let mut before = self.windows.get(&key).into_iter().flatten();
        let is_lost = |path: &ArticlePath| {
            self.new_teasers.contains(path) || (!shown.contains(path) && !self.belongs_to_feed(index, path, &key))
        };
        let loses_entry = before.any(is_lost);
        let truncation = encode::truncation_warning(&key, index.rules(), feed, expected).filter(|_| !is_incomplete);
        self.problems.set(Source::Document(format!("{route}#window")), truncation.into_iter().collect());
        let is_new = self.set_window(&key, shown, refresh);
        let is_renamed = self.feed_titles.insert(key.clone(), feed.title.clone()).as_ref() != Some(&feed.title);
        let files = &self.windows.get(&key).cloned().unwrap_or_default();
        let root = Arc::clone(&index.rules().config().parsing.root);
        let place = |position: usize| files.get(position).map(|path| Place::file(&format!("{root}/{path}")));
        let warnings = encode::partner_warnings(&key, index.rules(), feed, self.now, place);
        self.problems.set(Source::Document(format!("{route}#partners")), warnings);
        let shared_media = encode::shared_media(feed, place);
        self.problems.set(Source::Document(format!("{route}#media")), shared_media);
        let mut names = BTreeSet::new();
        let expires = self.first_expiry(&key);
        self.note_sources(&route, files, documents.iter().all(|(.., document)| document.is_ok()));
        for (name, kind, mut document) in documents {
            if let Ok(resource) = &mut document {
                resource.expires = expires;
            }
            if loses_entry {
                self.shrunk_routes.insert(relative(&format!("{route}{name}")));
                // The last good version shows what readers must not see any more.
                if document.is_err() {
                    self.remove_document(&format!("{route}{name}"));
                }
            }
            self.put_document(format!("{route}{name}"), kind, document);
            names.insert(name);
        }
        for stale in self.document_names.insert(key, names.clone()).unwrap_or_default().difference(&names) {
            self.remove_document(&format!("{route}{stale}"));
        }
        is_new || is_renamed
    }

    /// Records which versions of articles a feed's documents show. If one document couldn't be built and an older one stays,
    /// that is unknown.
    fn note_sources(&mut self, route: &str, shown: &[ArticlePath], are_made: bool) {
        let cached = |path| self.cached_entries.get(path).map(|cached: &CachedEntry| Arc::clone(&cached.article));
        let Some(sources) = shown.iter().map(cached).collect::<Option<ShownArticles>>().filter(|_| are_made) else {
            self.snapshot.shown_articles.remove(route);
            return;
        };
        let is_same = |before: &ShownArticles| {
            before.len() == sources.len()
                && before.iter().zip(&*sources).all(|(old, new)| (&old.path, old.hash) == (&new.path, new.hash))
        };
        if !self.snapshot.shown_articles.get(route).is_some_and(is_same) {
            self.snapshot.shown_articles.insert(route.into(), sources);
        }
    }

    /// When the first article that a feed shows expires, according to its file or its published entry.
    fn first_expiry(&self, key: &FeedKey) -> Option<Timestamp> {
        let window = self.windows.get(key).into_iter().flatten();
        let expiries = window.flat_map(|path| {
            let cached = self.cached_entries.get(path);
            // Usually the file and the entry agree.
            let newer = self.catalog.get(path).filter(|_| !cached.is_some_and(|cached| self.is_fresh(cached)));
            [newer.and_then(|card| card.open(path).expires), cached.and_then(|cached| cached.metadata.expires)]
        });
        expiries.flatten().map(Moment::timestamp).min()
    }

    /// Rebuilds a document whose bytes were lost.
    pub(super) fn rebuild_document(&mut self, route: Arc<str>) {
        let folder = route.rfind('/').and_then(|slash| route.get(..=slash)).unwrap_or_default();
        let key = self.document_names.keys().find(|key| assemble::route(key) == folder).cloned();
        self.feeds_to_rebuild.extend(key);
        self.missing_documents.insert(route);
    }

    /// Removes a feed and its documents. Returns whether it was published.
    fn retire_feed(&mut self, key: &FeedKey, refresh: &mut BTreeSet<ArticlePath>) -> bool {
        let was_published = self.windows.contains_key(key);
        self.set_window(key, Vec::new(), refresh);
        self.windows.remove(key);
        self.feed_titles.remove(key);
        let route = assemble::route(key);
        self.snapshot.shown_articles.remove(&*route);
        self.problems.set(Source::Document(format!("{route}#window")), Vec::new());
        self.problems.set(Source::Document(format!("{route}#partners")), Vec::new());
        self.problems.set(Source::Document(format!("{route}#media")), Vec::new());
        for name in self.document_names.remove(key).unwrap_or_default() {
            self.remove_document(&format!("{route}{name}"));
        }
        was_published
    }

    /// Sets the articles that a feed shows. Returns whether the feed is new.
    fn set_window(&mut self, key: &FeedKey, window: Vec<ArticlePath>, refresh: &mut BTreeSet<ArticlePath>) -> bool {
        for path in &window {
            if let Some(cached) = self.cached_entries.get_mut(path) {
                cached.windows += 1;
                if cached.windows == 1 {
                    refresh.insert(path.clone());
                }
            }
        }
        let before = self.windows.insert(key.clone(), window);
        for path in before.iter().flatten() {
            if let Some(cached) = self.cached_entries.get_mut(path) {
                cached.windows = cached.windows.saturating_sub(1);
                if cached.windows == 0 {
                    refresh.insert(path.clone());
                    self.eviction_candidates.push(path.clone());
                }
            }
        }
        before.is_none()
    }

    /// Publishes a document unless it is unchanged. If it couldn't be built, the last good document stays.
    fn put_document(&mut self, route: String, kind: ResourceKind, document: Result<Resource, Diagnostic>) {
        let route: Arc<str> = route.into();
        match document {
            Err(diagnostic) => self.problems.set(Source::Document(route.to_string()), vec![diagnostic]),
            Ok(mut resource) => {
                resource.last_modified = self.last_modified(&route, &resource);
                if let Some(last_modified) = resource.last_modified
                    && self.ledger.document(&route) != Some((resource.hash, last_modified))
                {
                    let (route, hash) = (Arc::clone(&route), resource.hash);
                    self.record(Record::Document { route, hash, last_modified });
                }
                self.problems.set(Source::Document(route.to_string()), Vec::new());
                let is_same = |old: &Arc<Resource>| {
                    old.hash == resource.hash
                        && old.kind == kind
                        && old.last_modified == resource.last_modified
                        && old.max_age == resource.max_age
                        && old.expires == resource.expires
                };
                let is_lost = self.missing_documents.remove(&route);
                if is_lost || !self.snapshot.documents.get(&route).is_some_and(is_same) {
                    self.note_changed_route(&route);
                    let resource = Arc::new(resource);
                    if let Some(keeper) = &self.document_sink {
                        keeper.keep(&resource);
                    }
                    self.snapshot.documents.insert(route, resource);
                }
            }
        }
    }

    /// Removes a document.
    fn remove_document(&mut self, route: &str) {
        self.problems.set(Source::Document(route.to_owned()), Vec::new());
        self.missing_documents.remove(route);
        if self.snapshot.documents.remove(route).is_some() {
            self.note_changed_route(&route.into());
        }
    }

    /// Notes that a document has to be delivered or removed.
    pub(super) fn note_changed_route(&mut self, route: &Arc<str>) {
        if let Some(changed) = &mut self.changed_routes {
            changed.insert(Arc::clone(route));
        }
    }

    /// The changes to deliver since the last swap.
    fn delivery(&mut self) -> Option<Delivery> {
        let changed = self.changed_routes.replace(BTreeSet::new());
        let is_deliverable = |resource: &Arc<Resource>| resource.kind != ResourceKind::Page;
        let is_complete = changed.is_none();
        let mut documents: Vec<(Arc<str>, Option<Arc<Resource>>)> = match changed {
            None => {
                let all = self.snapshot.documents.iter();
                let all = all.filter(|(route, resource)| is_deliverable(resource) && self.is_written(route));
                all.map(|(route, resource)| (relative(route), Some(Arc::clone(resource)))).collect()
            }
            Some(routes) => routes
                .iter()
                .filter(|route| !route.ends_with('/'))
                .map(|route| {
                    let document = self.snapshot.documents.get(route).filter(|_| self.is_written(route));
                    (relative(route), document.cloned())
                })
                .collect(),
        };
        documents.sort_by(|left, right| left.0.cmp(&right.0));
        (is_complete || !documents.is_empty()).then_some(Delivery {
            generation: self.snapshot.generation,
            documents,
            complete: is_complete,
            withheld: std::mem::take(&mut self.shrunk_routes),
            recorded: std::mem::take(&mut self.last_run_documents),
        })
    }

    /// Updates the report. Returns whether it changed.
    fn update_report(&mut self, index: &Index) -> bool {
        let articles = self.catalog.len().saturating_sub(index.hidden_counts().listings);
        let counts = (articles, index.public_count(), index.feeds().count(), index.hidden_counts());
        let old = &self.snapshot.report;
        if !self.problems.take_changed() && counts == (old.articles, old.published, old.feeds, old.hidden) {
            return false;
        }
        let mut problems: Vec<Diagnostic> = self
            .problems
            .iter()
            .map(|(source, diagnostic)| diagnostic.clone().redact_unless(may_quote(source, Some(index))))
            .collect();
        problems.sort();
        let (articles, published, feeds, hidden) = counts;
        self.snapshot.report = Arc::new(Report { articles, published, hidden, feeds, problems });
        true
    }
}

/// The hashes of the documents in a ledger, by the paths under which they are delivered.
pub(super) fn delivered_documents(ledger: &Ledger) -> BTreeMap<Arc<str>, ContentHash> {
    let documents = ledger.documents().filter(|(route, _)| !route.ends_with('/'));
    documents.map(|(route, hash)| (relative(route), hash)).collect()
}

/// A route as a path below the output directory.
fn relative(route: &str) -> Arc<str> {
    route.trim_start_matches('/').into()
}

/// What a feed's documents will show.
struct FeedDraft {
    key: FeedKey,
    route: String,
    entries: Vec<EntryParts>,
    /// The articles of the entries.
    shown: Vec<ArticlePath>,
    history: FeedHistory,
    /// The maximum size of a document, in bytes.
    max_bytes: usize,
    /// The number of entries that the window has room for and that can be shown.
    expected: usize,
    /// Whether some entries are still missing.
    is_incomplete: bool,
}

/// Encodes feeds on all cores. For a feed that couldn't be encoded, the result lists the entries over which encoding panics.
fn encode_drafts(index: &Index, drafts: Vec<FeedDraft>) -> Vec<(FeedDraft, encode::EncodedFeed)> {
    let parts: Vec<&EntryParts> = drafts.iter().flat_map(|draft| &draft.entries).collect();
    let mut entries = EntryParts::entries(&parts).into_iter();
    let requests = drafts.iter().map(|FeedDraft { key, entries: parts, history, max_bytes, .. }| {
        let entries = entries.by_ref().take(parts.len()).collect();
        FeedRequest { key, entries, history, limit: *max_bytes }
    });
    let results = encode::encode_feeds(index.rules(), requests.collect());
    drafts.into_iter().zip(results).collect()
}
