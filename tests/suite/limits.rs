//! Limits: how many tags have feeds, and how many retractions a feed announces.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use dateline::engine::Engine;
use dateline::event::{Effect, Event};
use dateline::ledger::{Ledger, Record, Retraction, Withdrawal};
use dateline::types::{ArticlePath, ContentHash, EntryId};
use jiff::{SignedDuration, Timestamp};

use crate::newsroom::{CONFIG, Newsroom, files, printed};

fn tagged(newsroom: &Newsroom, name: &str, tags: &str) {
    let text = format!("---\ntitle: Story {name}\ndate: 2026-11-20\ntags: [{tags}]\nauthors: [{tags}]\n---\n\nText.\n");
    newsroom.write(&format!("content/news/{name}.md"), text);
}

fn folders(newsroom: &Newsroom, taxonomy: &str) -> String {
    let written = files(&newsroom.path("feeds"));
    let names = written.keys().filter_map(|name| name.strip_prefix(&format!("{taxonomy}/"))?.split('/').next());
    names.map(str::to_owned).collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>().join(" ")
}

#[test]
fn tags_beyond_the_limit_have_no_feeds() {
    let newsroom = Newsroom::new();
    newsroom.write("config/dateline.toml", format!("{CONFIG}max_tags = 3\n"));
    for (name, tags) in [("1", "a, e"), ("2", "b, d, e"), ("3", "b, c, d"), ("4", "e")] {
        tagged(&newsroom, name, tags);
    }
    let build = newsroom.dateline(&["build"]);
    let text = printed(&build);
    assert_eq!((folders(&newsroom, "tags"), folders(&newsroom, "authors")), ("b d e".into(), "b d e".into()), "{text}");
    assert!(
        text.contains("too-many-tags")
            && text.contains("2 tags have no feed, `a` among them")
            && build.status.success()
    );
    assert_eq!(text.matches("too-many-tags").count(), 2, "one for tags and one for authors: {text}");
    // Existing feeds stay, however many articles a new tag has.
    for name in ["5", "6", "7", "8"] {
        tagged(&newsroom, name, "f");
    }
    let daemon = newsroom.serve();
    assert_eq!(folders(&newsroom, "tags"), "b d e");
    for (tag, status) in [("b", 200), ("d", 200), ("e", 200), ("a", 404), ("f", 404)] {
        assert_eq!(daemon.get(&format!("/tags/{tag}/rss.xml"), &[]).status, status, "{tag}");
        assert_eq!(daemon.body("/feeds.opml").contains(&format!("/tags/{tag}/")), status == 200, "{tag}");
    }
    assert!(daemon.body("/news/rss.xml").contains("Story 8"));
    // When a tag disappears, the waiting tag with the most articles gets a feed.
    tagged(&newsroom, "2", "e");
    tagged(&newsroom, "3", "b, c");
    daemon.wait("there is room", |daemon| daemon.get("/tags/f/rss.xml", &[]).status == 200);
    assert_eq!(daemon.get("/tags/d/rss.xml", &[]).status, 200, "readers know it");
    assert!(daemon.body("/tags/f/rss.xml").contains("Story 5"));
    // A lower limit removes no feed.
    newsroom.write("config/dateline.toml", format!("{CONFIG}max_tags = 1\n[[section]]\npath = \"sport\"\n"));
    daemon.wait("it is in force", |daemon| daemon.get("/sport/", &[]).status == 200);
    assert_eq!(daemon.get("/tags/f/rss.xml", &[]).status, 200);
    assert!(daemon.stop());
    assert!(newsroom.dateline(&["build"]).status.success());
    assert_eq!(folders(&newsroom, "tags"), "b d e f");
}

/// An engine with `count` articles retracted from the root feed, one each second before `last`.
fn after_retractions(count: i64, last: Timestamp, keys: &str) -> Engine {
    let records = (0..count).flat_map(|number| {
        let path = ArticlePath::new(&format!("news/{number}.md"));
        let id = EntryId::parse(&format!("tag:courier.example,2026:{number}")).expect("an id");
        let at = last.saturating_sub(SignedDuration::from_secs(count - 1 - number)).expect("in range");
        let feeds: Arc<[Arc<str>]> = [Arc::from("/")].into();
        let retraction = Retraction { at, reason: None, by: Withdrawal::Deleted, feeds, notice: None };
        let hash = ContentHash::of(path.as_str().as_bytes());
        [Record::Published { path: path.clone(), id, hash, date: at }, Record::Retracted { path, retraction }]
    });
    let ledger = Ledger::replay(records);
    let config = CONFIG.replace("[taxonomies]", &format!("[feeds]\n{keys}\n[taxonomies]"));
    let checked = dateline::config::parse(std::path::Path::new("c.toml"), config.as_bytes());
    assert!(checked.config.is_some(), "{:?}", checked.diagnostics);
    let mut engine = Engine::with_ledger(ledger);
    engine.handle(Event::Config(checked), last);
    engine
}

#[test]
fn retractions_beyond_limit_are_announced_one_day() {
    let last: Timestamp = "2026-11-20T12:00:00Z".parse().expect("an instant");
    let hours = |count: i64| last.saturating_add(SignedDuration::from_hours(count)).expect("in range");
    for (keys, at, expected) in [
        ("", last, 300),
        ("", hours(23), 300),
        ("", hours(24), 100),
        ("", hours(24 * 29), 100),
        ("", hours(24 * 30), 0),
        ("max_tombstones = 250", hours(25), 250),
        ("max_tombstones = 1000", hours(25), 300),
        ("max_tombstones = 0", hours(23), 300),
        ("max_tombstones = 0", hours(24), 0),
        ("tombstones = \"2h\"", hours(1), 300),
        ("tombstones = \"2h\"", hours(2), 0),
    ] {
        let mut engine = after_retractions(300, last, keys);
        let listing = dateline::event::Listing {
            scope: String::new(),
            directories: vec![dateline::event::ListedDirectory { path: String::new(), unreadable: None }],
            links: Vec::new(),
            files: Vec::new(),
            is_whole: true,
            doubtful: false,
            limited: None,
        };
        let mut documents = HashMap::new();
        let mut reported = |effects: Vec<Effect>| {
            for effect in &effects {
                let Effect::Store(built) = effect else { continue };
                documents.extend(built.iter().map(|document| (document.resource.hash, document.bytes.clone())));
            }
            let swapped = effects.into_iter().rev().find_map(|effect| match effect {
                Effect::Swap(snapshot) => Some(snapshot),
                _ => None,
            });
            swapped.map(|snapshot| {
                let atom = &documents[&snapshot.documents["/atom.xml"].hash];
                String::from_utf8_lossy(atom).matches("<at:deleted-entry").count()
            })
        };
        assert_eq!(reported(engine.handle(Event::Rescan(listing), last)), Some(300), "{keys}");
        // The engine asks for a tick whenever a notice ends.
        let mut shown = 300;
        while let Some(wake) = engine.wake_at().filter(|wake| *wake <= at) {
            let before = shown;
            shown = reported(engine.handle(Event::Tick, wake)).unwrap_or(shown);
            assert!(shown < before, "{keys}: it wakes for nothing at {wake}");
        }
        assert_eq!(shown, expected, "{keys} at {at}");
    }
}
