//! The pass over ammonia's output: makes addresses absolute and extracts the plain text.

use std::collections::BTreeSet;

use super::addresses::absolute;
use super::anchors::Anchors;
use super::escape::unescape;
use super::formula::Formula;
use super::lists::{ASIDE, BLOCKS, VOID};
use super::pictures::{candidates, descriptor, loadable};
use crate::article::rendered::LinkBase;
use crate::article::summary::ends_summary;
use crate::encoding::escape_attribute;
use crate::types::Text;

/// Paragraphs of plain text under construction.
#[derive(Default)]
pub(super) struct Paragraphs {
    pub(super) done: Vec<String>,
    current: String,
}

impl Paragraphs {
    fn end(&mut self) {
        let paragraph = Text::line(&self.current);
        if !paragraph.is_empty() {
            self.done.push(paragraph.as_str().to_owned());
        }
        self.current.clear();
    }
}

pub(super) struct SecondPass<'a> {
    pub(super) links: &'a LinkBase,
    pub(super) html: String,
    pub(super) local_media: BTreeSet<String>,
    pub(super) prose: Paragraphs,
    /// The text of elements that aren't prose, such as captions and tables.
    pub(super) aside: Paragraphs,
    /// The number of open elements inside one of [`ASIDE`], including it.
    pub(super) aside_depth: usize,
    pub(super) formula: Formula,
    /// The text before the comment that ends the summary.
    pub(super) lead: Option<String>,
    pub(super) anchors: Anchors,
}

impl SecondPass<'_> {
    pub(super) fn run(&mut self, clean: &str) {
        let mut rest = clean;
        while let Some((text, tag_and_rest)) = rest.split_once('<') {
            self.text(text);
            if let Some((comment, after)) = tag_and_rest.strip_prefix("!--").and_then(|rest| rest.split_once("-->")) {
                self.comment(comment);
                rest = after;
                continue;
            }
            let Some((tag, after)) = tag_and_rest.split_once('>') else { break };
            match tag.strip_prefix('/') {
                Some(name) => self.end_tag(name),
                None => self.start_tag(tag),
            }
            rest = after;
        }
        self.text(rest);
        self.prose.end();
        self.aside.end();
    }

    /// The prose so far. If there is none, the text of captions, tables and the like.
    pub(super) fn text_so_far(&self) -> String {
        let paragraphs = if self.prose.done.is_empty() { &self.aside.done } else { &self.prose.done };
        paragraphs.join("\n\n")
    }

    fn comment(&mut self, comment: &str) {
        if self.lead.is_none() && ends_summary(comment) {
            self.prose.end();
            self.aside.end();
            self.lead = Some(self.text_so_far());
        }
    }

    fn text(&mut self, text: &str) {
        self.html.push_str(text);
        let text = unescape(text);
        let text = self.formula.text(&text).into_owned();
        self.push_plain_text(&text);
    }

    fn push_plain_text(&mut self, text: &str) {
        let paragraphs = if self.aside_depth > 0 { &mut self.aside } else { &mut self.prose };
        paragraphs.current.push_str(text);
    }

    fn end_tag(&mut self, name: &str) {
        if name == "a" && self.html.ends_with("<a>") {
            // An anchor whose id was removed is removed too.
            self.html.truncate(self.html.len() - "<a>".len());
        } else {
            self.html.push_str("</");
            self.html.push_str(name);
            self.html.push('>');
        }
        if let Some(end) = self.formula.end() {
            self.push_plain_text(end);
        }
        self.end_paragraph(name);
        self.aside_depth = self.aside_depth.saturating_sub(1);
    }

    fn end_paragraph(&mut self, name: &str) {
        if name == "br" {
            self.prose.current.push('\n');
            self.aside.current.push('\n');
        } else if BLOCKS.contains(&name) {
            self.prose.end();
            self.aside.end();
        }
    }

    fn start_tag(&mut self, tag: &str) {
        let (name, mut rest) = tag.split_once(' ').unwrap_or((tag, ""));
        let mut attributes: Vec<(&str, String)> = Vec::new();
        while let Some((attribute, after)) = rest.split_once("=\"") {
            let Some((escaped, after)) = after.split_once('"') else { break };
            rest = after.trim_start();
            attributes.push((attribute, unescape(escaped)));
        }
        let mut kept = String::new();
        let mut has_source = false;
        let mut is_aside = false;
        let mut keep = |attribute: &str, value: &str| {
            kept.push(' ');
            kept.push_str(attribute);
            kept.push_str("=\"");
            escape_attribute(value, &mut kept);
            kept.push('"');
        };
        for (attribute, value) in &attributes {
            let (attribute, value) = match *attribute {
                // An empty address is the page's own, which isn't a picture.
                "src" | "poster" if loadable(Some(value)).is_none() => continue,
                "srcset" => match self.absolute_set(value) {
                    Some(set) => ("srcset", set),
                    None => continue,
                },
                "href" | "src" | "cite" | "poster" => match self.absolute(value) {
                    Some(url) => (*attribute, url),
                    None => continue,
                },
                "style" => match value.trim().trim_end_matches(';').strip_prefix("text-align:").map(str::trim) {
                    Some(side @ ("left" | "center" | "right")) => ("align", side.to_owned()),
                    _ => continue,
                },
                // The remaining classes are those of footnotes and of links that replace embeds.
                "class" => {
                    is_aside = true;
                    continue;
                }
                "name" if value_of(&attributes, "id").is_some() => continue,
                "id" | "name" => match self.anchors.id(value) {
                    Some(id) => ("id", id),
                    None => continue,
                },
                // Added below.
                "controls" => continue,
                attribute => (attribute, value.clone()),
            };
            has_source |= attribute == "src";
            keep(attribute, &value);
        }
        if matches!(name, "img" | "source") && !has_source {
            return;
        }
        if matches!(name, "audio" | "video") {
            kept.push_str(" controls=\"\"");
        }
        self.end_paragraph(name);
        if !VOID.contains(&name) && (self.aside_depth > 0 || is_aside || ASIDE.contains(&name)) {
            self.aside_depth += 1;
        }
        let alternative = attributes.iter().find(|(known, _)| *known == "alttext").map(|(_, value)| value.as_str());
        if let Some(start) = self.formula.start(name, alternative) {
            self.push_plain_text(&start);
        }
        self.html.push('<');
        self.html.push_str(name);
        self.html.push_str(&kept);
        self.html.push('>');
    }

    /// The `srcset` with absolute URLs. `None` if no candidate is left.
    fn absolute_set(&mut self, set: &str) -> Option<String> {
        let mut kept = Vec::new();
        for (address, written) in candidates(set) {
            let is_valid = descriptor(written).is_some() && loadable(Some(address)).is_some();
            // A comma at the end of the URL would end the candidate.
            if let Some(url) = self.absolute(address).filter(|url| is_valid && !url.ends_with(',')) {
                kept.push(format!("{url} {written}").trim_end().to_owned());
            }
        }
        (!kept.is_empty()).then(|| kept.join(", "))
    }

    /// The absolute form of a reference. `None` if feeds must not carry it.
    fn absolute(&mut self, reference: &str) -> Option<String> {
        absolute(reference, self.links, &mut self.local_media)
    }
}

fn value_of<'a>(attributes: &'a [(&str, String)], name: &str) -> Option<&'a str> {
    attributes.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
}
