//! The watcher's worker thread. Receives hints, scans directories, waits until files are complete, reads them, and sends events to the
//! engine.
//!
//! `state` holds the worker's state and sends events, `change_set` sorts hints, `scanning` walks through folders, `reading` reads files,
//! `watching` starts watches, `config_file` reads the configuration, `root` detects that the content directory was replaced, and `removals`
//! delays removals while a tool is changing files. The decisions are in `coalesce` and `mode`.

mod change_set;
mod config_file;
mod reading;
mod removals;
mod root;
mod scanning;
mod state;
mod watching;

use std::time::{Duration, Instant};

use super::cache::MetadataCache;
use super::hints::Orders;
use super::mounts;
use super::scan::has_more_than;
use crate::event::{Event, Listing};
use change_set::ChangeSet;
pub(super) use state::Worker;
use state::{LARGE_TREE_FILES, LARGE_TREE_FOLDERS, MAX_JOIN_TIME, MOUNT_CHECK_INTERVAL, Stopped};

/// The minimum delay before a large content directory is watched and scanned for the second time.
const SECOND_SCAN_DELAY: Duration = Duration::from_millis(100);

impl<C: MetadataCache> Worker<C> {
    /// Runs until the daemon stops the watcher or the channel of events is closed.
    pub(super) fn run(mut self) {
        while let Ok(true) = self.run_once() {}
    }

    /// Waits for hints or a deadline, and handles them. `false`: the worker has to end.
    fn run_once(&mut self) -> Result<bool, Stopped> {
        let first = self.first_listing.as_ref().map(|(_, deadline)| *deadline);
        let deadline = [
            Some(self.next_scan),
            Some(self.next_mount_check),
            Some(self.next_root_check),
            self.coalescer.next_due(),
            self.config.due,
            first,
        ]
        .into_iter()
        .flatten()
        .min();
        let wait = deadline.unwrap_or(self.next_scan).saturating_sub(self.now());
        let mut hints = self.inbox.received();
        if !self.is_gathering() && (hints.is_empty() || self.outbox.since.elapsed() >= MAX_JOIN_TIME) {
            self.flush_files()?;
        }
        let is_idle = hints.is_empty() && !self.cache_next_batch()?;
        if is_idle {
            match self.inbox.wait(wait) {
                Ok(hint) => hints.extend(hint),
                Err(_) => return Ok(false),
            }
        }
        self.hinted_at = Instant::now();
        // Hints that arrived while the last files were read make up the next batch.
        hints.extend(self.inbox.received());
        let mut changes = ChangeSet::default();
        let orders = self.inbox.take_orders();
        if orders.stop {
            return Ok(false);
        }
        self.apply_orders(orders, &mut changes);
        // Comes before the hints, because they may be about another directory.
        self.check_root(&mut changes);
        self.check_hidden_links(&mut changes);
        for hint in hints {
            self.add_hint(hint, &mut changes);
        }
        if self.next_mount_check <= self.now() {
            self.next_mount_check = self.now() + MOUNT_CHECK_INTERVAL;
            let mounts = mounts::around(&self.options.root.path);
            changes.everything |= mounts != self.mounts;
            self.mounts = mounts;
        }
        self.check_config();
        self.metrics.changes_found_by_scan.inc_by(self.unreported.take_overdue(self.now()));
        self.process(changes)?;
        self.check_lock();
        self.check_due_files()?;
        self.end_removal_hold();
        if let Some((listing, deadline)) = self.first_listing.take() {
            if self.may_miss_files() && self.now() < deadline {
                self.first_listing = Some((listing, deadline));
            } else {
                self.send_first_listing(listing)?;
            }
        }
        if self.config.due.is_some_and(|due| due <= self.now()) {
            self.config.due = None;
            self.read_config()?;
        }
        Ok(true)
    }

