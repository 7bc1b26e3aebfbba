//! Sections that `[[moved]]` renames keep the articles that use their old names, and reloads that shrink feeds are refused.

use std::fs;

use crate::newsroom::{Newsroom, said};

const SITE: &str = "[site]\ntitle = \"Test Courier\"\nurl = \"http://feeds.courier.example/\"\ntag_authority = \"courier.example,2026\"\n\n";

fn config(rest: &str) -> String {
    format!("{SITE}{rest}")
}

fn section(path: &str, keys: &str) -> String {
    format!("[[section]]\npath = \"{path}\"\n{keys}\n")
}

fn moved(from: &str, to: &str) -> String {
    format!("[[moved]]\nfrom = \"{from}\"\nto = \"{to}\"\n")
}

fn write(newsroom: &Newsroom, name: &str, keys: &str) {
    let title = name.rsplit('/').next().unwrap_or(name).trim_end_matches(".md");
    newsroom
        .write(&format!("content/{name}"), format!("---\ntitle: {title}\ndate: 2026-11-20\n{keys}\n---\n\nBody.\n"));
}

/// The titles of a feed's entries, in order.
fn titles(feed: &str) -> String {
    let feed: serde_json::Value = serde_json::from_str(feed).expect("a feed");
    let items = feed["items"].as_array().expect("items").iter();
    let mut titles: Vec<&str> = items.map(|item| item["title"].as_str().expect("a title")).collect();
    titles.sort_unstable();
    titles.join(" ")
}

fn ids(feed: &str) -> Vec<String> {
    let feed: serde_json::Value = serde_json::from_str(feed).expect("a feed");
    let items = feed["items"].as_array().expect("items").iter();
    let mut ids: Vec<String> = items.map(|item| item["id"].as_str().expect("an id").to_owned()).collect();
    ids.sort_unstable();
    ids
}

#[test]
fn articles_with_old_names_stay_in_renamed_sections() {
    let all = section("sciences", "breadcrumb = \"Sciences\"") + &section("world", "");
    let science = moved("/science/", "/sciences/");
    for (what, sections, moves, feed, expected) in [
        (
            "folder, front matter, breadcrumb",
            all.clone(),
            science.clone(),
            "sciences",
            "breadcrumb deep filed folder stated",
        ),
        (
            "a whole address",
            all.clone(),
            moved("/science/", "http://feeds.courier.example/sciences/"),
            "sciences",
            "breadcrumb deep filed folder stated",
        ),
        ("nothing moved", all.clone(), String::new(), "sciences", ""),
        ("another site", all.clone(), moved("/science/", "https://other.example/sciences/"), "sciences", ""),
        ("one document", all.clone(), moved("/science/rss.xml", "/sciences/rss.xml"), "sciences", ""),
        ("a section of the old name", all.clone() + &section("science", ""), science.clone(), "sciences", ""),
        (
            "one below the old name",
            all.clone() + &section("science/deep", ""),
            science.clone(),
            "sciences",
            "breadcrumb filed folder stated",
        ),
        (
            "a section around it",
            section("new", "") + &section("new/science", ""),
            moved("/science/", "/new/science/"),
            "new",
            "breadcrumb deep folder stated",
        ),
        (
            "several names",
            section("knowledge", ""),
            science.replace("sciences", "knowledge") + &moved("/world/", "/knowledge/"),
            "knowledge",
            "breadcrumb deep elsewhere filed folder stated",
        ),
        (
            "patterns",
            section("sciences", "include = [\"science/**\"]"),
            science.clone(),
            "sciences",
            "breadcrumb deep filed folder stated",
        ),
        (
            "no roll-up",
            section("sciences", "roll_up = false\nbreadcrumb = \"S\""),
            science.clone(),
            "sciences",
            "breadcrumb deep filed folder stated",
        ),
    ] {
        let newsroom = Newsroom::new();
        newsroom.write("config/dateline.toml", config(&(sections + &moves)));
        write(&newsroom, "science/folder.md", "");
        write(&newsroom, "science/deep/deep.md", "");
        write(&newsroom, "other/stated.md", "section: science");
        write(&newsroom, "other/filed.md", "sections: [science]");
        write(&newsroom, "world/elsewhere.md", "");
        newsroom.write(
            "content/other/wire.txt",
            "Position: Science > Article\n\nbreadcrumb\n\n2026-11-20 10:00\n\nThe text of it is here.\n",
        );
        let build = newsroom.build("out");
        let found = fs::read_to_string(newsroom.path(&format!("out/{feed}/feed.json"))).expect("a feed");
        assert_eq!(titles(&found), expected, "{what}: {}", said(&build));
        let check = said(&newsroom.dateline(&["check"]));
        let is_told =
            ["content/science", "content/other/stated.md", "content/other/filed.md", "content/other/wire.txt"].map(
                |place| {
                    let place = format!("{place}: warning[section-renamed]");
                    check.contains(&place)
                        || check.contains(&format!("--> {}", place.split(':').next().unwrap_or_default()))
                },
            );
        let is_renamed = !expected.is_empty();
        assert_eq!(check.contains("section-renamed"), is_renamed, "{what}: {check}");
        assert!(!is_renamed || is_told == [true; 4], "{what}: {is_told:?} {check}");
    }
}

