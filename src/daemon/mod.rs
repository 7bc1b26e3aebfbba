//! The daemon: the event loop, supervision, start-up and shutdown order, and the clock. Long because the loop and the order in which
//! parts start and stop belong together.
//!
//! # Which file contains what?
//!
//! - `listeners`: opens listeners and the access log, loads certificates, limits descriptors
//! - `effects`: executes the engine's effects in order
//! - `fetching`: reads bodies for the engine
//! - `persistence`: decides what waits while records cannot be written
//! - `ledger_writer`: the thread that writes records
//! - `metadata_cache`: gives the watcher the store's cache
//! - `activity`: logs what happened to articles
//! - `document_store`: loads documents that are not in memory
//! - `saved_documents`: verifies documents of the previous run before readers get them
//! - `quarantine`: finds files over which the engine panics
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
pub use builder::{Built, Inputs, build_once, remembered};
use document_store::Library;
pub use listeners::{CliOverrides, Listeners, Renewal};
pub use metadata_cache::StateCache;
use persistence::Memory;
use quarantine::{Quarantine, Verdict, Version};
use saved_documents::{SAVED_VERIFY_TIMEOUT, SavedDocuments};

/// How long deliveries may take at shutdown.
const DRAIN_DEADLINE: Duration = Duration::from_secs(10);
/// The most file events that are handled in one slice: they take about 50 ms.
const SLICE: usize = 2_048;
/// So many events of the watcher wait: it goes through an archive while the ledger is still being read.
const WATCHED: usize = 32;
/// How often everything is scanned although nothing was heard.
const SAFETY_SCAN: Duration = Duration::from_secs(300);
/// How long a file may be open for writing before it is published as it is.
const OPEN_LIMIT: Duration = Duration::from_secs(60);
/// How long nothing may happen.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);
/// The clock is looked at at least this often while something is to happen by it: clocks are set, and a machine that slept
/// does not notice how long.
const CLOCK_CHECK: Duration = Duration::from_millis(500);

/// What tells the time.
pub type Clock = fn() -> Timestamp;

/// The instant that events happen at. The one place where the clock is read.
#[expect(clippy::disallowed_methods, reason = "the shell's clock")]
pub fn now() -> Timestamp {
    Timestamp::now()
}

/// Why the daemon ended other than by being asked to.
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

