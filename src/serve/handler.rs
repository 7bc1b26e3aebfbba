//! Handles one request: routes it, fetches what isn't in memory, counts and logs the response.
//!
//! # What happens to requests before the first publication?
//!
//! The snapshot then holds documents saved by the previous run. Each is verified before it is served. A request on an inherited socket
//! waits for the first publication if no saved document answers it; on other sockets it gets 503.
//!
//! # What if the snapshot changes while a response is made?
//!
//! The current snapshot decides. A page is sent only if its article is still published in the same version; a document that can't be read
//! any more is looked up again.

use std::convert::Infallible;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::Bytes;
use hyper::body::{Body, Incoming};
use hyper::header::{CONNECTION, HeaderValue};
use hyper::http::Version;
use hyper::{Method, Request, Response, StatusCode};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::access_log::LogRecord;
use super::change_source::{ChangeSource, ChangesRequest};
use super::changes::ChangesBody;
use super::counters::DocumentCounters;
use super::disk::{Disk, DiskRequest, DiskResponse};
use super::media::{FileBody, ResponseBody};
use super::options::ServeOptions;
use super::pages::{PageError, Pages, Subject};
use super::reply::Reply;
use super::representation::SelectedRepresentation;
use super::request::RequestHead;
use super::responses::{self, FileFacts};
use super::routes::respond;
use super::timeouts::ConnectionPhase;
use super::workers::{ThreadLimits, WorkError, Workers};
use super::{admin, changes, forwarded};
use crate::event::Query;
use crate::metrics::{Metrics, ResponseLabels};
use crate::parallel;
use crate::snapshot::{ResourceKind, Snapshot};
use crate::types::ArticlePath;

/// Threads that open and read files of the content directory. Its disk may be slow.
const FILE_THREADS: usize = 8;
/// Limits the queue of file jobs. Further requests get 503.
const MAX_WAITING_FILE_JOBS: usize = 4_096;
/// Limits the queue of pages to build. Further requests get 503.
const MAX_WAITING_PAGES: usize = 64;
/// How long a request waits for a page, for example while the content directory doesn't respond.
const PAGE_TIMEOUT: Duration = Duration::from_secs(60);
/// How often an article may change while its page is built before the request gets 503.
const MAX_PAGE_VERSIONS: usize = 3;

/// The state that all connections share.
pub(super) struct ServerState<D> {
    pub(super) snapshot: Arc<ArcSwap<Snapshot>>,
    pub(super) disk: Arc<D>,
    pub(super) options: ServeOptions,
    /// Limits the media files open at a time.
    open_files: Arc<Semaphore>,
    /// Threads that open and read files of the content directory.
    file_workers: Arc<Workers>,
    /// The pool that builds documents and pages, for documents: reads them back and encodes them.
    document_workers: Arc<Workers>,
    counters: DocumentCounters,
    changes: Option<Arc<ChangeSource<D>>>,
    pages: Pages,
}

impl<D> ServerState<D> {
    pub(super) fn new(snapshot: Arc<ArcSwap<Snapshot>>, disk: Arc<D>, options: ServeOptions) -> ServerState<D> {
        let files = Workers::start("files", FILE_THREADS, MAX_WAITING_FILE_JOBS);
        let cores = parallel::core_count();
        let documents = ThreadLimits { threads: cores.max(2), capacity: options.max_connections };
        // Publication comes first, so at most half of the cores build pages.
        let pages = ThreadLimits { threads: (cores / 2).max(1), capacity: MAX_WAITING_PAGES };
        let (document_workers, page_workers) = Workers::start_pool("on-demand", documents, pages);
        let document_workers = Arc::new(document_workers);
        let changes = options.changes.as_ref().map(|log| {
            let (snapshot, disk, workers) = (Arc::clone(&snapshot), Arc::clone(&disk), Arc::clone(&document_workers));
            let (documents, archives) = (Arc::clone(&options.documents), options.archives.clone());
            Arc::new(ChangeSource::new(Arc::clone(log), snapshot, disk, documents, archives, workers))
        });
        ServerState {
            snapshot,
            disk,
            open_files: Arc::new(Semaphore::new(options.max_files)),
            file_workers: Arc::new(files),
            document_workers,
            counters: DocumentCounters::default(),
            changes,
            pages: Pages::new(page_workers, &options.metrics),
            options,
        }
    }

