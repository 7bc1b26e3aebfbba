//! Checks the characters and names of a document, and replaces its references by characters.

use std::borrow::Cow;
use std::ops::Range;

use html5ever::data::{C1_REPLACEMENTS, NAMED_ENTITIES};

use super::malformed::{HELP_ENTITY, HELP_RESEND, Malformed, malformed, shown};

/// Replaces references by their characters. `start` is the place of the text.
pub(super) fn resolve(text: &str, start: usize) -> Result<Cow<'_, str>, Malformed> {
    let mut pieces = text.split('&');
    let first = pieces.next().unwrap_or_default();
    if first.len() == text.len() {
        return Ok(with_line_feeds(text));
    }
    let mut resolved = String::with_capacity(text.len());
    resolved.push_str(&with_line_feeds(first));
    let mut at = start + first.len();
    for piece in pieces {
        let Some((name, rest)) = piece.split_once(';') else {
            return Err(malformed("`&` starts a reference without end", "write `&amp;`", at..at + 1));
        };
        let span = at..at + 1 + name.len() + 1;
        match name.strip_prefix('#') {
            Some(number) => resolved.push(numbered_character(number).ok_or_else(|| {
                let message = format!("`&{};` is not a character of XML", shown(name));
                malformed(message, HELP_RESEND, span)
            })?),
            None => push_entity(name, &mut resolved).ok_or_else(|| {
                let message = format!("`&{};` is not an entity of HTML", shown(name));
                malformed(message, HELP_ENTITY, span)
            })?,
        }
        resolved.push_str(&with_line_feeds(rest));
        at += 1 + piece.len();
    }
    Ok(Cow::Owned(resolved))
}

/// The character with a number. As in HTML, numbers of control characters stand for characters of Windows-1252.
fn numbered_character(number: &str) -> Option<char> {
    let code = match number.strip_prefix('x') {
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_hexdigit()) => u32::from_str_radix(digits, 16).ok()?,
        None if number.bytes().all(|byte| byte.is_ascii_digit()) => number.parse().ok()?,
        _ => return None,
    };
    let replacement = code.checked_sub(0x80).and_then(|index| *C1_REPLACEMENTS.get(usize::try_from(index).ok()?)?);
    replacement.or_else(|| char::from_u32(code)).filter(|character| is_xml_character(*character))
}

fn push_entity(name: &str, text: &mut String) -> Option<()> {
    /// The names of HTML's entities are shorter.
    const MAX_NAME_BYTES: usize = 40;
    if name.len() > MAX_NAME_BYTES {
        return None;
    }
    let (first, second) = NAMED_ENTITIES.get(format!("{name};").as_str())?;
    let first = char::from_u32(*first).filter(|character| *character != '\0')?;
    text.push(first);
    if *second != 0 {
        text.push(char::from_u32(*second)?);
    }
    Some(())
}

pub(super) fn is_xml_character(character: char) -> bool {
    matches!(character, '\t' | '\n' | '\r' | '\u{20}'..='\u{FFFD}' | '\u{10000}'..)
}

/// Replaces each line break by a line feed (XML, section 2.11).
pub(super) fn with_line_feeds(text: &str) -> Cow<'_, str> {
    if text.contains('\r') { Cow::Owned(text.replace("\r\n", "\n").replace('\r', "\n")) } else { Cow::Borrowed(text) }
}

pub(super) fn check_name(name: &str, span: Range<usize>) -> Result<(), Malformed> {
    let is_start = |character: char| character.is_alphabetic() || character == '_' || !character.is_ascii();
    let is_part = |character: char| is_start(character) || matches!(character, '0'..='9' | '-' | '.' | ':');
    let (prefix, local) = name.split_once(':').unwrap_or(("_", name));
    let is_name = prefix.starts_with(is_start) && local.starts_with(is_start) && name.chars().all(is_part);
    if is_name { Ok(()) } else { Err(malformed("this is not a name of XML", HELP_RESEND, span)) }
}
