//! A published document: its metadata, and its bytes while they are in memory.
//!
//! # What is a cold document?
//!
//! A document whose bytes are only on disk. Its hash, length and dates stay in memory, which is enough for a 304 or HEAD. Each content
//! coding is loaded, counted and evicted separately.
//!
//! # How is memory accounted?
//!
//! A [`MemoryCounter`] counts the bytes of documents in memory. `store::documents` evicts codings that weren't requested lately (the CLOCK
//! algorithm).
//!
//! # Why are header fields prepared here?
//!
//! A document changes once and is requested thousands of times. A request clones the prepared map and adds Date.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use arc_swap::{ArcSwapOption, Guard};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use jiff::Timestamp;

use crate::feed::Format;
use crate::metrics::Counter;
use crate::types::{ContentHash, Text};

/// A published document.
#[derive(Debug)]
pub struct Resource {
    /// Its kind.
    pub kind: ResourceKind,
    /// Its length in bytes.
    pub length: usize,
    /// The hash of its bytes.
    pub hash: ContentHash,
    /// When its content last changed; `None` if no date is known.
    pub last_modified: Option<Timestamp>,
    /// How long caches may keep it, in seconds.
    pub max_age: u32,
    /// For a feed's page: when its newest entry was published.
    pub newest: Option<Timestamp>,
    /// When its first entry expires. The document must not be served from then on.
    pub expires: Option<Timestamp>,
    /// The Link field (RFC 8288) of a page: its feeds.
    pub links: Option<Text>,
    /// Its responses in each content coding, created on first use.
    pub codings: Codings,
    /// Counts requests for its feed. Set by the first request.
    pub requests: OnceLock<Counter>,
    bytes: ArcSwapOption<IdentityBytes>,
    /// Counts its bytes in memory. Set when it enters the document store.
    counter: OnceLock<MemoryCounter>,
    /// Whether it is in the eviction clock.
    is_in_clock: AtomicBool,
    /// Whether its bytes are lost, so that the document must be built again.
    is_missing: AtomicBool,
}

/// The kind of a document.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ResourceKind {
    /// A feed document.
    Feed(Format),
    /// A feed document that browsers display with a style sheet.
    ShownFeed(Format),
    /// The style sheet of such feeds.
    Style,
    /// The list of all feeds.
    Opml,
    /// An HTML page.
    Page,
}

impl ResourceKind {
    /// The name used in metrics.
    pub fn name(self) -> &'static str {
        match self {
            ResourceKind::Feed(format) | ResourceKind::ShownFeed(format) => match format {
                Format::Rss => "rss",
                Format::Atom => "atom",
                Format::Json => "json",
            },
            ResourceKind::Style => "style",
            ResourceKind::Opml => "opml",
            ResourceKind::Page => "page",
        }
    }

    /// The Content-Type field.
    pub fn content_type(self) -> &'static str {
        match self {
            ResourceKind::Feed(format) | ResourceKind::ShownFeed(format @ Format::Json) => format.content_type(),
            ResourceKind::ShownFeed(Format::Rss | Format::Atom) => "application/xml; charset=utf-8",
            ResourceKind::Style => "text/css; charset=utf-8",
            ResourceKind::Opml => "text/x-opml; charset=utf-8",
            ResourceKind::Page => "text/html; charset=utf-8",
        }
    }
}

impl Resource {
    /// Creates a document with its bytes in memory.
    pub fn new(kind: ResourceKind, mut bytes: Vec<u8>, last_modified: Option<Timestamp>, max_age: u32) -> Resource {
        let hash = ContentHash::of(&bytes);
        // Excess capacity would be held for the document's lifetime.
        if bytes.capacity() - bytes.len() > bytes.len() / 8 {
            bytes.shrink_to_fit();
        }
        let resource = Resource::cold(kind, hash, bytes.len(), last_modified, max_age);
        resource.bytes.store(Some(Arc::new(IdentityBytes { bytes: bytes.into(), reservation: OnceLock::new() })));
        resource
    }

    /// Creates a document whose bytes are on disk.
    pub fn cold(
        kind: ResourceKind,
        hash: ContentHash,
        length: usize,
        last_modified: Option<Timestamp>,
        max_age: u32,
    ) -> Resource {
        Resource {
            kind,
            length,
            hash,
            last_modified,
            max_age,
            newest: None,
            expires: None,
            links: None,
            codings: Codings::default(),
            requests: OnceLock::new(),
            bytes: ArcSwapOption::empty(),
            counter: OnceLock::new(),
            is_in_clock: AtomicBool::new(false),
            is_missing: AtomicBool::new(false),
        }
    }

    /// Adds a Link field that announces feeds.
    #[must_use]
    pub fn with_feed_links(mut self, feeds: &[(Text, String, Format)]) -> Resource {
        let link = |(_, url, format): &(Text, String, Format)| {
            format!("<{url}>; rel=\"alternate\"; type=\"{}\"", format.media_type())
        };
        self.links = Some(feeds.iter().map(link).collect::<Vec<_>>().join(", "))
            .filter(|links| !links.is_empty())
            .map(|links| Text::line(&links));
        self
    }

