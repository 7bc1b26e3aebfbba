//! The pure state machine: events in, effects out. The engine has no clock, disk, network, async, logging or randomness of its own.
//!
//! Start-up, one changed file, a full scan and a reload are the same path: they change the catalog and the index, and `publishing`
//! rebuilds what those changes affect. This file contains the engine, its dispatch and the order of the steps. The other files of this
//! folder contain the steps. The state belongs to the parts, in the folder `parts`.
//!
//! # Which file contains what?
//!
//! - `state`: the engine's state, made of the parts
//! - `configuration`: applies configurations
//! - `objections`: decides whether a new configuration would break something for readers
//! - `files`: applies the files and listings that the watcher reports
//! - `sources`: waits for the first listing of each source, and forgets the articles of removed sources
//! - `item_files`: divides files with several items into articles
//! - `item_versions`: keeps the story of an item while versions come and go
//! - `agency_notices`: applies agencies' notices to the items that they name
//! - `displacement`: keeps the stories of items whose files were overwritten
//! - `media_items`: withholds pictures that items about them withhold
//! - `dating`: dates articles that state no date
//! - `mass_undated`: holds articles without a date back if many of them arrive at once
//! - `holding`: decides which versions wait for an editor
//! - `releases`: releases stories that wait for an editor
//! - `kept_stories`: keeps the stories of removed files where a source says so
//! - `hubs`: decides which hubs feeds name
//! - `indexing`: puts articles in the index, and builds new indexes
//! - `moves`: decides whether a new file was at another path before
//! - `removals`: decides whether missing files are deletions or an accident
//! - `stored_versions`: compares the ledger with the files, and loads stored versions of articles without a good file
//! - `folder_pages`: decides which pages of folders are articles
//! - `section_pages`: takes the titles and descriptions of sections from their pages
//! - `commands`: handles operators' commands
//! - `queries`: answers questions
//! - `explanation`: explains where an article belongs, and which feeds have it
//! - `publishing`: the order of the steps from changed articles to the next snapshot
//! - `feeds`: builds and publishes the documents of feeds
//! - `documents`: updates the snapshot's documents
//! - `archives`: decides which entries are in which archive, and says what an archive contains
//! - `claims`: reports what lost its address to a section
//! - `entries`: builds the entries that feeds show and requests missing bodies
//! - `feed_set`: decides which tags and authors have feeds
//! - `fetching`: handles bodies that arrive or fail
//! - `pages`: updates article pages and media
//! - `quarantine`: leaves out versions over which dateline panics
//! - `recording`: emits ledger records
//! - `journal`: records what changed in feeds
//! - `retraction_notices`: decides how feeds announce retractions, and for how long
//! - `dormancy`: finds long-gone articles again, which aren't in memory
//! - `sweep`: moves long-gone articles out of memory
//! - `source_retention`: decides which files the store keeps copies of
//! - `withholding`: decides what takes effect and what waits while records can't be written
//! - `activity`: logs what happened to articles
//!
//! # Who may import whom in this folder?
//!
//! A part imports only other parts, and `state` imports the parts. A step is a function that changes the whole state, or only the parts that
//! it takes. It imports the state, the parts, and the steps that it calls. No two steps call each other. Only this file defines methods of
//! [`Engine`], and only `state` methods of its state (tests read the files).
//!
//! # Why does the engine move into a blocking task?
//!
//! The daemon hands the engine over with each event and gets it back with the effects. So the engine needs no lock, and a long build
//! never delays HTTP. If the engine panics, published documents stay, and a new engine is built from the configuration and a scan.

mod activity;
mod agency_notices;
mod archives;
mod claims;
mod commands;
mod configuration;
mod dating;
mod displacement;
mod documents;
mod dormancy;
mod entries;
mod explanation;
mod feed_set;
mod feeds;
mod fetching;
mod files;
mod folder_pages;
mod holding;
mod hubs;
mod indexing;
mod item_files;
mod item_versions;
mod journal;
mod kept_stories;
mod mass_undated;
mod media_items;
mod moves;
mod objections;
mod pages;
mod parts;
mod publishing;
mod quarantine;
mod queries;
mod recording;
mod releases;
mod removals;
mod retraction_notices;
mod section_pages;
mod source_retention;
mod sources;
mod state;
mod stored_versions;
mod sweep;
mod withholding;

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

