//! Archives (RFC 5005, section 4): decides which entries of a feed are in which archive, and says what an archive contains.
//!
//! # What is recorded?
//!
//! An entry gets a *sequence number* when it joins its first feed; on a first start by date, then by id, so that every machine makes the
//! same archives. An entry that joins a feed behind the numbers of the feed's archives, because it was refiled or restored, gets another
//! number. Of each feed, the ledger has the archives as lists of numbers, oldest first. Numbers are never reused, and nothing here depends
//! on dates.
//!
//! An entry of a feed that isn't in an archive is *open*. Open entries always have higher numbers than archived ones, so the archives form a
//! chain, and lookups are binary searches.
//!
//! # When is an archive closed?
//!
//! When the documents of the feed no longer have room for an open entry: with the snapshot in which the entry leaves the window. Archives
//! are filled with open entries in the order of their numbers, whether or not the window still shows them. Only the last one, the head, may
//! have room left. So at all times each entry of a feed is in the window or in the chain.
//!
//! # Why does a URL never name a different set?
//!
//! A reader stops at the first archive that it knows, so an archive must never gain entries. If the head gets more, it gets a new name: its
//! highest number and a hash of its ids. Under the old name, readers still find it as it was. Entries that leave a feed leave the lists for
//! good, because they would otherwise appear again in an archive that readers don't look at any more.
//!
//! # Who builds the documents?
//!
//! The server builds them when they are requested: the snapshot has names and versions, and [`Query::Archive`] returns the articles.
//!
//! # Why is this file so long?
//!
//! This file has every step that changes the lists, because their invariants hold only together.
//!
//! [`Query::Archive`]: crate::event::Query::Archive

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use super::entries;
use super::parts::archives::OpenEntries;
use super::parts::missing_files::MissingFiles;
use super::parts::publisher::relative;
use super::parts::withholding::Withholding;
use super::state::State;
use crate::build::assemble;
use crate::build::catalog::Catalog;
use crate::build::index::{FeedNumber, Index, IndexedArticle};
use crate::build::placement::FeedKey;
use crate::config::{Archives, Paid};
use crate::event::ArchiveContents;
use crate::feed::ArchiveLinks;
use crate::ledger::archive::{Archive, ArchiveName, Number};
use crate::ledger::{ArticleFacts, Record, Routes};
use crate::snapshot::{ArchiveAddress, FeedArchives, PublishedArchive, PublishedArticle};
use crate::types::{ArticlePath, EntryId};

/// The changes that a publication makes to the archives of feeds.
#[derive(Debug, Default)]
struct Plan<'a> {
    /// Entries that join all of their feeds.
    new: Vec<&'a ArticlePath>,
    /// Entries that join some of their feeds.
    joins: BTreeMap<&'a ArticlePath, Vec<FeedNumber>>,
    /// The archives that change, by feed and place, with the numbers of the entries that leave them.
    archives: BTreeMap<FeedNumber, BTreeMap<usize, Vec<Number>>>,
    /// The archives whose files may show what readers may no longer see, by the archives' places.
    outdated: BTreeSet<(FeedNumber, usize)>,
}

/// Applies the changes of a publication to open entries and archives. `left` has the feeds that articles left, `feeds` those whose windows
/// changed.
pub(super) fn update(
    state: &mut State,
    index: &Index,
    changed: &[ArticlePath],
    left: &BTreeMap<ArticlePath, Vec<FeedKey>>,
    feeds: &BTreeSet<FeedKey>,
) {
    let noted = std::mem::take(&mut state.archives.changed);
    let lost = state.recorder.ledger.take_lost_numbers();
    state.archives.version += 1;
    let new_feeds = feeds.iter().filter(|key| has_archives(index, key));
    let new_feeds = new_feeds.filter_map(|key| Some((index.number_of_feed(key)?, key)));
    let new_feeds: Vec<_> = new_feeds.filter(|(feed, _)| state.archives.get(*feed).is_none()).collect();
    let is_known = |key: &FeedKey| !state.recorder.ledger.archives(&assemble::route(key)).is_empty();
    let is_compared = std::mem::replace(&mut state.archives.is_compared, true);
    let plan = if is_compared && !new_feeds.iter().any(|(_, key)| is_known(key)) {
        new_feeds.iter().for_each(|(feed, key)| state.archives.add_feed(*feed, key));
        let of_new_feeds = new_feeds.iter().flat_map(|(_, key)| index.articles_of(key));
        let paths: BTreeSet<&ArticlePath> =
            noted.iter().chain(changed).chain(left.keys()).chain(of_new_feeds).collect();
        let mut plan = compare_changed(state, index, paths, left);
        remove_lost(state, &lost, &mut plan);
        plan
    } else {
        compare_all(state, index)
    };
    apply(state, index, plan);
}

