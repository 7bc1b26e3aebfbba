//! Ids as targets of links.
//!
//! On a page of its own, an article keeps its ids. In feeds, only ids that are targets of the article's own links stay, with a suffix that
//! differs between articles. Links always lead to the article's page.
//!
//! A link may come after its target, so ids are inserted when everything else is written.

use std::collections::HashSet;

use super::escape::escape_attribute;
use crate::article::rendered::LinkBase;
use crate::encoding::percent_decoded;

/// The start tag of a link without attributes, and its end tag.
const BARE_LINK: (&str, &str) = ("<a>", "</a>");

pub(super) struct Anchors<'a> {
    links: &'a LinkBase,
    suffix: String,
    /// The ids to which links lead.
    targets: HashSet<String>,
    written: Vec<WrittenId>,
}

/// An id in the source.
struct WrittenId {
    /// Where the attribute belongs in the HTML.
    at: usize,
    id: String,
    /// Whether the element is an empty link without other attributes, which is removed with its id.
    is_only_an_anchor: bool,
}

impl<'a> Anchors<'a> {
    pub(super) fn new(links: &'a LinkBase) -> Anchors<'a> {
        Anchors { links, suffix: links.id_suffix(), targets: HashSet::new(), written: Vec::new() }
    }

    /// Records where a link leads.
    pub(super) fn add_link(&mut self, reference: &str) {
        let reference = reference.trim();
        let path = reference.strip_prefix(self.links.page.as_str()).unwrap_or(reference);
        self.targets.extend(path.strip_prefix('#').and_then(percent_decoded));
    }

    /// Records an id and the place of its attribute.
    pub(super) fn add_id(&mut self, at: usize, id: &str) {
        if !id.is_empty() && !id.contains(|c: char| c.is_whitespace() || c.is_control()) {
            self.written.push(WrittenId { at, id: id.to_owned(), is_only_an_anchor: false });
        }
    }

    /// Forgets the ids of a tag that was removed.
    pub(super) fn forget_from(&mut self, start: usize) {
        while self.written.pop_if(|written| written.at > start).is_some() {}
    }

    /// Writes the end tag of a link. A link without attributes and content is removed.
    pub(super) fn end_link(&mut self, html: &mut String) {
        if html.ends_with(BARE_LINK.0) {
            match self.written.last_mut().filter(|written| written.at + 1 == html.len()) {
                Some(written) => written.is_only_an_anchor = true,
                None => return html.truncate(html.len() - BARE_LINK.0.len()),
            }
        }
        html.push_str(BARE_LINK.1);
    }

    /// Inserts the ids that stay.
    pub(super) fn finish(self, html: String) -> String {
        if self.written.is_empty() {
            return html;
        }
        let mut finished = String::with_capacity(html.len() + self.written.len() * 24);
        let mut copied = 0;
        let mut used = HashSet::new();
        for written in &self.written {
            finished.push_str(html.get(copied..written.at).unwrap_or_default());
            copied = written.at;
            // Of several elements with the same id, the first keeps it.
            match self.public_id(&written.id).filter(|id| used.insert(id.clone())) {
                Some(id) => {
                    finished.push_str(" id=\"");
                    escape_attribute(&id, &mut finished);
                    finished.push('"');
                }
                None if written.is_only_an_anchor => {
                    finished.truncate(finished.len() - (BARE_LINK.0.len() - 1));
                    copied += 1 + BARE_LINK.1.len();
                }
                None => {}
            }
        }
        finished.push_str(html.get(copied..).unwrap_or_default());
        finished
    }

    /// The id under which readers find an element. `None` if no link leads to it.
    fn public_id(&self, id: &str) -> Option<String> {
        if self.links.anchors || id.ends_with(&self.suffix) {
            return Some(id.to_owned());
        }
        self.targets.contains(id).then(|| format!("{id}{}", self.suffix))
    }
}
