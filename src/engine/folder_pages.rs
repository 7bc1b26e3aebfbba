//! Decides whether pages of folders are articles, and takes the titles and descriptions of sections from their pages.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use super::{Engine, Source};
use crate::article::card::Card;
use crate::article::{Metadata, Parsed, bundle};
use crate::build::placement::SectionRules;
use crate::config::{Config, Section};
use crate::diagnostics::{Code, Diagnostic};
use crate::event::{FileState, Listing};
use crate::types::{ArticlePath, Moment, SectionPath, Text};

/// The pages of sections, with their titles and descriptions.
#[derive(Debug, Default)]
pub(super) struct SectionPages {
    pages: BTreeMap<ArticlePath, Arc<Metadata>>,
    /// Whether a page has changed since the sections were described.
    is_changed: bool,
    /// When the next page becomes public or expires.
    due: Option<Timestamp>,
}

impl SectionPages {
    pub(super) fn wake_at(&self) -> Option<Timestamp> {
        self.due
    }

    fn remove(&mut self, path: &ArticlePath) {
        self.is_changed |= self.pages.remove(path).is_some();
    }
}

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
    /// published until `removal` has decided whether many do.
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
                self.section_pages.pages.insert(path.clone(), article.metadata);
                self.section_pages.is_changed = true;
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
        if self.section_pages.pages.is_empty() {
            return;
        }
        let is_gone = listing.absence();
        let gone: Vec<ArticlePath> = self.section_pages.pages.keys().filter(|path| is_gone(path)).cloned().collect();
        for path in gone {
            self.section_pages.remove(&path);
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
        let is_due = self.section_pages.due.is_some_and(|due| due <= self.now);
        let Some(config) = self.config().cloned().filter(|_| self.section_pages.is_changed || is_due) else { return };
        let described = self.describe_by_pages(&config);
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

    /// The configuration, with sections described by their pages unless it describes them itself.
    pub(super) fn describe_by_pages(&mut self, config: &Arc<Config>) -> Arc<Config> {
        self.section_pages.is_changed = false;
        let now = self.now;
        let rules = SectionRules::new(Arc::clone(config));
        let pages = || self.section_pages.pages.iter().filter(|(path, _)| bundle::is_untranslated(path));
        let changes = pages().flat_map(|(_, page)| visibility_changes(page)).filter(|change| *change > now);
        self.section_pages.due = changes.min();
        let mut texts: BTreeMap<SectionPath, &Metadata> = BTreeMap::new();
        for (path, page) in pages().filter(|(_, page)| is_public(page, now)) {
            let section = match path.folder() {
                "" => Some(SectionPath::root()),
                folder => rules.of_folder(folder).cloned(),
            };
            if let Some(section) = section {
                texts.entry(section).or_insert(page);
            }
        }
        let mut config = (**config).clone();
        for section in &mut config.sections {
            let page = texts.get(&section.path);
            let (states_title, states_description) = section.states;
            if !states_title {
                let name = || Text::line(section.path.segments().last().unwrap_or_default());
                section.title = page.map_or_else(name, |page| page.title.clone());
            }
            if !states_description {
                section.description = page.and_then(|page| page.summary.clone());
            }
        }
        if !config.site.states_description {
            let summary = texts.get(&SectionPath::root()).and_then(|page| page.summary.clone());
            config.site.description = summary.unwrap_or_else(|| Text::new(""));
        }
        Arc::new(config)
    }
}

/// When a page becomes public, and when it expires.
fn visibility_changes(page: &Metadata) -> impl Iterator<Item = Timestamp> {
    [page.published, page.embargo, page.expires].into_iter().flatten().map(Moment::timestamp)
}

fn is_public(page: &Metadata, now: Timestamp) -> bool {
    let is_over = |moment: Option<Moment>| moment.is_none_or(|moment| moment.timestamp() <= now);
    let is_expired = page.expires.is_some_and(|expires| expires.timestamp() <= now);
    let is_withheld = page.draft || page.access.is_private() || page.retracted.is_some();
    !is_withheld && !is_expired && is_over(page.published) && is_over(page.embargo)
}
