//! A missing or damaged ledger is reported, and withheld articles stay withheld.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use rusqlite::Connection;

use super::startup::{is_refused, newsroom};
use crate::newsroom::{Newsroom, files, printed};

const LEDGER: &str = ".dateline/ledger.sqlite";

fn database(newsroom: &Newsroom) -> Connection {
    Connection::open(newsroom.path(LEDGER)).expect("a database")
}

/// Removes everything in the state directory except these names.
fn leave_only(newsroom: &Newsroom, names: &[&str]) {
    for entry in fs::read_dir(newsroom.path(".dateline")).expect("there") {
        let path = entry.expect("readable").path();
        let is_left = names.iter().any(|name| path.ends_with(name));
        match path.is_dir() {
            _ if is_left => {}
            true => fs::remove_dir_all(path).expect("removable"),
            false => fs::remove_file(path).expect("removable"),
        }
    }
}

#[test]
fn missing_ledger_with_traces_is_refused() {
    const WORDS: [&str; 4] = [
        "ledger.sqlite` is missing",
        "dateline backup --restore FILE",
        "dateline serve --new-state",
        "dateline build --new-state",
    ];
    let newsroom = newsroom();
    fs::copy(newsroom.path(LEDGER), newsroom.path("backup")).expect("writable");
    fs::copy(newsroom.path(LEDGER), newsroom.path(".dateline/ledger.sqlite-wal")).expect("writable");
    fs::copy(newsroom.path(LEDGER), newsroom.path(".dateline/ledger.sqlite-journal")).expect("writable");
    let traces = [
        "lock",
        "cache.sqlite",
        "documents",
        "published.jsonl",
        "ledger.sqlite-wal",
        "ledger.sqlite-journal",
        "ledger.sqlite.before",
    ];
    fs::copy(newsroom.path(LEDGER), newsroom.path(".dateline/ledger.sqlite.before")).expect("writable");
    assert!(traces.iter().all(|name| newsroom.path(&format!(".dateline/{name}")).exists()));
    let copied = |from: &str, to: &str| {
        drop(fs::remove_dir_all(newsroom.path(to)));
        let copied =
            std::process::Command::new("cp").arg("-R").arg(newsroom.path(from)).arg(newsroom.path(to)).status();
        assert!(copied.is_ok_and(|status| status.success()));
    };
    copied(".dateline", "whole");
    for trace in traces {
        copied("whole", ".dateline");
        leave_only(&newsroom, &[trace]);
        is_refused(&newsroom, trace, &WORDS);
        for command in [
            &["history", "content/moved.md"][..],
            &["explain", "content/moved.md"],
            &["check"],
            &["pin"],
            &["retract", "content/moved.md"],
            &["restore", "content/news/ships.md"],
            &["import-ids", "feeds/rss.xml"],
            &["backup", "other"],
        ] {
            let output = newsroom.dateline(command);
            let reported = printed(&output);
            assert!(output.status.code() == Some(1) && reported.contains(WORDS[0]), "{trace}, {command:?}: {reported}");
        }
        assert!(!newsroom.path(LEDGER).exists(), "{trace}: no new ledger was created");
    }
    // The recommended remedies work.
    copied("whole", ".dateline");
    leave_only(&newsroom, &["lock", "published.jsonl", "documents"]);
    let restored = newsroom.dateline(&["backup", "--restore", "backup"]);
    assert!(restored.status.success(), "{}", printed(&restored));
    let daemon = newsroom.serve();
    assert!(!daemon.body("/rss.xml").contains("The ships are back"), "it is still retracted");
    assert!(daemon.stop());
    let refused = newsroom.dateline(&["build", "--new-state"]);
    assert!(refused.status.code() == Some(1) && printed(&refused).contains("can be read"), "{}", printed(&refused));
    fs::rename(newsroom.path(LEDGER), newsroom.path("kept")).expect("movable");
    fs::write(newsroom.path(".dateline/ledger.sqlite-wal"), "left").expect("writable");
    for (command, code) in [(&["build", "--new-state"][..], 0), (&["build"], 0)] {
        let output = newsroom.dateline(command);
        assert_eq!(output.status.code(), Some(code), "{command:?}: {}", printed(&output));
    }
    let kept = fs::read_dir(newsroom.path(".dateline")).expect("there").flatten().map(|entry| entry.path());
    let kept: Vec<_> = kept.filter(|path| fs::read(path).is_ok_and(|bytes| bytes == b"left")).collect();
    assert_eq!(kept.len(), 1, "the rest of the old ledger is kept: {kept:?}");
    let fresh = newsroom.serve();
    assert!(fresh.body("/rss.xml").contains("The ships are back"), "the retraction is lost");
}

