//! Versions of agencies' items: which of the files of an item is its article.
//!
//! # Which version is the article?
//!
//! The highest one, by number, time, modification time and path ([`VersionRank`]), whether readers can see it or not: a withheld version
//! withholds the item until a higher version ends that. A version that retracts the item does so whatever its place in the order, until an
//! operator restores the item. With `agency.revive`, a higher usable version restores it, too.
//!
//! Versions count within one source. If items of two sources have one id, it belongs to the first source in the configuration.

use std::collections::BTreeSet;

use super::state::Index;
use crate::article;
use crate::article::card::Card;
use crate::build::indexed_article::{IndexedArticle, IndexedVersion};
use crate::ledger::{ArticleFacts, Ledger, VersionRank, Withdrawal};
use crate::slab::SlotId;
use crate::types::{ArticlePath, EntryId, Text};

/// The versions of an item.
pub(super) struct Versions {
    /// The highest version.
    pub(super) winner: SlotId,
    /// The file of a higher version. Only set if that file is gone and the version isn't loaded.
    pub(super) lost: Option<ArticlePath>,
    /// Whether a version or a notice retracts the item.
    pub(super) is_retracted: bool,
}

impl Index {
    /// The file whose version is the article of an item. `None` if the id belongs to no item, or to another article.
    pub fn current_version(&self, id: &EntryId) -> Option<&ArticlePath> {
        let versions = self.versions_with_claim(id, &self.claims(id)).filter(|versions| versions.lost.is_none())?;
        self.articles.get(versions.winner).map(|article| &article.path)
    }

    /// The file of a newer version of the same item. `None` if this is the newest version, or no version.
    pub fn newer_version(&self, path: &ArticlePath) -> Option<&ArticlePath> {
        let article = self.get(path).filter(|article| article.version.is_some())?;
        let current = self.current_version(&article.preferred_id);
        current.filter(|current| *current != path && current.source() == path.source())
    }

    /// The id of the item of which the file has a version.
    pub fn version_id(&self, path: &ArticlePath) -> Option<&EntryId> {
        self.get(path).filter(|article| article.version.is_some()).map(|article| &article.preferred_id)
    }

    /// The place of a file's version in the order of its item's versions.
    pub fn version_rank(&self, path: &ArticlePath) -> Option<&VersionRank> {
        self.get(path)?.version.as_ref().map(|version| &version.rank)
    }

    /// The place of a file's version, if it is a version of this item.
    pub fn version_rank_of(&self, path: &ArticlePath, id: &EntryId) -> Option<&VersionRank> {
        self.version_rank(path).filter(|_| self.version_id(path) == Some(id))
    }

    /// Files that were overwritten with another item or an older version of the same one, according to the ledger, since the last call.
    pub fn take_overwritten(&mut self) -> Vec<ArticlePath> {
        std::mem::take(&mut self.overwritten)
    }

    /// All files with versions of an item in one source, the highest version first.
    pub fn versions(&self, id: &EntryId, source: Option<&str>) -> Vec<&ArticlePath> {
        let slots = self.version_slots(id, source);
        let mut versions: Vec<_> = slots.filter_map(|slot| Some((self.articles.get(slot)?.order()?, slot))).collect();
        versions.sort_unstable_by(|one, other| other.cmp(one));
        versions.into_iter().map(|((_, path), _)| path).collect()
    }

    /// The files with versions that retract the item of this file, and don't count as lifted by an operator.
    pub fn retracting_versions(&self, path: &ArticlePath) -> Vec<&ArticlePath> {
        let Some(id) = self.version_id(path) else { return Vec::new() };
        let retracts =
            |path: &&ArticlePath| self.get(path).and_then(|it| it.version.as_ref()).is_some_and(|it| it.retracts);
        self.versions(id, path.source()).into_iter().filter(retracts).collect()
    }

