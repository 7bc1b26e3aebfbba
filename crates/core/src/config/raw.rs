//! Reads TOML and keeps spans. Reading continues after a mistake, so that all mistakes are reported at once.
//!
//! Each key that a [`Table`] may have is requested by name. Values of the wrong type and keys that were never requested are reported.

use std::collections::BTreeSet;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::diagnostics::{Code, Diagnostic, LineIndex, Place, nearest};

/// A value and its span in the source.
#[derive(Clone, Debug)]
pub(super) struct At<T> {
    pub(super) value: T,
    pub(super) span: Range<usize>,
}

/// Collects diagnostics.
pub(super) struct Sink<'s> {
    pub(super) file: &'s str,
    pub(super) source: &'s str,
    pub(super) lines: LineIndex,
    pub(super) diagnostics: Vec<Diagnostic>,
}

impl Sink<'_> {
    /// Adds a diagnostic.
    pub(super) fn report(
        &mut self,
        code: Code,
        span: &Range<usize>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.diagnostics.push(Diagnostic::new(code, message).at(self.place(span)).help(help));
    }

    pub(super) fn place(&self, span: &Range<usize>) -> Place {
        self.lines.place(self.file, self.source, span.clone())
    }

    /// Returns the value of a check, or adds its error as a diagnostic.
    pub(super) fn check<T>(
        &mut self,
        code: Code,
        span: &Range<usize>,
        result: Result<T, String>,
        help: &str,
    ) -> Option<T> {
        result.map_err(|message| self.report(code, span, message, help)).ok()
    }
}

/// A table of the file. A key is known once it was requested.
pub(super) struct Table<'t> {
    /// The name in messages: `[site]`.
    name: String,
    table: Option<&'t DeTable<'t>>,
    /// The span of the header. Empty for the whole file.
    pub(super) span: Range<usize>,
    known: BTreeSet<&'static str>,
}

