//! Front matter that is written in unusual ways, or damaged. Each text has a word that mustn't be exposed unless the article is public.
//!
//! Long because it is a list of cases.

use dateline::article::{ParseOptions, Parsed, parse};
use dateline::diagnostics::Severity;
use dateline::types::ArticlePath;
use jiff::tz::TimeZone;

use crate::newsroom::{Newsroom, printed};

use crate::front_matter_invariant;
use proptest::prelude::*;

use self::Outcome::{Draft, Public, Refused, Withheld};

fn options() -> ParseOptions {
    ParseOptions::new("content", TimeZone::get("Asia/Shanghai").expect("bundled"))
}

/// The version that readers see after a new version of a public article.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Outcome {
    /// This version.
    Public,
    /// Nothing, because the file says so.
    Draft,
    /// Nothing, because the file may have been meant to say so.
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
    let quotes =
        parsed.diagnostics.iter().any(|reported| reported.place.as_ref().is_some_and(|place| place.excerpt.is_some()));
    assert!(!(parsed.withhold && quotes), "nothing is quoted of a withheld file:\n{text}\n{parsed:#?}");
    assert_eq!(
        parsed.article.is_none() && parsed.ignored.is_none(),
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
        ("draft: ja", Draft),
        ("draft: vielleicht", Withheld),
        ("draft: [true]", Withheld),
        ("draft: true\nDraft: false", Withheld),
        ("draft: true\nimage: javascript:x", Draft),
        ("image: javascript:x", Public),
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
        ("news/a.md", "---\ntitle: Quay\ndate: 2026-11-20\nimage: ../_drafts/q.png\n---\nx\n", Public),
    ] {
        assert_eq!(outcome(&read(path, text)), expected, "{path}");
    }
}

/// First lines that count as an opening fence besides `---`.
#[test]
fn fences_of_other_tools_are_read() {
    let yaml = "title: Quay\ndate: 2026-11-20\ndraft: true";
    let toml = "title = \"Quay\"\ndate = 2026-11-20\ndraft = true";
    let json = "{\"title\": \"Quay\", \"date\": \"2026-11-20\",\n  \"draft\": true}";
    let bare = "\"title\": \"Quay\",\n\"date\": \"2026-11-20\",\n\"draft\": true";
    let mut cases: Vec<(String, &str)> = Vec::new();
    for before in [
        "",
        "\u{feff}",
        " ",
        "\n",
        "\r\n\r\n",
        "\t",
        "\u{a0}",
        "\u{200b}",
        "\u{2060}",
        "\u{ad}",
        "\u{200e}",
        "\u{202a}",
        "\u{feff}\u{feff}",
        "\n \u{feff}\u{200b}\n  ",
        "\0",
    ] {
        cases.push((format!("{before}---\n{yaml}\n---\nCanary.\n"), "Canary."));
    }
    for (opening, keys, closing) in [
        ("---yaml", yaml, "---"),
        ("--- yaml", yaml, "---"),
        ("---YML", yaml, "..."),
        ("---  ", yaml, "---\t "),
        ("--- # keys", yaml, "--- # text"),
        ("-\u{200b}--", yaml, "---\u{feff}"),
        ("%YAML 1.2\n---", yaml, "---"),
        ("---toml", toml, "---"),
        ("--- toml", toml, "---"),
        ("+++", toml, "+++"),
        ("+++ toml", toml, "+++"),
        ("---json", json, "---"),
        (";;;", json, ";;;"),
        (";;;", bare, ";;;"),
        (";;;json", bare, ";;;"),
        ("---", json, "---"),
        ("\u{feff}", json, ""),
        ("", json, "\n"),
    ] {
        cases.push((format!("{opening}\n{keys}\n{closing}\nCanary.\n"), "Canary."));
    }
    for end in ["\r\n", "\r", "\u{85}", "\u{2028}"] {
        for (fence, keys) in [("---", yaml), ("+++", toml), (";;;", bare)] {
            cases.push((format!("{fence}\n{keys}\n{fence}\nCanary.").replace('\n', end), "Canary."));
        }
    }
    for (text, body) in &cases {
        for extension in ["md", "html", "txt"] {
            let path = format!("news/a.{extension}");
            let parsed = read(&path, text);
            assert_eq!(outcome(&parsed), Draft, "{path}: {text:?}: {:#?}", parsed.diagnostics);
            let public = read(&path, &text.replace("true", "false"));
            assert_eq!(outcome(&public), Public, "{path}: {text:?}: {:#?}", public.diagnostics);
            let article = public.article.expect("an article");
            assert_eq!(article.metadata.title.as_str(), "Quay", "{path}: {text:?}");
            let shown = format!("{:?}", article.body.expect("a body"));
            assert!(
                shown.contains(body) && !shown.contains("Quay") && !shown.contains("draft"),
                "{path}: {text:?}: {shown}"
            );
        }
    }
}

