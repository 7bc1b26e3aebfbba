//! Sorts hints into the work that they cause.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use super::super::cache::MetadataCache;
use super::super::coalesce::HintKind;
use super::super::hints::Hint;
use super::super::links::is_hidden;
use super::state::Worker;
use crate::article::is_article_name;
use crate::article::pictures::FolderNames;
use crate::types::{ArticlePath, folder};

/// How long after a change the configuration file is read.
pub(super) const CONFIG_SETTLE: Duration = Duration::from_millis(50);

/// The paths that have to be checked.
#[derive(Default)]
pub(super) struct ChangeSet {
    /// A full scan is needed.
    pub(super) everything: bool,
    /// Folders to scan.
    pub(super) folders: BTreeSet<String>,
    /// Files with their combined hints.
    pub(super) files: BTreeMap<ArticlePath, HintKind>,
    /// Articles to read again because a media file has changed.
    pub(super) reread: BTreeSet<ArticlePath>,
    /// The old paths of renamed articles, by their new paths.
    pub(super) renamed: BTreeMap<ArticlePath, ArticlePath>,
}

impl ChangeSet {
    fn add(&mut self, path: ArticlePath, hint: HintKind) {
        let before = self.files.entry(path).or_insert(hint);
        *before = before.then(hint);
    }
}

/// The interpretation of a hint about a path that may be a file or a folder.
#[derive(Clone, Copy, PartialEq, Eq)]
enum PathHint {
    Complete,
    Closed,
    Written,
    Changed,
    Removed,
    NewFolder,
}

impl<C: MetadataCache> Worker<C> {
    /// Adds a hint.
    pub(super) fn add_hint(&mut self, hint: Hint, changes: &mut ChangeSet) {
        match hint {
            Hint::Wake => {}
            Hint::Overflow => self.handle_lost_hints(changes),
            Hint::Limited(limit) => {
                self.is_watched &= limit.is_partial;
                changes.everything = true;
            }
            Hint::Complete(path) => self.add_path_hint(&path, PathHint::Complete, changes),
            Hint::Closed(path) => self.add_path_hint(&path, PathHint::Closed, changes),
            Hint::Changed(path) => self.add_path_hint(&path, PathHint::Changed, changes),
            Hint::Written(path) => self.add_path_hint(&path, PathHint::Written, changes),
            Hint::Removed(path) => self.add_path_hint(&path, PathHint::Removed, changes),
            Hint::NewFolder(path) => self.add_path_hint(&path, PathHint::NewFolder, changes),
            Hint::Renamed(from, to) => {
                self.add_rename(&from, &to, changes);
                self.add_path_hint(&to, PathHint::Complete, changes);
            }
        }
    }

    /// Handles lost hints: anything may have changed, the configuration included.
    pub(super) fn handle_lost_hints(&mut self, changes: &mut ChangeSet) {
        self.metrics.watch_overflows.inc();
        (changes.everything, self.has_overflowed) = (true, true);
        self.assume_closes_lost();
        self.config.read_after(self.started.elapsed() + CONFIG_SETTLE);
    }

    /// Adds a hint about a path.
    fn add_path_hint(&mut self, path: &Path, hint: PathHint, changes: &mut ChangeSet) {
        if path.parent().is_some_and(|folder| self.config.is_in(folder)) {
            self.config.read_after(self.started.elapsed() + CONFIG_SETTLE);
        }
        let Some(relative) = self.options.root.relative(path) else { return };
        if folder::is_top(&relative) {
            // The directory itself was created or removed, and its watch has ended.
            self.is_watched &= hint != PathHint::Removed && hint != PathHint::NewFolder;
            changes.everything |= !self.is_watched;
            return;
        }
        let name = relative.rsplit('/').next().unwrap_or_default();
        // A changed folder may have other permissions. The kernel reports a new link only as created.
        let may_be_folder_or_link = matches!(hint, PathHint::Complete | PathHint::Closed)
            || (hint == PathHint::Changed && !is_article_name(name));
        let metadata = may_be_folder_or_link.then(|| path.symlink_metadata().ok()).flatten();
        // A changed link has to be resolved again.
        let is_link = metadata.as_ref().is_some_and(|metadata| metadata.is_symlink());
        let is_new = hint != PathHint::Written && is_article_name(name) && self.links.article(&relative).is_none();
        let is_linked = self.links.is_in_folder(&relative) && (is_new || is_link || hint == PathHint::NewFolder);
        if self.links.depends_on(&relative) || is_linked || (is_link && !is_hidden(&relative)) {
            (changes.everything, self.have_links_changed) = (true, true);
            return;
        }
        self.record_transfer(&relative);
        let file_hint = match hint {
            PathHint::Complete => HintKind::Complete,
            PathHint::Closed => HintKind::Closed,
            PathHint::Written => HintKind::Written,
            PathHint::Removed => HintKind::Removed,
            PathHint::Changed | PathHint::NewFolder => HintKind::Changed,
        };
        if let Some(article) = self.links.article(&relative) {
            changes.add(article.clone(), file_hint);
            return;
        }
        if is_hidden(&relative) {
            return;
        }
        let is_folder = hint == PathHint::NewFolder || metadata.is_some_and(|metadata| metadata.is_dir());
        // Media files in ignored folders may belong to articles.
        let is_in_ignored_folder =
            || self.options.root.ignore.matching(&format!("{}/", folder::relative(&relative))).is_some();
        if (is_folder || is_article_name(name))
            && (is_in_ignored_folder() || self.options.root.ignores(&ArticlePath::new(&relative)))
        {
            return;
        }
        let path = ArticlePath::new(&relative);
        let is_media_complete = hint != PathHint::Changed && hint != PathHint::Written;
        if !is_folder && FolderNames::needs(name) {
            self.options.root.forget_names(Some(path.folder()));
            if is_media_complete {
                changes.reread.extend(self.known.texts_beside(&path).cloned());
            }
        }
        if is_folder {
            changes.folders.insert(relative.clone());
        } else if is_article_name(name) {
            changes.add(path, file_hint);
        } else if is_media_complete {
            // Articles contain the measurements of their media files.
            changes.reread.extend(self.known.articles_referencing(&path).cloned());
        }
        // The removed entry may have been a folder.
        if hint == PathHint::Removed && !is_article_name(name) {
            for path in self.known.files_below(&relative) {
                changes.files.entry(path.clone()).or_insert(HintKind::Removed);
            }
            let below = format!("{relative}/");
            changes.reread.extend(self.known.referenced_below(&below).flat_map(|(_, articles)| articles).cloned());
        }
    }

    /// Records old and new paths, so that a file that was renamed and edited at once is recognised.
    fn add_rename(&mut self, from: &Path, to: &Path, changes: &mut ChangeSet) {
        let (Some(from), Some(to)) = (self.options.root.relative(from), self.options.root.relative(to)) else { return };
        let inside = format!("{from}/");
        let path = ArticlePath::new(&from);
        let was_known =
            self.known.contains(&path) || changes.renamed.contains_key(&path) || self.renamed.contains_key(&path);
        let files = self.known.files_below(&from).filter_map(|path| {
            let rest = path.as_str().strip_prefix(&inside)?;
            Some((path.to_string(), format!("{to}/{rest}")))
        });
        let mut files: Vec<(String, String)> = files.collect();
        files.extend(was_known.then_some((from, to)));
        for (from, to) in files {
            let from = ArticlePath::new(&from);
            // After two renames the first path counts.
            let origin = changes.renamed.remove(&from).or_else(|| self.renamed.remove(&from)).unwrap_or(from);
            changes.renamed.insert(ArticlePath::new(&to), origin);
        }
    }
}
