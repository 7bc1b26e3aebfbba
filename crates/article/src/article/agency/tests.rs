//! The table of fields, statements about publication, and notices. Golden files are in `tests/suite/cases/agency`.

use std::collections::BTreeSet;

use jiff::tz::TimeZone;
use proptest::prelude::*;

use crate::article::{
    Body, IgnoredKind, Notice, ParseOptions, Parsed, items as items_of, parse, parse_items, parse_with_origins,
};
use crate::diagnostics::Severity;
use crate::types::{ArticlePath, Text};

fn options() -> ParseOptions {
    ParseOptions {
        root: "content".into(),
        timezone: TimeZone::UTC,
        charset: None,
        wire_labels: Vec::new(),
        max_size: 1 << 22,
    }
}

fn read(text: &str) -> Parsed {
    parse_with_origins(&ArticlePath::new("wire/a.json"), text.as_bytes(), &options())
}

/// An item with these fields, and those that a story needs besides.
fn item(fields: &str) -> Parsed {
    let stated: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(&format!("{{{fields}}}")).expect("JSON");
    let states = |part: &str| stated.keys().any(|key| key.to_lowercase().contains(part));
    let mut parts = vec!["\"uri\": \"urn:x:1\"".to_owned()];
    for (part, default) in [
        ("headline", r#""headline": "Ferry returns""#),
        ("bod", r#""body_text": "Nurses are aboard again.""#),
        ("created", r#""versioncreated": "2026-11-20T08:00:00Z""#),
    ] {
        parts.extend((!states(part)).then(|| default.to_owned()));
    }
    parts.extend((!fields.is_empty()).then(|| fields.to_owned()));
    read(&format!("{{{}}}", parts.join(", ")))
}

fn origins(parsed: &Parsed, field: &str) -> String {
    let origins = parsed.origins.iter().filter(|origin| origin.field == field);
    origins.map(|origin| format!("{} ({})", origin.value, origin.source)).collect::<Vec<_>>().join(" | ")
}

fn body(parsed: &Parsed) -> String {
    match parsed.article.as_ref().and_then(|article| article.body.as_deref()) {
        Some(Body::Paragraphs(paragraphs)) => paragraphs.iter().map(Text::as_str).collect::<Vec<_>>().join(" | "),
        Some(Body::Html(html)) => html.clone(),
        other => format!("{other:?}"),
    }
}

fn errors(parsed: &Parsed) -> Vec<String> {
    let errors = parsed.diagnostics.iter().filter(|diagnostic| diagnostic.severity == Severity::Error);
    errors.map(|error| error.message.clone()).collect()
}

/// Rows of the table in the module docs: the row's name, the field in `dateline explain`, JSON, and what `explain` shows.
#[test]
fn every_ninjs_cell_of_the_field_table_is_read() {
    let rows: &[(&str, &str, &str, &str)] = &[
        ("key of the item", "item", "", "urn:x:1 (uri)"),
        ("version", "version", r#""version": "6.1""#, "6.1 (version)"),
        ("version", "version", r#""version": 6"#, "6 (version)"),
        (
            "version",
            "version time",
            r#""versioncreated": "2026-11-20T09:00:00Z""#,
            "2026-11-20T09:00:00+00:00 (versioncreated)",
        ),
        (
            "version",
            "version time",
            r#""versionCreated": "2026-11-20T09:00:00Z""#,
            "2026-11-20T09:00:00+00:00 (versionCreated)",
        ),
        ("status", "status", r#""pubstatus": "usable""#, "usable (pubstatus)"),
        ("status", "status", r#""pubStatus": "stat:usable""#, "stat:usable (pubStatus)"),
        ("embargo", "embargo", r#""embargoed": "2030-06-01T10:00:00Z""#, "2030-06-01T10:00:00+00:00 (embargoed)"),
        (
            "embargo",
            "embargo",
            r#""embargoedUntil": "2030-06-01T10:00:00Z""#,
            "2030-06-01T10:00:00+00:00 (embargoedUntil)",
        ),
        ("expiry", "expires", r#""expires": "2030-06-01T10:00:00Z""#, "2030-06-01T10:00:00+00:00 (expires)"),
        ("date", "date", r#""firstcreated": "2026-11-19T08:00:00Z""#, "2026-11-19T08:00:00+00:00 (firstcreated)"),
        ("date", "date", r#""contentCreated": "2026-11-19T08:00:00Z""#, "2026-11-19T08:00:00+00:00 (contentCreated)"),
        (
            "date",
            "date",
            r#""firstCreated": "x", "versionCreated": "2026-11-20T08:00:00Z""#,
            "2026-11-20T08:00:00+00:00 (versionCreated)",
        ),
        (
            "updated",
            "updated",
            r#""firstCreated": "2026-11-19T08:00:00Z", "versionCreated": "2026-11-20T08:00:00Z""#,
            "2026-11-20T08:00:00+00:00 (versionCreated)",
        ),
        ("updated", "updated", r#""versionCreated": "2026-11-20T08:00:00Z""#, ""),
        ("title", "title", r#""headline": "Quay reopens""#, "Quay reopens (headline)"),
        (
            "title",
            "title",
            r#""headlines": [{"role": "short", "value": "Quay"}, {"role": "main", "value": "Quay reopens"}]"#,
            "Quay reopens (headlines)",
        ),
        (
            "title",
            "title",
            r#""headlines": [{"contentType": "text/html", "value": "<b>Quay</b> &amp; pier"}]"#,
            "Quay & pier (headlines)",
        ),
        ("title", "title", r#""headlines": [{"value": ""}], "title": "Quay""#, "Quay (title)"),
        ("summary", "summary", r#""description_text": "In brief.""#, "In brief. (description_*)"),
        (
            "summary",
            "summary",
            r#""descriptions": [{"role": "caption", "value": "No."}, {"contenttype": "text/html", "value": "<p>In brief.</p>"}]"#,
            "In brief. (descriptions)",
        ),
        ("summary", "summary", r#""headline": "H", "headline_sub": "Nurses aboard""#, "Nurses aboard (headline_*)"),
        (
            "authors",
            "author",
            r#""byline": "By Maren Holt and Idris Quayle""#,
            "Maren Holt (byline) | Idris Quayle (byline)",
        ),
        (
            "authors",
            "author",
            r#""by": "Ann; additional reporting by Cy Dunn; editing by Bo""#,
            "Ann (by) | Cy Dunn (by)",
        ),
        ("authors", "author", r#""by": "Maren Holt, Estuary News", "provider": "Estuary News""#, "Maren Holt (by)"),
        ("authors", "author", r#""by": "NTB", "copyrightHolder": "NTB""#, "NTB (by)"),
        (
            "authors",
            "author",
            r#""authors": [{"name": "Maren Holt", "role": "writer"}, "Bo"]"#,
            "Maren Holt (authors) | Bo (authors)",
        ),
        ("source", "source", r#""infosource": [{"name": "Estuary News"}]"#, "Estuary News (infosource)"),
        (
            "source",
            "source",
            r#""infoSources": [{"role": "provider", "name": "Wire"}, {"literal": "Harbour Office"}]"#,
            "Harbour Office (infoSources)",
        ),
        ("source", "source", r#""source": "Estuary News""#, "Estuary News (source)"),
        ("source", "source", r#""provider": "Wire""#, "Wire (provider)"),
        ("provider", "provider", r#""infoSources": [{"role": "provider", "name": "Wire"}]"#, "Wire (infoSources)"),
        ("provider", "provider", r#""provider": "Wire""#, "Wire (provider)"),
        (
            "copyright",
            "copyright",
            r#""copyrightnotice": "© 2026 Wire.", "copyrightholder": "Wire", "usageterms": "No archive.""#,
            "© 2026 Wire. No archive. (copyrightnotice)",
        ),
        ("copyright", "copyright", r#""copyrightNotice": "", "copyrightHolder": "Wire""#, "© Wire (copyrightHolder)"),
        ("copyright", "copyright", r#""usageTerms": "No archive.""#, "No archive. (usageTerms)"),
        ("dateline", "text", r#""body_text": "OSLO (Wire) – A ferry.""#, "OSLO (Wire) – A ferry."),
        ("place (only `explain`)", "place", r#""located": "Oslo""#, "Oslo (located)"),
        ("language", "language", r#""language": "nb-NO""#, "nb-NO (language)"),
        (
            "tags",
            "tags",
            r#""subject": [{"name": "Shipping", "scheme": "http://cv.iptc.org/newscodes/mediatopic/", "code": "20000350"}]"#,
            "Shipping (subject)",
        ),
        (
            "tags",
            "tags",
            r#""subjects": [{"uri": "http://cv.iptc.org/newscodes/mediatopic/20000350"}, {"literal": "04005000"}]"#,
            "medtop:20000350 (subjects) | 04005000 (subjects)",
        ),
        ("tags", "tags", r#""subject": [{"scheme": "medtop", "code": "20000350"}]"#, "medtop:20000350 (subject)"),
        (
            "tags",
            "tags",
            r#""people": [{"name": "Holt"}], "organisation": [{"name": "Pier"}], "places": [{"name": "Oslo"}], "event": [{"name": "Fair"}], "objects": [{"name": "Ferry"}]"#,
            "Holt (people) | Pier (organisation) | Oslo (places) | Fair (event) | Ferry (objects)",
        ),
        (
            "tags",
            "tags",
            r#""keywords": ["ferry", "night; boat"]"#,
            "ferry (keywords) | night (keywords) | boat (keywords)",
        ),
        ("text", "text", r#""body_text": "One.\n\nTwo.", "body_xhtml": "<p>One.</p>""#, "<p>One.</p>"),
        ("text", "text", r#""body_text": "One.\n\nTwo\nlines.""#, "One. | Two lines."),
        (
            "text",
            "text",
            r#""bodies": [{"role": "teaser", "contentType": "text/html", "value": "<p>T</p>"}, {"role": "main", "contentType": "text/html", "value": "<p>M</p>"}]"#,
            "<p>M</p>",
        ),
        (
            "lead picture",
            "image",
            r#""associations": {"lead": {"type": "picture", "renditions": {"thumb": {"href": "https://x.example/t.jpg", "width": 100}, "full": {"href": "https://x.example/f.jpg", "width": 800}}}}"#,
            "https://x.example/f.jpg (renditions) | https://x.example/t.jpg (renditions)",
        ),
        (
            "lead picture",
            "image",
            r#""associations": [{"name": "lead", "type": "picture", "renditions": [{"name": "full", "href": "f.jpg"}]}]"#,
            "f.jpg (renditions)",
        ),
        (
            "lead picture",
            "image",
            r#""renditions": [{"name": "main", "href": "https://x.example/a.jpg", "contentType": "image/jpeg"}]"#,
            "https://x.example/a.jpg (renditions)",
        ),
        (
            "caption",
            "image.caption",
            r#""associations": {"a": {"type": "picture", "headline": "No", "description_text": "No.", "description_caption": "The late boat.", "renditions": {"m": {"href": "a.jpg"}}}}"#,
            "The late boat. (description_*)",
        ),
        (
            "caption",
            "image.caption",
            r#""associations": [{"type": "picture", "headlines": [{"value": "The late boat."}], "renditions": [{"href": "a.jpg"}]}]"#,
            "The late boat. (headlines)",
        ),
        (
            "credit",
            "image.credit",
            r#""associations": {"a": {"type": "picture", "byline": "Idris Quayle", "copyrightholder": "Wire", "renditions": {"m": {"href": "a.jpg"}}}}"#,
            "Idris Quayle (byline)",
        ),
        (
            "credit",
            "image.credit",
            r#""associations": [{"type": "picture", "copyrightHolder": "Wire", "renditions": [{"href": "a.jpg"}]}]"#,
            "Wire (copyrightHolder)",
        ),
        (
            "alternative text",
            "image.alt",
            r#""associations": [{"type": "picture", "descriptions": [{"role": "altText", "value": "A ferry at night"}], "renditions": [{"href": "a.jpg"}]}]"#,
            "A ferry at night (descriptions)",
        ),
        (
            "media",
            "media",
            r#""associations": [{"type": "picture", "renditions": [{"href": "a.jpg"}]}, {"type": "picture", "renditions": [{"href": "s.jpg", "width": 9}, {"href": "b.jpg", "width": 90}]}, {"type": "video", "renditions": [{"href": "https://x.example/v.mp4", "contentType": "video/mp4"}, {"href": "still.jpg"}]}]"#,
            "b.jpg (renditions) | https://x.example/v.mp4 (renditions)",
        ),
        (
            "media",
            "media",
            r#""renditions": {"a": {"href": "horn.mp3", "mimetype": "audio/mpeg"}}"#,
            "horn.mp3 (renditions)",
        ),
        ("correction", "corrections", r#""genre": [{"name": "Correction"}]"#, "Corrected by the agency (genre)"),
        (
            "correction",
            "corrections",
            r#""language": "de", "genres": [{"uri": "http://cv.iptc.org/newscodes/genre/Correction"}]"#,
            "Von der Agentur berichtigt (genres)",
        ),
        (
            "related items (only `explain`)",
            "related",
            r#""associations": [{"uri": "urn:x:2", "type": "text", "headlines": [{"value": "Pier closed"}]}]"#,
            "Pier closed (headlines)",
        ),
        ("urgency, slugline (only `explain`)", "urgency", r#""urgency": 5"#, "5 (urgency)"),
        ("urgency, slugline (only `explain`)", "slugline", r#""slugline": "ferry-night""#, "ferry-night (slugline)"),
        ("editor's note (only `explain`)", "editor's note", r#""ednote": "Adds the horn.""#, "Adds the horn. (ednote)"),
    ];
    let mut tested = BTreeSet::new();
    for (row, field, fields, expected) in rows {
        let parsed = item(fields);
        let found = if *field == "text" { body(&parsed) } else { origins(&parsed, field) };
        assert_eq!(found, *expected, "{row}: {fields}: {:?}", parsed.diagnostics);
        assert!(errors(&parsed).is_empty(), "{fields}: {:?}", parsed.diagnostics);
        tested.insert(*row);
    }
    let table = include_str!("mod.rs").lines().filter_map(|line| line.strip_prefix("//! | "));
    let names: BTreeSet<&str> = table.skip(1).filter_map(|row| row.split(" | ").next()).collect();
    assert_eq!(tested, names);
}

/// Each row: JSON, and whether the story is public, a draft, retracted or withheld.
#[test]
fn statements_about_publication_are_applied() {
    for (fields, expected) in [
        (r#""pubstatus": "usable""#, "public"),
        (r#""pubStatus": "http://cv.iptc.org/newscodes/pubstatusg2/usable""#, "public"),
        (r#""pubstatus": "withheld""#, "draft"),
        (r#""pubStatus": "canceled""#, "retracted"),
        (r#""pubStatus": "cancelled""#, "retracted"),
        (r#""pubStatus": "stat:killed""#, "retracted"),
        (r#""pubstatus": "takedown""#, "retracted"),
        (r#""pubstatus": "usable", "pubstatus": "withheld""#, "draft"),
        (r#""pubstatus": "canceled", "pubStatus": "usable""#, "retracted"),
        (r#""pubstatus": "embargoed""#, "withheld"),
        (r#""pubstatus": "embargoed", "embargoed": "2030-01-01T00:00:00Z""#, "public from 2030-01-01T00:00:00+00:00"),
        (r#""pubstatus": "unknown""#, "withheld"),
        (r#""pubstatus": """#, "withheld"),
        (r#""pubstatus": ["usable", "withheld"]"#, "withheld"),
        (r#""pubstatus": null"#, "public"),
        (r#""embargoed": """#, "draft"),
        (r#""embargoed": null"#, "public"),
        (r#""embargoed": "none""#, "public"),
        (r#""embargoed": true"#, "withheld"),
        (r#""embargoed": "soon""#, "withheld"),
        (r#""embargoed": {"until": "2030-01-01"}"#, "public from 2030-01-01T00:00:00+00:00"),
        (r#""embargoed": {"until": "dunno"}"#, "withheld"),
        (
            r#""embargoed": "2030-01-01T00:00:00Z", "embargoed": "2031-01-01T00:00:00Z""#,
            "public from 2031-01-01T00:00:00+00:00",
        ),
        (r#""embargoed": "2030-01-01T00:00:00Z", "embargoed": """#, "draft"),
        (r#""embargo": "2030-01-01T00:00:00Z""#, "public from 2030-01-01T00:00:00+00:00"),
        (r#""embargod": "2030-01-01T00:00:00Z""#, "public from 2030-01-01T00:00:00+00:00"),
        (r#""drfat": true"#, "withheld"),
        (r#""expires": "whenever""#, "withheld"),
        (r#""expires": """#, "public"),
        (r#""status": "draft""#, "draft"),
        (r#""status": "dunno""#, "withheld"),
        (r#""extra": {"draft": true}"#, "draft"),
        (r#""visibility": "members""#, "paid"),
        (r#""visibility": "whoever""#, "withheld"),
        (r#""ednote": "EMBARGOED UNTIL 1 June 2030""#, "public from 2030-06-01T00:00:00+00:00"),
        (r#""ednote": "HOLD FOR RELEASE""#, "withheld"),
        (r#""ednote": "Updates with reaction""#, "public"),
        (r#""body_text": "EMBARGOED UNTIL 1 June 2030\n\nText.""#, "public from 2030-06-01T00:00:00+00:00"),
        (r#""body_xhtml": "<p>EMBARGOED UNTIL 1 June 2030</p><p>Text.</p>""#, "public from 2030-06-01T00:00:00+00:00"),
        (r#""body_xhtml": "<!-- embargo: 2030-06-01 --><p>Text.</p>""#, "public from 2030-06-01T00:00:00+00:00"),
        (r#""body_xhtml": "<p>Text.</p><!--members-only--><p>More.</p>""#, "paid"),
        (r#""genre": [{"name": "Kill"}]"#, "retracted"),
        (r#""firstcreated": "x", "versioncreated": "y""#, "refused"),
        (r#""headline": "", "title": """#, "refused"),
        (r#""headline": "", "pubstatus": "canceled""#, "retracted"),
    ] {
        let parsed = item(fields);
        let found = match parsed.article.as_ref().map(|article| &article.metadata) {
            None if parsed.withhold => "withheld".to_owned(),
            None => "refused".to_owned(),
            Some(metadata) if metadata.retracted.is_some() => "retracted".to_owned(),
            Some(metadata) if metadata.draft => "draft".to_owned(),
            Some(metadata) if metadata.access.is_paid() => "paid".to_owned(),
            Some(metadata) => metadata.embargo.map_or("public".to_owned(), |embargo| format!("public from {embargo}")),
        };
        assert_eq!(found, expected, "{fields}: {:?}", parsed.diagnostics);
        assert_eq!(parsed.item.map(|item| item.key), Some(Text::new("urn:x:1")), "{fields}");
    }
}

#[test]
fn retraction_has_neutral_reason() {
    let parsed = item(r#""pubstatus": "canceled", "language": "en", "ednote": "Libel!""#);
    let retracted = parsed.article.and_then(|article| article.metadata.retracted.clone()).expect("retracted");
    assert_eq!(retracted.reason.expect("a reason").as_str(), "Withdrawn by the agency");
}

#[test]
fn unusable_optional_fields_do_not_block_publication() {
    for fields in [
        r#""language": "not a language!""#,
        r#""associations": [{"type": "picture", "renditions": [{"href": "file:///tmp/a.jpg"}]}]"#,
        r#""associations": [{"type": "video", "renditions": [{"href": "data:video/mp4,x", "contentType": "video/mp4"}]}]"#,
        r#""associations": [{"type": "picture", "renditions": [{"href": "../../../a.jpg", "width": "wide", "sizeInBytes": -1}]}]"#,
        r#""associations": "none", "renditions": 5, "subjects": "x", "by": 7, "genres": {}, "infoSources": [[]]"#,
        r#""firstCreated": "2026-11-19T08:00:00Z", "versionCreated": "yesterday""#,
    ] {
        let parsed = item(fields);
        assert!(parsed.article.is_some(), "{fields}: {:?}", parsed.diagnostics);
    }
    let subjects: Vec<String> = (0..600).map(|at| format!("{{\"name\": \"{}\"}}", "x".repeat(at))).collect();
    assert!(item(&format!("\"subjects\": [{}]", subjects.join(","))).article.is_some());
}

#[test]
fn pictures_that_are_not_public_are_left_out() {
    for (more, is_shown) in [
        (r#""pubstatus": "usable""#, true),
        (r#""pubstatus": "canceled""#, false),
        (r#""pubstatus": "dunno""#, false),
        (r#""pubstatus": "usable", "pubstatus": "withheld""#, false),
        (r#""embargoed": "2030-01-01T00:00:00Z""#, false),
        (r#""embargoed": null"#, true),
        (r#""expires": "2020-01-01T00:00:00Z""#, false),
        (r#""expires": "2040-01-01T00:00:00Z""#, true),
        (r#""expires": "dunno""#, false),
    ] {
        let parsed = item(&format!(
            r#""associations": [{{"type": "picture", {more}, "headlines": [{{"value": "Boat"}}], "renditions": [{{"href": "a.jpg"}}]}}]"#
        ));
        let article = parsed.article.expect("a story");
        assert_eq!(article.metadata.image.is_some(), is_shown, "{more}");
    }
}

#[test]
fn editors_notes_are_not_public() {
    let parsed = item(r#""ednote": "Secret", "slugline": "Secret", "usageterms": "Open""#);
    let article = parsed.article.expect("a story");
    assert!(!format!("{:?} {:?}", article.metadata, article.body).contains("Secret"));
}

#[test]
fn notices_are_no_stories() {
    let other = |relation: &str| {
        format!(r#""associations": [{{"uri": "urn:x:9", "type": "text", "rel": "{relation}", "headlines": []}}]"#)
    };
    let key = || Text::new("urn:x:9");
    for (fields, expected) in [
        (other("kills"), Some(Notice::Kill(key()))),
        (other("irel:corrects"), Some(Notice::Correct(key()))),
        (format!("{}, \"genre\": [{{\"name\": \"Kill\"}}]", other("replaces")), Some(Notice::Kill(key()))),
        (
            format!("{}, \"genre\": [{{\"name\": \"Correction\"}}]", other("previousVersion")),
            Some(Notice::Correct(key())),
        ),
        (format!("{}, \"genre\": [{{\"name\": \"Correction\"}}]", other("seeAlso")), None),
        (r#""genres": [{"name": "Advisory"}]"#.to_owned(), Some(Notice::Advise)),
        (other("seeAlso"), None),
    ] {
        let parsed = item(&fields);
        assert_eq!(parsed.article.is_none(), expected.is_some(), "{fields}: {:?}", parsed.diagnostics);
        assert_eq!(parsed.notice, expected, "{fields}");
    }
}

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

/// Keys and values that make items, in any order and number.
fn any_item() -> impl Strategy<Value = String> {
    let key = prop::sample::select(vec![
        "uri",
        "type",
        "headline",
        "headlines",
        "body_text",
        "body_xhtml",
        "bodies",
        "pubstatus",
        "pubStatus",
        "embargoed",
        "expires",
        "versioncreated",
        "firstCreated",
        "associations",
        "renditions",
        "subject",
        "genres",
        "by",
        "ednote",
        "descriptions",
        "infosource",
        "version",
        "language",
        "embargo",
        "draft",
        "visibility",
        "extra",
    ]);
    let text = prop::sample::select(vec![
        "\"\"",
        "\"urn:x:1\"",
        "\"usable\"",
        "\"2026-11-20T08:00:00Z\"",
        "null",
        "true",
        "5",
        "\"<p>A <b>b</p>\"",
        "\"picture\"",
        "\"\\uD83D\"",
        "\"Kill\"",
        "\"https://x.example/a.jpg\"",
        "\"港口，船\"",
        "\"EMBARGOED UNTIL 1 June 2030\\n\\nx\"",
    ]);
    let value = text.prop_map(str::to_owned).prop_recursive(4, 24, 4, move |inner| {
        let names =
            ["name", "value", "role", "href", "uri", "code", "scheme", "type", "renditions", "width", "pubstatus"];
        let entry = (prop::sample::select(names.to_vec()), inner.clone());
        prop_oneof![
            prop::collection::vec(inner, 0..4).prop_map(|items| format!("[{}]", items.join(","))),
            prop::collection::vec(entry, 0..4).prop_map(|entries| {
                let entries: Vec<String> = entries.iter().map(|(key, value)| format!("\"{key}\":{value}")).collect();
                format!("{{{}}}", entries.join(","))
            }),
        ]
    });
    prop::collection::vec((key, value), 0..12).prop_map(|entries| {
        let entries: Vec<String> = entries.iter().map(|(key, value)| format!("\"{key}\":{value}")).collect();
        format!("{{\"uri\":\"urn:x:1\",\"headline\":\"H\",{}}}", entries.join(",")).replace(",}", "}")
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn parsing_items_never_panics(text in any_item(), cut in 0..400usize) {
        let parsed = read(&text);
        prop_assert!(parsed.article.is_none() || errors(&parsed).is_empty());
        prop_assert!(!(parsed.withhold && parsed.article.is_some()));
        let cut = text.char_indices().map(|(at, _)| at).take_while(|at| *at <= cut).last().unwrap_or(0);
        read(text.get(..cut).unwrap_or_default());
    }

    #[test]
    fn parsing_any_text_never_panics(text in ".*") {
        read(&text);
    }
}
