//! Parses metadata without fences, as Pelican, Python-Markdown and MultiMarkdown write it: `Title: ...` and `Date: ...` on the first lines,
//! a blank line, and the article.
//!
//! Prose may begin with a word and a colon too. So every line of the first paragraph has to be a key with a value or the continuation of
//! one, one key has to be `Title`, and dateline or another tool has to know a second one.

use std::borrow::Cow;
use std::ops::Range;

use super::lines::{Line, lines};
use super::refusal::{FileKind, Refusal};
use super::{FrontMatter, MAX_KEYS, damaged};
use crate::article::byline;
use crate::article::fields::names;
use crate::article::keys;
use crate::article::values::{Key, Node, Value};

/// The length of the longest key.
const MAX_KEY_BYTES: usize = 40;
/// Keys with several values on one line.
const LISTS: &[&str] = &["tags", "keywords", "categories"];
/// Keys with several names on one line.
const NAMES: &[&str] = &["authors", "editors"];

/// Parses the header. `None` if the file begins with text.
pub(super) fn read<'t>(text: &'t str, kind: FileKind<'_>) -> Option<Result<FrontMatter<'t>, Refusal>> {
    matches!(kind, FileKind::Markdown).then_some(())?;
    let mut entries: Vec<(Key<'t>, Vec<(&'t str, usize)>)> = Vec::new();
    let mut body = text.len();
    for line in lines(text, 0).skip_while(Line::is_blank) {
        if line.is_blank() {
            body = line.start;
            break;
        }
        match split(&line) {
            Some((key, value)) if entries.len() < MAX_KEYS => entries.push((key, vec![value])),
            Some(_) => return None,
            None => {
                let indent = line.text.len() - line.text.trim_start_matches([' ', '\t']).len();
                let is_continued = indent >= 4 || line.text.starts_with('\t');
                let (_, values) = entries.last_mut().filter(|_| is_continued)?;
                values.push((line.text.trim(), line.start + indent));
            }
        }
    }
    let names: Vec<Cow<'_, str>> = entries.iter().map(|(key, _)| keys::normalised(&key.name)).collect();
    let known = names.iter().filter(|name| names::is_known(name) || names::is_foreign(name)).count();
    if known < 2 || !names.iter().any(|name| name == "title") {
        return None;
    }
    if let Some(refusal) = damaged::find_below_header(text, body, kind) {
        return Some(Err(refusal));
    }
    let keys = entries.iter().zip(&names).map(|((key, values), name)| (key.clone(), node(name, values, key.span.end)));
    Some(Ok(FrontMatter { keys: keys.collect(), body }))
}

/// Splits a line into key and value, each with its byte offset.
fn split<'t>(line: &Line<'t>) -> Option<(Key<'t>, (&'t str, usize))> {
    let text = line.text.trim_start_matches(' ');
    let indent = line.text.len() - text.len();
    let (name, value) = text.split_once(':')?;
    let is_name = name.len() <= MAX_KEY_BYTES
        && name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b' '));
    (indent < 4 && is_name).then_some(())?;
    let start = line.start + indent;
    let blank = value.len() - value.trim_start().len();
    let key = Key { name: Cow::Borrowed(name.trim_end()), span: start..start + name.len() };
    Some((key, (value.trim(), start + name.len() + 1 + blank)))
}

/// The value of a key. `end` is the byte offset at which the key ends.
fn node<'t>(name: &str, values: &[(&'t str, usize)], end: usize) -> Node<'t> {
    let filled = || values.iter().filter(|(value, _)| !value.is_empty());
    let (Some((first, start)), Some((last, last_start))) = (filled().next(), filled().next_back()) else {
        return Node { value: Value::Null, span: end..end };
    };
    let span = *start..last_start + last.len();
    let text = match filled().count() {
        1 => Cow::Borrowed(*first),
        _ => Cow::Owned(filled().map(|(value, _)| *value).collect::<Vec<_>>().join(" ")),
    };
    let value = if NAMES.contains(&name) {
        let names =
            if text.contains(';') { text.split(';').map(str::to_owned).collect() } else { byline::names(&text) };
        list(names.into_iter().map(Cow::Owned), &span)
    } else if LISTS.contains(&name) {
        list(text.split([',', '，', '、']).map(|part| Cow::Owned(part.to_owned())), &span)
    } else {
        Value::Scalar(text)
    };
    Node { value, span }
}

fn list<'t>(parts: impl Iterator<Item = Cow<'t, str>>, span: &Range<usize>) -> Value<'t> {
    let parts = parts.map(|part| part.trim().to_owned()).filter(|part| !part.is_empty());
    Value::List(parts.map(|part| Node { value: Value::Scalar(Cow::Owned(part)), span: span.clone() }).collect())
}
