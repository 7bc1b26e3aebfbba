//! Makes the events of feeds, from the journal and the published documents.
//!
//! # Why can't an event show a withheld text?
//!
//! The journal has no texts. The entries of events are those that the feed's published document has at that moment. The text of an entry
//! that the window doesn't show is built as the entry of an archive would be, for the snapshot that readers see. If the journal, the
//! document or any entry was published in another version meanwhile, the events are made again. Clients share events of the same versions
//! only.

use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwap;
use bytes::Bytes;
use quick_cache::sync::Cache;

use super::archives::ArchiveSource;
use super::change_events::{Event, Items, events};
use super::change_log::ChangeLog;
use super::disk::{Disk, DiskRequest, DiskResponse};
use super::document_cache::DocumentCache;
use super::workers::Workers;
use crate::event::Query;
use crate::feed::Format;
use crate::ledger::journal::{JournalChange, JournalRow};
use crate::snapshot::{Resource, ResourceKind, Snapshot};
use crate::types::{ContentHash, EntryId};

/// The file names beside a feed's documents.
const LIST_NAME: &str = "changes.json";
const STREAM_NAME: &str = "changes.stream";
pub(super) const FEED_NAME: &str = "feed.json";

/// The most events in one answer. More follow in the next one.
const MAX_EVENTS: usize = 100;
/// How often a publication may interrupt the making of events before the client has to try again.
const MAX_ATTEMPTS: usize = 4;
/// The most answers and documents that clients share. Each may have the size of a feed's document.
const MAX_SHARED: usize = 16;
/// A request for the changes of a feed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ChangesRequest {
    /// The route of the feed: `/news/`.
    pub(super) feed: Arc<str>,
    pub(super) is_stream: bool,
}

impl ChangesRequest {
    /// The changes that a path names. `None` if there is no such feed in JSON Feed.
    pub(super) fn of(snapshot: &Snapshot, path: &str) -> Option<ChangesRequest> {
        let (feed, name) = path.split_at_checked(path.rfind('/')? + 1)?;
        let is_stream = match name {
            LIST_NAME => false,
            STREAM_NAME => true,
            _ => return None,
        };
        document(snapshot, feed).map(|_| ChangesRequest { feed: feed.into(), is_stream })
    }
}

/// A feed's document in JSON Feed.
fn document<'s>(snapshot: &'s Snapshot, feed: &str) -> Option<(&'s Arc<str>, &'s Arc<Resource>)> {
    let found = snapshot.documents.get_key_value(&*format!("{feed}{FEED_NAME}"));
    let is_json = |kind| matches!(kind, ResourceKind::Feed(Format::Json) | ResourceKind::ShownFeed(Format::Json));
    found.filter(|(_, resource)| is_json(resource.kind))
}

/// The changes of a feed after a row of the journal.
#[derive(Debug)]
pub(super) struct Batch {
    /// `None`: the subscriber has to fetch the feed.
    pub(super) events: Option<Vec<Event>>,
    /// The last row that the events tell of.
    pub(super) last: u64,
    pub(super) has_more: bool,
    /// The events as streams send them.
    pub(super) text: OnceLock<Bytes>,
}

impl Batch {
    /// The subscriber has to fetch the feed, and knows the rows up to `last` then.
    fn reset(last: u64) -> Batch {
        Batch { events: None, last, has_more: false, text: OnceLock::new() }
    }
}

/// Why there is no batch.
#[derive(Debug)]
pub(super) enum NoBatch {
    /// The feed has ended.
    Ended,
    /// The server is busy, or publishing.
    Busy,
}

/// The sources of events, and the batches that clients share.
pub(super) struct ChangeSource<D> {
    pub(super) log: Arc<ChangeLog>,
    snapshot: Arc<ArcSwap<Snapshot>>,
    disk: Arc<D>,
    documents: Arc<DocumentCache>,
    archives: ArchiveSource,
    workers: Arc<Workers>,
    batches: Cache<BatchKey, Arc<Batch>>,
    items: Cache<ContentHash, Arc<Items>>,
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct BatchKey {
    feed: Arc<str>,
    after: u64,
    journaled: u64,
    document: ContentHash,
    entries_version: u64,
}

impl BatchKey {
    fn new(snapshot: &Snapshot, feed: &Arc<str>, after: u64, document: &Resource) -> BatchKey {
        let Snapshot { journaled, entries_version, .. } = *snapshot;
        BatchKey { feed: Arc::clone(feed), after, journaled, document: document.hash, entries_version }
    }
}

impl<D> ChangeSource<D> {
    pub(super) fn new(
        log: Arc<ChangeLog>,
        snapshot: Arc<ArcSwap<Snapshot>>,
        disk: Arc<D>,
        documents: Arc<DocumentCache>,
        archives: ArchiveSource,
        workers: Arc<Workers>,
    ) -> ChangeSource<D> {
        let (batches, items) = (Cache::new(MAX_SHARED), Cache::new(MAX_SHARED));
        ChangeSource { log, snapshot, disk, documents, archives, workers, batches, items }
    }
}

impl<D: Disk> ChangeSource<D> {
    /// Makes the events of a feed after a row. `None`: the subscriber has no position yet.
    pub(super) async fn batch(self: &Arc<Self>, feed: &Arc<str>, after: Option<u64>) -> Result<Arc<Batch>, NoBatch> {
        for _ in 0..MAX_ATTEMPTS {
            let snapshot = self.snapshot.load_full();
            let (route, resource) = document(&snapshot, feed).ok_or(NoBatch::Ended)?;
            let journaled = snapshot.journaled;
            let Some(after) = after.filter(|after| *after <= journaled) else {
                return Ok(Arc::new(Batch::reset(journaled)));
            };
            let key = BatchKey::new(&snapshot, feed, after, resource);
            if let Some(batch) = self.batches.get(&key) {
                return Ok(batch);
            }
            if let Some(batch) = self.new_batch(&key, (route, resource)).await?
                && self.is_current(&key)
            {
                let batch = Arc::new(batch);
                self.batches.insert(key, Arc::clone(&batch));
                return Ok(batch);
            }
        }
        Err(NoBatch::Busy)
    }

