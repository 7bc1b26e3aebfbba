//! The one thread that looks: takes hints, scans, waits for files to be complete, reads, and tells the engine. Long because its state is one:
//! each step changes what the others know. What decides is in `coalesce`, `notice` and `scan`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender as HintSender};
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::mpsc::Sender;

use super::coalesce::{Coalescer, QUIET, Said, Seen, Stamp, Step};
use super::mode::{self, Limit, Mode, Unannounced};
use super::mounts;
use super::notice::{Hint, Notice};
use super::read::{self, open_media};
use super::scan::{Devices, is_doubtful, is_unmounted, look, magic, scan, seen, stamp_of};
use super::{Heard, WatchOptions};
use crate::article::{MediaFacts, is_article_name};
use crate::config::{Checked, Watch};
use crate::diag::{Code, Diagnostic, Place, Severity};
use crate::event::{Event, FileState, Listing, ParsedFile};
use crate::meter::{Meters, Watching};
use crate::types::{ArticlePath, ContentHash};

/// The most files of one event.
const BATCH: usize = 256;
/// How often it is asked what is mounted, and the configuration is looked at where the system does not tell of it.
const MOUNTS: Duration = Duration::from_secs(2);
/// How long a configuration that is gone may take to come back, as in a save that removes and writes.
const CONFIG_ABSENT: Duration = Duration::from_millis(500);
/// How long the configuration's folder has to be quiet before it is read.
const CONFIG_QUIET: Duration = Duration::from_millis(50);

/// How long the first feeds wait for young files.
const FIRST_SETTLES: Duration = QUIET.saturating_mul(3);

/// What was last read of a file.
struct Known {
    stamp: Option<Stamp>,
    /// `None`: no version could be used.
    hash: Option<ContentHash>,
    /// The files that it names, and what they were when it was read.
    files: Vec<(ArticlePath, Option<MediaFacts>)>,
}

pub(super) struct Worker {
    options: WatchOptions,
    /// The folder of the configuration file as the system's hints spell it.
    config_folder: PathBuf,
    events: Sender<Heard>,
    hints: HintSender<Hint>,
    inbox: Receiver<Hint>,
    meters: Arc<Meters>,
    started: Instant,
    /// When the first hint came of what is being worked on.
    heard: Instant,
    notice: Option<Notice>,
    /// Whether the content directory is watched.
    armed: bool,
    limited: Option<Limit>,
    /// Whether events were lost since everything was looked at.
    overflowed: bool,
    mode: Mode,
    /// How long it took to look at the whole content directory.
    looked: Duration,
    unannounced: Unannounced,
    known: BTreeMap<ArticlePath, Known>,
    /// Files that articles name, with those articles.
    named: BTreeMap<ArticlePath, BTreeSet<ArticlePath>>,
    devices: Devices,
    coalescer: Coalescer,
    /// Where renamed articles were before, until they are read.
    renamed: BTreeMap<ArticlePath, ArticlePath>,
    next_scan: Duration,
    /// What is mounted around the content directory, and when to ask again.
    mounts: Vec<String>,
    next_mounts: Duration,
    /// The first listing, until the files that were young when it was made are settled, or for so long.
    first: Option<(Listing, Duration)>,
    listed: bool,
    config_due: Option<Duration>,
    config_hash: Option<ContentHash>,
    /// Whether the system does not tell of the configuration, and what it looked like then.
    config_polled: bool,
    config_stamp: Option<Stamp>,
}

/// The other side of the channel of events is gone: the daemon stops.
struct Stopped;

