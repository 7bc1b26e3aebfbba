//! Lines of text about an embargo: `>>> EMBARGO TILL 1 June 2030 <<<`, `HOLD FOR RELEASE`, `禁止发布至2030年6月1日`.
//!
//! Headlines about a trade embargo may look the same. [`Claim`] states how certain a line is. The parser of each format also considers the
//! line's position.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::sync::LazyLock;

use unicode_normalization::UnicodeNormalization;

use super::words::{self, Opening};
use crate::article::date;
use crate::article::keys::{WordMap, normalised, word_map};
use crate::article::summary::is_wider;

/// A line about an embargo.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::article) struct Line {
    /// The byte range of the opening.
    pub(in crate::article) label: Range<usize>,
    /// The byte range of the text after the opening and after introductory words such as `until`.
    pub(in crate::article) value: Range<usize>,
    pub(in crate::article) claim: Claim,
    /// Whether only a date, or words such as `further notice`, follow the opening. Then the line isn't a sentence.
    pub(in crate::article) is_complete: bool,
}

/// A claim of a line about publication, and its certainty.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::article) enum Claim {
    /// An embargo until the value. An empty or vague value withholds the article.
    Until,
    /// Either an embargo or a sentence that begins with such a word.
    Possible,
    /// An editorial mark such as `DRAFT`.
    Mark,
    /// The line lifts the embargo.
    NoEmbargo,
}

/// Whether a value is a sentence: it ends with a full stop or the like, and most of its words are in lower case.
pub(in crate::article) fn is_sentence(value: &str) -> bool {
    let ends = value
        .trim_end_matches(['"', '”', '’', '\'', ')', '）', '」', '』'])
        .ends_with(['.', '!', '?', '…', '。', '！', '？']);
    if !ends {
        return false;
    }
    let (mut words, mut lower) = (0_usize, 0_usize);
    for word in value.split(char::is_whitespace).filter(|word| word.contains(char::is_alphabetic)).take(200) {
        words += 1;
        lower += usize::from(word.starts_with(char::is_lowercase));
    }
    value.contains(['。', '！', '？']) || (words >= 4 && lower * 2 > words)
}

/// How many characters of a line are examined.
const MAX_OPENING_CHARACTERS: usize = 160;

/// The openings by their first letter, so most lines need a single lookup.
static OPENINGS: LazyLock<HashMap<char, Vec<(String, Opening)>>> = LazyLock::new(|| {
    let mut openings: HashMap<char, Vec<(String, Opening)>> = HashMap::new();
    for (opening, word) in
        words::OPENINGS.iter().flat_map(|(opening, words)| words.iter().map(move |word| (*opening, word)))
    {
        let word = normalised(word).into_owned();
        openings.entry(word.chars().next().unwrap_or_default()).or_default().push((word, opening));
    }
    // The longest first: `hold for release` before `hold`.
    openings.values_mut().for_each(|openings| openings.sort_by_key(|(word, _)| std::cmp::Reverse(word.len())));
    openings
});
/// The first characters of openings and modifiers: a cheap check that rules out most lines.
static BEGINNINGS: LazyLock<HashSet<Beginning>> = LazyLock::new(|| {
    let openings = OPENINGS.values().flatten().map(|(word, _)| word);
    openings.chain(MODIFIERS.iter()).map(|word| beginning(word.chars())).collect()
});
static MODIFIERS: LazyLock<HashSet<String>> = LazyLock::new(|| set(words::MODIFIERS));
static UNTIL: LazyLock<HashSet<String>> = LazyLock::new(|| set(words::UNTIL));
static VAGUE: LazyLock<HashSet<String>> = LazyLock::new(|| set(words::VAGUE));
static NO_EMBARGO: WordMap<()> = LazyLock::new(|| word_map([((), words::NO_EMBARGO)]));

/// The first letters and digits of a text.
type Beginning = [Option<char>; 3];

