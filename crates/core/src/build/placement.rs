//! Decides which section an article belongs to, by the section rules of the configuration.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use crate::article::card::Card;
use crate::article::{SectionClaim, bundle};
use crate::config::{Archives, Config, FeedOptions, Paid, RenamedSection, Section, Selector};
use crate::diagnostics::{Code, Diagnostic, Names};
use crate::feed::PartnerFeed;
use crate::types::{ArticlePath, Language, SectionPath, Text, folder, nfc};

/// Identifies a feed.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum FeedKey {
    /// A configured section. The root feed has the empty path.
    Section(SectionPath),
    /// A tag, normalised by [`taxonomy_key`].
    Tag(Text),
    /// An author, normalised by [`taxonomy_key`].
    Author(Text),
}

/// Normalises a tag or an author: NFC, lower case. Spellings with the same key share a feed.
pub fn taxonomy_key(term: &Text) -> Text {
    Text::line(&nfc(term.as_str()).to_lowercase())
}

/// The section that an article belongs to, and its language.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Placement {
    /// The article's section, by its current name.
    pub own: SectionPath,
    /// The section as the article or its folder names it, which `[[moved]]` may have renamed. Ids are minted from this one, so that a
    /// rename doesn't change them.
    pub written: SectionPath,
    /// The old section path that the article's folder bears, if any.
    pub old_folder: Option<SectionPath>,
    /// The nearest configured section that contains `own`, or the root.
    pub home: SectionPath,
    /// The article's language: its own, else the section's, else the site's.
    pub language: Language,
    /// The rule that chose the section.
    pub rule: PlacementRule,
    /// Problems with the sections that the article names.
    pub diagnostics: Vec<Diagnostic>,
}

/// A rule that chooses an article's section, strongest first.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum PlacementRule {
    /// The article names the section.
    Stated,
    /// The article has the section's breadcrumb.
    Breadcrumb,
    /// The section's patterns match, each with its key.
    Patterns(Vec<(&'static str, Text)>),
    /// `[agency] subjects` has a subject of the article.
    Subject(Text),
    /// The article's source has a section.
    Source,
    /// The article's folder.
    Folder,
}

impl fmt::Display for PlacementRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PlacementRule::Stated => f.write_str("the article names it"),
            PlacementRule::Breadcrumb => f.write_str("by the breadcrumb"),
            PlacementRule::Patterns(patterns) => {
                let patterns = patterns.iter().map(|(key, pattern)| format!("`{pattern}` of `{key}`"));
                write!(f, "by {} in its `[[section]]`", patterns.collect::<Vec<_>>().join(" and "))
            }
            PlacementRule::Subject(subject) => write!(f, "by `{subject}` of `[agency] subjects`"),
            PlacementRule::Source => f.write_str("by the source"),
            PlacementRule::Folder => f.write_str("by the folder"),
        }
    }
}

/// The sections of a configuration, indexed for placing articles.
#[derive(Debug)]
pub struct SectionRules {
    pub(super) config: Arc<Config>,
    pub(super) by_path: BTreeMap<SectionPath, usize>,
    by_breadcrumb: BTreeMap<Vec<String>, SectionPath>,
    /// The configured sections directly below each section.
    children: BTreeMap<SectionPath, Vec<usize>>,
    /// Sections with patterns for agencies' articles, the deepest first, then by their place in the file.
    with_patterns: Vec<usize>,
    /// Sections with `include`, which may include articles from anywhere.
    pub(super) with_include: Vec<usize>,
    /// Whether any section selects by tags or authors.
    pub(super) selects_terms: bool,
    /// All section paths, for suggestions.
    names: Names,
    /// Suggestions for unknown sections, cached because many articles may have the same mistake.
    suggestions: Mutex<HashMap<SectionPath, Option<SectionPath>>>,
}

impl SectionRules {
    /// Indexes the sections of a configuration.
    pub fn new(config: Arc<Config>) -> SectionRules {
        let by_path = config.sections.iter().enumerate().map(|(at, section)| (section.path.clone(), at)).collect();
        let by_breadcrumb = config
            .sections
            .iter()
            .filter_map(|section| Some((fold_crumbs(section.breadcrumb.as_deref()?), section.path.clone())))
            .collect();
        let with_include = config
            .sections
            .iter()
            .enumerate()
            .filter(|(_, section)| section.include.is_some())
            .map(|(at, _)| at)
            .collect();
        let with_patterns = config.sections.iter().enumerate().filter(|(_, section)| !section.agency.is_empty());
        let mut with_patterns: Vec<_> = with_patterns.collect();
        with_patterns.sort_by_key(|(_, section)| (Reverse(section.path.segments().count()), section.place.line));
        let with_patterns = with_patterns.into_iter().map(|(at, _)| at).collect();
        let is_empty =
            |selector: &Selector| selector.any.is_empty() && selector.all.is_empty() && selector.none.is_empty();
        let selects_terms =
            config.sections.iter().any(|section| !is_empty(&section.tags) || !is_empty(&section.authors));
        let children = BTreeMap::new();
        let names = Names::new(config.sections.iter().map(|section| section.path.as_str()));
        let suggestions = Mutex::default();
        let mut rules = SectionRules {
            config,
            by_path,
            by_breadcrumb,
            with_patterns,
            with_include,
            selects_terms,
            children,
            names,
            suggestions,
        };
        for (path, at) in rules.by_path.clone() {
            let parent = rules.nearest(&path.parent().unwrap_or_default());
            rules.children.entry(parent).or_default().push(at);
        }
        rules
    }

