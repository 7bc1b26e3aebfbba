//! Articles whose files are gone for good are in the store alone, and nobody can tell: whatever comes back gets its old id, dates and
//! retraction. The engine and the store without a daemon, beside one that keeps everything in memory.

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
use dateline::store::{self, Store, StoreError};
use dateline::types::{ArticlePath, ContentHash, EntryId, Text};
use jiff::Timestamp;
use proptest::prelude::*;

use crate::newsroom::{CONFIG, DEADLINE, Newsroom, pause};

const START: i64 = 1_800_000_000;
/// Longer than feeds tell of a retraction.
const LONG: i64 = 7_200;

/// An engine with a store.
struct Desk {
    newsroom: Newsroom,
    engine: Engine,
    store: Option<Store>,
    checked: Checked,
    second: i64,
    snapshot: Arc<Snapshot>,
    files: BTreeMap<String, String>,
    /// Every text that ever was.
    texts: HashMap<ContentHash, String>,
    /// Whether articles may fall asleep.
    forgets: bool,
    /// Whether the store doesn't answer.
    is_mute: bool,
    unanswered: Vec<DormantQuery>,
    fallen_asleep: usize,
    answers: Vec<String>,
}

/// Opens a store that was just closed. A process that another test is starting has the lock, too, until it runs its program.
fn open(state: &Path) -> Store {
    let started = Instant::now();
    loop {
        match Store::open(state) {
            Err(StoreError::Locked(_)) if started.elapsed() < DEADLINE => pause(),
            store => return store.expect("usable"),
        }
    }
}

impl Desk {
    fn new(forgets: bool) -> Desk {
        let newsroom = Newsroom::new();
        let mass = "[content.mass_removal]\nleast = 50\n[feeds]\ntombstones = \"1h\"\n";
        newsroom.write("config/dateline.toml", format!("{CONFIG}{mass}"));
        let checked = load(&newsroom.path("config/dateline.toml"));
        let mut desk = Desk {
            newsroom,
            engine: Engine::new(),
            store: None,
            checked,
            second: START,
            snapshot: Arc::default(),
            files: BTreeMap::new(),
            texts: HashMap::new(),
            forgets,
            is_mute: false,
            unanswered: Vec::new(),
            fallen_asleep: 0,
            answers: Vec::new(),
        };
        desk.start();
        desk
    }

    /// A new engine with what the store has.
    fn start(&mut self) {
        self.store = None;
        let store = open(&self.newsroom.path(".dateline"));
        let engine = match self.forgets {
            true => Engine::with_ledger(store.awake_ledger().expect("readable")).with_dormancy(),
            false => Engine::with_ledger(store.ledger().expect("readable")),
        };
        (self.store, self.engine, self.unanswered) = (Some(store), engine, Vec::new());
        assert!(self.checked.config.is_some(), "{:?}", self.checked.diagnostics);
        self.tell(Event::Config(self.checked.clone()));
        let files = self.files.keys().map(|path| ArticlePath::new(path)).collect();
        let read = self.files.clone().into_iter().map(|(path, text)| self.file(&path, &text, None));
        let read = read.collect();
        self.tell(Event::Files(read));
        let folder = |path: &str| ListedDirectory { path: path.into(), unreadable: None };
        self.tell(Event::Rescan(Listing {
            scope: String::new(),
            directories: ["", "news", "News"].map(folder).into(),
            files,
            links: Vec::new(),
            is_whole: true,
            doubtful: false,
            limited: None,
        }));
    }

    fn tell(&mut self, event: Event) {
        let now = Timestamp::from_second(self.second).expect("in range");
        let mut events = VecDeque::from([event]);
        while let Some(event) = events.pop_front() {
            for effect in self.engine.handle(event, now) {
                match effect {
                    Effect::Persist(records) => {
                        self.fallen_asleep +=
                            records.iter().filter(|record| matches!(record, Record::Dormant { .. })).count();
                        self.store.as_mut().expect("open").append(&records, now).expect("writable");
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
                        let recalled = requests.into_iter().map(|request| {
                            let article = self.parsed(request.path.as_str(), &self.texts[&request.hash]).article;
                            StoredVersion { request, article }
                        });
                        events.push_back(Event::StoredVersion(recalled.collect()));
                    }
                    Effect::FindDormant(question) if self.is_mute => self.unanswered.push(question),
                    Effect::FindDormant(question) => events.push_back(self.answer(question)),
                    Effect::Answer(_, answer) => self.answers.push(format!("{answer:?}")),
                    _ => {}
                }
            }
        }
    }

