//! The built-in hub, with the rules of WebSub (W-20 to W-50).

use std::collections::BTreeSet;

use ring::hmac;

use super::subscriber::{Arrived, Subscriber, agree};
use crate::newsroom::{CONFIG, Daemon, Newsroom, Response};

const TOPIC: &str = "http://feeds.courier.example/news/rss.xml";
const FORM: (&str, &str) = ("Content-Type", "application/x-www-form-urlencoded");

/// A newsroom with a hub that accepts callbacks on this machine.
fn newsroom() -> Newsroom {
    let newsroom = Newsroom::new();
    configure(&newsroom, "");
    newsroom.article("news/a.md", "Story A", "First version.");
    newsroom
}

fn configure(newsroom: &Newsroom, more: &str) {
    let hub = format!("[websub]\nhub = true\nallow_callbacks = [\"127.0.0.0/8\"]\n{more}");
    newsroom.write("config/dateline.toml", format!("{CONFIG}\n{hub}"));
}

fn form(parameters: &[(&str, &str)]) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish()
}

fn send(daemon: &Daemon, parameters: &[(&str, &str)]) -> Response {
    daemon.post("/hub", &[FORM], &form(parameters))
}

/// Subscribes, and waits for the verification.
fn subscribe(daemon: &Daemon, subscriber: &Subscriber, path: &str, more: &[(&str, &str)]) -> Arrived {
    let callback = subscriber.url(path);
    let parameters = [("hub.mode", "subscribe"), ("hub.topic", TOPIC), ("hub.callback", &*callback)];
    let response = send(daemon, &[&parameters, more].concat());
    assert_eq!(response.status, 202, "{}", response.text());
    subscriber.next()
}

/// The next delivery, which has a text. Earlier ones may have the versions before.
fn delivered(subscriber: &Subscriber, text: &str) -> Arrived {
    loop {
        let request = subscriber.next();
        assert_eq!(request.method, "POST");
        if request.text().contains(text) {
            return request;
        }
    }
}

fn signature(secret: &str, body: &[u8]) -> String {
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()), body);
    tag.as_ref().iter().fold("sha256=".to_owned(), |text, byte| format!("{text}{byte:02x}"))
}

#[test]
fn changed_feed_is_pushed_to_verified_subscriber() {
    let newsroom = newsroom();
    let daemon = newsroom.serve();
    let subscriber = Subscriber::start(agree);
    // The callback has a query of its own, and the request has parameters that nobody knows.
    let more = [("hub.secret", "s3cret"), ("hub.verify", "sync"), ("foo", "bar")];
    let verification = subscribe(&daemon, &subscriber, "/push?id=1%2F2&a", &more);
    assert_eq!(verification.method, "GET");
    assert!(verification.target.starts_with("/push?id=1%2F2&a&hub.mode=subscribe&"), "{}", verification.target);
    assert_eq!(verification.parameter("hub.topic").as_deref(), Some(TOPIC));
    assert_eq!(verification.parameter("hub.lease_seconds").as_deref(), Some("864000"), "ten days");
    let challenge = verification.parameter("hub.challenge").expect("a challenge");
    assert!(challenge.len() >= 32, "{challenge}");
    newsroom.article("news/a.md", "Story A", "Second version.");
    let pushed = delivered(&subscriber, "Second version.");
    assert_eq!(pushed.target, "/push?id=1%2F2&a");
    let feed = daemon.get("/news/rss.xml", &[]);
    assert_eq!(pushed.body, feed.body);
    for name in ["content-type", "link"] {
        assert_eq!(pushed.header(name), feed.header(name), "{name}");
    }
    assert!(pushed.header("link").expect("links").contains("<http://feeds.courier.example/hub>; rel=\"hub\""));
    assert_eq!(pushed.header("x-hub-signature"), Some(&*signature("s3cret", &pushed.body)));
    // Another subscriber, without a secret.
    let again = subscribe(&daemon, &subscriber, "/other", &[]);
    assert_ne!(again.parameter("hub.challenge"), Some(challenge));
    newsroom.article("news/a.md", "Story A", "Third version.");
    let both = [delivered(&subscriber, "Third version."), delivered(&subscriber, "Third version.")];
    let targets: BTreeSet<&str> = both.iter().map(|pushed| pushed.target.as_str()).collect();
    assert_eq!(targets, BTreeSet::from(["/push?id=1%2F2&a", "/other"]));
    let unsigned = both.iter().find(|pushed| pushed.target == "/other").expect("one of them");
    assert_eq!(unsigned.header("x-hub-signature"), None);
}

