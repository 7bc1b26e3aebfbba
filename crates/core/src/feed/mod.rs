//! The neutral feed, and one encoder for each format: a function from [`Feed`] to bytes.
//!
//! How each format encodes each field:
//!
//! | field | RSS 2.0 | Atom | JSON Feed 1.1 |
//! |---|---|---|---|
//! | [`Feed::id`] | | `feed/id` | |
//! | [`Feed::title`] | `title` | `title` | `title` |
//! | [`Feed::description`] | `description` (the title where empty) | `subtitle` | `description` |
//! | [`Feed::home`] | `link` | `link rel=alternate` | `home_page_url` |
//! | [`Feed::url`] | `atom:link rel=self` | `link rel=self` | `feed_url` |
//! | [`Feed::language`] | `language` | `xml:lang` | `language` |
//! | [`Feed::updated`] | `lastBuildDate` | `updated` (the date of `site.tag_authority` while empty) | |
//! | [`Feed::publisher`] | `dc:creator` | `author` | `authors` |
//! | [`Feed::copyright`] | `copyright` | `rights` | |
//! | [`Feed::poll_minutes`] | `ttl`, `sy:updatePeriod`, `sy:updateFrequency` | | |
//! | [`Feed::skip_hours`], [`Feed::skip_days`] | `skipHours`, `skipDays` | | |
//! | [`Feed::icon`], [`Feed::logo`] | `image`: the icon, else the logo; `webfeeds:icon`, `webfeeds:logo` | `icon`, `logo` | `favicon`; `icon`: the logo, else the icon |
//! | [`Feed::accent_color`] | `webfeeds:accentColor` | | |
//! | [`Feed::podcast`] | `itunes:` author, category, image, explicit, owner, type | | |
//! | [`Feed::deleted`] | to partners that know it: `media:status`, or `dcterms:valid` and `mi:expirationDate` | `at:deleted-entry` (RFC 6721) | `_dateline.deleted` |
//! | [`Feed::archives`] | `atom:link` rel=prev-archive, next-archive, current; `fh:archive` | `link`, the same; `fh:archive` | `next_url`: the previous archive |
//! | [`Feed::hubs`] | `atom:link rel=hub` | `link rel=hub` | `hubs` |
//! | [`Feed::style`] | `xml-stylesheet` | `xml-stylesheet` | |
//! | [`Entry::id`] | `guid` | `id` | `id` |
//! | [`Entry::url`] | `link` | `link rel=alternate` | `url` |
//! | [`Entry::title`] | `title` | `title`, as HTML if it looks like markup | `title` |
//! | [`Entry::published`] | `pubDate` (UTC) | `published` | `date_published` |
//! | [`Entry::updated`] | `dcterms:modified` where it differs | `updated` | `date_modified` |
//! | [`Entry::authors`] | `dc:creator`, one each (`feeds.bylines`) | `author`, one each | `authors` |
//! | [`Entry::author_urls`] | | `author`: `uri` | `authors`: `url` |
//! | [`Entry::editors`] | `dc:contributor` | `contributor` | `_dateline.editors` |
//! | [`Entry::summary`] | `description` | `summary` | `summary`; `content_text` where there is no content |
//! | [`Entry::content`] | `content:encoded` | `content type=html` | `content_html` |
//! | [`Entry::tags`] | `category` | `category` | `tags` |
//! | [`Entry::section`] | `category domain`, slash-delimited | `category scheme`, slash-delimited | `_dateline.section` |
//! | [`Entry::language`], where it differs | `dc:language` | `xml:lang` on title, summary, content | `language` |
//! | [`Entry::image`] | `media:content` with `media:thumbnail`, `media:title`, `media:description`, `media:credit` | the same | `image`; `banner_image` where twice as wide as high; `_dateline.image_*` |
//! | [`Entry::media`] | the first sound or film: `enclosure`, last in its item; others `media:content` | `link rel=enclosure` | `attachments` |
//! | [`Entry::source`] | `source` where its feed is known, else `dc:source` | `source`, else `dc:source` | `_dateline.source`, `_dateline.source_feed` |
//! | [`Entry::copyright`] | `dc:rights` | `rights` | `_dateline.copyright` |
//!
//! # Which file contains what?
//!
//! `model` is the neutral feed. `rss`, `atom` and `json` encode one format each, `opml` the list of all feeds. `partner` adapts feeds to
//! the rules of platforms. `page` renders HTML pages, `import` reads the feed that dateline replaces and matches its items with articles.

