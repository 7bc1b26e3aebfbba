//! The published state: one immutable [`Snapshot`], replaced as a whole. A request loads it once.

mod document;

use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;

use crate::article::HiddenMedia;
use crate::config::{Address, FeedTool};
use crate::diagnostics::Diagnostic;
use crate::feed::Format;
pub use crate::feed::page::PageFrame;
use crate::ledger::archive::{Archive, ArchiveName};
use crate::ledger::dormant::Retired;
use crate::types::{ArticlePath, ContentHash, EntryId, Language, Moment, Text, WebUrl};
pub use document::{BuiltDocument, Resource, ResourceKind};

/// Everything published at one moment.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// Grows by one with every publication. 0 before the first: the snapshot then holds documents saved by the previous run.
    pub generation: u64,
    /// The path of `site.url` without its last slash: `""` or `/news`. Requests may omit it.
    pub prefix: Arc<str>,
    /// Feeds, pages and OPML, by canonical request path below the prefix: `/technology/rss.xml`. In a canonical path each
    /// segment is percent-encoded as `encoding::encode_segment` does.
    pub documents: imbl::HashMap<Arc<str>, Arc<Resource>>,
    /// The articles whose text is in the documents of each feed, by the feed's path. After a restart, saved documents are served only if
    /// the files of these articles are unchanged; documents of feeds that aren't listed here aren't served.
    pub shown_articles: imbl::HashMap<Arc<str>, ShownArticles>,
    /// The archives of each feed, by the feed's path.
    pub archives: imbl::HashMap<Arc<str>, Arc<FeedArchives>>,
    /// Articles with a page of their own, by short id. Empty if `content.article_url` is set.
    pub articles: imbl::HashMap<Arc<str>, Arc<PublishedArticle>>,
    /// Articles that were public and no longer are, by short id.
    pub gone: imbl::HashMap<Arc<str>, Arc<GoneArticle>>,
    /// The retraction times of dormant articles, by short id. [`Snapshot::gone`] takes precedence.
    pub retired: Retired,
    /// Addresses that are no longer published, most specific first. Current documents take precedence.
    pub retired_addresses: Arc<[RetiredAddress]>,
    /// The targets of other addresses, where nothing else is.
    pub fallbacks: Arc<Fallbacks>,
    /// Files that published articles refer to, by canonical path below `/media/`.
    pub media: imbl::HashMap<Arc<str>, ArticlePath>,
    /// Those of agencies' items in windows. The state directory keeps copies of them, because the agency's folder may be cleaned up.
    pub kept_media: imbl::HashMap<Arc<str>, ArticlePath>,
    /// The number of the last row of the journal that this snapshot agrees with.
    pub journaled: u64,
    /// Grows when an entry may look different, whether or not a window shows it or a row of the journal tells of it.
    pub entries_version: u64,
    /// Current problems and counts.
    pub report: Arc<Report>,
}

/// The articles whose text is in the documents of one feed.
pub type ShownArticles = Arc<[Arc<PublishedArticle>]>;

/// The targets of addresses where nothing else is.
#[derive(Clone, Debug, Default)]
pub struct Fallbacks {
    /// `site.url`, under which redirects lead.
    pub base: Option<WebUrl>,
    /// The tools whose feed addresses redirect to the feeds, the first one first.
    pub feed_aliases: Vec<FeedTool>,
    /// The picture at `/favicon.ico`.
    pub icon: Option<WebUrl>,
}

/// The archives of a feed. They are built when they are requested.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FeedArchives {
    /// The formats in which the feed is published.
    pub formats: Vec<Format>,
    /// Whether the output directory has the archives.
    pub is_written: bool,
    /// The archives, oldest first.
    pub archives: imbl::Vector<PublishedArchive>,
}

/// An archive of a feed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PublishedArchive {
    /// Its names and members.
    pub archive: Arc<Archive>,
    /// Changes whenever the document may have changed.
    pub version: u64,
}

/// The address of one version of an archive's document.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct ArchiveAddress {
    /// The path of the feed.
    pub feed: Arc<str>,
    /// The name. An archive has further names from when it had fewer members.
    pub name: ArchiveName,
    /// The version of the archive.
    pub version: u64,
}

