//! Finds dormant articles by fingerprint: by their rows, or in the whole ledger if rows are missing or damaged.

use std::path::Path;

use super::directory::DATABASE;
use super::dormant::find_rows;
use super::error::StoreError;
use super::presence::{Presence, find_ledger};
use super::reader::read_ledger;
use crate::event::DormantQuery;
use crate::ledger::ArticleFacts;
use crate::ledger::dormant::Fingerprints;
use crate::types::ArticlePath;

/// Finds dormant articles, and dormant articles that had the same ids, the most recent first. `unwritten` contains articles whose rows may
/// not be written yet. If rows are missing or damaged, all records are searched, and the result may contain articles that aren't dormant.
///
/// # Errors
/// If the state is damaged or cannot be read.
pub fn find_dormant(
    directory: &Path,
    query: &DormantQuery,
    unwritten: Vec<(ArticlePath, ArticleFacts)>,
) -> Result<Vec<(ArticlePath, ArticleFacts)>, StoreError> {
    let mut found = unwritten;
    // The state directory was removed while the daemon runs. An empty result would mean that no article is dormant.
    if find_ledger(directory)? == Presence::NeverCreated && !is_complete(query, found.iter()) {
        return Err(StoreError::Io(directory.join(DATABASE), "it is gone".to_owned()));
    }
    match find_rows(directory, query)? {
        Some(rows) if is_complete(query, found.iter().chain(&rows)) => found.extend(rows),
        _ => {
            let ledger = read_ledger(directory)?;
            let mut recorded: Vec<_> = (ledger.articles().map(|(path, article)| (path.clone(), article.clone())))
                .filter(|(path, article)| query.matches(&Fingerprints::of(path, article)))
                .collect();
            recorded.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
            found.extend(recorded);
        }
    }
    Ok(found)
}

/// Whether each fingerprint of a query matches an article.
fn is_complete<'a>(query: &DormantQuery, found: impl Iterator<Item = &'a (ArticlePath, ArticleFacts)>) -> bool {
    let mut missing = query.clone();
    for (path, article) in found {
        let Fingerprints { path, id, version } = Fingerprints::of(path, article);
        missing.paths.remove(&path);
        if let Some(id) = id {
            missing.ids.remove(&id);
        }
        if let Some(version) = version {
            missing.versions.remove(&version);
        }
    }
    missing.is_empty()
}
