//! Links in the content directory: which articles they name, and which changes affect that.
//!
//! # Which links name articles?
//!
//! Links to hidden files, and links to hidden folders, which name the articles in them. If several links lead to one file, the first
//! in byte order names the article. Kubernetes makes such trees: `k.md -> ..data/k.md`, `..data -> ..2026_11_29`.
//!
//! Links to visible files and folders are reported and not followed, because their articles would be published twice.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use rustix::fs::FileType;

use super::listing::{FileKind, FolderListing, Lister};
use super::stat::unusable;
use crate::article::is_article_name;
use crate::beneath::{self, OpenRoot, Root, is_missing, is_outside};
use crate::diagnostics::{Code, Diagnostic, Place};
use crate::event::{ListedDirectory, Listing};
use crate::types::{ArticlePath, folder};

/// How many hidden links are checked between scans where events are incomplete. A Kubernetes volume has one.
const MAX_CHECKED_LINKS: usize = 16;

/// The articles that links name.
#[derive(Debug, Default)]
pub(super) struct LinkTable {
    /// The articles, by the real paths of their files.
    by_file: BTreeMap<String, ArticlePath>,
    articles: BTreeSet<ArticlePath>,
    /// The paths whose change may change this table: every link, the links on the way to its target, and missing targets.
    dependencies: BTreeSet<String>,
    /// Hidden folders that links lead to.
    folders: BTreeSet<String>,
}

impl LinkTable {
    /// Whether a link names this article.
    pub(super) fn has(&self, path: &ArticlePath) -> bool {
        self.articles.contains(path)
    }

    /// The article that links name for this file.
    pub(super) fn article(&self, file: &str) -> Option<&ArticlePath> {
        self.by_file.get(file)
    }

    /// Hidden links that other links lead through. Kubernetes swaps volumes by replacing them.
    pub(super) fn hidden_links(&self) -> impl Iterator<Item = &str> {
        self.dependencies.iter().map(String::as_str).filter(|path| is_hidden(path)).take(MAX_CHECKED_LINKS)
    }

    /// Whether a change at this path may change where links lead.
    pub(super) fn depends_on(&self, path: &str) -> bool {
        self.dependencies.contains(path)
    }

    /// Whether a path is directly in a hidden folder that a link leads to.
    pub(super) fn is_in_folder(&self, path: &str) -> bool {
        self.folders.contains(path.rsplit_once('/').map_or("", |(folder, _)| folder))
    }
}

/// Whether a path has a hidden component. Such files are read only through links.
pub(super) fn is_hidden(path: &str) -> bool {
    path.split('/').any(|name| name.starts_with('.'))
}

/// Resolves the links that a walk found.
pub(super) struct LinkResolver<'w> {
    root: &'w Root,
    open: &'w OpenRoot<'w>,
    listing: &'w mut Listing,
    unusable: &'w mut Vec<(ArticlePath, Diagnostic)>,
    /// Hidden folders to list: the path that a link gives them, and the real path. The final slash sorts a folder with its files.
    queue: BTreeMap<String, String>,
    table: LinkTable,
}

