//! Assigns ids: resolves claims and collisions, and finds files that withhold an item.

use super::state::{Index, hidden_count};
use crate::article::bundle;
use crate::article::card::Card;
use crate::build::indexed_article::{IdClaim, IndexedArticle, Visibility};
use crate::build::placement::Placement;
use crate::diagnostics::{self, Code, Diagnostic, Severity};
use crate::encoding::encode_segment;
use crate::slab::SlotId;
use crate::types::{ArticlePath, EntryId, Moment, Text, nfc};

/// The id of an agency's item begins with these, around the authority.
const TAG: &str = "tag:";
const ITEM: &str = ":item/";

impl Index {
    /// The id that an article without a recorded id gets, unless it states one or has no date.
    pub fn default_id(&self, path: &ArticlePath, card: &Card) -> Option<EntryId> {
        if let Some(id) = self.item_id(card, None) {
            return Some(id);
        }
        let published = self.first_publication(path, card, None).filter(|_| card.id.is_none())?;
        let is_cached = self.rules.follows_from_folder(card);
        let cached = self.feed_sets_by_folder.get(bundle::section_folder(path)).filter(|_| is_cached);
        Some(match cached {
            Some(feed_set) => self.mint_id(card, Some(published), &feed_set.placement),
            None => self.mint_id(card, Some(published), &self.rules.place_article(path, card)),
        })
    }

    /// The articles that claim an id, strongest claim first.
    pub fn claimants(&self, id: &EntryId) -> impl Iterator<Item = &ArticlePath> {
        self.claims(id).into_iter().filter_map(|slot| self.articles.get(slot)).map(|article| &article.path)
    }

    /// The article that readers see under an id.
    pub fn public_article(&self, id: &EntryId) -> Option<&ArticlePath> {
        let claims = self.by_preferred_id.candidates(id).filter_map(|slot| self.articles.get(slot));
        claims.into_iter().find(|article| article.id() == Some(id)).map(|article| &article.path)
    }

    /// The id that an article has or should have.
    pub fn preferred_id(&self, path: &ArticlePath) -> Option<&EntryId> {
        Some(&self.get(path)?.preferred_id)
    }

    /// The article that has the id which this article states.
    pub fn id_holder(&self, path: &ArticlePath) -> Option<&ArticlePath> {
        match &self.get(path)?.visibility {
            Visibility::IdTaken(holder) => Some(holder),
            _ => None,
        }
    }

    /// The diagnostic for two files that state one id while one of them withholds it.
    pub fn id_conflict(&self, path: &ArticlePath) -> Option<Diagnostic> {
        let name = |path: &ArticlePath| self.rules.config().file_name(path);
        let article = self.get(path)?;
        let diagnostic = match &article.visibility {
            Visibility::Superseded(other) => Diagnostic::new(
                Code::IdWithheld,
                format!("`{}` has the same id and is withheld, so this article is not public", name(other)),
            )
            .help(format!("edit or remove one of the two; `dateline retract {path}` tells readers that it is gone")),
            _ if self.newer_version(path).is_some() => return None,
            _ => {
                let holder = self.withholding.get(path).and_then(|id| self.public_article(id))?;
                let message =
                    format!("this file is withheld, but its id belongs to `{}`, which stays public", name(holder));
                let help = "edit the other file to withhold it, or give this one an id of its own";
                let diagnostic = Diagnostic::new(Code::IdTaken, message).help(help);
                Diagnostic { severity: Severity::Warning, ..diagnostic }
            }
        };
        Some(diagnostic.at(diagnostics::Place::file(&name(path))))
    }

