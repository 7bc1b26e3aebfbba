//! Decides whether pages of folders are articles.

use super::parts::problems::Source;
use super::state::State;
use crate::article::bundle;
use crate::article::card::Card;
use crate::build::catalog::Catalog;
use crate::build::placement::SectionRules;
use crate::diagnostics::Code;
use crate::types::{ArticlePath, folder};

/// Whether a folder's page lists articles instead of being one: the folder is a section's, or contains other articles and
/// the page has no date.
pub(super) fn is_listing_under(catalog: &Catalog, rules: &SectionRules, path: &ArticlePath, card: &Card) -> bool {
    bundle::is_index(path)
        && (rules.of_folder(folder::relative(path.folder())).is_some()
            || (card.published.is_none() && catalog.has_other_files(path.folder())))
}

/// Like [`is_listing_under`], for a file in the catalog under the configuration in force.
pub(super) fn is_listing(state: &State, path: &ArticlePath) -> bool {
    let card = bundle::is_index(path).then(|| state.catalog.get(path)).flatten();
    let index = state.index.as_ref();
    card.zip(index).is_some_and(|(card, index)| is_listing_under(&state.catalog, index.rules(), path, &card.open(path)))
}

/// Notes whether a folder's page is an article before the page is indexed. A published page that becomes a listing stays
/// published until `removals` has decided whether many do.
pub(super) fn classify(state: &mut State, path: &ArticlePath) {
    if !bundle::is_index(path) {
        return;
    }
    let (is_listing, is_live) = (is_listing(state, path), state.is_live(path));
    if let Some(index) = &mut state.index {
        index.set_listing(path, is_listing && !is_live);
    }
    if is_listing {
        state.problems.drop(&Source::Article(path.clone()), Code::ArticleUndated);
    }
    if is_listing && is_live {
        state.missing.note_vanished(path.clone(), false);
    }
}
