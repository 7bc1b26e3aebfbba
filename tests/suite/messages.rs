//! Messages are true and say what to do: on the first day, after mistakes, and when the daemon doesn't do what its operator expects.
//!
//! Long because it is a list of cases.

use std::fs;
use std::io::{BufRead, Read, Write};
use std::net::TcpListener;
use std::os::unix::net::UnixStream;
use std::process::{Output, Stdio};

use crate::faults::without_privileges;
use crate::newsroom::{CONFIG, DEADLINE, Daemon, Newsroom, article, bounded, printed};

fn newsroom() -> Newsroom {
    let newsroom = Newsroom::new();
    newsroom.article("news/a.md", "Story A", "Body.");
    newsroom
}

/// Asserts the exit code, and that the output contains all `parts` and none of `not`.
fn assert_says(what: &str, output: &Output, code: i32, parts: &[&str], not: &[&str]) {
    let text = printed(output);
    assert_eq!(output.status.code(), Some(code), "{what}: {text}");
    for part in parts {
        assert!(text.contains(part), "{what}: no `{part}` in\n{text}");
    }
    for part in not {
        assert!(!text.contains(part), "{what}: `{part}` in\n{text}");
    }
}

fn log(newsroom: &Newsroom) -> String {
    fs::read_to_string(newsroom.path("log")).unwrap_or_default()
}

#[test]
fn invalid_log_level_silences_no_errors() {
    let newsroom = newsroom();
    for (level, is_known) in [
        ("verbose", false),
        ("warning", false),
        ("", false),
        ("hyper", false),
        ("info,verbose", false),
        ("hyper=loud", false),
        ("hyper=debug", true),
        ("INFO", true),
        (" info ", true),
        ("error", true),
    ] {
        let mut command = newsroom.command();
        command.args(["serve", "--listen", "127.0.0.1:0"]).env("DATELINE_LOG", level);
        let daemon = Daemon::spawn(&newsroom.path(""), command);
        daemon.wait_until_ready();
        assert!(daemon.stop());
        let log = log(&newsroom);
        assert_eq!(log.contains("isn't a log level"), !is_known, "`{level}`: {log}");
        assert_eq!(log.contains("ready articles=1 published=1"), level != "error", "`{level}`: {log}");
    }
}

#[test]
fn history_explains_why_it_is_empty() {
    let newsroom = newsroom();
    newsroom.write("content/news/draft.md", "---\ntitle: D\ndate: 2026-11-20\ndraft: true\n---\n\nText.\n");
    let history = |article: &str| newsroom.dateline(&["history", article]);
    assert_says("no state", &history("content/news/a.md"), 2, &["there is no state in", "nothing was published"], &[]);
    assert!(newsroom.dateline(&["build"]).status.success());
    assert_says("draft", &history("content/news/draft.md"), 2, &["was not published so far"], &["is known"]);
    let typo = ["no article `content/news/b.md` is known", "did you mean `news/a.md`?"];
    assert_says("typo", &history("content/news/b.md"), 2, &typo, &["not published", "not seen it"]);
    fs::remove_file(newsroom.path("content/news/a.md")).expect("there");
    let absolute = newsroom.path("content/news/a.md");
    for gone in [
        "news/a.md",
        "content/news/a.md",
        "./content/news/a.md",
        "config/../content/news/a.md",
        absolute.to_str().expect("UTF-8"),
        "tag:courier.example,2026:2026-11-20/news/a",
    ] {
        assert_says(gone, &history(gone), 0, &["published as tag:courier.example,2026:2026-11-20/news/a"], &[]);
    }
}

/// The previous version stays public.
#[test]
fn explain_reports_refused_version() {
    let newsroom = newsroom();
    assert_says("build", &newsroom.dateline(&["build"]), 0, &["(1 published)"], &[]);
    newsroom.write("content/news/a.md", "---\ntitle: Story A\ndate: 2026-11-31\n---\n\nBody.\n");
    let parts = ["November 2026 has 30 days", "This version is not published"];
    assert_says("explain", &newsroom.dateline(&["explain", "content/news/a.md"]), 2, &parts, &["It is not published"]);
    assert_says("check", &newsroom.dateline(&["check"]), 2, &["1 article, 1 published"], &[]);
}

