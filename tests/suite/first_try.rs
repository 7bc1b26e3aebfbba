//! The first minutes with dateline: a local newsroom on another port, and the tour of the README.

use std::collections::BTreeSet;
use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::newsroom::{CONFIG, Daemon, Newsroom, bounded, printed};

/// One pixel.
const PICTURE: &[u8] = b"GIF89a\x01\0\x01\0\x80\0\0\0\0\0\xff\xff\xff,\0\0\0\0\x01\0\x01\0\0\x02\x02D\x01\0;";

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port").port()
}

/// A newsroom whose `site.url` is its configured listen address, on a free port.
fn newsroom() -> (Newsroom, u16) {
    let (newsroom, port) = (Newsroom::new(), free_port());
    let config = CONFIG.replace("http://feeds.courier.example/", &format!("http://127.0.0.1:{port}/"));
    newsroom.write(
        "config/dateline.toml",
        format!("{config}\n[server]\nlisten = \"127.0.0.1:{port}\"\n[admin]\nlisten = []\n"),
    );
    newsroom.write("content/news/tug.gif", PICTURE);
    newsroom.article("news/a.md", "Story A", "![The tug](tug.gif) and [more](b.md).");
    newsroom.article("news/b.md", "Story B", "Body.");
    (newsroom, port)
}

fn serve(newsroom: &Newsroom, arguments: &[&str]) -> Daemon {
    let mut command = newsroom.command();
    command.arg("serve").args(arguments);
    let daemon = Daemon::spawn(&newsroom.path("."), command);
    daemon.wait_until_ready();
    daemon
}

fn log(newsroom: &Newsroom) -> String {
    fs::read_to_string(newsroom.path("log")).expect("a log")
}

#[test]
fn links_lead_to_bound_address() {
    let (newsroom, port) = newsroom();
    let daemon = serve(&newsroom, &["--listen", "127.0.0.1:0"]);
    let base = format!("http://{}/", daemon.address());
    let feed = daemon.body("/news/feed.json");
    let page = feed.split(&format!("\"{base}articles/a-")).nth(1).and_then(|rest| rest.split('"').next());
    let page = format!("/articles/a-{}", page.unwrap_or_else(|| panic!("no page in {feed}")));
    let routes = ["/", "/news/", "/news/rss.xml", "/atom.xml", "/tags/tide/feed.json", "/feeds.opml", &page];
    for route in routes {
        let text = daemon.body(route);
        assert!(text.contains(&base), "{route} has no link to {base}: {text}");
        assert!(!text.contains(&port.to_string()), "{route} leads elsewhere: {text}");
    }
    assert!(feed.contains(&format!("{base}media/news/tug.gif")), "{feed}");
    assert_eq!(daemon.get("/media/news/tug.gif", &[]).body, PICTURE);
    // A changed configuration is served at the same address.
    let config = fs::read_to_string(newsroom.path("config/dateline.toml")).expect("a file");
    newsroom.write("config/dateline.toml", config.replace("Test Courier", "Other Courier"));
    daemon.wait("it has the new title", |daemon| daemon.body("/rss.xml").contains("Other Courier"));
    assert!(daemon.body("/rss.xml").contains(&base) && !daemon.body("/rss.xml").contains(&port.to_string()));
    assert!(daemon.stop());
    assert!(!newsroom.path("feeds").exists(), "something was written to the output directory");
    let log = log(&newsroom);
    assert_eq!(log.lines().filter(|line| line.contains("nothing is written to")).count(), 1, "{log}");
    assert!(!log.contains("restart dateline"), "{log}");
}

/// Whether or not `site.url` leads to the new listener, and also if both change.
#[test]
fn changed_listener_waits_for_restart() {
    for changes_url in [false, true] {
        let (newsroom, port) = newsroom();
        let daemon = serve(&newsroom, &["--listen", "127.0.0.1:0"]);
        let base = format!("http://{}/", daemon.address());
        let before = daemon.body("/news/rss.xml");
        let config = fs::read_to_string(newsroom.path("config/dateline.toml")).expect("a file");
        let (listener, other) = (format!("listen = \"127.0.0.1:{port}\""), free_port());
        let config = config.replace(&listener, &format!("listen = \"127.0.0.1:{other}\""));
        let config = if changes_url { config.replace(&format!(":{port}/"), &format!(":{other}/")) } else { config };
        newsroom.write("config/dateline.toml", config);
        let reloaded = |_: &Daemon| log(&newsroom).contains("configuration reloaded");
        daemon.wait("it is reloaded", reloaded);
        let log = log(&newsroom);
        assert!(log.contains("configuration reloaded difference=\"nothing that readers see changed\""), "{log}");
        assert!(log.contains("`server` cannot change") && !log.contains("`output.directory` cannot"), "{log}");
        assert_eq!(daemon.body("/news/rss.xml"), before);
        assert!(before.contains(&base));
        assert!(daemon.stop());
        assert!(!newsroom.path("feeds").exists(), "something was written to the output directory");
    }
}

