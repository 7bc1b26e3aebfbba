//! The caches that the owner of the store has open: metadata of files, and rendered bodies.

use std::path::Path;

use crate::store::cache::{self, CacheDatabase};
use crate::store::interruption::Interruption;
use crate::store::queue::Message;
use crate::store::renderings::Renderings;

/// How the owner uses the caches of a state directory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CacheUse {
    /// The state directory isn't locked, so the caches aren't opened.
    Ignore,
    /// The caches of the last run are used.
    Keep,
    /// The caches are emptied. Every file is read, hashed and rendered again.
    Empty,
}

/// The caches. `None` for a cache that isn't open yet, or is unusable.
pub(super) struct Caches {
    usage: CacheUse,
    metadata: Option<CacheDatabase>,
    renderings: Option<Renderings>,
    /// Whether the cache of metadata was opened.
    is_opened: bool,
}

impl Caches {
    pub(super) fn new(usage: CacheUse) -> Caches {
        Caches { usage, metadata: None, renderings: None, is_opened: false }
    }

    /// Handles a message about the caches. Ignores others.
    pub(super) fn answer(&mut self, directory: &Path, message: Message, interruption: &Interruption) {
        match message {
            Message::LoadRowsIn { folder, after, limit, answer } => {
                let rows = self.metadata(directory).map(|cache| cache.rows_in(&folder, &after, limit));
                match rows.unwrap_or_else(|| Ok(Vec::new())) {
                    Ok(rows) => answer.send(rows).unwrap_or_default(),
                    Err(error) => {
                        tracing::warn!(state = %directory.display(), %error, "cannot read the cache");
                        self.metadata = None;
                        cache::forget(directory).unwrap_or_default();
                    }
                }
            }
            Message::LoadRowsOf { paths, answer } => {
                let rows = self.metadata(directory).map(|cache| cache.rows_of(&paths));
                answer.send(rows.unwrap_or_else(|| vec![None; paths.len()])).unwrap_or_default();
            }
            Message::SaveRows(rows) => self.metadata(directory).into_iter().for_each(|cache| cache.write(&rows)),
            Message::RetainFolders(folders) => {
                self.metadata(directory)
                    .into_iter()
                    .for_each(|cache| cache.retain_folders(&folders, &interruption.without_end()));
            }
            Message::LoadRenderings { keys, answer } => {
                let found = self.renderings(directory).map(|renderings| renderings.get(&keys).into_iter().collect());
                answer.send(found).unwrap_or_default();
            }
            Message::SaveRenderings { rows, answer } => {
                self.renderings(directory).into_iter().for_each(|renderings| renderings.store(&rows));
                answer.send(()).unwrap_or_default();
            }
            _ => {}
        }
    }

    /// Returns the cache of metadata. Opened when it is first used.
    fn metadata(&mut self, directory: &Path) -> Option<&mut CacheDatabase> {
        self.empty(directory);
        if self.usage != CacheUse::Ignore && !std::mem::replace(&mut self.is_opened, true) {
            self.metadata = CacheDatabase::open(directory);
        }
        self.metadata.as_mut()
    }

    /// Returns the cache of rendered bodies, which is closed at rest.
    fn renderings(&mut self, directory: &Path) -> Option<&mut Renderings> {
        self.empty(directory);
        if self.usage != CacheUse::Ignore && self.renderings.is_none() {
            self.renderings = Renderings::open(directory);
        }
        self.renderings.as_mut()
    }

    /// Closes the cache of rendered bodies until it is used again.
    pub(super) fn close_renderings(&mut self) {
        self.renderings = None;
    }

    /// Removes deleted rows from the files. Returns whether that was possible.
    pub(super) fn erase(&mut self, directory: &Path) -> bool {
        self.close_renderings();
        let is_forgotten = self.usage == CacheUse::Ignore || Renderings::forget(directory).is_ok();
        self.metadata.as_ref().is_none_or(CacheDatabase::empty_log) && is_forgotten
    }

    /// Empties the caches before their first use, if they are to be empty.
    fn empty(&mut self, directory: &Path) {
        if self.usage != CacheUse::Empty {
            return;
        }
        self.usage = CacheUse::Keep;
        if let Err(error) = Renderings::forget(directory).and_then(|()| cache::forget(directory)) {
            tracing::warn!(state = %directory.display(), %error, "cannot empty the cache; continuing without one");
            self.usage = CacheUse::Ignore;
        }
    }
}
