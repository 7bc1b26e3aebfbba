//! Media files of published articles: their types, and response bodies that stream them.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use hyper::header::HeaderValue;
use tokio::sync::OwnedSemaphorePermit;

use super::event_stream::EventStream;
use super::timeouts::ConnectionPhase;
use super::workers::{Pending, Workers};
use crate::types::{ArticlePath, media_type};

/// How long caches may keep a file. Editors replace pictures under the same name.
pub(super) const MAX_AGE_SECONDS: u32 = 300;

/// The Content-Security-Policy of files that may contain scripts.
pub(super) const SANDBOX_POLICY: HeaderValue =
    HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox");

/// The media type by extension. Unknown extensions are `application/octet-stream`, which browsers save and never run.
pub(super) fn content_type(path: &ArticlePath) -> &'static str {
    media_type(path.extension()).unwrap_or("application/octet-stream")
}

/// Whether a browser runs scripts in the file when it is opened directly.
pub(super) fn is_active(path: &ArticlePath) -> bool {
    content_type(path) == "image/svg+xml"
}

/// The body of a response.
#[derive(Debug)]
pub(super) enum ResponseBody {
    /// Bytes in memory, shared without copying.
    Memory(Option<Bytes>),
    /// A file, read as fast as the client reads.
    File(FileBody),
    /// Events, as they happen.
    Events(EventStream),
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        match &mut *self {
            ResponseBody::Memory(bytes) => {
                Poll::Ready(bytes.take().filter(|bytes| !bytes.is_empty()).map(|bytes| Ok(Frame::data(bytes))))
            }
            ResponseBody::File(file) => file.poll_chunk(context).map(|chunk| chunk.map(|read| read.map(Frame::data))),
            ResponseBody::Events(events) => {
                events.poll_bytes(context).map(|bytes| bytes.map(|bytes| Ok(Frame::data(bytes))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            ResponseBody::Memory(bytes) => bytes.as_ref().is_none_or(Bytes::is_empty),
            ResponseBody::File(file) => file.remaining == 0,
            ResponseBody::Events(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            ResponseBody::Memory(bytes) => {
                SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| u64::try_from(bytes.len()).unwrap_or(u64::MAX)))
            }
            ResponseBody::File(file) => SizeHint::with_exact(file.remaining),
            ResponseBody::Events(_) => SizeHint::default(),
        }
    }
}

/// The part of a file that is still to be sent.
#[derive(Debug)]
pub(super) struct FileBody {
    /// Bytes still to be sent. The file may grow meanwhile, but Content-Length has been sent.
    remaining: u64,
    /// The offset of the next byte.
    offset: u64,
    state: FileState,
    phase: Arc<ConnectionPhase>,
    workers: Arc<Workers>,
    _slot: OwnedSemaphorePermit,
}

#[derive(Debug)]
enum FileState {
    Open(File),
    /// A read on a worker. If the client disconnects, the worker closes the file.
    Reading(Pending<io::Result<(File, Bytes)>>),
    Failed,
}

impl FileBody {
    /// Bytes per read.
    const CHUNK_BYTES: u64 = 64 * 1024;

    /// Streams a range of `file`. Releases `slot` when the body is dropped.
    pub(super) fn new(
        file: File,
        bytes: Range<u64>,
        phase: Arc<ConnectionPhase>,
        workers: Arc<Workers>,
        slot: OwnedSemaphorePermit,
    ) -> FileBody {
        let remaining = bytes.end.saturating_sub(bytes.start);
        FileBody { remaining, offset: bytes.start, state: FileState::Open(file), phase, workers, _slot: slot }
    }

    /// Reads the next bytes. A file shorter than promised is an error that ends the connection, so that the client notices.
    fn poll_chunk(&mut self, context: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        if self.remaining == 0 {
            return Poll::Ready(None);
        }
        let mut reading = match std::mem::replace(&mut self.state, FileState::Failed) {
            FileState::Failed => return Poll::Ready(None),
            FileState::Reading(reading) => reading,
            FileState::Open(file) => {
                let wanted = self.remaining.min(FileBody::CHUNK_BYTES);
                let offset = self.offset;
                // There is at most one read per open file.
                match self.workers.submit(move |_| read_chunk(file, offset, wanted)) {
                    Ok(reading) => reading,
                    Err(_) => return Poll::Ready(Some(Err(io::ErrorKind::BrokenPipe.into()))),
                }
            }
        };
        let Poll::Ready(read) = Pin::new(&mut reading).poll(context) else {
            self.state = FileState::Reading(reading);
            // The client isn't responsible for a slow disk.
            self.phase.start_responding();
            return Poll::Pending;
        };
        let read = read.map_err(|_| io::Error::other("reading ended in a panic")).flatten();
        Poll::Ready(Some(read.map(|(file, chunk)| {
            let length = u64::try_from(chunk.len()).unwrap_or(u64::MAX);
            self.remaining = self.remaining.saturating_sub(length);
            self.offset = self.offset.saturating_add(length);
            self.state = FileState::Open(file);
            chunk
        })))
    }
}

/// Reads at least one byte and at most `wanted`.
fn read_chunk(file: File, offset: u64, wanted: u64) -> io::Result<(File, Bytes)> {
    let mut chunk = vec![0; usize::try_from(wanted).unwrap_or_default()];
    let length = file.read_at(&mut chunk, offset)?;
    chunk.truncate(length);
    if chunk.is_empty() {
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the file was cut short while it was served"));
    }
    Ok((file, chunk.into()))
}
