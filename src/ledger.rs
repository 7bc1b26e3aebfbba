//! What dateline must never forget about articles and documents: the fold of durable [`Record`]s.
//!
//! An article gets its id once, when readers first see it, and keeps it whatever becomes of its title, slug, section, folder,
//! file name or format. What was retracted stays so until somebody brings it back. A document keeps its Last-Modified while its
//! bytes do not change, and neither that nor a feed's `updated` ever goes back.
//!
//! Long because every kind of record stands here beside what it folds to, and its tests.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use jiff::Timestamp;

use crate::types::{ArticlePath, ContentHash, EntryId, Text};

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
        /// Its date of first publication, as readers see it.
        date: Timestamp,
    },
    /// What readers see of an article reads otherwise than before, or is looked at for the first time.
    Text {
        /// Its file.
        path: ArticlePath,
        /// What it reads like now.
        print: TextPrint,
        /// When it last changed; `None`: not since it was first looked at.
        changed: Option<Timestamp>,
    },
    /// Readers know an article under this id from the feed that was there before.
    Imported {
        /// Its file.
        path: ArticlePath,
        /// For life.
        id: EntryId,
    },
    /// An article's file is elsewhere.
    Moved {
        /// Where it was.
        from: ArticlePath,
        /// Where it is.
        to: ArticlePath,
    },
    /// An article is withheld: a draft again, or under an embargo. Readers are told nothing.
    Withdrawn {
        /// Its file.
        path: ArticlePath,
        /// The routes of the feeds that had it.
        feeds: Vec<Arc<str>>,
    },
    /// The file of an article vanished by accident: the article stays until somebody says otherwise.
    Lost {
        /// Where the file was.
        path: ArticlePath,
    },
    /// It is there again, or its loss was accepted.
    Found {
        /// Its file.
        path: ArticlePath,
    },
    /// Another article took the place of one in the same file: its id is nobody's any more.
    Replaced {
        /// The id that readers know.
        id: EntryId,
        /// Since when, and the feeds that had it.
        retraction: Retraction,
    },
    /// An article is no longer for readers.
    Retracted {
        /// Its file, which may be gone.
        path: ArticlePath,
        /// Why and since when.
        retraction: Retraction,
    },
    /// A retracted article is for readers again.
    Restored {
        /// Its file.
        path: ArticlePath,
    },
    /// A retracted article's file has these bytes, by which it is recognised when it is moved: under another path it would be
    /// public.
    Hidden {
        /// Its file.
        path: ArticlePath,
        /// Of the file's bytes.
        hash: ContentHash,
    },
    /// The file of an entry that readers see, kept so that a refused edit or a lost file does not lose the entry.
    Kept {
        /// Of the bytes.
        hash: ContentHash,
        /// Its file.
        path: ArticlePath,
        /// The file.
        bytes: Arc<[u8]>,
    },
    /// No window holds this version any more.
    Dropped {
        /// Of the bytes.
        hash: ContentHash,
    },
    /// A feed changed in a way that readers are told of.
    Feed {
        /// Its canonical request path.
        route: Arc<str>,
        /// What its `updated` says.
        updated: Timestamp,
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

/// What an article reads like: title, text and picture, without markup. Prints of different versions say nothing about each
/// other.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TextPrint {
    /// Of the text.
    pub hash: ContentHash,
    /// Of the program that made the text of the article, and of what readers see of it.
    pub version: u32,
}

/// Why an article was retracted, and since when.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Retraction {
    /// When.
    pub at: Timestamp,
    /// What readers are told.
    pub reason: Option<Text>,
    /// Who did it.
    pub by: Withdrawal,
    /// The routes of the feeds that had it.
    pub feeds: Vec<Arc<str>>,
}

/// How an article was retracted, and so how it comes back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Withdrawal {
    /// Its file was deleted. It comes back with the file.
    Deleted,
    /// Its file says so. It comes back when the file says otherwise.
    Status,
    /// By command, whatever the file says. It comes back by command.
    Command,
}

