//! The configuration: `raw` is what the TOML says, with spans; `validate` turns it into [`Config`] or all its mistakes at
//! once; `difference` says what a new one changes, and `relocation` follows a daemon that listens elsewhere.

mod addresses;
mod difference;
mod feeds;
mod ignore;
mod raw;
mod relocation;
mod sections;
mod server;
mod validate;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use globset::GlobSet;
use jiff::SignedDuration;

use crate::article::ParseOptions;
use crate::diagnostics::{Code, Diagnostic, Place};
use crate::feed::{ContentMode, Format, LeadImage, PartnerFeed, Podcast, UpdateSignal};
use crate::types::{ContentHash, Language, SectionPath, Text, WebUrl};

pub use addresses::{Address, RenamedSection, Retirement};
pub use ignore::Ignore;
pub use relocation::Relocation;
pub use server::{AccessLog, Admin, Budget, Endpoint, ForwardedBy, LogFormat, Proxies, Server, Tls};
pub use validate::parse;

/// What reading of a configuration gave.
#[derive(Clone, Debug)]
pub struct Checked {
    /// `None` where there is an error.
    pub config: Option<Arc<Config>>,
    /// Errors, or warnings beside a valid configuration.
    pub diagnostics: Vec<Diagnostic>,
}

/// A valid configuration. Paths are joined with the folder of the file that named them.
#[derive(Clone, Debug)]
pub struct Config {
    /// The file it came from, as the operator typed it.
    pub file: PathBuf,
    /// Of the file's bytes.
    pub hash: ContentHash,
    /// The publication.
    pub site: Site,
    /// Where articles are.
    pub content: Content,
    /// How articles are parsed.
    pub parsing: Arc<ParseOptions>,
    /// Where feed documents are written; `None` where `output.directory` is the empty string.
    pub output: Option<PathBuf>,
    /// Where the state is kept.
    pub state: PathBuf,
    /// The server.
    pub server: Server,
    /// The root feed's options.
    pub feeds: FeedOptions,
    /// The configured sections, by path.
    pub sections: Vec<Section>,
    /// Which taxonomies have feeds.
    pub taxonomies: Taxonomies,
    /// Addresses under which something was published once, the most particular first.
    pub addresses: Vec<Address>,
    /// Sections that have another path than they had, the most particular first.
    pub renamed: Vec<RenamedSection>,
    /// What moves `updated`.
    pub updated_when: UpdatedWhen,
    /// What a reload may do to readers.
    pub reload: Reload,
    /// Where the keys stand that a running daemon cannot change.
    pub places: Places,
    /// Whether dateline's own addresses are others than the file says (see [`Relocation`]).
    pub is_relocated: bool,
}

/// Where the keys stand that a running daemon cannot change.
#[derive(Clone, PartialEq, Debug)]
pub struct Places {
    /// `server.listen`, which stands for `[server]` and `[admin]`.
    pub server: Place,
    /// `content.directory`
    pub content: Place,
    /// `output.directory`
    pub output: Place,
    /// `state.directory`
    pub state: Place,
}

impl Config {
    /// What documents are made under: documents with other links are of another origin.
    pub fn origin(&self) -> ContentHash {
        match self.is_relocated {
            true => ContentHash::of_parts([self.hash.as_bytes().as_slice(), self.site.url.as_str().as_bytes()]),
            false => self.hash,
        }
    }

    /// Whether browsers are to show any of the feeds.
    pub fn shows_feeds(&self) -> bool {
        let options = self.sections.iter().map(|section| &section.feeds).chain([&self.feeds]);
        options.into_iter().any(|options| options.media_type == MediaType::Xml)
    }

