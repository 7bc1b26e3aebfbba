//! Reads NITF 3, as a file of its own or inside a NewsML-G2 item. [`body`] makes HTML of the text.

mod body;

use std::ops::Range;

use self::body::{Body, is_stated, put};
use super::item::{Field, Item, ItemBody, Kind, Markup, Reference, Subject};
use super::xml::{Element, Malformed, Namespace, Reader};

#[cfg(test)]
mod tests;

/// Reads a file.
pub(super) fn read(text: &str) -> Result<Item, Malformed> {
    let mut reader = Reader::new(text)?;
    let root = reader.root()?;
    if root.name != "nitf" || !matches!(root.namespace, Namespace::Nitf | Namespace::None) {
        return Err(Malformed {
            message: "the first element is not `nitf` of NITF 3".into(),
            help: "dateline reads `newsItem`, `packageItem` and `newsMessage` of NewsML-G2, and `nitf`",
            span: root.span,
        });
    }
    let item = read_inline(&mut reader, &root)?;
    reader.finish()?;
    Ok(item)
}

/// Reads a document whose root element's start was read.
pub(super) fn read_inline(reader: &mut Reader<'_>, root: &Element<'_>) -> Result<Item, Malformed> {
    let mut document = Document {
        namespace: root.namespace,
        item: Item { kind: Kind::Text, ..Item::default() },
        unique_number: root.field("uno", "nitf/uno"),
        ..Document::default()
    };
    document.item.language = root.first_field(&["baselang", "xml:lang"], "nitf/baselang");
    let namespace = document.namespace;
    reader.children(|reader, child| match child.name {
        _ if child.namespace != namespace => Ok(()),
        "head" => document.head(reader),
        "body" => document.body(reader, &child),
        _ => Ok(()),
    })?;
    document.item.span = root.span.start..reader.position();
    Ok(document.finish())
}

/// The document while it is read.
#[derive(Debug)]
struct Document {
    namespace: Namespace,
    item: Item,
    unique_number: Option<Field>,
    title: Option<Field>,
    registered_source: Option<Field>,
    published: Option<Field>,
    rights: Option<Field>,
    body: Body,
    body_span: Option<Range<usize>>,
}

impl Default for Document {
    fn default() -> Document {
        Document {
            namespace: Namespace::None,
            item: Item::default(),
            unique_number: None,
            title: None,
            registered_source: None,
            published: None,
            rights: None,
            body: Body::default(),
            body_span: None,
        }
    }
}

/// Keeps the first value. Adds the others to `further`, since each of them may withhold.
fn put_all(first: &mut Option<Field>, further: &mut Vec<Field>, field: Option<Field>) {
    match first {
        Some(_) => further.extend(field),
        None => *first = field,
    }
}

/// The normalised date of an element, else its text.
fn date(reader: &mut Reader<'_>, element: &Element<'_>, origin: &'static str) -> Result<Option<Field>, Malformed> {
    match element.field("norm", origin) {
        Some(field) => Ok(Some(field)),
        None => Ok(Some(reader.line(origin)?).filter(is_stated)),
    }
}

impl Document {
    fn head(&mut self, reader: &mut Reader<'_>) -> Result<(), Malformed> {
        let namespace = self.namespace;
        reader.children(|reader, child| {
            match child.name {
                _ if child.namespace != namespace => {}
                "title" => put(&mut self.title, Some(reader.line("head/title")?)),
                "tobject" => self.subjects(reader, &child)?,
                "docdata" => self.document_data(reader, &child)?,
                "pubdata" => {
                    put(&mut self.published, child.field("date.publication", "pubdata/date.publication"));
                    let is_page = |link: &Field| link.text.starts_with("http://") || link.text.starts_with("https://");
                    put(&mut self.item.link, child.field("ex-ref", "pubdata/ex-ref").filter(is_page));
                }
                // The last revision is the newest.
                "revision-history" => {
                    if let Some(revised) = child.field("norm", "revision-history") {
                        self.item.modified = Some(revised);
                    }
                }
                _ => {}
            }
            Ok(())
        })
    }

    fn subjects(&mut self, reader: &mut Reader<'_>, subjects: &Element<'_>) -> Result<(), Malformed> {
        let namespace = self.namespace;
        self.item.signals.extend(subjects.field("tobject.type", "tobject/tobject.type"));
        reader.children(|_, child| {
            match child.name {
                _ if child.namespace != namespace => {}
                "tobject.property" => {
                    self.item.signals.extend(child.field("tobject.property.type", "tobject/tobject.property"));
                }
                "tobject.subject" => {
                    let code = child.field("tobject.subject.refnum", "tobject/tobject.subject");
                    // From the narrowest to the broadest.
                    let names = ["tobject.subject.detail", "tobject.subject.matter", "tobject.subject.type"];
                    let name = child.first_field(&names, "tobject/tobject.subject");
                    let broader = names.iter().filter_map(|name| child.field(name, "tobject/tobject.subject"));
                    let broader = broader.filter(|broader| Some(&broader.text) != name.as_ref().map(|name| &name.text));
                    let broader = broader.collect();
                    if code.is_some() || name.is_some() {
                        self.item.subjects.push(Subject { code, name, broader });
                    }
                }
                _ => {}
            }
            Ok(())
        })
    }

