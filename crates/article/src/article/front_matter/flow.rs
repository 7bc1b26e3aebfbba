//! Joins the lines of YAML lists and tables in brackets.
//!
//! YAML requires that these lines are indented, but the parsers of Hugo and Jekyll don't, and Hugo's manual closes its lists in column 1:
//!
//! ```text
//! aliases: [
//!   /old/
//! ]
//! ```

use super::lines::pair;
use crate::article::fields::names::Verdict;

/// The text with each bracketed value on one line, of the same length in bytes. `None` if there is nothing to join, if a bracket isn't
/// closed, or if one of the lines may withhold the article: then a closing bracket is probably missing.
pub(super) fn joined(matter: &str) -> Option<String> {
    let mut bytes = matter.as_bytes().to_vec();
    let mut is_joined = false;
    let mut line_start = 0;
    while line_start < matter.len() {
        let line_end = end_of_line(matter, line_start);
        let mut next = line_end;
        if let Some(open) = opening_bracket(matter.get(line_start..line_end)?) {
            let close = closing_bracket(matter, line_start + open, &mut bytes)?;
            if close > line_end {
                let inner = matter.get(line_end..close)?;
                if inner.lines().filter_map(pair).any(|pair| pair.verdict() == Verdict::Withheld) {
                    return None;
                }
                bytes.get_mut(line_start..close)?.iter_mut().filter(|byte| matches!(byte, b'\n' | b'\r')).for_each(
                    |byte| {
                        *byte = b' ';
                    },
                );
                is_joined = true;
                next = end_of_line(matter, close);
            }
        }
        line_start = next + 1;
    }
    String::from_utf8(bytes).ok().filter(|_| is_joined)
}

fn end_of_line(text: &str, from: usize) -> usize {
    text.get(from..).and_then(|rest| rest.find('\n')).map_or(text.len(), |at| from + at)
}

/// The place in a line of a bracket that begins a value.
fn opening_bracket(line: &str) -> Option<usize> {
    let trimmed = line.trim_start();
    if trimmed.starts_with('#') {
        return None;
    }
    let value = match trimmed.strip_prefix("- ") {
        Some(item) if item.trim_start().starts_with(['[', '{']) => item,
        _ => trimmed.split_once(": ")?.1,
    };
    let value = value.trim_start();
    value.starts_with(['[', '{']).then(|| line.len() - value.len())
}

/// The place of the bracket that closes the one at `open`. Replaces comments in between by blanks.
fn closing_bracket(text: &str, open: usize, blanked: &mut [u8]) -> Option<usize> {
    let mut depth = 0_usize;
    let mut quote = None;
    let mut in_comment = false;
    let mut previous = b' ';
    for (at, byte) in text.bytes().enumerate().skip(open) {
        match (byte, quote) {
            (b'\n', _) => in_comment = false,
            _ if in_comment => *blanked.get_mut(at)? = b' ',
            (b'"', Some(b'"')) if previous == b'\\' => {}
            (b'"' | b'\'', Some(open)) if byte == open => quote = None,
            (_, Some(_)) => {}
            (b'"' | b'\'', None) if matches!(previous, b' ' | b',' | b'[' | b'{' | b':' | b'\n') => quote = Some(byte),
            (b'#', None) if previous.is_ascii_whitespace() => {
                in_comment = true;
                *blanked.get_mut(at)? = b' ';
            }
            (b'[' | b'{', None) => depth += 1,
            (b']' | b'}', None) => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return Some(at);
                }
            }
            _ => {}
        }
        previous = byte;
    }
    None
}
