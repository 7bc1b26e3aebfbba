//! Missing files and possible moves that haven't been decided yet.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use jiff::Timestamp;

use crate::article::Metadata;
use crate::article::card::Packed;
use crate::ledger::Routes;
use crate::types::{ArticlePath, ContentHash};

/// Missing files and possible moves that haven't been decided yet.
#[derive(Debug, Default)]
pub(crate) struct MissingFiles {
    /// Files that are gone, until it is decided whether they were moved, deleted or lost.
    pub(crate) vanished: BTreeSet<ArticlePath>,
    /// The sources whose directory looked unmounted when one of them was reported.
    pub(crate) doubtful: BTreeSet<Option<String>>,
    /// Articles deleted recently, oldest first. They are restored if more files turn out to be missing.
    pub(crate) recently_deleted: VecDeque<DeletedArticle>,
    /// Files that went missing in a mass. Their articles stay published until an operator decides.
    pub(crate) held_back: BTreeSet<ArticlePath>,
    /// Files held back whose articles an operator has retracted since. They no longer count as missing, but `restore` needs
    /// them.
    pub(crate) held_back_retracted: BTreeSet<ArticlePath>,
    /// Missing files with the current versions of items that have files of older versions. Their stories stay as they are.
    pub(crate) kept_versions: BTreeSet<ArticlePath>,
    /// Removed files of sources with `deleted = "keep"`. Their stories stay.
    pub(crate) kept: BTreeSet<ArticlePath>,
    /// Kept stories that no feed shows any more, with their versions.
    pub(crate) unshown: Vec<(ArticlePath, ContentHash)>,
    /// The number of files held back, and the example path, in the current diagnostic.
    pub(crate) reported: Option<(usize, ArticlePath)>,
    /// Files that may or may not exist, because their folders could not be listed.
    pub(crate) unproven: BTreeSet<ArticlePath>,
    /// Articles of the ledger without a good file after the first complete listing, until the store is asked for them.
    pub(crate) without_good_file: Vec<ArticlePath>,
    /// Articles whose stored versions were requested and haven't arrived yet.
    pub(crate) loading: BTreeSet<ArticlePath>,
    /// Articles deleted since the last publication, with the routes of the feeds that had them.
    pub(crate) deleted: BTreeMap<ArticlePath, Routes>,
    /// Articles at new paths that may have been moved there. Each waits for its old path to vanish until the given time.
    pub(crate) possible_moves: BTreeMap<ArticlePath, Timestamp>,
    /// The old paths of articles that were renamed before the first complete listing. A file there may have been read before the rename.
    pub(crate) renamed_during_start: BTreeSet<ArticlePath>,
}

/// An article that was deleted recently, with what is needed to restore it.
#[derive(Debug)]
pub(crate) struct DeletedArticle {
    pub(crate) at: Timestamp,
    pub(crate) path: ArticlePath,
    pub(crate) card: Option<Packed>,
    /// `None` if no window showed the article.
    pub(crate) metadata: Option<Arc<Metadata>>,
}

impl MissingFiles {
    /// Notes that a file exists.
    pub(crate) fn note_present(&mut self, path: &ArticlePath) {
        self.vanished.remove(path);
        self.held_back.remove(path);
        self.held_back_retracted.remove(path);
        self.kept_versions.remove(path);
        self.kept.remove(path);
        self.unproven.remove(path);
        self.recently_deleted.retain(|deleted| deleted.path != *path);
    }

    /// Notes that a file is gone. `doubtful` means that the directory of its source looks unmounted.
    pub(crate) fn note_vanished(&mut self, path: ArticlePath, doubtful: bool) {
        self.possible_moves.remove(&path);
        if doubtful {
            self.doubtful.insert(path.source().map(str::to_owned));
        }
        self.vanished.insert(path);
    }

    /// Notes that an operator retracted a file's article.
    pub(crate) fn note_retracted(&mut self, path: &ArticlePath) {
        self.held_back_retracted.extend(self.held_back.take(path));
    }

    /// Notes that an operator restored a file's article.
    pub(crate) fn note_restored(&mut self, path: &ArticlePath) {
        self.held_back.extend(self.held_back_retracted.take(path));
    }

    /// Notes that a new file may have been moved. The decision is due at `deadline`.
    pub(crate) fn note_possible_move(&mut self, path: ArticlePath, deadline: Timestamp) {
        self.possible_moves.entry(path).or_insert(deadline);
    }

    /// Postpones the decision about a new file that may have been moved, if it is pending.
    pub(crate) fn postpone_possible_move(&mut self, path: &ArticlePath, deadline: Timestamp) {
        if let Some(until) = self.possible_moves.get_mut(path) {
            *until = deadline;
        }
    }

    /// Notes that the decision about a new file was made.
    pub(crate) fn forget_possible_move(&mut self, path: &ArticlePath) {
        self.possible_moves.remove(path);
    }

    /// Whether a new file may have been moved and still waits for the decision.
    pub(crate) fn may_be_moved(&self, path: &ArticlePath) -> bool {
        self.possible_moves.contains_key(path)
    }

    /// Whether a file has vanished, or is gone and its article stays.
    pub(crate) fn is_missing(&self, path: &ArticlePath) -> bool {
        [&self.vanished, &self.held_back, &self.held_back_retracted, &self.kept_versions, &self.kept]
            .iter()
            .any(|paths| paths.contains(path))
    }

    /// Forgets the articles deleted before a time, which can't be restored any more.
    pub(crate) fn forget_deleted_before(&mut self, time: Timestamp) {
        while self.recently_deleted.pop_front_if(|deleted| deleted.at < time).is_some() {}
    }

    /// Whether any decision about a file is pending.
    pub(crate) fn concerns(&self, path: &ArticlePath) -> bool {
        let MissingFiles {
            vanished,
            held_back,
            kept_versions,
            kept,
            unproven,
            loading,
            possible_moves,
            without_good_file,
            recently_deleted,
            ..
        } = self;
        [vanished, held_back, kept_versions, kept, unproven, loading].iter().any(|paths| paths.contains(path))
            || possible_moves.contains_key(path)
            || without_good_file.contains(path)
            || recently_deleted.iter().any(|deleted| deleted.path == *path)
    }

    /// Whether stored versions of articles have been requested and haven't arrived yet.
    pub(crate) fn is_loading_stored(&self) -> bool {
        !self.loading.is_empty()
    }

    /// When the next decision about a possible move is due.
    pub(crate) fn wake_at(&self) -> Option<Timestamp> {
        self.possible_moves.values().min().copied()
    }

    /// Limits deadlines to `deadline` after the clock was set back. Otherwise files would wait for as long as the clock went
    /// back.
    pub(crate) fn note_clock_set_back(&mut self, deadline: Timestamp) {
        for until in self.possible_moves.values_mut() {
            *until = deadline.min(*until);
        }
        self.recently_deleted.clear();
    }
}