/// What is remembered of the article in a file.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Remembered {
    /// The id under which readers know it.
    pub id: Option<EntryId>,
    /// When it was first seen, if it had no date then.
    pub seen: Option<Timestamp>,
    /// The version that was public last, or of a retracted article the last one at all.
    pub hash: Option<ContentHash>,
    /// Its date of first publication, as readers saw it last.
    pub date: Option<Timestamp>,
    /// What it reads like.
    pub print: Option<TextPrint>,
    /// When that last changed.
    pub changed: Option<Timestamp>,
    /// That it was retracted.
    pub retraction: Option<Box<Retraction>>,
    /// That it is withheld without a word, and the routes of the feeds that had it.
    pub withdrawn: Option<Vec<Arc<str>>>,
    /// That its file vanished by accident.
    pub lost: bool,
}

impl Remembered {
    /// Whether readers saw it and were not told that it is gone.
    pub fn is_known(&self) -> bool {
        self.id.is_some() && self.hash.is_some() && self.retraction.is_none()
    }

    /// Whether readers can see it, as far as it is not to come or past its time.
    pub fn is_live(&self) -> bool {
        self.is_known() && self.withdrawn.is_none()
    }

    /// Whether an operator retracted it, which nothing undoes but an operator.
    pub fn is_retracted_by_command(&self) -> bool {
        self.retraction.as_ref().is_some_and(|retraction| retraction.by == Withdrawal::Command)
    }
}

/// What readers of a feed are told about an article that was retracted (RFC 6721).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Tombstone {
    /// When.
    pub at: Timestamp,
    /// Under which they know it.
    pub id: EntryId,
    /// Why, if that is public.
    pub reason: Option<Text>,
}

/// Everything that is remembered.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    articles: HashMap<ArticlePath, Remembered>,
    holders: HashMap<EntryId, ArticlePath>,
    versions: BTreeSet<(ContentHash, ArticlePath)>,
    tombstones: HashMap<Arc<str>, BTreeSet<Tombstone>>,
    /// Feeds that have other tombstones than when it was last asked.
    retold: BTreeSet<Arc<str>>,
    /// Ids that are nobody's any more.
    replaced: BTreeMap<EntryId, Retraction>,
    kept: HashSet<ContentHash>,
    feeds: HashMap<Arc<str>, Timestamp>,
    documents: HashMap<Arc<str>, (ContentHash, Timestamp)>,
}

impl Ledger {
    /// What records say, in their order.
    pub fn replay(records: impl IntoIterator<Item = Record>) -> Ledger {
        let mut ledger = Ledger::default();
        records.into_iter().for_each(|record| ledger.apply(&record));
        ledger
    }

    /// Makes room for so many more articles, which costs less at once than by and by.
    pub fn reserve(&mut self, articles: usize) {
        self.articles.reserve(articles);
        self.holders.reserve(articles);
    }

