//! Reads NewsML-G2: `newsItem`, `packageItem`, and `newsMessage` with any number of them.
//!
//! Many properties can be stated in several languages. The language of the content comes first, then that of the item, then the first
//! that is stated. A text without `xml:lang` is in the language of the elements around it.

mod concept;
mod content;
mod draft;
mod languages;
#[cfg(test)]
mod tests;

use self::concept::Concept;
use self::content::rendition;
use self::draft::{Draft, put};
use self::languages::{Candidate, Candidates, last_part};
use super::item::{Field, Item, Kind, Reference};
use super::xml::{Element, Malformed, Namespace, Reader, Token};

/// The number of items that a file may have.
const MAX_ITEMS: usize = 5_000;

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

fn read_item(reader: &mut Reader<'_>, element: &Element<'_>) -> Result<Item, Malformed> {
    let namespace = element.namespace;
    let mut draft = Draft::default();
    draft.item.id = element.field("guid", "guid");
    draft.item.version = element.field("version", "version");
    let own_language = element.field("xml:lang", "xml:lang");
    let is_package = element.name == "packageItem";
    reader.children(|reader, child| match child.name {
        _ if child.namespace != namespace => Ok(()),
        "rightsInfo" => {
            let item = &mut draft.item;
            item.further_embargoes.extend(child.field("validfrom", "rightsInfo"));
            item.further_expiries.extend(child.field("validto", "rightsInfo"));
            draft.rights_info(reader, namespace)
        }
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
}

/// Keeps the first value that isn't empty.
fn fill_date(first: &mut Option<Field>, field: Field) {
    if first.is_none() && !field.text.is_empty() {
        *first = Some(field);
    }
}
