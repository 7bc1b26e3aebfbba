//! Article pages and archives of feeds: built on demand by a few threads of low priority, and cached.
//!
//! # Who shares a build?
//!
//! Requests for the same page wait for one build. It is cancelled when the last client disconnects.
//!
//! # Why can a cached page never show a withheld article?
//!
//! A page is cached with the [`PublishedArticle`] it was built from. It is used for a response only while the snapshot has that same
//! article and the files behind it are unchanged. The same holds for an archive and its version.
//!
//! # What stays of an evicted page?
//!
//! Its ETag and length, which are enough for a 304 or HEAD.
//!
//! Long because builds, the cache and the clients that wait are one state behind one lock.

use std::collections::HashMap;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use hyper::Response;
use jiff::Timestamp;
use quick_cache::Weighter;
use quick_cache::unsync::Cache;
use tokio::sync::watch;

use super::archives::ArchiveDocument;
use super::disk::{Disk, DiskRequest, DiskResponse, Freshness};
use super::negotiation::Coding;
use super::reply::Reply;
use super::representation::{PreparedResponse, SelectedRepresentation};
use super::request::RequestHead;
use super::responses;
use super::workers::{CancellationToken, Waiter, WorkError, Workers};
use crate::feed::Format;
use crate::ledger::archive::ArchiveName;
use crate::metrics::{MemoryCounter, Metrics};
use crate::snapshot::{BuiltDocument, PublishedArticle, Resource};
use crate::types::EntryId;

/// Limits the memory of cached pages, content codings included.
const CACHE_BYTES: u64 = 32 << 20;
/// Limits the memory of cached pages plus those that slow clients still hold. No page is built while it is exceeded.
const MAX_HELD_BYTES: usize = if cfg!(test) { 48 << 20 } else { 256 << 20 };
/// Limits the pages whose ETags are remembered.
const MAX_ETAGS: usize = 16_384;
/// Limits the article versions remembered because building their page panicked.
const MAX_FAILED: usize = 1_024;

/// Why there is no page.
#[derive(Clone, Debug)]
pub(super) enum PageError {
    /// The build queue is full.
    Busy,
    /// Building the page panicked for this version of the article.
    Failed,
    /// The engine can't say yet what the archive contains.
    Unknown,
    /// The article's file cannot be read.
    Unreadable(Arc<io::Error>),
}

impl From<WorkError> for PageError {
    fn from(error: WorkError) -> PageError {
        match error {
            WorkError::Busy => PageError::Busy,
            WorkError::Panicked => PageError::Failed,
        }
    }
}

/// The subject of a build: a page or an archive.
#[derive(Clone, Debug)]
pub(super) enum Subject {
    /// The page of an article.
    Article(Arc<PublishedArticle>),
    /// An archive of a feed.
    Archive(ArchiveDocument),
}

/// The identity of a subject, the same for all its versions.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
enum Key {
    Article(EntryId),
    Archive(Arc<str>, ArchiveName, Format),
}

impl Subject {
    fn key(&self) -> Key {
        match self {
            Subject::Article(article) => Key::Article(article.id.clone()),
            Subject::Archive(ArchiveDocument { address, format }) => {
                Key::Archive(Arc::clone(&address.feed), address.name, *format)
            }
        }
    }

    /// The route under which metrics count responses.
    fn route(&self) -> Arc<str> {
        match self {
            Subject::Article(_) => "/articles/".into(),
            Subject::Archive(ArchiveDocument { address, .. }) => format!("{}archive-*", address.feed).into(),
        }
    }

    /// Whether two subjects are equal: content, metadata and what surrounds them.
    fn is_same_version(&self, other: &Subject) -> bool {
        match (self, other) {
            (Subject::Article(one), Subject::Article(other)) => Arc::ptr_eq(one, other) || one == other,
            (Subject::Archive(one), Subject::Archive(other)) => one == other,
            _ => false,
        }
    }
}

/// A page and what it was built from.
#[derive(Clone, Debug)]
struct Page {
    subject: Subject,
    resource: Arc<Resource>,
    responses: Arc<Responses>,
    freshness: Freshness,
    /// Bytes in memory. Constant, because the cache needs a stable weight.
    weight: u64,
}

