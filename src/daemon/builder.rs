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

/// What a request needs from the disk: the page of an article, or a media file.
pub(super) fn supply(
    content: &Arc<ArcSwap<Root>>,
    config: &Arc<ArcSwap<Config>>,
    demand: DiskRequest,
    wanted: &CancellationToken,
) -> io::Result<DiskResponse> {
    match demand {
        DiskRequest::Article(article) => article_page(content, config, &article, wanted),
        DiskRequest::Media(path) => {
            let (file, metadata) = watch::read::open_media(&content.load(), &path)?;
            let modified = metadata.modified().ok().and_then(|modified| Timestamp::try_from(modified).ok());
            Ok(DiskResponse::File { file, length: metadata.len(), modified })
        }
        // They are not in the content directory.
        DiskRequest::Document(..) | DiskRequest::Evict(_) => Err(io::ErrorKind::Unsupported.into()),
    }
}

/// The page of an article, of its file or, where that is broken or gone for now, of the last good version in the store. Stops once nobody
/// waits for it.
fn article_page(
    root: &Arc<ArcSwap<Root>>,
    live: &Arc<ArcSwap<Config>>,
    article: &Arc<PublishedArticle>,
    wanted: &CancellationToken,
) -> io::Result<DiskResponse> {
    let config = live.load_full();
    let content = root.load_full();
    let stop_if_abandoned = || if wanted.is_cancelled() { Err(io::ErrorKind::Interrupted) } else { Ok(()) };
    let sources = PageSources::of(&content, &article.path);
    let request = BodyRequest { path: article.path.clone(), hash: article.hash, shown: true, links: None };
    let read = watch::read::fetch_one(&content, &request, &config.parsing);
    let version = read.is_ok().then_some(article.hash);
    stop_if_abandoned()?;
    let (found, _) = complete(&content, &config, vec![read], false);
    let found = found.into_iter().find_map(|found| found.article);
    let body = found.and_then(|article| Some((article.metadata, article.body?)));
    let (metadata, body) = body.ok_or(io::ErrorKind::NotFound)?;
    stop_if_abandoned()?;
    // On its own page an article keeps the goals of its footnotes, which have no place among other articles.
    let links = LinkBase { anchors: true, ..assemble::link_base(article) };
    let rendered = render(&body, &links);
    stop_if_abandoned()?;
    let entry = assemble::entry(article, &metadata, &rendered);
    let page = Arc::new(encode::article_page(article, &entry));
    let sources = sources.with_files(&content, version, &metadata);
    let (root, live, hash) = (Arc::clone(root), Arc::clone(live), config.hash);
    let freshness = Freshness::new(move || {
        let config = live.load();
        config.hash == hash && sources.are_unchanged(&root.load(), &config.parsing)
    });
    Ok(DiskResponse::Page(page, freshness))
}

/// The bodies that the engine asked for: out of their files, or where those are others by now, out of the store; and those that cannot
/// be had. `keeps`: the state is ours, and rendered bodies are kept in it.
pub(super) fn fetch(
    root: &Root,
    config: &Config,
    requests: &[BodyRequest],
    keeps: bool,
) -> (Vec<FetchedBody>, Vec<UnfetchedBody>) {
    complete(root, config, watch::read::fetch(root, requests, &config.parsing), keeps)
}

/// Adds to bodies that were read what the store has of the others, and renders them.
pub(super) fn complete(
    root: &Root,
    config: &Config,
    read: Vec<Result<FetchedBody, Box<UnfetchedBody>>>,
    keeps: bool,
) -> (Vec<FetchedBody>, Vec<UnfetchedBody>) {
    let missing = read.iter().filter_map(|body| body.as_ref().err()).map(|missing| missing.request.clone());
    // In the same order.
    let mut recalled = recall(root, config, missing.collect()).into_iter();
    let (mut fetched, mut unfetched) = (Vec::with_capacity(read.len()), Vec::new());
    for body in read {
        let missing = match body {
            Ok(body) => {
                fetched.push(body);
                continue;
            }
            Err(missing) => *missing,
        };
        match recalled.next().and_then(|recalled| recalled.article) {
            Some(article) => {
                let source = article.source.clone();
                fetched.push(FetchedBody { request: missing.request, article: Some(article), rendered: None, source });
            }
            None => unfetched.push(missing),
        }
    }
    if keeps {
        render_all(config, &mut fetched);
    }
    (fetched, unfetched)
}

/// Renders bodies, or takes them from where an earlier run kept them.
fn render_all(config: &Config, fetched: &mut [FetchedBody]) {
    let key = |fetched: &FetchedBody| {
        let links = fetched.request.links.as_ref()?;
        fetched.article.as_ref()?.body.as_ref().map(|_| RenderKey::new(fetched.request.hash, links).hash())
    };
    /// To render so few takes no longer than to open the file.
    const FEW: usize = 16;
    /// The engine does not wait for ever: what is not rendered by then it renders itself.
    const LONGEST: Duration = Duration::from_secs(2);
    let keys: Vec<ContentHash> = fetched.iter().filter_map(key).collect();
    if keys.len() <= FEW {
        return;
    }
    let mut renderings = Renderings::open(&config.state);
    let kept = renderings.as_ref().map(|renderings| renderings.get(&keys)).unwrap_or_default();
    let (is_kept, begun) = (renderings.is_some(), Instant::now());
    let rendered = parallel::on_all_cores(fetched, |fetched| {
        let key = key(fetched)?;
        if let Some(rendered) = kept.get(&key).and_then(PackedRendering::open) {
            return Some((key, Arc::new(rendered), None));
        }
        if begun.elapsed() > LONGEST {
            return None;
        }
        let (links, article) = (fetched.request.links.as_ref()?, fetched.article.as_ref()?);
        // Where that ends in a panic, the engine tries it itself and says of which file.
        let rendered = parallel::catch_panic(|| article.body.as_ref().map(|body| render(body, links))).flatten()?;
        let packed = is_kept.then(|| PackedRendering::of(&rendered)).flatten();
        Some((key, Arc::new(rendered), packed))
    });
    let mut new = Vec::new();
    for (place, (key, rendered, packed)) in
        fetched.iter_mut().zip(rendered).filter_map(|(place, made)| Some((place, made?)))
    {
        place.rendered = Some(rendered);
        new.extend(packed.map(|packed| (key, packed)));
    }
    if let Some(renderings) = renderings.as_mut().filter(|_| !new.is_empty()) {
        renderings.store(&new);
    }
}

