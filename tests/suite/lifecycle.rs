//! Publication times, corrections and retractions of articles, in each of the three formats.

use std::fmt::Write as _;

use dateline::article::{ParseOptions, WireField, parse_with_origins};
use dateline::types::{ArticlePath, Text};
use jiff::tz::TimeZone;

/// Describes the times, corrections and retraction of an article; diagnostic codes and `withheld` if the file is refused.
fn described(name: &str, text: &str) -> String {
    let options = ParseOptions {
        wire_labels: vec![(Text::new("Sperrfrist"), WireField::Embargo), (Text::new("Gesperrt"), WireField::Status)],
        max_size: 1_000_000,
        ..ParseOptions::new("content", TimeZone::get("Asia/Shanghai").expect("bundled"))
    };
    let parsed = parse_with_origins(&ArticlePath::new(name), text.as_bytes(), &options);
    let mut described = String::new();
    if let Some(article) = &parsed.article {
        let metadata = &article.metadata;
        for (name, moment) in
            [("date", metadata.published), ("embargo", metadata.embargo), ("expires", metadata.expires)]
        {
            if let Some(moment) = moment {
                write!(described, "{name} {} ", moment.rfc3339().replace(":00+08:00", "").replace(":00+00:00", "Z"))
                    .expect("a string");
                let noted = parsed.origins.iter().any(|origin| origin.field == name);
                assert!(noted, "{text}: nothing says where `{name}` came from");
            }
        }
        if metadata.draft {
            described.push_str("draft ");
        }
        if let Some(retraction) = &metadata.retracted {
            let reason = retraction.reason.as_ref().map_or("", Text::as_str);
            write!(described, "retracted [{reason}] {} ", metadata.title).expect("a string");
        }
        for correction in &metadata.corrections {
            let date = correction.date.rfc3339().replace(":00+08:00", "");
            write!(described, "[{date} {}] ", correction.text.as_ref().expect("a text")).expect("a string");
        }
    }
    for diagnostic in &parsed.diagnostics {
        write!(described, "{} ", diagnostic.code).expect("a string");
    }
    if parsed.withhold {
        described.push_str("withheld");
    }
    described.trim_end().to_owned()
}

#[test]
fn front_matter_sets_publication_times() {
    const DATE: &str = "date 2026-11-20T10:00";
    for (keys, expected) in [
        ("embargo: 2026-12-01 09:30", "embargo 2026-12-01T09:30"),
        ("Embargo: 2026-12-01T09:30:00Z", "embargo 2026-12-01T09:30Z"),
        ("embargo_until: 2026-12-01", "embargo 2026-12-01T00:00"),
        ("embargo: 10:00 GMT, 24 November 2026", "embargo 2026-11-24T10:00Z"),
        // Of several dates, the latest start and the earliest end count.
        ("embargo: 2026-12-02\nembargoed-until: 2026-12-01", "embargo 2026-12-02T00:00"),
        ("publishDate: 2026-12-01", "embargo 2026-12-01T00:00"),
        ("PubDate: 2026-12-01", "embargo 2026-12-01T00:00"),
        ("date_published: 2026-11-01", "embargo 2026-11-01T00:00"),
        ("expires: 2026-12-01", "expires 2026-12-01T00:00"),
        ("expiryDate: 2026-12-01", "expires 2026-12-01T00:00"),
        ("unpublishDate: 2026-12-01", "expires 2026-12-01T00:00"),
        ("unpublish_date: 2026-12-01", "expires 2026-12-01T00:00"),
        ("expires: 2026-12-02\nexpiry_date: 2026-12-01", "expires 2026-12-01T00:00"),
        ("published: true", ""),
        ("published: false", "draft"),
        ("publish: no", "draft"),
        ("status: Published", ""),
        ("status: publish", ""),
        ("status: final", ""),
        ("status: LIVE", ""),
        ("status: draft", "draft"),
        ("status: pending", "draft"),
        // One of the two keys is enough.
        ("status: draft\ndraft: false", "draft"),
        ("status: published\ndraft: true", "draft"),
        ("status: retracted", "retracted [] Quay"),
        ("status: Withdrawn", "retracted [] Quay"),
        ("status: killed\nreason: \"The\\nsource lied.\"", "retracted [The source lied.] Quay"),
        ("reason: The source lied.", ""),
        (
            "corrections:\n- {date: 2026-11-22, text: B}\n- {date: 2026-11-21 08:00, text: A}\n- {date: 2026-11-22, text: A}",
            "[2026-11-21T08:00 A] [2026-11-22T00:00 B] [2026-11-22T00:00 A]",
        ),
        ("correction: {date: 2026-11-22, text: \"B\\n b\"}", "[2026-11-22T00:00 B b]"),
        ("corrections: []", ""),
        // Similar keys with other meanings.
        ("data: x\nday: y\nstate: Bavaria\npublisher: z\nexcerpt: e\nupdate: 1", "front-matter-near-miss"),
    ] {
        let text = format!("---\ntitle: Quay\ndate: 2026-11-20 10:00\n{keys}\n---\n\nBody.\n");
        assert_eq!(described("a.md", &text), format!("{DATE} {expected}").trim_end(), "{keys}");
    }
}