mod atom;
pub mod import;
mod json;
mod model;
pub mod opml;
pub mod page;
pub mod partner;
mod rss;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::fmt;

pub use model::*;

use crate::encoding::{escape_attribute, escape_text};
use crate::types::{Text, WebUrl};

/// The formats in which a feed can be published.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Format {
    /// RSS 2.0, profile of the RSS Advisory Board.
    Rss,
    /// Atom, RFC 4287.
    Atom,
    /// JSON Feed 1.1.
    Json,
}

impl Format {
    /// All formats, in the order in which pages list them.
    pub const ALL: [Format; 3] = [Format::Rss, Format::Atom, Format::Json];

    /// The format's name in the configuration.
    pub fn name(self) -> &'static str {
        match self {
            Format::Rss => "rss",
            Format::Atom => "atom",
            Format::Json => "json",
        }
    }

    /// The last segment of the document's URL.
    pub fn file_name(self) -> &'static str {
        match self {
            Format::Rss => "rss.xml",
            Format::Atom => "atom.xml",
            Format::Json => "feed.json",
        }
    }

    /// The last segment of the URL of an archive.
    pub fn archive_name(self, archive: &str) -> String {
        format!("archive-{archive}.{}", self.file_name())
    }

    /// The archive and the format of the last segment of an archive's URL. `None` for any other segment.
    pub fn of_archive(name: &str) -> Option<(&str, Format)> {
        let (archive, file_name) = name.strip_prefix("archive-")?.split_once('.')?;
        Format::ALL.into_iter().find(|format| format.file_name() == file_name).map(|format| (archive, format))
    }

    /// The media type for links, without parameters.
    pub fn media_type(self) -> &'static str {
        match self {
            Format::Rss => "application/rss+xml",
            Format::Atom => "application/atom+xml",
            Format::Json => "application/feed+json",
        }
    }

    /// The Content-Type header field. JSON has no `charset` parameter (RFC 8259, section 11).
    pub fn content_type(self) -> &'static str {
        match self {
            Format::Rss => "application/rss+xml; charset=utf-8",
            Format::Atom => "application/atom+xml; charset=utf-8",
            Format::Json => "application/feed+json",
        }
    }
}

/// The feed's `generator`. Without a version, so that an upgrade alone changes no document.
pub const GENERATOR: &str = "dateline";
const MEDIA_NAMESPACE: &str = "http://search.yahoo.com/mrss/";
/// Feedly's extension.
const WEBFEEDS_NAMESPACE: &str = "http://webfeeds.org/rss/1.0";
const SYNDICATION_NAMESPACE: &str = "http://purl.org/rss/1.0/modules/syndication/";
const DUBLIN_CORE_TERMS_NAMESPACE: &str = "http://purl.org/dc/terms/";
const SMART_FORMAT_NAMESPACE: &str = "http://www.smartnews.be/snf";
const EXPIRATION_NAMESPACE: &str = "http://schemas.ingestion.microsoft.com/common/";
const TOMBSTONE_NAMESPACE: &str = "http://purl.org/atompub/tombstones/1.0";
const HISTORY_NAMESPACE: &str = "http://purl.org/syndication/history/1.0";
const DUBLIN_CORE_NAMESPACE: &str = "http://purl.org/dc/elements/1.1/";

