//! Replaces frames and plug-ins by links to their content, because feed readers don't show them.

use url::Url;

use super::trackers::{is_host, is_tracker};

/// How to derive the URL of a page from a player's URL.
enum Page {
    /// The URL itself.
    Same,
    /// The text between the first and the second string, inserted between the third and the fourth.
    Id(&'static str, &'static str, &'static str, &'static str),
    /// The value of the query parameter, inserted between the second and the third string.
    Query(&'static str, &'static str, &'static str),
    /// The value of the query parameter.
    Address(&'static str),
    /// The same path on another host.
    Host(&'static str),
    /// The path up to its segment `embed`.
    BeforeEmbed,
}

use Page::{Address, BeforeEmbed, Host, Id, Query, Same};

/// Players by host and path prefix, with the player's name. The first matching row counts. If the page's URL can't be derived, the player's
/// URL is used. YouTube has its own function.
const PLAYERS: &[(&str, &str, Page, &str)] = &[
    ("player.vimeo.com", "/video/", Id("/video/", "", "https://vimeo.com/", ""), "Vimeo"),
    ("vimeo.com", "/", Same, "Vimeo"),
    ("geo.dailymotion.com", "/", Query("video", "https://www.dailymotion.com/video/", ""), "Dailymotion"),
    (
        "dailymotion.com",
        "/embed/video/",
        Id("/embed/video/", "", "https://www.dailymotion.com/video/", ""),
        "Dailymotion",
    ),
    ("dailymotion.com", "/", Same, "Dailymotion"),
    ("player.bilibili.com", "/", Query("bvid", "https://www.bilibili.com/video/", ""), "bilibili"),
    ("v.qq.com", "/", Query("vid", "https://v.qq.com/x/page/", ".html"), "Tencent Video"),
    ("player.youku.com", "/embed/", Id("/embed/", "", "https://v.youku.com/v_show/id_", ".html"), "Youku"),
    ("open.spotify.com", "/embed/", Id("/embed/", "", "https://open.spotify.com/", ""), "Spotify"),
    ("open.spotify.com", "/", Same, "Spotify"),
    ("w.soundcloud.com", "/player", Address("url"), "SoundCloud"),
    ("embed.podcasts.apple.com", "/", Host("podcasts.apple.com"), "Apple Podcasts"),
    ("embed.music.apple.com", "/", Host("music.apple.com"), "Apple Music"),
    ("bandcamp.com", "/", Same, "Bandcamp"),
    ("mixcloud.com", "/", Same, "Mixcloud"),
    ("widget.deezer.com", "/widget/", Same, "Deezer"),
    ("embed.acast.com", "/", Same, "Acast"),
    ("player.megaphone.fm", "/", Same, "Megaphone"),
    ("embeds.audioboom.com", "/", BeforeEmbed, "Audioboom"),
    ("omny.fm", "/", BeforeEmbed, "Omny"),
    ("share.transistor.fm", "/e/", Id("/e/", "", "https://share.transistor.fm/s/", ""), "Transistor"),
    ("buzzsprout.com", "/", Same, "Buzzsprout"),
    ("spreaker.com", "/", Same, "Spreaker"),
    ("simplecast.com", "/", Same, "Simplecast"),
    ("podbean.com", "/", Same, "Podbean"),
    ("libsyn.com", "/", Same, "Libsyn"),
    ("clips.twitch.tv", "/embed", Query("clip", "https://clips.twitch.tv/", ""), "Twitch"),
    ("player.twitch.tv", "/", Query("channel", "https://www.twitch.tv/", ""), "Twitch"),
    ("facebook.com", "/plugins/", Address("href"), "Facebook"),
    ("facebook.com", "/", Same, "Facebook"),
    ("instagram.com", "/", BeforeEmbed, "Instagram"),
    ("platform.twitter.com", "/embed/", Query("id", "https://twitter.com/i/status/", ""), "Twitter"),
    ("platform.x.com", "/embed/", Query("id", "https://x.com/i/status/", ""), "X"),
    ("tiktok.com", "/", Same, "TikTok"),
    ("embed.reddit.com", "/", Host("www.reddit.com"), "Reddit"),
    ("redditmedia.com", "/", Host("www.reddit.com"), "Reddit"),
    ("threads.net", "/", BeforeEmbed, "Threads"),
    ("threads.com", "/", BeforeEmbed, "Threads"),
    ("embed.bsky.app", "/", Same, "Bluesky"),
    ("google.com", "/maps", Same, "Google Maps"),
    ("maps.google.com", "/", Same, "Google Maps"),
    ("docs.google.com", "/forms/", Same, "Google Forms"),
    ("docs.google.com", "/", Same, "Google Docs"),
    ("drive.google.com", "/", Same, "Google Drive"),
    ("openstreetmap.org", "/", Same, "OpenStreetMap"),
    ("datawrapper.dwcdn.net", "/", Same, "Datawrapper"),
    (
        "flo.uri.sh",
        "/visualisation/",
        Id("/visualisation/", "/embed", "https://public.flourish.studio/visualisation/", "/"),
        "Flourish",
    ),
    ("flourish.studio", "/", Same, "Flourish"),
    ("e.infogram.com", "/", Host("infogram.com"), "Infogram"),
    ("infogram.com", "/", Same, "Infogram"),
    ("public.tableau.com", "/", Same, "Tableau"),
    ("embed.documentcloud.org", "/", Host("www.documentcloud.org"), "DocumentCloud"),
    ("documentcloud.org", "/", Same, "DocumentCloud"),
    ("scribd.com", "/embeds/", Id("/embeds/", "/content", "https://www.scribd.com/document/", ""), "Scribd"),
    ("slideshare.net", "/", Same, "SlideShare"),
    ("issuu.com", "/", Same, "Issuu"),
    ("archive.org", "/embed/", Id("/embed/", "", "https://archive.org/details/", ""), "Internet Archive"),
    ("streamable.com", "/e/", Id("/e/", "", "https://streamable.com/", ""), "Streamable"),
    ("streamable.com", "/o/", Id("/o/", "", "https://streamable.com/", ""), "Streamable"),
    ("rumble.com", "/", Same, "Rumble"),
    ("odysee.com", "/", Same, "Odysee"),
    ("loom.com", "/embed/", Id("/embed/", "", "https://www.loom.com/share/", ""), "Loom"),
    ("embed.ted.com", "/", Host("www.ted.com"), "TED"),
    ("wistia.net", "/", Same, "Wistia"),
    ("wistia.com", "/", Same, "Wistia"),
    ("players.brightcove.net", "/", Same, "Brightcove"),
    ("cdn.jwplayer.com", "/", Same, "JW Player"),
    ("content.jwplatform.com", "/", Same, "JW Player"),
    ("arte.tv", "/", Same, "Arte"),
    ("rutube.ru", "/play/embed/", Id("/play/embed/", "", "https://rutube.ru/video/", "/"), "Rutube"),
    ("vk.com", "/", Same, "VK"),
    ("ok.ru", "/videoembed/", Id("/videoembed/", "", "https://ok.ru/video/", ""), "OK"),
    ("embed.nicovideo.jp", "/watch/", Id("/watch/", "", "https://www.nicovideo.jp/watch/", ""), "Niconico"),
    ("codepen.io", "/", Same, "CodePen"),
    ("jsfiddle.net", "/", Same, "JSFiddle"),
    ("gist.github.com", "/", Same, "GitHub Gist"),
    ("imgur.com", "/", Same, "Imgur"),
    ("giphy.com", "/embed/", Id("/embed/", "", "https://giphy.com/gifs/", ""), "GIPHY"),
    ("typeform.com", "/", Same, "Typeform"),
    ("genius.com", "/", Same, "Genius"),
    ("knightlab.com", "/", Same, "Knight Lab"),
];

const YOUTUBE: &[&str] = &["youtube.com", "youtube-nocookie.com", "youtu.be"];

/// A link to the content of a frame.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Embed {
    /// The address. May be relative.
    pub(super) address: String,
    /// The player's name, or else the host. `None` if the address is relative.
    pub(super) name: Option<String>,
}

/// Whether an address belongs to a tracker or an advertisement.
pub(super) fn is_tracker_address(address: &str) -> bool {
    let address = address.trim();
    let absolute = if address.starts_with("//") { format!("https:{address}") } else { address.to_owned() };
    Url::parse(&absolute).is_ok_and(|url| is_tracker(url.as_str()))
}

/// The link for an embedded address. `None` for trackers, advertisements, and addresses without a page.
pub(super) fn embed(address: &str) -> Option<Embed> {
    let address = address.trim();
    let absolute = if address.starts_with("//") { format!("https:{address}") } else { address.to_owned() };
    let url = match Url::parse(&absolute) {
        Ok(url) if matches!(url.scheme(), "http" | "https") => url,
        Ok(_) => return None,
        Err(url::ParseError::RelativeUrlWithoutBase) if !address.is_empty() && !address.starts_with('#') => {
            return Some(Embed { address: address.to_owned(), name: None });
        }
        Err(_) => return None,
    };
    if is_tracker(url.as_str()) {
        return None;
    }
    let host = url.host_str().unwrap_or_default();
    if YOUTUBE.iter().any(|known| is_host(host, known)) {
        let address = youtube(&url).unwrap_or(absolute);
        return Some(Embed { address, name: Some("YouTube".to_owned()) });
    }
    let player = PLAYERS.iter().find(|(known, path, ..)| is_host(host, known) && url.path().starts_with(path));
    let mut page = player.and_then(|(.., page, _)| page.of(&url)).filter(|page| Url::parse(page).is_ok());
    // An unlisted video needs its hash in the URL.
    if host == "player.vimeo.com"
        && let (Some(page), Some(hash)) = (&mut page, parameter(&url, "h").filter(|hash| is_id(hash)))
    {
        page.push('/');
        page.push_str(&hash);
    }
    let name = player.map_or(host, |(.., name)| name);
    Some(Embed { address: page.unwrap_or(absolute), name: Some(name.to_owned()) })
}

impl Page {
    fn of(&self, url: &Url) -> Option<String> {
        match *self {
            Same => None,
            Id(before, after, start, end) => {
                let id = url.path().strip_prefix(before)?.trim_end_matches('/');
                let id = id.strip_suffix(after).unwrap_or(id);
                (!id.is_empty()).then(|| format!("{start}{id}{end}"))
            }
            Query(name, start, end) => {
                let value = parameter(url, name)?;
                let is_plain = value.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'));
                is_plain.then(|| format!("{start}{value}{end}"))
            }
            Address(name) => {
                let page = Url::parse(&parameter(url, name)?).ok()?;
                let is_page = matches!(page.scheme(), "http" | "https")
                    && page.host_str().is_some_and(|host| !host.starts_with("api."));
                is_page.then(|| page.into())
            }
            Host(host) => {
                let mut page = url.clone();
                page.set_host(Some(host)).ok()?;
                Some(page.into())
            }
            BeforeEmbed => {
                let (before, _) = url.path().split_once("/embed")?;
                let mut page = url.clone();
                page.set_path(&format!("{before}/"));
                page.set_query(None);
                Some(page.into())
            }
        }
    }
}

/// The page of a video or a playlist, with the start time in seconds.
fn youtube(url: &Url) -> Option<String> {
    const WATCH: &str = "https://www.youtube.com/watch?v=";
    const PLAYLIST: &str = "https://www.youtube.com/playlist?list=";
    let segments = url.path_segments()?.filter(|segment| !segment.is_empty()).collect::<Vec<_>>();
    let list = parameter(url, "list").filter(|list| is_id(list));
    match *segments.as_slice() {
        ["embed", "videoseries"] | ["embed"] | ["playlist"]
            if parameter(url, "listType").is_none_or(|kind| kind == "playlist") =>
        {
            Some(format!("{PLAYLIST}{}", list?))
        }
        ["embed"] => match parameter(url, "listType")?.as_str() {
            "user_uploads" => Some(format!("https://www.youtube.com/@{}", list?.trim_start_matches('@'))),
            _ => None,
        },
        ["embed", "live_stream"] => {
            let channel = parameter(url, "channel").filter(|channel| is_id(channel))?;
            Some(format!("https://www.youtube.com/channel/{channel}/live"))
        }
        ["p", id] if is_id(id) => Some(format!("{PLAYLIST}PL{id}")),
        ["embed" | "v" | "e", written] => {
            // Old embed codes have `&` instead of `?`.
            let (id, rest) = written.split_once('&').unwrap_or((written, ""));
            let list = list.or_else(|| rest.split('&').find_map(|pair| pair.strip_prefix("list=")).map(str::to_owned));
            let mut page = format!("{WATCH}{}", Some(id).filter(|id| is_id(id))?);
            if let Some(list) = list.filter(|list| is_id(list)) {
                page.push_str("&list=");
                page.push_str(&list);
            }
            let start = parameter(url, "start").filter(|start| start.bytes().all(|byte| byte.is_ascii_digit()));
            if let Some(start) = start.filter(|start| !start.is_empty()) {
                page.push_str("&t=");
                page.push_str(&start);
                page.push('s');
            }
            Some(page)
        }
        _ => None,
    }
}

fn is_id(id: &str) -> bool {
    !id.is_empty() && id.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '@' | '.'))
}

