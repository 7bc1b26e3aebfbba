//! Documents that aren't in memory: reads them for requests and deliveries, reports lost ones to the engine, and saves each publication
//! for the next start.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use bytes::Bytes;
use tokio::sync::{mpsc, watch};
use tokio::task::{block_in_place, spawn_blocking};
use tokio::time::{sleep, timeout};

use crate::beneath::Root;
use crate::config::Config;
use crate::deliver::disk::DocumentReader;
use crate::deliver::file_names::file_path;
use crate::event::Event;
use crate::metrics::Metrics;
use crate::snapshot::{Resource, Snapshot};
use crate::store::{self, Documents, Origin};
use crate::watch::verify::RootState;

/// The time between a publication and its save. Saves that take long wait longer, so that they use a twentieth of the time at most.
const MIN_SAVE_DELAY: Duration = Duration::from_secs(1);
const MAX_SAVE_DELAY: Duration = Duration::from_secs(60);
const SAVE_DELAY_PER_DURATION: u32 = 20;
/// The time that readers have to request new documents before memory is freed for the next publication.
const SPARE_MEMORY_DELAY: Duration = Duration::from_millis(20);

/// The snapshot that readers see, and its origin.
#[derive(Clone)]
pub(super) struct Published {
    pub(super) snapshot: Arc<Snapshot>,
    pub(super) origin: Origin,
}

/// Documents on the disk. Lost ones are reported to the engine.
#[derive(Clone)]
pub(super) struct DocumentStore {
    pub(super) documents: Arc<Documents>,
    snapshot: Arc<ArcSwap<Snapshot>>,
    events: mpsc::Sender<Event>,
}

impl DocumentStore {
    pub(super) fn new(
        documents: Arc<Documents>,
        snapshot: &Arc<ArcSwap<Snapshot>>,
        events: &mpsc::Sender<Event>,
    ) -> DocumentStore {
        DocumentStore { documents, snapshot: Arc::clone(snapshot), events: events.clone() }
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
        Documents::open(&config.state, config.server.memory, alternative_path, Arc::clone(metrics))
    }

    /// Reads a document from the disk. The engine is asked to rebuild it if it is lost.
    ///
    /// # Errors
    /// If no file has the document's bytes.
    pub(super) fn read(&self, route: &str, resource: &Arc<Resource>) -> io::Result<Bytes> {
        self.documents.read(route, resource).inspect_err(|error| self.report_missing(route, resource, error))
    }

    /// Saves publications for the next start, each a moment after it was published, and the last one when the sender is dropped.
    /// Also removes unused files.
    pub(super) async fn save_publications(
        self,
        state: PathBuf,
        content: Arc<ArcSwap<Root>>,
        mut published: watch::Receiver<Option<Published>>,
    ) {
        let (mut is_open, mut delay) = (true, MIN_SAVE_DELAY);
        // The device is determined once per content directory, when its first documents are published: the directory is mounted then.
        let mut device: Option<(Arc<Root>, Option<u64>)> = None;
        while is_open && published.changed().await.is_ok() {
            // Publications within the delay are saved together.
            is_open = timeout(delay, published.wait_for(|_| false)).await.is_err();
            let begun = Instant::now();
            let Some(Published { snapshot, mut origin }) = published.borrow_and_update().clone() else { continue };
            let (documents, directory) = (Arc::clone(&self.documents), state.clone());
            let root = content.load_full();
            let known = device.take().filter(|(of, _)| Arc::ptr_eq(of, &root)).map(|(_, device)| device);
            let work = spawn_blocking(move || {
                snapshot.documents.iter().for_each(|(route, resource)| documents.save(route, resource));
                documents.remove_unused_files();
                // Requests have loaded documents since memory was freed last.
                documents.free_spare_memory();
                origin.device = known.unwrap_or_else(|| RootState::of(&root).device());
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

    /// Frees memory for the next publication if one left little, after readers had time to request its documents.
    pub(super) async fn free_spare_memory(self, mut published: watch::Receiver<Option<Published>>) {
        while published.changed().await.is_ok() {
            sleep(SPARE_MEMORY_DELAY).await;
            if !self.documents.needs_spare_memory() {
                continue;
            }
            let documents = Arc::clone(&self.documents);
            // If this fails, the next publication frees memory itself.
            spawn_blocking(move || documents.free_spare_memory()).await.unwrap_or_default();
        }
    }

    /// Adds new documents. May write others to the disk and evict their bytes from memory.
    pub(super) fn store(&self, documents: &[Arc<Resource>]) {
        // The disk may be slow.
        block_in_place(|| documents.iter().for_each(|document| self.documents.insert(document)));
    }

    /// Returns the function that reads documents for deliveries.
    pub(super) fn reader(&self) -> DocumentReader {
        let store = self.clone();
        Box::new(move |path, resource| store.read(&format!("/{path}"), resource))
    }

    fn report_missing(&self, route: &str, resource: &Arc<Resource>, error: &io::Error) {
        let snapshot = self.snapshot.load();
        let is_current = snapshot.documents.get(route).is_some_and(|current| Arc::ptr_eq(current, resource));
        // A replaced document isn't needed any more, and the engine is about to build what replaces those of the previous run.
        if !is_current || snapshot.generation == 0 || !resource.set_missing(true) {
            return;
        }
        // If the engine's queue is full, the next request reports the loss again.
        if self.events.try_send(Event::DocumentMissing(route.into())).is_err() {
            resource.set_missing(false);
            return;
        }
        tracing::error!(
            document = route,
            %error,
            "cannot read a document from the state directory; it is rebuilt, and answered 503 until then; check the disk"
        );
    }
}
