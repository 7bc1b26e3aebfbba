//! Parses YAML and JSON front matter. JSON is nearly a subset of YAML.

use std::fmt::Write as _;
use std::ops::Range;

use saphyr_parser::{Event, Parser, ScalarStyle, Span};

use super::flow;
use super::refusal::{MAX_DEPTH, REMOVE_HELP, Refusal};
use crate::article::values::{Key, Node, Value};
use crate::types::is_invisible;

/// How many parser events a document may have: more than any article needs, and a bound against hostile input.
const MAX_EVENTS: usize = 20_000;

const HELP: &str = "see yaml.org for how values are written; text with `:` or `#` in it needs quotation marks";

/// Parses a mapping. `shift` is its byte offset in the file. If the parser rejects it, parses a [repaired] copy.
pub(super) fn read(matter: &str, shift: usize) -> Result<Vec<(Key<'_>, Node<'_>)>, Refusal> {
    parse(matter, shift).or_else(|refusal| {
        let surrogates = Surrogates::find(matter);
        let Some(repaired) = repaired(matter, surrogates) else { return Err(refusal) };
        let keys = parse(&repaired, shift).map_err(|_| refusal)?;
        let owned = |text: &str| surrogates.map_or_else(|| text.to_owned(), |surrogates| surrogates.restored(text));
        Ok(keys.into_iter().map(|(key, node)| (key.rewritten(&owned), node.rewritten(&owned))).collect())
    })
}

/// Replaces valid YAML that the parser rejects: lists whose brackets aren't indented, tabs and other blanks after a colon, halves of
/// surrogate pairs, byte order marks, control characters. The length in bytes stays the same. `None` if the text contains none of these.
fn repaired(matter: &str, surrogates: Option<Surrogates>) -> Option<String> {
    let joined = flow::joined(matter);
    let is_joined = joined.is_some();
    let matter = joined.as_deref().unwrap_or(matter);
    let mut text = String::with_capacity(matter.len());
    for line in matter.split_inclusive('\n') {
        let value = line.find(':').map_or(line.len(), |at| at + 1);
        let (key, value) = line.split_at_checked(value).unwrap_or((line, ""));
        let blanks = value.find(|c: char| !is_invisible(c) || c == '\n').unwrap_or(value.len());
        let (blanks, value) = value.split_at_checked(blanks).unwrap_or(("", value));
        text.extend(key.chars().map(printable));
        text.extend(blanks.bytes().map(|byte| if byte == b'\r' { '\r' } else { ' ' }));
        text.extend(value.chars().map(printable));
    }
    if let Some(surrogates) = surrogates {
        text = surrogates.replaced(&text);
    }
    (is_joined || text != matter).then_some(text)
}

/// Replaces a character that YAML calls non-printable by one of the same length in bytes.
fn printable(character: char) -> char {
    match character {
        '\t' | '\n' | '\r' | '\u{85}' => character,
        '\0'..='\u{1F}' | '\u{7F}' => ' ',
        '\u{80}'..='\u{9F}' => '\u{A0}',
        '\u{FEFF}' | '\u{FFFE}' | '\u{FFFF}' => '\u{2060}',
        _ => character,
    }
}

/// Protects surrogate pairs from the parser. JSON escapes characters above U+FFFF as surrogate pairs (`\uD83D\uDE80`), and the parser
/// rejects each half. Before parsing, each half is replaced by a private-use character from a range that the text doesn't use.
#[derive(Clone, Copy, Debug)]
struct Surrogates {
    /// The first character of the unused range.
    base: u32,
}

impl Surrogates {
    const FIRST: u32 = 0xD800;
    const COUNT: u32 = 0x800;

    fn find(text: &str) -> Option<Surrogates> {
        let escapes = || escapes(text).map(|(_, code)| code);
        escapes().any(is_surrogate).then_some(())?;
        let is_used = |base: u32| {
            let range = base..base + Surrogates::COUNT;
            text.chars().any(|c| range.contains(&u32::from(c))) || escapes().any(|code| range.contains(&code))
        };
        [0xE000, 0xE800, 0xF000].into_iter().find(|&base| !is_used(base)).map(|base| Surrogates { base })
    }

    fn replaced(self, text: &str) -> String {
        let mut replaced = String::with_capacity(text.len());
        let mut from = 0;
        for (at, code) in escapes(text).filter(|(_, code)| is_surrogate(*code)) {
            replaced.push_str(text.get(from..at).unwrap_or_default());
            // Six bytes, as before.
            let _ = write!(replaced, "\\u{:04X}", code - Surrogates::FIRST + self.base);
            from = at + 6;
        }
        replaced.push_str(text.get(from..).unwrap_or_default());
        replaced
    }

    fn restored(self, text: &str) -> String {
        let unit = |c: char| {
            let code = u32::from(c);
            let is_half = (self.base..self.base + Surrogates::COUNT).contains(&code);
            if is_half { Some(code - self.base + Surrogates::FIRST) } else { None }
        };
        let mut units = Vec::with_capacity(text.len());
        for character in text.chars() {
            match unit(character).and_then(|unit| u16::try_from(unit).ok()) {
                Some(unit) => units.push(unit),
                None => units.extend_from_slice(character.encode_utf16(&mut [0; 2])),
            }
        }
        String::from_utf16_lossy(&units)
    }
}

fn is_surrogate(code: u32) -> bool {
    (0xD800..0xE000).contains(&code)
}

