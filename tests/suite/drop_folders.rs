//! Drop folders with the real binary: stories that wait for an editor, files that are removed, and uploads.

use std::fs::{self, OpenOptions};
use std::io::Write;

use serde_json::Value;

use crate::newsroom::{CONFIG, Daemon, Newsroom, article, printed};
use crate::watching::{metric, spawn};

/// A newsroom with a drop folder that has these keys.
fn newsroom(keys: &str) -> Newsroom {
    let newsroom = Newsroom::new();
    let source = format!("\n[[source]]\nname = \"wire\"\ndirectory = \"../drop/wire\"\nsection = \"news\"\n{keys}");
    newsroom.write("config/dateline.toml", format!("{CONFIG}{source}"));
    newsroom.article("news/open.md", "Open", "Text.");
    fs::create_dir_all(newsroom.path("drop/wire")).expect("writable");
    newsroom
}

fn has(daemon: &Daemon, words: &str) -> bool {
    daemon.body("/rss.xml").contains(words)
}

/// Everything that dateline wrote to files, by name, except its state.
fn written(newsroom: &Newsroom) -> Vec<(String, String)> {
    let mut folders = vec![newsroom.path("feeds")];
    let mut files = vec![("log".to_owned(), fs::read_to_string(newsroom.path("log")).unwrap_or_default())];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            match entry.path() {
                path if path.is_dir() => folders.push(path),
                // A temporary file may be gone by now.
                path => files.extend(
                    fs::read(&path)
                        .ok()
                        .map(|bytes| (path.display().to_string(), String::from_utf8_lossy(&bytes).into_owned())),
                ),
            }
        }
    }
    files
}