    /// This configuration as a running daemon can take it: what cannot change live is as it was before, and named.
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
        }
        if freeze(self.state != running.state, "state.directory", &self.places.state) {
            self.state = running.state.clone();
        }
        // A daemon whose links lead elsewhere than the file says writes no output, whatever the file says of it.
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
    /// dateline's own public base; ends in `/`.
    pub url: WebUrl,
    /// The publisher's website.
    pub home: WebUrl,
    /// What it is about.
    pub description: Text,
    /// Whether the configuration says so.
    pub states_description: bool,
    /// The language of articles that state none.
    pub language: Language,
    /// Rights of every feed.
    pub copyright: Option<Text>,
    /// A wide picture for every feed, twice as wide as high.
    pub logo: Option<WebUrl>,
    /// A square picture for every feed.
    pub icon: Option<WebUrl>,
    /// What `tag:` URIs are minted under: `courier.example,2026`.
    pub tag_authority: Text,
}

/// `[content]`
#[derive(Clone, PartialEq, Debug)]
pub struct Content {
    /// The content directory.
    pub directory: PathBuf,
    /// Where the publisher's own article pages are; without it dateline serves a page per article.
    pub article_url: Option<ArticleUrl>,
    /// The feeds of agencies and papers that articles are taken from, by name in lower case.
    pub sources: Arc<BTreeMap<Text, WebUrl>>,
    /// Files and folders that are no articles.
    pub ignore: Arc<Ignore>,
    /// When a file that is gone is a deletion.
    pub removals: Removals,
    /// `content.settle`: how long a file has to stay as it is before it counts as complete, where nobody said that it is.
    pub settle: SignedDuration,
    /// How changes are found.
    pub watch: Watch,
    /// What readers get of paid articles.
    pub paid: Paid,
}

/// `content.paid`: what readers get of articles for members or subscribers, the most first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub enum Paid {
    /// Everything.
    Full,
    /// Title, written summary and the free part of the text.
    #[default]
    Teaser,
    /// Nothing.
    Omit,
}

/// `content.watch`: how changes of articles are found.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Watch {
    /// The system tells; where it does not tell of what other machines change, dateline looks as well.
    #[default]
    Auto,
    /// The system tells.
    Events,
    /// dateline looks.
    Poll,
}

/// `content.removal_grace`, `content.removal_hold` and `[content.mass_removal]`: when a file that is gone is a deletion, and when it is an
/// accident.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Removals {
    /// How long it has to stay gone.
    pub grace: SignedDuration,
    /// How much longer at most while tools are changing files.
    pub hold: SignedDuration,
    /// What vanishes within this time counts together.
    pub within: SignedDuration,
    /// Fewer than this many are deletions.
    pub least: usize,
    /// As many as this of a hundred articles are an accident.
    pub percent: usize,
    /// As many as this are an accident, whatever their share.
    pub most: usize,
}

/// `feeds.updated_when`: what moves the `updated` of an article.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum UpdatedWhen {
    /// Another title, text or picture, and what the article states.
    Text,
    /// Only what the article states.
    Explicit,
}

/// `[reload]`: what a changed configuration may do to readers without being asked twice.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Reload {
    /// `ids`: give feeds or articles other ids.
    pub ids: bool,
    /// `empty`: take the last entry out of a feed, or the feed away.
    pub empty: bool,
    /// `shrink`: take more than a third of the articles out of a feed.
    pub shrink: bool,
}

/// A checked `content.article_url`: a URL with `{section}`, `{slug}`, `{year}`, `{month}` and `{day}` in its path.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ArticleUrl(pub Text);

/// `[feeds]`, and its keys in a section.
#[derive(Clone, PartialEq, Debug)]
pub struct FeedOptions {
    /// In the order of [`Format::ALL`], never empty.
    pub formats: Vec<Format>,
    /// Whole articles or summaries.
    pub content: ContentMode,
    /// Which of its articles it shows.
    pub window: Window,
    /// How often readers are asked to come.
    pub polling: Polling,
    /// The width of the picture that is wanted (pixels), where an article has several sizes.
    pub image_width: u32,
    /// Where the lead image goes.
    pub lead_image: LeadImage,
    /// Under which media type RSS and Atom are served.
    pub media_type: MediaType,
    /// What makes a feed a podcast.
    pub podcast: Option<Podcast>,
    /// How corrections show in RSS.
    pub update_signal: UpdateSignal,
    /// How long a feed tells its readers that an article was retracted.
    pub tombstones: SignedDuration,
    /// Of how many retractions a feed tells at most, beside those of the last day.
    pub max_tombstones: usize,
}