/// Watches, builds and serves until `stop` resolves. The listeners are bound already, so the caller knows their addresses. What was read
/// of files before is taken from what `cache` opens, [`StateCache::at`] or [`StateCache::emptied`]. `announce` says where readers are served, once
/// the state is known to be usable.
///
/// # Errors
/// When a part of the daemon ended by itself.
pub async fn run(
    checked: Checked,
    config: Arc<Config>,
    front: Listeners,
    cache: fn(&Path) -> StateCache,
    clock: Clock,
    announce: impl FnOnce(&Listeners) -> io::Result<()>,
    stop: impl Future<Output = ()>,
) -> Result<(), Fatal> {
    let fatal = |error: JoinError| Fatal(format!("cannot open the state: {error}"));
    let written = Arc::clone(&config);
    let (checked, config) = match &front.relocation {
        Some(relocation) => {
            let checked = relocation.of(checked);
            let config = checked.config.clone().unwrap_or(config);
            (checked, config)
        }
        None => (checked, config),
    };
    let (opening, counted) = (Arc::clone(&config), Arc::clone(&front.meters));
    let opened = spawn_blocking(move || {
        let store = Store::open(&opening.state)?;
        let mut output = opening.output.clone().map(|directory| Disk::new(directory, &opening.state));
        let claimed = output.as_mut().map_or(Ok(()), Disk::lock);
        let documents = Library::open(&opening, &counted);
        let documents = documents.map_err(|error| StoreError::Io(opening.state.clone(), error.to_string()))?;
        Ok((store, documents, claimed.map(|()| output)))
    });
    let opened: Result<_, StoreError> = opened.await.map_err(fatal)?;
    let (store, documents, claimed) = opened.map_err(|trouble| Fatal(trouble.to_string()))?;
    let output = claimed.map_err(|problem| Fatal(problem.to_log_line()))?;
    let content = find_root(&config).await;
    // What is remembered is read while files are looked at.
    let opening = Arc::clone(&config);
    let remembered = spawn_blocking(move || {
        let ledger = store.awake_ledger()?;
        let saved = store.published(opening.origin(), &ledger);
        let (before, sources) = saved.map(|saved| (saved.snapshot, saved.sources)).unwrap_or_default();
        Ok((store, ledger, Snapshot { prefix: engine::prefix(&opening), ..before }, sources))
    });
    let meanwhile = Arc::new(ScanProgress::default());
    let options = WatchOptions {
        root: content.clone(),
        parsing: Arc::clone(&config.parsing),
        config: config.file.clone(),
        config_hash: config.hash,
        parse_config: config::parse,
        grace: config.content.removals.grace.try_into().unwrap_or_default(),
        hold: config.content.removals.hold.try_into().unwrap_or_default(),
        settle: config.content.settle.try_into().unwrap_or_default(),
        open_limit: OPEN_LIMIT,
        watch: config.content.watch,
        safety_interval: SAFETY_SCAN,
        progress: Arc::clone(&meanwhile),
    };
    let (heard, watched) = mpsc::channel(WATCHED);
    // The state is ours by now.
    let watcher = watch::start(options, cache(&config.state), heard, Arc::clone(&front.meters))
        .map_err(|error| Fatal(format!("cannot start the watcher: {error}")))?;
    let remembered: Result<_, StoreError> = remembered.await.map_err(fatal)?;
    let (store, ledger, before, sources) = remembered.map_err(|trouble| Fatal(trouble.to_string()))?;
    if !before.documents.is_empty() {
        let documents = before.documents.len();
        tracing::info!(documents, "serving saved documents until the first scan completes");
    }
    let saved = match before.documents.is_empty() {
        true => SavedDocuments::default(),
        false => SavedDocuments::new(content.clone(), Arc::clone(&config.parsing), config.state.clone(), sources),
    };
    let snapshot = Arc::new(ArcSwap::from_pointee(before));
    // Ends by itself once everything is known.
    let mut looks_at_root = JoinSet::new();
    looks_at_root.spawn(saved.clone().watch_root(Arc::clone(&snapshot), config.parsing.root.to_string()));
    let published_root = Arc::new(ArcSwap::from_pointee(content.clone()));
    let (events, inbox) = mpsc::channel(64);
    // Texts don't queue up.
    let (bodies, body_inbox) = mpsc::channel(1);
    let library = Library::new(Arc::new(documents), &snapshot, &events);
    let (deliveries, delivery_inbox) = deliver::queue();
    let (stop_serving, serving_stopped) = oneshot::channel::<()>();
    let mut parts = JoinSet::new();

    let served = Arc::clone(&snapshot);
    let live = Arc::new(ArcSwap::new(Arc::clone(&config)));
    let disk = {
        let (config, library, root, held_by) =
            (Arc::clone(&live), library.clone(), Arc::clone(&published_root), Arc::clone(&snapshot));
        Arc::new(move |demand: DiskRequest, wanted: &CancellationToken| match demand {
            DiskRequest::Document(route, resource) => library.read(&route, &resource).map(DiskResponse::Document),
            DiskRequest::Evict(resource) => {
                library.documents.handle_growth(&resource);
                Ok(DiskResponse::Evicted)
            }
            demand => {
                let is_media = matches!(demand, DiskRequest::Media(_));
                let supplied = builder::supply(&root, &config, demand, wanted);
                let is_held = |problem: &Diagnostic| problem.code == Code::MassRemoval;
                match supplied {
                    // While articles are held their files are only missed: 404 would make readers forget them.
                    Err(error) if is_media && error.kind() == io::ErrorKind::NotFound => {
                        match held_by.load().report.problems.iter().any(is_held) {
                            true => Err(io::ErrorKind::ResourceBusy.into()),
                            false => Err(error),
                        }
                    }
                    supplied => supplied,
                }
            }
        })
    };
    announce(&front).map_err(|error| Fatal(error.to_string()))?;
    tell_of_relocation(&written, &config);
    let (published, first) = channel::channel(false);
    let verified = saved.clone();
    let verify = SavedCheck::new(move |route, kind| Box::pin(verified.verify(route, kind)));
    let options = ServeOptions { first_publication: Some(first), verify, ..front.options(&config.server, clock) };
    let Listeners { listeners, renewal, meters, relocation } = front;
    // Whether links lead elsewhere is decided at the start, like the listeners and the output directory.
    let relocation = relocation.filter(|_| config.is_relocated);
    parts.spawn(async move {
        let stopped = async move { serving_stopped.await.unwrap_or_default() };
        serve::run(listeners, served, disk, options, stopped).await;
        "server"
    });
    // Ends when it is dropped, at the end.
    let mut certificate = JoinSet::new();
    certificate.spawn(renewal.watch_certificate());
    let target = output.map(|output| Box::new(output.with_reader(library.reader())) as Box<dyn Target>);
    let (outcomes, counted) = (events, Arc::clone(&meters));
    parts.spawn(async move {
        deliver::run(target.into_iter().collect(), delivery_inbox, outcomes, counted).await;
        "deliveries"
    });

    let (printed, to_note) = channel::channel(None);
    let (roomy, published_too) = (library.clone(), printed.subscribe());
    parts.spawn(async move {
        roomy.make_room(published_too).await;
        "care of memory"
    });
    let (tended, state, root) = (library.clone(), config.state.clone(), Arc::clone(&published_root));
    parts.spawn(async move {
        tended.tend(state, root, to_note).await;
        "care of documents"
    });
    let (ask, requests) = mpsc::channel(16);
    match control::bind(&config.state) {
        Ok(listener) => drop(parts.spawn(async move {
            control::run(listener, ask).await;
            "control socket"
        })),
        Err(error) => {
            tracing::error!(%error, "cannot open the control socket; commands such as `dateline retract` won't work")
        }
    }
    let daemon = Daemon {
        root: content,
        published_root,
        is_moving: false,
        snapshot,
        inbox,
        bodies,
        body_inbox,
        watched,
        next: None,
        deliveries,
        watcher,
        meanwhile,
        memory: Memory::new(store, clock).map_err(|error| Fatal(format!("cannot start a thread: {error}")))?,
        clock,
        config,
        requests,
        tickets: BTreeMap::new(),
        answers: Vec::new(),
        alarm: None,
        relocation,
        activity: ActivityLog::default(),
        fetches: JoinSet::new(),
        lookup: Arc::new(Semaphore::new(1)),
        reads: fetching::Reads::default(),
        checked,
        live,
        quarantine: Quarantine::default(),
        library,
        saved,
        printed,
        meters,
        published,
        changing: None,
        watchdog: sd_notify::watchdog_enabled(),
        fed: None,
        started: Instant::now(),
    };
    let result = tokio::select! {
        result = daemon.take_events(ledger, stop) => result,
        ended = parts.join_next() => Err(Fatal(match ended {
            Some(Ok(name)) => format!("the {name} ended unexpectedly"),
            Some(Err(error)) => format!("a part of the daemon failed: {error}"),
            None => "no part of the daemon is left".to_owned(),
        })),
    };
    tell_systemd(&[sd_notify::NotifyState::Stopping]);
    // The watcher is stopped and no delivery follows: both went with the daemon. Now connections and deliveries drain.
    drop(stop_serving);
    let drained = tokio::time::timeout(DRAIN_DEADLINE, async { while parts.join_next().await.is_some() {} }).await;
    if drained.is_err() {
        tracing::warn!(deadline_s = DRAIN_DEADLINE.as_secs(), "stopped before all connections and deliveries finished");
    }
    result
}