    /// The unencoded bytes, if they are in memory.
    pub fn bytes(&self) -> Option<Bytes> {
        let held = self.bytes.load().as_ref().map(|held| held.bytes.clone());
        held.or_else(|| self.codings.identity.response.load().as_ref().map(|response| response.bytes.clone()))
    }

    /// The number of bytes in memory, in all codings.
    pub fn bytes_in_memory(&self) -> usize {
        let identity = self.bytes().map_or(0, |bytes| bytes.len());
        let codings = [&self.codings.gzip, &self.codings.brotli, &self.codings.zstd];
        let coded = |coded: &CodingSlot| coded.response.load().as_ref().map_or(0, |response| response.bytes.len());
        identity + codings.into_iter().map(coded).sum::<usize>()
    }

    /// A copy without the bytes. Enough for 304 and HEAD.
    #[must_use]
    pub fn without_bytes(&self) -> Resource {
        let cold = Resource::cold(self.kind, self.hash, self.length, self.last_modified, self.max_age);
        Resource { newest: self.newest, expires: self.expires, links: self.links.clone(), ..cold }
    }

    /// Counts the bytes until the last response that holds them is dropped. For documents outside the document store.
    pub fn count_until_dropped(&self, counter: &MemoryCounter) {
        if let Some(held) = &*self.bytes.load() {
            let bytes = counter.counted(held.bytes.clone());
            self.bytes.store(Some(Arc::new(IdentityBytes { bytes, reservation: OnceLock::new() })));
        }
    }

    /// Counts the bytes while they are in memory. For documents in the document store.
    pub fn count_memory(&self, counter: &MemoryCounter) {
        let counter = self.counter.get_or_init(|| counter.clone());
        if let Some(held) = &*self.bytes.load() {
            held.reservation.get_or_init(|| Arc::new(counter.reservation(held.bytes.len())));
        }
    }

    /// Whether the bytes in memory are counted.
    pub fn is_counted(&self) -> bool {
        self.counter.get().is_some()
    }

    /// Stores the body and fields of a 200 in a coding of this document.
    pub fn store_response(&self, coded: &CodingSlot, mut response: FullResponse) -> Arc<FullResponse> {
        let is_identity = std::ptr::eq(coded, &self.codings.identity);
        let held = self.bytes.load();
        response.reservation = match &*held {
            // The same memory is counted once.
            Some(held) if is_identity && held.bytes.as_ptr() == response.bytes.as_ptr() => {
                held.reservation.get().cloned()
            }
            _ => self.counter.get().map(|counter| Arc::new(counter.reservation(response.bytes.len()))),
        };
        coded.length.store(response.bytes.len(), Ordering::Relaxed);
        let response = Arc::new(response);
        coded.response.store(Some(Arc::clone(&response)));
        response
    }

    /// Evicts the codings that were not requested since the last call.
    pub fn evict_unrequested(&self) {
        for coded in self.codings.all() {
            if !coded.was_requested.swap(false, Ordering::Relaxed) {
                coded.response.store(None);
                if std::ptr::eq(coded, &self.codings.identity) {
                    self.bytes.store(None);
                }
            }
        }
    }

    /// Whether any coding is in memory.
    pub fn is_in_memory(&self) -> bool {
        self.bytes.load().is_some() || self.codings.all().into_iter().any(|coded| coded.response.load().is_some())
    }

    /// Marks the document as part of the eviction clock. Returns whether it wasn't before.
    pub fn enter_clock(&self) -> bool {
        !self.is_in_clock.swap(true, Ordering::AcqRel)
    }

    /// Marks the document as removed from the eviction clock.
    pub fn leave_clock(&self) {
        self.is_in_clock.store(false, Ordering::Release);
    }

    /// Sets whether the bytes are lost. Returns whether that changed.
    pub fn set_missing(&self, is_missing: bool) -> bool {
        self.is_missing.swap(is_missing, Ordering::Relaxed) != is_missing
    }
}

/// The unencoded bytes and their reservation.
#[derive(Debug)]
struct IdentityBytes {
    bytes: Bytes,
    reservation: OnceLock<Arc<MemoryReservation>>,
}

/// Counts the bytes of documents in memory.
#[derive(Clone, Debug, Default)]
pub struct MemoryCounter(Arc<AtomicUsize>);

