//! What the content directory holds: the truth that hints are measured against. Long because the walk that finds files and the look at one of
//! them refuse the same things, and say so in the same words.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, SystemTime};

use rustix::fs::FileType;

use super::coalesce::ScanResult;
use super::links::{Follower, LinkTable, is_hidden};
use crate::article::is_article_name;
use crate::beneath::{self, Links, OpenRoot, Root, Stamp, is_link, is_missing, is_outside};
use crate::diagnostics::{Code, Diagnostic, Place};
use crate::event::{ListedDirectory, Listing};
use crate::parallel::on_all_cores;
use crate::types::{ArticlePath, folded};

const ROOT_HELP: &str =
    "mount or make it, or correct `content.directory`; dateline waits for it, and what is published stays";
const FOLDER_HELP: &str = "what is published of it stays; give dateline the right to read it, or mount it again";

/// What a scan remembers of folders: on which device each was, so that an unmounted one is not taken for an emptied one.
pub type Devices = HashMap<String, u64>;

/// All articles, each looked at.
#[derive(Debug)]
pub struct Scan {
    /// The folders.
    pub listing: Listing,
    /// Stamps of the files that can be read, in order.
    pub files: Vec<(ArticlePath, Stamp)>,
    /// Files that are there and cannot be used, and why.
    pub unusable: Vec<(ArticlePath, Diagnostic)>,
}

/// Looks at all of the content directory.
pub fn scan(root: &Root) -> Scan {
    let mut names = Vec::new();
    let found = &mut |folder: Folder| names.extend(folder.files.into_iter().map(|(path, _)| path));
    let Walk { listing, mut unusable, .. } = walk(root, "", &mut Devices::new(), &LinkTable::default(), found);
    names.sort_unstable();
    let looks = on_all_cores(&names, |path| look(root, path));
    let mut files = Vec::with_capacity(names.len());
    for (path, look) in names.into_iter().zip(looks) {
        match look {
            Ok(Some(stamp)) => files.push((path, stamp)),
            // Gone between listing and looking.
            Ok(None) => {}
            Err(diagnostic) => unusable.push((path, diagnostic)),
        }
    }
    Scan { listing, files, unusable }
}

/// The article that a path names, which may be or go through a link.
pub fn article_at(root: &Root, path: &str) -> ArticlePath {
    let given = ArticlePath::new(path);
    let Ok(beneath) = root.open() else { return given };
    let real = beneath.real_path(path, &mut Vec::new()).ok().and_then(|real| real.to_str().map(ArticlePath::new));
    let Some(real) = real else { return given };
    if !is_hidden(real.as_str()) && is_article_name(real.name()) {
        return real;
    }
    let links = walk(root, "", &mut Devices::new(), &LinkTable::default(), &mut drop).links;
    links.article(real.as_str()).cloned().unwrap_or(given)
}

/// What a folder says of an article's file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum FileKind {
    Regular,
    /// Nothing that can be read.
    Special,
    /// It is named by a link.
    Linked,
}

/// The articles of one folder.
#[derive(Debug, Default)]
pub(super) struct Folder {
    /// Relative to the content directory.
    pub(super) path: String,
    /// Whether it was listed to its end.
    pub(super) is_complete: bool,
    /// In no order.
    pub(super) files: Vec<(ArticlePath, FileKind)>,
}

impl Folder {
    /// Takes so many of its files out where it has more. Of neither part it can be said then what is not there.
    pub(super) fn split_off(&mut self, count: usize) -> Option<Folder> {
        let rest = self.files.len().checked_sub(count).filter(|rest| *rest > 0)?;
        self.is_complete = false;
        Some(Folder { path: self.path.clone(), is_complete: false, files: self.files.split_off(rest) })
    }
}

/// What a walk through folders met, besides the articles that it told of.
#[derive(Debug)]
pub(super) struct Walk {
    /// Without the files.
    pub(super) listing: Listing,
    /// Files that cannot be used whatever is in them, and why.
    pub(super) unusable: Vec<(ArticlePath, Diagnostic)>,
    /// Whether it met links.
    pub(super) has_links: bool,
    /// Where they lead, if everything was walked through.
    pub(super) links: LinkTable,
}

