//! The last good version of every article, by path: metadata only, no bodies.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::article::{Metadata, Parsed};
use crate::event::Listing;
use crate::types::ArticlePath;

/// All articles that were ever read well and are not gone.
#[derive(Debug, Default)]
pub struct Catalog {
    articles: BTreeMap<ArticlePath, Known>,
}

/// What is known of one file.
#[derive(Clone, Debug)]
enum Known {
    /// It exists, but no version of it could be used yet.
    Refused,
    /// It carries an embargo that cannot be read.
    Withheld,
    /// Its last good version.
    Good(Arc<Metadata>),
}

/// What a new look at a file changed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Change {
    /// Nothing that readers could see.
    Same,
    /// A new or different good version.
    Good(Arc<Metadata>),
    /// The new version was refused; the previous good one, if any, stays.
    Refused,
    /// The new version was refused, and the previous one must not stay.
    Withheld,
}

impl Catalog {
    /// Takes note of what reading of a file gave.
    pub fn apply(&mut self, path: &ArticlePath, parsed: &Parsed) -> Change {
        let known = self.articles.entry(path.clone()).or_insert(Known::Refused);
        match &parsed.article {
            None if parsed.withhold => {
                *known = Known::Withheld;
                Change::Withheld
            }
            None => Change::Refused,
            Some(article) if matches!(known, Known::Good(metadata) if *metadata == article.metadata) => Change::Same,
            Some(article) => {
                *known = Known::Good(Arc::clone(&article.metadata));
                Change::Good(Arc::clone(&article.metadata))
            }
        }
    }

    /// Takes back what was known of an article before, where nothing newer is. Says whether it did.
    pub fn recall(&mut self, path: &ArticlePath, metadata: &Arc<Metadata>) -> bool {
        let known = self.articles.entry(path.clone()).or_insert(Known::Refused);
        let vacant = matches!(known, Known::Refused);
        if vacant {
            *known = Known::Good(Arc::clone(metadata));
        }
        vacant
    }

    /// Takes note of a file that is there, whatever is in it.
    pub fn note(&mut self, path: &ArticlePath) {
        if !self.articles.contains_key(path) {
            self.articles.insert(path.clone(), Known::Refused);
        }
    }

    /// Takes note of files that are there, in order.
    pub fn note_all(&mut self, files: &[ArticlePath]) {
        let unknown: Vec<ArticlePath> = without(files.iter(), self.articles.keys()).cloned().collect();
        unknown.iter().for_each(|path| self.note(path));
    }

    /// Forgets a file that is gone.
    pub fn remove(&mut self, path: &ArticlePath) {
        self.articles.remove(path);
    }

    /// Whether there is such a file.
    pub fn contains(&self, path: &ArticlePath) -> bool {
        self.articles.contains_key(path)
    }

    /// Whether a file's embargo cannot be read.
    pub fn is_withheld(&self, path: &ArticlePath) -> bool {
        matches!(self.articles.get(path), Some(Known::Withheld))
    }

    /// The articles that a listing proves to be gone: not listed, and the nearest folder that was listed is complete.
    pub fn missing(&self, listing: &Listing) -> Vec<ArticlePath> {
        let absent = listing.absence();
        let in_scope = |path: &&ArticlePath| {
            listing.scope.is_empty()
                || path.as_str().strip_prefix(listing.scope.as_str()).is_some_and(|rest| rest.starts_with('/'))
        };
        // Nearly all are listed.
        let unlisted = without(self.articles.keys(), listing.files.iter());
        unlisted.filter(in_scope).filter(|path| absent(path)).cloned().collect()
    }

    /// The last good version of an article.
    pub fn get(&self, path: &ArticlePath) -> Option<&Arc<Metadata>> {
        match self.articles.get(path) {
            Some(Known::Good(metadata)) => Some(metadata),
            _ => None,
        }
    }

    /// Every good article, by path.
    pub fn iter(&self) -> impl Iterator<Item = (&ArticlePath, &Arc<Metadata>)> {
        self.articles.iter().filter_map(|(path, known)| match known {
            Known::Good(metadata) => Some((path, metadata)),
            _ => None,
        })
    }

    /// How many files there are, refused ones included.
    pub fn len(&self) -> usize {
        self.articles.len()
    }

    /// Whether there is no file at all.
    pub fn is_empty(&self) -> bool {
        self.articles.is_empty()
    }
}

/// Those of the first that are not among the second, both in order.
fn without<'p>(
    paths: impl Iterator<Item = &'p ArticlePath>,
    others: impl Iterator<Item = &'p ArticlePath>,
) -> impl Iterator<Item = &'p ArticlePath> {
    let mut others = others.peekable();
    paths.filter(move |path| {
        while others.next_if(|other| other < path).is_some() {}
        others.peek() != Some(path)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::{Code, Diagnostic};
    use crate::event::ListedDirectory;

    fn catalog(paths: &[&str]) -> Catalog {
        let mut catalog = Catalog::default();
        for path in paths {
            let parsed =
                Parsed { article: None, diagnostics: vec![], withhold: false, embargoed: false, origins: vec![] };
            catalog.apply(&ArticlePath::new(path), &parsed);
        }
        catalog
    }

    #[test]
    fn absence_counts_only_under_a_complete_listing() {
        let catalog = catalog(&["a/1.md", "a/b/2.md", "c/3.md", "d/e/4.md", "top.md"]);
        let folder = |path: &str, readable: bool| ListedDirectory {
            path: path.into(),
            unreadable: (!readable).then(|| Diagnostic::new(Code::FolderUnreadable, "why")),
        };
        for (scope, folders, files, missing) in [
            (
                "",
                vec![folder("", true), folder("a", true), folder("c", true)],
                vec!["a/1.md"],
                "a/b/2.md c/3.md d/e/4.md top.md",
            ),
            ("", vec![folder("", false)], vec![], ""),
            ("", vec![folder("", true), folder("c", false)], vec!["top.md"], "a/1.md a/b/2.md d/e/4.md"),
            ("a", vec![folder("a", true), folder("a/b", true)], vec!["a/1.md"], "a/b/2.md"),
            ("a", vec![], vec![], ""),
        ] {
            let files = files.into_iter().map(ArticlePath::new).collect();
            let listing = Listing { scope: scope.into(), directories: folders, files, doubtful: false, limited: None };
            let found: Vec<String> = catalog.missing(&listing).iter().map(ToString::to_string).collect();
            assert_eq!(found.join(" "), missing, "{listing:?}");
        }
    }
}
