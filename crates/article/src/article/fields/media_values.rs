//! Reads the values of the keys `image` and `media`: MIME types, lengths, pixels and durations. Numbers may have any common notation.

use jiff::{Span, SpanRelativeTo};

use crate::types::media_type;

/// The largest integer that JSON readers represent exactly.
const MAX_LENGTH: u64 = (1 << 53) - 1;
const MAX_PIXELS: u64 = 1_000_000;
/// A week. Larger values are probably in milliseconds.
const MAX_DURATION_SECONDS: u64 = 7 * 86_400;

/// A MIME type without its parameters, which feeds don't state, or the type of a known extension.
pub(super) fn mime_type(text: &str) -> Option<String> {
    let essence = text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let token = |part: &str| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$&^_.+-".contains(&byte))
    };
    match essence.split_once('/') {
        Some((kind, subtype)) => (token(kind) && token(subtype)).then_some(essence),
        None => media_type(essence.trim_start_matches('.')).map(str::to_owned),
    }
}

pub(super) fn length(text: &str) -> Option<u64> {
    let number = [" bytes", " byte", " B"].iter().find_map(|unit| text.strip_suffix(unit)).unwrap_or(text);
    whole_number(number).filter(|length| *length <= MAX_LENGTH)
}

pub(super) fn pixels(text: &str) -> Option<u64> {
    let number = text.strip_suffix("px").or_else(|| text.strip_suffix("PX")).unwrap_or(text);
    whole_number(number).filter(|pixels| (1..=MAX_PIXELS).contains(pixels))
}

/// Seconds, `minutes:seconds`, `hours:minutes:seconds`, ISO 8601 and words: `3723`, `62:03`, `1:02:03.5`, `PT1H2M3S`, `1 h 2 min`.
/// Fractions are rounded.
pub(super) fn duration(text: &str) -> Option<u64> {
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
