//! Front matter, YAML, TOML or JSON, as one small tree with the place of everything in the file. Scalars are kept as they were
//! written: `title: 1.10` is "1.10" and `language: no` is Norwegian.
//!
//! [`fence`] finds where it begins and ends, [`yaml`] and [`toml`] read it, and [`damaged`] finds what looks like it and can't be read. Such
//! a file is never published: its keys would become text, and what they withhold would be public.

mod damaged;
mod fence;
mod lines;
#[cfg(test)]
mod tests;
mod toml;
mod yaml;

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::ops::Range;

use self::damaged::{Evidence, pieces};
use self::fence::{Extent, Format};
use self::lines::{Rule, pair, rule};
use super::fields::names::{self, Verdict};
use super::keys;
use crate::types::is_invisible;

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

impl Key<'_> {
    fn rewritten(self, text: &impl Fn(&str) -> String) -> Key<'static> {
        Key { name: Cow::Owned(text(&self.name)), span: self.span }
    }
}

impl Node<'_> {
    /// The same with other words, which are its own.
    fn rewritten(self, text: &impl Fn(&str) -> String) -> Node<'static> {
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

/// Why front matter can't be used.
#[derive(Clone, Debug)]
pub(super) struct Refusal {
    pub(super) message: String,
    pub(super) help: &'static str,
    pub(super) span: Range<usize>,
    /// It may say that the article is not public.
    pub(super) withholds: bool,
    /// Nobody knows what the text is, so that no diagnostic may quote it.
    pub(super) is_discreet: bool,
    /// It's a single line, which may be a labelled line of wire text.
    pub(super) may_be_label: bool,
}

impl Refusal {
    fn new(span: Range<usize>, message: impl Into<String>, help: &'static str) -> Refusal {
        Refusal { message: message.into(), help, span, withholds: false, is_discreet: false, may_be_label: false }
    }

    fn withholding(self, withholds: bool) -> Refusal {
        Refusal { withholds, ..self }
    }

    fn discreet(self) -> Refusal {
        Refusal { is_discreet: true, ..self }
    }

    fn unless_label(self) -> Refusal {
        Refusal { may_be_label: true, ..self }
    }
}

/// A file that begins with front matter.
#[derive(Clone, Debug)]
pub(super) struct FrontMatter<'t> {
    /// Its keys.
    pub(super) keys: Vec<(Key<'t>, Node<'t>)>,
    /// Where the article begins.
    pub(super) body: usize,
}

/// What kind of file it is.
#[derive(Clone, Copy)]
pub(super) enum Kind<'k> {
    Markdown,
    Page,
    /// Wire text, whose lines may begin with labels; the function knows them.
    Wire(&'k dyn Fn(&str) -> bool),
}

const MOST_DEPTH: usize = 16;

/// The most keys of front matter itself, without those below them.
const MOST_KEYS: usize = 1_000;

const REMOVE: &str = "remove what is not about the article";

/// Reads the front matter; `None` where the file has none.
pub(super) fn read<'t>(text: &'t str, kind: Kind<'_>) -> Option<Result<FrontMatter<'t>, Refusal>> {
    let found = match fence::find(text) {
        Some(extent) => fenced(text, &extent, kind),
        None => object(text, kind),
    };
    match found {
        Some(Ok(matter)) => Some(match damaged::second(text, matter.body, kind) {
            Some(refusal) => Err(refusal),
            None => Ok(matter),
        }),
        Some(Err(refusal)) => Some(Err(refusal)),
        None => damaged::find(text, kind).map(Err),
    }
}

/// What would be front matter if it could be read: between the fences, or all of a file that doesn't close them. Without fences the first
/// lines, which may have lost them.
pub(super) fn head(text: &str) -> &str {
    if let Some(extent) = fence::find(text) {
        return text.get(extent.matter).unwrap_or_default();
    }
    let first = lines::lines(text, 0).filter(|line| !line.is_blank()).take(damaged::MOST_FIRST_LINES);
    text.get(..first.last().map_or(0, |line| line.next)).unwrap_or_default()
}

/// Whether a file that can't be read, not even as text, may have been meant to withhold its article.
pub(super) fn may_withhold(text: &str) -> bool {
    const MOST_LINES: usize = 200;
    let first = lines::lines(text, 0).take(MOST_LINES).map(|line| line.text);
    Evidence::of(first, Kind::Markdown).verdict == Verdict::Withheld
}

