//! Restricted text and media appear nowhere: not in documents, pages, media files, written files or the log.

use std::collections::{BTreeMap, BTreeSet};

use crate::newsroom::{CONFIG, Daemon, Newsroom, files, printed};

/// A word that only members may read.
const PAID: &str = "CANARY";
const BASE: &str = "http://feeds.courier.example";

fn page(keys: &str, text: &str) -> String {
    format!(
        "---\ntitle: Quay\ndate: 2026-11-20 10:00\nsummary: Written summary.\ntags: [tide]\nimage: free.png\n\
         media: [{{url: paid.mp3, length: 5}}]\n{keys}\n---\n\n{text}\n"
    )
}

const TEXT: &str = "Free words.\n\n![](above.png)\n\n<!--members-only-->\n\nCANARY words.\n\n![CANARY](paid.png)\n";

fn html(keys: &str) -> String {
    format!(
        "<!DOCTYPE html><html><head><title>Gate</title><meta name=date content=2026-11-20>\
         <script type=\"application/ld+json\">{{\"@type\":\"NewsArticle\",\"headline\":\"Gate\",{keys}}}</script></head>\
         <body><article><h1>Gate</h1><p>Free words.</p><div class=wall><figure><img src=paid.png alt=CANARY></figure>\
         <p>CANARY words.</p></div></article></body></html>"
    )
}

fn newsroom() -> Newsroom {
    let newsroom = Newsroom::new();
    for name in ["free.png", "above.png", "paid.png", "paid.mp3"] {
        newsroom.write(&format!("content/news/{name}"), "bytes");
    }
    newsroom.article("news/other.md", "Other", "Stays.");
    newsroom
}

/// Every document that is linked from the start page or from these paths, directly or indirectly.
fn served(daemon: &Daemon, more: &[String]) -> BTreeMap<String, String> {
    let start = ["/", "/feeds.opml", "/rss.xml", "/atom.xml", "/feed.json", "/news/", "/news/rss.xml", "/tags/tide/"];
    let mut left: Vec<String> = start.into_iter().map(str::to_owned).chain(more.iter().cloned()).collect();
    let mut seen = BTreeSet::new();
    let mut found = BTreeMap::new();
    while let Some(path) = left.pop() {
        if !seen.insert(path.clone()) {
            continue;
        }
        let response = daemon.get(&path, &[]);
        let text = String::from_utf8_lossy(&response.body).into_owned();
        for url in text.split(BASE).skip(1) {
            let end = url.find(['"', '<', '&', ' ', '\\', '#']).unwrap_or(url.len());
            left.push(url[..end].to_owned());
        }
        if response.status == 200 {
            found.insert(path, text);
        }
    }
    found
}

/// The written feed files, empty before the first publication.
fn written(newsroom: &Newsroom) -> BTreeMap<String, String> {
    let feeds = newsroom.path("feeds");
    let found = if feeds.is_dir() { files(&feeds) } else { BTreeMap::new() };
    found.into_iter().map(|(name, bytes)| (name, String::from_utf8_lossy(&bytes).into_owned())).collect()
}

/// The places where paid content is public.
fn leaks(newsroom: &Newsroom, daemon: &Daemon, more: &[String]) -> Vec<String> {
    let served = served(daemon, more);
    let mut leaks: Vec<String> = served
        .iter()
        .filter(|(_, text)| text.contains(PAID) || text.contains("paid."))
        .map(|(path, _)| path.clone())
        .collect();
    for name in ["paid.png", "paid.mp3"] {
        let path = format!("/media/news/{name}");
        leaks.extend((daemon.get(&path, &[]).status != 404).then_some(path));
    }
    let files = written(newsroom).into_iter().filter(|(_, text)| text.contains(PAID) || text.contains("paid."));
    leaks.extend(files.map(|(name, _)| format!("feeds/{name}")));
    let log = std::fs::read_to_string(newsroom.path("log")).unwrap_or_default();
    leaks.extend(log.contains(PAID).then(|| "log".to_owned()));
    leaks
}

/// The path of the page of an article in the root feed.
fn address(daemon: &Daemon, title: &str) -> Option<String> {
    let json: serde_json::Value = serde_json::from_str(&daemon.body("/feed.json")).expect("JSON");
    let item = json["items"].as_array()?.iter().find(|item| item["title"] == title)?.clone();
    Some(item["url"].as_str()?.replace(BASE, ""))
}

