//! Delays removals while a tool is changing files, and recognises moved files.
//!
//! # How is a move recognised without a rename event?
//!
//! By its inode, by its bytes while a tool is working, or by a path that differs only in case or Unicode normalisation.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use super::super::active_tools;
use super::super::cache::MetadataCache;
use super::super::clock::clock;
use super::super::known_files;
use super::state::Worker;
use crate::article::Parsed;
use crate::event::{FileState, ParsedFile};
use crate::metrics::WatchStatus;
use crate::types::{ArticlePath, folded, folder};

/// How long after the last sign of a tool removals still wait, if the grace is shorter.
const MIN_TOOL_GRACE: Duration = Duration::from_secs(1);
/// How often tools are checked.
const TOOL_CHECK_INTERVAL: Duration = Duration::from_millis(500);

impl<C: MetadataCache> Worker<C> {
    /// While files are missing, checks whether version control is working.
    pub(super) fn check_lock(&mut self) {
        if self.options.hold.is_zero() || self.coalescer.missing().next().is_none() {
            return;
        }
        let root = &self.options.root;
        if let Some(lock) = active_tools::version_control_lock(root, self.options.hold, clock()) {
            let name = root.relative(&lock).map_or_else(|| lock.display().to_string(), |lock| root.display(&lock));
            self.tools.lock = Some((name, self.now()));
        }
    }

    /// Records the temporary file of a transfer.
    pub(super) fn record_transfer(&mut self, path: &str) {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        if active_tools::is_transfer_name(name) {
            let now = self.now();
            let root = &self.options.root;
            self.tools.transfers.retain(|_, (_, seen)| now.saturating_sub(*seen) < self.options.hold);
            self.tools.transfers.insert(folder.to_owned(), (root.display(path), now));
        }
    }

    /// The sign of a tool that may bring back the missing files of a folder.
    fn active_tool(&mut self, folder: &str) -> Option<String> {
        let now = self.now();
        let tool_grace = self.coalescer.grace.max(MIN_TOOL_GRACE);
        let is_recent = |seen: Duration| now.saturating_sub(seen) < tool_grace;
        if let Some((name, _)) = self.tools.lock.as_ref().filter(|(_, seen)| is_recent(*seen)) {
            return Some(name.clone());
        }
        let seen = self.tools.transfers.get(folder);
        // Lists the folder only so often, however many files are missing.
        if seen.is_none_or(|(_, seen)| now.saturating_sub(*seen) >= TOOL_CHECK_INTERVAL / 2)
            && let Some(name) =
                active_tools::unfinished_transfer(&self.options.root, folder, self.options.hold, clock())
        {
            let name = self.options.root.display(&folder::join(folder, &name));
            self.tools.transfers.insert(folder.to_owned(), (name.clone(), now));
            return Some(name);
        }
        self.tools.transfers.get(folder).filter(|(_, seen)| is_recent(*seen)).map(|(name, _)| name.clone())
    }

    /// Postpones removals, and returns the files that are removed. Each file comes with the time since when it has been missing.
    ///
    /// A removal waits while the same inode at another path, or a path that differs only in case or normalisation, isn't complete yet. It
    /// also waits while a tool is working, for `content.removal_hold` at most. Files in `ready` are about to be read.
    pub(super) fn hold_removals(
        &mut self,
        missing: Vec<(ArticlePath, Duration)>,
        ready: &[ArticlePath],
    ) -> Vec<ArticlePath> {
        let mut folders: BTreeMap<String, Option<String>> = BTreeMap::new();
        let (mut removed, mut sign) = (Vec::new(), None);
        let now = self.now();
        let incoming = self.coalescer.incomplete().chain(ready).map(|path| folded(path.as_str()).into_owned());
        let incoming: HashSet<String> = incoming.collect();
        let stamps = ready.iter().filter_map(|path| self.stat(path).ok().flatten());
        let moved: HashSet<u64> = self.coalescer.settling_stamps().chain(stamps).map(known_files::file_id).collect();
        for (path, since) in missing {
            let may_be_renamed = incoming.contains(&*folded(path.as_str()))
                || self.known.file_id(&path).is_some_and(|file| moved.contains(&file));
            if now < since.saturating_add(self.options.open_limit) && may_be_renamed {
                self.coalescer.postpone_removal(&path, since, now + TOOL_CHECK_INTERVAL / 2);
                continue;
            }
            let limit = since.saturating_add(self.options.hold);
            let tool = match folders.get(path.folder()) {
                Some(known) => known.clone(),
                None if now >= limit => None,
                None => {
                    let tool = self.active_tool(path.folder());
                    folders.insert(path.folder().to_owned(), tool.clone());
                    tool
                }
            };
            if now < limit && tool.is_some() {
                self.coalescer.postpone_removal(&path, since, limit.min(now + TOOL_CHECK_INTERVAL));
                sign = tool;
            } else {
                removed.push(path);
            }
        }
        self.report_removal_hold(sign);
        removed
    }

