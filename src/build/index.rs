//! Every feed's articles in order, kept and not recomputed: a change costs O(log n) in each feed that has the article.
//!
//! What is here is a function of the good articles, the configuration and the last instant passed; the order in which
//! changes came leaves no trace.
//!
//! Long because standing, id and place of an article depend on one another, and are changed together.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use jiff::Timestamp;

use super::assemble::options;
use super::feed_limits::{Admission, Admissions};
use super::order::{Order, Place};
use super::placement::{FeedKey, Placement, SectionRules};
use super::window::{self, Extent};
use crate::article::card::Card;
use crate::article::{self, bundle};
use crate::diagnostics::{self, Code, Diagnostic, Severity};
use crate::encoding::encode_segment;
use crate::event::Now;
use crate::ledger::{Ledger, Remembered};
use crate::slab::{Slab, SlotId, SlotIndex};
use crate::snapshot::HiddenCounts;
use crate::types::{ArticlePath, ContentHash, EntryId, Moment, SectionPath, nfc};

/// Where an article stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Visibility {
    /// Readers can see it, under this id; `None`: under the one that it would like to have, as nearly all are.
    Public(Option<Box<EntryId>>),
    /// `draft: true`
    Draft,
    /// It has no date, and nothing remembers when it was first seen.
    Undated,
    /// Its date or the end of its embargo is still to come.
    Scheduled(Moment),
    /// It was public until then, or would have been.
    Expired(Moment),
    /// It is private, or paid and left out.
    Restricted,
    /// It is the page of a folder with other articles, or of a section: no article.
    Listing,
    /// It is withdrawn.
    Retracted,
    /// Another article has its explicit id.
    IdTaken(Box<ArticlePath>),
    /// Another version of the item, in this file, withholds it.
    Superseded(Box<ArticlePath>),
}

/// One article in the index.
#[derive(Clone, Debug)]
pub struct IndexedArticle {
    /// Where it belongs, and the feeds that have it while it is public; none where it is not and never was.
    shelf: Arc<FeedSet>,
    /// Whether readers can see it.
    pub standing: Visibility,
    /// First publication and last change; equal where no change is stated or it is still to come. Those of a retracted article whose
    /// id readers know are kept, as it keeps its right to the id.
    pub dates: Option<(Moment, Moment)>,
    path: ArticlePath,
    /// The id it would like to have, which others may want too.
    wish: EntryId,
    /// By what right; `None`: it wants none, not being public.
    claim: Option<IdClaim>,
    /// Whether its author says which id it has.
    states_id: bool,
    /// Whether its author says when it last changed.
    pub states_update: bool,
    /// Whether it names files below the content directory.
    pub names_files: bool,
    /// Whether it is among the changes.
    is_changed: bool,
}

impl IndexedArticle {
    /// The id under which readers see it.
    pub fn id(&self) -> Option<&EntryId> {
        match &self.standing {
            Visibility::Public(id) => Some(id.as_deref().unwrap_or(&self.wish)),
            _ => None,
        }
    }

    /// Where it belongs.
    pub fn filing(&self) -> &Placement {
        &self.shelf.filing
    }

    /// Whether readers see it as the ledger remembers it: under this id, in this version and since then.
    pub fn is_as_remembered(&self, remembered: &Remembered, version: ContentHash) -> bool {
        let (Some(id), Some((published, _))) = (self.id(), self.dates) else { return false };
        remembered.id.as_ref() == Some(id)
            && remembered.is_live()
            && remembered.date() == Some(published.timestamp())
            && remembered.hash() == Some(version)
    }

    /// Whether nothing is to be remembered or told of it: it stands as it is remembered, and is plain.
    pub fn is_quiet(&self, remembered: &Remembered, version: ContentHash) -> bool {
        self.is_as_remembered(remembered, version) && self.is_plain()
    }

    /// Whether it is public, names no files, and [`Index::diagnostics`] has nothing to say of it.
    pub fn is_plain(&self) -> bool {
        self.id().is_some() && !self.names_files && self.filing().diagnostics.is_empty() && !self.is_told_apart()
    }

    /// Whether it has its path in its id, since another one has the id that would be minted for it.
    fn is_told_apart(&self) -> bool {
        let Some(id) = self.id() else { return false };
        // Nearly every id does not, and is not looked at further.
        if self.states_id || !id.as_str().ends_with(&encode_segment(self.path.extension())) {
            return false;
        }
        let path: Vec<String> = self.path.as_str().split('/').map(encode_segment).collect();
        let minted = id.as_str().strip_suffix(path.join("/").as_str()).and_then(|minted| minted.strip_suffix('/'));
        // There is a slug before it.
        minted.is_some_and(|minted| minted.contains('/'))
    }

    /// The id that its author says it has.
    pub fn stated_id(&self) -> Option<&EntryId> {
        self.states_id.then_some(&self.wish)
    }
}

/// By what right an article wants an id. Of two, the better right wins, then the earlier publication, then the path.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum IdClaim {
    /// Readers know it under this id.
    Held,
    /// Its author says so.
    Explicit,
    /// It follows from date, section and slug.
    Minted,
}

/// Where articles belong, and the feeds that have them.
#[derive(Clone, Debug)]
struct FeedSet {
    filing: Arc<Placement>,
    feeds: Box<[FeedNumber]>,
}

/// Stands for a feed as long as the index does.
type FeedNumber = u32;

