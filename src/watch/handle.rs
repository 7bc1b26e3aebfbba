//! Starts the watcher's thread and controls it.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::mpsc::Sender;

use super::cache::MetadataCache;
use super::hints::{self, Hint, HintSender};
use super::messages::{WatchEvent, WatchOptions};
use super::worker::Worker;
use crate::config::Watch;
use crate::event::WatchPlan;
use crate::metrics::Metrics;

/// Controls the watcher's thread. Dropping it ends the thread.
#[derive(Debug)]
pub struct WatchHandle {
    hints: HintSender,
}

impl WatchHandle {
    /// Changes what is watched and how articles are parsed.
    pub fn set_plan(&self, plan: WatchPlan) {
        self.hints.order(|orders| orders.plan = Some(plan));
    }

    /// Changes how changes are found.
    pub fn set_mode(&self, watch: Watch) {
        self.hints.order(|orders| orders.watch = Some(watch));
    }

    /// Reads every file again.
    pub fn reread_all(&self) {
        self.hints.order(|orders| orders.reread = true);
    }

    /// Checks whether a file has changed, by its absolute path.
    pub fn check_file(&self, file: PathBuf) {
        self.hints.hint(Hint::Changed(file));
    }
}

impl Drop for WatchHandle {
    fn drop(&mut self) {
        self.hints.order(|orders| orders.stop = true);
    }
}

/// Starts a thread that watches until the handle is dropped or the channel of events is closed. At the start, files that match their row
/// in the cache aren't read.
///
/// # Errors
/// The system's error if no thread can be started.
pub fn start(
    options: WatchOptions,
    cache: impl MetadataCache + 'static,
    events: Sender<WatchEvent>,
    metrics: Arc<Metrics>,
) -> io::Result<WatchHandle> {
    let (hints, inbox) = hints::channel();
    let own_hints = hints.clone();
    std::thread::Builder::new().name("watch".into()).spawn(move || {
        let is_resolved = options.root.has_existed();
        let root = if is_resolved { options.root } else { options.root.resolve_again() };
        let options = WatchOptions { root, ..options };
        Worker::new(options, cache, events, own_hints, inbox, metrics).run();
    })?;
    Ok(WatchHandle { hints })
}
