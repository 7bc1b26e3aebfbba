//! Reads NewsML-G2: `newsItem`, `packageItem`, and `newsMessage` with any number of them.
//!
//! Many properties can be stated in several languages. The language of the content comes first, then that of the item, then the first
//! that is stated. A text without `xml:lang` is in the language of the elements around it.

use std::collections::HashMap;
use std::ops::Range;
use std::rc::Rc;

use super::item::{Field, Item, ItemBody, Kind, Markup, Picture, Reference, Rendition, Subject};
use super::nitf;
use super::xhtml;
use super::xml::{Element, Malformed, Namespace, Reader, Token};
use crate::article::steps;

#[cfg(test)]
mod tests;

/// Items of one file.
const MAX_ITEMS: usize = 5_000;

/// Roles of contributors who write or take pictures. The others edit, translate or describe.
const AUTHOR_ROLES: &[&str] = &["author", "correspondent", "journalist", "photographer", "reporter", "writer"];

/// Relations of a link to a page that shows the item itself.
const PAGE_RELATIONS: &[&str] = &["canonical", "permalink", "self", "webpage"];

/// Reads all items of a file.
pub(super) fn read(text: &str) -> Result<Vec<Item>, Malformed> {
    let mut reader = Reader::new(text)?;
    let root = reader.root()?;
    if !matches!(root.namespace, Namespace::NewsMl | Namespace::None) {
        return Err(unknown_root(&root, "its namespace is not that of NewsML-G2"));
    }
    let namespace = root.namespace;
    let mut items = Vec::new();
    match root.name {
        "newsItem" | "packageItem" => items.push(read_item(&mut reader, &root)?),
        "newsMessage" => reader.children(|reader, child| {
            if child.name != "itemSet" || child.namespace != namespace {
                return Ok(());
            }
            reader.children(|reader, child| {
                if !matches!(child.name, "newsItem" | "packageItem") || child.namespace != namespace {
                    return Ok(());
                }
                if items.len() >= MAX_ITEMS {
                    return Err(Malformed {
                        message: format!("the message has more than {MAX_ITEMS} items"),
                        help: "ask the agency for smaller messages",
                        span: child.span,
                    });
                }
                items.push(read_item(reader, &child)?);
                Ok(())
            })
        })?,
        _ => return Err(unknown_root(&root, "it is not an item of NewsML-G2")),
    }
    reader.finish()?;
    Ok(items)
}

fn unknown_root(root: &Element<'_>, fault: &str) -> Malformed {
    Malformed {
        message: format!("the first element can't be read: {fault}"),
        help: "dateline reads `newsItem`, `packageItem` and `newsMessage` of NewsML-G2, and `nitf`",
        span: root.span.clone(),
    }
}

/// A text in one language.
#[derive(Debug)]
struct Candidate {
    language: Option<Rc<str>>,
    role: Option<String>,
    field: Field,
}

/// The same property in several languages or roles.
#[derive(Debug, Default)]
struct Candidates(Vec<Candidate>);

impl Candidates {
    fn read(&mut self, reader: &mut Reader<'_>, element: &Element<'_>, origin: &'static str) -> Result<(), Malformed> {
        let field = reader.line(origin)?;
        if !field.text.is_empty() {
            let role = element.value("role").or_else(|| element.value("roleuri")).map(last_part).map(str::to_owned);
            self.0.push(Candidate { language: element.language.clone(), role, field });
        }
        Ok(())
    }

    /// Keeps the best language only.
    fn keep_best(&mut self, languages: &Languages) {
        steps::add(self.0.len());
        if let Some(best) = self.0.iter().map(|candidate| languages.rank(candidate.language.as_deref())).min() {
            self.0.retain(|candidate| languages.rank(candidate.language.as_deref()) == best);
        }
    }

    /// All texts in the best language.
    fn all(mut self, languages: &Languages) -> Vec<Field> {
        self.keep_best(languages);
        self.0.into_iter().map(|candidate| candidate.field).collect()
    }

    /// The first text in the best language.
    fn first(self, languages: &Languages) -> Option<Field> {
        self.all(languages).into_iter().next()
    }

