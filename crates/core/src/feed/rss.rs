//! Encodes RSS 2.0 with the `rss` crate, following the RSS Advisory Board's profile.
//!
//! # Why is there sometimes `dc:source` and not `source`?
//!
//! RSS and Atom require the address of the feed that a story came from, and wire text states only a name. `[content.sources]` maps names to
//! feeds. Without a feed, the name goes into `dc:source`.

mod spelling;

use std::collections::BTreeMap;

use rss::extension::atom::{AtomExtension, Link};
use rss::extension::dublincore::DublinCoreExtension;
use rss::extension::itunes::{ITunesCategory, ITunesChannelExtension, ITunesItemExtension, ITunesOwner};
use rss::extension::{Extension, ExtensionMap};
use rss::{Category, Channel, Enclosure, Guid, Image, Item, Source};

use super::partner::Deletion;
use super::{
    Bylines, ContentMode, DUBLIN_CORE_TERMS_NAMESPACE, DeletedEntry, DeletedForm, EXPIRATION_NAMESPACE, EncodeError,
    Entry, Feed, Format, GENERATOR, HISTORY_NAMESPACE, MEDIA_NAMESPACE, Podcast, SMART_FORMAT_NAMESPACE,
    SYNDICATION_NAMESPACE, UpdateSignal, WEBFEEDS_NAMESPACE, content_html, partner,
};
use crate::types::{rfc822, rfc3339};

pub(super) fn encode(feed: &Feed) -> Result<Vec<u8>, EncodeError> {
    let description = if feed.description.is_empty() { &feed.title } else { &feed.description };
    let mut namespaces = BTreeMap::from([
        ("media".to_owned(), MEDIA_NAMESPACE.to_owned()),
        ("sy".to_owned(), SYNDICATION_NAMESPACE.to_owned()),
        ("dcterms".to_owned(), DUBLIN_CORE_TERMS_NAMESPACE.to_owned()),
    ]);
    if feed.partner.is_none() && (feed.icon.is_some() || feed.logo.is_some() || feed.accent_color.is_some()) {
        namespaces.insert("webfeeds".to_owned(), WEBFEEDS_NAMESPACE.to_owned());
    }
    let is_smart_format = partner_extension(feed) == Some(partner::Extension::SmartFormat);
    if is_smart_format {
        namespaces.insert("snf".to_owned(), SMART_FORMAT_NAMESPACE.to_owned());
    }
    let deletion = feed.partner.as_ref().and_then(|partner| partner.partner.rules().deletion);
    let is_recent = |deleted: &&DeletedEntry| !matches!(deleted.form, DeletedForm::AfterNotice(_));
    let deleted = feed.deleted.iter().filter(is_recent).filter_map(|deleted| Some(deleted_item(deleted, deletion?)));
    let mut deleted = deleted.peekable();
    if deletion == Some(Deletion::Expired) && deleted.peek().is_some() {
        namespaces.insert("mi".to_owned(), EXPIRATION_NAMESPACE.to_owned());
    }
    if feed.archives.own.is_some() {
        namespaces.insert("fh".to_owned(), HISTORY_NAMESPACE.to_owned());
    }
    let link = |(rel, href): (&str, String)| Link {
        rel: rel.to_owned(),
        href,
        mime_type: Some(Format::Rss.media_type().to_owned()),
        ..Link::default()
    };
    let channel = Channel {
        title: feed.title.to_string(),
        link: feed.home.to_string(),
        description: description.to_string(),
        language: Some(feed.language.to_string()),
        copyright: feed.copyright.as_ref().map(ToString::to_string),
        pub_date: feed.updated.filter(|_| is_smart_format).map(rfc822),
        last_build_date: feed.updated.map(rfc822),
        generator: Some(GENERATOR.to_owned()),
        docs: Some("https://www.rssboard.org/rss-specification".to_owned()),
        ttl: Some(feed.poll_minutes.to_string()),
        // No `width` and `height`: they default to 88 and 31, so that readers expect a small picture.
        image: feed.icon.as_ref().or(feed.logo.as_ref()).map(|url| Image {
            url: url.to_string(),
            title: feed.title.to_string(),
            link: feed.home.to_string(),
            ..Image::default()
        }),
        skip_hours: feed.skip_hours.iter().map(ToString::to_string).collect(),
        skip_days: feed.skip_days.iter().map(ToString::to_string).collect(),
        // Readers that look for an author of every item fall back to it, instead of a placeholder.
        dublin_core_ext: feed.partner.is_none().then(|| DublinCoreExtension {
            creators: vec![feed.publisher.to_string()],
            ..DublinCoreExtension::default()
        }),
        atom_ext: Some(AtomExtension {
            links: std::iter::once(link(("self", feed.url(Format::Rss))))
                .chain(feed.archive_links(Format::Rss).into_iter().map(link))
                .chain(feed.hubs.iter().map(|hub| Link {
                    rel: "hub".to_owned(),
                    href: hub.to_string(),
                    ..Link::default()
                }))
                .collect(),
        }),
        itunes_ext: feed.podcast.as_ref().map(|podcast| itunes_channel(feed, podcast)),
        extensions: channel_extensions(feed, is_smart_format),
        namespaces,
        items: feed.items().map(|(entry, is_notice)| item(feed, entry, is_notice)).chain(deleted).collect(),
        ..Channel::default()
    };
    // Not `to_string`, which turns an error into an empty document.
    let document = channel.write_to(super::document_buffer(feed)).map_err(|error| EncodeError(error.to_string()))?;
    spelling::respell(&document)
}

