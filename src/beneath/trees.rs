//! Builds trees of folders, files and links from bytes, and checks path resolution in them. The property test and the fuzz target use it.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use super::{Links, Root};

/// The names in generated paths.
const NAMES: [&str; 4] = ["a", "b", "c.md", "..d"];

/// Builds a tree in a new folder and resolves every path of up to three names in it.
pub(super) fn check(script: &[u8]) {
    let around = tempfile::tempdir().expect("a folder");
    let around = fs::canonicalize(around.path()).expect("there").join("x");
    // A link leads to the root. A folder beside the root has a name with the same prefix.
    for folder in ["root/a", "root2", "outside/a"] {
        fs::create_dir_all(around.join(folder)).expect("made");
    }
    symlink("root", around.join("content")).expect("linked");
    for file in ["root2/a", "outside/c.md", "outside/a/b", "c.md"] {
        fs::write(around.join(file), "outside").expect("written");
    }
    build(&around, script);

    let mut inside = HashSet::new();
    add_identities(&around.join("root"), &mut inside);
    let root = Root::new(&around.join("content"), "content");
    let (kernel, walk) = (root.open().expect("opens"), root.open().expect("opens").without_openat2());
    for path in paths() {
        let [found, strict] = [Links::Follow, Links::Refuse].map(|links| {
            let [by_kernel, walked] = [&kernel, &walk].map(|root_dir| {
                let stat = root_dir.stat(&path, links);
                stat.map(|stat| (stat.st_dev, stat.st_ino)).map_err(|error| error.raw_os_error())
            });
            assert_eq!(by_kernel, walked, "{path}: the implementations disagree, {links:?}");
            by_kernel
        });
        let real = fs::canonicalize(root.path.join(&path));
        if let Ok(found) = found {
            assert!(inside.contains(&found), "{path} leads out of the root");
            let expected = fs::metadata(root.path.join(&path)).expect("the kernel follows it too");
            assert_eq!(found, (expected.dev(), expected.ino()), "{path}");
            for root_dir in [&kernel, &walk] {
                let name = root_dir.real_path(&path, &mut Vec::new()).expect("it has a name");
                assert_eq!(Some(root.path.join(&name)), real.as_ref().ok().cloned(), "{path}");
            }
        } else {
            let inside = real.as_ref().is_ok_and(|real| real.starts_with(&root.path));
            assert!(!inside || has_indirect_link(&around, script), "{path} is refused although it leads to {real:?}");
        }
        if let Ok(strict) = strict {
            assert_eq!((Ok(strict), real.ok()), (found, Some(root.path.join(&path))), "{path} has a link on its way");
        }
        for root_dir in [&kernel, &walk] {
            let opened = root_dir.open_file(&path).map(|(_, metadata)| (metadata.dev(), metadata.ino()));
            let is_file = found.is_ok() && root.path.join(&path).is_file();
            assert_eq!(opened.ok(), found.ok().filter(|_| is_file), "{path}: only regular files are opened");
            let listed = root_dir.folder(&path, Links::Follow).map(|folder| folder.stat_self().expect("open"));
            let is_folder = found.is_ok() && root.path.join(&path).is_dir();
            let listed = listed.ok().map(|stat| (stat.st_dev, stat.st_ino));
            assert_eq!(listed, found.ok().filter(|_| is_folder), "{path}: only folders are listed");
        }
    }
}

/// Each three bytes create one entry: its kind, its name, and the target of a link.
fn build(around: &Path, script: &[u8]) {
    for step in script.chunks_exact(3).take(24) {
        let [kind, name, target] = *step else { continue };
        let place = around.join("root").join(pick(name));
        match kind % 8 {
            0 => drop(fs::create_dir(place)),
            1 => drop(fs::write(place, "inside")),
            2 => drop(fs::hard_link(around.join("root").join(pick(target)), place)),
            3 => drop(UnixListener::bind(place)),
            _ => drop(symlink(link_target(around, kind, target), place)),
        }
    }
}

/// The target of a link.
fn link_target(around: &Path, kind: u8, target: u8) -> PathBuf {
    let inside = pick(target);
    match (kind / 8) % 10 {
        0 => inside.into(),
        1 => format!("../{inside}").into(),
        2 => format!("../../{inside}").into(),
        3 => format!("./{inside}/").into(),
        4 => around.join("root").join(&inside),
        5 => around.join("content").join(&inside),
        6 => format!("../../root/{inside}").into(),
        7 => around.join("outside").join(&inside),
        8 => around.join(&inside),
        _ => format!("{}/outside/../root//./{inside}", around.display()).into(),
    }
}

/// Whether some link leads into the root through `..` and other folders outside. Such links may be refused.
fn has_indirect_link(around: &Path, script: &[u8]) -> bool {
    let is_indirect = |step: &[u8]| match *step {
        [kind, _, target] if kind % 8 > 3 => {
            let target = link_target(around, kind, target);
            target.components().any(|part| part == std::path::Component::ParentDir)
        }
        _ => false,
    };
    script.chunks_exact(3).take(24).any(is_indirect)
}

fn pick(number: u8) -> String {
    let paths = paths();
    paths.get(usize::from(number) % paths.len()).cloned().unwrap_or_default()
}

/// All paths of up to three names.
fn paths() -> Vec<String> {
    let mut paths: Vec<String> = NAMES.map(str::to_owned).into();
    for _ in 0..2 {
        let deeper = paths.iter().flat_map(|path| NAMES.iter().map(move |name| format!("{path}/{name}")));
        let deeper: BTreeMap<String, ()> = deeper.map(|path| (path, ())).collect();
        paths.extend(deeper.into_keys());
        paths.sort();
        paths.dedup();
    }
    paths
}

/// Adds the device and inode of everything in a folder. Doesn't follow links.
fn add_identities(folder: &Path, found: &mut HashSet<(u64, u64)>) {
    let metadata = fs::symlink_metadata(folder).expect("there");
    found.insert((metadata.dev(), metadata.ino()));
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        let metadata = entry.metadata().expect("there");
        if metadata.is_dir() {
            add_identities(&entry.path(), found);
        } else if !metadata.is_symlink() {
            found.insert((metadata.dev(), metadata.ino()));
        }
    }
}
