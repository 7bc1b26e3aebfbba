//! The document cache: bytes and header fields of the documents that readers request, in each content coding.
//!
//! # What is a cold document?
//!
//! A document whose bytes aren't in this cache. The snapshot has its hash, length and dates, which are enough for a 304 or HEAD. Each
//! content coding is loaded, weighed and evicted separately.
//!
//! # Which documents are evicted first?
//!
//! `quick_cache` decides. Half of the cache is for documents that were requested again, the other half for new ones, so that neither a
//! publication nor a crawler pushes out what readers ask for.
//!
//! # Why can't the cache show a withheld document?
//!
//! A request looks the document up in the snapshot first, and here by the hash that the snapshot states.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use hashbrown::DefaultHashBuilder;
use hyper::Response;
use jiff::Timestamp;
use quick_cache::sync::{Cache, DefaultLifecycle, GuardResult};
use quick_cache::{Lifecycle, OptionsBuilder, UnitWeighter, Weighter};

use super::negotiation::Coding;
use super::representation::{PreparedResponse, SelectedRepresentation};
use crate::metrics::MemoryCounter;
use crate::snapshot::Resource;
use crate::types::ContentHash;

/// The share of the cache for documents that were requested again. A larger document than this share of a shard isn't kept.
const HOT_SHARE: f64 = 0.5;
/// Shards have locks of their own, and are large enough for any feed.
const MIN_SHARD_BYTES: usize = 56_000_000;
const MAX_SHARDS: usize = 16;
/// From this estimate the cache decides how many evicted documents it remembers.
const TYPICAL_BYTES: usize = 16 << 10;
/// Limits the encoded lengths that are remembered.
const MAX_LENGTHS: usize = 1 << 16;

/// The prepared responses of documents. Shared by all connections and by the daemon, which inserts new documents.
pub struct DocumentCache {
    responses: Cache<Key, Arc<PreparedResponse>, ResponseBytes, DefaultHashBuilder, CollectEvicted>,
    /// The encoded lengths of evicted responses, for HEAD.
    lengths: Cache<Key, usize, UnitWeighter, DefaultHashBuilder>,
    memory: MemoryCounter,
    on_eviction: Box<EvictionListener>,
}

/// Called with the hashes of documents whose bytes, as they are, were evicted.
type EvictionListener = dyn Fn(&[ContentHash]) + Send + Sync;

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Key {
    hash: ContentHash,
    coding: Coding,
}

#[derive(Clone)]
struct ResponseBytes;

impl Weighter<Key, Arc<PreparedResponse>> for ResponseBytes {
    fn weight(&self, _: &Key, response: &Arc<PreparedResponse>) -> u64 {
        // Entries without weight are never evicted.
        u64::try_from(response.bytes.len()).unwrap_or(u64::MAX).max(1)
    }
}

#[derive(Clone)]
struct CollectEvicted;

type Evicted = Vec<(Key, Arc<PreparedResponse>)>;

impl Lifecycle<Key, Arc<PreparedResponse>> for CollectEvicted {
    type RequestState = Evicted;

    fn on_evict(&self, evicted: &mut Evicted, key: Key, response: Arc<PreparedResponse>) {
        evicted.push((key, response));
    }
}

impl DocumentCache {
    /// An empty cache. `memory` counts the encoded bytes.
    pub fn new(
        max_bytes: usize,
        memory: MemoryCounter,
        on_eviction: impl Fn(&[ContentHash]) + Send + Sync + 'static,
    ) -> DocumentCache {
        let capacity = u64::try_from(max_bytes).unwrap_or(u64::MAX);
        let items = max_bytes / TYPICAL_BYTES;
        let options = OptionsBuilder::new()
            .estimated_items_capacity(items)
            .weight_capacity(capacity)
            .shards((max_bytes / MIN_SHARD_BYTES).clamp(1, MAX_SHARDS))
            .hot_allocation(HOT_SHARE)
            .build();
        let hasher = DefaultHashBuilder::default;
        let responses = match options {
            Ok(options) => Cache::with_options(options, ResponseBytes, hasher(), CollectEvicted),
            // Only missing options are errors.
            Err(_) => Cache::with(items, capacity, ResponseBytes, hasher(), CollectEvicted),
        };
        let max_lengths = u64::try_from(MAX_LENGTHS).unwrap_or(u64::MAX);
        let lengths = Cache::with(MAX_LENGTHS, max_lengths, UnitWeighter, hasher(), DefaultLifecycle::default());
        DocumentCache { responses, lengths, memory, on_eviction: Box::new(on_eviction) }
    }

