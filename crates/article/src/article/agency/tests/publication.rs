//! Statements about publication, and what isn't public.

use super::{item, options};
use crate::article::{ParseOptions, SourceDefaults, parse};
use crate::types::{ArticlePath, Text};

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
fn reason_of_retraction_is_only_for_editors() {
    let parsed = item(r#""pubstatus": "canceled", "language": "en", "ednote": "Libel!""#);
    let retracted = parsed.article.and_then(|article| article.metadata.retracted.clone()).expect("retracted");
    assert_eq!(retracted.reason, None);
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
        let now = "2026-11-24T10:00:00Z".parse().expect("a time");
        let is_available = article.metadata.terms.iter().all(|terms| terms.availability.includes(now));
        assert_eq!(article.metadata.image.is_some() && is_available, is_shown, "{more}");
    }
}

#[test]
fn provider_of_source_is_that_of_items_without_one() {
    let source = SourceDefaults { provider: Some(Text::new("dpa")), ..SourceDefaults::default() };
    let options = ParseOptions { source, ..options() };
    let providers = |text: &str| {
        let parsed = parse(&ArticlePath::new("a.json"), text.as_bytes(), &options);
        let routing = parsed.article.expect("a story").metadata.routing.clone().expect("routing");
        routing.providers.iter().map(Text::to_string).collect::<Vec<_>>().join(" ")
    };
    let item = |more: &str| {
        format!(
            r#"{{"uri": "urn:x:1", "headline": "Ferry", "versioncreated": "2026-11-20", "body_text": "It sails."{more}}}"#
        )
    };
    assert_eq!(providers(&item("")), "dpa");
    assert_eq!(providers(&item(r#", "provider": "AFP""#)), "AFP");
}

#[test]
fn editors_notes_are_not_public() {
    let parsed = item(r#""ednote": "Secret", "edNote": "Secret", "usageterms": "Open""#);
    let article = parsed.article.expect("a story");
    assert!(!format!("{:?} {:?}", article.metadata, article.body).contains("Secret"));
}
