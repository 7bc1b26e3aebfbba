//! Embargoes, expirations and dates, with a daemon in this process whose clock the test sets.
//!
//! The rules are tested by `cases/engine/time.txt` and `changes.txt`.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock};
use std::thread::JoinHandle;

use dateline::config::Endpoint;
use dateline::daemon::Listeners;
use dateline::serve::{Audience, Listener};
use dateline::store::CacheUse;
use jiff::Timestamp;
use rusqlite::{Connection, OpenFlags};
use serde_json::Value;
use tokio::sync::oneshot;

use crate::newsroom::{Daemon, Newsroom, files, printed};

/// The time of the daemon's clock, in seconds since 1970.
static NOW: AtomicI64 = AtomicI64::new(0);
/// Held by the test that uses the clock and the log.
static TURN: Mutex<()> = Mutex::new(());
/// The log of the current test, at every level.
static LOG: Mutex<Vec<u8>> = Mutex::new(Vec::new());

fn clock() -> Timestamp {
    Timestamp::from_second(NOW.load(Ordering::SeqCst)).expect("in range")
}

struct Log;

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        LOG.lock().expect("not poisoned").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A daemon whose clock the test sets.
struct Clocked {
    newsroom: Newsroom,
    daemon: Daemon,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
    _turn: MutexGuard<'static, ()>,
}

fn set(instant: &str) {
    NOW.store(instant.parse::<Timestamp>().expect("an instant").as_second(), Ordering::SeqCst);
}

fn start(newsroom: Newsroom, instant: &str) -> Clocked {
    let turn = TURN.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    static LOGGED: OnceLock<()> = OnceLock::new();
    LOGGED.get_or_init(|| {
        tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_ansi(false).with_writer(|| Log).init();
    });
    LOG.lock().expect("not poisoned").clear();
    set(instant);
    let (daemon, stop, thread) = run(&newsroom);
    Clocked { newsroom, daemon, stop: Some(stop), thread: Some(thread), _turn: turn }
}

fn run(newsroom: &Newsroom) -> (Daemon, oneshot::Sender<()>, JoinHandle<()>) {
    let (address, stop, thread) = run_unready(newsroom);
    (Daemon::at(address), stop, thread)
}

fn run_unready(newsroom: &Newsroom) -> (String, oneshot::Sender<()>, JoinHandle<()>) {
    let checked = dateline::daemon::load(&newsroom.path("config/dateline.toml"));
    let config = checked.config.clone().unwrap_or_else(|| panic!("{:?}", checked.diagnostics));
    let (stop, stopped) = oneshot::channel::<()>();
    let (address, bound) = std::sync::mpsc::channel();
    let thread = std::thread::spawn(move || {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let endpoint = Endpoint::Tcp("127.0.0.1:0".parse().expect("an address"));
            let listener = Listener::bind(&endpoint, Audience::Public).expect("a port");
            address.send(listener.endpoint().expect("bound").to_string()).expect("somebody waits");
            let stop = async { stopped.await.unwrap_or_default() };
            dateline::daemon::run(checked, config, Listeners::plain(listener), CacheUse::Keep, clock, |_| Ok(()), stop)
                .await
                .expect("it runs");
        });
    });
    (bound.recv().expect("it binds"), stop, thread)
}

impl Clocked {
    fn titles(&self) -> Vec<String> {
        let feed: Value = serde_json::from_str(&self.daemon.body("/feed.json")).expect("JSON");
        let titles = feed["items"].as_array().expect("items").iter();
        titles.map(|item| item["title"].as_str().expect("a title").to_owned()).collect()
    }

    /// Waits until the root feed has these titles, newest first.
    fn wait(&self, titles: &[&str]) {
        self.daemon.wait(&format!("{titles:?}"), |_| self.titles() == titles);
    }

    fn end(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            thread.join().expect("it ends well");
        }
    }

    fn restart(&mut self) {
        self.end();
        let (daemon, stop, thread) = run(&self.newsroom);
        (self.daemon, self.stop, self.thread) = (daemon, Some(stop), Some(thread));
    }
}

impl Drop for Clocked {
    fn drop(&mut self) {
        drop(self.stop.take());
        drop(self.thread.take().map(JoinHandle::join));
    }
}

fn story(title: &str, keys: &str) -> String {
    format!("---\ntitle: {title}\n{keys}\n---\n\nThe text of {title}.\n")
}

