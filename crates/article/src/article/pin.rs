//! Writes the id of an article into its file.
//!
//! # Why does `pin` insert bytes instead of writing the file anew?
//!
//! Decoding and encoding a file could change unusual bytes in it. `pin` chooses the position in the undecoded bytes, inserts the id there,
//! and parses the result. If anything but the id differs, `pin` returns the reason instead of new bytes.

#[cfg(test)]
mod tests;

use std::borrow::Cow;

use encoding_rs::{Encoding, UTF_16BE, UTF_16LE};

use super::{Article, Metadata, ParseOptions, Parsed, parse};
use crate::diagnostics::Severity;
use crate::types::{ArticlePath, EntryId};

/// An article with its id written into it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Pinned {
    /// The whole file.
    pub bytes: Vec<u8>,
    /// The one-based line of the insertion.
    pub line: u32,
    /// The inserted text without line ends around it: one line, or three lines of new front matter.
    pub inserted: String,
}

/// Why an id was not written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Unpinned {
    /// The file has an id already.
    HasId(EntryId),
    /// The id can't be written safely: the reason, as a sentence without a full stop.
    Unsafe(String),
}

/// Writes the id into the file's bytes.
///
/// # Errors
/// If the file has an id, or if the insertion could change anything else.
pub fn pin(path: &ArticlePath, bytes: &[u8], id: &EntryId, options: &ParseOptions) -> Result<Pinned, Unpinned> {
    let before = parse(path, bytes, options);
    let Some(article) = &before.article else {
        return Err(Unpinned::Unsafe(format!("it cannot be read as an article{}", first_error(&before))));
    };
    if let Some(own) = &article.metadata.id {
        return Err(Unpinned::HasId(own.clone()));
    }
    let ascii = Ascii::of(bytes);
    let attempt = |insertion: Insertion| {
        let text = format!("{}{}{}", insertion.before, insertion.lines.join(insertion.line_end), insertion.after);
        let (head, tail) = bytes.split_at_checked(insertion.at * ascii.width()).unwrap_or((bytes, &[]));
        let pinned = [head, &ascii.encode(&text), tail].concat();
        if let Some(difference) = difference(&before, article, &parse(path, &pinned, options), id) {
            let inserted = insertion.lines.join(" ");
            return Err(Unpinned::Unsafe(format!("with `{}` in it, {difference}", inserted.trim())));
        }
        let above = ascii.units.get(..insertion.at).unwrap_or_default();
        let lines = above.iter().chain(insertion.before.as_bytes()).filter(|&&unit| unit == b'\n').count() + 1;
        let line = u32::try_from(lines).unwrap_or(u32::MAX);
        Ok(Pinned { bytes: pinned, line, inserted: insertion.lines.join("\n") })
    };
    let in_front_matter = || attempt(front_matter(&ascii, id).map_err(Unpinned::Unsafe)?);
    // Pages and wire text may have front matter too.
    let or_in_front_matter = |reason| match begins_with_fence(&ascii) {
        true => in_front_matter().map_err(|_| reason),
        false => Err(reason),
    };
    match path.extension().to_ascii_lowercase().as_str() {
        "html" | "htm" => attempt(page(&ascii, id)).or_else(or_in_front_matter),
        "txt" => attempt(wire(&ascii, id)).or_else(or_in_front_matter),
        "json" | "xml" => Err(Unpinned::Unsafe("it is an agency's file, whose id follows from the item's".to_owned())),
        // Thematic breaks above a text look like fences.
        _ => in_front_matter().or_else(|reason| attempt(new_front_matter(&ascii, id)).map_err(|_| reason)),
    }
}

/// The difference between the articles of old and new bytes, besides the id.
fn difference(before: &Parsed, article: &Article, after: &Parsed, id: &EntryId) -> Option<String> {
    let Some(new) = &after.article else {
        return Some(format!("it could no longer be read as an article{}", first_error(after)));
    };
    let (hash, item) = (new.metadata.hash, new.metadata.item.clone());
    let expected = Metadata { id: Some(id.clone()), hash, item, ..(*article.metadata).clone() };
    if new.metadata.id.as_ref() != Some(id) {
        return Some("its id would still be different".to_owned());
    }
    if *new.metadata != expected {
        return Some("other fields of it would change".to_owned());
    }
    if new.body != article.body {
        return Some("its text would change".to_owned());
    }
    let mut known: Vec<_> = before.diagnostics.iter().map(|known| (known.code, &known.message, &known.help)).collect();
    after.diagnostics.iter().find_map(|new| {
        // Positions move, so they aren't compared.
        match known.iter().position(|known| *known == (new.code, &new.message, &new.help)) {
            Some(at) => drop(known.swap_remove(at)),
            None => return Some(format!("there would be a new mistake: {}", new.message)),
        }
        None
    })
}

