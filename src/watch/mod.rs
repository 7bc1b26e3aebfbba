//! Watching the content directory and the configuration: hints from the operating system, our own scan as the truth.
//!
//! ```text
//! notice ─ hints ─┐
//! slow timer ─────┼─ worker ─ coalesce (complete? gone?) ─ read ─ Event::Files, Event::Rescan, Event::Config
//! scan ───────────┘
//! ```
//!
//! Arm, then scan, then listen: what happens in between is in both. Overflow, a new folder, an error and a slow timer each
//! cause a scan, of the folder where that is enough. Where the system does not tell of everything, `mode` says so, and how often
//! to scan instead.

pub mod coalesce;
mod cores;
mod mode;
mod mounts;
mod notice;
pub mod read;
pub mod scan;
mod worker;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::Sender;

use crate::article::ParseOptions;
use crate::config::{Checked, Watch};
use crate::diag::Diagnostic;
use crate::event::{Event, Listing, ParsedFile, WatchPlan};
use crate::meter::Meters;
use crate::types::{ArticlePath, ContentHash};
use notice::Hint;
use scan::{Devices, Root};
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
    /// How changes are to be found.
    pub watch: Watch,
    /// How often everything is scanned although nothing was heard.
    pub safety: Duration,
}

/// What was seen, and since when it was known that something was to be seen.
#[derive(Debug)]
pub struct Heard {
    /// It.
    pub event: Event,
    /// When the first word of it came.
    pub since: Instant,
}

/// The watching thread.
#[derive(Debug)]
pub struct WatchHandle {
    hints: mpsc::Sender<Hint>,
}

impl WatchHandle {
    /// Changes how articles are parsed; all are read again then.
    pub fn plan(&self, plan: WatchPlan) {
        self.say(Hint::Plan(plan));
    }

    /// Changes how changes are found.
    pub fn find_by(&self, watch: Watch) {
        self.say(Hint::Wanted(watch));
    }

    /// Reads everything again.
    pub fn reread(&self) {
        self.say(Hint::Reread);
    }

    fn say(&self, hint: Hint) {
        // A worker that ended has nothing to do any more.
        self.hints.send(hint).unwrap_or_default();
    }
}

impl Drop for WatchHandle {
    fn drop(&mut self) {
        self.say(Hint::Stop);
    }
}

/// Watches on a thread of its own until the handle is dropped or nobody receives the events.
///
/// # Errors
/// When there is no thread to be had.
pub fn start(options: WatchOptions, events: Sender<Heard>, meters: Arc<Meters>) -> io::Result<WatchHandle> {
    let (hints, inbox) = mpsc::channel();
    let own_hints = hints.clone();
    std::thread::Builder::new()
        .name("watch".into())
        .spawn(move || Worker::new(options, events, own_hints, inbox, meters).run())?;
    Ok(WatchHandle { hints })
}

/// What a walk met under the name of an article.
enum Met {
    File,
    /// A link, a folder or something stranger.
    Other,
    Unusable(Diagnostic),
}

/// Reads the whole content directory once; files are taken as they are, in no order, while others are still looked for.
/// `progress` hears how many are read and how many were found so far.
pub fn read_everything<S>(
    root: &Root,
    options: &ParseOptions,
    progress: &(impl Fn(usize, usize) + Sync),
    take: impl FnOnce(&mut dyn Iterator<Item = Vec<ParsedFile>>) -> S,
) -> (Listing, S) {
    let (done, found) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let reader = read::Reader::new(root, options);
    let find = |tell: &mut dyn FnMut((ArticlePath, Met))| {
        let mut files = Vec::new();
        let walk = scan::walk(root, "", &mut Devices::new(), &mut |path, kind| {
            found.fetch_add(1, Ordering::Relaxed);
            files.push(path.clone());
            tell((path, if kind.is_file() { Met::File } else { Met::Other }));
        });
        for (path, diagnostic) in walk.unusable {
            files.push(path.clone());
            tell((path, Met::Unusable(diagnostic)));
        }
        files.sort_unstable();
        Listing { files, ..walk.listing }
    };
    let read = |(path, met): (ArticlePath, Met)| {
        let file = match met {
            Met::File => reader.read_regular(&path),
            Met::Other => reader.read(&path, None),
            Met::Unusable(diagnostic) => read::refused(path, diagnostic),
        };
        progress(done.fetch_add(1, Ordering::Relaxed) + 1, found.load(Ordering::Relaxed));
        file
    };
    cores::in_passing(find, read, take)
}
