//! One document: all that HTTP needs to know of it, and its bytes while they are in memory.
//!
//! A document is warm or cold. Cold, it still has its hash, length and dates, which is all that a 304 or HEAD needs; its bytes are
//! where the shell wrote them. What is in memory is counted in a [`MemoryCounter`]; what nobody asks for is let go, piece by piece: the
//! document as it is and each of its codings is a piece.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use arc_swap::{ArcSwapOption, Guard};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use jiff::Timestamp;

use crate::feed::Format;
use crate::metrics::Counter;
use crate::types::{ContentHash, Text};

/// One document.
#[derive(Debug)]
pub struct Resource {
    /// What it is.
    pub kind: ResourceKind,
    /// How many bytes it has.
    pub length: usize,
    /// Of its bytes.
    pub hash: ContentHash,
    /// When the content last changed; `None` while nothing dates it.
    pub last_modified: Option<Timestamp>,
    /// How long a cache may keep it (seconds).
    pub max_age: u32,
    /// When the newest of its entries was published, of the page of a feed.
    pub newest: Option<Timestamp>,
    /// When the first of its entries expires: from then on nobody may be shown these bytes.
    pub until: Option<Timestamp>,
    /// Where else what it is about is, as a Link field says it (RFC 8288): of a page, its feeds.
    pub links: Option<Text>,
    /// The answers in each content coding, made on first use.
    pub codings: Codings,
    /// Where requests for its feed are counted, once one came.
    pub requests: OnceLock<Counter>,
    bytes: ArcSwapOption<Held>,
    /// Where its bytes in memory are counted, once somebody counts.
    tally: OnceLock<MemoryCounter>,
    circulates: AtomicBool,
    lost: AtomicBool,
}

/// What a resource is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ResourceKind {
    /// A feed document.
    Feed(Format),
    /// A feed document that browsers are to show, in its style sheet.
    ShownFeed(Format),
    /// The style sheet of such feeds.
    Style,
    /// The list of all feeds.
    Opml,
    /// A page for people.
    Page,
}

impl ResourceKind {
    /// What metrics call it.
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

    /// The Content-Type header.
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
    /// A document of these bytes.
    pub fn new(kind: ResourceKind, mut bytes: Vec<u8>, last_modified: Option<Timestamp>, max_age: u32) -> Resource {
        let hash = ContentHash::of(&bytes);
        // Room that a growing text left at its end would be taken for as long as the document lives.
        if bytes.capacity() - bytes.len() > bytes.len() / 8 {
            bytes.shrink_to_fit();
        }
        let resource = Resource::cold(kind, hash, bytes.len(), last_modified, max_age);
        resource.bytes.store(Some(Arc::new(Held { bytes: bytes.into(), share: OnceLock::new() })));
        resource
    }