    /// Whether files of the notice's source have versions of the item with this key. The key is an item's key, or an `Id:` of wire text.
    pub fn has_item(&self, notice: &ArticlePath, key: &Text) -> bool {
        self.ids_of_key(key).iter().any(|id| self.version_slots(id, notice.source()).next().is_some())
    }

    /// The ids of items whose versions changed since the last call.
    pub fn take_changed_items(&mut self) -> BTreeSet<EntryId> {
        std::mem::take(&mut self.changed_items)
    }

    /// The feeds that an article has left also count as left by the article at another path, which is the same story.
    pub fn pass_left_feeds(&mut self, from: &ArticlePath, to: &ArticlePath) {
        let feeds = self.changes.left.get(from).cloned().unwrap_or_default();
        if !feeds.is_empty() {
            let known = self.changes.left.entry(to.clone()).or_default();
            known.extend(feeds);
            known.sort_unstable();
            known.dedup();
        }
    }

    /// The version in a file. `None` for files that have no versions.
    pub(super) fn indexed_version(&self, path: &ArticlePath, card: &Card) -> Option<IndexedVersion> {
        let rank = VersionRank::of(card)?;
        let is_pinned = card.id.as_ref().is_some_and(|id| self.is_minted(id));
        let has_versions = !is_pinned && !article::in_drafts_folder(path) && !self.listings.contains(path);
        has_versions.then(|| IndexedVersion {
            rank,
            hash: card.hash,
            is_holder: false,
            is_usable: card.retracted.is_none() && !card.draft,
            retracts: card.retracted.is_some(),
            is_retracted: card.retracted.is_some(),
            behind: None,
        })
    }

    /// Adds what the ledger knows about a version and its item. `holder` is the file that the ledger knows as the item's.
    pub(super) fn complete_version(
        &self,
        version: &mut IndexedVersion,
        path: &ArticlePath,
        card: &Card,
        holder: Option<&ArticlePath>,
        ledger: &Ledger,
    ) {
        // The operator has restored the item although this version retracts it.
        let is_lifted = |known: &ArticleFacts| {
            known.id.is_none() && known.retraction().is_none() && known.hash() == Some(card.hash)
        };
        version.retracts &= !ledger.article(path).is_some_and(is_lifted);
        let story = holder.and_then(|holder| ledger.article(holder));
        version.is_holder = holder == Some(path);
        let known = story.and_then(ArticleFacts::version);
        known.into_iter().for_each(|known| version.rank.recall(known));
        let is_revived = self.revives() && version.is_usable && known.is_some_and(|known| version.rank.is_newer(known));
        version.is_retracted |= story.and_then(ArticleFacts::retraction).is_some_and(|known| match known.by {
            Withdrawal::Deleted => false,
            Withdrawal::Status => !is_revived,
            Withdrawal::Command => true,
        });
        let lost = holder.filter(|holder| *holder != path && story.is_some_and(ArticleFacts::is_lost));
        version.behind = lost.map(|lost| (lost.clone(), known.cloned()));
    }

    /// Whether the ledger knows a file with another item, or with a newer version of the same one.
    pub(super) fn is_overwritten(
        &self,
        version: Option<&IndexedVersion>,
        id: &EntryId,
        facts: Option<&ArticleFacts>,
    ) -> bool {
        let known = facts.and_then(|facts| Some((facts.id.as_ref()?, facts.version()?)));
        known.is_some_and(|(known_id, known)| {
            known_id != id || version.is_none_or(|version| known.is_newer(&version.rank))
        })
    }

