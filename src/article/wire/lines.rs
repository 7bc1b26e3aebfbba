//! Splits wire text into lines and classifies each by itself, regardless of its neighbours.
//!
//! Long because there are many kinds of lines, each with a short function.

use std::ops::Range;

use super::labels::{self, Labels};
use crate::article::date;
use crate::article::keys;
use crate::article::lifecycle;
use crate::article::lifecycle::line::{self, Claim, is_sentence};
use crate::article::meaning::Status;
use crate::article::options::WireField;
use crate::article::summary::{is_wide, is_wider};
use crate::article::{access, steps};

/// A part of the source text with its position.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Stretch<'a> {
    pub(super) text: &'a str,
    pub(super) start: usize,
}

impl<'a> Stretch<'a> {
    pub(super) fn span(self) -> Range<usize> {
        self.start..self.start + self.text.len()
    }

    /// The trimmed part between two byte offsets.
    pub(super) fn part(self, range: Range<usize>) -> Stretch<'a> {
        let start = range.start.min(self.text.len());
        Stretch { text: self.text.get(range).unwrap_or_default(), start: self.start + start }.trim()
    }

    pub(super) fn from(self, start: usize) -> Stretch<'a> {
        self.part(start..self.text.len())
    }

    fn trim(self) -> Stretch<'a> {
        let after = self.text.trim_start_matches(is_blank);
        Stretch { text: after.trim_end_matches(is_blank), start: self.start + (self.text.len() - after.len()) }
    }

    /// The rest behind an opening.
    fn without(self, opening: &str) -> Option<Stretch<'a>> {
        let head = self.text.get(..opening.len())?;
        head.eq_ignore_ascii_case(opening).then(|| self.from(opening.len()))
    }

    /// The text inside brackets that surround the whole stretch.
    fn inside_brackets(self) -> Option<Stretch<'a>> {
        let opening = self.text.chars().next()?;
        let (_, closing) = BRACKETS.iter().find(|(known, _)| *known == opening)?;
        let inside = self.text.strip_prefix(opening)?.strip_suffix(*closing)?;
        let width = opening.len_utf8();
        (!inside.contains(*closing)).then(|| self.part(width..width + inside.len()))
    }

    /// The text before and inside the last pair of brackets, if the stretch ends with a bracket.
    pub(super) fn last_brackets(self) -> Option<(Stretch<'a>, Stretch<'a>)> {
        let text = self.text.trim_end_matches(['.', '。']);
        let closing = text.chars().next_back()?;
        let (opening, _) = BRACKETS.iter().find(|(_, known)| *known == closing)?;
        let at = text.rfind(*opening)?;
        let inside = at + opening.len_utf8()..text.len() - closing.len_utf8();
        Some((self.part(0..at), self.part(inside)))
    }
}

const BRACKETS: &[(char, char)] = &[('(', ')'), ('（', '）'), ('[', ']'), ('［', '］'), ('【', '】'), ('〔', '〕')];

/// Whether a character is invisible: white space, a zero-width blank or a byte order mark.
fn is_blank(character: char) -> bool {
    character.is_whitespace() || matches!(character, '\u{200b}' | '\u{2060}' | '\u{feff}')
}

/// A line that is not blank.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line<'a> {
    pub(super) text: Stretch<'a>,
    /// The block. A blank line begins a new one.
    pub(super) block: usize,
    /// Whether it is indented, like paragraphs in print.
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
        let text = Stretch { text: raw, start }.trim();
        if !text.text.is_empty() {
            lines.push(Line { text, block, indented: raw.starts_with(is_blank) });
        } else if raw == "\n" && source.get(..start).is_some_and(|before| before.ends_with('\r')) {
            // LF of a CRLF.
        } else {
            block += 1;
        }
        start += raw.len();
    }
    lines
}

/// A part of a line between separators.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Piece<'a> {
    /// The field of its label. A piece without a label gets a field by its form.
    pub(super) field: Option<WireField>,
    /// The label as written. Empty if there is none.
    pub(super) label: Stretch<'a>,
    pub(super) value: Stretch<'a>,
}

