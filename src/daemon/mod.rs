//! The daemon: the event loop, supervision, start-up and shutdown order, and the clock. The file is long because the loop and the order
//! in which parts start and stop belong together.
//!
//! # Which file contains what?
//!
//! - `listeners`: opens listeners and the access log, loads certificates, limits descriptors
//! - `effects`: executes the engine's effects in order
//! - `fetching`: reads bodies for the engine
//! - `persistence`: queues records, and postpones effects while records can't be written
//! - `ledger_writer`: the thread that writes records
//! - `metadata_cache`: gives the watcher the store's cached metadata
//! - `activity`: logs what happened to articles
//! - `document_store`: loads documents that aren't in memory, and saves publications
//! - `saved_documents`: verifies documents of the previous run before readers get them
//! - `quarantine`: finds files that make the engine panic
//! - `builder`: `dateline build`, and article pages on demand

mod activity;
mod builder;
mod document_store;
mod effects;
mod fetching;
mod ledger_writer;
mod listeners;
mod metadata_cache;
mod persistence;
mod quarantine;
mod saved_documents;

use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use jiff::Timestamp;
use tokio::sync::{Semaphore, mpsc, oneshot, watch as channel};
use tokio::task::{JoinError, JoinHandle, JoinSet, spawn_blocking};

use crate::beneath::Root;
use crate::config::{self, Checked, Config, Relocation};
use crate::control::{self, Answer, PendingRequest, Request};
use crate::deliver::disk::Disk;
use crate::deliver::{self, DeliverySender, Target};
use crate::diagnostics::{Code, Diagnostic, Place};
use crate::engine::{self, Engine};
use crate::event::{Command, Effect, Event, ParsedFile, Ticket};
use crate::ledger::Ledger;
use crate::metrics::Metrics;
use crate::serve::{self, CancellationToken, DiskRequest, DiskResponse, SavedCheck, ServeOptions};
use crate::snapshot::Snapshot;
use crate::store::{Store, StoreError};
use crate::types::Text;
use crate::watch::{self, ScanProgress, WatchEvent, WatchHandle, WatchOptions};
use activity::ActivityLog;
pub use builder::{Built, Inputs, build_once, read_ledger};
use document_store::DocumentStore;
pub use listeners::{CliOverrides, Listeners, Renewal};
pub use metadata_cache::StateCache;
use persistence::Persistence;
use quarantine::{Quarantine, Verdict, Version};
use saved_documents::{SAVED_VERIFY_TIMEOUT, SavedDocuments};

/// The time that connections and deliveries have to finish at shutdown.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);
/// The most file events in one batch. The engine takes about 50 ms for them.
const MAX_BATCH_FILES: usize = 2_048;
/// The length of the watcher's event queue. The watcher reads an archive while the ledger is still being read.
const WATCH_QUEUE_LENGTH: usize = 32;
/// The time between full scans that find changes without an event.
const SAFETY_SCAN_INTERVAL: Duration = Duration::from_secs(300);
/// A file that stays open for writing longer than this is published as it is.
const MAX_OPEN_TIME: Duration = Duration::from_secs(60);
/// The longest sleep of the event loop.
const MAX_SLEEP: Duration = Duration::from_secs(60);
/// The clock is read at least this often while an article waits for its time: clocks are set, and machines are suspended.
const CLOCK_CHECK_INTERVAL: Duration = Duration::from_millis(500);

/// A function that returns the current time.
pub type Clock = fn() -> Timestamp;

/// Returns the current time. This is the only place that reads the system's wall clock.
#[expect(clippy::disallowed_methods, reason = "the shell's clock")]
pub fn now() -> Timestamp {
    Timestamp::now()
}

/// The reason why the daemon stopped without a request to stop.
#[derive(Debug)]
pub struct Fatal(pub String);

impl std::fmt::Display for Fatal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Fatal {}

/// Reads a configuration file.
pub fn load(file: &Path) -> Checked {
    match std::fs::read(file) {
        Ok(bytes) => config::parse(file, &bytes),
        Err(error) => {
            let name = file.display().to_string();
            let help = match error.kind() {
                io::ErrorKind::NotFound => {
                    "`dateline init DIR` makes a newsroom with a configuration; `--config PATH` names another file"
                }
                io::ErrorKind::IsADirectory => "`--config PATH` names the file itself, such as `config/dateline.toml`",
                _ => "see whether the file is readable for this user",
            };
            let diagnostic = Diagnostic::new(Code::ConfigUnreadable, format!("cannot read `{name}`: {error}"));
            Checked { config: None, diagnostics: vec![diagnostic.at(Place::file(&name)).help(help)] }
        }
    }
}

