//! Removes attribute lists of other tools from Markdown: `{#id .class width=50%}`, `{: .class}`. Pandoc, kramdown, PHP Markdown Extra,
//! Goldmark and markdown-it read them. Ids are kept; feeds have no style sheets for the rest.
//!
//! Braces are ordinary text too. An attribute list follows a link, a picture, code, emphasis or `[text]`, ends a block, or has its own
//! line, and contains only ids, classes and attributes.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use pulldown_cmark::{CowStr, Event, Tag, TagEnd};

use crate::encoding::escape_attribute;

/// The size of the longest attribute list.
const MAX_LIST_BYTES: usize = 400;

/// An attribute list at the start of a text.
struct AttributeList<'t> {
    length: usize,
    id: Option<&'t str>,
    /// Whether it has a colon, an id or a class. Braces around `key=value` alone may be prose.
    is_marked: bool,
}

/// Parses an attribute list at the start of a text.
fn parse_list(text: &str) -> Option<AttributeList<'_>> {
    let inner = text.strip_prefix('{')?;
    let (inner, has_colon) = inner.strip_prefix(':').map_or((inner, false), |inner| (inner, true));
    let start = text.len() - inner.len();
    let mut list = AttributeList { length: 0, id: None, is_marked: has_colon };
    let mut is_empty = !has_colon;
    let mut rest = inner;
    loop {
        rest = rest.trim_start_matches([' ', '\t']);
        if inner.len() - rest.len() > MAX_LIST_BYTES {
            return None;
        }
        if let Some(after) = rest.strip_prefix('}') {
            list.length = start + inner.len() - after.len();
            return (!is_empty).then_some(list);
        }
        is_empty = false;
        let (token, after) = token(rest)?;
        match token.split_at_checked(1)? {
            ("#", id) => {
                is_name(id).then_some(())?;
                list.id = list.id.or(Some(id));
                list.is_marked = true;
            }
            (".", class) => {
                is_name(class).then_some(())?;
                list.is_marked = true;
            }
            // Pandoc: an unnumbered heading.
            ("-", "") => {}
            _ => match token.split_once('=') {
                Some((key, _)) => is_name(key).then_some(())?,
                // kramdown: a reference to a list that is defined elsewhere.
                None => (has_colon && is_name(token.trim_end_matches(':'))).then_some(())?,
            },
        }
        rest = after;
    }
}

/// Splits off a token, which ends at a blank or the closing brace outside quotation marks.
fn token(text: &str) -> Option<(&str, &str)> {
    let mut quote = None;
    for (at, character) in text.char_indices().take(MAX_LIST_BYTES) {
        match (quote, character) {
            (Some(open), _) if open == character => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(character),
            (None, ' ' | '\t' | '}') => return text.split_at_checked(at).filter(|(token, _)| !token.is_empty()),
            (None, '{' | '\n') => return None,
            _ => {}
        }
    }
    None
}

fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_alphabetic() || matches!(c, '_' | '-'))
        && text.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | ':'))
}

/// Stands for an opening brace that is escaped or a character reference. XML forbids this character, so no text contains it.
const LITERAL_BRACE: char = '\u{fffe}';

/// Replaces an escaped brace at the start of a text event, so it doesn't begin a list.
pub(in crate::article) fn protect_brace<'a>(
    source: &str,
    (event, span): (Event<'a>, Range<usize>),
) -> (Event<'a>, Range<usize>) {
    let is_written = |at: usize| {
        let backslashes = source.get(..at).unwrap_or_default().bytes().rev().take_while(|byte| *byte == b'\\').count();
        source.as_bytes().get(at) == Some(&b'{') && backslashes % 2 == 0
    };
    match event {
        Event::Text(text) if text.starts_with('{') && !is_written(span.start) => {
            (Event::Text(text.replacen('{', LITERAL_BRACE.encode_utf8(&mut [0; 4]), 1).into()), span)
        }
        event => (event, span),
    }
}

/// Restores the braces of a text.
pub(in crate::article) fn restore_braces(text: &str) -> String {
    text.replace(LITERAL_BRACE, "{")
}

