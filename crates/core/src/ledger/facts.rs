//! The facts about one article, and the types of these facts.

use std::sync::Arc;

use jiff::Timestamp;

use super::VersionRank;
use super::archive::Number;
use crate::types::{ContentHash, EntryId, Language, Moment, Text, WebUrl};

/// The durable facts about the article in a file, packed. [`UnpackedFacts`] is the unpacked form.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ArticleFacts {
    /// The id under which the article was published.
    pub id: Option<EntryId>,
    /// The last public version, or the last version of a retracted article. All zeros: none.
    pub(super) hash: ContentHash,
    /// The date of first publication that readers saw last (Unix seconds). `i64::MIN`: not published yet.
    pub(super) date: i64,
    /// The version of an agency's item that readers saw last, or that withholds or retracts the item.
    pub(super) version: Option<Box<VersionRank>>,
    pub(super) rare: Option<Box<RareFacts>>,
    /// The entry's latest sequence number. Zero: none.
    pub(super) number: Number,
}

/// The unpacked form of [`ArticleFacts`].
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct UnpackedFacts {
    /// See [`ArticleFacts`].
    pub id: Option<EntryId>,
    /// The last public version, or the last version of a retracted article.
    pub hash: Option<ContentHash>,
    /// The date of first publication that readers saw last.
    pub date: Option<Timestamp>,
    /// When the article was first seen, if it had no date then.
    pub seen: Option<Timestamp>,
    /// The fingerprint of the article's text.
    pub print: Option<TextPrint>,
    /// When the text last changed.
    pub changed: Option<Timestamp>,
    /// When the text was first fingerprinted.
    pub first: Option<Timestamp>,
    /// The retraction, if the article is retracted.
    pub retraction: Option<Retraction>,
    /// The feeds that contained the article, if it is withheld without a notice.
    pub withdrawn: Option<Routes>,
    /// The version of an agency's item.
    pub version: Option<VersionRank>,
    /// The version that an editor released last.
    pub released: Option<ContentHash>,
}

impl From<&ArticleFacts> for UnpackedFacts {
    fn from(article: &ArticleFacts) -> UnpackedFacts {
        UnpackedFacts {
            id: article.id.clone(),
            hash: article.hash(),
            date: article.date(),
            seen: article.seen(),
            print: article.print(),
            changed: article.changed(),
            first: article.first(),
            retraction: article.retraction().cloned(),
            withdrawn: article.withdrawn().cloned(),
            version: article.version().cloned(),
            released: article.rare.as_ref().and_then(|rare| rare.released),
        }
    }
}

impl From<UnpackedFacts> for ArticleFacts {
    fn from(facts: UnpackedFacts) -> ArticleFacts {
        let UnpackedFacts { id, hash, date, seen, print, changed, first, retraction, withdrawn, version, released } =
            facts;
        let rare = RareFacts { seen, print, changed, first, retraction, withdrawn, released, ..RareFacts::default() };
        ArticleFacts {
            id,
            hash: hash.unwrap_or(NO_VERSION),
            date: date.map_or(i64::MIN, Timestamp::as_second),
            version: version.map(Box::new),
            rare: (rare != RareFacts::default()).then(|| Box::new(rare)),
            number: 0,
        }
    }
}

/// UnpackedFacts that few articles have.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct RareFacts {
    pub(super) seen: Option<Timestamp>,
    pub(super) print: Option<TextPrint>,
    pub(super) changed: Option<Timestamp>,
    pub(super) first: Option<Timestamp>,
    pub(super) retraction: Option<Retraction>,
    pub(super) withdrawn: Option<Routes>,
    pub(super) released: Option<ContentHash>,
    /// Whether the version wasn't public when it was recorded ([`super::Record::Hidden`]).
    pub(super) is_hidden: bool,
    pub(super) lost: bool,
    pub(super) awaits_date: bool,
    /// Earlier sequence numbers, from before the entry joined a feed late.
    pub(super) earlier_numbers: Vec<Number>,
}

/// Stands for no version. No known input has this hash.
pub(super) const NO_VERSION: ContentHash = ContentHash::from_bytes([0; 16]);

impl Default for ArticleFacts {
    fn default() -> ArticleFacts {
        ArticleFacts { id: None, hash: NO_VERSION, date: i64::MIN, version: None, rare: None, number: 0 }
    }
}

impl ArticleFacts {
    /// The last public version, or the last version of a retracted article.
    pub fn hash(&self) -> Option<ContentHash> {
        Some(self.hash).filter(|hash| *hash != NO_VERSION)
    }

    /// The date of first publication that readers saw last.
    pub fn date(&self) -> Option<Timestamp> {
        Timestamp::from_second(self.date).ok()
    }

    /// When the article was first seen, if it had no date then.
    pub fn seen(&self) -> Option<Timestamp> {
        self.rare.as_ref()?.seen
    }

    /// Whether the article arrived with many others without a date, and none of them has got one yet ([`super::Record::Undated`]).
    pub fn awaits_date(&self) -> bool {
        self.rare.as_ref().is_some_and(|rare| rare.awaits_date)
    }

    /// The fingerprint of the article's text.
    pub fn print(&self) -> Option<TextPrint> {
        self.rare.as_ref()?.print
    }

    /// When the text last changed.
    pub fn changed(&self) -> Option<Timestamp> {
        self.rare.as_ref()?.changed
    }

