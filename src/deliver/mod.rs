//! Carrying documents elsewhere. Each [`Target`] gets the newest state; what fails is tried again with a pause that grows.

mod claim;
pub mod disk;
mod manifest;
mod queue;

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::Sender;
use tokio::task::spawn_blocking;

use crate::event::{Delivery, Event, Outcome};
use crate::metrics::Metrics;
pub(crate) use queue::merged;
pub use queue::{Deliveries, DeliveryQueue, queue};

/// A place that documents are carried to. The one trait object of the program.
pub trait Target: Send {
    /// Carries documents. What fails is in the outcome's problems, and is part of the next delivery again.
    fn deliver(&mut self, delivery: &Delivery) -> Outcome;
}

const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// Carrying takes the disk and the processor from the next publication, which is on its way to readers: it begins when none came for
/// so long, a little longer for each document, or after the longest time. All documents at once wait for nothing.
const QUIET: Duration = Duration::from_millis(20);
const QUIET_FOR_EACH: Duration = Duration::from_millis(4);
const LONGEST_QUIET: Duration = Duration::from_millis(200);

/// Carries deliveries to all targets until no more can come, and tells the engine how each ended.
pub async fn run(
    mut targets: Vec<Box<dyn Target>>,
    deliveries: DeliveryQueue,
    outcomes: Sender<Event>,
    meters: Arc<Metrics>,
) {
    let mut pause = FIRST_PAUSE;
    // Whether the last attempt failed, and whether nothing newer came meanwhile.
    let (mut has_failed, mut is_same) = (false, false);
    loop {
        meters.delivery_queue.set(i64::try_from(deliveries.len()).unwrap_or(i64::MAX));
        // What failed waits for its pause to end, or for newer documents.
        let is_over = match has_failed && is_same {
            true => tokio::time::timeout(pause, deliveries.wait_for_more()).await == Ok(false),
            false => !deliveries.wait().await,
        };
        let begun = Instant::now();
        while !is_over
            && begun.elapsed() < LONGEST_QUIET
            && let Some(documents) = deliveries.changed_documents()
        {
            let more = QUIET_FOR_EACH.saturating_mul(u32::try_from(documents).unwrap_or(u32::MAX));
            let quiet = LONGEST_QUIET.min(QUIET.saturating_add(more));
            if tokio::time::timeout(quiet, deliveries.wait_for_more()).await != Ok(true) {
                break;
            }
        }
        let Some(delivery) = deliveries.take() else { return };
        let work = spawn_blocking(move || {
            let ended: Vec<Outcome> = targets.iter_mut().map(|target| target.deliver(&delivery)).collect();
            (targets, delivery, ended)
        });
        let Ok((returned, delivered, ended)) = work.await else { return };
        targets = returned;
        let before = std::mem::replace(&mut has_failed, ended.iter().any(|outcome| !outcome.problems.is_empty()));
        pause = if before && has_failed { LONGEST_PAUSE.min(pause * 2) } else { FIRST_PAUSE };
        if has_failed && !is_over {
            is_same = deliveries.put_back(delivered);
        }
        for outcome in ended {
            // The daemon may be stopping; deliveries go on to the end.
            outcomes.send(Event::Delivered(outcome)).await.unwrap_or_default();
        }
    }
}
