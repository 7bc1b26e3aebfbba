//! The daemon: how its parts start, in which order they stop, and what they own.
//!
//! # Which file contains what?
//!
//! - `context`: the event loop's state
//! - `event_loop`: waits for events, and joins file events to batches
//! - `supervision`: runs the engine, and rebuilds it after a panic
//! - `effects`: executes the engine's effects in order
//! - `requests`: converts requests of the control socket into commands and queries
//! - `fetching`: reads bodies for the engine
//! - `bodies`: completes bodies from the store, and renders them
//! - `persistence`: queues records, and postpones effects while records can't be written
//! - `metadata_cache`: connects the watcher to the store's cache of metadata
//! - `activity`: logs what happened to articles
//! - `document_store`: keeps the bytes of documents, and saves publications
//! - `saved_documents`: verifies documents of the previous run before readers get them
//! - `archive_files`: writes archives to the output directory
//! - `on_demand`: supplies documents that aren't in memory, article pages and media to requests
//! - `quarantine`: finds files that make the engine panic
//! - `listeners`: opens listeners and the access log, loads certificates, limits descriptors
//! - `configuration`: reads the configuration file, and finds the directories of the sources
//! - `watchers`: starts, changes and stops the watchers of the sources
//! - `clock`: the only place that reads the wall clock
//! - `systemd`: notifies systemd
//! - `builder`: `dateline build`

mod activity;
mod archive_files;
mod bodies;
mod builder;
mod clock;
mod configuration;
mod context;
mod document_store;
mod effects;
mod event_loop;
mod fetching;
mod listeners;
mod metadata_cache;
mod on_demand;
mod persistence;
mod quarantine;
mod requests;
mod saved_documents;
mod supervision;
mod systemd;
mod watchers;

use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use tokio::sync::{Semaphore, mpsc, oneshot, watch as channel};
use tokio::task::{JoinError, JoinSet, block_in_place, spawn_blocking};

use crate::config::{Checked, Config};
use crate::control;
use crate::deliver::disk::Disk;
use crate::deliver::{self, Target};
use crate::engine;
use crate::event::Event;
use crate::metrics::Metrics;
use crate::push::{Push, PushOptions, Records};
use crate::serve::archives::ArchiveSource;
use crate::serve::{self, ChangeLog, HubEndpoint, HubPath, SavedCheck, ServeOptions};
use crate::snapshot::Snapshot;
use crate::store::{CacheUse, StoreError, StoreHandle, StoreOwner};
use crate::watch::ScanProgress;
use activity::ActivityLog;
use archive_files::{ArchiveBytes, ArchiveWriter};
pub use builder::{Built, Inputs, build_once};
pub use clock::{Clock, now};
use configuration::{find_roots, log_relocation};
pub use configuration::{load, roots};
use context::Daemon;
pub use context::Fatal;
use document_store::DocumentStore;
use fetching::Reads;
pub use listeners::{CliOverrides, Listeners, Renewal};
pub use metadata_cache::StateCache;
use persistence::Persistence;
use quarantine::Quarantine;
pub use requests::request_event;
use saved_documents::SavedDocuments;
use systemd::Watchdog;
use watchers::Watchers;

/// The time that connections and deliveries have to finish at shutdown.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);
/// The length of the watcher's event queue. The watcher reads files while the ledger is still being read.
const WATCH_QUEUE_LENGTH: usize = 32;

