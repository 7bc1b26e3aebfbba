//! Bodies that are late or can't be read: the daemon gets little processor time, or can't open a file. `cases/engine/bodies.txt` tests what
//! readers see meanwhile.

use std::io::{BufRead, BufReader};
use std::process::{self, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::newsroom::{CONFIG, Daemon, Newsroom, article, printed};

/// Lets a process run for only a fraction of the time, until `is_over`.
fn throttle(pid: u32, is_over: &AtomicBool) {
    let signal = |signal: &str| drop(process::Command::new("kill").args([signal, &pid.to_string()]).status());
    while !is_over.load(Ordering::Relaxed) {
        signal("-STOP");
        std::thread::sleep(Duration::from_millis(90));
        signal("-CONT");
        std::thread::sleep(Duration::from_millis(8));
    }
}

#[test]
fn slow_start_publishes_complete_feeds() {
    const SECTIONS: usize = 16;
    const STORIES: usize = 5;
    let newsroom = Newsroom::new();
    let mut config = CONFIG.replace("tags = true\nauthors = true", "tags = false");
    for n in 0..SECTIONS {
        config.push_str(&format!("\n[[section]]\npath = \"s{n}\"\n"));
        for m in 0..STORIES {
            let text = format!("Much *is* told of [it](https://x.example/{m}). \n\n").repeat(60);
            newsroom.article(&format!("s{n}/story-{m}.md"), &format!("Story {n} {m}"), &text);
        }
    }
    newsroom.write("config/dateline.toml", config);
    newsroom.age(&format!("content/s{}/story-{}.md", SECTIONS - 1, STORIES - 1));
    assert!(newsroom.serve().stop());
    // No rendered bodies and no saved documents are available.
    for name in ["renderings.sqlite", "published.jsonl"] {
        drop(std::fs::remove_file(newsroom.path(&format!(".dateline/{name}"))));
    }
    let mut daemon = newsroom.serve_unready();
    let pid = daemon.child().expect("a process").id();
    let is_over = AtomicBool::new(false);
    let started = Instant::now();
    std::thread::scope(|scope| {
        scope.spawn(|| throttle(pid, &is_over));
        while daemon.get("/readyz", &[]).status != 200 && started.elapsed() < Duration::from_secs(180) {}
        let feeds: Vec<String> = (0..SECTIONS).map(|n| daemon.body(&format!("/s{n}/rss.xml"))).collect();
        is_over.store(true, Ordering::Relaxed);
        let lacking = feeds.iter().filter(|feed| feed.matches("<item>").count() < STORIES).count();
        assert_eq!(lacking, 0, "feeds that lack entries after {:?}", started.elapsed());
    });
}

/// Holds a lease on a file, so that others can't open it.
fn lease(newsroom: &Newsroom, file: &str) -> Option<std::process::Child> {
    const LEASE: &str = "import fcntl, signal, sys\nsignal.signal(signal.SIGIO, signal.SIG_IGN)\nf = open(sys.argv[1], 'rb')\n\
                         fcntl.fcntl(f, fcntl.F_SETLEASE, fcntl.F_WRLCK)\nprint('held', flush=True)\nsys.stdin.read()";
    let mut command = process::Command::new("python3");
    let command = command.args(["-c", LEASE]).arg(newsroom.path(file)).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().ok()?;
    let mut line = String::new();
    BufReader::new(child.stdout.take()?).read_line(&mut line).ok()?;
    let is_held = line.trim() == "held";
    if !is_held {
        drop(child.wait());
    }
    is_held.then_some(child)
}

#[test]
fn unreadable_body_is_reported_and_repaired_without_scan() {
    let newsroom = Newsroom::new();
    let windows = |items: usize| format!("{CONFIG}\n[feeds]\nmax_items = {items}\nmin_residency = \"0s\"\n");
    newsroom.write("config/dateline.toml", windows(1));
    for n in 1..5 {
        let text = article(&format!("Story {n}"), &format!("The text of {n}."));
        newsroom.write(&format!("content/news/story-{n}.md"), text.replace("2026-11-20", &format!("2026-11-1{n}")));
    }
    let daemon = newsroom.serve();
    let shown = |daemon: &Daemon| {
        let feed = daemon.body("/news/rss.xml");
        (1..5).filter(|n| feed.contains(&format!("The text of {n}."))).collect::<Vec<_>>()
    };
    assert_eq!(shown(&daemon), [4]);
    let Some(mut holder) = lease(&newsroom, "content/news/story-2.md") else {
        eprintln!("late bodies: skipped: file leases aren't supported here");
        return;
    };
    newsroom.write("config/dateline.toml", windows(10));
    daemon.wait("the others are there", |daemon| shown(daemon) == [1, 3, 4]);
    let reported = || std::fs::read_to_string(newsroom.path("log")).unwrap_or_default();
    daemon.wait("it is reported", |_| reported().contains("article-unreadable"));
    assert!(reported().contains("content/news/story-2.md"), "{}", reported());
    // The feed is still updated, and retractions in it work.
    newsroom.article("news/later.md", "Later", "And later.");
    daemon.wait("a later story is there", |daemon| daemon.body("/news/rss.xml").contains("And later."));
    let retracted = newsroom.dateline(&["retract", "content/news/story-3.md"]);
    assert!(retracted.status.success(), "{}", printed(&retracted));
    assert_eq!(shown(&daemon), [1, 4]);
    drop(holder.stdin.take());
    assert!(holder.wait().is_ok_and(|status| status.success()));
    daemon.wait("it is repaired", |daemon| shown(daemon) == [1, 2, 4]);
    let is_resolved = |line: &str| line.contains("resolved: ") && line.contains("content/news/story-2.md");
    daemon.wait("the end is reported", |_| reported().lines().any(is_resolved));
}
