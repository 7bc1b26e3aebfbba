//! Article pages: built on demand by a few threads of low priority, and cached.
//!
//! # Who shares a build?
//!
//! Requests for the same page wait for one build. It is cancelled when the last client disconnects.
//!
//! # Why can a cached page never show a withheld article?
//!
//! A page is cached with the [`PublishedArticle`] it was built from. It is used for a response only while the snapshot has that same
//! article and the files behind it are unchanged.
//!
//! # What stays of an evicted page?
//!
//! Its ETag and length, which are enough for a 304 or HEAD.

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

use super::disk::{Disk, DiskRequest, DiskResponse, Freshness};
use super::negotiation::Coding;
use super::reply::Reply;
use super::representation::{PreparedResponse, SelectedRepresentation};
use super::request::RequestHead;
use super::responses;
use super::workers::{CancellationToken, Waiter, WorkError, Workers};
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

/// A page and the article it was built from.
#[derive(Clone, Debug)]
struct Page {
    article: Arc<PublishedArticle>,
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
    fn new(
        article: Arc<PublishedArticle>,
        resource: Arc<Resource>,
        responses: Responses,
        freshness: Freshness,
    ) -> Page {
        /// Estimated memory of a page besides its bytes.
        const OVERHEAD: usize = 1_024;
        let weight = u64::try_from(responses.bytes() + OVERHEAD).unwrap_or(u64::MAX);
        Page { article, resource, responses: Arc::new(responses), freshness, weight }
    }

    fn with_responses(&self, responses: Responses) -> Page {
        let Page { article, resource, freshness, .. } = self.clone();
        Page::new(article, resource, responses, freshness)
    }