fn parameter(url: &Url, name: &str) -> Option<String> {
    url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn players_link_to_pages() {
        let cases = [
            ("https://www.youtube.com/embed/aB3?rel=0", "https://www.youtube.com/watch?v=aB3", "YouTube"),
            ("//www.youtube-nocookie.com/embed/aB3", "https://www.youtube.com/watch?v=aB3", "YouTube"),
            ("https://youtube.com/embed/aB3?start=90&end=99", "https://www.youtube.com/watch?v=aB3&t=90s", "YouTube"),
            ("https://m.youtube.com/v/aB3&hl=en", "https://www.youtube.com/watch?v=aB3", "YouTube"),
            (
                "https://www.youtube.com/embed/videoseries?list=PLx_1",
                "https://www.youtube.com/playlist?list=PLx_1",
                "YouTube",
            ),
            (
                "https://www.youtube.com/embed?listType=playlist&list=PLx_1",
                "https://www.youtube.com/playlist?list=PLx_1",
                "YouTube",
            ),
            (
                "https://www.youtube.com/embed/?list=PLx_1&listType=playlist",
                "https://www.youtube.com/playlist?list=PLx_1",
                "YouTube",
            ),
            ("https://www.youtube.com/p/ABC", "https://www.youtube.com/playlist?list=PLABC", "YouTube"),
            (
                "https://www.youtube.com/embed/aB3?list=PLx_1",
                "https://www.youtube.com/watch?v=aB3&list=PLx_1",
                "YouTube",
            ),
            (
                "https://www.youtube.com/embed?listType=user_uploads&list=courier",
                "https://www.youtube.com/@courier",
                "YouTube",
            ),
            (
                "https://www.youtube.com/embed/live_stream?channel=UC1",
                "https://www.youtube.com/channel/UC1/live",
                "YouTube",
            ),
            ("https://www.youtube.com/watch?v=aB3", "https://www.youtube.com/watch?v=aB3", "YouTube"),
            ("https://player.vimeo.com/video/42?h=x", "https://vimeo.com/42/x", "Vimeo"),
            ("https://www.dailymotion.com/embed/video/x7?a=1", "https://www.dailymotion.com/video/x7", "Dailymotion"),
            (
                "https://geo.dailymotion.com/player/z.html?video=x7",
                "https://www.dailymotion.com/video/x7",
                "Dailymotion",
            ),
            ("//player.bilibili.com/player.html?bvid=BV1x&page=1", "https://www.bilibili.com/video/BV1x", "bilibili"),
            ("https://v.qq.com/txp/iframe/player.html?vid=a1", "https://v.qq.com/x/page/a1.html", "Tencent Video"),
            ("https://open.spotify.com/embed/episode/4a?utm=1", "https://open.spotify.com/episode/4a", "Spotify"),
            (
                "https://w.soundcloud.com/player/?url=https%3A//soundcloud.com/a/b&color=1",
                "https://soundcloud.com/a/b",
                "SoundCloud",
            ),
            (
                "https://w.soundcloud.com/player/?url=https%3A//api.soundcloud.com/tracks/1",
                "https://w.soundcloud.com/player/?url=https%3A//api.soundcloud.com/tracks/1",
                "SoundCloud",
            ),
            (
                "https://embed.podcasts.apple.com/gb/podcast/x/id1",
                "https://podcasts.apple.com/gb/podcast/x/id1",
                "Apple Podcasts",
            ),
            (
                "https://www.facebook.com/plugins/post.php?href=https%3A%2F%2Fwww.facebook.com%2Fa%2F1",
                "https://www.facebook.com/a/1",
                "Facebook",
            ),
            ("https://www.instagram.com/p/Cx1/embed/captioned/", "https://www.instagram.com/p/Cx1/", "Instagram"),
            ("https://platform.twitter.com/embed/Tweet.html?id=12", "https://twitter.com/i/status/12", "Twitter"),
            ("https://www.google.com/maps/embed?pb=1", "https://www.google.com/maps/embed?pb=1", "Google Maps"),
            (
                "https://flo.uri.sh/visualisation/12/embed",
                "https://public.flourish.studio/visualisation/12/",
                "Flourish",
            ),
            ("https://maps.example/x?y", "https://maps.example/x?y", "maps.example"),
            ("https://evil-youtube.com/embed/x", "https://evil-youtube.com/embed/x", "evil-youtube.com"),
            ("https://www.youtube.com/embed/a%22b", "https://www.youtube.com/embed/a%22b", "YouTube"),
        ];
        assert_eq!(cases.len(), 29);
        for (address, page, name) in cases {
            let expected = Embed { address: page.to_owned(), name: Some(name.to_owned()) };
            assert_eq!(embed(address), Some(expected), "{address}");
        }
        let relative = Embed { address: "map.html".into(), name: None };
        assert_eq!(embed("map.html"), Some(relative));
        for nothing in [
            "",
            "#x",
            "about:blank",
            "javascript:alert(1)",
            "data:text/html,x",
            "https://www.googletagmanager.com/ns.html?id=GTM-1",
            "https://ad.doubleclick.net/ddm/x",
            "//www.facebook.com/tr?id=1&noscript=1",
            "https:",
        ] {
            assert_eq!(embed(nothing), None, "{nothing}");
        }
    }
}