/// The prepared responses of a page, by coding. Without any, the page is enough for 304 and HEAD.
#[derive(Clone, Default, Debug)]
struct Responses {
    identity: Option<Arc<PreparedResponse>>,
    gzip: Option<Arc<PreparedResponse>>,
    brotli: Option<Arc<PreparedResponse>>,
    zstd: Option<Arc<PreparedResponse>>,
}

impl Responses {
    fn slot(&mut self, coding: Coding) -> &mut Option<Arc<PreparedResponse>> {
        match coding {
            Coding::Identity => &mut self.identity,
            Coding::Gzip => &mut self.gzip,
            Coding::Brotli => &mut self.brotli,
            Coding::Zstd => &mut self.zstd,
        }
    }

    fn get(&self, coding: Coding) -> Option<&Arc<PreparedResponse>> {
        match coding {
            Coding::Identity => self.identity.as_ref(),
            Coding::Gzip => self.gzip.as_ref(),
            Coding::Brotli => self.brotli.as_ref(),
            Coding::Zstd => self.zstd.as_ref(),
        }
    }

    fn with(&self, coding: Coding, response: PreparedResponse) -> Responses {
        let mut responses = self.clone();
        *responses.slot(coding) = Some(Arc::new(response));
        responses
    }

    /// These responses, and others of the same page.
    fn or(&self, other: &Responses) -> Responses {
        let either = |coding| self.get(coding).or_else(|| other.get(coding)).cloned();
        Responses {
            identity: either(Coding::Identity),
            gzip: either(Coding::Gzip),
            brotli: either(Coding::Brotli),
            zstd: either(Coding::Zstd),
        }
    }

    fn bytes(&self) -> usize {
        let all = [&self.identity, &self.gzip, &self.brotli, &self.zstd];
        all.into_iter().flatten().map(|response| response.bytes.len()).sum()
    }
}

impl Page {
    fn new(subject: Subject, resource: Arc<Resource>, responses: Responses, freshness: Freshness) -> Page {
        /// Estimated memory of a page besides its bytes.
        const OVERHEAD: usize = 1_024;
        let weight = u64::try_from(responses.bytes() + OVERHEAD).unwrap_or(u64::MAX);
        Page { subject, resource, responses: Arc::new(responses), freshness, weight }
    }

    fn with_responses(&self, responses: Responses) -> Page {
        let Page { subject, resource, freshness, .. } = self.clone();
        Page::new(subject, resource, responses, freshness)
    }

    /// [`Reply::NeedsBytes`] if the page has to be built or encoded first.
    fn reply(&self, head: &RequestHead<'_>, now: Timestamp) -> Reply {
        match responses::document(head, &self.subject.route(), &self.resource, now) {
            Reply::NeedsBytes(selected) => match self.response(&selected, now) {
                Some(response) => Reply::Document(selected, response),
                None => Reply::NeedsBytes(selected),
            },
            reply => reply,
        }
    }

    fn response(&self, selected: &SelectedRepresentation, now: Timestamp) -> Option<Response<Bytes>> {
        if let Some(prepared) = self.responses.get(selected.coding) {
            return Some(selected.response(prepared, now));
        }
        let length = (selected.coding == Coding::Identity).then_some(self.resource.length);
        let is_enough = selected.is_head && self.responses.identity.is_none();
        is_enough.then(|| selected.head_without_bytes(length, now))
    }
}

/// The page cache and its builders.
pub(super) struct Pages {
    state: Arc<Mutex<State>>,
    workers: Workers,
    metrics: Arc<Metrics>,
    /// Bytes of all pages in memory: in the cache and in responses being sent.
    held_bytes: MemoryCounter,
}

struct State {
    pages: Cache<Key, Page, PageBytes>,
    /// Pages without their bytes.
    etags: Cache<Key, Page>,
    failed: Cache<Key, Subject>,
    /// Builds and encodings that are under way.
    builds: HashMap<(Key, Coding), Build>,
}

/// A build under way: of a page or of one of its content codings.
struct Build {
    subject: Subject,
    token: CancellationToken,
    result: watch::Receiver<Option<Result<Page, PageError>>>,
}

#[derive(Clone)]
struct PageBytes;

