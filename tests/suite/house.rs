//! The house stays a house: imports point down, the core is pure.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Each module may import those behind it.
const ORDER: [&str; 22] = [
    "cli",
    "daemon",
    "control",
    "serve",
    "deliver",
    "watch",
    "store",
    "beneath",
    "engine",
    "build",
    "event",
    "snapshot",
    "ledger",
    "config",
    "feed",
    "article",
    "diagnostics",
    "metrics",
    "types",
    "encoding",
    "slab",
    "parallel",
];
/// These meet the core through `event` and `snapshot` only.
const SHELL: [&str; 5] = ["control", "serve", "deliver", "watch", "store"];
/// What they may share: how files beneath a root are opened.
const SHARED: &str = "beneath";
/// What the core may not know.
const IMPURE: [&str; 9] = [
    "tokio::",
    "hyper::",
    "notify::",
    "std::fs",
    "std::net::Tcp",
    "std::env",
    "SystemTime",
    "std::time::Instant",
    "tracing::",
];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("src is readable") {
        let path = entry.expect("src is readable").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// What would be a way into the engine, or out of it, besides events and effects.
const SIDE_CHANNELS: &[&str] =
    &["dyn Fn", "mpsc", "oneshot", "Sender", "Receiver", "Atomic", "Mutex", "RwLock", "Condvar", "ArcSwap"];

#[test]
fn engine_has_no_callbacks_and_no_channels() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = vec![src.join("event.rs")];
    sources(&src.join("engine"), &mut files);
    assert!(files.len() > 15, "{} files: is this the whole engine?", files.len());
    let mut wrong = Vec::new();
    for file in files.iter().filter(|file| !file.ends_with("tests.rs")) {
        let text = fs::read_to_string(file).expect("readable");
        let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
        for (number, line) in text.lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            let side_channel = SIDE_CHANNELS.iter().find(|side_channel| code.contains(**side_channel));
            // Inside the engine, functions may be passed on.
            let is_public = code.trim_start().starts_with("pub fn") && file.ends_with("engine/mod.rs");
            if let Some(found) =
                side_channel.or_else(|| ["impl Fn"].iter().find(|found| is_public && code.contains(**found)))
            {
                wrong.push(format!("{}:{}: `{found}`", file.display(), number + 1));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn imports_point_down_and_the_core_is_pure() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&src, &mut files);
    let position = |room: &str| ORDER.iter().position(|name| *name == room).expect("a room");
    let (engine, build) = (position("engine"), position("build"));
    let mut checked = 0;
    let mut wrong = Vec::new();
    for file in &files {
        let relative = file.strip_prefix(&src).expect("below src").to_str().expect("UTF-8").to_owned();
        let room = relative.split('/').next().unwrap_or_default().trim_end_matches(".rs");
        if matches!(room, "lib" | "main") {
            continue;
        }
        let rank = ORDER.iter().position(|name| *name == room).unwrap_or_else(|| panic!("`{room}` is not on the map"));
        let text = fs::read_to_string(file).expect("readable");
        // Tests may stand on anything.
        let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
        if relative.ends_with("tests.rs") {
            continue;
        }
        for (number, line) in text.lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            for imported in code.split("crate::").skip(1) {
                let name: String = imported.chars().take_while(|c| c.is_ascii_lowercase() || *c == '_').collect();
                let Some(other) = ORDER.iter().position(|known| *known == name) else { continue };
                checked += 1;
                let shell = SHELL.contains(&room) && other != rank && other <= build && name != SHARED;
                if other < rank || shell {
                    wrong.push(format!("{relative}:{}: {room} must not import {name}", number + 1));
                }
            }
            if rank >= engine
                && let Some(impure) = IMPURE.iter().find(|impure| code.contains(**impure))
            {
                wrong.push(format!("{relative}:{}: the core knows `{impure}`", number + 1));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(files.len() > 40 && checked > 150, "{} files, {checked} imports: is this the whole house?", files.len());
}

/// The modules whose files import each other in one direction only.
const ACYCLIC: [&str; 2] = ["daemon", "store"];

/// Returns the code of a file without its tests and comments.
fn code(file: &Path) -> String {
    let text = fs::read_to_string(file).expect("readable");
    let text = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    text.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

/// Returns the first names of the paths that follow a prefix, such as `a` and `b` in `super::{a::X, b}`.
fn names_after<'a>(code: &'a str, prefix: &str) -> BTreeSet<&'a str> {
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    let first = |path: &'a str| path.trim_start().split(|c| !is_name(c)).next().unwrap_or_default();
    let mut names = BTreeSet::new();
    for path in code.split(prefix).skip(1) {
        match path.strip_prefix('{').and_then(|group| group.split_once("};")) {
            Some((group, _)) => names.extend(group.split(',').map(first)),
            None => names.extend([first(path)]),
        }
    }
    names
}

#[test]
fn files_of_a_module_do_not_import_in_cycles() {
    for module in ACYCLIC {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(module);
        let files = fs::read_dir(folder).expect("src is readable").map(|entry| entry.expect("src is readable").path());
        let files = files.filter(|path| path.extension().is_some_and(|extension| extension == "rs"));
        let name = |path: &Path| path.file_stem().expect("a name").to_str().expect("UTF-8").to_owned();
        let files: BTreeMap<String, String> = files.map(|path| (name(&path), code(&path))).collect();
        assert!(files.len() > 10, "{module}: is this the whole module?");
        let mut imports: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (file, code) in &files {
            let imported = match &**file {
                // The parent imports its children without a prefix.
                "mod" => {
                    files.keys().map(String::as_str).filter(|child| code.contains(&format!("{child}::"))).collect()
                }
                _ => names_after(code, "super::"),
            };
            // A name that isn't a file's is defined in the parent.
            let parent = |name| if files.contains_key(name) { name } else { "mod" };
            imports.insert(file, imported.into_iter().map(parent).collect());
        }
        // Files without imports are removed until none is left, or only cycles and what depends on them.
        while let Some(lowest) = imports.iter().find(|(_, imported)| imported.is_empty()).map(|(file, _)| *file) {
            imports.remove(lowest);
            imports.values_mut().for_each(|imported| imported.retain(|file| *file != lowest));
        }
        assert!(imports.is_empty(), "{module} has an import cycle among {imports:?}");
    }
}