fn partner_extension(feed: &Feed) -> Option<partner::Extension> {
    feed.partner.as_ref().and_then(|partner| partner.partner.rules().extension)
}

fn channel_extensions(feed: &Feed, is_smart_format: bool) -> ExtensionMap {
    let frequency = 60 / feed.poll_minutes.clamp(1, 60);
    let mut map = ExtensionMap::default();
    insert(&mut map, text("sy:updatePeriod", "hourly"));
    insert(&mut map, text("sy:updateFrequency", &frequency.to_string()));
    if feed.archives.own.is_some() {
        insert(&mut map, element("fh:archive", vec![], None, vec![]));
    }
    if feed.partner.is_none() {
        let pictures = [("webfeeds:icon", &feed.icon), ("webfeeds:logo", &feed.logo)];
        for (name, url) in pictures.into_iter().filter_map(|(name, url)| Some((name, url.as_ref()?))) {
            insert(&mut map, text(name, url.as_str()));
        }
        feed.accent_color.iter().for_each(|color| insert(&mut map, text("webfeeds:accentColor", color.as_str())));
    }
    if let (true, Some(logo)) = (is_smart_format, feed.logo.as_ref()) {
        let url = text("url", logo.as_str());
        insert(&mut map, element("snf:logo", vec![], None, vec![url]));
    }
    map
}

/// The channel elements that Apple asks for.
fn itunes_channel(feed: &Feed, podcast: &Podcast) -> ITunesChannelExtension {
    let author = podcast.author.as_ref().unwrap_or(&feed.publisher).to_string();
    let subcategory =
        podcast.subcategory.as_ref().map(|name| ITunesCategory { text: name.to_string(), subcategory: None });
    ITunesChannelExtension {
        owner: podcast.email.as_ref().map(|email| ITunesOwner {
            name: Some(podcast.owner.as_ref().map_or_else(|| author.clone(), ToString::to_string)),
            email: Some(email.to_string()),
        }),
        author: Some(author),
        categories: vec![ITunesCategory { text: podcast.category.to_string(), subcategory: subcategory.map(Box::new) }],
        image: Some(podcast.image.to_string()),
        explicit: Some(podcast.explicit.to_string()),
        r#type: Some(podcast.kind.to_owned()),
        ..ITunesChannelExtension::default()
    }
}

fn item(feed: &Feed, entry: &Entry, is_notice: bool) -> Item {
    let summary = Some(entry.summary.to_string()).filter(|summary| !summary.is_empty());
    let content = content_html(feed, entry)
        .filter(|content| feed.content == ContentMode::Full && !content.is_empty())
        .map(|content| content.into_owned());
    let sections =
        super::section_category(entry).map(|name| Category { name, domain: Some(format!("{}#sections", feed.site)) });
    let tags = entry.tags.iter().map(|tag| Category { name: tag.to_string(), domain: None });
    let signal = feed.partner.as_ref().map_or(feed.update_signal, |partner| partner.update_signal);
    // A notice isn't news, so it keeps the date of the story.
    let signal = if is_notice { UpdateSignal::Modified } else { signal };
    let date_shown = if signal == UpdateSignal::PubDate { entry.updated } else { entry.published };
    // The `url` of `source` is mandatory, so sources without a feed go into `dc:source`.
    let source = entry.source.as_ref().and_then(|source| {
        Some(Source { url: source.feed.as_ref()?.to_string(), title: Some(source.name.to_string()) })
    });
    let sources_without_feed = entry.source.iter().filter(|source| source.feed.is_none());
    Item {
        title: Some(super::title(feed, entry).to_string()),
        link: Some(entry.url.to_string()),
        // `description` is HTML, and the summary is plain text.
        description: summary.map(|summary| super::escape(&summary)),
        categories: sections.into_iter().chain(tags).collect(),
        enclosure: entry.enclosure().map(|media| Enclosure {
            url: media.url.to_string(),
            length: media.length.to_string(),
            mime_type: media.media_type.to_string(),
        }),
        guid: Some(Guid { value: entry.id.to_string(), permalink: entry.id.as_str() == entry.url.as_str() }),
        pub_date: Some(date_shown.rfc822()),
        content,
        dublin_core_ext: Some(DublinCoreExtension {
            creators: match feed.bylines {
                Bylines::Each => entry.authors.iter().map(ToString::to_string).collect(),
                Bylines::Joined => super::joined_authors(entry).into_iter().collect(),
            },
            contributors: entry.editors.iter().map(ToString::to_string).collect(),
            sources: sources_without_feed.map(|source| source.name.to_string()).collect(),
            rights: entry.copyright.iter().map(ToString::to_string).collect(),
            languages: feed.differing_language(entry).map(ToString::to_string).into_iter().collect(),
            ..DublinCoreExtension::default()
        }),
        source,
        itunes_ext: feed.podcast.as_ref().and_then(|podcast| itunes_item(feed, entry, podcast)),
        extensions: item_extensions(feed, entry, signal),
        ..Item::default()
    }
}