impl Weighter<Key, Page> for PageBytes {
    fn weight(&self, _: &Key, page: &Page) -> u64 {
        page.weight
    }
}

impl Pages {
    pub(super) fn new(workers: Workers, metrics: &Arc<Metrics>) -> Pages {
        let state = State {
            pages: Cache::with_weighter(MAX_ETAGS, CACHE_BYTES, PageBytes),
            etags: Cache::new(MAX_ETAGS),
            failed: Cache::new(MAX_FAILED),
            builds: HashMap::new(),
        };
        Pages {
            state: Arc::new(Mutex::new(state)),
            workers,
            metrics: Arc::clone(metrics),
            held_bytes: MemoryCounter::default(),
        }
    }

    /// Returns [`Reply::Ready`] or [`Reply::Document`] for the page of `subject`. The threads of `files` check that its files
    /// are unchanged. `request` says how it is built.
    pub(super) async fn reply<D>(
        &self,
        subject: &Subject,
        request: impl AsyncFnOnce() -> Result<DiskRequest, PageError>,
        head: &RequestHead<'_>,
        disk: &Arc<D>,
        files: &Workers,
        now: Timestamp,
    ) -> Result<Reply, PageError>
    where
        D: Disk,
    {
        let cached = lock(&self.state).cached(subject);
        if let Some(page) = cached {
            let freshness = page.freshness.clone();
            if files.try_submit(move |_| freshness.is_fresh())?.await? {
                match page.reply(head, now) {
                    Reply::NeedsBytes(selected) if page.responses.identity.is_some() => {
                        return self.encode(page, selected.coding).await.map(|page| page.reply(head, now));
                    }
                    Reply::NeedsBytes(_) => {}
                    reply => return Ok(reply),
                }
            } else {
                lock(&self.state).evict(&page);
            }
        }
        let page = self.build(subject, request().await?, disk).await?;
        match page.reply(head, now) {
            Reply::NeedsBytes(selected) => self.encode(page, selected.coding).await.map(|page| page.reply(head, now)),
            reply => Ok(reply),
        }
    }

    /// Builds a page, or waits for the build under way.
    async fn build<D>(&self, subject: &Subject, request: DiskRequest, disk: &Arc<D>) -> Result<Page, PageError>
    where
        D: Disk,
    {
        let (built, disk, metrics) = (subject.clone(), Arc::clone(disk), Arc::clone(&self.metrics));
        let held_bytes = self.held_bytes.clone();
        self.share_build(subject, Coding::Identity, move |token| {
            let response = disk(request, token);
            if matches!(built, Subject::Article(_)) {
                metrics.pages_built.inc();
            }
            match response {
                Ok(DiskResponse::Page(BuiltDocument { resource, bytes }, freshness)) => {
                    let prepared = PreparedResponse::new(&resource, held_bytes.counted(bytes));
                    let responses = Responses::default().with(Coding::Identity, prepared);
                    Ok(Page::new(built, resource, responses, freshness))
                }
                Ok(_) => Err(PageError::Failed),
                Err(error) => Err(PageError::Unreadable(Arc::new(error))),
            }
        })
        .await
    }

    /// Encodes a page, or waits for the encoding under way.
    async fn encode(&self, page: Page, coding: Coding) -> Result<Page, PageError> {
        let subject = page.subject.clone();
        let held_bytes = self.held_bytes.clone();
        let encode = move |_: &CancellationToken| {
            let identity = page.responses.identity.as_ref();
            let encode = |identity: &Arc<PreparedResponse>| {
                PreparedResponse::encode(&page.resource, coding, &identity.bytes, &held_bytes)
            };
            let prepared = identity.and_then(encode).ok_or(PageError::Failed)?;
            Ok(page.with_responses(page.responses.with(coding, prepared)))
        };
        self.share_build(&subject, coding, encode).await
    }

    /// Runs `make` on a worker, or waits for the same work under way.
    async fn share_build(
        &self,
        subject: &Subject,
        coding: Coding,
        make: impl FnOnce(&CancellationToken) -> Result<Page, PageError> + Send + 'static,
    ) -> Result<Page, PageError> {
        let (_interest, mut result) = self.join(subject, coding, make)?;
        let result = result.wait_for(Option::is_some).await.map(|result| result.clone());
        // The sender is dropped without a result if the job never started.
        result.ok().flatten().unwrap_or(Err(PageError::Busy))
    }

