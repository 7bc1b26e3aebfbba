//! Elements of AMP (amp.dev) with their replacements. Other AMP elements are replaced by their content.

/// The replacement of an element.
#[derive(Clone, Copy, Debug)]
pub(super) enum Amp {
    /// An HTML element with the same attributes and content.
    Element(&'static str),
    /// A link to the address in one of these attributes.
    Frame(&'static [&'static str]),
    /// A link to a page: the attribute with its id, and the URL before and after the id. The rows of an element are tried in order.
    Page(&'static str, &'static str, &'static str),
    /// A link to a page: its URL with names of attributes in braces.
    Template(&'static str),
    /// A formula: the attribute with its TeX.
    Formula(&'static str),
    /// Nothing: advertisements, trackers and elements that need scripts.
    Nothing,
}

use Amp::{Element, Formula, Frame, Nothing, Page, Template};

/// Rows of element, replacement, and text of the link.
const AMP: &[(&str, Amp, &str)] = &[
    ("amp-video", Element("video"), ""),
    ("amp-audio", Element("audio"), ""),
    ("amp-iframe", Frame(&["src"]), ""),
    ("amp-video-iframe", Frame(&["src"]), ""),
    ("amp-google-document-embed", Frame(&["src"]), "Document"),
    ("amp-embedly-card", Frame(&["data-url"]), ""),
    ("amp-facebook", Frame(&["data-href"]), "Facebook"),
    ("amp-facebook-video", Frame(&["data-href"]), "Facebook"),
    ("amp-facebook-page", Frame(&["data-href"]), "Facebook"),
    ("amp-pinterest", Frame(&["data-url", "href"]), "Pinterest"),
    ("amp-reddit", Frame(&["data-src"]), "Reddit"),
    ("amp-tiktok", Page("data-src", "https://www.tiktok.com/embed/v2/", ""), "TikTok"),
    ("amp-tiktok", Frame(&["data-src"]), "TikTok"),
    ("amp-3d-gltf", Frame(&["src"]), "3D model"),
    ("amp-youtube", Page("data-videoid", "https://www.youtube.com/watch?v=", ""), "YouTube"),
    ("amp-youtube", Page("data-live-channelid", "https://www.youtube.com/channel/", "/live"), "YouTube"),
    ("amp-vimeo", Page("data-videoid", "https://vimeo.com/", ""), "Vimeo"),
    ("amp-dailymotion", Page("data-videoid", "https://www.dailymotion.com/video/", ""), "Dailymotion"),
    ("amp-dailymotion", Page("data-playlistid", "https://www.dailymotion.com/playlist/", ""), "Dailymotion"),
    (
        "amp-brightcove",
        Template(
            "https://players.brightcove.net/{data-account}/{data-player}_default/index.html?videoId={data-video-id}",
        ),
        "Brightcove",
    ),
    (
        "amp-brightcove",
        Template("https://players.brightcove.net/{data-account}/default_default/index.html?videoId={data-video-id}"),
        "Brightcove",
    ),
    (
        "amp-brightcove",
        Template(
            "https://players.brightcove.net/{data-account}/default_default/index.html?playlistId={data-playlist-id}",
        ),
        "Brightcove",
    ),
    // The URLs that the component itself loads.
    (
        "amp-brid-player",
        Template("https://services.brid.tv/services/iframe/video/{data-video}/{data-partner}/{data-player}/0/1"),
        "Brid",
    ),
    (
        "amp-brid-player",
        Template("https://services.brid.tv/services/iframe/playlist/{data-playlist}/{data-partner}/{data-player}/0/1"),
        "Brid",
    ),
    ("amp-vk", Template("https://vk.com/wall{data-owner-id}_{data-post-id}"), "VK"),
    ("amp-vine", Page("data-vineid", "https://vine.co/v/", ""), "Vine"),
    ("amp-hulu", Page("data-eid", "https://www.hulu.com/watch/", ""), "Hulu"),
    ("amp-izlesene", Page("data-videoid", "https://www.izlesene.com/video/", ""), "İzlesene"),
    (
        "amp-soundcloud",
        Page("data-trackid", "https://w.soundcloud.com/player/?url=https%3A//api.soundcloud.com/tracks/", ""),
        "SoundCloud",
    ),
    (
        "amp-soundcloud",
        Page("data-playlistid", "https://w.soundcloud.com/player/?url=https%3A//api.soundcloud.com/playlists/", ""),
        "SoundCloud",
    ),
    ("amp-twitter", Page("data-tweetid", "https://twitter.com/i/status/", ""), "Twitter"),
    ("amp-twitter", Page("data-momentid", "https://twitter.com/i/moments/", ""), "Twitter"),
    ("amp-twitter", Page("data-timeline-screen-name", "https://twitter.com/", ""), "Twitter"),
    ("amp-instagram", Page("data-shortcode", "https://www.instagram.com/p/", "/"), "Instagram"),
    ("amp-gist", Page("data-gistid", "https://gist.github.com/", ""), "GitHub Gist"),
    ("amp-imgur", Page("data-imgur-id", "https://imgur.com/", ""), "Imgur"),
    ("amp-jwplayer", Page("data-media-id", "https://cdn.jwplayer.com/previews/", ""), "JW Player"),
    ("amp-wistia-player", Page("data-media-hashed-id", "https://fast.wistia.net/embed/iframe/", ""), "Wistia"),
    ("amp-megaphone", Page("data-episode", "https://playlist.megaphone.fm/?e=", ""), "Megaphone"),
    ("amp-megaphone", Page("data-playlist", "https://playlist.megaphone.fm/?p=", ""), "Megaphone"),
    // Custom elements with the same purpose: paulirish/lite-youtube-embed, luwes/lite-vimeo-embed.
    ("lite-youtube", Page("videoid", "https://www.youtube.com/watch?v=", ""), "YouTube"),
    ("lite-youtube", Page("playlistid", "https://www.youtube.com/playlist?list=", ""), "YouTube"),
    ("lite-vimeo", Page("videoid", "https://vimeo.com/", ""), "Vimeo"),
    ("amp-mathml", Formula("data-formula"), ""),
    ("amp-ad", Nothing, ""),
    ("amp-ad-exit", Nothing, ""),
    ("amp-analytics", Nothing, ""),
    ("amp-auto-ads", Nothing, ""),
    ("amp-call-tracking", Nothing, ""),
    ("amp-consent", Nothing, ""),
    ("amp-date-picker", Nothing, ""),
    ("amp-embed", Nothing, ""),
    ("amp-experiment", Nothing, ""),
    ("amp-geo", Nothing, ""),
    ("amp-install-serviceworker", Nothing, ""),
    ("amp-next-page", Nothing, ""),
    ("amp-onetap-google", Nothing, ""),
    ("amp-pixel", Nothing, ""),
    ("amp-sidebar", Nothing, ""),
    ("amp-smartlinks", Nothing, ""),
    ("amp-social-share", Nothing, ""),
    ("amp-state", Nothing, ""),
    ("amp-sticky-ad", Nothing, ""),
    ("amp-user-notification", Nothing, ""),
    ("amp-web-push", Nothing, ""),
];

/// The rows of an element.
pub(super) fn rows(name: &str) -> impl Iterator<Item = (Amp, &'static str)> {
    AMP.iter().filter(move |(known, ..)| *known == name).map(|&(_, replacement, label)| (replacement, label))
}

/// The URL of an [`Amp::Page`].
pub(super) fn page(before: &str, id: &str, after: &str) -> Option<String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let id = id.trim();
    (!id.is_empty() && id.chars().all(plain)).then(|| format!("{before}{id}{after}"))
}

/// The URL of an [`Amp::Template`]. `None` if an attribute is missing.
pub(super) fn filled<'a>(template: &str, attribute: impl Fn(&str) -> Option<&'a str>) -> Option<String> {
    let mut address = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, after) = after.split_once('}')?;
        address.push_str(before);
        address = page(&address, attribute(name)?, "")?;
        rest = after;
    }
    address.push_str(rest);
    Some(address)
}
