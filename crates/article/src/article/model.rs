//! The parts of an article, the same for all input formats: [`Metadata`] and [`Body`].

use super::access::Access;
use super::cascade::Cascade;
use super::media_terms::{MediaReference, MediaTerms};
use crate::types::{ArticlePath, ContentHash, EntryId, Language, Moment, SectionPath, Text, WebUrl};

/// All fields of an article but its body.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Metadata {
    /// Hash of the file's bytes.
    pub hash: ContentHash,
    /// The headline, one line, never empty.
    pub title: Text,
    /// First publication. `None`: the ledger's first-seen time replaces it.
    pub published: Option<Moment>,
    /// Last significant change, if stated.
    pub updated: Option<Moment>,
    /// The authors in the order of the byline, without duplicates.
    pub authors: Vec<Text>,
    /// The authors' own pages, where the file states them.
    pub author_urls: Vec<(Text, WebUrl)>,
    /// The editors, without duplicates.
    pub editors: Vec<Text>,
    /// The statement that decides the section.
    pub section: SectionClaim,
    /// Additional sections.
    pub sections: Vec<SectionPath>,
    /// Tags in their original order, without duplicates.
    pub tags: Vec<Text>,
    /// The stated summary as plain text. `None`: the summary is cut from the body.
    pub summary: Option<Text>,
    /// The language, if it differs from the site's.
    pub language: Option<Language>,
    /// The explicit id.
    pub id: Option<EntryId>,
    /// The version of an agency's item. With an `id`, the item is wire text, and the id is its key.
    pub item: Option<ItemVersion>,
    /// The agency's description of its article, for rules that choose a section. `None` for other articles.
    pub routing: Option<Box<Routing>>,
    /// The name in URLs and generated ids: one NFC path segment, never empty. Defaults to the file's name.
    pub slug: Text,
    /// The URL of the article's page on the publisher's site, if stated.
    pub link: Option<WebUrl>,
    /// The lead image.
    pub image: Option<Image>,
    /// Audio, video and further pictures.
    pub media: Vec<Media>,
    /// The agency or newspaper that the article is from.
    pub source: Option<Text>,
    /// The feed that the article is from, if stated.
    pub source_feed: Option<WebUrl>,
    /// The copyright notice, if it differs from the site's.
    pub copyright: Option<Text>,
    /// Whether the article is a draft, which is not public.
    pub draft: bool,
    /// Whether feeds may list it. `feeds = false` keeps it out of all feeds.
    pub in_feeds: bool,
    /// The access restrictions.
    pub access: Access,
    /// The end of the embargo.
    pub embargo: Option<Moment>,
    /// The time of expiry.
    pub expires: Option<Moment>,
    /// The retraction, if there is one. Other fields may then be missing, and the title may be the slug.
    pub retracted: Option<Retraction>,
    /// Corrections, oldest first.
    pub corrections: Vec<Correction>,
    /// The local files that an unlisted article's body shows. For listed articles, the entries of feeds provide them.
    pub body_files: Vec<ArticlePath>,
    /// The local files that only the paid part of an unlisted article's body shows.
    pub paid_body_files: Vec<ArticlePath>,
    /// The terms of an agency's pictures and other files, also of those that readers may not see.
    pub terms: Vec<MediaTerms>,
    /// The files of articles that the body may link to, sorted.
    pub article_links: Vec<ArticlePath>,
    /// The statements of a section's page about the articles below it.
    pub cascades: Vec<Cascade>,
    /// The tags that are categories, which addresses may contain.
    pub categories: Vec<Text>,
}

/// A version of an agency's item. Items of one source with the same key are versions of one article.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ItemVersion {
    /// The item's id: `uri` in ninjs, `guid` in NewsML-G2, `doc-id` in NITF, `Id:` in wire text.
    pub key: Text,
    /// The stated number of the version, such as `6` or `2.1`.
    pub number: Option<Text>,
    /// When the version was made. If it isn't stated, the article's `updated` or `published`.
    pub time: Option<Moment>,
}

/// The facts by which the configuration's rules choose the section of an agency's article, in addition to tags.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Routing {
    /// The codes of the subjects, and of the broader subjects that the item states: `medtop:20000350`. In order, without duplicates.
    pub codes: Vec<Text>,
    /// Name and code of the agency. If the item states none, its source.
    pub providers: Vec<Text>,
    /// The slugline.
    pub slugline: Option<Text>,
}