    #[expect(clippy::type_complexity, reason = "the receiver of a build")]
    fn join(
        &self,
        subject: &Subject,
        coding: Coding,
        make: impl FnOnce(&CancellationToken) -> Result<Page, PageError> + Send + 'static,
    ) -> Result<(Waiter, watch::Receiver<Option<Result<Page, PageError>>>), PageError> {
        if self.held_bytes.bytes() > MAX_HELD_BYTES {
            return Err(PageError::Busy);
        }
        let key = (subject.key(), coding);
        let waiter = Waiter::default();
        let token = waiter.token();
        let (sender, result) = watch::channel(None);
        {
            let mut state = lock(&self.state);
            if state.failed.get(&key.0).is_some_and(|failed| failed.is_same_version(subject)) {
                return Err(PageError::Failed);
            }
            if let Some(build) = state.builds.get(&key).filter(|build| build.subject.is_same_version(subject))
                && let Some(waiter) = build.token.join()
            {
                return Ok((waiter, build.result.clone()));
            }
            let build = Build { subject: subject.clone(), token: token.clone(), result: result.clone() };
            state.builds.insert(key.clone(), build);
        }
        let guard = RemoveBuildOnDrop { state: Arc::clone(&self.state), key, token: token.clone() };
        let (state, subject) = (Arc::clone(&self.state), subject.clone());
        self.workers.try_submit_job(token.clone(), move || {
            let made = catch_unwind(AssertUnwindSafe(|| make(&token)));
            let made = made.unwrap_or_else(|_| {
                match &subject {
                    Subject::Article(article) => {
                        let path = &article.path;
                        tracing::error!(%path, "building an article page panicked; please report this with the file");
                    }
                    Subject::Archive(archive) => {
                        let (feed, name) = (&archive.address.feed, archive.address.name);
                        tracing::error!(%feed, %name, "building an archive panicked; please report this");
                    }
                }
                lock(&state).failed.insert(subject.key(), subject.clone());
                Err(PageError::Failed)
            });
            if let Ok(page) = &made {
                lock(&state).keep(page);
            }
            drop(guard);
            // All clients may have disconnected.
            sender.send(Some(made)).unwrap_or_default();
        })?;
        Ok((waiter, result))
    }
}

/// Removes a build from the list of builds when it ends, even by a panic.
struct RemoveBuildOnDrop {
    state: Arc<Mutex<State>>,
    key: (Key, Coding),
    token: CancellationToken,
}

impl Drop for RemoveBuildOnDrop {
    fn drop(&mut self) {
        let mut state = lock(&self.state);
        if state.builds.get(&self.key).is_some_and(|build| build.token.is_same_as(&self.token)) {
            state.builds.remove(&self.key);
        }
    }
}

impl State {
    /// Returns the cached page of a subject, or its ETag-only version.
    fn cached(&self, subject: &Subject) -> Option<Page> {
        let is_this_version = |page: &&Page| page.subject.is_same_version(subject);
        let key = subject.key();
        let page = self.pages.get(&key).filter(is_this_version);
        page.or_else(|| self.etags.get(&key).filter(is_this_version)).cloned()
    }

    /// Caches a page, or adds responses to a cached one.
    fn keep(&mut self, page: &Page) {
        let key = page.subject.key();
        self.etags.insert(key.clone(), page.with_responses(Responses::default()));
        let cached = self.pages.peek(&key).filter(|cached| {
            cached.subject.is_same_version(&page.subject) && Arc::ptr_eq(&cached.resource, &page.resource)
        });
        let page = match cached {
            Some(cached) => page.with_responses(page.responses.or(&cached.responses)),
            None => page.clone(),
        };
        self.pages.insert(key, page);
    }

    fn evict(&mut self, page: &Page) {
        let key = page.subject.key();
        self.pages.remove_if(&key, |cached| cached.subject.is_same_version(&page.subject));
        self.etags.remove_if(&key, |cached| cached.subject.is_same_version(&page.subject));
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
