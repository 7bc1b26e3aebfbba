//! Watches folders through `notify` and translates events to hints. The callback never reads files or blocks, because a slow callback makes
//! the kernel's queue overflow.

use std::collections::VecDeque;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use notify::event::{AccessKind, AccessMode, CreateKind, ModifyKind, RenameMode};
use notify::{Config, Error, ErrorKind, Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};

use super::hints::{Hint, HintSender};
use super::mode::WatchLimit;

/// Watches the content directory and the folder of the configuration file.
#[derive(Debug)]
pub(super) struct OsWatcher {
    watcher: RecommendedWatcher,
}

impl OsWatcher {
    /// Starts a watcher without folders.
    ///
    /// # Errors
    /// Why the system can't watch anything.
    pub(super) fn new(hints: HintSender) -> Result<OsWatcher, WatchLimit> {
        let send = move |hint| hints.hint(hint);
        let mut renames = PendingRenames::default();
        let handler = move |event: notify::Result<Event>| hints_of(event, &mut renames).into_iter().for_each(&send);
        // Links may lead out of the content directory.
        let config = Config::default().with_follow_symlinks(false);
        let watcher = RecommendedWatcher::new(handler, config).map_err(|error| limit(&error))?;
        Ok(OsWatcher { watcher })
    }

    /// Watches a folder and all readable folders below it.
    ///
    /// # Errors
    /// Why some folders can't be watched. The others are watched.
    pub(super) fn watch_tree(&mut self, folder: &Path) -> Result<(), WatchLimit> {
        self.watch_readable(folder).map_err(|error| WatchLimit { is_partial: true, ..limit(&error) })
    }

    fn watch_readable(&mut self, folder: &Path) -> notify::Result<()> {
        match self.watcher.watch(folder, RecursiveMode::Recursive) {
            Err(error) if is_forbidden(&error) => {}
            result => return result,
        }
        // `notify` gives up at the first unreadable folder. Scans report such folders, and their parents report changed permissions.
        let Ok(entries) = fs::read_dir(folder) else { return Ok(()) };
        self.watcher.watch(folder, RecursiveMode::NonRecursive)?;
        for entry in entries.flatten().filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())) {
            match self.watch_readable(&entry.path()) {
                // The folder was removed meanwhile.
                Err(_) if !entry.path().is_dir() => {}
                result => result?,
            }
        }
        Ok(())
    }

    /// Watches a folder without those below it. To watch a file, watch its folder, because editors and ConfigMaps replace files.
    ///
    /// # Errors
    /// Why the folder can't be watched.
    pub(super) fn watch_folder(&mut self, folder: &Path) -> Result<(), WatchLimit> {
        self.watcher.watch(folder, RecursiveMode::NonRecursive).map_err(|error| limit(&error))
    }
}

fn is_forbidden(error: &Error) -> bool {
    matches!(&error.kind, ErrorKind::Io(reason) if reason.kind() == io::ErrorKind::PermissionDenied)
}

/// Why the system can't watch everything, and what an operator can do.
fn limit(error: &Error) -> WatchLimit {
    let is_full = |reason: &io::Error| matches!(reason.raw_os_error(), Some(libc::EMFILE | libc::ENFILE));
    let is_partial = matches!(error.kind, ErrorKind::MaxFilesWatch);
    let (reason, advice) = match &error.kind {
        ErrorKind::MaxFilesWatch => ("it has no watch left".to_owned(), "raise fs.inotify.max_user_watches"),
        ErrorKind::Io(reason) if is_full(reason) => {
            (reason.to_string(), "raise fs.inotify.max_user_instances or the limit on open files")
        }
        _ => (error.to_string(), "fix this"),
    };
    WatchLimit { reason, advice, is_partial }
}

/// Old paths of renames whose new paths aren't known yet, by the cookie that the kernel gives to both halves of a rename (inotify(7)).
/// Other renames may come between the halves. The second half never comes if the new path isn't watched.
#[derive(Default)]
struct PendingRenames(VecDeque<(usize, PathBuf)>);

impl PendingRenames {
    const MAX_PENDING: usize = 64;

    fn add(&mut self, event: &Event) {
        if let (Some(tracker), Some(path)) = (event.tracker(), event.paths.first()) {
            self.0.push_back((tracker, path.clone()));
            self.0.drain(..self.0.len().saturating_sub(PendingRenames::MAX_PENDING));
        }
    }

    fn take_origin(&mut self, event: &Event) -> Option<PathBuf> {
        let at = self.0.iter().position(|(tracker, _)| Some(*tracker) == event.tracker())?;
        self.0.remove(at).map(|(_, path)| path)
    }
}

