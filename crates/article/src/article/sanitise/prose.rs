//! Extracts the plain text of a body while it is written.

use super::formula::Formula;
use super::lists::{ASIDE, BLOCKS, VOID};
use crate::types::Text;

/// Paragraphs of plain text under construction.
#[derive(Default)]
struct Paragraphs {
    done: Vec<String>,
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

/// The plain text of the elements written so far.
#[derive(Default)]
pub(super) struct Prose {
    prose: Paragraphs,
    /// The text of elements that aren't prose, such as captions and tables.
    aside: Paragraphs,
    /// The number of open elements inside one of [`ASIDE`], including it.
    aside_depth: usize,
    formula: Formula,
    /// The text before the comment that ends the summary.
    lead: Option<String>,
}

impl Prose {
    /// Records a start tag. `is_aside` says that the element isn't prose, whatever its name. `alternative` is a formula's `alttext`.
    pub(super) fn start(&mut self, name: &str, is_aside: bool, alternative: Option<&str>) {
        self.end_paragraph(name);
        if !VOID.contains(&name) && (self.aside_depth > 0 || is_aside || ASIDE.contains(&name)) {
            self.aside_depth += 1;
        }
        if let Some(start) = self.formula.start(name, alternative) {
            self.push(&start);
        }
    }

    pub(super) fn text(&mut self, text: &str) {
        let text = self.formula.text(text);
        let paragraphs = if self.aside_depth > 0 { &mut self.aside } else { &mut self.prose };
        paragraphs.current.push_str(&text);
    }

    pub(super) fn end(&mut self, name: &str) {
        if let Some(end) = self.formula.end() {
            self.push(end);
        }
        self.end_paragraph(name);
        self.aside_depth = self.aside_depth.saturating_sub(1);
    }

    /// Records a comment that ends the summary. Only the first comment counts.
    pub(super) fn end_summary(&mut self) {
        if self.lead.is_none() {
            self.prose.end();
            self.aside.end();
            self.lead = Some(self.so_far());
        }
    }

    /// The whole text, and the text before the end of the summary.
    pub(super) fn finish(mut self) -> (String, Option<String>) {
        self.prose.end();
        self.aside.end();
        (self.so_far(), self.lead)
    }

    /// The prose so far. If there is none, the text of captions, tables and the like.
    fn so_far(&self) -> String {
        let paragraphs = if self.prose.done.is_empty() { &self.aside.done } else { &self.prose.done };
        paragraphs.join("\n\n")
    }

    fn push(&mut self, text: &str) {
        let paragraphs = if self.aside_depth > 0 { &mut self.aside } else { &mut self.prose };
        paragraphs.current.push_str(text);
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
}
