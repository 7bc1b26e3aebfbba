//! Reads the XML of agencies as a stream of elements and texts.
//!
//! The file is untrusted. Reading it gives tokens or an error, never panics, and takes time linear in its length. Nothing outside the file
//! is read: the document type is skipped, and its entities aren't known. Entities of HTML are, since agencies use them without a
//! declaration. `quick-xml` finds the tags. It accepts characters, names and structures that XML doesn't allow, so this module checks them.

mod characters;
mod element;
mod malformed;
#[cfg(test)]
pub(super) mod tests;
mod words;

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;
use std::rc::Rc;

use quick_xml::events::attributes::Attributes;
use quick_xml::events::{BytesStart, Event};

use self::characters::{check_name, is_xml_character, resolve, with_line_feeds};
use self::element::Attribute;
pub(super) use self::element::{Element, Namespace};
pub(super) use self::malformed::Malformed;
use self::malformed::{HELP_LIMIT, HELP_RESEND, MAX_SHOWN_CHARACTERS, malformed, shown, shown_error};
pub(super) use self::words::Words;
use super::item::Field;
use crate::article::steps;

/// How deep elements may be nested. The readers of the formats are recursive.
const MAX_DEPTH: usize = 100;
/// The number of attributes that an element may have.
const MAX_ATTRIBUTES: usize = 100;
/// How many namespace declarations may be in force at a place. Each name is looked up in them.
const MAX_NAMESPACES: usize = 64;
/// The number of elements, texts and references that a file may have.
const MAX_NODES: usize = 1_000_000;
/// A language tag that is longer (bytes) is ignored.
const MAX_LANGUAGE_BYTES: usize = 64;

/// A part of the document.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Token<'t> {
    /// The start of an element. An empty element has an end too.
    Start(Element<'t>),
    /// The end of the innermost open element.
    End,
    /// A part of a text with references resolved, and its place. A text may come in several parts.
    Text(Cow<'t, str>, Range<usize>),
}

/// An open element.
#[derive(Debug)]
struct Open<'t> {
    name: &'t str,
    span: Range<usize>,
    language: Option<Rc<str>>,
    /// How many namespace declarations are in force around the element.
    namespaces: usize,
}

/// Reads a document.
#[derive(Debug)]
pub(super) struct Reader<'t> {
    text: &'t str,
    events: quick_xml::Reader<&'t [u8]>,
    open: Vec<Open<'t>>,
    /// Prefixes and their namespaces, the innermost last.
    namespaces: Vec<(&'t str, Namespace)>,
    /// Namespaces without a variant of their own.
    others: HashMap<String, usize>,
    nodes: usize,
    has_root: bool,
    /// Whether the last start tag was that of an empty element.
    ends_next: bool,
}

impl<'t> Reader<'t> {
    pub(super) fn new(text: &'t str) -> Result<Reader<'t>, Malformed> {
        steps::add(text.len());
        if let Some((at, character)) = text.char_indices().find(|(_, character)| !is_xml_character(*character)) {
            let message = format!("U+{:04X} is not allowed in XML", u32::from(character));
            return Err(malformed(message, HELP_RESEND, at..at + character.len_utf8()));
        }
        Ok(Reader {
            text,
            events: quick_xml::Reader::from_str(text),
            open: Vec::new(),
            namespaces: Vec::new(),
            others: HashMap::new(),
            nodes: 0,
            has_root: false,
            ends_next: false,
        })
    }

    /// The place behind the last token.
    pub(super) fn position(&self) -> usize {
        usize::try_from(self.events.buffer_position()).unwrap_or(usize::MAX).min(self.text.len())
    }

    /// Reads the start of the root element.
    pub(super) fn root(&mut self) -> Result<Element<'t>, Malformed> {
        loop {
            match self.next()? {
                Some(Token::Start(root)) => return Ok(root),
                Some(_) => {}
                None => {
                    return Err(malformed("the file has no element", HELP_RESEND, self.text.len()..self.text.len()));
                }
            }
        }
    }

