//! Podcast episodes: shared media files, durations and lengths.

use crate::newsroom::{CONFIG, Newsroom, printed};

const PODCAST: &str = r#"
[[section]]
path = "audio"
podcast = { image = "https://img.courier.example/cover.jpg", category = "News" }

[[section]]
path = "notes"
"#;

fn episode(day: u8, media: &str) -> String {
    format!("---\ntitle: Bells {day}\ndate: 2026-11-{day} 10:00\nmedia: {media}\n---\n\nListen to the bells.\n")
}

#[test]
fn shared_media_files_are_reported() {
    let newsroom = Newsroom::new();
    newsroom.write("config/dateline.toml", format!("{CONFIG}{PODCAST}"));
    for (name, day, url) in [
        ("audio/a", 10, "https://cdn.example/one.mp3"),
        ("audio/b", 11, "https://cdn.example/two.mp3"),
        ("audio/c", 12, "https://cdn.example/one.mp3"),
        ("notes/d", 13, "https://cdn.example/one.mp3"),
    ] {
        newsroom.write(&format!("content/{name}.md"), episode(day, &format!("[{{url: \"{url}\"}}]")));
    }
    let check = || printed(&newsroom.dateline(&["check"]));
    let shared = || {
        let check = check();
        let pairs = check.split("warning[media-shared]: ").skip(1).map(|warning| {
            let older = warning.split('`').nth(1).unwrap_or_default().to_owned();
            (warning.split("--> ").nth(1).and_then(|place| place.lines().next()).unwrap_or_default().to_owned(), older)
        });
        pairs.collect::<Vec<_>>()
    };
    let pair = |one: &str, other: &str| (format!("content/{one}.md"), format!("content/{other}.md"));
    // The root feed contains all episodes.
    assert_eq!(shared(), [pair("audio/c", "audio/a"), pair("notes/d", "audio/a")]);
    newsroom.write("content/notes/d.md", episode(13, "[{url: \"https://cdn.example/four.mp3\"}]"));
    newsroom.write("content/notes/e.md", episode(14, "https://cdn.example/four.mp3"));
    assert_eq!(shared(), [pair("audio/c", "audio/a"), pair("notes/e", "notes/d")]);
    // Pictures may be shared.
    newsroom.write("content/notes/e.md", episode(14, "https://cdn.example/one.png"));
    newsroom.write("content/notes/f.md", episode(15, "https://cdn.example/one.png"));
    newsroom.write("content/audio/c.md", episode(12, "[{url: \"https://cdn.example/three.mp3\"}]"));
    assert!(!check().contains("media-shared"));
}

#[test]
fn feeds_state_durations_and_lengths() {
    let newsroom = Newsroom::new();
    newsroom.write("config/dateline.toml", format!("{CONFIG}{PODCAST}"));
    let media = "[{url: \"https://cdn.example/one\", type: mp3, length: \"48,213\", duration: \"01:02:03\"}]";
    newsroom.write("content/audio/a.md", episode(10, media));
    assert!(newsroom.dateline(&["build"]).status.success());
    let read = |name: &str| std::fs::read_to_string(newsroom.path(name)).expect("built");
    let rss = read("feeds/audio/rss.xml");
    let enclosure = "<enclosure url=\"https://cdn.example/one\" length=\"48213\" type=\"audio/mpeg\"/>";
    assert!(rss.contains(enclosure) && rss.contains("<itunes:duration>3723</itunes:duration>"), "{rss}");
    let json = read("feeds/audio/feed.json");
    assert!(json.contains("\"size_in_bytes\":48213,\"duration_in_seconds\":3723"), "{json}");
}
