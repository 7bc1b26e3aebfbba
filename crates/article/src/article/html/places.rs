//! Searches the source for values, because the parser doesn't report positions.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::ops::Range;

/// All searches together may read this many times the size of the page. Later searches find nothing.
const MAX_READS_OF_SOURCE: usize = 64;

/// How many bytes the searches may read in any page.
const MIN_BUDGET_BYTES: usize = 1 << 20;

/// How many tags of each name are examined.
const MAX_TAGS: usize = 300;

/// Searches the source of one page.
pub(super) struct Places<'s> {
    pub(super) source: &'s str,
    /// How many bytes the searches may still read.
    budget_bytes: Cell<usize>,
    /// The byte ranges of tags, by name.
    tags: RefCell<HashMap<String, Vec<Range<usize>>>>,
}

impl<'s> Places<'s> {
    pub(super) fn new(source: &'s str) -> Places<'s> {
        let budget = source.len().saturating_mul(MAX_READS_OF_SOURCE).saturating_add(MIN_BUDGET_BYTES);
        Places { source, budget_bytes: Cell::new(budget), tags: RefCell::default() }
    }

    /// Spends bytes of the budget. `None` if it is exhausted.
    pub(super) fn spend(&self, bytes: usize) -> Option<()> {
        self.budget_bytes.set(self.budget_bytes.get().checked_sub(bytes)?);
        crate::article::steps::add(bytes);
        Some(())
    }

    /// The first occurrence of a value.
    pub(super) fn find(&self, value: &str) -> Option<Range<usize>> {
        self.find_from(0, value)
    }

    fn find_from(&self, from: usize, value: &str) -> Option<Range<usize>> {
        let rest = self.source.get(from..).filter(|_| !value.is_empty())?;
        let found = rest.find(value);
        self.spend(found.unwrap_or(rest.len()))?;
        found.map(|at| from + at..from + at + value.len())
    }

    /// The occurrence of a value in a tag that also contains `name`.
    pub(super) fn in_tag(&self, tag: &str, name: &str, value: &str) -> Option<Range<usize>> {
        if value.is_empty() {
            return None;
        }
        let name = name.to_ascii_lowercase();
        let mut tags = self.tags.borrow_mut();
        if !tags.contains_key(tag) {
            self.spend(self.source.len())?;
            let starts = self.source.match_indices(tag).take(MAX_TAGS);
            let ranges = starts.filter_map(|(start, _)| {
                let length = tag_length(self.source.get(start..)?)?;
                Some(start..start + length)
            });
            tags.insert(tag.to_owned(), ranges.collect());
        }
        tags.get(tag)?.iter().find_map(|range| {
            self.spend(range.len())?;
            let written = self.source.get(range.clone())?;
            let at = range.start + written.find(value)?;
            written.to_ascii_lowercase().contains(&name).then_some(at..at + value.len())
        })
    }

    /// The occurrence of a value closely after one of the first tags of this name.
    pub(super) fn after(&self, tag: &str, value: &str) -> Option<Range<usize>> {
        const MAX_DISTANCE_BYTES: usize = 2_000;
        self.source.match_indices(tag).take(8).find_map(|(start, _)| {
            let found = self.find_from(start, value)?;
            (found.start - start < MAX_DISTANCE_BYTES).then_some(found)
        })
    }
}

/// The length of a tag up to the first `>` outside quotes. `None` if the tag is unclosed or very long.
fn tag_length(tag: &str) -> Option<usize> {
    let mut quote = None;
    for (at, character) in tag.char_indices().take(10_000) {
        match (quote, character) {
            (None, '>') => return Some(at),
            (None, '"' | '\'') => quote = Some(character),
            (Some(open), _) if open == character => quote = None,
            _ => {}
        }
    }
    None
}
