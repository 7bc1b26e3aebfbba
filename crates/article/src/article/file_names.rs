//! Recognises articles, and folders of drafts, by their names.

use super::bundle;
use crate::types::ArticlePath;

/// Whether a file of this name is an article or a section page. Dotfiles and editors' temporary files are neither.
pub fn is_article_name(name: &str) -> bool {
    let is_hidden = name.starts_with(['.', '#', '~', '_']) && !bundle::is_section_page_name(name);
    // JetBrains editors write to `a.md___jb_tmp___` and rename that file.
    let is_temporary = is_hidden || name.contains("___jb_") || name.ends_with('~');
    // `a.xml#b.md` would be an item in `a.xml`.
    if ArticlePath::is_item_name(name) {
        return false;
    }
    let Some((stem, extension)) = name.rsplit_once('.') else { return false };
    !is_temporary
        && !stem.is_empty()
        && EXTENSIONS.iter().chain(MARKDOWN).any(|known| extension.eq_ignore_ascii_case(known))
}

/// The extensions of Markdown in Hugo, Jekyll, Pelican and Eleventy.
const MARKDOWN: &[&str] = &["md", "markdown", "mdown", "mkd", "mkdn", "mkdown", "mdx"];
/// The extensions of other articles.
const EXTENSIONS: &[&str] = &["html", "htm", "txt", "json", "xml"];

/// Whether the path contains a folder for drafts, such as Jekyll's `_drafts`, at any depth.
pub fn in_drafts_folder(path: &ArticlePath) -> bool {
    path.folder().split('/').any(is_drafts_folder)
}

/// Whether the path is in a folder at the top of the content directory that starts with `~`. The addresses of media files of other sources
/// begin so.
pub fn in_tilde_folder(path: &ArticlePath) -> bool {
    path.source().is_none() && path.as_str().starts_with('~') && path.as_str().contains('/')
}

/// Whether a folder of this name contains drafts, which are never public.
pub(super) fn is_drafts_folder(name: &str) -> bool {
    name.starts_with('_') && ["_drafts", "_draft"].iter().any(|drafts| name.eq_ignore_ascii_case(drafts))
}
