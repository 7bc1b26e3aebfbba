//! The changes of a feed: subscribers that were away, or stay connected, know what the feed has, and nothing that it hasn't.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;

use serde_json::Value;

use crate::newsroom::{CONFIG, DEADLINE, Daemon, Newsroom};
use crate::watching::{metric, spawn};

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// The answer of `changes.json` after a position.
fn changes(daemon: &Daemon, feed: &str, since: &str) -> Value {
    let path = format!("{feed}changes.json?since={since}");
    let response = daemon.get(&path, &[]);
    assert_eq!(response.status, 200, "{path}: {response:?}");
    json(&response.text())
}

fn last(answer: &Value) -> String {
    answer["last"].as_str().unwrap_or_else(|| panic!("no position: {answer}")).to_owned()
}

/// The kinds of the changes, each with the last part of the id and the cause.
fn kinds(answer: &Value) -> Vec<String> {
    let kind = |change: &Value| {
        let text = |key: &str| change[key].as_str().unwrap_or_default().to_owned();
        let name = text("id").rsplit('/').next().unwrap_or_default().to_owned();
        format!("{} {name} {} {}", text("type"), text("cause"), text("reason")).trim_end().to_owned()
    };
    answer["changes"].as_array().expect("a list").iter().map(kind).collect()
}

fn shows(daemon: &Daemon, words: &str, is_shown: bool) {
    daemon.wait(&format!("{words}: {is_shown}"), |daemon| daemon.body("/news/feed.json").contains(words) == is_shown);
}

#[test]
fn subscribers_catch_up_across_restarts() {
    let newsroom = Newsroom::new();
    newsroom.article("news/a.md", "A", "The first tide.");
    newsroom.article("news/b.md", "B", "The second tide.");
    let daemon = newsroom.serve();
    let start = changes(&daemon, "/news/", "");
    assert_eq!((&start["reset"], kinds(&start).len()), (&Value::Bool(true), 0), "{start}");
    let start = last(&start);

    newsroom.article("news/c.md", "C", "The third tide.");
    shows(&daemon, "The third tide.", true);
    let added = changes(&daemon, "/news/", &start);
    assert_eq!(kinds(&added), ["added c"]);
    assert!(added["changes"][0]["item"]["content_html"].as_str().is_some_and(|html| html.contains("The third tide.")));
    assert_eq!((&added["reset"], &added["has_more"]), (&Value::Bool(false), &Value::Bool(false)));
    assert_eq!(kinds(&changes(&daemon, "/news/", &last(&added))), [""; 0]);

    newsroom.article("news/c.md", "C", "The third tide, corrected.");
    shows(&daemon, "corrected", true);
    assert_eq!(kinds(&changes(&daemon, "/news/", &last(&added))), ["changed c"]);
    assert_eq!(kinds(&changes(&daemon, "/news/", &start)), ["added c"], "as it is now");

    let retract = newsroom.dateline(&["retract", "news/c.md", "--reason", "It was low tide."]);
    assert!(retract.status.success(), "{retract:?}");
    shows(&daemon, "corrected", false);
    let removed = changes(&daemon, "/news/", &last(&added));
    assert_eq!(kinds(&removed), ["removed c retracted It was low tide."]);
    assert!(!removed.to_string().contains("The third tide"), "{removed}");
    assert_eq!(kinds(&changes(&daemon, "/news/", &start)), [""; 0], "it came and went");

    newsroom.article("news/a.md", "A", "The first tide, corrected.");
    shows(&daemon, "first tide, corrected", true);
    fs::remove_file(newsroom.path("content/news/b.md")).expect("removable");
    shows(&daemon, "The second tide.", false);
    let before = kinds(&changes(&daemon, "/news/", &start));
    assert_eq!(before, ["changed a", "removed b gone"]);
    // A feed without these stories has no changes.
    assert_eq!(kinds(&changes(&daemon, "/news/chips/", &start)), [""; 0]);
    assert_eq!(kinds(&changes(&daemon, "/", &start)), before);

    assert!(daemon.stop());
    newsroom.article("news/d.md", "D", "The fourth tide.");
    let daemon = newsroom.serve();
    shows(&daemon, "The fourth tide.", true);
    assert_eq!(kinds(&changes(&daemon, "/news/", &start)), ["changed a", "removed b gone", "added d"]);
    for unknown in ["0-1", "x", &start.replace(|c: char| c.is_ascii_hexdigit(), "0"), &format!("{start}000")] {
        assert_eq!(changes(&daemon, "/news/", unknown)["reset"], Value::Bool(true), "{unknown}");
    }
    assert_eq!(daemon.get("/news/nothing/changes.json", &[]).status, 404);
    assert_eq!(daemon.get("/changes.txt", &[]).status, 404);

    // Another configuration may change anything.
    newsroom.write("config/dateline.toml", CONFIG.replace("News > Chips", "News > Computers"));
    daemon.wait("it is reset", |daemon| changes(daemon, "/news/", &start)["reset"] == Value::Bool(true));
}