#[test]
fn renamed_sections_keep_ids_without_state() {
    let newsroom = Newsroom::new();
    newsroom.write("config/dateline.toml", config(&section("science", "breadcrumb = \"Science\"")));
    write(&newsroom, "science/folder.md", "");
    write(&newsroom, "other/stated.md", "section: science");
    newsroom.build("before");
    newsroom.write("config/dateline.toml", config(&(section("sciences", "") + &moved("/science/", "/sciences/"))));
    fs::remove_dir_all(newsroom.path(".dateline")).unwrap_or_default();
    newsroom.build("after");
    let [before, after] = ["before/science", "after/sciences"]
        .map(|folder| ids(&fs::read_to_string(newsroom.path(&format!("{folder}/feed.json"))).expect("a feed")));
    assert_eq!((before.len(), &before), (2, &after));
}

#[test]
fn reload_that_shrinks_feed_is_refused() {
    let newsroom = Newsroom::new();
    let with = |keys: &str, rest: &str| config(&format!("{}{rest}", section("news", keys)));
    newsroom.write("config/dateline.toml", with("", ""));
    for n in 0..6 {
        write(&newsroom, &format!("news/{}/s{n}.md", if n < 3 { "a" } else { "b" }), &format!("tags: [t{n}]"));
    }
    let daemon = newsroom.serve();
    let reload = |text: String, arguments: &[&str]| {
        newsroom.write("config/dateline.toml", text);
        let output = newsroom.dateline(&[&["reload"], arguments].concat());
        (output.status.code(), said(&output))
    };
    for (what, text, refusal) in [
        ("half of them", with("exclude = [\"news/b/**\"]", ""), "`/news/` (6 before, 3 after)"),
        ("a selector", with("tags = { any = [\"t1\", \"t2\", \"t3\"] }", ""), "`/news/` (6 before, 3 after)"),
        ("all but one", with("roll_up = false\ninclude = [\"news/a/**\"]", ""), "`/news/` (6 before, 3 after)"),
        (
            "a section elsewhere",
            config(&(section("late", "include = [\"news/a/**\"]") + &moved("/news/", "/late/"))),
            "`/news/` (6 before, 3 after in `/late/`)",
        ),
        ("a third", with("tags = { none = [\"t1\", \"t2\"] }", ""), ""),
        ("none", with("", ""), ""),
        ("a smaller window", with("max_items = 1\nmin_items = 1\nmin_residency = \"0s\"", ""), ""),
        (
            "a window that is empty but for its least",
            with("max_age = \"1h\"\nmin_items = 1\nmin_residency = \"0s\"", ""),
            "",
        ),
        ("allowed", with("exclude = [\"news/b/**\"]", "[reload]\nallow = [\"shrink\"]\n"), ""),
        ("all again", with("", ""), ""),
    ] {
        let (code, told) = reload(text, &[]);
        assert_eq!(code, Some(if refusal.is_empty() { 0 } else { 2 }), "{what}: {told}");
        let allow = refusal.is_empty() || told.contains("allow = [\"shrink\"]");
        assert!(told.contains(refusal) && allow, "{what}: {told}");
    }
    // What is emptied is told as such, and force takes everything.
    let (code, told) = reload(with("include = [\"x\"]", ""), &[]);
    assert!(
        code == Some(2) && told.contains("takes away all entries of `/news/`") && !told.contains("a third"),
        "{told}"
    );
    let (code, told) = reload(config(&section("current", "")), &[]);
    assert!(code == Some(2) && told.contains("[[moved]]"), "{told}");
    let (code, told) = reload(with("exclude = [\"news/b/**\"]", ""), &["--force"]);
    assert_eq!(code, Some(0), "{told}");
    daemon.wait("it is taken", |daemon| titles(&daemon.body("/news/feed.json")) == "s0 s1 s2");
}
