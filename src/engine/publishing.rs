//! From what changed to what readers see: feeds, documents, the snapshot, and what targets and the shell must do. Long because the
//! steps of one publication share what was changed.

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

/// So many feeds are made at a time, so that not all their texts are in memory at once.
const FEEDS_PER_BATCH: usize = 64;
/// So many files are asked for at a time, for the same reason.
pub(super) const MAX_REQUESTED_BODIES: usize = 4_096;

impl Engine {
    /// Makes anew what changed, and swaps once.
    pub(super) fn publish(&mut self, effects: &mut Vec<Effect>, persist: Option<&mut dyn FnMut(Vec<Record>)>) {
        let Some(mut index) = self.index.take() else { return };
        if self.listed && !self.missing.is_loading_stored() {
            /// Records of articles that are handed on together: those of a whole archive are not in memory at once.
            const MAX_BATCHED_RECORDS: usize = 16_384;
            const MIN_EARLY_RECORDS: usize = 1_024;
            self.admit_feeds(&mut index);
            let mut changes = index.take_changes();
            self.drop_unaffected(&index, &mut changes.articles);
            let mut persist = persist;
            let has_pages = self.has_pages(&index);
            changes.articles.retain(|path| {
                let is_told = self.record_published(&mut index, path, &changes.left);
                if let Some(persist) = persist.as_mut().filter(|_| self.unwritten_records.len() >= MAX_BATCHED_RECORDS)
                {
                    persist(std::mem::take(&mut self.unwritten_records));
                }
                // As nearly all of an archive are at first.
                has_pages || !is_told || self.has_placement_problem(path) || self.is_shown(path)
            });
            self.record_retractions(&index, &changes);
            // A few are written with what follows from them.
            if let Some(persist) = persist.filter(|_| self.unwritten_records.len() >= MIN_EARLY_RECORDS) {
                persist(std::mem::take(&mut self.unwritten_records));
            }
            let retold = self.ledger.take_retold();
            if !retold.is_empty() {
                let keys = index.feeds().filter(|key| retold.contains(assemble::route(key).as_str()));
                self.feeds_to_rebuild.extend(keys.cloned());
            }
            self.publish_changes(&index, changes, effects);
        }
        self.index = Some(index);
    }