#[test]
fn help_states_requirements_and_effects() {
    let newsroom = newsroom();
    for (command, parts) in [
        ("history", &["state directory", "whether a daemon is running", "Exit codes:", "newest 100 records"][..]),
        ("reload", &["empties or shrinks", "(`shrink`)", "allow = [", "no daemon is running"]),
        ("serve", &["loopback address of the configured listener", "nothing is written to `output.directory`"]),
    ] {
        let output = newsroom.dateline(&[command, "--help"]);
        // Line breaks don't matter.
        let text = printed(&output).split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(output.status.code(), Some(0), "{command}: {text}");
        parts.iter().for_each(|part| assert!(text.contains(part), "{command}: no `{part}` in {text}"));
    }
}

#[test]
fn unusable_listen_addresses_are_explained() {
    let newsroom = newsroom();
    let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    let free = free.expect("a port").to_string();
    let socket = newsroom.path("none/socket");
    let socket = format!("unix:{}", socket.display());
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let occupied = listener.local_addr().expect("bound").to_string();
    for (arguments, parts, not) in [
        (
            &["--listen", &occupied][..],
            &["stop what listens there", "`server.listen` (or `--listen`)", "`admin.listen`"][..],
            "privilege",
        ),
        (
            &["--listen", "127.0.0.1:0", "--admin", &occupied],
            &["`admin.listen` (or `--admin`)", "`server.listen`"],
            "privilege",
        ),
        (
            &["--listen", "192.0.2.1:8080"],
            &["no network interface of this machine has that address"],
            "stop what listens",
        ),
        (&["--listen", &socket], &["its folder has to be there"], "stop what listens"),
        (
            &["--listen", &free, "--admin", &free],
            &["name the same address", "`server.listen`", "`admin.listen`"],
            "stop what",
        ),
    ] {
        let arguments = [&["serve"], arguments].concat();
        assert_says(&format!("{arguments:?}"), &newsroom.dateline(&arguments), 1, parts, &[not]);
    }
    for wrong in ["nonsense", "8080x", "70000", "unix:", "1.2.3:80", ""] {
        let output = newsroom.dateline(&["serve", "--listen", wrong]);
        assert_eq!(output.status.code(), Some(2), "{wrong}: {}", printed(&output));
    }
}

#[test]
fn listen_option_accepts_configuration_syntax() {
    let newsroom = newsroom();
    let serve = |arguments: &[&str]| {
        let mut command = newsroom.command();
        command.arg("serve").args(arguments);
        Daemon::spawn(&newsroom.path(""), command)
    };
    for form in ["0", ":0", "localhost:0", "[::1]:0"] {
        let daemon = serve(&["--listen", form]);
        daemon.wait_until_ready();
        let is_any = daemon.address().starts_with("0.0.0.0:");
        assert_eq!(is_any, form == ":0", "{form}: {}", daemon.address());
        drop(daemon);
        newsroom
            .write("config/dateline.toml", format!("{CONFIG}\n[server]\nlisten = \"{form}\"\n[admin]\nlisten = []\n"));
        serve(&[]).wait_until_ready();
        newsroom.write("config/dateline.toml", CONFIG);
    }
    let mut command = newsroom.command();
    command.args(["serve", "--listen", "unix:socket"]).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().expect("it starts");
    let mut line = String::new();
    std::io::BufReader::new(child.stdout.take().expect("piped")).read_line(&mut line).expect("it says where");
    let mut stream = UnixStream::connect(newsroom.path("socket")).expect("it listens");
    stream.set_read_timeout(Some(DEADLINE)).expect("a socket");
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").expect("open");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    child.kill().expect("killed");
    child.wait().expect("gone");
    assert!(line.starts_with("feeds  unix:") && answer.starts_with("HTTP/1.1 200"), "{line}{answer}");
}

