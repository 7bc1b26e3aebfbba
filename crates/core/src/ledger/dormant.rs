//! Dormant articles: their files are gone, and their notices, if they had any, have ended.
//!
//! The store has their facts. Memory has only fingerprints of their paths, ids and versions, which recognise an article that comes back,
//! and the time of each retraction, which the article's page shows.

use hashbrown::HashTable;
use jiff::Timestamp;

use super::ArticleFacts;
use crate::types::{ArticlePath, ContentHash, EntryId, SHORT_ID_LETTERS, folded};

/// Eight bytes of a hash that identify a path, an id or a version. Collisions are possible.
pub type Fingerprint = u64;

/// The number of bits in a short id, which are the first bits of the id's fingerprint.
const SHORT_BITS: u32 = 50;

/// The fingerprints that may recognise an article. Different articles may have the same, so the store compares the full values.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fingerprints {
    /// Of its path, regardless of letter case and Unicode normalisation.
    pub path: Fingerprint,
    /// Of its id.
    pub id: Option<Fingerprint>,
    /// Of its version.
    pub version: Option<Fingerprint>,
}

impl Fingerprints {
    /// The fingerprints of an article.
    pub fn of(path: &ArticlePath, article: &ArticleFacts) -> Fingerprints {
        Fingerprints {
            path: of_path(path),
            id: article.id.as_ref().map(of_id),
            version: article.hash().map(of_version),
        }
    }
}

/// The fingerprint of a path, regardless of letter case and Unicode normalisation.
pub fn of_path(path: &ArticlePath) -> Fingerprint {
    first_bytes(ContentHash::of(folded(path.as_str()).as_bytes()))
}

/// The fingerprint of an id. Begins with the bits of the short id, so that a range query finds it by that.
pub fn of_id(id: &EntryId) -> Fingerprint {
    let hash = first_bytes(ContentHash::of(id.as_str().as_bytes()));
    // The short id consists of the last 50 bits of the first seven bytes of the hash.
    ((hash >> 8) << (u64::BITS - SHORT_BITS)) | ((hash >> (8 + SHORT_BITS)) << 8) | (hash & 0xff)
}

/// The fingerprint of a version.
pub fn of_version(version: ContentHash) -> Fingerprint {
    first_bytes(version)
}

fn first_bytes(hash: ContentHash) -> Fingerprint {
    hash.as_bytes().first_chunk().map_or(0, |bytes| Fingerprint::from_be_bytes(*bytes))
}

/// When dormant articles were retracted (Unix seconds), by the fingerprints of their ids.
#[derive(Clone, Debug, Default)]
pub struct Retired(imbl::OrdMap<Fingerprint, i64>);

impl Retired {
    /// When the article with this short id was retracted.
    pub fn by_short_id(&self, short_id: &str) -> Option<Timestamp> {
        // The first digit of a short id is the least significant one.
        let bits = short_id.bytes().rev().try_fold(0_u64, |bits, letter| {
            let bits = bits.checked_mul(1 << 5).filter(|bits| *bits < 1 << SHORT_BITS)?;
            let value = SHORT_ID_LETTERS.iter().position(|known| *known == letter)?;
            Some(bits | u64::try_from(value).ok()?)
        });
        let bits = bits.filter(|_| short_id.len() * 5 == SHORT_BITS as usize)?;
        let first = bits << (u64::BITS - SHORT_BITS);
        let last = first | ((1 << (u64::BITS - SHORT_BITS)) - 1);
        let (_, second) = self.0.range(first..=last).next()?;
        Timestamp::from_second(*second).ok()
    }

    /// Whether these fingerprints include an id.
    pub fn has(&self, id: Fingerprint) -> bool {
        self.0.contains_key(&id)
    }

    /// Whether both are unchanged copies of each other. Cheap; may return `false` for equal contents.
    pub fn is_same(&self, other: &Retired) -> bool {
        self.0.ptr_eq(&other.0) || (self.0.is_empty() && other.0.is_empty())
    }
}

/// The fingerprints of all dormant articles.
#[derive(Clone, Debug, Default)]
pub struct Dormant {
    paths: Multiset,
    versions: Multiset,
    ids: Retired,
}

impl Dormant {
    /// How many articles are dormant.
    pub fn len(&self) -> usize {
        self.paths.0.len()
    }

    /// Whether no article is dormant.
    pub fn is_empty(&self) -> bool {
        self.paths.0.is_empty()
    }

    /// Whether an article with this path may be dormant.
    pub fn has_path(&self, path: Fingerprint) -> bool {
        self.paths.contains(path)
    }

    /// Whether an article with this id may be dormant.
    pub fn has_id(&self, id: Fingerprint) -> bool {
        self.ids.has(id)
    }

    /// Whether an article with this version may be dormant.
    pub fn has_version(&self, version: Fingerprint) -> bool {
        self.versions.contains(version)
    }

    /// When the dormant articles that have ids were retracted.
    pub fn retired(&self) -> &Retired {
        &self.ids
    }

    /// The approximate memory use of the fingerprints in bytes. An ordered map is about two thirds full.
    pub fn bytes(&self) -> usize {
        let map = self.ids.0.len() * size_of::<(Fingerprint, i64)>() * 3 / 2;
        self.paths.0.allocation_size() + self.versions.0.allocation_size() + map
    }

    pub(super) fn add(&mut self, article: Fingerprints, since: i64) {
        self.paths.insert(article.path);
        article.version.into_iter().for_each(|version| self.versions.insert(version));
        if let Some(id) = article.id {
            self.ids.0.insert(id, since);
        }
    }

    /// Removes the fingerprints of an article. Returns whether the article still has its id, or `None` if it isn't dormant.
    pub(super) fn remove_article(&mut self, article: Fingerprints) -> Option<bool> {
        if !self.paths.remove(article.path) {
            return None;
        }
        if let Some(version) = article.version {
            self.versions.remove(version);
        }
        Some(article.id.is_some_and(|id| self.release_id(id)))
    }

    /// Removes these fingerprints, even if several articles have them.
    pub(super) fn forget<'f>(
        &mut self,
        paths: impl IntoIterator<Item = &'f Fingerprint>,
        ids: impl IntoIterator<Item = &'f Fingerprint>,
        versions: impl IntoIterator<Item = &'f Fingerprint>,
    ) {
        for path in paths {
            while self.paths.remove(*path) {}
        }
        for id in ids {
            self.ids.0.remove(id);
        }
        for version in versions {
            while self.versions.remove(*version) {}
        }
    }

    /// Takes an id from the dormant article that has it. Returns whether there is one.
    pub(super) fn release_id(&mut self, id: Fingerprint) -> bool {
        self.ids.0.remove(&id).is_some()
    }
}

/// Fingerprints, which may occur several times.
#[derive(Clone, Debug, Default)]
struct Multiset(HashTable<Fingerprint>);

impl Multiset {
    fn contains(&self, fingerprint: Fingerprint) -> bool {
        self.0.find(hash_of(&fingerprint), |other| *other == fingerprint).is_some()
    }

    fn insert(&mut self, fingerprint: Fingerprint) {
        self.0.insert_unique(hash_of(&fingerprint), fingerprint, hash_of);
    }

    fn remove(&mut self, fingerprint: Fingerprint) -> bool {
        let found = self.0.find_entry(hash_of(&fingerprint), |other| *other == fingerprint);
        found.map(|entry| entry.remove()).is_ok()
    }
}

/// The hash of a fingerprint. Fingerprints are parts of hashes already.
fn hash_of(fingerprint: &Fingerprint) -> u64 {
    *fingerprint
}
