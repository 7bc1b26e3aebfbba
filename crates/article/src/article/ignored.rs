//! Files of the content directory that contain no article, although an editor or an agency might take them for one.

use std::borrow::Cow;

use crate::diagnostics::{Code, Diagnostic, Place};

/// Why a file contains no article.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum IgnoredKind {
    /// JSON that isn't ninjs.
    Json,
    /// XML that is neither NewsML-G2 nor NITF.
    Xml,
    /// A document of a word processor.
    Word,
    /// A PDF file.
    Pdf,
    /// An agency's package, which lists other items.
    Package,
    /// An agency's picture, sound, film or plan without a text.
    Media,
    /// A file of another format than its source's, by the pattern of its name.
    OtherFormat(&'static str),
    /// A section's page outside the content directory.
    SectionPage,
    /// A document in Djot, AsciiDoc, reStructuredText or Org.
    Markup,
    /// Plain text without a date, a labelled line, a breadcrumb or a byline.
    PlainText,
    /// A page about the site.
    Page,
    /// A page that lists stories.
    List,
}

impl IgnoredKind {
    /// The kind of a file that is never an article, by its name.
    pub fn of_name(name: &str) -> Option<IgnoredKind> {
        let (stem, extension) = name.rsplit_once('.')?;
        let is_visible = !stem.is_empty() && !name.starts_with(['.', '#', '~', '_']);
        let kinds = [
            ("docx", IgnoredKind::Word),
            ("pdf", IgnoredKind::Pdf),
            ("dj", IgnoredKind::Markup),
            ("adoc", IgnoredKind::Markup),
            ("asciidoc", IgnoredKind::Markup),
            ("rst", IgnoredKind::Markup),
            ("org", IgnoredKind::Markup),
        ];
        let kind = kinds.into_iter().find(|(known, _)| extension.eq_ignore_ascii_case(known));
        kind.map(|(_, kind)| kind).filter(|_| is_visible)
    }

    /// The pattern of such files: for Word documents, `*.docx`.
    pub fn pattern(self) -> &'static str {
        match self {
            IgnoredKind::Json => "*.json",
            IgnoredKind::Xml => "*.xml",
            IgnoredKind::Word => "*.docx",
            IgnoredKind::Pdf => "*.pdf",
            IgnoredKind::Package => "packages",
            IgnoredKind::Media => "pictures and other media",
            IgnoredKind::OtherFormat(pattern) => pattern,
            IgnoredKind::SectionPage => "_index.*",
            IgnoredKind::Markup => "*.{dj,adoc,asciidoc,rst,org}",
            IgnoredKind::PlainText => "*.txt",
            IgnoredKind::Page => "pages of the site",
            IgnoredKind::List => "lists of stories",
        }
    }

    /// The diagnostic about all such files in a folder, as it is spelt in diagnostics.
    pub fn diagnostic(self, folder: &str) -> Diagnostic {
        let message: Cow<'static, str> = match self {
            IgnoredKind::Json => "JSON files here that aren't ninjs are ignored".into(),
            IgnoredKind::Xml => "XML files here that are neither NewsML-G2 nor NITF are ignored".into(),
            IgnoredKind::Word => "Word documents here are ignored, because they aren't articles".into(),
            IgnoredKind::Pdf => "PDF files here aren't articles; `/media/` serves those that articles refer to".into(),
            IgnoredKind::Package => "agencies' packages here are ignored, because sections list stories by date".into(),
            IgnoredKind::Media => {
                "agencies' pictures and other media here have no text, so they aren't articles".into()
            }
            IgnoredKind::OtherFormat(pattern) => {
                format!("files `{pattern}` here are ignored, because the source has another `format`").into()
            }
            IgnoredKind::SectionPage => {
                "pages of sections here are ignored: only those in the content directory count".into()
            }
            IgnoredKind::Markup => {
                "documents in Djot, AsciiDoc, reStructuredText or Org here are ignored, because these formats aren't supported".into()
            }
            IgnoredKind::PlainText => {
                "text files here without a date, a labelled line, a breadcrumb or a byline are ignored, because they aren't stories".into()
            }
            IgnoredKind::Page => {
                "pages here about the site, such as those with `layout: page` and an undated `about.md`, are ignored, because they aren't stories".into()
            }
            IgnoredKind::List => {
                "pages here that list stories, such as those with `layout: archives` or `pagination`, are ignored, because they aren't stories".into()
            }
        };
        let help = match self {
            IgnoredKind::Word => "save the articles as HTML or text; `content.ignore = [\"*.docx\"]` ignores the files without this warning".to_owned(),
            IgnoredKind::OtherFormat(_) => "remove `format`, or put the files into a source of their own".to_owned(),
            IgnoredKind::Markup => format!(
                "convert them to Markdown or HTML; `content.ignore = [\"{}\"]` ignores them without this warning",
                self.pattern()
            ),
            IgnoredKind::PlainText => {
                "if one is a story, write its date on a line of its own, such as `Date: 2026-11-23 10:00`; a pattern in `content.ignore` ignores the others without this warning".to_owned()
            }
            IgnoredKind::Page | IgnoredKind::List => {
                "if one is a story, give it a `date` and another `layout`; a pattern in `content.ignore` ignores the others without this warning".to_owned()
            }
            IgnoredKind::Package | IgnoredKind::Media => {
                "a pattern in `content.ignore` ignores them without this warning".to_owned()
            }
            _ => format!("`content.ignore = [\"{}\"]` ignores them without this warning", self.pattern()),
        };
        Diagnostic::new(Code::ContentIgnored, message).at(Place::file(folder)).help(help)
    }
}
