//! The article while a format reader fills it in. Each setter checks its value, notes where it came from, and keeps the first
//! value it was given; [`Draft::finish`] says what is missing.
//!
//! An error makes the file unfit to publish, so that its last good version stays. A warning leaves out one harmless field.
//!
//! Long because it has a setter for every field there is; each is a few lines, and they belong on one page.

mod access;
mod lifecycle;
pub(crate) mod lines;

use std::cell::OnceCell;
use std::collections::BTreeSet;
use std::fmt::Display;
use std::ops::Range;

use self::lifecycle::Lifecycle;

use super::access::Access;
use super::date::{self, Date};
use super::file_names::{in_drafts_folder, is_drafts_folder};
use super::free_part::{free_part, has_plain_mark};
use super::front_matter::Refusal;
use super::gates;
use super::hidden_text::without_hidden;
use super::model::{Article, Body, Image, ImageFile, Media, MediaFacts, MediaReference, Metadata, SectionClaim};
use super::options::ParseOptions;
use super::parsed::{Origin, Parsed};
use super::sanitise::{Loss, percent_decoded};
use super::{bundle, render, steps};
use crate::diagnostics::{Code, Diagnostic, LineIndex, MAX_OF_ARTICLE, Place, Severity, nearest};
use crate::types::{
    ArticlePath, ContentHash, EntryId, Language, Moment, SectionPath, Text, WebUrl, is_bidi_control, is_publishable,
    media_type, nfc,
};

/// A file, decoded.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Source<'a> {
    pub(crate) path: &'a ArticlePath,
    /// UTF-8 without byte order mark.
    pub(crate) text: &'a str,
    pub(crate) options: &'a ParseOptions,
}

const MOST_TITLE_CHARACTERS: usize = 1_000;
const MOST_TAGS: usize = 500;
const MOST_NAMES: usize = 100;
const MOST_SECTIONS: usize = 50;
const MOST_SLUG_BYTES: usize = 200;

/// The lists of which an article has some entries.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stated {
    pub(crate) authors: bool,
    pub(crate) editors: bool,
    pub(crate) tags: bool,
}

/// The article so far.
#[derive(Debug)]
pub(crate) struct Draft<'a> {
    source: Source<'a>,
    hash: ContentHash,
    /// Built for the first mistake.
    lines: OnceCell<LineIndex>,
    diagnostics: Vec<Diagnostic>,
    /// How many more there would be.
    unlisted: usize,
    /// Lists that were said to be full.
    full: BTreeSet<&'static str>,
    origins: Vec<Origin>,
    with_origins: bool,
    title: Option<Text>,
    published: Option<Moment>,
    updated: Option<(Moment, Range<usize>)>,
    authors: Vec<Text>,
    editors: Vec<Text>,
    section: Option<SectionClaim>,
    sections: Vec<SectionPath>,
    tags: Vec<Text>,
    summary: Option<Text>,
    language: Option<Language>,
    id: Option<EntryId>,
    slug: Option<Text>,
    link: Option<WebUrl>,
    image: Vec<ImageFile>,
    image_alt: Option<Text>,
    image_caption: Option<Text>,
    image_credit: Option<Text>,
    media: Vec<Media>,
    source_feed: Option<WebUrl>,
    agency: Option<Text>,
    copyright: Option<Text>,
    draft: bool,
    in_feeds: bool,
    body: Option<Body>,
    /// The free part of a paid article, where the reader of its format knows it.
    free_body: Option<Body>,
    access: Access,
    /// Whether the file says who may read the article, be it everybody.
    access_stated: bool,
    life: Lifecycle,
    /// An unusable date was reported; that there is none is no further news.
    date_refused: bool,
    title_refused: bool,
}

impl<'a> Draft<'a> {
    pub(crate) fn new(source: Source<'a>, hash: ContentHash, with_origins: bool) -> Draft<'a> {
        Draft {
            source,
            hash,
            lines: OnceCell::new(),
            diagnostics: Vec::new(),
            unlisted: 0,
            full: BTreeSet::new(),
            origins: Vec::new(),
            with_origins,
            title: None,
            published: None,
            updated: None,
            authors: Vec::new(),
            editors: Vec::new(),
            section: None,
            sections: Vec::new(),
            tags: Vec::new(),
            summary: None,
            language: None,
            id: None,
            slug: None,
            link: None,
            image: Vec::new(),
            image_alt: None,
            image_caption: None,
            image_credit: None,
            media: Vec::new(),
            source_feed: None,
            agency: None,
            copyright: None,
            draft: false,
            in_feeds: true,
            body: None,
            free_body: None,
            access: Access::default(),
            access_stated: false,
            life: Lifecycle::default(),
            date_refused: false,
            title_refused: false,
        }
    }

    pub(crate) fn source(&self) -> Source<'a> {
        self.source
    }

