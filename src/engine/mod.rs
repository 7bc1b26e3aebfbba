//! The pure state machine: events in, effects out. The engine has no clock, disk, network, async, logging or randomness of its own.
//!
//! Start-up, one changed file, a full scan and a reload are the same path: they change the catalog and the index, and `publishing`
//! rebuilds what those changes affect. This file contains the dispatch and the order of the steps. The state belongs to parts: `recording`,
//! `removal`, `folder_pages`, `withholding`, `dormancy`, `bodies`, `entry_cache`, `publisher`, `problems` and `activity` each define one.
//!
//! # Which file contains what?
//!
//! - `configuration`: applies configurations
//! - `files`: applies the files and listings that the watcher reports
//! - `indexing`: puts articles in the index
//! - `removal`: decides whether missing files are moves, retractions or accidents
//! - `folder_pages`: decides which pages of folders are articles
//! - `commands`: handles operators' commands
//! - `publisher`: what readers see, and what has to be published next
//! - `publishing`: the order of the steps from changed articles to the next snapshot
//! - `feeds`: builds and publishes the documents of feeds
//! - `documents`: updates the snapshot's documents and collects the changes to deliver
//! - `entries`: builds the entries that feeds show and requests missing bodies
//! - `entry_cache`: keeps built entries in memory, packed
//! - `feed_set`: decides which tags and authors have feeds
//! - `bodies`: bodies that arrived, and those that were requested
//! - `fetching`: handles bodies that arrive or fail
//! - `pages`: updates article pages and media
//! - `quarantine`: leaves out versions over which dateline panics
//! - `recording`: emits ledger records
//! - `dormancy`: moves long-gone articles out of memory and finds them again
//! - `source_retention`: decides which files the store keeps copies of
//! - `withholding`: decides what takes effect and what waits while records can't be written
//! - `problems`: collects diagnostics
//! - `activity`: collects what the log says about articles
//!
//! # Why does the engine move into a blocking task?
//!
//! The daemon hands the engine over with each event and gets it back with the effects. So the engine needs no lock, and a long build
//! never delays HTTP. If the engine panics, published documents stay, and a new engine is built from the configuration and a scan.

mod activity;
mod bodies;
mod commands;
mod configuration;
mod documents;
mod dormancy;
mod entries;
mod entry_cache;
mod feed_set;
mod feeds;
mod fetching;
mod files;
mod folder_pages;
mod indexing;
mod pages;
mod problems;
mod publisher;
mod publishing;
mod quarantine;
mod recording;
mod removal;
mod source_retention;
mod withholding;

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

pub use configuration::prefix;
pub use problems::{Problems, Source};

use crate::article::card::Card;
use crate::build::catalog::Catalog;
use crate::build::index::Index;
use crate::config::Config;
use crate::diagnostics::Diagnostic;
use crate::event::{Effect, Event, Now};
use crate::ledger::Ledger;
use crate::snapshot::Snapshot;
use crate::types::ArticlePath;
use activity::Activities;
use bodies::Bodies;
use commands::actor;
use dormancy::Dormancy;
use entry_cache::EntryCache;
use folder_pages::SectionPages;
use publisher::Publisher;
use recording::Recorder;
use removal::MissingFiles;
use withholding::Withholding;

/// The engine's state. [`Engine::handle`] applies an event to it and returns the effects.
#[derive(Debug)]
pub struct Engine {
    /// The time of the last event.
    now: Timestamp,
    /// Whether the content directory has been listed completely. Nothing is published before that.
    listed: bool,
    /// The good versions of articles.
    catalog: Catalog,
    /// Which articles are public and in which feeds. `None` until the first configuration has been applied.
    index: Option<Index>,
    /// Missing files, and files that may have been moved.
    missing: MissingFiles,
    section_pages: SectionPages,
    /// The durable facts.
    recorder: Recorder,
    withholding: Withholding,
    dormancy: Dormancy,
    bodies: Bodies,
    entries: EntryCache,
    publisher: Publisher,
    problems: Problems,
    activities: Activities,
}

impl Engine {
    /// A clock that moves back by at most this much was corrected, not set.
    const MAX_CLOCK_CORRECTION: SignedDuration = SignedDuration::from_secs(1);
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

    /// Applies an event. Returns the effects to carry out, in order.
    ///
    /// A large publication proceeds in slices: the last effect is [`Effect::Resume`], and [`Event::Resume`] continues. Any other event
    /// completes the publication first.
    pub fn handle(&mut self, event: Event, now: Now) -> Vec<Effect> {
        let mut effects = Vec::new();
        if matches!(event, Event::Resume) {
            // The whole publication has the time at which it began.
            self.publish(&mut effects);
        } else {
            while self.publisher.publication.is_some() {
                self.publish(&mut effects);
            }
            self.apply_event(event, now, &mut effects);
        }
        match self.publisher.publication {
            Some(_) => effects.push(Effect::Resume),
            None => self.complete(&mut effects),
        }
        effects
    }

