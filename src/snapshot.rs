//! What readers see: one immutable [`Snapshot`], swapped whole. A request loads it once and needs nothing else.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use jiff::Timestamp;

use crate::config::Address;
use crate::diag::Diagnostic;
use crate::feed::Format;
use crate::meter::Counter;
use crate::types::{ArticlePath, ContentHash, EntryId, Language, Moment, Text, WebUrl};

/// Everything that is published at one moment.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// Grows by one with every swap; 0 before the first.
    pub generation: u64,
    /// The path of `site.url` without its last slash: `""` or `/news`. Requests come with and without it.
    pub prefix: Arc<str>,
    /// Feed documents, section pages and OPML, by canonical request path below the prefix: `/technology/rss.xml`.
    /// Canonical: each segment percent-encoded as `types::encode_segment` does.
    pub documents: imbl::HashMap<Arc<str>, Arc<Resource>>,
    /// Articles that dateline serves pages for, by short id. Empty where `content.article_url` is set.
    pub articles: imbl::HashMap<Arc<str>, Arc<PublishedArticle>>,
    /// Articles that were public here and are not any more, by short id.
    pub gone: imbl::HashMap<Arc<str>, Arc<Gone>>,
    /// Addresses under which something was published once, the most particular first. They count where nothing is now.
    pub former: Arc<[Former]>,
    /// Files that published articles refer to, by canonical path below `/media/`.
    pub media: imbl::HashMap<Arc<str>, ArticlePath>,
    /// What is wrong at the moment, and how much there is.
    pub report: Arc<Report>,
}

/// An address under which something was published once.
#[derive(Clone, Debug)]
pub struct Former {
    /// It, and what became of it.
    pub address: Address,
    /// Where that is gone: an empty feed in each format that says so.
    pub farewell: Vec<(Format, Bytes)>,
}

/// One document: bytes, and all that HTTP needs to know of them.
#[derive(Debug)]
pub struct Resource {
    /// What it is.
    pub kind: ResourceKind,
    /// The identity bytes.
    pub bytes: Bytes,
    /// Hash of `bytes`.
    pub hash: ContentHash,
    /// When the content last changed; `None` while nothing dates it.
    pub last_modified: Option<Timestamp>,
    /// How long a cache may keep it (seconds).
    pub max_age: u32,
    /// When the newest of its entries was published, of the page of a feed.
    pub newest: Option<Timestamp>,
    /// Where else what it is about is, as a Link field says it (RFC 8288): of a page, its feeds.
    pub links: Option<Text>,
    /// The answers in each content coding, made on first use.
    pub codings: Codings,
    /// Where requests for its feed are counted, once one came.
    pub requests: OnceLock<Counter>,
}

/// What a resource is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ResourceKind {
    /// A feed document.
    Feed(Format),
    /// A feed document that browsers are to show, in its style sheet.
    ShownFeed(Format),
    /// The style sheet of such feeds.
    Style,
    /// The list of all feeds.
    Opml,
    /// A page for people.
    Page,
}

impl ResourceKind {
    /// What metrics call it.
    pub fn name(self) -> &'static str {
        match self {
            ResourceKind::Feed(format) | ResourceKind::ShownFeed(format) => match format {
                Format::Rss => "rss",
                Format::Atom => "atom",
                Format::Json => "json",
            },
            ResourceKind::Style => "style",
            ResourceKind::Opml => "opml",
            ResourceKind::Page => "page",
        }
    }

    /// The Content-Type header.
    pub fn content_type(self) -> &'static str {
        match self {
            ResourceKind::Feed(format) | ResourceKind::ShownFeed(format @ Format::Json) => format.content_type(),
            ResourceKind::ShownFeed(Format::Rss | Format::Atom) => "application/xml; charset=utf-8",
            ResourceKind::Style => "text/css; charset=utf-8",
            ResourceKind::Opml => "text/x-opml; charset=utf-8",
            ResourceKind::Page => "text/html; charset=utf-8",
        }
    }
}

impl Resource {
    /// A document of these bytes.
    pub fn new(kind: ResourceKind, bytes: Vec<u8>, last_modified: Option<Timestamp>, max_age: u32) -> Resource {
        let hash = ContentHash::of(&bytes);
        Resource {
            kind,
            bytes: bytes.into(),
            hash,
            last_modified,
            max_age,
            newest: None,
            links: None,
            codings: Codings::default(),
            requests: OnceLock::new(),
        }
    }

    /// A page that announces feeds in its Link field as in its text.
    #[must_use]
    pub fn announcing(mut self, feeds: &[(Text, String, Format)]) -> Resource {
        let link = |(_, url, format): &(Text, String, Format)| {
            format!("<{url}>; rel=\"alternate\"; type=\"{}\"", format.media_type())
        };
        self.links = Some(feeds.iter().map(link).collect::<Vec<_>>().join(", "))
            .filter(|links| !links.is_empty())
            .map(|links| Text::line(&links));
        self
    }
}

