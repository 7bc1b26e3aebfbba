//! The commands of the command line.

use std::fs;
use std::io::{BufRead, BufReader};

use crate::newsroom::{CONFIG, Daemon, Newsroom};

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn exit_codes_distinguish_failures_from_wrong_input() {
    let newsroom = Newsroom::new();
    newsroom.article("news/a.md", "Story A", "Body.");
    assert_eq!(newsroom.dateline(&["check"]).status.code(), Some(0));
    assert_eq!(newsroom.dateline(&["build"]).status.code(), Some(0));
    assert!(newsroom.path("feeds/news/rss.xml").is_file());
    newsroom.write("content/news/bad.md", "---\ntitle: x\ndate: 2026-02-30\n---\n");
    let check = newsroom.dateline(&["check"]);
    assert_eq!(check.status.code(), Some(2));
    assert!(text(&check.stderr).contains("content/news/bad.md:3:7"), "{}", text(&check.stderr));
    let json = newsroom.dateline(&["check", "--json"]);
    assert!(text(&json.stdout).contains("\"code\":\"article-date\""), "{}", text(&json.stdout));
    let build = newsroom.build("out");
    assert_eq!(build.status.code(), Some(2), "it builds, and says that something is wrong");
    assert!(newsroom.path("out/news/rss.xml").is_file());
    assert_eq!(newsroom.dateline(&["--config", "nowhere.toml", "check"]).status.code(), Some(2));
    assert_eq!(newsroom.dateline(&["serve", "--listen", "192.0.2.1:1"]).status.code(), Some(1));
    assert_eq!(newsroom.dateline(&["no-such-command"]).status.code(), Some(2));
}

#[test]
fn non_utf8_file_name_is_reported() {
    use std::os::unix::ffi::OsStringExt;
    let newsroom = Newsroom::new();
    newsroom.article("news/a.md", "Story A", "Body.");
    let name = std::ffi::OsString::from_vec(b"caf\xe9.md".to_vec());
    fs::copy(newsroom.path("content/news/a.md"), newsroom.path("content/news").join(name)).expect("writable");
    for command in ["check", "build"] {
        let output = newsroom.dateline(&[command]);
        assert_eq!(output.status.code(), Some(2), "{command}");
        assert!(text(&output.stderr).contains("article-name"), "{}", text(&output.stderr));
    }
    assert!(newsroom.path("feeds/news/rss.xml").is_file());
}

/// As with `dateline check | head`.
#[test]
fn closed_output_pipe_is_no_failure() {
    let newsroom = Newsroom::new();
    newsroom.article("news/a.md", "Story A", "Body.");
    newsroom.write("content/news/odd.md", "---\ntitle: Odd\ndate: 2026-01-02\ncolour: red\n---\n");
    for arguments in [
        &["check"][..],
        &["check", "--json"],
        &["explain", "content/news/a.md"],
        &["pin", "--dry-run"],
        &["build"],
        &["history", "content/news/a.md"],
        &["generate", "man"],
        &["--help"],
    ] {
        let (_, output) = std::io::pipe().expect("a pipe");
        let errors = output.try_clone().expect("a pipe");
        let status = newsroom.command().args(arguments).stdout(output).stderr(errors).status().expect("it runs");
        assert_eq!(status.code(), Some(0), "{arguments:?}");
    }
    assert!(newsroom.path("feeds/news/rss.xml").is_file());
    // A full disk is a failure.
    let full = || fs::OpenOptions::new().write(true).open("/dev/full").expect("there");
    for arguments in [&["check"][..], &["explain", "content/news/a.md"], &["generate", "man"]] {
        let status = newsroom.command().args(arguments).stdout(full()).status().expect("it runs");
        assert_eq!(status.code(), Some(1), "{arguments:?}");
    }
}

#[test]
fn daemon_survives_closed_log_pipe() {
    let newsroom = Newsroom::new();
    newsroom.article("news/a.md", "Story A", "Body.");
    let (_, errors) = std::io::pipe().expect("a pipe");
    let mut command = newsroom.command();
    command.args(["serve", "--listen", "127.0.0.1:0"]);
    let mut child = command.stdout(std::process::Stdio::piped()).stderr(errors).spawn().expect("it runs");
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("piped")).read_line(&mut line).expect("it says where");
    let daemon = Daemon::at(line.split('/').nth(2).expect("an address").to_owned());
    daemon.wait("it serves", |daemon| daemon.get("/news/rss.xml", &[]).status == 200);
    // The article causes a log line.
    newsroom.write("content/news/bad.md", "---\ntitle: [\n---\n");
    newsroom.article("news/b.md", "Story B", "Body.");
    daemon.wait("it publishes", |daemon| daemon.body("/news/rss.xml").contains("Story B"));
    assert!(child.try_wait().expect("asked").is_none());
    child.kill().expect("killed");
    child.wait().expect("gone");
}