impl<'w> LinkResolver<'w> {
    pub(super) fn new(
        root: &'w Root,
        open: &'w OpenRoot<'w>,
        listing: &'w mut Listing,
        unusable: &'w mut Vec<(ArticlePath, Diagnostic)>,
    ) -> LinkResolver<'w> {
        LinkResolver { root, open, listing, unusable, queue: BTreeMap::new(), table: LinkTable::default() }
    }

    /// Resolves links, given by path and real path, and links in the folders that they lead to. Adds the articles to `folders`, which
    /// has every folder with links.
    pub(super) fn resolve(
        mut self,
        links: Vec<(String, String)>,
        mut folders: Vec<FolderListing>,
        lister: &mut Lister<'_>,
    ) -> (Vec<FolderListing>, LinkTable) {
        links.into_iter().for_each(|(path, real_path)| self.add_link(&path, &real_path));
        while let Some((key, real_path)) = self.queue.pop_first() {
            // Only the first path to a folder counts. This also ends cycles of links.
            if !self.table.folders.insert(real_path.clone()) {
                continue;
            }
            let mut folder = FolderListing { path: key.trim_end_matches('/').to_owned(), ..FolderListing::default() };
            let subentries = lister.list(&mut folder, &real_path, self.listing, self.unusable);
            for (path, _) in std::mem::take(&mut folder.files) {
                let file = folder::join(&real_path, path.name());
                self.add_article(file, path);
            }
            let hidden = subentries.folders.into_iter().map(|(path, real_path)| (format!("{path}/"), real_path));
            self.queue.extend(hidden);
            subentries.links.into_iter().for_each(|(path, real_path)| self.add_link(&path, &real_path));
            folders.push(folder);
        }
        let mut articles: BTreeMap<&str, Vec<ArticlePath>> = BTreeMap::new();
        for path in self.table.by_file.values() {
            articles.entry(path.folder()).or_default().push(path.clone());
        }
        for folder in &mut folders {
            let files = articles.remove(folder.path.as_str()).into_iter().flatten();
            folder.files.extend(files.map(|path| (path, FileKind::Linked)));
        }
        drop(articles);
        self.table.articles = self.table.by_file.values().cloned().collect();
        (folders, self.table)
    }

    /// Names the article in a file, unless a link that is earlier in byte order has done so.
    fn add_article(&mut self, file: String, path: ArticlePath) {
        let name = self.table.by_file.entry(file).or_insert_with(|| path.clone());
        if path < *name {
            *name = path;
        }
    }

    fn add_link(&mut self, path: &str, real_path: &str) {
        let mut dependencies = Vec::new();
        let target = self.open.real_path(real_path, &mut dependencies);
        let dependencies = dependencies.iter().filter_map(|path| Some(self.root.key(path.to_str()?)));
        self.table.dependencies.extend(dependencies);
        self.table.dependencies.insert(path.to_owned());
        let name = ArticlePath::new(path);
        let is_article = is_article_name(name.name());
        let found = target.and_then(|target| {
            let target = self.root.key(target.to_str().ok_or(io::ErrorKind::NotFound)?);
            let stat = self.open.stat(&target, beneath::Links::Refuse)?;
            Ok((target, FileType::from_raw_mode(stat.st_mode)))
        });
        match found {
            Ok((target, FileType::Directory)) if is_hidden(&target) => {
                self.queue.insert(format!("{path}/"), target);
            }
            Ok((target, FileType::Directory)) => {
                let message =
                    format!("this is a link to `{}`, whose articles are read there", self.root.display(&target));
                self.report(path, message, "remove the link if nothing else needs it");
            }
            Ok((target, FileType::RegularFile)) if is_article => {
                if is_hidden(&target) || !is_article_name(ArticlePath::new(&target).name()) {
                    self.add_article(target, name);
                } else {
                    let message =
                        format!("this is a link to `{}`, which is the same article", self.root.display(&target));
                    self.report(path, message, "remove the link; `sections` files an article under more sections");
                }
            }
            Ok((_, FileType::RegularFile)) => {}
            Ok(_) if is_article => {
                let error = io::ErrorKind::InvalidInput.into();
                self.unusable.push((name.clone(), unusable(self.root, &name, &error)));
            }
            Ok(_) => {}
            Err(error) if is_missing(&error) => {}
            Err(error) if is_article => {
                self.unusable.push((name.clone(), unusable(self.root, &name, &error)));
            }
            Err(error) => {
                let (code, message, help) = if is_outside(&error) {
                    let message = "this link leads out of the content directory, so it is not followed".to_owned();
                    (Code::FolderLink, message, "move its target here, or bind-mount it")
                } else {
                    let help = "published articles of a folder with this name stay published; remove the link, or put the folder back";
                    (Code::FolderUnreadable, format!("this link cannot be followed: {error}"), help)
                };
                // The link may have replaced a folder, so the folder counts as unreadable.
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
