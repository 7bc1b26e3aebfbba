//! Removes what only a program can run from MDX: imports, exports, components and expressions. The text inside components stays.

use std::borrow::Cow;
use std::ops::Range;

use super::code::{CodeScanner, Syntax, line_at, next_line};
use super::shortcodes::{Expanded, Removed};

/// The length of the longest tag or expression.
const MAX_BYTES: usize = 8_000;

/// Removes the program from a text in MDX.
pub(in crate::article) fn without_program(text: &str) -> Expanded<'_> {
    let mut code = CodeScanner::new(text, Syntax::Markdown);
    let mut written = String::with_capacity(text.len());
    let mut removed: Vec<Removed> = Vec::new();
    let mut report = |kind: String, first: Range<usize>| match removed.iter_mut().find(|known| known.kind == kind) {
        Some(known) => known.count += 1,
        None => removed.push(Removed { kind, first, count: 1 }),
    };
    let (mut at, mut copied) = (0, 0);
    let mut line_start = Some(0);
    while at < text.len() {
        if let Some(start) = line_start.take() {
            if let Some(end) = code.block_at(start) {
                (at, line_start) = (end, Some(end));
                continue;
            }
            if let Some(word) = statement(line_at(text, start)) {
                let end = paragraph_end(text, start);
                report(word.to_owned(), start..start + word.len());
                written.push_str(text.get(copied..start).unwrap_or_default());
                (at, copied, line_start) = (end, end, Some(end));
                continue;
            }
        }
        let rest = text.get(at..).unwrap_or_default();
        let found = match rest.as_bytes().first() {
            Some(b'\n') => {
                line_start = Some(at + 1);
                None
            }
            Some(b'\\') => {
                at += 1;
                None
            }
            Some(b'<') => match component(rest) {
                Some((name, is_end, length)) => {
                    if !is_end {
                        report(format!("<{name}>"), at..at + length);
                    }
                    Some((length, ""))
                }
                None => code.inline_at(at).map(|end| (end - at, text.get(at..end).unwrap_or_default())),
            },
            Some(b'`') => code.inline_at(at).map(|end| (end - at, text.get(at..end).unwrap_or_default())),
            Some(b'{') => expression(rest).map(|(value, length)| {
                if value.is_none() && !rest.starts_with("{/*") {
                    report("{...}".to_owned(), at..at + length);
                }
                (length, value.unwrap_or_default())
            }),
            _ => None,
        };
        match found {
            Some((length, instead)) => {
                written.push_str(text.get(copied..at).unwrap_or_default());
                written.push_str(instead);
                at += length;
                copied = at;
            }
            None => at += text.get(at..).and_then(|rest| rest.chars().next()).map_or(1, char::len_utf8),
        }
    }
    written.push_str(text.get(copied..).unwrap_or_default());
    Expanded { text: Cow::Owned(written), removed }
}

/// The first word of a line that begins an import or an export.
fn statement(line: &str) -> Option<&'static str> {
    let is_import = line.starts_with("import ") && line.contains(['\'', '"', '{']);
    let export = ["const ", "let ", "function ", "default ", "{", "async ", "* "];
    let is_export = line.strip_prefix("export ").is_some_and(|rest| export.iter().any(|word| rest.starts_with(word)));
    is_import.then_some("import").or(is_export.then_some("export"))
}

fn paragraph_end(text: &str, start: usize) -> usize {
    let mut next = start;
    while next < text.len() && !line_at(text, next).trim().is_empty() {
        next = next_line(text, next);
    }
    next
}

/// The name of a component, whether the tag is its end, and the tag's length. Names of elements of HTML are in lower case.
fn component(text: &str) -> Option<(&str, bool, usize)> {
    let rest = text.strip_prefix('<')?;
    // A fragment has no name.
    if rest.starts_with('>') || rest.starts_with("/>") {
        return Some(("", true, text.find('>')? + 1));
    }
    let (rest, is_end) = rest.strip_prefix('/').map_or((rest, false), |rest| (rest, true));
    let end = rest.find(|c: char| !(c.is_alphanumeric() || matches!(c, '.' | '_'))).unwrap_or(rest.len());
    let (name, attributes) = rest.split_at_checked(end)?;
    let is_component = name.starts_with(|c: char| c.is_uppercase()) || name.contains('.');
    let length = tag_end(attributes, b'>').filter(|_| is_component)?;
    Some((name, is_end, text.len() - attributes.len() + length))
}

/// The value of an expression if it is a plain text, and its length. `None` if the brace begins something else.
fn expression(text: &str) -> Option<(Option<&str>, usize)> {
    // An id of a heading.
    if text.starts_with("{#") {
        return None;
    }
    let inner = text.get(1..)?;
    if inner.starts_with("/*") {
        return Some((None, inner.find("*/}").map_or(text.len(), |at| 1 + at + 3)));
    }
    let length = tag_end(inner, b'}')?;
    let value = inner.get(..length - 1)?.trim();
    let quote = value.chars().next().filter(|c| matches!(c, '"' | '\'' | '`'));
    let literal = quote.and_then(|quote| value.strip_prefix(quote)?.strip_suffix(quote));
    Some((literal.filter(|literal| !literal.contains("${")), 1 + length))
}

/// The length up to and with the closing sign, outside quotation marks and inner braces.
fn tag_end(text: &str, closing: u8) -> Option<usize> {
    let mut depth = 0_usize;
    let mut quote = None;
    for (at, byte) in text.bytes().enumerate().take(MAX_BYTES) {
        match (byte, quote) {
            (b'"' | b'\'' | b'`', Some(open)) if byte == open => quote = None,
            (_, Some(_)) => {}
            (b'"' | b'\'' | b'`', None) => quote = Some(byte),
            (_, None) if byte == closing && depth == 0 => return Some(at + 1),
            (b'{', None) => depth += 1,
            (b'}', None) => depth = depth.checked_sub(1)?,
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_removed() {
        for (text, expected, kinds) in [
            ("import X from './x'\nimport {Y} from 'y'\n\nText", "\nText", "import"),
            ("export const a = {\n  b: 1\n}\n\nText", "\nText", "export"),
            ("import duties rose\n\nText", "import duties rose\n\nText", ""),
            ("<Chart data={[1, {a: '>'}]} /> x <Chart/>", " x ", "<Chart>"),
            ("<Note title=\"a > b\">\n\n*Text*\n\n</Note>", "\n\n*Text*\n\n", "<Note>"),
            ("a{' '}b {/* secret */}{props.x}", "a b ", "{...}"),
            ("<em>x</em> 1 < 2", "<em>x</em> 1 < 2", ""),
            ("`<Chart />` `{x}`\n\n```\n<Chart />\n```", "`<Chart />` `{x}`\n\n```\n<Chart />\n```", ""),
            ("## A {#a}", "## A {#a}", ""),
        ] {
            let found = without_program(text);
            let found_kinds: Vec<&str> = found.removed.iter().map(|removed| removed.kind.as_str()).collect();
            assert_eq!((&*found.text, found_kinds.join(" ").as_str()), (expected, kinds), "{text}");
        }
    }
}