/// Why a document couldn't be encoded.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EncodeError(pub String);

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for EncodeError {}

/// Encodes a feed in a format.
///
/// # Errors
/// If the format's crate fails, or the document contains a character that XML forbids.
pub fn encode(feed: &Feed, format: Format) -> Result<Vec<u8>, EncodeError> {
    #[cfg(test)]
    assert!(!feed.entries.iter().any(|entry| entry.content.as_str().contains(FAILS)));
    let document = match format {
        Format::Rss => rss::encode(feed)?,
        Format::Atom => atom::encode(feed)?,
        Format::Json => json::encode(feed)?,
    };
    check_characters(&document)?;
    Ok(match &feed.style {
        Some(style) if format != Format::Json => add_style_sheet(&document, style),
        _ => document,
    })
}

/// Encoding panics if an entry's content contains this text, for tests of the quarantine.
#[cfg(test)]
pub const FAILS: &str = "dateline-fails-to-encode-this";

/// A buffer of about the size of a feed's document, to avoid reallocations.
fn document_buffer(feed: &Feed) -> Vec<u8> {
    /// An estimate of the markup of a feed or an entry.
    const MARKUP_BYTES: usize = 1_024;
    /// An estimate: one byte in this many bytes of HTML needs an escape.
    const BYTES_PER_ESCAPE: usize = 16;
    let content = |entry: &Entry| match feed.content {
        ContentMode::Full => entry.content.as_str().len(),
        ContentMode::Summary => 0,
    };
    let texts = feed.entries.iter().map(|entry| entry.summary.as_str().len() + content(entry));
    let texts: usize = texts.sum();
    Vec::with_capacity(texts + texts / BYTES_PER_ESCAPE + (feed.entries.len() + 1) * MARKUP_BYTES)
}

/// Adds a processing instruction with the style sheet that browsers apply, after the XML declaration.
fn add_style_sheet(document: &[u8], style: &WebUrl) -> Vec<u8> {
    let end = document.windows(2).position(|bytes| bytes == b"?>").map_or(0, |at| at + 2);
    let (declaration, rest) = document.split_at(end);
    let href = attribute(style.as_str());
    let instruction = format!("\n<?xml-stylesheet type=\"text/css\" href=\"{href}\"?>\n");
    [declaration, instruction.as_bytes(), rest.trim_ascii_start()].concat()
}

/// The section of an entry as a category, outermost first (RSS 2.0: a slash-delimited path). `None` without a section.
fn section_category(entry: &Entry) -> Option<String> {
    let names: Vec<&str> = entry.section.iter().map(Text::as_str).collect();
    (!names.is_empty()).then(|| names.join("/"))
}

/// The title of an entry, which says in front that the story was corrected if the section is configured so.
fn title<'e>(feed: &Feed, entry: &'e Entry) -> Cow<'e, str> {
    match entry.is_corrected && !feed.correction_title.is_empty() {
        true => Cow::Owned(format!("{} {}", feed.correction_title, entry.title)),
        false => Cow::Borrowed(entry.title.as_str()),
    }
}

/// The authors of an entry as one name. `None` without authors.
fn joined_authors(entry: &Entry) -> Option<String> {
    let names: Vec<&str> = entry.authors.iter().map(Text::as_str).collect();
    (!names.is_empty()).then(|| names.join(", "))
}