/// Says that links lead elsewhere than the configuration says, and that this run is not for the output directory.
fn tell_of_relocation(written: &Config, config: &Config) {
    if !config.is_relocated {
        return;
    }
    let unwritten = written.output.as_ref().map(|output| tracing::field::display(output.display()));
    tracing::info!(
        url = %config.site.url,
        configured = %written.site.url,
        not_written = unwritten,
        "links lead to the address that dateline listens on; nothing is written to the output directory"
    );
}

/// The content directory; links on the way to it are followed once, so that the system's hints are about the same paths.
pub fn root(config: &Config) -> Root {
    Root::new(&config.content.directory, &config.parsing.root).with_ignore(&config.content.ignore)
}

/// The same, by its own name where its file system does not answer: readers are answered all the same.
async fn find_root(config: &Arc<Config>) -> Root {
    let (found, root_found) = oneshot::channel();
    let searched = Arc::clone(config);
    // No thread of the runtime, which would wait for it at the end.
    let thread = std::thread::Builder::new().name("root".into());
    let started = thread.spawn(move || found.send(root(&searched)).unwrap_or_default());
    match tokio::time::timeout(SAVED_VERIFY_TIMEOUT, root_found).await {
        Ok(Ok(root)) if started.is_ok() => root,
        _ => Root::unresolved(&config.content.directory, &config.parsing.root).with_ignore(&config.content.ignore),
    }
}

