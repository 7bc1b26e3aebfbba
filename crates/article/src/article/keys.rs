//! Comparison of keys, labels and Boolean values in the notations that tools and authors use.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::LazyLock;

use super::steps;
use crate::types::nfkc;

/// Namespaces in front of keys: `dateline:embargo`, `article:embargo`, `DC.date.available`.
const PREFIXES: &[&str] =
    &["dateline", "article", "og", "og:article", "dc", "dcterms", "news", "x", "prism", "schema", "sdo"];

/// Words for `true`.
pub(super) const TRUE: &[&str] =
    &["true", "yes", "on", "1", "y", "t", "enabled", "是", "ja", "wahr", "oui", "vrai", "sí", "sì"];
/// Words for `false`.
pub(super) const FALSE: &[&str] =
    &["false", "no", "off", "0", "n", "f", "disabled", "none", "否", "nein", "falsch", "non", "faux"];

/// The words of a table in normalised form, each with the value of its row.
pub(super) type WordMap<T> = LazyLock<HashMap<String, T>>;

static BOOLEANS: WordMap<bool> = LazyLock::new(|| word_map([(true, TRUE), (false, FALSE)]));

/// Builds the map of a table's words.
pub(super) fn word_map<'w, T: Copy>(rows: impl IntoIterator<Item = (T, &'w [&'w str])>) -> HashMap<String, T> {
    rows.into_iter()
        .flat_map(|(value, names)| names.iter().map(move |name| (normalised(name).into_owned(), value)))
        .collect()
}

/// The form in which words are compared: NFKC in lower case, without anything but letters and digits.
pub(super) fn normalised(word: &str) -> Cow<'_, str> {
    steps::add(word.len());
    // The common case needs no allocation.
    if word.bytes().all(|byte| byte.is_ascii_lowercase()) {
        return Cow::Borrowed(word);
    }
    if word.is_ascii() {
        let letters = word.bytes().filter(u8::is_ascii_alphanumeric);
        return letters.map(|byte| char::from(byte.to_ascii_lowercase())).collect();
    }
    nfkc(word).chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// A key without a namespace: `embargo` for `dateline:embargo`, `article:embargo` and `https://schema.org/embargo`.
pub(super) fn without_prefix(key: &str) -> &str {
    let mut key = key.trim();
    if let Some((_, name)) = key.split_once("://").and_then(|(_, path)| path.rsplit_once(['/', '#'])) {
        key = name;
    }
    while let Some((prefix, rest)) = key.split_once([':', '.', '-', '_', '/']) {
        if !PREFIXES.iter().any(|known| known.eq_ignore_ascii_case(prefix)) || rest.is_empty() {
            break;
        }
        key = rest;
    }
    key
}

/// Parses a Boolean value in any notation that authors use: `yes`, `off`, `是`.
pub(super) fn parse_bool(word: &str) -> Option<bool> {
    BOOLEANS.get(&*normalised(word)).copied()
}
