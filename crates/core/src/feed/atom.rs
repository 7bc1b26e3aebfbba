//! Encodes Atom (RFC 4287) with the `atom_syndication` crate.

use std::collections::BTreeMap;

use atom_syndication::extension::{Extension, ExtensionMap};
use atom_syndication::{
    Category, Content, Entry as AtomEntry, Feed as AtomFeed, Generator, Link, Person, Source, Text as AtomText,
    TextType, WriteConfig,
};
use chrono::{DateTime, FixedOffset};

use super::{
    Bylines, ContentMode, DUBLIN_CORE_NAMESPACE, EncodeError, Entry, EntrySource, Feed, Format, GENERATOR,
    HISTORY_NAMESPACE, MEDIA_NAMESPACE, TOMBSTONE_NAMESPACE, content_html,
};
use crate::encoding::escape_xml_attribute;
use crate::types::{Moment, Text, rfc3339};

pub(super) fn encode(feed: &Feed) -> Result<Vec<u8>, EncodeError> {
    let entries: Result<Vec<AtomEntry>, EncodeError> = feed.items().map(|(entry, _)| atom_entry(feed, entry)).collect();
    let mut namespaces = BTreeMap::from([
        ("media".to_owned(), MEDIA_NAMESPACE.to_owned()),
        ("dc".to_owned(), DUBLIN_CORE_NAMESPACE.to_owned()),
    ]);
    if feed.deleted.iter().any(|deleted| deleted.tombstone().is_some()) {
        namespaces.insert("at".to_owned(), TOMBSTONE_NAMESPACE.to_owned());
    }
    let mut extensions = tombstones(feed);
    if feed.archives.own.is_some() {
        namespaces.insert("fh".to_owned(), HISTORY_NAMESPACE.to_owned());
        let archive = element("fh:archive", vec![], None);
        extensions.insert("fh".to_owned(), BTreeMap::from([("archive".to_owned(), vec![archive])]));
    }
    let archives = feed.archive_links(Format::Atom).into_iter();
    let archives = archives.map(|(rel, url)| link(rel, url, Some(Format::Atom.media_type())));
    let document = AtomFeed {
        title: plain(feed.title.as_str(), None),
        id: feed.id.to_string(),
        // `updated` is mandatory (RFC 4287, section 4.1.1), also for a feed that never had an entry.
        updated: date(feed.updated.unwrap_or(feed.founded).as_second(), 0)?,
        authors: vec![person(&feed.publisher)],
        generator: Some(Generator { value: GENERATOR.to_owned(), uri: None, version: None }),
        links: [
            link("self", feed.url(Format::Atom), Some(Format::Atom.media_type())),
            link("alternate", feed.home.to_string(), Some("text/html")),
        ]
        .into_iter()
        .chain(archives)
        .chain(feed.hubs.iter().map(|hub| link("hub", hub.to_string(), None)))
        .collect(),
        logo: feed.logo.as_ref().map(ToString::to_string),
        icon: feed.icon.as_ref().map(ToString::to_string),
        rights: feed.copyright.as_ref().map(|rights| plain(rights.as_str(), None)),
        subtitle: Some(&feed.description)
            .filter(|description| !description.is_empty())
            .map(|description| plain(description.as_str(), None)),
        entries: entries?,
        extensions,
        namespaces,
        lang: Some(feed.language.to_string()),
        ..AtomFeed::default()
    };
    let config = WriteConfig { write_document_declaration: true, indent_size: None };
    // Not `to_string`, which turns an error into an empty document.
    document.write_with_config(super::document_buffer(feed), config).map_err(|error| EncodeError(error.to_string()))
}

/// The `at:deleted-entry` elements (RFC 6721, section 3).
fn tombstones(feed: &Feed) -> ExtensionMap {
    let tombstones = feed.deleted.iter().filter_map(|deleted| Some((deleted, deleted.tombstone()?)));
    let tombstones = tombstones.map(|(deleted, when)| {
        let attributes = vec![("ref", deleted.id.to_string()), ("when", rfc3339(when))];
        let mut tombstone = element("at:deleted-entry", attributes, None);
        let comment = deleted.reason.iter().map(|reason| element("at:comment", vec![], Some(reason.to_string())));
        tombstone.children.extend(comment.map(|comment| ("comment".to_owned(), vec![comment])));
        tombstone
    });
    let tombstones: Vec<Extension> = tombstones.collect();
    let mut map = ExtensionMap::default();
    if !tombstones.is_empty() {
        map.insert("at".to_owned(), BTreeMap::from([("deleted-entry".to_owned(), tombstones)]));
    }
    map
}

