//! The last good version of every article, by path. Keeps metadata cards, no bodies.
//!
//! # Why aren't articles kept in memory?
//!
//! An archive has a million articles, and its windows show a few thousand. The catalog keeps about sixty bytes for each article: where
//! and when readers see it, but neither title nor text. A window that needs an article asks for its body with `Effect::Fetch` and is
//! published when the body arrives. Removals never wait for bodies.

use std::collections::{BTreeSet, HashMap};

use crate::article::access::Access;
use crate::article::bundle;
use crate::article::card::Packed;
use crate::event::Listing;
use crate::parallel;
use crate::slab::{Slab, SlotId, SlotIndex};
use crate::types::{ArticlePath, EntryId, folder};

/// All known files with their last good versions.
#[derive(Debug, Default)]
pub struct Catalog {
    files: Slab<File>,
    by_path: SlotIndex,
    /// The number of files in and below each folder, not counting the folder's own pages.
    other_file_counts: HashMap<Box<str>, usize>,
    /// The number of files of each source.
    counts_by_source: HashMap<Option<Box<str>>, usize>,
    /// Each folder's pages.
    pages: HashMap<Box<str>, BTreeSet<ArticlePath>>,
    /// Pages of folders that gained their first other file or lost their last one.
    changed_pages: BTreeSet<ArticlePath>,
}

#[derive(Debug)]
struct File {
    path: ArticlePath,
    version: FileVersion,
}

/// The facts about a file.
#[derive(Clone, Debug)]
enum FileVersion {
    /// A file of which no version was usable yet, with the access restrictions that it states.
    Refused(Access),
    /// The file is unusable and withholds the article with this id.
    Withheld(Option<EntryId>),
    /// The last good version.
    Good(Packed),
}

/// The result of reading a file.
#[derive(Clone, Copy, Debug)]
pub enum Read<'r> {
    /// A good version.
    Good(&'r Packed),
    /// An unusable version, with the access rules as far as it states them.
    Refused(Access),
    /// An unusable version that also withdraws the previous one, with the id that it states.
    Withheld(Option<&'r EntryId>),
}

/// How a newly read version changed the catalog.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Change {
    /// The metadata is unchanged.
    Same,
    /// A new or different good version.
    Good,
    /// The new version is unusable; the previous good one stays, if any.
    Refused,
    /// The new version is unusable, and the previous one must not stay.
    Withheld,
}

impl Catalog {
    /// An empty catalog with capacity for `files`.
    pub fn with_room_for(files: usize) -> Catalog {
        let mut catalog = Catalog::default();
        catalog.reserve(files);
        catalog
    }

    /// Reserves capacity for `files` in total.
    pub fn reserve(&mut self, files: usize) {
        let known = &self.files;
        let additional = files.saturating_sub(known.len());
        self.by_path.reserve(additional, |slot| known.get(slot).map(|file| &file.path));
    }

    /// Applies the result of reading a file.
    pub fn apply(&mut self, path: &ArticlePath, read: Read<'_>) -> Change {
        self.update(path, |version| match read {
            Read::Withheld(id) => {
                *version = FileVersion::Withheld(id.cloned());
                Change::Withheld
            }
            // A restriction applies even if the file has other mistakes.
            Read::Refused(access) if matches!(version, FileVersion::Good(before) if access.forbids_more_than(before.access())) => {
                *version = FileVersion::Withheld(None);
                Change::Withheld
            }
            Read::Refused(access) => {
                if let FileVersion::Refused(before) = version {
                    *before = access;
                }
                Change::Refused
            }
            Read::Good(card) if matches!(version, FileVersion::Good(before) if before == card) => Change::Same,
            Read::Good(card) => {
                *version = FileVersion::Good(card.clone());
                Change::Good
            }
        })
    }

    /// Restores an earlier version where no newer one is known. Returns whether it did.
    pub fn restore(&mut self, path: &ArticlePath, card: &Packed) -> bool {
        self.update(path, |version| {
            let is_unknown =
                matches!(version, FileVersion::Refused(access) if !access.forbids_more_than(card.access()));
            if is_unknown {
                *version = FileVersion::Good(card.clone());
            }
            is_unknown
        })
    }

