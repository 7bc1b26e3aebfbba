//! Builds and publishes the documents of feeds, and updates the list of articles that each feed shows.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;

use super::parts::entry_cache::{CachedEntry, EntryCache, EntryParts};
use super::parts::problems::Source;
use super::parts::publication::{FeedQueue, Rebuilt};
use super::parts::publisher::{Publisher, relative};
use super::state::State;
use super::{archives, documents, entries, hubs, quarantine, retraction_notices};
use crate::article::Availability;
use crate::build::assemble::FeedHistory;
use crate::build::encode::{Document, FeedRequest};
use crate::build::index::Index;
use crate::build::placement::FeedKey;
use crate::build::{assemble, encode};
use crate::diagnostics::Place;
use crate::event::BodyRequest;
use crate::feed::Feed;
use crate::ledger::Record;
use crate::snapshot::ShownArticles;
use crate::types::{ArticlePath, Moment};

/// The number of feeds built at a time, so that the texts of all feeds are never in memory at once.
const FEEDS_PER_BATCH: usize = 64;

/// Removes feeds that no longer exist. Returns the others.
pub(super) fn retire(state: &mut State, index: &Index, feeds: BTreeSet<FeedKey>, rebuilt: &mut Rebuilt) -> FeedQueue {
    let (current, retired): (Vec<FeedKey>, Vec<FeedKey>) = feeds.into_iter().partition(|key| index.has_feed(key));
    for key in &retired {
        rebuilt.list_changed |= retire_feed(state, index, key, &mut rebuilt.refresh);
    }
    current.into_iter()
}

/// Rebuilds the next batch of feeds. Returns whether there was one.
pub(super) fn rebuild_batch(state: &mut State, index: &Index, queue: &mut FeedQueue, rebuilt: &mut Rebuilt) -> bool {
    let batch: Vec<FeedKey> = queue.take(FEEDS_PER_BATCH).collect();
    let Rebuilt { list_changed, requests, refresh } = rebuilt;
    entries::build(state, index, &batch, requests, refresh);
    *list_changed |= build(state, index, &batch, requests, refresh);
    state.entries.unpacked.shrink(&mut state.entries.cached);
    !batch.is_empty()
}

/// Builds feeds from their entries. Feeds over which encoding panics are built again without the entries that caused it.
/// Returns whether the list of feeds or a title changed.
fn build(
    state: &mut State,
    index: &Index,
    feeds: &[FeedKey],
    requests: &BTreeSet<BodyRequest>,
    refresh: &mut BTreeSet<ArticlePath>,
) -> bool {
    let mut list_changed = false;
    let mut keys = feeds.to_vec();
    while !keys.is_empty() {
        let drafts = keys.iter().filter_map(|key| draft(state, index, key, requests)).collect();
        keys.clear();
        let mut failing: BTreeSet<ArticlePath> = BTreeSet::new();
        let mut has_closed_archive = false;
        for (draft, result) in encode_drafts(index, drafts) {
            match result {
                // The documents have no room for an entry that isn't archived yet. Once it is, they name its archive.
                Ok((feed, _)) if archives::is_behind(state, index, &draft.key, draft.fitting(&feed)) => {
                    archives::close(state, index, &draft.key, draft.fitting(&feed));
                    has_closed_archive = true;
                    keys.push(draft.key);
                }
                Ok((feed, documents)) => {
                    list_changed |= publish(state, index, draft, &feed, documents, refresh);
                }
                Err(positions) => {
                    failing.extend(positions.into_iter().filter_map(|position| draft.shown.get(position).cloned()));
                    keys.push(draft.key);
                }
            }
        }
        let mut has_new_failure = false;
        for path in &failing {
            has_new_failure |= quarantine::add_entry(state, path);
        }
        if !has_new_failure && !has_closed_archive {
            break;
        }
    }
    list_changed
}

