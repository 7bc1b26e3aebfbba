//! The durable facts about articles and documents, computed as a fold over [`Record`]s.
//!
//! An article gets its id when readers first see it, and keeps it even if its title, slug, section, folder, file name or format changes. A
//! retracted article stays retracted until it is restored. A document keeps its Last-Modified while its bytes don't change. Neither
//! Last-Modified nor a feed's `updated` ever decreases.
//!
//! A *notice* tells readers of a feed that an article was retracted ([`Tombstone`]). A *dormant* article is one whose file is gone and
//! whose notices have ended.
//!
//! Long because each kind of record is applied here, and most change several indexes.
//!
//! # Which file contains what?
//!
//! - `record`: the records, one for each kind of fact
//! - `facts`: the facts about one article
//! - `journal`: what changed in feeds, for whoever follows them
//! - `dormant`: fingerprints of dormant articles
//! - `archive`: an archive of a feed
//! - `version_order`: the order of the versions of an agency's item
//!
//! # Why does an article's text have a fingerprint?
//!
//! `updated` must change if a reader would see a difference, but not if a file is only saved again. So the previous text must be known even
//! after a restart. Fingerprints of different renderer versions can't be compared, so a new one replaces an old one without a change of
//! `updated`.

pub mod archive;
pub mod dormant;
mod facts;
pub mod journal;
mod record;
#[cfg(test)]
mod tests;
mod version_order;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use jiff::Timestamp;

use crate::article::{AgencyNotice, WithheldMedia};
use crate::slab::{Slab, SlotId, SlotIndex};
use crate::types::{ArticlePath, ContentHash, EntryId, Text};
use archive::{Archive, Number};
use dormant::{Dormant, Fingerprint, Fingerprints};
pub use facts::{ArticleFacts, Notice, Retraction, Routes, TextPrint, UnpackedFacts, Withdrawal};
use facts::{NO_VERSION, RareFacts};
use journal::Journal;
pub use record::{Record, UnreadableRecord};
pub use version_order::VersionRank;

/// A notice to readers of a feed that an article was retracted (RFC 6721).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Tombstone {
    /// When the article was retracted.
    pub at: Timestamp,
    /// The id under which readers know it.
    pub id: EntryId,
    /// The reason, if it is public.
    pub reason: Option<Text>,
    /// The facts of the story that the notice in its place repeats. `None`: only tombstones tell readers.
    pub notice: Option<Arc<Notice>>,
}

impl Tombstone {
    /// The tombstone of a retraction.
    pub fn new(id: &EntryId, retraction: &Retraction) -> Tombstone {
        let Retraction { at, reason, notice, .. } = retraction;
        Tombstone { at: *at, id: id.clone(), reason: reason.clone(), notice: notice.clone() }
    }
}

/// All durable facts, computed by applying records in order.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    articles: Slab<(ArticlePath, ArticleFacts)>,
    by_path: SlotIndex,
    /// Finds articles by id.
    by_id: SlotIndex,
    by_version: SlotIndex,
    /// The slot of the article with each sequence number, from one. Outdated for articles that are gone.
    by_number: Vec<SlotId>,
    /// Numbers that articles lost since the last call of [`Ledger::take_lost_numbers`].
    lost_numbers: Vec<Number>,
    /// The archives of each feed, oldest first.
    archives: HashMap<Arc<str>, Vec<Arc<Archive>>>,
    tombstones: HashMap<Arc<str>, BTreeSet<Arc<Tombstone>>>,
    /// The route lists of retracted and withheld articles. Shared, because many articles have the same list.
    routes: HashSet<Routes>,
    /// Feeds whose notices changed since the last call of [`Ledger::take_changed_notices`].
    changed_notices: BTreeSet<Arc<str>>,
    /// Ids that no article has any more.
    replaced: BTreeMap<EntryId, Retraction>,
    /// Records that could not be decoded, by the path or id that they are about.
    unreadable: BTreeMap<ArticlePath, UnreadableRecord>,
    /// The versions whose bytes are in the store.
    kept: HashSet<ContentHash>,
    feeds: HashMap<Arc<str>, Timestamp>,
    documents: HashMap<Arc<str>, (ContentHash, Timestamp)>,
    dormant: Dormant,
    /// Agencies' kills of items that hadn't arrived when their files went.
    kept_kills: BTreeMap<ArticlePath, AgencyNotice>,
    /// The media that agencies killed.
    killed_media: WithheldMedia,
    journal: Journal,
    /// The hubs that were ever withdrawn, whether they are, and since when.
    hubs: BTreeMap<Arc<str>, (bool, Timestamp)>,
}

