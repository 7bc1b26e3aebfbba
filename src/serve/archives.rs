//! Archives of feeds: asks the engine what an archive contains, before its document is built.
//!
//! # Why isn't that in the snapshot?
//!
//! The snapshot would need the facts about every article of a million. It has the names and versions of archives, which are enough to find
//! a cached document. A document is served only while the snapshot has the version that it was built for.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use crate::event::{ArchiveContents, Query};
use crate::feed::Format;
use crate::snapshot::ArchiveAddress;

/// The document of an archive in one format.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ArchiveDocument {
    /// The archive, in the version that readers see.
    pub address: ArchiveAddress,
    /// The format.
    pub format: Format,
}

/// A question about an archive, or about entries of a feed.
#[derive(Debug)]
pub struct ArchiveQuery {
    /// The question.
    pub query: Query,
    /// Receives the contents. `None` if the engine doesn't have this version, or not yet.
    pub answer: oneshot::Sender<Option<Box<ArchiveContents>>>,
}

/// Asks for the contents of archives.
#[derive(Clone, Debug)]
pub struct ArchiveSource(Option<mpsc::Sender<ArchiveQuery>>);

impl ArchiveSource {
    /// Limits the questions that wait for the engine. Further requests get 503.
    const MAX_WAITING: usize = 16;

    /// A source, and where its questions arrive.
    pub fn new() -> (ArchiveSource, mpsc::Receiver<ArchiveQuery>) {
        let (sender, receiver) = mpsc::channel(ArchiveSource::MAX_WAITING);
        (ArchiveSource(Some(sender)), receiver)
    }

    /// The answer to a question. `None` if it isn't available at the moment.
    pub async fn contents(&self, query: Query) -> Option<Arc<ArchiveContents>> {
        let (answer, contents) = oneshot::channel();
        self.0.as_ref()?.try_send(ArchiveQuery { query, answer }).ok()?;
        contents.await.ok().flatten().map(Arc::from)
    }
}

/// A source that has no archives.
impl Default for ArchiveSource {
    fn default() -> ArchiveSource {
        ArchiveSource(None)
    }
}