#[test]
fn date_keys_of_other_tools_are_read() {
    for (keys, expected) in [
        ("publishDate: 2026-11-20", "date 2026-11-20T00:00"),
        ("PUBDATE: 2026-11-20", "date 2026-11-20T00:00"),
        ("published: 2026-11-20", "date 2026-11-20T00:00"),
        ("date-published: 2026-11-20", "date 2026-11-20T00:00"),
        ("Date: 2026-11-20", "date 2026-11-20T00:00"),
        ("pubDate: 2026-11-20\npublishDate: 2026-11-22", "date 2026-11-20T00:00 embargo 2026-11-22T00:00"),
        ("publishDate: 2026-11-22\ndate: 2026-11-20", "date 2026-11-20T00:00 embargo 2026-11-22T00:00"),
    ] {
        let text = format!("---\ntitle: Quay\n{keys}\n---\n\nBody.\n");
        assert_eq!(described("a.md", &text), expected, "{keys}");
    }
    let toml = "+++\ntitle = \"Quay\"\ndate = 2026-11-20\nembargo = 2026-12-01T09:30:00\nexpires = 2026-12-02T00:00:00+00:00\n\
                [[corrections]]\ndate = 2026-11-21\ntext = \"A\"\n+++\n";
    assert_eq!(
        described("a.md", toml),
        "date 2026-11-20T00:00 embargo 2026-12-01T09:30 expires 2026-12-02T00:00Z [2026-11-21T00:00 A]"
    );
}

#[test]
fn misspelt_withholding_keys_withhold_article() {
    for (key, withheld) in [
        ("embago", true),
        ("embargos", true),
        ("Embarg", true),
        ("emabrgo", true),
        ("expire", true),
        ("expiry", true),
        ("expries", true),
        ("expiress", true),
        ("dat", false),
        ("dates", false),
        ("dtae", false),
        ("publishDat", true),
        ("expirationdat", true),
    ] {
        let text = format!("---\ntitle: Quay\ndate: 2026-11-20\n{key}: 2026-12-01\n---\n");
        let expected = if withheld { "article-lifecycle withheld" } else { "article-lifecycle" };
        // `embargos` is accepted, and its value is valid.
        let expected = if key == "embargos" { "date 2026-11-20T00:00 embargo 2026-12-01T00:00" } else { expected };
        assert_eq!(described("a.md", &text), expected, "{key}");
    }
}

