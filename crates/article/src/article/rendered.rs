//! The input and output types that `render` and `sanitise` share.

use crate::types::{ArticlePath, ContentHash, Text, WebUrl};

/// The addresses against which an article's references are resolved, and what is rendered.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct LinkBase {
    /// The public URL of the article itself.
    pub page: WebUrl,
    /// The URL of the content directory's media files. Ends in a slash.
    pub media: WebUrl,
    /// The folder of the article's file below the content directory, `""` at the top.
    pub folder: String,
    /// Whether the HTML is for the article's own page, which keeps all ids. In a feed, ids could collide with those of other articles.
    pub anchors: bool,
    /// Whether only the free part of a paid article is rendered.
    pub free_only: bool,
}

impl LinkBase {
    /// The suffix by which ids differ from those of other articles.
    pub(super) fn id_suffix(&self) -> String {
        let hash = ContentHash::of(self.page.as_str().as_bytes()).to_string();
        format!("-{}", hash.get(..6).unwrap_or_default())
    }
}

impl Rendered {
    /// The result for a body that isn't shown.
    pub fn empty() -> Rendered {
        Rendered { html: Text::new(""), text: String::new(), lead: None, local_media: Vec::new() }
    }
}

/// A rendered body.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rendered {
    /// Sanitised HTML; every URL in it is absolute.
    pub html: Text,
    /// The prose as plain text, with a blank line between paragraphs. Headings, captions, tables and footnotes are included only
    /// if there is nothing else.
    pub text: String,
    /// The prose up to the comment that ends the summary, `<!--more-->`, if there is one.
    pub lead: Option<String>,
    /// The local files that the HTML refers to, sorted and without duplicates.
    pub local_media: Vec<ArticlePath>,
}
