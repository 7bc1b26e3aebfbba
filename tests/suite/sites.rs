//! Small sites of other generators. Each has the entries that its generator publishes (`entries.txt`) and the feed that dateline makes of
//! the same files (`rss.xml`). `UPDATE_GOLDEN=1` rewrites the feeds, but not the entries.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::newsroom::{CONFIG, Daemon, Newsroom, files, printed};

fn cases(site: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/suite/cases/sites").join(site)
}

/// The entries of a feed as `entries.txt` spells them.
fn entries(feed: &Value) -> String {
    let mut shown = String::new();
    for item in feed["items"].as_array().expect("items") {
        let text = |key: &str| item[key].as_str().unwrap_or_default();
        let tags: Vec<&str> = item["tags"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let (date, tags) = (text("date_published"), tags.join(", "));
        writeln!(shown, "{}\n  {date}\n  {}\n  {tags}\n  {}", text("title"), text("url"), text("summary"))
            .expect("a string");
    }
    shown
}

#[test]
fn sites_of_generators_are_published_unchanged() {
    for site in ["hugo", "zola", "jekyll", "pelican", "eleventy"] {
        let cases = cases(site);
        // A copy, because the state of an earlier run would change the result.
        let copy = tempfile::tempdir().expect("a scratch directory");
        for (name, bytes) in files(&cases) {
            let file = copy.path().join(name);
            fs::create_dir_all(file.parent().expect("below a folder")).expect("writable");
            fs::write(file, bytes).expect("writable");
        }
        let build = Command::new(env!("CARGO_BIN_EXE_dateline"))
            .current_dir(copy.path())
            .args(["build", "--config", "dateline.toml", "--out", "out"])
            .output()
            .expect("dateline runs");
        assert!(build.status.success(), "{site}: {}", printed(&build));
        let feed = fs::read(copy.path().join("out/feed.json")).expect("a feed");
        let feed: Value = serde_json::from_slice(&feed).expect("JSON");
        let expected = fs::read_to_string(cases.join("entries.txt")).expect("the entries");
        assert_eq!(entries(&feed), expected, "{site}: {}", printed(&build));
        let rss = fs::read(copy.path().join("out/rss.xml")).expect("a feed");
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(cases.join("rss.xml"), &rss).expect("writable");
            fs::write(cases.join("diagnostics.txt"), &build.stderr).expect("writable");
        }
        let golden = |name: &str| fs::read(cases.join(name)).unwrap_or_default();
        assert!(golden("rss.xml") == rss, "{site}: rss.xml differs: UPDATE_GOLDEN=1 and look at `git diff`");
        let reported = String::from_utf8_lossy(&build.stderr).into_owned();
        assert_eq!(reported, String::from_utf8_lossy(&golden("diagnostics.txt")), "{site}");
    }
}

#[test]
fn links_follow_the_articles_they_name() {
    let newsroom = Newsroom::new();
    let other = |slug: &str| format!("---\ntitle: B\ndate: 2026-11-20\nslug: {slug}\n---\n\nText.\n");
    newsroom.write("content/news/b.md", other("old"));
    newsroom.article("news/a.md", "A", "See [one](b.md#x), [two](@/news/b.md) and [three]({filename}b.md).");
    let daemon = newsroom.serve();
    let feed = |daemon: &Daemon| daemon.body("/news/feed.json");
    daemon.wait("all links lead to the article", |daemon| {
        feed(daemon).matches("/articles/old-").count() >= 4 && feed(daemon).contains("#x")
    });
    newsroom.write("content/news/b.md", other("new"));
    daemon.wait("the links follow", |daemon| {
        feed(daemon).matches("/articles/new-").count() >= 4 && !feed(daemon).contains("/articles/old-")
    });
    newsroom.write("content/news/b.md", other("new").replace("slug", "draft: true\nslug"));
    daemon.wait("no link leads to the draft", |daemon| {
        feed(daemon).contains("\"A\"") && !feed(daemon).contains("/articles/new-")
    });
}

