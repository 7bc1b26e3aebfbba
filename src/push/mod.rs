//! Pushes changes to subscribers: the built-in WebSub hub, and pings to hubs of other operators. What is sent to whom and when is decided
//! in [`crate::websub`].
//!
//! # Which file contains what?
//!
//! - `owner`: the task that owns the state machines, starts their requests and stores their changes
//! - `callbacks`: verifications and deliveries
//! - `canary`: requests of and to canary subscriptions
//! - `client`: HTTP clients, and the check of callbacks' addresses
//! - `documents`: the topics, as a GET would return them
//!
//! # Why has it a thread of its own?
//!
//! Thousands of deliveries take at most one core from readers and publications. Host names are resolved on the threads of its own runtime,
//! so subscribers with slow name servers don't occupy those that read articles.
//!
//! # What does a retraction do?
//!
//! Nothing waits here but references, so later attempts send the new version. Attempts under way that may contain the old text are aborted.

mod callbacks;
mod canary;
mod client;
mod documents;
mod owner;

use std::collections::BTreeSet;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use arc_swap::ArcSwap;
use bytes::Bytes;
use jiff::Timestamp;
use tokio::sync::{Notify, mpsc, oneshot};

use crate::config::Config;
use crate::event::{Delivery, Event};
use crate::metrics::Metrics;
use crate::snapshot::{Resource, Snapshot};
use crate::websub::{Change, HubRequest, Refusal, Saved};

/// Threads that resolve host names, read documents and store changes.
const BLOCKING_THREADS: usize = 16;
/// The requests of subscribers that wait for the owner.
const MAX_WAITING_REQUESTS: usize = 256;

/// Reads the bytes of a published document by its route.
pub type DocumentReader = Box<dyn Fn(&str, &Arc<Resource>) -> io::Result<Bytes> + Send + Sync>;

type Load = Box<dyn Fn() -> Result<Saved, String> + Send + Sync>;
type Save = Box<dyn Fn(&[Change]) -> Result<(), String> + Send + Sync>;

/// Loads and saves the state that survives a restart. Both functions may block.
pub struct Records {
    /// Loads what the previous run stored.
    pub load: Load,
    /// Makes changes durable.
    pub save: Save,
}

impl std::fmt::Debug for Records {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Records")
    }
}

/// The daemon's services for pushing.
pub struct PushOptions {
    /// The configuration in force.
    pub config: Arc<ArcSwap<Config>>,
    /// The documents that readers see.
    pub snapshot: Arc<ArcSwap<Snapshot>>,
    /// Reads published documents.
    pub read: DocumentReader,
    /// The durable state.
    pub records: Records,
    /// The metrics to update.
    pub metrics: Arc<Metrics>,
    /// Takes reports of hubs that don't deliver.
    pub events: mpsc::Sender<Event>,
    /// The current time.
    pub now: fn() -> Timestamp,
}

impl std::fmt::Debug for PushOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PushOptions")
    }
}

/// Sends publications and requests to the owner.
#[derive(Clone, Debug)]
pub struct PushHandle {
    news: Arc<News>,
    requests: mpsc::Sender<PendingRequest>,
    tokens: Tokens,
}

/// The last segments of canary subscriptions' callbacks.
type Tokens = Arc<ArcSwap<BTreeSet<Arc<str>>>>;

type PendingRequest = (HubRequest, oneshot::Sender<Result<Option<String>, Refusal>>);

/// Publications that the owner hasn't seen.
#[derive(Debug, Default)]
struct News {
    waiting: Mutex<Changed>,
    arrived: Notify,
}

/// The documents that changed.
#[derive(Debug, Default)]
struct Changed {
    /// Whether any document may have changed.
    all: bool,
    routes: BTreeSet<Arc<str>>,
    /// The documents from which something was withheld.
    withheld: BTreeSet<Arc<str>>,
}

impl News {
    fn lock(&self) -> MutexGuard<'_, Changed> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PushHandle {
    /// Notes that readers see changed documents.
    pub fn note_publication(&self, delivery: &Delivery) {
        let route = |path: &Arc<str>| Arc::<str>::from(format!("/{path}"));
        let mut waiting = self.news.lock();
        waiting.all |= delivery.complete;
        if !delivery.complete {
            waiting.routes.extend(delivery.documents.iter().map(|(path, _)| route(path)));
        }
        waiting.withheld.extend(delivery.withheld.iter().map(route));
        drop(waiting);
        self.news.arrived.notify_one();
    }

    /// Whether a canary subscription has a callback with this last segment.
    pub fn has_canary(&self, token: &str) -> bool {
        self.tokens.load().contains(token)
    }

    /// Asks the hub. A subscriber's request is accepted before its intent is verified.
    ///
    /// # Errors
    /// Why the request is refused.
    pub async fn ask(&self, request: HubRequest) -> Result<Option<String>, Refusal> {
        let busy = || Refusal { status: 503, reason: "the hub is busy; try again later".to_owned() };
        let (answer, answered) = oneshot::channel();
        self.requests.try_send((request, answer)).map_err(|_| busy())?;
        answered.await.unwrap_or_else(|_| Err(busy()))
    }
}

/// The thread that pushes. It ends when this is dropped.
#[derive(Debug)]
pub struct Push {
    handle: PushHandle,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Push {
    /// Starts the thread.
    ///
    /// # Errors
    /// If the system can't start a thread.
    pub fn start(options: PushOptions) -> io::Result<Push> {
        let news = Arc::new(News::default());
        let (requests, inbox) = mpsc::channel(MAX_WAITING_REQUESTS);
        let (stop, stopped) = oneshot::channel();
        let tokens = Tokens::default();
        let handle = PushHandle { news: Arc::clone(&news), requests, tokens: Arc::clone(&tokens) };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .max_blocking_threads(BLOCKING_THREADS)
            .build()?;
        let work = move || {
            runtime.block_on(owner::run(options, tokens, news, inbox, stopped));
            // Resolvers that hang don't keep the daemon from stopping.
            runtime.shutdown_background();
        };
        let thread = std::thread::Builder::new().name("push".into()).spawn(work)?;
        Ok(Push { handle, stop: Some(stop), thread: Some(thread) })
    }

    /// Sends publications and requests to the thread.
    pub fn handle(&self) -> PushHandle {
        self.handle.clone()
    }
}

impl Drop for Push {
    /// Aborts what is under way, and waits until the results of what has ended are stored.
    fn drop(&mut self) {
        drop(self.stop.take());
        self.thread.take().map(JoinHandle::join);
    }
}
