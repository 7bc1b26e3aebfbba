//! The one thread that looks: takes hints, scans, waits for files to be complete, reads, and tells the engine. `looking` goes through
//! folders, `arming` has the system tell of them, `root` follows the content directory where it is swapped, `removals`
//! waits for tools at work; what decides is in `coalesce`, `mode`, `notice` and `scan`. Long because its state is
//! one: each step changes what the others know.

mod arming;
mod looking;
mod removals;
mod root;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::mpsc::Sender;

use super::batches::{LARGE, MAX_FILES, batches};
use super::cache::{MetadataCache, is_young};
use super::coalesce::{Coalescer, HintKind, Step};
use super::hints::{HintReceiver, HintSender, Orders};
use super::known::KnownFiles;
use super::links::{LinkTable, is_hidden};
use super::mode::{Limit, UnreportedChanges, WatchMode};
use super::mounts;
use super::notice::{Hint, Notice};
use super::read;
use super::scan::{Devices, has_more_than, is_doubtful, is_linked, is_unmounted, look, seen};
use super::{WatchEvent, WatchOptions, clock};
use crate::article::is_article_name;
use crate::beneath::{Root, Stamp};
use crate::diagnostics::{Code, Diagnostic, Place};
use crate::event::{Event, FileState, Listing, ParsedFile};
use crate::metrics::Metrics;
use crate::types::{ArticlePath, ContentHash};

/// What is heard while other files are read is published with them, unless these have waited for so long: a publication of ten files
/// costs little more than of one.
const JOINS: Duration = Duration::from_millis(5);
/// So many folders take seconds to watch.
const MANY_FOLDERS: usize = 2_000;
/// So many files that are opened are as many events as the system's queue has room for.
const MANY_FILES: usize = 16_384;
/// How soon after a look without watches it is seen whether there is time for arming them and for another look.
const SECOND_LOOK: Duration = Duration::from_millis(100);
/// How often it is asked what is mounted.
const MOUNTS: Duration = Duration::from_secs(2);
/// How long a configuration that is gone may take to come back, as in a save that removes and writes.
const CONFIG_ABSENT: Duration = Duration::from_millis(500);
/// How long the configuration's folder has to be quiet before it is read.
const CONFIG_QUIET: Duration = Duration::from_millis(50);

/// How many times as long as a file needs to settle the first feeds wait for young ones.
const FIRST_SETTLES: u32 = 3;

pub(super) struct Worker<C> {
    options: WatchOptions,
    /// The folder of the configuration file as the system's hints spell it.
    config_folder: PathBuf,
    events: Sender<WatchEvent>,
    hints: HintSender,
    inbox: HintReceiver,
    meters: Arc<Metrics>,
    started: Instant,
    /// When the first hint came of what is being worked on.
    heard: Instant,
    /// What was read and is sent once nothing more is heard, or after [`JOINS`]: since when, and when the first hint came of it.
    joined: Vec<ParsedFile>,
    joined_since: Instant,
    joined_heard: Instant,
    notice: Option<Notice>,
    /// Whether the content directory is watched.
    armed: bool,
    /// Whether it was looked at before it was watched, so that a second look has to follow.
    is_unwatched: bool,
    limited: Option<Limit>,
    /// Whether events were lost since everything was looked at.
    overflowed: bool,
    mode: WatchMode,
    /// How long it took to look at the whole content directory, without reading what was new.
    looked: Duration,
    /// How long reading took, ever.
    reading: Duration,
    unannounced: UnreportedChanges,
    known: KnownFiles,
    /// What earlier runs read. It is asked on another thread while files are read here.
    cache: Arc<Mutex<C>>,
    /// Whether the engine has to be told of every file: it was told of none yet, or not what is in a folder that can be read again.
    tells_all: bool,
    /// What could not be listed when everything was looked at, and why.
    unreadable: BTreeMap<String, Code>,
    devices: Devices,
    links: Arc<LinkTable>,
    /// The articles named by links that the scan under way has met.
    newly_linked: BTreeSet<ArticlePath>,
    /// Whether the system told that links may lead elsewhere, so that what they lead to now is complete.
    links_changed: bool,
    coalescer: Coalescer,
    /// Files that were read although their writers had not closed them, and those that are about to be.
    unclosed: BTreeSet<ArticlePath>,
    still_open: BTreeSet<ArticlePath>,
    /// Where renamed articles were before, until they are read.
    renamed: BTreeMap<ArticlePath, ArticlePath>,
    /// Tools that are changing files.
    busy: removals::Work,
    next_scan: Duration,
    /// What is mounted around the content directory, and when to ask again.
    mounts: Vec<String>,
    next_mounts: Duration,
    /// When to see next where the content directory's path leads, and since when it leads nowhere.
    next_root: Duration,
    unreachable: Option<Duration>,
    /// Whether everything has to be looked at again, since the content directory was another one at the end of a look.
    is_look_due: bool,
    /// Files of a new tree whose bytes were known. The next start finds them in the cache once they were parsed.
    uncached: Vec<ArticlePath>,
    /// What hidden links looked like, where the system doesn't tell of changes.
    volumes: Vec<Option<Stamp>>,
    /// The directory that the path leads to, until the daemon is told.
    new_root: Option<Root>,
    /// Since when files of a new tree are gathered, to be published together.
    gathering: Option<Instant>,
    /// The first listing, until the files that were young when it was made are settled, or for so long.
    first: Option<(Listing, Duration)>,
    listed: bool,
    config_due: Option<Duration>,
    config_hash: Option<ContentHash>,
    /// What the configuration looked like.
    config_stamp: Option<Stamp>,
}