/// A feed and its articles.
#[derive(Debug)]
struct FeedState {
    key: FeedKey,
    order: Order,
    /// When its window changes by itself.
    ends: Option<Timestamp>,
    /// Whether it is among the changes.
    is_changed: bool,
    /// Whether there is room for it. Always for a section's.
    admission: Admission,
}

impl FeedState {
    /// A tag's or an author's feed ends with its last article.
    fn exists(&self) -> bool {
        self.admission == Admission::Admitted && (!self.order.is_empty() || matches!(self.key, FeedKey::Section(_)))
    }
}

/// The order of every feed.
#[derive(Debug)]
pub struct Index {
    cabinet: Arc<SectionRules>,
    articles: Slab<IndexedArticle>,
    by_path: SlotIndex,
    /// Those that want an id, by that. Nearly every id is wanted by one article.
    by_wish: SlotIndex,
    /// Where articles go that say nothing of it, by their folders.
    shelves: HashMap<Box<str>, Arc<FeedSet>>,
    feeds: Vec<FeedState>,
    by_key: BTreeMap<FeedKey, FeedNumber>,
    /// Which of the tags and which of the authors that have articles have feeds.
    tags: Admissions,
    authors: Admissions,
    /// The instants still to come at which articles have to be filed anew.
    due: BTreeSet<(Timestamp, ArticlePath)>,
    due_of: HashMap<ArticlePath, Vec<Timestamp>>,
    /// Pages of folders that are no articles.
    listings: HashSet<ArticlePath>,
    /// How many articles are in folders with an old name of a section, by that.
    old_folders: BTreeMap<SectionPath, usize>,
    /// Files that withhold what they are about and state its id, and the same by id.
    withholding: HashMap<ArticlePath, EntryId>,
    withheld_by: BTreeMap<EntryId, BTreeSet<ArticlePath>>,
    /// When windows change by themselves.
    ending: BTreeSet<(Timestamp, FeedKey)>,
    public: usize,
    hidden: HiddenCounts,
    changes: Changes,
    /// The places of the articles among the changes, as far as they are still there.
    changed: Vec<SlotId>,
    /// The last instant passed.
    now: Timestamp,
}

/// What changed since it was last asked.
#[derive(Debug, Default)]
pub struct Changes {
    /// Feeds whose window looks different.
    pub feeds: BTreeSet<FeedKey>,
    /// Articles whose standing, place or content changed, the ones that are gone included; in no order.
    pub articles: Vec<ArticlePath>,
    /// Articles that were public and for some time at least were not, with the feeds that had them.
    pub left: BTreeMap<ArticlePath, Vec<FeedKey>>,
}

impl Index {
    /// An empty index with room for so many articles; every configured feed is there from the start.
    pub fn new(cabinet: Arc<SectionRules>, articles: usize) -> Index {
        let sections = cabinet.config().sections.iter().map(|section| FeedKey::Section(section.path.clone()));
        let keys: BTreeSet<FeedKey> = sections.chain([FeedKey::Section(Default::default())]).collect();
        let mut index = Index {
            cabinet,
            articles: Slab::default(),
            by_path: SlotIndex::default(),
            by_wish: SlotIndex::default(),
            shelves: HashMap::new(),
            feeds: Vec::new(),
            by_key: BTreeMap::new(),
            tags: Admissions::default(),
            authors: Admissions::default(),
            due: BTreeSet::new(),
            due_of: HashMap::new(),
            listings: HashSet::new(),
            old_folders: BTreeMap::new(),
            withholding: HashMap::new(),
            withheld_by: BTreeMap::new(),
            ending: BTreeSet::new(),
            public: 0,
            hidden: HiddenCounts::default(),
            changes: Changes::default(),
            changed: Vec::new(),
            now: Timestamp::MIN,
        };
        for key in &keys {
            let number = index.feed_number(key);
            index.change_feed(number);
        }
        index.reserve(articles);
        index
    }

    /// Makes room for so many articles.
    pub fn reserve(&mut self, articles: usize) {
        let of = &self.articles;
        let more = articles.saturating_sub(of.len());
        self.by_path.reserve(more, |number| of.get(number).map(|filed| &filed.path));
        self.by_wish.reserve(more, |number| of.get(number).map(|filed| &filed.wish));
    }

    /// Gives back the room that orders have left, once an archive is filed.
    pub fn compact(&mut self) {
        self.feeds.iter_mut().for_each(|feed| feed.order.compact());
    }

    /// The sections it files under.
    pub fn cabinet(&self) -> &Arc<SectionRules> {
        &self.cabinet
    }

    /// Decides which tags and authors that are new have feeds. `is_known`: readers know the feed already.
    pub fn admit(&mut self, is_known: impl Fn(&FeedKey) -> bool) {
        let most = self.cabinet.config().taxonomies.max_tags;
        let articles = |key: &FeedKey| {
            let feed = self.by_key.get(key).and_then(|number| self.feeds.get(*number as usize));
            feed.map_or(0, |feed| feed.order.len())
        };
        let mut decided = self.tags.decide(most, &is_known, articles);
        decided.extend(self.authors.decide(most, &is_known, articles));
        for (key, admission) in decided {
            let Some(number) = self.by_key.get(&key).copied() else { continue };
            self.feeds.get_mut(number as usize).into_iter().for_each(|feed| feed.admission = admission);
            if admission == Admission::Admitted {
                self.change_feed(number);
            }
        }
    }

