//! The bodies of articles: those that arrived with an event, those that were requested, and those that couldn't be read.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use crate::article::render::{LinkBase, Rendered};
use crate::article::{Article, Metadata};
use crate::build::index::Index;
use crate::build::render_cache::RenderKey;
use crate::event::BodyRequest;
use crate::types::{ArticlePath, ContentHash};

/// The maximum number of bodies requested at a time, so that the texts of all feeds are never in memory at once.
const MAX_REQUESTED_BODIES: usize = 4_096;
/// The budget for articles that arrive with files. Above it, articles that no window shows are dropped, and windows request what they
/// miss.
const MAX_PENDING_BYTES: usize = 16 << 20;

/// The bodies that the next publication can use, and those that it has to request.
#[derive(Debug)]
pub(crate) struct Bodies {
    /// Articles that arrived with this batch, until their entries are built.
    pub(crate) pending: HashMap<ArticlePath, PendingArticle>,
    /// The size of `pending`. Above the maximum, articles that no window shows are dropped.
    pending_bytes: usize,
    max_pending_bytes: usize,
    /// Bodies that were requested and haven't arrived yet.
    pub(crate) requested: BTreeMap<ArticlePath, ContentHash>,
    /// Versions whose bodies couldn't be read when they were requested.
    pub(crate) unavailable: BTreeSet<(ArticlePath, ContentHash)>,
    /// When unavailable bodies are requested again.
    retries: BTreeMap<ArticlePath, Retry>,
}

/// An article that arrived with an event, so that its body needn't be requested.
#[derive(Debug)]
pub(crate) struct PendingArticle {
    pub(crate) hash: ContentHash,
    /// `None` if only the source is needed.
    pub(crate) article: Option<Article>,
    /// The rendered body with its key, if the body arrived rendered.
    pub(crate) rendered: Option<(RenderKey, Arc<Rendered>)>,
    /// The bytes of the file.
    pub(crate) source: Option<Arc<[u8]>>,
}

impl PendingArticle {
    /// The approximate size in memory, in bytes.
    fn size_in_bytes(&self) -> usize {
        let body = self.article.as_ref().and_then(|article| article.body.as_ref());
        let source = self.source.as_ref().map_or(0, |source| source.len());
        body.map_or(0, |body| body.len()) + source + size_of::<Metadata>()
    }
}

impl Bodies {
    pub(crate) fn new() -> Bodies {
        Bodies {
            pending: HashMap::new(),
            pending_bytes: 0,
            max_pending_bytes: MAX_PENDING_BYTES,
            requested: BTreeMap::new(),
            unavailable: BTreeSet::new(),
            retries: BTreeMap::new(),
        }
    }

    /// Keeps a parsed article for the entry that may be built from it.
    pub(crate) fn add_pending(&mut self, path: &ArticlePath, article: Article, index: Option<&Index>) {
        let (hash, source) = (article.card.hash(), article.source.clone());
        let pending = PendingArticle { hash, article: Some(article), rendered: None, source };
        self.pending_bytes += pending.size_in_bytes();
        self.pending.insert(path.clone(), pending);
        if self.pending_bytes > self.max_pending_bytes
            && let Some(index) = index
        {
            self.pending.retain(|path, _| index.is_in_a_window(path));
            self.pending_bytes = self.pending.values().map(PendingArticle::size_in_bytes).sum();
            // If the windows need even more, they request bodies instead.
            if self.pending_bytes > MAX_PENDING_BYTES * 4 {
                self.clear_pending();
            }
            self.max_pending_bytes = MAX_PENDING_BYTES.max(self.pending_bytes * 2);
        }
    }

    pub(crate) fn clear_pending(&mut self) {
        self.pending.clear();
        self.pending_bytes = 0;
        self.max_pending_bytes = MAX_PENDING_BYTES;
    }

    /// Notes that a requested body arrived or couldn't be read.
    pub(crate) fn end_request(&mut self, path: &ArticlePath, hash: ContentHash) {
        if self.requested.get(path) == Some(&hash) {
            self.requested.remove(path);
        }
    }

    /// Whether a body was requested and hasn't arrived, or couldn't be read.
    pub(crate) fn is_requested_or_unavailable(&self, path: &ArticlePath, hash: ContentHash) -> bool {
        self.requested.get(path) == Some(&hash) || self.unavailable.contains(&(path.clone(), hash))
    }

    /// Plans to request an unavailable body again. Each further delay is twice as long.
    pub(crate) fn plan_retry(&mut self, path: ArticlePath, hash: ContentHash, now: Timestamp) {
        let before = self.retries.get(&path).filter(|retry| retry.hash == hash);
        let delay = before.map_or(Retry::FIRST_DELAY, |retry| Retry::MAX_DELAY.min(retry.delay * 2));
        let at = now.saturating_add(delay).unwrap_or(Timestamp::MAX);
        self.retries.insert(path, Retry { hash, at, delay });
    }

    /// The unavailable bodies that are due to be requested again.
    pub(crate) fn due_retries(&self, now: Timestamp) -> Vec<(ArticlePath, ContentHash)> {
        let due = self.retries.iter().filter(|(_, retry)| retry.at <= now);
        due.map(|(path, retry)| (path.clone(), retry.hash)).collect()
    }

    /// Lets an unavailable body be requested now, and plans the next retry.
    pub(crate) fn begin_retry(&mut self, path: &ArticlePath, hash: ContentHash, now: Timestamp) {
        if let Some(retry) = self.retries.get_mut(path) {
            retry.at = now.saturating_add(retry.delay).unwrap_or(Timestamp::MAX);
        }
        self.unavailable.remove(&(path.clone(), hash));
    }

    /// Cancels the retry of a body. Returns the version that was to be requested.
    pub(crate) fn cancel_retry(&mut self, path: &ArticlePath) -> Option<ContentHash> {
        self.retries.remove(path).map(|retry| retry.hash)
    }

    /// When the next unavailable body is requested again.
    pub(crate) fn next_retry(&self) -> Option<Timestamp> {
        self.retries.values().map(|retry| retry.at).min()
    }

    /// Limits each wait to its delay after the clock was set back. Otherwise bodies would wait for as long as the clock went
    /// back.
    pub(crate) fn bring_retries_forward(&mut self, now: Timestamp) {
        for retry in self.retries.values_mut() {
            retry.at = retry.at.min(now.saturating_add(retry.delay).unwrap_or(Timestamp::MAX));
        }
    }

    /// Whether more bodies may be requested, see [`MAX_REQUESTED_BODIES`].
    pub(crate) fn may_request(&self, requests: &BTreeSet<BodyRequest>) -> bool {
        requests.len() + self.requested.len() < MAX_REQUESTED_BODIES
    }

    /// The request for a body. `None` if the body was requested already or couldn't be read.
    pub(crate) fn request(
        &self,
        path: &ArticlePath,
        hash: ContentHash,
        links: Option<&LinkBase>,
    ) -> Option<BodyRequest> {
        let request = BodyRequest { path: path.clone(), hash, shown: true, links: links.cloned() };
        (!self.is_requested_or_unavailable(path, hash)).then_some(request)
    }
}

/// When an unavailable body is requested again.
#[derive(Debug)]
struct Retry {
    hash: ContentHash,
    at: Timestamp,
    delay: SignedDuration,
}

impl Retry {
    const FIRST_DELAY: SignedDuration = SignedDuration::from_secs(1);
    /// The longest delay between retries.
    const MAX_DELAY: SignedDuration = SignedDuration::from_secs(15);
}
