//! SmartNews, in its SmartFormat.

use super::{Deletion, Extension, Rules, UpdateSignal};

/// Full text, a picture as `media:thumbnail`, the channel's logo and date, at most 1 MB.
pub(super) const RULES: Rules = Rules {
    sources: &[
        "https://publishers.smartnews.com/hc/en-us/articles/360036526213-SmartFormat-Specification-Version-2-1",
        "https://publishers.smartnews.com/hc/en-us/articles/360021354914-Deleting-Articles",
    ],
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
    max_bytes: Some(1_000_000),
    update_signal: UpdateSignal::PubDate,
    has_thumbnail: true,
    deletion: Some(Deletion::Status),
    extension: Some(Extension::SmartFormat),
};
