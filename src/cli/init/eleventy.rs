//! Eleventy's configuration: a program, of which only literals are read, the data files `_data/site` and `_data/metadata`, and the data
//! files of folders, which state the addresses of articles.

use super::literals::Language;
use super::settings::{Setting, Settings};
use super::site::{Site, article_folders};

const PROGRAMS: [&str; 5] =
    [".eleventy.js", "eleventy.config.js", "eleventy.config.mjs", "eleventy.config.cjs", "eleventy.config.ts"];

pub(super) fn load(settings: &mut Settings<'_>) -> bool {
    let is_found = PROGRAMS.iter().any(|name| settings.load_program(name, Language::JavaScript, None));
    let input = input(settings);
    let data = settings.line(&[&["dir", "data"]]).map_or_else(|| "_data".to_owned(), |text| text.to_string());
    for name in ["site", "metadata"] {
        let path = format!("{input}/{data}/{name}");
        let is_data = settings.load(&format!("{path}.json"), Some("_data"));
        let programs = ["js", "mjs", "cjs"];
        let _ = is_data
            || programs
                .iter()
                .any(|end| settings.load_program(&format!("{path}.{end}"), Language::JavaScript, Some("_data")));
    }
    if is_found {
        for folder in article_folders(&settings.directory().join(&input), |name| name == "node_modules") {
            let path = format!("{input}/{folder}/{folder}");
            let table = data_of(&folder);
            for end in ["json", "11tydata.json"] {
                settings.load(&format!("{path}.{end}"), Some(&table));
            }
            for end in ["11tydata.js", "11tydata.mjs", "11tydata.cjs"] {
                settings.load_program(&format!("{path}.{end}"), Language::JavaScript, Some(&table));
            }
        }
    }
    is_found
}

/// The table that the data of a folder is loaded into.
fn data_of(folder: &str) -> String {
    format!("{folder}/")
}

/// The address that the data of folders states. Reports folders with another one.
fn permalink(settings: &Settings<'_>, sections: &[String]) -> Option<String> {
    let stated = |section: &String| {
        let setting = settings.find(&[&data_of(section), "permalink"])?;
        // `false` isn't an address: the articles aren't published.
        let text = setting.text().filter(|text| text.contains('/'))?;
        Some((section.clone(), setting, text.to_owned()))
    };
    let mut chosen: Option<(String, String)> = None;
    for (section, setting, pattern) in sections.iter().filter_map(stated) {
        match &chosen {
            None => {
                let path = settings.permalink(setting, pattern.trim_start_matches('/'));
                chosen = path.map(|path| (pattern, path));
            }
            Some((first, _)) if *first != pattern => {
                let message = format!("articles of `{}` have addresses of another form", section.escape_debug());
                let help = "dateline has one `content.article_url`; write a `permalink` into these articles";
                settings.report(setting, message, help);
            }
            Some(_) => {}
        }
    }
    chosen.map(|(_, path)| path)
}

fn input(settings: &Settings<'_>) -> String {
    let set = settings.line(&[&["dir", "input"], &["eleventyConfig.setInputDirectory"]]);
    let input = set.map_or_else(|| ".".to_owned(), |text| text.to_string());
    let input = input.trim_start_matches("./").trim_end_matches('/');
    if input.is_empty() { ".".to_owned() } else { input.to_owned() }
}

pub(super) fn site(settings: &Settings<'_>) -> Site {
    let content = input(settings);
    let folder = |keys: &[&[&str]], default: &str| {
        let text = settings.line(keys).map_or_else(|| default.to_owned(), |text| text.to_string());
        text.trim_start_matches("./").trim_matches('/').to_owned()
    };
    let output = folder(&[&["dir", "output"], &["eleventyConfig.setOutputDirectory"]], "_site");
    let mut ignore = vec![
        format!("/{}/", folder(&[&["dir", "includes"]], "_includes")),
        format!("/{}/", folder(&[&["dir", "data"]], "_data")),
    ];
    ignore.extend(
        settings.line(&[&["dir", "layouts"]]).map(|layouts| format!("/{}/", layouts.as_str().trim_matches('/'))),
    );
    if content == "." {
        ignore.push(format!("/{output}/"));
        ignore.push("/.dateline/".to_owned());
    }
    let named = |keys: [&'static str; 5]| {
        let [first, second, third, fourth, fifth] = keys;
        settings.find_any(&[
            &["metadata", first],
            &["metadata", second],
            &["_data", first],
            &["_data", second],
            &["_data", third],
            &["_data", fourth],
            &["_data", fifth],
        ])
    };
    let line = |keys| named(keys).and_then(Setting::text).map(crate::types::Text::line).filter(|text| !text.is_empty());
    let has_feed = settings.find(&["outputPath"]).is_some() || settings.find(&["metadata"]).is_some();
    let path = settings.line(&[&["outputPath"]]).map_or_else(|| "feed.xml".to_owned(), |text| text.to_string());
    let path = path.trim_start_matches('/').to_owned();
    let limit = settings.number(&["collection", "limit"]);
    let sections = article_folders(&settings.directory().join(&content), |name| {
        name == "node_modules" || ignore.iter().any(|pattern| pattern.trim_matches('/') == name)
    });
    Site {
        title: line(["title", "name", "title", "name", "siteTitle"]),
        description: line(["subtitle", "description", "description", "subtitle", "tagline"]),
        home: settings.website(named(["base", "url", "url", "base", "siteUrl"])),
        language: settings.language(&[&["metadata", "language"], &["_data", "language"], &["_data", "lang"]]),
        timezone: None,
        copyright: line(["copyright"; 5]),
        author: settings.line(&[
            &["metadata", "author", "name"],
            &["metadata", "author"],
            &["_data", "author", "name"],
            &["_data", "author"],
        ]),
        permalink: permalink(settings, &sections).unwrap_or_else(|| "{path}/".to_owned()),
        sections,
        content,
        slugs: "as-written",
        ignore,
        tags: false,
        authors: false,
        max_items: has_feed.then(|| limit.unwrap_or(10)).filter(|limit| *limit > 0),
        old_feed: has_feed.then(|| (format!("{output}/{path}"), path)),
    }
}
