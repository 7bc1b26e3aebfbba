//! Agencies' items in `cases/agency/<format>/<name>.<ext>`, and beside each, in `<name>.<ext>.expected`, what dateline reads in it.
//! `UPDATE_GOLDEN=1` rewrites the expected files.

use std::fmt::Write as _;
use std::path::Path;

use dateline::article::render::{LinkBase, render};
use dateline::article::{AgencyNotice, ParseOptions, Parsed, items, parse_with_origins};
use dateline::types::{ArticlePath, Text, WebUrl};
use jiff::tz::TimeZone;

use crate::newsroom::{CONFIG, Daemon, Newsroom, printed};

/// Everything that dateline reads in a file.
fn described(parsed: &Parsed) -> String {
    let mut text = String::new();
    for origin in &parsed.origins {
        writeln!(text, "{}: {} [{} {}]", origin.field, origin.value, origin.source, origin.line).expect("a string");
    }
    if let Some(article) = &parsed.article {
        let links = LinkBase {
            folder: "wire".to_owned(),
            ..LinkBase::new(
                WebUrl::parse("http://x.example/a").expect("a URL"),
                WebUrl::parse("http://x.example/media/").expect("a URL"),
            )
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
    if let Some(AgencyNotice { action, keys, slugs, .. }) = parsed.notice.as_deref() {
        let names: Vec<&str> = keys.iter().chain(slugs).map(Text::as_str).collect();
        writeln!(text, "notice: {action:?} {}", names.join(", ")).expect("a string");
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
        max_size: 1024 * 1024,
        ..ParseOptions::new("content", TimeZone::get("Asia/Shanghai").expect("bundled"))
    };
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/suite/cases/agency");
    let mut count = 0;
    let folders =
        [("ninjs", "json"), ("newsml", "xml"), ("newsml-loose", "xml"), ("nitf", "xml"), ("nitf-loose", "xml")];
    for (folder, extension) in folders {
        let names = std::fs::read_dir(cases.join(folder)).expect("the cases");
        let names = names.map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8"));
        let mut names: Vec<String> = names.filter(|name| name.ends_with(extension)).collect();
        names.sort();
        for name in names {
            count += 1;
            let bytes = std::fs::read(cases.join(folder).join(&name)).expect("readable");
            let path = ArticlePath::new(&format!("wire/{name}"));
            let found = match items(&path, &bytes, &options) {
                None => described(&parse_with_origins(&path, &bytes, &options)),
                Some(items) => items.iter().fold(String::new(), |found, item| {
                    let parsed = parse_with_origins(&item.path, item.text.as_bytes(), &options);
                    format!("{found}== {} below {} lines\n{}", item.path, item.lines_above, described(&parsed))
                }),
            };
            let expected = cases.join(folder).join(format!("{name}.expected"));
            if std::env::var_os("UPDATE_GOLDEN").is_some() {
                std::fs::write(&expected, &found).expect("written");
            }
            let expected = std::fs::read_to_string(&expected).expect("UPDATE_GOLDEN=1 writes it");
            assert_eq!(found, expected, "{name}");
        }
    }
    assert!(count >= 24, "only {count} items");
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
    // A second file with the same item and the same version takes over if its path is higher.
    newsroom.write("content/news/top2.json", STORY.replace("ferry/1", "ferry/2").replace("It sails", "It floats"));
    daemon.wait("the other version is there", |daemon| daemon.body("/news/atom.xml").contains("It floats"));
    assert!(!daemon.body("/news/atom.xml").contains("It sank"));
    // A file that becomes another program's keeps the last good version.
    newsroom.write("content/news/top2.json", "{\"a\": 1}");
    newsroom.write("content/news/z.json", STORY.replace("ferry/1", "ferry/3").replace("It sails", "It rests"));
    daemon.wait("the next story is there", |daemon| daemon.body("/news/atom.xml").contains("It rests"));
    assert!(daemon.body("/news/atom.xml").contains("It floats"));
}

/// A message with these items: key, headline, status.
fn message(items: &[(&str, &str, &str)]) -> String {
    let items = items.iter().map(|(key, headline, status)| {
        format!(
            "<newsItem guid=\"urn:x:{key}\" version=\"1\" standard=\"NewsML-G2\" xml:lang=\"en\"><itemMeta><itemClass qcode=\"ninat:text\"/>\
             <versionCreated>2026-11-20T08:00:00Z</versionCreated><pubStatus qcode=\"stat:{status}\"/></itemMeta>\
             <contentMeta><headline>{headline}</headline></contentMeta>\
             <contentSet><inlineData>Text of {headline}.</inlineData></contentSet></newsItem>\n"
        )
    });
    let items: String = items.collect();
    format!("<newsMessage xmlns=\"http://iptc.org/std/nar/2006-10-01/\">\n<itemSet>\n{items}</itemSet></newsMessage>\n")
}

/// Each item of a message is an article of its own: changed, removed and withheld on its own.
#[test]
fn items_of_a_message_are_articles() {
    let newsroom = Newsroom::new();
    let write = |text: &str| newsroom.write("content/news/message.xml", text);
    let (one, two, three) = (("1", "Ferry", "usable"), ("a/2", "Crane", "usable"), ("3", "Tide", "usable"));
    write(&message(&[one, two, three]));
    newsroom.write("content/news/z.md", "---\ntitle: Other\ndate: 2026-11-20\n---\n\nBody.\n");
    let daemon = newsroom.serve();
    let shown = |daemon: &Daemon| {
        let feed = daemon.body("/news/feed.json");
        ["Ferry", "Crane", "Tide", "Eel", "Other"]
            .into_iter()
            .filter(|title| {
                feed.contains(&format!("Text of {title}.")) || feed.contains(&format!("\"title\":\"{title}\""))
            })
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(shown(&daemon), "Ferry Crane Tide Other");
    let explained = printed(&newsroom.dateline(&["explain", "content/news/message.xml#urn:x:a/2"]));
    assert!(
        explained.contains("urn:x:a/2") && explained.contains("tag:courier.example,2026:item/urn%3Ax%3Aa%2F2"),
        "{explained}"
    );
    let listed = printed(&newsroom.dateline(&["explain", "content/news/message.xml"]));
    assert!(listed.contains("content/news/message.xml#urn:x:a%2F2"), "{listed}");
    let report = printed(&newsroom.dateline(&["check"]));
    assert!(report.contains("4 articles, 4 published"), "{report}");
    // One item leaves, one changes, one is new.
    write(&message(&[("1", "Eel", "usable"), three]));
    daemon.wait("the item has left", |daemon| shown(daemon) == "Tide Eel Other");
    write(&message(&[("1", "Eel", "withheld"), three, two]));
    daemon.wait("one is withheld, one is back", |daemon| shown(daemon) == "Crane Tide Other");
    // A cut-off message without a status that withholds changes nothing.
    let whole = message(&[one, three, two]);
    write(whole.split("<contentSet>").next().expect("a part"));
    newsroom.write("content/news/y.md", "---\ntitle: Ferry\ndate: 2026-11-20\n---\n\nBody.\n");
    daemon.wait("the next file is read", |daemon| shown(daemon) == "Ferry Crane Tide Other");
    // So does a restart, which reads the items' texts from the state directory.
    assert!(daemon.stop());
    let daemon = newsroom.serve();
    assert_eq!(shown(&daemon), "Ferry Crane Tide Other");
    // A cut-off message that mentions an embargo withholds all its items.
    write(
        &whole
            .replace("<pubStatus", "<embargoed>2030-01-01T00:00:00Z</embargoed><pubStatus")
            .replace("</newsMessage>", ""),
    );
    daemon.wait("they are withheld", |daemon| shown(daemon) == "Ferry Other");
    write(&message(&[one, two]));
    std::fs::remove_file(newsroom.path("content/news/y.md")).expect("removed");
    daemon.wait("it is whole again", |daemon| shown(daemon) == "Ferry Crane Other");
    std::fs::remove_file(newsroom.path("content/news/message.xml")).expect("removed");
    daemon.wait("all its items have left", |daemon| shown(daemon) == "Other");
}

/// Nothing of a killed text is left in any file of the state directory, deleted rows and logs included.
#[test]
fn killed_text_is_erased_from_state_directory() {
    let newsroom = Newsroom::new();
    let story = |version: u32, more: &str, word: &str| {
        let text = format!("{word} ").repeat(200);
        STORY.replace("It sails.", &text).replace("\"uri\"", &format!("\"version\": \"{version}\", {more}\"uri\""))
    };
    newsroom.write("content/news/a.json", story(1, "", "Quetzal"));
    newsroom.write("content/news/b.json", story(1, "", "Heron").replace("ferry/1", "ferry/2"));
    let daemon = newsroom.serve();
    // A newer version replaces the first one before the kill.
    newsroom.write("content/news/c.json", story(2, "", "Magpie"));
    daemon.wait("the newer version is there", |daemon| daemon.body("/rss.xml").contains("Magpie"));
    let stored = |word: &str| {
        let (mut folders, mut found) = (vec![newsroom.path(".dateline")], Vec::new());
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
                // Sockets can't be read, and files may be removed meanwhile.
                let bytes = std::fs::read(entry.path()).unwrap_or_default();
                let has_word = bytes.windows(word.len()).any(|part| part == word.as_bytes());
                found.extend(has_word.then(|| entry.file_name().to_string_lossy().into_owned()));
                folders.extend(entry.path().is_dir().then(|| entry.path()));
            }
        }
        found
    };
    for word in ["Quetzal", "Magpie", "Heron"] {
        daemon.wait("the text is kept", |_| stored(word).iter().any(|name| name.starts_with("ledger")));
    }
    newsroom.write("content/news/d.json", story(3, "\"pubstatus\": \"canceled\", ", "Killed"));
    daemon.wait("the story has left", |daemon| !daemon.body("/rss.xml").contains("Magpie"));
    for word in ["Quetzal", "Magpie"] {
        daemon.wait("the text is erased", |_| stored(word).is_empty());
    }
    assert!(stored("Heron").iter().any(|name| name.starts_with("ledger")));
    assert!(daemon.stop());
    for word in ["Quetzal", "Magpie"] {
        assert!(stored(word).is_empty(), "{:?}", stored(word));
    }
}

/// A version of a story, in ninjs.
fn ferry(version: u32, more: &str) -> String {
    format!(
        r#"{{"uri": "urn:x:ferry", "version": "{version}", "headline": "Ferry", "versioncreated": "2026-11-20T0{version}:00:00Z", "body_text": "Text {version}."{more}}}"#
    )
}

/// `explain` and `history` list the versions of an item, which one is current and why, and the notes that only editors see.
#[test]
fn versions_and_notes_are_explained() {
    let newsroom = Newsroom::new();
    newsroom.write("content/news/a.json", ferry(1, ""));
    newsroom.write("content/news/b.json", ferry(2, r#", "ednote": "Adds the horn.""#));
    let daemon = newsroom.serve();
    assert!(daemon.body("/news/rss.xml").contains("Text 2."));
    let written = |route: &str| daemon.body(route).contains("horn");
    assert!(!["/news/rss.xml", "/news/atom.xml", "/news/feed.json", "/news/"].into_iter().any(written));
    for command in ["explain", "history"] {
        for file in ["content/news/a.json", "content/news/b.json"] {
            let found = printed(&newsroom.dateline(&[command, file]));
            let words = [
                "versions",
                "news/b.json version 2 made 2026-11-20T02:00:00Z",
                "public; current: it is the higher version",
                "news/a.json version 1",
                "not current: news/b.json is the higher version",
                "news/b.json: Adds the horn.",
            ];
            for words in words {
                assert!(found.contains(words), "{command} {file}: {words} isn't in\n{found}");
            }
        }
    }
}

/// An agency sends its items again after an outage, half of them under other file names. Feeds keep their bytes and validators.
#[test]
fn resent_items_change_nothing() {
    const ITEMS: u32 = 5_000;
    let newsroom = Newsroom::new();
    let item = |number: u32| {
        let (day, hour, minute) = (1 + number / 1_440, number / 60 % 24, number % 60);
        format!(
            r#"{{"uri": "urn:x:{number}", "version": "1", "headline": "Ferry {number}", "versioncreated": "2026-11-{day:02}T{hour:02}:{minute:02}:00Z", "body_text": "It sails."}}"#
        )
    };
    std::fs::create_dir_all(newsroom.path("content/news")).expect("writable");
    let write = |name: String, text: String| std::fs::write(newsroom.path(&name), text).expect("writable");
    (0..ITEMS).for_each(|number| write(format!("content/news/{number}.json"), item(number)));
    let daemon = newsroom.serve();
    let seen = || {
        ["/news/rss.xml", "/news/atom.xml", "/news/feed.json"].map(|route| {
            let response = daemon.get(route, &[]);
            let header = |name| response.header(name).map(str::to_owned);
            (header("etag"), header("last-modified"), response.text())
        })
    };
    daemon.wait("the newest item is there", |daemon| daemon.body("/news/rss.xml").contains("Ferry 4999<"));
    let before = seen();
    let logged = std::fs::read_to_string(newsroom.path("log")).expect("a log").len();
    for number in 0..ITEMS {
        let name = if number % 2 == 0 { format!("{number}") } else { format!("resent-{number}") };
        write(format!("content/news/{name}.json"), item(number));
    }
    // A copy may be a moved file, which is decided when its old path has stayed for the grace period.
    let started = std::time::Instant::now();
    for number in 0.. {
        newsroom.article(&format!("other-{number}.md"), &format!("Sentinel {number}"), "Later.");
        let title = format!("Sentinel {number}<");
        daemon.wait("the later article is there", |daemon| daemon.body("/rss.xml").contains(&title));
        if started.elapsed() > std::time::Duration::from_secs(3) {
            break;
        }
    }
    assert_eq!(seen(), before);
    let log = std::fs::read_to_string(newsroom.path("log")).expect("a log");
    let log: Vec<&str> = log[logged..].lines().filter(|line| line.contains("news/")).collect();
    assert_eq!(log, [""; 0]);
}

/// A restart takes the items of an unchanged message from the cache.
#[test]
fn unchanged_message_is_not_read_again() {
    let newsroom = Newsroom::new();
    let (one, two) = (("1", "Ferry", "usable"), ("a/2", "Crane", "usable"));
    newsroom.write("content/news/message.xml", message(&[one, two]));
    newsroom.age("content/news/message.xml");
    let check = |reads: f64, titles: [&str; 2]| {
        let (daemon, admin) = crate::watching::spawn(&newsroom, newsroom.command());
        daemon.wait_until_ready();
        let feed = daemon.body("/news/feed.json");
        assert!(titles.iter().all(|title| feed.contains(&format!("Text of {title}."))), "{feed}");
        assert_eq!(crate::watching::metric(&admin, "articles_read_total"), reads, "{titles:?}");
        assert!(daemon.stop());
    };
    check(1.0, ["Ferry", "Crane"]);
    check(0.0, ["Ferry", "Crane"]);
    // Changes are still found, and so are removed items.
    let (daemon, _admin) = crate::watching::spawn(&newsroom, newsroom.command());
    newsroom.write("content/news/message.xml", message(&[one, ("3", "Tide", "usable")]));
    daemon.wait("the message has changed", |daemon| {
        let feed = daemon.body("/news/feed.json");
        feed.contains("Text of Tide.") && !feed.contains("Text of Crane.")
    });
    assert!(daemon.stop());
    newsroom.age("content/news/message.xml");
    check(1.0, ["Ferry", "Tide"]);
    check(0.0, ["Ferry", "Tide"]);
}