impl FeedArchives {
    /// Finds the archive that has or had a name.
    pub fn find(&self, name: ArchiveName) -> Option<&PublishedArchive> {
        let (mut low, mut high) = (0, self.archives.len());
        while low < high {
            let middle = low.midpoint(high);
            match self.archives.get(middle)?.archive.last() < name.last {
                true => low = middle + 1,
                false => high = middle,
            }
        }
        self.archives.get(low).filter(|found| found.archive.names().contains(&name))
    }
}

/// A former address (`[[moved]]` or `[[gone]]`).
#[derive(Clone, Debug)]
pub struct RetiredAddress {
    /// The address, and where it moved or that it is gone.
    pub address: Address,
    /// For gone addresses: the final document of the feed in each format.
    pub final_documents: Vec<(Format, Bytes)>,
}

/// A public article: what its page needs besides the body.
#[derive(Clone, PartialEq, Debug)]
pub struct PublishedArticle {
    /// The last segment of its URL: `<slug>-<short id>`, not percent-encoded.
    pub name: Text,
    /// Its id.
    pub id: EntryId,
    /// Its public URL.
    pub url: WebUrl,
    /// The page at whose root addresses such as `/img/x.png` in its text begin: its own, unless dateline serves it.
    pub root: WebUrl,
    /// Its file.
    pub path: ArticlePath,
    /// The content hash of the published version.
    pub hash: ContentHash,
    /// When it was first published.
    pub published: Moment,
    /// When it last changed significantly.
    pub updated: Moment,
    /// When notices of its agency corrected it, oldest first.
    pub corrections: Box<[Moment]>,
    /// Its language.
    pub language: Language,
    /// Whether readers get only the free part of the text, and no enclosures.
    pub is_teaser: bool,
    /// Whether feeds list the article. The page of an unlisted article asks search engines not to index it.
    pub is_listed: bool,
    /// The files of the article that readers may not see. `None`: all may be seen.
    pub hidden: Option<Box<HiddenMedia>>,
    /// The public URLs of the articles that its text links to by their files.
    pub links: Arc<Vec<(ArticlePath, WebUrl)>>,
    /// The parts that its page shares with other pages of its section.
    pub frame: Arc<PageFrame>,
}

/// An article that was retracted or has expired. Its URL responds 410.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GoneArticle {
    /// When it was retracted; `None` if it expired.
    pub retracted: Option<Timestamp>,
    /// The public reason, if any.
    pub reason: Option<Text>,
}

/// Counts and current problems, for the status page and `check`.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Report {
    /// Known articles, including drafts and refused ones.
    pub articles: usize,
    /// Public articles.
    pub published: usize,
    /// Articles that aren't public, counted by reason.
    pub hidden: HiddenCounts,
    /// Feeds. A feed may have several formats.
    pub feeds: usize,
    /// The files of stories that wait for an editor.
    pub held: imbl::OrdSet<ArticlePath>,
    /// Current problems, sorted by place.
    pub problems: Vec<Diagnostic>,
}

impl Report {
    /// The number of articles in each state.
    pub fn states(&self) -> [(&'static str, usize); 11] {
        let hidden = &self.hidden;
        let mut states = [
            ("public", self.published),
            ("draft", hidden.drafts),
            ("undated", hidden.undated),
            ("scheduled", hidden.scheduled),
            ("expired", hidden.expired),
            ("restricted", hidden.restricted),
            ("retracted", hidden.retracted),
            ("id-taken", hidden.id_taken),
            ("older-version", hidden.older_versions),
            ("held", hidden.held),
            ("refused", 0),
        ];
        let known: usize = states.iter().map(|(_, count)| count).sum();
        if let Some((_, refused)) = states.last_mut() {
            *refused = self.articles.saturating_sub(known);
        }
        states
    }
}

/// Articles that readers don't see, counted by reason.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct HiddenCounts {
    /// `draft: true`
    pub drafts: usize,
    /// Articles without a date and without a recorded first-seen time.
    pub undated: usize,
    /// Publication date or end of embargo in the future.
    pub scheduled: usize,
    /// Public until they expired.
    pub expired: usize,
    /// Private, or paid and left out.
    pub restricted: usize,
    /// Retracted.
    pub retracted: usize,
    /// Another article has their id, or another version of the article withholds them.
    pub id_taken: usize,
    /// Older versions of agencies' items.
    pub older_versions: usize,
    /// Stories that wait for an editor, without those of which readers see an earlier version.
    pub held: usize,
    /// Section index pages. They aren't articles and aren't counted as such.
    pub listings: usize,
}
