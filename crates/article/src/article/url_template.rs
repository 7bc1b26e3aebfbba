//! Addresses with placeholders: `content.article_url`, and the permalinks of front matter.
//!
//! `{slug}`, `{section}`, `{section:1}` (the first part), `{section:2-}` (from the second on), `{section:last}`, `{path}` (the file below the
//! content directory), `{stem}` (the file's name), `{category}`, `{categories}`, `{year}`, `{month}`, `{day}`, and `{date:%Y/%j}` with the
//! conversions of `strftime`.

use jiff::Timestamp;
use jiff::fmt::strtime;
use jiff::tz::{Offset, TimeZone};

use super::bundle;
use super::slugs::SlugStyle;
use crate::diagnostics::nearest;
use crate::encoding::encode_segment;
use crate::types::{ArticlePath, Moment, Text};

/// An address with placeholders in its path.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UrlTemplate {
    text: Text,
    parts: Vec<Part>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Part {
    Literal(String),
    Slug,
    /// The own section's parts from the first to the last of these numbers, counted from 1.
    Section(usize, usize),
    LastSection,
    Path,
    Stem,
    Category,
    Categories,
    /// A format of `strftime`.
    Date(String),
}

/// The placeholders, for messages.
const PLACEHOLDERS: [&str; 10] = [
    "{slug}",
    "{section}",
    "{section:1}",
    "{path}",
    "{stem}",
    "{category}",
    "{categories}",
    "{year}",
    "{month}",
    "{day}",
];

/// Why an address isn't a template.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TemplateError {
    /// The fault.
    pub message: String,
    /// The fix.
    pub help: String,
}

/// The facts that replace the placeholders.
#[derive(Clone, Copy, Debug)]
pub struct AddressFacts<'f> {
    /// The article's file.
    pub path: &'f ArticlePath,
    /// The parts of its own section.
    pub section: &'f [&'f str],
    /// Its slug.
    pub slug: &'f str,
    /// Its categories.
    pub categories: &'f [&'f str],
    /// Its date.
    pub date: Option<Moment>,
    /// How addresses spell names.
    pub style: SlugStyle,
}

impl UrlTemplate {
    /// Parses a template.
    pub fn parse(text: &str) -> Result<UrlTemplate, TemplateError> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((literal, after)) = rest.split_once('{') {
            let (name, after) = after.split_once('}').ok_or_else(|| TemplateError {
                message: "a placeholder isn't closed".into(),
                help: "write `}` after its name, as in `{slug}`".into(),
            })?;
            parts.push(Part::Literal(literal.to_owned()));
            parts.push(part(name)?);
            rest = after;
        }
        parts.push(Part::Literal(rest.to_owned()));
        parts.retain(|part| !matches!(part, Part::Literal(text) if text.is_empty()));
        Ok(UrlTemplate { text: Text::new(text), parts })
    }

    /// The template as written.
    pub fn as_str(&self) -> &str {
        self.text.as_str()
    }

    /// Whether two articles of a folder have different addresses.
    pub fn names_article(&self) -> bool {
        self.parts.iter().any(|part| matches!(part, Part::Slug | Part::Path | Part::Stem))
    }

    /// Whether the address depends on the article's date.
    pub fn needs_date(&self) -> bool {
        self.parts.iter().any(|part| matches!(part, Part::Date(_)))
    }

    /// The address of an article, percent-encoded. A part of the path that is empty leaves no slash.
    pub fn expand(&self, facts: &AddressFacts<'_>) -> String {
        let mut url = String::with_capacity(self.text.as_str().len() + 32);
        for part in &self.parts {
            let value = match part {
                Part::Literal(literal) => literal.clone(),
                part => value(part, facts),
            };
            let is_double = (value.starts_with('/') || value.is_empty()) && url.ends_with('/') && !url.ends_with("://");
            url.push_str(if is_double { value.trim_start_matches('/') } else { &value });
        }
        url
    }
}

