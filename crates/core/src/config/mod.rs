//! The configuration: its types, and how it is read from TOML.
//!
//! - `raw` reads TOML and keeps spans.
//! - `validate` turns it into a [`Config`], or reports all mistakes at once. `content`, `source`, `feeds`, `sections`, `agency`, `addresses`,
//!   `server`, `websub` and `ignore` read their tables; `values` checks kinds of values that several tables have.
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
mod feeds;
mod ignore;
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

use globset::GlobSet;
use jiff::SignedDuration;

use crate::article::{ParseOptions, UrlTemplate};
use crate::diagnostics::{Code, Diagnostic, Place};
use crate::feed::{ContentMode, Format, LeadImage, LoneCaption, PartnerFeed, Podcast, UpdateSignal};
use crate::types::{ArticlePath, ContentHash, Language, SectionPath, Text, WebUrl};

pub use addresses::{Address, RenamedSection, Retirement};
pub use agency::{Agency, AgencyRules, Pattern};
pub use cascade::WithheldFolders;
pub use ignore::Ignore;
pub use relocation::Relocation;
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
    /// The authority of minted `tag:` URIs (RFC 4151): `courier.example,2026`.
    pub tag_authority: Text,
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

/// `[feeds]`, and the same keys in a section.
#[derive(Clone, PartialEq, Debug)]
pub struct FeedOptions {
    /// The formats, in the order of [`Format::ALL`]. Never empty.
    pub formats: Vec<Format>,
    /// Whether entries contain whole articles.
    pub content: ContentMode,
    /// The window: which articles the feed shows.
    pub window: Window,
    /// How often readers should poll.
    pub polling: Polling,
    /// The preferred width of pictures that have several sizes (pixels).
    pub image_width: u32,
    /// The place of the lead image.
    pub lead_image: LeadImage,
    /// What becomes of captions without their pictures.
    pub lone_caption: LoneCaption,
    /// The media type of RSS and Atom.
    pub media_type: MediaType,
    /// The podcast tags.
    pub podcast: Option<Podcast>,
    /// How RSS announces corrections.
    pub update_signal: UpdateSignal,
    /// How long a feed announces a retraction.
    pub tombstones: SignedDuration,
    /// The maximum number of retractions a feed announces, not counting those of the last day.
    pub max_tombstones: usize,
    /// How public feeds announce the retraction of a story.
    pub retraction: RetractionForm,
    /// The titles of notices.
    pub retraction_title: RetractionTitle,
}

/// `feeds.retraction`: how public feeds announce an explicit retraction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RetractionForm {
    /// By a notice in place of the story, which replaces the text in readers' copies. Then by a tombstone in Atom, for as long again.
    Notice,
    /// The story is removed. Atom has a tombstone.
    Remove,
}

/// `feeds.retraction_title`: the titles of notices.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RetractionTitle {
    /// The same for all stories. The title may be what was withdrawn.
    Neutral,
    /// The title of the story.
    Keep,
}

/// The window of a feed: which articles it shows. `max_bytes` takes precedence over `min_residency` and `min_items`, which take precedence
/// over `max_age` and `max_items`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Window {
    /// The maximum number of entries.
    pub max_items: usize,
    /// This many of the newest articles stay, whatever their age.
    pub min_items: usize,
    /// Older articles leave.
    pub max_age: Option<SignedDuration>,
    /// Younger articles stay, whatever their number. So readers that poll twice a day miss nothing when many articles appear at once.
    pub min_residency: SignedDuration,
    /// The maximum size of a document.
    pub max_bytes: usize,
}

/// How often readers should poll.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Polling {
    /// The shortest interval in minutes, one of [`Polling::CHOICES`].
    pub min: u32,
    /// The longest interval in minutes, one of [`Polling::CHOICES`].
    pub max: u32,
    /// Hours (GMT) in which readers needn't poll.
    pub skip_hours: Vec<u8>,
    /// English names of days on which readers needn't poll.
    pub skip_days: Vec<&'static str>,
}

impl Polling {
    /// The intervals that a feed may ask for (minutes). Longer ones would delay news too much.
    pub const CHOICES: [u32; 4] = [5, 15, 30, 60];
}

/// The media type of RSS and Atom.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MediaType {
    /// `application/rss+xml` and `application/atom+xml`, which browsers download.
    Specific,
    /// `application/xml` with a style sheet, which browsers display.
    Xml,
}

/// `[[section]]`
#[derive(Clone, PartialEq, Debug)]
pub struct Section {
    /// The URL path, which identifies the section.
    pub path: SectionPath,
    /// The name of the section's feed.
    pub title: Text,
    /// The description of the section.
    pub description: Option<Text>,
    /// Whether the configuration states the title, and whether it states the description. Otherwise the section's page may state them.
    pub states: (bool, bool),
    /// The language of the feed, if it differs from the site's.
    pub language: Option<Language>,
    /// The publisher's own page of the section.
    pub link: Option<WebUrl>,
    /// The breadcrumb of the section in wire articles and HTML pages, outermost first.
    pub breadcrumb: Option<Vec<Text>>,
    /// The patterns that choose this section for agencies' articles.
    pub agency: AgencyRules,
    /// The article sections to include. `None`: the section itself and, with `roll_up`, all below it.
    pub include: Option<SectionGlobs>,
    /// The article sections to exclude. Takes precedence over everything else.
    pub exclude: Option<SectionGlobs>,
    /// Whether the feed includes articles of subsections.
    pub roll_up: bool,
    /// The tags that articles need.
    pub tags: Selector,
    /// The authors that articles need.
    pub authors: Selector,
    /// The languages that articles need.
    pub languages: Selector,
    /// The feed's options.
    pub feeds: FeedOptions,
    /// Partner feeds, in addition to the public ones.
    pub partners: Vec<PartnerFeed>,
    /// The place of the section in the configuration file.
    pub place: Place,
}

/// Glob patterns for section paths. `a/**` also matches `a`.
#[derive(Clone, Debug)]
pub struct SectionGlobs {
    /// The patterns as written, for `explain` and to compare configurations.
    pub patterns: Vec<Text>,
    /// The compiled patterns.
    pub set: GlobSet,
}

impl SectionGlobs {
    /// Whether any pattern matches the section.
    pub fn matches(&self, section: &SectionPath) -> bool {
        self.set.is_match(section.as_str()) || self.set.is_match(format!("{section}/"))
    }

    /// The first pattern that matches the section, as written.
    pub fn matching(&self, section: &SectionPath) -> Option<Text> {
        let mut matches = self.set.matches(section.as_str());
        matches.extend(self.set.matches(format!("{section}/")));
        self.patterns.get(matches.into_iter().min()?).cloned()
    }
}

impl PartialEq for SectionGlobs {
    fn eq(&self, other: &SectionGlobs) -> bool {
        self.patterns == other.patterns
    }
}

/// `{ any = [...], all = [...], none = [...] }`, compared without case. Empty lists select everything.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Selector {
    /// At least one of these, if the list isn't empty.
    pub any: Vec<Text>,
    /// All of these.
    pub all: Vec<Text>,
    /// None of these.
    pub none: Vec<Text>,
}

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
