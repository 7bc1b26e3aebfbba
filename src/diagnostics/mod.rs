//! What an operator or an author got wrong, as data: made where the text is, collected, never thrown.
//!
//! A [`Diagnostic`] is self-contained: it carries the line it speaks of, so that it can be printed long after the file is gone.

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

/// The most diagnostics that are listed of one article. Whoever mends these finds the next ones.
pub const MAX_OF_ARTICLE: usize = 20;

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

/// `content/a.md:5:8`, or as much of it as is known.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&escape(&self.file))?;
        [self.line, self.column]
            .into_iter()
            .take_while(|&number| number > 0)
            .try_for_each(|number| write!(f, ":{number}"))
    }
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

    /// Says how many more there are in a file than are listed.
    pub fn unlisted(file: &str, count: usize) -> Diagnostic {
        let message = format!("{count} more mistakes in this file are not listed; at most {MAX_OF_ARTICLE} are");
        Diagnostic::new(Code::ArticleUnlisted, message).at(Place::file(file)).help("correct those that are")
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

    /// The place of a byte range of a source text; ranges that are out of bounds or split a character are clamped. Whoever has several
    /// of one text keeps its [`LineIndex`].
    pub fn in_text(file: &str, source: &str, span: Range<usize>) -> Place {
        LineIndex::new(source).place(file, source, span)
    }
}