/// The codings of one document. Filled in place: what is in them is a function of the document, so every reader sees the same,
/// and a coding that nobody asks for costs nothing.
#[derive(Debug, Default)]
pub struct Codings {
    /// The bytes as they are.
    pub identity: Coded,
    /// `gzip`
    pub gzip: Coded,
    /// `br`
    pub brotli: Coded,
    /// `zstd`
    pub zstd: Coded,
}

/// A document in one coding.
#[derive(Debug, Default)]
pub struct Coded {
    /// The header fields that it has in common with others.
    pub fields: OnceLock<Arc<Fields>>,
    /// What a 200 has of its own; `None` where the encoder failed.
    pub whole: OnceLock<Option<Box<Whole>>>,
    /// Where 304s are counted, and 200s.
    pub answers: [OnceLock<Counter>; 2],
}

/// Header fields that many documents have in common. What is of each document, and Date, is there with a value that stands for it.
#[derive(Debug)]
pub struct Fields {
    /// Of a 304.
    pub unmodified: HeaderMap,
    /// Of a 200.
    pub whole: HeaderMap,
}

/// What a 200 has of its own.
#[derive(Debug)]
pub struct Whole {
    /// Coded.
    pub bytes: Bytes,
    /// Content-Length
    pub length: HeaderValue,
    /// Last-Modified
    pub last_modified: Option<HeaderValue>,
    /// Link
    pub links: Option<HeaderValue>,
}

/// A public article: where it is, since when, and in which surroundings.
#[derive(Clone, PartialEq, Debug)]
pub struct PublishedArticle {
    /// The last segment of its URL here: `<slug>-<short id>`, not percent-encoded.
    pub name: Text,
    /// Its id.
    pub id: EntryId,
    /// Its public URL.
    pub url: WebUrl,
    /// Its file.
    pub path: ArticlePath,
    /// The version of it that is public.
    pub hash: ContentHash,
    /// First publication.
    pub published: Moment,
    /// Last significant change.
    pub updated: Moment,
    /// The language it is written in.
    pub language: Language,
    /// What its page has in common with those of its section.
    pub frame: Arc<PageFrame>,
}

/// An article that was taken from its readers: its page says so.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Gone {
    /// When; `None` where it expired.
    pub retracted: Option<Timestamp>,
    /// Why, if that is public.
    pub reason: Option<Text>,
}

/// What the pages of one section have in common.
#[derive(Clone, PartialEq, Debug)]
pub struct PageFrame {
    /// The publication's name.
    pub site_title: Text,
    /// dateline's public base.
    pub site_url: WebUrl,
    /// The own section and those above it: title and page, outermost first; the root is not among them.
    pub trail: Vec<(Text, WebUrl)>,
    /// The feeds that its pages announce (autodiscovery), the own section's first: title, URL, format.
    pub feeds: Vec<(Text, String, Format)>,
    /// The feeds of agencies and papers, by name in lower case.
    pub sources: Arc<BTreeMap<Text, WebUrl>>,
}

/// The state of the newsroom, for the status line and `check`.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Report {
    /// Articles known, drafts and refused ones included.
    pub articles: usize,
    /// Articles that are public.
    pub published: usize,
    /// Of those that are not public, why: how many of each.
    pub hidden: Hidden,
    /// Feeds, each in one or more formats.
    pub feeds: usize,
    /// What is wrong now, sorted by place.
    pub problems: Vec<Diagnostic>,
}

impl Report {
    /// How many articles are in which state.
    pub fn states(&self) -> [(&'static str, usize); 8] {
        let Hidden { drafts, undated, scheduled, expired, retracted, id_taken } = self.hidden;
        let known = [self.published, drafts, undated, scheduled, expired, retracted, id_taken];
        let refused = self.articles.saturating_sub(known.into_iter().sum());
        [
            ("public", self.published),
            ("draft", drafts),
            ("undated", undated),
            ("scheduled", scheduled),
            ("expired", expired),
            ("retracted", retracted),
            ("id-taken", id_taken),
            ("refused", refused),
        ]
    }
}

/// Articles that readers do not see, by why.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Hidden {
    /// `draft: true`
    pub drafts: usize,
    /// Without a date, and nothing remembers when they were first seen.
    pub undated: usize,
    /// Their date or the end of their embargo is still to come.
    pub scheduled: usize,
    /// They were public until they expired.
    pub expired: usize,
    /// Withdrawn.
    pub retracted: usize,
    /// Another article has their id.
    pub id_taken: usize,
}
