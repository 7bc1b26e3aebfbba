//! Selects the articles that become dormant: their files are gone, and no feed has a notice of them any more.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::SignedDuration;

use super::recording::notice_end;
use super::state::Engine;
use crate::build::assemble;
use crate::build::index::Index;
use crate::build::placement::FeedKey;
use crate::ledger::dormant::{Retired, of_id};
use crate::ledger::{Record, Remembered, Retraction, Tombstone};
use crate::types::{ArticlePath, EntryId};

impl Engine {
    /// The pause between two sweeps, for each [`Engine::ARTICLES_PER_PAUSE`] articles.
    const SWEEP_PAUSE: SignedDuration = SignedDuration::from_secs(60);
    const ARTICLES_PER_PAUSE: usize = 1 << 16;
    /// How many articles become dormant in one sweep at most.
    const MAX_SLEEPERS: usize = 4_096;

    /// Makes articles dormant whose files are gone and whose notices have ended.
    pub(super) fn fall_asleep(&mut self) {
        let is_time = self.dormancy.next_sweep.is_none_or(|next| next <= self.now);
        // An answer of the store must not be older than what it is about.
        let is_settled = self.listed
            && !self.missing.is_loading_stored()
            && !self.withholding.postponed.is_active()
            && !self.dormancy.is_asking();
        if !(self.dormancy.is_on && self.dormancy.is_due && is_time && is_settled) {
            return;
        }
        let Some(index) = self.index.take() else { return };
        let mut notices = Notices::new(self, &index);
        let mut sleepers: Vec<(ArticlePath, Remembered)> = Vec::new();
        let mut is_any_left = false;
        for (path, article) in self.recorder.ledger.articles() {
            if !self.may_sleep(&index, path, article) {
                continue;
            }
            if sleepers.len() == Engine::MAX_SLEEPERS || !notices.are_over(article) {
                is_any_left = true;
                continue;
            }
            sleepers.push((path.clone(), article.clone()));
        }
        let is_full = sleepers.len() == Engine::MAX_SLEEPERS;
        sleepers.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        for (path, article) in sleepers {
            // Another id may have the same fingerprint.
            let id = article.id.as_ref();
            if id.is_some_and(|id| self.recorder.ledger.dormant().has_id(of_id(id))) {
                continue;
            }
            if let Some(id) = id {
                self.publisher.snapshot.gone.remove(&*assemble::short_id(id));
            }
            self.record(Record::Dormant { path, article: Box::new(article) });
        }
        self.publisher.snapshot.retired = self.retired(&index);
        self.index = Some(index);
        self.dormancy.is_due = is_any_left;
        let rounds = i32::try_from(self.recorder.ledger.len() / Engine::ARTICLES_PER_PAUSE)
            .unwrap_or(i32::MAX)
            .saturating_add(1);
        let pause = if is_full { SignedDuration::from_secs(1) } else { Engine::SWEEP_PAUSE.saturating_mul(rounds) };
        self.dormancy.next_sweep = self.now.saturating_add(pause).ok();
    }

    /// When dormant articles were retracted, if dateline serves a page for each article.
    pub(super) fn retired(&self, index: &Index) -> Retired {
        match index.rules().config().content.article_url {
            None => self.recorder.ledger.dormant().retired().clone(),
            Some(_) => Retired::default(),
        }
    }

    /// Whether an article has no file and nothing is pending for it. Retractions by command stay in memory.
    fn may_sleep(&self, index: &Index, path: &ArticlePath, article: &Remembered) -> bool {
        let is_over = match article.retraction() {
            Some(known) => !article.is_retracted_by_command() && known.reason.is_none(),
            // Another article has its id.
            None => article.id.is_none(),
        };
        let is_only_holder =
            |id: &EntryId| self.recorder.ledger.holds(path, id) && index.claimants(id).next().is_none();
        is_over
            && !article.is_lost()
            && !self.catalog.contains(path)
            && index.get(path).is_none()
            && article.id.as_ref().is_none_or(is_only_holder)
            && !self.recorder.ledger.is_unreadable(path)
            && !self.missing.concerns(path)
            && !self.withholding.postponed.contains(path)
            && !self.missing.deleted.contains_key(path)
            && !self.recorder.changed_articles.contains(path)
            && !self.is_shown(path)
            && !self.dormancy.woken.contains(path)
            && !self.dormancy.concerns(path)
    }
}

/// Decides which notices of retracted articles have ended.
struct Notices<'e> {
    engine: &'e Engine,
    index: &'e Index,
    feeds: HashMap<String, &'e FeedKey>,
    /// The newest notice that has ended in each feed. All older ones have ended too.
    last_over: HashMap<Arc<str>, Option<&'e Tombstone>>,
}

impl<'e> Notices<'e> {
    fn new(engine: &'e Engine, index: &'e Index) -> Notices<'e> {
        let feeds = index.feeds().map(|key| (assemble::route(key), key)).collect();
        Notices { engine, index, feeds, last_over: HashMap::new() }
    }

    /// Whether no feed has a notice of an article any more.
    fn are_over(&mut self, article: &Remembered) -> bool {
        let (Some(id), Some(Retraction { at, reason, feeds, .. })) = (&article.id, article.retraction()) else {
            return true;
        };
        let tombstone = Tombstone { at: *at, id: id.clone(), reason: reason.clone() };
        feeds.iter().all(|route| self.last_over(route).is_some_and(|last| tombstone <= *last))
    }

    fn last_over(&mut self, route: &Arc<str>) -> Option<&'e Tombstone> {
        let (engine, index, feeds) = (self.engine, self.index, &self.feeds);
        *self.last_over.entry(Arc::clone(route)).or_insert_with(|| {
            let config = index.rules().config();
            let (lasts, most) = match feeds.get(&**route) {
                Some(key) => {
                    let options = index.rules().feed_options(key);
                    (options.tombstones, options.max_tombstones)
                }
                // A removed feed may be configured again, so the longest notice counts.
                None => {
                    let all = config.sections.iter().map(|section| &section.feeds);
                    all.fold((config.feeds.tombstones, config.feeds.max_tombstones), |(lasts, most), feeds| {
                        (lasts.max(feeds.tombstones), most.max(feeds.max_tombstones))
                    })
                }
            };
            let mut tombstones = engine.recorder.ledger.tombstones(route).rev().enumerate();
            let is_over =
                |(newer, tombstone): &(usize, &Tombstone)| notice_end(tombstone, *newer, lasts, most) <= engine.now;
            tombstones.find(is_over).map(|(_, tombstone)| tombstone)
        })
    }
}