    /// Notes a mistake; the caller may add help to it. An empty range at the start stands for the whole file. Where the list is full, it's
    /// counted alone, unless it's an error, which takes the place of a warning.
    pub(crate) fn report(
        &mut self,
        code: Code,
        span: Range<usize>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        if self.lists_all_it_can() {
            self.unlisted += 1;
            let warning = self.diagnostics.iter().rposition(|known| known.severity == Severity::Warning);
            match warning.filter(|_| code.severity() == Severity::Error) {
                Some(at) => drop(self.diagnostics.remove(at)),
                // An error that is listed refuses the file already.
                None => return,
            }
        }
        let file = file_name(self.source.options, self.source.path);
        let place = match span {
            Range { start: 0, end: 0 } => Place::file(&file),
            span => self.lines().place(&file, self.source.text, span),
        };
        self.diagnostics.push(Diagnostic::new(code, message).at(place).help(help));
    }

    fn lines(&self) -> &LineIndex {
        self.lines.get_or_init(|| {
            steps::add(self.source.text.len());
            LineIndex::new(self.source.text)
        })
    }

    /// Whether further warnings are only counted, so that their places need not be searched for.
    pub(crate) fn lists_all_it_can(&self) -> bool {
        self.diagnostics.len() >= MAX_OF_ARTICLE
    }

    /// The diagnostics, with one that says how many more there are.
    fn take_diagnostics(&mut self) -> Vec<Diagnostic> {
        let mut diagnostics = std::mem::take(&mut self.diagnostics);
        if self.unlisted > 0 {
            diagnostics.push(Diagnostic::unlisted(&file_name(self.source.options, self.source.path), self.unlisted));
        }
        diagnostics
    }