impl Ledger {
    /// Applies records in order.
    pub fn replay(records: impl IntoIterator<Item = Record>) -> Ledger {
        let mut ledger = Ledger::default();
        records.into_iter().for_each(|record| ledger.apply(&record));
        ledger
    }

    /// Reserves memory for this many articles.
    pub fn reserve(&mut self, articles: usize) {
        let articles = articles.saturating_sub(self.articles.len());
        let known = &self.articles;
        self.by_path.reserve(articles, |slot| known.get(slot).map(|(path, _)| path));
        self.by_id.reserve(articles, |slot| known.get(slot).and_then(|(_, article)| article.id.as_ref()));
        self.by_version.reserve(articles, |slot| known.get(slot).map(|(_, article)| &article.hash));
    }

    /// The number of articles with facts in memory.
    pub fn len(&self) -> usize {
        self.articles.len()
    }

    /// Whether no article has facts in memory.
    pub fn is_empty(&self) -> bool {
        self.articles.is_empty()
    }

    /// Applies one record.
    pub fn apply(&mut self, record: &Record) {
        match record {
            Record::Seen { path, at } => self.change_rare_facts(path, |article| {
                (article.seen, article.awaits_date) = (article.seen.or(Some(*at)), false);
            }),
            Record::Undated { path, hash } => {
                let slot = self.slot_or_insert(path);
                self.set_version(slot, *hash);
                self.change_rare_facts(path, |article| {
                    (article.seen, article.awaits_date, article.is_hidden) = (None, true, true);
                });
            }
            Record::Imported { path, id } => {
                self.assign_id(path, id);
            }
            Record::Published { path, id, hash, date } => {
                let slot = self.assign_id(path, id);
                self.set_version(slot, *hash);
                let Some((_, facts)) = self.articles.get_mut(slot) else { return };
                facts.date = date.as_second();
                facts.rare.iter_mut().for_each(|rare| (rare.is_hidden, rare.awaits_date) = (false, false));
                let withdrawn = facts.rare.as_mut().and_then(|rare| rare.withdrawn.take());
                if withdrawn.is_some() && facts.retraction().is_none() {
                    self.unreadable.remove(path);
                }
            }
            Record::Hidden { path, hash } => {
                let slot = self.slot_or_insert(path);
                self.set_version(slot, *hash);
                self.change_rare_facts(path, |article| article.is_hidden = true);
            }
            Record::Text { path, print, changed, first } => {
                self.change_rare_facts(path, |article| {
                    (article.print, article.changed, article.first) = (Some(*print), *changed, *first);
                });
            }
            Record::Moved { from, to } => self.move_to(from, to),
            Record::Released { path, hash } => self.change_rare_facts(path, |article| article.released = Some(*hash)),
            Record::Retracted { path, retraction } => {
                self.unreadable.remove(path);
                self.retract(path, retraction);
            }
            Record::Unreadable { path, record, at } => self.withhold(path, record, *at),
            Record::Restored { path } => {
                self.unreadable.remove(path);
                self.remove_notices(path);
                if self.slot(path).is_some() {
                    self.change_rare_facts(path, |article| article.retraction = None);
                }
            }
            Record::Withdrawn { path, feeds } => {
                let feeds = self.shared_routes(feeds);
                self.change_rare_facts(path, |article| article.withdrawn = Some(feeds));
            }
            Record::Lost { path, version } => {
                self.change_rare_facts(path, |article| article.lost = true);
                let facts = self.slot(path).and_then(|slot| self.articles.get_mut(slot)).map(|(_, facts)| facts);
                if let (Some(facts), Some(version)) = (facts, version) {
                    facts.version = Some(Box::new(version.clone()));
                }
            }
            Record::Found { path } => self.change_rare_facts(path, |article| article.lost = false),
            Record::Version { id, version } => {
                let holder = self.slot_with_id(id).and_then(|slot| self.articles.get_mut(slot));
                holder.into_iter().for_each(|(_, facts)| facts.version = Some(Box::new(version.clone())));
            }
            Record::Replaced { id, retraction } => {
                self.remove_from_id_index(id);
                self.update_notices_of_id(id, retraction, true);
                let retraction = self.shared(retraction);
                self.replaced.insert(id.clone(), retraction);
            }
            Record::Dormant { path, .. } => self.make_dormant(path),
            Record::Reactivated { path, article } => self.restore_dormant(path, article),
            Record::KillKept { path, kill } => drop(self.kept_kills.insert(path.clone(), AgencyNotice::clone(kill))),
            Record::KillDropped { path } => drop(self.kept_kills.remove(path)),
            Record::MediaKilled { media, .. } => {
                self.killed_media.files.extend(media.files.iter().cloned());
                self.killed_media.ids.extend(media.ids.iter().cloned());
            }
            Record::Hub { url, is_withdrawn, at } => {
                self.hubs.insert(Arc::clone(url), (*is_withdrawn, *at));
            }
            Record::Journal { rows, .. } => rows.iter().for_each(|row| self.journal.apply(row)),
            Record::Kept { hash, .. } => drop(self.kept.insert(*hash)),
            Record::Dropped { hash } | Record::Erased { hash } => drop(self.kept.remove(hash)),
            Record::Sequenced { first, ids } => self.add_numbers(*first, ids),
            Record::Archive { route, place, archive } => self.put_archive(route, *place, archive),
            Record::Feed { route, updated } => drop(self.feeds.insert(Arc::clone(route), *updated)),
            Record::Document { route, hash, last_modified } => {
                self.documents.insert(Arc::clone(route), (*hash, *last_modified));
            }
        }
    }

