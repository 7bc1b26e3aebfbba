//! Files that `content.ignore` or its defaults exclude.

use std::fs;

use crate::newsroom::{CONFIG, Newsroom, printed};

fn write(newsroom: &Newsroom, name: &str, keys: &str) {
    newsroom
        .write(&format!("content/{name}"), format!("---\ntitle: \"{name}\"\ndate: 2026-11-20\n{keys}\n---\n\nBody.\n"));
}

fn with(ignore: &str) -> String {
    CONFIG.replace("[content]\n", &format!("[content]\nignore = [{ignore}]\n"))
}

#[test]
fn repository_files_are_not_articles() {
    let newsroom = Newsroom::new();
    let names = [
        "README.md",
        "news/README.md",
        "Readme.md",
        "node_modules/x/README.md",
        "node_modules/x/story.md",
        "LICENSE.md",
        ".git/a.md",
        "news/CHANGELOG.md",
        "news/license-fees.md",
        "news/b.md",
    ];
    names.iter().for_each(|name| write(&newsroom, name, ""));
    newsroom.build("out");
    let feed = fs::read_to_string(newsroom.path("out/feed.json")).expect("a feed");
    let found: Vec<&str> = names.into_iter().filter(|name| feed.contains(&format!("\"title\":\"{name}\""))).collect();
    assert_eq!(found, ["news/license-fees.md", "news/b.md"], "{feed}");
    let explained = printed(&newsroom.dateline(&["explain", "content/README.md"]));
    assert!(explained.contains("`README*` of `content.ignore`"), "{explained}");

    newsroom.write("config/dateline.toml", with("\"!README.md\", \"b.md\""));
    newsroom.build("out");
    let feed = fs::read_to_string(newsroom.path("out/feed.json")).expect("a feed");
    let found: Vec<&str> = names.into_iter().filter(|name| feed.contains(&format!("\"title\":\"{name}\""))).collect();
    assert_eq!(found, ["README.md", "news/README.md", "news/license-fees.md"], "{feed}");
}

#[test]
fn newly_ignored_articles_leave_without_notice() {
    let newsroom = Newsroom::new();
    for name in ["news/a.md", "news/b.md", "news/old/c.md", "news/old/d.md"] {
        write(&newsroom, name, "");
    }
    let daemon = newsroom.serve();
    let has = |name: &str| daemon.body("/news/feed.json").contains(&format!("\"title\":\"{name}\""));
    assert!(has("news/old/c.md"));
    newsroom.write("config/dateline.toml", with("\"old/\""));
    daemon.wait("they are left out", |_| !has("news/old/c.md") && !has("news/old/d.md"));
    assert!(!daemon.body("/news/atom.xml").contains("deleted-entry"), "{}", daemon.body("/news/atom.xml"));
    assert!(has("news/a.md") && daemon.body("/readyz").contains("ready"));
    // New files there are ignored, too, and edits change nothing.
    write(&newsroom, "news/old/e.md", "");
    write(&newsroom, "news/old/c.md", "summary: again");
    write(&newsroom, "news/f.md", "");
    daemon.wait("the next story is there", |_| has("news/f.md"));
    assert!(!has("news/old/c.md") && !has("news/old/e.md"));
    newsroom.write("config/dateline.toml", CONFIG);
    daemon.wait("they are back", |_| has("news/old/c.md") && has("news/old/e.md"));
    // The same if the configuration, or the defaults of an upgraded dateline, changed while no daemon ran.
    assert!(daemon.stop());
    newsroom.write("config/dateline.toml", with("\"f.md\""));
    let daemon = newsroom.serve();
    let feed = daemon.body("/news/atom.xml");
    assert!(!feed.contains("news/f.md") && !feed.contains("deleted-entry") && feed.contains("news/old/e.md"), "{feed}");
}
