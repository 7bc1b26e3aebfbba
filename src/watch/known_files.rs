//! The last read version of each file, and the media files that articles reference. There may be a million files, so a version is stored as
//! three hashes of 64 bits instead of a stamp and a content hash. Files are grouped by folder, because scans list folders.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::BuildHasher;

use hashbrown::DefaultHashBuilder;

use super::cache::CachedFile;
use crate::article::MediaFacts;
use crate::article::card::Packed;
use crate::article::pictures::{gets_pictures, names_of_texts};
use crate::beneath::Stamp;
use crate::types::{ArticlePath, ContentHash};

/// A media file that an article references: its path, its measurements when the article was read, and its stamp then. The outer `None`: the
/// stamp wasn't read.
pub(super) type ReferencedFile = (ArticlePath, Option<MediaFacts>, Option<Option<Stamp>>);

/// The last read version of a file, as hashes. 0: unknown.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
struct KnownFile {
    /// The hash of inode and device ([`file_id`]).
    file: u64,
    /// The hash of the whole stamp.
    version: u64,
    /// The hash of the bytes ([`content_id`]).
    content: u64,
}

/// A media file as it was when an article that references it was read.
#[derive(Debug)]
struct MeasuredFile {
    file: ArticlePath,
    facts: Option<MediaFacts>,
    /// The hash of its stamp, because a different file may have the same length. 0: it was missing. `None`: its stamp wasn't read.
    version: Option<u64>,
}

impl MeasuredFile {
    fn facts(&self) -> (&ArticlePath, Option<MediaFacts>) {
        (&self.file, self.facts)
    }
}

/// All files that were read and not removed.
#[derive(Debug, Default)]
pub(super) struct KnownFiles {
    folders: BTreeMap<Box<str>, BTreeMap<ArticlePath, KnownFile>>,
    hasher: DefaultHashBuilder,
    /// Media files by the articles that reference them.
    references: HashMap<ArticlePath, Vec<MeasuredFile>>,
    /// Articles by the media files that they reference.
    referrers: BTreeMap<ArticlePath, BTreeSet<ArticlePath>>,
}

impl KnownFiles {
    /// Forgets the versions, so that every file counts as changed. Keeps the paths.
    pub(super) fn forget_versions(&mut self) {
        self.folders.values_mut().flat_map(BTreeMap::values_mut).for_each(|known| *known = KnownFile::default());
    }

    /// Whether no version of a file is known.
    pub(super) fn is_unread(&self, path: &ArticlePath) -> bool {
        self.get(path).is_none_or(|known| known.version == 0)
    }

    pub(super) fn contains(&self, path: &ArticlePath) -> bool {
        self.get(path).is_some()
    }

    /// Whether a file has the stamp that it had when it was read.
    pub(super) fn is_unchanged(&self, path: &ArticlePath, stamp: Stamp) -> bool {
        self.get(path).is_some_and(|known| known.version == self.version(stamp))
    }

    /// Whether the file read at a path is the same inode as this one. It may have another version.
    pub(super) fn is_same_file(&self, path: &ArticlePath, stamp: Stamp) -> bool {
        self.get(path).is_some_and(|known| known.file == file_id(stamp))
    }

    /// The id of the file that was read at a path.
    pub(super) fn file_id(&self, path: &ArticlePath) -> Option<u64> {
        self.get(path).map(|known| known.file)
    }

    /// Whether a file had these bytes when it was read.
    pub(super) fn has_content(&self, path: &ArticlePath, hash: ContentHash) -> bool {
        self.content_id(path) == Some(content_id(hash))
    }

    /// The id of the bytes that a file had when it was read. `None`: unknown or unusable.
    pub(super) fn content_id(&self, path: &ArticlePath) -> Option<u64> {
        self.get(path).map(|known| known.content).filter(|content| *content != 0)
    }

    /// Replaces the stamp of a file whose bytes haven't changed.
    pub(super) fn set_stamp(&mut self, path: &ArticlePath, stamp: Stamp) {
        let version = self.version(stamp);
        if let Some(known) = self.folders.get_mut(path.folder()).and_then(|folder| folder.get_mut(path)) {
            (known.file, known.version) = (file_id(stamp), version);
        }
    }