    /// Takes one more record in.
    pub fn apply(&mut self, record: &Record) {
        match record {
            Record::Seen { path, at } => {
                self.remembered(path).seen.get_or_insert(*at);
            }
            Record::Imported { path, id } => self.hold(path, id),
            Record::Published { path, id, hash, date } => {
                self.hold(path, id);
                let remembered = self.remember_version(path, *hash);
                remembered.date = Some(*date);
                remembered.withdrawn = None;
            }
            Record::Hidden { path, hash } => drop(self.remember_version(path, *hash)),
            Record::Text { path, print, changed } => {
                let remembered = self.remembered(path);
                remembered.print = Some(*print);
                remembered.changed = *changed;
            }
            Record::Moved { from, to } => {
                let Some(remembered) = self.articles.remove(from) else { return };
                let mut remembered = remembered;
                if let Some(replaced) = self.articles.remove(to) {
                    self.forget_version(replaced.hash, to);
                    // An operator meant what is in this file.
                    if replaced.is_retracted_by_command() && !remembered.is_retracted_by_command() {
                        self.bury(&remembered, false);
                        let told = remembered.retraction.take();
                        remembered.retraction = replaced.retraction.clone();
                        // What readers were told stays as it was told.
                        if let (Some(retraction), Some(told)) = (&mut remembered.retraction, told) {
                            (retraction.at, retraction.feeds) = (told.at, told.feeds);
                        }
                        self.bury(&remembered, true);
                    }
                    replaced.id.iter().for_each(|id| drop(self.holders.remove(id)));
                }
                self.forget_version(remembered.hash, from);
                self.holders.extend(remembered.id.clone().map(|id| (id, to.clone())));
                self.versions.extend(remembered.hash.map(|hash| (hash, to.clone())));
                self.articles.insert(to.clone(), remembered);
            }
            Record::Retracted { path, retraction } => {
                self.raise(path);
                self.remembered(path).retraction = Some(Box::new(retraction.clone()));
                if let Some(remembered) = self.articles.get(path).cloned() {
                    self.bury(&remembered, true);
                }
            }
            Record::Restored { path } => {
                self.raise(path);
                if let Some(remembered) = self.articles.get_mut(path) {
                    remembered.retraction = None;
                }
            }
            Record::Withdrawn { path, feeds } => self.remembered(path).withdrawn = Some(feeds.clone()),
            Record::Lost { path } => self.remembered(path).lost = true,
            Record::Found { path } => self.remembered(path).lost = false,
            Record::Replaced { id, retraction } => {
                self.holders.remove(id);
                self.bury_id(id, retraction, true);
                self.replaced.insert(id.clone(), retraction.clone());
            }
            Record::Kept { hash, .. } => drop(self.kept.insert(*hash)),
            Record::Dropped { hash } => drop(self.kept.remove(hash)),
            Record::Feed { route, updated } => drop(self.feeds.insert(Arc::clone(route), *updated)),
            Record::Document { route, hash, last_modified } => {
                self.documents.insert(Arc::clone(route), (*hash, *last_modified));
            }
        }
    }

    /// What is remembered of the article in a file.
    pub fn article(&self, path: &ArticlePath) -> Option<&Remembered> {
        self.articles.get(path)
    }

    /// Every article that anything is remembered of, in no order.
    pub fn articles(&self) -> impl Iterator<Item = (&ArticlePath, &Remembered)> {
        self.articles.iter()
    }

    /// Whether the id of the article in a file is this one.
    pub fn holds(&self, path: &ArticlePath, id: &EntryId) -> bool {
        self.holders.get(id) == Some(path)
    }

    /// The file of the article with this id.
    pub fn holder(&self, id: &EntryId) -> Option<&ArticlePath> {
        self.holders.get(id)
    }

    /// Ids that are nobody's any more, and why.
    pub fn replaced(&self) -> impl Iterator<Item = (&EntryId, &Retraction)> {
        self.replaced.iter()
    }

    /// The files whose public version had these bytes, in order.
    pub fn with_version(&self, hash: ContentHash) -> impl Iterator<Item = &ArticlePath> {
        let from = (hash, ArticlePath::new(""));
        self.versions.range(from..).take_while(move |(other, _)| *other == hash).map(|(_, path)| path)
    }

    /// What was retracted from a feed, oldest first.
    pub fn tombstones(&self, route: &str) -> impl DoubleEndedIterator<Item = &Tombstone> {
        self.tombstones.get(route).into_iter().flatten()
    }

    /// The routes of the feeds that have to tell of other retractions than when this was last asked.
    pub fn take_retold(&mut self) -> BTreeSet<Arc<str>> {
        std::mem::take(&mut self.retold)
    }

    /// Whether the bytes of a version are in the store.
    pub fn keeps(&self, hash: ContentHash) -> bool {
        self.kept.contains(&hash)
    }

    /// Every version that is in the store, in no order.
    pub fn kept(&self) -> impl Iterator<Item = ContentHash> {
        self.kept.iter().copied()
    }

    /// What a feed's `updated` said last.
    pub fn feed_updated(&self, route: &str) -> Option<Timestamp> {
        self.feeds.get(route).copied()
    }

