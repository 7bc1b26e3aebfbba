//! An invariant for the fuzzer (`fuzz/fuzz_targets/front_matter.rs`) and the property test: a withholding line near the top of a file
//! is never published as text, whatever fence surrounds it.

use std::sync::LazyLock;

use dateline::article::{ParseOptions, Parsed, parse};
use dateline::diagnostics::Severity;
use dateline::types::ArticlePath;
use jiff::tz::TimeZone;

static OPTIONS: LazyLock<ParseOptions> =
    LazyLock::new(|| ParseOptions { max_size: 1024 * 1024, ..ParseOptions::new("content", TimeZone::UTC) });

/// Lines that withhold an article in every format.
const WITHHOLDING: &[&str] = &[
    "draft: true",
    "Draft: yes",
    "draft = true",
    "\"draft\": true,",
    "drfat: true",
    "published: false",
    "publised: no",
    "isDraft: true",
    "private: true",
    "visibility: private",
    "embargo: 2999-01-01",
];

const EXTENSIONS: &[&str] = &["md", "html", "txt"];

/// Reads bytes as a file of each format, and inserts a withholding line between lines that the bytes select.
pub(crate) fn check(data: &[u8]) {
    for extension in EXTENSIONS {
        read(extension, data);
    }
    let Some((&choice, rest)) = data.split_first() else { return };
    let line = WITHHOLDING[usize::from(choice) % WITHHOLDING.len()];
    let extension = EXTENSIONS[usize::from(choice) / WITHHOLDING.len() % EXTENSIONS.len()];
    let text = String::from_utf8_lossy(rest);
    let mut lines = text.split(is_end);
    let (opening, between, closing) =
        (lines.next().unwrap_or_default(), lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
    let file = format!("{opening}\ntitle: Harbour\n{between}\n{line}\n{closing}\n\nText below.\n");
    // If the front matter ends above the line, or the line is in an HTML element, the line is text.
    let ends = [opening, between].iter().any(|line| line.contains(['}', '<'])) || is_fence(between);
    let parsed = read(extension, file.as_bytes());
    if ends || !is_public(&parsed) {
        return;
    }
    let article = parsed.article.expect("it is public");
    let shown = format!("{} {:?}", article.metadata.title, article.body);
    assert!(!shown.contains(line.trim_end_matches(',')), "{extension}: {file:?} shows {shown}");
    panic!("{extension}: {file:?} is public");
}

fn is_end(character: char) -> bool {
    matches!(character, '\n' | '\r' | '\u{B}' | '\u{C}' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// Whether a line may close front matter.
fn is_fence(line: &str) -> bool {
    let visible: String = line.chars().filter(|c| !dateline::types::is_invisible(*c)).collect();
    ["---", "...", "+++", ";;;"].iter().any(|fence| visible.starts_with(fence))
}

fn is_public(parsed: &Parsed) -> bool {
    parsed.article.as_ref().is_some_and(|article| {
        let metadata = &article.metadata;
        !metadata.draft && metadata.embargo.is_none() && metadata.retracted.is_none() && !metadata.access.is_private()
    })
}

fn read(extension: &str, bytes: &[u8]) -> Parsed {
    let parsed = parse(&ArticlePath::new(&format!("news/a.{extension}")), bytes, &OPTIONS);
    let refused = parsed.diagnostics.iter().any(|reported| reported.severity == Severity::Error);
    let is_missing = parsed.article.is_none() && parsed.ignored.is_none();
    assert_eq!(is_missing, refused, "an error refuses a file, a warning doesn't: {parsed:#?}");
    let quotes =
        parsed.diagnostics.iter().any(|reported| reported.place.as_ref().is_some_and(|place| place.excerpt.is_some()));
    assert!(!parsed.withhold || (parsed.article.is_none() && !quotes), "nothing of it is shown or quoted: {parsed:#?}");
    parsed
}