/// Damaged front matter is never published as text.
#[test]
fn damaged_front_matter_is_refused() {
    let openings = [
        "—-",
        "-—",
        "--",
        "–",
        "—",
        "———",
        "----",
        "-----------",
        "- - -",
        "−−−",
        "―――",
        "───",
        "━━━",
        "═══",
        "－－－",
        "ーーー",
        "一一一",
        "‐‐‐",
        "⸺",
        "﹣﹣﹣",
        "++",
        "++++",
        "＋＋＋",
        "-+-",
        "---js",
        "---javascript",
        "--- coffee",
        "—-yaml",
        "---foo",
        "---.",
        "--->",
        "-\u{200b}-",
        "\u{feff}—-",
        "  --",
        "---|---",
        "= yaml =",
        "```yaml",
        "~~~",
        "***",
        "<!--",
        "# Quay\n\n---",
    ];
    let withheld = [
        "draft: true",
        "published: false",
        "status: draft",
        "expires: 2020-01-01",
        "embargo: 2030-01-01",
        "drfat: true",
        "draft=true",
        "Draft：yes",
    ];
    for opening in openings {
        for line in withheld {
            for closing in ["---", opening, "", "+++"] {
                for extension in ["md", "html", "txt"] {
                    let text = format!("{opening}\ntitle: Canary\n{line}\n{closing}\n\n# Canary\n\nCanary.\n");
                    // These are labels of wire text, which withhold by themselves.
                    let says_so = extension == "txt"
                        && ["status", "expires", "embargo"].iter().any(|label| line.starts_with(label));
                    let parsed = read(&format!("news/a.{extension}"), &text);
                    let reported = outcome(&parsed);
                    let kept = reported == Withheld || reported == Draft || (says_so && is_kept_by_wire(&parsed));
                    assert!(kept, "{extension}: {reported:?}: {text}");
                }
            }
        }
    }
    // None of these can have been meant to withhold, so the last good version stays.
    for opening in ["—-", "--", "————", "++", "---js", "-+-"] {
        for extension in ["md", "html"] {
            let parsed = read(
                &format!("news/a.{extension}"),
                &format!("{opening}\ntitle: Canary\ndate: 2026-11-20\n---\n\nCanary.\n"),
            );
            assert_eq!(outcome(&parsed), Refused, "{opening}");
            let reported = &parsed.diagnostics[0];
            assert_eq!(reported.place.as_ref().map(|place| (place.line, place.column)), Some((1, 1)), "{opening}");
            assert!(!format!("{reported:?}").contains("Canary"), "{reported:?}");
        }
    }
}

/// Whether a wire text is withheld for ever, or outside its stated times.
fn is_kept_by_wire(parsed: &Parsed) -> bool {
    parsed.article.as_ref().is_some_and(|article| {
        article.metadata.draft || article.metadata.embargo.is_some() || article.metadata.expires.is_some()
    })
}