pub use configuration::{prefix, watch_plans};
pub use holding::waits_for_release;
use parts::problems::Source;
use state::State;

use crate::article::card::Card;
use crate::build::index::Index;
use crate::config::Config;
use crate::diagnostics::{Code, Diagnostic};
use crate::event::{Answer, Effect, Event, Now};
use crate::ledger::Ledger;
use crate::snapshot::Snapshot;
use crate::types::ArticlePath;

/// A clock that moves back by at most this much was corrected, not set.
const MAX_CLOCK_CORRECTION: SignedDuration = SignedDuration::from_secs(1);

/// The engine. [`Engine::handle`] applies an event and returns the effects.
///
/// The caller owns the engine between two events, and may read when it has to be called next and what it published. Everything else is
/// asked with [`Event::Query`], because an answer can cross threads.
#[derive(Debug)]
pub struct Engine {
    state: State,
}

impl Engine {
    /// Creates an engine with an empty ledger.
    pub fn new() -> Engine {
        Engine::with_ledger(Ledger::default())
    }

    /// Creates an engine from the ledger of earlier runs. The engine has seen no file yet.
    pub fn with_ledger(ledger: Ledger) -> Engine {
        Engine { state: State::new(ledger) }
    }

    /// An engine whose articles may become dormant, for whoever answers [`Effect::FindDormant`].
    #[must_use]
    pub fn with_dormancy(mut self) -> Engine {
        self.state.dormancy.turn_on();
        self
    }

    /// Applies an event. Returns the effects to carry out, in order.
    ///
    /// A large publication proceeds in slices: the last effect is [`Effect::Resume`], and [`Event::Resume`] continues. Any other event
    /// completes the publication first, except for a query, which is answered from the state as it is.
    pub fn handle(&mut self, event: Event, now: Now) -> Vec<Effect> {
        let state = &mut self.state;
        if let Event::Query(query, ticket) = &event {
            return vec![Effect::Answer(*ticket, queries::answer(state, query))];
        }
        let mut effects = Vec::new();
        if matches!(event, Event::Resume) {
            // The whole publication has the time at which it began.
            publishing::advance(state, &mut effects);
        } else {
            while state.publisher.publication.is_some() {
                publishing::advance(state, &mut effects);
            }
            apply(state, event, now, &mut effects);
        }
        match state.publisher.publication {
            Some(_) => effects.push(Effect::Resume),
            None => complete(state, &mut effects),
        }
        effects
    }

    /// Reserves memory for the number of files that the watcher found. A hint: effects don't depend on it.
    pub fn reserve(&mut self, files: usize) {
        self.state.catalog.reserve(files);
        self.state.index.iter_mut().for_each(|index| index.reserve(files));
    }

    /// The next instant at which the engine needs an [`Event::Tick`].
    pub fn wake_at(&self) -> Option<Timestamp> {
        let State { hubs, index, publisher, section_pages, media_items, missing, bodies, dormancy, .. } = &self.state;
        let due = index.as_ref().and_then(Index::wake_at);
        due.into_iter()
            .chain(publisher.wake_at())
            .chain(section_pages.wake_at())
            .chain(media_items.wake_at())
            .chain(missing.wake_at())
            .chain(bodies.next_retry())
            .chain(dormancy.wake_at())
            .chain(hubs.next_change)
            .min()
    }

    /// The Unix time before which articles may arrive without a body. Few windows show older articles, and those request the
    /// bodies.
    pub fn horizon(&self) -> i64 {
        self.state.index.as_ref().and_then(Index::horizon).unwrap_or(i64::MIN)
    }

    /// The current configuration. `None` until the first one has been applied.
    pub fn config(&self) -> Option<&Arc<Config>> {
        self.state.config()
    }

    /// The durable facts about articles and documents.
    pub fn ledger(&self) -> &Ledger {
        &self.state.recorder.ledger
    }

    /// The metadata of an article's last good version, for `import-ids`.
    pub fn card(&self, path: &ArticlePath) -> Option<Card> {
        self.state.catalog.get(path).map(|card| card.open(path))
    }

    /// The index of articles, for `import-ids`. `None` until the first configuration has been applied.
    pub fn index(&self) -> Option<&Index> {
        self.state.index.as_ref()
    }

    /// The snapshot that readers see.
    pub fn snapshot(&self) -> &Snapshot {
        &self.state.publisher.snapshot
    }
}

impl Default for Engine {
    fn default() -> Engine {
        Engine::new()
    }
}

