//! Expands shortcodes and template tags of other tools: Hugo's `{{< figure >}}` and `{{% note %}}`, Zola's `{{ youtube(id="x") }}`, Liquid's
//! and Nunjucks' `{% highlight ruby %}` and `{{ page.title }}`, kramdown's `{::comment}`.
//!
//! `known` renders those that every site has. Of others, only the delimiters disappear, so a pair keeps the text inside. Each kind is
//! reported once. Comments disappear with their text. Tags around parts for members stay, because [`gates`] needs them. Code stays
//! verbatim, except that `raw` tags and Hugo's comments in tags, which only protect code from the tool, are removed.

mod arguments;
mod known;

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::ops::Range;

use self::arguments::Arguments;
use self::known::Replacement;
use super::code::{CodeScanner, Syntax, line_at};
use crate::article::gates;
use crate::article::keys::normalised;

/// A text without shortcodes.
#[derive(Debug)]
pub(in crate::article) struct Expanded<'t> {
    pub(in crate::article) text: Cow<'t, str>,
    /// The kinds of shortcodes that were removed, in the order of their first occurrence.
    pub(in crate::article) removed: Vec<Removed>,
}

/// A kind of shortcodes that were removed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::article) struct Removed {
    /// How the kind is written: `{{< tweet >}}`.
    pub(in crate::article) kind: String,
    /// The byte range of the first one.
    pub(in crate::article) first: Range<usize>,
    pub(in crate::article) count: usize,
}

/// The length of the longest tag.
const MAX_TAG_BYTES: usize = 4_000;
/// How many kinds are told apart.
const MAX_KINDS: usize = 50;

/// Expands the shortcodes of a text.
pub(in crate::article) fn expand(text: &str, syntax: Syntax) -> Expanded<'_> {
    let may_have_any = ["{{", "{%", "{#", "{::", "{:/", "{:toc", "[TOC]", "[[toc]]", "[[_TOC_]]"];
    if !may_have_any.iter().any(|sign| text.contains(sign)) {
        return Expanded { text: Cow::Borrowed(text), removed: Vec::new() };
    }
    let mut expander = Expander {
        text,
        syntax,
        code: CodeScanner::new(text, syntax),
        written: String::with_capacity(text.len()),
        copied: 0,
        removed: Vec::new(),
        unclosed: BTreeSet::new(),
    };
    expander.run();
    expander.written.push_str(text.get(expander.copied..).unwrap_or_default());
    Expanded { text: Cow::Owned(expander.written), removed: expander.removed }
}

/// The notation of a tag.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Notation {
    /// `{{< name >}}` and `{{% name %}}`.
    Hugo,
    /// `{% name %}`.
    Block,
    /// `{{ name }}`.
    Expression,
}

struct Expander<'t> {
    text: &'t str,
    syntax: Syntax,
    code: CodeScanner<'t>,
    written: String,
    /// The text up to here has been written.
    copied: usize,
    removed: Vec<Removed>,
    /// The pairs that aren't closed in the rest of the text.
    unclosed: BTreeSet<(Notation, String)>,
}

impl<'t> Expander<'t> {
    fn run(&mut self) {
        let mut at = 0;
        let mut line_start = Some(0);
        while at < self.text.len() {
            if let Some(start) = line_start.take() {
                if let Some(end) = self.code.block_at(start) {
                    self.copy_code(start..end);
                    at = end;
                    line_start = Some(end);
                    continue;
                }
                if let Some(end) = self.table_of_contents(start) {
                    self.replace(start..end, "");
                    at = end;
                    continue;
                }
            }
            match self.text.as_bytes().get(at) {
                Some(b'\n') => {
                    at += 1;
                    line_start = Some(at);
                }
                Some(b'\\') => {
                    at += if matches!(self.text.as_bytes().get(at + 1), Some(b'{' | b'`' | b'<')) { 2 } else { 1 }
                }
                Some(b'`' | b'<') => match self.code.inline_at(at) {
                    Some(end) => {
                        self.copy_code(at..end);
                        at = end;
                    }
                    None => at += 1,
                },
                Some(b'{') => at = self.tag(at).unwrap_or(at + 1),
                _ => {
                    let rest = self.text.as_bytes().get(at + 1..).unwrap_or_default();
                    let next = rest.iter().position(|byte| matches!(byte, b'\n' | b'\\' | b'`' | b'<' | b'{'));
                    at = next.map_or(self.text.len(), |next| at + 1 + next);
                }
            }
        }
    }