    /// The tags and the authors that have no feed since there are too many, in order.
    pub fn refused_feeds(&self) -> [&BTreeSet<FeedKey>; 2] {
        [self.tags.refused(), self.authors.refused()]
    }

    /// Says whether the page of a folder is no article, before it is filed.
    pub fn set_listing(&mut self, path: &ArticlePath, is_listing: bool) {
        match is_listing {
            true => self.listings.insert(path.clone()),
            false => self.listings.remove(path),
        };
    }

    /// Describes sections otherwise, which changes the place of no article.
    pub fn describe(&mut self, cabinet: Arc<SectionRules>) {
        self.cabinet = cabinet;
    }

    /// Files a new or changed article.
    pub fn put(&mut self, path: &ArticlePath, card: &Card, ledger: &Ledger, now: Now) {
        self.put_telling(path, card, ledger, now, true);
    }

    /// The same where nobody was told anything of the article yet: if it is quiet, it is not among the changes. After a start nearly all
    /// of an archive are.
    pub fn put_untold(&mut self, path: &ArticlePath, card: &Card, ledger: &Ledger, now: Now) {
        self.put_telling(path, card, ledger, now, false);
    }

    fn put_telling(&mut self, path: &ArticlePath, card: &Card, ledger: &Ledger, now: Now, tells_all: bool) {
        self.now = now;
        let was_there = self.remove(path);
        let mut shelf = self.shelf(path, card);
        let remembered = ledger.article(path);
        let published = self.first_publication(card, remembered);
        let known = remembered.and_then(|article| article.id.clone());
        let wish =
            card.id.clone().or_else(|| known.clone()).unwrap_or_else(|| self.minted(card, published, &shelf.filing));
        // An id has one holder.
        let holder = if known.as_ref() == Some(&wish) { Some(path) } else { ledger.holder(&wish) };
        let mut standing = Visibility::Undated;
        let mut dates = None;
        let mut claim = None;
        let mut due = Vec::new();
        // A clock that was set back does not take back what was public.
        let was_public = |date: Moment| {
            remembered.is_some_and(|article| article.is_live() && article.date() == Some(date.timestamp()))
        };
        let right = || match &card.id {
            _ if holder == Some(path) => IdClaim::Held,
            Some(_) => IdClaim::Explicit,
            None => IdClaim::Minted,
        };
        let expired = card.expires.filter(|expires| expires.timestamp() <= now);
        match (published, expired) {
            _ if is_retracted(path, card, remembered, holder, ledger) => {
                standing = Visibility::Retracted;
                // It keeps the id that readers know: nobody else gets it.
                if holder.is_some() {
                    claim = Some(right());
                    dates = published.map(|published| (published, published));
                }
            }
            _ if card.draft => standing = Visibility::Draft,
            _ if self.cabinet.leaves_out(card) => standing = Visibility::Restricted,
            _ if self.listings.contains(path) => standing = Visibility::Listing,
            (None, _) => {}
            (Some(published), _) if published.timestamp() > now && !was_public(published) => {
                standing = Visibility::Scheduled(published);
                due.push(published.timestamp());
            }
            (Some(_), Some(expired)) => standing = Visibility::Expired(expired),
            (Some(published), None) => {
                let changes = card.updated.into_iter().chain(card.corrections.iter().copied());
                let changes = changes.filter(|change| change.second() >= published.second());
                let (past, coming): (Vec<Moment>, Vec<Moment>) = changes.partition(|change| change.timestamp() <= now);
                let updated = past.into_iter().max_by_key(|change| change.second()).unwrap_or(published);
                due.extend(coming.into_iter().chain(card.expires).map(Moment::timestamp));
                dates = Some((published, updated));
                claim = Some(right());
            }
        }
        // Whoever knows it from these feeds may have to be told something.
        if (dates.is_none() || standing == Visibility::Retracted)
            && remembered.is_none_or(|article| article.id.is_none())
        {
            shelf = Arc::new(FeedSet { filing: Arc::clone(&shelf.filing), feeds: Box::default() });
        }
        if withholds(path, card, &standing, now) {
            self.note_withholding(path, &wish);
        }
        self.due.extend(due.iter().map(|instant| (*instant, path.clone())));
        if !due.is_empty() {
            self.due_of.insert(path.clone(), due);
        }
        if let Some(count) = hidden(&mut self.hidden, &standing) {
            *count += 1;
        }
        if let Some(old) = &shelf.filing.old_folder {
            *self.old_folders.entry(old.clone()).or_default() += 1;
        }
        let filed = IndexedArticle {
            path: path.clone(),
            shelf,
            standing,
            dates,
            wish,
            claim,
            states_id: card.id.is_some(),
            states_update: card.updated.is_some(),
            names_files: !card.files.is_empty(),
            // So that settling its id does not note it; below it is decided whether it is news.
            is_changed: true,
        };
        let wish = filed.wish.clone();
        let number = self.insert(filed);
        if claim.is_some() {
            let articles = &self.articles;
            self.by_wish.insert(&wish, number, |number| articles.get(number).map(|filed| &filed.wish));
        }
        self.settle(&wish);
        if was_there {
            // Noted when what was there was taken out.
            return self.changed.push(number);
        }
        let Some(filed) = self.articles.get_mut(number) else { return };
        filed.is_changed = false;
        if tells_all || !remembered.is_some_and(|remembered| filed.is_quiet(remembered, card.hash)) {
            self.change(number);
        }
    }

