//! Scans folders: finds new, changed and missing files.
//!
//! One thread walks, all cores check and read files, and the worker's thread compares the results with the known files.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::super::batches::MAX_BATCH_FILES;
use super::super::cache::{CachedArticle, CachedFile, CachedRow, MetadataCache, is_recent};
use super::super::clock::clock;
use super::super::coalesce::{Completion, Decision, FileStatus, HintKind};
use super::super::listing::{FileKind, FolderListing};
use super::super::messages::ScanProgress;
use super::super::mode;
use super::super::read::Reader;
use super::super::scan::{Walk, walk};
use super::super::stat::{OpenFolder, stat_file};
use super::state::{Stopped, Worker, locked};
use crate::beneath::{Root, Stamp};
use crate::diagnostics::{Code, Diagnostic};
use crate::event::{Event, FileState, ListedDirectory, Listing, ParsedFile};
use crate::parallel;
use crate::types::{ArticlePath, folder};

/// How many folders a core takes at a time.
const FOLDERS_PER_SHARE: usize = 2;
/// How many files a task of the first scan has at most. The files of a task stay in memory until they are sent.
const FILES_PER_TASK: usize = 256;

/// How many times `content.settle` the first listing waits for recently changed files at most.
const MAX_FIRST_SETTLES: u32 = 3;
/// How long the first listing of a drop folder waits at most.
const MAX_FIRST_UPLOADS: Duration = Duration::from_secs(1);

impl<C: MetadataCache> Worker<C> {
    /// Scans a folder and all folders below it (the directory itself: everything). Reads changed files, records missing ones, and sends the listing.
    pub(super) fn scan(&mut self, scope: &str) -> Result<(), Stopped> {
        self.metrics.scans.inc();
        let is_full_scan = folder::is_top(scope);
        let is_whole = self.reports_all || !is_full_scan;
        let (started, wall_time) = (self.now(), clock());
        let (reading_time, files_read) = (self.reading_time, self.metrics.articles_read.get());
        self.options.root.forget_names(None);
        let mut found = self.scan_folders(scope, is_whole)?;
        if self.has_root_changed() {
            // Missing files may be in the new tree.
            (self.is_scan_due, self.next_root_check) = (true, self.now());
            return Ok(());
        }
        let prefix = if scope.is_empty() { String::new() } else { format!("{scope}/") };
        let root = &self.options.root;
        let stat = |file: &ArticlePath| stat_file(root, file).ok().flatten();
        let to_remeasure = self.known.articles_to_remeasure(&prefix, stat, |stamp| is_recent(stamp, wall_time));
        let now = self.now();
        if is_full_scan {
            self.scan_time = now.saturating_sub(started).saturating_sub(self.reading_time.saturating_sub(reading_time));
            // The first scan reads files on all cores, so the time of the scan alone isn't known.
            if !self.is_listed && self.metrics.articles_read.get() > files_read {
                self.scan_time = Duration::ZERO;
            }
            if self.options.root.source.is_none() {
                self.metrics.scan_seconds.set(self.scan_time.as_secs_f64());
            }
        }
        // Counts only articles that have really changed.
        let count: fn(&mut Self, &ArticlePath) = |worker, path| {
            if !worker.coalescer.is_waiting(path) {
                worker.unreported.add(path, worker.started.elapsed());
            }
        };
        self.read_and_call(to_remeasure.into_iter().collect(), if is_full_scan { count } else { |_, _| {} })?;
        if is_full_scan {
            self.record_unreadable(&found, is_whole);
        }
        if is_whole {
            // Missing files count as present until their grace is over.
            found.files.extend(self.coalescer.missing().cloned());
        } else {
            found.directories.retain(|folder| folder.unreadable.is_some() || folder::is_top(&folder.path));
        }
        if is_full_scan {
            self.gathering_since = None;
        }
        self.send_listing(found)?;
        if is_full_scan && !std::mem::replace(&mut self.is_listed, true) {
            self.known.compact();
        }
        Ok(())
    }

    /// Records which folders can't be read. If others could be read before, the next listing names all files: the engine has to find out
    /// which files were removed meanwhile.
    fn record_unreadable(&mut self, found: &Listing, is_whole: bool) {
        let unreadable = found.directories.iter().filter_map(|folder| Some((folder, folder.unreadable.as_ref()?)));
        let unreadable = unreadable.map(|(folder, diagnostic)| (folder.path.clone(), diagnostic.code));
        let unreadable: BTreeMap<String, Code> = unreadable.collect();
        self.reports_all = !is_whole && unreadable != self.unreadable;
        self.unreadable = unreadable;
    }

