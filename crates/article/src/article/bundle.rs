//! Page bundles of static site generators: `night-ferry/index.md` is the article of its folder, and `_index.md` the page of a section.

use crate::types::{ArticlePath, folder};

/// Whether a file is the page of its folder or a translation of it: `index.md`, `index.fr.md`.
pub fn is_index(path: &ArticlePath) -> bool {
    !folder::is_top(path.folder()) && suffix(path.stem(), "index").is_some() && is_page(path.extension())
}

/// Whether a file isn't an article, but states something about others: the page of a section (`_index.md`, `_index.fr.md`) or a [data
/// file](is_data_file).
pub fn is_section_page(path: &ArticlePath) -> bool {
    is_section_page_name(path.name()) || is_data_file(path)
}

const DATA_FILE: &str = ".11tydata.json";

/// Whether a file is a data file of Eleventy: `post.11tydata.json`, or `posts/posts.json` in the content directory.
pub fn is_data_file(path: &ArticlePath) -> bool {
    let folder = path.folder().rsplit('/').next().unwrap_or_default();
    let has_name_of_folder =
        || !folder.is_empty() && path.source().is_none() && path.stem() == folder && path.extension() == "json";
    path.item().is_none() && (path.name().ends_with(DATA_FILE) || has_name_of_folder())
}

/// The pattern of the articles that a data file is about. `None`: all in its folder, because it has the folder's name. `root` is the
/// content directory.
pub fn articles_of_data_file(path: &ArticlePath, root: &str) -> Option<String> {
    let stem = path.name().strip_suffix(DATA_FILE)?;
    let folder = match path.folder() {
        "" => root,
        folder => folder,
    };
    if folder.trim_end_matches('/').rsplit('/').next() == Some(stem) {
        return None;
    }
    let mut pattern = String::from("/");
    let name = path.as_str().strip_suffix(DATA_FILE).unwrap_or_default();
    for character in name.chars() {
        if "*?[]{}!\\".contains(character) {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    Some(pattern)
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
    fn data_files_are_about_articles() {
        for (path, expected) in [
            ("posts/first.11tydata.json", Some(Some("/posts/first"))),
            ("posts/a[1]*.11tydata.json", Some(Some("/posts/a\\[1\\]\\*"))),
            ("posts/posts.11tydata.json", Some(None)),
            ("posts/posts.json", Some(None)),
            ("content.11tydata.json", Some(None)),
            ("about.11tydata.json", Some(Some("/about"))),
            ("posts/post.json", None),
            ("content.json", None),
            ("wire://posts/posts.json", None),
            ("posts/posts.11tydata.js", None),
        ] {
            let path = ArticlePath::new(path);
            let found = is_data_file(&path).then(|| articles_of_data_file(&path, "site/content"));
            assert_eq!(found, expected.map(|pattern| pattern.map(str::to_owned)), "{path}");
        }
    }

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
