//! The interface to the disk: requests for data that isn't in memory, and their responses.

use std::fmt;
use std::fs::File;
use std::io;
use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;

use super::workers::CancellationToken;
use crate::event::ArchiveContents;
use crate::feed::Format;
use crate::snapshot::{BuiltDocument, PublishedArticle, Resource};
use crate::types::ArticlePath;

/// Reads or builds the data that HTTP requests need. Called on threads that may block; may return early once the token is cancelled.
pub trait Disk: Fn(DiskRequest, &CancellationToken) -> io::Result<DiskResponse> + Send + Sync + 'static {}

impl<D> Disk for D where D: Fn(DiskRequest, &CancellationToken) -> io::Result<DiskResponse> + Send + Sync + 'static {}

/// Data that isn't in memory, needed for a response.
#[derive(Clone, Debug)]
pub enum DiskRequest {
    /// The rendered page of an article.
    Article(Arc<PublishedArticle>),
    /// An archive of a feed, from what it contains.
    Archive(Arc<ArchiveContents>, Format),
    /// A file that a published article refers to.
    Media(ArticlePath),
    /// The bytes of a document, with its route.
    Document(Arc<str>, Arc<Resource>),
    /// Documents were evicted from memory. Those that aren't on the disk yet are saved if they take too much memory.
    SaveEvicted,
}

/// The response to a [`DiskRequest`].
#[derive(Debug)]
pub enum DiskResponse {
    /// A rendered page, and whether it can be served again from the cache.
    Page(BuiltDocument, Freshness),
    /// An open file.
    File {
        /// Read from its current position.
        file: File,
        /// The file's size in bytes.
        length: u64,
        /// Modification time, if the file system reports one.
        modified: Option<Timestamp>,
    },
    /// The bytes of a document.
    Document(Bytes),
    /// Evicted documents are saved as far as necessary.
    Saved,
}

/// Checks that the files a cached page was built from are unchanged.
#[derive(Clone)]
pub struct Freshness(Arc<dyn Fn() -> bool + Send + Sync>);

impl Freshness {
    /// Calls `is_fresh` before the page is served again.
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
