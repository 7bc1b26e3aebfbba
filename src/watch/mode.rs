//! Decides whether events, scans or both find changes, and how often to scan. Pure.
//!
//! # Why aren't events enough?
//!
//! A kernel reports only changes that go through it. It doesn't see what another machine does on a network file system, or what is done in
//! the lower layers of an overlay. On such file systems, and where watches run out, dateline scans as well.
//!
//! # Why are events used on network file systems at all?
//!
//! Changes made by this machine are reported at once. Only changes made elsewhere have to wait for the next scan.

use std::path::Path;
use std::time::Duration;

use super::mounts::Mount;
use crate::config::Watch;
use crate::diagnostics::{Code, Diagnostic, Place};

/// The shortest interval between scans where events are incomplete.
const MIN_SCAN_INTERVAL: Duration = Duration::from_secs(2);
/// The longest interval between scans where events are incomplete.
const MAX_SCAN_INTERVAL: Duration = Duration::from_secs(60);
/// Between these limits, a tenth of the time is spent on scans.
const SCAN_TIME_DIVISOR: u32 = 10;

/// The time until the next scan, if the last one took `took`.
pub(super) fn scan_interval(took: Duration) -> Duration {
    took.saturating_mul(SCAN_TIME_DIVISOR - 1).clamp(MIN_SCAN_INTERVAL, MAX_SCAN_INTERVAL)
}

/// File systems whose changes the kernel doesn't report completely: their names in the mount table, and their magic numbers (statfs(2)).
const FILE_SYSTEMS_WITHOUT_EVENTS: [(&[&str], u64); 23] = [
    (&["nfs", "nfs4"], 0x6969),
    (&["cifs"], 0xff53_4d42),
    (&["smb3", "smb2"], 0xfe53_4d42),
    (&["smbfs"], 0x517b),
    (&["fuse", "fuseblk", "virtiofs"], 0x6573_5546),
    (&["9p"], 0x0102_1997),
    (&["overlay"], 0x794c_7630),
    (&["aufs"], 0x6175_6673),
    (&["ceph"], 0x00c3_6400),
    (&["afs"], 0x5346_414f),
    (&["afs"], 0x6b41_4653),
    (&["coda"], 0x7375_7245),
    (&["gpfs"], 0x4750_4653),
    (&["lustre"], 0x0bd0_0bd0),
    (&["beegfs"], 0x1983_0326),
    (&["gfs2"], 0x0116_1970),
    (&["ocfs2"], 0x7461_636f),
    (&["panfs"], 0xaad7_aaea),
    (&["pvfs2"], 0x2003_0528),
    (&["vboxsf"], 0x786f_4256),
    (&["vmhgfs"], 0xbacb_acbc),
    (&["prl_fs"], 0x7c7c_6673),
    (&["ncpfs"], 0x564c),
];

/// The name of a file system with incomplete events, by its magic number.
pub(super) fn name_without_events(magic: u64) -> Option<&'static str> {
    FILE_SYSTEMS_WITHOUT_EVENTS.iter().find(|(_, known)| *known == magic).and_then(|(names, _)| names.first().copied())
}

/// Whether the kernel reports changes of a file system incompletely, by its name in the mount table.
fn lacks_events(name: &str) -> bool {
    // FUSE adds the name of the server, as in `fuse.sshfs`.
    let kind = name.split('.').next().unwrap_or_default();
    FILE_SYSTEMS_WITHOUT_EVENTS.iter().any(|(names, _)| names.contains(&kind))
}

/// The first folder in the content directory with incomplete events, and its file system. `own` is the content directory's file system if
/// its events are incomplete. Hidden folders don't count.
pub(super) fn place_without_events(root: &Path, own: Option<&str>, mounts: &[Mount]) -> Option<(String, String)> {
    let own = own.map(|name| (String::new(), name.to_owned()));
    let below = || {
        mounts.iter().find_map(|mount| {
            let place = mount.place.strip_prefix(root).ok()?.to_str()?;
            let is_read = !place.is_empty() && !place.split('/').any(|segment| segment.starts_with('.'));
            (is_read && lacks_events(&mount.kind)).then(|| (place.to_owned(), mount.kind.clone()))
        })
    };
    own.or_else(below)
}

