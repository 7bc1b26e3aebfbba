//! The published state: the windows of feeds, their documents, and the snapshot.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use jiff::Timestamp;

use super::publication::Publication;
use crate::build::assemble;
use crate::build::index::Index;
use crate::build::placement::FeedKey;
use crate::event::{Delivery, Effect, Ticket};
use crate::ledger::Ledger;
use crate::snapshot::{BuiltDocument, PageFrame, Resource, ResourceKind, Snapshot};
use crate::types::{ArticlePath, ContentHash, SectionPath, Text};

/// The published state, and what has to be published next.
#[derive(Debug, Default)]
pub(crate) struct Publisher {
    pub(crate) snapshot: Snapshot,
    pub(crate) pages: Pages,
    /// The articles that each published feed shows.
    pub(crate) windows: BTreeMap<FeedKey, Vec<ArticlePath>>,
    pub(crate) feed_titles: BTreeMap<FeedKey, Text>,
    /// The file names of each feed's documents, below its route.
    pub(crate) document_names: BTreeMap<FeedKey, BTreeSet<String>>,
    /// Feeds, and their routes, that aren't written to the output directory because another feed has the same folder there.
    pub(crate) unwritten_feeds: BTreeSet<FeedKey>,
    pub(crate) unwritten_routes: BTreeSet<String>,
    /// Feeds to rebuild in the next publication, whether or not their articles changed.
    pub(crate) feeds_to_rebuild: BTreeSet<FeedKey>,
    /// When feeds stop listing their tombstones.
    pub(crate) tombstone_ends: BTreeSet<(Timestamp, FeedKey)>,
    /// Documents to rebuild because their bytes were lost.
    pub(crate) missing_documents: BTreeSet<Arc<str>>,
    pub(crate) unstored_documents: UnstoredDocuments,
    /// Routes changed since the last swap, for delivery. `None` after a configuration change: all routes.
    pub(crate) changed_routes: Option<BTreeSet<Arc<str>>>,
    /// Routes of documents that lost an entry since the last delivery.
    pub(crate) shrunk_routes: BTreeSet<Arc<str>>,
    /// The files of archives that may show what readers may no longer see, to remove with the next delivery.
    pub(crate) outdated_archives: BTreeSet<Arc<str>>,
    /// The documents that the last run delivered, until the first delivery of this one.
    pub(crate) last_run_documents: BTreeMap<Arc<str>, ContentHash>,
    /// Whether documents are built for a different address than `site.url` (`Config::is_relocated`).
    pub(crate) is_relocated: bool,
    /// The publication under way, if it continues with [`Event::Resume`](crate::event::Event::Resume).
    pub(crate) publication: Option<Publication>,
    /// Answers to commands whose effects are being published.
    pub(crate) answers: Vec<(Ticket, Result<String, String>)>,
}

impl Publisher {
    pub(crate) fn new(ledger: &Ledger) -> Publisher {
        Publisher { last_run_documents: delivered_documents(ledger), ..Publisher::default() }
    }

    /// Notes that a document has to be delivered or removed.
    pub(crate) fn note_changed_route(&mut self, route: &Arc<str>) {
        if let Some(changed) = &mut self.changed_routes {
            changed.insert(Arc::clone(route));
        }
    }

    /// Whether a document is written to the output directory.
    fn is_written(&self, route: &str) -> bool {
        let folder = || route.rfind('/').and_then(|slash| route.get(..=slash)).unwrap_or_default();
        self.unwritten_routes.is_empty() || !self.unwritten_routes.contains(folder())
    }

    /// The documents that changed since the last swap, for delivery. `None` if there are none.
    pub(crate) fn delivery(&mut self) -> Option<Delivery> {
        let changed = self.changed_routes.replace(BTreeSet::new());
        let is_deliverable = |resource: &Arc<Resource>| resource.kind != ResourceKind::Page;
        let is_complete = changed.is_none();
        let mut documents: Vec<(Arc<str>, Option<Arc<Resource>>)> = match changed {
            None => {
                let all = self.snapshot.documents.iter();
                let all = all.filter(|(route, resource)| is_deliverable(resource) && self.is_written(route));
                all.map(|(route, resource)| (relative(route), Some(Arc::clone(resource)))).collect()
            }
            Some(routes) => routes
                .iter()
                .filter(|route| !route.ends_with('/'))
                .map(|route| {
                    let document = self.snapshot.documents.get(route).filter(|_| self.is_written(route));
                    (relative(route), document.cloned())
                })
                .collect(),
        };
        documents.extend(std::mem::take(&mut self.outdated_archives).into_iter().map(|path| (path, None)));
        documents.sort_by(|left, right| left.0.cmp(&right.0));
        (is_complete || !documents.is_empty()).then_some(Delivery {
            generation: self.snapshot.generation,
            documents,
            complete: is_complete,
            withheld: std::mem::take(&mut self.shrunk_routes),
            recorded: std::mem::take(&mut self.last_run_documents),
            archives: self.snapshot.archives.clone(),
        })
    }