    /// Forgets the last good version of a file that exists.
    pub fn forget_version(&mut self, path: &ArticlePath) {
        self.update(path, |version| *version = FileVersion::Refused(Access::default()));
    }

    /// Adds a file that exists, whatever it contains.
    pub fn add(&mut self, path: &ArticlePath) {
        self.update(path, |_| {});
    }

    /// Removes a file.
    pub fn remove(&mut self, path: &ArticlePath) {
        if let Some(slot) = self.slot_of(path) {
            self.by_path.remove(path, slot);
            self.files.remove(slot);
            self.update_folder_counts(path, false);
        }
    }

    /// Whether the file is known.
    pub fn contains(&self, path: &ArticlePath) -> bool {
        self.slot_of(path).is_some()
    }

    /// Whether the file is unusable and withholds its article.
    pub fn is_withheld(&self, path: &ArticlePath) -> bool {
        matches!(self.version(path), Some(FileVersion::Withheld(_)))
    }

    /// The known files that a listing proves to be gone, in order: not listed, and the nearest listed folder is complete. Adds listed files
    /// that aren't known yet if `adds_unknown` is true for them.
    pub fn missing(&mut self, listing: &Listing, adds_unknown: impl Fn(&ArticlePath) -> bool) -> Vec<ArticlePath> {
        // Indexed by slot instead of a set of paths, because nearly all files are listed.
        let mut listed: Vec<bool> = Vec::new();
        let slots = parallel::on_all_cores(&listing.files, |path| self.slot_of(path));
        for (path, known) in listing.files.iter().zip(slots) {
            if known.is_none() && !bundle::is_section_page(path) && adds_unknown(path) {
                self.add(path);
            }
            let Some(slot) = known.or_else(|| self.slot_of(path)) else { continue };
            let slot = slot as usize;
            if listed.len() <= slot {
                listed.resize((slot + 1).next_power_of_two(), false);
            }
            listed.get_mut(slot).into_iter().for_each(|listed| *listed = true);
        }
        let absent = listing.completeness();
        let in_scope = |path: &ArticlePath| folder::contains(&listing.scope, path.as_str());
        let unlisted = self.files.iter().filter(|(slot, _)| !listed.get(*slot as usize).is_some_and(|listed| *listed));
        let missing = unlisted.map(|(_, file)| &file.path).filter(|path| in_scope(path) && absent(path));
        let mut missing: Vec<ArticlePath> = missing.cloned().collect();
        missing.sort_unstable();
        missing
    }

    /// The last good version of an article.
    pub fn get(&self, path: &ArticlePath) -> Option<&Packed> {
        match self.version(path) {
            Some(FileVersion::Good(card)) => Some(card),
            _ => None,
        }
    }