#[test]
fn pages_of_sections_withhold_the_articles_below() {
    let newsroom = Newsroom::new();
    newsroom.article("news/plans/a.md", "Story A", "Secret.");
    newsroom.article("news/b.md", "Story B", "Text.");
    newsroom.write("content/news/plans/_index.md", "---\ncascade:\n  draft: true\n---\n");
    let daemon = newsroom.serve();
    daemon.wait("the other story is there", |daemon| daemon.body("/feed.json").contains("Story B"));
    assert!(!daemon.body("/feed.json").contains("Story A"));
    let explained = printed(&newsroom.dateline(&["explain", "content/news/plans/a.md"]));
    assert!(explained.contains("news/plans/_index.md withholds the articles below it"), "{explained}");
    newsroom.write("content/news/plans/_index.md", "---\ntitle: Plans\n---\n");
    daemon.wait("the story becomes public", |daemon| daemon.body("/feed.json").contains("Story A"));
    for page in ["---\ndraft: true\ntitle: Plans\n---\n", "---\ntitle: [\ndraft: true\n---\n"] {
        newsroom.write("content/news/plans/_index.md", page);
        daemon.wait("the story is withheld", |daemon| !daemon.body("/feed.json").contains("Story A"));
        newsroom.write("content/news/plans/_index.md", "---\ntitle: Plans\n---\n");
        daemon.wait("the story becomes public again", |daemon| daemon.body("/feed.json").contains("Story A"));
    }
    assert!(!daemon.body("/atom.xml").contains("deleted-entry"), "{}", daemon.body("/atom.xml"));
}

#[test]
fn files_that_are_no_stories_are_explained() {
    let newsroom = Newsroom::new();
    for (name, text, reason) in [
        ("about.md", "# About\n\nWe are.\n", "pages here about the site"),
        ("news/archive.md", "---\ntitle: All\nlayout: archives\n---\nx\n", "pages here that list stories"),
        ("news/notes.txt", "Buy milk\n\nand bread for the newsroom.\n", "text files here without a date"),
        ("requirements.txt", "flask==3.0\n", "`requirements.txt` of `content.ignore`"),
        ("robots.txt", "User-agent: *\n", "`robots.txt` of `content.ignore`"),
    ] {
        newsroom.write(&format!("content/{name}"), text);
        let explained = printed(&newsroom.dateline(&["explain", &format!("content/{name}")]));
        assert!(explained.contains("It is not an article") && explained.contains(reason), "{name}: {explained}");
    }
    newsroom.write("content/news/x.adoc", "= Title\n");
    let checked = printed(&newsroom.dateline(&["check"]));
    assert!(checked.contains("Org here are ignored") && checked.contains("0 articles, 0 published"), "{checked}");
}

#[test]
fn subscribers_of_replaced_tools_find_the_feeds() {
    let newsroom = Newsroom::new();
    newsroom.article("news/quay.md", "Quay", "Text.");
    let daemon = newsroom.serve();
    let location = |path: &str| daemon.get(path, &[]).header("location").map(str::to_owned);
    assert_eq!((daemon.get("/feed/", &[]).status, location("/feed/")), (404, None));
    let aliases = "[site]\nfeed_aliases = [\"wordpress\", \"hugo\"]\n";
    newsroom.write("config/dateline.toml", CONFIG.replace("[site]\n", aliases));
    daemon.wait("the addresses redirect", |daemon| daemon.get("/feed/", &[]).status == 301);
    for (old, new) in
        [("/feed/", "rss.xml"), ("/news/feed/atom/", "news/atom.xml"), ("/news/index.xml", "news/rss.xml")]
    {
        assert_eq!(location(old), Some(format!("http://feeds.courier.example/{new}")), "{old}");
    }
    assert_eq!((daemon.get("/favicon.ico", &[]).status, daemon.get("/robots.txt", &[]).status), (204, 200));
    newsroom.write("config/dateline.toml", CONFIG);
    daemon.wait("the addresses are unknown", |daemon| daemon.get("/feed/", &[]).status == 404);
}
