//! Anchors and footnotes within an article, and the end of its summary, in feeds and on its page.

use std::collections::BTreeSet;

use crate::newsroom::{CONFIG, Newsroom, files};

const BODY: &str =
    "[Jump](#setup) or [there](#go).\n\n## Setup\n\nText[^1] and more[^1].\n\n## Elsewhere {#go}\n\n[^1]: The note.";

/// The values of an attribute, whether its quotation marks are escaped or not.
fn values(text: &str, attribute: &str) -> Vec<String> {
    let plain = text.replace("\\\"", "\"").replace("&quot;", "\"");
    let start = format!(" {attribute}=\"");
    plain.split(&start).skip(1).map(|rest| rest.split('"').next().unwrap_or_default().to_owned()).collect()
}

#[test]
fn references_point_to_targets_on_same_page() {
    let newsroom = Newsroom::new();
    newsroom.article("news/a.md", "Story A", BODY);
    newsroom.article("news/b.md", "Story B", BODY);
    let daemon = newsroom.serve();
    for name in ["/news/feed.json", "/news/rss.xml", "/news/atom.xml"] {
        let feed = daemon.body(name);
        let ids = values(&feed, "id");
        assert_eq!(ids.len(), 2 * 5, "{name}: two headings, a note and two references in each: {feed}");
        assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len(), "{name}: no id appears twice");
        assert_eq!(ids.iter().filter(|id| id.starts_with("fn")).count(), 2 * 3, "{name}");
        let references: Vec<String> =
            values(&feed, "href").into_iter().filter(|address| address.contains('#')).collect();
        assert_eq!(references.len(), 2 * 6, "{name}: {references:?}");
        for reference in references {
            let (address, fragment) = reference.split_once('#').expect("a fragment");
            assert!(address.starts_with("http://feeds.courier.example/articles/"), "{reference}");
            let page = daemon.body(address.trim_start_matches("http://feeds.courier.example"));
            assert!(page.contains(&format!(" id=\"{fragment}\"")), "{reference} leads nowhere");
            if fragment.starts_with("fn") {
                assert!(ids.iter().any(|id| id == fragment), "{name}: pop-ups look for {fragment} in the feed");
            }
        }
    }
}

#[test]
fn targets_of_all_formats_are_unique() {
    let newsroom = Newsroom::new();
    let note = "<p>Text<sup id=\"fnref1\"><a href=\"#fn1\">1</a></sup>, <a href=\"#intro\">top</a>.</p>\n\n\
                <ol><li id=\"fn1\">Note. <a href=\"#fnref1\">back</a></li></ol>\n\n<p><a name=\"place\"></a>There: <a href=\"#place\">here</a>.</p>\n";
    for name in ["a", "b"] {
        let page = format!(
            "<html><head><meta name=date content=2026-11-20></head><body><article><h1 id=intro>Page {name}</h1>{note}</article></body></html>"
        );
        newsroom.write(&format!("content/news/{name}.html"), page);
        newsroom.write(&format!("content/news/2026-11-20-{name}-md.md"), format!("# Text {name} {{#intro}}\n\n{note}"));
    }
    let daemon = newsroom.serve();
    let feed = daemon.body("/news/feed.json");
    let ids = values(&feed, "id");
    assert_eq!(ids.len(), 4 * 4, "{feed}");
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len(), "no id appears twice: {ids:?}");
    let references: Vec<String> = values(&feed, "href").into_iter().filter(|address| address.contains('#')).collect();
    assert_eq!(references.len(), 4 * 4, "{references:?}");
    for reference in references {
        let (address, fragment) = reference.split_once('#').expect("a fragment");
        assert!(ids.iter().any(|id| id.starts_with(fragment)), "{reference}");
        let page = daemon.body(address.trim_start_matches("http://feeds.courier.example"));
        assert_eq!(page.matches(&format!(" id=\"{fragment}\"")).count(), 1, "{reference}: {page}");
    }
}

#[test]
fn anchors_use_article_url() {
    let newsroom = Newsroom::new();
    let content = "[content]\narticle_url = \"https://www.courier.example/{section}/{slug}.html\"\n";
    newsroom.write("config/dateline.toml", CONFIG.replace("[content]\n", content));
    newsroom.article("news/a.md", "Story A", BODY);
    assert!(newsroom.dateline(&["build"]).status.success());
    let feeds = files(&newsroom.path("feeds"));
    let json = String::from_utf8_lossy(&feeds["news/feed.json"]).into_owned();
    assert!(json.contains("https://www.courier.example/news/a.html#setup"), "{json}");
    assert!(json.contains("https://www.courier.example/news/a.html#fn1-"), "{json}");
}

#[test]
fn summary_ends_at_marker() {
    let newsroom = Newsroom::new();
    newsroom.write("config/dateline.toml", format!("{CONFIG}\n[feeds]\ncontent = \"summary\"\n"));
    newsroom.article("news/a.md", "Story A", "Visible beginning.\n\n<!--more-->\n\nCovert rest.");
    newsroom.article("news/b.md", "Story B", "<!-- more -->\n\nCovert rest.");
    newsroom.write(
        "content/news/c.html",
        "<title>Story C</title><meta name=date content=2026-11-20><article><p>Visible page.</p><!-- excerpt --><p>Covert rest.</p></article>",
    );
    newsroom.write(
        "content/news/d.md",
        "---\ntitle: Story D\ndate: 2026-11-20\nsummary: Stated words.\n---\n\nCovert beginning.\n\n<!--more-->\n\nCovert rest.\n",
    );
    assert!(newsroom.dateline(&["build"]).status.success());
    for (name, bytes) in files(&newsroom.path("feeds/news")).iter().filter(|(name, _)| !name.contains('/')) {
        let text = String::from_utf8_lossy(bytes);
        for visible in ["Visible beginning.", "Visible page.", "Stated words.", "Story B"] {
            assert!(text.contains(visible), "{name}: {visible}");
        }
        assert!(!text.contains("Covert") && !text.contains("more--"), "{name}: {text}");
    }
}