#[test]
fn check_writes_nothing() {
    let newsroom = Newsroom::new();
    newsroom.article("news/a.md", "Story A", "Body.");
    newsroom.dateline(&["check"]);
    assert!(!newsroom.path("feeds").exists());
}

#[test]
fn build_removes_stale_files_but_not_foreign_ones() {
    let newsroom = Newsroom::new();
    newsroom.article("news/a.md", "Story A", "Body.");
    newsroom.write("feeds/news/index.html", "mine");
    newsroom.write("feeds/atom.xml", "mine too");
    let build = newsroom.dateline(&["build"]);
    assert_eq!(build.status.code(), Some(1), "something is in the way");
    assert!(text(&build.stderr).contains("output-foreign"));
    assert!(newsroom.path("feeds/tags/tide/rss.xml").is_file());
    newsroom.write("config/dateline.toml", CONFIG.replace("tags = true", "tags = false"));
    newsroom.dateline(&["build"]);
    assert!(!newsroom.path("feeds/tags").exists(), "what is no longer published is removed");
    assert_eq!(fs::read_to_string(newsroom.path("feeds/news/index.html")).expect("there"), "mine");
    assert_eq!(fs::read_to_string(newsroom.path("feeds/atom.xml")).expect("there"), "mine too");
    let again = newsroom.dateline(&["build"]);
    assert!(text(&again.stdout).contains(" 0 written"), "{}", text(&again.stdout));
}

#[test]
fn init_creates_newsroom_without_overwriting_files() {
    let newsroom = Newsroom::new();
    assert!(newsroom.dateline(&["init", "fresh"]).status.success());
    let config = newsroom.path("fresh/config/dateline.toml");
    let check = newsroom.dateline(&["--config", config.to_str().expect("UTF-8"), "check"]);
    assert!(check.status.success() && check.stderr.is_empty(), "{}", text(&check.stderr));
    assert!(text(&check.stdout).contains("3 articles, 3 published"), "{}", text(&check.stdout));
    fs::write(&config, "mine").expect("writable");
    assert!(newsroom.dateline(&["init", "fresh"]).status.success());
    assert_eq!(fs::read_to_string(&config).expect("there"), "mine");
}

#[test]
fn new_creates_draft() {
    let newsroom = Newsroom::new();
    let new = newsroom.dateline(&["new", "news/chips", "Wafers: \"small\" & 科技"]);
    assert!(new.status.success(), "{}", text(&new.stderr));
    let path = text(&new.stdout).trim().to_owned();
    assert!(path.ends_with("wafers-small-科技.md"), "{path}");
    let again = newsroom.dateline(&["new", "news/chips", "Wafers: \"small\" & 科技"]);
    assert!(text(&again.stdout).trim().ends_with("wafers-small-科技-2.md"));
    let explain = newsroom.dateline(&["explain", &path]);
    assert!(text(&explain.stdout).contains("it is a draft"), "{}", text(&explain.stdout));
    assert_eq!(newsroom.dateline(&["new", "../x", "Out"]).status.code(), Some(2));
    assert!(newsroom.dateline(&["check"]).status.success());
}

#[test]
fn explain_names_matching_rule() {
    let newsroom = Newsroom::new();
    newsroom.article("news/chips/a.md", "Story A", "Body.");
    let explain = text(&newsroom.dateline(&["explain", "news/chips/a.md"]).stdout);
    for part in [
        "title          line 2",
        "id       tag:courier.example,2026:2026-11-20/news/a",
        "link     http://feeds.courier.example/articles/a-",
        "in  news                     its section lies below and roll_up is true",
        "in  news/chips               it is its own section",
        "in  tags/tide                it has the tag",
    ] {
        assert!(explain.contains(part), "no `{part}` in\n{explain}");
    }
    assert_eq!(newsroom.dateline(&["explain", "nothing.md"]).status.code(), Some(2));
}

#[test]
fn help_shows_examples_and_exit_codes() {
    let newsroom = Newsroom::new();
    let help = text(&newsroom.dateline(&["--help"]).stdout);
    assert!(help.contains("Examples:") && help.contains("Exit codes"), "{help}");
    assert!(text(&newsroom.dateline(&["--version"]).stdout).starts_with("dateline "));
    assert!(text(&newsroom.dateline(&["generate", "man"]).stdout).contains(".TH"));
    assert!(text(&newsroom.dateline(&["generate", "completions", "bash"]).stdout).contains("_dateline"));
}
