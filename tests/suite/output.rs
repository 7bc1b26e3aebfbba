//! Files that dateline did not write, in the output directory.

use std::fs;
use std::process::Output;

use crate::newsroom::{CONFIG, Newsroom, article, files, printed};

const FOREIGN: &[(&str, &str)] = &[
    ("feeds/feed.json", r#"{"version":"https://jsonfeed.org/version/1.1","title":"Mine","items":[]}"#),
    ("feeds/feeds.opml", "<opml version=\"2.0\"><head/><body/></opml>"),
    ("feeds/tags/tide/feed.json", r#"{"version":"https://jsonfeed.org/version/1.1","title":"Mine","items":[]}"#),
    ("feeds/news/rss.xml", "<rss version=\"2.0\"><channel><generator>Hugo</generator></channel></rss>"),
];

fn reports(output: &Output) -> usize {
    printed(output).matches("error[output-foreign]").count()
}

#[test]
fn foreign_feeds_stay_and_others_are_written() {
    let newsroom = Newsroom::new();
    newsroom.article("news/a.md", "Story A", "Body.");
    for (name, text) in FOREIGN {
        newsroom.write(name, text);
    }
    let build = newsroom.dateline(&["build"]);
    assert_eq!((build.status.code(), reports(&build)), (Some(1), FOREIGN.len()), "{}", printed(&build));
    assert!(newsroom.path("feeds/rss.xml").is_file() && newsroom.path("feeds/news/feed.json").is_file());
    // Documents without a feed are removed, foreign files stay.
    newsroom.write("config/dateline.toml", CONFIG.replace("tags = true", "tags = false"));
    newsroom.dateline(&["build"]);
    assert!(!newsroom.path("feeds/tags/tide/rss.xml").exists());
    for (name, text) in FOREIGN {
        assert_eq!(fs::read_to_string(newsroom.path(name)).expect("there"), *text, "{name}");
        fs::remove_file(newsroom.path(name)).expect("writable");
    }
    let build = newsroom.dateline(&["build"]);
    assert_eq!((build.status.code(), reports(&build)), (Some(0), 0), "{}", printed(&build));
    assert!(newsroom.path("feeds/feed.json").is_file());
}

#[test]
fn listed_documents_survive_lost_state() {
    let newsroom = Newsroom::new();
    newsroom.article("news/a.md", "Story A", "Body.");
    assert!(newsroom.dateline(&["build"]).status.success());
    let before = files(&newsroom.path("feeds"));
    fs::remove_dir_all(newsroom.path(".dateline")).expect("writable");
    newsroom.article("news/a.md", "Story B", "Another body.");
    let build = newsroom.dateline(&["build"]);
    assert!(
        build.status.success(),
        "a clone has no state, and the manifest says whose files these are: {}",
        printed(&build)
    );
    let after = files(&newsroom.path("feeds"));
    assert_eq!(before.keys().collect::<Vec<_>>(), after.keys().collect::<Vec<_>>());
    assert!(after["feed.json"] != before["feed.json"]);
}

#[test]
fn daemon_writes_once_foreign_file_is_gone() {
    let newsroom = Newsroom::new();
    newsroom.article("news/a.md", "Story A", "Body.");
    newsroom.write(FOREIGN[0].0, FOREIGN[0].1);
    let daemon = newsroom.serve();
    let rss = newsroom.path("feeds/rss.xml");
    daemon.wait("the others are written", |_| rss.is_file());
    assert_eq!(fs::read_to_string(newsroom.path(FOREIGN[0].0)).expect("there"), FOREIGN[0].1);
    assert!(daemon.body("/feed.json").contains("Story A"), "readers over HTTP get the document all the same");
    fs::remove_file(newsroom.path(FOREIGN[0].0)).expect("writable");
    daemon.wait("the document is written", |_| {
        fs::read_to_string(newsroom.path(FOREIGN[0].0)).is_ok_and(|text| text.contains("Story A"))
    });
}

/// Without the manifest, dateline recognizes its own files by the documents in the ledger.
#[test]
fn withheld_text_leaves_files_without_manifest() {
    let newsroom = Newsroom::new();
    newsroom.article("news/a.md", "Story A", "Body.");
    newsroom.article("news/b.md", "Story B", "Secret.");
    let daemon = newsroom.serve();
    let is_in_files = |text: &[u8]| {
        let files = files(&newsroom.path("feeds"));
        files.values().any(|bytes| bytes.windows(text.len()).any(|part| part == text))
    };
    daemon.wait("it is delivered", |_| newsroom.path("feeds/tags/tide/feed.json").exists() && is_in_files(b"Secret."));
    assert!(daemon.stop());
    fs::remove_file(newsroom.path("feeds/.dateline")).expect("writable");
    let draft = article("Story B", "Secret.").replace("title:", "draft: true\ntitle:");
    newsroom.write("content/news/b.md", draft);
    let daemon = newsroom.serve();
    daemon.wait("it is withheld", |_| !is_in_files(b"Secret."));
    assert!(!daemon.body("/readyz").contains("output-foreign"), "{}", daemon.body("/readyz"));
    assert!(daemon.stop());
    // `build` does the same, even for documents that are no longer published.
    fs::remove_file(newsroom.path("feeds/.dateline")).expect("writable");
    newsroom.write("config/dateline.toml", CONFIG.replace("tags = true", "tags = false"));
    let build = newsroom.dateline(&["build"]);
    assert!(!newsroom.path("feeds/tags/tide/feed.json").exists(), "{}", printed(&build));
    // The OPML list isn't in the ledger, and contains no article text.
    assert!(reports(&build) == 1 && printed(&build).contains("feeds/feeds.opml"), "{}", printed(&build));
}
