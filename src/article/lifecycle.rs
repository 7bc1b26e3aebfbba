//! What files say about when, and whether, they are public. Files come from many tools and desks, so a key goes by several names:
//! [`words`] is the table of them, and [`line`] reads lines of text such as `EMBARGOED UNTIL 1 June 2030`.

pub(super) mod line;
mod words;

use std::borrow::Cow;
use std::cell::LazyCell;
use std::collections::HashMap;
use std::sync::LazyLock;

use super::options::WireField;
use super::{access, steps};
use crate::diagnostics::nearest;
use crate::types::nfkc;

/// What a key decides.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Meaning {
    /// When it is first public: `date`.
    Date,
    /// What other tools write instead of `date`, or beside it, where it withholds.
    Published,
    /// Not public before.
    Embargo,
    /// Not public from then on.
    Expires,
    /// Published, draft, scheduled or retracted.
    Status,
    /// `true`: not public.
    Draft,
    /// `false`: not public.
    Public,
    /// Why it was retracted.
    Reason,
    /// What was corrected.
    Corrections,
}

/// Whether a key means what it seems to mean whatever its value is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Certainty {
    /// A value that can't be read withholds the article.
    Certain,
    /// Only a complete date, or for a status a known word, counts; anything else is about something else.
    WithDate,
}

/// What an opening of a line announces.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Opening {
    /// An embargo, whatever follows.
    Embargo,
    /// An embargo if a date follows.
    Release,
    /// A mark such as `DRAFT`, if nothing follows.
    Mark,
    /// That there is no embargo.
    Free,
}

/// Entries of a word list by their normal form.
type Words<T> = LazyLock<HashMap<String, T>>;

static KEYS: Words<(Meaning, Certainty)> = LazyLock::new(|| {
    let rows = words::KEYS.iter().map(|&(meaning, certainty, names)| ((meaning, certainty), names));
    entries(rows)
});
static STATUSES: Words<Status> = LazyLock::new(|| entries(words::STATUSES.iter().copied()));
static TABLES: Words<()> = LazyLock::new(|| entries([((), words::TABLES)]));
static LIMITS: Words<()> = LazyLock::new(|| entries([((), words::LIMITS)]));
static NO_EMBARGO: Words<()> = LazyLock::new(|| entries([((), words::NO_EMBARGO)]));
static NO_EXPIRY: Words<()> = LazyLock::new(|| entries([((), words::NO_EXPIRY)]));
static TRUTHS: Words<bool> = LazyLock::new(|| entries([(true, words::TRUE), (false, words::FALSE)]));

fn entries<'w, T: Copy>(rows: impl IntoIterator<Item = (T, &'w [&'w str])>) -> HashMap<String, T> {
    rows.into_iter()
        .flat_map(|(value, names)| names.iter().map(move |name| (normal(name).into_owned(), value)))
        .collect()
}

/// The names that slips of the pen are compared with, normalised, and what each decides.
pub(super) fn names() -> impl Iterator<Item = (&'static str, Meaning)> {
    words::SLIPS.iter().filter_map(|name| Some((*name, meaning(name)?)))
}

/// Names of other tools that are long enough for slips of the pen to be told from other words.
const LONG_NAMES: &[&str] = &["publishdate", "expirydate", "expirationdate", "unpublishdate"];

/// The form in which words are compared: NFKC, lower case, letters and digits alone.
pub(super) fn normal(word: &str) -> Cow<'_, str> {
    steps::add(word.len());
    // As nearly every key is.
    if word.bytes().all(|byte| byte.is_ascii_lowercase()) {
        return Cow::Borrowed(word);
    }
    if word.is_ascii() {
        let letters = word.bytes().filter(u8::is_ascii_alphanumeric);
        return letters.map(|byte| char::from(byte.to_ascii_lowercase())).collect();
    }
    nfkc(word).chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// A key without words in front of it that only say whose it is: `dateline:embargo`, `article:embargo`.
pub(super) fn bare(key: &str) -> &str {
    let mut key = key.trim();
    // A property by its whole address: `https://schema.org/creativeWorkStatus`.
    if let Some((_, name)) = key.split_once("://").and_then(|(_, path)| path.rsplit_once(['/', '#'])) {
        key = name;
    }
    while let Some((prefix, rest)) = key.split_once([':', '.', '-', '_', '/']) {
        if !words::PREFIXES.iter().any(|known| known.eq_ignore_ascii_case(prefix)) || rest.is_empty() {
            break;
        }
        key = rest;
    }
    key
}

