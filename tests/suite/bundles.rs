//! Page bundles: folders that are stories, pages that list others, and the pages of sections.

use std::fs;

use serde_json::Value;

use crate::newsroom::{Newsroom, said};

const CONFIG: &str = "[site]\ntitle = \"Test Courier\"\nurl = \"http://feeds.courier.example/\"\ntag_authority = \"courier.example,2026\"\n\n\
                      [content]\nremoval_grace = \"250ms\"\narticle_url = \"https://www.courier.example/{section}/{slug}.html\"\n\n\
                      [[section]]\npath = \"news\"\n\n[[section]]\npath = \"news/ports\"\ntitle = \"Ports\"\ndescription = \"Of ports.\"\n";

fn write(newsroom: &Newsroom, name: &str, title: &str, keys: &str) {
    newsroom.write(&format!("content/{name}"), format!("---\ntitle: {title}\n{keys}\n---\n\nBody of {title}.\n"));
}

fn items(feed: &str) -> Vec<Value> {
    let feed: Value = serde_json::from_str(feed).expect("a feed");
    feed["items"].as_array().expect("items").clone()
}

/// The titles of a feed's entries, in order.
fn titles(feed: &str) -> String {
    let mut titles: Vec<String> =
        items(feed).iter().map(|item| item["title"].as_str().expect("a title").to_owned()).collect();
    titles.sort_unstable();
    titles.join(" ")
}

#[test]
fn folders_are_stories_and_lists_are_none() {
    const DATED: &str = "date: 2026-11-20";
    for (files, expected) in [
        // A story of its own, dated or not, with translations or not.
        ("news/ferry/index.md=A+", "A news/ferry"),
        ("news/ferry/index.html=A+", "A news/ferry"),
        ("news/ferry/index.md=A", "A news/ferry"),
        ("ferry/index.md=A+", "A ferry"),
        ("news/2026-11-19-ferry/index.md=A", "A news/ferry"),
        ("news/ferry/index.md=A news/ferry/index.fr.md=B", "A news/ferry, B news/ferry.fr"),
        ("news/ferry/index.md=A news/ferry/_index.md=B", "A news/ferry"),
        // In a folder with other articles a date makes it a story.
        ("news/ferry/index.md=A+ news/ferry/b.md=B+", "A news/ferry, B news/ferry/b"),
        ("news/ferry/index.md=A news/ferry/b.md=B+", "B news/ferry/b"),
        ("news/ferry/index.md=A news/ferry/b/index.md=B+", "B news/ferry/b"),
        ("news/ferry/index.md=A news/ferry/index.fr.md=C news/ferry/b.md=B+", "B news/ferry/b"),
        // The folder of a section has a page, and the root, too.
        ("news/index.md=A+ news/b.md=B+", "B news/b"),
        ("news/ports/index.html=A news/ports/index.fr.md=C+", ""),
        ("news/_index.md=A+ _index.md=C+ news/b.md=B+", "B news/b"),
    ] {
        let newsroom = Newsroom::new();
        newsroom.write("config/dateline.toml", CONFIG);
        for file in files.split(' ') {
            let (name, title) = file.split_once('=').expect("a title");
            write(&newsroom, name, title.trim_end_matches('+'), if title.ends_with('+') { DATED } else { "" });
        }
        newsroom.build("out");
        let feed = fs::read_to_string(newsroom.path("out/feed.json")).expect("a feed");
        let link = |item: &Value| {
            let url =
                item["url"].as_str().expect("a link").trim_start_matches("https://www.courier.example/").to_owned();
            format!("{} {}", item["title"].as_str().expect("a title"), url.trim_end_matches(".html"))
        };
        let mut found: Vec<String> = items(&feed).iter().map(link).collect();
        found.sort_unstable();
        assert_eq!(found.join(", "), expected, "{files}");
    }
}

#[test]
fn explain_says_what_pages_of_folders_are() {
    let newsroom = Newsroom::new();
    newsroom.write("config/dateline.toml", CONFIG);
    for (name, keys) in [
        ("news/index.md", "date: 2026-11-20"),
        ("news/a/index.md", ""),
        ("news/a/b.md", ""),
        ("news/c/index.md", ""),
        ("news/_index.md", ""),
    ] {
        write(&newsroom, name, "Title", keys);
    }
    for (name, words, undated) in [
        ("news/index.md", "the page of the section `news`", false),
        ("news/a/index.md", "the page of a folder with other articles only lists them", false),
        ("news/c/index.md", "section  news", true),
        ("news/_index.md", "it is the page of a section", false),
    ] {
        let explained = said(&newsroom.dateline(&["explain", &format!("content/{name}")]));
        assert!(explained.contains(words), "{name}: {explained}");
        assert_eq!(explained.contains("article-undated"), undated, "{name}: {explained}");
    }
    let check = said(&newsroom.dateline(&["check"]));
    assert_eq!(check.matches("article-undated").count(), 2, "{check}");
    assert!(check.contains("2 articles, 2 published"), "{check}");
}

