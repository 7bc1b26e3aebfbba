//! The fields of a card, unpacked.

use jiff::Timestamp;

use crate::article::access::Access;
use crate::article::media_terms::{HiddenMedia, MediaReference, MediaTerms, WithheldMedia};
use crate::article::model::{ItemVersion, MediaFacts, Retraction, Routing, SectionClaim};
use crate::types::{ArticlePath, ContentHash, EntryId, Language, Moment, SectionPath, Text, WebUrl};

/// The fields that decide where and when readers see an article. See [`Metadata`](crate::article::model::Metadata).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Card {
    /// Hash of the file's bytes.
    pub hash: ContentHash,
    /// First publication.
    pub published: Option<Moment>,
    /// Last significant change, if stated.
    pub updated: Option<Moment>,
    /// The authors.
    pub authors: Vec<Text>,
    /// The statement that decides the section.
    pub section: SectionClaim,
    /// Additional sections.
    pub sections: Vec<SectionPath>,
    /// Tags.
    pub tags: Vec<Text>,
    /// The language, if it differs from the site's.
    pub language: Option<Language>,
    /// The explicit id.
    pub id: Option<EntryId>,
    /// The version of an agency's item.
    pub item: Option<ItemVersion>,
    /// When the file was last modified (nanoseconds since 1970). `None` unless the article is an agency's item or states no date.
    pub modified: Option<i64>,
    /// The agency's description of its article, for rules that choose a section.
    pub routing: Option<Box<Routing>>,
    /// The name in URLs and generated ids.
    pub slug: Text,
    /// The URL of the article's page on the publisher's site, if stated.
    pub link: Option<WebUrl>,
    /// Whether the file states a summary.
    pub has_summary: bool,
    /// Whether the article is a draft, which is not public.
    pub draft: bool,
    /// Whether feeds may list the article.
    pub in_feeds: bool,
    /// The access restrictions.
    pub access: Access,
    /// The end of the embargo.
    pub embargo: Option<Moment>,
    /// The time of expiry.
    pub expires: Option<Moment>,
    /// The retraction, if there is one.
    pub retracted: Option<Retraction>,
    /// The dates of corrections.
    pub corrections: Vec<Moment>,
    /// The local files that the article refers to, with their facts. Free files come first.
    pub files: Vec<(ArticlePath, Option<MediaFacts>)>,
    /// The number of files that everybody may load even if the article is paid.
    pub free_files: usize,
    /// An agency's terms for pictures and other files. Those for addresses on the web without limits have the id only.
    pub terms: Vec<MediaTerms>,
    /// The files of articles that the body may link to, sorted.
    pub article_links: Vec<ArticlePath>,
    /// The tags that are categories.
    pub categories: Vec<Text>,
}

impl Card {
    /// Whether the file allows feeds to list the article.
    pub fn is_listed(&self) -> bool {
        self.in_feeds && self.access.is_listed()
    }

    /// The local files that readers may load. For a teaser, only the free ones.
    pub fn public_files(&self, is_teaser: bool) -> impl Iterator<Item = &ArticlePath> {
        let count = if is_teaser { self.free_files } else { self.files.len() };
        self.files.iter().take(count).map(|(path, _)| path)
    }

    /// The files that readers may not see at this time, according to the article itself and to items about its pictures.
    pub fn hidden_media(&self, withheld: &WithheldMedia, now: Timestamp) -> HiddenMedia {
        let files = self.files.iter().map(|(path, _)| MediaReference::Local(path.clone()));
        HiddenMedia::of(files, self.terms.iter(), withheld, now)
    }

    /// The replacement for a damaged card: a draft, which isn't public. A card made by [`Packed::of`](super::Packed::of) is never damaged.
    pub(super) fn unreadable(hash: ContentHash) -> Card {
        Card {
            hash,
            published: None,
            updated: None,
            authors: Vec::new(),
            section: SectionClaim::Folder,
            sections: Vec::new(),
            tags: Vec::new(),
            language: None,
            id: None,
            item: None,
            modified: None,
            routing: None,
            slug: Text::new("unreadable"),
            link: None,
            has_summary: false,
            draft: true,
            in_feeds: false,
            access: Access::default(),
            embargo: None,
            expires: None,
            retracted: None,
            corrections: Vec::new(),
            files: Vec::new(),
            free_files: 0,
            terms: Vec::new(),
            article_links: Vec::new(),
            categories: Vec::new(),
        }
    }
}
