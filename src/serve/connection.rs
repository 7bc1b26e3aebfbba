//! One connection, from its first byte to its last. Long because both versions of HTTP hand their requests on here.

use std::future::poll_fn;
use std::io;
use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncReadExt, AsyncWrite};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::disk::{DiskRequest, DiskResponse};
use super::forwarded::{self, ProxyHeader};
use super::handler::{Client, ServerState, handle};
use super::listener::Audience;
use super::options::ServeOptions;
use super::stream::{RawStream, Socket, Stream};
use super::timeouts::ConnectionPhase;
use super::tls::{H2, Tls};
use super::workers::CancellationToken;

/// The longest head of a request, its request line included (bytes); a longer one gets 431 from hyper, or 414 when the
/// target alone is too long.
const MAX_HEAD_BYTES: u32 = 32 * 1024;
/// How much hyper buffers per connection and direction (bytes).
const MAX_BUFFER_BYTES: usize = 64 * 1024;
/// How long to go on reading, and forgetting, what a client sends after we hung up.
const LINGER_TIMEOUT: Duration = Duration::from_secs(2);
/// Requests at a time on one connection of HTTP/2.
const MAX_CONCURRENT_STREAMS: u32 = 64;
/// Streams that a client may open and reset before we look at them (CVE-2023-44487); more end the connection.
const MAX_PENDING_RESET_STREAMS: usize = 20;
/// What a client of HTTP/2 begins with (RFC 9113, section 3.4).
const HTTP2_PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// By which listener a client came in.
pub(super) struct ListenerInfo {
    pub(super) audience: Audience,
    /// Whether it was open before this process was, so that its clients may have to wait for us.
    pub(super) is_inherited: bool,
}

/// Serves a connection until either side closes it. When the sender of `stop` is gone, the response under way is the last.
pub(super) async fn serve<D>(
    (socket, mut address): (Socket, Option<IpAddr>),
    ListenerInfo { audience, is_inherited }: ListenerInfo,
    phase: Arc<ConnectionPhase>,
    shared: Arc<ServerState<D>>,
    stop: watch::Receiver<()>,
) where
    D: Fn(DiskRequest, &CancellationToken) -> io::Result<DiskResponse> + Send + Sync + 'static,
{
    let raw = RawStream::new(socket, Arc::clone(&phase));
    let is_plain = matches!(audience, Audience::Admin)
        || (matches!(audience, Audience::Public) && !shared.options.http2 && !shared.options.proxies.protocol);
    // What is rare is boxed, so that a connection that waits takes little memory.
    let negotiated = match is_plain {
        true => Some((Stream::Clear(raw), false)),
        false => {
            let mut stop = stop.clone();
            let negotiate = Box::pin(negotiate(raw, &audience, &mut address, &shared.options));
            tokio::select! {
                biased;
                _ = stop.changed() => None,
                negotiated = negotiate => negotiated,
            }
        }
    };
    let Some((mut stream, is_http2)) = negotiated else { return };
    let is_operator = matches!(audience, Audience::Admin);
    let client = Arc::new(Client { address, is_operator, waits_for_publication: is_inherited, phase, shared });
    let outcome = match is_http2 {
        true => Box::pin(serve_http2(&mut stream, client, stop)).await,
        false => serve_http1(&mut stream, client, stop).await,
    };
    match outcome {
        Err(error) if !error.is_parse() => tracing::debug!(%error, "connection ended early"),
        // A request that could not be parsed was answered too.
        _ => Box::pin(linger(&mut stream)).await,
    }
}

/// What comes before HTTP: a proxy's word about its client, TLS, and whether HTTP/2 is spoken.
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

/// Reads what a proxy says of its client.
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

/// Shakes hands, and says whether HTTP/2 was agreed upon.
async fn accept_tls(raw: RawStream, tls: &Tls, options: &ServeOptions) -> Option<(Stream, bool)> {
    match tls.acceptor().accept(raw).await {
        Ok(stream) => {
            let is_http2 = stream.get_ref().1.alpn_protocol() == Some(H2);
            Some((Stream::Tls(Box::new(stream)), is_http2))
        }
        Err(error) => {
            options.metrics.handshakes_failed.inc();
            tracing::debug!(%error, "TLS handshake failed");
            None
        }
    }
}

/// Whether a client begins with the preface of HTTP/2. What was read is given back.
async fn starts_with_http2_preface(raw: &mut RawStream) -> io::Result<bool> {
    let mut negotiated = BytesMut::with_capacity(1_024);
    while HTTP2_PREFACE.starts_with(&negotiated) && negotiated.len() < HTTP2_PREFACE.len() {
        if raw.read_buf(&mut negotiated).await? == 0 {
            break;
        }
    }
    let is_http2 = negotiated.starts_with(HTTP2_PREFACE);
    raw.push_back(negotiated.freeze());
    Ok(is_http2)
}

/// HTTP/1.
async fn serve_http1<D>(stream: &mut Stream, client: Arc<Client<D>>, mut stop: watch::Receiver<()>) -> hyper::Result<()>
where
    D: Fn(DiskRequest, &CancellationToken) -> io::Result<DiskResponse> + Send + Sync + 'static,
{
    let service = service_fn(|request| handle(Arc::clone(&client), request));
    // Never hyper-util's `auto`, which reads the first bytes without telling anybody.
    let connection = http1::Builder::new()
        .header_read_timeout(None)
        .max_header_size(usize::try_from(MAX_HEAD_BYTES).unwrap_or(usize::MAX))
        .max_buf_size(MAX_BUFFER_BYTES)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    tokio::select! {
        biased;
        // First, so that a response that is ready at the same moment says that it is the last.
        _ = stop.changed() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
        outcome = connection.as_mut() => outcome,
    }
}

/// HTTP/2. A client whose requests come to nothing for a while, since it sends none or takes no answer, is asked to end, and
/// then cut off: its windows can stop us where no write ever waits.
async fn serve_http2<D>(stream: &mut Stream, client: Arc<Client<D>>, mut stop: watch::Receiver<()>) -> hyper::Result<()>
where
    D: Fn(DiskRequest, &CancellationToken) -> io::Result<DiskResponse> + Send + Sync + 'static,
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
            // Nobody is asked whether he lives: a ping would wait behind what a slow client has yet to take.
            () = sleep(client.shared.options.write_timeout) => {
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

/// Hangs up without losing the last response: closing a socket with unread bytes in it resets the connection, and the reset
/// may overtake the response on its way (RFC 9112, section 9.6). So only our direction is closed, and what still comes is
/// thrown away for a while.
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
    // That the time is over is the usual end for clients that never hang up.
    let _ = timeout(LINGER_TIMEOUT, discarded).await;
}
