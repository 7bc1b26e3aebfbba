//! Tests of all value types.

use jiff::Timestamp;
use jiff::tz::Offset;

use super::*;

#[test]
fn text_drops_what_xml_forbids() {
    for (raw, clean) in [
        ("a\u{0}b\u{b}c\u{1f}d", "abcd"),
        ("a\u{7f}b\tc\n", "ab\tc\n"),
        ("line\r\nline\rline", "line\nline\nline"),
        ("\u{feff}bom\u{fffe}\u{ffff}\u{1fffe}\u{fdd0}\u{85}", "bom"),
        ("emoji 👩‍👩‍👧 ]]> & <", "emoji 👩‍👩‍👧 ]]> & <"),
    ] {
        assert_eq!(Text::new(raw).as_str(), clean);
    }
    assert_eq!(Text::line("  a\u{a0}\u{3000} b\n\tc \u{0} ").as_str(), "a b c");
    for (raw, clean) in [
        ("", ""),
        (" ", ""),
        ("a", "a"),
        ("a b", "a b"),
        (" a b", "a b"),
        ("a b ", "a b"),
        ("a  b", "a b"),
        ("a\u{7f}b~", "ab~"),
        ("a\tb", "a b"),
    ] {
        assert_eq!(Text::line(raw).as_str(), clean);
    }
}

#[test]
fn bidi_controls_are_balanced() {
    for (raw, balanced) in [
        ("a \u{202e}b", "a \u{202e}b\u{202c}"),
        ("a\u{202c}b\u{2069}", "ab"),
        ("a \u{202c}", "a"),
        ("\u{2067}a\u{202b}b\u{2069}c", "\u{2067}a\u{202b}b\u{202c}\u{2069}c"),
        ("\u{202a}a\u{2068}b", "\u{202a}a\u{2068}b\u{2069}\u{202c}"),
        ("\u{200f}a\u{202b}b\u{202c}c", "\u{200f}a\u{202b}b\u{202c}c"),
    ] {
        let line = Text::line(raw);
        assert_eq!(line.as_str(), balanced);
        assert_eq!(Text::line(line.as_str()), line);
    }
}

#[test]
fn section_paths_are_normalised() {
    assert_eq!(SectionPath::parse("/科技//案例/").expect("parses").as_str(), "科技/案例");
    assert_eq!(SectionPath::parse("cafe\u{301}").expect("parses").as_str(), "caf\u{e9}");
    for bad in ["../x", "a/./b", "a\u{0}b", ".git", "a\\b", &"x".repeat(300)] {
        assert!(SectionPath::parse(bad).is_err(), "{bad}");
    }
    let chips = SectionPath::parse("technology/chips").expect("parses");
    assert!(SectionPath::parse("technology").expect("parses").contains(&chips));
    assert!(!SectionPath::parse("tech").expect("parses").contains(&chips));
}

#[test]
fn moments_keep_their_offset() {
    let moment = Moment::new("2023-05-15T01:24:32.9Z".parse().expect("parses"), jiff::tz::offset(8)).expect("in range");
    assert_eq!(moment.rfc3339(), "2023-05-15T09:24:32+08:00");
    assert_eq!(moment.rfc822(), "Mon, 15 May 2023 01:24:32 +0000");
    assert_eq!(moment.date(), "2023-05-15");
    let west =
        Moment::new("2023-05-15T01:24:32Z".parse().expect("parses"), Offset::from_seconds(-9000).expect("valid"));
    assert_eq!(west.expect("in range").rfc3339(), "2023-05-14T22:54:32-02:30");
    for second in [-12_000_000_000, -1, 0, 1, 250_000_000_000] {
        let timestamp = Timestamp::from_second(second).expect("in range");
        for (offset, rounded) in [
            (-25 * 3_600, -25 * 3_600),
            (-3_599, -3_600),
            (-29, 0),
            (0, 0),
            (29, 0),
            (59, 60),
            (60, 60),
            (25 * 3_600, 25 * 3_600),
        ] {
            let moment = Moment::new(timestamp, Offset::from_seconds(offset).expect("valid")).expect("in range");
            assert_eq!((moment.timestamp(), moment.offset().seconds()), (timestamp, rounded));
        }
    }
    assert_eq!(size_of::<Option<Moment>>(), 8);
}

#[test]
fn ids_and_languages_are_checked() {
    assert!(EntryId::parse("tag:courier.example,2026:2026-11-23/x").is_ok());
    for bad in ["", "no scheme", "tag:", "tag:a b", "1x:y", "tag:a<b"] {
        assert!(EntryId::parse(bad).is_err(), "{bad}");
    }
    assert_eq!(Language::parse("ZH_hant-tw").expect("parses").as_str(), "zh-Hant-TW");
    for bad in ["", "english", "e", "en--US", "12"] {
        assert!(Language::parse(bad).is_err(), "{bad}");
    }
}

#[test]
fn only_http_urls_parse() {
    assert_eq!(
        WebUrl::parse("https://bücher.example/a b|c").expect("parses").as_str(),
        "https://xn--bcher-kva.example/a%20b%7Cc"
    );
    for bad in ["htp://x/", "//x/y", "/a", "javascript:alert(1)", "http://"] {
        assert!(WebUrl::parse(bad).is_err(), "{bad}");
    }
    assert!(WebUrl::parse("http://127.0.0.1:8080/").expect("parses").is_loopback());
}

#[test]
fn items_have_paths_in_their_file() {
    let file = ArticlePath::new("wire/in.d/message.XML");
    for (key, path) in [
        ("urn:x:1", "wire/in.d/message.XML#urn:x:1"),
        ("https://x.example/a.md", "wire/in.d/message.XML#https:%2F%2Fx.example%2Fa.md"),
        ("a.xml#b", "wire/in.d/message.XML#a.xml#b"),
        ("a\nb", "wire/in.d/message.XML#a_b"),
    ] {
        let item = ArticlePath::item_of(&file, key);
        assert_eq!(item.as_str(), path);
        assert_eq!(
            (item.file(), item.folder(), item.stem(), item.extension()),
            (file.as_str(), "wire/in.d", "message", "XML")
        );
        assert_eq!(item.item(), path.strip_prefix("wire/in.d/message.XML#"));
    }
    for path in ["a.xml", "c#.md", "a.xml#b/c.md", "#", ".xml", "a.md#b"] {
        let path = ArticlePath::new(path);
        assert_eq!((path.file(), path.item()), (path.as_str(), None), "{path}");
    }
}
