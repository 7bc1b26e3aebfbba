//! Access restrictions: the keys and words with which publishing tools say who may read an article. `words` is their table.
//!
//! If a file has several such keys, all restrictions apply. Letter case, `_`, `-` and blanks don't matter.

mod restriction;
mod words;

use std::collections::HashMap;
use std::sync::LazyLock;

use self::restriction::Restriction::{Private, Unlisted};
pub use self::restriction::{Access, Restriction};
use self::words::Fallback::{self, Ignore, Restrict, Withhold};
use self::words::ValueKind::{self, Off, On, OnlyFalse, Rendering, Secret, Word};
use self::words::{KEYS, META_KEYS, UNMISTAKABLE_KEYS, WORDS};
use super::keys::{normalised, parse_bool, without_prefix};
use super::values::{Node, Value};

/// The restriction that a key and its value state.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Statement {
    /// Nothing about access.
    Unrelated,
    /// Everybody may read the article.
    Public,
    /// Access is restricted.
    Restricted(Restriction),
    /// The value is unknown.
    Unreadable,
}

/// Whether a key is about access.
pub(super) fn is_key(name: &str) -> bool {
    entry(name).is_some()
}

/// The row of a key in [`KEYS`], with or without a namespace: `article:content_tier`.
fn entry(name: &str) -> Option<(ValueKind, Fallback)> {
    static ENTRIES: LazyLock<HashMap<&str, (ValueKind, Fallback)>> =
        LazyLock::new(|| KEYS.iter().map(|&(name, kind, fallback)| (name, (kind, fallback))).collect());
    let of = |name: &str| ENTRIES.get(&*normalised(name)).copied();
    of(name).or_else(|| Some(without_prefix(name)).filter(|bare| *bare != name).and_then(of))
}

/// The normalised key, if it is one of [`UNMISTAKABLE_KEYS`].
pub(super) fn unmistakable_key(name: &str) -> Option<&'static str> {
    let name = normalised(without_prefix(name));
    UNMISTAKABLE_KEYS.iter().copied().find(|known| *known == name)
}

/// Whether a line of text such as `Visibility: members` is about access. A line with an unknown value counts only if its label is
/// unambiguous, because sentences look the same: `Private: a life in letters`.
pub(super) fn is_access_line(label: &str, value: &str) -> bool {
    match statement(label, value) {
        Statement::Unrelated => false,
        Statement::Public => true,
        Statement::Restricted(_) => withholds(label, value),
        Statement::Unreadable => {
            let label = normalised(label);
            let is_unambiguous = ["visib", "sichtbar", "可见", "可見"].iter().any(|word| label.contains(word));
            is_unambiguous && !value.is_empty() && value.split_whitespace().count() <= 3
        }
    }
}

/// Whether a value keeps the article out of the feeds.
pub(super) fn hides(label: &str, value: &str) -> bool {
    matches!(statement(label, value), Statement::Restricted(Restriction::Private | Restriction::Unlisted))
}

/// The keys that are also labels in wire text. [`is_access_line`] tells labelled lines from sentences.
pub(super) fn labels() -> impl Iterator<Item = &'static str> {
    KEYS.iter().filter(|(_, kind, _)| matches!(kind, Word | On(_) | Off(_))).map(|(name, ..)| *name)
}

/// The key of a `meta` element. `name` is in lower case.
pub(super) fn meta_key(name: &str) -> Option<&'static str> {
    META_KEYS.iter().find(|(known, _)| *known == name).map(|(_, key)| *key)
}

/// Interprets a key with a plain value.
pub(super) fn statement(key: &str, value: &str) -> Statement {
    entry(key).map_or(Statement::Unrelated, |(kind, fallback)| interpret(kind, fallback, value))
}

/// Interprets a word without a key: `members`, `private`.
pub(super) fn word_statement(word: &str) -> Option<Statement> {
    let word = word.trim().trim_end_matches(['.', '。']);
    let word = normalised(word);
    let (_, restriction) = WORDS.iter().find(|(known, _)| *known == word)?;
    Some(restriction.map_or(Statement::Public, Statement::Restricted))
}