#[test]
fn restored_state_is_another_journal() {
    let newsroom = Newsroom::new();
    newsroom.article("news/a.md", "A", "The first tide.");
    let daemon = newsroom.serve();
    assert!(newsroom.dateline(&["backup", "copy"]).status.success());
    newsroom.article("news/b.md", "B", "The second tide.");
    shows(&daemon, "The second tide.", true);
    let position = last(&changes(&daemon, "/news/", ""));
    assert!(daemon.stop());
    let restored = newsroom.dateline(&["backup", "--restore", "copy"]);
    assert!(restored.status.success(), "{restored:?}");
    let daemon = newsroom.serve();
    newsroom.article("news/c.md", "C", "The third tide.");
    shows(&daemon, "The third tide.", true);
    assert_eq!(changes(&daemon, "/news/", &position)["reset"], Value::Bool(true));
}

#[test]
fn entries_outside_the_window_have_their_text() {
    let newsroom = Newsroom::new();
    newsroom.write(
        "config/dateline.toml",
        format!("{CONFIG}[feeds]\nmax_items = 2\nmin_items = 1\n[content2]\n").replace("[content2]\n", ""),
    );
    newsroom.article("news/a.md", "A", "The text of a.");
    let daemon = newsroom.serve();
    let start = last(&changes(&daemon, "/news/", ""));
    let names: Vec<String> = (1..=150).map(|number| format!("story-{number:03}")).collect();
    for name in &names {
        newsroom.article(&format!("news/{name}.md"), name, &format!("The text of {name}."));
    }
    let mut known: BTreeMap<String, String> = BTreeMap::new();
    let mut position = start;
    daemon.wait("all stories are there", |daemon| {
        let answer = changes(daemon, "/news/", &position);
        position = last(&answer);
        for change in answer["changes"].as_array().expect("a list") {
            let html = change["item"]["content_html"].as_str();
            let id = change["id"].as_str().expect("an id").rsplit('/').next().expect("a name").to_owned();
            known.insert(id, html.unwrap_or_default().to_owned());
        }
        known.len() == names.len() && answer["has_more"] == Value::Bool(false)
    });
    for name in &names {
        assert!(known[name].contains(&format!("The text of {name}.")), "{name}: {}", known[name]);
    }
    assert_eq!(json(&daemon.body("/news/feed.json"))["items"].as_array().map(Vec::len), Some(2));
}

/// No row of the journal tells of a file, and no document of the feed shows the story.
#[test]
#[expect(clippy::disallowed_methods, reason = "rights end by the system's clock")]
fn expired_pictures_leave_entries_outside_the_window() {
    let newsroom = Newsroom::new();
    newsroom.write("config/dateline.toml", format!("{CONFIG}[feeds]\nmax_items = 1\nmin_items = 1\n"));
    newsroom.article("news/a.md", "A", "The first tide.");
    let daemon = newsroom.serve();
    let start = last(&changes(&daemon, "/news/", ""));
    let expires = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(8);
    newsroom.write(
        "content/news/ferry.json",
        format!(
            r#"{{"uri": "urn:x:ferry", "version": "1", "firstCreated": "2026-11-10T08:00:00Z", "headline": "Ferry",
            "body_xhtml": "<p>It sails.</p><p><img src='https://x.example/deck.jpg' alt='Deck'></p>",
            "associations": {{"deck": {{"type": "picture", "uri": "urn:x:deck", "expires": "{}",
            "description_text": "Canary deck", "renditions": {{"m": {{"href": "https://x.example/deck.jpg"}}}}}}}}}}"#,
            expires.strftime("%Y-%m-%dT%H:%M:%SZ")
        ),
    );
    let mut position = String::new();
    daemon.wait("the picture is public", |daemon| {
        let answer = changes(daemon, "/news/", &start);
        position = last(&answer);
        answer.to_string().contains("Canary deck")
    });
    daemon.wait("the picture has expired", |daemon| {
        let answer = changes(daemon, "/news/", &start).to_string();
        answer.contains("It sails.") && !answer.contains("Canary") && !answer.contains("deck.jpg")
    });
    let answer = changes(&daemon, "/news/", &position);
    assert_eq!(kinds(&answer), ["changed urn%3Ax%3Aferry"]);
    assert!(answer.to_string().contains("It sails.") && !answer.to_string().contains("Canary"), "{answer}");
}

/// A connection to `changes.stream`.
struct Subscriber(BufReader<TcpStream>);

/// An event, its id and its data.
type StreamEvent = (String, Option<String>, Value);

