//! Finds the articles that agencies' notices are about.
//!
//! # Which item does a notice name?
//!
//! The one with its key. Without a known key, the only one with its slugline that isn't newer than the notice. If there is none, or more than
//! one, a diagnostic tells operators, and the notice is applied as soon as it names exactly one item.

use std::collections::BTreeSet;

use super::catalog::Catalog;
use super::index::{Index, NoticeTarget};
use crate::article::card::{Card, Packed};
use crate::article::{AgencyNotice, NoticeAction, comparable_slug};
use crate::types::{ArticlePath, EntryId};

/// The ids of the items that a notice is about. An item with its key may arrive later.
pub fn find(catalog: &Catalog, index: &Index, path: &ArticlePath, notice: &AgencyNotice) -> Vec<NoticeTarget> {
    if notice.action == NoticeAction::Advise {
        return Vec::new();
    }
    let by_key = notice.keys.iter().flat_map(|key| index.ids_of_key(key));
    let mut targets: Vec<NoticeTarget> = by_key.map(|id| NoticeTarget { id, is_item: true }).collect();
    if notice.keys.iter().any(|key| index.has_item(path, key)) {
        return targets;
    }
    let named = with_slugs(catalog, index, path, notice);
    if let [id] = &*named.into_iter().collect::<Vec<_>>() {
        targets.push(NoticeTarget { id: id.clone(), is_item: false });
    }
    targets
}

/// The ids of agencies' articles of the same source that have a notice's slugline and aren't newer than the notice.
fn with_slugs(catalog: &Catalog, index: &Index, notice_path: &ArticlePath, notice: &AgencyNotice) -> BTreeSet<EntryId> {
    let slugs: Vec<String> = notice.slugs.iter().map(comparable_slug).filter(|slug| !slug.is_empty()).collect();
    if slugs.is_empty() {
        return BTreeSet::new();
    }
    let is_named = |path: &ArticlePath, packed: &Packed| {
        if path.source() != notice_path.source() {
            return false;
        }
        let card = packed.open(path);
        let made = card.item.as_ref().and_then(|item| item.time).or(card.published);
        let is_newer = made.zip(notice.time).is_some_and(|(made, notice)| made.second() > notice.second());
        card.routing.is_some() && !is_newer && slugs.iter().any(|slug| has_slug(&card, slug))
    };
    let named = catalog.iter().filter(|(path, packed)| is_named(path, packed));
    named.filter_map(|(path, _)| index.preferred_id(path).cloned()).collect()
}

/// Whether an article has a slugline or slug in its comparable form.
pub fn has_slug(card: &Card, slug: &str) -> bool {
    let slugline = card.routing.as_ref().and_then(|routing| routing.slugline.as_ref());
    slugline.into_iter().chain([&card.slug]).any(|known| comparable_slug(known) == slug)
}
