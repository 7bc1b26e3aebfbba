//! Applies the keys of front matter, including their names in other tools.

mod cascade;
mod entries;
mod media;
mod media_values;
pub(super) mod names;
mod publication;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;

use self::entries::{field, refuse_near_miss, wrong_kind};
use self::names::Verdict;

use super::access;
use super::draft::Draft;
use super::inline_text::inline_text;
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
        // `permalink: false` is about access, other values are addresses.
        let is_access = access::is_key(&key.name) && name != "permalink";
        if is_access || publication::apply(draft, keys, key, node) {
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
            "title" => text(draft, key, node)
                .into_iter()
                .for_each(|title| draft.set_title(&inline_text(&title), span.clone(), ORIGIN)),
            name if names::UPDATED.contains(&name) => {
                text(draft, key, node).into_iter().for_each(|date| draft.set_updated(&date, span.clone(), ORIGIN));
            }
            // Docusaurus: a table with `date` and `author`.
            "lastupdate" => {
                if let Value::Map(entries) = &node.value
                    && let Some((date, span)) = field(entries, "date")
                {
                    draft.set_updated(&date, span, ORIGIN);
                }
            }
            "author" => {
                people(draft, key, node, |draft, name, span, _| draft.add_author(name, span, ORIGIN));
                author_urls(draft, node);
            }
            "authors" => {
                people(draft, key, node, |draft, name, span, is_one| match is_one {
                    true => draft.add_author(name, span, ORIGIN),
                    false => draft.add_byline(name, span, ORIGIN),
                });
                author_urls(draft, node);
            }
            "editor" | "editors" => people(draft, key, node, |draft, name, span, is_one| match is_one {
                true => draft.add_editor(name, span, ORIGIN),
                false => draft.add_editors(name, span, ORIGIN),
            }),
            "section" => {
                text(draft, key, node).into_iter().for_each(|path| draft.set_section(&path, span.clone(), ORIGIN))
            }
            "sections" => list(draft, key, node, |draft, path, span| draft.add_section(path, span, ORIGIN)),
            "tags" => terms(draft, key, node, Blanks::Split, Term::Tag),
            "categories" => terms(draft, key, node, Blanks::Split, Term::Category),
            "category" => terms(draft, key, node, Blanks::Keep, Term::Category),
            "taxonomies" => taxonomies(draft, node),
            "summary" | "description" | "excerpt" if is_best_summary(keys, &name) => {
                text(draft, key, node)
                    .into_iter()
                    .for_each(|summary| draft.set_summary(&inline_text(&summary), span.clone(), ORIGIN));
            }
            "summary" | "description" | "excerpt" => {}
            "excerptseparator" => {
                text(draft, key, node).into_iter().for_each(|separator| draft.set_excerpt_separator(&separator));
            }
            "language" | "lang" => {
                text(draft, key, node)
                    .into_iter()
                    .for_each(|language| draft.set_language(&language, span.clone(), ORIGIN));
            }
            // Other tools number their articles.
            "id" => draft.optionally(|draft| {
                text(draft, key, node).into_iter().for_each(|id| draft.set_id(&id, span.clone(), ORIGIN));
            }),
            "slug" => text(draft, key, node).into_iter().for_each(|slug| draft.set_slug(&slug, span.clone(), ORIGIN)),
            "link" => text(draft, key, node).into_iter().for_each(|link| draft.set_link(&link, span.clone(), ORIGIN)),
            "url" | "permalink" | "path" => {
                let is_stated = keys.iter().any(|(key, _)| keys::normalised(&key.name) == "link");
                let address = scalar(node).filter(|_| !is_stated);
                address.into_iter().for_each(|address| draft.set_permalink(&name, address, span.clone(), ORIGIN));
            }
            "cascade" => cascade::apply(draft, node),
            "layout" => draft.page_hints().layout = scalar(node).map(|layout| keys::normalised(layout).into_owned()),
            "type" => draft.page_hints().kind = scalar(node).map(|kind| keys::normalised(kind).into_owned()),
            "pagination" | "paginate" => draft.page_hints().is_paginated = !matches!(node.value, Value::Null),
            "image" => media::image(draft, key, node),
            name if names::IMAGES.contains(&name) && !has_image(keys, name) => media::foreign_image(draft, key, node),
            name if names::IMAGES.contains(&name) => {}
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

/// Whether blanks separate the terms of a single text.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Blanks {
    Split,
    Keep,
}

#[derive(Clone, Copy)]
enum Term {
    Tag,
    /// A tag that addresses may contain.
    Category,
}

/// Adds tags or categories.
fn terms(draft: &mut Draft<'_>, key: &Key<'_>, node: &Node<'_>, blanks: Blanks, kind: Term) {
    const COMMAS: [char; 3] = [',', '，', '、'];
    let is_single = matches!(node.value, Value::Scalar(_));
    list(draft, key, node, |draft, text, span| {
        let mut add = |term: &str| match kind {
            Term::Tag => draft.add_tag(term, span.clone(), "front matter"),
            Term::Category => draft.add_category(term, span.clone(), "front matter"),
        };
        match is_single {
            false => add(text),
            // Some tools write a list as one text with commas, Jekyll and Hugo one with blanks.
            true if blanks == Blanks::Split && !text.contains(COMMAS) => text.split_whitespace().for_each(add),
            true => text.split(COMMAS).for_each(add),
        }
    });
}

/// Applies Zola's table of taxonomies.
fn taxonomies(draft: &mut Draft<'_>, node: &Node<'_>) {
    let Value::Map(taxonomies) = &node.value else { return };
    for (key, node) in taxonomies {
        match &*keys::normalised(&key.name) {
            "tags" => terms(draft, key, node, Blanks::Keep, Term::Tag),
            "categories" => terms(draft, key, node, Blanks::Keep, Term::Category),
            "authors" => people(draft, key, node, |draft, name, span, _| draft.add_author(name, span, "front matter")),
            _ => {}
        }
    }
}

/// Whether no better key states the summary. Descriptions are for search engines, and excerpts may be cut.
fn is_best_summary(keys: &[(Key<'_>, Node<'_>)], name: &str) -> bool {
    let is_stated = |better: &str| {
        let has_text = |node: &Node<'_>| scalar(node).is_some_and(|text| !text.trim().is_empty());
        keys.iter().any(|(key, node)| keys::normalised(&key.name) == better && has_text(node))
    };
    let better: &[&str] = match name {
        "summary" => &[],
        "description" => &["summary"],
        _ => &["summary", "description"],
    };
    !better.iter().any(|better| is_stated(better))
}

/// Whether a better key than `name` states the picture.
fn has_image(keys: &[(Key<'_>, Node<'_>)], name: &str) -> bool {
    let better = names::IMAGES.iter().take_while(|known| **known != name);
    let is_stated =
        |better: &str| keys.iter().any(|(key, node)| keys::normalised(&key.name) == better && media::has_address(node));
    is_stated("image") || better.into_iter().any(|better| is_stated(better))
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

/// Applies the pages of authors in tables with a `name`.
fn author_urls(draft: &mut Draft<'_>, node: &Node<'_>) {
    let nodes = if let Value::List(items) = &node.value { items.as_slice() } else { std::slice::from_ref(node) };
    for node in nodes {
        let Value::Map(entries) = &node.value else { continue };
        let url = ["url", "uri", "link", "website", "homepage"].into_iter().find_map(|key| field(entries, key));
        if let (Some((name, _)), Some((url, span))) = (field(entries, "name"), url) {
            draft.set_author_url(&name, &url, span, "front matter");
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
