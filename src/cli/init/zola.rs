//! Zola's configuration: `zola.toml` or `config.toml`.

use super::settings::{Setting, Settings};
use super::site::{Site, article_folders};

pub(super) fn load(settings: &mut Settings<'_>) -> bool {
    ["zola.toml", "config.toml"].iter().any(|name| settings.load(name, None))
}

pub(super) fn site(settings: &Settings<'_>) -> Site {
    let content = "content".to_owned();
    let feeds_of = |taxonomies: &[&str]| {
        settings.find(&["taxonomies"]).into_iter().flat_map(Setting::items).any(|taxonomy| {
            let name = taxonomy.at("name").and_then(Setting::text).unwrap_or_default();
            taxonomy.at("feed").and_then(Setting::text) == Some("true") && taxonomies.contains(&name)
        })
    };
    let spelling = settings.find_any(&[&["slugify", "paths"]]).and_then(Setting::text);
    let is_slugified = !matches!(spelling, Some("off" | "safe" | "false"));
    if let Some(languages) = settings.find(&["languages"]).filter(|languages| languages.entries().next().is_some()) {
        let message = "the site has several languages, which Zola publishes below addresses of their own";
        settings.report(languages, message, "give translations a `path` that begins with their language");
    }
    let has_feed =
        [["generate_feeds"], ["generate_feed"], ["generate_rss"]].iter().any(|keys| settings.flag(keys) == Some(true));
    let names = settings.find_any(&[&["feed_filenames"], &["feed_filename"]]);
    let name = names.and_then(|names| names.items().find_map(Setting::text)).unwrap_or("atom.xml").to_owned();
    let output = settings.line(&[&["output_dir"]]).map_or_else(|| "public".to_owned(), |text| text.to_string());
    Site {
        title: settings.line(&[&["title"]]),
        description: settings.line(&[&["description"]]),
        home: settings.website(settings.find(&["base_url"])),
        language: settings.language(&[&["default_language"]]),
        timezone: None,
        copyright: settings.line(&[&["extra", "copyright"]]),
        author: settings.line(&[&["author"], &["extra", "author"], &["extra", "author", "name"]]),
        sections: article_folders(&settings.directory().join(&content), |_| false),
        content,
        permalink: "{section}/{slug}/".to_owned(),
        slugs: if is_slugified { "zola" } else { "as-written" },
        ignore: settings
            .find(&["ignored_content"])
            .into_iter()
            .flat_map(Setting::items)
            .filter_map(|pattern| pattern.text().map(str::to_owned))
            .collect(),
        tags: feeds_of(&["tags", "categories"]),
        authors: feeds_of(&["authors"]),
        max_items: settings.number(&["feed_limit"]).filter(|limit| *limit > 0),
        old_feed: has_feed.then(|| (format!("{output}/{name}"), name)),
    }
}
