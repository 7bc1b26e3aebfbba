//! How changes are learnt of, and how often it is looked for them. Pure: what the system says comes in.
//!
//! A kernel tells of what goes through it. What another machine does to a file system that both have mounted, or what is done below a
//! file system that lies over others, it does not see, so that there somebody has to look.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use super::mounts::Mount;
use crate::config::Watch;
use crate::diagnostics::{Code, Diagnostic, Place};
use crate::types::ArticlePath;

/// It is not looked more often, however quickly that goes.
const SHORTEST: Duration = Duration::from_secs(2);
/// It is not looked less often, however long that takes.
const LONGEST: Duration = Duration::from_secs(60);
/// Looking takes one part in so many of the time.
const PARTS: u32 = 10;
/// How long the word of a change may take that a scan saw before: the system hands on what it has to tell in milliseconds.
const WORD: Duration = Duration::from_secs(2);

/// How long not to look, by how long the last look took.
pub(super) fn interval(took: Duration) -> Duration {
    took.saturating_mul(PARTS - 1).clamp(SHORTEST, LONGEST)
}

/// File systems of whose changes a kernel does not hear all: their names in the list of mounts, and the magic number that each says.
const DEAF: [(&[&str], u64); 23] = [
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

/// The name of a file system by its magic number, where a kernel does not hear of all its changes.
pub(super) fn deaf_by_magic(magic: u64) -> Option<&'static str> {
    DEAF.iter().find(|(_, known)| *known == magic).and_then(|(names, _)| names.first().copied())
}

/// Whether a kernel does not hear of all changes of a file system, by its name in the list of mounts.
fn is_deaf(name: &str) -> bool {
    // `fuse.sshfs`: who serves it.
    let kind = name.split('.').next().unwrap_or_default();
    DEAF.iter().any(|(names, _)| names.contains(&kind))
}

/// Where in the content directory a kernel does not hear of all changes, and on what: in all of it, by the name of its own file system,
/// or where another one is mounted in it. Nothing is looked for below hidden folders.
pub(super) fn deaf_place(root: &Path, own: Option<&str>, mounts: &[Mount]) -> Option<(String, String)> {
    let own = own.map(|name| (String::new(), name.to_owned()));
    let below = || {
        mounts.iter().find_map(|mount| {
            let place = mount.place.strip_prefix(root).ok()?.to_str()?;
            let is_seen = !place.is_empty() && !place.split('/').any(|segment| segment.starts_with('.'));
            (is_seen && is_deaf(&mount.kind)).then(|| (place.to_owned(), mount.kind.clone()))
        })
    };
    own.or_else(below)
}

/// Who finds changes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum ChangeSource {
    /// The system tells of them; everything is looked at now and then, to be safe.
    #[default]
    Events,
    /// They are looked for.
    Poll,
    /// The system tells of some, and they are looked for as well.
    Both,
}

/// Who finds changes, and why so.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct WatchMode {
    pub(super) way: ChangeSource,
    pub(super) why: String,
}

impl WatchMode {
    /// By what the operator wants, where the system does not hear of all changes, and why it cannot watch everything.
    pub(super) fn choose(wanted: Watch, deaf: Option<(&str, &str)>, limited: Option<&Limit>) -> WatchMode {
        let (way, why) = match (wanted, deaf, limited) {
            (Watch::Poll, _, _) => (ChangeSource::Poll, "`content.watch` is \"poll\"".to_owned()),
            (_, _, Some(limit)) => {
                let way = if limit.is_partial { ChangeSource::Both } else { ChangeSource::Poll };
                (way, format!("the system cannot tell of all changes: {}", limit.reason))
            }
            (Watch::Events, _, None) => (ChangeSource::Events, "`content.watch` is \"events\"".to_owned()),
            (Watch::Auto, Some((place, kind)), None) => (
                ChangeSource::Both,
                format!("`{place}` is on {kind}, where the system does not tell of changes made elsewhere"),
            ),
            (Watch::Auto, None, None) => (ChangeSource::Events, "the system tells of all changes".to_owned()),
        };
        WatchMode { way, why }
    }

    /// Whether changes are looked for, and not only to be safe.
    pub(super) fn polls(&self) -> bool {
        self.way != ChangeSource::Events
    }

    /// As operators see it.
    pub(super) fn name(&self) -> &'static str {
        match self.way {
            ChangeSource::Events => "events",
            ChangeSource::Poll => "poll",
            ChangeSource::Both => "both",
        }
    }

    /// How long not to look at everything. What is not `armed` is looked for until it is.
    pub(super) fn pause(&self, armed: bool, took: Duration, safety: Duration) -> Duration {
        if self.polls() || !armed { interval(took) } else { safety }
    }

    /// Why scans find changes, for the log. `None` where events do: that is the normal case.
    pub(super) fn reason_to_poll(&self) -> Option<&str> {
        self.polls().then_some(self.why.as_str())
    }
}

