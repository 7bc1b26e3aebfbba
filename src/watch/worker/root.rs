//! Which directory the content directory's path leads to: deployments swap a link on the way to it, or the directory itself.
//!
//! The path is resolved several times a second. Watches on the folders above would tell of a swap, but not on network file systems, and not where
//! dateline may not read these folders.

use std::collections::{BTreeMap, HashSet};
use std::time::{Duration, Instant};

use super::super::cache::MetadataCache;
use super::super::mounts;
use super::super::scan::Devices;
use super::{MANY_FILES, MAX_FILES, Stopped, Work, Worker};
use crate::article::Parsed;
use crate::beneath::{Root, Stamp};
use crate::event::{FileState, ParsedFile};
use crate::types::ArticlePath;

/// How often it is resolved.
pub(super) const ROOT_CHECK: Duration = Duration::from_millis(200);
/// How long the path may lead nowhere before that is reported: `ln -sfn` removes a link and then makes the new one.
const UNREACHABLE: Duration = Duration::from_secs(1);
/// For so long the files of a new tree are gathered, to be published together. Of trees that are swapped faster than they can be read, what was
/// read of each is published then.
const GATHERING: Duration = Duration::from_secs(5);

/// So many files are parsed at a time that can wait.
const UNCACHED: usize = 64;

/// Where the path leads, compared with where it led before.
enum Lead {
    Same,
    /// To the same place, where another file system is mounted, or there is a directory where there was none.
    Mounted(Root),
    /// To another directory.
    Elsewhere(Root),
    Nowhere(Root),
}

impl<C: MetadataCache> Worker<C> {
    fn lead(&self) -> Lead {
        let (before, now) = (&self.options.root, self.options.root.resolve_again());
        // Numbers of network file systems and of overlays may change by themselves.
        let is_other = before.path != now.path || (!before.is_same(&now) && !self.mode.polls());
        match () {
            () if !now.has_existed() && before.is_same(&now) => Lead::Same,
            () if !now.has_existed() => Lead::Nowhere(now),
            () if before.is_remounted(&now) => Lead::Mounted(now),
            () if is_other => Lead::Elsewhere(now),
            () => Lead::Same,
        }
    }

    /// Whether what was just looked at is not the content directory by now, so that the look proves nothing.
    pub(super) fn has_left_root(&self) -> bool {
        matches!(self.lead(), Lead::Elsewhere(_) | Lead::Nowhere(_))
    }

    /// Goes where the content directory's path leads.
    pub(super) fn follow_root(&mut self, work: &mut Work) {
        self.next_root = self.now() + ROOT_CHECK;
        let lead = self.lead();
        if !matches!(lead, Lead::Nowhere(_)) {
            self.unreachable = None;
            work.everything |= std::mem::take(&mut self.is_look_due);
        }
        match lead {
            Lead::Same => {}
            Lead::Mounted(root) => {
                self.options.root = root;
                work.everything = true;
            }
            Lead::Elsewhere(root) => {
                tracing::info!(directory = %root.path.display(), "content directory changed");
                self.new_root = Some(root.clone());
                self.gathering.get_or_insert_with(Instant::now);
                self.leave_for(root);
                // All that a link leads to is complete, and so is the tree.
                (self.links_changed, self.tells_all, work.everything) = (true, true, true);
            }
            Lead::Nowhere(root) => {
                let now = self.now();
                if now >= *self.unreachable.get_or_insert(now) + UNREACHABLE {
                    self.leave_for(root);
                    work.everything = true;
                }
            }
        }
    }

    /// Where the system doesn't tell of changes, sees whether volumes were swapped: links in the content directory to hidden folders.
    pub(super) fn look_at_volumes(&mut self, work: &mut Work) {
        if !self.mode.polls() {
            return;
        }
        let stamp =
            |place: &str| self.options.root.path.join(place).symlink_metadata().ok().map(|found| Stamp::from(&found));
        let volumes: Vec<Option<Stamp>> = self.links.hidden_places().map(stamp).collect();
        if self.listed && volumes.len() == self.volumes.len() && volumes != self.volumes {
            (self.links_changed, work.everything) = (true, true);
        }
        self.volumes = volumes;
    }

    /// Whether the path leads nowhere, perhaps in the middle of a swap: nothing is looked at, and nothing is missing.
    pub(super) fn is_between_roots(&self) -> bool {
        self.unreachable.is_some_and(|since| self.now() < since + UNREACHABLE)
    }

    fn leave_for(&mut self, root: Root) {
        self.mounts = mounts::around(&root.path);
        self.options.root = root;
        (self.notice, self.armed) = (None, false);
        self.devices = Devices::new();
        self.renamed.clear();
        self.uncached.clear();
    }

    /// Notes how the files look that were left out because their bytes are known.
    pub(super) fn note_known(&mut self, seen: &mut BTreeMap<ArticlePath, Option<Stamp>>, read: &[ParsedFile]) {
        let read: HashSet<&ArticlePath> = read.iter().map(|file| &file.path).collect();
        let known = seen.extract_if(.., |path, _| !read.contains(path));
        for (path, stamp) in known.filter_map(|(path, stamp)| Some((path, stamp?))) {
            self.known.note_look(&path, stamp);
            self.uncached.push(path);
        }
    }

    /// While there is nothing else to do, parses some of the files that were not parsed when the tree was new. Says whether there were any.
    pub(super) fn cache_known(&mut self) -> Result<bool, Stopped> {
        if self.gathering.is_some() || self.uncached.is_empty() {
            return Ok(false);
        }
        let mut some = self.uncached.split_off(self.uncached.len().saturating_sub(UNCACHED));
        // What changes now is read when it is complete.
        let is_same = |path: &ArticlePath| {
            let stamp = self.look(path).unwrap_or_default();
            !self.coalescer.is_waiting(path) && stamp.is_some_and(|stamp| self.known.is_unchanged(path, stamp))
        };
        some.retain(is_same);
        self.read(some)?;
        Ok(true)
    }

    /// Whether files wait for others of their tree.
    pub(super) fn is_gathering(&self) -> bool {
        let since = self.gathering;
        since.is_some_and(|since| since.elapsed() < GATHERING) && self.joined.len() < MANY_FILES
    }

    /// Takes text from files of a new tree that wait for others, but for the first. Windows ask for what they show.
    pub(super) fn lighten(&self, files: &mut [ParsedFile]) {
        if self.gathering.is_none() || self.joined.len() < MAX_FILES {
            return;
        }
        for file in files {
            if let FileState::Present(Parsed { article: Some(article), .. }) = &mut file.state {
                (article.body, article.source) = (None, None);
            }
        }
    }
}
