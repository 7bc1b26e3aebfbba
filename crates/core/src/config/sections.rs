//! `[[section]]`: its type, and how it is read. Checks each section, then conflicts between them.

use std::collections::BTreeMap;

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

use super::raw::{At, Sink, Table};
use super::values::{choice, language_tag, web_url};
use super::websub::HUB_PATH;
use super::{AgencyRules, FeedOptions, agency, feeds};
use crate::diagnostics::{Code, Place};
use crate::feed::partner::Partner;
use crate::feed::{Format, PartnerFeed};
use crate::types::{Language, SectionPath, Text, WebUrl};

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

/// First path segments that dateline uses itself.
const RESERVED_SEGMENTS: [&str; 2] = ["healthz", "readyz"];
/// Names of documents that dateline serves beside sections.
const DOCUMENT_NAMES: [&str; 7] =
    ["rss.xml", "atom.xml", "feed.json", "feeds.opml", "feed.css", "changes.json", "changes.stream"];

/// Whether a path segment is the name of a document, such as an archive's.
fn is_document_name(segment: &str) -> bool {
    DOCUMENT_NAMES.contains(&segment) || Format::of_archive(segment).is_some()
}

/// Reads all sections. `has_hub` says whether the built-in hub takes an address of its own.
pub(super) fn validate(
    tables: Vec<Table<'_>>,
    sink: &mut Sink<'_>,
    defaults: &FeedOptions,
    has_hub: bool,
) -> Vec<Section> {
    let mut sections: BTreeMap<SectionPath, Section> = BTreeMap::new();
    let mut breadcrumbs: BTreeMap<Vec<String>, SectionPath> = BTreeMap::new();
    for mut table in tables {
        let section = section(&mut table, sink, defaults, &mut breadcrumbs);
        table.finish(sink);
        let Some((section, span)) = section else { continue };
        if has_hub && section.path.segments().next() == Some(HUB_PATH) {
            let message = format!("`/{HUB_PATH}` is the address of the built-in hub");
            sink.report(Code::ConfigReserved, &span, message, "choose another path, or remove `hub` from [websub]");
            continue;
        }
        if let Some(other) = sections.get(&section.path) {
            let message =
                format!("there are two sections `{}`; the other is on line {}", section.path, other.place.line);
            sink.report(Code::ConfigDuplicate, &span, message, "remove one of them or give it another path");
            continue;
        }
        let twin = |other: &&Section| !section.agency.is_empty() && other.agency == section.agency;
        if let Some(other) = sections.values().find(twin) {
            let message = format!("`{}` has the same `subjects`, `providers` and `slugline`", other.path);
            sink.report(Code::ConfigDuplicate, &span, message, "give each section patterns of its own");
        }
        sections.insert(section.path.clone(), section);
    }
    sections.into_values().collect()
}

