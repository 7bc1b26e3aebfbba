//! Retractions, mass removals, and configuration changes that take away entries: pages, files and commands.
//!
//! Retractions and their tombstones are tested by `cases/engine/retraction.txt` and `accidents.txt`.

use std::fs;

use serde_json::Value;

use crate::newsroom::{CONFIG, Daemon, Newsroom, files, printed};

const DOCUMENTS: [&str; 9] = [
    "/rss.xml",
    "/atom.xml",
    "/feed.json",
    "/news/rss.xml",
    "/news/atom.xml",
    "/news/feed.json",
    "/news/",
    "/",
    "/feeds.opml",
];
const ID: &str = "tag:courier.example,2026:2026-11-20/news/ships";

fn tombstones(daemon: &Daemon, feed: &str) -> Vec<String> {
    let json: Value = serde_json::from_str(&daemon.body(&format!("{feed}feed.json"))).expect("JSON");
    let deleted = json["_dateline"]["deleted"].as_array().into_iter().flatten();
    deleted
        .map(|deleted| {
            format!("{} {}", deleted["id"].as_str().expect("an id"), deleted["reason"].as_str().unwrap_or("-"))
        })
        .collect()
}

/// Whether no served or written document contains the words.
fn is_nowhere(newsroom: &Newsroom, daemon: &Daemon, words: &str) -> bool {
    let served = DOCUMENTS.iter().any(|path| daemon.body(path).contains(words));
    let feeds = newsroom.path("feeds");
    // At first, documents are written a moment after they are served.
    let is_in = |(_, bytes): (String, Vec<u8>)| String::from_utf8_lossy(&bytes).contains(words);
    !served && feeds.is_dir() && !files(&feeds).into_iter().any(is_in)
}

fn page(daemon: &Daemon) -> String {
    let json: Value = serde_json::from_str(&daemon.body("/feed.json")).expect("JSON");
    let items = json["items"].as_array().expect("items");
    let item = items.iter().find(|item| item["id"] == ID).expect("it is there");
    item["url"].as_str().expect("a URL").replace("http://feeds.courier.example", "")
}

fn newsroom() -> Newsroom {
    let newsroom = Newsroom::new();
    newsroom.article("news/ships.md", "Ships", "The ships are back.");
    newsroom.article("news/other.md", "Other", "Stays.");
    newsroom
}

#[test]
fn deleted_article_returns_under_same_id() {
    let newsroom = newsroom();
    let daemon = newsroom.serve();
    let page = page(&daemon);
    assert_eq!(daemon.get(&page, &[]).status, 200);
    let before = daemon.get("/news/atom.xml", &[]);
    assert!(tombstones(&daemon, "/news/").is_empty());

    fs::remove_file(newsroom.path("content/news/ships.md")).expect("there");
    daemon.wait("it is gone", |daemon| is_nowhere(&newsroom, daemon, "The ships are back"));
    for feed in ["/", "/news/", "/tags/tide/", "/authors/ada%20quay/"] {
        assert_eq!(tombstones(&daemon, feed), [format!("{ID} -")], "{feed}");
    }
    assert!(tombstones(&daemon, "/news/chips/").is_empty(), "it was never there");
    assert_eq!(daemon.body("/news/atom.xml").matches("<at:deleted-entry ").count(), 1, "Atom and JSON say the same");
    let gone = daemon.get(&page, &[]);
    assert_eq!(gone.status, 410);
    assert!(gone.text().contains("retracted") && !gone.text().contains("Ships"), "{}", gone.text());
    let after = daemon.get("/news/atom.xml", &[]);
    let updated = |text: &str| text.split("<updated>").nth(1).expect("a date")[..20].to_owned();
    assert!(updated(&after.text()) > updated(&before.text()), "it moves forward");
    assert_ne!(after.header("etag"), before.header("etag"));

    // The retraction survives a kill.
    drop(daemon);
    let daemon = newsroom.serve();
    assert_eq!(tombstones(&daemon, "/news/"), [format!("{ID} -")]);
    assert_eq!(daemon.get(&page, &[]).status, 410);
    assert_eq!(daemon.body("/news/atom.xml"), after.text());

    newsroom.article("news/ships.md", "Ships again", "The ships are back, again.");
    daemon.wait("it is back", |daemon| daemon.get(&page, &[]).status == 200);
    assert!(tombstones(&daemon, "/news/").is_empty());
    assert!(daemon.body("/news/atom.xml").contains(&format!("<id>{ID}</id>")));
    let history = printed(&newsroom.dateline(&["history", "content/news/ships.md"]));
    for words in ["published as", "retracted, its file was deleted", "public again", "first publication"] {
        assert!(history.contains(words), "`{words}` in {history}");
    }
}

