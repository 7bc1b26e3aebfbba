//! The thread that writes ledger records. A failing disk returns an error, but a hanging one returns nothing, and a retraction mustn't
//! wait for it.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use jiff::Timestamp;

use crate::ledger::{Ledger, Record};
use crate::store::{Store, StoreError};

/// The time that the thread has at shutdown to checkpoint and close the ledger.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// The error message for a disk that hangs.
pub(super) const NOT_RESPONDING: &str = "the disk of the state directory does not answer";

enum Job {
    Append(Arc<Vec<Record>>, Timestamp),
    Replay(Sender<Result<Ledger, StoreError>>),
}

/// The outcome of a write.
pub(super) struct WriteOutcome {
    pub(super) result: Result<(), StoreError>,
    /// The number of the last record.
    pub(super) last_record: i64,
    /// Why the state could only be opened for reading.
    pub(super) unwritable: Option<String>,
}

/// A handle to the thread. At most one write is in flight.
pub(super) struct LedgerWriter {
    /// `None` while the writer is dropped.
    jobs: Option<Sender<Job>>,
    outcomes: Receiver<WriteOutcome>,
    /// `None` once the thread was joined.
    thread: Option<JoinHandle<()>>,
}

impl LedgerWriter {
    /// Starts the thread.
    ///
    /// # Errors
    /// If the system can't start one.
    pub(super) fn start(mut store: Store) -> io::Result<LedgerWriter> {
        let (jobs, inbox) = channel();
        let (done, outcomes) = channel();
        let work = move || {
            for job in inbox {
                match job {
                    Job::Append(records, at) => {
                        let result = store.append(records.iter(), at);
                        // The waiting caller now has the only reference and needn't copy the records.
                        drop(records);
                        let (last_record, unwritable) = (store.last_record(), store.unwritable().map(str::to_owned));
                        done.send(WriteOutcome { result, last_record, unwritable }).unwrap_or_default();
                    }
                    Job::Replay(answer) => answer.send(store.ledger_without_dormant()).unwrap_or_default(),
                }
            }
            // The state is unlocked before `LedgerWriter::drop` returns.
            drop(store);
            drop(done);
        };
        let thread = std::thread::Builder::new().name("ledger".into()).spawn(work)?;
        Ok(LedgerWriter { jobs: Some(jobs), outcomes, thread: Some(thread) })
    }

    /// Starts to write records.
    pub(super) fn begin(&self, records: Arc<Vec<Record>>, at: Timestamp) {
        self.send(Job::Append(records, at));
    }

    /// Waits for the write in flight. `None` if it hasn't ended within the timeout.
    ///
    /// # Panics
    /// If the thread panicked.
    pub(super) fn wait(&mut self, timeout: Duration) -> Option<WriteOutcome> {
        match self.outcomes.recv_timeout(timeout) {
            Ok(outcome) => Some(outcome),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => {
                if let Some(Err(panic)) = self.thread.take().map(JoinHandle::join) {
                    std::panic::resume_unwind(panic);
                }
                None
            }
        }
    }

    /// Reads the ledger without dormant articles.
    ///
    /// # Errors
    /// If it can't be read within the timeout.
    pub(super) fn ledger(&self, timeout: Duration) -> Result<Ledger, String> {
        let (answer, ledger) = channel();
        self.send(Job::Replay(answer));
        match ledger.recv_timeout(timeout) {
            Ok(ledger) => ledger.map_err(|error| error.to_string()),
            Err(RecvTimeoutError::Timeout) => Err(NOT_RESPONDING.to_owned()),
            Err(RecvTimeoutError::Disconnected) => Err("the ledger's thread ended".to_owned()),
        }
    }

    fn send(&self, job: Job) {
        // The thread runs until the sender is dropped.
        if let Some(jobs) = &self.jobs {
            jobs.send(job).unwrap_or_default();
        }
    }
}

impl Drop for LedgerWriter {
    fn drop(&mut self) {
        self.jobs = None;
        while self.outcomes.recv_timeout(CLOSE_TIMEOUT).is_ok() {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hung_write_makes_ledger_read_time_out() {
        let (jobs, _inbox) = channel();
        let (done, outcomes) = channel();
        let writer = LedgerWriter { jobs: Some(jobs), outcomes, thread: None };
        writer.begin(Arc::new(Vec::new()), Timestamp::UNIX_EPOCH);
        assert_eq!(writer.ledger(Duration::ZERO).err().as_deref(), Some(NOT_RESPONDING));
        // Without the sender, `drop` doesn't wait for a thread.
        drop(done);
    }
}
