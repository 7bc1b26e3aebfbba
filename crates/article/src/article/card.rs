//! The card of an article: the fields that decide where and when readers see it, packed into about sixty bytes. The catalog keeps a card of
//! every article. Other fields, such as the title, are read again when a window needs them.

mod fields;

use serde::{Deserialize, Serialize};

pub use self::fields::Card;
use super::access::{Access, Restriction};
use super::media_terms::{Availability, MediaReference, MediaTerms};
use super::model::{ItemVersion, MediaFacts, Metadata, Retraction, Routing, SectionClaim};
use crate::types::{ArticlePath, ContentHash, EntryId, Language, Moment, SectionPath, Text, WebUrl};

/// A packed [`Card`]. Equal cards of a path have equal bytes.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Packed(Box<[u8]>);

const DRAFT: u8 = 1;
const IN_FEEDS: u8 = 2;
const SUMMARY: u8 = 4;
const FILES: u8 = 8;
/// The bit of each restriction.
const RESTRICTIONS: [(u8, Restriction); 3] =
    [(16, Restriction::Unlisted), (32, Restriction::Paid), (64, Restriction::Private)];

/// The serialised card. `hash` and `flags` have fixed offsets.
#[derive(Serialize, Deserialize)]
struct Stored<'c> {
    hash: [u8; 16],
    flags: u8,
    published: Option<i64>,
    /// `None`: the file's name without extension.
    slug: Option<&'c str>,
    #[serde(borrow)]
    section: StoredClaim<'c>,
    #[serde(borrow)]
    authors: Vec<&'c str>,
    #[serde(borrow)]
    tags: Vec<&'c str>,
    #[serde(borrow)]
    rare: Option<RareFields<'c>>,
}

#[derive(Serialize, Deserialize)]
enum StoredClaim<'c> {
    Folder,
    Stated(&'c str),
    #[serde(borrow)]
    Breadcrumb(Vec<&'c str>),
}

/// Fields that most articles don't have.
#[derive(Serialize, Deserialize, Default, PartialEq)]
struct RareFields<'c> {
    updated: Option<i64>,
    #[serde(borrow)]
    sections: Vec<&'c str>,
    language: Option<&'c str>,
    id: Option<&'c str>,
    link: Option<&'c str>,
    embargo: Option<i64>,
    expires: Option<i64>,
    retracted: Option<Option<&'c str>>,
    corrections: Vec<i64>,
    #[serde(borrow)]
    files: Vec<(&'c str, Option<StoredFacts>)>,
    free_files: usize,
    #[serde(borrow)]
    item: Option<StoredItem<'c>>,
    modified: Option<i64>,
    #[serde(borrow)]
    routing: Option<StoredRouting<'c>>,
    #[serde(borrow)]
    terms: Vec<StoredTerms<'c>>,
    #[serde(borrow)]
    article_links: Vec<&'c str>,
    /// The places in `tags` of those that are categories.
    categories: Vec<usize>,
}

/// A [`MediaTerms`].
#[derive(Serialize, Deserialize, PartialEq)]
struct StoredTerms<'c> {
    #[serde(borrow)]
    url: Option<StoredReference<'c>>,
    id: Option<&'c str>,
    availability: StoredAvailability,
}

/// A [`MediaReference`].
#[derive(Serialize, Deserialize, PartialEq)]
enum StoredReference<'c> {
    Remote(&'c str),
    Local(&'c str),
}

/// An [`Availability`].
#[derive(Serialize, Deserialize, PartialEq)]
enum StoredAvailability {
    Period(Option<i64>, Option<i64>),
    Withheld,
    Killed,
}

/// The terms of a card. To save memory, they don't repeat the addresses on the web of files without limits.
fn stored_terms(metadata: &Metadata) -> Vec<StoredTerms<'_>> {
    let mut stored: Vec<StoredTerms<'_>> = Vec::new();
    for terms in &metadata.terms {
        let mut new = StoredTerms::of(terms);
        if terms.availability == Availability::ALWAYS && matches!(new.url, Some(StoredReference::Remote(_))) {
            new.url = None;
        }
        if !stored.contains(&new) {
            stored.push(new);
        }
    }
    stored
}

