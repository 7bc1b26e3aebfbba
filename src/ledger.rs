//! What dateline must never forget about articles and documents: the fold of durable [`Record`]s.
//!
//! An article gets its id once, when readers first see it, and keeps it whatever becomes of its title, slug, section, folder,
//! file name or format. What was retracted stays so until somebody brings it back. A document keeps its Last-Modified while its
//! bytes do not change, and neither that nor a feed's `updated` ever goes back.
//!
//! Of articles whose files are gone for good only fingerprints are in memory ([`dormant`]).
//!
//! Long because every kind of record stands here beside what it folds to, and its tests.
//!
//! # Why does an article's text have a fingerprint?
//!
//! `updated` must change when a reader would see a difference, and not when a file is saved again. A restart mustn't forget what the
//! text was. A fingerprint made by another version of the renderer starts over silently.

pub mod dormant;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use jiff::Timestamp;

use crate::slab::{Slab, SlotId, SlotIndex};
use crate::types::{ArticlePath, ContentHash, EntryId, Text};
use dormant::{Dormant, Fingerprints};

/// One durable fact. It is written before readers see anything that depends on it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Record {
    /// An article without a date was seen for the first time. This becomes its date.
    Seen {
        /// Its file.
        path: ArticlePath,
        /// When.
        at: Timestamp,
    },
    /// A version of an article was published under this id.
    Published {
        /// Its file.
        path: ArticlePath,
        /// For life.
        id: EntryId,
        /// Of the file's bytes, by which a moved file is recognised.
        hash: ContentHash,
        /// Its date of first publication, as readers see it.
        date: Timestamp,
    },
    /// The text that readers see of an article changed, or was fingerprinted for the first time.
    Text {
        /// Its file.
        path: ArticlePath,
        /// What it reads like now.
        print: TextPrint,
        /// When it last changed; `None`: not since it was first looked at.
        changed: Option<Timestamp>,
        /// When it was first looked at, which is when it was first published; `None`: before this was noted.
        first: Option<Timestamp>,
    },
    /// Readers know an article under this id from a feed that dateline replaced.
    Imported {
        /// Its file.
        path: ArticlePath,
        /// For life.
        id: EntryId,
    },
    /// An article's file was moved.
    Moved {
        /// Where it was.
        from: ArticlePath,
        /// Where it is.
        to: ArticlePath,
    },
    /// A public article became a draft, private or embargoed. Readers get no notice.
    Withdrawn {
        /// Its file.
        path: ArticlePath,
        /// The feeds that had it.
        feeds: Routes,
    },
    /// An article's file vanished in a mass removal. The article stays public until an operator decides.
    Lost {
        /// Where the file was.
        path: ArticlePath,
    },
    /// A lost file is back, or its removal was accepted.
    Found {
        /// Its file.
        path: ArticlePath,
    },
    /// Another article replaced the one in the same file. No article has this id any more.
    Replaced {
        /// The id that readers know.
        id: EntryId,
        /// Since when, and the feeds that had it.
        retraction: Retraction,
    },
    /// An article was retracted.
    Retracted {
        /// Its file, which may be gone.
        path: ArticlePath,
        /// Why and since when.
        retraction: Retraction,
    },
    /// A retracted article was restored.
    Restored {
        /// Its file.
        path: ArticlePath,
    },
    /// The bytes of a retracted article's file. They identify the article if the file is moved; otherwise it would be public under the
    /// new path.
    Hidden {
        /// Its file.
        path: ArticlePath,
        /// Of the file's bytes.
        hash: ContentHash,
    },
    /// A record that cannot be decoded, or is of an unknown kind, and may withhold something. Its article stays withheld until an
    /// operator decides. Never written.
    Unreadable {
        /// The file that it is about; of a `replaced` record, the id.
        path: ArticlePath,
        /// Which record it is.
        record: UnreadableRecord,
        /// When it was written down.
        at: Timestamp,
    },
    /// An article's file is gone and its notices have ended. Its facts stay in the store and leave memory.
    Dormant {
        /// Where its file was.
        path: ArticlePath,
        /// All that is remembered of it.
        article: Box<Remembered>,
    },
    /// A dormant article may be back. Its facts are in memory again.
    Woken {
        /// Where its file was.
        path: ArticlePath,
        /// All that the store has of it.
        article: Box<Remembered>,
    },
    /// The bytes of the file of a public entry are in the store, so that a rejected edit or a lost file does not lose the entry.
    Kept {
        /// Of the bytes.
        hash: ContentHash,
        /// Its file.
        path: ArticlePath,
        /// The file.
        bytes: Arc<[u8]>,
    },
    /// No window shows this version any more.
    Dropped {
        /// Of the bytes.
        hash: ContentHash,
    },
    /// A feed changed, which moves its `updated`.
    Feed {
        /// Its canonical request path.
        route: Arc<str>,
        /// What its `updated` says.
        updated: Timestamp,
    },
    /// A document changed.
    Document {
        /// Its canonical request path.
        route: Arc<str>,
        /// Of its bytes.
        hash: ContentHash,
        /// What its Last-Modified says.
        last_modified: Timestamp,
    },
}

