//! Where an article belongs: its own section, and for each feed the first rule that takes or refuses it (CONTRACT, "Which
//! section, which feeds").

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use crate::article::card::Card;
use crate::article::{SectionClaim, bundle};
use crate::config::{Config, Paid, RenamedSection, Section, SectionGlobs, Selector};
use crate::diagnostics::{Code, Diagnostic, Names};
use crate::types::{ArticlePath, Language, SectionPath, Text, nfc};

/// What identifies a feed.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum FeedKey {
    /// A configured section; the root is the empty path.
    Section(SectionPath),
    /// A tag, as [`taxonomy_key`] spells it.
    Tag(Text),
    /// An author, likewise.
    Author(Text),
}

/// Tags and authors are the same whatever their case and composition.
pub fn taxonomy_key(term: &Text) -> Text {
    Text::line(&nfc(term.as_str()).to_lowercase())
}

/// Where an article belongs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Placement {
    /// The section that it says it belongs to.
    pub own: SectionPath,
    /// The same by the name that the article uses, which `[[moved]]` may have changed. Ids are minted of it, so that they stay.
    pub written: SectionPath,
    /// The old path of a section in the name of its folder.
    pub old_folder: Option<SectionPath>,
    /// The nearest configured section that contains `own`; the root if there is none.
    pub home: SectionPath,
    /// The language it is written in.
    pub language: Language,
    /// What was odd about the claim.
    pub diagnostics: Vec<Diagnostic>,
}

/// Why a feed has an article or has it not.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Verdict {
    /// Whether it is in.
    pub taken: bool,
    /// The first rule that decided.
    pub rule: Rule,
}

/// The rules, in the order in which they are asked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Rule {
    /// `feeds = false`
    KeptOut,
    /// `unlisted: true`, or what other tools write instead.
    Unlisted,
    /// The root feed carries everything.
    Root,
    /// An exclude pattern matches the own section.
    Excluded(Text),
    /// None of `any`, or not all of `all`, or one of `none`: which list of which key.
    Selected(&'static str, &'static str),
    /// IndexedArticle there by `sections`.
    IndexedArticle,
    /// An include pattern matches the own section.
    Included(Text),
    /// No include pattern matches the own section.
    NotIncluded,
    /// It is its own section.
    Own,
    /// Its own section is not configured; this is the nearest that is.
    Nearest,
    /// The own section lies below, and the section rolls up.
    RolledUp,
    /// The own section lies below, but the section does not roll up.
    NotRolledUp,
    /// The own section is elsewhere.
    Elsewhere,
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Rule::KeptOut => write!(f, "`feeds: false` keeps it out of all feeds"),
            Rule::Unlisted => write!(f, "it is unlisted: it has a page and no entry in any feed"),
            Rule::Root => write!(f, "the root feed carries everything"),
            Rule::Excluded(pattern) => write!(f, "exclude `{pattern}` matches its section"),
            Rule::Selected(key, "any") => write!(f, "it has none of {key}.any"),
            Rule::Selected(key, "all") => write!(f, "it lacks one of {key}.all"),
            Rule::Selected(key, list) => write!(f, "it has one of {key}.{list}"),
            Rule::IndexedArticle => write!(f, "`sections` files it here"),
            Rule::Included(pattern) => write!(f, "include `{pattern}` matches its section"),
            Rule::NotIncluded => write!(f, "no include pattern matches its section"),
            Rule::Own => write!(f, "it is its own section"),
            Rule::Nearest => write!(f, "its own section is not configured; this is the nearest that is"),
            Rule::RolledUp => write!(f, "its section lies below and roll_up is true"),
            Rule::NotRolledUp => write!(f, "its section lies below but roll_up is false"),
            Rule::Elsewhere => write!(f, "its section is not this one nor below it"),
        }
    }
}

