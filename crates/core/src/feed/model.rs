//! The neutral feed and its entries: all data that any format or partner needs, independent of how a format encodes them.

use std::sync::Arc;

use jiff::Timestamp;

use super::Format;
use super::partner::Partner;
use crate::types::{EntryId, Language, Moment, Text, WebUrl};

/// Whether entries contain the whole article.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum ContentMode {
    /// The whole article.
    Full,
    /// The summary only; readers follow the link for the rest.
    Summary,
}

/// A feed, independent of its format.
#[derive(Clone, PartialEq, Debug)]
pub struct Feed {
    /// The permanent id, the same in all formats.
    pub id: EntryId,
    /// The feed's name.
    pub title: Text,
    /// The description. Empty if not configured.
    pub description: Text,
    /// The web page: the publisher's own page of the section, else dateline's.
    pub home: WebUrl,
    /// dateline's public base URL, the same for all feeds.
    pub site: WebUrl,
    /// The URL of the feed's page, ending in `/`. Documents are at this URL plus [`Format::file_name`].
    pub base: WebUrl,
    /// The formats in which the feed is published.
    pub formats: Vec<Format>,
    /// The language of entries that state none.
    pub language: Language,
    /// The latest change of any entry. `None` for a feed that never had an entry.
    pub updated: Option<Timestamp>,
    /// The date of a feed that never had an entry: that of `site.tag_authority`.
    pub founded: Timestamp,
    /// The author of entries without authors: the site's title.
    pub publisher: Text,
    /// The copyright notice of the feed.
    pub copyright: Option<Text>,
    /// How many minutes readers should wait between polls.
    pub poll_minutes: u32,
    /// Whether entries contain the whole article.
    pub content: ContentMode,
    /// Hours (GMT) in which readers needn't poll.
    pub skip_hours: Vec<u8>,
    /// English names of days on which readers needn't poll.
    pub skip_days: Vec<&'static str>,
    /// A landscape image for the feed.
    pub logo: Option<WebUrl>,
    /// A square image for the feed.
    pub icon: Option<WebUrl>,
    /// The publication's colour, as `RRGGBB`.
    pub accent_color: Option<Text>,
    /// How RSS and Atom list several authors.
    pub bylines: Bylines,
    /// The beginning of the titles of corrected stories. May be empty.
    pub correction_title: Text,
    /// The preferred width of entries' pictures (pixels).
    pub image_width: u32,
    /// The place of the lead image.
    pub lead_image: LeadImage,
    /// The treatment of a caption without its picture.
    pub lone_caption: LoneCaption,
    /// How RSS announces corrections.
    pub update_signal: UpdateSignal,
    /// The channel's podcast tags, for podcasts.
    pub podcast: Option<Podcast>,
    /// The style sheet for browsers, if feeds are served as `application/xml`.
    pub style: Option<WebUrl>,
    /// The hubs that push this feed to subscribers. Empty for partner feeds.
    pub hubs: Vec<WebUrl>,
    /// The partner that this feed is for. `None` for the public feed.
    pub partner: Option<PartnerFeed>,
    /// The entries, newest first.
    pub entries: Vec<Arc<Entry>>,
    /// Recently retracted entries, newest first.
    pub deleted: Vec<DeletedEntry>,
    /// Notices in the places of retracted entries, newest first. Not counted in the window.
    pub notices: Vec<Arc<Entry>>,
    /// Where the feed's archives are. Empty for partner feeds.
    pub archives: ArchiveLinks,
}

/// The archives next to a document of a feed, each by the part of its file name after `archive-` (RFC 5005, section 4).
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ArchiveLinks {
    /// The archive that the document is. `None`: it's the subscription document.
    pub own: Option<String>,
    /// The archive before it.
    pub previous: Option<String>,
    /// The archive after it.
    pub next: Option<String>,
}

/// How RSS and Atom list several authors.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Bylines {
    /// In an element each, as the profiles ask.
    Each,
    /// In one element, for readers that show only one.
    Joined,
}

/// A retracted entry that readers may still show (RFC 6721).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DeletedEntry {
    /// The id that readers know.
    pub id: EntryId,
    /// When the article was retracted.
    pub at: Timestamp,
    /// The reason, if it is public.
    pub reason: Option<Text>,
    /// How public feeds tell their readers.
    pub form: DeletedForm,
}

/// How a feed tells its readers that an entry is retracted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DeletedForm {
    /// By a notice in place of the story. Atom has no tombstone beside it, because both would have the same id.
    Notice,
    /// By a tombstone.
    Tombstone,
    /// By a tombstone, after a notice that ended at this time. Partners had their own form meanwhile.
    AfterNotice(Timestamp),
}

impl DeletedEntry {
    /// When the feed last changed because of this entry.
    pub fn changed(&self) -> Timestamp {
        self.tombstone().unwrap_or(self.at)
    }

