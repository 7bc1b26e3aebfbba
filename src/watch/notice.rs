//! The operating system's hints, through `notify`. The callback translates and hands on; it never parses, stats or blocks,
//! since a slow one makes the kernel's queue overflow.

use std::collections::VecDeque;
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
    /// A file or folder that was at the first path is at the second, and finished. Said at once, since between two hints others
    /// may be acted upon: what is new at the first path would be taken for what was there.
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
        let mut leaving = Leaving::default();
        let watcher = notify::recommended_watcher(move |event: notify::Result<Event>| match event {
            Ok(event) => translate(event, &mut leaving).into_iter().for_each(&send),
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

/// What was renamed away and is not known to have arrived yet, by the number that the system gives to both halves of a rename.
/// Other renames may come between the halves, and what leaves the content directory never arrives.
#[derive(Default)]
struct Leaving(VecDeque<(usize, PathBuf)>);

impl Leaving {
    const MOST: usize = 64;

    fn note(&mut self, event: &Event) {
        if let (Some(tracker), Some(path)) = (event.tracker(), event.paths.first()) {
            self.0.push_back((tracker, path.clone()));
            self.0.drain(..self.0.len().saturating_sub(Leaving::MOST));
        }
    }

    fn origin(&mut self, event: &Event) -> Option<PathBuf> {
        let at = self.0.iter().position(|(tracker, _)| Some(*tracker) == event.tracker())?;
        self.0.remove(at).map(|(_, path)| path)
    }
}

fn translate(event: Event, leaving: &mut Leaving) -> Vec<Hint> {
    // An overflow has no paths.
    if event.need_rescan() {
        return vec![Hint::Overflow];
    }
    match event.kind {
        EventKind::Modify(ModifyKind::Name(RenameMode::From)) => leaving.note(&event),
        EventKind::Modify(ModifyKind::Name(RenameMode::To)) => {
            if let Some(from) = leaving.origin(&event) {
                return event.paths.into_iter().map(|to| Hint::Renamed(from.clone(), to)).collect();
            }
        }
        _ => {}
    }
    let hint: fn(PathBuf) -> Hint = match event.kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write))
        | EventKind::Modify(ModifyKind::Name(RenameMode::To)) => Hint::Finished,
        // Most of these are our own reading.
        EventKind::Access(_) => return Vec::new(),
        EventKind::Create(CreateKind::Folder) => Hint::Folder,
        EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(RenameMode::From)) => Hint::Gone,
        // Said again after its two halves.
        EventKind::Modify(ModifyKind::Name(RenameMode::Both)) => return Vec::new(),
        EventKind::Modify(ModifyKind::Name(_)) => {
            |path| Hint::Folder(path.parent().map(Path::to_owned).unwrap_or(path))
        }
        EventKind::Create(_) | EventKind::Modify(_) | EventKind::Any | EventKind::Other => Hint::Touched,
    };
    event.paths.into_iter().map(hint).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Halves of renames as the system tells of them: `<1 a` left, `>1 b` arrived, by number.
    #[test]
    fn the_halves_of_a_rename_find_each_other() {
        for (told, expected) in [
            ("<1 a|>1 b", "Gone(\"a\") Renamed(\"a\", \"b\")"),
            ("<1 a|<2 c|>1 b|>2 d", "Gone(\"a\") Gone(\"c\") Renamed(\"a\", \"b\") Renamed(\"c\", \"d\")"),
            ("<1 a|>2 b", "Gone(\"a\") Finished(\"b\")"),
            (">1 b|>1 b", "Finished(\"b\") Finished(\"b\")"),
        ] {
            let mut leaving = Leaving::default();
            let half = |half: &str| {
                let (mode, rest) = match half.strip_prefix('<') {
                    Some(rest) => (RenameMode::From, rest),
                    None => (RenameMode::To, half.trim_start_matches('>')),
                };
                let (tracker, path) = rest.split_once(' ').expect("a number and a path");
                let kind = EventKind::Modify(ModifyKind::Name(mode));
                Event::new(kind).set_tracker(tracker.parse().expect("a number")).add_path(path.into())
            };
            let hints = told.split('|').flat_map(|told| translate(half(told), &mut leaving));
            let hints: Vec<String> = hints.map(|hint| format!("{hint:?}")).collect();
            assert_eq!(hints.join(" "), expected, "{told}");
            assert!(leaving.0.len() <= Leaving::MOST);
        }
    }
}
