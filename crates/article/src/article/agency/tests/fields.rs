//! Where each field of ninjs comes from, a row each. Golden files are in `tests/suite/cases/agency`.

use std::collections::BTreeSet;

use super::{body, errors, item, origins};

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
        ("correction", "corrections", r#""genre": [{"name": "Correction"}]"#, "by the agency (Correction) (genre)"),
        (
            "correction",
            "corrections",
            r#""language": "de", "genres": [{"uri": "http://cv.iptc.org/newscodes/genre/Correction"}]"#,
            "by the agency (http://cv.iptc.org/newscodes/genre/Correction) (genres)",
        ),
        (
            "related items (only `explain`)",
            "related",
            r#""associations": [{"uri": "urn:x:2", "type": "text", "headlines": [{"value": "Pier closed"}]}]"#,
            "Pier closed (headlines)",
        ),
        ("urgency (only `explain`)", "urgency", r#""urgency": 5"#, "5 (urgency)"),
        (
            "subjects (choose the section)",
            "subject code",
            r#""subject": [{"name": "Shipping", "scheme": "medtop", "code": "20000350"}]"#,
            "medtop:20000350 (subject)",
        ),
        ("slugline (chooses the section)", "slugline", r#""slugline": "ferry-night""#, "ferry-night (slugline)"),
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
    let table = include_str!("../mod.rs").lines().filter_map(|line| line.strip_prefix("//! | "));
    let names: BTreeSet<&str> = table.skip(1).filter_map(|row| row.split(" | ").next()).collect();
    assert_eq!(tested, names);
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
