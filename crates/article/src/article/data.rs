//! Data files of other tools in YAML, TOML or JSON, as a tree with places. The limits are those of front matter.

use std::ops::Range;

use super::front_matter;
use super::values::{Key, Node, Value};

/// A value with its byte range in the file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Data {
    /// The value.
    pub value: DataValue,
    /// Where it is.
    pub span: Range<usize>,
}

/// A value. Numbers and Booleans are texts, as written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum DataValue {
    /// No value.
    Null,
    /// Text, a number, a date or a Boolean.
    Text(String),
    /// A list.
    List(Vec<Data>),
    /// Keys with values, in the order of the file.
    Map(Vec<(String, Data)>),
}

/// The format of a data file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DataFormat {
    /// YAML, which JSON nearly is.
    Yaml,
    /// TOML.
    Toml,
}

/// Why a file can't be parsed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DataError {
    /// The fault.
    pub message: String,
    /// Where it is.
    pub span: Range<usize>,
}

impl Data {
    /// Parses a file whose top level is a table.
    pub fn parse(text: &str, format: DataFormat) -> Result<Data, DataError> {
        let keys = match format {
            DataFormat::Yaml => front_matter::yaml_keys(text),
            DataFormat::Toml => front_matter::toml_keys(text),
        };
        match keys {
            Ok(keys) => Ok(Data { value: map(keys), span: 0..text.len() }),
            Err(refusal) => Err(DataError { message: refusal.message, span: refusal.span }),
        }
    }

    /// The value below these keys. Upper and lower case don't matter.
    pub fn at(&self, keys: &[&str]) -> Option<&Data> {
        keys.iter().try_fold(self, |data, key| {
            data.entries().iter().rev().find(|(name, _)| name.eq_ignore_ascii_case(key)).map(|(_, data)| data)
        })
    }

    /// The text of a value that is one, and isn't blank.
    pub fn text(&self) -> Option<&str> {
        match &self.value {
            DataValue::Text(text) => Some(text.trim()).filter(|text| !text.is_empty()),
            DataValue::Null | DataValue::List(_) | DataValue::Map(_) => None,
        }
    }

    /// The items of a list. A single value is a list of one.
    pub fn items(&self) -> &[Data] {
        match &self.value {
            DataValue::List(items) => items,
            DataValue::Null => &[],
            DataValue::Text(_) | DataValue::Map(_) => std::slice::from_ref(self),
        }
    }

    /// The entries of a table. Empty for other values.
    pub fn entries(&self) -> &[(String, Data)] {
        match &self.value {
            DataValue::Map(entries) => entries,
            DataValue::Null | DataValue::Text(_) | DataValue::List(_) => &[],
        }
    }
}

fn map(keys: Vec<(Key<'_>, Node<'_>)>) -> DataValue {
    DataValue::Map(keys.into_iter().map(|(key, node)| (key.name.into_owned(), data(node))).collect())
}

fn data(node: Node<'_>) -> Data {
    let value = match node.value {
        Value::Null => DataValue::Null,
        Value::Scalar(text) => DataValue::Text(text.into_owned()),
        Value::List(items) => DataValue::List(items.into_iter().map(data).collect()),
        Value::Map(entries) => map(entries),
    };
    Data { value, span: node.span }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_all_formats_have_same_values() {
        for (text, format) in [
            ("Title: A\nparams:\n  rss: [1, true]\nempty:\n", DataFormat::Yaml),
            ("{\"Title\": \"A\", \"params\": {\"rss\": [1, true]}, \"empty\": null}", DataFormat::Yaml),
            ("Title = 'A'\n[params]\nrss = [1, true]\n", DataFormat::Toml),
        ] {
            let data = Data::parse(text, format).unwrap_or_else(|error| panic!("{text}: {error:?}"));
            assert_eq!(data.at(&["title"]).and_then(Data::text), Some("A"), "{text}");
            let items: Vec<_> = data.at(&["PARAMS", "rss"]).map(Data::items).unwrap_or_default().iter().collect();
            assert_eq!(items.into_iter().filter_map(Data::text).collect::<Vec<_>>(), ["1", "true"], "{text}");
            assert_eq!(data.at(&["empty"]).and_then(Data::text), None, "{text}");
        }
        let deep = format!("a: {}{}", "[".repeat(500), "]".repeat(500));
        for text in ["a: [", "- a\n- b\n", "a: &x 1\nb: *x\n", &*deep] {
            assert!(Data::parse(text, DataFormat::Yaml).is_err(), "{text}");
        }
    }
}
