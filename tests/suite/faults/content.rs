//! Unreadable parts of the content directory: their feeds stay unchanged, the problem is reported, and other articles are still
//! published.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::time::Instant;

use super::enclosure::{Enclosure, without_privileges};
use crate::newsroom::{CONFIG, Daemon, Newsroom, article};

const SPORT: [&str; 3] = ["/sport/rss.xml", "/sport/atom.xml", "/sport/feed.json"];

fn newsroom() -> Newsroom {
    let newsroom = Newsroom::new();
    newsroom.write("config/dateline.toml", format!("{CONFIG}\n[[section]]\npath = \"sport\"\n"));
    newsroom.article("news/ships.md", "Ships", "The ships are back.");
    newsroom
}

fn fill(newsroom: &Newsroom, folder: &str) {
    for n in 0..3 {
        newsroom.write(&format!("{folder}/game-{n}.md"), article(&format!("Game {n}"), "It was lost."));
    }
}

fn log(newsroom: &Newsroom) -> String {
    fs::read_to_string(newsroom.path("log")).unwrap_or_default()
}

type Served = Vec<(Option<String>, Option<String>)>;

fn validators(daemon: &Daemon) -> Served {
    let header = |path: &&str| {
        let answer = daemon.get(path, &[]);
        assert!(answer.text().contains("Game 2"), "{path}: {}", answer.text());
        (answer.header("etag").map(str::to_owned), answer.header("last-modified").map(str::to_owned))
    };
    SPORT.iter().map(header).collect()
}

/// Asserts that another folder is published, while the feeds of the unreadable one stay as they were.
fn assert_others_published(newsroom: &Newsroom, daemon: &Daemon, name: &str, before: &Served) {
    newsroom.article(&format!("news/{name}.md"), name, "Life goes on.");
    daemon.wait("another folder is published", |daemon| daemon.body("/news/rss.xml").contains(name));
    assert_eq!(&validators(daemon), before, "{name}");
}

/// Whether the log reports an unreadable folder or file that isn't resolved yet.
fn is_unreadable(newsroom: &Newsroom) -> bool {
    let log = log(newsroom);
    let lines = log.lines().filter(|line| line.contains("-unreadable "));
    let (resolved, reported): (Vec<&str>, Vec<&str>) = lines.partition(|line| line.contains("resolved: "));
    reported.len() > resolved.len()
}

fn wait_until_logged(newsroom: &Newsroom, daemon: &Daemon, words: &[&str]) {
    daemon.wait("it is logged", |_| is_unreadable(newsroom));
    let reported = log(newsroom);
    assert!(words.iter().all(|words| reported.contains(words)), "{words:?} in {reported}");
}

#[test]
fn unreadable_folder_keeps_its_feeds() {
    let newsroom = newsroom();
    fill(&newsroom, "content/sport");
    let command = || {
        let mut command = without_privileges(&newsroom, "a folder that may not be read")?;
        command.args(["serve", "--listen", "127.0.0.1:0"]);
        Some(command)
    };
    let Some(first) = command() else { return };
    let daemon = Daemon::spawn(&newsroom.path(""), first);
    daemon.wait_until_ready();
    let before = validators(&daemon);
    let may = |mode: u32| {
        fs::set_permissions(newsroom.path("content/sport"), fs::Permissions::from_mode(mode)).expect("ours");
    };
    may(0o0);
    assert_others_published(&newsroom, &daemon, "Meanwhile", &before);
    wait_until_logged(
        &newsroom,
        &daemon,
        &["content/sport", "this folder cannot be read: Permission denied", "give dateline permission"],
    );
    drop(daemon);

    // Unreadable from the start.
    let daemon = Daemon::spawn(&newsroom.path(""), command().expect("as before"));
    daemon.wait_until_ready();
    assert_others_published(&newsroom, &daemon, "Later", &before);
    wait_until_logged(&newsroom, &daemon, &["content/sport", "Permission denied"]);
    may(0o755);
    daemon.wait("the problem is resolved", |_| !is_unreadable(&newsroom));
    assert_eq!(validators(&daemon), before);
    assert!(!daemon.body("/atom.xml").contains("deleted-entry"));
    // A single file.
    fs::set_permissions(newsroom.path("content/sport/game-1.md"), fs::Permissions::from_mode(0o0)).expect("ours");
    assert_others_published(&newsroom, &daemon, "At last", &before);
    daemon.wait("the file is named", |_| log(&newsroom).contains("content/sport/game-1.md"));
    assert_eq!(validators(&daemon), before);
}

