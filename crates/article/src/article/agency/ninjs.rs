//! Reads ninjs 1.0 to 3.1, the IPTC's News in JSON (iptc.org/std/ninjs).
//!
//! Version 1 spells keys in lower case and numbers texts by suffixes (`body_xhtml`). Version 2 has lists with roles, version 3 spells the
//! same keys in camel case. Files often mix the versions, so any key counts in any of these forms. Of a repeated key the first value
//! counts. Of a repeated key about publication, all values do.

mod described;
mod known_keys;
mod renditions;
mod values;

use self::described::{Described, SHORT_VERSIONS, described, described_list, rank};
use self::known_keys::{UNUSED, origin_of};
use self::renditions::{media_kind, renditions};
use self::values::{Entries, field, find, first_item, items, members, named, scalar, set, state, stated, texts};
use super::availability;
use super::item::{Field, Item, ItemBody, Kind, Picture, Reference, Rendition, Statement, Subject};
use super::xml::Malformed;
use crate::article::lifecycle;
use crate::article::values::{Key, Node, Value};

/// Whether a JSON file is an item: an object with a text `uri`, and a headline, a text or a status.
pub(super) fn is_item(root: &Node<'_>, source: &str) -> bool {
    let Value::Map(entries) = &root.value else { return false };
    let has = |found: &dyn Fn(&str) -> bool| entries.iter().any(|(key, _)| found(&key.name.to_ascii_lowercase()));
    let is_text = |node: &Node<'_>| source.get(node.span.clone()).is_some_and(|written| written.starts_with('"'));
    let has_uri = entries.iter().any(|(key, node)| key.name.eq_ignore_ascii_case("uri") && is_text(node));
    has_uri
        && has(&|name| matches!(name, "headline" | "headlines" | "bodies" | "pubstatus") || name.starts_with("body_"))
}

/// Reads an item.
pub(super) fn read(root: &Node<'_>, source: &str) -> Result<Item, Malformed> {
    let Value::Map(entries) = &root.value else { return Ok(Item::default()) };
    let mut ids = entries.iter().filter(|(key, _)| key.name.eq_ignore_ascii_case("uri"));
    let (first, second) = (ids.next(), ids.find(|(_, id)| first_differs(entries, id)));
    if let (Some(_), Some((key, _))) = (first, second) {
        let message = "the item has two different ids".to_owned();
        return Err(Malformed {
            message,
            help: "ask the agency to send an item with one `uri`",
            span: key.span.clone(),
        });
    }
    let mut object = Object::read(entries, source, true);
    object.item.span = root.span.clone();
    Ok(object.into_item())
}

/// Whether the first `uri` has another value than this one.
fn first_differs(entries: &Entries<'_>, id: &Node<'_>) -> bool {
    entries.iter().find(|(key, _)| key.name.eq_ignore_ascii_case("uri")).is_some_and(|(_, first)| !first.is_same(id))
}

/// A news object: the item, or an object that is associated with it.
#[derive(Default)]
struct Object {
    item: Item,
    /// `type`
    type_name: String,
    /// How this object is related to the item.
    relation: Option<Field>,
    /// Headlines, descriptions and bodies, each with its role.
    headlines: Vec<Described>,
    descriptions: Vec<Described>,
    bodies: Vec<Described>,
    renditions: Vec<Rendition>,
    associated: Vec<Object>,
}

impl Object {
    fn read(entries: &Entries<'_>, source: &str, is_item: bool) -> Object {
        let mut object = Object::default();
        for (key, node) in entries {
            object.add(key, node, source, is_item);
        }
        object
    }

