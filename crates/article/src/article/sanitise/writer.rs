//! Writes the rewritten tree as HTML, and collects its plain text.
//!
//! Only listed elements and attributes are written. Addresses become absolute; those whose scheme isn't in `addresses` are dropped.
//! The HTML is spelled like html5ever's serialiser spells it. If ammonia has nothing to remove, its output therefore equals its input.

use std::collections::BTreeSet;

use super::addresses::absolute;
use super::anchors::Anchors;
use super::code;
use super::escape::{escape_attribute, escape_text};
use super::lists::{is_attribute_kept, is_element_kept};
use super::long_text;
use super::pictures::{candidates, descriptor, loadable};
use super::prose::Prose;
use crate::article::rendered::LinkBase;
use crate::types::ArticlePath;

/// The attributes of a start tag. Names are unique.
pub(super) type Attributes<'v> = [(&'v str, &'v str)];

/// The output of a [`Writer`].
pub(super) struct Written {
    pub(super) html: String,
    pub(super) text: String,
    /// The text before the comment that ends the summary.
    pub(super) lead: Option<String>,
    pub(super) local_media: BTreeSet<ArticlePath>,
}

/// The kind of the last output, which decides whether words need a space.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Last {
    /// Text that ends in a letter or a digit.
    Word,
    Link,
    Other,
}

pub(super) struct Writer<'a> {
    links: &'a LinkBase,
    html: String,
    anchors: Anchors<'a>,
    local_media: BTreeSet<ArticlePath>,
    prose: Prose,
    last: Last,
    /// Whether a `pre` begins here. Parsers ignore a line break at its start (HTML, section 13.2.6.4.7).
    begins_pre: bool,
}

impl<'a> Writer<'a> {
    pub(super) fn new(links: &'a LinkBase, capacity: usize) -> Writer<'a> {
        Writer {
            links,
            html: String::with_capacity(capacity),
            anchors: Anchors::new(links),
            local_media: BTreeSet::new(),
            prose: Prose::default(),
            last: Last::Other,
            begins_pre: false,
        }
    }

    pub(super) fn finish(self) -> Written {
        let (text, lead) = self.prose.finish();
        Written { html: self.anchors.finish(self.html), text, lead, local_media: self.local_media }
    }

    pub(super) fn last(&self) -> Last {
        self.last
    }

    pub(super) fn text(&mut self, text: &str) {
        let text = if self.begins_pre { text.trim_start_matches('\n') } else { text };
        let Some(last) = text.chars().next_back() else { return };
        self.last = if last.is_alphanumeric() { Last::Word } else { Last::Other };
        self.begins_pre = false;
        escape_text(text, &mut self.html);
        self.prose.text(text);
    }

    /// Records the comment that ends the summary. Comments aren't written.
    pub(super) fn end_summary(&mut self) {
        self.prose.end_summary();
    }

    pub(super) fn end(&mut self, name: &str) {
        self.last = if name == "a" { Last::Link } else { Last::Other };
        if !is_element_kept(name) {
            return;
        }
        self.begins_pre = false;
        if name == "a" {
            self.anchors.end_link(&mut self.html);
        } else {
            self.html.push_str("</");
            self.html.push_str(name);
            self.html.push('>');
        }
        self.prose.end(name);
    }

    pub(super) fn start(&mut self, name: &str, attributes: &Attributes<'_>) {
        self.last = Last::Other;
        if !is_element_kept(name) {
            return;
        }
        self.begins_pre = name == "pre";
        let start = self.html.len();
        self.html.push('<');
        self.html.push_str(name);
        // Attributes that replace others come first, so that their place doesn't depend on what they replace.
        let target = value_of(attributes, "id").or_else(|| value_of(attributes, "name").filter(|_| name == "a"));
        if let Some(id) = target {
            self.anchors.add_id(self.html.len(), id);
        }
        if matches!(name, "td" | "th") {
            // pulldown-cmark writes the alignment of table cells as `style`.
            let styled = || alignment(value_of(attributes, "style")?);
            if let Some(side) = value_of(attributes, "align").or_else(styled) {
                self.write_attribute("align", side);
            }
        }
        for &(attribute, value) in attributes {
            if is_attribute_kept(name, attribute) {
                self.attribute(attribute, value);
            }
        }
        // Quotes in values are escaped.
        let has_source = || self.html.get(start..).is_some_and(|tag| tag.contains(" src=\""));
        if matches!(name, "img" | "source") && !has_source() {
            self.html.truncate(start);
            self.anchors.forget_from(start);
            return;
        }
        if matches!(name, "audio" | "video") {
            self.html.push_str(" controls=\"\"");
        }
        self.html.push('>');
        // Classes mark footnotes and links that replace embeds.
        let is_aside = matches!(name, "a" | "section" | "sup") && value_of(attributes, "class").is_some();
        self.prose.start(name, is_aside, value_of(attributes, "alttext"));
    }

    fn attribute(&mut self, name: &str, value: &str) {
        let value = without_costly(value);
        match name {
            // Written before. All players get controls.
            "id" | "align" | "controls" => {}
            // Feed readers have no style sheets.
            "class" => {
                if let Some(class) = code::language_class(value).filter(|_| self.links.anchors) {
                    self.write_attribute(name, class);
                }
            }
            // An empty address is the page's own, which isn't a picture.
            "src" | "poster" if loadable(Some(value)).is_none() => {}
            "srcset" => {
                if let Some(set) = self.absolute_set(value) {
                    self.write_attribute(name, &set);
                }
            }
            "href" | "src" | "cite" | "poster" => {
                if name == "href" {
                    self.anchors.add_link(value);
                }
                if let Some(url) = absolute(value, self.links, &mut self.local_media) {
                    self.write_attribute(name, &url);
                }
            }
            _ => self.write_attribute(name, value),
        }
    }

    fn write_attribute(&mut self, name: &str, value: &str) {
        self.html.push(' ');
        self.html.push_str(name);
        self.html.push_str("=\"");
        escape_attribute(value, &mut self.html);
        self.html.push('"');
    }

    /// The `srcset` with absolute URLs. `None` if no candidate is left.
    fn absolute_set(&mut self, set: &str) -> Option<String> {
        let mut kept = Vec::new();
        for (address, written) in candidates(set) {
            let is_valid = descriptor(written).is_some() && loadable(Some(address)).is_some();
            let url = absolute(address, self.links, &mut self.local_media);
            // A comma at the end of the URL would end the candidate.
            if let Some(url) = url.filter(|url| is_valid && !url.ends_with(',')) {
                kept.push(format!("{url} {written}").trim_end().to_owned());
            }
        }
        (!kept.is_empty()).then(|| kept.join(", "))
    }
}

fn value_of<'v>(attributes: &Attributes<'v>, name: &str) -> Option<&'v str> {
    attributes.iter().find(|(known, _)| *known == name).map(|(_, value)| without_costly(value))
}

/// The value, or nothing if serialising it would take too long.
fn without_costly(value: &str) -> &str {
    if long_text::is_costly_attribute(value) { "" } else { value }
}

/// The alignment that an inline style states.
fn alignment(style: &str) -> Option<&str> {
    let declarations = style.split(';').filter_map(|declaration| declaration.split_once(':'));
    let mut values = declarations.filter(|(name, _)| name.trim() == "text-align").map(|(_, value)| value.trim());
    match (values.next(), values.next()) {
        (Some(side @ ("left" | "center" | "right")), None) => Some(side),
        _ => None,
    }
}
