//! The wiring: one loop that takes events to the engine and carries out its effects; supervision; the order of shutdown.
//!
//! The engine travels into a blocking task with each event and back, so there is no lock and a build never stalls HTTP.

use std::collections::{BTreeSet, VecDeque};
use std::future::Future;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use jiff::Timestamp;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinError, JoinSet, spawn_blocking};

use crate::article::ParseOptions;
use crate::article::render::{LinkBase, render};
use crate::build::{assemble, encode};
use crate::config::{self, Checked, Config};
use crate::deliver::disk::Disk;
use crate::deliver::{self, Target};
use crate::diag::{Code, Diagnostic, Place, Severity};
use crate::engine::Engine;
use crate::event::{BodyRequest, Delivery, Effect, Event, FetchedBody, ReportChange};
use crate::ledger::{Ledger, Record};
use crate::serve::{self, Demand, ServeOptions, Supply};
use crate::snapshot::Snapshot;
use crate::store::{self, Store, Trouble};
use crate::types::ArticlePath;
use crate::watch::scan::Root;
use crate::watch::{self, WatchHandle, WatchOptions};

/// How long a fetch of bodies may take before the engine goes on without them.
const FETCH_DEADLINE: Duration = Duration::from_secs(5);
/// How soon records that could not be written are tried again.
const WRITE_AGAIN: Duration = Duration::from_secs(1);
/// How long deliveries may take at shutdown.
const DRAIN_DEADLINE: Duration = Duration::from_secs(10);
/// The most file events that are handled in one slice: they take about 50 ms.
const SLICE: usize = 2_048;
/// How often everything is scanned although nothing was heard.
const SAFETY_SCAN: Duration = Duration::from_secs(300);
/// The clock is looked at at least this often, since it may be set.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);

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
                _ => "see whether the file is readable for this user",
            };
            let diagnostic = Diagnostic::new(Code::ConfigUnreadable, format!("cannot read `{name}`: {error}"));
            Checked { config: None, diagnostics: vec![diagnostic.at(Place::file(&name)).help(help)] }
        }
    }
}

/// Watches, builds and serves until `stop` resolves. The listener is bound already, so the caller knows its address.
///
/// # Errors
/// When a part of the daemon ended by itself.
pub async fn run(
    checked: Checked,
    config: Arc<Config>,
    listener: TcpListener,
    stop: impl Future<Output = ()>,
) -> Result<(), Fatal> {
    let snapshot = Arc::new(ArcSwap::from_pointee(Snapshot::default()));
    let directory = config.state.clone();
    let opened = spawn_blocking(move || {
        let store = Store::open(&directory)?;
        let ledger = store.ledger()?;
        Ok((store, ledger))
    });
    let opened: Result<_, Trouble> = opened.await.map_err(|error| Fatal(format!("cannot open the state: {error}")))?;
    let (store, ledger) = opened.map_err(|trouble| Fatal(trouble.to_string()))?;
    let (events, inbox) = mpsc::channel(64);
    let (deliveries, delivery_inbox) = mpsc::unbounded_channel();
    let (stop_serving, serving_stopped) = oneshot::channel::<()>();
    let mut parts = JoinSet::new();

    let served = Arc::clone(&snapshot);
    let disk = {
        let config = Arc::clone(&config);
        Arc::new(move |demand: Demand| supply(&root(&config), &config.parsing, demand))
    };
    parts.spawn(async move {
        let stopped = async move { serving_stopped.await.unwrap_or_default() };
        serve::run(listener, served, disk, ServeOptions::new(now), stopped).await;
        "server"
    });
    let target = config.output.clone().map(|directory| Box::new(Disk::new(directory)) as Box<dyn Target>);
    let outcomes = events.clone();
    parts.spawn(async move {
        deliver::run(target.into_iter().collect(), delivery_inbox, outcomes).await;
        "deliveries"
    });

    let options = WatchOptions {
        root: root(&config),
        parsing: Arc::clone(&config.parsing),
        config: config.file.clone(),
        config_hash: config.hash,
        load: config::parse,
        safety: SAFETY_SCAN,
    };
    let watcher =
        watch::start(options, events.clone()).map_err(|error| Fatal(format!("cannot start the watcher: {error}")))?;
    let daemon = Daemon {
        root: root(&config),
        snapshot,
        events,
        inbox,
        next: None,
        deliveries,
        watcher,
        memory: Memory { store: Some(store), unwritten: Vec::new(), waiting: Vec::new() },
        fetches: JoinSet::new(),
        checked,
        quarantine: Quarantine::default(),
    };
    let result = tokio::select! {
        result = daemon.take_events(ledger, stop) => result,
        ended = parts.join_next() => Err(Fatal(match ended {
            Some(Ok(name)) => format!("the {name} ended unexpectedly"),
            Some(Err(error)) => format!("a part of the daemon failed: {error}"),
            None => "no part of the daemon is left".to_owned(),
        })),
    };
    // The watcher is stopped and no delivery follows: both went with the daemon. Now connections and deliveries drain.
    drop(stop_serving);
    let drained = tokio::time::timeout(DRAIN_DEADLINE, async { while parts.join_next().await.is_some() {} }).await;
    if drained.is_err() {
        tracing::warn!("connections or deliveries did not finish within {} s", DRAIN_DEADLINE.as_secs());
    }
    result
}

