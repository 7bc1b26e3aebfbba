//! A state that cannot be used is explained, with its name and a way out; an old one is brought up to date; a backup is one.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use rusqlite::Connection;

use super::enclosure::without_privileges;
use crate::newsroom::{Daemon, Newsroom, article, bounded, files, said};

const SERVE: [&str; 3] = ["serve", "--listen", "127.0.0.1:0"];

/// A newsroom with a past, and nobody in it.
pub(super) fn newsroom() -> Newsroom {
    let newsroom = Newsroom::new();
    for n in 0..12 {
        newsroom.article(&format!("news/story-{n}.md"), &format!("Story {n}"), &"Much is to be told. ".repeat(200));
    }
    newsroom.article("news/ships.md", "Ships", "The ships are back.");
    let daemon = newsroom.serve();
    fs::rename(newsroom.path("content/news/story-3.md"), newsroom.path("content/moved.md")).expect("movable");
    assert_eq!(newsroom.dateline(&["retract", "content/news/ships.md"]).status.code(), Some(0));
    daemon.wait("the move is known", |_| {
        said(&newsroom.dateline(&["history", "content/moved.md"])).contains("moved from news/story-3.md")
    });
    assert!(daemon.stop());
    newsroom
}

/// Neither the daemon nor a build starts, and both say these words.
pub(super) fn is_refused(newsroom: &Newsroom, what: &str, words: &[&str]) {
    for command in [&SERVE[..], &["build"]] {
        let output = newsroom.dateline(command);
        let told = said(&output);
        assert!(output.status.code() == Some(1), "{what}, {command:?}: {:?}, {told}", output.status);
        assert!(words.iter().all(|words| told.contains(words)), "{what}, {command:?}: {words:?} in {told}");
        assert!(!told.contains("panicked"), "{what}, {command:?}: {told}");
    }
}

#[test]
fn truncated_ledger_is_refused() {
    let newsroom = newsroom();
    let database = newsroom.path(".dateline/ledger.sqlite");
    let healthy = fs::read(&database).expect("written");
    assert!(healthy.len() > 5 * 4_096, "{}", healthy.len());
    for length in [0, 1, 50, 100, 512, 4_095, 4_096, 4_097, healthy.len() / 2, healthy.len() - 4_096, healthy.len() - 1]
    {
        fs::write(&database, &healthy[..length]).expect("writable");
        is_refused(
            &newsroom,
            &format!("{length} of {} bytes", healthy.len()),
            &["ledger.sqlite` is damaged", "put a backup in its place", "or move it away"],
        );
    }
    // The ways out.
    fs::write(&database, &healthy).expect("writable");
    assert_eq!(newsroom.dateline(&["build"]).status.code(), Some(0));
    fs::remove_file(&database).expect("there");
    assert_eq!(newsroom.dateline(&["build", "--new-state"]).status.code(), Some(0));
}

/// A writer killed in the middle leaves a database that is half new, and what undoes that beside it.
#[test]
fn interrupted_transaction_is_rolled_back() {
    for command in ["check", "build"] {
        let newsroom = Newsroom::new();
        for n in 0..12 {
            newsroom.article(&format!("news/story-{n}.md"), &format!("Story {n}"), &"Much is to be told. ".repeat(200));
        }
        assert_eq!(newsroom.dateline(&["build"]).status.code(), Some(0));
        let names = ["ledger.sqlite", "ledger.sqlite-journal"].map(|name| newsroom.path(&format!(".dateline/{name}")));
        let healthy = fs::read(&names[0]).expect("written");
        let database = Connection::open(&names[0]).expect("a database");
        database
            .execute_batch("PRAGMA cache_size = 1; BEGIN; UPDATE record SET value = 'spoilt', at = 0;")
            .expect("SQL");
        database.execute_batch("INSERT INTO feed SELECT value || number, 0 FROM record;").expect("SQL");
        database.execute_batch("UPDATE source SET bytes = randomblob(9000);").expect("SQL");
        let half = names.clone().map(|name| fs::read(name).expect("written"));
        drop(database);
        assert!(half[0] != healthy && !half[1].is_empty(), "something was in the middle");
        names.iter().zip(half).for_each(|(name, bytes)| fs::write(name, bytes).expect("writable"));
        // Also where it died within a page.
        fs::OpenOptions::new()
            .append(true)
            .open(&names[0])
            .and_then(|mut file| file.write_all(b"x"))
            .expect("writable");
        let told = newsroom.dateline(&[command]);
        assert_eq!(told.status.code(), Some(0), "{command}: {}", said(&told));
        let history = said(&newsroom.dateline(&["history", "content/news/story-3.md"]));
        assert!(history.contains("published") && !history.contains("spoilt"), "{command}: {history}");
        let again = said(&newsroom.dateline(&["build"]));
        assert!(again.contains(" 0 written"), "{command}: {again}");
    }
}

