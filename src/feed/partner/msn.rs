//! MSN (Microsoft Start).

use super::{Rules, UpdateSignal};

/// Titles of 20 to 150 characters, articles of the last year, one language a feed, identity by a durable id, an update as the
/// same id with a newer modified date.
pub(super) const RULES: Rules = Rules {
    sources: &[
        "https://helpcenter.microsoftnews.com/kb/articles/40-how-do-i-set-up-a-feed",
        "https://helpcenter.microsoftnews.com/kb/articles/113-rss-feed-specifications",
    ],
    title: Some(20..=150),
    needs_image: false,
    image: None,
    needs_content: true,
    needs_enclosure: false,
    one_language: true,
    max_age_days: Some(365),
    min_items: 0,
    max_items: None,
    max_bytes: None,
    update_signal: UpdateSignal::Modified,
    thumbnail: true,
    extension: None,
};
