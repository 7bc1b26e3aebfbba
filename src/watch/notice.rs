//! The operating system's hints, through `notify`. The callback translates and hands on; it never parses, stats or blocks,
//! since a slow one makes the kernel's queue overflow.

use std::collections::VecDeque;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use notify::event::{AccessKind, AccessMode, CreateKind, ModifyKind, RenameMode};
use notify::{Config, Error, ErrorKind, Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};

use super::hints::HintSender;
use super::mode::Limit;

/// What may have happened. Hints are never the truth: a look at the file system is.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Hint {
    /// A file was closed after writing, or got this name.
    Finished(PathBuf),
    /// Something appeared here or changed.
    Touched(PathBuf),
    /// A file was written that is open for writing: its close will be told, too.
    Written(PathBuf),
    /// Something is gone from here.
    Gone(PathBuf),
    /// A file or folder that was at the first path is at the second, and finished. HintKind at once, since between two hints others
    /// may be acted upon: what is new at the first path would be taken for what was there.
    Renamed(PathBuf, PathBuf),
    /// A folder appeared, so that what happened in it before it was watched is not known.
    Folder(PathBuf),
    /// Events were lost.
    Overflow,
    /// The system cannot watch everything, and why.
    Limited(Limit),
    /// Not from the system: there are orders.
    Orders,
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
    /// Why the system does not tell.
    pub(super) fn new(hints: HintSender) -> Result<Notice, Limit> {
        let send = move |hint| hints.hint(hint);
        let mut leaving = Leaving::default();
        let handler = move |event: notify::Result<Event>| heard(event, &mut leaving).into_iter().for_each(&send);
        // Links may lead anywhere, out of the content directory, too.
        let config = Config::default().with_follow_symlinks(false);
        let watcher = RecommendedWatcher::new(handler, config).map_err(|error| limit(&error))?;
        Ok(Notice { watcher })
    }

    /// Watches a folder and all below it that may be read.
    ///
    /// # Errors
    /// Why not all of it; what is watched stays so.
    pub(super) fn tree(&mut self, folder: &Path) -> Result<(), Limit> {
        self.readable(folder).map_err(|error| Limit { is_partial: true, ..limit(&error) })
    }

    fn readable(&mut self, folder: &Path) -> notify::Result<()> {
        match self.watcher.watch(folder, RecursiveMode::Recursive) {
            Err(error) if is_forbidden(&error) => {}
            told => return told,
        }
        // One folder that may not be read is no reason to watch none. A scan tells of it, and its own folder when its rights change.
        let Ok(entries) = fs::read_dir(folder) else { return Ok(()) };
        self.watcher.watch(folder, RecursiveMode::NonRecursive)?;
        for entry in entries.flatten().filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())) {
            match self.readable(&entry.path()) {
                // It is gone by now.
                Err(_) if !entry.path().is_dir() => {}
                told => told?,
            }
        }
        Ok(())
    }

    /// Watches a folder alone. The folder of a file, never the file itself: editors and ConfigMaps replace it.
    ///
    /// # Errors
    /// Why the system does not tell.
    pub(super) fn folder(&mut self, folder: &Path) -> Result<(), Limit> {
        self.watcher.watch(folder, RecursiveMode::NonRecursive).map_err(|error| limit(&error))
    }
}

fn is_forbidden(error: &Error) -> bool {
    matches!(&error.kind, ErrorKind::Io(reason) if reason.kind() == io::ErrorKind::PermissionDenied)
}

/// What stands in the way, and what helps.
fn limit(error: &Error) -> Limit {
    let is_full = |reason: &io::Error| matches!(reason.raw_os_error(), Some(libc::EMFILE | libc::ENFILE));
    let is_partial = matches!(error.kind, ErrorKind::MaxFilesWatch);
    let (reason, cure) = match &error.kind {
        ErrorKind::MaxFilesWatch => ("it has no watch left".to_owned(), "raise fs.inotify.max_user_watches"),
        ErrorKind::Io(reason) if is_full(reason) => {
            (reason.to_string(), "raise fs.inotify.max_user_instances or the limit on open files")
        }
        _ => (error.to_string(), "see to that"),
    };
    Limit { reason, cure, is_partial }
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

/// What a word of the system amounts to. Where it does not get through, something may have been missed.
fn heard(event: notify::Result<Event>, leaving: &mut Leaving) -> Vec<Hint> {
    match event {
        Ok(event) => translate(event, leaving),
        Err(error) => vec![Hint::Limited(limit(&error))],
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
        // Only inotify tells of the close. A file that was made and not written yet may be a second name of another one, which nobody closes.
        EventKind::Modify(ModifyKind::Data(_)) if cfg!(target_os = "linux") => Hint::Written,
        // Most of these are our own reading.
        EventKind::Access(_) => return Vec::new(),
        EventKind::Create(CreateKind::Folder) => Hint::Folder,
        EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(RenameMode::From)) => Hint::Gone,
        // HintKind again after its two halves.
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

    #[test]
    fn what_the_system_cannot_tell_is_a_hint_too() {
        let io = |number| Error::io(io::Error::from_raw_os_error(number));
        let lost = Event::new(EventKind::Other).set_flag(notify::event::Flag::Rescan);
        for (told, expected) in [
            (Ok(lost), "Overflow"),
            (Err(Error::new(ErrorKind::MaxFilesWatch)), "Limited|no watch left|max_user_watches|is_partial: true"),
            (Err(io(libc::EMFILE)), "Limited|Too many open files|max_user_instances|is_partial: false"),
            (Err(io(libc::EIO)), "Limited|Input/output error|see to that|is_partial: false"),
        ] {
            let hints = format!("{:?}", heard(told, &mut Leaving::default()));
            assert!(expected.split('|').all(|words| hints.contains(words)), "{hints}");
            assert_eq!(hints.contains("Overflow"), expected == "Overflow", "{hints}");
        }
    }
}
