//! Implements the watcher's cache interface with the store's cache, because the two modules don't import each other.

use std::collections::HashMap;
use std::path::Path;

use crate::store::{Cache, Renderings, Row};
use crate::types::ArticlePath;
use crate::watch::cache::{CachedRow, MetadataCache};

/// The metadata cache of a state directory. `None` if there is no cache, so that every file is read.
#[derive(Debug)]
pub struct StateCache(Option<Cache>);

impl StateCache {
    /// Opens the cache of a state directory that this process has locked.
    pub fn open(state: &Path) -> StateCache {
        StateCache(Some(Cache::open(state)))
    }

    /// Empties the cache of a state directory that this process has locked, and opens it. Every file is read, hashed and rendered again.
    pub fn open_empty(state: &Path) -> StateCache {
        match Renderings::forget(state).and_then(|()| Cache::forget(state)) {
            Ok(()) => StateCache::open(state),
            Err(error) => {
                tracing::warn!(state = %state.display(), %error, "cannot empty the cache; continuing without one");
                StateCache::none()
            }
        }
    }

    /// Returns a cache that stores nothing.
    pub fn none() -> StateCache {
        StateCache(None)
    }

    /// Whether there is a cache.
    pub(super) fn is_open(&self) -> bool {
        self.0.is_some()
    }
}

impl MetadataCache for StateCache {
    fn load_folder(&mut self, folder: &str) -> HashMap<String, CachedRow> {
        let rows = self.0.as_mut().map(|cache| cache.of_folder(folder)).unwrap_or_default();
        rows.into_iter().map(|(name, row)| (name, to_cached_row(row))).collect()
    }

    fn save(&mut self, rows: Vec<(ArticlePath, Option<CachedRow>)>) {
        let Some(cache) = &mut self.0 else { return };
        let row = |CachedRow { checksum, card, warnings }| Row { checksum, card, warnings };
        cache.store(rows.into_iter().map(|(path, cached)| (path, cached.map(row))).collect());
    }

    fn finish_listing(&mut self) {
        self.0.iter_mut().for_each(Cache::finish_listing);
    }
}

/// Converts a row of the store to the watcher's type.
pub(super) fn to_cached_row(Row { checksum, card, warnings }: Row) -> CachedRow {
    CachedRow { checksum, card, warnings }
}
