//! Which file systems are mounted around a folder. The system says nothing to a watch on a folder when one comes or goes.

use std::path::{Path, PathBuf};

/// Something that is mounted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Mount {
    /// Where.
    pub(super) place: PathBuf,
    /// The name of its file system.
    pub(super) kind: String,
}

/// What is mounted on a folder, above or below it, a line each; nothing where the system does not tell. It asks no file system,
/// so that none can hang it.
pub(super) fn around(folder: &Path) -> Vec<String> {
    let told = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    concerning(&told, folder)
}

/// What the lines say.
pub(super) fn parse(lines: &[String]) -> Vec<Mount> {
    let mount = |line: &String| {
        let place = line.split(' ').nth(4).map(unescape)?.into();
        // Fields that may be there or not end with a dash.
        let kind = line.split_once(" - ")?.1.split(' ').next()?.to_owned();
        Some(Mount { place, kind })
    };
    lines.iter().filter_map(mount).collect()
}

fn concerning(told: &str, folder: &Path) -> Vec<String> {
    let is_near = |line: &&str| {
        let place = line.split(' ').nth(4).map(unescape).unwrap_or_default();
        folder.starts_with(&place) || Path::new(&place).starts_with(folder)
    };
    told.lines().filter(is_near).map(str::to_owned).collect()
}

/// Spaces, tabs, line ends and backslashes are written in octal.
fn unescape(place: &str) -> String {
    [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")]
        .iter()
        .fold(place.to_owned(), |place, (escaped, plain)| place.replace(escaped, plain))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_mounted_around_the_folder_matters() {
        let told = "\
22 1 8:1 / / rw shared:1 - ext4 /dev/sda1 rw
30 22 8:2 / /srv rw shared:2 - ext4 /dev/sda2 rw
31 30 0:40 / /srv/the\\040news/content/sport rw - nfs host:/sport rw
32 30 0:41 / /srv/the\\040news/contents rw - nfs host:/other rw
33 22 0:42 / /proc rw - proc proc rw";
        let near = concerning(told, Path::new("/srv/the news/content"));
        let numbers: Vec<&str> = near.iter().map(|line| line.split_once(' ').expect("fields").0).collect();
        assert_eq!(numbers, ["22", "30", "31"]);
        let mounts: Vec<String> =
            parse(&near).iter().map(|mount| format!("{} on {}", mount.kind, mount.place.display())).collect();
        assert_eq!(mounts, ["ext4 on /", "ext4 on /srv", "nfs on /srv/the news/content/sport"]);
    }
}
