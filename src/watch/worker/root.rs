//! Detects when the content directory's path leads to another directory. Deployments replace a link on the way to it, or the directory.
//!
//! # Why is the path resolved several times a second?
//!
//! Watches on the folders above would report the change, but not on network file systems, and not if dateline can't read these folders.

use std::collections::{BTreeMap, HashSet};
use std::time::{Duration, Instant};

use super::super::cache::MetadataCache;
use super::super::listing::Devices;
use super::super::mounts;
use super::change_set::ChangeSet;
use super::state::{ROOT_CHECK_INTERVAL, Stopped, Worker};
use crate::beneath::{Root, Stamp};
use crate::event::ParsedFile;
use crate::types::ArticlePath;

/// How long the path may lead nowhere before that is reported. `ln -sfn` removes a link before it creates the new one.
const UNREACHABLE_GRACE: Duration = Duration::from_secs(1);
/// How many files are parsed for the cache at a time.
const CACHE_BATCH_FILES: usize = 64;

/// The directory that the path leads to, compared with the last check.
enum RootChange {
    Same,
    /// The same path, but on another file system, or with a directory where there was none.
    Remounted(Root),
    /// Another directory.
    Replaced(Root),
    Missing(Root),
}

impl<C: MetadataCache> Worker<C> {
    fn root_change(&self) -> RootChange {
        let (before, now) = (&self.options.root, self.options.root.resolve_again());
        // On network file systems and overlays, the inode number of a directory isn't stable.
        let is_other = before.path != now.path || (!before.is_same(&now) && !self.mode.polls());
        match () {
            () if !now.has_existed() && before.is_same(&now) => RootChange::Same,
            () if !now.has_existed() => RootChange::Missing(now),
            () if before.is_remounted(&now) => RootChange::Remounted(now),
            () if is_other => RootChange::Replaced(now),
            () => RootChange::Same,
        }
    }

    /// Whether the directory that was just scanned is no longer the content directory, so that the scan proves nothing.
    pub(super) fn has_root_changed(&self) -> bool {
        matches!(self.root_change(), RootChange::Replaced(_) | RootChange::Missing(_))
    }

    /// Resolves the content directory's path and switches to another directory if needed.
    pub(super) fn check_root(&mut self, changes: &mut ChangeSet) {
        self.next_root_check = self.now() + ROOT_CHECK_INTERVAL;
        let change = self.root_change();
        if !matches!(change, RootChange::Missing(_)) {
            self.unreachable_since = None;
            changes.everything |= std::mem::take(&mut self.is_scan_due);
        }
        match change {
            RootChange::Same => {}
            RootChange::Remounted(root) => {
                self.options.root = root;
                changes.everything = true;
            }
            RootChange::Replaced(root) => {
                let source = root.source.as_deref();
                tracing::info!(directory = %root.path.display(), source, "content directory changed");
                self.new_root = Some(root.clone());
                self.gathering_since.get_or_insert_with(Instant::now);
                self.switch_root(root);
                // A tree and the targets of its links are complete when a deployment switches to them.
                (self.have_links_changed, self.reports_all, changes.everything) = (true, true, true);
            }
            RootChange::Missing(root) => {
                let now = self.now();
                if now >= *self.unreachable_since.get_or_insert(now) + UNREACHABLE_GRACE {
                    self.switch_root(root);
                    changes.everything = true;
                }
            }
        }
    }

    /// Where events are incomplete, checks whether hidden links were replaced. Kubernetes replaces them to update a volume.
    pub(super) fn check_hidden_links(&mut self, changes: &mut ChangeSet) {
        if !self.mode.polls() {
            return;
        }
        let stamp =
            |link: &str| self.options.root.full_path(link).symlink_metadata().ok().map(|found| Stamp::from(&found));
        let stamps: Vec<Option<Stamp>> = self.links.hidden_links().map(stamp).collect();
        if self.is_listed && stamps.len() == self.link_stamps.len() && stamps != self.link_stamps {
            (self.have_links_changed, changes.everything) = (true, true);
        }
        self.link_stamps = stamps;
    }

    /// Whether the path leads nowhere, perhaps in the middle of a deployment. Nothing is scanned or missing until the grace is over.
    pub(super) fn is_root_missing_briefly(&self) -> bool {
        self.unreachable_since.is_some_and(|since| self.now() < since + UNREACHABLE_GRACE)
    }

    fn switch_root(&mut self, root: Root) {
        self.mounts = mounts::around(&root.path);
        self.options.root = root;
        (self.os_watcher, self.is_watched) = (None, false);
        self.devices = Devices::new();
        self.renamed.clear();
        self.uncached.clear();
    }

    /// Records the stamps of files that were left out because their bytes are known.
    pub(super) fn record_unread(&mut self, stamps: &mut BTreeMap<ArticlePath, Option<Stamp>>, read: &[ParsedFile]) {
        let read: HashSet<&ArticlePath> = read.iter().map(|file| &file.path).collect();
        let known = stamps.extract_if(.., |path, _| !read.contains(path));
        for (path, stamp) in known.filter_map(|(path, stamp)| Some((path, stamp?))) {
            self.known.set_stamp(&path, stamp);
            self.uncached.push(path);
        }
    }

    /// Parses a batch of the uncached files of a new tree. Called while the worker is idle. Returns whether there were any.
    pub(super) fn cache_next_batch(&mut self) -> Result<bool, Stopped> {
        if self.gathering_since.is_some() || self.uncached.is_empty() {
            return Ok(false);
        }
        let mut batch = self.uncached.split_off(self.uncached.len().saturating_sub(CACHE_BATCH_FILES));
        // Changed files are read when they are complete.
        let is_same = |path: &ArticlePath| {
            let stamp = self.stat(path).unwrap_or_default();
            !self.coalescer.is_waiting(path) && stamp.is_some_and(|stamp| self.known.is_unchanged(path, stamp))
        };
        batch.retain(is_same);
        self.read(batch)?;
        Ok(true)
    }
}
