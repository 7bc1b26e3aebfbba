//! Builds everything once, for `dateline build` and other commands without a daemon.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;

use super::archive_files;
use super::bodies::{fetch, load_stored};
use super::clock::now;
use super::configuration::roots;
use super::metadata_cache::StateCache;
use crate::beneath::{Root, Roots};
use crate::config::{Checked, Config};
use crate::deliver::disk::DocumentReader;
use crate::diagnostics::Diagnostic;
use crate::engine::Engine;
use crate::event::{Answer, Delivery, Effect, Event, Explanation, Listing, ParsedFile, Query, Ticket};
use crate::ledger::{Ledger, Record};
use crate::snapshot::Resource;
use crate::store::{CacheUse, StoreError, StoreHandle, StoreOwner};
use crate::types::{ArticlePath, ContentHash};
use crate::watch::{self, ScanProgress};

/// The horizon is updated each time after this many articles.
const HORIZON_UPDATE_ARTICLES: usize = 1_024;

/// The inputs of a build besides the article files.
#[derive(Debug)]
pub struct Inputs<L> {
    /// A function that reads the ledger.
    pub ledger: L,
    /// The metadata that an earlier run parsed.
    pub cache: StateCache,
    /// An operator's request, which is handled after all files were read.
    pub request: Option<Event>,
    /// Whether every article is needed with its body, and not only those that feeds may show.
    pub needs_all_bodies: bool,
}

/// Reads and builds everything once, for commands other than `serve`. `inspect` receives the parsed files, and `persist` the records
/// that must be durable before anybody sees the documents.
///
/// # Errors
/// If the ledger can't be read.
pub fn build_once(
    checked: Checked,
    config: &Config,
    inputs: Inputs<impl FnOnce() -> Result<Ledger, StoreError>>,
    progress: impl Fn(usize, usize) + Sync,
    mut inspect: impl FnMut(&[ParsedFile]),
    mut persist: impl FnMut(Vec<Record>),
) -> Result<Built, StoreError> {
    let roots = roots(config);
    let Inputs { ledger, cache, request, needs_all_bodies } = inputs;
    // A cache is open only if this process has locked the state. Published versions are read in any case.
    let (owner, is_rendered) = match cache.owner() {
        Some(owner) => (owner, true),
        None => (Arc::new(StoreOwner::open_caches(&config.state, CacheUse::Ignore)?), false),
    };
    let store = owner.handle();
    let scan_progress = ScanProgress::default();
    let context = Context { roots: &roots, config, scan_progress: &scan_progress, needs_all_bodies };
    // The ledger is read while articles are read, and the engine handles articles while others are read.
    let (listing, built) = context.read(roots.content(), cache, &progress, |files| {
        let engine = Engine::with_ledger(ledger()?);
        let (deliveries, documents, read) = (Vec::new(), Arc::default(), 0);
        let mut built = Built { deliveries, documents, answer: None, engine, store, is_rendered, read };
        built.handle_event(&roots, config, Event::Config(checked), &mut persist);
        built.take_files(&context, files, &mut inspect, &mut persist);
        Ok(built)
    });
    let mut built: Built = built?;
    built.handle_event(&roots, config, Event::Rescan(listing), &mut persist);
    for root in roots.iter().filter(|root| root.source.is_some()) {
        let cache = if is_rendered { StateCache::of(built.store.clone()) } else { StateCache::none() };
        let before = built.read;
        let progress = |done, found| progress(before + done, found);
        let take = |files: &mut dyn Iterator<Item = _>| built.take_files(&context, files, &mut inspect, &mut persist);
        let (listing, ()) = context.read(root, cache, &progress, take);
        built.handle_event(&roots, config, Event::Rescan(listing), &mut persist);
    }
    if let Some(request) = request {
        built.handle_event(&roots, config, request, &mut persist);
    }
    Ok(built)
}

/// The dependencies of reading a source, besides the engine.
struct Context<'c> {
    roots: &'c Roots,
    config: &'c Config,
    scan_progress: &'c ScanProgress,
    needs_all_bodies: bool,
}

impl Context<'_> {
    /// Reads all files of a source.
    fn read<S>(
        &self,
        root: &Root,
        cache: StateCache,
        progress: &(impl Fn(usize, usize) + Sync),
        take: impl FnOnce(&mut dyn Iterator<Item = Vec<ParsedFile>>) -> S,
    ) -> (Listing, S) {
        let sources = &self.config.sources;
        let parsing = &sources.get(root.source.as_deref()).unwrap_or(&sources.content).parsing;
        watch::read_everything(root, parsing, cache, watch::clock, self.scan_progress, progress, take)
    }
}

/// Exchanges progress during the first scan: the engine reserves space for the files found so far, and the watcher learns
/// how old an article must be to be in no window, unless all bodies are needed.
pub(super) fn update_horizon(engine: &mut Engine, scan_progress: &ScanProgress, needs_all_bodies: bool) {
    engine.reserve(scan_progress.found.load(Ordering::Relaxed));
    if !needs_all_bodies {
        scan_progress.horizon.store(engine.horizon(), Ordering::Relaxed);
    }
}

/// The result of [`build_once`].
#[derive(Debug)]
pub struct Built {
    /// The engine, with the snapshot that readers would see.
    pub engine: Engine,
    /// The documents to deliver.
    pub deliveries: Vec<Delivery>,
    /// The bytes of all documents that were built.
    pub documents: Arc<HashMap<ContentHash, Bytes>>,
    /// The answer to the request, if it is a command.
    pub answer: Option<Result<String, String>>,
    store: StoreHandle,
    /// Whether bodies are rendered with the store's cache.
    is_rendered: bool,
    /// The number of files read so far.
    read: usize,
}

