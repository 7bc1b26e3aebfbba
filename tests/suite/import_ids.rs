//! `import-ids`: readers of the feed that dateline replaces see no article twice.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::process::Output;

use crate::newsroom::{CONFIG, Newsroom};

const LINKED: &str = r#"[content]
article_url = "https://www.courier.example/{section}/{slug}/""#;

/// Articles whose pages are on the publisher's site: five of one day, and `undated.md`.
fn newsroom() -> Newsroom {
    let newsroom = Newsroom::new();
    newsroom.write("config/dateline.toml", CONFIG.replace("[content]", LINKED));
    for (name, title) in [("ships", "Ships"), ("boats", "Boats"), ("rafts", "Rafts & \\\"Ropes\\\"")] {
        newsroom.article(&format!("news/{name}.md"), title, "Text.");
    }
    newsroom.write(
        "content/news/stated.md",
        "---\ntitle: Stated\ndate: 2026-11-20 10:00\nid: tag:courier.example,2026:stated\n---\n\nText.\n",
    );
    newsroom.write("content/news/undated.md", "# Undated\n\nText.\n");
    newsroom
}

fn item(id: &str, slug: &str, title: &str) -> String {
    format!(
        "<item><title>{title}</title><link>http://www.courier.example/news/{slug}</link>\
         <guid isPermaLink=\"false\">{id}</guid><pubDate>Fri, 20 Nov 2026 02:00:00 +0000</pubDate></item>"
    )
}

fn rss(items: &[String]) -> String {
    format!("<rss version=\"2.0\"><channel><title>Old</title>{}</channel></rss>", items.concat())
}

fn import(newsroom: &Newsroom, items: &[String], arguments: &[&str]) -> (String, Option<i32>) {
    newsroom.write("old.xml", rss(items));
    printed(&newsroom.dateline(&[&["import-ids", "old.xml"], arguments].concat()))
}

fn printed(output: &Output) -> (String, Option<i32>) {
    let text = [output.stdout.as_slice(), &output.stderr].concat();
    (String::from_utf8(text).expect("UTF-8"), output.status.code())
}

/// Asserts that a text contains all parts.
fn assert_says(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "no `{part}` in\n{text}");
    }
}

/// The three root feeds.
fn feeds(newsroom: &Newsroom) -> [String; 3] {
    let built = newsroom.build("out");
    assert!(built.status.success(), "{}", printed(&built).0);
    ["out/rss.xml", "out/atom.xml", "out/feed.json"]
        .map(|file| fs::read_to_string(newsroom.path(file)).expect("written"))
}

#[test]
fn article_takes_id_and_date_of_old_item() {
    let newsroom = newsroom();
    let items = [
        item("https://old.example/?p=1&#038;b=2", "ships/?utm_source=rss", "Another title"),
        item("https://old.example/?p=3", "moved", "Rafts &amp; &#8220;Ropes&#8221;"),
        item("https://old.example/?p=4", "undated", "Undated")
            .replace("20 Nov 2026", "13 Nov 2026")
            .replace("Fri, ", ""),
    ];
    let (dry, code) = import(&newsroom, &items, &["--dry-run"]);
    assert_eq!(code, Some(0));
    assert_says(
        &dry,
        &["would be taken over", "3 items: 3 ids would be taken over, 0 had already, 0 not", "nothing was written"],
    );
    assert!(!newsroom.path(".dateline").exists(), "a dry run writes nothing");

    let (text, code) = import(&newsroom, &items, &[]);
    assert_eq!(code, Some(0));
    assert_says(
        &text,
        &[
            "content/news/ships.md    <-  https://old.example/?p=1&b=2  Another title\n",
            "content/news/rafts.md    <-  https://old.example/?p=3  Rafts & \u{201c}Ropes\u{201d}  (by its title)\n",
            "content/news/undated.md  <-  https://old.example/?p=4  Undated  (dated 2026-11-13T02:00:00Z)\n",
            "articles without an item",
            "content/news/boats.md",
            "3 items: 3 ids taken over, 0 had already, 0 not; 5 public articles, 2 without an item\n",
        ],
    );
    let [rss, atom, json] = feeds(&newsroom);
    assert_says(
        &rss,
        &[">https://old.example/?p=1&#x26;b=2</guid>", "<pubDate>Fri, 13 Nov 2026 02:00:00 +0000</pubDate>"],
    );
    assert_says(&atom, &["<id>https://old.example/?p=1&amp;b=2</id>", "2026-11-13T"]);
    assert_says(
        &json,
        &["\"https://old.example/?p=1&b=2\"", "\"https://old.example/?p=3\"", "\"https://old.example/?p=4\""],
    );
    let (again, _) = import(&newsroom, &items, &[]);
    assert_says(&again, &["had it already", "3 items: 0 ids taken over, 3 had already, 0 not"]);

    // The ids survive edits, moves and restarts.
    newsroom.article("news/ships.md", "Vessels", "Other text.");
    fs::create_dir_all(newsroom.path("content/sea")).expect("writable");
    fs::rename(newsroom.path("content/news/rafts.md"), newsroom.path("content/sea/floats.md")).expect("movable");
    let [_, _, json] = feeds(&newsroom);
    assert_says(&json, &["\"https://old.example/?p=1&b=2\"", "\"https://old.example/?p=3\"", "Vessels"]);
}

