//! Front matter, YAML or TOML, as one small tree with the place of everything in the file. Scalars are kept as they were
//! written: `title: 1.10` is "1.10" and `language: no` is Norwegian.

use std::borrow::Cow;
use std::ops::Range;

use saphyr_parser::{Event, Parser, ScalarStyle, Span};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A value and where it stands in the file (bytes).
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

impl Node<'_> {
    /// Whether another node says the same, wherever it stands.
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

/// Why front matter cannot be used.
#[derive(Clone, Debug)]
pub(super) struct Refusal {
    pub(super) message: String,
    pub(super) help: &'static str,
    pub(super) span: Range<usize>,
}

/// A file that begins with front matter.
#[derive(Clone, Debug)]
pub(super) struct Matter<'t> {
    /// Its keys.
    pub(super) keys: Vec<(Key<'t>, Node<'t>)>,
    /// Where the article begins.
    pub(super) body: usize,
}

/// The most events of a document: far more than any article needs, and far less than a bomb.
const MOST_EVENTS: usize = 20_000;
const MOST_DEPTH: usize = 16;

/// Where front matter stands, without its fences.
struct Extent {
    yaml: bool,
    matter: Range<usize>,
    /// Where the article begins; `None` where no second fence follows.
    body: Option<usize>,
}

fn extent(text: &str) -> Option<Extent> {
    let yaml = match text.lines().next()?.trim_end() {
        "---" => true,
        "+++" => false,
        _ => return None,
    };
    let start = text.find('\n').map_or(text.len(), |at| at + 1);
    let mut at = start;
    for line in text.get(start..).unwrap_or_default().split_inclusive('\n') {
        let end = at + line.len();
        let fence = line.trim_end();
        if (yaml && (fence == "---" || fence == "...")) || (!yaml && fence == "+++") {
            return Some(Extent { yaml, matter: start..at, body: Some(end) });
        }
        at = end;
    }
    Some(Extent { yaml, matter: start..text.len(), body: None })
}

/// Reads the front matter; `None` where the file has none.
pub(super) fn read(text: &str) -> Option<Result<Matter<'_>, Refusal>> {
    let Extent { yaml, matter, body } = extent(text)?;
    let Some(body) = body else {
        let fence = if yaml { "---" } else { "+++" };
        return Some(Err(Refusal {
            message: format!("the front matter is not closed: no second line `{fence}` follows"),
            help: "close it, or finish writing the file",
            span: 0..fence.len(),
        }));
    };
    let start = matter.start;
    let matter = text.get(matter).unwrap_or_default();
    let keys = if yaml { read_yaml(matter, start) } else { read_toml(matter, start) };
    Some(keys.map(|keys| Matter { keys, body }))
}

/// The most lines that somebody writes before the text; below them a word about an embargo is the author's.
const MOST_LINES: usize = 10;

/// What would be front matter if it could be read: between the fences, or all of a file that does not close them. Without
/// fences on the first line, the first lines, which may have lost them.
pub(super) fn written(text: &str) -> &str {
    // A blank line above the first fence is enough for it to be none.
    let text = text.trim_start();
    if let Some(extent) = extent(text) {
        return text.get(extent.matter).unwrap_or_default();
    }
    let lines = text.split_inclusive('\n').scan(0, |end, line| {
        *end += line.len();
        Some((*end, !line.trim().is_empty()))
    });
    let end = lines.filter(|(_, written)| *written).take(MOST_LINES).last().map_or(0, |(end, _)| end);
    text.get(..end).unwrap_or_default()
}

/// Markers count characters; files are cut by bytes.
struct Bytes<'t> {
    text: &'t str,
    shift: usize,
    characters: usize,
    bytes: usize,
}

impl Bytes<'_> {
    fn at(&mut self, index: usize) -> usize {
        if index < self.characters {
            (self.characters, self.bytes) = (0, 0);
        }
        let rest = self.text.get(self.bytes..).unwrap_or_default();
        let step = rest.char_indices().nth(index - self.characters).map_or(rest.len(), |(at, _)| at);
        self.characters = index;
        self.bytes += step;
        self.shift + self.bytes
    }

    fn span(&mut self, span: Span) -> Range<usize> {
        let start = self.at(span.start.index());
        let end = self.at(span.end.index());
        // The end of a block includes the blank lines behind it.
        let marked = self.text.get(start - self.shift..end - self.shift).unwrap_or_default().trim_end();
        start..start + marked.len()
    }
}

