//! The reason why front matter is refused, and the kind of file that contains it.

use std::ops::Range;

/// The depth of nested lists and tables.
pub(super) const MAX_DEPTH: usize = 16;

/// The help for front matter that exceeds a limit.
pub(super) const REMOVE_HELP: &str = "remove keys that are not about the article";

/// The kind of a file.
#[derive(Clone, Copy)]
pub(in crate::article) enum FileKind<'k> {
    Markdown,
    Page,
    /// Wire text, whose lines may begin with labels. The function returns whether a word is one.
    Wire(&'k dyn Fn(&str) -> bool),
}

/// The reason why front matter can't be used.
#[derive(Clone, Debug)]
pub(in crate::article) struct Refusal {
    pub(in crate::article) message: String,
    pub(in crate::article) help: &'static str,
    pub(in crate::article) span: Range<usize>,
    /// Whether the front matter may state that the article isn't public.
    pub(in crate::article) withholds: bool,
    /// Whether diagnostics must not quote the text, because it may be secret.
    pub(in crate::article) hides_excerpt: bool,
    /// Whether a single line is refused, which may be a labelled line of wire text.
    pub(in crate::article) may_be_label: bool,
}

impl Refusal {
    /// The refusal for lists and tables that are nested too deeply. `span` is the first of them.
    pub(super) fn too_deep(span: Range<usize>) -> Refusal {
        let message = format!("the front matter has lists and tables nested more than {MAX_DEPTH} deep");
        Refusal::new(span, message, REMOVE_HELP)
    }

    pub(super) fn new(span: Range<usize>, message: impl Into<String>, help: &'static str) -> Refusal {
        Refusal { message: message.into(), help, span, withholds: false, hides_excerpt: false, may_be_label: false }
    }

    pub(super) fn withholding(self, withholds: bool) -> Refusal {
        Refusal { withholds, ..self }
    }

    pub(super) fn without_excerpt(self) -> Refusal {
        Refusal { hides_excerpt: true, ..self }
    }

    pub(super) fn unless_label(self) -> Refusal {
        Refusal { may_be_label: true, ..self }
    }
}