struct Daemon {
    /// The directory that the watcher found the articles in.
    root: Root,
    /// The one that published articles are from, for requests: both change together with what is published.
    published_root: Arc<ArcSwap<Root>>,
    /// Whether that is to become `root`.
    is_moving: bool,
    snapshot: Arc<ArcSwap<Snapshot>>,
    inbox: mpsc::Receiver<Event>,
    /// Bodies that were read: a batch at a time, since these are texts.
    bodies: mpsc::Sender<Event>,
    body_inbox: mpsc::Receiver<Event>,
    /// What the watcher saw.
    watched: mpsc::Receiver<WatchEvent>,
    /// What was met while a burst of files was gathered.
    next: Option<WatchEvent>,
    deliveries: DeliverySender,
    watcher: WatchHandle,
    /// What the watcher and the engine tell each other until everything is known.
    meanwhile: Arc<ScanProgress>,
    memory: Memory,
    clock: Clock,
    /// The configuration at the start: what cannot change while it runs is of it.
    config: Arc<Config>,
    requests: mpsc::Receiver<PendingRequest>,
    /// Who waits for the answers of commands.
    tickets: BTreeMap<Ticket, oneshot::Sender<Answer>>,
    /// Answers of commands that are given once what they say was done.
    answers: Vec<Effect>,
    /// That the state cannot be written.
    alarm: Option<Diagnostic>,
    /// Where it listens, as far as links may have to lead there.
    relocation: Option<Relocation>,
    /// What happened and is not in the log yet.
    activity: ActivityLog,
    fetches: JoinSet<()>,
    /// One look-up of dormant articles is under way at a time.
    lookup: Arc<Semaphore>,
    /// Reads of bodies that did not end yet.
    reads: fetching::Reads,
    /// The last configuration that was taken: what a rebuilt engine starts from.
    checked: Checked,
    /// Its configuration, for requests.
    live: Arc<ArcSwap<Config>>,
    quarantine: Quarantine,
    library: Library,
    /// The documents of the last run, until everything is known.
    saved: SavedDocuments,
    /// What is published, for whoever writes it down.
    printed: channel::Sender<Option<document_store::Published>>,
    meters: Arc<Metrics>,
    /// Whether anything is published yet.
    published: channel::Sender<bool>,
    /// Since when the change is known that is being worked on.
    changing: Option<Instant>,
    /// Within which time systemd wants to hear that we live.
    watchdog: Option<Duration>,
    /// When it heard it last.
    fed: Option<Instant>,
    started: Instant,
}