    fn apply_orders(&mut self, orders: Orders, changes: &mut ChangeSet) {
        let Orders { stop: _, plan, watch, reread, limited, has_dropped_hints } = orders;
        if let Some(plan) = plan {
            self.coalescer.grace = plan.grace.try_into().unwrap_or_default();
            self.options.hold = plan.hold.try_into().unwrap_or_default();
            self.coalescer.settle = plan.settle.try_into().unwrap_or_default();
            let root = self.options.root.clone().with_ignore(&plan.ignore).with_others(&plan.others);
            if !root.has_same_files(&self.options.root) {
                // A directory that belonged to another source may have to be read.
                self.reports_all = true;
                changes.everything = true;
            }
            self.options.root = root;
            if plan.parsing != self.options.parsing {
                self.options.parsing = plan.parsing;
                self.reread_all();
                changes.everything = true;
            }
        }
        if let Some(watch) = watch {
            changes.everything |= watch != self.options.watch;
            self.options.watch = watch;
        }
        if reread {
            self.reread_all();
            changes.everything = true;
        }
        if let Some(limit) = limited {
            self.is_watched &= limit.is_partial;
            changes.everything = true;
        }
        if has_dropped_hints {
            self.handle_lost_hints(changes);
        }
    }

    /// Makes every file count as changed. Keeps the paths, so that a file that is removed before it is read again is noticed.
    fn reread_all(&mut self) {
        self.known.forget_versions();
        self.reports_all = true;
    }

    /// Scans what has to be scanned, and reads the files that are complete.
    fn process(&mut self, changes: ChangeSet) -> Result<(), Stopped> {
        self.renamed.extend(changes.renamed);
        // Readers wait for the results of the first scan, so the second scan is postponed.
        let is_busy = self.first_listing.is_some() || self.events.capacity() < self.events.max_capacity();
        if self.needs_second_scan && !changes.everything && is_busy {
            self.next_scan = self.next_scan.max(self.now() + SECOND_SCAN_DELAY);
        }
        if self.is_root_missing_briefly() {
            self.is_scan_due = true;
            self.next_scan = self.next_scan.max(self.next_root_check);
        } else if changes.everything || self.next_scan <= self.now() {
            let started = self.now();
            let scans_first = (!self.is_listed || self.gathering_since.is_some()) && self.is_large_tree();
            if !scans_first {
                self.watch_all();
            }
            let watch_time = self.now().saturating_sub(started);
            self.scan(&self.options.root.top())?;
            let delay = match scans_first {
                _ if self.reports_all => Duration::ZERO,
                // The engine has to publish the found files first.
                true => SECOND_SCAN_DELAY + self.scan_time / 3,
                false => self.mode.next_scan_delay(
                    self.is_watched,
                    watch_time + self.scan_time,
                    self.options.safety_interval,
                ),
            };
            self.needs_second_scan = scans_first;
            self.have_links_changed = false;
            if self.options.root.source.is_none() {
                self.metrics.scan_interval.set(delay.as_secs_f64());
            }
            self.next_scan = self.now() + delay;
        } else {
            for folder in &changes.folders {
                // The scan of a folder includes the folders in it.
                let is_inside = changes
                    .folders
                    .iter()
                    .any(|other| folder.strip_prefix(other.as_str()).is_some_and(|rest| rest.starts_with('/')));
                if !is_inside {
                    self.rewatch(folder);
                    self.scan(folder)?;
                }
            }
        }
        changes.folders.iter().for_each(|folder| self.unreported.remove_below(folder));
        changes.files.keys().chain(&changes.reread).for_each(|path| self.unreported.remove(path));
        let mut ready = Vec::new();
        // Files that are removed with a folder get one time, however long the checks take.
        let now = self.now();
        for (path, hint) in changes.files {
            self.observe(path, hint, now, &mut ready);
        }
        ready.extend(changes.reread.into_iter().filter(|path| self.known.contains(path)));
        ready.sort();
        ready.dedup();
        self.read(ready)?;
        self.renamed.retain(|path, _| self.coalescer.is_waiting(path));
        Ok(())
    }

    /// Whether the content directory is so large that it is scanned before it is watched. Readers then don't wait for thousands of watches,
    /// and reading doesn't fill the kernel's queue with events. A second scan finds the changes made meanwhile.
    fn is_large_tree(&self) -> bool {
        has_more_than(LARGE_TREE_FILES, LARGE_TREE_FOLDERS, &self.options.root)
    }

    /// Sends the first listing, updated by files that appeared or were removed after the scan. Those have been sent already.
    fn send_first_listing(&mut self, mut listing: Listing) -> Result<(), Stopped> {
        listing.files.retain(|path| !self.known.contains(path) && !matches!(self.stat(path), Ok(None)));
        listing.files.extend(self.known.files_below("").chain(self.coalescer.missing()).cloned());
        self.flush_files()?;
        let root = self.new_root.take();
        self.send_with_root(Event::Rescan(listing), root)
    }
}
