//! The daemon end to end: files are saved, moved, broken and removed, and the served feeds follow.

use std::fs;
use std::os::unix::fs::symlink;

use dateline::article::ParseOptions;
use dateline::types::ArticlePath;
use jiff::tz::TimeZone;

use crate::newsroom::{CONFIG, Newsroom, article};

const FORMATS: [&str; 3] = ["rss.xml", "atom.xml", "feed.json"];

#[test]
fn feeds_follow_saved_article() {
    let newsroom = Newsroom::new();
    newsroom.article("news/other.md", "Other story", "Stays.");
    let daemon = newsroom.serve();
    let in_all = |title: &str| {
        let feeds = FORMATS.iter().flat_map(|format| {
            ["", "news/", "tags/tide/", "authors/ada%20quay/"].map(|feed| format!("/{feed}{format}"))
        });
        feeds.filter(|feed| daemon.body(feed).contains(title)).count() == 12
    };

    newsroom.article("news/quay.md", "Quay reopens", "First body.");
    daemon.wait("it is in all its feeds", |_| in_all("Quay reopens"));
    assert!(daemon.body("/news/").contains("Quay reopens"), "the page has the headline");

    newsroom.article("news/quay.md", "Quay reopens early", "Second body.");
    daemon.wait("the edit is in all its feeds", |_| in_all("Quay reopens early"));

    // Written in place, slowly. No feed has half of it.
    fs::write(newsroom.path("content/news/quay.md"), "---\ntitle: Half").expect("writable");
    newsroom.article("news/next.md", "Next story", "Comes.");
    daemon.wait("another story is published meanwhile", |_| in_all("Next story"));
    assert!(in_all("Quay reopens early"), "the last good version stays");

    newsroom.write("content/news/quay.md", article("Quay closes", "Third body."));
    daemon.wait("the mended version is in all feeds", |_| in_all("Quay closes"));

    fs::rename(newsroom.path("content/news"), newsroom.path("content/sport")).expect("renamed");
    daemon.wait("a renamed folder is another section", |daemon| {
        !daemon.body("/news/rss.xml").contains("<item>") && daemon.body("/rss.xml").contains("Quay closes")
    });

    fs::remove_file(newsroom.path("content/sport/quay.md")).expect("removed");
    daemon.wait("a removed article is in no feed", |daemon| {
        FORMATS.iter().all(|format| !daemon.body(&format!("/{format}")).contains("Quay closes"))
    });
    assert!(daemon.body("/rss.xml").contains("Other story"));
    assert!(daemon.stop(), "it ends well when asked to");
}

#[test]
fn missing_content_directory_deletes_nothing() {
    let newsroom = Newsroom::new();
    newsroom.article("news/a.md", "Story A", "Body.");
    let daemon = newsroom.serve();
    let before = daemon.get("/rss.xml", &[]);
    fs::rename(newsroom.path("content"), newsroom.path("elsewhere")).expect("renamed");
    daemon.wait("it is noticed", |_| {
        fs::read_to_string(newsroom.path("log")).is_ok_and(|log| log.contains("folder-unreadable"))
    });
    assert_eq!(daemon.get("/rss.xml", &[]).body, before.body);
    fs::rename(newsroom.path("elsewhere"), newsroom.path("content")).expect("renamed");
    newsroom.article("news/b.md", "Story B", "Body.");
    daemon.wait("it goes on when it is back", |daemon| daemon.body("/rss.xml").contains("Story B"));
}

#[test]
fn files_in_new_folders_are_all_found() {
    let newsroom = Newsroom::new();
    let daemon = newsroom.serve();
    for n in 0..40 {
        newsroom.article(&format!("news/2026/{n}/deep/story-{n}.md"), &format!("Story number {n}."), "Body.");
    }
    daemon.wait("all are there", |daemon| {
        let feed = daemon.body("/news/rss.xml");
        (0..40).all(|n| feed.contains(&format!("Story number {n}.")))
    });
}

