//! The messages between the daemon and the watcher.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize};
use std::time::{Duration, Instant};

use super::coalesce::Completion;
use crate::article::ParseOptions;
use crate::beneath::Root;
use crate::config::{Checked, Watch};
use crate::event::Event;
use crate::types::ContentHash;

/// The options of a watcher.
#[derive(Clone, Debug)]
pub struct WatchOptions {
    /// The directory of the source.
    pub root: Root,
    /// How articles are parsed.
    pub parsing: Arc<ParseOptions>,
    /// The configuration file. `None`: another watcher reads it.
    pub config: Option<PathBuf>,
    /// The hash of the active configuration.
    pub config_hash: Option<ContentHash>,
    /// Parses a configuration file.
    pub parse_config: fn(&Path, &[u8]) -> Checked,
    /// `content.removal_grace`: how long a file has to be missing before it counts as removed.
    pub grace: Duration,
    /// `content.removal_hold`: how much longer removals wait at most while a tool is changing files.
    pub hold: Duration,
    /// `content.settle`: how long a file has to stay unchanged before it counts as complete, if no event says so.
    pub settle: Duration,
    /// The event that completes a file after it was written.
    pub completion: Completion,
    /// How long a file may be open for writing before it is read as it is.
    pub open_limit: Duration,
    /// `content.watch`: how changes are found.
    pub watch: Watch,
    /// The interval between full scans while events report all changes.
    pub safety_interval: Duration,
    /// The progress of the first scan.
    pub progress: Arc<ScanProgress>,
}

/// An event with the time of the change.
#[derive(Debug)]
pub struct WatchEvent {
    /// The event.
    pub event: Event,
    /// When the first hint of the change arrived.
    pub since: Instant,
    /// The directory of the source, if another directory has taken its place.
    pub root: Option<Root>,
}

/// The progress of a first scan, shared by the thread that reads and the thread that receives.
#[derive(Debug)]
pub struct ScanProgress {
    /// Articles published before this Unix second may come without their bodies. The receiver raises it while feeds' windows fill up.
    pub horizon: AtomicI64,
    /// The number of files found so far.
    pub found: AtomicUsize,
}

impl Default for ScanProgress {
    fn default() -> ScanProgress {
        ScanProgress { horizon: AtomicI64::new(i64::MIN), found: AtomicUsize::new(0) }
    }
}
