//! The values of front matter: a tree with byte ranges. Scalars are kept as written, so `title: 1.10` is the text "1.10", and
//! `language: no` is Norwegian.

use std::borrow::Cow;
use std::ops::Range;

/// A value with its byte range in the file.
#[derive(Clone, Debug)]
pub(super) struct Node<'t> {
    pub(super) value: Value<'t>,
    pub(super) span: Range<usize>,
}

#[derive(Clone, Debug)]
pub(super) enum Value<'t> {
    Null,
    Scalar(Cow<'t, str>),
    List(Vec<Node<'t>>),
    Map(Vec<(Key<'t>, Node<'t>)>),
}

#[derive(Clone, Debug)]
pub(super) struct Key<'t> {
    pub(super) name: Cow<'t, str>,
    pub(super) span: Range<usize>,
}

impl Key<'_> {
    /// Applies `text` to the name, and returns an owned key.
    pub(super) fn rewritten(self, text: &impl Fn(&str) -> String) -> Key<'static> {
        Key { name: Cow::Owned(text(&self.name)), span: self.span }
    }
}

impl Node<'_> {
    /// Applies `text` to all scalars and keys, and returns an owned tree.
    pub(super) fn rewritten(self, text: &impl Fn(&str) -> String) -> Node<'static> {
        let value = match self.value {
            Value::Null => Value::Null,
            Value::Scalar(scalar) => Value::Scalar(Cow::Owned(text(&scalar))),
            Value::List(items) => Value::List(items.into_iter().map(|item| item.rewritten(text)).collect()),
            Value::Map(entries) => {
                Value::Map(entries.into_iter().map(|(key, node)| (key.rewritten(text), node.rewritten(text))).collect())
            }
        };
        Node { value, span: self.span }
    }

    /// Whether another node has the same value. Byte ranges are not compared.
    pub(super) fn is_same(&self, other: &Node<'_>) -> bool {
        match (&self.value, &other.value) {
            (Value::Null, Value::Null) => true,
            (Value::Scalar(one), Value::Scalar(other)) => one == other,
            (Value::List(one), Value::List(other)) => {
                one.len() == other.len() && one.iter().zip(other).all(|(one, other)| one.is_same(other))
            }
            (Value::Map(one), Value::Map(other)) => {
                one.len() == other.len()
                    && one
                        .iter()
                        .zip(other)
                        .all(|((key, one), (name, other))| key.name == name.name && one.is_same(other))
            }
            _ => false,
        }
    }
}
