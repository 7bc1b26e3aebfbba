//! Reads values: texts, lists and objects, and what the versions allow in place of each other.

use std::borrow::Cow;

use crate::article::agency::item::Field;
use crate::article::values::{Key, Node, Value};

pub(super) type Entries<'t> = [(Key<'t>, Node<'t>)];

pub(super) fn scalar<'n>(node: &'n Node<'_>) -> Option<&'n str> {
    match &node.value {
        Value::Scalar(text) => Some(text),
        Value::Null | Value::List(_) | Value::Map(_) => None,
    }
}

pub(super) fn field(node: &Node<'_>, origin: &'static str) -> Option<Field> {
    Some(Field { text: scalar(node)?.to_owned(), span: node.span.clone(), origin })
}

/// Sets a field that isn't set yet. Lists and objects don't count.
pub(super) fn set(target: &mut Option<Field>, node: &Node<'_>, origin: &'static str) {
    if target.is_none() {
        *target = field(node, origin);
    }
}

/// Sets a field about publication. All values of a repeated key count.
pub(super) fn state(first: &mut Option<Field>, further: &mut Vec<Field>, stated: Option<Field>) {
    match first {
        None => *first = stated,
        Some(_) => further.extend(stated),
    }
}

/// The text of a value, or the source of a list or an object. `None` for `null`.
pub(super) fn stated(node: &Node<'_>, source: &str, origin: &'static str) -> Option<Field> {
    let text = match &node.value {
        Value::Null => return None,
        Value::Scalar(text) => Cow::Borrowed(&**text),
        Value::List(_) | Value::Map(_) => Cow::Borrowed(source.get(node.span.clone()).unwrap_or_default()),
    };
    /// The rest of a longer value is cut off.
    const MAX_CHARACTERS: usize = 200;
    let text = text.chars().take(MAX_CHARACTERS).collect();
    Some(Field { text, span: node.span.clone(), origin })
}

/// The items of a list, or the value itself.
pub(super) fn items<'n, 't>(node: &'n Node<'t>) -> &'n [Node<'t>] {
    match &node.value {
        Value::List(items) => items,
        Value::Null => &[],
        Value::Scalar(_) | Value::Map(_) => std::slice::from_ref(node),
    }
}

pub(super) fn first_item<'n, 't>(node: &'n Node<'t>) -> &'n Node<'t> {
    items(node).first().unwrap_or(node)
}

/// The objects in a list, or in the values of an object as in version 1.
pub(super) fn members<'n, 't>(node: &'n Node<'t>) -> Vec<&'n Entries<'t>> {
    let entries = |node: &'n Node<'t>| match &node.value {
        Value::Map(entries) => Some(entries.as_slice()),
        _ => None,
    };
    match &node.value {
        Value::List(items) => items.iter().filter_map(entries).collect(),
        Value::Map(objects) => objects.iter().filter_map(|(_, node)| entries(node)).collect(),
        Value::Null | Value::Scalar(_) => Vec::new(),
    }
}

pub(super) fn find<'n, 't>(entries: &'n Entries<'t>, names: &[&str]) -> Option<&'n Node<'t>> {
    let find = |name: &&str| entries.iter().find(|(key, _)| key.name.eq_ignore_ascii_case(name)).map(|(_, node)| node);
    names.iter().find_map(find)
}

/// The texts of a value or a list.
pub(super) fn texts(node: &Node<'_>, origin: &'static str) -> Vec<Field> {
    let texts = items(node).iter().filter_map(|node| field(node, origin));
    texts.filter(|field| !field.text.trim().is_empty()).collect()
}

/// A name, or the name of an object.
pub(super) fn named(node: &Node<'_>, origin: &'static str) -> Option<Field> {
    let found = match &node.value {
        Value::Map(entries) => field(find(entries, &["name", "literal"])?, origin),
        _ => field(node, origin),
    };
    found.filter(|name| !name.text.trim().is_empty())
}
