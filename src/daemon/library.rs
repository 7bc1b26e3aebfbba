//! The documents that are not in memory: how requests and deliveries come by them, and what follows where they cannot be read.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::Bytes;
use tokio::sync::{mpsc, watch};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use crate::config::Config;
use crate::deliver::disk::{Reader, place};
use crate::event::Event;
use crate::meter::Meters;
use crate::snapshot::{Keeper, Resource, Snapshot};
use crate::store::Documents;

/// How long after a publication it is tidied up.
const PAUSE: Duration = Duration::from_secs(1);

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
    pub(super) fn open(config: &Config, meters: &Arc<Meters>) -> io::Result<Documents> {
        let output = config.output.clone();
        let elsewhere = Box::new(move |route: &str| {
            let directory = output.as_ref().filter(|_| !route.ends_with('/'))?;
            Some(place(directory, route.trim_start_matches('/')))
        });
        Documents::open(&config.state, config.server.memory, elsewhere, Arc::clone(meters))
    }

    /// Reads a document back. One that is lost is made anew.
    pub(super) fn read(&self, route: &str, resource: &Arc<Resource>) -> io::Result<Bytes> {
        self.documents.read(route, resource).inspect_err(|error| self.lost(route, resource, error))
    }

    /// Tidies up some time after each publication, and once more at the end.
    pub(super) async fn tend(self, mut published: watch::Receiver<u64>) {
        let mut goes_on = true;
        while goes_on && published.changed().await.is_ok() {
            // What is published meanwhile is tidied up together.
            goes_on = timeout(PAUSE, published.wait_for(|_| false)).await.is_err();
            published.mark_unchanged();
            let documents = Arc::clone(&self.documents);
            if let Err(error) = spawn_blocking(move || documents.collect()).await {
                tracing::error!(%error, "documents could not be tidied up");
            }
        }
    }

    /// What takes documents over from the engine.
    pub(super) fn keeper(&self) -> Keeper {
        let documents = Arc::clone(&self.documents);
        Keeper::new(move |resource| documents.take(resource))
    }

    /// What gives deliveries their documents.
    pub(super) fn reader(&self) -> Reader {
        let library = self.clone();
        Box::new(move |path, resource| library.read(&format!("/{path}"), resource))
    }

    fn lost(&self, route: &str, resource: &Arc<Resource>, error: &io::Error) {
        let snapshot = self.snapshot.load();
        let is_current = snapshot.documents.get(route).is_some_and(|current| Arc::ptr_eq(current, resource));
        // What has a successor is nobody's loss, and what is of the last run is being made already.
        if !is_current || snapshot.generation == 0 || !resource.lose(true) {
            return;
        }
        // Where the engine has too much to do for that, the next request says it again.
        if self.events.try_send(Event::Lost(route.into())).is_err() {
            resource.lose(false);
            return;
        }
        tracing::error!(
            "the copy of {route} cannot be read back: {error}; it is made anew, and answered 503 until then: see to the disk of the \
             state directory"
        );
    }
}
