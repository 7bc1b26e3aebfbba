//! Small sites of other generators. Each has the entries that its generator publishes (`entries.txt`) and the feed that dateline makes of
//! the same files (`rss.xml`). `UPDATE_GOLDEN=1` rewrites the feeds, but not the entries.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::newsroom::{CONFIG, Daemon, Newsroom, files, printed};

fn cases(site: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/suite/cases/sites").join(site)
}

/// The entries of a feed by link: title, date, categories and summary.
type Entries = BTreeMap<String, [String; 4]>;

const FIELDS: [&str; 4] = ["title", "date", "categories", "summary"];

/// The entries that a generator publishes.
fn generated(entries: &str) -> Entries {
    let lines: Vec<&str> = entries.lines().map(str::trim).collect();
    let entry = |lines: &[&str]| {
        let [title, date, link, categories, summary] = lines else { panic!("five lines an entry, not {lines:?}") };
        ((*link).to_owned(), [title, date, categories, summary].map(|text| (*text).to_owned()))
    };
    lines.chunks(5).map(entry).collect()
}

/// The entries of dateline's feed.
fn published(feed: &Value) -> Entries {
    let entry = |item: &Value| {
        let text = |key: &str| item[key].as_str().unwrap_or_default().to_owned();
        let mut tags: Vec<&str> = item["tags"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        tags.sort_unstable();
        let date: jiff::Timestamp = text("date_published").parse().expect("a date");
        (text("url"), [text("title"), date.to_string(), tags.join(", "), text("summary")])
    };
    feed["items"].as_array().expect("items").iter().map(entry).collect()
}

/// The differences between two feeds, as (entry, field).
fn differences(theirs: &Entries, ours: &Entries) -> BTreeSet<(String, &'static str)> {
    let mut found = BTreeSet::new();
    for link in theirs.keys().chain(ours.keys()) {
        match (theirs.get(link), ours.get(link)) {
            (Some(theirs), Some(ours)) => {
                let fields = FIELDS.iter().zip(theirs.iter().zip(ours)).filter(|(_, (theirs, ours))| theirs != ours);
                found.extend(fields.map(|(field, _)| (link.clone(), *field)));
            }
            _ => drop(found.insert((link.clone(), "entry"))),
        }
    }
    found
}

/// Whether the differences are exactly those that are listed. `*` stands for all entries that both feeds have.
fn assert_intended(site: &str, theirs: &Entries, ours: &Entries) {
    let list = fs::read_to_string(cases("differences.json")).expect("a list");
    let list: Value = serde_json::from_str(&list).expect("JSON");
    let listed = list[site].as_array().expect("a list for each site").iter().map(|difference| {
        let text = |key: &str| difference[key].as_str().expect("a text").to_owned();
        (text("entry"), text("field"))
    });
    let listed: BTreeSet<(String, String)> = listed.collect();
    let found = differences(theirs, ours).into_iter().map(|(link, field)| {
        let everywhere = ("*".to_owned(), field.to_owned());
        if listed.contains(&everywhere) { everywhere } else { (link, field.to_owned()) }
    });
    assert_eq!(found.collect::<BTreeSet<_>>(), listed, "{site}: {theirs:#?}\n{ours:#?}");
}

#[test]
fn sites_of_generators_are_published_unchanged() {
    for site in ["hugo", "zola", "jekyll", "pelican", "eleventy", "astro"] {
        let cases = cases(site);
        // A copy, because the state of an earlier run would change the result.
        let copy = tempfile::tempdir().expect("a scratch directory");
        for (name, bytes) in files(&cases) {
            let file = copy.path().join(name);
            fs::create_dir_all(file.parent().expect("below a folder")).expect("writable");
            fs::write(file, bytes).expect("writable");
        }
        let build = Command::new(env!("CARGO_BIN_EXE_dateline"))
            .current_dir(copy.path())
            .args(["build", "--config", "dateline.toml", "--out", "out"])
            .output()
            .expect("dateline runs");
        assert!(build.status.success(), "{site}: {}", printed(&build));
        let feed = fs::read(copy.path().join("out/feed.json")).expect("a feed");
        let feed: Value = serde_json::from_slice(&feed).expect("JSON");
        let entries = fs::read_to_string(cases.join("entries.txt")).expect("the entries");
        assert_intended(site, &generated(&entries), &published(&feed));
        let rss = fs::read(copy.path().join("out/rss.xml")).expect("a feed");
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(cases.join("rss.xml"), &rss).expect("writable");
            fs::write(cases.join("diagnostics.txt"), &build.stderr).expect("writable");
        }
        let golden = |name: &str| fs::read(cases.join(name)).unwrap_or_default();
        assert!(golden("rss.xml") == rss, "{site}: rss.xml differs: UPDATE_GOLDEN=1 and look at `git diff`");
        let reported = String::from_utf8_lossy(&build.stderr).into_owned();
        assert_eq!(reported, String::from_utf8_lossy(&golden("diagnostics.txt")), "{site}");
    }
}

