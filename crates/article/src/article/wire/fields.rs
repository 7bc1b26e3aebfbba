//! Divides labelled lines into fields and values, and decides whether a value fits its label.

use super::dates::looks_like_date;
use super::labels::Labels;
use super::names::{byline, could_be_names, looks_like_names};
use super::source_slice::{SourceSlice, is_bar, is_blank};
use crate::article::lifecycle::line::{self, Claim, is_sentence};
use crate::article::meaning::Status;
use crate::article::options::WireField;
use crate::article::summary::is_wider;
use crate::article::{access, date, keys, lifecycle, steps};

/// A part of a line between separators.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Piece<'a> {
    /// The field of the label. Without a label, the form of the value may show the field, such as a date.
    pub(super) field: Option<WireField>,
    /// The label as written. Empty if there is none.
    pub(super) label: SourceSlice<'a>,
    pub(super) value: SourceSlice<'a>,
}

/// The pieces of a labelled line. `None` for other lines.
pub(super) fn fields<'a>(line: SourceSlice<'a>, labels: &Labels) -> Option<Vec<Piece<'a>>> {
    let mut pieces = Vec::new();
    let mut rest = line;
    let has_bar = line.text.contains(is_bar);
    while !rest.text.is_empty() {
        if let Some(after) = rest.text.strip_prefix(is_bar) {
            rest = rest.from(rest.text.len() - after.len());
            continue;
        }
        let (label, field, value_start) = match label_at(rest, labels) {
            Some((label, field, value_start)) => (label, Some(field), value_start),
            None => match if has_bar { embargo_piece(rest) } else { None } {
                Some(found) if found.claim == Claim::NoEmbargo => (rest.part(found.label), Some(WireField::Embargo), 0),
                Some(found) => (rest.part(found.label), Some(WireField::Embargo), found.value.start),
                _ => (SourceSlice { text: "", start: rest.start }, None, 0),
            },
        };
        let value = rest.from(value_start);
        let fills_line = matches!(
            field,
            Some(
                WireField::Breadcrumb
                    | WireField::Title
                    | WireField::Summary
                    | WireField::Caption
                    | WireField::Related
                    | WireField::Correction
            )
        );
        let end = if fills_line { value.text.len() } else { piece_end(value, field, labels) };
        let content = value.part(0..end);
        let field = field.or_else(|| looks_like_date(content.text).then_some(WireField::Date));
        pieces.push(Piece { field, label, value: content });
        rest = value.from(end);
    }
    let has_label = pieces.iter().any(|piece| !piece.label.text.is_empty());
    let is_divided = has_label || has_bar;
    for piece in &mut pieces {
        if let (None, Some(names)) = (piece.field, byline(piece.value)) {
            (piece.field, piece.value) = (Some(WireField::Author), names);
        }
        // A misspelt embargo label counts, anywhere in the line.
        if let (true, None, Some((label, _, WireField::Embargo))) =
            (is_divided, piece.field, near_label(piece.value, labels))
        {
            let value = piece.value.from(label.text.len() + 1);
            *piece = Piece { field: Some(WireField::Embargo), label, value };
        }
    }
    let has_label = pieces.iter().any(|piece| !piece.label.text.is_empty());
    let is_valid_line = pieces.iter().all(is_plausible);
    // A line that begins with unlabelled text counts only if bars divide it.
    let begins_with_field = pieces.first().is_some_and(|first| first.field.is_some()) || has_bar;
    (has_label && is_valid_line && begins_with_field).then_some(pieces)
}

/// The label at the beginning of a slice: its text, its field and the offset of its value.
fn label_at<'a>(slice: SourceSlice<'a>, labels: &Labels) -> Option<(SourceSlice<'a>, WireField, usize)> {
    let (at, colon) = slice.text.char_indices().take(40).find(|(_, c)| matches!(c, ':' | '：' | '︰' | '﹕'))?;
    let label = slice.part(0..at);
    let field = labels.field(label.text)?;
    let value_start = at + colon.len_utf8();
    // `Going public: a memoir` isn't about access.
    let value = beginning(slice.from(value_start).text);
    let is_about_access = || {
        let first = value.split(|c: char| is_blank(c) || is_bar(c)).next().unwrap_or_default();
        [value, first].iter().any(|value| access::is_access_line(access_key(label.text), value))
    };
    (field != WireField::Access || is_about_access()).then_some((label, field, value_start))
}

/// The access key of a label. Configured labels have the values of `visibility`.
pub(super) fn access_key(label: &str) -> &str {
    if access::is_key(label) { label } else { "visibility" }
}

/// The end of a value: a bar, a tab, two blanks, an ideographic blank, or the next label or date.
fn piece_end(value: SourceSlice<'_>, field: Option<WireField>, labels: &Labels) -> usize {
    let mut characters = value.text.char_indices().peekable();
    while let Some((at, character)) = characters.next() {
        steps::add(1);
        if is_bar(character) {
            return at;
        }
        if !is_blank(character) {
            continue;
        }
        let next = characters.peek().map(|&(_, next)| next);
        if matches!(character, '\t' | '\u{3000}') || next.is_some_and(is_blank) {
            return at;
        }
        let rest = value.from(at);
        let is_date_next = !field.is_some_and(is_instant) && date::begins_with_date(rest.text);
        if is_date_next || label_at(rest, labels).is_some() {
            return at;
        }
    }
    value.text.len()
}

/// Whether the value of a field is a date.
fn is_instant(field: WireField) -> bool {
    matches!(field, WireField::Date | WireField::Updated | WireField::Embargo | WireField::Expires)
}