    /// All texts in the best language, as one.
    fn joined(self, languages: &Languages) -> Option<Field> {
        let mut fields = self.all(languages).into_iter();
        let mut joined = fields.next()?;
        for field in fields {
            joined.text.push(' ');
            joined.text.push_str(&field.text);
            joined.span.end = field.span.end;
        }
        Some(joined)
    }
}

/// The languages of an item, best first.
#[derive(Debug, Default)]
struct Languages(Vec<Rc<str>>);

impl Languages {
    /// How well a language fits: 0 is best.
    fn rank(&self, language: Option<&str>) -> usize {
        let Some(language) = language else { return 0 };
        let primary = |tag: &str| tag.split(['-', '_']).next().unwrap_or_default().to_ascii_lowercase();
        let exact = self.0.iter().position(|own| own.eq_ignore_ascii_case(language)).map(|at| at * 2);
        let similar = || self.0.iter().position(|own| primary(own) == primary(language)).map(|at| at * 2 + 1);
        exact.or_else(similar).unwrap_or(usize::MAX)
    }
}

/// The part of a code or URI that names the value: `text` of `ninat:text`.
fn last_part(code: &str) -> &str {
    code.rsplit([':', '/', '#']).next().unwrap_or(code)
}

/// A party, place or subject: a code, a name, or both.
#[derive(Debug, Default)]
struct Concept {
    code: Option<Field>,
    literal: Option<Field>,
    role: Option<String>,
    names: Candidates,
}

impl Concept {
    fn read(reader: &mut Reader<'_>, element: &Element<'_>, origin: &'static str) -> Result<Concept, Malformed> {
        let mut concept = Concept {
            code: element.first_field(&["qcode", "uri"], origin),
            literal: element.field("literal", origin),
            role: element.value("role").or_else(|| element.value("roleuri")).map(last_part).map(str::to_owned),
            names: Candidates::default(),
        };
        let namespace = element.namespace;
        reader.children(|reader, child| match child.name {
            "name" if child.namespace == namespace => concept.names.read(reader, &child, origin),
            _ => Ok(()),
        })?;
        Ok(concept)
    }

    /// The name in the best language: of the concept itself, else of what the item asserts about it.
    fn name(&mut self, context: &Context) -> Option<Field> {
        if let Some(name) = std::mem::take(&mut self.names).first(&context.languages) {
            return Some(name);
        }
        let key = self.code.as_ref().or(self.literal.as_ref())?;
        steps::add(key.text.len());
        // The place of the code, since the field is stated there.
        let asserted = context.names.get(&key.text).map(|name| Field { text: name.clone(), ..key.clone() });
        asserted.or_else(|| self.literal.clone())
    }

    fn is_author(&self) -> bool {
        let is_author = |role: &String| AUTHOR_ROLES.iter().any(|author| role.eq_ignore_ascii_case(author));
        self.role.as_ref().is_none_or(is_author)
    }
}

/// What is known after the whole item was read.
#[derive(Debug, Default)]
struct Context {
    languages: Languages,
    /// Names by code or literal, from `assert` and `inlineRef`.
    names: HashMap<String, String>,
}

/// An item whose texts are in several languages yet.
#[derive(Debug, Default)]
struct Draft {
    item: Item,
    content_languages: Vec<Field>,
    asserted: Vec<Concept>,
    copyright_holder: Concept,
    copyright_notices: Candidates,
    usage_terms: Candidates,
    provider: Concept,
    titles: Candidates,
    editor_notes: Vec<Field>,
    located: Vec<Concept>,
    sources: Vec<Concept>,
    creators: Vec<Concept>,
    contributors: Vec<Concept>,
    genres: Vec<Concept>,
    subjects: Vec<Concept>,
    keywords: Candidates,
    sluglines: Candidates,
    headlines: Candidates,
    bylines: Candidates,
    datelines: Candidates,
    credits: Candidates,
    descriptions: Candidates,
    content_created: Option<Field>,
    icons: Vec<Rendition>,
    renditions: Vec<Rendition>,
    bodies: Vec<Body>,
    /// NITF documents inside the item.
    documents: Vec<Item>,
    related: Vec<Candidates>,
}

