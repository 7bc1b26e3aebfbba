//! HTTP/1.1: the accept loop, its limits and its end.
//!
//! ```text
//! run ─ connection ─ respond ─ answer ─ conditional, negotiate        what a request gets: pure
//!                  └ coding, media                                    bytes: on threads that may block
//! ```
//!
//! A request loads the snapshot once. What the snapshot does not hold in memory (article pages, media files) comes from the
//! one function that [`run`] is given; this module knows neither the content directory nor the engine.

use std::fs::File;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use jiff::Timestamp;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::{JoinError, JoinSet};
use tokio::time::{sleep, timeout};

use crate::snapshot::{PublishedArticle, Resource, Snapshot};
use crate::types::ArticlePath;

pub mod answer;
mod coding;
pub mod conditional;
mod connection;
mod media;
pub mod negotiate;
mod range;
pub mod respond;
mod target;

/// What a request needs that is not in memory.
#[derive(Clone, Debug)]
pub enum Demand {
    /// The page of an article, rendered.
    Article(Arc<PublishedArticle>),
    /// A file that a published article refers to.
    Media(ArticlePath),
}

/// What came of a [`Demand`].
#[derive(Debug)]
pub enum Supply {
    /// A document, answered like those of the snapshot.
    Page(Arc<Resource>),
    /// A file, opened.
    File {
        /// Read from where it stands.
        file: File,
        /// Its size (bytes).
        length: u64,
        /// When it was last written, where the file system says so.
        modified: Option<Timestamp>,
    },
}

/// Limits, and the clock.
#[derive(Clone, Copy, Debug)]
pub struct ServeOptions {
    /// What time it is: Date in every answer.
    pub now: fn() -> Timestamp,
    /// How long a client may take for the head of a request; also how long a connection may be idle between two.
    pub header_timeout: Duration,
    /// How long a client may take no byte of a response.
    pub write_timeout: Duration,
    /// How long responses under way may take once the server stops; what is left then is cut off.
    pub stop_timeout: Duration,
    /// Connections at a time. More wait in the kernel's queue until one ends. Each takes a file descriptor.
    pub max_connections: usize,
}

impl ServeOptions {
    /// The limits of the daemon, with its clock.
    pub fn new(now: fn() -> Timestamp) -> ServeOptions {
        ServeOptions {
            now,
            header_timeout: Duration::from_secs(10),
            write_timeout: Duration::from_secs(30),
            stop_timeout: Duration::from_secs(10),
            max_connections: 20_000,
        }
    }
}

/// Serves the snapshot of the moment on a listener until `stop` completes, and returns when the last connection is closed,
/// at the latest `options.stop_timeout` later.
///
/// `disk` is called on threads that may block. `NotFound` becomes 404, any other error 503, a panic 500.
pub async fn run<D>(
    listener: TcpListener,
    snapshot: Arc<ArcSwap<Snapshot>>,
    disk: Arc<D>,
    options: ServeOptions,
    stop: impl Future<Output = ()>,
) where
    D: Fn(Demand) -> io::Result<Supply> + Send + Sync + 'static,
{
    let shared = Arc::new(connection::Shared { snapshot, disk, options });
    let slots = Arc::new(Semaphore::new(options.max_connections));
    let (stopping, stopped) = watch::channel(());
    let mut connections = JoinSet::new();
    let mut stop = std::pin::pin!(stop);
    loop {
        tokio::select! {
            biased;
            () = &mut stop => break,
            Some(ended) = connections.join_next() => notice(ended),
            (stream, slot) = accept(&listener, &slots) => {
                let connection = connection::serve(stream, Arc::clone(&shared), stopped.clone());
                connections.spawn(async move {
                    connection.await;
                    drop(slot);
                });
            }
        }
    }
    // First of all, so that a successor can have the address and clients try elsewhere.
    drop(listener);
    drop(stopping);
    let drained = timeout(options.stop_timeout, async {
        while let Some(ended) = connections.join_next().await {
            notice(ended);
        }
    });
    if drained.await.is_err() {
        tracing::warn!(connections = connections.len(), "connections were cut off: their clients are too slow");
        connections.shutdown().await;
    }
}

/// The next connection, once there is a slot for it. It may be dropped and called again at any point.
async fn accept(listener: &TcpListener, slots: &Arc<Semaphore>) -> (TcpStream, Option<OwnedSemaphorePermit>) {
    const FIRST_PAUSE: Duration = Duration::from_millis(5);
    const LONGEST_PAUSE: Duration = Duration::from_secs(1);
    // Nobody closes the semaphore, so there is always a permit in the end.
    let slot = Arc::clone(slots).acquire_owned().await.ok();
    let mut pause = FIRST_PAUSE;
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return (stream, slot),
            // The client hung up while it waited in the queue.
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            // Out of file descriptors or memory. Others end meanwhile; without a pause this would be a busy loop.
            Err(error) => {
                tracing::warn!(%error, "cannot accept connections");
                sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        }
    }
}

/// A connection's own troubles end with it and are no news; a panic is.
fn notice(ended: Result<(), JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "a connection ended in a panic");
    }
}

#[cfg(test)]
mod tests;