#[test]
fn manual_lists_differences_from_generators() {
    let list = fs::read_to_string(cases("differences.json")).expect("a list");
    let list: Value = serde_json::from_str(&list).expect("JSON");
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/src/migrating.md");
    let page = fs::read_to_string(page).expect("a page of the manual");
    for (site, differences) in list.as_object().expect("a table of sites") {
        for difference in differences.as_array().expect("a list for each site") {
            let row = format!(
                "| {} | {} |",
                difference["field"].as_str().unwrap_or_default(),
                difference["reason"].as_str().unwrap_or_default()
            );
            let row = page
                .lines()
                .find(|line| line.ends_with(&row) && line.to_lowercase().starts_with(&format!("| {site} ")));
            assert!(row.is_some(), "docs/src/migrating.md has no row for {difference}");
        }
    }
}

#[test]
fn links_follow_the_articles_they_name() {
    let newsroom = Newsroom::new();
    let other = |slug: &str| format!("---\ntitle: B\ndate: 2026-11-20\nslug: {slug}\n---\n\nText.\n");
    newsroom.write("content/news/b.md", other("old"));
    newsroom.article("news/a.md", "A", "See [one](b.md#x), [two](@/news/b.md) and [three]({filename}b.md).");
    let daemon = newsroom.serve();
    let feed = |daemon: &Daemon| daemon.body("/news/feed.json");
    daemon.wait("all links lead to the article", |daemon| {
        feed(daemon).matches("/articles/old-").count() >= 4 && feed(daemon).contains("#x")
    });
    newsroom.write("content/news/b.md", other("new"));
    daemon.wait("the links follow", |daemon| {
        feed(daemon).matches("/articles/new-").count() >= 4 && !feed(daemon).contains("/articles/old-")
    });
    newsroom.write("content/news/b.md", other("new").replace("slug", "draft: true\nslug"));
    daemon.wait("no link leads to the draft", |daemon| {
        feed(daemon).contains("\"A\"") && !feed(daemon).contains("/articles/new-")
    });
}

#[test]
fn pages_of_sections_withhold_the_articles_below() {
    let newsroom = Newsroom::new();
    newsroom.article("news/plans/a.md", "Story A", "Secret.");
    newsroom.article("news/b.md", "Story B", "Text.");
    newsroom.write("content/news/plans/_index.md", "---\ncascade:\n  draft: true\n---\n");
    let daemon = newsroom.serve();
    daemon.wait("the other story is there", |daemon| daemon.body("/feed.json").contains("Story B"));
    assert!(!daemon.body("/feed.json").contains("Story A"));
    let explained = printed(&newsroom.dateline(&["explain", "content/news/plans/a.md"]));
    assert!(explained.contains("news/plans/_index.md withholds the articles below it"), "{explained}");
    newsroom.write("content/news/plans/_index.md", "---\ntitle: Plans\n---\n");
    daemon.wait("the story becomes public", |daemon| daemon.body("/feed.json").contains("Story A"));
    for page in ["---\ndraft: true\ntitle: Plans\n---\n", "---\ntitle: [\ndraft: true\n---\n"] {
        newsroom.write("content/news/plans/_index.md", page);
        daemon.wait("the story is withheld", |daemon| !daemon.body("/feed.json").contains("Story A"));
        newsroom.write("content/news/plans/_index.md", "---\ntitle: Plans\n---\n");
        daemon.wait("the story becomes public again", |daemon| daemon.body("/feed.json").contains("Story A"));
    }
    assert!(!daemon.body("/atom.xml").contains("deleted-entry"), "{}", daemon.body("/atom.xml"));
}

