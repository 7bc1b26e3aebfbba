//! Lines about publication at the top and the end of a Markdown or HTML body, such as `EMBARGOED UNTIL 1 June 2030`.
//!
//! At the top, an unclear line withholds the article. A sentence that mentions an embargo doesn't. A heading does only if it contains
//! nothing but the embargo and a date.

use std::borrow::Cow;
use std::ops::Range;

use super::Draft;
use crate::article::access;
use crate::article::keys;
use crate::article::lifecycle;
use crate::article::lifecycle::line::{self, Claim, is_sentence};
use crate::article::meaning::Meaning;
use crate::article::summary::is_wider;

/// How many lines at the top of a text are examined.
pub(crate) const MAX_TOP_LINES: usize = 12;
/// How many lines at the end of a text are examined.
pub(crate) const MAX_LAST_LINES: usize = 3;

/// A line of a text.
pub(crate) struct Line {
    pub(crate) text: String,
    pub(crate) span: Range<usize>,
    pub(crate) is_heading: bool,
    /// Whether the line is the first of its paragraph.
    pub(crate) begins_paragraph: bool,
}

/// Elements that wrap a line.
const TAGS: &[&str] = &[
    "p",
    "b",
    "i",
    "u",
    "s",
    "em",
    "strong",
    "span",
    "div",
    "font",
    "center",
    "small",
    "big",
    "mark",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "blockquote",
    "section",
    "article",
    "header",
    "main",
    "body",
    "table",
    "tbody",
    "tr",
    "td",
    "th",
    "ul",
    "ol",
    "li",
    "br",
    "hr",
    "a",
    "code",
    "tt",
    "del",
    "ins",
    "sup",
    "sub",
    "label",
    "aside",
];

/// The length in bytes of the tag at the start of the text.
pub(crate) fn tag_length(text: &str) -> Option<usize> {
    const MAX_TAG_BYTES: usize = 500;
    let inside = text.strip_prefix('<')?;
    let inside = inside.strip_prefix('/').unwrap_or(inside);
    let length = inside.bytes().take_while(u8::is_ascii_alphanumeric).count();
    let (name, after) = inside.split_at_checked(length)?;
    let is_known = TAGS.iter().any(|known| known.eq_ignore_ascii_case(name));
    (is_known && after.starts_with(|c: char| c == '>' || c == '/' || c.is_whitespace())).then_some(())?;
    text.bytes().take(MAX_TAG_BYTES).position(|byte| byte == b'>').map(|end| end + 1)
}

/// The line without the tags around it: `<p><b>EMBARGOED UNTIL 1 June 2030</b></p>`.
pub(crate) fn untagged(line: &str) -> Cow<'_, str> {
    let line = line.trim();
    if let Some(comment) = line.strip_prefix("<!--") {
        return Cow::Owned(comment.trim_end_matches("-->").trim().to_owned());
    }
    if tag_length(line).is_none() && !line.starts_with("&lt;") && !(line.contains('&') && line.contains("&nbsp;")) {
        return Cow::Borrowed(line);
    }
    let mut words = String::with_capacity(line.len());
    let mut rest = line;
    while let Some((before, tag)) = rest.find('<').and_then(|at| rest.split_at_checked(at)) {
        words.push_str(before);
        let length = tag_length(tag);
        if length.is_none() {
            words.push('<');
        }
        rest = tag.get(length.unwrap_or(1)..).unwrap_or_default();
    }
    words.push_str(rest);
    let words = words.replace("&lt;", "<").replace("&gt;", ">").replace("&nbsp;", " ");
    Cow::Owned(words.trim().to_owned())
}