    /// What the store knows.
    fn answer(&self, question: DormantQuery) -> Event {
        let found = store::find_dormant(&self.newsroom.path(".dateline"), &question, Vec::new());
        Event::DormantFound(question, found.map_err(|error| error.to_string()))
    }

    /// The store answers again.
    fn speak(&mut self) {
        self.is_mute = false;
        for question in std::mem::take(&mut self.unanswered) {
            let answer = self.answer(question);
            self.tell(answer);
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
        self.tell(Event::Files(vec![file]));
    }

    fn remove(&mut self, path: &str) {
        self.second += 1;
        if self.files.remove(path).is_some() {
            let state = FileState::Absent { doubtful: false };
            let file = ParsedFile { path: ArticlePath::new(path), state, renamed_from: None };
            self.tell(Event::Files(vec![file]));
        }
    }

    /// A move that the system tells of, or one that shows by the bytes alone.
    fn rename(&mut self, from: &str, to: &str, is_told: bool) {
        let Some(text) = self.files.get(from).cloned().filter(|_| from != to) else { return };
        self.second += 1;
        self.files.insert(to.to_owned(), text.clone());
        let file = self.file(to, &text, Some(from).filter(|_| is_told));
        self.tell(Event::Files(vec![file]));
        self.remove(from);
    }

    fn wait(&mut self) {
        self.second += LONG;
        self.tell(Event::Tick);
    }

    fn command(&mut self, command: Command) {
        self.second += 1;
        self.tell(Event::Command(command, Ticket(0)));
    }

    /// The ids of what is public, by paths.
    fn ids(&self) -> BTreeMap<String, String> {
        let articles = self.snapshot.articles.values();
        articles
            .map(|article| (article.path.to_string(), format!("{} {}", article.id, article.published.rfc3339())))
            .collect()
    }

    /// What the page of an article says that is gone.
    fn page(&self, id: &str) -> String {
        let short_id = dateline::build::assemble::short_id(&EntryId::parse(id).expect("an id"));
        let gone = self.snapshot.gone.get(&*short_id).map(|gone| format!("{:?} {:?}", gone.retracted, gone.reason));
        let retired = || self.snapshot.retired.by_short_id(&short_id).map(|since| format!("{:?} None", Some(since)));
        match self.snapshot.articles.get(&*short_id) {
            Some(article) => format!("{id}: {}", article.name),
            None => format!("{id}: {:?}", gone.or_else(retired)),
        }
    }

    /// All that anybody can see.
    fn told(&self) -> Vec<String> {
        let documents = self.snapshot.documents.iter();
        let mut told: Vec<String> = documents
            .map(|(route, document)| format!("{route} {} {:?}", document.hash, document.last_modified))
            .collect();
        told.extend(self.ids().into_iter().map(|(path, id)| format!("{path} {id}")));
        told.extend(IDS.iter().map(|id| self.page(id)));
        let scratch = self.newsroom.path("content").display().to_string();
        told.push(format!("{:?}", self.snapshot.report).replace(&scratch, "content"));
        told.extend(self.answers.iter().cloned());
        told.sort();
        told
    }

    /// What the store says after a start of a program that keeps everything in memory.
    fn remembered(&self) -> Vec<String> {
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
    /// A text that was somewhere before.
    Again(usize, usize),
    Remove(usize),
    RemoveAllAndWait,
    Rename(usize, usize, bool),
    Wait,
    Retract(usize),
    RetractId(usize),
    Restore(usize),
    Restart,
    /// It is known of which articles the records need not be replayed.
    RestartUntied,
    /// The store answers only after everything was listed.
    SlowRestart,
}

fn step() -> impl Strategy<Value = Step> {
    let path = || 0..PATHS.len();
    let extra = prop_oneof![Just(0_u8), Just(0), Just(2), any::<u8>()];
    prop_oneof![
        4 => (path(), 0..5_u8, extra).prop_map(|(path, number, extra)| Step::Write(path, number, extra)),
        3 => (path(), 0..8_usize).prop_map(|(path, which)| Step::Again(path, which)),
        1 => path().prop_map(Step::Remove),
        4 => Just(Step::RemoveAllAndWait),
        2 => (path(), path(), any::<bool>()).prop_map(|(from, to, told)| Step::Rename(from, to, told)),
        2 => Just(Step::Wait),
        1 => path().prop_map(Step::Retract),
        1 => (0..IDS.len()).prop_map(Step::RetractId),
        1 => path().prop_map(Step::Restore),
        1 => Just(Step::Restart),
        1 => Just(Step::RestartUntied),
        1 => Just(Step::SlowRestart),
    ]
}

/// Does the same at a desk; `written`: all texts so far.
fn take(desk: &mut Desk, step: &Step, written: &mut Vec<String>) {
    let article = |path: &usize| PATHS[*path].to_owned();
    match step {
        Step::Write(path, number, extra) => {
            let text = text(*number, *extra);
            desk.write(PATHS[*path], &text);
            written.push(text);
        }
        Step::Again(path, which) => {
            if let Some(text) = written.get(*which).cloned() {
                desk.write(PATHS[*path], &text);
            }
        }
        Step::Remove(path) => desk.remove(PATHS[*path]),
        Step::RemoveAllAndWait => {
            PATHS.iter().for_each(|path| desk.remove(path));
            desk.wait();
        }
        Step::Rename(from, to, is_told) => desk.rename(PATHS[*from], PATHS[*to], *is_told),
        Step::Wait => desk.wait(),
        Step::Retract(path) => {
            desk.command(Command::Retract { article: article(path), reason: Some(Text::new("Libel.")) })
        }
        Step::RetractId(id) => desk.command(Command::Retract { article: IDS[*id].to_owned(), reason: None }),
        Step::Restore(path) => desk.command(Command::Restore { article: article(path) }),
        Step::Restart => desk.start(),
        Step::RestartUntied => {
            store::mark_independent(&desk.newsroom.path(".dateline"), 0).expect("usable");
            desk.start();
        }
        Step::SlowRestart => {
            desk.is_mute = true;
            desk.start();
            desk.speak();
        }
    }
}

#[test]
fn dormant_articles_behave_as_remembered_ones() {
    let slept = std::cell::Cell::new(0);
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        cases: std::env::var("CASES").map_or(40, |cases| cases.parse().expect("a number")),
        max_shrink_iters: 400,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let outcome = runner.run(&prop::collection::vec(step(), 1..20), |steps| {
        let (mut all, mut some) = (Desk::new(false), Desk::new(true));
        let (mut written, mut same) = (Vec::new(), Vec::new());
        [&mut all, &mut some].into_iter().for_each(|desk| desk.write("news/other.md", &plain("Other")));
        let first = [Step::Write(0, 0, 0), Step::Write(1, 1, 2), Step::Write(4, 2, 1), Step::RemoveAllAndWait];
        for (number, step) in first.iter().chain(&steps).enumerate() {
            take(&mut all, step, &mut written);
            take(&mut some, step, &mut same);
            prop_assert_eq!(all.told(), some.told(), "after {}: {:?}", number, step);
            prop_assert_eq!(all.remembered(), some.remembered(), "after {}: {:?}", number, step);
        }
        slept.set(slept.get() + some.fallen_asleep);
        Ok(())
    });
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
    assert!(slept.get() > 120, "only {} fell asleep", slept.get());
}

/// While the store doesn't answer, files may be late, but nothing is public that shouldn't be, and nothing under another id.
#[test]
fn silent_store_makes_nothing_public() {
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        cases: std::env::var("CASES").map_or(20, |cases| cases.parse().expect("a number")),
        max_shrink_iters: 400,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let outcome = runner.run(&prop::collection::vec(step(), 1..6), |steps| {
        let (mut all, mut some) = (Desk::new(false), Desk::new(true));
        let (mut written, mut same) = (Vec::new(), Vec::new());
        [&mut all, &mut some].into_iter().for_each(|desk| desk.write("news/other.md", &plain("Other")));
        let first = [Step::Write(0, 0, 0), Step::Write(1, 1, 2), Step::Write(4, 2, 1), Step::RemoveAllAndWait];
        for step in &first {
            take(&mut all, step, &mut written);
            take(&mut some, step, &mut same);
        }
        some.is_mute = true;
        let (mut files, mut times) = (some.files.clone(), HashMap::new());
        for (number, step) in steps.iter().enumerate() {
            // A slow start answers at the end.
            if matches!(step, Step::SlowRestart | Step::Restart | Step::RestartUntied) {
                continue;
            }
            take(&mut all, step, &mut written);
            take(&mut some, step, &mut same);
            // A file that looks like a copy waits for some seconds.
            for desk in [&mut all, &mut some] {
                desk.second += 20;
                desk.tell(Event::Tick);
            }
            // A version that was replaced while it waited is never seen, so the same bytes elsewhere are another article.
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
        some.speak();
        // Another file may look like a copy for some seconds.
        [&mut all, &mut some].into_iter().for_each(Desk::wait);
        let paths = |desk: &Desk| desk.ids().into_keys().collect::<BTreeSet<_>>();
        let (all, some) = (paths(&all), paths(&some));
        prop_assert!(some.is_subset(&all), "{:?} {:?}", all, some);
        // A command for the old path of a moved file may come before the move is noticed.
        let is_command = |step: &Step| matches!(step, Step::Retract(_) | Step::RetractId(_) | Step::Restore(_));
        prop_assert!(steps.iter().any(is_command) || all == some, "{:?} {:?}", all, some);
        Ok(())
    });
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
}

fn plain(title: &str) -> String {
    format!("---\ntitle: {title}\ndate: 2026-11-20 10:00\n---\n\nThe {title} are back.\n")
}

/// A desk with an article that fell asleep, and one that stays.
fn with_dormant(path: &str, text: &str) -> Desk {
    let mut desk = Desk::new(true);
    desk.write("news/other.md", &plain("Other"));
    desk.write(path, text);
    desk.remove(path);
    desk.wait();
    assert_eq!((desk.engine.ledger().len(), desk.engine.ledger().dormant().len()), (1, 1));
    desk
}

#[test]
fn file_waits_until_its_memory_can_be_read() {
    let undated = "# Ships\n\nThe ships are back.\n";
    let mut desk = with_dormant("news/ships.md", undated);
    let broken =
        |desk: &Desk| desk.snapshot.report.problems.iter().any(|problem| problem.code == Code::StateUnreadable);
    // The disk does not answer.
    desk.is_mute = true;
    desk.write("news/ships.md", undated);
    desk.write("news/third.md", &plain("Third"));
    assert!(!desk.ids().contains_key("news/ships.md") && desk.ids().contains_key("news/third.md"), "others don't wait");
    let question = desk.unanswered.pop().expect("asked");
    desk.tell(Event::DormantFound(question, Err("the disk does not answer".to_owned())));
    assert!(broken(&desk) && desk.unanswered.is_empty());
    // It is asked again, and the file may change meanwhile.
    desk.write("news/ships.md", &format!("{undated}\nAnd more.\n"));
    desk.second += 2;
    desk.tell(Event::Tick);
    assert!(!desk.ids().contains_key("news/ships.md") && desk.unanswered.len() == 1);
    let now = Timestamp::from_second(desk.second).expect("in range");
    assert!(desk.engine.wake_at().is_none_or(|at| at > now), "nobody waits for the answer with a clock");
    desk.speak();
    assert!(!broken(&desk));
    // As it was when it was seen first.
    let first = format!("tag:courier.example,2026:2027-01-15/news/ships {}", "2027-01-15T16:00:02+08:00");
    assert_eq!(desk.ids()["news/ships.md"], first);
}

#[test]
fn damaged_rows_are_read_from_the_log() {
    let undated = |name: &str| format!("# {name}\n\nThe {name} are back.\n");
    for sql in ["DELETE FROM dormant", "UPDATE dormant SET facts = '{}' WHERE path = 'news/ships.md'"] {
        let mut desk = with_dormant("news/ships.md", &undated("Ships"));
        desk.write("news/boats.md", &undated("Boats"));
        desk.remove("news/boats.md");
        desk.wait();
        assert_eq!(desk.engine.ledger().dormant().len(), 2);
        let database = rusqlite::Connection::open(desk.newsroom.path(".dateline/ledger.sqlite")).expect("a database");
        database.execute(sql, []).expect("writable");
        drop(database);
        let files = ["news/ships.md", "news/boats.md"].map(|path| {
            let text = undated(if path.contains("ships") { "Ships" } else { "Boats" });
            desk.file(path, &text, None)
        });
        desk.second += 100_000;
        desk.tell(Event::Files(files.into()));
        let ids = desk.ids();
        assert!(ids["news/ships.md"].ends_with("news/ships 2027-01-15T16:00:02+08:00"), "{sql}: {ids:?}");
        assert!(ids["news/boats.md"].ends_with("news/boats 2027-01-15T18:00:04+08:00"), "{sql}: {ids:?}");
        assert!(desk.snapshot.report.problems.iter().all(|problem| problem.code != Code::StateUnreadable), "{sql}");
    }
}

/// A draft takes the place of a dormant article before the store answers. What the dormant article had is nobody's then.
#[test]
fn overwritten_dormant_article_delays_nobody() {
    let mut desk = with_dormant("news/ships.md", &plain("Ships"));
    desk.is_mute = true;
    let draft = plain("Other").replace("title: Other\n", "title: Other\ndraft: true\n");
    let file = desk.file("news/ships.md", &draft, Some("news/other.md"));
    desk.files.insert("news/ships.md".to_owned(), draft);
    desk.tell(Event::Files(vec![file]));
    desk.remove("news/other.md");
    assert!(desk.ids().is_empty());
    desk.speak();
    // The same bytes elsewhere.
    desk.write("news/copy.md", &plain("Ships"));
    assert!(desk.ids().contains_key("news/copy.md"), "{:?}", desk.snapshot.report.problems);
}

#[test]
fn embargo_ends_only_once_the_store_has_answered() {
    let mut desk = with_dormant("news/ships.md", &plain("Ships"));
    desk.is_mute = true;
    desk.second = START + 3 * LONG;
    let keys = "slug: boats\nembargo: 2027-01-15T15:00:00Z\ntitle: Ships\n";
    desk.write("news/ships.md", &plain("Ships").replace("title: Ships\n", keys));
    assert!(!desk.ids().contains_key("news/ships.md"));
    desk.wait();
    assert!(!desk.ids().contains_key("news/ships.md"), "its id is not known yet: {:?}", desk.ids());
    desk.tell(Event::Config(desk.checked.clone()));
    assert!(!desk.ids().contains_key("news/ships.md"), "its id is not known yet: {:?}", desk.ids());
    desk.speak();
    let id = "tag:courier.example,2026:2026-11-20/news/ships";
    assert!(desk.ids()["news/ships.md"].starts_with(id), "{:?}", desk.ids());
}

#[test]
fn dormant_article_with_damaged_record_stays_withheld() {
    let mut desk = with_dormant("news/ships.md", &plain("Ships"));
    desk.store = None;
    let database = rusqlite::Connection::open(desk.newsroom.path(".dateline/ledger.sqlite")).expect("a database");
    assert_eq!(database.execute("UPDATE record SET value = '{' WHERE kind = 'retracted'", []), Ok(1));
    drop(database);
    desk.start();
    desk.write("news/ships.md", &plain("Ships"));
    assert!(!desk.ids().contains_key("news/ships.md"));
    assert!(desk.snapshot.report.problems.iter().any(|problem| problem.code == Code::LedgerRecord));
}

/// Whoever keeps everything in memory, as `dateline build` does, makes the same feeds.
#[test]
fn ended_notices_stay_ended_when_they_would_last_longer() {
    let mut desk = with_dormant("news/ships.md", &plain("Ships"));
    let config = desk.newsroom.path("config/dateline.toml");
    let text = std::fs::read_to_string(&config).expect("readable");
    std::fs::write(&config, text.replace("tombstones = \"1h\"", "tombstones = \"30d\"")).expect("writable");
    desk.checked = load(&config);
    let mut told = Vec::new();
    for forgets in [true, false, true] {
        desk.forgets = forgets;
        desk.second += LONG;
        desk.start();
        told.push(desk.told());
    }
    assert_eq!(told[0], told[1]);
    assert_eq!(told[0], told[2]);
}

#[test]
fn many_returning_files_are_asked_for_in_parts() {
    const ARTICLES: usize = 1_100;
    const MOST: usize = 1_000;
    let mut desk = Desk::new(true);
    desk.write("news/other.md", &plain("Other"));
    let paths: Vec<String> = (0..ARTICLES).map(|number| format!("news/{number}.md")).collect();
    let files = |desk: &mut Desk| paths.iter().map(|path| desk.file(path, &plain(path), None)).collect::<Vec<_>>();
    let read = files(&mut desk);
    desk.tell(Event::Files(read));
    let absent = |path: &String| {
        let state = FileState::Absent { doubtful: false };
        ParsedFile { path: ArticlePath::new(path), state, renamed_from: None }
    };
    for paths in paths.chunks(45) {
        desk.second += 20;
        desk.tell(Event::Files(paths.iter().map(absent).collect()));
    }
    desk.wait();
    assert_eq!(desk.engine.ledger().dormant().len(), ARTICLES);
    desk.is_mute = true;
    let read = files(&mut desk);
    desk.tell(Event::Files(read));
    let mut asked = Vec::new();
    while let Some(question) = desk.unanswered.pop() {
        asked.push(question.paths.len());
        let answer = desk.answer(question);
        desk.tell(answer);
    }
    assert_eq!(asked, [MOST, ARTICLES - MOST]);
    assert_eq!((desk.ids().len(), desk.engine.ledger().dormant().len()), (ARTICLES + 1, 0));
}

/// A file renamed from a dormant path onto the path of a public article is an edit of that article.
#[test]
fn changes_of_public_article_never_wait_for_store() {
    let edit = plain("Third");
    for is_retracted in [false, true] {
        let mut desk = with_dormant("news/ships.md", &plain("Ships"));
        desk.is_mute = true;
        let file = desk.file("news/other.md", &edit, Some("news/ships.md"));
        desk.files.insert("news/other.md".to_owned(), edit.clone());
        desk.tell(Event::Files(vec![file]));
        let versions = desk.snapshot.articles.values().map(|article| article.hash).collect::<Vec<_>>();
        assert_eq!(versions, [ContentHash::of(edit.as_bytes())]);
        if is_retracted {
            desk.command(Command::Retract { article: "news/other.md".to_owned(), reason: None });
            assert!(desk.ids().is_empty(), "{:?}", desk.ids());
        }
        desk.speak();
        assert_eq!(desk.ids().len(), usize::from(!is_retracted));
    }
}

/// Two articles with the same default id: the dormant one was first.
#[test]
fn new_file_takes_no_id_of_waiting_file() {
    let mut desk = with_dormant("news/ships.md", &plain("Ships"));
    desk.is_mute = true;
    desk.write("news/ships.md", &plain("More ships"));
    desk.write("news/boats.md", &plain("Boats").replace("title: Boats\n", "title: Boats\nslug: ships\n"));
    desk.speak();
    let id = "tag:courier.example,2026:2026-11-20/news/ships";
    assert!(desk.ids()["news/ships.md"].starts_with(&format!("{id} ")), "{:?}", desk.ids());
    assert!(desk.ids()["news/boats.md"].starts_with(&format!("{id}/news/boats.md ")), "{:?}", desk.ids());
}

#[test]
fn command_waits_for_file_with_its_id() {
    for keys in ["", "id: tag:x.example,2026:one\n"] {
        let mut desk = with_dormant("news/ships.md", &plain("Ships"));
        desk.is_mute = true;
        desk.write("news/Ships.md", &plain("Boats").replace("title: Boats\n", &format!("title: Boats\n{keys}")));
        let id =
            if keys.is_empty() { "tag:courier.example,2026:2026-11-20/news/Ships" } else { "tag:x.example,2026:one" };
        desk.command(Command::Retract { article: id.to_owned(), reason: None });
        desk.speak();
        assert!(desk.answers[0].contains("is retracted"), "{:?}", desk.answers);
        assert!(!desk.ids().contains_key("news/Ships.md"), "{:?}", desk.ids());
    }
}

/// A retracted article keeps the id that its file states, if readers know the id from a dormant article.
#[test]
fn id_that_retracted_article_states_stays_taken() {
    for sleeps_first in [true, false] {
        let public = [false, true].map(|forgets| {
            let mut desk = Desk::new(forgets);
            let with_id = |title: &str| plain(title).replace("title", "id: tag:x.example,2026:one\ntitle");
            desk.write("news/other.md", &plain("Other"));
            desk.write("news/ships.md", &with_id("Ships"));
            desk.write("news/boats.md", &plain("Boats"));
            desk.command(Command::Retract { article: "news/boats.md".to_owned(), reason: None });
            desk.remove("news/ships.md");
            desk.second += 20;
            desk.tell(Event::Tick);
            if sleeps_first {
                desk.wait();
            }
            desk.write("news/boats.md", &with_id("Boats"));
            desk.wait();
            desk.tell(Event::Config(desk.checked.clone()));
            desk.write("news/other.md", &with_id("Other"));
            desk.ids()
        });
        assert_eq!(public[0], public[1], "{sleeps_first}");
        assert!(public[0].is_empty(), "{public:?}");
    }
}

/// A state directory that is gone says nothing about articles that were in it.
#[test]
fn missing_state_answers_no_query() {
    let desk = with_dormant("news/ships.md", &plain("Ships"));
    let paths = [dateline::ledger::dormant::of_path(&ArticlePath::new("news/ships.md"))].into();
    let query = DormantQuery { paths, ..DormantQuery::default() };
    assert_eq!(store::find_dormant(&desk.newsroom.path(".dateline"), &query, Vec::new()).expect("readable").len(), 1);
    let nowhere = desk.newsroom.path("nowhere");
    assert!(store::find_dormant(&nowhere, &query, Vec::new()).is_err());
    assert!(store::find_dormant(&nowhere, &DormantQuery::default(), Vec::new()).expect("nothing asked").is_empty());
}

#[test]
fn withholding_waits_for_no_memory() {
    let version = |labels: &str| {
        format!("{labels}Ships return\n\nSource: Desk | 2026-11-02 09:00:00\n\nThe ships are back today.\n")
    };
    for notice in ["Status: draft", "Status: killed", "Embargo: 2040-01-01", "Expires: 2026-11-03", "Status: hmm"] {
        // Where the notice comes there was another article.
        let mut desk = with_dormant("news/b.txt", &version("Id: urn:x:2\n"));
        desk.write("news/a.txt", &version("Id: urn:x:1\n"));
        assert!(desk.ids().contains_key("news/a.txt"));
        desk.is_mute = true;
        desk.write("news/b.txt", &version(&format!("Id: urn:x:1\n{notice}\n")));
        assert!(!desk.ids().contains_key("news/a.txt"), "{notice}");
        desk.speak();
        assert!(!desk.ids().contains_key("news/a.txt"), "{notice}");
    }
    // An article that readers see is awake: whatever becomes of it waits for nothing.
    let mut desk = with_dormant("news/ships.md", &plain("Ships"));
    desk.is_mute = true;
    desk.write("news/other.md", &plain("Other").replace("title: Other\n", "title: Other\ndraft: true\n"));
    assert!(desk.ids().is_empty() && desk.unanswered.is_empty());
}

#[test]
fn command_waits_for_the_memory_of_its_article() {
    let mut desk = with_dormant("news/ships.md", &plain("Ships"));
    let id = "tag:courier.example,2026:2026-11-20/news/ships";
    desk.command(Command::Retract { article: id.to_owned(), reason: Some(Text::new("Libel.")) });
    assert!(desk.answers[0].contains("is retracted"), "{:?}", desk.answers);
    desk.write("news/ships.md", &plain("Ships"));
    assert!(!desk.ids().contains_key("news/ships.md"), "what an operator retracted stays so");
    assert!(desk.page(id).contains("Libel"), "{}", desk.page(id));

    let mut desk = with_dormant("news/ships.md", &plain("Ships"));
    desk.is_mute = true;
    desk.command(Command::Restore { article: "news/ships.md".to_owned() });
    let question = desk.unanswered.pop().expect("asked");
    assert!(desk.answers.is_empty());
    desk.tell(Event::DormantFound(question, Err("the disk does not answer".to_owned())));
    assert!(desk.answers[0].contains("cannot be read"), "{:?}", desk.answers);
}

#[test]
fn forgotten_articles_take_a_few_dozen_bytes() {
    const ROUNDS: usize = 20;
    const ARTICLES: usize = 100;
    let mut desk = Desk::new(true);
    desk.write("news/other.md", &plain("Other"));
    for round in 0..ROUNDS {
        let paths: Vec<String> = (0..ARTICLES).map(|number| format!("news/{round}-{number}.md")).collect();
        let files = paths.iter().map(|path| desk.file(path, &plain(path), None)).collect();
        desk.tell(Event::Files(files));
        let absent = |path: &String| ParsedFile {
            path: ArticlePath::new(path),
            state: FileState::Absent { doubtful: false },
            renamed_from: None,
        };
        for paths in paths.chunks(10) {
            desk.second += 20;
            desk.tell(Event::Files(paths.iter().map(absent).collect()));
        }
        desk.wait();
    }
    let count = |desk: &Desk| {
        let ledger = desk.engine.ledger();
        (
            ledger.len(),
            ledger.tombstones("/").count() + ledger.tombstones("/news/").count(),
            desk.engine.snapshot().gone.len(),
        )
    };
    assert_eq!(count(&desk), (1, 0, 0));
    let dormant = desk.engine.ledger().dormant();
    assert_eq!(dormant.len(), ROUNDS * ARTICLES);
    let each = dormant.bytes() / dormant.len();
    assert!(each <= 64, "{each} bytes each");
    // A start does not read them into memory, and knows as much of them.
    for free in [0, ROUNDS * ARTICLES] {
        desk.start();
        let dormant = desk.engine.ledger().dormant();
        assert_eq!((desk.engine.ledger().len(), dormant.len()), (1, ROUNDS * ARTICLES));
        assert!(dormant.bytes() / dormant.len() <= 64);
        assert_eq!(store::mark_independent(&desk.newsroom.path(".dateline"), 0).expect("usable"), ROUNDS * ARTICLES - free);
    }
}

/// A program that knows nothing of dormant articles writes records about one, or the disk spoils what is known of it.
#[test]
fn doubtful_memory_of_dormant_articles_is_replayed() {
    let same_again = "INSERT INTO record (at, kind, path, value, hash, instant, seal) \
                      SELECT at, kind, path, value, hash, instant, seal FROM record WHERE kind = 'retracted'";
    let spoilt = "UPDATE dormant SET by_path = by_path + 1";
    for (is_untied, sql) in [(false, same_again), (true, same_again), (true, spoilt)] {
        let mut desk = with_dormant("news/ships.md", &plain("Ships"));
        let state = desk.newsroom.path(".dateline");
        desk.store = None;
        if is_untied {
            assert_eq!(store::mark_independent(&state, 0).expect("usable"), 1);
        }
        let database = rusqlite::Connection::open(state.join("ledger.sqlite")).expect("a database");
        database.execute(sql, []).expect("writable");
        drop(database);
        let store = open(&state);
        let ledger = store.awake_ledger().expect("readable");
        assert_eq!((ledger.len(), ledger.dormant().len()), (2, 0), "{sql}");
        drop(store);
        desk.start();
        assert_eq!((desk.engine.ledger().len(), desk.engine.ledger().dormant().len()), (1, 1), "{sql}");
    }
}
