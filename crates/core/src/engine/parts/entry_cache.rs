//! Keeps the entries that feeds show in memory. Entries that weren't built recently are packed (compressed), and unpacked while a
//! document is built from them.
//!
//! # Why are entries packed?
//!
//! The full text of three thousand feeds takes two gigabytes. It can't be on disk instead, because no disk guarantees that a feed is
//! rebuilt within milliseconds. Packed entries take a third of the memory.
//!
//! # Why is the quarantine here?
//!
//! Over a new version of an article, dateline may panic. The entry of the previous version then comes back.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::Arc;

use crate::article::Metadata;
use crate::article::card::Packed;
use crate::article::packed::PackedRendering;
use crate::article::render::Rendered;
use crate::build::index::Index;
use crate::build::placement::FeedKey;
use crate::build::render_cache::{RenderCache, RenderKey};
use crate::build::{assemble, encode};
use crate::config::FeedOptions;
use crate::feed::Entry;
use crate::parallel;
use crate::snapshot::PublishedArticle;
use crate::types::{ArticlePath, ContentHash};

/// The budget for the unpacked text of all entries, in bytes.
const MAX_UNPACKED_BYTES: usize = 64 << 20;
/// The number of entries that are packed or unpacked per batch. Fewer aren't worth another core.
const PACKINGS_PER_BATCH: usize = 16;

/// The budget for rendered bodies that no window shows. They belong to articles being edited at the moment.
const RENDER_CACHE_BYTES: usize = 8 << 20;

/// The entries that feeds show.
#[derive(Debug)]
pub(crate) struct EntryCache {
    /// The entries of all windows, by article.
    pub(crate) cached: HashMap<ArticlePath, CachedEntry>,
    pub(crate) unpacked: UnpackedEntries,
    /// Rendered bodies.
    pub(crate) rendered: RenderCache,
    /// Entries that left their last window or haven't entered one. The next publication drops those that no window shows.
    pub(crate) eviction_candidates: Vec<ArticlePath>,
    pub(crate) quarantine: Quarantine,
    /// Incremented with each configuration. Entries built under an earlier one are rebuilt.
    pub(crate) epoch: u64,
}

impl EntryCache {
    pub(crate) fn new() -> EntryCache {
        EntryCache {
            cached: HashMap::new(),
            unpacked: UnpackedEntries::default(),
            rendered: RenderCache::new(RENDER_CACHE_BYTES),
            eviction_candidates: Vec::new(),
            quarantine: Quarantine::default(),
            epoch: 0,
        }
    }

    /// Whether an entry was built from its article's last good version and with the current configuration.
    pub(crate) fn is_fresh(&self, cached: &CachedEntry) -> bool {
        cached.epoch == self.epoch
    }

    /// Whether an article still belongs to a feed, under this path or the one that it moved to.
    pub(crate) fn belongs_to_feed(&self, index: &Index, path: &ArticlePath, key: &FeedKey) -> bool {
        let cached = || self.cached.get(path).and_then(|cached| index.get(index.public_article(&cached.article.id)?));
        let indexed = index.get(path).filter(|indexed| indexed.id().is_some()).or_else(cached);
        indexed.is_some_and(|indexed| index.feeds_of(indexed).any(|other| other == key))
    }
}

/// An entry that some feed shows.
#[derive(Debug)]
pub(crate) struct CachedEntry {
    /// The card of the version that the entry was built from.
    pub(crate) card: Packed,
    pub(crate) metadata: Arc<Metadata>,
    pub(crate) article: Arc<PublishedArticle>,
    /// The engine's epoch when the entry was built, or [`CachedEntry::STALE`].
    pub(crate) epoch: u64,
    /// Identifies the rendered body. `None` if the entry has no body, because readers see only the summary.
    pub(crate) key: Option<RenderKey>,
    pub(crate) text: EntryText,
    /// The number of feeds that show the entry.
    pub(crate) windows: usize,
}

/// The text of an entry.
#[derive(Clone, Debug)]
pub(crate) enum EntryText {
    /// The rendered body and the entry built from it.
    Unpacked(Arc<Rendered>, Arc<Entry>),
    /// The packed body, and the length of its HTML in bytes.
    Packed { packed: PackedRendering, length: usize, local_media: Arc<[ArticlePath]> },
}

