//! Combines the lines of a wire text into a story: finds the headline, and the beginning and the end of the body.
//!
//! Header, in any order: breadcrumb, headline, labelled lines, date, byline, caption. The body begins with the first line that
//! can't be any of these, and ends before the labelled lines at the end of the text, at the editor's line, or at a heading of
//! other stories. Ambiguous lines stay text, with a note.
//!
//! Long because header, body and end depend on each other: each line belongs to one of them.

use std::collections::BTreeMap;
use std::ops::Range;

use super::labels::{self, Labels};
use super::lines::{self, Kind, Line, Piece, Stretch};
use crate::article::byline::{is_one_name, join_suffixes};
use crate::article::date;
use crate::article::lifecycle::line::{Claim, is_sentence};
use crate::article::meaning::Meaning;
use crate::article::options::WireField;
use crate::article::summary::{columns, is_wide, is_wider};
use crate::diagnostics::Code;
use crate::types::Text;

/// How many lines the header, or the labelled lines at the end, may have. Bounds quadratic time.
const MAX_LINES: usize = 500;

/// The parts of a wire text.
#[derive(Debug, Default)]
pub(super) struct Story<'a> {
    /// Field, value and origin of all values, in the order of the text. The breadcrumb is as written.
    pub(super) values: Vec<(WireField, Stretch<'a>, &'static str)>,
    /// The first value of each field.
    first: BTreeMap<WireField, Stretch<'a>>,
    /// Access labels with their values.
    pub(super) access: Vec<(Stretch<'a>, Stretch<'a>)>,
    /// The credit of the picture.
    pub(super) credit: Option<Stretch<'a>>,
    /// The paragraphs with their byte ranges.
    pub(super) body: Vec<(String, Range<usize>)>,
    /// Headlines of other stories with their teasers.
    pub(super) related: Vec<(String, Range<usize>)>,
    /// Warnings about ambiguous lines.
    pub(super) notes: Vec<Note>,
    /// Unknown labels that may be about publication.
    pub(super) refusals: Vec<(Meaning, Note)>,
}

/// A warning about an ambiguous line.
#[derive(Debug)]
pub(super) struct Note {
    pub(super) code: Code,
    pub(super) span: Range<usize>,
    pub(super) message: String,
    pub(super) help: String,
}

impl<'a> Story<'a> {
    /// The first value of a field.
    pub(super) fn value(&self, field: WireField) -> Option<Stretch<'a>> {
        self.first.get(&field).copied()
    }

    fn put(&mut self, value: (WireField, Stretch<'a>, &'static str)) {
        self.first.entry(value.0).or_insert(value.1);
        self.values.push(value);
    }

    fn note(&mut self, code: Code, span: Range<usize>, message: impl Into<String>, help: &str) {
        self.notes.push(Note { code, span, message: message.into(), help: help.into() });
    }
}

/// A line and its kind.
type ClassifiedLine<'a> = (Line<'a>, Kind<'a>);

/// Parses a whole text. `title` is the headline, if known already.
pub(super) fn parse<'a>(source: &'a str, labels: &Labels, title: Option<&str>) -> Story<'a> {
    let looked: Vec<ClassifiedLine<'a>> =
        lines::lines(source).into_iter().map(|line| (line, lines::classify(line.text, labels))).collect();
    let mut story = Story::default();
    let (mut doubtful, rest) = header(&looked, title, &mut story);
    let end = body_end(rest);
    let (body, after) = rest.split_at(end);
    let mut kept = trailing_fields(body, &mut story);
    end_marks(&mut kept);
    editor_in_last_brackets(&mut kept, labels, &mut story);
    end_matter(after, &mut story);

    if story.value(WireField::Author).is_none()
        && let Some(names) = kept.first().and_then(|(line, _)| lines::dateline_reporters(line.text))
    {
        story.put((WireField::Author, names, "dateline"));
    }
    // A line of names without label or "By" may repeat the byline.
    let authors = authors(&story);
    doubtful.retain(|line| !repeats_byline(line.text, &authors));
    if kept.first().is_some_and(|(line, _)| repeats_byline(line.text, &authors)) {
        kept.remove(0);
    }
    if let Some(first) = doubtful.first().filter(|_| !kept.is_empty()) {
        story.note(
            Code::WireHeadline,
            first.text.span(),
            "this line could be the headline as well; the first one is used, and this is the beginning of the body",
            "put the headline first, alone between blank lines, or mark it with `Title:`",
        );
    }
    let mut paragraphs = doubtful.into_iter().map(|line| (line, Kind::Prose)).collect::<Vec<_>>();
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

