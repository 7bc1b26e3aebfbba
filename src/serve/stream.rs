//! The byte stream of a connection: TCP or a Unix socket, in clear text or over TLS.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::server::TlsStream;

use super::timeouts::ConnectionPhase;

/// A connected socket.
#[derive(Debug)]
pub(super) enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// A socket that records in its [`ConnectionPhase`] whether the client reads.
#[derive(Debug)]
pub(super) struct RawStream {
    socket: Socket,
    /// Bytes read while the protocol was detected. Read again first.
    read_ahead: Bytes,
    phase: Arc<ConnectionPhase>,
}

impl RawStream {
    pub(super) fn new(socket: Socket, phase: Arc<ConnectionPhase>) -> RawStream {
        RawStream { socket, read_ahead: Bytes::new(), phase }
    }

    /// Returns bytes to the front of the stream.
    pub(super) fn push_back(&mut self, bytes: Bytes) {
        self.read_ahead = match self.read_ahead.is_empty() {
            true => bytes,
            false => [bytes, std::mem::take(&mut self.read_ahead)].concat().into(),
        };
    }

    fn record<T>(&self, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        match written {
            Poll::Ready(_) => self.phase.record_write(),
            Poll::Pending => self.phase.record_blocked_write(),
        }
        written
    }
}

/// Calls a method on either kind of socket.
macro_rules! socket {
    ($raw:expr, $method:ident $(, $argument:expr)*) => {
        match &mut $raw.socket {
            Socket::Tcp(socket) => Pin::new(socket).$method($($argument),*),
            Socket::Unix(socket) => Pin::new(socket).$method($($argument),*),
        }
    };
}

impl AsyncRead for RawStream {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.read_ahead.is_empty() {
            let before = into.filled().len();
            let read = socket!(self, poll_read, context, into);
            if into.filled().len() > before {
                self.phase.record_read();
            }
            return read;
        }
        let length = self.read_ahead.len().min(into.remaining());
        into.put_slice(self.read_ahead.get(..length).unwrap_or_default());
        self.read_ahead.advance(length);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for RawStream {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = socket!(self, poll_write, context, bytes);
        self.record(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = match slices {
            // `write` is cheaper than `writev` for one slice.
            [slice] => socket!(self, poll_write, context, slice),
            _ => socket!(self, poll_write_vectored, context, slices),
        };
        self.record(written)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        socket!(self, poll_flush, context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        socket!(self, poll_shutdown, context)
    }
}

/// The transport of HTTP.
#[derive(Debug)]
pub(super) enum Stream {
    Clear(RawStream),
    Tls(Box<TlsStream<RawStream>>),
}

impl Stream {
    /// The socket below TLS.
    pub(super) fn raw(&mut self) -> &mut RawStream {
        match self {
            Stream::Clear(raw) => raw,
            Stream::Tls(stream) => stream.get_mut().0,
        }
    }
}

/// Calls a method on either kind of stream.
macro_rules! stream {
    ($stream:expr, $method:ident $(, $argument:expr)*) => {
        match &mut *$stream {
            Stream::Clear(stream) => Pin::new(stream).$method($($argument),*),
            Stream::Tls(stream) => Pin::new(&mut **stream).$method($($argument),*),
        }
    };
}

impl AsyncRead for Stream {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        stream!(self, poll_read, context, into)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        stream!(self, poll_write, context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        stream!(self, poll_write_vectored, context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Stream::Clear(stream) => stream.is_write_vectored(),
            Stream::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        stream!(self, poll_flush, context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        stream!(self, poll_shutdown, context)
    }
}
