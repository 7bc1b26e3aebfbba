//! Missing file system events: the daemon detects and reports this, and finds the changes by scans.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use super::enclosure::{Enclosure, without_privileges};
use crate::newsroom::{CONFIG, Daemon, Newsroom, article};
use crate::watching::{config, metric, spawn, wait_for_mode};

fn newsroom() -> Newsroom {
    let newsroom = Newsroom::new();
    newsroom.write("config/dateline.toml", format!("{CONFIG}\n[[section]]\npath = \"sport\"\n"));
    newsroom.article("news/ships.md", "Ships", "The ships are back.");
    newsroom
}

fn log(newsroom: &Newsroom) -> String {
    fs::read_to_string(newsroom.path("log")).unwrap_or_default()
}

fn wait_for(daemon: &Daemon, words: &str) {
    daemon.wait(&format!("`{words}` is published"), |daemon| daemon.body("/rss.xml").contains(words));
}

/// Shell commands that mount an overlay at `folder`, with a copy of `source` as its lower layer.
fn overlay(source: &str, folder: &str) -> String {
    format!(
        "mkdir layers && mount -t tmpfs tmpfs layers && mkdir layers/lower layers/upper layers/work && \
         cp -a {source}/. layers/lower/ && \
         mount -t overlay -o lowerdir=layers/lower,upperdir=layers/upper,workdir=layers/work overlay {folder}"
    )
}

/// A shell command that edits a file in place, keeping its inode.
fn edit(from: &str, to: &str, file: &str) -> String {
    format!("text=$(sed 's/{from}/{to}/' {file}) && printf '%s\\n' \"$text\" > {file}")
}

#[test]
fn file_system_without_events_is_scanned() {
    let newsroom = newsroom();
    let prepare = overlay("content", "content");
    let Some(mut enclosure) = Enclosure::new(&newsroom, "a file system without events", &prepare) else {
        return;
    };
    let why = wait_for_mode(&enclosure.admin, "both");
    assert!(why.contains("content` is on overlay"), "{why}");
    assert!(enclosure.run(&edit("are back", "are gone", "layers/lower/news/ships.md")));
    wait_for(&enclosure.daemon, "The ships are gone.");
    enclosure.admin.wait("it is counted", |admin| metric(admin, "changes_found_by_scan_total") == 1.0);
    assert_eq!(log(&newsroom).matches("is on overlay").count(), 1, "{}", log(&newsroom));
    assert!(!log(&newsroom).contains("watch-limited"), "{}", log(&newsroom));
    // Changes through the overlay are still reported by events.
    assert!(enclosure.run("echo more >> content/news/ships.md"));
    wait_for(&enclosure.daemon, "more");
}

#[test]
fn mounts_and_moves_are_noticed() {
    let newsroom = newsroom();
    for n in 0..2 {
        newsroom.write(&format!("disk/sport/game-{n}.md"), article(&format!("Game {n}"), "It was lost."));
    }
    fs::rename(newsroom.path("content/news"), newsroom.path("disk/news")).expect("movable");
    let prepare = "mkdir elsewhere && mount -t tmpfs tmpfs content && cp -a disk/news content/ && mkdir content/sport";
    let Some(mut enclosure) = Enclosure::new(&newsroom, "a mount that comes and is moved", prepare) else { return };
    let why = wait_for_mode(&enclosure.admin, "events");
    assert!(why.contains("reports all changes"), "{why}");
    assert!(enclosure.run(&overlay("disk/sport", "content/sport")), "{}", output(&newsroom));
    let why = wait_for_mode(&enclosure.admin, "both");
    assert!(why.contains("content/sport` is on overlay"), "{why}");
    assert!(enclosure.run(&edit("lost", "won", "layers/lower/game-1.md")));
    wait_for(&enclosure.daemon, "It was won.");

    // Moved out of the content directory, and back.
    let before = enclosure.daemon.body("/sport/rss.xml");
    assert!(enclosure.run("mount --move content/sport elsewhere"), "{}", output(&newsroom));
    // The system still reports events with the old path, even for the removed file.
    assert!(enclosure.run("sed -i 's/It was won/It was drawn/' elsewhere/game-1.md && mv elsewhere/game-0.md kept"));
    wait_for_mode(&enclosure.admin, "events");
    enclosure.daemon.wait("it is logged", |_| log(&newsroom).contains("the file system that was mounted here is gone"));
    assert!(enclosure.run("rm content/news/ships.md"));
    enclosure.daemon.wait("another one is gone", |daemon| !daemon.body("/rss.xml").contains("The ships"));
    assert_eq!(enclosure.daemon.body("/sport/rss.xml"), before, "its feed stays: {}", log(&newsroom));
    assert!(enclosure.run("mv kept elsewhere/game-0.md"));
    assert!(enclosure.run("mount --move elsewhere content/sport"), "{}", output(&newsroom));
    wait_for_mode(&enclosure.admin, "both");
    wait_for(&enclosure.daemon, "It was drawn.");
    assert!(!enclosure.daemon.body("/sport/atom.xml").contains("deleted-entry"));
}

/// The output of the last command in the enclosure.
fn output(newsroom: &Newsroom) -> String {
    fs::read_to_string(newsroom.path("output")).unwrap_or_default()
}