#[test]
fn retraction_needs_no_other_keys() {
    assert_eq!(described("harbour/night-ferry.md", "---\nstatus: retracted\n---\n"), "retracted [] night-ferry");
    assert_eq!(
        described("2026-11-20-ferry.md", "---\nstatus: retracted\nreason: Untrue.\nslug: boat\n---\n"),
        "date 2026-11-20T00:00 retracted [Untrue.] boat"
    );
    assert_eq!(described("ferry.html", "<meta name='dateline:status' content=retracted>"), "retracted [] ferry");
    assert_eq!(described("ferry.txt", "Status: retracted\n"), "retracted [] ferry");
    // Other mistakes don't undo it.
    assert_eq!(described("ferry.md", "---\nstatus: retracted\ndate: soon\n---\n"), "article-date withheld");
    assert_eq!(described("ferry.md", "---\nstatus: retracted\ntitle: a: b\n---\n"), "front-matter withheld");
}

#[test]
fn corrections_are_limited_to_hundred() {
    let list = (0..150).map(|n| format!("- {{date: 2026-11-21, text: c{n}}}\n")).collect::<String>();
    let described = described("a.md", &format!("---\ntitle: Quay\ndate: 2026-11-20\ncorrections:\n{list}---\n"));
    assert_eq!(described.matches('[').count(), 100);
    assert!(described.contains("c99]") && described.ends_with("article-too-many"), "{described}");
}

#[test]
fn wire_text_sets_publication_times() {
    const DATE: &str = "date 2026-11-20T10:00";
    for (line, expected) in [
        ("Embargo: 2026-11-24 10:00", "embargo 2026-11-24T10:00"),
        ("EMBARGOED UNTIL: 24 November 2026", "embargo 2026-11-24T00:00"),
        ("Embargo: 10:00 GMT, 24 November 2026", "embargo 2026-11-24T10:00Z"),
        ("Embargo: 2026-11-24 10:00 | Editor: Ann Lee", "embargo 2026-11-24T10:00"),
        ("Not for release before: 2026-11-24", "embargo 2026-11-24T00:00"),
        ("发布限制：2026年11月24日 10:00", "embargo 2026-11-24T10:00"),
        ("禁发至：2026年11月24日", "embargo 2026-11-24T00:00"),
        ("Sperrfrist: 2026-11-24", "embargo 2026-11-24T00:00"),
        ("Embargo: 2026-11-24\nEmbargo: 2026-11-25", "embargo 2026-11-25T00:00"),
        ("EMBARGOED UNTIL 10:00 GMT, 24 November 2026", "embargo 2026-11-24T10:00Z"),
        ("*** EMBARGO UNTIL 24 November 2026 at 10:00 ***", "embargo 2026-11-24T10:00"),
        ("(Embargoed for release until 2026-11-24 10:00)", "embargo 2026-11-24T10:00"),
        ("STRICTLY EMBARGOED TO 2026-11-24", "embargo 2026-11-24T00:00"),
        ("Not for publication before 2026-11-24 10:00.", "embargo 2026-11-24T10:00"),
        ("禁发至2026年11月24日 10:00", "embargo 2026-11-24T10:00"),
        ("Editor: Ann Lee | EMBARGOED UNTIL 2026-11-24 10:00", "embargo 2026-11-24T10:00"),
        ("Expires: 2026-12-01", "expires 2026-12-01T00:00"),
        ("有效期至：2026-12-01 10:00", "expires 2026-12-01T10:00"),
        ("Status: draft", "draft"),
        ("状态：Retracted", "retracted [] Ships return"),
        ("Gesperrt: killed", "retracted [] Ships return"),
        ("Correction: 2026-11-23 10:00: The ship is longer.", "[2026-11-23T10:00 The ship is longer.]"),
        ("Correction: 2026-11-23 10:00:30: It is.", "[2026-11-23T10:00:30+08:00 It is.]"),
        ("Correction: 2026-11-23: At 9:00, not 8:00.", "[2026-11-23T00:00 At 9:00, not 8:00.]"),
        ("更正：2026年11月23日：船更长。", "[2026-11-23T00:00 船更长。]"),
        ("Correction: The ship is longer.", "[2026-11-20T10:00 The ship is longer.]"),
        ("Updated: 2026-11-22\nCorrection: The ship is longer.", "[2026-11-22T00:00 The ship is longer.]"),
    ] {
        let above = format!("Ships return\n\nDate: 2026-11-20 10:00\n{line}\n\nThe ships are back.\n");
        assert_eq!(described("a.txt", &above), format!("{DATE} {expected}"), "{line}");
        if line.contains("Editor") || line.contains("Updated") {
            continue;
        }
        let below = format!("Ships return\n\nDate: 2026-11-20 10:00\n\nThe ships are back.\n\n{line}\n");
        assert_eq!(described("a.txt", &below), format!("{DATE} {expected}"), "{line}");
    }
    let first = "EMBARGOED UNTIL 10:00 GMT, 24 November 2026\n\nShips return\n\nDate: 2026-11-20 10:00\n\nBack.\n";
    assert_eq!(described("a.txt", first), format!("{DATE} embargo 2026-11-24T10:00Z"));
}