    /// Adds the bytes of a document.
    pub fn insert(&self, resource: &Resource, bytes: Bytes) {
        let key = Key { hash: resource.hash, coding: Coding::Identity };
        if self.responses.peek(&key).is_none() {
            let mut evicted = Evicted::new();
            let response = Arc::new(PreparedResponse::new(resource, bytes));
            self.responses.insert_with_lifecycle(key, response, &mut evicted);
            self.handle_evicted(evicted);
        }
    }

    /// The bytes of a document, if they are in memory. Doesn't count as a request.
    pub fn bytes(&self, hash: ContentHash) -> Option<Bytes> {
        self.responses.peek(&Key { hash, coding: Coding::Identity }).map(|response| response.bytes.clone())
    }

    /// Removes a document that isn't published any more.
    pub fn remove(&self, hash: ContentHash) {
        for coding in [Coding::Identity, Coding::Gzip, Coding::Brotli, Coding::Zstd] {
            self.responses.remove(&Key { hash, coding });
            self.lengths.remove(&Key { hash, coding });
        }
    }

    /// The 200, unless that needs blocking work. A HEAD needs it only if the document is in memory, but not in this coding.
    pub(super) fn response(&self, selected: &SelectedRepresentation, now: Timestamp) -> Option<Response<Bytes>> {
        let key = Key { hash: selected.resource.hash, coding: selected.coding };
        if !selected.is_head {
            return self.responses.get(&key).map(|prepared| selected.response(&prepared, now));
        }
        if let Some(prepared) = self.responses.peek(&key) {
            return Some(selected.response(&prepared, now));
        }
        let length = match selected.coding {
            Coding::Identity => Some(selected.resource.length),
            Coding::Gzip | Coding::Brotli | Coding::Zstd => self.lengths.peek(&key),
        };
        let is_encodable = length.is_none() && self.bytes(key.hash).is_some();
        (!is_encodable).then(|| selected.head_without_bytes(length, now))
    }

    /// The 200. `load` supplies the document's bytes if they aren't in memory. Blocks while the document is loaded and encoded, or while
    /// another thread does that. `None` if the bytes are unavailable or the encoder fails.
    pub(super) fn response_or_load(
        &self,
        selected: &SelectedRepresentation,
        load: impl FnOnce() -> Option<Bytes>,
        now: Timestamp,
    ) -> Option<Response<Bytes>> {
        let key = Key { hash: selected.resource.hash, coding: selected.coding };
        let prepared = match self.responses.get_value_or_guard(&key, None) {
            GuardResult::Value(prepared) => prepared,
            GuardResult::Guard(guard) => {
                let identity = self.bytes(key.hash).or_else(load)?;
                let prepared = PreparedResponse::encode(&selected.resource, key.coding, &identity, &self.memory);
                if prepared.is_none() {
                    tracing::error!(coding = ?key.coding, "cannot encode a document");
                }
                let prepared = Arc::new(prepared?);
                let mut evicted = Evicted::new();
                // Fails if the document was removed meanwhile.
                drop(guard.insert_with_lifecycle(Arc::clone(&prepared), &mut evicted));
                self.handle_evicted(evicted);
                prepared
            }
            GuardResult::Timeout => return None,
        };
        Some(selected.response(&prepared, now))
    }

    fn handle_evicted(&self, evicted: Evicted) {
        let mut documents = Vec::new();
        for (key, response) in evicted {
            match key.coding {
                Coding::Identity => documents.push(key.hash),
                Coding::Gzip | Coding::Brotli | Coding::Zstd => self.lengths.insert(key, response.bytes.len()),
            }
        }
        if !documents.is_empty() {
            (self.on_eviction)(&documents);
        }
    }
}

