//! What was last read of each file, and which files articles name. Thirty bytes for each of a million files, by folder, since that is
//! how they are listed.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::BuildHasher;

use hashbrown::DefaultHashBuilder;

use super::coalesce::Stamp;
use crate::article::MediaFacts;
use crate::article::card::Packed;
use crate::types::{ArticlePath, ContentHash};

/// A file that an article names, and what it was when the article was read.
pub(super) type Named = (ArticlePath, Option<MediaFacts>);

/// What was last read of a file. Of its stamp and of its bytes there is as much as tells versions apart; 0: nothing good is known.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
struct Known {
    /// Of the number of the file and of its device.
    file: u64,
    /// Of all the stamp.
    version: u64,
    /// Of the bytes.
    content: u64,
}

/// All files that were read and are not gone.
#[derive(Debug, Default)]
pub(super) struct KnownFiles {
    folders: BTreeMap<Box<str>, BTreeMap<ArticlePath, Known>>,
    hasher: DefaultHashBuilder,
    /// The files that articles name.
    files: HashMap<ArticlePath, Vec<Named>>,
    /// The articles that name them.
    named: BTreeMap<ArticlePath, BTreeSet<ArticlePath>>,
}

impl KnownFiles {
    /// Forgets what was read, so that every file is news, but not which files there are.
    pub(super) fn forget_versions(&mut self) {
        self.folders.values_mut().flat_map(BTreeMap::values_mut).for_each(|known| *known = Known::default());
    }

    /// Whether nothing was read of a file, or what was read is forgotten.
    pub(super) fn is_unread(&self, path: &ArticlePath) -> bool {
        self.get(path).is_none_or(|known| known.version == 0)
    }

    pub(super) fn contains(&self, path: &ArticlePath) -> bool {
        self.get(path).is_some()
    }

    /// Whether a file looks as it did when it was read.
    pub(super) fn is_unchanged(&self, path: &ArticlePath, stamp: Stamp) -> bool {
        self.get(path).is_some_and(|known| known.version == self.version(stamp))
    }

    /// Whether what was read at a path is this file, perhaps another version of it.
    pub(super) fn is_same_file(&self, path: &ArticlePath, stamp: Stamp) -> bool {
        self.get(path).is_some_and(|known| known.file == file(stamp))
    }

    /// Notes what was read. Says whether it is news.
    pub(super) fn note(
        &mut self,
        path: &ArticlePath,
        stamp: Option<Stamp>,
        hash: Option<ContentHash>,
        files: Vec<Named>,
    ) -> bool {
        let known = Known {
            file: stamp.map_or(0, file),
            version: stamp.map_or(0, |stamp| self.version(stamp)),
            content: hash.map_or(0, number),
        };
        let same_files = self.files_of(path) == files;
        let before = self.folders.entry(path.folder().into()).or_default().insert(path.clone(), known);
        if !same_files {
            self.name(path, files);
        }
        !same_files || before.is_none_or(|before| before.content == 0 || before.content != known.content)
    }