#[test]
fn stories_about_embargoes_are_published() {
    for text in [
        "Embargo on Grain Ends\n\nDate: 2026-11-20 10:00\n\nThe ships are back.\n",
        "Title: Embargo Lifted\n\nDate: 2026-11-20 10:00\n\nThe ships are back.\n",
        "Ships return\n\nDate: 2026-11-20 10:00\n\nThe ships are back.\n\nEmbargoes rarely work, said Rao.\n",
        "Ships return\n\nDate: 2026-11-20 10:00\n\nThe ships are back.\n\nEmbargo or not, they sail.\n\nThat is all.\n",
        "Ships return\n\nDate: 2026-11-20 10:00\n\nEmbargoed goods worth forty million were found behind the old cannery, \
         the port office of the harbour said on Friday.\n",
    ] {
        assert_eq!(described("a.txt", text), "date 2026-11-20T10:00", "{text}");
    }
}

#[test]
fn html_pages_set_publication_times() {
    const DATE: &str = "date 2026-11-20T10:00";
    for (head, expected) in [
        ("<meta name=embargo content='2026-12-01 09:30'>", "embargo 2026-12-01T09:30"),
        ("<meta name='dateline:embargo' content=2026-12-01>", "embargo 2026-12-01T00:00"),
        ("<meta name='dateline-embargo' content=2026-12-01>", "embargo 2026-12-01T00:00"),
        ("<meta property='article:expiration_time' content='2026-12-01T00:00:00Z'>", "expires 2026-12-01T00:00Z"),
        ("<meta name='dateline:expires' content=2026-12-01>", "expires 2026-12-01T00:00"),
        // Expiry for caches doesn't concern articles.
        ("<meta name=expires content=0>", ""),
        ("<meta http-equiv=Expires content='Mon, 26 Jul 1997 05:00:00 GMT'>", ""),
        (
            "<meta name=robots content='noarchive, unavailable_after: Tue, 01 Dec 2026 00:00:00 GMT, nosnippet'>",
            "expires 2026-12-01T00:00Z",
        ),
        ("<meta name=robots content='unavailable_after: 2026-12-01'>", "expires 2026-12-01T00:00"),
        ("<meta name=robots content='index,follow'>", ""),
        ("<meta name='dateline:status' content=Draft>", "draft"),
        (
            "<meta name='dateline:status' content=killed><meta name='dateline:reason' content='Untrue.'>",
            "retracted [Untrue.] Ships",
        ),
        (
            "<meta name='dateline:correction' content='2026-11-23: B'><meta name='dateline:correction' content=A>",
            "[2026-11-20T10:00 A] [2026-11-23T00:00 B]",
        ),
        (
            "<script type='application/ld+json'>{\"@type\": \"NewsArticle\", \"expires\": \"2026-12-01\"}</script>",
            "expires 2026-12-01T00:00",
        ),
        ("<script type='application/ld+json'>{\"@type\": \"NewsArticle\", \"expires\": null}</script>", ""),
    ] {
        let text =
            format!("<meta name=date content='2026-11-20 10:00'>{head}<article><h1>Ships</h1><p>Back.</article>");
        assert_eq!(described("a.html", &text), format!("{DATE} {expected}").trim_end(), "{head}");
    }
}
