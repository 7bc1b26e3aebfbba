//! Gives the watcher the store's cache of metadata. The two modules don't import each other.

use std::collections::HashMap;
use std::path::Path;

use crate::store::{Cache, Renderings, Row};
use crate::types::ArticlePath;
use crate::watch::cache::{CachedRow, MetadataCache};

/// The cache of a state directory; `None`: nothing is kept, and every file is read.
#[derive(Debug)]
pub struct StateCache(Option<Cache>);

impl StateCache {
    /// The cache in a state directory, for who has locked it.
    pub fn at(state: &Path) -> StateCache {
        StateCache(Some(Cache::open(state)))
    }

    /// The same, for who has locked it, and emptied: every file is read, hashed and rendered again.
    pub fn emptied(state: &Path) -> StateCache {
        match Renderings::forget(state).and_then(|()| Cache::forget(state)) {
            Ok(()) => StateCache::at(state),
            Err(error) => {
                tracing::warn!(state = %state.display(), %error, "cannot empty the cache; continuing without one");
                StateCache::none()
            }
        }
    }

    /// No cache.
    pub fn none() -> StateCache {
        StateCache(None)
    }

    /// Whether anything is kept.
    pub(super) fn keeps(&self) -> bool {
        self.0.is_some()
    }
}

impl MetadataCache for StateCache {
    fn load_folder(&mut self, folder: &str) -> HashMap<String, CachedRow> {
        let rows = self.0.as_mut().map(|cache| cache.of_folder(folder)).unwrap_or_default();
        rows.into_iter().map(|(name, row)| (name, cached(row))).collect()
    }

    fn save(&mut self, rows: Vec<(ArticlePath, Option<CachedRow>)>) {
        let Some(cache) = &mut self.0 else { return };
        let row = |CachedRow { seal, card, warnings }| Row { seal, card, warnings };
        cache.store(rows.into_iter().map(|(path, cached)| (path, cached.map(row))).collect());
    }

    fn finish_listing(&mut self) {
        self.0.iter_mut().for_each(Cache::finish_listing);
    }
}

/// A row as the watcher knows it.
pub(super) fn cached(Row { seal, card, warnings }: Row) -> CachedRow {
    CachedRow { seal, card, warnings }
}
