//! Decides whether a new file is an article that was at another path before.
//!
//! A file was moved if its bytes or its id were at a path that is gone, if only the spelling of its path changed, or if the operating system says so.
//!
//! # Why does a copied file wait for some seconds?
//!
//! A moved file first looks like a copy, because its old path counts as gone only after the grace period. If dateline published the copy
//! at once, the article would get a second id, and readers would see it twice.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use super::parts::problems::Source;
use super::state::Engine;
use crate::article::card::{Card, Packed};
use crate::ledger::{Record, Remembered};
use crate::types::{ArticlePath, ContentHash, folded};

impl Engine {
    /// How much longer than the grace period a possible move waits for the old file to vanish.
    const MOVE_WAIT: SignedDuration = SignedDuration::from_secs(1);

    /// The time until which a new file that looks like a copy waits.
    pub(super) fn move_deadline(&self) -> Timestamp {
        let grace = self.removals().map_or(SignedDuration::ZERO, |removals| removals.grace);
        let wait = grace.checked_add(Engine::MOVE_WAIT).unwrap_or(grace);
        self.now.saturating_add(wait).unwrap_or(self.now)
    }

    /// Whether a file at an unknown path has the same bytes as a published file at another path.
    pub(super) fn may_have_moved(&self, path: &ArticlePath, hash: ContentHash) -> bool {
        let is_unknown = |known: &Remembered| known.id.is_none() && known.seen().is_none();
        self.recorder.ledger.article(path).is_none_or(is_unknown)
            && !self.dormancy.is_applied(path)
            && !self.possible_old_paths(path, hash).is_empty()
    }

    /// The other paths where the ledger knows this version of a file.
    pub(super) fn possible_old_paths(&self, path: &ArticlePath, hash: ContentHash) -> BTreeSet<ArticlePath> {
        self.recorder.ledger.with_version(hash).filter(|old| *old != path).cloned().collect()
    }

    /// Moves an article whose rename the operating system reported. Returns its last good version. Contents needn't be
    /// compared.
    pub(super) fn rename(&mut self, from: &ArticlePath, to: &ArticlePath) -> Option<Packed> {
        let has_history =
            |known: &Remembered| known.id.is_some() || known.seen().is_some() || known.retraction().is_some();
        let is_known = self.recorder.ledger.article(from).is_some_and(has_history);
        let is_taken = self.recorder.ledger.article(to).is_some_and(Remembered::is_known);
        (is_known && !is_taken && from != to).then(|| self.move_article(from, to)).flatten()
    }

    /// Moves an article to a file that states its id, if the file is new and the article's own file is gone. The first-seen
    /// time and a retraction go with the id. Returns whether the article moved.
    pub(super) fn resolve_id_move(&mut self, path: &ArticlePath, card: &Card) -> bool {
        let holder = card.id.as_ref().and_then(|id| self.recorder.ledger.holder(id)).filter(|holder| *holder != path);
        let is_unknown = || {
            self.recorder.ledger.article(path).is_none_or(|article| article.id.is_none())
                && !self.dormancy.is_applied(path)
        };
        match holder.filter(|holder| is_unknown() && self.is_gone(holder)).cloned() {
            Some(holder) => {
                self.move_article(&holder, path);
                true
            }
            None => false,
        }
    }

    /// Decides whether new files were moved or copied. Right after the first complete listing, every decision is made at once.
    pub(super) fn resolve_moves(&mut self, is_first_listing: bool) {
        if !self.listed || self.missing.possible_moves.is_empty() {
            return;
        }
        for (path, until) in self.missing.possible_moves.clone() {
            let Some(card) = self.catalog.get(&path).map(|card| card.open(&path)) else {
                self.missing.possible_moves.remove(&path);
                continue;
            };
            // If several files had these bytes, the one that readers still see has moved.
            let is_live = |old: &&ArticlePath| self.recorder.ledger.article(old).is_some_and(Remembered::is_known);
            let gone: Vec<&ArticlePath> =
                self.recorder.ledger.with_version(card.hash).filter(|old| self.is_gone(old)).collect();
            let old = gone.iter().copied().find(is_live).or_else(|| gone.first().copied()).cloned();
            if let Some(from) = old {
                self.move_article(&from, &path);
            } else if !is_first_listing && until > self.now {
                continue;
            }
            self.index_article(&path, &card);
        }
    }

