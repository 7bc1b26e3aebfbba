//! Looks up entries of tables in front matter, and reports misspelt keys and values of the wrong kind.

use std::ops::Range;

use crate::article::draft::Draft;
use crate::article::keys;
use crate::article::meaning::Meaning;
use crate::article::values::{Key, Node, Value};
use crate::diagnostics::Code;

/// The text and the place of a table's entry. `None` if it is missing or isn't a single value.
pub(super) fn field(entries: &[(Key<'_>, Node<'_>)], name: &str) -> Option<(String, Range<usize>)> {
    entries.iter().find(|(key, _)| keys::normalised(&key.name) == name).and_then(|(_, node)| match &node.value {
        Value::Scalar(text) => Some((text.to_string(), node.span.clone())),
        _ => None,
    })
}

/// Refuses a file with a typo of a key that withholds the article.
pub(super) fn refuse_near_miss(draft: &mut Draft<'_>, key: &Key<'_>, meant: &str) {
    let message = format!(
        "`{}` is not a key that dateline knows, and it may say that the article is not public",
        key.name.escape_debug()
    );
    let help =
        format!("did you mean `{meant}`? Rename the key or remove it; until then nothing of the article is public");
    // Whatever the key means, the article must be withheld, as for an unreadable embargo.
    draft.refuse_key(Meaning::Embargo, key.span.clone(), message, help);
}

/// Reports a value of the wrong kind. `wanted` describes the right one.
pub(super) fn wrong_kind(draft: &mut Draft<'_>, key: &Key<'_>, span: &Range<usize>, wanted: &str) {
    draft.report(
        Code::FrontMatterValue,
        span.clone(),
        format!("`{}` is {wanted}", key.name.escape_debug()),
        format!("write {wanted}"),
    );
}
