//! The values that are found in a page, and the table of `meta` elements.

use std::ops::Range;

use crate::article::meaning::Meaning;

/// The field that a value sets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Field {
    Title,
    Published,
    Updated,
    Expires,
    /// Another field about publication.
    Publication(Meaning),
    Author,
    Editor,
    Section,
    Tag,
    Summary,
    Language,
    Link,
    Source,
    Copyright,
    Id,
    ImageUrl,
    ImageAlt,
    ImageCaption,
    ImageCredit,
    /// A key of [`access`](crate::article::access).
    Access(&'static str),
    /// The article isn't free.
    Paywall,
    /// The CSS selector of a paid part.
    PaidPart,
}

/// A value, its byte range in the source, and its origin.
#[derive(Debug)]
pub(super) struct Finding {
    pub(super) field: Field,
    pub(super) value: String,
    pub(super) span: Option<Range<usize>>,
    pub(super) origin: &'static str,
}

/// The origin of a date in a `time` element, which isn't necessarily the article's.
pub(super) const TIME_ELEMENT: &str = "time element";

/// The names of `meta` elements in order of precedence, with field and origin.
pub(super) const META_FIELDS: &[(&str, Field, &str)] = &[
    ("og:title", Field::Title, "Open Graph"),
    ("article:published_time", Field::Published, "Open Graph"),
    ("og:published_time", Field::Published, "Open Graph"),
    ("article:modified_time", Field::Updated, "Open Graph"),
    ("og:updated_time", Field::Updated, "Open Graph"),
    ("article:author", Field::Author, "Open Graph"),
    ("og:article:author", Field::Author, "Open Graph"),
    ("article:section", Field::Section, "Open Graph"),
    ("article:tag", Field::Tag, "Open Graph"),
    ("og:description", Field::Summary, "Open Graph"),
    ("og:url", Field::Link, "Open Graph"),
    ("og:image", Field::ImageUrl, "Open Graph"),
    ("og:image:url", Field::ImageUrl, "Open Graph"),
    ("og:image:alt", Field::ImageAlt, "Open Graph"),
    ("DC.title", Field::Title, "Dublin Core"),
    ("dcterms.title", Field::Title, "Dublin Core"),
    ("dcterms.issued", Field::Published, "Dublin Core"),
    ("DC.date.issued", Field::Published, "Dublin Core"),
    ("dcterms.created", Field::Published, "Dublin Core"),
    ("DC.date.created", Field::Published, "Dublin Core"),
    ("dcterms.date", Field::Published, "Dublin Core"),
    ("DC.date", Field::Published, "Dublin Core"),
    ("dcterms.modified", Field::Updated, "Dublin Core"),
    ("DC.date.modified", Field::Updated, "Dublin Core"),
    ("DC.creator", Field::Author, "Dublin Core"),
    ("dcterms.creator", Field::Author, "Dublin Core"),
    ("DC.subject", Field::Tag, "Dublin Core"),
    ("dcterms.subject", Field::Tag, "Dublin Core"),
    ("DC.description", Field::Summary, "Dublin Core"),
    ("dcterms.description", Field::Summary, "Dublin Core"),
    ("dcterms.abstract", Field::Summary, "Dublin Core"),
    ("DC.language", Field::Language, "Dublin Core"),
    ("dcterms.language", Field::Language, "Dublin Core"),
    ("DC.source", Field::Source, "Dublin Core"),
    ("dcterms.source", Field::Source, "Dublin Core"),
    ("DC.rights", Field::Copyright, "Dublin Core"),
    ("dcterms.rights", Field::Copyright, "Dublin Core"),
    ("dateline-id", Field::Id, "meta"),
    ("datePublished", Field::Published, "meta"),
    ("pubdate", Field::Published, "meta"),
    ("publishdate", Field::Published, "meta"),
    ("publish-date", Field::Published, "meta"),
    ("publication_date", Field::Published, "meta"),
    ("date", Field::Published, "meta"),
    ("dateModified", Field::Updated, "meta"),
    ("last-modified", Field::Updated, "meta"),
    ("author", Field::Author, "meta"),
    ("editor", Field::Editor, "meta"),
    ("section", Field::Section, "meta"),
    ("articleSection", Field::Section, "meta"),
    ("news_keywords", Field::Tag, "meta"),
    ("keywords", Field::Tag, "meta"),
    ("description", Field::Summary, "meta"),
    ("cssSelector", Field::PaidPart, "microdata"),
    ("source", Field::Source, "meta"),
    ("copyright", Field::Copyright, "meta"),
    ("twitter:image", Field::ImageUrl, "meta"),
];