/// The content directory; links on the way to it are followed once, so that the system's hints are about the same paths.
pub fn root(config: &Config) -> Root {
    let path = &config.content.directory;
    Root { path: std::fs::canonicalize(path).unwrap_or_else(|_| path.clone()), name: config.parsing.root.to_string() }
}

struct Daemon {
    root: Root,
    snapshot: Arc<ArcSwap<Snapshot>>,
    events: mpsc::Sender<Event>,
    inbox: mpsc::Receiver<Event>,
    /// An event that was met while a burst of files was gathered.
    next: Option<Event>,
    deliveries: mpsc::UnboundedSender<Delivery>,
    watcher: WatchHandle,
    memory: Memory,
    fetches: JoinSet<()>,
    /// The last configuration that was taken: what a rebuilt engine starts from.
    checked: Checked,
    quarantine: Quarantine,
}

/// The way of records to the disk. While they cannot be written, readers keep what they have.
struct Memory {
    /// `None` only while it travels.
    store: Option<Store>,
    /// What the engine remembers and the store does not.
    unwritten: Vec<Record>,
    /// What was to happen after these records were written.
    waiting: Vec<Effect>,
}

impl Memory {
    /// Writes what is unwritten.
    async fn write(&mut self) -> Result<(), String> {
        let Some(mut store) = self.store.take() else { return Err("the state is gone".to_owned()) };
        let records = std::mem::take(&mut self.unwritten);
        let written = spawn_blocking(move || {
            let result = store.append(&records, now());
            (store, records, result)
        });
        let (store, records, result) = written.await.map_err(|error| error.to_string())?;
        self.store = Some(store);
        if let Err(trouble) = result {
            self.unwritten = records;
            return Err(trouble.to_string());
        }
        Ok(())
    }
}

/// Files that an engine ended over. Nobody expects any; a newsroom still wants its other stories published.
#[derive(Default)]
struct Quarantine {
    /// They were in the batch: each is tried alone.
    suspects: BTreeSet<ArticlePath>,
    /// They were alone: they are left out until they change.
    culprits: BTreeSet<ArticlePath>,
    /// How often the engine ended since it last got through.
    failures: u32,
}

impl Daemon {
    async fn take_events(mut self, ledger: Ledger, stop: impl Future<Output = ()>) -> Result<(), Fatal> {
        let mut stop = std::pin::pin!(stop);
        let mut engine = self.step(Engine::remembering(ledger), Event::Config(self.checked.clone())).await?;
        loop {
            let mut sleep = engine.wake_at().map_or(LONGEST_SLEEP, until);
            if !self.memory.unwritten.is_empty() {
                sleep = sleep.min(WRITE_AGAIN);
            }
            let tick = tokio::time::sleep(sleep);
            let event = tokio::select! {
                biased;
                () = &mut stop => return Ok(()),
                Some(event) = async { self.next.take() } => event,
                event = self.inbox.recv() => event.ok_or_else(|| Fatal("nothing sends events any more".to_owned()))?,
                Some(_) = self.fetches.join_next() => continue,
                () = tick => Event::Tick,
            };
            if !self.memory.unwritten.is_empty() {
                self.write_again().await;
            }
            for event in self.gather(event) {
                engine = self.step(engine, event).await?;
            }
        }
    }

    /// Joins file events that wait already, so that a burst is one batch; suspects go alone, culprits not at all.
    fn gather(&mut self, event: Event) -> Vec<Event> {
        let Event::Files(mut files) = event else { return vec![event] };
        while files.len() < SLICE {
            match self.inbox.try_recv() {
                Ok(Event::Files(more)) => files.extend(more),
                Ok(other) => {
                    self.next = Some(other);
                    break;
                }
                Err(_) => break,
            }
        }
        files.retain(|file| !self.quarantine.culprits.contains(&file.path));
        let (alone, together): (Vec<_>, Vec<_>) =
            files.into_iter().partition(|file| self.quarantine.suspects.contains(&file.path));
        let alone = alone.into_iter().map(|file| Event::Files(vec![file]));
        alone.chain((!together.is_empty()).then_some(Event::Files(together))).collect()
    }