#[test]
fn invalid_ledger_is_refused() {
    let newsroom = newsroom();
    let ledger = newsroom.path(LEDGER);
    let healthy = fs::read(&ledger).expect("written");
    let remove = |path: &Path| match path.is_dir() {
        true => fs::remove_dir(path),
        false => fs::remove_file(path),
    };
    type Damage = fn(&Path);
    let cases: [(&str, Damage, &str); 7] = [
        ("a folder", |path| fs::create_dir(path).expect("writable"), "it is not a file"),
        ("a broken link", |path| symlink("nowhere", path).expect("writable"), "a symbolic link to `nowhere`"),
        ("empty", |path| fs::write(path, "").expect("writable"), "truncated to 0 bytes"),
        ("text", |path| fs::write(path, "x".repeat(4_096)).expect("writable"), "not a database"),
        ("garbage", |path| fs::write(path, "x".repeat(4_000)).expect("writable"), "it is not a database"),
        (
            "a database without tables",
            |path| Connection::open(path).and_then(|new| new.execute_batch("VACUUM")).expect("writable"),
            "it has no tables",
        ),
        (
            "a database of somebody else",
            |path| Connection::open(path).and_then(|new| new.execute_batch("CREATE TABLE record (x)")).expect("SQL"),
            "it has no tables",
        ),
    ];
    for (what, damage, why) in cases {
        remove(&ledger).expect("removable");
        damage(&ledger);
        let remedies = ["backup --restore FILE", "dateline serve --new-state", "dateline build --new-state"];
        is_refused(&newsroom, what, &[&["ledger.sqlite` is damaged", why][..], &remedies].concat());
        let over = newsroom.dateline(&["build", "--new-state"]);
        assert_eq!(over.status.code(), Some(0), "{what}: {}", printed(&over));
        assert!(!newsroom.path(".dateline/nowhere").exists(), "{what}");
    }
    // An empty ledger with a write-ahead log: SQLite would delete the log.
    fs::write(&ledger, "").expect("writable");
    fs::write(newsroom.path(".dateline/ledger.sqlite-wal"), &healthy).expect("writable");
    is_refused(&newsroom, "empty, with a log", &["ledger.sqlite` is damaged"]);
    assert_eq!(fs::read(newsroom.path(".dateline/ledger.sqlite-wal")).expect("there"), healthy);
}

#[test]
fn first_start_needs_no_ledger() {
    let newsroom = Newsroom::new();
    newsroom.article("news/ships.md", "Ships", "The ships are back.");
    assert_eq!(newsroom.dateline(&["build"]).status.code(), Some(0));
    let feeds = files(&newsroom.path("feeds"));
    // The state of a fresh clone, and of a first start that was killed early.
    let remove = || fs::remove_dir_all(newsroom.path(".dateline")).expect("there");
    remove();
    for left in [&[][..], &["lock"], &["lock", "ledger.sqlite"], &["lock", "ledger.sqlite", "ledger.sqlite-journal"]] {
        if !left.is_empty() {
            fs::create_dir(newsroom.path(".dateline")).expect("writable");
        }
        left.iter().for_each(|name| fs::write(newsroom.path(&format!(".dateline/{name}")), "").expect("writable"));
        let output = newsroom.dateline(&["build"]);
        assert!(
            output.status.code() == Some(0) && files(&newsroom.path("feeds")) == feeds,
            "{left:?}: {}",
            printed(&output)
        );
        remove();
    }
    let output = newsroom.dateline(&["build", "--new-state"]);
    assert_eq!(output.status.code(), Some(0), "there is nothing to lose: {}", printed(&output));
}

#[test]
fn undecodable_withholding_record_keeps_withholding() {
    let changes = [
        "UPDATE record SET value = '{' WHERE kind = 'retracted'",
        "UPDATE record SET value = replace(value, 'command', 'comand') WHERE kind = 'retracted'",
        "UPDATE record SET instant = NULL WHERE kind = 'retracted'",
        "UPDATE record SET instant = 9223372036854775807 WHERE kind = 'retracted'",
        "UPDATE record SET value = '' WHERE kind = 'retracted'",
        "UPDATE record SET kind = 'retracted-for-a-while' WHERE kind = 'retracted'",
        "UPDATE record SET kind = 'hidden', hash = NULL WHERE kind = 'retracted'",
        // Detected only by the seal.
        "UPDATE record SET instant = instant + 1 WHERE kind = 'retracted'",
        "UPDATE record SET kind = 'withdrawn', value = '[]' WHERE kind = 'retracted'",
    ];
    let newsroom = newsroom();
    let healthy = fs::read(newsroom.path(LEDGER)).expect("written");
    let shows = |files: &BTreeMap<String, Vec<u8>>| {
        files.values().any(|bytes| String::from_utf8_lossy(bytes).contains("The ships are back"))
    };
    for change in changes {
        fs::write(newsroom.path(LEDGER), &healthy).expect("writable");
        // This list was saved by a later state.
        drop(fs::remove_file(newsroom.path(".dateline/published.jsonl")));
        let changed = database(&newsroom).execute(change, []).expect("SQL");
        assert_eq!(changed, 1, "{change}");
        let built = newsroom.build("out");
        let reported = printed(&built);
        assert!(!shows(&files(&newsroom.path("out"))), "{change}");
        for words in
            ["ledger-record", "content/news/ships.md", "dateline restore news/ships.md", "backup --restore FILE"]
        {
            assert!(reported.contains(words), "{change}: `{words}` in {reported}");
        }
        let history = printed(&newsroom.dateline(&["history", "content/news/ships.md"]));
        assert!(history.contains("cannot be read: it stays withheld"), "{change}: {history}");
    }
    // The daemon and a backup withhold it, too.
    let daemon = newsroom.serve();
    assert!(daemon.body("/readyz").contains("ledger-record"), "{}", daemon.body("/readyz"));
    assert!(!daemon.body("/rss.xml").contains("The ships are back"));
    assert!(daemon.stop());
    assert!(newsroom.dateline(&["backup", "copy"]).status.success());
    let restored = newsroom.dateline(&["backup", "--restore", "copy"]);
    assert!(restored.status.success(), "{}", printed(&restored));
    let daemon = newsroom.serve();
    assert!(!daemon.body("/rss.xml").contains("The ships are back"));
    let restored = newsroom.dateline(&["restore", "content/news/ships.md"]);
    assert!(restored.status.success(), "{}", printed(&restored));
    daemon.wait("it is public again", |daemon| daemon.body("/rss.xml").contains("The ships are back"));
    assert!(daemon.stop());
    let daemon = newsroom.serve();
    assert!(!daemon.body("/readyz").contains("ledger-record"), "after a restart");
}

