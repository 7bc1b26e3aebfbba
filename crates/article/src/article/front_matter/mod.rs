//! Parses front matter in YAML, TOML or JSON into a [tree](super::values).
//!
//! [`fence`] finds its beginning and end, [`yaml`] and [`toml`] parse it, [`flow`] joins lists that YAML would reject, [`header`]
//! parses lines without fences, and [`damaged`] detects front matter that can't be parsed.
//! A file with damaged front matter is never published: its keys would become text, and an embargo would have no effect.
//!
//! # Why does front matter have its own YAML tree?
//!
//! A title `1.10` and a language `no` must stay text, and each value needs its place for diagnostics. Aliases are refused: no article
//! needs them, and YAML bombs consist of them.

mod damaged;
mod fence;
mod flow;
mod header;
mod lines;
mod refusal;
#[cfg(test)]
mod tests;
mod toml;
mod yaml;

use std::collections::BTreeSet;
use std::ops::Range;

use self::damaged::{Evidence, pieces};
use self::fence::{Extent, Format};
use self::lines::{Rule, pair, rule};
use self::refusal::REMOVE_HELP;
pub(super) use self::refusal::{FileKind, Refusal};
use super::fields::names::{self, Verdict};
use super::keys;
use super::values::{Key, Node, Value};
use crate::types::is_invisible;

/// A file that begins with front matter.
#[derive(Clone, Debug)]
pub(super) struct FrontMatter<'t> {
    /// The keys with their values.
    pub(super) keys: Vec<(Key<'t>, Node<'t>)>,
    /// The byte offset of the article below.
    pub(super) body: usize,
}

/// How many keys front matter may have at its top level.
const MAX_KEYS: usize = 1_000;

/// Parses the front matter. `None` if the file has none.
pub(super) fn read<'t>(text: &'t str, kind: FileKind<'_>) -> Option<Result<FrontMatter<'t>, Refusal>> {
    let found = match fence::find(text) {
        Some(extent) => match read_fenced(text, &extent, kind) {
            Some(Err(refusal)) => Some(read_indented(text, kind).ok_or(refusal)),
            found => found,
        },
        None => read_json_object(text, kind).or_else(|| header::read(text, kind)),
    };
    match found {
        Some(Ok(matter)) => Some(match damaged::find_second(text, matter.body, kind) {
            Some(refusal) => Err(refusal),
            None => Ok(matter),
        }),
        Some(Err(refusal)) => Some(Err(refusal)),
        None => damaged::find(text, kind).map(Err),
    }
}

/// The keys of a whole file in YAML or JSON.
pub(super) fn yaml_keys(text: &str) -> Result<Vec<(Key<'_>, Node<'_>)>, Refusal> {
    yaml::read(text, 0)
}

/// The keys of a whole file in TOML.
pub(super) fn toml_keys(text: &str) -> Result<Vec<(Key<'_>, Node<'_>)>, Refusal> {
    toml::read(text, 0)
}

/// The part of the file that should be front matter: the text between the fences, the whole file if the second one is missing, or the
/// first lines if both are.
pub(super) fn head(text: &str) -> &str {
    if let Some(extent) = fence::find(text) {
        return text.get(extent.matter).unwrap_or_default();
    }
    let first = lines::lines(text, 0).filter(|line| !line.is_blank()).take(damaged::MAX_FIRST_LINES);
    text.get(..first.last().map_or(0, |line| line.next)).unwrap_or_default()
}

/// Whether one of the first lines withholds the article, in a file that can't be parsed or decoded.
pub(super) fn may_withhold(text: &str) -> bool {
    const MAX_LINES: usize = 200;
    let first = lines::lines(text, 0).take(MAX_LINES).map(|line| line.text);
    Evidence::of(first, FileKind::Markdown).verdict == Verdict::Withheld
}

/// Parses front matter whose closing fence is indented. `None` if it isn't valid.
fn read_indented<'t>(text: &'t str, kind: FileKind<'_>) -> Option<FrontMatter<'t>> {
    let extent = fence::find_indented(text).filter(|extent| extent.body.is_some())?;
    read_fenced(text, &extent, kind)?.ok().filter(|matter| !matter.keys.is_empty())
}