    /// The configuration.
    pub fn config(&self) -> &Arc<Config> {
        &self.config
    }

    /// Whether access rules keep the article out of feeds and pages: it is private, or paid and `content.paid` is `omit`, or the page of a
    /// section above it withholds it.
    pub fn restricts(&self, path: &ArticlePath, card: &Card) -> bool {
        self.config.withheld_folders.page_above(path).is_some()
            || card.access.is_private()
            || (card.access.is_paid() && self.config.content.paid == Paid::Omit)
    }

    /// A configured section.
    pub fn section(&self, path: &SectionPath) -> Option<&Section> {
        self.by_path.get(path).and_then(|&at| self.config.sections.get(at))
    }

    /// The language of a section, or the site's.
    pub fn language_of(&self, section: &SectionPath) -> &Language {
        let stated = self.section(section).and_then(|section| section.language.as_ref());
        stated.unwrap_or(&self.config.site.language)
    }

    /// The nearest configured section at or above a path, or the root.
    pub fn nearest(&self, path: &SectionPath) -> SectionPath {
        let mut candidate = path.clone();
        while !candidate.is_root() && !self.by_path.contains_key(&candidate) {
            candidate = candidate.parent().unwrap_or_default();
        }
        candidate
    }

    /// The configured sections from the outermost down to `path`, each with its path.
    pub fn trail(&self, path: &SectionPath) -> Vec<(&Section, &SectionPath)> {
        let mut trail = Vec::new();
        let mut candidate = Some(path.clone());
        while let Some(path) = candidate {
            trail.extend(self.section(&path).map(|section| (section, &section.path)));
            candidate = path.parent();
        }
        trail.reverse();
        trail
    }

    /// The configured sections directly below a section, skipping unconfigured levels.
    pub fn children(&self, path: &SectionPath) -> Vec<&Section> {
        self.children.get(path).into_iter().flatten().filter_map(|&at| self.config.sections.get(at)).collect()
    }

    /// The rename that applies to a section, and the section's current path. Configured sections aren't renamed.
    pub(super) fn renaming(&self, section: &SectionPath) -> Option<(&RenamedSection, SectionPath)> {
        let renamed = self.config.renamed.iter().find(|renamed| renamed.from.contains(section))?;
        let is_taken = renamed.from.contains(&self.nearest(section));
        let current = renamed.apply(section).filter(|_| !is_taken)?;
        Some((renamed, current))
    }

    /// The configured section that a folder belongs to, by its current or an old name. `None` for the root.
    pub fn of_folder(&self, folder: &str) -> Option<&SectionPath> {
        let path = SectionPath::parse(folder).ok()?;
        let current = self.renaming(&path).map(|(_, current)| current);
        self.section(current.as_ref().unwrap_or(&path)).map(|section| &section.path)
    }

    /// The current path of a renamed section.
    pub fn renamed(&self, section: &SectionPath) -> Option<SectionPath> {
        self.config.renamed.iter().find_map(|renamed| renamed.apply(section))
    }

    /// The section that took over the articles of a renamed one.
    pub fn successor(&self, section: &SectionPath) -> Option<SectionPath> {
        self.renaming(section).map(|(_, current)| self.nearest(&current))
    }

    /// The section that a breadcrumb names by an old path.
    fn section_by_old_breadcrumb(&self, crumbs: &[Text]) -> Option<SectionPath> {
        let folded = fold_crumbs(crumbs);
        let spelt_out = |renamed: &RenamedSection| {
            let old: Vec<String> = renamed.from.segments().map(fold_name).collect();
            let rest = crumbs.get(old.len()..).filter(|_| folded.starts_with(&old))?;
            let rest = rest.iter().map(Text::as_str).collect::<Vec<_>>().join("/");
            let written = SectionPath::parse(&format!("{}/{rest}", renamed.from)).ok()?;
            self.renaming(&written).is_some_and(|(_, current)| self.by_path.contains_key(&current)).then_some(written)
        };
        self.config.renamed.iter().find_map(spelt_out)
    }

