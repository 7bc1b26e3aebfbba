//! Applies the keys about publication, at the top of front matter and in tables for custom keys (Zola's `extra`, Hugo's `params`).
//!
//! An unreadable value refuses the file. Tables inside these contain unrelated data too, so only unambiguous keys count there.

use super::entries::{field, refuse_near_miss};
use super::names::{self, Verdict};
use crate::article::access::{self, Restriction, Statement};
use crate::article::draft::Draft;
use crate::article::meaning::{Certainty, Meaning};
use crate::article::values::{Key, Node, Value};
use crate::article::{date, keys, lifecycle};
use crate::diagnostics::Code;

const ORIGIN: &str = "front matter";
/// Tables about publication. A key such as `date` in them is about publication too.
const PUBLICATION_TABLES: &[&str] =
    &["dateline", "publishing", "publication", "publish", "published", "release", "schedule"];
/// Keys of such a table for the beginning of publication.
const BEGINNING_KEYS: &[&str] = &["date", "at", "on", "from", "start", "time"];

type Entries<'t> = [(Key<'t>, Node<'t>)];

/// Applies a key about publication, or a table that may contain such keys. Returns whether the key is either.
pub(super) fn apply(draft: &mut Draft<'_>, keys: &Entries<'_>, key: &Key<'_>, node: &Node<'_>) -> bool {
    let known = lifecycle::lookup(&key.name);
    if lifecycle::is_custom_table(&key.name) && apply_table(draft, keys, key, node) {
        return true;
    }
    if let Value::Map(entries) = &node.value
        && let Some((Meaning::Embargo, _)) = known
        && let Some((_, limit)) = entries.iter().find(|(inner, _)| lifecycle::is_embargo_date_key(&inner.name))
    {
        apply_scalar(draft, key, limit, Meaning::Embargo);
        return true;
    }
    // `publishing.draft: true`
    if let (None, Some((table, name))) = (known, key.name.rsplit_once('.'))
        && table.split('.').all(lifecycle::is_custom_table)
    {
        apply_table_key(draft, keys, table, &Key { name: name.into(), span: key.span.clone() }, node);
        return true;
    }
    match known {
        None => false,
        Some((meaning, Certainty::WithDate)) => {
            apply_if_valid(draft, keys, key, node, meaning);
            // Known even if not applied: `state: Bavaria` isn't a typo.
            true
        }
        Some((meaning, Certainty::Certain)) => {
            apply_certain(draft, keys, key, node, meaning);
            true
        }
    }
}

/// Applies the keys of a custom table or of a list of tables. Returns whether the value is one.
fn apply_table(draft: &mut Draft<'_>, keys: &Entries<'_>, key: &Key<'_>, node: &Node<'_>) -> bool {
    match &node.value {
        Value::Map(entries) => {
            entries.iter().for_each(|(inner, node)| apply_table_key(draft, keys, &key.name, inner, node));
            true
        }
        Value::List(items) if items.iter().any(|item| matches!(item.value, Value::Map(_))) => {
            items.iter().for_each(|item| check_deeper_table(draft, key, item, 0));
            true
        }
        _ => false,
    }
}

/// Searches a table inside a custom table, which may contain unrelated data: `extra: {map: {status: closed}}`. An embargo with a date is
/// applied. Another key that would withhold the article may be misplaced, so it refuses the file.
fn check_deeper_table(draft: &mut Draft<'_>, key: &Key<'_>, node: &Node<'_>, depth: usize) {
    const MAX_DEPTH: usize = 8;
    if depth == MAX_DEPTH {
        return;
    }
    let entries = match &node.value {
        Value::Map(entries) => entries,
        Value::List(items) => {
            return items.iter().for_each(|item| check_deeper_table(draft, key, item, depth + 1));
        }
        Value::Null | Value::Scalar(_) => return,
    };
    for (inner, node) in entries {
        let Value::Scalar(value) = &node.value else {
            check_deeper_table(draft, inner, node, depth + 1);
            continue;
        };
        let meaning = match lifecycle::lookup(&inner.name) {
            Some((Meaning::Embargo, _)) if draft.is_labelled_instant(&inner.name, value) => {
                draft.set_labelled_embargo(&inner.name, value, node.span.clone(), ORIGIN);
                continue;
            }
            Some((Meaning::Embargo, Certainty::Certain)) if !lifecycle::lifts_embargo(value) => Meaning::Embargo,
            Some((Meaning::Draft, _)) if keys::parse_bool(value) == Some(true) => Meaning::Draft,
            _ if access::statement(&inner.name, value) == Statement::Restricted(Restriction::Private)
                && access::unmistakable_key(&inner.name).is_some() =>
            {
                Meaning::Embargo
            }
            _ => continue,
        };
        let message = format!(
            "`{}` is in the table `{}`, and may state that the article is not public",
            inner.name.escape_debug(),
            key.name.escape_debug()
        );
        let help = "move the key to the top of the front matter if it is about the article; rename it otherwise";
        draft.refuse_key(meaning, inner.span.clone(), message, help);
    }
}

