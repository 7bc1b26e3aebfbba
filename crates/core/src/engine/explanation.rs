//! Explains where an article belongs, and which feeds have it and why.

use std::sync::Arc;

use jiff::Timestamp;

use super::parts::held_stories::HeldStories;
use crate::article::card::Card;
use crate::build::assemble;
use crate::build::catalog::Catalog;
use crate::build::index::{Index, IndexedArticle, Visibility};
use crate::build::membership::Rule;
use crate::build::placement::{FeedKey, Placement, PlacementRule};
use crate::config::Undated;
use crate::event::{ExplainedVersion, Explanation, FeedDecision};
use crate::ledger::VersionRank;
use crate::types::{ArticlePath, folder, rfc3339};

/// Explains the last good version of an article, or the one that waits for an editor. `None` if there is neither.
pub(super) fn of(index: &Index, catalog: &Catalog, held: &HeldStories, path: &ArticlePath) -> Option<Explanation> {
    let Some((indexed, card)) = index.get(path).zip(catalog.get(path).map(|card| card.open(path))) else {
        return of_held(index, held, path);
    };
    let Placement { own, written, rule, .. } = indexed.placement();
    let frame = Arc::new(assemble::page_frame(index.rules(), indexed));
    let published = assemble::published_article(path, &card, indexed, None, index.rules().config(), &frame, None);
    let mut remarks = Vec::new();
    if published.as_ref().is_some_and(|article| article.is_teaser) {
        remarks.push(format!("It is published as a teaser: it is {}, and `content.paid` is \"teaser\".", card.access));
    }
    if matches!(rule, PlacementRule::Patterns(_) | PlacementRule::Subject(_)) {
        remarks.push(format!("Its section is chosen {rule}."));
    }
    remarks.extend(why_hidden(index, indexed, &card, path));
    remarks.extend(held.get(path).map(|_| why_held(held, path)));
    remarks.extend(describe_versions(index, path));
    Some(Explanation {
        section: own.clone(),
        old_section: (own != written).then(|| written.clone()),
        id: indexed.id().cloned(),
        link: published.map(|article| article.url),
        is_listing: indexed.visibility == Visibility::Listing,
        remarks,
        versions: versions(index, path),
        diagnostics: index.diagnostics(path, indexed),
        decisions: decisions(index, indexed, &card),
    })
}

/// Explains a version that waits for an editor.
fn of_held(index: &Index, held: &HeldStories, path: &ArticlePath) -> Option<Explanation> {
    let (card, rules) = (held.card(path)?, index.rules());
    let placement = rules.place_article(path, &card);
    let in_sections = rules.config().sections.iter().map(|section| {
        let decision = rules.decide(section, &card, &placement);
        let why = decision.rule.to_string();
        let reason = if decision.is_included { format!("it is not released; else in, since {why}") } else { why };
        FeedDecision { feed: section.path.to_string(), is_included: false, reason }
    });
    Some(Explanation {
        section: placement.own.clone(),
        old_section: (placement.own != placement.written).then(|| placement.written.clone()),
        id: None,
        link: None,
        is_listing: false,
        remarks: vec![why_held(held, path)],
        versions: Vec::new(),
        decisions: in_sections.collect(),
        diagnostics: placement.diagnostics,
    })
}

/// Why a version waits, and how to publish it.
fn why_held(held: &HeldStories, path: &ArticlePath) -> String {
    match held.is_listed(path) {
        true => format!(
            "Its last version waits for an editor, because its source holds stories back: `dateline release {path}` publishes it."
        ),
        false => {
            "It is not published: nobody has released it, and another file has a newer version of the story.".to_owned()
        }
    }
}

/// Why readers don't see an article.
fn why_hidden(index: &Index, indexed: &IndexedArticle, card: &Card, path: &ArticlePath) -> Option<String> {
    let withholding = index.rules().config().withheld_folders.page_above(path);
    Some(match &indexed.visibility {
        Visibility::Public(_) => return None,
        Visibility::Restricted if withholding.is_some() => {
            let page = withholding.map(ArticlePath::as_str).unwrap_or_default();
            format!("It is not published: {page} withholds the articles below it.")
        }
        Visibility::Draft => "It is not published: it is a draft, or its agency withholds it.".to_owned(),
        Visibility::Restricted if card.access.is_private() => format!("It is not published: it is {}.", card.access),
        Visibility::Restricted => {
            "It is not published: it is paid, and left out since `content.paid` is \"omit\".".to_owned()
        }
        Visibility::Undated if index.rules().config().content.undated == Some(Undated::Omit) => {
            "It is not published: it has no date, and `content.undated` is \"omit\".".to_owned()
        }
        Visibility::Undated => {
            "It is not published yet: it arrived with many other articles without a date, and `content.undated` doesn't say which date they get."
                .to_owned()
        }
        Visibility::Scheduled(instant) => format!("It is published at {}.", rfc3339(instant.timestamp())),
        Visibility::Expired(instant) => {
            format!("It is not published any more: it expired at {}.", rfc3339(instant.timestamp()))
        }
        Visibility::Listing => match index.rules().of_folder(folder::relative(path.folder())) {
            Some(section) => format!("It is not an article: it is the page of the section `{section}`."),
            None => "It is not an article: without a date, the page of a folder with other articles only lists them."
                .to_owned(),
        },
        Visibility::Retracted => "It is not published: it is retracted. `dateline history` tells more.".to_owned(),
        Visibility::IdTaken(holder) => format!("It is not published: {holder} has its id."),
        Visibility::OlderVersion(newer) => format!("It is not published: {newer} has a newer version of the item."),
        Visibility::Superseded(other) => {
            format!("It is not published: {other} has the same id and withholds it.")
        }
    })
}