/// What a key decides and how certainly, if anything. Whatever begins with `embargo` is about one: `embargo_until`, `embargoed`; a date
/// behind a key that has the word elsewhere is, too: `university_embargo_until`.
pub(super) fn key(key: &str) -> Option<(Meaning, Certainty)> {
    let of = |key: &str| {
        let key = normal(key);
        let known = KEYS.get(&*key).copied();
        known.or_else(|| key.starts_with("embargo").then_some((Meaning::Embargo, Certainty::Certain)))
    };
    let with_embargo = |key: &str| {
        let mut words = key.split(|c: char| !c.is_alphanumeric()).skip(1);
        words
            .any(|word| word.get(..7).is_some_and(|start| start.eq_ignore_ascii_case("embargo")))
            .then_some((Meaning::Embargo, Certainty::WithDate))
    };
    of(key).or_else(|| Some(bare(key)).filter(|bare| *bare != key).and_then(of)).or_else(|| with_embargo(key))
}

/// What a key decides, if it does so certainly.
pub(super) fn meaning(name: &str) -> Option<Meaning> {
    key(name).filter(|(_, certainty)| *certainty == Certainty::Certain).map(|(meaning, _)| meaning)
}

/// Whether a table of front matter may hold keys of the article: `extra`, `params`.
pub(super) fn is_table(key: &str) -> bool {
    TABLES.contains_key(&*normal(key))
}

/// Whether a key of the table `embargo` says until when.
pub(super) fn is_limit(key: &str) -> bool {
    LIMITS.contains_key(&*normal(key))
}

/// The labels of wire text for what this module is about.
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
    // A word that may be about something else is no label: `Release: the album is out`.
    let shared = words::KEYS.iter().filter(|(_, certainty, _)| *certainty == Certainty::Certain);
    let shared = shared.filter_map(move |&(meaning, _, names)| Some((field(meaning)?, names)));
    let shared = shared.flat_map(|(field, names)| names.iter().map(move |name| (*name, field)));
    let access = access::labels().map(|name| (name, WireField::Access));
    own.chain(shared.filter(|(name, _)| !words::NO_LABELS.contains(name))).chain(access)
}

/// What a label in front of a line of text decides, if it does so certainly.
pub(super) fn label(text: &str) -> Option<Meaning> {
    let label = normal(text);
    let is_key = words::NO_LABELS.iter().any(|name| normal(name) == label);
    meaning(text).filter(|_| !is_key)
}

/// What a key of another tool was meant to decide, and its right name.
pub(super) fn nearly_foreign(key: &str) -> Option<(Meaning, &'static str)> {
    let key = normal(key);
    let meant = nearest(&key, LONG_NAMES.iter().copied())?;
    (strsim::damerau_levenshtein(&key, meant) <= 2).then_some(())?;
    Some((meaning(meant)?, meant))
}

/// Whether a word is `embargo`, or a slip of the pen away from it.
pub(super) fn is_nearly_embargo(key: &str) -> bool {
    let key = normal(key);
    key.starts_with("embargo") || (key.chars().count() >= 6 && strsim::damerau_levenshtein(&key, "embargo") <= 2)
}

/// What a status says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Status {
    Published,
    /// Not public: a draft, private, in the bin ...
    Draft,
    /// Not public before a date that stands elsewhere.
    Scheduled,
    Retracted,
}

/// What a status word says. Of `https://schema.org/Draft` the last word counts.
pub(super) fn status(word: &str) -> Option<Status> {
    let of = |word: &str| STATUSES.get(&*normal(word)).copied();
    of(word).or_else(|| of(word.rsplit(['/', '#', ':']).next()?))
}

/// Whether a word is a status of an article that isn't public.
pub(super) fn is_not_public(word: &str) -> bool {
    status(word).is_some_and(|status| status != Status::Published)
}

/// A few status words of each kind, for help.
pub(super) const STATUS_WORDS: &str =
    "`published`, `updated`, `draft`, `private`, `scheduled`, `retracted` or `withdrawn`";

/// `true` or `false`, as people write them.
pub(super) fn truth(word: &str) -> Option<bool> {
    TRUTHS.get(&*normal(word)).copied()
}

/// Whether a word that is neither a date nor a status says, behind `published:`, that the article isn't. A name is that of a publisher.
pub(super) fn denies_publication(value: &str) -> bool {
    let value = value.trim();
    let mut words = value.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    let Some(first) = words.next().map(normal) else { return true };
    let is_wide = words::NOT_PUBLISHED.iter().any(|word| !word.is_ascii() && first.starts_with(*word));
    is_wide || words::NOT_PUBLISHED.iter().chain(words::VAGUE).any(|word| *word == first) || truth(value) == Some(false)
}

