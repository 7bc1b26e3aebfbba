//! Files that are still being written.

use std::fs::{self, File};
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use dateline::daemon::StateCache;
use dateline::diagnostics::Code;
use dateline::event::{Event, FileState, ParsedFile};
use dateline::watch::{self, WatchOptions};
use serde_json::Value;

use crate::newsroom::{CONFIG, Daemon, Newsroom, article, pause};

fn newsroom(keys: &str) -> Newsroom {
    let newsroom = Newsroom::new();
    newsroom.write("config/dateline.toml", CONFIG.replace("settle = \"50ms\"", keys));
    newsroom
}

/// Writes the beginning of a story, and returns the file, open for writing.
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

/// Asserts for some seconds that the condition never holds.
fn never(seconds: f32, daemon: &Daemon, condition: impl Fn(&Daemon) -> bool) {
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs_f32(seconds) {
        assert!(!condition(daemon), "after {:?}", begun.elapsed());
        pause();
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
    // A later version waits for the close, too. A renamed file counts as complete, even if it's still open.
    let mut file = File::create(newsroom.path("content/news/slow.md")).expect("made");
    file.write_all(article("Slow", "Third half.").as_bytes()).expect("written");
    never(1.5, &daemon, |daemon| !feed(daemon).contains("Second half."));
    fs::rename(newsroom.path("content/news/slow.md"), newsroom.path("content/news/moved.md")).expect("renamed");
    daemon.wait("it is renamed", |daemon| feed(daemon).contains("Third half."));
    drop(file);
    assert!(daemon.stop());
}

/// On the first start, and without file system events, a file is read once it was unchanged for the `settle` time.
#[test]
fn completing_scanned_file_is_no_update() {
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
    // `build` doesn't wait.
    drop(begin(&newsroom, "news/quick.md"));
    let begun = Instant::now();
    assert!(newsroom.build("out").status.success());
    assert!(begun.elapsed() < Duration::from_secs(3));
    assert!(fs::read_to_string(newsroom.path("out/feed.json")).expect("written").matches("First half.").count() >= 2);
}

/// Tests the watcher alone with a short limit; the daemon's limit is a minute.
#[test]
fn file_left_open_is_reported() {
    let newsroom = Newsroom::new();
    newsroom.article("news/a.md", "Story A", "Text.");
    let checked = dateline::daemon::load(&newsroom.path("config/dateline.toml"));
    let config = checked.config.expect("valid");
    let options = WatchOptions {
        root: dateline::daemon::roots(&config).content().clone(),
        parsing: Arc::clone(&config.parsing),
        config: Some(config.file.clone()),
        config_hash: Some(config.hash),
        parse_config: dateline::config::parse,
        grace: Duration::from_millis(250),
        hold: Duration::ZERO,
        settle: Duration::from_millis(200),
        completion: watch::coalesce::Completion::Closed,
        open_limit: Duration::from_secs(2),
        watch: config.content.watch,
        safety_interval: Duration::from_secs(300),
        progress: Arc::default(),
    };
    let (events, mut received) = tokio::sync::mpsc::channel(32);
    let _watcher = watch::start(options, StateCache::none(), events, Arc::default()).expect("a thread");
    let mut next = |name: &str| loop {
        let event = received.blocking_recv().expect("the watcher runs").event;
        match event {
            Event::Rescan(_) if name.is_empty() => return Vec::new(),
            Event::Files(files) => {
                for ParsedFile { path, state, .. } in files {
                    if let FileState::Present(parsed) = state
                        && path.as_str() == name
                    {
                        return parsed.diagnostics;
                    }
                }
            }
            _ => {}
        }
    };
    next("");
    let file = begin(&newsroom, "news/slow.md");
    let begun = Instant::now();
    let reported = next("news/slow.md");
    assert!(begun.elapsed() > Duration::from_millis(1_900), "{:?}", begun.elapsed());
    assert_eq!(reported.iter().map(|problem| problem.code).collect::<Vec<_>>(), [Code::ArticleOpen]);
    drop(file);
    assert_eq!(next("news/slow.md"), [], "it is closed");
}

/// The file changes all the time around the start.
#[test]
fn changing_file_stays_published_after_restart() {
    let newsroom = newsroom("watch = \"poll\"\nsettle = \"150ms\"");
    newsroom.article("news/a.md", "Story A", "Text.");
    newsroom.age("content/news/a.md");
    let daemon = newsroom.serve();
    assert!(feed(&daemon).contains("Story A"));
    assert!(daemon.stop());
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let path = newsroom.path("content/news/a.md");
            let mut length = 0;
            while !is_over.load(Ordering::Relaxed) {
                length += 1;
                fs::write(&path, article("Story A", &"Text. ".repeat(length))).expect("written");
                pause();
            }
        });
        let daemon = newsroom.serve();
        let body = feed(&daemon);
        let tombstones = daemon.body("/atom.xml").contains("deleted-entry");
        is_over.store(true, Ordering::Relaxed);
        assert!(body.contains("Story A") && !tombstones, "{body}");
        daemon.wait("the last version is there", |daemon| feed(daemon).contains("Text. Text."));
        assert!(!daemon.body("/atom.xml").contains("deleted-entry"));
    });
}
