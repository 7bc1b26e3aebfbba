//! Applies the keys `image` and `media`, and the keys in their tables. Numbers may have any common notation.
//!
//! An unreadable or ambiguous value is reported, and the article is published without it.

use std::ops::Range;

use jiff::{Span, SpanRelativeTo};

use super::entries::{field, wrong_kind};
use crate::article::draft::Draft;
use crate::article::keys::normalised;
use crate::article::model::MediaFacts;
use crate::article::values::{Key, Node, Value};
use crate::diagnostics::{Code, nearest};
use crate::types::media_type;

type Entries<'s> = [(Key<'s>, Node<'s>)];

const ORIGIN: &str = "front matter";

/// Keys of a file's address.
const URL: &[&str] = &["url", "src", "path"];
/// Keys of the picture in tables of other tools: Hugo's `cover.image`, Jekyll's `header.teaser`.
const NESTED: &[&str] = &["image", "overlayimage", "teaser", "ogimage"];
/// Keys of the length in bytes, including JSON Feed's.
const LENGTH: &[&str] = &["length", "sizeinbytes"];
const DURATION: &[&str] = &["duration", "durationinseconds"];
const TYPE: &[&str] = &["type", "mimetype"];

/// The largest integer that JSON readers represent exactly.
const MAX_LENGTH: u64 = (1 << 53) - 1;
const MAX_PIXELS: u64 = 1_000_000;
/// A week. Larger values are probably in milliseconds.
const MAX_DURATION_SECONDS: u64 = 7 * 86_400;

/// Applies `image`: an address, or a table.
pub(super) fn image(draft: &mut Draft<'_>, key: &Key<'_>, node: &Node<'_>) {
    const SIZES: &str = "a list of tables such as `{ url: crane-400.jpg, width: 400, height: 300 }`";
    let entries = match &node.value {
        Value::Map(entries) => entries,
        Value::List(items) => return items.iter().take(1).for_each(|item| image(draft, key, item)),
        Value::Null => return,
        Value::Scalar(url) => return draft.set_image_url(url, node.span.clone(), ORIGIN),
    };
    const KNOWN: &[&[&str]] = &[URL, LENGTH, TYPE, &["width", "height", "sizes", "alt", "caption", "credit"]];
    report_misspelt_keys(draft, entries, KNOWN);
    let stated = facts(draft, entries);
    let url = address(entries).filter(|(url, _)| !url.trim().is_empty());
    let has_sizes = find(entries, &["sizes"]).is_some_and(|node| !is_empty(node));
    if url.is_none() && !has_sizes && entries.iter().any(|(_, node)| !is_empty(node)) {
        draft.report(
            Code::ArticleMediaValue,
            node.span.clone(),
            "the picture has no `url`",
            "add `url`, the address of the picture or the name of a file beside the article",
        );
    }
    if let Some((url, span)) = url {
        draft.add_image_file(&url, stated, span, ORIGIN);
    }
    let sizes = find(entries, &["sizes"]).map(|sizes| match &sizes.value {
        Value::List(sizes) => sizes.as_slice(),
        Value::Null => &[],
        _ => std::slice::from_ref(sizes),
    });
    for size in sizes.into_iter().flatten() {
        match &size.value {
            Value::Scalar(url) => draft.add_image_file(url, None, size.span.clone(), ORIGIN),
            Value::Map(entries) => {
                report_misspelt_keys(draft, entries, &[URL, LENGTH, TYPE, &["width", "height"]]);
                let stated = facts(draft, entries);
                match address(entries) {
                    Some((url, span)) => draft.add_image_file(&url, stated, span, ORIGIN),
                    None => wrong_kind(draft, key, &size.span, SIZES),
                }
            }
            _ => wrong_kind(draft, key, &size.span, SIZES),
        }
    }
    if let Some((alt, span)) = picture_text(draft, entries, "alt") {
        draft.set_image_alt(&alt, span, ORIGIN);
    }
    if let Some((caption, span)) = picture_text(draft, entries, "caption") {
        draft.set_image_caption(&caption, span, ORIGIN);
    }
    if let Some((credit, span)) = picture_text(draft, entries, "credit") {
        draft.set_image_credit(&credit, span, ORIGIN);
    }
}