    /// Writes the text before a range, and `text` in place of the range.
    fn replace(&mut self, range: Range<usize>, text: &str) {
        self.written.push_str(self.text.get(self.copied..range.start).unwrap_or_default());
        self.written.push_str(text);
        self.copied = range.end;
    }

    /// Copies code without what protects it from the tool.
    fn copy_code(&mut self, range: Range<usize>) {
        let code = self.text.get(range.clone()).unwrap_or_default();
        if !code.contains("{%") && !code.contains("/*") {
            return;
        }
        let mut written = String::with_capacity(code.len());
        let mut from = 0;
        for (at, _) in code.match_indices('{') {
            if at < from {
                continue;
            }
            let rest = code.get(at..).unwrap_or_default();
            let found = match Tag::parse(rest) {
                Some(Tag { notation: Notation::Block, name: "raw", length, .. }) => Some((String::new(), length)),
                _ => unescaped(rest),
            };
            if let Some((instead, length)) = found {
                written.push_str(code.get(from..at).unwrap_or_default());
                written.push_str(&instead);
                from = at + length;
            }
        }
        if from > 0 {
            written.push_str(code.get(from..).unwrap_or_default());
            self.replace(range, &written);
        }
    }

    /// Replaces the tag at `at`. Returns its end, or that of the pair that it begins.
    fn tag(&mut self, at: usize) -> Option<usize> {
        let rest = self.text.get(at..)?;
        if let Some((literal, length)) = unescaped(rest) {
            let mut html = String::new();
            known::verbatim(&literal, &mut html);
            self.replace(at..at + length, &html);
            return Some(at + length);
        }
        if let Some(length) = comment_length(rest) {
            self.replace(at..at + length, "");
            return Some(at + length);
        }
        let tag = Tag::parse(rest)?;
        let end = at + tag.length;
        if gates::is_braced_tag(rest) {
            return Some(end);
        }
        if let Some(hidden) = self.hidden(&tag, end) {
            self.replace(at..hidden, "");
            return Some(hidden);
        }
        if let Some((inner, after)) = self.verbatim_pair(&tag, end) {
            let code = self.text.get(inner).unwrap_or_default();
            let mut html = String::new();
            match tag.name {
                "highlight" => {
                    let language = Arguments::parse(tag.arguments);
                    html = known::code(code, language.named_or_first(&["lang", "language"]));
                    self.replace_block(at..after, &html);
                }
                _ => {
                    known::verbatim_lines(code, &mut html);
                    self.replace(at..after, &html);
                }
            }
            return Some(after);
        }
        match self.replacement(&tag) {
            Some(Replacement::Inline(text)) => self.replace(at..end, &text),
            Some(Replacement::Block(html)) => self.replace_block(at..end, &html),
            None => {
                if !tag.is_end {
                    self.report(&tag, at..end);
                }
                self.replace(at..end, "");
            }
        }
        Some(end)
    }

    /// Writes a block. On lines of its own, a blank line ends it, because Markdown takes the text below for a part of the HTML otherwise.
    fn replace_block(&mut self, range: Range<usize>, html: &str) {
        let line_start = self.text.get(..range.start).and_then(|before| before.rfind('\n')).map_or(0, |at| at + 1);
        let is_first = self.text.get(line_start..range.start).is_some_and(|before| before.trim().is_empty());
        let is_last = line_at(self.text, range.end).trim().is_empty();
        self.replace(range, html);
        if is_first && is_last && self.syntax == Syntax::Markdown {
            self.written.push_str("\n\n");
        }
    }

    fn replacement(&self, tag: &Tag<'_>) -> Option<Replacement> {
        if tag.is_end {
            return None;
        }
        if tag.notation == Notation::Expression && !tag.is_call {
            return expression(tag.inner).map(|text| Replacement::Inline(text.to_owned()));
        }
        known::render(&normalised(tag.name), &Arguments::parse(tag.arguments))
    }

