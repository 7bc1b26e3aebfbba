//! Mistakes of operators and authors, as data. They are created where a text is parsed, collected, and printed later.
//!
//! A [`Diagnostic`] includes the source line it refers to, so that it can be printed after the file has changed.

mod code;
mod escape;
mod lines;
mod nearest;
pub mod packed;
mod render;

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

pub use code::Code;
pub use escape::{escape, escape_json};
pub use lines::LineIndex;
pub use nearest::{Names, nearest};

/// How many diagnostics are listed for one file.
pub const MAX_DIAGNOSTICS_PER_FILE: usize = 20;

/// Whether input was refused or only looks wrong.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Severity {
    /// The input wasn't used as written.
    Error,
    /// The input was used, but is probably not what its author meant.
    Warning,
}

/// A mistake in the input.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Diagnostic {
    /// The location, if there is one.
    pub place: Option<Place>,
    /// The kind of mistake.
    pub code: Code,
    /// Whether the input was refused.
    pub severity: Severity,
    /// The mistake, as a sentence without a full stop.
    pub message: String,
    /// The fix.
    pub help: Option<String>,
}

/// A location in a file.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Place {
    /// The file's path as the operator would type it.
    pub file: Arc<str>,
    /// The line, from 1. 0 for the whole file.
    pub line: u32,
    /// The column in characters, from 1. 0 for the whole line.
    pub column: u32,
    /// The source line and the range to mark. Long lines are shortened.
    pub excerpt: Option<Excerpt>,
}

/// `content/a.md:5:8`, or only the known parts.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&escape(&self.file))?;
        [self.line, self.column]
            .into_iter()
            .take_while(|&number| number > 0)
            .try_for_each(|number| write!(f, ":{number}"))
    }
}

/// A source line and the range to mark in it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Excerpt {
    /// The line without its line break.
    pub text: String,
    /// The start of the marked bytes, on a character boundary.
    pub start: usize,
    /// The end of the marked bytes, on a character boundary.
    pub end: usize,
}

impl Diagnostic {
    /// A diagnostic with its code's severity.
    pub fn new(code: Code, message: impl Into<String>) -> Diagnostic {
        Diagnostic { place: None, code, severity: code.severity(), message: message.into(), help: None }
    }

    /// Says how many more mistakes a file has than are listed.
    pub fn unlisted(file: &str, count: usize) -> Diagnostic {
        let mistakes = if count == 1 { "mistake in this file is" } else { "mistakes in this file are" };
        let message = format!("{count} more {mistakes} not listed; at most {MAX_DIAGNOSTICS_PER_FILE} are");
        Diagnostic::new(Code::ArticleUnlisted, message).at(Place::file(file)).help("correct the listed ones")
    }

    /// Sets the location.
    #[must_use]
    pub fn at(mut self, place: Place) -> Diagnostic {
        self.place = Some(place);
        self
    }

    /// Unless `is_public`, removes everything that quotes the file: only the location and the kind of mistake remain.
    #[must_use]
    pub fn redact_unless(mut self, is_public: bool) -> Diagnostic {
        if !is_public {
            self.message = self.code.explanation().trim_end_matches('.').to_owned();
            self.help = Some("`dateline check` or `dateline explain` shows more".to_owned());
            if let Some(place) = &mut self.place {
                place.excerpt = None;
            }
        }
        self
    }

    /// Sets the help text.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Diagnostic {
        self.help = Some(help.into());
        self
    }
}

impl Place {
    /// A whole file.
    pub fn file(file: &str) -> Place {
        Place { file: file.into(), line: 0, column: 0, excerpt: None }
    }

    /// The location of a byte range, clamped to the text and to character boundaries. Use a [`LineIndex`] for several locations in one
    /// text.
    pub fn in_text(file: &str, source: &str, span: Range<usize>) -> Place {
        LineIndex::new(source).place(file, source, span)
    }
}
