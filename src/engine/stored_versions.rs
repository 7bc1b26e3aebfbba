//! Compares the files that the ledger knows with those that exist, and loads stored versions of published articles without a good file.
//!
//! This happens after the first complete listing. Files whose folders couldn't be listed then are compared with later listings.

use super::state::Engine;
use crate::article::card::Card;
use crate::build::index::Index;
use crate::event::{BodyRequest, Effect, Listing, StoredVersion};
use crate::ledger::{Remembered, Withdrawal};
use crate::parallel;
use crate::types::ArticlePath;

impl Engine {
    /// Compares the ledger with the first complete listing. Finds articles without a good file, and files that are gone.
    pub(super) fn compare_ledger_to_files(&mut self, listing: &Listing) {
        // The catalog contains every listed file by now.
        let is_absent = listing.completeness();
        let (mut lost, mut lost_retracted) = (Vec::new(), Vec::new());
        let (mut unproven, mut vanished) = (Vec::new(), Vec::new());
        let mut without_good_file = Vec::new();
        let mut gone = Vec::new();
        for (path, remembered) in self.without_good_file() {
            without_good_file.push(path.clone());
            if self.catalog.contains(path) {
                continue;
            }
            if !is_absent(path) {
                unproven.push(path.clone());
                continue;
            }
            gone.push(path.clone());
            if remembered.is_lost() {
                let list = if remembered.retraction().is_some() { &mut lost_retracted } else { &mut lost };
                list.push(path.clone());
            } else if remembered.is_known() {
                vanished.push(path.clone());
            }
        }
        self.missing.doubtful |= listing.doubtful && !vanished.is_empty();
        self.missing.unproven.extend(unproven);
        self.missing.vanished.extend(vanished);
        self.missing.held_back.extend(lost);
        self.missing.held_back_retracted.extend(lost_retracted);
        self.missing.without_good_file = without_good_file;
        self.resolve_respelled_paths(gone);
        let mut moved: Vec<(ArticlePath, Card)> = Vec::new();
        for (path, indexed) in self.index.iter().flat_map(Index::articles) {
            let holder = indexed.stated_id().and_then(|id| self.recorder.ledger.holder(id));
            if holder.is_some_and(|holder| holder != path) {
                moved.extend(self.catalog.get(path).map(|card| (path.clone(), card.open(path))));
            }
        }
        moved.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        for (path, card) in moved {
            if self.resolve_id_move(&path, &card) {
                self.index_article(&path, &card);
            }
        }
    }

    /// The ledger's articles without a good file. Nearly all articles have one, so the search runs on all cores.
    fn without_good_file(&self) -> impl Iterator<Item = (&ArticlePath, &Remembered)> {
        let all: Vec<(&ArticlePath, &Remembered)> = self.recorder.ledger.articles().collect();
        let found = parallel::on_all_cores(&all, |(path, _)| self.catalog.get(path).is_none());
        all.into_iter().zip(found).filter_map(|(article, is_without)| is_without.then_some(article))
    }

    /// Requests the stored versions of published articles that have no good file.
    pub(super) fn request_stored_versions(&mut self, effects: &mut Vec<Effect>) {
        let mut requests = Vec::new();
        for path in std::mem::take(&mut self.missing.without_good_file) {
            let Some(remembered) = self.recorder.ledger.article(&path) else { continue };
            // Retracted by command before its broken file was read. Its feeds still have to list the retraction.
            let is_unreported = || {
                let known = remembered.retraction();
                known.is_some_and(|known| known.by == Withdrawal::Command && known.feeds.is_empty())
                    && self.catalog.contains(&path)
            };
            let is_needed = (remembered.is_live() || is_unreported())
                && self.catalog.get(&path).is_none()
                && !self.catalog.is_withheld(&path);
            let hash = remembered.hash().filter(|hash| is_needed && self.recorder.ledger.keeps(*hash));
            requests.extend(hash.map(|hash| BodyRequest { path, hash, shown: true, links: None }));
        }
        requests.sort();
        self.missing.loading = requests.iter().map(|request| request.path.clone()).collect();
        effects.extend((!requests.is_empty()).then_some(Effect::LoadStored(requests)));
    }

    /// Restores last good versions that the store returned.
    pub(super) fn receive_stored_versions(&mut self, versions: Vec<StoredVersion>) {
        for StoredVersion { request, article } in versions {
            self.missing.loading.remove(&request.path);
            let Some(article) = article.filter(|article| article.metadata.hash == request.hash) else { continue };
            if self.catalog.restore(&request.path, &article.card) {
                let card = article.card.open(&request.path);
                self.bodies.add_pending(&request.path, article, self.index.as_ref());
                self.index_article(&request.path, &card);
            }
        }
    }

    /// Checks files of unlistable folders against a later listing, which may prove that they are gone.
    pub(super) fn check_unproven(&mut self, listing: &Listing) {
        if self.missing.unproven.is_empty() {
            return;
        }
        let is_absent = listing.absence();
        let is_inside = |path: &ArticlePath| {
            let scope = listing.scope.as_str();
            scope.is_empty() || path.as_str().strip_prefix(scope).is_some_and(|rest| rest.starts_with('/'))
        };
        for path in self.missing.unproven.clone() {
            if is_inside(&path) && is_absent(&path) {
                self.missing.unproven.remove(&path);
                if self.catalog.contains(&path) || self.recorder.ledger.article(&path).is_some_and(Remembered::is_known)
                {
                    self.missing.note_vanished(path, listing.doubtful);
                }
            }
        }
    }
}
