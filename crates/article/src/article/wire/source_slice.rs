//! Slices of wire text with their positions, and the characters that separate them.

use std::ops::Range;

/// A slice of the source text with its byte offset.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct SourceSlice<'a> {
    pub(super) text: &'a str,
    pub(super) start: usize,
}

impl<'a> SourceSlice<'a> {
    pub(super) fn span(self) -> Range<usize> {
        self.start..self.start + self.text.len()
    }

    /// The trimmed part between two byte offsets.
    pub(super) fn part(self, range: Range<usize>) -> SourceSlice<'a> {
        let start = range.start.min(self.text.len());
        SourceSlice { text: self.text.get(range).unwrap_or_default(), start: self.start + start }.trim()
    }

    /// The trimmed part from a byte offset on.
    pub(super) fn from(self, start: usize) -> SourceSlice<'a> {
        self.part(start..self.text.len())
    }

    pub(super) fn trim(self) -> SourceSlice<'a> {
        let after = self.text.trim_start_matches(is_blank);
        SourceSlice { text: after.trim_end_matches(is_blank), start: self.start + (self.text.len() - after.len()) }
    }

    /// The rest after an opening, in any letter case. `None` if the slice begins otherwise.
    pub(super) fn without(self, opening: &str) -> Option<SourceSlice<'a>> {
        let head = self.text.get(..opening.len())?;
        head.eq_ignore_ascii_case(opening).then(|| self.from(opening.len()))
    }

    /// The text inside brackets that surround the whole slice.
    pub(super) fn inside_brackets(self) -> Option<SourceSlice<'a>> {
        let opening = self.text.chars().next()?;
        let (_, closing) = BRACKETS.iter().find(|(known, _)| *known == opening)?;
        let inside = self.text.strip_prefix(opening)?.strip_suffix(*closing)?;
        let width = opening.len_utf8();
        (!inside.contains(*closing)).then(|| self.part(width..width + inside.len()))
    }

    /// The text before and inside the last pair of brackets, if the slice ends with a bracket.
    pub(super) fn last_brackets(self) -> Option<(SourceSlice<'a>, SourceSlice<'a>)> {
        let text = self.text.trim_end_matches(['.', '。']);
        let closing = text.chars().next_back()?;
        let (opening, _) = BRACKETS.iter().find(|(_, known)| *known == closing)?;
        let at = text.rfind(*opening)?;
        let inside = at + opening.len_utf8()..text.len() - closing.len_utf8();
        Some((self.part(0..at), self.part(inside)))
    }
}

const BRACKETS: &[(char, char)] = &[('(', ')'), ('（', '）'), ('[', ']'), ('［', '］'), ('【', '】'), ('〔', '〕')];

/// Whether a character is invisible: white space, a zero-width blank or a byte order mark.
pub(super) fn is_blank(character: char) -> bool {
    character.is_whitespace() || matches!(character, '\u{200b}' | '\u{2060}' | '\u{feff}')
}

/// Whether a character is a bar, which separates the fields of a line.
pub(super) fn is_bar(character: char) -> bool {
    matches!(character, '|' | '｜' | '│' | '丨' | '¦' | '‖')
}