impl fmt::Debug for DocumentCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DocumentCache").field("bytes", &self.responses.weight()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::snapshot::{BuiltDocument, ResourceKind};

    const LENGTH: usize = 1_000;

    fn document(byte: u8) -> BuiltDocument {
        BuiltDocument::new(ResourceKind::Opml, vec![byte; LENGTH], None, 900)
    }

    fn selected(document: &BuiltDocument, coding: Coding, is_head: bool) -> SelectedRepresentation {
        SelectedRepresentation { route: "/".into(), resource: Arc::clone(&document.resource), coding, is_head }
    }

    fn now() -> Timestamp {
        Timestamp::UNIX_EPOCH
    }

    #[test]
    fn requested_documents_stay_in_memory_longest() {
        let evicted = Arc::new(Mutex::new(Vec::new()));
        let listener = Arc::clone(&evicted);
        let cache = DocumentCache::new(10 * LENGTH, MemoryCounter::default(), move |hashes| {
            listener.lock().unwrap().extend_from_slice(hashes);
        });
        let documents: Vec<BuiltDocument> = (0..100).map(document).collect();
        let insert = |document: &BuiltDocument| cache.insert(&document.resource, document.bytes.clone());
        let is_in_memory = |document: &BuiltDocument| cache.bytes(document.resource.hash).is_some();
        for document in &documents {
            insert(document);
            // Readers request two of the documents all the time.
            documents[..2].iter().for_each(|document| {
                cache.response(&selected(document, Coding::Identity, false), now());
            });
        }
        assert!(documents[..2].iter().all(is_in_memory) && is_in_memory(&documents[99]));
        assert!(cache.responses.weight() <= 10_000);
        let mut evicted = std::mem::take(&mut *evicted.lock().unwrap());
        let cold = documents.iter().filter(|document| !is_in_memory(document));
        let mut cold: Vec<ContentHash> = cold.map(|document| document.resource.hash).collect();
        evicted.sort();
        cold.sort();
        assert!(cold.len() >= 90 && evicted == cold, "each eviction is reported once");
        insert(&documents[99]);
        documents.iter().for_each(|document| cache.remove(document.resource.hash));
        assert_eq!(cache.responses.weight(), 0);
    }

    #[test]
    fn concurrent_requests_share_one_load() {
        // The second cache keeps nothing.
        for max_bytes in [1 << 20, 0] {
            let cache = Arc::new(DocumentCache::new(max_bytes, MemoryCounter::default(), |_| {}));
            let bytes = "harbour ".repeat(20_000).into_bytes();
            let document = BuiltDocument::new(ResourceKind::Opml, bytes, None, 900);
            let loads = Arc::new(AtomicUsize::new(0));
            let barrier = Arc::new(std::sync::Barrier::new(8));
            let requests: Vec<_> = (0..8)
                .map(|_| {
                    let (cache, loads, barrier) = (Arc::clone(&cache), Arc::clone(&loads), Arc::clone(&barrier));
                    let (selected, bytes) = (selected(&document, Coding::Brotli, false), document.bytes.clone());
                    std::thread::spawn(move || {
                        barrier.wait();
                        let load = || {
                            loads.fetch_add(1, Ordering::SeqCst);
                            Some(bytes)
                        };
                        cache.response_or_load(&selected, load, now()).unwrap().into_body().len()
                    })
                })
                .collect();
            let lengths: Vec<usize> = requests.into_iter().map(|request| request.join().unwrap()).collect();
            assert!(lengths.iter().all(|length| *length == lengths[0]));
            assert!(max_bytes == 0 || loads.load(Ordering::SeqCst) == 1);
        }
    }

    #[test]
    fn failed_load_is_tried_again() {
        let cache = DocumentCache::new(1 << 20, MemoryCounter::default(), |_| {});
        let document = document(b'x');
        let gzip = selected(&document, Coding::Gzip, false);
        assert!(cache.response_or_load(&gzip, || None, now()).is_none());
        assert!(cache.response(&gzip, now()).is_none());
        assert!(cache.response_or_load(&gzip, || Some(document.bytes.clone()), now()).is_some());
        assert!(cache.response(&gzip, now()).is_some());
    }

    #[test]
    fn head_of_evicted_document_states_its_length() {
        let cache = DocumentCache::new(0, MemoryCounter::default(), |_| {});
        let document = document(b'x');
        let length = |coding| {
            let response = cache.response(&selected(&document, coding, true), now()).unwrap();
            response.headers().get("content-length").map(|length| length.to_str().unwrap().to_owned())
        };
        assert_eq!([length(Coding::Identity), length(Coding::Gzip)], [Some("1000".to_owned()), None]);
        let gzip = selected(&document, Coding::Gzip, false);
        let response = cache.response_or_load(&gzip, || Some(document.bytes.clone()), now()).unwrap();
        assert_eq!(length(Coding::Gzip), Some(response.body().len().to_string()));
        assert_eq!(length(Coding::Brotli), None);
    }
}