#[test]
fn missing_content_directory_is_reported_and_awaited() {
    let newsroom = Newsroom::new();
    fs::remove_dir(newsroom.path("content")).expect("empty");
    let daemon = newsroom.serve_unready();
    daemon.wait("it is reported", |daemon| {
        let ready = daemon.get("/readyz", &[]);
        ready.status == 503 && ready.text().contains("`content.directory`")
    });
    assert!(!log(&newsroom).contains("its articles stay"), "it has none: {}", log(&newsroom));
    for command in [&["new", "news", "Title"][..], &["new", "news", "Title", "--create"]] {
        assert_says("new", &newsroom.dateline(command), 1, &["`content.directory`"], &[]);
        assert!(!newsroom.path("content").exists(), "it may be a disk that is not mounted");
    }
    assert_says("check", &newsroom.dateline(&["check"]), 2, &["`content.directory`"], &[]);
    newsroom.article("news/a.md", "Story A", "Body.");
    daemon.wait("it is published", |daemon| daemon.get("/news/rss.xml", &[]).status == 200);
    assert_eq!(daemon.body("/readyz"), "ready\n");
}

#[test]
fn rejected_configuration_is_an_alarm() {
    let newsroom = newsroom();
    newsroom.article("news/chips/c.md", "Story C", "Body.");
    let strict = CONFIG.replace("allow = [\"ids\", \"empty\", \"shrink\"]", "allow = []");
    newsroom.write("config/dateline.toml", &strict);
    let daemon = newsroom.serve();
    assert_says("in force", &newsroom.dateline(&["check"]), 0, &[], &["config-inactive"]);
    let other_ids = strict.replace("courier.example,2026", "courier.example,2025");
    let renamed = strict.replace("path = \"news/chips\"", "path = \"news/wafers\"");
    let moved = ["`[[moved]]` with `from = \"/news/chips/\"` and `to = \"/news/wafers/\"`"];
    for (config, code, readyz, parts) in [
        (
            &other_ids,
            2,
            "is refused (reload-refused)",
            &["config-inactive", "would give other ids", "`dateline reload`"][..],
        ),
        (&renamed, 2, "is refused (reload-refused)", &moved),
        (
            &format!("{strict}\n[server]\nlisten = \"127.0.0.1:1\"\n"),
            0,
            "waits for a restart (config-frozen)",
            &[
                "warning[config-frozen]: the running daemon uses this configuration, except for what waits for a restart: `server`",
            ],
        ),
        (&strict.replace("title", "titel"), 2, "is refused (config-missing, config-unknown-key)", &["did you mean"]),
    ] {
        newsroom.write("config/dateline.toml", config);
        daemon.wait("/readyz mentions it", |daemon| daemon.body("/readyz").contains(readyz));
        assert!(daemon.body("/readyz").starts_with("ready\n"), "readers are served");
        assert_says(readyz, &newsroom.dateline(&["check"]), code, parts, &[]);
        newsroom.write("config/dateline.toml", &strict);
        daemon.wait("all is well", |daemon| daemon.body("/readyz") == "ready\n");
        assert_says("in force again", &newsroom.dateline(&["check"]), 0, &[], &["config-inactive"]);
    }
    newsroom.write("config/other.toml", &other_ids);
    let other = newsroom.dateline(&["--config", "config/other.toml", "check", "--json"]);
    assert_says("another file", &other, 2, &["\"code\":\"config-inactive\"", "uses another configuration"], &[]);
    newsroom.write("config/dateline.toml", &renamed);
    assert_says("reload", &newsroom.dateline(&["reload"]), 2, &moved, &[]);
    newsroom.write(
        "config/dateline.toml",
        format!("{strict}\n[state]\ndirectory = \"../.dateline\"\n[output]\ndirectory = \"\"\n"),
    );
    let restart = ["except for what waits for a restart: `output.directory`"];
    assert_says("reload", &newsroom.dateline(&["reload"]), 0, &restart, &[]);
}