fn section(
    table: &mut Table<'_>,
    sink: &mut Sink<'_>,
    defaults: &FeedOptions,
    breadcrumbs: &mut BTreeMap<Vec<String>, SectionPath>,
) -> Option<(Section, std::ops::Range<usize>)> {
    let written = table.text(sink, "path");
    if written.is_none() && !table.has("path") {
        sink.report(
            Code::ConfigMissing,
            &table.span.clone(),
            "a section needs a `path`",
            "write `path = \"technology/chips\"`",
        );
    }
    let path = written.as_ref().and_then(|path| section_path(sink, path));
    let title = table.text(sink, "title").map(|title| (Text::line(&title.value), title.span));
    if let Some((title, span)) = &title
        && title.is_empty()
    {
        sink.report(
            Code::ConfigMissing,
            span,
            "`title` is empty",
            "write the name of the section, or leave the key out",
        );
    }
    let description =
        table.text(sink, "description").map(|text| Text::line(&text.value)).filter(|text| !text.is_empty());
    let language = table.text(sink, "language").and_then(|language| language_tag(sink, &language));
    let link = table.text(sink, "link").and_then(|link| web_url(sink, &link));
    let breadcrumb =
        table.text(sink, "breadcrumb").and_then(|written| breadcrumb(sink, &written, path.as_ref(), breadcrumbs));
    let agency = agency::rules(table, sink);
    let include = table.texts(sink, "include").map(|patterns| (globs(sink, &patterns), patterns));
    let exclude = table.texts(sink, "exclude").map(|patterns| (globs(sink, &patterns), patterns));
    let roll_up = table.boolean(sink, "roll_up").unwrap_or(true);
    let tags = selector(table, sink, "tags", &|sink, term| Some(term_text(sink, term)));
    let authors = selector(table, sink, "authors", &|sink, term| Some(term_text(sink, term)));
    let languages =
        selector(table, sink, "languages", &|sink, term| Some(Text::new(language_tag(sink, term)?.as_str())));
    let feeds = feeds::options(table, sink, defaults);
    let partners = partners(table, sink);

    let (written, path) = (written?, path?);
    if let (Some((_, include)), Some((_, exclude))) = (&include, &exclude) {
        let is_excluded = |pattern: &At<String>| {
            exclude.value.iter().any(|other| other.value == pattern.value || other.value == "**")
        };
        if !include.value.is_empty() && include.value.iter().all(is_excluded) {
            sink.report(
                Code::ConfigMatchesNothing,
                &include.span,
                "`exclude` matches everything that `include` matches: this section matches nothing",
                "remove one of the patterns",
            );
        }
    }
    if let Some((_, include)) = &include
        && include.value.is_empty()
    {
        sink.report(
            Code::ConfigMatchesNothing,
            &include.span,
            "an empty `include` matches nothing",
            "leave the key out to take this section and all below it",
        );
    }
    let states = (title.is_some(), description.is_some());
    let title = title.map(|(title, _)| title).unwrap_or_else(|| Text::line(path.segments().last().unwrap_or_default()));
    let section = Section {
        title,
        description,
        states,
        language,
        link,
        breadcrumb,
        agency,
        include: include.and_then(|(globs, _)| globs),
        exclude: exclude.and_then(|(globs, _)| globs),
        roll_up,
        tags,
        authors,
        languages,
        feeds,
        partners,
        place: sink.place(&written.span),
        path,
    };
    Some((section, written.span))
}

/// Reads `[[section.feed]]`.
fn partners(table: &mut Table<'_>, sink: &mut Sink<'_>) -> Vec<PartnerFeed> {
    let mut partners: Vec<PartnerFeed> = Vec::new();
    for mut table in table.tables(sink, "feed") {
        let profiles = Partner::ALL.map(|partner| (partner.name(), partner));
        let profile = table.text(sink, "profile");
        if profile.is_none() && !table.has("profile") {
            let names = Partner::ALL.map(Partner::name).join(", ");
            let help = format!("write one of: {names}");
            sink.report(Code::ConfigMissing, &table.span.clone(), "a feed for a partner needs a `profile`", help);
        }
        let partner = profile.as_ref().and_then(|profile| choice(sink, Code::ConfigChoice, profile, &profiles));
        let name = table.text(sink, "name").or(profile);
        let signal = feeds::update_signal(&mut table, sink);
        table.finish(sink);
        let (Some(partner), Some(name)) = (partner, name) else { continue };
        let is_name = |name: &str| {
            let is_allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
            (1..=40).contains(&name.len()) && name.bytes().all(is_allowed)
        };
        let file_name = format!("{}.xml", name.value);
        if !is_name(&name.value) {
            let message = format!("`{}` is not a name for a feed", name.value.escape_debug());
            let help = "write lower-case letters, digits and hyphens, such as `msn`";
            sink.report(Code::ConfigSectionPath, &name.span, message, help);
        } else if is_document_name(&file_name) {
            let message = format!("`{file_name}` is the name of a feed document");
            sink.report(Code::ConfigReserved, &name.span, message, "choose another name for the feed");
        } else if partners.iter().any(|other| other.file_name == file_name) {
            let message = format!("there are two feeds `{}` in this section", name.value);
            sink.report(Code::ConfigDuplicate, &name.span, message, "remove one of them or give it another name");
        } else {
            let update_signal = signal.unwrap_or(partner.rules().update_signal);
            partners.push(PartnerFeed { file_name, partner, update_signal });
        }
    }
    partners
}