#[test]
fn reload_applies_all_or_nothing() {
    let newsroom = Newsroom::new();
    newsroom.article("news/a.md", "Story A", "Body.");
    let daemon = newsroom.serve();
    assert_eq!(daemon.get("/sport/rss.xml", &[]).status, 404);
    let etag = daemon.get("/news/rss.xml", &[]).header("etag").map(str::to_owned);

    // A no-op reload changes no byte.
    newsroom.write("config/dateline.toml", format!("{CONFIG}\n# a comment\n"));
    // Replaced by rename.
    newsroom.write("config/dateline.toml", format!("{CONFIG}\n[[section]]\npath = \"sport\"\n"));
    daemon.wait("the section is there", |daemon| daemon.get("/sport/rss.xml", &[]).status == 200);
    assert_eq!(daemon.get("/news/rss.xml", &[]).header("etag").map(str::to_owned), etag);

    // Broken: nothing is applied, and the problem is reported once.
    newsroom.write("config/dateline.toml", format!("{CONFIG}\n[[section]]\npath = \"arts\"\ntilte = \"x\"\n"));
    let log = || fs::read_to_string(newsroom.path("log")).unwrap_or_default();
    daemon.wait("it is reported", |_| log().contains("config-unknown-key"));
    assert_eq!((daemon.get("/arts/rss.xml", &[]).status, daemon.get("/sport/rss.xml", &[]).status), (404, 200));

    // Repaired in place.
    fs::write(newsroom.path("config/dateline.toml"), format!("{CONFIG}\n[[section]]\npath = \"arts\"\n"))
        .expect("writable");
    daemon.wait("the mended one applies", |daemon| {
        daemon.get("/arts/rss.xml", &[]).status == 200 && daemon.get("/sport/rss.xml", &[]).status == 404
    });
    daemon.wait("it is cleared", |_| log().contains("resolved: "));
    assert_eq!(log().matches("ERROR").count(), 1, "{}", log());

    // By a swapped symlink, as Kubernetes does it.
    newsroom.write("config/v1/dateline.toml", CONFIG);
    newsroom.write("config/v2/dateline.toml", format!("{CONFIG}\n[[section]]\npath = \"swapped\"\n"));
    symlink("v1", newsroom.path("config/data")).expect("linked");
    fs::remove_file(newsroom.path("config/dateline.toml")).expect("removed");
    symlink("data/dateline.toml", newsroom.path("config/dateline.toml")).expect("linked");
    daemon.wait("the link's target applies", |daemon| daemon.get("/arts/rss.xml", &[]).status == 404);
    symlink("v2", newsroom.path("config/data.new")).expect("linked");
    fs::rename(newsroom.path("config/data.new"), newsroom.path("config/data")).expect("swapped");
    daemon.wait("the swapped target applies", |daemon| daemon.get("/swapped/rss.xml", &[]).status == 200);

    // Keys that need a restart are named.
    newsroom.write(
        "config/v2/dateline.toml",
        CONFIG.replace("[[section]]", "[server]\nlisten = \"127.0.0.1:1\"\n[[section]]").replacen(
            "[server]\nlisten = \"127.0.0.1:1\"\n[[section]]\npath = \"news/chips\"",
            "[[section]]\npath = \"news/chips\"",
            1,
        ),
    );
    symlink("v2", newsroom.path("config/data.new")).expect("linked");
    fs::rename(newsroom.path("config/data.new"), newsroom.path("config/data")).expect("swapped");
    daemon.wait("it is named", |_| log().contains("config-frozen"));
}

#[test]
fn validators_survive_restart() {
    let newsroom = Newsroom::new();
    newsroom.article("news/chips/a.md", "Story A", &"A body that is long enough to be worth compressing. ".repeat(20));
    let validators = |path: &str, coding: &str| {
        let daemon = newsroom.serve();
        let response = daemon.get(path, &[("Accept-Encoding", coding)]);
        assert_eq!(response.status, 200);
        let etag = response.header("etag").expect("an ETag").to_owned();
        let again = daemon.get(path, &[("Accept-Encoding", coding), ("If-None-Match", &etag)]);
        assert_eq!((again.status, again.body.len(), again.header("etag")), (304, 0, Some(etag.as_str())));
        (etag, response.header("last-modified").map(str::to_owned))
    };
    for path in ["/rss.xml", "/news/chips/atom.xml", "/news/feed.json"] {
        let mut seen = Vec::new();
        for coding in ["identity", "gzip", "br", "zstd"] {
            let first = validators(path, coding);
            assert_eq!(first, validators(path, coding), "{path} {coding}");
            seen.push(first.0);
        }
        seen.dedup();
        assert_eq!(seen.len(), 4, "one tag a coding");
    }
}

