//! The result of parsing a file: an [`Article`] or none, and diagnostics.

use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::Offset;

use super::access::Access;
use super::card::Packed;
use super::ignored::IgnoredKind;
use super::media_terms::MediaTerms;
use super::model::{AgencyNotice, Body, ItemVersion, MediaFacts, Metadata, NoticeAction};
use crate::diagnostics::Diagnostic;
use crate::types::{ArticlePath, EntryId, Moment};

/// The result of parsing a file.
#[derive(Clone, Debug)]
pub struct Parsed {
    /// The article. `None` if an error prevents its publication.
    pub article: Option<Article>,
    /// Errors and warnings.
    pub diagnostics: Vec<Diagnostic>,
    /// The origin of each field, for `dateline explain`. Empty unless requested.
    pub origins: Vec<Origin>,
    /// The file seems to withhold or retract its article, but the statement can't be parsed, such as an unreadable embargo date. Earlier
    /// versions must be withheld too. `article` is `None`, and an error says why.
    pub withhold: bool,
    /// The file mentions an embargo. None of its text may be shown before it is public.
    pub embargoed: bool,
    /// The end of the embargo. Also set if there is no article: an error elsewhere in the file doesn't lift an embargo.
    pub embargo: Option<Moment>,
    /// The access restrictions that the file states. Also set if there is no article.
    pub access: Access,
    /// The id that the file states. Also set if there is no article.
    pub id: Option<EntryId>,
    /// The version of an agency's item. Also set if there is no article.
    pub item: Option<Box<ItemVersion>>,
    /// The file is an agency's notice about another item. `article` is `None`.
    pub notice: Option<Box<AgencyNotice>>,
    /// The file contains no article, although its name ends like one's. `article` is `None`, and this is no mistake.
    pub ignored: Option<IgnoredKind>,
    /// The terms of an item that is itself a picture, sound or film. `article` is `None`.
    pub media_terms: Vec<MediaTerms>,
    /// Whether pictures with the name of the file belong to the article ([`pictures`](super::pictures)), because it names none itself.
    pub gets_pictures: bool,
}

impl Parsed {
    /// The result for a file that can't be used and states nothing about its article.
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
            item: None,
            notice: None,
            ignored: None,
            media_terms: Vec::new(),
            gets_pictures: false,
        }
    }
}

impl Parsed {
    /// Adds the lines above an item to the places in its file.
    pub fn move_down(&mut self, lines: u32) {
        let places = self.diagnostics.iter_mut().filter_map(|diagnostic| diagnostic.place.as_mut());
        places.map(|place| &mut place.line).chain(self.origins.iter_mut().map(|origin| &mut origin.line)).for_each(
            |line| {
                if *line > 0 {
                    *line = line.saturating_add(lines);
                }
            },
        );
    }
}

/// The origin of one field of an article.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Origin {
    /// The front matter key of the field, such as `title`.
    pub field: &'static str,
    /// The value in use.
    pub value: String,
    /// The one-based line of the file; 0 if the value isn't from its text.
    pub line: u32,
    /// The part of the input: "front matter", "first heading", "file name", "JSON-LD", "byline" ...
    pub source: &'static str,
}

impl Parsed {
    /// Sets when the file was last modified (nanoseconds since 1970), which decides between equal versions of items. An undated kill was made
    /// then: it is about no story that came later.
    pub fn set_modified(&mut self, modified: i64) {
        self.article.iter_mut().for_each(|article| article.set_modified(modified));
        let undated =
            self.notice.as_mut().filter(|notice| notice.action == NoticeAction::Kill && notice.time.is_none());
        if let Some(notice) = undated {
            let instant = Timestamp::from_nanosecond(modified.into()).ok();
            notice.time = instant.and_then(|instant| Moment::new(instant, Offset::UTC));
        }
    }
}

/// An article.
#[derive(Clone, Debug)]
pub struct Article {
    /// All fields but the body.
    pub metadata: Arc<Metadata>,
    /// The fields that the catalog keeps of every article.
    pub card: Packed,
    /// The body, which only entries in a feed's window need. `None` if it was dropped to save memory.
    pub body: Option<Arc<Body>>,
    /// The bytes of the file. `None` if `body` is `None`, or if nothing needs them.
    pub source: Option<Arc<[u8]>>,
}

impl Article {
    /// Builds an article with its card.
    pub fn new(path: &ArticlePath, metadata: Metadata, body: Body) -> Article {
        let card = Packed::of(path, &metadata);
        Article { metadata: Arc::new(metadata), card, body: Some(Arc::new(body)), source: None }
    }

    /// Sets when the file was last modified (nanoseconds since 1970).
    pub fn set_modified(&mut self, modified: i64) {
        if self.metadata.item.is_some() || self.metadata.published.is_none() {
            self.card = self.card.clone().modified_at(modified);
        }
    }

    /// Sets the facts of each local file. `measure` returns `None` for a file that doesn't exist.
    pub fn measure_files(&mut self, path: &ArticlePath, measure: impl FnMut(&ArticlePath) -> Option<MediaFacts>) {
        let metadata = Arc::make_mut(&mut self.metadata);
        metadata.measure_files(measure);
        self.card = Packed::of(path, metadata);
    }
}