impl Subscriber {
    fn connect(daemon: &Daemon, feed: &str, position: Option<&str>) -> Subscriber {
        let mut stream = TcpStream::connect(daemon.address()).expect("it listens");
        stream.set_read_timeout(Some(DEADLINE)).expect("a socket");
        let position = position.map(|id| format!("Last-Event-ID: {id}\r\n")).unwrap_or_default();
        // HTTP/1.0 has no chunks.
        write!(stream, "GET {feed}changes.stream HTTP/1.0\r\nHost: {}\r\n{position}\r\n", daemon.address())
            .expect("writable");
        let mut subscriber = Subscriber(BufReader::new(stream));
        let mut head = Vec::new();
        while let Some(line) = subscriber.line().filter(|line| !line.is_empty()) {
            head.push(line);
        }
        assert!(head.iter().any(|line| line.eq_ignore_ascii_case("content-type: text/event-stream")), "{head:?}");
        subscriber
    }

    /// The next line. `None` at the end.
    fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        let length = self.0.read_line(&mut line).expect("readable");
        (length > 0).then(|| line.trim_end().to_owned())
    }

    /// The next event. `None` if the server ends the stream.
    fn event(&mut self) -> Option<StreamEvent> {
        let (mut kind, mut id, mut data) = (None, None, String::new());
        loop {
            let line = self.line()?;
            match line.split_once(": ") {
                Some(("event", value)) => kind = Some(value.to_owned()),
                Some(("id", value)) => id = Some(value.to_owned()),
                Some(("data", value)) => data = value.to_owned(),
                _ if line.is_empty() && kind.is_some() => return Some((kind.expect("a kind"), id, json(&data))),
                _ => {}
            }
        }
    }
}

#[test]
fn streams_send_changes_as_they_happen() {
    let newsroom = Newsroom::new();
    newsroom.article("news/a.md", "A", "The first tide.");
    let daemon = newsroom.serve();
    let mut stream = Subscriber::connect(&daemon, "/news/", None);
    let (kind, id, data) = stream.event().expect("an event");
    assert_eq!((&*kind, &data["feed"]), ("reset", &Value::from("feed.json")));
    let first = id.expect("a position");
    newsroom.article("news/b.md", "B", "The second tide.");
    let (kind, id, data) = stream.event().expect("an event");
    assert_eq!((&*kind, data["type"].as_str()), ("added", Some("added")));
    assert!(data["item"]["content_html"].as_str().is_some_and(|html| html.contains("The second tide.")), "{data}");
    newsroom.article("news/b.md", "B", "The second tide, corrected.");
    let (kind, _, data) = stream.event().expect("an event");
    assert_eq!(kind, "changed");
    assert!(data.to_string().contains("corrected"), "{data}");
    newsroom.write(
        "content/news/b.md",
        "---\ntitle: B\ndate: 2026-11-20 10:00\nstatus: retracted\nreason: It was low tide.\n---\n\nx\n",
    );
    let (kind, last, data) = stream.event().expect("an event");
    assert_eq!(
        (&*kind, data["cause"].as_str(), data["reason"].as_str()),
        ("removed", Some("retracted"), Some("It was low tide."))
    );
    assert!(daemon.stop());
    assert_eq!(stream.event(), None, "the daemon stops");

    newsroom.article("news/c.md", "C", "The third tide.");
    let daemon = newsroom.serve();
    let mut stream = Subscriber::connect(&daemon, "/news/", last.as_deref());
    assert_eq!(stream.event().map(|(kind, ..)| kind).as_deref(), Some("added"));
    let mut earlier = Subscriber::connect(&daemon, "/news/", id.as_deref());
    let kinds: Vec<String> = (0..2).filter_map(|_| earlier.event()).map(|(kind, ..)| kind).collect();
    assert_eq!(kinds, ["removed", "added"]);
    let mut start = Subscriber::connect(&daemon, "/news/", Some(&first));
    let (kind, _, data) = start.event().expect("an event");
    assert_eq!((&*kind, data["id"].as_str().is_some_and(|id| id.ends_with("/c"))), ("added", true));
    let mut unknown = Subscriber::connect(&daemon, "/news/", Some("ffffffff-1"));
    assert_eq!(unknown.event().map(|(kind, ..)| kind).as_deref(), Some("reset"));
    let head = daemon.head("/news/changes.stream", &[]);
    assert_eq!((head.status, head.header("cache-control")), (200, Some("no-store")));
}

/// The entries of a feed that a subscriber knows, by id.
#[derive(Clone)]
struct Known {
    position: String,
    items: BTreeMap<String, Value>,
}

impl Known {
    /// Fetches the feed, after the position.
    fn new(daemon: &Daemon) -> Known {
        let position = last(&changes(daemon, "/news/", ""));
        Known { position, items: items(daemon) }
    }

