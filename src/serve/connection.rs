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
use super::forwarded::{self, Introduction};
use super::handler::{Client, Shared, answer};
use super::listen::Audience;
use super::options::ServeOptions;
use super::stream::{Raw, Socket, Stream};
use super::timeouts::ConnectionPhase;
use super::tls::{H2, Tls};
use super::workers::Wanted;

/// The longest head of a request, its request line included (bytes); a longer one gets 431 from hyper, or 414 when the
/// target alone is too long.
const HEAD_LIMIT: u32 = 32 * 1024;
/// How much hyper buffers per connection and direction (bytes).
const BUFFER_LIMIT: usize = 64 * 1024;
/// How long to go on reading, and forgetting, what a client sends after we hung up.
const LINGER: Duration = Duration::from_secs(2);
/// Requests at a time on one connection of HTTP/2.
const STREAMS: u32 = 64;
/// Streams that a client may open and reset before we look at them (CVE-2023-44487); more end the connection.
const RESET_STREAMS: usize = 20;
/// What a client of HTTP/2 begins with (RFC 9113, section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// By which listener a client came in.
pub(super) struct Door {
    pub(super) audience: Audience,
    /// Whether it was open before this process was, so that its clients may have to wait for us.
    pub(super) is_inherited: bool,
}

/// Serves a connection until either side closes it. When the sender of `stop` is gone, the response under way is the last.
pub(super) async fn serve<D>(
    (socket, mut address): (Socket, Option<IpAddr>),
    Door { audience, is_inherited }: Door,
    standing: Arc<ConnectionPhase>,
    shared: Arc<Shared<D>>,
    stop: watch::Receiver<()>,
) where
    D: Fn(DiskRequest, &Wanted) -> io::Result<DiskResponse> + Send + Sync + 'static,
{
    let raw = Raw::new(socket, Arc::clone(&standing));
    let is_plain = matches!(audience, Audience::Admin)
        || (matches!(audience, Audience::Public) && !shared.options.http2 && !shared.options.proxies.protocol);
    // What is rare is boxed, so that a connection that waits takes little memory.
    let begun = match is_plain {
        true => Some((Stream::Clear(raw), false)),
        false => {
            let mut stop = stop.clone();
            let begin = Box::pin(begin(raw, &audience, &mut address, &shared.options));
            tokio::select! {
                biased;
                _ = stop.changed() => None,
                begun = begin => begun,
            }
        }
    };
    let Some((mut stream, speaks_http2)) = begun else { return };
    let is_operator = matches!(audience, Audience::Admin);
    let client = Arc::new(Client { address, is_operator, is_patient: is_inherited, standing, shared });
    let outcome = match speaks_http2 {
        true => Box::pin(many_at_once(&mut stream, client, stop)).await,
        false => one_by_one(&mut stream, client, stop).await,
    };
    match outcome {
        Err(error) if !error.is_parse() => tracing::debug!(%error, "connection ended early"),
        // A request that could not be parsed was answered too.
        _ => Box::pin(linger(&mut stream)).await,
    }
}

/// What comes before HTTP: a proxy's word about its client, TLS, and whether HTTP/2 is spoken.
async fn begin(
    mut raw: Raw,
    audience: &Audience,
    address: &mut Option<IpAddr>,
    options: &ServeOptions,
) -> Option<(Stream, bool)> {
    if options.proxies.protocol && options.proxies.include(*address) {
        match introduced(&mut raw).await {
            Ok(client) => *address = client.or(*address),
            Err(error) => {
                tracing::debug!(%error, "invalid PROXY header");
                return None;
            }
        }
    }
    match audience {
        Audience::Secure(tls) => secured(raw, tls, options).await,
        Audience::Public if options.http2 => {
            let speaks = begins_with_http2(&mut raw).await.ok()?;
            Some((Stream::Clear(raw), speaks))
        }
        Audience::Public | Audience::Admin => Some((Stream::Clear(raw), false)),
    }
}

