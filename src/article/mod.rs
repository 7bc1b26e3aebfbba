//! Articles as editors write them: one file per input format, each ending in the same [`Article`].
//!
//! Parsing never fails and never panics: it gives [`Parsed`], which is an article or none, and what was wrong.
//!
//! Long because the types that all input formats share are here.

pub mod access;
pub mod bundle;
pub mod card;
mod charset;
mod date;
mod draft;
mod fields;
mod free_part;
mod front_matter;
mod gates;
mod hidden_text;
mod html;
mod lifecycle;
mod markdown;
pub mod packed;
pub mod pin;
pub mod render;
pub(crate) mod sanitise;
mod steps;
pub mod summary;
mod wire;

use std::borrow::Cow;
use std::sync::Arc;

use jiff::tz::TimeZone;

use self::access::Access;
use self::card::Packed;
use self::charset::NotText;
use self::draft::{Draft, Source};
use crate::diagnostics::{Code, Diagnostic, Place};
use crate::types::{ArticlePath, ContentHash, EntryId, Language, Moment, SectionPath, Text, WebUrl};

/// Grows when the same file may give another article.
pub const PARSER_VERSION: u32 = 4;

/// Reads an article; the extension of its path says in which format. Where its fields came from is not noted.
pub fn parse(path: &ArticlePath, bytes: &[u8], options: &ParseOptions) -> Parsed {
    read(path, bytes, options, false)
}

/// Reads an article and notes where each field came from, which costs as much as reading it.
pub fn parse_with_origins(path: &ArticlePath, bytes: &[u8], options: &ParseOptions) -> Parsed {
    read(path, bytes, options, true)
}

fn read(path: &ArticlePath, bytes: &[u8], options: &ParseOptions, with_origins: bool) -> Parsed {
    let file = || draft::file_name(options, path);
    let refused = |code, message: String, help: &str, place: Place| {
        let withhold = may_withhold(path, bytes);
        let place = Place { excerpt: place.excerpt.filter(|_| !withhold), ..place };
        let diagnostics = vec![Diagnostic::new(code, message).at(place).help(help)];
        Parsed { withhold, embargoed: withhold, ..Parsed::refused(diagnostics) }
    };
    let whole_file = || Place::file(&file());
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > options.max_size {
        return too_large(path, bytes, options);
    }
    let extension = path.extension().to_ascii_lowercase();
    let is_html = matches!(extension.as_str(), "html" | "htm");
    let decoded = match charset::decode(bytes, is_html, options.charset) {
        Ok(decoded) => decoded,
        Err(NotText::Binary) => {
            return refused(
                Code::ArticleBinary,
                "this is not text".into(),
                "save the article as UTF-8 text",
                whole_file(),
            );
        }
        Err(NotText::Malformed(good, encoding)) => {
            let place = Place::in_text(&file(), &good, good.len()..good.len());
            let message = format!("a byte here is not {}", encoding.name());
            return refused(
                Code::ArticleEncoding,
                message,
                "save the article as UTF-8, or set `content.charset`",
                place,
            );
        }
    };
    let text = decoded.text.trim_start_matches('\u{FEFF}');
    if text.trim().is_empty() {
        return refused(
            Code::ArticleEmpty,
            "the file is empty".into(),
            "finish writing it, or remove it",
            whole_file(),
        );
    }
    let new_draft = || {
        let mut draft = Draft::new(Source { path, text, options }, ContentHash::of(bytes), with_origins);
        if let Some(encoding) = decoded.guessed {
            let help = format!(
                "save the article as UTF-8, or set `content.charset = \"{}\"` if all such files are",
                encoding.name().to_ascii_lowercase()
            );
            let message = format!("this is not UTF-8; it is read as {}", encoding.name());
            draft.report(Code::ArticleCharset, 0..0, message, help);
        }
        draft
    };
    let mut draft = new_draft();
    let labels = (extension == "txt").then(|| wire::Labels::new(&options.wire_labels));
    let is_label = |label: &str| labels.as_ref().is_some_and(|labels| labels.field(label).is_some());
    let kind = match &labels {
        Some(_) => front_matter::Kind::Wire(&is_label),
        None if is_html => front_matter::Kind::Page,
        None => front_matter::Kind::Markdown,
    };
    let body = match front_matter::read(text, kind) {
        None => 0,
        Some(Ok(matter)) => {
            fields::apply(&mut draft, &matter.keys);
            matter.body
        }
        Some(Err(refusal)) => {
            if let Some(labels) = labels.as_ref().filter(|_| refusal.may_be_label) {
                let parsed = wire::read(new_draft(), text, labels);
                if is_never_public(&parsed) {
                    return parsed;
                }
            }
            let withholds = refusal.withholds || lifecycle::withholds(front_matter::head(text));
            return draft.refuse_front_matter(refusal, withholds);
        }
    };
    match &labels {
        Some(labels) => wire::read(draft, &below(text, body), labels),
        None if is_html => html::read(draft, &below(text, body)),
        None => markdown::read(draft, body),
    }
}

