//! SmartNews, in its SmartFormat.

use super::{Extension, Rules, UpdateSignal};

/// The whole text, a picture as `media:thumbnail`, a logo for the channel.
pub(super) const RULES: Rules = Rules {
    sources: &["https://publishers.smartnews.com/hc/en-us/articles/360036526213-SmartFormat-RSS-specification"],
    title: Some(1..=100),
    needs_image: false,
    image: None,
    needs_content: true,
    needs_enclosure: false,
    one_language: true,
    max_age_days: None,
    min_items: 0,
    max_items: None,
    max_bytes: None,
    update_signal: UpdateSignal::PubDate,
    thumbnail: true,
    extension: Some(Extension::SmartFormat),
};