fn first_error(parsed: &Parsed) -> String {
    let error = parsed.diagnostics.iter().find(|diagnostic| diagnostic.severity == Severity::Error);
    error.map(|error| format!(": {}", error.message)).unwrap_or_default()
}

/// The ASCII characters of a file, which decide the position of the id. In all supported charsets, line ends, `<`, `>`, quotes and blanks
/// are bytes that are never part of another character; UTF-16 has pairs of bytes.
struct Ascii<'b> {
    /// The text with one byte per byte, or per pair of bytes in UTF-16. 0xFF for other characters than ASCII.
    units: Cow<'b, [u8]>,
    utf16: Option<&'static Encoding>,
    /// The index of the first unit after the byte order marks.
    start: usize,
}

impl<'b> Ascii<'b> {
    fn of(bytes: &'b [u8]) -> Ascii<'b> {
        let utf16 = Encoding::for_bom(bytes).map(|(encoding, _)| encoding);
        let utf16 = utf16.filter(|encoding| *encoding == UTF_16LE || *encoding == UTF_16BE);
        let is_big_endian = utf16 == Some(UTF_16BE);
        let bom: &[u8] = match utf16 {
            Some(_) if is_big_endian => &[0xFE, 0xFF],
            Some(_) => &[0xFF, 0xFE],
            None if bytes.starts_with(&[0xEF, 0xBB, 0xBF]) => &[0xEF, 0xBB, 0xBF],
            // The byte order mark of GB18030.
            None => &[0x84, 0x31, 0x95, 0x33],
        };
        let mut rest = bytes;
        while let Some(after) = rest.strip_prefix(bom) {
            rest = after;
        }
        let marks = bytes.len() - rest.len();
        let unit = |pair: &[u8]| match *pair {
            [0, low] if is_big_endian => low,
            [low, 0] if !is_big_endian => low,
            _ => 0xFF,
        };
        match utf16 {
            None => Ascii { units: Cow::Borrowed(bytes), utf16, start: marks },
            Some(_) => Ascii { units: bytes.chunks(2).map(unit).collect(), utf16, start: marks / 2 },
        }
    }

    fn width(&self) -> usize {
        if self.utf16.is_some() { 2 } else { 1 }
    }

    fn encode(&self, text: &str) -> Vec<u8> {
        match self.utf16 {
            None => text.as_bytes().to_vec(),
            Some(encoding) if encoding == UTF_16BE => text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
            Some(_) => text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        }
    }

    fn from(&self, at: usize) -> &[u8] {
        self.units.get(at..).unwrap_or_default()
    }

    /// The line from a position on, with its end.
    fn line(&self, at: usize) -> &[u8] {
        self.from(at).split_inclusive(|&unit| unit == b'\n').next().unwrap_or_default()
    }

    /// The line end of the line at a position. `\n` if it has none.
    fn line_end(&self, at: usize) -> &'static str {
        match self.from(at).iter().position(|unit| matches!(unit, b'\r' | b'\n')).map(|end| self.from(at + end)) {
            Some([b'\r', b'\n', ..]) => "\r\n",
            Some([b'\r', ..]) => "\r",
            _ => "\n",
        }
    }
}

/// The text to insert and its position.
struct Insertion {
    /// The unit before which it is inserted.
    at: usize,
    /// The separator from the text before it.
    before: String,
    lines: Vec<String>,
    /// The line end between its lines.
    line_end: &'static str,
    /// The separator from the text after it.
    after: String,
}

/// The insertion into front matter. The id becomes the first key, where neither a TOML table nor a block scalar can contain it. A file
/// without front matter gets new front matter.
fn front_matter(file: &Ascii<'_>, id: &EntryId) -> Result<Insertion, String> {
    let first = file.line(file.start);
    let line_end = front_matter_line_end(file);
    let inside = file.start + first.len();
    let (at, lines) = match first.trim_ascii_end() {
        // An id contains neither quotation marks nor backslashes, so nothing needs escapes.
        b"---" | b"---yaml" | b"--- yaml" | b"---yml" => {
            (inside, vec![format!("{}id: \"{id}\"", yaml_indent(file.from(inside))?)])
        }
        b"+++" | b"---toml" | b"--- toml" => (inside, vec![format!("id = \"{id}\"")]),
        _ => return Ok(new_front_matter(file, id)),
    };
    Ok(Insertion { at, before: String::new(), lines, line_end, after: line_end.to_owned() })
}

/// Front matter above everything.
fn new_front_matter(file: &Ascii<'_>, id: &EntryId) -> Insertion {
    let line_end = front_matter_line_end(file);
    let lines = vec!["---".to_owned(), format!("id: \"{id}\""), "---".to_owned()];
    Insertion { at: file.start, before: String::new(), lines, line_end, after: line_end.to_owned() }
}

