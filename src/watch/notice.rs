//! The operating system's hints, through `notify`. The callback translates and hands on; it never parses, stats or blocks,
//! since a slow one makes the kernel's queue overflow.

use std::path::{Path, PathBuf};
use std::sync::mpsc::Sender;

use notify::event::{AccessKind, AccessMode, CreateKind, ModifyKind, RenameMode};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};

use crate::event::WatchPlan;

/// What may have happened. Hints are never the truth: a look at the file system is.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Hint {
    /// A file was closed after writing, or got this name.
    Finished(PathBuf),
    /// Something appeared here or changed.
    Touched(PathBuf),
    /// Something is gone from here.
    Gone(PathBuf),
    /// A file or folder that was at the first path is at the second. Both are hinted at by themselves, too.
    Renamed(PathBuf, PathBuf),
    /// A folder appeared, so that what happened in it before it was watched is not known.
    Folder(PathBuf),
    /// Events were lost.
    Overflow,
    /// The system cannot watch everything, and why.
    Limited(String),
    /// Not from the system: what to watch changed.
    Plan(WatchPlan),
    /// Not from the system: read everything again.
    Reread,
    /// Not from the system: the end.
    Stop,
}

/// A watch over the content directory and the folder of the configuration file.
#[derive(Debug)]
pub(super) struct Notice {
    watcher: RecommendedWatcher,
}

impl Notice {
    /// Starts to listen.
    ///
    /// # Errors
    /// When the system has no watch left.
    pub(super) fn new(hints: Sender<Hint>) -> notify::Result<Notice> {
        // A closed channel means that the worker ended; nobody wants hints then.
        let send = move |hint| hints.send(hint).unwrap_or_default();
        let watcher = notify::recommended_watcher(move |event: notify::Result<Event>| match event {
            Ok(event) => translate(event).into_iter().for_each(&send),
            Err(error) => {
                send(Hint::Limited(error.to_string()));
                send(Hint::Overflow);
            }
        })?;
        Ok(Notice { watcher })
    }

    /// Watches a folder and all below it.
    ///
    /// # Errors
    /// As the system says.
    pub(super) fn tree(&mut self, folder: &Path) -> notify::Result<()> {
        self.watcher.watch(folder, RecursiveMode::Recursive)
    }

    /// Watches a folder alone. The folder of a file, never the file itself: editors and ConfigMaps replace it.
    ///
    /// # Errors
    /// As the system says.
    pub(super) fn folder(&mut self, folder: &Path) -> notify::Result<()> {
        self.watcher.watch(folder, RecursiveMode::NonRecursive)
    }
}

fn translate(event: Event) -> Vec<Hint> {
    // An overflow has no paths.
    if event.need_rescan() {
        return vec![Hint::Overflow];
    }
    let hint: fn(PathBuf) -> Hint = match event.kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write))
        | EventKind::Modify(ModifyKind::Name(RenameMode::To)) => Hint::Finished,
        // Most of these are our own reading.
        EventKind::Access(_) => return Vec::new(),
        EventKind::Create(CreateKind::Folder) => Hint::Folder,
        EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(RenameMode::From)) => Hint::Gone,
        // Said again after its two halves.
        EventKind::Modify(ModifyKind::Name(RenameMode::Both)) => {
            let mut paths = event.paths.into_iter();
            return paths.next().zip(paths.next()).map(|(from, to)| Hint::Renamed(from, to)).into_iter().collect();
        }
        EventKind::Modify(ModifyKind::Name(_)) => {
            |path| Hint::Folder(path.parent().map(Path::to_owned).unwrap_or(path))
        }
        EventKind::Create(_) | EventKind::Modify(_) | EventKind::Any | EventKind::Other => Hint::Touched,
    };
    event.paths.into_iter().map(hint).collect()
}
