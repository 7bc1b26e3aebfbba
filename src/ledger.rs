//! The durable facts about articles and documents, computed as a fold over [`Record`]s.
//!
//! An article gets its id when readers first see it, and keeps it whatever becomes of its title, slug, section, folder, file name or
//! format. A retracted article stays retracted until it is restored. A document keeps its Last-Modified while its bytes don't change.
//! Neither Last-Modified nor a feed's `updated` ever decreases.
//!
//! Long because each kind of record is applied here, and most change several indexes.
//!
//! # Which file contains what?
//!
//! - `record`: the records, one for each kind of fact
//! - `facts`: the facts about one article
//! - `dormant`: fingerprints of articles whose files are gone for good
//!
//! # Why does an article's text have a fingerprint?
//!
//! `updated` must change when a reader would see a difference, and not when a file is saved again. A restart mustn't forget what the
//! text was. A fingerprint made by another version of the renderer starts over silently.

pub mod dormant;
mod facts;
mod record;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use jiff::Timestamp;

use crate::slab::{Slab, SlotId, SlotIndex};
use crate::types::{ArticlePath, ContentHash, EntryId, Text};
use dormant::{Dormant, Fingerprint, Fingerprints};
pub use facts::{Facts, Remembered};
use facts::{NO_VERSION, RareFacts};
pub use record::{Record, Retraction, Routes, TextPrint, UnreadableRecord, Withdrawal};

/// A notice to readers of a feed that an article was retracted (RFC 6721).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Tombstone {
    /// When.
    pub at: Timestamp,
    /// The id under which readers know it.
    pub id: EntryId,
    /// The reason, if it is public.
    pub reason: Option<Text>,
}