    fn follow(&mut self, daemon: &Daemon, is_public: impl Fn(&str) -> bool) {
        loop {
            let answer = changes(daemon, "/news/", &self.position);
            for words in answer.to_string().split("The text of ").skip(1) {
                let words = words.split('.').next().unwrap_or_default();
                assert!(is_public(words), "`{words}` isn't public: {answer}");
            }
            if answer["reset"] == Value::Bool(true) {
                *self = Known::new(daemon);
                return;
            }
            for change in answer["changes"].as_array().expect("a list") {
                let id = change["id"].as_str().expect("an id").to_owned();
                match change["type"].as_str() {
                    Some("removed") => drop(self.items.remove(&id)),
                    _ => drop(self.items.insert(id, change["item"].clone())),
                }
            }
            self.position = last(&answer);
            if answer["has_more"] == Value::Bool(false) {
                return;
            }
        }
    }
}

/// The items of the feed, without notices.
fn items(daemon: &Daemon) -> BTreeMap<String, Value> {
    items_of(&daemon.body("/news/feed.json"))
}

fn items_of(feed: &str) -> BTreeMap<String, Value> {
    let feed = json(feed);
    let deleted = feed["_dateline"]["deleted"].to_string();
    let items = feed["items"].as_array().expect("items").iter();
    let items = items.map(|item| (item["id"].as_str().expect("an id").to_owned(), item.clone()));
    items.filter(|(id, _)| !deleted.contains(&**id)).collect()
}

/// Random histories of a newsroom. Subscribers that were away since any moment end with what the feed has.
#[test]
fn following_from_any_point_leads_to_the_feed() {
    let newsroom = Newsroom::new();
    newsroom.write("config/dateline.toml", CONFIG.replace("removal_grace = \"250ms\"", "removal_grace = \"20ms\""));
    newsroom.article("news/base.md", "Base", "The text of base.");
    let mut daemon = newsroom.serve();
    let mut known = vec![Known::new(&daemon)];
    let mut random: u64 = 7;
    let mut next = |below: u64| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) % below
    };
    // The public version of each story.
    let mut public: BTreeMap<u64, u64> = BTreeMap::new();
    let mut retracted: Vec<u64> = Vec::new();
    for version in 1..=60 {
        let story = next(6);
        let name = format!("content/news/s{story}.md");
        let text = |keys: &str| {
            format!("---\ntitle: S{story}\ndate: 2026-11-20 10:00\n{keys}---\n\nThe text of s{story}v{version}.\n")
        };
        match next(8) {
            0 if newsroom.path(&name).exists() => {
                fs::remove_file(newsroom.path(&name)).expect("removable");
                public.remove(&story);
            }
            1 => {
                newsroom.write(&name, text("draft: true\n"));
                public.remove(&story);
            }
            2 => {
                newsroom.write(&name, text("embargo: 2099-01-01\n"));
                public.remove(&story);
            }
            3 if public.contains_key(&story) => {
                let done = newsroom.dateline(&["retract", &format!("news/s{story}.md")]);
                assert!(done.status.success(), "{done:?}");
                public.remove(&story);
                retracted.push(story);
            }
            4 if retracted.contains(&story) => {
                let done = newsroom.dateline(&["restore", &format!("news/s{story}.md")]);
                retracted.retain(|other| *other != story || !done.status.success());
                newsroom.write(&name, text(""));
                if !retracted.contains(&story) {
                    public.insert(story, version);
                }
            }
            5 => {
                assert!(daemon.stop());
                if !retracted.contains(&story) {
                    newsroom.write(&name, text(""));
                    public.insert(story, version);
                }
                daemon = newsroom.serve();
            }
            _ => {
                newsroom.write(&name, text(""));
                if !retracted.contains(&story) {
                    public.insert(story, version);
                }
            }
        }
        let is_public = |words: &str| {
            words == "base" || public.iter().any(|(story, version)| words == format!("s{story}v{version}"))
        };
        let expected = public.len() + 1;
        daemon.wait("the feed has the public versions", |daemon| {
            let feed = daemon.body("/news/feed.json");
            let shown: Vec<&str> =
                feed.split("The text of ").skip(1).filter_map(|words| words.split('.').next()).collect();
            items_of(&feed).len() == expected && shown.into_iter().all(is_public)
        });
        let mut current = known[usize::try_from(next(known.len() as u64)).expect("small")].clone();
        current.follow(&daemon, is_public);
        assert_eq!(current.items, items(&daemon), "after version {version}");
        known.push(current);
    }
}

#[test]
fn requests_for_changes_are_counted() {
    let newsroom = Newsroom::new();
    newsroom.article("news/a.md", "A", "The first tide.");
    let (daemon, admin) = spawn(&newsroom, newsroom.command());
    changes(&daemon, "/news/", "");
    assert_eq!(metric(&admin, "requests_total{format=\"changes\",status=\"200\",coding=\"identity\"}"), 1.0);
}