/// The hints in an event or an error.
fn hints_of(event: notify::Result<Event>, renames: &mut PendingRenames) -> Vec<Hint> {
    match event {
        Ok(event) => translate(event, renames),
        Err(error) => vec![Hint::Limited(limit(&error))],
    }
}

fn translate(event: Event, renames: &mut PendingRenames) -> Vec<Hint> {
    // An overflow has no paths.
    if event.need_rescan() {
        return vec![Hint::Overflow];
    }
    match event.kind {
        EventKind::Modify(ModifyKind::Name(RenameMode::From)) => renames.add(&event),
        EventKind::Modify(ModifyKind::Name(RenameMode::To)) => {
            if let Some(from) = renames.take_origin(&event) {
                return event.paths.into_iter().map(|to| Hint::Renamed(from.clone(), to)).collect();
            }
        }
        _ => {}
    }
    let hint: fn(PathBuf) -> Hint = match event.kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => Hint::Closed,
        EventKind::Modify(ModifyKind::Name(RenameMode::To)) => Hint::Complete,
        // Only inotify reports the close. A created file isn't `Written`: it may be a hard link, which nobody closes.
        EventKind::Modify(ModifyKind::Data(_)) if cfg!(target_os = "linux") => Hint::Written,
        // Most of these are dateline's own reads.
        EventKind::Access(_) => return Vec::new(),
        EventKind::Create(CreateKind::Folder) => Hint::NewFolder,
        EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(RenameMode::From)) => Hint::Removed,
        // The two halves were reported before.
        EventKind::Modify(ModifyKind::Name(RenameMode::Both)) => return Vec::new(),
        EventKind::Modify(ModifyKind::Name(_)) => {
            |path| Hint::NewFolder(path.parent().map(Path::to_owned).unwrap_or(path))
        }
        EventKind::Create(_) | EventKind::Modify(_) | EventKind::Any | EventKind::Other => Hint::Changed,
    };
    event.paths.into_iter().map(hint).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Halves of renames: `<1 a` is the old path, `>1 b` the new path, with their cookie.
    #[test]
    fn halves_of_renames_are_matched() {
        for (events, expected) in [
            ("<1 a|>1 b", "Removed(\"a\") Renamed(\"a\", \"b\")"),
            ("<1 a|<2 c|>1 b|>2 d", "Removed(\"a\") Removed(\"c\") Renamed(\"a\", \"b\") Renamed(\"c\", \"d\")"),
            ("<1 a|>2 b", "Removed(\"a\") Complete(\"b\")"),
            (">1 b|>1 b", "Complete(\"b\") Complete(\"b\")"),
        ] {
            let mut renames = PendingRenames::default();
            let half = |half: &str| {
                let (mode, rest) = match half.strip_prefix('<') {
                    Some(rest) => (RenameMode::From, rest),
                    None => (RenameMode::To, half.trim_start_matches('>')),
                };
                let (tracker, path) = rest.split_once(' ').expect("a number and a path");
                let kind = EventKind::Modify(ModifyKind::Name(mode));
                Event::new(kind).set_tracker(tracker.parse().expect("a number")).add_path(path.into())
            };
            let hints = events.split('|').flat_map(|event| translate(half(event), &mut renames));
            let hints: Vec<String> = hints.map(|hint| format!("{hint:?}")).collect();
            assert_eq!(hints.join(" "), expected, "{events}");
            assert!(renames.0.len() <= PendingRenames::MAX_PENDING);
        }
    }

    #[test]
    fn lost_events_and_errors_become_hints() {
        let io = |number| Error::io(io::Error::from_raw_os_error(number));
        let lost = Event::new(EventKind::Other).set_flag(notify::event::Flag::Rescan);
        for (event, expected) in [
            (Ok(lost), "Overflow"),
            (Err(Error::new(ErrorKind::MaxFilesWatch)), "Limited|no watch left|max_user_watches|is_partial: true"),
            (Err(io(libc::EMFILE)), "Limited|Too many open files|max_user_instances|is_partial: false"),
            (Err(io(libc::EIO)), "Limited|Input/output error|fix this|is_partial: false"),
        ] {
            let hints = format!("{:?}", hints_of(event, &mut PendingRenames::default()));
            assert!(expected.split('|').all(|words| hints.contains(words)), "{hints}");
            assert_eq!(hints.contains("Overflow"), expected == "Overflow", "{hints}");
        }
    }
}
