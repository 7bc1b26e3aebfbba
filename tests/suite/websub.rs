//! WebSub: what feeds say about hubs, and the built-in hub with real subscribers.

mod canary;
mod hub;
mod publisher;
mod subscriber;

use crate::newsroom::{CONFIG, Newsroom};

#[test]
fn feeds_name_their_hubs_in_header_and_document() {
    let newsroom = Newsroom::new();
    let partner = "[[section.feed]]\nprofile = \"msn\"\n";
    let sections = CONFIG.replace("path = \"news\"\n", &format!("path = \"news\"\n{partner}"));
    let hubs = "[websub]\nhub = true\nhubs = [\"https://hub.example/?a=1&b\", \"https://hub.example/?a=1&b\"]\n";
    newsroom.write("config/dateline.toml", format!("{sections}\n{hubs}"));
    newsroom.article("news/a.md", "Story A", "Body.");
    let daemon = newsroom.serve();
    let base = "http://feeds.courier.example/";
    for folder in ["", "news/", "news/chips/", "tags/tide/", "authors/ada%20quay/"] {
        for name in ["rss.xml", "atom.xml", "feed.json"] {
            let path = format!("/{folder}{name}");
            let expected = format!(
                "<{base}hub>; rel=\"hub\", <https://hub.example/?a=1&b>; rel=\"hub\", <{base}{folder}{name}>; rel=\"self\""
            );
            let whole = daemon.get(&path, &[]);
            let tag = whole.header("etag").expect("a tag").to_owned();
            let coded = daemon.get(&path, &[("Accept-Encoding", "gzip")]);
            let unchanged = daemon.get(&path, &[("If-None-Match", &tag)]);
            assert_eq!(unchanged.status, 304);
            for response in [&whole, &coded, &unchanged, &daemon.head(&path, &[])] {
                let links: Vec<_> = response.headers.iter().filter(|(name, _)| name == "link").collect();
                assert_eq!(links.len(), 1, "{path} {}", response.status);
                assert_eq!(response.header("link"), Some(&*expected), "{path} {}", response.status);
            }
            let text = whole.text();
            let in_document = match name {
                "feed.json" => format!(
                    "\"hubs\":[{{\"type\":\"WebSub\",\"url\":\"{base}hub\"}},{{\"type\":\"WebSub\",\"url\":\"https://hub.example/?a=1&b\"}}]"
                ),
                "rss.xml" => format!(
                    "<atom:link href=\"{base}hub\" rel=\"hub\"/><atom:link href=\"https://hub.example/?a=1&amp;b\" rel=\"hub\"/>"
                ),
                _ => format!(
                    "<link href=\"{base}hub\" rel=\"hub\"/><link href=\"https://hub.example/?a=1&amp;b\" rel=\"hub\"/>"
                ),
            };
            assert!(text.contains(&in_document), "{path}: {text}");
        }
    }
    for path in ["/news/msn.xml", "/", "/feeds.opml"] {
        let response = daemon.get(path, &[]);
        assert_eq!(response.status, 200);
        assert!(!response.text().contains("rel=\"hub\""), "{path}");
        assert!(!response.header("link").unwrap_or_default().contains("rel=\"hub\""), "{path}");
    }
    // Another hub is another head of every feed.
    newsroom.write("config/dateline.toml", &sections);
    daemon.wait("no feed names a hub", |daemon| daemon.get("/news/rss.xml", &[]).header("link").is_none());
    assert!(!daemon.body("/news/feed.json").contains("hubs"));
}
