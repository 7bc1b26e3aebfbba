//! Escapes characters that control a terminal, end a line or reorder it. File names, articles, arguments and responses are untrusted, and
//! reach terminals and logs.

use std::borrow::Cow;

use crate::types::is_bidi_control;

/// Whether a character controls the terminal or the line: C0 and C1 controls, bidirectional controls, and the line and paragraph
/// separators.
fn is_control(character: char) -> bool {
    character.is_control() || is_bidi_control(character) || matches!(character, '\u{61C}' | '\u{2028}' | '\u{2029}')
}

/// Escapes control characters as in Rust: `\n`, `\u{1b}`. The result is one line.
pub fn escape(text: &str) -> Cow<'_, str> {
    if !text.contains(is_control) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        match is_control(character) {
            true => escaped.extend(character.escape_default()),
            false => escaped.push(character),
        }
    }
    Cow::Owned(escaped)
}

/// Escapes control characters inside JSON strings that JSON allows. Line breaks between values stay.
pub fn escape_json(json: String) -> String {
    let is_string_control = |character: char| character != '\n' && is_control(character);
    if !json.contains(is_string_control) {
        return json;
    }
    let mut escaped = String::with_capacity(json.len() + 16);
    for character in json.chars() {
        match is_string_control(character) {
            // All these characters are in the Basic Multilingual Plane, so one escape suffices.
            true => escaped.push_str(&format!("\\u{:04x}", u32::from(character))),
            false => escaped.push(character),
        }
    }
    escaped
}

/// Replaces each control character except tabs by one character, so that columns stay the same.
pub(super) fn mask(text: &str) -> String {
    text.chars().map(|c| if c != '\t' && is_control(c) { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn controls_are_escaped_and_text_is_not() {
        for (text, line, json) in [
            ("a\u{1b}[2Jb\nc", "a\\u{1b}[2Jb\\nc", "a\\u001b[2Jb\nc"),
            ("\u{9b}31m\u{7f}\r\t", "\\u{9b}31m\\u{7f}\\r\\t", "\\u009b31m\\u007f\\u000d\\u0009"),
            (
                "a\u{202e}b\u{2066}\u{200f}\u{61c}",
                "a\\u{202e}b\\u{2066}\\u{200f}\\u{61c}",
                "a\\u202eb\\u2066\\u200f\\u061c",
            ),
            ("a\u{2028}b\u{2029}", "a\\u{2028}b\\u{2029}", "a\\u2028b\\u2029"),
            (
                "港口 Zürich 👩\u{200d}🚀 می\u{200c}خواهم",
                "港口 Zürich 👩\u{200d}🚀 می\u{200c}خواهم",
                "港口 Zürich 👩\u{200d}🚀 می\u{200c}خواهم",
            ),
        ] {
            assert_eq!(escape(text), line);
            assert_eq!(escape_json(text.to_owned()), json);
            assert_eq!(mask(text).chars().count(), text.chars().count());
        }
    }
}