#[test]
fn article_pages_and_media_are_served() {
    let newsroom = Newsroom::new();
    newsroom.write("content/news/crane.png", b"\x89PNG not really");
    newsroom.write("content/news/secret.png", b"\x89PNG nobody refers to it");
    newsroom.article("news/crane.md", "Crane moves", "![A crane](crane.png) and **more**.");
    let daemon = newsroom.serve();
    let feed = daemon.body("/news/rss.xml");
    let link = feed
        .split("<link>http://feeds.courier.example")
        .nth(2)
        .and_then(|rest| rest.split("</link>").next())
        .expect("an item link");
    let page = daemon.get(link, &[]);
    assert_eq!(page.status, 200, "{link}");
    assert!(
        page.text().contains("<strong>more</strong>") && page.text().contains("application/rss+xml"),
        "{}",
        page.text()
    );
    let other_slug = format!("/articles/renamed-{}", link.rsplit('-').next().expect("a short id"));
    assert_eq!(daemon.get(&other_slug, &[]).status, 308);
    assert_eq!(daemon.get("/media/news/crane.png", &[]).body, b"\x89PNG not really");
    for refused in
        ["/media/news/secret.png", "/media/../config/dateline.toml", "/media/news/crane.md", "/media/%2e%2e/log"]
    {
        assert!(matches!(daemon.get(refused, &[]).status, 400 | 404), "{refused}");
    }
}

#[test]
fn bad_version_keeps_last_good_one() {
    let corpus = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/suite/cases/articles/bad");
    let newsroom = Newsroom::new();
    newsroom.write("config/dateline.toml", format!("{CONFIG}\n[feeds]\nmax_items = 1000\n"));
    let options = ParseOptions::new("content", TimeZone::get("Asia/Shanghai").expect("bundled"));
    let mut refused = Vec::new();
    for entry in fs::read_dir(corpus).expect("the corpus") {
        let path = entry.expect("readable").path();
        let name = path.file_name().and_then(|name| name.to_str()).expect("UTF-8").to_owned();
        let expected = fs::read_to_string(path.with_file_name(format!("{name}.expected"))).unwrap_or_default();
        if !expected.contains("error[") || name.starts_with("20") {
            continue;
        }
        let bytes = fs::read(&path).expect("readable");
        let withheld = dateline::article::parse(&ArticlePath::new(&name), &bytes, &options).withhold;
        let title = format!("Good version {}.", refused.len());
        let good = match path.extension().and_then(|extension| extension.to_str()) {
            Some("html") => format!(
                "<html><head><meta charset=\"utf-8\"><title>{title}</title><meta property=\"article:published_time\" content=\"2026-11-20T10:00:00Z\">\
                 </head><body><article><h1>{title}</h1><p>Words.</p></article></body></html>"
            ),
            Some("txt") => format!(
                "{}\n\nSource: Desk | 2026-11-20 10:00:00\n\nWords that are a paragraph.\n",
                title.trim_end_matches('.')
            ),
            _ => article(&title, "Words."),
        };
        newsroom.write(&format!("content/news/{name}"), good);
        refused.push((name, title.trim_end_matches('.').to_owned(), bytes, withheld));
    }
    assert!(refused.len() >= 50, "{} refused articles", refused.len());
    let daemon = newsroom.serve();
    let missing = |daemon: &crate::newsroom::Daemon| {
        let feed = daemon.body("/news/feed.json");
        let missing = refused.iter().filter(|(_, title, ..)| {
            !feed.contains(&format!("\"{title}.\"")) && !feed.contains(&format!("\"{title}\""))
        });
        missing.map(|(name, ..)| name.clone()).collect::<Vec<_>>()
    };
    assert_eq!(missing(&daemon), Vec::<String>::new(), "not there to begin with");
    for (name, _, bytes, _) in &refused {
        newsroom.write(&format!("content/news/{name}"), bytes);
    }
    newsroom.article("news/marker.md", "The marker", "Comes after all of them.");
    daemon.wait("what is good is published", |daemon| daemon.body("/news/feed.json").contains("The marker"));
    let log = || fs::read_to_string(newsroom.path("log")).unwrap_or_default();
    daemon
        .wait("each is reported", |_| refused.iter().all(|(name, ..)| log().contains(&format!("content/news/{name}"))));
    // A version with an unreadable embargo withholds the public one, without a notice.
    let mut withheld: Vec<String> =
        refused.iter().filter(|(.., withheld)| *withheld).map(|(name, ..)| name.clone()).collect();
    assert!(withheld.len() > 10, "{withheld:?}");
    withheld.sort();
    daemon.wait("only what has to be is withheld", |daemon| {
        let mut missing = missing(daemon);
        missing.sort();
        missing == withheld
    });
    assert!(!daemon.body("/news/atom.xml").contains("at:deleted-entry"));
    assert!(log().contains("the previous version of this article stays published"));
    assert!(!log().contains("panicked"), "{}", log());
    assert!(daemon.stop());
}

