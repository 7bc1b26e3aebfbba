//! The last good version of every article, by path: its card, no body.

use std::collections::{BTreeSet, HashMap};

use crate::article::access::Access;
use crate::article::bundle;
use crate::article::card::Packed;
use crate::event::Listing;
use crate::parallel;
use crate::slab::{Slab, SlotId, SlotIndex};
use crate::types::{ArticlePath, EntryId};

/// All articles that were ever read well and are not gone.
#[derive(Debug, Default)]
pub struct Catalog {
    files: Slab<File>,
    by_path: SlotIndex,
    /// How many files are in each folder and below it, but for its own pages.
    others: HashMap<Box<str>, usize>,
    /// The pages of folders.
    pages: HashMap<Box<str>, BTreeSet<ArticlePath>>,
    /// Pages of folders that got their first other file or lost the last one.
    turned: BTreeSet<ArticlePath>,
}

#[derive(Debug)]
struct File {
    path: ArticlePath,
    known: Known,
}

/// What is known of one file.
#[derive(Clone, Debug)]
enum Known {
    /// It exists, but no version of it could be used yet. Says who may read its article, as far as that was stated.
    Refused(Access),
    /// It withholds its article and cannot be used; the id that it states.
    Withheld(Option<EntryId>),
    /// Its last good version.
    Good(Packed),
}

/// What reading of a file gave, as far as the catalog minds.
#[derive(Clone, Copy, Debug)]
pub enum Read<'r> {
    /// A good version.
    Good(&'r Packed),
    /// It cannot be used, and states this of who may read its article.
    Refused(Access),
    /// It cannot be used, and the version before it must not be either; the id that it states.
    Withheld(Option<&'r EntryId>),
}

/// What a new look at a file changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Change {
    /// Nothing that decides where and when readers see it.
    Same,
    /// A new or different good version.
    Good,
    /// The new version was refused; the previous good one, if any, stays.
    Refused,
    /// The new version was refused, and the previous one must not stay.
    Withheld,
}

impl Catalog {
    /// A catalog with room for so many files.
    pub fn with_room_for(files: usize) -> Catalog {
        let mut catalog = Catalog::default();
        catalog.reserve(files);
        catalog
    }

    /// Makes room for so many files.
    pub fn reserve(&mut self, files: usize) {
        let of = &self.files;
        let more = files.saturating_sub(of.len());
        self.by_path.reserve(more, |number| of.get(number).map(|file| &file.path));
    }

    /// Takes note of what reading of a file gave.
    pub fn apply(&mut self, path: &ArticlePath, read: Read<'_>) -> Change {
        self.change(path, |known| match read {
            Read::Withheld(id) => {
                *known = Known::Withheld(id.cloned());
                Change::Withheld
            }
            // A mistake beside it doesn't undo a restriction.
            Read::Refused(access) if matches!(known, Known::Good(before) if access.forbids_more_than(before.access())) => {
                *known = Known::Withheld(None);
                Change::Withheld
            }
            Read::Refused(access) => {
                if let Known::Refused(before) = known {
                    *before = access;
                }
                Change::Refused
            }
            Read::Good(card) if matches!(known, Known::Good(before) if before == card) => Change::Same,
            Read::Good(card) => {
                *known = Known::Good(card.clone());
                Change::Good
            }
        })
    }

    /// Takes back what was known of an article before, where nothing newer is. Says whether it did.
    pub fn recall(&mut self, path: &ArticlePath, card: &Packed) -> bool {
        self.change(path, |known| {
            let vacant = matches!(known, Known::Refused(access) if !access.forbids_more_than(card.access()));
            if vacant {
                *known = Known::Good(card.clone());
            }
            vacant
        })
    }

    /// Takes note of a file that is there, whatever is in it.
    pub fn note(&mut self, path: &ArticlePath) {
        self.change(path, |_| {});
    }

    /// Forgets a file that is gone.
    pub fn remove(&mut self, path: &ArticlePath) {
        if let Some(number) = self.number(path) {
            self.by_path.remove(path, number);
            self.files.remove(number);
            self.count(path, false);
        }
    }

    /// Whether there is such a file.
    pub fn contains(&self, path: &ArticlePath) -> bool {
        self.number(path).is_some()
    }

    /// Whether a file withholds its article and cannot be used.
    pub fn is_withheld(&self, path: &ArticlePath) -> bool {
        matches!(self.known(path), Some(Known::Withheld(_)))
    }

