//! Looking at folders: what is new, what changed, what is gone.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::super::cache::{Cached, CachedFile, MetadataCache, is_young};
use super::super::coalesce::{HintKind, ScanResult, Step};
use super::super::mode;
use super::super::read::Reader;
use super::super::scan::{FileKind, Folder, OpenFolder, Walk, join, look, seen, walk};

use super::super::{ScanProgress, clock};
use super::{FIRST_SETTLES, MAX_FILES, Stopped, Worker, asked};
use crate::beneath::{Root, Stamp};
use crate::diagnostics::{Code, Diagnostic};
use crate::event::{Event, FileState, ListedDirectory, Listing, ParsedFile};
use crate::parallel;
use crate::types::ArticlePath;

/// So many folders are looked at by a core at a time, and of each so many files at first: there may be few with many, and what was read
/// of all of them is in memory until it is told.
const FOLDERS: usize = 2;
const PIECE: usize = 256;

impl<C: MetadataCache> Worker<C> {
    /// Looks at a folder and all below it, `""` for everything: reads what is new, notes what is gone, and tells the engine.
    pub(super) fn scan(&mut self, scope: &str) -> Result<(), Stopped> {
        self.meters.scans.inc();
        let whole = self.tells_all || !scope.is_empty();
        let (begun, clock_then) = (self.now(), clock());
        let (read, files) = (self.reading, self.meters.articles_read.get());
        let mut found = self.look_everywhere(scope, whole)?;
        if self.has_left_root() {
            // What was missing may be in the tree that is the content directory now.
            (self.is_look_due, self.next_root) = (true, self.now());
            return Ok(());
        }
        let prefix = if scope.is_empty() { String::new() } else { format!("{scope}/") };
        // What no hint told of.
        let root = &self.options.root;
        let look = |file: &ArticlePath| look(root, file).ok().flatten();
        let remeasured = self.known.remeasured(&prefix, look, |stamp| is_young(stamp, clock_then));
        let now = self.now();
        if scope.is_empty() {
            self.looked = now.saturating_sub(begun).saturating_sub(self.reading.saturating_sub(read));
            // Where files were read as they were looked at, it is not known how long the look alone takes.
            if !self.listed && self.meters.articles_read.get() > files {
                self.looked = Duration::ZERO;
            }
            self.meters.scan_seconds.set(self.looked.as_secs_f64());
        }
        // Many of these are as they were, but for their times.
        let count: fn(&mut Self, &ArticlePath) = |worker, path| {
            if !worker.coalescer.is_waiting(path) {
                worker.unannounced.found(path, worker.started.elapsed());
            }
        };
        self.read_noting(remeasured.into_iter().collect(), if scope.is_empty() { count } else { |_, _| {} })?;
        if scope.is_empty() {
            self.note_unreadable(&found, whole);
        }
        if whole {
            // Until the grace is over, what is leaving is still there.
            found.files.extend(self.coalescer.leaving().cloned());
        } else {
            found.directories.retain(|folder| folder.unreadable.is_some() || folder.path.is_empty());
        }
        if scope.is_empty() {
            self.gathering = None;
        }
        self.tell_of_look(found)?;
        if scope.is_empty() && !std::mem::replace(&mut self.listed, true) {
            self.known.compact();
        }
        Ok(())
    }

    /// What is gone from a folder that can be read again, nobody may know but who remembers what was in it: where what can be read is
    /// other than it was, the next look is told whole.
    fn note_unreadable(&mut self, found: &Listing, whole: bool) {
        let unreadable = found.directories.iter().filter_map(|folder| Some((folder, folder.unreadable.as_ref()?)));
        let unreadable = unreadable.map(|(folder, diagnostic)| (folder.path.clone(), diagnostic.code));
        let unreadable: BTreeMap<String, Code> = unreadable.collect();
        self.tells_all = !whole && unreadable != self.unreadable;
        self.unreadable = unreadable;
    }

