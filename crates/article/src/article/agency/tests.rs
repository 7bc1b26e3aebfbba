//! Tests of items as articles. The readers of the XML formats have tests of their own.

mod any_items;
mod fields;
mod files;
mod notices;
mod publication;
mod same_item;
mod xml_fields;

use jiff::tz::TimeZone;

use crate::article::{Body, ParseOptions, Parsed, parse_with_origins};
use crate::diagnostics::Severity;
use crate::types::{ArticlePath, Text};

fn options() -> ParseOptions {
    ParseOptions { max_size: 1 << 22, ..ParseOptions::new("content", TimeZone::UTC) }
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
