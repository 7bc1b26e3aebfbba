//! Builds everything once, for `dateline build`, and article pages on demand.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use jiff::Timestamp;

use super::{StateCache, now, root};
use crate::article::packed::PackedRendering;
use crate::article::render::{LinkBase, render};
use crate::beneath::Root;
use crate::build::render_cache::RenderKey;
use crate::build::{assemble, encode};
use crate::config::{Checked, Config};
use crate::engine::Engine;
use crate::event::{
    BodyRequest, Command, Delivery, Effect, Event, FetchedBody, ParsedFile, StoredVersion, Ticket, UnfetchedBody,
};
use crate::ledger::{Ledger, Record};
use crate::parallel;
use crate::serve::{CancellationToken, DiskRequest, DiskResponse, Freshness};
use crate::snapshot::PublishedArticle;
use crate::store::{self, Renderings, StoreError};
use crate::types::ContentHash;
use crate::watch::page_sources::PageSources;
use crate::watch::{self, ScanProgress};

/// Answers a request for the page of an article or for a media file.
///
/// # Errors
/// If the file can't be read, or the request was cancelled.
pub(super) fn respond(
    content: &Arc<ArcSwap<Root>>,
    config: &Arc<ArcSwap<Config>>,
    request: DiskRequest,
    cancellation: &CancellationToken,
) -> io::Result<DiskResponse> {
    match request {
        DiskRequest::Article(article) => article_page(content, config, &article, cancellation),
        DiskRequest::Media(path) => {
            let (file, metadata) = watch::read::open_media(&content.load(), &path)?;
            let modified = metadata.modified().ok().and_then(|modified| Timestamp::try_from(modified).ok());
            Ok(DiskResponse::File { file, length: metadata.len(), modified })
        }
        // Documents aren't in the content directory; `document_store` reads them.
        DiskRequest::Document(..) | DiskRequest::Evict(_) => Err(io::ErrorKind::Unsupported.into()),
    }
}

/// Builds the page of an article from its file, or from the published version in the store if the file has another version or is missing.
///
/// # Errors
/// If neither has the published version, or the request was cancelled.
fn article_page(
    root: &Arc<ArcSwap<Root>>,
    live_config: &Arc<ArcSwap<Config>>,
    article: &Arc<PublishedArticle>,
    cancellation: &CancellationToken,
) -> io::Result<DiskResponse> {
    let config = live_config.load_full();
    let content = root.load_full();
    let stop_if_cancelled = || if cancellation.is_cancelled() { Err(io::ErrorKind::Interrupted) } else { Ok(()) };
    let sources = PageSources::of(&content, &article.path);
    let request = BodyRequest { path: article.path.clone(), hash: article.hash, shown: true, links: None };
    let read = watch::read::fetch_one(&content, &request, &config.parsing);
    let version = read.is_ok().then_some(article.hash);
    stop_if_cancelled()?;
    let (found, _) = complete(&content, &config, vec![read], false);
    let found = found.into_iter().find_map(|found| found.article);
    let body = found.and_then(|article| Some((article.metadata, article.body?)));
    let (metadata, body) = body.ok_or(io::ErrorKind::NotFound)?;
    stop_if_cancelled()?;
    // Anchors, for example of footnotes, stay on an article's own page. In a feed they would clash with those of other articles.
    let links = LinkBase { anchors: true, ..assemble::link_base(article) };
    let rendered = render(&body, &links);
    stop_if_cancelled()?;
    let entry = assemble::entry(article, &metadata, &rendered);
    let page = Arc::new(encode::article_page(article, &entry));
    let sources = sources.with_files(&content, version, &metadata);
    let (root, live_config, hash) = (Arc::clone(root), Arc::clone(live_config), config.hash);
    let freshness = Freshness::new(move || {
        let config = live_config.load();
        config.hash == hash && sources.are_unchanged(&root.load(), &config.parsing)
    });
    Ok(DiskResponse::Page(page, freshness))
}

/// Reads the bodies that the engine asked for. See [`complete`].
pub(super) fn fetch(
    root: &Root,
    config: &Config,
    requests: &[BodyRequest],
    is_state_locked: bool,
) -> (Vec<FetchedBody>, Vec<UnfetchedBody>) {
    complete(root, config, watch::read::fetch(root, requests, &config.parsing), is_state_locked)
}

