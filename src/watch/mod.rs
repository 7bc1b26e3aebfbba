//! Watching the content directory and the configuration: hints from the operating system, our own scan as the truth.
//!
//! ```text
//! notice ─ hints ─┐
//! slow timer ─────┼─ worker ─ coalesce (complete? gone?) ─ read ─ Event::Files, Event::Rescan, Event::Config
//! scan ───────────┘
//! ```
//!
//! Arm, then scan, then listen: what happens in between is in both. (An archive of tens of thousands of files or thousands of folders is
//! scanned before and after.) Overflow, a new folder, an error and a slow timer each cause a scan, of the folder where that is enough; so
//! do hints that come faster than they are worked on (`hints`). Where the system does not tell of everything, `mode` says so, and how
//! often to scan instead.
//!
//! The content directory may be swapped, by a link on the way to it or by renaming. Then all of the new tree is compared with what is
//! known by path and bytes, its changes go to the engine as one event, and requests are answered from it once that is published.

mod batches;
mod busy;
pub mod cache;
pub mod coalesce;
mod hints;
mod known;
mod links;
mod mode;
mod mounts;
mod notice;
pub mod page_sources;
pub mod read;
pub mod scan;
pub mod verify;
mod worker;

use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::mpsc::Sender;

use crate::article::ParseOptions;
use crate::beneath::Root;
use crate::config::{Checked, Watch};
use crate::diagnostics::Diagnostic;
use crate::event::{Event, Listing, ParsedFile, WatchPlan};
use crate::metrics::Metrics;
use crate::parallel;
use crate::types::{ArticlePath, ContentHash};
pub use batches::is_large;
use cache::{Cached, MetadataCache};
use hints::HintSender;
use links::LinkTable;
use notice::Hint;
use scan::{Devices, FileKind, OpenFolder};
use worker::Worker;

/// What to watch, and how.
#[derive(Clone, Debug)]
pub struct WatchOptions {
    /// The content directory.
    pub root: Root,
    /// How articles are parsed.
    pub parsing: Arc<ParseOptions>,
    /// The configuration file.
    pub config: PathBuf,
    /// The hash of the configuration that is in force.
    pub config_hash: ContentHash,
    /// How to read a configuration from its bytes.
    pub load: fn(&std::path::Path, &[u8]) -> Checked,
    /// How long a file has to stay gone.
    pub grace: Duration,
    /// How much longer at most while tools are changing files.
    pub hold: Duration,
    /// How long a file has to stay as it is before it counts as complete, where nobody said that it is.
    pub settle: Duration,
    /// How long a file may be open for writing before it is read as it is.
    pub open_limit: Duration,
    /// How changes are to be found.
    pub watch: Watch,
    /// How often everything is scanned although nothing was heard.
    pub safety: Duration,
    /// What is to be known while everything is looked at for the first time.
    pub meanwhile: Arc<ScanProgress>,
}

/// What was seen, and since when it was known that something was to be seen.
#[derive(Debug)]
pub struct WatchEvent {
    /// It.
    pub event: Event,
    /// When the first word of it came.
    pub since: Instant,
    /// The content directory, where it is another one from now on.
    pub root: Option<Root>,
}

/// The watching thread.
#[derive(Debug)]
pub struct WatchHandle {
    hints: HintSender,
}

impl WatchHandle {
    /// Changes how articles are parsed; all are read again then.
    pub fn plan(&self, plan: WatchPlan) {
        self.hints.order(|orders| orders.plan = Some(plan));
    }

    /// Changes how changes are found.
    pub fn find_by(&self, watch: Watch) {
        self.hints.order(|orders| orders.watch = Some(watch));
    }

    /// Reads everything again.
    pub fn reread(&self) {
        self.hints.order(|orders| orders.reread = true);
    }

    /// Looks at a file again, by its whole path.
    pub fn look_at(&self, file: PathBuf) {
        self.hints.hint(Hint::Touched(file));
    }
}

impl Drop for WatchHandle {
    fn drop(&mut self) {
        self.hints.order(|orders| orders.stop = true);
    }
}

/// Watches on a thread of its own until the handle is dropped or nobody receives the events. At the start, what `cache` has of files
/// is not read again.
///
/// # Errors
/// When there is no thread to be had.
pub fn start(
    options: WatchOptions,
    cache: impl MetadataCache + 'static,
    events: Sender<WatchEvent>,
    meters: Arc<Metrics>,
) -> io::Result<WatchHandle> {
    let (hints, inbox) = hints::channel();
    let own_hints = hints.clone();
    std::thread::Builder::new()
        .name("watch".into())
        .spawn(move || Worker::new(options, cache, events, own_hints, inbox, meters).run())?;
    Ok(WatchHandle { hints })
}

