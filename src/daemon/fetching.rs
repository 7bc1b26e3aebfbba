//! Reads the bodies that the engine asked for, on threads of its own, and finds dormant articles in the store.
//!
//! # When does a read count as hung?
//!
//! A fetch measures progress instead of total time. If no body arrives for some seconds, the reads under way are reported as unreadable for
//! now. They continue, and a body that arrives late is sent to the engine, too.
//!
//! # How much memory do bodies need?
//!
//! The engine takes one batch at a time. While a batch waits, at most [`MAX_WAITING_BODIES`] more are in memory, and then the reading
//! threads wait.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Semaphore, mpsc};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::bodies;
use crate::beneath::Roots;
use crate::config::Config;
use crate::diagnostics::{Code, Diagnostic, Place};
use crate::event::{BodyRequest, DormantQuery, Event, FetchedBody, StoredVersion, UnfetchedBody};
use crate::ledger::ArticleFacts;
use crate::parallel;
use crate::store::{NOT_RESPONDING, StoreHandle};
use crate::types::{ArticlePath, ContentHash};
use crate::watch::fetch::fetch_from;

/// The longest time that a body waits for others of its batch. Larger batches complete more of a feed at once.
const MAX_BATCH_DELAY: Duration = Duration::from_secs(1);
/// The interval at which a fetch checks for progress.
const PROGRESS_CHECK_INTERVAL: Duration = Duration::from_secs(1);
/// Reads are late after this many checks in a row without progress. A process that was suspended or
/// had no processor misses only one check; a single long timeout would mistake that for a hung read.
const MAX_IDLE_CHECKS: u32 = 8;
/// A batch is sent as soon as its files have this many bytes.
const MAX_ARRIVED_BYTES: usize = 32 << 20;
/// The number of bodies that wait for the next batch. Then the reading threads pause.
const MAX_WAITING_BODIES: usize = 64;
/// No further reads start while this many hang. A dead mount hangs all of them.
const MAX_HUNG_READS: usize = 32;

/// The reads of all fetches that haven't ended.
#[derive(Clone, Debug, Default)]
pub(super) struct Reads(Arc<Mutex<BTreeSet<Version>>>);

/// A body, or the reason why it couldn't be read.
type Body = Result<FetchedBody, Box<UnfetchedBody>>;

/// A requested version: path, hash, and whether readers will see the text.
type Version = (ArticlePath, ContentHash, bool);

fn request(body: &Body) -> &BodyRequest {
    body.as_ref().map_or_else(|missing| &missing.request, |body| &body.request)
}

/// Returns the size of the file in bytes. The memory that its body needs is proportional to it.
fn bytes(body: &Body) -> usize {
    body.as_ref().ok().and_then(|body| body.source.as_deref()).map_or(0, <[u8]>::len)
}

fn version(request: &BodyRequest) -> Version {
    (request.path.clone(), request.hash, request.shown)
}

impl Reads {
    fn lock(&self) -> MutexGuard<'_, BTreeSet<Version>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request of the engine for bodies.
pub(super) struct Fetch {
    roots: Roots,
    config: Arc<Config>,
    store: StoreHandle,
    reads: Reads,
    /// Bodies that no thread reads yet.
    queue: Arc<Mutex<VecDeque<BodyRequest>>>,
    /// Bodies that the engine has no answer for yet.
    outstanding: BTreeSet<BodyRequest>,
    /// Bodies that were reported as unreadable for now, while a thread still reads them.
    late: BTreeSet<BodyRequest>,
    /// The next batch.
    arrived: Vec<Body>,
    /// The size of the batch's files.
    arrived_bytes: usize,
    read: mpsc::Sender<Body>,
    bodies: mpsc::Sender<Event>,
}

impl Fetch {
    /// Reads bodies and sends them to the engine in batches.
    pub(super) async fn run(
        roots: Roots,
        config: Arc<Config>,
        store: StoreHandle,
        reads: Reads,
        requests: Vec<BodyRequest>,
        bodies: mpsc::Sender<Event>,
    ) {
        // Another fetch is still reading the first part.
        let (hung, fresh): (Vec<_>, Vec<_>) = {
            let under_way = reads.lock();
            requests.into_iter().partition(|request| under_way.contains(&version(request)))
        };
        let (read, mut inbox) = mpsc::channel(MAX_WAITING_BODIES);
        let workers = parallel::core_count().min(fresh.len());
        let mut fetch = Fetch {
            roots,
            config,
            store,
            reads,
            outstanding: fresh.iter().cloned().collect(),
            late: BTreeSet::new(),
            queue: Arc::new(Mutex::new(fresh.into())),
            arrived: Vec::new(),
            arrived_bytes: 0,
            read,
            bodies,
        };
        fetch.give_up(hung);
        (0..workers).for_each(|_| fetch.start_worker());
        let (mut last_batch, mut idle_checks) = (Instant::now(), 0);
        loop {
            match timeout(PROGRESS_CHECK_INTERVAL, inbox.recv()).await {
                Ok(Some(body)) => {
                    idle_checks = 0;
                    fetch.add(body);
                    while fetch.arrived_bytes < MAX_ARRIVED_BYTES
                        && let Ok(body) = inbox.try_recv()
                    {
                        fetch.add(body);
                    }
                }
                Ok(None) => return,
                Err(_) => {
                    idle_checks += 1;
                    if idle_checks == MAX_IDLE_CHECKS {
                        idle_checks = 0;
                        fetch.replace_hung_reads(workers);
                    }
                }
            }
            let is_answered = fetch.outstanding.is_empty();
            let is_full = fetch.arrived_bytes >= MAX_ARRIVED_BYTES;
            if is_answered || is_full || last_batch.elapsed() >= MAX_BATCH_DELAY {
                last_batch = Instant::now();
                fetch.send_batch().await;
            }
            if is_answered && fetch.late.is_empty() {
                return;
            }
        }
    }

