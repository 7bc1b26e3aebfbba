//! A restart, a copy on another host, and a reload without changes give the same bytes, ETags and dates.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::newsroom::{CONFIG, Daemon, Newsroom, files, printed};

/// ETag and `Last-Modified` of each document in each coding.
type Validators = BTreeMap<(String, &'static str), (String, Option<String>)>;

const CODINGS: [&str; 3] = ["identity", "gzip", "br"];

/// The paths of all documents: feeds, OPML, section pages and article pages.
fn routes(newsroom: &Newsroom, daemon: &Daemon) -> Vec<String> {
    // Exit code 2: an article is invalid.
    assert_eq!(newsroom.build("fresh").status.code(), Some(2));
    let encode = |name: &String| -> String {
        name.split('/').map(|segment| format!("/{}", dateline::encoding::encode_segment(segment))).collect()
    };
    let mut routes: Vec<String> = files(&newsroom.path("fresh")).keys().map(encode).collect();
    let feed: serde_json::Value = serde_json::from_str(&daemon.body("/feed.json")).expect("JSON");
    let items = feed["items"].as_array().expect("items");
    // The page of a retracted story answers 410.
    for item in items.iter().filter(|item| item["title"] != "Story retracted") {
        routes.push(item["url"].as_str().expect("a URL").replace("http://feeds.courier.example", ""));
    }
    routes.extend(["/", "/news/", "/news/chips/"].map(str::to_owned));
    routes
}

fn validators(daemon: &Daemon, routes: &[String]) -> Validators {
    let each = routes.iter().flat_map(|route| CODINGS.map(|coding| (route.clone(), coding)));
    let ask = |(route, coding): (String, &'static str)| {
        let answer = daemon.get(&route, &[("Accept-Encoding", coding)]);
        assert_eq!(answer.status, 200, "{route}");
        let etag = answer.header("etag").expect("an ETag").to_owned();
        ((route, coding), (etag, answer.header("last-modified").map(str::to_owned)))
    };
    each.map(ask).collect()
}

/// Asserts that every document is unchanged for a client that has it.
fn poll(daemon: &Daemon, known: &Validators, when: &str) {
    for ((route, coding), (etag, _)) in known {
        let answer = daemon.get(route, &[("Accept-Encoding", coding), ("If-None-Match", etag)]);
        assert_eq!(answer.status, 304, "{route} in {coding} {when}");
    }
}

/// Starts a daemon, and polls it from the beginning, before it's ready.
fn start(newsroom: &Newsroom, known: &Validators, when: &str) -> Daemon {
    let daemon = newsroom.serve_unready();
    daemon.wait("it is ready", |daemon| {
        for ((route, coding), (etag, _)) in known {
            let answer = daemon.get(route, &[("Accept-Encoding", coding), ("If-None-Match", etag)]);
            if answer.status == 503 {
                return false;
            }
            assert_eq!(answer.status, 304, "{route} in {coding} {when}");
        }
        true
    });
    poll(&daemon, known, when);
    assert_eq!(
        &validators(&daemon, &known.keys().map(|(route, _)| route.clone()).collect::<Vec<_>>()),
        known,
        "{when}"
    );
    daemon
}

#[test]
fn restart_copy_and_noop_reload_change_nothing() {
    let newsroom = Newsroom::new();
    newsroom.article("news/ships.md", "Ships", "The ships are back.");
    newsroom.article("news/gone.md", "Gone", "It is deleted.");
    newsroom.article("news/chips/short.md", "Chips run short", &"Long enough to be compressed. ".repeat(100));
    newsroom.article("news/wrong.md", "Wrong", "It is retracted.");
    newsroom.write("content/科技/undated.md", "# Undated\n\nIts date is when it was seen.\n");
    newsroom.article("news/edited.md", "Edited", "Before.");
    newsroom.article("news/broken.md", "Broken", "The last good version.");
    let daemon = newsroom.serve();
    // Changes that only the state remembers.
    fs::remove_file(newsroom.path("content/news/gone.md")).expect("there");
    fs::rename(newsroom.path("content/news/ships.md"), newsroom.path("content/boats.md")).expect("movable");
    newsroom.article("news/edited.md", "Edited", "After.");
    newsroom.write("content/news/broken.md", "---\ntitle: [\n---\n");
    assert_eq!(newsroom.dateline(&["retract", "content/news/wrong.md", "--reason", "Wrong."]).status.code(), Some(0));
    daemon.wait("all of it is public", |daemon| {
        let feed = daemon.body("/atom.xml");
        feed.contains("After.")
            && feed.contains("<at:deleted-entry ")
            && feed.contains("Story retracted")
            && !daemon.body("/news/rss.xml").contains("Ships")
    });
    let routes = routes(&newsroom, &daemon);
    assert!(routes.len() > 20, "{routes:?}");
    daemon.wait("every document has its date", |daemon| {
        let known = validators(daemon, &routes);
        // The OPML list has none.
        known.iter().all(|((route, _), (_, modified))| modified.is_some() || route == "/feeds.opml")
    });
    let before = validators(&daemon, &routes);

    poll(&daemon, &before, "at first");
    newsroom.write("config/dateline.toml", format!("{CONFIG}\n# A comment.\n"));
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                poll(&daemon, &before, "during a reload");
            }
        });
        let reload = newsroom.dateline(&["reload"]);
        over.store(true, Ordering::Relaxed);
        assert!(reload.status.success(), "{}", printed(&reload));
    });
    poll(&daemon, &before, "after a reload");
    assert_eq!(validators(&daemon, &routes), before, "after a reload");
    let copied_alive = copy(&newsroom, false);
    assert!(daemon.stop());
    drop(start(&newsroom, &before, "after a restart"));
    drop(start(&newsroom, &before, "after a crash"));

    // With other inodes, modification times and file order.
    let copied = copy(&newsroom, true);
    for (other, when) in [(copied, "on another host"), (copied_alive, "on a host that has a copy made while it ran")] {
        let daemon = start(&other, &before, when);
        daemon.wait("the files are there", |_| files(&other.path("feeds")) == files(&newsroom.path("fresh")));
    }
}

/// Copies the newsroom to another directory. With `backwards`, the files are written in reverse order, with new modification times.
fn copy(newsroom: &Newsroom, backwards: bool) -> Newsroom {
    let other = Newsroom::new();
    let mut contents: Vec<(String, Vec<u8>)> = files(&newsroom.path("content")).into_iter().collect();
    if backwards {
        contents.reverse();
    }
    for (name, bytes) in contents {
        let to = other.path(&format!("content/{name}"));
        fs::create_dir_all(to.parent().expect("below content")).expect("writable");
        fs::write(&to, bytes).expect("writable");
        if !backwards {
            let kept = fs::metadata(newsroom.path(&format!("content/{name}"))).and_then(|from| from.modified());
            let file = fs::File::options().write(true).open(&to).expect("writable");
            file.set_modified(kept.expect("a time")).expect("ours");
        }
    }
    fs::copy(newsroom.path("config/dateline.toml"), other.path("config/dateline.toml")).expect("writable");
    if backwards {
        let copied = Command::new("cp").arg("-R").arg(newsroom.path(".dateline")).arg(other.path("")).status();
        assert!(copied.is_ok_and(|status| status.success()));
    } else {
        fs::create_dir(other.path(".dateline")).expect("writable");
        let target = other.path(".dateline/ledger.sqlite");
        let backup = newsroom.dateline(&["backup", target.to_str().expect("UTF-8")]);
        assert!(backup.status.success());
    }
    other
}
