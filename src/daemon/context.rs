//! The event loop's state: the ends of all channels, and everything that outlives an event.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use arc_swap::ArcSwap;
use tokio::sync::{Semaphore, mpsc, oneshot, watch as channel};
use tokio::task::JoinSet;

use super::activity::ActivityLog;
use super::archive_files::{ArchiveBytes, BuiltArchive};
use super::clock::Clock;
use super::document_store::{DocumentStore, Published};
use super::fetching::Reads;
use super::persistence::Persistence;
use super::quarantine::Quarantine;
use super::saved_documents::SavedDocuments;
use super::systemd::Watchdog;
use super::watchers::Watchers;
use crate::beneath::Roots;
use crate::config::{Checked, Config, Relocation};
use crate::control::{Answer, PendingRequest};
use crate::deliver::Deliveries;
use crate::diagnostics::Diagnostic;
use crate::event::{ArchiveContents, Effect, Event, Ticket};
use crate::metrics::Metrics;
use crate::push::PushHandle;
use crate::serve::ChangeLog;
use crate::serve::archives::ArchiveQuery;
use crate::snapshot::Snapshot;
use crate::store::StoreHandle;
use crate::watch::{ScanProgress, WatchEvent};

/// The state of the event loop.
pub(super) struct Daemon {
    /// The directories that the watchers read.
    pub(super) roots: Roots,
    /// The directories that the published articles are from. Requests read pages and media from them, so they change with the snapshot.
    pub(super) published_roots: Arc<ArcSwap<Roots>>,
    /// Whether `roots` differs from `published_roots` until the next publication.
    pub(super) are_roots_pending: bool,
    pub(super) snapshot: Arc<ArcSwap<Snapshot>>,
    pub(super) inbox: mpsc::Receiver<Event>,
    /// Bodies that were read, one batch at a time.
    pub(super) bodies: mpsc::Sender<Event>,
    pub(super) body_inbox: mpsc::Receiver<Event>,
    pub(super) watch_events: mpsc::Receiver<WatchEvent>,
    /// The event that ended a batch of files. The loop handles it next.
    pub(super) next_watch_event: Option<WatchEvent>,
    pub(super) deliveries: Deliveries,
    pub(super) push: PushHandle,
    /// The changes that subscribers may know.
    pub(super) changes: Arc<ChangeLog>,
    pub(super) watchers: Watchers,
    /// The progress of the first scan, shared by the watcher and the engine.
    pub(super) scan_progress: Arc<ScanProgress>,
    pub(super) store: StoreHandle,
    pub(super) persistence: Persistence,
    pub(super) clock: Clock,
    /// The configuration at the start, for settings that can't change while the daemon runs.
    pub(super) config: Arc<Config>,
    pub(super) requests: mpsc::Receiver<PendingRequest>,
    pub(super) archive_queries: mpsc::Receiver<ArchiveQuery>,
    /// Archives to be written to the output directory, and their bytes.
    pub(super) built_archives: mpsc::Receiver<BuiltArchive>,
    pub(super) archive_bytes: ArchiveBytes,
    /// The senders of queries that wait for an answer.
    pub(super) tickets: BTreeMap<Ticket, Waiting>,
    /// Answers to commands. They are sent after the other effects of the same event.
    pub(super) answers: Vec<Effect>,
    /// The diagnostic that the state can't be written.
    pub(super) alarm: Option<Diagnostic>,
    /// The addresses that dateline listens on, if links have to lead there.
    pub(super) relocation: Option<Relocation>,
    /// Activity that isn't in the log yet.
    pub(super) activity: ActivityLog,
    pub(super) fetches: JoinSet<()>,
    /// Permits one search for dormant articles at a time.
    pub(super) dormant_lookup: Arc<Semaphore>,
    /// Reads of bodies that are under way.
    pub(super) reads: Reads,
    /// The configuration that the engine accepted last. A rebuilt engine starts with it.
    pub(super) checked: Checked,
    /// The same configuration, for requests.
    pub(super) live_config: Arc<ArcSwap<Config>>,
    pub(super) quarantine: Quarantine,
    pub(super) document_store: DocumentStore,
    /// The documents of the previous run, until the first publication.
    pub(super) saved_documents: SavedDocuments,
    /// Publications, for the task that saves them.
    pub(super) publications: channel::Sender<Option<Published>>,
    pub(super) metrics: Arc<Metrics>,
    /// Whether anything was published yet.
    pub(super) published: channel::Sender<bool>,
    /// When the first hint of the current change arrived.
    pub(super) change_began: Option<Instant>,
    pub(super) watchdog: Watchdog,
    pub(super) started: Instant,
}

/// The sender of a query, who waits for the engine's answer.
pub(super) enum Waiting {
    /// A client of the control socket.
    Client(oneshot::Sender<Answer>),
    /// A request for an archive.
    Archive(oneshot::Sender<Option<Box<ArchiveContents>>>),
}

/// The reason why the daemon stopped although nobody asked it to.
#[derive(Debug)]
pub struct Fatal(pub String);

impl std::fmt::Display for Fatal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Fatal {}
