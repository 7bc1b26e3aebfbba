//! The contents of feeds: golden documents for every format, partner and kind of content, and a daemon whose feeds follow time, files
//! and configuration.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::newsroom::{CONFIG, Daemon, Newsroom, article, files};

#[test]
fn feeds_match_golden_documents() {
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/suite/cases/feeds");
    // A copy, because the state of an earlier run would change the result.
    let newsroom = tempfile::tempdir().expect("a scratch directory");
    for folder in ["config", "content"] {
        for (name, bytes) in files(&cases.join(folder)) {
            let file = newsroom.path().join(folder).join(name);
            fs::create_dir_all(file.parent().expect("below a folder")).expect("writable");
            fs::write(file, bytes).expect("writable");
        }
    }
    let out = tempfile::tempdir().expect("a scratch directory");
    let build = Command::new(env!("CARGO_BIN_EXE_dateline"))
        .current_dir(newsroom.path())
        .args(["build", "--config", "config/dateline.toml", "--out"])
        .arg(out.path())
        .output()
        .expect("dateline runs");
    let printed = String::from_utf8_lossy(&build.stderr).into_owned();
    assert!(build.status.success(), "{printed}");
    let mut made = files(out.path());
    made.insert("diagnostics.txt".to_owned(), printed.into_bytes());
    let expected = cases.join("expected");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::remove_dir_all(&expected).unwrap_or_default();
        for (name, bytes) in &made {
            let file = expected.join(name);
            fs::create_dir_all(file.parent().expect("below a folder")).expect("writable");
            fs::write(file, bytes).expect("writable");
        }
    }
    let committed = files(&expected);
    assert_eq!(made.keys().collect::<Vec<_>>(), committed.keys().collect::<Vec<_>>());
    for (name, bytes) in &made {
        assert!(committed.get(name) == Some(bytes), "{name} differs: UPDATE_GOLDEN=1 and look at `git diff`");
    }
    assert_eq!(made.len(), 24);
}

#[test]
fn media_files_are_measured_when_they_change() {
    let newsroom = Newsroom::new();
    newsroom.write(
        "content/news/bells.md",
        "---\ntitle: Bells\ndate: 2026-11-20\nimage: quay.gif\nmedia: [{ url: sound/bells.mp3, length: 5 }]\n---\nText.\n",
    );
    let daemon = newsroom.serve();
    daemon.wait("the story is there", |daemon| daemon.body("/news/rss.xml").contains("Bells"));
    assert!(!daemon.body("/news/rss.xml").contains("/media/"), "nothing is announced that is not there");
    assert!(!daemon.body("/news/rss.xml").contains("<enclosure"));

    newsroom.write("content/news/sound/bells.mp3", [b'x'; 777]);
    daemon.wait("the sound is measured", |daemon| daemon.body("/news/rss.xml").contains("length=\"777\""));
    let picture = |width: u8| [b"GIF89a".as_slice(), &[width, 0, 20, 0, 0, 0, 0]].concat();
    newsroom.write("content/news/quay.gif", picture(30));
    daemon.wait("the picture is measured", |daemon| daemon.body("/news/rss.xml").contains("width=\"30\""));
    newsroom.write("content/news/quay.gif", picture(40));
    daemon.wait("it is measured again", |daemon| daemon.body("/news/feed.json").contains("quay.gif"));
    daemon.wait("with its new size", |daemon| daemon.body("/news/rss.xml").contains("width=\"40\""));
    let part = daemon.get("/media/news/sound/bells.mp3", &[("range", "bytes=700-")]);
    assert_eq!((part.status, part.body.len()), (206, 77));
    assert_eq!(part.header("content-type"), Some("audio/mpeg"));

    fs::remove_file(newsroom.path("content/news/sound/bells.mp3")).expect("removed");
    daemon.wait("what is gone is no longer announced", |daemon| !daemon.body("/news/rss.xml").contains("<enclosure"));
}

#[test]
fn windows_keep_young_articles_within_limits() {
    let newsroom = Newsroom::new();
    for n in 0..30 {
        newsroom.article(
            &format!("news/story-{n:02}.md"),
            &format!("Story {n:02}."),
            &"Words of the story. ".repeat(100),
        );
    }
    newsroom.article("news/chips/huge.md", "Huge story", &"A very long story. ".repeat(8_000));
    let items = |name: &str, feeds: &str| {
        newsroom.write("config/dateline.toml", format!("{CONFIG}\n[feeds]\n{feeds}\n"));
        let build = newsroom.build(name);
        let feed = fs::read_to_string(newsroom.path(name).join("news/rss.xml")).expect("it is written");
        (feed.matches("<item>").count(), feed.len(), String::from_utf8_lossy(&build.stderr).into_owned())
    };
    // The stories are old: a minimum age of an hour keeps none of them, and one of a century keeps all.
    assert_eq!(items("a", "max_items = 5\nmin_residency = \"1h\"").0, 5);
    assert_eq!(items("b", "max_items = 5\nmin_residency = \"36500 days\"").0, 31);
    assert_eq!(items("c", "max_age = \"1h\"\nmin_residency = \"1h\"").0, 20, "min_items is 20 unless it is stated");
    let (count, length, printed) = items("d", "max_bytes = 30000\nmin_residency = \"36500 days\"");
    assert!((5..31).contains(&count) && length <= 30_000, "{count} items, {length} bytes");
    assert!(printed.contains("window-cut"), "{printed}");
    let json = fs::read(newsroom.path("d/news/feed.json")).expect("it is written");
    assert!(json.len() <= 30_000 && fs::read(newsroom.path("d/news/atom.xml")).expect("written").len() <= 30_000);
    // Some feeds were truncated and others not.
    let written = files(&newsroom.path("d"));
    let documents = written.iter().filter(|(path, _)| !path.starts_with('.') && !path.ends_with("opml"));
    for (path, document) in documents.clone() {
        let own = format!("/{}\"", path.replace(' ', "%20"));
        assert!(String::from_utf8_lossy(document).contains(&own), "{path} does not say {own}");
    }
    assert!(documents.count() >= 9, "{:?}", written.keys());
    let (_, length, printed) = items("e", "max_bytes = 100000");
    assert!(length <= 100_000 && printed.contains("1 of them by their summaries alone"), "{length}: {printed}");
    let chips = fs::read_to_string(newsroom.path("e/news/chips/rss.xml")).expect("it is written");
    assert!(chips.contains("Huge story") && chips.len() < 10_000, "it is shown by its summary");
}

