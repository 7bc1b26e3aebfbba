//! The log lines about articles: one per event, one per burst, and no words of withheld articles.

use std::fs;

use crate::newsroom::{CONFIG, Daemon, Newsroom, article, printed};

const SERVE: [&str; 3] = ["serve", "--listen", "127.0.0.1:0"];

fn serve(newsroom: &Newsroom, level: &str) -> Daemon {
    let mut command = newsroom.command();
    command.args(SERVE).env("DATELINE_LOG", level);
    let daemon = Daemon::spawn(&newsroom.path("."), command);
    daemon.wait_until_ready();
    daemon
}

fn log(newsroom: &Newsroom) -> String {
    fs::read_to_string(newsroom.path("log")).expect("a log")
}

/// Waits for a whole line with all these words.
fn line(newsroom: &Newsroom, words: &[&str]) -> String {
    let find = || {
        let log = log(newsroom);
        let mut lines = log.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n'));
        lines.find(|line| words.iter().all(|word| line.contains(word))).map(str::to_owned)
    };
    newsroom.find(&format!("a line with {words:?}"), find)
}

#[expect(clippy::disallowed_methods, reason = "what is due is due by the system's clock")]
fn in_seconds(seconds: i64) -> String {
    let instant = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(seconds);
    instant.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

#[test]
fn every_event_is_logged() {
    let newsroom = Newsroom::new();
    for name in ["a", "b", "c", "d", "e"] {
        newsroom.article(&format!("news/{name}.md"), &format!("Story {name}"), "Body.");
    }
    let _daemon = serve(&newsroom, "info");
    let first = line(&newsroom, &["INFO published", "articles=5"]);
    assert!(!first.contains("Story"), "the first listing is counts: {first}");

    newsroom.article("news/new.md", "Story new", "Body.");
    let published = line(&newsroom, &["INFO published article=content/news/new.md "]);
    for word in ["/news/", "/tags/tide/", "title=\"Story new\""] {
        assert!(published.contains(word), "{published} has no {word}");
    }
    newsroom.article("news/new.md", "Story new", "Another body.");
    line(&newsroom, &["INFO updated article=content/news/new.md ", "/news/"]);
    let corrected = "---\ntitle: Story new\ndate: 2026-11-20 10:00\ncorrections:\n  - date: 2026-11-21 10:00\n    text: A name.\n---\nB.\n";
    newsroom.write("content/news/new.md", corrected);
    line(&newsroom, &["INFO corrected article=content/news/new.md ", "/news/"]);
    fs::create_dir(newsroom.path("content/news/chips")).expect("writable");
    fs::rename(newsroom.path("content/news/new.md"), newsroom.path("content/news/chips/new.md")).expect("writable");
    line(&newsroom, &["INFO moved article=content/news/chips/new.md ", "from=content/news/new.md", "/news/chips/"]);

    assert!(newsroom.dateline(&["retract", "news/a.md", "--reason", "Wrong"]).status.success());
    let retracted =
        line(&newsroom, &["INFO retracted article=content/news/a.md ", "/news/", "by=\"dateline retract\""]);
    assert!(!retracted.contains("Story a"), "{retracted}");
    assert!(newsroom.dateline(&["restore", "news/a.md"]).status.success());
    line(
        &newsroom,
        &["INFO restored article=content/news/a.md ", "/news/", "title=\"Story a\"", "by=\"dateline restore\""],
    );
    let log = log(&newsroom);
    assert!(log.find("INFO retracted article=content") < log.find("INFO restored article=content"), "{log}");
    newsroom.write("content/news/b.md", article("Story b", "Body.").replace("date:", "status: retracted\ndate:"));
    let retracted = line(&newsroom, &["INFO retracted article=content/news/b.md ", "/news/"]);
    assert!(!retracted.contains("by="), "{retracted}");
    newsroom.write(
        "content/news/c.md",
        article("Story c", "Body.").replace("date:", &format!("expires: {}\ndate:", in_seconds(2))),
    );
    line(&newsroom, &["INFO expired article=content/news/c.md ", "/news/"]);
    newsroom.write("content/news/d.md", article("Story d", "Body.").replace("date:", "draft: true\ndate:"));
    let withheld = line(&newsroom, &["INFO withheld article=content/news/d.md ", "/news/"]);
    assert!(!withheld.contains("Story d"), "{withheld}");
    fs::remove_file(newsroom.path("content/news/e.md")).expect("it was there");
    line(&newsroom, &["INFO removed article=content/news/e.md ", "/news/"]);

    let config = CONFIG.replace("[taxonomies]", "[[section]]\npath = \"sport\"\n[taxonomies]").replace("Test", "Other");
    newsroom.write("config/dateline.toml", &config);
    line(&newsroom, &["INFO configuration reloaded", "[site] changed", "section `sport` added"]);
    assert!(newsroom.dateline(&["reload"]).status.success());
    line(&newsroom, &["INFO configuration reloaded", "nothing that readers see changed", "by=\"dateline reload\""]);
}

#[test]
fn burst_is_logged_as_one_line() {
    let newsroom = Newsroom::new();
    newsroom.article("news/a.md", "Story A", "Body.");
    for number in 0..300 {
        newsroom.write(&format!("staged/{number}.md"), article(&format!("Story {number}"), "Body."));
    }
    let _daemon = serve(&newsroom, "info");
    fs::rename(newsroom.path("staged"), newsroom.path("content/news/chips")).expect("writable");
    let published = line(&newsroom, &["INFO published", "articles=300"]);
    assert!(published.contains("feeds="), "{published}");
    fs::rename(newsroom.path("content/news/chips"), newsroom.path("staged")).expect("writable");
    line(&newsroom, &["INFO held back", "articles=300"]);
    let accepted = newsroom.dateline(&["accept-removals"]);
    assert!(accepted.status.success(), "{}", printed(&accepted));
    line(&newsroom, &["INFO removed", "articles=300", "by=\"dateline accept-removals\""]);
    let log = log(&newsroom);
    assert!(!log.contains("chips/7.md"), "{log}");
    assert!(log.lines().count() < 15, "{log}");
}

/// At every log level, and however an article is withheld: before and after publication, and when it moves or is removed.
#[test]
fn titles_of_withheld_articles_are_not_logged() {
    let newsroom = Newsroom::new();
    let keys = [
        ("draft", "draft: true"),
        ("embargo", "embargo: 2099-01-01"),
        ("private", "private: true"),
        ("unlisted", "unlisted: true"),
        ("future", "publishDate: 2099-01-01"),
        ("unreadable", "embargo: soon"),
        ("retracted", "status: retracted"),
    ];
    let hidden = |name: &str, key: &str| {
        article(&format!("Canary {name}"), "Canary text.").replace("date:", &format!("{key}\nslug: s-{name}\ndate:"))
    };
    newsroom.article("news/public.md", "Story", "Body.");
    newsroom.write("content/news/early.md", hidden("early", "draft: true"));
    let daemon = serve(&newsroom, "trace");
    for (name, key) in keys {
        newsroom.write(&format!("content/news/{name}.md"), hidden(name, key));
        newsroom.article(&format!("news/was-{name}.md"), &format!("Story {name}"), "Body.");
        line(&newsroom, &[&format!("published article=content/news/was-{name}.md")]);
        newsroom.write(&format!("content/news/was-{name}.md"), hidden(name, key));
        let moved = format!("content/news/moved-{name}.md");
        fs::rename(newsroom.path(&format!("content/news/{name}.md")), newsroom.path(&moved)).expect("writable");
        fs::remove_file(newsroom.path(&moved)).expect("it was there");
    }
    for name in ["draft", "embargo", "private"] {
        line(&newsroom, &[&format!("withheld article=content/news/was-{name}.md")]);
    }
    newsroom.article("news/last.md", "Last", "Body.");
    line(&newsroom, &["published article=content/news/last.md"]);
    assert!(daemon.stop());
    let log = log(&newsroom);
    assert!(!log.contains("Canary"), "{}", log.lines().filter(|line| line.contains("Canary")).collect::<String>());
}

/// Each line is a JSON object with the fields of its event, whatever characters file names and titles contain.
#[test]
fn json_log_has_one_object_per_line() {
    let newsroom = Newsroom::new();
    newsroom.article("news/a.md", "Story A", "Body.");
    let mut command = newsroom.command();
    command.args(SERVE).args(["--log", "info", "--log-format", "json"]).env("DATELINE_LOG", "error");
    let daemon = Daemon::spawn(&newsroom.path("."), command);
    daemon.wait_until_ready();
    newsroom.article("news/new.md", "A 'quoted' title", "Body.");
    newsroom.write("content/news/bad.md", "---\ntitle: Bad\ndate: 2026-13-40\n---\nText.\n");
    line(&newsroom, &["article-date"]);
    line(&newsroom, &["content/news/new.md"]);
    assert!(daemon.stop());
    let log = log(&newsroom);
    let events: Vec<serde_json::Value> = log.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    let event = |key: &str, value: &str| {
        events.iter().find(|event| event[key] == value).unwrap_or_else(|| panic!("no {key} {value}: {log}"))
    };
    assert_eq!(event("message", "ready")["articles"], 1, "{log}");
    let published = event("article", "content/news/new.md");
    assert_eq!((&published["message"], &published["level"]), (&"published".into(), &"INFO".into()), "{log}");
    assert_eq!(published["title"], "A 'quoted' title", "{log}");
    let problem = event("code", "article-date");
    assert_eq!((&problem["level"], &problem["place"]), (&"ERROR".into(), &"content/news/bad.md:3:7".into()), "{log}");
}
