//! The state cannot be written: readers keep what they have, operators are told, a retraction happens all the same, and all is made
//! up for as soon as it can be.

use std::process::Command;

use rusqlite::Connection;

use super::enclosure::Enclosure;
use crate::newsroom::{Daemon, Newsroom, article, said};

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

/// An outage from before it begins until the alarm is over. `retract` gives the code and the words of the command.
fn outage(
    newsroom: &Newsroom,
    daemon: &Daemon,
    begin: impl FnOnce(),
    retract: impl FnOnce() -> (bool, String),
    end: impl FnOnce(),
) {
    let before: Vec<_> = DOCUMENTS.iter().map(|path| daemon.get(path, &[])).collect();
    begin();
    // Large, for limits that something small would pass.
    newsroom.write("content/news/waiting.md", article("Waiting", &"It waits. ".repeat(60_000)));
    daemon.wait("the alarm is raised", |daemon| daemon.body("/readyz").contains("state-unwritable"));
    for (path, before) in DOCUMENTS.iter().zip(&before) {
        let now = daemon.get(path, &[]);
        assert_eq!((now.header("etag"), &now.body), (before.header("etag"), &before.body), "{path}");
    }
    assert_eq!(daemon.get("/readyz", &[]).status, 200, "readers are served");
    let told = log(newsroom);
    for words in
        ["cannot use the state in", "ledger.sqlite", "see whether the disk is full", "readers keep what they have"]
    {
        assert!(told.contains(words), "`{words}` in {told}");
    }
    let (done, answer) = retract();
    assert!(done && answer.contains("is retracted") && answer.contains("a restart would forget it"), "{answer}");
    for path in DOCUMENTS {
        assert!(!daemon.body(path).contains("The ships are back"), "{path}");
    }
    assert!(daemon.body("/readyz").contains("state-unwritable"));
    end();
    daemon.wait("the alarm is over", |daemon| !daemon.body("/readyz").contains("state-unwritable"));
    daemon.wait("what waited is published", |daemon| daemon.body("/news/rss.xml").contains("It waits"));
    assert!(log(newsroom).contains("the state can be written again"), "{}", log(newsroom));
}

/// After a crash nothing is forgotten.
fn afterwards(daemon: &Daemon, before: &[String]) {
    for (path, before) in DOCUMENTS.iter().zip(before) {
        assert_eq!(daemon.body(path), *before, "{path}");
    }
    let feed = daemon.body("/news/atom.xml");
    assert!(feed.contains("<at:deleted-entry ") && !feed.contains("The ships are back"), "{feed}");
}

fn served(daemon: &Daemon) -> Vec<String> {
    DOCUMENTS.iter().map(|path| daemon.body(path)).collect()
}

#[test]
fn a_state_that_somebody_locks_is_an_outage() {
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
            (output.status.success(), said(&output))
        },
        || do_sql("ROLLBACK"),
    );
    let before = served(&daemon);
    drop(daemon);
    afterwards(&newsroom.serve(), &before);
}

#[test]
fn a_limit_on_file_sizes_is_an_outage_and_no_death() {
    if !Command::new("prlimit").arg("--version").output().is_ok_and(|output| output.status.success()) {
        eprintln!("faults: a limit on file sizes is left out: there is no `prlimit` to lift it");
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
            (output.status.success(), said(&output))
        },
        || {
            let lifted = Command::new("prlimit").args(["--pid", &pid, "--fsize=unlimited"]).status();
            assert!(lifted.is_ok_and(|status| status.success()));
        },
    );
    let before = served(&daemon);
    drop(daemon);
    afterwards(&newsroom.serve(), &before);
}

#[test]
fn a_full_disk_is_an_outage() {
    let newsroom = newsroom();
    let mounted = "mkdir -p .dateline && mount -t tmpfs -o size=2M,mode=700 tmpfs .dateline";
    let Some(mut enclosure) = Enclosure::new(&newsroom, "a full disk", mounted) else { return };
    // The shell cannot be had while its daemon is looked at.
    let inside = std::cell::RefCell::new(&mut enclosure);
    let daemon = inside.borrow().daemon.twin();
    outage(
        &newsroom,
        &daemon,
        || assert!(!inside.borrow_mut().run("head -c 4M /dev/zero >.dateline/filler")),
        || {
            let done = inside.borrow_mut().run("\"$DATELINE\" retract content/news/ships.md");
            (done, std::fs::read_to_string(newsroom.path("said")).expect("written"))
        },
        || assert!(inside.borrow_mut().run("rm .dateline/filler")),
    );
    let before = served(&daemon);
    enclosure.restart();
    afterwards(&enclosure.daemon, &before);
}