    /// Records that could not be decoded, with the path or id that they are about.
    pub fn unreadable(&self) -> impl ExactSizeIterator<Item = (&ArticlePath, &UnreadableRecord)> {
        self.unreadable.iter()
    }

    /// Whether an article stays withheld because one of its records could not be decoded.
    pub fn is_unreadable(&self, path: &ArticlePath) -> bool {
        self.unreadable.contains_key(path)
    }

    /// The facts about the article in a file.
    pub fn article(&self, path: &ArticlePath) -> Option<&ArticleFacts> {
        self.articles.get(self.slot(path)?).map(|(_, facts)| facts)
    }

    /// Every article with facts in memory, in no particular order.
    pub fn articles(&self) -> impl Iterator<Item = (&ArticlePath, &ArticleFacts)> {
        self.articles.iter().map(|(_, (path, facts))| (path, facts))
    }

    /// Whether the article in a file has this id.
    pub fn holds(&self, path: &ArticlePath, id: &EntryId) -> bool {
        self.holder(id) == Some(path)
    }

    /// The path of the article with this id.
    pub fn holder(&self, id: &EntryId) -> Option<&ArticlePath> {
        self.articles.get(self.slot_with_id(id)?).map(|(path, _)| path)
    }

    /// Ids that no article has any more, with their retractions.
    pub fn replaced(&self) -> impl Iterator<Item = (&EntryId, &Retraction)> {
        self.replaced.iter()
    }

    /// The paths of the articles whose public version has these bytes, in order.
    pub fn with_version(&self, hash: ContentHash) -> impl Iterator<Item = &ArticlePath> {
        let articles = self.by_version.candidates(&hash).filter_map(|slot| self.articles.get(slot));
        let same = articles.filter(|(_, facts)| facts.hash == hash).map(|(path, _)| path);
        let mut paths: Vec<&ArticlePath> = same.collect();
        paths.sort_unstable();
        paths.into_iter()
    }

