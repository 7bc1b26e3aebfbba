//! Collects what an item states. At the end of the item, chooses among the languages.

use std::collections::HashMap;
use std::rc::Rc;

use super::concept::{Concept, Context};
use super::languages::{Candidates, Languages};
use crate::article::agency::item::{Field, Item, ItemBody, Kind, Markup, Picture, Rendition, Subject};

/// An item under construction, with texts in all stated languages.
#[derive(Debug, Default)]
pub(super) struct Draft {
    pub(super) item: Item,
    pub(super) content_languages: Vec<Field>,
    pub(super) asserted: Vec<Concept>,
    pub(super) copyright_holder: Concept,
    pub(super) copyright_notices: Candidates,
    pub(super) usage_terms: Candidates,
    pub(super) provider: Concept,
    pub(super) titles: Candidates,
    pub(super) editor_notes: Vec<Field>,
    pub(super) located: Vec<Concept>,
    pub(super) sources: Vec<Concept>,
    pub(super) creators: Vec<Concept>,
    pub(super) contributors: Vec<Concept>,
    pub(super) genres: Vec<Concept>,
    pub(super) subjects: Vec<Concept>,
    pub(super) keywords: Candidates,
    pub(super) sluglines: Candidates,
    pub(super) headlines: Candidates,
    pub(super) bylines: Candidates,
    pub(super) datelines: Candidates,
    pub(super) credits: Candidates,
    pub(super) descriptions: Candidates,
    pub(super) content_created: Option<Field>,
    pub(super) icons: Vec<Rendition>,
    pub(super) renditions: Vec<Rendition>,
    pub(super) bodies: Vec<Body>,
    /// NITF documents inside the item.
    pub(super) documents: Vec<Item>,
    pub(super) related: Vec<Candidates>,
}

/// A text of the story.
#[derive(Debug)]
pub(super) struct Body {
    pub(super) language: Option<Rc<str>>,
    pub(super) body: ItemBody,
}

/// Keeps the first value. Adds the others to `further`, since each of them may withhold.
pub(super) fn put(first: &mut Option<Field>, further: &mut Vec<Field>, field: Field) {
    match first {
        Some(_) => further.push(field),
        None => *first = Some(field),
    }
}

impl Draft {
    /// Makes the item, with texts in the best language.
    pub(super) fn finish(self, own_language: Option<Field>, inherited_language: Option<Rc<str>>) -> Item {
        let mut item = self.item;
        let languages = self.content_languages.iter().map(|language| Rc::from(language.text.as_str()));
        let mut context =
            Context { languages: Languages::new(languages.chain(inherited_language)), names: HashMap::new() };
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
        item.provider_code = self.provider.code.clone();
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
        let subjects = subjects.map(|mut subject| Subject {
            name: subject.name(context),
            code: subject.code,
            broader: subject.broader,
        });
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