/// Bytes that are no text, no number in its place and no page.
#[test]
fn damaged_ledger_is_refused_or_harmless() {
    let newsroom = newsroom();
    let database = newsroom.path(".dateline/ledger.sqlite");
    let healthy = fs::read(&database).expect("written");
    let before = files(&newsroom.path("feeds"));
    let mut refused = 0;
    let step = healthy.len() / 40;
    for start in (0..healthy.len()).step_by(step) {
        let mut spoilt = healthy.clone();
        spoilt[start..].iter_mut().take(64).for_each(|byte| *byte ^= 0xff);
        fs::write(&database, &spoilt).expect("writable");
        let output = newsroom.dateline(&["build"]);
        let told = said(&output);
        match output.status.code() {
            Some(0) => assert_eq!(files(&newsroom.path("feeds")), before, "64 bytes at {start}: {told}"),
            Some(1) => {
                refused += 1;
                let words = ["ledger.sqlite` is damaged", "put a backup in its place"];
                assert!(words.iter().all(|words| told.contains(words)), "64 bytes at {start}: {told}");
            }
            code => panic!("64 bytes at {start}: {code:?}, {told}"),
        }
    }
    assert!(refused > 3, "only {refused} were noticed");
}

#[test]
fn locked_state_is_left_alone() {
    let newsroom = newsroom();
    let daemon = newsroom.serve();
    let second = newsroom.dateline(&SERVE);
    let told = said(&second);
    let words = ["another dateline uses the state in", ".dateline`", "stop it, or give this one"];
    assert!(second.status.code() == Some(1) && words.iter().all(|words| told.contains(words)), "{told}");
    assert!(daemon.stop());
    let database = newsroom.path(".dateline/ledger.sqlite");
    let version = Connection::open(&database).expect("a database");
    version.pragma_update(None, "user_version", 99).expect("writable");
    drop(version);
    is_refused(&newsroom, "newer", &["ledger.sqlite` was written by a newer dateline", "version 99", "use that one"]);
}

#[test]
fn unusable_state_directory_is_named() {
    let newsroom = Newsroom::new();
    newsroom.article("news/ships.md", "Ships", "The ships are back.");
    newsroom.write(".dateline", "A file.");
    is_refused(
        &newsroom,
        "a file",
        &["cannot use the state in", ".dateline`", "a file is where", "whether this user may write there"],
    );
    fs::remove_file(newsroom.path(".dateline")).expect("there");
    assert_eq!(newsroom.dateline(&["build"]).status.code(), Some(0));

    let test = "a state directory that cannot be written";
    let Some(mut command) = without_privileges(&newsroom, test) else { return };
    let may = |mode: u32| {
        let permissions = fs::Permissions::from_mode(mode);
        fs::set_permissions(newsroom.path(".dateline"), permissions).expect("ours");
    };
    fs::remove_file(newsroom.path(".dateline/lock")).expect("there");
    may(0o500);
    let output = bounded(command.args(SERVE));
    may(0o700);
    let told = said(&output);
    let words = ["cannot use the state in", ".dateline", "ermission denied", "whether this user may write there"];
    assert!(output.status.code() == Some(1) && words.iter().all(|words| told.contains(words)), "{test}: {told}");
}

/// The tables of the first version, as they were.
const FIRST: &str = "
    CREATE TABLE record (
        number INTEGER PRIMARY KEY, at INTEGER NOT NULL, kind TEXT NOT NULL, path TEXT NOT NULL, value TEXT NOT NULL, hash BLOB
    ) STRICT;
    CREATE TABLE document (route TEXT PRIMARY KEY, hash BLOB NOT NULL, last_modified INTEGER NOT NULL) STRICT, WITHOUT ROWID;
    INSERT INTO record (at, kind, path, value, hash) VALUES
        (1, 'published', 'news/ships.md', 'tag:courier.example,2026:2020-01-01/old/ships', x'00112233445566778899aabbccddeeff'),
        (2, 'seen', 'news/undated.md', '1763600400000', NULL),
        (3, 'imported', 'news/other.md', 'https://old.example/?p=7', NULL),
        (4, 'moved', 'news/other.md', 'news/moved.md', NULL),
        (5, 'of a kind to come', 'news/other.md', '', NULL);
    INSERT INTO document VALUES ('/rss.xml', x'00112233445566778899aabbccddeeff', 1900000000000);
    PRAGMA user_version = 1;
