//! Verifies the documents of the previous run before readers get them: an article may have been embargoed, retracted, edited or deleted
//! while no daemon ran.
//!
//! # How is a document verified?
//!
//! The first request for a document compares the files of its entries with the versions that it shows (`watch::verify`). The document is
//! served if all files are unchanged. Otherwise the answer is 503 until the engine has read all articles and published its own
//! documents. Requests for the documents of one feed share a verification, and its verdict holds for a second or more.
//!
//! # Why does it have its own threads?
//!
//! A content directory that doesn't respond must neither stop publication, which needs threads too, nor make readers wait for longer
//! than [`SAVED_VERIFY_TIMEOUT`].

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use arc_swap::{ArcSwap, ArcSwapOption};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::metadata_cache::to_cached_row;
use crate::beneath::{Root, Roots};
use crate::config::Config;
use crate::diagnostics::{Code, Diagnostic, Place};
use crate::ledger::Record;
use crate::snapshot::{Report, ResourceKind, Snapshot};
use crate::store::{ItemKey, Row, SavedFile, SavedSources, StoreHandle, feed_of};
use crate::types::ArticlePath;
use crate::watch::stat::stat_file;
use crate::watch::verify::{FileComparer, FileComparison, RootState, StatedKeys};

/// The time that a request waits for the verification of a document. Then the answer is 503, and the verification continues.
pub(super) const SAVED_VERIFY_TIMEOUT: Duration = Duration::from_secs(2);
/// The shortest time that a verdict holds. After a long verification the verdict holds longer, so that verification uses a fifth of a
/// thread's time at most.
const MIN_VERDICT_LIFETIME: Duration = Duration::from_secs(1);
const LIFETIME_PER_DURATION: u32 = 4;
const VERIFY_THREADS: usize = 4;
/// The interval at which the content directory is checked until the first publication.
const ROOT_CHECK_INTERVAL: Duration = Duration::from_secs(1);
/// The number of files whose cached metadata is queried at a time.
const FILES_PER_QUERY: usize = 64;
/// The number of files that are looked for in a content directory that is on another device than before.
const SAMPLE_FILES: usize = 16;

/// The documents of the previous run, until the first publication.
#[derive(Clone, Default)]
pub(super) struct SavedDocuments(Arc<ArcSwapOption<Verifier>>);

impl SavedDocuments {
    /// Starts to verify documents that depend on the files `sources` below `roots`. The metadata cache is read from `store`.
    pub(super) fn new(roots: &Roots, config: &Config, store: StoreHandle, sources: SavedSources) -> SavedDocuments {
        let comparer = |root: &Root| {
            let source = config.sources.get(root.source.as_deref())?;
            Some((source.name.clone(), FileComparer::new(root.clone(), Arc::clone(&source.parsing))))
        };
        let comparers = roots.iter().filter_map(comparer).collect();
        SavedDocuments(Arc::new(ArcSwapOption::from(Verifier::start(comparers, store, sources))))
    }

    /// Whether a document may be served. `false` if the verification takes too long, or newer documents were published.
    pub(super) fn verify(&self, route: &str, kind: ResourceKind) -> impl Future<Output = bool> + Send + use<> {
        let verdict = self.0.load().as_ref().map(|verifier| verifier.verify(route, kind));
        async move {
            let Some(mut verdict) = verdict else { return false };
            let verdict = timeout(SAVED_VERIFY_TIMEOUT, verdict.wait_for(Option::is_some)).await;
            verdict
                .is_ok_and(|verdict| verdict.is_ok_and(|verdict| verdict.is_some_and(|verdict| verdict.is_unchanged)))
        }
    }

    /// Withholds documents that show an article which these records withdraw. Returns `false` if that can't be decided per document.
    pub(super) fn withhold(&self, records: &[Record]) -> bool {
        let mut withheld = HashSet::new();
        for record in records {
            match record {
                Record::Retracted { path, .. } | Record::Withdrawn { path, .. } => drop(withheld.insert(path.clone())),
                Record::Moved { from, .. } => drop(withheld.insert(from.clone())),
                Record::Replaced { .. } => return false,
                _ => {}
            }
        }
        if let Some(verifier) = self.0.load().as_ref().filter(|_| !withheld.is_empty()) {
            let mut verdicts = verifier.lock();
            verdicts.withheld.extend(withheld);
            verdicts.by_feed.clear();
        }
        true
    }

