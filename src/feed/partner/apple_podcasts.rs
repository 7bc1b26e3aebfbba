//! Apple Podcasts.

use super::{Rules, UpdateSignal};

/// Every item has an audio or video file; the channel's tags come from `podcast` of the section.
pub(super) const RULES: Rules = Rules {
    sources: &["https://podcasters.apple.com/support/823-podcast-requirements"],
    title: None,
    needs_image: false,
    image: None,
    needs_content: false,
    enclosures: Some(&["audio/mpeg", "audio/mp4", "audio/x-m4a", "video/mp4", "video/x-m4v", "video/quicktime"]),
    needs_podcast: true,
    one_language: false,
    max_age_days: None,
    min_items: 0,
    max_items: None,
    max_bytes: None,
    update_signal: UpdateSignal::None,
    thumbnail: false,
    deletion: None,
    extension: None,
};