    /// Takes note of a file that cannot be used and withholds the item with this id.
    pub fn withhold(&mut self, path: &ArticlePath, id: &EntryId) {
        self.remove(path);
        self.note_withholding(path, id);
        self.settle(id);
    }

    fn note_withholding(&mut self, path: &ArticlePath, id: &EntryId) {
        self.withholding.insert(path.clone(), id.clone());
        self.withheld_by.entry(id.clone()).or_default().insert(path.clone());
    }

    /// A file withholds nothing any more.
    fn release(&mut self, path: &ArticlePath) {
        let Some(id) = self.withholding.remove(path) else { return };
        if let Some(paths) = self.withheld_by.get_mut(&id) {
            paths.remove(path);
            if paths.is_empty() {
                self.withheld_by.remove(&id);
            }
        }
        self.settle(&id);
    }

    /// The file that withholds the item in another one. Only versions of an item do.
    fn withholder(&self, filed: &IndexedArticle) -> Option<&ArticlePath> {
        let paths = self.withheld_by.get(&filed.wish).filter(|_| self.is_version(&filed.path, filed.stated_id()))?;
        paths.iter().find(|path| **path != filed.path && self.is_version(path, Some(&filed.wish)))
    }

    /// Whether a file is a version of an item: wire text with an id that its agency gave it, and not `dateline pin`.
    fn is_version(&self, path: &ArticlePath, id: Option<&EntryId>) -> bool {
        let minted = |id: &EntryId| {
            let rest = id.as_str().strip_prefix("tag:");
            let rest = rest.and_then(|rest| rest.strip_prefix(self.cabinet.config().site.tag_authority.as_str()));
            rest.is_some_and(|rest| rest.starts_with(':'))
        };
        path.extension().eq_ignore_ascii_case("txt") && id.is_some_and(|id| !minted(id))
    }

    /// What two files say of one id of which one withholds it.
    pub fn contradiction(&self, path: &ArticlePath) -> Option<Diagnostic> {
        let name = |path: &ArticlePath| format!("{}/{path}", self.cabinet.config().parsing.root);
        let filed = self.get(path)?;
        let diagnostic = match &filed.standing {
            Visibility::Superseded(other) => Diagnostic::new(
                Code::IdWithheld,
                format!("`{}` has the same id and withholds it, so this article is not public", name(other)),
            )
            .help(format!("edit or remove one of the two; `dateline retract {path}` tells readers that it is gone")),
            _ => {
                let holder = self.withholding.get(path).and_then(|id| self.public_under(id))?;
                let message =
                    format!("it withholds an article, and its id belongs to `{}`, which stays public", name(holder));
                let help = "edit the other file to withhold it, or give this one an id of its own";
                let diagnostic = Diagnostic::new(Code::IdTaken, message).help(help);
                Diagnostic { severity: Severity::Warning, ..diagnostic }
            }
        };
        Some(diagnostic.at(diagnostics::Place::file(&name(path))))
    }

    /// Takes an article out. Says whether it was there.
    pub fn remove(&mut self, path: &ArticlePath) -> bool {
        self.release(path);
        let Some(number) = self.number(path) else { return false };
        self.change(number);
        self.withdraw(number);
        for instant in self.due_of.remove(path).unwrap_or_default() {
            self.due.remove(&(instant, path.clone()));
        }
        self.by_path.remove(path, number);
        let Some(filed) = self.articles.get(number) else { return false };
        let (wish, claimed) = (filed.wish.clone(), filed.claim.is_some());
        if let Some(count) = filed.shelf.filing.old_folder.as_ref().and_then(|old| self.old_folders.get_mut(old)) {
            *count -= 1;
        }
        if let Some(count) = hidden(&mut self.hidden, &filed.standing) {
            *count -= 1;
        }
        if claimed {
            self.by_wish.remove(&wish, number);
        }
        self.articles.remove(number);
        if claimed {
            self.settle(&wish);
        }
        true
    }

    /// Lets time pass: windows that an article left are different, and what has become due has to be filed anew.
    pub fn tick(&mut self, now: Now) -> Vec<ArticlePath> {
        self.now = now;
        while let Some((instant, key)) = self.ending.first().cloned()
            && instant <= now
        {
            self.ending.pop_first();
            let Some(number) = self.by_key.get(&key).copied() else { continue };
            self.feeds.get_mut(number as usize).into_iter().for_each(|feed| feed.ends = None);
            self.change_feed(number);
        }
        let mut due = Vec::new();
        while let Some((_, path)) = self.due.first().cloned().filter(|(instant, _)| *instant <= now) {
            self.due.pop_first();
            due.push(path);
        }
        due
    }

    /// The next instant at which something becomes visible or leaves a window.
    pub fn wake_at(&self) -> Option<Timestamp> {
        let due = self.due.first().map(|(instant, _)| *instant);
        let ending = self.ending.first().map(|(instant, _)| *instant);
        due.into_iter().chain(ending).min()
    }