/// The sections of a configuration, arranged for looking up.
#[derive(Debug)]
pub struct SectionRules {
    config: Arc<Config>,
    by_path: BTreeMap<SectionPath, usize>,
    by_breadcrumb: BTreeMap<Vec<String>, SectionPath>,
    /// The configured sections below each with no other configured section between.
    children: BTreeMap<SectionPath, Vec<usize>>,
    /// Sections whose `include` may take articles from anywhere.
    with_include: Vec<usize>,
    /// Whether any section selects by tags or authors.
    selects_terms: bool,
    /// The names that unknown ones are compared with.
    names: Names,
    /// The configured section that each unknown name was probably meant for: articles without end may have the same mistake.
    meant: Mutex<HashMap<SectionPath, Option<SectionPath>>>,
}

impl SectionRules {
    /// Arranges the sections.
    pub fn new(config: Arc<Config>) -> SectionRules {
        let by_path = config.sections.iter().enumerate().map(|(at, section)| (section.path.clone(), at)).collect();
        let by_breadcrumb = config
            .sections
            .iter()
            .filter_map(|section| Some((fold(section.breadcrumb.as_deref()?), section.path.clone())))
            .collect();
        let with_include = config
            .sections
            .iter()
            .enumerate()
            .filter(|(_, section)| section.include.is_some())
            .map(|(at, _)| at)
            .collect();
        let is_empty =
            |selector: &Selector| selector.any.is_empty() && selector.all.is_empty() && selector.none.is_empty();
        let selects_terms =
            config.sections.iter().any(|section| !is_empty(&section.tags) || !is_empty(&section.authors));
        let children = BTreeMap::new();
        let names = Names::new(config.sections.iter().map(|section| section.path.as_str()));
        let meant = Mutex::default();
        let mut cabinet =
            SectionRules { config, by_path, by_breadcrumb, with_include, selects_terms, children, names, meant };
        for (path, at) in cabinet.by_path.clone() {
            let parent = cabinet.nearest(&path.parent().unwrap_or_default());
            cabinet.children.entry(parent).or_default().push(at);
        }
        cabinet
    }

    /// The configuration these sections are of.
    pub fn config(&self) -> &Arc<Config> {
        &self.config
    }

    /// Whether neither feeds nor pages have an article, because of who may read it.
    pub fn leaves_out(&self, card: &Card) -> bool {
        card.access.is_private() || (card.access.is_paid() && self.config.content.paid == Paid::Omit)
    }

    /// A configured section.
    pub fn section(&self, path: &SectionPath) -> Option<&Section> {
        self.by_path.get(path).and_then(|&at| self.config.sections.get(at))
    }

    /// The section itself or the nearest above it that is configured; the root if there is none.
    pub fn nearest(&self, path: &SectionPath) -> SectionPath {
        let mut candidate = path.clone();
        while !candidate.is_root() && !self.by_path.contains_key(&candidate) {
            candidate = candidate.parent().unwrap_or_default();
        }
        candidate
    }

    /// The titles of a section and of those above it that are configured, outermost first, each with its path.
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

    /// The configured sections that lie below one with no other configured section between.
    pub fn children(&self, path: &SectionPath) -> Vec<&Section> {
        self.children.get(path).into_iter().flatten().filter_map(|&at| self.config.sections.get(at)).collect()
    }

    /// How a section was renamed, or one above it, and what its path is now. Sections that are configured keep their paths.
    fn renaming(&self, section: &SectionPath) -> Option<(&RenamedSection, SectionPath)> {
        let renamed = self.config.renamed.iter().find(|renamed| renamed.from.contains(section))?;
        let is_taken = renamed.from.contains(&self.nearest(section));
        let now = renamed.apply(section).filter(|_| !is_taken)?;
        Some((renamed, now))
    }

    /// The configured section that a folder is of, also by its old name; the root has none.
    pub fn of_folder(&self, folder: &str) -> Option<&SectionPath> {
        let path = SectionPath::parse(folder).ok()?;
        let now = self.renaming(&path).map(|(_, now)| now);
        self.section(now.as_ref().unwrap_or(&path)).map(|section| &section.path)
    }

