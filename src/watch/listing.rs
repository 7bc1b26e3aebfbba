//! Lists single folders of the content directory.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;

use crate::article::pictures::FolderNames;
use crate::article::{IgnoredKind, is_article_name};
use crate::beneath::{Links, OpenRoot, Root, Stamp};
use crate::diagnostics::{Code, Diagnostic, Place};
use crate::event::{ListedDirectory, Listing};
use crate::types::folder::{is_top, join};
use crate::types::{self, ArticlePath, folded};

const ROOT_HELP: &str =
    "mount or create it, or correct `content.directory`; until then, published articles stay published";
const SOURCE_HELP: &str =
    "mount or create it, or correct `directory` of the source; until then, published articles stay published";
const FOLDER_HELP: &str =
    "its published articles stay published; give dateline permission to read it, or mount it again";

/// The device of each folder when it was last listed. An empty folder on another device has been unmounted, not emptied.
pub(super) type Devices = HashMap<String, u64>;

/// The type of a directory entry with an article's name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum FileKind {
    Regular,
    /// A device, pipe or socket.
    Special,
    /// A link names this article.
    Linked,
}

/// The articles directly in one folder.
#[derive(Debug, Default)]
pub(super) struct FolderListing {
    /// Relative to the content directory.
    pub(super) path: String,
    /// Whether the folder was listed to its end.
    pub(super) is_complete: bool,
    /// The files, in no particular order.
    pub(super) files: Vec<(ArticlePath, FileKind)>,
}

impl FolderListing {
    /// Splits off `count` files. `None` if there are fewer. Afterwards both listings are incomplete.
    pub(super) fn split_off(&mut self, count: usize) -> Option<FolderListing> {
        let rest = self.files.len().checked_sub(count).filter(|rest| *rest > 0)?;
        self.is_complete = false;
        Some(FolderListing { path: self.path.clone(), is_complete: false, files: self.files.split_off(rest) })
    }
}

/// The entries of a folder that aren't files: each with its path and its real path.
#[derive(Default)]
pub(super) struct Subentries {
    pub(super) folders: Vec<(String, String)>,
    pub(super) links: Vec<(String, String)>,
}

/// Lists folders and remembers their devices.
pub(super) struct Lister<'l> {
    pub(super) root: &'l Root,
    pub(super) open: Result<&'l OpenRoot<'l>, &'l io::Error>,
    pub(super) devices: &'l mut Devices,
}

impl Lister<'_> {
    /// Lists the folder at `real_path` into `folder`, and adds it to `listing`.
    pub(super) fn list(
        &mut self,
        folder: &mut FolderListing,
        real_path: &str,
        listing: &mut Listing,
        unusable: &mut Vec<(ArticlePath, Diagnostic)>,
    ) -> Subentries {
        let mut subentries = Subentries::default();
        let result = self.read(folder, real_path, &mut subentries, unusable, listing);
        folder.is_complete = result.is_ok();
        let unreadable = result.err().map(|reason| {
            let place = Place::file(&self.root.display(&folder.path));
            let (what, help) = match (is_top(&folder.path), &self.root.source) {
                (true, None) => ("the content directory".to_owned(), ROOT_HELP),
                (true, Some(name)) => (format!("the directory of the source `{name}`"), SOURCE_HELP),
                (false, _) => ("this folder".to_owned(), FOLDER_HELP),
            };
            Diagnostic::new(Code::FolderUnreadable, format!("{what} cannot be read: {reason}")).at(place).help(help)
        });
        listing.directories.push(ListedDirectory { path: folder.path.clone(), unreadable });
        let paths = folder.files.iter().map(|(path, _)| path.as_str());
        let paths = paths.chain(subentries.folders.iter().map(|(path, _)| path.as_str()));
        listing.links.extend(name_collisions(paths).into_iter().map(|(path, other)| {
            let message = format!("`{path}` and `{other}` differ only in case or Unicode normalisation");
            let diagnostic = Diagnostic::new(Code::NameCollision, message).at(Place::file(&self.root.display(&path)));
            let help = "rename one of them: on macOS and Windows they would be the same file";
            (path, diagnostic.help(help))
        }));
        subentries
    }

    fn read(
        &mut self,
        folder: &mut FolderListing,
        real_path: &str,
        subentries: &mut Subentries,
        unusable: &mut Vec<(ArticlePath, Diagnostic)>,
        listing: &mut Listing,
    ) -> Result<(), String> {
        let explain = |error: io::Error| error.to_string();
        let open = self.open.map_err(ToString::to_string)?;
        let open = open.folder(real_path, Links::Refuse).map_err(explain)?;
        let stamp = Stamp::from(&open.stat_self().map_err(explain)?);
        let device = stamp.device;
        let mut names = FolderNames::default();
        let mut count = 0;
        let mut ignored = BTreeSet::new();
        for entry in open.entries().map_err(explain)? {
            let (name, kind) = entry.map_err(explain)?;
            count += 1;
            let Some(name) = name.to_str() else {
                let shown = name.to_string_lossy();
                if is_article_name(&shown) {
                    let diagnostic =
                        Diagnostic::new(Code::ArticleName, "this file name is not UTF-8, so the file is left out");
                    let path = join(&folder.path, &shown);
                    let diagnostic = diagnostic.at(Place::file(&self.root.display(&path))).help("rename the file");
                    unusable.push((ArticlePath::new(&path), diagnostic));
                }
                continue;
            };
            // Hidden folders belong to tools: version control, mounts, editors.
            if name.starts_with('.') {
                continue;
            }
            let ignored_kind = IgnoredKind::of_name(name).filter(|_| kind.is_file());
            let is_needed = !kind.is_dir() && FolderNames::needs(name);
            if is_needed && self.root.ignore.matching_entry(&join(&folder.path, name), false).is_none() {
                names.add(name);
            }
            if !kind.is_dir() && !kind.is_symlink() && !is_article_name(name) && ignored_kind.is_none() {
                continue;
            }
            let path = join(&folder.path, name);
            let is_ignored = || self.root.matching_pattern(&path, kind.is_dir()).is_some();
            if self.root.is_of_other_source(&path) || is_ignored() {
                continue;
            }
            if folder.path.is_empty() && name.starts_with('~') && (kind.is_dir() || kind.is_symlink()) {
                let message = "this folder is ignored, because addresses of other sources' pictures begin with `~`";
                let diagnostic =
                    Diagnostic::new(Code::ContentIgnored, message).at(Place::file(&self.root.display(&path)));
                listing.links.push((path, diagnostic.help("give it another name, or add it to `content.ignore`")));
                continue;
            }
            if let Some(kind) = ignored_kind {
                ignored.insert(kind);
            } else if kind.is_dir() {
                subentries.folders.push((path, join(real_path, name)));
            } else if kind.is_symlink() {
                subentries.links.push((path, join(real_path, name)));
            } else {
                let kind = if kind.is_file() { FileKind::Regular } else { FileKind::Special };
                folder.files.push((ArticlePath::new(&path), kind));
            }
        }
        listing.links.extend(
            ignored
                .into_iter()
                .map(|kind| (join(&folder.path, kind.pattern()), kind.diagnostic(&self.root.display(&folder.path)))),
        );
        let before = self.devices.get(&folder.path).copied();
        if count == 0 && before.is_some_and(|before| before != device) {
            return Err("it is empty, and the file system that was mounted here is gone".into());
        }
        self.devices.insert(folder.path.clone(), device);
        self.root.keep_names(&folder.path, stamp, names);
        Ok(())
    }
}

