//! The words by which files say when, and whether, they are public. Files come from many tools, so that a key goes by several
//! names; letter case, `_` and `-` do not count.

use std::borrow::Cow;

use super::access;
use crate::diag::nearest;
use crate::types::{is_invisible, nfkc};

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
    /// Published, draft or retracted.
    Status,
    /// Why it was retracted.
    Reason,
    /// What was corrected.
    Corrections,
}

/// Names of keys in lower case without `_` and `-`.
const NAMES: &[(&str, Meaning)] = &[
    ("date", Meaning::Date),
    ("publishdate", Meaning::Published),
    ("pubdate", Meaning::Published),
    ("published", Meaning::Published),
    ("publish", Meaning::Published),
    ("datepublished", Meaning::Published),
    ("publisheddate", Meaning::Published),
    ("publishedat", Meaning::Published),
    ("publicationdate", Meaning::Published),
    ("embargo", Meaning::Embargo),
    ("expires", Meaning::Expires),
    ("expirydate", Meaning::Expires),
    ("expiredate", Meaning::Expires),
    ("expirationdate", Meaning::Expires),
    ("expirationtime", Meaning::Expires),
    ("expiresat", Meaning::Expires),
    ("expireson", Meaning::Expires),
    ("unpublishdate", Meaning::Expires),
    ("unpublishat", Meaning::Expires),
    ("status", Meaning::Status),
    ("reason", Meaning::Reason),
    ("corrections", Meaning::Corrections),
    ("correction", Meaning::Corrections),
];

/// Every name, normalised, and what it decides.
pub(super) fn names() -> impl Iterator<Item = (&'static str, Meaning)> {
    NAMES.iter().copied()
}

/// Names of other tools that are long enough for slips of the pen to be told from other words.
const LONG_NAMES: &[&str] = &["publishdate", "expirydate", "expirationdate", "unpublishdate"];

/// A key as it is compared: letter case, width, `_`, `-`, blanks, invisible characters and quotation marks don't count.
pub(super) fn normal(key: &str) -> Cow<'_, str> {
    // As nearly every key is.
    if key.bytes().all(|byte| byte.is_ascii_lowercase()) {
        return Cow::Borrowed(key);
    }
    let is_noise = |c: &char| {
        matches!(c, '_' | '-' | '‐' | '‑' | '"' | '\'' | '“' | '”' | '‘' | '’' | '«' | '»' | '`') || is_invisible(*c)
    };
    nfkc(key).chars().filter(|c| !is_noise(c)).flat_map(char::to_lowercase).collect()
}

/// What a key decides, if anything. Whatever begins with `embargo` is about one: `embargo_until`, `embargoed`.
pub(super) fn meaning(key: &str) -> Option<Meaning> {
    let key = normal(key);
    let known = NAMES.iter().find(|(name, _)| *name == key).map(|&(_, meaning)| meaning);
    known.or_else(|| key.starts_with("embargo").then_some(Meaning::Embargo))
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
    Draft,
    Retracted,
}

const STATUSES: &[(&str, Status)] = &[
    ("published", Status::Published),
    ("publish", Status::Published),
    ("final", Status::Published),
    ("live", Status::Published),
    ("draft", Status::Draft),
    ("pending", Status::Draft),
    ("retracted", Status::Retracted),
    ("withdrawn", Status::Retracted),
    ("killed", Status::Retracted),
];

/// What a status word says.
pub(super) fn status(word: &str) -> Option<Status> {
    let word = word.trim().trim_end_matches(['.', '。']).to_lowercase();
    STATUSES.iter().find(|(known, _)| *known == word).map(|&(_, status)| status)
}

/// The status words, for help.
pub(super) fn status_words() -> String {
    STATUSES.iter().map(|(word, _)| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}

/// Whether text that cannot be understood as a whole was meant to withhold or retract its article: a line, or a `meta` element,
/// says so. Then even the version that is public must not stay.
pub(super) fn withholds(text: &str) -> bool {
    const QUOTES: [char; 2] = ['"', '\''];
    let says = |key: &str, value: &str| {
        let value = value.split('#').next().unwrap_or_default().trim().trim_matches(QUOTES);
        is_nearly_embargo(key)
            || access::withholds(key, value)
            || (normal(key) == "status" && status(value) == Some(Status::Retracted))
    };
    let by_line = text.split(['\n', '\r']).any(|line| {
        let line = line.trim_start_matches(|c: char| c.is_whitespace() || c == '\u{feff}' || c == '{');
        let at = line.char_indices().take(60).find(|(_, c)| matches!(c, ':' | '=' | '：')).map(|(at, _)| at);
        let key = at.and_then(|at| line.get(..at)).unwrap_or_default();
        let value = at.and_then(|at| line.get(at..)).unwrap_or_default().trim_start_matches([':', '=', '：']);
        says(key.trim().trim_matches(QUOTES), value)
    });
    by_line
        || text.split("<meta").skip(1).any(|tag| {
            let tag = tag.split('>').next().unwrap_or_default().to_lowercase();
            let retracts = || STATUSES.iter().any(|(word, status)| *status == Status::Retracted && tag.contains(word));
            tag.contains("embargo") || (tag.contains("dateline:status") && retracts())
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_have_many_names() {
        for (key, expected) in [
            ("date", Some(Meaning::Date)),
            ("Date", Some(Meaning::Date)),
            ("publishDate", Some(Meaning::Published)),
            ("PUBDATE", Some(Meaning::Published)),
            ("date_published", Some(Meaning::Published)),
            ("published", Some(Meaning::Published)),
            ("embargo-until", Some(Meaning::Embargo)),
            ("embargoed", Some(Meaning::Embargo)),
            ("expiryDate", Some(Meaning::Expires)),
            ("unpublish_date", Some(Meaning::Expires)),
            ("unpublishDate", Some(Meaning::Expires)),
            ("Status", Some(Meaning::Status)),
            ("correction", Some(Meaning::Corrections)),
            ("publisher", None),
            ("embark", None),
            ("data", None),
        ] {
            assert_eq!(meaning(key), expected, "{key}");
        }
    }

    #[test]
    fn text_that_withholds_without_being_understood() {
        for (text, expected) in [
            ("title: [\nembargo: 2026-12-01\n", true),
            ("  \"Embargo\" = 2026-12-01", true),
            ("'embargo' : x", true),
            ("{embargo: x", true),
            ("embago: x", true),
            ("EMBARGOED UNTIL 10:00", true),
            ("status: retracted # by the desk", true),
            ("status = \"Withdrawn\"", true),
            ("<p><meta\n content=x name='dateline:embargo'>", true),
            ("<meta name=dateline:status content=killed>", true),
            ("status: draft", false),
            ("title: The embargo: a history", false),
            ("embargo", false),
            ("The embargo: a history", false),
            ("<meta name=description content=x>embargo", false),
        ] {
            assert_eq!(withholds(text), expected, "{text}");
        }
    }
}
