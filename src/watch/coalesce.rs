//! Decides when a file is complete and when it counts as removed. Pure: hints, stamps and times come in, decisions come out.
//!
//! # When is a file complete?
//!
//! - Closed after writing, or renamed to its path: at once.
//! - Written and still open: when it is closed. A pause doesn't mean that the writer is done. After `open_limit` the file is read as it is,
//!   with a diagnostic.
//! - Found by a scan: when it has stayed unchanged for `content.settle`.
//!
//! In a drop folder ([`Completion::Settled`]), only a rename completes a file at once: a server closes an interrupted upload exactly like a
//! complete one. Any other file has to stay unchanged for `settle` after it was closed. While it's open, it's never read.
//!
//! # When is a file removed?
//!
//! When it has been missing for `content.removal_grace`, because many editors save by removing and creating the file. Files that disappear
//! within milliseconds of each other are decided together: the files of a removed folder disappear one by one, and the engine needs their
//! number to recognise a mass removal.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use crate::beneath::Stamp;
use crate::types::{ArticlePath, folded};

/// A file that disappears within this time after another one belongs to the same group.
const MAX_GROUP_GAP: Duration = Duration::from_millis(10);
/// How long a removal waits for its group at most, beyond the grace, and never longer than the grace itself. A move by copying and removing
/// is recognised only while the copies wait.
const MAX_GROUP_WAIT: Duration = Duration::from_millis(500);
/// How long a file has to stay unchanged at least. The kernel reports that a file was created before it reports the first write, and
/// nothing else shows that somebody has the file open.
const MIN_SETTLE: Duration = Duration::from_millis(100);

/// The event that completes a file after it was written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Completion {
    /// The writer closes the file.
    #[default]
    Closed,
    /// The file has stayed unchanged for a while.
    Settled,
}

/// The result of `stat` for a path.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FileStatus {
    /// A file, and the time since it was modified. `None`: its mtime is in the future or not to be trusted.
    Present(Stamp, Option<Duration>),
    /// There is no file.
    Missing,
}

impl FileStatus {
    /// The status of a file with this stamp.
    pub fn at(stamp: Option<Stamp>, completion: Completion, now: SystemTime) -> FileStatus {
        let Some(stamp) = stamp else { return FileStatus::Missing };
        let now = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_nanos();
        let changed_ns = match completion {
            Completion::Closed => stamp.modified_ns,
            // Clients set the mtime of uploaded files to that of the original.
            Completion::Settled => stamp.modified_ns.max(stamp.changed_ns),
        };
        let age = i128::try_from(now).unwrap_or(i128::MAX) - changed_ns;
        FileStatus::Present(stamp, u64::try_from(age).ok().map(Duration::from_nanos))
    }

    /// Whether a file has been unchanged for this long.
    pub fn is_older_than(self, settle: Duration) -> bool {
        matches!(self, FileStatus::Present(_, Some(age)) if age >= settle)
    }
}

/// The kind of a hint about a path, from the weakest to the strongest.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum HintKind {
    /// The file was removed or renamed away. If there is a file now, it is newer, and another hint follows: the new path of the old file
    /// has to be known before the new file is read.
    Removed,
    /// Something changed, or a scan found the file.
    Changed,
    /// The file was written and isn't closed yet.
    Written,
    /// The file was closed after writing.
    Closed,
    /// The file was renamed to this path, or is known to be complete.
    Complete,
}

impl HintKind {
    /// Combines two hints. A writer may open a file again after it was closed, so the later of `Written`, `Closed` and
    /// `Complete` counts.
    pub fn then(self, later: HintKind) -> HintKind {
        if later >= HintKind::Written { later } else { self.max(later) }
    }
}

/// The decision about a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Decision {
    /// Read it.
    Read,
    /// Read it, and report that its writer hasn't closed it.
    ReadOpen,
    /// Don't read it, and report that its writer hasn't closed it.
    StillOpen,
    /// Check it again when it is due.
    Wait,
    /// Report it as removed.
    Absent,
}

/// Why a file waits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Pending {
    /// The file has to stay unchanged. Holds its last stamp.
    Settling(Stamp),
    /// The file is open for writing.
    Writing,
    /// The file is missing, and its grace isn't over.
    Missing {
        /// The key of its [`RemovalGroup`].
        group: u64,
        since: Duration,
    },
}

/// Files that disappeared within milliseconds of each other.
#[derive(Debug)]
struct RemovalGroup {
    /// When the last of them is due.
    due: Duration,
    /// How many of them still wait.
    waiting: usize,
}

