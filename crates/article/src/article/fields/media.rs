//! Applies the keys `image` and `media`, and the keys in their tables.
//!
//! An unreadable or ambiguous value is reported, and the article is published without it.

use std::ops::Range;

use super::entries::{field, wrong_kind};
use super::media_values::{duration, length, mime_type, pixels};
use crate::article::draft::Draft;
use crate::article::keys::normalised;
use crate::article::model::MediaFacts;
use crate::article::values::{Key, Node, Value};
use crate::diagnostics::{Code, nearest};

type Entries<'s> = [(Key<'s>, Node<'s>)];

const ORIGIN: &str = "front matter";

/// Keys of a file's address.
const URL: &[&str] = &["url", "src", "path"];
/// Keys of the picture in tables of other tools: Hugo's `cover.image`, Jekyll's `header.teaser`.
const NESTED: &[&str] = &["image", "overlayimage", "teaser", "ogimage"];
/// Keys of the length in bytes, including JSON Feed's.
const LENGTH: &[&str] = &["length", "sizeinbytes"];
const DURATION: &[&str] = &["duration", "durationinseconds"];
const TYPE: &[&str] = &["type", "mimetype"];

/// Applies `image`: an address, or a table.
pub(super) fn image(draft: &mut Draft<'_>, key: &Key<'_>, node: &Node<'_>) {
    const SIZES: &str = "a list of tables such as `{ url: crane-400.jpg, width: 400, height: 300 }`";
    let entries = match &node.value {
        Value::Map(entries) => entries,
        Value::List(items) => return items.iter().take(1).for_each(|item| image(draft, key, item)),
        Value::Null => return,
        Value::Scalar(url) => return draft.set_image_url(url, node.span.clone(), ORIGIN),
    };
    const KNOWN: &[&[&str]] = &[URL, LENGTH, TYPE, &["width", "height", "sizes", "alt", "caption", "credit"]];
    report_misspelt_keys(draft, entries, KNOWN);
    let stated = facts(draft, entries);
    let url = address(entries).filter(|(url, _)| !url.trim().is_empty());
    let has_sizes = find(entries, &["sizes"]).is_some_and(|node| !is_empty(node));
    if url.is_none() && !has_sizes && entries.iter().any(|(_, node)| !is_empty(node)) {
        draft.report(
            Code::ArticleMediaValue,
            node.span.clone(),
            "the picture has no `url`",
            "add `url`, the address of the picture or the name of a file beside the article",
        );
    }
    if let Some((url, span)) = url {
        draft.add_image_file(&url, stated, span, ORIGIN);
    }
    let sizes = find(entries, &["sizes"]).map(|sizes| match &sizes.value {
        Value::List(sizes) => sizes.as_slice(),
        Value::Null => &[],
        _ => std::slice::from_ref(sizes),
    });
    for size in sizes.into_iter().flatten() {
        match &size.value {
            Value::Scalar(url) => draft.add_image_file(url, None, size.span.clone(), ORIGIN),
            Value::Map(entries) => {
                report_misspelt_keys(draft, entries, &[URL, LENGTH, TYPE, &["width", "height"]]);
                let stated = facts(draft, entries);
                match address(entries) {
                    Some((url, span)) => draft.add_image_file(&url, stated, span, ORIGIN),
                    None => wrong_kind(draft, key, &size.span, SIZES),
                }
            }
            _ => wrong_kind(draft, key, &size.span, SIZES),
        }
    }
    if let Some((alt, span)) = picture_text(draft, entries, "alt") {
        draft.set_image_alt(&alt, span, ORIGIN);
    }
    if let Some((caption, span)) = picture_text(draft, entries, "caption") {
        draft.set_image_caption(&caption, span, ORIGIN);
    }
    if let Some((credit, span)) = picture_text(draft, entries, "credit") {
        draft.set_image_credit(&credit, span, ORIGIN);
    }
}

/// Applies a picture under the key of another tool: an address, a table, or a list of these, whose first entry counts.
pub(super) fn foreign_image(draft: &mut Draft<'_>, key: &Key<'_>, node: &Node<'_>) {
    if let Value::List(items) = &node.value {
        return items.iter().take(1).for_each(|item| foreign_image(draft, key, item));
    }
    let Value::Map(entries) = &node.value else { return image(draft, key, node) };
    if let Some((url, span)) = nested_address(entries) {
        draft.set_image_url(&url, span, ORIGIN);
        // The words of other tools' tables aren't checked: they have many keys of their own.
        if let Some((alt, span)) = field(entries, "alt") {
            draft.set_image_alt(&alt, span, ORIGIN);
        }
        if let Some((caption, span)) = field(entries, "caption") {
            draft.set_image_caption(&caption, span, ORIGIN);
        }
    }
}

/// Whether a value contains the address of a picture.
pub(super) fn has_address(node: &Node<'_>) -> bool {
    match &node.value {
        Value::Scalar(url) => !url.trim().is_empty(),
        Value::Map(entries) => nested_address(entries).is_some(),
        Value::List(items) => items.first().is_some_and(has_address),
        Value::Null => false,
    }
}

fn nested_address(entries: &Entries<'_>) -> Option<(String, Range<usize>)> {
    let nested = || NESTED.iter().find_map(|name| field(entries, name));
    address(entries).or_else(nested).filter(|(url, _)| !url.trim().is_empty())
}