/// Applies a key of a custom table.
fn apply_table_key(draft: &mut Draft<'_>, keys: &Entries<'_>, table: &str, key: &Key<'_>, node: &Node<'_>) {
    if lifecycle::is_custom_table(&key.name) && apply_table(draft, keys, key, node) {
        return;
    }
    let is_about_publication = PUBLICATION_TABLES.iter().any(|known| *known == keys::normalised(table));
    match lifecycle::lookup(&key.name) {
        Some((Meaning::Embargo | Meaning::Expires | Meaning::Draft | Meaning::Public, Certainty::Certain)) => {
            apply(draft, keys, key, node);
        }
        // `status: 200` is unrelated, but an unknown word may withhold the article.
        Some((Meaning::Status, Certainty::Certain)) if matches!(&node.value, Value::Scalar(word) if word.contains(char::is_alphabetic)) =>
        {
            apply(draft, keys, key, node);
        }
        Some((meaning @ (Meaning::Embargo | Meaning::Status), _)) => apply_if_valid(draft, keys, key, node, meaning),
        Some((Meaning::Published, _)) => apply_if_valid(draft, keys, key, node, Meaning::Embargo),
        _ if is_about_publication && BEGINNING_KEYS.iter().any(|known| *known == keys::normalised(&key.name)) => {
            apply_if_valid(draft, keys, key, node, Meaning::Embargo);
        }
        Some(_) => {}
        None if access::is_key(&key.name) => {}
        None => {
            let name = keys::normalised(&key.name);
            let value = match &node.value {
                Value::Scalar(value) => Some(&**value),
                Value::Null => Some(""),
                Value::List(_) | Value::Map(_) => None,
            };
            let meant =
                names::nearest_withholding_key(&name).filter(|_| names::verdict(&name, value) > Verdict::Public);
            let embargo =
                || value.is_some_and(|value| lifecycle::resembles_embargo(&name) && !lifecycle::lifts_embargo(value));
            match meant.or_else(|| embargo().then_some("embargo")) {
                Some(meant) if value.is_some() => refuse_near_miss(draft, key, meant),
                _ => check_deeper_table(draft, key, node, 0),
            }
        }
    }
}

/// Applies a value only if it is a complete date or a known status.
fn apply_if_valid(draft: &mut Draft<'_>, keys: &Entries<'_>, key: &Key<'_>, node: &Node<'_>, meaning: Meaning) {
    let Value::Scalar(value) = &node.value else { return };
    let counts = match meaning {
        Meaning::Status => lifecycle::parse_status(value).is_some(),
        _ => draft.is_labelled_instant(&key.name, value),
    };
    if counts {
        apply_certain(draft, keys, key, node, meaning);
    }
}

fn apply_certain(draft: &mut Draft<'_>, keys: &Entries<'_>, key: &Key<'_>, node: &Node<'_>, meaning: Meaning) {
    if is_left_empty(key, node, meaning) {
        return;
    }
    let span = node.span.clone();
    let earlier = |(other, _): &&(Key<'_>, Node<'_>)| other.span.start < key.span.start;
    // A key of a table doesn't repeat a key at the top level.
    let is_at_top = keys.iter().any(|(other, _)| other.span == key.span);
    let is_repeated = is_at_top
        && keys.iter().filter(earlier).any(|(other, _)| keys::normalised(&other.name) == keys::normalised(&key.name));
    // Next to `date`, another tool's date is an embargo, because Hugo waits for both.
    let is_date = |(other, node): &(Key<'_>, Node<'_>)| {
        is_publication_date(&other.name) && !is_left_empty(other, node, Meaning::Published)
    };
    let is_first_date = !keys.iter().filter(earlier).any(is_date);
    let meaning = match (meaning, &node.value) {
        (Meaning::Public, Value::Scalar(word)) if keys::parse_bool(word).is_some() => {
            return draft.set_draft(keys::parse_bool(word) == Some(false), span, ORIGIN);
        }
        (Meaning::Public, Value::Scalar(word)) if lifecycle::parse_status(word).is_some() => Meaning::Status,
        (Meaning::Public, Value::Scalar(word)) if is_publisher(word) => {
            let message =
                format!("`{}` is neither a date nor `true` or `false`, so it is ignored", key.name.escape_debug());
            let help = "write `draft: true` if the article is not public, or use another key to name the publisher";
            return draft.report(Code::FrontMatterNearMiss, span, message, help);
        }
        (Meaning::Published | Meaning::Public, _) if is_first_date && !has_date(keys) => Meaning::Published,
        (Meaning::Published | Meaning::Public, _) => Meaning::Embargo,
        (meaning, _) => meaning,
    };
    if is_repeated {
        let message = format!("the key `{}` appears twice", key.name.escape_debug());
        return draft.refuse_key(meaning, key.span.clone(), message, "keep the correct one");
    }
    if meaning == Meaning::Corrections {
        return corrections(draft, key, node);
    }
    apply_scalar(draft, key, node, meaning);
}

