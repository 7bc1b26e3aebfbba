//! The articles that wait for the store's answer, and the facts that decide when articles become dormant.

use std::collections::{BTreeSet, HashSet};

use jiff::{SignedDuration, Timestamp};

use super::waiting_files::WaitingFiles;
use crate::event::{Command, DormantQuery, Ticket};
use crate::ledger::Record;
use crate::types::ArticlePath;

/// The articles that wait for the store, and those that may become dormant.
#[derive(Debug, Default)]
pub(crate) struct Dormancy {
    /// Whether whoever runs the engine answers [`Effect::FindDormant`](crate::event::Effect::FindDormant).
    pub(crate) is_on: bool,
    pub(crate) waiting: WaitingFiles,
    /// Files that withhold something, applied before the store has answered. They are applied again after that.
    pub(crate) applied: BTreeSet<ArticlePath>,
    pub(crate) commands: Vec<(Command, Ticket)>,
    pub(crate) asked: Option<Asked>,
    /// After a failure: when the store is asked again, and the pause before that.
    pub(crate) retry: Option<(Timestamp, SignedDuration)>,
    /// Articles that came back. They stay in memory while this process runs, because what brought them back may recur with every edit.
    pub(crate) reactivated: HashSet<ArticlePath>,
    /// Whether any article may become dormant, and when the next sweep looks for them.
    pub(crate) is_due: bool,
    pub(crate) next_sweep: Option<Timestamp>,
}

/// The query that the store has not answered yet, and what it is for.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    pub(crate) query: DormantQuery,
    pub(crate) files: BTreeSet<u64>,
    pub(crate) applied: Vec<ArticlePath>,
}

impl Dormancy {
    const FIRST_RETRY_PAUSE: SignedDuration = SignedDuration::from_secs(1);
    const MAX_RETRY_PAUSE: SignedDuration = SignedDuration::from_secs(15);

    /// Lets articles become dormant from now on.
    pub(crate) fn turn_on(&mut self) {
        (self.is_on, self.is_due) = (true, true);
    }

    /// Whether a file waits for the store, or was applied before its answer.
    pub(crate) fn concerns(&self, path: &ArticlePath) -> bool {
        self.applied.contains(path) || self.waiting.contains(path)
    }

    /// Whether a file was applied before the store's answer.
    pub(crate) fn is_applied(&self, path: &ArticlePath) -> bool {
        self.applied.contains(path)
    }

    /// A retracted article may become dormant some day.
    pub(crate) fn note_record(&mut self, record: &Record) {
        self.is_due |= matches!(record, Record::Retracted { .. });
    }

    /// When the store is asked again.
    pub(crate) fn wake_at(&self) -> Option<Timestamp> {
        self.retry.filter(|_| self.asked.is_none()).map(|(at, _)| at)
    }

    /// Plans to ask the store again after a failure. The pauses get longer.
    pub(crate) fn plan_retry(&mut self, now: Timestamp) {
        let pause = self.retry.map_or(Dormancy::FIRST_RETRY_PAUSE, |(_, pause)| pause * 2);
        let pause = pause.min(Dormancy::MAX_RETRY_PAUSE);
        self.retry = Some((now.saturating_add(pause).unwrap_or(Timestamp::MAX), pause));
    }

    /// Adjusts what is planned after the clock was set back.
    pub(crate) fn clock_was_set(&mut self, now: Timestamp) {
        self.next_sweep = None;
        if let Some((at, pause)) = &mut self.retry {
            *at = now.saturating_add(*pause).unwrap_or(now).min(*at);
        }
    }

    /// Whether an answer of the store is expected, now or after a failure.
    pub(crate) fn is_asking(&self) -> bool {
        self.asked.is_some() || self.retry.is_some()
    }

    pub(crate) fn has_pending(&self) -> bool {
        !(self.waiting.is_empty() && self.applied.is_empty() && self.commands.is_empty())
    }

    pub(crate) fn forget_file(&mut self, path: &ArticlePath) {
        self.waiting.remove(path);
        self.applied.remove(path);
    }
}
