//! `[[source]]` with the real binary: several directories of articles, each with its own defaults and failures.

use std::fs;
use std::os::unix::fs::symlink;

use crate::newsroom::{CONFIG, Daemon, Newsroom, article, printed};

const WIRE: &str = "\n[[source]]\nname = \"wire\"\ndirectory = \"../drop/wire\"\n";

/// A newsroom with these tables after the usual configuration.
fn newsroom(sources: &str) -> Newsroom {
    let newsroom = Newsroom::new();
    configure(&newsroom, sources);
    newsroom
}

fn configure(newsroom: &Newsroom, sources: &str) {
    // Files that were just written are complete at once.
    let sources = sources.replace("directory = ", "settle = \"100ms\"\ndirectory = ");
    newsroom.write("config/dateline.toml", format!("{CONFIG}{sources}"));
}

fn item(version: &str, text: &str) -> String {
    format!(
        r#"{{"uri": "urn:x:ferry", "version": "{version}", "firstCreated": "2026-11-20T08:00:00Z", "headline": "Ferry", "body_text": "{text}"}}"#
    )
}

fn has(daemon: &Daemon, title: &str) -> bool {
    daemon.body("/rss.xml").contains(&format!("<title>{title}</title>"))
}

fn log(newsroom: &Newsroom) -> String {
    fs::read_to_string(newsroom.path("log")).unwrap_or_default()
}

/// Kills the daemon, and checks that the next one serves the same feed.
fn assert_same_after_kill(newsroom: &Newsroom, daemon: Daemon) {
    let before = daemon.body("/atom.xml");
    daemon.kill();
    drop(daemon);
    let daemon = newsroom.serve();
    assert_eq!(daemon.body("/atom.xml"), before);
    assert!(daemon.stop());
}

#[test]
fn every_command_reads_all_sources() {
    let newsroom = newsroom(&format!("{WIRE}section = \"news/chips\"\nprovider = \"Harbour Wire\"\n"));
    newsroom.article("news/a.md", "Story A", "Text.");
    newsroom.write("drop/wire/in/b.md", article("Story B", "![](quay.png)"));
    newsroom.write("drop/wire/in/quay.png", "picture");
    newsroom.write("content/~old/c.md", article("Story C", "Text."));
    newsroom.write("content/d.md", article("Story D", "![](~old/d.png)"));
    newsroom.write("content/~old/d.png", "picture");
    let check = printed(&newsroom.dateline(&["check"]));
    assert!(check.contains("--> content/~old") && check.contains("3 articles, 3 published"), "{check}");
    assert!(newsroom.build("out").status.success());
    let built = fs::read_to_string(newsroom.path("out/news/chips/feed.json")).expect("built");
    assert!(built.contains("Story B") && built.contains("/media/~wire/in/quay.png"), "{built}");
    let rss = fs::read_to_string(newsroom.path("out/rss.xml")).expect("built");
    assert!(rss.contains("Harbour Wire") && !rss.contains("Story C"), "{rss}");

    let daemon = newsroom.serve();
    assert_eq!(daemon.get("/media/~wire/in/quay.png", &[]).status, 200);
    for path in ["/media/~old/d.png", "/media/in/quay.png", "/media/~wire/in/b.md", "/media/~wire/../a.md"] {
        assert_ne!(daemon.get(path, &[]).status, 200, "{path}");
    }
    let page = daemon.body("/articles/b");
    let explain = |given: &str| printed(&newsroom.dateline(&["explain", given]));
    let real = newsroom.path("drop/wire/in/b.md").display().to_string();
    for given in ["wire:in/b.md", "drop/wire/in/b.md", real.as_str()] {
        let explained = explain(given);
        assert!(explained.starts_with("drop/wire/in/b.md") && explained.contains("news/chips"), "{given}: {explained}");
    }
    assert!(!explain("wire:in/no.md").contains("section"), "{page}");
    let history = printed(&newsroom.dateline(&["history", "wire:in/b.md"]));
    assert!(history.starts_with("drop/wire/in/b.md") && history.contains("published"), "{history}");
    let retract = printed(&newsroom.dateline(&["retract", "drop/wire/in/b.md"]));
    assert!(retract.contains("`wire:in/b.md` is retracted"), "{retract}");
    assert!(!has(&daemon, "Story B") && has(&daemon, "Story A"));
    let restore = printed(&newsroom.dateline(&["restore", "wire:in/b.md"]));
    assert!(restore.contains("is public again"), "{restore}");
    daemon.wait("the restored article", |daemon| has(daemon, "Story B"));
    assert!(daemon.stop());
}

#[test]
fn same_item_in_two_sources_belongs_to_the_first() {
    let two = "\n[[source]]\nname = \"two\"\ndirectory = \"../drop/two\"\n";
    let newsroom = newsroom(&format!("{WIRE}{two}"));
    newsroom.write("drop/two/a.json", item("9", "Canary sails."));
    newsroom.write("drop/wire/b.json", item("1", "Magpie sails."));
    let daemon = newsroom.serve();
    assert!(daemon.body("/rss.xml").contains("Magpie") && !daemon.body("/rss.xml").contains("Canary"));
    newsroom.write("drop/two/c.json", item("10", "Sparrow sails."));
    newsroom.write("drop/wire/d.json", item("2", "Heron sails."));
    daemon.wait("the next version", |daemon| daemon.body("/rss.xml").contains("Heron"));
    assert!(!daemon.body("/rss.xml").contains("Sparrow"));
    newsroom.find("the report", || {
        let log = log(&newsroom);
        (log.contains("id-taken") && log.contains("drop/two/c.json")).then_some(())
    });
    assert_same_after_kill(&newsroom, daemon);
}

