//! Finds lines and columns in a source text. The index makes lookups cheap even for a file with many diagnostics.

use std::ops::Range;

use super::{Excerpt, Place};

/// The distance between two character counts (bytes).
const COUNT_INTERVAL_BYTES: usize = 256;

/// The starts of all lines, and the number of characters at regular intervals.
#[derive(Debug)]
pub struct LineIndex {
    starts: Vec<usize>,
    characters: Vec<usize>,
}

impl LineIndex {
    /// Indexes a text.
    pub fn new(text: &str) -> LineIndex {
        let ends = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
        let mut before = 0;
        let characters = text.as_bytes().chunks(COUNT_INTERVAL_BYTES).map(|chunk| {
            let count = before;
            before += characters_in(chunk);
            count
        });
        LineIndex { starts: std::iter::once(0).chain(ends).collect(), characters: characters.collect() }
    }

    /// The line of a byte, from 1.
    pub fn line(&self, at: usize) -> u32 {
        u32::try_from(self.starts.partition_point(|start| *start <= at)).unwrap_or(u32::MAX)
    }

    /// The number of characters before a byte.
    fn characters_before(&self, text: &str, at: usize) -> usize {
        let chunk = at / COUNT_INTERVAL_BYTES;
        let counted = self.characters.get(chunk).or(self.characters.last()).copied().unwrap_or_default();
        let from = chunk.min(self.characters.len().saturating_sub(1)) * COUNT_INTERVAL_BYTES;
        counted + text.as_bytes().get(from..at).map_or(0, characters_in)
    }

    /// The location of a byte range, clamped to the text and to character boundaries. `source` is the indexed text.
    pub fn place(&self, file: &str, source: &str, span: Range<usize>) -> Place {
        const MAX_EXCERPT_BYTES: usize = 400;
        let floor_char_boundary = |mut at: usize| {
            at = at.min(source.len());
            while !source.is_char_boundary(at) {
                at -= 1;
            }
            at
        };
        let start = floor_char_boundary(span.start);
        let end = floor_char_boundary(span.end.max(span.start)).max(start);
        let line = self.starts.partition_point(|known| *known <= start);
        let line_start = self.starts.get(line.saturating_sub(1)).copied().unwrap_or_default();
        let line_end = self.starts.get(line).map_or(source.len(), |next| next - 1);
        let column = self.characters_before(source, start) - self.characters_before(source, line_start) + 1;
        // The excerpt of a long line contains only the surroundings of the mistake.
        let (from, to) = if line_end - line_start > MAX_EXCERPT_BYTES {
            (
                floor_char_boundary(start.saturating_sub(MAX_EXCERPT_BYTES / 4).max(line_start)),
                floor_char_boundary((start + MAX_EXCERPT_BYTES / 2).min(line_end)),
            )
        } else {
            (line_start, line_end)
        };
        let text = source.get(from..to).unwrap_or_default().trim_end_matches('\r');
        let clamp = |at: usize| at.saturating_sub(from).min(text.len());
        let excerpt = Excerpt { text: text.to_owned(), start: clamp(start), end: clamp(end) };
        Place {
            file: file.into(),
            line: u32::try_from(line).unwrap_or(u32::MAX),
            column: u32::try_from(column).unwrap_or(u32::MAX),
            excerpt: Some(excerpt),
        }
    }
}

/// Counts the bytes that start a character.
fn characters_in(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| **byte & 0xC0 != 0x80).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indexed_positions_equal_counted_ones() {
        let long = "图a\r\n".repeat(300) + &"é港x".repeat(200) + "\n\nlast";
        for text in ["", "\n", "a", "a\nb\n", "图 = 1\nb", long.as_str()] {
            let index = LineIndex::new(text);
            for at in (0..=text.len()).filter(|at| text.is_char_boundary(*at)) {
                let (before, _) = text.split_at(at);
                let line = before.matches('\n').count() + 1;
                let column = before.rsplit('\n').next().map_or(0, |last| last.chars().count()) + 1;
                let place = index.place("a.md", text, at..at);
                assert_eq!((place.line as usize, place.column as usize), (line, column), "{at}");
                assert_eq!(index.line(at) as usize, line);
            }
        }
        assert_eq!(LineIndex::new("a\nb").place("a.md", "a\nb", 90..99).line, 2);
    }
}
