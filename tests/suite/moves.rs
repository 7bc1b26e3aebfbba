//! Files that are moved, overwritten, copied, lost and found, while the daemon runs and while it does not: each story keeps its id,
//! readers get it once, and nothing is retracted that nobody meant to retract. Most of these were found by a review.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;

use dateline::daemon::load;
use dateline::engine::Engine;
use dateline::event::{BodyRequest, Effect, Event, FetchedBody, FileState, ListedDirectory, Listing, ParsedFile};
use dateline::types::ArticlePath;
use jiff::Timestamp;
use serde_json::Value;

use crate::newsroom::{CONFIG, Daemon, Newsroom, article};

/// Ids by title, as the root feed has them.
fn ids(daemon: &Daemon) -> BTreeMap<String, String> {
    let feed: Value = serde_json::from_str(&daemon.body("/feed.json")).expect("JSON");
    let text = |item: &Value, key: &str| item[key].as_str().expect("text").to_owned();
    feed["items"].as_array().expect("items").iter().map(|item| (text(item, "title"), text(item, "id"))).collect()
}

fn deleted(daemon: &Daemon) -> Vec<String> {
    let feed: Value = serde_json::from_str(&daemon.body("/feed.json")).expect("JSON");
    let deleted = feed["_dateline"]["deleted"].as_array().cloned().unwrap_or_default();
    deleted.iter().map(|deleted| deleted["id"].as_str().expect("an id").to_owned()).collect()
}

fn mv(newsroom: &Newsroom, from: &str, to: &str) {
    let to = newsroom.path(&format!("content/{to}"));
    fs::create_dir_all(to.parent().expect("below content")).expect("writable");
    fs::rename(newsroom.path(&format!("content/{from}")), to).expect("movable");
}

fn rm(newsroom: &Newsroom, name: &str) {
    fs::remove_file(newsroom.path(&format!("content/{name}"))).expect("there");
}

/// Waits until a story that is saved now is public: what was saved before has been seen by then.
fn mark(newsroom: &Newsroom, daemon: &Daemon, name: &str) {
    newsroom.article(&format!("marks/{name}.md"), name, "A mark.");
    daemon.wait(name, |daemon| ids(daemon).contains_key(name));
}

fn with_id(title: &str, id: &str) -> String {
    format!("---\ntitle: {title}\ndate: 2026-11-20 10:00\nid: tag:x.example,2026:{id}\n---\n\nText of {title}.\n")
}

