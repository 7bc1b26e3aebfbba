//! What an operator or an author got wrong, as data: made where the text is, collected, never thrown.
//!
//! A [`Diagnostic`] is self-contained: it carries the line it speaks of, so that it can be printed long after the file is gone.

mod code;
mod escape;
mod nearest;
pub mod packed;
mod render;

use std::ops::Range;
use std::sync::Arc;

pub use code::Code;
pub use escape::{escape, escape_json};
pub use nearest::nearest;

/// Whether something was refused or merely looks wrong.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Severity {
    /// The input was not used as written.
    Error,
    /// The input was used; it probably does not mean what its author wanted.
    Warning,
}

/// One mistake in the input.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Diagnostic {
    /// Where it is, if it is anywhere.
    pub place: Option<Place>,
    /// What kind of mistake, by its stable code.
    pub code: Code,
    /// Refused or merely suspicious.
    pub severity: Severity,
    /// What is wrong: one sentence without a full stop.
    pub message: String,
    /// What to write instead.
    pub help: Option<String>,
}

/// A stretch of a file.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Place {
    /// The file as the operator would type it.
    pub file: Arc<str>,
    /// One-based; 0 where the whole file is meant.
    pub line: u32,
    /// One-based, in characters; 0 where the whole line is meant.
    pub column: u32,
    /// The line itself (shortened when it is very long) and the marked stretch of it.
    pub excerpt: Option<Excerpt>,
}

/// A line of the source and the stretch of it that a diagnostic marks.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Excerpt {
    /// The text of the line, without its end.
    pub text: String,
    /// The marked bytes of `text`, on character boundaries.
    pub start: usize,
    /// The end of the marked bytes.
    pub end: usize,
}

impl Diagnostic {
    /// A mistake with the usual severity of its code.
    pub fn new(code: Code, message: impl Into<String>) -> Diagnostic {
        Diagnostic { place: None, code, severity: code.severity(), message: message.into(), help: None }
    }

    /// Says where.
    #[must_use]
    pub fn at(mut self, place: Place) -> Diagnostic {
        self.place = Some(place);
        self
    }

    /// A diagnostic about what is not public carries no word of it: only where it is and of what kind.
    #[must_use]
    pub fn discreet_unless(mut self, public: bool) -> Diagnostic {
        if !public {
            self.message = self.code.explanation().trim_end_matches('.').to_owned();
            self.help = Some("`dateline check` or `dateline explain` tells more".to_owned());
            if let Some(place) = &mut self.place {
                place.excerpt = None;
            }
        }
        self
    }

    /// Says what to write instead.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Diagnostic {
        self.help = Some(help.into());
        self
    }
}

impl Place {
    /// A file as a whole.
    pub fn file(file: &str) -> Place {
        Place { file: file.into(), line: 0, column: 0, excerpt: None }
    }

    /// The place of a byte range of a source text; ranges that are out of bounds or split a character are clamped.
    pub fn in_text(file: &str, source: &str, span: Range<usize>) -> Place {
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
        let before = source.get(..start).unwrap_or_default();
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let line_end = source.get(start..).and_then(|rest| rest.find('\n')).map_or(source.len(), |at| start + at);
        let line = before.bytes().filter(|&byte| byte == b'\n').count() + 1;
        let column = source.get(line_start..start).unwrap_or_default().chars().count() + 1;
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
