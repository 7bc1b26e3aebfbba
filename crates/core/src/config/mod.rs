//! The configuration: its types, and how it is read from TOML.
//!
//! - `raw` reads TOML and keeps spans.
//! - `validate` turns it into a [`Config`], or reports all mistakes at once. `content`, `source`, `feeds`, `sections`, `agency`, `addresses`,
//!   `server`, `websub`, `journal` and `ignore` read their tables; `values` checks kinds of values that several tables have.
//! - `feed_aliases`, `markdown`, `words` and `cascade` read what their names say: addresses of other tools' feeds, extensions of Markdown,
//!   sentences for readers, and the folders that a section's page withholds.
//! - `difference` describes what a new configuration changes.
//! - `relocation` adapts links to a daemon that doesn't listen where `site.url` says.
//!
//! # Why isn't the TOML deserialised with serde?
//!
//! serde stops at the first mistake. Operators want all mistakes at once, each with its place.

mod addresses;
mod agency;
mod cascade;
mod content;
mod difference;
mod feed_aliases;
mod feeds;
mod ignore;
mod journal;
mod markdown;
mod raw;
mod relocation;
mod sections;
mod server;
mod source;
mod validate;
mod values;
mod websub;
mod words;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use crate::article::{ParseOptions, UrlTemplate};
use crate::diagnostics::{Code, Diagnostic, Place};
use crate::types::{ArticlePath, ContentHash, Language, Text, WebUrl};

pub use addresses::{Address, RenamedSection, Retirement};
pub use agency::{Agency, AgencyRules, Pattern};
pub use cascade::WithheldFolders;
pub use feed_aliases::{FeedAlias, FeedTool};
pub use feeds::{Archives, FeedOptions, MediaType, Polling, RetractionForm, RetractionTitle, Window};
pub use ignore::Ignore;
pub use relocation::Relocation;
pub use sections::{Section, SectionGlobs, Selector};
pub use server::{AccessLog, Admin, Budget, Endpoint, ForwardedBy, LogFormat, Proxies, Server, Tls};
pub use source::{Deleted, Source, Sources, Trust};
pub use validate::parse;
pub use websub::{HUB_PATH, WebSub};
pub use words::Words;

/// The result of reading a configuration.
#[derive(Clone, Debug)]
pub struct Checked {
    /// `None` if there are errors.
    pub config: Option<Arc<Config>>,
    /// Errors, or warnings about a valid configuration.
    pub diagnostics: Vec<Diagnostic>,
}

/// A valid configuration. Relative paths are resolved against the folder of the configuration file.
#[derive(Clone, Debug)]
pub struct Config {
    /// The configuration file, as the operator typed it.
    pub file: PathBuf,
    /// The hash of the file's bytes.
    pub hash: ContentHash,
    /// The publication.
    pub site: Site,
    /// The content directory and how it is watched.
    pub content: Content,
    /// How articles in the content directory are parsed.
    pub parsing: Arc<ParseOptions>,
    /// The directories of articles: `[content]`, then `[[source]]` in the order of the file.
    pub sources: Sources,
    /// The output directory. `None` if `output.directory` is empty.
    pub output: Option<PathBuf>,
    /// The state directory.
    pub state: PathBuf,
    /// `state.max_kept`: the most bytes of agencies' pictures that are kept there.
    pub max_kept: u64,
    /// Listeners and limits.
    pub server: Server,
    /// The options of the root feed.
    pub feeds: FeedOptions,
    /// The configured sections, by path.
    pub sections: Vec<Section>,
    /// The folders whose articles the pages of sections withhold.
    pub withheld_folders: WithheldFolders,
    /// The taxonomies that have feeds.
    pub taxonomies: Taxonomies,
    /// The treatment of agencies' items.
    pub agency: Agency,
    /// Retired addresses, most specific first.
    pub addresses: Vec<Address>,
    /// Renamed sections, most specific first.
    pub renamed: Vec<RenamedSection>,
    /// Sentences for readers, by language.
    pub words: Arc<Words>,
    /// When an article's `updated` changes.
    pub updated_when: UpdatedWhen,
    /// The changes that a reload may make without confirmation.
    pub reload: Reload,
    /// How changes are pushed to subscribers.
    pub websub: WebSub,
    /// `journal.keep`: how long changes of feeds can be followed.
    pub journal_keep: SignedDuration,
    /// The places of keys that need a restart, for diagnostics.
    pub places: Places,
    /// Whether dateline's own URLs differ from the file's (see [`Relocation`]).
    pub is_relocated: bool,
}

