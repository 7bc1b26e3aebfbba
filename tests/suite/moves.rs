//! The watcher with files that are moved, lost and found: each article keeps its id and is published once. `cases/engine/identity.txt` and
//! `accidents.txt` test the engine's decisions about such files.

use std::collections::BTreeMap;
use std::fs;

use serde_json::Value;

use crate::newsroom::{CONFIG, Daemon, Newsroom, article};

/// The ids in the root feed, by title.
fn ids(daemon: &Daemon) -> BTreeMap<String, String> {
    let feed: Value = serde_json::from_str(&daemon.body("/feed.json")).expect("JSON");
    let text = |item: &Value, key: &str| item[key].as_str().expect("text").to_owned();
    feed["items"].as_array().expect("items").iter().map(|item| (text(item, "title"), text(item, "id"))).collect()
}

fn deleted(daemon: &Daemon) -> Vec<String> {
    let feed: Value = serde_json::from_str(&daemon.body("/feed.json")).expect("JSON");
    let deleted = feed["_dateline"]["deleted"].as_array().cloned().unwrap_or_default();
    deleted.iter().map(|deleted| deleted["id"].as_str().expect("an id").to_owned()).collect()
}

fn mv(newsroom: &Newsroom, from: &str, to: &str) {
    let to = newsroom.path(&format!("content/{to}"));
    fs::create_dir_all(to.parent().expect("below content")).expect("writable");
    fs::rename(newsroom.path(&format!("content/{from}")), to).expect("movable");
}

fn rm(newsroom: &Newsroom, name: &str) {
    fs::remove_file(newsroom.path(&format!("content/{name}"))).expect("there");
}

/// Publishes an article, and waits until it is public, so that earlier changes have been processed.
fn mark(newsroom: &Newsroom, daemon: &Daemon, name: &str) {
    newsroom.article(&format!("marks/{name}.md"), name, "A mark.");
    daemon.wait(name, |daemon| ids(daemon).contains_key(name));
}

fn printed(output: &std::process::Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

const A: &str = "tag:courier.example,2026:2026-11-20/news/a";

fn two() -> Newsroom {
    let newsroom = Newsroom::new();
    newsroom.article("news/a.md", "Story A", "Text of A.");
    newsroom.article("news/b.md", "Story B", "Text of B.");
    newsroom
}

/// A scanned file settles later than the grace of the removed file ends.
#[test]
fn scan_recognises_moved_file() {
    let newsroom = Newsroom::new();
    let keys = "watch = \"poll\"\nsettle = \"1s\"";
    newsroom.write("config/dateline.toml", CONFIG.replace("settle = \"50ms\"", keys));
    newsroom.article("news/a.md", "Story A", "Text of A.");
    newsroom.article("news/b.md", "Story B", "Text of B.");
    let daemon = newsroom.serve();
    let before = ids(&daemon);
    mv(&newsroom, "news/a.md", "reports/a.md");
    daemon.wait("it is at its new place", |daemon| {
        assert_eq!((ids(daemon), deleted(daemon)), (before.clone(), Vec::new()), "it never goes");
        !daemon.body("/news/rss.xml").contains("Story A")
    });
    assert_eq!((ids(&daemon), deleted(&daemon)), (before, Vec::new()));
}

#[test]
fn new_story_at_old_path_gets_new_id() {
    let newsroom = Newsroom::new();
    for n in 0..20 {
        newsroom.article(&format!("news/a{n}.md"), &format!("Old {n}"), &format!("Text {n}."));
    }
    let daemon = newsroom.serve();
    let before = ids(&daemon);
    for n in 0..20 {
        mv(&newsroom, &format!("news/a{n}.md"), &format!("news/z{n}.md"));
        newsroom.article(&format!("news/a{n}.md"), &format!("New {n}"), &format!("Other text {n}."));
    }
    daemon.wait("all are public", |daemon| ids(daemon).len() == 40);
    let after = ids(&daemon);
    for (title, id) in &before {
        assert_eq!(after.get(title), Some(id), "{title}");
    }
    let distinct: std::collections::BTreeSet<&String> = after.values().collect();
    assert_eq!(distinct.len(), 40);
}

#[test]
fn articles_unreadable_at_start_are_not_deleted() {
    let newsroom = two();
    newsroom.article("sport/c.md", "Story C", "Text of C.");
    drop(newsroom.serve());
    // The folder is replaced by a link, which isn't followed, so its content is unknown.
    mv(&newsroom, "sport", "../elsewhere");
    std::os::unix::fs::symlink("../elsewhere", newsroom.path("content/sport")).expect("linked");
    let daemon = newsroom.serve();
    assert!(ids(&daemon).contains_key("Story C") && deleted(&daemon).is_empty(), "{:?}", ids(&daemon));
    fs::remove_file(newsroom.path("content/sport")).expect("a link");
    mv(&newsroom, "../elsewhere", "sport");
    mark(&newsroom, &daemon, "Mark");
    assert!(ids(&daemon).contains_key("Story C") && deleted(&daemon).is_empty());
    drop(daemon);

    // The content directory is empty, like an unmounted disk.
    mv(&newsroom, "", "../away");
    fs::create_dir_all(newsroom.path("content")).expect("writable");
    let daemon = newsroom.serve();
    assert_eq!(ids(&daemon).len(), 4);
    assert!(deleted(&daemon).is_empty() && daemon.body("/readyz").contains("mass-removal"));
    fs::remove_dir(newsroom.path("content")).expect("empty");
    fs::rename(newsroom.path("away"), newsroom.path("content")).expect("movable");
    newsroom.article("news/d.md", "Story D", "Text of D.");
    drop(daemon);
    let daemon = newsroom.serve();
    assert!(ids(&daemon).len() == 5 && deleted(&daemon).is_empty());
    assert!(!daemon.body("/readyz").contains("mass-removal"));
}

/// Its file can't be checked.
#[test]
fn article_in_missing_directory_can_be_retracted() {
    let newsroom = two();
    assert!(newsroom.serve().stop());
    mv(&newsroom, "", "../away");
    let retract = newsroom.dateline(&["retract", A]);
    assert!(retract.status.success(), "{}", printed(&retract));
    fs::rename(newsroom.path("away"), newsroom.path("content")).expect("movable");
    let daemon = newsroom.serve();
    assert!(!ids(&daemon).contains_key("Story A"), "{:?}", ids(&daemon));
    assert_eq!(deleted(&daemon), [A]);
}

#[test]
fn renamed_and_broken_file_keeps_last_version() {
    let newsroom = two();
    let daemon = newsroom.serve();
    mv(&newsroom, "news/a.md", "news/z.md");
    fs::write(newsroom.path("content/news/z.md"), "---\ntitle: [\n---\n").expect("writable");
    daemon.wait("it is reported", |_| {
        fs::read_to_string(newsroom.path("log")).is_ok_and(|log| log.contains("content/news/z.md"))
    });
    mark(&newsroom, &daemon, "Mark");
    rm(&newsroom, "marks/Mark.md");
    daemon.wait("more than a grace has passed", |daemon| !ids(daemon).contains_key("Mark"));
    assert_eq!(ids(&daemon).get("Story A").map(String::as_str), Some(A));
    drop(daemon);
    let daemon = newsroom.serve();
    assert_eq!(ids(&daemon).get("Story A").map(String::as_str), Some(A));
    newsroom.write("content/news/z.md", article("Story A, mended", "Text of A."));
    daemon.wait("it is mended", |daemon| ids(daemon).get("Story A, mended").is_some_and(|id| id == A));
}