/// The files that wait. Times come from any monotonic clock.
#[derive(Debug)]
pub struct Coalescer {
    /// How long a file has to be missing.
    pub grace: Duration,
    /// How long a file has to stay unchanged before it is complete, if no event says so.
    pub settle: Duration,
    /// The event that completes a file after it was written.
    pub completion: Completion,
    /// How long a file may be open for writing before it is read as it is.
    open_limit: Duration,
    /// The waiting files, each with its reason and deadline.
    waiting: BTreeMap<ArticlePath, (Pending, Duration)>,
    removal_groups: BTreeMap<u64, RemovalGroup>,
    /// Missing files by their case-folded and normalised paths.
    missing_by_folded_path: BTreeMap<Box<str>, ArticlePath>,
}

impl Coalescer {
    /// Creates a coalescer in which no file waits.
    pub fn new(grace: Duration, settle: Duration, completion: Completion, open_limit: Duration) -> Coalescer {
        Coalescer {
            grace,
            settle,
            completion,
            open_limit,
            waiting: BTreeMap::new(),
            removal_groups: BTreeMap::new(),
            missing_by_folded_path: BTreeMap::new(),
        }
    }

    /// Decides about a file for which a hint arrived.
    pub fn observe(&mut self, path: &ArticlePath, status: FileStatus, hint: HintKind, now: Duration) -> Decision {
        match status {
            FileStatus::Missing => {
                if self.missing_since(path).is_none() {
                    self.postpone_removal(path, now, now.saturating_add(self.grace));
                }
                Decision::Wait
            }
            FileStatus::Present(stamp, age) => {
                let is_settled = status.is_older_than(self.min_age()) && !self.waiting.contains_key(path);
                let is_closed = hint == HintKind::Closed && self.completion == Completion::Closed;
                if hint == HintKind::Complete || is_closed || (hint == HintKind::Changed && is_settled) {
                    self.forget(path);
                    return Decision::Read;
                }
                match self.waiting.get(path) {
                    _ if hint == HintKind::Closed => {
                        self.set(path, Some((Pending::Settling(stamp), now.saturating_add(self.min_age()))));
                    }
                    // Only a close, a removal or `open_limit` ends the wait.
                    Some((Pending::Writing, _)) => {}
                    _ if hint == HintKind::Written => {
                        self.set(path, Some((Pending::Writing, now.saturating_add(self.open_limit))));
                    }
                    Some((Pending::Settling(known), _)) if *known == stamp => {}
                    before => {
                        // The mtime of a file that changes between two checks isn't to be trusted.
                        let is_changing =
                            hint == HintKind::Removed || matches!(before, Some((Pending::Settling(_), _)));
                        let age = age.filter(|_| !is_changing).unwrap_or_default();
                        let wait = self.min_age().saturating_sub(age);
                        self.set(path, Some((Pending::Settling(stamp), now.saturating_add(wait))));
                    }
                }
                Decision::Wait
            }
        }
    }

    /// Decides about a file that is due.
    pub fn recheck(&mut self, path: &ArticlePath, status: FileStatus, now: Duration) -> Decision {
        match (self.waiting.get(path).map(|(waiting, _)| *waiting), status) {
            (Some(Pending::Settling(known)), FileStatus::Present(stamp, _)) if known == stamp => {
                self.forget(path);
                Decision::Read
            }
            (Some(Pending::Writing), FileStatus::Present(..)) if self.completion == Completion::Settled => {
                self.set(path, Some((Pending::Writing, now.saturating_add(self.open_limit))));
                Decision::StillOpen
            }
            (Some(Pending::Writing), FileStatus::Present(..)) => {
                self.forget(path);
                Decision::ReadOpen
            }
            (Some(Pending::Missing { .. }), FileStatus::Missing) => {
                self.forget(path);
                Decision::Absent
            }
            (_, status) => self.observe(path, status, HintKind::Changed, now),
        }
    }

    fn min_age(&self) -> Duration {
        self.settle.max(MIN_SETTLE)
    }

    /// The files that are due.
    pub fn due(&self, now: Duration) -> Vec<ArticlePath> {
        self.deadlines().filter(|(_, deadline)| *deadline <= now).map(|(path, _)| path.clone()).collect()
    }

    /// When the next file is due.
    pub fn next_due(&self) -> Option<Duration> {
        self.deadlines().map(|(_, deadline)| deadline).min()
    }

    /// When each file is due. Missing files wait for their group.
    fn deadlines(&self) -> impl Iterator<Item = (&ArticlePath, Duration)> {
        let max_wait = self.grace.min(MAX_GROUP_WAIT);
        self.waiting.iter().map(move |(path, (waiting, due))| match waiting {
            Pending::Settling(_) | Pending::Writing => (path, *due),
            Pending::Missing { group, .. } => {
                let last = self.removal_groups.get(group).map_or(*due, |group| group.due);
                (path, last.min(due.saturating_add(max_wait)))
            }
        })
    }

