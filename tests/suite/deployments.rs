//! Directory layouts that deployments make: a content directory that is swapped as a whole, Kubernetes volumes, and working copies in which tools
//! remove files for a moment.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::newsroom::{CONFIG, Daemon, Newsroom, article, said};

/// A release of the newsroom's articles: files and their texts.
fn release(newsroom: &Newsroom, name: &str, files: &[(&str, String)]) {
    fs::create_dir_all(newsroom.path(name)).expect("made");
    for (file, text) in files {
        newsroom.write(&format!("{name}/{file}"), text);
    }
}

/// Has a link lead elsewhere in one step.
fn swap(newsroom: &Newsroom, target: &str, link: &str) {
    let new = newsroom.path(".link");
    symlink(target, &new).expect("linked");
    fs::rename(new, newsroom.path(link)).expect("renamed");
}

fn remove(newsroom: &Newsroom, name: &str) {
    fs::remove_dir_all(newsroom.path(name)).expect("removed");
}

fn configure(newsroom: &Newsroom, keys: &str) {
    newsroom.write("config/dateline.toml", CONFIG.replace("[content]", &format!("[content]\n{keys}")));
}

/// The stories of the root feed: what each says but its address.
fn items(daemon: &Daemon) -> BTreeMap<String, Value> {
    let feed: Value = serde_json::from_str(&daemon.body("/feed.json")).expect("JSON");
    let items = feed["items"].as_array().expect("items").iter();
    let item = |item: &Value| (item["title"].as_str().expect("a title").to_owned(), item.clone());
    items.map(item).collect()
}

fn titles(daemon: &Daemon) -> String {
    items(daemon).into_keys().collect::<Vec<_>>().join(" ")
}

fn deleted(daemon: &Daemon) -> usize {
    let feed: Value = serde_json::from_str(&daemon.body("/feed.json")).expect("JSON");
    feed["_dateline"]["deleted"].as_array().map_or(0, Vec::len)
}

fn log(newsroom: &Newsroom) -> String {
    fs::read_to_string(newsroom.path("log")).expect("a log")
}

/// Stories that every release has, with a picture and a page; the version is in both.
fn stories(version: &str, titles: &[&str]) -> Vec<(&'static str, String)> {
    let mut files = vec![("news/pic.png", format!("picture {version}"))];
    for (name, title) in [("news/a.md", "A"), ("news/b.md", "B"), ("c.md", "C"), ("d.md", "D")] {
        if titles.contains(&title) {
            files.push((name, article(title, &format!("Text of {title}."))));
        }
    }
    files.push(("news/v.md", article("V", &format!("Version {version}. ![pic](pic.png)"))));
    files
}

/// Where the root feed says that a story's page is.
fn page(daemon: &Daemon, title: &str) -> String {
    let url = items(daemon)[title]["url"].as_str().expect("a URL").to_owned();
    let path = url.splitn(4, '/').nth(3).expect("a path");
    daemon.body(&format!("/{path}"))
}

fn shows(daemon: &Daemon, version: &str) {
    daemon.wait(version, |daemon| daemon.body("/rss.xml").contains(&format!("Version {version}.")));
    assert_eq!(daemon.body("/media/news/pic.png"), format!("picture {version}"));
    assert!(page(daemon, "V").contains(&format!("Version {version}.")));
}