/// The other side of the channel of events is gone: the daemon stops.
struct Stopped;

impl<C: MetadataCache> Worker<C> {
    pub(super) fn new(
        options: WatchOptions,
        cache: C,
        events: Sender<WatchEvent>,
        hints: HintSender,
        inbox: HintReceiver,
        meters: Arc<Metrics>,
    ) -> Worker<C> {
        let config_hash = Some(options.config_hash);
        let config_folder = config_folder(&options.config);
        let coalescer = Coalescer::new(options.grace, options.settle, options.open_limit);
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
            joined: Vec::new(),
            joined_since: Instant::now(),
            joined_heard: Instant::now(),
            notice: None,
            armed: false,
            is_unwatched: false,
            limited: None,
            overflowed: false,
            mode: WatchMode::default(),
            looked: Duration::ZERO,
            reading: Duration::ZERO,
            unannounced: UnreportedChanges::default(),
            known: KnownFiles::default(),
            cache: Arc::new(Mutex::new(cache)),
            tells_all: true,
            unreadable: BTreeMap::new(),
            devices: Devices::new(),
            renamed: BTreeMap::new(),
            links: Arc::default(),
            newly_linked: BTreeSet::new(),
            links_changed: false,
            coalescer,
            unclosed: BTreeSet::new(),
            still_open: BTreeSet::new(),
            busy: removals::Work::default(),
            next_scan: Duration::ZERO,
            mounts,
            next_mounts: MOUNTS,
            next_root: root::ROOT_CHECK,
            unreachable: None,
            is_look_due: false,
            uncached: Vec::new(),
            volumes: Vec::new(),
            new_root: None,
            gathering: None,
            first: None,
            listed: false,
            config_due: Some(Duration::ZERO),
            config_hash,
            config_stamp: None,
        }
    }

    pub(super) fn run(mut self) {
        while let Ok(true) = self.turn() {}
    }

    fn now(&self) -> Duration {
        self.started.elapsed()
    }

    fn send(&mut self, event: Event) -> Result<(), Stopped> {
        self.send_joined()?;
        self.send_from(event, None)
    }

    fn send_from(&mut self, event: Event, root: Option<Root>) -> Result<(), Stopped> {
        self.events.blocking_send(WatchEvent { event, since: self.heard, root }).map_err(|_| Stopped)
    }

    /// Sends files, with others that may come at once.
    fn send_files(&mut self, mut files: Vec<ParsedFile>) -> Result<(), Stopped> {
        if self.joined.is_empty() {
            (self.joined_since, self.joined_heard) = (Instant::now(), self.heard);
        }
        self.lighten(&mut files);
        self.joined.extend(files);
        if self.is_gathering() || (self.joined.len() < MAX_FILES && self.joined_since.elapsed() < JOINS) {
            return Ok(());
        }
        self.send_joined()
    }

    fn send_joined(&mut self) -> Result<(), Stopped> {
        if self.joined.is_empty() {
            return Ok(());
        }
        let event = Event::Files(std::mem::take(&mut self.joined));
        let (since, root) = (self.joined_heard, self.new_root.take());
        self.gathering = self.gathering.map(|_| Instant::now());
        self.events.blocking_send(WatchEvent { event, since, root }).map_err(|_| Stopped)
    }

    /// Waits for something to do, and does it. `false`: asked to stop.
    fn turn(&mut self) -> Result<bool, Stopped> {
        let first = self.first.as_ref().map(|(_, deadline)| *deadline);
        let deadline = [
            Some(self.next_scan),
            Some(self.next_mounts),
            Some(self.next_root),
            self.coalescer.next_due(),
            self.config_due,
            first,
        ]
        .into_iter()
        .flatten()
        .min();
        let wait = deadline.unwrap_or(self.next_scan).saturating_sub(self.now());
        let mut hints = self.inbox.hints();
        if !self.is_gathering() && (hints.is_empty() || self.joined_since.elapsed() >= JOINS) {
            self.send_joined()?;
        }
        let is_idle = hints.is_empty() && !self.cache_known()?;
        if is_idle {
            match self.inbox.wait(wait) {
                Ok(hint) => hints.extend(hint),
                Err(_) => return Ok(false),
            }
        }
        self.heard = Instant::now();
        // A burst batches by itself: whatever came while the last batch was read.
        hints.extend(self.inbox.hints());
        let mut work = Work::default();
        let orders = self.inbox.take_orders();
        if orders.stop {
            return Ok(false);
        }
        self.follow(orders, &mut work);
        // Before the hints: those of another tree say nothing.
        self.follow_root(&mut work);
        self.look_at_volumes(&mut work);
        for hint in hints {
            match hint {
                Hint::Orders => {}
                Hint::Overflow => self.have_lost_hints(&mut work),
                Hint::Limited(limit) => {
                    self.armed &= limit.is_partial;
                    work.everything = true;
                }
                Hint::Finished(path) => self.note(&path, Kind::Finished, &mut work),
                Hint::Touched(path) => self.note(&path, Kind::Touched, &mut work),
                Hint::Written(path) => self.note(&path, Kind::Written, &mut work),
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
        }
        self.look_at_config();
        self.meters.changes_found_by_scan.inc_by(self.unannounced.settle(self.now()));
        self.look_at(work)?;
        self.look_for_lock();
        self.settle()?;
        self.end_hold();
        if let Some((listing, deadline)) = self.first.take() {
            if self.is_incomplete() && self.now() < deadline {
                self.first = Some((listing, deadline));
            } else {
                self.tell_first(listing)?;
            }
        }
        if self.config_due.is_some_and(|due| due <= self.now()) {
            self.config_due = None;
            self.read_config()?;
        }
        Ok(true)
    }

    fn follow(&mut self, orders: Orders, work: &mut Work) {
        let Orders { stop: _, plan, watch, reread, limited, has_lost } = orders;
        if let Some(plan) = plan {
            self.coalescer.grace = plan.grace.try_into().unwrap_or_default();
            self.options.hold = plan.hold.try_into().unwrap_or_default();
            self.coalescer.settle = plan.settle.try_into().unwrap_or_default();
            if plan.ignore != self.options.root.ignore {
                self.options.root = self.options.root.clone().with_ignore(&plan.ignore);
                work.everything = true;
            }
            if plan.parsing != self.options.parsing {
                self.options.parsing = plan.parsing;
                self.forget_versions();
                work.everything = true;
            }
        }
        if let Some(watch) = watch {
            work.everything |= watch != self.options.watch;
            self.options.watch = watch;
        }
        if reread {
            self.forget_versions();
            work.everything = true;
        }
        if let Some(limit) = limited {
            self.armed &= limit.is_partial;
            work.everything = true;
        }
        if has_lost {
            self.have_lost_hints(work);
        }
    }

    /// Whatever changed may have changed, the configuration too.
    fn have_lost_hints(&mut self, work: &mut Work) {
        self.meters.watch_overflows.inc();
        (work.everything, self.overflowed) = (true, true);
        self.lose_closes();
        self.config_due.get_or_insert(self.started.elapsed() + CONFIG_QUIET);
    }

    /// Tells of the first look, after what was young then. What came and went since was told already, and must not be undone.
    fn tell_first(&mut self, mut listing: Listing) -> Result<(), Stopped> {
        listing.files.retain(|path| !self.known.contains(path) && !matches!(self.look(path), Ok(None)));
        listing.files.extend(self.known.below("").chain(self.coalescer.leaving()).cloned());
        self.send_joined()?;
        let root = self.new_root.take();
        self.send_from(Event::Rescan(listing), root)
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
        let name = relative.rsplit('/').next().unwrap_or_default();
        // A folder that was touched got other rights; a link is made without another word.
        let was_touched = kind == Kind::Finished || (kind == Kind::Touched && !is_article_name(name));
        let metadata = was_touched.then(|| path.symlink_metadata().ok()).flatten();
        // Whatever links led to has to be found out again.
        let is_link = metadata.as_ref().is_some_and(|metadata| metadata.is_symlink());
        let is_new = kind != Kind::Written && is_article_name(name) && self.links.article(&relative).is_none();
        let is_linked = self.links.is_in_folder(&relative) && (is_new || is_link || kind == Kind::Folder);
        if self.links.is_place(&relative) || is_linked || (is_link && !is_hidden(&relative)) {
            (work.everything, self.links_changed) = (true, true);
            return;
        }
        self.note_transfer(&relative);
        let said = match kind {
            Kind::Finished => HintKind::Finished,
            Kind::Written => HintKind::Written,
            Kind::Gone => HintKind::Gone,
            Kind::Touched | Kind::Folder => HintKind::Touched,
        };
        if let Some(article) = self.links.article(&relative) {
            work.note(article.clone(), said);
            return;
        }
        if is_hidden(&relative) {
            return;
        }
        let is_folder = kind == Kind::Folder || metadata.is_some_and(|metadata| metadata.is_dir());
        // Pictures in folders that are left out may belong to articles.
        let is_left_out = || self.options.root.ignore.matching(&format!("{relative}/")).is_some();
        if (is_folder || is_article_name(name))
            && (is_left_out() || self.options.root.ignores(&ArticlePath::new(&relative)))
        {
            return;
        }
        if is_folder {
            work.folders.insert(relative.clone());
        } else if is_article_name(name) {
            work.note(ArticlePath::new(&relative), said);
        } else if kind != Kind::Touched && kind != Kind::Written {
            // A picture or sound: the articles that name it say what it is like.
            work.reread.extend(self.known.naming(&ArticlePath::new(&relative)).cloned());
        }
        // What was here may have been a folder.
        if kind == Kind::Gone && !is_article_name(name) {
            for path in self.known.below(&relative) {
                work.files.entry(path.clone()).or_insert(HintKind::Gone);
            }
            let below = format!("{relative}/");
            work.reread.extend(self.known.named(&below).flat_map(|(_, articles)| articles).cloned());
        }
    }

    /// Notes what was where, so that a file that was renamed and edited at once is still known.
    fn note_rename(&mut self, from: &Path, to: &Path, work: &mut Work) {
        let (Some(from), Some(to)) = (self.options.root.relative(from), self.options.root.relative(to)) else { return };
        let inside = format!("{from}/");
        let path = ArticlePath::new(&from);
        let was_there =
            self.known.contains(&path) || work.renamed.contains_key(&path) || self.renamed.contains_key(&path);
        let files = self.known.below(&from).filter_map(|path| {
            let rest = path.as_str().strip_prefix(&inside)?;
            Some((path.to_string(), format!("{to}/{rest}")))
        });
        let mut files: Vec<(String, String)> = files.collect();
        files.extend(was_there.then_some((from, to)));
        for (from, to) in files {
            let from = ArticlePath::new(&from);
            // Renamed twice: what matters is where it was first.
            let origin = work.renamed.remove(&from).or_else(|| self.renamed.remove(&from)).unwrap_or(from);
            work.renamed.insert(ArticlePath::new(&to), origin);
        }
    }

    /// Has everything read again, and told. Which files there were is not forgotten, or one that goes before it was read would not be
    /// missed.
    fn forget_versions(&mut self) {
        self.known.forget_versions();
        self.tells_all = true;
    }

    fn look_at(&mut self, work: Work) -> Result<(), Stopped> {
        self.renamed.extend(work.renamed);
        // What is being made of the first look is worth more than the second: readers wait for it.
        let is_busy = self.first.is_some() || self.events.capacity() < self.events.max_capacity();
        if self.is_unwatched && !work.everything && is_busy {
            self.next_scan = self.next_scan.max(self.now() + SECOND_LOOK);
        }
        if self.is_between_roots() {
            self.is_look_due = true;
            self.next_scan = self.next_scan.max(self.next_root);
        } else if work.everything || self.next_scan <= self.now() {
            let begun = self.now();
            let is_late = (!self.listed || self.gathering.is_some()) && self.is_large();
            if !is_late {
                self.arm();
            }
            let arming = self.now().saturating_sub(begun);
            self.scan("")?;
            let pause = match is_late {
                _ if self.tells_all => Duration::ZERO,
                // What was found has to be worked in first.
                true => SECOND_LOOK + self.looked / 3,
                false => self.mode.pause(self.armed, arming + self.looked, self.options.safety),
            };
            self.is_unwatched = is_late;
            self.links_changed = false;
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
        // What goes with a folder goes at one time, however long it takes to look at all of it.
        let now = self.now();
        for (path, said) in work.files {
            self.observe(path, said, now, &mut ready);
        }
        ready.extend(work.reread.into_iter().filter(|path| self.known.contains(path)));
        ready.sort();
        ready.dedup();
        self.read(ready)?;
        self.renamed.retain(|path, _| self.coalescer.is_waiting(path));
        Ok(())
    }

    /// Whether the archive is so large that it is first looked at and then watched: readers need not wait for thousands of watches, and
    /// each file that is read would be an event, of which the system's queue has room for so many. What happens meanwhile a second look
    /// finds.
    fn is_large(&self) -> bool {
        has_more_than(MANY_FILES, MANY_FOLDERS, &self.options.root)
    }

    /// Decides whether a file is to be read now.
    fn observe(&mut self, path: ArticlePath, said: HintKind, now: Duration, ready: &mut Vec<ArticlePath>) {
        if !self.links.has(&path) && is_linked(&self.options.root, &path) {
            // A link that nobody knows of. What it leads to takes a look at everything.
            (self.next_scan, self.links_changed) = (self.now(), true);
        }
        let found = match self.look(&path) {
            Ok(found) => found,
            Err(_) => return ready.push(path),
        };
        let is_old = match found {
            None => !self.known.contains(&path),
            Some(stamp) => self.known.is_unchanged(&path, stamp),
        };
        // Whoever had it open may have closed it without another change.
        if is_old && !self.unclosed.contains(&path) {
            return;
        }
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
            let Ok(found) = self.look(&path) else {
                self.coalescer.forget(&path);
                ready.push(path);
                continue;
            };
            let now = self.now();
            let since = self.coalescer.gone_since(&path).unwrap_or(now);
            match self.coalescer.settle(&path, seen(found, clock()), now) {
                Step::Read => ready.push(path),
                Step::ReadOpen => {
                    self.still_open.insert(path.clone());
                    ready.push(path);
                }
                Step::Absent if is_unmounted(&self.options.root, &path, &self.devices) => {}
                Step::Absent => absent.push((path, since)),
                Step::Wait => {}
            }
        }
        // Everything is missing from a tree that is removed after a swap, and where there is no directory.
        if !absent.is_empty() && (!self.options.root.has_existed() || self.has_left_root()) {
            absent.drain(..).for_each(|(path, _)| self.has_left(&path));
        }
        let mut absent = if absent.is_empty() { Vec::new() } else { self.hold_removals(absent, &ready) };
        absent.retain(|path| self.known.forget(path));
        for path in &absent {
            self.unclosed.remove(path);
        }
        if !absent.is_empty() {
            let doubtful = is_doubtful(&self.options.root, &mut self.devices);
            let gone = absent.into_iter().map(|path| ParsedFile {
                path,
                state: FileState::Absent { doubtful },
                renamed_from: None,
            });
            let gone = gone.collect();
            self.send_files(gone)?;
        }
        self.read(ready)
    }

    fn read(&mut self, paths: Vec<ArticlePath>) -> Result<(), Stopped> {
        self.read_noting(paths, |_, _| {})
    }

    /// The same; `note` hears of what was news.
    fn read_noting(&mut self, paths: Vec<ArticlePath>, note: fn(&mut Self, &ArticlePath)) -> Result<(), Stopped> {
        let begun = self.now();
        // By what is known before any of these is read.
        let mut origins: BTreeMap<ArticlePath, ArticlePath> = BTreeMap::new();
        for path in &paths {
            if let Some(from) = self.renamed.remove(path)
                && self.is_the_same(&from, self.look(path).unwrap_or_default())
            {
                origins.insert(path.clone(), from);
            }
        }
        self.find_respelled(&mut origins, &paths);
        // The stamp from before reading: a write in between shows as a change.
        let mut files: Vec<(ArticlePath, Option<Stamp>)> = Vec::with_capacity(paths.len());
        for path in paths {
            match self.look(&path) {
                Ok(None) => self.has_left(&path),
                found => files.push((path, found.unwrap_or_default())),
            }
        }
        let size = |(path, stamp): &(ArticlePath, Option<Stamp>)| match stamp {
            // What was renamed stays with what may be at its old path.
            Some(stamp) if !origins.contains_key(path) => stamp.size,
            _ => 0,
        };
        let batches = batches(files, size, !self.listed || self.is_gathering());
        for seen in batches {
            // What was read before, and what is gone, is published first.
            let is_large = matches!(seen.as_slice(), [(_, Some(stamp))] if stamp.size > LARGE);
            if self.listed && !self.is_gathering() && is_large {
                self.send_joined()?;
            }
            // Most files of a new tree are those of the tree before.
            let (is_new_tree, known, unclosed) = (self.gathering.is_some(), &self.known, &self.unclosed);
            let is_known = |path: &ArticlePath, hash| known.has_content(path, hash) && !unclosed.contains(path);
            let is_known = is_new_tree.then_some(&is_known as _);
            let (mut files, rows) = read::read_all(&self.options.root, &seen, &self.options.parsing, is_known);
            asked(&self.cache).keep(rows);
            self.meters.articles_read.inc_by(u64::try_from(files.len()).unwrap_or(0));
            let mut stamps: BTreeMap<ArticlePath, Option<Stamp>> = seen.into_iter().collect();
            if is_new_tree {
                self.note_known(&mut stamps, &files);
            }
            self.find_moved(&mut origins, &files);
            let stamp = |file: &ParsedFile| stamps.get(&file.path).copied().flatten();
            files.retain(|file| self.is_news(file, stamp(file)) || self.unclosed.contains(&file.path));
            for file in &mut files {
                self.note_open(file);
                note(self, &file.path);
                file.renamed_from = origins.remove(&file.path);
                file.renamed_from.iter().for_each(|from| self.known.disown(from));
            }
            if !files.is_empty() {
                self.send_files(files)?;
            }
        }
        self.reading += self.now().saturating_sub(begun);
        Ok(())
    }

    /// Whether what was read last at the old path is what is at the new one. Where something is at the old path again, that may
    /// have been read already, before the system told of the renaming.
    fn is_the_same(&self, from: &ArticlePath, stamp: Option<Stamp>) -> bool {
        let is_same = stamp.is_some_and(|stamp| self.known.is_same_file(from, stamp));
        is_same || matches!(self.look(from), Ok(None))
    }

    /// Looks at an article's file. What is at the end of a link is one only if the link names it.
    fn look(&self, path: &ArticlePath) -> Result<Option<Stamp>, Diagnostic> {
        let root = &self.options.root;
        if root.ignores(path) {
            return Ok(None);
        }
        if !self.links.has(path) && !self.newly_linked.contains(path) && is_linked(root, path) {
            // What may not be read at all is told of.
            return look(root, path).map(|_| None);
        }
        look(root, path)
    }

    fn has_left(&mut self, path: &ArticlePath) {
        let now = self.now();
        self.coalescer.observe(path, seen(None, clock()), HintKind::Gone, now);
    }

    /// Says of a file that its writer has not closed it, or no longer.
    fn note_open(&mut self, file: &mut ParsedFile) {
        if !self.still_open.remove(&file.path) {
            self.unclosed.remove(&file.path);
            return;
        }
        self.unclosed.insert(file.path.clone());
        if let FileState::Present(parsed) = &mut file.state {
            let seconds = self.options.open_limit.as_secs();
            let message = format!("this file has been open for writing for {seconds} s, so it is published as it is");
            let place = Place::file(&self.options.root.display(file.path.as_str()));
            let help = "close it; or write to another name, and rename the file when it is complete";
            parsed.diagnostics.push(Diagnostic::new(Code::ArticleOpen, message).at(place).help(help));
        }
    }

    /// Closes may be among the events that were lost.
    fn lose_closes(&mut self) {
        let (now, root) = (self.now(), &self.options.root);
        self.coalescer.lose_closes(now, |path| look(root, path).ok().flatten());
    }

    /// Whether a file is not what it was; remembers what it is.
    fn is_news(&mut self, file: &ParsedFile, stamp: Option<Stamp>) -> bool {
        match &file.state {
            FileState::Present(parsed) => {
                let article = parsed.article.as_ref();
                let files = article.into_iter().flat_map(|article| article.metadata.local_files());
                // The first look at everything ends with one at all of them.
                let look = |file: &ArticlePath| self.listed.then(|| self.look_of(file));
                let files = files.map(|(file, facts)| (file.clone(), facts, look(file))).collect();
                self.known.note(&file.path, stamp, article.map(|article| article.card.hash()), files)
            }
            // What is recalled is noted by whole folders.
            FileState::Known(..) => true,
            FileState::Absent { .. } => {
                self.has_left(&file.path);
                false
            }
            // Read again at the next scan.
            FileState::Unreadable(_) => {
                self.known.note(&file.path, None, None, Vec::new());
                true
            }
        }
    }

    /// What a file looks like that was just measured. What is young may have changed since: then it looks like nothing that it was.
    fn look_of(&self, file: &ArticlePath) -> Option<Stamp> {
        let stamp = look(&self.options.root, file).unwrap_or_default()?;
        Some(if is_young(stamp, clock()) { Stamp::default() } else { stamp })
    }
}

/// What hints amount to.
#[derive(Default)]
struct Work {
    everything: bool,
    folders: BTreeSet<String>,
    /// Files, and the most that was said of each.
    files: BTreeMap<ArticlePath, HintKind>,
    /// Articles to be read again whatever they look like, since a file that they name changed.
    reread: BTreeSet<ArticlePath>,
    /// Where renamed articles were before.
    renamed: BTreeMap<ArticlePath, ArticlePath>,
}

impl Work {
    fn note(&mut self, path: ArticlePath, said: HintKind) {
        let before = self.files.entry(path).or_insert(said);
        *before = before.then(said);
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Finished,
    Written,
    Touched,
    Gone,
    Folder,
}

fn asked<C>(cache: &Mutex<C>) -> MutexGuard<'_, C> {
    cache.lock().unwrap_or_else(PoisonError::into_inner)
}

fn config_folder(config: &Path) -> PathBuf {
    let folder = config.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned())
}