/// All durable facts, computed by applying records in order.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    articles: Slab<(ArticlePath, Remembered)>,
    by_path: SlotIndex,
    /// Finds articles by id.
    by_id: SlotIndex,
    by_version: SlotIndex,
    tombstones: HashMap<Arc<str>, BTreeSet<Arc<Tombstone>>>,
    /// Routes of retracted or withheld articles. Shared, because many articles have the same.
    routes: HashSet<Routes>,
    /// Feeds whose notices changed since [`Ledger::take_retold`] was last called.
    retold: BTreeSet<Arc<str>>,
    /// Ids that no article has any more.
    replaced: BTreeMap<EntryId, Retraction>,
    /// Records that could not be decoded, by the path or id that they are about.
    unreadable: BTreeMap<ArticlePath, UnreadableRecord>,
    kept: HashSet<ContentHash>,
    feeds: HashMap<Arc<str>, Timestamp>,
    documents: HashMap<Arc<str>, (ContentHash, Timestamp)>,
    dormant: Dormant,
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
        let of = &self.articles;
        self.by_path.reserve(articles, |number| of.get(number).map(|(path, _)| path));
        self.by_id.reserve(articles, |number| of.get(number).and_then(|(_, article)| article.id.as_ref()));
        self.by_version.reserve(articles, |number| of.get(number).map(|(_, article)| &article.hash));
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
            Record::Seen { path, at } => self.note(path, |article| article.seen = article.seen.or(Some(*at))),
            Record::Imported { path, id } => {
                self.hold(path, id);
            }
            Record::Published { path, id, hash, date } => {
                let number = self.hold(path, id);
                self.set_version(number, *hash);
                let Some((_, remembered)) = self.articles.get_mut(number) else { return };
                remembered.date = date.as_second();
                let withdrawn = remembered.rare.as_mut().and_then(|rare| rare.withdrawn.take());
                if withdrawn.is_some() && remembered.retraction().is_none() {
                    self.unreadable.remove(path);
                }
            }
            Record::Hidden { path, hash } => {
                let number = self.entry(path);
                self.set_version(number, *hash);
            }
            Record::Text { path, print, changed, first } => {
                self.note(path, |article| {
                    (article.print, article.changed, article.first) = (Some(*print), *changed, *first);
                });
            }
            Record::Moved { from, to } => self.move_to(from, to),
            Record::Retracted { path, retraction } => {
                self.unreadable.remove(path);
                self.retract(path, retraction);
            }
            Record::Unreadable { path, record, at } => self.withhold(path, record, *at),
            Record::Restored { path } => {
                self.unreadable.remove(path);
                self.raise(path);
                if self.number(path).is_some() {
                    self.note(path, |article| article.retraction = None);
                }
            }
            Record::Withdrawn { path, feeds } => {
                let feeds = self.shared_routes(feeds);
                self.note(path, |article| article.withdrawn = Some(feeds));
            }
            Record::Lost { path } => self.note(path, |article| article.lost = true),
            Record::Found { path } => self.note(path, |article| article.lost = false),
            Record::Replaced { id, retraction } => {
                self.unhold(id);
                self.bury_id(id, retraction, true);
                let retraction = self.shared(retraction);
                self.replaced.insert(id.clone(), retraction);
            }
            Record::Dormant { path, .. } => self.put_to_sleep(path),
            Record::Woken { path, article } => self.wake(path, article),
            Record::Kept { hash, .. } => drop(self.kept.insert(*hash)),
            Record::Dropped { hash } => drop(self.kept.remove(hash)),
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
    pub fn article(&self, path: &ArticlePath) -> Option<&Remembered> {
        self.articles.get(self.number(path)?).map(|(_, remembered)| remembered)
    }

    /// Every article with facts in memory, in no particular order.
    pub fn articles(&self) -> impl Iterator<Item = (&ArticlePath, &Remembered)> {
        self.articles.iter().map(|(_, (path, remembered))| (path, remembered))
    }

    /// Whether the article in a file has this id.
    pub fn holds(&self, path: &ArticlePath, id: &EntryId) -> bool {
        self.holder(id) == Some(path)
    }

    /// The path of the article with this id.
    pub fn holder(&self, id: &EntryId) -> Option<&ArticlePath> {
        self.articles.get(self.holding(id)?).map(|(path, _)| path)
    }

    /// Ids that no article has any more, with their retractions.
    pub fn replaced(&self) -> impl Iterator<Item = (&EntryId, &Retraction)> {
        self.replaced.iter()
    }

    /// The paths of the articles whose public version has these bytes, in order.
    pub fn with_version(&self, hash: ContentHash) -> impl Iterator<Item = &ArticlePath> {
        let articles = self.by_version.candidates(&hash).filter_map(|number| self.articles.get(number));
        let same = articles.filter(|(_, remembered)| remembered.hash == hash).map(|(path, _)| path);
        let mut paths: Vec<&ArticlePath> = same.collect();
        paths.sort_unstable();
        paths.into_iter()
    }

    /// The notices of a feed, oldest first.
    pub fn tombstones(&self, route: &str) -> impl DoubleEndedIterator<Item = &Tombstone> {
        self.tombstones.get(route).into_iter().flatten().map(|tombstone| &**tombstone)
    }

    /// The routes of feeds whose notices changed since the last call.
    pub fn take_retold(&mut self) -> BTreeSet<Arc<str>> {
        std::mem::take(&mut self.retold)
    }

    /// Whether the store has the bytes of a version.
    pub fn keeps(&self, hash: ContentHash) -> bool {
        self.kept.contains(&hash)
    }

    /// Every version whose bytes are in the store, in no particular order.
    pub fn kept(&self) -> impl Iterator<Item = ContentHash> {
        self.kept.iter().copied()
    }

    /// The last `updated` of a feed.
    pub fn feed_updated(&self, route: &str) -> Option<Timestamp> {
        self.feeds.get(route).copied()
    }

    /// The hash of the last public version of a document, and its Last-Modified.
    pub fn document(&self, route: &str) -> Option<(ContentHash, Timestamp)> {
        self.documents.get(route).copied()
    }

    /// The last version of every document, in no particular order.
    pub fn documents(&self) -> impl Iterator<Item = (&Arc<str>, ContentHash)> {
        self.documents.iter().map(|(route, (hash, _))| (route, *hash))
    }

    /// Adds a dormant article whose records are not replayed.
    pub fn add_dormant(&mut self, fingerprints: Fingerprints, since: i64) {
        self.dormant.add(fingerprints, since);
    }

    /// Ends the notices of a dormant article that was retracted then (Unix seconds), and keeps its facts in memory.
    pub fn end_notices(&mut self, path: &ArticlePath, since: i64) {
        let article = self.article(path).filter(|article| article.retired_since() == since);
        if let Some(article) = article.filter(|_| !self.is_unreadable(path)).cloned() {
            self.drop_notices(&article);
        }
    }

    /// Forgets fingerprints of which the store knows no dormant article.
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

    /// The facts about the article in a file. From now on the ledger shares the memory of this path.
    pub fn adopt(&mut self, path: &ArticlePath) -> Option<&Remembered> {
        let number = self.number(path)?;
        let (own, remembered) = self.articles.get_mut(number)?;
        own.clone_from(path);
        Some(remembered)
    }

    fn number(&self, path: &ArticlePath) -> Option<SlotId> {
        let is_it = |number: &SlotId| self.articles.get(*number).is_some_and(|(other, _)| other == path);
        self.by_path.candidates(path).find(is_it)
    }

    /// The article that has an id.
    fn holding(&self, id: &EntryId) -> Option<SlotId> {
        self.holding_in(&self.articles, id)
    }

    fn holding_in(&self, articles: &Slab<(ArticlePath, Remembered)>, id: &EntryId) -> Option<SlotId> {
        let is_it = |number: &SlotId| articles.get(*number).is_some_and(|(_, other)| other.id.as_ref() == Some(id));
        self.by_id.candidates(id).find(is_it)
    }

    fn entry(&mut self, path: &ArticlePath) -> SlotId {
        self.number(path).unwrap_or_else(|| {
            let number = self.articles.insert((path.clone(), Remembered::default()));
            self.name(number, path);
            number
        })
    }

    /// Changes the facts that few articles have.
    fn note(&mut self, path: &ArticlePath, note: impl FnOnce(&mut RareFacts)) {
        let number = self.entry(path);
        if let Some((_, remembered)) = self.articles.get_mut(number) {
            note(remembered.rare());
        }
    }

    fn name(&mut self, number: SlotId, path: &ArticlePath) {
        let articles = &self.articles;
        self.by_path.insert(path, number, |number| articles.get(number).map(|(path, _)| path));
    }

    /// Gives an id to an article. A retracted article that had it loses it, and its retraction ends.
    fn hold(&mut self, path: &ArticlePath, id: &EntryId) -> SlotId {
        let number = self.entry(path);
        let before = self.holding(id);
        if before == Some(number) {
            return number;
        }
        let mut by_command = None;
        if let Some(before) = before
            && let Some((before_path, remembered)) = self.articles.get(before).cloned()
        {
            self.unhold(id);
            self.bury(&remembered, false);
            if let Some((_, remembered)) = self.articles.get_mut(before) {
                remembered.id = None;
                by_command = remembered.rare.as_mut().and_then(|rare| rare.retraction.take());
            }
            // What an operator retracted stays retracted, whichever file has its id.
            by_command = by_command.filter(|retraction| retraction.by == Withdrawal::Command);
            if by_command.is_some()
                && let Some(record) = self.unreadable.remove(&before_path)
            {
                self.unreadable.insert(path.clone(), record);
            }
        }
        if !self.dormant.is_empty() {
            self.dormant.release(dormant::of_id(id));
        }
        if let Some(retraction) = self.replaced.remove(id) {
            self.bury_id(id, &retraction, false);
            self.unreadable.remove(&ArticlePath::new(id.as_str()));
        }
        if let Some(other) = self.articles.get(number).and_then(|(_, article)| article.id.clone()) {
            self.by_id.remove(&other, number);
        }
        if let Some((_, remembered)) = self.articles.get_mut(number) {
            remembered.id = Some(id.clone());
            if by_command.is_some() {
                remembered.rare().retraction = by_command;
            }
        }
        self.take_id(number, id);
        number
    }

    /// Takes an id from the article that has it.
    fn unhold(&mut self, id: &EntryId) {
        if let Some(number) = self.holding(id) {
            self.by_id.remove(id, number);
        }
    }

    fn take_id(&mut self, number: SlotId, id: &EntryId) {
        let articles = &self.articles;
        self.by_id.insert(id, number, |number| articles.get(number).and_then(|(_, article)| article.id.as_ref()));
    }

    fn move_to(&mut self, from: &ArticlePath, to: &ArticlePath) {
        let Some(number) = self.number(from).filter(|_| from != to) else { return };
        if let Some(other) = self.number(to) {
            self.by_path.remove(to, other);
            let Some((_, replaced)) = self.articles.get(other).cloned() else { return };
            replaced.id.iter().for_each(|id| self.by_id.remove(id, other));
            self.by_version.remove(&replaced.hash, other);
            self.articles.remove(other);
            let Some((_, mut remembered)) = self.articles.get(number).cloned() else { return };
            // An operator meant what is in this file.
            if replaced.is_retracted_by_command() && !remembered.is_retracted_by_command() {
                self.bury(&remembered, false);
                let told = remembered.rare().retraction.take();
                let mut retraction = replaced.retraction().cloned();
                // What readers were told stays as it was told.
                if let (Some(retraction), Some(told)) = (&mut retraction, told) {
                    (retraction.at, retraction.feeds) = (told.at, told.feeds);
                }
                remembered.rare().retraction = retraction;
                self.bury(&remembered, true);
                self.articles.get_mut(number).into_iter().for_each(|(_, place)| place.clone_from(&remembered));
            }
        }
        self.by_path.remove(from, number);
        let Some((path, remembered)) = self.articles.get_mut(number) else { return };
        *path = to.clone();
        let id = remembered.id.clone();
        if let Some(record) = self.unreadable.remove(from) {
            self.unreadable.insert(to.clone(), record);
        }
        self.name(number, to);
        if let Some(id) = id.filter(|id| self.holding(id) != Some(number)) {
            self.unhold(&id);
            self.take_id(number, &id);
        }
    }

    /// Removes the facts about an article from memory, except its fingerprints. Its notices have ended, so no feed changes.
    fn put_to_sleep(&mut self, path: &ArticlePath) {
        // What an article with an unreadable record withholds stays withheld.
        let Some(number) = self.number(path).filter(|_| !self.is_unreadable(path)) else { return };
        let Some((_, article)) = self.articles.get(number).cloned() else { return };
        self.by_path.remove(path, number);
        article.id.iter().for_each(|id| self.by_id.remove(id, number));
        article.hash().iter().for_each(|hash| self.by_version.remove(hash, number));
        self.articles.remove(number);
        self.drop_notices(&article);
        self.add_dormant(Fingerprints::of(path, &article), article.retired_since());
        self.give_back_room();
    }

    /// Removes notices that no feed shows any more.
    fn drop_notices(&mut self, article: &Remembered) {
        let (Some(id), Some(retraction)) = (&article.id, article.retraction()) else { return };
        let tombstone = Tombstone { at: retraction.at, id: id.clone(), reason: retraction.reason.clone() };
        for route in &*retraction.feeds {
            let Some(tombstones) = self.tombstones.get_mut(route) else { continue };
            tombstones.remove(&tombstone);
            if tombstones.is_empty() {
                self.tombstones.remove(route);
            }
        }
    }

    /// Adds the facts about a dormant article. Its notices stay ended.
    fn wake(&mut self, path: &ArticlePath, article: &Remembered) {
        let Some(holds_id) = self.dormant.take(Fingerprints::of(path, article)) else { return };
        let mut article = article.clone();
        // Another article took its id meanwhile, and with that its retraction is over.
        if !holds_id && article.id.take().is_some() {
            article.rare.iter_mut().for_each(|rare| rare.retraction = None);
        }
        if self.number(path).is_some() {
            return;
        }
        if let Some(rare) = &mut article.rare {
            rare.retraction = rare.retraction.take().map(|retraction| self.shared(&retraction));
            rare.withdrawn = rare.withdrawn.take().map(|feeds| self.shared_routes(&feeds));
        }
        let (id, hash) = (article.id.clone(), article.hash());
        let number = self.articles.insert((path.clone(), article));
        self.name(number, path);
        id.iter().for_each(|id| self.take_id(number, id));
        hash.into_iter().for_each(|hash| self.note_version(number, hash));
    }

    /// Compacts the slab once most slots are free.
    fn give_back_room(&mut self) {
        /// What is as small as this needs no less.
        const FEW: usize = 4_096;
        if self.articles.free_slots() < FEW.max(self.articles.len()) {
            return;
        }
        let articles = std::mem::take(&mut self.articles);
        let holders: HashSet<SlotId> = (articles.iter())
            .filter_map(|(number, (_, article))| {
                (self.holding_in(&articles, article.id.as_ref()?) == Some(number)).then_some(number)
            })
            .collect();
        (self.by_path, self.by_id, self.by_version) = Default::default();
        for (before, (path, article)) in articles.into_values() {
            let (id, hash) = (article.id.clone().filter(|_| holders.contains(&before)), article.hash());
            let number = self.articles.insert((path.clone(), article));
            self.name(number, &path);
            id.iter().for_each(|id| self.take_id(number, id));
            hash.into_iter().for_each(|hash| self.note_version(number, hash));
        }
    }

    fn retract(&mut self, path: &ArticlePath, retraction: &Retraction) {
        self.raise(path);
        let retraction = self.shared(retraction);
        self.note(path, |article| article.retraction = Some(retraction));
        if let Some(remembered) = self.article(path).cloned() {
            self.bury(&remembered, true);
        }
    }

    /// Withholds the article of a record that could not be decoded. Only an operator can say what the record meant.
    fn withhold(&mut self, path: &ArticlePath, record: &UnreadableRecord, at: Timestamp) {
        let unknown = || Retraction { at, reason: None, by: Withdrawal::Command, feeds: Routes::default() };
        match &*record.kind {
            UnreadableRecord::WITHDRAWN => self.note(path, |article| article.withdrawn = Some(Routes::default())),
            UnreadableRecord::REPLACED => {
                let id = EntryId::minted(path.to_string());
                self.apply(&Record::Replaced { id, retraction: unknown() });
            }
            // What readers were told before stays as it was told.
            _ => {
                let known = self.article(path).and_then(Remembered::retraction).cloned();
                self.retract(path, &Retraction { by: Withdrawal::Command, ..known.unwrap_or_else(unknown) });
            }
        }
        self.unreadable.insert(path.clone(), record.clone());
    }

    /// Removes the notices of an article.
    fn raise(&mut self, path: &ArticlePath) {
        if let Some(remembered) = self.article(path).cloned() {
            self.bury(&remembered, false);
        }
    }

    /// Adds or removes the notices of an article, as its retraction requires.
    fn bury(&mut self, article: &Remembered, buried: bool) {
        if let (Some(id), Some(retraction)) = (&article.id, article.retraction()) {
            self.bury_id(id, retraction, buried);
        }
    }

    fn bury_id(&mut self, id: &EntryId, retraction: &Retraction, buried: bool) {
        let tombstone = Arc::new(Tombstone { at: retraction.at, id: id.clone(), reason: retraction.reason.clone() });
        for route in &*retraction.feeds {
            self.retold.insert(Arc::clone(route));
            let tombstones = self.tombstones.entry(Arc::clone(route)).or_default();
            if buried {
                tombstones.insert(Arc::clone(&tombstone));
            } else {
                tombstones.remove(&tombstone);
            }
        }
    }

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

    fn set_version(&mut self, number: SlotId, hash: ContentHash) {
        let Some((_, remembered)) = self.articles.get_mut(number) else { return };
        let before = std::mem::replace(&mut remembered.hash, hash);
        if before != NO_VERSION {
            self.by_version.remove(&before, number);
        }
        self.note_version(number, hash);
    }

    fn note_version(&mut self, number: SlotId, hash: ContentHash) {
        let articles = &self.articles;
        self.by_version.insert(&hash, number, |number| articles.get(number).map(|(_, other)| &other.hash));
    }
}