#[test]
fn scans_find_changes_without_watches() {
    let newsroom = newsroom();
    for n in 0..20 {
        newsroom.article(&format!("news/{n}/story-{n}.md"), &format!("Story {n}"), &format!("Body {n}, one."));
    }
    let limit = |most: usize| format!("echo {most} > /proc/sys/user/max_inotify_watches");
    let prepare = format!("{}; true", limit(8));
    let Some(mut enclosure) = Enclosure::new(&newsroom, "watches that run out", &prepare) else { return };
    if !enclosure.run("test $(cat /proc/sys/user/max_inotify_watches) -eq 8") {
        eprintln!("faults: watches that run out is skipped: namespaces have no limits of their own here");
        return;
    }
    let why = wait_for_mode(&enclosure.admin, "both");
    assert!(why.contains("no watch left"), "{why}");
    let is_reported = |admin: &Daemon| admin.body("/status.json").contains("\"watch-limited\"");
    enclosure.admin.wait("it is reported", is_reported);
    assert!(log(&newsroom).contains("raise fs.inotify.max_user_watches"), "{}", log(&newsroom));
    for n in 0..20 {
        newsroom.article(&format!("news/{n}/story-{n}.md"), &format!("Story {n}"), &format!("Body {n}, two."));
    }
    (0..20).for_each(|n| wait_for(&enclosure.daemon, &format!("Body {n}, two.")));
    enclosure.admin.wait("it is counted", |admin| metric(admin, "changes_found_by_scan_total") >= 1.0);
    assert!(metric(&enclosure.admin, "changes_found_by_scan_total") < 20.0, "some are watched");
    assert_eq!(log(&newsroom).matches("WARN").count(), 1, "it is logged once: {}", log(&newsroom));

    assert!(enclosure.run(&limit(40)));
    wait_for_mode(&enclosure.admin, "events");
    enclosure.admin.wait("the problem is resolved", |admin| !is_reported(admin));

    // The watches run out while the daemon runs.
    for n in 20..45 {
        newsroom.article(&format!("news/{n}/story-{n}.md"), &format!("Story {n}"), &format!("Body {n}, one."));
    }
    wait_for_mode(&enclosure.admin, "both");
    enclosure.admin.wait("it is reported again", is_reported);
    for n in 20..45 {
        newsroom.article(&format!("news/{n}/story-{n}.md"), &format!("Story {n}"), &format!("Body {n}, two."));
    }
    (20..45).for_each(|n| wait_for(&enclosure.daemon, &format!("Body {n}, two.")));
}

#[test]
fn lost_events_lose_no_changes() {
    let newsroom = newsroom();
    newsroom.write("config/dateline.toml", config("watch = \"events\""));
    let most = fs::read_to_string("/proc/sys/fs/inotify/max_queued_events").unwrap_or_default();
    let most: usize = most.trim().parse().unwrap_or(usize::MAX);
    if most > 100_000 {
        eprintln!("faults: lost events are skipped: the system's event queue is too long");
        return;
    }
    let (mut daemon, admin) = spawn(&newsroom, newsroom.command());
    daemon.wait_until_ready();
    wait_for_mode(&admin, "events");
    let child = daemon.child().expect("a process").id().to_string();
    let signal = |signal: &str| {
        assert!(Command::new("kill").args([signal, &child]).status().expect("kill runs").success());
    };
    signal("-STOP");
    // Repeated events are merged, so the names alternate.
    for n in 0..most {
        let name = [".one", ".two"][n % 2];
        fs::write(newsroom.path(&format!("content/{name}")), "x").expect("writable");
    }
    newsroom.article("news/lost.md", "Lost and found", "No event for this.");
    fs::remove_file(newsroom.path("content/news/ships.md")).expect("removable");
    signal("-CONT");
    wait_for(&daemon, "No event for this.");
    daemon.wait("the deleted article is gone", |daemon| !daemon.body("/rss.xml").contains("The ships are back."));
    assert!(metric(&admin, "watch_overflows_total") >= 1.0);
    admin.wait("both are counted", |admin| metric(admin, "changes_found_by_scan_total") == 2.0);
    let reported = log(&newsroom);
    assert!(
        reported.contains("some events were lost") && reported.contains("fs.inotify.max_queued_events"),
        "{reported}"
    );
    assert!(admin.body("/status.json").contains("some events were lost"));
}

#[test]
fn unreadable_folder_stops_no_other_watches() {
    let newsroom = newsroom();
    newsroom.write("config/dateline.toml", config("watch = \"events\""));
    for name in ["a", "deep/er/m", "z"] {
        newsroom.article(&format!("{name}/story.md"), name, &format!("In {name}, one."));
    }
    let may = |name: &str, mode: u32| {
        fs::set_permissions(newsroom.path(name), fs::Permissions::from_mode(mode)).expect("ours");
    };
    may("content/deep/er/m", 0o0);
    may("content/a", 0o0);
    let Some(command) = without_privileges(&newsroom, "a forbidden folder beside others") else { return };
    let (daemon, admin) = spawn(&newsroom, command);
    daemon.wait_until_ready();
    wait_for_mode(&admin, "events");
    assert!(!log(&newsroom).contains("watch-limited"), "{}", log(&newsroom));
    newsroom.article("z/story.md", "z", "In z, two.");
    newsroom.article("deep/er/n/story.md", "n", "In a new folder.");
    newsroom.article("deep/er/o/p/story.md", "p", "In a deep folder.");
    ["In z, two.", "In a new folder.", "In a deep folder."].iter().for_each(|words| wait_for(&daemon, words));
    may("content/a", 0o755);
    may("content/deep/er/m", 0o755);
    ["In a, one.", "In deep/er/m, one."].iter().for_each(|words| wait_for(&daemon, words));
    newsroom.article("deep/er/m/story.md", "m", "In m, two.");
    newsroom.article("a/story.md", "a", "In a, two.");
    ["In m, two.", "In a, two."].iter().for_each(|words| wait_for(&daemon, words));
    admin.wait("nothing is wrong", |admin| !admin.body("/status.json").contains("folder-unreadable"));
    assert_eq!(metric(&admin, "watch_mode{mode=\"events\"}"), 1.0);
}
