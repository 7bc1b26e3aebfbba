//! Outages of the state: published documents stay, the problem is reported, articles are still withheld, and everything is recorded
//! once the state is writable again.

use std::process::Command;

use rusqlite::Connection;

use super::enclosure::Enclosure;
use crate::newsroom::{Daemon, Newsroom, article, printed};

const DOCUMENTS: [&str; 8] =
    ["/", "/rss.xml", "/atom.xml", "/feed.json", "/news/", "/news/rss.xml", "/news/atom.xml", "/news/feed.json"];

fn newsroom() -> Newsroom {
    let newsroom = Newsroom::new();
    newsroom.article("news/ships.md", "Ships", "The ships are back.");
    newsroom.article("news/other.md", "Other", "It stays.");
    newsroom
}

fn log(newsroom: &Newsroom) -> String {
    std::fs::read_to_string(newsroom.path("log")).unwrap_or_default()
}

/// Checks the daemon before, during and after an outage. `retract` returns whether the command succeeded, and its output.
fn outage(
    newsroom: &Newsroom,
    daemon: &Daemon,
    begin: impl FnOnce(),
    retract: impl FnOnce() -> (bool, String),
    end: impl FnOnce(),
) {
    let before: Vec<_> = DOCUMENTS.iter().map(|path| daemon.get(path, &[])).collect();
    begin();
    // Large, as a small record might still fit.
    newsroom.write("content/news/waiting.md", article("Waiting", &"It waits. ".repeat(60_000)));
    daemon.wait("the alarm is raised", |daemon| daemon.body("/readyz").contains("state-unwritable"));
    for (path, before) in DOCUMENTS.iter().zip(&before) {
        let now = daemon.get(path, &[]);
        assert_eq!((now.header("etag"), &now.body), (before.header("etag"), &before.body), "{path}");
    }
    assert_eq!(daemon.get("/readyz", &[]).status, 200, "readers are served");
    // A busy machine may be told first that the disk doesn't answer; the cause follows.
    for words in [
        "cannot use the state in",
        "ledger.sqlite",
        "see whether the disk is full",
        "readers keep the published documents",
    ] {
        daemon.wait(&format!("`{words}` is logged"), |_| log(newsroom).contains(words));
    }
    let (done, answer) = retract();
    assert!(!done, "the exit code says so, too");
    assert!(answer.contains("is retracted") && answer.contains("a restart would forget it"), "{answer}");
    for path in DOCUMENTS {
        assert!(!daemon.body(path).contains("The ships are back"), "{path}");
    }
    assert!(daemon.body("/readyz").contains("state-unwritable"));
    end();
    daemon.wait("the alarm is over", |daemon| !daemon.body("/readyz").contains("state-unwritable"));
    daemon.wait("what waited is published", |daemon| daemon.body("/news/rss.xml").contains("It waits"));
    assert!(log(newsroom).contains("state writable again"), "{}", log(newsroom));
}

/// Checks that the documents and the retraction survived a crash.
fn assert_recovered(daemon: &Daemon, before: &[String]) {
    for (path, before) in DOCUMENTS.iter().zip(before) {
        assert_eq!(daemon.body(path), *before, "{path}");
    }
    let feed = daemon.body("/news/atom.xml");
    assert!(feed.contains("Story retracted") && !feed.contains("The ships are back"), "{feed}");
}

fn served(daemon: &Daemon) -> Vec<String> {
    DOCUMENTS.iter().map(|path| daemon.body(path)).collect()
}

#[test]
fn locked_state_is_an_outage() {
    let newsroom = newsroom();
    let daemon = newsroom.serve();
    let database = Connection::open(newsroom.path(".dateline/ledger.sqlite")).expect("a database");
    let do_sql = |sql: &str| database.execute_batch(sql).expect("free");
    outage(
        &newsroom,
        &daemon,
        || do_sql("BEGIN EXCLUSIVE"),
        || {
            let output = newsroom.dateline(&["retract", "content/news/ships.md"]);
            (output.status.success(), printed(&output))
        },
        || do_sql("ROLLBACK"),
    );
    let before = served(&daemon);
    drop(daemon);
    assert_recovered(&newsroom.serve(), &before);
}

#[test]
fn file_size_limit_is_an_outage() {
    if !Command::new("prlimit").arg("--version").output().is_ok_and(|output| output.status.success()) {
        eprintln!("faults: a limit on file sizes is skipped: there is no `prlimit` to lift it");
        return;
    }
    let newsroom = newsroom();
    let mut command = Command::new("bash");
    let limited = format!("ulimit -S -f 300; exec '{}' serve --listen 127.0.0.1:0", env!("CARGO_BIN_EXE_dateline"));
    command.args(["-c", &limited]).current_dir(newsroom.path("")).env_remove("DATELINE_LOG");
    let mut daemon = Daemon::spawn(&newsroom.path(""), command);
    daemon.wait_until_ready();
    let pid = daemon.child().expect("a process").id().to_string();
    outage(
        &newsroom,
        &daemon,
        || {},
        || {
            let output = newsroom.dateline(&["retract", "content/news/ships.md"]);
            (output.status.success(), printed(&output))
        },
        || {
            let lifted = Command::new("prlimit").args(["--pid", &pid, "--fsize=unlimited"]).status();
            assert!(lifted.is_ok_and(|status| status.success()));
        },
    );
    let before = served(&daemon);
    drop(daemon);
    assert_recovered(&newsroom.serve(), &before);
}