/// A text of the story.
#[derive(Debug)]
struct Body {
    language: Option<Rc<str>>,
    body: ItemBody,
}

/// Keeps the first value. The others are kept elsewhere, since each of them may withhold.
fn put(first: &mut Option<Field>, further: &mut Vec<Field>, field: Field) {
    match first {
        Some(_) => further.push(field),
        None => *first = Some(field),
    }
}

fn read_item(reader: &mut Reader<'_>, element: &Element<'_>) -> Result<Item, Malformed> {
    let namespace = element.namespace;
    let mut draft = Draft::default();
    draft.item.id = element.field("guid", "guid");
    draft.item.version = element.field("version", "version");
    let own_language = element.field("xml:lang", "xml:lang");
    let is_package = element.name == "packageItem";
    reader.children(|reader, child| match child.name {
        _ if child.namespace != namespace => Ok(()),
        "rightsInfo" => draft.rights_info(reader, namespace),
        "itemMeta" => draft.item_meta(reader, namespace),
        "contentMeta" => draft.content_meta(reader, namespace),
        "contentSet" => draft.content_set(reader, namespace),
        "groupSet" => draft.group_set(reader, namespace),
        "assert" | "inlineRef" => {
            draft.asserted.push(Concept::read(reader, &child, "assert")?);
            Ok(())
        }
        _ => Ok(()),
    })?;
    if is_package {
        draft.item.kind = Kind::Package;
    }
    draft.item.span = element.span.start..reader.position();
    Ok(draft.finish(own_language, element.language.clone()))
}

impl Draft {
    fn rights_info(&mut self, reader: &mut Reader<'_>, namespace: Namespace) -> Result<(), Malformed> {
        reader.children(|reader, child| match child.name {
            _ if child.namespace != namespace => Ok(()),
            "copyrightHolder" => {
                let holder = Concept::read(reader, &child, "rightsInfo/copyrightHolder")?;
                if self.copyright_holder.names.0.is_empty() {
                    self.copyright_holder = holder;
                }
                Ok(())
            }
            "copyrightNotice" => self.copyright_notices.read(reader, &child, "rightsInfo/copyrightNotice"),
            "usageTerms" => self.usage_terms.read(reader, &child, "rightsInfo/usageTerms"),
            _ => Ok(()),
        })
    }

    fn item_meta(&mut self, reader: &mut Reader<'_>, namespace: Namespace) -> Result<(), Malformed> {
        reader.children(|reader, child| {
            if child.namespace != namespace {
                return Ok(());
            }
            let item = &mut self.item;
            match child.name {
                "itemClass" => {
                    let class = child.value("qcode").or_else(|| child.value("uri")).map(last_part);
                    item.kind = match class {
                        Some("picture") => Kind::Picture,
                        Some("animation" | "audio" | "composite" | "graphic" | "video") => Kind::Other,
                        _ => Kind::Text,
                    };
                }
                "provider" => {
                    let provider = Concept::read(reader, &child, "itemMeta/provider")?;
                    if self.provider.code.is_none() && self.provider.names.0.is_empty() {
                        self.provider = provider;
                    }
                }
                "versionCreated" => fill_date(&mut item.version_created, reader.line("itemMeta/versionCreated")?),
                "firstCreated" => fill_date(&mut item.first_created, reader.line("itemMeta/firstCreated")?),
                "embargoed" => {
                    let embargo = reader.line("itemMeta/embargoed")?;
                    put(&mut item.embargo, &mut item.further_embargoes, embargo);
                }
                "expires" => {
                    let expires = reader.line("itemMeta/expires")?;
                    put(&mut item.expires, &mut item.further_expiries, expires);
                }
                "pubStatus" => {
                    // A status without a code is a status that isn't understood.
                    let status = child.first_field(&["qcode", "uri"], "itemMeta/pubStatus");
                    let empty =
                        || Field { text: String::new(), span: child.span.clone(), origin: "itemMeta/pubStatus" };
                    put(&mut item.status, &mut item.further_statuses, status.unwrap_or_else(empty));
                }
                "title" => self.titles.read(reader, &child, "itemMeta/title")?,
                "edNote" => self.editor_notes.push(reader.line("itemMeta/edNote")?),
                "signal" => item.signals.extend(child.first_field(&["qcode", "uri"], "itemMeta/signal")),
                "role" => item.signals.extend(child.first_field(&["qcode", "uri"], "itemMeta/role")),
                "link" => self.link(reader, &child, namespace)?,
                _ => {}
            }
            Ok(())
        })
    }