    /// All good articles, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (&ArticlePath, &Packed)> {
        self.files.iter().filter_map(|(_, file)| match &file.version {
            FileVersion::Good(card) => Some((&file.path, card)),
            _ => None,
        })
    }

    /// Unusable files that withhold an article, with the ids that they state.
    pub fn withheld_files(&self) -> impl Iterator<Item = (&ArticlePath, &EntryId)> {
        self.files.iter().filter_map(|(_, file)| match &file.version {
            FileVersion::Withheld(Some(id)) => Some((&file.path, id)),
            _ => None,
        })
    }

    /// All files, including unusable ones, in no order.
    pub fn paths(&self) -> impl Iterator<Item = &ArticlePath> {
        self.files.iter().map(|(_, file)| &file.path)
    }

    /// Whether a folder has files other than its own pages, in it or below it.
    pub fn has_other_files(&self, folder: &str) -> bool {
        self.other_file_counts.contains_key(folder)
    }

    /// The pages of all folders, in no order.
    pub fn pages(&self) -> impl Iterator<Item = &ArticlePath> {
        self.pages.values().flatten()
    }

    /// Pages of folders that gained their first other file or lost their last one since the last call.
    pub fn take_changed_pages(&mut self) -> BTreeSet<ArticlePath> {
        std::mem::take(&mut self.changed_pages)
    }

    /// Updates the counts of all folders above a file that came or went.
    fn update_folder_counts(&mut self, path: &ArticlePath, is_new: bool) {
        let count = self.counts_by_source.entry(path.source().map(Into::into)).or_default();
        *count = if is_new { *count + 1 } else { count.saturating_sub(1) };
        let mut next = Some(path.folder());
        if bundle::is_index(path) {
            let folder = path.folder();
            if is_new {
                self.pages.entry(folder.into()).or_default().insert(path.clone());
            } else if let Some(pages) = self.pages.get_mut(folder) {
                pages.remove(path);
                if pages.is_empty() {
                    self.pages.remove(folder);
                }
            }
            next = folder::parent(folder);
        }
        while let Some(folder) = next.filter(|folder| !folder::is_top(folder)) {
            let has_changed = match self.other_file_counts.get_mut(folder) {
                None if is_new => self.other_file_counts.insert(folder.into(), 1).is_none(),
                Some(1) if !is_new => self.other_file_counts.remove(folder).is_some(),
                Some(count) if is_new => {
                    *count += 1;
                    false
                }
                Some(count) => {
                    *count -= 1;
                    false
                }
                None => false,
            };
            if has_changed {
                self.changed_pages.extend(self.pages.get(folder).into_iter().flatten().cloned());
            }
            next = folder::parent(folder);
        }
    }

    /// How many files are known, including unusable ones.
    pub fn len(&self) -> usize {
        self.files.len()
    }

    /// How many files of a source are known, including unusable ones.
    pub fn count_of(&self, source: Option<&str>) -> usize {
        self.counts_by_source.get(&source.map(Box::from)).copied().unwrap_or(0)
    }

    /// Whether no file is known.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    fn slot_of(&self, path: &ArticlePath) -> Option<SlotId> {
        self.by_path.candidates(path).find(|slot| self.files.get(*slot).is_some_and(|file| file.path == *path))
    }

    fn version(&self, path: &ArticlePath) -> Option<&FileVersion> {
        self.files.get(self.slot_of(path)?).map(|file| &file.version)
    }

    fn update<R>(&mut self, path: &ArticlePath, update: impl FnOnce(&mut FileVersion) -> R) -> R {
        let slot = self.slot_of(path);
        if let Some(file) = slot.and_then(|slot| self.files.get_mut(slot)) {
            return update(&mut file.version);
        }
        let mut version = FileVersion::Refused(Access::default());
        let result = update(&mut version);
        let slot = self.files.insert(File { path: path.clone(), version });
        let files = &self.files;
        self.by_path.insert(path, slot, |slot| files.get(slot).map(|file| &file.path));
        self.update_folder_counts(path, true);
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostics::{Code, Diagnostic};
    use crate::event::ListedDirectory;

    fn catalog(paths: &[&str]) -> Catalog {
        let mut catalog = Catalog::default();
        for path in paths {
            catalog.apply(&ArticlePath::new(path), Read::Refused(Access::default()));
        }
        catalog
    }

    #[test]
    fn absence_counts_only_under_a_complete_listing() {
        let mut catalog = catalog(&["a/1.md", "a/b/2.md", "c/3.md", "d/e/4.md", "top.md"]);
        let folder = |path: &str, readable: bool| ListedDirectory {
            path: path.into(),
            unreadable: (!readable).then(|| Diagnostic::new(Code::FolderUnreadable, "why")),
        };
        for (scope, folders, files, missing) in [
            (
                "",
                vec![folder("", true), folder("a", true), folder("c", true)],
                vec!["a/1.md"],
                "a/b/2.md c/3.md d/e/4.md top.md",
            ),
            ("", vec![folder("", false)], vec![], ""),
            ("", vec![folder("", true), folder("c", false)], vec!["top.md"], "a/1.md a/b/2.md d/e/4.md"),
            ("a", vec![folder("a", true), folder("a/b", true)], vec!["a/1.md"], "a/b/2.md"),
            ("a", vec![], vec![], ""),
        ] {
            let files = files.into_iter().map(ArticlePath::new).collect();
            let listing = Listing {
                scope: scope.into(),
                directories: folders,
                links: Vec::new(),
                files,
                is_whole: true,
                doubtful: false,
                limited: None,
            };
            let found: Vec<String> = catalog.missing(&listing, |_| false).iter().map(ToString::to_string).collect();
            assert_eq!(found.join(" "), missing, "{listing:?}");
        }
    }
}
