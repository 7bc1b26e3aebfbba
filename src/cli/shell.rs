//! Commands that operators paste into a shell.

use std::borrow::Cow;

use crate::diagnostics::escape;

/// A path quoted for a shell. `None` if a terminal can't show it verbatim.
pub(super) fn quoted(path: &str) -> Option<Cow<'_, str>> {
    let is_plain = |c: char| c.is_alphanumeric() || "/._-+,@%:".contains(c);
    match escape(path) {
        Cow::Owned(_) => None,
        Cow::Borrowed(path) if !path.is_empty() && path.chars().all(is_plain) => Some(path.into()),
        Cow::Borrowed(path) => Some(format!("'{}'", path.replace('\'', "'\\''")).into()),
    }
}
