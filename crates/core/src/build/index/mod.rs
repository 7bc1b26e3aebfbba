//! Every feed's articles in order, and every article's id. Updated incrementally: a change costs O(log n) in each feed that has the
//! article.
//!
//! # Does the order of changes matter?
//!
//! No. The index is a function of the good articles, the configuration, the ledger and the last instant passed.
//!
//! # Which file contains what?
//!
//! - `state`: the state, and its invariants
//! - `articles`: adds, replaces and removes articles
//! - `ids`: resolves claims to ids
//! - `versions`: decides which file of an item is its article
//! - `agency_notices`: which articles agency notices withdraw or correct
//! - `feeds`: which articles each feed has, and whether its window changed
//!
//! # Why are ids assigned by (explicit, published, path)?
//!
//! If two articles claim the same id, only one can have it, and the order in which files are discovered mustn't matter. A story published
//! later never takes the id of an earlier one.

mod agency_notices;
mod articles;
mod feeds;
mod ids;
mod state;
mod versions;

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

pub use self::agency_notices::NoticeTarget;
pub use self::state::{Changes, Index};
pub use super::indexed_article::{FeedNumber, IndexedArticle, Visibility};
use super::placement::SectionRules;
use crate::article::card::Card;
use crate::article::{HiddenMedia, WithheldMedia};
use crate::diagnostics::{self, Code, Diagnostic};
use crate::event::Now;
use crate::slab::SlotId;
use crate::snapshot::HiddenCounts;
use crate::types::{ArticlePath, Moment, SectionPath};

impl Index {
    /// The section rules that place articles.
    pub fn rules(&self) -> &Arc<SectionRules> {
        &self.rules
    }

    /// Replaces the rules by ones that place every article the same, such as after a section's title changed.
    pub fn replace_rules(&mut self, rules: Arc<SectionRules>) {
        self.rules = rules;
    }

    /// Sets whether a folder's page is a listing instead of an article. Must be called before [`Index::put`].
    pub fn set_listing(&mut self, path: &ArticlePath, is_listing: bool) {
        match is_listing {
            true => self.listings.insert(path.clone()),
            false => self.listings.remove(path),
        };
    }

    /// Advances the clock. Marks feeds whose window changed, and returns the articles that must be added again.
    pub fn advance_clock(&mut self, now: Now) -> Vec<ArticlePath> {
        self.now = now;
        while let Some((instant, key)) = self.window_ends.first().cloned()
            && instant <= now
        {
            self.window_ends.pop_first();
            let Some(number) = self.by_key.get(&key).copied() else { continue };
            self.feeds.get_mut(number as usize).into_iter().for_each(|feed| feed.ends = None);
            self.mark_feed_changed(number);
        }
        let mut due = Vec::new();
        while let Some((_, path)) = self.due.first().cloned().filter(|(instant, _)| *instant <= now) {
            self.due.pop_first();
            due.push(path);
        }
        due
    }

    /// Sets the files that agencies' items about pictures withhold.
    pub fn set_withheld_media(&mut self, withheld: Arc<WithheldMedia>) {
        self.withheld_media = withheld;
    }

    /// The files that agencies' items about pictures withhold.
    pub fn withheld_media(&self) -> &Arc<WithheldMedia> {
        &self.withheld_media
    }

    /// The files of an article that readers may not see. `None`: all may be seen.
    pub fn hidden_media(&self, card: &Card) -> Option<Box<HiddenMedia>> {
        if card.terms.is_empty() && (card.files.is_empty() || self.withheld_media.files.is_empty()) {
            return None;
        }
        let hidden = card.hidden_media(&self.withheld_media, self.now);
        (!hidden.is_empty()).then(|| Box::new(hidden))
    }

    /// The next instant at which an article becomes visible or changes, or a window ends.
    pub fn wake_at(&self) -> Option<Timestamp> {
        let due = self.due.first().map(|(instant, _)| *instant);
        let window_ends = self.window_ends.first().map(|(instant, _)| *instant);
        due.into_iter().chain(window_ends).min()
    }

