//! Parses the body of a wire text: finds its end, separates labelled lines, and joins the other lines into paragraphs.

use super::dates::begins_with_dateline;
use super::fields::{Piece, is_labelled_line, is_withholding};
use super::labels::Labels;
use super::lines::{self, ClassifiedLine, Kind, Line, MAX_LINES, is_paragraph};
use super::names::repeats_byline;
use super::story::Story;
use crate::article::date;
use crate::article::lifecycle::line::Claim;
use crate::article::options::WireField;
use crate::article::summary::{columns, is_wide};
use crate::diagnostics::Code;

/// The index of the line at which the body ends: an editor's line or the heading of other stories.
pub(super) fn body_end(rest: &[ClassifiedLine<'_>]) -> usize {
    let related = rest.iter().position(|(_, kind)| *kind == Kind::RelatedHeading).unwrap_or(rest.len());
    let is_text = |(line, kind): &ClassifiedLine<'_>| *kind == Kind::Prose && is_paragraph(line.text);
    let last_paragraph = rest.iter().take(related).rposition(is_text);
    let ends = |(at, (_, kind)): (usize, &ClassifiedLine<'_>)| match kind {
        Kind::Fields(pieces) => {
            let paragraphs_follow = last_paragraph.is_some_and(|last| last > at);
            pieces.iter().any(|piece| piece.field == Some(WireField::Editor))
                && is_labelled_line(pieces, paragraphs_follow)
        }
        _ => false,
    };
    rest.iter().take(related).enumerate().position(ends).unwrap_or(related)
}

/// Applies the labelled lines and bylines at the end of the body. Returns the lines before them.
pub(super) fn apply_trailing_fields<'a>(body: &[ClassifiedLine<'a>], story: &mut Story<'a>) -> Vec<ClassifiedLine<'a>> {
    let ends = |(_, kind): &&ClassifiedLine<'_>| match kind {
        Kind::Fields(pieces) => is_labelled_line(pieces, false),
        Kind::Embargo { claim: Claim::Until | Claim::NoEmbargo, is_complete, .. } => *is_complete,
        Kind::Byline(_) | Kind::Date(_) | Kind::NearLabel { .. } => true,
        _ => false,
    };
    let last = body.len() - body.iter().rev().take(MAX_LINES).take_while(ends).count();
    let (kept, trailing) = body.split_at(last);
    let mut kept = kept.to_vec();
    for (line, kind) in trailing {
        match kind {
            Kind::Fields(pieces) => {
                story.apply(pieces, line);
                // A correction without a date may be a paragraph too.
                let undated = |piece: &Piece<'_>| {
                    piece.field == Some(WireField::Correction) && !date::begins_with_date(piece.value.text)
                };
                if pieces.iter().any(undated) {
                    kept.push((*line, Kind::Prose));
                }
            }
            Kind::Embargo { until, claim, .. } => story.apply_embargo(*until, *claim, line),
            Kind::Byline(names) => story.add((WireField::Author, *names, "byline")),
            Kind::Date(date) => story.add_labelled(WireField::Date, *date),
            Kind::NearLabel { label, meant, field } => story.report_near_label(*label, meant, *field),
            _ => {}
        }
    }
    kept
}

/// Removes marks at the end of the article.
pub(super) fn remove_end_marks(body: &mut Vec<ClassifiedLine<'_>>) {
    while let Some((line, _)) = body.last_mut() {
        line.text = lines::without_end_marks(line.text);
        if !line.text.text.is_empty() {
            break;
        }
        body.pop();
    }
}

/// Applies the editor in brackets after the last sentence, as in many Chinese papers: `... the last sentence. (Editor: Ann Lee)`.
pub(super) fn apply_editor_in_brackets<'a>(body: &mut Vec<ClassifiedLine<'a>>, labels: &Labels, story: &mut Story<'a>) {
    let Some((line, _)) = body.last_mut() else { return };
    let Some((before, inside)) = line.text.last_brackets() else { return };
    if let Kind::Fields(pieces) = lines::classify(inside, labels)
        && pieces.iter().all(|piece| piece.field == Some(WireField::Editor))
        && !before.text.is_empty()
    {
        line.text = before;
        story.apply(&pieces, &line.clone());
    }
}