impl Worker {
    pub(super) fn new(
        options: WatchOptions,
        events: Sender<Heard>,
        hints: HintSender<Hint>,
        inbox: Receiver<Hint>,
        meters: Arc<Meters>,
    ) -> Worker {
        let config_hash = Some(options.config_hash);
        let config_folder = config_folder(&options.config);
        let coalescer = Coalescer::new(options.grace);
        let mounts = mounts::around(&options.root.path);
        Worker {
            options,
            config_folder,
            events,
            hints,
            inbox,
            meters,
            started: Instant::now(),
            heard: Instant::now(),
            notice: None,
            armed: false,
            limited: None,
            overflowed: false,
            mode: Mode::default(),
            looked: Duration::ZERO,
            unannounced: Unannounced::default(),
            known: BTreeMap::new(),
            named: BTreeMap::new(),
            devices: Devices::new(),
            renamed: BTreeMap::new(),
            coalescer,
            next_scan: Duration::ZERO,
            mounts,
            next_mounts: MOUNTS,
            first: None,
            listed: false,
            config_due: Some(Duration::ZERO),
            config_hash,
            config_polled: false,
            config_stamp: None,
        }
    }

    pub(super) fn run(mut self) {
        while let Ok(true) = self.turn() {}
    }

    fn now(&self) -> Duration {
        self.started.elapsed()
    }

    fn send(&self, event: Event) -> Result<(), Stopped> {
        self.events.blocking_send(Heard { event, since: self.heard }).map_err(|_| Stopped)
    }

    /// Waits for something to do, and does it. `false`: asked to stop.
    fn turn(&mut self) -> Result<bool, Stopped> {
        let first = self.first.as_ref().map(|(_, deadline)| *deadline);
        let deadline =
            [Some(self.next_scan), Some(self.next_mounts), self.coalescer.next_due(), self.config_due, first]
                .into_iter()
                .flatten()
                .min();
        let wait = deadline.unwrap_or(self.next_scan).saturating_sub(self.now());
        let mut hints = Vec::new();
        match self.inbox.recv_timeout(wait) {
            Ok(hint) => hints.push(hint),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return Ok(false),
        }
        self.heard = Instant::now();
        // A burst batches by itself: whatever came while the last batch was read.
        hints.extend(self.inbox.try_iter());
        let mut work = Work::default();
        for hint in hints {
            match hint {
                Hint::Stop => return Ok(false),
                Hint::Plan(plan) => {
                    self.coalescer.grace = plan.grace.try_into().unwrap_or_default();
                    if plan.parsing != self.options.parsing {
                        self.options.parsing = plan.parsing;
                        self.forget_versions();
                        work.everything = true;
                    }
                }
                Hint::Wanted(watch) => {
                    work.everything |= watch != self.options.watch;
                    self.options.watch = watch;
                }
                Hint::Reread => {
                    self.forget_versions();
                    work.everything = true;
                }
                Hint::Overflow => {
                    self.meters.overflows.inc();
                    (work.everything, self.overflowed) = (true, true);
                }
                Hint::Limited(limit) => {
                    self.armed &= limit.is_partial;
                    work.everything = true;
                }
                Hint::Finished(path) => self.note(&path, Kind::Finished, &mut work),
                Hint::Touched(path) => self.note(&path, Kind::Touched, &mut work),
                Hint::Gone(path) => self.note(&path, Kind::Gone, &mut work),
                Hint::Folder(path) => self.note(&path, Kind::Folder, &mut work),
                Hint::Renamed(from, to) => {
                    self.note_rename(&from, &to, &mut work);
                    self.note(&to, Kind::Finished, &mut work);
                }
            }
        }
        if self.next_mounts <= self.now() {
            self.next_mounts = self.now() + MOUNTS;
            let mounts = mounts::around(&self.options.root.path);
            work.everything |= mounts != self.mounts;
            self.mounts = mounts;
            self.look_at_config();
        }
        self.meters.found_by_scan.inc_by(self.unannounced.settle(self.now()));
        self.look_at(work)?;
        self.settle()?;
        if let Some((listing, deadline)) = self.first.take() {
            if self.coalescer.is_unsettled() && self.now() < deadline {
                self.first = Some((listing, deadline));
            } else {
                self.send(Event::Rescan(listing))?;
            }
        }
        if self.config_due.is_some_and(|due| due <= self.now()) {
            self.config_due = None;
            self.read_config()?;
        }
        Ok(true)
    }