#[test]
fn hub_answers_before_it_verifies() {
    let newsroom = newsroom();
    let daemon = newsroom.serve();
    // The callback never answers.
    let subscriber = Subscriber::start(|_| None);
    subscribe(&daemon, &subscriber, "/", &[]);
}

#[test]
fn hub_refuses_invalid_requests() {
    let newsroom = newsroom();
    let partner = "[[section]]\npath = \"partners\"\ninclude = [\"**\"]\n[[section.feed]]\nprofile = \"msn\"\n";
    configure(&newsroom, partner);
    let daemon = newsroom.serve();
    let callback = "http://127.0.0.1:9999/push";
    let valid = [("hub.mode", "subscribe"), ("hub.topic", TOPIC), ("hub.callback", callback)];
    let with = |name: &str, value: &str| {
        let changed = valid.map(|(known, old)| (known, if known == name { value } else { old }));
        form(&changed)
    };
    let long = "x".repeat(200);
    for (body, status, reason) in [
        (form(&valid[1..]), 400, "hub.mode is missing"),
        (form(&valid[..2]), 400, "hub.callback is missing"),
        (with("hub.mode", "publish"), 400, "hub.mode"),
        (with("hub.callback", "file:///etc/passwd"), 400, "neither http nor https"),
        (with("hub.callback", ""), 400, "hub.callback is missing"),
        (with("hub.callback", "http://10.0.0.1/"), 400, "isn't public"),
        (with("hub.callback", "http://127.0.0.1:25/"), 400, "port"),
        (with("hub.topic", "http://elsewhere.example/rss.xml"), 404, "not a feed of this site"),
        (with("hub.topic", "http://feeds.courier.example/news/"), 404, "not a feed of this site"),
        (with("hub.topic", "http://feeds.courier.example/nowhere/rss.xml"), 404, "not a feed of this site"),
        (with("hub.topic", "http://feeds.courier.example/feeds.opml"), 404, "not a feed of this site"),
        (with("hub.topic", "http://feeds.courier.example/partners/msn.xml"), 404, "not a feed of this site"),
        (with("hub.topic", "http://feeds.courier.example/news/rss.xml?x"), 404, "not a feed of this site"),
        (with("hub.mode", "unsubscribe").replace("news", "nowhere"), 404, "not a feed of this site"),
        (form(&[&valid[..], &[("hub.secret", &*long)]].concat()), 400, "hub.secret"),
        (form(&[&valid[..], &[("hub.lease_seconds", "soon")]].concat()), 400, "hub.lease_seconds"),
        (format!("{}&hub.secret=%ff", form(&valid)), 400, "UTF-8"),
        (form(&[&valid[..], &[("x", &*"x".repeat(9_000))]].concat()), 413, "too long"),
    ] {
        let response = daemon.post("/hub", &[FORM], &body);
        assert_eq!(response.status, status, "{body}: {}", response.text());
        assert!(response.text().contains(reason), "{body}: {}", response.text());
        assert_eq!(response.header("content-type"), Some("text/plain; charset=utf-8"));
    }
    assert_eq!(daemon.post("/hub", &[("Content-Type", "application/json")], &form(&valid)).status, 415);
    let get = daemon.get("/hub", &[]);
    assert_eq!((get.status, get.header("allow")), (405, Some("POST, OPTIONS")));
    assert_eq!(daemon.post("/hub", &[FORM], &form(&valid)).status, 202);
    // Without the hub, its address is like any other.
    newsroom.write("config/dateline.toml", CONFIG);
    daemon.wait("the hub is off", |daemon| daemon.get("/hub", &[]).status == 404);
}

#[test]
fn subscriptions_are_limited() {
    let newsroom = newsroom();
    configure(&newsroom, "max_subscriptions = 3\nmax_per_host = 2\n");
    let daemon = newsroom.serve();
    let subscriber = Subscriber::start(agree);
    subscribe(&daemon, &subscriber, "/1", &[]);
    subscribe(&daemon, &subscriber, "/2", &[]);
    let status = |callback: &str| {
        send(&daemon, &[("hub.mode", "subscribe"), ("hub.topic", TOPIC), ("hub.callback", callback)]).status
    };
    daemon.wait("both are verified", |_| status(&subscriber.url("/3")) == 403);
    // Another host has room for one more, and a subscription can be renewed.
    assert_eq!(status("http://127.0.0.2:9999/"), 202);
    assert_eq!(status(&subscriber.url("/1")), 202);
}