#[test]
fn doubtful_items_are_skipped_and_reported() {
    let newsroom = newsroom();
    newsroom.article("news/chips/boats.md", "Boats", "Text.");
    newsroom.article("news/chips/wafers.md", "Wafers", "Text.");
    let items = [
        item("12345", "ships", "Ships"),
        item("https://old.example/?p=2", "elsewhere", "Boats"),
        item("https://old.example/?p=3", "stated", "Stated"),
        item("https://old.example/?p=4", "undated", "Undated"),
        item("https://old.example/?p=4", "rafts", "Rafts"),
        item("https://old.example/?p=5", "gone", "Gone\u{202e} &#27;[31m"),
        "<item><title>Chips&#27;[31m</title><link>https://www.courier.example/news/chips/wafers/index.html</link></item>"
            .to_owned(),
    ];
    let (text, code) = import(&newsroom, &items, &[]);
    assert_eq!(code, Some(0), "{text}");
    assert_says(
        &text,
        &[
            "content/news/ships.md: an Atom feed cannot carry its id: an id is an absolute URI",
            "several articles have its title: ",
            "content/news/stated.md: the file says `id: tag:courier.example,2026:stated`, and it decides",
            "another item has the same id",
            "no article has its link `http://www.courier.example/news/gone` or its title",
            "content/news/chips/wafers.md  <-  https://www.courier.example/news/chips/wafers/index.html  Chips[31m  (it states no id, so readers go by its link)",
            "7 items: 1 id taken over, 0 had already, 6 not",
        ],
    );
    assert!(!text.contains('\u{1b}'), "no control of the terminal is passed on");
    let [rss, _, _] = feeds(&newsroom);
    assert_eq!(rss.matches("old.example").count(), 0, "{rss}");
    assert_says(&rss, &["<pubDate>Fri, 20 Nov 2026 02:00:00 +0000</pubDate>"]);
}

#[test]
fn published_ids_change_only_with_force() {
    let newsroom = newsroom();
    feeds(&newsroom);
    let items = [
        item("https://old.example/?p=1", "ships", "Ships"),
        item("tag:courier.example,2026:2026-11-20/news/boats", "rafts", "Rafts"),
    ];
    let (text, _) = import(&newsroom, &items, &[]);
    assert_says(
        &text,
        &[
            "already published as `tag:courier.example,2026:2026-11-20/news/ships`",
            "content/news/rafts.md: news/boats.md has this id",
            "0 ids taken over",
        ],
    );
    assert!(!feeds(&newsroom)[0].contains("old.example"));
    let (text, _) = import(&newsroom, &items, &["--force"]);
    assert_says(&text, &["2 items: 1 id taken over", "news/boats.md has this id"]);
    assert!(feeds(&newsroom)[0].contains(">https://old.example/?p=1<"));
    // An imported id of an unpublished article isn't changed without `--force`, either.
    newsroom.article("news/late.md", "Late", "Text.");
    import(&newsroom, &[item("https://old.example/?p=7", "late", "Late")], &[]);
    let (text, _) = import(&newsroom, &[item("https://old.example/?p=8", "late", "Late")], &[]);
    assert_says(&text, &["already imported as `https://old.example/?p=7`"]);
    // The same holds for an article that was moved after its publication.
    fs::rename(newsroom.path("content/news/boats.md"), newsroom.path("content/news/barges.md")).expect("movable");
    let (text, _) = import(&newsroom, &[item("https://old.example/?p=9", "barges", "Boats")], &[]);
    assert_says(&text, &["barges.md: already published as `tag:courier.example,2026:2026-11-20/news/boats`"]);
}

#[test]
fn running_daemon_blocks_only_writing() {
    let newsroom = newsroom();
    let daemon = newsroom.serve();
    let items = [item("https://old.example/?p=1", "ships", "Ships")];
    let (text, code) = import(&newsroom, &items, &[]);
    assert_eq!(code, Some(1), "{text}");
    assert_says(&text, &["dateline is running: stop it first"]);
    let (text, code) = import(&newsroom, &items, &["--dry-run"]);
    assert_eq!(code, Some(0), "{text}");
    assert!(daemon.stop());
}

