//! Joins the words of a text.

use crate::article::steps;

/// Text with single spaces between its words.
#[derive(Debug, Default)]
pub(crate) struct Words {
    text: String,
    needs_space: bool,
}

impl Words {
    pub(crate) fn push(&mut self, part: &str) {
        steps::add(part.len());
        for (number, word) in part.split([' ', '\t', '\n', '\r']).enumerate() {
            self.needs_space |= number > 0;
            if word.is_empty() {
                continue;
            }
            if std::mem::take(&mut self.needs_space) && !self.text.is_empty() {
                self.text.push(' ');
            }
            self.text.push_str(word);
        }
    }

    /// Separates the words of two blocks.
    pub(super) fn separate_blocks(&mut self, element: &str) {
        self.needs_space |= matches!(
            element,
            "p" | "br" | "li" | "dt" | "dd" | "div" | "tr" | "td" | "th" | "hl1" | "hl2" | "byttl" | "block" | "pre"
        );
    }

    pub(crate) fn finish(self) -> String {
        match self.text.trim() {
            text if text.len() == self.text.len() => self.text,
            text => text.to_owned(),
        }
    }
}
