//! The engine's state: its parts, and the questions that many steps ask about them.

use std::sync::Arc;

use jiff::Timestamp;

use super::parts::activities::Activities;
use super::parts::bodies::Bodies;
use super::parts::dormancy::Dormancy;
use super::parts::entry_cache::EntryCache;
use super::parts::missing_files::MissingFiles;
use super::parts::problems::{Problems, Source};
use super::parts::publisher::Publisher;
use super::parts::recorder::{Recorder, routes};
use super::parts::section_pages::SectionPages;
use super::parts::withholding::Withholding;
use crate::article::card::Card;
use crate::build::catalog::Catalog;
use crate::build::index::{Index, IndexedArticle, Visibility};
use crate::config::Config;
use crate::diagnostics::Diagnostic;
use crate::ledger::{Ledger, Remembered, Routes};
use crate::snapshot::Snapshot;
use crate::types::ArticlePath;

/// The engine's state. [`Engine::handle`] applies an event to it and returns the effects.
#[derive(Debug)]
pub struct Engine {
    /// The time of the last event.
    pub(super) now: Timestamp,
    /// Whether the content directory has been listed completely. Nothing is published before that.
    pub(super) listed: bool,
    /// The good versions of articles.
    pub(super) catalog: Catalog,
    /// Which articles are public and in which feeds. `None` until the first configuration has been applied.
    pub(super) index: Option<Index>,
    /// Missing files, and files that may have been moved.
    pub(super) missing: MissingFiles,
    pub(super) section_pages: SectionPages,
    /// The durable facts.
    pub(super) recorder: Recorder,
    pub(super) withholding: Withholding,
    pub(super) dormancy: Dormancy,
    pub(super) bodies: Bodies,
    pub(super) entries: EntryCache,
    pub(super) publisher: Publisher,
    pub(super) problems: Problems,
    pub(super) activities: Activities,
}

impl Engine {
    /// Creates an engine with an empty ledger.
    pub fn new() -> Engine {
        Engine::with_ledger(Ledger::default())
    }

    /// Creates an engine from the ledger of earlier runs. The engine has seen no file yet.
    pub fn with_ledger(ledger: Ledger) -> Engine {
        Engine {
            now: Timestamp::MIN,
            listed: false,
            catalog: Catalog::with_room_for(ledger.len()),
            index: None,
            missing: MissingFiles::default(),
            section_pages: SectionPages::default(),
            withholding: Withholding::default(),
            dormancy: Dormancy::default(),
            bodies: Bodies::new(),
            entries: EntryCache::new(),
            publisher: Publisher::new(&ledger),
            problems: Problems::default(),
            activities: Activities::default(),
            recorder: Recorder::new(ledger),
        }
    }

    /// An engine whose articles may become dormant, for whoever answers [`Effect::FindDormant`](crate::event::Effect::FindDormant).
    #[must_use]
    pub fn with_dormancy(mut self) -> Engine {
        self.dormancy.turn_on();
        self
    }

    /// Reserves memory for the number of files that the watcher found. A hint: effects don't depend on it.
    pub fn reserve(&mut self, files: usize) {
        self.catalog.reserve(files);
        self.index.iter_mut().for_each(|index| index.reserve(files));
    }

    /// The next instant at which the engine needs an [`Event::Tick`](crate::event::Event::Tick).
    pub fn wake_at(&self) -> Option<Timestamp> {
        let due = self.index.as_ref().and_then(Index::wake_at);
        due.into_iter()
            .chain(self.publisher.wake_at())
            .chain(self.section_pages.wake_at())
            .chain(self.missing.wake_at())
            .chain(self.bodies.next_retry())
            .chain(self.dormancy.wake_at())
            .min()
    }

    /// The current configuration. `None` until the first one has been applied.
    pub fn config(&self) -> Option<&Arc<Config>> {
        self.index.as_ref().map(|index| index.rules().config())
    }

    /// The durable facts about articles and documents.
    pub fn ledger(&self) -> &Ledger {
        &self.recorder.ledger
    }

    /// The current problems by source. Unlike the report, they quote articles that aren't public: show them only in the
    /// operator's own terminal.
    pub fn problems(&self) -> impl Iterator<Item = (&Source, &Diagnostic)> {
        self.problems.iter()
    }

    /// The metadata of an article's last good version.
    pub fn card(&self, path: &ArticlePath) -> Option<Card> {
        self.catalog.get(path).map(|card| card.open(path))
    }

    /// The Unix time before which articles may arrive without a body. Few windows show older articles, and those request the
    /// bodies.
    pub fn horizon(&self) -> i64 {
        self.index.as_ref().and_then(Index::horizon).unwrap_or(i64::MIN)
    }

    /// The index of articles, for `explain`. `None` until the first configuration has been applied.
    pub fn index(&self) -> Option<&Index> {
        self.index.as_ref()
    }

    /// The snapshot that readers see.
    pub fn snapshot(&self) -> &Snapshot {
        &self.publisher.snapshot
    }

    /// The current time, rounded down to the second. Dates in feeds have this precision.
    pub(super) fn now_in_seconds(&self) -> Timestamp {
        Timestamp::from_second(self.now.as_second()).unwrap_or(self.now)
    }

    /// Whether an article is public.
    pub(super) fn is_public(&self, path: &ArticlePath) -> bool {
        let indexed = self.index.as_ref().and_then(|index| index.get(path));
        indexed.is_some_and(|indexed| matches!(indexed.visibility, Visibility::Public(_)))
    }

    /// Whether readers see an article, according to the ledger.
    pub(super) fn is_live(&self, path: &ArticlePath) -> bool {
        self.recorder.ledger.article(path).is_some_and(Remembered::is_live)
    }

    /// The routes of the feeds that an article belongs to.
    pub(super) fn routes_of(&self, indexed: &IndexedArticle) -> Routes {
        self.index.as_ref().map(|index| routes(index.feeds_of(indexed))).unwrap_or_default()
    }
}

impl Default for Engine {
    fn default() -> Engine {
        Engine::new()
    }
}