/// The link may be the content directory itself or a folder above it, and changes may be told or looked for.
#[test]
fn swapped_content_directory_is_published() {
    for (watch, link, below) in [
        ("auto", "content", ""),
        ("auto", "current", "/content"),
        ("poll", "content", ""),
        ("poll", "current", "/content"),
    ] {
        let newsroom = Newsroom::new();
        fs::remove_dir(newsroom.path("content")).expect("empty");
        configure(&newsroom, &format!("watch = \"{watch}\"\ndirectory = \"../{link}{below}\""));
        let deploy = |version: &str, titles: &[&str]| {
            release(&newsroom, &format!("releases/{version}{below}"), &stories(version, titles));
            swap(&newsroom, &format!("releases/{version}"), link);
        };
        deploy("1", &["A", "B", "C"]);
        let daemon = newsroom.serve();
        shows(&daemon, "1");
        let before = items(&daemon);

        deploy("2", &["A", "B", "D"]);
        remove(&newsroom, "releases/1");
        shows(&daemon, "2");
        daemon.wait("C is gone", |daemon| titles(daemon) == "A B D V");
        assert_eq!(deleted(&daemon), 1, "{watch} {link}");
        let after = items(&daemon);
        for title in ["A", "B"] {
            assert_eq!(after[title], before[title], "{watch} {link}: the same file is the same entry");
        }
        assert_eq!(after["V"]["id"], before["V"]["id"]);

        // The new tree is watched, or looked at.
        newsroom.write(&format!("releases/2{below}/news/pic.png"), "picture 2b");
        newsroom.write(&format!("releases/2{below}/news/v.md"), article("V", "Version 2b. ![pic](pic.png)"));
        shows(&daemon, "2b");

        // One right after the other, and the first is gone before anybody looked at it.
        for version in ["3", "4", "5"] {
            deploy(version, &["A", "B", "D"]);
            remove(&newsroom, &format!("releases/{}", version.parse::<u8>().expect("a number") - 1));
        }
        shows(&daemon, "5");
        assert_eq!(titles(&daemon), "A B D V");

        // What is withheld in the new tree goes with the swap; what moved keeps its id.
        let mut files = stories("6", &["B", "D"]);
        files.push(("news/a.md", article("A", "Text of A.").replace("date:", "draft: true\ndate:")));
        files.iter_mut().filter(|(name, _)| *name == "d.md").for_each(|(name, _)| *name = "news/moved.md");
        release(&newsroom, &format!("releases/6{below}"), &files);
        swap(&newsroom, "releases/6", link);
        remove(&newsroom, "releases/5");
        shows(&daemon, "6");
        assert!(!titles(&daemon).contains('A'), "{watch} {link}");
        daemon.wait("D moved", |daemon| daemon.body("/feed.json").contains("/articles/moved-"));
        assert_eq!(
            (items(&daemon)["D"]["id"].clone(), deleted(&daemon)),
            (after["D"]["id"].clone(), 1),
            "{watch} {link}"
        );
        assert!(daemon.stop());
    }
}

/// Between `rm` and `ln` of `ln -sfn` there is nothing, which says nothing about the articles.
#[test]
fn dangling_content_directory_is_unreachable() {
    let newsroom = Newsroom::new();
    fs::remove_dir(newsroom.path("content")).expect("empty");
    release(&newsroom, "releases/1", &stories("1", &["A", "B", "C"]));
    swap(&newsroom, "releases/1", "content");
    let daemon = newsroom.serve();
    shows(&daemon, "1");
    let before = items(&daemon);
    release(&newsroom, "releases/2", &stories("2", &["A", "B", "C"]));
    // As somebody does it who removes before linking.
    fs::remove_file(newsroom.path("content")).expect("removed");
    remove(&newsroom, "releases/1");
    let reports = || log(&newsroom).matches("ERROR content: error[folder-unreadable]").count();
    daemon.wait("it is reported", |_| reports() == 1);
    assert_eq!((items(&daemon), deleted(&daemon)), (before, 0));
    swap(&newsroom, "releases/2", "content");
    shows(&daemon, "2");
    // A link that leads nowhere.
    swap(&newsroom, "releases/none", "content");
    remove(&newsroom, "releases/2");
    daemon.wait("it is reported again", |_| reports() == 2);
    assert_eq!((titles(&daemon), deleted(&daemon)), ("A B C V".to_owned(), 0));
    release(&newsroom, "releases/none", &stories("3", &["A", "B", "C"]));
    shows(&daemon, "3");
    assert!(!log(&newsroom).contains("vanished"), "{}", log(&newsroom));
    assert!(daemon.stop());
}

