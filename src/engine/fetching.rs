//! Bodies that were asked for: those that arrive, and those that cannot be had. An article whose file cannot be read is left out of the
//! documents that would show it, with a diagnostic, and asked for again with a growing pause.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::{Engine, PendingArticle, Source};
use crate::article::card::Packed;
use crate::build::render_cache::RenderKey;
use crate::diagnostics::Diagnostic;
use crate::event::{BodyRequest, FetchedBody, UnfetchedBody};
use crate::types::{ArticlePath, ContentHash};

/// When a body that could not be had is asked for again.
#[derive(Debug)]
pub(super) struct Retry {
    hash: ContentHash,
    at: Timestamp,
    delay: SignedDuration,
}

impl Engine {
    const FIRST_RETRY_DELAY: SignedDuration = SignedDuration::from_secs(1);
    const MAX_RETRY_DELAY: SignedDuration = SignedDuration::from_secs(15);

    pub(super) fn receive_bodies(&mut self, bodies: Vec<FetchedBody>) {
        for body in bodies {
            if !body.is_complete() {
                self.note_unavailable(vec![UnfetchedBody { request: body.request, problem: None }]);
                continue;
            }
            let FetchedBody { request: BodyRequest { path, hash, links, .. }, article, rendered, source } = body;
            self.note_answer(&path, hash);
            if self.unavailable_bodies.remove(&(path.clone(), hash)) {
                self.rebuild_feeds_of(&path);
            }
            self.forget_retry(&path);
            let key = links.map(|links| RenderKey::new(hash, &links));
            self.pending_articles.insert(path, PendingArticle { hash, article, rendered: key.zip(rendered), source });
        }
    }

    /// Bodies that documents do not wait for.
    pub(super) fn note_unavailable(&mut self, bodies: Vec<UnfetchedBody>) {
        for UnfetchedBody { request: BodyRequest { path, hash, .. }, problem } in bodies {
            self.note_answer(&path, hash);
            self.unavailable_bodies.insert((path.clone(), hash));
            // Of another version by now nobody needs to know.
            if self.catalog.get(&path).map(Packed::hash) == Some(hash) {
                self.retry_later(path, hash, problem);
            }
        }
    }

    fn note_answer(&mut self, path: &ArticlePath, hash: ContentHash) {
        if self.requested_bodies.get(path) == Some(&hash) {
            self.requested_bodies.remove(path);
        }
    }

    fn retry_later(&mut self, path: ArticlePath, hash: ContentHash, problem: Option<Diagnostic>) {
        let before = self.retries.get(&path).filter(|retry| retry.hash == hash);
        let delay = before.map_or(Engine::FIRST_RETRY_DELAY, |retry| Engine::MAX_RETRY_DELAY.min(retry.delay * 2));
        let at = self.now.saturating_add(delay).unwrap_or(Timestamp::MAX);
        const LEFT_OUT: &str =
            "until it can be read, feeds that do not show the article yet go without it; dateline tries again";
        let told = problem.map(|problem| {
            let help = problem.help.as_ref().map_or(LEFT_OUT.to_owned(), |help| format!("{help}; {LEFT_OUT}"));
            problem.help(help)
        });
        self.problems.set(Source::Body(path.clone()), told.into_iter().collect());
        self.retries.insert(path, Retry { hash, at, delay });
    }

    /// Asks again for bodies that could not be had and are still needed.
    pub(super) fn retry_bodies(&mut self) {
        let now = self.now;
        let due = self.retries.iter().filter(|(_, retry)| retry.at <= now);
        let due: Vec<(ArticlePath, ContentHash)> = due.map(|(path, retry)| (path.clone(), retry.hash)).collect();
        for (path, hash) in due {
            let is_current = self.catalog.get(&path).map(Packed::hash) == Some(hash);
            if !is_current || !self.index.as_ref().is_some_and(|index| index.is_in_a_window(&path)) {
                self.forget_retry(&path);
                continue;
            }
            if let Some(retry) = self.retries.get_mut(&path) {
                retry.at = now.saturating_add(retry.delay).unwrap_or(Timestamp::MAX);
            }
            self.unavailable_bodies.remove(&(path.clone(), hash));
            self.rebuild_feeds_of(&path);
        }
    }

    /// The file was looked at again: whatever was wrong with its body may be over.
    pub(super) fn retry_body(&mut self, path: &ArticlePath) {
        if let Some(Retry { hash, .. }) = self.forget_retry(path) {
            self.unavailable_bodies.remove(&(path.clone(), hash));
            self.rebuild_feeds_of(path);
        }
    }

    fn forget_retry(&mut self, path: &ArticlePath) -> Option<Retry> {
        self.problems.set(Source::Body(path.clone()), Vec::new());
        self.retries.remove(path)
    }

    /// Has the feeds made anew that an article is in.
    fn rebuild_feeds_of(&mut self, path: &ArticlePath) {
        let Some(index) = &self.index else { return };
        if let Some(indexed) = index.get(path) {
            self.feeds_to_rebuild.extend(index.feeds_of(indexed).cloned());
        }
    }

    /// When the next body is asked for again.
    pub(super) fn next_retry(&self) -> Option<Timestamp> {
        self.retries.values().map(|retry| retry.at).min()
    }

    /// The clock was set back: what waits must not wait for all that it went back by.
    pub(super) fn bring_retries_forward(&mut self) {
        let now = self.now;
        for retry in self.retries.values_mut() {
            retry.at = retry.at.min(now.saturating_add(retry.delay).unwrap_or(Timestamp::MAX));
        }
    }
}

/// By file.
pub(super) type Retries = BTreeMap<ArticlePath, Retry>;