/// An item that asks the partner to take down an article. Contains nothing of its text.
fn deleted_item(deleted: &DeletedEntry, deletion: Deletion) -> Item {
    let mut extensions = ExtensionMap::default();
    match deletion {
        Deletion::Status => {
            insert(&mut extensions, element("media:status", vec![("state", "deleted".to_owned())], None, vec![]));
        }
        Deletion::Expired => {
            let at = rfc3339(deleted.at);
            for name in ["dcterms:valid", "mi:expirationDate", "dcterms:modified"] {
                insert(&mut extensions, text(name, &at));
            }
        }
    }
    Item {
        title: Some("This article was retracted".to_owned()),
        guid: Some(Guid { value: deleted.id.to_string(), permalink: false }),
        pub_date: Some(rfc822(deleted.at)),
        extensions,
        ..Item::default()
    }
}

fn itunes_item(feed: &Feed, entry: &Entry, podcast: &Podcast) -> Option<ITunesItemExtension> {
    let media = entry.enclosure()?;
    Some(ITunesItemExtension {
        // No `itunes:author`: parsers would add the joined names to the authors of `dc:creator`.
        image: feed.picture(entry).map(|picture| picture.url.to_string()),
        duration: media.duration.map(|seconds| seconds.to_string()),
        explicit: Some(podcast.explicit.to_string()),
        ..ITunesItemExtension::default()
    })
}

/// The extension elements of an item: its modification date, its lead image, and media files besides the enclosure, of which RSS allows
/// only one.
fn item_extensions(feed: &Feed, entry: &Entry, signal: UpdateSignal) -> ExtensionMap {
    let mut map = ExtensionMap::default();
    if signal == UpdateSignal::Modified && entry.updated != entry.published {
        insert(&mut map, text("dcterms:modified", &rfc3339(entry.updated.timestamp())));
    }
    if let Some(picture) = picture(feed, entry) {
        insert(&mut map, picture);
    }
    let enclosed = entry.enclosure().map(|media| &media.url);
    for media in entry.media.iter().filter(|media| Some(&media.url) != enclosed) {
        let mut attributes = vec![("url", media.url.to_string()), ("type", media.media_type.to_string())];
        attributes.extend(media.medium().map(|medium| ("medium", medium.to_owned())));
        attributes.extend((media.length > 0).then(|| ("fileSize", media.length.to_string())));
        attributes.extend(media.width.map(|width| ("width", width.to_string())));
        attributes.extend(media.height.map(|height| ("height", height.to_string())));
        attributes.extend(media.duration.map(|duration| ("duration", duration.to_string())));
        insert(&mut map, element("media:content", attributes, None, vec![]));
    }
    if let Some(partner) = &feed.partner
        && partner.partner.rules().has_thumbnail
        && let Some(picture) = feed.picture(entry)
    {
        insert(&mut map, element("media:thumbnail", vec![("url", picture.url.to_string())], None, vec![]));
    }
    map
}

/// The lead image with its texts, and its smallest size as thumbnail.
fn picture(feed: &Feed, entry: &Entry) -> Option<Extension> {
    let image = entry.image.as_ref()?;
    let picture = feed.picture(entry)?;
    let attributes = super::picture_attributes(picture);
    let mut children: Vec<Extension> =
        [("title", &image.alt), ("description", &image.caption), ("credit", &image.credit)]
            .into_iter()
            .filter_map(|(name, words)| Some(text(&format!("media:{name}"), words.as_ref()?.as_str())))
            .collect();
    let smallest = image.of_width(0).unwrap_or(picture);
    children.push(element("media:thumbnail", super::thumbnail_attributes(smallest), None, vec![]));
    Some(element("media:content", attributes, None, children))
}

fn insert(map: &mut ExtensionMap, extension: Extension) {
    let (prefix, name) = extension.name.split_once(':').unwrap_or(("", &extension.name));
    let (prefix, name) = (prefix.to_owned(), name.to_owned());
    map.entry(prefix).or_default().entry(name).or_default().push(extension);
}

fn text(name: &str, value: &str) -> Extension {
    element(name, vec![], Some(value.to_owned()), vec![])
}

fn element(name: &str, attributes: Vec<(&str, String)>, value: Option<String>, children: Vec<Extension>) -> Extension {
    let attrs = attributes.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    let mut nested: BTreeMap<String, Vec<Extension>> = BTreeMap::new();
    for child in children {
        let name = child.name.rsplit(':').next().unwrap_or_default().to_owned();
        nested.entry(name).or_default().push(child);
    }
    Extension { name: name.to_owned(), value, attrs, children: nested }
}
