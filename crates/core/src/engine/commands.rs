//! Handles operators' commands: retract, restore, release, accept removals, reload.

use super::state::State;
use super::{agency_notices, configuration, indexing, moves, releases, removals, retraction_notices};
use crate::article::card::Packed;
use crate::diagnostics::nearest;
use crate::event::{Command, Effect};
use crate::ledger::{Record, Retraction, Routes, Withdrawal};
use crate::types::{ArticlePath, EntryId, Text, rfc3339};

/// Executes an operator's command. Returns what was done, or why nothing was.
pub(super) fn execute(state: &mut State, command: Command, effects: &mut Vec<Effect>) -> Result<String, String> {
    match command {
        Command::Retract { article, reason } => retract(state, &article, reason),
        Command::Restore { article } => restore(state, &article),
        Command::Release { articles } => release(state, &articles),
        Command::AcceptRemovals => match removals::accept(state) {
            (0, _) => Err("no mass removal is pending, so there is nothing to accept".to_owned()),
            (count, ignored) => {
                removals::resolve(state);
                Ok(describe_removals(count - ignored, ignored))
            }
        },
        Command::Reload { checked, force } => configuration::apply(state, checked, force, effects),
    }
}

/// The path that a person wrote, or the key of a path.
pub(super) fn written_path(state: &State, article: &str) -> ArticlePath {
    let key = ArticlePath::new(article);
    match state.config() {
        // A file of the content directory whose name begins like the paths of another source.
        _ if state.catalog.contains(&key) || state.recorder.ledger.article(&key).is_some() => key,
        Some(config) => config.sources.article_path(article),
        None => key,
    }
}

/// The article with this path or id.
fn find_article(state: &State, article: &str) -> Result<ArticlePath, String> {
    let path = written_path(state, article);
    if state.catalog.contains(&path) || state.recorder.ledger.article(&path).is_some() {
        // Any file of an item names its article.
        let current = state.index.as_ref().and_then(|index| index.newer_version(&path));
        return Ok(current.cloned().unwrap_or(path));
    }
    let with_id = |id: EntryId| {
        let public = state.index.as_ref().and_then(|index| index.public_article(&id));
        public.or_else(|| state.recorder.ledger.holder(&id)).cloned()
    };
    ids(state, article).into_iter().find_map(with_id).ok_or_else(|| {
        format!(
            "no article `{path}` is known: give its path below the content directory, `name:path` in another source, or its id; \
             `dateline explain {path}` says what is in a file"
        )
    })
}

/// The ids that a person may have meant: that of an article, or of an agency's item.
fn ids(state: &State, written: &str) -> Vec<EntryId> {
    let item = state.index.iter().flat_map(|index| index.ids_of_key(&Text::new(written)));
    EntryId::parse(written).ok().into_iter().chain(item).collect()
}

/// Releases stories that wait for an editor. If some can't be released, the others are, and the error says both.
fn release(state: &mut State, articles: &[String]) -> Result<String, String> {
    let (mut released, mut refused) = (Vec::new(), Vec::new());
    for article in articles {
        let path = find_held(state, article).map_or_else(|| find_article(state, article), Ok);
        match path.map_err(|why| why + &suggestion(state, article)).and_then(|path| releases::release(state, &path)) {
            Ok(done) => released.push(done),
            Err(why) => refused.push(why),
        }
    }
    match refused.is_empty() {
        true => Ok(released.join("; ")),
        false => Err([refused, released].concat().join("; ")),
    }
}

/// The story that waits at this path, or the version of the item with this id that waits.
fn find_held(state: &State, article: &str) -> Option<ArticlePath> {
    let path = written_path(state, article);
    if state.held.get(&path).is_some() {
        return Some(path);
    }
    let newest = |id: EntryId| state.held.of_item(&id).rfind(|path| state.held.is_listed(path)).cloned();
    ids(state, article).into_iter().find_map(newest)
}