/// Whether the content directory as a whole looks wrong: it is missing or empty, as when a disk isn't mounted, or it is on another device
/// than when it was first seen.
pub(super) fn is_doubtful(root: &Root, devices: &mut Devices) -> bool {
    /// The key of the first device. No folder has this name.
    const FIRST: &str = "/";
    let Ok(metadata) = fs::metadata(&root.path) else { return true };
    let first = *devices.entry(FIRST.to_owned()).or_insert(metadata.dev());
    let is_visible = |entry: io::Result<fs::DirEntry>| {
        entry.is_ok_and(|entry| !entry.file_name().to_string_lossy().starts_with('.'))
    };
    let is_empty = fs::read_dir(&root.path).is_ok_and(|mut entries| !entries.any(is_visible));
    is_empty || first != metadata.dev()
}

/// Whether a file is missing because a file system around it was unmounted: the nearest existing folder is empty and on another device
/// than before. (When a mount is moved, the kernel reports its files under their old names.)
pub(super) fn is_unmounted(root: &Root, path: &ArticlePath, devices: &Devices) -> bool {
    let Ok(open_root) = root.open() else { return false };
    let mut folder = path.folder();
    loop {
        if let Ok(open) = open_root.folder(folder, Links::Follow)
            && let Ok(stat) = open.stat_self()
        {
            let device = Stamp::from(&stat).device;
            let is_other = devices.get(folder).is_some_and(|before| *before != device);
            return is_other && open.entries().is_ok_and(|mut entries| entries.next().is_none());
        }
        match types::folder::parent(folder) {
            Some(parent) => folder = parent,
            None => return false,
        }
    }
}

/// Paths in one folder that are the same on case-insensitive or normalising file systems. Each comes with the first path of its group.
fn name_collisions<'p>(paths: impl Iterator<Item = &'p str> + Clone) -> Vec<(String, String)> {
    // Two paths can only collide if folding changes one of them.
    if paths.clone().all(|path| matches!(folded(path), Cow::Borrowed(_))) {
        return Vec::new();
    }
    let mut paths: Vec<(Cow<'p, str>, &str)> = paths.map(|path| (folded(path), path)).collect();
    paths.sort_unstable();
    let pairs = paths.windows(2).filter_map(|pair| match pair {
        [(one, first), (other, second)] if one == other => Some(((*second).to_owned(), (*first).to_owned())),
        _ => None,
    });
    pairs.collect()
}
