//! Two files with one id, of which one withholds what the other publishes.

use crate::newsroom::{CONFIG, Newsroom, said};

/// A version of an item as an agency sends it.
fn version(labels: &str, text: &str) -> String {
    format!("{labels}Ships return\n\nSource: Desk | 2026-11-02 09:00:00\n\n{text} The ships are back today.\n")
}

/// A file that withholds, and whether it takes the item in `wire/a.txt`, whose id is `urn:x:1`, from its readers.
const NOTICES: [(&str, &str, &str, bool); 13] = [
    ("a kill", "wire/b.txt", "Id: urn:x:1\nStatus: killed\n", true),
    ("a retraction in another folder", "later/b.txt", "Id: urn:x:1\nStatus: retracted\n", true),
    ("a draft", "wire/b.txt", "Id: urn:x:1\nStatus: draft\n", true),
    ("an embargo", "wire/b.txt", "Id: urn:x:1\nEmbargo: 2040-01-01\n", true),
    ("an embargo that cannot be read", "wire/b.txt", "Id: urn:x:1\nEmbargo: some day\n", true),
    ("a status that cannot be read", "wire/b.txt", "Id: urn:x:1\nStatus: hmm\n", true),
    ("an end", "wire/b.txt", "Id: urn:x:1\nExpires: 2026-11-03\n", true),
    ("a private one", "wire/b.txt", "---\nid: urn:x:1\nprivate: true\n---\n", true),
    ("another item", "wire/b.txt", "Id: urn:x:2\nStatus: killed\n", false),
    ("no id", "wire/b.txt", "Status: killed\n", false),
    ("a folder of drafts", "_drafts/b.txt", "Id: urn:x:1\n", false),
    ("no version", "wire/b.md", "---\nid: urn:x:1\nstatus: retracted\ntitle: B\n---\n", false),
    ("a second text", "wire/b.txt", "Id: urn:x:1\n", false),
];

#[test]
fn withholding_version_withholds_item() {
    let newsroom = Newsroom::new();
    let canary = |text: &str| text.contains("Canary.");
    for (name, file, labels, is_withheld) in NOTICES {
        let file = format!("content/{file}");
        newsroom.write("content/wire/a.txt", version("Id: urn:x:1\n", "Canary."));
        let daemon = newsroom.serve();
        assert!(canary(&daemon.body("/rss.xml")), "{name}");
        newsroom.write(&file, version(labels, "Magpie."));
        newsroom.article("news/later.md", "Later", &format!("After {name}."));
        daemon.wait("the next story is there", |daemon| daemon.body("/rss.xml").contains(&format!("After {name}.")));
        // A new folder takes a moment.
        daemon.wait("it is withheld", |daemon| !is_withheld || !canary(&daemon.body("/rss.xml")));
        let is_as_expected = |stage: &str, served: &str, problems: &str| {
            assert_eq!(canary(served), !is_withheld, "{name}, {stage}");
            // Both files are named.
            assert_eq!(problems.contains("id-withheld"), is_withheld, "{name}, {stage}: {problems}");
            let names = [&file, "content/wire/a.txt"].iter().all(|file| problems.contains(*file));
            assert!(names || !is_withheld, "{name}, {stage}: {problems}");
            assert!(!problems.contains("Canary") && !problems.contains("Magpie"), "{name}, {stage}: {problems}");
        };
        let log = || std::fs::read_to_string(newsroom.path("log")).expect("a log");
        is_as_expected("while it runs", &daemon.body("/rss.xml"), &log());
        assert!(daemon.stop());
        let daemon = newsroom.serve();
        is_as_expected("after a restart", &daemon.body("/rss.xml"), &log());
        if file.ends_with("b.md") {
            assert!(log().contains("stays public") && log().contains("content/wire/a.txt"), "{}", log());
        }
        let built = newsroom.build("fresh");
        let feed = std::fs::read_to_string(newsroom.path("fresh/rss.xml")).expect("built");
        is_as_expected("built", &feed, &said(&built));
        let explained = said(&newsroom.dateline(&["explain", "content/wire/a.txt"]));
        assert_eq!(explained.contains("has the same id and withholds it"), is_withheld, "{name}: {explained}");
        // Edits resolve it.
        std::fs::remove_file(newsroom.path(&file)).expect("there");
        daemon.wait("it is back", |daemon| canary(&daemon.body("/rss.xml")));
        daemon.wait("it is resolved", |_| log().matches("id-withheld").count() == 2 * usize::from(is_withheld));
        assert!(daemon.stop());
    }
}

/// An id that `dateline pin` wrote is no agency's, and a copy of a file has it, too.
#[test]
fn pinned_id_is_no_version() {
    let newsroom = Newsroom::new();
    newsroom.write("config/dateline.toml", CONFIG);
    let id = "Id: tag:courier.example,2026:2026-11-02/wire/ships\n";
    newsroom.write("content/wire/a.txt", version(id, "Canary."));
    newsroom.write("content/wire/b.txt", version(&format!("{id}Status: draft\n"), "Another."));
    let built = newsroom.build("fresh");
    let feed = std::fs::read_to_string(newsroom.path("fresh/rss.xml")).expect("built");
    assert!(feed.contains("Canary."), "{}", said(&built));
    assert!(said(&built).contains("stays public"), "{}", said(&built));
}

/// The version that was public withholds the item: another one does not take its place.
#[test]
fn older_version_does_not_replace_killed_one() {
    let newsroom = Newsroom::new();
    newsroom.write("content/wire/a.txt", version("Id: urn:x:1\n", "Canary."));
    newsroom.write("content/wire/b.txt", version("Id: urn:x:1\n", "Another."));
    let daemon = newsroom.serve();
    assert!(daemon.body("/rss.xml").contains("Canary.") && !daemon.body("/rss.xml").contains("Another."));
    for labels in ["Status: killed\n", "Status: draft\n", "Embargo: 2040-01-01\n"] {
        newsroom.write("content/wire/a.txt", version(&format!("Id: urn:x:1\n{labels}"), "Canary."));
        let next = format!("After version {}.", labels.len());
        newsroom.article("news/later.md", "Later", &next);
        daemon.wait("the next story is there", |daemon| daemon.body("/rss.xml").contains(&next));
        let feed = daemon.body("/rss.xml");
        assert!(!feed.contains("Canary.") && !feed.contains("Another."), "{labels}: {feed}");
    }
}
