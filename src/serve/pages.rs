//! The pages of articles: built on demand by few threads, kept while they are asked for, and never shown once the article is another one.
//!
//! Requests for one page share one build, which stops when the last of their clients has left. A page is kept with the
//! [`PublishedArticle`] that it was made of and is an answer only to requests for this very one, so that what is public decides and not
//! what is kept. Of a page that had to go its ETag and length stay, which is all that a 304 or HEAD needs.

use std::collections::HashMap;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use quick_cache::Weighter;
use quick_cache::unsync::Cache;
use tokio::sync::watch;

use super::disk::{DiskRequest, DiskResponse, Freshness};
use super::negotiate::Coding;
use super::reply::Reply;
use super::request::Head;
use super::workers::{Failure, Interest, Priority, Wanted, Workers};
use super::{answer, representation};
use crate::metrics::Metrics;
use crate::snapshot::{MemoryCounter, PublishedArticle, Resource};
use crate::types::EntryId;

/// The most that pages take in memory, their codings included (bytes).
const CACHE_BYTES: u64 = 32 << 20;
/// The most that pages take together with those that slow clients still hold (bytes); until these have gone, no more are built.
const MAX_HELD_BYTES: usize = if cfg!(test) { 48 << 20 } else { 256 << 20 };
/// Of so many pages the ETags are kept.
const MAX_TAGS: usize = 16_384;
/// Of so many versions of articles it is kept that dateline fails over them.
const MAX_FAILED: usize = 1_024;
/// So many pages wait to be built; more are answered 503.
const MAX_WAITING_BUILDS: usize = 64;

/// Why there is no page.
#[derive(Clone, Debug)]
pub(super) enum PageError {
    /// Too many pages wait to be built.
    Busy,
    /// dateline fails over this version of the article.
    Failed,
    /// The article cannot be read.
    Unreadable(Arc<io::Error>),
}

impl From<Failure> for PageError {
    fn from(failure: Failure) -> PageError {
        match failure {
            Failure::Busy => PageError::Busy,
            Failure::Panicked => PageError::Failed,
        }
    }
}

/// A page, and what it was made of.
#[derive(Clone, Debug)]
struct Page {
    article: Arc<PublishedArticle>,
    resource: Arc<Resource>,
    freshness: Freshness,
    /// How much it took in memory when it was kept: the cache relies on what it was told.
    weight: u64,
}

impl Page {
    fn new(article: Arc<PublishedArticle>, resource: Arc<Resource>, freshness: Freshness) -> Page {
        /// What a page takes beside its bytes.
        const OVERHEAD: usize = 1_024;
        let weight = u64::try_from(resource.bytes_in_memory() + OVERHEAD).unwrap_or(u64::MAX);
        Page { article, resource, freshness, weight }
    }
}

/// All pages.
pub(super) struct Pages {
    state: Arc<Mutex<State>>,
    workers: Workers,
    meters: Arc<Metrics>,
    /// The bytes of pages that anybody holds: the cache, and clients under way.
    held: MemoryCounter,
}

struct State {
    pages: Cache<EntryId, Page, PageBytes>,
    /// The same without bytes.
    tags: Cache<EntryId, Page>,
    failed: Cache<EntryId, Arc<PublishedArticle>>,
    /// What is being made: the page, or one of its codings.
    builds: HashMap<(EntryId, Coding), Build>,
}

/// Something that is being made, and for whom.
struct Build {
    article: Arc<PublishedArticle>,
    wanted: Wanted,
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
    pub(super) fn new(meters: &Arc<Metrics>) -> Pages {
        // Half of the cores at the most, and after publication: readers of feeds come first.
        let threads = (crate::parallel::count() / 2).max(1);
        let state = State {
            pages: Cache::with_weighter(MAX_TAGS, CACHE_BYTES, PageBytes),
            tags: Cache::new(MAX_TAGS),
            failed: Cache::new(MAX_FAILED),
            builds: HashMap::new(),
        };
        Pages {
            state: Arc::new(Mutex::new(state)),
            workers: Workers::start("pages", threads, MAX_WAITING_BUILDS, Priority::Low),
            meters: Arc::clone(meters),
            held: MemoryCounter::default(),
        }
    }

    /// What a request for the page of an article gets: [`Reply::Ready`] or [`Reply::Document`]. Files are looked at by `files`.
    pub(super) async fn reply<D>(
        &self,
        article: &Arc<PublishedArticle>,
        head: &Head<'_>,
        disk: &Arc<D>,
        files: &Workers,
        now: Timestamp,
    ) -> Result<Reply, PageError>
    where
        D: Fn(DiskRequest, &Wanted) -> io::Result<DiskResponse> + Send + Sync + 'static,
    {
        let answered = |page: &Page| answer::document(head, &"/articles/".into(), &page.resource, now);
        let known = lock(&self.state).known(article);
        if let Some(page) = known {
            let freshness = page.freshness.clone();
            if files.try_begin(move |_| freshness.is_fresh())?.await? {
                match answered(&page) {
                    Reply::NeedsBytes(selected) if page.resource.bytes().is_some() => {
                        return self.coded(page, selected.coding).await.map(|page| answered(&page));
                    }
                    Reply::NeedsBytes(_) => {}
                    reply => return Ok(reply),
                }
            } else {
                lock(&self.state).forget(&page);
            }
        }
        let page = self.built(article, disk).await?;
        match answered(&page) {
            Reply::NeedsBytes(selected) => self.coded(page, selected.coding).await.map(|page| answered(&page)),
            reply => Ok(reply),
        }
    }

