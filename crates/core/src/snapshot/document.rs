//! A published document: what the snapshot says about it. Its bytes are elsewhere.
//!
//! # Where are the bytes of a document?
//!
//! The engine passes them on once, in `Effect::Store`. From then on `store::Documents` has them until they are in a file, and
//! `serve::DocumentCache` has what readers request. The hash, the length and the dates are here: they are enough for a 304 or HEAD.

use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;

use crate::feed::Format;
use crate::types::{ContentHash, Text};

/// A published document, without its bytes.
#[derive(Clone, PartialEq, Eq, Debug)]
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
    /// The Link field (RFC 8288). A page names its feeds; a public feed names its hubs and its own URL, if there are hubs.
    pub links: Option<Text>,
}

/// A document as it was built.
#[derive(Clone, Debug)]
pub struct BuiltDocument {
    /// The document as the snapshot describes it.
    pub resource: Arc<Resource>,
    /// Its bytes.
    pub bytes: Bytes,
}

/// The kind of a document.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
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
    /// A document whose bytes have this hash and length.
    pub fn new(
        kind: ResourceKind,
        hash: ContentHash,
        length: usize,
        last_modified: Option<Timestamp>,
        max_age: u32,
    ) -> Resource {
        Resource { kind, length, hash, last_modified, max_age, newest: None, expires: None, links: None }
    }
}

impl BuiltDocument {
    /// A document with these bytes.
    pub fn new(
        kind: ResourceKind,
        mut bytes: Vec<u8>,
        last_modified: Option<Timestamp>,
        max_age: u32,
    ) -> BuiltDocument {
        let hash = ContentHash::of(&bytes);
        // Excess capacity would be held as long as the bytes.
        if bytes.capacity() - bytes.len() > bytes.len() / 8 {
            bytes.shrink_to_fit();
        }
        let resource = Resource::new(kind, hash, bytes.len(), last_modified, max_age);
        BuiltDocument { resource: Arc::new(resource), bytes: bytes.into() }
    }

    /// The document's metadata in the snapshot, to be changed before it is published.
    pub fn resource_mut(&mut self) -> &mut Resource {
        Arc::make_mut(&mut self.resource)
    }

    /// Adds a Link field that announces feeds.
    #[must_use]
    pub fn with_feed_links(mut self, feeds: &[(Text, String, Format)]) -> BuiltDocument {
        let link = |(_, url, format): &(Text, String, Format)| {
            format!("<{url}>; rel=\"alternate\"; type=\"{}\"", format.media_type())
        };
        self.resource_mut().links = Some(feeds.iter().map(link).collect::<Vec<_>>().join(", "))
            .filter(|links| !links.is_empty())
            .map(|links| Text::line(&links));
        self
    }
}