impl<'c> StoredTerms<'c> {
    fn of(terms: &'c MediaTerms) -> StoredTerms<'c> {
        StoredTerms {
            url: terms.url.as_ref().map(|url| match url {
                MediaReference::Remote(url) => StoredReference::Remote(url.as_str()),
                MediaReference::Local(path) => StoredReference::Local(path.as_str()),
            }),
            id: terms.id.as_ref().map(Text::as_str),
            availability: match terms.availability {
                Availability::Period { from, until } => {
                    StoredAvailability::Period(from.map(Moment::packed), until.map(Moment::packed))
                }
                Availability::Withheld => StoredAvailability::Withheld,
                Availability::Killed => StoredAvailability::Killed,
            },
        }
    }

    fn open(self) -> Option<MediaTerms> {
        let url = match self.url {
            None => None,
            Some(StoredReference::Remote(url)) => Some(MediaReference::Remote(WebUrl::parse(url).ok()?)),
            Some(StoredReference::Local(path)) => Some(MediaReference::Local(ArticlePath::new(path))),
        };
        let availability = match self.availability {
            StoredAvailability::Period(from, until) => {
                Availability::Period { from: moment(from)?, until: moment(until)? }
            }
            StoredAvailability::Withheld => Availability::Withheld,
            StoredAvailability::Killed => Availability::Killed,
        };
        Some(MediaTerms { url, id: self.id.map(Text::new), availability })
    }
}

/// A [`Routing`].
#[derive(Serialize, Deserialize, PartialEq)]
struct StoredRouting<'c> {
    #[serde(borrow)]
    codes: Vec<&'c str>,
    #[serde(borrow)]
    providers: Vec<&'c str>,
    slugline: Option<&'c str>,
}

/// An [`ItemVersion`].
#[derive(Serialize, Deserialize, PartialEq)]
struct StoredItem<'c> {
    /// `None`: the article's id.
    key: Option<&'c str>,
    number: Option<&'c str>,
    time: Option<i64>,
}

/// Length, width and height.
type StoredFacts = (u64, Option<u32>, Option<u32>);

impl Packed {
    /// The card of an article.
    pub fn of(path: &ArticlePath, metadata: &Metadata) -> Packed {
        let flag = |set: bool, flag: u8| if set { flag } else { 0 };
        let facts = |facts: MediaFacts| (facts.length, facts.width, facts.height);
        let rare = RareFields {
            updated: metadata.updated.map(Moment::packed),
            sections: metadata.sections.iter().map(SectionPath::as_str).collect(),
            language: metadata.language.as_ref().map(Language::as_str),
            id: metadata.id.as_ref().map(EntryId::as_str),
            link: metadata.link.as_ref().map(WebUrl::as_str),
            embargo: metadata.embargo.map(Moment::packed),
            expires: metadata.expires.map(Moment::packed),
            retracted: metadata.retracted.as_ref().map(|retracted| retracted.reason.as_ref().map(Text::as_str)),
            corrections: metadata.corrections.iter().map(|correction| correction.date.packed()).collect(),
            files: metadata.local_files().map(|(path, known)| (path.as_str(), known.map(facts))).collect(),
            free_files: metadata.free_files().count(),
            article_links: metadata.article_links.iter().map(ArticlePath::as_str).collect(),
            categories: {
                let place = |category: &Text| metadata.tags.iter().position(|tag| tag == category);
                metadata.categories.iter().filter_map(place).collect()
            },
            item: metadata.item.as_ref().map(|item| StoredItem {
                key: Some(item.key.as_str()).filter(|key| metadata.id.as_ref().is_none_or(|id| id.as_str() != *key)),
                number: item.number.as_ref().map(Text::as_str),
                time: item.time.map(Moment::packed),
            }),
            modified: None,
            routing: metadata.routing.as_deref().map(|Routing { codes, providers, slugline }| StoredRouting {
                codes: codes.iter().map(Text::as_str).collect(),
                providers: providers.iter().map(Text::as_str).collect(),
                slugline: slugline.as_ref().map(Text::as_str),
            }),
            terms: stored_terms(metadata),
        };
        let stored = Stored {
            hash: *metadata.hash.as_bytes(),
            flags: flag(metadata.draft, DRAFT)
                | flag(metadata.in_feeds, IN_FEEDS)
                | flag(metadata.summary.is_some(), SUMMARY)
                | flag(metadata.local_files().next().is_some(), FILES)
                | flag(!metadata.access.is_listed(), 16)
                | flag(metadata.access.is_paid(), 32)
                | flag(metadata.access.is_private(), 64),
            published: metadata.published.map(Moment::packed),
            slug: Some(metadata.slug.as_str()).filter(|slug| *slug != path.stem()),
            section: match &metadata.section {
                SectionClaim::Folder => StoredClaim::Folder,
                SectionClaim::Stated(section) => StoredClaim::Stated(section.as_str()),
                SectionClaim::Breadcrumb(crumbs) => StoredClaim::Breadcrumb(crumbs.iter().map(Text::as_str).collect()),
            },
            authors: metadata.authors.iter().map(Text::as_str).collect(),
            tags: metadata.tags.iter().map(Text::as_str).collect(),
            rare: Some(rare).filter(|rare| *rare != RareFields::default()),
        };
        // Writing into memory doesn't fail.
        Packed(postcard::to_allocvec(&stored).unwrap_or_default().into_boxed_slice())
    }