    /// Adds a body that arrived to the next batch.
    fn add(&mut self, body: Body) {
        self.outstanding.remove(request(&body));
        self.late.remove(request(&body));
        self.arrived_bytes += bytes(&body);
        self.arrived.push(body);
    }

    /// Starts a thread that reads until the queue is empty. A read that hangs for ever ends with the process.
    fn start_worker(&self) {
        let (roots, config, reads) = (self.roots.clone(), Arc::clone(&self.config), self.reads.clone());
        let (queue, read) = (Arc::clone(&self.queue), self.read.clone());
        let work = move || {
            let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
            while let Some(request) = next() {
                reads.lock().insert(version(&request));
                let body = fetch_from(&roots, &request, &config);
                reads.lock().remove(&version(&request));
                // The receiver is gone if the daemon is stopping.
                if read.blocking_send(body).is_err() {
                    return;
                }
            }
        };
        if let Err(error) = std::thread::Builder::new().name("fetch".into()).spawn(work) {
            tracing::error!(%error, "cannot start a thread that reads bodies; retrying");
        }
    }

    /// Gives up the reads under way for now, and starts other threads for the rest of the queue.
    fn replace_hung_reads(&mut self, workers: usize) {
        let under_way = self.reads.lock().clone();
        let (late, mut waiting): (Vec<_>, Vec<_>) = std::mem::take(&mut self.outstanding)
            .into_iter()
            .partition(|request| under_way.contains(&version(request)));
        self.late.extend(late.iter().cloned());
        self.give_up(late);
        if waiting.is_empty() {
            return;
        }
        if under_way.len() < MAX_HUNG_READS {
            (0..workers).for_each(|_| self.start_worker());
        } else {
            self.queue.lock().unwrap_or_else(PoisonError::into_inner).clear();
            self.give_up(std::mem::take(&mut waiting));
        }
        self.outstanding = waiting.into_iter().collect();
    }

    /// Reports bodies as unreadable, so that documents don't wait for them.
    fn give_up(&mut self, requests: Vec<BodyRequest>) {
        for request in requests {
            let diagnostic = Diagnostic::new(Code::ArticleUnreadable, "reading the file takes too long")
                .at(Place::file(&self.config.file_name(&request.path)))
                .help("see whether its disk or network file system answers");
            self.arrived.push(Err(Box::new(UnfetchedBody { request, problem: Some(diagnostic) })));
        }
    }

