//! The way of records to the disk. While they cannot be written, readers keep what they have.

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::task::spawn_blocking;

use super::Clock;
use crate::event::{Delivery, Effect};
use crate::ledger::Record;
use crate::snapshot::Snapshot;
use crate::store::Store;

/// What is remembered, and what waits for that.
pub(super) struct Memory {
    /// `None` only while it travels.
    pub(super) store: Option<Store>,
    pub(super) clock: Clock,
    /// What the engine remembers and the store does not.
    pub(super) unwritten: Vec<Record>,
    /// What readers are to see once these records are written, and the deliveries of it.
    swap: Option<Arc<Snapshot>>,
    deliveries: Vec<Delivery>,
}

impl Memory {
    pub(super) fn new(store: Store, clock: Clock) -> Memory {
        Memory { store: Some(store), clock, unwritten: Vec::new(), swap: None, deliveries: Vec::new() }
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

    /// Writes what is unwritten.
    pub(super) async fn write(&mut self) -> Result<(), String> {
        let Some(mut store) = self.store.take() else { return Err("the state is gone".to_owned()) };
        let records = std::mem::take(&mut self.unwritten);
        let clock = self.clock;
        let written = spawn_blocking(move || {
            let result = store.append(&records, clock());
            (store, records, result)
        });
        let (store, records, result) = written.await.map_err(|error| error.to_string())?;
        self.store = Some(store);
        if let Err(trouble) = result {
            self.unwritten = records;
            return Err(trouble.to_string());
        }
        Ok(())
    }
}
