//! The demo newsroom: its feeds are reproduced byte for byte, and an independent parser reads the same entries in all formats.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use crate::newsroom::files;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn demo_feeds_are_reproduced_byte_for_byte() {
    let out = tempfile::tempdir().expect("a scratch directory");
    let build = Command::new(env!("CARGO_BIN_EXE_dateline"))
        .current_dir(root())
        .args(["build", "--out"])
        .arg(out.path())
        .output();
    let build = build.expect("dateline runs");
    assert!(build.status.success(), "{}", String::from_utf8_lossy(&build.stderr));
    let (made, committed) = (files(out.path()), files(&root().join("feeds")));
    let names = |files: &BTreeMap<String, Vec<u8>>| files.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&made), names(&committed));
    for (name, bytes) in &made {
        assert!(committed.get(name) == Some(bytes), "{name} differs: run `cargo run -- build` and look at `git diff`");
    }
    assert!(made.len() > 100, "{} documents", made.len());
}

#[test]
fn feed_rs_reads_demo_alike_in_all_formats() {
    let feeds = files(&root().join("feeds"));
    let mut stories = 0;
    let mut checked = 0;
    for (name, rss) in feeds.iter().filter(|(name, _)| name.ends_with("rss.xml")) {
        let sibling =
            |file: &str| feeds.get(&name.replace("rss.xml", file)).unwrap_or_else(|| panic!("{file} beside {name}"));
        let read = |bytes: &[u8]| {
            let feed = feed_rs::parser::parse(bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
            let story = |entry: feed_rs::model::Entry| {
                let title = entry.title.map(|title| title.content).unwrap_or_default();
                // Atom and JSON Feed state the author of entries without a byline once per feed. Parsers differ in whether they copy it.
                let authors: Vec<String> = entry
                    .authors
                    .into_iter()
                    .filter_map(|author| author.name)
                    .filter(|name| name != "Harbour Courier")
                    .collect();
                (
                    entry.id,
                    title,
                    entry.published.map(|date| date.timestamp()),
                    authors,
                    entry.links.first().map(|link| link.href.clone()),
                )
            };
            feed.entries.into_iter().map(story).collect::<Vec<_>>()
        };
        let (rss, atom, json) = (read(rss), read(sibling("atom.xml")), read(sibling("feed.json")));
        assert_eq!(rss, atom, "{name} and Atom");
        assert_eq!(rss, json, "{name} and JSON");
        stories += rss.len();
        checked += 1;
    }
    assert!(checked > 40 && stories > 120, "{checked} feeds, {stories} stories");
}
