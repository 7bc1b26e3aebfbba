//! The pure state machine: events in, effects out. The engine has no clock, disk, network, async, logging or randomness of its own.
//!
//! Start-up, one changed file, a full scan and a reload are the same path: they change the catalog and the index, and `publishing`
//! rebuilds what those changes affect. This file is long because it holds the engine's state and dispatches events.
//!
//! # Which file contains what?
//!
//! - `removal`: decides whether missing files are moves, retractions or accidents
//! - `folder_pages`: decides which pages of folders are articles
//! - `commands`: handles operators' commands
//! - `publishing`: the order of the steps from changed articles to the next snapshot
//! - `feeds`: builds and publishes the documents of feeds
//! - `documents`: updates the snapshot's documents and collects the changes to deliver
//! - `entries`: builds the entries that feeds show and requests missing bodies
//! - `entry_cache`: keeps built entries in memory, packed
//! - `feed_set`: decides which tags and authors have feeds
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
mod commands;
mod documents;
mod dormancy;
mod entries;
mod entry_cache;
mod feed_set;
mod feeds;
mod fetching;
mod folder_pages;
mod pages;
mod problems;
mod publishing;
mod quarantine;
mod recording;
mod removal;
mod source_retention;
mod withholding;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

pub use problems::{Problems, Source};

use crate::article::access::Access;
use crate::article::card::{Card, Packed};
use crate::article::render::Rendered;
use crate::article::{Article, Metadata, Parsed, bundle};
use crate::build::catalog::{Catalog, Change, Read};
use crate::build::gone_feeds;
use crate::build::index::{Index, Visibility};
use crate::build::placement::FeedKey;
use crate::build::render_cache::{RenderCache, RenderKey};
use crate::config::{Config, Paid};
use crate::diagnostics::{Code, Diagnostic};
use crate::event::{Command, Effect, Event, FileState, Listing, Now, ParsedFile, Ticket, WatchPlan};
use crate::ledger::{Ledger, Record, Routes};
use crate::snapshot::{PageFrame, Snapshot};
use crate::types::{ArticlePath, ContentHash, Moment, SectionPath, Text};
use activity::Activities;
use documents::UnstoredDocuments;
use dormancy::Dormancy;
use entry_cache::{CachedEntry, UnpackedEntries};
use folder_pages::SectionPages;
use publishing::Publication;
use quarantine::Quarantine;
use removal::MissingFiles;
use source_retention::SourceRetention;
use withholding::PostponedArticles;

/// The engine's state. [`Engine::handle`] applies an event to it and returns the effects.
#[derive(Debug)]
pub struct Engine {
    /// The time of the last event.
    now: Timestamp,
    catalog: Catalog,
    ledger: Ledger,
    /// Records that the ledger has applied and the store hasn't written yet.
    unwritten_records: Vec<Record>,
    /// Missing files, and files that may have been moved.
    missing: MissingFiles,
    section_pages: SectionPages,
    /// Articles deleted since the last publication, with the routes of the feeds that had them.
    deleted: BTreeMap<ArticlePath, Routes>,
    /// Articles whose ledger entry or withholding changed since the last publication, whether or not they have a file.
    ledger_changes: BTreeSet<ArticlePath>,
    /// Whether the next publication removes something that must disappear at once.
    has_urgent_removal: bool,
    /// Articles that became teasers since the last publication.
    new_teasers: BTreeSet<ArticlePath>,
    postponed: PostponedArticles,
    dormancy: Dormancy,
    /// Routes of documents that lost an entry since the last delivery.
    shrunk_routes: BTreeSet<Arc<str>>,
    /// The documents that the last run delivered, until the first delivery of this one.
    last_run_documents: BTreeMap<Arc<str>, ContentHash>,
    /// `None` until the first configuration has been applied.
    index: Option<Index>,
    /// Whether the content directory has been listed completely. Nothing is published before that.
    listed: bool,
    problems: Problems,
    activities: Activities,

