//! Interprets keys and values for embargo, expiry, status, retraction and corrections.
//!
//! Files come from many tools, so each key has several names: [`words`] is their table. [`line`] parses lines of text such as
//! `EMBARGOED UNTIL 1 June 2030`.
//!
//! # Why does an embargo that can't be parsed withhold even a public article?
//!
//! Publishing an article too early is worse than not publishing it. So the last good version doesn't stay public here (`Parsed::withhold`).
//! For the same reason, a mistake in `date`, `embargo` or `expires` refuses the file, while a mistake in another key is only a warning.

pub(super) mod line;
mod words;

use std::cell::LazyCell;
use std::sync::LazyLock;

use super::access;
use super::keys::{WordMap, normalised, parse_bool, without_prefix, word_map};
use super::meaning::{Certainty, Meaning, Status};
use super::options::WireField;
use crate::diagnostics::nearest;

static KEYS: WordMap<(Meaning, Certainty)> = LazyLock::new(|| {
    let rows = words::KEYS.iter().map(|&(meaning, certainty, names)| ((meaning, certainty), names));
    word_map(rows)
});
static STATUSES: WordMap<Status> = LazyLock::new(|| word_map(words::STATUSES.iter().copied()));
static CUSTOM_TABLES: WordMap<()> = LazyLock::new(|| word_map([((), words::CUSTOM_TABLES)]));
static EMBARGO_DATES: WordMap<()> = LazyLock::new(|| word_map([((), words::EMBARGO_DATES)]));
static NO_EXPIRY: WordMap<()> = LazyLock::new(|| word_map([((), words::NO_EXPIRY)]));

/// The normalised keys whose typos are detected, each with its meaning.
pub(super) fn typo_checked_keys() -> impl Iterator<Item = (&'static str, Meaning)> {
    words::TYPO_CHECKED.iter().filter_map(|name| Some((*name, certain_meaning(name)?)))
}

/// Keys of other tools that are long enough for typo detection.
const LONG_FOREIGN_KEYS: &[&str] = &["publishdate", "expirydate", "expirationdate", "unpublishdate"];

/// The meaning and the certainty of a key. Every key that begins with `embargo` is about an embargo, such as `embargo_until`. A key that
/// contains the word elsewhere needs a date, such as `university_embargo_until`.
pub(super) fn lookup(key: &str) -> Option<(Meaning, Certainty)> {
    let of = |key: &str| {
        let key = normalised(key);
        let known = KEYS.get(&*key).copied();
        known.or_else(|| key.starts_with("embargo").then_some((Meaning::Embargo, Certainty::Certain)))
    };
    let with_embargo = |key: &str| {
        let mut words = key.split(|c: char| !c.is_alphanumeric()).skip(1);
        words
            .any(|word| word.get(..7).is_some_and(|start| start.eq_ignore_ascii_case("embargo")))
            .then_some((Meaning::Embargo, Certainty::WithDate))
    };
    of(key).or_else(|| Some(without_prefix(key)).filter(|bare| *bare != key).and_then(of)).or_else(|| with_embargo(key))
}

/// The meaning of a key, if certain.
pub(super) fn certain_meaning(name: &str) -> Option<Meaning> {
    lookup(name).filter(|(_, certainty)| *certainty == Certainty::Certain).map(|(meaning, _)| meaning)
}

/// Whether a table of front matter may contain keys of the article: `extra`, `params`.
pub(super) fn is_custom_table(key: &str) -> bool {
    CUSTOM_TABLES.contains_key(&*normalised(key))
}

/// Whether a key of the table `embargo` contains the date.
pub(super) fn is_embargo_date_key(key: &str) -> bool {
    EMBARGO_DATES.contains_key(&*normalised(key))
}

