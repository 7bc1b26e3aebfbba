//! Validators, ids and dates survive restarts and come back from a backup. `cases/engine/identity.txt` tests how articles keep their ids.

use std::fs;

use crate::newsroom::{Daemon, Newsroom, article};

#[test]
fn validators_survive_restarts_and_never_go_back() {
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
fn unusable_state_is_explained() {
    let newsroom = Newsroom::new();
    newsroom.article("news/ships.md", "Ships", "The ships are back.");
    let daemon = newsroom.serve();
    // Other writers are refused, readers aren't.
    let second = newsroom.dateline(&["serve", "--listen", "127.0.0.1:0"]);
    let reported = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(second.status.code() == Some(1) && reported.contains("another dateline uses the state"), "{reported}");
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
            let reported = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(output.status.code() == Some(1) && reported.contains(words), "{name}, {command:?}: {reported}");
        }
    }
    fs::write(&database, healthy).expect("writable");
    assert_eq!(newsroom.build("out").status.code(), Some(0));
}

#[test]
fn backup_is_private_and_restores_everything() {
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
    // Killed, so that a write-ahead log is left. It mustn't affect the restored copy.
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
