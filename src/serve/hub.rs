//! The address of the built-in WebSub hub. Reads requests and passes them on; the `push` module decides.

use std::fmt;
use std::future::poll_fn;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use hyper::body::{Body, Incoming};
use hyper::header::{ALLOW, HeaderValue, RETRY_AFTER};
use hyper::{Method, Response, StatusCode};
use jiff::Timestamp;
use tokio::time::timeout;

use super::budget::network;
use super::headers::{PLAIN_TEXT, empty_response, short_response};
use super::request::{RequestHead, has_valid_host};
use super::responses;
use crate::config::HUB_PATH;
use crate::websub::{HubRequest, MAX_REQUEST_BYTES, Refusal};

/// How long a client may take to send the body.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);
/// Retry-After for clients that send too much.
const RETRY_AFTER_LIMIT: HeaderValue = HeaderValue::from_static("60");
const ALLOWED_METHODS: HeaderValue = HeaderValue::from_static("POST, OPTIONS");

/// Limits a delivery to a canary subscription. No feed is larger.
const MAX_CANARY_BYTES: usize = 16 << 20;

/// The built-in hub and the callbacks of canary subscriptions, as the server sees them.
#[derive(Clone)]
pub struct HubEndpoint {
    has_path: Arc<dyn Fn(&HubPath) -> bool + Send + Sync>,
    ask: Arc<Ask>,
}

type Ask = dyn Fn(HubRequest) -> PendingAnswer + Send + Sync;

/// The pending answer: a body for 200, or none for 202.
pub type PendingAnswer = Pin<Box<dyn Future<Output = Result<Option<String>, Refusal>> + Send>>;

/// An address that requests are passed on from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum HubPath {
    /// The hub.
    Hub,
    /// The callback of a canary subscription, by its last segment.
    Canary(Arc<str>),
}

impl HubEndpoint {
    /// `has_path` says whether an address exists at the moment.
    pub fn new(
        has_path: impl Fn(&HubPath) -> bool + Send + Sync + 'static,
        ask: impl Fn(HubRequest) -> PendingAnswer + Send + Sync + 'static,
    ) -> HubEndpoint {
        HubEndpoint { has_path: Arc::new(has_path), ask: Arc::new(ask) }
    }

    /// The address that a request is for. Like all paths, it may lack the prefix of `site.url`.
    pub(super) fn path(&self, prefix: &str, path: &str) -> Option<HubPath> {
        let parse = |below: &str| match below.strip_prefix('/')?.strip_prefix(HUB_PATH)? {
            "" => Some(HubPath::Hub),
            below => below.strip_prefix('/').map(|token| HubPath::Canary(token.into())),
        };
        let found = parse(path).or_else(|| parse(path.strip_prefix(prefix)?));
        found.filter(|path| (self.has_path)(path))
    }

    /// Responds to a request for the hub.
    pub(super) async fn respond(
        &self,
        path: HubPath,
        head: &RequestHead<'_>,
        body: Incoming,
        client: Option<IpAddr>,
        is_ready: bool,
        now: Timestamp,
    ) -> Response<Bytes> {
        if !has_valid_host(head) {
            return responses::error(head, StatusCode::BAD_REQUEST, now);
        }
        match *head.method {
            Method::POST if is_ready => {}
            Method::GET if path != HubPath::Hub => {}
            Method::POST => return responses::error(head, StatusCode::SERVICE_UNAVAILABLE, now),
            Method::OPTIONS => {
                let mut response = empty_response(StatusCode::NO_CONTENT, now);
                response.headers_mut().insert(ALLOW, ALLOWED_METHODS);
                return response.map(|()| Bytes::new());
            }
            _ => {
                let text = "This is a WebSub hub. Subscribers send POST requests (https://www.w3.org/TR/websub/).\n";
                let mut response = short_response(head, StatusCode::METHOD_NOT_ALLOWED, PLAIN_TEXT, text, now);
                response.headers_mut().insert(ALLOW, ALLOWED_METHODS);
                return response;
            }
        }
        let (canary, max_bytes) = match path {
            HubPath::Hub => (None, MAX_REQUEST_BYTES),
            HubPath::Canary(token) => (Some(token), MAX_CANARY_BYTES),
        };
        let body = match timeout(BODY_TIMEOUT, read(body, max_bytes)).await {
            Ok(Ok(body)) => body,
            Ok(Err(status)) => return plain(head, status, "the request is too long or was cut off", now),
            Err(_) => return plain(head, StatusCode::REQUEST_TIMEOUT, "the request took too long", now),
        };
        let field = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let request = HubRequest {
            canary,
            query: head.uri.query().unwrap_or_default().to_owned(),
            signature: field("x-hub-signature"),
            content_type: field("content-type"),
            body,
            client: client.map(network),
        };
        match (self.ask)(request).await {
            Ok(Some(text)) => short_response(head, StatusCode::OK, PLAIN_TEXT, text, now),
            Ok(None) => plain(head, StatusCode::ACCEPTED, "accepted; the callback is asked whether it sent this", now),
            Err(Refusal { status, reason }) => {
                let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
                let mut response = plain(head, status, &reason, now);
                if matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) {
                    response.headers_mut().insert(RETRY_AFTER, RETRY_AFTER_LIMIT);
                }
                response
            }
        }
    }
}

impl fmt::Debug for HubEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HubEndpoint")
    }
}

fn plain(head: &RequestHead<'_>, status: StatusCode, text: &str, now: Timestamp) -> Response<Bytes> {
    short_response(head, status, PLAIN_TEXT, format!("{text}\n"), now)
}

/// Reads a body of at most `max_bytes`.
async fn read(mut body: Incoming, max_bytes: usize) -> Result<Bytes, StatusCode> {
    let mut bytes = BytesMut::new();
    while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        let frame = frame.map_err(|_| StatusCode::BAD_REQUEST)?;
        let Some(data) = frame.data_ref() else { continue };
        if bytes.len() + data.len() > max_bytes {
            return Err(StatusCode::PAYLOAD_TOO_LARGE);
        }
        bytes.extend_from_slice(data);
    }
    Ok(bytes.freeze())
}