    /// The card with the time at which the file was last modified (nanoseconds since 1970). Only versions of items and
    /// articles without a date need it.
    #[must_use]
    pub fn modified_at(self, modified: i64) -> Packed {
        let with_time = |bytes: &[u8]| {
            let mut stored: Stored<'_> = postcard::from_bytes(bytes).ok()?;
            stored.rare.get_or_insert_default().modified = Some(modified);
            postcard::to_allocvec(&stored).ok()
        };
        with_time(&self.0).map_or(self, |bytes| Packed(bytes.into_boxed_slice()))
    }

    /// The bytes, for storage.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Restores a card from stored bytes. `None` if they are damaged.
    pub fn from_bytes(path: &ArticlePath, bytes: Box<[u8]>) -> Option<Packed> {
        let stored: Stored<'_> = postcard::from_bytes(&bytes).ok()?;
        // Most cards have no other field that could be damaged, so they needn't be unpacked.
        let has_only_common_fields = stored.rare.is_none() && matches!(stored.section, StoredClaim::Folder);
        let is_good = match has_only_common_fields {
            true => stored.published.is_none_or(|packed| Moment::from_packed(packed).is_some()),
            false => open(path, &bytes).is_some(),
        };
        is_good.then_some(Packed(bytes))
    }

    /// Hash of the file's bytes.
    pub fn hash(&self) -> ContentHash {
        ContentHash::from_bytes(self.0.first_chunk().copied().unwrap_or_default())
    }

    /// The access restrictions.
    pub fn access(&self) -> Access {
        access(self.0.get(size_of::<ContentHash>()).copied().unwrap_or_default())
    }

    /// Whether the article refers to local files.
    pub fn has_files(&self) -> bool {
        self.0.get(size_of::<ContentHash>()).is_some_and(|flags| flags & FILES != 0)
    }

    /// Unpacks the card. `path` is the article's.
    pub fn open(&self, path: &ArticlePath) -> Card {
        open(path, &self.0).unwrap_or_else(|| Card::unreadable(self.hash()))
    }
}

fn open(path: &ArticlePath, bytes: &[u8]) -> Option<Card> {
    let stored: Stored<'_> = postcard::from_bytes(bytes).ok()?;
    let rare = stored.rare.unwrap_or_default();
    let texts = |texts: Vec<&str>| texts.into_iter().map(Text::new).collect::<Vec<Text>>();
    let section = |section: &str| SectionPath::parse(section).ok();
    let categories = rare.categories.iter().map(|&at| stored.tags.get(at).map(|tag| Text::new(tag)));
    Some(Card {
        hash: ContentHash::from_bytes(stored.hash),
        categories: categories.collect::<Option<_>>()?,
        published: moment(stored.published)?,
        updated: moment(rare.updated)?,
        authors: texts(stored.authors),
        section: match stored.section {
            StoredClaim::Folder => SectionClaim::Folder,
            StoredClaim::Stated(stated) => SectionClaim::Stated(section(stated)?),
            StoredClaim::Breadcrumb(crumbs) => SectionClaim::Breadcrumb(texts(crumbs)),
        },
        sections: rare.sections.into_iter().map(section).collect::<Option<_>>()?,
        tags: texts(stored.tags),
        language: rare.language.map(Language::parse).transpose().ok()?,
        id: rare.id.map(EntryId::parse).transpose().ok()?,
        item: match rare.item {
            None => None,
            Some(item) => Some(ItemVersion {
                key: Text::new(item.key.or(rare.id)?),
                number: item.number.map(Text::new),
                time: moment(item.time)?,
            }),
        },
        modified: rare.modified,
        routing: rare.routing.map(|StoredRouting { codes, providers, slugline }| {
            Box::new(Routing { codes: texts(codes), providers: texts(providers), slugline: slugline.map(Text::new) })
        }),
        slug: Text::new(stored.slug.unwrap_or(path.stem())),
        link: rare.link.map(WebUrl::parse).transpose().ok()?,
        has_summary: stored.flags & SUMMARY != 0,
        draft: stored.flags & DRAFT != 0,
        in_feeds: stored.flags & IN_FEEDS != 0,
        access: access(stored.flags),
        embargo: moment(rare.embargo)?,
        expires: moment(rare.expires)?,
        retracted: rare.retracted.map(|reason| Retraction { reason: reason.map(Text::new) }),
        corrections: rare.corrections.into_iter().map(Moment::from_packed).collect::<Option<_>>()?,
        files: rare
            .files
            .into_iter()
            .map(|(path, known)| {
                let known = known.map(|(length, width, height)| MediaFacts { length, width, height });
                (ArticlePath::new(path), known)
            })
            .collect(),
        free_files: rare.free_files,
        terms: rare.terms.into_iter().map(StoredTerms::open).collect::<Option<_>>()?,
        article_links: rare.article_links.into_iter().map(ArticlePath::new).collect(),
    })
}

