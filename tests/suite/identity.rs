//! One identity for life: whatever becomes of a file, a restart or a crash, readers see each story once.

use std::collections::BTreeMap;
use std::fs;

use crate::newsroom::{CONFIG, Daemon, Newsroom, article, said};

/// Ids by title, as the root feed has them.
fn ids(daemon: &Daemon) -> BTreeMap<String, String> {
    let feed: serde_json::Value = serde_json::from_str(&daemon.body("/feed.json")).expect("JSON");
    let text = |item: &serde_json::Value, key: &str| item[key].as_str().expect("text").to_owned();
    feed["items"].as_array().expect("items").iter().map(|item| (text(item, "title"), text(item, "id"))).collect()
}

fn titles(daemon: &Daemon) -> Vec<String> {
    ids(daemon).into_keys().collect()
}

const ID: &str = "tag:courier.example,2026:2026-11-20/news/ships";

#[test]
fn an_id_outlives_title_slug_date_section_folder_name_and_format() {
    let newsroom = Newsroom::new();
    newsroom.article("news/ships.md", "Ships", "The ships are back.");
    let daemon = newsroom.serve();
    assert_eq!(ids(&daemon)["Ships"], ID);
    let page = |daemon: &Daemon| {
        daemon.body("/rss.xml").split("<link>").nth(2).expect("a link").split('<').next().expect("a URL").to_owned()
    };
    assert!(page(&daemon).contains("/articles/ships-"));

    newsroom.write(
        "content/news/ships.md",
        "---\ntitle: Boats\ndate: 2026-11-19 09:00\nslug: boats\nsection: news/chips\n---\n\nThey are back.\n",
    );
    daemon.wait("the edit is public", |daemon| titles(daemon) == ["Boats"]);
    assert_eq!(ids(&daemon)["Boats"], ID);

    fs::create_dir_all(newsroom.path("content/moved/deep")).expect("writable");
    fs::rename(newsroom.path("content/news/ships.md"), newsroom.path("content/moved/deep/other.md")).expect("movable");
    daemon.wait("the old path is forgotten", |daemon| {
        newsroom
            .dateline(&["explain", "content/moved/deep/other.md"])
            .stdout
            .windows(ID.len())
            .any(|part| part == ID.as_bytes())
            && titles(daemon) == ["Boats"]
    });
    assert_eq!(ids(&daemon)["Boats"], ID);
    assert!(daemon.stop());

    // Moved while nobody looked, and killed right after it was seen.
    fs::rename(newsroom.path("content/moved/deep/other.md"), newsroom.path("content/again.md")).expect("movable");
    drop(newsroom.serve());
    let daemon = newsroom.serve();
    assert_eq!(ids(&daemon)["Boats"], ID);
}

#[test]
fn a_copy_is_a_story_of_its_own_and_does_not_take_the_id() {
    let newsroom = Newsroom::new();
    newsroom.article("news/ships.md", "Ships", "The ships are back.");
    let daemon = newsroom.serve();
    fs::copy(newsroom.path("content/news/ships.md"), newsroom.path("content/news/copy.md")).expect("writable");
    daemon.wait("the copy is public", |daemon| daemon.body("/rss.xml").matches("<item>").count() == 2);
    let rss = daemon.body("/rss.xml");
    assert_eq!(
        (rss.matches(&format!(">{ID}<")).count(), rss.matches("2026-11-20/news/copy<").count()),
        (1, 1),
        "{rss}"
    );
    // When the first goes for good, the copy stays what it is.
    fs::remove_file(newsroom.path("content/news/ships.md")).expect("there");
    daemon.wait("the first is gone", |daemon| daemon.body("/rss.xml").matches("<item>").count() == 1);
    assert!(daemon.body("/rss.xml").contains("2026-11-20/news/copy<"));
}