impl MemoryCounter {
    /// The current number of bytes.
    pub fn bytes(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    /// Returns the same bytes, counted until the last reference is dropped.
    pub fn counted(&self, bytes: Bytes) -> Bytes {
        let reservation = self.reservation(bytes.len());
        Bytes::from_owner(CountedBytes { bytes, _reservation: reservation })
    }

    fn reservation(&self, bytes: usize) -> MemoryReservation {
        self.0.fetch_add(bytes, Ordering::Relaxed);
        MemoryReservation { counter: self.clone(), bytes }
    }
}

/// Bytes with their reservation.
struct CountedBytes {
    bytes: Bytes,
    _reservation: MemoryReservation,
}

impl AsRef<[u8]> for CountedBytes {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// Counts bytes until it is dropped.
#[derive(Debug)]
struct MemoryReservation {
    counter: MemoryCounter,
    bytes: usize,
}

impl Drop for MemoryReservation {
    fn drop(&mut self) {
        self.counter.0.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// The content codings of a document. Filled on first use; each is a function of the document, so all readers see the same bytes.
#[derive(Debug, Default)]
pub struct Codings {
    /// The bytes as they are, without a coding.
    pub identity: CodingSlot,
    /// `gzip`
    pub gzip: CodingSlot,
    /// `br`
    pub brotli: CodingSlot,
    /// `zstd`
    pub zstd: CodingSlot,
}

impl Codings {
    fn all(&self) -> [&CodingSlot; 4] {
        [&self.identity, &self.gzip, &self.brotli, &self.zstd]
    }
}

/// A document in one content coding.
#[derive(Debug, Default)]
pub struct CodingSlot {
    /// The header fields it shares with other documents.
    pub fields: OnceLock<Arc<HeaderTemplates>>,
    /// Counters of 304s and of 200s.
    pub response_counters: [OnceLock<Counter>; 2],
    /// Held while a thread encodes, so that other threads wait instead of encoding too.
    pub encode_lock: Mutex<()>,
    response: ArcSwapOption<FullResponse>,
    /// The encoded length; 0 while unknown.
    length: AtomicUsize,
    was_requested: AtomicBool,
}

impl CodingSlot {
    /// The stored 200, while it is in memory.
    pub fn response(&self) -> Guard<Option<Arc<FullResponse>>> {
        self.response.load()
    }

    /// Records a request for the eviction clock. Writes only once per round, so that processors don't contend for the flag.
    pub fn mark_requested(&self) {
        if !self.was_requested.load(Ordering::Relaxed) {
            self.was_requested.store(true, Ordering::Relaxed);
        }
    }

    /// The encoded length, if the document was ever encoded.
    pub fn length(&self) -> Option<usize> {
        Some(self.length.load(Ordering::Relaxed)).filter(|length| *length > 0)
    }
}

/// Header fields that documents share. Date and fields that differ per document have placeholders.
#[derive(Debug)]
pub struct HeaderTemplates {
    /// The fields of a 304.
    pub not_modified: HeaderMap,
    /// The fields of a 200.
    pub ok: HeaderMap,
}

/// The body of a 200 and the fields that differ per document.
#[derive(Debug)]
pub struct FullResponse {
    /// The body, encoded.
    pub bytes: Bytes,
    /// Content-Length
    pub length: HeaderValue,
    /// Last-Modified
    pub last_modified: Option<HeaderValue>,
    /// Link
    pub links: Option<HeaderValue>,
    reservation: Option<Arc<MemoryReservation>>,
}

impl FullResponse {
    /// Builds the body and fields of a 200.
    pub fn new(bytes: Bytes, last_modified: Option<HeaderValue>, links: Option<HeaderValue>) -> FullResponse {
        FullResponse { length: HeaderValue::from(bytes.len()), bytes, last_modified, links, reservation: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_counted_once_and_evicted_unless_requested() {
        let counter = MemoryCounter::default();
        let resource = Resource::new(ResourceKind::Opml, vec![b'x'; 1_000], None, 900);
        resource.count_memory(&counter);
        resource.count_memory(&counter);
        assert_eq!(counter.bytes(), 1_000);
        let identity = &resource.codings.identity;
        resource.store_response(identity, FullResponse::new(resource.bytes().unwrap(), None, None));
        assert_eq!(counter.bytes(), 1_000, "the same memory");
        let gzip = &resource.codings.gzip;
        resource.store_response(gzip, FullResponse::new(vec![b'z'; 100].into(), None, None));
        assert_eq!(counter.bytes(), 1_100);
        gzip.mark_requested();
        resource.evict_unrequested();
        assert_eq!((counter.bytes(), resource.bytes().is_some(), resource.is_in_memory()), (100, false, true));
        resource.evict_unrequested();
        assert_eq!((counter.bytes(), resource.is_in_memory(), gzip.length()), (0, false, Some(100)));
        resource.store_response(identity, FullResponse::new(vec![b'x'; 1_000].into(), None, None));
        assert_eq!((counter.bytes(), resource.bytes().is_some()), (1_000, true), "read back");
        drop(resource);
        assert_eq!(counter.bytes(), 0);
    }

    #[test]
    fn bytes_count_until_their_last_holder_drops_them() {
        let counter = MemoryCounter::default();
        let resource = Resource::new(ResourceKind::Page, vec![b'x'; 1_000], None, 900);
        resource.count_until_dropped(&counter);
        let sent = resource.bytes().unwrap().slice(10..20);
        drop(resource);
        assert_eq!((counter.bytes(), &*sent), (1_000, &[b'x'; 10][..]));
        drop(sent);
        assert_eq!(counter.bytes(), 0);
    }
}
