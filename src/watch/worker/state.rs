//! The worker's state, and how it sends events.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::mpsc::Sender;

use super::super::batches::MAX_BATCH_FILES;
use super::super::cache::MetadataCache;
use super::super::coalesce::Coalescer;
use super::super::hints::{HintReceiver, HintSender};
use super::super::known_files::KnownFiles;
use super::super::links::LinkTable;
use super::super::listing::Devices;
use super::super::messages::{WatchEvent, WatchOptions};
use super::super::mode::{WatchLimit, WatchMode};
use super::super::mounts;
use super::super::os_watcher::OsWatcher;
use super::super::read::drop_texts;
use super::super::unreported::UnreportedChanges;
use crate::beneath::{Root, Stamp};
use crate::diagnostics::Code;
use crate::event::{Event, Listing, ParsedFile};
use crate::metrics::{Metrics, WatchStatus};
use crate::types::{ArticlePath, ContentHash};

/// How long files that were read wait for others, to be published with them. Publishing ten files costs little more than publishing one.
pub(super) const MAX_JOIN_TIME: Duration = Duration::from_millis(5);
/// How often mounts are checked.
pub(super) const MOUNT_CHECK_INTERVAL: Duration = Duration::from_secs(2);
/// How often the content directory's path is resolved.
pub(super) const ROOT_CHECK_INTERVAL: Duration = Duration::from_millis(200);
/// Watching more folders takes seconds.
pub(super) const LARGE_TREE_FOLDERS: usize = 2_000;
/// Opening more files overflows the kernel's event queue (`fs.inotify.max_queued_events`).
pub(super) const LARGE_TREE_FILES: usize = 16_384;
/// How long files of a new tree are collected, to be published together. A tree that is replaced before it has been read is published in
/// parts.
const MAX_GATHERING_TIME: Duration = Duration::from_secs(5);

/// The channel of events is closed: the daemon is stopping.
pub(super) struct Stopped;

/// Files that were read and not sent yet.
pub(super) struct Outbox {
    pub(super) files: Vec<ParsedFile>,
    /// When the first of them was read.
    pub(super) since: Instant,
    /// When the first hint of them arrived.
    hinted_at: Instant,
}

/// The configuration file. Only the watcher of the content directory reads it.
pub(super) struct ConfigFile {
    /// The file, and its folder as it is spelt in hints. `None`: another watcher reads it.
    pub(super) file: Option<(PathBuf, PathBuf)>,
    /// When to read it next.
    pub(super) due: Option<Duration>,
    /// The hash of the last version. `None`: the file was missing.
    pub(super) hash: Option<ContentHash>,
    pub(super) stamp: Option<Stamp>,
}

impl ConfigFile {
    fn new(file: Option<&PathBuf>, hash: Option<ContentHash>) -> ConfigFile {
        let file = file.map(|file| (file.clone(), config_folder(file)));
        ConfigFile { due: file.is_some().then_some(Duration::ZERO), file, hash, stamp: None }
    }

    /// Whether the file is in a folder.
    pub(super) fn is_in(&self, folder: &Path) -> bool {
        self.file.as_ref().is_some_and(|(_, own)| own == folder)
    }

    /// Schedules a read.
    pub(super) fn read_after(&mut self, due: Duration) {
        if self.file.is_some() {
            self.due.get_or_insert(due);
        }
    }
}

/// Signs of tools that are changing files, each with the time when it was last seen.
#[derive(Default)]
pub(super) struct ToolActivity {
    /// The lock of version control.
    pub(super) lock: Option<(String, Duration)>,
    /// Temporary files of transfers, by folder.
    pub(super) transfers: BTreeMap<String, (String, Duration)>,
    /// The reported reason why removals wait.
    pub(super) reported: Option<String>,
}

/// The worker's state. Durations are times since `started`.
pub(in crate::watch) struct Worker<C> {
    pub(super) options: WatchOptions,
    pub(super) config: ConfigFile,
    pub(super) events: Sender<WatchEvent>,
    /// Passed to each new [`OsWatcher`].
    pub(super) hints: HintSender,
    pub(super) inbox: HintReceiver,
    pub(super) metrics: Arc<Metrics>,
    pub(super) started: Instant,
    /// When the first of the current hints arrived.
    pub(super) hinted_at: Instant,
    pub(super) outbox: Outbox,

