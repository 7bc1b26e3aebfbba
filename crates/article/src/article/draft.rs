//! The article under construction. The reader of each format calls the setters, and [`Draft::finish`] builds the result.
//!
//! Each setter checks its value, records the origin and keeps the first value. A warning drops one field. An error
//! prevents the publication of this version, so the last good version stays public.
//!
//! Long because it has a setter for each field.

mod access;
mod addresses;
mod cascade;
mod finish;
mod lifecycle;
pub(crate) mod lines;
mod lists;
mod losses;
mod media;
mod routing;
mod stated_lifecycle;

use std::cell::OnceCell;
use std::collections::BTreeSet;
use std::fmt::Display;
use std::ops::Range;

use self::stated_lifecycle::StatedLifecycle;
use super::access::Access;
use super::cascade::Cascade;
use super::date::{self, Date};
use super::hidden_text::without_hidden;
use super::media_terms::MediaTerms;
use super::model::{Body, ImageFile, ItemVersion, Media, Routing, SectionClaim};
use super::options::ParseOptions;
use super::parsed::Origin;
use super::permalinks::Permalink;
use super::site_pages::PageHints;
use super::steps;
use crate::diagnostics::{Code, Diagnostic, LineIndex, MAX_DIAGNOSTICS_PER_FILE, Place, Severity};
use crate::types::{ArticlePath, ContentHash, EntryId, Language, Moment, SectionPath, Text, WebUrl};

/// A decoded file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Source<'a> {
    pub(crate) path: &'a ArticlePath,
    /// The text without a byte order mark.
    pub(crate) text: &'a str,
    pub(crate) options: &'a ParseOptions,
}

const MAX_TITLE_CHARACTERS: usize = 1_000;

/// The lists of the article that have entries.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FilledLists {
    pub(crate) authors: bool,
    pub(crate) editors: bool,
    pub(crate) tags: bool,
}

/// The article under construction.
#[derive(Debug)]
pub(crate) struct Draft<'a> {
    source: Source<'a>,
    hash: ContentHash,
    /// Built for the first diagnostic.
    lines: OnceCell<LineIndex>,
    diagnostics: Vec<Diagnostic>,
    /// The number of diagnostics above the limit, which aren't listed.
    unlisted: usize,
    /// Lists that were reported as full.
    full_lists: BTreeSet<&'static str>,
    origins: Vec<Origin>,
    with_origins: bool,
    title: Option<Text>,
    published: Option<Moment>,
    updated: Option<(Moment, Range<usize>)>,
    authors: Vec<Text>,
    author_urls: Vec<(Text, WebUrl)>,
    editors: Vec<Text>,
    section: Option<SectionClaim>,
    sections: Vec<SectionPath>,
    tags: Vec<Text>,
    summary: Option<Text>,
    language: Option<Language>,
    id: Option<EntryId>,
    item: Option<ItemVersion>,
    routing: Option<Box<Routing>>,
    slug: Option<Text>,
    link: Option<WebUrl>,
    image: Vec<ImageFile>,
    image_alt: Option<Text>,
    image_caption: Option<Text>,
    image_credit: Option<Text>,
    media: Vec<Media>,
    terms: Vec<MediaTerms>,
    source_feed: Option<WebUrl>,
    agency: Option<Text>,
    copyright: Option<Text>,
    draft: bool,
    in_feeds: bool,
    body: Option<Body>,
    /// The free part of a paid article, if the format's reader has found it.
    free_body: Option<Body>,
    access: Access,
    /// Whether the file states who may read the article, including "everybody".
    has_stated_access: bool,
    lifecycle: StatedLifecycle,
    /// An unusable date was reported, so a missing date isn't reported again.
    date_refused: bool,
    title_refused: bool,
    /// Mistakes are only warnings, because the value isn't needed.
    is_optional: bool,
    /// Marks that end the summary in the text, in addition to the comments that always do.
    excerpt_separator: Option<String>,
    page_hints: PageHints,
    cascades: Vec<Cascade>,
    /// The tags that are categories.
    categories: Vec<Text>,
    permalink: Option<Permalink>,
}

