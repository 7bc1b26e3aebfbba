//! Recognises pages of a website that aren't stories: pages about the site, and lists of stories.

use super::bundle;
use super::ignored::IgnoredKind;
use super::keys::normalised;
use crate::types::{ArticlePath, folder};

/// The kind of a page, as front matter states it.
#[derive(Clone, Debug, Default)]
pub(super) struct PageHints {
    /// `layout`, in normalised form.
    pub(super) layout: Option<String>,
    /// `type`, in normalised form.
    pub(super) kind: Option<String>,
    /// Whether the page divides a list of other pages, as with `pagination`.
    pub(super) is_paginated: bool,
}

/// The other facts that decide whether a page is a story.
#[derive(Clone, Copy, Debug)]
pub(super) struct PageFacts<'t> {
    /// Whether the article has a date.
    pub(super) is_dated: bool,
    /// Whether the file's name or folder says that it's a post.
    pub(super) is_post: bool,
    pub(super) text: &'t str,
}

/// Layouts of lists, which are never stories.
const LISTS: &[&str] = &["archives", "archive", "search"];
/// Layouts of lists and home pages, unless the page has a date.
const UNDATED_LISTS: &[&str] = &[
    "404",
    "blog",
    "categories",
    "category",
    "collection",
    "home",
    "index",
    "list",
    "posts",
    "redirect",
    "sitemap",
    "tag",
    "tags",
    "taxonomy",
    "terms",
];
/// Names of pages about a site, unless they have a date.
const NAMES: &[&str] = &[
    "404",
    "500",
    "about",
    "aboutme",
    "aboutus",
    "archive",
    "archives",
    "categories",
    "colophon",
    "contact",
    "datenschutz",
    "home",
    "impressum",
    "imprint",
    "privacy",
    "privacypolicy",
    "search",
    "sitemap",
    "tags",
    "terms",
    "termsofservice",
];

/// Why a page isn't a story. `None` if it may be one.
pub(super) fn kind_of(path: &ArticlePath, hints: &PageHints, facts: PageFacts<'_>) -> Option<IgnoredKind> {
    let is_one_of = |hint: &Option<String>, words: &[&str]| hint.as_deref().is_some_and(|hint| words.contains(&hint));
    if facts.is_post {
        return None;
    }
    if is_one_of(&hints.layout, LISTS) {
        return Some(IgnoredKind::List);
    }
    if is_one_of(&hints.layout, &["page", "pages"]) {
        return Some(IgnoredKind::Page);
    }
    if facts.is_dated {
        return None;
    }
    let is_list = is_one_of(&hints.layout, UNDATED_LISTS)
        || is_one_of(&hints.kind, LISTS)
        || hints.is_paginated
        || lists_posts(facts.text);
    if is_list {
        return Some(IgnoredKind::List);
    }
    let name = bundle::name(path);
    let name = name.split('.').next().unwrap_or_default();
    let is_home = folder::is_top(path.folder()) && bundle::is_page(path.extension()) && name == "index";
    let is_page = is_home || is_one_of(&hints.kind, &["page"]) || NAMES.contains(&&*normalised(name));
    (is_page && bundle::is_page(path.extension())).then_some(IgnoredKind::Page)
}

/// Whether a template in the text lists posts: `{% for post in site.posts %}`.
fn lists_posts(text: &str) -> bool {
    /// The beginnings of the collections over which templates of Jekyll and Eleventy loop.
    const LISTS: &[&str] = &["site.", "paginator.", "collections.", "pagination.", "posts"];
    text.match_indices("{%").any(|(at, _)| {
        let inner = text.get(at + 2..).unwrap_or_default();
        let inner = inner.split('\n').next().unwrap_or_default().split("%}").next().unwrap_or_default();
        let Some(inner) = inner.trim_start_matches('-').trim_start().strip_prefix("for ") else { return false };
        inner.split_once(" in ").is_some_and(|(_, list)| LISTS.iter().any(|known| list.trim_start().starts_with(known)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_of_site_are_no_stories() {
        for (path, layout, is_dated, is_post, text, expected) in [
            ("404.md", "", false, false, "", Some(IgnoredKind::Page)),
            ("About-Us.md", "", false, false, "", Some(IgnoredKind::Page)),
            ("about/index.fr.html", "", false, false, "", Some(IgnoredKind::Page)),
            ("index.html", "", false, false, "", Some(IgnoredKind::Page)),
            ("about.md", "", true, false, "", None),
            ("about-turn.md", "", false, false, "", None),
            ("news/x.md", "page", true, false, "", Some(IgnoredKind::Page)),
            ("_posts/2026-01-01-x.md", "page", true, true, "", None),
            ("news/x.md", "post", false, false, "", None),
            ("news/x.md", "archives", true, false, "", Some(IgnoredKind::List)),
            ("news/x.md", "home", false, false, "", Some(IgnoredKind::List)),
            ("news/x.md", "home", true, false, "", None),
            ("news/x.md", "", false, false, "{%- for p in site.posts %}x{% endfor %}", Some(IgnoredKind::List)),
            ("news/x.md", "", false, false, "{% for x in page.images %}x{% endfor %}", None),
        ] {
            let layout = Some(layout.to_owned()).filter(|layout| !layout.is_empty());
            let hints = PageHints { layout, ..PageHints::default() };
            let facts = PageFacts { is_dated, is_post, text };
            assert_eq!(kind_of(&ArticlePath::new(path), &hints, facts), expected, "{path} {text}");
        }
    }
}