/// Parses the header. Returns its lines that may also be headlines, and the lines from the body on.
fn header<'l, 'a>(
    looked: &'l [ClassifiedLine<'a>],
    title: Option<&str>,
    story: &mut Story<'a>,
) -> (Vec<Line<'a>>, &'l [ClassifiedLine<'a>]) {
    let mut doubtful = Vec::new();
    let mut rest = looked;
    while let Some(((line, kind), after)) = rest.split_first() {
        if looked.len() - rest.len() == MAX_LINES {
            break;
        }
        let titled = title.is_some() || story.value(WireField::Title).is_some();
        match kind {
            // A rule between parts of the header, or a repeated headline.
            Kind::Prose if lines::is_rule(line.text) || title == Some(line.text.text) => {}
            // The first paragraph may begin with a word that is also a label.
            Kind::Fields(pieces)
                if titled
                    && !lines::is_labelled_line(pieces, false)
                    && !pieces.iter().any(lines::decides_publication) =>
            {
                break;
            }
            Kind::Fields(pieces) => apply(pieces, line, story),
            Kind::Breadcrumb(crumbs) if story.value(WireField::Breadcrumb).is_none() => {
                story.put((WireField::Breadcrumb, *crumbs, "breadcrumb"));
            }
            Kind::Date(date) => story.put((WireField::Date, *date, "date line")),
            Kind::Embargo { claim: Claim::Possible, .. } if titled && is_sentence(line.text.text) => break,
            Kind::Embargo { claim: Claim::NoEmbargo, .. } if !titled && !has_headline(after) => {
                story.put((WireField::Title, line.text, "headline"));
            }
            Kind::Embargo { until, claim, .. } => embargo(*until, *claim, line, story),
            Kind::Byline(names) if titled || could_be_headline(after) => {
                story.put((WireField::Author, *names, "byline"));
            }
            Kind::Caption { caption, .. } if titled && lines::opens_like_a_report(caption.text) => break,
            Kind::Caption { caption, credit } if titled && !has_picture(story) => {
                // For a bare credit, the caption is the line directly above.
                let above = doubtful.last().copied().filter(|above| is_caption(above, line, after));
                if caption.text.is_empty() && above.is_some() {
                    doubtful.pop();
                }
                let caption = above.filter(|_| caption.text.is_empty()).map_or(*caption, |above| above.text);
                keep_picture(caption, *credit, story);
            }
            Kind::RelatedHeading if titled => break,
            Kind::RelatedHeading => story.note(
                Code::WireHeadline,
                line.text.span(),
                format!("`{}` heads other stories; here no story has begun", line.text.text),
                "begin the text with the headline",
            ),
            Kind::NearLabel { label, meant, field } => near_label(*label, meant, *field, story),
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

/// Applies a line about an embargo without a colon.
fn embargo<'a>(until: Stretch<'a>, claim: Claim, line: &Line<'a>, story: &mut Story<'a>) {
    let (field, value) = match claim {
        Claim::Until | Claim::Possible => (WireField::Embargo, until),
        Claim::Mark => (WireField::Status, line.text),
        // `FOR IMMEDIATE RELEASE: 1 June 2030`: released on that day.
        Claim::NoEmbargo if lines::looks_like_date(until.text) => (WireField::Date, until),
        Claim::NoEmbargo => (WireField::Embargo, line.text),
    };
    story.put((field, value, "embargo line"));
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
        || lines::opens_like_a_report(line.text))
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

fn is_paragraph(line: Stretch<'_>) -> bool {
    is_wider(line.text, 120) || lines::ends_sentence(line.text) || lines::opens_like_a_report(line.text)
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
        && !lines::opens_like_a_report(line.text.text)
}

/// Applies the values of a labelled line.
fn apply<'a>(pieces: &[Piece<'a>], line: &Line<'a>, story: &mut Story<'a>) {
    for piece in pieces {
        // An empty value of these labels refuses the file later.
        let decides = lines::decides_publication(piece);
        match piece.field {
            Some(WireField::Access) => story.access.push((piece.label, piece.value)),
            Some(field) if decides && piece.value.text.is_empty() => {
                take(field, Stretch { text: "", start: piece.label.start }, story);
            }
            _ if piece.value.text.is_empty() => {
                let label = piece.label.text;
                story.note(
                    Code::WireLabel,
                    piece.label.span(),
                    format!("nothing stands behind `{label}`"),
                    "write its value or leave the label out",
                );
            }
            Some(WireField::Related) => related_line(piece.value, story),
            Some(WireField::Caption) => match piece.value.last_brackets() {
                Some((caption, inside)) if lines::credit(inside).is_some() => {
                    keep_picture(caption, lines::credit(inside).unwrap_or(inside), story);
                }
                _ => story.put((WireField::Caption, piece.value, "labelled line")),
            },
            Some(field) => take(field, piece.value, story),
            None => story.note(
                Code::WireLabel,
                piece.value.span(),
                format!("nothing says what `{}` is", shortened(piece.value.text)),
                if line.text.text.contains(':') || line.text.text.contains('：') {
                    "write a label in front of it, such as `Source:`; `[content.wire]` in the configuration adds labels"
                } else {
                    "write a label in front of it, such as `Source:`"
                },
            ),
        }
    }
}

fn take<'a>(field: WireField, value: Stretch<'a>, story: &mut Story<'a>) {
    // Several embargoes aren't contradictory: the article waits for all.
    let single = !matches!(
        field,
        WireField::Author
            | WireField::Editor
            | WireField::Tags
            | WireField::Embargo
            | WireField::Expires
            | WireField::Status
            | WireField::Draft
            | WireField::Correction
    );
    if single && let Some(first) = story.value(field) {
        if first.text != value.text {
            story.note(
                Code::WireConflict,
                value.span(),
                format!(
                    "`{}` contradicts `{}` above; the first one counts",
                    shortened(value.text),
                    shortened(first.text)
                ),
                "remove one of them",
            );
        }
        return;
    }
    story.put((field, value, "labelled line"));
}

