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
use super::media_files::pictures_of;
use super::read::read_existing;
use super::scan::walk;
use super::stat::stat_file;
use crate::article::card::Card;
use crate::article::{self, Availability, MediaTerms, NoticeAction, ParseOptions, Parsed};
use crate::beneath::{Root, Stamp};
use crate::event::FileState;
use crate::types::{ArticlePath, ContentHash};

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

    /// Compares a file, or an item in one, with a version. `row` is the file's row in the cache, which may be stale.
    pub fn compare(&self, path: &ArticlePath, version: ContentHash, row: Option<CachedRow>) -> FileComparison {
        let stamp = match stat_file(&self.root, path) {
            Ok(Some(stamp)) => stamp,
            Ok(None) => return FileComparison::Missing,
            Err(_) => return FileComparison::Unreadable,
        };
        let same = |is_same: bool| if is_same { FileComparison::Unchanged } else { FileComparison::Changed };
        let file = ArticlePath::new(path.file());
        if let Some(known) = row.and_then(|row| self.decode(&file, stamp, row)) {
            return match known.hash_of(path) {
                Some(hash) => same(hash == version),
                None => FileComparison::Missing,
            };
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

    /// Collects the keys of items that files in the content directory state. If the directory can't be listed, collects those in the folders
    /// `tops`. `rows` loads a folder's rows from the cache.
    pub fn stated_keys(
        &self,
        tops: &BTreeSet<String>,
        rows: impl Fn(&str) -> HashMap<String, CachedRow>,
    ) -> StatedKeys {
        let mut keys = StatedKeys::default();
        let mut folders = Vec::new();
        let mut list = |scope: &str| {
            let found = &mut |folder: FolderListing| {
                let files = folder.files.into_iter().map(|(path, _)| path);
                let items: Vec<ArticlePath> = files.filter(may_state_key).collect();
                folders.extend((!items.is_empty()).then_some((folder.path, items)));
            };
            let walk = walk(&self.root, scope, &mut Devices::new(), &LinkTable::default(), found);
            let unreadable = walk.listing.directories.into_iter().filter(|folder| folder.unreadable.is_some());
            keys.unclear.extend(unreadable.map(|folder| folder.path));
            !keys.unclear.contains(scope)
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
                let is_clear = self.add_keys(&mut keys, &path, row);
                if !is_clear {
                    keys.unclear.insert(folder.clone());
                }
            }
        }
        keys
    }

    /// Adds the keys that a file states. Returns `false` if it can't be read, or asks to be withheld without saying which item it is about.
    fn add_keys(&self, keys: &mut StatedKeys, path: &ArticlePath, row: Option<CachedRow>) -> bool {
        let Some(stamp) = stat_file(&self.root, path).ok().flatten() else { return true };
        let state = match row.and_then(|row| self.decode(path, stamp, row)) {
            Some(known) => known.into_state(),
            None => read_existing(&self.root, path, &self.options, article::parse),
        };
        keys.add(path, &state)
    }

    fn decode(&self, path: &ArticlePath, stamp: Stamp, row: CachedRow) -> Option<CachedFile> {
        let rows = RowCodec::with_rules(&self.root, self.rules);
        rows.decode(path, &pictures_of(&self.root, path), stamp, row, clock())
    }
}

/// Whether a file may state the key of an item.
fn may_state_key(path: &ArticlePath) -> bool {
    ["txt", "json", "xml"].iter().any(|known| path.extension().eq_ignore_ascii_case(known))
}

/// The keys of items that files state.
#[derive(Debug, Default)]
pub struct StatedKeys {
    files: HashMap<String, HashSet<ArticlePath>>,
    /// Folders that can't be listed, or that have a file whose item isn't known.
    unclear: HashSet<String>,
    /// Whether an agency withholds a picture, which any story may show, or a story that it names otherwise.
    is_vague: bool,
}

impl StatedKeys {
    /// Adds the keys in a file. Returns `false` if it can't be read, or asks to be withheld without saying which item it is about.
    fn add(&mut self, path: &ArticlePath, state: &FileState) -> bool {
        let mut add = |key: &str| {
            self.files.entry(key.to_owned()).or_default().insert(path.clone());
        };
        let mut add_card = |card: Card| {
            card.id.iter().for_each(|id| add(id.as_str()));
            card.item.iter().for_each(|item| add(item.key.as_str()));
        };
        match state {
            FileState::Known(card, _) => add_card(card.open(path)),
            FileState::Items { items, .. } => return items.iter().all(|item| self.add(&item.path, &item.state)),
            FileState::Absent { .. } => {}
            FileState::Unreadable(_) => return false,
            FileState::Present(Parsed { article: Some(article), .. }) => add_card(article.card.open(path)),
            FileState::Present(Parsed { withhold, id, item, notice, media_terms, .. }) => {
                id.iter().for_each(|id| add(id.as_str()));
                item.iter().for_each(|item| add(item.key.as_str()));
                if let Some(notice) = notice.as_ref().filter(|notice| notice.action == NoticeAction::Kill) {
                    notice.keys.iter().for_each(|key| add(key.as_str()));
                    // A slugline may be that of any story.
                    self.is_vague |= !notice.slugs.is_empty();
                }
                let is_limited = |terms: &MediaTerms| terms.availability != Availability::ALWAYS;
                self.is_vague |= media_terms.iter().any(is_limited);
                return !withhold || id.is_some() || item.is_some();
            }
        }
        true
    }

    /// Whether no other file states this key. (Agencies send a kill as a new file.) `None`: unknown.
    pub fn is_unique(&self, key: &str, path: &ArticlePath) -> Option<bool> {
        let is_unique = self.files.get(key).is_none_or(|files| files.iter().all(|file| file == path));
        let is_clear = !self.is_vague && !self.unclear.contains(path.folder());
        (!is_unique || is_clear).then_some(is_unique)
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
