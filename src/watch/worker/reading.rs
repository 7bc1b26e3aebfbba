//! Reads files, and detects which of them have changed.

use std::collections::BTreeMap;
use std::time::Duration;

use super::super::batches::{LARGE_FILE_BYTES, batches};
use super::super::cache::{MetadataCache, is_recent};
use super::super::clock::clock;
use super::super::coalesce::{Completion, Decision, FileStatus, HintKind};
use super::super::listing::{is_doubtful, is_unmounted};
use super::super::read;
use super::super::stat::{is_linked, stat_file};
use super::state::{Stopped, Worker, locked};
use crate::article::Article;
use crate::beneath::Stamp;
use crate::diagnostics::{Code, Diagnostic, Place};
use crate::event::{FileState, ParsedFile};
use crate::types::{ArticlePath, ContentHash};

impl<C: MetadataCache> Worker<C> {
    /// Decides whether a file with a hint is read now. Adds it to `ready` then.
    pub(super) fn observe(&mut self, path: ArticlePath, hint: HintKind, now: Duration, ready: &mut Vec<ArticlePath>) {
        if !self.links.has(&path) && is_linked(&self.options.root, &path) {
            // Only a full scan resolves a new link.
            (self.next_scan, self.have_links_changed) = (self.now(), true);
        }
        let found = match self.stat(&path) {
            Ok(found) => found,
            Err(_) => return ready.push(path),
        };
        let is_unchanged = match found {
            None => !self.known.contains(&path),
            Some(stamp) => self.known.is_unchanged(&path, stamp),
        };
        // A file that was read while it was open may have been closed without a change.
        if is_unchanged && !self.read_open.contains(&path) {
            return;
        }
        let status = FileStatus::at(found, self.coalescer.completion, clock());
        if self.coalescer.observe(&path, status, hint, now) == Decision::Read || self.is_whole_upload(&path, hint) {
            self.coalescer.forget(&path);
            ready.push(path);
        }
    }

    /// Whether a new file in a drop folder is in a format that shows where it ends, and is complete. A file that replaces another one may be a
    /// mixture of both.
    pub(super) fn is_whole_upload(&self, path: &ArticlePath, hint: HintKind) -> bool {
        let Worker { options, known, coalescer, .. } = self;
        matches!(hint, HintKind::Closed | HintKind::Changed)
            && coalescer.completion == Completion::Settled
            && !known.contains(path)
            && read::is_whole(&options.root, path, &options.parsing)
    }

    /// Decides about the files that are due: reads them or reports their removal.
    pub(super) fn check_due_files(&mut self) -> Result<(), Stopped> {
        let mut ready = Vec::new();
        let (mut absent, mut open) = (Vec::new(), Vec::new());
        for path in self.coalescer.due(self.now()) {
            // A file that can't be checked isn't missing. Reading it reports the error.
            let Ok(found) = self.stat(&path) else {
                self.coalescer.forget(&path);
                ready.push(path);
                continue;
            };
            let now = self.now();
            let since = self.coalescer.missing_since(&path).unwrap_or(now);
            match self.coalescer.recheck(&path, FileStatus::at(found, self.coalescer.completion, clock()), now) {
                Decision::Read => ready.push(path),
                Decision::ReadOpen => {
                    self.to_read_open.insert(path.clone());
                    ready.push(path);
                }
                Decision::StillOpen => open.push(path),
                Decision::Absent if is_unmounted(&self.options.root, &path, &self.devices) => {}
                Decision::Absent => absent.push((path, since)),
                Decision::Wait => {}
            }
        }
        // If the content directory is missing or was replaced, its files weren't removed.
        if !absent.is_empty() && (!self.options.root.has_existed() || self.has_root_changed()) {
            absent.drain(..).for_each(|(path, _)| self.add_missing(&path));
        }
        let mut absent = if absent.is_empty() { Vec::new() } else { self.hold_removals(absent, &ready) };
        absent.retain(|path| self.known.remove(path));
        for path in &absent {
            self.read_open.remove(path);
        }
        if !absent.is_empty() {
            let doubtful = is_doubtful(&self.options.root, &mut self.devices);
            let gone = absent.into_iter().map(|path| ParsedFile {
                path,
                state: FileState::Absent { doubtful },
                renamed_from: None,
            });
            let gone = gone.collect();
            self.send_files(gone)?;
        }
        self.report_open(open)?;
        self.read(ready)
    }