    /// When the text was first fingerprinted.
    pub fn first(&self) -> Option<Timestamp> {
        self.rare.as_ref()?.first
    }

    /// The retraction, if the article is retracted.
    pub fn retraction(&self) -> Option<&Retraction> {
        self.rare.as_ref()?.retraction.as_ref()
    }

    /// When the article was retracted (Unix seconds). `i64::MIN`: not retracted.
    pub fn retired_since(&self) -> i64 {
        self.retraction().map_or(i64::MIN, |retraction| retraction.at.as_second())
    }

    /// The feeds that contained the article, if it is withheld without a notice.
    pub fn withdrawn(&self) -> Option<&Routes> {
        self.rare.as_ref()?.withdrawn.as_ref()
    }

    /// Whether readers saw this version, and it is public apart from embargo and expiry.
    pub fn was_shown(&self, version: ContentHash) -> bool {
        let is_hidden = self.rare.as_ref().is_some_and(|rare| rare.is_hidden);
        self.is_live() && self.hash == version && !is_hidden
    }

    /// Whether an editor released this version, or readers see it.
    pub fn is_released(&self, version: ContentHash) -> bool {
        self.was_shown(version) || self.rare.as_ref().and_then(|rare| rare.released) == Some(version)
    }

    /// Whether the article's file vanished in a mass removal.
    pub fn is_lost(&self) -> bool {
        self.rare.as_ref().is_some_and(|rare| rare.lost)
    }

    /// The version of an agency's item that readers saw last, or that withholds or retracts the item.
    pub fn version(&self) -> Option<&VersionRank> {
        self.version.as_deref()
    }

    /// The entry's latest sequence number. `None` until it joins a feed that has archives.
    pub fn number(&self) -> Option<Number> {
        Some(self.number).filter(|number| *number > 0)
    }

    /// All sequence numbers of the entry, the latest first. Nearly every entry has one.
    pub fn numbers(&self) -> impl Iterator<Item = Number> {
        let earlier = self.rare.iter().flat_map(|rare| rare.earlier_numbers.iter().rev());
        self.number().into_iter().chain(earlier.copied())
    }

    pub(super) fn add_number(&mut self, number: Number) {
        let before = std::mem::replace(&mut self.number, number);
        if before > 0 {
            self.rare().earlier_numbers.push(before);
        }
    }

    /// Takes the sequence numbers of the entry, oldest first.
    pub(super) fn take_numbers(&mut self) -> Vec<Number> {
        let earlier = self.rare.as_mut().map(|rare| std::mem::take(&mut rare.earlier_numbers)).unwrap_or_default();
        let latest = std::mem::take(&mut self.number);
        earlier.into_iter().chain((latest > 0).then_some(latest)).collect()
    }

    pub(super) fn rare(&mut self) -> &mut RareFacts {
        self.rare.get_or_insert_default()
    }

    /// Whether the article was published and is not retracted.
    pub fn is_known(&self) -> bool {
        self.id.is_some() && self.hash().is_some() && self.retraction().is_none()
    }

    /// Whether the article is public, apart from embargo and expiry.
    pub fn is_live(&self) -> bool {
        self.is_known() && self.withdrawn().is_none()
    }

    /// Whether the article's file is gone and its last version becomes public later, such as at the end of an embargo.
    pub fn is_upcoming(&self) -> bool {
        let is_hidden = self.rare.as_ref().is_some_and(|rare| rare.is_hidden);
        self.is_lost() && is_hidden && self.hash().is_some() && self.retraction().is_none()
    }

    /// Whether an operator retracted the article. Only an operator can restore it.
    pub fn is_retracted_by_command(&self) -> bool {
        self.retraction().is_some_and(|retraction| retraction.by == Withdrawal::Command)
    }
}

/// A fingerprint of what readers see of an article: title, text and picture, without markup. Fingerprints of different renderer versions
/// cannot be compared.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TextPrint {
    /// The hash of the text.
    pub hash: ContentHash,
    /// The version of the parser and renderer that made the text.
    pub version: u32,
}

/// Request paths of feeds, in the order of an article's placement.
pub type Routes = Arc<[Arc<str>]>;

/// The retraction of an article.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Retraction {
    /// When it was retracted.
    pub at: Timestamp,
    /// The reason that readers see.
    pub reason: Option<Text>,
    /// How it was retracted.
    pub by: Withdrawal,
    /// The feeds that contained it.
    pub feeds: Routes,
    /// The facts of the story that the notice in its place repeats. `None`: only tombstones tell readers, as for a deleted file.
    pub notice: Option<Arc<Notice>>,
}

/// The facts of a retracted story that its notice repeats, so that readers replace the story by the notice. Nothing of its text.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Notice {
    /// The date of first publication that readers saw.
    pub published: Moment,
    /// The story's page.
    pub url: WebUrl,
    /// The story's language.
    pub language: Language,
    /// The story's title, if the configuration says that notices keep it.
    pub title: Option<Text>,
}

/// How an article was retracted, which decides how it comes back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Withdrawal {
    /// The file was deleted. The article comes back with the file.
    Deleted,
    /// The file states the retraction. The article comes back when the file doesn't state it any more.
    Status,
    /// An operator retracted the article, whatever the file states. Only a command restores it.
    Command,
}