    /// Adds a missing file with this deadline to the current group, or to a new one. Returns the group's key.
    fn join_removal_group(&mut self, due: Duration) -> u64 {
        let last = self.removal_groups.last_entry();
        let number = last.as_ref().map_or(0, |last| last.key().saturating_add(1));
        match last {
            Some(mut last) if due.saturating_sub(last.get().due) <= MAX_GROUP_GAP => {
                let group = last.get_mut();
                group.due = group.due.max(due);
                group.waiting += 1;
                *last.key()
            }
            _ => {
                self.removal_groups.insert(number, RemovalGroup { due, waiting: 1 });
                number
            }
        }
    }

    /// Since when a file is missing.
    pub fn missing_since(&self, path: &ArticlePath) -> Option<Duration> {
        match self.waiting.get(path)? {
            (Pending::Missing { since, .. }, _) => Some(*since),
            _ => None,
        }
    }

    /// Postpones the removal of a file that has been missing since `since` until `due`.
    pub fn postpone_removal(&mut self, path: &ArticlePath, since: Duration, due: Duration) {
        let group = self.join_removal_group(due);
        self.set(path, Some((Pending::Missing { group, since }, due)));
    }

    /// A missing file whose path differs from this one only in case or Unicode normalisation.
    pub fn missing_variant_of(&self, path: &ArticlePath) -> Option<&ArticlePath> {
        self.missing_by_folded_path.get(&*folded(path.as_str())).filter(|other| *other != path)
    }

    fn set(&mut self, path: &ArticlePath, pending: Option<(Pending, Duration)>) {
        if matches!(pending, Some((Pending::Missing { .. }, _))) {
            self.missing_by_folded_path.insert(folded(path.as_str()).into(), path.clone());
        } else if self.missing_since(path).is_some() {
            let key = folded(path.as_str());
            if self.missing_by_folded_path.get(&*key) == Some(path) {
                self.missing_by_folded_path.remove(&*key);
            }
        }
        let before = match pending {
            Some(pending) => self.waiting.insert(path.clone(), pending),
            None => self.waiting.remove(path),
        };
        let Some((Pending::Missing { group: number, .. }, _)) = before else { return };
        if let Some(group) = self.removal_groups.get_mut(&number) {
            group.waiting -= 1;
            if group.waiting == 0 {
                self.removal_groups.remove(&number);
            }
        }
    }

    /// Stops waiting for a file.
    pub fn forget(&mut self, path: &ArticlePath) {
        self.set(path, None);
    }

    /// Whether a file waits.
    pub fn is_waiting(&self, path: &ArticlePath) -> bool {
        self.waiting.contains_key(path)
    }

    /// Whether any file has to stay unchanged before it is complete.
    pub fn has_settling(&self) -> bool {
        self.waiting.values().any(|(waiting, _)| matches!(waiting, Pending::Settling(_)))
    }

    /// Handles lost events, which may include closes: files that were open for writing are now complete once they stay unchanged. `stat`
    /// returns the current stamp of a file.
    pub fn assume_closes_lost(&mut self, now: Duration, stat: impl Fn(&ArticlePath) -> Option<Stamp>) {
        let due = now.saturating_add(self.min_age());
        for (path, entry) in self.waiting.iter_mut().filter(|(_, (waiting, _))| *waiting == Pending::Writing) {
            // The default stamp differs from every stamp of a file.
            *entry = (Pending::Settling(stat(path).unwrap_or_default()), due);
        }
    }

    /// Existing files that aren't complete yet.
    pub fn incomplete(&self) -> impl Iterator<Item = &ArticlePath> {
        self.waiting
            .iter()
            .filter(|(_, (waiting, _))| !matches!(waiting, Pending::Missing { .. }))
            .map(|(path, _)| path)
    }

    /// The stamps of files that have to stay unchanged.
    pub fn settling_stamps(&self) -> impl Iterator<Item = Stamp> {
        self.waiting.values().filter_map(|(waiting, _)| match waiting {
            Pending::Settling(stamp) => Some(*stamp),
            _ => None,
        })
    }

    /// Missing files whose grace isn't over. Readers still see them.
    pub fn missing(&self) -> impl Iterator<Item = &ArticlePath> {
        self.waiting.iter().filter(|(_, (waiting, _))| matches!(waiting, Pending::Missing { .. })).map(|(path, _)| path)
    }
}

#[cfg(test)]
mod tests;
