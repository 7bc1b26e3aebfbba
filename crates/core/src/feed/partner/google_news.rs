//! Google News (Publisher Center).

use super::{Rules, UpdateSignal};

/// At most 2 MB, full text; `pubDate` moves when an article is modified.
pub(super) const RULES: Rules = Rules {
    sources: &["https://support.google.com/news/publisher-center/answer/9545420"],
    title_length: None,
    needs_image: false,
    min_image_size: None,
    needs_content: true,
    enclosures: None,
    needs_podcast: false,
    needs_one_language: true,
    max_age_days: None,
    min_items: 0,
    max_items: None,
    max_bytes: Some(2_000_000),
    update_signal: UpdateSignal::PubDate,
    has_thumbnail: true,
    deletion: None,
    extension: None,
};