#[test]
fn source_inside_content_belongs_to_itself() {
    let newsroom = newsroom("\n[[source]]\nname = \"wire\"\ndirectory = \"../content/drop\"\n");
    newsroom.write("content/drop/news/a.md", article("Story A", "Text."));
    newsroom.write("content/drop/news/a.png", "picture");
    newsroom.article("b.md", "Story B", "![](drop/news/a.png)");
    let daemon = newsroom.serve();
    let count =
        |daemon: &Daemon, title: &str| daemon.body("/rss.xml").matches(&format!("<title>{title}</title>")).count();
    assert_eq!((count(&daemon, "Story A"), count(&daemon, "Story B")), (1, 1));
    // The folder below the source's directory is the section.
    assert!(daemon.body("/news/rss.xml").contains("Story A"));
    assert_eq!(daemon.get("/media/drop/news/a.png", &[]).status, 404);
    newsroom.write("content/drop/news/c.md", article("Story C", "Text."));
    daemon.wait("a new file", |daemon| count(daemon, "Story C") == 1);
    // Without the source, the folder is one of the content directory.
    configure(&newsroom, "");
    daemon.wait("the folder's articles", |daemon| {
        daemon.get("/media/drop/news/a.png", &[]).status == 200 && count(daemon, "Story A") == 1
    });
    assert!(!daemon.body("/news/rss.xml").contains("Story A"));
    configure(&newsroom, "\n[[source]]\nname = \"wire\"\ndirectory = \"../content/drop\"\n");
    daemon.wait("the source's articles", |daemon| daemon.body("/news/rss.xml").contains("Story A"));
    daemon.wait("one of each", |daemon| count(daemon, "Story A") == 1 && count(daemon, "Story C") == 1);
    assert!(daemon.stop());
}

#[test]
fn outage_of_a_source_concerns_no_other() {
    let newsroom = newsroom(WIRE);
    newsroom.article("a.md", "Story A", "Text.");
    // The directory doesn't exist yet.
    let daemon = newsroom.serve();
    assert!(has(&daemon, "Story A") && log(&newsroom).contains("the directory of the source `wire` cannot be read"));
    for number in 1..=3 {
        newsroom.write(&format!("drop/wire/{number}.md"), article(&format!("Wire {number}"), "Text."));
    }
    let all = |daemon: &Daemon| (1..=3).all(|number| has(daemon, &format!("Wire {number}")));
    daemon.wait("the source's articles", all);
    let before = daemon.body("/feed.json");

    // A directory that is gone retracts nothing, before and after a restart.
    fs::rename(newsroom.path("drop/wire"), newsroom.path("drop/away")).expect("renamed");
    newsroom.article("b.md", "Story B", "Text.");
    daemon.wait("another article", |daemon| has(daemon, "Story B"));
    newsroom.find("the report", || (log(&newsroom).matches("`wire` cannot be read").count() >= 2).then_some(()));
    assert!(all(&daemon), "{}", daemon.body("/rss.xml"));
    fs::remove_file(newsroom.path("content/b.md")).expect("removed");
    daemon.wait("its removal", |daemon| !has(daemon, "Story B"));
    daemon.kill();
    drop(daemon);
    let daemon = newsroom.serve();
    assert!(all(&daemon) && has(&daemon, "Story A"));
    let items = |body: &str| {
        let feed: serde_json::Value = serde_json::from_str(body).expect("JSON");
        feed["items"].as_array().expect("items").iter().map(|item| item["id"].to_string()).collect::<Vec<_>>()
    };
    assert_eq!(items(&daemon.body("/feed.json")), items(&before));

    // A link takes the directory's place, and leads elsewhere later.
    symlink("away", newsroom.path("drop/wire")).expect("linked");
    newsroom.write("drop/away/4.md", article("Wire 4", "Text."));
    daemon.wait("the next article", |daemon| has(daemon, "Wire 4") && all(daemon));
    assert!(!log(&newsroom).contains("mass-removal"));
    assert!(daemon.stop());
}

#[test]
fn reload_adds_and_removes_sources() {
    let newsroom = newsroom("");
    newsroom.article("a.md", "Story A", "Text.");
    newsroom.write("drop/wire/b.md", "---\ntitle: Story B\n---\n\nUndated.\n");
    let daemon = newsroom.serve();
    assert!(!has(&daemon, "Story B"));
    configure(&newsroom, WIRE);
    daemon.wait("the source's article", |daemon| has(daemon, "Story B"));
    let before = daemon.body("/feed.json");
    configure(&newsroom, "");
    daemon.wait("its absence", |daemon| !has(daemon, "Story B"));
    assert!(!daemon.body("/atom.xml").contains("deleted-entry") && has(&daemon, "Story A"));
    // Nobody watches the directory any more.
    newsroom.write("drop/wire/c.md", article("Story C", "Text."));
    configure(&newsroom, WIRE);
    daemon.wait("its return", |daemon| has(daemon, "Story B") && has(daemon, "Story C"));
    let item = |body: &str| {
        let feed: serde_json::Value = serde_json::from_str(body).expect("JSON");
        let items = feed["items"].as_array().expect("items").clone();
        let item = items.into_iter().find(|item| item["title"] == "Story B").expect("an item");
        (item["id"].to_string(), item["date_published"].to_string())
    };
    assert_eq!(item(&daemon.body("/feed.json")), item(&before));
    assert_same_after_kill(&newsroom, daemon);
}