/// So many files are read by a core at a time.
const FILES: usize = 64;

/// What whoever reads and whoever takes what was read tell each other meanwhile.
#[derive(Debug)]
pub struct ScanProgress {
    /// The second before which no article needs to come whole: who takes may raise it.
    pub horizon: AtomicI64,
    /// How many files the first look has found so far.
    pub found: AtomicUsize,
}

impl Default for ScanProgress {
    fn default() -> ScanProgress {
        ScanProgress { horizon: AtomicI64::new(i64::MIN), found: AtomicUsize::new(0) }
    }
}

/// What is to be looked at.
enum Met {
    File(ArticlePath, FileKind),
    Unusable(ArticlePath, Diagnostic),
}

/// Reads the whole content directory once; files are taken as they are, in no order, while others are still looked for. What `cache`
/// has of them is not read again, and what it has not it is told. Of articles from before the horizon there is only the card, where
/// nothing is odd about them. By `clock` it is seen which files are too young to be kept. `progress` hears how many are read and how
/// many were found so far.
pub fn read_everything<S>(
    root: &Root,
    options: &ParseOptions,
    cache: impl MetadataCache,
    clock: fn() -> SystemTime,
    meanwhile: &ScanProgress,
    progress: &(impl Fn(usize, usize) + Sync),
    take: impl FnOnce(&mut dyn Iterator<Item = Vec<ParsedFile>>) -> S,
) -> (Listing, S) {
    let ScanProgress { horizon, found } = meanwhile;
    let done = AtomicUsize::new(0);
    let reader = read::Reader::new(root, options);
    // What is kept is asked for while what was read is handed over.
    let cache = Mutex::new(cache);
    let asked = || cache.lock().unwrap_or_else(PoisonError::into_inner);
    let find = |tell: &mut dyn FnMut((Met, Option<Cached>))| {
        let (mut files, mut gone) = (Vec::new(), Vec::new());
        let walk = scan::walk(root, "", &mut Devices::new(), &LinkTable::default(), &mut |folder| {
            let mut rows = asked().of_folder(&folder.path);
            found.fetch_add(folder.files.len(), Ordering::Relaxed);
            for (path, kind) in folder.files {
                files.push(path.clone());
                let row = rows.remove(path.name());
                tell((Met::File(path, kind), row));
            }
            gone.extend(rows.into_keys().map(|name| (ArticlePath::new(&scan::join(&folder.path, &name)), None)));
        });
        // What could not be listed may be there again the next time.
        if walk.is_sound() {
            asked().keep(gone);
            asked().finish_listing();
        }
        for (path, diagnostic) in walk.unusable {
            files.push(path.clone());
            tell((Met::Unusable(path, diagnostic), None));
        }
        Listing { files, ..walk.listing }
    };
    let read = |share: Vec<(Met, Option<Cached>)>| {
        let mut open: Option<OpenFolder<'_>> = None;
        let read = |(met, row)| {
            let read = match met {
                Met::File(path, kind) => {
                    let folder = open.take().filter(|folder| folder.has(&path));
                    let folder = open.insert(folder.unwrap_or_else(|| OpenFolder::open(root, path.folder())));
                    reader.read_or_recall(folder, &path, kind, row, clock(), horizon.load(Ordering::Relaxed))
                }
                Met::Unusable(path, diagnostic) => (read::refused(path, diagnostic), None),
            };
            progress(done.fetch_add(1, Ordering::Relaxed) + 1, found.load(Ordering::Relaxed));
            read
        };
        share.into_iter().map(read).collect()
    };
    parallel::in_passing(FILES, find, read, |results| {
        take(&mut results.map(|read| {
            let mut rows = Vec::new();
            let files = read.into_iter().map(|(file, row)| {
                rows.extend(row.map(|row| (file.path.clone(), Some(row))));
                file
            });
            let files = files.collect();
            if !rows.is_empty() {
                asked().keep(rows);
            }
            files
        }))
    })
}

/// Ages of files are measured against the system's clock, since that is what stamped them.
#[expect(clippy::disallowed_methods, reason = "part of the shell: mtimes are of the system's clock")]
pub fn clock() -> SystemTime {
    SystemTime::now()
}
