//! Adds, replaces and removes articles.

use std::sync::Arc;

use jiff::Timestamp;

use super::ids::may_have_versions;
use super::state::{Index, hidden_count};
use crate::article::{self, card::Card};
use crate::build::indexed_article::{FeedSet, IdClaim, IndexedArticle, Visibility};
use crate::config::Undated;
use crate::event::Now;
use crate::ledger::{ArticleFacts, Ledger};
use crate::slab::SlotId;
use crate::types::{ArticlePath, EntryId, Moment};

impl Index {
    /// Adds or replaces an article.
    pub fn put(&mut self, path: &ArticlePath, card: &Card, ledger: &Ledger, now: Now) {
        self.put_article(path, card, ledger, now, true);
    }

    /// Adds an article while the daemon starts. The article counts as changed only if it differs from the ledger, which is rare in an
    /// archive.
    pub fn put_initial(&mut self, path: &ArticlePath, card: &Card, ledger: &Ledger, now: Now) {
        self.put_article(path, card, ledger, now, false);
    }

    fn put_article(&mut self, path: &ArticlePath, card: &Card, ledger: &Ledger, now: Now, always_reports: bool) {
        self.now = now;
        let removed = self.take_out(path);
        let existed = removed.is_some();
        let mut feed_set = self.feed_set(path, card);
        let facts = ledger.article(path);
        let mut version = self.indexed_version(path, card);
        let published = self.first_publication(path, card, facts);
        let recorded_id = facts.and_then(|article| article.id.clone());
        let stated_id = card.id.clone().or_else(|| self.item_id(card, recorded_id.as_ref()));
        let states_id = stated_id.is_some();
        let preferred_id = stated_id
            .or_else(|| recorded_id.clone())
            .unwrap_or_else(|| self.mint_id(card, published, &feed_set.placement));
        // The ledger records one holder for each id.
        let holder =
            if recorded_id.as_ref() == Some(&preferred_id) { Some(path) } else { ledger.holder(&preferred_id) };
        let is_same_source = |holder: &ArticlePath| holder.source() == path.source();
        let item_holder = holder.filter(|holder| is_same_source(holder));
        if let Some(version) = &mut version {
            self.complete_version(version, path, card, item_holder, ledger);
        }
        if self.is_overwritten(version.as_ref(), &preferred_id, facts) {
            self.overwritten.push(path.clone());
        }
        // An operator's decision about a drop folder's article doesn't bind articles of sources before it.
        let senior = holder.filter(|holder| self.source_position(holder) <= self.source_position(path));
        // The story of an item keeps its first publication when another version takes over.
        let story = version.as_ref().and(item_holder).and_then(|holder| ledger.article(holder));
        let first_of_story = story.and_then(ArticleFacts::date).and_then(|date| self.moment(date));
        let since = |own: Moment| first_of_story.filter(|first| first.second() < own.second()).unwrap_or(own);
        let mut visibility = Visibility::Undated;
        let mut dates = None;
        let mut claim = None;
        let mut corrections = Vec::new();
        let mut due = Vec::new();
        // A clock that was set back doesn't withdraw published articles.
        let was_public = |date: Moment| {
            facts.is_some_and(|article| {
                let is_same = version.is_some() && article.was_shown(card.hash);
                is_same || article.is_live() && article.date() == Some(date.timestamp())
            })
        };
        let claim_kind = || match states_id {
            _ if holder == Some(path) => IdClaim::Recorded,
            // All versions have the claim of the one that readers know.
            _ if version.is_some()
                && holder.is_some_and(|holder| may_have_versions(holder) && is_same_source(holder)) =>
            {
                IdClaim::Recorded
            }
            true => IdClaim::Explicit,
            false => IdClaim::Minted,
        };
        let expired = card.expires.filter(|expires| expires.timestamp() <= now);
        match (published, expired) {
            _ if version.as_ref().is_some_and(|version| version.is_retracted)
                || is_retracted(path, card, facts, senior, ledger) =>
            {
                visibility = Visibility::Retracted;
                // A retracted article keeps the id that readers know, so that no other article gets it.
                if holder.is_some() {
                    claim = Some(claim_kind());
                    dates = published.map(|published| (since(published), since(published)));
                }
            }
            _ if card.draft => visibility = Visibility::Draft,
            _ if self.rules.restricts(path, card) => visibility = Visibility::Restricted,
            _ if self.listings.contains(path) => visibility = Visibility::Listing,
            (None, _) => {}
            (Some(published), _) if published.timestamp() > now && !was_public(published) => {
                visibility = Visibility::Scheduled(published);
                due.push(published.timestamp());
            }
            (Some(_), Some(expired)) => visibility = Visibility::Expired(expired),
            (Some(published), None) => {
                let first = since(published);
                corrections = self.corrections(&preferred_id, path.source(), version.is_some());
                let changes = card.updated.into_iter().chain(card.corrections.iter().chain(&corrections).copied());
                let changes = changes.chain(version.as_ref().map(|_| published));
                let changes = changes.filter(|change| change.second() >= first.second());
                let (past, upcoming): (Vec<Moment>, Vec<Moment>) =
                    changes.partition(|change| change.timestamp() <= now);
                let updated = past.into_iter().max_by_key(|change| change.second()).unwrap_or(first);
                due.extend(upcoming.into_iter().chain(card.expires).map(Moment::timestamp));
                let of_media = card.terms.iter().flat_map(|terms| terms.availability.instants());
                due.extend(of_media.map(Moment::timestamp).filter(|instant| *instant > now));
                dates = Some((first, updated));
                claim = Some(claim_kind());
            }
        }
        // Feeds matter only for articles that readers may know from them.
        if (dates.is_none() || visibility == Visibility::Retracted) && facts.is_none_or(|article| article.id.is_none())
        {
            feed_set = Arc::new(FeedSet { placement: Arc::clone(&feed_set.placement), feeds: Box::default() });
        }
        if withholds(path, card, &visibility, now) {
            self.add_withholding(path, &preferred_id);
        }
        self.due.extend(due.iter().map(|instant| (*instant, path.clone())));
        if !due.is_empty() {
            self.due_by_path.insert(path.clone(), due);
        }
        if let Some(count) = hidden_count(&mut self.hidden_counts, &visibility) {
            *count += 1;
        }
        if let Some(old) = &feed_set.placement.old_folder {
            *self.old_folders.entry(old.clone()).or_default() += 1;
        }
        let article = IndexedArticle {
            path: path.clone(),
            feed_set,
            visibility,
            dates,
            preferred_id,
            claim,
            states_id,
            version: version.map(Box::new),
            corrections: corrections.into(),
            states_update: card.updated.is_some(),
            names_files: !card.files.is_empty() || !card.terms.is_empty(),
            // Set, so that `resolve_claims` doesn't record a change. The final value is decided below.
            is_changed: true,
        };
        let preferred_id = article.preferred_id.clone();
        let is_version = article.version.is_some();
        let is_held_elsewhere = is_version && holder.is_some_and(|holder| holder != path);
        let slot = self.insert(article);
        if claim.is_some() || is_version {
            let articles = &self.articles;
            self.by_preferred_id
                .insert(&preferred_id, slot, |slot| articles.get(slot).map(|article| &article.preferred_id));
        }
        if is_held_elsewhere || (is_version && self.versions(&preferred_id, path.source()).len() > 1) {
            self.changed_items.insert(preferred_id.clone());
        }
        self.resolve_claims(&preferred_id);
        for id in removed.into_iter().flatten().filter(|id| *id != preferred_id) {
            self.resolve_claims(&id);
        }
        if existed {
            // `remove` has recorded the change.
            return self.changed.push(slot);
        }
        let Some(article) = self.articles.get_mut(slot) else { return };
        article.is_changed = false;
        if always_reports || !facts.is_some_and(|facts| article.needs_no_update(facts, card.hash)) {
            self.mark_changed(slot);
        }
    }

