//! Walks through the content directory and finds its articles.

use super::links::{LinkResolver, LinkTable, is_hidden};
use super::listing::{Devices, FileKind, FolderListing, Lister, is_doubtful};
use super::stat::stat_file;
use crate::article::is_article_name;
use crate::beneath::{Links, Root, Stamp};
use crate::diagnostics::{Code, Diagnostic};
use crate::event::Listing;
use crate::parallel::on_all_cores;
use crate::types::{ArticlePath, folder};

/// All articles of a source.
#[derive(Debug)]
pub struct Scan {
    /// The folders.
    pub listing: Listing,
    /// The stamps of usable files, in the order of their paths.
    pub files: Vec<(ArticlePath, Stamp)>,
    /// Files that can't be used, and why.
    pub unusable: Vec<(ArticlePath, Diagnostic)>,
}

/// Scans the directory of a source. Reads no file.
pub fn scan(root: &Root) -> Scan {
    let mut names = Vec::new();
    let add = &mut |folder: FolderListing| names.extend(folder.files.into_iter().map(|(path, _)| path));
    let Walk { listing, mut unusable, .. } = walk(root, &root.top(), &mut Devices::new(), &LinkTable::default(), add);
    names.sort_unstable();
    let stamps = on_all_cores(&names, |path| stat_file(root, path));
    let mut files = Vec::with_capacity(names.len());
    for (path, stamp) in names.into_iter().zip(stamps) {
        match stamp {
            Ok(Some(stamp)) => files.push((path, stamp)),
            // The file was removed after its folder was listed.
            Ok(None) => {}
            Err(diagnostic) => unusable.push((path, diagnostic)),
        }
    }
    Scan { listing, files, unusable }
}

/// The article at a path relative to the directory. The path may be a link or go through one.
pub fn article_at(root: &Root, path: &str) -> ArticlePath {
    let given = ArticlePath::new(&root.key(path));
    let Ok(open) = root.open() else { return given };
    let real = open.real_path(path, &mut Vec::new()).ok();
    let real = real.and_then(|real| real.to_str().map(|real| ArticlePath::new(&root.key(real))));
    let Some(real) = real else { return given };
    if !is_hidden(real.as_str()) && is_article_name(real.name()) {
        return real;
    }
    let links = walk(root, &root.top(), &mut Devices::new(), &LinkTable::default(), &mut drop).links;
    links.article(real.as_str()).cloned().unwrap_or(given)
}

/// The result of a walk, without the articles.
#[derive(Debug)]
pub(super) struct Walk {
    /// Has no files.
    pub(super) listing: Listing,
    /// Files that can't be used, and why.
    pub(super) unusable: Vec<(ArticlePath, Diagnostic)>,
    /// Whether the walk found links.
    pub(super) has_links: bool,
    /// The targets of links. Empty unless the walk went through the whole content directory.
    pub(super) links: LinkTable,
}

impl Walk {
    /// Whether every file that the walk didn't find is missing.
    pub(super) fn is_complete(&self) -> bool {
        let unreadable = self.listing.directories.iter().filter_map(|folder| folder.unreadable.as_ref());
        // Links out of the content directory hide no articles.
        !self.listing.doubtful && unreadable.into_iter().all(|diagnostic| diagnostic.code == Code::FolderLink)
    }
}

/// Walks through the folder `scope` and all folders below it. `found` receives every folder with its articles.
///
/// A walk through the whole directory resolves links. Other walks find the linked articles in `known_links`.
pub(super) fn walk(
    root: &Root,
    scope: &str,
    devices: &mut Devices,
    known_links: &LinkTable,
    found: &mut impl FnMut(FolderListing),
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
    let mut lister = Lister { root, open: open.as_ref(), devices };
    let mut folders = vec![scope.to_owned()];
    // Folders with links are passed on once the links are resolved.
    let (mut links, mut with_links) = (Vec::new(), Vec::new());
    while let Some(path) = folders.pop() {
        let mut folder = FolderListing { path: path.clone(), ..FolderListing::default() };
        let subentries = lister.list(&mut folder, &path, &mut listing, &mut unusable);
        folders.extend(subentries.folders.into_iter().map(|(path, _)| path));
        if subentries.links.is_empty() {
            found(folder);
        } else {
            links.extend(subentries.links);
            with_links.push(folder);
        }
    }
    let has_links = !links.is_empty();
    let mut table = LinkTable::default();
    if folder::is_top(scope)
        && let Ok(open) = &open
    {
        let resolver = LinkResolver::new(root, open, &mut listing, &mut unusable);
        (with_links, table) = resolver.resolve(links, with_links, &mut lister);
    } else {
        for folder in &mut with_links {
            let named = links.iter().map(|(path, _)| ArticlePath::new(path));
            let named = named.filter(|path| path.folder() == folder.path && known_links.has(path));
            folder.files.extend(named.map(|path| (path, FileKind::Linked)));
        }
    }
    with_links.into_iter().for_each(found);
    listing.doubtful = is_doubtful(root, devices);
    Walk { listing, unusable, has_links, links: table }
}

/// Whether the content directory has more than this many articles or more than this many folders. Stops counting then.
pub(super) fn has_more_than(mut articles: usize, mut folders: usize, root: &Root) -> bool {
    let Ok(open) = root.open() else { return false };
    let mut pending = vec![root.top()];
    while let Some(path) = pending.pop() {
        let Ok(folder) = open.folder(&path, Links::Refuse) else { continue };
        for (name, kind) in folder.entries().into_iter().flatten().flatten() {
            let Some(name) = name.to_str().filter(|name| !name.starts_with('.')) else { continue };
            if !kind.is_dir() && !is_article_name(name) {
                continue;
            }
            let entry = folder::join(&path, name);
            if root.is_of_other_source(&entry) || root.matching_pattern(&entry, kind.is_dir()).is_some() {
                continue;
            }
            let left = if kind.is_dir() {
                pending.push(entry);
                &mut folders
            } else {
                &mut articles
            };
            match left.checked_sub(1) {
                Some(fewer) => *left = fewer,
                None => return true,
            }
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn counting_stops_at_limit() {
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
}