#[test]
fn retract_command_is_immediate_and_lasting() {
    let newsroom = newsroom();
    let daemon = newsroom.serve();
    let page = page(&daemon);
    let retract =
        newsroom.dateline(&["retract", "content/news/ships.md", "--reason", "The photo shows <another> town."]);
    assert_eq!(retract.status.code(), Some(0), "{}", printed(&retract));
    // No wait is needed: the command answers after the publication.
    let served = DOCUMENTS.iter().any(|path| daemon.body(path).contains("The ships are back"));
    assert!(!served);
    assert_eq!(tombstones(&daemon, "/news/"), [format!("{ID} The photo shows <another> town.")]);
    assert!(daemon.get(&page, &[]).text().contains("The photo shows &lt;another&gt; town."));
    daemon.wait("the files follow", |daemon| is_nowhere(&newsroom, daemon, "The ships are back"));

    newsroom.article("news/ships.md", "Ships", "The ships are back, and more.");
    newsroom.article("news/third.md", "Third", "Comes later.");
    daemon.wait("another story is published", |daemon| daemon.body("/rss.xml").contains("Comes later"));
    assert!(is_nowhere(&newsroom, &daemon, "The ships are back"));
    drop(daemon);
    let daemon = newsroom.serve();
    assert!(is_nowhere(&newsroom, &daemon, "The ships are back"));
    assert_eq!(daemon.get(&page, &[]).status, 410);

    let again = newsroom.dateline(&["retract", ID, "--reason", "The photo shows <another> town."]);
    assert!(again.status.code() == Some(2) && printed(&again).contains("already"), "{}", printed(&again));
    let unknown = newsroom.dateline(&["retract", "content/news/nothing.md"]);
    assert!(unknown.status.code() == Some(2) && printed(&unknown).contains("no article"), "{}", printed(&unknown));

    let restore = newsroom.dateline(&["restore", ID]);
    assert_eq!(restore.status.code(), Some(0), "{}", printed(&restore));
    daemon.wait("it is back", |daemon| daemon.body("/news/rss.xml").contains("and more"));
    assert!(tombstones(&daemon, "/").is_empty());
    assert_eq!(daemon.get(&page, &[]).status, 200);
    assert!(daemon.body("/rss.xml").contains(&format!(">{ID}<")));
}

#[test]
fn commands_work_without_daemon() {
    let newsroom = newsroom();
    assert_eq!(newsroom.dateline(&["build"]).status.code(), Some(0));
    let written = |words: &str| {
        files(&newsroom.path("feeds")).values().any(|bytes| String::from_utf8_lossy(bytes).contains(words))
    };
    assert!(written("The ships are back"));
    let retract = newsroom.dateline(&["retract", "news/ships.md"]);
    assert_eq!(retract.status.code(), Some(0), "{}", printed(&retract));
    assert!(!written("The ships are back") && written("Story retracted"));
    assert_eq!(newsroom.dateline(&["build"]).status.code(), Some(0));
    assert!(!written("The ships are back"));
    assert_eq!(newsroom.dateline(&["restore", "news/ships.md"]).status.code(), Some(0));
    assert!(written("The ships are back") && !written("Story retracted"));
    assert_eq!(newsroom.dateline(&["accept-removals"]).status.code(), Some(2));
    assert_eq!(newsroom.dateline(&["reload"]).status.code(), Some(2));
}