/// Loads the versions that the files don't have any more from the store, and returns all bodies and those that neither has. If
/// `is_state_locked`, bodies are rendered, too, with the cache of rendered bodies in the state directory.
pub(super) fn complete(
    root: &Root,
    config: &Config,
    read: Vec<Result<FetchedBody, Box<UnfetchedBody>>>,
    is_state_locked: bool,
) -> (Vec<FetchedBody>, Vec<UnfetchedBody>) {
    let missing = read.iter().filter_map(|body| body.as_ref().err()).map(|missing| missing.request.clone());
    // The stored versions have the order of the missing bodies.
    let mut stored = load_stored(root, config, missing.collect()).into_iter();
    let (mut fetched, mut unfetched) = (Vec::with_capacity(read.len()), Vec::new());
    for body in read {
        let missing = match body {
            Ok(body) => {
                fetched.push(body);
                continue;
            }
            Err(missing) => *missing,
        };
        match stored.next().and_then(|version| version.article) {
            Some(article) => {
                let source = article.source.clone();
                fetched.push(FetchedBody { request: missing.request, article: Some(article), rendered: None, source });
            }
            None => unfetched.push(missing),
        }
    }
    if is_state_locked {
        render_all(config, &mut fetched);
    }
    (fetched, unfetched)
}

/// Renders bodies, or loads them from the cache of rendered bodies.
fn render_all(config: &Config, fetched: &mut [FetchedBody]) {
    let key = |fetched: &FetchedBody| {
        let links = fetched.request.links.as_ref()?;
        fetched.article.as_ref()?.body.as_ref().map(|_| RenderKey::new(fetched.request.hash, links).hash())
    };
    /// Rendering this many bodies takes no longer than opening the cache. The engine renders them itself.
    const MAX_UNCACHED_BODIES: usize = 16;
    /// The time for rendering. The engine renders the rest itself.
    const RENDER_TIMEOUT: Duration = Duration::from_secs(2);
    let keys: Vec<ContentHash> = fetched.iter().filter_map(key).collect();
    if keys.len() <= MAX_UNCACHED_BODIES {
        return;
    }
    let mut renderings = Renderings::open(&config.state);
    let cached = renderings.as_ref().map(|renderings| renderings.get(&keys)).unwrap_or_default();
    let (has_cache, begun) = (renderings.is_some(), Instant::now());
    let rendered = parallel::on_all_cores(fetched, |fetched| {
        let key = key(fetched)?;
        if let Some(rendered) = cached.get(&key).and_then(PackedRendering::open) {
            return Some((key, Arc::new(rendered), None));
        }
        if begun.elapsed() > RENDER_TIMEOUT {
            return None;
        }
        let (links, article) = (fetched.request.links.as_ref()?, fetched.article.as_ref()?);
        // After a panic, the engine renders the body again and reports the file.
        let rendered = parallel::catch_panic(|| article.body.as_ref().map(|body| render(body, links))).flatten()?;
        let packed = has_cache.then(|| PackedRendering::of(&rendered)).flatten();
        Some((key, Arc::new(rendered), packed))
    });
    let mut new = Vec::new();
    for (body, (key, rendered, packed)) in
        fetched.iter_mut().zip(rendered).filter_map(|(body, rendered)| Some((body, rendered?)))
    {
        body.rendered = Some(rendered);
        new.extend(packed.map(|packed| (key, packed)));
    }
    if let Some(renderings) = renderings.as_mut().filter(|_| !new.is_empty()) {
        renderings.store(&new);
    }
}

/// The most files of the store that are in memory at a time.
pub(super) const MAX_LOADED_FILES: usize = 256;

/// Loads published versions from the store, in the order of the requests.
pub(super) fn load_stored(root: &Root, config: &Config, requests: Vec<BodyRequest>) -> Vec<StoredVersion> {
    let mut versions = Vec::with_capacity(requests.len());
    for batch in requests.chunks(MAX_LOADED_FILES) {
        let hashes: Vec<ContentHash> = batch.iter().map(|request| request.hash).collect();
        let sources = store::load_sources(&config.state, &hashes).unwrap_or_else(|error| {
            tracing::error!(%error, "cannot load the published versions of articles");
            Vec::new()
        });
        let sources: HashMap<ContentHash, Vec<u8>> = sources.into_iter().collect();
        versions.extend(batch.iter().map(|request| {
            let bytes = sources.get(&request.hash).cloned();
            let article = bytes.and_then(|bytes| watch::read::parse_stored(root, request, bytes, &config.parsing));
            StoredVersion { request: request.clone(), article }
        }));
    }
    versions
}

/// The horizon is updated each time after this many articles.
const HORIZON_UPDATE_ARTICLES: usize = 1_024;

/// The inputs of a build besides the article files.
#[derive(Debug)]
pub struct Inputs<L> {
    /// A function that reads the ledger.
    pub ledger: L,
    /// The metadata that an earlier run parsed.
    pub cache: StateCache,
    /// An operator's command, which is executed after all files were read.
    pub command: Option<Command>,
    /// Whether every article is needed in full, and not only those that feeds may show.
    pub whole: bool,
}

