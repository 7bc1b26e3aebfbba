//! From a neutral feed to the documents that are served under its route.

use std::collections::BTreeMap;

use super::assemble::{POLL_MINUTES, feed_base, route};
use super::filing::{Cabinet, FeedKey};
use crate::diag::{Code, Diagnostic};
use crate::feed::opml::{self, Outline};
use crate::feed::page::{self, FeedPage};
use crate::feed::{Entry, Feed, Format, encode};
use crate::snapshot::{PublishedArticle, Resource, ResourceKind};
use crate::types::{SectionPath, Text, WebUrl};

/// Everything that can stand under a feed's route, the page first.
pub const NAMES: [&str; 4] = ["", "rss.xml", "atom.xml", "feed.json"];

/// How long caches keep pages (seconds): people reload and want what is new.
const PAGE_MAX_AGE: u32 = 60;

/// One document: its name under the route and its kind; `None`: the feed is not published in that format.
pub type Document = (&'static str, ResourceKind, Option<Result<Resource, Diagnostic>>);

/// The documents of a feed.
pub fn documents(key: &FeedKey, cabinet: &Cabinet, feed: &Feed) -> Vec<Document> {
    let page = page::feed_page(feed, &feed_page(key, cabinet));
    let page = Resource::new(ResourceKind::Page, page.into_bytes(), feed.updated, PAGE_MAX_AGE);
    let formats = Format::ALL.into_iter().map(|format| {
        let kind = ResourceKind::Feed(format);
        let document = feed.formats.contains(&format).then(|| {
            let max_age = feed.poll_minutes.saturating_mul(60);
            encode(feed, format).map(|bytes| Resource::new(kind, bytes, feed.updated, max_age)).map_err(|error| {
                Diagnostic::new(Code::DocumentRefused, format!("{} cannot be made: {error}", feed.url(format)))
                    .help("its last good version stays published; please report this")
            })
        });
        (format.file_name(), kind, document)
    });
    [("", ResourceKind::Page, Some(Ok(page)))].into_iter().chain(formats).collect()
}

fn feed_page<'c>(key: &FeedKey, cabinet: &'c Cabinet) -> FeedPage<'c> {
    let config = cabinet.config();
    let address = |path: &SectionPath| feed_base(config, &FeedKey::Section(path.clone()));
    let (trail, children) = match key {
        FeedKey::Section(path) => {
            let above = path.parent().map(|parent| cabinet.trail(&parent)).unwrap_or_default();
            let below = cabinet.children(path);
            let named = |sections: Vec<&crate::config::Section>| -> Vec<(Text, WebUrl)> {
                sections.into_iter().map(|section| (section.title.clone(), address(&section.path))).collect()
            };
            (named(above.into_iter().map(|(section, _)| section).collect()), named(below))
        }
        FeedKey::Tag(_) | FeedKey::Author(_) => (Vec::new(), Vec::new()),
    };
    FeedPage { site_title: &config.site.title, site_url: &config.site.url, trail, children }
}

/// The page of an article.
pub fn article_page(article: &PublishedArticle, entry: &Entry) -> Resource {
    let page = page::article_page(entry, &article.frame);
    Resource::new(ResourceKind::Page, page.into_bytes(), Some(article.updated.timestamp()), PAGE_MAX_AGE)
}

/// The list of all feeds: sections nested as they are, then tags and authors.
pub fn opml<'k>(
    cabinet: &Cabinet,
    keys: impl Iterator<Item = &'k FeedKey>,
    titles: &BTreeMap<FeedKey, Text>,
) -> Result<Resource, Diagnostic> {
    let config = cabinet.config();
    let outline = |key: &FeedKey| {
        let base = feed_base(config, key);
        let format = super::assemble::options(cabinet, key).formats.first().copied().unwrap_or(Format::Rss);
        let title = titles.get(key).cloned().unwrap_or_else(|| Text::new(&route(key)));
        Outline { title, page: base.to_string(), feed: format!("{base}{}", format.file_name()), children: Vec::new() }
    };
    // Keys come sorted, so each section follows the one it lies in: a stack of the open ones is enough.
    let mut open: Vec<(SectionPath, Outline)> = Vec::new();
    let mut outlines: Vec<Outline> = Vec::new();
    let close = |open: &mut Vec<(SectionPath, Outline)>, outlines: &mut Vec<Outline>| {
        let Some((_, done)) = open.pop() else { return };
        match open.last_mut() {
            Some((_, parent)) => parent.children.push(done),
            None => outlines.push(done),
        }
    };
    let mut sections: Vec<&FeedKey> = Vec::new();
    let mut others: Vec<&FeedKey> = Vec::new();
    for key in keys {
        if matches!(key, FeedKey::Section(_)) { sections.push(key) } else { others.push(key) }
    }
    sections.sort_by_key(|key| match key {
        FeedKey::Section(path) => path.segments().map(str::to_owned).collect::<Vec<_>>(),
        _ => Vec::new(),
    });
    for key in sections {
        let FeedKey::Section(path) = key else { continue };
        if path.is_root() {
            outlines.push(outline(key));
            continue;
        }
        while open.last().is_some_and(|(above, _)| !above.contains(path)) {
            close(&mut open, &mut outlines);
        }
        open.push((path.clone(), outline(key)));
    }
    while !open.is_empty() {
        close(&mut open, &mut outlines);
    }
    outlines.extend(others.into_iter().map(outline));
    let bytes = opml::encode(&config.site.title, &outlines);
    Ok(Resource::new(ResourceKind::Opml, bytes, None, POLL_MINUTES * 60))
}
