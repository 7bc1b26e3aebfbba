//! The way of records to the disk. While they cannot be written, readers keep what they have.

use tokio::task::spawn_blocking;

use super::Clock;
use crate::event::Effect;
use crate::ledger::Record;
use crate::store::Store;

/// What is remembered, and what waits for that.
pub(super) struct Memory {
    /// `None` only while it travels.
    pub(super) store: Option<Store>,
    pub(super) clock: Clock,
    /// What the engine remembers and the store does not.
    pub(super) unwritten: Vec<Record>,
    /// What was to happen after these records were written.
    pub(super) waiting: Vec<Effect>,
}

impl Memory {
    pub(super) fn new(store: Store, clock: Clock) -> Memory {
        Memory { store: Some(store), clock, unwritten: Vec::new(), waiting: Vec::new() }
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
