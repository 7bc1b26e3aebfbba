//! Links in the content directory: nothing outside it is read, and no article is published twice.

use std::fs;
use std::os::unix::fs::symlink;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::newsroom::{Daemon, Newsroom, article, printed};

/// A picture and a story that show whether they were read.
const SECRET: &str = "Not for anybody";

fn link(newsroom: &Newsroom, target: &str, name: &str) {
    let place = newsroom.path("content").join(name);
    fs::create_dir_all(place.parent().expect("a folder")).expect("made");
    // Replaces an existing link atomically.
    let new = place.with_file_name(".link");
    symlink(target, &new).expect("linked");
    fs::rename(new, place).expect("renamed");
}

/// Publishes an article, and waits until it is public, so that earlier changes have been processed.
fn mark(newsroom: &Newsroom, daemon: &Daemon, title: &str) {
    newsroom.article(&format!("mark/{title}.md"), title, "Text.");
    daemon.wait("the mark is there", |daemon| daemon.body("/rss.xml").contains(title));
}

fn count(daemon: &Daemon, text: &str) -> usize {
    daemon.body("/rss.xml").matches(&format!("<title>{text}</title>")).count()
}

#[test]
fn links_never_lead_out_of_the_content_directory() {
    let newsroom = Newsroom::new();
    newsroom.write("elsewhere/deep.md", article("Deep", SECRET));
    newsroom.write("elsewhere/deep.png", SECRET);
    newsroom.write("elsewhere/other.png", SECRET);
    for (target, name) in
        [("../elsewhere", "linked"), ("/", "news/root"), ("../../elsewhere/other.png", "news/pic.png")]
    {
        link(&newsroom, target, name);
    }
    let passwd = "root/etc/passwd";
    newsroom.article("news/a.md", "Story A", &format!("![a](../linked/deep.png) ![b](pic.png) [c]({passwd})"));
    newsroom.article("b.md", "Story B", "![a](linked/deep.png) [c](news/root/etc/hostname)");
    let check = printed(&newsroom.dateline(&["check"]));
    for name in ["content/linked", "content/news/root", "content/news/pic.png"] {
        let place = format!("--> {name}\n");
        assert_eq!(check.matches(&place).count(), 1, "{name} is reported once: {check}");
    }
    assert!(check.contains("leads out of the content directory") && check.contains("bind-mount it"), "{check}");

    let daemon = newsroom.serve();
    let is_safe = |daemon: &Daemon| {
        for path in [
            "/media/linked/deep.png",
            "/media/news/pic.png",
            "/media/news/root/etc/passwd",
            "/media/news/root/etc/hostname",
            "/media/linked/deep.md",
        ] {
            assert_eq!(daemon.get(path, &[]).status, 404, "{path}");
        }
        assert!(!daemon.body("/rss.xml").contains(SECRET));
    };
    is_safe(&daemon);
    // Changes outside have no effect, whether the link existed before or is created later.
    link(&newsroom, "../elsewhere", "later");
    link(&newsroom, "../../elsewhere/deep.md", "news/later.md");
    newsroom.write("elsewhere/deep.md", article("Deeper", SECRET));
    newsroom.write("elsewhere/new.md", article("New", SECRET));
    mark(&newsroom, &daemon, "One");
    daemon.wait("both are reported", |_| {
        let log = fs::read_to_string(newsroom.path("log")).expect("a log");
        log.contains("content/later") && log.contains("content/news/later.md")
    });
    newsroom.write("elsewhere/newer.md", article("Newer", SECRET));
    mark(&newsroom, &daemon, "Two");
    is_safe(&daemon);
    assert!(daemon.stop());
}

#[test]
fn article_with_two_paths_is_published_once() {
    let newsroom = Newsroom::new();
    newsroom.article("news/a.md", "Story A", "Text of A.");
    newsroom.article(".store/k.md", "Story K", "Text of K.");
    newsroom.article(".store/sub/s.md", "Story S", "Text of S.");
    newsroom.write("content/.store/sub/s.png", "A picture");
    for (target, name) in [
        // Links to visible folders aren't followed.
        ("news", "zz"),
        ("news/a.md", "copy.md"),
        (".", "news/round"),
        // The first of these links names the article.
        (".store/k.md", "y.md"),
        ("../.store/k.md", "news/x.md"),
        (&newsroom.path("content/.store/k.md").display().to_string(), "news/w.md"),
        (".store/sub", "sub"),
        (".store/sub", "tub"),
        ("../..", ".store/sub/up"),
    ] {
        link(&newsroom, target, name);
    }
    let daemon = newsroom.serve();
    let is_once = |daemon: &Daemon| {
        for title in ["Story A", "Story K", "Story S"] {
            assert_eq!(count(daemon, title), 1, "{title}: {}", daemon.body("/rss.xml"));
        }
    };
    is_once(&daemon);
    newsroom.article("news/a.md", "Story A", "Edited A.");
    newsroom.article(".store/k.md", "Story K", "Edited K.");
    daemon.wait("both edits are there", |daemon| {
        let feed = daemon.body("/rss.xml");
        feed.contains("Edited A.") && feed.contains("Edited K.")
    });
    mark(&newsroom, &daemon, "Mark");
    is_once(&daemon);
    for (given, named) in [
        ("zz/a.md", "content/news/a.md"),
        ("copy.md", "content/news/a.md"),
        ("y.md", "content/news/w.md"),
        ("news/x.md", "content/news/w.md"),
        ("tub/s.md", "content/sub/s.md"),
    ] {
        let reported = printed(&newsroom.dateline(&["explain", given]));
        assert!(reported.lines().next().is_some_and(|line| line == named), "{given}: {reported}");
    }
    let check = printed(&newsroom.dateline(&["check"]));
    assert!(check.contains("this is a link to `content/news`, whose articles are read there"), "{check}");
    assert!(check.contains("this is a link to `content/news/a.md`, which is the same article"), "{check}");
    assert!(printed(&newsroom.dateline(&["retract", "copy.md"])).contains("news/a.md"));
    daemon.wait("it is retracted", |daemon| count(daemon, "Story A") == 0);
    assert!(daemon.stop());
}