/// Reads what stands between two fences; `None` where these are thematic breaks or rules, and it is text.
fn fenced<'t>(text: &'t str, extent: &Extent, kind: Kind<'_>) -> Option<Result<FrontMatter<'t>, Refusal>> {
    let inside = text.get(extent.matter.clone()).unwrap_or_default();
    let evidence = || Evidence::of(pieces_of(inside, extent.format), kind);
    let Some(body) = extent.body else {
        let first = lines::lines(text, extent.matter.start).skip_while(|line| line.is_blank());
        let first = first.take_while(|line| !line.is_blank()).map(|line| line.text);
        Evidence::of(first.flat_map(|line| pieces_of(line, extent.format)), kind).is_front_matter().then_some(())?;
        return Some(Err(unclosed(text, extent, evidence().withholds())));
    };
    let refused = |refusal: Refusal| {
        let evidence = evidence();
        let begins_with_key = !matches!(kind, Kind::Wire(_))
            && inside.lines().next().and_then(pair).is_some_and(|pair| is_plain_key(&pair.key));
        let refusal = refusal.withholding(evidence.withholds());
        (evidence.is_front_matter() || begins_with_key).then_some(Err(refusal))
    };
    let keys = match parse(text, extent) {
        Ok(keys) => keys,
        Err(refusal) => return refused(refusal),
    };
    if !keys.is_empty() && !is_front_matter(&keys, inside, kind) {
        return None;
    }
    Some(match swallowed(text, extent, &keys) {
        Some(refusal) => Err(refusal),
        None => Ok(FrontMatter { keys, body }),
    })
}

fn parse<'t>(text: &'t str, extent: &Extent) -> Result<Vec<(Key<'t>, Node<'t>)>, Refusal> {
    let Range { start, end } = extent.matter;
    let inside = text.get(start..end).unwrap_or_default();
    // Lines end as the line of the fence does, which the parsers know only of the usual ones.
    let first_end = text.get(..start).and_then(|before| before.chars().next_back());
    let keys = match extent.format {
        _ if !matches!(first_end, None | Some('\n')) => {
            let inside = with_usual_ends(inside);
            let keys = read_as(extent.format, &inside, start)?;
            keys.into_iter()
                .map(|(key, node)| (key.rewritten(&str::to_owned), node.rewritten(&str::to_owned)))
                .collect()
        }
        format => read_as(format, inside, start)?,
    };
    match keys.get(MOST_KEYS) {
        Some((key, _)) => Err(Refusal::new(key.span.clone(), "the front matter has more than 1,000 keys", REMOVE)),
        None => Ok(keys),
    }
}

fn read_as(format: Format, inside: &str, start: usize) -> Result<Vec<(Key<'_>, Node<'_>)>, Refusal> {
    match format {
        Format::Toml => toml::read(inside, start),
        // Middleman and Hexo leave the braces out.
        Format::Json if !inside.trim_start_matches(is_invisible).starts_with('{') => {
            let object = format!("{{{inside}}}");
            let keys = yaml::read(&object, start.saturating_sub(1))?;
            Ok(keys
                .into_iter()
                .map(|(key, node)| (key.rewritten(&str::to_owned), node.rewritten(&str::to_owned)))
                .collect())
        }
        Format::Yaml | Format::Json => yaml::read(inside, start),
    }
}

/// The same text with LF at the ends of its lines, byte for byte as long.
fn with_usual_ends(text: &str) -> String {
    let mut usual = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\r' | '\u{B}' | '\u{C}' => usual.push('\n'),
            '\u{85}' => usual.push_str(" \n"),
            '\u{2028}' | '\u{2029}' => usual.push_str("  \n"),
            other => usual.push(other),
        }
    }
    usual
}

/// Reads the JSON object that a file begins with, as Hugo does; `None` where it is text.
fn object<'t>(text: &'t str, kind: Kind<'_>) -> Option<Result<FrontMatter<'t>, Refusal>> {
    let start = text.find(|c| !is_invisible(c))?;
    let inside = text.get(start..)?.strip_prefix('{')?;
    let next = inside.chars().find(|c| !is_invisible(*c))?;
    // Templates and attributes begin otherwise: `{{`, `{%`, `{#id}`.
    if !(matches!(next, '"' | '\'' | '“' | '}') || next.is_alphabetic()) {
        return None;
    }
    const JSON: &str = "begin the file with a JSON object, keys in quotation marks, and the article below it";
    let place = start..start + 1;
    let Some(end) = fence::object_end(text, start) else {
        let evidence = Evidence::of(pieces(text), kind);
        let first = Evidence::of(lines::lines(text, start).take(3).flat_map(|line| pieces(line.text)), kind);
        let refusal = Refusal::new(place, "the JSON object that the file begins with is not closed", JSON);
        return (first.known || first.withholds()).then_some(Err(refusal.withholding(evidence.withholds()).discreet()));
    };
    let object = text.get(start..end)?;
    let evidence = Evidence::of(pieces(object), kind);
    let keys = match yaml::read(object, start) {
        Ok(keys) if next == '"' => keys,
        Ok(keys) if keys.is_empty() => return None,
        Ok(_) => {
            let message = "this looks like front matter, but is not JSON: keys stand in quotation marks";
            let refusal = Refusal::new(place, message, JSON).withholding(evidence.withholds()).discreet();
            return evidence.is_front_matter().then_some(Err(refusal));
        }
        Err(refusal) => {
            let refusal = Refusal::new(refusal.span, "the JSON object that the file begins with can't be read", JSON);
            return evidence.is_front_matter().then_some(Err(refusal.withholding(evidence.withholds()).discreet()));
        }
    };
    let is_front_matter = keys.iter().any(|(key, _)| {
        let name = keys::normalised(&key.name);
        names::is_known(&name) || names::is_foreign(&name)
    });
    is_front_matter.then(|| {
        // The rest of its last line, if nothing stands there, is not a part of the article either.
        let line = lines::lines(text, end).next();
        Ok(FrontMatter { keys, body: line.filter(|line| line.is_blank()).map_or(end, |line| line.next) })
    })
}

