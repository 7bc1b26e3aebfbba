//! The HTTP server: listeners, connections, limits and graceful shutdown.
//!
//! ```text
//! run ─ listener ─ connection ─ handler ─ routes ─ responses ─ representation     routing a request: pure
//!       │          │            │                    └ preconditions, negotiation, range, headers, templates
//!       │          │            ├ forwarded, budget      the client's address and its limits: pure
//!       │          │            ├ document_cache         documents in memory, in each content coding
//!       │          │            ├ pages, archives        article pages and archives of feeds, built on demand
//!       │          │            ├ coding, media          content codings and media files
//!       │          │            ├ workers                threads for blocking work
//!       │          │            ├ changes, event_stream  what changed in feeds
//!       │          │            ├ hub                    the address of the built-in WebSub hub
//!       │          │            ├ access_log             one line per response
//!       │          │            └ admin                  status and metrics, on a listener of their own
//!       │          └ stream, tls                         transports
//!       └ timeouts                                       slow clients
//! ```
//!
//! # Where does a response come from?
//!
//! A request loads the snapshot once. The bytes of documents come from [`DocumentCache`]. Article pages, media files and documents that
//! aren't in the cache come from the `disk` function passed to [`run`]. This module knows neither the content directory nor the engine.

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
pub mod archives;
mod budget;
mod change_events;
mod change_log;
mod change_source;
mod changes;
mod coding;
mod connection;
mod counters;
mod disk;
mod document_cache;
mod event_stream;
pub mod forwarded;
mod handler;
mod headers;
mod hub;
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
mod templates;
mod timeouts;
mod tls;
mod workers;

pub use access_log::AccessLog;
pub use budget::Budgets;
pub use change_log::ChangeLog;
pub use change_source::ChangesRequest;
pub use disk::{Disk, DiskRequest, DiskResponse, Freshness};
pub use document_cache::DocumentCache;
pub use hub::{HubEndpoint, HubPath, PendingAnswer};
pub use listener::{Audience, Listener};
pub use options::{SavedCheck, ServeOptions, Verification};
pub use tls::Tls;
pub use workers::CancellationToken;

/// Limits the connections to admin listeners. They don't count as readers' connections.
const MAX_ADMIN_CONNECTIONS: usize = 64;

/// Serves the current snapshot on all listeners until `stop` completes. Returns when the last connection is closed, at most
/// `options.stop_timeout` later.
///
/// `disk` runs on threads that may block, and may return early once its token is cancelled. For media files, `NotFound` becomes 404,
/// any other error 503, and a panic 500.
pub async fn run<D>(
    listeners: Vec<Listener>,
    snapshot: Arc<ArcSwap<Snapshot>>,
    disk: Arc<D>,
    options: ServeOptions,
    stop: impl Future<Output = ()>,
) where
    D: Disk,
{
    let slots = Arc::new(Semaphore::new(options.max_connections));
    let server = Arc::new(ServerState::new(snapshot, disk, options));
    let (stopping, stopped) = watch::channel(());
    let mut loops = JoinSet::new();
    for listener in listeners {
        let slots = match listener.audience() {
            Audience::Admin => Arc::new(Semaphore::new(MAX_ADMIN_CONNECTIONS)),
            Audience::Public | Audience::Secure(_) => Arc::clone(&slots),
        };
        loops.spawn(accept_connections(listener, Arc::clone(&server), slots, stopped.clone()));
    }
    stop.await;
    drop(stopping);
    while let Some(ended) = loops.join_next().await {
        if let Err(error) = ended {
            tracing::error!(%error, "listener panicked");
        }
    }
}

/// Serves the clients of one listener until the sender of `stopped` is dropped.
async fn accept_connections<D>(
    listener: Listener,
    server: Arc<ServerState<D>>,
    slots: Arc<Semaphore>,
    mut stopped: watch::Receiver<()>,
) where
    D: Disk,
{
    let is_admin = matches!(listener.audience(), Audience::Admin);
    let metrics = Arc::clone(&server.options.metrics);
    let limits = TimeoutLimits::new(server.options.header_timeout, server.options.write_timeout, is_admin);
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
                    connection::serve(client, listener_info, Arc::clone(&phase), Arc::clone(&server), ended.clone());
                let counted = OpenConnection::new(Arc::clone(&metrics));
                let connection = connections.spawn(async move {
                    connection.await;
                    drop((slot, counted));
                });
                phases.insert(connection.id(), (phase, connection));
            }
        }
    }
    // The next process can bind the address while the last connections end. Their clients reconnect to that process.
    drop(listener);
    drop(ending);
    let drained = timeout(server.options.stop_timeout, async {
        while let Some(ended) = connections.join_next_with_id().await {
            report_panic(ended);
        }
    });
    if drained.await.is_err() {
        tracing::warn!(connections = connections.len(), "closed connections of slow clients");
        connections.shutdown().await;
    }
}

/// An open connection. The gauge counts it until it is dropped.
struct OpenConnection(Arc<Metrics>);

impl OpenConnection {
    fn new(metrics: Arc<Metrics>) -> OpenConnection {
        metrics.connections_accepted.inc();
        metrics.connections.inc();
        OpenConnection(metrics)
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.connections.dec();
    }
}

/// Waits for a free slot and accepts the next connection. Cancel-safe; `failures` counts consecutive failures across calls.
async fn accept(
    listener: &Listener,
    slots: &Arc<Semaphore>,
    metrics: &Metrics,
    failures: &mut u32,
) -> ((stream::Socket, Option<IpAddr>), Option<OwnedSemaphorePermit>) {
    const MIN_RETRY_INTERVAL: Duration = Duration::from_millis(5);
    const MAX_RETRY_INTERVAL: Duration = Duration::from_secs(1);
    // The semaphore is never closed, so this always returns a permit.
    let slot = Arc::clone(slots).acquire_owned().await.ok();
    loop {
        match listener.accept().await {
            Ok(client) => return (client, slot),
            // The client disconnected while it was queued.
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            // Out of file descriptors or memory. Connections that end free some; without a pause this would be a busy loop.
            Err(error) => {
                if *failures == 0 {
                    tracing::warn!(%error, "cannot accept connections");
                }
                metrics.accept_failures.inc();
                let pause = MIN_RETRY_INTERVAL * 2_u32.saturating_pow(*failures);
                *failures = (*failures + 1).min(10);
                sleep(pause.min(MAX_RETRY_INTERVAL)).await;
            }
        }
    }
}

/// Logs a panic. Errors and timeouts of a connection concern only its client.
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
