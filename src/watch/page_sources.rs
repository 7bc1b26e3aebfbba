//! The files that an article's page was built from: its own, its media files, and the pictures with its name. A cached page is served only
//! while they are unchanged.

use super::cache::is_recent;
use super::clock::clock;
use super::media_files::{measure, pictures_of};
use super::read::has_version;
use super::stat::stat_file;
use crate::article::{MediaFacts, Metadata, ParseOptions};
use crate::beneath::{Root, Stamp};
use crate::types::{ArticlePath, ContentHash};

/// The file of an article and its media files, as they were when the page was built.
#[derive(Debug)]
pub struct PageSources {
    path: ArticlePath,
    snapshot: FileSnapshot,
    /// The file's version. `None`: the file can't be used, and the page shows an earlier version.
    version: Option<ContentHash>,
    files: Vec<(ArticlePath, FileSnapshot, Option<MediaFacts>)>,
    /// The pictures with the name of the file.
    pictures: Vec<ArticlePath>,
}

/// A file's stamp at one time.
#[derive(Clone, Copy, Debug)]
struct FileSnapshot {
    stamp: Option<Stamp>,
    /// Whether the file changed so recently that it may change again without a new stamp.
    is_recent: bool,
}

impl FileSnapshot {
    fn take(root: &Root, path: &ArticlePath) -> FileSnapshot {
        let stamp = stat_file(root, path).ok().flatten();
        FileSnapshot { stamp, is_recent: stamp.is_some_and(|stamp| is_recent(stamp, clock())) }
    }

    fn is_current(self, root: &Root, path: &ArticlePath) -> bool {
        !self.is_recent && stat_file(root, path).ok().flatten() == self.stamp
    }
}

impl PageSources {
    /// Takes the stamp of an article's file. Call it before the file is read.
    pub fn of(root: &Root, path: &ArticlePath) -> PageSources {
        PageSources {
            path: path.clone(),
            snapshot: FileSnapshot::take(root, path),
            version: None,
            files: Vec::new(),
            pictures: pictures_of(root, path),
        }
    }

    /// Adds the version that was read and the media files.
    #[must_use]
    pub fn with_files(mut self, root: &Root, version: Option<ContentHash>, metadata: &Metadata) -> PageSources {
        self.version = version;
        // Pages don't show measurements of files that only the text references.
        let is_measured = |file: &ArticlePath, facts: Option<_>| facts.is_some() || !metadata.body_files.contains(file);
        let files = metadata.local_files().filter(|(file, facts)| is_measured(file, *facts));
        self.files = files.map(|(file, facts)| (file.clone(), FileSnapshot::take(root, file), facts)).collect();
        self
    }

    /// Whether a page that is built now would be the same. Reads a file only if its stamp doesn't decide.
    pub fn are_unchanged(&self, root: &Root, options: &ParseOptions) -> bool {
        let is_same = |version: ContentHash| has_version(root, &self.path, version, options);
        (self.snapshot.is_current(root, &self.path) || self.version.is_some_and(is_same))
            && self.pictures == pictures_of(root, &self.path)
            && self
                .files
                .iter()
                .all(|(file, snapshot, facts)| snapshot.is_current(root, file) || measure(root, file) == *facts)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;
    use std::time::{Duration, SystemTime};

    use super::super::fetch::fetch_one;
    use super::*;
    use crate::event::BodyRequest;

    /// Writes a file with this mtime.
    fn write(file: &Path, text: &str, modified: SystemTime) {
        fs::write(file, text).unwrap();
        fs::File::options().append(true).open(file).unwrap().set_modified(modified).unwrap();
    }

    #[test]
    fn page_is_fresh_until_a_source_changes() {
        let toml = "[site]\ntitle = \"C\"\nurl = \"https://c.example/\"\nlanguage = \"en\"\ntag_authority = \"c.example,2026\"\n";
        let config = crate::config::parse(Path::new("c.toml"), toml.as_bytes()).config.unwrap();
        let text = "---\ntitle: T\ndate: 2026-11-20\nimage: quay.jpg\n---\n\nText ![](crane.jpg).\n";
        let (past, future) = (clock() - Duration::from_secs(60), clock() + Duration::from_secs(3_600));
        for modified in [past, future] {
            for (file, change, is_fresh) in [
                ("a.md", text.to_owned(), true),
                ("a.md", text.replace("Text", "Test"), false),
                ("a.md", text.replace("title: T", "title: T\nembargo: 2030-01-01"), false),
                ("a.md", String::new(), false),
                ("quay.jpg", "picture".to_owned(), true),
                ("quay.jpg", "a longer picture".to_owned(), false),
                ("crane.jpg", "a longer picture".to_owned(), true),
            ] {
                let folder = tempfile::tempdir().unwrap();
                let root = Root::new(folder.path(), "content");
                let path = ArticlePath::new("a.md");
                write(&folder.path().join("a.md"), text, modified);
                ["quay.jpg", "crane.jpg"].iter().for_each(|name| write(&folder.path().join(name), "picture", modified));
                let sources = PageSources::of(&root, &path);
                let hash = ContentHash::of(text.as_bytes());
                let request = BodyRequest { path, hash, shown: true, links: None };
                let article = fetch_one(&root, &request, &config.parsing).unwrap().article.unwrap();
                let sources = sources.with_files(&root, Some(hash), &article.metadata);
                assert!(sources.are_unchanged(&root, &config.parsing));
                write(&folder.path().join(file), &change, modified);
                let answer = sources.are_unchanged(&root, &config.parsing);
                assert_eq!(answer, is_fresh, "{file} with {change:?} at {modified:?}");
                fs::remove_file(folder.path().join(file)).unwrap();
                // The page has only the address of a file that only the text references.
                assert_eq!(sources.are_unchanged(&root, &config.parsing), file == "crane.jpg", "{file} gone");
            }
        }
    }
}