/// Whether no reader gets this version, nor an earlier one.
fn is_never_public(parsed: &Parsed) -> bool {
    match &parsed.article {
        Some(article) => article.metadata.draft || article.metadata.access.is_private(),
        None => parsed.withhold,
    }
}

/// The text below front matter, where it stands in the file: blanks take the place of what is above it.
fn below(text: &str, body: usize) -> Cow<'_, str> {
    match text.split_at_checked(body) {
        None | Some(("", _)) => Cow::Borrowed(text),
        Some((above, below)) => Cow::Owned(" ".repeat(above.len()) + below),
    }
}

/// Whether a file that can't be read as an article may have been meant to withhold it.
pub(crate) fn may_withhold(path: &ArticlePath, bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    in_drafts_folder(path) || lifecycle::withholds(&text) || front_matter::may_withhold(&text)
}

/// How much of a file above the limit is looked at (bytes): front matter, or the head of a page.
pub const HEAD: u64 = 64 * 1024;

/// What reading of a file above the limit gives; `head` is the beginning of it.
pub fn too_large(path: &ArticlePath, head: &[u8], options: &ParseOptions) -> Parsed {
    let message = format!("the file is larger than {} bytes", options.max_size);
    let diagnostic = Diagnostic::new(Code::ArticleTooLarge, message).at(Place::file(&draft::file_name(options, path)));
    let diagnostics = vec![diagnostic.help("shorten it, or raise `content.max_size`")];
    let head = head.get(..usize::try_from(HEAD).unwrap_or(usize::MAX)).unwrap_or(head);
    let withhold = may_withhold(path, head);
    Parsed { withhold, embargoed: withhold, ..Parsed::refused(diagnostics) }
}

/// Whether a file of this name is an article or the page of a section: a known extension, no dotfile, nothing that an editor leaves for a moment.
pub fn is_article_name(name: &str) -> bool {
    let is_hidden = name.starts_with(['.', '#', '~', '_']) && !bundle::is_section_page_name(name);
    let temporary = is_hidden || name.contains("___jb_") || name.ends_with('~');
    let Some((stem, extension)) = name.rsplit_once('.') else { return false };
    !temporary
        && !stem.is_empty()
        && ["md", "markdown", "html", "htm", "txt"].iter().any(|known| extension.eq_ignore_ascii_case(known))
}

/// The folder that Jekyll and others keep drafts in, at any depth.
pub(crate) fn in_drafts_folder(path: &ArticlePath) -> bool {
    path.folder().split('/').any(is_drafts_folder)
}

/// Whether a folder of this name has drafts: nothing in it is ever public.
fn is_drafts_folder(name: &str) -> bool {
    name.starts_with('_') && ["_drafts", "_draft"].iter().any(|drafts| name.eq_ignore_ascii_case(drafts))
}

