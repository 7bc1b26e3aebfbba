//! Watches the content directory and the configuration file. Events of the operating system are hints; scans of the file system decide.
//!
//! ```text
//! os_watcher ─ hints ─┐
//! timers ─────────────┼─ worker ─ coalesce (complete? removed?) ─ read ─ Event::Files, Event::Rescan, Event::Config
//! scan ───────────────┘
//! ```
//!
//! # Which file contains what?
//!
//! Finds changes by events and scans, and reads files. `os_watcher` translates events to hints, `hints` is their channel, `worker` the
//! thread that handles them, `handle` its controls, `messages` what daemon and watcher exchange. `scan` walks, `listing` lists folders,
//! `links` resolves links, `stat` checks files, `read` reads and parses them, `known_files` has their last versions, `cache` those of
//! earlier runs, `full_read` reads everything once. Pure inside: `coalesce` decides when files are complete or removed, `mode` between
//! events and scans, `batches` which files are read together. `active_tools` recognises tools that are changing files, `mounts` mounted
//! file systems, `unreported` changes without events. `page_sources` says whether a page is current, `verify` compares files with
//! published versions.
//!
//! # How does the watcher miss no change?
//!
//! It watches first, then scans, then handles events: a change during the scan is in one of the two. Large archives are scanned before
//! they are watched and once more afterwards. A queue overflow, a new folder, an error and a timer each cause a scan, of one folder where
//! that is enough. So does a full channel (`hints`). Where the kernel doesn't report all changes, `mode` says so and sets the interval
//! between scans.
//!
//! # What happens when the content directory is replaced?
//!
//! Deployments replace a link on the way to it, or rename the directory. The watcher compares the whole new tree with the known files by
//! path and content, and sends the changes as one event. Requests are answered from the new tree once that event is published.

mod active_tools;
mod batches;
pub mod cache;
mod clock;
pub mod coalesce;
mod full_read;
mod handle;
mod hints;
mod known_files;
mod links;
mod listing;
mod messages;
mod mode;
mod mounts;
mod os_watcher;
pub mod page_sources;
pub mod read;
pub mod scan;
pub mod stat;
mod unreported;
pub mod verify;
mod worker;

pub use batches::is_large;
pub use clock::clock;
pub use full_read::read_everything;
pub use handle::{WatchHandle, start};
pub use messages::{ScanProgress, WatchEvent, WatchOptions};
