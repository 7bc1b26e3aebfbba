//! What requests need that isn't in memory, and what they get.

use std::fmt;
use std::fs::File;
use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;

use crate::snapshot::{PublishedArticle, Resource};
use crate::types::ArticlePath;

/// What a request needs that is not in memory.
#[derive(Clone, Debug)]
pub enum DiskRequest {
    /// The page of an article, rendered.
    Article(Arc<PublishedArticle>),
    /// A file that a published article refers to.
    Media(ArticlePath),
    /// The bytes of a document that are not in memory, with its route.
    Document(Arc<str>, Arc<Resource>),
    /// Nothing. More of this document is in memory than before, and something else may have to go.
    Room(Arc<Resource>),
}

/// What came of a [`DiskRequest`].
#[derive(Debug)]
pub enum DiskResponse {
    /// A document, answered like those of the snapshot, and whether it may be shown again.
    Page(Arc<Resource>, Freshness),
    /// A file, opened.
    File {
        /// Read from where it stands.
        file: File,
        /// Its size (bytes).
        length: u64,
        /// When it was last written, where the file system says so.
        modified: Option<Timestamp>,
    },
    /// The bytes of a document.
    Document(Bytes),
    /// There is room for what is in memory.
    Room,
}

/// Says whether a page that is made now would be made of the same files.
#[derive(Clone)]
pub struct Freshness(Arc<dyn Fn() -> bool + Send + Sync>);

impl Freshness {
    /// What to ask before the page is shown again.
    pub fn new(is_fresh: impl Fn() -> bool + Send + Sync + 'static) -> Freshness {
        Freshness(Arc::new(is_fresh))
    }

    pub(super) fn is_fresh(&self) -> bool {
        (self.0)()
    }
}

impl fmt::Debug for Freshness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Freshness")
    }
}
