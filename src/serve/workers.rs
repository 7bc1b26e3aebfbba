//! Threads for the blocking work of requests, with bounded queues.
//!
//! # Why do requests have their own threads?
//!
//! Publication runs on the runtime's blocking threads. Requests must not be able to fill those, so their work runs here. A job is skipped
//! if all clients that waited for it have disconnected.
//!
//! # Which pools are there?
//!
//! One pool builds what requests need and memory lacks: documents and article pages. Another opens and reads files of the content
//! directory, whose disk may hang.
//!
//! # Why do pages have a lower priority?
//!
//! Pages of long articles take long, and anybody can request many. They are built by threads whose priority is lower than that of
//! publication, and never by the threads for documents, so that readers of feeds don't wait for pages. If many documents wait, as after a
//! change of the configuration, the threads for pages help.

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

/// Submits jobs of one priority to a pool of threads.
pub(super) struct Workers {
    pool: Arc<Pool>,
    priority: Priority,
    /// Limits the jobs of this priority that wait.
    capacity: usize,
}

/// Closes the queue when it is dropped. Then the threads end.
struct Pool(Arc<Queue>);

#[derive(Default)]
struct Queue {
    jobs: Mutex<Jobs>,
    /// Notified of jobs with normal and with low priority.
    normal_changed: Condvar,
    low_changed: Condvar,
}

#[derive(Default)]
struct Jobs {
    normal: VecDeque<Job>,
    low: VecDeque<Job>,
    /// The number of threads of each priority.
    normal_threads: usize,
    low_threads: usize,
    is_closed: bool,
}

struct Job {
    token: CancellationToken,
    run: Box<dyn FnOnce() + Send>,
}

/// The scheduling priority of threads and their jobs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Priority {
    /// That of the process.
    Normal,
    /// Lower than that of publication.
    Low,
}

/// The threads for the jobs of one priority.
#[derive(Clone, Copy, Debug)]
pub(super) struct ThreadLimits {
    /// The number of threads.
    pub(super) threads: usize,
    /// The most jobs that wait.
    pub(super) capacity: usize,
}

impl Workers {
    /// Starts a pool for jobs with normal priority.
    pub(super) fn start(name: &str, threads: usize, capacity: usize) -> Workers {
        let none = ThreadLimits { threads: 0, capacity: 0 };
        Workers::start_pool(name, ThreadLimits { threads, capacity }, none).0
    }

    /// Starts a pool for jobs with normal and with low priority. Threads with low priority help the others while more jobs with normal
    /// priority wait than there are threads for them.
    pub(super) fn start_pool(name: &str, normal: ThreadLimits, low: ThreadLimits) -> (Workers, Workers) {
        let queue = Arc::new(Queue::default());
        let start = |priority: Priority, count: usize| {
            let mut started = 0;
            for _ in 0..count {
                let queue = Arc::clone(&queue);
                let work = move || {
                    if priority == Priority::Low {
                        lower_priority();
                    }
                    queue.work(priority);
                };
                match std::thread::Builder::new().name(name.into()).spawn(work) {
                    Ok(_) => started += 1,
                    Err(error) => tracing::error!(%error, "cannot start a thread that serves requests"),
                }
            }
            started
        };
        // Without any thread, jobs are refused instead of waiting for ever.
        let threads = (start(Priority::Normal, normal.threads), start(Priority::Low, low.threads));
        {
            let mut jobs = queue.lock();
            (jobs.normal_threads, jobs.low_threads) = threads;
        }
        let pool = Arc::new(Pool(queue));
        let workers = |priority, capacity| Workers { pool: Arc::clone(&pool), priority, capacity };
        (workers(Priority::Normal, normal.capacity), workers(Priority::Low, low.capacity))
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
        self.pool.0.push(Job { token, run: Box::new(run) }, self.priority, max_waiting)?;
        Ok(Pending { result, _interest: waiter })
    }

    /// Queues a job that reports its result itself. Fails if the queue is full.
    pub(super) fn try_submit_job(
        &self,
        token: CancellationToken,
        run: impl FnOnce() + Send + 'static,
    ) -> Result<(), WorkError> {
        self.pool.0.push(Job { token, run: Box::new(run) }, self.priority, self.capacity)
    }
}

impl fmt::Debug for Workers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Workers")
            .field("priority", &self.priority)
            .field("capacity", &self.capacity)
            .finish_non_exhaustive()
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        let mut jobs = self.0.lock();
        jobs.is_closed = true;
        let waiting = (std::mem::take(&mut jobs.normal), std::mem::take(&mut jobs.low));
        drop(jobs);
        self.0.normal_changed.notify_all();
        self.0.low_changed.notify_all();
        drop(waiting);
    }
}

