//! Reads the whole directory of a source once, without watching it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use super::cache::{CachedRow, MetadataCache};
use super::links::LinkTable;
use super::listing::{Devices, FileKind};
use super::messages::ScanProgress;
use super::read::{self, Reader};
use super::scan;
use super::stat::OpenFolder;
use crate::article::ParseOptions;
use crate::beneath::Root;
use crate::diagnostics::Diagnostic;
use crate::event::{Listing, ParsedFile};
use crate::parallel;
use crate::types::{ArticlePath, folder};

/// How many files a core reads at a time.
const FILES_PER_SHARE: usize = 64;

/// A file that the walk found.
enum FoundFile {
    Readable(ArticlePath, FileKind),
    Unusable(ArticlePath, Diagnostic),
}

/// Reads every article. `take` receives files in no order, while the walk goes on.
///
/// Files that match their row in `cache` aren't read; rows of the others are saved. Articles published before the horizon in
/// `scan_progress` come without their bodies unless they have diagnostics. `clock` decides which files changed too recently to be cached.
/// `report` receives the number of files read and found so far.
pub fn read_everything<S>(
    root: &Root,
    options: &ParseOptions,
    cache: impl MetadataCache,
    clock: fn() -> SystemTime,
    scan_progress: &ScanProgress,
    report: &(impl Fn(usize, usize) + Sync),
    take: impl FnOnce(&mut dyn Iterator<Item = Vec<ParsedFile>>) -> S,
) -> (Listing, S) {
    let ScanProgress { horizon, found } = scan_progress;
    let done = AtomicUsize::new(0);
    let reader = Reader::new(root, options);
    // The walk loads rows while the receiving side saves others.
    let cache = Mutex::new(cache);
    let locked_cache = || cache.lock().unwrap_or_else(PoisonError::into_inner);
    let find = |add: &mut dyn FnMut((FoundFile, Option<CachedRow>))| {
        let (mut files, mut gone) = (Vec::new(), Vec::new());
        let walk = scan::walk(root, &root.top(), &mut Devices::new(), &LinkTable::default(), &mut |folder| {
            let mut rows = locked_cache().load_folder(&folder.path);
            found.fetch_add(folder.files.len(), Ordering::Relaxed);
            for (path, kind) in folder.files {
                files.push(path.clone());
                let row = rows.remove(path.name());
                add((FoundFile::Readable(path, kind), row));
            }
            gone.extend(rows.into_keys().map(|name| (ArticlePath::new(&folder::join(&folder.path, &name)), None)));
        });
        // Rows of unreadable folders are kept, because these may be readable the next time.
        if walk.is_complete() {
            locked_cache().save(gone);
            locked_cache().finish_listing();
        }
        for (path, diagnostic) in walk.unusable {
            files.push(path.clone());
            add((FoundFile::Unusable(path, diagnostic), None));
        }
        Listing { files, ..walk.listing }
    };
    let read = |share: Vec<(FoundFile, Option<CachedRow>)>| {
        let mut open: Option<OpenFolder<'_>> = None;
        let read = |(file, row)| {
            let read = match file {
                FoundFile::Readable(path, kind) => {
                    let folder = open.take().filter(|folder| folder.has(&path));
                    let folder = open.insert(folder.unwrap_or_else(|| OpenFolder::open(root, path.folder())));
                    reader.read_or_load(folder, &path, kind, row, clock(), horizon.load(Ordering::Relaxed))
                }
                FoundFile::Unusable(path, diagnostic) => (read::refuse(path, diagnostic), None),
            };
            report(done.fetch_add(1, Ordering::Relaxed) + 1, found.load(Ordering::Relaxed));
            read
        };
        share.into_iter().map(read).collect()
    };
    parallel::pipeline(FILES_PER_SHARE, find, read, |results| {
        take(&mut results.map(|read| {
            let mut rows = Vec::new();
            let files = read.into_iter().map(|(file, row)| {
                rows.extend(row.map(|row| (file.path.clone(), Some(row))));
                file
            });
            let files = files.collect();
            if !rows.is_empty() {
                locked_cache().save(rows);
            }
            files
        }))
    })
}
