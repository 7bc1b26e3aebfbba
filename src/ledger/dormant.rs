//! Dormant articles: their files are gone, and no feed tells of that any more. The store has what is remembered of them; in memory are
//! only fingerprints of their paths, ids and versions, by which an article that comes back is recognised, and when each was retracted,
//! which its page tells.

use hashbrown::HashTable;
use jiff::Timestamp;

use super::Remembered;
use crate::types::{ArticlePath, ContentHash, EntryId, SHORT_ID_LETTERS, folded};

/// What tells paths, ids or versions apart, in eight bytes.
pub type Fingerprint = u64;

/// The last letter of a short id is in the 50th bit of a fingerprint.
const SHORT_BITS: u32 = 50;

/// What an article may be recognised by. Fingerprints of several may be the same; the store compares what is behind them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fingerprints {
    /// Of its path, as file systems compare it that mind neither case nor normalisation.
    pub path: Fingerprint,
    /// Of the id that it holds.
    pub id: Option<Fingerprint>,
    /// Of its version.
    pub version: Option<Fingerprint>,
}

impl Fingerprints {
    /// Those of an article.
    pub fn of(path: &ArticlePath, article: &Remembered) -> Fingerprints {
        Fingerprints {
            path: of_path(path),
            id: article.id.as_ref().map(of_id),
            version: article.hash().map(of_version),
        }
    }
}

/// The fingerprint of a path: other spellings of it have the same.
pub fn of_path(path: &ArticlePath) -> Fingerprint {
    first_bytes(ContentHash::of(folded(path.as_str()).as_bytes()))
}

/// The fingerprint of an id. The short id of its page is in it, so that it is found by that.
pub fn of_id(id: &EntryId) -> Fingerprint {
    let hash = first_bytes(ContentHash::of(id.as_str().as_bytes()));
    // The last 50 bits of the first seven bytes make the short id: they go first.
    ((hash >> 8) << (u64::BITS - SHORT_BITS)) | ((hash >> (8 + SHORT_BITS)) << 8) | (hash & 0xff)
}

/// The fingerprint of a version.
pub fn of_version(version: ContentHash) -> Fingerprint {
    first_bytes(version)
}

fn first_bytes(hash: ContentHash) -> Fingerprint {
    hash.as_bytes().first_chunk().map_or(0, |bytes| Fingerprint::from_be_bytes(*bytes))
}

/// Since when articles are retracted that are dormant, by the fingerprints of their ids (seconds since 1970).
#[derive(Clone, Debug, Default)]
pub struct Retired(imbl::OrdMap<Fingerprint, i64>);

impl Retired {
    /// When the article was retracted whose page has this short id.
    pub fn by_short_id(&self, short_id: &str) -> Option<Timestamp> {
        // The first letter has the last bits.
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

    /// Whether it has an id.
    pub fn has(&self, id: Fingerprint) -> bool {
        self.0.contains_key(&id)
    }

    /// Whether nothing was changed in either since one was copied from the other.
    pub fn is_same(&self, other: &Retired) -> bool {
        self.0.ptr_eq(&other.0) || (self.0.is_empty() && other.0.is_empty())
    }
}

/// The fingerprints of all dormant articles.
#[derive(Clone, Debug, Default)]
pub struct Dormant {
    paths: Bag,
    versions: Bag,
    ids: Retired,
}

impl Dormant {
    /// How many articles are dormant.
    pub fn len(&self) -> usize {
        self.paths.0.len()
    }

    /// Whether no article is.
    pub fn is_empty(&self) -> bool {
        self.paths.0.is_empty()
    }

    /// Whether an article with such a path may be dormant.
    pub fn has_path(&self, path: Fingerprint) -> bool {
        self.paths.contains(path)
    }

    /// Whether the article with such an id may be dormant.
    pub fn has_id(&self, id: Fingerprint) -> bool {
        self.ids.has(id)
    }

    /// Whether an article with such a version may be dormant.
    pub fn has_version(&self, version: Fingerprint) -> bool {
        self.versions.contains(version)
    }

    /// Since when those are retracted that have ids.
    pub fn retired(&self) -> &Retired {
        &self.ids
    }

    /// About how much memory fingerprints take (bytes). A map in order has two thirds of its places filled.
    pub fn bytes(&self) -> usize {
        let map = self.ids.0.len() * size_of::<(Fingerprint, i64)>() * 3 / 2;
        self.paths.0.allocation_size() + self.versions.0.allocation_size() + map
    }

    pub(super) fn add(&mut self, of: Fingerprints, since: i64) {
        self.paths.insert(of.path);
        of.version.into_iter().for_each(|version| self.versions.insert(version));
        if let Some(id) = of.id {
            self.ids.0.insert(id, since);
        }
    }

    /// Takes an article's fingerprints out. Says whether its id is still its own; `None`: it isn't dormant.
    pub(super) fn take(&mut self, of: Fingerprints) -> Option<bool> {
        if !self.paths.remove(of.path) {
            return None;
        }
        if let Some(version) = of.version {
            self.versions.remove(version);
        }
        Some(of.id.is_some_and(|id| self.release(id)))
    }

    /// Removes these fingerprints, whosever they are.
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

    /// Another article has this id from now on. Says whether a dormant one had it.
    pub(super) fn release(&mut self, id: Fingerprint) -> bool {
        self.ids.0.remove(&id).is_some()
    }
}

/// Fingerprints, some perhaps several times.
#[derive(Clone, Debug, Default)]
struct Bag(HashTable<Fingerprint>);

impl Bag {
    fn contains(&self, fingerprint: Fingerprint) -> bool {
        self.0.find(spread(&fingerprint), |other| *other == fingerprint).is_some()
    }

    fn insert(&mut self, fingerprint: Fingerprint) {
        self.0.insert_unique(spread(&fingerprint), fingerprint, spread);
    }

    fn remove(&mut self, fingerprint: Fingerprint) -> bool {
        let found = self.0.find_entry(spread(&fingerprint), |other| *other == fingerprint);
        found.map(|entry| entry.remove()).is_ok()
    }
}

/// They are parts of hashes.
fn spread(fingerprint: &Fingerprint) -> u64 {
    *fingerprint
}
