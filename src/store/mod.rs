//! The state directory. Ledger records are in one SQLite database with one writer. Caches and documents are in files beside it, and may
//! be lost. A running daemon sends messages to the owner of the databases ([`StoreOwner`]); commands open them themselves.
//!
//! Records of articles form a log, which `dateline history` shows. Of each document, only the latest validators are stored.
//!
//! # Which file contains what?
//!
//! - `directory`: the names of the files, and the lock
//! - `error`: the errors, and what to do about them
//! - `schema`: tables and their migration
//! - `presence`: checks whether there is a ledger, before SQLite creates one
//! - `opening`: opens databases
//! - `rows`: encodes and decodes records
//! - `archives`: sequence numbers of entries, and archives of feeds
//! - `owner`: the thread that has all connections of a running daemon
//! - `handle`: sends messages to the owner
//! - `queue`: the messages, and in which order they are handled
//! - `interruption`: handles messages in the middle of long statements
//! - `replay`: reads the ledger from its records
//! - `writer`: writes records
//! - `reader`: reads the ledger without a lock
//! - `copies`: backup and restore
//! - `compaction`: removes superseded records
//! - `dormant`: the table of dormant articles, which stay out of memory
//! - `dormant_lookup`: finds dormant articles by fingerprint
//! - `history`: the records of one article
//! - `cache`: metadata of parsed files, for the next start
//! - `renderings`: rendered bodies, for the next start
//! - `documents`: documents that aren't in memory
//! - `kept_media`: copies of the pictures of agencies' stories
//! - `saved`: the list of published documents, for the next start
//! - `journal`: what changed in feeds
//! - `push`: subscriptions of the built-in hub, and what other hubs were told

mod archives;
mod cache;
mod compaction;
mod copies;
mod directory;
mod documents;
mod dormant;
mod dormant_lookup;
mod error;
mod handle;
mod history;
mod interruption;
mod journal;
mod kept_media;
mod opening;
mod owner;
mod presence;
mod push;
mod queue;
mod reader;
mod renderings;
mod replay;
mod rows;
mod saved;
mod schema;
mod writer;

pub use cache::Row;
pub use copies::{backup, restore, start_over};
pub use documents::{AlternativePath, Documents};
pub use error::StoreError;
pub use handle::{Cache, NOT_RESPONDING, PendingWrite, StoreHandle};
pub use history::history;
pub use kept_media::{keep_media, kept_media};
pub use owner::{CacheUse, StoreOwner};
pub use queue::WriteOutcome;
pub use reader::read_ledger;
pub use renderings::Renderings;
pub use saved::{ItemKey, Origin, Saved, SavedFile, SavedSources, feed_of, remove_published_list, save_published_list};
pub use writer::Store;