    /// What changed since the last call.
    pub fn take_changes(&mut self) -> Changes {
        let changes = std::mem::take(&mut self.changes);
        for number in std::mem::take(&mut self.changed) {
            self.articles.get_mut(number).into_iter().for_each(|filed| filed.is_changed = false);
        }
        for key in &changes.feeds {
            let end = self.extent(key).ends;
            let Some(feed) = self.by_key.get(key).and_then(|number| self.feeds.get_mut(*number as usize)) else {
                continue;
            };
            feed.is_changed = false;
            if let Some(before) = std::mem::replace(&mut feed.ends, end) {
                self.ending.remove(&(before, key.clone()));
            }
            self.ending.extend(end.map(|end| (end, key.clone())));
        }
        changes
    }

    /// An article, if it is known.
    pub fn get(&self, path: &ArticlePath) -> Option<&IndexedArticle> {
        self.articles.get(self.number(path)?)
    }

    /// Every article, in no order.
    pub fn articles(&self) -> impl Iterator<Item = (&ArticlePath, &IndexedArticle)> {
        self.articles.iter().map(|(_, filed)| (&filed.path, filed))
    }

    /// Every feed that there is, in order.
    pub fn feeds(&self) -> impl Iterator<Item = &FeedKey> {
        let exists = |number: &FeedNumber| self.feeds.get(*number as usize).is_some_and(FeedState::exists);
        self.by_key.iter().filter(move |(_, number)| exists(number)).map(|(key, _)| key)
    }

    /// Whether there is such a feed.
    pub fn has_feed(&self, key: &FeedKey) -> bool {
        self.feed(key).is_some_and(FeedState::exists)
    }

    /// The feeds that have an article while it is public; none where it is not and never was.
    pub fn feeds_of(&self, filed: &IndexedArticle) -> impl Iterator<Item = &FeedKey> {
        filed.shelf.feeds.iter().filter_map(|number| self.feeds.get(*number as usize)).map(|feed| &feed.key)
    }

    /// The articles in a feed's window, newest first.
    pub fn window(&self, key: &FeedKey) -> impl Iterator<Item = &ArticlePath> {
        let places = self.feed(key).into_iter().flat_map(|feed| feed.order.iter()).take(self.extent(key).count);
        places.filter_map(|place| self.articles.get(place.number())).map(|filed| &filed.path)
    }

    /// Whether any window would hold an article if no other article came.
    pub fn is_in_a_window(&self, path: &ArticlePath) -> bool {
        let Some(number) = self.number(path) else { return false };
        let Some(filed) = self.articles.get(number) else { return false };
        let Some(place) = place(number, filed) else { return false };
        filed.shelf.feeds.iter().any(|feed| self.is_within(*feed, place))
    }

    /// The second before which no full window takes an article in, as far as can be told; `None` while there is none.
    pub fn horizon(&self) -> Option<i64> {
        let horizon = |feed: &FeedState| {
            let window = &options(&self.cabinet, &feed.key).window;
            let most = window.max_items.max(window.min_items);
            let last = feed.order.iter().nth(most.saturating_sub(1))?;
            let resident = self.now.saturating_sub(window.min_residency).unwrap_or(Timestamp::MIN).as_second();
            Some(last.second().min(resident))
        };
        self.feeds.iter().filter_map(horizon).min()
    }

    fn extent(&self, key: &FeedKey) -> Extent {
        let places = self.feed(key).into_iter().flat_map(|feed| feed.order.iter());
        let dates = places.map(|place| Timestamp::from_second(place.second()).unwrap_or(Timestamp::MIN));
        window::extent(dates, &options(&self.cabinet, key).window, self.now)
    }

    /// How many public articles a feed has, whether or not its window shows them.
    pub fn membership(&self, key: &FeedKey) -> usize {
        self.feed(key).map_or(0, |feed| feed.order.len())
    }

    /// These articles, newest first.
    pub fn members(&self, key: &FeedKey) -> impl Iterator<Item = &ArticlePath> {
        let places = self.feed(key).into_iter().flat_map(|feed| feed.order.iter());
        places.filter_map(|place| self.articles.get(place.number())).map(|filed| &filed.path)
    }

    /// Folders with an old name of a section, and how many articles are in each.
    pub fn old_folders(&self) -> impl Iterator<Item = (&SectionPath, usize)> {
        self.old_folders.iter().map(|(old, count)| (old, *count)).filter(|(_, count)| *count > 0)
    }

    /// How many articles are public.
    pub fn public(&self) -> usize {
        self.public
    }

    /// How many are not, by why.
    pub fn hidden(&self) -> HiddenCounts {
        self.hidden
    }

    /// What is odd about where an article stands.
    pub fn diagnostics(&self, path: &ArticlePath, filed: &IndexedArticle) -> Vec<Diagnostic> {
        let mut diagnostics = filed.filing().diagnostics.clone();
        match &filed.standing {
            Visibility::IdTaken(holder) => diagnostics.push(
                Diagnostic::new(
                    Code::IdTaken,
                    format!("the id `{}` belongs to `{holder}`, so this article is not published", filed.wish),
                )
                .help("give one of the two an id of its own"),
            ),
            Visibility::Public(_) if filed.is_told_apart() => diagnostics.push(
                Diagnostic::new(
                    Code::IdCollision,
                    format!(
                        "another article of that day and section has the same slug; this one gets the id `{}`",
                        filed.id().unwrap_or(&filed.wish)
                    ),
                )
                .help("give one of the two another `slug` or an explicit `id`"),
            ),
            _ => {}
        }
        let file = || diagnostics::Place::file(&format!("{}/{path}", self.cabinet.config().parsing.root));
        for diagnostic in &mut diagnostics {
            diagnostic.place.get_or_insert_with(file);
        }
        diagnostics
    }

