//! Serves one connection: PROXY header, TLS, HTTP/1 or HTTP/2, and its graceful end.
//!
//! # Why not hyper-util's `auto` builder?
//!
//! It reads the first bytes itself, so [`ConnectionPhase`] would miss them.
//!
//! # Why no HTTP/2 keep-alive pings?
//!
//! A ping queues behind the data that a slow client has yet to read, so it says nothing about the client. A client whose requests make no
//! progress is asked to close the connection (GOAWAY), and then disconnected. Flow control can stall a response without any write being
//! blocked, so write timeouts alone don't suffice.
//!
//! # Why does a connection linger?
//!
//! Closing a socket with unread bytes resets the connection, and the reset may overtake the last response (RFC 9112, section 9.6). So the
//! server closes its direction only, and discards what still arrives for a while.

use std::future::poll_fn;
use std::io;
use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::BytesMut;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncReadExt, AsyncWrite};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::disk::Disk;
use super::forwarded::{self, ProxyHeader};
use super::handler::{Client, ServerState, handle};
use super::listener::Audience;
use super::options::ServeOptions;
use super::stream::{RawStream, Socket, Stream};
use super::timeouts::ConnectionPhase;
use super::tls::{H2, Tls};

/// Limits the head of a request, request line included. hyper responds 431 to a longer head, and 414 to a longer target.
const MAX_HEAD_BYTES: u32 = 32 * 1024;
/// Limits hyper's buffer per connection and direction.
const MAX_BUFFER_BYTES: usize = 64 * 1024;
/// How long a new connection that has sent nothing may take for its first bytes after the server was told to stop. Its client
/// connected while the server listened, so it must get an answer.
const FIRST_REQUEST_TIMEOUT: Duration = Duration::from_secs(1);
/// How long to discard what a client sends after the server closed its direction.
const LINGER_TIMEOUT: Duration = Duration::from_secs(2);
/// Limits the concurrent requests of an HTTP/2 connection.
const MAX_CONCURRENT_STREAMS: u32 = 64;
/// Limits the streams that a client may open and reset before they are accepted (CVE-2023-44487). More end the connection.
const MAX_PENDING_RESET_STREAMS: usize = 20;
/// The first bytes of an HTTP/2 client (RFC 9113, section 3.4).
const HTTP2_PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// The properties of a listener that its connections need.
pub(super) struct ListenerInfo {
    pub(super) audience: Audience,
    /// Whether the socket was open before this process started. Its clients may have to wait for the first publication.
    pub(super) is_inherited: bool,
}

/// Serves a connection until either side closes it. Once the sender of `stop` is dropped, the current response is the last.
pub(super) async fn serve<D>(
    (socket, mut address): (Socket, Option<IpAddr>),
    ListenerInfo { audience, is_inherited }: ListenerInfo,
    phase: Arc<ConnectionPhase>,
    server: Arc<ServerState<D>>,
    stop: watch::Receiver<()>,
) where
    D: Disk,
{
    let raw = RawStream::new(socket, Arc::clone(&phase));
    let is_plain = matches!(audience, Audience::Admin)
        || (matches!(audience, Audience::Public) && !server.options.http2 && !server.options.proxies.protocol);
    // Rarely needed futures are boxed, so that an idle connection takes little memory.
    let negotiated = match is_plain {
        true => Some((Stream::Clear(raw), false)),
        false => {
            let mut stop = stop.clone();
            let mut negotiate = Box::pin(negotiate(raw, &audience, &mut address, &server.options));
            tokio::select! {
                biased;
                _ = stop.changed() => timeout(FIRST_REQUEST_TIMEOUT, negotiate).await.ok().flatten(),
                negotiated = &mut negotiate => negotiated,
            }
        }
    };
    let Some((mut stream, is_http2)) = negotiated else { return };
    let is_operator = matches!(audience, Audience::Admin);
    let client = Arc::new(Client { address, is_operator, waits_for_publication: is_inherited, phase, server });
    let outcome = match is_http2 {
        true => Box::pin(serve_http2(&mut stream, client, stop)).await,
        false => serve_http1(&mut stream, client, stop).await,
    };
    match outcome {
        Err(error) if !error.is_parse() => tracing::debug!(%error, "connection ended early"),
        // hyper has responded to requests that it could not parse.
        _ => Box::pin(linger(&mut stream)).await,
    }
}

/// Reads what precedes HTTP: the PROXY header, the TLS handshake, and the choice of HTTP version. Returns whether it is HTTP/2;
/// `None` if the connection is unusable.
async fn negotiate(
    mut raw: RawStream,
    audience: &Audience,
    address: &mut Option<IpAddr>,
    options: &ServeOptions,
) -> Option<(Stream, bool)> {
    if options.proxies.protocol && options.proxies.include(*address) {
        match read_proxy_header(&mut raw).await {
            Ok(client) => *address = client.or(*address),
            Err(error) => {
                tracing::debug!(%error, "invalid PROXY header");
                return None;
            }
        }
    }
    match audience {
        Audience::Secure(tls) => accept_tls(raw, tls, options).await,
        Audience::Public if options.http2 => {
            let is_http2 = starts_with_http2_preface(&mut raw).await.ok()?;
            Some((Stream::Clear(raw), is_http2))
        }
        Audience::Public | Audience::Admin => Some((Stream::Clear(raw), false)),
    }
}