fn front_matter_line_end(file: &Ascii<'_>) -> &'static str {
    match file.line_end(file.start) {
        // `pin` ends lines of front matter only with LF or CRLF.
        "\r" => "\n",
        other => other,
    }
}

fn begins_with_fence(file: &Ascii<'_>) -> bool {
    matches!(file.from(file.start), [b'-', b'-', b'-', ..] | [b'+', b'+', b'+', ..])
}

/// The indentation of a YAML mapping, which must be the same for all keys.
fn yaml_indent(matter: &[u8]) -> Result<String, String> {
    let content = matter.split(|&unit| unit == b'\n').find(|line| !matches!(line.trim_ascii(), [] | [b'#', ..]));
    let content = content.unwrap_or_default();
    match content.trim_ascii_start() {
        [b'{', ..] => {
            Err("its front matter is in braces, where lines are not keys; write the `id` between them".into())
        }
        _ => Ok(" ".repeat(content.iter().take_while(|&&unit| unit == b' ').count())),
    }
}

/// A labelled line at the top of the file. The lines of the header may have any order.
fn wire(file: &Ascii<'_>, id: &EntryId) -> Insertion {
    let line_end = file.line_end(file.start);
    let (at, after) = (file.start, line_end.to_owned());
    Insertion { at, before: String::new(), lines: vec![format!("Id: {id}")], line_end, after }
}

/// A `meta` element at the beginning of `<head>`, or before the first element if there is no such tag. A charset declaration stays first,
/// because it must be within the first 1024 bytes.
fn page(file: &Ascii<'_>, id: &EntryId) -> Insertion {
    let meta = format!("<meta name=\"dateline-id\" content=\"{}\">", id.as_str().replace('&', "&amp;"));
    let blanks = |at: usize| at + file.from(at).iter().take_while(|unit| unit.is_ascii_whitespace()).count();
    let mut at = blanks(file.start);
    while let Some(length) = prologue(file.from(at)) {
        at = blanks(at + length);
    }
    let line_end = file.line_end(at);
    if let Some(head) = tag(file.from(at), b"head") {
        at += head;
        while let Some(length) = tag(file.from(blanks(at)), b"meta")
            && declares_charset(file.from(blanks(at)).get(..length).unwrap_or_default())
        {
            at = blanks(at) + length;
        }
        // A page with several lines gets a new line, indented like the next one.
        let gap = file.units.get(at..blanks(at)).unwrap_or_default();
        let before = match gap.iter().rposition(|unit| matches!(unit, b'\r' | b'\n')) {
            Some(last) => format!("{}{}", file.line_end(at), ascii(gap.get(last + 1..).unwrap_or_default())),
            None => String::new(),
        };
        return Insertion { at, before, lines: vec![meta], line_end, after: String::new() };
    }
    let above = file.units.get(file.start..at).unwrap_or_default();
    let line = above.rsplit(|unit| matches!(unit, b'\r' | b'\n')).next().unwrap_or_default();
    let after = if line.trim_ascii().is_empty() { format!("{line_end}{}", ascii(line)) } else { String::new() };
    Insertion { at, before: String::new(), lines: vec![meta], line_end, after }
}

/// The length of a comment, a declaration, an instruction or `<html>` before `<head>`.
fn prologue(rest: &[u8]) -> Option<usize> {
    let up_to = |end: &[u8], from: usize| {
        let at = rest.get(from..)?.windows(end.len()).position(|window| window == end)?;
        Some(from + at + end.len())
    };
    match rest {
        // `<!-->` is a complete comment.
        [b'<', b'!', b'-', b'-', ..] => up_to(b"-->", 2),
        [b'<', b'!' | b'?', ..] => up_to(b">", 2),
        _ => tag(rest, b"html"),
    }
}

/// The length of the start tag at the beginning, if it has this name.
fn tag(rest: &[u8], name: &[u8]) -> Option<usize> {
    let (written, after) = rest.strip_prefix(b"<")?.split_at_checked(name.len())?;
    let is_whole_name = after.first().is_some_and(|unit| unit.is_ascii_whitespace() || matches!(unit, b'>' | b'/'));
    if !written.eq_ignore_ascii_case(name) || !is_whole_name {
        return None;
    }
    let mut quote = None;
    let end = after.iter().position(|&unit| {
        match (quote, unit) {
            (None, b'"' | b'\'') => quote = Some(unit),
            (Some(open), _) if open == unit => quote = None,
            _ => {}
        }
        quote.is_none() && unit == b'>'
    })?;
    Some(1 + name.len() + end + 1)
}

fn declares_charset(tag: &[u8]) -> bool {
    tag.to_ascii_lowercase().windows(b"charset".len()).any(|window| window == b"charset")
}

fn ascii(units: &[u8]) -> String {
    units.iter().map(|&unit| char::from(unit)).collect()
}
