//! Text of documents, and Unicode rules for text, names and paths.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use unicode_normalization::UnicodeNormalization;

/// Text that XML 1.0 allows (section 2.2, `Char`), without C1 controls and noncharacters, with LF line ends. Every string in a feed
/// document is one of these.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Text(Arc<str>);

impl Text {
    /// Text with LF as line ends and without forbidden characters.
    pub fn new(raw: &str) -> Text {
        if is_plain(raw) || raw.chars().all(|c| c != '\r' && is_publishable(c)) {
            return Text(raw.into());
        }
        let mut clean = String::with_capacity(raw.len());
        let mut characters = raw.chars().peekable();
        while let Some(character) = characters.next() {
            match character {
                '\r' if characters.peek() == Some(&'\n') => {}
                '\r' => clean.push('\n'),
                other if is_publishable(other) => clean.push(other),
                _ => {}
            }
        }
        Text(clean.into())
    }

    /// A single trimmed line. Runs of white space become one space, including no-break and ideographic spaces. Bidirectional controls are
    /// balanced (UAX #9), so that a title can't reorder the text around it.
    pub fn line(raw: &str) -> Text {
        if is_plain_line(raw) {
            return Text(raw.into());
        }
        let raw =
            &*if raw.contains(is_bidi_control) { Cow::Owned(balance_bidi_controls(raw)) } else { Cow::Borrowed(raw) };
        let mut clean = String::with_capacity(raw.len());
        for word in raw.split(|c: char| c.is_whitespace() || c == '\u{FEFF}') {
            let word_start = clean.len();
            clean.extend(word.chars().filter(|&c| is_publishable(c)));
            if clean.len() > word_start && word_start > 0 {
                clean.insert(word_start, ' ');
            }
        }
        Text(clean.into())
    }

    /// The text as a string slice.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the text is empty.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Whether the text is ASCII that needs no cleaning. Branch-free, so that the compiler vectorises the loop.
fn is_plain(text: &str) -> bool {
    const CHUNK_BYTES: usize = 64;
    let is_plain = |byte: &u8| (0x20..0x7F).contains(byte) | (*byte == b'\n') | (*byte == b'\t');
    text.as_bytes().chunks(CHUNK_BYTES).all(|bytes| bytes.iter().fold(true, |plain, byte| plain & is_plain(byte)))
}

/// Whether the text is printable ASCII with single spaces between words: a fast path for most lines.
fn is_plain_line(text: &str) -> bool {
    let mut before = b' ';
    let is_plain = |byte: u8| {
        let is_plain = byte.is_ascii_graphic() || (byte == b' ' && before != b' ');
        before = byte;
        is_plain
    };
    text.bytes().all(is_plain) && before != b' '
}

/// Closes each open embedding, override and isolate, and drops closing controls without an opening one.
fn balance_bidi_controls(text: &str) -> String {
    let mut open: Vec<char> = Vec::new();
    let mut balanced = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\u{202A}' | '\u{202B}' | '\u{202D}' | '\u{202E}' => open.push('\u{202C}'),
            '\u{2066}'..='\u{2068}' => open.push('\u{2069}'),
            '\u{202C}' if open.last() != Some(&'\u{202C}') => continue,
            '\u{2069}' if !open.contains(&'\u{2069}') => continue,
            '\u{2069}' => {
                // The end of an isolate also closes what is open inside it.
                while open.last() == Some(&'\u{202C}') {
                    balanced.extend(open.pop());
                }
                open.pop();
            }
            '\u{202C}' => drop(open.pop()),
            _ => {}
        }
        balanced.push(character);
    }
    balanced.extend(open.into_iter().rev());
    balanced
}

/// Whether a document may contain the character: XML 1.0 `Char` without C1 controls, noncharacters and U+FEFF.
pub fn is_publishable(character: char) -> bool {
    match u32::from(character) {
        0x9 | 0xA | 0xD => true,
        0..=0x1F | 0x7F..=0x9F | 0xFEFF | 0xFDD0..=0xFDEF => false,
        code => code & 0xFFFE != 0xFFFE,
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// Normalisation form C (UAX #15).
pub fn nfc(text: &str) -> Cow<'_, str> {
    if text.is_ascii() { Cow::Borrowed(text) } else { Cow::Owned(text.nfc().collect()) }
}

/// A path or name in the form that is compared by file systems that ignore case and Unicode normalisation.
pub fn folded(path: &str) -> Cow<'_, str> {
    match path.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase()) {
        true => Cow::Borrowed(path),
        // Lower-casing can decompose characters, and composing can produce upper case.
        false => Cow::Owned(nfc(&nfc(path).to_lowercase()).into_owned()),
    }
}

/// Whether the character reorders the text around it (UAX #9). Not allowed in paths and names.
pub fn is_bidi_control(character: char) -> bool {
    matches!(character, '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

/// Whether the character is invisible: white space, zero-width and formatting characters, controls.
pub fn is_invisible(character: char) -> bool {
    if character.is_ascii() {
        return !character.is_ascii_graphic();
    }
    character.is_whitespace()
        || character.is_control()
        || is_bidi_control(character)
        || matches!(character, '\u{AD}' | '\u{34F}' | '\u{61C}' | '\u{180B}'..='\u{180F}' | '\u{200B}'..='\u{200D}' | '\u{2060}'..='\u{206F}')
        || matches!(
            character,
            '\u{115F}' | '\u{1160}' | '\u{2800}' | '\u{3164}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFA0}'
        )
}

/// Normalisation form KC (UAX #15), which turns full-width letters and signs into the usual ones.
pub fn nfkc(text: &str) -> Cow<'_, str> {
    if text.is_ascii() { Cow::Borrowed(text) } else { Cow::Owned(text.nfkc().collect()) }
}
