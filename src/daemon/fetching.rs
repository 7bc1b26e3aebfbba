//! Reads the bodies that the engine asked for, on threads of its own, and measures progress instead of total time: what arrived is handed
//! on, and only a read that makes no progress while nothing else arrives either is given up for the time being. It goes on, and what it
//! brings later is handed on, too.
//!
//! Texts never queue up: while what arrived is handed on, at most [`MAX_WAITING_BODIES`] wait behind it, and readers wait for these. The
//! daemon takes one batch at a time.

use std::collections::{BTreeSet, VecDeque};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Semaphore, mpsc};
use tokio::task::spawn_blocking;
use tokio::time::{sleep, timeout};

use super::builder;
use crate::beneath::Root;
use crate::config::Config;
use crate::diagnostics::{Code, Diagnostic, Place};
use crate::event::{BodyRequest, DormantQuery, Event, FetchedBody, StoredVersion, UnfetchedBody};
use crate::ledger::Remembered;
use crate::parallel;
use crate::store;
use crate::types::{ArticlePath, ContentHash};
use crate::watch::read::fetch_one;

/// What arrived is handed on at least this often: until then more arrives, and makes more of a feed complete at once.
const HAND_ON_AFTER: Duration = Duration::from_secs(1);
/// How often it is seen whether anything arrived.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// The pause after bodies arrived while others are read.
const WAKE_PAUSE: Duration = Duration::from_millis(1);
/// After so many looks in a row at which nothing had arrived, the reads under way are late. A process that was stopped, or had no
/// processor for a while, misses one of them.
const MAX_IDLE_LOOKS: u32 = 8;
/// What arrived is handed on as soon as it is so many bytes of files.
const MAX_ARRIVED_BYTES: usize = 32 << 20;
/// So many bodies that were read wait to be taken before others are read.
const MAX_WAITING_BODIES: usize = 64;
/// So many reads may hang before no further one is begun. A dead mount hangs all of them.
const MAX_HUNG_READS: usize = 32;

/// Reads that did not end yet, of all fetches.
#[derive(Clone, Debug, Default)]
pub(super) struct Reads(Arc<Mutex<BTreeSet<Version>>>);

/// A body, or why there is none.
type Body = Result<FetchedBody, Box<UnfetchedBody>>;

type Version = (ArticlePath, ContentHash, bool);

fn request(body: &Body) -> &BodyRequest {
    body.as_ref().map_or_else(|missing| &missing.request, |body| &body.request)
}

/// The size of the file, which its text in memory follows.
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

/// One fetch.
pub(super) struct Fetch {
    root: Root,
    config: Arc<Config>,
    reads: Reads,
    /// What is still to be read.
    queue: Arc<Mutex<VecDeque<BodyRequest>>>,
    /// What nobody was told of yet.
    outstanding: BTreeSet<BodyRequest>,
    /// What is read so slowly that it was given up for the time being.
    late: BTreeSet<BodyRequest>,
    /// What arrived and was not handed on yet.
    arrived: Vec<Body>,
    /// How many bytes of files that is.
    arrived_bytes: usize,
    read: mpsc::Sender<Body>,
    bodies: mpsc::Sender<Event>,
}