    fn link(&mut self, reader: &mut Reader<'_>, link: &Element<'_>, namespace: Namespace) -> Result<(), Malformed> {
        const ORIGIN: &str = "itemMeta/link";
        let Some(target) = link.first_field(&["residref", "href", "guidref"], ORIGIN) else { return Ok(()) };
        let relation = link.first_field(&["rel", "reluri"], ORIGIN);
        let is_page = relation.as_ref().is_some_and(|relation| {
            PAGE_RELATIONS.iter().any(|page| last_part(&relation.text).eq_ignore_ascii_case(page))
        });
        if is_page && link.value("residref").is_none() {
            self.item.link.get_or_insert(target);
            return Ok(());
        }
        let mut titles = Candidates::default();
        reader.children(|reader, child| match child.name {
            "title" | "headline" if child.namespace == namespace => titles.read(reader, &child, ORIGIN),
            _ => Ok(()),
        })?;
        let attribute = || link.field("title", ORIGIN).map(|field| Candidate { language: None, role: None, field });
        if titles.0.is_empty() {
            titles.0.extend(attribute());
        }
        self.related.push(titles);
        self.item.references.push(Reference { id: target, relation });
        Ok(())
    }

    fn content_meta(&mut self, reader: &mut Reader<'_>, namespace: Namespace) -> Result<(), Malformed> {
        reader.children(|reader, child| {
            if child.namespace != namespace {
                return Ok(());
            }
            match child.name {
                "icon" => {
                    if let Some(mut icon) = rendition(&child, "contentMeta/icon") {
                        let role =
                            || Field { text: "icon".into(), span: child.span.clone(), origin: "contentMeta/icon" };
                        icon.role.get_or_insert_with(role);
                        self.icons.push(icon);
                    }
                }
                "urgency" => fill_date(&mut self.item.urgency, reader.line("contentMeta/urgency")?),
                "contentCreated" => fill_date(&mut self.content_created, reader.line("contentMeta/contentCreated")?),
                "contentModified" => fill_date(&mut self.item.modified, reader.line("contentMeta/contentModified")?),
                "located" => self.located.push(Concept::read(reader, &child, "contentMeta/located")?),
                "infoSource" => self.sources.push(Concept::read(reader, &child, "contentMeta/infoSource")?),
                "creator" => self.creators.push(Concept::read(reader, &child, "contentMeta/creator")?),
                "contributor" => self.contributors.push(Concept::read(reader, &child, "contentMeta/contributor")?),
                "language" => self.content_languages.extend(child.field("tag", "contentMeta/language")),
                "genre" => self.genres.push(Concept::read(reader, &child, "contentMeta/genre")?),
                "keyword" => self.keywords.read(reader, &child, "contentMeta/keyword")?,
                "subject" => self.subjects.push(Concept::read(reader, &child, "contentMeta/subject")?),
                "slugline" => self.sluglines.read(reader, &child, "contentMeta/slugline")?,
                "headline" => self.headlines.read(reader, &child, "contentMeta/headline")?,
                "dateline" => self.datelines.read(reader, &child, "contentMeta/dateline")?,
                "by" => self.bylines.read(reader, &child, "contentMeta/by")?,
                "creditline" => self.credits.read(reader, &child, "contentMeta/creditline")?,
                "description" => self.descriptions.read(reader, &child, "contentMeta/description")?,
                _ => {}
            }
            Ok(())
        })
    }

