//! Apple Podcasts.

use super::{Rules, UpdateSignal};

/// Every item has an audio or video file. The channel's tags come from the section's `podcast`.
pub(super) const RULES: Rules = Rules {
    sources: &["https://podcasters.apple.com/support/823-podcast-requirements"],
    title_length: None,
    needs_image: false,
    min_image_size: None,
    needs_content: false,
    enclosures: Some(&["audio/mpeg", "audio/mp4", "audio/x-m4a", "video/mp4", "video/x-m4v", "video/quicktime"]),
    needs_podcast: true,
    needs_one_language: false,
    max_age_days: None,
    min_items: 0,
    max_items: None,
    max_bytes: None,
    update_signal: UpdateSignal::None,
    has_thumbnail: false,
    deletion: None,
    extension: None,
};