#[test]
fn closing_fence_decides_what_is_text() {
    for (text, expected) in [
        ("---\ntitle: Quay\ndraft: true\n\nCanary.\n", Withheld),
        ("---\ntitle: Quay\ndraft: true\n—-\n\nCanary.\n", Withheld),
        ("---\ntitle: Quay\ndraft: true\n+++\n\nCanary.\n\n---\n\nCanary: x\n", Withheld),
        ("+++\ntitle = \"Quay\"\ndraft = true\n---\n\nCanary.\n", Withheld),
        ("---\ntitle = \"Quay\"\ndraft = true\n---\n\nCanary.\n", Withheld),
        ("+++\ntitle: Quay\ndraft: true\n+++\n\nCanary.\n", Withheld),
        (";;;\n\"title\": \"Quay\",\n\"draft\": true\n\nCanary.\n", Withheld),
        ("{\"title\": \"Quay\",\n\"draft\": true\n\nCanary.\n", Withheld),
        ("{\"title\": \"Quay\", \"draft\": true,}}\n\nCanary.\n", Draft),
        ("{title: \"Quay\", draft: true}\n\nCanary.\n", Withheld),
        ("{“title”: “Quay”, “draft”: true}\n\nCanary.\n", Withheld),
        ("--- title: Quay\ndraft: true\n---\nCanary.\n", Withheld),
        ("---\ntitle: Quay\ndate: 2026-11-20\n---\n---\ndraft: true\n---\nCanary.\n", Withheld),
        ("---\ntitle: Quay\ndate: 2026-11-20\n---\n\n—-\nstatus: draft\n---\nCanary.\n", Withheld),
        ("---\n---\ntitle: Canary\ndraft: true\n---\nCanary.\n", Withheld),
        ("---\ntitle: Quay\ndate: 2026-11-20\n---\ndraft: true\n---\nCanary.\n", Withheld),
        ("---\ntitle: Quay\ndate: 2026-11-20\n---\nlayout: post\nstatus: draft\n+++\nCanary.\n", Withheld),
        ("---\ntitle: Quay\ndate: 2026-11-20\n---\nNote: a draft\n---\nText.\n", Public),
        ("---\ntitle: Quay\n  draft:true\ndate: 2026-11-20\n---\nCanary.\n", Withheld),
        ("---\ndate: 2026-11-20\ntitle: |\n  Quay\n  draft: true\n---\nCanary.\n", Withheld),
        ("---\ntitle: Quay\ndraft:true\n---\nCanary.\n", Withheld),
        ("---\ntitle: Quay\ndraft：true\n---\nCanary.\n", Withheld),
        ("title: Quay\ndraft: true\n---\n\nCanary.\n", Withheld),
        ("title: Quay\ndate: 2026-11-20\n\n# Quay\n\nText.\n", Public),
        ("draft: true\n\n# Quay\n\nCanary.\n", Withheld),
        ("# Quay\n\ndraft: true\n\nCanary.\n", Withheld),
        ("<!-- draft: true -->\n\n# Quay\n\nCanary.\n", Withheld),
        ("#+DRAFT: true\n\n# Quay\n\nCanary.\n", Withheld),
        (":draft: true\n\n# Quay\n\nCanary.\n", Withheld),
        (
            "---\ntitle: Quay\ndate: 2026-11-20\n---\n\nThe page on drafts says what this line means.\n\nStatus: draft\n\nText.\n",
            Public,
        ),
        // At the top, it is a note to editors.
        ("---\ntitle: Quay\ndate: 2026-11-20\n---\n\nStatus: draft\n\nText.\n", Draft),
        ("---\ntitle: Quay\ndate: 2026-11-20\n---\n\n---\n\nText: text.\n", Public),
        ("---\n\n# Quay\n\nNote: the ferry returned.\n", Public),
        ("---\n\nNote: the ferry returned.\n\n---\n\n# Quay\n", Refused),
        ("---\n\n# Quay\n\nNote: it returned.\n\n---\n\nAnd: it left.\n", Public),
        ("---\n- a\n- b\n---\n\n# Quay\n", Refused),
        ("----------\n\n# Quay\n\nNote: the ferry returned.\n", Public),
        ("***\n\n# Quay\n\nSource: the harbour.\n", Public),
        ("# Quay\n\nNote: text\n---\n\nMore.\n", Public),
        ("# Quay\n\n| a | b |\n|---|---|\n| title: x | y |\n", Public),
        ("# Quay\n\n- draft: the first one\n- Status: open\n", Public),
        ("# Quay\n\nStatus: open for traffic\n", Public),
        ("# Quay\n\nHold: the line stays.\nEmbargo: none\n", Public),
        ("—-\ntitle: Quay\nrelease_date: 2030-01-01\n---\nCanary.\n", Withheld),
        ("—-\ntitle: Quay\nextra:\n  embargo: 2030-01-01\n---\nCanary.\n", Withheld),
        ("—-\ntitle: Quay\nisDraft: true\n---\nCanary.\n", Withheld),
        ("—-\ntitle: Quay\nvisibility: members\n---\nCanary.\n", Withheld),
        ("—-\ntitle: Quay\npassword: x\n---\nCanary.\n", Withheld),
        ("# The embargo: a history\n\nText.\n", Public),
        ("{{< figure >}}\n\n# Quay\n", Refused),
        ("---\nlayout: post\n---\n# Quay\n", Public),
        ("---\nsomething: else\n---\n# Quay\n", Public),
        ("---\n---\n# Quay\n", Public),
        ("---\ntitle: Quay\ndate: 2026-11-20\n# draft: true\n---\nText.\n", Public),
        ("# Draft: true\n\nText.\n", Public),
    ] {
        let parsed = read("news/a.md", text);
        assert_eq!(outcome(&parsed), expected, "{text}\n{:#?}", parsed.diagnostics);
        let reported = format!("{:?}", parsed.diagnostics);
        assert!(expected == Public || !reported.contains("Canary"), "{reported}");
    }
}

