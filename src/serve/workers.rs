//! Threads for the blocking work of requests, with bounded queues.
//!
//! # Why do requests have their own threads?
//!
//! Publication runs on the runtime's blocking threads. Requests must not be able to fill those, so their work runs here. A job is skipped
//! if all clients that waited for it have disconnected.

use std::collections::VecDeque;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll};

use tokio::sync::oneshot;

/// Held by each client that waits for a job. The job is cancelled when the last waiter is dropped.
#[derive(Clone, Debug, Default)]
pub(super) struct Waiter(Arc<()>);

impl Waiter {
    pub(super) fn token(&self) -> CancellationToken {
        CancellationToken(Arc::downgrade(&self.0))
    }
}

/// Tells a job whether anybody still waits for it.
#[derive(Clone, Debug)]
pub struct CancellationToken(Weak<()>);

impl CancellationToken {
    /// Whether all waiters have been dropped.
    pub fn is_cancelled(&self) -> bool {
        self.0.strong_count() == 0
    }

    /// Adds a waiter. `None` if the job is already cancelled.
    pub(super) fn join(&self) -> Option<Waiter> {
        self.0.upgrade().map(Waiter)
    }

    /// Whether both tokens belong to the same job.
    pub(super) fn is_same_as(&self, other: &CancellationToken) -> bool {
        self.0.ptr_eq(&other.0)
    }
}

/// Why a job has no result.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum WorkError {
    /// The queue is full.
    Busy,
    /// The job panicked.
    Panicked,
}

/// A pool of threads. They end when the pool is dropped.
pub(super) struct Workers {
    queue: Arc<Queue>,
    /// Limits the queue.
    capacity: usize,
}

#[derive(Default)]
struct Queue {
    jobs: Mutex<Jobs>,
    changed: Condvar,
}

#[derive(Default)]
struct Jobs {
    waiting: VecDeque<Job>,
    is_closed: bool,
}

struct Job {
    token: CancellationToken,
    run: Box<dyn FnOnce() + Send>,
}

/// The scheduling priority of the threads.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Priority {
    /// That of the process.
    Normal,
    /// Lower than that of publication.
    Low,
}

impl Workers {
    pub(super) fn start(name: &str, threads: usize, capacity: usize, priority: Priority) -> Workers {
        let queue = Arc::new(Queue::default());
        let mut started = 0;
        for _ in 0..threads {
            let queue = Arc::clone(&queue);
            let work = move || {
                if priority == Priority::Low {
                    lower_priority();
                }
                queue.work();
            };
            match std::thread::Builder::new().name(name.into()).spawn(work) {
                Ok(_) => started += 1,
                Err(error) => tracing::error!(%error, "cannot start a thread that serves requests"),
            }
        }
        // Without any thread, jobs are refused instead of waiting for ever.
        queue.lock().is_closed = started == 0;
        Workers { queue, capacity }
    }

    /// Queues a job. Fails if the queue is full.
    pub(super) fn try_submit<T: Send + 'static>(
        &self,
        work: impl FnOnce(&CancellationToken) -> T + Send + 'static,
    ) -> Result<Pending<T>, WorkError> {
        self.submit_within(self.capacity, work)
    }

    /// Queues a job regardless of the queue's length. The caller bounds the number of such jobs.
    pub(super) fn submit<T: Send + 'static>(
        &self,
        work: impl FnOnce(&CancellationToken) -> T + Send + 'static,
    ) -> Result<Pending<T>, WorkError> {
        self.submit_within(usize::MAX, work)
    }

    fn submit_within<T: Send + 'static>(
        &self,
        max_waiting: usize,
        work: impl FnOnce(&CancellationToken) -> T + Send + 'static,
    ) -> Result<Pending<T>, WorkError> {
        let waiter = Waiter::default();
        let (done, result) = oneshot::channel();
        let token = waiter.token();
        let run = {
            let token = token.clone();
            // The waiter may have been dropped.
            move || drop(done.send(work(&token)))
        };
        self.queue.push(Job { token, run: Box::new(run) }, max_waiting)?;
        Ok(Pending { result, _interest: waiter })
    }

    /// Queues a job that reports its result itself. Fails if the queue is full.
    pub(super) fn try_submit_job(
        &self,
        token: CancellationToken,
        run: impl FnOnce() + Send + 'static,
    ) -> Result<(), WorkError> {
        self.queue.push(Job { token, run: Box::new(run) }, self.capacity)
    }
}

