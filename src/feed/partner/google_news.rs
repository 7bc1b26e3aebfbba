//! Google News (Publisher Center).

use super::{Rules, UpdateSignal};

/// At most 2 MB a feed, and `pubDate` says whether an article was modified.
pub(super) const RULES: Rules = Rules {
    sources: &["https://support.google.com/news/publisher-center/answer/9545420"],
    title: None,
    needs_image: false,
    image: None,
    needs_content: true,
    enclosures: None,
    needs_podcast: false,
    one_language: true,
    max_age_days: None,
    min_items: 0,
    max_items: None,
    max_bytes: Some(2_000_000),
    update_signal: UpdateSignal::PubDate,
    thumbnail: true,
    deletion: None,
    extension: None,
};