    /// A document whose bytes are elsewhere.
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
            until: None,
            links: None,
            codings: Codings::default(),
            requests: OnceLock::new(),
            bytes: ArcSwapOption::empty(),
            tally: OnceLock::new(),
            circulates: AtomicBool::new(false),
            lost: AtomicBool::new(false),
        }
    }

    /// A page that announces feeds in its Link field as in its text.
    #[must_use]
    pub fn announcing(mut self, feeds: &[(Text, String, Format)]) -> Resource {
        let link = |(_, url, format): &(Text, String, Format)| {
            format!("<{url}>; rel=\"alternate\"; type=\"{}\"", format.media_type())
        };
        self.links = Some(feeds.iter().map(link).collect::<Vec<_>>().join(", "))
            .filter(|links| !links.is_empty())
            .map(|links| Text::line(&links));
        self
    }

    /// The identity bytes, while they are in memory.
    pub fn bytes(&self) -> Option<Bytes> {
        let held = self.bytes.load().as_ref().map(|held| held.bytes.clone());
        held.or_else(|| self.codings.identity.whole.load().as_ref().map(|whole| whole.bytes.clone()))
    }

    /// How many bytes of it are in memory, in all codings.
    pub fn bytes_in_memory(&self) -> usize {
        let identity = self.bytes().map_or(0, |bytes| bytes.len());
        let codings = [&self.codings.gzip, &self.codings.brotli, &self.codings.zstd];
        let coded = |coded: &Coded| coded.whole.load().as_ref().map_or(0, |whole| whole.bytes.len());
        identity + codings.into_iter().map(coded).sum::<usize>()
    }

    /// The same document without its bytes: all that a 304 or HEAD needs.
    #[must_use]
    pub fn without_bytes(&self) -> Resource {
        let cold = Resource::cold(self.kind, self.hash, self.length, self.last_modified, self.max_age);
        Resource { newest: self.newest, until: self.until, links: self.links.clone(), ..cold }
    }

    /// Has its bytes counted for as long as anybody holds them, a client that takes them slowly included.
    pub fn count_holders(&self, tally: &MemoryCounter) {
        if let Some(held) = &*self.bytes.load() {
            let bytes = tally.counted(held.bytes.clone());
            self.bytes.store(Some(Arc::new(Held { bytes, share: OnceLock::new() })));
        }
    }

    /// Has its bytes in memory counted from now on.
    pub fn count_in(&self, tally: &MemoryCounter) {
        let tally = self.tally.get_or_init(|| tally.clone());
        if let Some(held) = &*self.bytes.load() {
            held.share.get_or_init(|| Arc::new(tally.share(held.bytes.len())));
        }
    }

    /// Whether its bytes in memory are counted.
    pub fn is_counted(&self) -> bool {
        self.tally.get().is_some()
    }

    /// Keeps what a 200 in a coding is made of, which is of these bytes.
    pub fn keep(&self, coded: &Coded, mut whole: Whole) -> Arc<Whole> {
        let is_identity = std::ptr::eq(coded, &self.codings.identity);
        let held = self.bytes.load();
        whole.share = match &*held {
            // The same memory, counted once.
            Some(held) if is_identity && held.bytes.as_ptr() == whole.bytes.as_ptr() => held.share.get().cloned(),
            _ => self.tally.get().map(|tally| Arc::new(tally.share(whole.bytes.len()))),
        };
        coded.length.store(whole.bytes.len(), Ordering::Relaxed);
        let whole = Arc::new(whole);
        coded.whole.store(Some(Arc::clone(&whole)));
        whole
    }

    /// Lets go of the pieces that nobody asked for since the last time.
    pub fn cool(&self) {
        for coded in self.codings.all() {
            if !coded.asked.swap(false, Ordering::Relaxed) {
                coded.whole.store(None);
                if std::ptr::eq(coded, &self.codings.identity) {
                    self.bytes.store(None);
                }
            }
        }
    }

    /// Whether any of its pieces is in memory.
    pub fn is_warm(&self) -> bool {
        self.bytes.load().is_some() || self.codings.all().into_iter().any(|coded| coded.whole.load().is_some())
    }

    /// Notes that it stands among those that are looked at when memory runs short; says whether it did not before.
    pub fn enter(&self) -> bool {
        !self.circulates.swap(true, Ordering::AcqRel)
    }

    /// Notes that it stands there no more.
    pub fn leave(&self) {
        self.circulates.store(false, Ordering::Release);
    }

    /// Notes whether its bytes are nowhere any more; says whether that is news.
    pub fn lose(&self, lost: bool) -> bool {
        self.lost.swap(lost, Ordering::Relaxed) != lost
    }
}

/// The identity bytes, and that they are counted.
#[derive(Debug)]
struct Held {
    bytes: Bytes,
    share: OnceLock<Arc<Share>>,
}

/// How many bytes of documents are in memory.
#[derive(Clone, Debug, Default)]
pub struct MemoryCounter(Arc<AtomicUsize>);

impl MemoryCounter {
    /// How many now.
    pub fn bytes(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    /// The same bytes, counted until the last who holds them has dropped them.
    pub fn counted(&self, bytes: Bytes) -> Bytes {
        let share = self.share(bytes.len());
        Bytes::from_owner(Counted { bytes, _share: share })
    }

    fn share(&self, bytes: usize) -> Share {
        self.0.fetch_add(bytes, Ordering::Relaxed);
        Share { tally: self.clone(), bytes }
    }
}

/// Bytes, and that they are counted.
struct Counted {
    bytes: Bytes,
    _share: Share,
}

impl AsRef<[u8]> for Counted {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// Bytes that are counted until it is dropped.
#[derive(Debug)]
struct Share {
    tally: MemoryCounter,
    bytes: usize,
}

impl Drop for Share {
    fn drop(&mut self) {
        self.tally.0.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// Who is given each document as it is made, before any snapshot has it, and may write its bytes down and let them go.
#[derive(Clone)]
pub struct DocumentSink(Arc<Keep>);

type Keep = dyn Fn(&Arc<Resource>) + Send + Sync;

impl DocumentSink {
    /// What to call with each document.
    pub fn new(keep: impl Fn(&Arc<Resource>) + Send + Sync + 'static) -> DocumentSink {
        DocumentSink(Arc::new(keep))
    }

    /// Hands a document over.
    pub fn keep(&self, resource: &Arc<Resource>) {
        (self.0)(resource);
    }
}

impl fmt::Debug for DocumentSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DocumentSink")
    }
}

/// The codings of one document. Filled in place: what is in them is a function of the document, so every reader sees the same,
/// and a coding that nobody asks for costs nothing.
#[derive(Debug, Default)]
pub struct Codings {
    /// The bytes as they are.
    pub identity: Coded,
    /// `gzip`
    pub gzip: Coded,
    /// `br`
    pub brotli: Coded,
    /// `zstd`
    pub zstd: Coded,
}

impl Codings {
    fn all(&self) -> [&Coded; 4] {
        [&self.identity, &self.gzip, &self.brotli, &self.zstd]
    }
}

/// A document in one coding.
#[derive(Debug, Default)]
pub struct Coded {
    /// The header fields that it has in common with others.
    pub fields: OnceLock<Arc<Fields>>,
    /// Where 304s are counted, and 200s.
    pub answers: [OnceLock<Counter>; 2],
    /// Held by whoever encodes, so that others wait and do not do it again.
    pub making: Mutex<()>,
    whole: ArcSwapOption<Whole>,
    /// How long it was when it was last made; 0: not yet.
    length: AtomicUsize,
    asked: AtomicBool,
}

impl Coded {
    /// What a 200 has of its own, while it is in memory.
    pub fn whole(&self) -> Guard<Option<Arc<Whole>>> {
        self.whole.load()
    }