    /// Returns the changes since the last call, and clears them.
    pub fn take_changes(&mut self) -> Changes {
        let changes = std::mem::take(&mut self.changes);
        for slot in std::mem::take(&mut self.changed) {
            self.articles.get_mut(slot).into_iter().for_each(|article| article.is_changed = false);
        }
        for key in &changes.feeds {
            let end = self.extent(key).ends;
            let Some(feed) = self.by_key.get(key).and_then(|number| self.feeds.get_mut(*number as usize)) else {
                continue;
            };
            feed.is_changed = false;
            if let Some(before) = std::mem::replace(&mut feed.ends, end) {
                self.window_ends.remove(&(before, key.clone()));
            }
            self.window_ends.extend(end.map(|end| (end, key.clone())));
        }
        changes
    }

    /// An article, if it is in the index.
    pub fn get(&self, path: &ArticlePath) -> Option<&IndexedArticle> {
        self.articles.get(self.slot_of(path)?)
    }

    /// All articles, in no order.
    pub fn articles(&self) -> impl Iterator<Item = (&ArticlePath, &IndexedArticle)> {
        self.articles.iter().map(|(_, article)| (&article.path, article))
    }

    /// Folders that bear a section's old name, and how many articles each has.
    pub fn old_folders(&self) -> impl Iterator<Item = (&SectionPath, usize)> {
        self.old_folders.iter().map(|(old, count)| (old, *count)).filter(|(_, count)| *count > 0)
    }

    /// How many articles are public.
    pub fn public_count(&self) -> usize {
        self.public_count
    }

    /// How many articles aren't public, by reason.
    pub fn hidden_counts(&self) -> HiddenCounts {
        self.hidden_counts
    }

    /// The diagnostics about an article's placement and id.
    pub fn diagnostics(&self, path: &ArticlePath, article: &IndexedArticle) -> Vec<Diagnostic> {
        let mut diagnostics = article.placement().diagnostics.clone();
        match &article.visibility {
            Visibility::IdTaken(holder) => diagnostics.push(
                Diagnostic::new(
                    Code::IdTaken,
                    format!(
                        "the id `{}` belongs to `{holder}`, so this article is not published",
                        article.preferred_id
                    ),
                )
                .help("give one of the two an id of its own"),
            ),
            Visibility::Public(_) if article.has_path_suffix() => diagnostics.push(
                Diagnostic::new(
                    Code::IdCollision,
                    format!(
                        "another article of that day and section has the same slug; this one gets the id `{}`",
                        article.id().unwrap_or(&article.preferred_id)
                    ),
                )
                .help("give one of the two another `slug` or an explicit `id`"),
            ),
            _ => {}
        }
        let file = || diagnostics::Place::file(&self.rules.config().file_name(path));
        for diagnostic in &mut diagnostics {
            diagnostic.place.get_or_insert_with(file);
        }
        diagnostics
    }

    /// An instant in the publication's time zone.
    pub fn moment(&self, instant: Timestamp) -> Option<Moment> {
        Moment::new(instant, self.rules.config().parsing.timezone.to_offset(instant))
    }

    /// The position of an article's source in the configuration. The first source that states an id has it.
    pub(super) fn source_position(&self, path: &ArticlePath) -> usize {
        self.rules.config().sources.position(path).unwrap_or(usize::MAX)
    }

    /// How much later than its arrival an article's date may be and still count as the arrival. `None`: the date is exact, because it is a
    /// schedule, or because the article states an embargo.
    pub fn clock_tolerance(&self, path: &ArticlePath, card: &Card) -> Option<SignedDuration> {
        let source = self.rules.config().source_of(path);
        let is_agencys = card.item.is_some() || card.routing.is_some();
        let applies = (source.name.is_some() || is_agencys) && card.embargo.is_none();
        applies.then_some(source.clock_tolerance)
    }

    /// Adds an article to the pending changes.
    fn mark_changed(&mut self, slot: SlotId) {
        if let Some(article) = self.articles.get_mut(slot).filter(|article| !article.is_changed) {
            article.is_changed = true;
            self.changes.articles.push(article.path.clone());
            self.changed.push(slot);
        }
    }
}
