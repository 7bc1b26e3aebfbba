//! Wire texts in `cases/wire/<name>.txt`, and the fields that a person finds in each, in `cases/wire/expected.json`.
//!
//! The texts were written before the parser was tested with them. At most 1 % of the fields may be parsed otherwise, and only with a
//! diagnostic.

use std::path::Path;

use dateline::article::{Body, ParseOptions, Parsed, SectionClaim, parse};
use dateline::types::{ArticlePath, Text};
use jiff::tz::TimeZone;
use serde_json::Value;

const FIELDS: [&str; 10] = [
    "title",
    "published",
    "authors",
    "editors",
    "source",
    "breadcrumb",
    "caption",
    "credit",
    "body_starts",
    "body_ends",
];

/// A field of the parsed article, in the format of `expected.json`.
fn found(parsed: &Parsed, field: &str) -> Value {
    let Some(article) = &parsed.article else { return Value::Null };
    let metadata = &article.metadata;
    let names = |names: &[Text]| names.iter().map(Text::as_str).collect::<Vec<_>>().into();
    let words = |text: Option<&Text>| text.map_or(Value::Null, |text| text.as_str().into());
    let paragraphs = match article.body.as_deref() {
        Some(Body::Paragraphs(paragraphs)) => paragraphs.as_slice(),
        _ => &[],
    };
    match field {
        "title" => metadata.title.as_str().into(),
        "published" => metadata.published.map_or(Value::Null, |moment| moment.rfc3339().into()),
        "authors" => names(&metadata.authors),
        "editors" => names(&metadata.editors),
        "source" => words(metadata.source.as_ref()),
        "breadcrumb" => match &metadata.section {
            SectionClaim::Breadcrumb(breadcrumb) => names(breadcrumb),
            _ => Value::Null,
        },
        "caption" => words(metadata.image.as_ref().and_then(|image| image.caption.as_ref())),
        "credit" => words(metadata.image.as_ref().and_then(|image| image.credit.as_ref())),
        "body_starts" => words(paragraphs.first()),
        _ => words(paragraphs.last()),
    }
}

fn agrees(field: &str, found: &Value, expected: &Value) -> bool {
    match (field, found.as_str(), expected.as_str()) {
        ("published", Some(found), Some(expected)) => {
            found.parse::<jiff::Timestamp>().ok() == expected.parse::<jiff::Timestamp>().ok()
        }
        ("body_starts", Some(found), Some(expected)) => found.starts_with(expected),
        ("body_ends", Some(found), Some(expected)) => found.ends_with(expected),
        ("breadcrumb", ..) if expected.as_array().is_some_and(Vec::is_empty) => found.is_null(),
        _ => found == expected,
    }
}

#[test]
fn wire_texts_are_parsed_as_expected() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/suite/cases/wire");
    let expected = std::fs::read(folder.join("expected.json")).expect("the expected fields");
    let expected: serde_json::Map<String, Value> = serde_json::from_slice(&expected).expect("JSON");
    let options = ParseOptions {
        max_size: 1024 * 1024,
        ..ParseOptions::new("content", TimeZone::get("Asia/Shanghai").expect("bundled"))
    };
    let (mut fields, mut misses) = (0, Vec::new());
    for (name, expected) in &expected {
        let bytes = std::fs::read(folder.join(format!("{name}.txt"))).expect("an original");
        let parsed = parse(&ArticlePath::new(&format!("{name}.txt")), &bytes, &options);
        for field in FIELDS {
            fields += 1;
            let found = found(&parsed, field);
            if !agrees(field, &found, &expected[field]) {
                let silent = if parsed.diagnostics.is_empty() { " (in silence)" } else { "" };
                misses.push(format!("{name}: {field} is {found}, and should be {}{silent}", expected[field]));
            }
        }
    }
    assert!(expected.len() >= 40, "{} originals", expected.len());
    assert!(!misses.iter().any(|miss| miss.ends_with("(in silence)")), "missed in silence:\n{}", misses.join("\n"));
    assert!(misses.len() * 100 <= fields, "{} of {fields} fields:\n{}", misses.len(), misses.join("\n"));
}