    fn add(&mut self, key: &Key<'_>, node: &Node<'_>, source: &str, is_item: bool) {
        let name = key.name.to_ascii_lowercase();
        let origin = origin_of(&key.name);
        let item = &mut self.item;
        match &*name {
            "uri" => set(&mut item.id, node, origin),
            "type" => self.type_name = scalar(node).unwrap_or_default().trim().to_ascii_lowercase(),
            "rel" => set(&mut self.relation, node, "rel"),
            "version" => set(&mut item.version, node, origin),
            "firstcreated" => set(&mut item.first_created, node, origin),
            "contentcreated" if item.first_created.is_none() => set(&mut item.first_created, node, origin),
            "contentcreated" => {}
            "versioncreated" => set(&mut item.version_created, node, origin),
            "embargoed" | "embargoeduntil" => {
                state(&mut item.embargo, &mut item.further_embargoes, stated(node, source, origin));
            }
            "pubstatus" => state(&mut item.status, &mut item.further_statuses, stated(node, source, origin)),
            "expires" => state(&mut item.expires, &mut item.further_expiries, stated(node, source, origin)),
            "urgency" => set(&mut item.urgency, node, origin),
            "copyrightholder" => set(&mut item.copyright_holder, node, origin),
            "copyrightnotice" => set(&mut item.copyright_notice, node, origin),
            "usageterms" => set(&mut item.usage_terms, node, origin),
            "ednote" => item.editor_notes.extend(texts(node, origin)),
            "language" => set(&mut item.language, node, origin),
            "person" | "people" | "organisation" | "organisations" | "place" | "places" | "subject" | "subjects"
            | "event" | "events" | "object" | "objects" => {
                item.subjects.extend(items(node).iter().filter_map(|node| subject(node, origin)));
            }
            "infosource" | "infosources" => {
                for node in items(node) {
                    add_source(item, node, origin);
                }
            }
            "source" => set(&mut item.source, first_item(node), origin),
            "provider" => set(&mut item.provider, first_item(node), origin),
            "byline" | "by" => item.bylines.extend(texts(node, origin)),
            "authors" => item.authors.extend(items(node).iter().filter_map(|node| named(node, origin))),
            "keywords" | "keyword" => add_keywords(item, node, origin),
            "genre" | "genres" | "signal" | "signals" => {
                for node in items(node) {
                    let subject = subject(node, origin);
                    item.signals.extend(subject.into_iter().flat_map(|found| [found.code, found.name]).flatten());
                }
            }
            "slugline" => set(&mut item.slugline, node, origin),
            "located" => set(&mut item.place, node, origin),
            "title" => set(&mut item.title, node, origin),
            "headline" => self.headlines.extend(described(node, "main", origin)),
            "headlines" => self.headlines.extend(described_list(node, origin)),
            "descriptions" => self.descriptions.extend(described_list(node, origin)),
            "bodies" => self.bodies.extend(described_list(node, origin)),
            "renditions" => self.renditions = renditions(node),
            // Objects below associated ones aren't part of the story.
            "associations" if is_item => {
                let objects = members(node);
                let objects = objects.into_iter().map(|entries| Object::read(entries, source, false));
                self.associated = objects.collect();
            }
            "associations" => {}
            _ => match name.split_once('_') {
                Some(("headline", suffix)) => self.headlines.extend(described(node, suffix, "headline_*")),
                Some(("description", suffix)) => self.descriptions.extend(described(node, suffix, "description_*")),
                Some(("body", suffix)) => self.bodies.extend(described(node, suffix, "body_*")),
                _ if UNUSED.contains(&&*name) => {}
                _ => add_statement(&mut item.statements, key, node, source, 0),
            },
        }
    }

    fn into_item(mut self) -> Item {
        self.set_texts();
        self.item.kind = self.kind();
        let is_picture = self.item.kind == Kind::Picture;
        if is_picture {
            let picture = self.picture();
            self.item.pictures.extend(Some(picture));
        } else {
            self.add_renditions();
        }
        for mut object in std::mem::take(&mut self.associated) {
            object.set_texts();
            self.add_associated(object);
        }
        self.item
    }

    /// Chooses headline, summary and bodies.
    fn set_texts(&mut self) {
        let mut headlines = std::mem::take(&mut self.headlines);
        headlines.retain(|headline| !headline.field.text.trim().is_empty());
        let is_sub = |headline: &Described| headline.has_role(&["sub", "deck"]);
        let main = headlines.iter().position(|headline| headline.role == "main");
        let plain = || headlines.iter().position(|headline| headline.role.is_empty());
        let other = || headlines.iter().position(|headline| !is_sub(headline));
        let main = main.or_else(plain).or_else(other);
        let title = main.map(|at| headlines.remove(at).plain());
        self.item.title = title.or_else(|| self.item.title.take());
        // Headlines in other roles, such as short ones for lists, say the same again.
        headlines.retain(|headline| headline.role.is_empty() || is_sub(headline));
        self.item.subheads = headlines.iter().map(Described::plain).collect();
        let is_summary = |text: &&Described| !text.has_role(&["caption", "alt"]);
        self.item.summary = self.descriptions.iter().find(is_summary).map(Described::plain);
        let mut bodies = std::mem::take(&mut self.bodies);
        bodies.retain(|body| !body.field.text.trim().is_empty());
        // Whole texts come before short versions, and markup before plain text. The sort keeps the order of equals.
        bodies.sort_by_key(|body| (body.has_role(SHORT_VERSIONS), rank(body)));
        self.item.bodies = bodies.into_iter().map(ItemBody::from).collect();
    }

    fn kind(&self) -> Kind {
        let has_text = !self.item.bodies.is_empty();
        match &*self.type_name {
            "picture" | "graphic" if !has_text => Kind::Picture,
            "audio" | "video" | "event" | "planning" | "component" if !has_text => Kind::Other,
            "composite" if !has_text => Kind::Package,
            _ => Kind::Text,
        }
    }

