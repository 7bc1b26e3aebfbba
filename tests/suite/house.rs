//! The architecture of `src/lib.rs`: imports point down, the core is pure, and files don't import each other in cycles.
//!
//! Long because it reads the modules and imports of the source itself.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Each module may import only later ones.
const ORDER: [&str; 24] = [
    "cli",
    "daemon",
    "control",
    "serve",
    "deliver",
    "push",
    "watch",
    "store",
    "beneath",
    "engine",
    "build",
    "event",
    "snapshot",
    "ledger",
    "websub",
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
/// These modules import neither each other nor the core, except `event` and `snapshot`.
const SHELL: [&str; 6] = ["control", "serve", "deliver", "push", "watch", "store"];
/// The module that these may share.
const SHARED: &str = "beneath";
/// Names that the core mustn't contain.
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

/// The source folders of the program and of its crates.
fn source_folders() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let crates = fs::read_dir(root.join("crates")).expect("crates is readable");
    let mut folders: Vec<PathBuf> = crates.map(|folder| folder.expect("readable").path().join("src")).collect();
    folders.push(root.join("src"));
    folders
}

/// A file or folder below one of the source folders.
fn source(name: &str) -> PathBuf {
    source_folders().into_iter().map(|folder| folder.join(name)).find(|path| path.exists()).expect(name)
}

/// All source files, each with its path below its source folder.
fn all_sources() -> Vec<(String, PathBuf)> {
    let mut all = Vec::new();
    for folder in source_folders() {
        let mut files = Vec::new();
        sources(&folder, &mut files);
        let relative = |file: &Path| file.strip_prefix(&folder).expect("below it").to_str().expect("UTF-8").to_owned();
        all.extend(files.into_iter().map(|file| (relative(&file), file)));
    }
    all
}

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

/// Names of types that would connect the engine to other modules besides events and effects.
const SIDE_CHANNELS: &[&str] =
    &["dyn Fn", "mpsc", "oneshot", "Sender", "Receiver", "Atomic", "Mutex", "RwLock", "Condvar", "ArcSwap"];

