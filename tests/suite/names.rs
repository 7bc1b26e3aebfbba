//! Tags, authors and sections with unusual names: every advertised address is served, and is a file in the output directory.

use std::collections::BTreeSet;
use std::fs;

use crate::newsroom::{CONFIG, Daemon, Newsroom, files, printed};

/// A name, and the segment of its address.
const NAMES: &[(&str, &str)] = &[
    ("AC/DC", "ac~2Fdc"),
    (r"a\b", "a~5Cb"),
    ("/", "~2F"),
    ("//", "~2F~2F"),
    (".", "~2E"),
    ("..", "~2E~2E"),
    ("../../etc", "..~2F..~2Fetc"),
    ("<b>", "%3Cb%3E"),
    ("C#", "c%23"),
    ("50%", "50%25"),
    ("a?b", "a%3Fb"),
    ("inc.", "inc."),
    (" trail ", "trail"),
    (".net", ".net"),
    ("%2f", "%252f"),
    // Ordinary names.
    ("a~b", "a~b"),
    ("b~2Fc", "b~2fc"),
    ("d~7E", "d~7e"),
    ("\u{1F600}", "%F0%9F%98%80"),
    ("CON", "con"),
    ("nul", "nul"),
    ("a:b", "a%3Ab"),
    ("a*b", "a%2Ab"),
    ("p|p", "p%7Cp"),
    ("a\u{7}b", "ab"),
    ("rss.xml", "rss.xml"),
];

fn quoted(name: &str) -> String {
    serde_json::to_string(name).expect("a string")
}

/// All values of these attributes.
fn addresses(text: &str, attributes: &[&str]) -> BTreeSet<String> {
    let found = attributes.iter().flat_map(|attribute| {
        let start = format!(" {attribute}=\"");
        text.split(&start)
            .skip(1)
            .map(|rest| rest.split('"').next().expect("a value").replace("&amp;", "&"))
            .collect::<Vec<_>>()
    });
    found.filter(|address| address.starts_with("http://feeds.courier.example/")).collect()
}

fn path(address: &str) -> &str {
    address.strip_prefix("http://feeds.courier.example").expect("dateline's own")
}

/// A path as a web server decodes it.
fn decoded(path: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = path.trim_start_matches('/').bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let hex = [rest.next(), rest.next()].map(|digit| char::from(digit.expect("a digit")));
                u8::from_str_radix(&hex.iter().collect::<String>(), 16).expect("hexadecimal")
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).expect("UTF-8")
}

/// Follows all links from the list of feeds. Returns the number of addresses.
fn follow(daemon: &Daemon, newsroom: &Newsroom) -> usize {
    let opml = daemon.body("/feeds.opml");
    let mut waiting = addresses(&opml, &["xmlUrl", "htmlUrl"]);
    let mut seen = BTreeSet::new();
    while let Some(address) = waiting.pop_first() {
        if !seen.insert(address.clone()) {
            continue;
        }
        let response = daemon.get(path(&address), &[]);
        assert_eq!(response.status, 200, "{address}");
        let text = response.text();
        let links = response.header("link").unwrap_or_default().split('<').skip(1);
        waiting.extend(links.map(|link| link.split('>').next().expect("an address").to_owned()));
        if address.ends_with(".json") {
            let feed: serde_json::Value = serde_json::from_str(&text).expect("JSON");
            assert_eq!(feed["feed_url"], address);
        } else {
            if address.ends_with(".xml") {
                assert!(text.contains(&format!("href=\"{address}\"")), "{address} states its own address: {text}");
            }
            waiting.extend(addresses(&text, &["href"]));
        }
        if !address.ends_with('/') && !address.contains("/articles/") {
            let file = newsroom.path("feeds").join(decoded(path(&address)));
            daemon.wait(&format!("{} is written", file.display()), |_| {
                fs::read(&file).is_ok_and(|there| there == response.body)
            });
        }
    }
    seen.len()
}

#[test]
fn every_advertised_address_is_served_and_written() {
    let newsroom = Newsroom::new();
    let sections = ["C#", "50%", "inc.", "a~b", "<b>", "a:b", "news/x?y", "~2F"];
    let sections: String = sections.iter().map(|name| format!("[[section]]\npath = {}\n", quoted(name))).collect();
    newsroom.write("config/dateline.toml", format!("{CONFIG}{sections}"));
    for (number, (name, _)) in NAMES.iter().enumerate() {
        let name = quoted(name);
        let text =
            format!("---\ntitle: Story {number}\ndate: 2026-11-20\nauthors: [{name}]\ntags: [{name}]\n---\n\nText.\n");
        newsroom.write(&format!("content/news/{number}.md"), text);
    }
    let daemon = newsroom.serve();
    for (number, (name, segment)) in NAMES.iter().enumerate() {
        for taxonomy in ["tags", "authors"] {
            let feed = daemon.get(&format!("/{taxonomy}/{segment}/rss.xml"), &[]);
            assert!(feed.status == 200 && feed.text().contains(&format!("Story {number}<")), "{name}: {feed:?}");
        }
    }
    // A page and three feeds of each, of the root and of ten sections, and the articles.
    let followed = follow(&daemon, &newsroom);
    assert_eq!(followed, (2 * NAMES.len() + 11) * 4 + NAMES.len() + 1, "{}", daemon.body("/feeds.opml"));
    assert!(daemon.stop());
}

