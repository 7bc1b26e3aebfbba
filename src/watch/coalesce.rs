//! When a file is complete, and when it is really gone. Pure: what was seen and when comes in, what to do comes out.
//!
//! There is no fixed delay. A file that was closed or renamed is read at once. One that was written and not closed waits until it is closed,
//! because silence doesn't mean that its writer is done; after a while it is read as it is, and reported. A file of which only a scan knows has
//! to stay as it is for `content.settle`. What is gone has to stay gone for a moment, since many editors save by removing and writing anew.
//! Long because of the histories that its tests go through.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::beneath::Stamp;
use crate::types::{ArticlePath, folded};

/// What goes within so short a time after another file goes together with it.
const TOGETHER: Duration = Duration::from_millis(10);
/// A file waits for others for no longer than this beyond its grace, nor than a second one: whoever moves files by copying and removing
/// them has to be recognised by their going while their copies still wait.
const LONGER: Duration = Duration::from_millis(500);

/// How long a file has to stay as it is at the least: that it was created is told before that it is written, and nothing else says that
/// somebody has it open.
const LEAST_SETTLE: Duration = Duration::from_millis(100);

/// What a look at a path showed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ScanResult {
    /// A file, and how long ago it was modified; `None` where its mtime lies in the future.
    File(Stamp, Option<Duration>),
    /// Nothing.
    Missing,
}

impl ScanResult {
    /// Whether it is a file that was left alone for so long.
    pub fn is_older_than(self, settle: Duration) -> bool {
        matches!(self, ScanResult::File(_, Some(age)) if age >= settle)
    }
}

/// What somebody said of a path, from what tells the least to what tells the most.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum HintKind {
    /// What was there left. What is there now came later, and that will be said, too: where what was there went comes first.
    Gone,
    /// Something changed, or a scan came by.
    Touched,
    /// It was written, and is not closed yet.
    Written,
    /// It was closed after writing, or renamed to this name.
    Finished,
}

impl HintKind {
    /// What two hints amount to, the later one last: a writer may open again what was closed before.
    pub fn then(self, later: HintKind) -> HintKind {
        if later >= HintKind::Written { later } else { self.max(later) }
    }
}

/// What to do about it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// Read it now.
    Read,
    /// Read it now, and say that its writer has not closed it.
    ReadOpen,
    /// Look again when it is due.
    Wait,
    /// It is gone for good.
    Absent,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Waiting {
    Quiet(Stamp),
    /// For its writer to close it.
    Close,
    Absence {
        /// With those of this number.
        departure: u64,
        since: Duration,
    },
}

/// Files that went one right after the other.
#[derive(Debug)]
struct Departure {
    /// When the last of them is due.
    due: Duration,
    /// How many of them still wait.
    waiting: usize,
}

/// The files that are not settled yet. Times are those of any clock that only goes forward.
#[derive(Debug)]
pub struct Coalescer {
    /// How long a file has to stay gone.
    pub grace: Duration,
    /// How long a file has to stay as it is before it is complete, where nobody said that it is.
    pub settle: Duration,
    /// How long a file may be open for writing before it is read as it is.
    open_limit: Duration,
    waiting: BTreeMap<ArticlePath, (Waiting, Duration)>,
    departures: BTreeMap<u64, Departure>,
    /// What is gone, by its path as file systems compare it that mind neither case nor normalisation.
    leaving: BTreeMap<Box<str>, ArticlePath>,
}

impl Coalescer {
    /// Nothing waits yet.
    pub fn new(grace: Duration, settle: Duration, open_limit: Duration) -> Coalescer {
        Coalescer {
            grace,
            settle,
            open_limit,
            waiting: BTreeMap::new(),
            departures: BTreeMap::new(),
            leaving: BTreeMap::new(),
        }
    }