    /// What the path of a renamed section is now.
    pub fn renamed(&self, section: &SectionPath) -> Option<SectionPath> {
        self.config.renamed.iter().find_map(|renamed| renamed.apply(section))
    }

    /// The section that has the articles of one that was renamed.
    pub fn successor(&self, section: &SectionPath) -> Option<SectionPath> {
        self.renaming(section).map(|(_, now)| self.nearest(&now))
    }

    /// The section that a breadcrumb spells out by an old name.
    fn spelt_by_old_name(&self, crumbs: &[Text]) -> Option<SectionPath> {
        let folded = fold(crumbs);
        let spelt_out = |renamed: &RenamedSection| {
            let old: Vec<String> = renamed.from.segments().map(fold_name).collect();
            let rest = crumbs.get(old.len()..).filter(|_| folded.starts_with(&old))?;
            let rest = rest.iter().map(Text::as_str).collect::<Vec<_>>().join("/");
            let written = SectionPath::parse(&format!("{}/{rest}", renamed.from)).ok()?;
            self.renaming(&written).is_some_and(|(_, now)| self.by_path.contains_key(&now)).then_some(written)
        };
        self.config.renamed.iter().find_map(spelt_out)
    }

    /// Where an article belongs.
    pub fn file(&self, path: &ArticlePath, card: &Card) -> Placement {
        let mut diagnostics = Vec::new();
        let folder = SectionPath::parse(bundle::section_folder(path)).unwrap_or_default();
        let mut by_folder = false;
        let written = match &card.section {
            SectionClaim::Stated(section) => section.clone(),
            SectionClaim::Folder => {
                by_folder = true;
                folder
            }
            SectionClaim::Breadcrumb(crumbs) => {
                let spelt_out = crumbs.iter().map(Text::as_str).collect::<Vec<_>>().join("/");
                let as_path = SectionPath::parse(&spelt_out).ok().filter(|section| self.by_path.contains_key(section));
                let known = self.by_breadcrumb.get(&fold(crumbs)).cloned().or(as_path);
                match known.or_else(|| self.spelt_by_old_name(crumbs)) {
                    Some(section) => section,
                    None => {
                        if spelt_out != folder.as_str() {
                            diagnostics.push(self.unknown_breadcrumb(crumbs, &folder));
                        }
                        by_folder = true;
                        folder
                    }
                }
            }
        };
        diagnostics.extend(self.unknown_sections(card));
        let renaming = self.renaming(&written);
        let own = renaming.as_ref().map_or_else(|| written.clone(), |(_, now)| now.clone());
        let old_folder = renaming.filter(|_| by_folder).map(|(renamed, _)| renamed.from.clone());
        if own != written && !by_folder {
            diagnostics.push(old_name(&card.section, &written, &own));
        }
        for (old, now) in card.sections.iter().filter_map(|old| Some((old, self.renaming(old)?.1))) {
            diagnostics.push(renamed_section(old, &now).help(format!("write `{now}` in `sections`")));
        }
        let home = self.nearest(&own);
        let language = card
            .language
            .clone()
            .or_else(|| self.section(&home).and_then(|section| section.language.clone()))
            .unwrap_or_else(|| self.config.site.language.clone());
        Placement { own, written, old_folder, home, language, diagnostics }
    }