    fn origin(&mut self, field: &'static str, value: impl Display, span: &Range<usize>, source: &'static str) {
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

    /// Which lists have been given already.
    pub(crate) fn stated(&self) -> Stated {
        let (authors, editors, tags) = (!self.authors.is_empty(), !self.editors.is_empty(), !self.tags.is_empty());
        Stated { authors, editors, tags }
    }

    pub(crate) fn has_date(&self) -> bool {
        self.published.is_some() || self.date_refused
    }

    pub(crate) fn set_title(&mut self, raw: &str, span: Range<usize>, how: &'static str) {
        let title = Text::line(&without_hidden(raw));
        if self.has_title() || title.is_empty() {
            return;
        }
        let length = title.as_str().chars().count();
        if length > MOST_TITLE_CHARACTERS {
            self.title_refused = true;
            let message = format!("the title has {length} characters; at most {MOST_TITLE_CHARACTERS} are published");
            return self.report(Code::ArticleTitle, span, message, "write a headline, and the rest into the summary");
        }
        self.origin("title", title.as_str(), &span, how);
        self.title = Some(title);
    }

    pub(crate) fn set_published(&mut self, raw: &str, span: Range<usize>, how: &'static str) {
        if self.has_date() {
            return;
        }
        match self.date(raw, &span) {
            Some(moment) => {
                self.origin("date", moment, &span, how);
                self.published = Some(moment);
            }
            None => self.date_refused = true,
        }
    }

    pub(crate) fn set_updated(&mut self, raw: &str, span: Range<usize>, how: &'static str) {
        if self.updated.is_some() {
            return;
        }
        if let Some(moment) = self.date(raw, &span) {
            self.origin("updated", moment, &span, how);
            self.updated = Some((moment, span));
        }
    }

    fn date(&mut self, raw: &str, span: &Range<usize>) -> Option<Moment> {
        match date::parse(raw, &self.source.options.timezone) {
            Ok(date) => Some(self.taken(date, span)),
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

    /// The instant of a date, with a word about a doubtful one.
    fn taken(&mut self, Date { moment, warning }: Date, span: &Range<usize>) -> Moment {
        if let Some(warning) = warning {
            let help = "write the offset too: `2026-11-01T01:30:00-05:00`";
            self.report(Code::ArticleDateAmbiguous, span.clone(), warning, help);
        }
        moment
    }

    pub(crate) fn add_author(&mut self, raw: &str, span: Range<usize>, how: &'static str) {
        let name = Text::line(raw);
        if self.admit(&name, self.authors.contains(&name), self.authors.len(), MOST_NAMES, "authors", &span) {
            self.origin("author", name.as_str(), &span, how);
            self.authors.push(name);
        }
    }

    /// Several authors in one line: `By A, B and C`.
    pub(crate) fn add_byline(&mut self, raw: &str, span: Range<usize>, how: &'static str) {
        for name in names(raw) {
            self.add_author(&name, span.clone(), how);
        }
    }

    pub(crate) fn add_editors(&mut self, raw: &str, span: Range<usize>, how: &'static str) {
        for name in names(raw) {
            self.add_editor(&name, span.clone(), how);
        }
    }

    pub(crate) fn add_editor(&mut self, raw: &str, span: Range<usize>, how: &'static str) {
        let name = Text::line(raw);
        if self.admit(&name, self.editors.contains(&name), self.editors.len(), MOST_NAMES, "editors", &span) {
            self.origin("editor", name.as_str(), &span, how);
            self.editors.push(name);
        }
    }

    pub(crate) fn add_tag(&mut self, raw: &str, span: Range<usize>, how: &'static str) {
        let tag = Text::line(&nfc(raw));
        if tag.as_str().len() > 200 {
            return self.report(
                Code::ArticleTag,
                span,
                "a tag is at most 200 bytes long; this one is left out",
                "write a word or two",
            );
        }
        if self.admit(&tag, self.tags.contains(&tag), self.tags.len(), MOST_TAGS, "tags", &span) {
            self.origin("tags", tag.as_str(), &span, how);
            self.tags.push(tag);
        }
    }

    /// Whether a list takes one more; says once that it is full.
    fn admit(
        &mut self,
        name: &Text,
        known: bool,
        count: usize,
        most: usize,
        what: &'static str,
        span: &Range<usize>,
    ) -> bool {
        if name.is_empty() || known {
            return false;
        }
        if count == most {
            if self.full.insert(what) {
                let message = format!("there are more than {most} {what}; the rest is left out");
                self.report(Code::ArticleTooMany, span.clone(), message, format!("keep the {what} that matter"));
            }
            return false;
        }
        true
    }

    pub(crate) fn set_section(&mut self, raw: &str, span: Range<usize>, how: &'static str) {
        if self.section.is_some() {
            return;
        }
        if let Some(path) = self.section_path(raw, &span) {
            self.origin("section", if path.is_root() { "(root)" } else { path.as_str() }, &span, how);
            self.section = Some(SectionClaim::Stated(path));
        }
    }

    pub(crate) fn add_section(&mut self, raw: &str, span: Range<usize>, how: &'static str) {
        let Some(path) = self.section_path(raw, &span) else { return };
        let name = Text::new(path.as_str());
        if self.admit(&name, self.sections.contains(&path), self.sections.len(), MOST_SECTIONS, "sections", &span) {
            self.origin("sections", path.as_str(), &span, how);
            self.sections.push(path);
        }
    }

    fn section_path(&mut self, raw: &str, span: &Range<usize>) -> Option<SectionPath> {
        match SectionPath::parse(raw) {
            Ok(path) => Some(path),
            Err(reason) => {
                self.report(Code::ArticleSection, span.clone(), reason, "write one such as `technology/chips`");
                None
            }
        }
    }

    pub(crate) fn set_breadcrumb(&mut self, crumbs: Vec<Text>, span: Range<usize>, how: &'static str) {
        if self.section.is_some() || crumbs.is_empty() {
            return;
        }
        self.origin("section", crumbs.iter().map(Text::as_str).collect::<Vec<_>>().join(" > "), &span, how);
        self.section = Some(SectionClaim::Breadcrumb(crumbs));
    }

    pub(crate) fn set_language(&mut self, raw: &str, span: Range<usize>, how: &'static str) {
        if self.language.is_some() || raw.trim().is_empty() {
            return;
        }
        match Language::parse(raw) {
            Ok(language) => {
                self.origin("language", language.as_str(), &span, how);
                self.language = Some(language);
            }
            Err(reason) => self.report(Code::ArticleLanguage, span, reason, "the section's language is taken instead"),
        }
    }

    pub(crate) fn set_id(&mut self, raw: &str, span: Range<usize>, how: &'static str) {
        if self.id.is_some() {
            return;
        }
        match EntryId::parse(raw) {
            Ok(id) => {
                self.origin("id", id.as_str(), &span, how);
                self.id = Some(id);
            }
            Err(reason) => self.report(
                Code::ArticleId,
                span,
                reason,
                "write a URI that no other article has, or leave the key out",
            ),
        }
    }

    pub(crate) fn set_slug(&mut self, raw: &str, span: Range<usize>, how: &'static str) {
        if self.slug.is_some() {
            return;
        }
        match slug(raw) {
            Ok(slug) => {
                self.origin("slug", slug.as_str(), &span, how);
                self.slug = Some(slug);
            }
            Err(reason) => self.report(Code::ArticleSlug, span, reason, "write one such as `harbour-crane-returns`"),
        }
    }

    pub(crate) fn set_link(&mut self, raw: &str, span: Range<usize>, how: &'static str) {
        if self.link.is_some() {
            return;
        }
        match WebUrl::parse(raw) {
            Ok(url) => {
                self.origin("link", url.as_str(), &span, how);
                self.link = Some(url);
            }
            Err(reason) => {
                let message = format!("`{}` is not a URL that readers can load: {reason}", raw.escape_debug());
                self.report(Code::ArticleLink, span, message, link_help(raw));
            }
        }
    }

    pub(crate) fn set_image_url(&mut self, raw: &str, span: Range<usize>, how: &'static str) {
        if self.image.is_empty() && !raw.trim().is_empty() {
            self.add_image_file(raw, None, span, how);
        }
    }

    /// The picture in one more size.
    pub(crate) fn add_image_file(
        &mut self,
        raw: &str,
        facts: Option<MediaFacts>,
        span: Range<usize>,
        how: &'static str,
    ) {
        match self.media_reference(raw) {
            Ok(url) => {
                self.origin("image", raw.trim(), &span, how);
                self.image.push(ImageFile { url, facts });
            }
            Err(message) => self.report(Code::ArticleImage, span, message, url_help(raw)),
        }
    }

    pub(crate) fn add_media(
        &mut self,
        raw: &str,
        kind: Option<&str>,
        facts: Option<MediaFacts>,
        duration: Option<u64>,
        span: Range<usize>,
        how: &'static str,
    ) {
        match self.media_reference(raw) {
            Ok(url) => {
                self.origin("media", raw.trim(), &span, how);
                let media_type = kind.map(Text::line);
                self.media.push(Media { url, media_type, facts, duration });
            }
            Err(message) => self.report(Code::ArticleMedia, span, message, url_help(raw)),
        }
    }

    pub(crate) fn set_source_feed(&mut self, raw: &str, span: Range<usize>, how: &'static str) {
        match WebUrl::parse(raw) {
            Ok(url) => {
                self.origin("source.feed", url.as_str(), &span, how);
                self.source_feed = Some(url);
            }
            Err(reason) => {
                let message = format!("`{}` is not a URL that readers can load: {reason}", raw.escape_debug());
                let feed = "write the whole address of the source's feed, such as `https://agency.example/feed.xml`";
                let help = scheme_help(raw).unwrap_or_else(|| feed.to_owned());
                self.report(Code::ArticleLink, span, message, help);
            }
        }
    }

    /// A URL, or a file beside the article: no scheme, no leading slash, the extension of a media file.
    fn media_reference(&self, raw: &str) -> Result<MediaReference, String> {
        let raw = raw.trim();
        let has_scheme = raw.split_once(':').is_some_and(|(scheme, _)| {
            !scheme.is_empty() && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
        });
        if has_scheme {
            let url = WebUrl::parse(raw)
                .map_err(|reason| format!("`{}` is not a URL that readers can load: {reason}", shortened(raw)))?;
            return Ok(MediaReference::Remote(url));
        }
        if let Some(rest) = raw.strip_prefix("//") {
            let url = WebUrl::parse(&format!("https://{rest}"))
                .map_err(|reason| format!("`{}` is not a URL that readers can load: {reason}", shortened(raw)))?;
            return Ok(MediaReference::Remote(url));
        }
        let decoded = percent_decoded(raw).unwrap_or_else(|| raw.to_owned());
        let raw = decoded.as_str();
        if raw.starts_with('/') || raw.contains(['\\', '\0']) {
            return Err(format!("`{}` is neither a whole URL nor a file beside the article", raw.escape_debug()));
        }
        let extension = raw.rsplit_once('.').map_or("", |(_, extension)| extension);
        if media_type(extension).is_none() {
            return Err(format!("`{}` is not a file that can be published with an article", raw.escape_debug()));
        }
        let mut segments: Vec<&str> =
            self.source.path.folder().split('/').filter(|segment| !segment.is_empty()).collect();
        for segment in raw.split('/') {
            match segment {
                "" | "." => {}
                ".." => {
                    segments
                        .pop()
                        .ok_or_else(|| format!("`{}` leads out of the content directory", raw.escape_debug()))?;
                }
                hidden if hidden.starts_with('.') => return Err(format!("`{}` is a hidden file", raw.escape_debug())),
                drafts if is_drafts_folder(drafts) && !in_drafts_folder(self.source.path) => {
                    return Err(format!(
                        "`{}` is in a folder of drafts, which are never published",
                        raw.escape_debug()
                    ));
                }
                other => segments.push(other),
            }
        }
        Ok(MediaReference::Local(ArticlePath::new(&segments.join("/"))))
    }

    pub(crate) fn set_draft(&mut self, draft: bool, span: Range<usize>, how: &'static str) {
        self.origin("draft", draft, &span, how);
        // A status may have said so already.
        self.draft |= draft;
    }

    pub(crate) fn set_in_feeds(&mut self, in_feeds: bool, span: Range<usize>, how: &'static str) {
        self.origin("feeds", in_feeds, &span, how);
        self.in_feeds = in_feeds;
    }

    pub(crate) fn set_body(&mut self, body: Body) {
        self.body.get_or_insert(body);
    }

    /// Notes something that is not part of the article, for `explain`: headlines of other stories.
    pub(crate) fn note_related(&mut self, text: &str, span: Range<usize>, how: &'static str) {
        self.origin("related", text, &span, how);
    }

    /// No article, since the front matter can't be used.
    pub(crate) fn refuse_front_matter(mut self, refusal: Refusal, withhold: bool) -> Parsed {
        self.report(Code::FrontMatter, refusal.span, refusal.message, refusal.help);
        if refusal.is_discreet {
            self.diagnostics = without_excerpts(self.diagnostics);
        }
        self.refuse(withhold)
    }

    /// No article, only what was wrong so far; `withhold` says whether the file was meant to withhold it.
    pub(crate) fn refuse(mut self, withhold: bool) -> Parsed {
        let withhold = withhold || self.life.withhold || in_drafts_folder(self.source.path);
        let diagnostics = self.take_diagnostics();
        let diagnostics = if withhold { without_excerpts(diagnostics) } else { diagnostics };
        let (access, id) = (self.access, self.id);
        let refused = Parsed::refused(diagnostics);
        Parsed { origins: self.origins, withhold, embargoed: withhold, access, id, ..refused }
    }

    /// Reports what is in the text and can't be in feeds.
    fn report_losses(&mut self) {
        let source = self.source.text;
        if !self.body.as_ref().is_some_and(render::may_lose) {
            return;
        }
        let mut from = 0;
        for loss in self.body.as_ref().map(render::losses).unwrap_or_default() {
            let (written, message, help) = told(&loss);
            if self.lists_all_it_can() {
                self.report(Code::ArticleLoss, 0..0, message, help);
                continue;
            }
            // Attributes are written with other escapes, maybe.
            let written: String =
                written.chars().take_while(|c| !matches!(c, '&' | '"' | '\'' | '<' | '>')).take(60).collect();
            let find = |from: usize| source.get(from..)?.find(&written).map(|at| from + at);
            let found = find(from).or_else(|| find(0)).filter(|_| !written.is_empty());
            let span = found.map_or(0..0, |at| at..at + written.len());
            from = span.end;
            self.report(Code::ArticleLoss, span, message, help);
        }
    }

    /// The article, unless something about it is wrong; slug and date may still come from the file's name.
    pub(crate) fn finish(mut self) -> Parsed {
        if self.body.as_ref().is_some_and(has_plain_mark) {
            self.restrict_by_mark();
        }
        let is_gated = self.body.as_ref().is_some_and(gates::has_gate);
        if is_gated {
            self.restrict_by_gate();
        }
        if in_drafts_folder(self.source.path) {
            self.set_draft(true, 0..0, "folder");
        }
        let file_name = bundle::name(self.source.path);
        let (name_date, name) = dated_name(&file_name);
        if let Some(date) = name_date.filter(|_| !self.has_date()) {
            self.set_published(date, 0..0, "file name");
        }
        if self.slug.is_none() {
            match slug(name) {
                Ok(slug) => {
                    self.origin("slug", slug.as_str(), &(0..0), "file name");
                    self.slug = Some(slug);
                }
                Err(reason) => self.report(
                    Code::ArticleSlug,
                    0..0,
                    format!("the file's name cannot be a slug: {reason}"),
                    "rename the file, or give it a `slug`",
                ),
            }
        }
        self.report_losses();
        let retracted = self.is_retracted();
        if !self.has_title() && retracted {
            // Nobody will read it, but every article has one.
            self.title = self.slug.clone();
        }
        if !self.has_title() {
            self.report(
                Code::ArticleTitle,
                0..0,
                "there is no title",
                "write a headline: `title: ...` in the front matter, or a heading",
            );
        }
        if !self.has_date() && !self.draft && !retracted {
            self.report(
                Code::ArticleUndated,
                0..0,
                "there is no date, so the article is dated by when dateline first saw it",
                "write `date: 2026-11-23 10:00`",
            );
        }
        let updated = match (self.updated.take(), self.published) {
            (Some((updated, span)), Some(published)) if updated.timestamp() < published.timestamp() => {
                self.report(
                    Code::ArticleUpdated,
                    span,
                    "it was updated before it was published; the update is ignored",
                    "write the later of the two as `updated`",
                );
                None
            }
            (updated, _) => updated.map(|(updated, _)| updated),
        };
        let life = self.conclude(updated);
        let (embargo, embargoed) = (life.embargo, life.embargo.is_some());
        let never_public = life.never_public;
        let diagnostics = self.take_diagnostics();
        let refused = diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error);
        let id = self.id.clone();
        let article = match (self.title, self.slug) {
            (Some(title), Some(slug)) if !refused => {
                let described = self.image_caption.is_some() || self.image_credit.is_some();
                let has_image = described || !self.image.is_empty();
                let body = self.body.unwrap_or_else(|| Body::Paragraphs(Vec::new()));
                let body = if self.access.is_paid() {
                    let free = self.free_body.unwrap_or_else(|| free_part(&body));
                    let whole = if is_gated { gates::without_tags(&body) } else { body };
                    Body::Paid { free: Box::new(free), whole: Box::new(whole) }
                } else {
                    body
                };
                let is_unlisted = !self.access.is_listed() && !self.access.is_private();
                let folder = self.source.path.folder();
                let (body_files, paid_body_files) =
                    if is_unlisted { render::local_media(&body, folder) } else { Default::default() };
                let metadata = Metadata {
                    hash: self.hash,
                    title,
                    published: self.published,
                    updated,
                    authors: self.authors,
                    editors: self.editors,
                    section: self.section.unwrap_or(SectionClaim::Folder),
                    sections: self.sections,
                    tags: self.tags,
                    summary: self.summary,
                    language: self.language,
                    id: self.id,
                    slug,
                    link: self.link,
                    image: has_image.then_some(Image {
                        files: self.image,
                        alt: self.image_alt,
                        caption: self.image_caption,
                        credit: self.image_credit,
                    }),
                    media: self.media,
                    source: self.agency,
                    source_feed: self.source_feed,
                    copyright: self.copyright,
                    draft: self.draft,
                    in_feeds: self.in_feeds,
                    access: self.access,
                    embargo: life.embargo,
                    expires: life.expires,
                    retracted: life.retracted,
                    corrections: life.corrections,
                    body_files,
                    paid_body_files,
                };
                Some(Article::new(self.source.path, metadata, body))
            }
            _ => None,
        };
        // Neither a retraction nor a draft is undone by another mistake in the same file.
        let withhold = self.life.withhold || ((retracted || self.draft) && article.is_none());
        let embargoed = withhold || embargoed;
        let diagnostics = if withhold || never_public { without_excerpts(diagnostics) } else { diagnostics };
        let access = self.access;
        Parsed { article, diagnostics, origins: self.origins, withhold, embargoed, embargo, access, id }
    }
}

/// What is written where something is lost, what is wrong, and what to do.
fn told(loss: &Loss) -> (&str, String, String) {
    match loss {
        Loss::Picture { address, alternative } => {
            let instead = if alternative.is_empty() { "nothing of it" } else { "its alternative text" };
            let message =
                format!("a picture is written into the text (`data:`), which feeds can't carry; readers see {instead}");
            (address, message, "save it as a file beside the article, and name that".to_owned())
        }
        Loss::Drawing { mark } => {
            let message = "a drawing (`<svg>`) is written into the text, which feeds can't carry; readers see the words in it, if any";
            let help =
                "save it as a file beside the article, or give it an `aria-label` or a `<title>` to stand for it";
            (mark, message.to_owned(), help.to_owned())
        }
        Loss::Embed { element } => {
            let missing = match element.as_str() {
                "audio" | "video" => "which file it plays",
                _ => "what page it shows",
            };
            let message = format!("nothing is left of this `<{element}>`: it doesn't say {missing}");
            (element, message, "write a link to it".to_owned())
        }
        Loss::Base { address } => {
            let message = "the `<base href>` in the text is not a web address, so it is ignored".to_owned();
            (address, message, "begin it with `https://` or `/`, or remove it".to_owned())
        }
    }
}

/// Diagnostics of a file that is withheld: they say where, and quote nothing.
fn without_excerpts(mut diagnostics: Vec<Diagnostic>) -> Vec<Diagnostic> {
    diagnostics.iter_mut().filter_map(|diagnostic| diagnostic.place.as_mut()).for_each(|place| place.excerpt = None);
    diagnostics
}

/// Setters of plain lines of text that need no check.
macro_rules! text_setters {
    ($($setter:ident $field:ident $name:literal,)+) => {
        impl Draft<'_> {
            $(pub(crate) fn $setter(&mut self, raw: &str, span: Range<usize>, how: &'static str) {
                let text = Text::line(&without_hidden(raw));
                if self.$field.is_none() && !text.is_empty() {
                    self.origin($name, text.as_str(), &span, how);
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

/// The file as diagnostics name it.
pub(crate) fn file_name(options: &ParseOptions, path: &ArticlePath) -> String {
    format!("{}/{path}", options.root)
}

/// `2026-11-23-slug` is a date and a slug.
fn dated_name(stem: &str) -> (Option<&str>, &str) {
    let shape = |date: &str| {
        date.bytes().enumerate().all(|(at, byte)| if at == 4 || at == 7 { byte == b'-' } else { byte.is_ascii_digit() })
    };
    match (stem.get(..10), stem.get(10..)) {
        (Some(date), Some("")) if shape(date) => (Some(date), stem),
        (Some(date), Some(rest)) if shape(date) && rest.starts_with(['-', '_']) && rest.len() > 1 => {
            (Some(date), rest.get(1..).unwrap_or(rest))
        }
        _ => (None, stem),
    }
}

/// One NFC path segment.
fn slug(raw: &str) -> Result<Text, String> {
    let slug = nfc(raw.trim());
    if slug.is_empty() {
        return Err("a slug cannot be empty".into());
    }
    if slug == "." || slug == ".." {
        return Err(format!("a slug cannot be `{slug}`"));
    }
    if let Some(bad) =
        slug.chars().find(|&c| matches!(c, '/' | '\\') || c.is_control() || !is_publishable(c) || is_bidi_control(c))
    {
        return Err(format!("a slug cannot contain `{}`", bad.escape_debug()));
    }
    if slug.len() > MOST_SLUG_BYTES {
        return Err(format!("a slug is at most {MOST_SLUG_BYTES} bytes long; this one has {}", slug.len()));
    }
    Ok(Text::line(&slug))
}

/// The names in a byline, without the words around them.
fn names(raw: &str) -> Vec<String> {
    let mut text = raw.trim();
    for prefix in ["By ", "by ", "BY ", "文/", "文／", "图/", "本报记者", "记者"] {
        text = text.strip_prefix(prefix).unwrap_or(text).trim_start();
    }
    if is_one_name(text) {
        return vec![text.to_owned()];
    }
    let text = text.replace(" and ", ",").replace(" & ", ",").replace(" AND ", ",").replace('\u{a0}', " ");
    let parts = text.split([',', '，', '、', '/', '／', ';', '；', '|']);
    let parts =
        parts.map(|name| name.trim().strip_prefix("and ").unwrap_or(name.trim())).filter(|name| !name.is_empty());
    with_suffixes(parts.map(str::to_owned))
}

/// What follows a comma and belongs to the name before it.
const SUFFIXES: &[&str] = &["jr", "sr", "ii", "iii", "iv", "phd", "md", "esq", "mba", "obe", "mbe", "rn", "ma", "ba"];
/// What companies are called at the end.
const COMPANIES: &[&str] = &[
    "ltd",
    "limited",
    "inc",
    "incorporated",
    "llc",
    "llp",
    "gmbh",
    "co",
    "corp",
    "plc",
    "ag",
    "kg",
    "sa",
    "srl",
    "bv",
];

fn is_one_of(words: &[&str], part: &str) -> bool {
    let part = part.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect::<String>();
    words.contains(&part.as_str())
}

/// Names in a list, with `Jr.` and its like where they belong: `John Smith, Jr.` is one.
pub(crate) fn with_suffixes(parts: impl Iterator<Item = String>) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for part in parts {
        match names.last_mut().filter(|_| is_one_of(SUFFIXES, &part)) {
            Some(name) => {
                name.push_str(", ");
                name.push_str(&part);
            }
            None => names.push(part),
        }
    }
    names
}

/// `Smith & Sons, Ltd`, and a name turned round: `Smith, John`.
pub(crate) fn is_one_name(text: &str) -> bool {
    let Some((first, last)) = text.split_once(',').map(|(first, last)| (first.trim(), last.trim())) else {
        return false;
    };
    let is_word = |word: &str| {
        word.starts_with(|c: char| c.is_uppercase())
            && word.len() > 1
            && word.chars().all(|c| c.is_alphabetic() || matches!(c, '-' | '.' | '\''))
    };
    is_one_of(COMPANIES, last) || (is_word(first) && is_word(last))
}

/// The beginning of an address: one that has its file in it may be very long.
fn shortened(raw: &str) -> String {
    const LONGEST: usize = 80;
    let start: String = raw.chars().take(LONGEST).collect();
    format!("{}{}", start.escape_debug(), if start.len() < raw.len() { "…" } else { "" })
}

fn url_help(raw: &str) -> String {
    if raw.get(..5).is_some_and(|scheme| scheme.eq_ignore_ascii_case("data:")) {
        return "save it as a file beside the article, and name that".to_owned();
    }
    let file =
        "write a whole address such as `https://www.courier.example/q.jpg`, or the name of a file beside the article";
    scheme_help(raw).unwrap_or_else(|| file.to_owned())
}

fn link_help(raw: &str) -> String {
    let page = "write the whole address of the article's page, such as `https://www.courier.example/night-ferry.html`; without `link`, \
                dateline links to its own page or to `content.article_url`";
    scheme_help(raw).unwrap_or_else(|| page.to_owned())
}

/// What to write instead of a scheme that is nearly one that readers load.
fn scheme_help(raw: &str) -> Option<String> {
    let (scheme, _) = raw.split_once(':')?;
    let meant = nearest(scheme, ["http", "https"]).filter(|meant| scheme != *meant)?;
    Some(format!("schemes are http and https; did you mean `{meant}`?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bylines_are_names() {
        for (raw, expected) in [
            ("By JIN Feng and ZHONG Jianli", "JIN Feng|ZHONG Jianli"),
            ("A, B & C", "A|B|C"),
            ("甲、乙，丙", "甲|乙|丙"),
            ("记者 王小明", "王小明"),
            ("Anderson Sandy", "Anderson Sandy"),
            ("A, and B", "A|B"),
            ("Smith & Sons, Ltd", "Smith & Sons, Ltd"),
            ("Smith, John", "Smith, John"),
            ("John Smith, Jr., and Ann Lee, PhD", "John Smith, Jr.|Ann Lee, PhD"),
            ("Ann Lee, Bo Chen", "Ann Lee|Bo Chen"),
        ] {
            assert_eq!(names(raw).join("|"), expected);
        }
    }

    #[test]
    fn file_names_carry_dates() {
        for (stem, date, slug) in [
            ("2026-11-03-tide", Some("2026-11-03"), "tide"),
            ("2026-11-03", Some("2026-11-03"), "2026-11-03"),
            ("2026-1-03-x", None, "2026-1-03-x"),
            ("科技-新闻", None, "科技-新闻"),
        ] {
            assert_eq!(dated_name(stem), (date, slug));
        }
    }
}