/// Files of the store that are in memory at a time.
pub(super) const MAX_RECALLED_FILES: usize = 256;

/// Versions that are public, out of the store, in the order of the requests.
pub(super) fn recall(root: &Root, config: &Config, requests: Vec<BodyRequest>) -> Vec<StoredVersion> {
    let mut recalled = Vec::with_capacity(requests.len());
    for batch in requests.chunks(MAX_RECALLED_FILES) {
        let hashes: Vec<ContentHash> = batch.iter().map(|request| request.hash).collect();
        let kept = store::load_sources(&config.state, &hashes).unwrap_or_else(|trouble| {
            tracing::error!(error = %trouble, "cannot load the published versions of articles");
            Vec::new()
        });
        let kept: HashMap<ContentHash, Vec<u8>> = kept.into_iter().collect();
        recalled.extend(batch.iter().map(|request| {
            let bytes = kept.get(&request.hash).cloned();
            let article = bytes.and_then(|bytes| watch::read::parse_stored(root, request, bytes, &config.parsing));
            StoredVersion { request: request.clone(), article }
        }));
    }
    recalled
}

/// After so many articles it is seen how many there are, and how old those are that windows hold.
const HORIZON: usize = 1_024;

/// What a build starts from besides the files.
#[derive(Debug)]
pub struct Inputs<L> {
    /// Gives what is remembered.
    pub ledger: L,
    /// What was read before.
    pub cache: StateCache,
    /// What an operator asks for.
    pub command: Option<Command>,
    /// Whether somebody wants to see every article whole, and not only those that feeds may show.
    pub whole: bool,
}

/// Reads everything once and builds it, after a command if there is one: for the commands that do not stay. `look` sees what was
/// read, and `persist` gets what must be durable before the documents are shown to anybody.
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
    let keeps = cache.keeps();
    let meanwhile = ScanProgress::default();
    // The state is opened while articles are read, and they are taken in while others are read.
    let (listing, built) =
        watch::read_everything(&root, &config.parsing, cache, watch::clock, &meanwhile, &progress, |files| {
            let engine = Engine::with_ledger(ledger()?);
            let mut built = Built { deliveries: Vec::new(), answer: None, engine, keeps };
            built.tell(&root, config, Event::Config(checked), &mut persist);
            let (mut taken, mut next) = (0, HORIZON);
            files.for_each(|files| {
                look(&files);
                taken += files.len();
                built.tell(&root, config, Event::Files(files), &mut persist);
                if taken >= next {
                    look_ahead(&mut built.engine, &meanwhile, whole);
                    next = taken + HORIZON;
                }
            });
            Ok(built)
        });
    let mut built = built?;
    built.tell(&root, config, Event::Rescan(listing), &mut persist);
    if let Some(command) = command {
        built.tell(&root, config, Event::Command(command, Ticket(0)), &mut persist);
    }
    Ok(built)
}

/// While everything is read: room is made for what was found so far, and unless all is wanted `whole`, who reads is told what no window
/// will show.
pub(super) fn look_ahead(engine: &mut Engine, meanwhile: &ScanProgress, whole: bool) {
    engine.reserve(meanwhile.found.load(Ordering::Relaxed));
    if !whole {
        meanwhile.horizon.store(engine.horizon(), Ordering::Relaxed);
    }
}

/// What one run over everything gives.
#[derive(Debug)]
pub struct Built {
    /// The engine, and in it what readers would see.
    pub engine: Engine,
    /// The documents.
    pub deliveries: Vec<Delivery>,
    /// What came of the command.
    pub answer: Option<Result<String, String>>,
    /// Whether the state is ours.
    keeps: bool,
}

impl Built {
    /// Tells the engine what happened, and does what it says until it has nothing more to say.
    fn tell(&mut self, root: &Root, config: &Config, event: Event, persist: &mut impl FnMut(Vec<Record>)) {
        let mut queue = VecDeque::from([event]);
        while let Some(event) = queue.pop_front() {
            for effect in self.engine.handle(event, now()) {
                match effect {
                    Effect::Resume => queue.push_front(Event::Resume),
                    Effect::Fetch(requests) => {
                        let (fetched, unfetched) = fetch(root, config, &requests, self.keeps);
                        queue.push_back(Event::Fetched(fetched));
                        queue.extend((!unfetched.is_empty()).then_some(Event::Unfetched(unfetched)));
                    }
                    Effect::LoadStored(requests) => {
                        queue.push_back(Event::StoredVersion(recall(root, config, requests)));
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
                    // All that is remembered is in memory.
                    Effect::FindDormant(_) => {}
                }
            }
        }
    }
}

/// What is remembered so far, for commands that only look.
pub fn remembered(config: &Config) -> Result<Ledger, StoreError> {
    store::read_ledger(&config.state)
}
