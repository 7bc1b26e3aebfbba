//! Apple Podcasts.

use super::{Rules, UpdateSignal};

/// Every item has an audio or video file; the channel's tags come from `podcast` of the section.
pub(super) const RULES: Rules = Rules {
    sources: &["https://help.apple.com/itc/podcasts_connect/#/itcb54353390"],
    title: None,
    needs_image: false,
    image: None,
    needs_content: false,
    needs_enclosure: true,
    one_language: false,
    max_age_days: None,
    min_items: 0,
    max_items: None,
    max_bytes: None,
    update_signal: UpdateSignal::None,
    thumbnail: false,
    extension: None,
};