/// Everything needed to build an entry.
#[derive(Clone, Debug)]
pub(crate) struct EntryParts {
    metadata: Arc<Metadata>,
    article: Arc<PublishedArticle>,
    text: EntryText,
}

impl CachedEntry {
    /// The epoch of entries that have to be rebuilt.
    pub(crate) const STALE: u64 = 0;

    /// Everything needed to build the entry in another thread.
    pub(crate) fn parts(&self) -> EntryParts {
        let (metadata, article) = (Arc::clone(&self.metadata), Arc::clone(&self.article));
        EntryParts { metadata, article, text: self.text.clone() }
    }

    /// The minimum size of the entry in a document, in bytes.
    pub(crate) fn min_bytes(&self, options: &FeedOptions) -> usize {
        encode::min_bytes(&self.metadata, self.text.length(), options.content, options.window.max_bytes)
    }

    /// The files in the content directory that the text refers to.
    pub(crate) fn local_media(&self) -> &[ArticlePath] {
        match &self.text {
            EntryText::Unpacked(rendered, _) => &rendered.local_media,
            EntryText::Packed { local_media, .. } => local_media,
        }
    }
}

impl EntryParts {
    /// Builds the entries, in the same order.
    pub(crate) fn entries(parts: &[&EntryParts]) -> Vec<Arc<Entry>> {
        let is_packed = |parts: &&EntryParts| matches!(parts.text, EntryText::Packed { .. });
        let batch_size = if parts.iter().any(is_packed) { PACKINGS_PER_BATCH } else { usize::MAX };
        parallel::in_batches(parts, batch_size, |parts| parts.entry())
    }

    fn entry(&self) -> Arc<Entry> {
        match &self.text {
            EntryText::Unpacked(_, entry) => Arc::clone(entry),
            EntryText::Packed { .. } => Arc::new(assemble::entry(&self.article, &self.metadata, &self.text.rendered())),
        }
    }
}

impl EntryText {
    /// The length of the HTML, in bytes.
    pub(crate) fn length(&self) -> usize {
        match self {
            EntryText::Unpacked(rendered, _) => rendered.html.as_str().len(),
            EntryText::Packed { length, .. } => *length,
        }
    }

    /// The rendered body.
    pub(crate) fn rendered(&self) -> Arc<Rendered> {
        match self {
            EntryText::Unpacked(rendered, _) => Arc::clone(rendered),
            // Opening fails only for damaged bytes, and this process packed them.
            EntryText::Packed { packed, .. } => Arc::new(packed.open().unwrap_or_else(Rendered::empty)),
        }
    }

    fn pack(rendered: &Rendered) -> Option<EntryText> {
        let packed = PackedRendering::of(rendered)?;
        let local_media = rendered.local_media.as_slice().into();
        Some(EntryText::Packed { packed, length: rendered.html.as_str().len(), local_media })
    }
}

/// The unpacked entries, least recently built first.
#[derive(Debug, Default)]
pub(crate) struct UnpackedEntries {
    paths: VecDeque<ArticlePath>,
    bytes: usize,
}

impl UnpackedEntries {
    /// Adds an entry that was just built.
    pub(crate) fn add(&mut self, path: &ArticlePath, rendered: &Rendered) {
        self.bytes += text_bytes(rendered);
        self.paths.push_back(path.clone());
    }

    /// Packs entries until the others fit into the budget.
    pub(crate) fn shrink(&mut self, cached: &mut HashMap<ArticlePath, CachedEntry>) {
        if self.paths.len() > cached.len() * 2 + PACKINGS_PER_BATCH {
            self.remove_stale_paths(cached);
        }
        let mut to_pack = Vec::new();
        while self.bytes > MAX_UNPACKED_BYTES
            && let Some(path) = self.paths.pop_front()
        {
            // `remove` has subtracted the bytes of dropped entries.
            let Some(EntryText::Unpacked(rendered, _)) = cached.get(&path).map(|cached| &cached.text) else { continue };
            self.bytes = self.bytes.saturating_sub(text_bytes(rendered));
            to_pack.push((path, Arc::clone(rendered)));
        }
        let texts = parallel::in_batches(&to_pack, PACKINGS_PER_BATCH, |(_, rendered)| EntryText::pack(rendered));
        for ((path, _), text) in to_pack.into_iter().zip(texts) {
            if let (Some(cached), Some(text)) = (cached.get_mut(&path), text) {
                cached.text = text;
            }
        }
    }