    /// Removes an article. Returns whether it was in the index.
    pub fn remove(&mut self, path: &ArticlePath) -> bool {
        let Some(ids) = self.take_out(path) else { return false };
        ids.iter().for_each(|id| self.resolve_claims(id));
        true
    }

    /// Removes an article, and returns the ids whose claims have to be resolved. `None` if it wasn't in the index.
    fn take_out(&mut self, path: &ArticlePath) -> Option<Vec<EntryId>> {
        self.stop_withholding(path);
        let slot = self.slot_of(path)?;
        self.mark_changed(slot);
        self.remove_from_feeds(slot);
        for instant in self.due_by_path.remove(path).unwrap_or_default() {
            self.due.remove(&(instant, path.clone()));
        }
        self.by_path.remove(path, slot);
        let article = self.articles.get(slot)?;
        let has_claim = article.claim.is_some() || article.version.is_some();
        let preferred_id = article.preferred_id.clone();
        if article.version.is_some() {
            self.changed_items.insert(preferred_id.clone());
        }
        if let Some(count) =
            article.feed_set.placement.old_folder.as_ref().and_then(|old| self.old_folders.get_mut(old))
        {
            *count -= 1;
        }
        if let Some(count) = hidden_count(&mut self.hidden_counts, &article.visibility) {
            *count -= 1;
        }
        if has_claim {
            self.by_preferred_id.remove(&preferred_id, slot);
        }
        self.articles.remove(slot);
        Some(has_claim.then_some(preferred_id).into_iter().collect())
    }