#[test]
fn undecodable_record_means_damaged_ledger() {
    let newsroom = newsroom();
    let healthy = fs::read(newsroom.path(LEDGER)).expect("written");
    for (change, why) in [
        ("UPDATE record SET path = '' WHERE kind = 'retracted'", "says nothing of which article"),
        ("UPDATE record SET hash = x'00' WHERE kind = 'published' AND path LIKE '%story-1.md'", "cannot be decoded"),
        ("UPDATE record SET value = '' WHERE kind = 'published' AND path LIKE '%story-1.md'", "cannot be decoded"),
        ("UPDATE record SET kind = 'seen', value = 'soon' WHERE number = 2", "record 2, `seen`"),
        ("UPDATE record SET value = '' WHERE kind = 'moved'", "`moved` of `news/story-3.md`"),
        ("UPDATE record SET kind = 'text', value = 'x' WHERE number = 2", "record 2, `text`"),
        ("DELETE FROM record WHERE number = 3", "record 3 is missing"),
        ("DELETE FROM record WHERE number < 4", "records 1 to 3 are missing"),
        ("DELETE FROM record WHERE number = (SELECT max(number) FROM record)", "missing"),
        ("UPDATE record SET path = 'news/shops.md' WHERE kind = 'retracted'", "`retracted`, is about another article"),
        ("UPDATE record SET path = x'00ff' || 'x' WHERE kind = 'retracted'", "damaged"),
        (
            "UPDATE record SET path = 'news/story-2.md' WHERE kind = 'retracted'",
            "`retracted`, is about another article",
        ),
        ("UPDATE record SET kind = 'restored' WHERE kind = 'retracted'", "`restored` of `news/ships.md`"),
        (
            "UPDATE record SET value = replace(value, 'news', 'mews') WHERE kind = 'published' AND number = 2",
            "record 2, `published`",
        ),
        ("UPDATE record SET instant = instant + 1000 WHERE kind = 'published' AND number = 2", "record 2, `published`"),
        ("UPDATE document SET last_modified = 9223372036854775807 WHERE route = '/rss.xml'", "the date of `/rss.xml`"),
        ("UPDATE feed SET updated = 9223372036854775807 WHERE route = '/'", "the date of `/`"),
        ("DROP TABLE source", "no such table"),
    ] {
        fs::write(newsroom.path(LEDGER), &healthy).expect("writable");
        database(&newsroom).execute(change, []).expect("SQL");
        is_refused(&newsroom, change, &["ledger.sqlite` is damaged", why, "backup --restore FILE", "--new-state"]);
        assert!(!printed(&newsroom.dateline(&["serve", "--listen", "127.0.0.1:0"])).contains("serves"), "{change}");
        for command in [&["explain", "content/news/story-1.md"][..], &["backup", "copy"]] {
            let refused = newsroom.dateline(command);
            assert!(refused.status.code() == Some(1), "{change}: {command:?}: {}", printed(&refused));
        }
        // A damaged backup isn't restored.
        fs::copy(newsroom.path(LEDGER), newsroom.path("damaged")).expect("writable");
        fs::write(newsroom.path(LEDGER), &healthy).expect("writable");
        if !change.contains("max(number)") {
            let restored = newsroom.dateline(&["backup", "--restore", "damaged"]);
            assert!(
                restored.status.code() == Some(1) && printed(&restored).contains(why),
                "{change}: {}",
                printed(&restored)
            );
        }
        assert_eq!(newsroom.dateline(&["build"]).status.code(), Some(0), "{change}");
    }
    // `--new-state` works even if the last records are missing.
    database(&newsroom).execute("DELETE FROM record WHERE number = (SELECT max(number) FROM record)", []).expect("SQL");
    let started_over = newsroom.dateline(&["build", "--new-state"]);
    assert_eq!(started_over.status.code(), Some(0), "{}", printed(&started_over));
    assert_eq!(newsroom.dateline(&["build"]).status.code(), Some(0));
}