/// Watches, builds and serves until `stop` resolves. The listeners are bound already, so the caller knows their addresses. `cache` opens
/// the metadata cache: [`StateCache::open`] or [`StateCache::open_empty`]. `announce` is called once the state is open, and prints where
/// readers are served.
///
/// # Errors
/// If the state can't be opened, or a part of the daemon stopped unexpectedly.
pub async fn run(
    checked: Checked,
    config: Arc<Config>,
    listeners: Listeners,
    cache: fn(&Path) -> StateCache,
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
        let store = Store::open(&task_config.state)?;
        let mut output = task_config.output.clone().map(|directory| Disk::new(directory, &task_config.state));
        let locked = output.as_mut().map_or(Ok(()), Disk::lock);
        let documents = DocumentStore::open_documents(&task_config, &metrics);
        let documents = documents.map_err(|error| StoreError::Io(task_config.state.clone(), error.to_string()))?;
        Ok((store, documents, locked.map(|()| output)))
    });
    let opened: Result<_, StoreError> = opened.await.map_err(fatal)?;
    let (store, documents, output) = opened.map_err(|error| Fatal(error.to_string()))?;
    let output = output.map_err(|problem| Fatal(problem.to_log_line()))?;
    let content = find_root(&config).await;
    // The ledger is read while the watcher scans files.
    let task_config = Arc::clone(&config);
    let state = spawn_blocking(move || {
        let ledger = store.awake_ledger()?;
        let saved = store.published(task_config.origin(), &ledger);
        let (before, sources) = saved.map(|saved| (saved.snapshot, saved.sources)).unwrap_or_default();
        Ok((store, ledger, Snapshot { prefix: engine::prefix(&task_config), ..before }, sources))
    });
    let scan_progress = Arc::new(ScanProgress::default());
    let options = WatchOptions {
        root: content.clone(),
        parsing: Arc::clone(&config.parsing),
        config: config.file.clone(),
        config_hash: config.hash,
        parse_config: config::parse,
        grace: config.content.removals.grace.try_into().unwrap_or_default(),
        hold: config.content.removals.hold.try_into().unwrap_or_default(),
        settle: config.content.settle.try_into().unwrap_or_default(),
        open_limit: MAX_OPEN_TIME,
        watch: config.content.watch,
        safety_interval: SAFETY_SCAN_INTERVAL,
        progress: Arc::clone(&scan_progress),
    };
    let (watch_sender, watch_events) = mpsc::channel(WATCH_QUEUE_LENGTH);
    // The cache may be opened because the state is locked by now.
    let watcher = watch::start(options, cache(&config.state), watch_sender, Arc::clone(&listeners.metrics))
        .map_err(|error| Fatal(format!("cannot start the watcher: {error}")))?;
    let state: Result<_, StoreError> = state.await.map_err(fatal)?;
    let (store, ledger, before, sources) = state.map_err(|error| Fatal(error.to_string()))?;
    if !before.documents.is_empty() {
        let documents = before.documents.len();
        tracing::info!(documents, "serving saved documents until the first scan completes");
    }
    let saved_documents = match before.documents.is_empty() {
        true => SavedDocuments::default(),
        false => SavedDocuments::new(content.clone(), Arc::clone(&config.parsing), config.state.clone(), sources),
    };
    let snapshot = Arc::new(ArcSwap::from_pointee(before));
    // The task ends by itself after the first publication.
    let mut root_check = JoinSet::new();
    root_check.spawn(saved_documents.clone().watch_root(Arc::clone(&snapshot), config.parsing.root.to_string()));
    let published_root = Arc::new(ArcSwap::from_pointee(content.clone()));
    let (events, inbox) = mpsc::channel(64);
    // Bodies are large, so one batch waits at most.
    let (bodies, body_inbox) = mpsc::channel(1);
    let document_store = DocumentStore::new(Arc::new(documents), &snapshot, &events);
    let (deliveries, delivery_inbox) = deliver::queue();
    let (stop_serving, serving_stopped) = oneshot::channel::<()>();
    let mut parts = JoinSet::new();

    let served = Arc::clone(&snapshot);
    let live_config = Arc::new(ArcSwap::new(Arc::clone(&config)));
    let disk = {
        let (config, document_store, root, snapshot) =
            (Arc::clone(&live_config), document_store.clone(), Arc::clone(&published_root), Arc::clone(&snapshot));
        Arc::new(move |request: DiskRequest, cancellation: &CancellationToken| match request {
            DiskRequest::Document(route, resource) => {
                document_store.read(&route, &resource).map(DiskResponse::Document)
            }
            DiskRequest::Evict(resource) => {
                document_store.documents.handle_growth(&resource);
                Ok(DiskResponse::Evicted)
            }
            request => {
                let is_media = matches!(request, DiskRequest::Media(_));
                let response = builder::respond(&root, &config, request, cancellation);
                let is_mass_removal = |problem: &Diagnostic| problem.code == Code::MassRemoval;
                match response {
                    // While a mass removal is pending, media may come back: after a 404, readers would forget it.
                    Err(error) if is_media && error.kind() == io::ErrorKind::NotFound => {
                        match snapshot.load().report.problems.iter().any(is_mass_removal) {
                            true => Err(io::ErrorKind::ResourceBusy.into()),
                            false => Err(error),
                        }
                    }
                    response => response,
                }
            }
        })
    };
    announce(&listeners).map_err(|error| Fatal(error.to_string()))?;
    log_relocation(&configured, &config);
    let (published, first) = channel::channel(false);
    let verifier = saved_documents.clone();
    let verify = SavedCheck::new(move |route, kind| Box::pin(verifier.verify(route, kind)));
    let options = ServeOptions { first_publication: Some(first), verify, ..listeners.options(&config.server, clock) };
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
    let target = output.map(|output| Box::new(output.with_reader(document_store.reader())) as Box<dyn Target>);
    let (outcomes, delivery_metrics) = (events, Arc::clone(&metrics));
    parts.spawn(async move {
        deliver::run(target.into_iter().collect(), delivery_inbox, outcomes, delivery_metrics).await;
        "deliveries"
    });

    let (publications, publications_to_save) = channel::channel(None);
    let (store_to_shrink, publications_to_follow) = (document_store.clone(), publications.subscribe());
    parts.spawn(async move {
        store_to_shrink.free_spare_memory(publications_to_follow).await;
        "task that frees memory"
    });
    let (store_to_save, state, root) = (document_store.clone(), config.state.clone(), Arc::clone(&published_root));
    parts.spawn(async move {
        store_to_save.save_publications(state, root, publications_to_save).await;
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
        root: content,
        published_root,
        is_root_pending: false,
        snapshot,
        inbox,
        bodies,
        body_inbox,
        watch_events,
        next_watch_event: None,
        deliveries,
        watcher,
        scan_progress,
        persistence: Persistence::new(store, clock)
            .map_err(|error| Fatal(format!("cannot start a thread: {error}")))?,
        clock,
        config,
        requests,
        tickets: BTreeMap::new(),
        answers: Vec::new(),
        alarm: None,
        relocation,
        activity: ActivityLog::default(),
        fetches: JoinSet::new(),
        dormant_lookup: Arc::new(Semaphore::new(1)),
        reads: fetching::Reads::default(),
        checked,
        live_config,
        quarantine: Quarantine::default(),
        document_store,
        saved_documents,
        publications,
        metrics,
        published,
        change_began: None,
        watchdog: sd_notify::watchdog_enabled(),
        watchdog_notified: None,
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
    notify_systemd(&[sd_notify::NotifyState::Stopping]);
    // The watcher and the sender of deliveries were dropped with the daemon. Now connections and deliveries drain.
    drop(stop_serving);
    let drained = tokio::time::timeout(DRAIN_TIMEOUT, async { while parts.join_next().await.is_some() {} }).await;
    if drained.is_err() {
        tracing::warn!(deadline_s = DRAIN_TIMEOUT.as_secs(), "stopped before all connections and deliveries finished");
    }
    result
}

/// Logs that links lead to another address than the configured one, and that the output directory isn't written.
fn log_relocation(configured: &Config, config: &Config) {
    if !config.is_relocated {
        return;
    }
    let not_written = configured.output.as_ref().map(|output| tracing::field::display(output.display()));
    tracing::info!(
        url = %config.site.url,
        configured = %configured.site.url,
        not_written,
        "links lead to the address that dateline listens on; nothing is written to the output directory"
    );
}

/// Returns the content directory. Symbolic links in its path are resolved once, so that change events name the same paths.
pub fn root(config: &Config) -> Root {
    Root::new(&config.content.directory, &config.parsing.root).with_ignore(&config.content.ignore)
}

/// Like [`root`], but with an unresolved path if the file system doesn't respond, so that the daemon starts anyway.
async fn find_root(config: &Arc<Config>) -> Root {
    let (found, root_found) = oneshot::channel();
    let task_config = Arc::clone(config);
    // The runtime would wait for one of its own threads at the end, so this thread isn't one.
    let thread = std::thread::Builder::new().name("root".into());
    let started = thread.spawn(move || found.send(root(&task_config)).unwrap_or_default());
    match tokio::time::timeout(SAVED_VERIFY_TIMEOUT, root_found).await {
        Ok(Ok(root)) if started.is_ok() => root,
        _ => Root::unresolved(&config.content.directory, &config.parsing.root).with_ignore(&config.content.ignore),
    }
}

struct Daemon {
    /// The directory that the watcher reads.
    root: Root,
    /// The directory that the published articles are from. Requests read pages and media from it, so it changes with the snapshot.
    published_root: Arc<ArcSwap<Root>>,
    /// Whether `root` differs from `published_root` until the next publication.
    is_root_pending: bool,
    snapshot: Arc<ArcSwap<Snapshot>>,
    inbox: mpsc::Receiver<Event>,
    /// Bodies that were read, one batch at a time.
    bodies: mpsc::Sender<Event>,
    body_inbox: mpsc::Receiver<Event>,
    watch_events: mpsc::Receiver<WatchEvent>,
    /// The event that ended a batch of files. The loop handles it next.
    next_watch_event: Option<WatchEvent>,
    deliveries: DeliverySender,
    watcher: WatchHandle,
    /// What the watcher and the engine tell each other during the first scan.
    scan_progress: Arc<ScanProgress>,
    persistence: Persistence,
    clock: Clock,
    /// The configuration at the start, for settings that can't change while the daemon runs.
    config: Arc<Config>,
    requests: mpsc::Receiver<PendingRequest>,
    /// The clients that wait for answers to commands.
    tickets: BTreeMap<Ticket, oneshot::Sender<Answer>>,
    /// Answers to commands. They are sent after the other effects of the same event.
    answers: Vec<Effect>,
    /// The diagnostic that the state can't be written.
    alarm: Option<Diagnostic>,
    /// The addresses that dateline listens on, if links have to lead there.
    relocation: Option<Relocation>,
    /// Activity that isn't in the log yet.
    activity: ActivityLog,
    fetches: JoinSet<()>,
    /// Permits one search for dormant articles at a time.
    dormant_lookup: Arc<Semaphore>,
    /// Reads of bodies that are under way.
    reads: fetching::Reads,
    /// The configuration that the engine accepted last. A rebuilt engine starts with it.
    checked: Checked,
    /// The same configuration, for requests.
    live_config: Arc<ArcSwap<Config>>,
    quarantine: Quarantine,
    document_store: DocumentStore,
    /// The documents of the previous run, until the first publication.
    saved_documents: SavedDocuments,
    /// Publications, for the task that saves them.
    publications: channel::Sender<Option<document_store::Published>>,
    metrics: Arc<Metrics>,
    /// Whether anything was published yet.
    published: channel::Sender<bool>,
    /// When the watcher noticed the change that is being processed.
    change_began: Option<Instant>,
    /// The interval within which systemd expects watchdog notifications (`sd_watchdog_enabled(3)`).
    watchdog: Option<Duration>,
    /// When the watchdog was notified last.
    watchdog_notified: Option<Instant>,
    started: Instant,
}

/// Notifies systemd (`sd_notify(3)`). Without systemd, nothing happens.
fn notify_systemd(states: &[sd_notify::NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!(%error, "cannot notify systemd");
    }
}

impl Daemon {
    async fn run_event_loop(mut self, ledger: Ledger, stop: impl Future<Output = ()>) -> Result<(), Fatal> {
        let mut stop = std::pin::pin!(stop);
        if let Some(why) = self.persistence.unwritable.clone() {
            self.raise_alarm(&why);
        }
        let mut engine = self.handle_event(self.engine(ledger), Event::Config(self.checked.clone())).await?;
        loop {
            self.publish_root_when_idle();
            let mut sleep = engine.wake_at().map_or(MAX_SLEEP, |instant| self.until(instant));
            sleep = self.persistence.until_retry().map_or(sleep, |retry| sleep.min(retry));
            self.write_activity();
            sleep = self.activity.until_due().map_or(sleep, |due| sleep.min(due));
            // The loop itself notifies the watchdog, which thus notices a loop that hangs.
            self.notify_watchdog();
            sleep = self.watchdog.map_or(sleep, |interval| sleep.min(interval / 2));
            let queued = self.inbox.len() + self.body_inbox.len() + self.watch_events.len();
            self.metrics.event_queue.set(i64::try_from(queued).unwrap_or(i64::MAX));
            let tick = tokio::time::sleep(sleep);
            let event = tokio::select! {
                biased;
                () = &mut stop => {
                    self.write_remaining();
                    self.activity.write(&self.config.parsing.root);
                    return Ok(());
                }
                Some(request) = self.requests.recv() => self.accept_request(request),
                Some(event) = async { self.next_watch_event.take() } => self.accept_watch_event(event),
                event = self.inbox.recv() => {
                    event.ok_or_else(|| Fatal("event channel closed".to_owned()))?
                }
                Some(event) = self.body_inbox.recv() => {
                    self.check_changed_files(&event);
                    event
                }
                event = self.watch_events.recv() => {
                    let event = event.ok_or_else(|| Fatal("the watcher ended unexpectedly".to_owned()))?;
                    self.accept_watch_event(event)
                }
                Some(_) = self.fetches.join_next() => continue,
                () = tick => Event::Tick,
            };
            for event in self.collect_batch(event) {
                engine = self.handle_event(engine, event).await?;
            }
            // The retry comes after the event, because it may take long and a retraction mustn't wait for it.
            if self.persistence.until_retry().is_some_and(|pause| pause.is_zero()) {
                self.retry_write();
                engine = self.report_writability(engine).await?;
                self.publish_postponed();
            }
        }
    }

    /// Logs recent activity, unless it belongs to a burst that isn't over.
    fn write_activity(&mut self) {
        self.activity.is_first_scan = false;
        let is_idle = self.next_watch_event.is_none()
            && self.watch_events.is_empty()
            && self.inbox.is_empty()
            && self.body_inbox.is_empty();
        self.activity.write_when_due(is_idle, &self.config.parsing.root);
    }

    fn engine(&self, ledger: Ledger) -> Engine {
        Engine::with_ledger(ledger).with_dormancy()
    }

    /// Asks the watcher to check files that no longer have the version whose body the engine asked for. Their events may be lost.
    fn check_changed_files(&self, event: &Event) {
        let Event::Unfetched(bodies) = event else { return };
        for body in bodies.iter().filter(|body| body.problem.is_none()) {
            self.watcher.check_file(self.root.path.join(body.request.path.as_str()));
        }
    }

    /// Notes when the change began and which content directory it is from, and returns the event for the engine.
    fn accept_watch_event(&mut self, watch_event: WatchEvent) -> Event {
        if matches!(watch_event.event, Event::Files(_)) {
            self.change_began = Some(watch_event.since);
        }
        if let Some(root) = watch_event.root {
            (self.root, self.is_root_pending) = (root, true);
        }
        watch_event.event
    }

    /// Lets requests read from the directory that the published articles are from.
    fn publish_root(&mut self) {
        if std::mem::take(&mut self.is_root_pending) {
            self.published_root.store(Arc::new(self.root.clone()));
        }
    }

    /// Publishes a new content directory that leads to no publication: its articles may be the same, but its media may differ.
    fn publish_root_when_idle(&mut self) {
        let is_idle = self.fetches.is_empty() && !self.persistence.has_postponed();
        if is_idle || self.snapshot.load().generation == 0 {
            self.publish_root();
        }
    }

    /// Joins a file event with those that wait in the queue, so that a burst is one batch. Returns the events for the engine.
    fn collect_batch(&mut self, event: Event) -> Vec<Event> {
        let root = self.config.parsing.root.to_string();
        let mut files = match event {
            Event::Files(files) => files,
            event => return self.quarantine.divide(event, &root),
        };
        while files.len() < MAX_BATCH_FILES {
            match self.watch_events.try_recv() {
                Ok(WatchEvent { event: Event::Files(more), root: None, .. }) => files.extend(more),
                Ok(other) => {
                    self.next_watch_event = Some(other);
                    break;
                }
                Err(_) => break,
            }
        }
        let events = self.quarantine.divide(Event::Files(files), &root);
        // A new content directory is published as a whole.
        if self.is_root_pending || self.snapshot.load().generation == 0 {
            return events;
        }
        // Large files take long to render, so each is published alone, after the others.
        let divided = events.into_iter().flat_map(|event| match event {
            Event::Files(files) => {
                let (large, small): (Vec<ParsedFile>, Vec<_>) = files.into_iter().partition(watch::is_large);
                let small = (!small.is_empty()).then_some(Event::Files(small));
                small.into_iter().chain(large.into_iter().map(|file| Event::Files(vec![file]))).collect()
            }
            other => vec![other],
        });
        divided.collect()
    }

    /// Lets the engine handle one event, reports whether its records were written, and answers commands.
    async fn handle_event(&mut self, engine: Engine, event: Event) -> Result<Engine, Fatal> {
        let engine = self.dispatch(engine, event).await?;
        let engine = self.report_writability(engine).await?;
        self.withhold();
        std::mem::take(&mut self.answers).into_iter().for_each(|answer| self.execute(answer));
        Ok(engine)
    }

    /// Tells the engine when records can no longer be written, and when they can again.
    async fn report_writability(&mut self, mut engine: Engine) -> Result<Engine, Fatal> {
        while self.persistence.is_reported_blocked != self.persistence.is_blocked() {
            self.persistence.is_reported_blocked = self.persistence.is_blocked();
            let event = if self.persistence.is_reported_blocked { Event::Unwritable } else { Event::Writable };
            engine = self.dispatch(engine, event).await?;
        }
        Ok(engine)
    }

    /// Lets the engine handle one event and executes its effects. An engine that panics is rebuilt.
    async fn dispatch(&mut self, engine: Engine, event: Event) -> Result<Engine, Fatal> {
        let event = self.relocate(event);
        let versions = quarantine::versions(&event);
        let checked = match &event {
            Event::Config(checked) | Event::Command(Command::Reload { checked, .. }, _) => Some(checked.clone()),
            _ => None,
        };
        self.notify_watchdog();
        let begun = Instant::now();
        let handled = self.run_engine(engine, event).await;
        self.metrics.build_seconds.observe(begun.elapsed().as_secs_f64());
        match handled {
            Ok((engine, effects)) => {
                self.quarantine.clear_suspects(&versions);
                // The engine may have refused the configuration.
                let is_accepted = |checked: &Checked| {
                    let hash = checked.config.as_ref().map(|config| config.hash);
                    hash.is_some() && hash == engine.config().map(|config| config.hash)
                };
                if let Some(checked) = checked.filter(is_accepted) {
                    // The watch mode doesn't concern the engine, so no effect sets it.
                    checked.config.iter().for_each(|config| self.watcher.set_mode(config.content.watch));
                    // The engine's configuration still has the settings that can't change while the daemon runs.
                    engine.config().into_iter().for_each(|config| self.live_config.store(Arc::clone(config)));
                    self.checked = checked;
                }
                if self.checked.config.as_ref().is_some_and(|config| config.hash != self.config.hash) {
                    self.drop_saved_documents();
                }
                self.execute_all(effects);
                Ok(engine)
            }
            Err(panic) => self.rebuild_engine(versions, &panic).await,
        }
    }

    /// Makes the links of a new configuration lead to the address that dateline listens on, if they have to.
    fn relocate(&self, event: Event) -> Event {
        match (event, &self.relocation) {
            (Event::Config(checked), Some(relocation)) => Event::Config(relocation.of(checked)),
            (Event::Command(Command::Reload { checked, force }, ticket), Some(relocation)) => {
                Event::Command(Command::Reload { checked: relocation.of(checked), force }, ticket)
            }
            (event, _) => event,
        }
    }

    async fn rebuild_engine(&mut self, versions: Vec<Version>, panic: &JoinError) -> Result<Engine, Fatal> {
        tracing::error!(%panic, "engine panicked; published documents stay, and everything is rebuilt");
        match self.quarantine.record_failure(versions, Instant::now()) {
            Verdict::TryAgain => {}
            Verdict::Culprit(culprit) => tracing::error!(
                article = %culprit,
                "article quarantined: the engine panics over it; please report this with the file"
            ),
            Verdict::GiveUp => return Err(Fatal("engine panicked repeatedly; giving up".to_owned())),
        }
        // Records that wait to be written stay in force. The new engine repeats the postponed effects.
        let unreadable =
            |why| Fatal(format!("the engine failed, and the ledger that a new one needs cannot be read: {why}"));
        let ledger = self.persistence.ledger().map_err(unreadable)?;
        drop(self.persistence.take_postponed());
        self.persistence.is_reported_blocked = false;
        self.answers.clear();
        self.tickets.clear();
        let engine = self.engine(ledger);
        let (engine, effects) = self
            .run_engine(engine, Event::Config(self.checked.clone()))
            .await
            .map_err(|error| Fatal(format!("the engine fails over its configuration: {error}")))?;
        self.execute_all(effects);
        self.watcher.reread_all();
        Ok(engine)
    }

    /// Passes an event to the engine. Executes the effects of all slices but the last one, whose effects it returns.
    async fn run_engine(&mut self, engine: Engine, event: Event) -> Result<(Engine, Vec<Effect>), JoinError> {
        let (mut engine, mut effects) = self.start_slice(engine, event).await?;
        while effects.pop_if(|effect| matches!(effect, Effect::Resume)).is_some() {
            // Records and documents of a slice are written while the engine works on the next one.
            let next = self.start_slice(engine, Event::Resume);
            self.execute_all(effects);
            (engine, effects) = next.await?;
        }
        Ok((engine, effects))
    }

    /// Starts the engine on a thread that may block.
    fn start_slice(&self, mut engine: Engine, event: Event) -> JoinHandle<(Engine, Vec<Effect>)> {
        let now = (self.clock)();
        let scan_progress = (self.snapshot.load().generation == 0).then(|| Arc::clone(&self.scan_progress));
        spawn_blocking(move || {
            let effects = engine.handle(event, now);
            scan_progress.iter().for_each(|progress| builder::update_horizon(&mut engine, progress, false));
            (engine, effects)
        })
    }

    /// Notifies systemd's watchdog, at most four times per interval: systemd's socket holds ten unread messages, and then senders block.
    fn notify_watchdog(&mut self) {
        let is_due = |interval| self.watchdog_notified.is_none_or(|notified| notified.elapsed() >= interval / 4);
        if self.watchdog.is_some_and(is_due) {
            notify_systemd(&[sd_notify::NotifyState::Watchdog]);
            self.watchdog_notified = Some(Instant::now());
        }
    }

    /// Turns a request into an event, and remembers the client that waits for the answer.
    fn accept_request(&mut self, (request, answer): PendingRequest) -> Event {
        let ticket = Ticket(self.tickets.last_key_value().map_or(0, |(Ticket(last), _)| last.saturating_add(1)));
        self.tickets.insert(ticket, answer);
        Event::Command(command(request, &self.config), ticket)
    }

    /// Returns the time until an instant by the wall clock, at most [`CLOCK_CHECK_INTERVAL`].
    fn until(&self, instant: Timestamp) -> Duration {
        let milliseconds = instant.as_millisecond().saturating_sub((self.clock)().as_millisecond());
        Duration::from_millis(u64::try_from(milliseconds).unwrap_or(0)).min(CLOCK_CHECK_INTERVAL)
    }
}

/// Converts a request into the engine's command. Reads the configuration file if the request is a reload.
pub fn command(request: Request, config: &Config) -> Command {
    match request {
        Request::Retract { article, reason } => {
            let reason = reason.map(|reason| Text::line(&reason)).filter(|reason| !reason.is_empty());
            Command::Retract { article, reason }
        }
        Request::Restore { article } => Command::Restore { article },
        Request::AcceptRemovals => Command::AcceptRemovals,
        Request::Configuration { hash } => Command::Configuration { hash },
        Request::Reload { force } => Command::Reload { checked: load(&config.file), force },
    }
}