#[test]
fn unreadable_feed_is_wrong_input() {
    let newsroom = newsroom();
    newsroom.write("page.html", "<!doctype html><html><p>Hello</html>");
    newsroom.write("cut.xml", &rss(&[item("urn:a", "ships", "Ships")])[..200]);
    for (feed, why) in
        [("none.xml", "No such file"), ("page.html", "a web page"), ("cut.xml", "ends in the middle"), ("content", "")]
    {
        let (text, code) = printed(&newsroom.dateline(&["import-ids", feed]));
        assert_eq!(code, Some(2), "{text}");
        assert_says(&text, &[&format!("cannot read the feed `{feed}`"), why]);
    }
    assert_eq!(newsroom.dateline(&["import-ids"]).status.code(), Some(2));
    assert!(!newsroom.path(".dateline").exists(), "nothing was touched");
}

/// Serves these responses in order. Returns the requests, and whether the client read the whole response.
fn serve(answers: Vec<Vec<u8>>) -> (String, std::thread::JoinHandle<Vec<(String, bool)>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("bound").to_string();
    let asked = std::thread::spawn(move || {
        let mut asked = Vec::new();
        for answer in answers {
            let (mut stream, _) = listener.accept().expect("somebody asks");
            let lines = BufReader::new(stream.try_clone().expect("a socket")).lines();
            let head: Vec<String> = lines.map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
            asked.push((head.join("\n"), stream.write_all(&answer).is_ok()));
        }
        asked
    });
    (address, asked)
}

fn answer(status: &str, headers: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n{body}").into_bytes()
}

