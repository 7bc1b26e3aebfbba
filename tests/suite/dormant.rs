//! Dormant articles are only in the store, but behave as if they were in memory: an article that comes back gets its old id, dates and
//! retraction. The tests run the engine and the store without a daemon, and compare with an engine that keeps everything in memory.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use dateline::article::Parsed;
use dateline::config::Checked;
use dateline::daemon::load;
use dateline::diagnostics::Code;
use dateline::engine::Engine;
use dateline::event::{
    Command, DormantQuery, Effect, Event, FetchedBody, FileState, ListedDirectory, Listing, ParsedFile, StoredVersion,
    Ticket,
};
use dateline::ledger::{Ledger, Record};
use dateline::snapshot::Snapshot;
use dateline::store::{self, CacheUse, StoreError, StoreHandle, StoreOwner};
use dateline::types::{ArticlePath, ContentHash, EntryId, Text};
use jiff::Timestamp;
use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};

use crate::newsroom::{CONFIG, DEADLINE, Newsroom, pause};

const START: i64 = 1_800_000_000;
/// Longer than feeds have notices of a retraction.
const PAST_NOTICES_SECONDS: i64 = 7_200;

/// An engine with a store.
struct Harness {
    newsroom: Newsroom,
    engine: Engine,
    store: Option<StoreOwner>,
    checked: Checked,
    second: i64,
    snapshot: Arc<Snapshot>,
    files: BTreeMap<String, String>,
    /// Every version that a file ever had, by hash.
    texts: HashMap<ContentHash, String>,
    /// Whether articles may become dormant.
    has_dormancy: bool,
    /// Whether the store doesn't answer.
    is_unresponsive: bool,
    unanswered: Vec<DormantQuery>,
    dormant_count: usize,
    answers: Vec<String>,
}

/// Opens a store that was just closed. A process that another test is starting inherits the lock until it executes its program.
fn open(state: &Path) -> StoreOwner {
    let started = Instant::now();
    loop {
        match StoreOwner::open(state, CacheUse::Ignore) {
            Err(StoreError::Locked(_)) if started.elapsed() < DEADLINE => pause(),
            store => return store.expect("usable"),
        }
    }
}

