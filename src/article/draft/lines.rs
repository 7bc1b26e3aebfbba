//! Lines about publication at the top and at the end of a text that has no place for them: `EMBARGOED UNTIL 1 June 2030` above a
//! Markdown text or inside an HTML body.
//!
//! At the top, doubt withholds. A sentence of the text about an embargo doesn't, nor does a heading, unless nothing but a date stands in it.

use std::ops::Range;

use super::Draft;
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

impl Draft<'_> {
    /// Takes what the first lines say about publication.
    pub(crate) fn take_top_lines(&mut self, lines: &[Line], how: &'static str) {
        let (mut in_text, mut has_text) = (false, false);
        for line in lines.iter().take(MOST_TOP) {
            // A heading below any text is one of a section.
            self.take_line(line, !(in_text || (line.is_heading && has_text)), how);
            has_text |= !line.is_heading && line::embargo(&line.text).is_none();
            in_text |= !line.is_heading && (is_sentence(&line.text) || is_wider(&line.text, 120));
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
                    if is_top || self.is_instant(value) || (found.whole && (is_above_text || !line.is_heading)) =>
                {
                    self.set_embargo(value, span, how);
                }
                Says::Perhaps if is_top && !is_sentence(text) => self.set_embargo(value, span, how),
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
            *field == crate::article::WireField::Embargo
                && lifecycle::normal(known.as_str()) == lifecycle::normal(label)
        });
        match lifecycle::label(label).or_else(|| own.then_some(Meaning::Embargo)) {
            Some(Meaning::Embargo) if self.is_instant(value) || (is_top && !is_sentence(text)) => {
                self.set_embargo(value, span, how);
            }
            Some(Meaning::Expires) if self.is_instant(value) => self.set_expires(value, span, how),
            // Any other word may be text: `Status: it's complicated`.
            Some(Meaning::Status) if is_top && line.begins_paragraph && lifecycle::is_not_public(value) => {
                self.set_status(value, span, how);
            }
            Some(Meaning::Draft) if is_top && line.begins_paragraph && lifecycle::truth(value) == Some(true) => {
                self.set_draft(true, span, how);
            }
            _ => {}
        }
    }
}

/// Marks around a line: `*** DRAFT ***`, `<!-- draft -->`.
fn is_mark(c: char) -> bool {
    !c.is_alphanumeric()
}