    fn content_set(&mut self, reader: &mut Reader<'_>, namespace: Namespace) -> Result<(), Malformed> {
        reader.children(|reader, child| match child.name {
            _ if child.namespace != namespace => Ok(()),
            "inlineXML" => self.inline_xml(reader, &child),
            "inlineData" => self.inline_data(reader, &child),
            "remoteContent" => {
                self.renditions.extend(rendition(&child, "remoteContent"));
                Ok(())
            }
            _ => Ok(()),
        })
    }

    fn inline_xml(&mut self, reader: &mut Reader<'_>, inline: &Element<'_>) -> Result<(), Malformed> {
        let is_html = inline.value("contenttype").is_some_and(|kind| kind.contains("html"));
        let mut html = String::new();
        let mut span: Option<Range<usize>> = None;
        reader.children(|reader, child| {
            if child.name == "nitf" {
                let mut document = nitf::read_inline(reader, &child)?;
                for body in std::mem::take(&mut document.bodies) {
                    let language = document.language.as_ref().map(|language| Rc::from(language.text.as_str()));
                    self.bodies.push(Body { language: language.or_else(|| child.language.clone()), body });
                }
                self.documents.push(document);
                return Ok(());
            }
            match child.name {
                "html" => xhtml::page(reader, &child, &mut html)?,
                _ if is_html || child.namespace == Namespace::Xhtml => {
                    xhtml::element(reader, &child, child.namespace, &mut html)?;
                }
                _ => return Ok(()),
            }
            span = Some(span.as_ref().map_or(child.span.start, |span| span.start)..reader.position());
            Ok(())
        })?;
        if let Some(span) = span {
            let field = Field { text: html.trim().to_owned(), span, origin: "inlineXML" };
            self.bodies
                .push(Body { language: inline.language.clone(), body: ItemBody { markup: Markup::Html, field } });
        }
        Ok(())
    }

    fn inline_data(&mut self, reader: &mut Reader<'_>, inline: &Element<'_>) -> Result<(), Malformed> {
        let kind = inline.value("contenttype").unwrap_or("text/plain").to_ascii_lowercase();
        let is_encoded = inline.value("encoding").or_else(|| inline.value("encodinguri")).is_some();
        let markup = match kind.split(';').next().unwrap_or_default().trim() {
            "text/html" | "application/xhtml+xml" => Markup::Html,
            "text/plain" => Markup::Plain,
            _ => return Ok(()),
        };
        if !is_encoded {
            let field = reader.lines("inlineData")?;
            self.bodies.push(Body { language: inline.language.clone(), body: ItemBody { markup, field } });
        }
        Ok(())
    }

    fn group_set(&mut self, reader: &mut Reader<'_>, namespace: Namespace) -> Result<(), Malformed> {
        loop {
            match reader.next()? {
                Some(Token::Start(group)) if group.name == "group" && group.namespace == namespace => {
                    reader.children(|_, child| {
                        if child.name == "itemRef" && child.namespace == namespace {
                            self.item
                                .related
                                .extend(child.first_field(&["residref", "href", "guidref"], "groupSet/itemRef"));
                        }
                        Ok(())
                    })?;
                }
                Some(Token::Start(_)) => reader.skip()?,
                Some(Token::Text(..)) => {}
                Some(Token::End) | None => return Ok(()),
            }
        }
    }