/// The text without the attribute list at its end, and the list's id.
pub(in crate::article) fn without_trailing_list(text: &str) -> Option<(&str, Option<&str>)> {
    let trimmed = text.trim_end();
    let (before, _) = trimmed.strip_suffix('}')?.rsplit_once('{')?;
    let at = before.len();
    let list = parse_list(trimmed.get(at..)?).filter(|list| at + list.length == trimmed.len())?;
    Some((before.trim_end(), list.id))
}

/// Removes attribute lists. An id after a heading becomes the heading's id, other ids become anchors.
pub(super) fn without_attribute_lists(events: Vec<Event<'_>>) -> Vec<Event<'_>> {
    let mut writer = Writer { events: Vec::with_capacity(events.len()), ..Writer::default() };
    let (mut in_code, mut follows_markup, mut heading) = (false, false, None);
    let (mut last_heading, mut table, mut row) = (0, 0, 0);
    let mut iterator = events.into_iter().peekable();
    while let Some(event) = iterator.next() {
        let markup = matches!(
            event,
            Event::Code(_)
                | Event::End(TagEnd::Link | TagEnd::Image | TagEnd::Emphasis | TagEnd::Strong | TagEnd::Strikethrough)
        );
        match event {
            Event::Text(text) if !in_code => {
                let is_line = writer.is_at_line_start() && iterator.peek().is_none_or(ends_line);
                let is_last = iterator.peek().is_none_or(ends_block);
                let list_line = parse_list(text.trim())
                    .filter(|list| is_line && list.is_marked && list.length == text.trim().len());
                let begins_paragraph = matches!(writer.events.last(), Some(Event::Start(Tag::Paragraph)));
                if let Some(list) = list_line {
                    match iterator.peek() {
                        Some(Event::End(TagEnd::Paragraph)) if begins_paragraph => {
                            iterator.next();
                            writer.events.pop();
                            writer.end_block(list.id, last_heading);
                        }
                        next => {
                            let line_follows = matches!(next, Some(Event::SoftBreak | Event::HardBreak));
                            writer.drop_line(list.id);
                            if begins_paragraph && line_follows {
                                iterator.next();
                            }
                        }
                    }
                } else {
                    writer.text(&text, follows_markup, is_last, heading);
                }
            }
            Event::End(TagEnd::Paragraph) if matches!(writer.events.last(), Some(Event::Start(Tag::Paragraph))) => {
                writer.events.pop();
            }
            Event::End(TagEnd::TableRow) if writer.drop_row(row, table) => {}
            event => {
                match &event {
                    Event::Start(Tag::CodeBlock(_)) => in_code = true,
                    Event::End(TagEnd::CodeBlock) => in_code = false,
                    Event::Start(Tag::Heading { .. }) => {
                        last_heading = writer.events.len();
                        heading = Some(last_heading);
                    }
                    Event::End(TagEnd::Heading(_)) => heading = None,
                    Event::Start(Tag::Table(_)) => table = writer.events.len(),
                    Event::Start(Tag::TableRow) => row = writer.events.len(),
                    Event::End(TagEnd::HtmlBlock) => writer.drop_last_html_line(),
                    _ => {}
                }
                if ends_block(&event) {
                    writer.brackets.clear();
                }
                writer.events.push(event);
            }
        }
        follows_markup = markup;
    }
    writer.finish()
}

fn ends_line(event: &Event<'_>) -> bool {
    matches!(event, Event::SoftBreak | Event::HardBreak) || ends_block(event)
}

fn ends_block(event: &Event<'_>) -> bool {
    match event {
        Event::End(end) => {
            !matches!(end, TagEnd::Link | TagEnd::Image | TagEnd::Emphasis | TagEnd::Strong | TagEnd::Strikethrough)
        }
        // Another block follows in a tight list item.
        Event::Start(tag) => matches!(tag, Tag::List(_) | Tag::CodeBlock(_) | Tag::BlockQuote(_) | Tag::Paragraph),
        _ => false,
    }
}

#[derive(Default)]
struct Writer<'a> {
    events: Vec<Event<'a>>,
    /// The opening brackets of this block: the index of the event, and the byte offset in its text.
    brackets: Vec<(usize, usize)>,
    /// The opening brackets to remove, because a list follows their closing brackets.
    removed: BTreeSet<(usize, usize)>,
    /// The anchors to insert, by the index of the event after each.
    anchors: BTreeMap<usize, String>,
}