/// Which of its articles a feed shows. `max_bytes` beats `min_residency` and `min_items`, which beat `max_age` and
/// `max_items`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Window {
    /// The most entries.
    pub max_items: usize,
    /// This many of the newest stay, however old.
    pub min_items: usize,
    /// What is older leaves.
    pub max_age: Option<SignedDuration>,
    /// What is younger stays, however many there are: a reader that comes twice a day misses nothing of a burst.
    pub min_residency: SignedDuration,
    /// The most bytes of each document.
    pub max_bytes: usize,
}

/// How often readers are asked to come.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Polling {
    /// The least, one of [`Polling::CHOICES`].
    pub min: u32,
    /// The most, one of [`Polling::CHOICES`].
    pub max: u32,
    /// Hours (GMT) in which readers need not come.
    pub skip_hours: Vec<u8>,
    /// English names of days on which readers need not come.
    pub skip_days: Vec<&'static str>,
}

impl Polling {
    /// The minutes between two polls that a feed may ask for. More than an hour would let readers sleep through news.
    pub const CHOICES: [u32; 4] = [5, 15, 30, 60];
}

/// Under which media type RSS and Atom are served.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MediaType {
    /// `application/rss+xml` and `application/atom+xml`, which browsers download.
    Specific,
    /// `application/xml` with a style sheet, which browsers show.
    Xml,
}

/// `[[section]]`
#[derive(Clone, PartialEq, Debug)]
pub struct Section {
    /// Its URL path and its identity.
    pub path: SectionPath,
    /// The name of its feed.
    pub title: Text,
    /// What it is about.
    pub description: Option<Text>,
    /// Whether the configuration states the title, and whether the description: its own page may supply them where it doesn't.
    pub states: (bool, bool),
    /// The language of its feed, where it differs from the site's.
    pub language: Option<Language>,
    /// The publisher's own page of the section.
    pub link: Option<WebUrl>,
    /// How wire articles and HTML pages name it, outermost first.
    pub breadcrumb: Option<Vec<Text>>,
    /// Which article sections it takes; `None`: itself and, when rolling up, all below it.
    pub include: Option<SectionGlobs>,
    /// Which article sections it refuses, whatever else is said.
    pub exclude: Option<SectionGlobs>,
    /// Whether stories of sections below it are in its feed.
    pub roll_up: bool,
    /// Which tags its articles need.
    pub tags: Selector,
    /// Which authors its articles need.
    pub authors: Selector,
    /// Which languages its articles need.
    pub languages: Selector,
    /// Its feeds.
    pub feeds: FeedOptions,
    /// Its feeds for partners, besides the public ones.
    pub partners: Vec<PartnerFeed>,
    /// Where it is configured.
    pub place: Place,
}

/// Patterns over section paths. A pattern matches a path, and `a/**` matches `a` too.
#[derive(Clone, Debug)]
pub struct SectionGlobs {
    /// As written, for `explain` and for comparing configurations.
    pub patterns: Vec<Text>,
    /// Compiled.
    pub set: GlobSet,
}

impl SectionGlobs {
    /// Whether any pattern matches the section.
    pub fn matches(&self, section: &SectionPath) -> bool {
        self.set.is_match(section.as_str()) || self.set.is_match(format!("{section}/"))
    }

    /// The first pattern that matches the section, as it was written.
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

/// `{ any = [...], all = [...], none = [...] }`, compared without regard to case. Empty lists demand nothing.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Selector {
    /// At least one of these, if there are any.
    pub any: Vec<Text>,
    /// All of these.
    pub all: Vec<Text>,
    /// None of these.
    pub none: Vec<Text>,
}

/// `[taxonomies]`
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Taxonomies {
    /// A feed per tag at `/tags/<tag>/`.
    pub tags: bool,
    /// A feed per author at `/authors/<author>/`.
    pub authors: bool,
    /// How many tags have feeds at most, and how many authors.
    pub max_tags: usize,
}