    cache: RenderCache,
    /// Articles that arrived with this batch, until their entries are built.
    pending_articles: HashMap<ArticlePath, PendingArticle>,
    /// The size of `pending_articles`. Above the maximum, articles that no window shows are dropped.
    pending_bytes: usize,
    max_pending_bytes: usize,
    /// Bodies that were requested and haven't arrived yet.
    requested_bodies: BTreeMap<ArticlePath, ContentHash>,
    /// Versions whose bodies couldn't be read when they were requested.
    unavailable_bodies: BTreeSet<(ArticlePath, ContentHash)>,
    /// When unavailable bodies are requested again.
    retries: fetching::Retries,
    /// Feeds to rebuild in the next publication, whether or not their articles changed.
    feeds_to_rebuild: BTreeSet<FeedKey>,
    /// When feeds stop listing their tombstones.
    tombstone_ends: BTreeSet<(Timestamp, FeedKey)>,

    /// The entries of all windows, by article.
    cached_entries: HashMap<ArticlePath, CachedEntry>,
    unpacked: UnpackedEntries,
    /// Entries that left their last window or haven't entered one. The next publication drops those that no window shows.
    eviction_candidates: Vec<ArticlePath>,
    quarantine: Quarantine,
    source_retention: SourceRetention,
    /// The articles that each published feed shows.
    windows: BTreeMap<FeedKey, Vec<ArticlePath>>,
    feed_titles: BTreeMap<FeedKey, Text>,
    /// The file names of each feed's documents, below its route.
    document_names: BTreeMap<FeedKey, BTreeSet<String>>,
    /// Feeds, and their routes, that aren't written to the output directory because another feed has the same folder there.
    unwritten_feeds: BTreeSet<FeedKey>,
    unwritten_routes: BTreeSet<String>,
    /// The short id in the address of each article's page.
    page_ids: HashMap<ArticlePath, Arc<str>>,
    /// The media routes that each article refers to, and the articles that refer to each route.
    media: HashMap<ArticlePath, BTreeSet<Arc<str>>>,
    referrers: HashMap<Arc<str>, BTreeSet<ArticlePath>>,
    page_frames: HashMap<SectionPath, Arc<PageFrame>>,
    /// Incremented with each configuration. Entries built under an earlier one are rebuilt.
    epoch: u64,

    /// Documents to rebuild because their bytes were lost.
    missing_documents: BTreeSet<Arc<str>>,
    unstored_documents: UnstoredDocuments,
    /// The publication under way, if it continues with [`Event::Resume`].
    publication: Option<Publication>,
    /// Answers to commands whose effects are being published.
    answers: Vec<(Ticket, Result<String, String>)>,

    snapshot: Snapshot,
    /// Whether documents are built for a different address than `site.url` (`Config::is_relocated`).
    is_relocated: bool,
    /// Routes changed since the last swap, for delivery. `None` after a configuration change: all routes.
    changed_routes: Option<BTreeSet<Arc<str>>>,
}

/// An article that arrived with an event, so that its body needn't be requested.
#[derive(Debug)]
struct PendingArticle {
    hash: ContentHash,
    /// `None` if only the source is needed.
    article: Option<Article>,
    /// The rendered body with its key, if the body arrived rendered.
    rendered: Option<(RenderKey, Arc<Rendered>)>,
    /// The bytes of the file.
    source: Option<Arc<[u8]>>,
}

impl PendingArticle {
    /// The approximate size in memory, in bytes.
    fn size_in_bytes(&self) -> usize {
        let body = self.article.as_ref().and_then(|article| article.body.as_ref());
        let source = self.source.as_ref().map_or(0, |source| source.len());
        body.map_or(0, |body| body.len()) + source + size_of::<Metadata>()
    }
}

impl Engine {
    /// The budget for rendered bodies that no window shows. They belong to articles being edited at the moment.
    const RENDER_CACHE_BYTES: usize = 8 << 20;
    /// The budget for articles that arrive with files. Above it, articles that no window shows are dropped, and windows request
    /// what they miss.
    const MAX_PENDING_BYTES: usize = 16 << 20;
    /// A clock that moves back by at most this much was corrected, not set.
    const MAX_CLOCK_CORRECTION: SignedDuration = SignedDuration::from_secs(1);
    /// An edit this soon after first publication completes the article: its file was still being written.
    const COMPLETION_PERIOD: SignedDuration = SignedDuration::from_mins(1);

