//! Parses the text below the body: the editor's line, further labelled lines, and teasers of other stories.

use std::ops::Range;

use super::fields::is_withholding;
use super::lines::{ClassifiedLine, Kind, is_paragraph};
use super::story::Story;
use crate::article::lifecycle::line::Claim;
use crate::article::options::WireField;
use crate::diagnostics::Code;

/// Parses the text below the body: labelled lines, then other stories.
pub(super) fn parse_end_matter<'a>(after: &[ClassifiedLine<'a>], story: &mut Story<'a>) {
    let mut unexplained: Option<(Range<usize>, usize)> = None;
    let mut related = false;
    let mut lines = after.iter().peekable();
    while let Some((line, kind)) = lines.next() {
        match kind {
            Kind::RelatedHeading => related = true,
            // A teaser may have its own source and date. Of the article itself, only the editor and the id can follow teasers.
            Kind::Fields(pieces) if related => {
                // An embargo counts even if it may belong to a teaser.
                let own = pieces.iter().filter(|piece| {
                    matches!(piece.field, Some(WireField::Editor | WireField::Id)) || is_withholding(piece)
                });
                for piece in own {
                    match piece.field {
                        Some(WireField::Access) => story.access.push((piece.label, piece.value)),
                        field => story.add_labelled(field.unwrap_or(WireField::Editor), piece.value),
                    }
                }
            }
            Kind::Fields(pieces) => story.apply(pieces, line),
            Kind::Byline(names) if !related => story.add((WireField::Author, *names, "byline")),
            Kind::Embargo { until, claim: Claim::Until, is_complete: true } => {
                story.add_labelled(WireField::Embargo, *until)
            }
            Kind::NearLabel { label, meant, field } if !related => story.report_near_label(*label, meant, *field),
            _ if related => {
                let mut value = line.text.text.to_owned();
                let mut span = line.text.span();
                // A headline and the paragraph below it belong to the same story.
                if !is_paragraph(line.text)
                    && let Some((teaser, _)) = lines.next_if(|(next, kind)| {
                        is_paragraph(next.text) && !matches!(kind, Kind::RelatedHeading | Kind::Fields(_))
                    })
                {
                    value = format!("{value} — {}", teaser.text.text);
                    span.end = teaser.text.span().end;
                }
                story.related.push((value, span));
            }
            _ => {
                let first = unexplained.get_or_insert((line.text.span(), 0));
                first.1 += 1;
            }
        }
    }
    if let Some((span, count)) = unexplained {
        let lines = match count {
            1 => "this line is".to_owned(),
            2 => "this line and another are".to_owned(),
            _ => format!("this line and {} more are", count - 1),
        };
        story.note(
            Code::WireTrailing,
            span,
            format!("{lines} left out, because the editor's line above ends the article"),
            "move the editor's line below the last paragraph, or put a heading such as `Related` above other stories",
        );
    }
}