    /// Ends verification after the first publication.
    pub(super) fn finish(&self) {
        self.0.store(None);
    }

    /// Reports in the log and on the admin pages while the content directory is unavailable, so that documents are served unverified or
    /// not at all.
    pub(super) async fn watch_root(self, snapshot: Arc<ArcSwap<Snapshot>>, name: String) {
        let mut reported = None;
        let mut pending: Option<watch::Receiver<Option<Absence>>> = None;
        loop {
            let Some(verifier) = self.0.load_full() else { return };
            let verdict = pending.get_or_insert_with(|| verifier.check_root());
            drop(verifier);
            let problem = match timeout(SAVED_VERIFY_TIMEOUT, verdict.wait_for(Option::is_some)).await {
                Err(_) => Some("does not answer; until it does, documents of the last run are answered 503".to_owned()),
                Ok(Err(_)) => return,
                Ok(Ok(absence)) => {
                    let served = "documents of the last run are served as if nothing in it had changed";
                    absence.clone().flatten().map(|why| format!("{why}; {served}"))
                }
            };
            // While there is no answer, a second check would only block another thread.
            pending = pending.filter(|absence| absence.borrow().is_none());
            let problem = problem.map(|problem| format!("the content directory {problem}"));
            if problem != reported {
                match &problem {
                    Some(problem) => tracing::warn!(problem, "content directory unavailable"),
                    None => tracing::info!("content directory available again"),
                }
                report(&snapshot, problem.as_deref(), &name);
                reported = problem;
            }
            sleep(ROOT_CHECK_INTERVAL).await;
        }
    }
}

/// Sets or removes the problem of the content directory in the report of a snapshot with the previous run's documents.
fn report(snapshot: &ArcSwap<Snapshot>, problem: Option<&str>, name: &str) {
    let diagnostic = problem.map(|problem| {
        Diagnostic::new(Code::ContentUnreachable, problem)
            .at(Place::file(name))
            .help("mount it, or give dateline permission to read it")
    });
    snapshot.rcu(|snapshot| {
        if snapshot.generation > 0 {
            return Arc::clone(snapshot);
        }
        let mut report = Report::clone(&snapshot.report);
        report.problems.retain(|problem| problem.code != Code::ContentUnreachable);
        report.problems.extend(diagnostic.clone());
        Arc::new(Snapshot { report: Arc::new(report), ..Snapshot::clone(snapshot) })
    });
}

/// The reason why the content directory seems to be missing. `None` if it is present.
type Absence = Option<String>;

#[derive(Clone, Copy, Debug)]
struct Verdict {
    is_unchanged: bool,
    expires: Instant,
}

type VerdictReceiver = watch::Receiver<Option<Verdict>>;

enum Job {
    Document { route: Box<str>, kind: ResourceKind, verdict: watch::Sender<Option<Verdict>> },
    Root(watch::Sender<Option<Absence>>),
}

/// The name of a source. `None`: the content directory.
type Name = Option<Arc<str>>;

struct Verifier {
    /// The comparer of each source.
    comparers: HashMap<Name, FileComparer>,
    store: StoreHandle,
    sources: SavedSources,
    verdicts: Mutex<Verdicts>,
    /// The keys that the agencies' files of each source state.
    stated_keys: Mutex<HashMap<Name, SharedKeys>>,
    jobs: Sender<Job>,
}

/// The keys that agencies' files state, the directory of the files, and when the keys expire.
type SharedKeys = (Arc<StatedKeys>, PathBuf, Instant);

#[derive(Default)]
struct Verdicts {
    /// The verdict on each feed's documents. A receiver contains `None` during the verification.
    by_feed: HashMap<Box<str>, VerdictReceiver>,
    /// Articles that were withdrawn since the start.
    withheld: HashSet<ArticlePath>,
}

