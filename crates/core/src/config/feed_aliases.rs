//! `site.feed_aliases`: at which addresses other tools serve their feeds, so that their subscribers find dateline's.
//!
//! Each tool has a table of its default addresses. Addresses that dateline uses itself, such as `/rss.xml`, are in a table where the
//! feed may have another format.

use super::raw::{Sink, Table};
use super::values::choice;
use crate::diagnostics::Code;
use crate::encoding::{decode_segment, encode_segment};
use crate::feed::Format;

/// A tool whose feed addresses redirect to dateline's feeds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FeedTool {
    name: &'static str,
    addresses: &'static [FeedAddress],
}

/// An address, or a pattern of addresses, at which a tool serves a feed. The part between `before` and `after` names the feed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct FeedAddress {
    before: &'static str,
    feed: NamedFeed,
    after: &'static str,
    format: Format,
}

/// Which feed a part of an address names.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum NamedFeed {
    /// No part: the root feed.
    Root,
    /// The path of a section. Empty: the root feed.
    Section,
    /// The path of a section, or a tag, since tools' categories are either.
    Category,
    Tag,
    Author,
}

/// A place where the feed of an address may be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FeedAlias {
    /// The canonical path of the feed's folder: `/`, `/technology/`, `/tags/ai/`.
    pub folder: String,
    /// The format that the tool serves.
    pub format: Format,
}

const fn at(before: &'static str, feed: NamedFeed, after: &'static str, format: Format) -> FeedAddress {
    FeedAddress { before, feed, after, format }
}

use Format::{Atom, Json, Rss};
use NamedFeed::{Author, Category, Root, Section, Tag};

/// The tools, by name. Addresses are without their last slash, which requests may have.
const TOOLS: &[FeedTool] = &[
    FeedTool {
        name: "wordpress",
        addresses: &[
            at("", Section, "/feed", Rss),
            at("", Section, "/feed/rss", Rss),
            at("", Section, "/feed/rss2", Rss),
            at("", Section, "/feed/rdf", Rss),
            at("", Section, "/feed/atom", Atom),
            at("", Section, "/feed/json", Json),
            at("/category", Category, "/feed", Rss),
            at("/category", Category, "/feed/rss2", Rss),
            at("/category", Category, "/feed/atom", Atom),
            at("/tag", Tag, "/feed", Rss),
            at("/tag", Tag, "/feed/rss2", Rss),
            at("/tag", Tag, "/feed/atom", Atom),
            at("/author", Author, "/feed", Rss),
            at("/author", Author, "/feed/rss2", Rss),
            at("/author", Author, "/feed/atom", Atom),
            at("/wp-rss.php", Root, "", Rss),
            at("/wp-rss2.php", Root, "", Rss),
            at("/wp-rdf.php", Root, "", Rss),
            at("/wp-feed.php", Root, "", Rss),
            at("/wp-atom.php", Root, "", Atom),
        ],
    },
    FeedTool {
        name: "hugo",
        addresses: &[
            at("", Section, "/index.xml", Rss),
            at("/tags", Tag, "/index.xml", Rss),
            at("/categories", Category, "/index.xml", Rss),
            at("/authors", Author, "/index.xml", Rss),
        ],
    },
    FeedTool {
        name: "zola",
        addresses: &[
            at("", Section, "/atom.xml", Atom),
            at("", Section, "/rss.xml", Rss),
            at("/tags", Tag, "/atom.xml", Atom),
            at("/tags", Tag, "/rss.xml", Rss),
            at("/categories", Category, "/atom.xml", Atom),
            at("/categories", Category, "/rss.xml", Rss),
            at("/authors", Author, "/atom.xml", Atom),
            at("/authors", Author, "/rss.xml", Rss),
        ],
    },
    FeedTool {
        name: "jekyll",
        addresses: &[
            at("/feed.xml", Root, "", Atom),
            at("/atom.xml", Root, "", Atom),
            at("/feed/by_tag", Tag, ".xml", Atom),
            at("/feed", Category, ".xml", Atom),
        ],
    },
    FeedTool {
        name: "pelican",
        addresses: &[
            at("/feeds/all.atom.xml", Root, "", Atom),
            at("/feeds/all.rss.xml", Root, "", Rss),
            at("/feeds", Category, ".atom.xml", Atom),
            at("/feeds", Category, ".rss.xml", Rss),
            at("/feeds", Author, ".atom.xml", Atom),
            at("/feeds", Author, ".rss.xml", Rss),
            at("/feeds", Tag, ".tag.atom.xml", Atom),
            at("/feeds", Tag, ".tag.rss.xml", Rss),
        ],
    },
    FeedTool {
        name: "eleventy",
        addresses: &[
            at("/feed/feed.xml", Root, "", Atom),
            at("/feed/feed.json", Root, "", Json),
            at("/feed.xml", Root, "", Atom),
            at("/feed.json", Root, "", Json),
        ],
    },
    FeedTool {
        name: "ghost",
        addresses: &[
            at("", Section, "/rss", Rss),
            at("/tag", Tag, "/rss", Rss),
            at("/author", Author, "/rss", Rss),
            at("/feed", Root, "", Rss),
        ],
    },
    FeedTool {
        name: "astro",
        addresses: &[at("/rss.xml", Root, "", Rss), at("/feed.xml", Root, "", Rss), at("/atom.xml", Root, "", Atom)],
    },
    FeedTool {
        name: "docusaurus",
        addresses: &[
            at("/blog/rss.xml", Root, "", Rss),
            at("/blog/atom.xml", Root, "", Atom),
            at("/blog/feed.json", Root, "", Json),
        ],
    },
    FeedTool {
        name: "hexo",
        addresses: &[at("/atom.xml", Root, "", Atom), at("/rss2.xml", Root, "", Rss), at("/rss.xml", Root, "", Rss)],
    },
    FeedTool {
        name: "blogger",
        addresses: &[
            at("/feeds/posts/default", Root, "", Atom),
            at("/feeds/posts/summary", Root, "", Atom),
            at("/feeds/posts/default/-", Tag, "", Atom),
            at("/atom.xml", Root, "", Atom),
            at("/rss.xml", Root, "", Rss),
        ],
    },
    FeedTool {
        name: "movable-type",
        addresses: &[
            at("", Section, "/index.xml", Rss),
            at("", Section, "/index.rdf", Rss),
            at("", Section, "/atom.xml", Atom),
        ],
    },
    FeedTool { name: "textpattern", addresses: &[at("", Section, "/rss", Rss), at("", Section, "/atom", Atom)] },
];

