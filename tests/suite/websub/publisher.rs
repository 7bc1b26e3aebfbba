//! Pings to hubs of other operators.

use super::subscriber::Subscriber;
use crate::newsroom::{CONFIG, Daemon, Newsroom};

fn accept(_: &super::subscriber::Arrived) -> super::subscriber::Answer {
    Some(("202 Accepted", String::new()))
}

/// Starts a daemon and waits until it has stored the versions that need no ping, because the hub is new.
fn serve_with_known_hub(newsroom: &Newsroom) -> Daemon {
    let daemon = newsroom.serve();
    newsroom.find("the stored versions", || {
        let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
        let database = rusqlite::Connection::open_with_flags(newsroom.path(".dateline/push.sqlite"), flags).ok()?;
        database.query_row("SELECT hub FROM announced LIMIT 1", [], |_| Ok(())).ok()
    });
    daemon
}

#[test]
fn hubs_are_told_of_changed_feeds_after_they_are_served() {
    let newsroom = Newsroom::new();
    newsroom.article("news/a.md", "Story A", "First version.");
    let hub = Subscriber::start(accept);
    let hubs = format!("[websub]\nhubs = [\"{}\"]\n", hub.url("/hub"));
    newsroom.write("config/dateline.toml", format!("{CONFIG}\n{hubs}"));
    let daemon = serve_with_known_hub(&newsroom);
    newsroom.article("news/a.md", "Story A", "Second version.");
    let base = "http://feeds.courier.example";
    let mut told = std::collections::BTreeSet::new();
    while told.len() < 12 {
        let ping = hub.next();
        let topic = ping.parameter("hub.topic").expect("a topic");
        assert_eq!((&*ping.method, &*ping.target), ("POST", "/hub"));
        assert_eq!(ping.header("content-type"), Some("application/x-www-form-urlencoded"));
        assert_eq!(ping.parameter("hub.mode").as_deref(), Some("publish"));
        assert_eq!(ping.parameter("hub.url").as_deref(), Some(&*topic));
        let path = topic.strip_prefix(base).expect("one of ours");
        assert!(daemon.body(path).contains("Second version."), "{path} is served before the hub hears of it");
        assert!(told.insert(topic), "each feed once");
    }
    // Neither a feed that didn't change nor a page.
    let folders = ["", "/authors/ada%20quay", "/news", "/tags/tide"];
    let names = |folder| ["atom.xml", "feed.json", "rss.xml"].map(|name| format!("{base}{folder}/{name}"));
    assert_eq!(told, folders.into_iter().flat_map(names).collect());
}

#[test]
fn pings_are_repeated_until_the_hub_accepts_them_also_after_restart() {
    let newsroom = Newsroom::new();
    newsroom.article("news/a.md", "Story A", "First version.");
    let hub = Subscriber::start(|_| Some(("503 Service Unavailable", String::new())));
    let hubs = format!("[websub]\nhubs = [\"{}\"]\n[feeds]\nformats = [\"rss\"]\n", hub.url("/"));
    let config = CONFIG.replace("tags = true\nauthors = true", "");
    newsroom.write("config/dateline.toml", format!("{config}\n{hubs}"));
    let daemon = serve_with_known_hub(&newsroom);
    newsroom.article("news/a.md", "Story A", "Second version.");
    // The first failure is followed by another attempt.
    hub.next();
    hub.next();
    daemon.kill();
    drop(daemon);
    while hub.waiting().is_some() {}
    hub.answer(accept);
    let _daemon = newsroom.serve();
    let told = std::collections::BTreeSet::from([hub.next(), hub.next()].map(|ping| ping.parameter("hub.topic")));
    let expected = ["rss.xml", "news/rss.xml"].map(|path| Some(format!("http://feeds.courier.example/{path}")));
    assert_eq!(told, expected.into_iter().collect());
}
