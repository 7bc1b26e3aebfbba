//! Control characters in names and texts are escaped in the output of commands, in the log and in admin responses.

use std::fs;

use crate::newsroom::{DEADLINE, Daemon, Newsroom, article, bounded};

/// A line break, escape sequences in C0 and C1, a bidirectional override, a line separator; and readable text.
const ODD: &str = "odd\nline\u{1b}]0;t\u{7}\u{9b}2J\u{202e}\u{2028}\u{61c}\t港口";
const SHOWN: &str = "odd\\nline\\u{1b}]0;t\\u{7}\\u{9b}2J\\u{202e}\\u{2028}\\u{61c}\\t港口";

/// Asserts that a text has no control characters but line breaks, and no line break from the name.
fn assert_fit(what: &str, bytes: &[u8]) -> String {
    let text = String::from_utf8(bytes.to_vec()).unwrap_or_else(|error| panic!("{what}: {error}"));
    let is_odd = |c: char| (c.is_control() && c != '\n') || "\u{202e}\u{2028}\u{61c}".contains(c);
    assert!(!text.contains(is_odd), "{what}: {}", text.escape_debug());
    assert!(!text.contains("odd\nline"), "{what}: {}", text.escape_debug());
    text
}

fn newsroom() -> Newsroom {
    let newsroom = Newsroom::new();
    newsroom.article("news/a.md", "Story A", "Body.");
    newsroom.write(&format!("content/news/{ODD}.md"), article("Odd", "Body."));
    newsroom.write(
        &format!("content/news/bad {ODD}.md"),
        format!("---\ntitle: Bad\ndate: 2026-02-30{}\ntagz: {}\n---\n", ODD.replace('\n', ""), ODD.replace('\n', "")),
    );
    fs::create_dir(newsroom.path(&format!("content/dir {ODD}"))).expect("writable");
    std::os::unix::fs::symlink("/", newsroom.path(&format!("content/link {ODD}"))).expect("writable");
    newsroom
}

#[test]
fn commands_escape_names_and_texts() {
    let newsroom = newsroom();
    let named = format!("content/news/{ODD}.md");
    let bad = format!("content/news/bad {ODD}.md");
    newsroom.write(
        "old.xml",
        format!("<rss version='2.0'><channel><item><title>{ODD}</title><guid>{ODD}</guid></item></channel></rss>")
            .replace(['\u{1b}', '\u{7}'], ""),
    );
    newsroom.write(&format!("config/{ODD}.toml"), format!("[site]\ntitle = 1\n\"{}\" = 2\n", "a\\nb\\u001b\\u202e"));
    let shows: [(&[&str], bool); 28] = [
        (&["build"], true),
        (&["check"], true),
        (&["check", "--json"], false),
        (&["explain", &named], true),
        (&["explain", &bad], true),
        (&["explain", ODD], true),
        (&["history", &named], true),
        (&["history", ODD], true),
        (&["pin", "--dry-run"], true),
        (&["pin", ODD], true),
        (&["pin", &named], true),
        (&["retract", &named, "--reason", ODD], true),
        (&["retract", ODD], true),
        (&["restore", &named], true),
        (&["restore", ODD], true),
        (&["release", &named], true),
        (&["release", ODD], true),
        (&["new", "news", ODD], false),
        (&["new", ODD, "Title"], false),
        (&["backup", ODD], true),
        (&["backup", ODD], true),
        (&["backup", "--restore", "/"], false),
        (&["backup", "--restore", &named], true),
        (&["import-ids", "old.xml"], false),
        (&["import-ids", ODD], true),
        (&["init", ODD], true),
        (&[ODD], true),
        (&["--config", &format!("config/{ODD}.toml"), "check"], true),
    ];
    for (arguments, shows_name) in shows {
        let output = newsroom.dateline(arguments);
        let text = assert_fit(&format!("{arguments:?}"), &[output.stdout, output.stderr].concat());
        assert!(text.contains(SHOWN) || !shows_name, "{arguments:?}: {text}");
    }
    let listen = format!("unix:{ODD}");
    let refused = bounded(newsroom.command().args(["serve", "--listen", &listen, "--admin", ODD]));
    assert_fit("serve", &[refused.stdout, refused.stderr].concat());
}

#[test]
fn daemon_escapes_names_and_texts() {
    let newsroom = newsroom();
    let config =
        format!("{}\n[server.access_log]\nfile = \"../access.log\"\nformat = \"json\"\n", crate::newsroom::CONFIG);
    newsroom.write("config/dateline.toml", config);
    let daemon = newsroom.serve();
    let named = format!("content/news/{ODD}.md");
    for (arguments, shows_name) in [
        (&["retract", &named, "--reason", ODD][..], true),
        (&["retract", &named, "--reason", ODD], true),
        (&["restore", &named], true),
        (&["restore", ODD], true),
        (&["reload"], false),
        (&["check"], true),
    ] {
        let output = newsroom.dateline(arguments);
        let text = assert_fit(&format!("{arguments:?}"), &[output.stdout, output.stderr].concat());
        assert!(text.contains(SHOWN) || !shows_name, "{arguments:?}: {text}");
    }
    newsroom.write("config/dateline.toml", format!("\"{}\" = 2", "a\\nb\\u001b\\u202e"));
    let agent = "Reader\u{9b}2J\u{202e}";
    daemon.wait("the log tells of it", |daemon| {
        daemon.get("/news/rss.xml", &[("User-Agent", agent)]);
        fs::read_to_string(newsroom.path("log")).is_ok_and(|log| log.contains("config-unknown-key"))
    });
    assert_fit("/readyz", &daemon.get("/readyz", &[]).body);
    assert!(daemon.stop(), "within {DEADLINE:?}");
    let log = assert_fit("log", &fs::read(newsroom.path("log")).expect("written"));
    assert!(log.contains(SHOWN), "{log}");
    let access = assert_fit("access log", &fs::read(newsroom.path("access.log")).expect("written"));
    assert!(access.contains("Reader\\u009b2J\\u202e"), "{access}");
}

#[test]
fn admin_pages_escape_names_and_texts() {
    let newsroom = newsroom();
    let mut command = newsroom.command();
    command.args(["serve", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"]);
    let (daemon, mut output) = Daemon::spawn_talking(&newsroom.path("."), command);
    let mut line = String::new();
    std::io::BufRead::read_line(&mut output, &mut line).expect("it says where");
    let admin = Daemon::at(line.split('/').nth(2).expect("an address").to_owned());
    let status = assert_fit("/status.json", &admin.get("/status.json", &[]).body);
    let status: serde_json::Value = serde_json::from_str(&status).expect("JSON");
    let files = status["problems"].as_array().expect("problems").iter().filter_map(|problem| problem["file"].as_str());
    assert!(files.into_iter().any(|file| file.contains(ODD)), "JSON gives the name as it is: {status}");
    drop(daemon);
}
