//! Lines of text about an embargo: `>>> EMBARGO TILL 1 June 2030 <<<`, `HOLD FOR RELEASE`, `禁止发布至2030年6月1日`.
//!
//! A headline about a trade embargo can't always be told from one. [`Says`] tells how sure a line is; the reader of each format
//! decides by where the line stands.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::sync::LazyLock;

use unicode_normalization::UnicodeNormalization;

use super::{Opening, is_none, normal, words};
use crate::article::date;
use crate::article::summary::is_wider;

/// A line that speaks of an embargo.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::article) struct Line {
    /// The opening (bytes).
    pub(in crate::article) label: Range<usize>,
    /// What stands behind it and the words that introduce a date (bytes).
    pub(in crate::article) value: Range<usize>,
    pub(in crate::article) says: Says,
    /// Nothing stands behind the opening but a date or words such as `further notice`, so that the line is no sentence.
    pub(in crate::article) whole: bool,
}

/// How sure a line is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::article) enum Says {
    /// An embargo, until the value. An empty or vague value withholds the article.
    Until,
    /// Perhaps an embargo, perhaps a sentence that begins with such a word.
    Perhaps,
    /// A mark of the desk such as `DRAFT`.
    Mark,
    /// That there is none.
    Free,
}

/// Whether a value is a sentence: it ends as one does, and most of its words are in lower case. Names and titles are not.
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

/// Longer lines are looked at as far as this (characters).
const LONGEST_OPENING: usize = 160;

/// The openings by their first letter, so that most lines are done with at once.
static OPENINGS: LazyLock<HashMap<char, Vec<(String, Opening)>>> = LazyLock::new(|| {
    let mut openings: HashMap<char, Vec<(String, Opening)>> = HashMap::new();
    for (opening, word) in
        words::OPENINGS.iter().flat_map(|(opening, words)| words.iter().map(move |word| (*opening, word)))
    {
        let word = normal(word).into_owned();
        openings.entry(word.chars().next().unwrap_or_default()).or_default().push((word, opening));
    }
    // The longest first: `hold for release` is more than `hold`.
    openings.values_mut().for_each(|openings| openings.sort_by_key(|(word, _)| std::cmp::Reverse(word.len())));
    openings
});
static MODIFIER_LETTERS: LazyLock<HashSet<char>> =
    LazyLock::new(|| MODIFIERS.iter().filter_map(|word| word.chars().next()).collect());
static MODIFIERS: LazyLock<HashSet<String>> = LazyLock::new(|| set(words::MODIFIERS));
static UNTIL: LazyLock<HashSet<String>> = LazyLock::new(|| set(words::UNTIL));
static VAGUE: LazyLock<HashSet<String>> = LazyLock::new(|| set(words::VAGUE));

fn set(words: &[&str]) -> HashSet<String> {
    words.iter().map(|word| normal(word).into_owned()).collect()
}

/// A letter or digit of a line as it is compared, and where it stands.
#[derive(Clone, Copy)]
struct Glyph {
    folded: char,
    start: usize,
    end: usize,
    /// Something else stands before it.
    apart: bool,
}

/// A character in compatibility form and lower case, if that is one character: full-width `Ｅ` is `e`.
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

/// What a line says about an embargo, if it opens like one. Marks and blanks around and between its words don't count. Behind a
/// dateline or a name, only a line that can be nothing else counts: `London, 1 May - EMBARGOED UNTIL 1 June`.
pub(in crate::article) fn embargo(text: &str) -> Option<Line> {
    opening(text).or_else(|| behind_dash(text))
}

/// What stands between a dateline and the text.
const DASHES: &[&str] = &[" - ", " – ", " — ", "--", "——", "—", " | ", " // ", "】", "］", "）"];
/// A longer beginning is no dateline (characters).
const LONGEST_DATELINE: usize = 60;