/// A collection that is being filled.
enum Open<'t> {
    List(Vec<Node<'t>>),
    Map(Vec<(Key<'t>, Node<'t>)>, Option<Key<'t>>),
}

fn read_yaml(matter: &str, shift: usize) -> Result<Vec<(Key<'_>, Node<'_>)>, Refusal> {
    const HELP: &str = "see yaml.org for how values are written; text with `:` or `#` in it needs quotation marks";
    let mut bytes = Bytes { text: matter, shift, characters: 0, bytes: 0 };
    let refuse = |message: &str, span| Refusal { message: message.to_owned(), help: HELP, span };
    let mut open: Vec<(Open<'_>, Range<usize>)> = Vec::new();
    let mut root = None;
    let mut events = 0;
    for event in Parser::new_from_str(matter) {
        let (event, span) = event.map_err(|error| {
            let at = bytes.at(error.marker().index());
            refuse(&format!("this is not YAML: {}", error.info()), at..at + 1)
        })?;
        let span = bytes.span(span);
        events += 1;
        if events > MOST_EVENTS || open.len() > MOST_DEPTH {
            return Err(refuse("the front matter is larger or deeper than any article needs", span));
        }
        let done = match event {
            Event::Alias(_) => return Err(refuse("aliases (`*name`) are not used in front matter", span)),
            Event::SequenceStart(..) => {
                open.push((Open::List(Vec::new()), span));
                continue;
            }
            Event::MappingStart(..) => {
                open.push((Open::Map(Vec::new(), None), span));
                continue;
            }
            Event::Scalar(text, style, ..) => {
                let null = style == ScalarStyle::Plain && matches!(&*text, "" | "~" | "null");
                Node { value: if null { Value::Null } else { Value::Scalar(text) }, span }
            }
            Event::SequenceEnd | Event::MappingEnd => match open.pop() {
                Some((Open::List(items), start)) => {
                    Node { value: Value::List(items), span: start.start..span.end.max(start.end) }
                }
                Some((Open::Map(entries, _), start)) => {
                    Node { value: Value::Map(entries), span: start.start..span.end.max(start.end) }
                }
                None => continue,
            },
            Event::DocumentStart(_) if root.is_some() => {
                return Err(refuse("front matter is one YAML document, not several", span));
            }
            _ => continue,
        };
        match open.last_mut() {
            None => root = Some(done),
            Some((Open::List(items), _)) => items.push(done),
            Some((Open::Map(entries, pending), _)) => match (pending.take(), done.value) {
                (Some(key), value) => entries.push((key, Node { value, span: done.span })),
                (None, Value::Scalar(name)) => {
                    if entries.iter().any(|(known, _)| known.name == name) {
                        return Err(refuse(&format!("the key `{}` is there twice", name.escape_debug()), done.span));
                    }
                    *pending = Some(Key { name, span: done.span });
                }
                (None, _) => return Err(refuse("a key is a word", done.span)),
            },
        }
    }
    match root {
        Some(Node { value: Value::Map(entries), .. }) => Ok(entries),
        None | Some(Node { value: Value::Null, .. }) => Ok(Vec::new()),
        Some(Node { span, .. }) => Err(refuse("front matter is a list of keys and values such as `title: ...`", span)),
    }
}

fn read_toml(matter: &str, shift: usize) -> Result<Vec<(Key<'_>, Node<'_>)>, Refusal> {
    let table = DeTable::parse(matter).map_err(|error| Refusal {
        message: format!("this is not TOML: {}", error.message().trim().replace('\n', "; ")),
        help: "see toml.io for how values are written; text needs quotation marks",
        span: error.span().map_or(shift..shift, |span| shift + span.start..shift + span.end),
    })?;
    Ok(entries(table.into_inner(), shift, 0))
}

fn entries(table: DeTable<'_>, shift: usize, depth: usize) -> Vec<(Key<'_>, Node<'_>)> {
    let shifted = |span: Range<usize>| shift + span.start..shift + span.end;
    let mut entries: Vec<_> = table
        .into_iter()
        .map(|(key, value)| {
            let span = shifted(key.span());
            (Key { name: key.into_inner(), span }, node(value, shift, depth + 1))
        })
        .collect();
    entries.sort_by_key(|(key, _)| key.span.start);
    entries
}

fn node(value: Spanned<DeValue<'_>>, shift: usize, depth: usize) -> Node<'_> {
    let span = shift + value.span().start..shift + value.span().end;
    let value = match value.into_inner() {
        _ if depth > MOST_DEPTH => Value::Null,
        DeValue::String(text) => Value::Scalar(text),
        DeValue::Integer(number) => Value::Scalar(number.as_str().to_owned().into()),
        DeValue::Float(number) => Value::Scalar(number.as_str().to_owned().into()),
        DeValue::Boolean(boolean) => Value::Scalar(boolean.to_string().into()),
        DeValue::Datetime(date) => Value::Scalar(date.to_string().into()),
        DeValue::Array(items) => Value::List(items.into_iter().map(|item| node(item, shift, depth + 1)).collect()),
        DeValue::Table(table) => Value::Map(entries(table, shift, depth)),
    };
    Node { value, span }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(node: &Node<'_>, text: &str) -> String {
        match &node.value {
            Value::Null => "null".into(),
            Value::Scalar(scalar) => format!("{scalar}@{}", text.get(node.span.clone()).expect("a span of the file")),
            Value::List(items) => {
                format!("[{}]", items.iter().map(|item| show(item, text)).collect::<Vec<_>>().join(", "))
            }
            Value::Map(entries) => {
                let entries: Vec<String> =
                    entries.iter().map(|(key, value)| format!("{}={}", key.name, show(value, text))).collect();
                format!("{{{}}}", entries.join(", "))
            }
        }
    }

    #[test]
    fn values_are_verbatim_and_placed() {
        for (text, expected) in [
            ("---\ntitle: 1.10\nlanguage: no\n---\nx", "{title=1.10@1.10, language=no@no}"),
            (
                "---\r\ntitle: \"科技: 案例\"\r\ntags: [甲, 'b']\r\n---\r\nx",
                "{title=科技: 案例@\"科技: 案例\", tags=[甲@甲, b@'b']}",
            ),
            ("---\n图:\n  标题: 桥\ntitle:\n...\nx", "{图={标题=桥@桥}, title=null}"),
            (
                "+++\ntitle = \"a\"\ndate = 2026-11-23T10:00:00+08:00\n[extra]\nn = 0x1F\n+++\n",
                "{title=a@\"a\", date=2026-11-23T10:00:00+08:00@2026-11-23T10:00:00+08:00, extra={n=1F@0x1F}}",
            ),
            ("---\n---\n", "{}"),
            ("---\n# only a comment\n---\n", "{}"),
        ] {
            let matter = read(text).expect("has front matter").unwrap_or_else(|refusal| panic!("{text}: {refusal:?}"));
            assert_eq!(show(&Node { value: Value::Map(matter.keys), span: 0..0 }, text), expected);
        }
        assert!(read("# heading\n---\n").is_none());
    }

    #[test]
    fn what_is_refused() {
        let deep = format!("---\na: {}{}\n---\n", "[".repeat(40), "]".repeat(40));
        let long = format!("---\na: [{}]\n---\n", "1,".repeat(40_000));
        for (text, reason) in [
            ("---\ntitle: x\n", "not closed"),
            ("+++\n", "not closed"),
            ("---\ntitle: a: b\n---\n", "not YAML"),
            ("---\na: &x 1\nb: *x\n---\n", "aliases"),
            ("---\na: 1\na: 2\n---\n", "twice"),
            ("---\n- a\n- b\n---\n", "list of keys"),
            ("---\n[a]: 1\n---\n", "a key is a word"),
            ("+++\na = \n+++\n", "not TOML"),
            (deep.as_str(), "deeper"),
            (long.as_str(), "larger"),
        ] {
            let refusal =
                read(text).expect("has front matter").expect_err(text.get(..20.min(text.len())).unwrap_or(text));
            assert!(refusal.message.contains(reason), "{text:.40}: {}", refusal.message);
        }
    }
}