/// A tree in which much is missing is held back, as when files vanish one by one; what it has is published.
#[test]
fn swap_that_misses_many_articles_is_held_back() {
    let newsroom = Newsroom::new();
    fs::remove_dir(newsroom.path("content")).expect("empty");
    let many = |version: &str, count: usize| {
        let mut files = stories(version, &["A"]);
        let names: Vec<String> = (0..count).map(|number| format!("many/{number}.md")).collect();
        files.retain(|_| count > 0);
        release(&newsroom, &format!("releases/{version}"), &files);
        for (number, name) in names.iter().enumerate() {
            newsroom.write(&format!("releases/{version}/{name}"), article(&format!("M{number}"), "Text."));
        }
        swap(&newsroom, &format!("releases/{version}"), "content");
    };
    many("1", 30);
    let daemon = newsroom.serve();
    assert_eq!(items(&daemon).len(), 32);
    many("2", 5);
    remove(&newsroom, "releases/1");
    shows(&daemon, "2");
    daemon.wait("it is reported", |_| log(&newsroom).contains("25 articles vanished at once"));
    assert_eq!((items(&daemon).len(), deleted(&daemon)), (32, 0));
    // They are back.
    many("3", 30);
    remove(&newsroom, "releases/2");
    shows(&daemon, "3");
    daemon.wait("they are found", |_| log(&newsroom).contains("mended: content: error[mass-removal]"));
    // Nothing is there at all, and on purpose.
    many("4", 0);
    remove(&newsroom, "releases/3");
    daemon.wait("it is reported", |_| log(&newsroom).contains("32 articles vanished at once"));
    assert_eq!((items(&daemon).len(), deleted(&daemon)), (32, 0));
    many("5", 0);
    let told = said(&newsroom.dateline(&["accept-removals"]));
    assert!(told.contains("32"), "{told}");
    daemon.wait("they are gone", |daemon| items(daemon).is_empty());
    assert_eq!(deleted(&daemon), 32);
    assert!(daemon.stop());
}

/// What readers get is of one tree: no picture is older or newer than the story that it belongs to.
#[test]
fn stories_and_pictures_are_of_one_tree() {
    let newsroom = Newsroom::new();
    fs::remove_dir(newsroom.path("content")).expect("empty");
    release(&newsroom, "releases/0", &stories("0", &["A"]));
    swap(&newsroom, "releases/0", "content");
    let daemon = newsroom.serve();
    shows(&daemon, "0");
    let version = |text: String, before: &str| -> Option<u32> {
        let (_, rest) = text.split_once(before)?;
        rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
    };
    let asker = daemon.twin();
    let asking = std::thread::spawn(move || {
        let (mut rounds, mut last) = (0, 0);
        while last < 12 {
            let first = version(asker.body("/rss.xml"), "Version ").expect("a version");
            let picture = version(asker.body("/media/news/pic.png"), "picture ");
            let second = version(asker.body("/rss.xml"), "Version ").expect("a version");
            // The tree of a version may be gone before the next one is published.
            if let Some(picture) = picture {
                assert!((first..=second).contains(&picture), "{first} {picture} {second}");
                rounds += 1;
            }
            last = second;
        }
        rounds
    });
    for number in 1..=12 {
        release(&newsroom, &format!("releases/{number}"), &stories(&number.to_string(), &["A"]));
        swap(&newsroom, &format!("releases/{number}"), "content");
        shows(&daemon, &number.to_string());
        remove(&newsroom, &format!("releases/{}", number - 1));
    }
    assert!(asking.join().expect("consistent") > 12);
    assert!(daemon.stop());
}

/// A directory that is replaced by renaming is another one, too, and so is a folder above it.
#[test]
fn renamed_directories_are_swaps() {
    let newsroom = Newsroom::new();
    fs::remove_dir(newsroom.path("content")).expect("empty");
    configure(&newsroom, "directory = \"../site/content\"");
    release(&newsroom, "site/content", &stories("1", &["A", "B"]));
    let daemon = newsroom.serve();
    shows(&daemon, "1");
    let before = items(&daemon);
    for (version, folder, new) in [("2", "site", "next/content"), ("3", "site/content", "next")] {
        release(&newsroom, new, &stories(version, &["A", "B"]));
        fs::rename(newsroom.path(folder), newsroom.path("last")).expect("renamed");
        fs::rename(newsroom.path("next"), newsroom.path(folder)).expect("renamed");
        remove(&newsroom, "last");
        shows(&daemon, version);
        let after = items(&daemon);
        assert_eq!((&after["A"], &after["B"], deleted(&daemon)), (&before["A"], &before["B"], 0), "{folder}");
    }
    assert!(daemon.stop());
}
