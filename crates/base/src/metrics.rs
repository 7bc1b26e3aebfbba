//! Metrics of the running daemon. `serve::admin` exposes them.

use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use arc_swap::ArcSwap;
use bytes::Bytes;
use jiff::Timestamp;
use prometheus_client::encoding::{EncodeLabel, EncodeLabelSet, LabelSetEncoder};
pub use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

/// Histogram buckets for durations.
const DURATION_BUCKETS_SECONDS: [f64; 12] = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0];

/// Labels of responses.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct ResponseLabels {
    /// The kind of document: `rss`, `atom`, `json`, `opml`, `page`, `style`, `media`, `changes` or `other`.
    pub format: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// The content coding: `identity`, `gzip`, `br` or `zstd`.
    pub coding: &'static str,
}

impl EncodeLabelSet for ResponseLabels {
    fn encode(&self, encoder: &mut LabelSetEncoder<'_>) -> Result<(), std::fmt::Error> {
        ("format", self.format).encode(encoder.encode_label())?;
        ("status", u64::from(self.status)).encode(encoder.encode_label())?;
        ("coding", self.coding).encode(encoder.encode_label())
    }
}

/// A feed, named by the path of one of its documents: `/technology/rss.xml` stands for `/technology/`. All documents of a feed compare
/// equal.
#[derive(Clone, Debug)]
pub struct FeedLabel(pub Arc<str>);

impl FeedLabel {
    /// The path of the feed's page.
    pub fn path(&self) -> &str {
        self.0.rfind('/').and_then(|slash| self.0.get(..=slash)).unwrap_or_default()
    }
}

impl PartialEq for FeedLabel {
    fn eq(&self, other: &FeedLabel) -> bool {
        self.path() == other.path()
    }
}

impl Eq for FeedLabel {}

impl Hash for FeedLabel {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.path().hash(state);
    }
}

impl EncodeLabelSet for FeedLabel {
    fn encode(&self, encoder: &mut LabelSetEncoder<'_>) -> Result<(), std::fmt::Error> {
        ("section", self.path()).encode(encoder.encode_label())
    }
}

/// The result of a request to a subscriber.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct PushLabel(pub &'static str);

impl EncodeLabelSet for PushLabel {
    fn encode(&self, encoder: &mut LabelSetEncoder<'_>) -> Result<(), std::fmt::Error> {
        ("result", self.0).encode(encoder.encode_label())
    }
}

/// A hub, and the result of a request to it.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct HubLabel(pub Arc<str>, pub &'static str);

impl EncodeLabelSet for HubLabel {
    fn encode(&self, encoder: &mut LabelSetEncoder<'_>) -> Result<(), std::fmt::Error> {
        ("hub", &*self.0).encode(encoder.encode_label())?;
        ("result", self.1).encode(encoder.encode_label())
    }
}

/// The status of a hub that is told of changes, for operators.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HubStatus {
    /// The hub's URL.
    pub hub: Arc<str>,
    /// How many topics it has to be told of.
    pub waiting: usize,
    /// When a ping last succeeded.
    pub last_success: Option<Timestamp>,
    /// Why the last ping failed. `None` if it succeeded.
    pub last_error: Option<String>,
}

/// Metrics of WebSub.
#[derive(Debug, Default)]
pub struct PushMetrics {
    /// Subscriptions at the built-in hub.
    pub subscriptions: Gauge,
    /// Deliveries and verifications that wait.
    pub waiting: Gauge,
    /// Subscriptions whose last delivery failed.
    pub failing: Gauge,
    /// Attempts to deliver, by result.
    pub deliveries: Family<PushLabel, Counter>,
    /// Verifications of subscribers' requests, by result.
    pub verifications: Family<PushLabel, Counter>,
    /// Pings, by hub and result.
    pub pings: Family<HubLabel, Counter>,
    /// The hubs that are told of changes.
    pub hubs: ArcSwap<Vec<HubStatus>>,
}

/// How changes are currently detected.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct WatchStatus {
    /// The reason why removals are delayed, such as a Git operation in the content directory.
    pub removals_blocked_by: Option<String>,
    /// `events`, `poll` or `both`. Empty before the first scan.
    pub mode: &'static str,
    /// The reason for this mode.
    pub why: String,
}