    /// The time of the entry's tombstone (`when`). It is later than the notice before it. `None` if the feed has a notice.
    pub(super) fn tombstone(&self) -> Option<Timestamp> {
        match self.form {
            DeletedForm::Notice => None,
            DeletedForm::Tombstone => Some(self.at),
            DeletedForm::AfterNotice(end) => Some(end),
        }
    }

    /// About how many bytes the tombstone takes in a document.
    pub fn written_bytes(&self) -> usize {
        /// The elements and the date.
        const MARKUP_BYTES: usize = 160;
        MARKUP_BYTES + self.id.as_str().len() + self.reason.as_ref().map_or(0, |reason| reason.as_str().len())
    }
}

/// A feed for a partner.
#[derive(Clone, PartialEq, Debug)]
pub struct PartnerFeed {
    /// The last segment of its URL.
    pub file_name: String,
    /// The partner, whose rules the feed follows.
    pub partner: Partner,
    /// How the feed announces corrections.
    pub update_signal: UpdateSignal,
}

/// How a feed announces that an article was corrected.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum UpdateSignal {
    /// A new `pubDate`.
    PubDate,
    /// A new `dcterms:modified` beside the old `pubDate`.
    Modified,
    /// A correction isn't announced: only the text changes.
    None,
}

/// The place of an article's lead image.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LeadImage {
    /// In the fields for images only.
    FieldsOnly,
    /// Also at the top of the content, for readers that ignore those fields.
    InContent,
}

/// The treatment of the caption of a picture that isn't there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LoneCaption {
    /// Only the extension of JSON Feed has it.
    Omit,
    /// The caption is the first paragraph of the content.
    Text,
}

/// The fields that podcast directories require of a channel.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Podcast {
    /// The artwork: square, 1400 to 3000 pixels.
    pub image: WebUrl,
    /// One of Apple's categories: `News`.
    pub category: Text,
    /// One of its subcategories: `Daily News`.
    pub subcategory: Option<Text>,
    /// The author. The publication's name if not configured.
    pub author: Option<Text>,
    /// The contact's name, for directories.
    pub owner: Option<Text>,
    /// The contact's email address, for directories.
    pub email: Option<Text>,
    /// Whether the podcast is for adults only.
    pub explicit: bool,
    /// `episodic` or `serial`.
    pub kind: &'static str,
}

impl Feed {
    /// The public URL of one format of this feed (`rel="self"`), or of this archive.
    pub fn url(&self, format: Format) -> String {
        match (&self.partner, &self.archives.own) {
            (Some(partner), _) => format!("{}{}", self.base, partner.file_name),
            (None, Some(archive)) => self.archive_url(archive, format),
            (None, None) => format!("{}{}", self.base, format.file_name()),
        }
    }

    /// The public URL of one of the feed's archives.
    fn archive_url(&self, archive: &str, format: Format) -> String {
        format!("{}{}", self.base, format.archive_name(archive))
    }

    /// The links between the feed's archives in one format: the relation and the URL of each.
    pub(super) fn archive_links(&self, format: Format) -> Vec<(&'static str, String)> {
        let ArchiveLinks { own, previous, next } = &self.archives;
        let current = own.as_ref().map(|_| ("current", format!("{}{}", self.base, format.file_name())));
        let url = |archive: &String| self.archive_url(archive, format);
        let previous = previous.as_ref().map(|archive| ("prev-archive", url(archive)));
        current.into_iter().chain(previous).chain(next.as_ref().map(|archive| ("next-archive", url(archive)))).collect()
    }

    /// The Link field (RFC 8288) of the feed in one format: its hubs and its own URL (WebSub, section 4). `None` without a hub.
    pub fn discovery_links(&self, format: Format) -> Option<Text> {
        let hubs = self.hubs.iter().map(|hub| format!("<{hub}>; rel=\"hub\", "));
        let itself = format!("<{}>; rel=\"self\"", self.url(format));
        (!self.hubs.is_empty()).then(|| Text::new(&format!("{}{itself}", hubs.collect::<String>())))
    }

    /// Entries and notices in the order in which readers see them, newest first, and whether each is a notice.
    pub(super) fn items(&self) -> impl Iterator<Item = (&Entry, bool)> {
        let mut entries = self.entries.iter().peekable();
        let mut notices = self.notices.iter().peekable();
        let key = |entry: &Arc<Entry>| (std::cmp::Reverse(entry.published.second()), entry.id.clone());
        std::iter::from_fn(move || {
            let takes_notice = match (entries.peek(), notices.peek()) {
                (Some(entry), Some(notice)) => key(notice) < key(entry),
                (entry, _) => entry.is_none(),
            };
            match takes_notice {
                true => notices.next().map(|notice| (&**notice, true)),
                false => entries.next().map(|entry| (&**entry, false)),
            }
        })
    }