fn section_path(sink: &mut Sink<'_>, written: &At<String>) -> Option<SectionPath> {
    let path = sink.check(
        Code::ConfigSectionPath,
        &written.span,
        SectionPath::parse(&written.value),
        "write one such as `technology/chips` or `科技/案例`",
    )?;
    let Some(first) = path.segments().next() else {
        sink.report(
            Code::ConfigSectionPath,
            &written.span,
            "a section path cannot be empty",
            "the root always has feeds; configure them in [site] and [feeds]",
        );
        return None;
    };
    if RESERVED_SEGMENTS.contains(&first) {
        sink.report(
            Code::ConfigReserved,
            &written.span,
            format!("`/{first}` is reserved for dateline"),
            format!("choose another first segment than {}", RESERVED_SEGMENTS.join(" or ")),
        );
        return None;
    }
    if let Some(document) = path.segments().find(|segment| is_document_name(segment)) {
        sink.report(
            Code::ConfigReserved,
            &written.span,
            format!("`{document}` is the name of a feed document"),
            "choose another name for the section",
        );
        return None;
    }
    Some(path)
}

fn breadcrumb(
    sink: &mut Sink<'_>,
    written: &At<String>,
    path: Option<&SectionPath>,
    known: &mut BTreeMap<Vec<String>, SectionPath>,
) -> Option<Vec<Text>> {
    let crumbs: Vec<Text> = written.value.split(['>', '\u{203A}', '\u{BB}', '\u{FF1E}']).map(Text::line).collect();
    if crumbs.iter().any(Text::is_empty) {
        sink.report(
            Code::ConfigMissing,
            &written.span,
            "a breadcrumb names every level",
            "write it as wire articles do: `Technology > Chips`",
        );
        return None;
    }
    let key = crumbs.iter().map(|crumb| crumb.as_str().to_lowercase()).collect();
    if let Some(path) = path
        && let Some(other) = known.insert(key, path.clone())
    {
        sink.report(
            Code::ConfigDuplicate,
            &written.span,
            format!("the section `{other}` has this breadcrumb too"),
            "give each section a breadcrumb of its own",
        );
    }
    Some(crumbs)
}

fn globs(sink: &mut Sink<'_>, patterns: &At<Vec<At<String>>>) -> Option<SectionGlobs> {
    let mut set = GlobSetBuilder::new();
    let mut texts = Vec::new();
    for pattern in &patterns.value {
        match GlobBuilder::new(&pattern.value).literal_separator(true).backslash_escape(false).build() {
            Ok(glob) => {
                set.add(glob);
                texts.push(Text::line(&pattern.value));
            }
            Err(error) => {
                let message = format!("`{}` is not a pattern: {}", pattern.value.escape_debug(), error.kind());
                sink.report(
                    Code::ConfigGlob,
                    &pattern.span,
                    message,
                    "write one such as `technology/**`, `*/ads` or `world/{asia,africa}`",
                );
            }
        }
    }
    let set = set
        .build()
        .map_err(|error| {
            sink.report(
                Code::ConfigGlob,
                &patterns.span,
                format!("these patterns cannot be used: {error}"),
                "write fewer or simpler ones",
            )
        })
        .ok()?;
    Some(SectionGlobs { patterns: texts, set })
}

type TermReader<'f> = &'f dyn Fn(&mut Sink<'_>, &At<String>) -> Option<Text>;

fn selector(table: &mut Table<'_>, sink: &mut Sink<'_>, key: &'static str, read: TermReader<'_>) -> Selector {
    let mut inner = table.table(sink, key);
    let mut list = |sink: &mut Sink<'_>, key| -> Vec<Text> {
        let terms = inner.texts(sink, key).map(|terms| terms.value).unwrap_or_default();
        terms.iter().filter_map(|term| read(sink, term)).filter(|term| !term.is_empty()).collect()
    };
    let selector = Selector { any: list(sink, "any"), all: list(sink, "all"), none: list(sink, "none") };
    let is_refused =
        |term: &Text| selector.none.iter().any(|none| none.as_str().to_lowercase() == term.as_str().to_lowercase());
    let matches_nothing =
        (!selector.any.is_empty() && selector.any.iter().all(is_refused)) || selector.all.iter().any(is_refused);
    if matches_nothing {
        sink.report(
            Code::ConfigMatchesNothing,
            &inner.span,
            format!("`{key}` both requires and excludes the same value: this section matches nothing"),
            "remove it from one of the lists",
        );
    }
    inner.finish(sink);
    selector
}

fn term_text(sink: &mut Sink<'_>, term: &At<String>) -> Text {
    let text = Text::line(&term.value);
    if text.is_empty() {
        sink.report(
            Code::ConfigMissing,
            &term.span,
            "an empty name selects nothing",
            "write the tag or author as articles spell it",
        );
    }
    text
}