#[test]
fn retracted_articles_do_not_count_as_removals() {
    let newsroom = Newsroom::new();
    let names = ["a", "b", "c"];
    let file = |name: &str| newsroom.path(&format!("content/news/{name}.md"));
    names.iter().for_each(|name| newsroom.article(&format!("news/{name}.md"), &format!("Story {name}."), "Body."));
    let mut daemon = newsroom.serve();
    let command = |words: &[&str]| {
        let output = newsroom.dateline(words);
        assert!(output.status.success(), "{}", printed(&output));
    };
    let ready = |daemon: &Daemon| daemon.body("/readyz");
    let has = |daemon: &Daemon, name: &str| daemon.body("/news/feed.json").contains(&format!("Story {name}."));
    command(&["retract", "news/c.md"]);
    names.iter().for_each(|name| fs::rename(file(name), newsroom.path(name)).expect("movable"));
    daemon.wait("two are held", |daemon| ready(daemon).contains("2 articles vanished at once"));
    command(&["retract", "news/a.md"]);
    let one = "1 of the articles that vanished at once is still missing, `news/b.md`; its feeds stay as they are";
    assert!(ready(&daemon).contains(one), "{}", ready(&daemon));
    command(&["restore", "news/a.md"]);
    daemon.wait("it is back", |daemon| has(daemon, "a"));
    assert!(ready(&daemon).contains("2 articles vanished at once"), "{}", ready(&daemon));
    command(&["retract", "news/a.md"]);
    command(&["retract", "news/b.md"]);
    for after in ["retractions", "a restart"] {
        assert!(!ready(&daemon).contains("mass-removal"), "after {after}: {}", ready(&daemon));
        assert_eq!(newsroom.dateline(&["accept-removals"]).status.code(), Some(2), "after {after}");
        drop(daemon);
        daemon = newsroom.serve();
    }
    names.iter().for_each(|name| fs::rename(newsroom.path(name), file(name)).expect("movable"));
    newsroom.article("news/d.md", "Story d.", "Body.");
    daemon.wait("the files are there", |daemon| has(daemon, "d"));
    command(&["restore", "news/a.md"]);
    daemon.wait("one is back", |daemon| has(daemon, "a"));
    assert!(!has(&daemon, "b") && !has(&daemon, "c"));
}

/// The files disappear one after another, but none counts as deleted before the last one is missing.
#[test]
fn vanished_folder_is_one_mass_removal() {
    const FILES: usize = 600;
    for mode in ["events", "poll"] {
        let newsroom = Newsroom::new();
        let config = CONFIG.replace("removal_grace", &format!("watch = \"{mode}\"\nremoval_grace"));
        newsroom.write("config/dateline.toml", format!("{config}\n[content.mass_removal]\nleast = {FILES}\n"));
        for n in 0..FILES {
            let text = format!("---\ntitle: Story {n}.\ndate: 2026-11-20 10:00:00.{:03}Z\n---\n\nBody.\n", FILES - n);
            newsroom.write(&format!("content/news/{}/story-{n:03}.md", n % 3), text);
        }
        newsroom.article("sport/stays.md", "Stays", "So that the directory is not empty.");
        let daemon = newsroom.serve();
        let before = DOCUMENTS.map(|path| daemon.body(path));
        fs::rename(newsroom.path("content/news"), newsroom.path("elsewhere")).expect("movable");
        daemon.wait("the alarm is raised", |daemon| daemon.body("/readyz").contains("mass-removal"));
        assert!(before == DOCUMENTS.map(|path| daemon.body(path)), "{mode}");
    }
}

#[test]
fn harmful_reload_needs_force() {
    let newsroom = newsroom();
    let careful = CONFIG.replace("allow = [\"ids\", \"empty\", \"shrink\"]", "");
    newsroom.write("config/dateline.toml", &careful);
    let daemon = newsroom.serve();
    let before = daemon.get("/news/atom.xml", &[]);
    let log = || fs::read_to_string(newsroom.path("log")).unwrap_or_default();

    newsroom
        .write("config/dateline.toml", careful.replace("path = \"news\"", "path = \"news\"\ninclude = [\"nothing\"]"));
    daemon.wait("it is refused", |_| log().contains("it would take all entries out of `/news/`"));
    assert_eq!(daemon.get("/news/atom.xml", &[]).body, before.body);
    newsroom.write("config/dateline.toml", careful.replace("courier.example,2026", "courier.example,2027"));
    daemon.wait("it is refused too", |_| log().contains("it would give other ids to the feed `/`"));
    assert_eq!(daemon.get("/news/atom.xml", &[]).body, before.body);
    let reload = newsroom.dateline(&["reload"]);
    assert!(reload.status.code() == Some(2) && printed(&reload).contains("--force"), "{}", printed(&reload));
    let reload = newsroom.dateline(&["reload", "--force"]);
    assert!(reload.status.success(), "{}", printed(&reload));
    assert!(daemon.body("/news/atom.xml").contains("tag:courier.example,2027:feed/news"));
    assert!(daemon.body("/news/atom.xml").contains(&format!("<id>{ID}</id>")), "articles keep their ids");
}

