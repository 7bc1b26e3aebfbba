//! The changes of a feed: `changes.json` and `changes.stream` beside its documents.
//!
//! # What does a slow client cost?
//!
//! Nothing is queued for a client. Events are made when its connection has room for them, from what is public by then.

use std::sync::Arc;

use bytes::Bytes;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::{Method, Response, StatusCode};
use jiff::Timestamp;
use serde_json::json;

use super::change_log::ChangeLog;
use super::change_source::{Batch, ChangeSource, ChangesRequest, FEED_NAME, NoBatch};
use super::disk::Disk;
use super::event_stream::{EventStream, StreamState};
use super::headers::{NO_STORE, empty_response, short_response};
use super::request::RequestHead;

/// The position of a subscriber, in a request of `changes.stream`.
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// Tells nginx to pass events on at once.
const ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");
const JSON: HeaderValue = HeaderValue::from_static("application/json");
const EVENT_STREAM: HeaderValue = HeaderValue::from_static("text/event-stream");

/// The position that a request states. `None` if it states none, or an unknown one.
fn position(log: &ChangeLog, head: &RequestHead<'_>) -> Option<u64> {
    let field = head.headers.get(LAST_EVENT_ID).and_then(|id| id.to_str().ok());
    let parameters = head.uri.query().into_iter().flat_map(|query| query.split('&'));
    let parameter = || parameters.rev().find_map(|parameter| parameter.strip_prefix("since="));
    log.number(field.or_else(parameter)?)
}

/// The body of a response.
pub(super) enum ChangesBody {
    Memory(Bytes),
    Events(EventStream),
}

/// Responds to a request for the changes of a feed. Calls `start_streaming` before a stream. The error is the status of a refusal.
pub(super) async fn respond<D: Disk>(
    source: &Arc<ChangeSource<D>>,
    max_streams: usize,
    start_streaming: impl FnOnce(),
    request: ChangesRequest,
    head: &RequestHead<'_>,
    now: Timestamp,
) -> Result<Response<ChangesBody>, StatusCode> {
    let log = &source.log;
    let position = position(log, head);
    if request.is_stream {
        let mut response = empty_response(StatusCode::OK, now);
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, EVENT_STREAM);
        headers.insert(CACHE_CONTROL, NO_STORE);
        headers.insert(ACCEL_BUFFERING, HeaderValue::from_static("no"));
        if *head.method == Method::HEAD {
            return Ok(response.map(|()| ChangesBody::Memory(Bytes::new())));
        }
        // Half of the connections are for those who poll.
        let permit = log.open_stream(max_streams).ok_or(StatusCode::SERVICE_UNAVAILABLE)?;
        start_streaming();
        let state = StreamState::new(Arc::clone(source), request.feed, position, permit);
        return Ok(response.map(|()| ChangesBody::Events(EventStream::new(state))));
    }
    match source.batch(&request.feed, position).await {
        Ok(batch) => {
            let json = list(log, &batch).to_string();
            Ok(short_response(head, StatusCode::OK, JSON, json, now).map(ChangesBody::Memory))
        }
        Err(NoBatch::Ended) => Err(StatusCode::NOT_FOUND),
        Err(NoBatch::Busy) => Err(StatusCode::SERVICE_UNAVAILABLE),
    }
}

/// The answer of `changes.json`.
fn list(log: &ChangeLog, batch: &Batch) -> serde_json::Value {
    let changes: Vec<_> = batch.events.iter().flatten().map(|event| event.data.clone()).collect();
    json!({
        "feed": FEED_NAME,
        "reset": batch.events.is_none(),
        "changes": changes,
        "last": log.id(batch.last),
        "has_more": batch.has_more,
    })
}
