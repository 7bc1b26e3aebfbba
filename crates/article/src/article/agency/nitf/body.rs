//! Makes HTML of the text of a NITF document. Pictures, notes for editors and metadata are taken out of it.

use std::ops::Range;

use crate::article::agency::availability;
use crate::article::agency::item::{Field, Picture, Rendition, Statement};
use crate::article::agency::xml::{Element, Malformed, Namespace, Reader, Token, Words};
use crate::article::steps;
use crate::encoding::{escape_attribute, escape_text};

/// The text of a document.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Body {
    pub(super) html: String,
    pub(super) pictures: Vec<Picture>,
    pub(super) media: Vec<Rendition>,
    pub(super) notes: Vec<Field>,
    pub(super) copyright: Option<Field>,
    /// Whether blanks were read since the last word.
    needs_space: bool,
    /// Whether a word was written in this block, and no blank behind it.
    is_after_word: bool,
}

impl Body {
    pub(super) fn finish(mut self) -> Body {
        self.html.truncate(self.html.trim_end().len());
        self
    }

    /// Reads `body.content`.
    pub(super) fn read_content(&mut self, reader: &mut Reader<'_>, namespace: Namespace) -> Result<(), Malformed> {
        self.flow(reader, namespace, Context::Blocks)
    }

    /// Reads `body.end`.
    pub(super) fn read_end(&mut self, reader: &mut Reader<'_>, namespace: Namespace) -> Result<(), Malformed> {
        reader.children(|reader, child| match child.name {
            _ if child.namespace != namespace => Ok(()),
            "tagline" if child.value("type") == Some("npa") => self.note(reader, "body.end/tagline"),
            "tagline" | "bibliography" => self.wrapped(reader, namespace, "p", Context::Words),
            _ => Ok(()),
        })
    }

    /// Reads the rest of the innermost open element.
    fn flow(&mut self, reader: &mut Reader<'_>, namespace: Namespace, context: Context) -> Result<(), Malformed> {
        loop {
            match reader.next()? {
                Some(Token::Start(child)) if child.namespace == namespace => {
                    let was_read = self.element(reader, &child, namespace, context)?;
                    if !was_read {
                        reader.skip()?;
                    }
                }
                Some(Token::Start(_)) => reader.skip()?,
                Some(Token::Text(text, _)) => self.text(&text, context),
                Some(Token::End) | None => return Ok(()),
            }
        }
    }

    /// Writes an element whose start tag was read. Returns whether its end was read too.
    fn element(
        &mut self,
        reader: &mut Reader<'_>,
        element: &Element<'_>,
        namespace: Namespace,
        context: Context,
    ) -> Result<bool, Malformed> {
        match element.name {
            "copyrite" if context == Context::Blocks => {
                put(&mut self.copyright, Some(reader.line("body.content/copyrite")?));
            }
            "p" | "hl1" | "hl2" | "byline" | "dateline" | "datasource" | "credit" => {
                let name = if matches!(element.name, "hl1" | "hl2") { "h2" } else { "p" };
                self.wrapped(reader, namespace, name, Context::Words)?;
            }
            "ul" | "ol" | "dl" | "table" | "thead" | "tbody" | "tfoot" | "tr" => {
                self.wrapped(reader, namespace, element.name, Context::Blocks)?;
            }
            "li" | "dt" | "dd" | "caption" => self.wrapped(reader, namespace, element.name, Context::Words)?,
            "bq" => self.wrapped(reader, namespace, "blockquote", Context::Blocks)?,
            "th" | "td" => self.cell(reader, element, namespace)?,
            "pre" => self.wrapped(reader, namespace, "pre", Context::Verbatim)?,
            "em" | "q" | "sub" | "sup" => self.inline(reader, namespace, element.name, None, context)?,
            "a" => self.inline(reader, namespace, "a", Some(("href", element.value("href"))), context)?,
            "lang" => {
                let language = element.value("xml:lang").or_else(|| element.value("value"));
                self.inline(reader, namespace, "span", Some(("lang", language)), context)?;
            }
            "br" | "hr" => {
                self.html.push_str(if element.name == "br" { "<br>" } else { "<hr>" });
                self.forget_spaces();
                return Ok(false);
            }
            "frac" => {
                // Five and a half aren't 51/2.
                self.needs_space |= self.html.ends_with(|character: char| character.is_ascii_digit());
                self.flow(reader, namespace, context)?;
            }
            "denom" => {
                // The separator of a fraction may be missing.
                if !self.html.ends_with(['/', '\u{2044}']) {
                    self.html.push('/');
                }
                self.flow(reader, namespace, context)?;
            }
            "media" => self.media(reader, element, namespace)?,
            "note" if is_for_editors(element) => self.note(reader, "body.content/note")?,
            "nitf-table" | "block" | "abstract" | "note" | "fn" | "body.content" => {
                self.flow(reader, namespace, Context::Blocks)?;
            }
            // Values for machines, and tables in other vocabularies.
            "tobject"
            | "key-list"
            | "alt-code"
            | "nitf-table-metadata"
            | "custom-table"
            | "table-reference"
            | "col"
            | "colgroup" => return Ok(false),
            "classifier" if context == Context::Blocks => return Ok(false),
            // Persons, places, numbers and the like are words.
            _ => self.flow(reader, namespace, context)?,
        }
        Ok(true)
    }

