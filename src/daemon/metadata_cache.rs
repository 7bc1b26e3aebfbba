//! Implements the watcher's cache interface with the store's cache, because the two modules don't import each other.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use crate::store::{Cache, CacheUse, Row, StoreHandle, StoreOwner};
use crate::types::ArticlePath;
use crate::watch::cache::{CachedRow, MetadataCache};

/// The metadata cache of a state directory. Empty if there is no cache, so that every file is read.
#[derive(Debug, Default)]
pub struct StateCache {
    cache: Option<Cache>,
    /// The owner of the caches, without a daemon.
    owner: Option<Arc<StoreOwner>>,
}

impl StateCache {
    /// Opens the cache of a state directory that this process has locked.
    pub fn open(state: &Path) -> StateCache {
        StateCache::open_with(state, CacheUse::Keep)
    }

    /// Empties the cache of a state directory that this process has locked, and opens it. Every file is read, hashed and rendered again.
    pub fn open_empty(state: &Path) -> StateCache {
        StateCache::open_with(state, CacheUse::Empty)
    }

    fn open_with(state: &Path, usage: CacheUse) -> StateCache {
        match StoreOwner::open_caches(state, usage) {
            Ok(owner) => StateCache { cache: Some(Cache::new(owner.handle())), owner: Some(Arc::new(owner)) },
            Err(error) => {
                tracing::warn!(%error, "cannot open the cache; every article is read");
                StateCache::none()
            }
        }
    }

    /// Returns a cache that stores nothing.
    pub fn none() -> StateCache {
        StateCache::default()
    }

    /// Returns the cache of a daemon's store.
    pub(super) fn of(store: StoreHandle) -> StateCache {
        StateCache { cache: Some(Cache::new(store)), owner: None }
    }

    /// Returns the owner of the caches, if they are open.
    pub(super) fn owner(&self) -> Option<Arc<StoreOwner>> {
        self.owner.clone()
    }
}

impl MetadataCache for StateCache {
    fn load_folder(&mut self, folder: &str) -> HashMap<String, CachedRow> {
        let rows = self.cache.as_mut().map(|cache| cache.of_folder(folder)).unwrap_or_default();
        rows.into_iter().map(|(name, row)| (name, to_cached_row(row))).collect()
    }

    fn save(&mut self, rows: Vec<(ArticlePath, Option<CachedRow>)>) {
        let Some(cache) = &mut self.cache else { return };
        let row = |CachedRow { checksum, card, warnings }| Row { checksum, card, warnings };
        cache.store(rows.into_iter().map(|(path, cached)| (path, cached.map(row))).collect());
    }

    fn finish_listing(&mut self) {
        self.cache.iter_mut().for_each(Cache::finish_listing);
    }
}

/// Converts a row of the store to the watcher's type.
pub(super) fn to_cached_row(Row { checksum, card, warnings }: Row) -> CachedRow {
    CachedRow { checksum, card, warnings }
}
