//! What the routes answer: a response, or what is still needed to make it.

use bytes::Bytes;
use hyper::Response;

use super::disk::DiskRequest;
use super::representation::SelectedRepresentation;

/// What a request gets, or what is still needed for it.
#[derive(Debug)]
pub enum Reply {
    /// The answer.
    Ready(Response<Bytes>),
    /// The answer, and the document that it is made of.
    Document(SelectedRepresentation, Response<Bytes>),
    /// The document, which is not in memory in the coding that was chosen: [`Selected::make`] makes it of its bytes.
    NeedsBytes(SelectedRepresentation),
    /// Something that is not in memory. It is answered by [`answer::document`] or [`answer::file`].
    NeedsDisk(DiskRequest),
}

impl Reply {
    /// The document that it is made of, if it is.
    pub fn selected(&self) -> Option<&SelectedRepresentation> {
        match self {
            Reply::Document(selected, _) | Reply::NeedsBytes(selected) => Some(selected),
            Reply::Ready(_) | Reply::NeedsDisk(_) => None,
        }
    }
}