#[test]
fn data_files_of_eleventy_withhold_articles() {
    let newsroom = Newsroom::new();
    for (name, title) in
        [("news/a.md", "Story 1"), ("news/b.md", "Story 2"), ("news/deep/c.md", "Story 3"), ("d.md", "Story 4")]
    {
        newsroom.article(name, title, "Text.");
    }
    newsroom.write("content/news/news.json", r#"{"layout": "post", "tags": ["posts"]}"#);
    let daemon = newsroom.serve();
    let shows = |daemon: &Daemon, expected: &str| {
        let feed = daemon.body("/feed.json");
        ["1", "2", "3", "4"].iter().all(|name| feed.contains(&format!("Story {name}")) == expected.contains(name))
    };
    daemon.wait("all stories are there", |daemon| shows(daemon, "1234"));
    for (file, text, expected) in [
        ("news/a.11tydata.json", r#"{"permalink": false}"#, "234"),
        ("news/a.11tydata.json", r#"{"permalink": false"#, "234"),
        ("news/a.11tydata.json", r#"{"title": "x"}"#, "1234"),
        ("news/news.json", r#"{"eleventyExcludeFromCollections": true}"#, "4"),
        ("news/news.json", "[1, 2]", "1234"),
        ("news/deep/deep.11tydata.json", r#"{"draft": true, "tags": "posts"}"#, "124"),
        ("content.11tydata.json", r#"{"draft": true}"#, ""),
        ("content.11tydata.json", "{}", "124"),
    ] {
        newsroom.write(&format!("content/{file}"), text);
        daemon.wait(&format!("{file} is {text}"), |daemon| shows(daemon, expected));
    }
    newsroom.write("content/news/a.11tydata.json", r#"{"permalink": false}"#);
    daemon.wait("the story is withheld", |daemon| shows(daemon, "24"));
    let explained = printed(&newsroom.dateline(&["explain", "content/news/a.md"]));
    assert!(explained.contains("news/a.11tydata.json withholds"), "{explained}");
    let explained = printed(&newsroom.dateline(&["explain", "content/news/a.11tydata.json"]));
    assert!(explained.contains("It is not an article: it is a data file of Eleventy"), "{explained}");
    std::fs::remove_file(newsroom.path("content/news/a.11tydata.json")).expect("it is there");
    daemon.wait("the story is public again", |daemon| shows(daemon, "124"));
}

/// The date of a page whose `<time>` is unusable comes from the text in it, otherwise from the path.
#[test]
fn unusable_time_elements_have_other_dates() {
    let newsroom = Newsroom::new();
    let page =
        |shown: &str| format!("<h1>Ships</h1><time datetime=\"nonsense\">{shown}</time><p>The ships are back.</p>");
    for (name, shown, expected) in [
        ("news/a.html", "Wed 08 August 2012", "2012-08-08"),
        ("news/2012/08/09/b.html", "some day", "2012-08-09"),
        ("news/2012/08/10/c/index.html", "", "2012-08-10"),
        ("news/2012-08-11-d.html", "soon", "2012-08-11"),
        ("news/2012/08/12/e.html", "8 August 2012", "2012-08-08"),
    ] {
        newsroom.write(&format!("content/{name}"), page(shown));
        let explained = printed(&newsroom.dateline(&["explain", &format!("content/{name}")]));
        let date = explained.lines().find(|line| line.trim_start().starts_with("date "));
        assert!(date.is_some_and(|date| date.contains(expected)), "{name}: {explained}");
    }
}

#[test]
fn files_that_are_no_stories_are_explained() {
    let newsroom = Newsroom::new();
    for (name, text, reason) in [
        ("about.md", "# About\n\nWe are.\n", "pages here about the site"),
        ("news/archive.md", "---\ntitle: All\nlayout: archives\n---\nx\n", "pages here that list stories"),
        ("news/notes.txt", "Buy milk\n\nand bread for the newsroom.\n", "text files here without a date"),
        ("requirements.txt", "flask==3.0\n", "`requirements.txt` of `content.ignore`"),
        ("robots.txt", "User-agent: *\n", "`robots.txt` of `content.ignore`"),
    ] {
        newsroom.write(&format!("content/{name}"), text);
        let explained = printed(&newsroom.dateline(&["explain", &format!("content/{name}")]));
        assert!(explained.contains("It is not an article") && explained.contains(reason), "{name}: {explained}");
    }
    newsroom.write("content/news/x.adoc", "= Title\n");
    let checked = printed(&newsroom.dateline(&["check"]));
    assert!(checked.contains("Org here are ignored") && checked.contains("0 articles, 0 published"), "{checked}");
}

#[test]
fn subscribers_of_replaced_tools_find_the_feeds() {
    let newsroom = Newsroom::new();
    newsroom.article("news/quay.md", "Quay", "Text.");
    let daemon = newsroom.serve();
    let location = |path: &str| daemon.get(path, &[]).header("location").map(str::to_owned);
    assert_eq!((daemon.get("/feed/", &[]).status, location("/feed/")), (404, None));
    let aliases = "[site]\nfeed_aliases = [\"wordpress\", \"hugo\"]\n";
    newsroom.write("config/dateline.toml", CONFIG.replace("[site]\n", aliases));
    daemon.wait("the addresses redirect", |daemon| daemon.get("/feed/", &[]).status == 301);
    for (old, new) in
        [("/feed/", "rss.xml"), ("/news/feed/atom/", "news/atom.xml"), ("/news/index.xml", "news/rss.xml")]
    {
        assert_eq!(location(old), Some(format!("http://feeds.courier.example/{new}")), "{old}");
    }
    assert_eq!((daemon.get("/favicon.ico", &[]).status, daemon.get("/robots.txt", &[]).status), (204, 200));
    newsroom.write("config/dateline.toml", CONFIG);
    daemon.wait("the addresses are unknown", |daemon| daemon.get("/feed/", &[]).status == 404);
}