/// Applies a picture under the key of another tool: an address, a table, or a list of these, whose first entry counts.
pub(super) fn foreign_image(draft: &mut Draft<'_>, key: &Key<'_>, node: &Node<'_>) {
    if let Value::List(items) = &node.value {
        return items.iter().take(1).for_each(|item| foreign_image(draft, key, item));
    }
    let Value::Map(entries) = &node.value else { return image(draft, key, node) };
    if let Some((url, span)) = nested_address(entries) {
        draft.set_image_url(&url, span, ORIGIN);
        // The words of other tools' tables aren't checked: they have many keys of their own.
        if let Some((alt, span)) = field(entries, "alt") {
            draft.set_image_alt(&alt, span, ORIGIN);
        }
        if let Some((caption, span)) = field(entries, "caption") {
            draft.set_image_caption(&caption, span, ORIGIN);
        }
    }
}

/// Whether a value contains the address of a picture.
pub(super) fn has_address(node: &Node<'_>) -> bool {
    match &node.value {
        Value::Scalar(url) => !url.trim().is_empty(),
        Value::Map(entries) => nested_address(entries).is_some(),
        Value::List(items) => items.first().is_some_and(has_address),
        Value::Null => false,
    }
}

fn nested_address(entries: &Entries<'_>) -> Option<(String, Range<usize>)> {
    let nested = || NESTED.iter().find_map(|name| field(entries, name));
    address(entries).or_else(nested).filter(|(url, _)| !url.trim().is_empty())
}

/// Applies `media`: an address, a table, or a list of these.
pub(super) fn media(draft: &mut Draft<'_>, key: &Key<'_>, node: &Node<'_>) {
    const EXPECTED: &str = "a list of tables such as `{ url: interview.mp3, type: audio/mpeg }`";
    let nodes = match &node.value {
        Value::List(items) => items.as_slice(),
        Value::Null => return,
        _ => std::slice::from_ref(node),
    };
    for node in nodes {
        match &node.value {
            Value::Scalar(url) => draft.add_media(url, None, None, None, node.span.clone(), ORIGIN),
            Value::Map(entries) => {
                report_misspelt_keys(draft, entries, &[URL, LENGTH, DURATION, TYPE, &["width", "height"]]);
                let Some((url, span)) = address(entries) else {
                    wrong_kind(draft, key, &node.span, EXPECTED);
                    continue;
                };
                let duration = stated(draft, entries, DURATION, EXPECTED_DURATION, duration);
                let kind = stated(draft, entries, TYPE, EXPECTED_TYPE, mime_type);
                let facts = facts(draft, entries);
                draft.add_media(&url, kind.as_deref(), facts, duration, span, ORIGIN);
            }
            _ => wrong_kind(draft, key, &node.span, EXPECTED),
        }
    }
}

/// The stated facts about a file.
fn facts(draft: &mut Draft<'_>, entries: &Entries<'_>) -> Option<MediaFacts> {
    let mut pixels = |name| {
        let pixels = stated(draft, entries, &[name], EXPECTED_PIXELS, pixels)?;
        u32::try_from(pixels).ok()
    };
    let (width, height) = (pixels("width"), pixels("height"));
    let length = stated(draft, entries, LENGTH, EXPECTED_LENGTH, length).unwrap_or(0);
    let facts = MediaFacts { length, width, height };
    (facts != MediaFacts::default()).then_some(facts)
}

/// A description of the expected value, and the help.
type Expected = (&'static str, &'static str);

const EXPECTED_LENGTH: Expected =
    ("a length in bytes", "write the number of bytes, such as `48213`, or leave it out for a file beside the article");
const EXPECTED_PIXELS: Expected = ("a number of pixels", "write a whole number such as `800`");
const EXPECTED_DURATION: Expected =
    ("a duration between a second and a week", "write seconds or `hours:minutes:seconds`, such as `3723` or `1:02:03`");