    /// Takes note of a look at a path, and of why it was looked at.
    pub fn observe(&mut self, path: &ArticlePath, seen: ScanResult, said: HintKind, now: Duration) -> Step {
        match seen {
            ScanResult::Missing => {
                if self.gone_since(path).is_none() {
                    self.put_off(path, now, now.saturating_add(self.grace));
                }
                Step::Wait
            }
            ScanResult::File(stamp, age) => {
                let is_left_alone = seen.is_older_than(self.least_age()) && !self.waiting.contains_key(path);
                if said == HintKind::Finished || (said == HintKind::Touched && is_left_alone) {
                    self.forget(path);
                    return Step::Read;
                }
                match self.waiting.get(path) {
                    // Silence does not close it.
                    Some((Waiting::Close, _)) => {}
                    _ if said == HintKind::Written => {
                        self.set(path, Some((Waiting::Close, now.saturating_add(self.open_limit))));
                    }
                    Some((Waiting::Quiet(known), _)) if *known == stamp => {}
                    before => {
                        // Of a file that changed while it was looked at, the age says nothing.
                        let is_changing = said == HintKind::Gone || matches!(before, Some((Waiting::Quiet(_), _)));
                        let age = age.filter(|_| !is_changing).unwrap_or_default();
                        let rest = self.least_age().saturating_sub(age);
                        self.set(path, Some((Waiting::Quiet(stamp), now.saturating_add(rest))));
                    }
                }
                Step::Wait
            }
        }
    }

    /// Decides about a path that was due, by another look at it.
    pub fn settle(&mut self, path: &ArticlePath, seen: ScanResult, now: Duration) -> Step {
        match (self.waiting.get(path).map(|(waiting, _)| *waiting), seen) {
            (Some(Waiting::Quiet(known)), ScanResult::File(stamp, _)) if known == stamp => {
                self.forget(path);
                Step::Read
            }
            (Some(Waiting::Close), ScanResult::File(..)) => {
                self.forget(path);
                Step::ReadOpen
            }
            (Some(Waiting::Absence { .. }), ScanResult::Missing) => {
                self.forget(path);
                Step::Absent
            }
            (_, seen) => self.observe(path, seen, HintKind::Touched, now),
        }
    }

    fn least_age(&self) -> Duration {
        self.settle.max(LEAST_SETTLE)
    }

    /// The paths whose time has come.
    pub fn due(&self, now: Duration) -> Vec<ArticlePath> {
        self.deadlines().filter(|(_, deadline)| *deadline <= now).map(|(path, _)| path.clone()).collect()
    }

    /// When the next path is due.
    pub fn next_due(&self) -> Option<Duration> {
        self.deadlines().map(|(_, deadline)| deadline).min()
    }

    /// When each path is due. What is gone waits for what goes right after it, for a while: the files of a folder go one by one, and
    /// the first of them would pass for deletions.
    fn deadlines(&self) -> impl Iterator<Item = (&ArticlePath, Duration)> {
        let longer = self.grace.min(LONGER);
        self.waiting.iter().map(move |(path, (waiting, due))| match waiting {
            Waiting::Quiet(_) | Waiting::Close => (path, *due),
            Waiting::Absence { departure, .. } => {
                let last = self.departures.get(departure).map_or(*due, |departure| departure.due);
                (path, last.min(due.saturating_add(longer)))
            }
        })
    }

    /// The number of those with whom a file goes that is due then.
    fn depart(&mut self, due: Duration) -> u64 {
        let last = self.departures.last_entry();
        let number = last.as_ref().map_or(0, |last| last.key().saturating_add(1));
        match last {
            Some(mut last) if due.saturating_sub(last.get().due) <= TOGETHER => {
                let departure = last.get_mut();
                departure.due = departure.due.max(due);
                departure.waiting += 1;
                *last.key()
            }
            _ => {
                self.departures.insert(number, Departure { due, waiting: 1 });
                number
            }
        }
    }

    /// Since when a file that waits is gone.
    pub fn gone_since(&self, path: &ArticlePath) -> Option<Duration> {
        match self.waiting.get(path)? {
            (Waiting::Absence { since, .. }, _) => Some(*since),
            _ => None,
        }
    }

    /// Has a file that is gone since an instant wait until it is due.
    pub fn put_off(&mut self, path: &ArticlePath, since: Duration, due: Duration) {
        let departure = self.depart(due);
        self.set(path, Some((Waiting::Absence { departure, since }, due)));
    }