/// Whether a label or the words beside a date are of a language that writes the day first.
pub(super) fn writes_day_first(text: &str) -> bool {
    text.split(|c: char| !c.is_alphabetic()).any(|word| {
        let word = normal(word);
        words::DAY_FIRST.iter().any(|known| *known == word)
    })
}

/// Whether a value says that there is no embargo: `none`, `lifted`, a dash, `for immediate release`.
pub(super) fn lifts(value: &str) -> bool {
    is_none(value) || line::embargo(value).is_some_and(|found| found.says == line::Says::Free && found.whole)
}

fn is_none(value: &str) -> bool {
    NO_EMBARGO.contains_key(&*normal(value)) || is_dash(value)
}

/// Whether a value says that the article never expires.
pub(super) fn never_expires(value: &str) -> bool {
    NO_EXPIRY.contains_key(&*normal(value)) || is_dash(value)
}

fn is_dash(value: &str) -> bool {
    let value = value.trim();
    !value.is_empty() && value.chars().all(|c| matches!(c, '-' | '–' | '—' | '―' | '−' | '/' | '.' | '－'))
}

/// Whether text that can't be understood as a whole was meant to withhold its article: a line, or a `meta` element, says so. Then
/// even the version that is public must not stay.
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
    let opened = line::embargo(line).is_some_and(|found| found.says == line::Says::Until && found.whole);
    let mut separators = line.char_indices().take(60).filter(|(_, c)| matches!(c, ':' | '=' | '：' | '＝'));
    let keyed = separators.next().is_some_and(|(at, separator)| {
        let key = line.get(..at).unwrap_or_default().trim_matches(QUOTES);
        let value = line.get(at + separator.len_utf8()..).unwrap_or_default();
        value_withholds(key, value)
    });
    // `draft true`: the colon was forgotten.
    let unmarked = line.trim().split_once(char::is_whitespace).is_some_and(|(key, value)| {
        let is_known = truth(value).is_some() || status(value).is_some();
        is_known && value_withholds(key, value)
    });
    opened || keyed || unmarked
}

pub(super) fn value_withholds(name: &str, value: &str) -> bool {
    const ENDS: &[char] = &['"', '\'', '“', '”', '`', ' ', '\t', ',', ';', '}', ']'];
    let value = value.split(" #").next().unwrap_or_default().trim_matches(ENDS);
    match key(name) {
        _ if access::withholds(name, value) => true,
        _ if is_nearly_embargo(name) => !lifts(value),
        Some((Meaning::Embargo, Certainty::Certain)) => !lifts(value),
        Some((Meaning::Expires, _)) => !value.is_empty() && !never_expires(value),
        Some((Meaning::Status, Certainty::Certain)) => status(value) != Some(Status::Published),
        Some((Meaning::Status, Certainty::WithDate)) => status(value).is_some_and(|status| status != Status::Published),
        Some((Meaning::Draft, _)) => {
            truth(value) != Some(false) && status(value) != Some(Status::Published) && !value.is_empty()
        }
        Some((Meaning::Public | Meaning::Published, _)) => {
            truth(value) == Some(false) || status(value).is_some_and(|status| status != Status::Published)
        }
        _ => false,
    }
}

/// The keys in quotation marks of text that is JSON or was meant to be, each with what stands behind it.
pub(super) fn json_pairs(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let parts = text.match_indices("\":").chain(text.match_indices("\" :"));
    parts.filter_map(|(at, colon)| {
        let before = text.get(..at)?;
        let start = before.char_indices().rev().take(60).find(|(_, c)| *c == '"').map(|(at, _)| at + 1)?;
        let behind = text.get(at + colon.len()..)?;
        let end = behind.char_indices().take(300).find(|(_, c)| matches!(c, ',' | '}' | '\n')).map(|(at, _)| at);
        let end = end.or_else(|| behind.char_indices().nth(300).map(|(at, _)| at)).unwrap_or(behind.len());
        Some((before.get(start..)?, behind.get(..end)?))
    })
}

fn tag_withholds(tag: &str) -> bool {
    let tag = tag.split('>').next().unwrap_or_default();
    let values = tag.split(['"', '\'', '=', ' ', '\t', '\n', '\r', '/']).filter(|value| !value.is_empty());
    // Looked up once, however many names the tag has.
    let has_status = LazyCell::new(|| values.clone().filter_map(status).any(|status| status != Status::Published));
    let has_yes = LazyCell::new(|| values.clone().any(|value| truth(value) == Some(true)));
    let has_no = LazyCell::new(|| values.clone().any(|value| truth(value) == Some(false)));
    let withholds = |name: &str| match key(name) {
        _ if is_nearly_embargo(bare(name)) => true,
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
