//! The pure middle: events in, effects out. No clock, disk, network, async, logging or randomness of its own.
//!
//! Start-up, one changed file, a rescan and a reload are the same path: they change the catalog and the index, and
//! [`Engine::publish`] makes anew what those say has changed. This file takes
//! events in; `publishing` makes what readers see.

mod problems;
mod publishing;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

pub use problems::{Problems, Source};

use crate::article::{Body, Metadata};
use crate::build::catalog::{Catalog, Change};
use crate::build::filing::{Cabinet, FeedKey};
use crate::build::index::{Index, Standing};
use crate::build::render_cache::RenderCache;
use crate::config::{Checked, Config};
use crate::diag::Diagnostic;
use crate::event::{Effect, Event, FetchedBody, FileState, Listing, Now, ParsedFile, WatchPlan};
use crate::ledger::{Ledger, Record};
use crate::snapshot::{PageFrame, Snapshot};
use crate::types::{ArticlePath, ContentHash, SectionPath, Text};
use publishing::Held;

/// The owner of all state.
#[derive(Debug)]
pub struct Engine {
    /// The latest instant passed; a clock that steps back does not take back what was public.
    now: Timestamp,
    catalog: Catalog,
    ledger: Ledger,
    /// What the ledger has and the store has not yet.
    records: Vec<Record>,
    /// Articles at new paths that may have been moved there, and until when their old path may still vanish.
    newcomers: BTreeMap<ArticlePath, Timestamp>,
    /// `None` until the first configuration.
    index: Option<Index>,
    /// Whether the content directory was listed completely once: nothing is published before.
    listed: bool,
    problems: Problems,

    cache: RenderCache,
    /// Bodies that came with files of this batch, until their entries are rendered.
    bodies: HashMap<ArticlePath, (ContentHash, Arc<Body>)>,
    body_bytes: usize,
    /// Bodies that were asked for and did not arrive yet.
    waiting: BTreeMap<ArticlePath, ContentHash>,
    /// Versions that could not be had when they were asked for.
    unavailable: BTreeSet<(ArticlePath, ContentHash)>,
    /// Feeds that lack an entry whose body is on its way.
    deferred: BTreeSet<FeedKey>,

    /// The entries of all windows.
    held: HashMap<ArticlePath, Held>,
    /// What each published window holds.
    windows: BTreeMap<FeedKey, Vec<ArticlePath>>,
    titles: BTreeMap<FeedKey, Text>,
    /// The documents that each feed has under its route.
    names: BTreeMap<FeedKey, BTreeSet<String>>,
    /// The short id under which each article has its page.
    pages: HashMap<ArticlePath, Arc<str>>,
    /// The media routes that each article refers to, and the articles that refer to each.
    media: HashMap<ArticlePath, BTreeSet<Arc<str>>>,
    referrers: HashMap<Arc<str>, BTreeSet<ArticlePath>>,
    frames: HashMap<SectionPath, Arc<PageFrame>>,
    /// Grows with each configuration: what was made under another is made anew.
    epoch: u64,

    snapshot: Snapshot,
    /// Routes changed since the last swap, for delivery; `None` after a configuration: all of them.
    changed_routes: Option<BTreeSet<Arc<str>>>,
}

impl Engine {
    /// Rendered bodies that no window holds are kept up to this many bytes.
    const CACHE_BUDGET: usize = 64 << 20;
    /// Bodies that came with files beyond this many bytes are dropped; windows ask for those they need.
    const BODIES_BUDGET: usize = 32 << 20;

    /// How long a new file that looks like a copy waits for the old one to vanish: longer than any grace.
    const MOVE_PATIENCE: SignedDuration = SignedDuration::from_secs(3);

    /// An engine that has seen nothing yet.
    pub fn new() -> Engine {
        Engine::remembering(Ledger::default())
    }

    /// An engine that has seen no file yet, but remembers what was published.
    pub fn remembering(ledger: Ledger) -> Engine {
        Engine {
            ledger,
            records: Vec::new(),
            newcomers: BTreeMap::new(),
            now: Timestamp::MIN,
            catalog: Catalog::default(),
            index: None,
            listed: false,
            problems: Problems::default(),
            cache: RenderCache::new(Engine::CACHE_BUDGET),
            bodies: HashMap::new(),
            body_bytes: 0,
            waiting: BTreeMap::new(),
            unavailable: BTreeSet::new(),
            deferred: BTreeSet::new(),
            held: HashMap::new(),
            windows: BTreeMap::new(),
            titles: BTreeMap::new(),
            names: BTreeMap::new(),
            pages: HashMap::new(),
            media: HashMap::new(),
            referrers: HashMap::new(),
            frames: HashMap::new(),
            epoch: 0,
            snapshot: Snapshot::default(),
            changed_routes: None,
        }
    }

