//! Takes the titles and descriptions of sections from their pages, and the folders whose articles they withhold.

use std::sync::Arc;

use super::indexing;
use super::parts::problems::{Problems, Source};
use super::parts::section_pages::SectionPages;
use super::state::State;
use crate::article::Parsed;
use crate::build::placement::SectionRules;
use crate::config::Section;
use crate::diagnostics::{Code, Diagnostic};
use crate::event::{FileState, Listing};
use crate::types::ArticlePath;

/// Applies the page of a section.
pub(super) fn apply(pages: &mut SectionPages, problems: &mut Problems, path: ArticlePath, page: FileState) {
    let mut diagnostics = Vec::new();
    match page {
        FileState::Absent { .. } => pages.remove(&path),
        FileState::Unreadable(diagnostic) => diagnostics.push(diagnostic),
        FileState::Present(Parsed { article: Some(article), .. }) => {
            pages.set(path.clone(), article.metadata);
        }
        FileState::Present(parsed) => {
            match parsed.withhold {
                true => pages.set_unreadable(path.clone()),
                false => pages.remove(&path),
            }
            // A section's page may lack metadata that an article needs.
            let is_reported = |diagnostic: &Diagnostic| diagnostic.code == Code::FrontMatter;
            let reported = parsed.diagnostics.into_iter().filter(is_reported);
            diagnostics.extend(reported.map(|diagnostic| diagnostic.redact_unless(false)));
        }
        // Metadata of section pages isn't cached.
        FileState::Known(..) | FileState::Items { .. } => {}
    }
    problems.set(Source::Article(path), diagnostics);
}

/// Removes the section pages that a listing proves to be gone.
pub(super) fn remove_absent(pages: &mut SectionPages, problems: &mut Problems, listing: &Listing) {
    for path in pages.remove_absent(listing) {
        problems.set(Source::Article(path), Vec::new());
    }
}

/// Updates the titles and descriptions of sections if their pages changed. Before anything is `published`, nothing has to
/// be rebuilt.
pub(super) fn describe(state: &mut State, published: bool) {
    // Section titles don't affect which articles are published, so once is enough while an archive is read.
    if !state.listed {
        return;
    }
    let is_due = state.section_pages.is_due(state.now);
    let Some(config) = state.config().cloned().filter(|_| is_due) else { return };
    let described = state.section_pages.describe(&config, state.now);
    let is_same = |(old, new): (&Section, &Section)| old.title == new.title && old.description == new.description;
    let withholds_same = config.withheld_folders == described.withheld_folders;
    let is_same = withholds_same
        && config.sections.iter().zip(&described.sections).all(is_same)
        && config.site.description == described.site.description;
    if is_same {
        return;
    }
    state.publisher.pages.frames.clear();
    match &mut state.index {
        Some(index) if !published && withholds_same => index.replace_rules(Arc::new(SectionRules::new(described))),
        _ => {
            state.entries.epoch += 1;
            state.publisher.changed_routes = None;
            indexing::rebuild(state, &described);
        }
    }
}
