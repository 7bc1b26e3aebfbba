//! What a changed configuration changes, in a line for the log: which tables, and which sections.

use std::collections::BTreeMap;

use super::{Config, Section};
use crate::types::SectionPath;

/// So many sections are named; of more, how many there are.
const NAMED: usize = 5;

impl Config {
    /// How this configuration differs from the one before.
    pub fn difference(&self, before: &Config) -> String {
        let mut changes = Vec::new();
        let mut compare = |name: &str, is_same: bool| changes.extend((!is_same).then(|| format!("{name} changed")));
        compare("[site]", self.site == before.site && self.parsing == before.parsing);
        compare("[content]", self.content == before.content);
        compare("[feeds]", self.feeds == before.feeds && self.updated_when == before.updated_when);
        compare("[taxonomies]", self.taxonomies == before.taxonomies);
        compare("[[moved]] and [[gone]]", self.addresses == before.addresses);
        compare("[reload]", self.reload == before.reload);
        let sections = |config: &Config| -> BTreeMap<SectionPath, Section> {
            config.sections.iter().map(|section| (section.path.clone(), section.clone())).collect()
        };
        let (old, new) = (sections(before), sections(self));
        let added: Vec<&SectionPath> = new.keys().filter(|path| !old.contains_key(*path)).collect();
        let removed: Vec<&SectionPath> = old.keys().filter(|path| !new.contains_key(*path)).collect();
        let changed = new.iter().filter(|(path, section)| {
            // That lines before it were added changes nothing.
            old.get(*path).is_some_and(|old| Section { place: section.place.clone(), ..old.clone() } != **section)
        });
        let changed: Vec<&SectionPath> = changed.map(|(path, _)| path).collect();
        for (what, paths) in [("added", added), ("removed", removed), ("changed", changed)] {
            changes.extend(named(what, &paths));
        }
        if changes.is_empty() { "nothing that readers see changed".to_owned() } else { changes.join("; ") }
    }
}

fn named(what: &str, paths: &[&SectionPath]) -> Option<String> {
    let names: Vec<String> = paths.iter().take(NAMED).map(|path| format!("`{path}`")).collect();
    let more = paths.len().checked_sub(NAMED).filter(|more| *more > 0);
    let more = more.map(|more| format!(" and {more} more")).unwrap_or_default();
    let noun = if paths.len() == 1 { "section" } else { "sections" };
    (!paths.is_empty()).then(|| format!("{noun} {}{more} {what}", names.join(", ")))
}