/// The content directory is moved away, so that the daemon serves only saved documents.
#[test]
fn article_expired_while_stopped_is_not_shown() {
    let newsroom = Newsroom::new();
    newsroom
        .write("content/news/passing.md", story("Passing", "date: 2026-11-20 11:00\nexpires: 2026-11-24T12:00:20Z"));
    newsroom.write("content/news/chips/staying.md", story("Staying", "date: 2026-11-20 10:00"));
    let mut clocked = start(newsroom, "2026-11-24T12:00:00Z");
    clocked.wait(&["Passing", "Staying"]);
    clocked.end();
    fs::rename(clocked.newsroom.path("content"), clocked.newsroom.path("away")).expect("movable");
    const ROUTES: [&str; 7] =
        ["/", "/feed.json", "/news/", "/news/rss.xml", "/news/atom.xml", "/feeds.opml", "/news/chips/rss.xml"];
    let mut at = |instants: [&str; 2], expected: [[u16; 7]; 2]| {
        set(instants[0]);
        let (address, stop, thread) = run_unready(&clocked.newsroom);
        (clocked.stop, clocked.thread) = (Some(stop), Some(thread));
        let daemon = Daemon::at_once(address);
        for (instant, expected) in instants.into_iter().zip(expected) {
            set(instant);
            let answers = ROUTES.map(|route| daemon.get(route, &[]));
            assert_eq!(answers.each_ref().map(|answer| answer.status), expected, "{instant}");
            let shown = answers.iter().filter(|answer| answer.text().contains("Passing")).count();
            assert_eq!(shown > 0, expected[0] == 200, "{instant}");
        }
        clocked.end();
    };
    const GONE: [u16; 7] = [503, 503, 503, 503, 503, 503, 200];
    at(["2026-11-24T12:00:10Z", "2026-11-24T12:00:20Z"], [[200; 7], GONE]);
    at(["2026-11-24T12:00:20Z", "2026-11-25T12:00:00Z"], [GONE, GONE]);
}

/// Its file is deleted and its tombstones have expired, so only the store knows the article.
#[test]
fn dormant_article_returns_with_same_id() {
    let newsroom = Newsroom::new();
    newsroom.write("content/news/staying.md", story("Staying", "date: 2026-11-20 10:00"));
    newsroom.write("content/news/ships.md", "# Ships\n\nText.\n");
    let mut clocked = start(newsroom, "2026-11-24T12:00:00Z");
    clocked.wait(&["Ships", "Staying"]);
    let known = |clocked: &Clocked| {
        let feed: Value = serde_json::from_str(&clocked.daemon.body("/feed.json")).expect("JSON");
        let items = feed["items"].as_array().expect("items").clone();
        let item = items.iter().find(|item| item["title"] == "Ships").expect("public").clone();
        let text = |key: &str| item[key].as_str().expect("text").replace("http://feeds.courier.example", "");
        (text("id"), text("date_published"), text("url"))
    };
    let before = known(&clocked);
    let page = before.2.clone();
    let path = clocked.newsroom.path("content/news/ships.md");
    let is_dormant = |clocked: &Clocked| {
        let ledger = clocked.newsroom.path(".dateline/ledger.sqlite");
        let database = Connection::open_with_flags(ledger, OpenFlags::SQLITE_OPEN_READ_ONLY).expect("a database");
        let rows = "SELECT count(*) FROM dormant WHERE path = 'news/ships.md'";
        // The table doesn't exist before the first article becomes dormant.
        database.query_row(rows, [], |row| row.get(0)) == Ok(1)
    };
    let history = |clocked: &Clocked| printed(&clocked.newsroom.dateline(&["history", "content/news/ships.md"]));
    let mut month = 11;
    for (what, restarts) in [("while the daemon runs", false), ("after a restart", true)] {
        fs::remove_file(&path).expect("there");
        clocked.wait(&["Staying"]);
        assert!(!is_dormant(&clocked), "{what}: feeds have its tombstone");
        // An article that this process loaded from the store doesn't become dormant again.
        if restarts {
            clocked.restart();
        }
        month += 1;
        set(&format!("2026-{month}-30T12:00:00Z").replace("2026-13", "2027-02").replace("02-30", "02-28"));
        clocked.daemon.wait(what, |_| is_dormant(&clocked));
        if restarts {
            clocked.restart();
        }
        assert_eq!(clocked.daemon.get(&page, &[]).status, 410, "{what}");
        let reported = history(&clocked);
        assert!(reported.contains("published as") && reported.contains("its file was deleted"), "{what}: {reported}");
        clocked.newsroom.write("content/news/ships.md", "# Ships\n\nText.\n");
        clocked.wait(&["Ships", "Staying"]);
        assert_eq!(known(&clocked), before, "{what}");
        assert_eq!(clocked.daemon.get(&page, &[]).status, 200, "{what}");
        assert!(!is_dormant(&clocked), "{what}");
        let reported = history(&clocked);
        assert!(
            reported.contains("public again") && reported.matches("published as").count() == 1,
            "{what}: {reported}"
        );
    }
}

