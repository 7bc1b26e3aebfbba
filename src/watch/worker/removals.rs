//! When files that are gone are missed: not while a tool is changing files, and not where they only have another name.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use super::super::busy;
use super::super::cache::MetadataCache;
use super::super::clock;
use super::super::known;
use super::Worker;
use crate::article::Parsed;
use crate::event::{FileState, ParsedFile};
use crate::metrics::WatchStatus;
use crate::types::{ArticlePath, folded};

/// How long after a tool was last seen at work its files may still come, where that is longer than the grace.
const MOMENT: Duration = Duration::from_secs(1);
/// How often it is seen whether a tool is still at work.
const AGAIN: Duration = Duration::from_millis(500);

/// Tools that were seen at work.
#[derive(Debug, Default)]
pub(super) struct Work {
    /// What version control holds, and when it was last seen.
    lock: Option<(String, Duration)>,
    /// What transfers had not finished, by folder.
    transfers: BTreeMap<String, (String, Duration)>,
    /// What removals wait for.
    told: Option<String>,
}

impl<C: MetadataCache> Worker<C> {
    /// While files are gone, sees whether version control is at work.
    pub(super) fn look_for_lock(&mut self) {
        if self.options.hold.is_zero() || self.coalescer.leaving().next().is_none() {
            return;
        }
        let root = &self.options.root;
        if let Some(lock) = busy::lock(root, self.options.hold, clock()) {
            let name = root.relative(&lock).map_or_else(|| lock.display().to_string(), |lock| root.display(&lock));
            self.busy.lock = Some((name, self.now()));
        }
    }

    /// The system told of a file that a transfer writes.
    pub(super) fn note_transfer(&mut self, path: &str) {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        if busy::is_transfer(name) {
            let now = self.now();
            let root = &self.options.root;
            self.busy.transfers.retain(|_, (_, seen)| now.saturating_sub(*seen) < self.options.hold);
            self.busy.transfers.insert(folder.to_owned(), (root.display(path), now));
        }
    }

    /// Why the files of a folder that are gone may be back in a moment.
    fn tool_at_work(&mut self, folder: &str) -> Option<String> {
        let now = self.now();
        let moment = self.coalescer.grace.max(MOMENT);
        let is_recent = |seen: Duration| now.saturating_sub(seen) < moment;
        if let Some((name, _)) = self.busy.lock.as_ref().filter(|(_, seen)| is_recent(*seen)) {
            return Some(name.clone());
        }
        let seen = self.busy.transfers.get(folder);
        // Listed no more often than that, however many files are gone.
        if seen.is_none_or(|(_, seen)| now.saturating_sub(*seen) >= AGAIN / 2)
            && let Some(name) = busy::transfer(&self.options.root, folder, self.options.hold, clock())
        {
            let name = self.options.root.display(&super::super::scan::join(folder, &name));
            self.busy.transfers.insert(folder.to_owned(), (name.clone(), now));
            return Some(name);
        }
        self.busy.transfers.get(folder).filter(|(_, seen)| is_recent(*seen)).map(|(name, _)| name.clone())
    }