/// What parsing of a file gave.
#[derive(Clone, Debug)]
pub struct Parsed {
    /// The article, unless a mistake makes it unfit to publish.
    pub article: Option<Article>,
    /// What was wrong, errors and warnings.
    pub diagnostics: Vec<Diagnostic>,
    /// How each field was found, for `dateline explain`; empty unless asked for.
    pub origins: Vec<Origin>,
    /// The file was meant to withhold or retract its article and cannot be followed, so that the version that is public must be
    /// withheld too: an embargo that cannot be read, or a refused file that speaks of one or of a retraction. Then there is no
    /// article, and an error says why.
    pub withhold: bool,
    /// It speaks of an embargo, so that not a word of it may be told before it is public.
    pub embargoed: bool,
    /// Not public before this instant, also where there is no article: a mistake elsewhere in the file doesn't lift it.
    pub embargo: Option<Moment>,
    /// Who may read the article, as far as the file says; also where there is none.
    pub access: Access,
    /// The id that the file states; also where there is no article.
    pub id: Option<EntryId>,
}

impl Parsed {
    /// Of a file that cannot be used and says nothing about its article.
    pub fn refused(diagnostics: Vec<Diagnostic>) -> Parsed {
        Parsed {
            article: None,
            diagnostics,
            origins: Vec::new(),
            withhold: false,
            embargoed: false,
            embargo: None,
            access: Access::default(),
            id: None,
        }
    }
}

/// Where a field of an article came from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Origin {
    /// The front matter key of the field, `title` say.
    pub field: &'static str,
    /// The value, as it will be used.
    pub value: String,
    /// The one-based line of the file, 0 where it came from elsewhere.
    pub line: u32,
    /// What it was read from: "front matter", "first heading", "file name", "JSON-LD", "byline" ...
    pub source: &'static str,
}

/// One article.
#[derive(Clone, Debug)]
pub struct Article {
    /// What entries show of it, but for its body.
    pub metadata: Arc<Metadata>,
    /// What the catalog keeps of every article.
    pub card: Packed,
    /// What only entries in a window need; `None` where the reader of the file left it out to save memory.
    pub body: Option<Arc<Body>>,
    /// The file itself; `None` where the body is, and where nobody asked for it.
    pub source: Option<Arc<[u8]>>,
}

impl Article {
    /// An article as it was read from a file.
    pub fn new(path: &ArticlePath, metadata: Metadata, body: Body) -> Article {
        let card = Packed::of(path, &metadata);
        Article { metadata: Arc::new(metadata), card, body: Some(Arc::new(body)), source: None }
    }

    /// Fills in what is known of each local file; `measure` says `None` for one that is not there.
    pub fn measure_files(&mut self, path: &ArticlePath, measure: impl FnMut(&ArticlePath) -> Option<MediaFacts>) {
        let metadata = Arc::make_mut(&mut self.metadata);
        metadata.measure_files(measure);
        self.card = Packed::of(path, metadata);
    }
}