#[test]
fn embargoed_article_is_hidden_until_its_time() {
    const CANARY: &str = "Zanzibarium";
    const UNTIL: &str = "2026-11-24T12:00:00Z";
    let newsroom = Newsroom::new();
    let keys = |more: &str| {
        format!(
            "date: 2026-11-20 10:00\nauthors: [{CANARY} Author]\ntags: [{CANARY}tag]\nsummary: {CANARY} summary\nslug: {CANARY}-slug\n\
             id: tag:courier.example,2026:{CANARY}\nimage: {{ url: picture.png, alt: {CANARY} alt }}\nmedia: [{{ url: sound.mp3 }}]\n\
             copyright: {CANARY}\nsection: news/{CANARY}\nunknown: {CANARY}\n{more}"
        )
    };
    let png = [b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".as_slice(), &[0; 17], CANARY.as_bytes()].concat();
    newsroom.write("content/news/picture.png", &png);
    newsroom.write("content/news/sound.mp3", CANARY);
    newsroom.write("content/news/plain.md", story(CANARY, &keys(&format!("embargo: {UNTIL}"))));
    newsroom.write(
        "content/news/page.html",
        format!(
            "<html><head><title>{CANARY}</title><meta name=\"dateline:embargo\" content=\"{UNTIL}\">\
             <meta property=\"article:published_time\" content=\"2026-11-20T10:00:00Z\"></head>\
             <body><article><h1>{CANARY}</h1><p>{CANARY} words that are a paragraph.</p></article></body></html>"
        ),
    );
    newsroom.write(
        "content/news/wire.txt",
        format!("{CANARY} headline\n\nSource: {CANARY} | 2026-11-20 10:00:00\nEmbargo: {UNTIL}\n\n{CANARY} is a paragraph of wire text.\n"),
    );
    // All of these mention an embargo, and each is refused for a different reason.
    newsroom.write(
        "content/news/bad-image.md",
        story(CANARY, &keys("embargo: 2099-01-01\nimage_x: 1").replace("picture.png", &format!("htp://{CANARY}"))),
    );
    newsroom.write("content/news/unreadable.md", story(CANARY, &keys(&format!("embargo: {CANARY} o'clock"))));
    newsroom.write("content/news/near.md", story(CANARY, &keys(&format!("embago: {CANARY}"))));
    newsroom.write("content/news/broken.md", format!("---\ntitle: [{CANARY}\nembargo: {UNTIL}\n---\n\n{CANARY}\n"));
    // These are public now; their next versions will be withheld.
    newsroom.write("content/news/public.md", story("Public", "date: 2026-11-20 10:00"));
    newsroom.write("content/news/withheld.md", story("Withheld", "date: 2026-11-20 10:00"));
    let clocked = start(newsroom, "2026-11-24T11:00:00Z");
    clocked.wait(&["Public", "Withheld"]);
    clocked
        .newsroom
        .write("content/news/public.md", story(CANARY, &format!("date: 2026-11-20 10:00\nembargo: {UNTIL}")));
    clocked
        .newsroom
        .write("content/news/withheld.md", story(CANARY, &format!("date: 2026-11-20 10:00\nembargo: {CANARY}")));
    clocked.wait(&[]);
    assert!(!clocked.daemon.body("/atom.xml").contains("deleted-entry"), "withheld is not retracted");

    let canary = |bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes).to_lowercase();
        text.contains(&CANARY.to_lowercase())
    };
    let assert_clean = |clocked: &Clocked| {
        let lower = CANARY.to_lowercase();
        for path in [
            "/",
            "/rss.xml",
            "/atom.xml",
            "/feed.json",
            "/news/",
            "/news/rss.xml",
            "/news/atom.xml",
            "/news/feed.json",
            "/feeds.opml",
            "/readyz",
            "/healthz",
            "/media/news/picture.png",
            "/media/news/sound.mp3",
            "/nowhere",
            &format!("/tags/{lower}tag/"),
            &format!("/tags/{lower}tag/rss.xml"),
            &format!("/authors/{lower}%20author/feed.json"),
        ] {
            let answer = clocked.daemon.get(path, &[]);
            assert!(!canary(&answer.body), "{path}: {}", String::from_utf8_lossy(&answer.body));
            assert!(
                answer.status == 404 || !path.contains("/media/") && !path.contains(&lower),
                "{path}: {}",
                answer.status
            );
            assert!(!answer.headers.iter().any(|(_, value)| canary(value.as_bytes())), "{path}: {:?}", answer.headers);
        }
        for (name, bytes) in files(&clocked.newsroom.path("feeds")) {
            assert!(!canary(&bytes) && !canary(name.as_bytes()), "feeds/{name}");
        }
        let log = LOG.lock().expect("not poisoned").clone();
        assert!(log.len() > 1_000 && !canary(&log), "{}", String::from_utf8_lossy(&log));
        // All other files outside the content and state directories.
        let mut checked_files = 0;
        for folder in ["", "config"] {
            for entry in fs::read_dir(clocked.newsroom.path(folder)).expect("readable") {
                let path = entry.expect("readable").path();
                if path.is_file() {
                    checked_files += 1;
                    assert!(!canary(&fs::read(&path).expect("readable")), "{}", path.display());
                }
            }
        }
        assert!(checked_files > 0);
    };
    let state = clocked.newsroom.path(".dateline");
    assert_eq!(
        std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&state).expect("there").permissions()) & 0o777,
        0o700
    );
    assert_clean(&clocked);
    for command in [["check"].as_slice(), &["check", "--json"]] {
        let output = clocked.newsroom.dateline(command);
        let reported = [output.stdout, output.stderr].concat();
        // `check` uses the real clock, at which the embargo may have ended, so only the invalid files are expected.
        let reported = String::from_utf8_lossy(&reported).into_owned();
        for name in ["unreadable.md", "near.md", "broken.md", "bad-image.md", "withheld.md"] {
            assert!(reported.contains(name), "{name} is not in {reported}");
        }
        assert!(!canary(reported.as_bytes()), "{reported}");
    }
    set("2026-11-24T11:59:59Z");
    // Once this article is public, the daemon has read the new time.
    clocked.newsroom.write("content/news/marker.md", story("Marker", "date: 2026-11-24 10:00"));
    clocked.wait(&["Marker"]);
    assert_clean(&clocked);
    set(UNTIL);
    clocked.daemon.wait("the embargo is over", |_| clocked.titles().len() == 5);
    assert!(canary(&clocked.daemon.get("/news/rss.xml", &[]).body));
    assert_eq!(clocked.daemon.get("/media/news/sound.mp3", &[]).status, 200);
}