/// The content of an entry. Starts with the lead image if the section is configured so and the content doesn't contain the image.
fn content_html<'e>(feed: &Feed, entry: &'e Entry) -> Option<Cow<'e, str>> {
    let content = entry.content.as_str();
    let unchanged = || Some(Cow::Borrowed(content)).filter(|content| !content.is_empty());
    let (Some(picture), Some(image)) = (feed.picture(entry), &entry.image) else {
        return lone_caption(feed, entry).map(Cow::Owned).or_else(unchanged);
    };
    let url = attribute(picture.url.as_str());
    let is_shown = image.files.iter().any(|file| content.contains(escape(file.url.as_str()).as_str()));
    if feed.lead_image == LeadImage::FieldsOnly || content.is_empty() || is_shown {
        return unchanged();
    }
    let alt = image.alt.as_ref().or(image.caption.as_ref()).map_or("", Text::as_str);
    let mut html = format!("<figure><img src=\"{url}\" alt=\"{}\"", attribute(alt));
    if let (Some(width), Some(height)) = (picture.width, picture.height) {
        html.push_str(&format!(" width=\"{width}\" height=\"{height}\""));
    }
    html.push('>');
    if let Some(caption) = caption_html(image) {
        html.push_str(&format!("<figcaption>{caption}</figcaption>"));
    }
    Some(Cow::Owned(html + "</figure>" + content))
}

/// The caption and the credit of a picture. `None` if it has neither.
fn caption_html(image: &EntryImage) -> Option<String> {
    let credit = image.credit.as_ref().map(|credit| escape(&format!("({credit})")));
    let words: Vec<String> =
        image.caption.as_ref().map(|caption| escape(caption.as_str())).into_iter().chain(credit).collect();
    (!words.is_empty()).then(|| words.join(" "))
}

/// The content with the caption of a missing picture, if the section is configured so.
fn lone_caption(feed: &Feed, entry: &Entry) -> Option<String> {
    let image =
        entry.image.as_ref().filter(|image| image.files.is_empty() && feed.lone_caption == LoneCaption::Text)?;
    Some(format!("<p>{}</p>{}", caption_html(image)?, entry.content))
}

/// The unescaped attributes of a picture's `media:content`.
fn picture_attributes(picture: &ImageFile) -> Vec<(&'static str, String)> {
    let mut attributes = vec![("url", picture.url.to_string()), ("medium", "image".to_owned())];
    attributes.extend(picture.media_type.as_ref().map(|media_type| ("type", media_type.to_string())));
    attributes.extend(picture.width.map(|width| ("width", width.to_string())));
    attributes.extend(picture.height.map(|height| ("height", height.to_string())));
    attributes.extend((picture.length > 0).then(|| ("fileSize", picture.length.to_string())));
    attributes
}

/// The unescaped attributes of `media:thumbnail`.
fn thumbnail_attributes(picture: &ImageFile) -> Vec<(&'static str, String)> {
    let mut attributes = vec![("url", picture.url.to_string())];
    attributes.extend(picture.width.map(|width| ("width", width.to_string())));
    attributes.extend(picture.height.map(|height| ("height", height.to_string())));
    attributes
}

/// Escapes text for HTML.
fn escape(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    escape_text(text, &mut html);
    html
}

/// Escapes a value for a double-quoted attribute.
fn attribute(value: &str) -> String {
    let mut html = String::with_capacity(value.len());
    escape_attribute(value, &mut html);
    html
}

/// Checks that a document contains only characters that XML allows (XML 1.0, section 2.2). A safety net: [`Text`] already guarantees that.
fn check_characters(document: &[u8]) -> Result<(), EncodeError> {
    if document.is_empty() {
        return Err(EncodeError("the document is empty".into()));
    }
    // Branch-free, so that the compiler vectorises the loop. Nearly all documents pass it.
    let is_control = |byte: u8| (byte < 0x20) & (byte != b'\t') & (byte != b'\n') & (byte != b'\r');
    if !document.iter().fold(false, |found, &byte| found | is_control(byte) | (byte == 0xEF)) {
        return Ok(());
    }
    let control = document.iter().position(|&byte| is_control(byte));
    let noncharacter = || document.windows(3).position(|bytes| matches!(bytes, [0xEF, 0xBF, 0xBE | 0xBF]));
    match control.or_else(noncharacter) {
        Some(at) => Err(EncodeError(format!("byte {at} is of a character that XML forbids"))),
        None => Ok(()),
    }
}
