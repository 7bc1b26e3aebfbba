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
use std::fs::File;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::Bytes;
use jiff::Timestamp;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::{AbortHandle, Id, JoinError, JoinSet};
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use crate::config::{self, Proxies};
use crate::metrics::Metrics;
use crate::snapshot::{PublishedArticle, Resource, ResourceKind, Snapshot};
use crate::types::ArticlePath;
use timeouts::{ConnectionPhase, Limits, Looks};

mod access_log;
mod admin;
pub mod answer;
mod budget;
mod coding;
pub mod conditional;
mod connection;
pub mod forwarded;
mod listen;
mod media;
pub mod negotiate;
mod pages;
mod range;
pub mod respond;
mod stream;
mod target;
mod timeouts;
mod tls;
mod workers;

pub use access_log::AccessLog;
pub use budget::Budgets;
pub use listen::{Audience, Listener};
pub use pages::Freshness;
pub use tls::Tls;
pub use workers::Wanted;

/// What a request needs that is not in memory.
#[derive(Clone, Debug)]
pub enum DiskRequest {
    /// The page of an article, rendered.
    Article(Arc<PublishedArticle>),
    /// A file that a published article refers to.
    Media(ArticlePath),
    /// The bytes of a document that are not in memory, with its route.
    Document(Arc<str>, Arc<Resource>),
    /// Nothing. More of this document is in memory than before, and something else may have to go.
    Room(Arc<Resource>),
}

/// What came of a [`DiskRequest`].
#[derive(Debug)]
pub enum DiskResponse {
    /// A document, answered like those of the snapshot, and whether it may be shown again.
    Page(Arc<Resource>, Freshness),
    /// A file, opened.
    File {
        /// Read from where it stands.
        file: File,
        /// Its size (bytes).
        length: u64,
        /// When it was last written, where the file system says so.
        modified: Option<Timestamp>,
    },
    /// The bytes of a document.
    Document(Bytes),
    /// There is room for what is in memory.
    Room,
}

/// Says of a document of the last run, by its route and kind, whether it may still be shown.
#[derive(Clone)]
pub struct SavedCheck(Arc<Check>);

type Check = dyn Fn(&str, ResourceKind) -> Verification + Send + Sync;

/// The answer of a [`SavedCheck`], which must come soon.
pub type Verification = Pin<Box<dyn Future<Output = bool> + Send>>;

impl SavedCheck {
    /// What to ask of each document.
    pub fn new(check: impl Fn(&str, ResourceKind) -> Verification + Send + Sync + 'static) -> SavedCheck {
        SavedCheck(Arc::new(check))
    }

    async fn verify(&self, route: &str, kind: ResourceKind) -> bool {
        (self.0)(route, kind).await
    }
}

/// Nothing of the last run is shown.
impl Default for SavedCheck {
    fn default() -> SavedCheck {
        SavedCheck::new(|_, _| Box::pin(std::future::ready(false)))
    }
}

impl std::fmt::Debug for SavedCheck {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SavedCheck")
    }
}

/// Limits, the clock, and what all connections have in common.
#[derive(Clone, Debug)]
pub struct ServeOptions {
    /// What time it is: Date in every answer.
    pub now: fn() -> Timestamp,
    /// How long a client may take for the head of a request; also how long a connection may be idle between two.
    pub header_timeout: Duration,
    /// How long a client may take nothing of a response. The kernel says that it took something once it took half of what the kernel
    /// keeps, which is 128 kB: whoever is slower than 2 kB/s is too slow.
    pub write_timeout: Duration,
    /// How long responses under way may take once the server stops; what is left then is cut off.
    pub stop_timeout: Duration,
    /// Connections at a time. More wait in the kernel's queue until one ends. Each takes a file descriptor.
    pub max_connections: usize,
    /// Media files that are open at a time; more are answered 503. Each takes a descriptor of its own.
    pub max_files: usize,
    /// Whether HTTP/2 is spoken in clear text.
    pub http2: bool,
    /// Whose word counts about where requests come from.
    pub proxies: Proxies,
    /// The names that operators' requests may have, besides `localhost` and addresses.
    pub admin_hosts: Vec<String>,
    /// Who took what it had already.
    pub budgets: Arc<Budgets>,
    /// Where requests are logged.
    pub access_log: Option<Arc<AccessLog>>,
    /// What is counted.
    pub meters: Arc<Metrics>,
    /// Whether anything is published yet. Until then, requests on sockets that others hold open wait where what the last run published
    /// does not answer them, instead of being told that there is nothing.
    pub first: Option<watch::Receiver<bool>>,
    /// Asked before a document of the last run is shown.
    pub verify: SavedCheck,
}

impl ServeOptions {
    /// The limits of the daemon, with its clock.
    pub fn new(now: fn() -> Timestamp) -> ServeOptions {
        ServeOptions {
            now,
            header_timeout: Duration::from_secs(10),
            write_timeout: Duration::from_secs(60),
            stop_timeout: Duration::from_secs(10),
            max_connections: 20_000,
            max_files: 1_024,
            http2: false,
            proxies: Proxies::default(),
            admin_hosts: Vec::new(),
            budgets: Arc::new(Budgets::new(config::Budget { per_hour: 0, exempt: Vec::new() })),
            access_log: None,
            meters: Arc::default(),
            first: None,
            verify: SavedCheck::default(),
        }
    }
}