/// Parses the text between two fences. `None` if the fences are thematic breaks or rules around text.
fn read_fenced<'t>(text: &'t str, extent: &Extent, kind: FileKind<'_>) -> Option<Result<FrontMatter<'t>, Refusal>> {
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
        let begins_with_key = !matches!(kind, FileKind::Wire(_))
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
    Some(match refuse_merged_line(text, extent.matter.clone(), &keys) {
        Some(refusal) => Err(refusal),
        None => Ok(FrontMatter { keys, body }),
    })
}

fn parse<'t>(text: &'t str, extent: &Extent) -> Result<Vec<(Key<'t>, Node<'t>)>, Refusal> {
    let Range { start, end } = extent.matter;
    let inside = text.get(start..end).unwrap_or_default();
    // The parsers support only LF and CRLF. The line end of the fence shows which one the file has.
    let fence_line_end = text.get(..start).and_then(|before| before.chars().next_back());
    let keys = match extent.format {
        _ if !matches!(fence_line_end, None | Some('\n')) => {
            let inside = with_lf_ends(inside);
            let keys = read_as(extent.format, &inside, start)?;
            keys.into_iter()
                .map(|(key, node)| (key.rewritten(&str::to_owned), node.rewritten(&str::to_owned)))
                .collect()
        }
        format => read_as(format, inside, start)?,
    };
    match keys.get(MAX_KEYS) {
        Some((key, _)) => Err(Refusal::new(key.span.clone(), "the front matter has more than 1,000 keys", REMOVE_HELP)),
        None => Ok(keys),
    }
}

fn read_as(format: Format, inside: &str, start: usize) -> Result<Vec<(Key<'_>, Node<'_>)>, Refusal> {
    match format {
        Format::Toml => toml::read(inside, start),
        // Middleman and Hexo omit the braces.
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

/// The text with LF as line ends, of the same length in bytes.
fn with_lf_ends(text: &str) -> String {
    let mut text_with_lf = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\r' | '\u{B}' | '\u{C}' => text_with_lf.push('\n'),
            '\u{85}' => text_with_lf.push_str(" \n"),
            '\u{2028}' | '\u{2029}' => text_with_lf.push_str("  \n"),
            other => text_with_lf.push(other),
        }
    }
    text_with_lf
}

/// Parses the JSON object at the start of a file, as Hugo does. `None` if the file begins with text.
fn read_json_object<'t>(text: &'t str, kind: FileKind<'_>) -> Option<Result<FrontMatter<'t>, Refusal>> {
    let start = text.find(|c| !is_invisible(c))?;
    let inside = text.get(start..)?.strip_prefix('{')?;
    let next = inside.chars().find(|c| !is_invisible(*c))?;
    // Not a template or an attribute list: `{{`, `{%`, `{#id}`.
    if !(matches!(next, '"' | '\'' | '“' | '}') || next.is_alphabetic()) {
        return None;
    }
    const JSON: &str = "begin the file with a JSON object, keys in quotation marks, and the article below it";
    let place = start..start + 1;
    let Some(end) = fence::object_end(text, start) else {
        let evidence = Evidence::of(pieces(text), kind);
        let first = Evidence::of(lines::lines(text, start).take(3).flat_map(|line| pieces(line.text)), kind);
        let refusal = Refusal::new(place, "the JSON object that the file begins with is not closed", JSON);
        return (first.has_known_key || first.withholds())
            .then_some(Err(refusal.withholding(evidence.withholds()).without_excerpt()));
    };
    let object = text.get(start..end)?;
    let evidence = Evidence::of(pieces(object), kind);
    let keys = match yaml::read(object, start) {
        Ok(keys) if next == '"' => keys,
        Ok(keys) if keys.is_empty() => return None,
        Ok(_) => {
            let message = "this looks like front matter but is not JSON: its keys have no quotation marks";
            let refusal = Refusal::new(place, message, JSON).withholding(evidence.withholds()).without_excerpt();
            return evidence.is_front_matter().then_some(Err(refusal));
        }
        Err(refusal) => {
            let refusal = Refusal::new(refusal.span, "the JSON object that the file begins with can't be read", JSON);
            return evidence
                .is_front_matter()
                .then_some(Err(refusal.withholding(evidence.withholds()).without_excerpt()));
        }
    };
    let is_front_matter = keys.iter().any(|(key, _)| {
        let name = keys::normalised(&key.name);
        names::is_known(&name) || names::is_foreign(&name)
    });
    is_front_matter.then(|| {
        if let Some(refusal) = refuse_merged_line(text, start..end, &keys) {
            return Err(refusal);
        }
        // The blank rest of its last line isn't part of the article.
        let line = lines::lines(text, end).next();
        Ok(FrontMatter { keys, body: line.filter(|line| line.is_blank()).map_or(end, |line| line.next) })
    })
}

