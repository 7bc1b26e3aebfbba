//! Encodes JSON Feed 1.1 with serde. The structs mirror the format and are used only here.

use std::borrow::Cow;

use serde::Serialize;

use super::{ContentMode, EncodeError, Entry, Feed, Format, content_html};
use crate::types::{WebUrl, rfc3339};

#[derive(Serialize)]
struct JsonFeed<'f> {
    version: &'static str,
    title: &'f str,
    home_page_url: &'f str,
    feed_url: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_url: Option<String>,
    #[serde(skip_serializing_if = "str::is_empty")]
    description: &'f str,
    #[serde(skip_serializing_if = "Option::is_none")]
    icon: Option<&'f str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    favicon: Option<&'f str>,
    authors: Vec<JsonAuthor<'f>>,
    language: &'f str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    hubs: Vec<JsonHub<'f>>,
    items: Vec<JsonItem<'f>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    _dateline: Option<JsonFeedExtension<'f>>,
}

#[derive(Serialize)]
struct JsonFeedExtension<'f> {
    /// The same as the `at:deleted-entry` elements in Atom.
    deleted: Vec<JsonDeleted<'f>>,
}

#[derive(Serialize)]
struct JsonDeleted<'f> {
    id: &'f str,
    date_deleted: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'f str>,
}

#[derive(Serialize)]
struct JsonHub<'f> {
    #[serde(rename = "type")]
    kind: &'static str,
    url: &'f str,
}

#[derive(Serialize)]
struct JsonAuthor<'f> {
    name: &'f str,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<&'f str>,
}

#[derive(Serialize)]
struct JsonItem<'f> {
    id: &'f str,
    url: &'f str,
    title: Cow<'f, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_html: Option<Cow<'f, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_text: Option<&'f str>,
    #[serde(skip_serializing_if = "str::is_empty")]
    summary: &'f str,
    #[serde(skip_serializing_if = "Option::is_none")]
    image: Option<&'f str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    banner_image: Option<&'f str>,
    date_published: String,
    date_modified: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    authors: Vec<JsonAuthor<'f>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tags: Vec<&'f str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    language: Option<&'f str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    attachments: Vec<JsonAttachment<'f>>,
    /// The fields that the other formats have and JSON Feed doesn't.
    #[serde(skip_serializing_if = "JsonExtension::is_empty")]
    _dateline: JsonExtension<'f>,
}

#[derive(Serialize)]
struct JsonAttachment<'f> {
    url: &'f str,
    mime_type: &'f str,
    #[serde(skip_serializing_if = "Option::is_none")]
    size_in_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    duration_in_seconds: Option<u64>,
}

#[derive(Serialize)]
struct JsonExtension<'f> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    section: Vec<&'f str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    editors: Vec<&'f str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<&'f str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source_feed: Option<&'f str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    copyright: Option<&'f str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    image_alt: Option<&'f str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    image_caption: Option<&'f str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    image_credit: Option<&'f str>,
}

impl JsonExtension<'_> {
    fn is_empty(&self) -> bool {
        let lists = self.section.is_empty() && self.editors.is_empty();
        let texts =
            [self.source, self.source_feed, self.copyright, self.image_alt, self.image_caption, self.image_credit];
        lists && texts.iter().all(Option::is_none)
    }
}

pub(super) fn encode(feed: &Feed) -> Result<Vec<u8>, EncodeError> {
    let previous = feed.archive_links(Format::Json).into_iter().find(|(rel, _)| *rel == "prev-archive");
    let document = JsonFeed {
        version: "https://jsonfeed.org/version/1.1",
        title: feed.title.as_str(),
        home_page_url: feed.home.as_str(),
        feed_url: feed.url(Format::Json),
        next_url: previous.map(|(_, url)| url),
        description: feed.description.as_str(),
        icon: feed.logo.as_ref().or(feed.icon.as_ref()).map(|url| url.as_str()),
        favicon: feed.icon.as_ref().map(|url| url.as_str()),
        authors: vec![JsonAuthor { name: feed.publisher.as_str(), url: None }],
        language: feed.language.as_str(),
        hubs: feed.hubs.iter().map(|hub| JsonHub { kind: "WebSub", url: hub.as_str() }).collect(),
        items: feed.items().map(|(entry, _)| item(feed, entry)).collect(),
        _dateline: (!feed.deleted.is_empty()).then(|| JsonFeedExtension {
            deleted: feed
                .deleted
                .iter()
                .map(|deleted| JsonDeleted {
                    id: deleted.id.as_str(),
                    date_deleted: rfc3339(deleted.at),
                    reason: deleted.reason.as_ref().map(|reason| reason.as_str()),
                })
                .collect(),
        }),
    };
    let mut bytes = super::document_buffer(feed);
    serde_json::to_writer(&mut bytes, &document).map_err(|error| EncodeError(error.to_string()))?;
    bytes.push(b'\n');
    Ok(bytes)
}

fn item<'f>(feed: &Feed, entry: &'f Entry) -> JsonItem<'f> {
    let content = content_html(feed, entry).filter(|_| feed.content == ContentMode::Full);
    let image = entry.image.as_ref();
    let picture = feed.picture(entry);
    // A landscape picture wide enough for a page header.
    let banner = picture.filter(|picture| picture.width.zip(picture.height).is_some_and(is_banner));
    let optional_text = |text: Option<&'f crate::types::Text>| text.map(crate::types::Text::as_str);
    JsonItem {
        id: entry.id.as_str(),
        url: entry.url.as_str(),
        title: super::title(feed, entry),
        content_text: content.is_none().then(|| entry.summary.as_str()),
        content_html: content,
        summary: entry.summary.as_str(),
        image: picture.map(|picture| picture.url.as_str()),
        banner_image: banner.map(|picture| picture.url.as_str()),
        date_published: entry.published.rfc3339(),
        date_modified: entry.updated.rfc3339(),
        authors: entry
            .authors
            .iter()
            .map(|author| JsonAuthor { name: author.as_str(), url: entry.author_url(author).map(WebUrl::as_str) })
            .collect(),
        tags: entry.tags.iter().map(|tag| tag.as_str()).collect(),
        language: feed.differing_language(entry).map(|language| language.as_str()),
        attachments: entry
            .media
            .iter()
            .map(|media| JsonAttachment {
                url: media.url.as_str(),
                mime_type: media.media_type.as_str(),
                size_in_bytes: (media.length > 0).then_some(media.length),
                duration_in_seconds: media.duration,
            })
            .collect(),
        _dateline: JsonExtension {
            section: entry.section.iter().map(|title| title.as_str()).collect(),
            editors: entry.editors.iter().map(|editor| editor.as_str()).collect(),
            source: optional_text(entry.source.as_ref().map(|source| &source.name)),
            source_feed: entry.source.as_ref().and_then(|source| source.feed.as_ref()).map(|url| url.as_str()),
            copyright: optional_text(entry.copyright.as_ref()),
            image_alt: optional_text(image.and_then(|image| image.alt.as_ref())),
            image_caption: optional_text(image.and_then(|image| image.caption.as_ref())),
            image_credit: optional_text(image.and_then(|image| image.credit.as_ref())),
        },
    }
}

fn is_banner((width, height): (u32, u32)) -> bool {
    width >= 1_000 && width >= height.saturating_mul(2)
}
