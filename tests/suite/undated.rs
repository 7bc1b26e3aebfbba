//! Articles without a date, with the program itself and files that have modification times.
//!
//! The rules are tested by `cases/engine/undated.txt`.

use std::fs;
use std::time::{Duration, SystemTime};

use serde_json::Value;

use crate::newsroom::{CONFIG, Newsroom, files, printed};

/// Twelve articles without a date. File `n` was last modified at the end of the day `n` of 2020.
fn newsroom() -> Newsroom {
    let newsroom = Newsroom::new();
    for day in 1..=12 {
        let name = format!("content/news/a{day}.md");
        newsroom.write(&name, format!("# Story {day}\n\nText of {day}.\n"));
        let modified = SystemTime::UNIX_EPOCH + Duration::from_secs(1_577_836_800 + day * 86_400);
        fs::File::options()
            .append(true)
            .open(newsroom.path(&name))
            .expect("there")
            .set_modified(modified)
            .expect("ours");
    }
    newsroom
}

fn configure(newsroom: &Newsroom, undated: &str) {
    let config = CONFIG.replace("[content]\n", &format!("[content]\nundated = \"{undated}\"\n"));
    newsroom.write("config/dateline.toml", config);
}

/// Titles and days of the articles in the built feed.
fn built(newsroom: &Newsroom) -> Vec<(String, String)> {
    let built = newsroom.dateline(&["build"]);
    assert_eq!(built.status.code(), Some(0), "{}", printed(&built));
    let feed: Value = serde_json::from_slice(&files(&newsroom.path("feeds"))["news/feed.json"]).expect("JSON");
    let text = |item: &Value, key: &str| item[key].as_str().expect("a text").to_owned();
    let items = feed["items"].as_array().expect("items").iter();
    items.map(|item| (text(item, "title"), text(item, "date_published")[..10].to_owned())).collect()
}

#[test]
fn old_site_without_dates_waits_for_a_choice() {
    let newsroom = newsroom();
    let check = printed(&newsroom.dateline(&["check"]));
    assert_eq!(check.matches("mass-undated").count(), 1, "{check}");
    assert!(!check.contains("article-undated") && check.contains("0 errors, 1 warning"), "{check}");
    for _ in 0..2 {
        assert_eq!(built(&newsroom), []);
    }
    configure(&newsroom, "omit");
    assert_eq!(built(&newsroom), []);
    configure(&newsroom, "modified");
    let expected: Vec<(String, String)> =
        (1..=12).rev().map(|day| (format!("Story {day}"), format!("2020-01-{:02}", day + 1))).collect();
    assert_eq!(built(&newsroom), expected);
    // The dates are recorded.
    newsroom.write("content/news/a1.md", "# Story 1\n\nAnother text.\n");
    assert_eq!(built(&newsroom), expected);
    assert!(!printed(&newsroom.dateline(&["check"])).contains("undated"));
}

#[test]
fn daemon_applies_choice_for_undated_articles_at_once() {
    let newsroom = newsroom();
    let daemon = newsroom.serve();
    let log = || fs::read_to_string(newsroom.path("log")).unwrap_or_default();
    let count = |what: &str| daemon.body("/news/feed.json").matches(what).count();
    daemon.wait("they are held", |_| log().contains("code=mass-undated"));
    assert_eq!(count("date_published"), 0);
    assert!(daemon.body("/readyz").contains("mass-undated"));
    configure(&newsroom, "modified");
    daemon.wait("they are dated", |_| count("\"date_published\":\"2020-01-") == 12);
    assert!(!log().contains("article-undated"), "{}", log());
}