fn has_picture(story: &Story<'_>) -> bool {
    story.credit.is_some() || story.value(WireField::Caption).is_some()
}

fn keep_picture<'a>(caption: Stretch<'a>, credit: Stretch<'a>, story: &mut Story<'a>) {
    if !caption.text.is_empty() && story.value(WireField::Caption).is_none() {
        story.put((WireField::Caption, caption, "caption"));
    }
    if !credit.text.is_empty() && story.credit.is_none() {
        story.credit = Some(credit);
    }
}

fn near_label(label: Stretch<'_>, meant: &str, field: WireField, story: &mut Story<'_>) {
    let decides = match field {
        WireField::Date => Some(Meaning::Date),
        WireField::Embargo => Some(Meaning::Embargo),
        WireField::Expires => Some(Meaning::Expires),
        WireField::Status => Some(Meaning::Status),
        WireField::Draft => Some(Meaning::Draft),
        _ => None,
    };
    if let Some(meaning) = decides {
        let message =
            format!("`{}` is not a known label, and it may say when or whether the article is public", label.text);
        let help = format!("did you mean `{meant}`? `[content.wire]` in the configuration adds labels");
        story.refusals.push((meaning, Note { code: Code::ArticleLifecycle, span: label.span(), message, help }));
        return;
    }
    story.note(
        Code::WireLabel,
        label.span(),
        format!("`{}` is not a known label, so this line is not used", label.text),
        &format!("did you mean `{meant}`? `[content.wire]` in the configuration adds labels"),
    );
}

/// The index of the line at which the body ends: an editor's line or the heading of other stories.
fn body_end(rest: &[ClassifiedLine<'_>]) -> usize {
    let related = rest.iter().position(|(_, kind)| *kind == Kind::RelatedHeading).unwrap_or(rest.len());
    let is_text = |(line, kind): &ClassifiedLine<'_>| *kind == Kind::Prose && is_paragraph(line.text);
    let last_paragraph = rest.iter().take(related).rposition(is_text);
    let ends = |(at, (_, kind)): (usize, &ClassifiedLine<'_>)| match kind {
        Kind::Fields(pieces) => {
            let paragraphs_follow = last_paragraph.is_some_and(|last| last > at);
            pieces.iter().any(|piece| piece.field == Some(WireField::Editor))
                && lines::is_labelled_line(pieces, paragraphs_follow)
        }
        _ => false,
    };
    rest.iter().take(related).enumerate().position(ends).unwrap_or(related)
}

/// Applies the labelled lines and bylines at the end of the body. Returns the lines before them.
fn trailing_fields<'a>(body: &[ClassifiedLine<'a>], story: &mut Story<'a>) -> Vec<ClassifiedLine<'a>> {
    let ends = |(_, kind): &&ClassifiedLine<'_>| match kind {
        Kind::Fields(pieces) => lines::is_labelled_line(pieces, false),
        Kind::Embargo { claim: Claim::Until | Claim::NoEmbargo, whole, .. } => *whole,
        Kind::Byline(_) | Kind::Date(_) | Kind::NearLabel { .. } => true,
        _ => false,
    };
    let last = body.len() - body.iter().rev().take(MAX_LINES).take_while(ends).count();
    let (kept, trailing) = body.split_at(last);
    let mut kept = kept.to_vec();
    for (line, kind) in trailing {
        match kind {
            Kind::Fields(pieces) => {
                apply(pieces, line, story);
                // Without a date, it may be a paragraph too.
                let undated = |piece: &Piece<'_>| {
                    piece.field == Some(WireField::Correction) && !date::begins_with_date(piece.value.text)
                };
                if pieces.iter().any(undated) {
                    kept.push((*line, Kind::Prose));
                }
            }
            Kind::Embargo { until, claim, .. } => embargo(*until, *claim, line, story),
            Kind::Byline(names) => story.put((WireField::Author, *names, "byline")),
            Kind::Date(date) => take(WireField::Date, *date, story),
            Kind::NearLabel { label, meant, field } => near_label(*label, meant, *field, story),
            _ => {}
        }
    }
    kept
}