fn behind_dash(text: &str) -> Option<Line> {
    let start = text.char_indices().nth(LONGEST_DATELINE).and_then(|(at, _)| text.get(..at)).unwrap_or(text);
    start.contains(['-', '–', '—', '|', '/', '】', '］', '）']).then_some(())?;
    DASHES.iter().find_map(|dash| {
        let at = start.find(dash)? + dash.len();
        let rest = text.get(at..)?;
        let found = opening(rest)?;
        // `Oil prices rise - embargo` is a headline.
        let is_dated = !found.value.is_empty();
        let is_shouted = !rest.contains(char::is_lowercase) && rest.contains(char::is_uppercase);
        let moved = |range: Range<usize>| range.start + at..range.end + at;
        (found.says == Says::Until && found.whole && (is_dated || is_shouted)).then(|| Line {
            label: moved(found.label),
            value: moved(found.value),
            ..found
        })
    })
}

/// The date in text that opens like a line about an embargo, or with words that introduce a date: `until 1 June 2030`.
pub(in crate::article) fn date_in(text: &str) -> Option<&str> {
    const MOST_OPENINGS: usize = 3;
    let mut rest = text;
    for _ in 0..MOST_OPENINGS {
        let glyphs = glyphs(rest);
        let start = match opening(rest) {
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

fn opening(text: &str) -> Option<Line> {
    let first = text.chars().take(LONGEST_OPENING).map(fold).find(|c| c.is_alphanumeric())?;
    (OPENINGS.contains_key(&first) || MODIFIER_LETTERS.contains(&first)).then_some(())?;
    let glyphs = glyphs(text);
    let mut rest = glyphs.as_slice();
    // What stands in front of the opening: `STRICTLY EMBARGOED`, `NOTE:`.
    for _ in 0..6 {
        if let Some(found) = opened(text, rest) {
            return Some(found);
        }
        rest = without_modifier(rest)?;
    }
    None
}

fn glyphs(text: &str) -> Vec<Glyph> {
    let mut glyphs = Vec::new();
    let mut apart = true;
    for (start, c) in text.char_indices().take(LONGEST_OPENING) {
        let folded = fold(c);
        if folded.is_alphanumeric() {
            glyphs.push(Glyph { folded, start, end: start + c.len_utf8(), apart });
            apart = false;
        } else {
            apart = true;
        }
    }
    glyphs
}

/// Without a word that stands in front of openings. Chinese words have several characters, each a word of its own.
fn without_modifier(rest: &[Glyph]) -> Option<&[Glyph]> {
    let (word, after) = first_word(rest)?;
    if MODIFIERS.contains(&word) {
        return Some(after);
    }
    let length =
        MODIFIERS.iter().filter(|modifier| !modifier.is_ascii()).find_map(|modifier| begins_with(rest, modifier))?;
    rest.get(length..)
}

fn opened(text: &str, glyphs: &[Glyph]) -> Option<Line> {
    let openings = OPENINGS.get(&glyphs.first()?.folded)?;
    let found = openings.iter().filter_map(|(word, opening)| Some((*opening, begins_with(glyphs, word)?)));
    // The same word may open lines of several kinds.
    found.filter_map(|(opening, length)| read(text, glyphs, opening, length)).next()
}

/// How many glyphs an opening takes, if they begin with it and a word ends there.
fn begins_with(glyphs: &[Glyph], word: &str) -> Option<usize> {
    let mut length = 0;
    for wanted in word.chars() {
        (glyphs.get(length)?.folded == wanted).then_some(())?;
        length += 1;
    }
    let next = glyphs.get(length);
    let ends = next.is_none_or(|next| next.apart || next.folded.is_ascii_digit() || !next.folded.is_ascii());
    let whole = glyphs.first().is_some_and(|first| first.apart || !first.folded.is_ascii());
    (ends && whole).then_some(length)
}

fn read(text: &str, glyphs: &[Glyph], opening: Opening, length: usize) -> Option<Line> {
    let (head, rest) = glyphs.split_at_checked(length)?;
    let (first, last) = (head.first()?, head.last()?);
    let label = first.start..last.end;
    let behind = text.get(last.end..).unwrap_or_default();
    let (says, value) = match opening {
        Opening::Mark if rest.is_empty() => (Says::Mark, rest),
        Opening::Mark => return None,
        Opening::Free => {
            let value = without_fillers(rest);
            (begins_with_time(value) || value.is_empty()).then_some((Says::Free, value))?
        }
        Opening::Embargo => {
            let value = without_fillers(rest);
            let word = first_word(rest).map(|(word, _)| word).unwrap_or_default();
            let introduced = UNTIL.contains(&word) || begins_with_time(rest) || rest.is_empty();
            // A paragraph that begins with the word must say until when at once.
            if is_about_trade(&word, behind) || (is_wider(text, 100) && !introduced) {
                return None;
            }
            if is_none(behind.trim_start_matches([':', '：', ' '])) {
                (Says::Free, value)
            } else if introduced && (value.is_empty() || begins_with_time(value)) {
                (Says::Until, value)
            } else {
                (Says::Perhaps, value)
            }
        }
        Opening::Release => {
            let value = without_fillers(rest);
            begins_with_time(value).then_some((Says::Until, value))?
        }
    };
    let start = value.first().map_or(last.end, |first| first.start);
    let value = start..start + value.first().and(text.get(start..)).map_or(0, |rest| undecorated(rest).len());
    if opening == Opening::Release && !announces_date(text.get(value.clone()).unwrap_or_default()) {
        return None;
    }
    Some(Line { label, value, says, whole: is_time(rest) })
}

/// Whether what follows a word such as `release` is a date: `Release 2.0 is out` is about something else.
fn announces_date(value: &str) -> bool {
    let vague = !value.starts_with(|c: char| c.is_ascii_digit()) && !is_wider(value, 40);
    vague || (!is_wider(value, 80) && date::loose::has_date(value))
}

/// `embargo on grain`, `embargo against the port`: about trade, unless a date or `until` follows.
fn is_about_trade(word: &str, behind: &str) -> bool {
    ["on", "against", "of", "over", "sur", "gegen", "contra", "на", "против"].contains(&word)
        && !behind.contains(|c: char| c.is_ascii_digit())
        && !behind.split(|c: char| !c.is_alphanumeric()).any(|word| {
            ["until", "till", "til", "before", "bis"].iter().any(|known| word.eq_ignore_ascii_case(known))
                || VAGUE.contains(&*normal(word))
        })
}

/// Without the words between an opening and its date.
fn without_fillers(mut rest: &[Glyph]) -> &[Glyph] {
    while let Some((word, after)) = first_word(rest) {
        if !UNTIL.contains(&word) || (word == "a" && after.is_empty()) {
            break;
        }
        rest = after;
    }
    rest
}

/// Whether the glyphs begin as a date or a time does, however vague.
fn begins_with_time(rest: &[Glyph]) -> bool {
    let Some(first) = rest.first() else { return false };
    first.folded.is_ascii_digit()
        || first_word(rest).is_some_and(|(word, _)| VAGUE.contains(&word) || date::loose::is_month_or_day(&word))
        || VAGUE.iter().any(|vague| !vague.is_ascii() && begins_with(rest, vague).is_some())
}

/// Whether the glyphs are words and numbers of dates alone.
fn is_time(mut rest: &[Glyph]) -> bool {
    while let Some((word, after)) = first_word(rest) {
        let known = word.starts_with(|c: char| c.is_ascii_digit())
            || UNTIL.contains(&word)
            || VAGUE.contains(&word)
            || date::loose::is_word(&word);
        match VAGUE.iter().filter(|vague| !vague.is_ascii()).find_map(|vague| begins_with(rest, vague)) {
            Some(length) => rest = rest.get(length..).unwrap_or_default(),
            None if known => rest = after,
            None => return false,
        }
    }
    true
}

/// The first word: letters of one script, or digits. Chinese has no blanks, so that each character is a word there.
fn first_word(glyphs: &[Glyph]) -> Option<(String, &[Glyph])> {
    let first = glyphs.first()?;
    let is_wide = |c: char| crate::article::summary::is_wide(c);
    let same = |glyph: &&Glyph| {
        !is_wide(first.folded)
            && !is_wide(glyph.folded)
            && !glyph.apart
            && glyph.folded.is_ascii_digit() == first.folded.is_ascii_digit()
    };
    let length = 1 + glyphs.iter().skip(1).take_while(same).count();
    let (word, rest) = glyphs.split_at_checked(length)?;
    Some((word.iter().map(|glyph| glyph.folded).collect(), rest))
}

/// Text without marks at its end: `<<<`, `***`, a full stop.
fn undecorated(text: &str) -> &str {
    text.trim_end_matches(|c: char| !c.is_alphanumeric() && !matches!(c, ')' | '）'))
}