/// The path that was probably meant.
fn suggestion(state: &State, article: &str) -> String {
    let nearest_of = |paths: Vec<String>| nearest(article, paths.iter().map(String::as_str)).map(str::to_owned);
    let meant = nearest_of(state.held.listed().iter().map(ToString::to_string).collect());
    let meant = meant.or_else(|| nearest_of(state.catalog.paths().map(ToString::to_string).collect()));
    meant.map(|meant| format!("; did you mean `{meant}`?")).unwrap_or_default()
}

/// Retracts an article. Feeds that had it list the retraction.
fn retract(state: &mut State, article: &str, reason: Option<Text>) -> Result<String, String> {
    let path = find_article(state, article)?;
    let known = state.recorder.ledger.article(&path).and_then(|article| article.retraction().cloned());
    // A command without a reason keeps the known one.
    let reason = reason.or_else(|| known.as_ref()?.reason.clone());
    let is_repeated = |known: &&Retraction| known.by == Withdrawal::Command && known.reason == reason;
    if let Some(known) = known.as_ref().filter(is_repeated).filter(|_| !state.recorder.ledger.is_unreadable(&path)) {
        return Err(format!("`{path}` was already retracted at {}", rfc3339(known.at)));
    }
    // A file that has just moved may still be public under its old path, too.
    let others = same_article_paths(state, &path);
    state.withholding.is_urgent = true;
    let feeds = others.iter().chain([&path]).map(|path| retract_file(state, path, reason.clone())).max().unwrap_or(0);
    let others: String = others.iter().map(|other| format!(" and `{other}`, which is the same article,")).collect();
    let notice = match feeds {
        0 => "no feed had it".to_owned(),
        1 => "1 feed tells its readers".to_owned(),
        count => format!("{count} feeds tell their readers"),
    };
    Ok(format!("`{path}`{others} is retracted; {notice}. `dateline restore {path}` brings it back"))
}

/// The other paths under which readers may see the same article.
fn same_article_paths(state: &State, path: &ArticlePath) -> Vec<ArticlePath> {
    let id_holder = state.index.as_ref().and_then(|index| index.id_holder(path)).cloned();
    let undecided = state.catalog.get(path).filter(|_| state.missing.may_be_moved(path));
    let old =
        undecided.map(|card| moves::possible_old_paths(&state.recorder.ledger, path, card.hash())).unwrap_or_default();
    id_holder.into_iter().chain(old).collect()
}

/// Retracts the article of one file. Returns the number of feeds that list the retraction.
fn retract_file(state: &mut State, path: &ArticlePath, reason: Option<Text>) -> usize {
    let facts = state.recorder.ledger.article(path);
    let known = facts.and_then(|article| article.retraction().cloned());
    let was_published = facts.is_some_and(|article| article.id.is_some());
    let known_notice = known.as_ref().and_then(|known| known.notice.clone());
    let index = state.index.as_ref().filter(|_| was_published);
    let notice = known_notice.or_else(|| retraction_notices::facts(state, index?, path));
    let withdrawn = facts.and_then(|article| article.withdrawn().cloned());
    // A retraction from an unreadable record lacks the feeds that had the article.
    let complete = known.as_ref().filter(|known| !known.feeds.is_empty() || !state.recorder.ledger.is_unreadable(path));
    let feeds = match (complete, withdrawn, state.index.as_ref().and_then(|index| index.get(path))) {
        (Some(known), ..) => known.feeds.clone(),
        (None, Some(feeds), _) => feeds,
        (None, None, Some(indexed)) if was_published => state.routes_of(indexed),
        // Readers never saw the article, or its file hasn't been read yet. In the second case, `recording` adds the
        // feeds later.
        (None, None, _) => Routes::default(),
    };
    // Feeds already list the date of the first retraction.
    let at = known.map_or(state.now_in_seconds(), |known| known.at);
    let feed_count = feeds.len();
    let retraction = Retraction { at, reason, by: Withdrawal::Command, feeds, notice };
    state.record(Record::Retracted { path: path.clone(), retraction });
    state.missing.note_retracted(path);
    // A retracted story doesn't wait any more.
    if let Some(story) = state.held.remove(path) {
        releases::publish(state, path, story);
    }
    note_ledger_change(state, path);
    feed_count
}

