//! Lines about publication at the top and at the end of a text that has no place for them: `EMBARGOED UNTIL 1 June 2030` above a
//! Markdown text or inside an HTML body.
//!
//! At the top, doubt withholds. A sentence of the text about an embargo doesn't, nor does a heading, unless nothing but a date stands in it.

use std::borrow::Cow;
use std::ops::Range;

use super::Draft;
use crate::article::access;
use crate::article::lifecycle::line::{self, Says, is_sentence};
use crate::article::lifecycle::{self, Meaning};
use crate::article::summary::is_wider;

/// How many lines at the top of a text are looked at, and how many at its end.
pub(crate) const MOST_TOP: usize = 12;
pub(crate) const MOST_LAST: usize = 3;

/// A line of a text.
pub(crate) struct Line {
    pub(crate) text: String,
    pub(crate) span: Range<usize>,
    pub(crate) is_heading: bool,
    /// Whether no other line of the same paragraph stands above it.
    pub(crate) begins_paragraph: bool,
}

/// Elements that editors put around a line.
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

/// The length of a tag that text begins with.
pub(crate) fn tag_length(text: &str) -> Option<usize> {
    const LONGEST_TAG: usize = 500;
    let inside = text.strip_prefix('<')?;
    let inside = inside.strip_prefix('/').unwrap_or(inside);
    let length = inside.bytes().take_while(u8::is_ascii_alphanumeric).count();
    let (name, behind) = inside.split_at_checked(length)?;
    let is_known = TAGS.iter().any(|known| known.eq_ignore_ascii_case(name));
    (is_known && behind.starts_with(|c: char| c == '>' || c == '/' || c.is_whitespace())).then_some(())?;
    text.bytes().take(LONGEST_TAG).position(|byte| byte == b'>').map(|end| end + 1)
}

/// A line without the tags around its words: `<p><b>EMBARGOED UNTIL 1 June 2030</b></p>`.
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
    /// Takes what the first lines say about publication.
    pub(crate) fn take_top_lines(&mut self, lines: &[Line], how: &'static str) {
        let (mut in_text, mut has_text) = (false, false);
        for line in lines.iter().take(MOST_TOP) {
            // A heading below any text is one of a section.
            self.take_line(line, !(in_text || (line.is_heading && has_text)), how);
            has_text = has_text || (!line.is_heading && line::embargo(&line.text).is_none());
            in_text = in_text || (!line.is_heading && (is_wider(&line.text, 120) || is_sentence(&line.text)));
        }
    }

    /// Takes what lines elsewhere say about publication: only those that can't be anything else.
    pub(crate) fn take_last_lines(&mut self, lines: &[Line], how: &'static str) {
        lines.iter().for_each(|line| self.take_line(line, false, how));
    }

    fn take_line(&mut self, line: &Line, is_top: bool, how: &'static str) {
        let (text, span) = (line.text.as_str(), line.span.clone());
        let (is_above_text, is_top) = (is_top, is_top && !line.is_heading);
        if let Some(found) = line::embargo(text) {
            let value = text.get(found.value).unwrap_or_default();
            return match found.says {
                // `## Embargo` further below is the heading of a section.
                Says::Until
                    if is_top
                        || self.is_instant_behind(text, value)
                        || (found.whole && (is_above_text || !line.is_heading)) =>
                {
                    self.set_embargo_behind(text, value, span, how);
                }
                Says::Perhaps if is_top && !is_sentence(text) => self.set_embargo_behind(text, value, span, how),
                Says::Mark if is_above_text && line.begins_paragraph => {
                    self.set_status(text.trim_matches(is_mark), span, how)
                }
                // `FOR IMMEDIATE RELEASE: 1 June 2030` is released then.
                Says::Free if self.is_instant(value) => self.set_embargo(value, span, how),
                _ => {}
            };
        }
        let labelled = text.char_indices().take(60).find(|(_, c)| matches!(c, ':' | '：' | '︰' | '﹕'));
        let Some((at, colon)) = labelled else { return };
        let label = text.get(..at).unwrap_or_default();
        let value = text.get(at + colon.len_utf8()..).unwrap_or_default().trim_matches(|c| is_mark(c) && c != ')');
        let own = self.source.options.wire_labels.iter().any(|(known, field)| {
            *field == crate::article::options::WireField::Embargo
                && lifecycle::normal(known.as_str()) == lifecycle::normal(label)
        });
        match lifecycle::label(label).or_else(|| own.then_some(Meaning::Embargo)) {
            Some(Meaning::Embargo) if self.is_instant_behind(label, value) || (is_top && !is_sentence(text)) => {
                self.set_embargo_behind(label, value, span, how);
            }
            Some(Meaning::Expires) if self.is_instant_behind(label, value) => {
                self.set_expires_behind(label, value, span, how);
            }
            // Any other word may be text: `Status: it's complicated`.
            Some(Meaning::Draft) if is_top && line.begins_paragraph && lifecycle::truth(value) == Some(true) => {
                self.set_draft(true, span, how);
            }
            // One word that nobody knows is no sentence, and may have been meant to withhold.
            Some(Meaning::Status)
                if is_top
                    && line.begins_paragraph
                    && lifecycle::status(value).is_none()
                    && !value.is_empty()
                    && !value.trim().contains(|c: char| !c.is_alphabetic() && c != '-') =>
            {
                self.set_status(value, span, how);
            }
            Some(Meaning::Draft | Meaning::Status)
                if is_top && line.begins_paragraph && lifecycle::is_not_public(value) =>
            {
                self.set_status(value, span, how);
            }
            Some(Meaning::Public)
                if is_top
                    && line.begins_paragraph
                    && (lifecycle::truth(value) == Some(false) || lifecycle::is_not_public(value)) =>
            {
                self.set_draft(true, span, how);
            }
            None if is_top && line.begins_paragraph && access::is_line(label, value) => {
                self.set_access(label, value, span, how);
            }
            _ => {}
        }
    }
}

/// Marks around a line: `*** DRAFT ***`, `<!-- draft -->`.
fn is_mark(c: char) -> bool {
    !c.is_alphanumeric()
}
