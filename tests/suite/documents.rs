//! Documents that aren't in memory: responses are the same, and damaged documents are rebuilt.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader};
use std::process::ChildStdout;

use crate::newsroom::{CONFIG, Daemon, Newsroom, Response, article, files};

const SECTIONS: usize = 60;
const CODINGS: [&str; 4] = ["identity", "gzip", "br", "zstd"];

fn newsroom(memory: usize, more: &str) -> Newsroom {
    let newsroom = Newsroom::new();
    let sections: String = (0..SECTIONS).map(|n| format!("[[section]]\npath = \"desk-{n}\"\n")).collect();
    let server = format!("[server]\nmemory = {memory}\n[admin]\nlisten = \"127.0.0.1:0\"\n");
    newsroom.write("config/dateline.toml", format!("{CONFIG}{sections}{server}{more}"));
    for n in 0..SECTIONS {
        for k in 0..2 {
            let body = format!("Desk {n} tells of matter {k}. ").repeat(60);
            newsroom.article(&format!("desk-{n}/story-{n}-{k}.md"), &format!("Story {n}.{k}"), &body);
        }
    }
    newsroom
}

fn routes() -> Vec<String> {
    let folders = (0..SECTIONS).map(|n| format!("/desk-{n}/")).chain(["/".to_owned(), "/tags/tide/".to_owned()]);
    let documents =
        folders.flat_map(|folder| ["", "rss.xml", "atom.xml", "feed.json"].map(|name| format!("{folder}{name}")));
    documents.chain(["/feeds.opml".to_owned()]).collect()
}

/// A daemon and its admin listener.
struct Served {
    daemon: Daemon,
    admin: Daemon,
    _said: BufReader<ChildStdout>,
}

