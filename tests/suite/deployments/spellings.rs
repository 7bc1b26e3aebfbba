//! File names that change in case or normalisation.

use std::fs;

use super::{deleted, items, log, titles};
use crate::newsroom::{CONFIG, Newsroom, article, printed};

const COMPOSED: &str = "content/news/\u{dc}bersicht.md";
const DECOMPOSED: &str = "content/news/U\u{308}bersicht.md";

/// Files whose names change in case or normalisation, for example by a copy between systems or by `git mv`, with or without an edit.
#[test]
fn respelled_file_name_counts_as_rename() {
    let pairs = [
        (COMPOSED, DECOMPOSED),
        (DECOMPOSED, COMPOSED),
        ("content/news/A.md", "content/news/a.md"),
        ("content/news/Sub/c.md", "content/news/sub/c.md"),
    ];
    for (watch, is_edited) in [("auto", false), ("auto", true), ("poll", true)] {
        let case = format!("{watch} edited: {is_edited}");
        for pairs in [&pairs[..1], &pairs[1..]] {
            let newsroom = Newsroom::new();
            // On a busy machine, more time than 250 ms passes between the steps of a rename.
            let config = CONFIG.replace("[content]", &format!("[content]\nwatch = \"{watch}\"")).replace("250ms", "1s");
            newsroom.write("config/dateline.toml", config);
            for (number, (from, _)) in pairs.iter().enumerate() {
                newsroom.write(from, article(&format!("S{number}"), "Text."));
            }
            let daemon = newsroom.serve();
            let before = items(&daemon);
            assert_eq!(before.len(), pairs.len());
            for (number, (from, to)) in pairs.iter().enumerate() {
                fs::remove_file(newsroom.path(from)).expect("removed");
                let text = if is_edited { "Edited." } else { "Text." };
                newsroom.write(to, article(&format!("S{number}"), text));
            }
            // Longer than any grace, so that a mistaken removal would show.
            newsroom.article("mark.md", "Mark", "Text.");
            daemon.wait("the mark is there", |daemon| items(daemon).contains_key("Mark"));
            fs::remove_file(newsroom.path("content/mark.md")).expect("removed");
            daemon.wait("all is settled", |daemon| {
                deleted(daemon) >= 1 && items(daemon).len() == pairs.len() && !items(daemon).contains_key("Mark")
            });
            if is_edited {
                daemon
                    .wait("all are edited", |daemon| daemon.body("/rss.xml").matches("Edited.").count() >= pairs.len());
            }
            let after = items(&daemon);
            for (title, item) in &before {
                assert_eq!(after[title]["id"], item["id"], "{case} {title}");
                assert_eq!(after[title].get("date_modified"), item.get("date_modified"), "{case} {title}");
            }
            assert_eq!(deleted(&daemon), 1, "{case}: the mark");
            assert!(daemon.stop());
        }
    }
}

#[test]
fn differently_spelt_names_are_two_articles() {
    let newsroom = Newsroom::new();
    for (name, title) in
        [(COMPOSED, "U1"), (DECOMPOSED, "U2"), ("content/news/A.md", "A1"), ("content/news/a.md", "A2")]
    {
        newsroom.write(name, article(title, "Text."));
    }
    let daemon = newsroom.serve();
    let items = items(&daemon);
    let ids: std::collections::BTreeSet<&str> = items.values().filter_map(|item| item["id"].as_str()).collect();
    assert_eq!(ids.len(), 4);
    daemon.wait("both are reported", |_| log(&newsroom).matches("code=name-collision").count() == 2);
    let check = printed(&newsroom.dateline(&["check"]));
    assert!(check.contains("`news/a.md` and `news/A.md` differ only in case"), "{check}");
    fs::remove_file(newsroom.path("content/news/a.md")).expect("removed");
    daemon.wait("it is gone", |daemon| titles(daemon) == "A1 U1 U2");
    assert!(daemon.stop());
}
