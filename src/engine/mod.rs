//! The pure state machine: events in, effects out. The engine has no clock, disk, network, async, logging or randomness of its own.
//!
//! Start-up, one changed file, a full scan and a reload are the same path: they change the catalog and the index, and `publishing`
//! rebuilds what those changes affect. This file contains the dispatch and the order of the steps. The other files of this folder
//! contain the steps. The state belongs to the parts, in the folder `parts`.
//!
//! # Which file contains what?
//!
//! - `state`: the engine's state, made of the parts
//! - `configuration`: applies configurations
//! - `files`: applies the files and listings that the watcher reports
//! - `indexing`: puts articles in the index
//! - `moves`: decides whether a new file was at another path before
//! - `removals`: decides whether missing files are deletions or an accident
//! - `stored_versions`: compares the ledger with the files, and loads stored versions of articles without a good file
//! - `folder_pages`: decides which pages of folders are articles
//! - `commands`: handles operators' commands
//! - `publishing`: the order of the steps from changed articles to the next snapshot
//! - `feeds`: builds and publishes the documents of feeds
//! - `documents`: updates the snapshot's documents
//! - `entries`: builds the entries that feeds show and requests missing bodies
//! - `feed_set`: decides which tags and authors have feeds
//! - `fetching`: handles bodies that arrive or fail
//! - `pages`: updates article pages and media
//! - `quarantine`: leaves out versions over which dateline panics
//! - `recording`: emits ledger records
//! - `dormancy`: finds long-gone articles again, which aren't in memory
//! - `sweep`: moves long-gone articles out of memory
//! - `source_retention`: decides which files the store keeps copies of
//! - `withholding`: decides what takes effect and what waits while records can't be written
//! - `activity`: logs what happened to articles
//!
//! # Who may import whom in this folder?
//!
//! A part imports only other parts, and `state` imports the parts. A step imports the state, the parts, and rarely a lower step. Steps call
//! one another as methods of [`Engine`].
//!
//! # Why does the engine move into a blocking task?
//!
//! The daemon hands the engine over with each event and gets it back with the effects. So the engine needs no lock, and a long build
//! never delays HTTP. If the engine panics, published documents stay, and a new engine is built from the configuration and a scan.

mod activity;
mod commands;
mod configuration;
mod documents;
mod dormancy;
mod entries;
mod feed_set;
mod feeds;
mod fetching;
mod files;
mod folder_pages;
mod indexing;
mod moves;
mod pages;
mod parts;
mod publishing;
mod quarantine;
mod recording;
mod removals;
mod source_retention;
mod state;
mod stored_versions;
mod sweep;
mod withholding;

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

pub use configuration::prefix;
pub use parts::problems::{Problems, Source};
pub use state::Engine;

use crate::build::index::Index;
use crate::event::{Effect, Event, Now};

impl Engine {
    /// A clock that moves back by at most this much was corrected, not set.
    const MAX_CLOCK_CORRECTION: SignedDuration = SignedDuration::from_secs(1);

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
        self.activities.set_command(match &event {
            Event::Command(command, _) => Some(command),
            _ => None,
        });
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
            Event::DocumentMissing(route) => self.publisher.rebuild_document(&route),
            Event::Unwritable => self.postpone_additions(),
            Event::Writable => self.publish_postponed(),
            Event::Tick | Event::Resume => {}
        }
        let due_articles = self.index.as_mut().map(|index| index.advance_clock(self.now)).unwrap_or_default();
        due_articles.iter().for_each(|path| self.reindex_article(path));
        self.publisher.end_tombstones(self.now);
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
        let changes = self.problems.take_changes(|source| source.is_quotable(index));
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
            self.bodies.bring_retries_forward(now);
            self.dormancy.clock_was_set(now);
            if let Some(config) = self.index.as_ref().map(|index| Arc::clone(index.rules().config())) {
                self.rebuild_index(&config);
            }
        }
    }
}
