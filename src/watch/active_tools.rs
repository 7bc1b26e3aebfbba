//! Recognises tools that are changing files, by their locks and temporary files. Removals wait for such tools: version control removes
//! files before it writes others, and a transfer may remove a file before it sends the new version. Reads no file.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::beneath::{Links, Root, Stamp, is_missing};
use crate::types::folder;

/// Files that version control keeps while it changes a working copy.
const LOCKS: [&str; 2] = [".git/index.lock", ".hg/wlock"];

/// The lock of a version control system in the content directory or above it. A lock older than `limit` was left by a killed process and
/// doesn't count.
pub(super) fn version_control_lock(root: &Root, limit: Duration, now: SystemTime) -> Option<PathBuf> {
    let places = root.path.ancestors().flat_map(|folder| LOCKS.map(|lock| folder.join(lock)));
    let is_held = |place: &PathBuf| {
        // Mercurial's lock is a dangling link.
        place.symlink_metadata().is_ok_and(|found| is_recent(Stamp::from(&found).changed_ns, limit, now))
    };
    places.into_iter().find(is_held)
}

/// The temporary file of a transfer in a folder, or in the nearest existing folder above it.
pub(super) fn unfinished_transfer(root: &Root, missing_from: &str, limit: Duration, now: SystemTime) -> Option<String> {
    let open_root = root.open().ok()?;
    let mut at = missing_from;
    let open = loop {
        match open_root.folder(at, Links::Refuse) {
            Ok(open) => break open,
            Err(error) if is_missing(&error) => at = folder::parent(at)?,
            Err(_) => return None,
        }
    };
    let entries = open.entries().ok()?.flatten();
    let mut names = entries.filter_map(|(name, _)| name.into_string().ok()).filter(|name| is_transfer_name(name));
    names.find(|name| {
        let changed_ns = open.stat(name).map(|stat| Stamp::from(&stat).changed_ns);
        changed_ns.is_ok_and(|changed_ns| is_recent(changed_ns, limit, now))
    })
}

/// Whether a change is no older than `limit`. A change in the future counts as recent: it was made by a machine whose clock is ahead.
fn is_recent(changed_ns: i128, limit: Duration, now: SystemTime) -> bool {
    let now = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_nanos();
    let age = i128::try_from(now).unwrap_or(i128::MAX).saturating_sub(changed_ns);
    u128::try_from(age).unwrap_or_default() <= limit.as_nanos()
}

/// Whether transfers write to files with such a name before they rename them.
pub(super) fn is_transfer_name(name: &str) -> bool {
    let is_random = |letters: &str, count: usize| {
        letters.len() == count && letters.bytes().all(|letter| letter.is_ascii_alphanumeric())
    };
    let hidden = name.strip_prefix('.');
    // rsync: `.name.md.a1B2c3`, and with --delay-updates a folder.
    let rsync = hidden
        .and_then(|rest| rest.rsplit_once('.'))
        .is_some_and(|(file, random)| is_random(random, 6) && Path::new(file).extension().is_some());
    // Nextcloud and ownCloud: `.name.md.~1a2b3c`.
    let nextcloud = hidden.is_some_and(|rest| rest.rsplit_once(".~").is_some_and(|(file, _)| !file.is_empty()));
    rsync
        || nextcloud
        || name == ".~tmp~"
        // WinSCP, browsers and other clients, rclone, Resilio.
        || [".filepart", ".part", ".partial", ".!sync"].iter().any(|ending| name.len() > ending.len() && name.ends_with(ending))
        // GNOME's file manager, FTP servers, Syncthing, Unison.
        || [".goutputstream-", ".pureftpd-upload.", ".in.", ".syncthing.", "~syncthing~", ".unison."]
            .iter()
            .any(|beginning| name.starts_with(beginning))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transfers_are_recognised_by_name() {
        for name in [
            ".a.md.x1Y2z3",
            ".a.b.html.ABCDEF",
            ".~tmp~",
            "a.md.filepart",
            "a.md.part",
            "a.md.1f2e3d4c.partial",
            ".goutputstream-A1B2C3",
            ".pureftpd-upload.5f.15.1",
            ".in.a.md.",
            ".syncthing.a.md.tmp",
            "~syncthing~a.md.tmp",
            ".unison.a.md.123.unison.tmp",
            ".a.md.~1a2b3c",
            "a.md.!sync",
        ] {
            assert!(is_transfer_name(name), "{name}");
        }
        for name in [
            "a.md",
            ".a.md.swp",
            ".gitignore",
            ".gitignore.sample",
            ".git",
            ".hidden.md",
            ".part",
            "part",
            "a.partition",
            ".a.md.x1Y2z",
            ".a.md.x1Y2z34",
            ".a.md.x1_2z3",
            "a.md~",
            ".#a.md",
            "4913",
            ".DS_Store",
            "..data",
            "..2026_11_29",
            ".~lock.a.odt#",
        ] {
            assert!(!is_transfer_name(name), "{name}");
        }
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "files are written at the time of the system's clock")]
    fn old_locks_do_not_count() {
        let folder = tempfile::tempdir().expect("a folder");
        for place in ["site/content/news", "site/.git", "site/.hg"] {
            std::fs::create_dir_all(folder.path().join(place)).expect("made");
        }
        let root = Root::new(&folder.path().join("site/content"), "content");
        let limit = Duration::from_secs(60);
        let (now, later) = (SystemTime::now(), SystemTime::now() + Duration::from_secs(61));
        assert_eq!(version_control_lock(&root, limit, now), None);
        let lock = root.path.parent().expect("above").join(".git/index.lock");
        std::fs::write(&lock, "").expect("written");
        assert_eq!(version_control_lock(&root, limit, now), Some(lock.clone()));
        assert_eq!(version_control_lock(&root, limit, later), None);
        std::fs::remove_file(&lock).expect("removed");
        let lock = root.path.parent().expect("above").join(".hg/wlock");
        std::os::unix::fs::symlink("host:1234", &lock).expect("linked");
        assert_eq!(version_control_lock(&root, limit, now), Some(lock));

        let unfinished = root.path.join("news/.a.md.x1Y2z3");
        std::fs::write(unfinished, "").expect("written");
        let found = |folder: &str, now| unfinished_transfer(&root, folder, limit, now);
        assert_eq!(found("news", now).as_deref(), Some(".a.md.x1Y2z3"));
        assert_eq!(found("news/gone/deep", now).as_deref(), Some(".a.md.x1Y2z3"));
        assert_eq!((found("", now), found("sport", now), found("news", later)), (None, None, None));
    }
}
