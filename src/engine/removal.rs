//! Decides what missing files mean: a move, a deletion, or an accident.
//!
//! A missing file counts as deleted unless its bytes or its id turn up at another path. If many files are missing at once, dateline
//! assumes an accident (an unmounted disk, a faulty script): readers keep the articles until an operator decides.
//! This file is long because every kind of move has to be tried before a file counts as deleted.
//!
//! # Why do many deletions at once wait for an operator?
//!
//! Mass deletions are far more often an unmounted disk than intended, and most readers drop an article that left a feed. Files deleted
//! within the ten seconds before are restored and held back together with the rest. Files that vanish within milliseconds of one another
//! are counted together. Otherwise the first files of a folder would be deleted before the others make it a mass removal.
//!
//! # Why does a copied file wait for some seconds?
//!
//! A moved file first looks like a copy, because its old path counts as gone only after the grace period. If dateline published the copy
//! at once, the article would get a second id, and readers would see it twice.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::parts::missing_files::DeletedArticle;
use super::parts::problems::Source;
use super::state::Engine;
use crate::article::Article;
use crate::article::card::{Card, Packed};
use crate::build::index::Index;
use crate::config::Removals;
use crate::diagnostics::{Code, Diagnostic, Place};
use crate::event::{BodyRequest, Effect, Listing, StoredVersion};
use crate::ledger::{Record, Remembered, Withdrawal};
use crate::parallel;
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

    fn removals(&self) -> Option<Removals> {
        self.index.as_ref().map(|index| index.rules().config().content.removals)
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

    /// The ledger's articles without a good file. Nearly all articles have one, so the search runs on all cores.
    fn without_good_file(&self) -> impl Iterator<Item = (&ArticlePath, &Remembered)> {
        let all: Vec<(&ArticlePath, &Remembered)> = self.recorder.ledger.articles().collect();
        let found = parallel::on_all_cores(&all, |(path, _)| self.catalog.get(path).is_none());
        all.into_iter().zip(found).filter_map(|(article, is_without)| is_without.then_some(article))
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

    /// Decides whether missing files are deletions or an accident.
    pub(super) fn resolve_removals(&mut self) {
        let Some(removals) = self.removals() else { return };
        if !self.listed || self.missing.is_loading_stored() {
            return;
        }
        let since = self.now.saturating_sub(removals.within).unwrap_or(self.now);
        self.missing.forget_deleted_before(since);
        let vanished = std::mem::take(&mut self.missing.vanished);
        let doubtful = std::mem::take(&mut self.missing.doubtful);
        // An article that is known under another path by now was moved, not removed.
        let mut vanished: Vec<ArticlePath> = vanished.into_iter().collect();
        vanished.retain(|path| {
            let is_known = self.recorder.ledger.article(path).is_some_and(Remembered::is_known);
            (is_known || self.catalog.contains(path))
                && !self.missing.held_back_retracted.contains(path)
                && !self.moved_with_its_id(path)
        });
        // Ignored files count as missing only if readers see their articles.
        let ignored = vanished.extract_if(.., |path| self.is_ignored(path) && !self.is_live(path));
        let ignored: Vec<ArticlePath> = ignored.collect();
        ignored.iter().for_each(|path| self.remove_ignored(path));
        // Retracted articles are already gone for readers, so they can't be lost by accident.
        let retracted: Vec<ArticlePath> =
            vanished.extract_if(.., |path| !self.missing.held_back.contains(path) && self.is_retracted(path)).collect();
        retracted.iter().for_each(|path| self.remove_article(path));
        if !vanished.is_empty() {
            let unlisted = vanished.iter().filter(|path| !self.catalog.contains(path)).count();
            let total = self.catalog.len() + self.missing.recently_deleted.len() + unlisted;
            let gone = vanished.len() + self.missing.recently_deleted.len();
            let is_many = gone >= removals.most || gone.saturating_mul(100) >= removals.percent.saturating_mul(total);
            let is_mass = (gone >= removals.least && is_many) || (gone >= 2 && self.removes_all_articles(&vanished));
            if doubtful || !self.missing.held_back.is_empty() || is_mass {
                self.hold_back(vanished);
            } else {
                vanished.iter().for_each(|path| self.delete(path));
            }
        }
        self.report_held_back();
    }

    /// Whether an article is retracted.
    fn is_retracted(&self, path: &ArticlePath) -> bool {
        self.recorder.ledger.article(path).is_some_and(|article| article.retraction().is_some())
    }

    /// Whether `vanished` contains every article that readers still have.
    fn removes_all_articles(&self, vanished: &[ArticlePath]) -> bool {
        let is_live = |path: &ArticlePath| self.recorder.ledger.article(path).is_some_and(Remembered::is_live);
        let vanished: BTreeSet<&ArticlePath> = vanished.iter().collect();
        let mut articles = self.index.iter().flat_map(Index::articles);
        vanished.iter().any(|path| is_live(path))
            && !articles.any(|(path, indexed)| indexed.id().is_some() && !vanished.contains(path))
    }

    /// Moves an article whose file is gone to a new file that states its id: the file was renamed and edited. Returns whether
    /// the article moved.
    fn moved_with_its_id(&mut self, path: &ArticlePath) -> bool {
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

    /// Keeps the articles of missing files published. Restores the articles deleted shortly before.
    fn hold_back(&mut self, mut vanished: Vec<ArticlePath>) {
        for DeletedArticle { path, card, metadata, .. } in std::mem::take(&mut self.missing.recently_deleted) {
            if let Some(card) = card.filter(|card| self.catalog.restore(&path, card)) {
                self.index_article(&path, &card.open(&path));
                if let Some(metadata) = metadata {
                    // The render cache or the store has the text.
                    self.bodies.add_pending(
                        &path,
                        Article { metadata, card, body: None, source: None },
                        self.index.as_ref(),
                    );
                }
                vanished.push(path);
            }
        }
        for path in vanished {
            let version = self.recorder.ledger.article(&path).and_then(Remembered::hash);
            if !self.is_section_listing(&path)
                && !self.entries.cached.contains_key(&path)
                && !version.is_some_and(|hash| self.recorder.ledger.keeps(hash))
            {
                self.drop_article(&path);
                // Deleted shortly before, and its text is gone.
                if self.is_retracted(&path) {
                    continue;
                }
            }
            self.record(Record::Lost { path: path.clone() });
            self.missing.held_back.insert(path);
        }
    }

    /// Drops an article whose text is gone because no window and no stored copy has it. Readers aren't told. Its feeds are
    /// recorded in case of a later retraction.
    fn drop_article(&mut self, path: &ArticlePath) {
        let is_live = self.recorder.ledger.article(path).is_some_and(Remembered::is_live);
        let indexed = self.index.as_ref().and_then(|index| index.get(path));
        if let Some(feeds) = indexed.filter(|_| is_live).map(|indexed| self.routes_of(indexed)) {
            self.record(Record::Withdrawn { path: path.clone(), feeds });
        }
        self.catalog.remove(path);
        if let Some(index) = &mut self.index {
            index.remove(path);
        }
    }

    /// Whether a file is no article according to the configuration.
    fn is_ignored(&self, path: &ArticlePath) -> bool {
        self.config().is_some_and(|config| config.content.ignore.matching(path.as_str()).is_some())
            || self.is_section_listing(path)
    }

    /// Removes the article of a file that the configuration, or a newer version of dateline, no longer treats as an article.
    /// Readers aren't told.
    fn remove_ignored(&mut self, path: &ArticlePath) {
        if !self.is_section_listing(path) || !self.is_live(path) {
            self.problems.set(Source::Article(path.clone()), Vec::new());
            return self.drop_article(path);
        }
        // The file of a listing page still exists.
        let indexed = self.index.as_ref().and_then(|index| index.get(path));
        let feeds = indexed.map(|indexed| self.routes_of(indexed)).unwrap_or_default();
        self.record(Record::Withdrawn { path: path.clone(), feeds });
        self.reindex_article(path);
    }

    /// Deletes an article, and keeps what is needed to restore it for a while.
    fn delete(&mut self, path: &ArticlePath) {
        if self.is_ignored(path) {
            return self.remove_ignored(path);
        }
        self.missing.recently_deleted.push_back(DeletedArticle {
            at: self.now,
            path: path.clone(),
            card: self.catalog.get(path).cloned(),
            metadata: self.entries.cached.get(path).map(|cached| Arc::clone(&cached.metadata)),
        });
        self.remove_article(path);
    }

    /// Removes an article. The next publication records the deletion.
    fn remove_article(&mut self, path: &ArticlePath) {
        self.catalog.remove(path);
        self.problems.set(Source::Article(path.clone()), Vec::new());
        let withdrawn = self.recorder.ledger.article(path).and_then(|article| article.withdrawn().cloned());
        let indexed = self.index.as_ref().and_then(|index| index.get(path));
        let feeds = withdrawn.unwrap_or_else(|| indexed.map(|indexed| self.routes_of(indexed)).unwrap_or_default());
        self.missing.deleted.insert(path.clone(), feeds);
        if let Some(index) = &mut self.index {
            index.remove(path);
        }
    }

    /// Deletes the articles held back, on an operator's command. Returns their number, and how many of them are ignored files.
    pub(super) fn accept_removals(&mut self) -> (usize, usize) {
        let held = std::mem::take(&mut self.missing.held_back);
        if held.is_empty() {
            return (0, 0);
        }
        let ignored = held.iter().filter(|path| self.is_ignored(path)).count();
        for path in held.iter().chain(&std::mem::take(&mut self.missing.held_back_retracted)) {
            self.record(Record::Found { path: path.clone() });
            self.delete(path);
        }
        // These deletions were intended and don't count towards the next mass removal.
        self.missing.recently_deleted.clear();
        (held.len(), ignored)
    }

    /// Updates the diagnostic about articles held back.
    fn report_held_back(&mut self) {
        let held = &self.missing.held_back;
        // Updates the numbers in the message only now and then, because each update is a line in the log.
        let is_current =
            |(count, path): &(usize, ArticlePath)| (*count..count * 2).contains(&held.len()) && held.contains(path);
        if !self.missing.reported.as_ref().is_some_and(is_current) {
            self.missing.reported = held.first().map(|first| (held.len(), first.clone()));
        }
        let diagnostic = self.missing.reported.as_ref().zip(self.index.as_ref()).map(|((count, path), index)| {
            let root = &index.rules().config().parsing.root;
            let more = if *count < held.len() { "more than " } else { "" };
            let (ignored, is_one) = (self.is_ignored(path), *count == 1);
            let message = match (ignored, is_one) {
                (true, true) => format!(
                    "`{path}` would leave its feeds, since its file is no article any more (`content.ignore`, pages of folders with other articles)"
                ),
                (true, false) => format!(
                    "{more}{count} articles would go at once, since their files are none any more (`content.ignore`, pages of folders with other articles), `{path}` among them"
                ),
                (false, true) => format!("1 article is still missing of those that vanished at once, `{path}`"),
                (false, false) => format!("{more}{count} articles vanished at once, `{path}` among them"),
            };
            let message = format!("{message}; {} feeds stay as they are", if is_one { "its" } else { "their" });
            let help = match (ignored, is_one) {
                (true, _) => "change the configuration, or, if that is meant, run `dateline accept-removals`",
                (false, true) => "put the file back, or, if it was deleted on purpose, run `dateline accept-removals`",
                (false, false) => {
                    "put the files back, or, if they were deleted on purpose, run `dateline accept-removals`"
                }
            };
            Diagnostic::new(Code::MassRemoval, message).at(Place::file(root)).help(help)
        });
        self.problems.set(Source::Removals, diagnostic.into_iter().collect());
    }
}