/// Even when the newest entry leaves.
#[test]
fn feed_dates_never_go_back() {
    let newsroom = Newsroom::new();
    newsroom.write("content/news/a.md", story("A", "date: 2026-11-20T10:00:00Z"));
    newsroom.write("content/news/b.md", story("B", "date: 2026-11-22T10:00:00Z\nexpires: 2026-11-24T12:00:00Z"));
    let mut clocked = start(newsroom, "2026-11-24T11:00:00Z");
    let dates = |clocked: &Clocked| {
        let answer = clocked.daemon.get("/news/atom.xml", &[]);
        let updated = answer.text().split("<updated>").nth(1).expect("a date")[..19].to_owned();
        (updated, answer.header("last-modified").map(str::to_owned))
    };
    assert_eq!(dates(&clocked), ("2026-11-22T10:00:00".to_owned(), Some("Sun, 22 Nov 2026 10:00:00 GMT".to_owned())));
    set("2026-11-24T12:00:00Z");
    clocked.wait(&["A"]);
    assert_eq!(dates(&clocked), ("2026-11-22T10:00:00".to_owned(), None), "the second of the change is not over");
    set("2026-11-24T12:00:01Z");
    let after = ("2026-11-22T10:00:00".to_owned(), Some("Tue, 24 Nov 2026 12:00:01 GMT".to_owned()));
    assert_eq!(dates(&clocked), after);
    clocked.restart();
    assert_eq!(dates(&clocked), after);
    assert!(Path::new(&clocked.newsroom.path(".dateline/ledger.sqlite")).exists());
}
