//! Where in the file something is written. The parser doesn't say, so that it is searched for.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::ops::Range;

/// All searches together read so many times what the page has. What is searched for later has no place.
const MAX_READINGS: usize = 64;

/// So much is read of every page (bytes).
const MIN_BUDGET: usize = 1 << 20;

/// So many tags of one kind are looked at.
const MAX_TAGS: usize = 300;

/// Searches the source of one page.
pub(super) struct Places<'s> {
    pub(super) source: &'s str,
    /// How many bytes may still be read.
    left: Cell<usize>,
    /// The tags of each kind that was asked for.
    tags: RefCell<HashMap<String, Vec<Range<usize>>>>,
}

impl<'s> Places<'s> {
    pub(super) fn new(source: &'s str) -> Places<'s> {
        let budget = source.len().saturating_mul(MAX_READINGS).saturating_add(MIN_BUDGET);
        Places { source, left: Cell::new(budget), tags: RefCell::default() }
    }

    /// Takes so many bytes from what may still be read; `None` where they are more.
    pub(super) fn read(&self, bytes: usize) -> Option<()> {
        self.left.set(self.left.get().checked_sub(bytes)?);
        crate::article::steps::add(bytes);
        Some(())
    }

    /// Where a value is written first.
    pub(super) fn find(&self, value: &str) -> Option<Range<usize>> {
        self.find_from(0, value)
    }

    fn find_from(&self, from: usize, value: &str) -> Option<Range<usize>> {
        let rest = self.source.get(from..).filter(|_| !value.is_empty())?;
        let found = rest.find(value);
        self.read(found.unwrap_or(rest.len()))?;
        found.map(|at| from + at..from + at + value.len())
    }

    /// Where a value is written in a tag of this kind that also has this name.
    pub(super) fn in_tag(&self, tag: &str, name: &str, value: &str) -> Option<Range<usize>> {
        if value.is_empty() {
            return None;
        }
        let name = name.to_ascii_lowercase();
        let mut tags = self.tags.borrow_mut();
        if !tags.contains_key(tag) {
            self.read(self.source.len())?;
            let starts = self.source.match_indices(tag).take(MAX_TAGS);
            let ranges = starts.filter_map(|(start, _)| {
                let length = tag_length(self.source.get(start..)?)?;
                Some(start..start + length)
            });
            tags.insert(tag.to_owned(), ranges.collect());
        }
        tags.get(tag)?.iter().find_map(|range| {
            self.read(range.len())?;
            let written = self.source.get(range.clone())?;
            let at = range.start + written.find(value)?;
            written.to_ascii_lowercase().contains(&name).then_some(at..at + value.len())
        })
    }

    /// Where a value is written behind the first such tags, at once or a little later.
    pub(super) fn after(&self, tag: &str, value: &str) -> Option<Range<usize>> {
        const NEAR: usize = 2_000;
        self.source.match_indices(tag).take(8).find_map(|(start, _)| {
            let found = self.find_from(start, value)?;
            (found.start - start < NEAR).then_some(found)
        })
    }
}

/// How long a tag is: up to the first `>` outside quotes. Lost quotes do not lead through the whole file.
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
