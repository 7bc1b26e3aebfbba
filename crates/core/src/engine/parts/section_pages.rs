//! The pages of sections, and the titles and descriptions that they give to sections.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use crate::article::{Metadata, bundle};
use crate::build::placement::SectionRules;
use crate::config::Config;
use crate::event::Listing;
use crate::types::{ArticlePath, Moment, SectionPath, Text};

/// The pages of sections, with their titles and descriptions.
#[derive(Debug, Default)]
pub(crate) struct SectionPages {
    pages: BTreeMap<ArticlePath, Arc<Metadata>>,
    /// Whether a page has changed since the sections were described.
    is_changed: bool,
    /// When the next page becomes public or expires.
    due: Option<Timestamp>,
}

impl SectionPages {
    pub(crate) fn wake_at(&self) -> Option<Timestamp> {
        self.due
    }

    /// Whether the sections have to be described again: a page has changed, has become public, or has expired.
    pub(crate) fn is_due(&self, now: Timestamp) -> bool {
        self.is_changed || self.due.is_some_and(|due| due <= now)
    }

    pub(crate) fn set(&mut self, path: ArticlePath, page: Arc<Metadata>) {
        self.pages.insert(path, page);
        self.is_changed = true;
    }

    /// Removes the pages that a listing proves to be gone. Returns their paths.
    pub(crate) fn remove_absent(&mut self, listing: &Listing) -> Vec<ArticlePath> {
        if self.pages.is_empty() {
            return Vec::new();
        }
        let is_gone = listing.absence();
        let gone: Vec<ArticlePath> = self.pages.keys().filter(|path| is_gone(path)).cloned().collect();
        gone.iter().for_each(|path| self.remove(path));
        gone
    }

    pub(crate) fn remove(&mut self, path: &ArticlePath) {
        self.is_changed |= self.pages.remove(path).is_some();
    }

    /// The configuration, with sections described by their pages unless it describes them itself.
    pub(crate) fn describe(&mut self, config: &Arc<Config>, now: Timestamp) -> Arc<Config> {
        self.is_changed = false;
        let rules = SectionRules::new(Arc::clone(config));
        let pages = || self.pages.iter().filter(|(path, _)| bundle::is_untranslated(path));
        let changes = pages().flat_map(|(_, page)| visibility_changes(page)).filter(|change| *change > now);
        self.due = changes.min();
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