    /// The versions of an item. `None` if the id belongs to an article that isn't an item. `claims` has the articles that claim the id, the
    /// strongest first.
    pub(super) fn versions_with_claim(&self, id: &EntryId, claims: &[SlotId]) -> Option<Versions> {
        let first = claims.first().and_then(|slot| self.articles.get(*slot));
        let position = |article: &IndexedArticle| self.source_position(&article.path);
        let all_versions = self.all_version_slots(id).filter_map(|slot| self.articles.get(slot));
        // Withheld versions keep the id from other sources, too.
        let owner = all_versions.min_by_key(|version| position(version))?;
        if first.is_some_and(|first| first.version.is_none() && position(first) <= position(owner)) {
            return None;
        }
        let source = owner.path.source();
        let all = self.version_slots(id, source).filter_map(|slot| Some((slot, self.articles.get(slot)?)));
        let (winner, highest) = all.max_by(|(_, one), (_, other)| one.order().cmp(&other.order()))?;
        // A file that was sent again doesn't take the place of the one that readers know.
        let same = |slot: &SlotId| {
            let versions =
                self.articles.get(*slot).and_then(|known| known.version.as_ref()).zip(highest.version.as_ref());
            versions.is_some_and(|(known, highest)| {
                known.is_holder && known.hash == highest.hash && known.rank.is_same(&highest.rank)
            })
        };
        let winner = self.version_slots(id, source).find(same).unwrap_or(winner);
        let lost = highest.version.as_ref().and_then(|version| {
            let (lost, rank) = version.behind.as_ref().filter(|(lost, _)| self.slot_of(lost).is_none())?;
            rank.as_ref().is_none_or(|rank| version.rank <= *rank).then(|| lost.clone())
        });
        let retracts = |slot| self.articles.get(slot).and_then(|it| it.version.as_ref()).is_some_and(|it| it.retracts);
        let is_retracted = self.version_slots(id, source).any(retracts) || self.kills(id, source).next().is_some();
        Some(Versions { winner, lost, is_retracted: is_retracted && !self.is_revived(id, source) })
    }

    /// Whether a usable version is higher than all that retract the item, and newer than all notices that withdraw it.
    fn is_revived(&self, id: &EntryId, source: Option<&str>) -> bool {
        if !self.revives() {
            return false;
        }
        let versions = || self.version_slots(id, source).filter_map(|slot| self.articles.get(slot)?.version.as_ref());
        let usable = versions().filter(|version| version.is_usable).map(|version| &version.rank).max();
        usable.is_some_and(|usable| {
            versions().all(|version| !version.retracts || usable.is_newer(&version.rank))
                && self
                    .kills(id, source)
                    .all(|notice| notice.second.zip(usable.second()).is_some_and(|(kill, made)| made > kill))
        })
    }

    /// Whether a higher usable version lifts all retractions of a file's item.
    pub fn is_revived_item(&self, path: &ArticlePath) -> bool {
        self.version_id(path).is_some_and(|id| self.is_revived(id, path.source()))
    }

    /// Whether higher versions publish killed stories again.
    fn revives(&self) -> bool {
        self.rules.config().agency.revive
    }

    fn version_slots(&self, id: &EntryId, source: Option<&str>) -> impl Iterator<Item = SlotId> {
        let is_in_source =
            move |slot: &SlotId| self.articles.get(*slot).is_some_and(|article| article.path.source() == source);
        self.all_version_slots(id).filter(is_in_source)
    }

    fn all_version_slots(&self, id: &EntryId) -> impl Iterator<Item = SlotId> {
        let is_version = |slot: &SlotId| {
            self.articles.get(*slot).is_some_and(|article| article.version.is_some() && article.preferred_id == *id)
        };
        self.by_preferred_id.candidates(id).filter(is_version)
    }

    /// The ids that an item with this key may have.
    pub fn ids_of_key(&self, key: &Text) -> Vec<EntryId> {
        let explicit = EntryId::parse(key.as_str()).ok().filter(|id| !self.is_minted(id));
        std::iter::once(self.id_of_key(key)).chain(explicit).collect()
    }
}

impl IndexedArticle {
    /// The article's place in the order of its item's versions.
    fn order(&self) -> Option<(&VersionRank, &ArticlePath)> {
        self.version.as_ref().map(|version| (&version.rank, &self.path))
    }
}
