//! Lets the owner handle other messages while a long statement runs, so that records don't wait for a scan of the whole ledger.
//!
//! SQLite calls a progress handler in the middle of a statement (<https://sqlite.org/c3ref/progress_handler.html>). The handler mustn't use
//! the connection of that statement, but may use others.

use std::sync::Arc;

use rusqlite::Connection;

/// The number of SQLite's instructions between two calls: a few dozen rows, which take less than a tenth of a millisecond.
const INSTRUCTIONS: i32 = 1_000;

/// The handler that runs in the middle of long statements. The default has no handler.
#[derive(Clone, Default)]
pub(super) struct Interruption(Option<Arc<dyn Fn() -> bool + Send + Sync>>);

impl Interruption {
    /// Calls `handle` during long statements. The statement is abandoned if it returns `true`.
    pub(super) fn new(handle: impl Fn() -> bool + Send + Sync + 'static) -> Interruption {
        Interruption(Some(Arc::new(handle)))
    }

    /// Calls the handler during the statements of a connection. Without the handler, statements take longer, but work.
    pub(super) fn install(&self, database: &mut Connection) {
        if let Some(handle) = self.0.clone() {
            database.progress_handler(INSTRUCTIONS, Some(move || handle())).unwrap_or_default();
        }
    }

    /// Ends the calls during the statements of a connection.
    pub(super) fn remove(database: &mut Connection) {
        database.progress_handler(0, None::<fn() -> bool>).unwrap_or_default();
    }

    /// Returns an interruption that calls the same handler, but never abandons a statement.
    pub(super) fn without_end(&self) -> Interruption {
        let handle = self.0.clone();
        Interruption(handle.map(|handle| -> Arc<dyn Fn() -> bool + Send + Sync> {
            Arc::new(move || {
                handle();
                false
            })
        }))
    }

    /// Calls the handler between two statements. Returns whether the work should be abandoned.
    pub(super) fn pause(&self) -> bool {
        self.0.as_ref().is_some_and(|handle| handle())
    }
}