    /// Completes and renders the bodies that arrived, and sends them to the engine.
    async fn send_batch(&mut self) {
        if self.arrived.is_empty() {
            return;
        }
        let (roots, config, store) = (self.roots.clone(), Arc::clone(&self.config), self.store.clone());
        let arrived = std::mem::take(&mut self.arrived);
        self.arrived_bytes = 0;
        let requests: Vec<BodyRequest> = arrived.iter().map(request).cloned().collect();
        let completed = spawn_blocking(move || bodies::complete(&roots, &config, &store, arrived, true));
        let (fetched, unfetched) = completed.await.unwrap_or_else(|error| {
            tracing::error!(%error, "reading bodies failed; retrying");
            (Vec::new(), requests.into_iter().map(|request| UnfetchedBody { request, problem: None }).collect())
        });
        for (is_empty, event) in
            [(fetched.is_empty(), Event::Fetched(fetched)), (unfetched.is_empty(), Event::Unfetched(unfetched))]
        {
            if !is_empty {
                // The receiver is gone if the daemon is stopping.
                self.bodies.send(event).await.unwrap_or_default();
            }
        }
    }
}

/// The time that the store has to load a batch of versions before the engine continues without them.
const LOAD_STORED_TIMEOUT: Duration = Duration::from_secs(60);

/// Loads published versions from the store and sends them to the engine in batches. A late batch is sent again when it arrives.
pub(super) async fn load_stored(
    roots: Roots,
    config: Arc<Config>,
    store: StoreHandle,
    requests: Vec<BodyRequest>,
    bodies: mpsc::Sender<Event>,
) {
    for requests in requests.chunks(bodies::MAX_LOADED_FILES) {
        let (roots, config, store, batch) = (roots.clone(), Arc::clone(&config), store.clone(), requests.to_vec());
        let mut work = spawn_blocking(move || bodies::load_stored(&roots, &config, &store, batch));
        let missing =
            || requests.iter().map(|request| StoredVersion { request: request.clone(), article: None }).collect();
        let (versions, is_late) = match timeout(LOAD_STORED_TIMEOUT, &mut work).await {
            Ok(Ok(versions)) => (versions, false),
            Ok(Err(_)) => (missing(), false),
            Err(_) => (missing(), true),
        };
        bodies.send(Event::StoredVersion(versions)).await.unwrap_or_default();
        if is_late && let Ok(versions) = work.await {
            bodies.send(Event::StoredVersion(versions)).await.unwrap_or_default();
        }
    }
}

/// The time that the store has to find dormant articles. After that the engine gets an error and asks again.
const FIND_DORMANT_TIMEOUT: Duration = Duration::from_secs(5);

/// Finds dormant articles in the store and sends them to the engine. `permits` has one permit, so a disk that hangs blocks one thread. A
/// late answer is sent too, because reading a large log takes longer than the engine should wait.
pub(super) async fn find_dormant(
    store: StoreHandle,
    query: DormantQuery,
    unwritten: Vec<(ArticlePath, ArticleFacts)>,
    permits: Arc<Semaphore>,
    events: mpsc::Sender<Event>,
) {
    // The receiver is gone if the daemon is stopping.
    let send = async |found| events.send(Event::DormantFound(query.clone(), found)).await.unwrap_or_default();
    let not_responding = || Err(NOT_RESPONDING.to_owned());
    let Ok(permit) = timeout(FIND_DORMANT_TIMEOUT, permits.acquire_owned()).await else {
        return send(not_responding()).await;
    };
    let task_query = query.clone();
    // The next look-up begins after the answer to this one was sent.
    let mut work = spawn_blocking(move || (store.find_dormant(&task_query, unwritten), permit));
    let done = match timeout(FIND_DORMANT_TIMEOUT, &mut work).await {
        Ok(done) => done,
        Err(_) => {
            send(not_responding()).await;
            work.await
        }
    };
    let (found, _permit) = match done {
        Ok((found, permit)) => (found.map_err(|error| error.to_string()), Some(permit)),
        Err(error) => (Err(error.to_string()), None),
    };
    send(found).await;
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use tokio::task::JoinSet;

    use super::*;
    use crate::config;
    use crate::store::{CacheUse, StoreOwner};

    #[tokio::test]
    async fn batches_of_bodies_are_bounded() {
        const FILES: usize = 80;
        const SIZE: usize = 1 << 20;
        let folder = tempfile::tempdir().expect("a scratch directory");
        let text = format!(
            "[site]\ntitle = \"x\"\nurl = \"http://x.example/\"\ntag_authority = \"x.example,2026\"\n\
             [content]\ndirectory = \"{}\"\n",
            folder.path().display()
        );
        let config = config::parse(Path::new("dateline.toml"), text.as_bytes()).config.expect("a configuration");
        let file = vec![b'x'; SIZE];
        let request = |number: usize| {
            let path = ArticlePath::new(&format!("{number}.md"));
            std::fs::write(folder.path().join(path.as_str()), &file).expect("writable");
            BodyRequest { path, hash: ContentHash::of(&file), shown: false, links: None }
        };
        let mut requests: Vec<BodyRequest> = (0..FILES).map(request).collect();
        let gone = BodyRequest { path: ArticlePath::new("gone.md"), ..requests[0].clone() };
        requests.push(gone);
        let (bodies, mut batches) = mpsc::channel(1);
        let roots = super::super::configuration::roots(&config);
        let mut fetches = JoinSet::new();
        let store = StoreOwner::open_caches(folder.path(), CacheUse::Ignore).expect("a thread");
        fetches.spawn(Fetch::run(roots, config, store.handle(), Reads::default(), requests, bodies));
        let (mut arrived, mut missing) = (0, 0);
        while let Some(batch) = batches.recv().await {
            match batch {
                Event::Fetched(bodies) => {
                    let size = bodies.iter().map(|body| bytes(&Ok(body.clone()))).sum::<usize>();
                    assert!(size < MAX_ARRIVED_BYTES + SIZE, "{size} bytes at once");
                    arrived += bodies.len();
                }
                Event::Unfetched(bodies) => missing += bodies.len(),
                other => panic!("{other:?}"),
            }
        }
        fetches.join_next().await.expect("one was started").expect("it ends");
        assert_eq!((arrived, missing), (FILES, 1));
    }
}