    /// Has everything read again. Which files there were is not forgotten, or one that goes before it was read would not be missed.
    fn forget_versions(&mut self) {
        self.known.values_mut().for_each(|known| (known.stamp, known.hash) = (None, None));
    }

    /// Sorts a hint to what has to be done about it.
    fn note(&mut self, path: &Path, kind: Kind, work: &mut Work) {
        if path.parent().is_some_and(|folder| folder == self.config_folder) {
            self.config_due.get_or_insert(self.started.elapsed() + CONFIG_QUIET);
        }
        let Some(relative) = self.options.root.relative(path) else { return };
        if relative.is_empty() {
            // The content directory itself came or went, and its watch with it.
            self.armed &= kind != Kind::Gone && kind != Kind::Folder;
            work.everything |= !self.armed;
            return;
        }
        if relative.split('/').any(|segment| segment.starts_with('.')) {
            return;
        }
        let name = relative.rsplit('/').next().unwrap_or_default();
        // A folder that was touched got other rights.
        let was_touched = kind == Kind::Finished || (kind == Kind::Touched && !is_article_name(name));
        let is_folder = kind == Kind::Folder || (was_touched && path.is_dir());
        if is_folder {
            work.folders.insert(relative.clone());
        } else if is_article_name(name) {
            let said = match kind {
                Kind::Finished => Said::Finished,
                Kind::Gone => Said::Gone,
                Kind::Touched | Kind::Folder => Said::Touched,
            };
            let before = work.files.entry(ArticlePath::new(&relative)).or_insert(said);
            *before = said.max(*before);
        } else if kind != Kind::Touched {
            // A picture or sound: the articles that name it say what it is like.
            work.reread.extend(self.named.get(&ArticlePath::new(&relative)).into_iter().flatten().cloned());
        }
        // What was here may have been a folder.
        if kind == Kind::Gone && !is_article_name(name) {
            let below = format!("{relative}/");
            for path in self.below(&below) {
                work.files.entry(path.clone()).or_insert(Said::Gone);
            }
            work.reread.extend(self.naming_below(&below));
        }
    }

    /// Notes what was where, so that a file that was renamed and edited at once is still known.
    fn note_rename(&mut self, from: &Path, to: &Path, work: &mut Work) {
        let (Some(from), Some(to)) = (self.options.root.relative(from), self.options.root.relative(to)) else { return };
        let inside = format!("{from}/");
        let path = ArticlePath::new(&from);
        let was_there =
            self.known.contains_key(&path) || work.renamed.contains_key(&path) || self.renamed.contains_key(&path);
        let file = was_there.then_some((from, to.clone()));
        let files = self.below(&inside).filter_map(|path| {
            let rest = path.as_str().strip_prefix(&inside)?;
            Some((path.to_string(), format!("{to}/{rest}")))
        });
        let files: Vec<(String, String)> = file.into_iter().chain(files).collect();
        for (from, to) in files {
            let from = ArticlePath::new(&from);
            // Renamed twice: what matters is where it was first.
            let origin = work.renamed.remove(&from).or_else(|| self.renamed.remove(&from)).unwrap_or(from);
            work.renamed.insert(ArticlePath::new(&to), origin);
        }
    }

