//! The facts that `init --from` finds out about a site, and the configuration that it writes.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::config;
use crate::types::{Language, SectionPath, Text, WebUrl};

/// The facts about a site, from the configuration of another tool.
#[derive(Debug, Default)]
pub(super) struct Site {
    pub(super) title: Option<Text>,
    pub(super) description: Option<Text>,
    pub(super) home: Option<WebUrl>,
    pub(super) language: Option<Language>,
    pub(super) timezone: Option<String>,
    pub(super) copyright: Option<Text>,
    pub(super) author: Option<Text>,
    /// The directory of the articles.
    pub(super) content: String,
    /// The path of an article's address, with dateline's placeholders.
    pub(super) permalink: String,
    /// `content.slugs`.
    pub(super) slugs: &'static str,
    /// `content.ignore`.
    pub(super) ignore: Vec<String>,
    /// Folders that have feeds.
    pub(super) sections: Vec<String>,
    /// Whether the tool makes a feed for each tag, and for each author.
    pub(super) tags: bool,
    pub(super) authors: bool,
    /// The most entries of the old feed.
    pub(super) max_items: Option<i64>,
    /// The file of the old feed in the tool's output, and its path on the website.
    pub(super) old_feed: Option<(String, String)>,
}

/// Folders below a directory that may contain articles, sorted.
pub(super) fn article_folders(content: &Path, is_ignored: impl Fn(&str) -> bool) -> Vec<String> {
    let Ok(entries) = fs::read_dir(content) else { return Vec::new() };
    let folders = entries.filter_map(|entry| {
        let entry = entry.ok()?;
        let name = entry.file_name().to_str()?.to_owned();
        let is_candidate = !name.starts_with(['.', '_', '~']) && !is_ignored(&name);
        (is_candidate && entry.file_type().ok()?.is_dir() && has_articles(&entry.path())).then_some(name)
    });
    let mut folders: Vec<String> = folders.collect();
    folders.sort();
    folders
}

/// Whether a folder has a file that may be an article. Looks at a bounded number of files.
fn has_articles(folder: &Path) -> bool {
    const MAX_ENTRIES: usize = 5_000;
    const EXTENSIONS: [&str; 5] = ["md", "markdown", "mdx", "html", "txt"];
    let mut folders = vec![folder.to_owned()];
    let mut seen = 0;
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok) {
            seen += 1;
            if seen > MAX_ENTRIES {
                return true;
            }
            let path = entry.path();
            // Links aren't followed, so there is no circle.
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| EXTENSIONS.iter().any(|known| extension == *known)) {
                return true;
            }
        }
    }
    false
}

impl Site {
    /// The configuration. `tool` is the tool's name, `file` the path of the configuration, `year` the current one.
    pub(super) fn to_toml(&self, tool: &str, file: &Path, year: i16) -> String {
        let mut text = String::new();
        // Writing to a string can't fail.
        self.write(&mut text, tool, year).unwrap_or_default();
        let is_usable = |text: &str| config::parse(file, text.as_bytes()).config.is_some();
        for name in &self.sections {
            let section = format!("\n[[section]]\npath = {}\n", quoted(name));
            // Names that dateline needs itself, or that can't be in URLs.
            if SectionPath::parse(name).is_ok() && is_usable(&format!("{text}{section}")) {
                text.push_str(&section);
            } else {
                let name = quoted(name);
                let _ = write!(
                    text,
                    "\n# The folder {name} can't be a section: dateline needs its name. Its articles are in the feeds above.\n"
                );
            }
        }
        text
    }

    fn write(&self, text: &mut String, tool: &str, year: i16) -> std::fmt::Result {
        let name = |value: &Option<Text>| value.as_ref().map(|text| quoted(text.as_str()));
        writeln!(text, "# Made by `dateline init --from {tool}`. The paths are relative to this file.")?;
        writeln!(text, "# The manual has all keys (docs/src/configuration.md).\n\n[site]")?;
        writeln!(text, "title = {}", name(&self.title).unwrap_or_else(|| "\"My site\"".into()))?;
        if let Some(description) = name(&self.description) {
            writeln!(text, "description = {description}")?;
        }
        writeln!(text, "# The address under which readers will reach dateline. Set it before anyone subscribes.")?;
        writeln!(text, "url = \"http://127.0.0.1:8080/\"")?;
        writeln!(text, "# The website.")?;
        let host = match &self.home {
            Some(home) => {
                writeln!(text, "home = {}", quoted(home.as_str()))?;
                home.host()
            }
            None => {
                writeln!(text, "# home = \"https://www.example.org/\"")?;
                String::new()
            }
        };
        writeln!(
            text,
            "# A host that you own and a year in which you owned it. The ids of articles are made of it, so never change it."
        )?;
        let is_name = host.contains('.') && host.chars().all(|c| c.is_ascii_alphanumeric() || ".-".contains(c));
        match is_name {
            true => writeln!(text, "tag_authority = \"{host},{year:04}\"")?,
            false => writeln!(text, "# tag_authority = \"courier.example,{year:04}\"")?,
        }
        if let Some(language) = &self.language {
            writeln!(text, "language = {}", quoted(language.as_str()))?;
        }
        writeln!(text, "# For dates that are written without an offset.")?;
        writeln!(text, "timezone = {}", quoted(self.timezone.as_deref().unwrap_or("UTC")))?;
        if let Some(copyright) = name(&self.copyright) {
            writeln!(text, "copyright = {copyright}")?;
        }
        if let Some(author) = &self.author {
            writeln!(text, "# The site's author is {author}. dateline takes authors from articles only.")?;
        }
        writeln!(text, "# Redirects from the feeds of {tool}.")?;
        writeln!(text, "feed_aliases = [\"{tool}\"]")?;

        writeln!(text, "\n[content]\ndirectory = {}", quoted(&self.content))?;
        let base = self.home.as_ref().map_or("https://www.example.org/", WebUrl::as_str);
        let comment = if self.home.is_some() { "" } else { "# " };
        writeln!(text, "# The page of an article on the website.")?;
        let address = format!("{base}{}", self.permalink.trim_start_matches('/'));
        writeln!(text, "{comment}article_url = {}", quoted(&address))?;
        writeln!(text, "# The spelling of addresses.\nslugs = \"{}\"", self.slugs)?;
        if !self.ignore.is_empty() {
            let patterns: Vec<String> = self.ignore.iter().map(|pattern| quoted(pattern)).collect();
            writeln!(text, "# Files that aren't articles.\nignore = [{}]", patterns.join(", "))?;
        }
        writeln!(text, "\n[output]\n# A directory for the feeds as files, such as \"../feeds\".\ndirectory = \"\"")?;
        writeln!(
            text,
            "\n[state]\n# Ids and dates of articles. Keep it out of version control.\ndirectory = \".dateline\""
        )?;
        if let Some(max_items) = self.max_items {
            writeln!(
                text,
                "\n[feeds]\n# As many entries as in the feed of {tool}.\nmax_items = {}",
                max_items.clamp(1, 1_000)
            )?;
        }
        if self.tags || self.authors {
            writeln!(
                text,
                "\n[taxonomies]\n# A feed for each tag at /tags/<tag>/, and for each author at /authors/<author>/."
            )?;
            writeln!(text, "tags = {}\nauthors = {}", self.tags, self.authors)?;
        }
        Ok(())
    }
}

/// A TOML string.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            control if control.is_control() => {
                let _ = write!(quoted, "\\u{:04X}", u32::from(control));
            }
            character => quoted.push(character),
        }
    }
    quoted + "\""
}