#[test]
fn bundle_follows_its_siblings() {
    let newsroom = Newsroom::new();
    newsroom.write("config/dateline.toml", CONFIG);
    write(&newsroom, "news/ferry/index.md", "Ferry", "");
    write(&newsroom, "news/other.md", "Other", "date: 2026-11-20");
    let daemon = newsroom.serve();
    let found = || titles(&daemon.body("/news/feed.json"));
    let deleted = || daemon.body("/news/atom.xml").matches("<at:deleted-entry").count();
    assert_eq!(found(), "Ferry Other");
    let id = |feed: &str| items(feed).iter().find(|item| item["title"] == "Ferry").expect("there")["id"].clone();
    let before = id(&daemon.body("/news/feed.json"));
    write(&newsroom, "news/ferry/log.md", "Log", "date: 2026-11-20");
    daemon.wait("it lists the other one", |_| found() == "Log Other");
    assert_eq!(deleted(), 0);
    fs::remove_file(newsroom.path("content/news/ferry/log.md")).expect("there");
    daemon.wait("it is a story again", |_| found() == "Ferry Other");
    assert_eq!(id(&daemon.body("/news/feed.json")), before);
    write(&newsroom, "news/ferry/index.fr.md", "Bac", "date: 2026-11-20");
    daemon.wait("a translation is no other", |_| found() == "Bac Ferry Other");
    newsroom.write("config/dateline.toml", format!("{CONFIG}\n[[section]]\npath = \"news/ferry\"\n"));
    daemon.wait("it is the page of a section", |_| found() == "Other");
    // The one that was deleted before.
    assert_eq!(deleted(), 1);
    newsroom.write("config/dateline.toml", CONFIG);
    daemon.wait("it is a story again", |_| found() == "Bac Ferry Other");
    // A deletion is one.
    fs::remove_dir_all(newsroom.path("content/news/ferry")).expect("there");
    daemon.wait("both are deleted", |_| deleted() == 3);
    assert_eq!(found(), "Other");
}

#[test]
fn section_page_describes_its_section() {
    let newsroom = Newsroom::new();
    newsroom.write("config/dateline.toml", CONFIG);
    write(&newsroom, "news/a.md", "Story", "date: 2026-11-20");
    write(&newsroom, "news/_index.md", "All the news", "description: Of the harbour.");
    write(&newsroom, "news/ports/_index.md", "Other", "description: Other.");
    newsroom.write("content/_index.md", "---\ntitle: Root\ndescription: Of everything.\n---\n");
    let daemon = newsroom.serve();
    let said = |route: &str| {
        let feed: Value = serde_json::from_str(&daemon.body(route)).expect("a feed");
        format!("{} | {}", feed["title"].as_str().expect("a title"), feed["description"].as_str().unwrap_or_default())
    };
    let described = "All the news \u{2013} Test Courier | Of the harbour.";
    assert_eq!(said("/news/feed.json"), described);
    assert_eq!(said("/news/ports/feed.json"), "Ports \u{2013} Test Courier | Of ports.");
    assert_eq!(said("/feed.json"), "Test Courier | Of everything.");
    assert_eq!(titles(&daemon.body("/feed.json")), "Story");
    assert!(daemon.body("/feeds.opml").contains("All the news"));
    let undescribed = "news \u{2013} Test Courier | news \u{2013} Test Courier";
    for keys in [
        "draft: true",
        "private: true",
        "embargo: 2999-01-01",
        "date: 2999-01-01",
        "status: retracted",
        "expires: 2026-01-01",
        "title: [",
    ] {
        write(&newsroom, "news/_index.md", "Secret", &format!("description: Secret.\n{keys}"));
        daemon.wait(keys, |_| said("/news/feed.json") == undescribed);
        assert!(!fs::read_to_string(newsroom.path("log")).expect("a log").contains("Secret"));
        write(&newsroom, "news/_index.md", "All the news", "description: Of the harbour.");
        daemon.wait("it describes it again", |_| said("/news/feed.json") == described);
    }
    newsroom.write("config/dateline.toml", format!("{CONFIG}\n[[section]]\npath = \"late\"\n"));
    daemon.wait("a reload keeps it", |daemon| daemon.get("/late/feed.json", &[]).status == 200);
    assert_eq!(said("/news/feed.json"), described);
    fs::remove_file(newsroom.path("content/news/_index.md")).expect("there");
    daemon.wait("it is gone", |_| said("/news/feed.json") == undescribed);
    assert_eq!(titles(&daemon.body("/feed.json")), "Story");
}