fn atom_entry(feed: &Feed, entry: &Entry) -> Result<AtomEntry, EncodeError> {
    let language = feed.differing_language(entry).map(ToString::to_string);
    let content = content_html(feed, entry).filter(|_| feed.content == ContentMode::Full).map(|content| Content {
        value: Some(content.into_owned()),
        content_type: Some("html".to_owned()),
        lang: language.clone(),
        ..Content::default()
    });
    let enclosures = entry.media.iter().map(|media| Link {
        length: (media.length > 0).then(|| media.length.to_string()),
        ..link("enclosure", media.url.to_string(), Some(media.media_type.as_str()))
    });
    let sections = super::section_category(entry).map(|term| Category {
        term,
        scheme: Some(format!("{}#sections", feed.site)),
        label: None,
    });
    let tags = entry.tags.iter().map(|tag| Category { term: tag.to_string(), scheme: None, label: None });
    Ok(AtomEntry {
        title: plain(&super::title(feed, entry), language.as_deref()),
        id: entry.id.to_string(),
        updated: moment(entry.updated)?,
        authors: match feed.bylines {
            Bylines::Each => {
                entry.authors.iter().map(|name| Person { uri: author_url(entry, name), ..person(name) }).collect()
            }
            Bylines::Joined => super::joined_authors(entry).map(|name| person(&Text::new(&name))).into_iter().collect(),
        },
        categories: sections.into_iter().chain(tags).collect(),
        contributors: entry.editors.iter().map(person).collect(),
        links: [link("alternate", entry.url.to_string(), Some("text/html"))].into_iter().chain(enclosures).collect(),
        published: Some(moment(entry.published)?),
        rights: entry.copyright.as_ref().map(|rights| plain(rights.as_str(), None)),
        source: entry.source.as_ref().map(|from| source(from, entry.published)).transpose()?.flatten(),
        summary: Some(&entry.summary)
            .filter(|summary| !summary.is_empty())
            .map(|summary| plain(summary.as_str(), language.as_deref())),
        content,
        extensions: extensions(feed, entry),
        namespaces: BTreeMap::new(),
    })
}

/// The feed that an article was taken from (RFC 4287, section 4.2.11), if known. The article's date is its last known change.
fn source(source: &EntrySource, published: Moment) -> Result<Option<Source>, EncodeError> {
    let Some(feed) = source.feed.as_ref().map(ToString::to_string) else { return Ok(None) };
    Ok(Some(Source {
        title: plain(source.name.as_str(), None),
        id: feed.clone(),
        updated: moment(published)?,
        links: vec![link("self", feed, None)],
        ..Source::default()
    }))
}

