//! Setters of authors, editors, tags and sections. The length of each list is limited. A full list is reported once.

use std::ops::Range;

use super::Draft;
use crate::article::byline;
use crate::article::model::SectionClaim;
use crate::diagnostics::Code;
use crate::types::{SectionPath, Text, WebUrl, nfc};

const MAX_TAGS: usize = 500;
const MAX_NAMES: usize = 100;
const MAX_SECTIONS: usize = 50;

impl Draft<'_> {
    pub(crate) fn add_author(&mut self, raw: &str, span: Range<usize>, origin: &'static str) {
        let name = Text::line(raw);
        if self.accepts(&name, self.authors.contains(&name), self.authors.len(), MAX_NAMES, "authors", &span) {
            self.record_origin("author", name.as_str(), &span, origin);
            self.authors.push(name);
        }
    }

    /// Sets the page of an author of the list. An e-mail address isn't a page, and is never published.
    pub(crate) fn set_author_url(&mut self, name: &str, raw: &str, span: Range<usize>, origin: &'static str) {
        let (name, raw) = (Text::line(name), raw.trim());
        let is_known = self.author_urls.iter().any(|(known, _)| *known == name);
        if raw.is_empty() || raw.contains('@') && !raw.contains('/') || is_known || !self.authors.contains(&name) {
            return;
        }
        let home = self.source.options.home.as_ref().filter(|_| raw.starts_with('/'));
        match home.map_or_else(|| WebUrl::parse(raw), |home| home.join(raw)) {
            Ok(url) => {
                self.record_origin("author.url", url.as_str(), &span, origin);
                self.author_urls.push((name, url));
            }
            Err(reason) => {
                let message = format!("`{}` is not a URL that readers can load: {reason}", raw.escape_debug());
                self.report(
                    Code::FrontMatterValue,
                    span,
                    message,
                    "write one such as `https://www.courier.example/ann/`",
                );
            }
        }
    }

    /// Adds the authors of a byline such as `By A, B and C`.
    pub(crate) fn add_byline(&mut self, raw: &str, span: Range<usize>, origin: &'static str) {
        for name in byline::names(raw) {
            self.add_author(&name, span.clone(), origin);
        }
    }

    pub(crate) fn add_editors(&mut self, raw: &str, span: Range<usize>, origin: &'static str) {
        for name in byline::names(raw) {
            self.add_editor(&name, span.clone(), origin);
        }
    }

    pub(crate) fn add_editor(&mut self, raw: &str, span: Range<usize>, origin: &'static str) {
        let name = Text::line(raw);
        if self.accepts(&name, self.editors.contains(&name), self.editors.len(), MAX_NAMES, "editors", &span) {
            self.record_origin("editor", name.as_str(), &span, origin);
            self.editors.push(name);
        }
    }

    pub(crate) fn add_tag(&mut self, raw: &str, span: Range<usize>, origin: &'static str) {
        let tag = Text::line(&nfc(raw));
        if tag.as_str().len() > 200 {
            return self.report(
                Code::ArticleTag,
                span,
                "a tag is at most 200 bytes long; this one is left out",
                "write a word or two",
            );
        }
        if self.accepts(&tag, self.tags.contains(&tag), self.tags.len(), MAX_TAGS, "tags", &span) {
            self.record_origin("tags", tag.as_str(), &span, origin);
            self.tags.push(tag);
        }
    }

    /// Adds a category, which is a tag that addresses may contain.
    pub(crate) fn add_category(&mut self, raw: &str, span: Range<usize>, origin: &'static str) {
        self.add_tag(raw, span, origin);
        let category = Text::line(&nfc(raw));
        if self.tags.contains(&category) && !self.categories.contains(&category) {
            self.categories.push(category);
        }
    }

    /// Whether a list accepts one more entry. Reports a full list once.
    pub(super) fn accepts(
        &mut self,
        name: &Text,
        is_known: bool,
        count: usize,
        max: usize,
        list: &'static str,
        span: &Range<usize>,
    ) -> bool {
        if name.is_empty() || is_known {
            return false;
        }
        if count == max {
            if self.full_lists.insert(list) {
                let message = format!("there are more than {max} {list}; the rest is left out");
                self.report(Code::ArticleTooMany, span.clone(), message, format!("keep the {list} that matter"));
            }
            return false;
        }
        true
    }

    pub(crate) fn set_section(&mut self, raw: &str, span: Range<usize>, origin: &'static str) {
        if self.section.is_some() {
            return;
        }
        if let Some(path) = self.section_path(raw, &span) {
            self.record_origin("section", if path.is_root() { "(root)" } else { path.as_str() }, &span, origin);
            self.section = Some(SectionClaim::Stated(path));
        }
    }

    pub(crate) fn add_section(&mut self, raw: &str, span: Range<usize>, origin: &'static str) {
        let Some(path) = self.section_path(raw, &span) else { return };
        let name = Text::new(path.as_str());
        if self.accepts(&name, self.sections.contains(&path), self.sections.len(), MAX_SECTIONS, "sections", &span) {
            self.record_origin("sections", path.as_str(), &span, origin);
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

    pub(crate) fn set_breadcrumb(&mut self, crumbs: Vec<Text>, span: Range<usize>, origin: &'static str) {
        if self.section.is_some() || crumbs.is_empty() {
            return;
        }
        self.record_origin("section", crumbs.iter().map(Text::as_str).collect::<Vec<_>>().join(" > "), &span, origin);
        self.section = Some(SectionClaim::Breadcrumb(crumbs));
    }
}