#[test]
fn full_disk_is_an_outage() {
    let newsroom = newsroom();
    let mounted = "mkdir -p .dateline && mount -t tmpfs -o size=2M,mode=700 tmpfs .dateline";
    let Some(mut enclosure) = Enclosure::new(&newsroom, "a full disk", mounted) else { return };
    // The closures below need the shell, while the daemon is in use.
    let inside = std::cell::RefCell::new(&mut enclosure);
    let daemon = inside.borrow().daemon.twin();
    outage(
        &newsroom,
        &daemon,
        || assert!(!inside.borrow_mut().run("head -c 4M /dev/zero >.dateline/filler")),
        || {
            let done = inside.borrow_mut().run("\"$DATELINE\" retract content/news/ships.md");
            (done, std::fs::read_to_string(newsroom.path("output")).expect("written"))
        },
        || assert!(inside.borrow_mut().run("rm .dateline/filler")),
    );
    let before = served(&daemon);
    enclosure.restart();
    assert_recovered(&enclosure.daemon, &before);
}

/// The ways to withhold an article: a file name, and a line of front matter; the last file is deleted.
const WITHHOLDING: [(&str, &str); 9] = [
    ("retracted", "status: retracted"),
    ("draft", "draft: true"),
    ("embargoed", "embargo: 2040-01-01"),
    ("unreadable", "embargo: next week"),
    ("expired", "expires: 2026-11-21"),
    ("unlisted", "feeds: false"),
    ("private", "private: true"),
    ("moved-away", "section: sport"),
    ("deleted", ""),
];

fn withholdable(newsroom: &Newsroom) {
    for (name, _) in WITHHOLDING {
        newsroom.article(&format!("news/{name}.md"), name, &format!("The text of {name}."));
    }
    // Enough articles that the withheld ones aren't a mass removal.
    for n in 0..40 {
        newsroom.article(&format!("sport/game-{n}.md"), &format!("Game {n}"), "It was won.");
    }
}

/// Withholds each article in its way, and waits until it's gone, while new articles wait.
fn withhold_all(newsroom: &Newsroom, daemon: &Daemon) {
    for (name, key) in WITHHOLDING {
        let file = format!("content/news/{name}.md");
        let text = article(name, &format!("The text of {name}."));
        match key {
            "" => std::fs::remove_file(newsroom.path(&file)).expect("there"),
            key => newsroom.write(&file, text.replace("title:", &format!("{key}\ntitle:"))),
        }
        let words = format!("The text of {name}.");
        for path in ["/news/rss.xml", "/news/atom.xml", "/news/feed.json", "/news/"] {
            daemon.wait(&format!("{name} is gone from {path}"), |daemon| !daemon.body(path).contains(&words));
        }
        let written = || std::fs::read_to_string(newsroom.path("feeds/news/rss.xml")).unwrap_or_default();
        daemon.wait(&format!("{name} is gone from the files"), |_| !written().contains(&words));
        assert!(daemon.body("/readyz").contains("state-unwritable"), "{name}: the state is still unwritable");
        assert!(!daemon.body("/news/rss.xml").contains("It waits."), "{name}: new articles wait");
    }
}

#[test]
fn withholding_does_not_wait_for_locked_state() {
    let newsroom = newsroom();
    withholdable(&newsroom);
    let daemon = newsroom.serve();
    let database = Connection::open(newsroom.path(".dateline/ledger.sqlite")).expect("a database");
    database.execute_batch("BEGIN EXCLUSIVE").expect("free");
    // The first change that can't be recorded withholds one article and adds another.
    newsroom.article("news/waiting.md", "Waiting", "It waits.");
    daemon.wait("the alarm is raised", |daemon| daemon.body("/readyz").contains("state-unwritable"));
    withhold_all(&newsroom, &daemon);
    database.execute_batch("ROLLBACK").expect("ours");
    daemon.wait("the alarm is over", |daemon| !daemon.body("/readyz").contains("state-unwritable"));
    daemon.wait("what waited is published", |daemon| daemon.body("/news/rss.xml").contains("It waits."));
    let before = served(&daemon);
    drop(daemon);
    let daemon = newsroom.serve();
    for (path, before) in DOCUMENTS.iter().zip(&before) {
        assert_eq!(daemon.body(path), *before, "{path}");
    }
    for (name, key) in WITHHOLDING {
        let is_there = daemon.body("/rss.xml").contains(&format!("The text of {name}."));
        assert_eq!(is_there, key == "section: sport", "{name}");
    }
}

