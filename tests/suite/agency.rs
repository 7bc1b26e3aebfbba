//! Agencies' items in `cases/agency/<format>/<name>.<ext>`, and beside each, in `<name>.<ext>.expected`, what dateline reads in it.
//! `UPDATE_GOLDEN=1` rewrites the expected files.

use std::fmt::Write as _;
use std::path::Path;

use dateline::article::render::{LinkBase, render};
use dateline::article::{Notice, ParseOptions, Parsed, parse_with_origins};
use dateline::types::{ArticlePath, WebUrl};
use jiff::tz::TimeZone;

use crate::newsroom::{CONFIG, Newsroom, printed};

/// Everything that dateline reads in a file.
fn described(parsed: &Parsed) -> String {
    let mut text = String::new();
    for origin in &parsed.origins {
        writeln!(text, "{}: {} [{} {}]", origin.field, origin.value, origin.source, origin.line).expect("a string");
    }
    if let Some(article) = &parsed.article {
        let links = LinkBase {
            page: WebUrl::parse("http://x.example/a").expect("a URL"),
            media: WebUrl::parse("http://x.example/media/").expect("a URL"),
            folder: "wire".to_owned(),
            anchors: false,
            free_only: false,
        };
        let body = article.body.as_deref().expect("a body");
        writeln!(text, "text:\n{}", render(body, &links).html).expect("a string");
        let images = article.metadata.image.iter().flat_map(|image| &image.files).map(|file| &file.facts);
        images.for_each(|facts| writeln!(text, "picture: {facts:?}").expect("a string"));
        for media in &article.metadata.media {
            writeln!(text, "media: {:?} {:?} {:?}", media.media_type, media.duration, media.facts).expect("a string");
        }
    }
    let version = parsed
        .item
        .as_ref()
        .map(|item| (item.key.as_str(), item.number.as_ref(), item.time.map(|time| time.rfc3339())));
    writeln!(text, "version: {version:?}").expect("a string");
    match &parsed.notice {
        Some(Notice::Kill(key)) => writeln!(text, "kills {}", key.as_str()).expect("a string"),
        Some(Notice::Correct(key)) => writeln!(text, "corrects {}", key.as_str()).expect("a string"),
        Some(Notice::Advise) => text.push_str("advises\n"),
        None => {}
    }
    if let Some(kind) = parsed.ignored {
        writeln!(text, "ignored: {kind:?}").expect("a string");
    }
    if parsed.withhold {
        text.push_str("withheld\n");
    }
    for diagnostic in &parsed.diagnostics {
        let line = diagnostic.place.as_ref().map_or(0, |place| place.line);
        let severity = diagnostic.severity.name();
        writeln!(text, "{severity}[{}] {line} {}", diagnostic.code, diagnostic.message).expect("a string");
    }
    text
}

#[test]
fn items_are_read_as_expected() {
    let options = ParseOptions {
        root: "content".into(),
        timezone: TimeZone::get("Asia/Shanghai").expect("bundled"),
        charset: None,
        wire_labels: Vec::new(),
        max_size: 1024 * 1024,
    };
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/suite/cases/agency");
    let mut count = 0;
    for (folder, extension) in [("ninjs", "json")] {
        let names = std::fs::read_dir(cases.join(folder)).expect("the cases");
        let names = names.map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8"));
        let mut names: Vec<String> = names.filter(|name| name.ends_with(extension)).collect();
        names.sort();
        for name in names {
            count += 1;
            let bytes = std::fs::read(cases.join(folder).join(&name)).expect("readable");
            let found = described(&parse_with_origins(&ArticlePath::new(&format!("wire/{name}")), &bytes, &options));
            let expected = cases.join(folder).join(format!("{name}.expected"));
            if std::env::var_os("UPDATE_GOLDEN").is_some() {
                std::fs::write(&expected, &found).expect("written");
            }
            let expected = std::fs::read_to_string(&expected).expect("UPDATE_GOLDEN=1 writes it");
            assert_eq!(found, expected, "{name}");
        }
    }
    assert!(count >= 8, "only {count} items");
}