    fn tell_of_look(&mut self, mut found: Listing) -> Result<(), Stopped> {
        let is_of_everything = found.scope.is_empty();
        if is_of_everything {
            let overflowed = std::mem::take(&mut self.overflowed).then(|| mode::overflow(&self.options.root.name));
            let limited = self.limited.as_ref().map(|limit| limit.diagnostic(&self.options.root.name));
            found.limited = limited.or(overflowed);
        }
        // While the first one is not told, nobody may tell less.
        if let Some((first, _)) = self.first.as_mut().filter(|_| is_of_everything) {
            match found.is_whole {
                true => *first = found,
                false => first.limited = found.limited,
            }
            return Ok(());
        }
        // Articles that were just copied here are young: without them the first feeds would be empty ones.
        if !self.listed && self.is_incomplete() {
            self.first = Some((found, self.now() + self.coalescer.settle.saturating_mul(FIRST_SETTLES)));
            return Ok(());
        }
        self.send_joined()?;
        // While it can't be read, what is published is of the tree before.
        let is_readable = |folder: &ListedDirectory| folder.path.is_empty() && folder.unreadable.is_none();
        let root = self.new_root.take_if(|_| found.directories.iter().any(is_readable));
        self.send_from(Event::Rescan(found), root)
    }

    /// Walks through folders and looks at their files on all cores; what is new is read meanwhile. The listing has the files only
    /// where they are all to be told.
    fn look_everywhere(&mut self, scope: &str, whole: bool) -> Result<Listing, Stopped> {
        let (root, parsing) = (self.options.root.clone(), Arc::clone(&self.options.parsing));
        let sight = ScanContext {
            root: &root,
            reader: Reader::new(&root, &parsing),
            // What this run read itself it knows, but not what it could not read so far.
            cache: Some(Arc::clone(&self.cache)).filter(|_| {
                let is_hidden = || self.unreadable.values().any(|code| *code != Code::FolderLink);
                scope.is_empty() && (self.tells_all || is_hidden())
            }),
            meanwhile: Arc::clone(&self.options.meanwhile),
            is_first: !self.listed && scope.is_empty(),
            settle: self.coalescer.settle,
        };
        let links = Arc::clone(&self.links);
        let mut devices = std::mem::take(&mut self.devices);
        let find = |tell: &mut dyn FnMut(Task)| {
            let walk = walk(&root, scope, &mut devices, &links, &mut |folder| sight.hand_out(folder, tell));
            sight.cache.iter().filter(|_| walk.is_sound()).for_each(|cache| asked(cache).finish_listing());
            (walk, devices)
        };
        let look = |share: Vec<Task>| share.into_iter().map(|task| sight.look_at(task)).collect();
        let mut files = Vec::new();
        let mut gone = Vec::new();
        let mut ready = Vec::new();
        let mut visited: HashSet<String> = HashSet::new();
        let ((walk, devices), result) = parallel::in_passing(FOLDERS, find, look, |looked| {
            for mut folder in looked.flatten() {
                for (path, kind, found, known) in &folder.files {
                    if *kind == FileKind::Linked {
                        self.newly_linked.insert(path.clone());
                    }
                    if let Some(Known::Read(file, _)) = known {
                        sight.reader.told(file);
                    }
                    files.extend((whole && !matches!(found, Ok(None))).then(|| path.clone()));
                }
                gone.extend(folder.gone.drain(..).map(|name| (ArticlePath::new(&join(&folder.path, &name)), None)));
                visited.insert(folder.path.clone());
                self.compare(folder, scope, &mut ready)?;
                if ready.len() >= MAX_FILES {
                    self.read(std::mem::take(&mut ready))?;
                }
            }
            Ok(())
        });
        self.devices = devices;
        if walk.is_sound() {
            asked(&self.cache).keep(gone);
        }
        result?;
        let Walk { mut listing, unusable, has_links, links } = walk;
        if scope.is_empty() {
            self.links = Arc::new(links);
        } else if has_links {
            // Which of them name articles depends on all the others.
            self.next_scan = self.now();
        }
        self.newly_linked.clear();
        ready.extend(unusable.iter().map(|(path, _)| path.clone()));
        files.extend(unusable.into_iter().map(|(path, _)| path));
        // Whole folders that are gone.
        let absent = listing.completeness();
        let lost = self.known.folders(scope).filter(|folder| !visited.contains(*folder));
        let lost: Vec<ArticlePath> =
            lost.flat_map(|folder| self.known.in_folder(folder)).filter(|path| absent(path)).cloned().collect();
        drop(absent);
        self.have_left(&lost, scope);
        self.read(ready)?;
        listing.files = files;
        listing.is_whole = whole;
        Ok(listing)
    }

