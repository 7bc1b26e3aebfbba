//! Splits wire text into lines and classifies each by itself, regardless of its neighbours.

use super::captions::caption;
use super::dates::{begins_with_dateline, looks_like_date};
use super::fields::{Piece, crumbs, fields, near_label};
use super::labels::{self, Labels};
use super::names::{byline, looks_like_names};
use super::source_slice::{SourceSlice, is_bar, is_blank};
use crate::article::lifecycle::line::{self, Claim};
use crate::article::options::WireField;
use crate::article::summary::is_wider;
use crate::article::{date, steps};

/// How many lines the header, or the labelled lines at the end, may have. Bounds quadratic time.
pub(super) const MAX_LINES: usize = 500;

/// A line that is not blank.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line<'a> {
    pub(super) text: SourceSlice<'a>,
    /// The number of the block. Blank lines separate blocks.
    pub(super) block: usize,
    /// Whether the line is indented, like paragraphs in print.
    pub(super) indented: bool,
}

/// Whether a text has more than `most` lines and fields, which line ends and bars separate.
pub(super) fn has_more_than(text: &str, most: usize) -> bool {
    text.matches(|c: char| matches!(c, '\n' | '\r') || is_bar(c)).nth(most).is_some()
}

/// The lines that are not blank. CR, CRLF and LF all end a line.
pub(super) fn lines(source: &str) -> Vec<Line<'_>> {
    let mut lines = Vec::new();
    let mut block = 0;
    let mut start = 0;
    for raw in source.split_inclusive(['\n', '\r']) {
        let text = SourceSlice { text: raw, start }.trim();
        if !text.text.is_empty() {
            lines.push(Line { text, block, indented: raw.starts_with(is_blank) });
        } else if raw == "\n" && source.get(..start).is_some_and(|before| before.ends_with('\r')) {
            // The LF of a CRLF doesn't begin a block.
        } else {
            block += 1;
        }
        start += raw.len();
    }
    lines
}

/// The kind of a line by its form.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Kind<'a> {
    /// Labelled values.
    Fields(Vec<Piece<'a>>),
    /// The heading of other stories, alone on its line.
    RelatedHeading,
    /// A breadcrumb without a label.
    Breadcrumb(SourceSlice<'a>),
    /// The line is a date only.
    Date(SourceSlice<'a>),
    /// `By ...`: the names.
    Byline(SourceSlice<'a>),
    /// A caption and its credit. One may be empty.
    Caption { caption: SourceSlice<'a>, credit: SourceSlice<'a> },
    /// `EMBARGOED UNTIL ...`: the text after the opening, the claim, and whether only a date follows, so the line can't be a sentence.
    Embargo { until: SourceSlice<'a>, claim: Claim, is_complete: bool },
    /// A misspelt label, the known label, and its field.
    NearLabel { label: SourceSlice<'a>, meant: String, field: WireField },
    /// Anything else: headline or paragraph.
    Prose,
}

/// A line and its kind.
pub(super) type ClassifiedLine<'a> = (Line<'a>, Kind<'a>);

/// Classifies a line by its form.
pub(super) fn classify<'a>(line: SourceSlice<'a>, labels: &Labels) -> Kind<'a> {
    steps::add(line.text.len());
    let bare = line.inside_brackets().unwrap_or(line);
    if is_related_heading(bare, labels) {
        return Kind::RelatedHeading;
    }
    if let Some(pieces) = fields(bare, labels) {
        return Kind::Fields(pieces);
    }
    if let Some(found) = line::parse_embargo(bare.text) {
        let until = bare.part(found.value);
        let is_complete = found.is_complete || looks_like_date(until.text);
        return Kind::Embargo { until, claim: found.claim, is_complete };
    }
    if let Some(names) = labels::EDITOR_OPENINGS.iter().find_map(|opening| bare.without(opening))
        && looks_like_names(names.text)
    {
        let label = bare.part(0..names.start - bare.start);
        return Kind::Fields(vec![Piece { field: Some(WireField::Editor), label, value: names }]);
    }
    if looks_like_date(bare.text) {
        return Kind::Date(bare);
    }
    if let Some(names) = byline(bare) {
        return Kind::Byline(names);
    }
    if let Some((caption, credit)) = caption(line) {
        return Kind::Caption { caption, credit };
    }
    let crumbs = crumbs(line);
    if crumbs.len() > 1 && crumbs.iter().all(|crumb| !is_wider(crumb, 40)) && !ends_sentence(line.text) {
        return Kind::Breadcrumb(line);
    }
    if let Some((label, meant, field)) = near_label(bare, labels) {
        return Kind::NearLabel { label, meant, field };
    }
    Kind::Prose
}

/// Whether a line consists of signs that separate parts of a text.
pub(super) fn is_rule(line: SourceSlice<'_>) -> bool {
    line.text.chars().all(|c| !c.is_alphanumeric() || matches!(c, 'ー' | '一'))
}

/// Whether text ends like a sentence, which headlines don't.
pub(super) fn ends_sentence(text: &str) -> bool {
    text.trim_end_matches(['"', '”', '’', '\'', ')', '）', '」', '』'])
        .ends_with(['.', '。', '…', ';', '；', ',', '，', ':', '：'])
}

fn is_related_heading(line: SourceSlice<'_>, labels: &Labels) -> bool {
    let heading = line.text.trim_matches(|c: char| {
        is_blank(c) || matches!(c, ':' | '：' | '*' | '#' | '-' | '=' | '■' | '◆' | '●' | '▲' | '>' | '|')
    });
    labels.field(heading) == Some(WireField::Related)
}

/// Whether a line is a paragraph rather than a headline or a field.
pub(super) fn is_paragraph(line: SourceSlice<'_>) -> bool {
    is_wider(line.text, 120) || ends_sentence(line.text) || begins_with_dateline(line.text)
}

/// Whether a line contains a date.
pub(super) fn has_date(line: SourceSlice<'_>) -> bool {
    date::loose::has_date(line.text)
}

/// The line without end marks. Empty for a line that states only the print issue.
pub(super) fn without_end_marks(line: SourceSlice<'_>) -> SourceSlice<'_> {
    if line.text.starts_with('《') && line.text.ends_with("版）") && line.text.contains("》（") {
        return line.part(0..0);
    }
    labels::END_MARKS
        .iter()
        .find_map(|mark| line.text.strip_suffix(mark))
        .map_or(line, |before| line.part(0..before.len()))
}