    /// Sends a listing, or keeps it as the first one until recently changed files have settled.
    fn send_listing(&mut self, mut found: Listing) -> Result<(), Stopped> {
        let is_full_scan = folder::is_top(&found.scope);
        if is_full_scan {
            let overflowed = std::mem::take(&mut self.has_overflowed).then(|| mode::overflow(&self.options.root.name));
            let limited = self.limited.as_ref().map(|limit| limit.diagnostic(&self.options.root.name));
            found.limited = limited.or(overflowed);
        }
        // Until the first listing is sent, only a whole one may replace it.
        if let Some((first, _)) = self.first_listing.as_mut().filter(|_| is_full_scan) {
            match found.is_whole {
                true => *first = found,
                false => first.limited = found.limited,
            }
            return Ok(());
        }
        // Articles that were just copied have changed recently. Without them the first feeds would be empty.
        if !self.is_listed && self.may_miss_files() {
            let wait = self.coalescer.settle.saturating_mul(MAX_FIRST_SETTLES);
            let wait = match self.coalescer.completion {
                Completion::Closed => wait,
                // Uploads may go on for ever.
                Completion::Settled => wait.min(MAX_FIRST_UPLOADS),
            };
            self.first_listing = Some((found, self.now() + wait));
            return Ok(());
        }
        self.flush_files()?;
        // A new tree is announced only once it can be read.
        let is_readable = |folder: &ListedDirectory| folder::is_top(&folder.path) && folder.unreadable.is_none();
        let root = self.new_root.take_if(|_| found.directories.iter().any(is_readable));
        self.send_with_root(Event::Rescan(found), root)
    }

    /// Walks through folders, and checks and reads files on all cores. Only a whole listing names the files.
    fn scan_folders(&mut self, scope: &str, is_whole: bool) -> Result<Listing, Stopped> {
        let (root, parsing) = (self.options.root.clone(), Arc::clone(&self.options.parsing));
        let is_full_scan = folder::is_top(scope);
        let context = ScanContext {
            root: &root,
            reader: Reader::new(&root, &parsing),
            // Later scans need the cache only for files that couldn't be read so far.
            cache: Some(Arc::clone(&self.cache)).filter(|_| {
                let has_unreadable = || self.unreadable.values().any(|code| *code != Code::FolderLink);
                is_full_scan && (self.reports_all || has_unreadable())
            }),
            progress: Arc::clone(&self.options.progress),
            is_first: !self.is_listed && is_full_scan,
            settle: self.coalescer.settle,
            completion: self.coalescer.completion,
        };
        let links = Arc::clone(&self.links);
        let mut devices = std::mem::take(&mut self.devices);
        let find = |add: &mut dyn FnMut(Task)| {
            let walk = walk(&root, scope, &mut devices, &links, &mut |folder| context.add_tasks(folder, add));
            context.cache.iter().filter(|_| walk.is_complete()).for_each(|cache| locked(cache).finish_listing());
            (walk, devices)
        };
        let check = |share: Vec<Task>| share.into_iter().map(|task| context.check(task)).collect();
        let mut files = Vec::new();
        let mut gone = Vec::new();
        let mut ready = Vec::new();
        let mut visited: HashSet<String> = HashSet::new();
        let ((walk, devices), result) = parallel::pipeline(FOLDERS_PER_SHARE, find, check, |checked| {
            for mut folder in checked.flatten() {
                for (path, kind, stamp, content) in &folder.files {
                    if *kind == FileKind::Linked {
                        self.newly_linked.insert(path.clone());
                    }
                    if let Some(Content::Read(file, _)) = content {
                        context.reader.release(file);
                    }
                    files.extend((is_whole && !matches!(stamp, Ok(None))).then(|| path.clone()));
                }
                gone.extend(
                    folder.gone.drain(..).map(|name| (ArticlePath::new(&folder::join(&folder.path, &name)), None)),
                );
                visited.insert(folder.path.clone());
                self.compare_folder(folder, scope, &mut ready)?;
                if ready.len() >= MAX_BATCH_FILES {
                    self.read(std::mem::take(&mut ready))?;
                }
            }
            Ok(())
        });
        self.devices = devices;
        if walk.is_complete() {
            locked(&self.cache).save(gone);
        }
        result?;
        let Walk { mut listing, unusable, has_links, links } = walk;
        if is_full_scan {
            self.links = Arc::new(links);
        } else if has_links {
            // Only a full scan resolves links.
            self.next_scan = self.now();
        }
        self.newly_linked.clear();
        ready.extend(unusable.iter().map(|(path, _)| path.clone()));
        files.extend(unusable.into_iter().map(|(path, _)| path));
        // Known files in folders that the walk didn't find.
        let is_absent = listing.completeness();
        let missing = self.known.folders_below(scope).filter(|folder| !visited.contains(*folder));
        let missing: Vec<ArticlePath> =
            missing.flat_map(|folder| self.known.files_in(folder)).filter(|path| is_absent(path)).cloned().collect();
        drop(is_absent);
        self.add_all_missing(&missing, scope);
        self.read(ready)?;
        listing.files = files;
        listing.is_whole = is_whole;
        Ok(listing)
    }

