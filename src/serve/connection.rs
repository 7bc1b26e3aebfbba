//! One connection, from its first byte to its last.

use std::convert::Infallible;
use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::{Body, Incoming};
use hyper::header::{CONNECTION, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::{Sleep, sleep, timeout};

use super::answer::{self, FileFacts, Uncoded};
use super::media::{Content, FileBody};
use super::respond::{Head, Reply, respond};
use super::{Demand, ServeOptions, Supply, coding};
use crate::snapshot::Snapshot;

/// The longest head of a request, its request line included (bytes); a longer one gets 431 from hyper, or 414 when the
/// target alone is too long.
const HEAD_LIMIT: usize = 32 * 1024;
/// How much hyper buffers per connection and direction (bytes).
const BUFFER_LIMIT: usize = 64 * 1024;
/// How long to go on reading, and forgetting, what a client sends after we hung up.
const LINGER: Duration = Duration::from_secs(2);

/// What all connections share.
pub(super) struct Shared<D> {
    pub(super) snapshot: Arc<ArcSwap<Snapshot>>,
    pub(super) disk: Arc<D>,
    pub(super) options: ServeOptions,
}

/// Serves a connection until either side closes it. When the sender of `stop` is gone, the response under way is the last.
pub(super) async fn serve<D>(stream: TcpStream, shared: Arc<Shared<D>>, mut stop: watch::Receiver<()>)
where
    D: Fn(Demand) -> io::Result<Supply> + Send + Sync + 'static,
{
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "cannot turn off Nagle's algorithm");
    }
    let mut stream = Stalling { stream, limit: shared.options.write_timeout, deadline: None };
    let outcome = {
        let service = service_fn(|request| answer(Arc::clone(&shared), request));
        // Never hyper-util's `auto`: it has no time limit while it waits for the first bytes.
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(shared.options.header_timeout)
            .max_header_size(HEAD_LIMIT)
            .max_buf_size(BUFFER_LIMIT)
            .serve_connection(TokioIo::new(&mut stream), service);
        let mut connection = pin!(connection);
        tokio::select! {
            outcome = connection.as_mut() => outcome,
            _ = stop.changed() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        }
    };
    match outcome {
        Err(error) if !error.is_parse() => tracing::debug!(%error, "a connection ended early"),
        // A request that could not be parsed was answered too.
        _ => linger(&mut stream.stream).await,
    }
}

/// Answers one request.
async fn answer<D>(shared: Arc<Shared<D>>, request: Request<Incoming>) -> Result<Response<Content>, Infallible>
where
    D: Fn(Demand) -> io::Result<Supply> + Send + Sync + 'static,
{
    // Nothing here wants a body, so none is read; what follows it on the connection could not be told from it.
    let has_body = !request.body().is_end_stream();
    let head =
        Head { method: request.method(), version: request.version(), uri: request.uri(), headers: request.headers() };
    let now = (shared.options.now)();
    let reply = respond(&shared.snapshot.load(), &head, now);
    let mut response = match reply {
        Reply::Ready(response) => in_memory(response),
        Reply::NeedsCoding(uncoded) => in_memory(code(uncoded, &head, now).await),
        Reply::NeedsDisk(demand) => fetch(Arc::clone(&shared.disk), demand, &head, now).await,
    };
    if has_body {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    Ok(response)
}

/// Encodes where threads may be busy for milliseconds.
async fn code(uncoded: Uncoded, head: &Head<'_>, now: jiff::Timestamp) -> Response<Bytes> {
    let resource = Arc::clone(&uncoded.resource);
    let coding = uncoded.coding;
    match spawn_blocking(move || coding::encoded(&resource, coding)).await {
        Ok(Some(bytes)) => uncoded.complete(bytes),
        Ok(None) | Err(_) => {
            tracing::error!(?coding, "a document could not be encoded");
            answer::refusal(head, StatusCode::SERVICE_UNAVAILABLE, now)
        }
    }
}

/// Asks for what is not in memory.
async fn fetch<D>(disk: Arc<D>, demand: Demand, head: &Head<'_>, now: jiff::Timestamp) -> Response<Content>
where
    D: Fn(Demand) -> io::Result<Supply> + Send + Sync + 'static,
{
    let path = match &demand {
        Demand::Article(article) => article.path.clone(),
        Demand::Media(path) => path.clone(),
    };
    match spawn_blocking(move || disk(demand)).await {
        Ok(Ok(Supply::Page(page))) => in_memory(match answer::document(head, &page, now) {
            Reply::NeedsCoding(uncoded) => code(uncoded, head, now).await,
            Reply::Ready(response) => response,
            Reply::NeedsDisk(_) => answer::refusal(head, StatusCode::INTERNAL_SERVER_ERROR, now),
        }),
        Ok(Ok(Supply::File { file, length, modified })) => {
            let (response, bytes) = answer::file(head, &path, FileFacts { length, modified }, now);
            match bytes {
                Some(bytes) => response.map(|_| Content::File(FileBody::new(file, bytes))),
                None => in_memory(response),
            }
        }
        Ok(Err(error)) if error.kind() == io::ErrorKind::NotFound => {
            in_memory(answer::refusal(head, StatusCode::NOT_FOUND, now))
        }
        Ok(Err(error)) => {
            tracing::warn!(%path, %error, "a published file cannot be read");
            in_memory(answer::refusal(head, StatusCode::SERVICE_UNAVAILABLE, now))
        }
        Err(error) => {
            tracing::error!(%path, %error, "a request ended in a panic");
            in_memory(answer::refusal(head, StatusCode::INTERNAL_SERVER_ERROR, now))
        }
    }
}

fn in_memory(response: Response<Bytes>) -> Response<Content> {
    response.map(|bytes| Content::Whole(Full::new(bytes)))
}

/// Hangs up without losing the last response: closing a socket with unread bytes in it resets the connection, and the reset
/// may overtake the response on its way (RFC 9112, section 9.6). So only our direction is closed, and what still comes is
/// thrown away for a while.
async fn linger(stream: &mut TcpStream) {
    if poll_fn(|context| Pin::new(&mut *stream).poll_shutdown(context)).await.is_err() {
        return;
    }
    let forgotten = async {
        let mut scratch = [0; 4096];
        loop {
            if stream.readable().await.is_err() {
                return;
            }
            match stream.try_read(&mut scratch) {
                Ok(0) => return,
                Err(error) if error.kind() != io::ErrorKind::WouldBlock => return,
                Ok(_) | Err(_) => {}
            }
        }
    };
    // That the time is over is the usual end for clients that never hang up.
    let _ = timeout(LINGER, forgotten).await;
}

/// A stream that fails when the client takes no byte for a while: hyper limits how long a client may talk, and nothing
/// limits how long it may refuse to listen.
struct Stalling {
    stream: TcpStream,
    limit: Duration,
    /// Set while a write waits.
    deadline: Option<Pin<Box<Sleep>>>,
}

impl Stalling {
    fn watch<T>(&mut self, written: Poll<io::Result<T>>, context: &mut Context<'_>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.deadline = None;
            return written;
        }
        let limit = self.limit;
        let deadline = self.deadline.get_or_insert_with(|| Box::pin(sleep(limit)));
        match deadline.as_mut().poll(context) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl AsyncRead for Stalling {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, into)
    }
}

impl AsyncWrite for Stalling {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.watch(written, context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.watch(written, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
