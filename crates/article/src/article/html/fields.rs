//! Sets the fields of an article to the values that were found in its page.

use std::ops::Range;

use super::finding::{Field, Finding, TIME_ELEMENT};
use super::release;
use crate::article::date;
use crate::article::draft::{Draft, FilledLists};
use crate::diagnostics::Code;
use crate::types::{Text, WebUrl};

/// All values of a page in order of precedence.
pub(super) struct Findings {
    all: Vec<Finding>,
    /// The index of each field's first value.
    firsts: Vec<(Field, usize)>,
}

impl Findings {
    pub(super) fn new(all: Vec<Finding>) -> Findings {
        // A linear search: there are few fields, even if there are many findings.
        let mut firsts: Vec<(Field, usize)> = Vec::new();
        for (index, finding) in all.iter().enumerate() {
            if !firsts.iter().any(|(field, _)| *field == finding.field) {
                firsts.push((finding.field, index));
            }
        }
        Findings { all, firsts }
    }

    /// The value of a field that takes precedence.
    pub(super) fn first(&self, field: Field) -> Option<&Finding> {
        let (_, index) = self.firsts.iter().find(|(known, _)| *known == field)?;
        self.all.get(*index)
    }

    /// All values of a field.
    pub(super) fn values(&self, field: Field) -> Vec<&str> {
        self.all.iter().filter(|finding| finding.field == field).map(|finding| finding.value.as_str()).collect()
    }

    /// The address that the page states as its own.
    pub(super) fn link(&self) -> Option<WebUrl> {
        WebUrl::parse(&self.first(Field::Link)?.value).ok()
    }

    /// Sets the fields of the draft. Front matter takes precedence over the page.
    pub(super) fn apply(&self, draft: &mut Draft<'_>) {
        let stated = draft.filled_lists();
        let link = self.link();
        for finding in &self.all {
            self.apply_one(finding, &stated, link.as_ref(), draft);
        }
    }

    fn apply_one(&self, finding: &Finding, stated: &FilledLists, page: Option<&WebUrl>, draft: &mut Draft<'_>) {
        // Names and tags all come from the first source that has any.
        let outranked = |field| self.first(field).is_some_and(|first| first.origin != finding.origin);
        let (value, origin, span) = (finding.value.as_str(), finding.origin, finding.span.clone().unwrap_or(0..0));
        match finding.field {
            Field::Title => draft.set_title(value, span, origin),
            Field::Published if origin == TIME_ELEMENT && !date::is_date(value) => {
                draft.report_unusable_date(value, span)
            }
            Field::Published => draft.set_published(value, span, origin),
            Field::Updated => draft.set_updated(value, span, origin),
            Field::Expires => draft.set_expires(value, span, origin),
            Field::Publication(meaning) => release::apply_value(draft, meaning, value, span, origin),
            Field::Author if !stated.authors && !outranked(Field::Author) => match origin {
                // A name in structured data is one name, even with commas.
                "JSON-LD" => draft.add_author(value, span, origin),
                "Dublin Core" => {
                    value.split(';').for_each(|name| draft.add_author(name, span.clone(), origin));
                }
                _ => draft.add_byline(value, span, origin),
            },
            Field::Editor if !stated.editors && !outranked(Field::Editor) => match origin {
                "JSON-LD" => draft.add_editor(value, span, origin),
                _ => draft.add_editors(value, span, origin),
            },
            Field::Tag if !stated.tags && !outranked(Field::Tag) => draft.add_tag(value, span, origin),
            Field::Section => draft.set_breadcrumb(crumbs(value), span, origin),
            Field::Summary => draft.set_summary(value, span, origin),
            Field::Language => draft.set_language(value, span, origin),
            Field::Link => draft.set_link(value, span, origin),
            Field::Source => draft.set_source(value, span, origin),
            Field::Copyright => draft.set_copyright(value, span, origin),
            Field::Id => draft.set_id(value, span, origin),
            Field::ImageUrl => set_image(draft, value, page, span, origin),
            // Texts about a picture belong to the picture of the same source.
            Field::ImageAlt if !outranked(Field::ImageUrl) => draft.set_image_alt(value, span, origin),
            Field::ImageCaption if !outranked(Field::ImageUrl) => draft.set_image_caption(value, span, origin),
            Field::ImageCredit if !outranked(Field::ImageUrl) => draft.set_image_credit(value, span, origin),
            Field::Access(key) => draft.set_access(key, value, span, origin),
            Field::Paywall => draft.set_access("isAccessibleForFree", value, span, origin),
            _ => {}
        }
    }
}

/// Splits a section's name into crumbs: `Technology > Chips`, `Technology/Chips`. A plain name is a single crumb.
fn crumbs(section: &str) -> Vec<Text> {
    section.split(['>', '›', '»', '＞', '/']).map(Text::line).filter(|crumb| !crumb.is_empty()).collect()
}

/// Sets the lead picture. The page's own address, else the website's, completes a reference from the root of the site.
pub(super) fn set_image(
    draft: &mut Draft<'_>,
    reference: &str,
    page: Option<&WebUrl>,
    span: Range<usize>,
    origin: &'static str,
) {
    let is_from_root = reference.starts_with('/') && !reference.starts_with("//");
    let site = page.or(draft.source().options.home.as_ref());
    match site.map(|site| site.join(reference)) {
        Some(Ok(url)) if is_from_root => draft.set_image_url(url.as_str(), span, origin),
        _ if is_from_root => draft.report(
            Code::HtmlImage,
            span,
            format!("`{reference}` begins at the root of a site, but the page does not state its own address"),
            "write the whole address, or add `<link rel=\"canonical\" href=\"https://...\">`",
        ),
        _ => draft.set_image_url(reference, span, origin),
    }
}
