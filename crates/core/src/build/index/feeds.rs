//! The feeds of the index: which articles each has, and whether its window changed.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;

use super::state::{FeedState, Index, order_key};
use crate::article::bundle;
use crate::article::card::Card;
use crate::build::feed_limits::Admission;
use crate::build::indexed_article::{FeedNumber, FeedSet, IndexedArticle};
use crate::build::order::{Order, OrderKey};
use crate::build::placement::FeedKey;
use crate::build::window::{self, Extent};
use crate::slab::SlotId;
use crate::types::ArticlePath;

impl Index {
    /// Frees unused memory in the feeds' orders. Useful after an archive was indexed.
    pub fn compact(&mut self) {
        self.feeds.iter_mut().for_each(|feed| feed.order.compact());
    }

    /// Keeps the feed of a tag or an author that readers know, even if no article has the tag or the author. A feed that vanishes looks
    /// broken to readers.
    pub fn keep_feed(&mut self, key: &FeedKey) {
        let number = self.feed_number(key);
        let Some(feed) = self.feeds.get_mut(number as usize).filter(|feed| feed.order.is_empty()) else { return };
        (feed.is_kept, feed.admission) = (true, Admission::Admitted);
        self.mark_feed_changed(number);
    }

    /// The existing feeds that are worth a subscription, in order: not those of tags and authors without articles.
    pub fn listed_feeds(&self) -> impl Iterator<Item = &FeedKey> {
        self.feeds().filter(|key| matches!(key, FeedKey::Section(_)) || self.article_count(key) > 0)
    }

    /// Decides which new tags and authors have feeds. `is_known` tells whether readers know a feed already.
    pub fn admit_term_feeds(&mut self, is_known: impl Fn(&FeedKey) -> bool) {
        let emptied = std::mem::take(&mut self.emptied).into_iter();
        emptied.filter(&is_known).collect::<Vec<_>>().iter().for_each(|key| self.keep_feed(key));
        let max_feeds = self.rules.config().taxonomies.max_tags;
        let articles = |key: &FeedKey| {
            let feed = self.by_key.get(key).and_then(|number| self.feeds.get(*number as usize));
            feed.map_or(0, |feed| feed.order.len())
        };
        let mut decided = self.tags.decide(max_feeds, &is_known, articles);
        decided.extend(self.authors.decide(max_feeds, &is_known, articles));
        for (key, admission) in decided {
            let Some(number) = self.by_key.get(&key).copied() else { continue };
            self.feeds.get_mut(number as usize).into_iter().for_each(|feed| feed.admission = admission);
            if admission == Admission::Admitted {
                self.mark_feed_changed(number);
            }
        }
    }

    /// The tag feeds and the author feeds refused because there are too many, in order.
    pub fn refused_feeds(&self) -> [&BTreeSet<FeedKey>; 2] {
        [self.tags.refused(), self.authors.refused()]
    }

    /// All existing feeds, in order.
    pub fn feeds(&self) -> impl Iterator<Item = &FeedKey> {
        let exists = |number: &FeedNumber| self.feeds.get(*number as usize).is_some_and(FeedState::exists);
        self.by_key.iter().filter(move |(_, number)| exists(number)).map(|(key, _)| key)
    }

    /// Whether the feed exists.
    pub fn has_feed(&self, key: &FeedKey) -> bool {
        self.feed(key).is_some_and(FeedState::exists)
    }

    /// The feeds that include an article while it is public.
    pub fn feeds_of(&self, article: &IndexedArticle) -> impl Iterator<Item = &FeedKey> {
        let feeds = article.feed_set.feeds.iter().filter_map(|number| self.feeds.get(*number as usize));
        feeds.filter(|feed| feed.admission != Admission::Displaced).map(|feed| &feed.key)
    }

    /// The tags and authors of articles that have no feed, because a section has its address.
    pub fn displaced_feeds(&self) -> impl Iterator<Item = &FeedKey> {
        self.displaced.iter().filter(|key| self.article_count(key) > 0)
    }