/// If `site.url` leads to the listener anyway, or names a proxy, it stays as it is, and the feeds are written.
#[test]
fn site_url_stays_if_it_reaches_daemon() {
    let (newsroom, port) = newsroom();
    let daemon = serve(&newsroom, &["--listen", &format!("0.0.0.0:{port}")]);
    daemon.wait("it is written", |_| newsroom.path("feeds/news/rss.xml").exists());
    assert!(daemon.body("/rss.xml").contains(&format!("http://127.0.0.1:{port}/rss.xml")));
    assert!(!log(&newsroom).contains("nothing is written to"));
}

#[test]
fn trial_on_another_port_changes_no_validators() {
    let (newsroom, _) = newsroom();
    let validators = |daemon: &Daemon| {
        let answer = daemon.get("/news/rss.xml", &[]);
        ["etag", "last-modified"].map(|name| answer.header(name).map(str::to_owned))
    };
    let is_saved = |newsroom: &Newsroom| log(newsroom).contains("serving saved documents");
    let daemon = serve(&newsroom, &[]);
    let before = validators(&daemon);
    assert!(daemon.stop());
    let daemon = serve(&newsroom, &[]);
    assert!(is_saved(&newsroom), "{}", log(&newsroom));
    assert_eq!(validators(&daemon), before);
    assert!(daemon.stop());
    let trial = serve(&newsroom, &["--listen", "127.0.0.1:0"]);
    assert!(!is_saved(&newsroom), "documents with other links are served: {}", log(&newsroom));
    assert_ne!(validators(&trial)[0], before[0], "its links are others");
    assert!(trial.stop());
    let daemon = serve(&newsroom, &[]);
    assert_eq!(validators(&daemon), before);
}

/// The commands of the tour, and the output that the README shows.
fn tour(readme: &str) -> (String, Vec<String>) {
    let tour = readme.split("## A tour\n").nth(1).and_then(|rest| rest.split("\n## ").next()).expect("a tour");
    let blocks = |fence: &str| -> Vec<String> {
        let blocks = tour.split(fence).skip(1).filter_map(|block| block.split("\n```").next());
        blocks.map(str::to_owned).collect()
    };
    let [script] = blocks("```sh\n").try_into().expect("one block of commands");
    assert_eq!(tour.matches("```").count(), 2 * (1 + blocks("```text\n").len()), "no other blocks");
    let printed = blocks("```text\n").iter().flat_map(|block| block.lines()).map(str::to_owned).collect();
    (format!("{script}\n"), printed)
}

/// A line without the parts that differ between runs: times, validators, ports.
fn alike(line: &str, ports: &[(&str, String)]) -> String {
    let mut line = line.trim_end().to_owned();
    for (known, port) in ports {
        line = line.replace(port.as_str(), known);
    }
    for header in ["date: ", "etag: ", "last-modified: ", "content-length: "] {
        if line.starts_with(header) {
            return header.to_owned();
        }
    }
    if let Some((ready, took)) = line.rsplit_once("took_ms=")
        && took.bytes().all(|byte| byte.is_ascii_digit())
    {
        line = format!("{ready}took_ms=N");
    }
    match line.split_once('Z') {
        Some((instant, rest)) if instant.starts_with("20") && instant.contains('T') => rest.trim_start().to_owned(),
        _ => line,
    }
}