impl Verifier {
    /// Starts the threads. `None` if the system can't start them.
    fn start(
        comparers: HashMap<Name, FileComparer>,
        store: StoreHandle,
        sources: SavedSources,
    ) -> Option<Arc<Verifier>> {
        let (jobs, inbox) = channel();
        let verifier = Arc::new(Verifier {
            comparers,
            store,
            sources,
            verdicts: Mutex::default(),
            stated_keys: Mutex::default(),
            jobs,
        });
        let inbox = Arc::new(Mutex::new(inbox));
        for _ in 0..VERIFY_THREADS {
            let (verifier, inbox) = (Arc::downgrade(&verifier), Arc::clone(&inbox));
            let thread = std::thread::Builder::new().name("verify".into());
            if let Err(error) = thread.spawn(move || run_jobs(&verifier, &inbox)) {
                tracing::warn!(%error, "cannot start a thread that verifies saved documents; they are not served");
                return None;
            }
        }
        Some(verifier)
    }

    /// Returns the receiver of the verdict on a document. Starts a verification if there is no current verdict.
    fn verify(&self, route: &str, kind: ResourceKind) -> VerdictReceiver {
        let key = if kind == ResourceKind::Opml { route } else { feed_of(route) };
        let mut verdicts = self.lock();
        let is_expired =
            |verdict: &VerdictReceiver| verdict.borrow().is_some_and(|verdict| verdict.expires < Instant::now());
        if let Some(verdict) = verdicts.by_feed.get(key).filter(|verdict| !is_expired(verdict)) {
            return verdict.clone();
        }
        let (verdict, receiver) = watch::channel(None);
        verdicts.by_feed.insert(key.into(), receiver.clone());
        // The threads live as long as the verifier.
        self.jobs.send(Job::Document { route: route.into(), kind, verdict }).unwrap_or_default();
        receiver
    }

    fn check_root(&self) -> watch::Receiver<Option<Absence>> {
        let (absence, receiver) = watch::channel(None);
        self.jobs.send(Job::Root(absence)).unwrap_or_default();
        receiver
    }

    fn execute(&self, job: Job) {
        match job {
            Job::Root(absence) => {
                let content = self.comparers.get(&None).map(FileComparer::resolve_again);
                absence.send_replace(Some(content.and_then(|content| self.absence(&content))));
            }
            Job::Document { route, kind, verdict } => {
                let begun = Instant::now();
                let is_unchanged = self.is_unchanged(&route, kind);
                let lifetime = (begun.elapsed() * LIFETIME_PER_DURATION).max(MIN_VERDICT_LIFETIME);
                let expires = Instant::now() + lifetime;
                verdict.send_replace(Some(Verdict { is_unchanged, expires }));
            }
        }
    }

    /// Whether all files that a document depends on are unchanged.
    fn is_unchanged(&self, route: &str, kind: ResourceKind) -> bool {
        let Some(files) = self.sources.of(route, kind) else { return false };
        let withheld = self.lock().withheld.clone();
        // The directories may have been swapped since the start. Those of other sources aren't looked at, because they may not respond.
        let names: HashSet<Name> = files.iter().map(|file| file.path.source().map(Arc::from)).collect();
        let comparers = names.into_iter().map(|name| Some((name.clone(), self.comparers.get(&name)?.resolve_again())));
        // A source that was removed from the configuration.
        let Some(comparers) = comparers.collect::<Option<HashMap<Name, FileComparer>>>() else { return false };
        let mut absent: HashMap<Name, bool> = HashMap::new();
        let mut is_same = |file: &SavedFile, row: Option<Row>| {
            let name = file.path.source().map(Arc::from);
            let Some(comparer) = comparers.get(&name) else { return false };
            match comparer.compare(&file.path, file.hash, row.map(to_cached_row)) {
                FileComparison::Unchanged => true,
                FileComparison::Changed => false,
                FileComparison::Missing | FileComparison::Unreadable => {
                    *absent.entry(name).or_insert_with(|| self.absence(comparer).is_some())
                }
            }
        };
        let mut are_same = |files: &[&SavedFile]| {
            // The row of an item is that of its file.
            let paths: Vec<ArticlePath> = files.iter().map(|file| ArticlePath::new(file.path.file())).collect();
            files.iter().zip(self.store.cached_rows(&paths)).all(|(file, row)| is_same(file, row))
        };
        !files.iter().any(|file| withheld.contains(&file.path))
            && files.chunks(FILES_PER_QUERY).all(&mut are_same)
            && comparers.iter().all(|(name, comparer)| {
                let is_of_source = |file: &&&SavedFile| file.path.source() == name.as_deref();
                self.are_keys_unique(comparer, files.iter().filter(is_of_source).copied())
            })
    }

