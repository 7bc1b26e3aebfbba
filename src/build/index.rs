//! Every feed's articles in order, kept and not recomputed: a change costs O(log n) in each feed that has the article.
//!
//! What is here is a function of the good articles, the configuration and the last instant passed; the order in which
//! changes came leaves no trace.
//!
//! Long because standing, id and place of an article depend on one another, and are changed together.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use jiff::Timestamp;

use super::assemble::options;
use super::claims::Claims;
use super::filing::{Cabinet, FeedKey, Filing};
use super::window::{self, Extent};
use crate::article::Metadata;
use crate::diag::{Code, Diagnostic, Place};
use crate::event::Now;
use crate::ledger::{Ledger, Remembered};
use crate::snapshot::Hidden;
use crate::types::{ArticlePath, EntryId, Moment, encode_segment, nfc};

/// Where an article stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Standing {
    /// Readers can see it, under this id.
    Public(EntryId),
    /// `draft: true`
    Draft,
    /// It has no date, and nothing remembers when it was first seen.
    Undated,
    /// Its date or the end of its embargo is still to come.
    Scheduled(Timestamp),
    /// It was public until then, or would have been.
    Expired(Timestamp),
    /// It is withdrawn.
    Retracted,
    /// Another article has its explicit id.
    IdTaken(ArticlePath),
}

/// One article in the index.
#[derive(Clone, Debug)]
pub struct Filed {
    /// Its last good version.
    pub metadata: Arc<Metadata>,
    /// Where it belongs.
    pub filing: Filing,
    /// Whether readers can see it.
    pub standing: Standing,
    /// First publication and last change; equal where no change is stated or it is still to come.
    pub dates: Option<(Moment, Moment)>,
    /// The feeds that have it while it is public; empty where it is not and never was.
    pub feeds: Vec<FeedKey>,
    /// The id it would like to have, which others may want too.
    wish: EntryId,
    /// The instants still to come at which it has to be filed anew.
    due: Vec<Timestamp>,
}

impl Filed {
    /// The id under which readers see it.
    pub fn id(&self) -> Option<&EntryId> {
        match &self.standing {
            Standing::Public(id) => Some(id),
            _ => None,
        }
    }
}

/// Newest first by first publication, ties by id.
type Position = (Reverse<Timestamp>, EntryId);

/// The order of every feed.
#[derive(Debug)]
pub struct Index {
    cabinet: Arc<Cabinet>,
    articles: HashMap<ArticlePath, Filed>,
    claims: Claims,
    feeds: BTreeMap<FeedKey, BTreeMap<Position, ArticlePath>>,
    due: BTreeSet<(Timestamp, ArticlePath)>,
    /// When windows change by themselves: the instant of each feed that has one, and in order.
    ends: BTreeMap<FeedKey, Timestamp>,
    ending: BTreeSet<(Timestamp, FeedKey)>,
    public: usize,
    hidden: Hidden,
    changes: Changes,
    /// The last instant passed.
    now: Timestamp,
}

/// What changed since it was last asked.
#[derive(Debug, Default)]
pub struct Changes {
    /// Feeds whose window looks different.
    pub feeds: BTreeSet<FeedKey>,
    /// Articles whose standing, place or content changed, the ones that are gone included.
    pub articles: BTreeSet<ArticlePath>,
    /// Articles that were public and for some time at least were not, with the feeds that had them.
    pub left: BTreeMap<ArticlePath, Vec<FeedKey>>,
}

impl Index {
    /// An empty index; every configured feed is there from the start.
    pub fn new(cabinet: Arc<Cabinet>) -> Index {
        let sections = cabinet.config().sections.iter().map(|section| FeedKey::Section(section.path.clone()));
        let keys: BTreeSet<FeedKey> = sections.chain([FeedKey::Section(Default::default())]).collect();
        let feeds = keys.iter().map(|key| (key.clone(), BTreeMap::new())).collect();
        let changes = Changes { feeds: keys, ..Changes::default() };
        Index {
            cabinet,
            articles: HashMap::new(),
            claims: Claims::default(),
            feeds,
            due: BTreeSet::new(),
            ends: BTreeMap::new(),
            ending: BTreeSet::new(),
            public: 0,
            hidden: Hidden::default(),
            changes,
            now: Timestamp::MIN,
        }
    }