    /// A file that is gone whose path differs from this one only in case or Unicode normalisation.
    pub fn leaving_as(&self, path: &ArticlePath) -> Option<&ArticlePath> {
        self.leaving.get(&*folded(path.as_str())).filter(|other| *other != path)
    }

    fn set(&mut self, path: &ArticlePath, waiting: Option<(Waiting, Duration)>) {
        if matches!(waiting, Some((Waiting::Absence { .. }, _))) {
            self.leaving.insert(folded(path.as_str()).into(), path.clone());
        } else if self.gone_since(path).is_some() {
            let key = folded(path.as_str());
            if self.leaving.get(&*key) == Some(path) {
                self.leaving.remove(&*key);
            }
        }
        let before = match waiting {
            Some(waiting) => self.waiting.insert(path.clone(), waiting),
            None => self.waiting.remove(path),
        };
        let Some((Waiting::Absence { departure: number, .. }, _)) = before else { return };
        if let Some(departure) = self.departures.get_mut(&number) {
            departure.waiting -= 1;
            if departure.waiting == 0 {
                self.departures.remove(&number);
            }
        }
    }

    /// Nothing is waited for at a path any more.
    pub fn forget(&mut self, path: &ArticlePath) {
        self.set(path, None);
    }

    /// Whether a path waits.
    pub fn is_waiting(&self, path: &ArticlePath) -> bool {
        self.waiting.contains_key(path)
    }

    /// Whether a file waits to be complete.
    pub fn is_unsettled(&self) -> bool {
        self.waiting.values().any(|(waiting, _)| matches!(waiting, Waiting::Quiet(_)))
    }

    /// The system lost events: a file whose writer was waited for may be closed, so that it is complete once it stays as it is. `look`
    /// shows what is there now.
    pub fn lose_closes(&mut self, now: Duration, look: impl Fn(&ArticlePath) -> Option<Stamp>) {
        let due = now.saturating_add(self.least_age());
        for (path, entry) in self.waiting.iter_mut().filter(|(_, (waiting, _))| *waiting == Waiting::Close) {
            // What is not there any more differs from every stamp.
            *entry = (Waiting::Quiet(look(path).unwrap_or_default()), due);
        }
    }

    /// Files that are there and not complete yet.
    pub fn arriving(&self) -> impl Iterator<Item = &ArticlePath> {
        self.waiting
            .iter()
            .filter(|(_, (waiting, _))| !matches!(waiting, Waiting::Absence { .. }))
            .map(|(path, _)| path)
    }

    /// What files look like that wait until they have stayed as they are.
    pub fn settling(&self) -> impl Iterator<Item = Stamp> {
        self.waiting.values().filter_map(|(waiting, _)| match waiting {
            Waiting::Quiet(stamp) => Some(*stamp),
            _ => None,
        })
    }