    /// What a public article would lose with the state: its `id` or its `date`, where its file does not give the same again.
    pub fn lost_without_state(&self, path: &ArticlePath, card: &Card) -> Option<&'static str> {
        let filed = self.get(path)?;
        let id = filed.id()?;
        if card.published.is_none() {
            return Some("date");
        }
        let minted = self.minted(card, filed.dates.map(|(published, _)| published), filed.filing());
        (card.id.is_none() && *id != minted && !filed.is_told_apart()).then_some("id")
    }

    /// From now on readers know an article under the id that it has: nobody has a better right to it, and it wants no other.
    pub fn hold(&mut self, path: &ArticlePath) {
        let Some(number) = self.number(path) else { return };
        let Some(filed) = self.articles.get_mut(number) else { return };
        let Some(id) = filed.id().cloned() else { return };
        filed.claim = filed.claim.map(|_| IdClaim::Held);
        if filed.wish != id {
            self.by_wish.remove(&filed.wish, number);
            (filed.wish, filed.standing) = (id.clone(), Visibility::Public(None));
            let articles = &self.articles;
            self.by_wish.insert(&id, number, |number| articles.get(number).map(|filed| &filed.wish));
        }
    }

    /// Its date, or when it was first seen where it states none; not before its embargo ends.
    fn first_publication(&self, card: &Card, remembered: Option<&Remembered>) -> Option<Moment> {
        let seen = || self.moment(remembered?.seen()?);
        let date = card.published.or_else(seen)?;
        Some(card.embargo.filter(|embargo| embargo.second() > date.second()).unwrap_or(date))
    }

    /// An instant in the publication's zone.
    pub fn moment(&self, instant: Timestamp) -> Option<Moment> {
        Moment::new(instant, self.cabinet.config().parsing.timezone.to_offset(instant))
    }

    /// The id that an article has or would like to have.
    pub fn wished(&self, path: &ArticlePath) -> Option<&EntryId> {
        Some(&self.get(path)?.wish)
    }

    /// The articles that want an id and have a right to it, best right first.
    pub fn claimants(&self, id: &EntryId) -> impl Iterator<Item = &ArticlePath> {
        self.claims(id).into_iter().filter_map(|number| self.articles.get(number)).map(|filed| &filed.path)
    }

    /// The article that readers see under an id.
    pub fn public_under(&self, id: &EntryId) -> Option<&ArticlePath> {
        let claims = self.by_wish.candidates(id).filter_map(|number| self.articles.get(number));
        claims.into_iter().find(|filed| filed.id() == Some(id)).map(|filed| &filed.path)
    }

    /// The other article that readers see under the id that this one says it has.
    pub fn rival(&self, path: &ArticlePath) -> Option<&ArticlePath> {
        match &self.get(path)?.standing {
            Visibility::IdTaken(holder) => Some(holder),
            _ => None,
        }
    }

    /// The id that is minted once from authority, publication date, first segment and slug.
    fn minted(&self, card: &Card, published: Option<Moment>, filing: &Placement) -> EntryId {
        let date = published.map(Moment::date).unwrap_or_default();
        let section = filing.written.segments().next().map(|segment| format!("{}/", encode_segment(segment)));
        let slug = encode_segment(&nfc(card.slug.as_str()));
        let authority = &self.cabinet.config().site.tag_authority;
        EntryId::minted(format!("tag:{authority}:{date}/{}{slug}", section.unwrap_or_default()))
    }

    fn number(&self, path: &ArticlePath) -> Option<SlotId> {
        self.by_path.candidates(path).find(|number| self.articles.get(*number).is_some_and(|filed| filed.path == *path))
    }

    fn insert(&mut self, filed: IndexedArticle) -> SlotId {
        let path = filed.path.clone();
        let number = self.articles.insert(filed);
        let articles = &self.articles;
        self.by_path.insert(&path, number, |number| articles.get(number).map(|filed| &filed.path));
        number
    }

    /// Where an article belongs, and the feeds that have it while it is public.
    fn shelf(&mut self, path: &ArticlePath, card: &Card) -> Arc<FeedSet> {
        let by_folder = self.cabinet.goes_by_folder(card);
        let folder = bundle::section_folder(path);
        let known = self.shelves.get(folder).filter(|_| by_folder).cloned();
        let shelf = known.unwrap_or_else(|| {
            let filing = self.cabinet.file(path, card);
            let keys = self.cabinet.section_feeds(card, &filing);
            let feeds = keys.iter().map(|key| self.feed_number(key)).collect();
            let shelf = Arc::new(FeedSet { filing: Arc::new(filing), feeds });
            if by_folder {
                self.shelves.insert(folder.into(), Arc::clone(&shelf));
            }
            shelf
        });
        let terms = self.cabinet.term_feeds(card);
        if terms.is_empty() {
            return shelf;
        }
        let terms = terms.iter().map(|key| self.feed_number(key)).collect::<Vec<_>>();
        let feeds = shelf.feeds.iter().copied().chain(terms).collect();
        Arc::new(FeedSet { filing: Arc::clone(&shelf.filing), feeds })
    }

    fn feed(&self, key: &FeedKey) -> Option<&FeedState> {
        self.feeds.get(*self.by_key.get(key)? as usize)
    }

    fn feed_number(&mut self, key: &FeedKey) -> FeedNumber {
        if let Some(number) = self.by_key.get(key) {
            return *number;
        }
        let number = FeedNumber::try_from(self.feeds.len()).unwrap_or(FeedNumber::MAX);
        let admission = if matches!(key, FeedKey::Section(_)) { Admission::Admitted } else { Admission::Undecided };
        let (order, ends) = (Order::default(), None);
        self.feeds.push(FeedState { key: key.clone(), order, ends, is_changed: false, admission });
        self.by_key.insert(key.clone(), number);
        number
    }

    /// Who wants an id, best right first.
    fn claims(&self, id: &EntryId) -> Vec<SlotId> {
        let claim = |number: SlotId| {
            let filed = self.articles.get(number).filter(|filed| filed.wish == *id)?;
            let since = filed.dates.map_or(i64::MIN, |(published, _)| published.second());
            Some((filed.claim?, since, &filed.path, number))
        };
        let mut claims: Vec<_> = self.by_wish.candidates(id).filter_map(claim).collect();
        claims.sort_unstable();
        claims.into_iter().map(|(.., number)| number).collect()
    }

    /// Gives each claimant of an id its due, and moves those whose id changed.
    fn settle(&mut self, wish: &EntryId) {
        let mut holder: Option<ArticlePath> = None;
        let mut moved: Vec<(SlotId, Visibility)> = Vec::new();
        for number in self.claims(wish) {
            let Some(filed) = self.articles.get(number) else { continue };
            let standing = match &holder {
                _ if filed.standing == Visibility::Retracted => Visibility::Retracted,
                _ if let Some(other) = self.withholder(filed) => Visibility::Superseded(Box::new(other.clone())),
                None => Visibility::Public(None),
                Some(holder) if filed.states_id => Visibility::IdTaken(Box::new(holder.clone())),
                Some(_) => {
                    let path: Vec<String> = filed.path.as_str().split('/').map(encode_segment).collect();
                    Visibility::Public(Some(Box::new(EntryId::minted(format!("{wish}/{}", path.join("/"))))))
                }
            };
            holder.get_or_insert_with(|| filed.path.clone());
            if filed.standing != standing {
                moved.push((number, standing));
            }
        }
        // All that change leave first: two of them may have the same instant, and so would have the same place.
        moved.iter().for_each(|(number, _)| self.withdraw(*number));
        let numbers: Vec<SlotId> = moved.iter().map(|(number, _)| *number).collect();
        for (number, standing) in moved {
            let Some(filed) = self.articles.get_mut(number) else { continue };
            if let Some(count) = hidden(&mut self.hidden, &filed.standing) {
                *count -= 1;
            }
            if let Some(count) = hidden(&mut self.hidden, &standing) {
                *count += 1;
            }
            filed.standing = standing;
        }
        for number in numbers {
            self.place(number);
            self.change(number);
        }
        // What they say of it may be otherwise now.
        let withholding: Vec<ArticlePath> = self.withheld_by.get(wish).into_iter().flatten().cloned().collect();
        for number in withholding.iter().filter_map(|path| self.number(path)).collect::<Vec<_>>() {
            self.change(number);
        }
    }

    /// Notes that an article changed.
    fn change(&mut self, number: SlotId) {
        if let Some(filed) = self.articles.get_mut(number).filter(|filed| !filed.is_changed) {
            filed.is_changed = true;
            self.changes.articles.push(filed.path.clone());
            self.changed.push(number);
        }
    }

    fn place(&mut self, number: SlotId) {
        let Some(filed) = self.articles.get(number) else { return };
        let Some(place) = place(number, filed) else { return };
        self.public += 1;
        for feed in &Arc::clone(&filed.shelf).feeds {
            let id = |number: SlotId| self.articles.get(number).and_then(IndexedArticle::id);
            let Some(state) = self.feeds.get_mut(*feed as usize) else { continue };
            let begins = state.order.is_empty();
            state.order.insert(place, &id);
            match begins {
                // Whether or not its window has any: there are documents of it from now on.
                true => self.begin_feed(*feed),
                false => self.note(*feed, place),
            }
        }
    }

    fn withdraw(&mut self, number: SlotId) {
        let Some(filed) = self.articles.get(number) else { return };
        let Some(place) = place(number, filed) else { return };
        self.public -= 1;
        let keys = self.feeds_of(filed).cloned().collect();
        self.changes.left.entry(filed.path.clone()).or_insert(keys);
        for feed in &Arc::clone(&filed.shelf).feeds {
            self.note(*feed, place);
            let id = |number: SlotId| self.articles.get(number).and_then(IndexedArticle::id);
            let Some(state) = self.feeds.get_mut(*feed as usize) else { continue };
            state.order.remove(place, &id);
            if state.order.is_empty() {
                self.end_feed(*feed);
            }
        }
    }

    fn begin_feed(&mut self, number: FeedNumber) {
        self.change_feed(number);
        let Some(feed) = self.feeds.get(number as usize) else { return };
        match &feed.key {
            FeedKey::Section(_) => {}
            FeedKey::Tag(_) => self.tags.begin(&feed.key),
            FeedKey::Author(_) => self.authors.begin(&feed.key),
        }
    }

    fn end_feed(&mut self, number: FeedNumber) {
        self.change_feed(number);
        let Some(feed) = self.feeds.get_mut(number as usize) else { return };
        match &feed.key {
            FeedKey::Section(_) => return,
            FeedKey::Tag(_) => self.tags.end(&feed.key, feed.admission),
            FeedKey::Author(_) => self.authors.end(&feed.key, feed.admission),
        }
        feed.admission = Admission::Undecided;
    }

    /// Marks a feed as changed if the place is inside its window.
    fn note(&mut self, feed: FeedNumber, place: Place) {
        let is_changed = self.feeds.get(feed as usize).is_none_or(|feed| feed.is_changed);
        if !is_changed && self.is_within(feed, place) {
            self.change_feed(feed);
        }
    }

    fn change_feed(&mut self, feed: FeedNumber) {
        if let Some(feed) = self.feeds.get_mut(feed as usize) {
            feed.is_changed = true;
            self.changes.feeds.insert(feed.key.clone());
        }
    }

    fn is_within(&self, feed: FeedNumber, place: Place) -> bool {
        let feed = self.feeds.get(feed as usize).filter(|feed| feed.admission != Admission::Refused);
        let Some(feed) = feed else { return false };
        let window = &options(&self.cabinet, &feed.key).window;
        let most = window.max_items.max(window.min_items);
        let newer = feed.order.newer(place, most, &|number| self.articles.get(number).and_then(IndexedArticle::id));
        let published = Timestamp::from_second(place.second()).unwrap_or(Timestamp::MIN);
        window::end(newer, published, window).is_none_or(|end| end > self.now)
    }
}

