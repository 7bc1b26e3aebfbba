//! The way of records to the disk. While they cannot be written, nothing becomes public that readers have not seen, and what is taken from
//! them goes all the same.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::block_in_place;

use super::Clock;
use crate::deliver::merged;
use crate::event::{Delivery, Effect};
use crate::ledger::Record;
use crate::snapshot::Snapshot;
use crate::store::Store;

/// How soon records that could not be written are tried again, at first and at the most.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// What is remembered, and what waits for that.
pub(super) struct Memory {
    pub(super) store: Store,
    pub(super) clock: Clock,
    /// The last record when what readers see was made: later ones may already be written of what they do not see yet.
    pub(super) shown: i64,
    /// What the engine remembers and the store does not.
    pub(super) unwritten: Vec<Record>,
    /// What readers are to see once these records are written, and its delivery.
    swap: Option<Arc<Snapshot>>,
    delivery: Option<Delivery>,
    /// Whether these take something from readers, and must not wait.
    pub(super) withholds: bool,
    /// Whether the engine knows that records cannot be written.
    pub(super) is_told: bool,
    retry: Option<(Instant, Duration)>,
}

impl Memory {
    pub(super) fn new(store: Store, clock: Clock) -> Memory {
        let shown = store.last_record();
        Memory {
            store,
            clock,
            shown,
            unwritten: Vec::new(),
            swap: None,
            delivery: None,
            withholds: false,
            is_told: false,
            retry: Some((Instant::now() + FIRST_PAUSE, FIRST_PAUSE)),
        }
    }

    /// Whether records cannot be written.
    pub(super) fn is_blocked(&self) -> bool {
        !self.unwritten.is_empty() || self.store.unwritable().is_some()
    }

    /// Whether anything waits until they can.
    pub(super) fn has_waiting(&self) -> bool {
        self.swap.is_some() || self.delivery.is_some()
    }

    /// How long until they are tried again.
    pub(super) fn until_retry(&self) -> Option<Duration> {
        let at = self.is_blocked().then(|| self.retry.map(|(at, _)| at));
        at.map(|at| at.map_or(FIRST_PAUSE, |at| at.saturating_duration_since(Instant::now())))
    }

    /// Takes note of what is to be written. The records of a whole archive are not moved.
    pub(super) fn note(&mut self, records: Vec<Record>) {
        match self.unwritten.is_empty() {
            true => self.unwritten = records,
            false => self.unwritten.extend(records),
        }
    }

    /// Keeps an effect until the records before it are written. Of several snapshots only the last matters; deliveries become one.
    pub(super) fn wait_with(&mut self, effect: Effect) {
        match effect {
            Effect::Swap(snapshot) => self.swap = Some(snapshot),
            Effect::Deliver(delivery) => {
                self.delivery = Some(match self.delivery.take() {
                    Some(older) => merged(older, delivery),
                    None => delivery,
                });
            }
            _ => {}
        }
    }

    /// What waited, in its order.
    pub(super) fn take_waiting(&mut self) -> Vec<Effect> {
        self.withholds = false;
        let swap = self.swap.take().map(Effect::Swap);
        swap.into_iter().chain(self.delivery.take().map(Effect::Deliver)).collect()
    }

    /// Writes what is unwritten. On this thread, where nobody waits for anything else: another one would have to be woken, which takes
    /// a tenth as long as the writing.
    pub(super) fn write(&mut self) -> Result<(), String> {
        let Memory { store, unwritten, clock, .. } = self;
        let written = block_in_place(|| store.append(unwritten.iter(), clock()));
        if let Err(trouble) = written {
            let pause = self.retry.map_or(FIRST_PAUSE, |(_, pause)| LONGEST_PAUSE.min(pause * 2));
            self.retry = Some((Instant::now() + pause, pause));
            return Err(trouble.to_string());
        }
        self.retry = None;
        // With its room: that of a whole archive would never be needed again.
        drop(std::mem::take(unwritten));
        Ok(())
    }
}