#[test]
fn the_holder_of_an_explicit_id_keeps_it_and_a_claimant_inherits() {
    let newsroom = Newsroom::new();
    let text = |title: &str, day: u8| {
        format!("---\ntitle: {title}\ndate: 2026-11-{day} 10:00\nid: tag:x.example,2026:one\n---\n\nText.\n")
    };
    newsroom.write("content/news/b.md", text("Holder", 20));
    let daemon = newsroom.serve();
    // Older, and first in order: still it comes second.
    newsroom.write("content/news/a.md", text("Claimant", 10));
    daemon.wait("the claimant is refused", |_| {
        String::from_utf8_lossy(&newsroom.dateline(&["check"]).stderr).contains("id-taken")
    });
    assert_eq!(titles(&daemon), ["Holder"]);
    drop(daemon);
    let daemon = newsroom.serve();
    assert_eq!(titles(&daemon), ["Holder"], "after a crash the same");
    fs::remove_file(newsroom.path("content/news/b.md")).expect("there");
    daemon.wait("the claimant inherits", |daemon| titles(daemon) == ["Claimant"]);
}

#[test]
fn an_article_without_a_date_is_dated_once_and_for_all() {
    let newsroom = Newsroom::new();
    newsroom.write("content/news/undated.md", "# Undated\n\nText.\n");
    let first = newsroom.serve();
    assert_eq!(titles(&first), ["Undated"]);
    let before = first.body("/atom.xml");
    drop(first);
    let second = newsroom.serve();
    assert_eq!(second.body("/atom.xml"), before);
    newsroom.write("content/news/undated.md", "# Undated\n\nOther text.\n");
    second.wait("the edit is public", |daemon| daemon.body("/atom.xml").contains("Other text"));
    let published = |atom: &str| atom.split("<published>").nth(1).expect("a date")[..20].to_owned();
    assert_eq!(published(&second.body("/atom.xml")), published(&before));
}

#[test]
fn validators_outlive_restarts_and_never_go_back() {
    let newsroom = Newsroom::new();
    newsroom.article("news/ships.md", "Ships", "The ships are back.");
    newsroom.write("content/news/newest.md", article("Newest", "Text.").replace("2026-11-20", "2026-11-22"));
    let validators = |daemon: &Daemon| {
        let answer = daemon.get("/news/rss.xml", &[]);
        (answer.header("etag").map(str::to_owned), answer.header("last-modified").map(str::to_owned))
    };
    let daemon = newsroom.serve();
    let (tag, modified) = validators(&daemon);
    assert_eq!(modified.as_deref(), Some("Sun, 22 Nov 2026 02:00:00 GMT"));
    drop(daemon);
    let daemon = newsroom.serve();
    assert_eq!(validators(&daemon), (tag.clone(), modified.clone()));

    fs::remove_file(newsroom.path("content/news/newest.md")).expect("there");
    daemon.wait("its removal is dated", |daemon| {
        let (new_tag, new_modified) = validators(daemon);
        new_tag != tag && new_modified.is_some()
    });
    let after = validators(&daemon);
    assert_ne!(after.1, Some("Fri, 20 Nov 2026 02:00:00 GMT".to_owned()), "it went back");
    assert_ne!(after.1, modified);
    drop(daemon);
    assert_eq!(validators(&newsroom.serve()), after);
}

#[test]
fn state_that_cannot_be_used_is_explained() {
    let newsroom = Newsroom::new();
    newsroom.article("news/ships.md", "Ships", "The ships are back.");
    let daemon = newsroom.serve();
    // Nothing else may write it; what only looks, may.
    let second = newsroom.dateline(&["serve", "--listen", "127.0.0.1:0"]);
    let told = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(second.status.code() == Some(1) && told.contains("another dateline uses the state"), "{told}");
    assert_eq!(newsroom.build("out").status.code(), Some(0));
    assert!(daemon.stop());

    let database = newsroom.path(".dateline/ledger.sqlite");
    let healthy = fs::read(&database).expect("written");
    for (name, bytes, words) in [
        (
            "rubbish",
            b"This is no database, but long enough to be looked at, and it goes on and on.".repeat(40),
            "is damaged",
        ),
        (
            "a newer one",
            {
                let mut newer = healthy.clone();
                newer[60..64].copy_from_slice(&99_u32.to_be_bytes());
                newer
            },
            "newer dateline",
        ),
    ] {
        fs::write(&database, bytes).expect("writable");
        for command in [&["serve", "--listen", "127.0.0.1:0"][..], &["build", "--out", "out"], &["check"]] {
            let output = newsroom.dateline(command);
            let told = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(output.status.code() == Some(1) && told.contains(words), "{name}, {command:?}: {told}");
        }
    }
    fs::write(&database, healthy).expect("writable");
    assert_eq!(newsroom.build("out").status.code(), Some(0));
}