/// Everything about an article but its body.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Metadata {
    /// Hash of the file's bytes.
    pub hash: ContentHash,
    /// The headline, one line, never empty.
    pub title: Text,
    /// First publication. `None`: not published until the ledger can remember when it was first seen.
    pub published: Option<Moment>,
    /// Last significant change, if stated.
    pub updated: Option<Moment>,
    /// Who wrote it, in the order of the byline, each once.
    pub authors: Vec<Text>,
    /// Who edited it.
    pub editors: Vec<Text>,
    /// How it says to which section it belongs.
    pub section: SectionClaim,
    /// More sections that it is filed under.
    pub sections: Vec<SectionPath>,
    /// Tags, each once, in the order given.
    pub tags: Vec<Text>,
    /// The stated summary, plain text. Without one it is cut from the body.
    pub summary: Option<Text>,
    /// The language, if it differs from the site's.
    pub language: Option<Language>,
    /// The explicit id.
    pub id: Option<EntryId>,
    /// The name in URLs and minted ids, NFC, one segment, never empty: the stated one or the file's.
    pub slug: Text,
    /// The public page of the article, if it has its own.
    pub link: Option<WebUrl>,
    /// The lead image.
    pub image: Option<Image>,
    /// Audio, video and further pictures.
    pub media: Vec<Media>,
    /// The agency or paper it was taken from.
    pub source: Option<Text>,
    /// The feed that it was taken from, if stated.
    pub source_feed: Option<WebUrl>,
    /// Rights of this article, where they differ from the site's.
    pub copyright: Option<Text>,
    /// Not to be published yet.
    pub draft: bool,
    /// `feeds = false` keeps it out of all feeds.
    pub in_feeds: bool,
    /// Who may read it.
    pub access: Access,
    /// Not public before this instant.
    pub embargo: Option<Moment>,
    /// Not public from this instant on.
    pub expires: Option<Moment>,
    /// It was withdrawn; what else the file says about it may be missing, and the title may be the slug.
    pub retracted: Option<Retraction>,
    /// What was corrected, oldest first.
    pub corrections: Vec<Correction>,
    /// The files below the content directory that the text of an unlisted article shows. Of others the windows of feeds know them.
    pub body_files: Vec<ArticlePath>,
    /// Those of them that stand in its paid part alone.
    pub paid_body_files: Vec<ArticlePath>,
}

/// The withdrawal of an article.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Retraction {
    /// Why, for readers.
    pub reason: Option<Text>,
}

/// A correction that readers are told about.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Correction {
    /// When it was made. Without a date of its own, when the article was updated or published.
    pub date: Moment,
    /// What was wrong, and what is right: one line, never empty.
    pub text: Text,
}

impl Metadata {
    /// The files below the content directory that it names, with what is known of each: first the free ones.
    pub fn local_files(&self) -> impl Iterator<Item = (&ArticlePath, Option<MediaFacts>)> {
        let media = self.media.iter().filter_map(|media| Some((media.url.local()?, media.facts)));
        let paid = self.paid_body_files.iter().map(|path| (path, None));
        self.free_files().chain(media).chain(paid)
    }

    /// Those of them that everybody may have, also where the article is paid: its pictures. Enclosures are what is paid for.
    pub fn free_files(&self) -> impl Iterator<Item = (&ArticlePath, Option<MediaFacts>)> {
        let pictures = self.image.iter().flat_map(|image| &image.files);
        let pictures = pictures.filter_map(|file| Some((file.url.local()?, file.facts)));
        pictures.chain(self.body_files.iter().map(|path| (path, None)))
    }

    fn measure_files(&mut self, mut measure: impl FnMut(&ArticlePath) -> Option<MediaFacts>) {
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

/// How an article says to which section it belongs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SectionClaim {
    /// Front matter or metadata names the path.
    Stated(SectionPath),
    /// A breadcrumb, outermost first, page kinds such as `Article` already taken off.
    Breadcrumb(Vec<Text>),
    /// Nothing is said: the folder below the content directory decides.
    Folder,
}

/// A picture with its words.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Image {
    /// The file, and the same picture in other sizes. Empty where wire text carries the caption of a picture that comes
    /// separately.
    pub files: Vec<ImageFile>,
    /// For those who cannot see it.
    pub alt: Option<Text>,
    /// What it shows.
    pub caption: Option<Text>,
    /// Who took it.
    pub credit: Option<Text>,
}

/// One size of a picture.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ImageFile {
    /// Where it is.
    pub url: MediaReference,
    /// What is known of it.
    pub facts: Option<MediaFacts>,
}

/// What is known of a file: measured where it is ours, else as stated.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct MediaFacts {
    /// Bytes, 0 where unknown.
    pub length: u64,
    /// Pixels.
    pub width: Option<u32>,
    /// Pixels.
    pub height: Option<u32>,
}