    /// The end of a part that isn't shown: comments, and conditions that are never true.
    fn hidden(&mut self, tag: &Tag<'_>, end: usize) -> Option<usize> {
        let is_never_true = tag.name == "if" && tag.arguments.trim() == "false";
        if tag.is_end || tag.notation == Notation::Expression || !(tag.name == "comment" || is_never_true) {
            return None;
        }
        // Without an end, the rest is a comment.
        Some(self.pair_end(tag, end).map_or(self.text.len(), |(_, after)| after))
    }

    /// The range of verbatim text between two tags, and the end of the second one.
    fn verbatim_pair(&mut self, tag: &Tag<'_>, end: usize) -> Option<(Range<usize>, usize)> {
        let is_verbatim = matches!(tag.name, "highlight" | "raw" | "verbatim") && tag.notation != Notation::Expression;
        (is_verbatim && !tag.is_end).then(|| self.pair_end(tag, end)).flatten()
    }

    /// The range between a tag and its end tag, and the end of that.
    fn pair_end(&mut self, tag: &Tag<'_>, end: usize) -> Option<(Range<usize>, usize)> {
        let key = (tag.notation, tag.name.to_owned());
        if self.unclosed.contains(&key) {
            return None;
        }
        let opening = if tag.notation == Notation::Hugo { "{{" } else { "{%" };
        for (found, _) in self.text.get(end..)?.match_indices(opening) {
            let start = end + found;
            let Some(other) = self.text.get(start..).and_then(Tag::parse) else { continue };
            if other.is_end && other.notation == tag.notation && other.name == tag.name {
                return Some((end..start, start + other.length));
            }
        }
        self.unclosed.insert(key);
        None
    }

    /// The end of a line that stands for a table of contents, with the list item above it in kramdown.
    fn table_of_contents(&self, start: usize) -> Option<usize> {
        const LINES: &[&str] = &["[TOC]", "[[toc]]", "[[_TOC_]]", "{:toc}"];
        let line = line_at(self.text, start);
        if LINES.iter().any(|known| line.trim().eq_ignore_ascii_case(known)) {
            return Some(start + line.len());
        }
        let is_item = line.starts_with("* ") || line.starts_with("- ") || line.starts_with("1. ");
        let below = super::code::next_line(self.text, start);
        let next = line_at(self.text, below).trim();
        let is_list = next.strip_prefix("{:").and_then(|list| list.strip_suffix('}'));
        let names_contents = is_list.is_some_and(|list| list.split([' ', '.', ':']).any(|word| word == "toc"));
        (is_item && names_contents).then(|| below + line_at(self.text, below).len())
    }

    fn report(&mut self, tag: &Tag<'_>, span: Range<usize>) {
        let name: String = tag.name.chars().take(60).collect();
        let kind = match tag.notation {
            Notation::Hugo => format!("{{{{< {name} >}}}}"),
            Notation::Block => format!("{{% {name} %}}"),
            Notation::Expression => format!("{{{{ {name} }}}}"),
        };
        let is_full = self.removed.len() == MAX_KINDS;
        match self.removed.iter_mut().find(|removed| removed.kind == kind) {
            Some(removed) => removed.count += 1,
            None if is_full => {}
            None => self.removed.push(Removed { kind, first: span, count: 1 }),
        }
    }
}

/// A tag at the start of a text.
struct Tag<'t> {
    notation: Notation,
    /// The name, without `end` and `/`.
    name: &'t str,
    arguments: &'t str,
    /// The text between the delimiters.
    inner: &'t str,
    is_end: bool,
    /// Whether arguments in parentheses follow the name.
    is_call: bool,
    length: usize,
}

