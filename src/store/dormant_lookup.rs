//! Finds dormant articles by fingerprint: by their rows, or in the whole ledger if rows are missing or damaged.

use std::fs;
use std::path::Path;

use super::directory::DATABASE;
use super::error::StoreError;
use crate::event::DormantQuery;
use crate::ledger::dormant::Fingerprints;
use crate::ledger::{ArticleFacts, Ledger};
use crate::types::ArticlePath;

/// Finds dormant articles, and dormant articles that had the same ids, the most recent first. `unwritten` contains articles whose rows may
/// not be written yet. `rows` returns the matching rows, or `None` if one is damaged. If rows are missing or damaged, `ledger` is searched,
/// and the result may contain articles that aren't dormant.
///
/// # Errors
/// If the state is damaged or can't be read.
pub(super) fn find_dormant(
    directory: &Path,
    query: &DormantQuery,
    unwritten: Vec<(ArticlePath, ArticleFacts)>,
    rows: impl FnOnce() -> Result<Option<Vec<(ArticlePath, ArticleFacts)>>, StoreError>,
    ledger: impl FnOnce() -> Result<Ledger, StoreError>,
) -> Result<Vec<(ArticlePath, ArticleFacts)>, StoreError> {
    let mut found = unwritten;
    match rows()? {
        Some(rows) if is_complete(query, found.iter().chain(&rows)) => found.extend(rows),
        _ => {
            // The state directory was removed while the daemon runs. An empty result would mean that no article is dormant.
            let path = directory.join(DATABASE);
            fs::metadata(&path).map_err(|error| StoreError::Io(path, error.to_string()))?;
            let ledger = ledger()?;
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