/// The kind of a line by its form.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Kind<'a> {
    /// Labelled values.
    Fields(Vec<Piece<'a>>),
    /// The heading of other stories, alone on its line.
    RelatedHeading,
    /// A breadcrumb without a label.
    Breadcrumb(Stretch<'a>),
    /// The line is a date only.
    Date(Stretch<'a>),
    /// `By ...`: the names.
    Byline(Stretch<'a>),
    /// A caption and its credit. One may be empty.
    Caption { caption: Stretch<'a>, credit: Stretch<'a> },
    /// `EMBARGOED UNTIL ...`: the text behind the opening, the claim, and whether the line can't be a sentence.
    Embargo { until: Stretch<'a>, claim: Claim, whole: bool },
    /// A misspelt label, the known label, and its field.
    NearLabel { label: Stretch<'a>, meant: String, field: WireField },
    /// Anything else: headline or paragraph.
    Prose,
}

/// Classifies a line by its form.
pub(super) fn classify<'a>(line: Stretch<'a>, labels: &Labels) -> Kind<'a> {
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
        let whole = found.is_complete || looks_like_date(until.text);
        return Kind::Embargo { until, claim: found.claim, whole };
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

/// The crumbs of a breadcrumb, outermost first, as written.
pub(super) fn crumbs(value: Stretch<'_>) -> Vec<&str> {
    value
        .text
        .split(['>', '›', '»', '＞', '〉', '→'])
        .map(|crumb| crumb.trim_matches(is_blank))
        .filter(|crumb| !crumb.is_empty())
        .collect()
}

/// Whether a line consists of signs that separate parts of a text.
pub(super) fn is_rule(line: Stretch<'_>) -> bool {
    line.text.chars().all(|c| !c.is_alphanumeric() || matches!(c, 'ー' | '一'))
}

/// Whether text ends like a sentence, which headlines don't.
pub(super) fn ends_sentence(text: &str) -> bool {
    text.trim_end_matches(['"', '”', '’', '\'', ')', '）', '」', '』'])
        .ends_with(['.', '。', '…', ';', '；', ',', '，', ':', '：'])
}

/// Whether a paragraph begins with a dateline: `HARBOUR CITY, May 15 (Agency) -- ...`, `新华社北京5月15日电 ...`.
pub(super) fn opens_like_a_report(text: &str) -> bool {
    let head = text.chars().take(80).collect::<String>();
    let chinese = head.find('日').is_some_and(|at| {
        let (before, after) = head.split_at(at);
        before.ends_with(|c: char| c.is_ascii_digit())
            && before.contains('月')
            && ["日电", "日讯", "日报道", "日消息"].iter().any(|word| after.starts_with(word))
    });
    let english = ["--", " - ", "—", " – "].iter().filter_map(|dash| head.find(dash)).min().is_some_and(|at| {
        let (before, _) = head.split_at(at);
        let place = before.split([',', '(']).next().unwrap_or_default();
        place.chars().filter(|c| c.is_uppercase()).count() >= 3
            && !place.contains(char::is_lowercase)
            && before.len() > place.len()
            && before.split(|c: char| !c.is_alphanumeric()).any(is_month)
    });
    chinese || english
}

fn is_related_heading(line: Stretch<'_>, labels: &Labels) -> bool {
    let heading = line.text.trim_matches(|c: char| {
        is_blank(c) || matches!(c, ':' | '：' | '*' | '#' | '-' | '=' | '■' | '◆' | '●' | '▲' | '>' | '|')
    });
    labels.field(heading) == Some(WireField::Related)
}

/// The label at the beginning of a stretch: its text, its field and the offset of its value.
fn label_at<'a>(stretch: Stretch<'a>, labels: &Labels) -> Option<(Stretch<'a>, WireField, usize)> {
    let (at, colon) = stretch.text.char_indices().take(40).find(|(_, c)| matches!(c, ':' | '：' | '︰' | '﹕'))?;
    let label = stretch.part(0..at);
    let field = labels.field(label.text)?;
    let value_start = at + colon.len_utf8();
    // `Going public: a memoir` isn't about access.
    let value = beginning(stretch.from(value_start).text);
    let says_access = || {
        let first = value.split(|c: char| is_blank(c) || is_bar(c)).next().unwrap_or_default();
        [value, first].iter().any(|value| access::is_access_line(access_key(label.text), value))
    };
    (field != WireField::Access || says_access()).then_some((label, field, value_start))
}

/// The access key of a label. Configured labels have the values of `visibility`.
pub(super) fn access_key(label: &str) -> &str {
    if access::is_key(label) { label } else { "visibility" }
}

/// The pieces of a labelled line. `None` for other lines.
fn fields<'a>(line: Stretch<'a>, labels: &Labels) -> Option<Vec<Piece<'a>>> {
    let mut pieces = Vec::new();
    let mut rest = line;
    let barred = line.text.contains(is_bar);
    while !rest.text.is_empty() {
        if let Some(after) = rest.text.strip_prefix(is_bar) {
            rest = rest.from(rest.text.len() - after.len());
            continue;
        }
        let (label, field, value_start) = match label_at(rest, labels) {
            Some((label, field, value_start)) => (label, Some(field), value_start),
            None => match if barred { embargo_piece(rest) } else { None } {
                Some(found) if found.claim == Claim::NoEmbargo => (rest.part(found.label), Some(WireField::Embargo), 0),
                Some(found) => (rest.part(found.label), Some(WireField::Embargo), found.value.start),
                _ => (Stretch { text: "", start: rest.start }, None, 0),
            },
        };
        let value = rest.from(value_start);
        let whole = matches!(
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
        let end = if whole { value.text.len() } else { piece_end(value, field, labels) };
        let content = value.part(0..end);
        let field = field.or_else(|| looks_like_date(content.text).then_some(WireField::Date));
        pieces.push(Piece { field, label, value: content });
        rest = value.from(end);
    }
    let labelled = pieces.iter().any(|piece| !piece.label.text.is_empty());
    let divided = labelled || barred;
    for piece in &mut pieces {
        if let (None, Some(names)) = (piece.field, byline(piece.value)) {
            (piece.field, piece.value) = (Some(WireField::Author), names);
        }
        // A misspelt embargo label counts, anywhere in the line.
        if let (true, None, Some((label, _, WireField::Embargo))) =
            (divided, piece.field, near_label(piece.value, labels))
        {
            let value = piece.value.from(label.text.len() + 1);
            *piece = Piece { field: Some(WireField::Embargo), label, value };
        }
    }
    let labelled = pieces.iter().any(|piece| !piece.label.text.is_empty());
    let plausible = pieces.iter().all(is_plausible);
    // A line that begins with unlabelled text is a labelled line only if bars divide it.
    let begins_well = pieces.first().is_some_and(|first| first.field.is_some()) || barred;
    (labelled && plausible && begins_well).then_some(pieces)
}

/// The end of a value: a bar, a tab, a double or ideographic blank, or the next label or date.
fn piece_end(value: Stretch<'_>, field: Option<WireField>, labels: &Labels) -> usize {
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
        let dated = !field.is_some_and(is_instant) && date::begins_with_date(rest.text);
        if dated || label_at(rest, labels).is_some() {
            return at;
        }
    }
    value.text.len()
}

/// Whether the value of a field is a date.
fn is_instant(field: WireField) -> bool {
    matches!(field, WireField::Date | WireField::Updated | WireField::Embargo | WireField::Expires)
}

/// An embargo at the beginning of a stretch, up to the next bar.
fn embargo_piece(stretch: Stretch<'_>) -> Option<line::Line> {
    let text = beginning(stretch.text);
    line::parse_embargo(text.split(is_bar).next()?).filter(|found| found.claim != Claim::Mark)
}

/// The part of a text that is examined for a value.
fn beginning(text: &str) -> &str {
    const MAX_VALUE_CHARACTERS: usize = 200;
    text.char_indices().nth(MAX_VALUE_CHARACTERS).and_then(|(end, _)| text.get(..end)).unwrap_or(text)
}

fn is_bar(character: char) -> bool {
    matches!(character, '|' | '｜' | '│' | '丨' | '¦' | '‖')
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
            let sentence = value.contains(['?', '!', '。', '？', '！', '；']);
            let ends = value.ends_with('.') && value.split(' ').count() > 6;
            let long = is_wider(value, 160);
            !(sentence || ends || long)
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

/// Whether a value can be a list of names. Chinese names are short.
fn could_be_names(value: &str) -> bool {
    let is_long = |name: &str| name.chars().filter(|c| is_wide(*c)).count() > 8 && !name.contains('·');
    let mut names = value.split(|c: char| is_blank(c) || matches!(c, ',' | '、' | '，' | '/' | '／' | '&'));
    looks_like_names(value) && !names.any(is_long)
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

/// Whether a line contains a date.
pub(super) fn has_date(line: Stretch<'_>) -> bool {
    date::loose::has_date(line.text)
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

/// The names of a byline: `By Ann Lee and Bo Chen`.
fn byline(line: Stretch<'_>) -> Option<Stretch<'_>> {
    let names = labels::BYLINES
        .iter()
        .find_map(|opening| line.text.strip_prefix(opening).map(|names| line.from(line.text.len() - names.len())))?;
    // "staff reporters" is a job title.
    let names =
        match names.text.split_inclusive(' ').take(3).position(|word| labels::JOB_TITLES.contains(&word.trim_end())) {
            Some(last) => names.from(names.text.split_inclusive(' ').take(last + 1).map(str::len).sum()),
            None => names,
        };
    // "in Harbour City", "for the Courier" and photographers aren't authors.
    let end = [" in ", " for ", " 图", "\u{3000}图", " 摄影", "\u{3000}摄影"]
        .iter()
        .filter_map(|tail| names.text.find(tail))
        .min();
    let names = names.part(0..end.unwrap_or(names.text.len()));
    looks_like_names(names.text).then_some(names)
}

/// Whether text can be a list of people: short, without digits, and every Latin word but particles begins in upper case.
pub(super) fn looks_like_names(text: &str) -> bool {
    const PARTICLES: &[&str] = &[
        "and", "de", "van", "von", "der", "den", "bin", "al", "el", "da", "di", "du", "la", "le", "dos", "ten", "y",
        "in", "for", "with",
    ];
    let words = text
        .split(|c: char| is_blank(c) || matches!(c, ',' | '、' | '，' | '/' | '／' | '&'))
        .filter(|word| !word.is_empty());
    let other =
        |c: char| c.is_ascii_digit() || matches!(c, '?' | '!' | '。' | '？' | '！' | ':' | '：' | ';' | '；' | '>');
    let name = |word: &str| {
        PARTICLES.contains(&word) || word.chars().next().is_some_and(|c| !c.is_alphabetic() || !c.is_lowercase())
    };
    // Bylines have a final full stop only behind an initial or "Jr".
    let most = if text.ends_with('.') { 5 } else { 20 };
    let count = words.clone().take(most + 1).count();
    (1..=most).contains(&count) && !is_wider(text, 120) && !text.contains(other) && words.clone().all(name)
}

/// A caption and its credit: the credit in brackets at the end, behind the caption, or alone.
fn caption(line: Stretch<'_>) -> Option<(Stretch<'_>, Stretch<'_>)> {
    if is_wider(line.text, 600) {
        return None;
    }
    let nothing = Stretch { text: "", start: line.start };
    if let Some(credit) = line.inside_brackets().and_then(credit) {
        return Some((nothing, credit));
    }
    if let Some((before, inside)) = line.last_brackets()
        && let Some(credit) = credit(inside).or_else(|| agency_credit(inside))
    {
        // `新馆开放。某社发（安理 摄）`: the agency belongs to the credit.
        let sent = before.text.rfind('。').map(|at| before.from(at + '。'.len_utf8()));
        return Some(match sent.filter(|sent| sent.text.ends_with('发') && !is_wider(sent.text, 16)) {
            Some(sent) => (before.part(0..sent.start - before.start), line.from(sent.start - line.start)),
            None => (before, credit),
        });
    }
    if let Some(credit) = credit(line) {
        return Some((nothing, credit));
    }
    // `The new hall opens. Photo by Ann Lee`; `新馆开放。图片来源：某报`: the last sentence is the credit.
    let last = line.text.char_indices().rev().skip(1).find(|(_, c)| matches!(c, '.' | '。' | '!' | '！' | '\u{3000}'));
    if let Some((at, stop)) = last {
        let end = at + stop.len_utf8();
        if let Some(credit) = credit(line.from(end)) {
            return Some((line.part(0..end), credit));
        }
    }
    labels::CAPTION_OPENINGS.iter().any(|opening| line.text.starts_with(opening)).then_some((line, nothing))
}

/// The photographer, if the stretch is a credit and nothing else.
pub(super) fn credit(stretch: Stretch<'_>) -> Option<Stretch<'_>> {
    if is_wider(stretch.text, 100) {
        return None;
    }
    for words in labels::CREDITS {
        let Some(after) = stretch.without(words) else { continue };
        let name = match after.text.strip_prefix([':', '：', '/', '／', '|', '｜', '丨', '︰']) {
            Some(name) => after.from(after.text.len() - name.len()),
            // "Photo by Ann" needs no colon. "Photographs in the hall" and "Photo by photo" aren't credits.
            None if (words.ends_with("by") || words.ends_with("of")) && looks_like_names(after.text) => after,
            None => continue,
        };
        if !name.text.is_empty() && !name.text.contains(['。', '？', '！']) {
            // `(PHOTO: Ann Lee/Agency)` is one credit; brackets inside belong to it.
            return Some(name);
        }
    }
    let name = labels::CREDIT_ENDINGS.iter().find_map(|ending| stretch.text.strip_suffix(ending))?;
    let name = stretch.part(0..name.len());
    (!name.text.is_empty() && !is_wider(name.text, 40) && !name.text.contains(['，', '。', ',', '；'])).then_some(name)
}

/// A credit with photographer and agency: `Xinhua/Ann Lee`, `Ann Lee/Xinhua`.
fn agency_credit(stretch: Stretch<'_>) -> Option<Stretch<'_>> {
    let (one, other) = stretch.text.split_once('/')?;
    let known = |name: &str| labels::AGENCIES.contains(&name);
    (looks_like_names(one) && looks_like_names(other) && (known(one) || known(other))).then_some(stretch)
}

/// The line without end marks. Empty for a line that only states the print issue.
pub(super) fn without_end_marks(line: Stretch<'_>) -> Stretch<'_> {
    if line.text.starts_with('《') && line.text.ends_with("版）") && line.text.contains("》（") {
        return line.part(0..0);
    }
    labels::END_MARKS
        .iter()
        .find_map(|mark| line.text.strip_suffix(mark))
        .map_or(line, |before| line.part(0..before.len()))
}

/// The reporters in a dateline: `新华社北京5月15日电（记者李华）`.
pub(super) fn dateline_reporters(paragraph: Stretch<'_>) -> Option<Stretch<'_>> {
    if !opens_like_a_report(paragraph.text) {
        return None;
    }
    let opening = ["（记者", "(记者"].iter().filter_map(|opening| paragraph.text.find(opening)).min()?;
    let inside = paragraph.from(opening).text;
    let closing = inside.find(['）', ')'])?;
    let width = inside.chars().next().map_or(0, char::len_utf8);
    let names = paragraph.part(opening + width..opening + closing);
    (!is_wider(names.text, 80)).then_some(names)
}

/// A misspelt label with a value that fits the known label.
fn near_label<'a>(line: Stretch<'a>, labels: &Labels) -> Option<(Stretch<'a>, String, WireField)> {
    let (at, colon) = line.text.char_indices().take(40).find(|(_, c)| matches!(c, ':' | '：'))?;
    let label = line.part(0..at);
    let value = line.from(at + colon.len_utf8());
    let (meant, field) = labels.nearest(label.text)?;
    let believable = match field {
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
        | WireField::Access => false,
    };
    believable.then(|| (label, meant.to_owned(), field))
}

/// Whether text is only a date, with or without time and zone.
pub(super) fn looks_like_date(text: &str) -> bool {
    const WORDS: &[&str] = &[
        "am",
        "pm",
        "a",
        "p",
        "m",
        "at",
        "on",
        "gmt",
        "utc",
        "cst",
        "bjt",
        "est",
        "edt",
        "z",
        "t",
        "st",
        "nd",
        "rd",
        "th",
        "of",
        "mon",
        "tue",
        "tues",
        "wed",
        "thu",
        "thur",
        "thurs",
        "fri",
        "sat",
        "sun",
        "monday",
        "tuesday",
        "wednesday",
        "thursday",
        "friday",
        "saturday",
        "sunday",
        "年",
        "月",
        "日",
        "时",
        "分",
        "秒",
        "上午",
        "下午",
        "北京时间",
        "星期一",
        "星期二",
        "星期三",
        "星期四",
        "星期五",
        "星期六",
        "星期日",
        "周一",
        "周二",
        "周三",
        "周四",
        "周五",
        "周六",
        "周日",
    ];
    if is_wider(text, 60) {
        return false;
    }
    let mut year = false;
    let mut parts = 0;
    for word in text.split(|c: char| !c.is_alphanumeric()).flat_map(runs).filter(|word| !word.is_empty()) {
        if word.starts_with(|c: char| c.is_ascii_digit()) {
            parts += 1;
            year |= word.len() == 4 && word.starts_with(['1', '2']);
        } else if is_month(word) {
            parts += 1;
        } else if !WORDS.iter().any(|known| known.eq_ignore_ascii_case(word)) {
            return false;
        }
    }
    year && parts >= 3 && !text.contains(['?', '!', '？', '！', '。', '"'])
}

/// Splits a word into digits and letters: `15th`, `2023年`, `T09`.
fn runs(word: &str) -> impl Iterator<Item = &str> {
    let mut rest = word;
    std::iter::from_fn(move || {
        let first = rest.chars().next()?;
        let end = rest.find(|c: char| c.is_ascii_digit() != first.is_ascii_digit()).unwrap_or(rest.len());
        let (run, after) = rest.split_at(end);
        rest = after;
        Some(run)
    })
}

fn is_month(word: &str) -> bool {
    date::month(word).is_some()
}
