//! Links in the content directory: which of them name articles, and what has to change for that to change.
//!
//! An article is named by its regular file. Links to files and folders that are read anyway are reported and not followed, so that no
//! story is there twice. A link to a hidden file names its article, and a link to a hidden folder names those in it; of several links the first
//! in byte order does. Kubernetes makes such trees: `k.md -> ..data/k.md`, `..data -> ..2026_11_29`.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use rustix::fs::FileType;

use super::scan::{self, FileKind, Folder, Lister, join};
use crate::article::is_article_name;
use crate::beneath::{self, OpenRoot, Root, is_missing, is_outside};
use crate::diagnostics::{Code, Diagnostic, Place};
use crate::event::{ListedDirectory, Listing};
use crate::types::ArticlePath;

/// So many hidden links are looked at between scans where the system doesn't tell of changes. A volume has one.
const MAX_HIDDEN_PLACES: usize = 16;

/// What links lead to.
#[derive(Debug, Default)]
pub(super) struct LinkTable {
    /// The articles that links name, by where their files really are.
    by_file: BTreeMap<String, ArticlePath>,
    names: BTreeSet<ArticlePath>,
    /// Every link, those on their ways, and where nothing was found.
    places: BTreeSet<String>,
    /// Hidden folders that links lead to.
    folders: BTreeSet<String>,
}

impl LinkTable {
    /// Whether a link names this article.
    pub(super) fn has(&self, path: &ArticlePath) -> bool {
        self.names.contains(path)
    }

    /// The article of a file that only links lead to.
    pub(super) fn article(&self, file: &str) -> Option<&ArticlePath> {
        self.by_file.get(file)
    }

    /// The hidden links that others lead through: where volumes are swapped.
    pub(super) fn hidden_places(&self) -> impl Iterator<Item = &str> {
        self.places.iter().map(String::as_str).filter(|place| is_hidden(place)).take(MAX_HIDDEN_PLACES)
    }

    /// Whether links may lead elsewhere after a change at a place.
    pub(super) fn is_place(&self, path: &str) -> bool {
        self.places.contains(path)
    }

    /// Whether a place is directly in a hidden folder whose files have names.
    pub(super) fn is_in_folder(&self, path: &str) -> bool {
        self.folders.contains(path.rsplit_once('/').map_or("", |(folder, _)| folder))
    }
}

/// Whether nobody looks at a path, except through a link.
pub(super) fn is_hidden(path: &str) -> bool {
    path.split('/').any(|name| name.starts_with('.'))
}

/// Follows the links that a walk met.
pub(super) struct Follower<'w> {
    pub(super) root: &'w Root,
    pub(super) beneath: &'w OpenRoot<'w>,
    pub(super) listing: &'w mut Listing,
    pub(super) unusable: &'w mut Vec<(ArticlePath, Diagnostic)>,
    /// Hidden folders, by the names that links give them with a slash, so that they are in the order of the paths in them; and where they are.
    queue: BTreeMap<String, String>,
    table: LinkTable,
}

