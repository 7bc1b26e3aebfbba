//! The thread that writes records. A disk that fails says so; one that hangs says nothing, and what is to be taken from readers must not
//! wait for it.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use jiff::Timestamp;

use crate::ledger::{Ledger, Record};
use crate::store::{Store, StoreError};

/// How long the end of the thread is waited for: it takes in the ledger's log.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// What is said of a disk that hangs.
pub(super) const NO_ANSWER: &str = "the disk of the state directory does not answer";

enum Job {
    Append(Arc<Vec<Record>>, Timestamp),
    Replay(Sender<Result<Ledger, StoreError>>),
}

/// How writing ended.
pub(super) struct Written {
    pub(super) result: Result<(), StoreError>,
    /// The number of the last record.
    pub(super) last: i64,
    /// Why nothing can be written, where the state could only be opened for reading.
    pub(super) unwritable: Option<String>,
}

/// The thread's other side. One write at a time is under way.
pub(super) struct Writer {
    /// `None` at the end.
    jobs: Option<Sender<Job>>,
    written: Receiver<Written>,
    /// `None` once it was waited for.
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    pub(super) fn start(mut store: Store) -> io::Result<Writer> {
        let (jobs, inbox) = channel();
        let (done, written) = channel();
        let work = move || {
            for job in inbox {
                match job {
                    Job::Append(records, at) => {
                        let result = store.append(records.iter(), at);
                        // Whoever waits has the only copy then.
                        drop(records);
                        let (last, unwritable) = (store.last_record(), store.unwritable().map(str::to_owned));
                        done.send(Written { result, last, unwritable }).unwrap_or_default();
                    }
                    Job::Replay(answer) => answer.send(store.awake_ledger()).unwrap_or_default(),
                }
            }
            // Closed before anybody hears that the thread ended.
            drop(store);
            drop(done);
        };
        let thread = std::thread::Builder::new().name("ledger".into()).spawn(work)?;
        Ok(Writer { jobs: Some(jobs), written, thread: Some(thread) })
    }

    /// Begins to write records.
    pub(super) fn begin(&self, records: Arc<Vec<Record>>, at: Timestamp) {
        self.send(Job::Append(records, at));
    }

    /// How the write under way ended; `None`: it hasn't within this time.
    ///
    /// # Panics
    /// If the thread did.
    pub(super) fn wait(&mut self, patience: Duration) -> Option<Written> {
        match self.written.recv_timeout(patience) {
            Ok(written) => Some(written),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => {
                if let Some(Err(panic)) = self.thread.take().map(JoinHandle::join) {
                    std::panic::resume_unwind(panic);
                }
                None
            }
        }
    }

    /// Everything that was ever recorded, without dormant articles.
    ///
    /// # Errors
    /// Why it cannot be read, or not within this time.
    pub(super) fn ledger(&self, patience: Duration) -> Result<Ledger, String> {
        let (answer, ledger) = channel();
        self.send(Job::Replay(answer));
        match ledger.recv_timeout(patience) {
            Ok(ledger) => ledger.map_err(|trouble| trouble.to_string()),
            Err(RecvTimeoutError::Timeout) => Err(NO_ANSWER.to_owned()),
            Err(RecvTimeoutError::Disconnected) => Err("the ledger's thread ended".to_owned()),
        }
    }

    fn send(&self, job: Job) {
        // The thread lives as long as this does.
        if let Some(jobs) = &self.jobs {
            jobs.send(job).unwrap_or_default();
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.jobs = None;
        while self.written.recv_timeout(CLOSE_TIMEOUT).is_ok() {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ledger_behind_hanging_write_is_given_up() {
        let (jobs, _inbox) = channel();
        let (done, written) = channel();
        let writer = Writer { jobs: Some(jobs), written, thread: None };
        writer.begin(Arc::new(Vec::new()), Timestamp::UNIX_EPOCH);
        assert_eq!(writer.ledger(Duration::ZERO).err().as_deref(), Some(NO_ANSWER));
        // There is no thread whose end would be waited for.
        drop(done);
    }
}
