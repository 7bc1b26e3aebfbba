//! A publication under way: the changes that still have to be recorded, and the feeds that still have to be rebuilt.

use std::collections::BTreeSet;

use crate::build::index::Changes;
use crate::build::placement::FeedKey;
use crate::event::BodyRequest;
use crate::snapshot::Snapshot;
use crate::types::{ArticlePath, EntryId};

/// A publication under way. A large one proceeds in slices, each with one call of `Engine::handle`.
#[derive(Debug)]
pub(crate) enum Publication {
    /// Articles are being recorded.
    Recording(Box<Recording>),
    /// Feeds are being rebuilt.
    Building(Box<Building>),
}

/// The changed articles, recorded or not.
#[derive(Debug)]
pub(crate) struct Recording {
    /// The changes. Its articles are those that are recorded and need more than a record.
    pub(crate) changes: Changes,
    pub(crate) unrecorded: std::vec::IntoIter<ArticlePath>,
    /// The articles that may have come to feeds or left them, whether or not they need a record.
    pub(crate) touched: Vec<ArticlePath>,
    /// Ids of which readers knew another version before the publication.
    pub(crate) known: BTreeSet<EntryId>,
    /// Whether there are so many changes that the journal is reset.
    pub(crate) is_large: bool,
    /// Whether one of the articles is public.
    pub(crate) changes_entries: bool,
}

/// The rest of the work of rebuilding, and the steps after it.
#[derive(Debug)]
pub(crate) struct Building {
    pub(crate) before: Snapshot,
    pub(crate) changed: Vec<ArticlePath>,
    pub(crate) feeds: FeedQueue,
    pub(crate) rebuilt: Rebuilt,
    pub(crate) withholds: bool,
}

/// Feeds to rebuild.
pub(crate) type FeedQueue = std::vec::IntoIter<FeedKey>;

/// The results of rebuilding feeds.
#[derive(Debug, Default)]
pub(crate) struct Rebuilt {
    /// Whether the list of feeds or a title changed.
    pub(crate) list_changed: bool,
    /// The bodies that are still needed.
    pub(crate) requests: BTreeSet<BodyRequest>,
    /// The articles whose pages and media may have changed.
    pub(crate) refresh: BTreeSet<ArticlePath>,
}
