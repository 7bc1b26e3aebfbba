//! Bodies that are late or cannot be read. The engine as a function: events in, effects out, the clock included. And a daemon that
//! gets little of the processor, or cannot open a file.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::{self, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use dateline::article::ParseOptions;
use dateline::article::Parsed;
use dateline::config::Checked;
use dateline::daemon::load;
use dateline::diagnostics::{Code, Diagnostic};
use dateline::engine::Engine;
use dateline::event::{
    BodyRequest, Command, Effect, Event, FetchedBody, FileState, ListedDirectory, Listing, ParsedFile, ReportChange,
    Ticket, UnfetchedBody,
};
use dateline::types::ArticlePath;
use jiff::Timestamp;

use crate::newsroom::{CONFIG, Daemon, Newsroom, article, said};

const START: i64 = 1_800_000_000;

/// An engine, the files that it was told of, and what it asked for last.
struct Desk {
    engine: Engine,
    checked: Checked,
    second: i64,
    files: BTreeMap<String, String>,
    asked: Vec<BodyRequest>,
    swaps: usize,
    /// Whether the last event took something from readers.
    withheld: bool,
    appeared: Vec<String>,
    cleared: Vec<String>,
}

impl Desk {
    /// An engine that knows these articles by their cards, and has asked for their bodies.
    fn new(newsroom: &Newsroom, files: &[&str]) -> Desk {
        let checked = load(&newsroom.path("config/dateline.toml"));
        let mut desk = Desk {
            engine: Engine::new(),
            checked: checked.clone(),
            second: START,
            files: BTreeMap::new(),
            asked: Vec::new(),
            swaps: 0,
            withheld: false,
            appeared: Vec::new(),
            cleared: Vec::new(),
        };
        desk.tell(Event::Config(checked));
        files.iter().for_each(|path| desk.know(path, &article(path, &format!("The text of {path}."))));
        let folder = |path: &str| ListedDirectory { path: path.into(), unreadable: None };
        desk.tell(Event::Rescan(Listing {
            scope: String::new(),
            directories: ["", "news", "news/chips"].map(folder).into(),
            files: files.iter().map(|path| ArticlePath::new(path)).collect(),
            links: Vec::new(),
            is_whole: true,
            doubtful: false,
            limited: None,
        }));
        desk
    }

    fn tell(&mut self, event: Event) {
        self.asked.clear();
        self.withheld = false;
        for effect in self.engine.handle(event, Timestamp::from_second(self.second).expect("in range")) {
            match effect {
                Effect::Fetch(requests) => self.asked.extend(requests),
                Effect::Swap(_) => self.swaps += 1,
                Effect::Withhold => self.withheld = true,
                Effect::Report(changes) => changes.into_iter().for_each(|change| match change {
                    ReportChange::Appeared(problem) => self.appeared.push(problem.to_log_line()),
                    ReportChange::Cleared(problem) => self.cleared.push(problem.to_log_line()),
                }),
                _ => {}
            }
        }
    }

    fn parsed(&self, path: &str, text: &str) -> Parsed {
        let options: &Arc<ParseOptions> = &self.checked.config.as_ref().expect("valid").parsing;
        let mut parsed = dateline::article::parse(&ArticlePath::new(path), text.as_bytes(), options);
        if let Some(article) = &mut parsed.article {
            article.source = Some(text.as_bytes().into());
        }
        parsed
    }

    /// An article of which only the card comes.
    fn know(&mut self, path: &str, text: &str) {
        let card = self.parsed(path, text).article.expect("an article").card;
        self.file(path, text, FileState::Known(card, Vec::new()));
    }

    /// An article that comes whole.
    fn write(&mut self, path: &str, text: &str) {
        let parsed = self.parsed(path, text);
        self.file(path, text, FileState::Present(parsed));
    }

    fn file(&mut self, path: &str, text: &str, state: FileState) {
        self.files.insert(path.to_owned(), text.to_owned());
        self.tell(Event::Files(vec![ParsedFile { path: ArticlePath::new(path), state, renamed_from: None }]));
    }

    /// The bodies of these files arrive.
    fn arrive(&mut self, requests: &[BodyRequest], paths: &[&str]) {
        let fetched = requests.iter().filter(|request| paths.contains(&request.path.as_str())).map(|request| {
            let text = &self.files[request.path.as_str()];
            let article = self.parsed(request.path.as_str(), text).article.expect("an article");
            let source = article.source.clone();
            FetchedBody { request: request.clone(), article: Some(article), rendered: None, source }
        });
        let fetched: Vec<FetchedBody> = fetched.collect();
        assert!(
            paths.iter().all(|path| fetched.iter().any(|body| body.request.path.as_str() == *path)),
            "{requests:?}"
        );
        self.tell(Event::Fetched(fetched));
    }

