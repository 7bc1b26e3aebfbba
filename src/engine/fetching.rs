//! Handles requested bodies that arrive or can't be read. Feeds are built without an unreadable article. A diagnostic names the file, and
//! the body is requested again with increasing delays.

use super::parts::bodies::PendingArticle;
use super::parts::problems::Source;
use super::state::Engine;
use crate::article::card::Packed;
use crate::build::render_cache::RenderKey;
use crate::diagnostics::Diagnostic;
use crate::event::{BodyRequest, FetchedBody, UnfetchedBody};
use crate::types::{ArticlePath, ContentHash};

impl Engine {
    /// Applies the bodies that arrived.
    pub(super) fn receive_bodies(&mut self, bodies: Vec<FetchedBody>) {
        for body in bodies {
            if !body.is_complete() {
                self.note_unavailable(vec![UnfetchedBody { request: body.request, problem: None }]);
                continue;
            }
            let FetchedBody { request: BodyRequest { path, hash, links, .. }, article, rendered, source } = body;
            self.bodies.end_request(&path, hash);
            if self.bodies.unavailable.remove(&(path.clone(), hash)) {
                self.rebuild_feeds_of(&path);
            }
            self.forget_retry(&path);
            let key = links.map(|links| RenderKey::new(hash, &links));
            self.bodies.pending.insert(path, PendingArticle { hash, article, rendered: key.zip(rendered), source });
        }
    }

    /// Notes bodies that couldn't be read. Feeds are built without them.
    pub(super) fn note_unavailable(&mut self, bodies: Vec<UnfetchedBody>) {
        for UnfetchedBody { request: BodyRequest { path, hash, .. }, problem } in bodies {
            self.bodies.end_request(&path, hash);
            self.bodies.unavailable.insert((path.clone(), hash));
            // A newer version makes the failure irrelevant.
            if self.catalog.get(&path).map(Packed::hash) == Some(hash) {
                self.retry_later(path, hash, problem);
            }
        }
    }

    fn retry_later(&mut self, path: ArticlePath, hash: ContentHash, problem: Option<Diagnostic>) {
        const RETRY_NOTE: &str =
            "until it can be read, feeds that do not show the article yet go without it; dateline tries again";
        let problem = problem.map(|problem| {
            let help = problem.help.as_ref().map_or(RETRY_NOTE.to_owned(), |help| format!("{help}; {RETRY_NOTE}"));
            problem.help(help)
        });
        self.problems.set(Source::Body(path.clone()), problem.into_iter().collect());
        self.bodies.plan_retry(path, hash, self.now);
    }

    /// Requests unavailable bodies again that are due and still needed.
    pub(super) fn retry_bodies(&mut self) {
        for (path, hash) in self.bodies.due_retries(self.now) {
            let is_current = self.catalog.get(&path).map(Packed::hash) == Some(hash);
            if !is_current || !self.index.as_ref().is_some_and(|index| index.is_in_a_window(&path)) {
                self.forget_retry(&path);
                continue;
            }
            self.bodies.begin_retry(&path, hash, self.now);
            self.rebuild_feeds_of(&path);
        }
    }

    /// Requests an article's body again at once, because the file was read again.
    pub(super) fn retry_body(&mut self, path: &ArticlePath) {
        if let Some(hash) = self.forget_retry(path) {
            self.bodies.unavailable.remove(&(path.clone(), hash));
            self.rebuild_feeds_of(path);
        }
    }

    fn forget_retry(&mut self, path: &ArticlePath) -> Option<ContentHash> {
        self.problems.set(Source::Body(path.clone()), Vec::new());
        self.bodies.cancel_retry(path)
    }

    /// Rebuilds the feeds of an article.
    fn rebuild_feeds_of(&mut self, path: &ArticlePath) {
        let Some(index) = &self.index else { return };
        if let Some(indexed) = index.get(path) {
            self.publisher.feeds_to_rebuild.extend(index.feeds_of(indexed).cloned());
        }
    }
}
