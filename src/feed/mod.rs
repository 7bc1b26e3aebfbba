//! The neutral feed: what all formats say, before any of them says it. One file per format, each a function from [`Feed`] to
//! bytes.
//!
//! How each format spells each field:
//!
//! | field | RSS 2.0 | Atom | JSON Feed 1.1 |
//! |---|---|---|---|
//! | [`Feed::id`] | | `feed/id` | |
//! | [`Feed::title`] | `title` | `title` | `title` |
//! | [`Feed::description`] | `description` (the title where empty) | `subtitle` | `description` |
//! | [`Feed::home`] | `link` | `link rel=alternate` | `home_page_url` |
//! | [`Feed::url`] | `atom:link rel=self` | `link rel=self` | `feed_url` |
//! | [`Feed::language`] | `language` | `xml:lang` | `language` |
//! | [`Feed::updated`] | `lastBuildDate` | `updated` (1970 while empty) | |
//! | [`Feed::publisher`] | | `author` | `authors` |
//! | [`Feed::copyright`] | `copyright` | `rights` | |
//! | [`Feed::poll_minutes`] | `ttl` | | |
//! | [`Entry::id`] | `guid` | `id` | `id` |
//! | [`Entry::url`] | `link` | `link rel=alternate` | `url` |
//! | [`Entry::title`] | `title` | `title` | `title` |
//! | [`Entry::published`] | `pubDate` (UTC) | `published` | `date_published` |
//! | [`Entry::updated`] | | `updated` | `date_modified` |
//! | [`Entry::authors`] | `dc:creator`, one each | `author`, one each | `authors` |
//! | [`Entry::editors`] | `dc:contributor` | `contributor` | `_dateline.editors` |
//! | [`Entry::summary`] | `description` | `summary` | `summary`; `content_text` in summary feeds |
//! | [`Entry::content`] | `content:encoded` | `content type=html` | `content_html` |
//! | [`Entry::tags`] | `category` | `category` | `tags` |
//! | [`Entry::section`] | `category domain`, slash-delimited | `category scheme` | `_dateline.section` |
//! | [`Entry::language`], where it differs | `dc:language` | `xml:lang` on title, summary, content | `language` |
//! | [`Entry::image`] | `media:content` with title, description, credit | the same | `image`, `_dateline.image_*` |
//! | [`Entry::media`] | the first sound or film: `enclosure`; others `media:content` | `link rel=enclosure` | `attachments` |
//! | [`Entry::source`] | `dc:source` (`source` needs a feed's URL, which we do not know) | `dc:source` | `_dateline.source` |
//! | [`Entry::copyright`] | `dc:rights` | `rights` | `_dateline.copyright` |

mod atom;
mod json;
pub mod opml;
pub mod page;
mod rss;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;

use crate::types::{EntryId, Language, Moment, Text, WebUrl};

/// The formats a section can be published in.
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
    /// Every format, in the order in which pages list them.
    pub const ALL: [Format; 3] = [Format::Rss, Format::Atom, Format::Json];

    /// The name in the configuration.
    pub fn name(self) -> &'static str {
        match self {
            Format::Rss => "rss",
            Format::Atom => "atom",
            Format::Json => "json",
        }
    }

    /// The last segment of its URL.
    pub fn file_name(self) -> &'static str {
        match self {
            Format::Rss => "rss.xml",
            Format::Atom => "atom.xml",
            Format::Json => "feed.json",
        }
    }

    /// The media type without parameters, as links state it.
    pub fn media_type(self) -> &'static str {
        match self {
            Format::Rss => "application/rss+xml",
            Format::Atom => "application/atom+xml",
            Format::Json => "application/feed+json",
        }
    }

    /// The Content-Type header. RFC 8259 section 11 defines no charset for JSON.
    pub fn content_type(self) -> &'static str {
        match self {
            Format::Rss => "application/rss+xml; charset=utf-8",
            Format::Atom => "application/atom+xml; charset=utf-8",
            Format::Json => "application/feed+json",
        }
    }
}

/// Whether entries carry the whole article.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum ContentMode {
    /// The article.
    Full,
    /// Its summary; the link leads to the rest.
    Summary,
}

/// A feed, independent of its format.
#[derive(Clone, PartialEq, Debug)]
pub struct Feed {
    /// The same for the feed's life and in all formats.
    pub id: EntryId,
    /// The feed's name.
    pub title: Text,
    /// What it is about; empty where nobody said.
    pub description: Text,
    /// The page for people: the publisher's own page of the section, else dateline's.
    pub home: WebUrl,
    /// dateline's public base, the same for all feeds.
    pub site: WebUrl,
    /// dateline's own URL of the section, ending in `/`; feed URLs are this plus [`Format::file_name`].
    pub base: WebUrl,
    /// The formats it is published in.
    pub formats: Vec<Format>,
    /// The language of the entries that state none.
    pub language: Language,
    /// The latest change of any entry; `None` while there is no entry.
    pub updated: Option<Timestamp>,
    /// Who answers for entries without authors: the site's title.
    pub publisher: Text,
    /// Rights of the feed.
    pub copyright: Option<Text>,
    /// Minutes that a reader may wait between polls.
    pub poll_minutes: u32,
    /// Whether entries carry the whole article.
    pub content: ContentMode,
    /// Newest first.
    pub entries: Vec<Arc<Entry>>,
}