/// Watches, builds and serves until `stop` resolves. The listeners are bound already, so the caller knows their addresses. `caches` says
/// whether the caches of the last run are used. `announce` is called once the state is open, and prints where readers are served.
///
/// # Errors
/// If the state can't be opened, or a part of the daemon stopped unexpectedly.
pub async fn run(
    checked: Checked,
    config: Arc<Config>,
    listeners: Listeners,
    caches: CacheUse,
    clock: Clock,
    announce: impl FnOnce(&Listeners) -> io::Result<()>,
    stop: impl Future<Output = ()>,
) -> Result<(), Fatal> {
    let fatal = |error: JoinError| Fatal(format!("cannot open the state: {error}"));
    let configured = Arc::clone(&config);
    let (checked, config) = match &listeners.relocation {
        Some(relocation) => {
            let checked = relocation.of(checked);
            let config = checked.config.clone().unwrap_or(config);
            (checked, config)
        }
        None => (checked, config),
    };
    let (task_config, metrics) = (Arc::clone(&config), Arc::clone(&listeners.metrics));
    let opened = spawn_blocking(move || {
        let store = StoreOwner::open(&task_config.state, caches)?;
        let mut output = task_config.output.clone().map(|directory| Disk::new(directory, &task_config.state));
        let locked = output.as_mut().map_or(Ok(()), Disk::lock);
        let documents = DocumentStore::open_documents(&task_config, &metrics);
        let documents = documents.map_err(|error| StoreError::Io(task_config.state.clone(), error.to_string()))?;
        Ok((store, documents, locked.map(|()| output)))
    });
    let opened: Result<_, StoreError> = opened.await.map_err(fatal)?;
    // Dropped last, so that everything that stops before can still write.
    let (owner, documents, output) = opened.map_err(|error| Fatal(error.to_string()))?;
    let store = owner.handle();
    let output = output.map_err(|problem| Fatal(problem.to_log_line()))?;
    let roots = find_roots(&config).await;
    // The ledger is read while the watcher scans files.
    let (task_config, task_store) = (Arc::clone(&config), store.clone());
    let state = spawn_blocking(move || {
        let ledger = task_store.ledger_without_dormant(Duration::MAX)?;
        let saved = task_store.published(task_config.origin(), &ledger);
        let (before, sources) = saved.map(|saved| (saved.snapshot, saved.sources)).unwrap_or_default();
        Ok((ledger, Snapshot { prefix: engine::prefix(&task_config), ..before }, sources))
    });
    let scan_progress = Arc::new(ScanProgress::default());
    let (watch_sender, watch_events) = mpsc::channel(WATCH_QUEUE_LENGTH);
    let watchers = Watchers::start(&config, &roots, store.clone(), watch_sender, &listeners.metrics, &scan_progress);
    let watchers = watchers.map_err(|error| Fatal(format!("cannot start the watcher: {error}")))?;
    let state: Result<_, StoreError> = state.await.map_err(fatal)?;
    let (ledger, before, sources) = state.map_err(|error| Fatal(error.to_string()))?;
    if !before.documents.is_empty() {
        let documents = before.documents.len();
        tracing::info!(documents, "serving saved documents until the first scan completes");
    }
    let saved_documents = match before.documents.is_empty() {
        true => SavedDocuments::default(),
        false => SavedDocuments::new(&roots, &config, store.clone(), sources),
    };
    let snapshot = Arc::new(ArcSwap::from_pointee(before));
    // The task ends by itself after the first publication.
    let mut root_check = JoinSet::new();
    root_check.spawn(saved_documents.clone().watch_root(Arc::clone(&snapshot), config.parsing.root.to_string()));
    let published_roots = Arc::new(ArcSwap::from_pointee(roots.clone()));
    let (events, inbox) = mpsc::channel(64);
    // Bodies are large, so one batch waits at most.
    let (bodies, body_inbox) = mpsc::channel(1);
    let document_store = DocumentStore::new(documents, config.server.memory, &listeners.metrics, &snapshot, &events);
    let (stop_serving, serving_stopped) = oneshot::channel::<()>();
    let mut parts = JoinSet::new();

    let served = Arc::clone(&snapshot);
    let live_config = Arc::new(ArcSwap::new(Arc::clone(&config)));
    let disk = on_demand::responder(
        Arc::clone(&published_roots),
        Arc::clone(&live_config),
        store.clone(),
        document_store.clone(),
        Arc::clone(&snapshot),
    );
    announce(&listeners).map_err(|error| Fatal(error.to_string()))?;
    log_relocation(&configured, &config);
    let (published, first) = channel::channel(false);
    let verifier = saved_documents.clone();
    let verify = SavedCheck::new(move |route, kind| Box::pin(verifier.verify(route, kind)));
    let push = start_push(&live_config, &snapshot, &document_store, &store, &listeners.metrics, &events, clock);
    let push = push.map_err(|error| Fatal(format!("cannot start the thread that pushes changes: {error}")))?;
    let (archives, archive_queries) = ArchiveSource::new();
    let archives_to_write = archives.clone();
    let loading = store.clone();
    let load = move |after| loading.journal(after).map_err(io::Error::other);
    let changes = Arc::new(ChangeLog::new(owner.journal_name(), ledger.journal().last, load));
    let options = ServeOptions {
        archives,
        changes: Some(Arc::clone(&changes)),
        hub: Some(hub_endpoint(&live_config, &push)),
        documents: document_store.cache(),
        first_publication: Some(first),
        verify,
        ..listeners.options(&config, clock)
    };
    let Listeners { listeners, renewal, metrics, relocation } = listeners;
    // Like the listeners and the output directory, relocation is decided at the start.
    let relocation = relocation.filter(|_| config.is_relocated);
    parts.spawn(async move {
        let stopped = async move { serving_stopped.await.unwrap_or_default() };
        serve::run(listeners, served, disk, options, stopped).await;
        "server"
    });
    // The task ends when `run` returns and drops the set.
    let mut certificate = JoinSet::new();
    certificate.spawn(renewal.watch_certificate());
    let archive_bytes = ArchiveBytes::default();
    let has_output = output.is_some();
    let target =
        output.map(|output| Box::new(output.with_reader(archive_bytes.or(document_store.reader()))) as Box<dyn Target>);
    let (deliveries, delivery_tasks) = deliver::start(target.into_iter().collect(), &events, &metrics);
    for task in delivery_tasks {
        parts.spawn(async move {
            task.await;
            "deliveries"
        });
    }

    let (publications, publications_to_save) = channel::channel(None);
    let (evicting_store, publications_to_follow) = (document_store.clone(), publications.subscribe());
    parts.spawn(async move {
        evicting_store.save_evicted_documents(publications_to_follow).await;
        "task that saves evicted documents"
    });
    let (built_sender, built_archives) = mpsc::channel(1);
    if has_output {
        let writer = ArchiveWriter {
            source: archives_to_write,
            roots: Arc::clone(&published_roots),
            config: Arc::clone(&live_config),
            store: store.clone(),
            bytes: archive_bytes.clone(),
            built: built_sender,
        };
        let archives_to_follow = publications.subscribe();
        parts.spawn(async move {
            writer.run(archives_to_follow).await;
            "task that writes archives"
        });
    }
    let (media_config, media_roots) = (Arc::clone(&live_config), Arc::clone(&published_roots));
    let media_to_keep = publications.subscribe();
    parts.spawn(async move {
        DocumentStore::keep_media(media_config, media_roots, media_to_keep).await;
        "task that keeps pictures"
    });
    let (store_to_save, state, roots_to_save) =
        (document_store.clone(), config.state.clone(), Arc::clone(&published_roots));
    parts.spawn(async move {
        store_to_save.save_publications(state, roots_to_save, publications_to_save).await;
        "task that saves documents"
    });
    let (request_sender, requests) = mpsc::channel(16);
    match control::bind(&config.state) {
        Ok(listener) => drop(parts.spawn(async move {
            control::run(listener, request_sender).await;
            "control socket"
        })),
        Err(error) => {
            tracing::error!(%error, "cannot open the control socket; commands such as `dateline retract` won't work")
        }
    }
    let daemon = Daemon {
        roots,
        published_roots,
        are_roots_pending: false,
        snapshot,
        inbox,
        bodies,
        body_inbox,
        watch_events,
        next_watch_event: None,
        deliveries,
        push: push.handle(),
        changes: Arc::clone(&changes),
        watchers,
        scan_progress,
        persistence: Persistence::new(store.clone(), owner.last_record(), owner.unwritable().map(str::to_owned), clock),
        store,
        clock,
        config,
        requests,
        archive_queries,
        built_archives,
        archive_bytes,
        tickets: BTreeMap::new(),
        answers: Vec::new(),
        alarm: None,
        relocation,
        activity: ActivityLog::default(),
        fetches: JoinSet::new(),
        dormant_lookup: Arc::new(Semaphore::new(1)),
        reads: Reads::default(),
        checked,
        live_config,
        quarantine: Quarantine::default(),
        document_store,
        saved_documents,
        publications,
        metrics,
        published,
        change_began: None,
        watchdog: Watchdog::from_environment(),
        started: Instant::now(),
    };
    let result = tokio::select! {
        result = daemon.run_event_loop(ledger, stop) => result,
        ended = parts.join_next() => Err(Fatal(match ended {
            Some(Ok(name)) => format!("the {name} ended unexpectedly"),
            Some(Err(error)) => format!("a part of the daemon failed: {error}"),
            None => "no part of the daemon is left".to_owned(),
        })),
    };
    systemd::notify(&[sd_notify::NotifyState::Stopping]);
    // The watcher and the sender of deliveries were dropped with the daemon. Now connections and deliveries drain.
    changes.close();
    drop(stop_serving);
    let drained = tokio::time::timeout(DRAIN_TIMEOUT, async { while parts.join_next().await.is_some() {} }).await;
    if drained.is_err() {
        tracing::warn!(deadline_s = DRAIN_TIMEOUT.as_secs(), "stopped before all connections and deliveries finished");
    }
    block_in_place(|| drop(push));
    // Requests, deliveries and saves may need the store until here. The state is unlocked when the owner has ended.
    block_in_place(|| drop(owner));
    result
}