fn beginning(mut letters: impl Iterator<Item = char>) -> Beginning {
    std::array::from_fn(|_| letters.next())
}

fn set(words: &[&str]) -> HashSet<String> {
    words.iter().map(|word| normalised(word).into_owned()).collect()
}

/// A letter or digit of a line in normalised form, with its byte range.
#[derive(Clone, Copy)]
struct Glyph {
    folded: char,
    start: usize,
    end: usize,
    /// Whether the character is the first of the line or follows another kind of character.
    follows_separator: bool,
}

/// A character in NFKC and lower case, if that is a single character: full-width `Ｅ` becomes `e`.
fn fold(c: char) -> char {
    if c.is_ascii() {
        return c.to_ascii_lowercase();
    }
    let mut folded = std::iter::once(c).nfkc().flat_map(char::to_lowercase);
    match (folded.next(), folded.next()) {
        (Some(one), None) => one,
        _ => c,
    }
}

/// Parses a line about an embargo. Punctuation and blanks around and between words don't matter. After a dateline or a name, only an
/// unambiguous line counts: `London, 1 May - EMBARGOED UNTIL 1 June`.
pub(in crate::article) fn parse_embargo(text: &str) -> Option<Line> {
    parse_opening(text).or_else(|| parse_after_dash(text))
}

/// Separators between a dateline and the text.
const DASHES: &[&str] = &[" - ", " – ", " — ", "--", "——", "—", " | ", " // ", "】", "］", "）"];
/// The length of the longest dateline.
const MAX_DATELINE_CHARACTERS: usize = 60;

fn parse_after_dash(text: &str) -> Option<Line> {
    let start = text.char_indices().nth(MAX_DATELINE_CHARACTERS).and_then(|(at, _)| text.get(..at)).unwrap_or(text);
    start.contains(['-', '–', '—', '|', '/', '】', '］', '）']).then_some(())?;
    DASHES.iter().find_map(|dash| {
        let at = start.find(dash)? + dash.len();
        let rest = text.get(at..)?;
        let found = parse_opening(rest)?;
        // `Oil prices rise - embargo` is a headline.
        let is_dated = !found.value.is_empty();
        let is_upper_case = !rest.contains(char::is_lowercase) && rest.contains(char::is_uppercase);
        let moved = |range: Range<usize>| range.start + at..range.end + at;
        (found.claim == Claim::Until && found.is_complete && (is_dated || is_upper_case)).then(|| Line {
            label: moved(found.label),
            value: moved(found.value),
            ..found
        })
    })
}

/// The date in a line about an embargo, or after introductory words: `until 1 June 2030`.
pub(in crate::article) fn date_in(text: &str) -> Option<&str> {
    const MAX_OPENINGS: usize = 3;
    let mut rest = text;
    for _ in 0..MAX_OPENINGS {
        let glyphs = glyphs(rest);
        let start = match parse_opening(rest) {
            Some(found) if !found.value.is_empty() => found.value.start,
            _ => without_fillers(&glyphs).first()?.start,
        };
        if start == 0 {
            break;
        }
        rest = rest.get(start..)?;
    }
    (rest.len() < text.len()).then_some(rest)
}

fn parse_opening(text: &str) -> Option<Line> {
    let letters = text.chars().take(MAX_OPENING_CHARACTERS).map(fold).filter(|c| c.is_alphanumeric());
    let beginning = beginning(letters);
    // A word may be shorter than the beginning.
    let may_open = |length: usize| {
        let mut beginning = beginning;
        beginning.iter_mut().skip(length).for_each(|letter| *letter = None);
        BEGINNINGS.contains(&beginning)
    };
    (1..=beginning.len()).any(may_open).then_some(())?;
    let glyphs = glyphs(text);
    let mut rest = glyphs.as_slice();
    const MAX_MODIFIERS: usize = 6;
    // Modifiers precede the opening: `STRICTLY EMBARGOED`, `NOTE:`.
    for _ in 0..MAX_MODIFIERS {
        if let Some(found) = parse_at(text, rest) {
            return Some(found);
        }
        rest = without_modifier(rest)?;
    }
    None
}

