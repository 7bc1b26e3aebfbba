use super::*;

fn mount(text: &str) -> Mount {
    let (kind, place) = text.split_once(" on ").expect("a kind and a place");
    Mount { place: place.into(), kind: kind.into() }
}

#[test]
fn scans_take_a_tenth_of_the_time() {
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
        assert_eq!(scan_interval(Duration::from_millis(took)), Duration::from_millis(pause), "{took} ms");
    }
}

#[test]
fn file_systems_are_known_by_magic_and_name() {
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
        assert_eq!(name_without_events(magic), name, "{magic:x}");
    }
    for name in "nfs nfs4 cifs smb3 fuse fuse.sshfs fuse.s3fs fuseblk virtiofs 9p overlay ceph lustre gpfs".split(' ') {
        assert!(lacks_events(name), "{name}");
    }
    for name in "ext4 xfs btrfs zfs tmpfs autofs proc nfsd fusectl".split(' ') {
        assert!(!lacks_events(name), "{name}");
    }
}

#[test]
fn only_mounts_below_content_directory_count() {
    for (own, mounts, expected) in [
        (None, "", None),
        (None, "ext4 on /srv/content|xfs on /srv/content/sport", None),
        (Some("nfs"), "ext4 on /", Some(("", "nfs"))),
        // The content directory's own file system comes from statfs(2): the mount table may list one that is hidden by another.
        (None, "overlay on /|nfs on /srv/content", None),
        (None, "nfs on /srv|nfs on /srv/contents/sport", None),
        (None, "ext4 on /|fuse.sshfs on /srv/content/sport", Some(("sport", "fuse.sshfs"))),
        (None, "nfs on /srv/content/.git|nfs4 on /srv/content/a/.b/c", None),
        (None, "ext4 on /srv/content/a|nfs4 on /srv/content/a/b", Some(("a/b", "nfs4"))),
    ] {
        let list: Vec<Mount> = mounts.split('|').filter(|text| !text.is_empty()).map(mount).collect();
        let found = place_without_events(Path::new("/srv/content"), own, &list);
        let expected = expected.map(|(place, kind): (&str, &str)| (place.to_owned(), kind.to_owned()));
        assert_eq!(found, expected, "{own:?} {mounts}");
    }
}

#[test]
fn modes_follow_configuration_and_limits() {
    use Watch::{Auto, Events, Poll};
    let nfs = Some(("content", "nfs"));
    let limit = |is_partial| WatchLimit { reason: "no watch left".into(), advice: "", is_partial };
    let (some, none) = (limit(true), limit(false));
    for (wanted, without_events, limited, source, reason) in [
        (Auto, None, None, ChangeSource::Events, "reports all"),
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
        let mode = WatchMode::choose(wanted, without_events, limited);
        assert_eq!(mode.source, source, "{wanted:?} {without_events:?} {limited:?}");
        assert!(mode.reason.contains(reason), "{}", mode.reason);
        let (second, safety) = (Duration::from_secs(1), Duration::from_secs(300));
        let pause = mode.next_scan_delay(true, second, safety);
        assert_eq!(
            pause,
            if source == ChangeSource::Events { safety } else { second * 9 },
            "{wanted:?} {without_events:?} {limited:?}"
        );
        assert_eq!(mode.next_scan_delay(false, second, safety), second * 9);
    }
}

#[test]
fn limit_is_reported_with_advice() {
    let limit = WatchLimit {
        reason: "it has no watch left".into(),
        advice: "raise fs.inotify.max_user_watches",
        is_partial: true,
    };
    let line = limit.diagnostic("content").to_log_line();
    for words in ["[watch-limited]", "content", "it has no watch left", "every 2 to 60 s", "raise fs.inotify"] {
        assert!(line.contains(words), "{line}");
    }
}
