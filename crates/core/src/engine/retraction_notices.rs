//! Decides how feeds announce retractions, and for how long: by a notice in place of the story, by a tombstone, or by one after the other.
//!
//! # Why a notice in place of the story?
//!
//! Few readers act on tombstones, and RSS has none. A reader that polls again replaces the story by an entry with the same id, so the
//! retracted text is gone from its copy as well.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::state::State;
use crate::article::card::Card;
use crate::build::assemble::{FeedHistory, short_id};
use crate::build::index::Index;

use crate::build::placement::FeedKey;
use crate::build::retraction_notice::{self, Seen};
use crate::config::{FeedOptions, RetractionForm, Trust};
use crate::feed::{DeletedEntry, DeletedForm};
use crate::ledger::{Notice, Tombstone};
use crate::types::ArticlePath;

/// The minimum time for which a feed lists a tombstone, even if there are too many. Readers that fetch once a day should see each one.
const MIN_TOMBSTONE_PERIOD: SignedDuration = SignedDuration::from_hours(24);

/// How long feeds announce retractions.
#[derive(Clone, Copy, Debug)]
pub(super) struct NoticePeriod {
    /// `feeds.tombstones`.
    pub(super) period: SignedDuration,
    /// `feeds.max_tombstones`.
    pub(super) max_tombstones: usize,
    /// `feeds.retraction`.
    pub(super) form: RetractionForm,
}

impl NoticePeriod {
    pub(super) fn of(options: &FeedOptions) -> NoticePeriod {
        NoticePeriod { period: options.tombstones, max_tombstones: options.max_tombstones, form: options.retraction }
    }

    /// The longer of two.
    pub(super) fn longest(self, other: NoticePeriod) -> NoticePeriod {
        NoticePeriod {
            period: self.period.max(other.period),
            max_tombstones: self.max_tombstones.max(other.max_tombstones),
            form: if other.form == RetractionForm::Notice { other.form } else { self.form },
        }
    }

    /// When a feed stops announcing a retraction, at the latest. `newer` counts the more recent retractions. Older ones end earlier.
    pub(super) fn end(self, tombstone: &Tombstone, newer: usize) -> Timestamp {
        let rounds = if self.form == RetractionForm::Notice { 2 } else { 1 };
        self.after(tombstone, newer, rounds)
    }

    /// How a feed announces a retraction at a time, and when that changes. `None` if it doesn't any more.
    fn form(self, tombstone: &Tombstone, newer: usize, now: Timestamp) -> Option<(DeletedForm, Timestamp)> {
        let first = self.after(tombstone, newer, 1);
        match self.form == RetractionForm::Notice && tombstone.notice.is_some() {
            true if first > now => Some((DeletedForm::Notice, first)),
            true => {
                let second = self.after(tombstone, newer, 2);
                (second > now).then_some((DeletedForm::AfterNotice(first), second))
            }
            false => (first > now).then_some((DeletedForm::Tombstone, first)),
        }
    }

    fn after(self, tombstone: &Tombstone, newer: usize, rounds: i32) -> Timestamp {
        let is_within_limit = newer < self.max_tombstones;
        let period = if is_within_limit { self.period } else { self.period.min(MIN_TOMBSTONE_PERIOD) };
        tombstone.at.saturating_add(period.saturating_mul(rounds)).unwrap_or(Timestamp::MAX)
    }
}

/// A feed's tombstones and notices, and the time of its last update. Schedules a rebuild for when the first of them changes.
pub(super) fn feed_history(state: &mut State, index: &Index, key: &FeedKey, route: &str) -> FeedHistory {
    let options = index.rules().feed_options(key);
    let (period, now) = (NoticePeriod::of(options), state.now);
    let tombstones = state.recorder.ledger.tombstones(route).rev().enumerate();
    let recent = tombstones.take_while(|(newer, tombstone)| period.end(tombstone, *newer) > now);
    let announced = recent.filter_map(|(newer, tombstone)| Some((tombstone, period.form(tombstone, newer, now)?)));
    let mut history = FeedHistory { updated: state.recorder.ledger.feed_updated(route), ..FeedHistory::default() };
    let mut next_change: Option<Timestamp> = None;
    for (tombstone, (form, end)) in announced {
        next_change = Some(next_change.map_or(end, |next| next.min(end)));
        let Tombstone { at, id, reason, notice } = tombstone;
        history.deleted.push(DeletedEntry { id: id.clone(), at: *at, reason: reason.clone(), form });
        if let (DeletedForm::Notice, Some(notice)) = (form, notice) {
            let words = &index.rules().config().words;
            history.notices.push(Arc::new(retraction_notice::entry(
                tombstone,
                notice,
                options.retraction_title,
                words,
            )));
        }
    }
    history.notices.sort_by(|one, other| {
        other.published.second().cmp(&one.published.second()).then_with(|| one.id.cmp(&other.id))
    });
    state.publisher.tombstone_ends.extend(next_change.map(|end| (end, key.clone())));
    history
}

/// Whether a file's only reason to be withheld is that it states its retraction, so that its address and language are public.
fn states_retraction(index: &Index, path: &ArticlePath, card: &Card) -> bool {
    let is_held = index.rules().config().source_of(path).trust == Trust::Hold;
    card.retracted.is_some() && !is_held && !card.draft && card.embargo.is_none() && !card.access.is_private()
}

/// The facts that a notice would repeat of an article that readers saw.
pub(super) fn facts(state: &State, index: &Index, path: &ArticlePath) -> Option<Arc<Notice>> {
    let facts = state.recorder.ledger.article(path)?;
    let card = state.catalog.get(path)?.open(path);
    let (id, date) = (facts.id.as_ref()?, facts.date()?);
    let title = state.entries.cached.get(path).map(|cached| &cached.metadata.title);
    let published = state.publisher.snapshot.articles.get(&*short_id(id)).filter(|article| article.id == *id);
    let seen = match published {
        Some(article) => Seen::Published(article),
        None if facts.was_shown(card.hash) || states_retraction(index, path, &card) => Seen::InFile(&card),
        None => Seen::Unknown,
    };
    retraction_notice::facts(id, seen, index.get(path)?, date, title, index.rules().config()).map(Arc::new)
}
