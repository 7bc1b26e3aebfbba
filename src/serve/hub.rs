//! The address of the built-in WebSub hub. Reads requests and passes them on; the `push` module decides.

use std::fmt;
use std::future::poll_fn;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use hyper::body::{Body, Incoming};
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
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

/// The built-in hub, as the server sees it.
#[derive(Clone)]
pub struct HubEndpoint {
    is_on: Arc<dyn Fn() -> bool + Send + Sync>,
    ask: Arc<Ask>,
}

type Ask = dyn Fn(HubRequest) -> PendingAnswer + Send + Sync;

/// The pending answer of the hub.
pub type PendingAnswer = Pin<Box<dyn Future<Output = Result<(), Refusal>> + Send>>;

impl HubEndpoint {
    /// `is_on` says whether the hub has its address at the moment.
    pub fn new(
        is_on: impl Fn() -> bool + Send + Sync + 'static,
        ask: impl Fn(HubRequest) -> PendingAnswer + Send + Sync + 'static,
    ) -> HubEndpoint {
        HubEndpoint { is_on: Arc::new(is_on), ask: Arc::new(ask) }
    }

    /// Whether a request is for the hub. Like all paths, the hub's may lack the prefix of `site.url`.
    pub(super) fn has_path(&self, prefix: &str, path: &str) -> bool {
        let is_hub = |below: &str| below.strip_prefix('/') == Some(HUB_PATH);
        (is_hub(path) || path.strip_prefix(prefix).is_some_and(is_hub)) && (self.is_on)()
    }

    /// Responds to a request for the hub.
    pub(super) async fn respond(
        &self,
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
        let body = match timeout(BODY_TIMEOUT, read(body)).await {
            Ok(Ok(body)) => body,
            Ok(Err(status)) => return plain(head, status, "the request is too long or was cut off", now),
            Err(_) => return plain(head, StatusCode::REQUEST_TIMEOUT, "the request took too long", now),
        };
        let content_type = head.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).map(str::to_owned);
        match (self.ask)(HubRequest { content_type, body, client: client.map(network) }).await {
            Ok(()) => plain(head, StatusCode::ACCEPTED, "accepted; the callback is asked whether it sent this", now),
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

/// Reads a body of at most [`MAX_REQUEST_BYTES`].
async fn read(mut body: Incoming) -> Result<Bytes, StatusCode> {
    let mut bytes = BytesMut::new();
    while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        let frame = frame.map_err(|_| StatusCode::BAD_REQUEST)?;
        let Some(data) = frame.data_ref() else { continue };
        if bytes.len() + data.len() > MAX_REQUEST_BYTES {
            return Err(StatusCode::PAYLOAD_TOO_LARGE);
        }
        bytes.extend_from_slice(data);
    }
    Ok(bytes.freeze())
}
