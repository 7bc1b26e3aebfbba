//! What an article's page was made of, so that a page that is kept is never shown once a file behind it differs.

use super::cache::is_young;
use super::clock;
use super::read::{has_version, measure};
use super::scan::look;
use crate::article::{MediaFacts, Metadata, ParseOptions};
use crate::beneath::{Root, Stamp};
use crate::types::{ArticlePath, ContentHash};

/// The file of an article and the files that it names, as they were when its page was made.
#[derive(Debug)]
pub struct PageSources {
    path: ArticlePath,
    seen: Seen,
    /// The version that was read of the file; `None`: the page was made of an earlier one, since the file cannot be used.
    version: Option<ContentHash>,
    files: Vec<(ArticlePath, Seen, Option<MediaFacts>)>,
}

/// What a look at a file showed.
#[derive(Clone, Copy, Debug)]
struct Seen {
    stamp: Option<Stamp>,
    /// Whether the file changed so shortly before that it may change again without looking different.
    is_young: bool,
}

impl Seen {
    fn look(root: &Root, path: &ArticlePath) -> Seen {
        let stamp = look(root, path).ok().flatten();
        Seen { stamp, is_young: stamp.is_some_and(|stamp| is_young(stamp, clock())) }
    }

    fn is_still(self, root: &Root, path: &ArticlePath) -> bool {
        !self.is_young && look(root, path).ok().flatten() == self.stamp
    }
}

impl PageSources {
    /// Looks at the file of an article. To be called before the file is read.
    pub fn look(root: &Root, path: &ArticlePath) -> PageSources {
        PageSources { path: path.clone(), seen: Seen::look(root, path), version: None, files: Vec::new() }
    }

    /// Notes which version was read of the file, and the files that it names.
    #[must_use]
    pub fn with(mut self, root: &Root, version: Option<ContentHash>, metadata: &Metadata) -> PageSources {
        self.version = version;
        // Of a file that only the text names, the page has nothing but the address.
        let is_measured = |file: &ArticlePath, facts: Option<_>| facts.is_some() || !metadata.body_files.contains(file);
        let files = metadata.local_files().filter(|(file, facts)| is_measured(file, *facts));
        self.files = files.map(|(file, facts)| (file.clone(), Seen::look(root, file), facts)).collect();
        self
    }

    /// Whether a page that is made now would be made of the same. Reads a file only where its times do not tell.
    pub fn are_unchanged(&self, root: &Root, options: &ParseOptions) -> bool {
        let is_same = |version: ContentHash| has_version(root, &self.path, version, options);
        (self.seen.is_still(root, &self.path) || self.version.is_some_and(is_same))
            && self.files.iter().all(|(file, seen, facts)| seen.is_still(root, file) || measure(root, file) == *facts)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;
    use std::time::{Duration, SystemTime};

    use super::super::read::fetch_one;
    use super::*;
    use crate::event::BodyRequest;

    /// Writes a file as it was long ago, or as if it was going to be.
    fn write(file: &Path, text: &str, modified: SystemTime) {
        fs::write(file, text).unwrap();
        fs::File::options().append(true).open(file).unwrap().set_modified(modified).unwrap();
    }

    #[test]
    fn page_is_fresh_until_a_file_behind_it_differs() {
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
                let sources = PageSources::look(&root, &path);
                let hash = ContentHash::of(text.as_bytes());
                let request = BodyRequest { path, hash, shown: true, links: None };
                let article = fetch_one(&root, &request, &config.parsing).unwrap().article.unwrap();
                let sources = sources.with(&root, Some(hash), &article.metadata);
                assert!(sources.are_unchanged(&root, &config.parsing));
                write(&folder.path().join(file), &change, modified);
                let answer = sources.are_unchanged(&root, &config.parsing);
                assert_eq!(answer, is_fresh, "{file} with {change:?} at {modified:?}");
                fs::remove_file(folder.path().join(file)).unwrap();
                // Of what only the text names, the page has the address alone.
                assert_eq!(sources.are_unchanged(&root, &config.parsing), file == "crane.jpg", "{file} gone");
            }
        }
    }
}
