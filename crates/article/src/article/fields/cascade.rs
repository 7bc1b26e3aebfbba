//! Applies Hugo's `cascade`: a table, or a list of tables, each with keys for the pages below and perhaps a target.

use super::entries::field;
use crate::article::draft::Draft;
use crate::article::keys;
use crate::article::values::{Key, Node, Value};

/// Applies the statements of a section's page.
pub(super) fn apply(draft: &mut Draft<'_>, node: &Node<'_>) {
    let tables = match &node.value {
        Value::List(items) => items.as_slice(),
        _ => std::slice::from_ref(node),
    };
    for table in tables {
        let Value::Map(entries) = &table.value else { continue };
        let target = entries.iter().find(|(key, _)| keys::normalised(&key.name) == "target");
        let target = match target.map(|(_, node)| &node.value) {
            Some(Value::Map(target)) => target.as_slice(),
            _ => &[],
        };
        // Sections and lists of terms aren't articles.
        if field(target, "kind").is_some_and(|(kind, _)| !kind.contains("page") && !kind.contains('*')) {
            continue;
        }
        let keys: Vec<(Key<'_>, Node<'_>)> =
            entries.iter().filter(|(key, _)| keys::normalised(&key.name) != "target").cloned().collect();
        let path = field(target, "path").map(|(path, _)| path);
        draft.add_cascade(path.as_deref(), |below| super::apply(below, &keys));
    }
}
