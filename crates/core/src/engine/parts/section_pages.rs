//! The pages of sections, and the titles and descriptions that they give to sections.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;

use crate::article::{Cascade, Metadata, bundle};
use crate::build::placement::SectionRules;
use crate::config::{Config, WithheldFolders};
use crate::event::Listing;
use crate::types::{ArticlePath, Moment, SectionPath, Text};

/// The pages of sections, with their titles and descriptions.
#[derive(Debug, Default)]
pub(crate) struct SectionPages {
    pages: BTreeMap<ArticlePath, Arc<Metadata>>,
    /// Pages that can't be read, and may withhold the articles below them.
    unreadable: BTreeSet<ArticlePath>,
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
        self.unreadable.remove(&path);
        self.pages.insert(path, page);
        self.is_changed = true;
    }

    /// Notes a page that can't be read, and may withhold the articles below it.
    pub(crate) fn set_unreadable(&mut self, path: ArticlePath) {
        self.pages.remove(&path);
        self.unreadable.insert(path);
        self.is_changed = true;
    }

    /// Removes the pages that a listing proves to be gone. Returns their paths.
    pub(crate) fn remove_absent(&mut self, listing: &Listing) -> Vec<ArticlePath> {
        if self.pages.is_empty() && self.unreadable.is_empty() {
            return Vec::new();
        }
        let is_gone = listing.absence();
        let known = self.pages.keys().chain(&self.unreadable);
        let gone: Vec<ArticlePath> = known.filter(|path| is_gone(path)).cloned().collect();
        gone.iter().for_each(|path| self.remove(path));
        gone
    }

    pub(crate) fn remove(&mut self, path: &ArticlePath) {
        self.is_changed |= self.pages.remove(path).is_some() | self.unreadable.remove(path);
    }

    /// The configuration, with sections described by their pages unless it describes them itself.
    pub(crate) fn describe(&mut self, config: &Arc<Config>, now: Timestamp) -> Arc<Config> {
        self.is_changed = false;
        let rules = SectionRules::new(Arc::clone(config));
        let pages = || self.pages.iter().filter(|(path, _)| bundle::is_untranslated(path));
        let below = |page: &Metadata| {
            let times = page.cascades.iter().flat_map(|cascade| [cascade.embargo, cascade.expires]);
            times.flatten().map(Moment::timestamp).collect::<Vec<_>>()
        };
        let below = self.pages.values().flat_map(|page| below(page));
        let changes = pages().flat_map(|(_, page)| visibility_changes(page)).chain(below);
        self.due = changes.filter(|change| *change > now).min();
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
        config.withheld_folders = self.withheld_folders(now);
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

impl SectionPages {
    /// The folders whose articles a page withholds: with `cascade`, or as a draft, as in Zola.
    fn withheld_folders(&self, now: Timestamp) -> WithheldFolders {
        let mut folders = WithheldFolders::default();
        for path in &self.unreadable {
            // The folder of the content directory isn't known here. A data file in it may be about all articles.
            let articles = bundle::articles_of_data_file(path, "").filter(|_| !path.folder().is_empty());
            folders.add(path, articles.as_deref());
        }
        for (path, page) in &self.pages {
            if page.draft && !path.folder().is_empty() {
                folders.add(path, None);
            }
            let withholding = page.cascades.iter().filter(|cascade| withholds(cascade, now));
            withholding.for_each(|cascade| folders.add(path, cascade.path.as_ref().map(Text::as_str)));
        }
        folders
    }
}

/// Whether a cascade withholds the articles at this time.
fn withholds(cascade: &Cascade, now: Timestamp) -> bool {
    let is_over = |moment: Option<Moment>| moment.is_some_and(|moment| moment.timestamp() <= now);
    let is_to_come = cascade.embargo.is_some_and(|embargo| embargo.timestamp() > now);
    let is_restricted = cascade.access.is_private() || cascade.access.is_paid() || !cascade.access.is_listed();
    cascade.is_withheld || is_restricted || is_to_come || is_over(cascade.expires)
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
