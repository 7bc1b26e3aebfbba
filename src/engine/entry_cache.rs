//! The entries of windows. Thousands of feeds of whole articles hold more text than there is memory for: what was not needed for
//! longest is packed, and unpacked for as long as a document is made of it.
//!
//! # Why are entries packed?
//!
//! Three thousand feeds with full text hold two gigabytes. Rebuilding a feed must take milliseconds, which no disk promises, so entries
//! stay in memory; packed, they take a third of the space.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use crate::article::Metadata;
use crate::article::card::Packed;
use crate::article::packed::PackedRendering;
use crate::article::render::Rendered;
use crate::build::render_cache::RenderKey;
use crate::build::{assemble, encode};
use crate::config::FeedOptions;
use crate::feed::Entry;
use crate::parallel;
use crate::snapshot::PublishedArticle;
use crate::types::ArticlePath;

/// What the text of entries may take unpacked (bytes).
const MAX_UNPACKED_BYTES: usize = 64 << 20;
/// Few enough entries that another core is not worth it.
const PACKINGS_PER_BATCH: usize = 16;

/// An entry that some window holds.
#[derive(Debug)]
pub(super) struct CachedEntry {
    /// What it was made of; likewise what follows.
    pub(super) card: Packed,
    pub(super) metadata: Arc<Metadata>,
    pub(super) article: Arc<PublishedArticle>,
    /// The configuration under which it was made, or [`CachedEntry::STALE`].
    pub(super) epoch: u64,
    /// What its text is a function of; `None` where readers see none of it, and it is left out.
    pub(super) key: Option<RenderKey>,
    pub(super) text: EntryText,
    pub(super) windows: usize,
}

/// The text of an entry.
#[derive(Clone, Debug)]
pub(super) enum EntryText {
    /// As it was made.
    Whole(Arc<Rendered>, Arc<Entry>),
    /// Packed, and how long its HTML is (bytes).
    Packed { packed: PackedRendering, length: usize, local_media: Arc<[ArticlePath]> },
}

/// All that is needed to make an entry.
#[derive(Clone, Debug)]
pub(super) struct EntryParts {
    metadata: Arc<Metadata>,
    article: Arc<PublishedArticle>,
    text: EntryText,
}

impl CachedEntry {
    /// Of no configuration: the entry has to be made anew.
    pub(super) const STALE: u64 = 0;

    /// All that is needed to make the entry, elsewhere.
    pub(super) fn parts(&self) -> EntryParts {
        let (metadata, article) = (Arc::clone(&self.metadata), Arc::clone(&self.article));
        EntryParts { metadata, article, text: self.text.clone() }
    }

    /// What it takes in a document of a feed at least.
    pub(super) fn least_bytes(&self, options: &FeedOptions) -> usize {
        encode::min_bytes(&self.metadata, self.text.length(), options.content, options.window.max_bytes)
    }

    /// The files below the content directory that its text refers to.
    pub(super) fn local_media(&self) -> &[ArticlePath] {
        match &self.text {
            EntryText::Whole(rendered, _) => &rendered.local_media,
            EntryText::Packed { local_media, .. } => local_media,
        }
    }
}

impl EntryParts {
    /// The entries, in their order.
    pub(super) fn entries(parts: &[&EntryParts]) -> Vec<Arc<Entry>> {
        let is_packed = |parts: &&EntryParts| matches!(parts.text, EntryText::Packed { .. });
        let share = if parts.iter().any(is_packed) { PACKINGS_PER_BATCH } else { usize::MAX };
        parallel::in_batches(parts, share, |parts| parts.entry())
    }

    fn entry(&self) -> Arc<Entry> {
        match &self.text {
            EntryText::Whole(_, entry) => Arc::clone(entry),
            EntryText::Packed { .. } => Arc::new(assemble::entry(&self.article, &self.metadata, &self.text.rendered())),
        }
    }
}

impl EntryText {
    /// How long the HTML is (bytes).
    pub(super) fn length(&self) -> usize {
        match self {
            EntryText::Whole(rendered, _) => rendered.html.as_str().len(),
            EntryText::Packed { length, .. } => *length,
        }
    }

    /// The rendered body.
    pub(super) fn rendered(&self) -> Arc<Rendered> {
        match self {
            EntryText::Whole(rendered, _) => Arc::clone(rendered),
            // It was packed in this very process.
            EntryText::Packed { packed, .. } => Arc::new(packed.open().unwrap_or_else(Rendered::empty)),
        }
    }

    fn pack(rendered: &Rendered) -> Option<EntryText> {
        let packed = PackedRendering::of(rendered)?;
        let local_media = rendered.local_media.as_slice().into();
        Some(EntryText::Packed { packed, length: rendered.html.as_str().len(), local_media })
    }
}

/// Which entries are unpacked, the one that was not needed for longest first.
#[derive(Debug, Default)]
pub(super) struct UnpackedEntries {
    paths: VecDeque<ArticlePath>,
    bytes: usize,
}

impl UnpackedEntries {
    /// An entry was made.
    pub(super) fn note(&mut self, path: &ArticlePath, rendered: &Rendered) {
        self.bytes += weight(rendered);
        self.paths.push_back(path.clone());
    }

    /// Packs entries until the others fit into the budget.
    pub(super) fn shrink(&mut self, cached: &mut HashMap<ArticlePath, CachedEntry>) {
        // Of an entry that was made several times only the last counts.
        if self.paths.len() > cached.len() * 2 + PACKINGS_PER_BATCH {
            let mut seen = HashSet::new();
            let mut last: VecDeque<ArticlePath> = VecDeque::with_capacity(cached.len());
            for path in std::mem::take(&mut self.paths).into_iter().rev() {
                if cached.contains_key(&path) && seen.insert(path.clone()) {
                    last.push_front(path);
                }
            }
            self.paths = last;
        }
        let mut packed = Vec::new();
        while self.bytes > MAX_UNPACKED_BYTES
            && let Some(path) = self.paths.pop_front()
        {
            // What a window left is not there any more, and took its bytes with it.
            let Some(EntryText::Whole(rendered, _)) = cached.get(&path).map(|cached| &cached.text) else { continue };
            self.bytes = self.bytes.saturating_sub(weight(rendered));
            packed.push((path, Arc::clone(rendered)));
        }
        let texts = parallel::in_batches(&packed, PACKINGS_PER_BATCH, |(_, rendered)| EntryText::pack(rendered));
        for ((path, _), text) in packed.into_iter().zip(texts) {
            if let (Some(cached), Some(text)) = (cached.get_mut(&path), text) {
                cached.text = text;
            }
        }
    }

    /// An entry is not held any more.
    pub(super) fn forget(&mut self, cached: &CachedEntry) {
        if let EntryText::Whole(rendered, _) = &cached.text {
            self.bytes = self.bytes.saturating_sub(weight(rendered));
        }
    }
}

fn weight(rendered: &Rendered) -> usize {
    rendered.html.as_str().len() + rendered.text.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::Text;

    #[test]
    fn what_was_made_often_is_noted_once() {
        let mut unpacked = UnpackedEntries::default();
        let (rendered, path) = (Rendered::empty(), ArticlePath::new("a.md"));
        for _ in 0..10_000 {
            unpacked.note(&path, &rendered);
            unpacked.shrink(&mut HashMap::new());
            assert!(unpacked.paths.len() <= PACKINGS_PER_BATCH);
        }
    }

    #[test]
    fn packed_text_says_what_is_asked_of_it() {
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