#[test]
fn messages_distinguish_state_from_its_copies() {
    let newsroom = newsroom();
    assert_says("no state", &newsroom.dateline(&["backup", "copy"]), 2, &["nothing to copy"], &["disk is full"]);
    assert!(newsroom.dateline(&["build"]).status.success());
    newsroom.write("corrupt", vec![0xA5; 10_000]);
    newsroom.write("empty", "");
    for (copy, code, part) in [
        ("corrupt", 1, "`corrupt` is not a copy of a state that can be used"),
        ("empty", 1, "`empty` is not a copy of a state that can be used"),
        ("none", 1, "cannot use `none`: No such file"),
        ("content", 1, "cannot use `content`"),
    ] {
        let restore = newsroom.dateline(&["backup", "--restore", copy]);
        assert_says(copy, &restore, code, &[part], &["--restore FILE", "new-state", "disk is full"]);
    }
    assert_says(
        "no folder",
        &newsroom.dateline(&["backup", "none/copy"]),
        1,
        &["cannot use `none/copy`"],
        &["the state in"],
    );
    assert!(newsroom.dateline(&["history", "news/a.md"]).status.success(), "nothing was changed");
}

#[test]
fn unwritable_output_is_one_problem() {
    let newsroom = newsroom();
    newsroom.write("config/dateline.toml", format!("{CONFIG}\n[output]\ndirectory = \"/proc/none/feeds\"\n"));
    let count = |text: &str| {
        text.lines()
            .filter(|line| line.contains("[output-unwritable]") || line.contains("code=output-unwritable"))
            .count()
    };
    let build = newsroom.dateline(&["build"]);
    assert_says("build", &build, 1, &["documents are affected"], &[]);
    assert!(count(&printed(&build)) <= 2, "the documents and the manifest: {}", printed(&build));
    let daemon = newsroom.serve();
    daemon.wait("it is logged", |_| log(&newsroom).contains("documents are affected"));
    assert!(count(&log(&newsroom)) <= 2, "{}", log(&newsroom));
}

#[test]
fn held_removal_keeps_pictures() {
    const GIF: &[u8] = b"GIF89a\x01\x00\x01\x00\x80\x00\x00\xff\xff\xff\x00\x00\x00,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;";
    let newsroom = Newsroom::new();
    for name in ["a", "b"] {
        newsroom.write(&format!("content/news/{name}.gif"), GIF);
        let text = article(&format!("Story {name}"), "Body.").replace("tags:", &format!("image: {name}.gif\ntags:"));
        newsroom.write(&format!("content/news/{name}.md"), text);
    }
    let daemon = newsroom.serve();
    let pictures = |daemon: &Daemon| daemon.body("/news/feed.json").matches("/media/news/").count();
    let before = pictures(&daemon);
    assert!(before >= 2);
    fs::rename(newsroom.path("content/news"), newsroom.path("away")).expect("movable");
    daemon.wait("it is held", |daemon| daemon.body("/readyz").contains("mass-removal"));
    assert_eq!((pictures(&daemon), daemon.get("/media/news/a.gif", &[]).status), (before, 503));
    assert!(daemon.stop());
    let daemon = newsroom.serve();
    assert_eq!((pictures(&daemon), daemon.get("/media/news/a.gif", &[]).status), (before, 503), "after a restart");
    fs::rename(newsroom.path("away"), newsroom.path("content/news")).expect("movable");
    daemon.wait("they are back", |daemon| daemon.get("/media/news/a.gif", &[]).status == 200);
    assert_eq!(pictures(&daemon), before);
}