    fn finish(self, own_language: Option<Field>, inherited_language: Option<Rc<str>>) -> Item {
        let mut item = self.item;
        let languages = self.content_languages.iter().map(|language| Rc::from(language.text.as_str()));
        let mut context = Context {
            languages: Languages(languages.chain(inherited_language).take(MAX_LANGUAGES).collect()),
            names: HashMap::new(),
        };
        for mut concept in self.asserted {
            let key = concept.code.take().or_else(|| concept.literal.take()).map(|key| key.text);
            let name = concept.names.first(&context.languages).map(|name| name.text);
            if let (Some(key), Some(name)) = (key, name) {
                context.names.entry(key).or_insert(name);
            }
        }
        let context = &context;
        let languages = &context.languages;
        let first_name = |concepts: Vec<Concept>| concepts.into_iter().find_map(|mut concept| concept.name(context));

        item.language = self.content_languages.into_iter().next().or(own_language);
        item.first_created = item.first_created.or(self.content_created);
        item.copyright_holder = { self.copyright_holder }.name(context);
        item.copyright_notice = self.copyright_notices.joined(languages);
        item.usage_terms = self.usage_terms.joined(languages);
        item.provider = { self.provider }.name_or_code(context);
        item.editor_notes.extend(self.editor_notes.into_iter().filter(|note| !note.text.is_empty()));
        item.place = first_name(self.located);
        item.source = first_name(self.sources);
        let contributors = self.contributors.into_iter().filter(Concept::is_author);
        item.authors =
            self.creators.into_iter().chain(contributors).filter_map(|mut party| party.name(context)).collect();
        for mut genre in self.genres {
            let name =
                genre.name(context).filter(|name| Some(&name.text) != genre.code.as_ref().map(|code| &code.text));
            item.signals.extend(genre.code.into_iter().chain(name));
        }
        let subjects = self.subjects.into_iter();
        let subjects = subjects.map(|mut subject| Subject { name: subject.name(context), code: subject.code });
        item.subjects = subjects.filter(|subject| subject.code.is_some() || subject.name.is_some()).collect();
        item.keywords = self.keywords.all(languages);
        item.slugline = self.sluglines.first(languages);
        item.dateline = self.datelines.first(languages);
        item.bylines = self.bylines.all(languages);
        (item.title, item.subheads) = headlines(self.headlines, languages);
        item.related.extend(self.related.into_iter().filter_map(|titles| titles.first(languages)));

        let is_picture = item.kind == Kind::Picture;
        let descriptions = descriptions(self.descriptions, languages, is_picture);
        item.summary = descriptions.summary;
        let mut picture = Picture::default();
        for rendition in self.renditions {
            match rendition.media_type.as_ref().and_then(|media_type| media_type.text.split('/').next()) {
                Some("audio" | "video") => item.media.push(rendition),
                Some("image") => picture.renditions.push(rendition),
                None if is_picture => picture.renditions.push(rendition),
                _ => {}
            }
        }
        if is_picture || !picture.renditions.is_empty() {
            picture.caption = descriptions.caption;
            picture.alt = descriptions.alt;
            picture.credit = self.credits.first(languages);
            if is_picture {
                picture.id = item.id.clone();
                picture.status = item.status.clone();
                picture.expires = item.expires.clone();
                picture.credit = picture.credit.or_else(|| item.bylines.first().cloned());
            }
            item.pictures.push(picture);
        }
        if !self.icons.is_empty() {
            item.pictures.push(Picture { renditions: self.icons, ..Picture::default() });
        }

        let mut bodies = self.bodies;
        let rank = |body: &Body| (languages.rank(body.language.as_deref()), body.body.markup == Markup::Plain);
        bodies.retain(|body| !body.body.field.text.is_empty());
        bodies.sort_by_cached_key(rank);
        item.bodies = bodies.into_iter().map(|body| body.body).collect();
        for document in self.documents {
            fill(&mut item, document);
        }
        item.title = item.title.or_else(|| self.titles.first(languages));
        item
    }
}

/// How many languages of an item are compared.
const MAX_LANGUAGES: usize = 8;

impl Concept {
    /// The name, else the code. Providers are often stated by their code only.
    fn name_or_code(mut self, context: &Context) -> Option<Field> {
        self.name(context).or(self.code)
    }
}

/// Keeps the first value that isn't empty.
fn fill_date(first: &mut Option<Field>, field: Field) {
    if first.is_none() && !field.text.is_empty() {
        *first = Some(field);
    }
}

/// The title and the lower headlines. Headlines in other roles, such as short ones for lists, say the same again.
fn headlines(mut headlines: Candidates, languages: &Languages) -> (Option<Field>, Vec<Field>) {
    headlines.keep_best(languages);
    let is_sub = |role: &String| role.to_ascii_lowercase().contains("sub");
    let is_main = |role: &String| role.to_ascii_lowercase().contains("main");
    let found = &mut headlines.0;
    let main = found.iter().position(|headline| headline.role.as_ref().is_some_and(is_main));
    let plain = || found.iter().position(|headline| headline.role.is_none());
    let other = || found.iter().position(|headline| !headline.role.as_ref().is_some_and(is_sub));
    let title = main.or_else(plain).or_else(other);
    let title = title.map(|at| found.remove(at).field);
    let subheads = headlines.0.into_iter().filter(|headline| headline.role.as_ref().is_none_or(is_sub));
    (title, subheads.map(|headline| headline.field).collect())
}