    /// Lets files that were missed wait until one with nearly the same name, or the same file at another path, is complete; and where a tool
    /// is at work, for no longer than `content.removal_hold` in all. Those that are left are gone. Each comes with the instant since which
    /// it is; files that are `ready` are about to be read.
    pub(super) fn hold_removals(
        &mut self,
        gone: Vec<(ArticlePath, Duration)>,
        ready: &[ArticlePath],
    ) -> Vec<ArticlePath> {
        let mut folders: BTreeMap<String, Option<String>> = BTreeMap::new();
        let (mut left, mut why) = (Vec::new(), None);
        let now = self.now();
        let arriving = self.coalescer.arriving().chain(ready).map(|path| folded(path.as_str()).into_owned());
        let arriving: HashSet<String> = arriving.collect();
        let looks = ready.iter().filter_map(|path| self.look(path).ok().flatten());
        let moved: HashSet<u64> = self.coalescer.settling().chain(looks).map(known::file).collect();
        for (path, since) in gone {
            let may_be_renamed = arriving.contains(&*folded(path.as_str()))
                || self.known.file(&path).is_some_and(|file| moved.contains(&file));
            if now < since.saturating_add(self.options.open_limit) && may_be_renamed {
                self.coalescer.put_off(&path, since, now + AGAIN / 2);
                continue;
            }
            let limit = since.saturating_add(self.options.hold);
            let tool = match folders.get(path.folder()) {
                Some(known) => known.clone(),
                None if now >= limit => None,
                None => {
                    let tool = self.tool_at_work(path.folder());
                    folders.insert(path.folder().to_owned(), tool.clone());
                    tool
                }
            };
            if now < limit && tool.is_some() {
                self.coalescer.put_off(&path, since, limit.min(now + AGAIN));
                why = tool;
            } else {
                left.push(path);
            }
        }
        self.tell_what_removals_wait_for(why);
        left
    }

    /// Nothing waits any more.
    pub(super) fn end_hold(&mut self) {
        if self.busy.told.is_some() && self.coalescer.leaving().next().is_none() {
            self.tell_what_removals_wait_for(None);
        }
    }

    fn tell_what_removals_wait_for(&mut self, why: Option<String>) {
        if why == self.busy.told {
            return;
        }
        match &why {
            Some(name) => {
                let at_most_s = self.options.hold.as_secs();
                tracing::info!(lock = name, at_most_s, "removals wait for a tool that is changing files");
            }
            None => tracing::info!("removals no longer wait"),
        }
        let watching = WatchStatus::clone(&self.meters.watch_status.load());
        self.meters.watch_status.store(Arc::new(WatchStatus { removals_blocked_by: why.clone(), ..watching }));
        self.busy.told = why;
    }

    /// Whether files may be missing that are there in a moment.
    pub(super) fn is_incomplete(&self) -> bool {
        let is_locked = || busy::lock(&self.options.root, self.options.hold, clock()).is_some();
        self.coalescer.is_unsettled() || (!self.options.hold.is_zero() && is_locked())
    }

    /// Files with the bytes of one that is gone were that file, if they still are the same file on the disk, or a tool is at work. The engine
    /// can't tell, since such files are missed late.
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
        let leaving = self.coalescer.leaving().filter_map(|path| Some((self.known.content(path)?, path.clone())));
        let leaving: HashMap<u64, ArticlePath> = leaving.collect();
        self.look_for_lock();
        let mut tools: BTreeMap<String, bool> = BTreeMap::new();
        for (path, hash) in new {
            let Some(from) = leaving.get(&known::number(hash)).filter(|from| *from != path) else { continue };
            let folder = from.folder();
            let is_same = matches!(self.look(path), Ok(Some(stamp)) if self.known.is_same_file(from, stamp));
            if !is_same && !self.options.hold.is_zero() && !tools.contains_key(folder) {
                tools.insert(folder.to_owned(), self.tool_at_work(folder).is_some());
            }
            if (is_same || tools.get(folder) == Some(&true)) && matches!(self.look(from), Ok(None)) {
                origins.insert(path.clone(), from.clone());
            }
        }
    }

    /// Where files that are read for the first time have the path of one that is gone, but for case and Unicode normalisation.
    pub(super) fn find_respelled(&self, origins: &mut BTreeMap<ArticlePath, ArticlePath>, paths: &[ArticlePath]) {
        for path in paths {
            if !self.known.is_unread(path) || origins.contains_key(path) {
                continue;
            }
            let from = self.coalescer.leaving_as(path);
            if let Some(from) = from.filter(|from| self.known.contains(from) && matches!(self.look(from), Ok(None))) {
                origins.insert(path.clone(), from.clone());
            }
        }
    }
}
