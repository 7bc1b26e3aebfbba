//! Logs what happened to articles. Events are collected as records are made, and logged once readers see the result.
//!
//! The log contains the title of an article only if the article is public and in a feed at that moment. Otherwise it contains the path.

use super::parts::recorder::routes;
use super::state::State;
use crate::build::index::Index;
use crate::event::{ActivityKind, Effect};
use crate::ledger::Routes;
use crate::types::ArticlePath;

/// The activity that readers can see by now. An article whose body was requested waits until the body arrives. The first
/// listing is only counted.
pub(super) fn take_visible(state: &mut State, index: &Index, is_first: bool) -> Option<Effect> {
    let (entries, publisher, requested) = (&state.entries, &state.publisher, &state.bodies.requested);
    let describe = |path: &ArticlePath, kind: ActivityKind, feeds: Routes| {
        let indexed = index.get(path).filter(|indexed| indexed.id().is_some());
        let now = || indexed.map(|indexed| routes(index.feeds_of(indexed)));
        let feeds = if feeds.is_empty() { now().unwrap_or_default() } else { feeds };
        let cached = entries.cached.get(path);
        let cached = cached.filter(|cached| indexed.is_some() && !feeds.is_empty() && entries.is_fresh(cached));
        let title = cached.map(|cached| cached.metadata.title.clone());
        let title = title.filter(|_| kind.is_public() && publisher.shows(index, path));
        (feeds, title)
    };
    state.activities.take_visible(is_first, |path| requested.contains_key(path), describe)
}