/// Whether a value of `published` is the name of a publisher, and neither a date, even an unreadable one, nor a word such as `not yet`.
fn is_publisher(word: &str) -> bool {
    let is_date = |word: &str| {
        let word = keys::normalised(word);
        word.chars().all(|c| c.is_ascii_digit()) || date::loose::is_word(&word)
    };
    let mut words = word.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.any(|word| !is_date(word))
        && !lifecycle::denies_publication(word)
        && !word.contains(|c: char| c.is_ascii_digit())
}

/// Whether a key without a value can be ignored, because templates leave keys empty. An empty `embargo` withholds the article.
fn is_left_empty(key: &Key<'_>, node: &Node<'_>, meaning: Meaning) -> bool {
    let is_empty = match &node.value {
        Value::Null => true,
        Value::Scalar(value) => value.trim().is_empty(),
        Value::List(_) | Value::Map(_) => false,
    };
    let may_be_empty = match meaning {
        Meaning::Date | Meaning::Published | Meaning::Public | Meaning::Expires => true,
        Meaning::Embargo => {
            let name = keys::normalised(&key.name);
            !(name.contains("embargo") || name.contains("sperrfrist"))
        }
        _ => false,
    };
    is_empty && may_be_empty
}

fn apply_scalar(draft: &mut Draft<'_>, key: &Key<'_>, node: &Node<'_>, meaning: Meaning) {
    let span = node.span.clone();
    let value = match &node.value {
        Value::Scalar(value) => &**value,
        // `embargo: null` states that there is none, but an empty `embargo:` doesn't.
        Value::Null if !span.is_empty() && !matches!(meaning, Meaning::Date | Meaning::Published) => return,
        Value::Null => "",
        Value::List(_) | Value::Map(_) => {
            let message = format!("`{}` is one value, not a list or a table", key.name.escape_debug());
            return draft.refuse_key(meaning, span, message, "write one value, not a list or a table");
        }
    };
    // For an empty value, the diagnostic points at the key.
    let span = if span.is_empty() { key.span.clone() } else { span };
    match meaning {
        Meaning::Date => draft.set_published(value, span, ORIGIN),
        Meaning::Published | Meaning::Public => {
            draft.record_schedule();
            draft.set_published(value, span, ORIGIN);
        }
        Meaning::Embargo => draft.set_labelled_embargo(&key.name, value, span, ORIGIN),
        Meaning::Expires => draft.set_labelled_expires(&key.name, value, span, ORIGIN),
        Meaning::Status => draft.set_status(value, span, ORIGIN),
        Meaning::Draft => draft.set_draft_word(value, span, ORIGIN),
        Meaning::Reason | Meaning::Corrections => draft.set_reason(value, span, ORIGIN),
    }
}

fn is_publication_date(key: &str) -> bool {
    matches!(lifecycle::certain_meaning(key), Some(Meaning::Published | Meaning::Public))
}

/// Whether front matter contains `date`, so another tool's date is an embargo.
pub(super) fn has_date(keys: &Entries<'_>) -> bool {
    let is_date = |(key, node): &(Key<'_>, Node<'_>)| {
        lifecycle::certain_meaning(&key.name) == Some(Meaning::Date) && !is_left_empty(key, node, Meaning::Date)
    };
    keys.iter().any(is_date)
}

/// Applies corrections: tables with `date` and `text`.
fn corrections(draft: &mut Draft<'_>, key: &Key<'_>, node: &Node<'_>) {
    const HELP: &str = "write a list of tables such as `{ date: 2026-11-23, text: \"The ship is longer.\" }`";
    let one = std::slice::from_ref(node);
    let nodes = match &node.value {
        Value::List(items) => items.as_slice(),
        Value::Null => return,
        _ => one,
    };
    for node in nodes {
        let mut refuse = |what: &str| draft.report(Code::ArticleCorrection, node.span.clone(), what, HELP);
        let Value::Map(entries) = &node.value else {
            refuse(&format!("`{}` is a list of tables, each with `date` and `text`", key.name.escape_debug()));
            continue;
        };
        match (field(entries, "date"), field(entries, "text")) {
            (Some((date, date_span)), Some((text, text_span))) => {
                draft.add_correction((&date, date_span), (&text, text_span), ORIGIN);
            }
            (None, _) => refuse("a correction needs a `date`"),
            (_, None) => refuse("a correction needs a `text`"),
        }
    }
}
