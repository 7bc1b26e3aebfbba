//! MSN (Microsoft Start).

use super::{Deletion, Rules, UpdateSignal};

/// Titles of 21 to 150 characters, articles of the last year, one language. Items have a permanent id; an update has the same id and a
/// newer modification date.
pub(super) const RULES: Rules = Rules {
    sources: &[
        "https://support.microsoft.com/topic/msn-feed-item-metadata-requirements-0114c19c-36bb-4fef-8322-4a1ed6888329",
        "https://support.microsoft.com/topic/msn-content-expiration-and-takedown-rules-c06e8a18-8365-43dc-a5b3-364f1a470edf",
        "https://support.microsoft.com/topic/feed-management-faq-for-msn-partner-hub-4690c187-b7e3-4a1e-b738-c294959f009c",
    ],
    title_length: Some(21..=150),
    needs_image: false,
    min_image_size: None,
    needs_content: true,
    enclosures: None,
    needs_podcast: false,
    needs_one_language: true,
    max_age_days: Some(365),
    min_items: 0,
    max_items: None,
    max_bytes: None,
    update_signal: UpdateSignal::Modified,
    has_thumbnail: true,
    deletion: Some(Deletion::Expired),
    extension: None,
};