    /// Applies an event and publishes the changes. The order of the steps matters: moves come before removals.
    fn apply_event(&mut self, event: Event, now: Now, effects: &mut Vec<Effect>) {
        self.advance_clock(now);
        let was_listed = self.listed;
        self.activities.actor = match &event {
            Event::Command(command, _) => actor(command),
            _ => None,
        };
        if !matches!(event, Event::Unwritable) {
            self.withholding.postponed.begin_event();
        }
        match event {
            Event::Files(files) => {
                let files = self.hold_dormant(files);
                self.apply_files(files);
            }
            Event::Rescan(listing) => self.apply_listing(&listing),
            Event::Fetched(bodies) => self.receive_bodies(bodies),
            Event::Unfetched(bodies) => self.note_unavailable(bodies),
            Event::StoredVersion(versions) => self.receive_stored_versions(versions),
            // The problems list the errors.
            Event::Config(checked) => drop(self.reload(checked, false, effects)),
            Event::Delivered(outcome) => self.problems.set(Source::Target(outcome.target), outcome.problems),
            Event::Command(command, ticket) => {
                if !self.holds_command(&command, ticket) {
                    let answer = self.execute_command(command, effects);
                    self.publisher.answers.push((ticket, answer));
                }
            }
            Event::DormantFound(query, found) => {
                let answers = self.receive_dormant(&query, found, effects);
                self.publisher.answers.extend(answers);
            }
            Event::DocumentMissing(route) => self.rebuild_document(route),
            Event::Unwritable => self.postpone_additions(),
            Event::Writable => self.publish_postponed(),
            Event::Tick | Event::Resume => {}
        }
        let due_articles = self.index.as_mut().map(|index| index.advance_clock(self.now)).unwrap_or_default();
        due_articles.iter().for_each(|path| self.reindex_article(path));
        while let Some((_, key)) = self.publisher.tombstone_ends.first().cloned().filter(|(end, _)| *end <= self.now) {
            self.publisher.tombstone_ends.pop_first();
            self.publisher.feeds_to_rebuild.insert(key);
        }
        self.retry_bodies();
        self.describe_sections(was_listed);
        self.resolve_moves(self.listed && !was_listed);
        if self.listed && !was_listed {
            self.index.iter_mut().for_each(Index::compact);
            self.request_stored_versions(effects);
        }
        self.reindex_changed_pages();
        self.resolve_removals();
        self.reindex_changed_pages();
        self.publish(effects);
    }

    /// Emits what follows a publication.
    fn complete(&mut self, effects: &mut Vec<Effect>) {
        self.fall_asleep();
        let index = self.index.as_ref();
        let changes = self.problems.take_changes(|source| may_quote(source, index));
        if !changes.is_empty() {
            effects.push(Effect::Report(changes));
        }
        // Records are persisted even if nothing is published yet.
        effects.extend(self.recorder.take_unwritten());
        self.ask_for_dormant(effects);
        effects.extend(self.publisher.answers.drain(..).map(|(ticket, answer)| Effect::Answer(ticket, answer)));
    }

    /// Advances the engine's clock. If the system clock moved backwards, scheduled articles are re-evaluated; published ones
    /// stay published.
    fn advance_clock(&mut self, now: Now) {
        let moved_back = self.now.duration_since(now);
        if self.now == Timestamp::MIN || moved_back <= SignedDuration::ZERO {
            self.now = now;
        } else if moved_back > Engine::MAX_CLOCK_CORRECTION {
            self.now = now;
            self.missing.note_clock_set_back(self.move_deadline());
            self.bring_retries_forward();
            self.dormancy.clock_was_set(now);
            if let Some(config) = self.index.as_ref().map(|index| Arc::clone(index.rules().config())) {
                self.rebuild_index(&config);
            }
        }
    }

    /// Reserves memory for the number of files that the watcher found. A hint: effects don't depend on it.
    pub fn reserve(&mut self, files: usize) {
        self.catalog.reserve(files);
        self.index.iter_mut().for_each(|index| index.reserve(files));
    }

    /// The next instant at which the engine needs an [`Event::Tick`].
    pub fn wake_at(&self) -> Option<Timestamp> {
        let due = self.index.as_ref().and_then(Index::wake_at);
        let tombstone = self.publisher.tombstone_ends.first().map(|(end, _)| *end);
        due.into_iter()
            .chain(tombstone)
            .chain(self.section_pages.wake_at())
            .chain(self.missing.wake_at())
            .chain(self.next_retry())
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
    fn now_in_seconds(&self) -> Timestamp {
        Timestamp::from_second(self.now.as_second()).unwrap_or(self.now)
    }
}

/// Whether a diagnostic may quote its source. Articles that aren't public may not be quoted.
fn may_quote(source: &Source, index: Option<&Index>) -> bool {
    match source {
        Source::Article(path) | Source::Placement(path) => {
            index.and_then(|index| index.get(path)).is_some_and(|indexed| indexed.id().is_some())
        }
        _ => true,
    }
}

impl Default for Engine {
    fn default() -> Engine {
        Engine::new()
    }
}