    /// Takes an event in, and says what is to be done about it, in order.
    pub fn handle(&mut self, event: Event, now: Now) -> Vec<Effect> {
        self.now = self.now.max(now);
        let mut effects = Vec::new();
        let everything_known = matches!(&event, Event::Rescan(listing) if listing.scope.is_empty());
        match event {
            Event::Files(files) => self.look(files),
            Event::Rescan(listing) => self.compare(&listing),
            Event::Fetched(bodies) => self.receive(bodies),
            Event::Config(Checked { config, diagnostics }) => {
                self.problems.set(Source::Config, diagnostics);
                effects.extend(config.and_then(|config| self.configure(&config)));
            }
            Event::Delivered(outcome) => self.problems.set(Source::Target(outcome.target), outcome.problems),
            Event::Tick => {}
        }
        if let Some(index) = &mut self.index {
            index.tick(&self.ledger, self.now);
        }
        self.settle_newcomers(everything_known);
        self.publish(&mut effects);
        let changes = self.problems.take_changes();
        if !changes.is_empty() {
            effects.push(Effect::Report(changes));
        }
        effects
    }

    /// The next instant at which a [`Event::Tick`] is needed.
    pub fn wake_at(&self) -> Option<Timestamp> {
        let due = self.index.as_ref().and_then(Index::wake_at);
        due.into_iter().chain(self.newcomers.values().copied()).min()
    }

    /// What is wrong, with excerpts of articles that are not public too: for the operator's own terminal.
    pub fn problems(&self) -> impl Iterator<Item = (&Source, &Diagnostic)> {
        self.problems.iter()
    }

    /// Where articles stand, for `explain`.
    pub fn index(&self) -> Option<&Index> {
        self.index.as_ref()
    }

    /// What readers see.
    pub fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    fn configure(&mut self, config: &Arc<Config>) -> Option<Effect> {
        let before = self.index.as_ref().map(|index| Arc::clone(index.cabinet().config()));
        let (config, frozen) = match &before {
            None => (Arc::clone(config), Vec::new()),
            Some(running) => {
                let (config, frozen) = (**config).clone().after(running);
                (Arc::new(config), frozen)
            }
        };
        self.problems.set(Source::Reload, frozen);
        self.epoch += 1;
        self.frames.clear();
        let mut index = Index::new(Arc::new(Cabinet::new(Arc::clone(&config))));
        for (path, metadata) in self.catalog.iter() {
            if !self.newcomers.contains_key(path) {
                index.put(path, metadata, &self.ledger, self.now);
            }
        }
        self.deferred = index.feeds().cloned().chain(self.windows.keys().cloned()).collect();
        self.index = Some(index);
        self.unavailable.clear();
        self.changed_routes = None;
        self.snapshot.prefix = config.site.url.path().trim_end_matches('/').into();
        let plan = |config: &Config| WatchPlan {
            content: config.content.directory.clone(),
            parsing: Arc::clone(&config.parsing),
        };
        (before.as_deref().map(plan) != Some(plan(&config))).then(|| Effect::Watch(plan(&config)))
    }

    fn look(&mut self, files: Vec<ParsedFile>) {
        for ParsedFile { path, state } in files {
            let change = self.catalog.apply(&path, &state);
            self.problems.set(Source::Article(path.clone()), self.complaints(&path, &state));
            if let FileState::Present(parsed) = state
                && let Some(article) = parsed.article
                && let Some(body) = article.body
            {
                self.body_bytes += body.len();
                if self.body_bytes <= Engine::BODIES_BUDGET {
                    self.bodies.insert(path.clone(), (article.metadata.hash, body));
                }
            }
            match change {
                Change::Same | Change::Refused => {}
                Change::Good(metadata) if self.may_have_moved(&path, &metadata) => {
                    let until = self.now.saturating_add(Engine::MOVE_PATIENCE).unwrap_or(self.now);
                    self.newcomers.entry(path).or_insert(until);
                }
                Change::Good(metadata) => self.file(&path, &metadata),
                Change::Gone => {
                    self.newcomers.remove(&path);
                    if let Some(index) = &mut self.index {
                        index.remove(&path);
                    }
                }
            }
        }
    }

