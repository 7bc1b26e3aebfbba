//! The watchers of all sources: one thread each, so that a file system that doesn't respond delays only its own source.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::Sender;

use super::configuration::unresolved_root;
use super::metadata_cache::StateCache;
use crate::beneath::{Root, Roots};
use crate::config::{self, Config, Watch};
use crate::diagnostics::{Code, Diagnostic, Place};
use crate::engine;
use crate::event::{Event, ListedDirectory, Listing, WatchPlan};
use crate::metrics::Metrics;
use crate::store::StoreHandle;
use crate::types::{ArticlePath, folder};
use crate::watch::coalesce::Completion;
use crate::watch::{self, ScanProgress, WatchEvent, WatchHandle, WatchOptions};

/// The time between full scans that find changes without an event.
const SAFETY_SCAN_INTERVAL: Duration = Duration::from_secs(300);
/// A file that stays open for writing longer than this is published as it is.
const MAX_OPEN_TIME: Duration = Duration::from_secs(60);
/// A source that reports nothing for this long counts as unreadable until it does, so that other articles are published.
const MAX_SILENCE: Duration = Duration::from_secs(10);

/// The name of a source. `None`: the content directory.
type Name = Option<Arc<str>>;

/// The watchers of all sources.
pub(super) struct Watchers {
    store: StoreHandle,
    events: Sender<WatchEvent>,
    metrics: Arc<Metrics>,
    progress: Arc<ScanProgress>,
    watch: Watch,
    running: BTreeMap<Name, Running>,
}

/// A running watcher.
struct Running {
    handle: WatchHandle,
    directory: PathBuf,
    /// The source's directory as diagnostics spell it.
    name: Arc<str>,
    /// When the watcher last reported anything. `None`: its first listing has arrived, so that it needn't report anything.
    silent_since: Option<Instant>,
}

impl Watchers {
    /// Starts the watchers of a configuration's sources.
    ///
    /// # Errors
    /// The system's error if no thread can be started.
    pub(super) fn start(
        config: &Config,
        roots: &Roots,
        store: StoreHandle,
        events: Sender<WatchEvent>,
        metrics: &Arc<Metrics>,
        progress: &Arc<ScanProgress>,
    ) -> io::Result<Watchers> {
        let (metrics, progress) = (Arc::clone(metrics), Arc::clone(progress));
        let watch = config.content.watch;
        let mut watchers = Watchers { store, events, metrics, progress, watch, running: BTreeMap::new() };
        let (content, named) = engine::watch_plans(config);
        watchers.start_one(&content, roots.content().clone(), Some(config))?;
        for plan in &named {
            watchers.start_one(plan, unresolved_root(plan), None)?;
        }
        Ok(watchers)
    }

    /// Starts a watcher. That of the content directory also reads the configuration file.
    fn start_one(&mut self, plan: &WatchPlan, root: Root, config: Option<&Config>) -> io::Result<()> {
        let options = WatchOptions {
            root,
            parsing: Arc::clone(&plan.parsing),
            config: config.map(|config| config.file.clone()),
            config_hash: config.map(|config| config.hash),
            parse_config: config::parse,
            grace: plan.grace.try_into().unwrap_or_default(),
            hold: plan.hold.try_into().unwrap_or_default(),
            settle: plan.settle.try_into().unwrap_or_default(),
            completion: if plan.source.is_some() { Completion::Settled } else { Completion::Closed },
            open_limit: MAX_OPEN_TIME,
            watch: self.watch,
            safety_interval: SAFETY_SCAN_INTERVAL,
            progress: Arc::clone(&self.progress),
        };
        let cache = StateCache::of(self.store.clone());
        let handle = watch::start(options, cache, self.events.clone(), Arc::clone(&self.metrics))?;
        let (directory, name) = (plan.directory.clone(), Arc::clone(&plan.parsing.root));
        let running = Running { handle, directory, name, silent_since: Some(Instant::now()) };
        self.running.insert(plan.source.clone(), running);
        Ok(())
    }

