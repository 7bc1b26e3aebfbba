//! HTTP: the accept loops, their limits and their end.
//!
//! ```text
//! run ─ listen ─ connection ─ respond ─ answer ─ conditional, negotiate        what a request gets: pure
//!                 │          ├ proxied, budget                              whose request it is, and whether it is one too many
//!                 │          ├ pages                                        pages of articles, built on demand
//!                 │          ├ coding, media                                bytes
//!                 │          ├ workers                                      threads that may block, apart from those of publication
//!                 │          ├ access_log                                   a line for each answer, written by a thread of its own
//!                 │          └ admin                                        what operators get, on a listener of theirs
//!                 ├ overdue                                               which clients take too long
//!                 └ stream, tls                                             what HTTP is spoken over
//! ```
//!
//! A request loads the snapshot once. What the snapshot does not hold in memory (article pages, media files, documents that few ask
//! for) comes from the one function that [`run`] is given; this module knows neither the content directory nor the engine.

use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::{AbortHandle, Id, JoinError, JoinSet};
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use crate::metrics::Metrics;
use crate::snapshot::Snapshot;
use handler::ServerState;
use timeouts::{ConnectionPhase, TickCounter, TimeoutLimits};

mod access_log;
mod admin;
mod budget;
mod coding;
mod connection;
mod disk;
pub mod forwarded;
mod handler;
mod headers;
mod listener;
mod media;
pub mod negotiation;
mod options;
mod pages;
pub mod preconditions;
mod range;
pub mod reply;
pub mod representation;
pub mod request;
pub mod responses;
pub mod routes;
mod stream;
mod target;
mod timeouts;
mod tls;
mod workers;

pub use access_log::AccessLog;
pub use budget::Budgets;
pub use disk::{DiskRequest, DiskResponse, Freshness};
pub use listener::{Audience, Listener};
pub use options::{SavedCheck, ServeOptions, Verification};
pub use tls::Tls;
pub use workers::CancellationToken;

/// Connections of operators at a time: readers, however many, do not take them.
const MAX_ADMIN_CONNECTIONS: usize = 64;

/// Serves the snapshot of the moment on listeners until `stop` completes, and returns when the last connection is closed,
/// at the latest `options.stop_timeout` later.
///
/// `disk` is called on threads that may block, and may stop once its work is abandoned. Of media `NotFound` becomes 404, any other error
/// 503, a panic 500.
pub async fn run<D>(
    listeners: Vec<Listener>,
    snapshot: Arc<ArcSwap<Snapshot>>,
    disk: Arc<D>,
    options: ServeOptions,
    stop: impl Future<Output = ()>,
) where
    D: Fn(DiskRequest, &CancellationToken) -> io::Result<DiskResponse> + Send + Sync + 'static,
{
    let slots = Arc::new(Semaphore::new(options.max_connections));
    let shared = Arc::new(ServerState::new(snapshot, disk, options));
    let (stopping, stopped) = watch::channel(());
    let mut loops = JoinSet::new();
    for listener in listeners {
        let slots = match listener.audience() {
            Audience::Admin => Arc::new(Semaphore::new(MAX_ADMIN_CONNECTIONS)),
            Audience::Public | Audience::Secure(_) => Arc::clone(&slots),
        };
        loops.spawn(accept_connections(listener, Arc::clone(&shared), slots, stopped.clone()));
    }
    stop.await;
    drop(stopping);
    while let Some(ended) = loops.join_next().await {
        if let Err(error) = ended {
            tracing::error!(%error, "listener panicked");
        }
    }
}