#[test]
fn displaced_front_matter_withholds_page() {
    for (text, expected) in [
        ("<html><body>\n---\ntitle: Canary\ndraft: true\n---\n<h1>Canary</h1>", Withheld),
        ("<html><body><p>—-</p><p>title: Canary</p>\n<p>draft: true</p><h1>Canary</h1>", Withheld),
        ("<?xml version=\"1.0\"?>\n---\ntitle: Canary\ndraft: true\n---\n<h1>Canary</h1>", Withheld),
        ("---\ntitle: Quay\n---\nstatus: draft\n---\n<p>Canary.</p>", Withheld),
        ("---\ntitle: Quay\n---\n<body>\n---\ndraft: true\n---\n<p>Canary.</p>", Withheld),
        ("<title>Quay</title><article><p>—</p><p>Ships return.</p><p>Note: all of them.</p></article>", Public),
        (
            "<title>Quay</title><article><p>Write this above a text to keep it.</p><pre>\n---\ndraft: true\n---\n</pre></article>",
            Public,
        ),
    ] {
        let parsed = read("news/a.html", text);
        assert_eq!(outcome(&parsed), expected, "{text}\n{:#?}", parsed.diagnostics);
    }
}

#[test]
fn javascript_front_matter_withholds_article() {
    for statements in [
        "const title = \"Canary\";\nconst draft = true;",
        "let draft = true",
        "var title = 'Canary'; var draft = true;",
        "export const draft = true;",
        "module.exports = { title: \"Canary\", draft: true };",
        "return { title: \"Canary\", status: \"draft\" }",
        "{ title: \"Canary\", draft: true }",
    ] {
        for language in ["js", "javascript", "ts"] {
            for extension in ["md", "html", "txt"] {
                let text = format!("---{language}\n{statements}\n---\n\nCanary.\n");
                let parsed = read(&format!("news/a.{extension}"), &text);
                assert_eq!(outcome(&parsed), Withheld, "{extension}: {text}\n{:#?}", parsed.diagnostics);
            }
        }
    }
}

