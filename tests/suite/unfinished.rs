//! Files that are still being written.

use std::fs::{self, File};
use std::io::Write;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::newsroom::{CONFIG, Daemon, Newsroom, article};

fn newsroom(keys: &str) -> Newsroom {
    let newsroom = Newsroom::new();
    newsroom.write("config/dateline.toml", CONFIG.replace("removal_grace", &format!("{keys}\nremoval_grace")));
    newsroom
}

/// A file with the beginning of a story, that is open for writing.
fn begin(newsroom: &Newsroom, name: &str) -> File {
    let path = newsroom.path("content").join(name);
    fs::create_dir_all(path.parent().expect("a folder")).expect("made");
    let mut file = File::create(path).expect("made");
    file.write_all(article("Slow", "First half.").as_bytes()).expect("written");
    file
}

fn feed(daemon: &Daemon) -> String {
    daemon.body("/feed.json")
}

/// Asks for so long whether something never is so.
fn never(seconds: f32, daemon: &Daemon, is_so: impl Fn(&Daemon) -> bool) {
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs_f32(seconds) {
        assert!(!is_so(daemon), "after {:?}", begun.elapsed());
    }
}

fn dates(daemon: &Daemon) -> (String, String) {
    let feed: Value = serde_json::from_str(&feed(daemon)).expect("JSON");
    let item =
        feed["items"].as_array().expect("items").iter().find(|item| item["title"] == "Slow").expect("it is there");
    let date = |name: &str| item[name].as_str().expect("a date").to_owned();
    (date("date_published"), date("date_modified"))
}

#[test]
fn written_file_waits_for_its_close() {
    let newsroom = newsroom("settle = \"200ms\"");
    newsroom.article("news/a.md", "Story A", "Text.");
    let daemon = newsroom.serve();
    let mut file = begin(&newsroom, "news/slow.md");
    never(2.5, &daemon, |daemon| feed(daemon).contains("Slow"));
    file.write_all(b"\nSecond half.\n").expect("written");
    never(0.5, &daemon, |daemon| feed(daemon).contains("Slow"));
    drop(file);
    daemon.wait("it is complete", |daemon| feed(daemon).contains("Slow"));
    assert!(feed(&daemon).contains("Second half."));
    // A later version, too: until it is closed, the last one is there. A renamed file is complete however open it is.
    let mut file = File::create(newsroom.path("content/news/slow.md")).expect("made");
    file.write_all(article("Slow", "Third half.").as_bytes()).expect("written");
    never(1.5, &daemon, |daemon| !feed(daemon).contains("Second half."));
    fs::rename(newsroom.path("content/news/slow.md"), newsroom.path("content/news/moved.md")).expect("renamed");
    daemon.wait("it is renamed", |daemon| feed(daemon).contains("Third half."));
    drop(file);
    assert!(daemon.stop());
}

/// On a first start, and where nobody tells of changes, a file has to stay as it is.
#[test]
fn scanned_file_has_to_settle_and_its_completion_is_no_update() {
    let newsroom = newsroom("watch = \"poll\"\nsettle = \"3s\"");
    let mut file = begin(&newsroom, "news/slow.md");
    let begun = Instant::now();
    let daemon = newsroom.serve();
    assert!(begun.elapsed() > Duration::from_millis(2_500), "{:?}", begun.elapsed());
    assert!(feed(&daemon).contains("First half."));
    let (published, updated) = dates(&daemon);
    assert_eq!(published, updated);
    file.write_all(b"\nSecond half.\n").expect("written");
    let begun = Instant::now();
    daemon.wait("the rest is there", |daemon| feed(daemon).contains("Second half."));
    assert!(begun.elapsed() > Duration::from_millis(2_500), "{:?}", begun.elapsed());
    assert_eq!(dates(&daemon), (published.clone(), published), "it completes the story");
    let before = daemon.body("/atom.xml");
    assert!(daemon.stop());
    let daemon = newsroom.serve();
    assert_eq!(daemon.body("/atom.xml"), before);
    // `build` takes files as they are.
    drop(begin(&newsroom, "news/quick.md"));
    let begun = Instant::now();
    assert!(newsroom.build("out").status.success());
    assert!(begun.elapsed() < Duration::from_secs(3));
    assert!(fs::read_to_string(newsroom.path("out/feed.json")).expect("written").matches("First half.").count() >= 2);
}

/// Takes a minute, because a writer has so long.
#[test]
fn writer_that_does_not_close_is_reported() {
    let newsroom = newsroom("settle = \"200ms\"");
    newsroom.article("news/a.md", "Story A", "Text.");
    let daemon = newsroom.serve();
    let log = || fs::read_to_string(newsroom.path("log")).expect("a log");
    let file = begin(&newsroom, "news/slow.md");
    let begun = Instant::now();
    while !feed(&daemon).contains("First half.") {
        assert!(begun.elapsed() < Duration::from_secs(90));
        std::thread::yield_now();
    }
    assert!(begun.elapsed() > Duration::from_secs(59), "{:?}", begun.elapsed());
    daemon.wait("it is reported", |_| log().contains("article-open") && log().contains("content/news/slow.md"));
    let problems = || daemon.body("/readyz").contains("article-open") || log().matches("article-open").count() == 1;
    assert!(problems());
    drop(file);
    daemon.wait("it is closed", |_| log().matches("article-open").count() == 2);
    assert!(feed(&daemon).contains("First half."));
    assert!(daemon.stop());
}