/// The pieces of front matter that may be keys with values.
fn pieces_of(text: &str, format: Format) -> Box<dyn Iterator<Item = &str> + '_> {
    match format {
        Format::Json => Box::new(pieces(text)),
        Format::Yaml | Format::Toml => Box::new(lines::lines(text, 0).map(|line| line.text)),
    }
}

/// Whether what stands between two fences, and can be read, is front matter. Known keys decide; where there is none, what looks like
/// front matter of another tool is.
fn is_front_matter(keys: &[(Key<'_>, Node<'_>)], inside: &str, kind: Kind<'_>) -> bool {
    let mut names = keys.iter().map(|(key, _)| (key, keys::normalised(&key.name)));
    let is_known =
        |name: &str| names::is_known(name) || names::is_foreign(name) || names::nearest_withholding_key(name).is_some();
    if let Kind::Wire(is_label) = kind {
        // A wire text may begin with a rule. Its labels are not all keys of front matter, and have no others beside them.
        let names = names.map(|(_, name)| name).collect::<Vec<_>>();
        let own = names.iter().any(|name| is_known(name) && !is_label(name));
        let wire = names.iter().any(|name| is_label(name) && !is_known(name));
        return own || (!wire && names.iter().any(|name| is_known(name)));
    }
    let begins_at_once = !inside.chars().find(|c| !matches!(c, ' ' | '\t')).is_some_and(is_invisible);
    names.clone().any(|(_, name)| is_known(&name)) || (begins_at_once && names.all(|(key, _)| is_plain_key(&key.name)))
}

/// Whether a key can be one of a program, and not the beginning of a sentence.
fn is_plain_key(key: &str) -> bool {
    !key.contains(char::is_whitespace) && key.chars().count() <= 40
}

/// Front matter without a second fence.
fn unclosed(text: &str, extent: &Extent, withholds: bool) -> Refusal {
    let closing = extent.closing;
    // Perhaps it is there, and damaged.
    let keys = lines::lines(text, extent.matter.start).take_while(|line| line.is_blank() || pair(line.text).is_some());
    let behind = keys.last().and_then(|line| lines::lines(text, line.next).next());
    match behind.filter(|line| rule(&line.visible()) == Some(Rule::Dashes)) {
        Some(line) => {
            let message = format!("the front matter is not closed: this line is not `{closing}`");
            Refusal::new(line.span(), message, "close it with the same three signs that it begins with")
        }
        None => {
            let message = format!("the front matter is not closed: no second line `{closing}` follows");
            Refusal::new(extent.opening.clone(), message, "close it, or finish writing the file")
        }
    }
    .withholding(withholds)
    .discreet()
}

/// A line that withholds the article and was read as a part of the value above it, since it is indented or has no blank behind its colon.
fn swallowed(text: &str, extent: &Extent, keys: &[(Key<'_>, Node<'_>)]) -> Option<Refusal> {
    if extent.format == Format::Json {
        return None;
    }
    let inside = text.get(..extent.matter.end)?;
    let mut suspects = lines::lines(inside, extent.matter.start)
        .filter(|line| pair(line.text).is_some_and(|pair| pair.is_known() && pair.verdict() == Verdict::Withheld))
        .peekable();
    suspects.peek()?;
    let mut starts = BTreeSet::new();
    collect_starts(keys, &mut starts);
    let line = suspects.find(|line| starts.range(line.start..line.next).next().is_none())?;
    let message = "this line says that the article is not public, but is read as a part of the value above it";
    let help = "begin the line with its key, like the others, and write a blank behind the colon";
    Some(Refusal::new(line.span(), message, help).withholding(true).discreet())
}

fn collect_starts(keys: &[(Key<'_>, Node<'_>)], starts: &mut BTreeSet<usize>) {
    for (key, node) in keys {
        starts.insert(key.span.start);
        collect_below(node, starts);
    }
}

fn collect_below(node: &Node<'_>, starts: &mut BTreeSet<usize>) {
    match &node.value {
        Value::Map(entries) => collect_starts(entries, starts),
        Value::List(items) => items.iter().for_each(|item| collect_below(item, starts)),
        Value::Null | Value::Scalar(_) => {}
    }
}
