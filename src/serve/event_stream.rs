//! A response that sends events as they happen (<https://html.spec.whatwg.org/multipage/server-sent-events.html>).

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use serde_json::json;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::change_log::{ChangeLog, StreamPermit};
use super::change_source::{Batch, ChangeSource, FEED_NAME, NoBatch};
use super::disk::Disk;

/// A stream without events sends something after this time, so that proxies and clients know that it works.
const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(25);
/// How long a stream waits when the server is busy.
const BUSY_DELAY: Duration = Duration::from_secs(1);
/// How long a client should wait before it connects again, in milliseconds.
const RETRY_MS: u32 = 3_000;

/// The body of a stream of events. Events are made when the connection has room for them.
pub(super) struct EventStream(Option<Next>);

/// The next bytes, and the rest of the stream. `None` at its end.
type Next = Pin<Box<dyn Future<Output = Option<(Bytes, EventStream)>> + Send>>;

impl EventStream {
    pub(super) fn new<D: Disk>(state: StreamState<D>) -> EventStream {
        EventStream(Some(Box::pin(state.next())))
    }

    /// The next bytes.
    pub(super) fn poll_bytes(&mut self, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let Some(next) = &mut self.0 else { return Poll::Ready(None) };
        next.as_mut().poll(context).map(|ready| {
            let (bytes, rest) = ready?;
            *self = rest;
            Some(bytes)
        })
    }
}

impl fmt::Debug for EventStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EventStream")
    }
}

/// A stream between two answers.
pub(super) struct StreamState<D> {
    source: Arc<ChangeSource<D>>,
    feed: Arc<str>,
    published: watch::Receiver<Option<u64>>,
    /// The last row that the client knows of. `None`: the client has to fetch the feed.
    after: Option<u64>,
    is_new: bool,
    _permit: StreamPermit,
}

impl<D: Disk> StreamState<D> {
    pub(super) fn new(
        source: Arc<ChangeSource<D>>,
        feed: Arc<str>,
        after: Option<u64>,
        permit: StreamPermit,
    ) -> StreamState<D> {
        let published = source.log.follow();
        StreamState { source, feed, published, after, is_new: true, _permit: permit }
    }

    /// Waits for the next events or the next heartbeat. `None` when the server stops or the feed has ended.
    async fn next(mut self) -> Option<(Bytes, EventStream)> {
        loop {
            if !self.is_new && !self.wait_for_news().await {
                let heartbeat = position(&self.source.log, self.after);
                return Some(self.send(heartbeat));
            }
            // The server stops.
            if self.published.borrow_and_update().is_none() {
                return None;
            }
            let batch = match Box::pin(self.source.batch(&self.feed, self.after)).await {
                Ok(batch) => batch,
                Err(NoBatch::Ended) => return None,
                Err(NoBatch::Busy) => {
                    sleep(BUSY_DELAY).await;
                    continue;
                }
            };
            self.after = Some(batch.last);
            let text = batch.text.get_or_init(|| text(&self.source.log, &batch).into());
            if std::mem::take(&mut self.is_new) {
                let greeting = format!("retry: {RETRY_MS}\n{}", String::from_utf8_lossy(text));
                return Some(self.send(greeting));
            }
            if batch.events.as_ref().is_none_or(|events| !events.is_empty()) {
                let text = text.clone();
                return Some(self.send(text));
            }
        }
    }

    /// Waits until rows are published that the client doesn't know of, or the server stops. Returns `false` if a heartbeat is due before.
    async fn wait_for_news(&mut self) -> bool {
        let after = self.after;
        let has_news = |last: &Option<u64>| last.is_none_or(|last| after.is_none_or(|after| after < last));
        timeout(HEARTBEAT_INTERVAL, self.published.wait_for(has_news)).await.is_ok()
    }

    fn send(self, text: impl Into<Bytes>) -> (Bytes, EventStream) {
        (text.into(), EventStream::new(self))
    }
}

/// A block that sets the client's position and is no event.
fn position(log: &ChangeLog, number: Option<u64>) -> String {
    number.and_then(|number| log.id(number)).map_or_else(|| ":\n\n".to_owned(), |id| format!("id: {id}\n\n"))
}

/// The events of a batch, each with the position after it.
fn text(log: &ChangeLog, batch: &Batch) -> String {
    let mut text = String::new();
    let mut add = |kind: &str, number: u64, data: &serde_json::Value| {
        let id = log.id(number).map(|id| format!("id: {id}\n")).unwrap_or_default();
        text.push_str(&format!("{id}event: {kind}\ndata: {data}\n\n"));
    };
    match &batch.events {
        None => add("reset", batch.last, &json!({"type": "reset", "feed": FEED_NAME})),
        Some(events) => events.iter().for_each(|event| add(event.kind, event.number, &event.data)),
    }
    // Rows about other feeds follow the last event.
    text.push_str(&position(log, Some(batch.last)));
    text
}