    /// The language of an entry if it differs from the feed's.
    pub(super) fn differing_language<'e>(&self, entry: &'e Entry) -> Option<&'e Language> {
        Some(&entry.language).filter(|language| **language != self.language)
    }

    /// The size of an entry's picture that suits this feed.
    pub(super) fn picture<'e>(&self, entry: &'e Entry) -> Option<&'e ImageFile> {
        entry.image.as_ref()?.of_width(self.image_width)
    }
}

impl Entry {
    /// The file that RSS readers download: the first audio or video file. Never a picture, which readers would show twice.
    pub fn enclosure(&self) -> Option<&EntryMedia> {
        self.media.iter().find(|media| matches!(media.medium(), Some("audio" | "video")))
    }

    /// The page of an author, if it is known.
    pub(super) fn author_url(&self, author: &Text) -> Option<&WebUrl> {
        self.author_urls.iter().find(|(name, _)| name == author).map(|(_, url)| url)
    }
}

impl EntryMedia {
    /// The `medium` of Media RSS for this media type.
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

/// An entry of a feed, called item in RSS and JSON Feed. Rendered, with absolute URLs only.
#[derive(Clone, PartialEq, Debug)]
pub struct Entry {
    /// The permanent id, the same in all formats and feeds.
    pub id: EntryId,
    /// The article's web page.
    pub url: WebUrl,
    /// One line of plain text.
    pub title: Text,
    /// First publication.
    pub published: Moment,
    /// Last significant change, never before `published`.
    pub updated: Moment,
    /// The authors in the order of the byline.
    pub authors: Vec<Text>,
    /// The authors' own pages, as far as they're known.
    pub author_urls: Vec<(Text, WebUrl)>,
    /// The editors.
    pub editors: Vec<Text>,
    /// Plain text, never empty: the title if the article has no text.
    pub summary: Text,
    /// The whole article as sanitised HTML.
    pub content: Text,
    /// The tags.
    pub tags: Vec<Text>,
    /// The titles of the section and its ancestors, outermost first: `Technology`, `Chips`.
    pub section: Vec<Text>,
    /// The language. Formats state it if it differs from the feed's.
    pub language: Language,
    /// The lead image.
    pub image: Option<EntryImage>,
    /// Audio, video and further pictures.
    pub media: Vec<EntryMedia>,
    /// The agency or publication that the article was taken from.
    pub source: Option<EntrySource>,
    /// The copyright notice of the article.
    pub copyright: Option<Text>,
    /// Whether a correction of the story is due.
    pub is_corrected: bool,
    /// Whether the content was left out to keep the document within its size limit.
    pub is_reduced: bool,
}

/// The agency or publication that an article was taken from.
#[derive(Clone, PartialEq, Debug)]
pub struct EntrySource {
    /// Its name.
    pub name: Text,
    /// The source's feed, if known.
    pub feed: Option<WebUrl>,
}

/// The lead image of an entry.
#[derive(Clone, PartialEq, Debug)]
pub struct EntryImage {
    /// The available sizes, the article's first choice first. Empty if the article gives only a caption.
    pub files: Vec<ImageFile>,
    /// Alternative text.
    pub alt: Option<Text>,
    /// The caption: what the picture shows.
    pub caption: Option<Text>,
    /// The photographer or agency.
    pub credit: Option<Text>,
}

/// A file of a picture in one size.
#[derive(Clone, PartialEq, Debug)]
pub struct ImageFile {
    /// The file's public URL.
    pub url: WebUrl,
    /// The MIME type, if known.
    pub media_type: Option<Text>,
    /// The length in bytes. 0 if unknown.
    pub length: u64,
    /// Pixels, if known.
    pub width: Option<u32>,
    /// Pixels, if known.
    pub height: Option<u32>,
}

impl EntryImage {
    /// The smallest size of at least this width, else the widest. The first if no width is known.
    pub fn of_width(&self, wanted: u32) -> Option<&ImageFile> {
        let known = || self.files.iter().filter_map(|file| Some((file.width?, file)));
        let wide_enough = known().filter(|(width, _)| *width >= wanted).min_by_key(|(width, _)| *width);
        // Reversed because `max_by_key` returns the last of equal sizes.
        let widest = || known().rev().max_by_key(|(width, _)| *width);
        wide_enough.or_else(widest).map(|(_, file)| file).or(self.files.first())
    }
}

/// An audio, video or picture file of an entry.
#[derive(Clone, PartialEq, Debug)]
pub struct EntryMedia {
    /// The file's public URL.
    pub url: WebUrl,
    /// The MIME type.
    pub media_type: Text,
    /// The length in bytes. 0 if unknown.
    pub length: u64,
    /// Pixels, if known.
    pub width: Option<u32>,
    /// Pixels, if known.
    pub height: Option<u32>,
    /// The duration in seconds, if known.
    pub duration: Option<u64>,
}
