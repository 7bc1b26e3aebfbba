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
//! - `os_watcher`: translates events of the operating system to hints
//! - `hints`: the channel of hints and orders to the worker
//! - `worker`: the thread that handles them
//! - `handle`: starts and controls that thread
//! - `messages`: the messages between daemon and watcher
//! - `coalesce`: decides when files are complete or removed (pure)
//! - `mode`: decides between events and scans (pure)
//! - `batches`: decides which files are read together (pure)
//! - `scan`: walks through folders
//! - `listing`: lists a folder
//! - `links`: resolves links
//! - `stat`: checks files
//! - `read`: reads and parses files
//! - `fetch`: reads the articles that the engine requests
//! - `media_files`: finds and measures pictures and other media files
//! - `full_read`: reads everything once, without watching
//! - `known_files`: the last read version of each file
//! - `cache`: metadata of files that earlier runs read
//! - `active_tools`: recognises tools that are changing files
//! - `mounts`: the mounted file systems
//! - `unreported`: changes that scans found before any event
//! - `page_sources`: decides whether a cached page is current
//! - `verify`: compares files with published versions
//! - `clock`: the clock that file times are compared with
//!
//! # How are all changes found?
//!
//! The watcher starts watching first, then scans, then handles events. A change during the scan is found by the scan or by an event. Large
//! content directories are scanned before they are watched, and once more afterwards. A queue overflow, a full channel, a new folder, an
//! error and a timer each cause a scan, of one folder if that is enough. Where the kernel doesn't report all changes, `mode` sets the
//! interval between scans.
//!
//! # What happens when the content directory is replaced?
//!
//! Deployments replace the directory, or a link on the way to it. The watcher compares the whole new tree with the known files by
//! path and content, and sends the changes as one event. Requests are answered from the new tree once that event is published.

mod active_tools;
mod batches;
pub mod cache;
mod clock;
pub mod coalesce;
pub mod fetch;
mod full_read;
mod handle;
mod hints;
mod known_files;
mod links;
mod listing;
pub mod media_files;
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