    /// Moves articles whose paths changed only in case or Unicode normalisation while no daemon ran. Copying between systems
    /// that spell names differently does that.
    pub(super) fn resolve_respelled_paths(&mut self, gone: Vec<ArticlePath>) {
        if gone.is_empty() {
            return;
        }
        // If several names differ only in spelling, the first in byte order counts, regardless of the order of the listing.
        let mut gone_by_spelling: BTreeMap<String, ArticlePath> = BTreeMap::new();
        for path in gone {
            let first = gone_by_spelling.entry(folded(path.as_str()).into_owned()).or_insert_with(|| path.clone());
            if path < *first {
                *first = path;
            }
        }
        let is_unknown = |path: &ArticlePath| {
            let article = self.recorder.ledger.article(path);
            article.is_none_or(|article| article.id.is_none() && article.seen().is_none())
                && !self.dormancy.concerns(path)
        };
        let found =
            self.catalog.paths().filter_map(|path| Some((gone_by_spelling.get(&*folded(path.as_str()))?, path)));
        let mut respelled: BTreeMap<ArticlePath, ArticlePath> = BTreeMap::new();
        for (from, to) in found.filter(|(_, path)| is_unknown(path)) {
            let first = respelled.entry(from.clone()).or_insert_with(|| to.clone());
            if to < first {
                *first = to.clone();
            }
        }
        for (from, to) in respelled {
            self.move_article(&from, &to);
            if let Some(card) = self.catalog.get(&to).map(|card| card.open(&to)) {
                self.index_article(&to, &card);
            }
        }
    }

    /// Moves an article whose file is gone to a new file that states its id: the file was renamed and edited. Returns whether
    /// the article moved.
    pub(super) fn moved_with_its_id(&mut self, path: &ArticlePath) -> bool {
        let id = self.recorder.ledger.article(path).and_then(|article| article.id.clone());
        let (Some(id), Some(index)) = (id, &self.index) else { return false };
        let states_id = |other: &&ArticlePath| {
            *other != path
                && index.get(other).is_some_and(|indexed| indexed.stated_id() == Some(&id))
                && self.recorder.ledger.article(other).is_none_or(|article| article.id.is_none())
                && !self.dormancy.is_applied(other)
        };
        let Some(to) = index.claimants(&id).find(states_id).cloned() else { return false };
        self.move_article(path, &to);
        if let Some(card) = self.catalog.get(&to).map(|card| card.open(&to)) {
            self.index_article(&to, &card);
        }
        true
    }

    /// Records a move and removes the article at its old path. Returns the last good version from there.
    fn move_article(&mut self, from: &ArticlePath, to: &ArticlePath) -> Option<Packed> {
        self.record(Record::Moved { from: from.clone(), to: to.clone() });
        if self.recorder.ledger.article(to).is_some_and(Remembered::is_lost) {
            self.record(Record::Found { path: to.clone() });
        }
        self.missing.note_present(from);
        self.recorder.changed_articles.insert(to.clone());
        let card = self.catalog.get(from).cloned();
        self.catalog.remove(from);
        self.problems.set(Source::Article(from.clone()), Vec::new());
        if let Some(index) = &mut self.index {
            index.remove(from);
        }
        card
    }

    /// Whether a file is known to be gone.
    fn is_gone(&self, path: &ArticlePath) -> bool {
        self.missing.is_missing(path) || (!self.catalog.contains(path) && !self.missing.unproven.contains(path))
    }
}
