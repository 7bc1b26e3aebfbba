//! Carrying documents elsewhere. Each [`Target`] gets the newest state; what fails is tried again with a pause that grows.

mod claim;
pub mod disk;
mod manifest;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::{Sender, UnboundedReceiver};
use tokio::task::spawn_blocking;

use crate::event::{Delivery, Event, Outcome};
use crate::meter::Meters;
use crate::snapshot::Resource;

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

/// Carries deliveries to all targets until the channel closes, and tells the engine how each ended.
pub async fn run(
    mut targets: Vec<Box<dyn Target>>,
    mut deliveries: UnboundedReceiver<Delivery>,
    outcomes: Sender<Event>,
    meters: Arc<Meters>,
) {
    let mut waiting: Option<Delivery> = None;
    let mut pause = FIRST_PAUSE;
    let mut open = true;
    while open {
        let failed = usize::from(waiting.is_some());
        meters.deliveries.set(i64::try_from(deliveries.len().saturating_add(failed)).unwrap_or(i64::MAX));
        let next = match &waiting {
            None => deliveries.recv().await,
            // What failed waits for its pause to end, or for newer documents.
            Some(_) => tokio::time::timeout(pause, deliveries.recv()).await.unwrap_or_else(|_| waiting.take()),
        };
        let Some(next) = next else { break };
        let mut delivery = match waiting.take() {
            Some(older) => merged(older, next),
            None => next,
        };
        let begun = Instant::now();
        while !delivery.complete && begun.elapsed() < LONGEST_QUIET {
            let more = QUIET_FOR_EACH.saturating_mul(u32::try_from(delivery.documents.len()).unwrap_or(u32::MAX));
            match tokio::time::timeout(LONGEST_QUIET.min(QUIET.saturating_add(more)), deliveries.recv()).await {
                Ok(Some(newer)) => delivery = merged(delivery, newer),
                Ok(None) => {
                    open = false;
                    break;
                }
                Err(_) => break,
            }
        }
        let work = spawn_blocking(move || {
            let ended: Vec<Outcome> = targets.iter_mut().map(|target| target.deliver(&delivery)).collect();
            (targets, delivery, ended)
        });
        let Ok((returned, delivered, ended)) = work.await else { return };
        targets = returned;
        if ended.iter().any(|outcome| !outcome.problems.is_empty()) {
            waiting = Some(delivered);
            pause = (pause * 2).min(LONGEST_PAUSE);
        } else {
            pause = FIRST_PAUSE;
        }
        for outcome in ended {
            // The daemon may be stopping; deliveries go on to the end.
            outcomes.send(Event::Delivered(outcome)).await.unwrap_or_default();
        }
    }
}

/// Two deliveries as one: newer documents replace older ones.
pub(crate) fn merged(older: Delivery, mut newer: Delivery) -> Delivery {
    newer.recorded.extend(older.recorded);
    if newer.complete {
        newer.withheld.extend(older.withheld);
        return newer;
    }
    let mut documents: BTreeMap<Arc<str>, Option<Arc<Resource>>> = older.documents.into_iter().collect();
    documents.extend(newer.documents);
    // In a complete delivery whatever is not named is stale already.
    let documents = documents.into_iter().filter(|(_, document)| !older.complete || document.is_some()).collect();
    let withheld = older.withheld.into_iter().chain(newer.withheld).collect();
    Delivery { documents, complete: older.complete, withheld, ..newer }
}