/// The way in which changes are found.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum ChangeSource {
    /// Events. Scans are rare and only for safety.
    #[default]
    Events,
    /// Scans.
    Poll,
    /// Events and frequent scans.
    Both,
}

/// The way in which changes are found, and the reason.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct WatchMode {
    pub(super) source: ChangeSource,
    pub(super) reason: String,
}

impl WatchMode {
    /// Chooses a mode. `without_events` is a folder with incomplete events and its file system, `limited` why not everything is watched.
    pub(super) fn choose(
        wanted: Watch,
        without_events: Option<(&str, &str)>,
        limited: Option<&WatchLimit>,
    ) -> WatchMode {
        let (source, reason) = match (wanted, without_events, limited) {
            (Watch::Poll, _, _) => (ChangeSource::Poll, "`content.watch` is \"poll\"".to_owned()),
            (_, _, Some(limit)) => {
                let source = if limit.is_partial { ChangeSource::Both } else { ChangeSource::Poll };
                (source, format!("the system does not report all changes: {}", limit.reason))
            }
            (Watch::Events, _, None) => (ChangeSource::Events, "`content.watch` is \"events\"".to_owned()),
            (Watch::Auto, Some((place, kind)), None) => (
                ChangeSource::Both,
                format!("`{place}` is on {kind}, where the system does not report changes made elsewhere"),
            ),
            (Watch::Auto, None, None) => (ChangeSource::Events, "the system reports all changes".to_owned()),
        };
        WatchMode { source, reason }
    }

    /// Whether scans are needed to find changes.
    pub(super) fn polls(&self) -> bool {
        self.source != ChangeSource::Events
    }

    /// The name for operators.
    pub(super) fn name(&self) -> &'static str {
        match self.source {
            ChangeSource::Events => "events",
            ChangeSource::Poll => "poll",
            ChangeSource::Both => "both",
        }
    }

    /// How long to wait for the next full scan. Scans are frequent, too, until the content directory is watched.
    pub(super) fn next_scan_delay(&self, is_watched: bool, took: Duration, safety_interval: Duration) -> Duration {
        if self.polls() || !is_watched { scan_interval(took) } else { safety_interval }
    }

    /// Why scans are needed, for the log. `None` in the normal case, where events report all changes.
    pub(super) fn reason_to_poll(&self) -> Option<&str> {
        self.polls().then_some(self.reason.as_str())
    }
}

/// Why the system can't watch everything, and what an operator can do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct WatchLimit {
    pub(super) reason: String,
    pub(super) advice: &'static str,
    /// Whether the system watches some of the folders.
    pub(super) is_partial: bool,
}

impl WatchLimit {
    /// The text has no measured times: a diagnostic that changes would be logged again and again.
    pub(super) fn diagnostic(&self, root: &str) -> Diagnostic {
        let message = format!("the system does not report all changes: {}", self.reason);
        let help = format!(
            "scans find the others, every {} to {} s by how long a scan takes; {}, to have all changes reported at once",
            MIN_SCAN_INTERVAL.as_secs(),
            MAX_SCAN_INTERVAL.as_secs(),
            self.advice
        );
        Diagnostic::new(Code::WatchLimited, message).at(Place::file(root)).help(help)
    }
}

/// The diagnostic for lost events. It stays until a full scan ends without losing more.
pub(super) fn overflow(root: &str) -> Diagnostic {
    let message = "more files changed at once than the system's event queue holds, so some events were lost";
    let help =
        "a full scan found the changes, and nothing is missing; if this recurs, raise fs.inotify.max_queued_events";
    Diagnostic::new(Code::WatchLimited, message).at(Place::file(root)).help(help)
}

#[cfg(test)]
mod tests;
