//! Splits a file into lines, and recognises rules and `key: value` pairs in them.

use std::borrow::Cow;
use std::ops::Range;

use crate::article::fields::names::{self, Verdict};
use crate::article::keys;
use crate::article::lifecycle;
use crate::types::is_invisible;

/// A line without its line end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line<'t> {
    pub(super) text: &'t str,
    pub(super) start: usize,
    /// The byte offset of the next line.
    pub(super) next: usize,
}

impl<'t> Line<'t> {
    /// The byte range of the line's visible text.
    pub(super) fn span(&self) -> Range<usize> {
        let after = self.text.trim_start_matches(is_invisible);
        let start = self.start + (self.text.len() - after.len());
        start..start + after.trim_end_matches(is_invisible).len()
    }

    pub(super) fn is_blank(&self) -> bool {
        self.text.chars().all(is_invisible)
    }

    /// The visible text: trimmed, and without zero-width characters.
    pub(super) fn visible(&self) -> Cow<'t, str> {
        let text = self.text.trim_matches(is_invisible);
        if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
            return Cow::Borrowed(text);
        }
        match text.contains(|c: char| is_invisible(c) && !c.is_whitespace()) {
            false => Cow::Borrowed(text),
            true => text.chars().filter(|&c| !is_invisible(c) || c.is_whitespace()).collect(),
        }
    }
}

/// Line ends besides CRLF, including those of Unicode and of mainframes.
const LINE_ENDS: [char; 7] = ['\n', '\r', '\u{B}', '\u{C}', '\u{85}', '\u{2028}', '\u{2029}'];

/// The lines of a text from a byte offset on.
pub(super) fn lines(text: &str, from: usize) -> impl Iterator<Item = Line<'_>> {
    let mut start = from;
    std::iter::from_fn(move || {
        let rest = text.get(start..).filter(|rest| !rest.is_empty())?;
        let length = line_length(rest);
        let (line, after) = rest.split_at_checked(length)?;
        let end = if after.starts_with("\r\n") { 2 } else { after.chars().next().map_or(0, char::len_utf8) };
        let line = Line { text: line, start, next: start + length + end };
        start = line.next;
        Some(line)
    })
}

/// The length of the first line in bytes, without its end.
fn line_length(text: &str) -> usize {
    let mut length = 0;
    loop {
        let rest = text.as_bytes().get(length..).unwrap_or_default();
        // Every line end begins with one of these bytes, and is decoded only there.
        let Some(at) = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r' | 0x0B | 0x0C | 0xC2 | 0xE2)) else {
            return text.len();
        };
        length += at;
        match text.get(length..).and_then(|rest| rest.chars().next()) {
            Some(character) if !LINE_ENDS.contains(&character) => length += character.len_utf8(),
            _ => return length,
        }
    }
}

/// Whether a character is a hyphen, looks like one, or is written for one by autocorrection, input methods or word processors.
pub(super) fn is_dash(character: char) -> bool {
    matches!(
        character,
        '-' | '\u{AF}'
            | '\u{2D7}'
            | '\u{58A}'
            | '\u{2010}'..='\u{2015}'
            | '\u{203E}'
            | '\u{2043}'
            | '\u{2053}'
            | '\u{207B}'
            | '\u{208B}'
            | '\u{2212}'
            | '\u{23AF}'
            | '\u{2500}'..='\u{257F}'
            | '\u{2796}'
            | '\u{2E3A}'
            | '\u{2E3B}'
            | '\u{2E40}'
            | '\u{301C}'
            | '\u{3030}'
            | '\u{30A0}'
            | '\u{30FC}'
            | '\u{3161}'
            | '\u{4E00}'
            | '\u{FE31}'
            | '\u{FE32}'
            | '\u{FE49}'..='\u{FE4F}'
            | '\u{FE58}'
            | '\u{FE63}'
            | '\u{FF0D}'
            | '\u{FF5E}'
            | '\u{FF70}'
            | '\u{FFE3}'
    )
}

fn is_plus(character: char) -> bool {
    matches!(character, '+' | '\u{207A}' | '\u{208A}' | '\u{2795}' | '\u{FB29}' | '\u{FE62}' | '\u{FF0B}')
}

/// A line of punctuation that may be a damaged fence.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Rule {
    /// Dashes or plus signs, with or without a language name.
    Dashes,
    /// Other signs: asterisks, backticks, the opening of a comment.
    Signs,
}

/// Language names that may follow the signs of a fence.
const LANGUAGES: &[&str] = &[
    "yaml",
    "yml",
    "toml",
    "json",
    "json5",
    "jsonc",
    "hjson",
    "js",
    "javascript",
    "ts",
    "typescript",
    "coffee",
    "coffeescript",
    "cson",
    "ini",
    "edn",
    "lua",
    "xml",
    "ruby",
    "rb",
    "python",
    "py",
    "properties",
];

