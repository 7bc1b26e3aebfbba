//! Flipboard.

use super::{Rules, UpdateSignal};

/// The whole text, at least 30 articles, and with each a picture of at least 400 pixels in its smallest dimension.
pub(super) const RULES: Rules = Rules {
    sources: &["https://about.flipboard.com/rss-spec/"],
    title: None,
    needs_image: true,
    image: Some((400, 400)),
    needs_content: true,
    enclosures: None,
    needs_podcast: false,
    one_language: true,
    max_age_days: None,
    min_items: 30,
    max_items: None,
    max_bytes: None,
    update_signal: UpdateSignal::Modified,
    thumbnail: true,
    deletion: None,
    extension: None,
};
