//! Watching the content directory and the configuration: hints from the operating system, our own scan as the truth.
//!
//! ```text
//! notice ─ hints ─┐
//! slow timer ─────┼─ worker ─ coalesce (complete? gone?) ─ read ─ Event::Files, Event::Rescan, Event::Config
//! scan ───────────┘
//! ```
//!
//! Arm, then scan, then listen: what happens in between is in both. Overflow, a new folder, an error and a slow timer each
//! cause a scan, of the folder where that is enough.

pub mod coalesce;
mod cores;
mod mounts;
mod notice;
pub mod read;
pub mod scan;
mod worker;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use tokio::sync::mpsc::Sender;

use crate::article::ParseOptions;
use crate::config::Checked;
use crate::event::{Event, Listing, ParsedFile, WatchPlan};
use crate::types::{ArticlePath, ContentHash};
use coalesce::Stamp;
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
    /// How often everything is scanned although nothing was heard.
    pub safety: Duration,
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
pub fn start(options: WatchOptions, events: Sender<Event>) -> io::Result<WatchHandle> {
    let (hints, inbox) = mpsc::channel();
    let own_hints = hints.clone();
    std::thread::Builder::new()
        .name("watch".into())
        .spawn(move || Worker::new(options, events, own_hints, inbox).run())?;
    Ok(WatchHandle { hints })
}

/// Reads the whole content directory once. Nobody waits here: files are taken as they are.
pub fn read_everything(
    root: &Root,
    options: &ParseOptions,
    progress: &(impl Fn(usize, usize) + Sync),
) -> (Vec<ParsedFile>, Listing) {
    let scan = scan::scan(root, "", &mut Devices::new());
    let seen = scan.files.into_iter().map(|(path, stamp)| (path, Some(stamp)));
    let found: Vec<(ArticlePath, Option<Stamp>)> =
        seen.chain(scan.unusable.into_iter().map(|(path, _)| (path, None))).collect();
    let files = read::read_all(root, &found, options, &|done| progress(done, found.len()));
    (files, scan.listing)
}
