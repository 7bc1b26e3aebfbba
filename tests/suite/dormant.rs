//! Dormant articles are only in the store, but behave as if they were in memory: an article that comes back gets its old id, dates and
//! retraction. The tests run the engine and the store without a daemon, and compare with an engine that keeps everything in memory.

mod comparison;
mod harness;

use dateline::daemon::load;
use dateline::diagnostics::Code;
use dateline::event::{Command, DormantQuery, Event, FileState, ParsedFile};
use dateline::types::{ArticlePath, ContentHash, Text};
use jiff::Timestamp;

use self::harness::{Harness, PAST_NOTICES_SECONDS, START, open, plain};
use crate::newsroom::DEADLINE;

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