/// Whether the file says so, or an operator said so of it or of the article that has its id.
fn is_retracted(
    path: &ArticlePath,
    card: &Card,
    remembered: Option<&Remembered>,
    holder: Option<&ArticlePath>,
    ledger: &Ledger,
) -> bool {
    let other = || holder.filter(|holder| *holder != path).and_then(|holder| ledger.article(holder));
    card.retracted.is_some()
        || remembered.is_some_and(Remembered::is_retracted_by_command)
        || other().is_some_and(Remembered::is_retracted_by_command)
}

/// Whether a file withholds what it is about: a notice of a kill, say, or a version under an embargo. A draft in a folder of drafts is
/// only kept there.
fn withholds(path: &ArticlePath, card: &Card, standing: &Visibility, now: Now) -> bool {
    let is_withheld = match standing {
        Visibility::Draft | Visibility::Restricted | Visibility::Expired(_) => true,
        Visibility::Retracted => card.retracted.is_some(),
        Visibility::Scheduled(_) => card.embargo.is_some_and(|embargo| embargo.timestamp() > now),
        _ => false,
    };
    is_withheld && card.id.is_some() && !article::in_drafts_folder(path)
}

fn place(number: SlotId, filed: &IndexedArticle) -> Option<Place> {
    let (published, _) = filed.dates?;
    filed.id().map(|_| Place::new(published, number))
}