    // Watching.
    pub(super) os_watcher: Option<OsWatcher>,
    /// Whether the content directory is watched.
    pub(super) is_watched: bool,
    /// Whether the content directory was scanned before it was watched, so that a second scan has to follow.
    pub(super) needs_second_scan: bool,
    pub(super) limited: Option<WatchLimit>,
    /// Whether events were lost since the last full scan.
    pub(super) has_overflowed: bool,
    pub(super) mode: WatchMode,
    pub(super) unreported: UnreportedChanges,

    // Scanning.
    pub(super) next_scan: Duration,
    /// How long the last full scan took, without reading changed files.
    pub(super) scan_time: Duration,
    /// How long reading has taken since the start.
    pub(super) reading_time: Duration,
    /// Whether the next listing names every file: nothing was reported yet, or other folders are readable than before.
    pub(super) reports_all: bool,
    /// Whether a full scan has been sent or is in `first_listing`.
    pub(super) is_listed: bool,
    /// The first listing and when to send it at the latest. It waits for recently changed files to settle, and for tools.
    pub(super) first_listing: Option<(Listing, Duration)>,
    /// The folders that the last full scan couldn't list, and why.
    pub(super) unreadable: BTreeMap<String, Code>,
    pub(super) devices: Devices,
    pub(super) links: Arc<LinkTable>,
    /// Articles named by links that the current scan has found.
    pub(super) newly_linked: BTreeSet<ArticlePath>,
    /// Whether links may lead elsewhere. Their new targets are complete, because links are replaced after the files are written.
    pub(super) have_links_changed: bool,

    // Files.
    pub(super) known: KnownFiles,
    /// The metadata cache. Scanning threads load rows while this thread reads files.
    pub(super) cache: Arc<Mutex<C>>,
    pub(super) coalescer: Coalescer,
    /// Files that were read while they were open for writing.
    pub(super) read_open: BTreeSet<ArticlePath>,
    /// Files that are about to be read while they are open for writing.
    pub(super) to_read_open: BTreeSet<ArticlePath>,
    /// The old paths of renamed articles, by their new paths, until these are read.
    pub(super) renamed: BTreeMap<ArticlePath, ArticlePath>,
    pub(super) tools: ToolActivity,

    // The content directory.
    /// The mounts around it.
    pub(super) mounts: Vec<String>,
    pub(super) next_mount_check: Duration,
    pub(super) next_root_check: Duration,
    /// Since when its path has led nowhere.
    pub(super) unreachable_since: Option<Duration>,
    /// Whether a full scan is due because the directory was replaced during the last one.
    pub(super) is_scan_due: bool,
    /// The directory that has taken its place, until it is sent to the daemon.
    pub(super) new_root: Option<Root>,
    /// Since when files of a new tree are collected.
    pub(super) gathering_since: Option<Instant>,
    /// Files of a new tree that weren't parsed because their bytes were known. They are parsed later, for the cache.
    pub(super) uncached: Vec<ArticlePath>,
    /// The stamps of hidden links, where events are incomplete.
    pub(super) link_stamps: Vec<Option<Stamp>>,
}

impl<C: MetadataCache> Worker<C> {
    pub(in crate::watch) fn new(
        options: WatchOptions,
        cache: C,
        events: Sender<WatchEvent>,
        hints: HintSender,
        inbox: HintReceiver,
        metrics: Arc<Metrics>,
    ) -> Worker<C> {
        let config = ConfigFile::new(options.config.as_ref(), options.config_hash);
        let outbox = Outbox { files: Vec::new(), since: Instant::now(), hinted_at: Instant::now() };
        let coalescer = Coalescer::new(options.grace, options.settle, options.completion, options.open_limit);
        let mounts = mounts::around(&options.root.path);
        // The daemon doesn't wait until the directories of other sources have been found.
        let new_root = options.root.source.is_some().then(|| options.root.clone());
        Worker {
            options,
            config,
            events,
            hints,
            inbox,
            metrics,
            started: Instant::now(),
            hinted_at: Instant::now(),
            outbox,
            os_watcher: None,
            is_watched: false,
            needs_second_scan: false,
            limited: None,
            has_overflowed: false,
            mode: WatchMode::default(),
            scan_time: Duration::ZERO,
            reading_time: Duration::ZERO,
            unreported: UnreportedChanges::default(),
            known: KnownFiles::default(),
            cache: Arc::new(Mutex::new(cache)),
            reports_all: true,
            unreadable: BTreeMap::new(),
            devices: Devices::new(),
            renamed: BTreeMap::new(),
            links: Arc::default(),
            newly_linked: BTreeSet::new(),
            have_links_changed: false,
            coalescer,
            read_open: BTreeSet::new(),
            to_read_open: BTreeSet::new(),
            tools: ToolActivity::default(),
            next_scan: Duration::ZERO,
            mounts,
            next_mount_check: MOUNT_CHECK_INTERVAL,
            next_root_check: ROOT_CHECK_INTERVAL,
            unreachable_since: None,
            is_scan_due: false,
            uncached: Vec::new(),
            link_stamps: Vec::new(),
            new_root,
            gathering_since: None,
            first_listing: None,
            is_listed: false,
        }
    }