    /// Reads the rest of the document, so that its mistakes are found.
    pub(super) fn finish(&mut self) -> Result<(), Malformed> {
        while self.next()?.is_some() {}
        Ok(())
    }

    /// Reads the rest of the innermost open element.
    pub(super) fn skip(&mut self) -> Result<(), Malformed> {
        let depth = self.open.len();
        while self.open.len() >= depth && self.next()?.is_some() {}
        Ok(())
    }

    /// Reads the rest of the innermost open element. Calls `child` for the start of each element in it, and skips what `child` leaves
    /// unread.
    pub(super) fn children(
        &mut self,
        mut child: impl FnMut(&mut Reader<'t>, Element<'t>) -> Result<(), Malformed>,
    ) -> Result<(), Malformed> {
        let depth = self.open.len();
        while let Some(token) = self.next()? {
            match token {
                Token::Start(element) => {
                    child(self, element)?;
                    while self.open.len() > depth && self.next()?.is_some() {}
                }
                Token::End => return Ok(()),
                Token::Text(..) => {}
            }
        }
        Ok(())
    }

    /// Reads the rest of the innermost open element as one line of text.
    pub(super) fn line(&mut self, origin: &'static str) -> Result<Field, Malformed> {
        self.line_without(&[], origin)
    }

    /// Reads the rest of the innermost open element as one line of text, without some elements.
    pub(super) fn line_without(&mut self, excluded: &[&str], origin: &'static str) -> Result<Field, Malformed> {
        let depth = self.open.len();
        let mut words = Words::default();
        let mut span: Option<Range<usize>> = None;
        let start = self.position();
        loop {
            let innermost = self.open.last().map_or("", |open| open.name);
            let Some(token) = self.next()? else { break };
            match token {
                Token::Start(element) => {
                    // Ruby text: how the word is pronounced.
                    if matches!(element.name, "rt" | "rp" | "rtc") || excluded.contains(&element.name) {
                        self.skip()?;
                    } else {
                        words.separate_blocks(element.name);
                    }
                }
                Token::End if self.open.len() < depth => break,
                Token::End => words.separate_blocks(innermost),
                Token::Text(text, place) => {
                    words.push(&text);
                    if !text.trim().is_empty() {
                        let ahead = text.len() - text.trim_start().len();
                        let behind = text.len() - text.trim_end().len();
                        // References have other lengths than their values, so only blanks as written are cut off.
                        let is_verbatim = text.len() == place.len();
                        let place = if is_verbatim { place.start + ahead..place.end - behind } else { place };
                        span = Some(span.map_or(place.start, |span| span.start)..place.end);
                    }
                }
            }
        }
        Ok(Field { text: words.finish(), span: span.unwrap_or(start..start), origin })
    }

    /// Reads the rest of the innermost open element as text with its line breaks. Elements in it are skipped.
    pub(super) fn lines(&mut self, origin: &'static str) -> Result<Field, Malformed> {
        let start = self.position();
        let mut end = start;
        let mut lines = String::new();
        let depth = self.open.len();
        while let Some(token) = self.next()? {
            match token {
                Token::Start(_) => self.skip()?,
                Token::End if self.open.len() < depth => break,
                Token::End => {}
                Token::Text(text, place) => {
                    lines.push_str(&text);
                    end = place.end;
                }
            }
        }
        Ok(Field { text: lines.trim().to_owned(), span: start..end, origin })
    }

