//! Deployments: a content directory that is swapped as a whole, Kubernetes volumes, and working copies in which tools remove files for a
//! moment.

mod spellings;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;

use serde_json::Value;

use crate::newsroom::{CONFIG, Daemon, Newsroom, article, printed};

/// Writes a release of the articles: files with their texts.
fn release(newsroom: &Newsroom, name: &str, files: &[(&str, String)]) {
    fs::create_dir_all(newsroom.path(name)).expect("made");
    for (file, text) in files {
        newsroom.write(&format!("{name}/{file}"), text);
    }
}

/// Replaces a link atomically.
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

/// The items of the root feed by title, without their addresses.
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

/// The stories of a release, with a picture and a page. Both contain the version.
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

/// The path of a story's page, according to the root feed.
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

/// The link may be the content directory itself or a folder above it, and changes may be found by events or by scans.
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

        // Changes in the new tree are found.
        newsroom.write(&format!("releases/2{below}/news/pic.png"), "picture 2b");
        newsroom.write(&format!("releases/2{below}/news/v.md"), article("V", "Version 2b. ![pic](pic.png)"));
        shows(&daemon, "2b");

        // Two swaps in a row. The first tree is removed before it is scanned.
        for version in ["3", "4", "5"] {
            deploy(version, &["A", "B", "D"]);
            remove(&newsroom, &format!("releases/{}", version.parse::<u8>().expect("a number") - 1));
        }
        shows(&daemon, "5");
        assert_eq!(titles(&daemon), "A B D V");

        // An article that the new tree withholds goes with the swap. A moved one keeps its id.
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

/// `ln -sfn` removes the link before it creates the new one. That mustn't count as a removal of all articles.
#[test]
fn dangling_content_directory_keeps_articles() {
    let newsroom = Newsroom::new();
    fs::remove_dir(newsroom.path("content")).expect("empty");
    release(&newsroom, "releases/1", &stories("1", &["A", "B", "C"]));
    swap(&newsroom, "releases/1", "content");
    let daemon = newsroom.serve();
    shows(&daemon, "1");
    let before = items(&daemon);
    release(&newsroom, "releases/2", &stories("2", &["A", "B", "C"]));
    // Removed, and linked again a moment later.
    fs::remove_file(newsroom.path("content")).expect("removed");
    remove(&newsroom, "releases/1");
    let reports = || log(&newsroom).matches("code=folder-unreadable place=content help").count();
    daemon.wait("it is reported", |_| reports() == 1);
    assert_eq!((items(&daemon), deleted(&daemon)), (before, 0));
    swap(&newsroom, "releases/2", "content");
    shows(&daemon, "2");
    // A dangling link.
    swap(&newsroom, "releases/none", "content");
    remove(&newsroom, "releases/2");
    daemon.wait("it is reported again", |_| reports() == 2);
    assert_eq!((titles(&daemon), deleted(&daemon)), ("A B C V".to_owned(), 0));
    release(&newsroom, "releases/none", &stories("3", &["A", "B", "C"]));
    shows(&daemon, "3");
    assert!(!log(&newsroom).contains("vanished"), "{}", log(&newsroom));
    assert!(daemon.stop());
}

/// If many articles are missing in the new tree, their removal is held back. Articles that the tree has are published.
#[test]
fn swap_without_many_articles_is_held_back() {
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
    // The articles are back.
    many("3", 30);
    remove(&newsroom, "releases/2");
    shows(&daemon, "3");
    daemon.wait("they are found", |_| {
        log(&newsroom).lines().any(|line| line.contains("resolved: ") && line.contains("code=mass-removal"))
    });
    // The new tree is empty on purpose.
    many("4", 0);
    remove(&newsroom, "releases/3");
    daemon.wait("it is reported", |_| log(&newsroom).contains("32 articles vanished at once"));
    assert_eq!((items(&daemon).len(), deleted(&daemon)), (32, 0));
    many("5", 0);
    let reported = printed(&newsroom.dateline(&["accept-removals"]));
    assert!(reported.contains("32"), "{reported}");
    daemon.wait("they are gone", |daemon| items(daemon).is_empty());
    assert_eq!(deleted(&daemon), 32);
    assert!(daemon.stop());
}

