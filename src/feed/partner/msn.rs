//! MSN (Microsoft Start).

use super::{Deletion, Rules, UpdateSignal};

/// Titles of more than 20 and at most 150 characters, articles of the last year, one language a feed, identity by a durable id, an update as the
/// same id with a newer modified date.
pub(super) const RULES: Rules = Rules {
    sources: &[
        "https://support.microsoft.com/topic/msn-feed-item-metadata-requirements-0114c19c-36bb-4fef-8322-4a1ed6888329",
        "https://support.microsoft.com/topic/msn-content-expiration-and-takedown-rules-c06e8a18-8365-43dc-a5b3-364f1a470edf",
        "https://support.microsoft.com/topic/feed-management-faq-for-msn-partner-hub-4690c187-b7e3-4a1e-b738-c294959f009c",
    ],
    title: Some(21..=150),
    needs_image: false,
    image: None,
    needs_content: true,
    enclosures: None,
    needs_podcast: false,
    one_language: true,
    max_age_days: Some(365),
    min_items: 0,
    max_items: None,
    max_bytes: None,
    update_signal: UpdateSignal::Modified,
    thumbnail: true,
    deletion: Some(Deletion::Expired),
    extension: None,
};
