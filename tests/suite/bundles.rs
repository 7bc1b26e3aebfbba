//! `explain` and `check` for pages of folders. `cases/engine/pages_of_folders.txt` tests which of them are articles.

use crate::newsroom::{Newsroom, printed};

const CONFIG: &str = "[site]\ntitle = \"Test Courier\"\nurl = \"http://feeds.courier.example/\"\ntag_authority = \"courier.example,2026\"\n\n\
                      [content]\nremoval_grace = \"250ms\"\narticle_url = \"https://www.courier.example/{section}/{slug}.html\"\n\n\
                      [[section]]\npath = \"news\"\n\n[[section]]\npath = \"news/ports\"\ntitle = \"Ports\"\ndescription = \"Of ports.\"\n";

fn write(newsroom: &Newsroom, name: &str, title: &str, keys: &str) {
    newsroom.write(&format!("content/{name}"), format!("---\ntitle: {title}\n{keys}\n---\n\nBody of {title}.\n"));
}

#[test]
fn explain_describes_folder_pages() {
    let newsroom = Newsroom::new();
    newsroom.write("config/dateline.toml", CONFIG);
    for (name, keys) in [
        ("news/index.md", "date: 2026-11-20"),
        ("news/a/index.md", ""),
        ("news/a/b.md", ""),
        ("news/c/index.md", ""),
        ("news/_index.md", ""),
    ] {
        write(&newsroom, name, "Title", keys);
    }
    for (name, words, undated) in [
        ("news/index.md", "the page of the section `news`", false),
        ("news/a/index.md", "the page of a folder with other articles only lists them", false),
        ("news/c/index.md", "section  news", true),
        ("news/_index.md", "it is the page of a section", false),
    ] {
        let explained = printed(&newsroom.dateline(&["explain", &format!("content/{name}")]));
        assert!(explained.contains(words), "{name}: {explained}");
        assert_eq!(explained.contains("article-undated"), undated, "{name}: {explained}");
    }
    let check = printed(&newsroom.dateline(&["check"]));
    assert_eq!(check.matches("article-undated").count(), 2, "{check}");
    assert!(check.contains("2 articles, 2 published"), "{check}");
}