    /// Sections that an article names and that are not configured, unless one that is takes it for them.
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
            let meant = self.meant(section);
            // Below a configured section it is in that one's feed, as it may be meant to be.
            if home.is_root() || meant.is_some() {
                let home = if home.is_root() { "the root feed".to_owned() } else { format!("the feed of `{home}`") };
                unknown.push(self.unknown_section(
                    section,
                    meant,
                    &format!("the nearest that has the article is {home}"),
                ));
            }
        }
        for section in card.sections.iter().filter(|section| !is_known(section)) {
            unknown.push(self.unknown_section(
                section,
                self.meant(section),
                "`sections` files the article nowhere for it",
            ));
        }
        unknown
    }

    /// The configured section that was probably meant.
    fn meant(&self, section: &SectionPath) -> Option<SectionPath> {
        /// Names that are kept with what they were meant for. What is found for another is the same, and only takes longer.
        const MAX_KEPT: usize = 1_000;
        let meant = || self.meant.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = meant().get(section).cloned() {
            return known;
        }
        let name = self.names.nearest(section.as_str());
        let found = name.and_then(|name| SectionPath::parse(name).ok());
        let mut meant = meant();
        if meant.len() < MAX_KEPT {
            meant.insert(section.clone(), found.clone());
        }
        found
    }

    fn unknown_section(&self, section: &SectionPath, meant: Option<SectionPath>, instead: &str) -> Diagnostic {
        let help = match meant {
            Some(meant) => format!("did you mean `{meant}`?"),
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

    /// The sections' feeds that have the article, in order.
    pub fn section_feeds(&self, card: &Card, filing: &Placement) -> Vec<FeedKey> {
        if !card.is_listed() {
            return Vec::new();
        }
        let mut keys = vec![FeedKey::Section(SectionPath::root())];
        let mut candidates: Vec<usize> = self.with_include.clone();
        candidates.extend(card.sections.iter().filter_map(|path| self.by_path.get(path)));
        let renamed = card.sections.iter().filter_map(|path| self.renaming(path));
        candidates.extend(renamed.filter_map(|(_, now)| self.by_path.get(&now)));
        let mut above = Some(filing.home.clone());
        while let Some(path) = above {
            candidates.extend(self.by_path.get(&path));
            above = path.parent();
        }
        candidates.sort_unstable();
        candidates.dedup();
        for section in candidates.into_iter().filter_map(|at| self.config.sections.get(at)) {
            if self.decide(section, card, filing).taken {
                keys.push(FeedKey::Section(section.path.clone()));
            }
        }
        keys.sort_unstable();
        keys.dedup();
        keys
    }

    /// The feeds of its tags and authors, in order.
    pub fn term_feeds(&self, card: &Card) -> Vec<FeedKey> {
        let mut keys = Vec::new();
        if card.is_listed() && self.config.taxonomies.tags {
            keys.extend(card.tags.iter().map(|tag| FeedKey::Tag(taxonomy_key(tag))));
        }
        if card.is_listed() && self.config.taxonomies.authors {
            keys.extend(card.authors.iter().map(|author| FeedKey::Author(taxonomy_key(author))));
        }
        keys.sort_unstable();
        keys.dedup();
        keys
    }

    /// Whether an article's sections follow from its folder alone: it says nothing of sections, of its language or of feeds, and no
    /// section selects by tags or authors.
    pub fn goes_by_folder(&self, card: &Card) -> bool {
        !self.selects_terms
            && card.is_listed()
            && card.section == SectionClaim::Folder
            && card.sections.is_empty()
            && card.language.is_none()
    }

    /// Whether a section's feed takes an article, and the first rule that decided.
    pub fn decide(&self, section: &Section, card: &Card, filing: &Placement) -> Verdict {
        let out = |rule| Verdict { taken: false, rule };
        let within = |rule| Verdict { taken: true, rule };
        if !card.in_feeds {
            return out(Rule::KeptOut);
        }
        if !card.access.is_listed() {
            return out(Rule::Unlisted);
        }
        if let Some(pattern) = section.exclude.as_ref().and_then(|globs| matching(globs, filing)) {
            return out(Rule::Excluded(pattern));
        }
        let has = |terms: &[Text], wanted: &Text| terms.iter().any(|term| taxonomy_key(term) == taxonomy_key(wanted));
        let speaks = |wanted: &Text| language_matches(&filing.language, wanted);
        let refused = refusal(&section.tags, |wanted| has(&card.tags, wanted))
            .map(|list| Rule::Selected("tags", list))
            .or_else(|| {
                refusal(&section.authors, |wanted| has(&card.authors, wanted))
                    .map(|list| Rule::Selected("authors", list))
            })
            .or_else(|| refusal(&section.languages, speaks).map(|list| Rule::Selected("languages", list)));
        if let Some(rule) = refused {
            return out(rule);
        }
        let is_renamed = |old: &SectionPath| self.renaming(old).is_some_and(|(_, now)| now == section.path);
        if card.sections.contains(&section.path) || card.sections.iter().any(is_renamed) {
            return within(Rule::IndexedArticle);
        }
        if let Some(globs) = &section.include {
            return match matching(globs, filing) {
                Some(pattern) => within(Rule::Included(pattern)),
                None => out(Rule::NotIncluded),
            };
        }
        if section.path == filing.own {
            return within(Rule::Own);
        }
        if section.path == filing.home {
            return within(Rule::Nearest);
        }
        match (section.path.contains(&filing.own), section.roll_up) {
            (true, true) => within(Rule::RolledUp),
            (true, false) => out(Rule::NotRolledUp),
            (false, _) => out(Rule::Elsewhere),
        }
    }
}

/// The first list of a selector that refuses, given what the article has.
fn refusal(selector: &Selector, has: impl Fn(&Text) -> bool) -> Option<&'static str> {
    if !selector.any.is_empty() && !selector.any.iter().any(&has) {
        return Some("any");
    }
    if !selector.all.iter().all(&has) {
        return Some("all");
    }
    selector.none.iter().any(&has).then_some("none")
}