    /// Notes files of a folder of which only the cards are told: what earlier runs read, or this one of those that no window shows.
    pub(super) fn note_recalled<'f>(
        &mut self,
        folder: &str,
        files: impl Iterator<Item = (&'f ArticlePath, Stamp, &'f Packed)>,
    ) {
        let mut named = Vec::new();
        let known = files.map(|(path, stamp, card)| {
            if card.has_files() || self.files.contains_key(path) {
                named.push((path, card.open(path).files));
            }
            let known = Known { file: file(stamp), version: self.version(stamp), content: number(card.hash()) };
            (path.clone(), known)
        });
        let mut known: BTreeMap<ArticlePath, Known> = known.collect();
        let folder = self.folders.entry(folder.into()).or_default();
        // All at once, which takes far fewer comparisons than one by one, but goes through what is there already.
        match known.len() < folder.len() / 16 {
            true => folder.extend(known),
            false => folder.append(&mut known),
        }
        named.into_iter().for_each(|(path, files)| self.name(path, files));
    }

    /// Gives back the room that is left in it, once all files are known: what came one by one takes nearly twice what it needs.
    pub(super) fn compact(&mut self) {
        for folder in self.folders.values_mut() {
            *folder = std::mem::take(folder).into_iter().collect();
        }
    }

    /// Whatever is at a path from now on is news.
    pub(super) fn disown(&mut self, path: &ArticlePath) {
        if let Some(known) = self.folders.get_mut(path.folder()).and_then(|folder| folder.get_mut(path)) {
            *known = Known::default();
        }
    }

    /// Forgets a file that is gone. Says whether it was known.
    pub(super) fn forget(&mut self, path: &ArticlePath) -> bool {
        let Some(folder) = self.folders.get_mut(path.folder()) else { return false };
        let was_known = folder.remove(path).is_some();
        if folder.is_empty() {
            self.folders.remove(path.folder());
        }
        self.name(path, Vec::new());
        was_known
    }

    /// The files of a folder alone, in order.
    pub(super) fn in_folder(&self, folder: &str) -> impl Iterator<Item = &ArticlePath> {
        self.folders.get(folder).into_iter().flat_map(BTreeMap::keys)
    }

    /// The folders that have files, of a folder and all below it; `""` for all.
    pub(super) fn folders(&self, scope: &str) -> impl Iterator<Item = &str> {
        let inside = move |folder: &str| {
            scope.is_empty() || folder.strip_prefix(scope).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let from = self.folders.range::<str, _>((std::ops::Bound::Included(scope), std::ops::Bound::Unbounded));
        let near = from.map(|(folder, _)| &**folder).take_while(move |folder| folder.starts_with(scope));
        near.filter(move |folder| inside(folder))
    }

    /// All files in a folder and below it, by folder.
    pub(super) fn below(&self, scope: &str) -> impl Iterator<Item = &ArticlePath> {
        self.folders(scope).flat_map(|folder| self.in_folder(folder))
    }

    /// The files that an article names.
    pub(super) fn files_of(&self, path: &ArticlePath) -> &[Named] {
        self.files.get(path).map(Vec::as_slice).unwrap_or_default()
    }

    /// The articles that name a file.
    pub(super) fn naming(&self, file: &ArticlePath) -> impl Iterator<Item = &ArticlePath> {
        self.named.get(file).into_iter().flatten()
    }

    /// The files that articles name whose paths begin so, with those articles.
    pub(super) fn named(&self, prefix: &str) -> impl Iterator<Item = (&ArticlePath, &BTreeSet<ArticlePath>)> {
        self.named.range(ArticlePath::new(prefix)..).take_while(move |(file, _)| file.as_str().starts_with(prefix))
    }

    fn get(&self, path: &ArticlePath) -> Option<&Known> {
        self.folders.get(path.folder())?.get(path)
    }

    fn version(&self, stamp: Stamp) -> u64 {
        self.hasher.hash_one(stamp).max(1)
    }

    fn name(&mut self, path: &ArticlePath, files: Vec<Named>) {
        for (file, _) in self.files.remove(path).unwrap_or_default() {
            let Some(articles) = self.named.get_mut(&file) else { continue };
            articles.remove(path);
            if articles.is_empty() {
                self.named.remove(&file);
            }
        }
        for (file, _) in &files {
            self.named.entry(file.clone()).or_default().insert(path.clone());
        }
        if !files.is_empty() {
            self.files.insert(path.clone(), files);
        }
    }
}

fn file(stamp: Stamp) -> u64 {
    // Devices have small numbers; this spreads them over those of files.
    stamp.inode ^ stamp.device.wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

fn number(hash: ContentHash) -> u64 {
    hash.as_bytes().first_chunk().map_or(1, |bytes| u64::from_le_bytes(*bytes).max(1))
}