impl fmt::Debug for Workers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Workers").field("capacity", &self.capacity).finish_non_exhaustive()
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        let mut jobs = self.queue.lock();
        jobs.is_closed = true;
        let waiting = std::mem::take(&mut jobs.waiting);
        drop(jobs);
        self.queue.changed.notify_all();
        drop(waiting);
    }
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, Jobs> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, job: Job, max_waiting: usize) -> Result<(), WorkError> {
        let mut jobs = self.lock();
        let mut abandoned = VecDeque::new();
        if jobs.waiting.len() >= max_waiting {
            let (cancelled, waiting) =
                std::mem::take(&mut jobs.waiting).into_iter().partition(|job| job.token.is_cancelled());
            (abandoned, jobs.waiting) = (cancelled, waiting);
        }
        let is_refused = jobs.is_closed || jobs.waiting.len() >= max_waiting;
        if !is_refused {
            jobs.waiting.push_back(job);
        }
        drop(jobs);
        // Dropped after the lock is released, because dropping a job may need the lock.
        drop(abandoned);
        if is_refused {
            return Err(WorkError::Busy);
        }
        self.changed.notify_one();
        Ok(())
    }

    /// Runs jobs until the pool is dropped.
    fn work(&self) {
        while let Some(job) = self.next() {
            if !job.token.is_cancelled() {
                // The waiter sees that the result is missing and logs the context.
                drop(catch_unwind(AssertUnwindSafe(job.run)));
            }
        }
    }

    fn next(&self) -> Option<Job> {
        let mut jobs = self.lock();
        loop {
            if let Some(job) = jobs.waiting.pop_front() {
                return Some(job);
            }
            if jobs.is_closed {
                return None;
            }
            jobs = self.changed.wait(jobs).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// The pending result of a job. Dropping it cancels the job, unless others wait for it.
#[derive(Debug)]
pub(super) struct Pending<T> {
    result: oneshot::Receiver<T>,
    _interest: Waiter,
}

impl<T> Future for Pending<T> {
    type Output = Result<T, WorkError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.result).poll(context).map(|result| result.map_err(|_| WorkError::Panicked))
    }
}

/// Lowers the thread's priority. On Linux each thread has its own nice value (nice(2)).
#[cfg(target_os = "linux")]
fn lower_priority() {
    const NICE: i32 = 10;
    if let Err(error) = rustix::process::nice(NICE) {
        tracing::debug!(%error, "cannot lower the priority of the threads that build article pages");
    }
}

#[cfg(not(target_os = "linux"))]
fn lower_priority() {}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[tokio::test]
    async fn abandoned_job_never_starts() {
        let workers = Workers::start("test", 1, 2, Priority::Low);
        let (release, released) = mpsc::channel::<()>();
        let (entered, has_entered) = mpsc::channel();
        let first = workers.try_submit(move |token| {
            entered.send(()).unwrap();
            released.recv().unwrap();
            token.is_cancelled()
        });
        has_entered.recv().unwrap();
        let abandoned: Vec<_> = (0..2).map(|_| workers.try_submit(|_| panic!("begun")).unwrap()).collect();
        assert!(matches!(workers.try_submit(|_| 1), Err(WorkError::Busy)), "two wait already");
        assert!(workers.submit(|_| 2).is_ok(), "submit ignores the limit");
        drop::<Vec<Pending<()>>>(abandoned);
        let second = workers.try_submit(|_| 3);
        release.send(()).unwrap();
        assert_eq!((first.unwrap().await, second.unwrap().await), (Ok(false), Ok(3)));
    }

    #[tokio::test]
    async fn panicking_job_leaves_worker_running() {
        let workers = Workers::start("test", 1, 2, Priority::Normal);
        let failed: Pending<()> = workers.try_submit(|_| panic!("on purpose")).unwrap();
        assert_eq!(failed.await, Err(WorkError::Panicked));
        assert_eq!(workers.try_submit(|_| 1).unwrap().await, Ok(1));
    }
}
