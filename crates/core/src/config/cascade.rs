//! The folders whose articles the page of a section withholds.

use globset::{GlobBuilder, GlobMatcher};

use crate::types::{ArticlePath, folder};

/// The folders whose articles are withheld. The pages of sections say so, not the configuration.
#[derive(Clone, Debug, Default)]
pub struct WithheldFolders {
    folders: Vec<WithheldFolder>,
}

#[derive(Clone, Debug)]
struct WithheldFolder {
    folder: String,
    page: ArticlePath,
    /// The pattern of the paths that are meant.
    pattern: Option<String>,
    /// `None`: all paths below the folder.
    matcher: Option<GlobMatcher>,
}

impl PartialEq for WithheldFolders {
    fn eq(&self, other: &WithheldFolders) -> bool {
        let keys = |folders: &WithheldFolders| -> Vec<(ArticlePath, Option<String>)> {
            folders.folders.iter().map(|folder| (folder.page.clone(), folder.pattern.clone())).collect()
        };
        keys(self) == keys(other)
    }
}

impl WithheldFolders {
    /// Adds the folder of a section's page, or the paths below it that a pattern matches.
    pub fn add(&mut self, page: &ArticlePath, pattern: Option<&str>) {
        // A pattern that can't be read withholds all, because nobody knows what it means.
        let matcher = pattern.and_then(|pattern| {
            let glob = GlobBuilder::new(pattern).literal_separator(true).case_insensitive(true).build();
            glob.ok().map(|glob| glob.compile_matcher())
        });
        let (folder, pattern) = (page.folder().to_owned(), pattern.map(str::to_owned));
        self.folders.push(WithheldFolder { folder, page: page.clone(), pattern, matcher });
    }

    /// The page that withholds an article.
    pub fn page_above(&self, path: &ArticlePath) -> Option<&ArticlePath> {
        let names = || {
            let path = path.as_str();
            let without_extension = path.rsplit_once('.').map_or(path, |(name, _)| name);
            [path, without_extension, without_extension.trim_end_matches("/index")].map(|name| format!("/{name}"))
        };
        let matches = |matcher: &GlobMatcher| names().iter().any(|name| matcher.is_match(name));
        let withholding = self
            .folders
            .iter()
            .find(|known| folder::contains(&known.folder, path.as_str()) && known.matcher.as_ref().is_none_or(matches));
        withholding.map(|known| &known.page)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_select_articles_below_page() {
        for (page, pattern, path, expected) in [
            ("posts/_index.md", None, "posts/a.md", true),
            ("posts/_index.md", None, "posts/deep/a/index.md", true),
            ("posts/_index.md", None, "posts2/a.md", false),
            ("_index.md", None, "a.md", true),
            ("_index.md", Some("/blog/secret/**"), "blog/secret/a.md", true),
            ("_index.md", Some("/blog/secret/**"), "blog/a.md", false),
            ("_index.md", Some("/Blog/*"), "blog/a.md", true),
            ("_index.md", Some("/blog/*"), "blog/a/index.md", true),
            ("_index.md", Some("/blog/["), "news/a.md", true),
        ] {
            let mut folders = WithheldFolders::default();
            folders.add(&ArticlePath::new(page), pattern);
            assert_eq!(folders.page_above(&ArticlePath::new(path)).is_some(), expected, "{page} {pattern:?} {path}");
        }
    }
}