impl<'a> Writer<'a> {
    fn is_at_line_start(&self) -> bool {
        matches!(
            self.events.last(),
            None | Some(
                Event::SoftBreak | Event::HardBreak | Event::Start(Tag::Paragraph | Tag::Item | Tag::BlockQuote(_))
            )
        )
    }

    /// Removes a list that has its own line.
    fn drop_line(&mut self, id: Option<&str>) {
        if matches!(self.events.last(), Some(Event::SoftBreak | Event::HardBreak)) {
            self.events.pop();
        }
        self.anchor(id);
    }

    /// Applies a list on its own lines to the block above.
    fn end_block(&mut self, id: Option<&str>, last_heading: usize) {
        let is_heading = matches!(self.events.last(), Some(Event::End(TagEnd::Heading(_))));
        match self.events.get_mut(last_heading).filter(|_| is_heading) {
            Some(Event::Start(Tag::Heading { id: known, .. })) if id.is_some() => {
                *known = id.map(|id| id.to_owned().into());
            }
            _ => self.anchor(id.filter(|_| !is_heading)),
        }
    }

    /// Removes the last row of a table if it contains only the table's attribute list. The row begins at event `row`.
    fn drop_row(&mut self, row: usize, table: usize) -> bool {
        let mut texts = self.events.iter().skip(row).filter(|event| !matches!(event, Event::Start(_) | Event::End(_)));
        let (Some(Event::Text(text)), None) = (texts.next(), texts.next()) else { return false };
        let Some(list) = parse_list(text.trim()).filter(|list| list.is_marked && list.length == text.trim().len())
        else {
            return false;
        };
        if let Some(id) = list.id {
            self.anchors.insert(table, anchor(id));
        }
        self.events.truncate(row);
        true
    }

    /// Removes the last line of an HTML block if it is an attribute list.
    fn drop_last_html_line(&mut self) {
        let Some(Event::Html(html)) = self.events.last_mut() else { return };
        let trimmed = html.trim_end();
        let (before, line) = trimmed.rsplit_once('\n').unwrap_or(("", trimmed));
        let Some(list) = parse_list(line.trim()).filter(|list| list.is_marked && list.length == line.trim().len())
        else {
            return;
        };
        *html = format!("{before}\n{}", list.id.map(anchor).unwrap_or_default()).into();
    }

    fn anchor(&mut self, id: Option<&str>) {
        self.events.extend(id.map(|id| Event::InlineHtml(anchor(id).into())));
    }