const EXPECTED_TYPE: Expected =
    ("a MIME type", "write one such as `audio/mpeg`, or leave it out: the file's extension says it");

/// The parsed value of a key. Reports a value that can't be parsed, unless it's empty.
fn stated<T>(
    draft: &mut Draft<'_>,
    entries: &Entries<'_>,
    names: &[&str],
    (what, help): Expected,
    read: impl Fn(&str) -> Option<T>,
) -> Option<T> {
    let node = find(entries, names).filter(|node| !is_empty(node))?;
    let text = match &node.value {
        Value::Scalar(text) => Some(text.trim()),
        _ => None,
    };
    let value = text.and_then(read);
    if value.is_none() {
        let shown = text.map_or("this".to_owned(), |text| {
            format!("`{}`", text.chars().take(40).collect::<String>().escape_debug())
        });
        draft.report(Code::ArticleMediaValue, node.span.clone(), format!("{shown} is not {what}"), help);
    }
    value
}

/// A text about a picture. Reports a list or a table.
fn picture_text(draft: &mut Draft<'_>, entries: &Entries<'_>, name: &str) -> Option<(String, Range<usize>)> {
    let node = find(entries, &[name])?;
    match &node.value {
        Value::Scalar(text) => Some((text.to_string(), node.span.clone())),
        Value::Null => None,
        _ => {
            let message = format!("`{name}` of a picture is one text, not a list or a table");
            draft.report(Code::ArticleMediaValue, node.span.clone(), message, "write one text");
            None
        }
    }
}

fn find<'e, 's>(entries: &'e Entries<'s>, names: &[&str]) -> Option<&'e Node<'s>> {
    entries.iter().find(|(key, _)| names.contains(&&*normalised(&key.name))).map(|(_, node)| node)
}

fn address(entries: &Entries<'_>) -> Option<(String, Range<usize>)> {
    URL.iter().find_map(|name| field(entries, name))
}

fn is_empty(node: &Node<'_>) -> bool {
    match &node.value {
        Value::Null => true,
        Value::Scalar(text) => text.trim().is_empty(),
        Value::List(items) => items.is_empty(),
        Value::Map(entries) => entries.is_empty(),
    }
}

/// Reports misspelt keys. Other unknown keys are ignored, because they may belong to another tool.
fn report_misspelt_keys(draft: &mut Draft<'_>, entries: &Entries<'_>, known: &[&[&str]]) {
    /// Hugo's key for the order of resources.
    const FOREIGN: &str = "weight";
    let known = || known.iter().flat_map(|names| names.iter().copied());
    for (key, _) in entries {
        let name = normalised(&key.name);
        if name == FOREIGN || known().any(|known| known == name) {
            continue;
        }
        let distance = if name.chars().count() >= 6 { 2 } else { 1 };
        let near = nearest(&name, known()).filter(|near| strsim::damerau_levenshtein(&name, near) <= distance);
        if let Some(near) = near {
            let message = format!("`{}` is not a key that dateline knows here", key.name.escape_debug());
            draft.report(Code::FrontMatterNearMiss, key.span.clone(), message, format!("did you mean `{near}`?"));
        }
    }
}

/// A MIME type without its parameters, which feeds don't state, or the type of a known extension.
fn mime_type(text: &str) -> Option<String> {
    let essence = text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let token = |part: &str| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$&^_.+-".contains(&byte))
    };
    match essence.split_once('/') {
        Some((kind, subtype)) => (token(kind) && token(subtype)).then_some(essence),
        None => media_type(essence.trim_start_matches('.')).map(str::to_owned),
    }
}

fn length(text: &str) -> Option<u64> {
    let number = [" bytes", " byte", " B"].iter().find_map(|unit| text.strip_suffix(unit)).unwrap_or(text);
    whole_number(number).filter(|length| *length <= MAX_LENGTH)
}

fn pixels(text: &str) -> Option<u64> {
    let number = text.strip_suffix("px").or_else(|| text.strip_suffix("PX")).unwrap_or(text);
    whole_number(number).filter(|pixels| (1..=MAX_PIXELS).contains(pixels))
}

