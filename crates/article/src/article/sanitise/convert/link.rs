//! The link that replaces an embed.

use scraper::ElementRef;

use crate::article::sanitise::embeds::Embed;
use crate::types::media_type;

/// Elements inside which a link doesn't get its own paragraph.
const PHRASING: &[&str] = &[
    "a", "abbr", "b", "cite", "code", "dt", "em", "h1", "h2", "h3", "h4", "h5", "h6", "i", "mark", "p", "s", "small",
    "span", "strong", "sub", "summary", "sup", "time", "u",
];

/// A link that replaces an embed.
pub(super) struct Link {
    pub(super) embed: Embed,
    pub(super) title: Option<String>,
    pub(super) is_inline: bool,
    /// Whether the embed is a picture, which the link then shows.
    pub(super) is_picture: bool,
}

impl Link {
    pub(super) fn new(embed: Embed, element: ElementRef<'_>) -> Link {
        let has_image_type = element.attr("type").is_some_and(|kind| kind.trim_start().starts_with("image/"));
        let path = embed.address.split(['?', '#']).next().unwrap_or_default();
        let extension = path.rsplit_once('.').and_then(|(_, extension)| media_type(extension));
        let is_picture = has_image_type || extension.is_some_and(|kind| kind.starts_with("image/"));
        Link { embed, title: title(element), is_inline: is_inline(element), is_picture }
    }
}

/// The title of a frame.
fn title(element: ElementRef<'_>) -> Option<String> {
    let title = element.attr("title").or_else(|| element.attr("aria-label"))?;
    Some(title.split_whitespace().collect::<Vec<_>>().join(" ")).filter(|title| !title.is_empty())
}

/// Whether an element is inside a line of text.
fn is_inline(element: ElementRef<'_>) -> bool {
    let parent = element.ancestors().filter_map(ElementRef::wrap).find(|ancestor| {
        let name = ancestor.value().name();
        !matches!(name, "noscript" | "object" | "picture" | "font" | "center") && !name.contains('-')
    });
    parent.is_some_and(|parent| PHRASING.contains(&parent.value().name()))
}