/// Joins the lines of the body into paragraphs.
pub(super) fn assemble<'a>(body: &[ClassifiedLine<'a>], authors: &[String], story: &mut Story<'a>) {
    let mut kept: Vec<Line<'a>> = Vec::new();
    for (line, kind) in body {
        match kind {
            Kind::Byline(names) if repeats_byline(*names, authors) => continue,
            Kind::Byline(_) => story.note(
                Code::WireByline,
                line.text.span(),
                "this looks like a byline but is inside the body; it is kept as text",
                "put the byline above the first or below the last paragraph",
            ),
            Kind::Caption { caption, credit }
                if !caption.text.is_empty()
                    && !credit.text.is_empty()
                    && !story.has_picture()
                    && !begins_with_dateline(caption.text) =>
            {
                story.add_picture(*caption, *credit);
                continue;
            }
            Kind::Caption { credit, .. } if !credit.text.is_empty() => story.note(
                Code::WireCaption,
                line.text.span(),
                "this looks like the caption of a picture but is inside the body; it is kept as text",
                "the first caption belongs to the lead picture; remove the others, or leave them as text",
            ),
            Kind::Fields(pieces) if pieces.iter().any(|piece| piece.field == Some(WireField::Related)) => {
                for piece in pieces.iter().filter(|piece| piece.field == Some(WireField::Related)) {
                    story.add_related(piece.value);
                }
                continue;
            }
            // Only the date distinguishes an embargo from a paragraph about one.
            Kind::Embargo { until, claim: Claim::Until, is_complete: true } => {
                story.add_labelled(WireField::Embargo, *until);
                continue;
            }
            Kind::Fields(pieces) if pieces.iter().any(is_withholding) => {
                story.apply(pieces, line);
                continue;
            }
            Kind::NearLabel { label, meant, field: WireField::Embargo } if lines::has_date(line.text) => {
                story.report_near_label(*label, meant, WireField::Embargo);
            }
            Kind::Fields(pieces) if !is_labelled_line(pieces, true) => {}
            Kind::Fields(pieces) if pieces.iter().any(|piece| piece.field != Some(WireField::Author)) => story.note(
                Code::WireLabel,
                line.text.span(),
                "this looks like a labelled line but is inside the body; it is kept as text",
                "put labelled lines above the first or below the last paragraph",
            ),
            _ => {}
        }
        kept.push(*line);
    }
    for block in kept.chunk_by(|one, next| one.block == next.block) {
        match (block.first(), block.last()) {
            (Some(first), Some(last)) if is_wrapped(block) => {
                let span = first.text.start..last.text.span().end;
                story.body.push((unwrapped(block), span));
            }
            _ => story.body.extend(block.iter().map(|line| (line.text.text.to_owned(), line.text.span()))),
        }
    }
    if story.body.is_empty()
        && let Some(caption) = story.value(WireField::Caption)
    {
        story.note(
            Code::WireCaption,
            caption.span(),
            "the text consists only of a caption, which is published as the body as well",
            "write a paragraph below the caption",
        );
        story.body.push((caption.text.to_owned(), caption.span()));
    }
}

/// Whether the lines of a block are one hard-wrapped paragraph: none is long, some don't end a sentence, and none begins a paragraph.
fn is_wrapped(block: &[Line<'_>]) -> bool {
    let Some((last, before)) = block.split_last() else { return false };
    if block.iter().any(|line| line.text.text.len() > 400) {
        return false;
    }
    let widths = || before.iter().map(|line| columns(line.text.text));
    let longest = widths().max().unwrap_or_default();
    !before.is_empty()
        && (40..=100).contains(&longest)
        && columns(last.text.text) <= longest + 20
        && widths().all(|width| width + 30 >= longest)
        && before.iter().any(|line| !lines::ends_sentence(line.text.text))
        && block.iter().skip(1).all(|line| !line.indented && !begins_item(line.text.text))
}

fn begins_item(text: &str) -> bool {
    text.starts_with(['-', '*', '•', '·', '—', '■', '●', '◆'])
        || text
            .split_once(['.', ')', '、'])
            .is_some_and(|(number, _)| !number.is_empty() && number.chars().all(|c| c.is_ascii_digit()))
}

fn unwrapped(block: &[Line<'_>]) -> String {
    let mut paragraph = String::new();
    for line in block {
        let needs_no_blank = paragraph.ends_with(is_wide) && line.text.text.starts_with(is_wide);
        if !paragraph.is_empty() && !needs_no_blank {
            paragraph.push(' ');
        }
        paragraph.push_str(line.text.text);
    }
    paragraph
}