/// What `generator` says. No version, so that an upgrade changes no document by itself.
pub const GENERATOR: &str = "dateline";
const MEDIA_NAMESPACE: &str = "http://search.yahoo.com/mrss/";
const DUBLIN_CORE_NAMESPACE: &str = "http://purl.org/dc/elements/1.1/";

/// Why a document could not be made. The last good one stays.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EncodeError(pub String);

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for EncodeError {}

/// The document of a feed in a format.
///
/// # Errors
/// When the format's crate refuses, or the document carries a byte that XML forbids.
pub fn encode(feed: &Feed, format: Format) -> Result<Vec<u8>, EncodeError> {
    let document = match format {
        Format::Rss => rss::encode(feed)?,
        Format::Atom => atom::encode(feed)?,
        Format::Json => json::encode(feed)?,
    };
    inspect(&document)?;
    Ok(document)
}

/// The last gate: [`Text`] lets nothing forbidden in, and what did not go through it is found here (rule X-04).
fn inspect(document: &[u8]) -> Result<(), EncodeError> {
    if document.is_empty() {
        return Err(EncodeError("the document is empty".into()));
    }
    let control = document.iter().position(|&byte| byte < 0x20 && !matches!(byte, b'\t' | b'\n' | b'\r'));
    let noncharacter = || document.windows(3).position(|bytes| matches!(bytes, [0xEF, 0xBF, 0xBE | 0xBF]));
    match control.or_else(noncharacter) {
        Some(at) => Err(EncodeError(format!("byte {at} is of a character that XML forbids"))),
        None => Ok(()),
    }
}

/// The language of an entry, where it is not the feed's.
fn differing_language<'e>(feed: &Feed, entry: &'e Entry) -> Option<&'e Language> {
    Some(&entry.language).filter(|language| **language != feed.language)
}

impl Entry {
    /// The one file that RSS readers download: the first sound or film. Pictures would be shown twice (rule E-04).
    pub fn enclosure(&self) -> Option<&EntryMedia> {
        self.media.iter().find(|media| matches!(media.medium(), Some("audio" | "video")))
    }
}

impl EntryMedia {
    /// The `medium` of Media RSS, by the type.
    pub fn medium(&self) -> Option<&'static str> {
        let (kind, _) = self.media_type.as_str().split_once('/')?;
        match kind {
            "image" => Some("image"),
            "audio" => Some("audio"),
            "video" => Some("video"),
            "application" | "text" => Some("document"),
            _ => None,
        }
    }
}

impl Feed {
    /// The public URL of one format of this feed (`rel="self"`).
    pub fn url(&self, format: Format) -> String {
        format!("{}{}", self.base, format.file_name())
    }
}

/// An entry of a feed, called item in RSS and JSON Feed; rendered, with absolute URLs only.
#[derive(Clone, PartialEq, Debug)]
pub struct Entry {
    /// The same in all formats and in every feed, for ever.
    pub id: EntryId,
    /// The page for people.
    pub url: WebUrl,
    /// Plain text, one line.
    pub title: Text,
    /// First publication.
    pub published: Moment,
    /// Last significant change, never before `published`.
    pub updated: Moment,
    /// In the order of the byline.
    pub authors: Vec<Text>,
    /// Those who edited it.
    pub editors: Vec<Text>,
    /// Plain text, never empty unless the article is.
    pub summary: Text,
    /// The whole article, sanitised HTML.
    pub content: Text,
    /// Tags.
    pub tags: Vec<Text>,
    /// Titles of the own section and its ancestors, outermost first: `Technology`, `Chips`.
    pub section: Vec<Text>,
    /// The language; formats state it where it differs from the feed's.
    pub language: Language,
    /// The lead image.
    pub image: Option<EntryImage>,
    /// Audio, video and further pictures.
    pub media: Vec<EntryMedia>,
    /// The agency or paper it was taken from.
    pub source: Option<Text>,
    /// Rights of this entry.
    pub copyright: Option<Text>,
}

/// The lead image of an entry.
#[derive(Clone, PartialEq, Debug)]
pub struct EntryImage {
    /// Where readers load it; `None` for a picture that is only captioned.
    pub url: Option<WebUrl>,
    /// Its MIME type, where known.
    pub media_type: Option<Text>,
    /// For those who cannot see it.
    pub alt: Option<Text>,
    /// What it shows.
    pub caption: Option<Text>,
    /// Who took it.
    pub credit: Option<Text>,
}

/// Another file of an entry.
#[derive(Clone, PartialEq, Debug)]
pub struct EntryMedia {
    /// Where readers load it.
    pub url: WebUrl,
    /// Its MIME type.
    pub media_type: Text,
    /// Its length in bytes, 0 where unknown.
    pub length: u64,
    /// Its duration in seconds, where known.
    pub duration: Option<u64>,
}
