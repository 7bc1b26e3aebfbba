//! Agencies' notices: which articles they withdraw or correct.

use super::state::Index;
use crate::article::{AgencyNotice, NoticeAction};
use crate::build::indexed_article::IndexedAgencyNotice;
use crate::slab::SlotId;
use crate::types::{ArticlePath, EntryId, Moment};

/// The id that a notice is about.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NoticeTarget {
    /// The id that the article has or would have.
    pub id: EntryId,
    /// Whether only versions of an item may be meant.
    pub is_item: bool,
}

impl Index {
    /// Records what a notice is about.
    pub fn add_notice(&mut self, path: &ArticlePath, notice: &AgencyNotice, targets: Vec<NoticeTarget>) {
        for NoticeTarget { id, is_item } in targets {
            let second = notice.time.map(Moment::second);
            let indexed = IndexedAgencyNotice { action: notice.action, time: notice.time, second, is_item };
            self.agency_notices.entry(id.clone()).or_default().insert(path.clone(), indexed);
            self.resolve_claims(&id);
        }
    }

    /// Records that a file is no notice any more. Returns the ids that it was about.
    pub fn remove_notice(&mut self, path: &ArticlePath) -> Vec<EntryId> {
        let ids: Vec<EntryId> = self
            .agency_notices
            .iter()
            .filter(|(_, known)| known.contains_key(path))
            .map(|(id, _)| id.clone())
            .collect();
        for id in &ids {
            if let Some(known) = self.agency_notices.get_mut(id) {
                known.remove(path);
                if known.is_empty() {
                    self.agency_notices.remove(id);
                }
            }
            self.changed_items.insert(id.clone());
            self.resolve_claims(id);
        }
        ids
    }

    /// Whether a notice is about a known article.
    pub fn is_notice_applied(&self, path: &ArticlePath) -> bool {
        let about = self.agency_notices.iter().filter_map(|(id, known)| Some((id, known.get(path)?)));
        // Readers can't see a correction without a date.
        let about = about.filter(|(_, notice)| notice.action != NoticeAction::Correct || notice.time.is_some());
        about.into_iter().any(|(id, notice)| self.slots_of(id, path.source(), notice).next().is_some())
    }

    /// The files of the articles that have or prefer an id.
    pub fn holders(&self, id: &EntryId) -> impl Iterator<Item = &ArticlePath> {
        let articles = self.by_preferred_id.candidates(id).filter_map(|slot| self.articles.get(slot));
        articles.filter(move |article| article.preferred_id == *id).map(|article| &article.path)
    }

    /// The notices that withdraw the article in a file.
    pub fn withdrawing_notices<'i>(&'i self, path: &ArticlePath) -> impl Iterator<Item = &'i ArticlePath> {
        self.notices_about(path).filter(|(_, notice)| notice.action == NoticeAction::Kill).map(|(notice, _)| notice)
    }

    /// The notices that correct the article in a file.
    pub fn correcting_notices<'i>(&'i self, path: &ArticlePath) -> impl Iterator<Item = &'i ArticlePath> {
        self.notices_about(path).filter(|(_, notice)| notice.action == NoticeAction::Correct).map(|(notice, _)| notice)
    }

    /// When notices of a source corrected its article with an id, oldest first.
    pub(super) fn corrections(&self, id: &EntryId, source: Option<&str>, is_version: bool) -> Vec<Moment> {
        let known = self.notices_of(id, source).map(|(_, notice)| notice);
        let about = known.filter(|notice| notice.action == NoticeAction::Correct && (is_version || !notice.is_item));
        let mut times: Vec<Moment> = about.filter_map(|notice| notice.time).collect();
        times.sort_unstable_by_key(|time| time.second());
        times.dedup();
        times
    }

    /// The notices of a source that withdraw its item with an id.
    pub(super) fn kills<'i>(
        &'i self,
        id: &EntryId,
        source: Option<&str>,
    ) -> impl Iterator<Item = &'i IndexedAgencyNotice> {
        let known = self.notices_of(id, source).map(|(_, notice)| notice);
        known.filter(|notice| notice.action == NoticeAction::Kill)
    }

    /// Whether a notice of a source withdraws its article with an id, which is no version of an item.
    pub(super) fn is_killed_by_slug(&self, id: &EntryId, source: Option<&str>) -> bool {
        self.kills(id, source).any(|notice| !notice.is_item)
    }

    fn notices_about<'i>(
        &'i self,
        path: &ArticlePath,
    ) -> impl Iterator<Item = (&'i ArticlePath, &'i IndexedAgencyNotice)> + use<'i> {
        let article = self.get(path);
        let is_version = article.is_some_and(|article| article.version.is_some());
        let known = article.map(|article| self.notices_of(&article.preferred_id, path.source()).collect());
        let known: Vec<_> = known.unwrap_or_default();
        known.into_iter().filter(move |(_, notice)| is_version || !notice.is_item)
    }

    /// The notices of a source about an id. They concern only articles of that source.
    fn notices_of<'i, 's>(
        &'i self,
        id: &EntryId,
        source: Option<&'s str>,
    ) -> impl Iterator<Item = (&'i ArticlePath, &'i IndexedAgencyNotice)> + use<'i, 's> {
        let known = self.agency_notices.get(id).into_iter().flatten();
        known.filter(move |(notice, _)| notice.source() == source)
    }

    /// The articles of a source with an id that a notice may be about.
    fn slots_of(
        &self,
        id: &EntryId,
        source: Option<&str>,
        notice: &IndexedAgencyNotice,
    ) -> impl Iterator<Item = SlotId> {
        let is_item = notice.is_item;
        let is_meant = move |slot: &SlotId| {
            let article = self.articles.get(*slot).filter(|article| article.path.source() == source);
            article.is_some_and(|article| article.preferred_id == *id && (article.version.is_some() || !is_item))
        };
        self.by_preferred_id.candidates(id).filter(is_meant)
    }
}
