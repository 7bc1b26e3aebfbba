//! Flipboard.

use super::{Rules, UpdateSignal};

/// The whole text, at least 30 articles, pictures of at least 400 pixels each way.
pub(super) const RULES: Rules = Rules {
    sources: &["https://about.flipboard.com/rss-spec/"],
    title: None,
    needs_image: false,
    image: Some((400, 400)),
    needs_content: true,
    needs_enclosure: false,
    one_language: true,
    max_age_days: None,
    min_items: 30,
    max_items: None,
    max_bytes: None,
    update_signal: UpdateSignal::Modified,
    thumbnail: true,
    extension: None,
};
