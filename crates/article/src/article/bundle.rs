//! Page bundles of static site generators: `night-ferry/index.md` is the article of its folder, and `_index.md` the page of a section.

use crate::types::{ArticlePath, folder};

/// Whether a file is the page of its folder or a translation of it: `index.md`, `index.fr.md`.
pub fn is_index(path: &ArticlePath) -> bool {
    !folder::is_top(path.folder()) && suffix(path.stem(), "index").is_some() && is_page(path.extension())
}

/// Whether a file is the page of a section, which isn't an article: `_index.md`, `_index.fr.md`.
pub fn is_section_page(path: &ArticlePath) -> bool {
    is_section_page_name(path.name())
}

pub(super) fn is_section_page_name(name: &str) -> bool {
    name.rsplit_once('.').is_some_and(|(stem, extension)| suffix(stem, "_index").is_some() && is_page(extension))
}

/// Whether a file may be a page. Agencies' files aren't, and neither are other programs' files, such as `index.json`.
pub(super) fn is_page(extension: &str) -> bool {
    !["json", "xml"].iter().any(|other| extension.eq_ignore_ascii_case(other))
}

/// Whether a section page has no language suffix.
pub fn is_untranslated(path: &ArticlePath) -> bool {
    path.stem() == "_index"
}

/// The folder that decides an article's section, below the directory of its source or that directory itself. For the page of a folder, that is
/// the parent folder.
pub fn section_folder(path: &ArticlePath) -> &str {
    match is_index(path) {
        true => folder::parent(path.folder()).unwrap_or_default(),
        false => path.folder(),
    }
}

/// The name of an article without extension. The page of a folder has the folder's name.
pub(super) fn name(path: &ArticlePath) -> String {
    let folder = path.folder().rsplit('/').next().unwrap_or_default();
    match suffix(path.stem(), "index").filter(|_| is_index(path)) {
        Some(language) => format!("{folder}{language}"),
        None => path.stem().to_owned(),
    }
}

/// The language suffix after a name: empty, or a dot and a language tag.
fn suffix<'s>(stem: &'s str, name: &str) -> Option<&'s str> {
    let rest = stem.strip_prefix(name)?;
    if rest.is_empty() {
        return Some(rest);
    }
    let mut subtags = rest.strip_prefix('.')?.split(['-', '_']);
    let language = subtags.next().unwrap_or_default();
    let is_tag = (2..=3).contains(&language.len()) && language.bytes().all(|byte| byte.is_ascii_alphabetic());
    let is_rest =
        subtags.all(|tag| (2..=8).contains(&tag.len()) && tag.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    (is_tag && is_rest).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folder_pages_have_folder_names() {
        for (path, expected) in [
            ("news/night-ferry/index.md", "night-ferry in news"),
            ("night-ferry/index.html", "night-ferry in "),
            ("news/night-ferry/index.fr.md", "night-ferry.fr in news"),
            ("news/night-ferry/index.zh-Hant.md", "night-ferry.zh-Hant in news"),
            ("news/2026-11-20-quay/index.markdown", "2026-11-20-quay in news"),
            ("news/night-ferry/index.backup.md", "index.backup in news/night-ferry"),
            ("news/night-ferry/indexes.md", "indexes in news/night-ferry"),
            ("index.md", "index in "),
            ("news/index-of-prices.md", "index-of-prices in news"),
            ("news/_index.md", "_index in news"),
            ("news/night-ferry/index.json", "index in news/night-ferry"),
            ("news/index_card.md", "index_card in news"),
            ("wire://night-ferry/index.md", "night-ferry in wire:/"),
            ("wire://index.md", "index in wire:/"),
        ] {
            let path = ArticlePath::new(path);
            assert_eq!(format!("{} in {}", name(&path), section_folder(&path)), expected);
            assert_eq!(is_section_page(&path), expected.starts_with('_'), "{path}");
        }
    }
}