    /// Changes how the content directory is watched, and watches the directories of these other sources and no others. Returns the
    /// directories of all sources.
    pub(super) fn set_plans(&mut self, content: WatchPlan, named: Vec<WatchPlan>, roots: &Roots) -> Roots {
        let is_wanted = |name: &str| named.iter().any(|plan| plan.source.as_deref() == Some(name));
        self.running.retain(|name, _| name.as_deref().is_none_or(is_wanted));
        self.metrics.source_statuses.rcu(|statuses| {
            let mut statuses = BTreeMap::clone(statuses);
            statuses.retain(|name, _| is_wanted(name));
            statuses
        });
        let content = self.set_plan(content, roots);
        let named = named.into_iter().map(|plan| self.set_plan(plan, roots)).collect();
        Roots::new(content, named)
    }

    /// Changes how a directory is watched. Starts its watcher if there is none.
    fn set_plan(&mut self, plan: WatchPlan, roots: &Roots) -> Root {
        let is_same = |running: &&Running| plan.source.is_none() || running.directory == plan.directory;
        if let Some(running) = self.running.get(&plan.source).filter(is_same)
            && let Some(root) = roots.get(plan.source.as_deref())
        {
            let root = root.clone().with_ignore(&plan.ignore).with_others(&plan.others);
            running.handle.set_plan(plan);
            return root;
        }
        let root = unresolved_root(&plan);
        if let Err(error) = self.start_one(&plan, root.clone(), None) {
            tracing::error!(%error, directory = %plan.directory.display(), "cannot watch the directory of a source");
        }
        root
    }

    /// Changes how changes are found.
    pub(super) fn set_mode(&mut self, watch: Watch) {
        self.watch = watch;
        self.running.values().for_each(|running| running.handle.set_mode(watch));
    }

    /// Makes all watchers read every file again.
    pub(super) fn reread_all(&self) {
        self.running.values().for_each(|running| running.handle.reread_all());
    }

    /// Makes a watcher check whether a file has changed.
    pub(super) fn check_file(&self, roots: &Roots, path: &ArticlePath) {
        let name = path.source().map(Arc::from);
        if let (Some(running), Ok(root)) = (self.running.get(&name), roots.of(path)) {
            running.handle.check_file(root.full_path(path.file()));
        }
    }

    /// Notes that a watcher has reported something.
    pub(super) fn note_event(&mut self, event: &Event) {
        let (source, is_listing) = match event {
            Event::Files(files) => (files.first().and_then(|file| file.path.source()), false),
            Event::Rescan(listing) => (folder::source(&listing.scope), folder::is_top(&listing.scope)),
            _ => return,
        };
        if let Some(running) = self.running.get_mut(&source.map(Arc::from)) {
            running.silent_since = running.silent_since.filter(|_| !is_listing).map(|_| Instant::now());
        }
    }

    /// Whether any source hasn't been listed since its watcher was started.
    pub(super) fn is_any_unlisted(&self) -> bool {
        self.running.iter().any(|(name, running)| name.is_some() && running.silent_since.is_some())
    }

    /// The listing of a source whose watcher hasn't reported anything for long: its directory can't be read.
    pub(super) fn overdue_listing(&mut self) -> Option<Event> {
        let is_overdue = |running: &Running| running.silent_since.is_some_and(|since| since.elapsed() > MAX_SILENCE);
        let mut running = self.running.iter_mut();
        let (name, running) = running.find(|(name, running)| name.is_some() && is_overdue(running))?;
        running.silent_since = None;
        let message = format!("the directory of the source `{}` does not respond", name.as_deref().unwrap_or_default());
        let help = "its published articles stay published; see whether its disk or network file system answers";
        let diagnostic = Diagnostic::new(Code::FolderUnreadable, message).at(Place::file(&running.name)).help(help);
        let top = folder::top(name.as_deref());
        Some(Event::Rescan(Listing {
            scope: top.clone(),
            directories: vec![ListedDirectory { path: top, unreadable: Some(diagnostic) }],
            links: Vec::new(),
            files: Vec::new(),
            is_whole: true,
            doubtful: true,
            limited: None,
        }))
    }
}