/// Applies an event and publishes the changes. The order of the steps matters: moves come before removals.
fn apply(state: &mut State, event: Event, now: Now, effects: &mut Vec<Effect>) {
    advance_clock(state, now);
    let was_listed = state.listed;
    state.activities.set_command(match &event {
        Event::Command(command, _) => Some(command),
        _ => None,
    });
    if !matches!(event, Event::Unwritable) {
        state.withholding.postponed.begin_event();
    }
    match event {
        Event::Files(files) => {
            let files = sources::configured(state, files);
            let files = item_files::divide(state, files);
            let files = dormancy::hold(state, files);
            files::apply(state, files);
        }
        Event::Rescan(listing) if sources::is_configured(state, &listing) => files::apply_listing(state, &listing),
        Event::Rescan(_) => {}
        Event::Fetched(bodies) => fetching::receive(state, bodies),
        Event::Unfetched(bodies) => fetching::note_unavailable(state, bodies),
        Event::StoredVersion(versions) => stored_versions::receive(state, versions),
        // The problems list the errors.
        Event::Config(checked) => drop(configuration::apply(state, checked, false, effects)),
        Event::Delivered(outcome) => state.problems.set(Source::Target(outcome.target), outcome.problems),
        Event::Command(command, ticket) => {
            if !dormancy::hold_command(state, &command, ticket) {
                let answer = commands::execute(state, command, effects);
                state.publisher.answers.push((ticket, answer));
            }
        }
        Event::DormantFound(query, found) => {
            let answers = dormancy::receive(state, &query, found, effects);
            state.publisher.answers.extend(answers);
        }
        Event::Hubs(states) => state.hubs.states = states,
        Event::DocumentMissing(route) => state.publisher.rebuild_document(&route),
        Event::Unwritable => withholding::postpone_additions(state),
        Event::Writable => indexing::reindex_postponed(state),
        Event::Tick | Event::Resume | Event::Query(..) => {}
    }
    let due_articles = state.index.as_mut().map(|index| index.advance_clock(state.now)).unwrap_or_default();
    due_articles.iter().for_each(|path| indexing::reindex(state, path));
    state.recorder.revised.extend(due_articles);
    state.publisher.end_tombstones(state.now);
    media_items::settle(state);
    fetching::retry_due(state);
    section_pages::describe(state, was_listed);
    moves::resolve(state, state.listed && !was_listed);
    if state.listed && !was_listed {
        state.index.iter_mut().for_each(Index::compact);
        stored_versions::request(state, effects);
    }
    indexing::reindex_changed_pages(state);
    removals::resolve(state);
    indexing::reindex_changed_pages(state);
    mass_undated::resolve(state);
    item_versions::settle(state);
    agency_notices::settle(state);
    hubs::settle(state);
    publishing::advance(state, effects);
}

/// Emits what follows a publication.
fn complete(state: &mut State, effects: &mut Vec<Effect>) {
    sweep::run(state);
    let index = state.index.as_ref();
    // Until all files are listed, nobody knows whether many articles have no date.
    let is_undecided = |diagnostic: &Diagnostic| !state.listed && diagnostic.code == Code::ArticleUndated;
    let changes = state.problems.take_changes(|source| source.is_quotable(index), is_undecided);
    if !changes.is_empty() {
        effects.push(Effect::Report(changes));
    }
    // Records are persisted even if nothing is published yet.
    effects.extend(state.recorder.take_unwritten());
    dormancy::query_store(state, effects);
    effects.extend(
        state.publisher.answers.drain(..).map(|(ticket, answer)| Effect::Answer(ticket, Answer::Command(answer))),
    );
}

/// Advances the engine's clock. If the system clock moved backwards, scheduled articles are re-evaluated; published ones
/// stay published.
fn advance_clock(state: &mut State, now: Now) {
    let moved_back = state.now.duration_since(now);
    if state.now == Timestamp::MIN || moved_back <= SignedDuration::ZERO {
        state.now = now;
    } else if moved_back > MAX_CLOCK_CORRECTION {
        state.now = now;
        state.missing.note_clock_set_back(moves::deadline(state));
        state.bodies.bring_retries_forward(now);
        state.dormancy.clock_was_set(now);
        state.media_items.clock_was_set();
        if let Some(config) = state.config().cloned() {
            indexing::rebuild(state, &config);
        }
    }
}