    /// Creates an engine with an empty ledger.
    pub fn new() -> Engine {
        Engine::with_ledger(Ledger::default())
    }

    /// Creates an engine from the ledger of earlier runs. The engine has seen no file yet.
    pub fn with_ledger(ledger: Ledger) -> Engine {
        Engine {
            unwritten_records: Vec::new(),
            missing: MissingFiles::default(),
            section_pages: SectionPages::default(),
            deleted: BTreeMap::new(),
            has_urgent_removal: false,
            new_teasers: BTreeSet::new(),
            postponed: PostponedArticles::default(),
            dormancy: Dormancy::default(),
            shrunk_routes: BTreeSet::new(),
            last_run_documents: documents::delivered_documents(&ledger),
            ledger_changes: BTreeSet::new(),
            now: Timestamp::MIN,
            catalog: Catalog::with_room_for(ledger.len()),
            ledger,
            index: None,
            listed: false,
            problems: Problems::default(),
            activities: Activities::default(),
            cache: RenderCache::new(Engine::RENDER_CACHE_BYTES),
            pending_articles: HashMap::new(),
            pending_bytes: 0,
            max_pending_bytes: Engine::MAX_PENDING_BYTES,
            requested_bodies: BTreeMap::new(),
            unavailable_bodies: BTreeSet::new(),
            retries: fetching::Retries::new(),
            feeds_to_rebuild: BTreeSet::new(),
            tombstone_ends: BTreeSet::new(),
            source_retention: SourceRetention::default(),
            quarantine: Quarantine::default(),
            cached_entries: HashMap::new(),
            unpacked: UnpackedEntries::default(),
            eviction_candidates: Vec::new(),
            windows: BTreeMap::new(),
            feed_titles: BTreeMap::new(),
            document_names: BTreeMap::new(),
            unwritten_feeds: BTreeSet::new(),
            unwritten_routes: BTreeSet::new(),
            page_ids: HashMap::new(),
            media: HashMap::new(),
            referrers: HashMap::new(),
            page_frames: HashMap::new(),
            epoch: 0,
            missing_documents: BTreeSet::new(),
            unstored_documents: UnstoredDocuments::default(),
            publication: None,
            answers: Vec::new(),
            snapshot: Snapshot::default(),
            is_relocated: false,
            changed_routes: None,
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
            while self.publication.is_some() {
                self.publish(&mut effects);
            }
            self.apply_event(event, now, &mut effects);
        }
        match self.publication {
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
            self.postponed.begin_event();
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
                    self.answers.push((ticket, answer));
                }
            }
            Event::DormantFound(query, found) => {
                let answers = self.receive_recollected(&query, found, effects);
                self.answers.extend(answers);
            }
            Event::DocumentMissing(route) => self.rebuild_document(route),
            Event::Unwritable => self.postpone_additions(),
            Event::Writable => self.publish_postponed(),
            Event::Tick | Event::Resume => {}
        }
        let due_articles = self.index.as_mut().map(|index| index.advance_clock(self.now)).unwrap_or_default();
        due_articles.iter().for_each(|path| self.reindex_article(path));
        while let Some((_, key)) = self.tombstone_ends.first().cloned().filter(|(end, _)| *end <= self.now) {
            self.tombstone_ends.pop_first();
            self.feeds_to_rebuild.insert(key);
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
        effects.extend(
            (!self.unwritten_records.is_empty()).then(|| Effect::Persist(std::mem::take(&mut self.unwritten_records))),
        );
        self.ask_for_dormant(effects);
        effects.extend(self.answers.drain(..).map(|(ticket, answer)| Effect::Answer(ticket, answer)));
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
        let tombstone = self.tombstone_ends.first().map(|(end, _)| *end);
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
        &self.ledger
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
        &self.snapshot
    }

    /// Applies a configuration. Returns an effect if the watcher has to change. The error says why the configuration is refused.
    fn configure(&mut self, config: &Arc<Config>, force: bool) -> Result<Option<Effect>, String> {
        let before = self.config().cloned();
        let (config, frozen) = match &before {
            None => (Arc::clone(config), Vec::new()),
            Some(running) => {
                let (config, frozen) = (**config).clone().after(running);
                (Arc::new(config), frozen)
            }
        };
        let config = self.describe_by_pages(&config);
        let index = self.build_index(&config);
        let objection =
            before.as_ref().filter(|_| !force).and_then(|before| self.find_objections(before, &index, &config));
        if let Some(objection) = objection {
            let reason = objection.to_log_line();
            self.problems.set(Source::Reload, vec![objection]);
            return Err(reason);
        }
        self.problems.set(Source::Reload, frozen);
        // Removals don't wait for the bodies of other articles.
        self.has_urgent_removal |= before.as_ref().is_some_and(|before| before.content.paid < config.content.paid);
        if let Some(before) = &before {
            self.activities.note_reload(config.difference(before));
        }
        self.epoch += 1;
        self.is_relocated = config.is_relocated;
        self.reset_quarantine();
        self.page_frames.clear();
        self.replace_index(index);
        self.changed_routes = None;
        if let Some(index) = &self.index {
            self.snapshot.retired_addresses = gone_feeds::retired_addresses(index.rules());
        }
        self.snapshot.prefix = prefix(&config);
        self.report_unreadable_records();
        self.ledger_changes.extend(
            self.ledger.articles().filter(|(_, article)| article.retraction().is_some()).map(|(path, _)| path.clone()),
        );
        let plan = |config: &Config| WatchPlan {
            content: config.content.directory.clone(),
            parsing: Arc::clone(&config.parsing),
            ignore: Arc::clone(&config.content.ignore),
            grace: config.content.removals.grace,
            hold: config.content.removals.hold,
            settle: config.content.settle,
        };
        Ok((before.as_deref().map(plan) != Some(plan(&config))).then(|| Effect::Watch(plan(&config))))
    }

    /// Rebuilds the index of all good articles.
    fn rebuild_index(&mut self, config: &Arc<Config>) {
        let index = self.build_index(config);
        self.replace_index(index);
    }

    /// Replaces the index. All feeds are rebuilt.
    fn replace_index(&mut self, index: Index) {
        self.feeds_to_rebuild = index.feeds().cloned().chain(self.windows.keys().cloned()).collect();
        self.index = Some(index);
        self.unavailable_bodies.clear();
        let pages: Vec<ArticlePath> = self.catalog.pages().filter(|path| self.is_live(path)).cloned().collect();
        pages.iter().for_each(|path| self.note_listing(path));
    }

    /// Applies files that the watcher has read.
    fn apply_files(&mut self, files: Vec<ParsedFile>) {
        // Renames come first, because another file may be at the old path by now.
        let mut moved: BTreeMap<ArticlePath, Packed> = BTreeMap::new();
        for ParsedFile { path, state, renamed_from } in &files {
            if let (FileState::Present(_), Some(from)) = (state, renamed_from)
                && !bundle::is_section_page(path)
                && let Some(card) = self.rename(from, path)
            {
                moved.insert(path.clone(), card);
            }
        }
        for ParsedFile { path, state, .. } in files {
            if bundle::is_section_page(&path) {
                self.apply_section_page(path, state);
                continue;
            }
            match state {
                FileState::Absent { doubtful } => {
                    if self.catalog.contains(&path) {
                        self.missing.note_vanished(path, doubtful);
                    }
                }
                FileState::Unreadable(diagnostic) => {
                    self.catalog.add(&path);
                    self.note_file_present(&path);
                    let diagnostics = self.explain_refusal(&path, vec![diagnostic], true);
                    self.problems.set(Source::Article(path), diagnostics);
                }
                FileState::Present(parsed) => {
                    let last_good = moved.remove(&path);
                    self.apply_parsed(path.clone(), parsed, last_good);
                    self.retry_body(&path);
                }
                FileState::Known(card, warnings) => {
                    self.retry_body(&path);
                    self.note_file_present(&path);
                    let redacted = match warnings.is_empty() {
                        true => warnings,
                        false => self.redact_secrets(warnings, &Secrecy::of_card(&card.open(&path))),
                    };
                    self.problems.set(Source::Article(path.clone()), redacted);
                    let change = self.catalog.apply(&path, Read::Good(&card));
                    self.apply_change(path, change, Some(&card), None);
                }
            }
        }
    }

    /// Notes that a file exists. If the file was recorded as lost, it is recorded as found.
    fn note_file_present(&mut self, path: &ArticlePath) {
        self.missing.note_present(path);
        if self.ledger.adopt(path).is_some_and(|remembered| remembered.is_lost()) {
            self.record(Record::Found { path: path.clone() });
        }
    }

    /// Applies a parsed file. `last_good` is its last good version under its former path.
    fn apply_parsed(&mut self, path: ArticlePath, mut parsed: Parsed, last_good: Option<Packed>) {
        self.note_file_present(&path);
        let read = match &parsed.article {
            Some(article) => Read::Good(&article.card),
            None if parsed.withhold || parsed.embargo.is_some_and(|embargo| embargo.timestamp() > self.now) => {
                Read::Withheld(parsed.id.as_ref())
            }
            None => Read::Refused(parsed.access),
        };
        let corrections = parsed.article.as_ref().map_or(0, |article| article.metadata.corrections.len());
        if corrections > 0 && self.catalog.get(&path).is_some_and(|old| old.open(&path).corrections.len() < corrections)
        {
            self.activities.note_corrected(&path);
        }
        let mut change = self.catalog.apply(&path, read);
        let redacted = self.redact_secrets(std::mem::take(&mut parsed.diagnostics), &Secrecy::of(&parsed));
        let diagnostics = self.explain_refusal(&path, redacted, parsed.article.is_none());
        self.problems.set(Source::Article(path.clone()), diagnostics);
        let card = parsed.article.as_ref().map(|article| article.card.clone());
        // Under different parsing rules, the same bytes may have different metadata.
        let differs =
            |cached: &&mut CachedEntry| parsed.article.as_ref().is_some_and(|new| cached.metadata != new.metadata);
        if change == Change::Same
            && let Some(cached) = self.cached_entries.get_mut(&path).filter(differs)
        {
            cached.epoch = CachedEntry::STALE;
            change = Change::Good;
        }
        if let Some(article) = parsed.article {
            self.add_pending(&path, article);
        }
        let withheld = (change == Change::Withheld).then_some(parsed.id).flatten();
        self.apply_change(path.clone(), change, card.as_ref(), last_good);
        if let (Some(id), Some(index)) = (withheld, &mut self.index) {
            index.withhold(&path, &id);
        }
    }

    /// Updates the index after a change in the catalog.
    fn apply_change(&mut self, path: ArticlePath, change: Change, card: Option<&Packed>, last_good: Option<Packed>) {
        match (change, card.map(|card| card.open(&path))) {
            (Change::Good, Some(card)) if self.listed && self.resolve_id_move(&path, &card) => {
                self.index_article(&path, &card)
            }
            (Change::Good, Some(card)) if self.may_have_moved(&path, card.hash) => {
                self.missing.note_possible_move(path, self.move_deadline());
            }
            (Change::Good, Some(card)) => self.index_article(&path, &card),
            (Change::Withheld, _) => {
                self.missing.forget_possible_move(&path);
                self.ledger_changes.insert(path.clone());
                if let Some(index) = &mut self.index {
                    index.remove(&path);
                }
            }
            (Change::Refused, _) => {
                if let Some(card) = last_good.filter(|card| self.catalog.restore(&path, card)) {
                    self.index_article(&path, &card.open(&path));
                }
            }
            (Change::Same | Change::Good, _) => {}
        }
    }

    /// Redacts diagnostics that would reveal an article that isn't public. Those of drafts, embargoed and private articles keep
    /// only their place and code.
    fn redact_secrets(&self, diagnostics: Vec<Diagnostic>, secrecy: &Secrecy) -> Vec<Diagnostic> {
        let Secrecy { is_embargoed, embargo, is_draft, access } = secrecy;
        let is_over = embargo.is_some_and(|embargo| embargo.is_none_or(|embargo| embargo.timestamp() <= self.now));
        let is_public = (is_over || !is_embargoed) && !is_draft && !access.is_private();
        let is_teaser = access.is_paid() && self.config().is_none_or(|config| config.content.paid != Paid::Full);
        let redact = |diagnostic: Diagnostic| match is_public {
            // A quoted line may be for members only.
            true => diagnostic.redact_unless(!is_teaser),
            false => {
                // The help for damaged front matter is the same for every file and quotes nothing.
                let fix = diagnostic.help.clone().filter(|_| diagnostic.code == Code::FrontMatter);
                let fix = fix.map(|fix| fix + "; ").unwrap_or_default();
                diagnostic
                    .redact_unless(false)
                    .help(format!("{fix}it is not public: only `dateline explain` tells more"))
            }
        };
        diagnostics.into_iter().map(redact).collect()
    }

    /// Keeps a parsed article for the entry that may be built from it.
    fn add_pending(&mut self, path: &ArticlePath, article: Article) {
        let (hash, source) = (article.card.hash(), article.source.clone());
        let pending = PendingArticle { hash, article: Some(article), rendered: None, source };
        self.pending_bytes += pending.size_in_bytes();
        self.pending_articles.insert(path.clone(), pending);
        if self.pending_bytes > self.max_pending_bytes
            && let Some(index) = &self.index
        {
            self.pending_articles.retain(|path, _| index.is_in_a_window(path));
            self.pending_bytes = self.pending_articles.values().map(PendingArticle::size_in_bytes).sum();
            // If the windows need even more, they request bodies instead.
            if self.pending_bytes > Engine::MAX_PENDING_BYTES * 4 {
                self.clear_pending();
            }
            self.max_pending_bytes = Engine::MAX_PENDING_BYTES.max(self.pending_bytes * 2);
        }
    }

    fn clear_pending(&mut self) {
        self.pending_articles.clear();
        self.pending_bytes = 0;
        self.max_pending_bytes = Engine::MAX_PENDING_BYTES;
    }

    /// Puts an article in the index. An article without a date is dated by the time it was first seen, which is recorded.
    fn index_article(&mut self, path: &ArticlePath, card: &Card) {
        self.missing.forget_possible_move(path);
        self.note_listing(path);
        let is_listing = self.is_section_listing(path) && !self.is_live(path);
        let is_undated = !is_listing
            && card.published.is_none()
            && !card.draft
            && !card.access.is_private()
            && card.retracted.is_none();
        // The store may know an earlier date.
        let is_undated = is_undated && !self.dormancy.is_applied(path);
        if is_undated && self.ledger.article(path).is_none_or(|article| article.seen().is_none()) {
            self.record(Record::Seen { path: path.clone(), at: self.now });
        }
        if self.postpones(path) {
            return;
        }
        let records_all = self.listed || self.index.as_ref().is_some_and(|index| self.has_pages(index));
        match &mut self.index {
            Some(index) if !records_all => index.put_initial(path, card, &self.ledger, self.now),
            Some(index) => index.put(path, card, &self.ledger, self.now),
            None => {}
        }
    }

    /// Puts an article's last good version in the index again.
    fn reindex_article(&mut self, path: &ArticlePath) {
        if self.postpones(path) {
            return;
        }
        self.note_listing(path);
        if let (Some(card), Some(index)) = (self.catalog.get(path), &mut self.index) {
            index.put(path, &card.open(path), &self.ledger, self.now);
        }
    }

    /// Applies a record to the ledger and queues it for the store.
    fn record(&mut self, record: Record) {
        let unreadable = self.ledger.unreadable().len();
        self.activities.note_record(&record, &self.ledger);
        self.dormancy.note_record(&record);
        self.ledger.apply(&record);
        // Documents for another address are never requested later, and those for `site.url` keep their validators.
        if !(self.is_relocated && matches!(record, Record::Document { .. })) {
            self.unwritten_records.push(record);
        }
        if self.ledger.unreadable().len() != unreadable {
            self.report_unreadable_records();
        }
    }

    /// The current time, rounded down to the second. Dates in feeds have this precision.
    fn now_in_seconds(&self) -> Timestamp {
        Timestamp::from_second(self.now.as_second()).unwrap_or(self.now)
    }

    /// Adds to the diagnostics of a refused file that readers still see the previous version.
    fn explain_refusal(
        &self,
        path: &ArticlePath,
        mut diagnostics: Vec<Diagnostic>,
        is_refused: bool,
    ) -> Vec<Diagnostic> {
        if is_refused && self.is_public(path) && !self.catalog.is_withheld(path) {
            for diagnostic in &mut diagnostics {
                const PREVIOUS_STAYS: &str = "the previous version of this article stays published";
                diagnostic.help = Some(match diagnostic.help.take() {
                    Some(help) => format!("{help}; {PREVIOUS_STAYS}"),
                    None => PREVIOUS_STAYS.to_owned(),
                });
            }
        }
        diagnostics
    }

    fn is_public(&self, path: &ArticlePath) -> bool {
        let indexed = self.index.as_ref().and_then(|index| index.get(path));
        indexed.is_some_and(|indexed| matches!(indexed.visibility, Visibility::Public(_)))
    }

    /// Compares a listing of directories with the catalog.
    fn apply_listing(&mut self, listing: &Listing) {
        let missing = if listing.is_whole { self.catalog.missing(listing, !self.listed) } else { Vec::new() };
        for path in missing {
            self.missing.note_vanished(path, listing.doubtful);
        }
        for folder in &listing.directories {
            self.problems.set(Source::Folder(folder.path.clone()), folder.unreadable.iter().cloned().collect());
        }
        for (link, diagnostic) in &listing.links {
            self.problems.set(Source::Folder(link.clone()), vec![diagnostic.clone()]);
        }
        let folders = listing.directories.iter().map(|folder| folder.path.as_str());
        let named: BTreeSet<&str> = folders.chain(listing.links.iter().map(|(link, _)| link.as_str())).collect();
        self.problems.keep_folders(&listing.scope, |folder| named.contains(folder));
        self.unavailable_bodies.clear();
        if listing.is_whole {
            self.forget_waiting(listing);
            self.forget_section_pages(listing);
            self.check_unproven(listing);
        }
        if listing.scope.is_empty() {
            self.problems.set(Source::Watch, listing.limited.iter().cloned().collect());
            // An unreadable content directory isn't an empty one.
            let is_readable =
                listing.directories.iter().any(|folder| folder.path.is_empty() && folder.unreadable.is_none());
            if is_readable && listing.is_whole && !self.listed {
                self.listed = true;
                self.ledger.reserve(self.catalog.len());
                self.compare_ledger_to_files(listing);
            }
        }
    }
}