    /// Files that are gone, but not for long enough yet: for readers they are still there.
    pub fn leaving(&self) -> impl Iterator<Item = &ArticlePath> {
        self.waiting.iter().filter(|(_, (waiting, _))| matches!(waiting, Waiting::Absence { .. })).map(|(path, _)| path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each line: milliseconds, `see` (a hint came), `put` (written and not closed), `end` (closed or renamed), `off` (gone), `due`, or `lost`
    /// (events were), what was seen (`-` nothing, `v@age` version v modified age ms ago), and the expected step. Files settle within a second.
    fn check(history: &str) {
        let mut coalescer = Coalescer::new(Duration::from_millis(250), Duration::from_secs(1), Duration::from_secs(60));
        let path = ArticlePath::new("a.md");
        for line in history.trim().lines() {
            let words: Vec<&str> = line.split_whitespace().collect();
            let [time, what, seen, expected] = words[..] else { panic!("{line}") };
            let now = Duration::from_millis(time.parse().expect("a number"));
            let seen = match seen.split_once('@') {
                None => ScanResult::Missing,
                Some((version, age)) => {
                    let stamp = Stamp { size: version.parse().expect("a number"), ..Stamp::default() };
                    ScanResult::File(stamp, age.parse().ok().map(Duration::from_millis))
                }
            };
            let step = match what {
                "due" => {
                    assert_eq!(coalescer.due(now), std::slice::from_ref(&path), "{line}");
                    coalescer.settle(&path, seen, now)
                }
                "off" => coalescer.observe(&path, seen, HintKind::Gone, now),
                "put" => coalescer.observe(&path, seen, HintKind::Written, now),
                "lost" => {
                    coalescer.lose_closes(now, |_| match seen {
                        ScanResult::File(stamp, _) => Some(stamp),
                        ScanResult::Missing => None,
                    });
                    Step::Wait
                }
                "end" => coalescer.observe(&path, seen, HintKind::Finished, now),
                _ => coalescer.observe(&path, seen, HintKind::Touched, now),
            };
            assert_eq!(format!("{step:?}"), expected, "{line}\n{history}");
        }
        assert_eq!(coalescer.next_due(), None, "something still waits\n{history}");
    }

    #[test]
    fn histories() {
        for history in [
            // Closed or renamed: at once, however young.
            "0 end 1@0 Read",
            // Found by a scan.
            "0 see 1@5000 Read",
            "0 see 1@200 Wait\n800 due 1@1000 Read",
            "0 see 1@future Wait\n1000 due 1@future Read",
            // Still being written.
            "0 see 1@0 Wait\n500 see 2@0 Wait\n1500 due 3@0 Wait\n2500 due 3@1000 Read",
            "0 see 1@0 Wait\n100 see 1@100 Wait\n200 end 2@0 Read",
            // Gone.
            "0 see - Wait\n250 due - Absent",
            // Removed and written anew: never absent.
            "0 see - Wait\n10 see 1@0 Wait\n20 end 2@0 Read",
            "0 see - Wait\n250 due 1@100 Wait\n1150 due 1@1000 Read",
            // Written and not closed: silence is no end, and no scan is.
            "0 put 1@0 Wait\n30000 end 1@29000 Read",
            "0 put 1@0 Wait\n9000 see 1@9000 Wait\n59000 put 2@0 Wait\n59999 end 2@999 Read",
            "0 see 1@0 Wait\n500 put 2@0 Wait\n5000 end 2@4500 Read",
            "0 put 1@0 Wait\n60000 due 1@60000 ReadOpen",
            "0 put 1@0 Wait\n60000 due 2@10 ReadOpen\n61000 put 3@0 Wait\n121000 due 3@60000 ReadOpen\n122000 end 3@61000 Read",
            // Written, and gone or renamed over.
            "0 put 1@0 Wait\n5000 off - Wait\n5250 due - Absent",
            "0 put 1@0 Wait\n5000 off - Wait\n5100 end 2@9000 Read",
            "0 off - Wait\n10 put 1@0 Wait\n20 end 1@10 Read",
            // The close may be among the events that were lost.
            "0 put 1@0 Wait\n5000 lost 1@5000 Wait\n6000 due 1@6000 Read",
            "0 put 1@0 Wait\n5000 lost 2@10 Wait\n5500 put 3@0 Wait\n9000 end 3@3500 Read",
            "0 put 1@0 Wait\n5000 lost - Wait\n6000 due - Wait\n6250 due - Absent",
            // It changes between looks, although its time says that it is old.
            "0 see 1@100 Wait\n100 see 2@5000 Wait\n1100 due 2@6000 Read",
            // Written and removed.
            "0 see 1@0 Wait\n1000 due - Wait\n1250 due - Absent",
            "0 see - Wait\n100 see - Wait\n250 due - Absent",
            // Renamed away, and another file is there: where the first one went is told before the other is read.
            "0 off 1@5000 Wait\n1 end 1@5000 Read",
            "0 off 1@5000 Wait\n1000 due 1@6000 Read",
        ] {
            check(history);
        }
    }

    /// A file is created before it is written: without a settling time, too, it isn't read in between.
    #[test]
    fn created_file_waits_for_its_writer() {
        let mut coalescer = Coalescer::new(Duration::ZERO, Duration::ZERO, Duration::from_secs(60));
        let path = ArticlePath::new("a.md");
        let new = ScanResult::File(Stamp::default(), Some(Duration::ZERO));
        assert_eq!(coalescer.observe(&path, new, HintKind::Touched, Duration::ZERO), Step::Wait);
        assert_eq!(coalescer.observe(&path, new, HintKind::Written, Duration::from_millis(20)), Step::Wait);
        assert_eq!(coalescer.next_due(), Some(Duration::from_millis(60_020)));
        assert_eq!(coalescer.observe(&path, new, HintKind::Finished, Duration::from_secs(9)), Step::Read);
        // One that nobody writes is soon complete.
        let old = ScanResult::File(Stamp::default(), Some(Duration::from_millis(100)));
        assert_eq!(coalescer.observe(&path, old, HintKind::Touched, Duration::ZERO), Step::Read);
    }

    #[test]
    fn last_of_write_and_close_counts() {
        use HintKind::{Finished, Gone, Touched, Written};
        for (first, later, expected) in [
            (Written, Finished, Finished),
            (Finished, Written, Written),
            (Finished, Touched, Finished),
            (Finished, Gone, Finished),
            (Written, Touched, Written),
            (Written, Gone, Written),
            (Gone, Touched, Touched),
            (Gone, Written, Written),
        ] {
            assert_eq!(first.then(later), expected, "{first:?}, then {later:?}");
        }
    }

    /// Each case: the grace, when `a.md`, `b.md` and so on were seen to be gone, in milliseconds, and when which of them are due.
    #[test]
    fn what_goes_together_is_decided_about_together() {
        for (grace, gone, expected) in [
            (250, "0", "250 a"),
            (250, "0 1 2", "252 abc"),
            (250, "0 0 0", "250 abc"),
            (250, "0 10 20 31 33", "270 abc; 283 de"),
            (250, "0 50 100", "250 a; 300 b; 350 c"),
            (250, "0 400", "250 a; 650 b"),
            (20, "0 10 20 30 40", "40 a; 50 b; 60 cde"),
            (0, "0 1 20", "0 a; 1 b; 20 c"),
        ] {
            let mut coalescer = Coalescer::new(Duration::from_millis(grace), Duration::ZERO, Duration::MAX);
            let gone: Vec<u64> = gone.split(' ').map(|time| time.parse().expect("a number")).collect();
            let mut told = Vec::new();
            for now in 0..1_000 {
                let time = Duration::from_millis(now);
                for (name, _) in ('a'..).zip(&gone).filter(|(_, time)| **time == now) {
                    let path = ArticlePath::new(&format!("{name}.md"));
                    assert_eq!(coalescer.observe(&path, ScanResult::Missing, HintKind::Gone, time), Step::Wait);
                }
                let due = coalescer.due(time);
                assert_eq!(coalescer.next_due() == Some(time), !due.is_empty(), "{gone:?}");
                if !due.is_empty() {
                    let names: String = due.iter().map(|path| path.as_str().trim_end_matches(".md")).collect();
                    told.push(format!("{now} {names}"));
                }
                for path in due {
                    assert_eq!(coalescer.settle(&path, ScanResult::Missing, time), Step::Absent);
                }
            }
            assert_eq!(told.join("; "), expected, "{gone:?}");
            assert!(coalescer.departures.is_empty());
        }
    }

    #[test]
    fn what_goes_on_and_on_is_not_waited_for() {
        let mut coalescer = Coalescer::new(Duration::from_secs(2), Duration::ZERO, Duration::MAX);
        for number in 0..1_000 {
            let path = ArticlePath::new(&format!("{number:03}.md"));
            coalescer.observe(&path, ScanResult::Missing, HintKind::Gone, Duration::from_millis(number * 10));
        }
        assert_eq!(coalescer.next_due(), Some(Duration::from_millis(2_500)));
        assert_eq!(coalescer.due(Duration::from_millis(2_505)), [ArticlePath::new("000.md")]);
    }
}