/// The places of keys that need a restart.
#[derive(Clone, PartialEq, Debug)]
pub struct Places {
    /// `server.listen`, on behalf of all keys of `[server]` and `[admin]`.
    pub server: Place,
    /// `content.directory`
    pub content: Place,
    /// `output.directory`
    pub output: Place,
    /// `state.directory`
    pub state: Place,
}

impl Config {
    /// A hash of what documents depend on: the file, and the base URL if it was relocated.
    pub fn origin(&self) -> ContentHash {
        match self.is_relocated {
            true => ContentHash::of_parts([self.hash.as_bytes().as_slice(), self.site.url.as_str().as_bytes()]),
            false => self.hash,
        }
    }

    /// The source of an article. `[content]` if the path names a source that isn't configured.
    pub fn source_of(&self, path: &ArticlePath) -> &Source {
        self.sources.get(path.source()).unwrap_or(&self.sources.content)
    }

    /// How the files of an article's source are parsed.
    pub fn parsing_of(&self, path: &ArticlePath) -> &Arc<ParseOptions> {
        &self.source_of(path).parsing
    }

    /// An article's file as diagnostics spell it: `content/news/a.md`.
    pub fn file_name(&self, path: &ArticlePath) -> String {
        self.parsing_of(path).display(path)
    }

    /// Whether any feed is served for display in browsers.
    pub fn shows_feeds(&self) -> bool {
        let options = self.sections.iter().map(|section| &section.feeds).chain([&self.feeds]);
        options.into_iter().any(|options| options.media_type == MediaType::Xml)
    }

    /// Applies this configuration to a running daemon. Keys that need a restart keep their running values; each has a diagnostic.
    #[must_use]
    pub fn after(mut self, running: &Config) -> (Config, Vec<Diagnostic>) {
        let mut frozen = Vec::new();
        let mut freeze = |changed: bool, key: &str, place: &Place| {
            if changed {
                let message = format!("`{key}` cannot change while dateline runs; the old value stays in force");
                frozen.push(
                    Diagnostic::new(Code::ConfigFrozen, message).at(place.clone()).help("restart dateline to apply it"),
                );
            }
            changed
        };
        if freeze(self.server != running.server, "server", &self.places.server) {
            self.server = running.server.clone();
        }
        if freeze(self.content.directory != running.content.directory, "content.directory", &self.places.content) {
            self.content.directory = running.content.directory.clone();
            self.parsing =
                Arc::new(ParseOptions { root: Arc::clone(&running.parsing.root), ..(*self.parsing).clone() });
            let content = &mut self.sources.content;
            (content.directory, content.parsing) = (self.content.directory.clone(), Arc::clone(&self.parsing));
        }
        if freeze(self.state != running.state, "state.directory", &self.places.state) {
            self.state = running.state.clone();
        }
        // A relocated daemon never writes output, whatever the file says.
        let is_comparable = self.is_relocated == running.is_relocated;
        freeze(is_comparable && self.output != running.output, "output.directory", &self.places.output);
        self.output = running.output.clone();
        (self, frozen)
    }
}