/// Seconds, `minutes:seconds`, `hours:minutes:seconds`, ISO 8601 and words: `3723`, `62:03`, `1:02:03.5`, `PT1H2M3S`, `1 h 2 min`.
/// Fractions are rounded.
fn duration(text: &str) -> Option<u64> {
    let seconds = if text.contains(':') { clock(text) } else { whole_number(text).or_else(|| rounded(text)) };
    let seconds = seconds.or_else(|| duration_in_units(text).filter(|_| !text.contains(':')))?;
    (1..=MAX_DURATION_SECONDS).contains(&seconds).then_some(seconds)
}

/// Parses a duration with colons: `62:03`, `1:02:03.5`.
fn clock(text: &str) -> Option<u64> {
    let (rest, seconds) = text.rsplit_once(':')?;
    let digits =
        |text: &str| (!text.is_empty() && text.len() <= 6 && text.bytes().all(|b| b.is_ascii_digit())).then_some(());
    let number = |text: &str| digits(text).and_then(|()| text.parse::<u64>().ok());
    let below_sixty = |number: &u64| *number < 60;
    let whole_seconds = seconds.split(['.', ',']).next().unwrap_or_default();
    number(whole_seconds).filter(below_sixty).filter(|_| whole_seconds.len() <= 2)?;
    let seconds = number(seconds).or_else(|| rounded(seconds))?;
    let minutes = match rest.split_once(':') {
        Some((hours, minutes)) => number(hours)? * 60 + number(minutes).filter(below_sixty)?,
        None => number(rest)?,
    };
    Some(minutes * 60 + seconds)
}

/// Parses a number with a fraction, and rounds it.
fn rounded(text: &str) -> Option<u64> {
    let (number, fraction) = text.split_once(['.', ','])?;
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number(number) || !is_number(fraction) {
        return None;
    }
    number.parse::<u64>().ok()?.checked_add(u64::from(fraction.starts_with(|digit: char| digit >= '5')))
}

/// Parses a duration with units: `PT1H2M3S`, `1h 2m 3s`, `1 hour, 2 minutes`.
fn duration_in_units(text: &str) -> Option<u64> {
    let span: Span = text.parse().ok().filter(|_| text.len() < 100)?;
    let duration = span.to_duration(SpanRelativeTo::days_are_24_hours()).ok()?;
    let seconds = u64::try_from(duration.as_secs()).ok()?;
    seconds.checked_add(u64::from(duration.subsec_millis() >= 500))
}

