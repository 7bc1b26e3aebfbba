//! Files of the content directory that contain no article, although an editor or an agency might take them for one.

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
        }
    }

    /// The diagnostic about all such files in a folder, as it is spelt in diagnostics.
    pub fn diagnostic(self, folder: &str) -> Diagnostic {
        let message = match self {
            IgnoredKind::Json => "JSON files here that aren't ninjs are ignored",
            IgnoredKind::Xml => "XML files here that are neither NewsML-G2 nor NITF are ignored",
            IgnoredKind::Word => "Word documents here are ignored, because they aren't articles",
            IgnoredKind::Pdf => "PDF files here aren't articles; `/media/` serves those that articles refer to",
            IgnoredKind::Package => "agencies' packages here are ignored, because sections list stories by date",
            IgnoredKind::Media => "agencies' pictures and other media here have no text, so they aren't articles",
        };
        let help = match self {
            IgnoredKind::Word => "save the articles as HTML or text; `content.ignore = [\"*.docx\"]` ignores the files without this warning".to_owned(),
            IgnoredKind::Package | IgnoredKind::Media => {
                "a pattern in `content.ignore` ignores them without this warning".to_owned()
            }
            _ => format!("`content.ignore = [\"{}\"]` ignores them without this warning", self.pattern()),
        };
        Diagnostic::new(Code::ContentIgnored, message).at(Place::file(folder)).help(help)
    }
}
