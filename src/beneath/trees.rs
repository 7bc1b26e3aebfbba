//! Trees of folders, files and links that are made from bytes, and what must hold of each. The property test and the fuzz target use it.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use super::{Links, Root};

/// Names that paths in the root are made of.
const NAMES: [&str; 4] = ["a", "b", "c.md", "..d"];

/// Builds a tree beneath a new folder and resolves every path of up to three names in it.
pub(super) fn check(script: &[u8]) {
    let around = tempfile::tempdir().expect("a folder");
    let around = fs::canonicalize(around.path()).expect("there").join("x");
    // The root is reached by a link; a folder beside it has a name that begins like its own.
    for folder in ["root/a", "root2", "outside/a"] {
        fs::create_dir_all(around.join(folder)).expect("made");
    }
    symlink("root", around.join("content")).expect("linked");
    for file in ["root2/a", "outside/c.md", "outside/a/b", "c.md"] {
        fs::write(around.join(file), "outside").expect("written");
    }
    build(&around, script);

    let mut inside = HashSet::new();
    note(&around.join("root"), &mut inside);
    let root = Root::new(&around.join("content"), "content");
    let (kernel, walk) = (root.open().expect("opens"), root.open().expect("opens").without_openat2());
    for path in paths() {
        let [found, strict] = [Links::Follow, Links::Refuse].map(|links| {
            let [by_kernel, walked] = [&kernel, &walk].map(|beneath| {
                let stat = beneath.stat(&path, links);
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
            for beneath in [&kernel, &walk] {
                let name = beneath.real_path(&path, &mut Vec::new()).expect("it has a name");
                assert_eq!(Some(root.path.join(&name)), real.as_ref().ok().cloned(), "{path}");
            }
        } else {
            let inside = real.as_ref().is_ok_and(|real| real.starts_with(&root.path));
            assert!(!inside || leaves_astray(&around, script), "{path} is refused although it leads to {real:?}");
        }
        if let Ok(strict) = strict {
            assert_eq!((Ok(strict), real.ok()), (found, Some(root.path.join(&path))), "{path} has a link on its way");
        }
        for beneath in [&kernel, &walk] {
            let opened = beneath.open_file(&path).map(|(_, metadata)| (metadata.dev(), metadata.ino()));
            let is_file = found.is_ok() && root.path.join(&path).is_file();
            assert_eq!(opened.ok(), found.ok().filter(|_| is_file), "{path}: only regular files are opened");
            let listed = beneath.folder(&path, Links::Follow).map(|folder| folder.stat_self().expect("open"));
            let is_folder = found.is_ok() && root.path.join(&path).is_dir();
            let listed = listed.ok().map(|stat| (stat.st_dev, stat.st_ino));
            assert_eq!(listed, found.ok().filter(|_| is_folder), "{path}: only folders are listed");
        }
    }
}

/// Each three bytes make one thing: what it is, its name, and where it leads.
fn build(around: &Path, script: &[u8]) {
    for step in script.chunks_exact(3).take(24) {
        let [what, name, target] = *step else { continue };
        let place = around.join("root").join(pick(name));
        match what % 8 {
            0 => drop(fs::create_dir(place)),
            1 => drop(fs::write(place, "inside")),
            2 => drop(fs::hard_link(around.join("root").join(pick(target)), place)),
            3 => drop(UnixListener::bind(place)),
            _ => drop(symlink(link(around, what, target), place)),
        }
    }
}

/// Where a link leads.
fn link(around: &Path, what: u8, target: u8) -> PathBuf {
    let inside = pick(target);
    match (what / 8) % 10 {
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

/// Whether some link leads into the root by a way through other folders outside, which is not followed.
fn leaves_astray(around: &Path, script: &[u8]) -> bool {
    let astray = |step: &[u8]| match *step {
        [what, _, target] if what % 8 > 3 => {
            let target = link(around, what, target);
            target.components().any(|part| part == std::path::Component::ParentDir)
        }
        _ => false,
    };
    script.chunks_exact(3).take(24).any(astray)
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

/// Everything that is really in a folder.
fn note(folder: &Path, found: &mut HashSet<(u64, u64)>) {
    let metadata = fs::symlink_metadata(folder).expect("there");
    found.insert((metadata.dev(), metadata.ino()));
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        let metadata = entry.metadata().expect("there");
        if metadata.is_dir() {
            note(&entry.path(), found);
        } else if !metadata.is_symlink() {
            found.insert((metadata.dev(), metadata.ino()));
        }
    }
}