impl Built {
    /// Lets the engine handle files, and updates the progress now and then.
    fn take_files(
        &mut self,
        context: &Context<'_>,
        files: &mut dyn Iterator<Item = Vec<ParsedFile>>,
        inspect: &mut impl FnMut(&[ParsedFile]),
        persist: &mut impl FnMut(Vec<Record>),
    ) {
        for files in files {
            inspect(&files);
            let before = self.read / HORIZON_UPDATE_ARTICLES;
            self.read += files.len();
            self.handle_event(context.roots, context.config, Event::Files(files), persist);
            if self.read / HORIZON_UPDATE_ARTICLES > before {
                update_horizon(&mut self.engine, context.scan_progress, context.needs_all_bodies);
            }
        }
    }

    /// Lets the engine handle an event, and executes its effects and those of the events that follow from them.
    fn handle_event(&mut self, roots: &Roots, config: &Config, event: Event, persist: &mut impl FnMut(Vec<Record>)) {
        let mut queue = VecDeque::from([event]);
        while let Some(event) = queue.pop_front() {
            for effect in self.engine.handle(event, now()) {
                match effect {
                    Effect::Resume => queue.push_front(Event::Resume),
                    Effect::Fetch(requests) => {
                        let (fetched, unfetched) = fetch(roots, config, &self.store, &requests, self.is_rendered);
                        queue.push_back(Event::Fetched(fetched));
                        queue.extend((!unfetched.is_empty()).then_some(Event::Unfetched(unfetched)));
                    }
                    Effect::LoadStored(requests) => {
                        queue.push_back(Event::StoredVersion(load_stored(roots, config, &self.store, requests)));
                    }
                    Effect::Deliver(delivery) => self.deliveries.push(delivery),
                    Effect::Persist(records) => persist(records),
                    Effect::Answer(_, Answer::Command(answer)) => self.answer = Some(answer),
                    Effect::Store(documents) => {
                        let built = documents.into_iter().map(|document| (document.resource.hash, document.bytes));
                        Arc::make_mut(&mut self.documents).extend(built);
                    }
                    Effect::Withhold
                    | Effect::Swap(_)
                    | Effect::Watch(..)
                    | Effect::Report(_)
                    | Effect::Log(_)
                    | Effect::Answer(..) => {}
                    // The whole ledger is in memory, so the engine never asks for dormant articles.
                    Effect::FindDormant(_) => {}
                }
            }
        }
    }
}

impl Built {
    /// Returns the function that reads documents for deliveries.
    pub fn reader(&self) -> DocumentReader {
        let documents = Arc::clone(&self.documents);
        Box::new(move |_: &str, resource: &Arc<Resource>| {
            documents.get(&resource.hash).cloned().ok_or_else(|| io::ErrorKind::NotFound.into())
        })
    }

    /// Builds the archives that are files, and delivers them with the readers of their bytes, a part of them at a time.
    pub fn deliver_archives(&mut self, config: &Config, mut deliver: impl FnMut(&Delivery, DocumentReader)) {
        /// The manifest of the output directory is written with each delivery.
        const ARCHIVES_PER_DELIVERY: usize = 32;
        let roots = roots(config);
        let snapshot = self.engine.snapshot().clone();
        for addresses in archive_files::addresses(&snapshot).chunks(ARCHIVES_PER_DELIVERY) {
            let built = addresses.iter().filter_map(|(address, formats)| {
                let Some(Answer::Archive(contents)) = self.ask(Query::Archive(address.clone())) else { return None };
                let documents = archive_files::documents(&roots, config, &self.store, &*contents?, formats);
                Some((address.clone(), documents))
            });
            let built: Vec<_> = built.collect();
            let delivery = archive_files::delivery(&snapshot, &built);
            let documents = built.into_iter().flat_map(|(_, documents)| documents);
            let bytes: HashMap<ContentHash, Bytes> =
                documents.map(|(_, document)| (document.resource.hash, document.bytes)).collect();
            let reader = move |_: &str, resource: &Arc<Resource>| {
                bytes.get(&resource.hash).cloned().ok_or_else(|| io::ErrorKind::NotFound.into())
            };
            deliver(&delivery, Box::new(reader));
        }
    }

    /// The current problems, in full.
    pub fn problems(&mut self) -> Vec<Diagnostic> {
        match self.ask(Query::Problems) {
            Some(Answer::Problems(problems)) => problems,
            _ => Vec::new(),
        }
    }

    /// Where an article belongs, and which feeds have it and why.
    pub fn explanation(&mut self, path: ArticlePath) -> Option<Explanation> {
        match self.ask(Query::Article(path)) {
            Some(Answer::Article(explanation)) => explanation.map(|explanation| *explanation),
            _ => None,
        }
    }

    /// The articles whose id or date would change if the state were lost, each with which of the two.
    pub fn state_dependents(&mut self) -> Vec<(ArticlePath, &'static str)> {
        match self.ask(Query::StateDependents) {
            Some(Answer::StateDependents(dependents)) => dependents,
            _ => Vec::new(),
        }
    }

    /// Asks the engine. The answer is the only effect of a question.
    fn ask(&mut self, query: Query) -> Option<Answer> {
        match self.engine.handle(Event::Query(query, Ticket(0)), now()).pop() {
            Some(Effect::Answer(_, answer)) => Some(answer),
            _ => None,
        }
    }
}
