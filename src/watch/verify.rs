//! Compares articles' files with the versions that an earlier run published. Saved documents are served before the first scan ends only if
//! their files pass. A file whose row in the cache is valid isn't read.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::sync::Arc;

use super::cache::{CachedFile, CachedRow, RowCodec, rules};
use super::clock::clock;
use super::links::LinkTable;
use super::listing::{Devices, FolderListing};
use super::read::{pictures_of, read_existing};
use super::scan::walk;
use super::stat::stat_file;
use crate::article::{self, ParseOptions, Parsed};
use crate::beneath::{Root, Stamp};
use crate::event::FileState;
use crate::types::{ArticlePath, ContentHash, EntryId};

/// How a file compares with its published version.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FileComparison {
    /// The bytes are the same. Or the file has no valid article and doesn't ask to be withheld, so that its last good version stays.
    Unchanged,
    /// The bytes are different, or the file asks to be withheld.
    Changed,
    /// The file is missing.
    Missing,
    /// The file can't be read or must not be.
    Unreadable,
}

/// Compares files of one source, which are parsed by one set of rules.
#[derive(Debug)]
pub struct FileComparer {
    root: Root,
    options: Arc<ParseOptions>,
    rules: ContentHash,
}

impl FileComparer {
    /// Creates a comparer for files that are parsed with these options.
    pub fn new(root: Root, options: Arc<ParseOptions>) -> FileComparer {
        let rules = rules(&options);
        FileComparer { root, options, rules }
    }

    /// The content directory.
    pub fn root(&self) -> &Root {
        &self.root
    }

    /// Resolves the content directory's path again.
    #[must_use]
    pub fn resolve_again(&self) -> FileComparer {
        FileComparer { root: self.root.resolve_again(), options: Arc::clone(&self.options), rules: self.rules }
    }

    /// Compares a file with a version. `row` is the file's row in the cache, which may be stale.
    pub fn compare(&self, path: &ArticlePath, version: ContentHash, row: Option<CachedRow>) -> FileComparison {
        let stamp = match stat_file(&self.root, path) {
            Ok(Some(stamp)) => stamp,
            Ok(None) => return FileComparison::Missing,
            Err(_) => return FileComparison::Unreadable,
        };
        let same = |is_same: bool| if is_same { FileComparison::Unchanged } else { FileComparison::Changed };
        if let Some(known) = row.and_then(|row| self.decode(path, stamp, row)) {
            return same(known.card.hash() == version);
        }
        match read_existing(&self.root, path, &self.options, article::parse) {
            FileState::Present(Parsed { article: Some(article), .. }) => same(article.card.hash() == version),
            FileState::Present(Parsed { article: None, withhold, .. }) => same(!withhold),
            FileState::Known(card, _) => same(card.hash() == version),
            FileState::Items { hash, .. } => same(hash == version),
            FileState::Absent { .. } => FileComparison::Missing,
            FileState::Unreadable(_) => FileComparison::Unreadable,
        }
    }

    /// Collects the ids that wire texts in the content directory state. If the directory can't be listed, collects those in the folders
    /// `tops`. `rows` loads a folder's rows from the cache.
    pub fn stated_ids(&self, tops: &BTreeSet<String>, rows: impl Fn(&str) -> HashMap<String, CachedRow>) -> StatedIds {
        let mut ids = StatedIds::default();
        let mut folders = Vec::new();
        let mut list = |scope: &str| {
            let found = &mut |folder: FolderListing| {
                let files = folder.files.into_iter().map(|(path, _)| path);
                let wire: Vec<ArticlePath> =
                    files.filter(|path| path.extension().eq_ignore_ascii_case("txt")).collect();
                folders.extend((!wire.is_empty()).then_some((folder.path, wire)));
            };
            let walk = walk(&self.root, scope, &mut Devices::new(), &LinkTable::default(), found);
            let unreadable = walk.listing.directories.into_iter().filter(|folder| folder.unreadable.is_some());
            ids.unclear.extend(unreadable.map(|folder| folder.path));
            !ids.unclear.contains(scope)
        };
        if !list(&self.root.top()) {
            for top in tops {
                list(top);
            }
        }
        for (folder, files) in folders {
            let mut rows = rows(&folder);
            for path in files {
                let row = rows.remove(path.name());
                match self.stated_id(&path, row) {
                    Ok(Some(id)) => drop(ids.files.entry(id).or_default().insert(path)),
                    Ok(None) => {}
                    Err(Unclear) => drop(ids.unclear.insert(folder.clone())),
                }
            }
        }
        ids
    }

    fn stated_id(&self, path: &ArticlePath, row: Option<CachedRow>) -> Result<Option<EntryId>, Unclear> {
        let Some(stamp) = stat_file(&self.root, path).ok().flatten() else { return Ok(None) };
        let known = row.and_then(|row| self.decode(path, stamp, row));
        let card = match known {
            Some(known) => known.card,
            None => match read_existing(&self.root, path, &self.options, article::parse) {
                FileState::Present(Parsed { article: Some(article), .. }) => article.card,
                FileState::Present(Parsed { withhold: true, id: None, .. }) | FileState::Unreadable(_) => {
                    return Err(Unclear);
                }
                FileState::Present(Parsed { id, .. }) => return Ok(id),
                FileState::Known(card, _) => card,
                FileState::Absent { .. } | FileState::Items { .. } => return Ok(None),
            },
        };
        Ok(card.open(path).id)
    }

    fn decode(&self, path: &ArticlePath, stamp: Stamp, row: CachedRow) -> Option<CachedFile> {
        let rows = RowCodec::with_rules(&self.root, self.rules);
        rows.decode(path, &pictures_of(&self.root, path), stamp, row, clock())
    }
}

/// A file that can't be read, or that asks to be withheld without saying which item it is about.
struct Unclear;

/// The ids that wire texts state.
#[derive(Debug, Default)]
pub struct StatedIds {
    files: HashMap<EntryId, HashSet<ArticlePath>>,
    /// Folders that can't be listed, or that have a file whose item isn't known.
    unclear: HashSet<String>,
}

impl StatedIds {
    /// Whether no other file states this id. (Agencies send a kill as a new file.) `None`: unknown.
    pub fn is_unique(&self, id: &EntryId, path: &ArticlePath) -> Option<bool> {
        let is_unique = self.files.get(id).is_none_or(|files| files.iter().all(|file| file == path));
        (!is_unique || !self.unclear.contains(path.folder())).then_some(is_unique)
    }
}

/// The state of the content directory as a whole.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum RootState {
    /// The directory has visible entries. Holds its device number.
    Present(u64),
    /// The directory has no visible entries, as when a disk isn't mounted.
    Empty,
    /// The directory can't be read. Holds the error.
    Unreachable(String),
}

impl RootState {
    /// The directory's device number.
    pub fn device(&self) -> Option<u64> {
        match self {
            RootState::Present(device) => Some(*device),
            RootState::Empty | RootState::Unreachable(_) => None,
        }
    }

    /// The state of a content directory.
    pub fn of(root: &Root) -> RootState {
        let device = match fs::metadata(&root.path) {
            Ok(metadata) => metadata.dev(),
            Err(error) => return RootState::Unreachable(error.to_string()),
        };
        let is_visible = |entry: std::io::Result<fs::DirEntry>| {
            entry.map_or(true, |entry| !entry.file_name().to_string_lossy().starts_with('.'))
        };
        // A directory that can't be listed isn't empty.
        match fs::read_dir(&root.path).is_ok_and(|mut entries| !entries.any(is_visible)) {
            true => RootState::Empty,
            false => RootState::Present(device),
        }
    }
}
