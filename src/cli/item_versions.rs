//! Prints the versions of an agency's item, for `dateline explain` and `dateline history`.

use super::table::table;
use crate::article::parse_with_origins;
use crate::beneath::Roots;
use crate::config::Config;
use crate::event::{ExplainedVersion, FileState};
use crate::types::{ArticlePath, rfc3339};
use crate::watch::read;

/// Prints the versions of an item, the current one first: the file, what the file states, and what the version does. The agency's notes
/// for editors follow. Prints nothing for other articles.
pub(super) fn print(versions: &[ExplainedVersion], roots: &Roots, config: &Config) {
    if versions.is_empty() {
        return;
    }
    outln!("");
    outln!("versions");
    let row = |ExplainedVersion { path, number, made, modified, effect }: &ExplainedVersion| {
        let number = number.as_ref().map(|number| format!("version {number}")).unwrap_or_default();
        let made = made.map(|made| format!("made {}", rfc3339(made))).unwrap_or_default();
        let modified = modified.map(|modified| format!("file of {}", rfc3339(modified))).unwrap_or_default();
        [path.to_string(), number, made, modified, effect.clone()]
    };
    table([0, 0, 0, 0], &versions.iter().map(row).collect::<Vec<_>>());
    let notes: Vec<(&ArticlePath, Vec<String>)> =
        versions.iter().map(|version| (&version.path, editors_notes(&version.path, roots, config))).collect();
    if notes.iter().any(|(_, notes)| !notes.is_empty()) {
        outln!("");
        outln!("notes for editors, which readers never see");
    }
    for (path, note) in notes.iter().flat_map(|(path, notes)| notes.iter().map(move |note| (path, note))) {
        outln!("  {path}: {note}");
    }
}

/// The agency's notes for editors in a file.
fn editors_notes(path: &ArticlePath, roots: &Roots, config: &Config) -> Vec<String> {
    let read = |root| read::read(root, path, config.parsing_of(path), parse_with_origins).state;
    match roots.of(path).map(read) {
        Ok(FileState::Present(parsed)) => {
            let notes = parsed.origins.into_iter().filter(|origin| origin.field == "editor's note");
            notes.map(|note| note.value).collect()
        }
        _ => Vec::new(),
    }
}