#[derive(Debug, Default)]
struct Descriptions {
    summary: Option<Field>,
    caption: Option<Field>,
    alt: Option<Field>,
}

fn descriptions(mut found: Candidates, languages: &Languages, is_picture: bool) -> Descriptions {
    found.keep_best(languages);
    let mut descriptions = Descriptions::default();
    let mut others = Vec::new();
    for description in found.0 {
        let role = description.role.map(|role| role.to_ascii_lowercase());
        let place = match role.as_deref() {
            Some("caption") => &mut descriptions.caption,
            Some("alttext" | "alt") => &mut descriptions.alt,
            Some("summary") => &mut descriptions.summary,
            _ => {
                others.push(description.field);
                continue;
            }
        };
        place.get_or_insert(description.field);
    }
    let mut others = others.into_iter();
    let main = if is_picture { &mut descriptions.caption } else { &mut descriptions.summary };
    if main.is_none() {
        *main = others.next();
    }
    descriptions
}

fn rendition(element: &Element<'_>, origin: &'static str) -> Option<Rendition> {
    Some(Rendition {
        address: element.first_field(&["href", "residref"], origin)?,
        media_type: element.field("contenttype", origin),
        role: element.first_field(&["rendition", "renditionuri"], origin),
        width: element.field("width", origin),
        height: element.field("height", origin),
        size: element.field("size", origin),
        // Other units are too rare to be converted.
        duration: element.field("duration", origin).filter(|_| {
            element.value("durationunit").is_none_or(|unit| matches!(last_part(unit), "seconds" | "second" | "s"))
        }),
    })
}

/// Adds what a NITF document inside the item states, and the item itself doesn't.
fn fill(item: &mut Item, document: Item) {
    let singles = [
        (&mut item.title, document.title),
        (&mut item.version_created, document.version_created),
        (&mut item.first_created, document.first_created),
        (&mut item.modified, document.modified),
        (&mut item.dateline, document.dateline),
        (&mut item.place, document.place),
        (&mut item.source, document.source),
        (&mut item.provider, document.provider),
        (&mut item.copyright_holder, document.copyright_holder),
        (&mut item.copyright_notice, document.copyright_notice),
        (&mut item.usage_terms, document.usage_terms),
        (&mut item.language, document.language),
        (&mut item.slugline, document.slugline),
        (&mut item.urgency, document.urgency),
        (&mut item.summary, document.summary),
        (&mut item.link, document.link),
        (&mut item.reference_status, document.reference_status),
    ];
    for (own, inner) in singles {
        if own.is_none() {
            *own = inner;
        }
    }
    let lists = [
        (&mut item.subheads, document.subheads),
        (&mut item.bylines, document.bylines),
        (&mut item.authors, document.authors),
        (&mut item.keywords, document.keywords),
    ];
    for (own, inner) in lists {
        if own.is_empty() {
            *own = inner;
        }
    }
    if item.subjects.is_empty() {
        item.subjects = document.subjects;
    }
    for status in document.status.into_iter().chain(document.further_statuses) {
        put(&mut item.status, &mut item.further_statuses, status);
    }
    for embargo in document.embargo.into_iter().chain(document.further_embargoes) {
        put(&mut item.embargo, &mut item.further_embargoes, embargo);
    }
    for expires in document.expires.into_iter().chain(document.further_expiries) {
        put(&mut item.expires, &mut item.further_expiries, expires);
    }
    item.signals.extend(document.signals);
    item.references.extend(document.references);
    item.editor_notes.extend(document.editor_notes);
    item.pictures.extend(document.pictures);
    item.media.extend(document.media);
}