impl Walk {
    /// Whether what it did not meet is not there.
    pub(super) fn is_sound(&self) -> bool {
        let unreadable = self.listing.directories.iter().filter_map(|folder| folder.unreadable.as_ref());
        // Behind a link there is nothing of ours.
        !self.listing.doubtful && unreadable.into_iter().all(|diagnostic| diagnostic.code == Code::FolderLink)
    }
}

/// Walks through a folder and all below it, and tells of every folder and its articles, without looking at these. Where links lead is
/// found out when everything is walked through; else those that are `known` to name articles do.
pub(super) fn walk(
    root: &Root,
    scope: &str,
    devices: &mut Devices,
    known: &LinkTable,
    found: &mut impl FnMut(Folder),
) -> Walk {
    let mut listing = Listing {
        scope: scope.to_owned(),
        directories: Vec::new(),
        links: Vec::new(),
        files: Vec::new(),
        is_whole: true,
        doubtful: false,
        limited: None,
    };
    let mut unusable = Vec::new();
    let open = root.open();
    let mut lister = Lister { root, beneath: open.as_ref(), devices };
    let mut folders = vec![scope.to_owned()];
    // Folders with links are told of once it is known what these name.
    let (mut links, mut with_links) = (Vec::new(), Vec::new());
    while let Some(path) = folders.pop() {
        let mut folder = Folder { path: path.clone(), ..Folder::default() };
        let listed = lister.list(&mut folder, &path, &mut listing, &mut unusable);
        folders.extend(listed.folders.into_iter().map(|(path, _)| path));
        if listed.links.is_empty() {
            found(folder);
        } else {
            links.extend(listed.links);
            with_links.push(folder);
        }
    }
    let has_links = !links.is_empty();
    let mut table = LinkTable::default();
    if scope.is_empty()
        && let Ok(beneath) = &open
    {
        let follower = Follower::new(root, beneath, &mut listing, &mut unusable);
        (with_links, table) = follower.follow(links, with_links, &mut lister);
    } else {
        for folder in &mut with_links {
            let named = links.iter().map(|(path, _)| ArticlePath::new(path));
            let named = named.filter(|path| path.folder() == folder.path && known.has(path));
            folder.files.extend(named.map(|path| (path, FileKind::Linked)));
        }
    }
    with_links.into_iter().for_each(found);
    listing.doubtful = is_doubtful(root, devices);
    Walk { listing, unusable, has_links, links: table }
}

/// Whether more articles, or more folders, than so many are in the content directory, by their names alone.
pub(super) fn has_more_than(mut articles: usize, mut folders: usize, root: &Root) -> bool {
    let Ok(beneath) = root.open() else { return false };
    let mut found = vec![String::new()];
    while let Some(path) = found.pop() {
        let Ok(folder) = beneath.folder(&path, Links::Refuse) else { continue };
        for (name, kind) in folder.entries().into_iter().flatten().flatten() {
            let Some(name) = name.to_str().filter(|name| !name.starts_with('.')) else { continue };
            if !kind.is_dir() && !is_article_name(name) {
                continue;
            }
            if root.ignore.matching_entry(&join(&path, name), kind.is_dir()).is_some() {
                continue;
            }
            let count = if kind.is_dir() {
                found.push(join(&path, name));
                &mut folders
            } else {
                &mut articles
            };
            match count.checked_sub(1) {
                Some(left) => *count = left,
                None => return true,
            }
        }
    }
    false
}

/// Whether the content directory looks like another one than it was: nothing is in it, as where a disk is not mounted, or it
/// is on another device than when it was first seen.
pub fn is_doubtful(root: &Root, devices: &mut Devices) -> bool {
    /// No folder has this name.
    const FIRST: &str = "/";
    let Ok(metadata) = fs::metadata(&root.path) else { return true };
    let first = *devices.entry(FIRST.to_owned()).or_insert(metadata.dev());
    let visible = |entry: io::Result<fs::DirEntry>| {
        entry.is_ok_and(|entry| !entry.file_name().to_string_lossy().starts_with('.'))
    };
    let is_empty = fs::read_dir(&root.path).is_ok_and(|mut entries| !entries.any(visible));
    is_empty || first != metadata.dev()
}