    fn document_data(&mut self, reader: &mut Reader<'_>, data: &Element<'_>) -> Result<(), Malformed> {
        let namespace = self.namespace;
        if let Some(status) = data.attribute("management-status") {
            // An empty status is a status that isn't understood.
            let empty =
                || Field { text: String::new(), span: status.span.clone(), origin: "docdata/management-status" };
            let status = data.field("management-status", "docdata/management-status").unwrap_or_else(empty);
            put_all(&mut self.item.status, &mut self.item.further_statuses, Some(status));
        }
        put(&mut self.item.reference_status, data.field("management-idref-status", "docdata/management-idref-status"));
        self.refer(data, "management-doc-idref", "docdata/management-doc-idref", "management-doc-idref");
        reader.children(|reader, child| {
            let item = &mut self.item;
            match child.name {
                _ if child.namespace != namespace => {}
                "correction" => {
                    self.item.signals.push(Field {
                        text: "correction".into(),
                        span: child.span.clone(),
                        origin: "docdata/correction",
                    });
                    self.refer(&child, "id-string", "docdata/correction", "correction");
                    self.note(child.field("info", "docdata/correction"));
                }
                "doc-id" => {
                    put(&mut item.id, child.field("id-string", "docdata/doc-id"));
                    put(&mut self.registered_source, child.field("regsrc", "docdata/doc-id/regsrc"));
                }
                "urgency" => put(&mut item.urgency, child.field("ed-urg", "docdata/urgency")),
                "date.issue" => put(&mut item.first_created, date(reader, &child, "docdata/date.issue")?),
                "date.release" => {
                    let release = date(reader, &child, "docdata/date.release")?;
                    put_all(&mut item.embargo, &mut item.further_embargoes, release);
                }
                "date.expire" => {
                    let expires = date(reader, &child, "docdata/date.expire")?;
                    put_all(&mut item.expires, &mut item.further_expiries, expires);
                }
                "doc-scope" => item.keywords.extend(child.field("scope", "docdata/doc-scope")),
                "ed-msg" => {
                    item.signals.extend(child.field("msg-type", "docdata/ed-msg/msg-type"));
                    let note = match child.field("info", "docdata/ed-msg") {
                        Some(note) => note,
                        None => reader.line("docdata/ed-msg")?,
                    };
                    self.note(Some(note));
                }
                "du-key" => self.dynamic_use_key(&child),
                "doc.copyright" => put(&mut item.copyright_holder, child.field("holder", "docdata/doc.copyright")),
                "doc.rights" => {
                    put(&mut self.rights, child.first_field(&["limitations", "type"], "docdata/doc.rights"));
                }
                "key-list" => reader.children(|_, child| {
                    if child.name == "keyword" {
                        item.keywords.extend(child.field("key", "docdata/key-list"));
                    }
                    Ok(())
                })?,
                "identified-content" => self.identified_content(reader)?,
                _ => {}
            }
            Ok(())
        })
    }

    fn note(&mut self, note: Option<Field>) {
        self.item.editor_notes.extend(note.filter(is_stated));
    }

    /// Adds the item that an attribute refers to.
    fn refer(&mut self, element: &Element<'_>, attribute: &str, origin: &'static str, relation: &str) {
        if let Some(id) = element.field(attribute, origin) {
            let relation = Field { text: relation.to_owned(), span: element.span.clone(), origin };
            self.item.references.push(Reference { id, relation: Some(relation) });
        }
    }

    fn dynamic_use_key(&mut self, key: &Element<'_>) {
        const ORIGIN: &str = "docdata/du-key";
        self.refer(key, "key", ORIGIN, "du-key");
        put(&mut self.item.slugline, key.field("key", ORIGIN));
        // Each generation starts to count versions again.
        let version = match (key.field("generation", ORIGIN), key.field("version", ORIGIN)) {
            (Some(generation), Some(version)) => {
                Some(Field { text: format!("{}.{}", generation.text, version.text), ..version })
            }
            (generation, version) => version.or(generation),
        };
        put(&mut self.item.version, version);
    }