#[test]
fn outside_and_special_files_are_never_read() {
    let newsroom = Newsroom::new();
    newsroom.write("secret.md", article("A secret", "Not to be published."));
    newsroom.write("elsewhere/deep.md", article("Elsewhere", "Not to be published either."));
    newsroom.article("news/a.md", "Story A", "Body.");
    fs::create_dir_all(newsroom.path("content/.hidden")).expect("writable");
    newsroom.article(".hidden/b.md", "Hidden story", "Body.");
    for name in ["news/.c.md.swp", "news/d.md~", "news/#e.md#", "news/.f.md"] {
        fs::write(newsroom.path("content").join(name), article("Temporary", "Body.")).expect("writable");
    }
    symlink("../../secret.md", newsroom.path("content/news/link.md")).expect("linked");
    symlink("../elsewhere", newsroom.path("content/linked")).expect("linked");
    symlink("a.md", newsroom.path("content/news/inside.md")).expect("linked");
    symlink("loop.md", newsroom.path("content/news/loop.md")).expect("linked");
    let fifo =
        std::process::Command::new("mkfifo").arg(newsroom.path("content/news/fifo.md")).status().expect("mkfifo runs");
    assert!(fifo.success());
    let daemon = newsroom.serve();
    let feed = daemon.body("/rss.xml");
    assert_eq!(feed.matches("<item>").count(), 1, "the story, and not again by its link: {feed}");
    for secret in ["A secret", "Elsewhere", "Hidden story", "Temporary"] {
        assert!(!feed.contains(secret), "{secret}");
    }
    daemon.wait("each is reported", |_| {
        let log = fs::read_to_string(newsroom.path("log")).unwrap_or_default();
        ["article-outside", "article-special", "folder-link"].iter().all(|code| log.contains(code))
    });
}

#[test]
fn burst_is_published_together() {
    let newsroom = Newsroom::new();
    newsroom.write("config/dateline.toml", format!("{CONFIG}\n[feeds]\nmax_items = 1000\nformats = [\"json\"]\n"));
    let daemon = newsroom.serve();
    for n in 0..1_000 {
        let folder = newsroom.path(&format!("burst/news/{}", n % 20));
        fs::create_dir_all(&folder).expect("writable");
        fs::write(folder.join(format!("story-{n}.md")), article(&format!("Burst {n}."), "Body.")).expect("writable");
    }
    // Moved in as one folder: the system sends one event.
    fs::rename(newsroom.path("burst/news"), newsroom.path("content/news")).expect("renamed");
    daemon.wait("all are published", |daemon| daemon.body("/news/feed.json").matches("\"Burst ").count() == 1_000);
}
