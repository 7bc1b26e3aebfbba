//! Decides which feeds include an article: for each section the first rule that decides, then tags and authors.

use std::fmt;

use super::placement::{FeedKey, Placement, SectionRules, taxonomy_key};
use crate::article::SectionClaim;
use crate::article::card::Card;
use crate::config::{Section, SectionGlobs, Selector};
use crate::types::{Language, SectionPath, Text};

/// Whether a feed includes an article, and why.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Decision {
    /// Whether the feed includes it.
    pub is_included: bool,
    /// The first rule that applied.
    pub rule: Rule,
}

/// The rules, in the order in which they are checked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Rule {
    /// The article says `feeds: false`.
    FeedsDisabled,
    /// The article is unlisted.
    Unlisted,
    /// The root feed includes everything.
    Root,
    /// An exclude pattern matches the article's section.
    Excluded(Text),
    /// The key and list of a selector that refused the article: none of `any`, not all of `all`, or one of `none`.
    Selected(&'static str, &'static str),
    /// The article names the section in `sections`.
    NamedInSections,
    /// An include pattern matches the article's section.
    Included(Text),
    /// The article's section matches no include pattern.
    NotIncluded,
    /// The section is the article's own.
    OwnSection,
    /// The article's own section isn't configured, and this is the nearest configured one.
    NearestSection,
    /// The article's section is below this one, and `roll_up` is true.
    RolledUp,
    /// The article's section is below this one, and `roll_up` is false.
    NotRolledUp,
    /// The article's section is elsewhere.
    Elsewhere,
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Rule::FeedsDisabled => write!(f, "`feeds: false` keeps it out of all feeds"),
            Rule::Unlisted => write!(f, "it is unlisted: it has a page and no entry in any feed"),
            Rule::Root => write!(f, "the root feed carries everything"),
            Rule::Excluded(pattern) => write!(f, "exclude `{pattern}` matches its section"),
            Rule::Selected(key, "any") => write!(f, "it has none of {key}.any"),
            Rule::Selected(key, "all") => write!(f, "it lacks one of {key}.all"),
            Rule::Selected(key, list) => write!(f, "it has one of {key}.{list}"),
            Rule::NamedInSections => write!(f, "`sections` files it here"),
            Rule::Included(pattern) => write!(f, "include `{pattern}` matches its section"),
            Rule::NotIncluded => write!(f, "no include pattern matches its section"),
            Rule::OwnSection => write!(f, "it is its own section"),
            Rule::NearestSection => write!(f, "its own section is not configured; this is the nearest that is"),
            Rule::RolledUp => write!(f, "its section lies below and roll_up is true"),
            Rule::NotRolledUp => write!(f, "its section lies below but roll_up is false"),
            Rule::Elsewhere => write!(f, "its section is not this one nor below it"),
        }
    }
}

impl SectionRules {
    /// The section feeds that include the article, in order.
    pub fn section_feeds(&self, card: &Card, placement: &Placement) -> Vec<FeedKey> {
        if !card.is_listed() {
            return Vec::new();
        }
        let mut keys = vec![FeedKey::Section(SectionPath::root())];
        let mut candidates: Vec<usize> = self.with_include.clone();
        candidates.extend(card.sections.iter().filter_map(|path| self.by_path.get(path)));
        let renamed = card.sections.iter().filter_map(|path| self.renaming(path));
        candidates.extend(renamed.filter_map(|(_, current)| self.by_path.get(&current)));
        let mut ancestor = Some(placement.home.clone());
        while let Some(path) = ancestor {
            candidates.extend(self.by_path.get(&path));
            ancestor = path.parent();
        }
        candidates.sort_unstable();
        candidates.dedup();
        for section in candidates.into_iter().filter_map(|at| self.config.sections.get(at)) {
            if self.decide(section, card, placement).is_included {
                keys.push(FeedKey::Section(section.path.clone()));
            }
        }
        keys.sort_unstable();
        keys.dedup();
        keys
    }

    /// The feeds of the article's tags and authors, in order.
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

    /// Whether the folder alone decides which section feeds include the article.
    pub fn follows_from_folder(&self, card: &Card) -> bool {
        !self.selects_terms
            && card.is_listed()
            && card.section == SectionClaim::Folder
            && (card.routing.is_none() || !self.routes_agencies())
            && card.sections.is_empty()
            && card.language.is_none()
    }

    /// Whether a section's feed includes an article, and the first rule that applied.
    pub fn decide(&self, section: &Section, card: &Card, placement: &Placement) -> Decision {
        let excluded = |rule| Decision { is_included: false, rule };
        let included = |rule| Decision { is_included: true, rule };
        if !card.in_feeds {
            return excluded(Rule::FeedsDisabled);
        }
        if !card.access.is_listed() {
            return excluded(Rule::Unlisted);
        }
        if let Some(pattern) = section.exclude.as_ref().and_then(|globs| matching(globs, placement)) {
            return excluded(Rule::Excluded(pattern));
        }
        let has = |terms: &[Text], wanted: &Text| terms.iter().any(|term| taxonomy_key(term) == taxonomy_key(wanted));
        let has_language = |wanted: &Text| language_matches(&placement.language, wanted);
        let refused = refusal(&section.tags, |wanted| has(&card.tags, wanted))
            .map(|list| Rule::Selected("tags", list))
            .or_else(|| {
                refusal(&section.authors, |wanted| has(&card.authors, wanted))
                    .map(|list| Rule::Selected("authors", list))
            })
            .or_else(|| refusal(&section.languages, has_language).map(|list| Rule::Selected("languages", list)));
        if let Some(rule) = refused {
            return excluded(rule);
        }
        let is_renamed = |old: &SectionPath| self.renaming(old).is_some_and(|(_, current)| current == section.path);
        if card.sections.contains(&section.path) || card.sections.iter().any(is_renamed) {
            return included(Rule::NamedInSections);
        }
        if let Some(globs) = &section.include {
            return match matching(globs, placement) {
                Some(pattern) => included(Rule::Included(pattern)),
                None => excluded(Rule::NotIncluded),
            };
        }
        if section.path == placement.own {
            return included(Rule::OwnSection);
        }
        if section.path == placement.home {
            return included(Rule::NearestSection);
        }
        match (section.path.contains(&placement.own), section.roll_up) {
            (true, true) => included(Rule::RolledUp),
            (true, false) => excluded(Rule::NotRolledUp),
            (false, _) => excluded(Rule::Elsewhere),
        }
    }
}

/// The first list of a selector that refuses an article.
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

/// The first pattern that matches the article's section, by its current or its old name.
fn matching(globs: &SectionGlobs, placement: &Placement) -> Option<Text> {
    let old = || globs.matching(&placement.written).filter(|_| placement.written != placement.own);
    globs.matching(&placement.own).or_else(old)
}