#[test]
fn only_the_right_challenge_confirms_a_request() {
    let newsroom = newsroom();
    let daemon = newsroom.serve();
    let refusing = Subscriber::start(|request| {
        let challenge = request.parameter("hub.challenge").unwrap_or_default();
        let path = request.target.split('?').next().unwrap_or_default();
        Some(match path {
            "/redirect" => ("302 Found\r\nLocation: /elsewhere", challenge),
            "/missing" => ("404 Not Found", challenge),
            "/broken" => ("500 Internal Server Error", challenge),
            "/wrong" => ("200 OK", format!("{challenge}x")),
            "/short" => ("200 OK", challenge[1..].to_owned()),
            _ => ("200 OK", String::new()),
        })
    });
    let paths = ["/redirect", "/missing", "/broken", "/wrong", "/short", "/empty"];
    for path in paths {
        subscribe(&daemon, &refusing, path, &[]);
    }
    let agreeing = Subscriber::start(agree);
    subscribe(&daemon, &agreeing, "/", &[]);
    // A request to unsubscribe that isn't confirmed changes nothing.
    agreeing.answer(|request| match request.parameter("hub.mode") {
        Some(_) => Some(("404 Not Found", String::new())),
        None => Some(("200 OK", "ignored".to_owned())),
    });
    let callback = agreeing.url("/");
    let parameters = [("hub.mode", "unsubscribe"), ("hub.topic", TOPIC), ("hub.callback", &*callback)];
    assert_eq!(send(&daemon, &parameters).status, 202);
    let verification = agreeing.next();
    assert_eq!(verification.parameter("hub.mode").as_deref(), Some("unsubscribe"));
    assert_eq!(verification.parameter("hub.lease_seconds"), None);
    newsroom.article("news/a.md", "Story A", "Second version.");
    delivered(&agreeing, "Second version.");
    newsroom.article("news/a.md", "Story A", "Third version.");
    delivered(&agreeing, "Third version.");
    assert!(refusing.waiting().is_none(), "neither a delivery nor a followed redirect");
}

#[test]
fn new_request_replaces_subscription_until_it_is_confirmed_to_end() {
    let newsroom = newsroom();
    let daemon = newsroom.serve();
    let subscriber = Subscriber::start(agree);
    subscribe(&daemon, &subscriber, "/", &[("hub.secret", "old")]);
    let more = [("hub.secret", "new"), ("hub.lease_seconds", "7200")];
    let renewal = subscribe(&daemon, &subscriber, "/", &more);
    assert_eq!(renewal.parameter("hub.lease_seconds").as_deref(), Some("7200"));
    let witness = Subscriber::start(agree);
    subscribe(&daemon, &witness, "/", &[]);
    newsroom.article("news/a.md", "Story A", "Second version.");
    let pushed = delivered(&subscriber, "Second version.");
    assert_eq!(pushed.header("x-hub-signature"), Some(&*signature("new", &pushed.body)));
    delivered(&witness, "Second version.");
    let callback = subscriber.url("/");
    let parameters = [("hub.mode", "unsubscribe"), ("hub.topic", TOPIC), ("hub.callback", &*callback)];
    assert_eq!(send(&daemon, &parameters).status, 202);
    let verification = subscriber.next();
    assert_eq!(verification.parameter("hub.mode").as_deref(), Some("unsubscribe"), "each change is delivered once");
    newsroom.article("news/a.md", "Story A", "Third version.");
    delivered(&witness, "Third version.");
    newsroom.article("news/a.md", "Story A", "Fourth version.");
    delivered(&witness, "Fourth version.");
    assert!(subscriber.waiting().is_none(), "silence after the end");
}