/// `[site]`
#[derive(Clone, PartialEq, Debug)]
pub struct Site {
    /// The name of the publication and of the root feed.
    pub title: Text,
    /// dateline's public base URL. Ends in `/`.
    pub url: WebUrl,
    /// The publisher's website.
    pub home: WebUrl,
    /// The root feed's description.
    pub description: Text,
    /// Whether the configuration states a description.
    pub states_description: bool,
    /// The language of articles that state none.
    pub language: Language,
    /// The copyright notice of every feed.
    pub copyright: Option<Text>,
    /// A landscape image for every feed, twice as wide as high.
    pub logo: Option<WebUrl>,
    /// A square image for every feed.
    pub icon: Option<WebUrl>,
    /// The tools whose feed addresses redirect to the feeds.
    pub feed_aliases: Vec<FeedTool>,
    /// The authority of minted `tag:` URIs (RFC 4151): `courier.example,2026`.
    pub tag_authority: Text,
    /// The date of the tagging authority: the beginning of its year, month or day in UTC.
    pub founded: Timestamp,
    /// The publication's colour, as `RRGGBB`.
    pub accent_color: Option<Text>,
}

/// `[content]`
#[derive(Clone, PartialEq, Debug)]
pub struct Content {
    /// The content directory.
    pub directory: PathBuf,
    /// The URL template of the publisher's own article pages. `None` if dateline serves a page for each article.
    pub article_url: Option<UrlTemplate>,
    /// The feeds of agencies and publications that articles are taken from, by name in lower case.
    pub sources: Arc<BTreeMap<Text, WebUrl>>,
    /// Files and folders that aren't articles.
    pub ignore: Arc<Ignore>,
    /// When a missing file counts as deleted.
    pub removals: Removals,
    /// `content.settle`: how long a file must stay unchanged to count as complete, where no event reports the end of writing.
    pub settle: SignedDuration,
    /// How changes are detected.
    pub watch: Watch,
    /// How much of paid articles is published.
    pub paid: Paid,
    /// Which date articles get that state none. `None`: that of [`Undated::FirstSeen`], unless many of them arrive at once.
    pub undated: Option<Undated>,
}

/// `content.undated`: which date articles get that state none.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Undated {
    /// The time at which dateline first saw the article.
    FirstSeen,
    /// The time at which the file was last modified when dateline first saw it.
    Modified,
    /// None: the article isn't published.
    Omit,
}

/// `content.paid`: how much of paid articles is published. From most to least.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub enum Paid {
    /// The whole article.
    Full,
    /// Title, written summary and the free part of the text.
    #[default]
    Teaser,
    /// Nothing.
    Omit,
}

/// `content.watch`: how changes of articles are detected.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Watch {
    /// By file system events, and by polling where events don't cover changes by other machines.
    #[default]
    Auto,
    /// By file system events.
    Events,
    /// By polling.
    Poll,
}

/// `content.removal_grace`, `content.removal_hold` and `[content.mass_removal]`: when a missing file counts as deleted, and when many
/// missing files are held as a possible accident.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Removals {
    /// How long a file must be missing.
    pub grace: SignedDuration,
    /// The longest extension of the grace period while tools are changing files.
    pub hold: SignedDuration,
    /// Files that vanish within this time are counted together.
    pub within: SignedDuration,
    /// Fewer missing files than this are always deletions.
    pub least: usize,
    /// This share of all articles, in percent, is a possible accident.
    pub percent: usize,
    /// This many missing files are a possible accident, whatever their share.
    pub most: usize,
}

/// `feeds.updated_when`: when an article's `updated` changes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum UpdatedWhen {
    /// When title, text or pictures change, and when the article states a change.
    Text,
    /// Only when the article states a change.
    Explicit,
}

/// `[reload]`: which changes a reload may make without confirmation.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Reload {
    /// `ids`: change the ids of feeds or articles.
    pub ids: bool,
    /// `empty`: remove a feed, or its last entry.
    pub empty: bool,
    /// `shrink`: remove more than a third of a feed's articles.
    pub shrink: bool,
}

/// A valid `content.article_url`: a URL with `{section}`, `{slug}`, `{year}`, `{month}` and `{day}` in its path.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ArticleUrl(pub Text);

/// `[taxonomies]`
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Taxonomies {
    /// Whether each tag has a feed, at `/tags/<tag>/`.
    pub tags: bool,
    /// Whether each author has a feed, at `/authors/<author>/`.
    pub authors: bool,
    /// The maximum number of tags with feeds, and of authors with feeds.
    pub max_tags: usize,
}