impl<'a> Draft<'a> {
    pub(crate) fn new(source: Source<'a>, hash: ContentHash, with_origins: bool) -> Draft<'a> {
        Draft {
            source,
            hash,
            lines: OnceCell::new(),
            diagnostics: Vec::new(),
            unlisted: 0,
            full_lists: BTreeSet::new(),
            origins: Vec::new(),
            with_origins,
            title: None,
            published: None,
            updated: None,
            authors: Vec::new(),
            author_urls: Vec::new(),
            editors: Vec::new(),
            section: None,
            sections: Vec::new(),
            tags: Vec::new(),
            summary: None,
            language: None,
            id: None,
            item: None,
            routing: None,
            slug: None,
            link: None,
            image: Vec::new(),
            image_alt: None,
            image_caption: None,
            image_credit: None,
            media: Vec::new(),
            terms: Vec::new(),
            source_feed: None,
            agency: None,
            copyright: None,
            draft: false,
            in_feeds: true,
            body: None,
            free_body: None,
            access: Access::default(),
            has_stated_access: false,
            lifecycle: StatedLifecycle::default(),
            date_refused: false,
            title_refused: false,
            is_optional: false,
            excerpt_separator: None,
            page_hints: PageHints::default(),
            cascades: Vec::new(),
            categories: Vec::new(),
            permalink: None,
        }
    }

    pub(crate) fn source(&self) -> Source<'a> {
        self.source
    }

    /// Reports a diagnostic. The span `0..0` stands for the whole file. Above [`MAX_DIAGNOSTICS_PER_FILE`] diagnostics, warnings are only
    /// counted, and an error replaces a warning.
    pub(crate) fn report(
        &mut self,
        code: Code,
        span: Range<usize>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        let severity = if self.is_optional { Severity::Warning } else { code.severity() };
        if self.has_max_diagnostics() {
            self.unlisted += 1;
            let warning = self.diagnostics.iter().rposition(|known| known.severity == Severity::Warning);
            match warning.filter(|_| severity == Severity::Error) {
                Some(at) => drop(self.diagnostics.remove(at)),
                // All listed diagnostics are errors, and one is enough to refuse the file.
                None => return,
            }
        }
        let file = file_name(self.source.options, self.source.path);
        let place = match span {
            Range { start: 0, end: 0 } => Place::file(&file),
            span => self.lines().place(&file, self.source.text, span),
        };
        let diagnostic = Diagnostic::new(code, message).at(place).help(help);
        self.diagnostics.push(Diagnostic { severity, ..diagnostic });
    }

    /// Sets fields that an article doesn't need. A mistake in them is a warning, and the article is published without the value.
    pub(crate) fn optionally(&mut self, set: impl FnOnce(&mut Self)) {
        let before = std::mem::replace(&mut self.is_optional, true);
        set(self);
        self.is_optional = before;
    }

    fn lines(&self) -> &LineIndex {
        self.lines.get_or_init(|| {
            steps::add(self.source.text.len());
            LineIndex::new(self.source.text)
        })
    }

    /// Whether further warnings are only counted. Callers then needn't compute their spans.
    pub(crate) fn has_max_diagnostics(&self) -> bool {
        self.diagnostics.len() >= MAX_DIAGNOSTICS_PER_FILE
    }

    /// Takes the diagnostics, with a last one that states how many are unlisted.
    fn take_diagnostics(&mut self) -> Vec<Diagnostic> {
        let mut diagnostics = std::mem::take(&mut self.diagnostics);
        if self.unlisted > 0 {
            diagnostics.push(Diagnostic::unlisted(&file_name(self.source.options, self.source.path), self.unlisted));
        }
        diagnostics
    }

    fn record_origin(&mut self, field: &'static str, value: impl Display, span: &Range<usize>, source: &'static str) {
        if !self.with_origins {
            return;
        }
        let line = if span.end == 0 { 0 } else { self.lines().line(span.start) };
        self.origins.push(Origin { field, value: value.to_string(), line, source });
    }

