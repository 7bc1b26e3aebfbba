//! Decides which changes take effect at once, and which articles wait until records can be written.

use std::collections::BTreeSet;

use crate::types::ArticlePath;

/// The changes that take effect at once, and the articles that wait.
#[derive(Debug, Default)]
pub(crate) struct Withholding {
    pub(crate) postponed: PostponedArticles,
    /// Whether the next publication removes something that must disappear at once.
    pub(crate) is_urgent: bool,
    /// Articles whose entries lost their paid part or a picture since the last publication.
    pub(crate) reduced_entries: BTreeSet<ArticlePath>,
}

/// Articles that wait until records can be written.
#[derive(Debug, Default)]
pub(crate) struct PostponedArticles {
    /// Whether records cannot be written.
    is_active: bool,
    articles: BTreeSet<ArticlePath>,
    /// Articles published with the last event. Their records may turn out to be unwritable.
    newly_public: Vec<ArticlePath>,
}

impl PostponedArticles {
    /// Starts the next event. The records of the last one were written, unless the event says otherwise.
    pub(crate) fn begin_event(&mut self) {
        self.newly_public.clear();
    }

    /// Notes that an article becomes public for the first time.
    pub(crate) fn note(&mut self, path: &ArticlePath) {
        if !self.is_active {
            self.newly_public.push(path.clone());
        }
    }

    /// Whether records cannot be written.
    pub(crate) fn is_active(&self) -> bool {
        self.is_active
    }

    /// Postpones the articles published with the last event, and those that are inserted from now on. Returns the former.
    pub(crate) fn begin(&mut self) -> Vec<ArticlePath> {
        self.is_active = true;
        let newly_public = std::mem::take(&mut self.newly_public);
        self.articles.extend(newly_public.iter().cloned());
        newly_public
    }

    /// Stops postponing articles. Returns those that waited.
    pub(crate) fn end(&mut self) -> BTreeSet<ArticlePath> {
        self.is_active = false;
        std::mem::take(&mut self.articles)
    }

    pub(crate) fn insert(&mut self, path: &ArticlePath) {
        self.articles.insert(path.clone());
    }

    pub(crate) fn contains(&self, path: &ArticlePath) -> bool {
        self.articles.contains(path)
    }
}
