//! Compares articles' files with the versions that an earlier run published, for documents that are shown again before everything
//! was looked at. Nothing is read of a file that looks as it did when an earlier run read it.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::sync::Arc;

use super::cache::{Cached, Seals, rules};
use super::clock;
use super::links::LinkTable;
use super::read::read_known;
use super::scan::{Devices, Folder, look, walk};
use crate::article::{self, ParseOptions, Parsed};
use crate::beneath::Root;
use crate::event::FileState;
use crate::types::{ArticlePath, ContentHash, EntryId};

/// What became of a file since it was published.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Finding {
    /// It has the same bytes; or it cannot be parsed and does not ask to be withheld, so that its last good version stays published.
    Unchanged,
    /// It reads otherwise, or asks to be withheld.
    Changed,
    /// It is not there.
    Missing,
    /// It cannot be looked at or read, or must not be.
    Unreadable,
}

/// Compares files below one content directory, which are read by one set of rules.
#[derive(Debug)]
pub struct Comparison {
    root: Root,
    options: Arc<ParseOptions>,
    rules: ContentHash,
}

impl Comparison {
    /// Of files that are read so.
    pub fn new(root: Root, options: Arc<ParseOptions>) -> Comparison {
        let rules = rules(&options);
        Comparison { root, options, rules }
    }

    /// The content directory.
    pub fn root(&self) -> &Root {
        &self.root
    }

    /// The same of the directory that the content directory's path leads to by now.
    #[must_use]
    pub fn resolve_again(&self) -> Comparison {
        Comparison { root: self.root.resolve_again(), options: Arc::clone(&self.options), rules: self.rules }
    }

    /// Compares a file with a version of it. `row` is what is kept of the file: it counts only if the file still looks like that.
    pub fn compare(&self, path: &ArticlePath, version: ContentHash, row: Option<Cached>) -> Finding {
        let stamp = match look(&self.root, path) {
            Ok(Some(stamp)) => stamp,
            Ok(None) => return Finding::Missing,
            Err(_) => return Finding::Unreadable,
        };
        let same = |is_same: bool| if is_same { Finding::Unchanged } else { Finding::Changed };
        if let Some(known) = row.and_then(|row| self.seals().recall(path, stamp, row, clock())) {
            return same(known.card.hash() == version);
        }
        match read_known(&self.root, path, &self.options, article::parse) {
            FileState::Present(Parsed { article: Some(article), .. }) => same(article.card.hash() == version),
            FileState::Present(Parsed { article: None, withhold, .. }) => same(!withhold),
            FileState::Known(card, _) => same(card.hash() == version),
            FileState::Absent { .. } => Finding::Missing,
            FileState::Unreadable(_) => Finding::Unreadable,
        }
    }

    /// The ids that wire texts state anywhere in the content directory, or where that can't be listed, in these folders of it. `rows` gives
    /// what is kept of the files of a folder.
    pub fn stated_ids(&self, tops: &BTreeSet<&str>, rows: impl Fn(&str) -> HashMap<String, Cached>) -> StatedIds {
        let mut stated = StatedIds::default();
        let mut folders = Vec::new();
        let mut list = |scope: &str| {
            let found = &mut |folder: Folder| {
                let files = folder.files.into_iter().map(|(path, _)| path);
                let wire: Vec<ArticlePath> =
                    files.filter(|path| path.extension().eq_ignore_ascii_case("txt")).collect();
                folders.extend((!wire.is_empty()).then_some((folder.path, wire)));
            };
            let walk = walk(&self.root, scope, &mut Devices::new(), &LinkTable::default(), found);
            let unreadable = walk.listing.directories.into_iter().filter(|folder| folder.unreadable.is_some());
            stated.unclear.extend(unreadable.map(|folder| folder.path));
            !stated.unclear.contains(scope)
        };
        if !list("") {
            for top in tops {
                list(top);
            }
        }
        for (folder, files) in folders {
            let mut rows = rows(&folder);
            for path in files {
                let row = rows.remove(path.name());
                match self.stated_id(&path, row) {
                    Ok(Some(id)) => drop(stated.files.entry(id).or_default().insert(path)),
                    Ok(None) => {}
                    Err(Unclear) => drop(stated.unclear.insert(folder.clone())),
                }
            }
        }
        stated
    }

    fn stated_id(&self, path: &ArticlePath, row: Option<Cached>) -> Result<Option<EntryId>, Unclear> {
        let Some(stamp) = look(&self.root, path).ok().flatten() else { return Ok(None) };
        let known = row.and_then(|row| self.seals().recall(path, stamp, row, clock()));
        let card = match known {
            Some(known) => known.card,
            None => match read_known(&self.root, path, &self.options, article::parse) {
                FileState::Present(Parsed { article: Some(article), .. }) => article.card,
                FileState::Present(Parsed { withhold: true, id: None, .. }) | FileState::Unreadable(_) => {
                    return Err(Unclear);
                }
                FileState::Present(Parsed { id, .. }) => return Ok(id),
                FileState::Known(card, _) => card,
                FileState::Absent { .. } => return Ok(None),
            },
        };
        Ok(card.open(path).id)
    }

    fn seals(&self) -> Seals<'_> {
        Seals::by_rules(&self.root, self.rules)
    }
}

/// A file that asks to be withheld and doesn't say which item it is about, or that can't be read.
struct Unclear;

/// The ids that wire texts state.
#[derive(Debug, Default)]
pub struct StatedIds {
    files: HashMap<EntryId, HashSet<ArticlePath>>,
    /// Folders with a file of which nobody can say which item it is about.
    unclear: HashSet<String>,
}

impl StatedIds {
    /// Whether no other file is about an item: a kill arrives as a new file. `None`: nobody can say.
    pub fn is_alone(&self, id: &EntryId, path: &ArticlePath) -> Option<bool> {
        let is_alone = self.files.get(id).is_none_or(|files| files.iter().all(|file| file == path));
        (!is_alone || !self.unclear.contains(path.folder())).then_some(is_alone)
    }
}

/// What the content directory as a whole looks like.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum RootState {
    /// It is there, and something is in it; on which device.
    Present(u64),
    /// Nothing is in it, as where a disk is not mounted.
    Empty,
    /// It cannot be looked at, and why.
    Unreachable(String),
}

impl RootState {
    /// The device that it is on.
    pub fn device(&self) -> Option<u64> {
        match self {
            RootState::Present(device) => Some(*device),
            RootState::Empty | RootState::Unreachable(_) => None,
        }
    }

    /// Looks at a content directory.
    pub fn of(root: &Root) -> RootState {
        let device = match fs::metadata(&root.path) {
            Ok(metadata) => metadata.dev(),
            Err(error) => return RootState::Unreachable(error.to_string()),
        };
        let is_visible = |entry: std::io::Result<fs::DirEntry>| {
            entry.map_or(true, |entry| !entry.file_name().to_string_lossy().starts_with('.'))
        };
        // One that cannot be listed is not an empty one.
        match fs::read_dir(&root.path).is_ok_and(|mut entries| !entries.any(is_visible)) {
            true => RootState::Empty,
            false => RootState::Present(device),
        }
    }
}
