//! Parses TOML front matter.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::refusal::{MAX_DEPTH, Refusal};
use crate::article::values::{Key, Node, Value};

/// Parses a table. `shift` is its byte offset in the file.
pub(super) fn read(matter: &str, shift: usize) -> Result<Vec<(Key<'_>, Node<'_>)>, Refusal> {
    let table = DeTable::parse(matter).map_err(|error| {
        let span = error.span().map_or(shift..shift, |span| shift + span.start..shift + span.end);
        let message = format!("this is not TOML: {}", error.message().trim().replace('\n', "; "));
        Refusal::new(span, message, "see toml.io for how values are written; text needs quotation marks")
    })?;
    entries(table.into_inner(), shift, 0)
}

fn entries(table: DeTable<'_>, shift: usize, depth: usize) -> Result<Vec<(Key<'_>, Node<'_>)>, Refusal> {
    let shifted = |span: Range<usize>| shift + span.start..shift + span.end;
    let entries = table.into_iter().map(|(key, value)| {
        let span = shifted(key.span());
        Ok((Key { name: key.into_inner(), span }, node(value, shift, depth + 1)?))
    });
    let mut entries = entries.collect::<Result<Vec<_>, Refusal>>()?;
    entries.sort_by_key(|(key, _)| key.span.start);
    Ok(entries)
}

fn node(value: Spanned<DeValue<'_>>, shift: usize, depth: usize) -> Result<Node<'_>, Refusal> {
    let span = shift + value.span().start..shift + value.span().end;
    let value = match value.into_inner() {
        _ if depth > MAX_DEPTH => return Err(Refusal::too_deep(span)),
        DeValue::String(text) => Value::Scalar(text),
        DeValue::Integer(number) => Value::Scalar(number.as_str().to_owned().into()),
        DeValue::Float(number) => Value::Scalar(number.as_str().to_owned().into()),
        DeValue::Boolean(boolean) => Value::Scalar(boolean.to_string().into()),
        DeValue::Datetime(date) => Value::Scalar(date.to_string().into()),
        DeValue::Array(items) => {
            let items = items.into_iter().map(|item| node(item, shift, depth + 1));
            Value::List(items.collect::<Result<_, _>>()?)
        }
        DeValue::Table(table) => Value::Map(entries(table, shift, depth)?),
    };
    Ok(Node { value, span })
}