    /// Takes one event to the engine and carries out its effects. An engine that panics is replaced by one that starts over.
    async fn step(&mut self, engine: Engine, event: Event) -> Result<Engine, Fatal> {
        let paths: Vec<ArticlePath> = match &event {
            Event::Files(files) => files.iter().map(|file| file.path.clone()).collect(),
            _ => Vec::new(),
        };
        if let Event::Config(checked) = &event
            && checked.config.is_some()
        {
            self.checked = checked.clone();
        }
        match travel(engine, event).await {
            Ok((engine, effects)) => {
                self.quarantine.failures = 0;
                self.perform_all(effects).await;
                Ok(engine)
            }
            Err(panic) => self.start_over(paths, &panic).await,
        }
    }

    async fn start_over(&mut self, mut paths: Vec<ArticlePath>, panic: &JoinError) -> Result<Engine, Fatal> {
        tracing::error!("the engine failed ({panic}); what is published stays, and everything is built again");
        self.quarantine.failures += 1;
        if self.quarantine.failures > 3 {
            return Err(Fatal("the engine failed again and again".to_owned()));
        }
        match paths.pop() {
            Some(culprit) if paths.is_empty() => {
                tracing::error!(
                    "{culprit} is left out: the engine failed over it alone; please report this with the file"
                );
                self.quarantine.culprits.insert(culprit);
                self.quarantine.failures = 0;
            }
            last => self.quarantine.suspects.extend(paths.into_iter().chain(last)),
        }
        let ledger = match &self.memory.store {
            Some(store) => store.ledger().map_err(|trouble| Fatal(trouble.to_string()))?,
            None => return Err(Fatal("the state is gone".to_owned())),
        };
        self.memory.unwritten.clear();
        self.memory.waiting.clear();
        let (engine, effects) = travel(Engine::remembering(ledger), Event::Config(self.checked.clone()))
            .await
            .map_err(|error| Fatal(format!("the engine fails over its configuration: {error}")))?;
        self.perform_all(effects).await;
        self.watcher.reread();
        Ok(engine)
    }

    /// Carries effects out in their order; those that readers see wait until all records before them are durable.
    async fn perform_all(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Persist(records) => {
                    let blocked = !self.memory.unwritten.is_empty();
                    self.memory.unwritten.extend(records);
                    if !blocked && let Err(why) = self.memory.write().await {
                        tracing::error!("{why}; readers keep what they have until it can be written");
                    }
                }
                Effect::Swap(_) | Effect::Deliver(_) if !self.memory.unwritten.is_empty() => {
                    self.memory.waiting.push(effect);
                }
                other => self.perform(other),
            }
        }
    }

    async fn write_again(&mut self) {
        if self.memory.write().await.is_ok() {
            tracing::info!("the state can be written again");
            for effect in std::mem::take(&mut self.memory.waiting) {
                self.perform(effect);
            }
        }
    }

    fn perform(&mut self, effect: Effect) {
        match effect {
            // Written by `perform_all`.
            Effect::Persist(_) => {}
            Effect::Swap(snapshot) => self.swap(snapshot),
            // The receiver ends only with the daemon.
            Effect::Deliver(delivery) => self.deliveries.send(delivery).unwrap_or_default(),
            Effect::Watch(plan) => self.watcher.plan(plan),
            Effect::Report(changes) => changes.iter().for_each(log),
            Effect::Fetch(requests) => {
                let Some(config) = self.checked.config.clone() else { return };
                let root = self.root.clone();
                let events = self.events.clone();
                self.fetches.spawn(async move {
                    let given_up: Vec<FetchedBody> =
                        requests.iter().map(|request| FetchedBody { request: request.clone(), body: None }).collect();
                    let fetch = spawn_blocking(move || watch::read::fetch(&root, &requests, &config.parsing));
                    let bodies = match tokio::time::timeout(FETCH_DEADLINE, fetch).await {
                        Ok(Ok(bodies)) => bodies,
                        _ => given_up,
                    };
                    // The daemon may be stopping.
                    events.send(Event::Fetched(bodies)).await.unwrap_or_default();
                });
            }
        }
    }

    fn swap(&self, snapshot: Arc<Snapshot>) {
        let report = Arc::clone(&snapshot.report);
        let before = self.snapshot.swap(snapshot);
        if before.generation == 0 {
            tracing::info!(
                "{} articles, {} published, {} feeds, {} problems",
                report.articles,
                report.published,
                report.feeds,
                report.problems.len()
            );
        }
    }
}

