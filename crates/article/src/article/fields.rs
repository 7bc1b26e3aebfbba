//! Applies the keys of front matter, including their names in other tools.

mod entries;
mod media;
pub(super) mod names;
mod publication;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;

use self::entries::{field, refuse_near_miss, wrong_kind};
use self::names::Verdict;

use super::access;
use super::draft::Draft;
use super::keys;
use super::lifecycle;
use super::meaning::{Meaning, Status};
use super::values::{Key, Node, Value};
use crate::diagnostics::{Code, nearest};

/// Applies all keys to a draft.
pub(super) fn apply(draft: &mut Draft<'_>, keys: &[(Key<'_>, Node<'_>)]) {
    const ORIGIN: &str = "front matter";
    let mut seen: BTreeMap<Cow<'_, str>, &Node<'_>> = BTreeMap::new();
    draft.apply_access_keys(keys);
    for (key, node) in keys {
        let span = node.span.clone();
        let name = keys::normalised(&key.name);
        if access::is_key(&key.name) || publication::apply(draft, keys, key, node) {
            continue;
        }
        if let Some(first) =
            seen.insert(name.clone(), node).filter(|first| names::is_known(&name) && !first.is_same(node))
        {
            let message = format!("the key `{}` appears twice, with different values", key.name.escape_debug());
            draft.report(Code::FrontMatter, key.span.clone(), message, "keep the correct one");
            // The first value counts, except for keys that withhold the article.
            seen.insert(name.clone(), first);
        }
        match &*name {
            "title" => {
                text(draft, key, node).into_iter().for_each(|title| draft.set_title(&title, span.clone(), ORIGIN))
            }
            "updated" | "lastmod" | "modified" => {
                text(draft, key, node).into_iter().for_each(|date| draft.set_updated(&date, span.clone(), ORIGIN));
            }
            "author" | "authors" => {
                people(draft, key, node, |draft, name, span, _| draft.add_author(name, span, ORIGIN))
            }
            "editor" | "editors" => people(draft, key, node, |draft, name, span, is_one| match is_one {
                true => draft.add_editor(name, span, ORIGIN),
                false => draft.add_editors(name, span, ORIGIN),
            }),
            "section" => {
                text(draft, key, node).into_iter().for_each(|path| draft.set_section(&path, span.clone(), ORIGIN))
            }
            "sections" => list(draft, key, node, |draft, path, span| draft.add_section(path, span, ORIGIN)),
            "tags" => tags(draft, key, node),
            // Zola keeps tags in a table of taxonomies.
            "taxonomies" => {
                if let Value::Map(taxonomies) = &node.value {
                    taxonomies
                        .iter()
                        .filter(|(key, _)| keys::normalised(&key.name) == "tags")
                        .for_each(|(key, node)| tags(draft, key, node));
                }
            }
            "summary" | "description" => {
                text(draft, key, node)
                    .into_iter()
                    .for_each(|summary| draft.set_summary(&summary, span.clone(), ORIGIN));
            }
            "language" | "lang" => {
                text(draft, key, node)
                    .into_iter()
                    .for_each(|language| draft.set_language(&language, span.clone(), ORIGIN));
            }
            "id" => text(draft, key, node).into_iter().for_each(|id| draft.set_id(&id, span.clone(), ORIGIN)),
            "slug" => text(draft, key, node).into_iter().for_each(|slug| draft.set_slug(&slug, span.clone(), ORIGIN)),
            "link" => text(draft, key, node).into_iter().for_each(|link| draft.set_link(&link, span.clone(), ORIGIN)),
            "image" => media::image(draft, key, node),
            "media" => media::media(draft, key, node),
            "source" => source(draft, key, node),
            "copyright" => {
                text(draft, key, node).into_iter().for_each(|rights| draft.set_copyright(&rights, span.clone(), ORIGIN))
            }
            "feeds" => {
                boolean(draft, key, node).into_iter().for_each(|value| draft.set_in_feeds(value, span.clone(), ORIGIN))
            }
            name => unknown_key(draft, keys, key, node, name),
        }
    }
}

fn unknown_key(draft: &mut Draft<'_>, keys: &[(Key<'_>, Node<'_>)], key: &Key<'_>, node: &Node<'_>, name: &str) {
    if names::is_known(name) || names::is_foreign(name) {
        return;
    }
    if let Some(meant) =
        names::nearest_withholding_key(name).filter(|_| names::verdict(name, scalar(node)) > Verdict::Public)
    {
        return refuse_near_miss(draft, key, meant);
    }
    let distance = if name.chars().count() >= 6 { 2 } else { 1 };
    let near = nearest(name, names::own_keys())
        .filter(|meant| strsim::damerau_levenshtein(name, meant) <= distance)
        .map(|meant| (lifecycle::certain_meaning(meant), meant))
        .or_else(|| lifecycle::nearest_foreign_key(name).map(|(meaning, meant)| (Some(meaning), meant)));
    let Some((meaning, meant)) = near else { return };
    let meaning = match meaning {
        Some(Meaning::Published) if publication::has_date(keys) => Some(Meaning::Embargo),
        other => other,
    };
    let message = format!("`{}` is not a key that dateline knows", key.name.escape_debug());
    let is_status_word = || matches!(&node.value, Value::Scalar(word) if lifecycle::parse_status(word).is_some());
    match meaning {
        Some(Meaning::Status) if !is_status_word() => {}
        Some(
            meaning @ (Meaning::Date | Meaning::Published | Meaning::Embargo | Meaning::Expires | Meaning::Status),
        ) => {
            let message = format!("{message}, and may state when or whether the article is public");
            let help = format!("did you mean `{meant}`? Rename the key or remove it");
            // `statsu: published` doesn't withhold the article.
            if matches!(&node.value, Value::Scalar(word) if lifecycle::parse_status(word) == Some(Status::Published)) {
                return draft.report(Code::ArticleLifecycle, key.span.clone(), message, help);
            }
            return draft.refuse_key(meaning, key.span.clone(), message, help);
        }
        _ => {}
    }
    draft.report(Code::FrontMatterNearMiss, key.span.clone(), message, format!("did you mean `{meant}`?"));
}