/// The escapes `\uXXXX` in a text: byte offset and code.
fn escapes(text: &str) -> impl Iterator<Item = (usize, u32)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        loop {
            at += text.get(at..)?.find('\\')?;
            let escape = text.get(at..at + 6).and_then(|escape| escape.strip_prefix("\\u"));
            match escape.and_then(|digits| u32::from_str_radix(digits, 16).ok()) {
                Some(code) => {
                    at += 6;
                    return Some((at - 6, code));
                }
                // An escaped backslash begins no other escape.
                None => at += if text.get(at + 1..)?.starts_with('\\') { 2 } else { 1 },
            }
        }
    })
}

/// Converts the parser's character offsets into byte offsets.
struct Positions<'t> {
    text: &'t str,
    shift: usize,
    /// The byte offset of every 64th character. Empty for ASCII text.
    checkpoints: Vec<usize>,
}

impl Positions<'_> {
    const STEP: usize = 64;

    fn new(text: &str, shift: usize) -> Positions<'_> {
        let checkpoints = match text.is_ascii() {
            true => Vec::new(),
            false => text.char_indices().step_by(Positions::STEP).map(|(at, _)| at).collect(),
        };
        Positions { text, shift, checkpoints }
    }

    fn byte(&self, character: usize) -> usize {
        if self.checkpoints.is_empty() {
            return character.min(self.text.len());
        }
        let Some(&mark) = self.checkpoints.get(character / Positions::STEP) else { return self.text.len() };
        let rest = self.text.get(mark..).unwrap_or_default();
        mark + rest.char_indices().nth(character % Positions::STEP).map_or(rest.len(), |(at, _)| at)
    }

    fn at(&self, character: usize) -> usize {
        self.shift + self.byte(character)
    }

    fn span(&self, span: Span) -> Range<usize> {
        let (start, end) = (self.byte(span.start.index()), self.byte(span.end.index()));
        // The parser includes blank lines after a block.
        let marked = self.text.get(start..end).unwrap_or_default().trim_end();
        self.shift + start..self.shift + start + marked.len()
    }
}

/// An incomplete collection.
enum OpenCollection<'t> {
    List(Vec<Node<'t>>),
    Map(Vec<(Key<'t>, Node<'t>)>, Option<Key<'t>>),
}

fn parse(matter: &str, shift: usize) -> Result<Vec<(Key<'_>, Node<'_>)>, Refusal> {
    let positions = Positions::new(matter, shift);
    let refuse = |message: &str, span| Refusal::new(span, message, HELP);
    let mut open: Vec<(OpenCollection<'_>, Range<usize>)> = Vec::new();
    let mut root = None;
    let mut events = 0;
    for event in Parser::new_from_str(matter) {
        let (event, span) = event.map_err(|error| {
            let at = positions.at(error.marker().index());
            refuse(&format!("this is not YAML: {}", error.info()), at..at + 1)
        })?;
        let span = positions.span(span);
        events += 1;
        if events > MAX_EVENTS {
            let message = "the front matter has more than 20,000 keys, values and brackets";
            return Err(Refusal::new(span, message, REMOVE_HELP));
        }
        if open.len() > MAX_DEPTH {
            return Err(Refusal::too_deep(span));
        }
        let done = match event {
            Event::Alias(_) => return Err(refuse("aliases (`*name`) are not used in front matter", span)),
            Event::SequenceStart(..) => {
                open.push((OpenCollection::List(Vec::new()), span));
                continue;
            }
            Event::MappingStart(..) => {
                open.push((OpenCollection::Map(Vec::new(), None), span));
                continue;
            }
            Event::Scalar(text, style, ..) => {
                let is_null = style == ScalarStyle::Plain && matches!(&*text, "" | "~" | "null");
                Node { value: if is_null { Value::Null } else { Value::Scalar(text) }, span }
            }
            Event::SequenceEnd | Event::MappingEnd => match open.pop() {
                Some((OpenCollection::List(items), start)) => {
                    Node { value: Value::List(items), span: start.start..span.end.max(start.end) }
                }
                Some((OpenCollection::Map(entries, _), start)) => {
                    Node { value: Value::Map(entries), span: start.start..span.end.max(start.end) }
                }
                None => continue,
            },
            Event::DocumentStart(_) if root.is_some() => {
                return Err(refuse("front matter is one YAML document, not several", span));
            }
            _ => continue,
        };
        match open.last_mut() {
            None => root = Some(done),
            Some((OpenCollection::List(items), _)) => items.push(done),
            Some((OpenCollection::Map(entries, pending), _)) => match (pending.take(), done.value) {
                (Some(key), value) => {
                    let node = Node { value, span: done.span };
                    match entries.iter().find(|(known, _)| known.name == key.name) {
                        // Merging tools repeat keys, which is harmless if the values are the same.
                        Some((_, known)) if known.is_same(&node) => {}
                        Some(_) => {
                            let message = format!("the key `{}` appears twice", key.name.escape_debug());
                            return Err(refuse(&message, key.span));
                        }
                        None => entries.push((key, node)),
                    }
                }
                (None, Value::Scalar(name)) => {
                    let written =
                        matter.get(done.span.start.saturating_sub(shift)..done.span.end.saturating_sub(shift));
                    if written.is_some_and(|written| written.contains('\n')) {
                        return Err(refuse(
                            "a key ends on the line on which it begins; a comma may be missing",
                            done.span,
                        ));
                    }
                    *pending = Some(Key { name, span: done.span });
                }
                (None, _) => return Err(refuse("a key is a word", done.span)),
            },
        }
    }
    match root {
        Some(Node { value: Value::Map(entries), .. }) => Ok(entries),
        None | Some(Node { value: Value::Null, .. }) => Ok(Vec::new()),
        Some(Node { span, .. }) => Err(refuse("front matter is a list of keys and values such as `title: ...`", span)),
    }
}
