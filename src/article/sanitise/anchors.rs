//! Ids as targets of links.
//!
//! On a page of its own, an article keeps its ids. In feeds, only ids that are targets of the article's own links stay, with a suffix that
//! differs between articles. Links always lead to the article's page.

use std::collections::HashSet;

use super::addresses::percent_decoded;
use super::escape::unescape;
use crate::article::rendered::LinkBase;

pub(super) struct Anchors {
    is_own_page: bool,
    suffix: String,
    /// The ids to which links lead.
    targets: HashSet<String>,
    used: HashSet<String>,
}

impl Anchors {
    /// Collects the targets of links in ammonia's output.
    pub(super) fn new(links: &LinkBase, clean: &str) -> Anchors {
        let has_ids = [" id=\"", " name=\""].iter().any(|attribute| clean.contains(attribute));
        let mut targets = HashSet::new();
        if has_ids && !links.anchors {
            for value in clean.split(" href=\"").skip(1).filter_map(|rest| Some(rest.split_once('"')?.0)) {
                let reference = unescape(value.trim());
                let path = reference.strip_prefix(links.page.as_str()).unwrap_or(&reference);
                targets.extend(path.strip_prefix('#').and_then(percent_decoded));
            }
        }
        Anchors { is_own_page: links.anchors, suffix: links.id_suffix(), targets, used: HashSet::new() }
    }

    /// The new id. `None` removes it. Of several elements with the same id, the first keeps it.
    pub(super) fn id(&mut self, written: &str) -> Option<String> {
        if written.is_empty() || written.contains(|c: char| c.is_whitespace() || c.is_control()) {
            return None;
        }
        let id = if self.is_own_page || written.ends_with(&self.suffix) {
            written.to_owned()
        } else {
            self.targets.contains(written).then(|| format!("{written}{}", self.suffix))?
        };
        self.used.insert(id.clone()).then_some(id)
    }
}