/// Why the system cannot watch everything, and what an operator can do about it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Limit {
    pub(super) reason: String,
    pub(super) cure: &'static str,
    /// Whether it tells of some.
    pub(super) is_partial: bool,
}

impl Limit {
    /// The same words however long looking takes, or it would be news again and again.
    pub(super) fn diagnostic(&self, root: &str) -> Diagnostic {
        let message = format!("the system does not tell about all changes: {}", self.reason);
        let help = format!(
            "changes are found by looking, every {} to {} s by how long that takes; {}, to be told at once",
            SHORTEST.as_secs(),
            LONGEST.as_secs(),
            self.cure
        );
        Diagnostic::new(Code::WatchLimited, message).at(Place::file(root)).help(help)
    }
}

/// That events were lost; it stands until everything was looked at once more without that.
pub(super) fn overflow(root: &str) -> Diagnostic {
    let message = "more changed at once than the system keeps for dateline, so that some events were lost";
    let help =
        "all was looked at instead, and nothing is missing; if it comes again, raise fs.inotify.max_queued_events";
    Diagnostic::new(Code::WatchLimited, message).at(Place::file(root)).help(help)
}

/// Changes that a scan found, until it is sure that no word of them comes.
#[derive(Default, Debug)]
pub(super) struct UnreportedChanges(BTreeMap<ArticlePath, Duration>);

impl UnreportedChanges {
    /// A scan saw a change that nobody had told of.
    pub(super) fn found(&mut self, path: &ArticlePath, now: Duration) {
        self.0.entry(path.clone()).or_insert(now + WORD);
    }

    /// The system told of a file.
    pub(super) fn told(&mut self, path: &ArticlePath) {
        self.0.remove(path);
    }

    /// The system told of a folder, which stands for all that is in it.
    pub(super) fn told_of_folder(&mut self, folder: &str) {
        let is_inside =
            |path: &ArticlePath| path.as_str().strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'));
        self.0.retain(|path, _| !is_inside(path));
    }

