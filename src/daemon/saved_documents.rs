//! Verifies the documents of the last run before readers get them: an article may have been embargoed, retracted, edited or deleted
//! while no daemon ran.
//!
//! When a document is first asked for, the files of its entries are compared with the versions that it shows
//! ([`watch::verify`]). It is served if all of them are unchanged. Otherwise it is answered 503 until the engine has read all articles
//! and published its own. Requests for the documents of one feed share a verification, and its verdict holds for a moment.
//!
//! The comparison runs on threads of its own: a content directory that doesn't answer must neither stop publication, which needs
//! threads too, nor make readers wait for longer than [`SAVED_VERIFY_TIMEOUT`].

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use arc_swap::{ArcSwap, ArcSwapOption};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::metadata_cache::cached;
use crate::article::ParseOptions;
use crate::beneath::Root;
use crate::diagnostics::{Code, Diagnostic, Place};
use crate::ledger::Record;
use crate::snapshot::{Report, ResourceKind, Snapshot};
use crate::store::{CacheReader, SavedFile, SavedSources, feed_of};
use crate::types::ArticlePath;
use crate::watch::stat::stat_file;
use crate::watch::verify::{FileComparer, FileComparison, RootState, StatedIds};

/// How long a request waits for the verification of a document; then it is answered 503. The verification goes on.
pub(super) const SAVED_VERIFY_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a verdict holds; longer where the verification took long, so that it takes a fifth of a thread's time at most.
const VERDICT_LIFETIME: Duration = Duration::from_secs(1);
const LIFETIME_PER_DURATION: u32 = 4;
const VERIFY_THREADS: usize = 4;
/// How often the content directory as a whole is looked at until everything is known.
const ROOT_CHECK_INTERVAL: Duration = Duration::from_secs(1);
/// So many files tell whether anything is left of a content directory that is on another device.
const SAMPLE_FILES: usize = 16;

/// The documents of the last run, until everything is known.
#[derive(Clone, Default)]
pub(super) struct SavedDocuments(Arc<ArcSwapOption<Verifier>>);

impl SavedDocuments {
    /// Documents that depend on files below a content directory. What an earlier run kept of these is in the state directory.
    pub(super) fn new(root: Root, parsing: Arc<ParseOptions>, state: PathBuf, sources: SavedSources) -> SavedDocuments {
        SavedDocuments(Arc::new(ArcSwapOption::from(Verifier::start(root, parsing, state, sources))))
    }

    /// Whether a document may be shown. `false` also where that isn't known in time, or where there are newer ones by now.
    pub(super) fn verify(&self, route: &str, kind: ResourceKind) -> impl Future<Output = bool> + Send + use<> {
        let verdict = self.0.load().as_ref().map(|verifier| verifier.ask(route, kind));
        async move {
            let Some(mut verdict) = verdict else { return false };
            let verdict = timeout(SAVED_VERIFY_TIMEOUT, verdict.wait_for(Option::is_some)).await;
            verdict
                .is_ok_and(|verdict| verdict.is_ok_and(|verdict| verdict.is_some_and(|verdict| verdict.is_unchanged)))
        }
    }

    /// Withholds documents that show an article which these records take from readers. `false`: nobody can say which those are.
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
            let mut asked = verifier.lock();
            asked.withheld.extend(withheld);
            asked.verdicts.clear();
        }
        true
    }

    /// Everything is known: there is nothing left to verify.
    pub(super) fn finish(&self) {
        self.0.store(None);
    }

    /// Says in the log and to operators while the content directory cannot be looked at, so that documents are served unverified or not
    /// at all.
    pub(super) async fn watch_root(self, snapshot: Arc<ArcSwap<Snapshot>>, name: String) {
        let mut said = None;
        let mut asked: Option<watch::Receiver<Option<Absence>>> = None;
        loop {
            let Some(verifier) = self.0.load_full() else { return };
            let verdict = asked.get_or_insert_with(|| verifier.ask_for_root());
            drop(verifier);
            let problem = match timeout(SAVED_VERIFY_TIMEOUT, verdict.wait_for(Option::is_some)).await {
                Err(_) => Some("does not answer; until it does, documents of the last run are answered 503".to_owned()),
                Ok(Err(_)) => return,
                Ok(Ok(absence)) => {
                    let served = "documents of the last run are served as if nothing in it had changed";
                    absence.clone().flatten().map(|why| format!("{why}; {served}"))
                }
            };
            // While there is no answer, asking again would only take another thread.
            asked = asked.filter(|absence| absence.borrow().is_none());
            let problem = problem.map(|problem| format!("the content directory {problem}"));
            if problem != said {
                match &problem {
                    Some(problem) => tracing::warn!(problem, "content directory unavailable"),
                    None => tracing::info!("content directory available again"),
                }
                report(&snapshot, problem.as_deref(), &name);
                said = problem;
            }
            sleep(ROOT_CHECK_INTERVAL).await;
        }
    }
}