    /// The notices of a feed, oldest first.
    pub fn tombstones(&self, route: &str) -> impl DoubleEndedIterator<Item = &Tombstone> {
        self.tombstones.get(route).into_iter().flatten().map(|tombstone| &**tombstone)
    }

    /// The routes of feeds whose notices changed since the last call.
    pub fn take_changed_notices(&mut self) -> BTreeSet<Arc<str>> {
        std::mem::take(&mut self.changed_notices)
    }

    /// The sequence numbers that no article has any more since the last call, because its file got another id or was replaced.
    pub fn take_lost_numbers(&mut self) -> Vec<Number> {
        std::mem::take(&mut self.lost_numbers)
    }

    /// Whether the store has the bytes of a version.
    pub fn keeps(&self, hash: ContentHash) -> bool {
        self.kept.contains(&hash)
    }

    /// Whether feeds name a hub no longer, and since when that is so. `None` if they always named it.
    pub fn hub(&self, url: &str) -> Option<(bool, Timestamp)> {
        self.hubs.get(url).copied()
    }

    /// The facts about the journal.
    pub fn journal(&self) -> &Journal {
        &self.journal
    }

    /// As [`Ledger::journal`], to change it.
    pub fn journal_mut(&mut self) -> &mut Journal {
        &mut self.journal
    }

    /// Agencies' kills of items that hadn't arrived when their files went, by path.
    pub fn kept_kills(&self) -> &BTreeMap<ArticlePath, AgencyNotice> {
        &self.kept_kills
    }

    /// The media that agencies killed.
    pub fn killed_media(&self) -> &WithheldMedia {
        &self.killed_media
    }

    /// Every version whose bytes are in the store, in no particular order.
    pub fn kept(&self) -> impl Iterator<Item = ContentHash> {
        self.kept.iter().copied()
    }

    /// The request paths of all feeds that were ever published.
    pub fn feed_routes(&self) -> impl Iterator<Item = &str> {
        self.feeds.keys().map(|route| &**route)
    }

    /// The last `updated` of a feed.
    pub fn feed_updated(&self, route: &str) -> Option<Timestamp> {
        self.feeds.get(route).copied()
    }

    /// The hash of the last public version of a document, and its Last-Modified.
    pub fn document(&self, route: &str) -> Option<(ContentHash, Timestamp)> {
        self.documents.get(route).copied()
    }

    /// The sequence number of the next entry. Numbers are never reused.
    pub fn next_number(&self) -> Number {
        Number::try_from(self.by_number.len()).unwrap_or(Number::MAX).saturating_add(1)
    }

    /// The article whose entry has a sequence number. `None` if it is gone.
    pub fn article_with_number(&self, number: Number) -> Option<(&ArticlePath, &ArticleFacts)> {
        let slot = self.by_number.get(usize::try_from(number).ok()?.checked_sub(1)?)?;
        let (path, facts) = self.articles.get(*slot)?;
        facts.numbers().any(|other| other == number).then_some((path, facts))
    }

    /// The archives of a feed, oldest first.
    pub fn archives(&self, route: &str) -> &[Arc<Archive>] {
        self.archives.get(route).map_or(&[], Vec::as_slice)
    }

    /// The last version of every document, in no particular order.
    pub fn documents(&self) -> impl Iterator<Item = (&Arc<str>, ContentHash)> {
        self.documents.iter().map(|(route, (hash, _))| (route, *hash))
    }

    /// Adds a dormant article whose records are not replayed.
    pub fn add_dormant(&mut self, fingerprints: Fingerprints, since: i64) {
        self.dormant.add(fingerprints, since);
    }