#[test]
fn wire_text_may_begin_with_horizontal_rule() {
    let labels = "Title: Ships return\nSource: Agency | Date: 2026-11-20 10:00 | Author: Ann Lee\n";
    let text =
        "The ships returned to the harbour on Friday, and the nurses, bakers and one saxophonist were aboard again.\n";
    for rule in ["----------", "---", "—————", "==========", "+++", "***"] {
        let parsed = read("news/a.txt", &format!("{rule}\n{labels}{rule}\n\n{text}"));
        let article = parsed.article.unwrap_or_else(|| panic!("{rule}: {:#?}", parsed.diagnostics));
        assert_eq!(article.metadata.title.as_str(), "Ships return", "{rule}");
        assert!(article.metadata.published.is_some(), "{rule}");
        assert!(!format!("{:?}", article.body).contains(rule), "{rule}: {:?}", article.body);
    }
}

/// Output of other YAML, TOML and JSON writers: the lines, and the title in them.
#[test]
fn valid_front_matter_is_read() {
    for (keys, title) in [
        ("title:\tQuay", "Quay"),
        ("title:\t\t\"Quay\"\t\ntags:\n-\ta\n-\tb", "Quay"),
        ("title:\t'Quay'\t# a comment", "Quay"),
        ("title:\u{a0}Quay", "Quay"),
        ("title:\u{3000}Quay", "Quay"),
        ("title: \"Quay \\uD83D\\uDE80 \\u6E2F\"", "Quay 🚀 港"),
        ("{\"title\":\"\\ud83d\\ude80\\ud83d\\ude80\"}", "🚀🚀"),
        ("title: \"Quay \\uD83D\"", "Quay \u{fffd}"),
        ("title: 'C:\\uD83D\\uDE80'", "C:\\uD83D\\uDE80"),
        ("title: \"\\\\uD83D \\uD83D\\uDE80\"", "\\uD83D 🚀"),
        ("title: \"\\uE03D \\uD83D\\uDE80\"", "\u{e03d} 🚀"),
        ("title: \"a\\/b\"", "a/b"),
        ("title: \"Quay\\x21\"", "Quay!"),
        ("title: &anchor Quay", "Quay"),
        ("title: !!str Quay", "Quay"),
        ("title: \"two\n  lines\"", "two lines"),
        ("title: two\n  lines", "two lines"),
        ("title: >-\n  two\n  lines", "two lines"),
        ("? title\n: Quay", "Quay"),
        ("{title: Quay, date: 2026-11-20}", "Quay"),
        ("标题: 桥\ntitle: Quay", "Quay"),
        ("title: Quay\ntitle: Quay", "Quay"),
        ("title: Quay   ", "Quay"),
        ("  title: Quay\n  date: 2026-11-20", "Quay"),
        ("# a comment\n\ntitle: Quay\n\n\n", "Quay"),
        ("title: 50% off @ 7 & more", "50% off @ 7 & more"),
        ("title: Quay\u{7}", "Quay"),
        ("title: Qu\u{92}ay", "Quay"),
        ("\u{feff}title: Quay", "Quay"),
        ("title: Quay\nnote: a\u{feff}b", "Quay"),
        ("title: Quay\nbase: &b\n  x: 1", "Quay"),
    ] {
        for end in ["\n", "\r\n"] {
            let text = format!("---\n{keys}\n---\n\nText.\n").replace('\n', end);
            let parsed = read("news/a.md", &text);
            let article = parsed.article.unwrap_or_else(|| panic!("{text:?}: {:#?}", parsed.diagnostics));
            assert_eq!(article.metadata.title.as_str(), title, "{text:?}");
        }
    }
    let long = "word ".repeat(20_000);
    let parsed =
        read("news/a.md", &format!("---\ntitle: Quay\nnote: {long}\n\"{}\": x\n---\nText.\n", "k".repeat(900)));
    assert_eq!(outcome(&parsed), Public, "{:?}", parsed.diagnostics.first().map(|reported| &reported.message));
}

