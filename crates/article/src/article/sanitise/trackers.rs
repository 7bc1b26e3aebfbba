//! Detects trackers and advertisements by their addresses, and invisible pictures by their size.

/// Hosts of trackers and advertisements, including their subdomains. The list contains services that newsrooms use, from EasyPrivacy,
/// EasyList and Miniflux's list of trackers.
const HOSTS: &[&str] = &[
    "2o7.net",
    "ad.gt",
    "addthis.com",
    "adform.net",
    "adnxs.com",
    "ads.linkedin.com",
    "ads.pinterest.com",
    "adsafeprotected.com",
    "agkn.com",
    "amazon-adsystem.com",
    "analytics.google.com",
    "analytics.tiktok.com",
    "analytics.twitter.com",
    "analytics.yahoo.com",
    "bat.bing.com",
    "bluekai.com",
    "casalemedia.com",
    "chartbeat.com",
    "chartbeat.net",
    "cnzz.com",
    "connect.facebook.net",
    "counter.theconversation.com",
    "counter.yadro.ru",
    "criteo.com",
    "criteo.net",
    "ct.pinterest.com",
    "demdex.net",
    "doubleclick.net",
    "effectivemeasure.net",
    "everesttech.net",
    "feeds.feedblitz.com",
    "google-analytics.com",
    "googleadservices.com",
    "googlesyndication.com",
    "googletagmanager.com",
    "googletagservices.com",
    "histats.com",
    "hm.baidu.com",
    "hotjar.com",
    "imrworldwide.com",
    "ioam.de",
    "ivwbox.de",
    "krxd.net",
    "mathtag.com",
    "mc.yandex.ru",
    "met.vgwort.de",
    "moatads.com",
    "omtrdc.net",
    "openx.net",
    "outbrain.com",
    "permutive.com",
    "pixel.parsely.com",
    "pixel.propublica.org",
    "pixel.wp.com",
    "pubmatic.com",
    "quantcount.com",
    "quantserve.com",
    "rlcdn.com",
    "rubiconproject.com",
    "scorecardresearch.com",
    "sharethis.com",
    "smartadserver.com",
    "statcounter.com",
    "stats.wp.com",
    "taboola.com",
    "tapad.com",
    "top-fwz1.mail.ru",
    "tr.snapchat.com",
    "webtrekk.net",
    "zqtk.net",
];

/// Trackers on hosts with other content: host and path prefix.
const PATHS: &[(&str, &str)] = &[
    ("facebook.com", "/tr"),
    ("feeds.feedburner.com", "/~r/"),
    ("feeds.feedburner.com", "/~ff/"),
    ("google.com", "/ads/"),
    ("google.com", "/pagead/"),
    ("linkedin.com", "/px/"),
    ("medium.com", "/_/stat"),
    ("reddit.com", "/rp.gif"),
    ("t.co", "/i/adsct"),
    ("vk.com", "/rtrg"),
];

/// File names of trackers that run on a site's own host (Matomo, its former name Piwik, Open Web Analytics).
const FILES: &[&str] = &["matomo.php", "piwik.php", "tracking-pixel.gif"];

/// Whether an address belongs to a tracker or an advertisement.
pub(super) fn is_tracker(address: &str) -> bool {
    let Some((host, path)) = host_and_path(address) else { return false };
    let file = path.split(['?', '#']).next().and_then(|path| path.rsplit('/').next()).unwrap_or_default();
    HOSTS.iter().any(|known| is_host(&host, known))
        || PATHS.iter().any(|(known, start)| {
            let rest = path.strip_prefix(start);
            is_host(&host, known)
                && rest.is_some_and(|rest| start.ends_with('/') || rest.is_empty() || rest.starts_with(['/', '?']))
        })
        || FILES.contains(&file)
}

/// Whether a host is `known` or a subdomain of it.
pub(super) fn is_host(host: &str, known: &str) -> bool {
    host.strip_suffix(known).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

/// The host of an absolute URL in lower case and without port, and the rest of the URL.
pub(super) fn host_and_path(address: &str) -> Option<(String, &str)> {
    let address = address.trim();
    let (scheme, rest) = address.split_once("//")?;
    let is_web = ["", "http:", "https:"].iter().any(|web| web.eq_ignore_ascii_case(scheme));
    let end = rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len());
    let authority = rest.get(..end)?;
    let host = authority.rsplit('@').next().unwrap_or_default();
    let host = host.split(':').next().unwrap_or_default();
    (is_web && !host.is_empty()).then(|| (host.to_ascii_lowercase(), rest.get(end..).unwrap_or_default()))
}

/// Whether a picture or frame is too small to be visible, according to its attributes or its inline style.
pub(super) fn is_pixel<'a>(attribute: impl Fn(&str) -> Option<&'a str>) -> bool {
    let style = attribute("style").unwrap_or_default().to_ascii_lowercase();
    let tiny = |name: &str| {
        let declared = style.split(';').filter_map(|declaration| declaration.split_once(':'));
        let styled = declared.filter(|(property, _)| property.trim() == name).map(|(_, value)| value).next_back();
        let size = styled.or_else(|| attribute(name)).map(|size| size.trim().trim_end_matches("px"));
        size.and_then(|size| size.parse::<f32>().ok()).is_some_and(|size| size <= 2.0)
    };
    tiny("width") && tiny("height")
}