/// Lists folders.
pub(super) struct Lister<'l> {
    root: &'l Root,
    beneath: Result<&'l OpenRoot<'l>, &'l io::Error>,
    devices: &'l mut Devices,
}

/// What is in a folder besides its articles: paths, and where they really are.
#[derive(Default)]
pub(super) struct Listed {
    pub(super) folders: Vec<(String, String)>,
    pub(super) links: Vec<(String, String)>,
}

impl Lister<'_> {
    /// Lists a folder that is really `at` a place, and says so in the listing.
    pub(super) fn list(
        &mut self,
        folder: &mut Folder,
        at: &str,
        listing: &mut Listing,
        unusable: &mut Vec<(ArticlePath, Diagnostic)>,
    ) -> Listed {
        let mut listed = Listed::default();
        let result = self.read(folder, at, &mut listed, unusable);
        folder.is_complete = result.is_ok();
        let unreadable = result.err().map(|reason| {
            let place = Place::file(&self.root.display(&folder.path));
            let (what, help) = match folder.path.is_empty() {
                true => ("the content directory", ROOT_HELP),
                false => ("this folder", FOLDER_HELP),
            };
            Diagnostic::new(Code::FolderUnreadable, format!("{what} cannot be read: {reason}")).at(place).help(help)
        });
        listing.directories.push(ListedDirectory { path: folder.path.clone(), unreadable });
        let paths = folder.files.iter().map(|(path, _)| path.as_str());
        let paths = paths.chain(listed.folders.iter().map(|(path, _)| path.as_str()));
        listing.links.extend(look_alikes(paths).into_iter().map(|(path, other)| {
            let message = format!("`{path}` and `{other}` differ only in case or Unicode normalisation");
            let diagnostic = Diagnostic::new(Code::NameCollision, message).at(Place::file(&self.root.display(&path)));
            let help = "they are two; on macOS and Windows they would be one and the same: rename one of them";
            (path, diagnostic.help(help))
        }));
        listed
    }

    fn read(
        &mut self,
        found: &mut Folder,
        at: &str,
        listed: &mut Listed,
        unusable: &mut Vec<(ArticlePath, Diagnostic)>,
    ) -> Result<(), String> {
        let explain = |error: io::Error| error.to_string();
        let beneath = self.beneath.map_err(ToString::to_string)?;
        let open = beneath.folder(at, Links::Refuse).map_err(explain)?;
        let device = Stamp::from(&open.stat_self().map_err(explain)?).device;
        let mut count = 0;
        for entry in open.entries().map_err(explain)? {
            let (name, kind) = entry.map_err(explain)?;
            count += 1;
            let Some(name) = name.to_str() else {
                let shown = name.to_string_lossy();
                if is_article_name(&shown) {
                    let diagnostic =
                        Diagnostic::new(Code::ArticleName, "this file name is not UTF-8, so the file is left out");
                    let path = join(&found.path, &shown);
                    let diagnostic = diagnostic.at(Place::file(&self.root.display(&path))).help("rename the file");
                    unusable.push((ArticlePath::new(&path), diagnostic));
                }
                continue;
            };
            // Hidden folders belong to tools: version control, mounts, editors.
            if name.starts_with('.') {
                continue;
            }
            if !kind.is_dir() && !kind.is_symlink() && !is_article_name(name) {
                continue;
            }
            let path = join(&found.path, name);
            if self.root.ignore.matching_entry(&path, kind.is_dir()).is_some() {
                continue;
            }
            if kind.is_dir() {
                listed.folders.push((path, join(at, name)));
            } else if kind.is_symlink() {
                listed.links.push((path, join(at, name)));
            } else {
                let kind = if kind.is_file() { FileKind::Regular } else { FileKind::Special };
                found.files.push((ArticlePath::new(&path), kind));
            }
        }
        // A folder that is empty and on another device than before: what was mounted on it is not.
        let before = self.devices.get(&found.path).copied();
        if count == 0 && before.is_some_and(|before| before != device) {
            return Err("it is empty, and the file system that was mounted here is gone".into());
        }
        self.devices.insert(found.path.clone(), device);
        Ok(())
    }
}

