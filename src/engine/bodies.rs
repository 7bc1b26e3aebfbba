//! The bodies of articles: those that arrived with an event, and those that were requested.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::fetching::Retries;
use crate::article::render::Rendered;
use crate::article::{Article, Metadata};
use crate::build::index::Index;
use crate::build::render_cache::RenderKey;
use crate::types::{ArticlePath, ContentHash};

/// The budget for articles that arrive with files. Above it, articles that no window shows are dropped, and windows request what they
/// miss.
const MAX_PENDING_BYTES: usize = 16 << 20;

/// The bodies that the next publication can use, and those that it has to request.
#[derive(Debug)]
pub(super) struct Bodies {
    /// Articles that arrived with this batch, until their entries are built.
    pub(super) pending: HashMap<ArticlePath, PendingArticle>,
    /// The size of `pending`. Above the maximum, articles that no window shows are dropped.
    pending_bytes: usize,
    max_pending_bytes: usize,
    /// Bodies that were requested and haven't arrived yet.
    pub(super) requested: BTreeMap<ArticlePath, ContentHash>,
    /// Versions whose bodies couldn't be read when they were requested.
    pub(super) unavailable: BTreeSet<(ArticlePath, ContentHash)>,
    /// When unavailable bodies are requested again.
    pub(super) retries: Retries,
}

/// An article that arrived with an event, so that its body needn't be requested.
#[derive(Debug)]
pub(super) struct PendingArticle {
    pub(super) hash: ContentHash,
    /// `None` if only the source is needed.
    pub(super) article: Option<Article>,
    /// The rendered body with its key, if the body arrived rendered.
    pub(super) rendered: Option<(RenderKey, Arc<Rendered>)>,
    /// The bytes of the file.
    pub(super) source: Option<Arc<[u8]>>,
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
    pub(super) fn new() -> Bodies {
        Bodies {
            pending: HashMap::new(),
            pending_bytes: 0,
            max_pending_bytes: MAX_PENDING_BYTES,
            requested: BTreeMap::new(),
            unavailable: BTreeSet::new(),
            retries: Retries::new(),
        }
    }

    /// Keeps a parsed article for the entry that may be built from it.
    pub(super) fn add_pending(&mut self, path: &ArticlePath, article: Article, index: Option<&Index>) {
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

    pub(super) fn clear_pending(&mut self) {
        self.pending.clear();
        self.pending_bytes = 0;
        self.max_pending_bytes = MAX_PENDING_BYTES;
    }

    /// Notes that a requested body arrived or couldn't be read.
    pub(super) fn end_request(&mut self, path: &ArticlePath, hash: ContentHash) {
        if self.requested.get(path) == Some(&hash) {
            self.requested.remove(path);
        }
    }
}
