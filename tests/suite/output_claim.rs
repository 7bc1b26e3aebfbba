//! The lock on the output directory: only one daemon writes to it.

use std::fs;

use crate::newsroom::{CONFIG, Daemon, Newsroom, bounded, files, printed};

/// A second newsroom, with its own state, that writes to the output directory of the first.
fn sharing(newsroom: &Newsroom) -> Newsroom {
    let other = Newsroom::new();
    let feeds = newsroom.path("feeds");
    other.write("config/dateline.toml", format!("{CONFIG}\n[output]\ndirectory = {feeds:?}\n"));
    other.article("news/b.md", "Story B", "Body.");
    other
}

fn has_feeds(newsroom: &Newsroom, daemon: &Daemon) {
    daemon.wait("the feeds are written", |_| newsroom.path("feeds/news/rss.xml").is_file());
}

#[test]
fn second_writer_of_output_directory_is_refused() {
    let newsroom = Newsroom::new();
    newsroom.article("news/a.md", "Story A", "Body.");
    let other = sharing(&newsroom);
    let daemon = newsroom.serve();
    has_feeds(&newsroom, &daemon);
    for arguments in [&["serve", "--listen", "127.0.0.1:0"][..], &["build"]] {
        let output = bounded(other.command().args(arguments));
        let text = printed(&output);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {text}");
        let state = newsroom.path(".dateline").canonicalize().expect("it is there");
        for part in
            [state.to_str().expect("UTF-8"), newsroom.path("feeds").to_str().expect("UTF-8"), "output.directory"]
        {
            assert!(text.contains(part), "{arguments:?}: `{part}` in {text}");
        }
    }
    // A retraction is recorded all the same.
    let before = files(&newsroom.path("feeds"));
    let retracted = other.dateline(&["retract", "news/b.md"]);
    assert!(printed(&retracted).contains("output-claimed"), "{}", printed(&retracted));
    assert_eq!(files(&newsroom.path("feeds")), before);
    // `build` with the same state works while the daemon runs.
    assert!(newsroom.dateline(&["build"]).status.success());
    assert!(daemon.stop());
    assert!(!newsroom.path("feeds/.dateline.lock").exists(), "nothing is left behind");
    let build = other.dateline(&["build"]);
    assert!(build.status.success(), "{}", printed(&build));
}

#[test]
fn killed_writer_leaves_output_directory_free() {
    let newsroom = Newsroom::new();
    newsroom.article("news/a.md", "Story A", "Body.");
    let other = sharing(&newsroom);
    let daemon = newsroom.serve();
    has_feeds(&newsroom, &daemon);
    daemon.kill();
    drop(daemon);
    assert!(newsroom.path("feeds/.dateline.lock").exists(), "the daemon had no time to remove it");
    let daemon = other.serve();
    daemon.wait("it writes", |_| {
        fs::read_to_string(newsroom.path("feeds/news/rss.xml")).is_ok_and(|feed| feed.contains("Story B"))
    });
    assert!(daemon.stop());
}

#[test]
fn replaced_output_directory_is_locked_again() {
    let newsroom = Newsroom::new();
    newsroom.article("news/a.md", "Story A", "Body.");
    let other = sharing(&newsroom);
    let daemon = newsroom.serve();
    has_feeds(&newsroom, &daemon);
    fs::rename(newsroom.path("feeds"), newsroom.path("old")).expect("renamed");
    newsroom.article("news/c.md", "Story C", "Body.");
    has_feeds(&newsroom, &daemon);
    let build = other.dateline(&["build"]);
    assert_eq!(build.status.code(), Some(1), "{}", printed(&build));
    assert!(daemon.stop());
}