    /// Records a file that was read. Returns whether its bytes or its media files have changed.
    pub(super) fn record_read(
        &mut self,
        path: &ArticlePath,
        stamp: Option<Stamp>,
        hash: Option<ContentHash>,
        files: Vec<ReferencedFile>,
    ) -> bool {
        let known = KnownFile {
            file: stamp.map_or(0, file_id),
            version: stamp.map_or(0, |stamp| self.version(stamp)),
            content: hash.map_or(0, content_id),
        };
        let files = self.with_versions(files);
        let known_files = self.references.get(path).into_iter().flatten().map(MeasuredFile::facts);
        let has_same_files = known_files.eq(files.iter().map(MeasuredFile::facts));
        let before = self.folders.entry(path.folder().into()).or_default().insert(path.clone(), known);
        if !has_same_files || !files.is_empty() {
            self.set_references(path, files);
        }
        !has_same_files || before.is_none_or(|before| before.content == 0 || before.content != known.content)
    }

    /// Records files of a folder whose bodies weren't loaded: cached files, and files that no window shows.
    pub(super) fn record_cached<'f>(
        &mut self,
        folder: &str,
        files: impl Iterator<Item = (&'f ArticlePath, Stamp, &'f CachedFile)>,
    ) {
        let mut named = Vec::new();
        let known = files.map(|(path, stamp, cached)| {
            if cached.cards().any(Packed::has_files) || self.references.contains_key(path) {
                let files = cached.cards().flat_map(|card| card.open(path).files);
                named.push((path, files.map(|(file, facts)| (file, facts, None)).collect()));
            }
            let known =
                KnownFile { file: file_id(stamp), version: self.version(stamp), content: content_id(cached.hash()) };
            (path.clone(), known)
        });
        let mut known: BTreeMap<ArticlePath, KnownFile> = known.collect();
        let folder = self.folders.entry(folder.into()).or_default();
        // `append` merges in linear time, `extend` searches for each file.
        match known.len() < folder.len() / 16 {
            true => folder.extend(known),
            false => folder.append(&mut known),
        }
        for (path, files) in named {
            let files = self.with_versions(files);
            self.set_references(path, files);
        }
    }

    /// Frees unused capacity once all files are known. Maps that were filled one by one take nearly twice as much.
    pub(super) fn compact(&mut self) {
        for folder in self.folders.values_mut() {
            *folder = std::mem::take(folder).into_iter().collect();
        }
    }

    /// Forgets the version of a file, so that it counts as changed.
    pub(super) fn invalidate(&mut self, path: &ArticlePath) {
        if let Some(known) = self.folders.get_mut(path.folder()).and_then(|folder| folder.get_mut(path)) {
            *known = KnownFile::default();
        }
    }

    /// Removes a file. Returns whether it was known.
    pub(super) fn remove(&mut self, path: &ArticlePath) -> bool {
        let Some(folder) = self.folders.get_mut(path.folder()) else { return false };
        let was_known = folder.remove(path).is_some();
        if folder.is_empty() {
            self.folders.remove(path.folder());
        }
        self.set_references(path, Vec::new());
        was_known
    }

    /// The files directly in a folder, in order.
    pub(super) fn files_in(&self, folder: &str) -> impl Iterator<Item = &ArticlePath> {
        self.folders.get(folder).into_iter().flat_map(BTreeMap::keys)
    }

    /// The folders with files in a folder and below it, itself included. `""` for all.
    pub(super) fn folders_below(&self, scope: &str) -> impl Iterator<Item = &str> {
        let inside = move |folder: &str| {
            scope.is_empty() || folder.strip_prefix(scope).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let from = self.folders.range::<str, _>((std::ops::Bound::Included(scope), std::ops::Bound::Unbounded));
        let near = from.map(|(folder, _)| &**folder).take_while(move |folder| folder.starts_with(scope));
        near.filter(move |folder| inside(folder))
    }

    /// The files in a folder and below it, by folder.
    pub(super) fn files_below(&self, scope: &str) -> impl Iterator<Item = &ArticlePath> {
        self.folders_below(scope).flat_map(|folder| self.files_in(folder))
    }

    /// The articles that reference a media file.
    pub(super) fn articles_referencing(&self, file: &ArticlePath) -> impl Iterator<Item = &ArticlePath> {
        self.referrers.get(file).into_iter().flatten()
    }

    /// The texts in a file's folder that get pictures with the file's name.
    pub(super) fn texts_beside(&self, file: &ArticlePath) -> impl Iterator<Item = &ArticlePath> {
        let folder = self.folders.get(file.folder());
        let (path, stem) = (file.as_str(), file.stem());
        let folder_length = path.len() - file.name().len();
        names_of_texts(stem).flat_map(move |name| {
            let start = format!("{}{name}.", path.get(..folder_length).unwrap_or_default());
            let from = folder.into_iter().flat_map({
                let start = ArticlePath::new(&start);
                move |folder| folder.range(start.clone()..)
            });
            let near = from.map(|(text, _)| text).take_while(move |text| text.as_str().starts_with(&start));
            near.filter(move |text| gets_pictures(text) && text.stem() == name && *text != file)
        })
    }

    /// Whether an article doesn't reference all of these media files.
    pub(super) fn lacks_references(&self, path: &ArticlePath, files: &[ArticlePath]) -> bool {
        let known = || self.references.get(path).into_iter().flatten();
        files.iter().any(|file| !known().any(|known| known.file == *file))
    }

    /// Compares the media files whose paths have a prefix with their current stamps. Returns the articles that have to be read again. A
    /// file whose stamp wasn't read may have changed after it was measured if it `is_recent`.
    pub(super) fn articles_to_remeasure(
        &mut self,
        prefix: &str,
        stat: impl Fn(&ArticlePath) -> Option<Stamp>,
        is_recent: impl Fn(Stamp) -> bool,
    ) -> BTreeSet<ArticlePath> {
        let mut outdated = BTreeSet::new();
        let referenced = self.referrers.range(ArticlePath::new(prefix)..);
        for (file, articles) in referenced.take_while(|(file, _)| file.as_str().starts_with(prefix)) {
            let stamp = stat(file);
            let version = stamp.map_or(0, |stamp| version(&self.hasher, stamp));
            for path in articles {
                let measured = self.references.get_mut(path).into_iter().flatten();
                for measured in measured.filter(|measured| measured.file == *file) {
                    let has_same_length = measured.facts.map(|facts| facts.length) == stamp.map(|stamp| stamp.size);
                    let is_same = match measured.version {
                        Some(before) => before == version,
                        None => has_same_length && !stamp.is_some_and(&is_recent),
                    };
                    match is_same {
                        true => measured.version = Some(version),
                        false => drop(outdated.insert(path.clone())),
                    }
                }
            }
        }
        outdated
    }

    /// The media files whose paths have a prefix, with the articles that reference them.
    pub(super) fn referenced_below(
        &self,
        prefix: &str,
    ) -> impl Iterator<Item = (&ArticlePath, &BTreeSet<ArticlePath>)> {
        self.referrers.range(ArticlePath::new(prefix)..).take_while(move |(file, _)| file.as_str().starts_with(prefix))
    }

    fn get(&self, path: &ArticlePath) -> Option<&KnownFile> {
        self.folders.get(path.folder())?.get(path)
    }

    fn version(&self, stamp: Stamp) -> u64 {
        version(&self.hasher, stamp)
    }

    fn with_versions(&self, files: Vec<ReferencedFile>) -> Vec<MeasuredFile> {
        let version = |stamp: Option<Stamp>| stamp.map_or(0, |stamp| self.version(stamp));
        files
            .into_iter()
            .map(|(file, facts, stamp)| MeasuredFile { file, facts, version: stamp.map(version) })
            .collect()
    }

    fn set_references(&mut self, path: &ArticlePath, files: Vec<MeasuredFile>) {
        for MeasuredFile { file, .. } in self.references.remove(path).unwrap_or_default() {
            let Some(articles) = self.referrers.get_mut(&file) else { continue };
            articles.remove(path);
            if articles.is_empty() {
                self.referrers.remove(&file);
            }
        }
        for MeasuredFile { file, .. } in &files {
            self.referrers.entry(file.clone()).or_default().insert(path.clone());
        }
        if !files.is_empty() {
            self.references.insert(path.clone(), files);
        }
    }
}

fn version(hasher: &DefaultHashBuilder, stamp: Stamp) -> u64 {
    hasher.hash_one(stamp).max(1)
}

/// Identifies a file across devices while it exists.
pub(super) fn file_id(stamp: Stamp) -> u64 {
    // Device numbers are small. The multiplication spreads them over 64 bits.
    stamp.inode ^ stamp.device.wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// The first 64 bits of a content hash, and never 0.
pub(super) fn content_id(hash: ContentHash) -> u64 {
    hash.as_bytes().first_chunk().map_or(1, |bytes| u64::from_le_bytes(*bytes).max(1))
}
