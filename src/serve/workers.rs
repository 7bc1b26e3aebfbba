//! Threads that do what requests need and what may block: few, with a queue of their own. However many clients come, the threads that
//! publication needs stay free, and work that nobody waits for any more is not begun.

use std::collections::VecDeque;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll};

use tokio::sync::oneshot;

/// Held by everybody who waits for a piece of work.
#[derive(Clone, Debug, Default)]
pub(super) struct Waiter(Arc<()>);

impl Waiter {
    pub(super) fn token(&self) -> CancellationToken {
        CancellationToken(Arc::downgrade(&self.0))
    }
}

/// Tells a piece of work whether anybody still waits for it.
#[derive(Clone, Debug)]
pub struct CancellationToken(Weak<()>);

impl CancellationToken {
    /// Whether everybody who waited has left.
    pub fn is_cancelled(&self) -> bool {
        self.0.strong_count() == 0
    }

    /// Waits for the same work; `None` where it was abandoned already.
    pub(super) fn join(&self) -> Option<Waiter> {
        self.0.upgrade().map(Waiter)
    }

    pub(super) fn is_same_as(&self, other: &CancellationToken) -> bool {
        self.0.ptr_eq(&other.0)
    }
}

/// Why there is no result.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum WorkError {
    /// Too much waits already.
    Busy,
    /// The work ended in a panic.
    Panicked,
}

/// The threads; they end when this is dropped.
pub(super) struct Workers {
    queue: Arc<Queue>,
    /// The most that waits.
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

/// How much threads yield to others.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Priority {
    /// Not at all.
    Normal,
    /// Publication gets the processor first.
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
        // Without any, requests are refused instead of waiting for ever.
        queue.lock().is_closed = started == 0;
        Workers { queue, capacity }
    }

    /// Begins work as soon as a thread is free; refuses it where too much waits.
    pub(super) fn try_submit<T: Send + 'static>(
        &self,
        work: impl FnOnce(&CancellationToken) -> T + Send + 'static,
    ) -> Result<Pending<T>, WorkError> {
        self.submit_within(self.capacity, work)
    }

    /// The same for work that may not be refused. Whoever asks for it bounds how much of it there is.
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
            // Whoever waited may have left.
            move || drop(done.send(work(&token)))
        };
        self.queue.push(Job { token, run: Box::new(run) }, max_waiting)?;
        Ok(Pending { result, _interest: waiter })
    }

    /// Begins work whose result is told to those who wait in another way.
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
            let (left, waiting) =
                std::mem::take(&mut jobs.waiting).into_iter().partition(|job| job.token.is_cancelled());
            (abandoned, jobs.waiting) = (left, waiting);
        }
        let is_refused = jobs.is_closed || jobs.waiting.len() >= max_waiting;
        if !is_refused {
            jobs.waiting.push_back(job);
        }
        drop(jobs);
        // What these hold may want this lock.
        drop(abandoned);
        if is_refused {
            return Err(WorkError::Busy);
        }
        self.changed.notify_one();
        Ok(())
    }

    /// Works until the end.
    fn work(&self) {
        while let Some(job) = self.next() {
            if !job.token.is_cancelled() {
                // Whoever waits sees that there is no result, and says of what.
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

/// A result that is on its way. Dropping it abandons the work.
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

/// On Linux a thread has a nice value of its own (nice(2)).
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
    async fn abandoned_work_is_not_started() {
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
        assert!(workers.submit(|_| 2).is_ok(), "what may not be refused is not");
        drop::<Vec<Pending<()>>>(abandoned);
        let second = workers.try_submit(|_| 3);
        release.send(()).unwrap();
        assert_eq!((first.unwrap().await, second.unwrap().await), (Ok(false), Ok(3)));
    }

    #[tokio::test]
    async fn panic_ends_one_piece_of_work() {
        let workers = Workers::start("test", 1, 2, Priority::Normal);
        let failed: Pending<()> = workers.try_submit(|_| panic!("on purpose")).unwrap();
        assert_eq!(failed.await, Err(WorkError::Panicked));
        assert_eq!(workers.try_submit(|_| 1).unwrap().await, Ok(1));
    }
}