    /// Notes that a client wants the bytes. That is written once and not for every request, so that processors do not contend for it.
    pub fn ask(&self) {
        if !self.asked.load(Ordering::Relaxed) {
            self.asked.store(true, Ordering::Relaxed);
        }
    }

    /// How many bytes it has, if it was ever made.
    pub fn length(&self) -> Option<usize> {
        Some(self.length.load(Ordering::Relaxed)).filter(|length| *length > 0)
    }
}

/// Header fields that many documents have in common. What is of each document, and Date, is there with a value that stands for it.
#[derive(Debug)]
pub struct Fields {
    /// Of a 304.
    pub unmodified: HeaderMap,
    /// Of a 200.
    pub whole: HeaderMap,
}

/// What a 200 has of its own.
#[derive(Debug)]
pub struct Whole {
    /// Coded.
    pub bytes: Bytes,
    /// Content-Length
    pub length: HeaderValue,
    /// Last-Modified
    pub last_modified: Option<HeaderValue>,
    /// Link
    pub links: Option<HeaderValue>,
    share: Option<Arc<Share>>,
}

impl Whole {
    /// A 200 of these bytes.
    pub fn new(bytes: Bytes, last_modified: Option<HeaderValue>, links: Option<HeaderValue>) -> Whole {
        Whole { length: HeaderValue::from(bytes.len()), bytes, last_modified, links, share: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_memory_is_counted_once_and_what_nobody_asks_for_goes() {
        let tally = MemoryCounter::default();
        let resource = Resource::new(ResourceKind::Opml, vec![b'x'; 1_000], None, 900);
        resource.count_in(&tally);
        resource.count_in(&tally);
        assert_eq!(tally.bytes(), 1_000);
        let identity = &resource.codings.identity;
        resource.keep(identity, Whole::new(resource.bytes().unwrap(), None, None));
        assert_eq!(tally.bytes(), 1_000, "the same memory");
        let gzip = &resource.codings.gzip;
        resource.keep(gzip, Whole::new(vec![b'z'; 100].into(), None, None));
        assert_eq!(tally.bytes(), 1_100);
        gzip.ask();
        resource.cool();
        assert_eq!((tally.bytes(), resource.bytes().is_some(), resource.is_warm()), (100, false, true));
        resource.cool();
        assert_eq!((tally.bytes(), resource.is_warm(), gzip.length()), (0, false, Some(100)));
        resource.keep(identity, Whole::new(vec![b'x'; 1_000].into(), None, None));
        assert_eq!((tally.bytes(), resource.bytes().is_some()), (1_000, true), "read back");
        drop(resource);
        assert_eq!(tally.bytes(), 0);
    }

    #[test]
    fn bytes_count_until_their_last_holder_drops_them() {
        let tally = MemoryCounter::default();
        let resource = Resource::new(ResourceKind::Page, vec![b'x'; 1_000], None, 900);
        resource.count_holders(&tally);
        let sent = resource.bytes().unwrap().slice(10..20);
        drop(resource);
        assert_eq!((tally.bytes(), &*sent), (1_000, &[b'x'; 10][..]));
        drop(sent);
        assert_eq!(tally.bytes(), 0);
    }
}