async fn travel(mut engine: Engine, event: Event) -> Result<(Engine, Vec<Effect>), JoinError> {
    spawn_blocking(move || {
        let effects = engine.handle(event, now());
        (engine, effects)
    })
    .await
}

/// How long until an instant, by the wall clock; it is looked at again at least every minute, since clocks are set.
fn until(instant: Timestamp) -> Duration {
    let milliseconds = instant.as_millisecond().saturating_sub(now().as_millisecond());
    Duration::from_millis(u64::try_from(milliseconds).unwrap_or(0)).min(LONGEST_SLEEP)
}

/// One log line when a problem appears, and one when it is mended.
fn log(change: &ReportChange) {
    match change {
        ReportChange::Appeared(diagnostic) => match diagnostic.severity {
            Severity::Error => tracing::error!("{}", diagnostic.to_log_line()),
            Severity::Warning => tracing::warn!("{}", diagnostic.to_log_line()),
        },
        ReportChange::Cleared(diagnostic) => tracing::info!("mended: {}", diagnostic.to_log_line()),
    }
}

/// What a request needs from the disk: the page of an article, or a media file.
fn supply(content: &Root, parsing: &ParseOptions, demand: Demand) -> io::Result<Supply> {
    match demand {
        Demand::Article(article) => {
            let request = BodyRequest { path: article.path.clone(), hash: article.metadata.hash };
            let bodies = watch::read::fetch(content, &[request], parsing);
            let body = bodies.into_iter().find_map(|fetched| fetched.body);
            // On its own page an article keeps the goals of its footnotes, which have no place among other articles.
            let links = LinkBase { anchors: true, ..assemble::link_base(&article) };
            let entry = match (body, &article.entry) {
                (Some(body), _) => Arc::new(assemble::entry(&article, &render(&body, &links))),
                // The file is broken or gone for now: the last good version is in memory.
                (None, Some(entry)) => Arc::clone(entry),
                (None, None) => return Err(io::ErrorKind::NotFound.into()),
            };
            Ok(Supply::Page(Arc::new(encode::article_page(&article, &entry))))
        }
        Demand::Media(path) => {
            let (file, metadata) = watch::read::open_media(content, &path)?;
            let modified = metadata.modified().ok().and_then(|modified| Timestamp::try_from(modified).ok());
            Ok(Supply::File { file, length: metadata.len(), modified })
        }
    }
}

/// Reads everything once and builds it: for the commands that do not stay.
pub fn build_once(
    checked: Checked,
    config: &Config,
    ledger: impl FnOnce() -> Result<Ledger, Trouble> + Send,
    progress: impl Fn(usize, usize) + Sync,
) -> Result<Built, Trouble> {
    let root = root(config);
    // The state is opened while articles are read: both wait for the disk.
    let (read, ledger) = std::thread::scope(|scope| {
        let ledger = scope.spawn(ledger);
        (watch::read_everything(&root, &config.parsing, &progress), ledger.join())
    });
    let (files, listing) = read;
    let ledger = ledger.unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
    let mut engine = Engine::remembering(ledger);
    let (mut deliveries, mut records) = (Vec::new(), Vec::new());
    let mut queue = VecDeque::from([Event::Config(checked), Event::Files(files), Event::Rescan(listing)]);
    while let Some(event) = queue.pop_front() {
        for effect in engine.handle(event, now()) {
            match effect {
                Effect::Fetch(requests) => {
                    queue.push_back(Event::Fetched(watch::read::fetch(&root, &requests, &config.parsing)));
                }
                Effect::Deliver(delivery) => deliveries.push(delivery),
                Effect::Persist(more) => records.extend(more),
                Effect::Swap(_) | Effect::Watch(_) | Effect::Report(_) => {}
            }
        }
    }
    Ok(Built { engine, deliveries, records })
}

/// What one run over everything gives.
#[derive(Debug)]
pub struct Built {
    /// The engine, and in it what readers would see.
    pub engine: Engine,
    /// The documents.
    pub deliveries: Vec<Delivery>,
    /// What must be remembered before they are shown to anybody.
    pub records: Vec<Record>,
}

/// What is remembered so far, for commands that only look.
pub fn remembered(config: &Config) -> Result<Ledger, Trouble> {
    store::peek(&config.state)
}