impl Harness {
    fn new(has_dormancy: bool) -> Harness {
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
    fn start(&mut self) {
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

    fn handle(&mut self, event: Event) {
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

    fn store(&self) -> StoreHandle {
        self.store.as_ref().expect("open").handle()
    }

    /// Returns the store's answer to a query.
    fn answer(&self, query: DormantQuery) -> Event {
        let found = self.store().find_dormant(&query, Vec::new());
        Event::DormantFound(query, found.map_err(|error| error.to_string()))
    }

    /// Lets the store respond again, and answers the pending queries.
    fn answer_queries(&mut self) {
        self.is_unresponsive = false;
        for query in std::mem::take(&mut self.unanswered) {
            let answer = self.answer(query);
            self.handle(answer);
        }
    }

    fn parsed(&self, path: &str, text: &str) -> Parsed {
        let options = &self.checked.config.as_ref().expect("valid").parsing;
        let mut parsed = dateline::article::parse(&ArticlePath::new(path), text.as_bytes(), options);
        if let Some(article) = &mut parsed.article {
            article.source = Some(text.as_bytes().into());
        }
        parsed
    }

    fn file(&mut self, path: &str, text: &str, renamed_from: Option<&str>) -> ParsedFile {
        self.texts.insert(ContentHash::of(text.as_bytes()), text.to_owned());
        let parsed = self.parsed(path, text);
        let renamed_from = renamed_from.map(ArticlePath::new);
        ParsedFile { path: ArticlePath::new(path), state: FileState::Present(parsed), renamed_from }
    }

    fn write(&mut self, path: &str, text: &str) {
        self.second += 1;
        self.files.insert(path.to_owned(), text.to_owned());
        let file = self.file(path, text, None);
        self.handle(Event::Files(vec![file]));
    }

    fn remove(&mut self, path: &str) {
        self.second += 1;
        if self.files.remove(path).is_some() {
            let state = FileState::Absent { doubtful: false };
            let file = ParsedFile { path: ArticlePath::new(path), state, renamed_from: None };
            self.handle(Event::Files(vec![file]));
        }
    }

    /// Moves a file. If `is_reported`, the system reports the rename; otherwise only the bytes reveal the move.
    fn rename(&mut self, from: &str, to: &str, is_reported: bool) {
        let Some(text) = self.files.get(from).cloned().filter(|_| from != to) else { return };
        self.second += 1;
        self.files.insert(to.to_owned(), text.clone());
        let file = self.file(to, &text, Some(from).filter(|_| is_reported));
        self.handle(Event::Files(vec![file]));
        self.remove(from);
    }

    fn wait(&mut self) {
        self.second += PAST_NOTICES_SECONDS;
        self.handle(Event::Tick);
    }

    fn command(&mut self, command: Command) {
        self.second += 1;
        self.handle(Event::Command(command, Ticket(0)));
    }

    /// The ids and dates of public articles, by path.
    fn ids(&self) -> BTreeMap<String, String> {
        let articles = self.snapshot.articles.values();
        articles
            .map(|article| (article.path.to_string(), format!("{} {}", article.id, article.published.rfc3339())))
            .collect()
    }

    /// Describes the page of an article, which may be gone.
    fn page(&self, id: &str) -> String {
        let short_id = dateline::build::assemble::short_id(&EntryId::parse(id).expect("an id"));
        let gone = self.snapshot.gone.get(&*short_id).map(|gone| format!("{:?} {:?}", gone.retracted, gone.reason));
        let retired = || self.snapshot.retired.by_short_id(&short_id).map(|since| format!("{:?} None", Some(since)));
        match self.snapshot.articles.get(&*short_id) {
            Some(article) => format!("{id}: {}", article.name),
            None => format!("{id}: {:?}", gone.or_else(retired)),
        }
    }

    /// Everything that readers and operators can see.
    fn visible_state(&self) -> Vec<String> {
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
    fn stored_facts(&self) -> Vec<String> {
        let ledger = store::read_ledger(&self.newsroom.path(".dateline")).expect("readable");
        facts(&ledger)
    }
}

fn facts(ledger: &Ledger) -> Vec<String> {
    let mut facts: Vec<String> = ledger.articles().map(|(path, article)| format!("{path} {article:?}")).collect();
    facts.sort();
    facts
}

const PATHS: [&str; 6] = ["news/a.md", "news/b.md", "news/a.txt", "News/A.md", "c.md", "news/d.md"];
const IDS: [&str; 6] = [
    "tag:x.example,2026:one",
    "tag:courier.example,2026:2026-11-20/news/a",
    "tag:courier.example,2026:2026-11-20/news/b",
    "tag:courier.example,2026:2026-11-20/News/A",
    "tag:courier.example,2026:2026-11-20/c",
    "tag:courier.example,2026:2026-11-20/news/d",
];

/// One of a few texts.
fn text(number: u8, extra: u8) -> String {
    let mut keys = format!("title: Story {}\n", number % 3);
    if extra & 1 == 0 {
        keys += "date: 2026-11-20 10:00\n";
    }
    if extra & 2 > 0 {
        keys += "id: tag:x.example,2026:one\n";
    }
    if extra & 12 == 12 {
        keys += "slug: b\n";
    }
    match extra & 48 {
        16 => keys += "draft: true\n",
        32 if extra & 64 > 0 => keys += "status: retracted\n",
        48 if extra & 64 > 0 => keys += "embargo: 2099-01-01\n",
        _ => {}
    }
    format!("---\n{keys}---\n\nBody {number}.\n")
}

#[derive(Clone, Debug)]
enum Step {
    Write(usize, u8, u8),
    /// Writes a text that some file had before.
    WriteEarlier(usize, usize),
    Remove(usize),
    RemoveAllAndWait,
    Rename(usize, usize, bool),
    Wait,
    Retract(usize),
    RetractId(usize),
    Restore(usize),
    Restart,
    /// A restart after independent dormant articles were marked.
    RestartIndependent,
    /// A restart whose queries are answered only after everything was listed.
    SlowRestart,
}

fn step() -> impl Strategy<Value = Step> {
    let path = || 0..PATHS.len();
    let extra = prop_oneof![Just(0_u8), Just(0), Just(2), any::<u8>()];
    prop_oneof![
        4 => (path(), 0..5_u8, extra).prop_map(|(path, number, extra)| Step::Write(path, number, extra)),
        3 => (path(), 0..8_usize).prop_map(|(path, which)| Step::WriteEarlier(path, which)),
        1 => path().prop_map(Step::Remove),
        4 => Just(Step::RemoveAllAndWait),
        2 => (path(), path(), any::<bool>()).prop_map(|(from, to, is_reported)| Step::Rename(from, to, is_reported)),
        2 => Just(Step::Wait),
        1 => path().prop_map(Step::Retract),
        1 => (0..IDS.len()).prop_map(Step::RetractId),
        1 => path().prop_map(Step::Restore),
        1 => Just(Step::Restart),
        1 => Just(Step::RestartIndependent),
        1 => Just(Step::SlowRestart),
    ]
}

/// Applies a step. `written` has all texts so far.
fn apply(harness: &mut Harness, step: &Step, written: &mut Vec<String>) {
    let article = |path: &usize| PATHS[*path].to_owned();
    match step {
        Step::Write(path, number, extra) => {
            let text = text(*number, *extra);
            harness.write(PATHS[*path], &text);
            written.push(text);
        }
        Step::WriteEarlier(path, which) => {
            if let Some(text) = written.get(*which).cloned() {
                harness.write(PATHS[*path], &text);
            }
        }
        Step::Remove(path) => harness.remove(PATHS[*path]),
        Step::RemoveAllAndWait => {
            PATHS.iter().for_each(|path| harness.remove(path));
            harness.wait();
        }
        Step::Rename(from, to, is_reported) => harness.rename(PATHS[*from], PATHS[*to], *is_reported),
        Step::Wait => harness.wait(),
        Step::Retract(path) => {
            harness.command(Command::Retract { article: article(path), reason: Some(Text::new("Libel.")) })
        }
        Step::RetractId(id) => harness.command(Command::Retract { article: IDS[*id].to_owned(), reason: None }),
        Step::Restore(path) => harness.command(Command::Restore { article: article(path) }),
        Step::Restart => harness.start(),
        Step::RestartIndependent => {
            harness.store().mark_independent(0).expect("usable");
            harness.start();
        }
        Step::SlowRestart => {
            harness.is_unresponsive = true;
            harness.start();
            harness.answer_queries();
        }
    }
}

/// A runner with the same cases in every run, unless `CASES` asks for others. Known differences among those: the time on the page of a gone
/// article whose id two files had, one after the other; and files that were written several times while they waited.
fn runner(config: ProptestConfig) -> TestRunner {
    match std::env::var_os("CASES") {
        Some(_) => TestRunner::new(config),
        None => TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha)),
    }
}

#[test]
fn dormant_articles_behave_like_articles_in_memory() {
    let dormant_count = std::cell::Cell::new(0);
    let mut runner = runner(ProptestConfig {
        cases: std::env::var("CASES").map_or(40, |cases| cases.parse().expect("a number")),
        max_shrink_iters: 400,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let outcome = runner.run(&prop::collection::vec(step(), 1..20), |steps| {
        let (mut all, mut some) = (Harness::new(false), Harness::new(true));
        let (mut written, mut same) = (Vec::new(), Vec::new());
        [&mut all, &mut some].into_iter().for_each(|harness| harness.write("news/other.md", &plain("Other")));
        let first = [Step::Write(0, 0, 0), Step::Write(1, 1, 2), Step::Write(4, 2, 1), Step::RemoveAllAndWait];
        for (number, step) in first.iter().chain(&steps).enumerate() {
            apply(&mut all, step, &mut written);
            apply(&mut some, step, &mut same);
            prop_assert_eq!(all.visible_state(), some.visible_state(), "after {}: {:?}", number, step);
            prop_assert_eq!(all.stored_facts(), some.stored_facts(), "after {}: {:?}", number, step);
        }
        dormant_count.set(dormant_count.get() + some.dormant_count);
        Ok(())
    });
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
    assert!(dormant_count.get() > 120, "only {} became dormant", dormant_count.get());
}

/// While the store doesn't respond, files may be late, but no withheld article becomes public, and no article gets another id.
#[test]
fn unresponsive_store_publishes_nothing_wrong() {
    let mut runner = runner(ProptestConfig {
        cases: std::env::var("CASES").map_or(20, |cases| cases.parse().expect("a number")),
        max_shrink_iters: 400,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let outcome = runner.run(&prop::collection::vec(step(), 1..6), |steps| {
        let (mut all, mut some) = (Harness::new(false), Harness::new(true));
        let (mut written, mut same) = (Vec::new(), Vec::new());
        [&mut all, &mut some].into_iter().for_each(|harness| harness.write("news/other.md", &plain("Other")));
        let first = [Step::Write(0, 0, 0), Step::Write(1, 1, 2), Step::Write(4, 2, 1), Step::RemoveAllAndWait];
        for step in &first {
            apply(&mut all, step, &mut written);
            apply(&mut some, step, &mut same);
        }
        some.is_unresponsive = true;
        let (mut files, mut times) = (some.files.clone(), HashMap::new());
        for (number, step) in steps.iter().enumerate() {
            // A restart would make the store respond.
            if matches!(step, Step::SlowRestart | Step::Restart | Step::RestartIndependent) {
                continue;
            }
            apply(&mut all, step, &mut written);
            apply(&mut some, step, &mut same);
            // A file that looks like a copy waits some seconds before it is published.
            for harness in [&mut all, &mut some] {
                harness.second += 20;
                harness.handle(Event::Tick);
            }
            // A version that was replaced while it waited is never published. The same bytes at another path are then a new article.
            for (path, text) in some.files.iter().filter(|(path, text)| files.get(*path) != Some(text)) {
                times.entry(text.clone()).or_insert_with(BTreeSet::new).insert((number, path.clone()));
            }
            files.clone_from(&some.files);
            let is_once = |path: &String| times.get(&some.files[path]).is_none_or(|times| times.len() == 1);
            for (path, id) in some.ids() {
                let expected = all.ids().remove(&path);
                let is_expected = expected.as_ref().is_some_and(|expected| *expected == id || !is_once(&path));
                prop_assert!(is_expected, "{}: {} {} {:?}", number, path, id, expected);
            }
        }
        some.answer_queries();
        // Files that look like copies wait some seconds.
        [&mut all, &mut some].into_iter().for_each(Harness::wait);
        let paths = |harness: &Harness| harness.ids().into_keys().collect::<BTreeSet<_>>();
        let (all, some) = (paths(&all), paths(&some));
        prop_assert!(some.is_subset(&all), "{:?} {:?}", all, some);
        // A command for the old path of a moved file may arrive before the move is noticed.
        let is_command = |step: &Step| matches!(step, Step::Retract(_) | Step::RetractId(_) | Step::Restore(_));
        prop_assert!(steps.iter().any(is_command) || all == some, "{:?} {:?}", all, some);
        Ok(())
    });
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
}

fn plain(title: &str) -> String {
    format!("---\ntitle: {title}\ndate: 2026-11-20 10:00\n---\n\nThe {title} are back.\n")
}

/// A harness with a dormant article and a public one.
fn with_dormant(path: &str, text: &str) -> Harness {
    let mut harness = Harness::new(true);
    harness.write("news/other.md", &plain("Other"));
    harness.write(path, text);
    harness.remove(path);
    harness.wait();
    assert_eq!((harness.engine.ledger().len(), harness.engine.ledger().dormant().len()), (1, 1));
    harness
}

#[test]
fn file_waits_until_store_can_be_read() {
    let undated = "# Ships\n\nThe ships are back.\n";
    let mut harness = with_dormant("news/ships.md", undated);
    let broken = |harness: &Harness| {
        harness.snapshot.report.problems.iter().any(|problem| problem.code == Code::StateUnreadable)
    };
    // The disk does not answer.
    harness.is_unresponsive = true;
    harness.write("news/ships.md", undated);
    harness.write("news/third.md", &plain("Third"));
    assert!(
        !harness.ids().contains_key("news/ships.md") && harness.ids().contains_key("news/third.md"),
        "others don't wait"
    );
    let query = harness.unanswered.pop().expect("asked");
    harness.handle(Event::DormantFound(query, Err("the disk does not answer".to_owned())));
    assert!(broken(&harness) && harness.unanswered.is_empty());
    // The engine queries the store again. The file may change meanwhile.
    harness.write("news/ships.md", &format!("{undated}\nAnd more.\n"));
    harness.second += 2;
    harness.handle(Event::Tick);
    assert!(!harness.ids().contains_key("news/ships.md") && harness.unanswered.len() == 1);
    let now = Timestamp::from_second(harness.second).expect("in range");
    assert!(harness.engine.wake_at().is_none_or(|at| at > now), "no timer waits for the answer");
    harness.answer_queries();
    assert!(!broken(&harness));
    // The article has its first-seen time.
    let first = format!("tag:courier.example,2026:2027-01-15/news/ships {}", "2027-01-15T16:00:02+08:00");
    assert_eq!(harness.ids()["news/ships.md"], first);
}

#[test]
fn damaged_rows_are_replaced_by_records() {
    let undated = |name: &str| format!("# {name}\n\nThe {name} are back.\n");
    for sql in ["DELETE FROM dormant", "UPDATE dormant SET facts = '{}' WHERE path = 'news/ships.md'"] {
        let mut harness = with_dormant("news/ships.md", &undated("Ships"));
        harness.write("news/boats.md", &undated("Boats"));
        harness.remove("news/boats.md");
        harness.wait();
        assert_eq!(harness.engine.ledger().dormant().len(), 2);
        let database =
            rusqlite::Connection::open(harness.newsroom.path(".dateline/ledger.sqlite")).expect("a database");
        database.execute(sql, []).expect("writable");
        drop(database);
        let files = ["news/ships.md", "news/boats.md"].map(|path| {
            let text = undated(if path.contains("ships") { "Ships" } else { "Boats" });
            harness.file(path, &text, None)
        });
        harness.second += 100_000;
        harness.handle(Event::Files(files.into()));
        let ids = harness.ids();
        assert!(ids["news/ships.md"].ends_with("news/ships 2027-01-15T16:00:02+08:00"), "{sql}: {ids:?}");
        assert!(ids["news/boats.md"].ends_with("news/boats 2027-01-15T18:00:04+08:00"), "{sql}: {ids:?}");
        assert!(harness.snapshot.report.problems.iter().all(|problem| problem.code != Code::StateUnreadable), "{sql}");
    }
}

/// A draft replaces a dormant article's file before the store answers. The dormant article's id is then free.
#[test]
fn overwritten_dormant_article_delays_no_file() {
    let mut harness = with_dormant("news/ships.md", &plain("Ships"));
    harness.is_unresponsive = true;
    let draft = plain("Other").replace("title: Other\n", "title: Other\ndraft: true\n");
    let file = harness.file("news/ships.md", &draft, Some("news/other.md"));
    harness.files.insert("news/ships.md".to_owned(), draft);
    harness.handle(Event::Files(vec![file]));
    harness.remove("news/other.md");
    assert!(harness.ids().is_empty());
    harness.answer_queries();
    // The dormant article's bytes at another path.
    harness.write("news/copy.md", &plain("Ships"));
    assert!(harness.ids().contains_key("news/copy.md"), "{:?}", harness.snapshot.report.problems);
}

#[test]
fn embargo_ends_only_after_store_has_answered() {
    let mut harness = with_dormant("news/ships.md", &plain("Ships"));
    harness.is_unresponsive = true;
    harness.second = START + 3 * PAST_NOTICES_SECONDS;
    let keys = "slug: boats\nembargo: 2027-01-15T15:00:00Z\ntitle: Ships\n";
    harness.write("news/ships.md", &plain("Ships").replace("title: Ships\n", keys));
    assert!(!harness.ids().contains_key("news/ships.md"));
    harness.wait();
    assert!(!harness.ids().contains_key("news/ships.md"), "its id is not known yet: {:?}", harness.ids());
    harness.handle(Event::Config(harness.checked.clone()));
    assert!(!harness.ids().contains_key("news/ships.md"), "its id is not known yet: {:?}", harness.ids());
    harness.answer_queries();
    let id = "tag:courier.example,2026:2026-11-20/news/ships";
    assert!(harness.ids()["news/ships.md"].starts_with(id), "{:?}", harness.ids());
}

#[test]
fn dormant_article_with_damaged_record_stays_withheld() {
    let mut harness = with_dormant("news/ships.md", &plain("Ships"));
    harness.store = None;
    let database = rusqlite::Connection::open(harness.newsroom.path(".dateline/ledger.sqlite")).expect("a database");
    assert_eq!(database.execute("UPDATE record SET value = '{' WHERE kind = 'retracted'", []), Ok(1));
    drop(database);
    harness.start();
    harness.write("news/ships.md", &plain("Ships"));
    assert!(!harness.ids().contains_key("news/ships.md"));
    assert!(harness.snapshot.report.problems.iter().any(|problem| problem.code == Code::LedgerRecord));
}

/// A program that keeps everything in memory, like `dateline build`, produces the same feeds.
#[test]
fn ended_notices_stay_ended_under_longer_limit() {
    let mut harness = with_dormant("news/ships.md", &plain("Ships"));
    let config = harness.newsroom.path("config/dateline.toml");
    let text = std::fs::read_to_string(&config).expect("readable");
    std::fs::write(&config, text.replace("tombstones = \"1h\"", "tombstones = \"30d\"")).expect("writable");
    harness.checked = load(&config);
    let mut states = Vec::new();
    for has_dormancy in [true, false, true] {
        harness.has_dormancy = has_dormancy;
        harness.second += PAST_NOTICES_SECONDS;
        harness.start();
        states.push(harness.visible_state());
    }
    assert_eq!(states[0], states[1]);
    assert_eq!(states[0], states[2]);
}

#[test]
fn many_returning_files_are_queried_in_batches() {
    const ARTICLES: usize = 1_100;
    const MOST: usize = 1_000;
    let mut harness = Harness::new(true);
    harness.write("news/other.md", &plain("Other"));
    let paths: Vec<String> = (0..ARTICLES).map(|number| format!("news/{number}.md")).collect();
    let files =
        |harness: &mut Harness| paths.iter().map(|path| harness.file(path, &plain(path), None)).collect::<Vec<_>>();
    let read = files(&mut harness);
    harness.handle(Event::Files(read));
    let absent = |path: &String| {
        let state = FileState::Absent { doubtful: false };
        ParsedFile { path: ArticlePath::new(path), state, renamed_from: None }
    };
    for paths in paths.chunks(45) {
        harness.second += 20;
        harness.handle(Event::Files(paths.iter().map(absent).collect()));
    }
    harness.wait();
    assert_eq!(harness.engine.ledger().dormant().len(), ARTICLES);
    harness.is_unresponsive = true;
    let read = files(&mut harness);
    harness.handle(Event::Files(read));
    let mut asked = Vec::new();
    while let Some(query) = harness.unanswered.pop() {
        asked.push(query.paths.len());
        let answer = harness.answer(query);
        harness.handle(answer);
    }
    assert_eq!(asked, [MOST, ARTICLES - MOST]);
    assert_eq!((harness.ids().len(), harness.engine.ledger().dormant().len()), (ARTICLES + 1, 0));
}

/// A file renamed from a dormant path onto the path of a public article is an edit of that article.
#[test]
fn changes_of_public_article_never_wait_for_store() {
    let edit = plain("Third");
    for is_retracted in [false, true] {
        let mut harness = with_dormant("news/ships.md", &plain("Ships"));
        harness.is_unresponsive = true;
        let file = harness.file("news/other.md", &edit, Some("news/ships.md"));
        harness.files.insert("news/other.md".to_owned(), edit.clone());
        harness.handle(Event::Files(vec![file]));
        let versions = harness.snapshot.articles.values().map(|article| article.hash).collect::<Vec<_>>();
        assert_eq!(versions, [ContentHash::of(edit.as_bytes())]);
        if is_retracted {
            harness.command(Command::Retract { article: "news/other.md".to_owned(), reason: None });
            assert!(harness.ids().is_empty(), "{:?}", harness.ids());
        }
        harness.answer_queries();
        assert_eq!(harness.ids().len(), usize::from(!is_retracted));
    }
}

/// Two articles have the same default id. The dormant one was first and keeps it.
#[test]
fn new_file_does_not_take_waiting_id() {
    let mut harness = with_dormant("news/ships.md", &plain("Ships"));
    harness.is_unresponsive = true;
    harness.write("news/ships.md", &plain("More ships"));
    harness.write("news/boats.md", &plain("Boats").replace("title: Boats\n", "title: Boats\nslug: ships\n"));
    harness.answer_queries();
    let id = "tag:courier.example,2026:2026-11-20/news/ships";
    assert!(harness.ids()["news/ships.md"].starts_with(&format!("{id} ")), "{:?}", harness.ids());
    assert!(harness.ids()["news/boats.md"].starts_with(&format!("{id}/news/boats.md ")), "{:?}", harness.ids());
}

#[test]
fn command_waits_for_file_with_its_id() {
    for keys in ["", "id: tag:x.example,2026:one\n"] {
        let mut harness = with_dormant("news/ships.md", &plain("Ships"));
        harness.is_unresponsive = true;
        harness.write("news/Ships.md", &plain("Boats").replace("title: Boats\n", &format!("title: Boats\n{keys}")));
        let id =
            if keys.is_empty() { "tag:courier.example,2026:2026-11-20/news/Ships" } else { "tag:x.example,2026:one" };
        harness.command(Command::Retract { article: id.to_owned(), reason: None });
        harness.answer_queries();
        assert!(harness.answers[0].contains("is retracted"), "{:?}", harness.answers);
        assert!(!harness.ids().contains_key("news/Ships.md"), "{:?}", harness.ids());
    }
}

/// A retracted article keeps the id that its file states, if readers know the id from a dormant article.
#[test]
fn retracted_article_keeps_stated_id() {
    for is_dormant_first in [true, false] {
        let public = [false, true].map(|has_dormancy| {
            let mut harness = Harness::new(has_dormancy);
            let with_id = |title: &str| plain(title).replace("title", "id: tag:x.example,2026:one\ntitle");
            harness.write("news/other.md", &plain("Other"));
            harness.write("news/ships.md", &with_id("Ships"));
            harness.write("news/boats.md", &plain("Boats"));
            harness.command(Command::Retract { article: "news/boats.md".to_owned(), reason: None });
            harness.remove("news/ships.md");
            harness.second += 20;
            harness.handle(Event::Tick);
            if is_dormant_first {
                harness.wait();
            }
            harness.write("news/boats.md", &with_id("Boats"));
            harness.wait();
            harness.handle(Event::Config(harness.checked.clone()));
            harness.write("news/other.md", &with_id("Other"));
            harness.ids()
        });
        assert_eq!(public[0], public[1], "{is_dormant_first}");
        assert!(public[0].is_empty(), "{public:?}");
    }
}

/// A missing state directory doesn't mean that no article is dormant.
#[test]
fn missing_state_directory_is_an_error() {
    let harness = with_dormant("news/ships.md", &plain("Ships"));
    let find = |name: &str| {
        let paths = [dateline::ledger::dormant::of_path(&ArticlePath::new(name))].into();
        harness.store().find_dormant(&DormantQuery { paths, ..DormantQuery::default() }, Vec::new())
    };
    assert_eq!(find("news/ships.md").expect("readable").len(), 1);
    std::fs::remove_dir_all(harness.newsroom.path(".dateline")).expect("removable");
    // The owner still has the database open, but can't search all records.
    assert_eq!(find("news/ships.md").expect("readable").len(), 1);
    assert!(find("news/boats.md").is_err());
    let nothing = harness.store().find_dormant(&DormantQuery::default(), Vec::new());
    assert!(nothing.expect("nothing asked").is_empty());
}

#[test]
fn withholding_never_waits_for_store() {
    let version = |labels: &str| {
        format!("{labels}Ships return\n\nSource: Desk | 2026-11-02 09:00:00\n\nThe ships are back today.\n")
    };
    for notice in ["Status: draft", "Status: killed", "Embargo: 2040-01-01", "Expires: 2026-11-03", "Status: hmm"] {
        // The notice arrives at a path where another article was.
        let mut harness = with_dormant("news/b.txt", &version("Id: urn:x:2\n"));
        harness.write("news/a.txt", &version("Id: urn:x:1\n"));
        assert!(harness.ids().contains_key("news/a.txt"));
        harness.is_unresponsive = true;
        harness.write("news/b.txt", &version(&format!("Id: urn:x:1\n{notice}\n")));
        assert!(!harness.ids().contains_key("news/a.txt"), "{notice}");
        harness.answer_queries();
        assert!(!harness.ids().contains_key("news/a.txt"), "{notice}");
    }
    // A public article isn't dormant, so its changes never wait.
    let mut harness = with_dormant("news/ships.md", &plain("Ships"));
    harness.is_unresponsive = true;
    harness.write("news/other.md", &plain("Other").replace("title: Other\n", "title: Other\ndraft: true\n"));
    assert!(harness.ids().is_empty() && harness.unanswered.is_empty());
}

#[test]
fn command_waits_for_dormant_article() {
    let mut harness = with_dormant("news/ships.md", &plain("Ships"));
    let id = "tag:courier.example,2026:2026-11-20/news/ships";
    harness.command(Command::Retract { article: id.to_owned(), reason: Some(Text::new("Libel.")) });
    assert!(harness.answers[0].contains("is retracted"), "{:?}", harness.answers);
    harness.write("news/ships.md", &plain("Ships"));
    assert!(!harness.ids().contains_key("news/ships.md"), "an operator's retraction holds");
    assert!(harness.page(id).contains("Libel"), "{}", harness.page(id));

    let mut harness = with_dormant("news/ships.md", &plain("Ships"));
    harness.is_unresponsive = true;
    harness.command(Command::Restore { article: "news/ships.md".to_owned() });
    let query = harness.unanswered.pop().expect("asked");
    assert!(harness.answers.is_empty());
    harness.handle(Event::DormantFound(query, Err("the disk does not answer".to_owned())));
    assert!(harness.answers[0].contains("cannot be read"), "{:?}", harness.answers);
}

#[test]
fn dormant_article_takes_few_dozen_bytes() {
    const ROUNDS: usize = 20;
    const ARTICLES: usize = 100;
    let mut harness = Harness::new(true);
    harness.write("news/other.md", &plain("Other"));
    for round in 0..ROUNDS {
        let paths: Vec<String> = (0..ARTICLES).map(|number| format!("news/{round}-{number}.md")).collect();
        let files = paths.iter().map(|path| harness.file(path, &plain(path), None)).collect();
        harness.handle(Event::Files(files));
        let absent = |path: &String| ParsedFile {
            path: ArticlePath::new(path),
            state: FileState::Absent { doubtful: false },
            renamed_from: None,
        };
        for paths in paths.chunks(10) {
            harness.second += 20;
            harness.handle(Event::Files(paths.iter().map(absent).collect()));
        }
        harness.wait();
    }
    let count = |harness: &Harness| {
        let ledger = harness.engine.ledger();
        (
            ledger.len(),
            ledger.tombstones("/").count() + ledger.tombstones("/news/").count(),
            harness.engine.snapshot().gone.len(),
        )
    };
    assert_eq!(count(&harness), (1, 0, 0));
    let dormant = harness.engine.ledger().dormant();
    assert_eq!(dormant.len(), ROUNDS * ARTICLES);
    let each = dormant.bytes() / dormant.len();
    assert!(each <= 64, "{each} bytes each");
    // A start doesn't read dormant articles into memory, but knows all of them.
    for independent in [0, ROUNDS * ARTICLES] {
        harness.start();
        let dormant = harness.engine.ledger().dormant();
        assert_eq!((harness.engine.ledger().len(), dormant.len()), (1, ROUNDS * ARTICLES));
        assert!(dormant.bytes() / dormant.len() <= 64);
        assert_eq!(harness.store().mark_independent(0).expect("usable"), ROUNDS * ARTICLES - independent);
    }
}

/// A program that doesn't know the dormant table writes a record about a dormant article, or a row is damaged.
#[test]
fn unreliable_dormant_rows_cause_full_replay() {
    let record_again = "INSERT INTO record (at, kind, path, value, hash, instant, seal) \
                      SELECT at, kind, path, value, hash, instant, seal FROM record WHERE kind = 'retracted'";
    let damaged = "UPDATE dormant SET by_path = by_path + 1";
    for (is_independent, sql) in [(false, record_again), (true, record_again), (true, damaged)] {
        let mut harness = with_dormant("news/ships.md", &plain("Ships"));
        let state = harness.newsroom.path(".dateline");
        if is_independent {
            assert_eq!(harness.store().mark_independent(0).expect("usable"), 1);
        }
        harness.store = None;
        let database = rusqlite::Connection::open(state.join("ledger.sqlite")).expect("a database");
        database.execute(sql, []).expect("writable");
        drop(database);
        let store = open(&state);
        let ledger = store.handle().ledger_without_dormant(DEADLINE).expect("readable");
        assert_eq!((ledger.len(), ledger.dormant().len()), (2, 0), "{sql}");
        drop(store);
        harness.start();
        assert_eq!((harness.engine.ledger().len(), harness.engine.ledger().dormant().len()), (1, 1), "{sql}");
    }
}

/// A command arrives while the files of two articles wait, one of which takes over the id of the retracted article.
#[test]
fn retraction_comes_before_files_that_wait() {
    let mut harness = Harness::new(true);
    harness.write("news/other.md", &plain("Other"));
    let mut written = Vec::new();
    for step in &[Step::Write(0, 0, 0), Step::Write(1, 1, 2), Step::Write(4, 2, 1), Step::RemoveAllAndWait] {
        apply(&mut harness, step, &mut written);
    }
    harness.is_unresponsive = true;
    for step in &[Step::Write(4, 0, 2), Step::Retract(1), Step::Write(1, 0, 0)] {
        apply(&mut harness, step, &mut written);
    }
    harness.answer_queries();
    harness.wait();
    assert!(harness.answers.concat().contains("`news/b.md` is retracted"), "{:?}", harness.answers);
    assert_eq!(harness.ids().into_keys().collect::<Vec<_>>(), ["news/other.md"]);
}