#[test]
fn full_disk_delays_neither_withholding_nor_start() {
    let newsroom = newsroom();
    withholdable(&newsroom);
    let mounted = "mkdir -p .dateline && mount -t tmpfs -o size=4M,mode=700 tmpfs .dateline";
    let Some(mut enclosure) = Enclosure::new(&newsroom, "withholding on a full disk", mounted) else { return };
    let daemon = enclosure.daemon.twin();
    let fill = "head -c 8M /dev/zero >.dateline/filler; true";
    assert!(enclosure.run(fill));
    newsroom.write("content/news/waiting.md", article("Waiting", &"It waits. ".repeat(60_000)));
    daemon.wait("the alarm is raised", |daemon| daemon.body("/readyz").contains("state-unwritable"));
    withhold_all(&newsroom, &daemon);
    assert!(enclosure.run("rm .dateline/filler"));
    daemon.wait("what waited is published", |daemon| daemon.body("/news/rss.xml").contains("It waits."));

    // A start on a full disk, after a clean stop and after a kill.
    for (number, end) in ["kill $daemon; wait $daemon", "crash; rm -f .dateline/*-shm"].into_iter().enumerate() {
        let tag = enclosure.daemon.get("/news/rss.xml", &[]).header("etag").map(str::to_owned).expect("an ETag");
        let wait_until_saved = format!("until grep -q {} .dateline/published.jsonl; do :; done", tag.trim_matches('"'));
        assert!(enclosure.run(&wait_until_saved));
        let before = served(&enclosure.daemon);
        assert!(enclosure.run(&format!("{end}; {fill}")));
        enclosure.start();
        let daemon = enclosure.daemon.twin();
        // After a kill, the start frees space as soon as it has merged the write-ahead log.
        if number == 0 {
            daemon.wait("the alarm is raised", |daemon| daemon.body("/readyz").contains("state-unwritable"));
            assert_eq!(daemon.get("/readyz", &[]).status, 503, "{end}");
        }
        for (path, before) in DOCUMENTS.iter().zip(&before) {
            // On a busy machine, the comparison with the files takes some time.
            daemon.wait(&format!("{path} is served, {end}"), |daemon| daemon.body(path) == *before);
        }
        newsroom.article("news/other.md", "Other", "It stays, and is edited.");
        newsroom.article("news/new.md", "New", &format!("New after end {number}."));
        newsroom.write(
            "content/news/ships.md",
            article("Ships", "The ships are back.").replace("title:", "draft: true\ntitle:"),
        );
        daemon.wait("the draft is not served", |daemon| !daemon.body("/news/rss.xml").contains("The ships are back"));
        assert!(enclosure.run("rm .dateline/filler"));
        daemon.wait("it is ready", |daemon| daemon.get("/readyz", &[]).status == 200);
        daemon.wait("the draft is gone", |daemon| !daemon.body("/news/rss.xml").contains("The ships are back"));
        let new = format!("New after end {number}.");
        daemon.wait("what is new is published", |daemon| daemon.body("/news/rss.xml").contains(&new));
        daemon.wait("the alarm is over", |daemon| !daemon.body("/readyz").contains("state-unwritable"));
        newsroom.article("news/ships.md", "Ships", "The ships are back.");
        daemon.wait("they are back", |daemon| daemon.body("/news/rss.xml").contains("The ships are back"));
    }
}

/// A draft is withheld, too.
#[test]
fn read_only_state_serves_saved_documents() {
    let newsroom = newsroom();
    let mounted = "mkdir -p .dateline && mount -t tmpfs -o size=8M,mode=700 tmpfs .dateline";
    let Some(mut enclosure) = Enclosure::new(&newsroom, "a read-only state", mounted) else { return };
    let tag = enclosure.daemon.get("/news/rss.xml", &[]).header("etag").map(str::to_owned).expect("an ETag");
    let wait_until_saved = format!("until grep -q {} .dateline/published.jsonl; do :; done", tag.trim_matches('"'));
    assert!(enclosure.run(&wait_until_saved));
    let before = served(&enclosure.daemon);
    assert!(enclosure.run("kill $daemon; wait $daemon; mount -o remount,ro .dateline"));
    enclosure.start();
    let daemon = enclosure.daemon.twin();
    for (path, before) in DOCUMENTS.iter().zip(&before) {
        daemon.wait(&format!("{path} is served"), |daemon| daemon.body(path) == *before);
    }
    daemon.wait("the alarm is raised", |daemon| daemon.body("/readyz").contains("state-unwritable"));
    let draft = article("Ships", "The ships are back.").replace("title:", "draft: true\ntitle:");
    newsroom.write("content/news/ships.md", draft);
    daemon.wait("the draft is gone", |daemon| !daemon.body("/news/rss.xml").contains("The ships are back"));
    assert!(enclosure.run("mount -o remount,rw .dateline"));
    daemon.wait("it is ready", |daemon| daemon.get("/readyz", &[]).status == 200);
    daemon.wait("the alarm is over", |daemon| !daemon.body("/readyz").contains("state-unwritable"));
    newsroom.article("news/ships.md", "Ships", "The ships are back.");
    daemon.wait("they are back", |daemon| daemon.body("/news/rss.xml").contains("The ships are back"));
}