/// Reads and builds everything once, for commands other than `serve`. `look` gets the parsed files, and `persist` the records that must be
/// durable before anybody sees the documents.
///
/// # Errors
/// If the ledger can't be read.
pub fn build_once(
    checked: Checked,
    config: &Config,
    inputs: Inputs<impl FnOnce() -> Result<Ledger, StoreError>>,
    progress: impl Fn(usize, usize) + Sync,
    mut look: impl FnMut(&[ParsedFile]),
    mut persist: impl FnMut(Vec<Record>),
) -> Result<Built, StoreError> {
    let root = root(config);
    let Inputs { ledger, cache, command, whole } = inputs;
    // A cache is open only if this process has locked the state.
    let is_state_locked = cache.is_open();
    let scan_progress = ScanProgress::default();
    // The ledger is read while articles are read, and the engine handles articles while others are read.
    let (listing, built) =
        watch::read_everything(&root, &config.parsing, cache, watch::clock, &scan_progress, &progress, |files| {
            let engine = Engine::with_ledger(ledger()?);
            let mut built = Built { deliveries: Vec::new(), answer: None, engine, is_state_locked };
            built.handle_event(&root, config, Event::Config(checked), &mut persist);
            let (mut count, mut next_update) = (0, HORIZON_UPDATE_ARTICLES);
            files.for_each(|files| {
                look(&files);
                count += files.len();
                built.handle_event(&root, config, Event::Files(files), &mut persist);
                if count >= next_update {
                    update_horizon(&mut built.engine, &scan_progress, whole);
                    next_update = count + HORIZON_UPDATE_ARTICLES;
                }
            });
            Ok(built)
        });
    let mut built = built?;
    built.handle_event(&root, config, Event::Rescan(listing), &mut persist);
    if let Some(command) = command {
        built.handle_event(&root, config, Event::Command(command, Ticket(0)), &mut persist);
    }
    Ok(built)
}

/// Exchanges progress during the first scan: the engine reserves space for the files found so far, and unless `whole`, the watcher learns
/// how old an article must be to be in no window.
pub(super) fn update_horizon(engine: &mut Engine, scan_progress: &ScanProgress, whole: bool) {
    engine.reserve(scan_progress.found.load(Ordering::Relaxed));
    if !whole {
        scan_progress.horizon.store(engine.horizon(), Ordering::Relaxed);
    }
}

/// The result of [`build_once`].
#[derive(Debug)]
pub struct Built {
    /// The engine, with the snapshot that readers would see.
    pub engine: Engine,
    /// The documents.
    pub deliveries: Vec<Delivery>,
    /// The answer to the command.
    pub answer: Option<Result<String, String>>,
    /// Whether this process has locked the state.
    is_state_locked: bool,
}

impl Built {
    /// Lets the engine handle an event, and executes its effects and those of the events that follow from them.
    fn handle_event(&mut self, root: &Root, config: &Config, event: Event, persist: &mut impl FnMut(Vec<Record>)) {
        let mut queue = VecDeque::from([event]);
        while let Some(event) = queue.pop_front() {
            for effect in self.engine.handle(event, now()) {
                match effect {
                    Effect::Resume => queue.push_front(Event::Resume),
                    Effect::Fetch(requests) => {
                        let (fetched, unfetched) = fetch(root, config, &requests, self.is_state_locked);
                        queue.push_back(Event::Fetched(fetched));
                        queue.extend((!unfetched.is_empty()).then_some(Event::Unfetched(unfetched)));
                    }
                    Effect::LoadStored(requests) => {
                        queue.push_back(Event::StoredVersion(load_stored(root, config, requests)));
                    }
                    Effect::Deliver(delivery) => self.deliveries.push(delivery),
                    Effect::Persist(records) => persist(records),
                    Effect::Answer(_, answer) => self.answer = Some(answer),
                    Effect::Withhold
                    | Effect::Store(_)
                    | Effect::Swap(_)
                    | Effect::Watch(_)
                    | Effect::Report(_)
                    | Effect::Log(_) => {}
                    // The whole ledger is in memory, so the engine never asks for dormant articles.
                    Effect::FindDormant(_) => {}
                }
            }
        }
    }
}

/// Reads the ledger without locking the state, for commands that change nothing.
///
/// # Errors
/// As [`store::read_ledger`].
pub fn read_ledger(config: &Config) -> Result<Ledger, StoreError> {
    store::read_ledger(&config.state)
}