fn said(output: &std::process::Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

const A: &str = "tag:courier.example,2026:2026-11-20/news/a";
const B: &str = "tag:courier.example,2026:2026-11-20/news/b";

fn two() -> Newsroom {
    let newsroom = Newsroom::new();
    newsroom.article("news/a.md", "Story A", "Text of A.");
    newsroom.article("news/b.md", "Story B", "Text of B.");
    newsroom
}

/// What a scan finds has to stay as it is for longer than what is gone has to stay gone.
#[test]
fn file_that_a_scan_finds_at_another_place_was_moved() {
    let newsroom = Newsroom::new();
    let keys = "watch = \"poll\"\nsettle = \"1s\"\nremoval_grace";
    newsroom.write("config/dateline.toml", CONFIG.replace("removal_grace", keys));
    newsroom.article("news/a.md", "Story A", "Text of A.");
    newsroom.article("news/b.md", "Story B", "Text of B.");
    let daemon = newsroom.serve();
    let before = ids(&daemon);
    mv(&newsroom, "news/a.md", "reports/a.md");
    daemon.wait("it is at its new place", |daemon| {
        assert_eq!((ids(daemon), deleted(daemon)), (before.clone(), Vec::new()), "it never goes");
        !daemon.body("/news/rss.xml").contains("Story A")
    });
    assert_eq!((ids(&daemon), deleted(&daemon)), (before, Vec::new()));
}

#[test]
fn there_and_back_again_changes_nothing() {
    let newsroom = two();
    let daemon = newsroom.serve();
    let before = ids(&daemon);
    mv(&newsroom, "news/a.md", "news/z.md");
    daemon.wait("it is at its new place", |daemon| daemon.body("/rss.xml").contains("/articles/z-"));
    mv(&newsroom, "news/z.md", "news/a.md");
    daemon.wait("it is back", |daemon| daemon.body("/rss.xml").contains("/articles/a-"));
    mv(&newsroom, "news", "reports");
    mv(&newsroom, "reports", "news");
    mark(&newsroom, &daemon, "First mark");
    // Longer than any grace: what was to be deleted by mistake would be now.
    rm(&newsroom, "marks/First mark.md");
    daemon.wait("a deletion is through", |daemon| !ids(daemon).contains_key("First mark"));
    daemon.wait("all is as before", |daemon| ids(daemon) == before);
    assert_eq!(deleted(&daemon).len(), 1, "only the mark: {:?}", deleted(&daemon));
}

#[test]
fn a_new_story_at_an_old_path_is_a_story_of_its_own() {
    let newsroom = Newsroom::new();
    for n in 0..20 {
        newsroom.article(&format!("news/a{n}.md"), &format!("Old {n}"), &format!("Text {n}."));
    }
    let daemon = newsroom.serve();
    let before = ids(&daemon);
    for n in 0..20 {
        mv(&newsroom, &format!("news/a{n}.md"), &format!("news/z{n}.md"));
        newsroom.article(&format!("news/a{n}.md"), &format!("New {n}"), &format!("Other text {n}."));
    }
    daemon.wait("all are public", |daemon| ids(daemon).len() == 40);
    let after = ids(&daemon);
    for (title, id) in &before {
        assert_eq!(after.get(title), Some(id), "{title}");
    }
    let distinct: std::collections::BTreeSet<&String> = after.values().collect();
    assert_eq!(distinct.len(), 40);
}

#[test]
fn what_cannot_be_read_at_the_start_is_not_deleted() {
    let newsroom = two();
    newsroom.article("sport/c.md", "Story C", "Text of C.");
    drop(newsroom.serve());
    // A folder that is a link is not followed, so that nobody knows what is in it.
    mv(&newsroom, "sport", "../elsewhere");
    std::os::unix::fs::symlink("../elsewhere", newsroom.path("content/sport")).expect("linked");
    let daemon = newsroom.serve();
    assert!(ids(&daemon).contains_key("Story C") && deleted(&daemon).is_empty(), "{:?}", ids(&daemon));
    fs::remove_file(newsroom.path("content/sport")).expect("a link");
    mv(&newsroom, "../elsewhere", "sport");
    mark(&newsroom, &daemon, "Mark");
    assert!(ids(&daemon).contains_key("Story C") && deleted(&daemon).is_empty());
    drop(daemon);

    // Nothing is in the content directory, as where a disk is not mounted.
    mv(&newsroom, "", "../away");
    fs::create_dir_all(newsroom.path("content")).expect("writable");
    let daemon = newsroom.serve();
    assert_eq!(ids(&daemon).len(), 4);
    assert!(deleted(&daemon).is_empty() && daemon.body("/readyz").contains("mass-removal"));
    fs::remove_dir(newsroom.path("content")).expect("empty");
    fs::rename(newsroom.path("away"), newsroom.path("content")).expect("movable");
    newsroom.article("news/d.md", "Story D", "Text of D.");
    drop(daemon);
    let daemon = newsroom.serve();
    assert!(ids(&daemon).len() == 5 && deleted(&daemon).is_empty());
    assert!(!daemon.body("/readyz").contains("mass-removal"));
}

#[test]
fn an_alarm_outlives_a_restart_whatever_came_back_meanwhile() {
    let newsroom = Newsroom::new();
    for n in 0..14 {
        newsroom.article(&format!("news/{n}.md"), &format!("Story {n}."), &format!("Text {n}."));
    }
    newsroom.article("other.md", "Other", "Stays.");
    let daemon = newsroom.serve();
    mv(&newsroom, "news", "../away");
    daemon.wait("the alarm is raised", |daemon| daemon.body("/readyz").contains("mass-removal"));
    fs::create_dir_all(newsroom.path("content/news")).expect("writable");
    for n in 0..8 {
        mv(&newsroom, &format!("../away/{n}.md"), &format!("news/{n}.md"));
    }
    daemon.wait("eight are back", |daemon| daemon.body("/readyz").contains("6 articles vanished"));
    drop(daemon);
    let daemon = newsroom.serve();
    assert!(daemon.body("/readyz").contains("6 articles vanished"), "{}", daemon.body("/readyz"));
    assert!(ids(&daemon).len() == 15 && deleted(&daemon).is_empty());
    assert!(newsroom.dateline(&["accept-removals"]).status.success());
    daemon.wait("they are deleted", |daemon| ids(daemon).len() == 9 && deleted(daemon).len() == 6);
}

#[test]
fn many_files_that_state_their_ids_may_move_and_change_at_once() {
    let newsroom = Newsroom::new();
    for n in 0..14 {
        newsroom.write(&format!("content/news/{n}.md"), with_id(&format!("Story {n}."), &n.to_string()));
    }
    let daemon = newsroom.serve();
    let before: Vec<String> = ids(&daemon).into_values().collect();
    drop(daemon);
    for n in 0..14 {
        rm(&newsroom, &format!("news/{n}.md"));
        newsroom.write(&format!("content/sport/new-{n}.md"), with_id(&format!("Edited {n}."), &n.to_string()));
    }
    let daemon = newsroom.serve();
    let after = ids(&daemon);
    assert!(after.keys().all(|title| title.starts_with("Edited")), "{after:?}");
    let mut after: Vec<String> = after.into_values().collect();
    let mut before = before;
    before.sort();
    after.sort();
    assert_eq!(after, before);
    assert!(deleted(&daemon).is_empty() && !daemon.body("/readyz").contains("mass-removal"));
}

#[test]
fn an_article_that_is_overwritten_or_gets_another_id_is_gone_for_its_readers() {
    let newsroom = Newsroom::new();
    newsroom.write("content/news/a.md", with_id("Story A", "a"));
    newsroom.write("content/news/b.md", with_id("Story B", "b"));
    let daemon = newsroom.serve();
    mv(&newsroom, "news/a.md", "news/b.md");
    daemon.wait("B is gone", |daemon| deleted(daemon) == ["tag:x.example,2026:b"]);
    daemon.wait("A is where B was", |daemon| ids(daemon).get("Story A").is_some_and(|id| id == "tag:x.example,2026:a"));
    newsroom.write("content/news/b.md", with_id("Story A", "c"));
    daemon.wait("A has another id", |daemon| ids(daemon).get("Story A").is_some_and(|id| id == "tag:x.example,2026:c"));
    let mut gone = deleted(&daemon);
    gone.sort();
    assert_eq!(gone, ["tag:x.example,2026:a", "tag:x.example,2026:b"]);
    drop(daemon);
    let daemon = newsroom.serve();
    assert_eq!(deleted(&daemon).len(), 2);
    newsroom.write("content/news/b.md", with_id("Story A", "a"));
    daemon.wait("A has its id again", |daemon| {
        deleted(daemon) == ["tag:x.example,2026:b", "tag:x.example,2026:c"]
            || deleted(daemon) == ["tag:x.example,2026:c", "tag:x.example,2026:b"]
    });
}

#[test]
fn an_id_with_a_path_in_it_stays_when_the_other_goes() {
    let newsroom = Newsroom::new();
    newsroom.article("news/x.md", "First", "Text.");
    newsroom.article("news/chips/x.md", "Second", "Text.");
    let daemon = newsroom.serve();
    let before = ids(&daemon);
    let (plain, path) = before.iter().map(|(title, id)| (id, title)).fold((None, None), |found, (id, title)| {
        if id.ends_with("/news/x") { (Some(title.clone()), found.1) } else { (found.0, Some(title.clone())) }
    });
    let (plain, path) = (plain.expect("one has it"), path.expect("the other has not"));
    rm(&newsroom, if plain == "First" { "news/x.md" } else { "news/chips/x.md" });
    daemon.wait("one is gone", |daemon| ids(daemon).len() == 1);
    assert_eq!(ids(&daemon).get(&path), before.get(&path));
    assert_eq!(deleted(&daemon), ["tag:courier.example,2026:2026-11-20/news/x"]);
}

#[test]
fn a_retraction_by_command_follows_its_id() {
    let newsroom = Newsroom::new();
    newsroom.write("content/news/a.md", with_id("Story A", "a"));
    newsroom.article("news/b.md", "Story B", "Text of B.");
    let daemon = newsroom.serve();
    assert!(newsroom.dateline(&["retract", "news/a.md"]).status.success());
    drop(daemon);
    rm(&newsroom, "news/a.md");
    newsroom.write("content/sport/z.md", with_id("Story A, edited", "a"));
    let daemon = newsroom.serve();
    assert_eq!(ids(&daemon).into_keys().collect::<Vec<_>>(), ["Story B"]);
    assert_eq!(deleted(&daemon), ["tag:x.example,2026:a"]);
    mark(&newsroom, &daemon, "Mark");
    assert!(!ids(&daemon).contains_key("Story A, edited"));
    let restore = newsroom.dateline(&["restore", "tag:x.example,2026:a"]);
    assert!(restore.status.success(), "{}", said(&restore));
    daemon.wait("it is back", |daemon| ids(daemon).contains_key("Story A, edited") && deleted(daemon).is_empty());

    // Of a file that just arrived, too; and of one that nobody can look at, since its directory is away.
    fs::copy(newsroom.path("content/news/b.md"), newsroom.path("content/news/c.md")).expect("writable");
    rm(&newsroom, "news/b.md");
    daemon.wait("it has arrived", |_| newsroom.dateline(&["retract", "news/c.md"]).status.success());
    mark(&newsroom, &daemon, "Second mark");
    rm(&newsroom, "marks/Mark.md");
    daemon.wait("more than a grace has passed", |daemon| !ids(daemon).contains_key("Mark"));
    assert!(!ids(&daemon).contains_key("Story B"), "{:?}", ids(&daemon));
    assert!(daemon.stop());
    mv(&newsroom, "", "../away");
    let retract = newsroom.dateline(&["retract", "tag:x.example,2026:a"]);
    assert!(retract.status.success(), "{}", said(&retract));
    fs::rename(newsroom.path("away"), newsroom.path("content")).expect("movable");
    let daemon = newsroom.serve();
    assert!(!ids(&daemon).contains_key("Story A, edited"), "{:?}", ids(&daemon));
    assert!(deleted(&daemon).contains(&"tag:x.example,2026:a".to_owned()), "{:?}", deleted(&daemon));
}

#[test]
fn what_is_withheld_does_not_come_back_in_its_old_version() {
    let story = |keys: &str| format!("---\ntitle: Secret\ndate: 2026-11-20 10:00\n{keys}\n---\n\nThe first version.\n");
    for withheld in ["embargo: oops", "embargo: 2999-01-01", "draft: true"] {
        let newsroom = two();
        newsroom.write("content/news/s.md", story(""));
        let daemon = newsroom.serve();
        newsroom.write("content/news/s.md", story(withheld));
        daemon.wait(withheld, |daemon| !ids(daemon).contains_key("Secret"));
        newsroom.write("content/news/s.md", "---\ntitle: [\n---\n");
        mark(&newsroom, &daemon, "Mark");
        assert!(!ids(&daemon).contains_key("Secret"), "{withheld}: refused later");
        drop(daemon);
        let daemon = newsroom.serve();
        assert!(!ids(&daemon).contains_key("Secret"), "{withheld}: after a restart");
        assert!(deleted(&daemon).is_empty());
        // Deleted for good, readers are told: they may have it.
        rm(&newsroom, "news/s.md");
        daemon.wait("it is retracted", |daemon| deleted(daemon) == ["tag:courier.example,2026:2026-11-20/news/s"]);
    }
}

#[test]
fn what_says_so_while_nobody_looks_is_retracted() {
    let newsroom = two();
    drop(newsroom.serve());
    newsroom.write("content/news/a.md", "---\nstatus: retracted\nreason: Wrong.\n---\n");
    let daemon = newsroom.serve();
    assert_eq!((ids(&daemon).len(), deleted(&daemon)), (1, vec![A.to_owned()]));
    newsroom.write("content/news/a.md", "---\nstatus: retracted\nreason: Wrong in every word.\n---\n");
    daemon.wait("the reason is told anew", |daemon| daemon.body("/atom.xml").contains("Wrong in every word."));
    assert_eq!(deleted(&daemon), [A]);
}

#[test]
fn of_two_files_with_the_same_bytes_the_one_that_moved_keeps_its_id() {
    let newsroom = two();
    fs::copy(newsroom.path("content/news/a.md"), newsroom.path("content/news/b.md")).expect("writable");
    let daemon = newsroom.serve();
    rm(&newsroom, "news/a.md");
    daemon.wait("the first is retracted", |daemon| deleted(daemon) == [A]);
    drop(daemon);
    mv(&newsroom, "news/b.md", "sport/c.md");
    let daemon = newsroom.serve();
    assert_eq!(ids(&daemon).into_values().collect::<Vec<_>>(), [B]);
    assert_eq!(deleted(&daemon), [A]);
}

#[test]
fn a_file_that_is_renamed_and_broken_at_once_keeps_its_last_good_version() {
    let newsroom = two();
    let daemon = newsroom.serve();
    mv(&newsroom, "news/a.md", "news/z.md");
    fs::write(newsroom.path("content/news/z.md"), "---\ntitle: [\n---\n").expect("writable");
    daemon.wait("it is reported", |_| {
        fs::read_to_string(newsroom.path("log")).is_ok_and(|log| log.contains("content/news/z.md"))
    });
    mark(&newsroom, &daemon, "Mark");
    rm(&newsroom, "marks/Mark.md");
    daemon.wait("more than a grace has passed", |daemon| !ids(daemon).contains_key("Mark"));
    assert_eq!(ids(&daemon).get("Story A").map(String::as_str), Some(A));
    drop(daemon);
    let daemon = newsroom.serve();
    assert_eq!(ids(&daemon).get("Story A").map(String::as_str), Some(A));
    newsroom.write("content/news/z.md", article("Story A, mended", "Text of A."));
    daemon.wait("it is mended", |daemon| ids(daemon).get("Story A, mended").is_some_and(|id| id == A));
}

/// A copy that turns out to be a move is in no feed twice, and in every feed all the time: also where its text has to be read again,
/// since nobody knew when it was first read what would become of it.
#[test]
fn no_feed_lacks_an_article_while_its_file_is_elsewhere() {
    let newsroom = Newsroom::new();
    let checked = load(&newsroom.path("config/dateline.toml"));
    let parsing = Arc::clone(&checked.config.as_ref().expect("valid").parsing);
    let text = article("Ships", "The ships are back.");
    let read = |path: &str| {
        let mut parsed = dateline::article::parse(&ArticlePath::new(path), text.as_bytes(), &parsing);
        if let Some(article) = &mut parsed.article {
            article.source = Some(text.as_bytes().into());
        }
        parsed
    };
    let file = |path: &str, state| ParsedFile { path: ArticlePath::new(path), state, renamed_from: None };
    let directories = ["", "news", "sport"].map(|path| ListedDirectory { path: path.into(), unreadable: None });
    let files = vec![ArticlePath::new("news/ships.md")];
    let listing = Listing {
        scope: String::new(),
        directories: directories.into(),
        files,
        links: Vec::new(),
        is_whole: true,
        doubtful: false,
        limited: None,
    };
    let mut engine = Engine::new();
    let mut second = 1_800_000_000;
    let mut tell = |event| {
        second += 1;
        let effects = engine.handle(event, Timestamp::from_second(second).expect("in range"));
        let times = |route: &str| {
            let document = engine.snapshot().documents.get(route).expect("published").bytes();
            String::from_utf8_lossy(&document.expect("in memory")).matches("<p>The ships are back.</p>").count()
        };
        let fetched = effects.into_iter().find_map(|effect| match effect {
            Effect::Fetch(requests) => Some(requests),
            _ => None,
        });
        (engine.snapshot().generation > 0).then(|| (times("/rss.xml"), fetched))
    };
    tell(Event::Config(checked.clone()));
    tell(Event::Files(vec![file("news/ships.md", FileState::Present(read("news/ships.md")))]));
    let (times, _) = tell(Event::Rescan(listing)).expect("published");
    assert_eq!(times, 1);
    let copied = tell(Event::Files(vec![file("sport/ships.md", FileState::Present(read("sport/ships.md")))]));
    assert_eq!(copied.map(|(times, _)| times), Some(1), "a copy, as far as anybody knows");
    let gone = Event::Files(vec![file("news/ships.md", FileState::Absent { doubtful: false })]);
    let (times, requests) = tell(gone).expect("published");
    assert_eq!(times, 1, "it moved, and is not deleted");
    let fetch = |request: BodyRequest| {
        let article = read(request.path.as_str()).article.expect("an article");
        FetchedBody { request, source: article.source.clone(), article: Some(article), rendered: None }
    };
    let fetched: Vec<FetchedBody> = requests.expect("its text").into_iter().map(fetch).collect();
    assert_eq!(tell(Event::Fetched(fetched)).map(|(times, _)| times), Some(1));
}
