//! Keeps the bytes of documents: supplies them to requests and deliveries, reports lost ones to the engine, and saves each publication for
//! the next start.
//!
//! `serve::DocumentCache` decides which documents are in memory, within `server.memory`. `store::Documents` has the bytes that are in no
//! file yet, and saves those that the cache evicted.

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use bytes::Bytes;
use tokio::sync::{mpsc, watch};
use tokio::task::spawn_blocking;
use tokio::time::{sleep, timeout};

use crate::beneath::Roots;
use crate::config::Config;
use crate::deliver::disk::DocumentReader;
use crate::deliver::file_names::file_path;
use crate::event::Event;
use crate::metrics::Metrics;
use crate::serve::DocumentCache;
use crate::snapshot::{BuiltDocument, Resource, Snapshot};
use crate::store::{self, Documents, Origin};
use crate::types::ContentHash;
use crate::watch::verify::RootState;

/// The time between a publication and its save. Saves that take long wait longer, so that they use a twentieth of the time at most.
const MIN_SAVE_DELAY: Duration = Duration::from_secs(1);
const MAX_SAVE_DELAY: Duration = Duration::from_secs(60);
const SAVE_DELAY_PER_DURATION: u32 = 20;
/// The time that readers have to request new documents before evicted ones are saved.
const SAVE_EVICTED_DELAY: Duration = Duration::from_millis(20);
/// An eighth of `server.memory` is for evicted documents that wait to be saved, so that publications and requests seldom wait for the disk.
/// The cache has the rest.
const EVICTED_DIVISOR: usize = 8;

/// The snapshot that readers see, and its origin.
#[derive(Clone)]
pub(super) struct Published {
    pub(super) snapshot: Arc<Snapshot>,
    pub(super) origin: Origin,
}

/// The documents in memory and on the disk. Lost ones are reported to the engine.
#[derive(Clone)]
pub(super) struct DocumentStore {
    documents: Arc<Documents>,
    cache: Arc<DocumentCache>,
    /// Limits the memory of evicted documents that wait to be saved.
    max_evicted_bytes: usize,
    /// Lost documents that were reported, by route.
    reported: Arc<Mutex<HashMap<Arc<str>, Weak<Resource>>>>,
    snapshot: Arc<ArcSwap<Snapshot>>,
    events: mpsc::Sender<Event>,
}

impl DocumentStore {
    pub(super) fn new(
        documents: Documents,
        max_memory_bytes: usize,
        metrics: &Metrics,
        snapshot: &Arc<ArcSwap<Snapshot>>,
        events: &mpsc::Sender<Event>,
    ) -> DocumentStore {
        let documents = Arc::new(documents);
        let max_evicted_bytes = max_memory_bytes / EVICTED_DIVISOR;
        let max_cache_bytes = max_memory_bytes.saturating_sub(max_evicted_bytes);
        let evicted = Arc::clone(&documents);
        let on_eviction = move |hashes: &[ContentHash]| evicted.note_evicted(hashes);
        let cache = Arc::new(DocumentCache::new(max_cache_bytes, metrics.document_memory.clone(), on_eviction));
        let (snapshot, events) = (Arc::clone(snapshot), events.clone());
        DocumentStore { documents, cache, max_evicted_bytes, reported: Arc::default(), snapshot, events }
    }

    /// The documents in memory, for requests.
    pub(super) fn cache(&self) -> Arc<DocumentCache> {
        Arc::clone(&self.cache)
    }

    /// Opens the saved documents. Feeds may also be read from the output directory.
    ///
    /// # Errors
    /// As [`Documents::open`].
    pub(super) fn open_documents(config: &Config, metrics: &Arc<Metrics>) -> io::Result<Documents> {
        let output = config.output.clone();
        let alternative_path = Box::new(move |route: &str| {
            let directory = output.as_ref().filter(|_| !route.ends_with('/'))?;
            Some(file_path(directory, route.trim_start_matches('/')))
        });
        Documents::open(&config.state, alternative_path, Arc::clone(metrics))
    }

    /// Reads a document that isn't in the cache. The engine is asked to rebuild it if it is lost.
    ///
    /// # Errors
    /// If no file has the document's bytes.
    pub(super) fn read(&self, route: &str, resource: &Arc<Resource>) -> io::Result<Bytes> {
        self.documents.read(route, resource).inspect_err(|error| self.report_missing(route, resource, error))
    }