/// Collects what a feed's documents will show. `None` means that the published documents stay until bodies arrive.
fn draft(state: &mut State, index: &Index, key: &FeedKey, requests: &BTreeSet<BodyRequest>) -> Option<FeedDraft> {
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
        let cached = state
            .entries
            .cached
            .get(path)
            .filter(|cached| !state.entries.quarantine.contains(path, cached.article.hash));
        let is_failing = quarantine::is_failing(state, path);
        is_incomplete |= !is_failing && !cached.is_some_and(|cached| state.entries.is_fresh(cached));
        expected -= usize::from(is_failing && cached.is_none());
        // An outdated entry stays until the new version arrives, as long as its article is public.
        if let Some(cached) = cached {
            bytes += cached.min_bytes(options);
            entries.push(cached.parts());
            shown.push(path.clone());
        }
    }
    if is_incomplete {
        state.publisher.feeds_to_rebuild.insert(key.clone());
        let requested: BTreeSet<&ArticlePath> = requests.iter().map(|request| &request.path).collect();
        let is_requested = |path| requested.contains(path) || state.bodies.requested.contains_key(path);
        // At the limit of requests, the requests of this feed follow later.
        let is_waiting = !state.bodies.may_request(requests) || window.iter().any(is_requested);
        // A missing body never delays a removal, and feeds don't wait for unavailable bodies.
        if is_waiting && !loses_entry(state, index, key, &window) {
            return None;
        }
    }
    let route = assemble::route(key);
    let archives = archives::close(state, index, key, &shown);
    let hubs = hubs::named(state, index);
    let history = FeedHistory { archives, hubs, ..retraction_notices::feed_history(state, index, key, &route) };
    Some(FeedDraft { key: key.clone(), route, entries, shown, history, max_bytes, expected, is_incomplete })
}

/// Whether a feed that will show `next` loses something that readers must not see any more. An article that still belongs
/// to the feed has moved or is too old for the window, so it doesn't count.
fn loses_entry(state: &State, index: &Index, key: &FeedKey, next: &[ArticlePath]) -> bool {
    let has_left = |path: &ArticlePath| !next.contains(path) && !state.entries.belongs_to_feed(index, path, key);
    let mut published = state.publisher.windows.get(key).into_iter().flatten();
    published.any(|path| state.withholding.reduced_entries.contains(path) || has_left(path))
}

/// Publishes a feed's new documents. Returns whether the feed or its title is new.
fn publish(
    state: &mut State,
    index: &Index,
    draft: FeedDraft,
    feed: &Feed,
    documents: Vec<Document>,
    refresh: &mut BTreeSet<ArticlePath>,
) -> bool {
    let FeedDraft { key, route, mut shown, history, expected, is_incomplete, .. } = draft;
    if let Some(updated) = feed.updated.filter(|updated| history.updated != Some(*updated)) {
        state.record(Record::Feed { route: route.as_str().into(), updated });
    }
    // The documents have no room for the last entries.
    shown.truncate(feed.entries.len());
    let loses_entry = loses_entry(state, index, &key, &shown);
    let truncation = encode::truncation_warning(&key, index.rules(), feed, expected).filter(|_| !is_incomplete);
    state.problems.set(Source::Document(format!("{route}#window")), truncation.into_iter().collect());
    // The list of feeds doesn't have tags and authors without articles.
    let was_empty = state.publisher.windows.get(&key).is_some_and(Vec::is_empty);
    let may_be_unlisted = (was_empty || shown.is_empty()) && !matches!(key, FeedKey::Section(_));
    let is_new = set_window(&mut state.publisher, &mut state.entries, &key, shown.clone(), refresh);
    let is_renamed = state.publisher.feed_titles.insert(key.clone(), feed.title.clone()).as_ref() != Some(&feed.title);
    let config = index.rules().config();
    let place = |position: usize| shown.get(position).map(|path| Place::file(&config.file_name(path)));
    let partner_warnings = encode::partner_warnings(&key, index.rules(), feed, state.now, place);
    state.problems.set(Source::Document(format!("{route}#partners")), partner_warnings);
    let shared_media = encode::shared_media(feed, place);
    state.problems.set(Source::Document(format!("{route}#media")), shared_media);
    let expires = first_expiry(state, &key);
    update_shown_articles(
        &mut state.publisher,
        &state.entries,
        &route,
        &shown,
        documents.iter().all(|(.., document)| document.is_ok()),
    );
    let mut names = BTreeSet::new();
    for (name, kind, mut document) in documents {
        if let Ok(document) = &mut document {
            document.resource_mut().expires = expires;
        }
        if loses_entry {
            state.publisher.shrunk_routes.insert(relative(&format!("{route}{name}")));
            // The last good document shows what readers must not see any more.
            if document.is_err() {
                documents::remove(state, &format!("{route}{name}"));
            }
        }
        documents::put(state, format!("{route}{name}"), kind, document);
        names.insert(name);
    }
    for stale in state.publisher.document_names.insert(key, names.clone()).unwrap_or_default().difference(&names) {
        documents::remove(state, &format!("{route}{stale}"));
    }
    is_new || is_renamed || may_be_unlisted
}