/// A file that belongs to the article.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Media {
    /// Where it is.
    pub url: MediaReference,
    /// Its MIME type, stated or by its extension.
    pub media_type: Option<Text>,
    /// What is known of it.
    pub facts: Option<MediaFacts>,
    /// Its duration in seconds, if stated.
    pub duration: Option<u64>,
}

/// Where a media file is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum MediaReference {
    /// Anywhere on the web.
    Remote(WebUrl),
    /// A file below the content directory, which dateline serves under `/media/`.
    Local(ArticlePath),
}

impl MediaReference {
    /// The file below the content directory, if it is one.
    fn local(&self) -> Option<&ArticlePath> {
        match self {
            MediaReference::Local(path) => Some(path),
            MediaReference::Remote(_) => None,
        }
    }
}

/// The body as it was written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Body {
    /// CommonMark with tables, footnotes and strikethrough, without its front matter.
    Markdown(String),
    /// HTML of the article alone, not yet sanitised.
    Html(String),
    /// Plain paragraphs.
    Paragraphs(Vec<Text>),
    /// Of a paid article: what everybody may read, and all of it. Neither is paid in turn.
    Paid {
        /// What everybody may read; may be empty.
        free: Box<Body>,
        /// All of it.
        whole: Box<Body>,
    },
}

impl Body {
    /// About how many bytes it takes.
    pub fn len(&self) -> usize {
        match self {
            Body::Markdown(text) | Body::Html(text) => text.len(),
            Body::Paragraphs(paragraphs) => paragraphs.iter().map(|paragraph| paragraph.as_str().len()).sum(),
            Body::Paid { free, whole } => free.len() + whole.len(),
        }
    }

    /// Whether there is no text at all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// What parsing needs to know besides the bytes. A change of these re-reads every article.
#[derive(Clone, PartialEq, Debug)]
pub struct ParseOptions {
    /// The content directory as diagnostics spell it, without a trailing slash: `content`.
    pub root: Arc<str>,
    /// For dates written without an offset.
    pub timezone: TimeZone,
    /// The charset of files that are neither UTF-8 nor marked otherwise, as a WHATWG label; `None`: detect.
    pub charset: Option<&'static encoding_rs::Encoding>,
    /// Labels of wire text besides the built-in ones: (label, field).
    pub wire_labels: Vec<(Text, WireField)>,
    /// The largest file that is read (bytes).
    pub max_size: u64,
}

/// The fields that a labelled line of wire text can carry.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum WireField {
    /// The breadcrumb: `position`, `位置`.
    Breadcrumb,
    /// The headline, where it has a label: `Title`, `标题`.
    Title,
    /// The agency: `Source`, `来源`.
    Source,
    /// The date and time: `Date`, `时间`.
    Date,
    /// The date and time of the last change: `Updated`, `更新时间`.
    Updated,
    /// The byline: `Author`, `作者`.
    Author,
    /// The editor: `Editor`, `责任编辑`.
    Editor,
    /// Tags: `Keywords`, `关键词`.
    Tags,
    /// A summary: `Summary`, `摘要`.
    Summary,
    /// The caption of the lead picture: `图片说明`.
    Caption,
    /// The heading of other stories' teasers: `Top News`, `相关新闻`. What follows is not part of the article.
    Related,
    /// The permanent id.
    Id,
    /// Not public before: `Embargo`, `发布限制`.
    Embargo,
    /// Not public from then on: `Expires`, `有效期至`.
    Expires,
    /// Published, draft or retracted: `Status`, `状态`.
    Status,
    /// Whether it is a draft: `Draft: yes`, `草稿`.
    Draft,
    /// What was corrected, with its date or without: `Correction`, `更正`.
    Correction,
    /// Who may read it: `Visibility`, `可见性`.
    Access,
}