    /// The numbers of the feeds that include an article while it is public.
    pub fn feed_numbers<'a>(&self, article: &'a IndexedArticle) -> &'a [FeedNumber] {
        &article.feed_set.feeds
    }

    /// The number of a feed.
    pub fn number_of_feed(&self, key: &FeedKey) -> Option<FeedNumber> {
        self.by_key.get(key).copied()
    }

    /// The articles in a feed's window, newest first.
    pub fn window(&self, key: &FeedKey) -> impl Iterator<Item = &ArticlePath> {
        let keys = self.feed(key).into_iter().flat_map(|feed| feed.order.iter()).take(self.extent(key).count);
        keys.filter_map(|key| self.articles.get(key.slot())).map(|article| &article.path)
    }

    /// Whether any feed's window includes the article.
    pub fn is_in_a_window(&self, path: &ArticlePath) -> bool {
        let Some(slot) = self.slot_of(path) else { return false };
        let Some(article) = self.articles.get(slot) else { return false };
        let Some(key) = order_key(slot, article) else { return false };
        article.feed_set.feeds.iter().any(|feed| self.is_in_window(*feed, key))
    }

    /// The oldest publication date, in Unix seconds, that a full window can still include. `None` while no window is full.
    pub fn horizon(&self) -> Option<i64> {
        let horizon = |feed: &FeedState| {
            let window = &self.rules.feed_options(&feed.key).window;
            let max_items = window.max_items.max(window.min_items);
            let last = feed.order.iter().nth(max_items.saturating_sub(1))?;
            let resident = self.now.saturating_sub(window.min_residency).unwrap_or(Timestamp::MIN).as_second();
            Some(last.second().min(resident))
        };
        self.feeds.iter().filter_map(horizon).min()
    }

    /// How many public articles a feed has, inside and outside its window.
    pub fn article_count(&self, key: &FeedKey) -> usize {
        self.feed(key).map_or(0, |feed| feed.order.len())
    }

    /// All public articles of a feed, newest first.
    pub fn articles_of(&self, key: &FeedKey) -> impl Iterator<Item = &ArticlePath> {
        let keys = self.feed(key).into_iter().flat_map(|feed| feed.order.iter());
        keys.filter_map(|key| self.articles.get(key.slot())).map(|article| &article.path)
    }

    pub(super) fn extent(&self, key: &FeedKey) -> Extent {
        let keys = self.feed(key).into_iter().flat_map(|feed| feed.order.iter());
        let dates = keys.map(|key| Timestamp::from_second(key.second()).unwrap_or(Timestamp::MIN));
        window::extent(dates, &self.rules.feed_options(key).window, self.now)
    }

    /// Places an article and lists the feeds that include it.
    pub(super) fn feed_set(&mut self, path: &ArticlePath, card: &Card) -> Arc<FeedSet> {
        let by_folder = self.rules.follows_from_folder(card);
        let folder = bundle::section_folder(path);
        let known = self.feed_sets_by_folder.get(folder).filter(|_| by_folder).cloned();
        let feed_set = known.unwrap_or_else(|| {
            let placement = self.rules.place_article(path, card);
            let keys = self.rules.section_feeds(card, &placement);
            let feeds = keys.iter().map(|key| self.feed_number(key)).collect();
            let feed_set = Arc::new(FeedSet { placement: Arc::new(placement), feeds });
            if by_folder {
                self.feed_sets_by_folder.insert(folder.into(), Arc::clone(&feed_set));
            }
            feed_set
        });
        let terms = self.rules.term_feeds(card);
        if terms.is_empty() {
            return feed_set;
        }
        let terms = terms.iter().map(|key| self.feed_number(key)).collect::<Vec<_>>();
        let feeds = feed_set.feeds.iter().copied().chain(terms).collect();
        Arc::new(FeedSet { placement: Arc::clone(&feed_set.placement), feeds })
    }

    pub(super) fn feed(&self, key: &FeedKey) -> Option<&FeedState> {
        self.feeds.get(*self.by_key.get(key)? as usize)
    }

    pub(super) fn feed_number(&mut self, key: &FeedKey) -> FeedNumber {
        if let Some(number) = self.by_key.get(key) {
            return *number;
        }
        let number = FeedNumber::try_from(self.feeds.len()).unwrap_or(FeedNumber::MAX);
        let admission = match key {
            FeedKey::Section(_) => Admission::Admitted,
            _ if self.displaced.contains(key) => Admission::Displaced,
            _ => Admission::Undecided,
        };
        let (order, ends) = (Order::default(), None);
        self.feeds.push(FeedState { key: key.clone(), order, ends, is_changed: false, admission, is_kept: false });
        self.by_key.insert(key.clone(), number);
        number
    }

    pub(super) fn add_to_feeds(&mut self, slot: SlotId) {
        let Some(article) = self.articles.get(slot) else { return };
        let Some(key) = order_key(slot, article) else { return };
        self.public_count += 1;
        if !self.changes.is_new_index && !self.changes.left.contains_key(&article.path) {
            self.changes.joined.insert(article.path.clone());
        }
        for feed in &Arc::clone(&article.feed_set).feeds {
            let id = |slot: SlotId| self.articles.get(slot).and_then(IndexedArticle::id);
            let Some(state) = self.feeds.get_mut(*feed as usize) else { continue };
            let is_new = state.order.is_empty();
            state.order.insert(key, &id);
            match is_new {
                // A new feed has documents even if its window is empty.
                true => self.activate_feed(*feed),
                false => self.mark_shown_change(*feed, key),
            }
        }
    }

    pub(super) fn remove_from_feeds(&mut self, slot: SlotId) {
        let Some(article) = self.articles.get(slot) else { return };
        let Some(key) = order_key(slot, article) else { return };
        self.public_count -= 1;
        let keys = self.feeds_of(article).cloned().collect();
        self.changes.left.entry(article.path.clone()).or_insert(keys);
        for feed in &Arc::clone(&article.feed_set).feeds {
            self.mark_shown_change(*feed, key);
            let id = |slot: SlotId| self.articles.get(slot).and_then(IndexedArticle::id);
            let Some(state) = self.feeds.get_mut(*feed as usize) else { continue };
            state.order.remove(key, &id);
            if state.order.is_empty() {
                self.deactivate_feed(*feed);
            }
        }
    }

    pub(super) fn activate_feed(&mut self, number: FeedNumber) {
        self.mark_feed_changed(number);
        let feed = self.feeds.get_mut(number as usize).filter(|feed| feed.admission != Admission::Displaced);
        let Some(feed) = feed else { return };
        if std::mem::take(&mut feed.is_kept) {
            feed.admission = Admission::Undecided;
        }
        match &feed.key {
            FeedKey::Section(_) => {}
            FeedKey::Tag(_) => self.tags.add(&feed.key),
            FeedKey::Author(_) => self.authors.add(&feed.key),
        }
    }

    pub(super) fn deactivate_feed(&mut self, number: FeedNumber) {
        self.mark_feed_changed(number);
        let feed = self.feeds.get_mut(number as usize).filter(|feed| feed.admission != Admission::Displaced);
        let Some(feed) = feed else { return };
        match &feed.key {
            FeedKey::Section(_) => return,
            FeedKey::Tag(_) => self.tags.remove(&feed.key, feed.admission),
            FeedKey::Author(_) => self.authors.remove(&feed.key, feed.admission),
        }
        if feed.admission == Admission::Admitted {
            self.emptied.insert(feed.key.clone());
        }
        feed.admission = Admission::Undecided;
    }

    /// Marks a feed as changed if its window includes the key.
    pub(super) fn mark_shown_change(&mut self, feed: FeedNumber, key: OrderKey) {
        let is_changed = self.feeds.get(feed as usize).is_none_or(|feed| feed.is_changed);
        if !is_changed && self.is_in_window(feed, key) {
            self.mark_feed_changed(feed);
        }
    }

    pub(super) fn mark_feed_changed(&mut self, feed: FeedNumber) {
        let feed = self.feeds.get_mut(feed as usize);
        if let Some(feed) = feed.filter(|feed| feed.admission != Admission::Displaced) {
            feed.is_changed = true;
            self.changes.feeds.insert(feed.key.clone());
        }
    }

    pub(super) fn is_in_window(&self, feed: FeedNumber, key: OrderKey) -> bool {
        let feed = self.feeds.get(feed as usize);
        let feed = feed.filter(|feed| !matches!(feed.admission, Admission::Refused | Admission::Displaced));
        let Some(feed) = feed else { return false };
        let window = &self.rules.feed_options(&feed.key).window;
        let max_items = window.max_items.max(window.min_items);
        let newer =
            feed.order.count_newer(key, max_items, &|slot| self.articles.get(slot).and_then(IndexedArticle::id));
        let published = Timestamp::from_second(key.second()).unwrap_or(Timestamp::MIN);
        window::leaves_at(newer, published, window).is_none_or(|end| end > self.now)
    }
}