/// A stored moment. The outer `None`: it is damaged.
fn moment(packed: Option<i64>) -> Option<Option<Moment>> {
    match packed {
        None => Some(None),
        Some(packed) => Moment::from_packed(packed).map(Some),
    }
}

fn access(flags: u8) -> Access {
    let mut access = Access::default();
    let stated = RESTRICTIONS.iter().filter(|(flag, _)| flags & flag != 0);
    stated.for_each(|(_, restriction)| access.restrict(*restriction));
    access
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::article::{ParseOptions, parse};

    fn options() -> ParseOptions {
        ParseOptions { max_size: 1 << 20, ..ParseOptions::new("content", jiff::tz::TimeZone::UTC) }
    }

    #[test]
    fn card_has_fields_of_article() {
        let plain = "title: Quay\ndate: 2026-11-01T10:00:00+08:00\n";
        let mut sizes = Vec::new();
        for keys in [
            "",
            "tags: [boats, tide]\nauthors: [Ada Quay, Bo]\nsummary: In brief.",
            "draft: true\nfeeds: false",
            "tags: [boats, tide]\ncategories: [news, boats]",
            "unlisted: true",
            "visibility: members",
            "private: true\npremium: true\nhidden: true",
            "slug: other\nsection: news/chips\nsections: [sport]\nlanguage: zh-Hans\nid: tag:x,2026:1",
            "link: https://www.example.org/a\nupdated: 2026-11-02\nexpires: 2027-01-01\nembargo: 2026-11-01T11:00:00Z",
            "status: retracted\nretraction: Libel",
            "corrections:\n  - date: 2026-11-03\n    text: It was two ships.",
            "image: quay.jpg\nmedia: [sound.mp3]",
        ] {
            let path = ArticlePath::new("world/quay.md");
            let text = format!("---\n{plain}{keys}\n---\nText.\n");
            let parsed = parse(&path, text.as_bytes(), &options());
            let article = parsed.article.unwrap_or_else(|| panic!("{keys}: {:?}", parsed.diagnostics));
            let (metadata, card) = (&*article.metadata, article.card.open(&path));
            let said = Card {
                hash: metadata.hash,
                published: metadata.published,
                updated: metadata.updated,
                authors: metadata.authors.clone(),
                section: metadata.section.clone(),
                sections: metadata.sections.clone(),
                tags: metadata.tags.clone(),
                language: metadata.language.clone(),
                id: metadata.id.clone(),
                item: metadata.item.clone(),
                modified: None,
                routing: metadata.routing.clone(),
                slug: metadata.slug.clone(),
                link: metadata.link.clone(),
                has_summary: metadata.summary.is_some(),
                draft: metadata.draft,
                in_feeds: metadata.in_feeds,
                access: metadata.access,
                embargo: metadata.embargo,
                expires: metadata.expires,
                retracted: metadata.retracted.clone(),
                corrections: metadata.corrections.iter().map(|correction| correction.date).collect(),
                files: metadata.local_files().map(|(path, facts)| (path.clone(), facts)).collect(),
                free_files: metadata.free_files().count(),
                terms: metadata.terms.clone(),
                article_links: metadata.article_links.clone(),
                categories: metadata.categories.clone(),
            };
            assert_eq!(card, said, "{keys}");
            assert_eq!((article.card.hash(), article.card.has_files()), (said.hash, !said.files.is_empty()), "{keys}");
            assert_eq!(article.card.access(), said.access, "{keys}");
            assert_eq!(Packed::from_bytes(&path, article.card.as_bytes().into()), Some(article.card.clone()));
            sizes.push(article.card.as_bytes().len());
        }
        assert!(sizes.first().is_some_and(|size| *size <= 32), "a plain article takes {sizes:?} bytes");
    }

    #[test]
    fn damaged_card_is_refused() {
        let path = ArticlePath::new("a.md");
        let parsed = parse(&path, b"---\ntitle: A\ndate: 2026-11-01\ntags: [b]\n---\nText.\n", &options());
        let card = parsed.article.expect("an article").card;
        for length in 0..card.as_bytes().len() {
            assert_eq!(Packed::from_bytes(&path, card.as_bytes()[..length].into()), None, "{length}");
        }
        assert_eq!(Packed::default().open(&path), Card::unreadable(ContentHash::from_bytes([0; 16])));
    }
}