/// Reads the PROXY header and returns the client's address.
async fn read_proxy_header(raw: &mut RawStream) -> io::Result<Option<IpAddr>> {
    let mut header = BytesMut::with_capacity(256);
    loop {
        match forwarded::parse_proxy_header(&header) {
            ProxyHeader::Complete { length, client } => {
                drop(header.split_to(length));
                raw.push_back(header.freeze());
                return Ok(client);
            }
            ProxyHeader::Incomplete if header.len() < forwarded::MAX_PROXY_HEADER_BYTES => {}
            ProxyHeader::Incomplete | ProxyHeader::Invalid => return Err(io::ErrorKind::InvalidData.into()),
        }
        if raw.read_buf(&mut header).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}

/// Completes the TLS handshake. Returns whether ALPN selected HTTP/2.
async fn accept_tls(raw: RawStream, tls: &Tls, options: &ServeOptions) -> Option<(Stream, bool)> {
    match tls.acceptor().accept(raw).await {
        Ok(stream) => {
            let is_http2 = stream.get_ref().1.alpn_protocol() == Some(H2);
            Some((Stream::Tls(Box::new(stream)), is_http2))
        }
        Err(error) => {
            options.metrics.tls_handshake_failures.inc();
            tracing::debug!(%error, "TLS handshake failed");
            None
        }
    }
}

/// Whether the client starts with the HTTP/2 preface. The bytes read are pushed back.
async fn starts_with_http2_preface(raw: &mut RawStream) -> io::Result<bool> {
    let mut start = BytesMut::with_capacity(1_024);
    while HTTP2_PREFACE.starts_with(&start) && start.len() < HTTP2_PREFACE.len() {
        if raw.read_buf(&mut start).await? == 0 {
            break;
        }
    }
    let is_http2 = start.starts_with(HTTP2_PREFACE);
    raw.push_back(start.freeze());
    Ok(is_http2)
}

/// Serves HTTP/1 requests, one after the other.
async fn serve_http1<D>(stream: &mut Stream, client: Arc<Client<D>>, mut stop: watch::Receiver<()>) -> hyper::Result<()>
where
    D: Disk,
{
    let phase = Arc::clone(&client.phase);
    let service = service_fn(|request| handle(Arc::clone(&client), request));
    // Timeouts are enforced by `ConnectionPhase`.
    let connection = http1::Builder::new()
        .header_read_timeout(None)
        .max_header_size(usize::try_from(MAX_HEAD_BYTES).unwrap_or(usize::MAX))
        .max_buf_size(MAX_BUFFER_BYTES)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    tokio::select! {
        biased;
        // Polled first, so that a response completed at the same time still carries `Connection: close`.
        _ = stop.changed() => {
            // hyper would close a connection from which it has read nothing.
            let first_read = poll_fn(|context| match connection.as_mut().poll(context) {
                Poll::Ready(outcome) => Poll::Ready(Some(outcome)),
                Poll::Pending if phase.has_read() => Poll::Ready(None),
                Poll::Pending => Poll::Pending,
            });
            if let Ok(Some(outcome)) = timeout(FIRST_REQUEST_TIMEOUT, first_read).await {
                return outcome;
            }
            connection.as_mut().graceful_shutdown();
            connection.await
        }
        outcome = connection.as_mut() => outcome,
    }
}

/// Serves concurrent HTTP/2 requests. Disconnects a client whose requests make no progress for `write_timeout`.
async fn serve_http2<D>(stream: &mut Stream, client: Arc<Client<D>>, mut stop: watch::Receiver<()>) -> hyper::Result<()>
where
    D: Disk,
{
    let phase = &client.phase;
    phase.set_multiplexed();
    let service = service_fn(|request| handle(Arc::clone(&client), request));
    let connection = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .max_concurrent_streams(MAX_CONCURRENT_STREAMS)
        .max_header_list_size(MAX_HEAD_BYTES)
        .max_pending_accept_reset_streams(MAX_PENDING_RESET_STREAMS)
        .max_send_buf_size(MAX_BUFFER_BYTES)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    let mut is_ending = false;
    loop {
        let before = phase.progress_marker();
        tokio::select! {
            outcome = connection.as_mut() => return outcome,
            _ = stop.changed(), if !is_ending => {
                connection.as_mut().graceful_shutdown();
                is_ending = true;
            }
            () = sleep(client.server.options.write_timeout) => {
                if phase.progress_marker() == before {
                    if is_ending {
                        return Ok(());
                    }
                    connection.as_mut().graceful_shutdown();
                    is_ending = true;
                }
            }
        }
    }
}

/// Closes the connection without losing the last response.
async fn linger(stream: &mut Stream) {
    let ended = timeout(LINGER_TIMEOUT, poll_fn(|context| Pin::new(&mut *stream).poll_shutdown(context))).await;
    if !matches!(ended, Ok(Ok(()))) {
        return;
    }
    let raw = stream.raw();
    let discarded = async {
        let mut scratch = [0; 4096];
        while raw.read(&mut scratch).await.is_ok_and(|length| length > 0) {}
    };
    // Clients that never close run into this timeout.
    let _ = timeout(LINGER_TIMEOUT, discarded).await;
}