fn glyphs(text: &str) -> Vec<Glyph> {
    let mut glyphs = Vec::new();
    let mut follows_separator = true;
    for (start, c) in text.char_indices().take(MAX_OPENING_CHARACTERS) {
        let folded = fold(c);
        if folded.is_alphanumeric() {
            glyphs.push(Glyph { folded, start, end: start + c.len_utf8(), follows_separator });
            follows_separator = false;
        } else {
            follows_separator = true;
        }
    }
    glyphs
}

/// The rest without a leading modifier. [`first_word`] splits Chinese into characters, so its modifiers are compared as prefixes.
fn without_modifier(rest: &[Glyph]) -> Option<&[Glyph]> {
    let (word, after) = first_word(rest)?;
    if MODIFIERS.contains(&word) {
        return Some(after);
    }
    let length =
        MODIFIERS.iter().filter(|modifier| !modifier.is_ascii()).find_map(|modifier| prefix_length(rest, modifier))?;
    rest.get(length..)
}

fn parse_at(text: &str, glyphs: &[Glyph]) -> Option<Line> {
    let openings = OPENINGS.get(&glyphs.first()?.folded)?;
    let found = openings.iter().filter_map(|(word, opening)| Some((*opening, prefix_length(glyphs, word)?)));
    // The same word may belong to several kinds of openings.
    found.filter_map(|(opening, length)| parse_claim(text, glyphs, opening, length)).next()
}

/// The number of glyphs of a word, if they begin with it as a whole word.
fn prefix_length(glyphs: &[Glyph], word: &str) -> Option<usize> {
    let mut length = 0;
    for wanted in word.chars() {
        (glyphs.get(length)?.folded == wanted).then_some(())?;
        length += 1;
    }
    let next = glyphs.get(length);
    let ends =
        next.is_none_or(|next| next.follows_separator || next.folded.is_ascii_digit() || !next.folded.is_ascii());
    let begins_word = glyphs.first().is_some_and(|first| first.follows_separator || !first.folded.is_ascii());
    (ends && begins_word).then_some(length)
}

fn parse_claim(text: &str, glyphs: &[Glyph], opening: Opening, length: usize) -> Option<Line> {
    let (head, rest) = glyphs.split_at_checked(length)?;
    let (first, last) = (head.first()?, head.last()?);
    let label = first.start..last.end;
    let text_after = text.get(last.end..).unwrap_or_default();
    let (claim, value) = match opening {
        Opening::Mark if rest.is_empty() => (Claim::Mark, rest),
        Opening::Mark => return None,
        Opening::NoEmbargo => {
            let value = without_fillers(rest);
            (begins_with_time(value) || value.is_empty()).then_some((Claim::NoEmbargo, value))?
        }
        Opening::Embargo => {
            let value = without_fillers(rest);
            let word = first_word(rest).map(|(word, _)| word).unwrap_or_default();
            let is_introduced = UNTIL.contains(&word) || begins_with_time(rest) || rest.is_empty();
            // In a paragraph, the date must follow the word immediately.
            if is_about_trade(&word, text_after) || (is_wider(text, 100) && !is_introduced) {
                return None;
            }
            if is_none(text_after.trim_start_matches([':', '：', ' '])) {
                (Claim::NoEmbargo, value)
            } else if is_introduced && (value.is_empty() || begins_with_time(value)) {
                (Claim::Until, value)
            } else {
                (Claim::Possible, value)
            }
        }
        Opening::Release => {
            let value = without_fillers(rest);
            begins_with_time(value).then_some((Claim::Until, value))?
        }
    };
    let start = value.first().map_or(last.end, |first| first.start);
    let value = start..start + value.first().and(text.get(start..)).map_or(0, |rest| undecorated(rest).len());
    if opening == Opening::Release && !announces_date(text.get(value.clone()).unwrap_or_default()) {
        return None;
    }
    Some(Line { label, value, claim, is_complete: is_time(rest) })
}