/// Diagnostics point at the right place in the file, also if the front matter was repaired before it was parsed.
#[test]
fn repaired_front_matter_keeps_line_numbers() {
    for (text, line, column, marked) in [
        ("---\ntitle:\tQuay\ndate: 2026-02-30\n---\nx\n", 3, 7, "2026-02-30"),
        ("---\ntitle: \"\\uD83D\\uDE80 港\"\ndate: 2026-02-30\n---\nx\n", 3, 7, "2026-02-30"),
        (";;;\n\"title\": \"港\",\n\"date\": \"2026-02-30\"\n;;;\nx\n", 3, 9, "\"2026-02-30\""),
        ("\u{feff}{\"title\": \"港\",\n \"date\": \"2026-02-30\"}\nx\n", 2, 10, "\"2026-02-30\""),
    ] {
        let parsed = read("news/a.md", text);
        let place = parsed.diagnostics[0].place.clone().expect("a place");
        let excerpt = place.excerpt.expect("an excerpt");
        assert_eq!(
            (place.line, place.column, &excerpt.text[excerpt.start..excerpt.end]),
            (line, column, marked),
            "{text}"
        );
    }
}

/// With the real binary: no document, page or message has a word of a file that may have been meant to be withheld.
#[test]
fn build_leaks_nothing_of_damaged_files() {
    let newsroom = Newsroom::new();
    newsroom.article("news/public.md", "The harbour is open", "Everybody may read this.");
    let withheld = [
        "—-\ntitle: Canary\ndraft: true\n---\n\nCanary.\n",
        "--\ntitle: Canary\npublished: false\n---\n\nCanary.\n",
        "–––\ntitle: Canary\nstatus: draft\n–––\n\nCanary.\n",
        "---js\ntitle: 'Canary',\ndraft: true\n---\n\nCanary.\n",
        "————\ntitle: Canary\nexpires: 2020-01-01\n————\n\nCanary.\n",
        "---\ntitle: Canary\ndraft: true\n—-\n\nCanary.\n",
        "---\ntitle: Canary\ndrfat: true\n---\n\nCanary.\n",
        "---\ntitle: Canary\ndraft: perhaps\n---\n\nCanary.\n",
        "+++\ntitle = \"Canary\"\ndraft = true\n---\n\nCanary.\n",
        "---\ntitle: Canary\nDRAFT: \"yes\"\n---\n<h1>Canary</h1><p>Canary.</p>\n",
        "\u{feff}\n---yaml\ntitle: Canary\ndraft: true\n---\n<h1>Canary</h1><p>Canary.</p>\n",
        ";;;\n\"title\": \"Canary\", \"draft\": true\n;;;\nCanary.\n",
        "{\"title\": \"Canary\", \"draft\": true}\nCanary.\n",
        "# Canary\n\n---\ndraft: true\n---\n\nCanary.\n",
        "---\ntitle: Canary\n---\n---\ndraft: true\n---\n\nCanary.\n",
        "title: Canary\ndraft: true\n\nCanary.\n",
    ];
    for (number, text) in withheld.iter().enumerate() {
        for extension in ["md", "html", "txt"] {
            newsroom.write(&format!("content/news/secret-{number}.{extension}"), text);
        }
    }
    newsroom.write("content/news/_Drafts/canary.md", "---\ntitle: Canary\ndate: 2026-11-20\n---\nCanary.\n");
    let output = newsroom.build("out");
    assert!(!printed(&output).contains("Canary"), "{}", printed(&output));
    assert!(
        printed(&output).contains("put all keys between the first two fences"),
        "the fix is named: {}",
        printed(&output)
    );
    let mut documents = 0;
    let mut folders = vec![newsroom.path("out")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = std::fs::read_to_string(&path).expect("a document");
            assert!(!text.contains("Canary") && !text.contains("secret-"), "{}: {text}", path.display());
            documents += usize::from(text.contains("The harbour is open"));
        }
    }
    assert!(documents >= 3, "{documents} documents have what is public\n{}", printed(&output));
}