    /// Reports uploads that don't end. Earlier versions stay published.
    fn report_open(&mut self, open: Vec<ArticlePath>) -> Result<(), Stopped> {
        let seconds = self.options.open_limit.as_secs();
        let report = |path: ArticlePath| {
            let message = format!("this upload has been open for {seconds} s, so it is not read yet");
            let help =
                "it is read once the server has closed it; if the sender is gone, remove the file and send it again";
            let place = Place::file(&self.options.root.display(path.as_str()));
            let diagnostic = Diagnostic::new(Code::ArticleOpen, message).at(place).help(help);
            ParsedFile { path, state: FileState::Unreadable(diagnostic), renamed_from: None }
        };
        let files: Vec<ParsedFile> = open.into_iter().map(report).collect();
        for file in &files {
            self.record_if_changed(file, None);
        }
        if files.is_empty() { Ok(()) } else { self.send_files(files) }
    }

    /// Reads files and sends those that have changed.
    pub(super) fn read(&mut self, paths: Vec<ArticlePath>) -> Result<(), Stopped> {
        self.read_and_call(paths, |_, _| {})
    }

    /// Reads files like [`Worker::read`]. Calls `on_changed` for each file that has changed.
    pub(super) fn read_and_call(
        &mut self,
        paths: Vec<ArticlePath>,
        on_changed: fn(&mut Self, &ArticlePath),
    ) -> Result<(), Stopped> {
        let started = self.now();
        // Origins are found before any of the files is recorded.
        let mut origins: BTreeMap<ArticlePath, ArticlePath> = BTreeMap::new();
        for path in &paths {
            if let Some(from) = self.renamed.remove(path)
                && self.is_same_file(&from, self.stat(path).unwrap_or_default())
            {
                origins.insert(path.clone(), from);
            }
        }
        self.find_renamed_in_case(&mut origins, &paths);
        // Stamps are taken before reading, so that a write in between counts as a change.
        let mut files: Vec<(ArticlePath, Option<Stamp>)> = Vec::with_capacity(paths.len());
        for path in paths {
            match self.stat(&path) {
                Ok(None) => self.add_missing(&path),
                found => files.push((path, found.unwrap_or_default())),
            }
        }
        let size = |(path, stamp): &(ArticlePath, Option<Stamp>)| match stamp {
            // A renamed file is read together with the file that may have taken its old path.
            Some(stamp) if !origins.contains_key(path) => stamp.size,
            _ => 0,
        };
        let batches = batches(files, size, !self.is_listed || self.is_gathering());
        for batch in batches {
            // Earlier files and removals don't wait for a large file.
            let is_large = matches!(batch.as_slice(), [(_, Some(stamp))] if stamp.size > LARGE_FILE_BYTES);
            if self.is_listed && !self.is_gathering() && is_large {
                self.flush_files()?;
            }
            // Most files of a new tree are unchanged.
            let (is_new_tree, known, read_open) = (self.gathering_since.is_some(), &self.known, &self.read_open);
            let is_known = |path: &ArticlePath, hash| known.has_content(path, hash) && !read_open.contains(path);
            let is_known = is_new_tree.then_some(&is_known as _);
            let (mut files, rows) = read::read_all(&self.options.root, &batch, &self.options.parsing, is_known);
            locked(&self.cache).save(rows);
            self.metrics.articles_read.inc_by(u64::try_from(files.len()).unwrap_or(0));
            let mut stamps: BTreeMap<ArticlePath, Option<Stamp>> = batch.into_iter().collect();
            if is_new_tree {
                self.record_unread(&mut stamps, &files);
            }
            self.find_moved(&mut origins, &files);
            let stamp = |file: &ParsedFile| stamps.get(&file.path).copied().flatten();
            files.retain(|file| self.record_if_changed(file, stamp(file)) || self.read_open.contains(&file.path));
            for file in &mut files {
                self.mark_open(file);
                on_changed(self, &file.path);
                file.renamed_from = origins.remove(&file.path);
                file.renamed_from.iter().for_each(|from| self.known.invalidate(from));
            }
            if !files.is_empty() {
                self.send_files(files)?;
            }
        }
        self.reading_time += self.now().saturating_sub(started);
        Ok(())
    }