    /// The hash of a document that readers had last, and its Last-Modified.
    pub fn document(&self, route: &str) -> Option<(ContentHash, Timestamp)> {
        self.documents.get(route).copied()
    }

    fn remembered(&mut self, path: &ArticlePath) -> &mut Remembered {
        self.articles.entry(path.clone()).or_default()
    }

    /// An id has one holder; who had it before and is gone has lost it, and its retraction is over.
    fn hold(&mut self, path: &ArticlePath, id: &EntryId) {
        if self.holds(path, id) {
            return;
        }
        if let Some(before) = self.holders.insert(id.clone(), path.clone())
            && before != *path
        {
            self.raise(&before);
            let mut retraction = None;
            if let Some(remembered) = self.articles.get_mut(&before) {
                remembered.id = None;
                retraction = remembered.retraction.take();
            }
            // What an operator retracted stays retracted, whichever file has its id.
            if retraction.as_ref().is_some_and(|retraction| retraction.by == Withdrawal::Command) {
                self.remembered(path).retraction = retraction;
            }
        }
        if let Some(retraction) = self.replaced.remove(id) {
            self.bury_id(id, &retraction, false);
        }
        if let Some(other) = self.remembered(path).id.replace(id.clone()).filter(|other| other != id) {
            self.holders.remove(&other);
        }
    }

    /// Takes the tombstones of an article away.
    fn raise(&mut self, path: &ArticlePath) {
        if let Some(remembered) = self.articles.get(path).cloned() {
            self.bury(&remembered, false);
        }
    }

    /// Puts the tombstones of a retracted article where they belong, or takes them away.
    fn bury(&mut self, article: &Remembered, buried: bool) {
        if let (Some(id), Some(retraction)) = (&article.id, &article.retraction) {
            self.bury_id(id, retraction, buried);
        }
    }

    fn bury_id(&mut self, id: &EntryId, retraction: &Retraction, buried: bool) {
        let tombstone = Tombstone { at: retraction.at, id: id.clone(), reason: retraction.reason.clone() };
        for route in &retraction.feeds {
            self.retold.insert(Arc::clone(route));
            let tombstones = self.tombstones.entry(Arc::clone(route)).or_default();
            if buried {
                tombstones.insert(tombstone.clone());
            } else {
                tombstones.remove(&tombstone);
            }
        }
    }

    fn remember_version(&mut self, path: &ArticlePath, hash: ContentHash) -> &mut Remembered {
        let remembered = self.articles.entry(path.clone()).or_default();
        if let Some(before) = remembered.hash.replace(hash) {
            self.versions.remove(&(before, path.clone()));
        }
        self.versions.insert((hash, path.clone()));
        remembered
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

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("in range")
    }

    fn path(name: &str) -> ArticlePath {
        ArticlePath::new(name)
    }

    fn id(name: &str) -> EntryId {
        EntryId::minted(name.to_owned())
    }

    fn published(name: &str, entry: &str, text: &str) -> Record {
        Record::Published { path: path(name), id: id(entry), hash: ContentHash::of(text.as_bytes()), date: at(1) }
    }

    fn moved(from: &str, to: &str) -> Record {
        Record::Moved { from: path(from), to: path(to) }
    }

    fn retracted(name: &str, second: i64) -> Record {
        let reason = Some(Text::new("libel"));
        let feeds = vec!["/news/".into(), "/".into()];
        let retraction = Retraction { at: at(second), reason, by: Withdrawal::Deleted, feeds };
        Record::Retracted { path: path(name), retraction }
    }