/// Whether a feed exists and has archives.
fn has_archives(index: &Index, key: &FeedKey) -> bool {
    index.rules().has_archives(key) && index.has_feed(key)
}

/// Compares the feeds of changed articles with the archives.
fn compare_changed<'a>(
    state: &mut State,
    index: &Index,
    paths: BTreeSet<&'a ArticlePath>,
    left: &BTreeMap<ArticlePath, Vec<FeedKey>>,
) -> Plan<'a> {
    let mut plan = Plan::default();
    let (ledger, archives) = (&state.recorder.ledger, &mut state.archives);
    let has_number = |path: &ArticlePath| ledger.article(path).is_some_and(|facts| facts.number().is_some());
    let numbers_of = |keys: &Vec<FeedKey>| keys.iter().filter_map(|key| index.number_of_feed(key)).collect::<Vec<_>>();
    // The entry may have another path by now, because its file was moved or another version has it.
    let left_by_moved: BTreeSet<FeedNumber> =
        left.iter().filter(|(path, _)| !has_number(path)).flat_map(|(_, keys)| numbers_of(keys)).collect();
    for path in paths {
        let indexed = index.get(path);
        let public = indexed.filter(|indexed| indexed.id().is_some());
        let current = public.map_or(&[][..], |indexed| index.feed_numbers(indexed));
        let facts = ledger.article(path);
        let numbers: Vec<Number> = facts.into_iter().flat_map(ArticleFacts::numbers).collect();
        let is_held =
            indexed.is_none() && facts.is_some_and(|facts| is_held(&state.missing, &state.withholding, path, facts));
        let mut feeds: BTreeSet<FeedNumber> = current.iter().copied().collect();
        if !numbers.is_empty() {
            feeds.extend(left.get(path).map(numbers_of).unwrap_or_default());
            feeds.extend(&left_by_moved);
            // A story whose text couldn't be read left its feeds before.
            let earlier = facts.filter(|_| indexed.is_none()).and_then(earlier_feeds);
            let had = |open: &OpenEntries| earlier.is_some_and(|routes| routes.contains(&open.route));
            feeds.extend(archives.feeds().filter(|(_, open)| had(open)).map(|(feed, _)| feed));
        }
        for feed in feeds {
            let Some(open) = archives.get_mut(feed) else { continue };
            let is_current = current.contains(&feed);
            if open.find(&numbers, is_current || is_held) {
                continue;
            }
            match find_member(ledger.archives(&open.route), &numbers) {
                Some((place, number)) => {
                    let left = plan.archives.entry(feed).or_default().entry(place).or_default();
                    left.extend((!is_current && !is_held).then_some(number));
                    if (!is_current && !is_held) || is_reduced(&state.catalog, index, path) {
                        plan.outdated.insert((feed, place));
                    }
                }
                None if is_current => plan.joins.entry(path).or_default().push(feed),
                None => {}
            }
        }
    }
    plan
}

/// Removes the entries whose numbers no article has any more.
fn remove_lost(state: &mut State, lost: &[Number], plan: &mut Plan<'_>) {
    let (ledger, archives) = (&state.recorder.ledger, &mut state.archives);
    if lost.is_empty() {
        return;
    }
    for (feed, open) in archives.feeds_mut() {
        for number in lost.iter().map(std::slice::from_ref) {
            if !open.find(number, false)
                && let Some((place, number)) = find_member(ledger.archives(&open.route), number)
            {
                plan.archives.entry(feed).or_default().entry(place).or_default().push(number);
                plan.outdated.insert((feed, place));
            }
        }
    }
}

/// Whether readers may not see all of an article. They may have seen more of it before.
fn is_reduced(catalog: &Catalog, index: &Index, path: &ArticlePath) -> bool {
    let Some(card) = catalog.get(path).map(|card| card.open(path)) else { return false };
    let is_teaser = index.rules().config().content.paid != Paid::Full && card.access.is_paid();
    is_teaser || index.hidden_media(&card).is_some()
}