impl Draft<'_> {
    /// Applies what the first lines state about publication.
    pub(crate) fn apply_top_lines(&mut self, lines: &[Line], origin: &'static str) {
        let (mut in_text, mut has_text) = (false, false);
        for line in lines.iter().take(MAX_TOP_LINES) {
            // A heading below text belongs to a section of the article.
            self.apply_line(line, !(in_text || (line.is_heading && has_text)), origin);
            has_text = has_text || (!line.is_heading && line::parse_embargo(&line.text).is_none());
            in_text = in_text || (!line.is_heading && (is_wider(&line.text, 120) || is_sentence(&line.text)));
        }
    }

    /// Applies what lines elsewhere state about publication. Only unambiguous lines count there.
    pub(crate) fn apply_last_lines(&mut self, lines: &[Line], origin: &'static str) {
        lines.iter().for_each(|line| self.apply_line(line, false, origin));
    }

    fn apply_line(&mut self, line: &Line, is_top: bool, origin: &'static str) {
        let (text, span) = (line.text.as_str(), line.span.clone());
        let (is_above_text, is_top) = (is_top, is_top && !line.is_heading);
        if let Some(found) = line::parse_embargo(text) {
            let value = text.get(found.value).unwrap_or_default();
            return match found.claim {
                // Further below, `## Embargo` is the heading of a section.
                Claim::Until
                    if is_top
                        || self.is_labelled_instant(text, value)
                        || (found.is_complete && (is_above_text || !line.is_heading)) =>
                {
                    self.set_labelled_embargo(text, value, span, origin);
                }
                Claim::Possible if is_top && !is_sentence(text) => self.set_labelled_embargo(text, value, span, origin),
                Claim::Mark if is_above_text && line.begins_paragraph => {
                    self.set_status(text.trim_matches(is_decoration), span, origin)
                }
                // `FOR IMMEDIATE RELEASE: 1 June 2030`: released on that day.
                Claim::NoEmbargo if self.is_instant(value) => self.set_embargo(value, span, origin),
                _ => {}
            };
        }
        let labelled = text.char_indices().take(60).find(|(_, c)| matches!(c, ':' | '：' | '︰' | '﹕'));
        let Some((at, colon)) = labelled else { return };
        let label = text.get(..at).unwrap_or_default();
        let value =
            text.get(at + colon.len_utf8()..).unwrap_or_default().trim_matches(|c| is_decoration(c) && c != ')');
        let is_configured = self.source.options.wire_labels.iter().any(|(known, field)| {
            *field == crate::article::options::WireField::Embargo
                && keys::normalised(known.as_str()) == keys::normalised(label)
        });
        match lifecycle::label_meaning(label).or_else(|| is_configured.then_some(Meaning::Embargo)) {
            Some(Meaning::Embargo) if self.is_labelled_instant(label, value) || (is_top && !is_sentence(text)) => {
                self.set_labelled_embargo(label, value, span, origin);
            }
            Some(Meaning::Expires) if self.is_labelled_instant(label, value) => {
                self.set_labelled_expires(label, value, span, origin);
            }
            // Other words may be text: `Draft: a short history`.
            Some(Meaning::Draft) if is_top && line.begins_paragraph && keys::parse_bool(value) == Some(true) => {
                self.set_draft(true, span, origin);
            }
            // A single unknown word isn't a sentence, and may be a status that withholds.
            Some(Meaning::Status)
                if is_top
                    && line.begins_paragraph
                    && lifecycle::parse_status(value).is_none()
                    && !value.is_empty()
                    && !value.trim().contains(|c: char| !c.is_alphabetic() && c != '-') =>
            {
                self.set_status(value, span, origin);
            }
            Some(Meaning::Draft | Meaning::Status)
                if is_top && line.begins_paragraph && lifecycle::is_not_public(value) =>
            {
                self.set_status(value, span, origin);
            }
            Some(Meaning::Public)
                if is_top
                    && line.begins_paragraph
                    && (keys::parse_bool(value) == Some(false) || lifecycle::is_not_public(value)) =>
            {
                self.set_draft(true, span, origin);
            }
            None if is_top && line.begins_paragraph && access::is_access_line(label, value) => {
                self.set_access(label, value, span, origin);
            }
            _ => {}
        }
    }
}

/// Whether a character decorates a line: `*** DRAFT ***`, `<!-- draft -->`.
fn is_decoration(c: char) -> bool {
    !c.is_alphanumeric()
}