    pub(crate) fn has_title(&self) -> bool {
        self.title.is_some() || self.title_refused
    }

    pub(crate) fn title(&self) -> Option<&str> {
        self.title.as_ref().map(Text::as_str)
    }

    /// The lists that have entries already.
    pub(crate) fn filled_lists(&self) -> FilledLists {
        let (authors, editors, tags) = (!self.authors.is_empty(), !self.editors.is_empty(), !self.tags.is_empty());
        FilledLists { authors, editors, tags }
    }

    pub(crate) fn has_date(&self) -> bool {
        self.published.is_some() || self.date_refused
    }

    /// The date of first publication, as far as it is known.
    pub(crate) fn published(&self) -> Option<Moment> {
        self.published
    }

    pub(crate) fn set_title(&mut self, raw: &str, span: Range<usize>, origin: &'static str) {
        let title = Text::line(&without_hidden(raw));
        if self.has_title() || title.is_empty() {
            return;
        }
        let length = title.as_str().chars().count();
        if length > MAX_TITLE_CHARACTERS {
            self.title_refused = true;
            let message = format!("the title has {length} characters; at most {MAX_TITLE_CHARACTERS} are published");
            return self.report(Code::ArticleTitle, span, message, "write a headline, and the rest into the summary");
        }
        self.record_origin("title", title.as_str(), &span, origin);
        self.title = Some(title);
    }

    pub(crate) fn set_published(&mut self, raw: &str, span: Range<usize>, origin: &'static str) {
        if self.has_date() {
            return;
        }
        match self.parse_date(raw, &span) {
            Some(moment) => {
                self.record_origin("date", moment, &span, origin);
                self.published = Some(moment);
            }
            None => self.date_refused = true,
        }
    }

    pub(crate) fn set_updated(&mut self, raw: &str, span: Range<usize>, origin: &'static str) {
        if self.updated.is_some() || raw.trim().is_empty() {
            return;
        }
        self.optionally(|draft| {
            if let Some(moment) = draft.parse_date(raw, &span) {
                draft.record_origin("updated", moment, &span, origin);
                draft.updated = Some((moment, span));
            }
        });
    }

    /// Reports a date that isn't necessarily the article's. The article is published without it.
    pub(crate) fn report_unusable_date(&mut self, raw: &str, span: Range<usize>) {
        self.optionally(|draft| {
            draft.parse_date(raw, &span);
        });
    }

    fn parse_date(&mut self, raw: &str, span: &Range<usize>) -> Option<Moment> {
        match date::parse(raw, &self.source.options.timezone) {
            Ok(date) => Some(self.unambiguous(date, span)),
            Err(reason) => {
                self.report(
                    Code::ArticleDate,
                    span.clone(),
                    reason,
                    "write one such as `2026-11-23T10:00:00+08:00`, `2026-11-23 10:00` or `2026-11-23`",
                );
                None
            }
        }
    }

    /// The instant of a date. Reports an ambiguous one.
    fn unambiguous(&mut self, Date { moment, warning }: Date, span: &Range<usize>) -> Moment {
        if let Some(warning) = warning {
            let help = "write the offset too: `2026-11-01T01:30:00-05:00`";
            self.report(Code::ArticleDateAmbiguous, span.clone(), warning, help);
        }
        moment
    }

    pub(crate) fn set_language(&mut self, raw: &str, span: Range<usize>, origin: &'static str) {
        if self.language.is_some() || raw.trim().is_empty() {
            return;
        }
        match Language::parse(raw) {
            Ok(language) => {
                self.record_origin("language", language.as_str(), &span, origin);
                self.language = Some(language);
            }
            Err(reason) => self.report(Code::ArticleLanguage, span, reason, "the section's language is used instead"),
        }
    }

    pub(crate) fn set_draft(&mut self, draft: bool, span: Range<usize>, origin: &'static str) {
        self.record_origin("draft", draft, &span, origin);
        self.draft |= draft;
    }