/// Parses the text below the body: labelled lines, then other stories.
fn end_matter<'a>(after: &[ClassifiedLine<'a>], story: &mut Story<'a>) {
    let mut unexplained: Option<(Range<usize>, usize)> = None;
    let mut related = false;
    let mut lines = after.iter().peekable();
    while let Some((line, kind)) = lines.next() {
        match kind {
            Kind::RelatedHeading => related = true,
            // A teaser may have its own source and date. Of the article, only the editor can follow.
            Kind::Fields(pieces) if related => {
                // An embargo counts even if it may be a teaser's.
                let own = pieces.iter().filter(|piece| {
                    matches!(piece.field, Some(WireField::Editor | WireField::Id)) || lines::is_withholding(piece)
                });
                for piece in own {
                    match piece.field {
                        Some(WireField::Access) => story.access.push((piece.label, piece.value)),
                        field => take(field.unwrap_or(WireField::Editor), piece.value, story),
                    }
                }
            }
            Kind::Fields(pieces) => apply(pieces, line, story),
            Kind::Byline(names) if !related => story.put((WireField::Author, *names, "byline")),
            Kind::Embargo { until, claim: Claim::Until, whole: true } => take(WireField::Embargo, *until, story),
            Kind::NearLabel { label, meant, field } if !related => near_label(*label, meant, *field, story),
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
        let lines =
            if count == 1 { "this line stands".to_owned() } else { format!("this and {} more stand", count - 1) };
        story.note(
            Code::WireTrailing,
            span,
            format!("{lines} after the editor's line, which ends the article, so it is left out"),
            "move the editor's line behind the last paragraph, or put a heading such as `Related` above other stories",
        );
    }
}

fn related_line(value: Stretch<'_>, story: &mut Story<'_>) {
    story.related.push((value.text.to_owned(), value.span()));
}

/// The authors of the story, for comparison.
fn authors(story: &Story<'_>) -> Vec<String> {
    names_in(story.values.iter().filter(|(field, ..)| *field == WireField::Author).map(|(_, value, _)| value.text))
}

/// Whether a line only names the known authors.
fn repeats_byline(line: Stretch<'_>, authors: &[String]) -> bool {
    let named = names_in([line.text].into_iter());
    !named.is_empty() && named == authors
}

/// The names in bylines for comparison: sorted, without blanks, in lower case.
fn names_in<'t>(bylines: impl Iterator<Item = &'t str>) -> Vec<String> {
    let mut names = bylines.flat_map(people).map(|name| comparable(&name)).collect::<Vec<_>>();
    names.sort();
    names.dedup();
    names
}

/// A name for comparison, without blanks and in lower case: `JIN Feng` equals `Jin Feng`.
pub(super) fn comparable(name: &str) -> String {
    name.chars().filter(|c| !c.is_whitespace()).flat_map(char::to_lowercase).collect()
}

/// The people in a byline, in order, without job titles. Blanks separate Han names too, except inside a name of two characters (`李 明`),
/// which print widens.
pub(super) fn people(byline: &str) -> Vec<String> {
    let line = Text::line(byline);
    if line.as_str().contains(" & ") && is_one_name(line.as_str()) {
        return vec![line.as_str().to_owned()];
    }
    let divided = line.as_str().replace(" and ", ",").replace(" & ", ",").replace(" AND ", ",");
    let mut names = Vec::new();
    for part in divided.split([',', '，', '、', '/', '／', ';', '；', '|']).map(str::trim) {
        let part = part.strip_prefix("and ").unwrap_or(part);
        let han = !part.contains(|c: char| c.is_ascii_alphabetic()) && part.contains(is_wide);
        let words = part.split(' ').collect::<Vec<_>>();
        let widened = words.len() == 2 && words.iter().all(|word| word.chars().count() == 1);
        match (han, widened) {
            (true, true) => names.push(words.concat()),
            (true, false) => names.extend(words.into_iter().map(|word| without_job_title(word).to_owned())),
            (false, _) => names.push(without_job_title(part).to_owned()),
        }
    }
    names.retain(|name| !name.is_empty() && name != "文");
    join_suffixes(names.into_iter())
}