/// A plain text. If it looks like markup, it is declared as HTML and escaped, because many readers interpret markup in any text.
fn plain(text: &str, language: Option<&str>) -> AtomText {
    let (value, r#type) = match looks_like_markup(text) {
        true => (super::escape(text), TextType::Html),
        false => (text.to_owned(), TextType::Text),
    };
    AtomText { value, base: None, lang: language.map(str::to_owned), r#type }
}

/// Whether a text contains something that looks like a tag or a character reference: `<b`, `</b`, `<!`, `&amp;`, `&#38;`.
fn looks_like_markup(text: &str) -> bool {
    let is_tag =
        |rest: &str| rest.starts_with(|next: char| next.is_ascii_alphabetic() || matches!(next, '/' | '!' | '?'));
    let is_reference = |rest: &str| {
        let name = rest.trim_start_matches('#');
        let end = name.find(|letter: char| !letter.is_ascii_alphanumeric());
        end.is_some_and(|end| end > 0 && name.get(end..).is_some_and(|after| after.starts_with(';')))
    };
    text.match_indices('<').any(|(at, _)| text.get(at + 1..).is_some_and(is_tag))
        || text.match_indices('&').any(|(at, _)| text.get(at + 1..).is_some_and(is_reference))
}

fn author_url(entry: &Entry, name: &Text) -> Option<String> {
    entry.author_url(name).map(ToString::to_string)
}

fn person(name: &Text) -> Person {
    Person { name: name.to_string(), ..Person::default() }
}

fn link(rel: &str, href: String, media_type: Option<&str>) -> Link {
    Link {
        href,
        rel: rel.to_owned(),
        hreflang: None,
        mime_type: media_type.map(str::to_owned),
        title: None,
        length: None,
    }
}

fn moment(moment: Moment) -> Result<DateTime<FixedOffset>, EncodeError> {
    date(moment.timestamp().as_second(), moment.offset().seconds())
}

fn date(seconds: i64, offset: i32) -> Result<DateTime<FixedOffset>, EncodeError> {
    let zone = FixedOffset::east_opt(offset).ok_or_else(|| EncodeError(format!("{offset} s is not an offset")))?;
    let utc =
        DateTime::from_timestamp(seconds, 0).ok_or_else(|| EncodeError(format!("{seconds} s is not an instant")))?;
    Ok(utc.with_timezone(&zone))
}

fn extensions(feed: &Feed, entry: &Entry) -> ExtensionMap {
    let mut map = ExtensionMap::default();
    if let Some(picture) = picture(feed, entry) {
        map.insert("media".to_owned(), BTreeMap::from([("content".to_owned(), vec![picture])]));
    }
    if let Some(source) = entry.source.as_ref().filter(|source| source.feed.is_none()) {
        let source = element("dc:source", vec![], Some(source.name.to_string()));
        map.insert("dc".to_owned(), BTreeMap::from([("source".to_owned(), vec![source])]));
    }
    map
}

fn picture(feed: &Feed, entry: &Entry) -> Option<Extension> {
    let image = entry.image.as_ref()?;
    let picture = feed.picture(entry)?;
    let mut content = element("media:content", super::picture_attributes(picture), None);
    for (name, text) in [("title", &image.alt), ("description", &image.caption), ("credit", &image.credit)] {
        if let Some(text) = text {
            let child = element(&format!("media:{name}"), vec![], Some(text.to_string()));
            content.children.insert(name.to_owned(), vec![child]);
        }
    }
    let smallest = image.of_width(0).unwrap_or(picture);
    let thumbnail = element("media:thumbnail", super::thumbnail_attributes(smallest), None);
    content.children.insert("thumbnail".to_owned(), vec![thumbnail]);
    Some(content)
}

fn element(name: &str, attributes: Vec<(&str, String)>, value: Option<String>) -> Extension {
    let attrs = attributes.into_iter().map(|(name, value)| (name.to_owned(), attribute(&value))).collect();
    Extension { name: name.to_owned(), value, attrs, children: BTreeMap::new() }
}

/// Escapes an attribute of an extension element, since the crate writes those values verbatim. The crate's version is pinned; the test
/// `upstream_still_writes_attributes_verbatim` fails when this is no longer needed.
fn attribute(value: &str) -> String {
    let mut escaped = String::with_capacity(value.len());
    escape_xml_attribute(value, &mut escaped);
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn upstream_still_writes_attributes_verbatim() {
        let attrs = BTreeMap::from([("url".to_owned(), "a&b".to_owned())]);
        let extension = Extension { name: "media:content".to_owned(), attrs, ..Extension::default() };
        let map = BTreeMap::from([("media".to_owned(), BTreeMap::from([("content".to_owned(), vec![extension])]))]);
        let feed = AtomFeed { extensions: map, ..AtomFeed::default() };
        let bytes = feed.write_with_config(Vec::new(), WriteConfig::default()).expect("writes");
        let text = String::from_utf8(bytes).expect("UTF-8");
        assert!(
            text.contains("url=\"a&b\""),
            "the crate escapes now: remove `attribute`, or values are escaped twice: {text}"
        );
    }

    #[test]
    fn attribute_values_are_escaped() {
        assert_eq!(attribute("x\"/><link href=\"e\n"), "x&quot;/&gt;&lt;link href=&quot;e&#xA;");
    }
}
