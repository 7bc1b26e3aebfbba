//! How often article pages are built, and how often articles are read.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::ChildStdout;

use serde_json::Value;

use crate::newsroom::{CONFIG, Daemon, Newsroom};

/// A daemon and its admin listener.
struct Served {
    daemon: Daemon,
    admin: Daemon,
    _stdout: BufReader<ChildStdout>,
}

fn serve(newsroom: &Newsroom) -> Served {
    let mut command = newsroom.command();
    command.args(["serve", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"]);
    let (daemon, mut stdout) = Daemon::spawn_talking(&newsroom.path(""), command);
    let mut line = String::new();
    stdout.read_line(&mut line).expect("a line with the admin address");
    let admin = Daemon::at(line.split('/').nth(2).expect("an address").to_owned());
    daemon.wait_until_ready();
    Served { daemon, admin, _stdout: stdout }
}

impl Served {
    fn number(&self, name: &str) -> u64 {
        let metrics = self.admin.body("/metrics");
        let line = metrics.lines().find_map(|line| line.strip_prefix(&format!("{name} ")));
        line.and_then(|number| number.parse().ok()).unwrap_or_else(|| panic!("no {name} in {metrics}"))
    }

    fn pages_built(&self) -> u64 {
        self.number("dateline_pages_built_total")
    }

    /// The problems in `/status.json`.
    fn problems(&self) -> Vec<Value> {
        let status: Value = serde_json::from_str(&self.admin.body("/status.json")).expect("JSON");
        status["problems"].as_array().unwrap_or_else(|| panic!("no problems in {status}")).clone()
    }
}

fn story(more: &str, body: &str) -> String {
    format!("---\ntitle: \"Quay\"\ndate: 2026-11-20 10:00\n{more}---\n\n{body}\n")
}

/// The path of the only article's page.
fn link(daemon: &Daemon) -> String {
    let feed = daemon.body("/news/atom.xml");
    let link = feed.split("http://feeds.courier.example/articles/").nth(1).and_then(|rest| rest.split('"').next());
    format!("/articles/{}", link.expect("an entry's link"))
}

#[test]
fn article_page_is_built_once_per_version() {
    let newsroom = Newsroom::new();
    newsroom.write("content/news/quay.md", story("", "The first version."));
    let served = serve(&newsroom);
    let link = link(&served.daemon);
    let first = served.daemon.get(&link, &[]);
    let tag = first.header("etag").expect("an ETag").to_owned();
    assert!(first.text().contains("The first version."));
    for coding in ["gzip", "br", "zstd", "identity"] {
        let accepts = [("Accept-Encoding", coding)];
        assert_eq!(served.daemon.get(&link, &accepts).status, 200);
        assert_eq!(served.daemon.head(&link, &accepts).status, 200);
    }
    assert_eq!(served.daemon.get(&link, &[("If-None-Match", &tag)]).status, 304);
    assert_eq!(served.pages_built(), 1);

    newsroom.write("content/news/quay.md", story("", "The second version."));
    served.daemon.wait("the page changed", |daemon| daemon.body(&link).contains("The second version."));
    let built = served.pages_built();
    assert_eq!(served.daemon.get(&link, &[("If-None-Match", &tag)]).status, 200);
    assert_eq!(served.pages_built(), built);

    // An invalid version keeps the last good page, and isn't read again for every request.
    newsroom.write("content/news/quay.md", story("date: nonsense\n", "The third version."));
    served.daemon.wait("it is reported", |_| !served.problems().is_empty());
    newsroom.age("content/news/quay.md");
    assert!(served.daemon.body(&link).contains("The second version."));
    let built = served.pages_built();
    assert!(served.daemon.body(&link).contains("The second version."));
    assert_eq!(served.pages_built(), built);

    newsroom.write("content/news/quay.md", story("embargo: 2099-01-01 10:00\n", "The fourth version."));
    served.daemon.wait("it is withheld", |daemon| daemon.get(&link, &[]).status == 404);
    assert!(served.daemon.stop());
}

#[test]
fn article_page_follows_configuration() {
    let newsroom = Newsroom::new();
    newsroom.write("content/news/quay.md", story("", "Text."));
    let served = serve(&newsroom);
    let link = link(&served.daemon);
    assert!(served.daemon.body(&link).contains("Test Courier"));
    newsroom.write("config/dateline.toml", CONFIG.replace("Test Courier", "Renamed Courier"));
    served.daemon.wait("the page has the new title", |daemon| daemon.body(&link).contains("Renamed Courier"));
}

#[test]
fn articles_with_warnings_are_not_reread() {
    const ARTICLES: usize = 40;
    let newsroom = Newsroom::new();
    for number in 0..ARTICLES {
        newsroom.write(&format!("content/news/{number}.md"), story("summry: S\ntag: [tide]\n", "Text."));
    }
    newsroom.age("content/news/39.md");
    let first = serve(&newsroom);
    assert_eq!(first.number("dateline_articles_read_total"), ARTICLES as u64);
    let problems = first.problems();
    assert!(problems.len() >= ARTICLES, "{problems:?}");
    let warnings = |newsroom: &Newsroom| {
        let log = fs::read_to_string(newsroom.path("log")).expect("a log");
        let reported = log.lines().filter(|line| line.contains(".md")).filter_map(|line| line.split_once("WARN"));
        let mut reported: Vec<String> = reported.map(|(_, reported)| reported.to_owned()).collect();
        reported.sort();
        reported
    };
    let before = warnings(&newsroom);
    assert!(first.daemon.stop());
    let second = serve(&newsroom);
    assert_eq!(second.number("dateline_articles_read_total"), 0);
    assert_eq!((second.problems(), warnings(&newsroom)), (problems, before));
    // A repaired article is read, and its problem disappears.
    newsroom.write("content/news/7.md", story("", "Text."));
    second.daemon.wait("the problem is resolved", |_| {
        !second.problems().iter().any(|problem| problem.to_string().contains("news/7.md"))
    });
    assert_eq!(second.number("dateline_articles_read_total"), 1);
}