/// Reads what a proxy says of its client.
async fn introduced(raw: &mut Raw) -> io::Result<Option<IpAddr>> {
    let mut said = BytesMut::with_capacity(256);
    loop {
        match forwarded::introduction(&said) {
            Introduction::Of { length, client } => {
                drop(said.split_to(length));
                raw.unread(said.freeze());
                return Ok(client);
            }
            Introduction::More if said.len() < forwarded::LONGEST => {}
            Introduction::More | Introduction::Broken => return Err(io::ErrorKind::InvalidData.into()),
        }
        if raw.read_buf(&mut said).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}

/// Shakes hands, and says whether HTTP/2 was agreed upon.
async fn secured(raw: Raw, tls: &Tls, options: &ServeOptions) -> Option<(Stream, bool)> {
    match tls.acceptor().accept(raw).await {
        Ok(stream) => {
            let speaks_http2 = stream.get_ref().1.alpn_protocol() == Some(H2);
            Some((Stream::Tls(Box::new(stream)), speaks_http2))
        }
        Err(error) => {
            options.meters.handshakes_failed.inc();
            tracing::debug!(%error, "TLS handshake failed");
            None
        }
    }
}

/// Whether a client begins with the preface of HTTP/2. What was read is given back.
async fn begins_with_http2(raw: &mut Raw) -> io::Result<bool> {
    let mut begun = BytesMut::with_capacity(1_024);
    while PREFACE.starts_with(&begun) && begun.len() < PREFACE.len() {
        if raw.read_buf(&mut begun).await? == 0 {
            break;
        }
    }
    let speaks = begun.starts_with(PREFACE);
    raw.unread(begun.freeze());
    Ok(speaks)
}

/// HTTP/1.
async fn one_by_one<D>(stream: &mut Stream, client: Arc<Client<D>>, mut stop: watch::Receiver<()>) -> hyper::Result<()>
where
    D: Fn(DiskRequest, &Wanted) -> io::Result<DiskResponse> + Send + Sync + 'static,
{
    let service = service_fn(|request| answer(Arc::clone(&client), request));
    // Never hyper-util's `auto`, which reads the first bytes without telling anybody.
    let connection = http1::Builder::new()
        .header_read_timeout(None)
        .max_header_size(usize::try_from(HEAD_LIMIT).unwrap_or(usize::MAX))
        .max_buf_size(BUFFER_LIMIT)
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
async fn many_at_once<D>(
    stream: &mut Stream,
    client: Arc<Client<D>>,
    mut stop: watch::Receiver<()>,
) -> hyper::Result<()>
where
    D: Fn(DiskRequest, &Wanted) -> io::Result<DiskResponse> + Send + Sync + 'static,
{
    let standing = &client.standing;
    standing.share();
    let service = service_fn(|request| answer(Arc::clone(&client), request));
    let connection = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(HEAD_LIMIT)
        .max_pending_accept_reset_streams(RESET_STREAMS)
        .max_send_buf_size(BUFFER_LIMIT)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    let mut is_ending = false;
    loop {
        let before = standing.progress();
        tokio::select! {
            outcome = connection.as_mut() => return outcome,
            _ = stop.changed(), if !is_ending => {
                connection.as_mut().graceful_shutdown();
                is_ending = true;
            }
            // Nobody is asked whether he lives: a ping would wait behind what a slow client has yet to take.
            () = sleep(client.shared.options.write_timeout) => {
                if standing.progress() == before {
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
    let ended = timeout(LINGER, poll_fn(|context| Pin::new(&mut *stream).poll_shutdown(context))).await;
    if !matches!(ended, Ok(Ok(()))) {
        return;
    }
    let raw = stream.raw();
    let forgotten = async {
        let mut scratch = [0; 4096];
        while raw.read(&mut scratch).await.is_ok_and(|length| length > 0) {}
    };
    // That the time is over is the usual end for clients that never hang up.
    let _ = timeout(LINGER, forgotten).await;
}