fn without_job_title(name: &str) -> &str {
    let stripped = labels::CHINESE_JOB_TITLES.iter().find_map(|office| name.strip_prefix(office));
    // `某社记者`: the reporter's agency.
    let stripped = stripped.or_else(|| {
        let (outlet, rest) = name.split_once("记者")?;
        (outlet.chars().count() <= 6).then_some(rest)
    });
    // A surname may begin with the character of a job title, so the rest must be a name.
    stripped.filter(|rest| rest.is_empty() || rest.trim().chars().count() > 1).unwrap_or(name).trim()
}

/// Joins the lines of the body into paragraphs.
fn assemble<'a>(body: &[ClassifiedLine<'a>], authors: &[String], story: &mut Story<'a>) {
    let mut kept: Vec<Line<'a>> = Vec::new();
    for (line, kind) in body {
        match kind {
            Kind::Byline(names) if repeats_byline(*names, authors) => continue,
            Kind::Byline(_) => story.note(
                Code::WireByline,
                line.text.span(),
                "this looks like a byline but stands inside the body; it is kept as text",
                "put the byline above the first or below the last paragraph",
            ),
            Kind::Caption { caption, credit }
                if !caption.text.is_empty()
                    && !credit.text.is_empty()
                    && !has_picture(story)
                    && !lines::opens_like_a_report(caption.text) =>
            {
                keep_picture(*caption, *credit, story);
                continue;
            }
            Kind::Caption { credit, .. } if !credit.text.is_empty() => story.note(
                Code::WireCaption,
                line.text.span(),
                "this looks like the caption of a picture but stands inside the body; it is kept as text",
                "the first caption belongs to the lead picture; take the others out, or leave them as text",
            ),
            Kind::Fields(pieces) if pieces.iter().any(|piece| piece.field == Some(WireField::Related)) => {
                for piece in pieces.iter().filter(|piece| piece.field == Some(WireField::Related)) {
                    related_line(piece.value, story);
                }
                continue;
            }
            // Only a date distinguishes it from a paragraph about an embargo.
            Kind::Embargo { until, claim: Claim::Until, whole: true } => {
                take(WireField::Embargo, *until, story);
                continue;
            }
            Kind::Fields(pieces) if pieces.iter().any(lines::is_withholding) => {
                apply(pieces, line, story);
                continue;
            }
            Kind::NearLabel { label, meant, field: WireField::Embargo } if lines::has_date(line.text) => {
                near_label(*label, meant, WireField::Embargo, story);
            }
            Kind::Fields(pieces) if !lines::is_labelled_line(pieces, true) => {}
            Kind::Fields(pieces) if pieces.iter().any(|piece| piece.field != Some(WireField::Author)) => story.note(
                Code::WireLabel,
                line.text.span(),
                "this looks like a labelled line but stands inside the body; it is kept as text",
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
            "the text is nothing but a caption, so the caption is the body as well",
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
        let glued = paragraph.ends_with(is_wide) && line.text.text.starts_with(is_wide);
        if !paragraph.is_empty() && !glued {
            paragraph.push(' ');
        }
        paragraph.push_str(line.text.text);
    }
    paragraph
}

/// Removes marks at the end of the article.
fn end_marks(body: &mut Vec<ClassifiedLine<'_>>) {
    while let Some((line, _)) = body.last_mut() {
        line.text = lines::without_end_marks(line.text);
        if !line.text.text.is_empty() {
            break;
        }
        body.pop();
    }
}

/// Applies the editor in brackets behind the last sentence, as in many Chinese papers: `... the last sentence. (Editor: Ann Lee)`.
fn editor_in_last_brackets<'a>(body: &mut Vec<ClassifiedLine<'a>>, labels: &Labels, story: &mut Story<'a>) {
    let Some((line, _)) = body.last_mut() else { return };
    let Some((before, inside)) = line.text.last_brackets() else { return };
    if let Kind::Fields(pieces) = lines::classify(inside, labels)
        && pieces.iter().all(|piece| piece.field == Some(WireField::Editor))
        && !before.text.is_empty()
    {
        line.text = before;
        apply(&pieces, &line.clone(), story);
    }
}

fn shortened(text: &str) -> String {
    if !is_wider(text, 60) { text.to_owned() } else { format!("{}…", text.chars().take(50).collect::<String>()) }
}