const STORY: &str = r#"{"uri": "urn:x:ferry/1", "headline": "Ferry", "versioncreated": "2026-11-20T08:00:00Z", "body_text": "It sails."}"#;

/// Other programs' files are reported once per folder and kind, however many there are, and aren't counted as articles.
#[test]
fn other_files_are_reported_by_folder() {
    let newsroom = Newsroom::new();
    newsroom.write("content/wire/ferry.json", STORY);
    for name in ["wire/a.json", "wire/b.json", "news/c.json", "wire/feed.xml", "wire/d.docx", "wire/e.docx", "f.pdf"] {
        let text = if name.ends_with("json") { "{\"a\": 1}" } else { "<rss/>" };
        newsroom.write(&format!("content/{name}"), text);
    }
    let check = |newsroom: &Newsroom| {
        let output = newsroom.dateline(&["check", "--json"]);
        let lines = printed(&output);
        let lines = lines.lines().filter(|line| line.contains("content-ignored"));
        let mut folders: Vec<String> = lines
            .map(|line| serde_json::from_str::<serde_json::Value>(line).expect("JSON"))
            .map(|line| {
                format!("{} {}", line["file"].as_str().unwrap_or_default(), line["help"].as_str().unwrap_or_default())
            })
            .map(|line| line.split(" ignores").next().unwrap_or_default().to_owned())
            .collect();
        folders.sort();
        folders
    };
    let found = check(&newsroom);
    let expected = [
        "content `content.ignore = [\"*.pdf\"]`",
        "content/news `content.ignore = [\"*.json\"]`",
        "content/wire `content.ignore = [\"*.json\"]`",
        "content/wire `content.ignore = [\"*.xml\"]`",
        "content/wire save the articles as HTML or text; `content.ignore = [\"*.docx\"]`",
    ];
    assert_eq!(found, expected);
    let report = printed(&newsroom.dateline(&["check"]));
    assert!(report.contains("; 1 article, 1 published"), "{report}");
    newsroom.write(
        "config/dateline.toml",
        CONFIG.replace("[content]\n", "[content]\nignore = [\"[a-c].json\", \"*.xml\", \"*.docx\", \"*.pdf\"]\n"),
    );
    assert_eq!(check(&newsroom), [""; 0]);
}

/// Items have ids that follow from their keys. A file name may be used again for another item.
#[test]
fn item_ids_follow_from_keys() {
    let newsroom = Newsroom::new();
    newsroom.write("content/news/top1.json", STORY);
    let daemon = newsroom.serve();
    let feed = daemon.body("/news/atom.xml");
    assert!(feed.contains(":item/urn%3Ax%3Aferry%2F1</id>"), "{feed}");
    newsroom.write("content/news/top1.json", STORY.replace("ferry/1", "ferry/2").replace("It sails", "It sank"));
    daemon.wait("the other item is there", |daemon| daemon.body("/news/atom.xml").contains("It sank"));
    let feed = daemon.body("/news/atom.xml");
    assert!(feed.contains(":item/urn%3Ax%3Aferry%2F2</id>"), "{feed}");
    // Until versions are compared, a second file with the same item isn't published.
    newsroom.write("content/news/top2.json", STORY.replace("ferry/1", "ferry/2").replace("It sails", "It floats"));
    daemon.wait("the conflict is reported", |_| printed(&newsroom.dateline(&["check"])).contains("1 published"));
    assert!(!daemon.body("/news/atom.xml").contains("It floats"));
    // A file that becomes another program's keeps the last good version.
    newsroom.write("content/news/top1.json", "{\"a\": 1}");
    newsroom.write("content/news/z.json", STORY.replace("ferry/1", "ferry/3").replace("It sails", "It rests"));
    daemon.wait("the next story is there", |daemon| daemon.body("/news/atom.xml").contains("It rests"));
    assert!(daemon.body("/news/atom.xml").contains("It sank"));
}
