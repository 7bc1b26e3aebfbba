//! Divides files with several items of an agency into articles. The steps that follow know only articles.
//!
//! An item that left its file vanishes like a file. A damaged file leaves its items as they are, unless it mentions an embargo or a status:
//! then all its items are withheld.

use std::collections::BTreeSet;

use super::parts::problems::Source;
use super::state::State;
use crate::article::Parsed;
use crate::build::catalog::Catalog;
use crate::event::{FileState, ParsedFile};
use crate::types::ArticlePath;

/// Replaces files with several items by the items.
pub(super) fn divide(state: &mut State, files: Vec<ParsedFile>) -> Vec<ParsedFile> {
    let may_have_items = |file: &ParsedFile| {
        matches!(file.state, FileState::Items { .. }) || file.path.extension().eq_ignore_ascii_case("xml")
    };
    if !files.iter().any(may_have_items) {
        return files;
    }
    files.into_iter().flat_map(|file| divide_file(state, file)).collect()
}

fn divide_file(state: &mut State, file: ParsedFile) -> Vec<ParsedFile> {
    let ParsedFile { path, state: read, renamed_from } = file;
    let gone = |path: ArticlePath, doubtful| {
        let state = FileState::Absent { doubtful };
        ParsedFile { path, state, renamed_from: None }
    };
    let mut divided = Vec::new();
    match read {
        FileState::Items { items, .. } => {
            let now: BTreeSet<ArticlePath> = items.iter().map(|item| item.path.clone()).collect();
            let mut missing = known_items(state, &path);
            missing.retain(|item| !now.contains(item));
            state.item_files.set(&path, now);
            if is_undivided(&state.catalog, &path) {
                state.catalog.remove(&path);
                state.problems.set(Source::Article(path.clone()), Vec::new());
            } else if state.catalog.contains(&path) {
                // The file contained a single article before.
                divided.push(gone(path, false));
            }
            for item in missing {
                if !state.catalog.contains(&item) {
                    state.missing.note_vanished(item.clone(), false);
                }
                divided.push(gone(item, false));
            }
            divided.extend(items.into_iter().map(|item| {
                let key = item.path.item().unwrap_or_default();
                let from = renamed_from.as_ref().map(|from| ArticlePath::item_of(from, key));
                ParsedFile { renamed_from: from, ..item }
            }));
        }
        FileState::Absent { doubtful } => {
            let items = known_items(state, &path);
            state.item_files.remove(&path);
            divided.extend(items.into_iter().chain([path]).map(|path| gone(path, doubtful)));
        }
        FileState::Present(parsed) => {
            if parsed.article.is_some() || parsed.ignored.is_some() {
                let items = known_items(state, &path);
                state.item_files.remove(&path);
                divided.extend(items.into_iter().map(|item| gone(item, false)));
            } else if parsed.withhold {
                divided.extend(known_items(state, &path).into_iter().map(|path| {
                    let withheld = Parsed { withhold: true, embargoed: true, ..Parsed::refused(Vec::new()) };
                    ParsedFile { path, state: FileState::Present(withheld), renamed_from: None }
                }));
            }
            divided.push(ParsedFile { path, state: FileState::Present(parsed), renamed_from });
        }
        read @ (FileState::Known(..) | FileState::Unreadable(_)) => {
            divided.push(ParsedFile { path, state: read, renamed_from });
        }
    }
    divided
}

/// The items of a file. If it couldn't be divided since the start, those that the ledger knows.
fn known_items(state: &State, file: &ArticlePath) -> Vec<ArticlePath> {
    if state.item_files.contains(file) || !is_undivided(&state.catalog, file) {
        return state.item_files.of(file).cloned().collect();
    }
    let known = state.recorder.ledger.articles().map(|(known, _)| known);
    known
        .filter(|known| known.item().is_some() && !known.is_displaced() && known.file() == file.as_str())
        .cloned()
        .collect()
}

/// Whether a file is known, and no version of it could be used since the start.
fn is_undivided(catalog: &Catalog, file: &ArticlePath) -> bool {
    catalog.contains(file) && catalog.get(file).is_none()
}

/// The file that contains an item, if it couldn't be divided since the start.
pub(super) fn undivided(catalog: &Catalog, item: &ArticlePath) -> Option<ArticlePath> {
    item.item()?;
    Some(ArticlePath::new(item.file())).filter(|file| is_undivided(catalog, file))
}