#[test]
fn undecodable_file_withholds_if_its_head_says_so() {
    let withheld = b"---\ntitle: Canary\ndraft: true\n---\n";
    let public = b"---\ntitle: Canary\ndraft: false\n---\n";
    let damaged = ["港口的船回来了，大家都高兴。".as_bytes(), b"\xff"].concat();
    let bytes: [(&str, &[u8]); 3] =
        [("a byte that is not UTF-8", &damaged), ("NULs", &[0; 4000]), ("too much", &[b'x'; 9 << 20])];
    for (name, rest) in bytes {
        for (head, expected) in [(&withheld[..], Withheld), (&public[..], Refused)] {
            let parsed = parse(&ArticlePath::new("news/a.html"), &[head, rest].concat(), &options());
            assert_eq!(outcome(&parsed), expected, "{name}: {:?}", parsed.diagnostics);
            assert!(expected == Refused || !format!("{:?}", parsed.diagnostics).contains("Canary"), "{name}");
        }
    }
}

/// Lines around a withholding line.
fn any_line() -> impl Strategy<Value = String> {
    let known = prop::sample::select(vec![
        "---",
        "—-",
        "--",
        "+++",
        ";;;",
        "{",
        "---js",
        "--- #",
        "<!--",
        "```yaml",
        "***",
        "%YAML 1.2",
        "...",
        "\u{feff}---",
        "  ---",
        "title: x",
        "x: |",
        "x: \"",
        "x: '''",
        "a = [",
        "- a",
        "# Quay",
        "Quay",
        "Related:",
        "Source: S | Date: 2026-11-20",
        "date: 2026-11-20",
        "[extra]",
        "&a",
        "? ",
    ]);
    prop_oneof![3 => known.prop_map(str::to_owned), 1 => "\\PC{0,12}", 1 => "[-–—+=:;#{}\"' \u{200b}a]{0,8}"]
}

fn cases() -> u32 {
    std::env::var("FRONT_MATTER_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(3_000)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn withholding_line_is_never_text(choice: u8, lines in prop::collection::vec(any_line(), 0..4)) {
        front_matter_invariant::check(&[&[choice], lines.join("\n").as_bytes()].concat());
    }
}

/// A megabyte of any input takes about as long per byte as an article.
#[test]
fn parsing_time_is_linear_in_size() {
    let head = "---\ntitle: Quay\n";
    for text in [
        "—-\n".repeat(60_000),
        "\u{200b}".repeat(100_000),
        format!("{head}{}---\n", "draft: false\n".repeat(20_000)),
        format!("{head}{}---\n", (0..20_000).map(|n| format!("embargo{n}: 2026-01-01\n")).collect::<String>()),
        format!("{head}x: |\n{}---\n", "  note: true\n".repeat(20_000)),
        format!("{head}x: \"{}\"\n---\n", "\\uD83D\\uDE80".repeat(20_000)),
        format!("{head}港:\t{}\n---\n", "港".repeat(100_000)),
        format!("+++\n{}+++\n", (0..20_000).map(|n| format!("k{n} = 1\n")).collect::<String>()),
        "{".repeat(300_000),
        format!("{{\"title\": {}", "[".repeat(300_000)),
        format!(";;;\n{}\n;;;\n", "\"a\": 1,".repeat(100_000)),
        "a: ".repeat(100_000),
        format!("--- {}", "title: ".repeat(100_000)),
    ] {
        let started = std::time::Instant::now();
        read("news/a.md", &text);
        assert!(started.elapsed().as_secs() < 60, "{:?} took {:?}", text.get(..40), started.elapsed());
    }
}