    /// Builds a page.
    async fn built<D>(&self, article: &Arc<PublishedArticle>, disk: &Arc<D>) -> Result<Page, PageError>
    where
        D: Fn(DiskRequest, &Wanted) -> io::Result<DiskResponse> + Send + Sync + 'static,
    {
        let (article, disk, meters) = (Arc::clone(article), Arc::clone(disk), Arc::clone(&self.meters));
        let held = self.held.clone();
        self.made(&Arc::clone(&article), Coding::Identity, move |wanted| {
            let supply = disk(DiskRequest::Article(Arc::clone(&article)), wanted);
            meters.pages_built.inc();
            match supply {
                Ok(DiskResponse::Page(resource, freshness)) => {
                    resource.count_holders(&held);
                    Ok(Page::new(article, resource, freshness))
                }
                Ok(_) => Err(PageError::Failed),
                Err(error) => Err(PageError::Unreadable(Arc::new(error))),
            }
        })
        .await
    }

    /// Encodes a page.
    async fn coded(&self, page: Page, coding: Coding) -> Result<Page, PageError> {
        let article = Arc::clone(&page.article);
        let held = self.held.clone();
        let encode = move |_: &Wanted| {
            let bytes = page.resource.bytes();
            let is_coded = bytes.is_some_and(|bytes| representation::encode(&page.resource, coding, &bytes, &held));
            is_coded.then_some(page).ok_or(PageError::Failed)
        };
        self.made(&article, coding, encode).await
    }

    /// Has something made, or waits for what is being made already.
    async fn made(
        &self,
        article: &Arc<PublishedArticle>,
        coding: Coding,
        make: impl FnOnce(&Wanted) -> Result<Page, PageError> + Send + 'static,
    ) -> Result<Page, PageError> {
        let (_interest, mut result) = self.join(article, coding, make)?;
        let told = result.wait_for(Option::is_some).await.map(|told| told.clone());
        // Nobody tells where the work could not be begun.
        told.ok().flatten().unwrap_or(Err(PageError::Busy))
    }

    #[expect(clippy::type_complexity, reason = "what a build is told by")]
    fn join(
        &self,
        article: &Arc<PublishedArticle>,
        coding: Coding,
        make: impl FnOnce(&Wanted) -> Result<Page, PageError> + Send + 'static,
    ) -> Result<(Interest, watch::Receiver<Option<Result<Page, PageError>>>), PageError> {
        if self.held.bytes() > MAX_HELD_BYTES {
            return Err(PageError::Busy);
        }
        let key = (article.id.clone(), coding);
        let interest = Interest::default();
        let wanted = interest.wanted();
        let (tell, result) = watch::channel(None);
        {
            let mut state = lock(&self.state);
            if state.failed.get(&article.id).is_some_and(|failed| is_same(failed, article)) {
                return Err(PageError::Failed);
            }
            if let Some(build) = state.builds.get(&key).filter(|build| is_same(&build.article, article))
                && let Some(interest) = build.wanted.join()
            {
                return Ok((interest, build.result.clone()));
            }
            let build = Build { article: Arc::clone(article), wanted: wanted.clone(), result: result.clone() };
            state.builds.insert(key.clone(), build);
        }
        let guard = Unlist { state: Arc::clone(&self.state), key, wanted: wanted.clone() };
        let (state, article) = (Arc::clone(&self.state), Arc::clone(article));
        self.workers.try_begin_untold(wanted.clone(), move || {
            let made = catch_unwind(AssertUnwindSafe(|| make(&wanted)));
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
            // Those who waited may have left.
            tell.send(Some(made)).unwrap_or_default();
        })?;
        Ok((interest, result))
    }
}

/// Takes a build from the list, however it ends.
struct Unlist {
    state: Arc<Mutex<State>>,
    key: (EntryId, Coding),
    wanted: Wanted,
}

impl Drop for Unlist {
    fn drop(&mut self) {
        let mut state = lock(&self.state);
        if state.builds.get(&self.key).is_some_and(|build| build.wanted.is_of(&self.wanted)) {
            state.builds.remove(&self.key);
        }
    }
}

impl State {
    /// What is kept of the page of an article.
    fn known(&self, article: &Arc<PublishedArticle>) -> Option<Page> {
        let is_of_it = |page: &&Page| is_same(&page.article, article);
        let page = self.pages.get(&article.id).filter(is_of_it);
        page.or_else(|| self.tags.get(&article.id).filter(is_of_it)).cloned()
    }

    /// Keeps a page, or counts again what is kept of it.
    fn keep(&mut self, page: &Page) {
        let Page { article, resource, freshness, .. } = page.clone();
        let tag = Arc::new(resource.without_bytes());
        self.tags.insert(article.id.clone(), Page::new(Arc::clone(&article), tag, freshness.clone()));
        self.pages.insert(article.id.clone(), Page::new(article, resource, freshness));
    }

    fn forget(&mut self, page: &Page) {
        let id = &page.article.id;
        self.pages.remove_if(id, |kept| is_same(&kept.article, &page.article));
        self.tags.remove_if(id, |kept| is_same(&kept.article, &page.article));
    }
}

/// The same article in the same version and surroundings.
fn is_same(one: &Arc<PublishedArticle>, other: &Arc<PublishedArticle>) -> bool {
    Arc::ptr_eq(one, other) || one == other
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