/// The feeds that had an article before it was withheld or retracted.
fn earlier_feeds(facts: &ArticleFacts) -> Option<&Routes> {
    facts.retraction().map(|retraction| &retraction.feeds).or(facts.withdrawn())
}

/// Whether an article without a file stays public until an operator decides, even if its text can't be read. Articles that readers never
/// saw don't.
fn is_held(missing: &MissingFiles, withholding: &Withholding, path: &ArticlePath, facts: &ArticleFacts) -> bool {
    let is_held_back = || facts.is_known() && missing.held_back.contains(path);
    (facts.is_live() || is_held_back()) && !withholding.postponed.contains(path)
}

/// Whether an archive has an article.
pub(super) fn has(state: &State, index: &Index, path: &ArticlePath) -> bool {
    let ledger = &state.recorder.ledger;
    let Some(indexed) = index.get(path).filter(|indexed| indexed.id().is_some()) else { return false };
    let numbers: Vec<Number> = ledger.article(path).into_iter().flat_map(ArticleFacts::numbers).collect();
    let archives = index.feed_numbers(indexed).iter().filter_map(|feed| state.archives.get(*feed));
    archives.into_iter().any(|open| find_member(ledger.archives(&open.route), &numbers).is_some())
}

/// The place of the archive that has an entry, and the number under which it has it.
fn find_member(archives: &[Arc<Archive>], numbers: &[Number]) -> Option<(usize, Number)> {
    numbers.iter().find_map(|number| {
        let place = archives.partition_point(|archive| archive.last() < *number);
        archives.get(place)?.contains(*number).then_some((place, *number))
    })
}

/// The entries of a feed that have numbers.
#[derive(Debug, Default)]
struct Members<'a> {
    /// The numbers of those that have one.
    numbers: Vec<Number>,
    /// Those that have several, because they joined a feed late.
    late: Vec<&'a ArticlePath>,
}

/// Compares all feeds with the archives, at the start and after the index was built again.
fn compare_all<'a>(state: &mut State, index: &'a Index) -> Plan<'a> {
    let mut plan = Plan::default();
    state.archives.clear();
    state.publisher.snapshot.archives.clear();
    for key in index.feeds().filter(|key| index.rules().has_archives(key)) {
        index.number_of_feed(key).into_iter().for_each(|feed| state.archives.add_feed(feed, key));
    }
    let ledger = &state.recorder.ledger;
    let mut members: HashMap<FeedNumber, Members<'a>> =
        state.archives.feeds().map(|(feed, _)| (feed, Members::default())).collect();
    for (path, indexed) in index.articles().filter(|(_, indexed)| indexed.id().is_some()) {
        let mut numbers = ledger.article(path).into_iter().flat_map(ArticleFacts::numbers);
        let Some(number) = numbers.next() else {
            plan.new.push(path);
            continue;
        };
        let is_late = numbers.next().is_some();
        for feed in index.feed_numbers(indexed) {
            match members.get_mut(feed) {
                Some(members) if is_late => members.late.push(path),
                Some(members) => members.numbers.push(number),
                None => {}
            }
        }
    }
    let mut all_open: Vec<(FeedNumber, Vec<Number>)> = Vec::new();
    for (feed, open) in state.archives.feeds() {
        let Members { mut numbers, late } = members.remove(&feed).unwrap_or_default();
        let archives = ledger.archives(&open.route);
        numbers.sort_unstable();
        let (open, behind, left) = compare(archives, &numbers, &late, state, index);
        all_open.push((feed, open));
        let path = |number: Number| Some(index.get(ledger.article_with_number(number)?.0)?.path());
        for path in behind.numbers.into_iter().filter_map(path).chain(behind.late) {
            plan.joins.entry(path).or_default().push(feed);
        }
        plan.archives.insert(feed, left);
        // Articles and rules may have changed while the archives' versions weren't known.
        let archives = state.archives.get(feed).map_or(0, |open| ledger.archives(&open.route).len());
        plan.outdated.extend((0..archives).map(|place| (feed, place)));
    }
    for (feed, numbers) in all_open {
        state.archives.get_mut(feed).into_iter().for_each(|open| open.numbers.clone_from(&numbers));
    }
    plan
}