fn value(part: &Part, facts: &AddressFacts<'_>) -> String {
    let folders = |segments: &[&str]| joined(segments.iter().map(|segment| facts.style.folder(segment)));
    let section = |from: usize, to: usize| facts.section.get(from - 1..to.min(facts.section.len())).unwrap_or_default();
    match part {
        Part::Literal(text) => text.clone(),
        Part::Slug => encode_segment(facts.slug),
        Part::Section(from, to) => folders(section(*from, *to)),
        Part::LastSection => folders(facts.section.last().map(std::slice::from_ref).unwrap_or_default()),
        Part::Path => {
            let name = bundle::name(facts.path);
            let folder = bundle::section_folder(facts.path);
            let segments: Vec<&str> = folder.split('/').filter(|name| !name.is_empty()).chain([&*name]).collect();
            folders(&segments)
        }
        Part::Stem => joined([facts.style.folder(&bundle::name(facts.path))]),
        Part::Categories => {
            // Jekyll's posts also have the folders above `_posts` as categories.
            let folders = facts.path.folder().split_once("_posts").map_or("", |(above, _)| above).split('/');
            let names = folders.filter(|name| !name.is_empty()).chain(facts.categories.iter().copied());
            let mut categories: Vec<String> = Vec::new();
            for category in names.map(|category| facts.style.category(category)) {
                if !categories.contains(&category) {
                    categories.push(category);
                }
            }
            joined(categories)
        }
        // Pelican takes the folder as the category of articles that state none.
        Part::Category => {
            let category = facts.categories.first().or(facts.section.last());
            joined(category.map(|category| facts.style.category(category)))
        }
        Part::Date(format) => {
            let date = facts.date.and_then(|date| formatted(format, date));
            joined(date.unwrap_or_default().split('/').map(str::to_owned))
        }
    }
}

/// Parts of a path. Those that would lead to another folder are left out.
fn joined(segments: impl IntoIterator<Item = String>) -> String {
    let segments = segments.into_iter().filter(|segment| segment != "." && segment != "..");
    segments.map(|segment| encode_segment(&segment)).collect::<Vec<_>>().join("/")
}

/// Parses the text between braces.
fn part(name: &str) -> Result<Part, TemplateError> {
    let unknown = || {
        let placeholder = format!("{{{name}}}");
        let help = match nearest(&placeholder, PLACEHOLDERS) {
            Some(suggestion) => format!("did you mean `{suggestion}`?"),
            None => format!("known: {}, {{date:%Y}}", PLACEHOLDERS.join(", ")),
        };
        TemplateError { message: format!("`{}` is not a placeholder", placeholder.escape_debug()), help }
    };
    Ok(match name {
        "slug" => Part::Slug,
        "path" => Part::Path,
        "stem" => Part::Stem,
        "category" => Part::Category,
        "categories" => Part::Categories,
        "section" => Part::Section(1, usize::MAX),
        "section:last" => Part::LastSection,
        "year" => Part::Date("%Y".into()),
        "month" => Part::Date("%m".into()),
        "day" => Part::Date("%d".into()),
        _ => match name.split_once(':') {
            Some(("section", range)) => {
                let (from, to) = range.split_once('-').unwrap_or((range, range));
                let to = if to.is_empty() { Ok(usize::MAX) } else { to.parse() };
                match (from.parse(), to) {
                    (Ok(from), Ok(to)) if from > 0 && from <= to => Part::Section(from, to),
                    _ => return Err(unknown()),
                }
            }
            Some(("date", format)) => {
                let is_valid =
                    Moment::new(Timestamp::UNIX_EPOCH, Offset::UTC).and_then(|epoch| formatted(format, epoch));
                if is_valid.is_none() || !format.contains('%') {
                    let message = format!("`{}` is not a format of dates", format.escape_debug());
                    return Err(TemplateError { message, help: "write one such as `{date:%Y/%m}`".into() });
                }
                Part::Date(format.to_owned())
            }
            _ => return Err(unknown()),
        },
    })
}