    /// Whether the file at a new path is the one that was read at the old path. If there is another file at the old path by now, it may
    /// have been read before the rename was reported, so the inode decides.
    fn is_same_file(&self, from: &ArticlePath, stamp: Option<Stamp>) -> bool {
        let is_same = stamp.is_some_and(|stamp| self.known.is_same_file(from, stamp));
        is_same || matches!(self.stat(from), Ok(None))
    }

    /// The stamp of an article's file. `None` if there is none, if it is ignored, or if its path goes through a link that names no article.
    pub(super) fn stat(&self, path: &ArticlePath) -> Result<Option<Stamp>, Diagnostic> {
        let root = &self.options.root;
        if root.ignores(path) {
            return Ok(None);
        }
        if !self.links.has(path) && !self.newly_linked.contains(path) && is_linked(root, path) {
            // Errors are reported even then.
            return stat_file(root, path).map(|_| None);
        }
        stat_file(root, path)
    }

    /// Starts the grace of a missing file.
    fn add_missing(&mut self, path: &ArticlePath) {
        let now = self.now();
        self.coalescer.observe(path, FileStatus::Missing, HintKind::Removed, now);
    }

    /// Records whether a file was read while it was open for writing, and adds the diagnostic.
    fn mark_open(&mut self, file: &mut ParsedFile) {
        if !self.to_read_open.remove(&file.path) {
            self.read_open.remove(&file.path);
            return;
        }
        self.read_open.insert(file.path.clone());
        if let FileState::Present(parsed) = &mut file.state {
            let seconds = self.options.open_limit.as_secs();
            let message = format!("this file has been open for writing for {seconds} s, so it is published as it is");
            let place = Place::file(&self.options.root.display(file.path.as_str()));
            let help = "close it; or write to another name, and rename the file when it is complete";
            parsed.diagnostics.push(Diagnostic::new(Code::ArticleOpen, message).at(place).help(help));
        }
    }

    /// Handles lost events, which may include closes.
    pub(super) fn assume_closes_lost(&mut self) {
        let (now, root) = (self.now(), &self.options.root);
        self.coalescer.assume_closes_lost(now, |path| stat_file(root, path).ok().flatten());
    }

    /// Records a file. Returns whether it has to be sent.
    pub(super) fn record_if_changed(&mut self, file: &ParsedFile, stamp: Option<Stamp>) -> bool {
        match &file.state {
            FileState::Present(parsed) => {
                let hash = parsed.article.as_ref().map(|article| article.card.hash());
                self.record_read(&file.path, stamp, hash, parsed.article.iter())
            }
            FileState::Items { hash, items } => {
                let articles = items.iter().filter_map(|item| match &item.state {
                    FileState::Present(parsed) => parsed.article.as_ref(),
                    _ => None,
                });
                self.record_read(&file.path, stamp, Some(*hash), articles)
            }
            // Recorded by whole folders.
            FileState::Known(..) => true,
            FileState::Absent { .. } => {
                self.add_missing(&file.path);
                false
            }
            // Without a version, the next scan reads the file again.
            FileState::Unreadable(_) => {
                self.known.record_read(&file.path, None, None, Vec::new());
                true
            }
        }
    }

    /// Records a file that was read, with the media files of its articles. Returns whether it has changed.
    fn record_read<'a>(
        &mut self,
        path: &ArticlePath,
        stamp: Option<Stamp>,
        hash: Option<ContentHash>,
        articles: impl Iterator<Item = &'a Article>,
    ) -> bool {
        // The first scan checks all media files at its end, so their stamps aren't read here.
        let stamp_of = |file: &ArticlePath| self.is_listed.then(|| self.stat_media(file));
        let files = articles.flat_map(|article| article.metadata.local_files());
        let files = files.map(|(file, facts)| (file.clone(), facts, stamp_of(file))).collect();
        self.known.record_read(path, stamp, hash, files)
    }

    /// The stamp of a media file that was just measured. A recently changed file may change without a new stamp, so it gets a stamp that
    /// never matches.
    fn stat_media(&self, file: &ArticlePath) -> Option<Stamp> {
        let stamp = stat_file(&self.options.root, file).unwrap_or_default()?;
        Some(if is_recent(stamp, clock()) { Stamp::default() } else { stamp })
    }
}