/// Updates which versions of articles a feed's documents show. Unless all documents are `current`, older ones stay and
/// their versions are unknown.
fn update_shown_articles(
    publisher: &mut Publisher,
    entries: &EntryCache,
    route: &str,
    shown: &[ArticlePath],
    current: bool,
) {
    let article = |path| entries.cached.get(path).map(|cached: &CachedEntry| Arc::clone(&cached.article));
    let Some(articles) = shown.iter().map(article).collect::<Option<ShownArticles>>().filter(|_| current) else {
        publisher.snapshot.shown_articles.remove(route);
        return;
    };
    let is_same = |before: &ShownArticles| {
        before.len() == articles.len()
            && before.iter().zip(&*articles).all(|(old, new)| (&old.path, old.hash) == (&new.path, new.hash))
    };
    if !publisher.snapshot.shown_articles.get(route).is_some_and(is_same) {
        publisher.snapshot.shown_articles.insert(route.into(), articles);
    }
}

/// When the first article that a feed shows, or the first picture of one, expires, according to its file or its published entry.
fn first_expiry(state: &State, key: &FeedKey) -> Option<Timestamp> {
    let window = state.publisher.windows.get(key).into_iter().flatten();
    let expiries = window.flat_map(|path| {
        let cached = state.entries.cached.get(path);
        // The file of a fresh entry has the same date.
        let newer = state.catalog.get(path).filter(|_| !cached.is_some_and(|cached| state.entries.is_fresh(cached)));
        let newer = newer.map(|card| card.open(path));
        let terms = newer.iter().flat_map(|card| &card.terms);
        let terms: Vec<_> = terms.chain(cached.into_iter().flat_map(|cached| &cached.metadata.terms)).collect();
        let ends = terms.into_iter().filter_map(|terms| match terms.availability {
            Availability::Period { until, .. } => until.map(Moment::timestamp).filter(|until| *until > state.now),
            Availability::Withheld | Availability::Killed => None,
        });
        let ends: Vec<Timestamp> = ends.collect();
        let of_article = [newer.and_then(|card| card.expires), cached.and_then(|cached| cached.metadata.expires)];
        of_article.into_iter().flatten().map(Moment::timestamp).chain(ends).collect::<Vec<_>>()
    });
    expiries.min()
}

/// Removes a feed and its documents. Returns whether it was published.
fn retire_feed(state: &mut State, index: &Index, key: &FeedKey, refresh: &mut BTreeSet<ArticlePath>) -> bool {
    let was_published = state.publisher.windows.contains_key(key);
    set_window(&mut state.publisher, &mut state.entries, key, Vec::new(), refresh);
    state.publisher.windows.remove(key);
    archives::retire(state, index, key);
    state.publisher.feed_titles.remove(key);
    let route = assemble::route(key);
    state.publisher.snapshot.shown_articles.remove(&*route);
    for part in ["window", "partners", "media"] {
        state.problems.set(Source::Document(format!("{route}#{part}")), Vec::new());
    }
    for name in state.publisher.document_names.remove(key).unwrap_or_default() {
        documents::remove(state, &format!("{route}{name}"));
    }
    was_published
}

/// Sets the articles that a feed shows. Returns whether the feed is new.
fn set_window(
    publisher: &mut Publisher,
    entries: &mut EntryCache,
    key: &FeedKey,
    window: Vec<ArticlePath>,
    refresh: &mut BTreeSet<ArticlePath>,
) -> bool {
    for path in &window {
        if let Some(cached) = entries.cached.get_mut(path) {
            cached.windows += 1;
            if cached.windows == 1 {
                refresh.insert(path.clone());
            }
        }
    }
    let before = publisher.windows.insert(key.clone(), window);
    for path in before.iter().flatten() {
        if let Some(cached) = entries.cached.get_mut(path) {
            cached.windows = cached.windows.saturating_sub(1);
            if cached.windows == 0 {
                refresh.insert(path.clone());
                entries.eviction_candidates.push(path.clone());
            }
        }
    }
    before.is_none()
}

/// The entries that a feed's documents will show.
struct FeedDraft {
    key: FeedKey,
    route: String,
    entries: Vec<EntryParts>,
    /// The articles of the entries.
    shown: Vec<ArticlePath>,
    history: FeedHistory,
    /// The maximum size of a document, in bytes.
    max_bytes: usize,
    /// The number of entries in the window that can be built. Documents with fewer are truncated.
    expected: usize,
    /// Whether some entries are still missing.
    is_incomplete: bool,
}

impl FeedDraft {
    /// The articles for which documents have room.
    fn fitting(&self, feed: &Feed) -> &[ArticlePath] {
        self.shown.get(..feed.entries.len()).unwrap_or(&self.shown)
    }
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
