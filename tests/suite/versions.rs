//! The reports of `build` and `explain` for two files with the same id, one of which withholds the other.
//!
//! Which versions withhold others is tested by `cases/engine/versions.txt`.

use crate::newsroom::{Newsroom, printed};

/// A news agency item, with these label lines at the top.
fn version(labels: &str, text: &str) -> String {
    format!("{labels}Ships return\n\nSource: Desk | 2026-11-02 09:00:00\n\n{text} The ships are back today.\n")
}

#[test]
fn both_files_of_withheld_item_are_named() {
    let newsroom = Newsroom::new();
    newsroom.write("content/wire/a.txt", version("Id: urn:x:1\n", "Canary."));
    for (labels, is_withheld) in
        [("Id: urn:x:1\nEmbargo: some day\n", true), ("Id: urn:x:2\nEmbargo: some day\n", false)]
    {
        newsroom.write("content/wire/b.txt", version(labels, "Magpie."));
        let built = printed(&newsroom.build("fresh"));
        let feed = std::fs::read_to_string(newsroom.path("fresh/rss.xml")).expect("built");
        assert_eq!(feed.contains("Canary."), !is_withheld, "{labels}");
        assert_eq!(built.contains("id-withheld"), is_withheld, "{built}");
        let names = ["content/wire/a.txt", "content/wire/b.txt"].iter().all(|file| built.contains(*file));
        assert!(names || !is_withheld, "{built}");
        assert!(!built.contains("Canary") && !built.contains("Magpie"), "{built}");
        let explained = printed(&newsroom.dateline(&["explain", "content/wire/a.txt"]));
        assert_eq!(explained.contains("has the same id and withholds it"), is_withheld, "{explained}");
    }
}
