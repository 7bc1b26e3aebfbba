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
}

impl IgnoredKind {
    /// The kind of a file that is never an article, by its name.
    pub fn of_name(name: &str) -> Option<IgnoredKind> {
        let (stem, extension) = name.rsplit_once('.')?;
        let is_visible = !stem.is_empty() && !name.starts_with(['.', '#', '~', '_']);
        let kinds = [("docx", IgnoredKind::Word), ("pdf", IgnoredKind::Pdf)];
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
        };
        let help = match self {
            IgnoredKind::Word => "save the articles as HTML or text; `content.ignore = [\"*.docx\"]` ignores the files without this warning".to_owned(),
            IgnoredKind::OtherFormat(_) => "remove `format`, or put the files into a source of their own".to_owned(),
            IgnoredKind::Package | IgnoredKind::Media => {
                "a pattern in `content.ignore` ignores them without this warning".to_owned()
            }
            _ => format!("`content.ignore = [\"{}\"]` ignores them without this warning", self.pattern()),
        };
        Diagnostic::new(Code::ContentIgnored, message).at(Place::file(folder)).help(help)
    }
}
