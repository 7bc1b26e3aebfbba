//! Hugo's configuration: `hugo.toml` (or YAML, JSON, the older `config.toml`), then the files in `config/_default`.

use super::settings::{Setting, Settings};
use super::site::{Site, article_folders};

/// Files in `config/_default` whose name is the table that they contain.
const TABLES: [&str; 9] =
    ["params", "permalinks", "taxonomies", "languages", "services", "outputs", "author", "menus", "cascade"];

pub(super) fn load(settings: &mut Settings<'_>) -> bool {
    let extensions = ["toml", "yaml", "yml", "json"];
    let mut is_found = false;
    for folder in ["", "config/_default/"] {
        // Of several files, Hugo reads the first.
        let names = ["hugo", "config"].iter().flat_map(|stem| extensions.map(|end| format!("{folder}{stem}.{end}")));
        is_found |= names.into_iter().any(|name| settings.load(&name, None));
        if !folder.is_empty() {
            for table in TABLES {
                is_found |= extensions.iter().any(|end| settings.load(&format!("{folder}{table}.{end}"), Some(table)));
            }
        }
    }
    is_found
}

pub(super) fn site(settings: &Settings<'_>) -> Site {
    let language = settings.find(&["defaultContentLanguage"]).and_then(Setting::text).unwrap_or("en").to_owned();
    let in_language = |key: &'static str| settings.line(&[&["languages", &language, key], &[key]]);
    let content = in_language("contentDir").map_or_else(|| "content".to_owned(), |text| text.to_string());
    let languages = settings.find(&["languages"]);
    if let Some(languages) = languages.filter(|languages| languages.entries().count() > 1) {
        let message = "the site has several languages, which Hugo publishes below addresses of their own";
        let help = "make a dateline.toml for each language, or give translations a `link`";
        settings.report(languages, message, help);
    }
    if let Some(cascade) = settings.find(&["cascade"]) {
        let message = "dateline doesn't read a `cascade` in the configuration";
        settings.report(cascade, message, "write its keys about publication into `_index.md` or the articles");
    }
    let disabled: Vec<&str> =
        settings.find(&["disableKinds"]).into_iter().flat_map(Setting::items).filter_map(Setting::text).collect();
    let has_terms = !["term", "taxonomy", "RSS", "rss"].iter().any(|kind| disabled.contains(kind));
    let taxonomies = settings.find(&["taxonomies"]);
    let has_taxonomy = |names: &[&str]| {
        let stated = |found: Setting<'_>| {
            found.entries().any(|(_, plural)| plural.text().is_some_and(|plural| names.contains(&plural)))
        };
        taxonomies.map(stated)
    };
    let (permalink, slugs) = permalink(settings);
    let published = settings.line(&[&["publishDir"]]).map_or_else(|| "public".to_owned(), |text| text.to_string());
    let limit = settings.number(&["services", "rss", "limit"]).or_else(|| settings.number(&["rssLimit"]));
    Site {
        title: in_language("title"),
        description: settings.line(&[&["params", "description"], &["params", "subtitle"]]),
        home: settings.website(settings.find_any(&[&["languages", &language, "baseURL"], &["baseURL"]])),
        language: settings.language(&[
            &["languages", &language, "locale"],
            &["languages", &language, "languageCode"],
            &["locale"],
            &["languageCode"],
            &["defaultContentLanguage"],
        ]),
        timezone: settings.timezone(&[&["timeZone"]]),
        copyright: in_language("copyright"),
        author: settings.line(&[
            &["params", "author", "name"],
            &["params", "author"],
            &["author", "name"],
            &["author"],
        ]),
        sections: article_folders(&settings.directory().join(&content), |_| false),
        content,
        permalink,
        slugs,
        ignore: Vec::new(),
        tags: has_terms && has_taxonomy(&["tags", "categories"]).unwrap_or(true),
        authors: has_terms && has_taxonomy(&["authors"]).unwrap_or(false),
        max_items: limit.filter(|limit| *limit > 0),
        old_feed: Some((format!("{published}/index.xml"), "index.xml".to_owned())),
    }
}

/// The path of articles' addresses, and the spelling of slugs.
fn permalink(settings: &Settings<'_>) -> (String, &'static str) {
    let end = if settings.flag(&["uglyURLs"]) == Some(true) { ".html" } else { "/" };
    let default = format!("{{section}}/{{slug}}{end}");
    let slugs = if settings.flag(&["disablePathToLower"]) == Some(true) { "as-written" } else { "hugo" };
    let pages = settings.find(&["permalinks", "page"]).filter(|pages| pages.entries().next().is_some());
    let stated = pages.or_else(|| settings.find(&["permalinks"]));
    let patterns: Vec<(&str, Setting<'_>, &str)> = stated
        .into_iter()
        .flat_map(Setting::entries)
        .filter_map(|(section, setting)| Some((section, setting, setting.text()?)))
        .collect();
    let Some((_, setting, pattern)) = patterns.first() else { return (default, slugs) };
    for (section, setting, _) in patterns.iter().filter(|(_, _, other)| other != pattern) {
        let message = format!("articles of `{}` have addresses of another form", section.escape_debug());
        let help = "dateline has one `content.article_url`; give these articles a `link`, or publish them with a configuration of their own";
        settings.report(*setting, message, help);
    }
    let is_of_title = [":title", ":slug"].iter().any(|token| {
        pattern.match_indices(token).any(|(at, _)| {
            let after = pattern.get(at + token.len()..).and_then(|rest| rest.chars().next());
            after.is_none_or(|after| !after.is_alphanumeric())
        })
    });
    match settings.permalink(*setting, pattern) {
        Some(path) => (path, if is_of_title { "hugo-title" } else { slugs }),
        None => (default, slugs),
    }
}