/// Compares the entries of a feed with its archives. Returns the open ones, those that need other numbers, and the members that left.
fn compare<'a>(
    archives: &[Arc<Archive>],
    numbers: &[Number],
    late: &[&'a ArticlePath],
    state: &State,
    index: &Index,
) -> (Vec<Number>, Members<'a>, BTreeMap<usize, Vec<Number>>) {
    let ledger = &state.recorder.ledger;
    let last = archives.last().map_or(0, |archive| archive.last());
    let (mut open, mut behind, mut late_members) = (Vec::new(), Members::default(), HashSet::new());
    for path in late {
        let numbers: Vec<Number> = ledger.article(path).into_iter().flat_map(ArticleFacts::numbers).collect();
        match (find_member(archives, &numbers), numbers.first()) {
            (Some((_, number)), _) => drop(late_members.insert(number)),
            (None, Some(latest)) if *latest > last => open.push(*latest),
            (None, _) => behind.late.push(path),
        }
    }
    let mut archived = archives.iter().flat_map(|archive| archive.members()).peekable();
    for number in numbers {
        while archived.next_if(|archived| archived < number).is_some() {}
        if archived.next_if_eq(number).is_none() {
            if *number > last { open.push(*number) } else { behind.numbers.push(*number) }
        }
    }
    open.sort_unstable();
    let has_left = |number: &Number| {
        let is_held = || {
            let article = ledger.article_with_number(*number);
            article.is_some_and(|(path, facts)| {
                index.get(path).is_none() && is_held(&state.missing, &state.withholding, path, facts)
            })
        };
        numbers.binary_search(number).is_err() && !late_members.contains(number) && !is_held()
    };
    let left = archives.iter().map(|archive| archive.members().filter(has_left).collect::<Vec<_>>()).enumerate();
    (open, behind, left.filter(|(_, left)| !left.is_empty()).collect())
}

/// Records what a plan changes, and shows readers the changed archives.
fn apply(state: &mut State, index: &Index, plan: Plan<'_>) {
    for (feed, changed) in plan.archives {
        let Some(open) = state.archives.get(feed) else { continue };
        let (key, route) = (open.key.clone(), Arc::clone(&open.route));
        let options = index.rules().feed_options(&key);
        let is_written = options.archives == Some(Archives::Files);
        let outdated = plan.outdated.range((feed, 0)..=(feed, usize::MAX)).filter(|_| is_written);
        for archive in outdated.filter_map(|(_, place)| state.recorder.ledger.archives(&route).get(*place)) {
            let name = archive.name().to_string();
            let names = options.formats.iter().map(|format| format.archive_name(&name));
            state.publisher.outdated_archives.extend(names.map(|name| relative(&format!("{route}{name}"))));
        }
        for (place, left) in changed.iter().filter(|(_, left)| !left.is_empty()) {
            let Some(archive) = state.recorder.ledger.archives(&route).get(*place) else { continue };
            let archive = Arc::new(archive.without(left));
            state.record_silently(Record::Archive { route: Arc::clone(&route), place: *place, archive });
        }
        show(state, index, &key, &route, &changed.into_keys().collect());
    }
    join(state, index, &plan.new, &plan.joins);
}

/// Adds entries to the open ones of their feeds, in the order of their dates, then ids. Gives them sequence numbers.
fn join(state: &mut State, index: &Index, new: &[&ArticlePath], joins: &BTreeMap<&ArticlePath, Vec<FeedNumber>>) {
    let archives = &mut state.archives;
    let ledger = &state.recorder.ledger;
    let mut entries: Vec<(i64, &EntryId, &[FeedNumber], Option<Number>)> = Vec::new();
    for (path, feeds) in
        new.iter().map(|path| (path, None)).chain(joins.iter().map(|(path, feeds)| (path, Some(feeds))))
    {
        let Some(indexed) = index.get(path) else { continue };
        let Some((id, (published, _))) = indexed.id().zip(indexed.dates) else { continue };
        let feeds = feeds.map_or_else(|| index.feed_numbers(indexed), Vec::as_slice);
        if feeds.iter().any(|feed| archives.get(*feed).is_some()) {
            let number = ledger.article(path).and_then(ArticleFacts::number);
            entries.push((published.second(), id, feeds, number));
        }
    }
    entries.sort_unstable_by(|one, other| (one.0, one.1).cmp(&(other.0, other.1)));
    let first = ledger.next_number();
    let (mut next, mut ids, mut joined) = (first, Vec::new(), BTreeSet::new());
    for (_, id, feeds, known) in entries {
        let is_behind = |number: Number| {
            let last = |feed: &FeedNumber| Some(ledger.archives(&archives.get(*feed)?.route).last()?.last());
            feeds.iter().filter_map(last).any(|last| last >= number)
        };
        let known = known.filter(|number| !is_behind(*number));
        let number = known.unwrap_or(next);
        if known.is_none() {
            ids.push(id.clone());
            next = next.saturating_add(1);
        }
        for feed in feeds {
            if let Some(open) = archives.get_mut(*feed) {
                open.add(number);
                joined.insert(*feed);
            }
        }
    }
    let joined = joined.into_iter().filter_map(|feed| Some(archives.get(feed)?.key.clone()));
    state.publisher.feeds_to_rebuild.extend(joined);
    if !ids.is_empty() {
        state.record_silently(Record::Sequenced { first, ids });
    }
}