/// An agency's notice about another item. It's never an article itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AgencyNotice {
    /// The action that the agency asks for.
    pub action: NoticeAction,
    /// The keys that the other item may have.
    pub keys: Vec<Text>,
    /// The sluglines that the other item may have.
    pub slugs: Vec<Text>,
    /// When the notice was made.
    pub time: Option<Moment>,
}

/// The action that a notice asks for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum NoticeAction {
    /// To withdraw the item.
    Kill,
    /// To correct the item.
    Correct,
    /// Nothing: the notice only tells editors something.
    Advise,
}

/// The withdrawal of an article.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Retraction {
    /// Why, for readers.
    pub reason: Option<Text>,
}

/// A correction that feeds publish.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Correction {
    /// The date of the correction; if it states none, the article's `updated` or `published`.
    pub date: Moment,
    /// The text: one line, never empty. `None`: an agency corrected its story, and tells only editors how.
    pub text: Option<Text>,
}

impl Metadata {
    /// The local files that the article names, with their facts. Free files come first.
    pub fn local_files(&self) -> impl Iterator<Item = (&ArticlePath, Option<MediaFacts>)> {
        let media = self.media.iter().filter_map(|media| Some((media.url.local()?, media.facts)));
        let paid = self.paid_body_files.iter().map(|path| (path, None));
        self.free_files().chain(media).chain(paid)
    }

    /// The local files that everybody may load even if the article is paid: its pictures, but not its enclosures.
    pub fn free_files(&self) -> impl Iterator<Item = (&ArticlePath, Option<MediaFacts>)> {
        let pictures = self.image.iter().flat_map(|image| &image.files);
        let pictures = pictures.filter_map(|file| Some((file.url.local()?, file.facts)));
        pictures.chain(self.body_files.iter().map(|path| (path, None)))
    }

    pub(super) fn measure_files(&mut self, mut measure: impl FnMut(&ArticlePath) -> Option<MediaFacts>) {
        let pictures =
            self.image.iter_mut().flat_map(|image| &mut image.files).map(|file| (&file.url, &mut file.facts));
        let media = self.media.iter_mut().map(|media| (&media.url, &mut media.facts));
        for (url, facts) in pictures.chain(media) {
            if let MediaReference::Local(path) = url {
                *facts = measure(path);
            }
        }
    }
}

/// The statement that decides an article's section.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SectionClaim {
    /// The section's path, stated in front matter or metadata.
    Stated(SectionPath),
    /// A breadcrumb, outermost first, without page types such as `Article`.
    Breadcrumb(Vec<Text>),
    /// None: the folder below the content directory decides.
    Folder,
}

/// A picture with its texts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Image {
    /// The picture's files, one for each size. Empty if wire text has the caption of a picture that is delivered separately.
    pub files: Vec<ImageFile>,
    /// The alternative text.
    pub alt: Option<Text>,
    /// The caption.
    pub caption: Option<Text>,
    /// The photographer or agency.
    pub credit: Option<Text>,
}

/// A file of a picture in one size.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ImageFile {
    /// The location.
    pub url: MediaReference,
    /// The measured or stated facts.
    pub facts: Option<MediaFacts>,
}

/// Facts about a media file: measured for local files, otherwise as stated.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct MediaFacts {
    /// The length in bytes; 0 if unknown.
    pub length: u64,
    /// The width in pixels.
    pub width: Option<u32>,
    /// The height in pixels.
    pub height: Option<u32>,
}

/// A media file of an article, such as an enclosure.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Media {
    /// The location.
    pub url: MediaReference,
    /// The MIME type, if stated.
    pub media_type: Option<Text>,
    /// The measured or stated facts.
    pub facts: Option<MediaFacts>,
    /// The duration in seconds, if stated.
    pub duration: Option<u64>,
}

/// The body in its source format.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Body {
    /// CommonMark with tables, footnotes and strikethrough, without its front matter.
    Markdown(String),
    /// HTML of the article without the page around it. Not sanitised.
    Html(String),
    /// Plain paragraphs.
    Paragraphs(Vec<Text>),
    /// The body of a paid article. Neither part is `Paid`.
    Paid {
        /// The free part; may be empty.
        free: Box<Body>,
        /// The whole body.
        whole: Box<Body>,
    },
}

impl Body {
    /// The approximate size in bytes.
    pub fn len(&self) -> usize {
        match self {
            Body::Markdown(text) | Body::Html(text) => text.len(),
            Body::Paragraphs(paragraphs) => paragraphs.iter().map(|paragraph| paragraph.as_str().len()).sum(),
            Body::Paid { free, whole } => free.len() + whole.len(),
        }
    }

    /// Whether the body contains no text.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