    /// The sections it files under.
    pub fn cabinet(&self) -> &Arc<Cabinet> {
        &self.cabinet
    }

    /// Files a new or changed article.
    pub fn put(&mut self, path: &ArticlePath, metadata: &Arc<Metadata>, ledger: &Ledger, now: Now) {
        self.now = now;
        self.remove(path);
        let filing = self.cabinet.file(path, metadata);
        let remembered = ledger.article(path);
        let published = self.first_publication(metadata, remembered);
        let wish = self.wish(path, metadata, published, &filing, ledger);
        let mut filed = Filed {
            metadata: Arc::clone(metadata),
            filing,
            standing: Standing::Undated,
            dates: None,
            feeds: Vec::new(),
            wish: wish.clone(),
            due: Vec::new(),
        };
        // A clock that was set back does not take back what was public.
        let was_public = |date: Moment| {
            remembered.is_some_and(|article| article.is_live() && article.date == Some(date.timestamp()))
        };
        let expired = metadata.expires.map(Moment::timestamp).filter(|expires| *expires <= now);
        match published {
            _ if is_retracted(metadata, remembered, &wish, ledger) => {
                filed.standing = Standing::Retracted;
                // It keeps the id that readers know: nobody else gets it.
                if ledger.holder(&wish).is_some() {
                    let since = published.map_or(Timestamp::MIN, Moment::timestamp);
                    self.claims.add(path, metadata, since, &wish, ledger);
                }
            }
            _ if metadata.draft => filed.standing = Standing::Draft,
            None => {}
            Some(published) if published.timestamp() > now && !was_public(published) => {
                filed.standing = Standing::Scheduled(published.timestamp());
                filed.due.push(published.timestamp());
            }
            Some(_) if expired.is_some() => filed.standing = Standing::Expired(expired.unwrap_or(now)),
            Some(published) => {
                let corrections = metadata.corrections.iter().map(|correction| correction.date);
                let changes = metadata.updated.into_iter().chain(corrections);
                let changes = changes.filter(|change| change.timestamp() >= published.timestamp());
                let (past, coming): (Vec<Moment>, Vec<Moment>) = changes.partition(|change| change.timestamp() <= now);
                let updated = past.into_iter().max_by_key(|change| change.timestamp()).unwrap_or(published);
                filed.due.extend(coming.into_iter().chain(metadata.expires).map(Moment::timestamp));
                filed.dates = Some((published, updated));
                filed.feeds = self.cabinet.feeds(metadata, &filed.filing);
                let since = published.timestamp();
                self.claims.add(path, metadata, since, &wish, ledger);
            }
        }
        // Whoever knows it from these feeds may have to be told something.
        if filed.dates.is_none() && remembered.is_some_and(|article| article.id.is_some()) {
            filed.feeds = self.cabinet.feeds(metadata, &filed.filing);
        }
        self.due.extend(filed.due.iter().map(|instant| (*instant, path.clone())));
        self.insert(path.clone(), filed);
        self.changes.articles.insert(path.clone());
        self.settle(&wish);
    }

    /// Takes an article out.
    pub fn remove(&mut self, path: &ArticlePath) {
        let Some(filed) = self.take(path) else { return };
        self.changes.articles.insert(path.clone());
        self.withdraw(path, &filed);
        for instant in &filed.due {
            self.due.remove(&(*instant, path.clone()));
        }
        if self.claims.remove(&filed.wish, path).is_some() {
            self.settle(&filed.wish);
        }
    }