    /// Compares a folder with the known files. Sends files that were read or loaded, adds complete ones to `ready`, and records missing
    /// ones.
    fn compare_folder(
        &mut self,
        folder: CheckedFolder,
        scope: &str,
        ready: &mut Vec<ArticlePath>,
    ) -> Result<(), Stopped> {
        self.metrics.files_scanned.inc_by(u64::try_from(folder.files.len()).unwrap_or(0));
        let (mut loaded, mut to_send, mut rows) = (Vec::new(), Vec::new(), Vec::new());
        let mut present: HashSet<ArticlePath> = HashSet::new();
        let is_known = self.known.files_in(&folder.path).next().is_some();
        for (path, kind, stamp, content) in folder.files {
            match (stamp, content) {
                (Ok(Some(stamp)), _) if is_known && self.known.is_unchanged(&path, stamp) => {}
                (Ok(Some(stamp)), Some(Content::Cached(cached))) if !is_known || self.known.is_unread(&path) => {
                    loaded.push((path.clone(), stamp, cached));
                }
                (Ok(Some(stamp)), Some(Content::Read(file, row))) if !self.coalescer.is_waiting(&path) => {
                    self.metrics.articles_read.inc();
                    rows.extend(row.map(|row| (path.clone(), Some(row))));
                    let file = *file;
                    match file.state {
                        FileState::Known(card, warnings) => {
                            let article = CachedArticle { card, warnings };
                            loaded.push((path.clone(), stamp, CachedFile::Article(article)));
                        }
                        _ if self.record_if_changed(&file, Some(stamp)) => to_send.push(file),
                        _ => {}
                    }
                }
                (Ok(Some(stamp)), _) => {
                    let now = self.now();
                    // A file whose version was forgotten is read again, but may be unchanged.
                    let is_changed = !self.known.is_unread(&path) || !self.known.contains(&path);
                    let is_later = self.is_listed && folder::is_top(scope);
                    let is_new_tree = self.gathering_since.is_some();
                    if is_later && is_changed && !is_new_tree && !self.coalescer.is_waiting(&path) {
                        self.unreported.add(&path, now);
                    }
                    let mut status = FileStatus::at(Some(stamp), self.coalescer.completion, clock());
                    // The stamp may come from another machine's clock, so the age isn't to be trusted.
                    if is_later && self.mode.polls() {
                        status = FileStatus::Present(stamp, None);
                    }
                    let is_complete = is_new_tree || (self.have_links_changed && kind == FileKind::Linked);
                    let hint = if is_complete { HintKind::Complete } else { HintKind::Changed };
                    let decision = self.coalescer.observe(&path, status, hint, now);
                    if decision == Decision::Read || self.is_whole_upload(&path, hint) {
                        self.coalescer.forget(&path);
                        ready.push(path.clone());
                    }
                }
                // Removed after the folder was listed. Another hint or scan reports that.
                (Ok(None), _) => continue,
                (Err(_), _) => ready.push(path.clone()),
            }
            if is_known {
                present.insert(path);
            }
        }
        // Pictures may have arrived without an event.
        let is_incomplete = |(text, pictures): &(ArticlePath, Vec<ArticlePath>)| {
            self.known.contains(text) && self.known.lacks_references(text, pictures)
        };
        let texts = folder.pictures.into_iter().filter(|text| is_known && is_incomplete(text));
        ready.extend(texts.map(|(text, _)| text));
        if folder.is_complete && is_known {
            let missing = self.known.files_in(&folder.path).filter(|path| !present.contains(*path));
            let missing: Vec<ArticlePath> = missing.cloned().collect();
            self.add_all_missing(&missing, scope);
        }
        if !rows.is_empty() {
            locked(&self.cache).save(rows);
        }
        if !loaded.is_empty() {
            let files = loaded.iter().map(|(path, stamp, cached)| (path, *stamp, cached));
            self.known.record_cached(&folder.path, files);
            to_send.extend(loaded.into_iter().map(|(path, _, cached)| ParsedFile {
                path,
                state: cached.into_state(),
                renamed_from: None,
            }));
        }
        if !to_send.is_empty() {
            self.send_files(to_send)?;
        }
        Ok(())
    }