/// The labels of wire text for embargo, expiry, status and access.
pub(super) fn labels() -> impl Iterator<Item = (&'static str, WireField)> {
    let field = |meaning| match meaning {
        Meaning::Date | Meaning::Published => Some(WireField::Date),
        Meaning::Embargo => Some(WireField::Embargo),
        Meaning::Expires => Some(WireField::Expires),
        Meaning::Status => Some(WireField::Status),
        Meaning::Draft => Some(WireField::Draft),
        Meaning::Corrections => Some(WireField::Correction),
        Meaning::Public | Meaning::Reason => None,
    };
    let own = words::LABELS.iter().flat_map(|(field, names)| names.iter().map(|name| (*name, *field)));
    // An uncertain key is not a label: `Release: the album is out`.
    let shared = words::KEYS.iter().filter(|(_, certainty, _)| *certainty == Certainty::Certain);
    let shared = shared.filter_map(move |&(meaning, _, names)| Some((field(meaning)?, names)));
    let shared = shared.flat_map(|(field, names)| names.iter().map(move |name| (*name, field)));
    let access = access::labels().map(|name| (name, WireField::Access));
    own.chain(shared.filter(|(name, _)| !words::NO_LABELS.contains(name))).chain(access)
}

/// The meaning of a label before a line of text, if certain.
pub(super) fn label_meaning(text: &str) -> Option<Meaning> {
    let label = normalised(text);
    let is_key = words::NO_LABELS.iter().any(|name| normalised(name) == label);
    certain_meaning(text).filter(|_| !is_key)
}

/// The key of another tool of which an unknown key is probably a typo, and its meaning.
pub(super) fn nearest_foreign_key(key: &str) -> Option<(Meaning, &'static str)> {
    let key = normalised(key);
    let nearest_key = nearest(&key, LONG_FOREIGN_KEYS.iter().copied())?;
    (strsim::damerau_levenshtein(&key, nearest_key) <= 2).then_some(())?;
    Some((certain_meaning(nearest_key)?, nearest_key))
}

/// Whether a word begins with `embargo` or is a typo of it.
pub(super) fn resembles_embargo(key: &str) -> bool {
    let key = normalised(key);
    key.starts_with("embargo") || (key.chars().count() >= 6 && strsim::damerau_levenshtein(&key, "embargo") <= 2)
}

/// Parses a status word. In `https://schema.org/Draft` the last segment counts.
pub(super) fn parse_status(word: &str) -> Option<Status> {
    let of = |word: &str| STATUSES.get(&*normalised(word)).copied();
    of(word).or_else(|| of(word.rsplit(['/', '#', ':']).next()?))
}

/// Whether a word is a status other than published.
pub(super) fn is_not_public(word: &str) -> bool {
    parse_status(word).is_some_and(|status| status != Status::Published)
}

/// Examples of status words, for help.
pub(super) const STATUS_EXAMPLES: &str =
    "`published`, `updated`, `draft`, `private`, `scheduled`, `retracted` or `withdrawn`";

/// Whether a value of `published` that is neither a date nor a status states that the article isn't public. Other values are names of
/// publishers.
pub(super) fn denies_publication(value: &str) -> bool {
    let value = value.trim();
    let mut words = value.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    let Some(first) = words.next().map(normalised) else { return true };
    let is_wide = words::NOT_PUBLISHED.iter().any(|word| !word.is_ascii() && first.starts_with(*word));
    is_wide
        || words::NOT_PUBLISHED.iter().chain(words::VAGUE).any(|word| *word == first)
        || parse_bool(value) == Some(false)
}

/// Whether a label, or the text beside a date, is in a language that writes the day first.
pub(super) fn writes_day_first(text: &str) -> bool {
    text.split(|c: char| !c.is_alphabetic()).any(|word| {
        let word = normalised(word);
        words::DAY_FIRST.iter().any(|known| *known == word)
    })
}

/// Whether a value states that there is no embargo: `none`, `lifted`, a dash, `for immediate release`.
pub(super) fn lifts_embargo(value: &str) -> bool {
    line::is_none(value)
        || line::parse_embargo(value).is_some_and(|found| found.claim == line::Claim::NoEmbargo && found.is_complete)
}

/// Whether a value states that the article never expires.
pub(super) fn never_expires(value: &str) -> bool {
    NO_EXPIRY.contains_key(&*normalised(value)) || line::is_dash(value)
}

/// Whether text that can't be parsed contains a line or a `meta` element that withholds the article. If so, earlier versions are
/// withheld too.
pub(super) fn withholds(text: &str) -> bool {
    text.split(['\n', '\r']).any(line_withholds)
        || text.split("<meta").skip(1).any(tag_withholds)
        || json_pairs(text).any(|(key, value)| value_withholds(key, value))
}

