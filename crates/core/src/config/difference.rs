//! Describes how a configuration differs from the previous one, in one line for the log.

use std::collections::BTreeMap;

use super::{Config, Section, Source};
use crate::types::SectionPath;

/// How many sections are listed by name.
const MAX_NAMED_SECTIONS: usize = 5;

impl Config {
    /// Describes how this configuration differs from the previous one.
    pub fn difference(&self, before: &Config) -> String {
        let mut changes = Vec::new();
        let mut compare = |name: &str, is_same: bool| changes.extend((!is_same).then(|| format!("{name} changed")));
        compare("[site]", self.site == before.site && self.parsing == before.parsing);
        compare("[content]", self.content == before.content);
        // A source that only moved to another line hasn't changed.
        let is_same_source =
            |(old, new): (&Source, &Source)| Source { place: new.place.clone(), ..old.clone() } == *new;
        let (old, new) = (&before.sources.named, &self.sources.named);
        compare("[[source]]", old.len() == new.len() && old.iter().zip(new).all(is_same_source));
        let is_same_feeds = self.feeds == before.feeds && self.words == before.words;
        compare("[feeds]", is_same_feeds && self.updated_when == before.updated_when);
        compare("[taxonomies]", self.taxonomies == before.taxonomies);
        compare("[agency]", self.agency == before.agency);
        compare("[[moved]] and [[gone]]", self.addresses == before.addresses);
        compare("[reload]", self.reload == before.reload);
        compare("[websub]", self.websub == before.websub);
        compare("[journal]", self.journal_keep == before.journal_keep);
        let sections = |config: &Config| -> BTreeMap<SectionPath, Section> {
            config.sections.iter().map(|section| (section.path.clone(), section.clone())).collect()
        };
        let (old, new) = (sections(before), sections(self));
        let added: Vec<&SectionPath> = new.keys().filter(|path| !old.contains_key(*path)).collect();
        let removed: Vec<&SectionPath> = old.keys().filter(|path| !new.contains_key(*path)).collect();
        let changed = new.iter().filter(|(path, section)| {
            // A section that only moved to another line hasn't changed.
            old.get(*path).is_some_and(|old| Section { place: section.place.clone(), ..old.clone() } != **section)
        });
        let changed: Vec<&SectionPath> = changed.map(|(path, _)| path).collect();
        for (change, paths) in [("added", added), ("removed", removed), ("changed", changed)] {
            changes.extend(describe_sections(change, &paths));
        }
        if changes.is_empty() { "nothing that readers see changed".to_owned() } else { changes.join("; ") }
    }
}

fn describe_sections(change: &str, paths: &[&SectionPath]) -> Option<String> {
    let names: Vec<String> = paths.iter().take(MAX_NAMED_SECTIONS).map(|path| format!("`{path}`")).collect();
    let more = paths.len().checked_sub(MAX_NAMED_SECTIONS).filter(|more| *more > 0);
    let more = more.map(|more| format!(" and {more} more")).unwrap_or_default();
    let noun = if paths.len() == 1 { "section" } else { "sections" };
    (!paths.is_empty()).then(|| format!("{noun} {}{more} {change}", names.join(", ")))
}