#[test]
fn restricted_text_is_never_exposed() {
    let newsroom = newsroom();
    for (name, keys) in [
        ("members", "visibility: members"),
        ("premium", "premium: true"),
        ("private", "private: true"),
        ("unlisted-premium", "unlisted: true\npremium: true"),
        ("password", "password: x"),
        ("unreadable", "visibility: gold"),
    ] {
        newsroom.write(&format!("content/news/{name}.md"), page(&format!("slug: {name}\n{keys}"), TEXT));
    }
    newsroom.write("content/news/unmarked.md", page("paid: true\nslug: unmarked", "CANARY words.\n\n![](paid.png)\n"));
    newsroom.write(
        "content/news/gate.html",
        html(r#""isAccessibleForFree":"False","hasPart":{"@type":"WebPageElement","isAccessibleForFree":false,"cssSelector":".wall"}"#),
    );
    newsroom.write("content/news/closed.html", html(r#""isAccessibleForFree":false"#).replace("Gate", "Closed"));
    let daemon = newsroom.serve();
    daemon.wait("all is there", |daemon| daemon.body("/news/rss.xml").contains("Closed"));
    assert_eq!(leaks(&newsroom, &daemon, &[]), Vec::<String>::new());
    let json: serde_json::Value = serde_json::from_str(&daemon.body("/news/feed.json")).expect("JSON");
    let mut items: Vec<String> = json["items"]
        .as_array()
        .expect("items")
        .iter()
        .map(|item| {
            let (html, summary) =
                (item["content_html"].as_str().unwrap_or_default(), item["summary"].as_str().unwrap_or_default());
            let url = item["url"].as_str().unwrap_or_default().rsplit('/').next().unwrap_or_default();
            let name = url.rsplit_once('-').expect("a short id").0;
            format!("{name}: {summary} free={} picture={}", html.contains("Free words"), html.contains("above.png"))
        })
        .collect();
    items.sort();
    assert_eq!(
        items,
        [
            "closed: Closed free=false picture=false",
            "gate: Free words. free=true picture=false",
            "members: Written summary. free=true picture=true",
            "other: Stays. free=false picture=false",
            "premium: Written summary. free=true picture=true",
            "unmarked: Written summary. free=false picture=false",
        ]
    );
    for (name, status) in [("free.png", 200), ("above.png", 200), ("paid.png", 404), ("paid.mp3", 404)] {
        assert_eq!(daemon.get(&format!("/media/news/{name}"), &[]).status, status, "{name}");
    }
}

#[test]
fn unlisted_article_has_page_only() {
    let newsroom = newsroom();
    newsroom.write("content/news/a.md", page("", "CANARY words.\n\n![](inside.png)\n"));
    newsroom.write("content/news/inside.png", "bytes");
    let daemon = newsroom.serve();
    daemon.wait("it is there", |daemon| address(daemon, "Quay").is_some());
    let path = address(&daemon, "Quay").expect("there");
    assert!(!daemon.body(&path).contains("noindex"));
    newsroom.write("content/news/a.md", page("unlisted: true", "CANARY words.\n\n![](inside.png)\n"));
    daemon.wait("it left", |daemon| served(daemon, &[]).values().all(|text| !text.contains(PAID)));
    let page = daemon.get(&path, &[]);
    assert_eq!(page.status, 200);
    assert!(page.text().contains("<meta name=\"robots\" content=\"noindex\">") && page.text().contains(PAID));
    assert_eq!(daemon.get("/media/news/inside.png", &[]).status, 200, "its page shows it");
    let json = daemon.body("/news/feed.json");
    assert!(!json.contains("deleted"), "no notice: {json}");
    assert!(daemon.body("/tags/tide/").contains(">Other<") && !daemon.body("/tags/tide/").contains(">Quay<"));
    let explained = printed(&newsroom.dateline(&["explain", "content/news/a.md"]));
    assert!(explained.contains("unlisted (`unlisted`)") && explained.contains("line 7"), "{explained}");
}

#[test]
fn paid_unlisted_article_shows_its_pictures() {
    for (paid, status) in [("full", 200), ("teaser", 404)] {
        let newsroom = newsroom();
        newsroom.write("config/dateline.toml", CONFIG.replace("[content]", &format!("[content]\npaid = {paid:?}")));
        newsroom.write("content/news/a.md", page("", TEXT));
        let daemon = newsroom.serve();
        daemon.wait("it is there", |daemon| address(daemon, "Quay").is_some());
        let path = address(&daemon, "Quay").expect("there");
        newsroom.write("content/news/a.md", page("unlisted: true\npremium: true", TEXT));
        daemon.wait("it is unlisted", |daemon| daemon.body(&path).contains("noindex"));
        assert_eq!(daemon.body(&path).contains(PAID), status == 200, "{paid}");
        assert_eq!(daemon.get("/media/news/above.png", &[]).status, 200, "{paid}");
        assert_eq!(daemon.get("/media/news/paid.png", &[]).status, status, "{paid}");
        assert_eq!(daemon.get("/media/news/paid.mp3", &[]).status, status, "{paid}");
    }
}

#[test]
fn restricted_article_leaves_no_trace() {
    for (keys, status) in [("private: true", 404), ("visibility: members", 200)] {
        let newsroom = newsroom();
        newsroom.write("content/news/a.md", page("visibility: public", TEXT));
        let daemon = newsroom.serve();
        daemon.wait("it is there", |daemon| daemon.body("/news/rss.xml").contains(PAID));
        daemon.wait("it is written", |_| written(&newsroom).values().any(|text| text.contains(PAID)));
        let path = address(&daemon, "Quay").expect("there");
        assert_eq!(daemon.get("/media/news/paid.mp3", &[]).status, 200);
        newsroom.write("content/news/a.md", page(keys, TEXT));
        let more = [path.clone()];
        daemon.wait("it is nowhere", |daemon| leaks(&newsroom, daemon, &more).is_empty());
        assert_eq!(daemon.get(&path, &[]).status, status, "{keys}");
        assert!(!daemon.body("/news/feed.json").contains("deleted"), "{keys}: no notice");
        // The same after a restart.
        drop(daemon);
        let daemon = newsroom.serve();
        assert_eq!(leaks(&newsroom, &daemon, &more), Vec::<String>::new(), "{keys}");
        // The author can make it public again, under the same id.
        newsroom.write("content/news/a.md", page("visibility: public", TEXT));
        daemon.wait("it is back", |daemon| {
            address(daemon, "Quay").as_ref() == Some(&path) && daemon.body("/news/rss.xml").contains(PAID)
        });
    }
}

#[test]
fn reload_changes_access_to_paid_articles() {
    let newsroom = newsroom();
    newsroom.write("content/news/a.md", page("visibility: paid", TEXT));
    let configure = |paid: &str| {
        newsroom.write("config/dateline.toml", CONFIG.replace("[content]", &format!("[content]\npaid = \"{paid}\"")));
        let reload = newsroom.dateline(&["reload"]);
        assert!(reload.status.success(), "{}", printed(&reload));
    };
    let daemon = newsroom.serve();
    let path = address(&daemon, "Quay").expect("there");
    let more = [path.clone()];
    let explained = || printed(&newsroom.dateline(&["explain", "content/news/a.md"]));
    assert_eq!(leaks(&newsroom, &daemon, &more), Vec::<String>::new());
    assert!(explained().contains("paid (`visibility`)") && explained().contains("teaser"), "{}", explained());
    let updated = |daemon: &Daemon| {
        let json: serde_json::Value = serde_json::from_str(&daemon.body("/feed.json")).expect("JSON");
        json["items"]
            .as_array()
            .expect("items")
            .iter()
            .map(|item| item["date_modified"].to_string())
            .collect::<Vec<_>>()
    };
    let before = updated(&daemon);
    for _ in 0..2 {
        configure("full");
        daemon.wait("all of it is there", |daemon| daemon.body("/news/rss.xml").contains(PAID));
        assert!(daemon.body(&path).contains(PAID));
        assert_eq!(daemon.get("/media/news/paid.mp3", &[]).status, 200);
        assert_eq!(updated(&daemon), before, "a configuration change doesn't update the article");
        daemon.wait("it is written", |_| written(&newsroom).values().any(|text| text.contains(PAID)));
        // When the command answers, the paid text is already gone.
        configure("teaser");
        let served = served(&daemon, &more);
        assert!(served.values().all(|text| !text.contains(PAID)), "at once");
        assert!(served["/news/rss.xml"].contains("Quay"), "the teaser stays");
        daemon.wait("the free part is there", |daemon| daemon.body("/news/rss.xml").contains("Free words"));
        daemon.wait("it is nowhere", |daemon| leaks(&newsroom, daemon, &more).is_empty());
        assert_eq!(updated(&daemon), before, "a configuration change doesn't update the article");
    }
    configure("omit");
    assert_eq!(address(&daemon, "Quay"), None);
    assert_eq!(daemon.get(&path, &[]).status, 404);
    daemon.wait("it is nowhere", |daemon| leaks(&newsroom, daemon, &more).is_empty());
    assert!(!daemon.body("/news/feed.json").contains("deleted"), "no notice");
    assert!(explained().contains("left out"), "{}", explained());
    configure("teaser");
    daemon.wait("it is back", |daemon| address(daemon, "Quay").as_ref() == Some(&path));
}