#[test]
fn a_backup_is_private_and_takes_everything_back() {
    let newsroom = Newsroom::new();
    newsroom.article("news/ships.md", "Ships", "The ships are back.");
    let daemon = newsroom.serve();
    let before = daemon.get("/atom.xml", &[]);
    let backup = newsroom.dateline(&["backup", "copy.sqlite"]);
    assert!(backup.status.success(), "{}", String::from_utf8_lossy(&backup.stderr));
    let mode = |name: &str| {
        std::os::unix::fs::PermissionsExt::mode(&fs::metadata(newsroom.path(name)).expect("there").permissions())
            & 0o777
    };
    assert_eq!((mode("copy.sqlite"), mode(".dateline"), mode(".dateline/control")), (0o600, 0o700, 0o600));
    assert_eq!(newsroom.dateline(&["backup", "copy.sqlite"]).status.code(), Some(2), "nothing is overwritten");
    assert_eq!(newsroom.dateline(&["backup", "--restore", "copy.sqlite"]).status.code(), Some(1), "a daemon runs");
    assert!(newsroom.dateline(&["retract", "news/ships.md"]).status.success());
    newsroom.write("content/news/later.md", article("Later", "Text."));
    daemon.wait("it is public", |daemon| daemon.body("/rss.xml").contains("Later"));
    // Killed, so that the write-ahead log is left; it must not reach into the copy.
    drop(daemon);
    fs::remove_file(newsroom.path("content/news/later.md")).expect("there");
    assert_eq!(newsroom.dateline(&["backup", "--restore", "log"]).status.code(), Some(1), "that is no copy");
    let restored = newsroom.dateline(&["backup", "--restore", "copy.sqlite"]);
    assert!(restored.status.success(), "{}", String::from_utf8_lossy(&restored.stderr));
    let daemon = newsroom.serve();
    let after = daemon.get("/atom.xml", &[]);
    assert_eq!((after.text(), after.header("etag")), (before.text(), before.header("etag")));
    assert!(newsroom.path(".dateline/ledger.sqlite.before").exists());
}

#[test]
fn what_no_window_shows_keeps_its_id_too() {
    let newsroom = Newsroom::new();
    let config =
        CONFIG.replace("[content]\n", "[content]\narticle_url = \"https://courier.example/{section}/{slug}/\"\n");
    let window = "\n[feeds]\nmax_items = 2\nmin_items = 0\nmin_residency = \"0s\"\n";
    newsroom.write("config/dateline.toml", config + window);
    let write = |name: &str, title: &str, day: u32| {
        let text = format!("---\ntitle: {title}\ndate: 2026-10-{day:02} 09:00\n---\n\nThe {title} are back.\n");
        newsroom.write(&format!("content/news/{name}.md"), text);
    };
    let newer = ["boats", "rafts", "tugs", "yachts"];
    newer.iter().zip(10..).for_each(|(name, day)| write(name, name, day));
    write("ships", "ships", 1);
    write("kayaks", "kayaks", 2);
    let daemon = newsroom.serve();
    assert_eq!(titles(&daemon), ["tugs", "yachts"]);
    // One version later, and elsewhere.
    write("ships", "steamships", 1);
    let told = |path: &str| said(&newsroom.dateline(&["history", path]));
    daemon.wait("the edit is remembered", |_| told("content/news/ships.md").contains("a new version"));
    assert!(daemon.stop());
    // Another while nothing runs.
    write("ships", "steamers", 1);
    assert!(newsroom.serve().stop());
    assert_eq!(told("content/news/ships.md").matches("a new version").count(), 2);
    fs::rename(newsroom.path("content/news/ships.md"), newsroom.path("content/news/liners.md")).expect("movable");
    fs::rename(newsroom.path("content/news/kayaks.md"), newsroom.path("content/news/canoes.md")).expect("movable");
    newer
        .iter()
        .for_each(|name| fs::remove_file(newsroom.path(&format!("content/news/{name}.md"))).expect("removable"));
    let daemon = newsroom.serve();
    daemon.wait("they are what there is", |daemon| titles(daemon) == ["kayaks", "steamers"]);
    let ids = ids(&daemon);
    assert_eq!(ids["steamers"], "tag:courier.example,2026:2026-10-01/news/ships");
    assert_eq!(ids["kayaks"], "tag:courier.example,2026:2026-10-02/news/kayaks");
}