    #[test]
    fn an_id_follows_its_file_and_has_one_holder() {
        let mut ledger =
            Ledger::replay([published("a.md", "tag:x", "1"), published("a.md", "tag:x", "2"), moved("a.md", "b.md")]);
        assert!(ledger.holds(&path("b.md"), &id("tag:x")) && ledger.article(&path("a.md")).is_none());
        assert_eq!(ledger.with_version(ContentHash::of(b"2")).collect::<Vec<_>>(), [&path("b.md")]);
        assert_eq!(ledger.with_version(ContentHash::of(b"1")).count(), 0);
        ledger.apply(&published("c.md", "tag:x", "3"));
        assert!(ledger.holds(&path("c.md"), &id("tag:x")));
        assert!(ledger.article(&path("b.md")).is_some_and(|b| b.id.is_none()));
        ledger.apply(&Record::Seen { path: path("c.md"), at: at(0) });
        ledger.apply(&Record::Seen { path: path("c.md"), at: at(9) });
        assert_eq!(ledger.article(&path("c.md")).and_then(|c| c.seen), Some(at(0)));
    }

    fn by_command() -> Retraction {
        Retraction { at: at(7), reason: None, by: Withdrawal::Command, feeds: Vec::new() }
    }

    #[test]
    fn an_operators_retraction_is_not_undone_by_a_move() {
        for (from, to) in [("a.md", "c.md"), ("c.md", "a.md")] {
            let mut ledger = Ledger::replay([published("a.md", "tag:a", "1"), retracted("a.md", 5)]);
            ledger.apply(&Record::Retracted { path: path("c.md"), retraction: by_command() });
            ledger.apply(&moved(from, to));
            assert!(ledger.article(&path(to)).is_some_and(Remembered::is_retracted_by_command), "{from} to {to}");
        }
    }

    #[test]
    fn tombstones_stand_until_their_article_is_back() {
        let tombstones = |ledger: &Ledger| -> Vec<String> {
            let of = |route: &str| {
                ledger.tombstones(route).map(|stone| format!("{}@{}", stone.id, stone.at.as_second())).collect()
            };
            [of("/news/"), of("/")].into_iter().map(|stones: Vec<String>| stones.join(" ")).collect()
        };
        let story = [
            published("a.md", "tag:a", "1"),
            published("b.md", "tag:b", "2"),
            retracted("a.md", 5),
            retracted("b.md", 6),
        ];
        let ledger = Ledger::replay(story.clone());
        assert_eq!(tombstones(&ledger), ["tag:a@5 tag:b@6", "tag:a@5 tag:b@6"]);
        assert!(!ledger.article(&path("a.md")).is_some_and(Remembered::is_live));
        for (what, more, expected) in [
            ("restored", vec![Record::Restored { path: path("a.md") }], "tag:b@6"),
            ("retracted anew", vec![retracted("a.md", 9)], "tag:b@6 tag:a@9"),
            ("its file is elsewhere", vec![moved("a.md", "c.md"), Record::Restored { path: path("c.md") }], "tag:b@6"),
            ("another file has its id", vec![published("c.md", "tag:a", "3")], "tag:b@6"),
            (
                "an operator retracted the file that it became",
                vec![
                    Record::Retracted { path: path("c.md"), retraction: by_command() },
                    moved("a.md", "c.md"),
                    Record::Restored { path: path("b.md") },
                ],
                "tag:a@5",
            ),
            ("another file took its place", vec![moved("b.md", "a.md")], "tag:a@5 tag:b@6"),
        ] {
            let ledger = Ledger::replay(story.iter().cloned().chain(more));
            assert_eq!(tombstones(&ledger), [expected, expected], "{what}");
        }
    }

    #[test]
    fn an_imported_id_is_held_before_and_after_a_version_is_public() {
        let a = ArticlePath::new("a.md");
        let imported = |id: &str| Record::Imported { path: a.clone(), id: EntryId::minted(id.to_owned()) };
        let mut ledger = Ledger::replay([imported("urn:old")]);
        let (old, new) = (EntryId::minted("urn:old".to_owned()), EntryId::minted("urn:new".to_owned()));
        assert!(ledger.holds(&a, &old) && ledger.article(&a).is_some_and(|a| a.hash.is_none()));
        ledger.apply(&published("a.md", "urn:old", "1"));
        ledger.apply(&imported("urn:new"));
        assert!(ledger.holds(&a, &new) && !ledger.holds(&a, &old));
        assert_eq!(ledger.article(&a).and_then(|a| a.hash), Some(ContentHash::of(b"1")));
    }
}