fn text(draft: &mut Draft<'_>, key: &Key<'_>, node: &Node<'_>) -> Option<String> {
    match &node.value {
        Value::Scalar(text) => Some(text.to_string()),
        Value::Null => None,
        Value::List(_) | Value::Map(_) => {
            wrong_kind(draft, key, &node.span, "one value, not a list or a table");
            None
        }
    }
}

/// The Boolean value of a key. Any other value withholds the article.
fn boolean(draft: &mut Draft<'_>, key: &Key<'_>, node: &Node<'_>) -> Option<bool> {
    let truth = scalar(node).and_then(keys::parse_bool);
    // Programs write `null` for no value. An empty value is an error.
    let is_null = matches!(node.value, Value::Null) && !node.span.is_empty();
    if truth.is_none() && !is_null {
        let span = if node.span.is_empty() { key.span.clone() } else { node.span.clone() };
        let message = format!("`{}` is `true` or `false`", key.name.escape_debug());
        draft.refuse_key(
            Meaning::Embargo,
            span,
            message,
            "write `true` or `false`; until then nothing of the article is public",
        );
    }
    truth
}

fn scalar<'n>(node: &'n Node<'_>) -> Option<&'n str> {
    match &node.value {
        Value::Scalar(text) => Some(text),
        Value::Null => Some(""),
        Value::List(_) | Value::Map(_) => None,
    }
}

/// Calls `take` with each text of a single text or a list.
fn list(
    draft: &mut Draft<'_>,
    key: &Key<'_>,
    node: &Node<'_>,
    mut take: impl FnMut(&mut Draft<'_>, &str, Range<usize>),
) {
    match &node.value {
        Value::Null => {}
        Value::Scalar(text) => take(draft, text, node.span.clone()),
        Value::Map(_) => wrong_kind(draft, key, &node.span, "one value or a list"),
        Value::List(items) => {
            for item in items {
                match &item.value {
                    Value::Scalar(text) => take(draft, text, item.span.clone()),
                    Value::Null => {}
                    _ => wrong_kind(draft, key, &item.span, "a list of plain values"),
                }
            }
        }
    }
}

fn tags(draft: &mut Draft<'_>, key: &Key<'_>, node: &Node<'_>) {
    let is_single = matches!(node.value, Value::Scalar(_));
    list(draft, key, node, |draft, text, span| {
        // Some tools write a list as one text with commas.
        let parts = text.split([',', '，', '、']).filter(|_| is_single);
        if is_single {
            parts.for_each(|tag| draft.add_tag(tag, span.clone(), "front matter"));
        } else {
            draft.add_tag(text, span, "front matter");
        }
    });
}

/// Calls `take` with each name of a single name, a list of names, or tables with a `name`. The last argument of `take` states whether the
/// text is certainly one name, so it isn't split.
fn people(
    draft: &mut Draft<'_>,
    key: &Key<'_>,
    node: &Node<'_>,
    mut take: impl FnMut(&mut Draft<'_>, &str, Range<usize>, bool),
) {
    let one = std::slice::from_ref(node);
    let (nodes, is_list) = match &node.value {
        Value::List(items) => (items.as_slice(), true),
        _ => (one, false),
    };
    for node in nodes {
        match &node.value {
            Value::Null => {}
            Value::Scalar(name) => take(draft, name, node.span.clone(), is_list),
            Value::Map(entries) => match field(entries, "name") {
                Some((name, span)) => take(draft, &name, span, true),
                None => wrong_kind(draft, key, &node.span, "a name, or a table with a `name`"),
            },
            Value::List(_) => wrong_kind(draft, key, &node.span, "a list of names"),
        }
    }
}

fn source(draft: &mut Draft<'_>, key: &Key<'_>, node: &Node<'_>) {
    let found = match &node.value {
        Value::Map(entries) => {
            if let Some((feed, span)) = field(entries, "feed") {
                draft.set_source_feed(&feed, span, "front matter");
            }
            field(entries, "name").or_else(|| field(entries, "title"))
        }
        _ => text(draft, key, node).map(|name| (name, node.span.clone())),
    };
    if let Some((name, span)) = found {
        draft.set_source(&name, span, "front matter");
    }
}