/// Counts bytes in memory. Each byte counts until nobody holds it any more, not even a response to a slow client.
#[derive(Clone, Debug, Default)]
pub struct MemoryCounter(Gauge);

impl MemoryCounter {
    /// The current number of bytes.
    pub fn bytes(&self) -> usize {
        usize::try_from(self.0.get()).unwrap_or_default()
    }

    /// Returns the same bytes, counted until the last reference is dropped.
    pub fn counted(&self, bytes: Bytes) -> Bytes {
        let length = i64::try_from(bytes.len()).unwrap_or(i64::MAX);
        self.0.inc_by(length);
        Bytes::from_owner(CountedBytes { bytes, length, gauge: self.0.clone() })
    }
}

/// Bytes in memory, and the gauge that counts them.
struct CountedBytes {
    bytes: Bytes,
    length: i64,
    gauge: Gauge,
}

impl AsRef<[u8]> for CountedBytes {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for CountedBytes {
    fn drop(&mut self) {
        self.gauge.dec_by(self.length);
    }
}

/// All metrics.
#[derive(Debug)]
pub struct Metrics {
    /// Responses, by format, status and coding.
    pub responses: Family<ResponseLabels, Counter>,
    /// Responses made from documents, by feed.
    pub section_responses: Family<FeedLabel, Counter>,
    /// Bytes of response bodies.
    pub response_bytes: Counter,
    /// Open connections.
    pub connections: Gauge,
    /// Accepted connections.
    pub connections_accepted: Counter,
    /// Failures to accept a connection, mostly for lack of file descriptors.
    pub accept_failures: Counter,
    /// Failed TLS handshakes.
    pub tls_handshake_failures: Counter,
    /// Scans of the content directory or of one of its folders.
    pub scans: Counter,
    /// Overflows of the system's event queue.
    pub watch_overflows: Counter,
    /// Changes that a scan found without any event.
    pub changes_found_by_scan: Counter,
    /// Files checked by scans.
    pub files_scanned: Counter,
    /// Articles read.
    pub articles_read: Counter,
    /// 1 once the first scan is complete and its feeds are published. Documents of the last run don't count.
    pub ready: Gauge,
    /// Duration of the last full scan (seconds).
    pub scan_seconds: Gauge<f64, AtomicU64>,
    /// Interval between full scans (seconds).
    pub scan_interval: Gauge<f64, AtomicU64>,
    /// How changes are currently detected.
    pub watch_status: ArcSwap<WatchStatus>,
    /// The same of each other source, by its name.
    pub source_statuses: ArcSwap<BTreeMap<Arc<str>, WatchStatus>>,
    /// Time from the first hint of a change until readers see it (seconds).
    pub publish_seconds: Histogram,
    /// Time the engine took for an event (seconds).
    pub build_seconds: Histogram,
    /// Article pages built.
    pub pages_built: Counter,
    /// Documents read back from disk.
    pub documents_read: Counter,
    /// Bytes of documents in memory, content codings included.
    pub document_memory: MemoryCounter,
    /// Events waiting for the engine.
    pub event_queue: Gauge,
    /// Deliveries waiting.
    pub delivery_queue: Gauge,
    /// WebSub.
    pub push: PushMetrics,
    registry: Registry,
}

impl Default for Metrics {
    fn default() -> Metrics {
        let mut metrics = Metrics {
            responses: Family::default(),
            section_responses: Family::default(),
            response_bytes: Counter::default(),
            connections: Gauge::default(),
            connections_accepted: Counter::default(),
            accept_failures: Counter::default(),
            tls_handshake_failures: Counter::default(),
            scans: Counter::default(),
            watch_overflows: Counter::default(),
            changes_found_by_scan: Counter::default(),
            files_scanned: Counter::default(),
            articles_read: Counter::default(),
            ready: Gauge::default(),
            scan_seconds: Gauge::default(),
            scan_interval: Gauge::default(),
            watch_status: ArcSwap::default(),
            source_statuses: ArcSwap::default(),
            publish_seconds: Histogram::new(DURATION_BUCKETS_SECONDS),
            build_seconds: Histogram::new(DURATION_BUCKETS_SECONDS),
            pages_built: Counter::default(),
            documents_read: Counter::default(),
            document_memory: MemoryCounter::default(),
            event_queue: Gauge::default(),
            delivery_queue: Gauge::default(),
            push: PushMetrics::default(),
            registry: Registry::with_prefix("dateline"),
        };
        let registry = &mut metrics.registry;
        let mut counter = |name, help, counter: &Counter| registry.register(name, help, counter.clone());
        counter("response_bytes", "Bytes of response bodies", &metrics.response_bytes);
        counter("connections_accepted", "Connections accepted", &metrics.connections_accepted);
        counter(
            "accept_failures",
            "Failures to accept a connection, mostly for want of file descriptors",
            &metrics.accept_failures,
        );
        counter("tls_handshake_failures", "Failed TLS handshakes", &metrics.tls_handshake_failures);
        counter("scans", "Scans of the content directory, or of a folder in it", &metrics.scans);
        counter("watch_overflows", "Overflows of the system's queue of file events", &metrics.watch_overflows);
        counter("files_looked_at", "Files that scans examined", &metrics.files_scanned);
        counter("articles_read", "Article files read", &metrics.articles_read);
        counter("changes_found_by_scan", "Changes of files that only a scan found", &metrics.changes_found_by_scan);
        counter("pages_built", "Article pages built", &metrics.pages_built);
        counter("documents_read", "Documents read back from the disk", &metrics.documents_read);
        registry.register("requests", "Responses, by format, status and content coding", metrics.responses.clone());
        registry.register(
            "section_requests",
            "Responses that are documents of a feed, by the path of its page",
            metrics.section_responses.clone(),
        );
        for result in ["accepted", "failed", "gone", "cancelled", "unavailable"] {
            drop(metrics.push.deliveries.get_or_create(&PushLabel(result)));
        }
        for result in ["confirmed", "refused"] {
            drop(metrics.push.verifications.get_or_create(&PushLabel(result)));
        }
        let help = "Attempts to send a changed feed to a subscriber, by result";
        registry.register("websub_deliveries", help, metrics.push.deliveries.clone());
        let help = "Subscribers' requests whose intent was verified, by result";
        registry.register("websub_verifications", help, metrics.push.verifications.clone());
        registry.register("websub_pings", "Pings to other hubs, by hub and result", metrics.push.pings.clone());
        let mut gauge = |name, help, gauge: &Gauge| registry.register(name, help, gauge.clone());
        gauge("connections", "Open connections", &metrics.connections);
        gauge("ready", "1 once the first scan is complete and its feeds are published, else 0", &metrics.ready);
        gauge(
            "document_memory_bytes",
            "Bytes of documents in memory, compressed forms included",
            &metrics.document_memory.0,
        );
        gauge("event_queue", "Events waiting for the engine", &metrics.event_queue);
        gauge("delivery_queue", "Deliveries waiting to be written", &metrics.delivery_queue);
        gauge("websub_subscriptions", "Subscriptions at the built-in hub", &metrics.push.subscriptions);
        gauge("websub_waiting", "Deliveries and verifications of the built-in hub that wait", &metrics.push.waiting);
        let help = "Subscriptions at the built-in hub whose last delivery failed";
        gauge("websub_failing", help, &metrics.push.failing);
        let help = "Duration of the last scan of the whole content directory";
        registry.register("scan_seconds", help, metrics.scan_seconds.clone());
        let help = "Time from that scan to the next one, unless something causes one earlier";
        registry.register("scan_interval_seconds", help, metrics.scan_interval.clone());
        let help = "Time from the first event of a change until readers see it";
        registry.register("publish_seconds", help, metrics.publish_seconds.clone());
        registry.register("build_seconds", "Time that the engine took for an event", metrics.build_seconds.clone());
        metrics
    }
}

impl Metrics {
    /// The registry that Prometheus scrapes.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_count_until_their_last_holder_drops_them() {
        let counter = MemoryCounter::default();
        let bytes = counter.counted(vec![b'x'; 1_000].into());
        let sent = bytes.slice(10..20);
        drop(bytes);
        assert_eq!((counter.bytes(), &*sent), (1_000, &[b'x'; 10][..]));
        drop(sent);
        assert_eq!(counter.bytes(), 0);
    }
}
