//! What dateline must never forget about articles and documents: the fold of durable [`Record`]s.
//!
//! An article gets its id once, when readers first see it, and keeps it whatever becomes of its title, slug, section, folder,
//! file name or format. A document keeps its Last-Modified while its bytes do not change, and it never goes back.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use jiff::Timestamp;

use crate::types::{ArticlePath, ContentHash, EntryId};

/// One fact. It is durable before a reader sees anything that depends on it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Record {
    /// An article without a date was seen for the first time: from then on it is dated by it.
    Seen {
        /// Its file.
        path: ArticlePath,
        /// When.
        at: Timestamp,
    },
    /// A version of an article is public under this id.
    Published {
        /// Its file.
        path: ArticlePath,
        /// For life.
        id: EntryId,
        /// Of the file's bytes, by which a moved file is recognised.
        hash: ContentHash,
    },
    /// An article's file is elsewhere.
    Moved {
        /// Where it was.
        from: ArticlePath,
        /// Where it is.
        to: ArticlePath,
    },
    /// A document has other bytes.
    Document {
        /// Its canonical request path.
        route: Arc<str>,
        /// Of its bytes.
        hash: ContentHash,
        /// What its Last-Modified says.
        last_modified: Timestamp,
    },
}

/// What is remembered of the article in a file.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Remembered {
    /// The id under which readers know it.
    pub id: Option<EntryId>,
    /// When it was first seen, if it had no date then.
    pub seen: Option<Timestamp>,
    /// The version that was public last.
    pub hash: Option<ContentHash>,
}

/// Everything that is remembered.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    articles: HashMap<ArticlePath, Remembered>,
    holders: HashMap<EntryId, ArticlePath>,
    versions: BTreeSet<(ContentHash, ArticlePath)>,
    documents: HashMap<Arc<str>, (ContentHash, Timestamp)>,
}

impl Ledger {
    /// What records say, in their order.
    pub fn replay(records: impl IntoIterator<Item = Record>) -> Ledger {
        let mut ledger = Ledger::default();
        records.into_iter().for_each(|record| ledger.apply(&record));
        ledger
    }

    /// Takes one more record in.
    pub fn apply(&mut self, record: &Record) {
        match record {
            Record::Seen { path, at } => {
                self.articles.entry(path.clone()).or_default().seen.get_or_insert(*at);
            }
            Record::Published { path, id, hash } => {
                // An id has one holder; who had it before and is gone has lost it.
                if let Some(before) = self.holders.insert(id.clone(), path.clone())
                    && before != *path
                    && let Some(remembered) = self.articles.get_mut(&before)
                {
                    remembered.id = None;
                }
                let remembered = self.articles.entry(path.clone()).or_default();
                if let Some(other) = remembered.id.replace(id.clone()).filter(|other| other != id) {
                    self.holders.remove(&other);
                }
                let before = remembered.hash.replace(*hash);
                self.forget_version(before, path);
                self.versions.insert((*hash, path.clone()));
            }
            Record::Moved { from, to } => {
                let Some(remembered) = self.articles.remove(from) else { return };
                self.forget_version(remembered.hash, from);
                self.holders.extend(remembered.id.clone().map(|id| (id, to.clone())));
                if let Some(hash) = remembered.hash {
                    self.versions.insert((hash, to.clone()));
                }
                self.articles.insert(to.clone(), remembered);
            }
            Record::Document { route, hash, last_modified } => {
                self.documents.insert(Arc::clone(route), (*hash, *last_modified));
            }
        }
    }

    /// What is remembered of the article in a file.
    pub fn article(&self, path: &ArticlePath) -> Option<&Remembered> {
        self.articles.get(path)
    }

    /// Whether the id of the article in a file is this one.
    pub fn holds(&self, path: &ArticlePath, id: &EntryId) -> bool {
        self.holders.get(id) == Some(path)
    }

    /// The files whose public version had these bytes, in order.
    pub fn with_version(&self, hash: ContentHash) -> impl Iterator<Item = &ArticlePath> {
        let from = (hash, ArticlePath::new(""));
        self.versions.range(from..).take_while(move |(other, _)| *other == hash).map(|(_, path)| path)
    }

    /// The hash of a document that readers had last, and its Last-Modified.
    pub fn document(&self, route: &str) -> Option<(ContentHash, Timestamp)> {
        self.documents.get(route).copied()
    }

    fn forget_version(&mut self, hash: Option<ContentHash>, path: &ArticlePath) {
        if let Some(hash) = hash {
            self.versions.remove(&(hash, path.clone()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn published(path: &str, id: &str, text: &str) -> Record {
        Record::Published {
            path: ArticlePath::new(path),
            id: EntryId::minted(id.to_owned()),
            hash: ContentHash::of(text.as_bytes()),
        }
    }

    #[test]
    fn an_id_follows_its_file_and_has_one_holder() {
        let (a, b, c) = (ArticlePath::new("a.md"), ArticlePath::new("b.md"), ArticlePath::new("c.md"));
        let moved = |from: &ArticlePath, to: &ArticlePath| Record::Moved { from: from.clone(), to: to.clone() };
        let mut ledger =
            Ledger::replay([published("a.md", "tag:x", "1"), published("a.md", "tag:x", "2"), moved(&a, &b)]);
        let id = EntryId::minted("tag:x".to_owned());
        assert!(ledger.holds(&b, &id) && !ledger.holds(&a, &id) && ledger.article(&a).is_none());
        assert_eq!(ledger.with_version(ContentHash::of(b"2")).collect::<Vec<_>>(), [&b]);
        assert_eq!(ledger.with_version(ContentHash::of(b"1")).count(), 0);
        ledger.apply(&published("c.md", "tag:x", "3"));
        assert!(ledger.holds(&c, &id) && ledger.article(&b).is_some_and(|b| b.id.is_none()));
        ledger.apply(&Record::Seen { path: c.clone(), at: Timestamp::UNIX_EPOCH });
        ledger.apply(&Record::Seen { path: c.clone(), at: Timestamp::MAX });
        assert_eq!(ledger.article(&c).and_then(|c| c.seen), Some(Timestamp::UNIX_EPOCH));
    }
}
