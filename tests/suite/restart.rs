//! After a restart, the daemon serves the saved documents at once, except those that readers must no longer see.
//!
//! The tests move the content directory away, so that the first scan finds no articles.

use std::fs;

use crate::newsroom::{CONFIG, Daemon, Newsroom, Response, printed};

const ROUTES: [&str; 9] = [
    "/",
    "/rss.xml",
    "/news/",
    "/news/rss.xml",
    "/news/atom.xml",
    "/news/feed.json",
    "/news/chips/feed.json",
    "/tags/tide/atom.xml",
    "/feeds.opml",
];
const LIST: &str = ".dateline/published.jsonl";

fn newsroom() -> Newsroom {
    let newsroom = Newsroom::new();
    newsroom.write("content/quay.png", "not really a picture");
    newsroom.article("news/ships.md", "Ships", &format!("![](../quay.png) {}", "The ships are back. ".repeat(30)));
    newsroom.article("news/chips/fab.md", "Fab", &"The fab is built. ".repeat(30));
    newsroom
}

fn hide(newsroom: &Newsroom) {
    fs::rename(newsroom.path("content"), newsroom.path("away")).expect("movable");
}

fn show(newsroom: &Newsroom) {
    fs::rename(newsroom.path("away"), newsroom.path("content")).expect("movable");
}

/// Status, header fields except `Date`, and the body in hexadecimal.
fn stable_parts(response: Response) -> (u16, Vec<(String, String)>, String) {
    let mut headers = response.headers.clone();
    headers.retain(|(name, _)| name != "date");
    headers.sort();
    let body = response.body.iter().map(|byte| format!("{byte:02x}")).collect();
    (response.status, headers, body)
}

/// Status, header fields and body.
type Answer = (u16, Vec<(String, String)>, String);

fn all(daemon: &Daemon) -> Vec<Answer> {
    let asked = ROUTES.iter().flat_map(|route| ["identity", "gzip"].map(|coding| (route, coding)));
    asked.map(|(route, coding)| stable_parts(daemon.get(route, &[("Accept-Encoding", coding)]))).collect()
}

/// Waits until the current version of a document is in the list of saved documents.
fn wait_until_saved(newsroom: &Newsroom, daemon: &Daemon, route: &str) {
    let tag = daemon.get(route, &[]).header("etag").expect("an ETag").trim_matches('"').to_owned();
    daemon.wait("it is saved", |_| fs::read_to_string(newsroom.path(LIST)).is_ok_and(|list| list.contains(&tag)));
}

fn status(daemon: &Daemon, path: &str) -> u16 {
    let response = daemon.get(path, &[]);
    assert!(response.status != 503 || response.header("retry-after") == Some("1"), "{path}: {response:?}");
    response.status
}

#[test]
fn saved_documents_are_served_at_once() {
    for output in ["../feeds", ""] {
        let newsroom = newsroom();
        newsroom.write("config/dateline.toml", format!("{CONFIG}[output]\ndirectory = \"{output}\"\n"));
        let daemon = newsroom.serve();
        let before = all(&daemon);
        assert!(before.iter().all(|(status, ..)| *status == 200));
        let page = daemon.body("/news/feed.json");
        let page = page.split("\"url\":").nth(1).and_then(|url| url.split('"').nth(1)).expect("an article");
        let page = page.replace("http://feeds.courier.example", "").replace("\\/", "/");
        assert_eq!(status(&daemon, &page), 200, "{page}");
        assert_eq!(status(&daemon, "/media/quay.png"), 200);
        assert!(daemon.stop());

        hide(&newsroom);
        let daemon = newsroom.serve_unready();
        assert_eq!(status(&daemon, "/readyz"), 503);
        assert_eq!(all(&daemon), before, "output to `{output}`");
        for (route, (_, headers, _)) in ROUTES.iter().zip(before.iter().step_by(2)) {
            let tag = &headers.iter().find(|(name, _)| name == "etag").expect("an ETag").1;
            assert_eq!(daemon.get(route, &[("If-None-Match", tag)]).status, 304, "{route}");
        }
        // Article pages, media files and errors aren't saved.
        for path in [&*page, "/media/quay.png", "/missing", "/news"] {
            assert_eq!(status(&daemon, path), 503, "{path}");
        }
        assert_eq!(status(&daemon, "/healthz"), 200);
        assert_eq!(status(&daemon, "/readyz"), 503);
        assert!(daemon.stop());

        show(&newsroom);
        let daemon = newsroom.serve();
        assert_eq!(all(&daemon), before, "ready, output to `{output}`");
        drop(daemon);
        // The daemon was killed before it saved anything.
        hide(&newsroom);
        assert_eq!(all(&newsroom.serve_unready()), before, "killed, output to `{output}`");
    }
}