/// Whether a file is gone with what was mounted on a folder around it, by the nearest folder that is there: it is empty, and on another
/// device than before. Where a mount was moved the system tells of its files under their old names.
pub(super) fn is_unmounted(root: &Root, path: &ArticlePath, devices: &Devices) -> bool {
    let Ok(beneath) = root.open() else { return false };
    let mut folder = path.folder();
    loop {
        if let Ok(open) = beneath.folder(folder, Links::Follow)
            && let Ok(stat) = open.stat_self()
        {
            let device = Stamp::from(&stat).device;
            let is_other = devices.get(folder).is_some_and(|before| *before != device);
            return is_other && open.entries().is_ok_and(|mut entries| entries.next().is_none());
        }
        match folder.rsplit_once('/') {
            Some((parent, _)) => folder = parent,
            None if folder.is_empty() => return false,
            None => folder = "",
        }
    }
}

/// Paths of one folder that other systems take for one and the same, each with the first of those.
fn look_alikes<'p>(paths: impl Iterator<Item = &'p str> + Clone) -> Vec<(String, String)> {
    // Two paths are equal then only if one of them is not what it is folded to.
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

/// The path of something in a folder.
pub(super) fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}

/// The stamp of an article's file; `None` where there is none.
///
/// # Errors
/// Why the file must not be opened: it is no regular file, or a link that leads out of the content directory.
pub fn look(root: &Root, path: &ArticlePath) -> Result<Option<Stamp>, Diagnostic> {
    let stat = match root.open().and_then(|beneath| beneath.stat(path.as_str(), Links::Follow)) {
        Ok(stat) => stat,
        Err(error) if is_missing(&error) => return Ok(None),
        Err(error) => return Err(unusable(root, path, &error)),
    };
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => Ok(Some(Stamp::from(&stat))),
        FileType::Fifo | FileType::Socket | FileType::BlockDevice | FileType::CharacterDevice => {
            Err(unusable(root, path, &io::ErrorKind::InvalidInput.into()))
        }
        _ => Ok(None),
    }
}

/// Whether a path is or goes through a link.
pub(super) fn is_linked(root: &Root, path: &ArticlePath) -> bool {
    let found = root.open().and_then(|beneath| beneath.stat(path.as_str(), Links::Refuse));
    found.is_err_and(|error| is_link(&error))
}

/// Why a file that is there can't be used.
pub(super) fn unusable(root: &Root, path: &ArticlePath, error: &io::Error) -> Diagnostic {
    let (code, message, help) = if is_outside(error) {
        let help = "copy the file here: nothing outside the content directory is published";
        (Code::ArticleOutside, "this is a link to a file outside the content directory".to_owned(), help)
    } else if error.kind() == io::ErrorKind::InvalidInput {
        let message = "this is not a regular file, so it is not opened".to_owned();
        (Code::ArticleSpecial, message, "remove it or rename it")
    } else {
        let message = format!("the file cannot be read: {error}");
        (Code::ArticleUnreadable, message, "give dateline the right to read it")
    };
    Diagnostic::new(code, message).at(Place::file(&root.display(path.as_str()))).help(help)
}

/// A folder of the content directory that is open.
pub(super) struct OpenFolder<'r> {
    root: &'r Root,
    path: Box<str>,
    /// `None` where it cannot be opened.
    folder: Option<beneath::Folder>,
}

