//! How the daemon finds changed files: by events, by scans or both; the mode, its reason, and the metrics.

use std::fs::{self, File, FileTimes};
use std::io::BufRead;
use std::os::unix::fs::MetadataExt;
use std::process::Command;
use std::time::{Duration, SystemTime};

use serde_json::Value;

use crate::newsroom::{CONFIG, Daemon, Newsroom, article};

/// Removed from the configuration by tests that count reads. With a settle time this short, a file is read while it's still recent,
/// and so read again.
const SETTLE: &str = "settle = \"50ms\"\n";

/// The configuration with more keys in `[content]`.
pub(crate) fn config(content: &str) -> String {
    CONFIG.replace("[content]\n", &format!("[content]\n{content}\n"))
}

/// Starts the daemon and waits until it is ready. Returns the public and the admin listener.
pub(crate) fn spawn(newsroom: &Newsroom, command: Command) -> (Daemon, Daemon) {
    let (daemon, admin) = spawn_with(newsroom, command, &[]);
    admin.wait_until_ready();
    (daemon, admin)
}

fn spawn_with(newsroom: &Newsroom, mut command: Command, arguments: &[&str]) -> (Daemon, Daemon) {
    command.args(["serve", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"]).args(arguments);
    let (daemon, mut output) = Daemon::spawn_talking(&newsroom.path(""), command);
    let mut line = String::new();
    output.read_line(&mut line).expect("it says something");
    let admin = Daemon::at_once(line.split('/').nth(2).unwrap_or_else(|| panic!("no address in `{line}`")).to_owned());
    (daemon, admin)
}

/// The value of a metric.
pub(crate) fn metric(admin: &Daemon, name: &str) -> f64 {
    let metrics = admin.body("/metrics");
    let value = metrics.lines().find_map(|line| line.strip_prefix(&format!("dateline_{name} ")));
    value.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("no {name} in {metrics}"))
}

/// Waits for a watch mode, and returns its reason.
pub(crate) fn wait_for_mode(admin: &Daemon, mode: &str) -> String {
    let mut why = String::new();
    admin.wait(&format!("the mode is {mode}"), |admin| {
        let status: Value = serde_json::from_str(&admin.body("/status.json")).expect("JSON");
        why = status["watch"]["why"].as_str().expect("a reason").to_owned();
        status["watch"]["mode"] == mode && metric(admin, &format!("watch_mode{{mode=\"{mode}\"}}")) == 1.0
    });
    let others = ["events", "poll", "both"].into_iter().filter(|other| *other != mode);
    others.for_each(|other| assert_eq!(metric(admin, &format!("watch_mode{{mode=\"{other}\"}}")), 0.0));
    why
}

/// The number of inotify watches of a process.
fn watches(daemon: &mut Daemon) -> usize {
    let folder = format!("/proc/{}/fdinfo", daemon.child().expect("a process").id());
    let files = fs::read_dir(folder).expect("readable").map(|entry| entry.expect("readable").path());
    // A descriptor may have been closed meanwhile.
    let texts = files.map(|file| fs::read_to_string(file).unwrap_or_default());
    texts.map(|text| text.lines().filter(|line| line.starts_with("inotify wd:")).count()).sum()
}

fn modified(newsroom: &Newsroom, name: &str) -> SystemTime {
    fs::metadata(newsroom.path(name)).and_then(|metadata| metadata.modified()).expect("it is there")
}

fn stamp(newsroom: &Newsroom, name: &str, modified: SystemTime) {
    let file = File::options().write(true).open(newsroom.path(name)).expect("writable");
    file.set_times(FileTimes::new().set_modified(modified)).expect("it may be set");
}

/// The beginning of a PNG file, with its width.
fn picture(width: u8) -> Vec<u8> {
    [b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\0".as_slice(), &[width], b"\0\0\0\x02\x08\x02\0\0\0\0\0\0\0"].concat()
}

#[test]
fn scan_finds_changes_with_same_size_and_mtime() {
    let newsroom = Newsroom::new();
    newsroom.write("config/dateline.toml", config("watch = \"poll\"").replace(SETTLE, ""));
    let names = ["moment", "stamp", "older", "replaced", "deleted", "moved"];
    let second = SystemTime::UNIX_EPOCH + Duration::from_secs(1_790_000_000);
    for name in names {
        newsroom.article(&format!("news/{name}.md"), name, &format!("The first {name}."));
        stamp(&newsroom, &format!("content/news/{name}.md"), second);
    }
    newsroom.write("content/news/still.png", picture(5));
    newsroom.write("content/news/still.md", "---\ntitle: still\ndate: 2026-11-20\nimage: still.png\n---\n\nText.\n");
    newsroom.write("content/news/quay.png", picture(3));
    newsroom
        .write("content/news/pictured.md", "---\ntitle: pictured\ndate: 2026-11-20\nimage: quay.png\n---\n\nText.\n");
    let (mut daemon, admin) = spawn(&newsroom, newsroom.command());
    daemon.wait_until_ready();
    assert!(wait_for_mode(&admin, "poll").contains("`content.watch` is \"poll\""));
    assert_eq!(watches(&mut daemon), 0);
    let feed = daemon.body("/news/rss.xml");
    assert!(names.iter().all(|name| feed.contains(&format!("The first {name}."))), "{feed}");
    assert!(feed.contains("width=\"3\""), "{feed}");

    let path = |name: &str| format!("content/news/{name}.md");
    let second_version = |name: &str| article(name, &format!("The other {name}."));
    // Written in place within the same second.
    fs::write(newsroom.path(&path("moment")), second_version("moment")).expect("writable");
    stamp(&newsroom, &path("moment"), second + Duration::from_nanos(1));
    // Written in place, with the old modification time (`touch -r`).
    fs::write(newsroom.path(&path("stamp")), second_version("stamp")).expect("writable");
    stamp(&newsroom, &path("stamp"), second);
    // Replaced by a file with an older time (a backup) or the same time (`rsync -t`, `cp -p` and `mv`).
    for (name, modified) in [("older", SystemTime::UNIX_EPOCH), ("replaced", second)] {
        newsroom.write("other/version.md", second_version(name));
        stamp(&newsroom, "other/version.md", modified);
        fs::rename(newsroom.path("other/version.md"), newsroom.path(&path(name))).expect("writable");
        assert_eq!(self::modified(&newsroom, &path(name)), modified);
    }
    fs::remove_file(newsroom.path(&path("deleted"))).expect("removable");
    fs::create_dir_all(newsroom.path("content/news/deep/er")).expect("writable");
    fs::rename(newsroom.path(&path("moved")), newsroom.path("content/news/deep/er/moved.md")).expect("movable");
    newsroom.article("news/chips/new.md", "new", "The other new.");
    newsroom.write("content/news/quay.png", picture(4));
    // Only the times of this picture change, which doesn't count as a change.
    stamp(&newsroom, "content/news/still.png", SystemTime::UNIX_EPOCH);
    daemon.wait("all is found", |daemon| {
        let feed = daemon.body("/news/rss.xml");
        let changed = ["moment", "stamp", "older", "replaced", "new"];
        changed.iter().all(|name| feed.contains(&format!("The other {name}.")))
            && !feed.contains("The first deleted.")
            && feed.matches("<title>moved<").count() == 1
            && feed.contains("width=\"4\"")
    });
    // A move counts as two changes.
    admin.wait("all is counted", |admin| metric(admin, "changes_found_by_scan_total") >= 9.0);
    assert_eq!(metric(&admin, "changes_found_by_scan_total"), 9.0);
    assert!(metric(&admin, "scan_seconds") > 0.0);
    assert!((2.0..=60.0).contains(&metric(&admin, "scan_interval_seconds")));
    assert_eq!(watches(&mut daemon), 0);
}

/// The first scan can't end while a file is too recent; changes that arrive before its end are applied first.
#[test]
fn changes_during_first_scan_are_kept() {
    let newsroom = Newsroom::new();
    newsroom.article("news/a.md", "Story A", "Text.");
    newsroom.article("news/c.md", "Story C", "Text.");
    newsroom.age("content/news/c.md");
    // By its modification time, this file may still be being written.
    stamp(&newsroom, "content/news/a.md", dateline::watch::clock() + Duration::from_secs(3_600));
    let (daemon, admin) = spawn_with(&newsroom, newsroom.command(), &[]);
    admin.wait("the other file is read", |admin| metric(admin, "articles_read_total") >= 1.0);
    newsroom.write("b.md", article("Story B", "Text."));
    fs::rename(newsroom.path("b.md"), newsroom.path("content/news/b.md")).expect("renamed");
    fs::remove_file(newsroom.path("content/news/c.md")).expect("removed");
    admin.wait("it is read", |admin| metric(admin, "articles_read_total") >= 2.0);
    assert_eq!(daemon.get("/readyz", &[]).status, 503, "the first scan hasn't ended");
    daemon.wait_until_ready();
    let shown = |title: &str| daemon.body("/news/rss.xml").contains(&format!(">{title}<"));
    daemon.wait("the deleted story is gone", |_| shown("Story A") && !shown("Story C"));
    assert!(shown("Story B"));
    assert!(daemon.stop());
}

/// The deletion is found once the folder is readable again.
#[test]
fn file_deleted_in_unreadable_folder_is_removed() {
    let newsroom = Newsroom::new();
    newsroom.write("config/dateline.toml", config("watch = \"poll\""));
    for name in ["x", "y", "z"] {
        newsroom.article(&format!("news/deep/{name}.md"), &format!("Story {name}"), "Text.");
    }
    newsroom.article("news/a.md", "Story a", "Text.");
    newsroom.age("content/news/a.md");
    let daemon = newsroom.serve();
    assert!(daemon.body("/news/rss.xml").contains(">Story y<"));
    assert!(daemon.stop());
    let (folder, away) = (newsroom.path("content/news/deep"), newsroom.path("away"));
    fs::rename(&folder, &away).expect("renamed");
    std::os::unix::fs::symlink(&away, &folder).expect("linked");
    let (daemon, admin) = spawn(&newsroom, newsroom.command());
    daemon.wait_until_ready();
    let looks = metric(&admin, "scans_total");
    admin.wait("it is scanned again", |admin| metric(admin, "scans_total") >= looks + 2.0);
    assert!(
        daemon.body("/news/rss.xml").contains(">Story y<"),
        "an unreadable folder doesn't mean that files are deleted"
    );
    fs::remove_file(&folder).expect("removed");
    fs::remove_file(away.join("y.md")).expect("removed");
    fs::rename(&away, &folder).expect("renamed");
    daemon.wait("it is missed", |daemon| !daemon.body("/news/rss.xml").contains(">Story y<"));
    assert!(daemon.body("/news/rss.xml").contains(">Story z<"));
    assert!(daemon.stop());
}

#[test]
fn reload_changes_watch_mode() {
    let newsroom = Newsroom::new();
    newsroom.write("config/dateline.toml", config("watch = \"events\""));
    newsroom.article("news/a.md", "Story A", "Body.");
    let (mut daemon, admin) = spawn(&newsroom, newsroom.command());
    daemon.wait_until_ready();
    assert!(wait_for_mode(&admin, "events").contains("`content.watch` is \"events\""));
    assert!(watches(&mut daemon) >= 3, "the content directory, its folder, and the configuration's");
    assert_eq!(metric(&admin, "scan_interval_seconds"), 300.0);

    newsroom.write("config/dateline.toml", config("watch = \"poll\""));
    wait_for_mode(&admin, "poll");
    newsroom.article("news/b.md", "Story B", "Body.");
    daemon.wait("it is found by a scan", |daemon| daemon.body("/news/rss.xml").contains("Story B"));
    assert_eq!(watches(&mut daemon), 0);

    // The configuration file is scanned, too: invalid, missing, and valid again.
    let log = || fs::read_to_string(newsroom.path("log")).unwrap_or_default();
    newsroom.write("config/dateline.toml", config("watch = \"always\""));
    daemon.wait("it is refused", |_| log().contains("config-choice"));
    fs::remove_file(newsroom.path("config/dateline.toml")).expect("removable");
    daemon.wait("it is missed", |_| log().contains("config-unreadable"));
    newsroom.write("config/dateline.toml", config("watch = \"events\""));
    wait_for_mode(&admin, "events");
    newsroom.article("news/c.md", "Story C", "Body.");
    daemon.wait("it is reported", |daemon| daemon.body("/news/rss.xml").contains("Story C"));
    let log = log();
    let reported: Vec<&str> = log.lines().filter_map(|line| line.split(" INFO watching content ").nth(1)).collect();
    let expected = ["mode=events", r#"mode=poll why="`content.watch` is \"poll\"""#, "mode=events"];
    assert_eq!(reported, expected, "each once");
}

#[test]
fn reported_changes_are_not_counted_as_scanned() {
    let newsroom = Newsroom::new();
    let patient = |more: &str| config(&format!("watch = \"events\"\n{more}")).replace("250ms", "3s");
    newsroom.write("config/dateline.toml", patient(""));
    for n in 0..20 {
        newsroom.article(&format!("news/{n}.md"), &format!("Story {n}"), "Body.");
    }
    let (daemon, admin) = spawn(&newsroom, newsroom.command());
    daemon.wait_until_ready();
    wait_for_mode(&admin, "events");
    for n in 0..20 {
        newsroom.article(&format!("news/{n}.md"), &format!("Story {n}"), "Another body.");
    }
    for n in 0..5 {
        newsroom.article(&format!("other/{n}/deep/{n}.md"), &format!("Other {n}"), "Body.");
    }
    fs::rename(newsroom.path("content/other"), newsroom.path("content/third")).expect("movable");
    // Every file is read again after this change.
    let scans = metric(&admin, "scans_total");
    newsroom.write("config/dateline.toml", patient("max_size = 1000000"));
    admin.wait("everything is scanned", |admin| metric(admin, "scans_total") > scans);
    fs::remove_file(newsroom.path("content/news/7.md")).expect("removable");
    // The removal grace period is longer than the watcher remembers which changes a scan found.
    daemon.wait("it is gone", |daemon| {
        let feed = daemon.body("/rss.xml");
        !feed.contains("Story 7<") && feed.contains("Other 4<") && feed.contains("Another body.")
    });
    assert_eq!(metric(&admin, "changes_found_by_scan_total"), 0.0);
}

#[test]
fn restart_reads_only_changed_files() {
    let newsroom = Newsroom::new();
    newsroom.write("config/dateline.toml", CONFIG.replace(SETTLE, ""));
    for number in 0..40 {
        newsroom.article(&format!("news/{number}.md"), &format!("Story {number}"), "Text.");
    }
    // Enough files to be split between threads.
    for number in 0..560 {
        let text = format!("---\ntitle: Old {number}\ndate: 2020-11-20 10:00\n---\n\nText.\n");
        newsroom.write(&format!("content/news/old-{number}.md"), text);
    }
    // Recent files would be read after the first scan, so this waits until they are old enough.
    newsroom.age("content/news/old-559.md");
    let read_with = |arguments: &[&str], expected: f64| {
        let (daemon, admin) = spawn_with(&newsroom, newsroom.command(), arguments);
        daemon.wait_until_ready();
        assert_eq!(metric(&admin, "articles_read_total"), expected);
        let status: Value = serde_json::from_str(&admin.body("/status.json")).expect("JSON");
        assert_eq!(status["articles"]["public"], 600);
        assert!(daemon.stop());
    };
    let read = |expected| read_with(&[], expected);
    read(600.0);
    read(0.0);
    newsroom.article("news/7.md", "Story seven", "Text.");
    read(1.0);
    // One file is rewritten, and one replaced, with the same size and modification time.
    let old = newsroom.path("content/news/old-1.md");
    let (text, time) = (fs::read_to_string(&old).expect("there"), modified(&newsroom, "content/news/old-1.md"));
    fs::write(&old, text.replace("Old", "OLD")).expect("written");
    stamp(&newsroom, "content/news/old-1.md", time);
    newsroom.write("other.md", text.replace("Old", "old"));
    stamp(&newsroom, "other.md", time);
    fs::rename(newsroom.path("other.md"), newsroom.path("content/news/old-2.md")).expect("renamed");
    // Waits until both are old enough.
    newsroom.write("other.md", "");
    newsroom.age("other.md");
    read(2.0);
    read(0.0);
    read_with(&["--verify"], 600.0);
    // After a start with an empty content directory, nothing is read again.
    fs::rename(newsroom.path("content"), newsroom.path("away")).expect("renamed");
    fs::create_dir(newsroom.path("content")).expect("made");
    let (daemon, admin) = spawn(&newsroom, newsroom.command());
    admin.wait("nothing is found", |admin| metric(admin, "scan_interval_seconds") > 0.0);
    assert!(daemon.stop());
    fs::remove_dir(newsroom.path("content")).expect("empty");
    fs::rename(newsroom.path("away"), newsroom.path("content")).expect("renamed");
    read(0.0);
    // Files that this run took from the cache are watched, too.
    let (daemon, admin) = spawn(&newsroom, newsroom.command());
    daemon.wait_until_ready();
    let files = ["cache.sqlite", "renderings.sqlite"].map(|name| newsroom.path(&format!(".dateline/{name}")));
    let numbers = || files.each_ref().map(|file| fs::metadata(file).map(|file| file.ino()).ok());
    let before = numbers();
    assert_eq!(newsroom.dateline(&["serve", "--listen", "127.0.0.1:0", "--verify"]).status.code(), Some(1));
    assert!(before[0].is_some() && numbers() == before, "the cache of a running daemon isn't replaced");
    let read = metric(&admin, "articles_read_total");
    fs::remove_file(newsroom.path("content/news/8.md")).expect("removed");
    fs::rename(newsroom.path("content/news/9.md"), newsroom.path("content/news/nine.md")).expect("renamed");
    daemon.wait("a story is gone", |daemon| !daemon.body("/news/rss.xml").contains(">Story 8<"));
    daemon.wait("another one is still there", |daemon| daemon.body("/news/rss.xml").contains(">Story 9<"));
    fs::create_dir(newsroom.path("content/news/new")).expect("made");
    fs::rename(newsroom.path("content/news"), newsroom.path("content/old")).expect("renamed");
    daemon.wait("the folder is elsewhere", |daemon| !daemon.body("/news/rss.xml").contains(">Story 9<"));
    fs::rename(newsroom.path("content/old"), newsroom.path("content/news")).expect("renamed");
    daemon.wait("it is back", |daemon| daemon.body("/news/rss.xml").contains(">Story 9<"));
    assert!(metric(&admin, "articles_read_total") > read);
    assert!(daemon.stop());
}
