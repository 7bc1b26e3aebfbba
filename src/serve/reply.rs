//! The result of routing a request.

use bytes::Bytes;
use hyper::Response;

use super::archives::ArchiveDocument;
use super::change_source::ChangesRequest;
use super::disk::DiskRequest;
use super::representation::SelectedRepresentation;

/// A response, or a request for the data that the response needs.
#[derive(Debug)]
pub enum Reply {
    /// A complete response.
    Ready(Response<Bytes>),
    /// A complete response, and the document it was made from.
    Document(SelectedRepresentation, Response<Bytes>),
    /// A document to send in the selected coding. [`SelectedRepresentation::response`] makes the 200 from its bytes.
    NeedsBytes(SelectedRepresentation),
    /// An archive of a feed.
    NeedsArchive(ArchiveDocument),
    /// The changes of a feed.
    NeedsChanges(ChangesRequest),
    /// Something that isn't in memory. `responses::document` or `responses::file` makes the response.
    NeedsDisk(DiskRequest),
}

impl Reply {
    /// The document of this reply, if it has one.
    pub fn selected(&self) -> Option<&SelectedRepresentation> {
        match self {
            Reply::Document(selected, _) | Reply::NeedsBytes(selected) => Some(selected),
            Reply::Ready(_) | Reply::NeedsArchive(_) | Reply::NeedsChanges(_) | Reply::NeedsDisk(_) => None,
        }
    }
}