/// An embargo at the beginning of a slice, up to the next bar.
fn embargo_piece(slice: SourceSlice<'_>) -> Option<line::Line> {
    let text = beginning(slice.text);
    line::parse_embargo(text.split(is_bar).next()?).filter(|found| found.claim != Claim::Mark)
}

/// The part of a text that is examined for a value.
fn beginning(text: &str) -> &str {
    const MAX_VALUE_CHARACTERS: usize = 200;
    text.char_indices().nth(MAX_VALUE_CHARACTERS).and_then(|(end, _)| text.get(..end)).unwrap_or(text)
}

/// A misspelt label with a value that fits the known label.
pub(super) fn near_label<'a>(line: SourceSlice<'a>, labels: &Labels) -> Option<(SourceSlice<'a>, String, WireField)> {
    let (at, colon) = line.text.char_indices().take(40).find(|(_, c)| matches!(c, ':' | '：'))?;
    let label = line.part(0..at);
    let value = line.from(at + colon.len_utf8());
    let (meant, field) = labels.nearest(label.text)?;
    let fits_label = match field {
        WireField::Breadcrumb => crumbs(value).len() > 1,
        WireField::Date | WireField::Updated | WireField::Expires => {
            date::begins_with_date(value.text) || looks_like_date(value.text)
        }
        WireField::Embargo => !is_wider(value.text, 80),
        WireField::Status => lifecycle::parse_status(value.text).is_some(),
        WireField::Draft => keys::parse_bool(value.text).is_some(),
        WireField::Author | WireField::Editor => looks_like_names(value.text) && !is_wider(value.text, 60),
        WireField::Source | WireField::Tags | WireField::Id => !is_wider(value.text, 60) || line.text.contains(is_bar),
        WireField::Title
        | WireField::Summary
        | WireField::Caption
        | WireField::Related
        | WireField::Correction
        | WireField::Slugline
        | WireField::Access => false,
    };
    fits_label.then(|| (label, meant.to_owned(), field))
}

/// Whether a value fits its label. A question in an interview (`Reporter: How ...?`) isn't a name.
fn is_plausible(piece: &Piece<'_>) -> bool {
    let value = piece.value.text;
    match piece.field {
        Some(
            WireField::Summary | WireField::Title | WireField::Caption | WireField::Related | WireField::Correction,
        ) => true,
        // An unreadable value withholds the story, so nearly all values count as an embargo.
        Some(WireField::Embargo) => !is_wider(value, 200) || looks_like_date(value),
        Some(WireField::Expires) => !is_wider(value, 60) || date::begins_with_date(value),
        Some(WireField::Status | WireField::Draft) => !is_wider(value, 80),
        Some(WireField::Date | WireField::Updated) => {
            !is_wider(value, 60) && (value.is_empty() || value.contains(|c: char| c.is_ascii_digit()))
        }
        Some(WireField::Author | WireField::Editor) => {
            let has_sentence_end = value.contains(['?', '!', '。', '？', '！', '；']);
            let ends_long_sentence = value.ends_with('.') && value.split(' ').count() > 6;
            let is_long = is_wider(value, 160);
            !(has_sentence_end || ends_long_sentence || is_long)
        }
        Some(WireField::Access) => access::is_access_line(access_key(piece.label.text), value),
        // Percent-encoded Chinese file names are long.
        Some(WireField::Id) => !is_wider(value, 200) || !value.contains(char::is_whitespace),
        _ => !is_wider(value, 200) && !value.contains(['。', '？', '！']),
    }
}

/// Whether the values of a labelled line are plausible outside the header. `Editor: readers often ask which labs
/// matter.` is a sentence of the text, and so is `Editor: readers ask`, where paragraphs follow.
pub(super) fn is_labelled_line(pieces: &[Piece<'_>], paragraphs_follow: bool) -> bool {
    pieces.iter().all(|piece| {
        let value = piece.value.text;
        match piece.field {
            Some(WireField::Editor | WireField::Author) if paragraphs_follow => could_be_names(value),
            Some(
                WireField::Editor
                | WireField::Author
                | WireField::Source
                | WireField::Tags
                | WireField::Title
                | WireField::Date
                | WireField::Updated
                | WireField::Status
                | WireField::Draft
                | WireField::Breadcrumb,
            ) => !is_sentence(value),
            Some(WireField::Embargo | WireField::Expires) => !is_sentence(value) || date::loose::has_date(value),
            _ => true,
        }
    })
}

/// Whether a label is about publication, regardless of its value.
pub(super) fn decides_publication(piece: &Piece<'_>) -> bool {
    matches!(
        piece.field,
        Some(
            WireField::Date
                | WireField::Embargo
                | WireField::Expires
                | WireField::Status
                | WireField::Draft
                | WireField::Access
        )
    )
}

/// Whether a piece certainly withholds or retracts the article, so it counts anywhere in the text.
pub(super) fn is_withholding(piece: &Piece<'_>) -> bool {
    let value = piece.value.text;
    match piece.field {
        Some(WireField::Embargo) => !is_sentence(value) || date::loose::has_date(value),
        Some(WireField::Access) => access::withholds(access_key(piece.label.text), value),
        Some(WireField::Status) => lifecycle::parse_status(value).is_some_and(|status| status != Status::Published),
        Some(WireField::Draft) => keys::parse_bool(value) == Some(true),
        Some(WireField::Expires) => looks_like_date(value),
        _ => false,
    }
}

/// The crumbs of a breadcrumb, outermost first, as written.
pub(super) fn crumbs(value: SourceSlice<'_>) -> Vec<&str> {
    value
        .text
        .split(['>', '›', '»', '＞', '〉', '→'])
        .map(|crumb| crumb.trim_matches(is_blank))
        .filter(|crumb| !crumb.is_empty())
        .collect()
}