impl<'t> Table<'t> {
    pub(super) fn root(table: &'t Spanned<DeTable<'t>>) -> Table<'t> {
        Table { name: "the file".into(), table: Some(table.get_ref()), span: 0..0, known: BTreeSet::new() }
    }

    fn get(&mut self, key: &'static str) -> Option<&'t Spanned<DeValue<'t>>> {
        self.known.insert(key);
        self.table?.get(key)
    }

    /// Whether the table has the key.
    pub(super) fn has(&self, key: &str) -> bool {
        self.table.is_some_and(|table| table.contains_key(key))
    }

    /// The text value of a key that should be of another type. Doesn't mark the key as known.
    pub(super) fn as_text(&self, key: &str) -> Option<&'t str> {
        self.table?.get(key)?.get_ref().as_str()
    }

    /// The span of a key's value. Marks the key as known.
    pub(super) fn known_span(&mut self, key: &'static str) -> Range<usize> {
        self.get(key).map_or(self.span.clone(), Spanned::span)
    }

    fn wrong_type(&self, sink: &mut Sink<'_>, key: &str, value: &Spanned<DeValue<'_>>, wanted: &str) {
        let message = format!("`{key}` is {wanted}, not {}", article(value.get_ref().type_str()));
        sink.report(Code::ConfigType, &value.span(), message, format!("write {wanted}"));
    }

    pub(super) fn text(&mut self, sink: &mut Sink<'_>, key: &'static str) -> Option<At<String>> {
        let value = self.get(key)?;
        match value.get_ref().as_str() {
            Some(text) => Some(At { value: text.to_owned(), span: value.span() }),
            None => {
                self.wrong_type(sink, key, value, "a string in quotes");
                None
            }
        }
    }

    pub(super) fn boolean(&mut self, sink: &mut Sink<'_>, key: &'static str) -> Option<bool> {
        let value = self.get(key)?;
        let boolean = value.get_ref().as_bool();
        if boolean.is_none() {
            self.wrong_type(sink, key, value, "`true` or `false`");
        }
        boolean
    }

    /// An integer in a range.
    pub(super) fn number(
        &mut self,
        sink: &mut Sink<'_>,
        key: &'static str,
        range: std::ops::RangeInclusive<u64>,
    ) -> Option<u64> {
        let value = self.get(key)?;
        let Some(written) = value.get_ref().as_integer() else {
            self.wrong_type(sink, key, value, "a whole number");
            return None;
        };
        let number =
            u64::from_str_radix(written.as_str(), written.radix()).ok().filter(|number| range.contains(number));
        if number.is_none() {
            let message = format!("`{key}` is out of range");
            sink.report(
                Code::ConfigNumber,
                &value.span(),
                message,
                format!("write a number from {} to {}", range.start(), range.end()),
            );
        }
        number
    }

    /// A list of integers in a range, sorted and without duplicates.
    pub(super) fn numbers(
        &mut self,
        sink: &mut Sink<'_>,
        key: &'static str,
        range: std::ops::RangeInclusive<u8>,
    ) -> Option<Vec<u8>> {
        let value = self.get(key)?;
        let Some(array) = value.get_ref().as_array() else {
            self.wrong_type(sink, key, value, "a list of whole numbers such as `[0, 1, 2]`");
            return None;
        };
        let mut numbers = std::collections::BTreeSet::new();
        for item in array.iter() {
            let written = item.get_ref().as_integer();
            let number = written.and_then(|written| u8::from_str_radix(written.as_str(), written.radix()).ok());
            match number.filter(|number| range.contains(number)) {
                Some(number) => drop(numbers.insert(number)),
                None => {
                    let help = format!("write whole numbers from {} to {}", range.start(), range.end());
                    sink.report(Code::ConfigNumber, &item.span(), format!("`{key}` is out of range"), help);
                }
            }
        }
        Some(numbers.into_iter().collect())
    }

    /// A list of strings.
    pub(super) fn texts(&mut self, sink: &mut Sink<'_>, key: &'static str) -> Option<At<Vec<At<String>>>> {
        let value = self.get(key)?;
        let Some(array) = value.get_ref().as_array() else {
            self.wrong_type(sink, key, value, "a list of strings such as `[\"one\", \"two\"]`");
            return None;
        };
        let mut texts = Vec::new();
        for item in array.iter() {
            match item.get_ref().as_str() {
                Some(text) => texts.push(At { value: text.to_owned(), span: item.span() }),
                None => self.wrong_type(sink, key, item, "a list of strings"),
            }
        }
        Some(At { value: texts, span: value.span() })
    }

    /// A string, or a list of strings.
    pub(super) fn text_or_texts(&mut self, sink: &mut Sink<'_>, key: &'static str) -> Option<At<Vec<At<String>>>> {
        let value = self.get(key)?;
        match value.get_ref() {
            DeValue::String(_) => self.text(sink, key).map(|text| At { span: text.span.clone(), value: vec![text] }),
            DeValue::Array(_) => self.texts(sink, key),
            _ => {
                self.wrong_type(sink, key, value, "a string in quotes, or a list of them");
                None
            }
        }
    }

    /// A nested table. A missing one is empty.
    pub(super) fn table(&mut self, sink: &mut Sink<'_>, key: &'static str) -> Table<'t> {
        let name = if self.span.end == 0 { format!("[{key}]") } else { format!("{}.{key}", self.name) };
        let found = self.get(key);
        let table = found.and_then(|value| value.get_ref().as_table());
        if let (Some(value), None) = (found, table) {
            self.wrong_type(sink, key, value, "a table");
        }
        Table { name, table, span: found.map_or(self.span.clone(), Spanned::span), known: BTreeSet::new() }
    }

    /// The tables of `[[key]]`.
    pub(super) fn tables(&mut self, sink: &mut Sink<'_>, key: &'static str) -> Vec<Table<'t>> {
        let Some(value) = self.get(key) else { return Vec::new() };
        let Some(array) = value.get_ref().as_array() else {
            self.wrong_type(sink, key, value, &format!("a list of tables, each headed `[[{key}]]`"));
            return Vec::new();
        };
        let mut tables = Vec::new();
        for item in array.iter() {
            match item.get_ref().as_table() {
                Some(table) => tables.push(Table {
                    name: format!("[[{key}]]"),
                    table: Some(table),
                    span: item.span(),
                    known: BTreeSet::new(),
                }),
                None => self.wrong_type(sink, key, item, &format!("a list of tables, each headed `[[{key}]]`")),
            }
        }
        tables
    }

    /// All keys and strings of a table whose keys are free text.
    pub(super) fn entries(&mut self, sink: &mut Sink<'_>) -> Vec<(At<String>, At<String>)> {
        let mut entries = Vec::new();
        for (key, value) in self.table.into_iter().flat_map(|table| table.iter()) {
            match value.get_ref().as_str() {
                Some(text) => entries.push((
                    At { value: key.get_ref().to_string(), span: key.span() },
                    At { value: text.to_owned(), span: value.span() },
                )),
                None => self.wrong_type(sink, key.get_ref(), value, "a string in quotes"),
            }
        }
        entries
    }

    /// The tables of a table whose keys are free text.
    pub(super) fn named_tables(&mut self, sink: &mut Sink<'_>) -> Vec<(At<String>, Table<'t>)> {
        let mut tables = Vec::new();
        for (key, value) in self.table.into_iter().flat_map(|table| table.iter()) {
            let name = format!("{}.{}", self.name, key.get_ref());
            match value.get_ref().as_table() {
                Some(table) => tables.push((
                    At { value: key.get_ref().to_string(), span: key.span() },
                    Table { name, table: Some(table), span: value.span(), known: BTreeSet::new() },
                )),
                None => self.wrong_type(sink, key.get_ref(), value, "a table"),
            }
        }
        tables
    }

    /// Reports all keys that were never requested.
    pub(super) fn finish(self, sink: &mut Sink<'_>) {
        for (key, _) in self.table.into_iter().flat_map(|table| table.iter()) {
            if self.known.contains(key.get_ref().as_ref()) {
                continue;
            }
            let help = match nearest(key.get_ref(), self.known.iter().copied()) {
                Some(name) => format!("did you mean `{name}`?"),
                None => format!("known here: {}", self.known.iter().copied().collect::<Vec<_>>().join(", ")),
            };
            sink.report(
                Code::ConfigUnknownKey,
                &key.span(),
                format!("{} has no key `{}`", self.name, key.get_ref().escape_debug()),
                help,
            );
        }
    }
}

fn article(kind: &str) -> String {
    let needs_an = kind.starts_with(['a', 'e', 'i', 'o', 'u']);
    format!("{} {kind}", if needs_an { "an" } else { "a" })
}
