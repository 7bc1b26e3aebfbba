//! Changes that scans found before any event.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::types::ArticlePath;

/// How long after a scan found a change its event may arrive. Kernels deliver events within milliseconds.
const MAX_EVENT_DELAY: Duration = Duration::from_secs(2);

/// Changes that a scan found, each until its event arrives or is overdue.
#[derive(Default, Debug)]
pub(super) struct UnreportedChanges(BTreeMap<ArticlePath, Duration>);

impl UnreportedChanges {
    /// Adds a change that a scan found.
    pub(super) fn add(&mut self, path: &ArticlePath, now: Duration) {
        self.0.entry(path.clone()).or_insert(now + MAX_EVENT_DELAY);
    }

    /// Removes a change whose event has arrived.
    pub(super) fn remove(&mut self, path: &ArticlePath) {
        self.0.remove(path);
    }

    /// Removes the changes in a folder. An event of a folder stands for everything in it.
    pub(super) fn remove_below(&mut self, folder: &str) {
        let is_inside =
            |path: &ArticlePath| path.as_str().strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'));
        self.0.retain(|path, _| !is_inside(path));
    }

    /// Removes the changes whose events are overdue, and counts them.
    pub(super) fn take_overdue(&mut self, now: Duration) -> u64 {
        let before = self.0.len();
        self.0.retain(|_, due| *due > now);
        u64::try_from(before - self.0.len()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each line has the time in ms and what happens: a scan has `found` a file, its `event` or that of its `folder` arrives, or overdue
    /// changes are `counted`.
    #[test]
    fn events_soon_after_scan_count_as_reported() {
        for history in [
            "0 found a\n1999 counted 0\n2000 counted 1\n9000 counted 0",
            "0 found a\n1500 found a\n2000 counted 1\n9000 counted 0",
            "0 found a\n10 event a\n9000 counted 0",
            "0 found a\n0 found b\n10 event b\n9000 counted 1",
            "0 found s/a\n0 found s/t/b\n0 found sa\n0 found t/s/a\n10 folder s\n9000 counted 2",
            "0 found a\n2000 counted 1\n2001 event a\n2002 found a\n5000 counted 1",
        ] {
            let mut unreported = UnreportedChanges::default();
            for line in history.lines() {
                let words: Vec<&str> = line.split(' ').collect();
                let [time, action, name] = words[..] else { panic!("{line}") };
                let now = Duration::from_millis(time.parse().expect("a number"));
                match action {
                    "found" => unreported.add(&ArticlePath::new(name), now),
                    "event" => unreported.remove(&ArticlePath::new(name)),
                    "folder" => unreported.remove_below(name),
                    _ => assert_eq!(unreported.take_overdue(now).to_string(), name, "{line}\n{history}"),
                }
            }
        }
    }
}