/// The properties of an article that decide whether its diagnostics may quote it.
struct Secrecy {
    /// Whether the file sets an embargo.
    is_embargoed: bool,
    /// When the embargo ends. The outer `None` means unknown.
    embargo: Option<Option<Moment>>,
    is_draft: bool,
    access: Access,
}

impl Secrecy {
    fn of(parsed: &Parsed) -> Secrecy {
        let metadata = parsed.article.as_ref().map(|article| &article.metadata);
        Secrecy {
            is_embargoed: parsed.embargoed,
            embargo: metadata.map(|metadata| metadata.embargo),
            is_draft: metadata.is_some_and(|metadata| metadata.draft),
            access: parsed.access,
        }
    }

    /// The properties of an article whose metadata was kept from an earlier run.
    fn of_card(card: &Card) -> Secrecy {
        Secrecy { is_embargoed: false, embargo: Some(card.embargo), is_draft: card.draft, access: card.access }
    }
}

/// The name of a command, as it is logged.
fn actor(command: &Command) -> Option<&'static str> {
    Some(match command {
        Command::Retract { .. } => "dateline retract",
        Command::Restore { .. } => "dateline restore",
        Command::AcceptRemovals => "dateline accept-removals",
        Command::Configuration { .. } => return None,
        Command::Reload { force: true, .. } => "dateline reload --force",
        Command::Reload { force: false, .. } => "dateline reload",
    })
}

/// The path of `site.url` without a trailing slash. Requests are matched against it.
pub fn prefix(config: &Config) -> Arc<str> {
    config.site.url.path().trim_end_matches('/').into()
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