    /// The fact that a public article would lose without the state directory: `id` or `date`. `None` if its file alone gives both.
    pub fn lost_without_state(&self, path: &ArticlePath, card: &Card) -> Option<&'static str> {
        let article = self.get(path)?;
        let id = article.id()?;
        if card.published.is_none() {
            return Some("date");
        }
        let minted = self.item_id(card, None);
        let minted = minted
            .unwrap_or_else(|| self.mint_id(card, article.dates.map(|(published, _)| published), article.placement()));
        (card.id.is_none() && *id != minted && !article.has_path_suffix()).then_some("id")
    }

    /// Records that readers know an article under its current id, which becomes its preferred id with the strongest claim.
    pub fn confirm_id(&mut self, path: &ArticlePath) {
        let Some(slot) = self.slot_of(path) else { return };
        let Some(article) = self.articles.get_mut(slot) else { return };
        let Some(id) = article.id().cloned() else { return };
        article.claim = article.claim.map(|_| IdClaim::Recorded);
        article.version.iter_mut().for_each(|version| version.is_holder = true);
        if article.preferred_id != id {
            self.by_preferred_id.remove(&article.preferred_id, slot);
            (article.preferred_id, article.visibility) = (id.clone(), Visibility::Public(None));
            let articles = &self.articles;
            self.by_preferred_id.insert(&id, slot, |slot| articles.get(slot).map(|article| &article.preferred_id));
        }
    }

    /// Adds an unusable file that withholds the item with this id.
    pub fn withhold(&mut self, path: &ArticlePath, id: &EntryId) {
        self.remove(path);
        self.add_withholding(path, id);
        self.resolve_claims(id);
    }

    pub(super) fn add_withholding(&mut self, path: &ArticlePath, id: &EntryId) {
        self.withholding.insert(path.clone(), id.clone());
        self.withheld_by.entry(id.clone()).or_default().insert(path.clone());
    }

    /// Forgets that a file withholds an item.
    pub(super) fn stop_withholding(&mut self, path: &ArticlePath) {
        let Some(id) = self.withholding.remove(path) else { return };
        if let Some(paths) = self.withheld_by.get_mut(&id) {
            paths.remove(path);
            if paths.is_empty() {
                self.withheld_by.remove(&id);
            }
        }
        self.resolve_claims(&id);
    }

    /// The file that withholds this article's item. Only versions of a wire item withhold each other.
    pub(super) fn withholding_file(&self, article: &IndexedArticle) -> Option<&ArticlePath> {
        let is_item = article.version.is_some() || self.is_wire_version(&article.path, article.stated_id());
        let paths = self.withheld_by.get(&article.preferred_id).filter(|_| is_item)?;
        // The highest version decides, unless its file can't be used.
        let is_ranked = |path: &ArticlePath| self.version_id(path).is_some();
        let withholds = |path: &ArticlePath| {
            *path != article.path
                && path.source() == article.path.source()
                && may_have_versions(path)
                && (self.is_item_id(&article.preferred_id) || !self.is_minted(&article.preferred_id))
                && !(article.version.is_some() && is_ranked(path))
        };
        paths.iter().find(|path| withholds(path))
    }

    /// Whether a file is a version of a wire item: a `.txt` file whose id comes from the agency and not from `dateline pin`.
    pub(super) fn is_wire_version(&self, path: &ArticlePath, id: Option<&EntryId>) -> bool {
        path.extension().eq_ignore_ascii_case("txt") && id.is_some_and(|id| !self.is_minted(id))
    }

    /// Whether an id is under `tag_authority`, as those that dateline mints.
    pub(super) fn is_minted(&self, id: &EntryId) -> bool {
        let rest = id.as_str().strip_prefix("tag:");
        let rest = rest.and_then(|rest| rest.strip_prefix(self.rules.config().site.tag_authority.as_str()));
        rest.is_some_and(|rest| rest.starts_with(':'))
    }

    /// The id of the item with a key: a tag URI of authority and key.
    pub fn id_of_key(&self, key: &Text) -> EntryId {
        let authority = &self.rules.config().site.tag_authority;
        EntryId::minted(format!("{TAG}{authority}{ITEM}{}", encode_segment(key.as_str())))
    }

    /// The id of an agency's item, which has no explicit id: a tag URI of authority and key. An id that readers know from elsewhere stays, so
    /// `recorded` counts unless it's an item's id: agencies use file names again.
    pub fn item_id(&self, card: &Card, recorded: Option<&EntryId>) -> Option<EntryId> {
        let item = card.item.as_ref().filter(|_| card.id.is_none())?;
        match recorded.filter(|id| !self.is_item_id(id)) {
            Some(other) => Some(other.clone()),
            None => Some(self.id_of_key(&item.key)),
        }
    }

    /// Whether an id is that of an agency's item.
    fn is_item_id(&self, id: &EntryId) -> bool {
        id.as_str().starts_with(&format!("{TAG}{}{ITEM}", self.rules.config().site.tag_authority))
    }

    /// The minted id: a tag URI (RFC 4151) of authority, publication date, first section segment and slug.
    pub(super) fn mint_id(&self, card: &Card, published: Option<Moment>, placement: &Placement) -> EntryId {
        let date = published.map(Moment::date).unwrap_or_default();
        let section = placement.written.segments().next().map(|segment| format!("{}/", encode_segment(segment)));
        let slug = encode_segment(&nfc(card.slug.as_str()));
        let authority = &self.rules.config().site.tag_authority;
        EntryId::minted(format!("tag:{authority}:{date}/{}{slug}", section.unwrap_or_default()))
    }

    /// The articles that claim an id, strongest claim first.
    pub(super) fn claims(&self, id: &EntryId) -> Vec<SlotId> {
        let claim = |slot: SlotId| {
            let article = self.articles.get(slot).filter(|article| article.preferred_id == *id)?;
            let since = article.dates.map_or(i64::MIN, |(published, _)| published.second());
            Some((article.claim?, since, &article.path, slot))
        };
        let mut claims: Vec<_> = self.by_preferred_id.candidates(id).filter_map(claim).collect();
        claims.sort_unstable();
        // Minted ids never change hands. A stated id belongs to the first source in the configuration, whatever the dates.
        let states_id = |slot: &SlotId| self.articles.get(*slot).is_some_and(|article| article.states_id);
        if claims.iter().any(|(.., slot)| states_id(slot)) {
            claims.sort_by_key(|(_, _, path, _)| self.source_position(path));
        }
        claims.into_iter().map(|(.., slot)| slot).collect()
    }

    /// Assigns an id to its claimants, and moves articles whose id changed within their feeds.
    pub(super) fn resolve_claims(&mut self, preferred_id: &EntryId) {
        let claims = self.claims(preferred_id);
        let versions = self.versions_with_claim(preferred_id, &claims);
        let winner = versions.as_ref().and_then(|versions| self.articles.get(versions.winner));
        let mut holder: Option<ArticlePath> = winner.map(|winner| winner.path.clone());
        let mut moved: Vec<(SlotId, Visibility)> = Vec::new();
        for slot in claims {
            let Some(article) = self.articles.get(slot) else { continue };
            let is_version = article.version.is_some();
            let is_of_item = holder.as_ref().is_some_and(|holder| holder.source() == article.path.source());
            let current = versions.as_ref().filter(|_| is_version && is_of_item);
            let is_retracted = article.version.as_ref().is_some_and(|version| version.is_retracted);
            let visibility = match &holder {
                Some(winner) if current.is_some_and(|versions| versions.winner != slot) => {
                    Visibility::OlderVersion(Box::new(winner.clone()))
                }
                _ if let Some(lost) = current.and_then(|versions| versions.lost.as_ref()) => {
                    Visibility::OlderVersion(Box::new(lost.clone()))
                }
                _ if is_retracted || current.is_some_and(|versions| versions.is_retracted) => Visibility::Retracted,
                _ if article.version.is_none() && article.visibility == Visibility::Retracted => Visibility::Retracted,
                None if article.version.is_none() && self.is_killed_by_slug(preferred_id, article.path.source()) => {
                    Visibility::Retracted
                }
                _ if let Some(other) = self.withholding_file(article) => {
                    Visibility::Superseded(Box::new(other.clone()))
                }
                None => Visibility::Public(None),
                Some(_) if current.is_some() => Visibility::Public(None),
                Some(holder) if article.states_id => Visibility::IdTaken(Box::new(holder.clone())),
                Some(_) => {
                    let path: Vec<String> = article.path.to_string().split('/').map(encode_segment).collect();
                    Visibility::Public(Some(Box::new(EntryId::minted(format!("{preferred_id}/{}", path.join("/"))))))
                }
            };
            holder.get_or_insert_with(|| article.path.clone());
            if article.visibility != visibility {
                moved.push((slot, visibility));
            }
        }
        // All are removed before any is added, because two articles with the same date and id would have the same position.
        moved.iter().for_each(|(slot, _)| self.remove_from_feeds(*slot));
        let slots: Vec<SlotId> = moved.iter().map(|(slot, _)| *slot).collect();
        for (slot, visibility) in moved {
            let Some(article) = self.articles.get_mut(slot) else { continue };
            if let Some(count) = hidden_count(&mut self.hidden_counts, &article.visibility) {
                *count -= 1;
            }
            if let Some(count) = hidden_count(&mut self.hidden_counts, &visibility) {
                *count += 1;
            }
            article.visibility = visibility;
        }
        for slot in slots {
            self.add_to_feeds(slot);
            self.mark_changed(slot);
        }
        // The diagnostics of withholding files depend on which article has the id.
        let withholding: Vec<ArticlePath> = self.withheld_by.get(preferred_id).into_iter().flatten().cloned().collect();
        for slot in withholding.iter().filter_map(|path| self.slot_of(path)).collect::<Vec<_>>() {
            self.mark_changed(slot);
        }
    }
}

/// Whether a file may have a version of an item, by its name.
pub(super) fn may_have_versions(path: &ArticlePath) -> bool {
    ["txt", "json", "xml"].iter().any(|name| path.extension().eq_ignore_ascii_case(name)) || path.item().is_some()
}