    /// The object as a picture.
    fn picture(&mut self) -> Picture {
        let item = &mut self.item;
        let with_role =
            |words: &[&str]| self.descriptions.iter().find(|text| text.has_role(words)).map(Described::plain);
        let credit = item.bylines.first().or(item.authors.first()).or(item.copyright_holder.as_ref());
        Picture {
            id: item.id.clone(),
            limits: item.limits(),
            caption: with_role(&["caption"]).or_else(|| item.summary.clone()).or_else(|| item.title.clone()),
            credit: credit.cloned(),
            alt: with_role(&["alt"]),
            renditions: std::mem::take(&mut self.renditions),
        }
    }

    /// Adds the renditions of an item that isn't a picture.
    fn add_renditions(&mut self) {
        let (mut pictures, mut others) = (Vec::new(), Vec::new());
        for rendition in std::mem::take(&mut self.renditions) {
            match media_kind(&rendition) {
                Some("image") => pictures.push(rendition),
                Some("audio" | "video") => others.push(rendition),
                _ => {}
            }
        }
        if !pictures.is_empty() {
            self.item.pictures.push(Picture { renditions: pictures, ..Picture::default() });
        }
        self.item.media.extend(others);
    }

    fn add_associated(&mut self, mut object: Object) {
        match &*object.type_name {
            "picture" | "graphic" => {
                let picture = object.picture();
                self.item.pictures.push(picture);
            }
            "audio" | "video" => {
                object.renditions.retain(|rendition| matches!(media_kind(rendition), Some("audio" | "video")));
                let limits = object.item.limits();
                object.renditions.iter_mut().for_each(|rendition| rendition.limits = limits.clone());
                self.item.media.append(&mut object.renditions);
            }
            _ => {
                if let Some(id) = object.item.id.clone().filter(|_| object.relation.is_some()) {
                    self.item.references.push(Reference { id, relation: object.relation.clone() });
                }
                self.item.related.extend(object.item.title.or(object.item.id));
            }
        }
    }
}

/// Adds a key that ninjs doesn't define, if it may be about publication or access. Tables of an agency's own keys, such as `extra`, are
/// searched too.
fn add_statement(statements: &mut Vec<Statement>, key: &Key<'_>, node: &Node<'_>, source: &str, depth: usize) {
    if let Value::Map(entries) = &node.value
        && lifecycle::is_custom_table(&key.name)
        && depth == 0
    {
        return entries.iter().for_each(|(key, node)| add_statement(statements, key, node, source, depth + 1));
    }
    let value = availability::is_about_publication(&key.name).then(|| stated(node, source, "ninjs")).flatten();
    statements.extend(value.map(|value| Statement { key: key.name.clone().into_owned(), value }));
}

/// A subject: a name, or an object with a name and a code.
fn subject(node: &Node<'_>, origin: &'static str) -> Option<Subject> {
    let Value::Map(entries) = &node.value else {
        return named(node, origin).map(|name| Subject { name: Some(name), ..Subject::default() });
    };
    let get = |names: &[&str]| {
        find(entries, names).and_then(|node| field(node, origin)).filter(|found| !found.text.trim().is_empty())
    };
    let code = get(&["code", "qcode"]).map(|code| match get(&["scheme"]) {
        Some(scheme) => {
            let separator = if scheme.text.ends_with(['/', ':', '#', '=']) { "" } else { ":" };
            Field { text: format!("{}{separator}{}", scheme.text.trim(), code.text.trim()), ..code }
        }
        None => code,
    });
    let code = code.or_else(|| get(&["uri"])).or_else(|| get(&["literal"]));
    let name = get(&["name"]);
    (code.is_some() || name.is_some()).then_some(Subject { code, name, broader: Vec::new() })
}

/// Adds a source of information, or the provider if the role says so.
fn add_source(item: &mut Item, node: &Node<'_>, origin: &'static str) {
    let Some(name) = named(node, origin) else { return };
    let role = match &node.value {
        Value::Map(entries) => find(entries, &["role", "rel"]).and_then(scalar),
        _ => None,
    };
    let is_provider = role.is_some_and(|role| ["provider", "distributor"].iter().any(|word| role.contains(word)));
    let target = if is_provider { &mut item.provider } else { &mut item.source };
    target.get_or_insert(name);
}

/// Adds keywords from a list, or from one text with commas.
fn add_keywords(item: &mut Item, node: &Node<'_>, origin: &'static str) {
    for node in items(node) {
        let Some(keyword) = named(node, origin) else { continue };
        let parts = keyword.text.split([',', ';', '，', '、']).map(str::trim).filter(|part| !part.is_empty());
        item.keywords.extend(parts.map(|part| Field { text: part.to_owned(), ..keyword.clone() }));
    }
}
