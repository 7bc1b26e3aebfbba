//! The documents that are not in memory: how requests and deliveries come by them, and what follows where they cannot be read.

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

/// How long after a publication it is written down; longer where that takes long, so that it takes a twentieth of the time.
const PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// How long after a publication room is made for the next.
const READERS_FIRST: Duration = Duration::from_millis(20);
/// After so many records of articles, some four megabytes, the ledger's log is taken in.
const TIDY_AFTER: i64 = 400;

/// What readers see, and what it was made of.
#[derive(Clone)]
pub(super) struct Published {
    pub(super) snapshot: Arc<Snapshot>,
    pub(super) origin: Origin,
}

/// Documents on the disk, and whom to tell of those that are lost.
#[derive(Clone)]
pub(super) struct Library {
    pub(super) documents: Arc<Documents>,
    snapshot: Arc<ArcSwap<Snapshot>>,
    events: mpsc::Sender<Event>,
}

impl Library {
    pub(super) fn new(
        documents: Arc<Documents>,
        snapshot: &Arc<ArcSwap<Snapshot>>,
        events: &mpsc::Sender<Event>,
    ) -> Library {
        Library { documents, snapshot: Arc::clone(snapshot), events: events.clone() }
    }

    /// The documents of a newsroom. Feeds are in the output directory, too.
    pub(super) fn open(config: &Config, meters: &Arc<Metrics>) -> io::Result<Documents> {
        let output = config.output.clone();
        let elsewhere = Box::new(move |route: &str| {
            let directory = output.as_ref().filter(|_| !route.ends_with('/'))?;
            Some(file_path(directory, route.trim_start_matches('/')))
        });
        Documents::open(&config.state, config.server.memory, elsewhere, Arc::clone(meters))
    }

    /// Reads a document back. One that is lost is made anew.
    pub(super) fn read(&self, route: &str, resource: &Arc<Resource>) -> io::Result<Bytes> {
        self.documents.read(route, resource).inspect_err(|error| self.lost(route, resource, error))
    }

    /// Writes down what is published some time after each publication, and once more at the end, and removes what it leaves behind.
    pub(super) async fn tend(
        self,
        state: PathBuf,
        content: Arc<ArcSwap<Root>>,
        mut published: watch::Receiver<Option<Published>>,
    ) {
        let (mut goes_on, mut pause, mut tidied) = (true, PAUSE, None);
        // When the first documents of a content directory are published, it is there.
        let mut device: Option<(Arc<Root>, Option<u64>)> = None;
        while goes_on && published.changed().await.is_ok() {
            // What is published meanwhile is written together.
            goes_on = timeout(pause, published.wait_for(|_| false)).await.is_err();
            let begun = Instant::now();
            let Some(Published { snapshot, mut origin }) = published.borrow_and_update().clone() else { continue };
            let (documents, directory) = (Arc::clone(&self.documents), state.clone());
            let is_first = tidied.is_none();
            let root = content.load_full();
            let known = device.take().filter(|(of, _)| Arc::ptr_eq(of, &root)).map(|(_, device)| device);
            let is_due = origin.record.saturating_sub(*tidied.get_or_insert(origin.record)) >= TIDY_AFTER;
            if is_due {
                tidied = Some(origin.record);
            }
            let work = spawn_blocking(move || {
                snapshot.documents.iter().for_each(|(route, resource)| documents.save(route, resource));
                documents.remove_unused_files();
                // What readers wanted since room was made last.
                documents.free_spare_memory();
                if is_due {
                    // Where it fails, a commit does it some day, and says what is wrong.
                    store::checkpoint(&directory)
                        .unwrap_or_else(|error| tracing::debug!(%error, "cannot checkpoint the ledger"));
                }
                origin.device = known.unwrap_or_else(|| RootState::of(&root).device());
                let noted = store::save_published_list(&directory, &snapshot, &origin);
                if is_first || is_due {
                    match store::compact(&directory) {
                        Ok(0) => {}
                        Ok(removed) => tracing::info!(records = removed, "ledger compacted"),
                        Err(error) => tracing::debug!(%error, "cannot compact the ledger"),
                    }
                    if let Err(trouble) = store::untie(&directory, store::WORTH_UNTYING) {
                        tracing::debug!("{trouble}");
                    }
                }
                (noted, (root, origin.device))
            });
            let noted = match work.await {
                Ok((noted, of)) => {
                    device = Some(of);
                    noted
                }
                Err(error) => Err(io::Error::other(error)),
            };
            if let Err(error) = noted {
                tracing::warn!(
                    state = %state.display(),
                    %error,
                    "cannot save the list of documents, so the next start answers 503 until all articles are read; check free space and permissions"
                );
            }
            pause = begun.elapsed().saturating_mul(20).clamp(PAUSE, LONGEST_PAUSE);
        }
    }

    /// Makes room for the next documents where a publication left little, once readers have had time to ask for these.
    pub(super) async fn make_room(self, mut published: watch::Receiver<Option<Published>>) {
        while published.changed().await.is_ok() {
            sleep(READERS_FIRST).await;
            if !self.documents.needs_spare_memory() {
                continue;
            }
            let documents = Arc::clone(&self.documents);
            // Where it fails, the next publication makes room itself.
            spawn_blocking(move || documents.free_spare_memory()).await.unwrap_or_default();
        }
    }

    /// Takes new documents in. May write others to disk and evict their bytes from memory.
    pub(super) fn store(&self, documents: &[Arc<Resource>]) {
        // The disk may be slow.
        block_in_place(|| documents.iter().for_each(|document| self.documents.insert(document)));
    }

    /// What gives deliveries their documents.
    pub(super) fn reader(&self) -> DocumentReader {
        let library = self.clone();
        Box::new(move |path, resource| library.read(&format!("/{path}"), resource))
    }

    fn lost(&self, route: &str, resource: &Arc<Resource>, error: &io::Error) {
        let snapshot = self.snapshot.load();
        let is_current = snapshot.documents.get(route).is_some_and(|current| Arc::ptr_eq(current, resource));
        // What has a successor is nobody's loss, and what is of the last run is being made already.
        if !is_current || snapshot.generation == 0 || !resource.set_missing(true) {
            return;
        }
        // Where the engine has too much to do for that, the next request says it again.
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