    /// Changes the status that operators see.
    pub(super) fn update_status(&self, change: impl Fn(WatchStatus) -> WatchStatus) {
        let Some(name) = &self.options.root.source else {
            let status = WatchStatus::clone(&self.metrics.watch_status.load());
            return self.metrics.watch_status.store(Arc::new(change(status)));
        };
        self.metrics.source_statuses.rcu(|statuses| {
            let mut statuses = BTreeMap::clone(statuses);
            let status = statuses.remove(name).unwrap_or_default();
            statuses.insert(Arc::clone(name), change(status));
            statuses
        });
    }

    /// The time since the start.
    pub(super) fn now(&self) -> Duration {
        self.started.elapsed()
    }

    /// Sends an event after the files in the outbox.
    pub(super) fn send(&mut self, event: Event) -> Result<(), Stopped> {
        self.flush_files()?;
        self.send_with_root(event, None)
    }

    /// Sends an event, with the directory that has taken the content directory's place.
    pub(super) fn send_with_root(&mut self, event: Event, root: Option<Root>) -> Result<(), Stopped> {
        self.events.blocking_send(WatchEvent { event, since: self.hinted_at, root }).map_err(|_| Stopped)
    }

    /// Puts files into the outbox. Sends them at once if the outbox is full or has waited long enough.
    pub(super) fn send_files(&mut self, mut files: Vec<ParsedFile>) -> Result<(), Stopped> {
        if self.outbox.files.is_empty() {
            (self.outbox.since, self.outbox.hinted_at) = (Instant::now(), self.hinted_at);
        }
        self.drop_bodies(&mut files);
        self.outbox.files.extend(files);
        if self.is_gathering()
            || (self.outbox.files.len() < MAX_BATCH_FILES && self.outbox.since.elapsed() < MAX_JOIN_TIME)
        {
            return Ok(());
        }
        self.flush_files()
    }

    /// Sends the files in the outbox.
    pub(super) fn flush_files(&mut self) -> Result<(), Stopped> {
        if self.outbox.files.is_empty() {
            return Ok(());
        }
        let event = Event::Files(std::mem::take(&mut self.outbox.files));
        let (since, root) = (self.outbox.hinted_at, self.new_root.take());
        self.gathering_since = self.gathering_since.map(|_| Instant::now());
        self.events.blocking_send(WatchEvent { event, since, root }).map_err(|_| Stopped)
    }

    /// Whether files of a new tree wait for the others.
    pub(super) fn is_gathering(&self) -> bool {
        let since = self.gathering_since;
        since.is_some_and(|since| since.elapsed() < MAX_GATHERING_TIME) && self.outbox.files.len() < LARGE_TREE_FILES
    }

    /// Limits the memory of a waiting new tree: drops the bodies of all but the first files. Windows fetch the bodies that they need.
    fn drop_bodies(&self, files: &mut [ParsedFile]) {
        if self.gathering_since.is_none() || self.outbox.files.len() < MAX_BATCH_FILES {
            return;
        }
        files.iter_mut().for_each(drop_texts);
    }
}

/// Locks the cache.
pub(super) fn locked<C>(cache: &Mutex<C>) -> MutexGuard<'_, C> {
    cache.lock().unwrap_or_else(PoisonError::into_inner)
}

fn config_folder(config: &Path) -> PathBuf {
    let folder = config.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned())
}
