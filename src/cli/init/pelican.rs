//! Pelican's configuration: `pelicanconf.py`, then `publishconf.py`. Both are programs, of which only literals are read.

use super::literals::Language;
use super::settings::{Setting, Settings};
use super::site::{Site, article_folders};

pub(super) fn load(settings: &mut Settings<'_>) -> bool {
    let is_found = settings.load_program("pelicanconf.py", Language::Python, None);
    settings.load_program("publishconf.py", Language::Python, None) || is_found
}

pub(super) fn site(settings: &Settings<'_>) -> Site {
    let folder = |key: &'static str, default: &str| {
        let text = settings.line(&[&[key]]).map_or_else(|| default.to_owned(), |text| text.to_string());
        text.trim_end_matches('/').to_owned()
    };
    let content = folder("PATH", ".");
    let output = folder("OUTPUT_PATH", "output");
    let pages = settings.find(&["PAGE_PATHS"]).or_else(|| settings.find(&["PAGE_DIR"]));
    let pages: Vec<String> = match pages {
        Some(pages) => pages.items().filter_map(|page| page.text().map(str::to_owned)).collect(),
        None => vec!["pages".to_owned()],
    };
    let mut ignore: Vec<String> = pages.iter().map(|page| format!("/{}/", page.trim_matches('/'))).collect();
    let excluded = settings.find(&["ARTICLE_EXCLUDES"]).into_iter().flat_map(Setting::items);
    ignore.extend(excluded.filter_map(|path| Some(format!("/{}/", path.text()?.trim_matches('/')))));
    if content == "." {
        ignore.push(format!("/{output}/"));
        ignore.push("/.dateline/".to_owned());
    }
    let status = settings.find(&["DEFAULT_METADATA"]).and_then(|defaults| defaults.at("status"));
    if let Some(status) = status.filter(|status| status.text().is_some_and(|status| status != "published")) {
        let message = "articles without a `Status` aren't published here, but dateline publishes them";
        settings.report(status, message, "write `Status: draft` into these articles before the first start");
    }
    let permalink = settings.find(&["ARTICLE_URL"]).and_then(|setting| settings.permalink(setting, setting.text()?));
    let is_of_name = settings.find(&["SLUGIFY_SOURCE"]).and_then(Setting::text) == Some("basename");
    // A key that is absent has its default.
    let feed = |key: &str, default: Option<&str>| match settings.find(&[key]) {
        Some(setting) => setting.text().map(str::to_owned),
        None => default.map(str::to_owned),
    };
    let all = feed("FEED_ALL_ATOM", Some("feeds/all.atom.xml")).or_else(|| feed("FEED_ALL_RSS", None));
    let old_feed = all.or_else(|| feed("FEED_ATOM", None)).or_else(|| feed("FEED_RSS", None));
    let ignored_folders: Vec<String> = ignore.iter().map(|pattern| pattern.trim_matches('/').to_owned()).collect();
    let is_ignored = |name: &str| ignored_folders.iter().any(|ignored| ignored == name) || name == "images";
    let max_items = match settings.find(&["FEED_MAX_ITEMS"]) {
        Some(setting) => setting.text().and_then(|text| text.parse().ok()),
        None => Some(100),
    };
    Site {
        title: settings.line(&[&["SITENAME"]]),
        description: settings.line(&[&["SITESUBTITLE"], &["SITEDESCRIPTION"]]),
        home: settings.website(settings.find(&["SITEURL"])),
        language: settings.language(&[&["DEFAULT_LANG"]]),
        timezone: settings.timezone(&[&["TIMEZONE"]]),
        copyright: settings.line(&[&["COPYRIGHT"]]),
        author: settings.line(&[&["AUTHOR"]]),
        sections: article_folders(&settings.directory().join(&content), is_ignored),
        content,
        permalink: permalink.unwrap_or_else(|| "{slug}.html".to_owned()),
        slugs: if is_of_name { "pelican-name" } else { "pelican" },
        ignore,
        tags: ["TAG_FEED_ATOM", "TAG_FEED_RSS"].iter().any(|key| feed(key, None).is_some())
            || feed("CATEGORY_FEED_ATOM", Some("")).is_some(),
        authors: feed("AUTHOR_FEED_ATOM", Some("")).is_some() || feed("AUTHOR_FEED_RSS", Some("")).is_some(),
        max_items,
        old_feed: old_feed.map(|path| (format!("{output}/{path}"), path)),
    }
}
