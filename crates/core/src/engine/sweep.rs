//! Makes articles dormant: their files are gone, and no feed has a notice of them any more.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::pages;
use super::retraction_notices::NoticePeriod;
use super::state::State;
use crate::build::assemble;
use crate::build::index::Index;
use crate::build::placement::FeedKey;
use crate::config::RetractionForm;
use crate::ledger::dormant::{Retired, of_id};
use crate::ledger::{ArticleFacts, Ledger, Record, Tombstone};
use crate::types::{ArticlePath, EntryId};

/// The pause between two sweeps, for each [`ARTICLES_PER_PAUSE`] articles.
const SWEEP_PAUSE: SignedDuration = SignedDuration::from_secs(60);
const ARTICLES_PER_PAUSE: usize = 1 << 16;
/// How many articles become dormant in one sweep at most.
const MAX_ARTICLES_PER_SWEEP: usize = 4_096;

/// Makes articles dormant whose files are gone and whose notices have ended.
pub(super) fn run(state: &mut State) {
    let is_time = state.dormancy.next_sweep.is_none_or(|next| next <= state.now);
    // An answer of the store must not be older than what it is about.
    let is_settled = state.listed
        && !state.missing.is_loading_stored()
        && !state.withholding.postponed.is_active()
        && !state.dormancy.is_asking();
    if !(state.dormancy.is_on && state.dormancy.is_due && is_time && is_settled) {
        return;
    }
    let Some(index) = state.index.take() else { return };
    let mut notices = Notices::new(&state.recorder.ledger, &index, state.now);
    let mut selected: Vec<(ArticlePath, ArticleFacts)> = Vec::new();
    let mut is_any_left = false;
    for (path, article) in state.recorder.ledger.articles() {
        if !may_become_dormant(state, &index, path, article) {
            continue;
        }
        if selected.len() == MAX_ARTICLES_PER_SWEEP || !notices.are_over(article) {
            is_any_left = true;
            continue;
        }
        selected.push((path.clone(), article.clone()));
    }
    let is_full = selected.len() == MAX_ARTICLES_PER_SWEEP;
    selected.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
    for (path, article) in selected {
        // Another id may have the same fingerprint.
        let id = article.id.as_ref();
        if id.is_some_and(|id| state.recorder.ledger.dormant().has_id(of_id(id))) {
            continue;
        }
        if let Some(id) = id {
            state.publisher.snapshot.gone.remove(&*assemble::short_id(id));
        }
        state.record(Record::Dormant { path, article: Box::new(article) });
    }
    state.publisher.snapshot.retired = retired(&state.recorder.ledger, &index);
    state.index = Some(index);
    state.dormancy.is_due = is_any_left;
    let rounds = i32::try_from(state.recorder.ledger.len() / ARTICLES_PER_PAUSE).unwrap_or(i32::MAX).saturating_add(1);
    let pause = if is_full { SignedDuration::from_secs(1) } else { SWEEP_PAUSE.saturating_mul(rounds) };
    state.dormancy.next_sweep = state.now.saturating_add(pause).ok();
}

/// When dormant articles were retracted, if dateline serves a page for each article.
pub(super) fn retired(ledger: &Ledger, index: &Index) -> Retired {
    match index.rules().config().content.article_url {
        None => ledger.dormant().retired().clone(),
        Some(_) => Retired::default(),
    }
}

/// Whether an article has no file and nothing is pending for it. Retractions by command stay in memory.
fn may_become_dormant(state: &State, index: &Index, path: &ArticlePath, article: &ArticleFacts) -> bool {
    let is_over = match article.retraction() {
        Some(known) => !article.is_retracted_by_command() && known.reason.is_none(),
        // Another article has its id.
        None => article.id.is_none(),
    };
    let is_only_holder = |id: &EntryId| state.recorder.ledger.holds(path, id) && index.claimants(id).next().is_none();
    is_over
        && !article.is_lost()
        && !state.catalog.contains(path)
        && index.get(path).is_none()
        && article.id.as_ref().is_none_or(is_only_holder)
        && !state.recorder.ledger.is_unreadable(path)
        && !state.missing.concerns(path)
        && !state.withholding.postponed.contains(path)
        && !state.missing.deleted.contains_key(path)
        && !state.recorder.changed_articles.contains(path)
        && !pages::is_shown(state, path)
        && !state.dormancy.reactivated.contains(path)
        && !state.dormancy.concerns(path)
}

/// Decides which notices of retracted articles have ended.
struct Notices<'a> {
    ledger: &'a Ledger,
    index: &'a Index,
    now: Timestamp,
    feeds: HashMap<String, &'a FeedKey>,
    /// The newest notice that has ended in each feed. All older ones have ended too.
    last_over: HashMap<Arc<str>, Option<&'a Tombstone>>,
}

impl<'a> Notices<'a> {
    fn new(ledger: &'a Ledger, index: &'a Index, now: Timestamp) -> Notices<'a> {
        let feeds = index.feeds().map(|key| (assemble::route(key), key)).collect();
        Notices { ledger, index, now, feeds, last_over: HashMap::new() }
    }

    /// Whether no feed has a notice of an article any more.
    fn are_over(&mut self, article: &ArticleFacts) -> bool {
        let (Some(id), Some(retraction)) = (&article.id, article.retraction()) else {
            return true;
        };
        let tombstone = Tombstone::new(id, retraction);
        retraction.feeds.iter().all(|route| self.last_over(route).is_some_and(|last| tombstone <= *last))
    }

    fn last_over(&mut self, route: &Arc<str>) -> Option<&'a Tombstone> {
        let (ledger, index, now, feeds) = (self.ledger, self.index, self.now, &self.feeds);
        *self.last_over.entry(Arc::clone(route)).or_insert_with(|| {
            let config = index.rules().config();
            let period = match feeds.get(&**route) {
                Some(key) => NoticePeriod::of(index.rules().feed_options(key)),
                // A removed feed may be configured again, so the longest notice counts.
                None => {
                    let all = config.sections.iter().map(|section| NoticePeriod::of(&section.feeds));
                    all.fold(NoticePeriod::of(&config.feeds), NoticePeriod::longest)
                }
            };
            let has_notices = ledger.tombstones(route).any(|tombstone| tombstone.notice.is_some());
            let period = if has_notices { period } else { NoticePeriod { form: RetractionForm::Remove, ..period } };
            let mut tombstones = ledger.tombstones(route).rev().enumerate();
            let is_over = |(newer, tombstone): &(usize, &Tombstone)| period.end(tombstone, *newer) <= now;
            tombstones.find(is_over).map(|(_, tombstone)| tombstone)
        })
    }
}
