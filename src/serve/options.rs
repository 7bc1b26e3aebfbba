//! The server's options: limits, the clock, and what all connections share.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;

use super::access_log::AccessLog;
use super::archives::ArchiveSource;
use super::budget::Budgets;
use super::change_log::ChangeLog;
use super::document_cache::DocumentCache;
use super::hub::HubEndpoint;
use crate::config::{self, Proxies};
use crate::metrics::{MemoryCounter, Metrics};
use crate::snapshot::ResourceKind;

/// The memory of documents, unless the daemon supplies another cache.
const MAX_DOCUMENT_BYTES: usize = 1 << 28;

/// Verifies a document saved by the previous run, by route and kind, before it is served.
#[derive(Clone)]
pub struct SavedCheck(Arc<Check>);

type Check = dyn Fn(&str, ResourceKind) -> Verification + Send + Sync;

/// The pending result of a [`SavedCheck`]. Must resolve within a few seconds.
pub type Verification = Pin<Box<dyn Future<Output = bool> + Send>>;

impl SavedCheck {
    /// Calls `check` for each requested document.
    pub fn new(check: impl Fn(&str, ResourceKind) -> Verification + Send + Sync + 'static) -> SavedCheck {
        SavedCheck(Arc::new(check))
    }

    pub(super) async fn verify(&self, route: &str, kind: ResourceKind) -> bool {
        (self.0)(route, kind).await
    }
}

/// Refuses every saved document.
impl Default for SavedCheck {
    fn default() -> SavedCheck {
        SavedCheck::new(|_, _| Box::pin(std::future::ready(false)))
    }
}

impl fmt::Debug for SavedCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SavedCheck")
    }
}

/// Limits, the clock, and what all connections share.
#[derive(Clone, Debug)]
pub struct ServeOptions {
    /// The current time. Becomes the Date field of every response.
    pub now: fn() -> Timestamp,
    /// How long a client may take to send the head of a request, and how long a connection may be idle between requests.
    pub header_timeout: Duration,
    /// How long a client may read nothing of a response. The kernel reports progress once half of its 128 kB buffer has been
    /// sent, so clients slower than about 2 kB/s time out.
    pub write_timeout: Duration,
    /// How long responses under way may take once the server stops. Then their connections are closed.
    pub stop_timeout: Duration,
    /// Connections open at a time, a file descriptor each. Further ones wait in the kernel's queue.
    pub max_connections: usize,
    /// Media files open at a time, a file descriptor each. Further requests get 503.
    pub max_files: usize,
    /// Whether HTTP/2 is accepted in clear text.
    pub http2: bool,
    /// Proxies whose statements about clients are trusted.
    pub proxies: Proxies,
    /// Host names accepted by the admin listener, besides `localhost` and IP addresses.
    pub admin_hosts: Vec<String>,
    /// Documents in memory.
    pub documents: Arc<DocumentCache>,
    /// Limits on repeated unconditional requests.
    pub budgets: Arc<Budgets>,
    /// The access log, if one is configured.
    pub access_log: Option<Arc<AccessLog>>,
    /// The metrics that requests update.
    pub metrics: Arc<Metrics>,
    /// Whether the first snapshot has been published. Until then, requests on inherited sockets wait unless a saved document
    /// answers them.
    pub first_publication: Option<watch::Receiver<bool>>,
    /// Called before a document saved by the previous run is served.
    pub verify: SavedCheck,
    /// Says what archives of feeds contain.
    pub archives: ArchiveSource,
    /// The built-in WebSub hub.
    pub hub: Option<HubEndpoint>,
    /// The changes of feeds.
    pub changes: Option<Arc<ChangeLog>>,
}

impl ServeOptions {
    /// The daemon's default limits, with the given clock.
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
            documents: Arc::new(DocumentCache::new(MAX_DOCUMENT_BYTES, MemoryCounter::default(), |_| {})),
            budgets: Arc::new(Budgets::new(config::Budget { per_hour: 0, exempt: Vec::new() })),
            access_log: None,
            metrics: Arc::default(),
            first_publication: None,
            verify: SavedCheck::default(),
            archives: ArchiveSource::default(),
            hub: None,
            changes: None,
        }
    }
}