    /// Whether readers still see what a batch was made from.
    fn is_current(&self, key: &BatchKey) -> bool {
        let snapshot = self.snapshot.load();
        let now = document(&snapshot, &key.feed);
        now.is_some_and(|(_, resource)| BatchKey::new(&snapshot, &key.feed, key.after, resource) == *key)
    }

    /// `None` if the engine is about to publish something else.
    async fn new_batch(
        self: &Arc<Self>,
        key: &BatchKey,
        (route, resource): (&Arc<str>, &Arc<Resource>),
    ) -> Result<Option<Batch>, NoBatch> {
        let (source, task_key) = (Arc::clone(self), key.clone());
        let (route, resource) = (Arc::clone(route), Arc::clone(resource));
        let work = self.workers.try_submit(move |token| {
            let read = || match (source.disk)(DiskRequest::Document(route, Arc::clone(&resource)), token) {
                Ok(DiskResponse::Document(bytes)) => Some(bytes),
                _ => None,
            };
            let items = source.items.get(&resource.hash).or_else(|| {
                let items = Arc::new(Items::of(&source.documents.bytes(resource.hash).or_else(read)?));
                source.items.insert(resource.hash, Arc::clone(&items));
                Some(items)
            });
            let known = rows_of(&source.log, &task_key).ok().flatten();
            items.map(|items| {
                let events = known.and_then(|(rows, last)| Some((events(&task_key.feed, &rows, &items)?, last)));
                events.map_or_else(
                    || Batch::reset(task_key.journaled),
                    |(events, last)| Batch {
                        events: Some(events),
                        last,
                        has_more: last < task_key.journaled,
                        text: OnceLock::new(),
                    },
                )
            })
        });
        let work = work.map_err(|_| NoBatch::Busy)?.await;
        let mut batch = work.ok().flatten().ok_or(NoBatch::Busy)?;
        let events = batch.events.as_mut().map_or(&mut [][..], Vec::as_mut_slice);
        let missing: Vec<EntryId> = events.iter().filter_map(|event| event.missing.clone()).collect();
        if missing.is_empty() {
            return Ok(Some(batch));
        }
        let BatchKey { feed, journaled, entries_version: version, .. } = key.clone();
        let query = Query::Entries { feed, ids: missing, journaled, version };
        let Some(contents) = self.archives.contents(query).await else { return Ok(None) };
        let source = Arc::clone(self);
        let work = self.workers.try_submit(move |token| {
            match (source.disk)(DiskRequest::Archive(contents, Format::Json), token) {
                Ok(DiskResponse::Page(document, _)) => Items::of(&document.bytes),
                _ => Items::default(),
            }
        });
        let items = work.map_err(|_| NoBatch::Busy)?.await.map_err(|_| NoBatch::Busy)?;
        events.iter_mut().for_each(|event| event.complete(&items));
        Ok(Some(batch))
    }
}

/// The rows that concern a feed, and the number of the last row that was looked at. `None` if the journal doesn't reach back that far.
fn rows_of(log: &ChangeLog, key: &BatchKey) -> std::io::Result<Option<(Vec<Arc<JournalRow>>, u64)>> {
    let concerns_feed = |row: &JournalRow| match &row.change {
        JournalChange::Reset { .. } => true,
        JournalChange::Entry(change) => change.was_in(&key.feed) || change.is_in(&key.feed),
    };
    let (mut found, mut last) = (Vec::new(), key.after);
    while last < key.journaled && found.len() < MAX_EVENTS {
        let Some(rows) = log.rows_between(last, key.journaled)? else { return Ok(None) };
        for row in rows {
            last = row.number;
            if concerns_feed(&row) {
                found.push(row);
            }
            if found.len() == MAX_EVENTS {
                break;
            }
        }
    }
    Ok(Some((found, last)))
}
