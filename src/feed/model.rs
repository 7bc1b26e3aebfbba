//! The neutral feed and its entries: everything that any format or partner says, without saying how.

use std::sync::Arc;

use jiff::Timestamp;

use super::Format;
use super::partner::Partner;
use crate::types::{EntryId, Language, Moment, Text, WebUrl};

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
    /// Hours (GMT) in which readers need not come.
    pub skip_hours: Vec<u8>,
    /// English names of days on which readers need not come.
    pub skip_days: Vec<&'static str>,
    /// A small picture for the feed: a wide one.
    pub logo: Option<WebUrl>,
    /// A small picture for the feed: a square one.
    pub icon: Option<WebUrl>,
    /// The width of entries' pictures that is wanted (pixels).
    pub image_width: u32,
    /// Where the lead image goes.
    pub lead_image: LeadImage,
    /// How corrections show in RSS.
    pub update_signal: UpdateSignal,
    /// What makes it a podcast.
    pub podcast: Option<Podcast>,
    /// The style sheet that lets browsers show it, where it is served as `application/xml`.
    pub style: Option<WebUrl>,
    /// The feed for one partner; `None` for the public one.
    pub partner: Option<PartnerFeed>,
    /// Newest first.
    pub entries: Vec<Arc<Entry>>,
    /// What was retracted lately, newest first.
    pub deleted: Vec<DeletedEntry>,
}

/// An article that readers of the feed may have and should no longer show (RFC 6721, rules T-01 to T-04).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DeletedEntry {
    /// Under which they know it.
    pub id: EntryId,
    /// When it was retracted.
    pub at: Timestamp,
    /// Why, if that is public.
    pub reason: Option<Text>,
}

impl DeletedEntry {
    /// About how many bytes it takes in a document.
    pub fn written_bytes(&self) -> usize {
        /// The elements around them, and the date.
        const MARKUP_BYTES: usize = 160;
        MARKUP_BYTES + self.id.as_str().len() + self.reason.as_ref().map_or(0, |reason| reason.as_str().len())
    }
}

/// What is different in a feed for a partner.
#[derive(Clone, PartialEq, Debug)]
pub struct PartnerFeed {
    /// The last segment of its URL.
    pub file_name: String,
    /// Whose rules it follows.
    pub partner: Partner,
    /// How a correction shows.
    pub update_signal: UpdateSignal,
}

/// How a feed tells a partner that an article was corrected.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum UpdateSignal {
    /// A new `pubDate`.
    PubDate,
    /// A new `dcterms:modified` beside the old `pubDate`.
    Modified,
    /// Not at all: only the text is new.
    None,
}

/// Where the lead image of an article goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LeadImage {
    /// Into the fields for images only.
    Beside,
    /// At the top of the content too, for readers that show nothing else.
    InContent,
}

/// What directories of podcasts ask of a channel.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Podcast {
    /// The artwork: square, 1400 to 3000 pixels.
    pub image: WebUrl,
    /// One of Apple's categories: `News`.
    pub category: Text,
    /// One of its subcategories: `Daily News`.
    pub subcategory: Option<Text>,
    /// Who makes it; the publication where nobody is named.
    pub author: Option<Text>,
    /// Whom directories write to.
    pub owner: Option<Text>,
    /// Where they write to.
    pub email: Option<Text>,
    /// Whether it is only for adults.
    pub explicit: bool,
    /// `episodic` or `serial`.
    pub kind: &'static str,
}

impl Feed {
    /// The public URL of one format of this feed (`rel="self"`).
    pub fn url(&self, format: Format) -> String {
        let file_name = self.partner.as_ref().map_or(format.file_name(), |partner| &partner.file_name);
        format!("{}{file_name}", self.base)
    }

    /// The language of an entry, where it is not the feed's.
    pub(super) fn differing_language<'e>(&self, entry: &'e Entry) -> Option<&'e Language> {
        Some(&entry.language).filter(|language| **language != self.language)
    }

    /// The size of an entry's picture that this feed wants.
    pub(super) fn picture<'e>(&self, entry: &'e Entry) -> Option<&'e ImageFile> {
        entry.image.as_ref()?.of_width(self.image_width)
    }
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
    /// Plain text, never empty: the title where the article has no text.
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
    pub source: Option<EntrySource>,
    /// Rights of this entry.
    pub copyright: Option<Text>,
    /// Whether the content was left out, because with it no document would stay within its limit.
    pub reduced: bool,
}

/// The agency or paper an entry was taken from.
#[derive(Clone, PartialEq, Debug)]
pub struct EntrySource {
    /// Its name.
    pub name: Text,
    /// Its feed, where known.
    pub feed: Option<WebUrl>,
}

/// The lead image of an entry.
#[derive(Clone, PartialEq, Debug)]
pub struct EntryImage {
    /// Its sizes, the one that the article names first; empty for a picture that is only captioned.
    pub files: Vec<ImageFile>,
    /// For those who cannot see it.
    pub alt: Option<Text>,
    /// What it shows.
    pub caption: Option<Text>,
    /// Who took it.
    pub credit: Option<Text>,
}

/// One size of a picture.
#[derive(Clone, PartialEq, Debug)]
pub struct ImageFile {
    /// Where readers load it.
    pub url: WebUrl,
    /// Its MIME type, where known.
    pub media_type: Option<Text>,
    /// Its length in bytes, 0 where unknown.
    pub length: u64,
    /// Pixels, where known.
    pub width: Option<u32>,
    /// Pixels, where known.
    pub height: Option<u32>,
}

impl EntryImage {
    /// The smallest size that is at least so wide, else the widest; the first where widths are unknown.
    pub fn of_width(&self, wanted: u32) -> Option<&ImageFile> {
        let known = || self.files.iter().filter_map(|file| Some((file.width?, file)));
        let wide_enough = known().filter(|(width, _)| *width >= wanted).min_by_key(|(width, _)| *width);
        // `max_by_key` gives the last of equals; the article's first is meant.
        let widest = || known().rev().max_by_key(|(width, _)| *width);
        wide_enough.or_else(widest).map(|(_, file)| file).or(self.files.first())
    }
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
    /// Pixels, where known.
    pub width: Option<u32>,
    /// Pixels, where known.
    pub height: Option<u32>,
    /// Its duration in seconds, where known.
    pub duration: Option<u64>,
}
