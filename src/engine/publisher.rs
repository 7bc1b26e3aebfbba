//! What readers see: the windows of feeds, their documents, and the snapshot.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;

use super::documents::{UnstoredDocuments, delivered_documents, relative};
use super::pages::Pages;
use super::publishing::Publication;
use crate::build::placement::FeedKey;
use crate::event::{Delivery, Ticket};
use crate::ledger::Ledger;
use crate::snapshot::{Resource, ResourceKind, Snapshot};
use crate::types::{ArticlePath, ContentHash, Text};

/// The published state, and what has to be published next.
#[derive(Debug, Default)]
pub(super) struct Publisher {
    pub(super) snapshot: Snapshot,
    pub(super) pages: Pages,
    /// The articles that each published feed shows.
    pub(super) windows: BTreeMap<FeedKey, Vec<ArticlePath>>,
    pub(super) feed_titles: BTreeMap<FeedKey, Text>,
    /// The file names of each feed's documents, below its route.
    pub(super) document_names: BTreeMap<FeedKey, BTreeSet<String>>,
    /// Feeds, and their routes, that aren't written to the output directory because another feed has the same folder there.
    pub(super) unwritten_feeds: BTreeSet<FeedKey>,
    pub(super) unwritten_routes: BTreeSet<String>,
    /// Feeds to rebuild in the next publication, whether or not their articles changed.
    pub(super) feeds_to_rebuild: BTreeSet<FeedKey>,
    /// When feeds stop listing their tombstones.
    pub(super) tombstone_ends: BTreeSet<(Timestamp, FeedKey)>,
    /// Documents to rebuild because their bytes were lost.
    pub(super) missing_documents: BTreeSet<Arc<str>>,
    pub(super) unstored_documents: UnstoredDocuments,
    /// Routes changed since the last swap, for delivery. `None` after a configuration change: all routes.
    pub(super) changed_routes: Option<BTreeSet<Arc<str>>>,
    /// Routes of documents that lost an entry since the last delivery.
    pub(super) shrunk_routes: BTreeSet<Arc<str>>,
    /// The documents that the last run delivered, until the first delivery of this one.
    pub(super) last_run_documents: BTreeMap<Arc<str>, ContentHash>,
    /// Whether documents are built for a different address than `site.url` (`Config::is_relocated`).
    pub(super) is_relocated: bool,
    /// The publication under way, if it continues with [`Event::Resume`](crate::event::Event::Resume).
    pub(super) publication: Option<Publication>,
    /// Answers to commands whose effects are being published.
    pub(super) answers: Vec<(Ticket, Result<String, String>)>,
}

impl Publisher {
    pub(super) fn new(ledger: &Ledger) -> Publisher {
        Publisher { last_run_documents: delivered_documents(ledger), ..Publisher::default() }
    }

    /// Notes that a document has to be delivered or removed.
    pub(super) fn note_changed_route(&mut self, route: &Arc<str>) {
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
    pub(super) fn delivery(&mut self) -> Option<Delivery> {
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
        documents.sort_by(|left, right| left.0.cmp(&right.0));
        (is_complete || !documents.is_empty()).then_some(Delivery {
            generation: self.snapshot.generation,
            documents,
            complete: is_complete,
            withheld: std::mem::take(&mut self.shrunk_routes),
            recorded: std::mem::take(&mut self.last_run_documents),
        })
    }
}