impl Record {
    /// The paths of the articles that this record changes.
    pub fn paths(&self) -> impl Iterator<Item = &ArticlePath> {
        let (path, other) = match self {
            Record::Moved { from, to } => (Some(from), Some(to)),
            Record::Seen { path, .. }
            | Record::Published { path, .. }
            | Record::Text { path, .. }
            | Record::Imported { path, .. }
            | Record::Withdrawn { path, .. }
            | Record::Lost { path }
            | Record::Found { path }
            | Record::Retracted { path, .. }
            | Record::Restored { path }
            | Record::Hidden { path, .. }
            | Record::Unreadable { path, .. } => (Some(path), None),
            Record::Replaced { .. }
            | Record::Dormant { .. }
            | Record::Woken { .. }
            | Record::Kept { .. }
            | Record::Dropped { .. }
            | Record::Feed { .. }
            | Record::Document { .. } => (None, None),
        };
        path.into_iter().chain(other)
    }
}

/// A record that cannot be decoded, as it is in the store.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UnreadableRecord {
    /// The row number.
    pub number: i64,
    /// The kind, as written.
    pub kind: Arc<str>,
}

impl UnreadableRecord {
    /// Flags for what a retraction is besides the removal of a file.
    pub const REPLACED: &str = "replaced";
    /// Readers got no notice.
    pub const WITHDRAWN: &str = "withdrawn";
}

/// A fingerprint of what readers see of an article: title, text and picture, without markup. Fingerprints of different renderer versions
/// cannot be compared.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TextPrint {
    /// The hash of the text.
    pub hash: ContentHash,
    /// The version of the parser and renderer that made the text.
    pub version: u32,
}

/// Request paths of feeds, in the order of an article's placement.
pub type Routes = Arc<[Arc<str>]>;

/// The retraction of an article.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Retraction {
    /// When.
    pub at: Timestamp,
    /// What readers are told.
    pub reason: Option<Text>,
    /// Who did it.
    pub by: Withdrawal,
    /// The feeds that had it.
    pub feeds: Routes,
}

/// How an article was retracted. Decides how it comes back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Withdrawal {
    /// The file was deleted. The article comes back with the file.
    Deleted,
    /// The file says so. The article comes back when the file says otherwise.
    Status,
    /// By command, whatever the file says. The article comes back by command.
    Command,
}

/// The facts about the article in a file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Remembered {
    /// The id under which it was published.
    pub id: Option<EntryId>,
    /// The last public version, or the last version of a retracted article. All zeros: none.
    hash: ContentHash,
    /// The date of first publication that readers saw last (Unix seconds). `i64::MIN`: not published yet.
    date: i64,
    seldom: Option<Box<RareFacts>>,
}