/// The parts of front matter that may be keys with values.
fn pieces_of(text: &str, format: Format) -> Box<dyn Iterator<Item = &str> + '_> {
    match format {
        Format::Json => Box::new(pieces(text)),
        Format::Yaml | Format::Toml => Box::new(lines::lines(text, 0).map(|line| line.text)),
    }
}

/// Whether the parsed text between two fences is front matter. Known keys decide. Without any, all keys must look like those of another
/// tool.
fn is_front_matter(keys: &[(Key<'_>, Node<'_>)], inside: &str, kind: FileKind<'_>) -> bool {
    let mut names = keys.iter().map(|(key, _)| (key, keys::normalised(&key.name)));
    let is_known =
        |name: &str| names::is_known(name) || names::is_foreign(name) || names::nearest_withholding_key(name).is_some();
    if let FileKind::Wire(is_label) = kind {
        // A wire text may begin with a rule. Some of its labels are keys of front matter, but no other keys are beside them.
        let names = names.map(|(_, name)| name).collect::<Vec<_>>();
        let has_key = names.iter().any(|name| is_known(name) && !is_label(name));
        let has_label_only = names.iter().any(|name| is_label(name) && !is_known(name));
        return has_key || (!has_label_only && names.iter().any(|name| is_known(name)));
    }
    let begins_at_once = !inside.chars().find(|c| !matches!(c, ' ' | '\t')).is_some_and(is_invisible);
    names.clone().any(|(_, name)| is_known(&name)) || (begins_at_once && names.all(|(key, _)| is_plain_key(&key.name)))
}

/// Whether a key looks like an identifier, not like the beginning of a sentence.
fn is_plain_key(key: &str) -> bool {
    !key.contains(char::is_whitespace) && key.chars().count() <= 40
}

/// The refusal for front matter without a second fence.
fn unclosed(text: &str, extent: &Extent, withholds: bool) -> Refusal {
    let closing = extent.closing;
    // The second fence may be damaged.
    let keys = lines::lines(text, extent.matter.start).take_while(|line| line.is_blank() || pair(line.text).is_some());
    let following = keys.last().and_then(|line| lines::lines(text, line.next).next());
    match following.filter(|line| rule(&line.visible()) == Some(Rule::Dashes)) {
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
    .without_excerpt()
}

/// Refuses front matter in which a line that withholds the article was parsed as part of the value above it, because it is indented or
/// lacks the blank after its colon.
fn refuse_merged_line(text: &str, matter: Range<usize>, keys: &[(Key<'_>, Node<'_>)]) -> Option<Refusal> {
    let inside = text.get(..matter.end)?;
    let mut suspects = lines::lines(inside, matter.start)
        .filter(|line| pair(line.text).is_some_and(|pair| pair.is_known() && pair.verdict() == Verdict::Withheld))
        .peekable();
    suspects.peek()?;
    let mut starts = BTreeSet::new();
    collect_starts(keys, &mut starts);
    let line = suspects.find(|line| starts.range(line.start..line.next).next().is_none())?;
    let message = "this line says that the article is not public, but is read as a part of the value above it";
    let help = "begin the line with its key, like the others, and write a space after the colon";
    Some(Refusal::new(line.span(), message, help).withholding(true).without_excerpt())
}

fn collect_starts(keys: &[(Key<'_>, Node<'_>)], starts: &mut BTreeSet<usize>) {
    for (key, node) in keys {
        // `draft = true` between commas is a key without a value.
        if !key.name.contains(['=', ':']) {
            starts.insert(key.span.start);
        }
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