    fn text(&mut self, text: &str, context: Context) {
        steps::add(text.len());
        if context == Context::Verbatim {
            return escape_text(text, &mut self.html);
        }
        for (number, word) in text.split([' ', '\t', '\n', '\r']).enumerate() {
            self.needs_space |= number > 0;
            if !word.is_empty() {
                self.push_space();
                escape_text(word, &mut self.html);
                self.is_after_word = true;
            }
        }
    }

    /// Writes a blank, if one separates words here.
    fn push_space(&mut self) {
        if std::mem::take(&mut self.needs_space) && std::mem::take(&mut self.is_after_word) {
            self.html.push(' ');
        }
    }

    /// Blanks at the start of a line or block aren't part of the text.
    fn forget_spaces(&mut self) {
        self.needs_space = false;
        self.is_after_word = false;
    }

    /// Writes a block with a line of its own. Without content, writes nothing.
    fn wrapped(
        &mut self,
        reader: &mut Reader<'_>,
        namespace: Namespace,
        name: &str,
        context: Context,
    ) -> Result<(), Malformed> {
        self.start_block(name);
        let start = self.html.len();
        self.flow(reader, namespace, context)?;
        self.end_block(name, start);
        Ok(())
    }

    fn start_block(&mut self, name: &str) {
        self.forget_spaces();
        if !self.html.is_empty() && !self.html.ends_with('\n') {
            self.html.push('\n');
        }
        self.html.push('<');
        self.html.push_str(name);
        self.html.push('>');
    }

    fn end_block(&mut self, name: &str, start: usize) {
        self.forget_spaces();
        if self.html.len() == start && name != "pre" {
            self.html.truncate(start.saturating_sub(name.len() + 2));
            return;
        }
        self.html.push_str("</");
        self.html.push_str(name);
        self.html.push_str(">\n");
    }

    /// Writes a cell, even if the cell is empty.
    fn cell(&mut self, reader: &mut Reader<'_>, cell: &Element<'_>, namespace: Namespace) -> Result<(), Malformed> {
        self.forget_spaces();
        self.html.push('<');
        self.html.push_str(cell.name);
        for name in ["colspan", "rowspan"] {
            let count = cell.value(name).filter(|count| count.bytes().all(|byte| byte.is_ascii_digit()));
            self.push_attribute(name, count);
        }
        self.html.push('>');
        self.flow(reader, namespace, Context::Words)?;
        self.forget_spaces();
        self.html.push_str("</");
        self.html.push_str(cell.name);
        self.html.push('>');
        Ok(())
    }

    /// Writes an element within words. Without its attribute, writes only the content.
    fn inline(
        &mut self,
        reader: &mut Reader<'_>,
        namespace: Namespace,
        name: &str,
        attribute: Option<(&str, Option<&str>)>,
        context: Context,
    ) -> Result<(), Malformed> {
        let context = if context == Context::Blocks { Context::Words } else { context };
        if attribute.is_some_and(|(_, value)| value.is_none()) {
            return self.flow(reader, namespace, context);
        }
        self.push_space();
        self.html.push('<');
        self.html.push_str(name);
        if let Some((attribute, value)) = attribute {
            self.push_attribute(attribute, value);
        }
        self.html.push('>');
        self.flow(reader, namespace, context)?;
        self.html.push_str("</");
        self.html.push_str(name);
        self.html.push('>');
        Ok(())
    }