    /// The response of a document, which is counted.
    fn document(&self, selected: &SelectedRepresentation, response: Response<Bytes>) -> Response<ResponseBody> {
        self.counters.count(&self.options.metrics, selected, response.status());
        in_memory(response)
    }
}

/// The client of a connection.
pub(super) struct Client<D> {
    /// Its IP address; `None` over a Unix socket.
    pub(super) address: Option<IpAddr>,
    pub(super) is_operator: bool,
    /// Whether its requests wait for the first publication.
    pub(super) waits_for_publication: bool,
    pub(super) phase: Arc<ConnectionPhase>,
    pub(super) server: Arc<ServerState<D>>,
}

/// Handles one request. Never fails: errors become responses.
pub(super) async fn handle<D>(
    client: Arc<Client<D>>,
    request: Request<Incoming>,
) -> Result<Response<ResponseBody>, Infallible>
where
    D: Disk,
{
    client.phase.start_responding();
    let (parts, body) = request.into_parts();
    // Only the hub uses a request body. Others aren't read, and the connection closes after the response.
    let mut has_body = !body.is_end_stream();
    let head = RequestHead { method: &parts.method, version: parts.version, uri: &parts.uri, headers: &parts.headers };
    let server = &*client.server;
    let ServerState { snapshot, options, .. } = server;
    if client.is_operator {
        return Ok(in_memory(admin::respond(&snapshot.load(), options, &head, (options.now)())));
    }
    let client_address = forwarded::client(head.headers, client.address, &options.proxies);
    let hub = options.hub.as_ref().and_then(|hub| Some((hub, hub.path(&snapshot.load().prefix, head.uri.path())?)));
    let is_hub = hub.is_some();
    let (mut reply, mut now) = match hub {
        Some((hub, path)) => {
            let is_ready = snapshot.load().generation > 0;
            let now = (options.now)();
            has_body = false;
            (Reply::Ready(Box::pin(hub.respond(path, &head, body, client_address, is_ready, now)).await), now)
        }
        None => route_request(snapshot, options, &head).await,
    };
    if !is_hub && client.waits_for_publication && is_too_early(&reply, snapshot, &head) {
        Box::pin(wait_for_publication(options)).await;
        (reply, now) = route_request(snapshot, options, &head).await;
    }
    let mut response = match reply {
        Reply::Ready(response) => in_memory(count_other(&options.metrics, "other", response)),
        Reply::Document(selected, response) => server.document(&selected, response),
        Reply::NeedsBytes(selected) => match refuse_refetch(&client, client_address, &selected, &head, now) {
            Some(refusal) => refusal,
            None => match options.documents.response(&selected, now) {
                Some(response) => server.document(&selected, response),
                None => Box::pin(document_response(&client, selected, &head, now)).await,
            },
        },
        Reply::NeedsDisk(DiskRequest::Article(article)) => {
            Box::pin(built_response(&client, Subject::Article(article), &head, now)).await
        }
        Reply::NeedsArchive(archive) => Box::pin(built_response(&client, Subject::Archive(archive), &head, now)).await,
        Reply::NeedsDisk(DiskRequest::Media(path)) => Box::pin(media_response(&client, path, &head, now)).await,
        Reply::NeedsChanges(request) => {
            let response = Box::pin(changes_response(&client, request, &head, now)).await;
            count_other(&options.metrics, "other", response)
        }
        // Routes never ask for these.
        Reply::NeedsDisk(DiskRequest::Archive(..) | DiskRequest::Document(..) | DiskRequest::SaveEvicted) => {
            error_response(&options.metrics, &head, StatusCode::INTERNAL_SERVER_ERROR, now)
        }
    };
    let bytes = if *head.method == Method::HEAD { 0 } else { response.body().size_hint().lower() };
    options.metrics.response_bytes.inc_by(bytes);
    if let Some(log) = &options.access_log {
        log.record(&head, &LogRecord { client: client_address, at: now, status: response.status(), bytes });
    }
    // HTTP/2 has no connection-specific fields (RFC 9113, section 8.2.2).
    if has_body && head.version < Version::HTTP_2 {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    Ok(response)
}

/// Routes a request. Returns the reply and its time.
async fn route_request(
    snapshot: &ArcSwap<Snapshot>,
    options: &ServeOptions,
    head: &RequestHead<'_>,
) -> (Reply, jiff::Timestamp) {
    let now = (options.now)();
    let (reply, is_saved) = {
        let snapshot = snapshot.load();
        (respond(&snapshot, head, now), snapshot.generation == 0)
    };
    match reply.selected() {
        Some(selected) if is_saved => Box::pin(reply_from_saved(snapshot, options, head, selected)).await,
        _ => (reply, now),
    }
}

/// The reply to a request for a saved document: the document if its verification succeeds, or the published document if there
/// is one by then.
async fn reply_from_saved(
    snapshot: &ArcSwap<Snapshot>,
    options: &ServeOptions,
    head: &RequestHead<'_>,
    selected: &SelectedRepresentation,
) -> (Reply, jiff::Timestamp) {
    let is_unchanged = options.verify.verify(&selected.route, selected.resource.kind).await;
    let now = (options.now)();
    let snapshot = snapshot.load();
    let reply = respond(&snapshot, head, now);
    let is_same = reply.selected().is_none_or(|again| Arc::ptr_eq(&again.resource, &selected.resource));
    match snapshot.generation > 0 || (is_unchanged && is_same) {
        true => (reply, now),
        false => (Reply::Ready(responses::error(head, StatusCode::SERVICE_UNAVAILABLE, now)), now),
    }
}

/// Whether the request got 503 only because nothing is published yet. False for `/readyz`, which reports exactly that.
fn is_too_early(reply: &Reply, snapshot: &ArcSwap<Snapshot>, head: &RequestHead<'_>) -> bool {
    let is_refusal = matches!(reply, Reply::Ready(response) if response.status() == StatusCode::SERVICE_UNAVAILABLE);
    is_refusal && snapshot.load().generation == 0 && !head.uri.path().ends_with("/readyz")
}

/// Waits for the first publication or the end of the daemon.
async fn wait_for_publication(options: &ServeOptions) {
    if let Some(mut first_publication) = options.first_publication.clone() {
        drop(first_publication.wait_for(|published| *published).await);
    }
}

/// Returns 429 if the client has fetched the same version of a feed too often.
fn refuse_refetch<D>(
    client: &Client<D>,
    client_address: Option<IpAddr>,
    selected: &SelectedRepresentation,
    head: &RequestHead<'_>,
    now: jiff::Timestamp,
) -> Option<Response<ResponseBody>> {
    let is_feed = matches!(selected.resource.kind, ResourceKind::Feed(_) | ResourceKind::ShownFeed(_));
    if !is_feed || *head.method != Method::GET {
        return None;
    }
    let ServeOptions { budgets, proxies, metrics, .. } = &client.server.options;
    if !budgets.applies_to(client_address, head.headers, forwarded::is_direct(head.headers, client.address, proxies)) {
        return None;
    }
    let seconds = budgets.charge(client_address, head.headers, &selected.route, selected.resource.hash, now).err()?;
    let response = responses::too_many_requests(head, seconds, now);
    Some(in_memory(count_other(metrics, selected.resource.kind.name(), response)))
}

/// Counts any other response.
fn count_other<B>(metrics: &Metrics, format: &'static str, response: Response<B>) -> Response<B> {
    let kind = ResponseLabels { format, status: response.status().as_u16(), coding: "identity" };
    metrics.responses.get_or_create(&kind).inc();
    response
}

/// Responds with a document that must be read or encoded first. If it can't be read, routes the request once more.
async fn document_response<D>(
    client: &Client<D>,
    selected: SelectedRepresentation,
    head: &RequestHead<'_>,
    now: jiff::Timestamp,
) -> Response<ResponseBody>
where
    D: Disk,
{
    let ServerState { snapshot, options, .. } = &*client.server;
    let resource = Arc::clone(&selected.resource);
    if let Some(response) = try_document_response(client, selected, now).await {
        return response;
    }
    let again = respond(&snapshot.load(), head, now);
    let response = match again {
        Reply::NeedsBytes(newer) => match options.documents.response(&newer, now) {
            Some(response) => Some(client.server.document(&newer, response)),
            None if !Arc::ptr_eq(&newer.resource, &resource) => try_document_response(client, newer, now).await,
            None => None,
        },
        Reply::Document(newer, response) => Some(client.server.document(&newer, response)),
        Reply::Ready(response) => Some(in_memory(count_other(&options.metrics, "other", response))),
        Reply::NeedsArchive(_) | Reply::NeedsChanges(_) | Reply::NeedsDisk(_) => None,
    };
    response.unwrap_or_else(|| error_response(&options.metrics, head, StatusCode::SERVICE_UNAVAILABLE, now))
}

/// Reads and encodes a document on a worker. Returns `None` if that fails.
async fn try_document_response<D>(
    client: &Client<D>,
    selected: SelectedRepresentation,
    now: jiff::Timestamp,
) -> Option<Response<ResponseBody>>
where
    D: Disk,
{
    let (disk, documents) = (Arc::clone(&client.server.disk), Arc::clone(&client.server.options.documents));
    let work = client.server.document_workers.try_submit(move |token| {
        // The reader logs the reason.
        let read =
            || match disk(DiskRequest::Document(Arc::clone(&selected.route), Arc::clone(&selected.resource)), token) {
                Ok(DiskResponse::Document(bytes)) => Some(bytes),
                _ => None,
            };
        let response = documents.response_or_load(&selected, read, now);
        // Saving documents doesn't affect this response.
        drop(disk(DiskRequest::SaveEvicted, token));
        response.map(|response| (selected, response))
    });
    // The panic hook has logged a panic.
    let made = work.ok()?.await.ok().flatten();
    made.map(|(selected, response)| client.server.document(&selected, response))
}

fn error_response(
    metrics: &Metrics,
    head: &RequestHead<'_>,
    status: StatusCode,
    now: jiff::Timestamp,
) -> Response<ResponseBody> {
    in_memory(count_other(metrics, "other", responses::error(head, status, now)))
}

/// Responds with what is built on demand: the page of an article, or an archive. The snapshot is consulted again once it is built.
async fn built_response<D>(
    client: &Client<D>,
    mut subject: Subject,
    head: &RequestHead<'_>,
    now: jiff::Timestamp,
) -> Response<ResponseBody>
where
    D: Disk,
{
    let server = &*client.server;
    let ServerState { snapshot, disk, options, file_workers, pages, .. } = server;
    let metrics = &options.metrics;
    for _ in 0..MAX_PAGE_VERSIONS {
        let request = async || match &subject {
            Subject::Article(article) => Ok(DiskRequest::Article(Arc::clone(article))),
            Subject::Archive(archive) => {
                let contents = options
                    .archives
                    .contents(Query::Archive(archive.address.clone()))
                    .await
                    .ok_or(PageError::Unknown)?;
                Ok(DiskRequest::Archive(contents, archive.format))
            }
        };
        let reply = timeout(PAGE_TIMEOUT, pages.reply(&subject, request, head, disk, file_workers, now)).await;
        let reply = reply.unwrap_or(Err(PageError::Busy));
        let current = match respond(&snapshot.load(), head, now) {
            Reply::NeedsDisk(DiskRequest::Article(article)) => Subject::Article(article),
            Reply::NeedsArchive(archive) => Subject::Archive(archive),
            Reply::Ready(response) => return in_memory(count_other(metrics, "other", response)),
            _ => break,
        };
        let is_current = match (&current, &subject) {
            (Subject::Article(current), Subject::Article(built)) => Arc::ptr_eq(current, built),
            (Subject::Archive(current), Subject::Archive(built)) => current == built,
            _ => false,
        };
        if is_current {
            return built_result_response(server, &subject, reply, head, now);
        }
        subject = current;
    }
    error_response(metrics, head, StatusCode::SERVICE_UNAVAILABLE, now)
}

fn built_result_response<D>(
    server: &ServerState<D>,
    subject: &Subject,
    reply: Result<Reply, PageError>,
    head: &RequestHead<'_>,
    now: jiff::Timestamp,
) -> Response<ResponseBody> {
    let metrics = &server.options.metrics;
    let status = match reply {
        Ok(Reply::Document(selected, response)) => return server.document(&selected, response),
        Ok(Reply::Ready(response)) => return in_memory(count_other(metrics, "page", response)),
        Ok(Reply::NeedsBytes(_) | Reply::NeedsArchive(_) | Reply::NeedsChanges(_) | Reply::NeedsDisk(_))
        | Err(PageError::Failed) => StatusCode::INTERNAL_SERVER_ERROR,
        Err(PageError::Busy | PageError::Unknown) => StatusCode::SERVICE_UNAVAILABLE,
        // The file was just removed or replaced; the watcher will report it.
        Err(PageError::Unreadable(error)) => {
            if let Subject::Article(article) = subject
                && error.kind() != io::ErrorKind::NotFound
            {
                tracing::warn!(path = %article.path, %error, "cannot read a published article");
            }
            StatusCode::SERVICE_UNAVAILABLE
        }
    };
    error_response(metrics, head, status, now)
}

/// Responds with the changes of a feed.
async fn changes_response<D>(
    client: &Client<D>,
    request: ChangesRequest,
    head: &RequestHead<'_>,
    now: jiff::Timestamp,
) -> Response<ResponseBody>
where
    D: Disk,
{
    let ServerState { changes, options, .. } = &*client.server;
    let metrics = &options.metrics;
    let Some(source) = changes else { return error_response(metrics, head, StatusCode::NOT_FOUND, now) };
    // Half of the connections are for those who poll.
    let max_streams = (options.max_connections / 2).max(1);
    let start_streaming = || client.phase.start_streaming();
    match changes::respond(source, max_streams, start_streaming, request, head, now).await {
        Ok(response) => count_other(metrics, "changes", response).map(|body| match body {
            ChangesBody::Memory(bytes) => ResponseBody::Memory(Some(bytes)),
            ChangesBody::Events(events) => ResponseBody::Events(events),
        }),
        Err(status) => error_response(metrics, head, status, now),
    }
}

/// Responds with a media file.
async fn media_response<D>(
    client: &Client<D>,
    path: ArticlePath,
    head: &RequestHead<'_>,
    now: jiff::Timestamp,
) -> Response<ResponseBody>
where
    D: Disk,
{
    let ServerState { disk, options, open_files, file_workers, .. } = &*client.server;
    let (disk, metrics) = (Arc::clone(disk), &options.metrics);
    // Each open file takes a file descriptor besides the connection's.
    let Ok(slot) = Arc::clone(open_files).try_acquire_owned() else {
        return error_response(metrics, head, StatusCode::SERVICE_UNAVAILABLE, now);
    };
    let request = DiskRequest::Media(path.clone());
    let opened = match file_workers.try_submit(move |token| disk(request, token)) {
        Ok(opening) => opening.await,
        Err(failure) => Err(failure),
    };
    match opened {
        Ok(Ok(DiskResponse::File { file, length, modified })) => {
            let (response, bytes) = responses::file(head, &path, FileFacts { length, modified }, now);
            let response = count_other(metrics, "media", response);
            match bytes {
                Some(bytes) => {
                    let (phase, workers) = (Arc::clone(&client.phase), Arc::clone(file_workers));
                    response.map(|_| ResponseBody::File(FileBody::new(file, bytes, phase, workers, slot)))
                }
                None => in_memory(response),
            }
        }
        Ok(Ok(DiskResponse::Page(..) | DiskResponse::Document(_) | DiskResponse::Saved)) => {
            error_response(metrics, head, StatusCode::INTERNAL_SERVER_ERROR, now)
        }
        Ok(Err(error)) if error.kind() == io::ErrorKind::NotFound => {
            error_response(metrics, head, StatusCode::NOT_FOUND, now)
        }
        Ok(Err(error)) => {
            tracing::warn!(%path, %error, "cannot read a published file");
            error_response(metrics, head, StatusCode::SERVICE_UNAVAILABLE, now)
        }
        Err(WorkError::Busy) => error_response(metrics, head, StatusCode::SERVICE_UNAVAILABLE, now),
        Err(WorkError::Panicked) => {
            tracing::error!(%path, "request for a file panicked");
            error_response(metrics, head, StatusCode::INTERNAL_SERVER_ERROR, now)
        }
    }
}

fn in_memory(response: Response<Bytes>) -> Response<ResponseBody> {
    response.map(|bytes| ResponseBody::Memory(Some(bytes)))
}