fn interpret(kind: ValueKind, fallback: Fallback, value: &str) -> Statement {
    let value = value.trim();
    let truth = match normalised(value).as_ref() {
        // JSON-LD spells Boolean values as addresses too.
        "httpschemaorgtrue" | "httpsschemaorgtrue" => Some(true),
        "httpschemaorgfalse" | "httpsschemaorgfalse" => Some(false),
        word => parse_bool(word),
    };
    let switched =
        |restricts: bool, restriction| if restricts { Statement::Restricted(restriction) } else { Statement::Public };
    let statement = match (kind, truth) {
        // Templates leave keys empty, so an empty value doesn't restrict access.
        _ if value.is_empty() => return Statement::Unrelated,
        (Secret, Some(false)) => return Statement::Unrelated,
        (Secret, _) => return Statement::Restricted(Private),
        (Word, Some(is_public)) => Some(switched(!is_public, Private)),
        (On(restriction), Some(truth)) => Some(switched(truth, restriction)),
        (Off(restriction), Some(truth)) => Some(switched(!truth, restriction)),
        (OnlyFalse(restriction), Some(false)) => Some(Statement::Restricted(restriction)),
        (Rendering, Some(false)) => Some(Statement::Restricted(Private)),
        (Rendering, None) if matches!(normalised(value).as_ref(), "never" | "link") => {
            Some(Statement::Restricted(Private))
        }
        (OnlyFalse(_) | Rendering, _) => None,
        (Word | On(_) | Off(_), None) => word_statement(value),
    };
    statement.unwrap_or(match (fallback, kind) {
        (Ignore, _) => Statement::Unrelated,
        (Restrict, On(restriction) | Off(restriction)) => Statement::Restricted(restriction),
        (Withhold | Restrict, _) => Statement::Unreadable,
    })
}

/// Interprets a key of front matter. In lists and tables, every value counts.
pub(super) fn node_statements(key: &str, node: &Node<'_>) -> Vec<Statement> {
    match &node.value {
        Value::Null => vec![Statement::Unrelated],
        Value::Scalar(value) => vec![statement(key, value)],
        Value::List(items) => items.iter().flat_map(|item| node_statements(key, item)).collect(),
        Value::Map(entries) if normalised(key) == "build" => {
            entries.iter().map(|(key, node)| hugo_build(&key.name, node)).collect()
        }
        Value::Map(entries) if is_key(key) => entries
            .iter()
            .flat_map(|(inner, node)| node_statements(if is_key(&inner.name) { &inner.name } else { key }, node))
            .collect(),
        Value::Map(_) => Vec::new(),
    }
}

/// Interprets Hugo's build options. Before version 0.76 they were Boolean.
fn hugo_build(key: &str, node: &Node<'_>) -> Statement {
    let Value::Scalar(value) = &node.value else { return Statement::Unrelated };
    match (normalised(key).as_ref(), normalised(value).as_ref()) {
        ("list", "never" | "local" | "false") => Statement::Restricted(Unlisted),
        ("render", "never" | "link" | "false") => Statement::Restricted(Private),
        _ => Statement::Unrelated,
    }
}

/// Whether a key is Hugo's table of build options.
pub(super) fn is_hugo_build(key: &str) -> bool {
    normalised(key) == "build"
}

/// The keys whose typos withhold the article, in normalised form.
pub(super) fn unmistakable_keys() -> impl Iterator<Item = &'static str> {
    UNMISTAKABLE_KEYS.iter().copied()
}

/// Whether a line of a file that can't be parsed restricts its article. A sentence that begins with `Password:` doesn't.
pub(super) fn withholds(key: &str, value: &str) -> bool {
    let is_sentence = || value.trim().contains(char::is_whitespace);
    let is_secret = || entry(key).is_some_and(|(kind, _)| kind == Secret);
    matches!(statement(key, value), Statement::Restricted(_)) && !(is_secret() && is_sentence())
}

/// Whether a page that can't be parsed restricts its article.
pub(super) fn page_withholds(page: &str) -> bool {
    /// The maximum distance of a value from its name.
    const MAX_DISTANCE_CHARACTERS: usize = 40;
    let lower = page.to_ascii_lowercase();
    let has_near = |name: &str, words: &[&str]| {
        lower.split(name).skip(1).any(|after| {
            let end = after.char_indices().nth(MAX_DISTANCE_CHARACTERS).map_or(after.len(), |(end, _)| end);
            words.iter().any(|word| after.get(..end).is_some_and(|near| near.contains(word)))
        })
    };
    has_near("isaccessibleforfree", &["false"]) || has_near("content_tier", &["locked", "metered"])
}

/// Whether a key with this value may restrict the article. `None` stands for a list or a table.
pub(super) fn may_restrict(key: &str, value: Option<&str>) -> bool {
    let restricts = |value| matches!(statement(key, value), Statement::Restricted(_) | Statement::Unreadable);
    value.map_or_else(|| is_key(key), restricts)
}

/// Examples of values, for help.
pub(super) fn value_examples() -> &'static str {
    "`public`, `unlisted`, `members`, `paid` or `private`"
}