#[test]
fn second_retraction_keeps_reason() {
    let newsroom = newsroom();
    assert!(newsroom.dateline(&["build"]).status.success());
    let retract = |more: &[&str]| newsroom.dateline(&[&["retract", "news/a.md"], more].concat());
    assert_says("first", &retract(&["--reason", "Wrong photo"]), 0, &[], &[]);
    assert_says("again", &retract(&[]), 2, &["was already retracted at"], &[]);
    let history = || printed(&newsroom.dateline(&["history", "news/a.md"]));
    assert_eq!(history().matches("retracted, by command: Wrong photo").count(), 1, "{}", history());
    assert!(!history().contains("retracted, by command;"), "{}", history());
    assert_says("another", &retract(&["--reason", "Wrong town"]), 0, &[], &[]);
    assert!(history().contains("Wrong town"));
    let explain = newsroom.dateline(&["explain", "news/a.md"]);
    let parts = ["out tags/tide                it is not published; else in, since it has the tag", "it is retracted"];
    assert_says("explain", &explain, 0, &parts, &["tide                it has the tag"]);
}

#[test]
fn listen_error_help_fits_address() {
    let newsroom = newsroom();
    for (line, part, not) in [
        ("link: night-ferry.html", "the whole address of the article's page", "file beside"),
        ("link: htp://x.example/", "did you mean `http`?", "file beside"),
        ("image: '/\\'", "the name of a file beside the article", "page"),
    ] {
        newsroom.write("content/news/b.md", format!("---\ntitle: B\ndate: 2026-11-20\n{line}\n---\n\nText.\n"));
        let check = printed(&newsroom.dateline(&["check"]));
        assert!(check.contains(part) && !check.contains(not), "{line}: {check}");
    }
}

#[test]
fn check_without_state_mentions_no_state() {
    let newsroom = newsroom();
    newsroom.write("content/news/undated.md", "# Undated\n\nText.\n");
    assert_says("before", &newsroom.dateline(&["check"]), 0, &[], &["state", "backup"]);
    assert!(newsroom.dateline(&["build"]).status.success());
    assert_says("after", &newsroom.dateline(&["check"]), 0, &["Only the state remembers"], &[]);
}

#[test]
fn value_instead_of_table_is_one_mistake() {
    let newsroom = newsroom();
    for (config, parts) in [
        ("[server]\naccess_log = \"x.log\"\n", &["`[server.access_log]`", "`file = \"x.log\"`"][..]),
        ("[server]\naccess_log = true\n", &["`access_log` is a table"]),
        ("[server]\ntls = true\n", &["`tls` is a table"]),
        ("[server]\nbudget = 12\n", &["`budget` is a table"]),
        ("output = \"x\"\n", &["`output` is a table"]),
    ] {
        let config = if config.starts_with('[') { format!("{CONFIG}\n{config}") } else { format!("{config}{CONFIG}") };
        newsroom.write("config/dateline.toml", config);
        assert_says("check", &newsroom.dateline(&["check"]), 2, &[parts, &["1 error, 0 warnings"]].concat(), &[]);
    }
}

#[test]
fn unknown_section_suggests_nearest_name() {
    let newsroom = newsroom();
    let text = |line: &str| format!("---\ntitle: B\ndate: 2026-11-20\n{line}\n---\n\nText.\n");
    for (line, parts) in [
        ("section: newz", &["section-unknown", "no section `newz` is configured", "did you mean `news`?"][..]),
        ("section: News/Chps", &["section-unknown", "did you mean `news/chips`?"]),
        ("sections: [nwes]", &["section-unknown", "no section `nwes`", "did you mean `news`?"]),
        ("section: weather", &["section-unknown", "`[[section]]` with `path = \"weather\"`"]),
        ("section: news/local", &[]),
        ("section: news\nsections: [news/chips]", &[]),
    ] {
        newsroom.write("content/news/b.md", text(line));
        for command in [&["check"][..], &["explain", "news/b.md"]] {
            let not: &[&str] = if parts.is_empty() { &["section-unknown"] } else { &[] };
            assert_says(line, &newsroom.dateline(command), 0, parts, not);
        }
    }
    newsroom.write("content/news/b.md", text("section: newz"));
    let daemon = newsroom.serve();
    daemon.wait("it is logged", |_| log(&newsroom).contains("code=section-unknown"));
}

