//! The bytes of a connection: over TCP or a Unix socket, in clear text or in TLS.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::server::TlsStream;

use super::timeouts::ConnectionPhase;

/// What connects to us.
#[derive(Debug)]
pub(super) enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// A socket that notes whether the client takes what it is sent.
#[derive(Debug)]
pub(super) struct Raw {
    socket: Socket,
    /// What was read already to see what is spoken.
    looked_at: Bytes,
    standing: Arc<ConnectionPhase>,
}

impl Raw {
    pub(super) fn new(socket: Socket, standing: Arc<ConnectionPhase>) -> Raw {
        Raw { socket, looked_at: Bytes::new(), standing }
    }

    /// Gives bytes back that were read too many.
    pub(super) fn unread(&mut self, bytes: Bytes) {
        self.looked_at = match self.looked_at.is_empty() {
            true => bytes,
            false => [bytes, std::mem::take(&mut self.looked_at)].concat().into(),
        };
    }

    fn note<T>(&self, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        match written {
            Poll::Ready(_) => self.standing.took(),
            Poll::Pending => self.standing.refuses(),
        }
        written
    }
}

/// A method of either kind of socket.
macro_rules! socket {
    ($raw:expr, $method:ident $(, $argument:expr)*) => {
        match &mut $raw.socket {
            Socket::Tcp(socket) => Pin::new(socket).$method($($argument),*),
            Socket::Unix(socket) => Pin::new(socket).$method($($argument),*),
        }
    };
}

impl AsyncRead for Raw {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.looked_at.is_empty() {
            return socket!(self, poll_read, context, into);
        }
        let length = self.looked_at.len().min(into.remaining());
        into.put_slice(self.looked_at.get(..length).unwrap_or_default());
        self.looked_at.advance(length);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Raw {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = socket!(self, poll_write, context, bytes);
        self.note(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = match slices {
            // The system has less to do for one.
            [slice] => socket!(self, poll_write, context, slice),
            _ => socket!(self, poll_write_vectored, context, slices),
        };
        self.note(written)
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

/// What HTTP is spoken over.
#[derive(Debug)]
pub(super) enum Stream {
    Clear(Raw),
    Tls(Box<TlsStream<Raw>>),
}

impl Stream {
    /// What is below TLS.
    pub(super) fn raw(&mut self) -> &mut Raw {
        match self {
            Stream::Clear(raw) => raw,
            Stream::Tls(stream) => stream.get_mut().0,
        }
    }
}

/// A method of what HTTP is spoken over.
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