#[test]
fn folder_replaced_by_link_loop_keeps_feeds() {
    let newsroom = newsroom();
    fill(&newsroom, "content/sport");
    let daemon = newsroom.serve();
    let before = validators(&daemon);
    fs::rename(newsroom.path("content/sport"), newsroom.path("elsewhere")).expect("movable");
    symlink(Path::new("sport"), newsroom.path("content/sport")).expect("writable");
    wait_until_logged(&newsroom, &daemon, &["content/sport"]);
    assert_others_published(&newsroom, &daemon, "Meanwhile", &before);
    drop(daemon);
    let daemon = newsroom.serve();
    wait_until_logged(&newsroom, &daemon, &["content/sport", "this link cannot be followed", "put the folder back"]);
    assert_others_published(&newsroom, &daemon, "Later", &before);
    fs::remove_file(newsroom.path("content/sport")).expect("there");
    fs::rename(newsroom.path("elsewhere"), newsroom.path("content/sport")).expect("movable");
    daemon.wait("the problem is resolved", |_| !is_unreadable(&newsroom));
    assert_eq!(validators(&daemon), before);
    assert!(!daemon.body("/atom.xml").contains("deleted-entry"));
}

#[test]
fn unmounted_folder_keeps_its_feeds() {
    let newsroom = newsroom();
    fill(&newsroom, "disk");
    fs::create_dir(newsroom.path("content/sport")).expect("writable");
    let mount = "mount -t tmpfs tmpfs content/sport && cp -a disk/. content/sport/";
    let Some(mut enclosure) = Enclosure::new(&newsroom, "a mount that is gone", mount) else { return };
    let before = validators(&enclosure.daemon);
    assert!(enclosure.run("umount content/sport"), "{}", fs::read_to_string(newsroom.path("output")).expect("written"));
    assert_others_published(&newsroom, &enclosure.daemon, "Meanwhile", &before);
    wait_until_logged(
        &newsroom,
        &enclosure.daemon,
        &["content/sport", "the file system that was mounted here is gone", "mount it again"],
    );
    assert!(enclosure.run(mount));
    enclosure.daemon.wait("the problem is resolved", |_| !is_unreadable(&newsroom));
    assert_others_published(&newsroom, &enclosure.daemon, "Later", &before);
    assert!(!enclosure.daemon.body("/atom.xml").contains("deleted-entry"));
    // The folder is watched again.
    assert!(enclosure.run("sed -i 's/It was lost/It was won/' content/sport/game-1.md"));
    enclosure.daemon.wait("it is published again", |daemon| daemon.body("/sport/rss.xml").contains("It was won"));
}

/// The content directory is a FUSE file system without a server, so every access to it hangs.
#[test]
fn hanging_content_directory_delays_no_response_after_restart() {
    const WHAT: &str = "content that hangs";
    const HANG: &str = "exec 9<>/dev/fuse && mount -i -t fuse -o fd=9,rootmode=40000,user_id=0,group_id=0 hang disk";
    let newsroom = newsroom();
    newsroom
        .write("config/dateline.toml", CONFIG.replace("[content]\n", "[content]\ndirectory = \"../disk/content\"\n"));
    newsroom.article("../disk/content/news/ships.md", "Ships", "The ships are back.");
    let Some(mut enclosure) = Enclosure::new(&newsroom, WHAT, "true") else { return };
    let list = newsroom.path(".dateline/published.jsonl");
    enclosure.daemon.wait("the documents are saved", |_| list.exists());
    let before = enclosure.daemon.body("/rss.xml");
    assert!(before.contains("Ships"));
    assert!(enclosure.run("crash; true"));
    if !enclosure.run(HANG) {
        let printed = fs::read_to_string(newsroom.path("output")).expect("written");
        eprintln!("faults: {WHAT} is skipped: {printed}");
        return;
    }
    enclosure.start();
    let begun = Instant::now();
    let answer = enclosure.daemon.get("/rss.xml", &[]);
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("1")));
    assert!(begun.elapsed() < std::time::Duration::from_secs(15), "{:?}", begun.elapsed());
    enclosure.daemon.wait("it is reported", |daemon| daemon.body("/readyz").contains("does not answer"));
    // Without the descriptor, accesses fail instead of hanging: the directory is missing.
    assert!(enclosure.run("exec 9>&-"));
    enclosure.daemon.wait("it is shown", |daemon| daemon.body("/rss.xml") == before);
    let is_reported = |daemon: &Daemon| daemon.body("/readyz").contains("served as if nothing in it had changed");
    enclosure.admin.wait("it is reported", is_reported);
    // The directory is back.
    assert!(enclosure.run("umount disk"));
    enclosure.daemon.wait_until_ready();
    assert_eq!(enclosure.daemon.body("/rss.xml"), before);
}
