//! Jekyll's configuration: `_config.yml`, `_config.yaml` or `_config.toml`.

use super::settings::{Setting, Settings};
use super::site::Site;

/// The named forms of addresses.
const STYLES: [(&str, &str); 5] = [
    ("date", "/:categories/:year/:month/:day/:title:output_ext"),
    ("pretty", "/:categories/:year/:month/:day/:title/"),
    ("ordinal", "/:categories/:year/:y_day/:title:output_ext"),
    ("weekdate", "/:categories/:year/W:week/:short_day/:title:output_ext"),
    ("none", "/:categories/:title:output_ext"),
];

pub(super) fn load(settings: &mut Settings<'_>) -> bool {
    ["_config.yml", "_config.yaml", "_config.toml"].iter().any(|name| settings.load(name, None))
}

pub(super) fn site(settings: &Settings<'_>) -> Site {
    let folder = |key: &'static str, default: &str| {
        settings.line(&[&[key]]).map_or_else(|| default.to_owned(), |text| text.to_string())
    };
    let content = folder("source", ".");
    let home = settings.find(&["url"]).and_then(|setting| {
        let base = settings.find(&["baseurl"]).and_then(Setting::text).unwrap_or_default();
        let url = setting.text()?.trim_end_matches('/');
        settings.website_of(setting, format!("{url}/{}", base.trim_matches('/')).trim_end_matches('/'))
    });
    let defaults = || settings.find(&["defaults"]).into_iter().flat_map(Setting::items);
    for unpublished in defaults().filter_map(|default| default.at("values")?.at("published")) {
        if unpublished.text() == Some("false") {
            let message =
                "posts are unpublished by default here, but dateline publishes what doesn't say `published: false`";
            settings.report(unpublished, message, "write `published: false` into these posts before the first start");
        }
    }
    let is_for_posts = |default: &Setting<'_>| {
        let kind = default.at("scope").and_then(|scope| scope.at("type")).and_then(Setting::text);
        kind.is_none_or(|kind| kind == "posts")
    };
    let of_defaults = defaults().filter(is_for_posts).find_map(|default| default.at("values")?.at("permalink"));
    let permalink = of_defaults
        .or_else(|| settings.find_any(&[&["collections", "posts", "permalink"], &["permalink"]]))
        .and_then(|setting| {
            let text = setting.text()?;
            let pattern = STYLES.iter().find(|(name, _)| *name == text).map_or(text, |(_, pattern)| pattern);
            settings.permalink(setting, pattern)
        });
    let default = "{categories}/{year}/{month}/{day}/{slug}.html";
    let plugins = ["plugins", "gems", "whitelist"].map(|key| settings.find(&[key]));
    let has_feed = plugins
        .into_iter()
        .flatten()
        .flat_map(Setting::items)
        .any(|plugin| matches!(plugin.text(), Some("jekyll-feed" | "github-pages")));
    let path = settings.line(&[&["feed", "path"]]).map_or_else(|| "feed.xml".to_owned(), |text| text.to_string());
    let path = path.trim_start_matches('/').to_owned();
    let limit = settings.number(&["feed", "posts_limit"]);
    Site {
        title: settings.line(&[&["title"], &["name"]]),
        description: settings.line(&[&["description"], &["tagline"]]),
        home,
        language: settings.language(&[&["lang"], &["locale"], &["language"]]),
        timezone: settings.timezone(&[&["timezone"]]),
        copyright: settings.line(&[&["copyright"]]),
        author: settings.line(&[&["author", "name"], &["author"]]),
        ignore: ignored(settings, &content, &folder("destination", "_site")),
        content,
        permalink: permalink.unwrap_or_else(|| default.to_owned()),
        slugs: "jekyll",
        sections: Vec::new(),
        tags: settings.find(&["feed", "tags"]).is_some_and(|tags| tags.text() != Some("false")),
        authors: false,
        max_items: has_feed.then(|| limit.filter(|limit| *limit > 0).unwrap_or(10)),
        old_feed: has_feed.then(|| (format!("{}/{path}", folder("destination", "_site")), path)),
    }
}

/// Everything in the source directory that Jekyll doesn't take for posts.
fn ignored(settings: &Settings<'_>, content: &str, destination: &str) -> Vec<String> {
    let mut patterns: Vec<String> =
        ["_layouts/", "_includes/", "_sass/", "_data/", "vendor/"].iter().map(|folder| (*folder).to_owned()).collect();
    let excluded = settings.find(&["exclude"]).into_iter().flat_map(Setting::items).filter_map(Setting::text);
    let inside = |path: &str| format!("/{}", path.trim_start_matches("./").trim_start_matches('/'));
    if content == "." {
        patterns.push(format!("{}/", inside(destination).trim_end_matches('/')));
        patterns.push("/.dateline/".to_owned());
    }
    patterns.extend(excluded.map(inside));
    patterns
}
