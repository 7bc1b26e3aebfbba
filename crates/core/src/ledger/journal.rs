//! The journal: which entries were added to feeds, changed and removed, with numbers that are never reused.
//!
//! An entry has one row per publication, with the feeds that had it before and that have it now. So a change costs one row, however many
//! feeds it concerns. A reset says that feeds changed in a way that rows can't describe, such as by a new configuration.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::Routes;
use crate::types::{ContentHash, EntryId, Text};

/// A row of the journal.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct JournalRow {
    /// The number. Later rows have higher numbers.
    pub number: u64,
    /// When the change was published.
    pub at: Timestamp,
    /// The change.
    pub change: JournalChange,
}

/// The change in a row of the journal.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum JournalChange {
    /// Any entry of any feed may have changed.
    Reset {
        /// The hash of the configuration file.
        configuration: ContentHash,
    },
    /// An entry changed.
    Entry(EntryChange),
}

/// A change of an entry.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EntryChange {
    /// Its id.
    pub id: EntryId,
    /// The hash of its file. `None` if no feed has it any more.
    pub hash: Option<ContentHash>,
    /// The feeds that had it before.
    pub before: Routes,
    /// The feeds that have it now, whether or not their windows show it.
    pub after: Routes,
    /// Why feeds have lost it.
    pub cause: RemovalCause,
    /// The public reason, if feeds have lost it for one.
    pub reason: Option<Text>,
}

impl EntryChange {
    /// Whether a feed had the entry before.
    pub fn was_in(&self, feed: &str) -> bool {
        self.before.iter().any(|route| **route == *feed)
    }

    /// Whether a feed has the entry now.
    pub fn is_in(&self, feed: &str) -> bool {
        self.after.iter().any(|route| **route == *feed)
    }
}

/// Why a feed has lost an entry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RemovalCause {
    /// The story was retracted.
    Retracted,
    /// The story expired.
    Expired,
    /// Anything else: the file was deleted, the story was withheld, or another section has it now.
    Gone,
}

impl RemovalCause {
    const ALL: [RemovalCause; 3] = [RemovalCause::Retracted, RemovalCause::Expired, RemovalCause::Gone];

    /// The name that subscribers see.
    pub fn name(self) -> &'static str {
        match self {
            RemovalCause::Retracted => "retracted",
            RemovalCause::Expired => "expired",
            RemovalCause::Gone => "gone",
        }
    }

    /// The cause with this name.
    pub fn parse(name: &str) -> Option<RemovalCause> {
        RemovalCause::ALL.into_iter().find(|cause| cause.name() == name)
    }
}

/// A part of the journal.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct JournalPart {
    /// The rows after the requested number, in order.
    pub rows: Vec<JournalRow>,
    /// Whether these are all rows after the requested number. If not, an earlier one was removed or is damaged.
    pub is_complete: bool,
    /// Whether more rows follow.
    pub has_more: bool,
}

/// The facts about the journal that the engine needs.
#[derive(Clone, Debug)]
pub struct Journal {
    /// The number of the last row. 0 if there never was one.
    pub last: u64,
    /// When the last row was published.
    pub last_at: Timestamp,
    /// The hash of the configuration file at the last reset. `None`: there is no journal yet.
    pub configuration: Option<ContentHash>,
    /// The feeds of every entry that has a row since the last reset. `None` once the first publication has compared them.
    feeds: Option<BTreeMap<EntryId, Routes>>,
}

impl Default for Journal {
    fn default() -> Journal {
        Journal { last: 0, last_at: Timestamp::MIN, configuration: None, feeds: Some(BTreeMap::new()) }
    }
}

impl Journal {
    pub(super) fn apply(&mut self, row: &JournalRow) {
        (self.last, self.last_at) = (row.number, row.at);
        match &row.change {
            JournalChange::Reset { configuration } => {
                self.configuration = Some(*configuration);
                self.feeds.iter_mut().for_each(BTreeMap::clear);
            }
            JournalChange::Entry(change) => {
                let feeds = self.feeds.as_mut();
                feeds.into_iter().for_each(|feeds| drop(feeds.insert(change.id.clone(), change.after.clone())));
            }
        }
    }

    /// The feeds of the entries with rows, to be compared with the first publication. `None` after the first call.
    pub fn take_feeds(&mut self) -> Option<BTreeMap<EntryId, Routes>> {
        self.feeds.take()
    }
}
