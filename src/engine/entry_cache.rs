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
const BUDGET: usize = 64 << 20;
/// Few enough entries that another core is not worth it.
const PACKINGS: usize = 16;

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
    pub(super) text: HeldText,
    pub(super) windows: usize,
}

/// The text of an entry.
#[derive(Clone, Debug)]
pub(super) enum HeldText {
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
    text: HeldText,
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
            HeldText::Whole(rendered, _) => &rendered.local_media,
            HeldText::Packed { local_media, .. } => local_media,
        }
    }
}

impl EntryParts {
    /// The entries, in their order.
    pub(super) fn entries(parts: &[&EntryParts]) -> Vec<Arc<Entry>> {
        let is_packed = |parts: &&EntryParts| matches!(parts.text, HeldText::Packed { .. });
        let share = if parts.iter().any(is_packed) { PACKINGS } else { usize::MAX };
        parallel::in_batches(parts, share, |parts| parts.entry())
    }

    fn entry(&self) -> Arc<Entry> {
        match &self.text {
            HeldText::Whole(_, entry) => Arc::clone(entry),
            HeldText::Packed { .. } => Arc::new(assemble::entry(&self.article, &self.metadata, &self.text.rendered())),
        }
    }
}

impl HeldText {
    /// How long the HTML is (bytes).
    pub(super) fn length(&self) -> usize {
        match self {
            HeldText::Whole(rendered, _) => rendered.html.as_str().len(),
            HeldText::Packed { length, .. } => *length,
        }
    }

    /// The rendered body.
    pub(super) fn rendered(&self) -> Arc<Rendered> {
        match self {
            HeldText::Whole(rendered, _) => Arc::clone(rendered),
            // It was packed in this very process.
            HeldText::Packed { packed, .. } => Arc::new(packed.open().unwrap_or_else(Rendered::empty)),
        }
    }

    fn pack(rendered: &Rendered) -> Option<HeldText> {
        let packed = PackedRendering::of(rendered)?;
        let local_media = rendered.local_media.as_slice().into();
        Some(HeldText::Packed { packed, length: rendered.html.as_str().len(), local_media })
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
    pub(super) fn shrink(&mut self, held: &mut HashMap<ArticlePath, CachedEntry>) {
        // Of an entry that was made several times only the last counts.
        if self.paths.len() > held.len() * 2 + PACKINGS {
            let mut seen = HashSet::new();
            let mut last: VecDeque<ArticlePath> = VecDeque::with_capacity(held.len());
            for path in std::mem::take(&mut self.paths).into_iter().rev() {
                if held.contains_key(&path) && seen.insert(path.clone()) {
                    last.push_front(path);
                }
            }
            self.paths = last;
        }
        let mut packed = Vec::new();
        while self.bytes > BUDGET
            && let Some(path) = self.paths.pop_front()
        {
            // What a window left is not there any more, and took its bytes with it.
            let Some(HeldText::Whole(rendered, _)) = held.get(&path).map(|held| &held.text) else { continue };
            self.bytes = self.bytes.saturating_sub(weight(rendered));
            packed.push((path, Arc::clone(rendered)));
        }
        let texts = parallel::in_batches(&packed, PACKINGS, |(_, rendered)| HeldText::pack(rendered));
        for ((path, _), text) in packed.into_iter().zip(texts) {
            if let (Some(held), Some(text)) = (held.get_mut(&path), text) {
                held.text = text;
            }
        }
    }

    /// An entry is not held any more.
    pub(super) fn forget(&mut self, held: &CachedEntry) {
        if let HeldText::Whole(rendered, _) = &held.text {
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
            assert!(unpacked.paths.len() <= PACKINGS);
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
        let packed = HeldText::pack(&rendered).expect("packed");
        assert_eq!((&*packed.rendered(), packed.length()), (&rendered, rendered.html.as_str().len()));
    }
}
