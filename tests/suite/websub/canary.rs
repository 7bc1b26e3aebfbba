//! dateline's own subscriptions at the hubs that feeds name.

use ring::hmac;

use super::subscriber::Subscriber;
use crate::newsroom::{CONFIG, Newsroom};

#[test]
fn silent_hub_is_reported_until_it_delivers() {
    let newsroom = Newsroom::new();
    newsroom.article("news/a.md", "Story A", "First version.");
    let hub = Subscriber::start(|_| Some(("202 Accepted", String::new())));
    // The address of the site is that of the daemon, whatever its port.
    let config = CONFIG.replace("http://feeds.courier.example/", "http://127.0.0.1:8080/");
    let url = hub.url("/hub");
    let websub =
        format!("[websub]\nhubs = [\"{url}\"]\nallow_callbacks = [\"127.0.0.0/8\"]\ncanary_within = \"500ms\"\n");
    newsroom.write("config/dateline.toml", format!("{config}\n{websub}"));
    let daemon = newsroom.serve();
    let request = hub.next();
    let base = format!("http://{}", daemon.address());
    let parameter = |name| request.parameter(name).expect(name);
    assert_eq!((parameter("hub.mode"), parameter("hub.topic")), ("subscribe".into(), format!("{base}/rss.xml")));
    let callback = parameter("hub.callback");
    let path = callback.strip_prefix(&base).expect("one of ours");
    assert!(path.starts_with("/hub/") && path.len() > 40, "{path}");
    // The hub's question. Others aren't answered.
    let asked = |path: &str, mode: &str| daemon.get(&format!("{path}?hub.mode={mode}&hub.challenge=c%3D1"), &[]);
    assert_eq!(asked("/hub/guessed", "subscribe").status, 404);
    assert_eq!(asked(path, "unsubscribe").status, 404);
    let confirmed = asked(path, "subscribe");
    assert_eq!((confirmed.status, confirmed.text()), (200, "c=1".to_owned()));
    newsroom.article("news/a.md", "Story A", "Second version.");
    daemon.wait("the silence is reported", |daemon| daemon.body("/readyz").contains("hub-silent"));
    assert!(daemon.body("/readyz").contains(&url));
    // Only a delivery with the right signature counts.
    let body = daemon.body("/rss.xml");
    assert_eq!(daemon.post(path, &[("X-Hub-Signature", "sha256=00")], &body).status, 403);
    assert_eq!(daemon.post(path, &[], &body).status, 403);
    assert!(daemon.body("/readyz").contains("hub-silent"));
    let key = hmac::Key::new(hmac::HMAC_SHA256, parameter("hub.secret").as_bytes());
    let tag = hmac::sign(&key, body.as_bytes());
    let signature = tag.as_ref().iter().fold("sha256=".to_owned(), |text, byte| format!("{text}{byte:02x}"));
    assert_eq!(daemon.post(path, &[("X-Hub-Signature", &signature)], &body).status, 200);
    daemon.wait("the report is withdrawn", |daemon| !daemon.body("/readyz").contains("hub-silent"));
}

#[test]
fn built_in_hub_delivers_to_canary() {
    let newsroom = Newsroom::new();
    newsroom.article("news/a.md", "Story A", "First version.");
    let config = CONFIG.replace("http://feeds.courier.example/", "http://127.0.0.1:8080/");
    let websub = "[websub]\nhub = true\nallow_callbacks = [\"127.0.0.0/8\"]\n[admin]\nlisten = []\n";
    newsroom.write("config/dateline.toml", format!("{config}\n{websub}"));
    let mut command = newsroom.command();
    command.args(["serve", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"]);
    let (daemon, mut printed) = crate::newsroom::Daemon::spawn_talking(&newsroom.path(""), command);
    daemon.wait_until_ready();
    let mut line = String::new();
    std::io::BufRead::read_line(&mut printed, &mut line).expect("it says where operators look");
    let admin = crate::newsroom::Daemon::at(line.split('/').nth(2).expect("an address").to_owned());
    let has = |sample: &str| admin.body("/metrics").lines().any(|line| line == sample);
    admin.wait("dateline subscribes", |_| has("dateline_websub_subscriptions 1"));
    newsroom.article("news/a.md", "Story A", "Second version.");
    admin.wait("the change arrives", |_| has("dateline_websub_deliveries_total{result=\"accepted\"} 1"));
}
