//! The entries of feeds that aren't in an archive yet.

use std::sync::Arc;

use crate::build::assemble;
use crate::build::index::FeedNumber;
use crate::build::placement::FeedKey;
use crate::ledger::archive::Number;
use crate::types::ArticlePath;

/// The feeds that have archives, and what changed.
#[derive(Debug, Default)]
pub(crate) struct Archives {
    /// The feeds that have archives, by their numbers in the index.
    feeds: Vec<Option<OpenEntries>>,
    /// Articles that changed since the last publication.
    pub(crate) changed: Vec<ArticlePath>,
    /// Whether every feed was compared with the index since the index was built.
    pub(crate) is_compared: bool,
    /// The version of archives that change with this publication.
    pub(crate) version: u64,
}

/// The entries of a feed that aren't in an archive yet.
#[derive(Debug)]
pub(crate) struct OpenEntries {
    pub(crate) key: FeedKey,
    /// The feed's path.
    pub(crate) route: Arc<str>,
    /// Their sequence numbers, in order.
    pub(crate) numbers: Vec<Number>,
}

impl Archives {
    /// Notes that an article changed.
    pub(crate) fn note_change(&mut self, path: &ArticlePath) {
        // The comparison looks at all articles.
        if self.is_compared {
            self.changed.push(path.clone());
        }
    }

    /// The feeds that have archives.
    pub(crate) fn feeds(&self) -> impl Iterator<Item = (FeedNumber, &OpenEntries)> {
        (0..).zip(&self.feeds).filter_map(|(number, open)| Some((number, open.as_ref()?)))
    }

    /// The feeds that have archives, to change their open entries.
    pub(crate) fn feeds_mut(&mut self) -> impl Iterator<Item = (FeedNumber, &mut OpenEntries)> {
        (0..).zip(&mut self.feeds).filter_map(|(number, open)| Some((number, open.as_mut()?)))
    }

    /// The open entries of a feed. `None` if the feed has no archives.
    pub(crate) fn get(&self, feed: FeedNumber) -> Option<&OpenEntries> {
        self.feeds.get(feed as usize)?.as_ref()
    }

    pub(crate) fn get_mut(&mut self, feed: FeedNumber) -> Option<&mut OpenEntries> {
        self.feeds.get_mut(feed as usize)?.as_mut()
    }

    /// Adds a feed that has archives.
    pub(crate) fn add_feed(&mut self, feed: FeedNumber, key: &FeedKey) {
        let place = feed as usize;
        if self.feeds.len() <= place {
            self.feeds.resize_with(place + 1, || None);
        }
        let open = OpenEntries { key: key.clone(), route: assemble::route(key).into(), numbers: Vec::new() };
        if let Some(place) = self.feeds.get_mut(place) {
            *place = Some(open);
        }
    }

    /// Removes a feed. Returns its path.
    pub(crate) fn remove_feed(&mut self, feed: FeedNumber) -> Option<Arc<str>> {
        self.feeds.get_mut(feed as usize)?.take().map(|open| open.route)
    }

    /// Removes all feeds.
    pub(crate) fn clear(&mut self) {
        self.feeds.clear();
    }
}

impl OpenEntries {
    /// Adds an entry.
    pub(crate) fn add(&mut self, number: Number) {
        if let Err(place) = self.numbers.binary_search(&number) {
            self.numbers.insert(place, number);
        }
    }

    /// Whether an entry with one of these numbers is open. It is removed unless it stays.
    pub(crate) fn find(&mut self, numbers: &[Number], stays: bool) -> bool {
        let Some(place) = numbers.iter().find_map(|number| self.numbers.binary_search(number).ok()) else {
            return false;
        };
        if !stays {
            self.numbers.remove(place);
        }
        true
    }
}
