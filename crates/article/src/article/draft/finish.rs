//! Builds the result of a draft: the article, or the reasons why there is none.

use super::Draft;
use crate::article::bundle;
use crate::article::file_names::in_drafts_folder;
use crate::article::free_part::{free_part, has_unambiguous_mark};
use crate::article::front_matter::Refusal;
use crate::article::ignored::IgnoredKind;
use crate::article::model::{Body, Image, Metadata, SectionClaim};
use crate::article::parsed::{Article, Parsed};
use crate::article::site_pages::{self, PageFacts};
use crate::article::slugs::{SlugSources, parse_slug};
use crate::article::{article_links, gates, path_fields, render};
use crate::diagnostics::{Code, Diagnostic, Severity};
use crate::types::Text;

impl Draft<'_> {
    /// The result without an article, because the front matter can't be used.
    pub(crate) fn refuse_front_matter(mut self, refusal: Refusal, withhold: bool) -> Parsed {
        self.report(Code::FrontMatter, refusal.span, refusal.message, refusal.help);
        if refusal.hides_excerpt {
            self.diagnostics = without_excerpts(self.diagnostics);
        }
        self.refuse(withhold)
    }

    /// The result without an article. `withhold`: earlier versions are withheld too.
    pub(crate) fn refuse(mut self, withhold: bool) -> Parsed {
        let withhold = withhold || self.lifecycle.withhold || in_drafts_folder(self.source.path);
        let diagnostics = self.take_diagnostics();
        let diagnostics = if withhold { without_excerpts(diagnostics) } else { diagnostics };
        if let Some(item) = &mut self.item {
            item.time = item.time.or(self.published);
        }
        let (access, id, item) = (self.access, self.id, self.item.map(Box::new));
        let refused = Parsed::refused(diagnostics);
        Parsed { origins: self.origins, withhold, embargoed: withhold, access, id, item, ..refused }
    }

    /// The result for a file that isn't a story. An earlier version isn't public any more.
    fn into_ignored(mut self, kind: IgnoredKind) -> Parsed {
        self.diagnostics.retain(|diagnostic| diagnostic.severity == Severity::Error);
        self.unlisted = 0;
        Parsed { ignored: Some(kind), ..self.refuse(true) }
    }

    /// The result with the article, unless an error prevents it. A missing slug or date is taken from the file's name.
    pub(crate) fn finish(mut self) -> Parsed {
        if self.body.as_ref().is_some_and(has_unambiguous_mark) {
            self.restrict_by_mark();
        }
        let is_gated = self.body.as_ref().is_some_and(gates::has_gate);
        if is_gated {
            self.restrict_by_gate();
        }
        if in_drafts_folder(self.source.path) {
            self.set_draft(true, 0..0, "folder");
        }
        let file_name = match self.source.path.item() {
            Some(key) => name_of_item(key).unwrap_or_else(|| bundle::name(self.source.path)),
            None => bundle::name(self.source.path),
        };
        let fields = path_fields::of(self.source.path, &file_name);
        if let Some(date) = fields.date.as_deref().filter(|_| !self.has_date()) {
            self.set_published(date, 0..0, fields.origin);
        }
        if let Some(language) = path_fields::language(self.source.path) {
            self.set_language(language, 0..0, "file name");
        }
        self.add_default_provider();
        let retracted = self.is_retracted();
        let facts =
            PageFacts { is_dated: self.has_date(), is_post: fields.is_post(self.source.path), text: self.source.text };
        let ignored = site_pages::kind_of(self.source.path, &self.page_hints, facts);
        let is_page = self.source.path.item().is_none() && !bundle::is_section_page(self.source.path);
        if let Some(kind) = ignored.filter(|_| !retracted && is_page) {
            return self.into_ignored(kind);
        }
        self.report_losses();
        if self.slug.is_none() {
            let title = self.title.clone();
            let title = title.as_ref().map(Text::as_str);
            self.set_default_slug(SlugSources { file_name: &file_name, undated_name: fields.slug, title });
        }
        self.expand_permalink();
        if !self.has_title() && retracted {
            // A retracted article is never shown, but `title` is mandatory.
            self.title = self.slug.clone();
        }
        if let Some(title) = path_fields::title(self.source.path, &fields).filter(|_| !self.has_title()) {
            self.set_title(&title, 0..0, "file name");
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
                "there is no date, so the article gets the time at which dateline first saw it",
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
        let lifecycle = self.finish_lifecycle(updated);
        let (embargo, embargoed) = (lifecycle.embargo, lifecycle.embargo.is_some());
        let never_public = lifecycle.never_public;
        let diagnostics = self.take_diagnostics();
        let has_errors = diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error);
        if let Some(item) = &mut self.item {
            item.time = item.time.or(updated).or(self.published);
        }
        let (id, item) = (self.id.clone(), self.item.clone().map(Box::new));
        let article = match (self.title, self.slug) {
            (Some(title), Some(slug)) if !has_errors => {
                let has_image_text = self.image_caption.is_some() || self.image_credit.is_some();
                let has_image = has_image_text || !self.image.is_empty();
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
                    author_urls: self.author_urls,
                    editors: self.editors,
                    section: self.section.unwrap_or(SectionClaim::Folder),
                    sections: self.sections,
                    tags: self.tags,
                    summary: self.summary,
                    language: self.language.or_else(|| self.source.options.source.language.clone()),
                    id: self.id,
                    item: self.item,
                    routing: self.routing,
                    slug,
                    link: self.link,
                    image: has_image.then_some(Image {
                        files: self.image,
                        alt: self.image_alt,
                        caption: self.image_caption,
                        credit: self.image_credit,
                    }),
                    media: self.media,
                    source: self.agency.or_else(|| self.source.options.source.provider.clone()),
                    source_feed: self.source_feed,
                    copyright: self.copyright,
                    draft: self.draft,
                    in_feeds: self.in_feeds,
                    access: self.access,
                    embargo: lifecycle.embargo,
                    expires: lifecycle.expires,
                    retracted: lifecycle.retracted,
                    corrections: lifecycle.corrections,
                    body_files,
                    paid_body_files,
                    terms: self.terms,
                    article_links: article_links::in_body(&body, folder),
                    cascades: self.cascades,
                    categories: self.categories,
                };
                Some(Article::new(self.source.path, metadata, body))
            }
            _ => None,
        };
        // An error elsewhere in the file doesn't undo a retraction or a draft status.
        let withhold = self.lifecycle.withhold || ((retracted || self.draft) && article.is_none());
        let embargoed = withhold || embargoed;
        let diagnostics = if withhold || never_public { without_excerpts(diagnostics) } else { diagnostics };
        let access = self.access;
        let refused = Parsed::refused(diagnostics);
        Parsed { article, origins: self.origins, withhold, embargoed, embargo, access, id, item, ..refused }
    }

    /// Takes a missing slug from the file's name or from the title.
    fn set_default_slug(&mut self, sources: SlugSources<'_>) {
        match self.source.options.slugs.default_slug(sources) {
            Ok(slug) => {
                self.record_origin("slug", slug.as_str(), &(0..0), "file name");
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
}

/// Removes the excerpts from the diagnostics of a withheld file.
fn without_excerpts(mut diagnostics: Vec<Diagnostic>) -> Vec<Diagnostic> {
    diagnostics.iter_mut().filter_map(|diagnostic| diagnostic.place.as_mut()).for_each(|place| place.excerpt = None);
    diagnostics
}

/// The last part of an item's key: `ferry-night` of `urn:newsml:estuary.example:20261118:ferry-night`.
fn name_of_item(key: &str) -> Option<String> {
    let key = key.replace("%2F", "/");
    let last = key.rsplit(['/', ':', '#', '?', '=']).find(|part| !part.trim().is_empty())?;
    parse_slug(last).is_ok().then(|| last.to_owned())
}