/// The versions of the item, the current one first, each with what it does and why it is current or not.
fn versions(index: &Index, path: &ArticlePath) -> Vec<ExplainedVersion> {
    let Some(id) = index.version_id(path) else { return Vec::new() };
    let current = index.current_version(id).filter(|current| current.source() == path.source());
    let mut paths = index.versions(id, path.source());
    paths.sort_by_key(|path| Some(*path) != current);
    let retracting = index.retracting_versions(path);
    let second = |path: &ArticlePath| paths.get(1).filter(|_| current == Some(path)).copied();
    let explain = |path: &&ArticlePath| {
        let rank = index.version_rank(path)?;
        let visibility = index.get(path).map(|indexed| &indexed.visibility);
        let mut effects = Vec::new();
        effects.push(match visibility {
            Some(Visibility::Public(_)) => "public".to_owned(),
            Some(Visibility::OlderVersion(newer)) => {
                format!("not current: {} is {}", newer, why_higher(index, newer, path))
            }
            Some(Visibility::Draft) => "withholds the item".to_owned(),
            Some(Visibility::Scheduled(instant)) => {
                format!("withholds the item until {}", rfc3339(instant.timestamp()))
            }
            Some(Visibility::Retracted) if !retracting.contains(path) => "retracted".to_owned(),
            Some(Visibility::Retracted) => "retracts the item".to_owned(),
            _ => "not public".to_owned(),
        });
        effects.extend(second(path).map(|other| format!("current: it is {}", why_higher(index, path, other))));
        effects.extend(path.is_displaced().then(|| "its file has other contents by now".to_owned()));
        Some(ExplainedVersion {
            path: (*path).clone(),
            number: rank.number().map(|number| number.escape_debug().to_string()),
            made: rank.second().and_then(|second| Timestamp::from_second(second).ok()),
            modified: rank.modified().and_then(|modified| Timestamp::from_nanosecond(modified.into()).ok()),
            effect: effects.join("; "),
        })
    };
    paths.iter().filter_map(explain).collect()
}

/// Why a version is higher than another one of the item.
fn why_higher(index: &Index, higher: &ArticlePath, lower: &ArticlePath) -> &'static str {
    let ranks = index.version_rank(higher).zip(index.version_rank(lower));
    ranks.map_or("newer", |(higher, lower)| higher.reason_over(lower))
}

/// The versions of the item, the highest first, and what withdraws it.
fn describe_versions(index: &Index, path: &ArticlePath) -> Option<String> {
    let versions = index.versions(index.version_id(path)?, path.source());
    let withdrawing = index.retracting_versions(path).into_iter().chain(index.withdrawing_notices(path));
    let withdrawing: Vec<&str> = withdrawing.map(ArticlePath::as_str).collect();
    if versions.len() < 2 && withdrawing.iter().all(|other| *other == path.as_str()) {
        return None;
    }
    let named = |path: &ArticlePath| match index.version_rank(path).and_then(VersionRank::number) {
        Some(number) => format!("{path} (version {})", number.escape_debug()),
        None => path.to_string(),
    };
    let versions: Vec<String> = versions.into_iter().map(named).collect();
    let withdrawn = match withdrawing.is_empty() {
        true => String::new(),
        false => format!(" Withdrawn by {}.", withdrawing.join(", ")),
    };
    Some(format!("Versions of the item, the current one first: {}.{withdrawn}", versions.join(", ")))
}

/// The decisions of the root feed, of each section's feed, and of the feeds of tags and authors.
fn decisions(index: &Index, indexed: &IndexedArticle, card: &Card) -> Vec<FeedDecision> {
    let is_public = matches!(indexed.visibility, Visibility::Public(_));
    let mut decisions = Vec::new();
    let mut add = |is_included: bool, feed: String, reason: String| {
        decisions.push(FeedDecision { feed, is_included, reason });
    };
    let reason =
        |why: &str| if is_public { why.to_owned() } else { format!("it is not published; else in, since {why}") };
    let root = match card.is_listed() {
        true if is_public => "the root feed carries everything".to_owned(),
        true => "it is not published".to_owned(),
        false if card.in_feeds => Rule::Unlisted.to_string(),
        false => Rule::FeedsDisabled.to_string(),
    };
    add(is_public && card.is_listed(), "(root)".to_owned(), root);
    for section in &index.rules().config().sections {
        let decision = index.rules().decide(section, card, indexed.placement());
        let why = decision.rule.to_string();
        let why = if decision.is_included { reason(&why) } else { why };
        add(decision.is_included && is_public, section.path.to_string(), why);
    }
    for key in index.feeds_of(indexed) {
        match key {
            FeedKey::Tag(tag) => add(is_public, format!("tags/{tag}"), reason("it has the tag")),
            FeedKey::Author(author) => add(is_public, format!("authors/{author}"), reason("it has the author")),
            FeedKey::Section(_) => {}
        }
    }
    decisions
}