/// Basic filtering (RFC 4647, section 3.3.1): `zh` matches `zh-Hans`.
fn language_matches(language: &Language, range: &Text) -> bool {
    let (language, range) = (language.as_str().to_ascii_lowercase(), range.as_str().to_ascii_lowercase());
    language.strip_prefix(&range).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}

fn fold(crumbs: &[Text]) -> Vec<String> {
    crumbs.iter().map(|crumb| fold_name(crumb.as_str())).collect()
}

fn fold_name(name: &str) -> String {
    nfc(name).to_lowercase()
}

/// The first pattern that matches an article's section, by its name now or by the one that the article uses.
fn matching(globs: &SectionGlobs, filing: &Placement) -> Option<Text> {
    let old = || globs.matching(&filing.written).filter(|_| filing.written != filing.own);
    globs.matching(&filing.own).or_else(old)
}

fn renamed_section(old: &SectionPath, now: &SectionPath) -> Diagnostic {
    Diagnostic::new(Code::SectionRenamed, format!("the section `{old}` is `{now}` now, by `[[moved]]`"))
}

/// Where an article says by an old name which section it belongs to.
fn old_name(claim: &SectionClaim, old: &SectionPath, now: &SectionPath) -> Diagnostic {
    let help = match claim {
        SectionClaim::Breadcrumb(crumbs) => {
            let written = crumbs.iter().map(Text::as_str).collect::<Vec<_>>().join(" > ");
            format!("give the section `breadcrumb = \"{written}\"`, or change the breadcrumb of the article")
        }
        SectionClaim::Stated(_) | SectionClaim::Folder => format!("write `section: {now}`"),
    };
    renamed_section(old, now).help(help)
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
        let cabinet = SectionRules::new(config);
        let path = |name: &str| SectionPath::parse(name).expect(name);
        for number in 0..2_000 {
            assert_eq!(cabinet.meant(&path(&format!("unknown-{number}"))), None);
        }
        for (written, meant) in
            [("sprot", Some("sport")), ("Sports", Some("sport")), ("港囗", Some("港口")), ("spa", None)]
        {
            assert_eq!(cabinet.meant(&path(written)), meant.map(path), "{written}");
        }
    }
}
