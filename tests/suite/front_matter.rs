//! What becomes of files whose front matter is written in unusual ways, or damaged. The text of each has a word that must not be seen unless
//! the file is public.

use dateline::article::{ParseOptions, Parsed, parse};
use dateline::diag::Severity;
use dateline::types::ArticlePath;
use jiff::tz::TimeZone;

use self::Outcome::{Draft, Public, Refused, Withheld};

fn options() -> ParseOptions {
    ParseOptions {
        root: "content".into(),
        timezone: TimeZone::get("Asia/Shanghai").expect("bundled"),
        charset: None,
        wire_labels: Vec::new(),
        max_size: 8 * 1024 * 1024,
    }
}

/// What readers get of a file, where an earlier version of it was public.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Outcome {
    /// This version.
    Public,
    /// Nothing, since the file says so.
    Draft,
    /// Nothing, since the file may have been meant to say so.
    Withheld,
    /// The earlier version.
    Refused,
}

fn outcome(parsed: &Parsed) -> Outcome {
    match &parsed.article {
        Some(article) if article.metadata.draft => Draft,
        Some(_) => Public,
        None if parsed.withhold => Withheld,
        None => Refused,
    }
}

fn read(path: &str, text: &str) -> Parsed {
    let parsed = parse(&ArticlePath::new(path), text.as_bytes(), &options());
    let is_refused = parsed.diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error);
    let quotes = parsed.diagnostics.iter().any(|told| told.place.as_ref().is_some_and(|place| place.excerpt.is_some()));
    assert!(!(parsed.withhold && quotes), "nothing is quoted of a withheld file:\n{text}\n{parsed:#?}");
    assert_eq!(
        parsed.article.is_none(),
        is_refused,
        "an error refuses a file, a warning doesn't:\n{text}\n{parsed:#?}"
    );
    parsed
}

#[test]
fn keys_and_switches_have_many_spellings() {
    for (line, expected) in [
        ("Draft: true", Draft),
        ("DRAFT: \"yes\"", Draft),
        ("draft: 1", Draft),
        ("DrAfT: True", Draft),
        ("\"draft\": true", Draft),
        ("“draft”: true", Draft),
        ("ｄｒａｆｔ: ｔｒｕｅ", Draft),
        ("dr\u{200b}aft: true", Draft),
        ("draft: false", Public),
        ("draft: \"No\"", Public),
        ("draft: 0", Public),
        ("draft: null", Public),
        ("draft:", Withheld),
        ("draft: maybe", Withheld),
        ("draft: ja", Withheld),
        ("draft: [true]", Withheld),
        ("draft: true\nDraft: false", Withheld),
        ("draft: true\nimage: javascript:x", Withheld),
        ("image: javascript:x", Refused),
        ("Published: false", Draft),
        ("Status: Draft", Draft),
        ("drfat: true", Withheld),
        ("drafts: true", Withheld),
        ("drat: yes", Withheld),
        ("Drafft: maybe", Withheld),
        ("drafts: false", Public),
        ("craft: beer", Public),
        ("embago: 2030-01-01", Withheld),
        ("expiers: 2020-01-01", Withheld),
        ("statsu: draft", Withheld),
        ("statsu: published", Refused),
        ("stats: 7", Public),
        ("publised: false", Withheld),
        ("publishes: true", Public),
        ("publisher: The Courier", Public),
        ("feeds: sometimes", Withheld),
        ("feds: no", Withheld),
    ] {
        let text = format!("---\ntitle: Quay\ndate: 2026-11-20\n{line}\n---\n\nCanary.\n");
        let parsed = read("news/a.md", &text);
        assert_eq!(outcome(&parsed), expected, "{line}: {:#?}", parsed.diagnostics);
    }
}

#[test]
fn keys_are_read_in_any_letter_case() {
    let text = "---\nTITLE: Quay\nDate: 2026-11-20\nID: tag:x.example,2026:1\nFeeds: False\nTags: [a]\nAuthor: {Name: Ann}\n\
                Image: {URL: q.png, ALT: A quay}\nMedia: [{Url: a.mp3, Length: 7}]\nSource: {Name: S, Feed: \"https://s.example/\"}\n---\nx\n";
    let parsed = read("news/a.md", text);
    let metadata = parsed.article.expect("an article").metadata;
    assert!(parsed.diagnostics.is_empty(), "{:?}", parsed.diagnostics);
    assert_eq!(metadata.title.as_str(), "Quay");
    assert_eq!(metadata.id.as_ref().map(ToString::to_string).as_deref(), Some("tag:x.example,2026:1"));
    assert!(!metadata.in_feeds);
    assert_eq!((metadata.tags.len(), metadata.authors.len(), metadata.media.len()), (1, 1, 1));
    let image = metadata.image.as_ref().expect("an image");
    assert_eq!((image.files.len(), image.alt.as_ref().map(|alt| alt.as_str())), (1, Some("A quay")));
    assert!(metadata.source_feed.is_some());
}

#[test]
fn folder_of_drafts_is_never_public() {
    for (path, text, expected) in [
        ("_drafts/a.md", "---\ntitle: Quay\ndate: 2026-11-20\ndraft: false\n---\nCanary.\n", Draft),
        ("news/_drafts/a.html", "<title>T</title><article><p>Canary</p></article>", Draft),
        ("news/_Drafts/deep/a.txt", "Canary\n\nSource: S | 2026-11-20 10:00\n\nText.\n", Draft),
        ("_drafts/a.md", "---\ntitle: [\n---\nCanary.\n", Withheld),
        ("_drafts/a.md", "", Withheld),
        ("drafts/a.md", "---\ntitle: Quay\ndate: 2026-11-20\n---\nx\n", Public),
        ("news/a.md", "---\ntitle: Quay\ndate: 2026-11-20\nimage: ../_drafts/q.png\n---\nx\n", Refused),
    ] {
        assert_eq!(outcome(&read(path, text)), expected, "{path}");
    }
}
