//! Parses the header of a wire text. Headline, breadcrumb, labelled lines, date, byline and caption may have any order.

use super::dates::begins_with_dateline;
use super::fields::{decides_publication, is_labelled_line};
use super::lines::{self, ClassifiedLine, Kind, Line, MAX_LINES, is_paragraph};
use super::source_slice::SourceSlice;
use super::story::Story;
use crate::article::lifecycle::line::{Claim, is_sentence};
use crate::article::options::WireField;
use crate::article::summary::is_wider;
use crate::diagnostics::Code;

/// Parses the header. Returns the lines that may be headlines too, and the lines after the header.
pub(super) fn parse_header<'l, 'a>(
    classified: &'l [ClassifiedLine<'a>],
    title: Option<&str>,
    story: &mut Story<'a>,
) -> (Vec<Line<'a>>, &'l [ClassifiedLine<'a>]) {
    let mut possible_headlines = Vec::new();
    let mut rest = classified;
    while let Some(((line, kind), after)) = rest.split_first() {
        if classified.len() - rest.len() == MAX_LINES {
            break;
        }
        let has_title = title.is_some() || story.value(WireField::Title).is_some();
        match kind {
            // A rule between parts of the header, or a repeated headline.
            Kind::Prose if lines::is_rule(line.text) || title == Some(line.text.text) => {}
            // The first paragraph may begin with a word that is also a label.
            Kind::Fields(pieces)
                if has_title && !is_labelled_line(pieces, false) && !pieces.iter().any(decides_publication) =>
            {
                break;
            }
            Kind::Fields(pieces) => story.apply(pieces, line),
            Kind::Breadcrumb(crumbs) if story.value(WireField::Breadcrumb).is_none() => {
                story.add((WireField::Breadcrumb, *crumbs, "breadcrumb"));
            }
            Kind::Date(date) => story.add((WireField::Date, *date, "date line")),
            Kind::Embargo { claim: Claim::Possible, .. } if has_title && is_sentence(line.text.text) => break,
            Kind::Embargo { claim: Claim::NoEmbargo, .. } if !has_title && !has_headline(after) => {
                story.add((WireField::Title, line.text, "headline"));
            }
            Kind::Embargo { until, claim, .. } => story.apply_embargo(*until, *claim, line),
            Kind::Byline(names) if has_title || could_be_headline(after) => {
                story.add((WireField::Author, *names, "byline"));
            }
            Kind::Caption { caption, .. } if has_title && begins_with_dateline(caption.text) => break,
            Kind::Caption { caption, credit } if has_title && !story.has_picture() => {
                // For a bare credit, the caption is the line directly above.
                let above = possible_headlines.last().copied().filter(|above| is_caption(above, line, after));
                if caption.text.is_empty() && above.is_some() {
                    possible_headlines.pop();
                }
                let caption = above.filter(|_| caption.text.is_empty()).map_or(*caption, |above| above.text);
                story.add_picture(caption, *credit);
            }
            Kind::RelatedHeading if has_title => break,
            Kind::RelatedHeading => story.note(
                Code::WireHeadline,
                line.text.span(),
                format!("`{}` is a heading for other stories, but there is no headline above it", line.text.text),
                "begin the text with the headline",
            ),
            Kind::NearLabel { label, meant, field } => story.report_near_label(*label, meant, *field),
            _ if !has_title && is_headline(line.text) => {
                if lines::ends_sentence(line.text.text) && !line.text.text.ends_with(is_quote) {
                    story.note(
                        Code::WireHeadline,
                        line.text.span(),
                        "the headline ends like a sentence; it may be the first paragraph",
                        "put a headline above the text",
                    );
                }
                story.add((WireField::Title, line.text, "headline"));
            }
            Kind::Prose if has_title && story.value(WireField::Summary).is_none() && subtitle(line.text).is_some() => {
                subtitle(line.text).into_iter().for_each(|words| story.add((WireField::Summary, words, "subtitle")));
            }
            _ if has_title && header_continues(line, after) => possible_headlines.push(*line),
            _ => break,
        }
        rest = after;
    }
    (possible_headlines, rest)
}

/// Whether a headline follows, so the line above isn't one.
fn has_headline(after: &[ClassifiedLine<'_>]) -> bool {
    let has_title = |(_, kind): &ClassifiedLine<'_>| matches!(kind, Kind::Fields(pieces) if pieces.iter().any(|piece| piece.field == Some(WireField::Title)));
    could_be_headline(after) || after.iter().take(MAX_LINES).any(has_title)
}

/// The second line of a Chinese headline without its dash: `——最深达318米`.
fn subtitle(line: SourceSlice<'_>) -> Option<SourceSlice<'_>> {
    let words = line.text.strip_prefix("——")?;
    (!words.is_empty() && !words.starts_with('—')).then(|| line.from(line.text.len() - words.len()))
}

/// Whether a line can be the headline.
fn is_headline(line: SourceSlice<'_>) -> bool {
    let long = is_wider(line.text, 100);
    !(is_wider(line.text, 240)
        || (long && lines::ends_sentence(line.text))
        || line.text.trim_end_matches(is_quote).ends_with('。')
        || line.text.contains("。")
        || begins_with_dateline(line.text))
}

fn is_quote(character: char) -> bool {
    matches!(character, '"' | '”' | '’' | '\'' | '」' | '』')
}

/// Whether the next line of prose could be a headline.
fn could_be_headline(after: &[ClassifiedLine<'_>]) -> bool {
    after
        .iter()
        .find(|(_, kind)| *kind == Kind::Prose)
        .is_some_and(|(line, _)| is_headline(line.text) && !is_paragraph(line.text))
}

/// Whether a line below the headline belongs to the header: it isn't a paragraph, and header lines follow before the first paragraph.
fn header_continues(line: &Line<'_>, after: &[ClassifiedLine<'_>]) -> bool {
    if let Some(((next, Kind::Caption { caption, .. }), after)) = after.split_first()
        && caption.text.is_empty()
        && is_caption(line, next, after)
    {
        return true;
    }
    if is_paragraph(line.text) {
        return false;
    }
    for (index, (line, kind)) in after.iter().take(6).enumerate() {
        match kind {
            Kind::Prose if is_paragraph(line.text) => return false,
            Kind::Prose => {}
            Kind::RelatedHeading => return false,
            // Labelled lines without a paragraph below belong to the end of the text.
            _ => {
                return after
                    .iter()
                    .skip(index)
                    .take(MAX_LINES)
                    .take_while(|(_, kind)| *kind != Kind::RelatedHeading)
                    .any(|(line, kind)| *kind == Kind::Prose && is_paragraph(line.text));
            }
        }
    }
    false
}

/// Whether the line directly above a bare credit is its caption: blank lines surround the two, and the line doesn't begin with a dateline.
/// If more lines follow, the text has no blank lines between paragraphs, and the line is one of them.
fn is_caption(line: &Line<'_>, credit: &Line<'_>, after: &[ClassifiedLine<'_>]) -> bool {
    line.block == credit.block
        && after.first().is_none_or(|(below, _)| below.block != credit.block)
        && !is_wider(line.text.text, 300)
        && !begins_with_dateline(line.text.text)
}