impl<'w> Follower<'w> {
    pub(super) fn new(
        root: &'w Root,
        beneath: &'w OpenRoot<'w>,
        listing: &'w mut Listing,
        unusable: &'w mut Vec<(ArticlePath, Diagnostic)>,
    ) -> Follower<'w> {
        Follower { root, beneath, listing, unusable, queue: BTreeMap::new(), table: LinkTable::default() }
    }

    /// Follows links, each with its name and where it really is, and those behind them. What they name is added to the folders, which
    /// have all folders with links.
    pub(super) fn follow(
        mut self,
        links: Vec<(String, String)>,
        mut folders: Vec<Folder>,
        lister: &mut Lister<'_>,
    ) -> (Vec<Folder>, LinkTable) {
        links.into_iter().for_each(|(path, at)| self.meet(&path, &at));
        while let Some((key, at)) = self.queue.pop_first() {
            // A folder that was reached before has its names from there. Links that lead round in circles end here, too.
            if !self.table.folders.insert(at.clone()) {
                continue;
            }
            let mut folder = Folder { path: key.trim_end_matches('/').to_owned(), ..Folder::default() };
            let found = lister.list(&mut folder, &at, self.listing, self.unusable);
            for (path, _) in std::mem::take(&mut folder.files) {
                let file = join(&at, path.name());
                self.name(file, path);
            }
            self.queue.extend(found.folders.into_iter().map(|(path, at)| (format!("{path}/"), at)));
            found.links.into_iter().for_each(|(path, at)| self.meet(&path, &at));
            folders.push(folder);
        }
        let mut named: BTreeMap<&str, Vec<ArticlePath>> = BTreeMap::new();
        for path in self.table.by_file.values() {
            named.entry(path.folder()).or_default().push(path.clone());
        }
        for folder in &mut folders {
            let files = named.remove(folder.path.as_str()).into_iter().flatten();
            folder.files.extend(files.map(|path| (path, FileKind::Linked)));
        }
        drop(named);
        self.table.names = self.table.by_file.values().cloned().collect();
        (folders, self.table)
    }

    /// The first link in byte order names an article.
    fn name(&mut self, file: String, path: ArticlePath) {
        let name = self.table.by_file.entry(file).or_insert_with(|| path.clone());
        if path < *name {
            *name = path;
        }
    }

    fn meet(&mut self, path: &str, at: &str) {
        let mut places = Vec::new();
        let real = self.beneath.real_path(at, &mut places);
        self.table.places.extend(places.iter().filter_map(|place| place.to_str().map(str::to_owned)));
        self.table.places.insert(path.to_owned());
        let name = ArticlePath::new(path);
        let is_article = is_article_name(name.name());
        let found = real.and_then(|real| {
            let real = real.into_os_string().into_string().map_err(|_| io::ErrorKind::NotFound)?;
            let stat = self.beneath.stat(&real, beneath::Links::Refuse)?;
            Ok((real, FileType::from_raw_mode(stat.st_mode)))
        });
        match found {
            Ok((real, FileType::Directory)) if is_hidden(&real) => drop(self.queue.insert(format!("{path}/"), real)),
            Ok((real, FileType::Directory)) => {
                let message =
                    format!("this is a link to `{}`, whose articles are read there", self.root.display(&real));
                self.report(path, message, "remove the link if nothing else needs it");
            }
            Ok((real, FileType::RegularFile)) if is_article => {
                if is_hidden(&real) || !is_article_name(ArticlePath::new(&real).name()) {
                    self.name(real, name);
                } else {
                    let message =
                        format!("this is a link to `{}`, which is the same article", self.root.display(&real));
                    self.report(path, message, "remove the link; `sections` files an article under more sections");
                }
            }
            Ok((_, FileType::RegularFile)) => {}
            Ok(_) if is_article => {
                let error = io::ErrorKind::InvalidInput.into();
                self.unusable.push((name.clone(), scan::unusable(self.root, &name, &error)));
            }
            Ok(_) => {}
            Err(error) if is_missing(&error) => {}
            Err(error) if is_article => {
                self.unusable.push((name.clone(), scan::unusable(self.root, &name, &error)));
            }
            Err(error) => {
                let (code, message, help) = if is_outside(&error) {
                    let message = "this link leads out of the content directory, so it is not followed".to_owned();
                    (Code::FolderLink, message, "move what it leads to here, or bind-mount it")
                } else {
                    let help =
                        "what was in a folder of this name stays as it is; remove the link, or put the folder back";
                    (Code::FolderUnreadable, format!("this link cannot be followed: {error}"), help)
                };
                // It may be where a folder was.
                let diagnostic = Diagnostic::new(code, message).at(Place::file(&self.root.display(path))).help(help);
                self.listing.directories.push(ListedDirectory { path: path.to_owned(), unreadable: Some(diagnostic) });
            }
        }
    }

    fn report(&mut self, path: &str, message: String, help: &str) {
        let diagnostic =
            Diagnostic::new(Code::FolderLink, message).at(Place::file(&self.root.display(path))).help(help);
        self.listing.links.push((path.to_owned(), diagnostic));
    }
}