/// Where articles of a standing are counted that readers do not see.
fn hidden<'h>(hidden: &'h mut HiddenCounts, standing: &Visibility) -> Option<&'h mut usize> {
    match standing {
        Visibility::Public(_) => None,
        Visibility::Listing => Some(&mut hidden.listings),
        Visibility::Draft => Some(&mut hidden.drafts),
        Visibility::Undated => Some(&mut hidden.undated),
        Visibility::Scheduled(_) => Some(&mut hidden.scheduled),
        Visibility::Expired(_) => Some(&mut hidden.expired),
        Visibility::Restricted => Some(&mut hidden.restricted),
        Visibility::Retracted => Some(&mut hidden.retracted),
        Visibility::IdTaken(_) | Visibility::Superseded(_) => Some(&mut hidden.id_taken),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config;

    /// Two articles want the same id. Each line: what is written or removed, and what is said to have changed.
    #[test]
    fn what_changed_is_named_once() {
        let text = "[site]\ntitle = \"C\"\nurl = \"https://c.example/\"\nlanguage = \"en\"\ntag_authority = \"c.example,2026\"\n\n[[section]]\npath = \"news\"\n";
        let config = config::parse(Path::new("c.toml"), text.as_bytes()).config.expect("valid");
        let (ledger, now) = (Ledger::default(), Timestamp::from_second(1_800_000_000).expect("in range"));
        let mut index = Index::new(Arc::new(SectionRules::new(Arc::clone(&config))), 0);
        for (happens, expected) in
            [("b", "b"), ("b", "b"), ("c", "c"), ("a", "a b"), ("a b", "a b"), ("-a", "a b"), ("a -a", "a b"), ("", "")]
        {
            for what in happens.split_whitespace() {
                let path = ArticlePath::new(&format!("news/{}.md", what.trim_start_matches('-')));
                let slug = if what == "c" { "c" } else { "same" };
                let text = format!("---\ntitle: T\ndate: 2026-11-20\nslug: {slug}\n---\n\nText.\n");
                let parsed = article::parse(&path, text.as_bytes(), &config.parsing).article.expect("good");
                if what.starts_with('-') {
                    assert!(index.remove(&path));
                } else {
                    index.put(&path, &parsed.card.open(&path), &ledger, now);
                }
            }
            let mut changed: Vec<String> =
                index.take_changes().articles.iter().map(|path| path.stem().to_owned()).collect();
            changed.sort();
            assert_eq!(changed.join(" "), expected, "{happens}");
        }
    }
}