/// Parses a line that consists of punctuation, with or without a language name.
pub(super) fn rule(line: &str) -> Option<Rule> {
    let is_sign = |c: char| is_dash(c) || is_plus(c) || (!c.is_alphanumeric() && !c.is_whitespace());
    if line.starts_with("<!--") && !line.contains("-->") {
        return Some(Rule::Signs);
    }
    let after = line.trim_start_matches(|c: char| is_sign(c) || c.is_whitespace());
    let signs = line.get(..line.len() - after.len()).unwrap_or_default();
    let word = after.trim_end_matches(|c: char| is_sign(c) || c.is_whitespace());
    let is_language = LANGUAGES.iter().any(|language| word.eq_ignore_ascii_case(language));
    // `---name` is front matter in the language `name`.
    let is_attached = signs == "---" && !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric());
    if signs.trim().is_empty() || !(word.is_empty() || is_language || is_attached) {
        return None;
    }
    Some(if signs.contains(|c| is_dash(c) || is_plus(c)) { Rule::Dashes } else { Rule::Signs })
}

/// A line of the form `key: value` or `key = value`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Pair<'t> {
    /// The [normalised](keys::normalised) key.
    pub(super) key: Cow<'t, str>,
    pub(super) value: &'t str,
}

/// The length of the longest key that is recognised.
const MAX_KEY_CHARACTERS: usize = 60;
/// The length of the longest declaration of a variable with its type.
const MAX_DECLARATION_CHARACTERS: usize = 120;

/// Characters before a key in damaged front matter, in comments and in headers of other tools.
const KEY_PREFIXES: &[char] = &['{', '"', '\'', '“', '”', '„', '‘', '’', '«', '<', '!', '>', ':', '%', '+', '`', ','];

/// Parses a line into key and value. The value may be empty.
pub(super) fn pair(line: &str) -> Option<Pair<'_>> {
    let line = line.trim_matches(is_invisible);
    // `#` begins a comment or a heading, but `#+TITLE:` is a key of Org.
    let line = if line.starts_with('#') { line.strip_prefix("#+")? } else { line };
    let line =
        line.strip_prefix("<!--").unwrap_or(line).trim_start_matches(|c| is_invisible(c) || KEY_PREFIXES.contains(&c));
    let separators = [':', '=', '：', '＝', '︰', '﹕', '∶'];
    let declared = without_keywords(line);
    let (at, separator) = if declared.len() < line.len() {
        // With a type between name and value: `const draft: boolean = true`.
        line.char_indices().take(MAX_DECLARATION_CHARACTERS).find(|(_, c)| *c == '=')?
    } else {
        line.char_indices().take(MAX_KEY_CHARACTERS).find(|(_, c)| separators.contains(c))?
    };
    let name = without_keywords(line.get(..at)?);
    let name = if declared.len() < line.len() { name.split(':').next().unwrap_or_default() } else { name };
    let key = keys::normalised(name);
    if key.is_empty() {
        return None;
    }
    let value = line.get(at + separator.len_utf8()..)?;
    let value =
        value.trim_end_matches("-->").trim_matches(|c: char| is_invisible(c) || separators.contains(&c) || c == '>');
    let value = value.split(" #").next().unwrap_or_default();
    const QUOTES: [char; 13] = ['"', '\'', '“', '”', '„', '‘', '’', '«', '»', '`', ',', ';', '}'];
    let value = value.trim_matches(|c| is_invisible(c) || QUOTES.contains(&c));
    Some(Pair { key, value: if declared.len() < line.len() { without_assertion(value) } else { value } })
}

/// The name without JavaScript keywords such as `const`.
fn without_keywords(name: &str) -> &str {
    const KEYWORDS: [&str; 4] = ["export ", "const ", "let ", "var "];
    KEYWORDS.iter().fold(name, |name, keyword| name.strip_prefix(keyword).map_or(name, str::trim_start))
}

/// The value without TypeScript's type assertions. `!0` and `!1` become `true` and `false`.
fn without_assertion(value: &str) -> &str {
    let value = value.split(" as ").next().unwrap_or_default().split(" satisfies ").next().unwrap_or_default();
    let value = match value.strip_prefix('<').and_then(|rest| rest.split_once('>')) {
        Some((_, value)) => value,
        None => value,
    };
    match value.trim().trim_end_matches(';') {
        "!0" => "true",
        "!1" => "false",
        value => value.trim_matches(['"', '\'', '`']),
    }
}

impl Pair<'_> {
    /// Whether the key is one of dateline's.
    pub(super) fn is_known(&self) -> bool {
        names::is_known(&self.key)
    }

    /// Whether the pair states, or may state, that the article isn't public.
    pub(super) fn verdict(&self) -> Verdict {
        match names::verdict(&self.key, Some(self.value)) {
            Verdict::Public if lifecycle::resembles_embargo(&self.key) && !lifecycle::lifts_embargo(self.value) => {
                Verdict::Withheld
            }
            verdict => verdict,
        }
    }
}