    /// Saves publications for the next start, each a moment after it was published, and the last one when the sender is dropped.
    /// Also removes unused documents.
    pub(super) async fn save_publications(
        self,
        state: PathBuf,
        roots: Arc<ArcSwap<Roots>>,
        mut published: watch::Receiver<Option<Published>>,
    ) {
        let (mut is_open, mut delay) = (true, MIN_SAVE_DELAY);
        // The device is determined once per content directory, when its first documents are published: the directory is mounted then.
        let mut device: Option<(Arc<Roots>, Option<u64>)> = None;
        while is_open && published.changed().await.is_ok() {
            // Publications within the delay are saved together.
            is_open = timeout(delay, published.wait_for(|_| false)).await.is_err();
            let begun = Instant::now();
            let Some(Published { snapshot, mut origin }) = published.borrow_and_update().clone() else { continue };
            let (documents, cache, directory) = (Arc::clone(&self.documents), self.cache(), state.clone());
            let root = roots.load_full();
            let known = device.take().filter(|(of, _)| Arc::ptr_eq(of, &root)).map(|(_, device)| device);
            let work = spawn_blocking(move || {
                snapshot.documents.iter().for_each(|(route, resource)| documents.save(route, resource));
                let unused = documents.remove_unused();
                unused.iter().for_each(|hash| cache.remove(*hash));
                // Some may have come back meanwhile.
                documents.note_evicted(&unused);
                // Requests have loaded documents since the publication, and evicted others.
                documents.save_evicted(0);
                origin.device = known.unwrap_or_else(|| RootState::of(root.content()).device());
                let saved = store::save_published_list(&directory, &snapshot, &origin);
                (saved, (root, origin.device))
            });
            let saved = match work.await {
                Ok((saved, known)) => {
                    device = Some(known);
                    saved
                }
                Err(error) => Err(io::Error::other(error)),
            };
            if let Err(error) = saved {
                tracing::warn!(
                    state = %state.display(),
                    %error,
                    "cannot save the list of documents, so the next start answers 503 until all articles are read; check free space and permissions"
                );
            }
            delay = begun.elapsed().saturating_mul(SAVE_DELAY_PER_DURATION).clamp(MIN_SAVE_DELAY, MAX_SAVE_DELAY);
        }
    }

    /// Saves the documents that a publication evicted, after readers had time to request its documents.
    pub(super) async fn save_evicted_documents(self, mut published: watch::Receiver<Option<Published>>) {
        while published.changed().await.is_ok() {
            sleep(SAVE_EVICTED_DELAY).await;
            let documents = Arc::clone(&self.documents);
            // If this fails, the next publication tries again.
            spawn_blocking(move || documents.save_evicted(0)).await.unwrap_or_default();
        }
    }

    /// Adds new documents, which may evict others. Doesn't wait for the disk.
    pub(super) fn add(&self, documents: Vec<BuiltDocument>) {
        for document in documents {
            let resource = Arc::clone(&document.resource);
            let bytes = self.documents.add(document);
            self.cache.insert(&resource, bytes);
        }
    }

    /// Whether evicted documents take too much memory until they are saved.
    pub(super) fn has_excess(&self) -> bool {
        self.documents.evicted_bytes() > self.max_evicted_bytes
    }

    /// Saves evicted documents if they take too much memory.
    pub(super) fn limit_evicted(&self) {
        self.documents.save_evicted(self.max_evicted_bytes);
    }

    /// Returns the function that reads documents for deliveries.
    pub(super) fn reader(&self) -> DocumentReader {
        let store = self.clone();
        Box::new(move |path, resource| match store.cache.bytes(resource.hash) {
            Some(bytes) => Ok(bytes),
            None => store.read(&format!("/{path}"), resource),
        })
    }

    /// Keeps copies of agencies' pictures, after each publication that changes them.
    pub(super) async fn keep_media(
        config: Arc<ArcSwap<Config>>,
        content: Arc<ArcSwap<Roots>>,
        mut published: watch::Receiver<Option<Published>>,
    ) {
        // Not the whole snapshot, which would keep its documents in memory.
        let mut last = None;
        while published.changed().await.is_ok() {
            let media = published.borrow_and_update().as_ref().map(|published| published.snapshot.kept_media.clone());
            let Some(media) = media else { continue };
            if last.as_ref().is_some_and(|last| media.ptr_eq(last)) {
                continue;
            }
            last = Some(media.clone());
            let (config, root, begun) = (config.load_full(), content.load_full(), Instant::now());
            let work = move || store::keep_media(&config.state, &root, media.values(), config.max_kept);
            match spawn_blocking(work).await.map_err(io::Error::other).flatten() {
                Ok(0) => {}
                Ok(pictures) => {
                    tracing::warn!(pictures, "not all pictures of agencies' stories are kept; raise `state.max_kept`");
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot keep the pictures of agencies' stories; check free space and permissions");
                    last = None;
                }
            }
            // Every picture is looked at, so thousands of them take a while.
            sleep(begun.elapsed().saturating_mul(SAVE_DELAY_PER_DURATION).min(MAX_SAVE_DELAY)).await;
        }
    }

    fn report_missing(&self, route: &str, resource: &Arc<Resource>, error: &io::Error) {
        let snapshot = self.snapshot.load();
        let is_current = snapshot.documents.get(route).is_some_and(|current| Arc::ptr_eq(current, resource));
        // A replaced document isn't needed any more, and the engine is about to build what replaces those of the previous run.
        if !is_current || snapshot.generation == 0 {
            return;
        }
        let mut reported = self.reported.lock().unwrap_or_else(PoisonError::into_inner);
        reported.retain(|_, document| document.strong_count() > 0);
        if reported.get(route).is_some_and(|known| std::ptr::eq(known.as_ptr(), Arc::as_ptr(resource))) {
            return;
        }
        // If the engine's queue is full, the next request reports the loss again.
        if self.events.try_send(Event::DocumentMissing(route.into())).is_err() {
            return;
        }
        reported.insert(route.into(), Arc::downgrade(resource));
        drop(reported);
        tracing::error!(
            document = route,
            %error,
            "cannot read a document from the state directory; it is rebuilt, and answered 503 until then; check the disk"
        );
    }
}