/// The facts of [`Remembered`], unpacked.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Facts {
    /// See [`Remembered`].
    pub id: Option<EntryId>,
    /// See the functions of [`Remembered`], also for the fields below.
    pub hash: Option<ContentHash>,
    /// The date of first publication.
    pub date: Option<Timestamp>,
    /// When it was first seen.
    pub seen: Option<Timestamp>,
    /// The fingerprint of its text.
    pub print: Option<TextPrint>,
    /// When the text last changed.
    pub changed: Option<Timestamp>,
    /// When its text was first fingerprinted.
    pub first: Option<Timestamp>,
    /// Its retraction, if it is retracted.
    pub retraction: Option<Retraction>,
    /// The feeds that contained it, if it is withheld without a notice.
    pub withdrawn: Option<Routes>,
}

impl From<&Remembered> for Facts {
    fn from(article: &Remembered) -> Facts {
        Facts {
            id: article.id.clone(),
            hash: article.hash(),
            date: article.date(),
            seen: article.seen(),
            print: article.print(),
            changed: article.changed(),
            first: article.first(),
            retraction: article.retraction().cloned(),
            withdrawn: article.withdrawn().cloned(),
        }
    }
}

impl From<Facts> for Remembered {
    fn from(facts: Facts) -> Remembered {
        let Facts { id, hash, date, seen, print, changed, first, retraction, withdrawn } = facts;
        let seldom = RareFacts { seen, print, changed, first, retraction, withdrawn, lost: false };
        Remembered {
            id,
            hash: hash.unwrap_or(NO_VERSION),
            date: date.map_or(i64::MIN, Timestamp::as_second),
            seldom: (seldom != RareFacts::default()).then(|| Box::new(seldom)),
        }
    }
}

/// Facts that few articles have.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
struct RareFacts {
    seen: Option<Timestamp>,
    print: Option<TextPrint>,
    changed: Option<Timestamp>,
    first: Option<Timestamp>,
    retraction: Option<Retraction>,
    withdrawn: Option<Routes>,
    lost: bool,
}

/// Stands for no version. No known bytes have this hash.
const NO_VERSION: ContentHash = ContentHash::from_bytes([0; 16]);

impl Default for Remembered {
    fn default() -> Remembered {
        Remembered { id: None, hash: NO_VERSION, date: i64::MIN, seldom: None }
    }
}

impl Remembered {
    /// The last public version, or the last version of a retracted article.
    pub fn hash(&self) -> Option<ContentHash> {
        Some(self.hash).filter(|hash| *hash != NO_VERSION)
    }

    /// The date of first publication that readers saw last.
    pub fn date(&self) -> Option<Timestamp> {
        Timestamp::from_second(self.date).ok()
    }

    /// When it was first seen, if it had no date then.
    pub fn seen(&self) -> Option<Timestamp> {
        self.seldom.as_ref()?.seen
    }

    /// The fingerprint of its text.
    pub fn print(&self) -> Option<TextPrint> {
        self.seldom.as_ref()?.print
    }

    /// When the text last changed.
    pub fn changed(&self) -> Option<Timestamp> {
        self.seldom.as_ref()?.changed
    }

    /// When its text was first fingerprinted.
    pub fn first(&self) -> Option<Timestamp> {
        self.seldom.as_ref()?.first
    }

    /// Its retraction, if it is retracted.
    pub fn retraction(&self) -> Option<&Retraction> {
        self.seldom.as_ref()?.retraction.as_ref()
    }

    /// When it was retracted (Unix seconds). `i64::MIN`: not retracted.
    pub fn retired_since(&self) -> i64 {
        self.retraction().map_or(i64::MIN, |retraction| retraction.at.as_second())
    }

    /// The feeds that contained it, if it is withheld without a notice.
    pub fn withdrawn(&self) -> Option<&Routes> {
        self.seldom.as_ref()?.withdrawn.as_ref()
    }

    /// Whether its file vanished in a mass removal.
    pub fn is_lost(&self) -> bool {
        self.seldom.as_ref().is_some_and(|seldom| seldom.lost)
    }

    fn seldom(&mut self) -> &mut RareFacts {
        self.seldom.get_or_insert_default()
    }

    /// Whether it was published and is not retracted.
    pub fn is_known(&self) -> bool {
        self.id.is_some() && self.hash().is_some() && self.retraction().is_none()
    }

