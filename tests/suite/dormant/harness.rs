//! The engine and the store without a daemon.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use dateline::article::Parsed;
use dateline::config::Checked;
use dateline::daemon::load;
use dateline::engine::Engine;
use dateline::event::{
    Command, DormantQuery, Effect, Event, FetchedBody, FileState, ListedDirectory, Listing, ParsedFile, StoredVersion,
    Ticket,
};
use dateline::ledger::{Ledger, Record};
use dateline::snapshot::Snapshot;
use dateline::store::{self, CacheUse, StoreError, StoreHandle, StoreOwner};
use dateline::types::{ArticlePath, ContentHash, EntryId};
use jiff::Timestamp;

use crate::newsroom::{CONFIG, DEADLINE, Newsroom, pause};

pub(super) const IDS: [&str; 6] = [
    "tag:x.example,2026:one",
    "tag:courier.example,2026:2026-11-20/news/a",
    "tag:courier.example,2026:2026-11-20/news/b",
    "tag:courier.example,2026:2026-11-20/News/A",
    "tag:courier.example,2026:2026-11-20/c",
    "tag:courier.example,2026:2026-11-20/news/d",
];

pub(super) const START: i64 = 1_800_000_000;
/// Longer than feeds have notices of a retraction.
pub(super) const PAST_NOTICES_SECONDS: i64 = 7_200;

/// An engine with a store.
pub(super) struct Harness {
    pub(super) newsroom: Newsroom,
    pub(super) engine: Engine,
    pub(super) store: Option<StoreOwner>,
    pub(super) checked: Checked,
    pub(super) second: i64,
    pub(super) snapshot: Arc<Snapshot>,
    pub(super) files: BTreeMap<String, String>,
    /// Every version that a file ever had, by hash.
    pub(super) texts: HashMap<ContentHash, String>,
    /// Whether articles may become dormant.
    pub(super) has_dormancy: bool,
    /// Whether the store doesn't answer.
    pub(super) is_unresponsive: bool,
    pub(super) unanswered: Vec<DormantQuery>,
    pub(super) dormant_count: usize,
    pub(super) answers: Vec<String>,
}

/// Opens a store that was just closed. A process that another test is starting inherits the lock until it executes its program.
pub(super) fn open(state: &Path) -> StoreOwner {
    let started = Instant::now();
    loop {
        match StoreOwner::open(state, CacheUse::Ignore) {
            Err(StoreError::Locked(_)) if started.elapsed() < DEADLINE => pause(),
            store => return store.expect("usable"),
        }
    }
}

impl Harness {
    pub(super) fn new(has_dormancy: bool) -> Harness {
        let newsroom = Newsroom::new();
        let mass = "[content.mass_removal]\nleast = 50\n[feeds]\ntombstones = \"1h\"\n";
        newsroom.write("config/dateline.toml", format!("{CONFIG}{mass}"));
        let checked = load(&newsroom.path("config/dateline.toml"));
        let mut harness = Harness {
            newsroom,
            engine: Engine::new(),
            store: None,
            checked,
            second: START,
            snapshot: Arc::default(),
            files: BTreeMap::new(),
            texts: HashMap::new(),
            has_dormancy,
            is_unresponsive: false,
            unanswered: Vec::new(),
            dormant_count: 0,
            answers: Vec::new(),
        };
        harness.start();
        harness
    }

    /// Starts a new engine with the ledger from the store.
    pub(super) fn start(&mut self) {
        self.store = None;
        let store = open(&self.newsroom.path(".dateline"));
        let engine = match self.has_dormancy {
            true => {
                Engine::with_ledger(store.handle().ledger_without_dormant(DEADLINE).expect("readable")).with_dormancy()
            }
            false => Engine::with_ledger(store.handle().ledger().expect("readable")),
        };
        (self.store, self.engine, self.unanswered) = (Some(store), engine, Vec::new());
        assert!(self.checked.config.is_some(), "{:?}", self.checked.diagnostics);
        self.handle(Event::Config(self.checked.clone()));
        let files = self.files.keys().map(|path| ArticlePath::new(path)).collect();
        let read = self.files.clone().into_iter().map(|(path, text)| self.file(&path, &text, None));
        let read = read.collect();
        self.handle(Event::Files(read));
        let folder = |path: &str| ListedDirectory { path: path.into(), unreadable: None };
        self.handle(Event::Rescan(Listing {
            scope: String::new(),
            directories: ["", "news", "News"].map(folder).into(),
            files,
            links: Vec::new(),
            is_whole: true,
            doubtful: false,
            limited: None,
        }));
    }