impl Fetch {
    /// Fetches bodies, and sends them as they come.
    pub(super) async fn run(
        root: Root,
        config: Arc<Config>,
        reads: Reads,
        requests: Vec<BodyRequest>,
        bodies: mpsc::Sender<Event>,
    ) {
        // Another fetch waits for these already.
        let (hung, fresh): (Vec<_>, Vec<_>) = {
            let under_way = reads.lock();
            requests.into_iter().partition(|request| under_way.contains(&version(request)))
        };
        let (read, mut inbox) = mpsc::channel(MAX_WAITING_BODIES);
        let workers = parallel::core_count().min(fresh.len());
        let mut fetch = Fetch {
            root,
            config,
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
        let (mut handed_on, mut idle_looks) = (Instant::now(), 0);
        loop {
            match timeout(LOOK_EVERY, inbox.recv()).await {
                Ok(Some(body)) => {
                    idle_looks = 0;
                    fetch.take(body);
                    // To be woken for each body costs more than to read a short one.
                    if !fetch.outstanding.is_empty() {
                        sleep(WAKE_PAUSE).await;
                    }
                    while fetch.arrived_bytes < MAX_ARRIVED_BYTES
                        && let Ok(body) = inbox.try_recv()
                    {
                        fetch.take(body);
                    }
                }
                Ok(None) => return,
                Err(_) => {
                    idle_looks += 1;
                    if idle_looks == MAX_IDLE_LOOKS {
                        idle_looks = 0;
                        fetch.replace_hung_reads(workers);
                    }
                }
            }
            let is_over = fetch.outstanding.is_empty();
            let is_much = fetch.arrived_bytes >= MAX_ARRIVED_BYTES;
            if is_over || is_much || handed_on.elapsed() >= HAND_ON_AFTER {
                handed_on = Instant::now();
                fetch.hand_on().await;
            }
            if is_over && fetch.late.is_empty() {
                return;
            }
        }
    }

    fn take(&mut self, body: Body) {
        self.outstanding.remove(request(&body));
        self.late.remove(request(&body));
        self.arrived_bytes += bytes(&body);
        self.arrived.push(body);
    }

    /// Reads on a thread of its own until nothing is left to be read. A read that hangs ends with the process.
    fn start_worker(&self) {
        let (root, config, reads) = (self.root.clone(), Arc::clone(&self.config), self.reads.clone());
        let (queue, read) = (Arc::clone(&self.queue), self.read.clone());
        let work = move || {
            let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
            while let Some(request) = next() {
                reads.lock().insert(version(&request));
                let body = fetch_one(&root, &request, &config.parsing);
                reads.lock().remove(&version(&request));
                // The daemon may be stopping.
                if read.blocking_send(body).is_err() {
                    return;
                }
            }
        };
        if let Err(error) = std::thread::Builder::new().name("fetch".into()).spawn(work) {
            tracing::error!(%error, "cannot start a thread that reads bodies; retrying");
        }
    }

    /// Nothing arrives: what is being read is late. Other threads read what is left.
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

    /// Bodies for which documents don't wait any longer.
    fn give_up(&mut self, requests: Vec<BodyRequest>) {
        for request in requests {
            let diagnostic = Diagnostic::new(Code::ArticleUnreadable, "reading the file takes too long")
                .at(Place::file(&self.root.display(request.path.as_str())))
                .help("see whether its disk or network file system answers");
            self.arrived.push(Err(Box::new(UnfetchedBody { request, problem: Some(diagnostic) })));
        }
    }

    async fn hand_on(&mut self) {
        if self.arrived.is_empty() {
            return;
        }
        let (root, config) = (self.root.clone(), Arc::clone(&self.config));
        let arrived = std::mem::take(&mut self.arrived);
        self.arrived_bytes = 0;
        let requests: Vec<BodyRequest> = arrived.iter().map(request).cloned().collect();
        let completed = spawn_blocking(move || builder::complete(&root, &config, arrived, true));
        let (fetched, unfetched) = completed.await.unwrap_or_else(|error| {
            tracing::error!(%error, "reading bodies failed; retrying");
            (Vec::new(), requests.into_iter().map(|request| UnfetchedBody { request, problem: None }).collect())
        });
        for (is_empty, event) in
            [(fetched.is_empty(), Event::Fetched(fetched)), (unfetched.is_empty(), Event::Unfetched(unfetched))]
        {
            if !is_empty {
                // The daemon may be stopping.
                self.bodies.send(event).await.unwrap_or_default();
            }
        }
    }
}

/// How long the store may take for some versions before the engine goes on without them.
const RECALL_PATIENCE: Duration = Duration::from_secs(60);

/// Has versions out of the store, and sends them as they come.
pub(super) async fn recall(root: Root, config: Arc<Config>, requests: Vec<BodyRequest>, bodies: mpsc::Sender<Event>) {
    for requests in requests.chunks(builder::MAX_RECALLED_FILES) {
        let (root, config, batch) = (root.clone(), Arc::clone(&config), requests.to_vec());
        let mut work = spawn_blocking(move || builder::recall(&root, &config, batch));
        let lost =
            || requests.iter().map(|request| StoredVersion { request: request.clone(), article: None }).collect();
        let (recalled, is_late) = match timeout(RECALL_PATIENCE, &mut work).await {
            Ok(Ok(recalled)) => (recalled, false),
            Ok(Err(_)) => (lost(), false),
            Err(_) => (lost(), true),
        };
        bodies.send(Event::StoredVersion(recalled)).await.unwrap_or_default();
        if is_late && let Ok(recalled) = work.await {
            bodies.send(Event::StoredVersion(recalled)).await.unwrap_or_default();
        }
    }
}

/// How long the store may take for dormant articles before the engine is told that it does not answer, and asks again.
const RECOLLECTION_PATIENCE: Duration = Duration::from_secs(5);

/// Looks up what the store has of dormant articles. A disk that hangs costs one thread.
pub(super) async fn recollect(
    state: PathBuf,
    question: DormantQuery,
    unwritten: Vec<(ArticlePath, Remembered)>,
    lookup: Arc<Semaphore>,
    events: mpsc::Sender<Event>,
) {
    let asked = question.clone();
    let work = async move {
        let under_way = lookup.acquire_owned().await;
        spawn_blocking(move || {
            let found = store::recollect(&state, &asked);
            drop(under_way);
            found
        })
        .await
    };
    let found = match timeout(RECOLLECTION_PATIENCE, work).await {
        Ok(Ok(Ok(found))) => Ok(unwritten.into_iter().chain(found).collect()),
        Ok(Ok(Err(trouble))) => Err(trouble.to_string()),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err("the disk of the state directory does not answer".to_owned()),
    };
    // The daemon may be stopping.
    events.send(Event::DormantFound(question, found)).await.unwrap_or_default();
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use tokio::task::JoinSet;

    use super::*;
    use crate::config;

    /// However fast files are read, and however slowly batches are taken.
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
        let root = crate::daemon::root(&config);
        let mut fetches = JoinSet::new();
        fetches.spawn(Fetch::run(root, config, Reads::default(), requests, bodies));
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