impl FeedTool {
    /// The name in the configuration.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// All tools.
    pub fn all() -> &'static [FeedTool] {
        TOOLS
    }

    /// Where the feed may be that the tool serves at a canonical request path, best first.
    pub fn feeds_at(&self, path: &str) -> Vec<FeedAlias> {
        let path = path.strip_suffix('/').unwrap_or(path);
        self.addresses.iter().flat_map(|address| address.feeds_at(path)).collect()
    }
}

impl FeedAddress {
    fn feeds_at(self, path: &str) -> Vec<FeedAlias> {
        let named = path.strip_prefix(self.before).and_then(|rest| rest.strip_suffix(self.after));
        let Some(named) = named else { return Vec::new() };
        // The named part begins with its slash.
        let term = named.strip_prefix('/').filter(|term| !term.is_empty() && !term.contains('/'));
        let is_path = named.strip_prefix('/').is_some_and(|path| !path.is_empty());
        let section = || is_path.then(|| format!("{named}/"));
        let folders = match self.feed {
            Root => named.is_empty().then(|| "/".to_owned()).into_iter().collect(),
            Section if named.is_empty() => vec!["/".to_owned()],
            Section => section().into_iter().collect(),
            Category => section().into_iter().chain(term.into_iter().flat_map(|term| terms("tags", term))).collect(),
            Tag => term.map(|term| terms("tags", term)).unwrap_or_default(),
            Author => term.map(|term| terms("authors", term)).unwrap_or_default(),
        };
        folders.into_iter().map(|folder| FeedAlias { folder, format: self.format }).collect()
    }
}

/// The folders that the feed of a tag or an author may have. dateline's names are in lower case, and tools write `-` for a space.
fn terms(taxonomy: &str, term: &str) -> Vec<String> {
    let Ok(name) = str::from_utf8(&decode_segment(term)).map(str::to_lowercase) else { return Vec::new() };
    let mut names = vec![name.replace('-', " "), name];
    names.dedup();
    names.iter().rev().map(|name| format!("/{taxonomy}/{}/", encode_segment(name))).collect()
}

/// Reads `site.feed_aliases`, in its order.
pub(super) fn validate(site: &mut Table<'_>, sink: &mut Sink<'_>) -> Vec<FeedTool> {
    let names: Vec<(&'static str, FeedTool)> = TOOLS.iter().map(|tool| (tool.name, *tool)).collect();
    let written = site.texts(sink, "feed_aliases").map(|written| written.value).unwrap_or_default();
    let tools = written.iter().filter_map(|name| choice(sink, Code::ConfigChoice, name, &names));
    tools.collect()
}
