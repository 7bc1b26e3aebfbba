//! Starts watches on folders, and chooses between events and scans.

use super::super::cache::MetadataCache;
use super::super::mode::{self, WatchMode};
use super::super::mounts;
use super::super::os_watcher::OsWatcher;
use super::super::stat::file_system_magic;
use super::state::Worker;
use crate::config::Watch;
use crate::metrics::WatchStatus;

impl<C: MetadataCache> Worker<C> {
    /// Watches a folder and all folders below it, even if they are watched already. When this returns, `notify` has handled all earlier
    /// events, so every change that a following scan misses causes a new event.
    pub(super) fn rewatch(&mut self, folder: &str) {
        let path = self.options.root.full_path(folder);
        let Some(Err(limit)) = self.os_watcher.as_mut().map(|os_watcher| os_watcher.watch_tree(&path)) else { return };
        // A folder that was removed meanwhile needs no watch.
        if path.symlink_metadata().is_ok_and(|metadata| metadata.is_dir()) {
            self.limited = Some(limit);
            // The scan reports the limit and finds changes in unwatched folders.
            self.next_scan = self.now();
        }
    }

    /// Watches the content directory and the configuration's folder, as far as configured and possible, and updates the mode.
    pub(super) fn watch_all(&mut self) {
        self.limited = None;
        if self.options.watch == Watch::Poll {
            (self.os_watcher, self.is_watched) = (None, false);
            self.assume_closes_lost();
        } else {
            self.watch_folders();
        }
        let own = file_system_magic(&self.options.root.path).and_then(mode::name_without_events);
        let found = mode::place_without_events(&self.options.root.path, own, &mounts::parse(&self.mounts));
        let without_events = found.map(|(place, kind)| (self.options.root.display(&place), kind));
        let mode = WatchMode::choose(
            self.options.watch,
            without_events.as_ref().map(|(place, kind)| (place.as_str(), kind.as_str())),
            self.limited.as_ref(),
        );
        if mode != self.mode {
            let why = mode.reason_to_poll().map(tracing::field::display);
            tracing::info!(mode = %mode.name(), why, "watching {}", self.options.root.name);
            self.update_status(|status| WatchStatus { mode: mode.name(), why: mode.reason.clone(), ..status });
            self.mode = mode;
        }
    }

    fn watch_folders(&mut self) {
        if !self.is_watched {
            // Frees the old watches before new ones are made.
            self.os_watcher = None;
            self.assume_closes_lost();
            match OsWatcher::new(self.hints.clone()) {
                Ok(os_watcher) => self.os_watcher = Some(os_watcher),
                Err(limit) => self.limited = Some(limit),
            }
            self.config.read_after(self.started.elapsed());
        }
        let Some(os_watcher) = &mut self.os_watcher else { return };
        // `check_config` finds changes without events.
        if let Some((_, folder)) = &self.config.file {
            os_watcher.watch_folder(folder).unwrap_or_default();
        }
        let content = os_watcher.watch_tree(&self.options.root.path);
        // A scan reports a missing content directory. If watches ran out, the existing ones stay.
        self.is_watched = self.options.root.path.is_dir();
        if self.is_watched {
            self.limited = content.err();
        }
    }
}
