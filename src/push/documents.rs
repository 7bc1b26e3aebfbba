//! The topics, as a GET would return them at this moment.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use arc_swap::ArcSwap;
use bytes::Bytes;
use tokio::sync::OnceCell;
use tokio::task::spawn_blocking;

use super::DocumentReader;
use crate::snapshot::{Resource, ResourceKind, Snapshot};
use crate::types::ContentHash;
use crate::websub::Version;

/// A topic in one version. Its bytes are read once for all subscribers.
#[derive(Debug)]
pub(super) struct Document {
    pub(super) resource: Arc<Resource>,
    bytes: OnceCell<Bytes>,
}

/// Supplies topics.
pub(super) struct Documents {
    snapshot: Arc<ArcSwap<Snapshot>>,
    read: Arc<DocumentReader>,
    /// The documents that attempts are sending.
    open: Mutex<HashMap<Arc<str>, Weak<Document>>>,
}

impl Documents {
    pub(super) fn new(snapshot: Arc<ArcSwap<Snapshot>>, read: DocumentReader) -> Documents {
        Documents { snapshot, read: Arc::new(read), open: Mutex::default() }
    }

    /// The version of a topic. `None`: nobody can subscribe to it, because it isn't a public feed of this site.
    pub(super) fn version(&self, topic: &str) -> Option<Version> {
        let snapshot = self.snapshot.load();
        let resource =
            snapshot.documents.get(topic).filter(|resource| snapshot.generation > 0 && is_topic(resource))?;
        Some(Version { hash: resource.hash, length: resource.length })
    }

    /// All topics with their versions.
    pub(super) fn all(&self) -> Vec<(Arc<str>, ContentHash)> {
        let snapshot = self.snapshot.load();
        let topics = snapshot.documents.iter().filter(|(_, resource)| snapshot.generation > 0 && is_topic(resource));
        topics.map(|(route, resource)| (Arc::clone(route), resource.hash)).collect()
    }

    /// The document that a GET would return, and its bytes. `None` if there is none, or it can't be read.
    pub(super) async fn read(&self, topic: &Arc<str>) -> Option<(Arc<Document>, Bytes)> {
        let document = self.open(topic)?;
        let bytes = document.bytes.get_or_try_init(|| async {
            let (read, topic, resource) = (Arc::clone(&self.read), Arc::clone(topic), Arc::clone(&document.resource));
            // The reader logs the reason.
            spawn_blocking(move || read(&topic, &resource).ok()).await.ok().flatten().ok_or(())
        });
        let bytes = bytes.await.ok()?.clone();
        Some((document, bytes))
    }

    fn open(&self, topic: &Arc<str>) -> Option<Arc<Document>> {
        let snapshot = self.snapshot.load();
        let resource =
            snapshot.documents.get(topic).filter(|resource| snapshot.generation > 0 && is_topic(resource))?;
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(document) = open.get(topic).and_then(Weak::upgrade)
            && Arc::ptr_eq(&document.resource, resource)
        {
            return Some(document);
        }
        open.retain(|_, document| document.strong_count() > 0);
        let document = Arc::new(Document { resource: Arc::clone(resource), bytes: OnceCell::new() });
        open.insert(Arc::clone(topic), Arc::downgrade(&document));
        Some(document)
    }
}

/// Whether a document is a feed that names a hub.
fn is_topic(resource: &Resource) -> bool {
    matches!(resource.kind, ResourceKind::Feed(_) | ResourceKind::ShownFeed(_)) && resource.links.is_some()
}
