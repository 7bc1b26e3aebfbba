//! Parses the header of a wire text. Headline, breadcrumb, labelled lines, date, byline and caption may have any order.

use super::dates::opens_like_a_report;
use super::fields::{decides_publication, is_labelled_line};
use super::lines::{self, ClassifiedLine, Kind, Line, MAX_LINES, is_paragraph};
use super::story::Story;
use super::stretch::Stretch;
use crate::article::lifecycle::line::{Claim, is_sentence};
use crate::article::options::WireField;
use crate::article::summary::is_wider;
use crate::diagnostics::Code;

/// Parses the header. Returns its lines that may also be headlines, and the lines from the body on.
pub(super) fn parse_header<'l, 'a>(
    classified: &'l [ClassifiedLine<'a>],
    title: Option<&str>,
    story: &mut Story<'a>,
) -> (Vec<Line<'a>>, &'l [ClassifiedLine<'a>]) {
    let mut doubtful = Vec::new();
    let mut rest = classified;
    while let Some(((line, kind), after)) = rest.split_first() {
        if classified.len() - rest.len() == MAX_LINES {
            break;
        }
        let titled = title.is_some() || story.value(WireField::Title).is_some();
        match kind {
            // A rule between parts of the header, or a repeated headline.
            Kind::Prose if lines::is_rule(line.text) || title == Some(line.text.text) => {}
            // The first paragraph may begin with a word that is also a label.
            Kind::Fields(pieces)
                if titled && !is_labelled_line(pieces, false) && !pieces.iter().any(decides_publication) =>
            {
                break;
            }
            Kind::Fields(pieces) => story.apply(pieces, line),
            Kind::Breadcrumb(crumbs) if story.value(WireField::Breadcrumb).is_none() => {
                story.put((WireField::Breadcrumb, *crumbs, "breadcrumb"));
            }
            Kind::Date(date) => story.put((WireField::Date, *date, "date line")),
            Kind::Embargo { claim: Claim::Possible, .. } if titled && is_sentence(line.text.text) => break,
            Kind::Embargo { claim: Claim::NoEmbargo, .. } if !titled && !has_headline(after) => {
                story.put((WireField::Title, line.text, "headline"));
            }
            Kind::Embargo { until, claim, .. } => story.apply_embargo(*until, *claim, line),
            Kind::Byline(names) if titled || could_be_headline(after) => {
                story.put((WireField::Author, *names, "byline"));
            }
            Kind::Caption { caption, .. } if titled && opens_like_a_report(caption.text) => break,
            Kind::Caption { caption, credit } if titled && !story.has_picture() => {
                // For a bare credit, the caption is the line directly above.
                let above = doubtful.last().copied().filter(|above| is_caption(above, line, after));
                if caption.text.is_empty() && above.is_some() {
                    doubtful.pop();
                }
                let caption = above.filter(|_| caption.text.is_empty()).map_or(*caption, |above| above.text);
                story.keep_picture(caption, *credit);
            }
            Kind::RelatedHeading if titled => break,
            Kind::RelatedHeading => story.note(
                Code::WireHeadline,
                line.text.span(),
                format!("`{}` heads other stories; here no story has begun", line.text.text),
                "begin the text with the headline",
            ),
            Kind::NearLabel { label, meant, field } => story.report_near_label(*label, meant, *field),
            _ if !titled && is_headline(line.text) => {
                if lines::ends_sentence(line.text.text) && !line.text.text.ends_with(is_quote) {
                    story.note(
                        Code::WireHeadline,
                        line.text.span(),
                        "the headline ends like a sentence; it may be the first paragraph",
                        "put a headline above the text",
                    );
                }
                story.put((WireField::Title, line.text, "headline"));
            }
            Kind::Prose if titled && story.value(WireField::Summary).is_none() && subtitle(line.text).is_some() => {
                subtitle(line.text).into_iter().for_each(|words| story.put((WireField::Summary, words, "subtitle")));
            }
            _ if titled && header_goes_on(line, after) => doubtful.push(*line),
            _ => break,
        }
        rest = after;
    }
    (doubtful, rest)
}

/// Whether a headline follows, so the line above isn't one.
fn has_headline(after: &[ClassifiedLine<'_>]) -> bool {
    let titled = |(_, kind): &ClassifiedLine<'_>| matches!(kind, Kind::Fields(pieces) if pieces.iter().any(|piece| piece.field == Some(WireField::Title)));
    could_be_headline(after) || after.iter().take(MAX_LINES).any(titled)
}

/// The second line of a Chinese headline without its dash: `——最深达318米`.
fn subtitle(line: Stretch<'_>) -> Option<Stretch<'_>> {
    let words = line.text.strip_prefix("——")?;
    (!words.is_empty() && !words.starts_with('—')).then(|| line.from(line.text.len() - words.len()))
}

/// Whether a line can be the headline.
fn is_headline(line: Stretch<'_>) -> bool {
    let long = is_wider(line.text, 100);
    !(is_wider(line.text, 240)
        || (long && lines::ends_sentence(line.text))
        || line.text.trim_end_matches(is_quote).ends_with('。')
        || line.text.contains("。")
        || opens_like_a_report(line.text))
}

fn is_quote(character: char) -> bool {
    matches!(character, '"' | '”' | '’' | '\'' | '」' | '』')
}

/// Whether the next line that isn't a header line could be a headline.
fn could_be_headline(after: &[ClassifiedLine<'_>]) -> bool {
    after
        .iter()
        .find(|(_, kind)| *kind == Kind::Prose)
        .is_some_and(|(line, _)| is_headline(line.text) && !is_paragraph(line.text))
}

/// Whether a line below the headline belongs to the header: it isn't a paragraph, and header lines follow before one.
fn header_goes_on(line: &Line<'_>, after: &[ClassifiedLine<'_>]) -> bool {
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

/// Whether the line right above a bare credit is the caption: the two are alone between blank lines, and it's no report. With more lines
/// below them it's a paragraph of a text that has no blank lines between its paragraphs.
fn is_caption(line: &Line<'_>, credit: &Line<'_>, after: &[ClassifiedLine<'_>]) -> bool {
    line.block == credit.block
        && after.first().is_none_or(|(below, _)| below.block != credit.block)
        && !is_wider(line.text.text, 300)
        && !opens_like_a_report(line.text.text)
}