    /// Records missing files with one time, so that the engine sees the removal of a folder as a whole.
    fn add_all_missing(&mut self, missing: &[ArticlePath], scope: &str) {
        let now = self.now();
        for path in missing {
            if folder::is_top(scope) && self.gathering_since.is_none() && !self.coalescer.is_waiting(path) {
                self.unreported.add(path, now);
            }
            self.coalescer.observe(path, FileStatus::Missing, HintKind::Removed, now);
        }
    }
}

/// A folder to check, or a part of it, with its rows from the cache.
type Task = (FolderListing, HashMap<String, CachedRow>);

/// The data that every core needs to check folders.
struct ScanContext<'r, C> {
    root: &'r Root,
    reader: Reader<'r>,
    /// The metadata cache, if the scan uses it.
    cache: Option<Arc<Mutex<C>>>,
    progress: Arc<ScanProgress>,
    /// Whether this is the first scan. Then reading is most of the work, so cores read complete files at once.
    is_first: bool,
    /// `content.settle`: how long a file has to stay unchanged before it is complete.
    settle: Duration,
    completion: Completion,
}

impl<C: MetadataCache> ScanContext<'_, C> {
    /// Adds a folder's tasks. The first scan may split large folders, because no known file can be missing from them yet.
    fn add_tasks(&self, mut folder: FolderListing, add: &mut dyn FnMut(Task)) {
        let mut rows = self.cache.as_ref().map(|cache| locked(cache).load_folder(&folder.path)).unwrap_or_default();
        if self.is_first {
            self.progress.found.fetch_add(folder.files.len(), Ordering::Relaxed);
            while let Some(part) = folder.split_off(FILES_PER_TASK) {
                let rows = part.files.iter().filter_map(|(path, _)| rows.remove_entry(path.name())).collect();
                add((part, rows));
            }
        }
        add((folder, rows));
    }

    /// Checks the files of a folder.
    fn check(&self, (folder, mut rows): Task) -> CheckedFolder {
        let open = OpenFolder::open(self.root, &folder.path);
        let files = folder.files.into_iter().map(|(path, kind)| {
            let result = open.stat(&path);
            let stamp = result.as_ref().ok().copied().flatten();
            let row = rows.remove(path.name()).zip(stamp);
            let cached = row
                .and_then(|(row, stamp)| self.reader.rows.decode(&path, &open.pictures_of(&path), stamp, row, clock()));
            let content = cached.map(Content::Cached).or_else(|| self.read_if_settled(&open, &path, stamp?));
            (path, kind, result, content)
        });
        let files: Vec<_> = files.collect();
        let pictures = files.iter().map(|(path, ..)| (path.clone(), open.pictures_of(path)));
        let pictures = pictures.filter(|(_, pictures)| !self.is_first && !pictures.is_empty()).collect();
        CheckedFolder {
            pictures,
            path: folder.path,
            is_complete: folder.is_complete,
            files,
            gone: rows.into_keys().collect(),
        }
    }

    /// Reads a file during the first scan if it is old enough to be complete.
    fn read_if_settled(&self, open: &OpenFolder<'_>, path: &ArticlePath, stamp: Stamp) -> Option<Content> {
        let is_settled =
            self.is_first && FileStatus::at(Some(stamp), self.completion, clock()).is_older_than(self.settle);
        let horizon = self.progress.horizon.load(Ordering::Relaxed);
        let read = || self.reader.read_regular(open, path, clock(), horizon);
        let (mut file, row) = is_settled.then(read).flatten()?;
        self.reader.limit_memory(&mut file);
        Some(Content::Read(Box::new(file), row))
    }
}

/// The result of [`stat_file`].
type StatResult = Result<Option<Stamp>, Diagnostic>;

/// The content of a file that was checked.
enum Content {
    /// Loaded from a valid row of the cache.
    Cached(CachedFile),
    /// Read from the file, with the new row for the cache.
    Read(Box<ParsedFile>, Option<CachedRow>),
}

/// A folder whose files were checked.
struct CheckedFolder {
    path: String,
    is_complete: bool,
    files: Vec<(ArticlePath, FileKind, StatResult, Option<Content>)>,
    /// The texts with pictures of their names. Empty during the first scan.
    pictures: Vec<(ArticlePath, Vec<ArticlePath>)>,
    /// Names of files that have a row in the cache and are missing.
    gone: Vec<String>,
}