    fn fail(&mut self, requests: &[BodyRequest], path: &str) {
        let failed = requests.iter().filter(|request| request.path.as_str() == path).map(|request| UnfetchedBody {
            request: request.clone(),
            problem: Some(Diagnostic::new(Code::ArticleUnreadable, format!("{path} cannot be read"))),
        });
        self.tell(Event::Unfetched(failed.collect()));
    }

    /// The articles whose text a feed has, by their paths.
    fn shown(&self, route: &str) -> String {
        let Some(document) = self.engine.snapshot().documents.get(route) else { return "-".to_owned() };
        let text = String::from_utf8(document.bytes().expect("in memory").to_vec()).expect("UTF-8");
        let shown = self.files.keys().filter(|path| text.contains(&format!("The text of {path}.")));
        shown.cloned().collect::<Vec<_>>().join(" ")
    }

    fn paths(&self) -> String {
        let paths: std::collections::BTreeSet<&str> = self.asked.iter().map(|request| request.path.as_str()).collect();
        paths.into_iter().collect::<Vec<_>>().join(" ")
    }
}

#[test]
fn bodies_that_arrive_are_used_and_unreadable_ones_left_out() {
    let newsroom = Newsroom::new();
    let mut desk = Desk::new(&newsroom, &["news/a.md", "news/b.md", "news/chips/c.md"]);
    assert_eq!((desk.paths().as_str(), desk.swaps), ("news/a.md news/b.md news/chips/c.md", 0));
    let requests = desk.asked.clone();
    desk.arrive(&requests, &["news/a.md"]);
    desk.arrive(&requests, &["news/chips/c.md"]);
    assert_eq!((desk.swaps, desk.paths().as_str()), (0, ""), "the rest is still under way, however long it takes");
    desk.fail(&requests, "news/b.md");
    assert_eq!(desk.swaps, 1);
    assert_eq!(desk.shown("/news/rss.xml"), "news/a.md news/chips/c.md");
    let told = desk.appeared.join("\n");
    assert!(told.contains("article-unreadable") && told.contains("news/b.md cannot be read"), "{told}");
    // It freezes nothing.
    desk.write("news/d.md", &article("D", "The text of news/d.md."));
    assert_eq!(desk.shown("/news/rss.xml"), "news/a.md news/chips/c.md news/d.md");
    // It is asked for again, and later each time.
    for pause in [1, 2, 4, 8, 15, 15] {
        let due = desk.engine.wake_at().expect("it is asked for again").as_second();
        assert_eq!(due - desk.second, pause);
        desk.second = due;
        desk.tell(Event::Tick);
        assert_eq!(desk.paths(), "news/b.md", "after {pause} s");
        let requests = desk.asked.clone();
        if pause == 15 && desk.cleared.is_empty() {
            desk.arrive(&requests, &["news/b.md"]);
            break;
        }
        desk.fail(&requests, "news/b.md");
    }
    assert_eq!(desk.shown("/news/rss.xml"), "news/a.md news/b.md news/chips/c.md news/d.md");
    assert!(desk.cleared.join("\n").contains("news/b.md cannot be read"), "{:?}", desk.cleared);
    assert_eq!(desk.engine.wake_at(), None, "nothing is left to be done");
}

#[test]
fn late_body_arrives_after_it_was_given_up() {
    let newsroom = Newsroom::new();
    let mut desk = Desk::new(&newsroom, &["news/a.md", "news/b.md"]);
    let requests = desk.asked.clone();
    desk.arrive(&requests, &["news/a.md"]);
    desk.fail(&requests, "news/b.md");
    assert_eq!(desk.shown("/news/rss.xml"), "news/a.md");
    desk.arrive(&requests, &["news/b.md"]);
    assert_eq!((desk.shown("/news/rss.xml").as_str(), desk.cleared.len()), ("news/a.md news/b.md", 1));
    // The watcher's word is as good.
    desk.know("news/c.md", &article("C", "The text of news/c.md."));
    let requests = desk.asked.clone();
    desk.fail(&requests, "news/c.md");
    desk.write("news/c.md", &desk.files["news/c.md"].clone());
    assert_eq!((desk.shown("/news/rss.xml").as_str(), desk.cleared.len()), ("news/a.md news/b.md news/c.md", 2));
    assert_eq!(desk.engine.wake_at(), None);
}