    /// The next part, or nothing at the end of the document.
    pub(super) fn next(&mut self) -> Result<Option<Token<'t>>, Malformed> {
        if std::mem::take(&mut self.ends_next) {
            self.close();
            return Ok(Some(Token::End));
        }
        loop {
            let start = self.position();
            let event = self.events.read_event();
            let span = start..self.position();
            steps::add(span.len() + 1);
            self.nodes += 1;
            if self.nodes > MAX_NODES {
                return Err(malformed(format!("the file has more than {MAX_NODES} elements"), HELP_LIMIT, span));
            }
            let token = match event {
                Ok(Event::Start(tag)) => Token::Start(self.start(&tag, span)?),
                Ok(Event::Empty(tag)) => {
                    let element = self.start(&tag, span)?;
                    self.ends_next = true;
                    Token::Start(element)
                }
                Ok(Event::End(_)) => {
                    self.close();
                    Token::End
                }
                Ok(Event::Text(_)) => {
                    let text = self.slice(span.clone());
                    if self.open.is_empty() {
                        self.check_outside(text, span)?;
                        continue;
                    }
                    Token::Text(with_line_feeds(text), span)
                }
                Ok(Event::CData(_)) => {
                    let text = self.slice(span.clone());
                    self.check_outside(text, span.clone())?;
                    let text = text.strip_prefix("<![CDATA[").and_then(|text| text.strip_suffix("]]>"));
                    let inner = span.start + "<![CDATA[".len()..span.end.saturating_sub("]]>".len());
                    Token::Text(with_line_feeds(text.unwrap_or_default()), inner)
                }
                Ok(Event::GeneralRef(_)) => {
                    let text = self.slice(span.clone());
                    self.check_outside(text, span.clone())?;
                    Token::Text(Cow::Owned(resolve(text, span.start)?.into_owned()), span)
                }
                Ok(Event::DocType(_)) if self.has_root => {
                    let message = "a document type belongs above the first element";
                    return Err(malformed(message, HELP_RESEND, span));
                }
                Ok(Event::Decl(_) | Event::DocType(_) | Event::PI(_) | Event::Comment(_)) => continue,
                Ok(Event::Eof) => {
                    return match self.open.last() {
                        Some(open) => {
                            let message = format!("the file ends in the middle: `{}` has no end", shown(open.name));
                            Err(malformed(message, HELP_RESEND, open.span.clone()))
                        }
                        None => Ok(None),
                    };
                }
                Err(error) => return Err(self.ill_formed(&error)),
            };
            return Ok(Some(token));
        }
    }

    fn ill_formed(&self, error: &quick_xml::Error) -> Malformed {
        let at = usize::try_from(self.events.error_position()).unwrap_or(usize::MAX);
        let at = (0..=at.min(self.text.len())).rev().find(|at| self.text.is_char_boundary(*at)).unwrap_or(0);
        let line = self.slice(at..self.text.len()).lines().next().unwrap_or_default();
        let length = line.chars().take(MAX_SHOWN_CHARACTERS).map(char::len_utf8).sum::<usize>();
        malformed(format!("this is not well-formed XML: {}", shown_error(error)), HELP_RESEND, at..at + length)
    }

    fn slice(&self, span: Range<usize>) -> &'t str {
        self.text.get(span).unwrap_or_default()
    }

    fn check_outside(&self, text: &str, span: Range<usize>) -> Result<(), Malformed> {
        if self.open.is_empty() && !text.trim_start_matches('\u{FEFF}').trim().is_empty() {
            return Err(malformed("there is text outside the first element", HELP_RESEND, span));
        }
        Ok(())
    }

    fn close(&mut self) {
        if let Some(open) = self.open.pop() {
            self.namespaces.truncate(open.namespaces);
        }
    }

    fn start(&mut self, tag: &BytesStart<'_>, span: Range<usize>) -> Result<Element<'t>, Malformed> {
        let names = span.start + 1..span.start + 1 + tag.name().as_ref().len();
        let full_name = self.slice(names.clone());
        check_name(full_name, names)?;
        if self.open.is_empty() && std::mem::replace(&mut self.has_root, true) {
            return Err(malformed("the file has a second root element", HELP_RESEND, span));
        }
        if self.open.len() >= MAX_DEPTH {
            let message = format!("elements are nested more than {MAX_DEPTH} deep");
            return Err(malformed(message, HELP_LIMIT, span));
        }
        let outer_namespaces = self.namespaces.len();
        let mut attributes = self.attributes(span.clone(), full_name.len())?;
        // Declarations count for the element's own name too.
        attributes.retain(|attribute| !self.declare(attribute));
        if self.namespaces.len() > MAX_NAMESPACES {
            let message = format!("more than {MAX_NAMESPACES} namespaces are declared");
            return Err(malformed(message, HELP_LIMIT, span));
        }
        let (prefix, name) = full_name.split_once(':').unwrap_or(("", full_name));
        let namespace = match self.namespaces.iter().rev().find(|(declared, _)| *declared == prefix) {
            Some((_, namespace)) => *namespace,
            None if prefix.is_empty() => Namespace::None,
            None if prefix == "xml" => Namespace::Xml,
            None => {
                let message = format!("the prefix `{}` has no namespace", shown(prefix));
                return Err(malformed(message, HELP_RESEND, span));
            }
        };
        let language = match attributes.iter().find(|attribute| attribute.name == "xml:lang") {
            Some(own) if own.value.len() <= MAX_LANGUAGE_BYTES => Some(Rc::from(own.value.trim())),
            Some(_) => None,
            None => self.open.last().and_then(|open| open.language.clone()),
        };
        let language = language.filter(|language: &Rc<str>| !language.is_empty());
        self.open.push(Open { name, span: span.clone(), language: language.clone(), namespaces: outer_namespaces });
        Ok(Element { name, namespace, attributes, span, language })
    }

    /// Adds the namespace that an attribute declares, if it declares one.
    fn declare(&mut self, attribute: &Attribute<'t>) -> bool {
        let prefix = match attribute.name.split_once(':') {
            Some(("xmlns", prefix)) => prefix,
            None if attribute.name == "xmlns" => "",
            _ => return false,
        };
        let uri = attribute.value.trim();
        let namespace = Namespace::known(uri).unwrap_or_else(|| {
            let number = self.others.len();
            Namespace::Other(*self.others.entry(uri.to_owned()).or_insert(number))
        });
        self.namespaces.push((prefix, namespace));
        true
    }

    /// The attributes of a start tag whose name has a length.
    fn attributes(&self, span: Range<usize>, name_length: usize) -> Result<Vec<Attribute<'t>>, Malformed> {
        let tag = self.slice(span.start + 1..span.end.saturating_sub(1));
        let tag = tag.strip_suffix('/').unwrap_or(tag);
        let mut attributes = Vec::new();
        // quick-xml compares each name with all names before it.
        let mut found = Attributes::new(tag, name_length);
        for attribute in found.with_checks(false) {
            let attribute = attribute.map_err(|error| {
                let message = format!("an attribute is not well-formed: {}", shown_error(&error));
                malformed(message, HELP_RESEND, span.clone())
            })?;
            if attributes.len() >= MAX_ATTRIBUTES {
                let message = format!("an element has more than {MAX_ATTRIBUTES} attributes");
                return Err(malformed(message, HELP_LIMIT, span));
            }
            let names = self.place(attribute.key.as_ref());
            let values = self.place(&attribute.value);
            let (name, value) = (self.slice(names.clone()), self.slice(values.clone()));
            check_name(name, names)?;
            if let Some(at) = value.find('<') {
                let at = values.start + at;
                return Err(malformed("an attribute contains `<`", "write `&lt;`", at..at + 1));
            }
            attributes.push(Attribute { name, value: resolve(value, values.start)?, span: values });
        }
        let mut names: Vec<&str> = attributes.iter().map(|attribute: &Attribute<'_>| attribute.name).collect();
        names.sort_unstable();
        if let Some([name, _]) = names.array_windows().find(|[first, second]| first == second) {
            let message = format!("the attribute `{}` appears twice", shown(name));
            return Err(malformed(message, HELP_RESEND, span));
        }
        Ok(attributes)
    }

    /// The place of a part of the text.
    fn place(&self, part: &[u8]) -> Range<usize> {
        let start = part.as_ptr().addr().saturating_sub(self.text.as_ptr().addr());
        start..start + part.len()
    }
}