    /// Whether it is public, apart from embargo and expiry.
    pub fn is_live(&self) -> bool {
        self.is_known() && self.withdrawn().is_none()
    }

    /// Whether an operator retracted it. Only an operator can restore it.
    pub fn is_retracted_by_command(&self) -> bool {
        self.retraction().is_some_and(|retraction| retraction.by == Withdrawal::Command)
    }
}

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
                let withdrawn = remembered.seldom.as_mut().and_then(|seldom| seldom.withdrawn.take());
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
            note(remembered.seldom());
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
                by_command = remembered.seldom.as_mut().and_then(|seldom| seldom.retraction.take());
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
                remembered.seldom().retraction = by_command;
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
                let told = remembered.seldom().retraction.take();
                let mut retraction = replaced.retraction().cloned();
                // What readers were told stays as it was told.
                if let (Some(retraction), Some(told)) = (&mut retraction, told) {
                    (retraction.at, retraction.feeds) = (told.at, told.feeds);
                }
                remembered.seldom().retraction = retraction;
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
        let Some(number) = self.number(path) else { return };
        let Some((_, article)) = self.articles.get(number).cloned() else { return };
        self.by_path.remove(path, number);
        article.id.iter().for_each(|id| self.by_id.remove(id, number));
        article.hash().iter().for_each(|hash| self.by_version.remove(hash, number));
        self.articles.remove(number);
        if let (Some(id), Some(retraction)) = (&article.id, article.retraction()) {
            let tombstone = Tombstone { at: retraction.at, id: id.clone(), reason: retraction.reason.clone() };
            for route in &*retraction.feeds {
                let Some(tombstones) = self.tombstones.get_mut(route) else { continue };
                tombstones.remove(&tombstone);
                if tombstones.is_empty() {
                    self.tombstones.remove(route);
                }
            }
        }
        self.add_dormant(Fingerprints::of(path, &article), article.retired_since());
        self.give_back_room();
    }

    /// Adds the facts about a dormant article. Its notices stay ended.
    fn wake(&mut self, path: &ArticlePath, article: &Remembered) {
        let Some(holds_id) = self.dormant.take(Fingerprints::of(path, article)) else { return };
        let mut article = article.clone();
        // Another article took its id meanwhile, and with that its retraction is over.
        if !holds_id && article.id.take().is_some() {
            article.seldom.iter_mut().for_each(|seldom| seldom.retraction = None);
        }
        if self.number(path).is_some() {
            return;
        }
        if let Some(seldom) = &mut article.seldom {
            seldom.retraction = seldom.retraction.take().map(|retraction| self.shared(&retraction));
            seldom.withdrawn = seldom.withdrawn.take().map(|feeds| self.shared_routes(&feeds));
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

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("in range")
    }

    fn path(name: &str) -> ArticlePath {
        ArticlePath::new(name)
    }

    fn id(name: &str) -> EntryId {
        EntryId::minted(name.to_owned())
    }

    fn published(name: &str, entry: &str, text: &str) -> Record {
        Record::Published { path: path(name), id: id(entry), hash: ContentHash::of(text.as_bytes()), date: at(1) }
    }

    fn moved(from: &str, to: &str) -> Record {
        Record::Moved { from: path(from), to: path(to) }
    }

    fn retracted(name: &str, second: i64) -> Record {
        let reason = Some(Text::new("libel"));
        let feeds = ["/news/".into(), "/".into()].into();
        let retraction = Retraction { at: at(second), reason, by: Withdrawal::Deleted, feeds };
        Record::Retracted { path: path(name), retraction }
    }

    #[test]
    fn an_id_follows_its_file_and_has_one_holder() {
        let mut ledger =
            Ledger::replay([published("a.md", "tag:x", "1"), published("a.md", "tag:x", "2"), moved("a.md", "b.md")]);
        assert!(ledger.holds(&path("b.md"), &id("tag:x")) && ledger.article(&path("a.md")).is_none());
        assert_eq!(ledger.with_version(ContentHash::of(b"2")).collect::<Vec<_>>(), [&path("b.md")]);
        assert_eq!(ledger.with_version(ContentHash::of(b"1")).count(), 0);
        ledger.apply(&published("c.md", "tag:x", "3"));
        assert!(ledger.holds(&path("c.md"), &id("tag:x")));
        assert!(ledger.article(&path("b.md")).is_some_and(|b| b.id.is_none()));
        ledger.apply(&Record::Seen { path: path("c.md"), at: at(0) });
        ledger.apply(&Record::Seen { path: path("c.md"), at: at(9) });
        assert_eq!(ledger.article(&path("c.md")).and_then(Remembered::seen), Some(at(0)));
    }

    fn by_command() -> Retraction {
        Retraction { at: at(7), reason: None, by: Withdrawal::Command, feeds: Routes::default() }
    }

    #[test]
    fn an_operators_retraction_is_not_undone_by_a_move() {
        for (from, to) in [("a.md", "c.md"), ("c.md", "a.md")] {
            let mut ledger = Ledger::replay([published("a.md", "tag:a", "1"), retracted("a.md", 5)]);
            ledger.apply(&Record::Retracted { path: path("c.md"), retraction: by_command() });
            ledger.apply(&moved(from, to));
            assert!(ledger.article(&path(to)).is_some_and(Remembered::is_retracted_by_command), "{from} to {to}");
        }
    }

    #[test]
    fn tombstones_stand_until_their_article_is_back() {
        let tombstones = |ledger: &Ledger| -> Vec<String> {
            let of = |route: &str| {
                ledger.tombstones(route).map(|stone| format!("{}@{}", stone.id, stone.at.as_second())).collect()
            };
            [of("/news/"), of("/")].into_iter().map(|stones: Vec<String>| stones.join(" ")).collect()
        };
        let story = [
            published("a.md", "tag:a", "1"),
            published("b.md", "tag:b", "2"),
            retracted("a.md", 5),
            retracted("b.md", 6),
        ];
        let ledger = Ledger::replay(story.clone());
        assert_eq!(tombstones(&ledger), ["tag:a@5 tag:b@6", "tag:a@5 tag:b@6"]);
        assert!(!ledger.article(&path("a.md")).is_some_and(Remembered::is_live));
        for (what, more, expected) in [
            ("restored", vec![Record::Restored { path: path("a.md") }], "tag:b@6"),
            ("retracted anew", vec![retracted("a.md", 9)], "tag:b@6 tag:a@9"),
            ("its file is elsewhere", vec![moved("a.md", "c.md"), Record::Restored { path: path("c.md") }], "tag:b@6"),
            ("another file has its id", vec![published("c.md", "tag:a", "3")], "tag:b@6"),
            (
                "an operator retracted the file that it became",
                vec![
                    Record::Retracted { path: path("c.md"), retraction: by_command() },
                    moved("a.md", "c.md"),
                    Record::Restored { path: path("b.md") },
                ],
                "tag:a@5",
            ),
            ("another file took its place", vec![moved("b.md", "a.md")], "tag:a@5 tag:b@6"),
        ] {
            let ledger = Ledger::replay(story.iter().cloned().chain(more));
            assert_eq!(tombstones(&ledger), [expected, expected], "{what}");
        }
    }

    #[test]
    fn what_left_the_same_feeds_shares_their_names() {
        let stories = [("a.md", "tag:a"), ("b.md", "tag:b"), ("c.md", "tag:c")];
        let mut ledger = Ledger::replay(stories.map(|(name, entry)| published(name, entry, name)));
        ledger.apply(&retracted("a.md", 5));
        ledger.apply(&retracted("b.md", 6));
        ledger.apply(&Record::Withdrawn { path: path("c.md"), feeds: ["/news/".into(), "/".into()].into() });
        let article = |name: &str| ledger.article(&path(name)).cloned().expect("remembered");
        let feeds = |name: &str| article(name).retraction().map(|retraction| Arc::clone(&retraction.feeds));
        let feeds = [feeds("a.md"), feeds("b.md"), article("c.md").withdrawn().cloned()].map(Option::unwrap);
        assert!(feeds.iter().all(|other| Arc::ptr_eq(other, &feeds[0])), "{feeds:?}");
        let tombstones = |route: &str| ledger.tombstones.get(route).and_then(BTreeSet::first).expect("there is one");
        assert!(Arc::ptr_eq(tombstones("/news/"), tombstones("/")));
    }

    #[test]
    fn an_imported_id_is_held_before_and_after_a_version_is_public() {
        let a = ArticlePath::new("a.md");
        let imported = |id: &str| Record::Imported { path: a.clone(), id: EntryId::minted(id.to_owned()) };
        let mut ledger = Ledger::replay([imported("urn:old")]);
        let (old, new) = (EntryId::minted("urn:old".to_owned()), EntryId::minted("urn:new".to_owned()));
        assert!(ledger.holds(&a, &old) && ledger.article(&a).is_some_and(|a| a.hash().is_none()));
        ledger.apply(&published("a.md", "urn:old", "1"));
        ledger.apply(&imported("urn:new"));
        assert!(ledger.holds(&a, &new) && !ledger.holds(&a, &old));
        assert_eq!(ledger.article(&a).and_then(Remembered::hash), Some(ContentHash::of(b"1")));
    }

    #[test]
    fn sleeping_articles_wake_as_they_were_unless_their_ids_were_taken() {
        let story = [published("a.md", "tag:a", "1"), published("b.md", "tag:b", "2"), retracted("a.md", 5)];
        let before = Ledger::replay(story.clone());
        let article = before.article(&path("a.md")).cloned().expect("remembered");
        let asleep = Record::Dormant { path: path("a.md"), article: Box::new(article.clone()) };
        let woken = || Record::Woken { path: path("a.md"), article: Box::new(Facts::from(&article).into()) };
        let mut ledger = Ledger::replay(story.into_iter().chain([asleep]));
        assert_eq!((ledger.len(), ledger.dormant().len(), ledger.tombstones("/").count()), (1, 1, 0));
        assert!(ledger.holder(&id("tag:a")).is_none() && ledger.with_version(ContentHash::of(b"1")).count() == 0);
        let short_id = crate::build::assemble::short_id(&id("tag:a"));
        assert_eq!(ledger.dormant().retired().by_short_id(&short_id), Some(at(5)));
        assert_eq!(ledger.dormant().retired().by_short_id(&short_id.to_uppercase()), None);
        assert!(ledger.dormant().has_path(dormant::of_path(&path("A.md"))), "another spelling");
        let mut taken = ledger.clone();

        ledger.apply(&woken());
        assert_eq!(ledger.article(&path("a.md")), Some(&article));
        assert!(ledger.holds(&path("a.md"), &id("tag:a")) && ledger.dormant().is_empty());
        assert_eq!(ledger.dormant().retired().by_short_id(&short_id), None);
        ledger.apply(&woken());
        assert_eq!(ledger.len(), 2, "it is awake");

        taken.apply(&published("c.md", "tag:a", "3"));
        assert_eq!(taken.dormant().retired().by_short_id(&short_id), None);
        taken.apply(&woken());
        let a = taken.article(&path("a.md")).expect("remembered");
        assert!(a.id.is_none() && a.retraction().is_none() && a.first() == article.first());
        assert!(taken.holds(&path("c.md"), &id("tag:a")));
    }

    #[test]
    fn room_of_sleeping_articles_is_given_back() {
        let names: Vec<String> = (0..9_000).map(|number| format!("{number}.md")).collect();
        let mut ledger = Ledger::replay(names.iter().map(|name| published(name, name, name)));
        for name in names.iter().skip(10) {
            ledger.apply(&Record::Dormant { path: path(name), article: Box::default() });
        }
        assert!(ledger.len() == 10 && ledger.articles.free_slots() < 5_000, "{} vacant", ledger.articles.free_slots());
        for name in names.iter().take(10) {
            assert!(ledger.holds(&path(name), &id(name)));
            assert_eq!(ledger.with_version(ContentHash::of(name.as_bytes())).count(), 1);
        }
    }
}