/// Serves the clients of one listener until the sender of `stopped` is gone.
async fn accept_connections<D>(
    listener: Listener,
    shared: Arc<ServerState<D>>,
    slots: Arc<Semaphore>,
    mut stopped: watch::Receiver<()>,
) where
    D: Fn(DiskRequest, &CancellationToken) -> io::Result<DiskResponse> + Send + Sync + 'static,
{
    let is_admin = matches!(listener.audience(), Audience::Admin);
    let metrics = Arc::clone(&shared.options.metrics);
    let limits = TimeoutLimits::new(shared.options.header_timeout, shared.options.write_timeout, is_admin);
    let ticks = Arc::new(TickCounter::default());
    let mut tick = interval(limits.tick_interval);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut phases: HashMap<Id, (Arc<ConnectionPhase>, AbortHandle)> = HashMap::new();
    let mut connections = JoinSet::new();
    let (ending, ended) = watch::channel(());
    let mut failures = 0;
    loop {
        tokio::select! {
            biased;
            _ = stopped.changed() => break,
            Some(ended) = connections.join_next_with_id() => {
                phases.remove(&report_panic(ended));
            }
            _ = tick.tick() => {
                ticks.next();
                let timed_out = phases.values().filter(|(phase, _)| phase.has_timed_out(&limits));
                timed_out.for_each(|(_, connection)| connection.abort());
            }
            (client, slot) = accept(&listener, &slots, &metrics, &mut failures) => {
                failures = 0;
                let phase = Arc::new(ConnectionPhase::new(&ticks));
                let audience = listener.audience().clone();
                let listener_info = connection::ListenerInfo { audience, is_inherited: listener.is_inherited() };
                let connection =
                    connection::serve(client, listener_info, Arc::clone(&phase), Arc::clone(&shared), ended.clone());
                let counted = OpenConnection::new(Arc::clone(&metrics));
                let connection = connections.spawn(async move {
                    connection.await;
                    drop((slot, counted));
                });
                phases.insert(connection.id(), (phase, connection));
            }
        }
    }
    // First of all, so that a successor can have the address and clients whose connections end then try elsewhere.
    drop(listener);
    drop(ending);
    let drained = timeout(shared.options.stop_timeout, async {
        while let Some(ended) = connections.join_next_with_id().await {
            report_panic(ended);
        }
    });
    if drained.await.is_err() {
        tracing::warn!(connections = connections.len(), "closed connections of slow clients");
        connections.shutdown().await;
    }
}

/// An open connection, counted until it is dropped, however it ends.
struct OpenConnection(Arc<Metrics>);

impl OpenConnection {
    fn new(metrics: Arc<Metrics>) -> OpenConnection {
        metrics.accepted.inc();
        metrics.connections.inc();
        OpenConnection(metrics)
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.connections.dec();
    }
}

/// The next connection, once there is a slot for it. It may be dropped and called again at any point; how often in a row there was none
/// to be had outlives that.
async fn accept(
    listener: &Listener,
    slots: &Arc<Semaphore>,
    metrics: &Metrics,
    failures: &mut u32,
) -> ((stream::Socket, Option<IpAddr>), Option<OwnedSemaphorePermit>) {
    const MIN_RETRY_INTERVAL: Duration = Duration::from_millis(5);
    const MAX_RETRY_INTERVAL: Duration = Duration::from_secs(1);
    // Nobody closes the semaphore, so there is always a permit in the end.
    let slot = Arc::clone(slots).acquire_owned().await.ok();
    loop {
        match listener.accept().await {
            Ok(client) => return (client, slot),
            // The client hung up while it waited in the queue.
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            // Out of file descriptors or memory. Others end meanwhile; without a pause this would be a busy loop.
            Err(error) => {
                if *failures == 0 {
                    tracing::warn!(%error, "cannot accept connections");
                }
                metrics.refused.inc();
                let pause = MIN_RETRY_INTERVAL * 2_u32.saturating_pow(*failures);
                *failures = (*failures + 1).min(10);
                sleep(pause.min(MAX_RETRY_INTERVAL)).await;
            }
        }
    }
}

/// A connection's own troubles end with it and are no news, nor is that its client took too long; a panic is.
fn report_panic(ended: Result<(Id, ()), JoinError>) -> Id {
    match ended {
        Ok((id, ())) => id,
        Err(error) => {
            if error.is_panic() {
                tracing::error!(%error, "connection panicked");
            }
            error.id()
        }
    }
}

#[cfg(test)]
mod tests;
