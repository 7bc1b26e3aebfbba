//! Puts articles in the index.

use super::state::Engine;
use crate::article::card::Card;
use crate::ledger::Record;
use crate::types::ArticlePath;

impl Engine {
    /// Puts an article in the index. An article without a date is dated by the time it was first seen, which is recorded.
    pub(super) fn index_article(&mut self, path: &ArticlePath, card: &Card) {
        self.missing.forget_possible_move(path);
        self.note_listing(path);
        let is_listing = self.is_section_listing(path) && !self.is_live(path);
        let is_undated = !is_listing
            && card.published.is_none()
            && !card.draft
            && !card.access.is_private()
            && card.retracted.is_none();
        // The store may know an earlier date.
        let is_undated = is_undated && !self.dormancy.is_applied(path);
        if is_undated && self.recorder.ledger.article(path).is_none_or(|article| article.seen().is_none()) {
            self.record(Record::Seen { path: path.clone(), at: self.now });
        }
        if self.postpones(path) {
            return;
        }
        let records_all = self.listed || self.index.as_ref().is_some_and(|index| self.publisher.has_pages(index));
        match &mut self.index {
            Some(index) if !records_all => index.put_initial(path, card, &self.recorder.ledger, self.now),
            Some(index) => index.put(path, card, &self.recorder.ledger, self.now),
            None => {}
        }
    }

    /// Puts an article's last good version in the index again.
    pub(super) fn reindex_article(&mut self, path: &ArticlePath) {
        if self.postpones(path) {
            return;
        }
        let awaits_store = self.index.as_ref().is_some_and(|index| self.awaits_store(index.rules(), path));
        if let Some(index) = self.index.as_mut().filter(|_| awaits_store) {
            index.remove(path);
            return;
        }
        self.note_listing(path);
        if let (Some(card), Some(index)) = (self.catalog.get(path), &mut self.index) {
            index.put(path, &card.open(path), &self.recorder.ledger, self.now);
        }
    }
}
