//! Handles requested bodies that arrive or can't be read. Feeds are built without an unreadable article. A diagnostic names the file, and
//! the body is requested again with increasing delays.

use super::parts::bodies::{Bodies, PendingArticle};
use super::parts::problems::{Problems, Source};
use super::state::State;
use crate::article::card::Packed;
use crate::build::render_cache::RenderKey;
use crate::diagnostics::Diagnostic;
use crate::event::{BodyRequest, FetchedBody, UnfetchedBody};
use crate::types::{ArticlePath, ContentHash};

/// Applies the bodies that arrived.
pub(super) fn receive(state: &mut State, bodies: Vec<FetchedBody>) {
    for body in bodies {
        if !body.is_complete() {
            note_unavailable(state, vec![UnfetchedBody { request: body.request, problem: None }]);
            continue;
        }
        let FetchedBody { request: BodyRequest { path, hash, links, .. }, article, rendered, source } = body;
        state.bodies.end_request(&path, hash);
        if state.bodies.unavailable.remove(&(path.clone(), hash)) {
            rebuild_feeds_of(state, &path);
        }
        forget_retry(&mut state.bodies, &mut state.problems, &path);
        let key = links.map(|links| RenderKey::new(hash, &links));
        state.bodies.pending.insert(path, PendingArticle { hash, article, rendered: key.zip(rendered), source });
    }
}

/// Notes bodies that couldn't be read. Feeds are built without them.
pub(super) fn note_unavailable(state: &mut State, bodies: Vec<UnfetchedBody>) {
    for UnfetchedBody { request: BodyRequest { path, hash, .. }, problem } in bodies {
        state.bodies.end_request(&path, hash);
        state.bodies.unavailable.insert((path.clone(), hash));
        // A newer version makes the failure irrelevant.
        if state.catalog.get(&path).map(Packed::hash) == Some(hash) {
            retry_later(state, path, hash, problem);
        }
    }
}

fn retry_later(state: &mut State, path: ArticlePath, hash: ContentHash, problem: Option<Diagnostic>) {
    const RETRY_NOTE: &str =
        "until it can be read, feeds that do not show the article yet do not get it; dateline tries again";
    let problem = problem.map(|problem| {
        let help = problem.help.as_ref().map_or(RETRY_NOTE.to_owned(), |help| format!("{help}; {RETRY_NOTE}"));
        problem.help(help)
    });
    state.problems.set(Source::Body(path.clone()), problem.into_iter().collect());
    state.bodies.plan_retry(path, hash, state.now);
}

/// Requests unavailable bodies again that are due and still needed.
pub(super) fn retry_due(state: &mut State) {
    for (path, hash) in state.bodies.due_retries(state.now) {
        let is_current = state.catalog.get(&path).map(Packed::hash) == Some(hash);
        if !is_current || !state.index.as_ref().is_some_and(|index| index.is_in_a_window(&path)) {
            forget_retry(&mut state.bodies, &mut state.problems, &path);
            continue;
        }
        state.bodies.begin_retry(&path, hash, state.now);
        rebuild_feeds_of(state, &path);
    }
}

/// Requests an article's body again at once, because the file was read again.
pub(super) fn retry(state: &mut State, path: &ArticlePath) {
    if let Some(hash) = forget_retry(&mut state.bodies, &mut state.problems, path) {
        state.bodies.unavailable.remove(&(path.clone(), hash));
        rebuild_feeds_of(state, path);
    }
}

fn forget_retry(bodies: &mut Bodies, problems: &mut Problems, path: &ArticlePath) -> Option<ContentHash> {
    problems.set(Source::Body(path.clone()), Vec::new());
    bodies.cancel_retry(path)
}

/// Rebuilds the feeds of an article.
fn rebuild_feeds_of(state: &mut State, path: &ArticlePath) {
    let Some(index) = &state.index else { return };
    if let Some(indexed) = index.get(path) {
        state.publisher.feeds_to_rebuild.extend(index.feeds_of(indexed).cloned());
    }
}