    /// Reports the end of the hold once no removal waits.
    pub(super) fn end_removal_hold(&mut self) {
        if self.tools.reported.is_some() && self.coalescer.missing().next().is_none() {
            self.report_removal_hold(None);
        }
    }

    /// Logs and publishes which sign of a tool removals wait for, if it has changed.
    fn report_removal_hold(&mut self, sign: Option<String>) {
        if sign == self.tools.reported {
            return;
        }
        match &sign {
            Some(name) => {
                let at_most_s = self.options.hold.as_secs();
                tracing::info!(lock = name, at_most_s, "removals wait for a tool that is changing files");
            }
            None => tracing::info!("removals no longer wait"),
        }
        self.update_status(|status| WatchStatus { removals_blocked_by: sign.clone(), ..status });
        self.tools.reported = sign;
    }

    /// Whether files may be missing or incomplete only for a moment.
    pub(super) fn may_miss_files(&self) -> bool {
        let is_locked = || active_tools::version_control_lock(&self.options.root, self.options.hold, clock()).is_some();
        self.coalescer.has_settling() || (!self.options.hold.is_zero() && is_locked())
    }

    /// Adds the old paths of new files that have the bytes of a missing file, if they have its inode or a tool is working. The engine can't
    /// recognise such moves, because the removals are reported later.
    pub(super) fn find_moved(&mut self, origins: &mut BTreeMap<ArticlePath, ArticlePath>, files: &[ParsedFile]) {
        let is_new = |file: &&ParsedFile| self.known.is_unread(&file.path) && !origins.contains_key(&file.path);
        let new = files.iter().filter(is_new).filter_map(|file| match &file.state {
            FileState::Present(Parsed { article: Some(article), .. }) => Some((&file.path, article.card.hash())),
            _ => None,
        });
        let new: Vec<_> = new.collect();
        if new.is_empty() {
            return;
        }
        let missing = self.coalescer.missing().filter_map(|path| Some((self.known.content_id(path)?, path.clone())));
        let missing: HashMap<u64, ArticlePath> = missing.collect();
        self.check_lock();
        let mut tools: BTreeMap<String, bool> = BTreeMap::new();
        for (path, hash) in new {
            let Some(from) = missing.get(&known_files::content_id(hash)).filter(|from| *from != path) else { continue };
            let folder = from.folder();
            let is_same = matches!(self.stat(path), Ok(Some(stamp)) if self.known.is_same_file(from, stamp));
            if !is_same && !self.options.hold.is_zero() && !tools.contains_key(folder) {
                tools.insert(folder.to_owned(), self.active_tool(folder).is_some());
            }
            if (is_same || tools.get(folder) == Some(&true)) && matches!(self.stat(from), Ok(None)) {
                origins.insert(path.clone(), from.clone());
            }
        }
    }

    /// Adds the old paths of new files whose paths differ from a missing one only in case or Unicode normalisation.
    pub(super) fn find_renamed_in_case(&self, origins: &mut BTreeMap<ArticlePath, ArticlePath>, paths: &[ArticlePath]) {
        for path in paths {
            if !self.known.is_unread(path) || origins.contains_key(path) {
                continue;
            }
            let from = self.coalescer.missing_variant_of(path);
            if let Some(from) = from.filter(|from| self.known.contains(from) && matches!(self.stat(from), Ok(None))) {
                origins.insert(path.clone(), from.clone());
            }
        }
    }
}