    /// Whether no other file of a source states the key of one of these items. An agency kills an item, or a picture of it, by a new file,
    /// which may be in any folder.
    fn are_keys_unique<'f>(&self, comparer: &FileComparer, files: impl Iterator<Item = &'f SavedFile>) -> bool {
        let items: Vec<_> = files.filter_map(|file| Some((file.key.as_ref()?, &file.path))).collect();
        if items.is_empty() {
            return true;
        }
        let stated = self.stated_keys(comparer);
        let is_unique = |(key, path): (&ItemKey, &ArticlePath)| match key {
            ItemKey::Known(key) => stated.is_unique(key, path),
            ItemKey::Unknown => None,
        };
        items.into_iter().all(|item| is_unique(item).unwrap_or_else(|| self.absence(comparer).is_some()))
    }

    /// Returns the keys that agencies' files state. Verifications share them for a while, because all folders have to be read.
    fn stated_keys(&self, comparer: &FileComparer) -> Arc<StatedKeys> {
        let mut shared = self.stated_keys.lock().unwrap_or_else(PoisonError::into_inner);
        let is_current = |root: &PathBuf, expires: &Instant| *root == comparer.root().path && *expires > Instant::now();
        let source = &comparer.root().source;
        if let Some((stated, ..)) = shared.get(source).filter(|(_, root, expires)| is_current(root, expires)) {
            return Arc::clone(stated);
        }
        let begun = Instant::now();
        let rows = |folder: &str| {
            let rows = self.store.cached_folder(folder).unwrap_or_default().into_iter();
            rows.map(|(name, row)| (name, to_cached_row(row))).collect()
        };
        let stated = Arc::new(comparer.stated_keys(&self.sources.top_folders(source.as_deref()), rows));
        let lifetime = (begun.elapsed() * LIFETIME_PER_DURATION).max(MIN_VERDICT_LIFETIME);
        let shared_keys = (Arc::clone(&stated), comparer.root().path.clone(), Instant::now() + lifetime);
        shared.insert(source.clone(), shared_keys);
        stated
    }

    /// Returns why the directory of a source seems to be missing. A directory on another device counts as present if some of its files are
    /// there.
    fn absence(&self, comparer: &FileComparer) -> Absence {
        match RootState::of(comparer.root()) {
            RootState::Unreachable(why) => Some(format!("cannot be looked at: {why}")),
            RootState::Empty => Some("is empty, as where a disk is not mounted".to_owned()),
            RootState::Present(device) => {
                // Only the device of the content directory is recorded.
                let before = self.sources.device.filter(|_| comparer.root().source.is_none());
                let is_other = before.is_some_and(|before| before != device);
                let is_there = |file: &SavedFile| {
                    file.path.source().is_none() && !matches!(stat_file(comparer.root(), &file.path), Ok(None))
                };
                let is_gone = is_other && !self.sources.sample(SAMPLE_FILES).any(is_there);
                is_gone.then(|| "is on another device than before, and none of its articles is there".to_owned())
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Verdicts> {
        self.verdicts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Executes jobs until the verifier is dropped, which the first publication does.
fn run_jobs(verifier: &Weak<Verifier>, inbox: &Mutex<Receiver<Job>>) {
    loop {
        let job = inbox.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let (Ok(job), Some(verifier)) = (job, verifier.upgrade()) else { return };
        verifier.execute(job);
    }
}