fn serve(newsroom: &Newsroom) -> Served {
    let mut command = newsroom.command();
    command.args(["serve", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"]);
    let (daemon, mut printed) = Daemon::spawn_talking(&newsroom.path(""), command);
    let mut line = String::new();
    printed.read_line(&mut line).expect("it says where operators look");
    let admin = Daemon::at(line.split('/').nth(2).expect("an address").to_owned());
    daemon.wait_until_ready();
    Served { daemon, admin, _said: printed }
}

impl Served {
    fn number(&self, name: &str) -> u64 {
        let metrics = self.admin.body("/metrics");
        let line = metrics.lines().find_map(|line| line.strip_prefix(&format!("{name} ")));
        line.and_then(|number| number.parse().ok()).unwrap_or_else(|| panic!("no {name} in {metrics}"))
    }

    fn documents_read(&self) -> u64 {
        self.number("dateline_documents_read_total")
    }

    fn memory(&self) -> u64 {
        self.number("dateline_document_memory_bytes")
    }
}

/// The parts of a response that are always the same.
fn stable_parts(response: &Response) -> (u16, Vec<(String, String)>, Vec<u8>) {
    let mut headers = response.headers.clone();
    headers.retain(|(name, _)| name != "date");
    headers.sort();
    (response.status, headers, response.body.clone())
}

fn hash(response: &Response) -> String {
    let tag = response.header("etag").expect("an ETag").trim_matches('"');
    tag.split('-').next().expect("a hash").to_owned()
}

#[test]
fn small_memory_budget_changes_no_response() {
    const LITTLE: usize = 100_000;
    let (small, large) = (newsroom(LITTLE, ""), newsroom(100_000_000, ""));
    let (cold, warm) = (serve(&small), serve(&large));
    let mut tags = Vec::new();
    for route in routes() {
        for coding in CODINGS {
            let accepts = [("Accept-Encoding", coding)];
            let (got, wanted) = (cold.daemon.get(&route, &accepts), warm.daemon.get(&route, &accepts));
            assert!(stable_parts(&got) == stable_parts(&wanted), "{route} in {coding}: {got:?}, {wanted:?}");
            assert_eq!(got.status, 200, "{route} in {coding}");
            tags.push((route.clone(), coding, got.header("etag").expect("an ETag").to_owned(), stable_parts(&got).1));
        }
    }
    let read = cold.documents_read();
    assert!(read > 100, "{read} documents were read");
    assert_eq!(warm.documents_read(), 0);
    // The last response may be under way still.
    cold.daemon.wait("memory is within the budget", |_| cold.memory() <= LITTLE as u64);
    assert!(warm.memory() > 500_000, "{} bytes in memory", warm.memory());
    // These responses don't need the bytes.
    for (route, coding, tag, fields) in tags {
        let accepts = ("Accept-Encoding", coding);
        let same = cold.daemon.get(&route, &[accepts, ("If-None-Match", &tag)]);
        assert_eq!(same.status, 304, "{route} in {coding}");
        let ranged = cold.daemon.head(&route, &[accepts, ("Range", "bytes=0-9")]);
        assert_eq!(stable_parts(&ranged), (200, fields, Vec::new()), "{route} in {coding}");
    }
    assert_eq!(cold.documents_read(), read, "none was read for 304 and HEAD");
    // The output directory is complete, too.
    let is_delivered = |_: &Daemon| files(&small.path("feeds")) == files(&large.path("feeds"));
    cold.daemon.wait("all is delivered", is_delivered);
}

#[test]
fn memory_stays_within_the_budget() {
    const LITTLE: u64 = 400_000;
    let newsroom = newsroom(400_000, "[feeds]\nmin_residency = \"0s\"\nmax_items = 5\nmin_items = 5\n");
    let served = serve(&newsroom);
    for route in routes() {
        served.daemon.get(&route, &[("Accept-Encoding", "gzip")]);
        served.daemon.get(&route, &[]);
        served.daemon.wait("memory is within the budget", |_| served.memory() <= LITTLE);
    }
    assert!(served.documents_read() > 0, "more was requested than fits");
    // After a publication, an eighth is free for what the next one evicts.
    newsroom.write("content/desk-3/story-3-0.md", article("Another story", "It was quite different."));
    served.daemon.wait("the story is another", |daemon| daemon.body("/desk-3/rss.xml").contains("Another story"));
    served.daemon.wait("an eighth is left", |_| served.memory() <= LITTLE / 8 * 7);
}

/// Old versions of documents don't fill the memory.
#[test]
fn replaced_documents_leave_memory() {
    let newsroom = newsroom(100_000_000, "");
    let served = serve(&newsroom);
    let settled = served.memory();
    for version in 0..5 {
        let title = format!("Version {version}");
        newsroom.write("content/desk-3/story-3-0.md", article(&title, &"It was quite different. ".repeat(2_000)));
        served.daemon.wait("the story is another", |daemon| daemon.body("/desk-3/rss.xml").contains(&title));
    }
    newsroom.write("content/desk-3/story-3-0.md", article("Short", "It is short."));
    served.daemon.wait("old versions left memory", |_| served.memory() <= settled + 50_000);
}

#[test]
fn files_without_document_are_removed() {
    let newsroom = newsroom(0, "");
    let served = serve(&newsroom);
    let kept = || -> BTreeSet<String> { files(&newsroom.path(".dateline/documents")).into_keys().collect() };
    let before = hash(&served.daemon.get("/desk-3/rss.xml", &[]));
    // Documents are written after readers can see them.
    served.daemon.wait("it is written", |_| kept().contains(&before));
    newsroom.write("content/desk-3/story-3-0.md", article("Another story", "It was quite different."));
    served.daemon.wait("the story is another", |daemon| daemon.body("/desk-3/rss.xml").contains("Another story"));
    let after = hash(&served.daemon.get("/desk-3/rss.xml", &[]));
    served.daemon.wait("its old version is removed", |_| !kept().contains(&before));
    assert!(kept().contains(&after) && kept().len() > 4 * SECTIONS, "{}", kept().len());
    // Files of a killed process are removed, too.
    drop(served);
    newsroom.write(&format!(".dateline/documents/{before}"), "left over");
    let served = serve(&newsroom);
    served.daemon.wait("what was left over is removed", |_| !kept().contains(&before));
    assert_eq!(hash(&served.daemon.get("/desk-3/rss.xml", &[])), after);
}

#[test]
fn damaged_document_is_rebuilt_and_never_served() {
    let newsroom = newsroom(0, "[output]\ndirectory = \"\"\n");
    let served = serve(&newsroom);
    let log = || fs::read_to_string(newsroom.path("log")).expect("a log");
    for (route, spoil) in [
        ("/desk-7/rss.xml", Some("spoilt")),
        ("/desk-8/", Some("")),
        ("/desk-9/atom.xml", None),
        ("/feeds.opml", Some("spoilt")),
    ] {
        for coding in ["identity", "gzip"] {
            let accepts = [("Accept-Encoding", coding)];
            let right = served.daemon.get(route, &accepts);
            assert_eq!(right.status, 200, "{route}");
            let copy = newsroom.path(&format!(".dateline/documents/{}", hash(&right)));
            // Documents are written after readers can see them.
            served.daemon.wait("it is written", |_| copy.exists());
            match spoil {
                Some(bytes) => fs::write(&copy, bytes).expect("writable"),
                None => fs::remove_file(&copy).expect("there"),
            }
            let mut refused = 0;
            served.daemon.wait("it is right again", |daemon| {
                let got = daemon.get(route, &accepts);
                match got.status {
                    503 => {
                        refused += 1;
                        assert_eq!(got.header("retry-after"), Some("1"), "{route}");
                        false
                    }
                    _ => {
                        assert_eq!(stable_parts(&got), stable_parts(&right), "{route} in {coding}");
                        true
                    }
                }
            });
            let line = format!("document={route} ");
            assert!(log().contains(&line) && log().contains("it is rebuilt"), "{refused} refusals, {}", log());
        }
    }
}

/// The output directory has the same bytes.
#[test]
fn lost_document_is_read_from_output_directory() {
    let newsroom = newsroom(0, "");
    let served = serve(&newsroom);
    served.daemon.wait("it is delivered", |_| newsroom.path("feeds/desk-7/rss.xml").exists());
    let right = served.daemon.get("/desk-7/rss.xml", &[]);
    fs::write(newsroom.path(&format!(".dateline/documents/{}", hash(&right))), "spoilt").expect("writable");
    assert_eq!(stable_parts(&served.daemon.get("/desk-7/rss.xml", &[])), stable_parts(&right));
}