/// Updates the archives at these places in the snapshot, and adds new ones.
fn show(state: &mut State, index: &Index, key: &FeedKey, route: &Arc<str>, places: &BTreeSet<usize>) {
    let known = state.recorder.ledger.archives(route);
    if known.is_empty() {
        return;
    }
    let version = state.archives.version;
    let shown = &mut state.publisher.snapshot.archives;
    let mut archives = shown.get(route).map(|shown| shown.archives.clone()).unwrap_or_default();
    let published = |place: usize| Some(PublishedArchive { archive: Arc::clone(known.get(place)?), version });
    for place in places.iter().copied().filter(|place| *place < archives.len()).collect::<Vec<_>>() {
        published(place).into_iter().for_each(|published| drop(archives.set(place, published)));
    }
    archives.extend((archives.len()..known.len()).filter_map(published));
    let options = index.rules().feed_options(key);
    let (formats, is_written) = (options.formats.clone(), options.archives == Some(Archives::Files));
    shown.insert(Arc::clone(route), Arc::new(FeedArchives { formats, is_written, archives }));
}

/// Closes archives until each open entry of a feed is among those that its documents show. Returns the links of the subscription document.
pub(super) fn close(state: &mut State, index: &Index, key: &FeedKey, shown: &[ArticlePath]) -> ArchiveLinks {
    let feed = index.number_of_feed(key);
    let Some((feed, open)) = feed.and_then(|feed| Some((feed, state.archives.get(feed)?))) else {
        return ArchiveLinks::default();
    };
    let route = Arc::clone(&open.route);
    let mut hidden = hidden_entries(state, open, shown);
    if hidden > 0 {
        let size = index.rules().feed_options(key).window.max_items;
        let open = state.archives.get_mut(feed).map(|open| std::mem::take(&mut open.numbers)).unwrap_or_default();
        let mut rest = open.as_slice();
        let mut changed = BTreeSet::new();
        while hidden > 0 {
            let ledger = &state.recorder.ledger;
            let archives = ledger.archives(&route);
            let head = archives.last().filter(|head| head.members().count() < size);
            let members: Vec<Number> = head.iter().flat_map(|head| head.members()).collect();
            let (more, others) = rest.split_at(rest.len().min(size.saturating_sub(members.len()).max(1)));
            let Some(last) = more.last() else { break };
            let ids =
                members.iter().chain(more).filter_map(|number| ledger.article_with_number(*number)?.1.id.as_ref());
            let name = ArchiveName::new(*last, ids);
            let (place, archive) = match head {
                Some(head) => (archives.len().saturating_sub(1), head.extended(more, name)),
                None => (archives.len(), Archive::new(more, name)),
            };
            // The archive before has a link to this one.
            changed.extend([place, place.saturating_sub(1)]);
            state.record_silently(Record::Archive { route: Arc::clone(&route), place, archive: Arc::new(archive) });
            hidden = hidden.saturating_sub(more.len());
            rest = others;
        }
        state.archives.get_mut(feed).into_iter().for_each(|open| open.numbers = rest.to_vec());
        show(state, index, key, &route, &changed);
    }
    let head = state.recorder.ledger.archives(&route).last();
    ArchiveLinks { previous: head.map(|head| head.name().to_string()), ..ArchiveLinks::default() }
}

/// Whether a feed has open entries that its documents don't show.
pub(super) fn is_behind(state: &State, index: &Index, key: &FeedKey, shown: &[ArticlePath]) -> bool {
    let open = index.number_of_feed(key).and_then(|feed| state.archives.get(feed));
    open.is_some_and(|open| hidden_entries(state, open, shown) > 0)
}