    pub(super) fn handle(&mut self, event: Event) {
        let now = Timestamp::from_second(self.second).expect("in range");
        let mut events = VecDeque::from([event]);
        while let Some(event) = events.pop_front() {
            for effect in self.engine.handle(event, now) {
                match effect {
                    Effect::Persist(records) => {
                        self.dormant_count +=
                            records.iter().filter(|record| matches!(record, Record::Dormant { .. })).count();
                        let write = self.store().append(Arc::new(records), now);
                        write.wait(DEADLINE).expect("written in time").result.expect("writable");
                    }
                    Effect::Resume => events.push_front(Event::Resume),
                    Effect::Swap(snapshot) => self.snapshot = snapshot,
                    Effect::Fetch(requests) => {
                        let bodies = requests.into_iter().map(|request| {
                            let article = self.parsed(request.path.as_str(), &self.texts[&request.hash]).article;
                            let source = article.as_ref().and_then(|article| article.source.clone());
                            FetchedBody { request, article, rendered: None, source }
                        });
                        events.push_back(Event::Fetched(bodies.collect()));
                    }
                    Effect::LoadStored(requests) => {
                        let versions = requests.into_iter().map(|request| {
                            let article = self.parsed(request.path.as_str(), &self.texts[&request.hash]).article;
                            StoredVersion { request, article }
                        });
                        events.push_back(Event::StoredVersion(versions.collect()));
                    }
                    Effect::FindDormant(query) if self.is_unresponsive => self.unanswered.push(query),
                    Effect::FindDormant(query) => events.push_back(self.answer(query)),
                    Effect::Answer(_, answer) => self.answers.push(format!("{answer:?}")),
                    _ => {}
                }
            }
        }
    }

    pub(super) fn store(&self) -> StoreHandle {
        self.store.as_ref().expect("open").handle()
    }

    /// Returns the store's answer to a query.
    pub(super) fn answer(&self, query: DormantQuery) -> Event {
        let found = self.store().find_dormant(&query, Vec::new());
        Event::DormantFound(query, found.map_err(|error| error.to_string()))
    }

    /// Lets the store respond again, and answers the pending queries.
    pub(super) fn answer_queries(&mut self) {
        self.is_unresponsive = false;
        for query in std::mem::take(&mut self.unanswered) {
            let answer = self.answer(query);
            self.handle(answer);
        }
    }

    pub(super) fn parsed(&self, path: &str, text: &str) -> Parsed {
        let options = &self.checked.config.as_ref().expect("valid").parsing;
        let mut parsed = dateline::article::parse(&ArticlePath::new(path), text.as_bytes(), options);
        if let Some(article) = &mut parsed.article {
            article.source = Some(text.as_bytes().into());
        }
        parsed
    }

    pub(super) fn file(&mut self, path: &str, text: &str, renamed_from: Option<&str>) -> ParsedFile {
        self.texts.insert(ContentHash::of(text.as_bytes()), text.to_owned());
        let parsed = self.parsed(path, text);
        let renamed_from = renamed_from.map(ArticlePath::new);
        ParsedFile { path: ArticlePath::new(path), state: FileState::Present(parsed), renamed_from }
    }

    pub(super) fn write(&mut self, path: &str, text: &str) {
        self.second += 1;
        self.files.insert(path.to_owned(), text.to_owned());
        let file = self.file(path, text, None);
        self.handle(Event::Files(vec![file]));
    }

