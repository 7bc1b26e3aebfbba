//! What readers see: one immutable [`Snapshot`], swapped whole. A request loads it once and needs nothing else.

mod document;

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;

use crate::config::Address;
use crate::diagnostics::Diagnostic;
use crate::feed::Format;
use crate::types::{ArticlePath, ContentHash, EntryId, Language, Moment, Text, WebUrl};
pub use document::{Coded, Codings, DocumentSink, Fields, MemoryCounter, Resource, ResourceKind, Whole};

/// Everything that is published at one moment.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// Grows by one with every swap; 0 before the first. What is there before the first is of the last run.
    pub generation: u64,
    /// The path of `site.url` without its last slash: `""` or `/news`. Requests come with and without it.
    pub prefix: Arc<str>,
    /// Feed documents, section pages and OPML, by canonical request path below the prefix: `/technology/rss.xml`.
    /// Canonical: each segment percent-encoded as `types::encode_segment` does.
    pub documents: imbl::HashMap<Arc<str>, Arc<Resource>>,
    /// The articles whose text is in the documents of each feed, by the feed's canonical request path. The next start compares their
    /// files with these versions before it shows the documents again; those of a feed that is not listed here are not shown again.
    pub sources: imbl::HashMap<Arc<str>, Sources>,
    /// Articles that dateline serves pages for, by short id. Empty where `content.article_url` is set.
    pub articles: imbl::HashMap<Arc<str>, Arc<PublishedArticle>>,
    /// Articles that were public here and are not any more, by short id.
    pub gone: imbl::HashMap<Arc<str>, Arc<Gone>>,
    /// Addresses under which something was published once, the most particular first. They count where nothing is now.
    pub former: Arc<[RetiredAddress]>,
    /// Files that published articles refer to, by canonical path below `/media/`.
    pub media: imbl::HashMap<Arc<str>, ArticlePath>,
    /// What is wrong at the moment, and how much there is.
    pub report: Arc<Report>,
}

/// The articles that the documents of one feed show.
pub type Sources = Arc<[Arc<PublishedArticle>]>;

/// An address under which something was published once.
#[derive(Clone, Debug)]
pub struct RetiredAddress {
    /// It, and what became of it.
    pub address: Address,
    /// Where that is gone: an empty feed in each format that says so.
    pub farewell: Vec<(Format, Bytes)>,
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
    /// Whether readers get only the free part of its text, and no enclosures.
    pub is_teaser: bool,
    /// Whether feeds have it. Search engines are asked not to list the page of one that is unlisted.
    pub is_listed: bool,
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
    pub fn states(&self) -> [(&'static str, usize); 9] {
        let Hidden { drafts, undated, scheduled, expired, restricted, retracted, id_taken, listings: _ } = self.hidden;
        let known = [self.published, drafts, undated, scheduled, expired, restricted, retracted, id_taken];
        let refused = self.articles.saturating_sub(known.into_iter().sum());
        [
            ("public", self.published),
            ("draft", drafts),
            ("undated", undated),
            ("scheduled", scheduled),
            ("expired", expired),
            ("restricted", restricted),
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
    /// Private, or paid and left out.
    pub restricted: usize,
    /// Withdrawn.
    pub retracted: usize,
    /// Another article has their id, or another version of them withholds them.
    pub id_taken: usize,
    /// Pages of folders that are no articles, and are not counted among them.
    pub listings: usize,
}