#[test]
fn changed_links_are_noticed() {
    let newsroom = Newsroom::new();
    let version = |name: &str, text: &str| newsroom.article(&format!("..{name}/k.md"), "Story K", text);
    version("one", "First text.");
    link(&newsroom, "..one", "..data");
    link(&newsroom, "..data/k.md", "k.md");
    newsroom.article("news/a.md", "Story A", "Text.");
    let daemon = newsroom.serve();
    assert_eq!(count(&daemon, "Story K"), 1);
    let shows = |text: &str| {
        daemon.wait(text, |daemon| daemon.body("/rss.xml").contains(text));
        assert_eq!(count(&daemon, "Story K"), 1, "{text}");
    };
    // Kubernetes swaps a volume, twice. Then the target is edited in place.
    for (name, text) in [("two", "Second text."), ("three", "Third text.")] {
        version(name, text);
        link(&newsroom, &format!("..{name}"), "..data");
        shows(text);
    }
    version("three", "Fourth text.");
    shows("Fourth text.");
    // The link is retargeted, broken, repaired and removed.
    link(&newsroom, "..two/k.md", "k.md");
    shows("Second text.");
    link(&newsroom, "..none/k.md", "k.md");
    daemon.wait("it leads nowhere", |daemon| count(daemon, "Story K") == 0);
    version("none", "Fifth text.");
    shows("Fifth text.");
    // A second link to the file. Then the first one is removed.
    link(&newsroom, "../..none/k.md", "news/k.md");
    mark(&newsroom, &daemon, "Mark");
    assert_eq!(count(&daemon, "Story K"), 1);
    fs::remove_file(newsroom.path("content/k.md")).expect("removed");
    daemon.wait("it has the other name", |daemon| daemon.body("/news/rss.xml").contains("Fifth text."));
    assert_eq!(count(&daemon, "Story K"), 1);
    fs::remove_file(newsroom.path("content/news/k.md")).expect("removed");
    daemon.wait("it is gone", |daemon| count(daemon, "Story K") == 0);
    // A link to a hidden folder is created.
    link(&newsroom, "..two", "named");
    shows("Second text.");
    assert!(daemon.stop());
}

#[test]
fn swapped_picture_link_leaks_no_outside_file() {
    let newsroom = Newsroom::new();
    newsroom.write("elsewhere/secret.png", SECRET);
    newsroom.article("news/a.md", "Story A", "![a](a.png)");
    newsroom.write("content/news/a.png", "Public");
    let daemon = newsroom.serve();
    daemon.wait("the picture is there", |daemon| daemon.get("/media/news/a.png", &[]).status == 200);
    let (stop, folder) = (AtomicBool::new(false), newsroom.path("content/news"));
    let (mut leaked, mut served) = (0, 0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                let swapped = fs::write(folder.join(".a"), "Public")
                    .and_then(|()| symlink("../../elsewhere/secret.png", folder.join(".b")))
                    .and_then(|()| fs::rename(folder.join(".b"), folder.join("a.png")))
                    .and_then(|()| fs::rename(folder.join(".a"), folder.join("a.png")));
                swapped.expect("possible");
            }
        });
        let askers = (0..3).map(|_| {
            scope.spawn(|| {
                let answers = (0..1_000).filter_map(|_| daemon.try_get("/media/news/a.png", &[]).ok());
                let bodies = answers.filter(|answer| answer.status == 200).map(|answer| answer.body);
                bodies.fold((0, 0), |(leaked, served), body| (leaked + usize::from(body != b"Public"), served + 1))
            })
        });
        let askers: Vec<_> = askers.collect();
        for asker in askers {
            let (some, all) = asker.join().unwrap_or((1, 0));
            (leaked, served) = (leaked + some, served + all);
        }
        stop.store(true, Ordering::Relaxed);
    });
    assert!(leaked == 0 && served > 0, "{leaked} of {served}");
    assert!(daemon.stop());
}
