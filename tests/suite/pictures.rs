//! Pictures that are delivered beside a text, in any order, and captions whose pictures never arrive.

use std::fs;

use serde_json::Value;

use crate::newsroom::{CONFIG, Daemon, Newsroom, printed};

/// A wire text with the caption and the credit of a picture.
const STORY: &str = "Ferry Returns\n\nSource: Desk | 2026-11-20 09:00:00\n\nThe deck at dawn. (PHOTO: Ida Quay)\n\nBy ADA QUAY\n\n\
                     The ferry is back today, and so are the gulls that follow it.\n";

const ITEM: &str = r#"{"uri": "urn:x:ferry", "headline": "Ferry Returns", "firstCreated": "2026-11-20T08:00:00Z", "body_text": "It sails."}"#;

/// The beginning of a PNG file of this width, with bytes up to this length.
fn picture(width: u8, length: usize) -> Vec<u8> {
    let mut bytes =
        [b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\0".as_slice(), &[width], b"\0\0\0\x02\x08\x02\0\0\0\0\0\0\0"].concat();
    bytes.resize(length, 0);
    bytes
}

/// The entry of the story in JSON Feed.
fn entry(daemon: &Daemon) -> Value {
    let feed: Value = serde_json::from_str(&daemon.body("/feed.json")).expect("JSON");
    feed["items"].as_array().and_then(|items| items.first().cloned()).unwrap_or_default()
}

/// The name of the entry's picture.
fn shown(daemon: &Daemon) -> String {
    let entry = entry(daemon);
    entry["image"].as_str().and_then(|url| url.rsplit('/').next()).unwrap_or_default().to_owned()
}

/// Whether the entry, all formats and `/media/` have the picture, with caption and credit.
fn has_picture(daemon: &Daemon, name: &str, length: usize) -> bool {
    let documents = ["/rss.xml", "/atom.xml"].map(|path| daemon.body(path));
    let served = daemon.get(&format!("/media/news/{name}"), &[]);
    shown(daemon) == name
        && served.status == 200
        && served.body.len() == length
        && documents.iter().all(|document| {
            document.contains(&format!("/media/news/{name}\"")) && document.contains(&format!("fileSize=\"{length}\""))
        })
}

fn is_without_picture(daemon: &Daemon, name: &str) -> bool {
    shown(daemon).is_empty() && daemon.get(&format!("/media/news/{name}"), &[]).status == 404
}

#[test]
fn picture_belongs_to_text_in_any_order() {
    for (text, body) in [("story.txt", STORY), ("story.json", ITEM)] {
        let newsroom = Newsroom::new();
        let (file, png) = (format!("content/news/{text}"), "content/news/story.PNG");
        // The text comes first.
        newsroom.write(&file, body);
        let daemon = newsroom.serve();
        assert!(is_without_picture(&daemon, "story.PNG"), "{text}");
        newsroom.write(png, picture(3, 100));
        daemon.wait("the picture is there", |daemon| has_picture(daemon, "story.PNG", 100));
        if text == "story.txt" {
            let rss = daemon.body("/rss.xml");
            assert!(rss.contains("<media:description>The deck at dawn.</media:description>"), "{rss}");
            assert!(rss.contains("<media:credit>Ida Quay</media:credit>") && !rss.contains("<p>The deck"), "{rss}");
        }
        // It is replaced, and replaced by a renamed file.
        newsroom.write(png, picture(3, 200));
        daemon.wait("the new picture is there", |daemon| has_picture(daemon, "story.PNG", 200));
        // A numbered picture follows.
        newsroom.write("content/news/story-2.jpg", "jpeg");
        daemon.wait("both are there", |daemon| {
            let attachments = entry(daemon)["attachments"].to_string();
            attachments.contains("/media/news/story-2.jpg") && has_picture(daemon, "story.PNG", 200)
        });
        fs::rename(newsroom.path(png), newsroom.path("content/news/other.PNG")).expect("renamed");
        daemon.wait("the numbered picture leads", |daemon| {
            has_picture(daemon, "story-2.jpg", 4) && daemon.get("/media/news/story.PNG", &[]).status == 404
        });
        assert_eq!(daemon.get("/media/news/other.PNG", &[]).status, 404);
        // While the daemon is down, one picture leaves and another comes.
        ["content/news/story-2.jpg", &file].iter().for_each(|name| newsroom.age(name));
        assert!(daemon.stop());
        fs::remove_file(newsroom.path("content/news/story-2.jpg")).expect("removed");
        newsroom.write("content/news/story_1.png", picture(5, 300));
        let daemon = newsroom.serve();
        daemon.wait("the other picture is there", |daemon| has_picture(daemon, "story_1.png", 300));
        // The text leaves, and the picture with it. The picture comes first the next time.
        fs::remove_file(newsroom.path(&file)).expect("removed");
        daemon.wait("nothing is served", |daemon| is_without_picture(daemon, "story_1.png"));
        newsroom.write(&file, body);
        daemon.wait("the picture is back", |daemon| has_picture(daemon, "story_1.png", 300));
        fs::remove_file(newsroom.path("content/news/story_1.png")).expect("removed");
        daemon.wait("the picture has left", |daemon| is_without_picture(daemon, "story_1.png"));
        // The article's own page follows, too.
        let page = entry(&daemon)["url"].as_str().expect("a URL").to_owned();
        let page = page.strip_prefix("http://feeds.courier.example").expect("a page of dateline").to_owned();
        assert!(!daemon.body(&page).contains("<img"), "{text}");
        newsroom.write(png, picture(3, 100));
        daemon.wait("its page has the picture", |daemon| daemon.body(&page).contains("/media/news/story.PNG"));
    }
}

/// A picture whose name with the number is another text's belongs to that text only.
#[test]
fn numbered_picture_belongs_to_text_of_its_name() {
    let newsroom = Newsroom::new();
    newsroom.write("content/news/story.txt", STORY);
    newsroom.write("content/news/story_1.png", picture(3, 100));
    let daemon = newsroom.serve();
    daemon.wait("the story has the picture", |daemon| has_picture(daemon, "story_1.png", 100));
    let items = |daemon: &Daemon| {
        let feed: Value = serde_json::from_str(&daemon.body("/feed.json")).expect("JSON");
        let items = feed["items"].as_array().expect("items").iter();
        let items =
            items.map(|item| format!("{}:{}", item["title"].as_str().unwrap_or_default(), item["image"].is_string()));
        items.collect::<Vec<_>>().join(" ")
    };
    newsroom.write("content/news/story_1.txt", STORY.replace("Ferry", "Crane").replace("09:00", "08:00"));
    daemon.wait("the other story has it", |daemon| items(daemon) == "Ferry Returns:false Crane Returns:true");
    fs::remove_file(newsroom.path("content/news/story_1.txt")).expect("removed");
    daemon.wait("the first story has it again", |daemon| items(daemon) == "Ferry Returns:true");
    // Markdown and HTML pages name their pictures.
    newsroom.article("news/page.md", "Page", "Text.");
    newsroom.write("content/news/page.png", picture(3, 100));
    newsroom.article("news/mark.md", "Mark", "Text.");
    daemon.wait("the mark is there", |daemon| daemon.body("/rss.xml").contains("Mark"));
    assert_eq!(daemon.get("/media/news/page.png", &[]).status, 404);
}

/// Scans find pictures as well as events do.
#[test]
fn polling_finds_pictures() {
    let newsroom = Newsroom::new();
    newsroom.write("config/dateline.toml", CONFIG.replace("[content]\n", "[content]\nwatch = \"poll\"\n"));
    newsroom.write("content/news/story.txt", STORY);
    let daemon = newsroom.serve();
    newsroom.write("content/news/story.png", picture(3, 100));
    daemon.wait("the picture is there", |daemon| has_picture(daemon, "story.png", 100));
    fs::remove_file(newsroom.path("content/news/story.png")).expect("removed");
    daemon.wait("the picture has left", |daemon| is_without_picture(daemon, "story.png"));
}

#[test]
fn lone_caption_is_left_out_and_reported() {
    let newsroom = Newsroom::new();
    newsroom.write("content/news/story.txt", STORY);
    let build = || {
        let report = printed(&newsroom.build("out"));
        let read = |name: &str| fs::read_to_string(newsroom.path("out").join(name)).expect("built");
        (report, read("rss.xml"), read("atom.xml"), read("feed.json"))
    };
    let (report, rss, atom, json) = build();
    assert!(report.contains("lone-caption") && report.contains("deliver it as `story.jpg`"), "{report}");
    assert!(!rss.contains("The deck at dawn") && !atom.contains("The deck at dawn"), "{rss} {atom}");
    assert!(json.contains("\"image_caption\":\"The deck at dawn.\",\"image_credit\":\"Ida Quay\""), "{json}");
    assert!(!report.contains("deck at dawn"), "{report}");
    newsroom.write("config/dateline.toml", CONFIG.to_owned() + "\n[feeds]\nlone_caption = \"text\"\n");
    let (report, rss, atom, json) = build();
    assert!(!report.contains("lone-caption"), "{report}");
    for document in [&rss, &atom, &json] {
        assert!(document.contains("The deck at dawn. (Ida Quay)"), "{document}");
    }
    newsroom.write("content/news/story.jpg", "jpeg");
    let (report, rss, ..) = build();
    assert!(!report.contains("lone-caption") && !rss.contains("<p>The deck at dawn"), "{report} {rss}");
    newsroom.write("config/dateline.toml", CONFIG);
    assert!(!build().0.contains("lone-caption"));
}

/// The pictures of an agency's story stay with it when its folder is cleaned up, also after a restart, until the story is killed.
#[test]
fn pictures_of_kept_story_stay() {
    let newsroom = Newsroom::new();
    let item = |version: &str| ITEM.replace("\"uri\"", &format!("\"version\": \"{version}\", \"uri\""));
    newsroom.write("content/news/old.json", item("1"));
    newsroom.write("content/news/story.json", item("2"));
    newsroom.write("content/news/story.png", picture(3, 100));
    let daemon = newsroom.serve();
    daemon.wait("the picture is there", |daemon| has_picture(daemon, "story.png", 100));
    let copy = newsroom.path(".dateline/media/news/story.png");
    daemon.wait("a copy is kept", |_| copy.exists());
    fs::remove_file(newsroom.path("content/news/story.json")).expect("removed");
    fs::remove_file(newsroom.path("content/news/story.png")).expect("removed");
    let explained = || printed(&newsroom.dateline(&["history", "content/news/story.json"]));
    daemon.wait("the file is missed", |_| explained().contains("files of older versions are there"));
    assert!(has_picture(&daemon, "story.png", 100), "{}", daemon.body("/feed.json"));
    assert!(daemon.stop());
    let daemon = newsroom.serve();
    assert!(has_picture(&daemon, "story.png", 100), "{}", daemon.body("/feed.json"));
    assert!(copy.exists());
    newsroom.write("content/news/z.json", item("3").replace("\"uri\"", "\"pubstatus\": \"canceled\", \"uri\""));
    daemon.wait("the picture has left", |daemon| is_without_picture(daemon, "story.png") && !copy.exists());
    assert!(daemon.stop());
}
