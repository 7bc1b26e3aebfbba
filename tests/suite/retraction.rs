//! What is taken from readers is gone everywhere at once, they are told, and only that is taken which somebody meant to take.

use std::fs;

use serde_json::Value;

use crate::convergence::differences;
use crate::newsroom::{CONFIG, Daemon, Newsroom, article, files, said};

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
    let told: Vec<String> = json["_dateline"]["deleted"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|deleted| {
            format!("{} {}", deleted["id"].as_str().expect("an id"), deleted["reason"].as_str().unwrap_or("-"))
        })
        .collect();
    told
}

/// No document that is served or written has the words.
fn is_nowhere(newsroom: &Newsroom, daemon: &Daemon, words: &str) -> bool {
    let served = DOCUMENTS.iter().any(|path| daemon.body(path).contains(words));
    let feeds = newsroom.path("feeds");
    // They are written a moment after they are served for the first time.
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
fn a_deleted_article_is_gone_everywhere_and_comes_back_under_its_id() {
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

    // Killed and started again: nothing is forgotten.
    drop(daemon);
    let daemon = newsroom.serve();
    assert_eq!(tombstones(&daemon, "/news/"), [format!("{ID} -")]);
    assert_eq!(daemon.get(&page, &[]).status, 410);
    assert_eq!(daemon.body("/news/atom.xml"), after.text());

    newsroom.article("news/ships.md", "Ships again", "The ships are back, again.");
    daemon.wait("it is back", |daemon| daemon.get(&page, &[]).status == 200);
    assert!(tombstones(&daemon, "/news/").is_empty());
    assert!(daemon.body("/news/atom.xml").contains(&format!("<id>{ID}</id>")));
    let history = said(&newsroom.dateline(&["history", "content/news/ships.md"]));
    for words in ["published as", "retracted, its file was deleted", "public again", "first publication"] {
        assert!(history.contains(words), "`{words}` in {history}");
    }
}

#[test]
fn a_retraction_by_command_is_immediate_and_holds_whatever_the_file_says() {
    let newsroom = newsroom();
    let daemon = newsroom.serve();
    let page = page(&daemon);
    let retract =
        newsroom.dateline(&["retract", "content/news/ships.md", "--reason", "The photo shows <another> town."]);
    assert_eq!(retract.status.code(), Some(0), "{}", said(&retract));
    // Not waited for: the answer comes when it is so.
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
    assert!(again.status.code() == Some(2) && said(&again).contains("already"), "{}", said(&again));
    let unknown = newsroom.dateline(&["retract", "content/news/nothing.md"]);
    assert!(unknown.status.code() == Some(2) && said(&unknown).contains("no article"), "{}", said(&unknown));

    let restore = newsroom.dateline(&["restore", ID]);
    assert_eq!(restore.status.code(), Some(0), "{}", said(&restore));
    daemon.wait("it is back", |daemon| daemon.body("/news/rss.xml").contains("and more"));
    assert!(tombstones(&daemon, "/").is_empty());
    assert_eq!(daemon.get(&page, &[]).status, 200);
    assert!(daemon.body("/rss.xml").contains(&format!(">{ID}<")));
}

#[test]
fn without_a_daemon_commands_change_state_and_files() {
    let newsroom = newsroom();
    assert_eq!(newsroom.dateline(&["build"]).status.code(), Some(0));
    let written = |words: &str| {
        files(&newsroom.path("feeds")).values().any(|bytes| String::from_utf8_lossy(bytes).contains(words))
    };
    assert!(written("The ships are back"));
    let retract = newsroom.dateline(&["retract", "news/ships.md"]);
    assert_eq!(retract.status.code(), Some(0), "{}", said(&retract));
    assert!(!written("The ships are back") && written("at:deleted-entry"));
    assert_eq!(newsroom.dateline(&["build"]).status.code(), Some(0));
    assert!(!written("The ships are back"));
    assert_eq!(newsroom.dateline(&["restore", "news/ships.md"]).status.code(), Some(0));
    assert!(written("The ships are back") && !written("at:deleted-entry"));
    assert_eq!(newsroom.dateline(&["accept-removals"]).status.code(), Some(2));
    assert_eq!(newsroom.dateline(&["reload"]).status.code(), Some(2));
}

#[test]
fn ageing_moving_and_being_unreadable_are_no_retractions() {
    let newsroom = Newsroom::new();
    newsroom.write("config/dateline.toml", format!("{CONFIG}\n[feeds]\nmax_items = 2\nmin_residency = \"0s\"\n"));
    newsroom.article("news/ships.md", "Ships", "The ships are back.");
    let daemon = newsroom.serve();
    let page = page(&daemon);
    for day in 21..24 {
        let text = article(&format!("Day {day}"), "Newer.").replace("2026-11-20", &format!("2026-11-{day}"));
        newsroom.write(&format!("content/news/day-{day}.md"), text);
    }
    daemon.wait("it has left the window", |daemon| !daemon.body("/news/rss.xml").contains("The ships are back"));
    assert_eq!(daemon.get(&page, &[]).status, 200);

    // What is deleted after it aged out is a retraction all the same: readers may have it.
    newsroom.article("news/boats.md", "Boats", "Out of all windows from the start.");
    daemon.wait("it has a page", |_| {
        said(&newsroom.dateline(&["history", "content/news/boats.md"])).contains("published as")
    });
    fs::remove_file(newsroom.path("content/news/boats.md")).expect("there");
    daemon.wait("it is retracted", |daemon| tombstones(daemon, "/news/").len() == 1);
    newsroom.article("news/boats.md", "Boats", "Out of all windows from the start.");
    daemon.wait("it is back", |daemon| tombstones(daemon, "/news/").is_empty());

    fs::create_dir_all(newsroom.path("content/sport")).expect("writable");
    fs::rename(newsroom.path("content/news/day-23.md"), newsroom.path("content/sport/last.md")).expect("movable");
    daemon.wait("it is in its new section", |daemon| !daemon.body("/news/rss.xml").contains("Day 23"));
    newsroom.write("content/news/day-22.md", "---\ntitle: [\n---\n");
    daemon.wait("the broken edit is reported", |_| {
        fs::read_to_string(newsroom.path("log")).is_ok_and(|log| log.contains("front-matter"))
    });
    // With so short a grace the old path may be missed before the new one is seen.
    daemon
        .wait("nothing is retracted", |daemon| ["/", "/news/"].iter().all(|feed| tombstones(daemon, feed).is_empty()));
    assert!(daemon.body("/rss.xml").contains("Day 23"));
    assert!(daemon.body("/news/rss.xml").contains("Day 22"));

    // A refused edit outlives a restart, and so does a file that cannot be read.
    drop(daemon);
    let daemon = newsroom.serve();
    assert!(daemon.body("/news/rss.xml").contains("Day 22"));
    assert!(tombstones(&daemon, "/").is_empty());
}

#[test]
fn a_mass_of_files_that_vanish_is_an_accident_until_somebody_says_otherwise() {
    let newsroom = Newsroom::new();
    for n in 0..30 {
        newsroom.article(&format!("news/{}/story-{n}.md", n % 2), &format!("Story {n}."), "Body.");
    }
    let daemon = newsroom.serve();
    let before = daemon.get("/news/rss.xml", &[]);
    let alarm = |daemon: &Daemon| daemon.body("/readyz").contains("mass-removal");
    fs::rename(newsroom.path("content/news/1"), newsroom.path("elsewhere")).expect("movable");
    daemon.wait("the alarm is raised", alarm);
    assert_eq!(daemon.get("/news/rss.xml", &[]).body, before.body);
    assert_eq!(daemon.get("/readyz", &[]).status, 200);
    let log = || fs::read_to_string(newsroom.path("log")).unwrap_or_default();
    assert!(log().contains("15 articles vanished at once"), "{}", log());

    // The same after a crash.
    drop(daemon);
    let daemon = newsroom.serve();
    assert!(alarm(&daemon));
    assert_eq!(daemon.get("/news/rss.xml", &[]).body, before.body);

    // The files' return resolves it.
    fs::rename(newsroom.path("elsewhere"), newsroom.path("content/news/1")).expect("movable");
    daemon.wait("the alarm is over", |daemon| !alarm(daemon));
    assert_eq!(daemon.get("/news/rss.xml", &[]).body, before.body);

    // So does a word.
    fs::rename(newsroom.path("content/news/1"), newsroom.path("elsewhere")).expect("movable");
    daemon.wait("the alarm is raised again", alarm);
    let accept = newsroom.dateline(&["accept-removals"]);
    assert!(accept.status.success() && said(&accept).contains("15 articles"), "{}", said(&accept));
    assert!(!alarm(&daemon));
    assert_eq!(daemon.body("/news/rss.xml").matches("<item>").count(), 15);
    assert_eq!(tombstones(&daemon, "/news/").len(), 15);

    // A few are no mass, a folder that moved is none, and an emptied directory is one.
    for n in [0, 2, 4] {
        fs::remove_file(newsroom.path(&format!("content/news/0/story-{n}.md"))).expect("there");
    }
    daemon.wait("they are deleted", |daemon| daemon.body("/news/rss.xml").matches("<item>").count() == 12);
    fs::rename(newsroom.path("content/news/0"), newsroom.path("content/sport")).expect("movable");
    daemon.wait("they moved", |daemon| daemon.body("/news/rss.xml").matches("<item>").count() == 0);
    assert_eq!(daemon.body("/rss.xml").matches("<item>").count(), 12);
    assert!(!alarm(&daemon));
    fs::rename(newsroom.path("content/sport"), newsroom.path("elsewhere-too")).expect("movable");
    fs::remove_dir_all(newsroom.path("content/news")).unwrap_or_default();
    daemon.wait("the alarm is raised for an empty directory", alarm);
    // What was deleted within ten seconds before is taken for a part of the accident.
    assert_eq!(daemon.body("/rss.xml").matches("<item>").count(), 15);
}

#[test]
fn retracted_articles_are_no_part_of_mass_removals() {
    let newsroom = Newsroom::new();
    let names = ["a", "b", "c"];
    let file = |name: &str| newsroom.path(&format!("content/news/{name}.md"));
    names.iter().for_each(|name| newsroom.article(&format!("news/{name}.md"), &format!("Story {name}."), "Body."));
    let mut daemon = newsroom.serve();
    let command = |words: &[&str]| {
        let output = newsroom.dateline(words);
        assert!(output.status.success(), "{}", said(&output));
    };
    let ready = |daemon: &Daemon| daemon.body("/readyz");
    let has = |daemon: &Daemon, name: &str| daemon.body("/news/feed.json").contains(&format!("Story {name}."));
    command(&["retract", "news/c.md"]);
    names.iter().for_each(|name| fs::rename(file(name), newsroom.path(name)).expect("movable"));
    daemon.wait("two are held", |daemon| ready(daemon).contains("2 articles vanished at once"));
    command(&["retract", "news/a.md"]);
    let one = "1 article is still missing of those that vanished at once, `news/b.md`; its feeds stay as they are";
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

/// The files of a folder are gone one after the other, but none of them may be taken for a deletion before the last is missed.
#[test]
fn a_folder_that_vanishes_is_missed_as_a_whole() {
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

/// Of the files that are lost only those that readers see are kept. The others do not come into a feed, neither now nor after a
/// restart; readers who saw them once are told when they turn out to be deleted.
#[test]
fn what_is_lost_and_nowhere_kept_comes_into_no_feed() {
    let newsroom = Newsroom::new();
    let short = "\n[feeds]\ncontent = \"summary\"\nmax_items = 5\n";
    newsroom.write("config/dateline.toml", format!("{CONFIG}{short}"));
    for n in 0..40 {
        let text = format!("---\ntitle: Story {n}.\ndate: 2026-11-20 10:{n}\nsummary: Told by {n}.\n---\n\nBody.\n");
        newsroom.write(&format!("content/news/{}/story-{n}.md", n % 2), text);
    }
    let daemon = newsroom.serve();
    let before = daemon.get("/news/rss.xml", &[]).body;
    let log = || fs::read_to_string(newsroom.path("log")).unwrap_or_default();
    let alarms = || log().lines().filter(|line| line.contains("ERROR") && line.contains("mass-removal")).count();
    fs::rename(newsroom.path("content/news/1"), newsroom.path("elsewhere")).expect("movable");
    daemon.wait("the alarm is raised", |daemon| daemon.body("/readyz").contains("mass-removal"));
    assert_eq!(daemon.get("/news/rss.xml", &[]).body, before);
    let lost = |path: &str| said(&newsroom.dateline(&["history", path])).contains("vanished");
    daemon.wait("all are lost", |_| (0..20).all(|n| lost(&format!("news/1/story-{}.md", 2 * n + 1))));
    // Whatever else vanishes now is lost, too, and the log is not filled with it.
    let told = alarms();
    for n in 0..4 {
        let path = format!("news/0/story-{}.md", 2 * n);
        fs::remove_file(newsroom.path(&format!("content/{path}"))).expect("there");
        daemon.wait("it is lost", |_| lost(&path));
    }
    assert!(daemon.body("/readyz").contains("more than "));
    assert!(alarms() <= told + 1, "{} alarms after {told}", alarms());
    let same = |daemon: &Daemon| {
        assert_ne!(newsroom.build("fresh").status.code(), Some(1));
        let fresh = files(&newsroom.path("fresh"));
        differences(daemon, &fresh).is_empty()
    };
    for n in [39, 38, 36] {
        let retract = newsroom.dateline(&["retract", &format!("news/{}/story-{n}.md", n % 2)]);
        assert_eq!(retract.status.code(), Some(0), "{}", said(&retract));
    }
    daemon.wait("it is what a fresh build makes", same);
    let feed = daemon.body("/news/rss.xml");
    assert!(feed.contains("Told by 37.") && feed.contains("Told by 34.") && !feed.contains("Told by 33."), "{feed}");

    // A file that comes back is what it was.
    fs::copy(newsroom.path("elsewhere/story-33.md"), newsroom.path("content/news/1-33.md")).expect("copied");
    daemon.wait("it is back", |daemon| daemon.body("/news/rss.xml").contains("Told by 33."));
    let accept = newsroom.dateline(&["accept-removals"]);
    assert_eq!(accept.status.code(), Some(0), "{}", said(&accept));
    daemon.wait("who had one is told", |daemon| {
        let told = tombstones(daemon, "/news/");
        told.iter().any(|told| told.contains("story-31 ")) && !told.iter().any(|told| told.contains("story-33 "))
    });
}

#[test]
fn a_reload_that_would_hurt_readers_is_refused_until_it_is_forced() {
    let newsroom = newsroom();
    let careful = CONFIG.replace("allow = [\"ids\", \"empty\", \"shrink\"]", "");
    newsroom.write("config/dateline.toml", &careful);
    let daemon = newsroom.serve();
    let before = daemon.get("/news/atom.xml", &[]);
    let log = || fs::read_to_string(newsroom.path("log")).unwrap_or_default();

    newsroom
        .write("config/dateline.toml", careful.replace("path = \"news\"", "path = \"news\"\ninclude = [\"nothing\"]"));
    daemon.wait("it is refused", |_| log().contains("it takes away all entries of `/news/`"));
    assert_eq!(daemon.get("/news/atom.xml", &[]).body, before.body);
    newsroom.write("config/dateline.toml", careful.replace("courier.example,2026", "courier.example,2027"));
    daemon.wait("it is refused too", |_| log().contains("it gives other ids to the feed `/`"));
    assert_eq!(daemon.get("/news/atom.xml", &[]).body, before.body);
    let reload = newsroom.dateline(&["reload"]);
    assert!(reload.status.code() == Some(2) && said(&reload).contains("--force"), "{}", said(&reload));
    let reload = newsroom.dateline(&["reload", "--force"]);
    assert!(reload.status.success(), "{}", said(&reload));
    assert!(daemon.body("/news/atom.xml").contains("tag:courier.example,2027:feed/news"));
    assert!(daemon.body("/news/atom.xml").contains(&format!("<id>{ID}</id>")), "articles keep their ids");
}

#[test]
fn a_renamed_section_loses_no_subscriber_and_one_that_ended_says_so() {
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
        assert!(feed.description.is_some_and(|said| said.content.contains("Nobody read it.")), "{name}");
    }
    assert!(daemon.get("/news/", &[]).text().contains("Nobody read it."));
}

#[test]
fn a_file_that_says_so_is_retracted_and_what_is_withheld_is_not() {
    let newsroom = newsroom();
    let ships = |keys: &str| format!("---\ntitle: Ships\ndate: 2026-11-20 10:00\n{keys}\n---\n\nThe ships are back.\n");
    let daemon = newsroom.serve();
    let page = page(&daemon);
    newsroom.write("content/news/ships.md", "---\nstatus: retracted\nreason: It was another harbour.\n---\n");
    daemon.wait("it is gone", |daemon| is_nowhere(&newsroom, daemon, "The ships are back"));
    assert_eq!(tombstones(&daemon, "/news/"), [format!("{ID} It was another harbour.")]);
    assert!(daemon.get(&page, &[]).text().contains("It was another harbour."));
    // Deleting the file changes nothing any more, nor does a second file with its id.
    newsroom.write("content/news/claim.md", ships(&format!("id: {ID}")).replace("Ships", "Claim"));
    daemon.wait("the claimant is refused", |_| said(&newsroom.dateline(&["check"])).contains("id-taken"));
    newsroom.write("content/news/claim.md", ships("draft: true"));
    drop(daemon);
    let daemon = newsroom.serve();
    assert_eq!(tombstones(&daemon, "/"), [format!("{ID} It was another harbour.")]);
    let restore = newsroom.dateline(&["restore", "content/news/ships.md"]);
    assert!(restore.status.code() == Some(2) && said(&restore).contains("status"), "{}", said(&restore));
    newsroom.write("content/news/ships.md", ships("status: published"));
    daemon.wait("it is back", |daemon| daemon.body("/news/rss.xml").contains("The ships are back"));
    assert!(tombstones(&daemon, "/").is_empty());
    assert!(daemon.body("/news/rss.xml").contains(&format!(">{ID}<")));

    // An embargo that cannot be read, a draft and a date in the future withhold it without a word, also over a restart.
    for (what, keys) in
        [("an unreadable embargo", "embargo: soon"), ("a draft", "draft: true"), ("an embargo", "embargo: 2999-01-01")]
    {
        newsroom.write("content/news/ships.md", ships(keys));
        daemon.wait(what, |daemon| is_nowhere(&newsroom, daemon, "The ships are back"));
        assert!(tombstones(&daemon, "/news/").is_empty(), "{what}");
        let second = Newsroom::new();
        second.write(".dateline/lock", "");
        let backup = newsroom.dateline(&["backup", second.path(".dateline/ledger.sqlite").to_str().expect("UTF-8")]);
        assert!(backup.status.success(), "{}", said(&backup));
        for folder in ["content", "config"] {
            for (name, bytes) in files(&newsroom.path(folder)) {
                second.write(&format!("{folder}/{name}"), bytes);
            }
        }
        assert!(second.build("out").status.code().is_some_and(|code| code != 1));
        let built = files(&second.path("out"));
        assert!(
            built.len() > 5 && !built.values().any(|bytes| String::from_utf8_lossy(bytes).contains("are back")),
            "{what}"
        );
        newsroom.write("content/news/ships.md", ships(""));
        daemon.wait("it is public again", |daemon| daemon.body("/news/rss.xml").contains("The ships are back"));
        assert!(daemon.body("/news/rss.xml").contains(&format!(">{ID}<")));
    }
}

#[test]
fn what_only_the_state_remembers_is_listed() {
    let newsroom = newsroom();
    newsroom.write("content/news/undated.md", "# Undated\n\nText.\n");
    assert_eq!(newsroom.dateline(&["build"]).status.code(), Some(0));
    let listed = |name: &str| said(&newsroom.dateline(&["check"])).lines().any(|line| line.trim() == name);
    assert!(listed("date  news/undated.md") && !listed("id    news/ships.md"));
    fs::rename(newsroom.path("content/news/ships.md"), newsroom.path("content/news/boats.md")).expect("movable");
    assert!(listed("id    news/boats.md"), "{}", said(&newsroom.dateline(&["check"])));
    // The state is lost: what is explicit, or follows from the file, stays.
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
