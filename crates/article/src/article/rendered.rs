//! The input and output types that `render` and `sanitise` share.

use std::sync::Arc;

use super::extensions::Extensions;
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
    /// The page at whose root addresses such as `/img/x.png` begin: the article's, unless dateline serves it.
    pub root: WebUrl,
    /// The extensions of Markdown.
    pub markdown: Extensions,
    /// The public URLs of the articles that the body links to by their files.
    pub articles: Arc<Vec<(ArticlePath, WebUrl)>>,
}

impl LinkBase {
    /// The addresses for an article at the top of the content directory.
    pub fn new(page: WebUrl, media: WebUrl) -> LinkBase {
        let (root, folder, markdown) = (page.clone(), String::new(), Extensions::DEFAULT);
        LinkBase { page, media, folder, anchors: false, free_only: false, root, markdown, articles: Arc::default() }
    }

    /// The public URL of an article.
    pub(super) fn article(&self, path: &ArticlePath) -> Option<&WebUrl> {
        self.articles.iter().find(|(known, _)| known == path).map(|(_, url)| url)
    }

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