/// Tells systemd what is going on, where it wants to know.
fn tell_systemd(news: &[sd_notify::NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(news) {
        tracing::debug!(%error, "cannot notify systemd");
    }
}

impl Daemon {
    async fn take_events(mut self, ledger: Ledger, stop: impl Future<Output = ()>) -> Result<(), Fatal> {
        let mut stop = std::pin::pin!(stop);
        if let Some(why) = self.memory.unwritable.clone() {
            self.raise_alarm(&why);
        }
        let mut engine = self.step(self.engine(ledger), Event::Config(self.checked.clone())).await?;
        loop {
            self.move_root_when_idle();
            let mut sleep = engine.wake_at().map_or(LONGEST_SLEEP, |instant| self.until(instant));
            sleep = self.memory.until_retry().map_or(sleep, |retry| sleep.min(retry));
            self.write_activity();
            sleep = self.activity.until_due().map_or(sleep, |due| sleep.min(due));
            // From here, so that it is this loop that lives.
            self.feed_watchdog();
            sleep = self.watchdog.map_or(sleep, |patience| sleep.min(patience / 2));
            self.meters
                .event_queue
                .set(i64::try_from(self.inbox.len() + self.body_inbox.len() + self.watched.len()).unwrap_or(i64::MAX));
            let tick = tokio::time::sleep(sleep);
            let event = tokio::select! {
                biased;
                () = &mut stop => {
                    self.write_the_rest();
                    self.activity.write(&self.config.parsing.root);
                    return Ok(());
                }
                Some(asked) = self.requests.recv() => self.command(asked),
                Some(heard) = async { self.next.take() } => self.begin(heard),
                event = self.inbox.recv() => {
                    event.ok_or_else(|| Fatal("nothing sends events any more".to_owned()))?
                }
                Some(event) = self.body_inbox.recv() => {
                    self.look_at_changed_files(&event);
                    event
                }
                heard = self.watched.recv() => {
                    self.begin(heard.ok_or_else(|| Fatal("the watcher ended unexpectedly".to_owned()))?)
                }
                Some(_) = self.fetches.join_next() => continue,
                () = tick => Event::Tick,
            };
            for event in self.gather(event) {
                engine = self.step(engine, event).await?;
            }
            // After that: another attempt may take time that a retraction does not have.
            if self.memory.until_retry().is_some_and(|pause| pause.is_zero()) {
                self.write_again();
                engine = self.tell_of_store(engine).await?;
                self.show_waiting();
            }
        }
    }

    /// Logs what happened, unless it is part of a burst that goes on.
    fn write_activity(&mut self) {
        self.activity.is_first = false;
        let is_idle =
            self.next.is_none() && self.watched.is_empty() && self.inbox.is_empty() && self.body_inbox.is_empty();
        self.activity.write_when_due(is_idle, &self.config.parsing.root);
    }

    fn engine(&self, ledger: Ledger) -> Engine {
        Engine::with_ledger(ledger).recollecting()
    }

    /// A file that is not what a body was asked of any more has changed, whether or not the system said so.
    fn look_at_changed_files(&self, event: &Event) {
        let Event::Unfetched(bodies) = event else { return };
        for body in bodies.iter().filter(|body| body.problem.is_none()) {
            self.watcher.check_file(self.root.path.join(body.request.path.as_str()));
        }
    }

    /// Takes up what the watcher saw.
    fn begin(&mut self, heard: WatchEvent) -> Event {
        if matches!(heard.event, Event::Files(_)) {
            self.changing = Some(heard.since);
        }
        if let Some(root) = heard.root {
            (self.root, self.is_moving) = (root, true);
        }
        heard.event
    }

    /// From now on requests are answered from the directory that what is published is from.
    fn move_root(&mut self) {
        if std::mem::take(&mut self.is_moving) {
            self.published_root.store(Arc::new(self.root.clone()));
        }
    }

    /// Where nothing is published that is different in a new directory, its pictures may be.
    fn move_root_when_idle(&mut self) {
        let is_idle = self.fetches.is_empty() && !self.memory.has_waiting();
        if is_idle || self.snapshot.load().generation == 0 {
            self.move_root();
        }
    }

    /// Joins file events that wait already, so that a burst is one batch.
    fn gather(&mut self, event: Event) -> Vec<Event> {
        let root = self.config.parsing.root.to_string();
        let mut files = match event {
            Event::Files(files) => files,
            event => return self.quarantine.divide(event, &root),
        };
        while files.len() < SLICE {
            match self.watched.try_recv() {
                Ok(WatchEvent { event: Event::Files(more), root: None, .. }) => files.extend(more),
                Ok(other) => {
                    self.next = Some(other);
                    break;
                }
                Err(_) => break,
            }
        }
        let events = self.quarantine.divide(Event::Files(files), &root);
        // A tree that was swapped is published at once.
        if self.is_moving || self.snapshot.load().generation == 0 {
            return events;
        }
        // What is large takes long to render, and is published after the others.
        let divided = events.into_iter().flat_map(|event| match event {
            Event::Files(files) => {
                let (last, first): (Vec<ParsedFile>, Vec<_>) = files.into_iter().partition(watch::is_large);
                let first = (!first.is_empty()).then_some(Event::Files(first));
                first.into_iter().chain(last.into_iter().map(|file| Event::Files(vec![file]))).collect()
            }
            other => vec![other],
        });
        divided.collect()
    }

    /// Takes one event to the engine, and lets it know where its records could not be written.
    async fn step(&mut self, engine: Engine, event: Event) -> Result<Engine, Fatal> {
        let engine = self.step_once(engine, event).await?;
        let engine = self.tell_of_store(engine).await?;
        self.withhold();
        std::mem::take(&mut self.answers).into_iter().for_each(|answer| self.perform(answer));
        Ok(engine)
    }

    /// Lets the engine know whether records can be written, where that is news.
    async fn tell_of_store(&mut self, mut engine: Engine) -> Result<Engine, Fatal> {
        while self.memory.is_told != self.memory.is_blocked() {
            self.memory.is_told = self.memory.is_blocked();
            let event = if self.memory.is_told { Event::Unwritable } else { Event::Writable };
            engine = self.step_once(engine, event).await?;
        }
        Ok(engine)
    }

    /// Takes one event to the engine and carries out its effects. An engine that panics is replaced by one that starts over.
    async fn step_once(&mut self, engine: Engine, event: Event) -> Result<Engine, Fatal> {
        let event = self.relocated(event);
        let versions = quarantine::versions(&event);
        let checked = match &event {
            Event::Config(checked) | Event::Command(Command::Reload { checked, .. }, _) => Some(checked.clone()),
            _ => None,
        };
        self.feed_watchdog();
        let begun = Instant::now();
        let handled = self.handle(engine, event).await;
        self.meters.build_seconds.observe(begun.elapsed().as_secs_f64());
        match handled {
            Ok((engine, effects)) => {
                self.quarantine.passed(&versions);
                // The engine may have refused it.
                let taken = |checked: &Checked| {
                    let hash = checked.config.as_ref().map(|config| config.hash);
                    hash.is_some() && hash == engine.config().map(|config| config.hash)
                };
                if let Some(checked) = checked.filter(taken) {
                    // To the engine it is all one how its articles are found.
                    checked.config.iter().for_each(|config| self.watcher.set_mode(config.content.watch));
                    // What cannot change while it runs is of the first one.
                    engine.config().into_iter().for_each(|config| self.live.store(Arc::clone(config)));
                    self.checked = checked;
                }
                if self.checked.config.as_ref().is_some_and(|config| config.hash != self.config.hash) {
                    self.forget_last_run();
                }
                self.perform_all(effects);
                Ok(engine)
            }
            Err(panic) => self.start_over(versions, &panic).await,
        }
    }

    /// A configuration as it is where dateline listens.
    fn relocated(&self, event: Event) -> Event {
        match (event, &self.relocation) {
            (Event::Config(checked), Some(relocation)) => Event::Config(relocation.of(checked)),
            (Event::Command(Command::Reload { checked, force }, ticket), Some(relocation)) => {
                Event::Command(Command::Reload { checked: relocation.of(checked), force }, ticket)
            }
            (event, _) => event,
        }
    }

    async fn start_over(&mut self, versions: Vec<Version>, panic: &JoinError) -> Result<Engine, Fatal> {
        tracing::error!(%panic, "engine panicked; published documents stay, and everything is rebuilt");
        match self.quarantine.failed(versions, Instant::now()) {
            Verdict::TryAgain => {}
            Verdict::Culprit(culprit) => tracing::error!(
                article = %culprit,
                "article quarantined: the engine panics over it; please report this with the file"
            ),
            Verdict::GiveUp => return Err(Fatal("engine panicked repeatedly; giving up".to_owned())),
        }
        // What waits to be written is remembered all the same; what was to follow from it is made anew.
        let unreadable =
            |why| Fatal(format!("the engine failed, and the ledger that a new one needs cannot be read: {why}"));
        let ledger = self.memory.ledger().map_err(unreadable)?;
        drop(self.memory.take_waiting());
        self.memory.is_told = false;
        self.answers.clear();
        self.tickets.clear();
        let engine = self.engine(ledger);
        let (engine, effects) = self
            .handle(engine, Event::Config(self.checked.clone()))
            .await
            .map_err(|error| Fatal(format!("the engine fails over its configuration: {error}")))?;
        self.perform_all(effects);
        self.watcher.reread_all();
        Ok(engine)
    }

    /// Passes an event to the engine. Carries out the effects of all slices but the last one, whose effects it returns.
    async fn handle(&mut self, engine: Engine, event: Event) -> Result<(Engine, Vec<Effect>), JoinError> {
        let (mut engine, mut effects) = self.start_slice(engine, event).await?;
        while effects.pop_if(|effect| matches!(effect, Effect::Resume)).is_some() {
            // Records and documents of a slice are written while the engine works on the next one.
            let next = self.start_slice(engine, Event::Resume);
            self.perform_all(effects);
            (engine, effects) = next.await?;
        }
        Ok((engine, effects))
    }

    /// Starts the engine on an event, on a thread that may take its time.
    fn start_slice(&self, mut engine: Engine, event: Event) -> JoinHandle<(Engine, Vec<Effect>)> {
        let now = (self.clock)();
        let meanwhile = (self.snapshot.load().generation == 0).then(|| Arc::clone(&self.meanwhile));
        spawn_blocking(move || {
            let effects = engine.handle(event, now);
            meanwhile.iter().for_each(|meanwhile| builder::look_ahead(&mut engine, meanwhile, false));
            (engine, effects)
        })
    }

    /// Tells systemd that this loop lives, no more often than it has to: there is room for ten words that it has not heard, and whoever
    /// says more waits for it.
    fn feed_watchdog(&mut self) {
        let is_hungry = |patience| self.fed.is_none_or(|fed| fed.elapsed() >= patience / 4);
        if self.watchdog.is_some_and(is_hungry) {
            tell_systemd(&[sd_notify::NotifyState::Watchdog]);
            self.fed = Some(Instant::now());
        }
    }

    /// A request as the engine takes it.
    fn command(&mut self, (request, answer): PendingRequest) -> Event {
        let ticket = Ticket(self.tickets.last_key_value().map_or(0, |(Ticket(last), _)| last.saturating_add(1)));
        self.tickets.insert(ticket, answer);
        Event::Command(command(request, &self.config), ticket)
    }

    /// How long until an instant, by the wall clock.
    fn until(&self, instant: Timestamp) -> Duration {
        let milliseconds = instant.as_millisecond().saturating_sub((self.clock)().as_millisecond());
        Duration::from_millis(u64::try_from(milliseconds).unwrap_or(0)).min(CLOCK_CHECK)
    }
}

/// A request as the engine takes it.
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
