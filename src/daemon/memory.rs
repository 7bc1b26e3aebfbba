//! The way of records to the disk. While they cannot be written, readers keep what they have.

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::task::block_in_place;

use super::Clock;
use crate::event::{Delivery, Effect};
use crate::ledger::Record;
use crate::snapshot::Snapshot;
use crate::store::Store;

/// What is remembered, and what waits for that.
pub(super) struct Memory {
    pub(super) store: Store,
    pub(super) clock: Clock,
    /// The last record when what readers see was made: later ones may already be written of what they do not see yet.
    pub(super) shown: i64,
    /// What the engine remembers and the store does not.
    pub(super) unwritten: Vec<Record>,
    /// What readers are to see once these records are written, and the deliveries of it.
    swap: Option<Arc<Snapshot>>,
    deliveries: Vec<Delivery>,
}

impl Memory {
    pub(super) fn new(store: Store, clock: Clock) -> Memory {
        let shown = store.last_record();
        Memory { store, clock, shown, unwritten: Vec::new(), swap: None, deliveries: Vec::new() }
    }

    /// Takes note of what is to be written. The records of a whole archive are not moved.
    pub(super) fn note(&mut self, records: Vec<Record>) {
        match self.unwritten.is_empty() {
            true => self.unwritten = records,
            false => self.unwritten.extend(records),
        }
    }

    /// Keeps an effect until the records before it are written. Of several snapshots only the last matters, and of several
    /// deliveries of everything.
    pub(super) fn wait_with(&mut self, effect: Effect) {
        match effect {
            Effect::Swap(snapshot) => self.swap = Some(snapshot),
            Effect::Deliver(delivery) => match self.deliveries.last_mut() {
                Some(last) if !delivery.complete => {
                    let newer: BTreeSet<&Arc<str>> = delivery.documents.iter().map(|(path, _)| path).collect();
                    last.documents.retain(|(path, _)| !newer.contains(path));
                    last.documents.extend(delivery.documents.iter().cloned());
                    last.generation = delivery.generation;
                }
                _ => self.deliveries = vec![delivery],
            },
            _ => {}
        }
    }

    /// What waited, in its order.
    pub(super) fn take_waiting(&mut self) -> Vec<Effect> {
        let swap = self.swap.take().map(Effect::Swap);
        swap.into_iter().chain(self.deliveries.drain(..).map(Effect::Deliver)).collect()
    }

    /// Writes what is unwritten. On this thread, where nobody waits for anything else: another one would have to be woken, which takes
    /// a tenth as long as the writing.
    pub(super) fn write(&mut self) -> Result<(), String> {
        let Memory { store, unwritten, clock, .. } = self;
        block_in_place(|| store.append(unwritten.iter(), clock())).map_err(|trouble| trouble.to_string())?;
        // With its room: that of a whole archive would never be needed again.
        drop(std::mem::take(unwritten));
        Ok(())
    }
}