    /// Rebuilds a document whose bytes were lost.
    pub(crate) fn rebuild_document(&mut self, route: &Arc<str>) {
        let folder = route.rfind('/').and_then(|slash| route.get(..=slash)).unwrap_or_default();
        let key = self.document_names.keys().find(|key| assemble::route(key) == folder).cloned();
        self.feeds_to_rebuild.extend(key);
        self.missing_documents.insert(Arc::clone(route));
    }

    /// Rebuilds the feeds in which a tombstone has ended.
    pub(crate) fn end_tombstones(&mut self, now: Timestamp) {
        while let Some((_, key)) = self.tombstone_ends.first().cloned().filter(|(end, _)| *end <= now) {
            self.tombstone_ends.pop_first();
            self.feeds_to_rebuild.insert(key);
        }
    }

    /// When the next tombstone ends.
    pub(crate) fn wake_at(&self) -> Option<Timestamp> {
        self.tombstone_ends.first().map(|(end, _)| *end)
    }

    /// Whether any feed shows an article, so that its title is public.
    pub(crate) fn shows(&self, index: &Index, path: &ArticlePath) -> bool {
        let keys = index.get(path).into_iter().flat_map(|indexed| index.feeds_of(indexed));
        keys.filter_map(|key| self.windows.get(key)).any(|window| window.contains(path))
    }

    /// Whether dateline serves article pages, or pages of gone articles.
    pub(crate) fn has_pages(&self, index: &Index) -> bool {
        index.rules().config().content.article_url.is_none() || !self.snapshot.gone.is_empty()
    }

    /// Removes an article's page, unless another article has the address by now, such as a renamed file.
    pub(crate) fn retire_page(&mut self, path: &ArticlePath, route: &Arc<str>) {
        self.pages.ids.remove(path);
        if self.snapshot.articles.get(route).is_some_and(|article| article.path == *path) {
            self.snapshot.articles.remove(route);
        }
    }

    /// Updates which articles refer to which media. `is_kept`: copies of them are kept.
    pub(crate) fn note_media(&mut self, path: &ArticlePath, media: BTreeMap<Arc<str>, ArticlePath>, is_kept: bool) {
        for (route, file) in &media {
            if is_kept {
                self.snapshot.kept_media.insert(Arc::clone(route), file.clone());
            }
            let referrers = self.pages.referrers.entry(Arc::clone(route)).or_default();
            if referrers.is_empty() {
                self.snapshot.media.insert(Arc::clone(route), file.clone());
            }
            referrers.insert(path.clone());
        }
        let before = if media.is_empty() {
            self.pages.media.remove(path)
        } else {
            self.pages.media.insert(path.clone(), media.keys().cloned().collect())
        };
        for route in before.into_iter().flatten().filter(|route| !media.contains_key(route)) {
            let Some(referrers) = self.pages.referrers.get_mut(&route) else { continue };
            referrers.remove(path);
            if referrers.is_empty() {
                self.pages.referrers.remove(&route);
                self.snapshot.media.remove(&route);
                self.snapshot.kept_media.remove(&route);
            }
        }
    }
}

/// The addresses of article pages and media.
#[derive(Debug, Default)]
pub(crate) struct Pages {
    /// The short id in the address of each article's page.
    pub(crate) ids: HashMap<ArticlePath, Arc<str>>,
    /// The media routes that each article refers to, and the articles that refer to each route.
    media: HashMap<ArticlePath, BTreeSet<Arc<str>>>,
    referrers: HashMap<Arc<str>, BTreeSet<ArticlePath>>,
    pub(crate) frames: HashMap<SectionPath, Arc<PageFrame>>,
}

impl Pages {
    /// Whether an article has a page or media.
    pub(crate) fn has(&self, path: &ArticlePath) -> bool {
        self.media.contains_key(path) || self.ids.contains_key(path)
    }
}

/// Built documents that haven't been passed on in [`Effect::Store`].
#[derive(Debug, Default)]
pub(crate) struct UnstoredDocuments {
    documents: Vec<BuiltDocument>,
    bytes: usize,
}

impl UnstoredDocuments {
    pub(crate) fn add(&mut self, document: BuiltDocument) {
        self.bytes += document.bytes.len();
        self.documents.push(document);
    }

    /// The size of the documents, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The documents to store, if there are any.
    pub(crate) fn take(&mut self) -> Option<Effect> {
        let UnstoredDocuments { documents, .. } = std::mem::take(self);
        (!documents.is_empty()).then_some(Effect::Store(documents))
    }
}

/// The hashes of the documents in a ledger, by the paths under which they are delivered.
fn delivered_documents(ledger: &Ledger) -> BTreeMap<Arc<str>, ContentHash> {
    let documents = ledger.documents().filter(|(route, _)| !route.ends_with('/'));
    documents.map(|(route, hash)| (relative(route), hash)).collect()
}

/// The path below the output directory under which a route is delivered.
pub(crate) fn relative(route: &str) -> Arc<str> {
    route.trim_start_matches('/').into()
}
