//! Rendered bodies by content hash, rendering options and renderer version: rendering costs more than all the rest of a
//! build. What a window holds stays; the rest goes, oldest first, when the budget is used up.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use crate::article::render::{LinkBase, RENDERER_VERSION, Rendered};
use crate::types::ContentHash;

/// What a rendering is a function of.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct RenderKey(ContentHash);

impl RenderKey {
    /// The hash of all that it is.
    pub fn hash(self) -> ContentHash {
        self.0
    }

    /// The key of a version of an article under its public URLs.
    pub fn new(content: ContentHash, links: &LinkBase) -> RenderKey {
        RenderKey(ContentHash::of_parts([
            content.as_bytes().as_slice(),
            links.page.as_str().as_bytes(),
            links.media.as_str().as_bytes(),
            links.folder.as_bytes(),
            &[u8::from(links.anchors) | u8::from(links.free_only) << 1],
            &RENDERER_VERSION.to_le_bytes(),
        ]))
    }
}

/// The cache.
#[derive(Debug)]
pub struct RenderCache {
    rendered: HashMap<RenderKey, Arc<Rendered>>,
    oldest_first: VecDeque<RenderKey>,
    bytes: usize,
    budget: usize,
}

impl RenderCache {
    /// A cache that holds about this many bytes besides what windows hold.
    pub fn new(budget: usize) -> RenderCache {
        RenderCache { rendered: HashMap::new(), oldest_first: VecDeque::new(), bytes: 0, budget }
    }

    /// A rendering that was made before.
    pub fn get(&self, key: &RenderKey) -> Option<Arc<Rendered>> {
        self.rendered.get(key).cloned()
    }

    /// Remembers what was rendered.
    pub fn keep(&mut self, key: RenderKey, rendered: &Arc<Rendered>) {
        if self.rendered.insert(key, Arc::clone(rendered)).is_none() {
            self.bytes += weight(rendered);
            self.oldest_first.push_back(key);
            self.shrink();
        }
    }

    fn shrink(&mut self) {
        // A few at a time: where windows hold nearly all there is, looking for what they do not hold would take longer than
        // what is rendered.
        const LOOKS: usize = 16;
        let mut left = self.oldest_first.len().min(LOOKS);
        while self.bytes > self.budget && left > 0 {
            left -= 1;
            let Some(key) = self.oldest_first.pop_front() else { return };
            match self.rendered.get(&key) {
                // A window holds it too: dropping it here would save nothing and cost a rendering.
                Some(rendered) if Arc::strong_count(rendered) > 1 => self.oldest_first.push_back(key),
                Some(rendered) => {
                    self.bytes -= weight(rendered).min(self.bytes);
                    self.rendered.remove(&key);
                }
                None => {}
            }
        }
    }
}

fn weight(rendered: &Rendered) -> usize {
    rendered.html.as_str().len() + rendered.text.len() + rendered.lead.as_ref().map_or(0, String::len) + 400
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::Text;

    #[test]
    fn what_no_window_holds_goes_oldest_first_when_the_budget_is_used_up() {
        const EACH: usize = 1_000;
        let key = |number: u32| RenderKey(ContentHash::of(&number.to_le_bytes()));
        let rendering = |number: u32| {
            let text = format!("{number:>600}");
            let rendered = Rendered { html: Text::new(""), text, lead: None, local_media: Vec::new() };
            assert_eq!(weight(&rendered), EACH);
            Arc::new(rendered)
        };
        let mut cache = RenderCache::new(10 * EACH);
        let held: Vec<Arc<Rendered>> = (0..3).map(rendering).collect();
        (0..).zip(&held).for_each(|(number, held)| cache.keep(key(number), held));
        for number in 3..100 {
            cache.keep(key(number), &rendering(number));
            cache.keep(key(number), &rendering(number));
            assert!(cache.bytes <= 10 * EACH && cache.bytes == cache.rendered.len() * EACH, "{number}");
        }
        let there: Vec<u32> = (0..100).filter(|number| cache.get(&key(*number)).is_some()).collect();
        assert_eq!(there, [0, 1, 2, 93, 94, 95, 96, 97, 98, 99]);
        drop(held);
        (100..110).for_each(|number| cache.keep(key(number), &rendering(number)));
        assert!((0..3).all(|number| cache.get(&key(number)).is_none()), "nothing holds them any more");
    }
}