    /// The articles that a listing of all files proves to be gone, in order: not listed, and the nearest folder that was listed is
    /// complete. `note_others`: takes note of those that are listed and not known.
    pub fn missing(&mut self, listing: &Listing, note_others: bool) -> Vec<ArticlePath> {
        // Nearly all are listed.
        let mut listed: Vec<bool> = Vec::new();
        let numbers = parallel::on_all_cores(&listing.files, |path| self.number(path));
        for (path, known) in listing.files.iter().zip(numbers) {
            if known.is_none() && note_others && !bundle::is_section_page(path) {
                self.note(path);
            }
            let Some(number) = known.or_else(|| self.number(path)) else { continue };
            let number = number as usize;
            if listed.len() <= number {
                listed.resize((number + 1).next_power_of_two(), false);
            }
            listed.get_mut(number).into_iter().for_each(|listed| *listed = true);
        }
        let absent = listing.completeness();
        let in_scope = |path: &ArticlePath| {
            listing.scope.is_empty()
                || path.as_str().strip_prefix(listing.scope.as_str()).is_some_and(|rest| rest.starts_with('/'))
        };
        let unlisted =
            self.files.iter().filter(|(number, _)| !listed.get(*number as usize).is_some_and(|listed| *listed));
        let missing = unlisted.map(|(_, file)| &file.path).filter(|path| in_scope(path) && absent(path));
        let mut missing: Vec<ArticlePath> = missing.cloned().collect();
        missing.sort_unstable();
        missing
    }

    /// The last good version of an article.
    pub fn get(&self, path: &ArticlePath) -> Option<&Packed> {
        match self.known(path) {
            Some(Known::Good(card)) => Some(card),
            _ => None,
        }
    }

    /// Every good article, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (&ArticlePath, &Packed)> {
        self.files.iter().filter_map(|(_, file)| match &file.known {
            Known::Good(card) => Some((&file.path, card)),
            _ => None,
        })
    }

    /// Files that withhold an article and cannot be used, with the ids that they state.
    pub fn withheld(&self) -> impl Iterator<Item = (&ArticlePath, &EntryId)> {
        self.files.iter().filter_map(|(_, file)| match &file.known {
            Known::Withheld(Some(id)) => Some((&file.path, id)),
            _ => None,
        })
    }

    /// Every file, refused ones included, in no order.
    pub fn paths(&self) -> impl Iterator<Item = &ArticlePath> {
        self.files.iter().map(|(_, file)| &file.path)
    }

    /// Whether other files than its own pages are in a folder or below it.
    pub fn has_others(&self, folder: &str) -> bool {
        self.others.contains_key(folder)
    }

    /// The pages of all folders, in no order.
    pub fn pages(&self) -> impl Iterator<Item = &ArticlePath> {
        self.pages.values().flatten()
    }

    /// The pages of folders that got their first other file or lost the last one since the last call.
    pub fn take_turned(&mut self) -> BTreeSet<ArticlePath> {
        std::mem::take(&mut self.turned)
    }

    /// Notes that a file came or went.
    fn count(&mut self, path: &ArticlePath, is_new: bool) {
        let mut folder = path.folder();
        if bundle::is_index(path) {
            if is_new {
                self.pages.entry(folder.into()).or_default().insert(path.clone());
            } else if let Some(pages) = self.pages.get_mut(folder) {
                pages.remove(path);
                if pages.is_empty() {
                    self.pages.remove(folder);
                }
            }
            folder = above(folder);
        }
        while !folder.is_empty() {
            let is_turned = match self.others.get_mut(folder) {
                None if is_new => self.others.insert(folder.into(), 1).is_none(),
                Some(1) if !is_new => self.others.remove(folder).is_some(),
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
            if is_turned {
                self.turned.extend(self.pages.get(folder).into_iter().flatten().cloned());
            }
            folder = above(folder);
        }
    }

    /// How many files there are, refused ones included.
    pub fn len(&self) -> usize {
        self.files.len()
    }

    /// Whether there is no file at all.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    fn number(&self, path: &ArticlePath) -> Option<SlotId> {
        self.by_path.candidates(path).find(|number| self.files.get(*number).is_some_and(|file| file.path == *path))
    }

    fn known(&self, path: &ArticlePath) -> Option<&Known> {
        self.files.get(self.number(path)?).map(|file| &file.known)
    }

    fn change<R>(&mut self, path: &ArticlePath, change: impl FnOnce(&mut Known) -> R) -> R {
        let number = self.number(path);
        if let Some(file) = number.and_then(|number| self.files.get_mut(number)) {
            return change(&mut file.known);
        }
        let mut known = Known::Refused(Access::default());
        let result = change(&mut known);
        let number = self.files.insert(File { path: path.clone(), known });
        let files = &self.files;
        self.by_path.insert(path, number, |number| files.get(number).map(|file| &file.path));
        self.count(path, true);
        result
    }
}

fn above(folder: &str) -> &str {
    folder.rsplit_once('/').map_or("", |(above, _)| above)
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
            let found: Vec<String> = catalog.missing(&listing, false).iter().map(ToString::to_string).collect();
            assert_eq!(found.join(" "), missing, "{listing:?}");
        }
    }
}
