//! An article as the index keeps it: where it belongs, whether readers can see it, and under which id.

use std::sync::Arc;

use super::placement::Placement;
use crate::article::NoticeAction;
use crate::encoding::encode_segment;
use crate::ledger::{ArticleFacts, VersionRank};
use crate::types::{ArticlePath, ContentHash, EntryId, Moment};

/// Whether readers can see an article, and why not.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Visibility {
    /// Readers can see it. The id is `None` if it is the article's preferred id, as for nearly all articles.
    Public(Option<Box<EntryId>>),
    /// The file says that it's a draft, or its agency withholds it.
    Draft,
    /// The article states no date, and has none in the ledger or `content.undated` omits it.
    Undated,
    /// Becomes public at this instant: its date, or the end of its embargo.
    Scheduled(Moment),
    /// Expired at this instant.
    Expired(Moment),
    /// A private article, or a paid one where `content.paid` is `omit`.
    Restricted,
    /// The page of a section, or of a folder with other articles: not an article itself.
    Listing,
    /// Retracted by its file or by an operator.
    Retracted,
    /// The article in this file already has the id that this one states.
    IdTaken(Box<ArticlePath>),
    /// The file at this path is another version of the same item and withholds it.
    Superseded(Box<ArticlePath>),
    /// The file at this path has a newer version of the same item.
    OlderVersion(Box<ArticlePath>),
}

/// An article in the index.
#[derive(Clone, Debug)]
pub struct IndexedArticle {
    /// The article's placement and the feeds that include it. No feeds if it isn't public and never was.
    pub(super) feed_set: Arc<FeedSet>,
    /// Whether readers can see it.
    pub visibility: Visibility,
    /// First publication and last change. Equal if no change is stated or the change is still to come. A retracted article keeps its dates
    /// while it keeps its id.
    pub dates: Option<(Moment, Moment)>,
    pub(super) path: ArticlePath,
    /// The id the article should have. Other articles may prefer the same one.
    pub(super) preferred_id: EntryId,
    /// How strong its claim to that id is. `None` if the article doesn't need an id.
    pub(super) claim: Option<IdClaim>,
    /// Whether the file states the id.
    pub(super) states_id: bool,
    /// The version of an agency's item. `None` for nearly all articles.
    pub(super) version: Option<Box<IndexedVersion>>,
    /// When notices of its agency corrected it, oldest first. Empty for nearly all articles.
    pub corrections: Box<[Moment]>,
    /// Whether the file states when the article last changed.
    pub states_update: bool,
    /// Whether the article refers to files in the content directory, or has an agency's terms for pictures.
    pub names_files: bool,
    /// Whether the article is in the index's pending changes.
    pub(super) is_changed: bool,
}

impl IndexedArticle {
    /// The id under which readers see the article. `None` if it isn't public.
    pub fn id(&self) -> Option<&EntryId> {
        match &self.visibility {
            Visibility::Public(id) => Some(id.as_deref().unwrap_or(&self.preferred_id)),
            _ => None,
        }
    }

    /// The path of its file.
    pub fn path(&self) -> &ArticlePath {
        &self.path
    }

    /// The section that the article belongs to.
    pub fn placement(&self) -> &Placement {
        &self.feed_set.placement
    }

    /// Whether the article is public exactly as the ledger records it: same id, same version, same publication date.
    pub fn matches_ledger(&self, facts: &ArticleFacts, version: ContentHash) -> bool {
        let (Some(id), Some((published, _))) = (self.id(), self.dates) else { return false };
        facts.id.as_ref() == Some(id)
            && facts.is_live()
            && facts.date() == Some(published.timestamp())
            && facts.hash() == Some(version)
    }

    /// Whether publication can skip the article: it matches the ledger and has nothing to report.
    pub fn needs_no_update(&self, facts: &ArticleFacts, version: ContentHash) -> bool {
        self.matches_ledger(facts, version) && self.needs_no_report()
    }

    /// Whether the article is public, refers to no files and has no diagnostics (`Index::diagnostics`).
    pub fn needs_no_report(&self) -> bool {
        self.id().is_some() && !self.names_files && self.placement().diagnostics.is_empty() && !self.has_path_suffix()
    }

    /// Whether the id ends in the file's path, because another article has the id that would be minted.
    pub(super) fn has_path_suffix(&self) -> bool {
        let Some(id) = self.id() else { return false };
        // Cheap test first: nearly no id ends in a file extension.
        if self.states_id || !id.as_str().ends_with(&encode_segment(self.path.extension())) {
            return false;
        }
        let path: Vec<String> = self.path.to_string().split('/').map(encode_segment).collect();
        let minted = id.as_str().strip_suffix(path.join("/").as_str()).and_then(|minted| minted.strip_suffix('/'));
        // A slug precedes the path.
        minted.is_some_and(|minted| minted.contains('/'))
    }

    /// The id that the file states.
    pub fn stated_id(&self) -> Option<&EntryId> {
        self.states_id.then_some(&self.preferred_id)
    }
}

/// A version of an agency's item.
#[derive(Clone, Debug)]
pub(super) struct IndexedVersion {
    /// The place in the order of the item's versions, before the path.
    pub(super) rank: VersionRank,
    /// The hash of the file. An agency may send the same file again under another name.
    pub(super) hash: ContentHash,
    /// Whether the ledger knows this file as the item's.
    pub(super) is_holder: bool,
    /// Whether the version neither retracts nor withholds the item.
    pub(super) is_usable: bool,
    /// Whether the version retracts the item.
    pub(super) retracts: bool,
    /// Whether the file states a retraction, or the ledger knows that the item is retracted.
    pub(super) is_retracted: bool,
    /// The file of the item's article according to the ledger, if it is lost, with its version.
    pub(super) behind: Option<(ArticlePath, Option<VersionRank>)>,
}

/// A notice about an article.
#[derive(Clone, Debug)]
pub(super) struct IndexedAgencyNotice {
    pub(super) action: NoticeAction,
    pub(super) time: Option<Moment>,
    /// When it was made (Unix seconds).
    pub(super) second: Option<i64>,
    pub(super) is_item: bool,
}

/// How strong an article's claim to an id is, strongest first. Among equal claims the earlier publication wins, then the path.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum IdClaim {
    /// The ledger records this id for this file: readers know it.
    Recorded,
    /// The file states the id.
    Explicit,
    /// Minted from date, section and slug.
    Minted,
}

/// An article's placement, and the feeds that include it while it is public. Shared by articles of one folder.
#[derive(Clone, Debug)]
pub(super) struct FeedSet {
    pub(super) placement: Arc<Placement>,
    pub(super) feeds: Box<[FeedNumber]>,
}

/// A feed's position in the index. Valid for the lifetime of the index.
pub type FeedNumber = u32;