#[test]
fn failed_delivery_is_repeated_with_the_current_version() {
    let newsroom = newsroom();
    let daemon = newsroom.serve();
    let subscriber = Subscriber::start(agree);
    subscribe(&daemon, &subscriber, "/", &[]);
    subscriber.answer(|_| Some(("302 Found\r\nLocation: /elsewhere", String::new())));
    newsroom.article("news/a.md", "Story A", "Second version.");
    delivered(&subscriber, "Second version.");
    subscriber.answer(|_| Some(("503 Service Unavailable", String::new())));
    newsroom.article("news/a.md", "Story A", "Third version.");
    let repeated = delivered(&subscriber, "Third version.");
    assert_eq!(repeated.target, "/", "the redirect isn't followed");
    subscriber.answer(agree);
    delivered(&subscriber, "Third version.");
    // The subscriber wants nothing more.
    subscriber.answer(|_| Some(("410 Gone", String::new())));
    newsroom.article("news/a.md", "Story A", "Fourth version.");
    delivered(&subscriber, "Fourth version.");
    subscriber.answer(agree);
    let witness = Subscriber::start(agree);
    subscribe(&daemon, &witness, "/", &[]);
    newsroom.article("news/a.md", "Story A", "Fifth version.");
    delivered(&witness, "Fifth version.");
    assert!(subscriber.waiting().is_none());
}

#[test]
fn pending_deliveries_survive_kill() {
    let newsroom = newsroom();
    let daemon = newsroom.serve();
    let subscriber = Subscriber::start(agree);
    subscribe(&daemon, &subscriber, "/", &[("hub.secret", "s3cret")]);
    newsroom.article("news/a.md", "Story A", "Second version.");
    delivered(&subscriber, "Second version.");
    // The subscription is durable before its first delivery succeeds twice.
    subscriber.answer(|_| Some(("503 Service Unavailable", String::new())));
    newsroom.article("news/a.md", "Story A", "Third version.");
    delivered(&subscriber, "Third version.");
    delivered(&subscriber, "Third version.");
    daemon.kill();
    drop(daemon);
    subscriber.answer(agree);
    newsroom.article("news/a.md", "Story A", "Fourth version.");
    let _daemon = newsroom.serve();
    let pushed = delivered(&subscriber, "Fourth version.");
    assert_eq!(pushed.header("x-hub-signature"), Some(&*signature("s3cret", &pushed.body)));
}

#[test]
fn retraction_aborts_deliveries_of_the_old_text() {
    let newsroom = newsroom();
    newsroom.article("news/b.md", "Story B", "Harmless.");
    let daemon = newsroom.serve();
    let subscriber = Subscriber::start(agree);
    subscribe(&daemon, &subscriber, "/", &[]);
    // The subscriber hangs in the middle of a delivery.
    subscriber.answer(|_| None);
    newsroom.article("news/a.md", "Story A", "A mistake about Mr Quay.");
    delivered(&subscriber, "A mistake about Mr Quay.");
    subscriber.answer(agree);
    assert!(newsroom.dateline(&["retract", "news/a.md"]).status.success());
    let next = subscriber.next();
    assert!(!next.text().contains("A mistake about Mr Quay."), "{}", next.text());
    assert!(next.text().contains("Harmless."));
}

#[test]
fn subscriptions_follow_a_new_site_url() {
    let newsroom = newsroom();
    let daemon = newsroom.serve();
    let subscriber = Subscriber::start(agree);
    subscribe(&daemon, &subscriber, "/", &[]);
    newsroom.article("news/a.md", "Story A", "Second version.");
    delivered(&subscriber, "Second version.");
    let config = String::from_utf8(std::fs::read(newsroom.path("config/dateline.toml")).expect("readable"));
    let moved = config.expect("UTF-8").replace("http://feeds.courier.example/", "https://new.courier.example/feeds/");
    newsroom.write("config/dateline.toml", moved);
    let pushed = delivered(&subscriber, "https://new.courier.example/feeds/");
    let links = pushed.header("link").expect("links");
    assert!(links.contains("<https://new.courier.example/feeds/hub>; rel=\"hub\""), "{links}");
    assert!(links.contains("<https://new.courier.example/feeds/news/rss.xml>; rel=\"self\""), "{links}");
    // The old name of the topic is enough to leave it, and nothing else.
    let callback = subscriber.url("/");
    let of = |mode| [("hub.mode", mode), ("hub.topic", TOPIC), ("hub.callback", &*callback)];
    assert_eq!(send(&daemon, &of("subscribe")).status, 404);
    assert_eq!(send(&daemon, &of("unsubscribe")).status, 202);
    assert_eq!(subscriber.next().parameter("hub.topic").as_deref(), Some(TOPIC));
    assert_eq!(daemon.post("/feeds/hub", &[FORM], "").status, 400, "with the prefix, too");
}