#[test]
fn feeds_are_fetched_over_http() {
    let newsroom = newsroom();
    let pages = ["ships", "boats"]
        .map(|slug| rss(&[item("urn:shared", "shared", "Shared"), item(&format!("urn:{slug}"), slug, slug)]));
    let (address, asked) = serve(vec![
        answer("301 Moved Permanently", "Location: /feed/\r\n", ""),
        answer("200 OK", "", &pages[0]),
        answer("200 OK", "", &pages[1]),
    ]);
    let (old, second) = (format!("http://{address}/old"), format!("http://{address}/feed/?paged=2"));
    let (text, code) = printed(&newsroom.dateline(&["import-ids", &old, &second]));
    assert_eq!(code, Some(0), "{text}");
    assert_says(
        &text,
        &["<-  urn:ships", "<-  urn:boats", "3 items: 2 ids taken over", "1 item stands there more than once"],
    );
    let asked = asked.join().expect("it served");
    assert!(asked[1].0.starts_with("GET /feed/ ") && asked[2].0.starts_with("GET /feed/?paged=2 "), "{asked:?}");
    assert_says(&asked[0].0, &[&format!("user-agent: dateline/{}", env!("CARGO_PKG_VERSION"))]);

    assert_says(&text, &[&format!("read 2 items from {old}, which redirects to http://{address}/feed/\n")]);

    let endless = [b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n".to_vec(), vec![b' '; 96 << 20]].concat();
    for (scheme, response, why, failure) in [
        ("http", answer("404 Not Found", "", ""), "404 Not Found", 2),
        ("http", answer("200 OK", "", "<html>"), "a web page", 2),
        ("http", b"what?\r\n\r\n".to_vec(), "invalid HTTP", 2),
        ("http", endless, "larger than 64 MB", 2),
        ("https", b"no TLS here\r\n\r\n".to_vec(), "", 1),
        ("http", answer("302 Found", "", ""), "302 Found without a `Location` that says where to go", 2),
        ("http", answer("301 Moved Permanently", "Location: http://[\r\n", ""), "its `Location` is `http://[`", 2),
        ("http", answer("302 Found", "Location: ftp://x.example/\r\n", ""), "its `Location` is `ftp://x.example/`", 2),
        ("http", answer("304 Not Modified", "", ""), "304 Not Modified", 2),
        ("http", answer("204 No Content", "", ""), "the server answers 204 No Content", 2),
        ("http", answer("410 Gone", "", ""), "the server answers 410 Gone", 2),
        ("http", answer("429 Too Many Requests", "", ""), "the server answers 429", 1),
        ("http", answer("503 Service Unavailable", "", ""), "the server answers 503", 1),
        ("http", b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n<rss>".to_vec(), "", 1),
        ("http", Vec::new(), "", 1),
    ] {
        let (address, asked) = serve(vec![response]);
        let (text, code) = printed(&newsroom.dateline(&["import-ids", &format!("{scheme}://{address}/feed/")]));
        assert_eq!(code, Some(failure), "{text}");
        assert_says(&text, &["cannot read the feed `http", why]);
        assert!(!text.contains("panicked"), "{text}");
        let whole = asked.join().expect("it served")[0].1;
        assert_eq!(whole, why != "larger than 64 MB", "{why}");
    }
}

/// A failure, not wrong input: the same command may succeed later.
#[test]
fn unreachable_server_is_a_failure() {
    let newsroom = newsroom();
    let closed = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port");
    // The name is too long for a DNS query, so the test needs no network.
    let unknown = format!("http://{}.invalid/", "x".repeat(64));
    for address in [format!("http://{closed}/feed/"), format!("https://{closed}/feed/"), unknown] {
        let (text, code) = printed(&newsroom.dateline(&["import-ids", &address]));
        assert_eq!(code, Some(1), "{text}");
        assert_says(&text, &[&format!("cannot read the feed `{address}`")]);
    }
    for address in ["http://", "ftp://x.example/feed"] {
        let (text, code) = printed(&newsroom.dateline(&["import-ids", address]));
        assert_eq!(code, Some(2), "{text}");
    }
}

#[test]
fn redirects_to_other_hosts_are_followed_on_request() {
    let newsroom = newsroom();
    let feed = rss(&[item("urn:ships", "ships", "Ships")]);
    for (follows, code) in [(false, Some(2)), (true, Some(0))] {
        let (elsewhere, _) = serve(vec![answer("200 OK", "", &feed)]);
        let target = format!("http://{elsewhere}/feed");
        let (address, _) = serve(vec![answer("302 Found", &format!("Location: {target}\r\n"), "")]);
        let arguments = ["import-ids", &format!("http://{address}/"), "--dry-run", "--follow"];
        let (text, printed) = printed(&newsroom.dateline(&arguments[..if follows { 4 } else { 3 }]));
        assert_eq!(printed, code, "{text}");
        assert_says(
            &text,
            if follows { &["which redirects to", "<-  urn:ships"] } else { &["another host", "--follow"] },
        );
        assert_says(&text, &[&target]);
    }
}

/// A server that sends a byte now and then mustn't delay the command for ever.
#[test]
fn slow_server_times_out() {
    let newsroom = newsroom();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("bound");
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("somebody asks");
        BufReader::new(stream.try_clone().expect("a socket")).read_line(&mut String::new()).expect("it asks");
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n<rss>").expect("open");
        while stream.write_all(b" ").is_ok() {
            std::thread::yield_now();
        }
    });
    let (text, code) =
        printed(&newsroom.dateline(&["import-ids", &format!("http://{address}/"), "--timeout", "300ms"]));
    assert_eq!(code, Some(1), "{text}");
    assert_says(&text, &["it was not there in time; `--timeout` gives it longer"]);
    // A pipe without a writer.
    let pipe = newsroom.path("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().expect("it runs").success());
    let (text, code) = printed(&newsroom.dateline(&["import-ids", "pipe", "--timeout", "300ms"]));
    assert_eq!(code, Some(1), "{text}");
}

#[test]
fn import_without_any_match_fails() {
    let newsroom = newsroom();
    for (items, why) in [
        (vec![], "there is no item to take an id from"),
        (vec![item("urn:a", "nowhere", "Nowhere")], "no id was taken over"),
        (vec![item("not an id", "ships", "Ships")], "no id was taken over"),
    ] {
        let (text, code) = import(&newsroom, &items, &[]);
        assert_eq!(code, Some(2), "{text}");
        assert_says(&text, &[why]);
    }
    let items = [item("urn:ships", "ships", "Ships")];
    for _ in 0..2 {
        assert_eq!(import(&newsroom, &items, &[]).1, Some(0), "also where it has been taken over before");
    }
}

#[test]
fn feed_id_is_not_an_article_id() {
    let newsroom = newsroom();
    let own = "tag:courier.example,2026:feed/news";
    let atom = |feed: &str, entry: &str| {
        format!(
            "<feed xmlns='http://www.w3.org/2005/Atom'><id>{feed}</id><title>Old</title><updated>2026-11-20T00:00:00Z</updated>\
             <entry><id>{entry}</id><title>Ships</title><updated>2026-11-20T02:00:00Z</updated></entry></feed>"
        )
    };
    for (feed, entry) in [("urn:old", "urn:old"), ("urn:old", own)] {
        newsroom.write("old.xml", atom(feed, entry));
        let (text, code) = printed(&newsroom.dateline(&["import-ids", "old.xml", "--force"]));
        assert_eq!(code, Some(2), "{text}");
        assert_says(&text, &["content/news/ships.md: its id is that of the feed itself, not of one story"]);
    }
}