    fn identified_content(&mut self, reader: &mut Reader<'_>) -> Result<(), Malformed> {
        const ORIGIN: &str = "docdata/identified-content";
        let namespace = self.namespace;
        reader.children(|reader, child| {
            let names = ["person", "org", "location", "event", "function", "object.title", "classifier"];
            if child.namespace != namespace || !names.contains(&child.name) {
                return Ok(());
            }
            let mut code = child.first_field(&["value", "location-code"], ORIGIN);
            if let (Some(code), Some(scheme)) = (&mut code, child.value("idsrc").or_else(|| child.value("code-source")))
            {
                code.text = format!("{scheme}:{}", code.text);
            }
            let name = Some(reader.line_without(&["alt-code"], ORIGIN)?).filter(is_stated);
            if code.is_some() || name.is_some() {
                self.item.subjects.push(Subject { code, name, broader: Vec::new() });
            }
            Ok(())
        })
    }

    fn body(&mut self, reader: &mut Reader<'_>, body: &Element<'_>) -> Result<(), Malformed> {
        let namespace = self.namespace;
        put(&mut self.item.language, body.field("xml:lang", "body/xml:lang"));
        reader.children(|reader, child| {
            match child.name {
                _ if child.namespace != namespace => {}
                "body.head" => self.body_head(reader)?,
                "body.content" => {
                    self.body.read_content(reader, namespace)?;
                    let start = self.body_span.as_ref().map_or(child.span.start, |span| span.start);
                    self.body_span = Some(start..reader.position());
                }
                "body.end" => {
                    self.body.read_end(reader, namespace)?;
                    if let Some(span) = &mut self.body_span {
                        span.end = reader.position();
                    }
                }
                _ => {}
            }
            Ok(())
        })
    }

    fn body_head(&mut self, reader: &mut Reader<'_>) -> Result<(), Malformed> {
        let namespace = self.namespace;
        reader.children(|reader, child| {
            match child.name {
                _ if child.namespace != namespace => {}
                "hedline" => self.headlines(reader)?,
                "note" => {
                    let note = reader.line("body.head/note")?;
                    match child.value("noteclass") {
                        Some("cpyrt") => put(&mut self.item.copyright_notice, Some(note)),
                        _ => self.note(Some(note)),
                    }
                }
                "rights" => put(&mut self.item.usage_terms, Some(reader.line("body.head/rights")?)),
                "byline" => self.byline(reader)?,
                "distributor" => put(&mut self.item.provider, Some(reader.line("body.head/distributor")?)),
                "dateline" => self.dateline(reader)?,
                "abstract" => put(&mut self.item.summary, Some(reader.line("body.head/abstract")?)),
                _ => {}
            }
            Ok(())
        })
    }

    fn headlines(&mut self, reader: &mut Reader<'_>) -> Result<(), Malformed> {
        let namespace = self.namespace;
        reader.children(|reader, child| {
            let origin = match child.name {
                _ if child.namespace != namespace => return Ok(()),
                "hl1" => "hedline/hl1",
                "hl2" => "hedline/hl2",
                _ => return Ok(()),
            };
            let headline = reader.line(origin)?;
            match &self.item.title {
                _ if headline.text.is_empty() => {}
                None if child.name == "hl1" => self.item.title = Some(headline),
                _ => self.item.subheads.push(headline),
            }
            Ok(())
        })
    }

    /// The byline without titles and addresses, and the persons in it.
    fn byline(&mut self, reader: &mut Reader<'_>) -> Result<(), Malformed> {
        const ORIGIN: &str = "body.head/byline";
        let byline = body::byline(reader, ORIGIN)?;
        self.item.authors.extend(byline.persons);
        self.item.bylines.extend(Some(byline.text).filter(is_stated));
        Ok(())
    }

    fn dateline(&mut self, reader: &mut Reader<'_>) -> Result<(), Malformed> {
        const ORIGIN: &str = "body.head/dateline";
        let (dateline, place) = body::dateline(reader, ORIGIN)?;
        put(&mut self.item.dateline, Some(dateline));
        put(&mut self.item.place, place);
        Ok(())
    }

    fn finish(self) -> Item {
        let mut item = self.item;
        let body = self.body.finish();
        put(&mut item.id, self.unique_number);
        put(&mut item.title, self.title);
        put(&mut item.provider, self.registered_source);
        put(&mut item.first_created, self.published);
        put(&mut item.usage_terms, self.rights);
        put(&mut item.copyright_notice, body.copyright);
        item.editor_notes.extend(body.notes);
        item.pictures = body.pictures;
        item.media = body.media;
        if let Some(span) = self.body_span.filter(|_| !body.html.is_empty()) {
            let field = Field { text: body.html, span, origin: "body.content" };
            item.bodies.push(ItemBody { markup: Markup::Html, field });
        }
        item
    }
}