    fn text(&mut self, text: &CowStr<'a>, follows_markup: bool, is_last: bool, heading: Option<usize>) {
        let mut rest: &str = text;
        // In kramdown, the attribute list of a list item is at its start.
        if matches!(self.events.last(), Some(Event::Start(Tag::Item)))
            && rest.starts_with("{:")
            && let Some(list) = parse_list(rest)
        {
            self.anchor(list.id);
            rest = rest.get(list.length..).unwrap_or_default().trim_start();
        }
        while follows_markup && let Some(list) = parse_list(rest) {
            self.anchor(list.id);
            rest = rest.get(list.length..).unwrap_or_default();
        }
        if let Some(start) = heading.filter(|_| is_last)
            && let Some((before, id)) = without_trailing_list(rest)
        {
            if let Some(Event::Start(Tag::Heading { id: known, .. })) = self.events.get_mut(start) {
                *known = id.map(|id| id.to_owned().into());
            }
            // The parser doesn't recognise the heading's closing sequence before a list.
            let unclosed = before.trim_end_matches('#');
            rest = if unclosed.ends_with([' ', '\t']) { unclosed.trim_end() } else { before };
        }
        let mut trailing_anchor = None;
        if is_last
            && rest.ends_with('}')
            && let Some((before, id)) = without_trailing_list(rest)
            && rest.get(before.len()..).is_some_and(|list| list.starts_with([' ', '\t']) && is_marked(list.trim()))
        {
            trailing_anchor = id.map(str::to_owned);
            rest = before;
        }
        let mut piece = String::with_capacity(rest.len());
        while let Some(at) = rest.find(['[', ']']) {
            let (before, bracket) = rest.split_at_checked(at).unwrap_or((rest, ""));
            piece.push_str(before);
            let index = self.events.len();
            let after = bracket.get(1..).unwrap_or_default();
            rest = after;
            if bracket.starts_with('[') {
                self.brackets.push((index, piece.len()));
                piece.push('[');
                continue;
            }
            match (self.brackets.pop(), parse_list(after)) {
                (Some(open), Some(list)) => {
                    self.removed.insert(open);
                    rest = after.get(list.length..).unwrap_or_default();
                    if list.id.is_some() {
                        self.events.push(Event::Text(std::mem::take(&mut piece).into()));
                        self.anchor(list.id);
                    }
                }
                _ => piece.push(']'),
            }
        }
        piece.push_str(rest);
        if !piece.is_empty() {
            self.events.push(Event::Text(piece.into()));
        }
        self.anchor(trailing_anchor.as_deref());
    }

    fn finish(mut self) -> Vec<Event<'a>> {
        let mut removed = self.removed.into_iter().peekable();
        while let Some(&(index, _)) = removed.peek() {
            let mut bytes: Vec<usize> = Vec::new();
            while let Some((_, byte)) = removed.next_if(|(event, _)| *event == index) {
                bytes.push(byte);
            }
            if let Some(Event::Text(text)) = self.events.get_mut(index) {
                let kept: String = text
                    .char_indices()
                    .filter(|(at, _)| bytes.binary_search(at).is_err())
                    .map(|(_, character)| character)
                    .collect();
                *text = kept.into();
            }
        }
        for event in &mut self.events {
            if let Event::Text(text) = event
                && text.contains(LITERAL_BRACE)
            {
                *text = restore_braces(text).into();
            }
        }
        for (index, anchor) in self.anchors.into_iter().rev() {
            if let Some(event) = self.events.get_mut(index) {
                let table = std::mem::replace(event, Event::Html(anchor.into()));
                self.events.insert(index + 1, table);
            }
        }
        self.events
    }
}

/// An anchor for links.
fn anchor(id: &str) -> String {
    let mut html = String::from("<a id=\"");
    escape_attribute(id, &mut html);
    html.push_str("\"></a>");
    html
}

fn is_marked(text: &str) -> bool {
    parse_list(text).is_some_and(|list| list.is_marked)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attribute_lists_differ_from_prose() {
        for (text, id) in [
            ("{#setup}", Some(Some("setup"))),
            ("{: #setup}", Some(Some("setup"))),
            ("{#a .b c=d}", Some(Some("a"))),
            ("{.class}", Some(None)),
            ("{.a.b}", Some(None)),
            ("{: .x}", Some(None)),
            ("{:.x .y}", Some(None)),
            ("{:toc}", Some(None)),
            ("{width=50%}", Some(None)),
            ("{width=\"50 %\" title='a } b'}", Some(None)),
            ("{target=_blank rel=\"x\"}", Some(None)),
            ("{-}", Some(None)),
            ("{}", None),
            ("{x}", None),
            ("{x, y}", None),
            ("{i}", None),
            ("{{ shortcode }}", None),
            ("{{< figure >}}", None),
            ("{% tag %}", None),
            ("{1=2}", None),
            ("{#1}", None),
            ("{.5}", None),
            ("{#a", None),
            ("{a=\"b}", None),
            ("{.a b}", None),
        ] {
            let found = parse_list(text).filter(|list| list.length == text.len());
            assert_eq!(found.map(|list| list.id), id, "{text}");
        }
    }
}