/// Parses a whole number, with or without groups of three digits: `48213`, `48,213`, `48 213`, `48_213`, `48.213.000`, `48213.0`.
fn whole_number(text: &str) -> Option<u64> {
    let text = text.trim().strip_prefix('+').unwrap_or(text.trim());
    let is_all_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if is_all_digits(text) {
        return text.parse().ok();
    }
    // `48.000` is ambiguous, `48.0` isn't.
    if let Some((number, "0" | "00")) = text.split_once('.') {
        return is_all_digits(number).then(|| number.parse().ok()).flatten();
    }
    if text.contains('_') {
        // TOML and YAML allow groups of any length.
        let groups = text.split('_').map(|group| is_all_digits(group).then_some(group));
        return groups.collect::<Option<String>>()?.parse().ok();
    }
    let separator = text.chars().find(|character| !character.is_ascii_digit())?;
    if !matches!(separator, ',' | '.' | ' ' | '\u{a0}' | '\u{2009}' | '\u{202f}' | '\'' | '’' | '，') {
        return None;
    }
    let groups: Vec<&str> = text.split(separator).collect();
    let (first, others) = groups.split_first()?;
    let in_threes =
        is_all_digits(first) && first.len() <= 3 && others.iter().all(|group| is_all_digits(group) && group.len() == 3);
    let is_decimal = separator == '.' && others.len() == 1;
    (in_threes && !is_decimal).then(|| groups.concat().parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_parsed_or_refused() {
        for (text, expected) in [
            ("48213", Some(48_213)),
            ("48,213", Some(48_213)),
            ("48 213", Some(48_213)),
            ("48\u{a0}213", Some(48_213)),
            ("48\u{202f}213\u{202f}001", Some(48_213_001)),
            ("48_213", Some(48_213)),
            ("4_8213", Some(48_213)),
            ("48'213", Some(48_213)),
            ("48.213.001", Some(48_213_001)),
            ("48213.0", Some(48_213)),
            ("+48213", Some(48_213)),
            ("48213 bytes", Some(48_213)),
            ("0", Some(0)),
            ("9007199254740991", Some(9_007_199_254_740_991)),
            ("9007199254740992", None),
            ("99999999999999999999999", None),
            ("1231.08", None),
            ("48.213", None),
            ("48.000", None),
            ("48,21", None),
            ("4821,300", None),
            ("48,213 001", None),
            ("48,,213", None),
            ("_48", None),
            ("48_", None),
            ("-48213", None),
            ("1.2 MB", None),
            ("48 KB", None),
            ("0xBC55", None),
            ("4.8e4", None),
            ("large", None),
            (",", None),
        ] {
            assert_eq!(length(text), expected, "{text}");
        }
    }

    #[test]
    fn durations_are_parsed_or_refused() {
        for (text, expected) in [
            ("3723", Some(3_723)),
            ("3,723", Some(3_723)),
            ("3723.4", Some(3_723)),
            ("3723.5", Some(3_724)),
            ("3723,5", Some(3_724)),
            ("01:02:03", Some(3_723)),
            ("1:02:03", Some(3_723)),
            ("1:2:3", Some(3_723)),
            ("62:03", Some(3_723)),
            ("1:02:03.5", Some(3_724)),
            ("1:02:03,250", Some(3_723)),
            ("00:59.9", Some(60)),
            ("PT1H2M3S", Some(3_723)),
            ("pt1h2m3s", Some(3_723)),
            ("PT62M3S", Some(3_723)),
            ("PT3722.5S", Some(3_723)),
            ("P0DT1H2M3S", Some(3_723)),
            ("P1DT1S", Some(86_401)),
            ("1h2m3s", Some(3_723)),
            ("1h 2m 3s", Some(3_723)),
            ("90 min", Some(5_400)),
            ("1 hour, 2 minutes, 3 seconds", Some(3_723)),
            ("604800", Some(604_800)),
            ("604801", None),
            ("3723000", None),
            ("0", None),
            ("-5", None),
            ("-1:02:03", None),
            ("PT-5S", None),
            ("P1M", None),
            ("P1Y", None),
            ("1:75:00", None),
            ("1:02:75", None),
            ("62:003", None),
            ("1:02:03:04", None),
            ("1:", None),
            (":30", None),
            ("::", None),
            ("99999999:00", None),
            ("999999:00:00", None),
            ("99999999999999999999", None),
            ("an hour", None),
            ("abc", None),
        ] {
            assert_eq!(duration(text), expected, "{text}");
        }
    }

    #[test]
    fn pixels_and_types_are_parsed_or_refused() {
        for (text, expected) in [
            ("800", Some(800)),
            ("800px", Some(800)),
            ("800 px", Some(800)),
            ("1,200", Some(1_200)),
            ("800.0", Some(800)),
            ("0", None),
            ("50%", None),
            ("-1", None),
            ("abc", None),
            ("1000001", None),
        ] {
            assert_eq!(pixels(text), expected, "{text}");
        }
        for (text, expected) in [
            ("audio/mpeg", Some("audio/mpeg")),
            ("Audio/MPEG", Some("audio/mpeg")),
            ("video/mp4; codecs=\"avc1\"", Some("video/mp4")),
            ("mp3", Some("audio/mpeg")),
            (".mp3", Some("audio/mpeg")),
            ("audio", None),
            ("audio/", None),
            ("a/b/c", None),
            ("audio mpeg", None),
        ] {
            assert_eq!(mime_type(text).as_deref(), expected, "{text}");
        }
    }
}
