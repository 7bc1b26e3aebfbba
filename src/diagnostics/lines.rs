//! Places in a source text. The index is built once, so that each of many mistakes is found without counting from the start of the file.

use std::ops::Range;

use super::{Excerpt, Place};

/// How many bytes lie between two counts of characters.
const STEP: usize = 256;

/// Where the lines of a text begin, and how many characters stand before every 256th byte.
#[derive(Debug)]
pub struct LineIndex {
    starts: Vec<usize>,
    characters: Vec<usize>,
}

impl LineIndex {
    /// Reads the whole text once.
    pub fn new(text: &str) -> LineIndex {
        let ends = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
        let mut before = 0;
        let characters = text.as_bytes().chunks(STEP).map(|chunk| {
            let count = before;
            before += characters_in(chunk);
            count
        });
        LineIndex { starts: std::iter::once(0).chain(ends).collect(), characters: characters.collect() }
    }

    /// The one-based line of a byte.
    pub fn line(&self, at: usize) -> u32 {
        u32::try_from(self.starts.partition_point(|start| *start <= at)).unwrap_or(u32::MAX)
    }

    /// How many characters stand before a byte.
    fn characters_before(&self, text: &str, at: usize) -> usize {
        let chunk = at / STEP;
        let counted = self.characters.get(chunk).or(self.characters.last()).copied().unwrap_or_default();
        let from = chunk.min(self.characters.len().saturating_sub(1)) * STEP;
        counted + text.as_bytes().get(from..at).map_or(0, characters_in)
    }

    /// The place of a byte range of the text that was indexed; ranges that are out of bounds or split a character are clamped.
    pub fn place(&self, file: &str, source: &str, span: Range<usize>) -> Place {
        const LONGEST: usize = 400;
        let floor = |mut at: usize| {
            at = at.min(source.len());
            while !source.is_char_boundary(at) {
                at -= 1;
            }
            at
        };
        let start = floor(span.start);
        let end = floor(span.end.max(span.start)).max(start);
        let line = self.starts.partition_point(|known| *known <= start);
        let line_start = self.starts.get(line.saturating_sub(1)).copied().unwrap_or_default();
        let line_end = self.starts.get(line).map_or(source.len(), |next| next - 1);
        let column = self.characters_before(source, start) - self.characters_before(source, line_start) + 1;
        // Of a very long line only the neighbourhood of the mistake is kept.
        let (from, to) = if line_end - line_start > LONGEST {
            (floor(start.saturating_sub(LONGEST / 4).max(line_start)), floor((start + LONGEST / 2).min(line_end)))
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

/// Bytes that don't continue a character.
fn characters_in(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| **byte & 0xC0 != 0x80).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_what_counting_finds() {
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
