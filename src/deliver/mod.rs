//! Delivers documents to targets. The output directory is the only target so far.
//!
//! Each target has its own task, queue and retries, so a target that is slow or fails doesn't delay others. Every target passes the tests
//! in `conformance`.
//!
//! # Which file contains what?
//!
//! This file has the `Target` trait, retries and pauses. `queue` merges waiting deliveries, `disk` writes `feeds/`, `file_names` turns
//! routes into file names, `feed_address` recognises dateline's own feeds, `archive_files` recognises the
//! files of archives, `manifest` lists the files that dateline wrote, and
//! `directory_lock` keeps other processes out.
//!
//! # When does a delivery start?
//!
//! When no newer one has arrived for a short time, at the latest after `MAX_QUIET_TIME`. Writing files takes disk and processor time
//! from the next publication, and readers wait for that one. The quiet time grows with the number of documents. A complete delivery
//! starts at once.
//!
//! # What happens when a target fails?
//!
//! The delivery goes back to the queue and is retried after a pause, or as soon as newer documents arrive. The pause doubles with each
//! failure, up to `MAX_RETRY_PAUSE`.

mod archive_files;
mod directory_lock;
pub mod disk;
mod feed_address;
pub mod file_names;
mod manifest;
mod queue;

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::Sender;
use tokio::task::spawn_blocking;

use crate::event::{Delivery, Event, Outcome};
use crate::metrics::Metrics;
pub(crate) use queue::merge;
use queue::{DeliveryReceiver, DeliverySender, queue};

/// A destination of documents. The program's only trait object.
pub trait Target: Send {
    /// Writes documents. Failures are listed in the outcome's problems; the next delivery contains these documents again.
    fn deliver(&mut self, delivery: &Delivery) -> Outcome;
}

const MIN_RETRY_PAUSE: Duration = Duration::from_secs(1);
const MAX_RETRY_PAUSE: Duration = Duration::from_secs(60);
const BASE_QUIET_TIME: Duration = Duration::from_millis(20);
const QUIET_TIME_PER_DOCUMENT: Duration = Duration::from_millis(4);
const MAX_QUIET_TIME: Duration = Duration::from_millis(200);

/// Sends deliveries to all targets. Dropping it closes their queues.
#[derive(Debug, Default)]
pub struct Deliveries {
    queues: Vec<DeliverySender>,
}

impl Deliveries {
    /// Adds a delivery to the queue of each target. Documents are shared.
    pub fn send(&self, delivery: &Delivery) {
        self.queues.iter().for_each(|queue| queue.send(delivery.clone()));
    }
}

/// Starts a task for each target that sends its outcomes to the engine. The tasks end when their queues are closed and empty.
pub fn start(
    targets: Vec<Box<dyn Target>>,
    outcomes: &Sender<Event>,
    metrics: &Arc<Metrics>,
) -> (Deliveries, Vec<impl Future<Output = ()> + Send + use<>>) {
    let (mut queues, mut tasks) = (Vec::new(), Vec::new());
    for target in targets {
        let (sender, receiver) = queue();
        queues.push(sender);
        tasks.push(run(target, receiver, outcomes.clone(), Arc::clone(metrics)));
    }
    (Deliveries { queues }, tasks)
}

/// Executes the deliveries of one target.
async fn run(
    mut target: Box<dyn Target>,
    deliveries: DeliveryReceiver,
    outcomes: Sender<Event>,
    metrics: Arc<Metrics>,
) {
    let mut pause = MIN_RETRY_PAUSE;
    let mut counted = 0;
    let (mut has_failed, mut has_nothing_newer) = (false, false);
    loop {
        // The metric counts the deliveries of all targets.
        let waiting = i64::try_from(deliveries.len()).unwrap_or(i64::MAX);
        metrics.delivery_queue.inc_by(waiting - counted);
        counted = waiting;
        let is_closed = match has_failed && has_nothing_newer {
            true => tokio::time::timeout(pause, deliveries.wait_for_more()).await == Ok(false),
            false => !deliveries.wait().await,
        };
        let started = Instant::now();
        while !is_closed
            && started.elapsed() < MAX_QUIET_TIME
            && let Some(documents) = deliveries.changed_documents()
        {
            let more = QUIET_TIME_PER_DOCUMENT.saturating_mul(u32::try_from(documents).unwrap_or(u32::MAX));
            let quiet = MAX_QUIET_TIME.min(BASE_QUIET_TIME.saturating_add(more));
            if tokio::time::timeout(quiet, deliveries.wait_for_more()).await != Ok(true) {
                break;
            }
        }
        let Some(delivery) = deliveries.take() else { return };
        let work = spawn_blocking(move || {
            let outcome = target.deliver(&delivery);
            (target, delivery, outcome)
        });
        let Ok((returned, delivered, outcome)) = work.await else { return };
        target = returned;
        let had_failed = std::mem::replace(&mut has_failed, !outcome.problems.is_empty());
        pause = if had_failed && has_failed { MAX_RETRY_PAUSE.min(pause * 2) } else { MIN_RETRY_PAUSE };
        if has_failed && !is_closed {
            has_nothing_newer = deliveries.put_back(delivered);
        }
        // Nobody receives outcomes while the daemon stops. The remaining deliveries are still written.
        outcomes.send(Event::Delivered(outcome)).await.unwrap_or_default();
    }
}

#[cfg(test)]
mod conformance;
#[cfg(test)]
mod tests;
