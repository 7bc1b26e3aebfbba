//! The error of a file that can't be read.

use std::ops::Range;

/// How much of a name from the file a message shows.
pub(super) const MAX_SHOWN_CHARACTERS: usize = 40;

/// The reason why a file can't be read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Malformed {
    pub(crate) message: String,
    pub(crate) help: &'static str,
    /// The place in the text.
    pub(crate) span: Range<usize>,
}

/// The help for a file that ends too early, or that isn't well-formed.
pub(super) const HELP_RESEND: &str = "ask the agency to send the file again";
pub(super) const HELP_ENTITY: &str = "replace it by the character itself, or by its number, as in `&#8364;`";
pub(super) const HELP_LIMIT: &str = "no story needs as many; ask the agency to check the file";

pub(super) fn malformed(message: impl Into<String>, help: &'static str, span: Range<usize>) -> Malformed {
    Malformed { message: message.into(), help, span }
}

/// A name from the file, shortened for a message.
pub(super) fn shown(name: &str) -> String {
    let mut shown: String = name.chars().take(MAX_SHOWN_CHARACTERS).collect();
    if shown.len() < name.len() {
        shown.push_str("...");
    }
    shown
}

/// The error of the library, with the file's names shortened.
pub(super) fn shown_error(error: &dyn std::fmt::Display) -> String {
    let message = error.to_string();
    let mut shown: String = message.chars().take(160).collect();
    if shown.len() < message.len() {
        shown.push_str("...");
    }
    shown
}