    /// Compares a folder with what is known of it: what is new and complete is told, or ready to be read; what is not there has left.
    fn compare(&mut self, folder: Looked, scope: &str, ready: &mut Vec<ArticlePath>) -> Result<(), Stopped> {
        self.meters.files_scanned.inc_by(u64::try_from(folder.files.len()).unwrap_or(0));
        let (mut recalled, mut fresh, mut rows) = (Vec::new(), Vec::new(), Vec::new());
        let mut there: HashSet<ArticlePath> = HashSet::new();
        let is_known = self.known.in_folder(&folder.path).next().is_some();
        for (path, kind, found, known) in folder.files {
            match (found, known) {
                (Ok(Some(stamp)), _) if is_known && self.known.is_unchanged(&path, stamp) => {}
                (Ok(Some(stamp)), Some(Known::Kept(kept))) if !is_known || self.known.is_unread(&path) => {
                    recalled.push((path.clone(), stamp, kept));
                }
                (Ok(Some(stamp)), Some(Known::Read(file, row))) if !self.coalescer.is_waiting(&path) => {
                    self.meters.articles_read.inc();
                    rows.extend(row.map(|row| (path.clone(), Some(row))));
                    match file.state {
                        FileState::Known(card, warnings) => {
                            recalled.push((path.clone(), stamp, CachedFile { card, warnings }));
                        }
                        _ if self.is_news(&file, Some(stamp)) => fresh.push(file),
                        _ => {}
                    }
                }
                (Ok(Some(stamp)), _) => {
                    let now = self.now();
                    // What could not be read, or is to be read again, is not changed.
                    let is_changed = !self.known.is_unread(&path) || !self.known.contains(&path);
                    let is_later = self.listed && scope.is_empty();
                    let is_swapped = self.gathering.is_some();
                    if is_later && is_changed && !is_swapped && !self.coalescer.is_waiting(&path) {
                        self.unannounced.found(&path, now);
                    }
                    let mut seen = seen(Some(stamp), clock());
                    // Another machine's clock may have stamped it, so that its age says nothing.
                    if is_later && self.mode.polls() {
                        seen = ScanResult::File(stamp, None);
                    }
                    let is_complete = is_swapped || (self.links_changed && kind == FileKind::Linked);
                    let said = if is_complete { HintKind::Finished } else { HintKind::Touched };
                    if self.coalescer.observe(&path, seen, said, now) == Step::Read {
                        ready.push(path.clone());
                    }
                }
                // Gone between listing and looking: its removal will be seen as well.
                (Ok(None), _) => continue,
                (Err(_), _) => ready.push(path.clone()),
            }
            if is_known {
                there.insert(path);
            }
        }
        if folder.is_complete && is_known {
            let left = self.known.in_folder(&folder.path).filter(|path| !there.contains(*path));
            let left: Vec<ArticlePath> = left.cloned().collect();
            self.have_left(&left, scope);
        }
        if !rows.is_empty() {
            asked(&self.cache).keep(rows);
        }
        if !recalled.is_empty() {
            let files = recalled.iter().map(|(path, stamp, kept)| (path, *stamp, &kept.card));
            self.known.note_recalled(&folder.path, files);
            fresh.extend(recalled.into_iter().map(|(path, _, CachedFile { card, warnings })| ParsedFile {
                path,
                state: FileState::Known(card, warnings),
                renamed_from: None,
            }));
        }
        if !fresh.is_empty() {
            self.send_files(fresh)?;
        }
        Ok(())
    }

