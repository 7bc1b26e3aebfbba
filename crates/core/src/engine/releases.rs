//! Releases held stories, on an editor's command or because their source is trusted from now on.

use super::parts::held_stories::HeldStory;
use super::state::State;
use super::{displacement, files, holding};
use crate::build::catalog::Read;
use crate::build::index::Visibility;
use crate::ledger::{ArticleFacts, Record};
use crate::types::{ArticlePath, rfc3339};

/// Releases the version of a story that waits. Returns what happened, or why nothing did.
pub(super) fn release(state: &mut State, path: &ArticlePath) -> Result<String, String> {
    let Some(version) = state.held.version(path).filter(|_| state.held.is_listed(path)) else {
        return Err(why_not_held(state, path));
    };
    let was_public = state.is_public(path);
    state.record(Record::Released { path: path.clone(), hash: version });
    if let Some(story) = state.held.remove(path) {
        publish(state, path, story);
    }
    Ok(match state.index.as_ref().and_then(|index| index.get(path)).map(|indexed| &indexed.visibility) {
        Some(Visibility::Public(_)) if was_public => format!("the new version of `{path}` is released and public"),
        Some(Visibility::Public(_)) => format!("`{path}` is released and public"),
        Some(Visibility::Scheduled(instant)) => {
            format!("`{path}` is released, and becomes public at {}", rfc3339(instant.timestamp()))
        }
        _ => format!("`{path}` is released, but not public; `dateline explain` tells why"),
    })
}

/// Publishes a story that needn't wait any more.
pub(super) fn publish(state: &mut State, path: &ArticlePath, story: HeldStory) {
    let HeldStory { card, diagnostics, .. } = story;
    displacement::keep_story(state, path, &card.open(path));
    let change = state.catalog.apply(path, Read::Good(&card));
    files::report_good(state, path, &card, diagnostics);
    files::apply_change(state, path.clone(), change, Some(&card), None);
}

/// Why a story can't be released.
fn why_not_held(state: &State, path: &ArticlePath) -> String {
    if let Some(item) = state.held.get(path).and_then(|story| story.item.as_ref()) {
        let newer = state.index.as_ref().and_then(|index| index.current_version(item));
        let newer = newer.map(|newer| format!(": `{newer}` has a newer one")).unwrap_or_default();
        return format!("`{path}` has an old version of its story{newer}");
    }
    if !state.config().is_some_and(|config| holding::is_held_source(config, path)) {
        return format!("`{path}` does not wait: its source publishes stories at once");
    }
    if state.recorder.ledger.article(path).is_some_and(ArticleFacts::is_retracted_by_command) {
        return format!("`{path}` is retracted: `dateline restore {path}` takes that back");
    }
    let indexed = state.index.as_ref().and_then(|index| index.get(path));
    match indexed.map(|indexed| &indexed.visibility) {
        Some(Visibility::Public(_)) => format!("`{path}` is public already"),
        Some(Visibility::Retracted) => format!("`{path}` is retracted by its file or its agency"),
        Some(Visibility::Draft) => format!("`{path}` is a draft, or its agency withholds it"),
        Some(Visibility::OlderVersion(newer)) => {
            format!("`{path}` has an old version of its story: `{newer}` has a newer one")
        }
        Some(_) => {
            format!("`{path}` does not wait for an editor; `dateline explain {path}` tells why it is not public")
        }
        None => {
            format!("the file of `{path}` cannot be used, so there is nothing to release: `dateline check` tells why")
        }
    }
}