    /// Lets time pass: what has become due is filed anew, and windows that an article left are different.
    pub fn tick(&mut self, ledger: &Ledger, now: Now) {
        self.now = now;
        while let Some((instant, key)) = self.ending.first().cloned()
            && instant <= now
        {
            self.ending.pop_first();
            self.ends.remove(&key);
            self.changes.feeds.insert(key);
        }
        while let Some((instant, path)) = self.due.first().cloned() {
            if instant > now {
                return;
            }
            self.due.pop_first();
            if let Some(metadata) = self.articles.get(&path).map(|filed| Arc::clone(&filed.metadata)) {
                self.put(&path, &metadata, ledger, now);
            }
        }
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
        for key in &changes.feeds {
            let end = self.extent(key).ends;
            if let Some(before) = self.ends.remove(key) {
                self.ending.remove(&(before, key.clone()));
            }
            if let Some(end) = end {
                self.ends.insert(key.clone(), end);
                self.ending.insert((end, key.clone()));
            }
        }
        changes
    }

    /// An article, if it is known.
    pub fn get(&self, path: &ArticlePath) -> Option<&Filed> {
        self.articles.get(path)
    }

    /// Every article, in no order.
    pub fn articles(&self) -> impl Iterator<Item = (&ArticlePath, &Filed)> {
        self.articles.iter()
    }

    /// Every feed that there is.
    pub fn feeds(&self) -> impl Iterator<Item = &FeedKey> {
        self.feeds.keys()
    }

    /// Whether there is such a feed.
    pub fn has_feed(&self, key: &FeedKey) -> bool {
        self.feeds.contains_key(key)
    }

    /// The articles in a feed's window, newest first.
    pub fn window(&self, key: &FeedKey) -> impl Iterator<Item = &ArticlePath> {
        self.feeds.get(key).into_iter().flat_map(|feed| feed.values()).take(self.extent(key).count)
    }

    fn extent(&self, key: &FeedKey) -> Extent {
        let dates = self.feeds.get(key).into_iter().flat_map(|feed| feed.keys()).map(|(Reverse(date), _)| *date);
        window::extent(dates, &options(&self.cabinet, key).window, self.now)
    }

    /// How many articles are public.
    pub fn public(&self) -> usize {
        self.public
    }

    /// How many are not, by why.
    pub fn hidden(&self) -> Hidden {
        self.hidden
    }

    fn insert(&mut self, path: ArticlePath, filed: Filed) {
        if let Some(count) = hidden(&mut self.hidden, &filed.standing) {
            *count += 1;
        }
        self.articles.insert(path, filed);
    }

    fn take(&mut self, path: &ArticlePath) -> Option<Filed> {
        let filed = self.articles.remove(path)?;
        if let Some(count) = hidden(&mut self.hidden, &filed.standing) {
            *count -= 1;
        }
        Some(filed)
    }

    /// What is odd about where an article stands.
    pub fn diagnostics(&self, path: &ArticlePath, filed: &Filed) -> Vec<Diagnostic> {
        let mut diagnostics = filed.filing.diagnostics.clone();
        match &filed.standing {
            Standing::IdTaken(holder) => diagnostics.push(
                Diagnostic::new(
                    Code::IdTaken,
                    format!("the id `{}` belongs to `{holder}`, so this article is not published", filed.wish),
                )
                .help("give one of the two an id of its own"),
            ),
            Standing::Public(id) if self.is_told_apart(id, path, filed) => diagnostics.push(
                Diagnostic::new(
                    Code::IdCollision,
                    format!(
                        "another article of that day and section has the slug `{}` too; this one gets the id `{id}`",
                        filed.metadata.slug
                    ),
                )
                .help("give one of the two another `slug` or an explicit `id`"),
            ),
            _ => {}
        }
        let file = || Place::file(&format!("{}/{path}", self.cabinet.config().parsing.root));
        for diagnostic in &mut diagnostics {
            diagnostic.place.get_or_insert_with(file);
        }
        diagnostics
    }