#[test]
fn readme_tour_works_and_leaves_no_trace() {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR"));
    let clone = tempfile::tempdir().expect("a scratch directory");
    let in_clone = |program: &str, arguments: &[&str]| {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(clone.path()).stdin(Stdio::null()).env_remove("DATELINE_LOG");
        let path = std::env::var("PATH").expect("a search path");
        bounded(command.env("PATH", format!("{}:{path}", clone.path().join("target/tools").display())))
    };
    for name in ["content", "config", "feeds", ".gitignore", ".gitattributes", "README.md"] {
        let copied = bounded(Command::new("cp").arg("-R").arg(repository.join(name)).arg(clone.path()));
        assert!(copied.status.success(), "{}", printed(&copied));
    }
    // `cargo` does nothing, because the binary is built already.
    fs::create_dir_all(clone.path().join("target/release")).expect("writable");
    fs::create_dir_all(clone.path().join("target/tools")).expect("writable");
    symlink(env!("CARGO_BIN_EXE_dateline"), clone.path().join("target/release/dateline")).expect("writable");
    let cargo = clone.path().join("target/tools/cargo");
    fs::write(&cargo, "#!/bin/sh\n").expect("writable");
    fs::set_permissions(&cargo, fs::Permissions::from_mode(0o755)).expect("writable");
    let identity = ["-c", "user.name=x", "-c", "user.email=x@courier.example", "-c", "commit.gpgsign=false"];
    for arguments in [&["init", "--quiet"][..], &["add", "--all"], &["commit", "--quiet", "--message", "x"]] {
        let output = in_clone("git", &[&identity, arguments].concat());
        assert!(output.status.success(), "{}", printed(&output));
    }
    let (script, documented) = tour(&fs::read_to_string(repository.join("README.md")).expect("a README"));
    let ports = [("8090", free_port().to_string()), ("8091", free_port().to_string())];
    let script = ports.iter().fold(script, |script, (known, port)| script.replace(known, port));
    // Fed to the shell as if pasted: a command that reads standard input would swallow the following commands.
    fs::write(clone.path().join("target/tour"), &script).expect("writable");
    let output = printed(&in_clone("bash", &["-c", "bash -s < target/tour"]));
    let status = printed(&in_clone("git", &["status", "--porcelain"]));
    assert_eq!(status, "", "the tour leaves something behind; it printed {output}");
    // A low limit on open files is reported.
    let output = output.lines().filter(|line| !line.contains("connections are limited by "));
    let shown: BTreeSet<String> = output.map(|line| alike(line, &ports)).collect();
    let documented: BTreeSet<String> = documented.iter().map(|line| alike(line, &[])).collect();
    // On a busy machine two changes may be logged as one.
    let is_logged = |line: &str| ["INFO ", "WARN ", "ERROR "].iter().any(|level| line.starts_with(level));
    let undocumented: Vec<&String> = shown.difference(&documented).collect();
    let unprinted: Vec<&String> = documented.difference(&shown).filter(|line| !is_logged(line)).collect();
    assert!(
        undocumented.is_empty() && unprinted.is_empty(),
        "not in the README: {undocumented:#?}\nnot printed: {unprinted:#?}"
    );
    assert!(shown.len() > 60, "{shown:#?}");
}

/// The terminal column at which the last cell of a row starts.
fn column(row: &str, last: &str) -> usize {
    let before = row.split(last).next().expect("there is something before");
    let wide =
        |character: &char| matches!(u32::from(*character), 0x1100..=0x115F | 0x2E80..=0xFFDC | 0x1F300..=0x1FAFF);
    let combining = |character: &char| matches!(u32::from(*character), 0x300..=0x36F);
    before.chars().count() + before.chars().filter(wide).count() - before.chars().filter(combining).count()
}

#[test]
fn explain_columns_align_by_display_width() {
    let newsroom = Newsroom::new();
    let names = ["港口与科技新闻", "cafe\u{301}", "📰", "plain", "a-section-whose-name-is-wider-than-the-column"];
    let sections: String = names.iter().map(|name| format!("[[section]]\npath = \"{name}\"\n")).collect();
    newsroom.write("config/dateline.toml", CONFIG.replace("[taxonomies]", &format!("{sections}[taxonomies]")));
    newsroom.article("news/a.md", "Story A", "Body.");
    let explained = printed(&newsroom.dateline(&["explain", "content/news/a.md"]));
    let rule = "its section is not this one nor below it";
    let rows: Vec<&str> = explained.lines().filter(|line| line.ends_with(rule)).collect();
    assert!(rows.len() > names.len(), "{explained}");
    let columns: BTreeSet<usize> = rows.iter().map(|row| column(row, rule)).collect();
    assert_eq!(columns.len(), 1, "{columns:?}\n{explained}");
}
