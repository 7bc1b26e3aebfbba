//! RSS 2.0, in the profile of the RSS Advisory Board (rules ), through the `rss` crate.

use std::collections::BTreeMap;

use rss::extension::atom::{AtomExtension, Link};
use rss::extension::dublincore::DublinCoreExtension;
use rss::extension::{Extension, ExtensionMap};
use rss::{Category, Channel, Enclosure, Guid, Item};

use super::{
    ContentMode, EncodeError, Entry, EntryImage, Feed, Format, GENERATOR, MEDIA_NAMESPACE, differing_language,
};
use crate::types::rfc822;

pub(super) fn encode(feed: &Feed) -> Result<Vec<u8>, EncodeError> {
    let description = if feed.description.is_empty() { &feed.title } else { &feed.description };
    let channel = Channel {
        title: feed.title.to_string(),
        link: feed.home.to_string(),
        description: description.to_string(),
        language: Some(feed.language.to_string()),
        copyright: feed.copyright.as_ref().map(ToString::to_string),
        last_build_date: feed.updated.map(rfc822),
        generator: Some(GENERATOR.to_owned()),
        docs: Some("https://www.rssboard.org/rss-specification".to_owned()),
        ttl: Some(feed.poll_minutes.to_string()),
        atom_ext: Some(AtomExtension {
            links: vec![Link {
                rel: "self".to_owned(),
                href: feed.url(Format::Rss),
                mime_type: Some(Format::Rss.media_type().to_owned()),
                ..Link::default()
            }],
        }),
        namespaces: BTreeMap::from([("media".to_owned(), MEDIA_NAMESPACE.to_owned())]),
        items: feed.entries.iter().map(|entry| item(feed, entry)).collect(),
        ..Channel::default()
    };
    // Not `to_string`, which turns an error into an empty document.
    channel.write_to(Vec::new()).map_err(|error| EncodeError(error.to_string()))
}

fn item(feed: &Feed, entry: &Entry) -> Item {
    let summary = Some(entry.summary.to_string()).filter(|summary| !summary.is_empty());
    let content =
        Some(entry.content.to_string()).filter(|content| feed.content == ContentMode::Full && !content.is_empty());
    let sections = (!entry.section.is_empty()).then(|| Category {
        name: entry.section.iter().map(ToString::to_string).collect::<Vec<_>>().join("/"),
        domain: Some(format!("{}#sections", feed.site)),
    });
    let tags = entry.tags.iter().map(|tag| Category { name: tag.to_string(), domain: None });
    Item {
        title: Some(entry.title.to_string()),
        link: Some(entry.url.to_string()),
        // The summary is plain text, and `description` is HTML (rule R-05).
        description: summary.map(|summary| escape(&summary)),
        categories: sections.into_iter().chain(tags).collect(),
        enclosure: entry.enclosure().map(|media| Enclosure {
            url: media.url.to_string(),
            length: media.length.to_string(),
            mime_type: media.media_type.to_string(),
        }),
        guid: Some(Guid { value: entry.id.to_string(), permalink: entry.id.as_str() == entry.url.as_str() }),
        pub_date: Some(entry.published.rfc822()),
        content,
        dublin_core_ext: Some(DublinCoreExtension {
            creators: entry.authors.iter().map(ToString::to_string).collect(),
            contributors: entry.editors.iter().map(ToString::to_string).collect(),
            sources: entry.source.iter().map(ToString::to_string).collect(),
            rights: entry.copyright.iter().map(ToString::to_string).collect(),
            languages: differing_language(feed, entry).map(ToString::to_string).into_iter().collect(),
            ..DublinCoreExtension::default()
        }),
        extensions: media(entry),
        ..Item::default()
    }
}

/// `media:content` for the lead image and for what did not fit into the one enclosure.
fn media(entry: &Entry) -> ExtensionMap {
    let pictures = entry.image.iter().filter_map(picture);
    let enclosed = entry.enclosure().map(|media| &media.url);
    let others = entry.media.iter().filter(|media| Some(&media.url) != enclosed).map(|media| {
        let mut attributes = BTreeMap::from([("url", media.url.to_string()), ("type", media.media_type.to_string())]);
        if let Some(medium) = media.medium() {
            attributes.insert("medium", medium.to_owned());
        }
        if media.length > 0 {
            attributes.insert("fileSize", media.length.to_string());
        }
        attributes.extend(media.duration.map(|duration| ("duration", duration.to_string())));
        element("media:content", attributes, None, BTreeMap::new())
    });
    let contents: Vec<Extension> = pictures.chain(others).collect();
    if contents.is_empty() {
        return ExtensionMap::default();
    }
    BTreeMap::from([("media".to_owned(), BTreeMap::from([("content".to_owned(), contents)]))])
}

fn picture(image: &EntryImage) -> Option<Extension> {
    let mut attributes = BTreeMap::from([("url", image.url.as_ref()?.to_string()), ("medium", "image".to_owned())]);
    attributes.extend(image.media_type.as_ref().map(|media_type| ("type", media_type.to_string())));
    let mut children = BTreeMap::new();
    for (name, text) in [("title", &image.alt), ("description", &image.caption), ("credit", &image.credit)] {
        if let Some(text) = text {
            let child = element(&format!("media:{name}"), BTreeMap::new(), Some(text.to_string()), BTreeMap::new());
            children.insert(name.to_owned(), vec![child]);
        }
    }
    Some(element("media:content", attributes, None, children))
}

fn element(
    name: &str,
    attributes: BTreeMap<&str, String>,
    value: Option<String>,
    children: BTreeMap<String, Vec<Extension>>,
) -> Extension {
    let attrs = attributes.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    Extension { name: name.to_owned(), value, attrs, children }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
