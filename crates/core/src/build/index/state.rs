//! The state of the index. The methods that change it are in the other files of this folder.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use jiff::Timestamp;

use crate::article::WithheldMedia;
use crate::build::address;
use crate::build::feed_limits::{Admission, Admissions};
use crate::build::indexed_article::{FeedNumber, FeedSet, IndexedAgencyNotice, IndexedArticle, Visibility};
use crate::build::order::{Order, OrderKey};
use crate::build::placement::{FeedKey, SectionRules};
use crate::slab::{Slab, SlotId, SlotIndex};
use crate::snapshot::HiddenCounts;
use crate::types::{ArticlePath, EntryId, SectionPath};

/// All articles, the order of every feed, and which article has which id.
#[derive(Debug)]
pub struct Index {
    pub(super) rules: Arc<SectionRules>,
    pub(super) articles: Slab<IndexedArticle>,
    pub(super) by_path: SlotIndex,
    /// The articles that claim an id, by that id. Nearly every id has one claimant.
    pub(super) by_preferred_id: SlotIndex,
    /// The feed sets of articles that depend only on the folder, by folder.
    pub(super) feed_sets_by_folder: HashMap<Box<str>, Arc<FeedSet>>,
    pub(super) feeds: Vec<FeedState>,
    pub(super) by_key: BTreeMap<FeedKey, FeedNumber>,
    /// The tags and authors whose feeds would have the address of a section.
    pub(super) displaced: BTreeSet<FeedKey>,
    /// How many feeds of tags and of authors there are, and which were refused.
    pub(super) tags: Admissions,
    pub(super) authors: Admissions,
    /// Feeds of tags and authors that have lost their last article since the last publication.
    pub(super) emptied: BTreeSet<FeedKey>,
    /// Future instants at which an article must be added again, because its visibility or its dates change.
    pub(super) due: BTreeSet<(Timestamp, ArticlePath)>,
    pub(super) due_by_path: HashMap<ArticlePath, Vec<Timestamp>>,
    /// Pages of folders that aren't articles.
    pub(super) listings: HashSet<ArticlePath>,
    /// How many articles are in folders that bear a section's old name, by that name.
    pub(super) old_folders: BTreeMap<SectionPath, usize>,
    /// Files that withhold an item, each with the id it states, and the reverse.
    pub(super) withholding: HashMap<ArticlePath, EntryId>,
    pub(super) withheld_by: BTreeMap<EntryId, BTreeSet<ArticlePath>>,
    /// Agencies' notices by file, by the id of the article that they are about.
    pub(super) agency_notices: BTreeMap<EntryId, BTreeMap<ArticlePath, IndexedAgencyNotice>>,
    /// Files that were overwritten, according to the ledger, while no daemon ran.
    pub(super) overwritten: Vec<ArticlePath>,
    /// Items whose versions changed since the last call of [`Index::take_changed_items`].
    pub(super) changed_items: BTreeSet<EntryId>,
    /// When windows change without any new article.
    pub(super) window_ends: BTreeSet<(Timestamp, FeedKey)>,
    pub(super) public_count: usize,
    pub(super) hidden_counts: HiddenCounts,
    pub(super) changes: Changes,
    /// The slots of changed articles that still exist.
    pub(super) changed: Vec<SlotId>,
    /// The last instant passed.
    pub(super) now: Timestamp,
    /// The files that agencies' items about pictures withhold.
    pub(super) withheld_media: Arc<WithheldMedia>,
}

/// The changes since the last call of [`Index::take_changes`].
#[derive(Debug, Default)]
pub struct Changes {
    /// Feeds whose window changed.
    pub feeds: BTreeSet<FeedKey>,
    /// Articles whose visibility, feeds or content changed, including removed ones. In no order.
    pub articles: Vec<ArticlePath>,
    /// Articles that left their feeds, even if they came back since, with the feeds that included them.
    pub left: BTreeMap<ArticlePath, Vec<FeedKey>>,
    /// Articles that joined feeds and were in none before. An article may have left those feeds since. Empty for a new index.
    pub joined: HashSet<ArticlePath>,
    /// Whether the index is new, so that no article has left a feed of it.
    pub is_new_index: bool,
}