/// Puts what is wrong with the content directory into the report of a snapshot that shows the last run.
fn report(snapshot: &ArcSwap<Snapshot>, problem: Option<&str>, name: &str) {
    let diagnostic = problem.map(|problem| {
        Diagnostic::new(Code::ContentUnreachable, problem)
            .at(Place::file(name))
            .help("mount it, or give dateline the right to read it")
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

/// Why the content directory looks as if it weren't there; `None`: it is there.
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

struct Verifier {
    comparison: FileComparer,
    state: PathBuf,
    sources: SavedSources,
    asked: Mutex<Asked>,
    /// The ids that wire texts state, below which directory, and until when that holds.
    stated: Mutex<Option<(Arc<StatedIds>, PathBuf, Instant)>>,
    jobs: Sender<Job>,
}

#[derive(Default)]
struct Asked {
    /// By feed. `None` inside: the verification is under way.
    verdicts: HashMap<Box<str>, VerdictReceiver>,
    /// Articles that were taken from readers since the start.
    withheld: HashSet<ArticlePath>,
}

impl Verifier {
    /// `None` where there are no threads to be had.
    fn start(root: Root, parsing: Arc<ParseOptions>, state: PathBuf, sources: SavedSources) -> Option<Arc<Verifier>> {
        let (jobs, inbox) = channel();
        let comparison = FileComparer::new(root, parsing);
        let verifier =
            Arc::new(Verifier { comparison, state, sources, asked: Mutex::default(), stated: Mutex::default(), jobs });
        let inbox = Arc::new(Mutex::new(inbox));
        for _ in 0..VERIFY_THREADS {
            let (verifier, inbox) = (Arc::downgrade(&verifier), Arc::clone(&inbox));
            let thread = std::thread::Builder::new().name("verify".into());
            if let Err(error) = thread.spawn(move || work(&verifier, &inbox)) {
                tracing::warn!(%error, "cannot start a thread that verifies saved documents; they are not served");
                return None;
            }
        }
        Some(verifier)
    }

    /// The verdict on a document, or where to wait for it.
    fn ask(&self, route: &str, kind: ResourceKind) -> VerdictReceiver {
        let key = if kind == ResourceKind::Opml { route } else { feed_of(route) };
        let mut asked = self.lock();
        let is_over =
            |verdict: &VerdictReceiver| verdict.borrow().is_some_and(|verdict| verdict.expires < Instant::now());
        if let Some(verdict) = asked.verdicts.get(key).filter(|verdict| !is_over(verdict)) {
            return verdict.clone();
        }
        let (verdict, receiver) = watch::channel(None);
        asked.verdicts.insert(key.into(), receiver.clone());
        // The threads live as long as this does.
        self.jobs.send(Job::Document { route: route.into(), kind, verdict }).unwrap_or_default();
        receiver
    }

    fn ask_for_root(&self) -> watch::Receiver<Option<Absence>> {
        let (absence, receiver) = watch::channel(None);
        self.jobs.send(Job::Root(absence)).unwrap_or_default();
        receiver
    }

    fn carry_out(&self, job: Job, cache: &CacheReader) {
        match job {
            Job::Root(absence) => drop(absence.send_replace(Some(self.absence(&self.comparison.resolve_again())))),
            Job::Document { route, kind, verdict } => {
                let begun = Instant::now();
                let is_unchanged = self.is_unchanged(&route, kind, cache);
                let lifetime = (begun.elapsed() * LIFETIME_PER_DURATION).max(VERDICT_LIFETIME);
                let expires = Instant::now() + lifetime;
                verdict.send_replace(Some(Verdict { is_unchanged, expires }));
            }
        }
    }

    /// Whether everything that a document depends on is as it was.
    fn is_unchanged(&self, route: &str, kind: ResourceKind, cache: &CacheReader) -> bool {
        let Some(files) = self.sources.of(route, kind) else { return false };
        let withheld = self.lock().withheld.clone();
        // The content directory may have been swapped since the start.
        let comparison = self.comparison.resolve_again();
        let mut is_absent = None;
        let mut is_absent = || *is_absent.get_or_insert_with(|| self.absence(&comparison).is_some());
        let is_same = |file: &&SavedFile| {
            let row = cache.of_file(&file.path).map(cached);
            match comparison.compare(&file.path, file.hash, row) {
                FileComparison::Unchanged => true,
                FileComparison::Changed => false,
                FileComparison::Missing | FileComparison::Unreadable => is_absent(),
            }
        };
        !files.iter().any(|file| withheld.contains(&file.path))
            && files.iter().all(is_same)
            && self.are_items_alone(&comparison, &files, cache)
    }

    /// Whether no other file is about one of the items among these: a kill arrives as a new file, in whatever folder.
    fn are_items_alone(&self, comparison: &FileComparer, files: &[&SavedFile], cache: &CacheReader) -> bool {
        let items: Vec<_> = files.iter().filter_map(|file| Some((file.id.as_ref()?, &file.path))).collect();
        if items.is_empty() {
            return true;
        }
        let stated = self.stated_ids(comparison, cache);
        let is_alone = |(id, path)| stated.is_unique(id, path);
        items.into_iter().all(|item| is_alone(item).unwrap_or_else(|| self.absence(comparison).is_some()))
    }

    /// The ids that wire texts state. All verifications within a moment share them, since all folders are looked at.
    fn stated_ids(&self, comparison: &FileComparer, cache: &CacheReader) -> Arc<StatedIds> {
        let mut shared = self.stated.lock().unwrap_or_else(PoisonError::into_inner);
        let holds = |root: &PathBuf, expires: &Instant| *root == comparison.root().path && *expires > Instant::now();
        if let Some((stated, ..)) = shared.as_ref().filter(|(_, root, expires)| holds(root, expires)) {
            return Arc::clone(stated);
        }
        let begun = Instant::now();
        let rows = |folder: &str| {
            let rows = cache.of_folder(folder).into_iter();
            rows.map(|(name, row)| (name, cached(row))).collect()
        };
        let stated = Arc::new(comparison.stated_ids(&self.sources.top_folders(), rows));
        let lifetime = (begun.elapsed() * LIFETIME_PER_DURATION).max(VERDICT_LIFETIME);
        *shared = Some((Arc::clone(&stated), comparison.root().path.clone(), Instant::now() + lifetime));
        stated
    }

    /// Why the content directory looks as if it weren't there. One on another device may have been moved with its files.
    fn absence(&self, comparison: &FileComparer) -> Absence {
        match RootState::of(comparison.root()) {
            RootState::Unreachable(why) => Some(format!("cannot be looked at: {why}")),
            RootState::Empty => Some("is empty, as where a disk is not mounted".to_owned()),
            RootState::Present(device) => {
                let is_other = self.sources.device.is_some_and(|before| before != device);
                let is_there = |file: &SavedFile| !matches!(stat_file(comparison.root(), &file.path), Ok(None));
                let is_gone = is_other && !self.sources.sample(SAMPLE_FILES).any(is_there);
                is_gone.then(|| "is on another device than before, and none of its articles is there".to_owned())
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Asked> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Carries out jobs until everything is known.
fn work(verifier: &Weak<Verifier>, inbox: &Mutex<Receiver<Job>>) {
    let mut cache = None;
    loop {
        let job = inbox.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let (Ok(job), Some(verifier)) = (job, verifier.upgrade()) else { return };
        let cache = cache.get_or_insert_with(|| CacheReader::open(&verifier.state));
        verifier.carry_out(job, cache);
    }
}