    fn below<'w>(&'w self, prefix: &str) -> impl Iterator<Item = &'w ArticlePath> {
        let prefix = prefix.to_owned();
        self.known
            .range(ArticlePath::new(&prefix)..)
            .map(|(path, _)| path)
            .take_while(move |path| path.as_str().starts_with(&prefix))
    }

    /// The articles that name files below a folder.
    fn naming_below(&self, prefix: &str) -> BTreeSet<ArticlePath> {
        let files = self.named.range(ArticlePath::new(prefix)..);
        let inside = files.take_while(|(file, _)| file.as_str().starts_with(prefix));
        inside.flat_map(|(_, articles)| articles).cloned().collect()
    }

    fn look_at(&mut self, work: Work) -> Result<(), Stopped> {
        self.renamed.extend(work.renamed);
        if work.everything || self.next_scan <= self.now() {
            let begun = self.now();
            self.arm();
            let arming = self.now().saturating_sub(begun);
            self.scan("")?;
            let pause = self.mode.pause(self.armed, arming + self.looked, self.options.safety);
            self.meters.scan_interval.set(pause.as_secs_f64());
            self.next_scan = self.now() + pause;
        } else {
            for folder in &work.folders {
                // A folder inside another one of these was scanned with it.
                let inside = work
                    .folders
                    .iter()
                    .any(|other| folder.strip_prefix(other.as_str()).is_some_and(|rest| rest.starts_with('/')));
                if !inside {
                    self.rearm(folder);
                    self.scan(folder)?;
                }
            }
        }
        work.folders.iter().for_each(|folder| self.unannounced.told_of_folder(folder));
        work.files.keys().chain(&work.reread).for_each(|path| self.unannounced.told(path));
        let mut ready = Vec::new();
        for (path, said) in work.files {
            self.observe(path, said, &mut ready);
        }
        ready.extend(work.reread.into_iter().filter(|path| self.known.contains_key(path)));
        ready.sort();
        ready.dedup();
        self.read(ready)?;
        self.renamed.retain(|path, _| self.coalescer.is_waiting(path));
        Ok(())
    }

    /// Decides whether a file is to be read now.
    fn observe(&mut self, path: ArticlePath, said: Said, ready: &mut Vec<ArticlePath>) {
        let found = match look(&self.options.root, &path) {
            Ok(found) => found,
            Err(_) => return ready.push(path),
        };
        if found.is_none() && !self.known.contains_key(&path) {
            return;
        }
        if found.is_some() && self.known.get(&path).is_some_and(|known| known.stamp == found) {
            return;
        }
        let now = self.now();
        if self.coalescer.observe(&path, seen(found, clock()), said, now) == Step::Read {
            ready.push(path);
        }
    }

    /// Looks again at what was waiting.
    fn settle(&mut self) -> Result<(), Stopped> {
        let mut ready = Vec::new();
        let mut absent = Vec::new();
        for path in self.coalescer.due(self.now()) {
            // What cannot be looked at is not gone: reading it says what is wrong.
            let Ok(found) = look(&self.options.root, &path) else {
                self.coalescer.forget(&path);
                ready.push(path);
                continue;
            };
            let now = self.now();
            match self.coalescer.settle(&path, seen(found, clock()), now) {
                Step::Read => ready.push(path),
                Step::Absent if is_unmounted(&self.options.root, &path, &self.devices) => {}
                Step::Absent => absent.push(path),
                Step::Wait => {}
            }
        }
        absent.retain(|path| {
            self.name(path, &[]);
            self.known.remove(path).is_some()
        });
        if !absent.is_empty() {
            let doubtful = is_doubtful(&self.options.root, &mut self.devices);
            let gone = absent.into_iter().map(|path| ParsedFile {
                path,
                state: FileState::Absent { doubtful },
                renamed_from: None,
            });
            let gone = gone.collect();
            self.send(Event::Files(gone))?;
        }
        self.read(ready)
    }

    fn read(&mut self, paths: Vec<ArticlePath>) -> Result<(), Stopped> {
        // By what is known before any of these is read.
        let mut origins: BTreeMap<ArticlePath, ArticlePath> = BTreeMap::new();
        for path in &paths {
            if let Some(from) = self.renamed.remove(path)
                && self.is_the_same(&from, look(&self.options.root, path).unwrap_or_default())
            {
                origins.insert(path.clone(), from);
            }
        }
        for batch in paths.chunks(BATCH) {
            // The stamp from before reading: a write in between shows as a change.
            let seen: Vec<(ArticlePath, Option<Stamp>)> =
                batch.iter().map(|path| (path.clone(), look(&self.options.root, path).unwrap_or_default())).collect();
            let mut files = read::read_all(&self.options.root, &seen, &self.options.parsing);
            let stamps: BTreeMap<ArticlePath, Option<Stamp>> = seen.into_iter().collect();
            let stamp = |file: &ParsedFile| stamps.get(&file.path).copied().flatten();
            files.retain(|file| self.is_news(file, stamp(file)));
            for file in &mut files {
                file.renamed_from = origins.remove(&file.path);
                // Whatever comes to the old path from now on is news.
                if let Some(old) = file.renamed_from.as_ref().and_then(|from| self.known.get_mut(from)) {
                    (old.stamp, old.hash) = (None, None);
                }
            }
            if !files.is_empty() {
                self.send(Event::Files(files))?;
            }
        }
        Ok(())
    }

    /// Whether what was read last at the old path is what is at the new one. Where something is at the old path again, that may
    /// have been read already, before the system told of the renaming.
    fn is_the_same(&self, from: &ArticlePath, stamp: Option<Stamp>) -> bool {
        let file = |stamp: Option<Stamp>| stamp.map(|stamp| (stamp.device, stamp.inode));
        let known = self.known.get(from).and_then(|known| file(known.stamp));
        let is_same = known.is_some() && known == file(stamp);
        is_same || matches!(look(&self.options.root, from), Ok(None))
    }

    /// Whether a file is not what it was; remembers what it is.
    fn is_news(&mut self, file: &ParsedFile, stamp: Option<Stamp>) -> bool {
        match &file.state {
            FileState::Present(parsed) => {
                let metadata = parsed.article.as_ref().map(|article| &article.metadata);
                let files = metadata.into_iter().flat_map(|metadata| metadata.local_files());
                let files = files.map(|(file, facts)| (file.clone(), facts)).collect();
                let known = Known { stamp, hash: metadata.map(|metadata| metadata.hash), files };
                self.name(&file.path, &known.files);
                let same =
                    |before: &Known| before.hash.is_some() && before.hash == known.hash && before.files == known.files;
                let is_news = !self.known.get(&file.path).is_some_and(same);
                self.known.insert(file.path.clone(), known);
                is_news
            }
            FileState::Absent { .. } => {
                let now = self.now();
                self.coalescer.observe(&file.path, seen(None, clock()), Said::Gone, now);
                false
            }
            // Read again at the next scan.
            FileState::Unreadable(_) => {
                self.known.insert(file.path.clone(), Known { stamp: None, hash: None, files: Vec::new() });
                true
            }
        }
    }

    /// Notes which files an article names now.
    fn name(&mut self, path: &ArticlePath, files: &[(ArticlePath, Option<MediaFacts>)]) {
        for (file, _) in self.known.get(path).map(|known| known.files.clone()).unwrap_or_default() {
            let Some(articles) = self.named.get_mut(&file) else { continue };
            articles.remove(path);
            if articles.is_empty() {
                self.named.remove(&file);
            }
        }
        for (file, _) in files {
            self.named.entry(file.clone()).or_default().insert(path.clone());
        }
    }

    /// Articles whose files look different from when they were read: what no hint told of.
    fn remeasured(&self, scope: &str) -> BTreeSet<ArticlePath> {
        let files = self.named.range(ArticlePath::new(scope)..);
        let inside = files.take_while(|(file, _)| file.as_str().starts_with(scope));
        let different = inside.flat_map(|(file, articles)| {
            let length = open_media(&self.options.root, file).ok().map(|(_, metadata)| metadata.len());
            articles.iter().filter(move |path| {
                let files = self.known.get(*path).map(|known| known.files.as_slice()).unwrap_or_default();
                let before = files.iter().find(|(name, _)| name == file).and_then(|(_, facts)| *facts);
                before.map(|facts| facts.length) != length
            })
        });
        different.cloned().collect()
    }

    fn scan(&mut self, scope: &str) -> Result<(), Stopped> {
        self.meters.scans.inc();
        let begun = self.now();
        let mut found = scan(&self.options.root, scope, &mut self.devices);
        let mut ready = Vec::new();
        for (path, stamp) in &found.files {
            if self.known.get(path).is_none_or(|known| known.stamp != Some(*stamp)) {
                let now = self.now();
                // What could not be read, or is to be read again, is not changed.
                let is_changed = self.known.get(path).is_none_or(|known| known.stamp.is_some());
                if self.listed && scope.is_empty() && is_changed && !self.coalescer.is_waiting(path) {
                    self.unannounced.found(path, now);
                }
                let mut seen = seen(Some(*stamp), clock());
                // Another machine's clock may have stamped it, so that its age says nothing.
                if self.listed && scope.is_empty() && self.mode.polls() {
                    seen = Seen::File(*stamp, None);
                }
                if self.coalescer.observe(path, seen, Said::Touched, now) == Step::Read {
                    ready.push(path.clone());
                }
            }
        }
        ready.extend(found.unusable.iter().map(|(path, _)| path.clone()));
        let listing = &mut found.listing;
        let prefix = if scope.is_empty() { String::new() } else { format!("{scope}/") };
        let remeasured = self.remeasured(&prefix);
        let absent = listing.absence();
        let missing: Vec<ArticlePath> = self.below(&prefix).filter(|path| absent(path)).cloned().collect();
        drop(absent);
        let now = self.now();
        if scope.is_empty() {
            self.looked = now.saturating_sub(begun);
            self.meters.scan_seconds.set(self.looked.as_secs_f64());
            let changed = missing.iter().chain(&remeasured).filter(|path| !self.coalescer.is_waiting(path));
            changed.for_each(|path| self.unannounced.found(path, now));
        }
        ready.extend(remeasured);
        for path in &missing {
            self.coalescer.observe(path, seen(None, clock()), Said::Gone, now);
        }
        // Until the grace is over, what is leaving is still there.
        listing.files.extend(self.coalescer.leaving().cloned());
        listing.files.sort();
        listing.files.dedup();
        ready.sort();
        ready.dedup();
        self.read(ready)?;
        if scope.is_empty() {
            let overflowed = std::mem::take(&mut self.overflowed).then(|| mode::overflow(&self.options.root.name));
            let limited = self.limited.as_ref().map(|limit| limit.diagnostic(&self.options.root.name));
            found.listing.limited = limited.or(overflowed);
        }
        // Articles that were just copied here are young: without them the first feeds would be empty ones.
        if !self.listed && self.coalescer.is_unsettled() {
            self.first = Some((found.listing, self.now() + FIRST_SETTLES));
        } else {
            self.send(Event::Rescan(found.listing))?;
        }
        self.listed |= scope.is_empty();
        Ok(())
    }

    /// Watches a folder and all below it, again if it was watched. When this returns, the system's thread has dealt with all
    /// that it heard before, so that what a scan now misses will be heard of.
    fn rearm(&mut self, folder: &str) {
        let path = self.options.root.path.join(folder);
        let Some(Err(limit)) = self.notice.as_mut().map(|notice| notice.tree(&path)) else { return };
        // A folder that is gone by now needs no watch.
        if path.is_dir() {
            self.limited = Some(limit);
            // What is not watched is looked at, and an operator told.
            self.next_scan = self.now();
        }
    }

    /// Has the system tell of the content directory and the configuration's folder, where it is to and as far as it can.
    fn arm(&mut self) {
        self.limited = None;
        if self.options.watch == Watch::Poll {
            (self.notice, self.armed, self.config_polled) = (None, false, true);
        } else {
            self.listen();
        }
        let own = magic(&self.options.root.path).and_then(mode::deaf_by_magic);
        let deaf = mode::deaf_place(&self.options.root.path, own, &mounts::parse(&self.mounts));
        let deaf = deaf.map(|(place, kind)| (self.options.root.display(&place), kind));
        let mode = Mode::choose(
            self.options.watch,
            deaf.as_ref().map(|(place, kind)| (place.as_str(), kind.as_str())),
            self.limited.as_ref(),
        );
        if mode != self.mode {
            tracing::info!("{}", mode.words());
            self.meters.watching.store(Arc::new(Watching { mode: mode.name(), why: mode.why.clone() }));
            self.mode = mode;
        }
    }

    fn listen(&mut self) {
        if !self.armed {
            // What it holds is free again for the next one.
            self.notice = None;
            match Notice::new(self.hints.clone()) {
                Ok(notice) => self.notice = Some(notice),
                Err(limit) => self.limited = Some(limit),
            }
            self.config_due.get_or_insert(self.started.elapsed());
        }
        self.config_polled = true;
        let Some(notice) = &mut self.notice else { return };
        let config = notice.folder(&self.config_folder);
        let content = notice.tree(&self.options.root.path);
        let is_deaf = magic(&self.config_folder).and_then(mode::deaf_by_magic).is_some();
        self.config_polled = config.is_err() || (is_deaf && self.options.watch == Watch::Auto);
        // A content directory that is not there is told by the scan. Where watches ran out, those that there are stay.
        self.armed = self.options.root.path.is_dir();
        if self.armed {
            self.limited = content.err();
        }
    }

    /// Looks whether the configuration is what it was, where the system does not tell.
    fn look_at_config(&mut self) {
        let stamp = stamp_of(&self.options.config);
        if self.config_polled && stamp != self.config_stamp {
            self.config_stamp = stamp;
            self.config_due.get_or_insert(self.started.elapsed() + CONFIG_QUIET);
        }
    }

    fn read_config(&mut self) -> Result<(), Stopped> {
        let file = &self.options.config;
        let checked = match std::fs::read(file) {
            Ok(bytes) => {
                let hash = ContentHash::of(&bytes);
                if self.config_hash == Some(hash) {
                    return Ok(());
                }
                let checked = (self.options.load)(file, &bytes);
                // A file that does not parse may be half written: it gets a second to be finished.
                let young = std::fs::metadata(file)
                    .and_then(|metadata| metadata.modified())
                    .is_ok_and(|modified| clock().duration_since(modified).is_ok_and(|age| age < QUIET));
                if checked.config.is_none() && young {
                    self.config_due = Some(self.now() + QUIET / 4);
                    return Ok(());
                }
                self.config_hash = Some(hash);
                checked
            }
            // Between the removal and the renaming of a save there is nothing.
            Err(_) if self.config_hash.is_some() => {
                self.config_hash = None;
                self.config_due = Some(self.now() + CONFIG_ABSENT);
                return Ok(());
            }
            Err(error) => {
                let name = file.display().to_string();
                let diagnostic = Diagnostic::new(Code::ConfigUnreadable, format!("cannot read `{name}`: {error}"));
                debug_assert_eq!(diagnostic.severity, Severity::Error);
                Checked {
                    config: None,
                    diagnostics: vec![
                        diagnostic.at(Place::file(&name)).help("the configuration in force stays; put the file back"),
                    ],
                }
            }
        };
        self.send(Event::Config(checked))
    }
}

/// What hints amount to.
#[derive(Default)]
struct Work {
    everything: bool,
    folders: BTreeSet<String>,
    /// Files, and the most that was said of each.
    files: BTreeMap<ArticlePath, Said>,
    /// Articles to be read again whatever they look like, since a file that they name changed.
    reread: BTreeSet<ArticlePath>,
    /// Where renamed articles were before.
    renamed: BTreeMap<ArticlePath, ArticlePath>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Finished,
    Touched,
    Gone,
    Folder,
}

fn config_folder(config: &Path) -> PathBuf {
    let folder = config.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned())
}

/// Ages of files are measured against the system's clock, since that is what stamped them.
#[expect(clippy::disallowed_methods, reason = "part of the shell: mtimes are of the system's clock")]
fn clock() -> SystemTime {
    SystemTime::now()
}
