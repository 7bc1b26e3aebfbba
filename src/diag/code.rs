//! Every kind of mistake, on one page. Codes are stable: operators search for them, the README lists them.

use std::fmt;

use super::Severity;

macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $variant:ident $name:literal $severity:ident,)+) => {
        /// The kind of a mistake.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum Code {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl Code {
            /// Every code, in the order of this page.
            pub const ALL: &[Code] = &[$(Code::$variant,)+];

            /// The name that is printed, searched for and documented.
            pub fn name(self) -> &'static str {
                match self { $(Code::$variant => $name,)+ }
            }

            /// What it means, in one line.
            pub fn explanation(self) -> &'static str {
                match self { $(Code::$variant => concat!($($doc),+).trim_ascii_start(),)+ }
            }

            /// Whether the input is refused.
            pub fn severity(self) -> Severity {
                match self { $(Code::$variant => Severity::$severity,)+ }
            }
        }
    };
}

codes! {
    // -- configuration ------------------------------------------------------------------------------------------------
    /// The configuration file cannot be read.
    ConfigUnreadable "config-unreadable" Error,

    // -- articles: all formats ----------------------------------------------------------------------------------------
    /// The article's file cannot be read.
    ArticleUnreadable "article-unreadable" Error,

    // -- articles: front matter and Markdown --------------------------------------------------------------------------
    /// The front matter is not closed, or is not YAML or TOML.
    FrontMatter "front-matter" Error,

    // -- articles: HTML -----------------------------------------------------------------------------------------------
    /// The page has so many nested elements that reading it would take too long.
    HtmlTangled "html-tangled" Error,
    /// The page has no text that could be the article.
    HtmlBody "html-body" Error,
    /// A JSON-LD block of the page is not valid JSON; the other metadata of the page is used.
    HtmlJsonLd "html-json-ld" Warning,

    // -- articles: wire text ------------------------------------------------------------------------------------------
    /// A labelled line has no value, an unknown label, or a place where labels do not count.
    WireLabel "wire-label" Warning,
    /// It is doubtful which line is the headline.
    WireHeadline "wire-headline" Warning,
    /// It is doubtful whether a line is a caption.
    WireCaption "wire-caption" Warning,
    /// It is doubtful whether a line is a byline.
    WireByline "wire-byline" Warning,
    /// A field is given twice, with different values.
    WireConflict "wire-conflict" Warning,
    /// Text after the end of the article was left out.
    WireTrailing "wire-trailing" Warning,

    // -- publishing ---------------------------------------------------------------------------------------------------
    /// A breadcrumb matches no section; the folder decides instead.
    BreadcrumbUnknown "breadcrumb-unknown" Warning,
    /// Two articles would have the same id; they are told apart by their paths.
    IdCollision "id-collision" Warning,
    /// Another article already has this explicit id, so this one is not published.
    IdTaken "id-taken" Error,
    /// An encoder refused a document; the previous version of it stays served.
    DocumentRefused "document-refused" Error,

    // -- watching and writing -----------------------------------------------------------------------------------------
    /// A folder of the content directory cannot be read; its articles stay as they are.
    FolderUnreadable "folder-unreadable" Error,
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
