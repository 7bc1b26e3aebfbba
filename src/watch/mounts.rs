//! The file systems that are mounted around a folder. Watches don't report when one is mounted or unmounted.

use std::path::{Path, PathBuf};

/// A mounted file system.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Mount {
    /// Its mount point.
    pub(super) place: PathBuf,
    /// The name of its type.
    pub(super) kind: String,
}

/// The lines of `/proc/self/mountinfo` (proc(5)) for mounts on a folder, above it or below it. Empty on systems without that file. Asks no
/// file system, so a hanging one can't block the caller.
pub(super) fn around(folder: &Path) -> Vec<String> {
    let mountinfo = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    lines_around(&mountinfo, folder)
}

/// The mounts in these lines.
pub(super) fn parse(lines: &[String]) -> Vec<Mount> {
    let mount = |line: &String| {
        let place = line.split(' ').nth(4).map(unescape)?.into();
        // Optional fields come before the dash.
        let kind = line.split_once(" - ")?.1.split(' ').next()?.to_owned();
        Some(Mount { place, kind })
    };
    lines.iter().filter_map(mount).collect()
}

fn lines_around(mountinfo: &str, folder: &Path) -> Vec<String> {
    let is_near = |line: &&str| {
        let place = line.split(' ').nth(4).map(unescape).unwrap_or_default();
        folder.starts_with(&place) || Path::new(&place).starts_with(folder)
    };
    mountinfo.lines().filter(is_near).map(str::to_owned).collect()
}

/// Decodes the octal escapes of spaces, tabs, line feeds and backslashes.
fn unescape(place: &str) -> String {
    [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")]
        .iter()
        .fold(place.to_owned(), |place, (escaped, plain)| place.replace(escaped, plain))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unrelated_mounts_are_ignored() {
        let mountinfo = "\
22 1 8:1 / / rw shared:1 - ext4 /dev/sda1 rw
30 22 8:2 / /srv rw shared:2 - ext4 /dev/sda2 rw
31 30 0:40 / /srv/the\\040news/content/sport rw - nfs host:/sport rw
32 30 0:41 / /srv/the\\040news/contents rw - nfs host:/other rw
33 22 0:42 / /proc rw - proc proc rw";
        let near = lines_around(mountinfo, Path::new("/srv/the news/content"));
        let numbers: Vec<&str> = near.iter().map(|line| line.split_once(' ').expect("fields").0).collect();
        assert_eq!(numbers, ["22", "30", "31"]);
        let mounts: Vec<String> =
            parse(&near).iter().map(|mount| format!("{} on {}", mount.kind, mount.place.display())).collect();
        assert_eq!(mounts, ["ext4 on /", "ext4 on /srv", "nfs on /srv/the news/content/sport"]);
    }
}