#[test]
fn renamed_and_ended_sections_answer_old_addresses() {
    let newsroom = newsroom();
    let careful = CONFIG.replace("allow = [\"ids\", \"empty\", \"shrink\"]", "");
    newsroom.write("config/dateline.toml", &careful);
    let daemon = newsroom.serve();
    let renamed = careful.replace("path = \"news\"", "path = \"current\"");
    newsroom.write("config/dateline.toml", format!("{renamed}\n[[moved]]\nfrom = \"/news/\"\nto = \"/current/\"\n"));
    daemon.wait("it is elsewhere", |daemon| daemon.get("/news/atom.xml?x", &[]).status == 301);
    fs::rename(newsroom.path("content/news"), newsroom.path("content/current")).expect("renamed");
    let moved = daemon.get("/news/atom.xml?x", &[]);
    assert_eq!(moved.header("location"), Some("http://feeds.courier.example/current/atom.xml?x"));
    daemon.wait("it is there", |daemon| daemon.body("/current/atom.xml").contains(&format!("<id>{ID}</id>")));

    let gone = "\n[[gone]]\npath = \"/news/\"\nreason = \"Nobody read it.\"\n";
    newsroom.write("config/dateline.toml", format!("{renamed}{gone}"));
    daemon.wait("it has ended", |daemon| daemon.get("/news/rss.xml", &[]).status == 410);
    for name in ["rss.xml", "atom.xml", "feed.json"] {
        let ended = daemon.get(&format!("/news/{name}"), &[]);
        assert_eq!(ended.status, 410, "{name}");
        let feed = feed_rs::parser::parse(&ended.body[..]).expect("a feed that others read");
        assert!(feed.entries.is_empty(), "{name}");
        assert!(feed.description.is_some_and(|text| text.content.contains("Nobody read it.")), "{name}");
    }
    assert!(daemon.get("/news/", &[]).text().contains("Nobody read it."));
}

#[test]
fn check_lists_what_only_state_knows() {
    let newsroom = newsroom();
    newsroom.write("content/news/undated.md", "# Undated\n\nText.\n");
    assert_eq!(newsroom.dateline(&["build"]).status.code(), Some(0));
    let listed = |name: &str| printed(&newsroom.dateline(&["check"])).lines().any(|line| line.trim() == name);
    assert!(listed("date  news/undated.md") && !listed("id    news/ships.md"));
    fs::rename(newsroom.path("content/news/ships.md"), newsroom.path("content/news/boats.md")).expect("movable");
    assert!(listed("id    news/boats.md"), "{}", printed(&newsroom.dateline(&["check"])));
    // Without the state, ids that are in files or follow from them stay.
    assert_eq!(newsroom.dateline(&["build"]).status.code(), Some(0));
    assert!(newsroom.dateline(&["pin"]).status.success());
    let before = files(&newsroom.path("feeds"));
    fs::remove_dir_all(newsroom.path(".dateline")).expect("there");
    newsroom.write("content/news/undated.md", "---\ndraft: true\n---\n# Undated\n\nText.\n");
    assert_eq!(newsroom.dateline(&["build"]).status.code(), Some(0));
    let after = String::from_utf8(files(&newsroom.path("feeds"))["news/rss.xml"].clone()).expect("UTF-8");
    assert!(String::from_utf8_lossy(&before["news/rss.xml"]).contains(&format!(">{ID}<")));
    assert!(after.contains(&format!(">{ID}<")), "{after}");
}
