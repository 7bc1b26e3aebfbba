//! Divides the lines of a wire text into header, body and end, and combines them into a story.
//!
//! Header, in any order: breadcrumb, headline, labelled lines, date, byline, caption. The body begins with the first line that
//! can't be any of these, and ends before the labelled lines at the end of the text, at the editor's line, or at a heading of
//! other stories. Ambiguous lines stay text, with a note.

use super::body::{apply_editor_in_brackets, apply_trailing_fields, assemble, body_end, remove_end_marks};
use super::end_matter::parse_end_matter;
use super::header::parse_header;
use super::labels::Labels;
use super::lines::{self, ClassifiedLine, Kind};
use super::names::{dateline_reporters, repeats_byline};
use super::story::Story;
use crate::article::options::WireField;
use crate::diagnostics::Code;

/// Parses a whole text. `title` is the headline, if known already.
pub(super) fn parse<'a>(source: &'a str, labels: &Labels, title: Option<&str>) -> Story<'a> {
    let classified: Vec<ClassifiedLine<'a>> =
        lines::lines(source).into_iter().map(|line| (line, lines::classify(line.text, labels))).collect();
    let mut story = Story::default();
    let (mut possible_headlines, rest) = parse_header(&classified, title, &mut story);
    let end = body_end(rest);
    let (body, after) = rest.split_at(end);
    let mut kept = apply_trailing_fields(body, &mut story);
    remove_end_marks(&mut kept);
    apply_editor_in_brackets(&mut kept, labels, &mut story);
    parse_end_matter(after, &mut story);

    if story.value(WireField::Author).is_none()
        && let Some(names) = kept.first().and_then(|(line, _)| dateline_reporters(line.text))
    {
        story.add((WireField::Author, names, "dateline"));
    }
    // A line of names without label or "By" may repeat the byline.
    let authors = story.authors();
    possible_headlines.retain(|line| !repeats_byline(line.text, &authors));
    if kept.first().is_some_and(|(line, _)| repeats_byline(line.text, &authors)) {
        kept.remove(0);
    }
    if let Some(first) = possible_headlines.first().filter(|_| !kept.is_empty()) {
        story.note(
            Code::WireHeadline,
            first.text.span(),
            "this line could be the headline as well; the first one is used, and this is the beginning of the body",
            "put the headline first, alone between blank lines, or mark it with `Title:`",
        );
    }
    let mut paragraphs = possible_headlines.into_iter().map(|line| (line, Kind::Prose)).collect::<Vec<_>>();
    paragraphs.extend(kept);
    assemble(&paragraphs, &authors, &mut story);
    if title.is_none()
        && let (None, Some((_, span))) = (story.value(WireField::Title), story.body.first())
    {
        let span = span.clone();
        story.note(
            Code::WireHeadline,
            span,
            "the text begins with a paragraph; no line above it can be the headline",
            "put the headline above it, alone between blank lines",
        );
    }
    story
}