impl<'t> Tag<'t> {
    fn parse(text: &'t str) -> Option<Tag<'t>> {
        let near = text.get(..text.floor_char_boundary(MAX_TAG_BYTES))?;
        let delimiters = [
            (Notation::Hugo, "{{<", ">}}"),
            (Notation::Hugo, "{{%", "%}}"),
            (Notation::Expression, "{{", "}}"),
            (Notation::Block, "{%", "%}"),
        ];
        let (notation, open, close) = delimiters.into_iter().find(|(_, open, _)| near.starts_with(open))?;
        let (inner, _) = near.get(open.len()..)?.split_once(close)?;
        let length = open.len() + inner.len() + close.len();
        let trimmed = inner.trim_start_matches(['-', '~']).trim_end_matches(['-', '~']).trim();
        let (trimmed, has_slash) = match trimmed.strip_prefix('/') {
            Some(name) if notation == Notation::Hugo => (name.trim_start(), true),
            _ => (trimmed, false),
        };
        let is_name =
            |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '/') || (c == '.' && notation != Notation::Block);
        let end = trimmed.find(|c: char| !is_name(c)).unwrap_or(trimmed.len());
        let (name, arguments) = trimmed.split_at_checked(end)?;
        let name = name.trim_end_matches('/');
        let is_call = arguments.trim_start().starts_with('(');
        if notation == Notation::Expression && !is_expression(trimmed, name, is_call) {
            return None;
        }
        if notation != Notation::Expression && !name.starts_with(|c: char| c.is_alphabetic() || c == '_') {
            return None;
        }
        let bare = name.strip_prefix("end").filter(|_| notation == Notation::Block);
        let name = bare.filter(|bare| !bare.is_empty()).unwrap_or(name);
        let is_end = has_slash || bare.is_some();
        Some(Tag { notation, name, arguments, inner: trimmed, is_end, is_call, length })
    }
}

/// Whether braces contain an expression of a template, and not a formula or a mistake.
fn is_expression(inner: &str, name: &str, is_call: bool) -> bool {
    let is_quoted = inner.starts_with(['"', '\'']);
    let begins_with_letter = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let is_path = name.chars().count() > 1 && !inner.contains(['{', '\n']);
    is_quoted || (begins_with_letter && (is_call || is_path))
}

/// The value of an expression that doesn't depend on the site: a text in quotation marks, whatever filters follow, or the site's base,
/// which is left out because addresses from the root are resolved against the website. `None` for others.
fn expression(inner: &str) -> Option<&str> {
    const BASES: &[&str] = &["site.baseurl", "site.url", "site.base_url", "site.baseURL", "baseurl", "config.base_url"];
    if let Some(quote) = inner.chars().next().filter(|c| matches!(c, '"' | '\'')) {
        return inner.get(1..)?.split_once(quote).map(|(text, _)| text);
    }
    let value = inner.split('|').next().unwrap_or_default().trim();
    BASES.contains(&value).then_some("")
}

/// The tag that Hugo's or Zola's notation for documentation shows, `{{</* figure */>}}`, and the length of that notation.
fn unescaped(text: &str) -> Option<(String, usize)> {
    let near = text.get(..text.floor_char_boundary(MAX_TAG_BYTES))?;
    let delimiters = [("{{<", ">}}"), ("{{%", "%}}"), ("{{", "}}"), ("{%", "%}")];
    let (open, close) = delimiters.into_iter().find(|(open, _)| near.starts_with(open))?;
    let inner = near.get(open.len()..)?.strip_prefix("/*")?;
    let (inner, _) = inner.split_once(&format!("*/{close}"))?;
    Some((format!("{open}{inner}{close}"), open.len() + 2 + inner.len() + 2 + close.len()))
}

/// The length of a comment, `{# ... #}` or `{::comment}...{:/comment}`, or of another tag of kramdown.
fn comment_length(text: &str) -> Option<usize> {
    if let Some(rest) = text.strip_prefix("{::comment}") {
        let end = ["{:/comment}", "{:/}"].iter().filter_map(|close| rest.find(close).map(|at| at + close.len())).min();
        return Some(end.map_or(text.len(), |end| text.len() - rest.len() + end));
    }
    if text.starts_with("{::") || text.starts_with("{:/") {
        let near = text.get(..text.floor_char_boundary(200))?;
        return near.find('}').map(|at| at + 1);
    }
    let rest = text.strip_prefix("{#")?;
    if !rest.starts_with(|c: char| c.is_whitespace() || c == '-') {
        return None;
    }
    let near = rest.get(..rest.floor_char_boundary(MAX_TAG_BYTES))?;
    near.find("#}").map(|at| 2 + at + 2)
}

#[cfg(test)]
mod tests;
