//! Which files are items, which files have several, and damaged files.

use super::{options, read};
use crate::article::{IgnoredKind, items as items_of, parse, parse_items};
use crate::types::ArticlePath;

#[test]
fn other_files_are_ignored() {
    for (text, expected) in [
        (r#"{"name": "dateline", "status": "draft"}"#, Some(IgnoredKind::Json)),
        (r#"[{"uri": "urn:x:1", "headline": "H"}]"#, Some(IgnoredKind::Json)),
        (r#"{"uri": 5, "headline": "H"}"#, Some(IgnoredKind::Json)),
        (r#"{"uri": "urn:x:1", "type": "text"}"#, Some(IgnoredKind::Json)),
        ("// settings\n{\"a\": 1}", Some(IgnoredKind::Json)),
        (r#"{"uri": "urn:x:1", "type": "composite", "pubstatus": "usable"}"#, Some(IgnoredKind::Package)),
        (r#"{"uri": "urn:x:1", "type": "picture", "headline": "H"}"#, Some(IgnoredKind::Media)),
        (
            r#"{"uri": "urn:x:1", "type": "picture", "headline": "H", "body_text": "T", "versioncreated": "2026-11-20"}"#,
            None,
        ),
    ] {
        let parsed = read(text);
        assert_eq!(parsed.ignored, expected, "{text}");
        assert_eq!(parsed.article.is_none(), expected.is_some(), "{text}");
        assert!(!parsed.withhold, "{text}");
    }
}

#[test]
fn damaged_file_withholds_if_it_mentions_an_embargo() {
    for (text, withholds) in [
        (r#"{"uri": "urn:x:1", "headline": "H"#, false),
        (r#"{"uri": "urn:x:1", "pubstatus": "usable", "headline": "H"#, false),
        (r#"{"uri": "urn:x:1", "pubStatus": "withheld", "headline": "H"#, true),
        (r#"{"uri": "urn:x:1", "embargoed": "2030-01-01T00:00:00Z", "headline": "H"#, true),
        (r#"{"headline": "H", "embargoed": "2030"#, true),
        (r#"{"uri": "urn:x:1", "uri": "urn:x:2", "headline": "H"}"#, false),
    ] {
        let parsed = read(text);
        let codes: Vec<&str> = parsed.diagnostics.iter().map(|diagnostic| diagnostic.code.name()).collect();
        assert_eq!((codes.as_slice(), parsed.withhold), (["agency-syntax"].as_slice(), withholds), "{text}");
        assert!(parsed.article.is_none() && parsed.ignored.is_none());
        let has_excerpt =
            parsed.diagnostics.iter().any(|found| found.place.as_ref().is_some_and(|place| place.excerpt.is_some()));
        assert_eq!(has_excerpt, !withholds, "{text}");
    }
}

#[test]
fn messages_are_divided_into_items() {
    let item = |prefix: &str, guid: &str| {
        format!(
            "<{prefix}newsItem{guid} version=\"1\">\n<{prefix}itemMeta><{prefix}versionCreated>2026-11-20T08:00:00Z</{prefix}versionCreated>\
             <{prefix}pubStatus qcode=\"stat:dunno\"/></{prefix}itemMeta></{prefix}newsItem>\n"
        )
    };
    for prefix in ["", "nar:"] {
        let declaration = if prefix.is_empty() { "xmlns" } else { "xmlns:nar" };
        let items =
            [" guid=\"urn:x:1\"", " guid=\"a/b\"", "", " guid=\"urn:x:1\""].map(|guid| item(prefix, guid)).concat();
        let text = format!(
            "<?xml version=\"1.0\"?>\n<!DOCTYPE x [<!ENTITY a \">\">]>\n<!-- > -->\n<{prefix}newsMessage\n{declaration}='http://iptc.org/std/nar/2006-10-01/' a='>'>\n\
             <{prefix}itemSet>\n{items}</{prefix}itemSet></{prefix}newsMessage>"
        );
        let options = options();
        let parsed = parse_items(&ArticlePath::new("wire/m.xml"), text.as_bytes(), &options);
        let found: Vec<_> = parsed
            .iter()
            .map(|(path, parsed)| {
                let key = parsed.item.as_ref().map_or("", |item| item.key.as_str());
                let line = parsed
                    .diagnostics
                    .iter()
                    .find(|found| found.code.name() == "article-lifecycle")
                    .and_then(|found| found.place.as_ref());
                (path.as_str(), key, line.map_or(0, |place| place.line), parsed.withhold)
            })
            .collect();
        assert_eq!(
            found,
            [
                ("wire/m.xml#urn:x:1", "urn:x:1", 8, true),
                ("wire/m.xml#a%2Fb", "a/b", 10, true),
                ("wire/m.xml#item-3", "", 12, true),
                ("wire/m.xml#urn:x:1~2", "urn:x:1", 14, true),
            ],
            "{prefix}"
        );
        assert_eq!(items_of(&ArticlePath::new("wire/m.xml"), text.replace("</", "<").as_bytes(), &options), None);
    }
}

#[test]
fn xml_is_recognised_by_its_first_element() {
    for (text, expected) in [
        ("<rss><pubStatus/></rss>", "ignored"),
        ("<NewsML/>", "ignored"),
        ("<?xml version=\"1.0\"?><!-- a --><nitf></nitf", "damaged"),
        ("<newsItem", "ignored"),
        ("<newsItem guid=\"urn:x:1\"", "ignored"),
        ("<newsItem guid=\"urn:x:1\"><embargoed", "withheld"),
        ("<newsItem guid=\"urn:x:1\"><itemMeta><pubStatus qcode=\"stat:usable\"/>", "damaged"),
        ("<newsItem guid=\"urn:x:1\"><itemMeta><pubStatus qcode=\"stat:withheld\"/>", "withheld"),
        ("<nitf><head><docdata management-status=\"embargoed\">", "withheld"),
        ("<nitf><head><docdata management-status='usable'>", "damaged"),
        ("<nitf><head><docdata><date.release norm=\"20300101T000000Z\"/>", "withheld"),
        ("no XML", "ignored"),
    ] {
        let parsed = parse(&ArticlePath::new("wire/a.xml"), text.as_bytes(), &options());
        let found = match parsed.ignored {
            Some(IgnoredKind::Xml) => "ignored",
            _ if parsed.withhold => "withheld",
            _ if parsed.diagnostics.iter().any(|found| found.code.name() == "agency-syntax") => "damaged",
            _ => "read",
        };
        assert_eq!(found, expected, "{text}: {:?}", parsed.diagnostics);
    }
}