/// A date in a format of `strftime`, as its own place writes it. `None` if the format is invalid.
fn formatted(format: &str, date: Moment) -> Option<String> {
    let local = TimeZone::fixed(date.offset()).to_datetime(date.timestamp());
    strtime::format(format, local).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_values_of_placeholders() {
        let path = ArticlePath::new("Blog Posts/2026/11/2026-11-03-x.md");
        let date = Moment::new(Timestamp::UNIX_EPOCH, Offset::UTC);
        let facts = AddressFacts {
            path: &path,
            section: &["Blog Posts", "2026", "11"],
            slug: "a b",
            categories: &["Long Words", "news"],
            date,
            style: SlugStyle::AsWritten,
        };
        for (template, expected) in [
            ("https://a.example/{section}/{slug}.html", "https://a.example/Blog%20Posts/2026/11/a%20b.html"),
            ("/{section:1}/{slug}/", "/Blog%20Posts/a%20b/"),
            ("/{section:2-}/{slug}/", "/2026/11/a%20b/"),
            ("/{section:2-2}/{slug}/", "/2026/a%20b/"),
            ("/{section:4}/{slug}/", "/a%20b/"),
            ("/{section:last}/{slug}", "/11/a%20b"),
            ("/{path}/", "/Blog%20Posts/2026/11/2026-11-03-x/"),
            ("/{stem}.html", "/2026-11-03-x.html"),
            ("/{categories}/{slug}", "/Long%20Words/news/a%20b"),
            ("/{category}/{slug}", "/Long%20Words/a%20b"),
            ("/{year}/{month}/{day}/{slug}", "/1970/01/01/a%20b"),
            ("/{date:%Y/%-m/%b}/{slug}", "/1970/1/Jan/a%20b"),
            ("/?p={slug}", "/?p=a%20b"),
        ] {
            assert_eq!(UrlTemplate::parse(template).map(|template| template.expand(&facts)), Ok(expected.to_owned()));
        }
        let facts = AddressFacts { style: SlugStyle::Hugo, section: &[], categories: &[], ..facts };
        for (template, expected) in [
            ("/{path}/", "/blog-posts/2026/11/2026-11-03-x/"),
            ("https://a.example/{section}/{slug}/", "https://a.example/a%20b/"),
            ("/{categories}/{slug}", "/a%20b"),
            ("/x-{category}{slug}", "/x-a%20b"),
            ("/{stem}/", "/2026-11-03-x/"),
        ] {
            assert_eq!(UrlTemplate::parse(template).map(|template| template.expand(&facts)), Ok(expected.to_owned()));
        }
        let path = ArticlePath::new("News/Boats/_posts/2026-11-03-x.md");
        let facts = AddressFacts { path: &path, categories: &["boats", ".."], style: SlugStyle::Jekyll, ..facts };
        for (template, expected) in
            [("/{categories}/{slug}/", "/news/boats/a%20b/"), ("/{path}", "/News/Boats/_posts/2026-11-03-x")]
        {
            assert_eq!(UrlTemplate::parse(template).map(|template| template.expand(&facts)), Ok(expected.to_owned()));
        }
    }

    #[test]
    fn unknown_placeholders_are_refused() {
        for (template, message) in [
            ("/{slgu}", "`{slgu}` is not a placeholder"),
            ("/{section:0}", "`{section:0}` is not a placeholder"),
            ("/{section:2-1}", "`{section:2-1}` is not a placeholder"),
            ("/{section:99999999999999999999}", "`{section:99999999999999999999}` is not a placeholder"),
            ("/{date:%}", "`%` is not a format of dates"),
            ("/{date:now}", "`now` is not a format of dates"),
            ("/{slug", "a placeholder isn't closed"),
        ] {
            assert_eq!(UrlTemplate::parse(template).map_err(|error| error.message), Err(message.to_owned()));
        }
    }
}
