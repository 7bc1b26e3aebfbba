//! What was last read of each file, and which files articles name. Thirty bytes for each of a million files, by folder, since that is
//! how they are listed.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::BuildHasher;

use hashbrown::DefaultHashBuilder;

use crate::article::MediaFacts;
use crate::article::card::Packed;
use crate::beneath::Stamp;
use crate::types::{ArticlePath, ContentHash};

/// A file that an article names, what it was when the article was read, and what a look showed then, if somebody looked.
pub(super) type Named = (ArticlePath, Option<MediaFacts>, Option<Option<Stamp>>);

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

/// A file that an article names, as it was measured when the article was read.
#[derive(Debug)]
struct Measured {
    file: ArticlePath,
    facts: Option<MediaFacts>,
    /// Of what it looked like, 0 where it was not there: another one may have the same length. `None`: nobody looked yet.
    version: Option<u64>,
}

impl Measured {
    fn facts(&self) -> (&ArticlePath, Option<MediaFacts>) {
        (&self.file, self.facts)
    }
}

/// All files that were read and are not gone.
#[derive(Debug, Default)]
pub(super) struct KnownFiles {
    folders: BTreeMap<Box<str>, BTreeMap<ArticlePath, Known>>,
    hasher: DefaultHashBuilder,
    /// The files that articles name.
    files: HashMap<ArticlePath, Vec<Measured>>,
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

    /// The number of the file that was read at a path.
    pub(super) fn file(&self, path: &ArticlePath) -> Option<u64> {
        self.get(path).map(|known| known.file)
    }

    /// Whether what was read of a file, and was good, has these bytes.
    pub(super) fn has_content(&self, path: &ArticlePath, hash: ContentHash) -> bool {
        self.content(path) == Some(number(hash))
    }

    /// The number of the bytes that were read of a file, which tells them from others; `None`: nothing good is known.
    pub(super) fn content(&self, path: &ArticlePath) -> Option<u64> {
        self.get(path).map(|known| known.content).filter(|content| *content != 0)
    }

    /// Notes how a file looks whose bytes are known.
    pub(super) fn note_look(&mut self, path: &ArticlePath, stamp: Stamp) {
        let version = self.version(stamp);
        if let Some(known) = self.folders.get_mut(path.folder()).and_then(|folder| folder.get_mut(path)) {
            (known.file, known.version) = (file(stamp), version);
        }
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
        let files = self.measured(files);
        let known_files = self.files.get(path).into_iter().flatten().map(Measured::facts);
        let same_files = known_files.eq(files.iter().map(Measured::facts));
        let before = self.folders.entry(path.folder().into()).or_default().insert(path.clone(), known);
        if !same_files || !files.is_empty() {
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
                let files = card.open(path).files.into_iter().map(|(file, facts)| (file, facts, None));
                named.push((path, files.collect()));
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
        for (path, files) in named {
            let files = self.measured(files);
            self.name(path, files);
        }
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

    /// The articles that name a file.
    pub(super) fn naming(&self, file: &ArticlePath) -> impl Iterator<Item = &ArticlePath> {
        self.named.get(file).into_iter().flatten()
    }

    /// Looks at the files that articles name whose paths begin so. Which articles have to measure them again? What nobody looked at
    /// yet may have changed since it was measured if it `is_young`.
    pub(super) fn remeasured(
        &mut self,
        prefix: &str,
        look: impl Fn(&ArticlePath) -> Option<Stamp>,
        is_young: impl Fn(Stamp) -> bool,
    ) -> BTreeSet<ArticlePath> {
        let mut remeasured = BTreeSet::new();
        let named = self.named.range(ArticlePath::new(prefix)..);
        for (file, articles) in named.take_while(|(file, _)| file.as_str().starts_with(prefix)) {
            let stamp = look(file);
            let version = stamp.map_or(0, |stamp| version(&self.hasher, stamp));
            for path in articles {
                let measured = self.files.get_mut(path).into_iter().flatten();
                for measured in measured.filter(|measured| measured.file == *file) {
                    let same_length = measured.facts.map(|facts| facts.length) == stamp.map(|stamp| stamp.size);
                    let is_same = match measured.version {
                        Some(before) => before == version,
                        None => same_length && !stamp.is_some_and(&is_young),
                    };
                    match is_same {
                        true => measured.version = Some(version),
                        false => drop(remeasured.insert(path.clone())),
                    }
                }
            }
        }
        remeasured
    }

    /// The files that articles name whose paths begin so, with those articles.
    pub(super) fn named(&self, prefix: &str) -> impl Iterator<Item = (&ArticlePath, &BTreeSet<ArticlePath>)> {
        self.named.range(ArticlePath::new(prefix)..).take_while(move |(file, _)| file.as_str().starts_with(prefix))
    }

    fn get(&self, path: &ArticlePath) -> Option<&Known> {
        self.folders.get(path.folder())?.get(path)
    }

    fn version(&self, stamp: Stamp) -> u64 {
        version(&self.hasher, stamp)
    }

    fn measured(&self, files: Vec<Named>) -> Vec<Measured> {
        let version = |stamp: Option<Stamp>| stamp.map_or(0, |stamp| self.version(stamp));
        files.into_iter().map(|(file, facts, look)| Measured { file, facts, version: look.map(version) }).collect()
    }

    fn name(&mut self, path: &ArticlePath, files: Vec<Measured>) {
        for Measured { file, .. } in self.files.remove(path).unwrap_or_default() {
            let Some(articles) = self.named.get_mut(&file) else { continue };
            articles.remove(path);
            if articles.is_empty() {
                self.named.remove(&file);
            }
        }
        for Measured { file, .. } in &files {
            self.named.entry(file.clone()).or_default().insert(path.clone());
        }
        if !files.is_empty() {
            self.files.insert(path.clone(), files);
        }
    }
}

fn version(hasher: &DefaultHashBuilder, stamp: Stamp) -> u64 {
    hasher.hash_one(stamp).max(1)
}

/// The number of a file on all devices, as long as it is there.
pub(super) fn file(stamp: Stamp) -> u64 {
    // Devices have small numbers; this spreads them over those of files.
    stamp.inode ^ stamp.device.wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// The number of the bytes with a hash.
pub(super) fn number(hash: ContentHash) -> u64 {
    hash.as_bytes().first_chunk().map_or(1, |bytes| u64::from_le_bytes(*bytes).max(1))
}