/// Starts the thread that pushes changes to subscribers.
fn start_push(
    config: &Arc<ArcSwap<Config>>,
    snapshot: &Arc<ArcSwap<Snapshot>>,
    documents: &DocumentStore,
    store: &StoreHandle,
    metrics: &Arc<Metrics>,
    events: &mpsc::Sender<Event>,
    now: Clock,
) -> io::Result<Push> {
    let (loading, saving, documents) = (store.clone(), store.clone(), documents.clone());
    Push::start(PushOptions {
        config: Arc::clone(config),
        snapshot: Arc::clone(snapshot),
        read: Box::new(move |route, resource| match documents.cache().bytes(resource.hash) {
            Some(bytes) => Ok(bytes),
            None => documents.read(route, resource),
        }),
        records: Records {
            load: Box::new(move || loading.load_push().map_err(|error| error.to_string())),
            save: Box::new(move |changes| saving.save_push(changes).map_err(|error| error.to_string())),
        },
        metrics: Arc::clone(metrics),
        events: events.clone(),
        now,
    })
}

/// Connects the server with the built-in hub.
fn hub_endpoint(config: &Arc<ArcSwap<Config>>, push: &Push) -> HubEndpoint {
    let (config, handle, callbacks) = (Arc::clone(config), push.handle(), push.handle());
    let ask = move |request| {
        let handle = handle.clone();
        Box::pin(async move { handle.ask(request).await }) as serve::PendingAnswer
    };
    let has_path = move |path: &HubPath| match path {
        HubPath::Hub => config.load().websub.hub,
        HubPath::Canary(token) => callbacks.has_canary(token),
    };
    HubEndpoint::new(has_path, ask)
}