/// Takes back a retraction. The article is published again under its id.
fn restore(state: &mut State, article: &str) -> Result<String, String> {
    let mut path = find_article(state, article)?;
    // If the file took its id from another one, the article may have been retracted under the path of that one.
    if state.recorder.ledger.article(&path).is_none_or(|article| article.retraction().is_none())
        && let Some(holder) =
            state.index.as_ref().and_then(|index| state.recorder.ledger.holder(index.preferred_id(&path)?))
    {
        path = holder.clone();
    }
    let had_kept_kill = agency_notices::lift(state, &path);
    if let Some(notice) = state.index.as_ref().and_then(|index| index.withdrawing_notices(&path).next()) {
        return Err(format!(
            "the notice in `{notice}` withdraws `{path}`: remove the notice's file, then restore the article"
        ));
    }
    let lifted = lift_versions(state, &path);
    let Some(retraction) = state.recorder.ledger.article(&path).and_then(|article| article.retraction().cloned())
    else {
        if lifted > 0 || had_kept_kill {
            note_ledger_change(state, &path);
            let by = if lifted > 0 { "an older version retracted" } else { "its agency killed before it came" };
            return Ok(format!("`{path}`, which {by}, is public"));
        }
        return Err(format!("`{path}` is not retracted"));
    };
    // The article may be in another file by now, which states its id.
    let id = state.recorder.ledger.article(&path).and_then(|article| article.id.clone());
    let claimants = id.as_ref().zip(state.index.as_ref()).map(|(id, index)| index.claimants(id).cloned().collect());
    let claimants: Vec<ArticlePath> = claimants.unwrap_or_default();
    let mut files = std::iter::once(&path).chain(&claimants);
    let Some(card) = files.find_map(|path| state.catalog.get(path).map(|card| card.open(path))) else {
        let remedy = match retraction.by {
            Withdrawal::Command => "put it back and restore it again",
            _ => "put it back, and it is published again under its id",
        };
        return Err(format!("the file of `{path}` is gone: {remedy}"));
    };
    if card.retracted.is_some() {
        return Err(format!("the file of `{path}` itself says that it is retracted: remove its `status`"));
    }
    state.record(Record::Restored { path: path.clone() });
    state.missing.note_restored(&path);
    claimants.iter().chain([&path]).for_each(|path| note_ledger_change(state, path));
    if state.held.is_listed(&path) && !state.is_public(&path) {
        return Ok(format!("`{path}` is not retracted any more, and waits for an editor: `dateline release {path}`"));
    }
    Ok(format!("`{path}`, retracted at {}, is public again under its id", rfc3339(retraction.at)))
}

/// Notes that older versions don't retract an item any more, if a newer version can be public. Returns how many they are.
fn lift_versions(state: &mut State, path: &ArticlePath) -> usize {
    let states_retraction = |path: &ArticlePath| state.catalog.get(path).and_then(|card| card.open(path).retracted);
    let Some(index) = state.index.as_ref().filter(|_| states_retraction(path).is_none()) else { return 0 };
    let older: Vec<ArticlePath> = index.retracting_versions(path).into_iter().cloned().collect();
    for path in &older {
        if let Some(hash) = state.catalog.get(path).map(Packed::hash) {
            state.record(Record::Hidden { path: path.clone(), hash });
            indexing::reindex(state, path);
        }
    }
    older.len()
}

/// Indexes an article again after an operator's command changed its facts in the ledger.
fn note_ledger_change(state: &mut State, path: &ArticlePath) {
    indexing::reindex(state, path);
    state.recorder.changed_articles.insert(path.clone());
}

/// Describes the effect of `accept-removals`.
fn describe_removals(deleted: usize, ignored: usize) -> String {
    let describe = |count: usize, outcome: &str| match count {
        0 => None,
        1 => Some(format!("1 article is {outcome}")),
        _ => Some(format!("{count} articles are {outcome}")),
    };
    let deleted = describe(deleted, "deleted, and readers are told so");
    let ignored = describe(ignored, "gone without a notice, because their files are no longer articles");
    deleted.into_iter().chain(ignored).collect::<Vec<_>>().join("; ")
}
