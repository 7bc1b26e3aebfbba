//! The server's options: limits, the clock, and what all connections share.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;

use super::access_log::AccessLog;
use super::budget::Budgets;
use crate::config::{self, Proxies};
use crate::metrics::Metrics;
use crate::snapshot::ResourceKind;

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

    pub(super) async fn verify(&self, route: &str, kind: ResourceKind) -> bool {
        (self.0)(route, kind).await
    }
}

/// Nothing of the last run is shown.
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
    pub metrics: Arc<Metrics>,
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
            metrics: Arc::default(),
            first: None,
            verify: SavedCheck::default(),
        }
    }
}