/// How many open entries have to be archived: those up to the last one that isn't shown.
fn hidden_entries(state: &State, open: &OpenEntries, shown: &[ArticlePath]) -> usize {
    let ledger = &state.recorder.ledger;
    let shown: HashSet<Number> =
        shown.iter().filter_map(|path| ledger.article(path)).flat_map(ArticleFacts::numbers).collect();
    open.numbers.iter().rposition(|number| !shown.contains(number)).map_or(0, |last| last + 1)
}

/// Removes a feed that no longer exists.
pub(super) fn retire(state: &mut State, index: &Index, key: &FeedKey) {
    if let Some(route) = index.number_of_feed(key).and_then(|feed| state.archives.remove_feed(feed)) {
        state.publisher.snapshot.archives.remove(&route);
    }
}

/// Returns the contents of an archive. `None` if its version isn't the current one, or the engine is about to publish.
pub(super) fn contents(state: &State, address: &ArchiveAddress) -> Option<ArchiveContents> {
    let is_publishing = state.publisher.publication.is_some() || !state.listed || state.missing.is_loading_stored();
    let index = state.index.as_ref().filter(|_| !is_publishing)?;
    let shown = state.publisher.snapshot.archives.get(&address.feed)?;
    let published = shown.find(address.name).filter(|published| published.version == address.version)?;
    let (_, OpenEntries { key, .. }) = state.archives.feeds().find(|(_, open)| open.route == address.feed)?;
    let ledger = &state.recorder.ledger;
    let archives = ledger.archives(&address.feed);
    let place = archives.partition_point(|archive| archive.last() < address.name.last);
    let name_at = |place: Option<usize>| Some(archives.get(place?)?.name().to_string());
    // An earlier name of the head leads to the head.
    let next = match published.archive.name() == address.name {
        true => name_at(place.checked_add(1)),
        false => name_at(Some(place)),
    };
    let links = ArchiveLinks { own: Some(address.name.to_string()), previous: name_at(place.checked_sub(1)), next };
    let article = |number: Number| article(state, index, key, ledger.article_with_number(number)?.0);
    let members = published.archive.members().take_while(|number| *number <= address.name.last);
    let mut articles: Vec<_> = members.filter_map(article).collect();
    articles.sort_by(|one, other| {
        other.published.second().cmp(&one.published.second()).then_with(|| one.id.cmp(&other.id))
    });
    let title = state.publisher.feed_titles.get(key);
    let feed = assemble::archive(key, index.rules(), title, &articles, links);
    Some(ArchiveContents { feed, articles, max_bytes: index.rules().feed_options(key).window.max_bytes })
}

/// Entries of a feed. `None` if readers don't see the state of the engine, or not yet.
pub(super) fn entries(state: &State, feed: &str, ids: &[EntryId], seen: (u64, u64)) -> Option<ArchiveContents> {
    let current = (state.recorder.ledger.journal().last, state.publisher.snapshot.entries_version);
    let is_publishing = state.publisher.publication.is_some() || current != seen;
    let index = state.index.as_ref().filter(|_| !is_publishing)?;
    let key = index.feeds().find(|key| assemble::route(key) == feed)?;
    let articles =
        ids.iter().filter_map(|id| article(state, index, key, index.public_article(id)?)).collect::<Vec<_>>();
    let title = state.publisher.feed_titles.get(key);
    let feed = assemble::archive(key, index.rules(), title, &articles, ArchiveLinks::default());
    Some(ArchiveContents { feed, articles, max_bytes: index.rules().feed_options(key).window.max_bytes })
}

/// Returns an article as readers see it, if a feed has it.
fn article(state: &State, index: &Index, key: &FeedKey, path: &ArticlePath) -> Option<Arc<PublishedArticle>> {
    let is_in_feed = |indexed: &&IndexedArticle| index.feeds_of(indexed).any(|other| other == key);
    let indexed = index.get(path).filter(|indexed| indexed.id().is_some()).filter(is_in_feed)?;
    let card = state.catalog.get(path)?.open(path);
    let frame = state.publisher.pages.frames.get(&indexed.placement().home).cloned();
    let frame = frame.unwrap_or_else(|| Arc::new(assemble::page_frame(index.rules(), indexed)));
    entries::article_in_frame(&state.recorder, &state.catalog, index, path, &card, &frame).map(Arc::new)
}
