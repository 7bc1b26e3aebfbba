//! The neutral feed: what all formats say, before any of them says it. One file per format, each a function from [`Feed`] to
//! bytes.

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
    /// The language, if it differs from the feed's.
    pub language: Option<Language>,
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