    /// [`Reply::NeedsBytes`] if the page has to be built or encoded first.
    fn reply(&self, head: &RequestHead<'_>, now: Timestamp) -> Reply {
        match responses::document(head, &"/articles/".into(), &self.resource, now) {
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
    pages: Cache<EntryId, Page, PageBytes>,
    /// Pages without their bytes.
    etags: Cache<EntryId, Page>,
    failed: Cache<EntryId, Arc<PublishedArticle>>,
    /// Builds and encodings that are under way.
    builds: HashMap<(EntryId, Coding), Build>,
}

/// A build under way: of a page or of one of its content codings.
struct Build {
    article: Arc<PublishedArticle>,
    token: CancellationToken,
    result: watch::Receiver<Option<Result<Page, PageError>>>,
}

#[derive(Clone)]
struct PageBytes;

impl Weighter<EntryId, Page> for PageBytes {
    fn weight(&self, _: &EntryId, page: &Page) -> u64 {
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

    /// Returns [`Reply::Ready`] or [`Reply::Document`] for the page of `article`. The threads of `files` check that its files
    /// are unchanged.
    pub(super) async fn reply<D>(
        &self,
        article: &Arc<PublishedArticle>,
        head: &RequestHead<'_>,
        disk: &Arc<D>,
        files: &Workers,
        now: Timestamp,
    ) -> Result<Reply, PageError>
    where
        D: Disk,
    {
        let cached = lock(&self.state).cached(article);
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
        let page = self.build(article, disk).await?;
        match page.reply(head, now) {
            Reply::NeedsBytes(selected) => self.encode(page, selected.coding).await.map(|page| page.reply(head, now)),
            reply => Ok(reply),
        }
    }

    /// Builds a page, or waits for the build under way.
    async fn build<D>(&self, article: &Arc<PublishedArticle>, disk: &Arc<D>) -> Result<Page, PageError>
    where
        D: Disk,
    {
        let (article, disk, metrics) = (Arc::clone(article), Arc::clone(disk), Arc::clone(&self.metrics));
        let held_bytes = self.held_bytes.clone();
        self.share_build(&Arc::clone(&article), Coding::Identity, move |token| {
            let response = disk(DiskRequest::Article(Arc::clone(&article)), token);
            metrics.pages_built.inc();
            match response {
                Ok(DiskResponse::Page(BuiltDocument { resource, bytes }, freshness)) => {
                    let prepared = PreparedResponse::new(&resource, held_bytes.counted(bytes));
                    let responses = Responses::default().with(Coding::Identity, prepared);
                    Ok(Page::new(article, resource, responses, freshness))
                }
                Ok(_) => Err(PageError::Failed),
                Err(error) => Err(PageError::Unreadable(Arc::new(error))),
            }
        })
        .await
    }

    /// Encodes a page, or waits for the encoding under way.
    async fn encode(&self, page: Page, coding: Coding) -> Result<Page, PageError> {
        let article = Arc::clone(&page.article);
        let held_bytes = self.held_bytes.clone();
        let encode = move |_: &CancellationToken| {
            let identity = page.responses.identity.as_ref();
            let encode = |identity: &Arc<PreparedResponse>| {
                PreparedResponse::encode(&page.resource, coding, &identity.bytes, &held_bytes)
            };
            let prepared = identity.and_then(encode).ok_or(PageError::Failed)?;
            Ok(page.with_responses(page.responses.with(coding, prepared)))
        };
        self.share_build(&article, coding, encode).await
    }

    /// Runs `make` on a worker, or waits for the same work under way.
    async fn share_build(
        &self,
        article: &Arc<PublishedArticle>,
        coding: Coding,
        make: impl FnOnce(&CancellationToken) -> Result<Page, PageError> + Send + 'static,
    ) -> Result<Page, PageError> {
        let (_interest, mut result) = self.join(article, coding, make)?;
        let result = result.wait_for(Option::is_some).await.map(|result| result.clone());
        // The sender is dropped without a result if the job never started.
        result.ok().flatten().unwrap_or(Err(PageError::Busy))
    }

    #[expect(clippy::type_complexity, reason = "the receiver of a build")]
    fn join(
        &self,
        article: &Arc<PublishedArticle>,
        coding: Coding,
        make: impl FnOnce(&CancellationToken) -> Result<Page, PageError> + Send + 'static,
    ) -> Result<(Waiter, watch::Receiver<Option<Result<Page, PageError>>>), PageError> {
        if self.held_bytes.bytes() > MAX_HELD_BYTES {
            return Err(PageError::Busy);
        }
        let key = (article.id.clone(), coding);
        let waiter = Waiter::default();
        let token = waiter.token();
        let (sender, result) = watch::channel(None);
        {
            let mut state = lock(&self.state);
            if state.failed.get(&article.id).is_some_and(|failed| is_same_version(failed, article)) {
                return Err(PageError::Failed);
            }
            if let Some(build) = state.builds.get(&key).filter(|build| is_same_version(&build.article, article))
                && let Some(waiter) = build.token.join()
            {
                return Ok((waiter, build.result.clone()));
            }
            let build = Build { article: Arc::clone(article), token: token.clone(), result: result.clone() };
            state.builds.insert(key.clone(), build);
        }
        let guard = RemoveBuildOnDrop { state: Arc::clone(&self.state), key, token: token.clone() };
        let (state, article) = (Arc::clone(&self.state), Arc::clone(article));
        self.workers.try_submit_job(token.clone(), move || {
            let made = catch_unwind(AssertUnwindSafe(|| make(&token)));
            let made = made.unwrap_or_else(|_| {
                let path = &article.path;
                tracing::error!(%path, "building an article page panicked; please report this with the file");
                lock(&state).failed.insert(article.id.clone(), Arc::clone(&article));
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
    key: (EntryId, Coding),
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
    /// Returns the cached page of an article, or its ETag-only version.
    fn cached(&self, article: &Arc<PublishedArticle>) -> Option<Page> {
        let is_this_version = |page: &&Page| is_same_version(&page.article, article);
        let page = self.pages.get(&article.id).filter(is_this_version);
        page.or_else(|| self.etags.get(&article.id).filter(is_this_version)).cloned()
    }

    /// Caches a page, or adds responses to a cached one.
    fn keep(&mut self, page: &Page) {
        let id = &page.article.id;
        self.etags.insert(id.clone(), page.with_responses(Responses::default()));
        let cached = self.pages.peek(id).filter(|cached| {
            is_same_version(&cached.article, &page.article) && Arc::ptr_eq(&cached.resource, &page.resource)
        });
        let page = match cached {
            Some(cached) => page.with_responses(page.responses.or(&cached.responses)),
            None => page.clone(),
        };
        self.pages.insert(id.clone(), page);
    }

    fn evict(&mut self, page: &Page) {
        let id = &page.article.id;
        self.pages.remove_if(id, |cached| is_same_version(&cached.article, &page.article));
        self.etags.remove_if(id, |cached| is_same_version(&cached.article, &page.article));
    }
}

/// Whether two published articles are equal: content, metadata and page frame.
fn is_same_version(one: &Arc<PublishedArticle>, other: &Arc<PublishedArticle>) -> bool {
    Arc::ptr_eq(one, other) || one == other
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