/// `draft: true`, `"embargo" = x`, `EMBARGOED UNTIL x`
fn line_withholds(line: &str) -> bool {
    const QUOTES: &[char] = &['"', '\'', '“', '”', '`', ' ', '\t'];
    const MARKS: &[char] = &['{', '[', ',', '-', '*', '>', '#', '\u{feff}'];
    let line = line.trim_start_matches(|c: char| c.is_whitespace() || MARKS.contains(&c));
    let has_opening =
        line::parse_embargo(line).is_some_and(|found| found.claim == line::Claim::Until && found.is_complete);
    let mut separators = line.char_indices().take(60).filter(|(_, c)| matches!(c, ':' | '=' | '：' | '＝'));
    let has_pair = separators.next().is_some_and(|(at, separator)| {
        let key = line.get(..at).unwrap_or_default().trim_matches(QUOTES);
        let value = line.get(at + separator.len_utf8()..).unwrap_or_default();
        value_withholds(key, value)
    });
    // `draft true`: the colon is missing.
    let has_bare_pair = line.trim().split_once(char::is_whitespace).is_some_and(|(key, value)| {
        let is_known = parse_bool(value).is_some() || parse_status(value).is_some();
        is_known && value_withholds(key, value)
    });
    has_opening || has_pair || has_bare_pair
}

/// Whether a key with this value withholds the article.
pub(super) fn value_withholds(name: &str, value: &str) -> bool {
    const ENDS: &[char] = &['"', '\'', '“', '”', '`', ' ', '\t', ',', ';', '}', ']'];
    let value = value.split(" #").next().unwrap_or_default().trim_matches(ENDS);
    match lookup(name) {
        _ if access::withholds(name, value) => true,
        _ if resembles_embargo(name) => !lifts_embargo(value),
        Some((Meaning::Embargo, Certainty::Certain)) => !lifts_embargo(value),
        Some((Meaning::Expires, _)) => !value.is_empty() && !never_expires(value),
        Some((Meaning::Status, Certainty::Certain)) => parse_status(value) != Some(Status::Published),
        Some((Meaning::Status, Certainty::WithDate)) => {
            parse_status(value).is_some_and(|status| status != Status::Published)
        }
        Some((Meaning::Draft, _)) => {
            parse_bool(value) != Some(false) && parse_status(value) != Some(Status::Published) && !value.is_empty()
        }
        Some((Meaning::Public | Meaning::Published, _)) => {
            parse_bool(value) == Some(false) || parse_status(value).is_some_and(|status| status != Status::Published)
        }
        _ => false,
    }
}

/// The quoted keys of JSON or damaged JSON, each with the text after it.
pub(super) fn json_pairs(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let parts = text.match_indices("\":").chain(text.match_indices("\" :"));
    parts.filter_map(|(at, colon)| {
        let before = text.get(..at)?;
        let start = before.char_indices().rev().take(60).find(|(_, c)| *c == '"').map(|(at, _)| at + 1)?;
        let after = text.get(at + colon.len()..)?;
        let end = after.char_indices().take(300).find(|(_, c)| matches!(c, ',' | '}' | '\n')).map(|(at, _)| at);
        let end = end.or_else(|| after.char_indices().nth(300).map(|(at, _)| at)).unwrap_or(after.len());
        Some((before.get(start..)?, after.get(..end)?))
    })
}

fn tag_withholds(tag: &str) -> bool {
    let tag = tag.split('>').next().unwrap_or_default();
    let values = tag.split(['"', '\'', '=', ' ', '\t', '\n', '\r', '/']).filter(|value| !value.is_empty());
    // Computed once per tag, not per name.
    let has_status =
        LazyCell::new(|| values.clone().filter_map(parse_status).any(|status| status != Status::Published));
    let has_yes = LazyCell::new(|| values.clone().any(|value| parse_bool(value) == Some(true)));
    let has_no = LazyCell::new(|| values.clone().any(|value| parse_bool(value) == Some(false)));
    let withholds = |name: &str| match lookup(name) {
        _ if resembles_embargo(without_prefix(name)) => true,
        Some((Meaning::Embargo, Certainty::Certain)) => true,
        Some((Meaning::Status, _)) => *has_status,
        Some((Meaning::Draft, _)) => *has_yes,
        Some((Meaning::Public, _)) => *has_no,
        _ => false,
    };
    values.clone().any(withholds)
}

#[cfg(test)]
#[path = "lifecycle/tests.rs"]
mod tests;
