//! Decides whether pages of folders are articles, and takes the titles and descriptions of sections from their pages.

use std::sync::Arc;

use super::parts::problems::Source;
use super::state::Engine;
use crate::article::card::Card;
use crate::article::{Parsed, bundle};
use crate::build::placement::SectionRules;
use crate::config::Section;
use crate::diagnostics::{Code, Diagnostic};
use crate::event::{FileState, Listing};
use crate::types::ArticlePath;

impl Engine {
    /// Whether a folder's page lists articles instead of being one: the folder is a section's, or contains other articles and
    /// the page has no date.
    pub(super) fn is_listing(&self, rules: &SectionRules, path: &ArticlePath, card: &Card) -> bool {
        bundle::is_index(path)
            && (rules.of_folder(path.folder()).is_some()
                || (card.published.is_none() && self.catalog.has_other_files(path.folder())))
    }

    /// Like [`Engine::is_listing`], for a file in the catalog under the configuration in force.
    pub(super) fn is_section_listing(&self, path: &ArticlePath) -> bool {
        let card = bundle::is_index(path).then(|| self.catalog.get(path)).flatten();
        let index = self.index.as_ref();
        card.zip(index).is_some_and(|(card, index)| self.is_listing(index.rules(), path, &card.open(path)))
    }

    /// Notes whether a folder's page is an article before the page is indexed. A published page that becomes a listing stays
    /// published until `removals` has decided whether many do.
    pub(super) fn note_listing(&mut self, path: &ArticlePath) {
        if !bundle::is_index(path) {
            return;
        }
        let (is_listing, is_live) = (self.is_section_listing(path), self.is_live(path));
        if let Some(index) = &mut self.index {
            index.set_listing(path, is_listing && !is_live);
        }
        if is_listing {
            self.problems.drop(&Source::Article(path.clone()), Code::ArticleUndated);
        }
        if is_listing && is_live {
            self.missing.note_vanished(path.clone(), false);
        }
    }

    /// Indexes pages again whose folders got their first other article or lost the last one.
    pub(super) fn reindex_changed_pages(&mut self) {
        for path in self.catalog.take_changed_pages() {
            if let Some(card) = self.catalog.get(&path).map(|card| card.open(&path)) {
                self.index_article(&path, &card);
            }
        }
    }

    /// Applies the page of a section.
    pub(super) fn apply_section_page(&mut self, path: ArticlePath, state: FileState) {
        let mut diagnostics = Vec::new();
        match state {
            FileState::Absent { .. } => self.section_pages.remove(&path),
            FileState::Unreadable(diagnostic) => diagnostics.push(diagnostic),
            FileState::Present(Parsed { article: Some(article), .. }) => {
                self.section_pages.set(path.clone(), article.metadata);
            }
            FileState::Present(parsed) => {
                self.section_pages.remove(&path);
                // A section's page may lack metadata that an article needs.
                let is_reported = |diagnostic: &Diagnostic| diagnostic.code == Code::FrontMatter;
                let reported = parsed.diagnostics.into_iter().filter(is_reported);
                diagnostics.extend(reported.map(|diagnostic| diagnostic.redact_unless(false)));
            }
            // Metadata of section pages isn't cached.
            FileState::Known(..) => {}
        }
        self.problems.set(Source::Article(path), diagnostics);
    }

    /// Removes the section pages that a listing proves to be gone.
    pub(super) fn forget_section_pages(&mut self, listing: &Listing) {
        for path in self.section_pages.remove_absent(listing) {
            self.problems.set(Source::Article(path), Vec::new());
        }
    }

    /// Updates the titles and descriptions of sections if their pages changed. Before anything is `published`, nothing has to
    /// be rebuilt.
    pub(super) fn describe_sections(&mut self, published: bool) {
        // Section titles don't affect which articles are published, so once is enough while an archive is read.
        if !self.listed {
            return;
        }
        let is_due = self.section_pages.is_due(self.now);
        let Some(config) = self.config().cloned().filter(|_| is_due) else { return };
        let described = self.section_pages.describe(&config, self.now);
        let is_same = |(old, new): (&Section, &Section)| old.title == new.title && old.description == new.description;
        let is_same = config.sections.iter().zip(&described.sections).all(is_same)
            && config.site.description == described.site.description;
        if is_same {
            return;
        }
        self.publisher.pages.frames.clear();
        match &mut self.index {
            Some(index) if !published => index.replace_rules(Arc::new(SectionRules::new(described))),
            _ => {
                self.entries.epoch += 1;
                self.publisher.changed_routes = None;
                self.rebuild_index(&described);
            }
        }
    }
}