    pub(super) fn remove(&mut self, path: &str) {
        self.second += 1;
        if self.files.remove(path).is_some() {
            let state = FileState::Absent { doubtful: false };
            let file = ParsedFile { path: ArticlePath::new(path), state, renamed_from: None };
            self.handle(Event::Files(vec![file]));
        }
    }

    /// Moves a file. If `is_reported`, the system reports the rename; otherwise only the bytes reveal the move.
    pub(super) fn rename(&mut self, from: &str, to: &str, is_reported: bool) {
        let Some(text) = self.files.get(from).cloned().filter(|_| from != to) else { return };
        self.second += 1;
        self.files.insert(to.to_owned(), text.clone());
        let file = self.file(to, &text, Some(from).filter(|_| is_reported));
        self.handle(Event::Files(vec![file]));
        self.remove(from);
    }

    pub(super) fn wait(&mut self) {
        self.second += PAST_NOTICES_SECONDS;
        self.handle(Event::Tick);
    }

    pub(super) fn command(&mut self, command: Command) {
        self.second += 1;
        self.handle(Event::Command(command, Ticket(0)));
    }

    /// The ids and dates of public articles, by path.
    pub(super) fn ids(&self) -> BTreeMap<String, String> {
        let articles = self.snapshot.articles.values();
        articles
            .map(|article| (article.path.to_string(), format!("{} {}", article.id, article.published.rfc3339())))
            .collect()
    }

    /// Describes the page of an article, which may be gone.
    pub(super) fn page(&self, id: &str) -> String {
        let short_id = dateline::build::assemble::short_id(&EntryId::parse(id).expect("an id"));
        let gone = self.snapshot.gone.get(&*short_id).map(|gone| format!("{:?} {:?}", gone.retracted, gone.reason));
        let retired = || self.snapshot.retired.by_short_id(&short_id).map(|since| format!("{:?} None", Some(since)));
        match self.snapshot.articles.get(&*short_id) {
            Some(article) => format!("{id}: {}", article.name),
            None => format!("{id}: {:?}", gone.or_else(retired)),
        }
    }

    /// Everything that readers and operators can see.
    pub(super) fn visible_state(&self) -> Vec<String> {
        let documents = self.snapshot.documents.iter();
        let mut lines: Vec<String> = documents
            .map(|(route, document)| format!("{route} {} {:?}", document.hash, document.last_modified))
            .collect();
        lines.extend(self.ids().into_iter().map(|(path, id)| format!("{path} {id}")));
        lines.extend(IDS.iter().map(|id| self.page(id)));
        let scratch = self.newsroom.path("content").display().to_string();
        lines.push(format!("{:?}", self.snapshot.report).replace(&scratch, "content"));
        lines.extend(self.answers.iter().cloned());
        lines.sort();
        lines
    }

    /// The facts in the store, read by a program that keeps everything in memory.
    pub(super) fn stored_facts(&self) -> Vec<String> {
        let ledger = store::read_ledger(&self.newsroom.path(".dateline")).expect("readable");
        facts(&ledger)
    }
}

/// All facts but the sequence numbers: a story that comes back is at the head of the chain of archives, or in its old place.
pub(super) fn facts(ledger: &Ledger) -> Vec<String> {
    let without = |text: String, begin: &str, end: char| match text.split_once(begin) {
        Some((before, rest)) => format!("{before}{}", rest.split_once(end).map_or("", |(_, after)| after)),
        None => text,
    };
    let shown = |(path, article)| {
        let text = format!("{path} {article:?}");
        without(without(text, ", earlier_numbers: [", ']'), ", number: ", '}')
    };
    let mut facts: Vec<String> = ledger.articles().map(shown).collect();
    facts.sort();
    facts
}

pub(super) fn plain(title: &str) -> String {
    format!("---\ntitle: {title}\ndate: 2026-11-20 10:00\n---\n\nThe {title} are back.\n")
}