/// Applies `media`: an address, a table, or a list of these.
pub(super) fn media(draft: &mut Draft<'_>, key: &Key<'_>, node: &Node<'_>) {
    const EXPECTED: &str = "a list of tables such as `{ url: interview.mp3, type: audio/mpeg }`";
    let nodes = match &node.value {
        Value::List(items) => items.as_slice(),
        Value::Null => return,
        _ => std::slice::from_ref(node),
    };
    for node in nodes {
        match &node.value {
            Value::Scalar(url) => draft.add_media(url, None, None, None, node.span.clone(), ORIGIN),
            Value::Map(entries) => {
                report_misspelt_keys(draft, entries, &[URL, LENGTH, DURATION, TYPE, &["width", "height"]]);
                let Some((url, span)) = address(entries) else {
                    wrong_kind(draft, key, &node.span, EXPECTED);
                    continue;
                };
                let duration = stated(draft, entries, DURATION, EXPECTED_DURATION, duration);
                let kind = stated(draft, entries, TYPE, EXPECTED_TYPE, mime_type);
                let facts = facts(draft, entries);
                draft.add_media(&url, kind.as_deref(), facts, duration, span, ORIGIN);
            }
            _ => wrong_kind(draft, key, &node.span, EXPECTED),
        }
    }
}

/// The stated facts about a file.
fn facts(draft: &mut Draft<'_>, entries: &Entries<'_>) -> Option<MediaFacts> {
    let mut pixels = |name| {
        let pixels = stated(draft, entries, &[name], EXPECTED_PIXELS, pixels)?;
        u32::try_from(pixels).ok()
    };
    let (width, height) = (pixels("width"), pixels("height"));
    let length = stated(draft, entries, LENGTH, EXPECTED_LENGTH, length).unwrap_or(0);
    let facts = MediaFacts { length, width, height };
    (facts != MediaFacts::default()).then_some(facts)
}

/// A description of the expected value, and the help.
type Expected = (&'static str, &'static str);

const EXPECTED_LENGTH: Expected =
    ("a length in bytes", "write the number of bytes, such as `48213`, or leave it out for a file beside the article");
const EXPECTED_PIXELS: Expected = ("a number of pixels", "write a whole number such as `800`");
const EXPECTED_DURATION: Expected =
    ("a duration between a second and a week", "write seconds or `hours:minutes:seconds`, such as `3723` or `1:02:03`");
const EXPECTED_TYPE: Expected =
    ("a MIME type", "write one such as `audio/mpeg`, or leave it out: the file's extension says it");

/// The parsed value of a key. Reports a value that can't be parsed, unless it's empty.
fn stated<T>(
    draft: &mut Draft<'_>,
    entries: &Entries<'_>,
    names: &[&str],
    (what, help): Expected,
    read: impl Fn(&str) -> Option<T>,
) -> Option<T> {
    let node = find(entries, names).filter(|node| !is_empty(node))?;
    let text = match &node.value {
        Value::Scalar(text) => Some(text.trim()),
        _ => None,
    };
    let value = text.and_then(read);
    if value.is_none() {
        let shown = text.map_or("this".to_owned(), |text| {
            format!("`{}`", text.chars().take(40).collect::<String>().escape_debug())
        });
        draft.report(Code::ArticleMediaValue, node.span.clone(), format!("{shown} is not {what}"), help);
    }
    value
}

/// A text about a picture. Reports a list or a table.
fn picture_text(draft: &mut Draft<'_>, entries: &Entries<'_>, name: &str) -> Option<(String, Range<usize>)> {
    let node = find(entries, &[name])?;
    match &node.value {
        Value::Scalar(text) => Some((text.to_string(), node.span.clone())),
        Value::Null => None,
        _ => {
            let message = format!("`{name}` of a picture is one text, not a list or a table");
            draft.report(Code::ArticleMediaValue, node.span.clone(), message, "write one text");
            None
        }
    }
}

fn find<'e, 's>(entries: &'e Entries<'s>, names: &[&str]) -> Option<&'e Node<'s>> {
    entries.iter().find(|(key, _)| names.contains(&&*normalised(&key.name))).map(|(_, node)| node)
}

fn address(entries: &Entries<'_>) -> Option<(String, Range<usize>)> {
    URL.iter().find_map(|name| field(entries, name))
}

fn is_empty(node: &Node<'_>) -> bool {
    match &node.value {
        Value::Null => true,
        Value::Scalar(text) => text.trim().is_empty(),
        Value::List(items) => items.is_empty(),
        Value::Map(entries) => entries.is_empty(),
    }
}

/// Reports misspelt keys. Other unknown keys are ignored, because they may belong to another tool.
fn report_misspelt_keys(draft: &mut Draft<'_>, entries: &Entries<'_>, known: &[&[&str]]) {
    /// Hugo's key for the order of resources.
    const FOREIGN: &str = "weight";
    let known = || known.iter().flat_map(|names| names.iter().copied());
    for (key, _) in entries {
        let name = normalised(&key.name);
        if name == FOREIGN || known().any(|known| known == name) {
            continue;
        }
        let distance = if name.chars().count() >= 6 { 2 } else { 1 };
        let near = nearest(&name, known()).filter(|near| strsim::damerau_levenshtein(&name, near) <= distance);
        if let Some(near) = near {
            let message = format!("`{}` is not a key that dateline knows here", key.name.escape_debug());
            draft.report(Code::FrontMatterNearMiss, key.span.clone(), message, format!("did you mean `{near}`?"));
        }
    }
}
