//! Finds the beginning and the end of front matter.

use std::ops::Range;

use super::lines::{Line, lines};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Format {
    Yaml,
    Toml,
    Json,
}

/// An opening fence: its signs, the language names that may follow them, the format, and the closing fences.
struct Fence {
    signs: &'static str,
    languages: &'static [&'static str],
    format: Format,
    closings: &'static [&'static str],
}

/// The fences of Jekyll, Hugo, Zola, Eleventy and gray-matter (`---yaml`), and of Middleman and Hexo (`;;;`).
const FENCES: &[Fence] = &[
    Fence { signs: "---", languages: &["", "yaml", "yml"], format: Format::Yaml, closings: &["---", "..."] },
    Fence { signs: "---", languages: &["toml"], format: Format::Toml, closings: &["---"] },
    Fence { signs: "---", languages: &["json"], format: Format::Json, closings: &["---"] },
    Fence { signs: "+++", languages: &["", "toml"], format: Format::Toml, closings: &["+++"] },
    Fence { signs: ";;;", languages: &["", "json"], format: Format::Json, closings: &[";;;"] },
];

/// Front matter between fences.
#[derive(Clone, Debug)]
pub(super) struct Extent {
    pub(super) format: Format,
    /// The byte range of the opening fence.
    pub(super) opening: Range<usize>,
    /// The closing fence, for messages.
    pub(super) closing: &'static str,
    pub(super) matter: Range<usize>,
    /// The byte offset of the article below. `None` if the closing fence is missing.
    pub(super) body: Option<usize>,
}

/// The first line that is not blank.
pub(super) fn first_line(text: &str, from: usize) -> Option<Line<'_>> {
    lines(text, from).find(|line| !line.is_blank())
}

/// Which lines may close front matter.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Closing {
    /// Only a fence that is indented no deeper than the opening one. Deeper lines may be part of a value.
    AtMargin,
    /// Any fence, as in Zola.
    Indented,
}

/// Finds the opening and the closing fence.
pub(super) fn find(text: &str) -> Option<Extent> {
    find_closed(text, Closing::AtMargin)
}

/// Finds the opening fence, and a closing fence at any indentation.
pub(super) fn find_indented(text: &str) -> Option<Extent> {
    find_closed(text, Closing::Indented)
}

fn find_closed(text: &str, closing: Closing) -> Option<Extent> {
    // A YAML stream may begin with directives.
    let is_directive = |line: &Line<'_>| line.text.starts_with("%YAML") || line.text.starts_with("%TAG");
    let opening = lines(text, 0).find(|line| !line.is_blank() && !is_directive(line))?;
    let visible = opening.visible();
    let fence = FENCES.iter().find(|fence| {
        let language = visible.strip_prefix(fence.signs).map(without_comment);
        language.is_some_and(|language| fence.languages.iter().any(|known| known.eq_ignore_ascii_case(language)))
    })?;
    let indent = indent_of(&opening);
    let closing = lines(text, opening.next).find(|line| {
        let visible = line.visible();
        (closing == Closing::Indented || indent_of(line) <= indent)
            && fence
                .closings
                .iter()
                .any(|signs| visible.strip_prefix(signs).is_some_and(|rest| without_comment(rest).is_empty()))
    });
    Some(Extent {
        format: fence.format,
        opening: opening.span(),
        closing: fence.closings.first().copied().unwrap_or_default(),
        matter: opening.next..closing.map_or(text.len(), |line| line.start),
        body: closing.map(|line| line.next),
    })
}

/// The text after the signs of a fence, without a comment.
fn without_comment(rest: &str) -> &str {
    match rest.find(" #") {
        Some(at) => rest.get(..at).unwrap_or_default().trim(),
        None => rest.trim(),
    }
}

/// The number of white-space characters before a line's text.
fn indent_of(line: &Line<'_>) -> usize {
    line.text.chars().take_while(|c| c.is_whitespace()).count()
}

/// The end of the JSON object that begins at `start` (byte offsets).
pub(super) fn object_end(text: &str, start: usize) -> Option<usize> {
    let mut depth = 0_usize;
    let mut in_string = false;
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(start) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'{' if !in_string => depth += 1,
            b'}' if !in_string => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return Some(at + 1);
                }
            }
            _ => {}
        }
    }
    None
}
