//! Caches rendered bodies by content hash, rendering options and renderer version. Rendering costs more than the rest of a build.
//!
//! Bodies that a window shows stay. The others are evicted, oldest first, when the cache exceeds its size.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use crate::article::render::{LinkBase, RENDERER_VERSION, Rendered};
use crate::types::ContentHash;

/// The hash of all inputs of a rendering.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct RenderKey(ContentHash);

impl RenderKey {
    /// The hash.
    pub fn hash(self) -> ContentHash {
        self.0
    }

    /// The key for a version of an article and its public URLs.
    pub fn new(content: ContentHash, links: &LinkBase) -> RenderKey {
        let articles = links.articles.iter().map(|(path, url)| format!("{path}\n{url}\n")).collect::<String>();
        RenderKey(ContentHash::of_parts([
            articles.as_bytes(),
            content.as_bytes().as_slice(),
            links.page.as_str().as_bytes(),
            links.media.as_str().as_bytes(),
            links.folder.as_bytes(),
            links.root.as_str().as_bytes(),
            &links.markdown.bits().to_le_bytes(),
            &[u8::from(links.anchors) | u8::from(links.free_only) << 1],
            &RENDERER_VERSION.to_le_bytes(),
        ]))
    }
}

/// A cache of rendered bodies.
#[derive(Debug)]
pub struct RenderCache {
    rendered: HashMap<RenderKey, Arc<Rendered>>,
    oldest_first: VecDeque<RenderKey>,
    bytes: usize,
    max_bytes: usize,
}

impl RenderCache {
    /// A cache of about `max_bytes`, not counting bodies that windows show.
    pub fn new(max_bytes: usize) -> RenderCache {
        RenderCache { rendered: HashMap::new(), oldest_first: VecDeque::new(), bytes: 0, max_bytes }
    }

    /// A cached rendering.
    pub fn get(&self, key: &RenderKey) -> Option<Arc<Rendered>> {
        self.rendered.get(key).cloned()
    }

    /// Adds a rendering.
    pub fn insert(&mut self, key: RenderKey, rendered: &Arc<Rendered>) {
        if self.rendered.insert(key, Arc::clone(rendered)).is_none() {
            self.bytes += size_bytes(rendered);
            self.oldest_first.push_back(key);
            self.evict();
        }
    }

    fn evict(&mut self) {
        // Limited, because if windows show nearly everything, a full search would cost more than rendering.
        const MAX_CHECKED: usize = 16;
        let mut unchecked = self.oldest_first.len().min(MAX_CHECKED);
        while self.bytes > self.max_bytes && unchecked > 0 {
            unchecked -= 1;
            let Some(key) = self.oldest_first.pop_front() else { return };
            match self.rendered.get(&key) {
                // A window uses this rendering too, so evicting it would free nothing.
                Some(rendered) if Arc::strong_count(rendered) > 1 => self.oldest_first.push_back(key),
                Some(rendered) => {
                    self.bytes -= size_bytes(rendered).min(self.bytes);
                    self.rendered.remove(&key);
                }
                None => {}
            }
        }
    }
}

fn size_bytes(rendered: &Rendered) -> usize {
    rendered.html.as_str().len() + rendered.text.len() + rendered.lead.as_ref().map_or(0, String::len) + 400
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::Text;

    #[test]
    fn oldest_unshown_renderings_are_evicted_first() {
        const ENTRY_BYTES: usize = 1_000;
        let key = |number: u32| RenderKey(ContentHash::of(&number.to_le_bytes()));
        let rendering = |number: u32| {
            let text = format!("{number:>600}");
            let rendered = Rendered { html: Text::new(""), text, lead: None, local_media: Vec::new() };
            assert_eq!(size_bytes(&rendered), ENTRY_BYTES);
            Arc::new(rendered)
        };
        let mut cache = RenderCache::new(10 * ENTRY_BYTES);
        let held: Vec<Arc<Rendered>> = (0..3).map(rendering).collect();
        (0..).zip(&held).for_each(|(number, held)| cache.insert(key(number), held));
        for number in 3..100 {
            cache.insert(key(number), &rendering(number));
            cache.insert(key(number), &rendering(number));
            assert!(cache.bytes <= 10 * ENTRY_BYTES && cache.bytes == cache.rendered.len() * ENTRY_BYTES, "{number}");
        }
        let cached: Vec<u32> = (0..100).filter(|number| cache.get(&key(*number)).is_some()).collect();
        assert_eq!(cached, [0, 1, 2, 93, 94, 95, 96, 97, 98, 99]);
        drop(held);
        (100..110).for_each(|number| cache.insert(key(number), &rendering(number)));
        assert!((0..3).all(|number| cache.get(&key(number)).is_none()), "nothing holds them any more");
    }
}