    /// Whether rules about agencies' articles may decide the section of one.
    pub(super) fn routes_agencies(&self) -> bool {
        !self.with_patterns.is_empty() || !self.config.agency.subjects.is_empty()
    }

    /// The section that the rules about agencies' articles choose. The patterns of sections come before `[agency] subjects`.
    fn route(&self, card: &Card) -> Option<(SectionPath, PlacementRule)> {
        let routing = card.routing.as_ref()?;
        let sections = self.with_patterns.iter().filter_map(|&at| self.config.sections.get(at));
        for section in sections {
            if let Some(patterns) = section.agency.matching(routing, &card.tags) {
                let patterns = patterns.into_iter().map(|(key, pattern)| (key, pattern.written.clone()));
                return Some((section.path.clone(), PlacementRule::Patterns(patterns.collect())));
            }
        }
        let (pattern, section) = self.config.agency.section_of(routing, &card.tags)?;
        Some((section.clone(), PlacementRule::Subject(pattern.written.clone())))
    }

    /// Decides which section an article belongs to.
    pub fn place_article(&self, path: &ArticlePath, card: &Card) -> Placement {
        let mut diagnostics = Vec::new();
        let stated = self.config.source_of(path).section.as_ref();
        let folder = || SectionPath::parse(folder::relative(bundle::section_folder(path))).unwrap_or_default();
        let rule = if stated.is_some() { PlacementRule::Source } else { PlacementRule::Folder };
        let folder = stated.cloned().unwrap_or_else(folder);
        let by_agency = || self.route(card).unwrap_or_else(|| (folder.clone(), rule.clone()));
        let (written, rule) = match &card.section {
            SectionClaim::Stated(section) => (section.clone(), PlacementRule::Stated),
            SectionClaim::Folder => by_agency(),
            SectionClaim::Breadcrumb(crumbs) => {
                let spelt_out = crumbs.iter().map(Text::as_str).collect::<Vec<_>>().join("/");
                let as_path = SectionPath::parse(&spelt_out).ok().filter(|section| self.by_path.contains_key(section));
                let known = self.by_breadcrumb.get(&fold_crumbs(crumbs)).cloned().or(as_path);
                match known.or_else(|| self.section_by_old_breadcrumb(crumbs)) {
                    Some(section) => (section, PlacementRule::Breadcrumb),
                    None => {
                        let (section, rule) = by_agency();
                        let is_default = matches!(rule, PlacementRule::Folder | PlacementRule::Source);
                        if is_default && spelt_out != folder.as_str() {
                            diagnostics.push(self.unknown_breadcrumb(crumbs, &folder));
                        }
                        (section, rule)
                    }
                }
            }
        };
        let by_folder = rule == PlacementRule::Folder;
        diagnostics.extend(self.unknown_sections(card));
        let renaming = self.renaming(&written);
        let own = renaming.as_ref().map_or_else(|| written.clone(), |(_, current)| current.clone());
        let old_folder = renaming.filter(|_| by_folder).map(|(renamed, _)| renamed.from.clone());
        if own != written && !by_folder {
            diagnostics.push(old_name(&card.section, &written, &own));
        }
        for (old, current) in card.sections.iter().filter_map(|old| Some((old, self.renaming(old)?.1))) {
            diagnostics.push(renamed_section(old, &current).help(format!("write `{current}` in `sections`")));
        }
        let home = self.nearest(&own);
        let language = card.language.clone().unwrap_or_else(|| self.language_of(&home).clone());
        Placement { own, written, old_folder, home, language, rule, diagnostics }
    }

    /// Diagnostics for sections that the article names but nobody configured, unless an `include` pattern matches them.
    fn unknown_sections(&self, card: &Card) -> Vec<Diagnostic> {
        let is_known = |section: &SectionPath| {
            let includes = |at: &usize| {
                let include = self.config.sections.get(*at).and_then(|section| section.include.as_ref());
                include.is_some_and(|globs| globs.matching(section).is_some())
            };
            section.is_root()
                || self.by_path.contains_key(section)
                || self.renaming(section).is_some()
                || self.with_include.iter().any(includes)
        };
        let mut unknown = Vec::new();
        if let SectionClaim::Stated(section) = &card.section
            && !is_known(section)
        {
            let home = self.nearest(section);
            let suggestion = self.suggested_section(section);
            // An unknown subsection of a configured section may be intended, so a warning needs a suggestion.
            if home.is_root() || suggestion.is_some() {
                let home = if home.is_root() { "the root feed".to_owned() } else { format!("the feed of `{home}`") };
                unknown.push(self.unknown_section(section, suggestion, &format!("the article is in {home}")));
            }
        }
        for section in card.sections.iter().filter(|section| !is_known(section)) {
            unknown.push(self.unknown_section(
                section,
                self.suggested_section(section),
                "this entry of `sections` has no effect",
            ));
        }
        unknown
    }

