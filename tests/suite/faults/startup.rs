//! Starts with a damaged, locked or unwritable state, migration of old states, and backups.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use rusqlite::Connection;

use super::enclosure::without_privileges;
use crate::newsroom::{Daemon, Newsroom, article, bounded, files, printed};

const SERVE: [&str; 3] = ["serve", "--listen", "127.0.0.1:0"];

/// A newsroom with a move and a retraction in its state; no daemon runs.
pub(super) fn newsroom() -> Newsroom {
    let newsroom = Newsroom::new();
    for n in 0..12 {
        newsroom.article(&format!("news/story-{n}.md"), &format!("Story {n}"), &"This is a long story. ".repeat(200));
    }
    newsroom.article("news/ships.md", "Ships", "The ships are back.");
    let daemon = newsroom.serve();
    fs::rename(newsroom.path("content/news/story-3.md"), newsroom.path("content/moved.md")).expect("movable");
    assert_eq!(newsroom.dateline(&["retract", "content/news/ships.md"]).status.code(), Some(0));
    daemon.wait("the move is known", |_| {
        printed(&newsroom.dateline(&["history", "content/moved.md"])).contains("moved from news/story-3.md")
    });
    assert!(daemon.stop());
    newsroom
}

/// Asserts that `serve` and `build` fail with these words.
pub(super) fn is_refused(newsroom: &Newsroom, what: &str, words: &[&str]) {
    for command in [&SERVE[..], &["build"]] {
        let output = newsroom.dateline(command);
        let reported = printed(&output);
        assert!(output.status.code() == Some(1), "{what}, {command:?}: {:?}, {reported}", output.status);
        assert!(words.iter().all(|words| reported.contains(words)), "{what}, {command:?}: {words:?} in {reported}");
        assert!(!reported.contains("panicked"), "{what}, {command:?}: {reported}");
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
    // The recommended remedies work.
    fs::write(&database, &healthy).expect("writable");
    assert_eq!(newsroom.dateline(&["build"]).status.code(), Some(0));
    fs::remove_file(&database).expect("there");
    assert_eq!(newsroom.dateline(&["build", "--new-state"]).status.code(), Some(0));
}

/// A killed writer leaves a partly written database, and the journal that undoes the changes.
#[test]
fn interrupted_transaction_is_rolled_back() {
    for command in ["check", "build"] {
        let newsroom = Newsroom::new();
        for n in 0..12 {
            newsroom.article(
                &format!("news/story-{n}.md"),
                &format!("Story {n}"),
                &"This is a long story. ".repeat(200),
            );
        }
        assert_eq!(newsroom.dateline(&["build"]).status.code(), Some(0));
        let names = ["ledger.sqlite", "ledger.sqlite-journal"].map(|name| newsroom.path(&format!(".dateline/{name}")));
        let healthy = fs::read(&names[0]).expect("written");
        let database = Connection::open(&names[0]).expect("a database");
        database
            .execute_batch("PRAGMA cache_size = 1; BEGIN; UPDATE record SET value = 'damaged', at = 0;")
            .expect("SQL");
        database.execute_batch("INSERT INTO feed SELECT value || number, 0 FROM record;").expect("SQL");
        database.execute_batch("UPDATE source SET bytes = randomblob(9000);").expect("SQL");
        let half = names.clone().map(|name| fs::read(name).expect("written"));
        drop(database);
        assert!(half[0] != healthy && !half[1].is_empty(), "the transaction was interrupted");
        names.iter().zip(half).for_each(|(name, bytes)| fs::write(name, bytes).expect("writable"));
        // Even if it was killed in the middle of a page.
        fs::OpenOptions::new()
            .append(true)
            .open(&names[0])
            .and_then(|mut file| file.write_all(b"x"))
            .expect("writable");
        let output = newsroom.dateline(&[command]);
        assert_eq!(output.status.code(), Some(0), "{command}: {}", printed(&output));
        let history = printed(&newsroom.dateline(&["history", "content/news/story-3.md"]));
        assert!(history.contains("published") && !history.contains("damaged"), "{command}: {history}");
        let again = printed(&newsroom.dateline(&["build"]));
        assert!(again.contains(" 0 written"), "{command}: {again}");
    }
}

/// Inverts 64 bytes at many places.
#[test]
fn damaged_ledger_is_refused_or_harmless() {
    let newsroom = newsroom();
    let database = newsroom.path(".dateline/ledger.sqlite");
    let healthy = fs::read(&database).expect("written");
    let before = files(&newsroom.path("feeds"));
    let mut refused = 0;
    let step = healthy.len() / 80;
    for start in (0..healthy.len()).step_by(step) {
        let mut damaged = healthy.clone();
        damaged[start..].iter_mut().take(64).for_each(|byte| *byte ^= 0xff);
        fs::write(&database, &damaged).expect("writable");
        let output = newsroom.dateline(&["build"]);
        let reported = printed(&output);
        match output.status.code() {
            Some(0) => assert_eq!(files(&newsroom.path("feeds")), before, "64 bytes at {start}: {reported}"),
            Some(1) => {
                refused += 1;
                let words = ["ledger.sqlite` is damaged", "put a backup in its place"];
                assert!(words.iter().all(|words| reported.contains(words)), "64 bytes at {start}: {reported}");
            }
            code => panic!("64 bytes at {start}: {code:?}, {reported}"),
        }
    }
    assert!(refused > 3, "only {refused} were noticed");
}

#[test]
fn locked_state_is_left_alone() {
    let newsroom = newsroom();
    let daemon = newsroom.serve();
    let second = newsroom.dateline(&SERVE);
    let reported = printed(&second);
    let words = ["another dateline uses the state in", ".dateline`", "stop it, or give this one"];
    assert!(second.status.code() == Some(1) && words.iter().all(|words| reported.contains(words)), "{reported}");
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
    let reported = printed(&output);
    let words = ["cannot use the state in", ".dateline", "ermission denied", "whether this user may write there"];
    assert!(
        output.status.code() == Some(1) && words.iter().all(|words| reported.contains(words)),
        "{test}: {reported}"
    );
}

/// A ledger of schema version 1.
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
    // `build` with an output directory doesn't migrate the ledger.
    assert_eq!(newsroom.build("fresh").status.code(), Some(0));
    for _ in 0..2 {
        let daemon = newsroom.serve();
        let feed = daemon.body("/feed.json");
        for id in ["tag:courier.example,2026:2020-01-01/old/ships", "https://old.example/?p=7"] {
            assert!(feed.contains(&format!("\"{id}\"")), "{id} in {feed}");
        }
        assert!(feed.contains("2025-11-20T09:00:00+08:00"), "the date of the undated article: {feed}");
        // `Last-Modified` doesn't go back.
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

/// A document without the link to the archive before it.
fn without_chain(document: &[u8]) -> String {
    let text = String::from_utf8_lossy(document).into_owned();
    let Some(at) = text.find("/archive-") else { return text };
    let is_end = |letter: char| letter == '"';
    let end = text[at..].find(is_end).map_or(text.len(), |length| at + length);
    format!("{}{}", &text[..at], &text[end..])
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
            assert!(backup.status.success(), "{}", printed(&backup));
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
        assert!(ids(&second).iter().any(|(_, id)| id.ends_with("/news/story-3")), "the moved article keeps its id");
        assert!(!second.body("/rss.xml").contains("The ships are back"), "it is retracted there, too");
        for (name, bytes) in files(&newsroom.path("fresh")) {
            let there = fs::read(other.path(&format!("fresh/{name}"))).expect("written");
            // Stories that came after the backup have other sequence numbers, and so have archives other names.
            let (there, bytes) = (without_chain(&there), without_chain(&bytes));
            assert!(there == bytes, "{name} is otherwise:\n{}\n{}", bytes, there);
        }
    }
}