    /// What a public article would lose with the state: its `id` or its `date`, where its file does not give the same again.
    pub fn lost_without_state(&self, path: &ArticlePath) -> Option<&'static str> {
        let filed = self.articles.get(path)?;
        let (id, metadata) = (filed.id()?, &filed.metadata);
        if metadata.published.is_none() {
            return Some("date");
        }
        let minted = self.minted(metadata, filed.dates.map(|(published, _)| published), &filed.filing);
        (metadata.id.is_none() && *id != minted && !self.is_told_apart(id, path, filed)).then_some("id")
    }

    /// Whether an article has its path in its id, since another one has the id that would be minted for it.
    fn is_told_apart(&self, id: &EntryId, path: &ArticlePath, filed: &Filed) -> bool {
        // Nearly every id does not, and is not minted again to be sure.
        if !id.as_str().ends_with(&encode_segment(path.extension())) {
            return false;
        }
        let minted = self.minted(&filed.metadata, filed.dates.map(|(published, _)| published), &filed.filing);
        let rest = id.as_str().strip_prefix(minted.as_str());
        filed.metadata.id.is_none() && rest.is_some_and(|rest| rest.starts_with('/'))
    }

    /// From now on readers know an article under the id that it has: nobody has a better right to it, and it wants no other.
    pub fn hold(&mut self, path: &ArticlePath) {
        let Some(filed) = self.articles.get_mut(path) else { return };
        let Some(id) = filed.id().cloned() else { return };
        let wish = std::mem::replace(&mut filed.wish, id.clone());
        self.claims.hold(&wish, &id, path);
    }

    /// Its date, or when it was first seen where it states none; not before its embargo ends.
    fn first_publication(&self, metadata: &Metadata, remembered: Option<&Remembered>) -> Option<Moment> {
        let seen = || self.moment(remembered?.seen?);
        let date = metadata.published.or_else(seen)?;
        Some(metadata.embargo.filter(|embargo| embargo.timestamp() > date.timestamp()).unwrap_or(date))
    }

    /// An instant in the publication's zone.
    pub fn moment(&self, instant: Timestamp) -> Option<Moment> {
        Moment::new(instant, self.cabinet.config().parsing.timezone.to_offset(instant))
    }

    /// The id that an article has or would like to have.
    pub fn wished(&self, path: &ArticlePath) -> Option<&EntryId> {
        Some(&self.articles.get(path)?.wish)
    }

    /// The articles that want an id and have a right to it, best right first.
    pub fn claimants(&self, id: &EntryId) -> impl Iterator<Item = &ArticlePath> {
        self.claims.of(id).iter().map(|(_, _, path)| path)
    }

    /// The article that readers see under an id.
    pub fn public_under(&self, id: &EntryId) -> Option<&ArticlePath> {
        let holds = |path: &&ArticlePath| self.articles.get(*path).is_some_and(|filed| filed.id() == Some(id));
        self.claimants(id).find(holds)
    }

    /// The other article that readers see under the id that this one says it has.
    pub fn rival(&self, path: &ArticlePath) -> Option<&ArticlePath> {
        match &self.articles.get(path)?.standing {
            Standing::IdTaken(holder) => Some(holder),
            _ => None,
        }
    }

    /// The explicit id, else the one that readers know, else the one that is minted once from authority, publication date,
    /// first segment and slug.
    fn wish(
        &self,
        path: &ArticlePath,
        metadata: &Metadata,
        published: Option<Moment>,
        filing: &Filing,
        ledger: &Ledger,
    ) -> EntryId {
        let known = || ledger.article(path).and_then(|article| article.id.clone());
        metadata.id.clone().or_else(known).unwrap_or_else(|| self.minted(metadata, published, filing))
    }

    fn minted(&self, metadata: &Metadata, published: Option<Moment>, filing: &Filing) -> EntryId {
        let date = published.map(Moment::date).unwrap_or_default();
        let section = filing.own.segments().next().map(|segment| format!("{}/", encode_segment(segment)));
        let slug = encode_segment(&nfc(metadata.slug.as_str()));
        let authority = &self.cabinet.config().site.tag_authority;
        EntryId::minted(format!("tag:{authority}:{date}/{}{slug}", section.unwrap_or_default()))
    }

    /// Gives each claimant of an id its due, and moves those whose id changed.
    fn settle(&mut self, wish: &EntryId) {
        let mut holder: Option<ArticlePath> = None;
        let standings: Vec<(ArticlePath, Standing)> = self
            .claims
            .of(wish)
            .iter()
            .map(|(_, _, path)| {
                let standing = match &holder {
                    _ if self.articles.get(path).is_some_and(|filed| filed.standing == Standing::Retracted) => {
                        Standing::Retracted
                    }
                    None => Standing::Public(wish.clone()),
                    Some(holder) if self.articles.get(path).is_some_and(|filed| filed.metadata.id.is_some()) => {
                        Standing::IdTaken(holder.clone())
                    }
                    Some(_) => {
                        let path: Vec<String> = path.as_str().split('/').map(encode_segment).collect();
                        Standing::Public(EntryId::minted(format!("{wish}/{}", path.join("/"))))
                    }
                };
                holder.get_or_insert_with(|| path.clone());
                (path.clone(), standing)
            })
            .collect();
        // All that change leave first: two of them may have the same instant, and so would have the same place.
        let mut moved = Vec::new();
        for (path, standing) in standings {
            if self.articles.get(&path).is_some_and(|filed| filed.standing == standing) {
                continue;
            }
            let Some(mut filed) = self.take(&path) else { continue };
            self.withdraw(&path, &filed);
            filed.standing = standing;
            moved.push((path, filed));
        }
        for (path, filed) in moved {
            self.place(&path, &filed);
            self.changes.articles.insert(path.clone());
            self.insert(path, filed);
        }
    }

    fn place(&mut self, path: &ArticlePath, filed: &Filed) {
        let Some(position) = position(filed) else { return };
        self.public += 1;
        for key in &filed.feeds {
            self.feeds.entry(key.clone()).or_default().insert(position.clone(), path.clone());
            self.note(key, &position);
        }
    }

    fn withdraw(&mut self, path: &ArticlePath, filed: &Filed) {
        let Some(position) = position(filed) else { return };
        self.public -= 1;
        self.changes.left.entry(path.clone()).or_insert_with(|| filed.feeds.clone());
        for key in &filed.feeds {
            self.note(key, &position);
            let Some(feed) = self.feeds.get_mut(key) else { continue };
            feed.remove(&position);
            if feed.is_empty() && !matches!(key, FeedKey::Section(_)) {
                self.feeds.remove(key);
            }
        }
    }

    /// Marks a feed as changed if the position is inside its window.
    fn note(&mut self, key: &FeedKey, position: &Position) {
        if self.changes.feeds.contains(key) {
            return;
        }
        let window = &options(&self.cabinet, key).window;
        let most = window.max_items.max(window.min_items);
        let newer = self.feeds.get(key).map_or(0, |feed| feed.range(..position).take(most).count());
        let Reverse(published) = position.0;
        if window::end(newer, published, window).is_none_or(|end| end > self.now) {
            self.changes.feeds.insert(key.clone());
        }
    }
}

/// Whether the file says so, or an operator said so of it or of the article that has its id.
fn is_retracted(metadata: &Metadata, remembered: Option<&Remembered>, id: &EntryId, ledger: &Ledger) -> bool {
    let holder = || ledger.holder(id).and_then(|path| ledger.article(path));
    metadata.retracted.is_some()
        || remembered.is_some_and(Remembered::is_retracted_by_command)
        || holder().is_some_and(Remembered::is_retracted_by_command)
}

fn position(filed: &Filed) -> Option<Position> {
    let (published, _) = filed.dates?;
    Some((Reverse(published.timestamp()), filed.id()?.clone()))
}

/// Where articles of a standing are counted that readers do not see.
fn hidden<'h>(hidden: &'h mut Hidden, standing: &Standing) -> Option<&'h mut usize> {
    match standing {
        Standing::Public(_) => None,
        Standing::Draft => Some(&mut hidden.drafts),
        Standing::Undated => Some(&mut hidden.undated),
        Standing::Scheduled(_) => Some(&mut hidden.scheduled),
        Standing::Expired(_) => Some(&mut hidden.expired),
        Standing::Retracted => Some(&mut hidden.retracted),
        Standing::IdTaken(_) => Some(&mut hidden.id_taken),
    }
}