    fn push_attribute(&mut self, name: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.html.push(' ');
            self.html.push_str(name);
            self.html.push_str("=\"");
            escape_attribute(value, &mut self.html);
            self.html.push('"');
        }
    }

    fn note(&mut self, reader: &mut Reader<'_>, origin: &'static str) -> Result<(), Malformed> {
        self.notes.extend(Some(reader.line(origin)?).filter(is_stated));
        Ok(())
    }

    /// Reads a picture, a video or a sound. References to the same object are its renditions.
    fn media(&mut self, reader: &mut Reader<'_>, media: &Element<'_>, namespace: Namespace) -> Result<(), Malformed> {
        const ORIGIN: &str = "media/media-reference";
        let mut picture = Picture::default();
        let (mut credit, mut copyright) = (None, None);
        reader.children(|reader, child| {
            match child.name {
                _ if child.namespace != namespace => {}
                "media-reference" => {
                    let seconds = child.value("time-unit-of-measure").is_none_or(|unit| unit.starts_with("sec"));
                    put(&mut picture.alt, child.field("alternate-text", ORIGIN));
                    put(&mut credit, child.field("source-credit", ORIGIN));
                    put(&mut copyright, child.field("copyright", ORIGIN));
                    if let Some(address) = child.first_field(&["source", "data-location"], ORIGIN) {
                        picture.renditions.push(Rendition {
                            address,
                            media_type: child.field("mime-type", ORIGIN),
                            width: child.field("width", ORIGIN),
                            height: child.field("height", ORIGIN),
                            duration: child.field("time", ORIGIN).filter(|_| seconds),
                            ..Rendition::default()
                        });
                    }
                }
                "media-metadata" => {
                    let name = child.value("name").unwrap_or_default();
                    if availability::is_about_publication(name) {
                        let value = child.field("value", "media/media-metadata");
                        let empty =
                            || Field { text: String::new(), span: child.span.clone(), origin: "media/media-metadata" };
                        let value = value.unwrap_or_else(empty);
                        picture.limits.statements.push(Statement { key: name.to_owned(), value });
                    }
                }
                "media-caption" => put(&mut picture.caption, Some(reader.line("media/media-caption")?)),
                "media-producer" => put(&mut picture.credit, Some(reader.line("media/media-producer")?)),
                _ => {}
            }
            Ok(())
        })?;
        put(&mut picture.credit, credit);
        put(&mut picture.credit, copyright);
        let kind = media.value("media-type").or_else(|| {
            let media_type = picture.renditions.first()?.media_type.as_ref()?;
            media_type.text.split('/').next()
        });
        match kind {
            Some("audio" | "video") => {
                let limits = picture.limits;
                self.media.extend(
                    picture.renditions.into_iter().map(|rendition| Rendition { limits: limits.clone(), ..rendition }),
                );
            }
            Some("image") | None => self.pictures.push(picture),
            // Texts, data and programs.
            Some(_) => {}
        }
        Ok(())
    }
}

/// The content that an element may have.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Context {
    Blocks,
    Words,
    /// Line breaks are kept.
    Verbatim,
}

/// A note that isn't for readers: a non-publishable advisory.
fn is_for_editors(note: &Element<'_>) -> bool {
    note.value("type") == Some("npa") || note.value("noteclass") == Some("editorsnote")
}

/// Reads a byline without titles and addresses.
pub(super) fn byline(reader: &mut Reader<'_>, origin: &'static str) -> Result<Byline, Malformed> {
    let mut parts = Parts::default();
    parts.read(reader, "person", &["byttl", "virtloc", "function", "alt-code"], origin)?;
    let persons = parts.named.into_iter().filter(is_stated).collect();
    let text = Field { text: without_comma(parts.words), span: parts.span.unwrap_or_default(), origin };
    Ok(Byline { text, persons })
}

/// Reads a dateline, and the place in it.
pub(super) fn dateline(reader: &mut Reader<'_>, origin: &'static str) -> Result<(Field, Option<Field>), Malformed> {
    let mut parts = Parts::default();
    parts.read(reader, "location", &["alt-code"], origin)?;
    let place = parts.named.into_iter().find(is_stated);
    Ok((Field { text: parts.words.finish(), span: parts.span.unwrap_or_default(), origin }, place))
}

/// A line of text, and the elements of one name in it.
#[derive(Debug, Default)]
struct Parts {
    words: Words,
    span: Option<Range<usize>>,
    named: Vec<Field>,
}

impl Parts {
    fn read(
        &mut self,
        reader: &mut Reader<'_>,
        name: &str,
        excluded: &[&str],
        origin: &'static str,
    ) -> Result<(), Malformed> {
        loop {
            match reader.next()? {
                Some(Token::Start(child)) if child.name == name => {
                    let named = reader.line_without(excluded, origin)?;
                    self.words.push(&named.text);
                    self.extend(&named.span);
                    self.named.push(named);
                }
                Some(Token::Start(child)) if excluded.contains(&child.name) => reader.skip()?,
                Some(Token::Start(child)) => {
                    if child.name == "br" {
                        self.words.push(" ");
                    }
                    self.read(reader, name, excluded, origin)?;
                }
                Some(Token::Text(text, span)) => {
                    self.words.push(&text);
                    if !text.trim().is_empty() {
                        self.extend(&span);
                    }
                }
                Some(Token::End) | None => return Ok(()),
            }
        }
    }

    fn extend(&mut self, part: &Range<usize>) {
        self.span = Some(self.span.as_ref().map_or(part.start, |span| span.start)..part.end);
    }
}

/// Keeps the first value.
pub(super) fn put(first: &mut Option<Field>, field: Option<Field>) {
    if first.is_none() {
        *first = field.filter(|field| !field.text.is_empty());
    }
}

pub(super) fn is_stated(field: &Field) -> bool {
    !field.text.is_empty()
}

/// A byline, and the persons in it.
#[derive(Debug)]
pub(super) struct Byline {
    pub(super) text: Field,
    pub(super) persons: Vec<Field>,
}

/// Text without commas and blanks at its end.
fn without_comma(words: Words) -> String {
    let text = words.finish();
    text.trim_end_matches([',', ';', ' ']).to_owned()
}