impl<'r> OpenFolder<'r> {
    /// Opens a folder, relative to the content directory.
    pub(super) fn open(root: &'r Root, folder: &str) -> OpenFolder<'r> {
        let open = root.open().and_then(|beneath| beneath.folder(folder, Links::Follow)).ok();
        OpenFolder { root, path: folder.into(), folder: open }
    }

    /// Whether a file is in it.
    pub(super) fn has(&self, path: &ArticlePath) -> bool {
        *self.path == *path.folder()
    }

    /// Opens a file that is in it for reading.
    ///
    /// # Errors
    /// As the system says; `ELOOP` where it is a link.
    pub(super) fn file(&self, path: &ArticlePath) -> io::Result<File> {
        self.folder.as_ref().ok_or(io::ErrorKind::NotFound)?.open_file(path.name())
    }

    /// As [`look`] at a file that is in it.
    pub(super) fn look(&self, path: &ArticlePath) -> Result<Option<Stamp>, Diagnostic> {
        let found = self.folder.as_ref().and_then(|folder| folder.stat(path.name()).ok());
        match found.filter(|found| FileType::from_raw_mode(found.st_mode).is_file()) {
            Some(found) => Ok(Some(Stamp::from(&found))),
            // Whatever else is there takes a closer look.
            None => look(self.root, path),
        }
    }
}

/// What kind of file system a folder is on, by its magic number; `None` where it cannot be asked.
pub(super) fn magic(folder: &Path) -> Option<u64> {
    // Of some systems it is signed, and a word of 32 bits; all magic numbers are of 32 bits.
    rustix::fs::statfs(folder).ok().map(|told| told.f_type as u64 & 0xffff_ffff)
}

/// The stamp of a file that a path leads to, as links may; `None` where there is none.
pub(super) fn stamp_of(file: &Path) -> Option<Stamp> {
    fs::metadata(file).ok().map(|metadata| Stamp::from(&metadata))
}

/// A stamp together with how long ago the file was modified.
pub fn seen(stamp: Option<Stamp>, now: SystemTime) -> ScanResult {
    let Some(stamp) = stamp else { return ScanResult::Missing };
    let now = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_nanos();
    let age = i128::try_from(now).unwrap_or(i128::MAX) - stamp.modified_ns;
    ScanResult::File(stamp, u64::try_from(age).ok().map(Duration::from_nanos))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn articles_are_counted_as_far_as_it_matters() {
        let folder = tempfile::tempdir().expect("a folder");
        for name in ["a.md", "news/b.html", "news/deep/er/c.txt", "news/picture.png", ".git/d.md", "news/.e.md.swp"] {
            let file = folder.path().join(name);
            fs::create_dir_all(file.parent().expect("a folder")).expect("made");
            fs::write(file, "").expect("written");
        }
        let root = Root::new(folder.path(), "content");
        let more = [0, 1, 2, 3, 4].map(|count| has_more_than(count, 9, &root));
        assert_eq!(more, [true, true, true, false, false]);
        let more = [0, 1, 2, 3, 4].map(|count| has_more_than(9, count, &root));
        assert_eq!(more, [true, true, true, false, false]);
        assert!(!has_more_than(0, 0, &Root::new(&folder.path().join("missing"), "content")));
    }

    #[test]
    fn a_look_from_the_folder_shows_what_any_look_does() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::create_dir(folder.path().join("content")).expect("made");
        let root = Root::new(&folder.path().join("content"), "content");
        let file = |name: &str| root.path.join("news").join(name);
        fs::create_dir_all(file("folder.md")).expect("made");
        fs::write(file("a.md"), "text").expect("written");
        fs::write(folder.path().join("outside.md"), "longer text").expect("written");
        for (to, name) in [("a.md", "link.md"), ("../../outside.md", "out.md"), ("loop.md", "loop.md"), ("no", "no.md")]
        {
            symlink(to, file(name)).expect("linked");
        }
        let open = OpenFolder::open(&root, "news");
        let nowhere = OpenFolder::open(&root, "nowhere");
        for (name, there) in [
            ("a.md", "a file"),
            ("link.md", "a file"),
            ("out.md", "refused"),
            ("loop.md", "refused"),
            ("no.md", "nothing"),
            ("folder.md", "nothing"),
            ("missing.md", "nothing"),
        ] {
            let path = ArticlePath::new(&format!("news/{name}"));
            let found = look(&root, &path);
            assert_eq!((open.look(&path), nowhere.look(&path)), (found.clone(), found.clone()), "{name}");
            assert!(open.has(&path) && !nowhere.has(&path));
            // No link is followed from here.
            assert_eq!(
                open.file(&path).is_ok_and(|file| file.metadata().is_ok_and(|file| file.is_file())),
                name == "a.md"
            );
            assert!(nowhere.file(&path).is_err());
            let found = found.map_or("refused", |found| found.map_or("nothing", |_| "a file"));
            assert_eq!(found, there, "{name}");
        }
    }
}