impl Jobs {
    fn waiting(&mut self, priority: Priority) -> &mut VecDeque<Job> {
        match priority {
            Priority::Normal => &mut self.normal,
            Priority::Low => &mut self.low,
        }
    }

    fn threads(&self, priority: Priority) -> usize {
        match priority {
            Priority::Normal => self.normal_threads,
            Priority::Low => self.low_threads,
        }
    }

    /// Whether more jobs with normal priority wait than there are threads for them.
    fn needs_help(&self) -> bool {
        self.normal.len() > self.normal_threads
    }

    /// Removes the next job for a thread.
    fn take(&mut self, priority: Priority) -> Option<Job> {
        match priority {
            Priority::Normal => self.normal.pop_front(),
            Priority::Low if self.needs_help() => self.normal.pop_front(),
            Priority::Low => self.low.pop_front(),
        }
    }
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, Jobs> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn changed(&self, priority: Priority) -> &Condvar {
        match priority {
            Priority::Normal => &self.normal_changed,
            Priority::Low => &self.low_changed,
        }
    }

    fn push(&self, job: Job, priority: Priority, max_waiting: usize) -> Result<(), WorkError> {
        let mut jobs = self.lock();
        let mut abandoned = VecDeque::new();
        let waiting = jobs.waiting(priority);
        if waiting.len() >= max_waiting {
            let (cancelled, others) = std::mem::take(waiting).into_iter().partition(|job| job.token.is_cancelled());
            (abandoned, *waiting) = (cancelled, others);
        }
        let is_full = waiting.len() >= max_waiting;
        let is_refused = is_full || jobs.is_closed || jobs.threads(priority) == 0;
        if !is_refused {
            jobs.waiting(priority).push_back(job);
        }
        let needs_help = jobs.needs_help();
        drop(jobs);
        // Dropped after the lock is released, because dropping a job may need the lock.
        drop(abandoned);
        if is_refused {
            return Err(WorkError::Busy);
        }
        self.changed(priority).notify_one();
        if needs_help {
            self.low_changed.notify_one();
        }
        Ok(())
    }

    /// Runs jobs until the pool is dropped.
    fn work(&self, priority: Priority) {
        while let Some(job) = self.next(priority) {
            if !job.token.is_cancelled() {
                // The waiter sees that the result is missing and logs the context.
                drop(catch_unwind(AssertUnwindSafe(job.run)));
            }
        }
    }

    fn next(&self, priority: Priority) -> Option<Job> {
        let mut jobs = self.lock();
        loop {
            if let Some(job) = jobs.take(priority) {
                return Some(job);
            }
            if jobs.is_closed {
                return None;
            }
            jobs = self.changed(priority).wait(jobs).unwrap_or_else(PoisonError::into_inner);
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
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn abandoned_job_never_starts() {
        let workers = Workers::start("test", 1, 2);
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
        let workers = Workers::start("test", 1, 2);
        let failed: Pending<()> = workers.try_submit(|_| panic!("on purpose")).unwrap();
        assert_eq!(failed.await, Err(WorkError::Panicked));
        assert_eq!(workers.try_submit(|_| 1).unwrap().await, Ok(1));
    }

    /// A page that takes long doesn't delay documents, and many documents are built by both threads.
    #[tokio::test]
    async fn low_priority_never_delays_normal_priority() {
        let one = ThreadLimits { threads: 1, capacity: 8 };
        let (documents, pages) = Workers::start_pool("test", one, one);
        let (release_page, page_released) = mpsc::channel::<()>();
        let page = pages.try_submit(move |_| page_released.recv().is_ok()).unwrap();
        let second = pages.try_submit(|_| std::thread::current().id()).unwrap();
        let document = documents.try_submit(|_| std::thread::current().id()).unwrap();
        let document_thread = document.await.unwrap();
        let (release_document, document_released) = mpsc::channel::<()>();
        let (entered, has_entered) = mpsc::channel();
        let slow = documents.try_submit(move |_| {
            entered.send(()).unwrap();
            document_released.recv().is_ok()
        });
        has_entered.recv().unwrap();
        let many: Vec<_> = (0..3).map(|_| documents.try_submit(|_| std::thread::current().id()).unwrap()).collect();
        release_page.send(()).unwrap();
        let page_thread = second.await.unwrap();
        assert_ne!(page_thread, document_thread);
        // The thread for pages has helped before it built the second page, because the thread for documents is busy.
        let mut many = many.into_iter();
        let helped = tokio::time::timeout(Duration::ZERO, many.next().unwrap()).await;
        assert_eq!(helped, Ok(Ok(page_thread)));
        release_document.send(()).unwrap();
        assert_eq!((page.await, slow.unwrap().await), (Ok(true), Ok(true)));
        for document in many {
            document.await.unwrap();
        }
    }
}