/// Stories and pictures always come from the same tree: no picture is older or newer than its story.
#[test]
fn stories_and_pictures_come_from_same_tree() {
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
            // A version's tree may be removed before the next version is published.
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

/// The content directory, or a folder above it, is replaced by renaming.
#[test]
fn renamed_directory_counts_as_swap() {
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

/// Writes a volume as Kubernetes does: links to files in a hidden folder, through a hidden link that is swapped.
fn volume(newsroom: &Newsroom, base: &str, version: u32, files: &[(&str, String)]) {
    let folder = format!("..2026_{version}");
    for (name, text) in files {
        newsroom.write(&format!("{base}/{folder}/{name}"), text);
        let first = name.split('/').next().expect("a name");
        let link = newsroom.path(&format!("{base}/{first}"));
        if link.symlink_metadata().is_err() {
            symlink(format!("..data/{first}"), link).expect("linked");
        }
    }
    symlink(&folder, newsroom.path(&format!("{base}/..data_tmp"))).expect("linked");
    fs::rename(newsroom.path(&format!("{base}/..data_tmp")), newsroom.path(&format!("{base}/..data")))
        .expect("renamed");
    if version > 1 {
        remove(newsroom, &format!("{base}/..2026_{}", version - 1));
    }
}

#[test]
fn swapped_kubernetes_volume_updates_every_file() {
    for (watch, base) in [("auto", "content"), ("auto", "content/news"), ("poll", "content"), ("poll", "content/news")]
    {
        let newsroom = Newsroom::new();
        configure(&newsroom, &format!("watch = \"{watch}\""));
        let files = |version: u32| {
            let text = |title: &str| article(title, &format!("Version {version}. ![pic](pic.png)"));
            let picture = format!("picture {version}");
            // One file is the same in each version.
            [("k.md", text("K")), ("sub/s.md", text("S")), ("same.md", article("T", "Text.")), ("pic.png", picture)]
        };
        volume(&newsroom, base, 1, &files(1));
        let daemon = newsroom.serve();
        let before = items(&daemon);
        assert_eq!(titles(&daemon), "K S T", "{watch} {base}");
        let picture = format!("/media{}/pic.png", base.trim_start_matches("content"));
        for version in 2..=4 {
            volume(&newsroom, base, version, &files(version));
            let text = format!("Version {version}.");
            daemon.wait(&text, |daemon| daemon.body("/rss.xml").matches(&format!("<p>{text}")).count() >= 2);
            let after = items(&daemon);
            assert_eq!(after.keys().collect::<Vec<_>>(), before.keys().collect::<Vec<_>>());
            assert_eq!(after["T"], before["T"], "{watch} {base}: the same file is the same entry");
            assert_eq!((&after["K"]["id"], &after["S"]["id"]), (&before["K"]["id"], &before["S"]["id"]));
            assert_eq!((daemon.body(&picture), deleted(&daemon)), (format!("picture {version}"), 0));
        }
        assert!(daemon.stop());
    }
}

#[test]
fn swapped_configuration_is_read() {
    let newsroom = Newsroom::new();
    fs::remove_dir_all(newsroom.path("config")).expect("removed");
    newsroom.article("a.md", "A", "Text.");
    let title = |title: &str| [("dateline.toml", CONFIG.replace("Test Courier", title))];
    volume(&newsroom, "maps/one", 1, &title("First Courier"));
    swap(&newsroom, "maps/one", "config");
    // The content directory is relative to the configuration's path in the volume.
    symlink("../content", newsroom.path("maps/content")).expect("linked");
    let daemon = newsroom.serve();
    let shows = |title: &str| daemon.wait(title, |daemon| daemon.body("/rss.xml").contains(title));
    shows("First Courier");
    volume(&newsroom, "maps/one", 2, &title("Second Courier"));
    shows("Second Courier");
    volume(&newsroom, "maps/two", 1, &title("Third Courier"));
    swap(&newsroom, "maps/two", "config");
    shows("Third Courier");
    volume(&newsroom, "maps/two", 2, &title("Fourth Courier"));
    shows("Fourth Courier");
    assert_eq!((titles(&daemon).as_str(), deleted(&daemon)), ("A", 0));
    assert!(daemon.stop());
}

/// Files that version control or a transfer removes for a moment stay public until the tool is done.
#[test]
fn removals_wait_for_active_tools() {
    for sign in [
        "content/.git/index.lock",
        ".git/index.lock",
        ".hg/wlock",
        "content/news/.big.png.x1Y2z3",
        "content/news/b.mp3.part",
    ] {
        let newsroom = Newsroom::new();
        for name in ["a", "b", "m"] {
            newsroom.article(&format!("news/{name}.md"), &name.to_uppercase(), &format!("Text of {name}."));
        }
        let daemon = newsroom.serve();
        let before = items(&daemon);
        newsroom.write(sign, "");
        for name in ["a", "b", "m"] {
            fs::remove_file(newsroom.path(&format!("content/news/{name}.md"))).expect("removed");
        }
        newsroom.article("news/moved.md", "M", "Text of m.");
        daemon.wait("the grace is over", |_| log(&newsroom).contains("removals wait for a tool"));
        let name = sign.rsplit('/').next().expect("a name");
        assert!(log(&newsroom).contains(name), "{}", log(&newsroom));
        assert_eq!((titles(&daemon), deleted(&daemon)), ("A B M".to_owned(), 0), "{sign}");
        newsroom.article("news/a.md", "A", "Text of a.");
        fs::remove_file(newsroom.path(sign)).expect("removed");
        daemon.wait("B is gone", |daemon| titles(daemon) == "A M");
        let after = items(&daemon);
        assert_eq!((&after["A"], &after["M"]["id"]), (&before["A"], &before["M"]["id"]), "{sign}");
        assert_eq!(deleted(&daemon), 1, "{sign}");
        assert!(daemon.stop());
    }
}

/// Explicit retractions and removals in other folders don't wait, and no removal waits longer than `content.removal_hold`.
#[test]
fn lock_delays_no_retraction_or_other_removal() {
    let newsroom = Newsroom::new();
    for (name, title) in [("news/a.md", "A"), ("news/b.md", "B"), ("news/c.md", "C"), ("d.md", "D"), ("e.md", "E")] {
        newsroom.article(name, title, "Text.");
    }
    let daemon = newsroom.serve();
    // A transfer in another folder.
    newsroom.write("content/news/.c.md.x1Y2z3", "");
    fs::remove_file(newsroom.path("content/d.md")).expect("removed");
    daemon.wait("D is gone", |daemon| titles(daemon) == "A B C E");
    newsroom.write(".git/index.lock", "");
    fs::remove_file(newsroom.path("content/e.md")).expect("removed");
    newsroom.write("content/news/a.md", article("A", "Text.").replace("date:", "status: retracted\ndate:"));
    assert!(newsroom.dateline(&["retract", "news/b.md"]).status.success());
    daemon.wait("both are retracted", |daemon| titles(daemon) == "C E Story retracted");
    assert!(daemon.stop());

    let newsroom = Newsroom::new();
    configure(&newsroom, "removal_hold = \"1s\"");
    newsroom.article("a.md", "A", "Text.");
    newsroom.article("b.md", "B", "Text.");
    newsroom.article("c.md", "C", "Text.");
    let daemon = newsroom.serve();
    newsroom.write("content/.git/index.lock", "");
    fs::remove_file(newsroom.path("content/a.md")).expect("removed");
    daemon.wait("A is gone all the same", |daemon| titles(daemon) == "B C");
    assert!(log(&newsroom).contains("removals wait for a tool"));
    // A stale lock.
    newsroom.age("content/.git/index.lock");
    fs::remove_file(newsroom.path("content/b.md")).expect("removed");
    daemon.wait("B is gone, too", |daemon| titles(daemon) == "C");
    assert_eq!(log(&newsroom).matches("removals wait for a tool").count(), 1, "{}", log(&newsroom));
    assert!(daemon.stop());
}