    pub(crate) fn set_in_feeds(&mut self, in_feeds: bool, span: Range<usize>, origin: &'static str) {
        self.record_origin("feeds", in_feeds, &span, origin);
        self.in_feeds = in_feeds;
    }

    /// Sets what ends the summary in the text, as Jekyll's `excerpt_separator`.
    pub(crate) fn set_excerpt_separator(&mut self, separator: &str) {
        self.excerpt_separator = Some(separator.trim().to_owned()).filter(|separator| !separator.is_empty());
    }

    pub(crate) fn excerpt_separator(&self) -> Option<&str> {
        self.excerpt_separator.as_deref()
    }

    /// The kind of the page, as front matter states it.
    pub(crate) fn page_hints(&mut self) -> &mut PageHints {
        &mut self.page_hints
    }

    pub(crate) fn set_body(&mut self, body: Body) {
        self.body.get_or_insert(body);
    }

    /// Records a headline of another story, for `dateline explain`. It isn't part of the article.
    pub(crate) fn record_related(&mut self, text: &str, span: Range<usize>, origin: &'static str) {
        self.record_only("related", text, span, origin);
    }

    /// Records a value for `dateline explain` that isn't part of the article.
    pub(crate) fn record_only(&mut self, field: &'static str, text: &str, span: Range<usize>, origin: &'static str) {
        let text = Text::line(text);
        if !text.is_empty() {
            self.record_origin(field, text, &span, origin);
        }
    }

    /// Whether the file has stated an id.
    pub(crate) fn has_id(&self) -> bool {
        self.id.is_some()
    }

    /// Sets the key of an agency's item.
    pub(crate) fn set_item_key(&mut self, raw: &str, span: Range<usize>, origin: &'static str) {
        /// No URI or id of an agency is longer.
        const MAX_KEY_BYTES: usize = 1_024;
        let key = Text::line(raw);
        if key.is_empty() || self.item.is_some() {
            return;
        }
        if key.as_str().len() > MAX_KEY_BYTES {
            let message = format!("the id of the item is longer than {MAX_KEY_BYTES} bytes");
            return self.report(Code::ArticleId, span, message, "ask the agency to send a shorter one");
        }
        self.record_origin("item", key.as_str(), &span, origin);
        self.item = Some(ItemVersion { key, number: None, time: None });
    }

    /// Sets the number of the item's version.
    pub(crate) fn set_item_number(&mut self, raw: &str, span: Range<usize>, origin: &'static str) {
        let number = Text::line(raw);
        if let Some(item) = self.item.as_mut().filter(|_| !number.is_empty()) {
            item.number = Some(number.clone());
            self.record_origin("version", number, &span, origin);
        }
    }

    /// Sets when the item's version was made.
    pub(crate) fn set_item_time(&mut self, raw: &str, span: Range<usize>, origin: &'static str) {
        if self.item.is_some() && !raw.trim().is_empty() {
            let time = self.parse_date(raw, &span);
            if let (Some(item), Some(time)) = (&mut self.item, time) {
                item.time = Some(time);
                self.record_origin("version time", time, &span, origin);
            }
        }
    }
}

/// Setters of single-line texts that need no check.
macro_rules! text_setters {
    ($($setter:ident $field:ident $name:literal,)+) => {
        impl Draft<'_> {
            $(pub(crate) fn $setter(&mut self, raw: &str, span: Range<usize>, origin: &'static str) {
                let text = Text::line(&without_hidden(raw));
                if self.$field.is_none() && !text.is_empty() {
                    self.record_origin($name, text.as_str(), &span, origin);
                    self.$field = Some(text);
                }
            })+
        }
    };
}

text_setters! {
    set_summary summary "summary",
    set_image_alt image_alt "image.alt",
    set_image_caption image_caption "image.caption",
    set_image_credit image_credit "image.credit",
    set_source agency "source",
    set_copyright copyright "copyright",
}

/// The file's path as diagnostics spell it.
pub(crate) fn file_name(options: &ParseOptions, path: &ArticlePath) -> String {
    options.display(path)
}