    /// The configured section that a misspelt path probably refers to.
    fn suggested_section(&self, section: &SectionPath) -> Option<SectionPath> {
        /// Limits the cache. Further names are looked up each time, with the same result.
        const MAX_SUGGESTIONS: usize = 1_000;
        let suggestions = || self.suggestions.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = suggestions().get(section).cloned() {
            return known;
        }
        let name = self.names.nearest(section.as_str());
        let found = name.and_then(|name| SectionPath::parse(name).ok());
        let mut suggestions = suggestions();
        if suggestions.len() < MAX_SUGGESTIONS {
            suggestions.insert(section.clone(), found.clone());
        }
        found
    }

    fn unknown_section(&self, section: &SectionPath, suggestion: Option<SectionPath>, instead: &str) -> Diagnostic {
        let help = match suggestion {
            Some(suggestion) => format!("did you mean `{suggestion}`?"),
            None => format!("correct the name, or configure it: `[[section]]` with `path = \"{section}\"`"),
        };
        Diagnostic::new(Code::SectionUnknown, format!("no section `{section}` is configured; {instead}")).help(help)
    }

    fn unknown_breadcrumb(&self, crumbs: &[Text], folder: &SectionPath) -> Diagnostic {
        let written = crumbs.iter().map(Text::as_str).collect::<Vec<_>>().join(" > ");
        let instead = if folder.is_root() { "the root".to_owned() } else { format!("`{folder}`") };
        Diagnostic::new(
            Code::BreadcrumbUnknown,
            format!("no section has the breadcrumb `{written}`; the folder files it under {instead}"),
        )
        .help(format!("give a section `breadcrumb = \"{written}\"`"))
    }

    /// The options of a feed: the section's own, else the site's.
    pub fn feed_options(&self, key: &FeedKey) -> &FeedOptions {
        let section = match key {
            FeedKey::Section(path) => self.section(path),
            FeedKey::Tag(_) | FeedKey::Author(_) => None,
        };
        section.map_or(&self.config.feeds, |section| &section.feeds)
    }

    /// Whether a feed has archives.
    pub fn has_archives(&self, key: &FeedKey) -> bool {
        let default = if matches!(key, FeedKey::Section(_)) { Archives::On } else { Archives::Off };
        self.feed_options(key).archives.unwrap_or(default) != Archives::Off
    }

    /// The partner feeds of a feed. Only sections have any.
    pub fn partner_feeds(&self, key: &FeedKey) -> &[PartnerFeed] {
        match key {
            FeedKey::Section(path) => self.section(path).map_or(&[], |section| &section.partners),
            FeedKey::Tag(_) | FeedKey::Author(_) => &[],
        }
    }
}

fn fold_crumbs(crumbs: &[Text]) -> Vec<String> {
    crumbs.iter().map(|crumb| fold_name(crumb.as_str())).collect()
}

fn fold_name(name: &str) -> String {
    nfc(name).to_lowercase()
}

fn renamed_section(old: &SectionPath, current: &SectionPath) -> Diagnostic {
    Diagnostic::new(Code::SectionRenamed, format!("`[[moved]]` renamed the section `{old}` to `{current}`"))
}

/// The warning for an article that names its section by an old name.
fn old_name(claim: &SectionClaim, old: &SectionPath, current: &SectionPath) -> Diagnostic {
    let help = match claim {
        SectionClaim::Breadcrumb(crumbs) => {
            let written = crumbs.iter().map(Text::as_str).collect::<Vec<_>>().join(" > ");
            format!("give the section `breadcrumb = \"{written}\"`, or change the breadcrumb of the article")
        }
        SectionClaim::Stated(_) | SectionClaim::Folder => format!("write `section: {current}`"),
    };
    renamed_section(old, current).help(help)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config;

    #[test]
    fn suggested_section_is_same_after_many_names() {
        let text = "[site]\ntitle = \"x\"\nurl = \"http://x.example/\"\ntag_authority = \"x.example,2026\"\n\
                    [[section]]\npath = \"sport\"\n[[section]]\npath = \"港口\"\n";
        let config = config::parse(Path::new("dateline.toml"), text.as_bytes()).config.expect("a configuration");
        let rules = SectionRules::new(config);
        let path = |name: &str| SectionPath::parse(name).expect(name);
        for number in 0..2_000 {
            assert_eq!(rules.suggested_section(&path(&format!("unknown-{number}"))), None);
        }
        for (written, suggestion) in
            [("sprot", Some("sport")), ("Sports", Some("sport")), ("港囗", Some("港口")), ("spa", None)]
        {
            assert_eq!(rules.suggested_section(&path(written)), suggestion.map(path), "{written}");
        }
    }
}