    /// Leaves out of the changed articles those of which nothing is to be remembered or shown: after a reload nearly all of an archive,
    /// and to ask where each of them stands takes longer than all the rest. After a start they were left out when they were indexed.
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
        let mut dirty = changes.feeds;
        dirty.append(&mut self.feeds_to_rebuild);
        let (dirty, ended): (Vec<FeedKey>, Vec<FeedKey>) = dirty.into_iter().partition(|key| index.has_feed(key));
        let mut feeds_changed = self.changed_routes.is_none();
        for key in ended {
            feeds_changed |= self.retire_feed(&key, &mut refresh);
        }
        let mut requests = BTreeSet::new();
        for group in dirty.chunks(FEEDS_PER_BATCH) {
            self.build_entries(index, group, &mut requests, &mut refresh);
            let mut keys: Vec<FeedKey> = group.to_vec();
            // Until dateline does not fail over any entry.
            while !keys.is_empty() {
                let drafts = keys.iter().filter_map(|key| self.draft_feed(index, key, &requests)).collect();
                keys.clear();
                let mut failing: BTreeSet<ArticlePath> = BTreeSet::new();
                for (draft, made) in encode_drafts(index, drafts) {
                    match made {
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
            // A feed that still waits for other entries has it in its window as soon as they are there.
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
        let styled = index.rules().config().shows_feeds();
        let has_style = self.snapshot.documents.contains_key(assemble::STYLE_ROUTE);
        match has_style && !self.missing_documents.contains(assemble::STYLE_ROUTE) {
            false if styled => {
                self.put_document(assemble::STYLE_ROUTE.to_owned(), ResourceKind::Style, Ok(encode::style_sheet()));
            }
            true if !styled => self.remove_document(assemble::STYLE_ROUTE),
            _ => {}
        }
        self.clear_pending();

        if !requests.is_empty() {
            self.requested_bodies.extend(requests.iter().map(|request| (request.path.clone(), request.hash)));
            effects.push(Effect::Fetch(requests.into_iter().collect()));
        }
        // The first snapshot and that of a reload are whole: they wait for the bodies that their windows need.
        let withholds = withholds || !std::mem::take(&mut self.new_teasers).is_empty();
        let urgent = withholds && self.snapshot.generation > 0;
        self.has_urgent_removal = withholds && !urgent;
        if self.changed_routes.is_none() && !self.requested_bodies.is_empty() && !urgent {
            return;
        }
        self.drop_unused_sources(self.feeds_to_rebuild.is_empty());
        let reported = self.update_report(index);
        let same = before.documents.ptr_eq(&self.snapshot.documents)
            && before.shown_articles.ptr_eq(&self.snapshot.shown_articles)
            && before.articles.ptr_eq(&self.snapshot.articles)
            && before.gone.ptr_eq(&self.snapshot.gone)
            && before.retired.is_same(&self.snapshot.retired)
            && before.media.ptr_eq(&self.snapshot.media)
            && Arc::ptr_eq(&before.retired_addresses, &self.snapshot.retired_addresses);
        effects.extend(urgent.then_some(Effect::Withhold));
        effects.extend(
            (!self.unwritten_records.is_empty()).then(|| Effect::Persist(std::mem::take(&mut self.unwritten_records))),
        );
        let activity = self.take_activity(index, self.snapshot.generation == 0);
        if same && !reported && self.changed_routes.is_some() {
            effects.extend(activity);
            return;
        }
        self.snapshot.generation += 1;
        effects.push(Effect::Swap(Arc::new(self.snapshot.clone())));
        effects.extend(activity);
        effects.extend(self.delivery().map(Effect::Deliver));
    }

    /// Whether anything was odd about where an article stands.
    fn has_placement_problem(&self, path: &ArticlePath) -> bool {
        let sources = [Source::Placement(path.clone()), Source::Contradiction(path.clone())];
        sources.iter().any(|source| self.problems.has(source))
    }

    /// Notes what is odd about where an article stands.
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

    /// What a feed is to show; `None`: what readers have of it stays until bodies have arrived.
    fn draft_feed(&mut self, index: &Index, key: &FeedKey, requests: &BTreeSet<BodyRequest>) -> Option<FeedDraft> {
        let window: Vec<ArticlePath> = index.window(key).cloned().collect();
        let options = index.rules().feed_options(key);
        let limit = options.window.max_bytes;
        let mut expected = window.len();
        let mut entries = Vec::with_capacity(window.len());
        let mut shown = Vec::with_capacity(window.len());
        let mut missing = false;
        let mut bytes = 0;
        for path in &window {
            // What follows could not fit, whatever it is.
            if bytes > limit {
                break;
            }
            let cached = self.cached_entries.get(path).filter(|cached| !self.is_quarantined(path, cached.article.hash));
            let is_failing = self.is_failing(path);
            missing |= !is_failing && !cached.is_some_and(|cached| self.is_fresh(cached));
            expected -= usize::from(is_failing && cached.is_none());
            // Of what is not fresh, that which readers have stays until its new version is there, as long as it is public at all.
            if let Some(cached) = cached {
                bytes += cached.least_bytes(options);
                entries.push(cached.parts());
                shown.push(path.clone());
            }
        }
        if missing {
            self.feeds_to_rebuild.insert(key.clone());
            let published = self.windows.get(key).map(Vec::as_slice).unwrap_or_default();
            // What still belongs to this feed was moved, or is too old for its window: it can wait.
            let is_lost = |path: &ArticlePath| {
                (!window.contains(path) && !self.belongs_to_feed(index, path, key)) || self.new_teasers.contains(path)
            };
            let loses_entry = published.iter().any(is_lost);
            let asked: BTreeSet<&ArticlePath> = requests.iter().map(|request| &request.path).collect();
            let is_coming = |path: &ArticlePath| asked.contains(path) || self.requested_bodies.contains_key(path);
            let is_nothing_coming = self.may_ask(requests) && !window.iter().any(is_coming);
            // A missing body never delays a removal, and nothing waits for a body that cannot be had.
            if !loses_entry && !is_nothing_coming {
                return None;
            }
        }
        let route = assemble::route(key);
        let history = self.feed_history(index, key, &route);
        Some(FeedDraft { key: key.clone(), route, entries, shown, history, limit, expected, missing })
    }

    /// Puts a feed's new documents in their places. Says whether the list of feeds changed by it.
    fn publish_feed(
        &mut self,
        index: &Index,
        draft: FeedDraft,
        feed: &Feed,
        documents: Vec<Document>,
        refresh: &mut BTreeSet<ArticlePath>,
    ) -> bool {
        let FeedDraft { key, route, mut shown, history, expected, missing, .. } = draft;
        if let Some(updated) = feed.updated.filter(|updated| history.updated != Some(*updated)) {
            self.record(Record::Feed { route: route.as_str().into(), updated });
        }
        shown.truncate(feed.entries.len());
        let mut before = self.windows.get(&key).into_iter().flatten();
        let is_lost = |path: &ArticlePath| {
            self.new_teasers.contains(path) || (!shown.contains(path) && !self.belongs_to_feed(index, path, &key))
        };
        let loses_entry = before.any(is_lost);
        let cut = encode::truncation_warning(&key, index.rules(), feed, expected).filter(|_| !missing);
        self.problems.set(Source::Document(format!("{route}#window")), cut.into_iter().collect());
        let new = self.set_window(&key, shown, refresh);
        let renamed = self.feed_titles.insert(key.clone(), feed.title.clone()).as_ref() != Some(&feed.title);
        let files = &self.windows.get(&key).cloned().unwrap_or_default();
        let root = Arc::clone(&index.rules().config().parsing.root);
        let place = |position: usize| files.get(position).map(|path| Place::file(&format!("{root}/{path}")));
        let warnings = encode::partner_warnings(&key, index.rules(), feed, self.now, place);
        self.problems.set(Source::Document(format!("{route}#partners")), warnings);
        let shared = encode::shared_media(feed, place);
        self.problems.set(Source::Document(format!("{route}#media")), shared);
        let mut names = BTreeSet::new();
        let until = self.first_expiry(&key);
        self.note_sources(&route, files, documents.iter().all(|(.., document)| document.is_ok()));
        for (name, kind, mut document) in documents {
            if let Ok(resource) = &mut document {
                resource.expires = until;
            }
            if loses_entry {
                self.shrunk_routes.insert(relative(&format!("{route}{name}")));
                // Its last good version shows what readers must not see any more.
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
        new || renamed
    }

    /// Notes which versions of articles a feed's documents show. Where one of the documents could not be made and an older one stays,
    /// nobody knows that.
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

    /// When the first article of a feed's window expires, by what its file says and by what readers have of it.
    fn first_expiry(&self, key: &FeedKey) -> Option<Timestamp> {
        let window = self.windows.get(key).into_iter().flatten();
        let said = window.flat_map(|path| {
            let cached = self.cached_entries.get(path);
            // Mostly they are the same.
            let newer = self.catalog.get(path).filter(|_| !cached.is_some_and(|cached| self.is_fresh(cached)));
            [newer.and_then(|card| card.open(path).expires), cached.and_then(|cached| cached.metadata.expires)]
        });
        said.flatten().map(Moment::timestamp).min()
    }

    /// Has documents made anew whose bytes were lost.
    pub(super) fn rebuild_document(&mut self, route: Arc<str>) {
        let folder = route.rfind('/').and_then(|slash| route.get(..=slash)).unwrap_or_default();
        let key = self.document_names.keys().find(|key| assemble::route(key) == folder).cloned();
        self.feeds_to_rebuild.extend(key);
        self.missing_documents.insert(route);
    }

    /// Takes a feed's documents away.
    fn retire_feed(&mut self, key: &FeedKey, refresh: &mut BTreeSet<ArticlePath>) -> bool {
        let known = self.windows.contains_key(key);
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
        known
    }

    /// Notes which articles a window holds now. Says whether the feed is new.
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

    /// Puts a document in its place, unless the same bytes are there; a refused one leaves the last good in place.
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
                let same = |old: &Arc<Resource>| {
                    old.hash == resource.hash
                        && old.kind == kind
                        && old.last_modified == resource.last_modified
                        && old.max_age == resource.max_age
                        && old.expires == resource.expires
                };
                let is_lost = self.missing_documents.remove(&route);
                if is_lost || !self.snapshot.documents.get(&route).is_some_and(same) {
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

    fn remove_document(&mut self, route: &str) {
        self.problems.set(Source::Document(route.to_owned()), Vec::new());
        self.missing_documents.remove(route);
        if self.snapshot.documents.remove(route).is_some() {
            self.note_changed_route(&route.into());
        }
    }

    pub(super) fn note_changed_route(&mut self, route: &Arc<str>) {
        if let Some(changed) = &mut self.changed_routes {
            changed.insert(Arc::clone(route));
        }
    }

    /// What targets have to do since the last swap.
    fn delivery(&mut self) -> Option<Delivery> {
        let changed = self.changed_routes.replace(BTreeSet::new());
        let deliverable = |resource: &Arc<Resource>| resource.kind != ResourceKind::Page;
        let complete = changed.is_none();
        let mut documents: Vec<(Arc<str>, Option<Arc<Resource>>)> = match changed {
            None => {
                let all = self.snapshot.documents.iter();
                let all = all.filter(|(route, resource)| deliverable(resource) && self.is_written(route));
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
        (complete || !documents.is_empty()).then_some(Delivery {
            generation: self.snapshot.generation,
            documents,
            complete,
            withheld: std::mem::take(&mut self.shrunk_routes),
            recorded: std::mem::take(&mut self.last_run_documents),
        })
    }

    /// Renews the report. Says whether it changed.
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

/// The versions of documents that a ledger knows, by the paths that they are delivered under.
pub(super) fn delivered_documents(ledger: &Ledger) -> BTreeMap<Arc<str>, ContentHash> {
    let documents = ledger.documents().filter(|(route, _)| !route.ends_with('/'));
    documents.map(|(route, hash)| (relative(route), hash)).collect()
}

/// A route as targets know it.
fn relative(route: &str) -> Arc<str> {
    route.trim_start_matches('/').into()
}

/// What a feed is to show.
struct FeedDraft {
    key: FeedKey,
    route: String,
    entries: Vec<EntryParts>,
    /// Where these are from.
    shown: Vec<ArticlePath>,
    history: FeedHistory,
    /// The most that a document may have (bytes).
    limit: usize,
    /// How many entries its window has.
    expected: usize,
    /// Whether some of them are still to come.
    missing: bool,
}

/// Makes the documents of feeds, on all cores; or says over which of a feed's entries dateline fails.
fn encode_drafts(index: &Index, drafts: Vec<FeedDraft>) -> Vec<(FeedDraft, encode::EncodedFeed)> {
    let parts: Vec<&EntryParts> = drafts.iter().flat_map(|draft| &draft.entries).collect();
    let mut entries = EntryParts::entries(&parts).into_iter();
    let expected = drafts.iter().map(|FeedDraft { key, entries: parts, history, limit, .. }| {
        let entries = entries.by_ref().take(parts.len()).collect();
        FeedRequest { key, entries, history, limit: *limit }
    });
    let made = encode::encode_feeds(index.rules(), expected.collect());
    drafts.into_iter().zip(made).collect()
}