";

#[test]
fn first_version_state_is_migrated() {
    let newsroom = Newsroom::new();
    newsroom.article("news/ships.md", "Ships", "The ships are back.");
    newsroom.article("news/moved.md", "Moved", "It was elsewhere.");
    newsroom.write("content/news/undated.md", "# Undated\n\nText.\n");
    fs::create_dir(newsroom.path(".dateline")).expect("writable");
    let database = Connection::open(newsroom.path(".dateline/ledger.sqlite")).expect("a database");
    database.execute_batch(FIRST).expect("SQL");
    drop(database);
    // What only looks leaves it as it is.
    assert_eq!(newsroom.build("fresh").status.code(), Some(0));
    for _ in 0..2 {
        let daemon = newsroom.serve();
        let feed = daemon.body("/feed.json");
        for id in ["tag:courier.example,2026:2020-01-01/old/ships", "https://old.example/?p=7"] {
            assert!(feed.contains(&format!("\"{id}\"")), "{id} in {feed}");
        }
        assert!(feed.contains("2025-11-20T09:00:00+08:00"), "the first sight of the undated one: {feed}");
        // It went forward only.
        let modified = daemon.get("/rss.xml", &[]).header("last-modified").map(str::to_owned);
        assert!(modified.is_none_or(|modified| modified.ends_with("2030 17:46:40 GMT")));
        let version: i64 = Connection::open(newsroom.path(".dateline/ledger.sqlite"))
            .and_then(|database| database.pragma_query_value(None, "user_version", |row| row.get(0)))
            .expect("readable");
        assert!(version >= 2);
        assert!(daemon.stop());
    }
}

fn ids(daemon: &Daemon) -> Vec<(String, String)> {
    let feed: serde_json::Value = serde_json::from_str(&daemon.body("/feed.json")).expect("JSON");
    let text = |item: &serde_json::Value, key: &str| item[key].as_str().expect("text").to_owned();
    feed["items"].as_array().expect("items").iter().map(|item| (text(item, "title"), text(item, "id"))).collect()
}

#[test]
fn backup_under_load_restores_same_newsroom() {
    let newsroom = newsroom();
    let daemon = newsroom.serve();
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for n in 0..600 {
                let text =
                    article(&format!("More {n}"), &"And more. ".repeat(400)).replace("11-20 10:00", "11-19 10:00");
                newsroom.write(&format!("content/sport/more-{n}.md"), text);
                if over.load(Ordering::Relaxed) {
                    return;
                }
            }
        });
        daemon.wait("it is under load", |daemon| daemon.body("/rss.xml").matches("<title>More").count() > 20);
        for n in 0..3 {
            let backup = newsroom.dateline(&["backup", &format!("backup-{n}")]);
            assert!(backup.status.success(), "{}", said(&backup));
        }
        over.store(true, Ordering::Relaxed);
    });
    assert_eq!(newsroom.dateline(&["backup", "backup-0"]).status.code(), Some(2), "it overwrites nothing");
    let settled = |newsroom: &Newsroom, daemon: &Daemon| {
        daemon.wait("all is published", |daemon| {
            newsroom.build("fresh").status.success()
                && crate::convergence::differences(daemon, &files(&newsroom.path("fresh"))).is_empty()
        });
    };
    settled(&newsroom, &daemon);
    for n in 0..3 {
        let other = Newsroom::new();
        let copied = Command::new("cp").arg("-R").arg(newsroom.path("content")).arg(other.path("")).status();
        assert!(copied.is_ok_and(|status| status.success()));
        fs::create_dir(other.path(".dateline")).expect("writable");
        fs::copy(newsroom.path(&format!("backup-{n}")), other.path(".dateline/ledger.sqlite")).expect("writable");
        let second = other.serve();
        settled(&other, &second);
        assert_eq!(ids(&second), ids(&daemon));
        assert!(ids(&second).iter().any(|(_, id)| id.ends_with("/news/story-3")), "the moved one has its old id");
        assert!(!second.body("/rss.xml").contains("The ships are back"), "it is retracted there, too");
        for (name, bytes) in files(&newsroom.path("fresh")) {
            let there = fs::read(other.path(&format!("fresh/{name}"))).expect("written");
            assert!(
                there == bytes,
                "{name} is otherwise:\n{}\n{}",
                String::from_utf8_lossy(&bytes),
                String::from_utf8_lossy(&there)
            );
        }
    }
}