/// A feed and its articles.
#[derive(Debug)]
pub(super) struct FeedState {
    pub(super) key: FeedKey,
    pub(super) order: Order,
    /// When the window next changes without any new article.
    pub(super) ends: Option<Timestamp>,
    /// Whether the feed is in the pending changes.
    pub(super) is_changed: bool,
    /// Whether the feed fits under the limit of its taxonomy. Sections are always admitted.
    pub(super) admission: Admission,
    /// Whether readers know the feed of a tag or an author that has no articles any more.
    pub(super) is_kept: bool,
}

impl FeedState {
    /// Whether the feed exists. Feeds of tags and authors exist from their first article on, for as long as readers know them.
    pub(super) fn exists(&self) -> bool {
        self.admission == Admission::Admitted
            && (!self.order.is_empty() || self.is_kept || matches!(self.key, FeedKey::Section(_)))
    }
}

impl Index {
    /// An empty index with capacity for `articles`. All configured feeds exist from the start.
    pub fn new(rules: Arc<SectionRules>, articles: usize) -> Index {
        let sections = rules.config().sections.iter().map(|section| FeedKey::Section(section.path.clone()));
        let keys: BTreeSet<FeedKey> = sections.chain([FeedKey::Section(Default::default())]).collect();
        let displaced = keys.iter().filter_map(|key| address::term_feed(&address::route(key))).collect();
        let mut index = Index {
            rules,
            displaced,
            articles: Slab::default(),
            by_path: SlotIndex::default(),
            by_preferred_id: SlotIndex::default(),
            feed_sets_by_folder: HashMap::new(),
            feeds: Vec::new(),
            by_key: BTreeMap::new(),
            tags: Admissions::default(),
            authors: Admissions::default(),
            emptied: BTreeSet::new(),
            due: BTreeSet::new(),
            due_by_path: HashMap::new(),
            listings: HashSet::new(),
            old_folders: BTreeMap::new(),
            withholding: HashMap::new(),
            withheld_by: BTreeMap::new(),
            agency_notices: BTreeMap::new(),
            overwritten: Vec::new(),
            changed_items: BTreeSet::new(),
            window_ends: BTreeSet::new(),
            public_count: 0,
            hidden_counts: HiddenCounts::default(),
            changes: Changes { is_new_index: true, ..Changes::default() },
            changed: Vec::new(),
            now: Timestamp::MIN,
            withheld_media: Arc::default(),
        };
        for key in &keys {
            let number = index.feed_number(key);
            index.mark_feed_changed(number);
        }
        index.reserve(articles);
        index
    }

    /// Reserves capacity for `articles` in total.
    pub fn reserve(&mut self, articles: usize) {
        let known = &self.articles;
        let additional = articles.saturating_sub(known.len());
        self.by_path.reserve(additional, |slot| known.get(slot).map(|article| &article.path));
        self.by_preferred_id.reserve(additional, |slot| known.get(slot).map(|article| &article.preferred_id));
    }

    /// The slot of an article.
    pub(super) fn slot_of(&self, path: &ArticlePath) -> Option<SlotId> {
        self.by_path.candidates(path).find(|slot| self.articles.get(*slot).is_some_and(|article| article.path == *path))
    }
}

/// An article's position in the order of a feed. `None` if it isn't public.
pub(super) fn order_key(slot: SlotId, article: &IndexedArticle) -> Option<OrderKey> {
    let (published, _) = article.dates?;
    article.id().map(|_| OrderKey::new(published, slot))
}

/// The counter for articles of this visibility. `None` for public ones.
pub(super) fn hidden_count<'h>(hidden: &'h mut HiddenCounts, visibility: &Visibility) -> Option<&'h mut usize> {
    match visibility {
        Visibility::Public(_) => None,
        Visibility::Listing => Some(&mut hidden.listings),
        Visibility::Draft => Some(&mut hidden.drafts),
        Visibility::Undated => Some(&mut hidden.undated),
        Visibility::Scheduled(_) => Some(&mut hidden.scheduled),
        Visibility::Expired(_) => Some(&mut hidden.expired),
        Visibility::Restricted => Some(&mut hidden.restricted),
        Visibility::Retracted => Some(&mut hidden.retracted),
        Visibility::IdTaken(_) | Visibility::Superseded(_) => Some(&mut hidden.id_taken),
        Visibility::OlderVersion(_) => Some(&mut hidden.older_versions),
    }
}