/// Connections of operators at a time: readers, however many, do not take them.
const ADMIN_CONNECTIONS: usize = 64;

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
    D: Fn(DiskRequest, &Wanted) -> io::Result<DiskResponse> + Send + Sync + 'static,
{
    let slots = Arc::new(Semaphore::new(options.max_connections));
    let shared = Arc::new(connection::Shared::new(snapshot, disk, options));
    let (stopping, stopped) = watch::channel(());
    let mut loops = JoinSet::new();
    for listener in listeners {
        let slots = match listener.audience() {
            Audience::Admin => Arc::new(Semaphore::new(ADMIN_CONNECTIONS)),
            Audience::Public | Audience::Secure(_) => Arc::clone(&slots),
        };
        loops.spawn(take_clients(listener, Arc::clone(&shared), slots, stopped.clone()));
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
async fn take_clients<D>(
    listener: Listener,
    shared: Arc<connection::Shared<D>>,
    slots: Arc<Semaphore>,
    mut stopped: watch::Receiver<()>,
) where
    D: Fn(DiskRequest, &Wanted) -> io::Result<DiskResponse> + Send + Sync + 'static,
{
    let for_operators = matches!(listener.audience(), Audience::Admin);
    let meters = Arc::clone(&shared.options.meters);
    let limits = Limits::new(&shared.options, for_operators);
    let looks = Arc::new(Looks::default());
    let mut look = interval(limits.pause);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut standings: HashMap<Id, (Arc<ConnectionPhase>, AbortHandle)> = HashMap::new();
    let mut connections = JoinSet::new();
    let (ending, ended) = watch::channel(());
    let mut refusals = 0;
    loop {
        tokio::select! {
            biased;
            _ = stopped.changed() => break,
            Some(ended) = connections.join_next_with_id() => {
                standings.remove(&notice(ended));
            }
            _ = look.tick() => {
                looks.next();
                let overdue = standings.values().filter(|(standing, _)| standing.is_overdue(&limits));
                overdue.for_each(|(_, connection)| connection.abort());
            }
            (client, slot) = accept(&listener, &slots, &meters, &mut refusals) => {
                refusals = 0;
                let standing = Arc::new(ConnectionPhase::new(&looks));
                let audience = listener.audience().clone();
                let door = connection::Door { audience, is_inherited: listener.is_inherited() };
                let connection =
                    connection::serve(client, door, Arc::clone(&standing), Arc::clone(&shared), ended.clone());
                let counted = Counted::new(Arc::clone(&meters));
                let connection = connections.spawn(async move {
                    connection.await;
                    drop((slot, counted));
                });
                standings.insert(connection.id(), (standing, connection));
            }
        }
    }
    // First of all, so that a successor can have the address and clients whose connections end then try elsewhere.
    drop(listener);
    drop(ending);
    let drained = timeout(shared.options.stop_timeout, async {
        while let Some(ended) = connections.join_next_with_id().await {
            notice(ended);
        }
    });
    if drained.await.is_err() {
        tracing::warn!(connections = connections.len(), "closed connections of slow clients");
        connections.shutdown().await;
    }
}

/// An open connection, counted until it is dropped, however it ends.
struct Counted(Arc<Metrics>);

impl Counted {
    fn new(meters: Arc<Metrics>) -> Counted {
        meters.accepted.inc();
        meters.connections.inc();
        Counted(meters)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.connections.dec();
    }
}

/// The next connection, once there is a slot for it. It may be dropped and called again at any point; how often in a row there was none
/// to be had outlives that.
async fn accept(
    listener: &Listener,
    slots: &Arc<Semaphore>,
    meters: &Metrics,
    refusals: &mut u32,
) -> ((stream::Socket, Option<IpAddr>), Option<OwnedSemaphorePermit>) {
    const FIRST_PAUSE: Duration = Duration::from_millis(5);
    const LONGEST_PAUSE: Duration = Duration::from_secs(1);
    // Nobody closes the semaphore, so there is always a permit in the end.
    let slot = Arc::clone(slots).acquire_owned().await.ok();
    loop {
        match listener.accept().await {
            Ok(client) => return (client, slot),
            // The client hung up while it waited in the queue.
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            // Out of file descriptors or memory. Others end meanwhile; without a pause this would be a busy loop.
            Err(error) => {
                if *refusals == 0 {
                    tracing::warn!(%error, "cannot accept connections");
                }
                meters.refused.inc();
                let pause = FIRST_PAUSE * 2_u32.saturating_pow(*refusals);
                *refusals = (*refusals + 1).min(10);
                sleep(pause.min(LONGEST_PAUSE)).await;
            }
        }
    }
}

/// A connection's own troubles end with it and are no news, nor is that its client took too long; a panic is.
fn notice(ended: Result<(Id, ()), JoinError>) -> Id {
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