#[test]
fn polling_hints_agree() {
    let newsroom = Newsroom::new();
    newsroom.write("config/dateline.toml", format!("{CONFIG}\n[feeds]\nmax_poll = 30\n"));
    for n in 0..10 {
        newsroom.write(
            &format!("content/news/{n}.md"),
            article(&format!("Story {n}"), "Text.").replace("2026-11-20 10:00", &format!("2026-11-{:02} 10:00", n + 1)),
        );
    }
    let daemon = newsroom.serve();
    daemon.wait("they are there", |daemon| daemon.body("/news/rss.xml").contains("Story 9"));
    let answer = daemon.get("/news/rss.xml", &[]);
    assert_eq!(answer.header("cache-control"), Some("max-age=1800"));
    let text = answer.text();
    assert!(text.contains("<ttl>30</ttl>") && text.contains("<sy:updateFrequency>2</sy:updateFrequency>"), "{text}");
    assert!(text.contains("<sy:updatePeriod>hourly</sy:updatePeriod>"));
}

#[test]
fn feeds_have_style_sheet_if_configured() {
    let newsroom = Newsroom::new();
    newsroom.article("news/a.md", "Story A", "Text.");
    newsroom.write("config/dateline.toml", format!("{CONFIG}\n[feeds]\nmedia_type = \"xml\"\n"));
    let daemon = newsroom.serve();
    for name in ["rss.xml", "atom.xml"] {
        let feed = daemon.get(&format!("/news/{name}"), &[]);
        assert_eq!(feed.header("content-type"), Some("application/xml; charset=utf-8"));
        let instruction = "?>\n<?xml-stylesheet type=\"text/css\" href=\"http://feeds.courier.example/feed.css\"?>\n<";
        assert!(feed.text().contains(instruction), "{}", feed.text());
    }
    assert_eq!(daemon.get("/news/feed.json", &[]).header("content-type"), Some("application/feed+json"));
    let style = daemon.get("/feed.css", &[]);
    assert_eq!((style.status, style.header("content-type")), (200, Some("text/css; charset=utf-8")));

    let partner = "\n[[section]]\npath = \"culture\"\n[[section.feed]]\nprofile = \"flipboard\"\n";
    newsroom.write("config/dateline.toml", format!("{CONFIG}{partner}"));
    daemon.wait("the style is gone", |daemon| daemon.get("/feed.css", &[]).status == 404);
    assert_eq!(daemon.get("/news/rss.xml", &[]).header("content-type"), Some("application/rss+xml; charset=utf-8"));
    assert_eq!(daemon.get("/culture/flipboard.xml", &[]).status, 200);
    newsroom.write("config/dateline.toml", CONFIG);
    daemon.wait("the partner's feed is gone", |daemon| daemon.get("/culture/flipboard.xml", &[]).status == 404);
}

/// OPML lists the feed, so it has to exist.
#[test]
fn tag_of_old_articles_has_empty_feed() {
    let newsroom = Newsroom::new();
    let window = "\n[feeds]\nmin_items = 0\nmin_residency = \"0s\"\nmax_age = \"1d\"\n";
    newsroom.write("config/dateline.toml", format!("{CONFIG}{window}"));
    let write = |name: &str, keys: &str| {
        newsroom.write(
            &format!("content/news/{name}.md"),
            format!("---\ntitle: Old\ndate: 2020-01-02\n{keys}---\n\nOld.\n"),
        );
    };
    write("old", "tags: [boats]\n");
    write("draft", "tags: [rafts]\ndraft: true\n");
    let daemon = newsroom.serve();
    let is_there = |daemon: &Daemon, tag: &str| {
        let listed = daemon.body("/feeds.opml").contains(&format!("/tags/{tag}/rss.xml"));
        let status = daemon.get(&format!("/tags/{tag}/rss.xml"), &[]).status;
        assert_eq!((status == 200, status == 404), (listed, !listed), "{tag}");
        listed
    };
    assert!(is_there(&daemon, "boats") && !is_there(&daemon, "rafts"));
    write("draft", "tags: [rafts]\n");
    write("old", "tags: [ferries]\n");
    daemon.wait("feeds begin and end", |daemon| daemon.body("/feeds.opml").contains("/tags/ferries/"));
    daemon.wait("so does the other", |daemon| daemon.body("/feeds.opml").contains("/tags/rafts/"));
    assert!(is_there(&daemon, "rafts") && is_there(&daemon, "ferries") && !is_there(&daemon, "boats"));
}