#[test]
fn new_creates_no_stray_folders() {
    let newsroom = newsroom();
    for (section, parts) in [
        ("nosuch", &["no section `nosuch` is configured", "`--create`"][..]),
        ("newz", &["did you mean `news`?", "`--create`"]),
    ] {
        assert_says(section, &newsroom.dateline(&["new", section, "Title"]), 2, parts, &[]);
        assert!(!newsroom.path("content").join(section).exists(), "{section}");
    }
    let made = newsroom.dateline(&["new", "nosuch", "Title", "--create"]);
    assert_says("--create", &made, 0, &["content/nosuch/", "no section `nosuch` is configured"], &[]);
    assert_says(
        "the folder is there",
        &newsroom.dateline(&["new", "nosuch", "Other"]),
        0,
        &["no section `nosuch`"],
        &[],
    );
    assert_says("configured", &newsroom.dateline(&["new", "news/chips", "Title"]), 0, &["content/news/chips/"], &[]);
}

#[test]
fn missing_permissions_are_named() {
    let newsroom = newsroom();
    assert!(newsroom.dateline(&["build"]).status.success());
    let run = |arguments: &[&str]| {
        without_privileges(&newsroom, "missing rights").map(|mut command| bounded(command.args(arguments)))
    };
    let mode = |name: &str, mode: u32| {
        let mode = std::os::unix::fs::PermissionsExt::from_mode(mode);
        fs::set_permissions(newsroom.path(name), mode).expect("ours");
    };
    if let Some(refused) = run(&["serve", "--listen", "127.0.0.1:80"]) {
        let parts = ["ports below 1024 need a privilege", "config/dateline.socket", "CAP_NET_BIND_SERVICE"];
        assert_says("port 80", &refused, 1, &parts, &["stop what listens there"]);
    }
    for locked in [".dateline", ".dateline/ledger.sqlite"] {
        mode(locked, 0o0);
        for command in [&["history", "news/a.md"][..], &["check"], &["backup", "copy"], &["retract", "news/a.md"]] {
            let Some(output) = run(command) else { continue };
            let not = ["not seen", "no state", "disk is full", "does not answer"];
            assert_says(&format!("{locked} {command:?}"), &output, 1, &["as the user that dateline runs as"], &not);
        }
        mode(locked, if locked == ".dateline" { 0o700 } else { 0o600 });
    }
    mode("content/news", 0o0);
    if let Some(output) = run(&["explain", "content/news/a.md"]) {
        assert_says("explain", &output, 1, &["Permission denied"], &["there is no article"]);
    }
    if let Some(output) = run(&["history", "content/news/a.md"]) {
        assert_says("history", &output, 0, &["published as"], &[]);
    }
    mode("content/news", 0o755);
}

#[test]
fn senseless_arguments_are_refused() {
    let newsroom = newsroom();
    for (arguments, code, part) in [
        (&["build", "--out", "content"][..], 2, "are not apart"),
        (&["build", "--out", "content/news/feeds"], 2, "are not apart"),
        (&["build", "--out", "."], 2, "are not apart"),
        (&["--config", "config", "check"], 2, "names the file itself"),
        (&["import-ids", "ftp://x.example/feed"], 2, "only http and https"),
        (&["build", "--out", "config/dateline.toml"], 1, "documents are affected"),
        (&["explain", "content"], 2, "is not an article of content"),
        (&["explain", "content/news/none.md"], 2, "there is no article"),
    ] {
        let output = newsroom.dateline(arguments);
        assert_says(&format!("{arguments:?}"), &output, code, &[part], &[]);
        assert!(printed(&output).matches(part).count() == 1, "once: {}", printed(&output));
    }
}