    /// Removes the paths of dropped entries, and all but the last of an entry that was built several times.
    fn remove_stale_paths(&mut self, cached: &HashMap<ArticlePath, CachedEntry>) {
        let mut seen = HashSet::new();
        let mut latest = VecDeque::with_capacity(cached.len());
        for path in std::mem::take(&mut self.paths).into_iter().rev() {
            if cached.contains_key(&path) && seen.insert(path.clone()) {
                latest.push_front(path);
            }
        }
        self.paths = latest;
    }

    /// Subtracts the bytes of an entry that is dropped. Its path is removed later.
    pub(crate) fn remove(&mut self, cached: &CachedEntry) {
        if let EntryText::Unpacked(rendered, _) = &cached.text {
            self.bytes = self.bytes.saturating_sub(text_bytes(rendered));
        }
    }
}

/// The size of the unpacked text, in bytes.
fn text_bytes(rendered: &Rendered) -> usize {
    rendered.html.as_str().len() + rendered.text.len()
}

/// Quarantined versions of articles.
#[derive(Debug, Default)]
pub(crate) struct Quarantine {
    versions: BTreeMap<ArticlePath, ContentHash>,
    /// The entries of the previous versions, until the feeds with the new ones are encoded.
    replaced: BTreeMap<ArticlePath, CachedEntry>,
}

impl Quarantine {
    /// Whether this version of an article is quarantined.
    pub(crate) fn contains(&self, path: &ArticlePath, version: ContentHash) -> bool {
        self.version(path) == Some(version)
    }

    /// The quarantined version of an article.
    pub(crate) fn version(&self, path: &ArticlePath) -> Option<ContentHash> {
        self.versions.get(path).copied()
    }

    /// Adds a version. Returns whether it is newly quarantined.
    pub(crate) fn add(&mut self, path: &ArticlePath, version: ContentHash) -> bool {
        self.versions.insert(path.clone(), version) != Some(version)
    }

    /// Removes the versions for which `is_outdated` is true. Returns their articles.
    pub(crate) fn remove_if(&mut self, is_outdated: impl Fn(&ArticlePath, ContentHash) -> bool) -> Vec<ArticlePath> {
        let removed = self.versions.extract_if(.., |path, version| is_outdated(path, *version));
        removed.map(|(path, _)| path).collect()
    }

    /// Keeps an entry that a new version replaces.
    pub(crate) fn note_replaced(&mut self, path: &ArticlePath, before: CachedEntry) {
        self.replaced.insert(path.clone(), before);
    }

    /// The entry that the current one of an article has replaced.
    pub(crate) fn take_replaced(&mut self, path: &ArticlePath) -> Option<CachedEntry> {
        self.replaced.remove(path)
    }

    /// Drops the replaced entries, after the feeds with the new ones were encoded.
    pub(crate) fn forget_replaced(&mut self) {
        self.replaced.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::Text;

    #[test]
    fn unpacked_list_stays_short_after_rebuilds() {
        let mut unpacked = UnpackedEntries::default();
        let (rendered, path) = (Rendered::empty(), ArticlePath::new("a.md"));
        for _ in 0..10_000 {
            unpacked.add(&path, &rendered);
            unpacked.shrink(&mut HashMap::new());
            assert!(unpacked.paths.len() <= PACKINGS_PER_BATCH);
        }
    }

    #[test]
    fn packed_text_unpacks_unchanged() {
        let rendered = Rendered {
            html: Text::new("<p>船</p>"),
            text: "船".to_owned(),
            lead: None,
            local_media: vec![ArticlePath::new("quay.jpg")],
        };
        let packed = EntryText::pack(&rendered).expect("packed");
        assert_eq!((&*packed.rendered(), packed.length()), (&rendered, rendered.html.as_str().len()));
    }
}
