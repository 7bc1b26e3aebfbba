//! Ids that links may lead to.
//!
//! On a page of its own an article keeps its ids. Where it stands among others, only ids stay that a link in the article leads to, and they
//! end in what tells the articles apart. Links always name the article's page.

use std::collections::HashSet;

use super::addresses::percent_decoded;
use super::escape::unescape;
use crate::article::render::LinkBase;

pub(super) struct Anchors {
    is_own_page: bool,
    suffix: String,
    /// What links lead to.
    targets: HashSet<String>,
    seen: HashSet<String>,
}

impl Anchors {
    /// The anchors of markup that ammonia wrote.
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
        Anchors { is_own_page: links.anchors, suffix: links.id_suffix(), targets, seen: HashSet::new() }
    }

    /// What becomes of an id; `None` if it goes. Of two elements with one id the first has it.
    pub(super) fn id(&mut self, written: &str) -> Option<String> {
        if written.is_empty() || written.contains(|c: char| c.is_whitespace() || c.is_control()) {
            return None;
        }
        let id = if self.is_own_page || written.ends_with(&self.suffix) {
            written.to_owned()
        } else {
            self.targets.contains(written).then(|| format!("{written}{}", self.suffix))?
        };
        self.seen.insert(id.clone()).then_some(id)
    }
}