    /// Ends the notices of an article that was retracted at `since` (Unix seconds). Keeps its facts in memory.
    pub fn end_notices(&mut self, path: &ArticlePath, since: i64) {
        let article = self.article(path).filter(|article| article.retired_since() == since);
        if let Some(article) = article.filter(|_| !self.is_unreadable(path)).cloned() {
            self.remove_ended_notices(&article);
        }
    }

    /// Removes fingerprints that belong to no dormant article in the store.
    pub fn forget_dormant<'f>(
        &mut self,
        paths: impl IntoIterator<Item = &'f Fingerprint>,
        ids: impl IntoIterator<Item = &'f Fingerprint>,
        versions: impl IntoIterator<Item = &'f Fingerprint>,
    ) {
        self.dormant.forget(paths, ids, versions);
    }

    /// The fingerprints of dormant articles.
    pub fn dormant(&self) -> &Dormant {
        &self.dormant
    }

    /// The facts about the article in a file. Replaces the ledger's copy of the path by `path`, so that both share memory.
    pub fn adopt(&mut self, path: &ArticlePath) -> Option<&ArticleFacts> {
        let slot = self.slot(path)?;
        let (own, facts) = self.articles.get_mut(slot)?;
        own.clone_from(path);
        Some(facts)
    }

    /// The slot of the article in a file.
    fn slot(&self, path: &ArticlePath) -> Option<SlotId> {
        let is_match = |slot: &SlotId| self.articles.get(*slot).is_some_and(|(other, _)| other == path);
        self.by_path.candidates(path).find(is_match)
    }

    /// The slot of the article with an id.
    fn slot_with_id(&self, id: &EntryId) -> Option<SlotId> {
        self.slot_with_id_in(&self.articles, id)
    }

    fn slot_with_id_in(&self, articles: &Slab<(ArticlePath, ArticleFacts)>, id: &EntryId) -> Option<SlotId> {
        let is_match = |slot: &SlotId| articles.get(*slot).is_some_and(|(_, other)| other.id.as_ref() == Some(id));
        self.by_id.candidates(id).find(is_match)
    }

    /// The slot of the article in a file. Adds the article if it is unknown.
    fn slot_or_insert(&mut self, path: &ArticlePath) -> SlotId {
        self.slot(path).unwrap_or_else(|| {
            let slot = self.articles.insert((path.clone(), ArticleFacts::default()));
            self.add_to_path_index(slot, path);
            slot
        })
    }

    /// Changes the rare facts about an article, which is added if it is unknown.
    fn change_rare_facts(&mut self, path: &ArticlePath, change: impl FnOnce(&mut RareFacts)) {
        let slot = self.slot_or_insert(path);
        if let Some((_, facts)) = self.articles.get_mut(slot) {
            change(facts.rare());
        }
    }

    fn add_to_path_index(&mut self, slot: SlotId, path: &ArticlePath) {
        let articles = &self.articles;
        self.by_path.insert(path, slot, |slot| articles.get(slot).map(|(path, _)| path));
    }

    /// Assigns an id to an article. Another article that had it loses it, and the other article's retraction ends.
    fn assign_id(&mut self, path: &ArticlePath, id: &EntryId) -> SlotId {
        let slot = self.slot_or_insert(path);
        let before = self.slot_with_id(id);
        if before == Some(slot) {
            return slot;
        }
        let (mut by_command, mut version, mut numbers) = (None, None, Vec::new());
        if let Some(before) = before
            && let Some((before_path, facts)) = self.articles.get(before).cloned()
        {
            self.remove_from_id_index(id);
            self.update_notices(&facts, false);
            if let Some((_, facts)) = self.articles.get_mut(before) {
                facts.id = None;
                version = facts.version.take();
                numbers = facts.take_numbers();
                by_command = facts.rare.as_mut().and_then(|rare| rare.retraction.take());
            }
            // If an operator retracted the article, the retraction applies to the file that now has the id.
            by_command = by_command.filter(|retraction| retraction.by == Withdrawal::Command);
            if by_command.is_some()
                && let Some(record) = self.unreadable.remove(&before_path)
            {
                self.unreadable.insert(path.clone(), record);
            }
        }
        if !self.dormant.is_empty() {
            self.dormant.release_id(dormant::of_id(id));
        }
        if let Some(retraction) = self.replaced.remove(id) {
            self.update_notices_of_id(id, &retraction, false);
            self.unreadable.remove(&ArticlePath::new(id.as_str()));
        }
        if let Some(other) = self.articles.get(slot).and_then(|(_, article)| article.id.clone()) {
            self.by_id.remove(&other, slot);
        }
        if let Some((_, facts)) = self.articles.get_mut(slot) {
            facts.id = Some(id.clone());
            facts.version = version;
            self.lost_numbers.extend(facts.take_numbers());
            numbers.iter().for_each(|number| facts.add_number(*number));
            if by_command.is_some() {
                facts.rare().retraction = by_command;
            }
        }
        for number in numbers {
            self.set_slot_of_number(number, slot);
        }
        self.add_to_id_index(slot, id);
        slot
    }

    /// Removes an id from the index of ids.
    fn remove_from_id_index(&mut self, id: &EntryId) {
        if let Some(slot) = self.slot_with_id(id) {
            self.by_id.remove(id, slot);
        }
    }

    fn add_to_id_index(&mut self, slot: SlotId, id: &EntryId) {
        let articles = &self.articles;
        self.by_id.insert(id, slot, |slot| articles.get(slot).and_then(|(_, article)| article.id.as_ref()));
    }

    /// Gives sequence numbers to entries.
    fn add_numbers(&mut self, first: Number, ids: &[EntryId]) {
        for (number, id) in (first..).zip(ids) {
            // Entries that are gone keep their numbers, so that no other entry gets them.
            let slot = self.slot_with_id(id);
            self.set_slot_of_number(number, slot.unwrap_or(SlotId::MAX));
            if let Some((_, facts)) = slot.and_then(|slot| self.articles.get_mut(slot)) {
                facts.add_number(number);
            }
        }
    }

    fn set_slot_of_number(&mut self, number: Number, slot: SlotId) {
        let Some(at) = usize::try_from(number).ok().and_then(|number| number.checked_sub(1)) else { return };
        if at >= self.by_number.len() {
            self.by_number.resize(at + 1, SlotId::MAX);
        }
        self.by_number.get_mut(at).into_iter().for_each(|place| *place = slot);
    }

    /// Adds or replaces an archive. One that doesn't follow the feed's others is damaged, and so are those after it.
    fn put_archive(&mut self, route: &Arc<str>, place: usize, archive: &Arc<Archive>) {
        let archives = self.archives.entry(Arc::clone(route)).or_default();
        let follows = |before: &Arc<Archive>| before.last() < archive.last();
        if place > archives.len() || (place == archives.len() && !archives.last().is_none_or(follows)) {
            return;
        }
        match archives.get_mut(place) {
            Some(known) => known.clone_from(archive),
            None => archives.push(Arc::clone(archive)),
        }
    }

    fn move_to(&mut self, from: &ArticlePath, to: &ArticlePath) {
        let Some(slot) = self.slot(from).filter(|_| from != to) else { return };
        if let Some(other) = self.slot(to) {
            self.by_path.remove(to, other);
            let Some((_, replaced)) = self.articles.get(other).cloned() else { return };
            replaced.id.iter().for_each(|id| self.by_id.remove(id, other));
            self.lost_numbers.extend(replaced.numbers());
            self.by_version.remove(&replaced.hash, other);
            self.articles.remove(other);
            let Some((_, mut facts)) = self.articles.get(slot).cloned() else { return };
            // An operator's retraction of the file at this path applies to the moved article.
            if replaced.is_retracted_by_command() && !facts.is_retracted_by_command() {
                self.update_notices(&facts, false);
                let announced = facts.rare().retraction.take();
                let mut retraction = replaced.retraction().cloned();
                // Notices that readers have seen don't change.
                if let (Some(retraction), Some(announced)) = (&mut retraction, announced) {
                    (retraction.at, retraction.feeds) = (announced.at, announced.feeds);
                }
                facts.rare().retraction = retraction;
                self.update_notices(&facts, true);
                self.articles.get_mut(slot).into_iter().for_each(|(_, place)| place.clone_from(&facts));
            }
        }
        self.by_path.remove(from, slot);
        let Some((path, facts)) = self.articles.get_mut(slot) else { return };
        *path = to.clone();
        let id = facts.id.clone();
        if let Some(record) = self.unreadable.remove(from) {
            self.unreadable.insert(to.clone(), record);
        }
        self.add_to_path_index(slot, to);
        if let Some(id) = id.filter(|id| self.slot_with_id(id) != Some(slot)) {
            self.remove_from_id_index(&id);
            self.add_to_id_index(slot, &id);
        }
    }

    /// Makes an article dormant: removes its facts from memory, except its fingerprints. Its notices have ended, so no feed changes.
    fn make_dormant(&mut self, path: &ArticlePath) {
        // An article with an unreadable record stays withheld, so its facts stay in memory.
        let Some(slot) = self.slot(path).filter(|_| !self.is_unreadable(path)) else { return };
        let Some((_, article)) = self.articles.get(slot).cloned() else { return };
        self.by_path.remove(path, slot);
        article.id.iter().for_each(|id| self.by_id.remove(id, slot));
        article.hash().iter().for_each(|hash| self.by_version.remove(hash, slot));
        self.articles.remove(slot);
        self.remove_ended_notices(&article);
        self.add_dormant(Fingerprints::of(path, &article), article.retired_since());
        self.compact_if_sparse();
    }

    /// Removes the notices of an article without marking feeds as changed, because no feed shows these notices any more.
    fn remove_ended_notices(&mut self, article: &ArticleFacts) {
        let (Some(id), Some(retraction)) = (&article.id, article.retraction()) else { return };
        let tombstone = Tombstone::new(id, retraction);
        for route in &*retraction.feeds {
            let Some(tombstones) = self.tombstones.get_mut(route) else { continue };
            tombstones.remove(&tombstone);
            if tombstones.is_empty() {
                self.tombstones.remove(route);
            }
        }
    }

    /// Loads the facts about a dormant article into memory again. Its notices stay ended.
    fn restore_dormant(&mut self, path: &ArticlePath, article: &ArticleFacts) {
        let Some(holds_id) = self.dormant.remove_article(Fingerprints::of(path, article)) else { return };
        let mut article = article.clone();
        // If another article has its id meanwhile, this article's retraction has ended.
        if !holds_id && article.id.take().is_some() {
            article.rare.iter_mut().for_each(|rare| rare.retraction = None);
        }
        if self.slot(path).is_some() {
            return;
        }
        if let Some(rare) = &mut article.rare {
            rare.retraction = rare.retraction.take().map(|retraction| self.shared(&retraction));
            rare.withdrawn = rare.withdrawn.take().map(|feeds| self.shared_routes(&feeds));
        }
        let (id, hash) = (article.id.clone(), article.hash());
        let slot = self.articles.insert((path.clone(), article));
        self.add_to_path_index(slot, path);
        id.iter().for_each(|id| self.add_to_id_index(slot, id));
        hash.into_iter().for_each(|hash| self.add_to_version_index(slot, hash));
    }

    /// Compacts the slab if more slots are free than used.
    fn compact_if_sparse(&mut self) {
        /// With fewer free slots, compaction isn't worth its cost.
        const MIN_FREE_SLOTS: usize = 4_096;
        if self.articles.free_slots() < MIN_FREE_SLOTS.max(self.articles.len()) {
            return;
        }
        let articles = std::mem::take(&mut self.articles);
        let holders: HashSet<SlotId> = (articles.iter())
            .filter_map(|(slot, (_, article))| {
                (self.slot_with_id_in(&articles, article.id.as_ref()?) == Some(slot)).then_some(slot)
            })
            .collect();
        (self.by_path, self.by_id, self.by_version) = Default::default();
        self.by_number.fill(SlotId::MAX);
        for (before, (path, article)) in articles.into_values() {
            let (id, hash) = (article.id.clone().filter(|_| holders.contains(&before)), article.hash());
            let numbers: Vec<Number> = article.numbers().collect();
            let slot = self.articles.insert((path.clone(), article));
            numbers.into_iter().for_each(|number| self.set_slot_of_number(number, slot));
            self.add_to_path_index(slot, &path);
            id.iter().for_each(|id| self.add_to_id_index(slot, id));
            hash.into_iter().for_each(|hash| self.add_to_version_index(slot, hash));
        }
    }

    fn retract(&mut self, path: &ArticlePath, retraction: &Retraction) {
        self.remove_notices(path);
        let retraction = self.shared(retraction);
        self.change_rare_facts(path, |article| article.retraction = Some(retraction));
        if let Some(facts) = self.article(path).cloned() {
            self.update_notices(&facts, true);
        }
    }

    /// Withholds the article of a record that can't be decoded. Only an operator can decide what the record meant.
    fn withhold(&mut self, path: &ArticlePath, record: &UnreadableRecord, at: Timestamp) {
        let unknown =
            || Retraction { at, reason: None, by: Withdrawal::Command, feeds: Routes::default(), notice: None };
        match &*record.kind {
            UnreadableRecord::WITHDRAWN => {
                self.change_rare_facts(path, |article| article.withdrawn = Some(Routes::default()))
            }
            UnreadableRecord::REPLACED => {
                let id = EntryId::minted(path.to_string());
                self.apply(&Record::Replaced { id, retraction: unknown() });
            }
            // Notices that readers have seen don't change.
            _ => {
                let known = self.article(path).and_then(ArticleFacts::retraction).cloned();
                self.retract(path, &Retraction { by: Withdrawal::Command, ..known.unwrap_or_else(unknown) });
            }
        }
        self.unreadable.insert(path.clone(), record.clone());
    }

    /// Removes the notices of an article.
    fn remove_notices(&mut self, path: &ArticlePath) {
        if let Some(facts) = self.article(path).cloned() {
            self.update_notices(&facts, false);
        }
    }

    /// Adds or removes the notices of an article's retraction.
    fn update_notices(&mut self, article: &ArticleFacts, adds: bool) {
        if let (Some(id), Some(retraction)) = (&article.id, article.retraction()) {
            self.update_notices_of_id(id, retraction, adds);
        }
    }

    fn update_notices_of_id(&mut self, id: &EntryId, retraction: &Retraction, adds: bool) {
        let tombstone = Arc::new(Tombstone::new(id, retraction));
        for route in &*retraction.feeds {
            self.changed_notices.insert(Arc::clone(route));
            let tombstones = self.tombstones.entry(Arc::clone(route)).or_default();
            if adds {
                tombstones.insert(Arc::clone(&tombstone));
            } else {
                tombstones.remove(&tombstone);
            }
        }
    }

    /// The retraction with a shared copy of its routes.
    fn shared(&mut self, retraction: &Retraction) -> Retraction {
        Retraction { feeds: self.shared_routes(&retraction.feeds), ..retraction.clone() }
    }

    fn shared_routes(&mut self, routes: &Routes) -> Routes {
        let known = self.routes.get(routes).cloned();
        known.unwrap_or_else(|| {
            self.routes.insert(Arc::clone(routes));
            Arc::clone(routes)
        })
    }

    fn set_version(&mut self, slot: SlotId, hash: ContentHash) {
        let Some((_, facts)) = self.articles.get_mut(slot) else { return };
        let before = std::mem::replace(&mut facts.hash, hash);
        if before != NO_VERSION {
            self.by_version.remove(&before, slot);
        }
        self.add_to_version_index(slot, hash);
    }

    fn add_to_version_index(&mut self, slot: SlotId, hash: ContentHash) {
        let articles = &self.articles;
        self.by_version.insert(&hash, slot, |slot| articles.get(slot).map(|(_, other)| &other.hash));
    }
}