#[test]
fn damaged_saved_document_is_not_served() {
    let newsroom = newsroom();
    let daemon = newsroom.serve();
    daemon.wait("all is delivered", |_| newsroom.path("feeds/news/rss.xml").exists());
    let page = daemon.get("/news/", &[]).header("etag").expect("an ETag").trim_matches('"').to_owned();
    assert!(daemon.stop());
    hide(&newsroom);
    let damage = |name: &str| {
        let mut bytes = fs::read(newsroom.path(name)).expect("written");
        bytes[30] ^= 1;
        fs::write(newsroom.path(name), bytes).expect("writable");
    };
    damage("feeds/news/rss.xml");
    damage(&format!(".dateline/documents/{page}"));
    fs::remove_file(newsroom.path("feeds/news/atom.xml")).expect("written");
    let daemon = newsroom.serve_unready();
    let served = ["/news/rss.xml", "/news/", "/news/atom.xml", "/news/feed.json"].map(|route| status(&daemon, route));
    assert_eq!(served, [503, 503, 503, 200]);
    assert!(daemon.stop());
    show(&newsroom);
    let daemon = newsroom.serve();
    let served = ["/news/rss.xml", "/news/", "/news/atom.xml", "/news/feed.json"].map(|route| status(&daemon, route));
    assert_eq!(served, [200; 4]);
}

#[test]
fn changed_configuration_serves_no_saved_documents() {
    let newsroom = newsroom();
    assert!(newsroom.serve().stop());
    hide(&newsroom);
    newsroom.write("config/dateline.toml", format!("{CONFIG}\n# Another.\n"));
    let daemon = newsroom.serve_unready();
    assert!(ROUTES.iter().all(|route| status(&daemon, route) == 503));
    assert!(daemon.stop());
    // The same configuration again, and a change of it during the first scan.
    newsroom.write("config/dateline.toml", CONFIG);
    let daemon = newsroom.serve_unready();
    assert_eq!(status(&daemon, "/news/rss.xml"), 200);
    newsroom.write("config/dateline.toml", format!("{CONFIG}\n# Another.\n"));
    daemon.wait("it is noticed", |daemon| status(daemon, "/news/rss.xml") == 503);
}

#[test]
fn retraction_before_kill_is_not_undone() {
    let newsroom = newsroom();
    let daemon = newsroom.serve();
    wait_until_saved(&newsroom, &daemon, "/news/rss.xml");
    let output = newsroom.dateline(&["retract", "content/news/ships.md"]);
    assert_eq!(output.status.code(), Some(0), "{}", printed(&output));
    drop(daemon);
    hide(&newsroom);
    let daemon = newsroom.serve_unready();
    let ships = |daemon: &Daemon| ROUTES.iter().filter(|route| daemon.get(route, &[]).text().contains("Ships")).count();
    assert_eq!(ships(&daemon), 0);
    assert_eq!(status(&daemon, "/news/rss.xml"), 503);
    drop(daemon);

    // During the first scan.
    show(&newsroom);
    let daemon = newsroom.serve();
    wait_until_saved(&newsroom, &daemon, "/news/rss.xml");
    assert!(daemon.stop());
    hide(&newsroom);
    let daemon = newsroom.serve_unready();
    assert!(daemon.body("/news/rss.xml").contains("Fab"), "{}", daemon.body("/news/rss.xml"));
    let output = newsroom.dateline(&["retract", "content/news/chips/fab.md"]);
    assert_eq!(output.status.code(), Some(0), "{}", printed(&output));
    assert!(ROUTES.iter().all(|route| status(&daemon, route) == 503));
    drop(daemon);
    let daemon = newsroom.serve_unready();
    assert!(ROUTES.iter().all(|route| status(&daemon, route) == 503));
    assert!(daemon.stop());

    // By a command while no daemon runs.
    show(&newsroom);
    newsroom.article("news/tugs.md", "Tugs", "The tugs are out.");
    assert!(newsroom.serve().stop());
    let output = newsroom.dateline(&["retract", "content/news/tugs.md"]);
    assert_eq!(output.status.code(), Some(0), "{}", printed(&output));
    hide(&newsroom);
    let daemon = newsroom.serve_unready();
    assert!(ROUTES.iter().all(|route| status(&daemon, route) == 503));
}

/// Even if the article is in no feed and is unchanged since the last run.
#[test]
fn warnings_are_reported_after_every_start() {
    let newsroom = Newsroom::new();
    let elsewhere = "[content]\narticle_url = \"https://courier.example/{section}/{slug}/\"\n";
    let window = "\n[feeds]\nmax_items = 1\nmin_items = 0\nmin_residency = \"0s\"\n";
    newsroom.write("config/dateline.toml", CONFIG.replace("[content]\n", elsewhere) + window);
    newsroom.write("content/news/newer.md", "---\ntitle: Boats\ndate: 2026-11-03\n---\n\nBoats.\n");
    let story = "---\ntitle: Ships\ndate: 2026-11-01\nslug: ships\n---\n\nThe ships are back.\n";
    ["a.md", "b.md"].iter().for_each(|name| newsroom.write(&format!("content/news/{name}"), story));
    let wire = "Ships\n\nNews > Nowhere\n\nSource: Desk | 2026-11-02 09:00:00\n\nThe ships are back.\n";
    newsroom.write("content/news/c.txt", wire);
    for _ in 0..2 {
        let daemon = newsroom.serve();
        // The warnings follow right after the daemon is ready.
        for code in ["id-collision", "breadcrumb-unknown"] {
            daemon.wait(code, |_| fs::read_to_string(newsroom.path("log")).expect("a log").contains(code));
        }
        assert!(daemon.stop());
    }
}