/// While the body of one article is late, its feed is what it was, but for what must not be seen any more.
#[test]
fn withholding_does_not_wait_for_late_bodies() {
    let changes = [
        ("status: retracted", "retracted"),
        ("draft: true", "a draft"),
        ("embargo: 2040-01-01", "under embargo"),
        ("embargo: next week", "under an embargo that cannot be read"),
        ("expires: 2026-11-21", "expired"),
        ("feeds: false", "in no feed"),
        ("section: sport", "elsewhere"),
    ];
    for (key, what) in changes {
        let newsroom = Newsroom::new();
        let mut desk = Desk::new(&newsroom, &["news/a.md", "news/b.md"]);
        let requests = desk.asked.clone();
        desk.arrive(&requests, &["news/a.md", "news/b.md"]);
        desk.know("news/late.md", &article("Late", "The text of news/late.md."));
        let late = desk.asked.clone();
        assert_eq!(desk.shown("/news/rss.xml"), "news/a.md news/b.md", "{what}: it waits");
        desk.write("news/c.md", &article("C", "The text of news/c.md."));
        assert_eq!(desk.shown("/news/rss.xml"), "news/a.md news/b.md", "{what}: it waits still");
        let swaps = desk.swaps;
        desk.write("news/b.md", &article("B", "The text of news/b.md.").replace("title:", &format!("{key}\ntitle:")));
        assert_eq!(desk.swaps, swaps + 1, "{what}");
        assert_eq!(desk.shown("/news/rss.xml"), "news/a.md news/c.md", "{what}");
        desk.arrive(&late, &["news/late.md"]);
        assert_eq!(desk.shown("/news/rss.xml"), "news/a.md news/c.md news/late.md", "{what}");
    }
}

/// While records cannot be written, what readers have not seen waits, and what they must not see goes.
#[test]
fn unwritable_state_postpones_additions_only() {
    let newsroom = Newsroom::new();
    let mut desk = Desk::new(&newsroom, &["news/a.md", "news/b.md", "news/c.md"]);
    let requests = desk.asked.clone();
    desk.arrive(&requests, &["news/a.md", "news/b.md", "news/c.md"]);
    let edited = |title: &str, text: &str, key: &str| article(title, text).replace("title:", &format!("{key}\ntitle:"));
    // It was to be public, and its record is the first that is not written.
    desk.write("news/new.md", &article("New", "The text of news/new.md."));
    assert!(desk.shown("/news/rss.xml").contains("news/new.md") && !desk.withheld);
    desk.tell(Event::Unwritable);
    assert!(!desk.shown("/news/rss.xml").contains("news/new.md") && !desk.withheld, "nothing is taken from readers");
    desk.write("news/chips/newer.md", &article("Newer", "The text of news/chips/newer.md."));
    desk.write("news/a.md", &article("A", "The text of news/a.md. It is edited."));
    assert!(!desk.withheld, "an edit can wait");
    desk.write("news/b.md", &edited("B", "The text of news/b.md.", "status: retracted"));
    assert!(desk.withheld);
    assert_eq!(desk.shown("/news/rss.xml"), "news/a.md news/c.md");
    desk.write("news/b.md", &article("B", "The text of news/b.md."));
    assert!(
        !desk.withheld && desk.shown("/news/rss.xml") == "news/a.md news/c.md",
        "it comes back when that is written"
    );
    // So does what an operator retracts.
    let command = Command::Retract { article: "news/c.md".to_owned(), reason: None };
    desk.tell(Event::Command(command, Ticket(1)));
    assert!(desk.withheld && desk.shown("/news/rss.xml") == "news/a.md", "{}", desk.shown("/news/rss.xml"));
    desk.write("news/new.md", &edited("New", "The text of news/new.md.", "draft: true"));
    desk.tell(Event::Writable);
    let requests = desk.asked.clone();
    desk.arrive(&requests, &["news/b.md", "news/chips/newer.md"]);
    assert_eq!(desk.shown("/news/rss.xml"), "news/a.md news/b.md news/chips/newer.md");
    desk.write("news/new.md", &article("New", "The text of news/new.md."));
    assert!(desk.shown("/news/rss.xml").contains("news/new.md"));
}

/// A sixtieth of a second in every tenth.
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
    const SECTIONS: usize = 40;
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
    // What was rendered and published is not at hand.
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

/// Somebody who keeps others from opening a file without changing it, as a lease does.
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
        eprintln!("late bodies: a file that cannot be opened is left out: there are no leases here");
        return;
    };
    newsroom.write("config/dateline.toml", windows(10));
    daemon.wait("the others are there", |daemon| shown(daemon) == [1, 3, 4]);
    let told = || std::fs::read_to_string(newsroom.path("log")).unwrap_or_default();
    daemon.wait("it is told", |_| told().contains("article-unreadable"));
    assert!(told().contains("content/news/story-2.md"), "{}", told());
    // Its feed goes on, and a retraction in it, too.
    newsroom.article("news/later.md", "Later", "And later.");
    daemon.wait("a later story is there", |daemon| daemon.body("/news/rss.xml").contains("And later."));
    let retracted = newsroom.dateline(&["retract", "content/news/story-3.md"]);
    assert!(retracted.status.success(), "{}", said(&retracted));
    assert_eq!(shown(&daemon), [1, 4]);
    drop(holder.stdin.take());
    assert!(holder.wait().is_ok_and(|status| status.success()));
    daemon.wait("it is repaired", |daemon| shown(daemon) == [1, 2, 4]);
    daemon.wait("that is told", |_| told().contains("mended: content/news/story-2.md"));
}