#[test]
fn only_too_long_names_are_shortened() {
    let newsroom = Newsroom::new();
    let names = ["y".repeat(500), "\u{65B0}".repeat(500), "/".repeat(500), "\u{1F600}".repeat(500)];
    for (number, name) in names.iter().enumerate() {
        let text = format!("---\ntitle: Story {number}\ndate: 2026-11-20\nauthors: [{}]\n---\n\nText.\n", quoted(name));
        newsroom.write(&format!("content/news/{number}.md"), text);
    }
    let daemon = newsroom.serve();
    let addresses = addresses(&daemon.body("/feeds.opml"), &["htmlUrl"]);
    let authors: Vec<&str> =
        addresses.iter().map(|address| path(address)).filter(|path| path.starts_with("/authors/")).collect();
    assert_eq!(authors.len(), names.len());
    assert!(authors.contains(&&*format!("/authors/{}/", names[0])), "it works as it is: {authors:?}");
    for path in authors {
        assert_eq!(daemon.get(path, &[]).status, 200, "{path}");
        assert!(path.len() < 3_400, "proxies take it: {path}");
    }
    let written = newsroom.path("feeds/authors");
    daemon.wait("all are written", |_| {
        files(&newsroom.path("feeds")).keys().filter(|name| name.starts_with("authors/")).count() == 3 * names.len()
    });
    let longest =
        fs::read_dir(written).expect("readable").map(|entry| entry.expect("readable").file_name().len()).max();
    assert!(longest.is_some_and(|longest| longest <= 255));
}

#[test]
fn colliding_folders_are_written_once_and_reported() {
    for (one, other, routes) in [
        ("[[section]]\npath = \"News\"\n", "", ["/News/", "/news/"]),
        ("", "inc. inc", ["/tags/inc/", "/tags/inc./"]),
        ("", "a/b a~2fb", ["/tags/a~2Fb/", "/tags/a~2fb/"]),
    ] {
        let newsroom = Newsroom::new();
        newsroom.write("config/dateline.toml", format!("{CONFIG}{one}"));
        let tags: Vec<String> = other.split(' ').filter(|tag| !tag.is_empty()).map(quoted).collect();
        let text = format!(
            "---\ntitle: Story\ndate: 2026-11-20\ntags: [{}]\nsections: [News]\n---\n\nText.\n",
            tags.join(", ")
        );
        newsroom.write("content/news/a.md", text);
        let build = newsroom.dateline(&["build"]);
        let text = printed(&build);
        let report = text.split("\n\n").find(|part| part.contains("output-collision")).unwrap_or_default();
        assert!(routes.iter().all(|route| report.contains(&format!("`{route}`"))), "{routes:?}: {text}");
        assert!(build.status.success(), "{text}");
        let written = files(&newsroom.path("feeds"));
        let folded: BTreeSet<String> = written.keys().map(|name| name.to_lowercase().replace("./", "/")).collect();
        assert_eq!(folded.len(), written.len(), "{:?}", written.keys());
        let [first, second] = routes.map(|route| written.contains_key(&decoded(&format!("{route}rss.xml"))));
        assert!(first && !second, "{:?}", written.keys());
        // Both are served. When one disappears, the other is written.
        let daemon = newsroom.serve();
        for route in routes {
            assert!(
                daemon.body(&format!("{route}rss.xml")).contains(&format!("feeds.courier.example{route}rss.xml\"")),
                "{route}"
            );
        }
        if !other.is_empty() {
            let (_, kept) = other.split_once(' ').expect("two");
            let kept = if routes[1].contains("inc.") { "inc." } else { kept };
            newsroom.write(
                "content/news/a.md",
                format!("---\ntitle: Story\ndate: 2026-11-20\ntags: [\"{kept}\"]\n---\n\nText.\n"),
            );
            let file = newsroom.path("feeds").join(decoded(&format!("{}rss.xml", routes[1])));
            daemon.wait("the other is written", |_| file.is_file());
        }
    }
}
