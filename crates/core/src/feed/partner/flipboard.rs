//! Flipboard.

use super::{Rules, UpdateSignal};

/// Full text, at least 30 articles, each with a picture of at least 400 by 400 pixels.
pub(super) const RULES: Rules = Rules {
    sources: &["https://about.flipboard.com/rss-spec/"],
    title_length: None,
    needs_image: true,
    min_image_size: Some((400, 400)),
    needs_content: true,
    enclosures: None,
    needs_podcast: false,
    needs_one_language: true,
    max_age_days: None,
    min_items: 30,
    max_items: None,
    max_bytes: None,
    update_signal: UpdateSignal::Modified,
    has_thumbnail: true,
    deletion: None,
    extension: None,
};