    /// Whether nothing is known of a path, and a file of another path was published with the same bytes.
    fn may_have_moved(&self, path: &ArticlePath, metadata: &Metadata) -> bool {
        self.ledger.article(path).is_none() && self.ledger.with_version(metadata.hash).next().is_some()
    }

    /// Files an article under its sections; one without a date is dated by this instant, once and for all.
    fn file(&mut self, path: &ArticlePath, metadata: &Arc<Metadata>) {
        self.newcomers.remove(path);
        let undated = metadata.published.is_none() && !metadata.draft;
        if undated && self.ledger.article(path).is_none_or(|article| article.seen.is_none()) {
            self.remember(Record::Seen { path: path.clone(), at: self.now });
        }
        if let Some(index) = &mut self.index {
            index.put(path, metadata, &self.ledger, self.now);
        }
    }

    /// Decides of files at new paths whether they were moved there or are copies.
    fn settle_newcomers(&mut self, everything_known: bool) {
        if !self.listed {
            return;
        }
        for (path, until) in self.newcomers.clone() {
            let Some(metadata) = self.catalog.get(&path).cloned() else {
                self.newcomers.remove(&path);
                continue;
            };
            let old = self.ledger.with_version(metadata.hash).find(|old| self.catalog.get(old).is_none()).cloned();
            if let Some(from) = old {
                self.remember(Record::Moved { from, to: path.clone() });
            } else if !everything_known && until > self.now {
                continue;
            }
            self.file(&path, &metadata);
        }
    }

    fn remember(&mut self, record: Record) {
        self.ledger.apply(&record);
        self.records.push(record);
    }

    /// What is wrong with a file, and what that means for readers.
    fn complaints(&self, path: &ArticlePath, state: &FileState) -> Vec<Diagnostic> {
        let (mut diagnostics, refused) = match state {
            FileState::Absent => (Vec::new(), false),
            FileState::Unreadable(diagnostic) => (vec![diagnostic.clone()], true),
            FileState::Present(parsed) => (parsed.diagnostics.clone(), parsed.article.is_none()),
        };
        if refused && self.is_public(path) {
            for diagnostic in &mut diagnostics {
                const STAYS: &str = "the previous version of this article stays published";
                diagnostic.help = Some(match diagnostic.help.take() {
                    Some(help) => format!("{help}; {STAYS}"),
                    None => STAYS.to_owned(),
                });
            }
        }
        diagnostics
    }

    fn is_public(&self, path: &ArticlePath) -> bool {
        let filed = self.index.as_ref().and_then(|index| index.get(path));
        filed.is_some_and(|filed| matches!(filed.standing, Standing::Public(_)))
    }

    fn compare(&mut self, listing: &Listing) {
        let gone = self.catalog.missing(listing);
        self.look(gone.into_iter().map(|path| ParsedFile { path, state: FileState::Absent }).collect());
        for folder in &listing.directories {
            self.problems.set(Source::Folder(folder.path.clone()), folder.unreadable.iter().cloned().collect());
        }
        let named: BTreeSet<&str> = listing.directories.iter().map(|folder| folder.path.as_str()).collect();
        self.problems.keep_folders(&listing.scope, |folder| named.contains(folder));
        self.unavailable.clear();
        if listing.scope.is_empty() {
            self.problems.set(Source::Watch, listing.limited.iter().cloned().collect());
            // A content directory that cannot be read is not an empty one.
            self.listed |=
                listing.directories.iter().any(|folder| folder.path.is_empty() && folder.unreadable.is_none());
        }
    }

    fn receive(&mut self, bodies: Vec<FetchedBody>) {
        for FetchedBody { request, body } in bodies {
            if self.waiting.get(&request.path) == Some(&request.hash) {
                self.waiting.remove(&request.path);
            }
            match body {
                Some(body) => {
                    self.bodies.insert(request.path, (request.hash, body));
                }
                None => {
                    self.unavailable.insert((request.path, request.hash));
                }
            }
        }
    }
}

impl Default for Engine {
    fn default() -> Engine {
        Engine::new()
    }
}