/// Whether the value of an opening such as `release` is a date. In `Release 2.0 is out` it isn't.
fn announces_date(value: &str) -> bool {
    let is_vague = !value.starts_with(|c: char| c.is_ascii_digit()) && !is_wider(value, 40);
    is_vague || (!is_wider(value, 80) && date::loose::has_date(value))
}

/// Whether the embargo is on trade: `embargo on grain`, without a date or `until`.
fn is_about_trade(word: &str, text_after: &str) -> bool {
    ["on", "against", "of", "over", "sur", "gegen", "contra", "на", "против"].contains(&word)
        && !text_after.contains(|c: char| c.is_ascii_digit())
        && !text_after.split(|c: char| !c.is_alphanumeric()).any(|word| {
            ["until", "till", "til", "before", "bis"].iter().any(|known| word.eq_ignore_ascii_case(known))
                || VAGUE.contains(&*normalised(word))
        })
}

/// The glyphs without introductory words such as `until`.
fn without_fillers(mut rest: &[Glyph]) -> &[Glyph] {
    while let Some((word, after)) = first_word(rest) {
        if !UNTIL.contains(&word) || (word == "a" && after.is_empty()) {
            break;
        }
        rest = after;
    }
    rest
}

/// Whether the glyphs begin with a date or a time, which may be vague.
fn begins_with_time(rest: &[Glyph]) -> bool {
    let Some(first) = rest.first() else { return false };
    first.folded.is_ascii_digit()
        || first_word(rest).is_some_and(|(word, _)| VAGUE.contains(&word) || date::loose::is_month_or_day(&word))
        || VAGUE.iter().any(|vague| !vague.is_ascii() && prefix_length(rest, vague).is_some())
}

/// Whether the glyphs contain only words and numbers of dates.
fn is_time(mut rest: &[Glyph]) -> bool {
    while let Some((word, after)) = first_word(rest) {
        let is_known = word.starts_with(|c: char| c.is_ascii_digit())
            || UNTIL.contains(&word)
            || VAGUE.contains(&word)
            || date::loose::is_word(&word);
        match VAGUE.iter().filter(|vague| !vague.is_ascii()).find_map(|vague| prefix_length(rest, vague)) {
            Some(length) => rest = rest.get(length..).unwrap_or_default(),
            None if is_known => rest = after,
            None => return false,
        }
    }
    true
}

/// The first word: letters of one script, or digits. In Chinese, each character counts as a word.
fn first_word(glyphs: &[Glyph]) -> Option<(String, &[Glyph])> {
    let first = glyphs.first()?;
    let is_wide = |c: char| crate::article::summary::is_wide(c);
    let same = |glyph: &&Glyph| {
        !is_wide(first.folded)
            && !is_wide(glyph.folded)
            && !glyph.follows_separator
            && glyph.folded.is_ascii_digit() == first.folded.is_ascii_digit()
    };
    let length = 1 + glyphs.iter().skip(1).take_while(same).count();
    let (word, rest) = glyphs.split_at_checked(length)?;
    Some((word.iter().map(|glyph| glyph.folded).collect(), rest))
}

/// Text without trailing punctuation: `<<<`, `***`, a full stop.
fn undecorated(text: &str) -> &str {
    text.trim_end_matches(|c: char| !c.is_alphanumeric() && !matches!(c, ')' | '）'))
}

/// Whether a value states that there is no embargo: a word such as `none`, or a dash.
pub(super) fn is_none(value: &str) -> bool {
    NO_EMBARGO.contains_key(&*normalised(value)) || is_dash(value)
}

/// Whether a value is a dash.
pub(super) fn is_dash(value: &str) -> bool {
    let value = value.trim();
    !value.is_empty() && value.chars().all(|c| matches!(c, '-' | '–' | '—' | '―' | '−' | '/' | '.' | '－'))
}