#[test]
fn held_story_is_nowhere_until_released() {
    let newsroom = newsroom("trust = \"hold\"\nsettle = \"100ms\"\n");
    newsroom.write("drop/wire/a.md", article("Canary", "Canary sings. ![](canary.png)"));
    newsroom.write("drop/wire/b.md", "---\ntitle: Canary\ndate: canary\ntagz: canary\n---\nCanary.\n");
    newsroom.write("drop/wire/canary.png", "picture");
    let (daemon, admin) = spawn(&newsroom, newsroom.command());
    let status = || -> Value { serde_json::from_str(&admin.body("/status.json")).expect("JSON") };
    admin.wait("the story waits", |_| status()["held"] == serde_json::json!(["wire:a.md"]));
    assert_eq!(metric(&admin, "articles{state=\"held\"}"), 1.0);
    newsroom.write("drop/wire/c.md", article("Canary", "Canary sings."));
    newsroom.find("a line in the log", || {
        written(&newsroom)
            .first()
            .filter(|(_, log)| log.contains("waits for an editor") && log.contains("drop/wire/c.md"))
            .map(drop)
    });
    let is_secret = |text: &str| !text.replace("canary.png", "").to_lowercase().contains("canary");
    for path in ["/", "/news/", "/rss.xml", "/news/rss.xml", "/news/atom.xml", "/news/feed.json", "/feeds.opml"] {
        assert!(is_secret(&daemon.body(path)), "{path}");
    }
    for path in ["/status.json", "/metrics", "/readyz"] {
        assert!(is_secret(&admin.body(path)), "{path}: {}", admin.body(path));
    }
    for (name, text) in written(&newsroom) {
        assert!(is_secret(&text), "{name}: {text}");
    }
    assert_eq!(daemon.get("/media/~wire/canary.png", &[]).status, 404);
    let printed = |arguments: &[&str]| printed(&newsroom.dateline(arguments));
    let check = printed(&["check"]);
    assert!(
        check.contains("The last version of 2 files wait for an editor:") && check.contains("  wire:a.md"),
        "{check}"
    );
    for command in ["explain", "history"] {
        let text = printed(&[command, "wire:a.md"]);
        assert!(text.contains("`dateline release wire:a.md` publishes it"), "{command}: {text}");
    }
    assert!(is_secret(&printed(&["explain", "content/news/open.md"])));

    let output = newsroom.dateline(&["release", "wire:aa.md"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("did you mean `wire:a.md`?"), "{output:?}");
    let released = printed(&["release", "drop/wire/a.md", "wire:c.md"]);
    assert!(released.contains("`wire:a.md` is released and public; `wire:c.md` is released and public"), "{released}");
    daemon.wait("the released stories", |daemon| has(daemon, "Canary sings."));
    assert_eq!(daemon.get("/media/~wire/canary.png", &[]).status, 200);
    assert_eq!(newsroom.dateline(&["release", "wire:a.md"]).status.code(), Some(2));
    let history = printed(&["history", "wire:a.md"]);
    assert!(history.contains("released by an editor") && !history.contains("waits"), "{history}");
    assert!(daemon.stop());
    // A new version waits, also after a restart, and is released without a daemon.
    newsroom.write("drop/wire/a.md", article("Magpie", "Magpie sings."));
    let daemon = newsroom.serve();
    assert!(has(&daemon, "Canary sings.") && !has(&daemon, "Magpie"));
    assert!(daemon.stop());
    let released = printed(&["release", "wire:a.md"]);
    assert!(released.contains("the new version of `wire:a.md` is released and public"), "{released}");
    assert!(written(&newsroom).iter().any(|(name, text)| name.ends_with("news/rss.xml") && text.contains("Magpie")));
    let daemon = newsroom.serve();
    assert!(has(&daemon, "Magpie sings."));
    assert!(daemon.stop());
}

#[test]
fn removed_file_changes_nothing_for_readers() {
    let newsroom = newsroom("settle = \"100ms\"\n");
    for number in 0..20 {
        newsroom.write(&format!("drop/wire/{number}.md"), article(&format!("Story {number}"), "Text."));
    }
    newsroom.write("drop/wire/top.md", article("Harbour", "The harbour opens."));
    let daemon = newsroom.serve();
    daemon.wait("all stories", |daemon| has(daemon, "Story 19") && has(daemon, "Harbour"));
    let before: Vec<String> = ["/rss.xml", "/news/feed.json"].iter().map(|path| daemon.body(path)).collect();
    let page = daemon.get("/articles/", &[]).status;
    fs::remove_dir_all(newsroom.path("drop/wire")).expect("removable");
    fs::create_dir(newsroom.path("drop/wire")).expect("writable");
    // A later change in the content directory is published after the removals were noticed.
    newsroom.article("news/late.md", "Late", "Text.");
    daemon.wait("the late story", |daemon| has(daemon, "Late"));
    assert!(has(&daemon, "Story 7"));
    fs::remove_file(newsroom.path("content/news/late.md")).expect("removable");
    daemon.wait("the late story to leave", |daemon| !has(daemon, "<title>Late"));
    assert!(daemon.stop());
    let daemon = newsroom.serve();
    for (path, before) in ["/rss.xml", "/news/feed.json"].iter().zip(&before) {
        let items = |text: &str| text.matches("Story ").count();
        assert_eq!(items(&daemon.body(path)), items(before), "{path}");
    }
    assert_eq!(daemon.get("/articles/", &[]).status, page);
    // Another story with the name of a removed file.
    newsroom.write("drop/wire/top.md", article("Bridge", "The bridge opens."));
    daemon.wait("both stories", |daemon| has(daemon, "The bridge opens.") && has(daemon, "The harbour opens."));
    assert!(daemon.stop());
    let daemon = newsroom.serve();
    assert!(has(&daemon, "The bridge opens.") && has(&daemon, "The harbour opens."));
    assert!(daemon.stop());
}

#[test]
fn closed_upload_waits_until_it_stays_unchanged() {
    let newsroom = newsroom("settle = \"2s\"\n");
    let daemon = newsroom.serve();
    let text = article("Ferry", "The ferry sails.\n\nAnd it returns.");
    let cut = text.find("And it").expect("two paragraphs");
    // The server closes the interrupted upload.
    fs::write(newsroom.path("drop/wire/ferry.md"), &text[..cut]).expect("writable");
    for name in ["a.md.part", "a.md.filepart", "a.md.tmp", ".a.md", ".a.md.Xa81bQ", "a.md~", "a.md.!ut"] {
        fs::write(newsroom.path(&format!("drop/wire/{name}")), article("Temporary", "Text.")).expect("writable");
    }
    // An item that shows where it ends needs no wait, and neither does a file that is renamed into place.
    let item = r#"{"uri": "urn:x:quay", "version": "1", "versionCreated": "2026-11-20T08:00:00Z", "headline": "Quay", "body_text": "Text."}"#;
    fs::write(newsroom.path("drop/wire/quay.json"), item).expect("writable");
    fs::write(newsroom.path("drop/wire/half.json"), &item[..item.len() / 2]).expect("writable");
    newsroom.write("drop/wire/crane.md", article("Crane", "Text."));
    daemon.wait("complete files", |daemon| has(daemon, "Quay") && has(daemon, "Crane"));
    assert!(!has(&daemon, "Ferry") && !has(&daemon, "Temporary"));
    // The upload is resumed.
    let mut file = OpenOptions::new().append(true).open(newsroom.path("drop/wire/ferry.md")).expect("a file");
    file.write_all(&text.as_bytes()[cut..]).expect("writable");
    drop(file);
    daemon.wait("the whole story", |daemon| {
        let body = daemon.body("/rss.xml");
        assert!(!body.contains("The ferry sails.") || body.contains("And it returns."), "{body}");
        body.contains("And it returns.")
    });
    assert!(!has(&daemon, "Temporary"));
    newsroom.find("the damaged file in the log", || {
        fs::read_to_string(newsroom.path("log")).ok().filter(|log| log.contains("half.json"))
    });
    assert!(daemon.stop());
}