#[test]
fn engine_has_no_callbacks_and_no_channels() {
    let mut files = vec![source("event.rs")];
    sources(&source("engine"), &mut files);
    assert!(files.len() > 15, "{} files: the engine wasn't found", files.len());
    let mut wrong = Vec::new();
    for file in files.iter().filter(|file| !file.ends_with("tests.rs")) {
        let text = fs::read_to_string(file).expect("readable");
        let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
        for (number, line) in text.lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            let side_channel = SIDE_CHANNELS.iter().find(|side_channel| code.contains(**side_channel));
            // Functions may be passed within the engine.
            let is_engine = ["engine/mod.rs", "engine/state.rs"].iter().any(|name| file.ends_with(name));
            let is_public = is_engine && code.trim_start().starts_with("pub fn");
            if let Some(found) =
                side_channel.or_else(|| ["impl Fn"].iter().find(|found| is_public && code.contains(**found)))
            {
                wrong.push(format!("{}:{}: `{found}`", file.display(), number + 1));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Names of what serving adds to documents, and of what makes data more than data.
const NOT_PLAIN: &[&str] = &[
    "prometheus",
    "metrics",
    "http::",
    "HeaderMap",
    "HeaderValue",
    "Atomic",
    "Mutex",
    "RwLock",
    "OnceLock",
    "LazyLock",
    "Cell",
    "ArcSwap",
];

#[test]
fn snapshot_is_plain_data() {
    let mut files = vec![source("snapshot.rs")];
    sources(&source("snapshot"), &mut files);
    assert!(files.len() > 1, "{files:?}");
    let mut wrong = Vec::new();
    for file in &files {
        for (number, line) in code(file).lines().enumerate() {
            let found = NOT_PLAIN.iter().find(|name| line.contains(**name));
            wrong.extend(found.map(|found| format!("{}:{}: `{found}`", file.display(), number + 1)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The parts hold the engine's state, and each part changes only itself.
#[test]
fn engine_parts_do_not_import_the_engine() {
    let folder = source("engine/parts");
    let mut files = Vec::new();
    sources(&folder, &mut files);
    assert!(files.len() > 10, "only {} files were checked", files.len());
    let mut wrong = Vec::new();
    for file in &files {
        let text = fs::read_to_string(file).expect("readable");
        for (number, line) in text.lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            if ["super::super", "crate::engine", "Engine"].iter().any(|name| code.contains(name)) {
                wrong.push(format!("{}:{}: {}", file.display(), number + 1, code.trim()));
            }
        }
    }
    assert!(wrong.is_empty(), "parts that import the engine:\n{}", wrong.join("\n"));
}

/// The steps of the engine are functions. Methods spread over many files would hide which parts a step changes.
#[test]
fn engine_and_its_state_have_methods_in_one_file_each() {
    let folder = source("engine");
    let mut files = Vec::new();
    sources(&folder, &mut files);
    assert!(files.len() > 30, "only {} files were checked", files.len());
    for (name, home) in [("Engine", "mod.rs"), ("State", "state.rs")] {
        let is_impl = |line: &str| {
            line.trim_start().starts_with("impl")
                && line.split(|c: char| !(c.is_alphanumeric() || c == '_')).any(|word| word == name)
        };
        let with_impl = files.iter().filter(|file| code(file).lines().any(is_impl));
        let with_impl: Vec<&Path> = with_impl.map(|file| file.strip_prefix(&folder).expect("below")).collect();
        assert_eq!(with_impl, [Path::new(home)], "files with methods of `{name}`");
    }
}

#[test]
fn imports_point_down_and_the_core_is_pure() {
    let files = all_sources();
    let position = |module: &str| ORDER.iter().position(|name| *name == module).expect("known");
    let (engine, build) = (position("engine"), position("build"));
    let mut checked = 0;
    let mut wrong = Vec::new();
    for (relative, file) in &files {
        let module = relative.split('/').next().unwrap_or_default().trim_end_matches(".rs");
        if matches!(module, "lib" | "main") {
            continue;
        }
        let rank =
            ORDER.iter().position(|name| *name == module).unwrap_or_else(|| panic!("`{module}` is not on the map"));
        let text = fs::read_to_string(file).expect("readable");
        // Tests may import anything.
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
                let shell = SHELL.contains(&module) && other != rank && other <= build && name != SHARED;
                if other < rank || shell {
                    wrong.push(format!("{relative}:{}: {module} must not import {name}", number + 1));
                }
            }
            if rank >= engine
                && let Some(impure) = IMPURE.iter().find(|impure| code.contains(**impure))
            {
                wrong.push(format!("{relative}:{}: the core must not use `{impure}`", number + 1));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(files.len() > 40 && checked > 150, "only {} files and {checked} imports were checked", files.len());
}

/// The code of a file without its tests and comments.
fn code(file: &Path) -> String {
    let text = fs::read_to_string(file).expect("readable");
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    text.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

/// A path such as `["store", "rows"]`: a module, or something in it.
type ModulePath = Vec<String>;

/// The paths of a `use` tree such as `a::{b, c::D as E}`.
fn flatten(tree: &str, prefix: &ModulePath, paths: &mut Vec<ModulePath>) {
    let tree = tree.trim();
    let join = |names: &str| {
        let names = names.split("::").map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned);
        prefix.iter().cloned().chain(names).collect::<ModulePath>()
    };
    let Some((before, group)) = tree.split_once('{') else {
        let name = tree.split(" as ").next().unwrap_or_default();
        paths.extend((!name.is_empty()).then(|| join(name)));
        return;
    };
    let prefix = join(before);
    let group = group.trim_end().trim_end_matches('}');
    let (mut depth, mut start) = (0, 0);
    for (at, character) in group.char_indices() {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                flatten(&group[start..at], &prefix, paths);
                start = at + 1;
            }
            _ => {}
        }
    }
    flatten(&group[start..], &prefix, paths);
}

/// The files of the crate by module, with the code of each.
struct Modules(BTreeMap<ModulePath, String>);

impl Modules {
    fn read() -> Modules {
        let files = all_sources();
        let modules = files.iter().filter_map(|(relative, file)| {
            let relative = Path::new(relative).with_extension("");
            let mut path: ModulePath = relative.iter().map(|name| name.to_str().expect("UTF-8").to_owned()).collect();
            if path.iter().any(|name| matches!(name.as_str(), "tests" | "lib" | "main")) {
                return None;
            }
            path.pop_if(|name| name == "mod");
            Some((path, code(file)))
        });
        Modules(modules.collect())
    }

    /// The paths that a module names, from the root of the crate. `re_exports` selects `pub use`: an import of a re-exported name depends
    /// on the module that defines it.
    fn paths(&self, module: &ModulePath, re_exports: bool) -> Vec<ModulePath> {
        let code = &self.0[module];
        let mut paths = Vec::new();
        let mut rest = String::new();
        for statement in code.split(';') {
            let (before, tree) = match statement.rsplit_once("use ") {
                Some((before, tree)) if before.trim_end().is_empty() || before.ends_with(['\n', ' ', ')', '}']) => {
                    (before, tree)
                }
                _ => {
                    rest.push_str(statement);
                    continue;
                }
            };
            rest.push_str(before);
            let line = before.rsplit('\n').next().unwrap_or_default().trim();
            if line.starts_with("pub") == re_exports {
                flatten(&tree.replace('\n', " "), &Vec::new(), &mut paths);
            }
        }
        if !re_exports {
            for prefix in ["crate::", "super::", "self::"] {
                for path in rest.split(prefix).skip(1) {
                    let end =
                        path.find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | ':'))).unwrap_or(path.len());
                    flatten(&format!("{prefix}{}", &path[..end]), &Vec::new(), &mut paths);
                }
            }
        }
        paths.into_iter().filter_map(|path| self.absolute(module, path)).collect()
    }

    /// A path from the root of the crate. `None`: it leads to another crate.
    fn absolute(&self, module: &ModulePath, path: ModulePath) -> Option<ModulePath> {
        let ups = path.iter().take_while(|name| *name == "super").count();
        let child = || [module.as_slice(), &path[..1]].concat();
        match path.first()?.as_str() {
            "crate" => Some(path[1..].to_vec()),
            "super" => Some([&module[..module.len().checked_sub(ups)?], &path[ups..]].concat()),
            "self" => Some([module.as_slice(), &path[1..]].concat()),
            _ if self.0.contains_key(&child()) => Some([module.as_slice(), &path].concat()),
            _ => None,
        }
    }

    /// Which files each file imports.
    fn imports(&self) -> BTreeMap<&ModulePath, BTreeSet<&ModulePath>> {
        let re_exports = self.0.keys().flat_map(|module| {
            let paths = self.paths(module, true).into_iter();
            paths.filter_map(|path| Some(([module.as_slice(), &path[path.len().checked_sub(1)?..]].concat(), path)))
        });
        let re_exports: BTreeMap<ModulePath, ModulePath> = re_exports.collect();
        let resolve = |mut path: ModulePath| {
            for _ in 0..8 {
                let Some((length, target)) =
                    (1..=path.len()).rev().find_map(|length| Some((length, re_exports.get(&path[..length])?)))
                else {
                    break;
                };
                path = [target.as_slice(), &path[length..]].concat();
            }
            path
        };
        let file = |path: ModulePath| {
            let path = resolve(path);
            (1..=path.len()).rev().find_map(|length| Some(self.0.get_key_value(&path[..length])?.0))
        };
        let imports = self.0.keys().map(|module| {
            let imported = self.paths(module, false).into_iter().filter_map(file);
            (module, imported.filter(|imported| *imported != module).collect())
        });
        imports.collect()
    }
}

#[test]
fn one_function_opens_connections() {
    let mut wrong = Vec::new();
    let mut opened = 0;
    for (relative, file) in all_sources().iter().filter(|(_, file)| !file.ends_with("tests.rs")) {
        let mut code = code(file);
        if relative == "store/opening.rs" {
            let start = code.find("pub(super) fn open(").expect("the function");
            let end = start + code[start..].find("\n}").expect("its end");
            opened = code[start..end].matches("Connection::open").count();
            code.replace_range(start..end, "");
        }
        let is_store = relative.starts_with("store/");
        for line in code.lines() {
            if (!is_store && line.contains("rusqlite")) || line.contains("Connection::open") {
                wrong.push(format!("{relative}: {}", line.trim()));
            }
        }
    }
    assert!(wrong.is_empty(), "SQLite is used outside `store`, or a connection is opened:\n{}", wrong.join("\n"));
    assert!(opened > 0, "`store::opening::open` wasn't found");
}

/// The store's modules that a running daemon uses: messages to the owner, files, and types. The rest opens the databases.
const DAEMON_STORE: [&str; 22] = [
    "self",
    "AlternativePath",
    "Cache",
    "CacheUse",
    "Documents",
    "ItemKey",
    "NOT_RESPONDING",
    "Origin",
    "PendingWrite",
    "Row",
    "Saved",
    "SavedFile",
    "SavedSources",
    "StoreError",
    "StoreHandle",
    "StoreOwner",
    "WriteOutcome",
    "feed_of",
    "keep_media",
    "kept_media",
    "remove_published_list",
    "save_published_list",
];

#[test]
fn daemon_reaches_databases_only_through_the_owner() {
    let modules = Modules::read();
    let mut checked = 0;
    let mut wrong = Vec::new();
    for (module, code) in modules.0.iter().filter(|(module, _)| !matches!(module[0].as_str(), "store" | "cli")) {
        let imported = modules.paths(module, false).into_iter().filter(|path| path[0] == "store");
        let mut names: Vec<String> = imported.filter_map(|path| path.get(1).cloned()).collect();
        for (at, prefix) in code.match_indices("store::") {
            let is_other = code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
            let name = code[at + prefix.len()..].chars().take_while(|c| c.is_alphanumeric() || *c == '_');
            names.extend((!is_other).then(|| name.collect()).filter(|name: &String| !name.is_empty()));
        }
        checked += names.len();
        let refused = names.iter().filter(|name| !DAEMON_STORE.contains(&name.as_str()));
        wrong.extend(refused.map(|name| format!("{}: store::{name}", module.join("/"))));
    }
    assert!(wrong.is_empty(), "only the store's owner may open a database:\n{}", wrong.join("\n"));
    assert!(checked > 15, "only {checked} names were checked");
}

#[test]
fn files_do_not_import_in_cycles() {
    let modules = Modules::read();
    let mut imports = modules.imports();
    let count: usize = imports.values().map(BTreeSet::len).sum();
    assert!(imports.len() > 180 && count > 900, "only {} files and {count} imports were checked", imports.len());
    // Files that import no other file, or that no other file imports, are removed until only cycles are left.
    loop {
        let imported: BTreeSet<&ModulePath> = imports.values().flatten().copied().collect();
        let is_free = |file: &&ModulePath| imports[*file].is_empty() || !imported.contains(*file);
        let Some(free) = imports.keys().copied().find(is_free) else { break };
        imports.remove(free);
        imports.values_mut().for_each(|imported| imported.retain(|file| *file != free));
    }
    let left = imports.iter().map(|(file, imported)| {
        let imported: Vec<String> = imported.iter().map(|file| file.join("/")).collect();
        format!("{} imports {}", file.join("/"), imported.join(", "))
    });
    assert!(imports.is_empty(), "import cycles:\n{}", left.collect::<Vec<_>>().join("\n"));
}
