//! Withholds pictures that an agency's own items about them kill, embargo or let expire.

use std::sync::Arc;

use super::indexing;
use super::state::State;
use crate::article::Parsed;
use crate::event::FileState;
use crate::ledger::Record;
use crate::types::ArticlePath;

/// Notes what a file says about pictures.
pub(super) fn note(state: &mut State, path: &ArticlePath, read: &FileState) {
    match read {
        FileState::Present(Parsed { media_terms, item, article, .. })
            if !media_terms.is_empty() || article.is_some() =>
        {
            state.media_items.set(path, item.as_deref(), media_terms);
        }
        FileState::Absent { .. } => state.media_items.remove(path),
        // A file that can't be read changes nothing.
        _ => {}
    }
}

/// Indexes the articles again whose pictures were withheld or released.
pub(super) fn settle(state: &mut State) {
    if state.index.is_none() {
        return;
    }
    let Some((mut withheld, killed)) = state.media_items.take_changed(state.now) else { return };
    for (path, media) in killed {
        let known = state.recorder.ledger.killed_media();
        if !media.files.is_subset(&known.files) || !media.ids.is_subset(&known.ids) {
            state.record_silently(Record::MediaKilled { path, media });
        }
    }
    let killed = state.recorder.ledger.killed_media();
    withheld.files.extend(killed.files.iter().cloned());
    withheld.ids.extend(killed.ids.iter().cloned());
    let withheld = Arc::new(withheld);
    let Some(index) = &mut state.index else { return };
    let before = Arc::clone(index.withheld_media());
    if before == withheld {
        return;
    }
    let mut affected = Vec::new();
    for (path, _) in index.articles().filter(|(_, indexed)| indexed.names_files) {
        let Some(card) = state.catalog.get(path).map(|card| card.open(path)) else { continue };
        if card.hidden_media(&before, state.now) != card.hidden_media(&withheld, state.now) {
            affected.push(path.clone());
        }
    }
    index.set_withheld_media(withheld);
    affected.sort();
    affected.iter().for_each(|path| indexing::reindex(state, path));
    state.recorder.revised.extend(affected);
}