    /// What is not in its folder any more went at one time, or a part of a lost folder would pass for deletions.
    fn have_left(&mut self, left: &[ArticlePath], scope: &str) {
        let now = self.now();
        for path in left {
            if scope.is_empty() && self.gathering.is_none() && !self.coalescer.is_waiting(path) {
                self.unannounced.found(path, now);
            }
            self.coalescer.observe(path, seen(None, clock()), HintKind::Gone, now);
        }
    }
}

/// A folder, or a piece of it, that a core is to look at, and what earlier runs read of its files.
type Task = (Folder, HashMap<String, Cached>);

/// What all cores that look at folders need.
struct ScanContext<'r, C> {
    root: &'r Root,
    reader: Reader<'r>,
    /// What earlier runs read, where it is to be asked.
    cache: Option<Arc<Mutex<C>>>,
    meanwhile: Arc<ScanProgress>,
    /// Whether nothing was looked at before: then nearly all files are new, or none is, and reading them is most of the work.
    is_first: bool,
    /// How long a file has to stay as it is to be complete.
    settle: Duration,
}

impl<C: MetadataCache> ScanContext<'_, C> {
    /// Tells of a folder that was found: at first in pieces, of whose files nobody asks what is not there.
    fn hand_out(&self, mut folder: Folder, tell: &mut dyn FnMut(Task)) {
        let mut rows = self.cache.as_ref().map(|cache| asked(cache).of_folder(&folder.path)).unwrap_or_default();
        if self.is_first {
            self.meanwhile.found.fetch_add(folder.files.len(), Ordering::Relaxed);
            while let Some(piece) = folder.split_off(PIECE) {
                let rows = piece.files.iter().filter_map(|(path, _)| rows.remove_entry(path.name())).collect();
                tell((piece, rows));
            }
        }
        tell((folder, rows));
    }

    /// Looks at the files of a folder.
    fn look_at(&self, (folder, mut rows): Task) -> Looked {
        let open = OpenFolder::open(self.root, &folder.path);
        let files = folder.files.into_iter().map(|(path, kind)| {
            let found = open.look(&path);
            let stamp = found.as_ref().ok().copied().flatten();
            let known = rows.remove(path.name()).zip(stamp);
            let kept = known.and_then(|(row, stamp)| self.reader.seals.recall(&path, stamp, row, clock()));
            let known = kept.map(Known::Kept).or_else(|| self.read_at_once(&open, &path, stamp?));
            (path, kind, found, known)
        });
        let files = files.collect();
        Looked { path: folder.path, is_complete: folder.is_complete, files, gone: rows.into_keys().collect() }
    }

    /// Reads a file that is complete by its age.
    fn read_at_once(&self, open: &OpenFolder<'_>, path: &ArticlePath, stamp: Stamp) -> Option<Known> {
        let is_read = self.is_first && seen(Some(stamp), clock()).is_older_than(self.settle);
        let horizon = self.meanwhile.horizon.load(Ordering::Relaxed);
        let read = || self.reader.read_regular(open, path, clock(), horizon);
        let (mut file, row) = is_read.then(read).flatten()?;
        self.reader.fit(&mut file);
        Some(Known::Read(file, row))
    }
}

/// What a look at a file showed.
type Look = Result<Option<Stamp>, Diagnostic>;

/// What is known of a file that was looked at.
enum Known {
    /// What an earlier run read, and it looks like that.
    Kept(CachedFile),
    /// It was read, and what is to be kept of that.
    Read(ParsedFile, Option<Cached>),
}

/// A folder whose files were looked at.
struct Looked {
    path: String,
    is_complete: bool,
    /// What a look at each showed, and what is known of what is in it.
    files: Vec<(ArticlePath, FileKind, Look, Option<Known>)>,
    /// Files that are kept and not there.
    gone: Vec<String>,
}