    /// How many changes nobody will tell of any more, each once.
    pub(super) fn settle(&mut self, now: Duration) -> u64 {
        let before = self.0.len();
        self.0.retain(|_, due| *due > now);
        u64::try_from(before - self.0.len()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mount(told: &str) -> Mount {
        let (kind, place) = told.split_once(" on ").expect("a kind and a place");
        Mount { place: place.into(), kind: kind.into() }
    }

    #[test]
    fn looking_takes_a_tenth_of_the_time() {
        for (took, pause) in [
            (0, 2_000),
            (1, 2_000),
            (222, 2_000),
            (300, 2_700),
            (1_000, 9_000),
            (6_600, 59_400),
            (7_000, 60_000),
            (600_000, 60_000),
            (u64::MAX, 60_000),
        ] {
            assert_eq!(interval(Duration::from_millis(took)), Duration::from_millis(pause), "{took} ms");
        }
    }

    #[test]
    fn file_systems_are_known_by_number_and_by_name() {
        for (magic, name) in [
            (0x6969, Some("nfs")),
            (0xff53_4d42, Some("cifs")),
            (0xfe53_4d42, Some("smb3")),
            (0x6573_5546, Some("fuse")),
            (0x0102_1997, Some("9p")),
            (0x794c_7630, Some("overlay")),
            (0x00c3_6400, Some("ceph")),
            // ext4, XFS, Btrfs, tmpfs, ZFS.
            (0xef53, None),
            (0x5846_5342, None),
            (0x9123_683e, None),
            (0x0102_1994, None),
            (0x2fc1_2fc1, None),
        ] {
            assert_eq!(deaf_by_magic(magic), name, "{magic:x}");
        }
        for name in
            "nfs nfs4 cifs smb3 fuse fuse.sshfs fuse.s3fs fuseblk virtiofs 9p overlay ceph lustre gpfs".split(' ')
        {
            assert!(is_deaf(name), "{name}");
        }
        for name in "ext4 xfs btrfs zfs tmpfs autofs proc nfsd fusectl".split(' ') {
            assert!(!is_deaf(name), "{name}");
        }
    }

    #[test]
    fn what_is_mounted_in_the_content_directory_counts_and_what_is_around_it_does_not() {
        for (own, mounts, expected) in [
            (None, "", None),
            (None, "ext4 on /srv/content|xfs on /srv/content/sport", None),
            (Some("nfs"), "ext4 on /", Some(("", "nfs"))),
            // Its own file system is known better from itself: something may be mounted over what is listed.
            (None, "overlay on /|nfs on /srv/content", None),
            (None, "nfs on /srv|nfs on /srv/contents/sport", None),
            (None, "ext4 on /|fuse.sshfs on /srv/content/sport", Some(("sport", "fuse.sshfs"))),
            (None, "nfs on /srv/content/.git|nfs4 on /srv/content/a/.b/c", None),
            (None, "ext4 on /srv/content/a|nfs4 on /srv/content/a/b", Some(("a/b", "nfs4"))),
        ] {
            let list: Vec<Mount> = mounts.split('|').filter(|told| !told.is_empty()).map(mount).collect();
            let found = deaf_place(Path::new("/srv/content"), own, &list);
            let expected = expected.map(|(place, kind): (&str, &str)| (place.to_owned(), kind.to_owned()));
            assert_eq!(found, expected, "{own:?} {mounts}");
        }
    }

    #[test]
    fn modes() {
        use Watch::{Auto, Events, Poll};
        let nfs = Some(("content", "nfs"));
        let limit = |is_partial| Limit { reason: "no watch left".into(), cure: "", is_partial };
        let (some, none) = (limit(true), limit(false));
        for (wanted, deaf, limited, way, why) in [
            (Auto, None, None, ChangeSource::Events, "tells of all"),
            (Auto, nfs, None, ChangeSource::Both, "`content` is on nfs"),
            (Auto, None, Some(&some), ChangeSource::Both, "no watch left"),
            (Auto, None, Some(&none), ChangeSource::Poll, "no watch left"),
            (Auto, nfs, Some(&some), ChangeSource::Both, "no watch left"),
            (Events, None, None, ChangeSource::Events, "\"events\""),
            (Events, nfs, None, ChangeSource::Events, "\"events\""),
            (Events, nfs, Some(&some), ChangeSource::Both, "no watch left"),
            (Events, None, Some(&none), ChangeSource::Poll, "no watch left"),
            (Poll, None, None, ChangeSource::Poll, "\"poll\""),
            (Poll, nfs, Some(&some), ChangeSource::Poll, "\"poll\""),
        ] {
            let mode = WatchMode::choose(wanted, deaf, limited);
            assert_eq!(mode.way, way, "{wanted:?} {deaf:?} {limited:?}");
            assert!(mode.why.contains(why), "{}", mode.why);
            let (second, safety) = (Duration::from_secs(1), Duration::from_secs(300));
            let pause = mode.pause(true, second, safety);
            assert_eq!(
                pause,
                if way == ChangeSource::Events { safety } else { second * 9 },
                "{wanted:?} {deaf:?} {limited:?}"
            );
            assert_eq!(mode.pause(false, second, safety), second * 9);
        }
    }

    /// Each line: milliseconds, and what happens: a file is `found` by a scan, or the system `told` of it or of its `folder`, or so many are
    /// `counted`.
    #[test]
    fn what_the_system_tells_of_soon_after_a_scan_was_told() {
        for history in [
            "0 found a\n1999 counted 0\n2000 counted 1\n9000 counted 0",
            "0 found a\n1500 found a\n2000 counted 1\n9000 counted 0",
            "0 found a\n10 told a\n9000 counted 0",
            "0 found a\n0 found b\n10 told b\n9000 counted 1",
            "0 found s/a\n0 found s/t/b\n0 found sa\n0 found t/s/a\n10 folder s\n9000 counted 2",
            "0 found a\n2000 counted 1\n2001 told a\n2002 found a\n5000 counted 1",
        ] {
            let mut unannounced = UnreportedChanges::default();
            for line in history.lines() {
                let words: Vec<&str> = line.split(' ').collect();
                let [time, what, name] = words[..] else { panic!("{line}") };
                let now = Duration::from_millis(time.parse().expect("a number"));
                match what {
                    "found" => unannounced.found(&ArticlePath::new(name), now),
                    "told" => unannounced.told(&ArticlePath::new(name)),
                    "folder" => unannounced.told_of_folder(name),
                    _ => assert_eq!(unannounced.settle(now).to_string(), name, "{line}\n{history}"),
                }
            }
        }
    }

    #[test]
    fn a_limit_is_reported_with_its_cure_and_in_the_same_words_each_time() {
        let limit = Limit {
            reason: "it has no watch left".into(),
            cure: "raise fs.inotify.max_user_watches",
            is_partial: true,
        };
        let told = limit.diagnostic("content").to_log_line();
        for words in ["[watch-limited]", "content", "it has no watch left", "every 2 to 60 s", "raise fs.inotify"] {
            assert!(told.contains(words), "{told}");
        }
    }
}