    /// The stated date, else when the article was first seen; not before the end of its embargo. A date slightly after the article was first
    /// seen counts as that time.
    pub(super) fn first_publication(
        &self,
        path: &ArticlePath,
        card: &Card,
        facts: Option<&ArticleFacts>,
    ) -> Option<Moment> {
        let counts = |seen: &Timestamp| match card.published {
            None => self.rules.config().content.undated != Some(Undated::Omit),
            Some(date) => self.clock_tolerance(path, card).is_some_and(|tolerance| {
                let ahead = date.timestamp().duration_since(*seen);
                ahead.is_positive() && ahead <= tolerance
            }),
        };
        let seen = facts.and_then(ArticleFacts::seen).filter(counts).and_then(|seen| self.moment(seen));
        let date = seen.or(card.published)?;
        Some(card.embargo.filter(|embargo| embargo.second() > date.second()).unwrap_or(date))
    }

    fn insert(&mut self, article: IndexedArticle) -> SlotId {
        let path = article.path.clone();
        let slot = self.articles.insert(article);
        let articles = &self.articles;
        self.by_path.insert(&path, slot, |slot| articles.get(slot).map(|article| &article.path));
        slot
    }
}

/// Whether the file retracts the article, or an operator retracted it or the article that has its id.
fn is_retracted(
    path: &ArticlePath,
    card: &Card,
    facts: Option<&ArticleFacts>,
    holder: Option<&ArticlePath>,
    ledger: &Ledger,
) -> bool {
    let other = || holder.filter(|holder| *holder != path).and_then(|holder| ledger.article(holder));
    card.retracted.is_some()
        || facts.is_some_and(ArticleFacts::is_retracted_by_command)
        || other().is_some_and(ArticleFacts::is_retracted_by_command)
}

/// Whether a file withholds its item from readers, such as a kill notice or a version under embargo. Files in a drafts folder withhold
/// nothing.
fn withholds(path: &ArticlePath, card: &Card, visibility: &Visibility, now: Now) -> bool {
    let is_withheld = match visibility {
        Visibility::Draft | Visibility::Restricted | Visibility::Expired(_) => true,
        Visibility::Retracted => card.retracted.is_some(),
        Visibility::Scheduled(_) => card.embargo.is_some_and(|embargo| embargo.timestamp() > now),
        _ => false,
    };
    is_withheld && card.id.is_some() && !article::in_drafts_folder(path)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::build::placement::SectionRules;
    use crate::config;

    /// Two articles prefer the same id. Each row: files written or removed (`-`), and the articles expected to have changed.
    #[test]
    fn each_change_is_reported_once() {
        let text = "[site]\ntitle = \"C\"\nurl = \"https://c.example/\"\nlanguage = \"en\"\ntag_authority = \"c.example,2026\"\n\n[[section]]\npath = \"news\"\n";
        let config = config::parse(Path::new("c.toml"), text.as_bytes()).config.expect("valid");
        let (ledger, now) = (Ledger::default(), Timestamp::from_second(1_800_000_000).expect("in range"));
        let mut index = Index::new(Arc::new(SectionRules::new(Arc::clone(&config))), 0);
        for (steps, expected) in
            [("b", "b"), ("b", "b"), ("c", "c"), ("a", "a b"), ("a b", "a b"), ("-a", "a b"), ("a -a", "a b"), ("", "")]
        {
            for step in steps.split_whitespace() {
                let path = ArticlePath::new(&format!("news/{}.md", step.trim_start_matches('-')));
                let slug = if step == "c" { "c" } else { "same" };
                let text = format!("---\ntitle: T\ndate: 2026-11-20\nslug: {slug}\n---\n\nText.\n");
                let parsed = article::parse(&path, text.as_bytes(), &config.parsing).article.expect("good");
                if step.starts_with('-') {
                    assert!(index.remove(&path));
                } else {
                    index.put(&path, &parsed.card.open(&path), &ledger, now);
                }
            }
            let mut changed: Vec<String> =
                index.take_changes().articles.iter().map(|path| path.stem().to_owned()).collect();
            changed.sort();
            assert_eq!(changed.join(" "), expected, "{steps}");
        }
    }
}
